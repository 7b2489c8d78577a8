package engine_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// moreWorlds are worlds beside those of worlds: whatever Explain can be asked about.
func moreWorlds(seed uint64) []enginetest.Config {
	return append(worlds(seed),
		enginetest.Config{Seed: seed + 6, Warehouses: 6, Services: 4, SKUs: 8, Stocked: 40, Lines: 3, Places: 40, Classes: true, Promised: 90,
			Policy: network.PolicySource{Partial: "fill", SplitLines: true, Late: "allow", LateCost: units.Currency}},
		enginetest.Config{Seed: seed + 7, Warehouses: 7, Services: 9, SKUs: 8, Stocked: 60, Lines: 2, Places: 40, Capacity: true, Carbon: true, Promised: 90,
			Policy: network.PolicySource{Late: "allow", LateCost: units.Cent}},
		enginetest.Config{Seed: seed + 8, Warehouses: 65, Services: 12, SKUs: 10, Stocked: 95, Lines: 2, Places: 40})
}

// anOrder is one of the world's, now and then to a point, by an instant, or by some services only.
func anOrder(w *enginetest.World, rng *rand.Rand, n int) (engine.Order, units.Instant) {
	order, now := w.Order(rng, n*7_919%2_000_000)
	if rng.IntN(4) == 0 {
		row, _ := geo.US().Lookup("US", order.To.Postal)
		at := geo.US().Point(row)
		order.To.Point, order.To.Postal = &at, ""
	}
	if order.Promise.Date != 0 && rng.IntN(4) == 0 {
		order.Promise = engine.Promise{Instant: now + units.Instant(rng.IntN(6*86_400))}
	}
	if rng.IntN(4) == 0 {
		for range 1 + rng.IntN(3) {
			order.Services = append(order.Services, w.Snapshot.Services[rng.IntN(len(w.Snapshot.Services))].ID)
		}
	}
	return order, now
}

// explained calls check for random orders of many worlds, with the decision that Explain found.
func explained(t *testing.T, orders int, check func(w *enginetest.World, sc *engine.Scratch, order *engine.Order, now units.Instant, x *engine.Explanation)) {
	t.Helper()
	switch {
	case os.Getenv("ALLOT_LONG") != "":
		orders *= 20
	case testing.Short():
		orders /= 4
	}
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	for i, cfg := range moreWorlds(seed) {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		sc, asked := w.Engine.NewScratch(), w.Engine.NewScratch()
		orders := orders
		if cfg.Warehouses > 10 {
			orders /= 4 // Explain looks at hundreds of candidates
		}
		for n := range orders {
			if n == orders/2 { // the other half with prices
				w.Stock.Prices = somePrices(t, w, rng)
			}
			if w.Stock.Capacity = nil; cfg.Capacity && n%3 == 0 {
				w.Stock.Capacity = usedUp(rng.IntN(2))
			}
			order, now := anOrder(w, rng, n)
			x, err := w.Engine.Explain(w.Stock, &order, now, asked)
			if err != nil {
				t.Fatal(err)
			}
			check(w, sc, &order, now, x)
			if t.Failed() {
				t.Fatalf("world %d, order %d: %+v at %v", i, n, order, now)
			}
		}
		w.Close()
	}
}

func TestRunnerUpIsExplains(t *testing.T) {
	var d engine.Decision
	explained(t, 80, func(w *enginetest.World, sc *engine.Scratch, order *engine.Order, now units.Instant, x *engine.Explanation) {
		if err := w.Engine.Decide(w.Stock, order, now, sc, &d); err != nil {
			t.Fatal(err)
		}
		r, ok := sc.RunnerUp(&d)
		if ok != (x.RunnerUp != nil) {
			t.Errorf("there is a runner-up: %v, Explain: %+v", ok, x.RunnerUp)
			return
		}
		if again, same := sc.RunnerUp(&d); again != r || same != ok {
			t.Errorf("first %+v, then %+v", r, again)
		}
		if !ok {
			return
		}
		if r.Warehouse != x.RunnerUp.Warehouse || r.Service != x.RunnerUp.Service || r.Gap != x.Gap {
			t.Errorf("runner-up %+v, Explain: %+v with a gap of %v", r, x.RunnerUp, x.Gap)
		}
		if want := whyOf(x); r.Why != want {
			t.Errorf("cheaper by %q, Explain's terms say %q", r.Why, want)
		}
	})
}

// whyOf works out from Explain's terms what RunnerUp.Why must say.
func whyOf(x *engine.Explanation) string {
	names := []string{"freight", "cartons", "per_shipment", "handling", "carbon", "lateness", "stock_price", "capacity_price", "split_cost"}
	by := map[string]units.Money{"split_cost": -x.Decision.SplitCost}
	add := func(terms []engine.Term, sign units.Money) {
		for _, t := range terms {
			name := t.Name
			switch name {
			case "cartons", "per_shipment", "carbon", "lateness", "stock_price", "capacity_price":
			case "handling_order", "handling_lines", "handling_units", "handling_weight":
				name = "handling"
			default:
				name = "freight"
			}
			by[name] += sign * t.Amount
		}
	}
	add(x.RunnerUp.Terms, 1)
	for _, b := range x.Shipments {
		add(b.Terms, -1)
	}
	why, most := "", units.Money(0)
	for _, name := range names {
		if by[name] > most {
			why, most = name, by[name]
		}
	}
	return why
}

// Where the buyer collects the order only that warehouse's services compete.
func TestRunnerUpOfACollectedOrder(t *testing.T) {
	e := counters(t)
	v := engine.Unlimited(e.Snapshot())
	sc := e.NewScratch()
	var d engine.Decision
	if err := e.Decide(v, &engine.Order{Lines: []engine.Line{{SKU: "mug", Quantity: 1}}, CollectAt: "soho"}, enginetest.Start, sc, &d); err != nil || d.Outcome != engine.Planned {
		t.Fatalf("%v, %v", d.Outcome, err)
	}
	if r, ok := sc.RunnerUp(&d); ok {
		t.Errorf("one warehouse with one service has the runner-up %+v", r)
	}
}

func TestRunnerUpAllocatesNothing(t *testing.T) {
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
	found := 0
	decide := func() {
		found = 0
		for i := range orders {
			if err := w.Engine.Decide(w.Stock, &orders[i], now, sc, &d); err != nil {
				t.Fatal(err)
			}
			if _, ok := sc.RunnerUp(&d); ok {
				found++
			}
		}
	}
	for range 50 {
		decide()
	}
	if n := testing.AllocsPerRun(20, decide); n > 1 || found < 250 {
		t.Errorf("%v allocations in %d decisions with %d runners-up", n, len(orders), found)
	}
}
