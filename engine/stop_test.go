package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
)

// feasible tells what is wrong with a plan, "" where nothing is: it ships what the order wants, less what it says it leaves,
// from stock that is there, from each warehouse once and in no more shipments than allowed.
func feasible(w *enginetest.World, o *engine.Order, d *engine.Decision) string {
	want := map[int32]int32{}
	for _, ln := range o.Lines {
		row, _ := w.Snapshot.SKUs.Row(ln.SKU)
		want[row] += int32(ln.Quantity)
	}
	for _, it := range d.Unfilled {
		want[it.SKU] -= it.Quantity
	}
	from := map[int32]bool{}
	for _, s := range d.Shipments {
		if from[s.Warehouse] {
			return "a warehouse ships twice"
		}
		from[s.Warehouse] = true
		for _, it := range s.Items {
			want[it.SKU] -= it.Quantity
			if it.Quantity > w.Stock.Available[int(it.SKU)*w.Stock.Stride+int(s.Warehouse)] {
				return "more is shipped than there is"
			}
		}
	}
	for _, n := range want {
		if n != 0 {
			return "it does not ship what the order wants"
		}
	}
	if len(d.Shipments) > int(w.Snapshot.Policy.MaxShipments) {
		return "too many shipments"
	}
	return ""
}

// A decision that is stopped after some questions has a plan that can be carried out, and what it says of the optimum holds.
func TestStoppedDecisionsSayWhatTheyKnow(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	orders := 12
	if testing.Short() {
		orders = 4
	}
	stopped, shortfall, finished := 0, 0, 0
	for i, cfg := range []enginetest.Config{
		{Lines: -6, Warehouses: 12, Services: 5},
		{Lines: -11, Warehouses: 20, Services: 6, Policy: network.PolicySource{MaxShipments: 5}},
		{Lines: -18, Warehouses: 12, Services: 4, Policy: network.PolicySource{MaxShipments: 6}},
		{Lines: -5, Warehouses: 10, Services: 6, Policy: network.PolicySource{SplitLines: true}, Prices: true},
		{Lines: -5, Warehouses: 6, Services: 6, Policy: network.PolicySource{Partial: "fill", Late: "allow"}, Prices: true},
	} {
		cfg.Seed, cfg.Stocked, cfg.SKUs, cfg.Places = seed+uint64(i), 50, 40, 20
		w := enginetest.New(cfg)
		defer w.Close()
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		sc := w.Engine.NewScratch()
		for n := range orders {
			o, now := w.Order(rng, n*50_021)
			var full, d engine.Decision
			sc.Stop = nil
			if err := w.Engine.Decide(w.Stock, &o, now, sc, &full); err != nil {
				t.Fatal(err)
			}
			if full.Certificate.Stopped {
				t.Fatal("nobody stopped it")
			}
			for _, patience := range []int{0, 1, 2, 5, 20, 1_000_000} {
				asked := 0
				sc.Stop = func() bool { asked++; return asked > patience }
				if err := w.Engine.Decide(w.Stock, &o, now, sc, &d); err != nil {
					t.Fatal(err)
				}
				if d.Certificate.Stopped != (asked > patience) {
					t.Fatalf("world %d, order %d: asked %d times of %d, stopped %v", i, n, asked, patience, d.Certificate.Stopped)
				}
				if !d.Certificate.Stopped {
					finished++
					if d.Outcome != full.Outcome || d.Cost != full.Cost || planText(&d) != planText(&full) || d.Certificate != full.Certificate {
						t.Fatalf("world %d, order %d: to be asked changed the decision: %v %+v, not %v %+v", i, n, d.Cost, d.Certificate, full.Cost, full.Certificate)
					}
					continue
				}
				stopped++
				if d.Outcome != engine.Planned {
					if full.Outcome == engine.Planned && d.Certificate.Status == engine.Infeasible {
						t.Fatalf("world %d, order %d: %+v of an order that can be filled", i, n, d.Certificate)
					}
					continue
				}
				if wrong := feasible(w, &o, &d); wrong != "" {
					t.Fatalf("world %d, order %d: %s", i, n, wrong)
				}
				if d.Cost != d.Certificate.Bound+d.Certificate.Gap || (d.Certificate.Status == engine.Optimal) && d.Certificate.Gap > 0 {
					t.Fatalf("world %d, order %d: %+v for %v", i, n, d.Certificate, d.Cost)
				}
				if full.Outcome != engine.Planned || len(full.Unfilled)+len(d.Unfilled) > 0 || full.Late != d.Late {
					continue // another question
				}
				if d.Certificate.Bound > full.Cost || d.Cost < full.Certificate.Bound {
					t.Fatalf("world %d, order %d: stopped at %v with %+v; the whole search says %v with %+v", i, n, d.Cost, d.Certificate, full.Cost, full.Certificate)
				}
				if d.Cost > full.Cost {
					shortfall++
				}
				if d.Certificate.Status == engine.Optimal && d.Cost > full.Cost {
					t.Fatalf("world %d, order %d: %v is called the best, %v is", i, n, d.Cost, full.Cost)
				}
			}
		}
	}
	t.Logf("%d stopped, %d of them short of the best, %d were not", stopped, shortfall, finished)
	if !testing.Short() && (stopped == 0 || shortfall == 0 || finished == 0) { // few orders may all be alike
		t.Error("nothing was stopped, or nothing was lost by it, or nothing finished")
	}
}
