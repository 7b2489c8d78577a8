package engine

import (
	"math"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// Decide decides an order on a view of the stock at a moment and writes the decision into d, whose slices it reuses.
//
// The error is a *faults.Error that lists everything malformed about the order; d is then untouched. That nothing can
// fill the order, or nothing in time, is no error but an Outcome. In steady state Decide allocates nothing for orders
// that one warehouse ships.
func (e *Engine) Decide(stock *StockView, order *Order, now units.Instant, sc *Scratch, d *Decision) error {
	if sc.e != e {
		panic("engine: scratch of another engine")
	}
	if err := sc.resolve(stock, order, now); err != nil {
		return err
	}
	sc.decide(d)
	return nil
}

// DecideOn decides the order of the latest Decide with the same scratch, at its moment, on another view of the stock: as Decide
// would, but the order is not looked up again, nor what is known of its prices worked out again, for neither depends on the
// stock. Only Certificate.Scored tells the difference, which does not count what was known. It must follow a Decide without
// an error, a RunnerUp or another DecideOn, with nothing else done with the scratch in between.
func (e *Engine) DecideOn(stock *StockView, sc *Scratch, d *Decision) {
	if sc.e != e {
		panic("engine: scratch of another engine")
	}
	if len(sc.asked) == 0 {
		panic("engine: no order was decided that could be decided again")
	}
	sc.stock, sc.shadow = stock, stock.Prices
	sc.items = append(sc.items[:0], sc.asked...)
	sc.again = true
	sc.decide(d)
	sc.again = false
}

// decide searches on time, then late where the policy allows it, then for a part of the order likewise.
func (sc *Scratch) decide(d *Decision) {
	d.reset()
	sc.start()
	if !sc.plan(d) {
		sc.refuse(d)
	}
	certificate := &d.Certificate
	certificate.Scored, certificate.States, certificate.Stopped = sc.scored, sc.states, sc.stopped
	if sc.unsettled {
		certificate.Status = Bounded
	}
}

// start forgets what is known about the search for an earlier order.
func (sc *Scratch) start() {
	sc.late, sc.scored, sc.states, sc.unsettled, sc.stopped = false, 0, 0, false, false
}

// plan is decide as far as it finds a plan, and tells whether it does.
func (sc *Scratch) plan(d *Decision) bool {
	policy := &sc.e.snap.Policy
	if sc.search(d, policy.MaxShipments) {
		return true
	}
	if sc.promised && policy.Late == network.LateAllow {
		sc.unsettled = sc.unsettled || sc.unknown
		sc.late = true
		if sc.search(d, policy.MaxShipments) {
			return true
		}
	}
	sc.unsettled = sc.unsettled || sc.unknown
	return policy.Partial == network.PartialFill && sc.searchPart(d)
}

// begin starts a search for sc.items: what was worked out for other items or rules no longer holds.
func (sc *Scratch) begin() {
	if sc.again {
		if sc.again = false; sc.began.all && sc.began.late == sc.late {
			sc.resume()
			return
		}
	}
	sc.began.all, sc.began.late = slices.Equal(sc.items, sc.asked), sc.late
	sc.epoch++
	if sc.epoch == 0 { // after 2^32 searches old stamps would look fresh
		clear(sc.prices)
		clear(sc.offers[:cap(sc.offers)])
		sc.epoch = 1
	}
	if age := sc.now - sc.renewed; sc.leavings >= maxLeavings/2 && (age < 0 || age >= units.Instant(secondsADay)) {
		sc.leavings, sc.renewed = 0, sc.now // days have gone by: what has left is of no use
		clear(sc.windows)
		for i := range sc.days {
			sc.days[i] = workday{from: 1, until: 0}
		}
	}
	if n := len(sc.row.views) * maxLeavings; cap(sc.offers) < n {
		sc.offers = make([]stamped, n)
	} else {
		sc.offers = sc.offers[:n]
	}
	sc.kept = 0
	sc.searches++
	sc.split.forget()
	sc.setContent(&sc.whole, 0, sc.items)
	sc.setSpeed()
	sc.lightest = 0
	sc.best = sc.best[:0]
}

// resume is begin for the items and the rule of the search before, on another view: what is priced of the whole order stays.
func (sc *Scratch) resume() {
	sc.kept = 0
	sc.split.forget()
	sc.whole.items = sc.items
	sc.lightest = 0
	sc.best = sc.best[:0]
}

// setContent makes c the content of items, weighed.
func (sc *Scratch) setContent(c *content, id int32, items []Item) {
	c.fill(id, items, sc.e.snap)
	sc.weigh(c)
}

// fill makes c the content of items.
func (c *content) fill(id int32, items []Item, snap *network.Snapshot) {
	c.id, c.items = id, items
	c.lines, c.units, c.weight, c.classes, c.packed, c.ones = 0, 0, 0, 0, 0, true
	for _, it := range items {
		if it.Quantity == 0 {
			continue
		}
		c.lines++
		c.ones = c.ones && it.Quantity == 1
		c.units += int64(it.Quantity)
		c.weight += snap.SKUs.Weight[it.SKU] * units.Weight(it.Quantity)
		c.classes |= snap.SKUs.Class[it.SKU]
	}
}

// search finds the best plan for sc.items under the rules at hand and writes it to d. It reports whether there is one.
// Prices do not decide about that: where the search with them is cut short before it meets a plan, one without them
// follows, and what it finds pays them.
func (sc *Scratch) search(d *Decision, maxShipments int32) bool {
	if sc.searchPriced(d, maxShipments) {
		return true
	}
	if sc.shadow == nil || !sc.unknown {
		return false
	}
	defer sc.leavePricesAside()()
	return sc.searchPriced(d, maxShipments)
}

// leavePricesAside has searches go on without prices, until what it returns is called. Plans pay them all the same.
func (sc *Scratch) leavePricesAside() (restore func()) {
	shadow := sc.shadow
	sc.shadow = nil
	return func() { sc.shadow = shadow }
}

// searchPriced is search, for prices as they are.
func (sc *Scratch) searchPriced(d *Decision, maxShipments int32) bool {
	sc.begin()
	sc.unknown = false
	best, found, candidates := sc.single(&sc.whole, unreachable)
	d.Certificate = Certificate{Status: Optimal, Candidates: candidates, Bound: best.cost}
	if found {
		sc.best = append(sc.best, best)
	}
	if maxShipments > 1 && sc.only < 0 && sc.pieces() > 1 && sc.mayBeatBySplit(best.cost) {
		sc.searchSplit(d, best.cost, maxShipments)
	}
	if len(sc.best) == 0 {
		return false
	}
	sc.report(d)
	return true
}

// refuse finds out which wall the order ran into, and writes it to d.
func (sc *Scratch) refuse(d *Decision) {
	scored, states := sc.scored, sc.states
	restore := sc.leavePricesAside()
	outcome := sc.wall(d)
	restore()
	d.reset()
	d.Outcome = outcome
	d.Certificate = Certificate{Status: Infeasible}
	sc.scored, sc.states = scored, states
}

func (sc *Scratch) wall(d *Decision) Outcome {
	for _, it := range sc.items {
		if !sc.inStock(it) {
			return OutOfStock
		}
	}
	most := int32(min(sc.pieces(), math.MaxInt32))
	sc.late = false
	if most > sc.e.snap.Policy.MaxShipments && sc.search(d, most) {
		return TooManySplits
	}
	if sc.promised {
		sc.late = true
		if sc.possible(d, most) {
			return PromiseMissed
		}
	}
	return NotServed
}

// possible tells whether there is any plan, without looking for the best.
func (sc *Scratch) possible(d *Decision, maxShipments int32) bool {
	sc.begin()
	if _, found, _ := sc.single(&sc.whole, unreachable); found {
		return true
	}
	return sc.search(d, maxShipments)
}

// inStock tells whether the units of an item are there, wherever that is and whoever goes there.
func (sc *Scratch) inStock(it Item) bool {
	total := int64(0)
	for w := range sc.e.snap.Warehouses {
		if sc.e.snap.Warehouses[w].Closed || sc.only >= 0 && sc.only != int32(w) {
			continue
		}
		have := sc.stock.available(it.SKU, int32(w))
		if have >= it.Quantity {
			return true
		}
		total += int64(max(have, 0))
	}
	return sc.e.snap.Policy.SplitLines && total >= int64(it.Quantity)
}

// report writes the plan in sc.best to d.
func (sc *Scratch) report(d *Decision) {
	certificate := d.Certificate
	d.reset()
	d.Certificate = certificate
	d.Outcome = Planned
	d.SplitCost = sc.e.snap.Policy.SplitCost * units.Money(len(sc.best)-1)
	d.Cost = d.SplitCost
	for i := range sc.best {
		b := &sc.best[i]
		s := d.next()
		sc.describe(s, b)
		d.Cost += b.cost
		d.Arrival = max(d.Arrival, s.Arrival)
		d.Late = d.Late || s.DaysLate > 0
	}
	d.Certificate.Scored, d.Certificate.States, d.Certificate.Stopped = sc.scored, sc.states, sc.stopped
	d.Certificate.Gap = max(0, d.Cost-d.Certificate.Bound)
	if d.Certificate.Gap > 0 {
		d.Certificate.Status = Bounded // where prices were left aside even the best is not known to be
	}
}

// next appends a shipment to d, reusing what an earlier decision left there.
func (d *Decision) next() *Shipment {
	if len(d.Shipments) < cap(d.Shipments) {
		d.Shipments = d.Shipments[:len(d.Shipments)+1]
	} else {
		d.Shipments = append(d.Shipments, Shipment{})
	}
	s := &d.Shipments[len(d.Shipments)-1]
	*s = Shipment{Items: s.Items[:0], Parcels: s.Parcels[:0]}
	return s
}

// describe fills in a shipment of the plan.
func (sc *Scratch) describe(s *Shipment, b *chosen) {
	e, c, service := sc.e, b.content, b.offer.service
	l := &sc.row.lanesOf(int(sc.row.viewOf[b.warehouse]), len(e.snap.Services))[service]
	s.Warehouse, s.Service = b.warehouse, service
	for _, it := range c.items {
		if it.Quantity > 0 {
			s.Items = append(s.Items, it)
		}
	}
	pack := sc.packFor(c, service)
	s.Parcels = append(s.Parcels, pack.parcels...)
	s.Freight = b.offer.freight - pack.boxes
	s.Handling = e.sites[b.warehouse].of(c)
	if p := sc.stock.Prices; p != nil {
		s.StockPrice, s.CapacityPrice = p.units(s.Items, b.warehouse), p.Shipment(b.warehouse, service, b.offer.ship)
		if sc.shadow == nil { // the search left them aside
			b.cost += s.StockPrice + s.CapacityPrice
		}
	}
	s.Other = b.cost - s.Freight - s.Handling
	s.Zone, s.Guessed = l.zone, l.guessed
	sc.schedule(s, e.sites[b.warehouse].profile, l, b.offer.ship)
}

// schedule fills in when a shipment is ready, leaves and arrives, and until when the order could have come.
func (sc *Scratch) schedule(s *Shipment, profile int32, l *lane, ship units.Date) {
	svc, p := &sc.e.snap.Services[s.Service], &sc.e.snap.Profiles[profile]
	pickups := &p.Pickups[s.Service]
	today := &sc.days[profile]
	s.Ready = today.ready
	at := today.at
	if ship > today.day {
		at = 0
	}
	s.ShipDate = ship
	_, leaves, _ := pickups.Next(ship, at)
	s.Pickup = p.Dock.Zone.Instant(ship, leaves)
	s.DeliveryDate, _, _ = sc.arrival(s.Service, ship, l.transit)
	s.Arrival = sc.zone.Instant(s.DeliveryDate, svc.DeliverBy)
	s.DaysLate = max(0, int32(s.DeliveryDate-sc.deadline[s.Service]))
	if !sc.promised || s.DaysLate > 0 {
		return
	}
	last, ok := calendar.LastShip(sc.deadline[s.Service], int(l.transit), svc.Linehaul, sc.delivery(s.Service))
	if !ok {
		return
	}
	if last, ok = pickups.Calendar.OnOrBefore(last); ok {
		s.LatestOrder, _ = p.Dock.Latest(last, pickups.Times[len(pickups.Times)-1])
	}
}

func (d *Decision) reset() {
	*d = Decision{Shipments: d.Shipments[:0], Unfilled: d.Unfilled[:0]}
}
