package engine

import (
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// packFor returns the content in parcels under the service's limits.
func (sc *Scratch) packFor(c *content, service int32) *packing {
	class := sc.e.limitOf[service]
	if c.packed>>class&1 == 0 {
		sc.packUnder(c, class)
	}
	return &c.packs[class]
}

// packUnder packs a content under the limits of a class. What is one parcel under looser limits, and within these, is the same
// under these: whatever they rule out before it came to that parcel, the others do too.
func (sc *Scratch) packUnder(c *content, class int32) {
	for len(c.packs) < len(sc.e.limits) {
		c.packs = append(c.packs, packing{})
	}
	out, lim := &c.packs[class], &sc.e.limits[class]
	c.packed |= 1 << class
	if looser := sc.e.looser[class]; looser >= 0 {
		if c.packed>>looser&1 == 0 {
			sc.packUnder(c, looser)
		}
		if of := &c.packs[looser]; of.ok && len(of.parcels) == 1 && lim.takes(of.parcels[0].Weight, of.parcels[0].Sides) {
			out.parcels, out.boxes, out.ok = append(out.parcels[:0], of.parcels[0]), of.boxes, true
			return
		}
	}
	sc.packer.pack(out, c.items, lim)
}

// freight returns the price of a content's parcels by a service on a ship date, cartons included.
func (sc *Scratch) freight(c *content, service int32, ship units.Date, l *lane) (units.Money, bool) {
	pack := sc.packFor(c, service)
	if !pack.ok {
		return 0, false
	}
	tariff := sc.e.snap.Services[service].Tariff
	if at := int(ship - sc.base); c.id == 0 && len(pack.parcels) == 1 && at >= 0 && at < span {
		p := &sc.prices[int(service)*span+at]
		if p.epoch != sc.epoch {
			p.epoch, p.ok = sc.epoch, false
			if card := tariff.At(ship); card != nil {
				card.Prepare(&p.quote, &pack.parcels[0].Parcel, sc.attrs[service], ship)
				p.ok = true
			}
		}
		if !p.ok {
			return 0, false
		}
		price, ok := p.quote.Total(l.of(p.quote.Light))
		return price + pack.boxes, ok
	}
	if c.id != 0 && int(c.id) < maxTakes && len(pack.parcels) == 1 {
		return sc.partFreight(c, service, ship, l, pack)
	}
	card := tariff.At(ship)
	if card == nil {
		return 0, false
	}
	sum := pack.boxes
	for i := range pack.parcels {
		card.Prepare(&sc.prepared, &pack.parcels[i].Parcel, sc.attrs[service], ship)
		price, ok := sc.prepared.Total(l.of(sc.prepared.Light))
		if !ok {
			return 0, false
		}
		sum += price
	}
	return sum, true
}

// partFreight is freight for a part of the order that is one parcel, which is prepared for a service once a search, and anew
// for another ship date.
func (sc *Scratch) partFreight(c *content, service int32, ship units.Date, l *lane, pack *packing) (units.Money, bool) {
	at := int(c.id)*len(sc.e.snap.Services) + int(service)
	if at >= len(sc.partPrices) {
		sc.partPrices = append(sc.partPrices, make([]partPriced, (int(c.id)+1)*len(sc.e.snap.Services)-len(sc.partPrices))...)
	}
	p := &sc.partPrices[at]
	if p.search != sc.searches || p.ship != ship {
		p.search, p.ship, p.ok = sc.searches, ship, false
		if card := sc.e.snap.Services[service].Tariff.At(ship); card != nil {
			card.Prepare(&p.quote, &pack.parcels[0].Parcel, sc.attrs[service], ship)
			p.ok = true
		}
	}
	if !p.ok {
		return 0, false
	}
	price, ok := p.quote.Total(l.of(p.quote.Light))
	return price + pack.boxes, ok
}

// weigh works out the weight tier that bounds the billable weight of a content's parcel from below. Where some service
// takes more than one parcel for it, nothing is known and the tier is that of nothing, whose floors are those of one
// parcel.
func (sc *Scratch) weigh(c *content) {
	c.tier, c.cartons = 0, 0
	least, cartons := units.Weight(math.MaxInt64), units.Money(math.MaxInt64)
	for class := range sc.e.limits {
		pack := sc.packFor(c, sc.e.limitService[class])
		if !pack.ok {
			continue
		}
		if len(pack.parcels) != 1 {
			return
		}
		cartons = min(cartons, pack.boxes)
		for _, card := range sc.e.dimensional {
			least = min(least, card.LeastBillable(&pack.parcels[0].Parcel))
		}
	}
	if least != math.MaxInt64 {
		c.tier, c.cartons = tierOf(least), cartons
	}
}

// offerFrom sets best to the best that the services of a view make of a content for at most limit, leaving on the dates of a
// workday, capacity aside. The service with the lowest floor is priced first, which mostly rules out the others.
func (sc *Scratch) offerFrom(best *offer, c *content, view int32, d *workday, limit units.Money) {
	e := sc.e
	sc.scored++
	best.ok, best.price = false, limit
	n := len(e.snap.Services)
	limit -= c.cartons
	ships, row, within := sc.shipsOf(d), sc.row.lanesOf(int(view), n), sc.inTime(d)[:n]
	floors := e.zoneFloors[c.tier*n*e.zoneCount:][:n*e.zoneCount]
	extra, zones := sc.row.extra, e.zoneCount
	open := uint64(0)
	for s := range row { // without a branch on what is in time, which no processor foresees
		bit := uint64(0)
		if row[s].transit < within[s] {
			bit = 1
		}
		open |= bit << (s & 63)
	}
	open &= sc.services
	first, least := -1, limit
	for set := open; set != 0; set &= set - 1 {
		s := bits.TrailingZeros64(set)
		l := &row[s]
		floor := min(floors[s*zones+int(l.zone)], floors[s*zones+int(l.light)])
		if floor += extra[s]; floor <= least {
			first, least = s, floor
		}
	}
	if first < 0 {
		return
	}
	sc.offerBy(best, c, int32(first), ships[first], &row[first])
	for set := open &^ (1 << first); set != 0; set &= set - 1 {
		s := bits.TrailingZeros64(set)
		l := &row[s]
		if min(floors[s*zones+int(l.zone)], floors[s*zones+int(l.light)])+extra[s] <= best.price-c.cartons {
			sc.offerBy(best, c, int32(s), ships[s], l)
		}
	}
}

// offerBy puts the offer of one service on a ship date, in time unless the search may be late, in best's place where it is
// better.
func (sc *Scratch) offerBy(best *offer, c *content, s int32, ship units.Date, l *lane) {
	svc := &sc.e.snap.Services[s]
	if c.classes&^svc.Classes != 0 {
		return
	}
	freight, ok := sc.freight(c, s, ship, l)
	price := freight + svc.PerShipment
	if !ok || price > best.price {
		return
	}
	day, arrival, ok := sc.arrival(s, ship, l.transit)
	if !ok {
		return
	}
	if sc.late && day > sc.deadline[s] {
		price += sc.e.snap.Policy.LateCost * units.Money(day-sc.deadline[s])
		if price > best.price {
			return
		}
	}
	if !best.ok || price < best.price || price == best.price && (arrival < best.arrival ||
		arrival == best.arrival && svc.Rank < sc.e.snap.Services[best.service].Rank) {
		best.price, best.freight, best.arrival, best.service, best.ship, best.ok = price, freight, arrival, s, ship, true
	}
}

// offerOf is offerFrom, worked out once for an order, content and set of ship dates unless the limit was too low to tell.
//
// Offers travel as pointers to where they are kept: returning them by value copied each several times right after it was
// written, which stalled for longer than the comparisons took. A pointer is good until the next search begins.
func (sc *Scratch) offerOf(c *content, view, profile int32, limit units.Money) *offer {
	d := sc.daysOf(profile)
	at := d.leaving*int32(len(sc.row.views)) + view
	if c.id == 0 && d.leaving < maxLeavings {
		o := &sc.offers[at]
		if o.epoch != sc.epoch || !o.ok && o.price < limit {
			o.epoch = sc.epoch
			sc.offerFrom(&o.offer, c, view, d, limit)
		}
		return &o.offer
	}
	key := uint64(c.id)<<32 | uint64(at)
	kept, known := sc.split.at(key)
	if !known {
		*kept = sc.newOffer()
	}
	o := *kept
	if !known || !o.ok && o.price < limit {
		sc.offerFrom(o, c, view, d, limit)
	}
	return o
}

// newOffer returns room for an offer that lives as long as the search.
func (sc *Scratch) newOffer() *offer {
	if sc.kept == len(sc.keep) {
		sc.keep = append(sc.keep, new(offer))
	}
	sc.kept++
	return sc.keep[sc.kept-1]
}

// offerAt returns the best offer of one warehouse for a content and what it costs with handling, or nil if that is more
// than limit. Stock is not looked at.
func (sc *Scratch) offerAt(c *content, w int32, limit units.Money) (*offer, units.Money) {
	view, own := sc.row.viewOf[w], sc.own(c, w)
	if view < 0 || sc.only >= 0 && sc.only != w || sc.row.money(sc.row.floorsOf(sc.speed, c.tier)[view])+c.cartons > limit-own {
		return nil, 0
	}
	o := sc.offerWithin(c, w, limit-own)
	if o == nil {
		return nil, 0
	}
	return o, o.price + own
}

// offerWithin is offerAt for a price without handling of at most limit, from a warehouse that has a view.
func (sc *Scratch) offerWithin(c *content, w int32, limit units.Money) (o *offer) {
	site := &sc.e.sites[w]
	switch {
	case c.classes&^site.classes != 0:
		return nil
	case sc.ownOffers(w):
		o = sc.offerOwn(c, w, limit)
	default:
		o = sc.offerOf(c, int32(sc.row.viewOf[w]), site.profile, limit)
	}
	if !o.ok || o.price > limit {
		return nil
	}
	return o
}

// ownOffers tells that the offer of a warehouse's group is not known to be its own.
func (sc *Scratch) ownOffers(w int32) bool {
	return sc.e.carbon || sc.e.sites[w].limited && !sc.roomForAll(w) || sc.shadow != nil && len(sc.shadow.daysOf(w)) > 0
}

// roomForAll tells whether the warehouse ships by every service on the date its group does, so that the offer of the
// group is its own.
func (sc *Scratch) roomForAll(w int32) bool {
	ships := sc.shipsOf(sc.daysOf(sc.e.sites[w].profile))
	for set := sc.row.views[sc.row.viewOf[w]].services & sc.services; set != 0; set &= set - 1 {
		s := int32(bits.TrailingZeros64(set))
		if ships[s] != noShip && sc.capacityOf(w, s, ships[s]) != None {
			return false
		}
	}
	return true
}

// capacityOf tells whether the day of a warehouse and of a service there take one more shipment, or which is full.
func (sc *Scratch) capacityOf(w, service int32, ship units.Date) Constraint {
	snap := sc.e.snap
	if snap.Warehouses[w].DailyCapacity >= 0 && sc.stock.warehouseLeft(snap, w, ship) <= 0 {
		return WarehouseFull
	}
	if snap.Services[service].DailyCapacity >= 0 && sc.stock.serviceLeft(snap, w, service, ship) <= 0 {
		return ServiceFull
	}
	return None
}

// shipFrom returns the first ship date on which the warehouse hands over to the service and both have room, from the
// group's own on.
func (sc *Scratch) shipFrom(w, service int32) (units.Date, Constraint) {
	profile := sc.e.sites[w].profile
	ship := sc.shipsOf(sc.daysOf(profile))[service]
	pickups := &sc.e.snap.Profiles[profile].Pickups[service]
	why := NoPickup
	for ship != noShip && ship <= sc.horizon {
		if why = sc.capacityOf(w, service, ship); why == None {
			return ship, None
		}
		next, _, ok := pickups.Next(ship+1, 0)
		if !ok {
			break
		}
		ship = next
	}
	return 0, why
}

// precedes tells whether an offer of a warehouse comes before another one there: by price, arrival, rank of the service.
// offerBy, which the hot path is in, states the same of what is no offer yet.
func (e *Engine) precedes(a, b *offer) bool {
	return a.price < b.price || a.price == b.price && (a.arrival < b.arrival ||
		a.arrival == b.arrival && e.snap.Services[a.service].Rank < e.snap.Services[b.service].Rank)
}

// offerOwn is the best offer of a warehouse, for at most limit, that the offer of its group does not tell: its days are
// filling up or have a price, or its distance counts. It looks at every service by itself.
func (sc *Scratch) offerOwn(c *content, w int32, limit units.Money) *offer {
	best := sc.newOffer()
	best.ok, best.price = false, limit
	view := int(sc.row.viewOf[w])
	row := sc.row.lanesOf(view, len(sc.e.snap.Services))
	for set := sc.row.views[view].services & sc.services; set != 0; set &= set - 1 {
		s := int32(bits.TrailingZeros64(set))
		ship, why := sc.shipFrom(w, s)
		if why != None {
			continue
		}
		if !sc.late && int(row[s].transit) > calendar.MaxTransit(ship, sc.deadline[s], sc.e.snap.Services[s].Linehaul, sc.delivery(s)) {
			continue
		}
		extra := sc.e.carbonCost(c, w, s, sc.place) + sc.shadow.Shipment(w, s, ship)
		one := offer{price: best.price - extra}
		sc.offerBy(&one, c, s, ship, &row[s])
		if !one.ok {
			continue
		}
		one.price += extra
		if !best.ok || sc.e.precedes(&one, best) {
			*best = one
		}
	}
	return best
}

// few is the number of candidates up to which a look at each beats the walk through the groups.
const few = 48

// single finds the best way to ship a content from one warehouse for at most limit. candidates is the number of
// warehouses that have some of every item.
func (sc *Scratch) single(c *content, limit units.Money) (best chosen, found bool, candidates int32) {
	candidates = sc.intersect(c.items)
	best = chosen{cost: limit}
	found = sc.singleOf(&best, c, candidates)
	return best, found, candidates
}

// singleOf puts the best of the warehouses in cand, so many of them, in best's place where it ships a content for no more.
func (sc *Scratch) singleOf(best *chosen, c *content, candidates int32) (found bool) {
	switch {
	case candidates == 0:
		return false
	case candidates <= few || sc.e.carbon || sc.only >= 0:
		return sc.singleOfFew(best, c)
	}
	return sc.singleOfMany(best, c)
}

// singleOfFew looks at every candidate: at the one with the lowest floor first, for what it costs rules out most. To take
// the lowest of the rest each time was tried, and cost more than the few offers it spared.
func (sc *Scratch) singleOfFew(best *chosen, c *content) (found bool) {
	sc.shortlist = sc.shortlist[:0]
	floors := sc.row.floorsOf(sc.speed, c.tier)
	first := 0
	for i, word := range sc.cand {
		for ; word != 0; word &= word - 1 {
			w := int32(i*64 + bits.TrailingZeros64(word))
			if view := sc.row.viewOf[w]; view >= 0 && floors[view] != noFloor && (sc.only < 0 || sc.only == w) && sc.hasAll(c, w) {
				own := sc.e.sites[w].of(c) // as sc.own, without a call
				if sc.shadow != nil {
					own += sc.shadow.units(c.items, w)
				}
				floor := own + sc.row.money(floors[view]) + c.cartons
				sc.shortlist = append(sc.shortlist, candidate{floor: floor, own: own, warehouse: w})
				if floor < sc.shortlist[first].floor {
					first = len(sc.shortlist) - 1
				}
			}
		}
	}
	if len(sc.shortlist) == 0 || sc.shortlist[first].floor > best.cost {
		return false
	}
	found = sc.consider(best, c, sc.shortlist[first].warehouse, sc.shortlist[first].own)
	for i := range sc.shortlist {
		if one := &sc.shortlist[i]; i != first && one.floor <= best.cost {
			found = sc.consider(best, c, one.warehouse, one.own) || found
		}
	}
	return found
}

// singleOfMany walks through the views, the ones with the lowest floors first, their groups, and in each the
// warehouses with the least handling first, as long as they can still be better.
func (sc *Scratch) singleOfMany(best *chosen, c *content) (found bool) {
	floors := sc.row.floorsOf(sc.speed, c.tier)
	for i := range sc.row.views {
		v := &sc.row.views[i]
		if floors[i] == noFloor || sc.row.money(floors[i])+c.cartons+v.handling.of(c) > best.cost {
			continue
		}
		for j := v.first; j < v.last; j++ {
			found = sc.singleOfGroup(best, c, sc.row.money(floors[i])+c.cartons, &sc.row.groups[j]) || found
		}
	}
	return found
}

// singleOfGroup is singleOfMany in one group, whose parcels cost at least floor.
func (sc *Scratch) singleOfGroup(best *chosen, c *content, floor units.Money, g *group) (found bool) {
	least := g.handling.of(c)
	if floor+least > best.cost {
		return false
	}
	if !sc.e.anyLimited { // a full day may push a warehouse to a ship date with other prices; floors hold on all
		o := sc.offerOf(c, g.view, g.profile, best.cost-least)
		if !o.ok || o.price+least > best.cost {
			return false
		}
		floor = o.price
	}
	floor += least - g.handling.base
	for _, w := range sc.row.members[g.first:g.last] {
		site := &sc.e.sites[w]
		if floor+site.base > best.cost {
			break // members are in order of base
		}
		if sc.cand[w/64]>>(w%64)&1 == 1 && sc.hasAll(c, w) {
			found = sc.consider(best, c, w, sc.own(c, w)) || found
		}
	}
	return found
}

// hasAll tells whether a warehouse among the candidates, which has some of every item, has all of it.
func (sc *Scratch) hasAll(c *content, w int32) bool {
	if c.ones {
		return true
	}
	for _, it := range c.items {
		if sc.stock.available(it.SKU, w) < it.Quantity {
			return false
		}
	}
	return true
}

// own returns what a warehouse asks for a content whoever takes it: its handling, and the prices of the units.
func (sc *Scratch) own(c *content, w int32) units.Money {
	cost := sc.e.sites[w].of(c)
	if sc.shadow != nil {
		cost += sc.shadow.units(c.items, w)
	}
	return cost
}

// consider puts a warehouse, which has the stock and a group, in best's place where it ships the content better. own is
// what it asks for it.
func (sc *Scratch) consider(best *chosen, c *content, w int32, own units.Money) bool {
	o := sc.offerWithin(c, w, best.cost-own)
	if o == nil {
		return false
	}
	cost := o.price + own
	best.tied = best.offer != nil && cost == best.cost
	if best.offer == nil || cost < best.cost || o.arrival < best.offer.arrival ||
		o.arrival == best.offer.arrival && sc.e.snap.Warehouses[w].Rank < sc.e.snap.Warehouses[best.warehouse].Rank {
		best.warehouse, best.content, best.offer, best.cost = w, c, o, cost
	}
	return true
}

// intersect sets cand to the warehouses that have some of every item and counts them. A ledger may be a network ahead of the
// snapshot: its stock is entered before the network is in service, and decisions on the network before it go on for a while.
// Bits of warehouses that the snapshot does not know are left out. That is done once, in the last word, for words are many.
func (sc *Scratch) intersect(items []Item) int32 {
	words := min(sc.stock.words(), sc.e.words)
	if cap(sc.cand) < words {
		sc.cand = make([]uint64, words)
	}
	sc.cand = sc.cand[:words]
	n := 0
	first := sc.stock.stocked(items[0].SKU)[:words]
	if len(items) == 1 {
		for i := range first {
			sc.cand[i] = atomic.LoadUint64(&first[i])
			n += bits.OnesCount64(sc.cand[i])
		}
		return sc.known(n)
	}
	second := sc.stock.stocked(items[1].SKU)
	for i := range first {
		sc.cand[i] = atomic.LoadUint64(&first[i]) & atomic.LoadUint64(&second[i])
		n += bits.OnesCount64(sc.cand[i])
	}
	for _, it := range items[2:] {
		n = 0
		more := sc.stock.stocked(it.SKU)[:words]
		for i := range more {
			sc.cand[i] &= atomic.LoadUint64(&more[i])
			n += bits.OnesCount64(sc.cand[i])
		}
	}
	return sc.known(n)
}

// known takes bits that are no warehouses' out of cand, which has n bits, and returns how many are left.
func (sc *Scratch) known(n int) int32 {
	if len(sc.cand) == sc.e.words { // of fewer words every bit is a warehouse's
		last := &sc.cand[len(sc.cand)-1]
		n -= bits.OnesCount64(*last &^ sc.e.lastWord)
		*last &= sc.e.lastWord
	}
	return int32(n)
}

// oneParcel tells whether every service takes the whole order as one parcel, and hence any part of it.
func (sc *Scratch) oneParcel() bool {
	for class := range sc.e.limits {
		pack := sc.packFor(&sc.whole, sc.e.limitService[class])
		if !pack.ok || len(pack.parcels) != 1 {
			return false
		}
	}
	return true
}
