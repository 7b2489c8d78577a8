package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// A filling is days that have room until they were asked about so often, and none from then on, as when others claim it.
type filling struct{ left int }

func (f *filling) WarehouseLeft(int32, units.Date) int32 {
	f.left--
	return int32(max(0, min(f.left, 1)))
}

func (f *filling) ServiceLeft(int32, int32, units.Date) int32 { return f.WarehouseLeft(0, 0) }

// TestDaysThatFillUpMeanwhile decides orders while the days fill up, after every number of questions. Whatever is answered is
// a whole plan or a refusal.
func TestDaysThatFillUpMeanwhile(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 6, Services: 3, SKUs: 20, Stocked: 35, Lines: 4, Places: 20,
		Capacity: true, Policy: network.PolicySource{MaxShipments: 3}})
	defer w.Close()
	sc := w.Engine.NewScratch()
	rng := rand.New(rand.NewPCG(seed, 1))
	var d engine.Decision
	for n := range 60 {
		order, now := w.Order(rng, n*7_919)
		for left := range 80 {
			w.Stock.Capacity = &filling{left}
			if err := w.Engine.Decide(w.Stock, &order, now, sc, &d); err != nil {
				t.Fatal(err)
			}
			if d.Outcome != engine.Planned {
				continue
			}
			want, got := int32(0), int32(0)
			for _, l := range order.Lines {
				want += int32(l.Quantity)
			}
			sum := d.SplitCost
			for i := range d.Shipments {
				sum += d.Shipments[i].Cost()
				for _, it := range d.Shipments[i].Items {
					got += it.Quantity
				}
			}
			if got != want || sum != d.Cost {
				t.Fatalf("order %d, %d questions: %d of %d units, %v of %v", n, left, got, want, sum, d.Cost)
			}
		}
	}
}
