package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// costlier makes the cards of a world harder for columns: the first have a surcharge by declared value, one by a flag,
// prices by the pound from somewhere on, and weights that are no whole ounces.
func costlier(src *network.Source) {
	for i, c := range src.Cards {
		amount := 2 * units.Currency
		switch i % 5 {
		case 1:
			c.Surcharges = append(c.Surcharges, ratecards.Surcharge{Name: "insurance", Amount: ratecards.Amount{PercentOfValue: 50}})
		case 2:
			c.Surcharges = append(c.Surcharges, ratecards.Surcharge{Name: "dangerous", When: []ratecards.Condition{{Flags: []string{"hazmat"}}}, Amount: ratecards.Amount{Flat: &amount}})
		case 3:
			c.Surcharges = append(c.Surcharges, ratecards.Surcharge{Name: "heavy", Amount: ratecards.Amount{ByWeight: []ratecards.WeightAmount{
				{NotOver: 21 * units.Ounce, Amount: 0}, {NotOver: 7 * units.Pound, Amount: units.Currency}, {Amount: 3 * units.Currency}}}})
		}
	}
	for i := range src.SKUs {
		src.SKUs[i].Weight += units.Weight(i*1_234_567) % units.Ounce
	}
}

// The columns of an order never say more than an offer costs, and nearly always just that.
func TestColumnsAreFloorsOfOffers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	orders := 30
	if testing.Short() {
		orders = 8
	}
	offers, exact := 0, 0
	for i, cfg := range []enginetest.Config{
		{Lines: -8, Warehouses: 20, Services: 12},
		{Lines: -20, Warehouses: 12, Services: 12, Prices: true},
		{Lines: -45, Warehouses: 12, Services: 12, Prices: true},
		{Lines: -12, Warehouses: 12, Services: 12, Classes: true},
		{Lines: -6, Warehouses: 10, Services: 8, Capacity: true, Prices: true, Policy: network.PolicySource{SplitLines: true}},
		{Lines: -3, Warehouses: 10, Services: 8, Classes: true, Carbon: true},
		{Lines: -3, Warehouses: 10, Services: 10, Classes: true, Capacity: true, Promised: 100, Policy: network.PolicySource{Late: "allow", LateCost: units.Currency}},
	} {
		for _, hard := range []bool{false, true} {
			cfg.Seed, cfg.Stocked, cfg.SKUs, cfg.Places = seed+uint64(i), 60, 60, 30
			w := enginetest.New(cfg)
			e := w.Engine
			if hard {
				costlier(w.Source)
				for j := range w.Source.Warehouses {
					w.Source.Warehouses[j].PerKilogram = units.Money(j) * 7 * units.Cent / 3
				}
				snap, err := network.Compile(w.Source, nil)
				if err != nil {
					t.Fatal(err)
				}
				if e, err = engine.New(snap, engine.Options{}); err != nil {
					t.Fatal(err)
				}
				defer e.Close()
			}
			defer w.Close()
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			found, same := 0, 0
			for n := range orders {
				o, now := w.Order(rng, n*40_009)
				k, equal, wrong, err := e.CompareColumns(w.Stock, &o, now, n%3 == 0, rng, 200)
				if err != nil {
					t.Fatal(err)
				}
				if wrong != "" {
					t.Fatalf("world %d, order %d, hard %v: %s", i, n, hard, wrong)
				}
				found, same = found+k, same+equal
			}
			t.Logf("world %d, hard %v: %d offers, %d told exactly", i, hard, found, same)
			if !hard {
				offers, exact = offers+found, exact+same
			}
			if found == 0 {
				t.Errorf("world %d, hard %v: nothing to compare", i, hard)
			}
		}
	}
	if exact*5 < offers {
		t.Errorf("only %d of %d offers are told exactly", exact, offers)
	}
}
