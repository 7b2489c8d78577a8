package server

import (
	"slices"
	"strings"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// ReadOrder turns an order of the contract into the engine's. The error is a *faults.Error with everything in which it
// breaks the rules of the contract, fields named as there; names are for the engine to know.
func ReadOrder(m *allotv1.Order) (*engine.Order, error) {
	var fl faults.List
	if m == nil {
		m = &allotv1.Order{}
	}
	if !soundOrder(m) {
		cutOrder(m)
		violations(m, &fl)
	}
	o := &engine.Order{}
	readOrder(m, o, &geo.Point{}, &fl)
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return o, nil
}

// readOrder writes what m says into o, whose slices it reuses, and into point, which o may point to. It can read
// anything, and adds to fl what the rules of the proto cannot say.
func readOrder(m *allotv1.Order, o *engine.Order, point *geo.Point, fl *faults.List) {
	*o = engine.Order{ID: m.GetId(), Lines: o.Lines[:0], CollectAt: m.GetCollectAt(), Services: append(o.Services[:0], m.GetServices()...)}
	for _, l := range m.GetLines() {
		o.Lines = append(o.Lines, engine.Line{SKU: l.GetSku(), Quantity: int64(l.GetQuantity())})
	}
	if to := m.GetTo(); to != nil {
		o.To = engine.Destination{
			Country: to.GetCountry(), Postal: to.GetPostalCode(), TimeZone: to.GetTimeZone(), Commercial: to.GetCommercial(),
		}
		if p := to.GetPoint(); p != nil {
			*point = geo.Point{Lat: p.GetLatitude(), Lng: p.GetLongitude()}
			o.To.Point = point
		}
	}
	switch p := m.GetPromise().(type) {
	case *allotv1.Order_PromiseDate:
		if !soundDate(p.PromiseDate) {
			return // the rule of the proto says so
		}
		date, err := units.ParseDate(p.PromiseDate)
		if err != nil {
			fl.Addf("", 0, 0, "promise_date", "write an existing day as yyyy-mm-dd", "%q is no date", p.PromiseDate)
		}
		o.Promise.Date = date
	case *allotv1.Order_PromiseAt:
		if p.PromiseAt.CheckValid() != nil || p.PromiseAt.GetSeconds() <= 0 {
			fl.Addf("", 0, 0, "promise_at", "give an instant after 1970 and before the year 10000", "no instant that can be promised")
			return
		}
		o.Promise.Instant = units.Instant(p.PromiseAt.GetSeconds())
	}
}

// cutOrder bounds what checking a malformed order costs; see cut.
func cutOrder(m *allotv1.Order) {
	cut(&m.Lines, maxLines)
	cut(&m.Services, maxServices)
}

// requestField returns what the contract calls a field of the engine's order.
func requestField(field string) string {
	switch field {
	case "promise.date":
		field = "promise_date"
	case "promise.instant":
		field = "promise_at"
	}
	return "order." + field
}

// orderFaults returns everything that is wrong with a request and its order, in one list: violated are the broken rules
// of the proto, seen is what was found in reading the order, refused is what the engine said of it. What is known to be
// wrong of a field is not told a second time in other words.
func orderFaults(violated, seen []faults.Fault, refused error) error {
	bad, ok := asFaults(refused)
	if !ok && refused != nil {
		return refused
	}
	for i := range seen {
		seen[i].Field = "order." + seen[i].Field
	}
	bad = slices.Clone(bad)
	for i := range bad {
		bad[i].Field = requestField(bad[i].Field)
	}
	return mergedFaults(violated, seen, bad)
}

// mergedFaults returns faults from three sources in one list: what one says of a field later ones do not say again.
func mergedFaults(violated, seen, refused []faults.Fault) error {
	var all faults.List
	told, above := map[string]bool{}, map[string]bool{} // fields, and what they are parts of
	add := func(f faults.Fault) {
		if above[f.Field] {
			return
		}
		for whole := f.Field; whole != ""; whole = partOf(whole) {
			if told[whole] {
				return
			}
		}
		all.Add(f)
	}
	for _, f := range violated {
		all.Add(f)
		told[f.Field] = true
		for whole := f.Field; whole != ""; whole = partOf(whole) {
			above[whole] = true
		}
	}
	for _, f := range seen {
		add(f)
	}
	for _, f := range refused {
		add(f)
	}
	return all.Err()
}

// partOf returns what a field is a part of, "" for none: order.lines[3].sku is of order.lines[3], that of order.lines.
func partOf(field string) string { return field[:max(strings.LastIndexAny(field, ".["), 0)] }
