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

// Bounds of parts change no decision: those without are the same to the last tie, and what the bounds alone settle, which is
// told by a certificate without states, is optimal.
func TestPartsChangeNoDecision(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	orders := 400
	if testing.Short() {
		orders = 60
	}
	var settled, searched, whole, none int
	for i, cfg := range []enginetest.Config{
		{Lines: 4},
		{Lines: 6, Stocked: 25, Policy: network.PolicySource{MaxShipments: 3}},
		{Lines: 3, Policy: network.PolicySource{SplitLines: true, MaxShipments: 4, SplitCost: units.Cent}},
		{Lines: 4, Stocked: 20, Prices: true, Capacity: true, Policy: network.PolicySource{SplitLines: true}},
		{Lines: 4, Classes: true, Prices: true, Promised: 100, Policy: network.PolicySource{Late: "allow", LateCost: units.Currency, MaxShipments: 2}},
		{Lines: 3, Carbon: true, Capacity: true, Policy: network.PolicySource{SplitLines: true, SplitCost: units.Cent}},
	} {
		cfg.Seed, cfg.SKUs, cfg.Places, cfg.Warehouses, cfg.Services = seed+uint64(i), 40, 30, 20, 8
		if cfg.Stocked == 0 {
			cfg.Stocked = 40
		}
		w := enginetest.New(cfg)
		defer w.Close()
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		sc, slow := w.Engine.NewScratch(), w.Engine.NewScratch()
		slow.Partless()
		slow.AskOnly()
		for n := range orders {
			o, now := w.Order(rng, n*4_001)
			if n%2 == 0 && cfg.Policy.SplitLines {
				o.Lines[0].Quantity = 1 + rng.Int64N(12)
			}
			var with, without engine.Decision
			if err := w.Engine.Decide(w.Stock, &o, now, sc, &with); err != nil {
				t.Fatal(err)
			}
			if err := w.Engine.Decide(w.Stock, &o, now, slow, &without); err != nil {
				t.Fatal(err)
			}
			a, b := &with.Certificate, &without.Certificate
			if with.Outcome != without.Outcome || a.Bound > without.Cost || b.Bound > with.Cost {
				t.Fatalf("world %d, order %d: %v at %v with %+v; without parts %v at %v with %+v", i, n, with.Outcome, with.Cost, *a, without.Outcome, without.Cost, *b)
			}
			if a.Status == engine.Optimal && b.Status == engine.Optimal && (with.Cost != without.Cost || planText(&with) != planText(&without)) {
				t.Fatalf("world %d, order %d: %v %s; without parts %v %s", i, n, with.Cost, planText(&with), without.Cost, planText(&without))
			}
			if parted, sole := sc.Parted(); parted && sole && with.Outcome == engine.Planned && !with.Late && len(with.Unfilled) == 0 {
				if a.Status != engine.Optimal || a.Bound != with.Cost || a.Gap != 0 {
					t.Fatalf("world %d, order %d: settled by bounds, and certified %+v at %v", i, n, *a, with.Cost)
				}
			}
			switch {
			case with.Outcome != engine.Planned:
				none++
			case len(with.Shipments) == 1:
				whole++
			case a.States == 0:
				settled++
			default:
				searched++
			}
		}
	}
	t.Logf("%d divisions settled by bounds, %d searched for; %d in one shipment, %d refused", settled, searched, whole, none)
	if settled == 0 || settled+searched < orders/2 {
		t.Errorf("%d divisions settled by bounds and %d searched for: the comparison says little", settled, searched)
	}
}
