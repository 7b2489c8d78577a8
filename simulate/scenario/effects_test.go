package scenario

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/engine/network"
	_ "github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// december returns midnight UTC of a day of December 2026.
func december(day int) units.Instant { return units.Instant(units.DateOf(2026, 12, day)) * daySeconds }

// edited returns the source that changes make of the base at a moment.
func edited(t *testing.T, b *Base, v *Variant, at units.Instant) *network.Source {
	t.Helper()
	w := newWorld(b, "s.yaml", v.changes)
	if w.check(v.changes); w.fl.Len() > 0 {
		t.Fatal(w.fl.Err())
	}
	changes := slices.Clone(v.changes)
	slices.SortStableFunc(changes, byText)
	e := &editor{b: b, src: b.Source.Clone()}
	for i, a := range acting(changes, at) {
		e.current, e.shut = i, a.shut
		a.op.apply(e, a.change)
	}
	if e.blame != nil {
		t.Fatal(e.blame.problem)
	}
	e.finish()
	return e.src
}

// row returns a warehouse of a source.
func row(src *network.Source, id string) *network.WarehouseRow {
	return &src.Warehouses[slices.IndexFunc(src.Warehouses, func(r network.WarehouseRow) bool { return r.ID == id })]
}

func service(src *network.Source, id string) *network.ServiceSource {
	return &src.Settings.Services[slices.IndexFunc(src.Settings.Services, func(s network.ServiceSource) bool { return s.ID == id })]
}

// recard puts changed cards in place of those of a service, in their places.
func recard(src *network.Source, service string, change func(*ratecards.Source) []*ratecards.Source) {
	var out []*ratecards.Source
	for _, card := range src.Cards {
		if card.Service == service {
			out = append(out, change(card)...)
		} else {
			out = append(out, card)
		}
	}
	src.Cards = out
}

// TestEachOperationChangesWhatItSays compares what each operation makes of the network, for times within and without, with the
// same change made by hand; everything else must be as it was.
func TestEachOperationChangesWhatItSays(t *testing.T) {
	b := smallBase(t)
	nothing := func(*network.Source) {}
	for _, c := range []struct {
		name    string
		changes string
		at      units.Instant
		want    func(*network.Source)
	}{
		{"close", "- close: [reno, soho]\n", december(1), func(s *network.Source) { row(s, "reno").Closed, row(s, "soho").Closed = true, true }},
		{"close, before", "- close: reno\n  from: 2026-12-01\n", december(1) - 1, nothing},
		{"close, from its midnight on", "- close: reno\n  from: 2026-12-01\n", december(1), func(s *network.Source) { row(s, "reno").Closed = true }},
		{"close, on its last day", "- close: reno\n  from: 2026-12-01\n  until: 2026-12-03\n", december(4) - 1, func(s *network.Source) { row(s, "reno").Closed = true }},
		{"close, after its last day", "- close: reno\n  from: 2026-12-01\n  until: 2026-12-03\n", december(4), nothing},
		{"close, from a moment", "- close: reno\n  from: 2026-12-01T06:00:00-08:00\n", december(1) + 14*3600 - 1, nothing},
		{"close, until a moment", "- close: reno\n  until: 2026-12-01T06:00:00-08:00\n", december(1) + 14*3600, nothing},
		{"cutoff", "- cutoff: {warehouse: [reno, columbus], at: 16:30}\n", 0, func(s *network.Source) {
			row(s, "reno").Cutoff, row(s, "columbus").Cutoff = new(16*units.Hour+30*units.Minute), new(16*units.Hour+30*units.Minute)
		}},
		{"cutoff by", "- cutoff: {warehouse: [reno, columbus], by: -90m}\n", 0, func(s *network.Source) {
			row(s, "reno").Cutoff, row(s, "columbus").Cutoff = new(13*units.Hour+30*units.Minute), new(12*units.Hour+30*units.Minute) // columbus has the default
		}},
		{"processing", "- processing: {warehouse: reno, hours: 1.5}\n", 0, func(s *network.Source) { row(s, "reno").Processing = 90 }},
		{"capacity", "- capacity: {warehouse: reno, scale: 150%}\n- capacity: {warehouse: soho, set: none}\n- capacity: {service: fedex-ground, set: 7}\n", 0, func(s *network.Source) {
			row(s, "reno").Capacity, row(s, "soho").Capacity, service(s, "fedex-ground").DailyCapacity = 1800, 0, 7
		}},
		{"capacity to next to nothing", "- capacity: {warehouse: soho, scale: -100%}\n", 0, func(s *network.Source) { row(s, "soho").Capacity = 1 }},
		{"capacity as it was", "- capacity: {warehouse: soho, scale: +0%}\n", 0, nothing},
		{"workdays", "- workdays: {warehouse: columbus, set: daily}\n", 0, func(s *network.Source) { row(s, "columbus").Workdays = units.EveryDay }},
		{"holidays", "- holidays: {warehouse: [reno, columbus], set: none}\n", 0, func(s *network.Source) {
			row(s, "reno").Holidays, row(s, "columbus").Holidays = []string{"none"}, []string{"none"}
		}},
		{"carriers", "- carriers: {warehouse: reno, add: counter, drop: [usps, fedex]}\n- carriers: {warehouse: columbus, drop: bolt}\n", 0, func(s *network.Source) {
			row(s, "reno").Carriers, row(s, "columbus").Carriers = []string{"bolt", "counter"}, []string{"fedex", "usps"}
		}},
		{"costs", "- costs: {warehouse: reno, per_order: +10%, per_line: 0.40, per_unit: 50%, per_kg: 0}\n", 0, func(s *network.Source) {
			r := row(s, "reno")
			r.PerOrder, r.PerLine, r.PerUnit, r.PerKilogram = 1_210_000, 400_000, 25_000, 0
		}},
		{"open", "- open: {warehouse: boise, name: Boise DC, postal_code: \"83702\", cutoff: 15:00, processing_hours: 0.5, workdays: sat-sun, holidays: us, daily_capacity: 9, cost_per_order: 1.01, cost_per_line: 1.02, cost_per_unit: 1.03, cost_per_kg: 1.04, carriers: [usps], classes: fragile, kind: store, country: US, timezone: America/Boise}\n", 0, func(s *network.Source) {
			s.Warehouses = append(s.Warehouses, network.WarehouseRow{
				ID: "boise", Name: "Boise DC", Postal: "83702", Cutoff: new(15 * units.Hour), Processing: 30, Workdays: 1<<5 | 1<<6, Holidays: []string{"us"},
				Capacity: 9, PerOrder: 1_010_000, PerLine: 1_020_000, PerUnit: 1_030_000, PerKilogram: 1_040_000, Carriers: []string{"usps"},
				Classes: []string{"fragile"}, Kind: "store", Country: "US", TimeZone: "America/Boise",
			})
		}},
		{"open, not yet", "- open: {warehouse: boise, postal_code: \"83702\", from: 2026-12-01}\n", 0, func(s *network.Source) {
			s.Warehouses = append(s.Warehouses, network.WarehouseRow{ID: "boise", Postal: "83702", Closed: true})
		}},
		{"copy", "- copy: {warehouse: reno, as: boise, postal_code: \"83702\", stock: none, cutoff: 11:00}\n- close: reno\n  from: 2026-11-01\n- cutoff: {warehouse: reno, at: 10:00}\n", december(1), func(s *network.Source) {
			r := *row(s, "reno")
			row(s, "reno").Closed, row(s, "reno").Cutoff = true, new(10*units.Hour)
			r.ID, r.Name, r.Postal, r.Line, r.Cutoff = "boise", "", "83702", 0, new(11*units.Hour)
			s.Warehouses = append(s.Warehouses, r)
			for _, p := range slices.Clone(s.Pickups) {
				if p.Warehouse == "reno" {
					p.Warehouse, p.Line = "boise", 0
					s.Pickups = append(s.Pickups, p)
				}
			}
		}},
		{"policy", "- policy: {split_cost: 0, max_shipments: 2, late: refuse, guess_zones: no}\n", 0, func(s *network.Source) {
			p := &s.Settings.Policy
			p.SplitCost, p.MaxShipments, p.Late, p.LateCost, p.GuessZones = 0, 2, "refuse", 0, false
		}},
		{"policy of one shipment", "- policy: {max_shipments: 1}\n", 0, func(s *network.Source) {
			p := &s.Settings.Policy
			p.SplitCost, p.MaxShipments, p.SplitLines = 0, 1, false
		}},
		{"drop_service", "- drop_service: [fedex-ground, pickup]\n", 0, func(s *network.Source) {
			s.Settings.Services = []network.ServiceSource{*service(s, "usps-ground"), *service(s, "bolt-today")}
			s.Pickups = slices.DeleteFunc(s.Pickups, func(p network.PickupRow) bool { return p.Service == "fedex-ground" })
		}},
		{"drop_carrier", "- drop_carrier: usps\n  from: 2026-12-01\n", december(1), func(s *network.Source) { s.Settings.Services = s.Settings.Services[1:] }},
		{"add_service", "- add_service: {id: flat, carrier: ups, carrier_name: UPS, zone: any, transit_days: 3, pickup: {times: [\"17:00\"]}, card_files: ups.yaml, warehouses: reno, from: 2026-12-01}\n", december(1), func(s *network.Source) {
			days := int32(3)
			s.Settings.Carriers = append(s.Settings.Carriers, network.CarrierSource{ID: "ups", Name: "UPS"})
			s.Settings.Services = append(s.Settings.Services, network.ServiceSource{
				ID: "flat", Carrier: "ups", Zone: "any", TransitDays: &days, Pickup: network.PickupSource{Times: []units.Clock{17 * units.Hour}},
			})
			card := b.card("ups.yaml").src.Clone()
			card.Service = "flat"
			s.Cards = append(s.Cards, card)
			row(s, "reno").Carriers = append(slices.Clone(row(s, "reno").Carriers), "ups")
		}},
		{"rates", "- rates: {service: usps-ground, scale: +10%, from: 2026-12-01, until: 2026-12-31}\n", 0, func(s *network.Source) {
			recard(s, "usps-ground", func(card *ratecards.Source) []*ratecards.Source {
				if card.EffectiveTo != 0 {
					return []*ratecards.Source{card} // ends in June
				}
				before, within, after := card.Clone(), card.Clone(), card.Clone()
				before.EffectiveTo = units.DateOf(2026, 11, 30)
				within.EffectiveFrom, within.EffectiveTo = units.DateOf(2026, 12, 1), units.DateOf(2026, 12, 31)
				after.EffectiveFrom = units.DateOf(2027, 1, 1)
				for _, r := range within.Structures[0].Table.Rows {
					for z := range r.Prices {
						r.Prices[z] = (r.Prices[z] * 11 / 10).RoundTo(units.Cent)
					}
				}
				return []*ratecards.Source{before, within, after}
			})
		}},
		{"rates of surcharges", "- rates: {carrier: fedex, scale: 200%, only: surcharges}\n", 0, func(s *network.Source) {
			recard(s, "fedex-ground", func(card *ratecards.Source) []*ratecards.Source {
				c := card.Clone()
				*c.Surcharges[0].Amount.Flat *= 2
				return []*ratecards.Source{c}
			})
		}},
		{"rates as they were", "- rates: {scale: +0%, from: 2026-12-01}\n", 0, nothing},
		{"rates replaced", "- rates: {service: usps-ground, replace: flat.yaml, from: 2026-12-10}\n", 0, func(s *network.Source) {
			recard(s, "usps-ground", func(card *ratecards.Source) []*ratecards.Source {
				if card.EffectiveTo != 0 {
					return []*ratecards.Source{card}
				}
				before, after := card.Clone(), card.Clone()
				before.EffectiveTo = units.DateOf(2026, 12, 9)
				after.EffectiveFrom = units.DateOf(2027, 1, 1)
				return []*ratecards.Source{before, after}
			})
			flat := b.card("flat.yaml").src.Clone()
			flat.Service, flat.EffectiveFrom = "usps-ground", units.DateOf(2026, 12, 10)
			s.Cards = append(s.Cards, flat)
		}},
		{"fuel", "- fuel: {carrier: fedex, add: 2pp, from: 2026-12-01}\n", 0, func(s *network.Source) {
			recard(s, "fedex-ground", func(card *ratecards.Source) []*ratecards.Source {
				c := card.Clone()
				last := len(c.Fuel.Weeks) - 1
				later := c.Fuel.Weeks[last]
				c.Fuel.Weeks[last].To = units.DateOf(2026, 11, 30)
				later.From = units.DateOf(2026, 12, 1)
				later.Percent += 200
				c.Fuel.Weeks = append(c.Fuel.Weeks, later)
				return []*ratecards.Source{c}
			})
		}},
		{"delay known", "- delay: {carrier: [usps, bolt], days: 2, known: yes}\n", 0, func(s *network.Source) {
			days := int32(2)
			service(s, "bolt-today").TransitDays = &days
			service(s, "usps-ground").Transit = "usps+2d"
			later := *s.Transits["usps"][0]
			later.Rows = slices.Clone(later.Rows)
			for i := range later.Rows {
				later.Rows[i].Days = append(lanes.Histogram{0, 0}, later.Rows[i].Days...)
			}
			s.Transits["usps+2d"] = []*lanes.TransitTable{&later}
		}},
		{"surprises are no change of the network", "- delay: {days: 2, known: no}\n- lose: {share: 1%}\n- demand: {scale: +1%}\n- move_stock: {from: reno, to: soho, share: 1%}\n", 0, nothing},
	} {
		got := edited(t, b, only(t, indent(c.changes)), c.at)
		want := b.Source.Clone()
		c.want(want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", c.name, differing(got, want), differing(want, got))
		}
		if changed := !reflect.DeepEqual(want, b.Source.Clone()); changed == (reflect.ValueOf(c.want).Pointer() == reflect.ValueOf(nothing).Pointer()) {
			t.Errorf("%s: the test expects nothing", c.name)
		}
		in, err := only(t, indent(c.changes)).Apply(b)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		// The network of the run at that moment is what comes of compiling the change by hand.
		snap, err := network.Compile(want, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if at := max(c.at, b.History.At[0]); at == c.at || c.at == 0 {
			if got := epochAt(in, at).Snapshot.Version; got != snap.Version {
				t.Errorf("%s: the run has network %s, not %s", c.name, got, snap.Version)
			}
		}
	}
}

func indent(changes string) string {
	return "  " + strings.TrimSuffix(strings.ReplaceAll(changes, "\n", "\n  "), "  ")
}

// epochAt returns the epoch of a moment.
func epochAt(in *simulate.Input, at units.Instant) *simulate.Epoch {
	i := len(in.Epochs) - 1
	for i > 0 && in.Epochs[i].From > at {
		i--
	}
	return &in.Epochs[i]
}

// differing returns what of a differs from b, field by field.
func differing(a, b *network.Source) map[string]any {
	out := map[string]any{}
	va, vb := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range va.NumField() {
		if f := va.Type().Field(i); f.IsExported() && !reflect.DeepEqual(va.Field(i).Interface(), vb.Field(i).Interface()) {
			out[f.Name] = va.Field(i).Interface()
		}
	}
	return out
}

// TestPeakMovesTheSeason: the first season that is not over when the new one begins.
func TestPeakMovesTheSeason(t *testing.T) {
	b := exampleBase(t, false)
	windows := func(src *network.Source) map[string][]ratecards.Window {
		all := map[string][]ratecards.Window{}
		for _, card := range src.Cards {
			for _, s := range card.Surcharges {
				if len(s.Windows) > 0 {
					all[card.Service+" "+s.Name] = s.Windows
				}
			}
		}
		return all
	}
	before := windows(b.Source)
	for _, c := range []struct {
		change   string
		from, to units.Date
	}{
		{"- peak: {carrier: fedex, from: 2026-09-14}", units.DateOf(2026, 9, 14), 0},
		{"- peak: {carrier: fedex, from: 2026-11-02, until: 2026-12-31}", units.DateOf(2026, 11, 2), units.DateOf(2026, 12, 31)},
		{"- peak: {carrier: fedex, until: 2027-02-01, surcharge: peak_oversize}", 0, units.DateOf(2027, 2, 1)},
	} {
		after := windows(edited(t, b, only(t, indent(c.change+"\n")), 0))
		if len(before) == 0 || len(after) != len(before) {
			t.Fatal(before, after)
		}
		for name, was := range before {
			want := slices.Clone(was)
			if strings.Contains(name, "peak_oversize") || !strings.Contains(c.change, "surcharge:") {
				want[0].From, want[0].To = cmp.Or(c.from, want[0].From), cmp.Or(c.to, want[0].To)
			}
			if !slices.Equal(after[name], want) {
				t.Errorf("%s: %s is %v, want %v", c.change, name, after[name], want)
			}
		}
	}
	if !reflect.DeepEqual(windows(b.Source), before) {
		t.Error("the base's own surcharges moved")
	}
}

// TestSharedCardsBecomeTheirOwn: four services read one card; changing the price of one leaves the others'.
func TestSharedCardsBecomeTheirOwn(t *testing.T) {
	b := exampleBase(t, false)
	src := edited(t, b, only(t, "  - rates: {service: same_day_chicago, scale: +50%}\n"), 0)
	card := func(name string) *ratecards.Source {
		i := slices.IndexFunc(src.Cards, func(c *ratecards.Source) bool { return c.Service == name })
		return src.Cards[i]
	}
	mine, theirs := service(src, "same_day_chicago"), service(src, "same_day_new_york")
	if mine.Cards == theirs.Cards || theirs.Cards != "same_day" {
		t.Fatal(mine.Cards, theirs.Cards)
	}
	a, z := card(mine.Cards).Structures[0].Table.Rows[0].Prices[0], card("same_day").Structures[0].Table.Rows[0].Prices[0]
	if a != (z * 3 / 2).RoundTo(units.Cent) {
		t.Errorf("%v and %v", a, z)
	}
	if len(src.Cards) != len(b.Source.Cards)+1 {
		t.Errorf("%d cards", len(src.Cards))
	}
	all := edited(t, b, only(t, "  - rates: {service: [same_day_chicago, same_day_new_york, same_day_los_angeles, same_day_san_francisco], scale: +50%}\n"), 0)
	if len(all.Cards) != len(b.Source.Cards) {
		t.Error("a card that all of its services change was doubled")
	}
}

// TestNoChangeIsTheBase: a scenario without changes replays the base's own network, stock and orders, and so does one whose
// changes are none.
func TestNoChangeIsTheBase(t *testing.T) {
	b := smallBase(t)
	base, err := b.Input()
	if err != nil {
		t.Fatal(err)
	}
	for _, changes := range []string{"", "  - rates: {scale: 100%}\n  - demand: {scale: +0%}\n  - fuel: {carrier: fedex, add: 0pp}\n  - costs: {warehouse: reno, per_order: +0%}\n"} {
		in, err := only(t, changes).Apply(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(in.Epochs) != 1 || in.Epochs[0] != base.Epochs[0] || in.Epochs[0].Snapshot != b.Snapshot {
			t.Errorf("epochs %+v, the base's %+v", in.Epochs, base.Epochs)
		}
		if in.History != b.History || &in.Stock[0] != &b.Source.Stock[0] || len(in.Stock) != len(b.Source.Stock) || in.Moves != nil || in.Mishaps != nil {
			t.Error("what does not change is not the base's own")
		}
		if in.Sources["network"] != b.Snapshot.Version || in.Sources["orders"] != b.History.Hash || in.Sources["scenario"] == "" || base.Sources["scenario"] != "" {
			t.Errorf("sources %v", in.Sources)
		}
		if err := simulate.Check(in); err != nil {
			t.Error(err)
		}
	}
}

// TestEpochs: when networks change, and that rows stay.
func TestEpochs(t *testing.T) {
	b := smallBase(t)
	in, err := only(t, `  - open: {warehouse: a-new, postal_code: "83702", from: 2026-12-03, until: 2026-12-10}
  - close: soho
    from: 2026-11-01
  - cutoff: {warehouse: reno, at: 12:00, from: 2026-12-05T12:00:00Z, until: 2026-12-20}
  - rates: {scale: +5%, from: 2026-12-15}
  - close: columbus
    from: 2027-02-01
`).Apply(b)
	if err != nil {
		t.Fatal(err)
	}
	var from []units.Instant
	for i, e := range in.Epochs {
		from = append(from, e.From)
		if w, ok := e.Snapshot.Warehouse("a-new"); !ok || int(w) != len(b.Snapshot.Warehouses) {
			t.Errorf("epoch %d has the new warehouse in row %d", i, w)
		} else if open := e.From >= december(3) && e.From < december(11); open == e.Snapshot.Warehouses[w].Closed {
			t.Errorf("epoch %d from %v: open %v", i, e.From, !e.Snapshot.Warehouses[w].Closed)
		}
		for w := range b.Snapshot.Warehouses {
			if e.Snapshot.Warehouses[w].ID != b.Snapshot.Warehouses[w].ID {
				t.Errorf("epoch %d has other rows", i)
			}
		}
		soho, _ := e.Snapshot.Warehouse("soho")
		if !e.Snapshot.Warehouses[soho].Closed { // from before the first order on
			t.Errorf("epoch %d has soho open", i)
		}
	}
	if want := []units.Instant{0, december(3), december(5) + 12*3600, december(11), december(21)}; !slices.Equal(from, want) {
		t.Errorf("epochs from %v, want %v", from, want)
	}
	if err := simulate.Check(in); err != nil {
		t.Error(err)
	}

	// What is over leaves the base's own network.
	in, err = only(t, "  - close: soho\n    from: 2026-12-01\n    until: 2026-12-02\n").Apply(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Epochs) != 3 || in.Epochs[0].Snapshot != b.Snapshot || in.Epochs[2].Snapshot != b.Snapshot || in.Epochs[1].Snapshot == b.Snapshot {
		t.Errorf("%+v", in.Epochs)
	}
}

// TestSweepShares: two runs that make the same network share it, whichever scenario they are of, and orders that stay are the
// base's own.
func TestSweepShares(t *testing.T) {
	b := smallBase(t)
	sc, err := Read("s.yaml", []byte(`name: x
changes:
  - demand: {scale: $demand, region: NV}
sweep:
  demand: [+0%, +100%, +200%]
  reno: {open: , closed: [{close: reno}]}
  soho: {open: [], closed: [{close: soho, from: 2026-12-01}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	runs := sc.Runs()
	var names []string
	inputs := make([]*simulate.Input, len(runs))
	var wg sync.WaitGroup
	for i := range runs {
		names = append(names, runs[i].Name+" | "+runs[i].Slug())
		wg.Go(func() { inputs[i], _ = runs[i].Apply(b) })
	}
	wg.Wait()
	for i, want := range []string{
		"x: demand=+0%, reno=open, soho=open | x_demand+0_reno-open_soho-open",
		"x: demand=+0%, reno=open, soho=closed | x_demand+0_reno-open_soho-closed",
		"x: demand=+0%, reno=closed, soho=open | x_demand+0_reno-closed_soho-open",
		"x: demand=+0%, reno=closed, soho=closed | x_demand+0_reno-closed_soho-closed",
		"x: demand=+100%, reno=open, soho=open | x_demand+100_reno-open_soho-open",
	} {
		if names[i] != want {
			t.Errorf("run %d is %s, want %s", i, names[i], want)
		}
	}
	snaps, histories := map[*network.Snapshot]bool{}, map[*history.History]bool{}
	for i, in := range inputs {
		if in == nil {
			t.Fatal(runs[i].Apply(b))
		}
		for _, e := range in.Epochs {
			snaps[e.Snapshot] = true
		}
		histories[in.History] = true
	}
	if len(runs) != 12 || len(snaps) != 4 || len(histories) != 3 || !snaps[b.Snapshot] || !histories[b.History] {
		t.Errorf("%d runs have %d networks and %d histories", len(runs), len(snaps), len(histories))
	}
	if inputs[0].Epochs[0].Snapshot != b.Snapshot || inputs[0].History != b.History {
		t.Error("the run of no change is not the base")
	}
	other := only(t, "  - close: reno\n    from: 2026-01-01\n")
	in, err := other.Apply(b)
	if err != nil || in.Epochs[0].Snapshot != inputs[2].Epochs[0].Snapshot {
		t.Error("another scenario that makes the same network has one of its own", err)
	}
}

// many are changes that may stand together, of every kind.
var many = []string{
	"close: soho\n    from: 2026-12-05",
	"copy: {warehouse: reno, as: boise, postal_code: \"83702\", stock: share 30%}",
	"copy: {warehouse: reno, as: fresno, postal_code: \"93650\", stock: copy, from: 2026-12-01}",
	"open: {warehouse: denver, postal_code: \"80239\", stock: {share_of: columbus, share: 10%}}",
	"cutoff: {warehouse: [reno, boise], by: +30m}",
	"capacity: {warehouse: reno, scale: +10%}",
	"costs: {warehouse: denver, per_order: 1.00}",
	"rates: {scale: +3.33%}",
	"rates: {carrier: usps, scale: -1.7%, from: 2026-12-01}",
	"rates: {service: bolt-today, scale: +11%, only: base}",
	"rates: {service: usps-ground, replace: flat.yaml}",
	"fuel: {carrier: fedex, scale: +10%}",
	"drop_service: pickup\n    from: 2026-12-08",
	"add_service: {id: flat, carrier: ups, carrier_name: UPS, zone: any, transit_days: 3, pickup: {times: [\"17:00\"]}, card_files: ups.yaml}",
	"delay: {carrier: usps, days: 1, known: yes}",
	"delay: {days: 1, known: no, warehouse: reno}",
	"lose: {carrier: fedex, share: 1%}",
	"lose: {share: 2%, from: 2026-12-01}",
	"demand: {scale: +50%, region: NV}",
	"demand: {scale: -50%, sku: \"m*\"}",
	"flash_sale: {sku: mug, orders: 5, from: 2026-12-01, until: 2026-12-02}",
	"move_stock: {from: reno, to: soho, sku: mug, units: 5}",
	"move_stock: {from: reno, to: columbus, share: 20%, at: 2026-12-01}",
	"rebalance: {sku: paint, by: equal, warehouses: [reno, columbus, soho]}",
	"policy: {max_shipments: 2}",
	"policy: {carbon_price: 0.20, from: 2026-12-01}",
}

// gist is everything about an input that a replay depends on.
func gist(in *simulate.Input) []any {
	var all []any
	for _, e := range in.Epochs {
		all = append(all, e.From, e.Snapshot.Version, e.Snapshot.Rows().Warehouses, e.Snapshot.Rows().Services)
	}
	return append(all, in.Stock, in.Moves, in.Mishaps, in.History.Hash)
}

// TestOrderOfChangesDoesNotMatter draws some of many changes and writes them in another order.
func TestOrderOfChangesDoesNotMatter(t *testing.T) {
	b := smallBase(t, moves...)
	rapid.Check(t, func(rt *rapid.T) {
		picked := rapid.SliceOfNDistinct(rapid.IntRange(0, len(many)-1), 2, 6, rapid.ID).Draw(rt, "changes")
		text := func(order []int) *Variant {
			var s strings.Builder
			for _, i := range order {
				s.WriteString("  - " + many[i] + "\n")
			}
			return only(t, s.String())
		}
		// A change of what another opens needs the other.
		if slices.Contains(picked, 4) && !slices.Contains(picked, 1) {
			picked = append(picked, 1)
		}
		if slices.Contains(picked, 6) && !slices.Contains(picked, 3) {
			picked = append(picked, 3)
		}
		first, err := text(picked).Apply(b)
		if err != nil {
			rt.Fatal(err)
		}
		again := slices.Clone(picked)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		fresh := smallBase(t, moves...) // nothing is remembered
		second, err := text(again).Apply(fresh)
		if err != nil {
			rt.Fatal(err)
		}
		if !reflect.DeepEqual(gist(first), gist(second)) {
			rt.Fatalf("%v\n%v\n%v", again, gist(first), gist(second))
		}
		if err := simulate.Check(first); err != nil {
			rt.Fatal(err)
		}
	})
}

// moves are what a history counts and delivers.
var moves = []string{
	`{"stock":"set","at":"2026-11-20T00:00:00Z","warehouse":"reno","sku":"mug","quantity":60}`,
	`{"stock":"adjust","at":"2026-11-20T09:00:00Z","warehouse":"reno","sku":"mug","quantity":-10}`,
	`{"stock":"inbound","at":"2026-11-25T00:00:00Z","warehouse":"reno","sku":"mug","quantity":30,"due":"2026-12-02T08:00:00Z"}`,
	`{"stock":"adjust","at":"2026-11-28T00:00:00Z","warehouse":"reno","sku":"paint","quantity":-4}`,
	`{"stock":"set","at":"2026-12-09T00:00:00Z","warehouse":"reno","sku":"mug","quantity":70}`,
	`{"stock":"set","at":"2026-12-10T00:00:00Z","warehouse":"columbus","sku":"mug","quantity":8}`,
}

// TestTheBaseIsNotChanged applies everything, and compares the base with one that was read again.
func TestTheBaseIsNotChanged(t *testing.T) {
	read := func() *network.Source {
		src, err := network.Read(os.DirFS("../../engine/network/testdata/small"))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	src, again := read(), read()
	b := smallBase(t, moves...)
	b.Source = src
	h := b.History.Hash
	cards := b.card("flat.yaml").src.Clone()
	for i := range many {
		for j := range i {
			v := only(t, "  - "+many[i]+"\n  - "+many[j]+"\n")
			if _, err := v.Apply(b); err != nil && !strings.Contains(err.Error(), "unknown") {
				t.Errorf("%s\n%s\n%v", many[i], many[j], err)
			}
		}
	}
	if !reflect.DeepEqual(src, again) {
		t.Errorf("the network's source changed: %v", differing(src, again))
	}
	if !reflect.DeepEqual(b.card("flat.yaml").src.Clone(), cards) {
		t.Error("a card of the scenarios changed")
	}
	fresh := smallBase(t, moves...)
	if b.History.Hash != h || !reflect.DeepEqual(*b.History, *fresh.History) || b.Snapshot.Version != fresh.Snapshot.Version {
		t.Error("the orders changed")
	}
}

// onHand sums rows and moves, by warehouse and SKU: what there is once everything has come.
func onHand(in *simulate.Input) map[[2]string]int64 {
	sum := map[[2]string]int64{}
	for _, r := range in.Stock {
		sum[[2]string{r.Warehouse, r.SKU}] += int64(r.OnHand)
	}
	for _, list := range [][]history.Move{in.History.Moves, in.Moves} {
		for _, m := range list {
			k := [2]string{m.Warehouse, m.SKU}
			if m.Kind == history.Set {
				sum[k] = int64(m.Quantity)
			} else {
				sum[k] += int64(m.Quantity)
			}
		}
	}
	maps.DeleteFunc(sum, func(_ [2]string, n int64) bool { return n == 0 })
	return sum
}

// TestStock: what stock operations make of the beginning.
func TestStock(t *testing.T) {
	still := smallBase(t)
	moved := smallBase(t, moves[:4]...)
	for _, c := range []struct {
		name    string
		b       *Base
		changes string
		want    map[[2]string]int64 // that differ from the base
	}{
		{"copy", still, "  - copy: {warehouse: reno, as: b, stock: copy}\n", map[[2]string]int64{{"b", "mug"}: 120, {"b", "paint"}: 40}},
		{"none", still, "  - copy: {warehouse: reno, as: b, stock: none}\n", nil},
		{"share", still, "  - copy: {warehouse: columbus, as: b, stock: share 30%}\n", map[[2]string]int64{{"columbus", "mug"}: 305 - 91, {"b", "mug"}: 91}},
		{"shares", still, "  - copy: {warehouse: reno, as: b, stock: share 30%}\n  - open: {warehouse: c, postal_code: \"83702\", stock: {share_of: reno, share: 70%}}\n", map[[2]string]int64{
			{"reno", "mug"}: 0, {"reno", "paint"}: 0, {"b", "mug"}: 36, {"b", "paint"}: 12, {"c", "mug"}: 84, {"c", "paint"}: 28,
		}},
		{"rows", still, "  - open: {warehouse: c, postal_code: \"83702\", stock: {rows: [{sku: mug, on_hand: 7}, {sku: mug, on_hand: 8, available_from: 2026-12-01}]}}\n", map[[2]string]int64{{"c", "mug"}: 15}},
		{"move", still, "  - move_stock: {from: reno, to: soho, units: 5}\n", nil},
		{"move some", still, "  - move_stock: {from: reno, to: soho, sku: [mug, paint], units: 5}\n  - move_stock: {from: reno, to: columbus, sku: paint, share: 50%, at: 2026-12-01}\n", map[[2]string]int64{
			{"reno", "mug"}: 115, {"reno", "paint"}: 15, {"soho", "mug"}: 5, {"soho", "paint"}: 5, {"columbus", "paint"}: 20,
		}},
		{"move all to a new one", still, "  - open: {warehouse: c, postal_code: \"83702\"}\n  - move_stock: {from: reno, to: c, share: 100%}\n", map[[2]string]int64{
			{"reno", "mug"}: 0, {"reno", "paint"}: 0, {"c", "mug"}: 120, {"c", "paint"}: 40,
		}},
		{"rebalance", still, "  - rebalance: {sku: mug, by: equal}\n", map[[2]string]int64{{"reno", "mug"}: 62, {"columbus", "mug"}: 63 + 300}},
		{"rebalance by demand", still, "  - rebalance: {sku: mug, by: demand, warehouses: [reno, columbus, soho]}\n", nil},
		{"rebalance but what is closed", still, "  - close: reno\n  - copy: {warehouse: reno, as: b, stock: copy}\n  - rebalance: {sku: mug, by: equal}\n", map[[2]string]int64{
			{"b", "mug"}: 63, {"b", "paint"}: 40, {"columbus", "mug"}: 62 + 300,
		}},
		// Where the history counts 60 less 10 mugs before the first order and brings 30 later, and 4 tins of paint go in November.
		{"copy of what is counted", moved, "  - copy: {warehouse: reno, as: b, stock: copy}\n", map[[2]string]int64{{"b", "mug"}: 50 + 30, {"b", "paint"}: 36}},
		{"share of what is counted", moved, "  - copy: {warehouse: reno, as: b, stock: share 50%}\n", map[[2]string]int64{
			{"reno", "mug"}: 40, {"reno", "paint"}: 18, {"b", "mug"}: 40, {"b", "paint"}: 18,
		}},
		{"move what is counted", moved, "  - move_stock: {from: reno, to: soho, sku: mug, share: 100%}\n", map[[2]string]int64{{"reno", "mug"}: 30, {"soho", "mug"}: 50}},
	} {
		sc := read(t, c.changes)
		in, err := sc.runs[0].Apply(c.b)
		if c.name == "move" { // of everything, and there is not so much of it
			if err == nil || !strings.Contains(err.Error(), "more is moved than there is: reno has 0 of") {
				t.Error(err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		base, err := c.b.Input()
		if err != nil {
			t.Fatal(err)
		}
		want := onHand(base)
		for k, n := range c.want {
			want[k] = n
			if n == 0 {
				delete(want, k)
			}
		}
		got := onHand(in)
		if c.name == "rebalance by demand" {
			// 12 orders: mugs to NV, NY or OH by their number; all units there are stay.
			if sum(got) != sum(want) || reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v of %v", c.name, got, want)
			}
			weights := wants(c.b, "mug")
			shares := apportion(125, []int64{weights["43215"], weights["89502"], weights["10001"]})
			for i, id := range []string{"columbus", "reno", "soho"} {
				if i == 0 {
					shares[0] += 300 // to come
				}
				if got[[2]string{id, "mug"}] != shares[i] {
					t.Errorf("%s: %s has %d, want %d", c.name, id, got[[2]string{id, "mug"}], shares[i])
				}
			}
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %v\nwant %v", c.name, got, want)
		}
		if err := simulate.Check(in); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func sum(of map[[2]string]int64) (all int64) {
	for _, n := range of {
		all += n
	}
	return all
}

// wants returns the units of a SKU that orders want, by postal code.
func wants(b *Base, sku string) map[string]int64 {
	out := map[string]int64{}
	h := b.History
	for i := range h.At {
		for l := h.From[i]; l < h.From[i+1]; l++ {
			if h.SKUs[h.SKU[l]] == sku {
				out[h.Destinations[h.Dest[i]].Postal] += int64(h.Units[l])
			}
		}
	}
	return out
}

// TestSafetyAndDays: what is not for sale is shared out like the rest, and what comes later comes later.
func TestSafetyAndDays(t *testing.T) {
	b := smallBase(t)
	in, err := only(t, "  - copy: {warehouse: reno, as: b, stock: share 50%, from: 2026-12-01}\n  - move_stock: {from: reno, to: soho, sku: mug, units: 6, at: 2026-12-03}\n").Apply(b)
	if err != nil {
		t.Fatal(err)
	}
	var got []network.StockRow
	for _, r := range in.Stock {
		if r.SKU == "mug" {
			r.Line = 0
			got = append(got, network.StockRow{Warehouse: r.Warehouse, SKU: r.SKU, OnHand: r.OnHand, Safety: r.Safety, AvailableFrom: r.AvailableFrom})
		}
	}
	if want := []network.StockRow{
		{Warehouse: "reno", SKU: "mug", OnHand: 54, Safety: 5}, {Warehouse: "columbus", SKU: "mug", OnHand: 5, Safety: 8},
		{Warehouse: "columbus", SKU: "mug", OnHand: 300, AvailableFrom: units.DateOf(2026, 12, 1)},
		{Warehouse: "b", SKU: "mug", OnHand: 60, Safety: 5, AvailableFrom: units.DateOf(2026, 12, 1)},
		{Warehouse: "soho", SKU: "mug", OnHand: 6, AvailableFrom: units.DateOf(2026, 12, 3)},
	}; !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestApportionIsFair: nothing is lost, and no part is a unit or more from its exact share.
func TestApportionIsFair(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		total := rapid.Int64Range(0, 2_000_000_000_000).Draw(rt, "total")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1_000_000_000), 1, 8).Draw(rt, "weights")
		parts := apportion(total, weights)
		all, of := int64(0), int64(0)
		for i := range parts {
			all += parts[i]
			of += weights[i]
		}
		if all != total {
			rt.Fatalf("%d of %d are shared out", all, total)
		}
		for i, n := range parts {
			w, s := weights[i], of
			if of == 0 {
				w, s = 1, int64(len(parts))
			}
			if least := int64(units.Money(total).Times(w, s)); n < least-1 || n > least+1 {
				rt.Fatalf("part %d is %d, and its share %d", i, n, least)
			}
		}
	})
}

// TestMishaps: which parcels go wrong.
func TestMishaps(t *testing.T) {
	b := smallBase(t)
	in, err := only(t, `  - lose: {share: 0.5%, carrier: [usps, fedex], from: 2026-12-01}
  - delay: {service: usps-ground, days: 2, known: no, warehouse: [reno, soho], from: 2026-12-05, until: 2026-12-06}
  - delay: {days: 1, known: no}
`).Apply(b)
	if err != nil {
		t.Fatal(err)
	}
	d := func(n int) units.Date { return units.DateOf(2026, 12, n) }
	if want := []simulate.Mishap{
		{Days: 1},
		{Carrier: "fedex", From: d(1), Lost: 50}, {Carrier: "usps", From: d(1), Lost: 50},
		{Service: "usps-ground", Warehouse: "reno", From: d(5), Until: d(6), Days: 2}, {Service: "usps-ground", Warehouse: "soho", From: d(5), Until: d(6), Days: 2},
	}; !slices.Equal(in.Mishaps, want) {
		t.Errorf("got %+v\nwant %+v", in.Mishaps, want)
	}
	if in.Epochs[0].Snapshot != b.Snapshot || len(in.Epochs) != 1 || in.History != b.History {
		t.Error("a surprise changes more than parcels")
	}
}

// TestDemand: which orders there are.
func TestDemand(t *testing.T) {
	b := smallBase(t)
	ids := func(changes string) map[string]bool {
		in, err := only(t, changes).Apply(b)
		if err != nil {
			t.Fatal(err)
		}
		if changes != "" && in.Epochs[0].Snapshot != b.Snapshot {
			t.Error("the network is not the base's own")
		}
		all := map[string]bool{}
		for i := range in.History.Len() {
			all[in.History.ID(i)] = true
		}
		return all
	}
	base := ids("")
	// Orders 0, 3, 6 and 9 go to Nevada; 0, 2, 4 ... have mugs, but those of 3 and 4 times something else.
	double := ids("  - demand: {scale: 200%, region: NV}\n")
	if len(double) != len(base)+4 || !double["o-0+2"] || !double["o-3+2"] || !double["o-6+2"] || !double["o-9+2"] {
		t.Errorf("doubled: %v", double)
	}
	if late := ids("  - demand: {scale: 200%, postal: \"895\", from: 2026-12-01}\n"); len(late) != len(base)+2 {
		t.Errorf("doubled in December: %v", late)
	}
	if none := ids("  - demand: {scale: -100%, sku: \"m?g\"}\n"); len(none) != 6 {
		t.Errorf("without mugs: %v", none)
	}
	half, most := ids("  - demand: {scale: +50%}\n"), ids("  - demand: {scale: +80%}\n")
	for id := range half {
		if !most[id] {
			t.Errorf("%s is among those of +50%% and not of +80%%", id)
		}
	}
	if len(half) != 18 || len(most) <= len(half) {
		t.Errorf("%d and %d orders", len(half), len(most))
	}
	sale := ids("  - flash_sale: {sku: paint, orders: 3, units: 2, from: 2026-12-01, until: 2026-12-01, region: NY}\n")
	if len(sale) != len(base)+3 || !sale["flash-paint-1"] {
		t.Errorf("with a sale: %v", sale)
	}
}

// TestScaleCard: a card scaled by a number costs that number of times as much, charge by charge.
func TestScaleCard(t *testing.T) {
	b := exampleBase(t, false)
	for _, card := range b.Source.Cards {
		for _, only := range []string{"", onlyBase, onlySurcharges} {
			c := card.Clone()
			scaleCard(c, 3*unchanged, only)
			for i, st := range card.Structures {
				for r := range len(tableRows(st)) {
					for z, m := range tableRows(st)[r].Prices {
						want := m
						if only != onlySurcharges && m != ratecards.NoPrice {
							want *= 3
						}
						if got := tableRows(c.Structures[i])[r].Prices[z]; got != want {
							t.Fatalf("%s: %v became %v", card.File, m, got)
						}
					}
				}
			}
			for i, s := range card.Surcharges {
				factor := units.Money(3)
				if only == onlyBase {
					factor = 1
				}
				a := c.Surcharges[i].Amount
				if s.Amount.Flat != nil && *a.Flat != *s.Amount.Flat*factor {
					t.Errorf("%s: %s", card.File, s.Name)
				}
				for zone, m := range s.Amount.ByZone {
					if a.ByZone[zone] != m*factor {
						t.Errorf("%s: %s in zone %s", card.File, s.Name, zone)
					}
				}
			}
			if !reflect.DeepEqual(c.Fuel, card.Fuel) {
				t.Errorf("%s: fuel changed", card.File)
			}
		}
	}
}

func tableRows(st ratecards.Structure) []ratecards.PriceRow {
	if st.Table == nil {
		return nil
	}
	return st.Table.Rows
}

// TestKinds: what Change has are operations, named once.
func TestKinds(t *testing.T) {
	kinds := Kinds()
	if len(kinds) != 24 || len(slices.Compact(slices.Sorted(slices.Values(kinds)))) != len(kinds) {
		t.Errorf("%d kinds: %v", len(kinds), kinds)
	}
}
