package engine_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// TestDecisionsDependOnNoHistory decides orders with a scratch that has seen days of other orders and with a new one, in a
// world whose warehouses keep more different hours than a scratch remembers. The whole decision must be the same, with the
// counts of its certificate: what is recorded is made again later, by another scratch.
func TestDecisionsDependOnNoHistory(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	world := enginetest.New(enginetest.Config{
		Seed: seed, Warehouses: 100, Services: 12, SKUs: 60, Stocked: 90, Lines: 3,
		Policy: network.PolicySource{MaxShipments: 3, SplitCost: units.Cent},
	})
	defer world.Close()
	src := *world.Source
	src.Warehouses = append([]network.WarehouseRow(nil), src.Warehouses...)
	for i := range src.Warehouses {
		cutoff := units.Clock(6*3600 + i*500) // minutes apart
		src.Warehouses[i].Cutoff, src.Warehouses[i].Processing = &cutoff, int32(60*(i%40))
		src.Warehouses[i].Workdays = units.Weekdays(1<<(i%7) | 1<<(i%5) | 1<<(i%3))
	}
	e := engineOf(t, &src)
	rng := rand.New(rand.NewPCG(seed, 1))
	worn := e.NewScratch()
	planned, split := 0, 0
	orders := 3_000
	if testing.Short() {
		orders = 500
	}
	for i := range orders {
		o, now := world.Order(rng, i)
		now += units.Instant(rng.IntN(7 * 24 * 3600)) // days before and after each other
		o.Promise = engine.Promise{}
		var a, b engine.Decision
		errA, errB := e.Decide(world.Stock, &o, now, worn, &a), e.Decide(world.Stock, &o, now, e.NewScratch(), &b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("order %d, seed %d: a worn scratch decides\n%+v\na new one\n%+v", i, seed, a, b)
		}
		if a.Outcome == engine.Planned {
			planned++
		}
		if len(a.Shipments) > 1 {
			split++
		}
	}
	t.Logf("%d planned, %d of them split", planned, split)
	if planned == 0 {
		t.Error("the world says little")
	}
}
