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

// full is a view with columns of its own in which there is as much as in that of Unlimited.
func full(w *enginetest.World) *engine.StockView {
	v := engine.NewStockView(len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses))
	for sku := range w.Snapshot.SKUs.IDs {
		for wh := range w.Snapshot.Warehouses {
			v.Set(int32(sku), int32(wh), 1<<31-1)
		}
	}
	v.Capacity = engine.Unlimited(w.Snapshot).Capacity
	return v
}

// TestUnlimitedIsTheLeast holds every decision on limited stock against the one on stock without limit, and that against
// the specification and against a view that has a column for every SKU.
func TestUnlimitedIsTheLeast(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	configs := append(worlds(seed),
		enginetest.Config{Seed: seed + 6, Warehouses: 6, Services: 4, SKUs: 10, Stocked: 40, Lines: 3, Places: 40, Classes: true,
			Policy: network.PolicySource{Partial: "fill", SplitLines: true, Late: "allow"}},
		enginetest.Config{Seed: seed + 7, Warehouses: 130, Services: 5, SKUs: 10, Stocked: 20, Lines: 4, Places: 40, Classes: true, Capacity: true,
			Policy: network.PolicySource{Partial: "fill"}})
	for i, cfg := range configs {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		sc, free, columns := w.Engine.NewScratch(), engine.Unlimited(w.Snapshot), full(w)
		orders := 60
		if testing.Short() {
			orders = 15
		}
		for n := range orders {
			order, now := w.Order(rng, n*7_919%2_000_000)
			if n%3 == 0 {
				w.Stock.Capacity = usedUp(rng.IntN(3))
			}
			var least, same, limited engine.Decision
			for v, d := range map[*engine.StockView]*engine.Decision{free: &least, columns: &same, w.Stock: &limited} {
				if err := w.Engine.Decide(v, &order, now, sc, d); err != nil {
					t.Fatal(err)
				}
			}
			if least.Outcome != same.Outcome || least.Cost != same.Cost || planText(&least) != planText(&same) || !slices.Equal(least.Unfilled, same.Unfilled) {
				t.Fatalf("world %d, order %+v at %v: %v %v, with a column a SKU %v %v", i, order, now, least.Outcome, planText(&least), same.Outcome, planText(&same))
			}
			if least.Outcome == engine.OutOfStock {
				t.Fatalf("world %d, order %+v at %v is out of stock without limits", i, order, now)
			}
			if least.Certificate.Status == engine.Bounded {
				continue // it need not be the least
			}
			if limited.Outcome == engine.Planned && (least.Outcome != engine.Planned || len(limited.Unfilled) == 0 && (least.Late && !limited.Late || len(least.Unfilled) > 0)) {
				t.Fatalf("world %d, order %+v at %v: %+v, without limits %+v", i, order, now, limited, least)
			}
			if limited.Outcome == engine.Planned && limited.Late == least.Late && len(limited.Unfilled)+len(least.Unfilled) == 0 && least.Cost > limited.Cost {
				t.Fatalf("world %d, order %+v at %v costs %v, without limits %v", i, order, now, limited.Cost, least.Cost)
			}
			if n < 4 && cfg.Warehouses < 10 && cfg.Policy.Partial == "" {
				outcome, cost, _, err := w.Engine.Reference(free, &order, now)
				if err != nil || outcome != least.Outcome || outcome == engine.Planned && cost != least.Cost {
					t.Fatalf("world %d, order %+v at %v: %v for %v, the specification says %v for %v (%v)", i, order, now, least.Outcome, least.Cost, outcome, cost, err)
				}
			}
		}
		w.Close()
	}
}

// usedUp is days of which so many shipments are left.
type usedUp int32

func (u usedUp) WarehouseLeft(int32, units.Date) int32      { return int32(u) }
func (u usedUp) ServiceLeft(int32, int32, units.Date) int32 { return int32(u) }

func TestUnlimitedIsSmall(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 70, SKUs: 300, Places: 5})
	defer w.Close()
	v := engine.Unlimited(w.Snapshot)
	if len(v.Available) != 70 || len(v.Stocked) != 2 {
		t.Errorf("%d cells and %d words for 70 warehouses", len(v.Available), len(v.Stocked))
	}
	defer func() {
		if recover() == nil {
			t.Error("a wave shares out what has no limit")
		}
	}()
	order, now := w.Order(rand.New(rand.NewPCG(1, 1)), 0)
	_, _ = w.Engine.DecideWave(v, []engine.Order{order}, now, engine.WaveOptions{})
}
