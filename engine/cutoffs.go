package engine

import (
	"math/bits"

	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// A Cutoff is the last moment at which an order can come and a warehouse still brings it in time by a service.
type Cutoff struct {
	Warehouse, Service int32         // rows in the snapshot
	At                 units.Instant // an order at this very second is in time, one a second later is not
	ShipDate           units.Date    // at the warehouse, of the order that comes at At
	DeliveryDate       units.Date    // at the destination
	Cost               units.Money   // of that shipment, all terms but shadow prices
	Guessed            bool          // the zone is from the distance rule
}

// AppendCutoffs appends to dst, for every warehouse and service that can ship the whole order in one shipment, until when it
// could come and still keep its promise, and what it then costs: by warehouse row, then by service. That is what Decide does at
// that moment where only that warehouse has the stock, only that service may be used and days take shipments without limit:
// neither stock nor capacity nor clock is looked at. Where the last day has no rate card or price, or its shipment would arrive
// beyond the policy's horizon, it is the last day that has one, of the last 60.
//
// The order must have a promise. Errors are those of Decide about the order. It takes some 0.2 µs for each warehouse and
// service.
func (e *Engine) AppendCutoffs(dst []Cutoff, order *Order, sc *Scratch) ([]Cutoff, error) {
	if sc.e != e {
		panic("engine: scratch of another engine")
	}
	if order.Promise.IsZero() {
		panic("engine: cut-offs of an order without a promise")
	}
	by := order.Promise.Instant
	if order.Promise.Date != 0 {
		by = units.Instant(int64(order.Promise.Date) * secondsADay)
	}
	if err := sc.resolve(&StockView{}, order, by-units.Instant(secondsADay*(span-1))); err != nil { // prices of the last week are kept
		return dst, err
	}
	sc.late, sc.scored = false, 0
	sc.begin()
	c, snap := &sc.whole, e.snap
	for w := range snap.Warehouses {
		view := sc.row.viewOf[w]
		if view < 0 || sc.only >= 0 && sc.only != int32(w) || c.classes&^e.sites[w].classes != 0 {
			continue
		}
		own := sc.own(c, int32(w))
		row := sc.row.lanesOf(int(view), len(snap.Services))
		for set := sc.row.views[view].services & sc.services; set != 0; set &= set - 1 {
			s := int32(bits.TrailingZeros64(set))
			if c.classes&^snap.Services[s].Classes != 0 {
				continue
			}
			one := Cutoff{Warehouse: int32(w), Service: s, Guessed: row[s].guessed}
			if sc.cutoff(&one, &row[s], sc.lastDay(&order.Promise, s)) {
				one.Cost += own + snap.Services[s].PerShipment + e.carbonCost(c, int32(w), s, sc.place)
				dst = append(dst, one)
			}
		}
	}
	return dst, nil
}

// cutoffDays is how many days before the last one the last shipment is looked for. It bounds the search on lanes that never
// bring the order: those without a price, or longer than the policy's horizon.
const cutoffDays = 60

// cutoff works out when the order has to come to be delivered by a service on the last day or earlier, and its freight. It
// reports false where it never is.
func (sc *Scratch) cutoff(out *Cutoff, l *lane, last units.Date) bool {
	svc, p := &sc.e.snap.Services[out.Service], &sc.e.snap.Profiles[sc.e.sites[out.Warehouse].profile]
	pickups, days := &p.Pickups[out.Service], units.Date(sc.e.snap.Policy.PromiseHorizon)
	if pickups.Calendar == nil || len(pickups.Times) == 0 {
		return false
	}
	ship, ok := calendar.LastShip(last, int(l.transit), svc.Linehaul, sc.delivery(out.Service))
	for ok && last-ship <= cutoffDays {
		var at units.Clock
		if ship, at, ok = pickups.Last(ship); !ok {
			return false
		}
		if out.At, ok = p.Dock.Latest(ship, at); !ok {
			return false
		}
		ready, clock, _, fine := p.Dock.Ready(out.At)
		if out.ShipDate, _, ok = pickups.Next(ready, clock); !fine || !ok {
			return false
		}
		out.DeliveryDate, ok = calendar.Arrive(out.ShipDate, int(l.transit), svc.Linehaul, sc.delivery(out.Service))
		if !ok {
			return false
		}
		if today, _ := sc.zone.Local(out.At); out.DeliveryDate <= today+days {
			if out.Cost, ok = sc.freight(&sc.whole, out.Service, out.ShipDate, l); ok {
				return true
			}
		}
		ship, ok = out.ShipDate-1, true
	}
	return false
}

// lastDay returns the last day on which a service's delivery keeps a promise, however far off it is.
func (sc *Scratch) lastDay(p *Promise, service int32) units.Date {
	if p.Date != 0 {
		return p.Date
	}
	day, at := sc.zone.Local(p.Instant)
	if sc.e.snap.Services[service].DeliverBy > at {
		day--
	}
	return day
}
