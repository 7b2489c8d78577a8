package engine_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// small is a world of few warehouses whose stock each test sets itself.
func small(t *testing.T, cfg enginetest.Config) *enginetest.World {
	t.Helper()
	if cfg.Seed == 0 {
		cfg.Seed = 7
	}
	cfg.Warehouses, cfg.Services, cfg.SKUs, cfg.Places = 4, 12, 6, 10
	w := enginetest.New(cfg)
	t.Cleanup(w.Close)
	for sku := range w.Snapshot.SKUs.IDs {
		for wh := range w.Snapshot.Warehouses {
			w.Stock.Set(int32(sku), int32(wh), 0)
		}
	}
	return w
}

func order(lines ...engine.Line) *engine.Order {
	return &engine.Order{ID: "o", Lines: lines, To: engine.Destination{Postal: "10001"}}
}

func sku(w *enginetest.World, i int) string { return w.Snapshot.SKUs.IDs[i] }

func decide(t *testing.T, w *enginetest.World, o *engine.Order) *engine.Decision {
	t.Helper()
	var d engine.Decision
	if err := w.Engine.Decide(w.Stock, o, enginetest.Start, w.Engine.NewScratch(), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

func TestMalformedOrdersListEveryFault(t *testing.T) {
	w := small(t, enginetest.Config{})
	bad := &engine.Order{
		Lines: []engine.Line{{SKU: "s000001", Quantity: 1}, {SKU: sku(w, 0), Quantity: 0}, {SKU: sku(w, 0), Quantity: -5},
			{SKU: sku(w, 1), Quantity: 1 << 62}, {SKU: "\xff", Quantity: 1}},
		To:        engine.Destination{Country: "US", Postal: "00000"},
		CollectAt: "w0000",
		Services:  []string{"a-0", "nope"},
	}
	err := w.Engine.Decide(w.Stock, bad, enginetest.Start, w.Engine.NewScratch(), &engine.Decision{})
	fe, ok := errors.AsType[*faults.Error](err)
	if !ok {
		t.Fatalf("got %v, want a list of faults", err)
	}
	got := fe.Error()
	for _, want := range []string{
		`lines[0].sku: unknown SKU "s000001"; did you mean "s0000001"?`, "lines[1].quantity: 0 units", "lines[2].quantity: -5 units",
		"lines[3].quantity: 4611686018427387904 units", `lines[4].sku: unknown SKU "\xff"`, `to.postal_code: no place "00000"`,
		`collect_at: unknown warehouse "w0000"; did you mean "w00000"?`, `services[0]: unknown service "a-0"`, "services[1]",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
}

func TestMalformedOrderFields(t *testing.T) {
	w := small(t, enginetest.Config{})
	line := engine.Line{SKU: sku(w, 0), Quantity: 1}
	many := make([]engine.Line, 10_000)
	nan := geo.Point{Lat: 91, Lng: 0}
	for _, c := range []struct {
		o    engine.Order
		want string
	}{
		{engine.Order{To: engine.Destination{Postal: "10001"}}, "lines: the order has no lines"},
		{engine.Order{Lines: many, To: engine.Destination{Postal: "10001"}}, "lines: 10000 lines; send at most 100"},
		{engine.Order{Lines: []engine.Line{line}}, "to: the order has no destination"},
		{engine.Order{Lines: []engine.Line{line}, To: engine.Destination{Country: "ZZ", Postal: "10001"}}, "to.postal_code"},
		{engine.Order{Lines: []engine.Line{line}, To: engine.Destination{Point: &nan}}, "to.point"},
		{engine.Order{Lines: []engine.Line{line}, To: engine.Destination{Postal: "10001", TimeZone: "Mars/Olympus"}}, "to.time_zone: unknown time zone"},
		{engine.Order{Lines: []engine.Line{line}, To: engine.Destination{Postal: "10001"}, Promise: engine.Promise{Date: 20_000}}, "promise.date: 2024-10-04 is past"},
		{engine.Order{Lines: []engine.Line{line}, To: engine.Destination{Postal: "10001"}, Promise: engine.Promise{Instant: enginetest.Start - 1}}, "promise.instant"},
		{engine.Order{Lines: []engine.Line{line}, To: engine.Destination{Postal: "10001"}, Promise: engine.Promise{Date: 1, Instant: 1}}, "promise: both a date and an instant"},
		{engine.Order{Lines: []engine.Line{{SKU: sku(w, 0), Quantity: 60_000}, {SKU: sku(w, 0), Quantity: 60_000}}, To: engine.Destination{Postal: "10001"}}, "lines[1].quantity: 60000 units"},
	} {
		err := w.Engine.Decide(w.Stock, &c.o, enginetest.Start, w.Engine.NewScratch(), &engine.Decision{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestLinesOfOneSKUAreOne(t *testing.T) {
	w := small(t, enginetest.Config{})
	w.Stock.Set(0, 1, 3)
	d := decide(t, w, order(engine.Line{SKU: sku(w, 0), Quantity: 1}, engine.Line{SKU: sku(w, 0), Quantity: 2}))
	if d.Outcome != engine.Planned || len(d.Shipments) != 1 || !slices.Equal(d.Shipments[0].Items, []engine.Item{{SKU: 0, Quantity: 3}}) {
		t.Errorf("got %+v", d)
	}
	if d := decide(t, w, order(engine.Line{SKU: sku(w, 0), Quantity: 2}, engine.Line{SKU: sku(w, 0), Quantity: 2})); d.Outcome != engine.OutOfStock {
		t.Errorf("two lines of two units share three: %v", d.Outcome)
	}
}

func TestPointAndPostalCode(t *testing.T) {
	w := small(t, enginetest.Config{})
	w.Stock.Set(0, 1, 1)
	o := order(engine.Line{SKU: sku(w, 0), Quantity: 1})
	byCode := decide(t, w, o)
	row, _ := geo.US().Lookup("US", "10001")
	at := geo.US().Point(row)
	o.To = engine.Destination{Point: &at}
	byPoint := decide(t, w, o)
	if byPoint.Outcome != engine.Planned || byPoint.Cost != byCode.Cost || !byPoint.Shipments[0].Guessed {
		t.Errorf("by code %v, by point %v, guessed %v", byCode.Cost, byPoint.Cost, byPoint.Shipments[0].Guessed)
	}
}

func TestPartialFillShipsWhatThereIs(t *testing.T) {
	for _, split := range []bool{false, true} {
		w := small(t, enginetest.Config{Policy: network.PolicySource{Partial: "fill", SplitLines: split, MaxShipments: 2}})
		w.Stock.Set(0, 0, 2)
		w.Stock.Set(0, 1, 3)
		w.Stock.Set(1, 2, 1)
		d := decide(t, w, order(engine.Line{SKU: sku(w, 0), Quantity: 9}, engine.Line{SKU: sku(w, 1), Quantity: 1}, engine.Line{SKU: sku(w, 2), Quantity: 4}))
		// Two shipments: with whole lines 3 + 1 units, with split lines 2 + 3 of the first line, which is one unit more.
		want, left := map[int32]int32{0: 3, 1: 1}, []engine.Item{{SKU: 0, Quantity: 6}, {SKU: 2, Quantity: 4}}
		if split {
			want, left = map[int32]int32{0: 5}, []engine.Item{{SKU: 0, Quantity: 4}, {SKU: 1, Quantity: 1}, {SKU: 2, Quantity: 4}}
		}
		got := map[int32]int32{}
		for _, s := range d.Shipments {
			for _, it := range s.Items {
				got[it.SKU] += it.Quantity
			}
		}
		if d.Outcome != engine.Planned || len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || !slices.Equal(d.Unfilled, left) {
			t.Errorf("split lines %v: filled %v, unfilled %v (%v)", split, got, d.Unfilled, d.Outcome)
		}
	}
	w := small(t, enginetest.Config{Policy: network.PolicySource{Partial: "fill"}})
	if d := decide(t, w, order(engine.Line{SKU: sku(w, 0), Quantity: 1})); d.Outcome != engine.OutOfStock {
		t.Errorf("nothing at all is %v, want OUT_OF_STOCK", d.Outcome)
	}
}

func TestPartialFillOfManyLines(t *testing.T) {
	cfg := enginetest.Config{Seed: 3, Warehouses: 5, Services: 6, SKUs: 20, Places: 10, Stocked: 100, Policy: network.PolicySource{Partial: "fill", MaxShipments: 1}}
	w := enginetest.New(cfg)
	defer w.Close()
	var lines []engine.Line
	for i := range 12 {
		lines = append(lines, engine.Line{SKU: sku(w, i), Quantity: 1})
		w.Stock.Set(int32(i), 0, int32(i%2)) // the first warehouse lacks every other SKU
		for wh := 1; wh < 5; wh++ {
			w.Stock.Set(int32(i), int32(wh), 0)
		}
	}
	w.Stock.Set(0, 4, 1)
	d := decide(t, w, order(lines...))
	if d.Outcome != engine.Planned || len(d.Shipments) != 1 {
		t.Errorf("got %v with %d shipments", d.Outcome, len(d.Shipments))
	}
}

func TestOutcomesNameTheWall(t *testing.T) {
	w := small(t, enginetest.Config{Policy: network.PolicySource{MaxShipments: 1}})
	w.Stock.Set(0, 0, 1)
	w.Stock.Set(1, 1, 1)
	both := []engine.Line{{SKU: sku(w, 0), Quantity: 1}, {SKU: sku(w, 1), Quantity: 1}}
	if d := decide(t, w, order(both...)); d.Outcome != engine.TooManySplits || d.Certificate.Status != engine.Infeasible {
		t.Errorf("got %v, want TOO_MANY_SPLITS", d.Outcome)
	}
	if d := decide(t, w, order(engine.Line{SKU: sku(w, 2), Quantity: 1})); d.Outcome != engine.OutOfStock {
		t.Errorf("got %v, want OUT_OF_STOCK", d.Outcome)
	}
	o := order(both[0])
	o.Promise.Date = units.Date(enginetest.Start / 86_400)
	if d := decide(t, w, o); d.Outcome != engine.PromiseMissed {
		t.Errorf("got %v, want PROMISE_MISSED", d.Outcome)
	}
	o = order(both[0])
	o.To = engine.Destination{Postal: "99501"} // Alaska: the distance rule of these zones does not tell of it
	if d := decide(t, w, o); d.Outcome != engine.NotServed {
		t.Errorf("got %v, want NOT_SERVED", d.Outcome)
	}
	o = order(both[0])
	o.CollectAt = w.Snapshot.Warehouses[0].ID // no service here lets a buyer collect
	if d := decide(t, w, o); d.Outcome != engine.NotServed {
		t.Errorf("got %v, want NOT_SERVED", d.Outcome)
	}
}

func TestServicesOfAnOrderAreKept(t *testing.T) {
	w := small(t, enginetest.Config{})
	w.Stock.Set(0, 0, 1)
	for _, svc := range w.Snapshot.Services {
		o := order(engine.Line{SKU: sku(w, 0), Quantity: 1})
		o.Services = []string{svc.ID}
		if d := decide(t, w, o); d.Outcome == engine.Planned && w.Snapshot.Services[d.Shipments[0].Service].ID != svc.ID {
			t.Errorf("asked for %s, got %s", svc.ID, w.Snapshot.Services[d.Shipments[0].Service].ID)
		}
	}
}

// The latest order time is exact: the same order one second later no longer keeps the promise in the same way.
func TestLatestOrderIsTheLast(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 11, Warehouses: 5, Services: 6, SKUs: 50, Places: 30, Promised: 100})
	defer w.Close()
	rng := rand.New(rand.NewPCG(5, 5))
	sc := w.Engine.NewScratch()
	checked := 0
	for i := range 300 {
		o, now := w.Order(rng, i*3_000)
		var d, later engine.Decision
		if err := w.Engine.Decide(w.Stock, &o, now, sc, &d); err != nil || d.Outcome != engine.Planned || len(d.Shipments) != 1 {
			continue
		}
		s := d.Shipments[0]
		o.Services = []string{w.Snapshot.Services[s.Service].ID}
		only := engine.NewStockView(len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses))
		for _, it := range s.Items {
			only.Set(it.SKU, s.Warehouse, it.Quantity)
		}
		for _, c := range []struct {
			at   units.Instant
			want engine.Outcome
		}{{s.LatestOrder, engine.Planned}, {s.LatestOrder + 1, engine.PromiseMissed}} {
			if err := w.Engine.Decide(only, &o, c.at, sc, &later); err != nil {
				t.Fatal(err)
			}
			if later.Outcome != c.want {
				t.Fatalf("order %d at %v (latest %v): %v, want %v", i, c.at, s.LatestOrder, later.Outcome, c.want)
			}
		}
		checked++
	}
	if checked < 50 {
		t.Errorf("only %d orders checked", checked)
	}
}

func TestQuoteIsTheParetoFront(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 12, Warehouses: 6, Services: 9, SKUs: 40, Places: 30})
	defer w.Close()
	rng := rand.New(rand.NewPCG(6, 6))
	sc := w.Engine.NewScratch()
	several := 0
	for i := range 100 {
		if i == 70 {
			w.Stock.Prices = somePrices(t, w, rng)
		}
		o, now := w.Order(rng, i*4_001)
		o.Promise = engine.Promise{}
		options, err := w.Engine.Quote(w.Stock, &o, now, sc)
		if err != nil {
			t.Fatal(err)
		}
		if len(options) > 1 {
			several++
		}
		// Every day of the horizon, decided by itself, costs what the best option by that day costs.
		today := units.Date(now / 86_400)
		for day := today; day < today+12; day++ {
			var d engine.Decision
			o.Promise.Date = day
			if err := w.Engine.Decide(w.Stock, &o, now, sc, &d); err != nil {
				continue // the day is over at the destination
			}
			at := -1
			for j := range options {
				if options[j].Date <= day {
					at = j
				}
			}
			if (at >= 0) != (d.Outcome == engine.Planned) || at >= 0 && options[at].Cost != d.Cost {
				t.Fatalf("order %d by %v: decided %v %v, quoted %+v", i, day, d.Outcome, d.Cost, options)
			}
		}
		for j := 1; j < len(options); j++ {
			if options[j].Date <= options[j-1].Date || options[j].Cost >= options[j-1].Cost {
				t.Fatalf("option %d does not follow: %v", j, options)
			}
		}
		for _, opt := range options {
			if opt.LatestOrder < now {
				t.Errorf("latest order %v is before now, %v", opt.LatestOrder, now)
			}
		}
	}
	if several < 30 {
		t.Errorf("only %d of 100 quotes have a choice", several)
	}
}

func TestExplainSumsAndNamesTheReasons(t *testing.T) {
	for _, cfg := range worlds(seeds.New(t)) {
		if cfg.Warehouses > 10 {
			continue
		}
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(cfg.Seed, 9))
		sc := w.Engine.NewScratch()
		for i := range 40 {
			o, now := w.Order(rng, i*20_011)
			x, err := w.Engine.Explain(w.Stock, &o, now, sc)
			if err != nil {
				t.Fatal(err)
			}
			checkExplanation(t, w, x)
		}
		w.Close()
	}
}

func checkExplanation(t *testing.T, w *enginetest.World, x *engine.Explanation) {
	t.Helper()
	sum := x.Decision.SplitCost
	for i, b := range x.Shipments {
		var terms units.Money
		for _, term := range b.Terms {
			terms += term.Amount
		}
		if terms != x.Decision.Shipments[i].Cost() {
			t.Errorf("the terms of shipment %d sum to %v, not %v", i, terms, x.Decision.Shipments[i].Cost())
		}
		sum += terms
	}
	if x.Decision.Outcome == engine.Planned && sum != x.Decision.Cost {
		t.Errorf("terms sum to %v, the decision costs %v", sum, x.Decision.Cost)
	}
	if len(x.Candidates) != len(w.Snapshot.Warehouses)*len(w.Snapshot.Services) {
		t.Errorf("%d candidates", len(x.Candidates))
	}
	for _, c := range x.Candidates {
		if c.Killed == engine.None && x.Decision.Outcome == engine.Planned && c.Cost < x.Decision.Cost {
			t.Errorf("candidate %+v is cheaper than the plan, %v", c, x.Decision.Cost)
		}
		if c.Killed.String() == "" {
			t.Errorf("a constraint without a name: %d", c.Killed)
		}
	}
	if x.RunnerUp != nil && x.Gap != x.RunnerUp.Cost-x.Decision.Cost {
		t.Errorf("gap %v, runner-up %v, plan %v", x.Gap, x.RunnerUp.Cost, x.Decision.Cost)
	}
	for _, c := range x.WhatIf {
		if s := w.Engine.Describe(c); !strings.Contains(s, w.Snapshot.Warehouses[c.Warehouse].ID) {
			t.Errorf("%+v reads %q", c, s)
		}
	}
}

// A counterfactual is true: with the change it names, the warehouse wins.
func TestWhatIfIsTrue(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 21, Warehouses: 5, Services: 6, SKUs: 12, Stocked: 50, Places: 20, Lines: 1})
	defer w.Close()
	rng := rand.New(rand.NewPCG(8, 8))
	sc := w.Engine.NewScratch()
	seen := map[engine.Change]int{}
	for i := range 200 {
		o, now := w.Order(rng, i*5_003)
		x, err := w.Engine.Explain(w.Stock, &o, now, sc)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range x.WhatIf {
			if seen[c.Change]++; c.Change != engine.MoreStock {
				continue
			}
			before := w.Stock.Available[int(c.SKU)*w.Stock.Stride+int(c.Warehouse)]
			w.Stock.Set(c.SKU, c.Warehouse, before+c.Units)
			var d engine.Decision
			if err := w.Engine.Decide(w.Stock, &o, now, sc, &d); err != nil || d.Outcome != engine.Planned || d.Shipments[0].Warehouse != c.Warehouse && d.Cost >= x.Decision.Cost && x.Decision.Outcome == engine.Planned {
				t.Errorf("order %d: %s, but with it %v %v", i, w.Engine.Describe(c), d.Outcome, d.Shipments)
			}
			w.Stock.Set(c.SKU, c.Warehouse, before)
		}
	}
	for _, c := range []engine.Change{engine.Cheaper, engine.CutoffLater, engine.MoreStock} {
		if seen[c] == 0 {
			t.Errorf("no %v among 200 orders", c)
		}
	}
}
