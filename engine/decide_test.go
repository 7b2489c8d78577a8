package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// worlds are small enough for the naive search and between them use every rule of the policy.
func worlds(seed uint64) []enginetest.Config {
	return []enginetest.Config{
		{Seed: seed, Warehouses: 6, Services: 5, SKUs: 12, Stocked: 60, Lines: 3, Places: 40},
		{Seed: seed + 1, Warehouses: 7, Services: 6, SKUs: 10, Stocked: 35, Lines: 3, Places: 40,
			Policy: network.PolicySource{SplitLines: true, Late: "allow", LateCost: 2 * units.Currency}},
		{Seed: seed + 2, Warehouses: 6, Services: 4, SKUs: 10, Stocked: 60, Lines: 2, Places: 40, Capacity: true},
		{Seed: seed + 3, Warehouses: 6, Services: 4, SKUs: 10, Stocked: 60, Lines: 3, Places: 40, Carbon: true, Classes: true},
		{Seed: seed + 4, Warehouses: 8, Services: 3, SKUs: 10, Stocked: 30, Lines: 3, Places: 40, Classes: true,
			Policy: network.PolicySource{MaxShipments: 2, SplitCost: units.Cent}},
		{Seed: seed + 5, Warehouses: 70, Services: 5, SKUs: 10, Stocked: 100, Lines: 1, Places: 40, Classes: true, Capacity: true},
	}
}

func TestDecideMatchesTheSpecification(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	for i, cfg := range worlds(seed) {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		sc := w.Engine.NewScratch()
		var d engine.Decision
		outcomes := map[engine.Outcome]int{}
		for n := range 150 {
			if n == 75 { // the other half with prices
				w.Stock.Prices = somePrices(t, w, rng)
			}
			order, now := w.Order(rng, n*7_919%2_000_000)
			compare(t, w, sc, &d, &order, now)
			if t.Failed() {
				t.Fatalf("world %d, order %d: %+v at %v", i, n, order, now)
			}
			outcomes[d.Outcome]++
		}
		t.Logf("world %d: %v", i, outcomes)
		w.Close()
	}
}

func compare(t *testing.T, w *enginetest.World, sc *engine.Scratch, d *engine.Decision, order *engine.Order, now units.Instant) {
	t.Helper()
	if err := w.Engine.Decide(w.Stock, order, now, sc, d); err != nil {
		t.Errorf("Decide: %v", err)
		return
	}
	outcome, cost, plan, err := w.Engine.Reference(w.Stock, order, now)
	if err != nil {
		t.Errorf("Reference: %v", err)
		return
	}
	if d.Outcome != outcome {
		t.Errorf("outcome %v, want %v", d.Outcome, outcome)
		return
	}
	if outcome != engine.Planned {
		return
	}
	if got, want := planText(d), referenceText(plan); d.Cost != cost || got != want || d.Certificate.Status != engine.Optimal {
		t.Errorf("decided %v %v (%v), the specification says %v %v", d.Cost, got, d.Certificate.Status, cost, want)
	}
	sum := d.SplitCost
	for i := range d.Shipments {
		s := &d.Shipments[i]
		sum += s.Cost()
		var terms units.Money
		for _, term := range plan[i].Terms {
			terms += term.Amount
		}
		if terms != s.Cost() || s.Arrival < s.Pickup || s.Pickup < now || s.LatestOrder != 0 && s.LatestOrder < now {
			t.Errorf("shipment %d costs %v, its terms sum to %v; %+v", i, s.Cost(), terms, s)
		}
	}
	if sum != d.Cost {
		t.Errorf("shipments sum to %v, the decision costs %v", sum, d.Cost)
	}
}

func planText(d *engine.Decision) (text string) {
	for _, s := range d.Shipments {
		text += fmt.Sprintf("[%d by %d: %v %v]", s.Warehouse, s.Service, s.Items, s.Cost())
	}
	return text
}

func referenceText(plan []engine.ReferenceShipment) (text string) {
	for _, s := range plan {
		text += fmt.Sprintf("[%d by %d: %v %v]", s.Warehouse, s.Service, s.Items, s.Cost)
	}
	return text
}

// What is let pass is the lane cache's: it notes its hits in buffers and allocates a new one now and then.
func TestDecideAllocatesNothing(t *testing.T) {
	if enginetest.RaceDetector {
		t.Skip("the race detector makes pools forget, and those of the lane cache then allocate")
	}
	w := enginetest.New(enginetest.Config{Seed: 1, SKUs: 200, Lines: -2, Places: 50})
	defer w.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	orders := make([]engine.Order, 500)
	var now units.Instant
	for i := range orders {
		orders[i], now = w.Order(rng, i)
	}
	sc := w.Engine.NewScratch()
	var d engine.Decision
	decide := func() {
		for i := range orders {
			if err := w.Engine.Decide(w.Stock, &orders[i], now, sc, &d); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 50 { // until the lanes of every place are in the cache, which takes them in its own time
		decide()
	}
	if n := testing.AllocsPerRun(20, decide); n > 1 {
		t.Errorf("%v allocations in %d decisions", n, len(orders))
	}
}
