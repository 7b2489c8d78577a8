package engine_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

func TestItemiseIsExplains(t *testing.T) {
	var d engine.Decision
	var costs []units.Money
	shipments, several := 0, 0
	explained(t, 80, func(w *enginetest.World, sc *engine.Scratch, order *engine.Order, now units.Instant, x *engine.Explanation) {
		names := w.Engine.TermNames()
		n := len(names)
		if len(slices.Compact(slices.Sorted(slices.Values(names)))) != n {
			t.Errorf("a term has two columns: %q", names)
		}
		// Of the decision that Explain made, with a scratch that has since seen another order.
		other, then := anOrder(w, rand.New(rand.NewPCG(uint64(now), 0)), 1)
		if err := w.Engine.Decide(w.Stock, &other, then, sc, &d); err != nil {
			t.Fatal(err)
		}
		var err error
		if costs, err = w.Engine.Itemise(order, &x.Decision, sc, append(costs[:0], 7)); err != nil {
			t.Fatal(err)
		}
		facts, err := w.Engine.Facts(order, &x.Decision, sc, nil)
		if err != nil {
			t.Fatal(err)
		}
		if both, also, err := w.Engine.Account(order, &x.Decision, now, sc, []units.Money{7}, []engine.Facts{{}}); err != nil || !slices.Equal(both, costs) || !slices.Equal(also[1:], facts) {
			t.Errorf("%v and %v, %v at once\nnot %v and %v", both, also, err, costs, facts)
		}
		if len(costs) != 1+n*len(x.Shipments) || costs[0] != 7 {
			t.Errorf("%d amounts for %d shipments of %d terms", len(costs), len(x.Shipments), n)
			return
		}
		for i, b := range x.Shipments {
			got, want := costs[1+i*n:][:n], make([]units.Money, n)
			for _, term := range b.Terms {
				want[slices.Index(names, term.Name)] += term.Amount
			}
			sum := units.Money(0)
			for _, amount := range got {
				sum += amount
			}
			if !slices.Equal(got, want) || sum != x.Decision.Shipments[i].Cost() {
				t.Errorf("shipment %d of %v\n is %v\nnot %v\n of %q", i, x.Decision.Shipments[i].Cost(), got, want, names)
			}
			shipments++
			several += min(1, len(x.Decision.Shipments)-1)
		}
	})
	t.Logf("%d shipments, %d of them of split orders", shipments, several)
}

func TestTermNamesSayWhatThereIs(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 3, Warehouses: 2, Services: 4, SKUs: 3, Places: 5})
	defer w.Close()
	want := "package additional_handling das das_extended fuel rounding cartons per_shipment handling_order handling_lines handling_units handling_weight carbon lateness stock_price capacity_price"
	if got := strings.Join(w.Engine.TermNames(), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFactsAreTrue works every fact out again from the network as it was read, by another road: distances by haversine, the
// chance by walking the histogram day by day.
func TestFactsAreTrue(t *testing.T) {
	var facts []engine.Facts
	chances := map[bool]int{}
	explained(t, 80, func(w *enginetest.World, sc *engine.Scratch, order *engine.Order, now units.Instant, x *engine.Explanation) {
		var err error
		if facts, err = w.Engine.Facts(order, &x.Decision, sc, facts[:0]); err != nil {
			t.Fatal(err)
		}
		if len(facts) != len(x.Decision.Shipments) {
			t.Errorf("%d facts of %d shipments", len(facts), len(x.Decision.Shipments))
			return
		}
		for i := range facts {
			f, s := facts[i], &x.Decision.Shipments[i]
			at, zone := placeOf(t, order)
			km := geo.Kilometres(w.Snapshot.Warehouses[s.Warehouse].Point, at)
			if math.Abs(float64(f.Metres)-1_000*km) > 1 {
				t.Errorf("%d m, not %f km", f.Metres, km)
			}
			var weight units.Weight
			for _, it := range s.Items {
				weight += w.Snapshot.SKUs.Weight[it.SKU] * units.Weight(it.Quantity)
			}
			svc := &w.Snapshot.Services[s.Service]
			grams := float64(svc.GramsPerTonneKm) * km * float64(weight) / float64(1_000*units.Kilogram)
			if math.Abs(float64(f.CO2Grams)-grams) > 1+grams/km { // counted in whole kilometres
				t.Errorf("%d g of CO2e, not %f", f.CO2Grams, grams)
			}
			want := chance(t, w, order, s, zone)
			if f.InTime != want {
				t.Errorf("in time by %v, want %v: %+v", f.InTime, want, s)
			}
			if order.Promise.IsZero() {
				continue
			}
			chances[f.InTime == units.Certain]++
			if onTime := f.InTime >= w.Snapshot.Policy.OnTime; onTime != (s.DaysLate == 0) {
				t.Errorf("in time by %v, but %d days late with a target of %v", f.InTime, s.DaysLate, w.Snapshot.Policy.OnTime)
			}
		}
	})
	t.Logf("certain or not: %v", chances)
}

// placeOf returns where an order goes and its time zone.
func placeOf(t *testing.T, order *engine.Order) (geo.Point, *calendar.Zone) {
	t.Helper()
	us := geo.US()
	row, ok := us.Lookup("US", order.To.Postal)
	at := us.Point(max(row, 0))
	if !ok {
		cell, err := geo.CellOf(*order.To.Point)
		if err != nil {
			t.Fatal(err)
		}
		if at, err = cell.Point(); err != nil {
			t.Fatal(err)
		}
		row, _ = us.Nearest(at)
	}
	zone, err := calendar.LoadZone(us.TimeZone(row))
	if err != nil {
		t.Fatal(err)
	}
	return at, zone
}

// chance adds up the shares of the days in transit with which a shipment is there by the promise.
func chance(t *testing.T, w *enginetest.World, order *engine.Order, s *engine.Shipment, zone *calendar.Zone) (sum units.Probability) {
	t.Helper()
	svc := &w.Snapshot.Services[s.Service]
	var histogram []units.Probability
	name := svc.Zones.Names()[s.Zone-1]
	for _, row := range w.Source.Transits[svc.ID][0].Rows {
		if row.Zone == name {
			histogram = row.Days
		}
	}
	for days, share := range histogram {
		day, ok := calendar.Arrive(s.ShipDate, days, svc.Linehaul, svc.Delivery)
		late := !ok
		switch p := order.Promise; {
		case p.Date != 0:
			late = late || day > p.Date
		case p.Instant != 0:
			late = late || zone.Instant(day, svc.DeliverBy) > p.Instant
		}
		if !late {
			sum += share
		}
	}
	return sum
}

// Facts of lanes whose days are one number are certain or impossible.
func TestFactsWithoutHistogram(t *testing.T) {
	w := small(t, enginetest.Config{Policy: network.PolicySource{Late: "allow"}})
	w.Stock.Set(0, 0, 1)
	sc := w.Engine.NewScratch()
	for _, svc := range w.Snapshot.Services {
		if strings.Contains(svc.ID, "-0-") {
			continue // ground has a histogram
		}
		for days, want := range map[units.Date]units.Probability{0: 0, 30: units.Certain} {
			o := order(engine.Line{SKU: sku(w, 0), Quantity: 1})
			o.Services, o.Promise.Date = []string{svc.ID}, units.Date(enginetest.Start/86_400)+days
			var d engine.Decision
			if err := w.Engine.Decide(w.Stock, o, enginetest.Start, sc, &d); err != nil || d.Outcome != engine.Planned {
				continue
			}
			facts, err := w.Engine.Facts(o, &d, sc, nil)
			if err != nil || facts[0].InTime != want || d.Late != (want == 0) {
				t.Errorf("%s, %d days: %+v, %v (late %v)", svc.ID, days, facts, err, d.Late)
			}
		}
	}
}

func TestItemiseOfNowhere(t *testing.T) {
	w := small(t, enginetest.Config{})
	sc := w.Engine.NewScratch()
	lost := &engine.Order{To: engine.Destination{Postal: "00000"}}
	if costs, err := w.Engine.Itemise(lost, &engine.Decision{}, sc, []units.Money{1}); err == nil || len(costs) != 1 {
		t.Errorf("%v, %v", costs, err)
	}
	if facts, err := w.Engine.Facts(lost, &engine.Decision{}, sc, make([]engine.Facts, 1)); err == nil || len(facts) != 1 {
		t.Errorf("%v, %v", facts, err)
	}
	if costs, facts, err := w.Engine.Account(lost, &engine.Decision{}, 0, sc, []units.Money{1}, make([]engine.Facts, 1)); err == nil || len(costs) != 1 || len(facts) != 1 {
		t.Errorf("%v, %v, %v", costs, facts, err)
	}
}

// A collected order goes no farther than the counter, by no clock but its own.
func TestFactsOfACollectedOrder(t *testing.T) {
	e := counters(t)
	o := &engine.Order{Lines: []engine.Line{{SKU: "mug", Quantity: 1}}, CollectAt: "pier", Promise: engine.Promise{Date: units.Date(enginetest.Start/86_400) + 2}}
	sc := e.NewScratch()
	var d engine.Decision
	if err := e.Decide(engine.Unlimited(e.Snapshot()), o, enginetest.Start, sc, &d); err != nil || d.Outcome != engine.Planned {
		t.Fatalf("%v, %v", d.Outcome, err)
	}
	facts, err := e.Facts(o, &d, sc, nil)
	if err != nil || len(facts) != 1 || facts[0].Metres > 10_000 || facts[0].CO2Grams != 0 || facts[0].InTime != units.Certain {
		t.Errorf("%+v, %v", facts, err)
	}
	costs, err := e.Itemise(o, &d, sc, nil)
	if err != nil || len(costs) != len(e.TermNames()) {
		t.Errorf("%v, %v", costs, err)
	}
}

func TestItemiseAllocatesNothing(t *testing.T) {
	if enginetest.RaceDetector {
		t.Skip("the race detector makes pools forget, and those of the lane cache then allocate")
	}
	w := enginetest.New(enginetest.Config{Seed: 1, SKUs: 200, Lines: -2, Places: 50})
	defer w.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	orders, decisions := make([]engine.Order, 500), make([]engine.Decision, 500)
	sc := w.Engine.NewScratch()
	var now units.Instant
	for i := range orders {
		orders[i], now = w.Order(rng, i)
		if err := w.Engine.Decide(w.Stock, &orders[i], now, sc, &decisions[i]); err != nil {
			t.Fatal(err)
		}
	}
	var costs []units.Money
	var facts []engine.Facts
	all := func() {
		for i := range orders {
			costs, _ = w.Engine.Itemise(&orders[i], &decisions[i], sc, costs[:0])
			facts, _ = w.Engine.Facts(&orders[i], &decisions[i], sc, facts[:0])
		}
	}
	for range 50 {
		all()
	}
	if n := testing.AllocsPerRun(20, all); n > 2 { // the lane cache notes its hits
		t.Errorf("%v allocations for %d decisions", n, len(orders))
	}
}
