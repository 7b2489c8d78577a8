package lookahead_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/lookahead"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

func at(text string) units.Instant {
	t, err := units.ParseInstant(text)
	if err != nil {
		panic(err)
	}
	return t
}

// What is fitted is what can be counted by hand.
func TestFitCounts(t *testing.T) {
	t.Parallel()
	w := enginetest.New(enginetest.Config{Seed: 3, Warehouses: 3, SKUs: 5, Places: 2})
	defer w.Close()
	a, b, c := "s0000000", "s0000001", "s0000002"
	f := lookahead.NewFitter(w.Snapshot)
	to := func(postal string) engine.Destination { return engine.Destination{Postal: postal} }
	midtown, _ := geo.US().Lookup("US", "10001")
	point := geo.US().Point(midtown)
	monday := "2026-10-05T15:00:00Z"
	for _, o := range []struct {
		at     string
		counts bool
		engine.Order
	}{
		{monday, true, engine.Order{Lines: []engine.Line{{SKU: a, Quantity: 1}}, To: to("10001"), Promise: engine.Promise{Date: units.DateOf(2026, 10, 7)}}},
		{monday, true, engine.Order{Lines: []engine.Line{{SKU: b, Quantity: 2}, {SKU: a, Quantity: 1}, {SKU: b, Quantity: 1}}, To: to("10001-1234")}},
		// the evening of the sixth in Seattle, though the seventh in London
		{"2026-10-07T03:00:00Z", true, engine.Order{Lines: []engine.Line{{SKU: a, Quantity: 1}, {SKU: b, Quantity: 1}}, To: to("98101"), Promise: engine.Promise{Date: units.DateOf(2026, 10, 8)}}},
		{"2026-10-08T15:00:00Z", true, engine.Order{Lines: []engine.Line{{SKU: a, Quantity: 1}}, To: engine.Destination{Point: &point}, Promise: engine.Promise{Instant: at("2026-10-10T15:00:00Z")}}},
		{"2026-10-08T15:00:00Z", true, engine.Order{Lines: []engine.Line{{SKU: a, Quantity: 5000}, {SKU: "gone", Quantity: 1}}, CollectAt: "w00001"}},
		{"2026-10-08T15:00:00Z", false, engine.Order{Lines: []engine.Line{{SKU: c, Quantity: 1}}, To: to("00000")}},
		{"2026-10-08T15:00:00Z", false, engine.Order{Lines: []engine.Line{{SKU: "gone", Quantity: 1}}, To: to("10001")}},
		{"2026-10-08T15:00:00Z", false, engine.Order{Lines: []engine.Line{{SKU: a, Quantity: 1}}, CollectAt: "nowhere"}},
	} {
		if got := f.See(&o.Order, at(o.at)); got != o.counts {
			t.Errorf("%+v counts: %v", o.Order, got)
		}
	}
	got, report, err := f.Forecast(lookahead.FitOptions{Every: 14, Until: units.DateOf(2026, 10, 9), Share: 1_000})
	if err != nil {
		t.Fatal(err)
	}
	quantities := make([]int64, lookahead.MaxQuantities)
	quantities[0], quantities[2], quantities[lookahead.MaxQuantities-1] = 5, 1, 1
	all := units.WholePercent
	want := &lookahead.Forecast{
		Orders: 10_000_000, Usual: 15*units.Hour + units.Hour/2, Weekdays: [7]units.Percent{all, all, all, all, all, all, all}, Quantities: quantities,
		Promises: []lookahead.Promise{{Days: lookahead.NoPromise, Weight: 2}, {Days: 2, Weight: 3}},
		Types:    []lookahead.Type{{SKUs: []string{a}, Weight: 3}, {SKUs: []string{a, b}, Weight: 2}},
		Regions: []lookahead.Region{
			{Country: "US", Prefix: "100", Postal: "10001", Weight: 3}, {CollectAt: "w00001", Weight: 1}, {Country: "US", Prefix: "981", Postal: "98101", Weight: 1},
		},
		Every: 14, Next: units.DateOf(2026, 10, 10), Cycles: 2, From: units.DateOf(2026, 10, 5), Until: units.DateOf(2026, 10, 9), Seen: 5,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if want := (lookahead.FitReport{
		Orders: 5, LeftOut: 3, UnknownPlace: 2, UnknownSKU: 2, Lines: 7, Units: 5008, From: want.From, Until: want.Until, Types: 2, Regions: 3,
	}); report != want {
		t.Errorf("got %+v, want %+v", report, want)
	}
	if _, _, err := f.Forecast(lookahead.FitOptions{From: units.DateOf(2026, 10, 6)}); err == nil {
		t.Error("orders came before the first day")
	}
	if _, _, err := lookahead.NewFitter(w.Snapshot).Forecast(lookahead.FitOptions{}); err == nil {
		t.Error("a forecast of nothing")
	}
}

// The order in which orders are seen changes nothing, and days of the week are told apart from two weeks on.
func TestFitIsOfASet(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 3, SKUs: 30})
	defer w.Close()
	type seen struct {
		engine.Order
		at units.Instant
	}
	var orders []seen
	for d := range 21 {
		n := 20
		if (enginetest.Start/day+units.Instant(d)+3)%7 == 5 { // Saturdays: the epoch was a Thursday
			n = 60
		}
		for range n {
			when := enginetest.Start + units.Instant(d)*day + units.Instant(rng.IntN(86_400))
			o, _ := w.Order(rng, 0)
			orders = append(orders, seen{o, when})
		}
	}
	fit := func() *lookahead.Forecast {
		f := lookahead.NewFitter(w.Snapshot)
		for i := range orders {
			f.See(&orders[i].Order, orders[i].at)
		}
		out, _, err := f.Forecast(lookahead.FitOptions{From: units.Date(enginetest.Start / day), Until: units.Date(enginetest.Start/day) + 20})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := fit()
	rng.Shuffle(len(orders), func(i, j int) { orders[i], orders[j] = orders[j], orders[i] })
	if again := fit(); !reflect.DeepEqual(first, again) {
		t.Errorf("%+v\n%+v", first, again)
	}
	low := slices.Min(first.Weekdays[:])
	for i, p := range first.Weekdays {
		if want := low * 3; i == 5 && (p < want-2 || p > want+2) || i != 5 && p != low {
			t.Errorf("day %d has %v: %v", i, p, first.Weekdays)
		}
	}
}
