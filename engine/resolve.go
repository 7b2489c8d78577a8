package engine

import (
	"fmt"
	"math"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// resolve turns the words of an order into rows and columns, once. Every fault of the order is reported at once, its
// field named as in the API.
func (sc *Scratch) resolve(stock *StockView, order *Order, now units.Instant) error {
	sc.faults = faults.List{}
	sc.stock, sc.shadow, sc.now = stock, stock.Prices, now
	sc.row, sc.zone = nil, nil
	to, known := sc.destination(order)
	if known { // before the lines: looking them up hides the wait for what memory holds of the destination, 2 % of a decision
		sc.resolveDestination(&to)
	}
	astray := sc.faults.Len() > 0
	if astray { // told after those of the lines
		sc.faults = faults.List{}
	}
	sc.resolveLines(order.Lines)
	if astray {
		sc.resolveDestination(&to)
	}
	sc.resolveServices(order)
	if sc.row != nil {
		sc.resolvePromise(&order.Promise)
	}
	sc.asked = sc.asked[:0]
	if err := sc.faults.Err(); err != nil {
		return err
	}
	sc.asked = append(sc.asked, sc.items...)
	return nil
}

func (sc *Scratch) fault(field, mend, format string, args ...any) {
	sc.faults.Addf("", 0, 0, field, mend, format, args...)
}

func (sc *Scratch) resolveLines(lines []Line) {
	snap := sc.e.snap
	sc.items, sc.skus = sc.items[:0], sc.skus[:0]
	if len(lines) == 0 {
		sc.fault("lines", "order at least one line", "the order has no lines")
	}
	if len(lines) > int(snap.Policy.MaxLines) {
		sc.fault("lines", fmt.Sprintf("send at most %d, or raise the policy's max_lines", snap.Policy.MaxLines), "%d lines", len(lines))
		return
	}
	total, weight := int64(0), units.Weight(0)
	for i := range lines {
		ln := &lines[i]
		row, ok := snap.SKUs.Row(ln.SKU)
		if ok = ok && !snap.SKUs.Gone[row]; !ok {
			sc.fault(fmt.Sprintf("lines[%d].sku", i), sc.meant(ln.SKU, snap.SKUs.IDs, "add it to skus.csv, or check the spelling"), "unknown SKU %.100q", ln.SKU)
		}
		if ln.Quantity < 1 || ln.Quantity > snap.Policy.MaxUnits-total {
			sc.fault(fmt.Sprintf("lines[%d].quantity", i), fmt.Sprintf("order from 1 to %d units in all", snap.Policy.MaxUnits), "%d units", ln.Quantity)
			continue
		}
		if !ok {
			continue
		}
		if each := snap.SKUs.Weight[row]; each > (MaxOrderWeight-weight)/units.Weight(ln.Quantity) {
			sc.fault(fmt.Sprintf("lines[%d].quantity", i), "send several orders", "the order weighs more than %d t", MaxOrderWeight/(1_000*units.Kilogram))
			continue
		}
		total, weight = total+ln.Quantity, weight+snap.SKUs.Weight[row]*units.Weight(ln.Quantity)
		sc.addItem(row, int32(ln.Quantity))
	}
}

// MaxOrderWeight bounds what an order may weigh, so that no sum can overflow: 1,000 tonnes.
const MaxOrderWeight = 1_000_000 * units.Kilogram

// addItem adds units of a SKU to what is to be filled, one item a SKU.
func (sc *Scratch) addItem(sku, quantity int32) {
	for i := range sc.items {
		if sc.items[i].SKU == sku {
			sc.items[i].Quantity += quantity
			return
		}
	}
	sc.items = append(sc.items, Item{SKU: sku, Quantity: quantity})
	sc.skus = append(sc.skus, sku)
}

// meant is a mend for an unknown name. Suggestions are looked for a few times an order and among few names only: typos
// must not cost walks through a million SKUs.
func (sc *Scratch) meant(got string, known []string, otherwise string) string {
	if len(known) <= 10_000 && sc.faults.Len() < 20 {
		if s := faults.DidYouMean(got, known); s != "" {
			return s
		}
	}
	return otherwise
}

// destination returns where an order goes: where it says, or, collected without saying, the warehouse it is collected
// at. known is false where that is no warehouse, which resolveServices tells.
func (sc *Scratch) destination(order *Order) (to Destination, known bool) {
	to = order.To
	if order.CollectAt == "" || to.Postal != "" || to.Point != nil {
		return to, true
	}
	w, ok := sc.e.snap.Warehouse(order.CollectAt)
	if !ok {
		return to, false
	}
	at := &sc.e.snap.Warehouses[w]
	to.Country, to.Postal = at.Country, at.Postal
	if _, ok := sc.e.snap.Places.Lookup(at.Country, at.Postal); !ok {
		to.Postal, to.Point = "", &at.Point
	}
	return to, true
}

// countryOf returns the code of the country that an order goes to.
func countryOf(to *Destination) string {
	if to.Country == "" {
		return "US"
	}
	return to.Country
}

func (sc *Scratch) resolveDestination(to *Destination) {
	e, places := sc.e, sc.e.snap.Places
	country := countryOf(to)
	var err error
	var found *destination
	var known bool
	switch {
	case to.Postal != "":
		at, ok := places.Lookup(country, to.Postal)
		if !ok {
			sc.fault("to.postal_code", "check the code, or give latitude and longitude", "no place %.20q in %.10q", to.Postal, country)
			return
		}
		found, known, err = e.lanesTo(at, 0, geo.Point{})
	case to.Point != nil:
		cell, bad := geo.CellOf(*to.Point)
		if bad != nil {
			sc.fault("to.point", "", "%v", bad)
			return
		}
		found, known, err = e.lanesTo(-1, cell, *to.Point)
	default:
		sc.fault("to", "give a postal code, or latitude and longitude", "the order has no destination")
		return
	}
	if err != nil {
		sc.fault("to", "", "%v", err)
		return
	}
	if known {
		sc.laneHits++
	} else {
		sc.laneMisses++
	}
	sc.row, sc.place, sc.zone = found.row, &found.place, found.zone
	if to.TimeZone != "" {
		if sc.zone, err = e.zone(to.TimeZone); err != nil {
			sc.fault("to.time_zone", "write an IANA name, as America/New_York", "unknown time zone %.60q", to.TimeZone)
			sc.zone = found.zone
		}
	}
}

// placeOf describes a destination: a postal place, or, where at is -1, a point.
func (e *Engine) placeOf(at geo.Row, point geo.Point) (place, error) {
	places := e.snap.Places
	p := place{point: point}
	if at < 0 {
		cell, err := geo.CellOf(point)
		if err != nil {
			return p, err
		}
		if p.point, err = cell.Point(); err != nil { // of the cell, not of whichever point came first
			return p, err
		}
		near, ok := places.Nearest(p.point)
		if !ok {
			return p, fmt.Errorf("no postal place is known near %v", point)
		}
		at, p.guessed = near, true
	} else {
		p.point = places.Point(at)
	}
	p.country, p.postal = places.Country(at), places.Postal(at)
	p.unit, p.centre = p.point.Unit(), places.AreaCentre(at).Unit()
	p.region = lanes.RegionOf(p.country, p.postal)
	zone, err := e.zone(places.TimeZone(at))
	if err != nil {
		return p, fmt.Errorf("time zone of %s: %w", p.postal, err)
	}
	p.zone = zone
	return p, nil
}

func (sc *Scratch) resolveServices(order *Order) {
	e := sc.e
	sc.services, sc.only = e.ship, -1
	if order.CollectAt != "" {
		w, ok := e.snap.Warehouse(order.CollectAt)
		if !ok {
			names := make([]string, len(e.snap.Warehouses))
			for i := range names {
				names[i] = e.snap.Warehouses[i].ID
			}
			sc.fault("collect_at", sc.meant(order.CollectAt, names, "name a warehouse of the network"), "unknown warehouse %.100q", order.CollectAt)
		}
		sc.services, sc.only = e.collect, w
	}
	if order.To.Commercial {
		sc.services &= e.commercial
	} else {
		sc.services &= e.residential
	}
	if len(order.Services) > 0 {
		var named uint64
		for i, id := range order.Services {
			s, ok := e.snap.Service(id)
			if !ok {
				names := make([]string, len(e.snap.Services))
				for i := range names {
					names[i] = e.snap.Services[i].ID
				}
				sc.fault(fmt.Sprintf("services[%d]", i), sc.meant(id, names, "name a service of the network"), "unknown service %.100q", id)
				continue
			}
			named |= 1 << s
		}
		sc.services &= named
	}
	if sc.row != nil {
		sc.attrs = sc.row.attrs[0]
		if order.To.Commercial {
			sc.attrs = sc.row.attrs[1]
		}
	}
}

// resolvePromise works out the last delivery day of each service that keeps the promise, in the destination's zone.
func (sc *Scratch) resolvePromise(p *Promise) {
	snap := sc.e.snap
	today, _ := sc.zone.Local(sc.now)
	sc.base = units.Date(int64(sc.now)/secondsADay) - 1
	sc.horizon = today + units.Date(snap.Policy.PromiseHorizon)
	sc.promised, sc.foreseen.like = !p.IsZero(), likePromise(*p)
	day, at := sc.horizon, units.EndOfDay
	switch {
	case p.Date != 0 && p.Instant != 0:
		sc.fault("promise", "give one of the two", "both a date and an instant are promised")
		return
	case p.Date != 0:
		if p.Date < today {
			sc.fault("promise.date", "promise today or a later day", "%v is past: it is %v at the destination", p.Date, today)
		}
		day = min(day, p.Date)
	case p.Instant != 0:
		if p.Instant < sc.now {
			sc.fault("promise.instant", "promise a later moment", "%v is past: it is %v", p.Instant, sc.now)
		}
		if d, c := sc.zone.Local(p.Instant); d <= day {
			day, at = d, c
		}
	}
	sc.due = due{day: day, at: at, latest: math.MaxInt32}
	for s := range snap.Services {
		sc.deadline[s] = day
		if snap.Services[s].DeliverBy > at {
			sc.deadline[s]--
		}
	}
}
