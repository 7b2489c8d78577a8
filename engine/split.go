package engine

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/units"
)

// pieces returns into how many shipments the items could be split.
func (sc *Scratch) pieces() int64 {
	if sc.e.snap.Policy.SplitLines {
		return sc.whole.units
	}
	return int64(len(sc.items))
}

// mayBeatBySplit tells whether a plan of several shipments could cost no more than cost, the best single shipment's. Of
// any two of its shipments one may hold the heaviest piece, and the others hold at least the lightest. The first bound
// asks only the place, the second where the lines lie.
func (sc *Scratch) mayBeatBySplit(cost units.Money) bool {
	at := sc.speed * tiers
	if 2*(sc.row.money(sc.row.floors[at])+sc.row.handling)+sc.e.snap.Policy.SplitCost > cost {
		return false // by the lightest pieces there are
	}
	heavy, light := sc.extremes()
	dear, cheap := sc.row.money(sc.row.floors[at+heavy])+sc.row.handling, sc.row.money(sc.row.floors[at+light])+sc.row.handling
	sc.limit = cost - sc.e.snap.Policy.SplitCost - cheap
	if dear > sc.limit {
		return false
	}
	sc.lightest = light
	if sc.stock.words() > few/16 {
		clear(sc.lineFloors)
		return true // with so many warehouses the search itself gets there sooner
	}
	for i := range sc.lineFloors {
		sc.lineFloors[i] = sc.stockedFloor(i)
	}
	return sc.withinLimit(cost)
}

// stockedFloor returns what a piece of a line costs at least from any warehouse that has some of it.
func (sc *Scratch) stockedFloor(line int) units.Money {
	least := unreachable
	floors := sc.row.floorsOf(sc.speed, sc.lineTiers[line])
	sku, piece := sc.items[line].SKU, sc.items[line].Quantity
	if sc.e.snap.Policy.SplitLines {
		piece = 1
	}
	for i, words := 0, sc.stock.stocked(sku); i < len(words); i++ {
		for word := atomic.LoadUint64(&words[i]); word != 0; word &= word - 1 {
			w := i*64 + bits.TrailingZeros64(word)
			if w >= len(sc.row.viewOf) {
				return least // the rest are warehouses of a network to come; see intersect
			}
			if view := sc.row.viewOf[w]; view >= 0 {
				floor := sc.row.money(floors[view]) + sc.e.sites[w].base
				if sc.shadow != nil {
					floor += sc.shadow.of(sku, int32(w), piece)
				}
				least = min(least, floor)
			}
		}
	}
	return least
}

// withinLimit lowers the limit of a shipment by lineFloors, what a piece of each line costs at least, and tells whether
// the dearest of them is within it.
func (sc *Scratch) withinLimit(cost units.Money) bool {
	dear, cheap := 0, unreachable
	for i, floor := range sc.lineFloors {
		if floor > sc.lineFloors[dear] {
			dear = i
		}
	}
	for i, floor := range sc.lineFloors {
		if i != dear || sc.e.snap.Policy.SplitLines && sc.items[i].Quantity > 1 {
			cheap = min(cheap, floor)
		}
	}
	sc.limit = min(sc.limit, cost-sc.e.snap.Policy.SplitCost-cheap)
	return sc.lineFloors[dear] <= sc.limit
}

// extremes returns the weight tiers of the heaviest piece of the order and of the lightest other one, and keeps that of
// a piece of each line. A piece is what is never divided: a line, or a unit where lines may be split or are not known to
// travel as one parcel.
func (sc *Scratch) extremes() (heavy, light int) {
	snap := sc.e.snap
	whole := !snap.Policy.SplitLines && sc.oneParcel()
	sc.lineTiers = sc.lineTiers[:0]
	sc.lineFloors = slices.Grow(sc.lineFloors[:0], len(sc.items))[:len(sc.items)]
	most, least := units.Weight(-1), units.Weight(math.MaxInt64)
	for i, it := range sc.items {
		w := snap.SKUs.Weight[it.SKU]
		if whole {
			w *= units.Weight(it.Quantity)
		}
		sc.lineTiers = append(sc.lineTiers, tierOf(w))
		switch {
		case w > most:
			if i > 0 {
				least = min(least, most)
			}
			most = w
		default:
			least = min(least, w)
		}
		if snap.Policy.SplitLines && it.Quantity > 1 {
			least = min(least, w)
		}
	}
	return tierOf(most), tierOf(least)
}

// searchSplit looks for a plan of several shipments, each for at most sc.limit, and puts it in the place of the best
// single one, which costs known, where it is better. known is unreachable where there is none. For orders of few lines
// that must come whole, bounds of every part come before the solver, and mostly in place of it.
func (sc *Scratch) searchSplit(d *Decision, known units.Money, maxShipments int32) {
	sc.forgetParts()
	sc.byLine, sc.byLineCost = sc.byLine[:0], unreachable
	incumbent, worth := sc.bound(known, maxShipments)
	if sc.sole {
		sc.best = append(sc.best[:0], sc.byLine...)
		d.Certificate.Status, d.Certificate.Bound = Optimal, incumbent
		return
	}
	if !worth || !sc.gatherSources(maxShipments) {
		return
	}
	p := sc.pose(maxShipments)
	if !sc.asksOnly && worthColumns(p) {
		if c := sc.columnsOf(); c != nil {
			p.Columns, p.Floor, p.MaxStates = c, nil, askedStates
			if c.Exact {
				p.MaxStates = columnStates
			}
		}
	}
	p.Incumbent = 0
	if incumbent != unreachable {
		p.Incumbent = int64(incumbent)
	}
	plan, proof := solver.Split(p, &sc.solver)
	sc.states += proof.States
	sc.conclude(d, &plan, &proof)
}

// bound lowers the limits of the search and returns the lower of known and what a plan costs that it met. worth is false where
// it proves that no plan of several shipments costs known or less.
func (sc *Scratch) bound(known units.Money, maxShipments int32) (incumbent units.Money, worth bool) {
	if sc.setGrid() {
		return sc.boundParts(known, maxShipments)
	}
	return sc.lineByLine(known, maxShipments), true
}

// The sizes of search for orders with columns: exact ones, and ones beside which offers are still asked for, of which those
// in several parcels take some 10 µs each. They hold decisions of 30 lines below 100 ms.
const (
	columnStates = 1 << 18
	askedStates  = 1 << 16
)

// pose makes sc.problem that of sc.items from sc.sources, whose offers are asked for.
func (sc *Scratch) pose(maxShipments int32) *solver.Problem {
	p := &sc.problem
	p.Warehouses, p.Lines, p.MaxShipments, p.SplitCost = len(sc.sources), len(sc.items), int(maxShipments), int64(sc.e.snap.Policy.SplitCost)
	p.Quantity, p.Available, p.MaySplit = p.Quantity[:0], p.Available[:0], p.MaySplit[:0]
	for _, it := range sc.items {
		p.Quantity = append(p.Quantity, it.Quantity)
		p.MaySplit = append(p.MaySplit, sc.e.snap.Policy.SplitLines && it.Quantity > 1)
		for _, w := range sc.sources {
			have := sc.stock.available(it.SKU, w)
			if sc.e.snap.SKUs.Class[it.SKU]&^sc.e.sites[w].classes != 0 {
				have = 0 // it may not ship that
			}
			p.Available = append(p.Available, have)
		}
	}
	p.Columns, p.Floor, p.MaxStates = nil, sc.floor, 0
	return p
}

// conclude puts the best of what is known in sc.best, the single shipment that is there, the plan in sc.byLine and the
// solver's, and writes what is proven about it.
func (sc *Scratch) conclude(d *Decision, plan *solver.Plan, proof *solver.Certificate) {
	cost, arrival, single := unreachable, int64(math.MaxInt64), len(sc.best) > 0
	if single {
		cost, arrival = sc.best[0].cost, sc.best[0].offer.arrival
	}
	status := Optimal
	if proof.Status != solver.Optimal && proof.Status != solver.Infeasible {
		status = Bounded
	}
	found := proof.Status == solver.Optimal || proof.Status == solver.Bounded
	if found = found && (units.Money(plan.Cost) < cost || units.Money(plan.Cost) == cost && plan.Arrival < arrival); found {
		if found = sc.adopt(plan); found {
			cost = units.Money(plan.Cost)
		} else {
			status = Bounded // a day filled up meanwhile: whoever grants will find that this was decided on what no longer is
		}
	}
	switch {
	case status == Bounded && sc.byLineCost < cost:
		cost, single = sc.byLineCost, false
		sc.best = append(sc.best[:0], sc.byLine...)
	case found:
		single = false
		sc.best = append(sc.best[:0], sc.planned...)
	case !single:
		sc.unknown = status == Bounded
		return
	}
	d.Certificate.Status, d.Certificate.Bound = Optimal, cost
	if bound := units.Money(proof.Bound); status == Bounded && (bound < cost || !single) {
		d.Certificate.Status, d.Certificate.Bound = Bounded, min(bound, cost)
	}
}

// adopt writes a plan of the solver to sc.planned, and tells whether all of it can still be had: a day may have filled up since
// the solver asked, where the view is that of a ledger that others claim from.
func (sc *Scratch) adopt(plan *solver.Plan) bool {
	sc.planned = sc.planned[:0]
	for i := range plan.Shipments {
		s := &plan.Shipments[i]
		w := sc.sources[s.Warehouse]
		c := sc.contentOf(s.Take)
		o, share := sc.offerAt(c, w, sc.limit)
		if o == nil {
			return false
		}
		sc.planned = append(sc.planned, chosen{warehouse: w, content: c, offer: o, cost: share})
	}
	return true
}

// lineByLine ships every line alone from the best warehouse for it. It returns the lower of known and what the plan costs
// that these make, where they make one, and lowers sc.limit by it.
func (sc *Scratch) lineByLine(known units.Money, maxShipments int32) (incumbent units.Money) {
	n, split := len(sc.items), sc.e.snap.Policy.SplitCost
	sc.take, sc.from = slices.Grow(sc.take[:0], n)[:n], sc.from[:0]
	for i, it := range sc.items {
		clear(sc.take)
		sc.take[i] = it.Quantity
		best, found, _ := sc.single(sc.contentOf(sc.take), sc.limit)
		if !found {
			return known
		}
		sc.from = append(sc.from, best.warehouse)
	}
	cost := -split
	sc.byLine = sc.byLine[:0]
	for i, w := range sc.from {
		if slices.Contains(sc.from[:i], w) {
			continue // counted with the line before
		}
		for j := range sc.items {
			sc.take[j] = 0
			if sc.from[j] == w {
				sc.take[j] = sc.items[j].Quantity
			}
		}
		c := sc.contentOf(sc.take)
		o, share := sc.offerAt(c, w, unreachable)
		if o == nil {
			return known
		}
		cost += share + split
		sc.byLine = append(sc.byLine, chosen{warehouse: w, content: c, offer: o, cost: share})
	}
	if shipments := int32(len(sc.byLine)); shipments < 2 || shipments > maxShipments || cost >= known {
		return known
	}
	sc.byLineCost = cost
	sc.sortByLine()
	sc.limit = min(sc.limit, cost-split-sc.row.money(sc.row.floors[sc.speed*tiers+sc.lightest])-sc.row.handling)
	return cost
}

// sortByLine puts the shipments of sc.byLine in the order of a plan.
func (sc *Scratch) sortByLine() {
	slices.SortFunc(sc.byLine, func(a, b chosen) int {
		return cmp.Compare(sc.e.snap.Warehouses[a.warehouse].Rank, sc.e.snap.Warehouses[b.warehouse].Rank)
	})
}

// gatherSources lists, by rank, the warehouses that may ship a part of the order: they have some of it, some service is
// in time, their floors leave a shipment for at most sc.limit, and no others are better in every respect. It tells whether
// they have enough of every item between them.
func (sc *Scratch) gatherSources(maxShipments int32) bool {
	most := int(min(int64(maxShipments), sc.pieces()))
	lines := len(sc.items)
	sc.sources, sc.usable = sc.sources[:0], sc.usable[:0]
	sc.enough = slices.Grow(sc.enough[:0], lines)[:lines]
	clear(sc.enough)
	floors := sc.row.floorsOf(sc.speed, sc.lightest)
	for i := range sc.row.views {
		v := &sc.row.views[i]
		if floors[i] == noFloor || sc.row.money(floors[i])+v.handling.base > sc.limit {
			continue
		}
		for j := v.first; j < v.last; j++ {
			g := &sc.row.groups[j]
			if sc.row.money(floors[i])+g.handling.base > sc.limit || !sc.timely(g) {
				continue
			}
			start := len(sc.sources)
			for _, w := range sc.row.members[g.first:g.last] {
				if sc.row.money(floors[i])+sc.e.sites[w].base > sc.limit {
					break // members are in order of base
				}
				sc.addSource(w, start, most)
			}
		}
	}
	for i, it := range sc.items {
		if sc.enough[i] < int64(it.Quantity) {
			return false
		}
	}
	slices.SortFunc(sc.sources, func(a, b int32) int {
		return cmp.Compare(sc.e.snap.Warehouses[a].Rank, sc.e.snap.Warehouses[b].Rank)
	})
	return true
}

// addSource appends a warehouse to the sources, of which those from start on are of its group, unless it has nothing
// or is dominated: as many others of its group as a plan has shipments have what it has, for no more. At least one of
// them is then free to take its place in any plan.
func (sc *Scratch) addSource(w int32, start, most int) {
	lines, some, has := len(sc.items), false, uint64(0)
	own := len(sc.usable)
	for i, it := range sc.items {
		n := min(sc.stock.available(it.SKU, w), it.Quantity)
		if n < it.Quantity && !sc.e.snap.Policy.SplitLines || n < 0 {
			n = 0
		}
		if n > 0 {
			some = true
			if sc.parted {
				if !sc.e.snap.Policy.SplitLines {
					has |= 1 << (8 * i)
				} else {
					has |= uint64(n) << (8 * i)
				}
			}
		}
		sc.usable = append(sc.usable, n)
	}
	if !some || sc.parted && !sc.shipsPart(w, has) {
		sc.usable = sc.usable[:own]
		return
	}
	if !sc.e.carbon && !sc.e.sites[w].limited {
		better := 0
		for at := start; at < len(sc.sources) && better < most; at++ {
			if sc.dominates(sc.sources[at], w, sc.usable[at*lines:][:lines], sc.usable[own:]) {
				better++
			}
		}
		if better == most {
			sc.usable = sc.usable[:own]
			return
		}
	}
	sc.sources = append(sc.sources, w)
	for i, n := range sc.usable[own:] {
		if sc.e.snap.Policy.SplitLines {
			sc.enough[i] += int64(n)
		} else {
			sc.enough[i] = max(sc.enough[i], int64(n))
		}
	}
}

// dominates tells whether warehouse a, with what it has, can take b's place in any plan for no more, ties included.
func (sc *Scratch) dominates(a, b int32, has, needs []int32) bool {
	if sc.e.sites[a].limited || len(sc.shadow.daysOf(a)) > 0 {
		return false
	}
	x, y := &sc.e.sites[a], &sc.e.sites[b]
	if x.base > y.base || x.line > y.line || x.unit > y.unit || x.kilogram > y.kilogram || x.base == y.base && sc.e.snap.Warehouses[a].Rank > sc.e.snap.Warehouses[b].Rank || y.classes&^x.classes != 0 {
		return false
	}
	for i := range needs {
		if has[i] < needs[i] || sc.shadow != nil && needs[i] > 0 && sc.shadow.Unit(sc.items[i].SKU, a) > sc.shadow.Unit(sc.items[i].SKU, b) {
			return false
		}
	}
	return true
}

// timely tells whether any service of a group is in time, or may be late.
func (sc *Scratch) timely(g *group) bool {
	d := sc.daysOf(g.profile)
	if d.leaving >= maxLeavings {
		return sc.viewTimely(g.view, d)
	}
	o := &sc.offers[d.leaving*int32(len(sc.row.views))+g.view]
	if o.timelyEpoch != sc.epoch {
		o.timelyEpoch, o.timely = sc.epoch, sc.viewTimely(g.view, d)
	}
	return o.timely
}

func (sc *Scratch) viewTimely(view int32, d *workday) bool {
	within := sc.inTime(d)
	row := sc.row.lanesOf(int(view), len(within))
	for set := sc.row.views[view].services & sc.services; set != 0; set &= set - 1 {
		s := int32(bits.TrailingZeros64(set))
		if row[s].transit < within[s] {
			return true
		}
	}
	return false
}

// forgetParts forgets the contents of parts of the order: a search begins, or another order.
func (sc *Scratch) forgetParts() {
	clear(sc.byTake)
	sc.searches++
	sc.used, sc.parted, sc.sole = 0, false, false
}

// contentOf returns the content of a take vector, worked out once a search.
func (sc *Scratch) contentOf(take []int32) *content {
	if sc.parted {
		return sc.contentOfPart(sc.takeOf(take))
	}
	key := uint64(14695981039346656037) // FNV-1a over the quantities
	for _, q := range take {
		key = (key ^ uint64(q)) * 1099511628211
	}
	for ; ; key++ {
		at, ok := sc.byTake[key]
		if !ok {
			break
		}
		if c := sc.contents[at]; sc.holds(c, take) {
			return c
		}
	}
	c := sc.newContent()
	items := c.items[:0]
	for i, q := range take {
		if q > 0 {
			items = append(items, Item{SKU: sc.items[i].SKU, Quantity: q})
		}
	}
	sc.setContent(c, int32(sc.used), items)
	sc.byTake[key] = int32(sc.used) - 1
	return c
}

// newContent returns room for a content that lives as long as the search, the sc.used-th.
func (sc *Scratch) newContent() *content {
	if sc.used == len(sc.contents) {
		sc.contents = append(sc.contents, &content{})
	}
	sc.used++
	return sc.contents[sc.used-1]
}

// holds tells whether a content is what a take vector takes.
func (sc *Scratch) holds(c *content, take []int32) bool {
	i := 0
	for l, q := range take {
		if q == 0 {
			continue
		}
		if i == len(c.items) || c.items[i] != (Item{SKU: sc.items[l].SKU, Quantity: q}) {
			return false
		}
		i++
	}
	return i == len(c.items)
}

// offerTake is the solver's view of offerAt. The whole order has been looked at already.
func (sc *Scratch) offerTake(w int, take []int32) (solver.Offer, bool) {
	if sc.parted {
		return sc.offerPart(w, take)
	}
	c := sc.contentOf(take)
	if c.units == sc.whole.units {
		return solver.Offer{}, false
	}
	o, cost := sc.offerAt(c, sc.sources[w], sc.limit)
	if o == nil {
		return solver.Offer{}, false
	}
	return solver.Offer{Cost: int64(cost), Arrival: o.arrival, Service: o.service}, true
}

// offerPart is offerTake for a part that has been bounded.
func (sc *Scratch) offerPart(w int, take []int32) (solver.Offer, bool) {
	p := sc.partOf(take)
	if p.least > p.limit {
		return solver.Offer{}, false
	}
	o, cost := sc.offerAt(p.content, sc.sources[w], p.limit)
	if o == nil {
		return solver.Offer{}, false
	}
	return solver.Offer{Cost: int64(cost), Arrival: o.arrival, Service: o.service}, true
}

// floorTake is the solver's lower bound on whatever a warehouse ships.
func (sc *Scratch) floorTake(w int, take []int32) (int64, bool) {
	from := sc.sources[w]
	floor := sc.row.money(sc.row.floorsOf(sc.speed, 0)[sc.row.viewOf[from]]) + sc.e.sites[from].base
	if sc.shadow != nil {
		stock := units.Money(0)
		for i, n := range take {
			stock += sc.shadow.of(sc.items[i].SKU, from, n)
		}
		floor += min(stock, maxStockPrice)
	}
	return int64(floor), true
}
