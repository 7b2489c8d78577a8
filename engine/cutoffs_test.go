package engine_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// TestCutoffsAreTheLast holds every cut-off against Decide: at that second the lane keeps the promise, at the cost and on the
// days that are told, and a second later it does not. A lane that has no cut-off never keeps it.
func TestCutoffsAreTheLast(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	for i, cfg := range []enginetest.Config{
		{Seed: seed, Warehouses: 6, Services: 12, SKUs: 10, Places: 40, Lines: 3, Classes: true, Promised: 100},
		{Seed: seed + 1, Warehouses: 6, Services: 6, SKUs: 10, Places: 40, Lines: 2, Carbon: true, Capacity: true, Promised: 100},
		{Seed: seed + 2, Warehouses: 6, Services: 6, SKUs: 10, Places: 40, Lines: 2, Promised: 100, Policy: network.PolicySource{PromiseHorizon: 4}},
	} {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		sc, asked := w.Engine.NewScratch(), w.Engine.NewScratch()
		var cutoffs []engine.Cutoff
		orders := 12
		if testing.Short() {
			orders = 3
		}
		for n := range orders {
			order, now := anOrder(w, rng, n)
			if n%2 == 0 {
				order.Services = nil
			}
			var err error
			if cutoffs, err = w.Engine.AppendCutoffs(cutoffs[:0], &order, asked); err != nil {
				t.Fatal(err)
			}
			found := map[[2]int32]*engine.Cutoff{}
			for at := range cutoffs {
				found[[2]int32{cutoffs[at].Warehouse, cutoffs[at].Service}] = &cutoffs[at]
			}
			allowed := order.Services
			for wh := range w.Snapshot.Warehouses {
				only := engine.NewStockView(len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses))
				only.Capacity = engine.Unlimited(w.Snapshot).Capacity
				for sku := range w.Snapshot.SKUs.IDs {
					only.Set(int32(sku), int32(wh), 1_000)
				}
				for s := range w.Snapshot.Services {
					order.Services = []string{w.Snapshot.Services[s].ID}
					if allowed != nil && !slices.Contains(allowed, order.Services[0]) {
						if found[[2]int32{int32(wh), int32(s)}] != nil {
							t.Fatalf("a cut-off of %s, which may not be used", order.Services[0])
						}
						continue
					}
					var d engine.Decision
					decide := func(at units.Instant) bool {
						if err := w.Engine.Decide(only, &order, at, sc, &d); err != nil {
							return false // the promise is past
						}
						return d.Outcome == engine.Planned && !d.Late
					}
					c := found[[2]int32{int32(wh), int32(s)}]
					if c == nil {
						for days := range units.Instant(20) {
							if at := now - 20*86_400 + days*86_400; decide(at) && len(d.Shipments) == 1 {
								t.Fatalf("world %d: %+v at %v is in time by %+v, which has no cut-off", i, order, at, d.Shipments)
							}
						}
						continue
					}
					if !decide(c.At) {
						t.Fatalf("world %d: %+v at %v is %v, the cut-off is %+v", i, order, c.At, d.Outcome, c)
					}
					got := &d.Shipments[0]
					if len(d.Shipments) != 1 || d.Cost != c.Cost || got.ShipDate != c.ShipDate || got.DeliveryDate != c.DeliveryDate || got.Guessed != c.Guessed {
						t.Fatalf("world %d: %+v at the cut-off %+v is %+v", i, order, c, d)
					}
					for _, later := range []units.Instant{1, 3_600, 86_400} {
						if decide(c.At + later) {
							t.Fatalf("world %d: %+v is in time %d s after the cut-off %+v: %+v", i, order, later, c, d)
						}
					}
				}
			}
		}
		w.Close()
	}
}

func TestCutoffsNeedAPromise(t *testing.T) {
	w := small(t, enginetest.Config{})
	defer func() {
		if recover() == nil {
			t.Error("an order without a promise has cut-offs")
		}
	}()
	_, _ = w.Engine.AppendCutoffs(nil, order(engine.Line{SKU: sku(w, 0), Quantity: 1}), w.Engine.NewScratch())
}
