package engine

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/solver"
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

// decide searches on time, then late where the policy allows it, then for a part of the order likewise.
func (sc *Scratch) decide(d *Decision) {
	d.reset()
	policy := &sc.e.snap.Policy
	sc.late, sc.scored = false, 0
	if sc.search(d, policy.MaxShipments) {
		return
	}
	if sc.promised && policy.Late == network.LateAllow {
		sc.late = true
		if sc.search(d, policy.MaxShipments) {
			return
		}
	}
	if policy.Partial == network.PartialFill && sc.searchPart(d) {
		return
	}
	sc.refuse(d)
}

// begin starts a search for sc.items: what was worked out for other items or rules no longer holds.
func (sc *Scratch) begin() {
	sc.epoch++
	if sc.epoch == 0 { // after 2^32 searches old stamps would look fresh
		clear(sc.reach)
		clear(sc.prices)
		clear(sc.offers[:cap(sc.offers)])
		sc.epoch = 1
	}
	if sc.leavings >= maxLeavings/2 { // days have gone by: what has left is of no use
		sc.leavings = 0
		for i := range sc.days {
			sc.days[i] = workday{from: 1, until: 0}
		}
	}
	if n := len(sc.row.views) * maxLeavings; cap(sc.offers) < n {
		sc.offers = make([]stamped, n)
	} else {
		sc.offers = sc.offers[:n]
	}
	sc.setContent(&sc.whole, 0, sc.items)
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
	c.lines, c.units, c.weight, c.classes, c.packed = 0, 0, 0, 0, 0
	for _, it := range items {
		if it.Quantity == 0 {
			continue
		}
		c.lines++
		c.units += int64(it.Quantity)
		c.weight += snap.SKUs.Weight[it.SKU] * units.Weight(it.Quantity)
		c.classes |= snap.SKUs.Class[it.SKU]
	}
}

// search finds the best plan for sc.items under the rules at hand and writes it to d. It reports whether there is one.
func (sc *Scratch) search(d *Decision, maxShipments int32) bool {
	sc.begin()
	best, found, candidates := sc.single()
	d.Certificate = Certificate{Status: Optimal, Candidates: candidates, Bound: best.cost}
	if found {
		sc.best = append(sc.best, best)
	}
	if maxShipments > 1 && sc.only < 0 && sc.pieces() > 1 {
		if limit, worth := sc.splitLimit(best.cost, found); worth && sc.gatherSources(limit, maxShipments) {
			if limit, worth = sc.sourceLimit(best.cost, limit); worth {
				sc.searchSplit(d, limit, maxShipments, best.cost)
			}
		}
	}
	if len(sc.best) == 0 {
		return false
	}
	sc.report(d)
	return true
}

// pieces returns into how many shipments the items could be split.
func (sc *Scratch) pieces() int64 {
	if sc.e.snap.Policy.SplitLines {
		return sc.whole.units
	}
	return int64(len(sc.items))
}

// splitLimit returns what a shipment of a plan of several may cost at most for the plan to cost no more than the best
// single shipment, and whether there can be such a plan at all. Of any two of its shipments one may hold the heaviest
// piece, and the others hold at least the lightest. The first bound asks only the place; the second, where that is not
// enough, what is in time from each group.
func (sc *Scratch) splitLimit(cost units.Money, found bool) (limit units.Money, worth bool) {
	heavy, light := sc.extremes()
	if !found {
		return unreachable - 1, true
	}
	rest := cost - sc.e.snap.Policy.SplitCost
	if sc.row.floors[heavy]+sc.row.floors[light]+2*sc.row.handling > rest {
		return 0, false
	}
	sc.lightest = light
	least := sc.timelyFloors(heavy, light)
	return rest - least[1], least[0]+least[1] <= rest
}

// sourceLimit is splitLimit with the floors of each line from where it lies, which gatherSources has worked out.
func (sc *Scratch) sourceLimit(cost, limit units.Money) (units.Money, bool) {
	if cost == unreachable {
		return limit, true
	}
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
	rest := cost - sc.e.snap.Policy.SplitCost
	return rest - cheap, sc.lineFloors[dear]+cheap <= rest
}

// extremes returns the weight tiers of the heaviest piece of the order and of the lightest other one, and keeps that of
// a piece of each line. A piece is what is never divided: a line, or a unit where lines may be split or are not known to
// travel as one parcel.
func (sc *Scratch) extremes() (heavy, light int) {
	snap := sc.e.snap
	whole := !snap.Policy.SplitLines && sc.oneParcel()
	sc.lineTiers = sc.lineTiers[:0]
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

// timelyFloors returns what a shipment in time costs at least that is at least as heavy as each tier.
func (sc *Scratch) timelyFloors(heavy, light int) [2]units.Money {
	e := sc.e
	n := len(e.snap.Services)
	heavies, lights := e.zoneFloors[heavy*n*e.zoneCount:][:n*e.zoneCount], e.zoneFloors[light*n*e.zoneCount:][:n*e.zoneCount]
	heavyFloors, lightFloors := sc.row.floorsOf(heavy), sc.row.floorsOf(light)
	least := [2]units.Money{unreachable, unreachable}
	for i := range sc.row.views {
		v := &sc.row.views[i]
		base := v.handling.base
		row := sc.row.lanes[v.lanes:][:n]
		seen := uint64(0) // sets of ship dates
		for j := v.first; j < v.last && (heavyFloors[i]+base < least[0] || lightFloors[i]+base < least[1]); j++ {
			d := sc.daysOf(sc.row.groups[j].profile)
			if seen>>min(d.leaving, 63)&1 == 1 && d.leaving < 63 {
				continue
			}
			seen |= 1 << min(d.leaving, 63)
			ships := sc.shipsOf(d)
			for set := v.services & sc.services; set != 0; set &= set - 1 {
				s := bits.TrailingZeros64(set)
				l := &row[s]
				at := s*e.zoneCount + int(l.zone)
				first, second := base+heavies[at], base+lights[at]
				if l.light != l.zone {
					at = s*e.zoneCount + int(l.light)
					first, second = min(first, base+heavies[at]), min(second, base+lights[at])
				}
				if first >= least[0] && second >= least[1] || ships[s] == noShip || int32(l.transit) > sc.inTime(int32(s), ships[s]) && !sc.late {
					continue
				}
				least[0], least[1] = min(least[0], first), min(least[1], second)
			}
		}
	}
	return least
}

// searchSplit looks for a plan of several shipments, each for at most limit, and puts it in the place of the best
// single one, if there is one, where it is better.
// known is the cost of the best single shipment, or unreachable.
func (sc *Scratch) searchSplit(d *Decision, limit units.Money, maxShipments int32, known units.Money) {
	snap := sc.e.snap
	p := &sc.problem
	sc.sortSources()
	clear(sc.byTake)
	clear(sc.split)
	sc.used = 0
	if known == unreachable {
		if known = sc.lineByLine(maxShipments); known != unreachable {
			heavy, light := sc.extremes()
			sc.lightest = light
			limit = known - snap.Policy.SplitCost - sc.timelyFloors(heavy, light)[1]
			sc.gatherSources(limit, maxShipments)
			sc.sortSources()
		}
	}
	p.Warehouses, p.Lines, p.MaxShipments, p.SplitCost = len(sc.sources), len(sc.items), int(maxShipments), int64(snap.Policy.SplitCost)
	p.Quantity, p.Available, p.MaySplit = p.Quantity[:0], p.Available[:0], p.MaySplit[:0]
	for _, it := range sc.items {
		p.Quantity = append(p.Quantity, it.Quantity)
		p.MaySplit = append(p.MaySplit, snap.Policy.SplitLines && it.Quantity > 1)
		for _, w := range sc.sources {
			p.Available = append(p.Available, sc.stock.available(it.SKU, w))
		}
	}
	p.Incumbent = 0
	if known != unreachable {
		p.Incumbent = int64(known)
	}
	sc.limit = limit
	plan, proof := solver.Split(p, &sc.solver)
	d.Certificate.States = proof.States
	bound := units.Money(proof.Bound)
	if len(sc.best) > 0 {
		best := &sc.best[0]
		better := proof.Status == solver.Optimal || proof.Status == solver.Bounded
		if cost := units.Money(plan.Cost); better && (cost > best.cost || cost == best.cost && plan.Arrival >= best.offer.arrival) {
			better = false
		}
		if !better {
			if proof.Status != solver.Infeasible && bound < best.cost { // else no plan of several costs less
				d.Certificate.Status, d.Certificate.Bound = Bounded, bound
			}
			return
		}
	}
	switch proof.Status {
	case solver.Unknown, solver.Infeasible:
		return
	case solver.Bounded:
		d.Certificate.Status = Bounded
	}
	d.Certificate.Bound = bound
	sc.best = sc.best[:0]
	for i := range plan.Shipments {
		s := &plan.Shipments[i]
		w := sc.sources[s.Warehouse]
		c := sc.contentOf(s.Take)
		o, cost := sc.offerAt(c, w, limit)
		sc.best = append(sc.best, chosen{warehouse: w, content: c, offer: o, cost: cost})
	}
}

// lineByLine returns what a plan costs that takes every line from the warehouse that ships it alone for the least, or
// unreachable where that is no plan. It is not good, but it bounds the search for a better one.
func (sc *Scratch) lineByLine(maxShipments int32) units.Money {
	n := len(sc.items)
	sc.take = slices.Grow(sc.take[:0], n)[:n]
	sc.from = sc.from[:0]
	for i, it := range sc.items {
		clear(sc.take)
		sc.take[i] = it.Quantity
		c := sc.contentOf(sc.take)
		best := chosen{warehouse: -1, cost: unreachable}
		for _, w := range sc.sources {
			if sc.stock.available(it.SKU, w) >= it.Quantity {
				sc.consider(&best, c, w, sc.e.sites[w].of(c))
			}
		}
		if best.warehouse < 0 {
			return unreachable
		}
		sc.from = append(sc.from, best.warehouse)
	}
	sum, shipments := -sc.e.snap.Policy.SplitCost, int32(0)
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
		o, cost := sc.offerAt(sc.contentOf(sc.take), w, unreachable)
		if !o.ok {
			return unreachable
		}
		sum += cost + sc.e.snap.Policy.SplitCost
		shipments++
	}
	if shipments > maxShipments || shipments < 2 {
		return unreachable
	}
	return sum
}

// gatherSources lists, by rank, the warehouses that may ship a part of the order: they have some of it, some service is
// in time, their floors leave a shipment for at most limit, and no others are better in every respect. It tells whether
// they have enough of every item between them.
func (sc *Scratch) gatherSources(limit units.Money, maxShipments int32) bool {
	most := int(min(int64(maxShipments), sc.pieces()))
	lines := len(sc.items)
	sc.sources, sc.usable = sc.sources[:0], sc.usable[:0]
	sc.enough = slices.Grow(sc.enough[:0], lines)[:lines]
	clear(sc.enough)
	sc.lineFloors, sc.groupFloors = slices.Grow(sc.lineFloors[:0], lines)[:lines], slices.Grow(sc.groupFloors[:0], lines)[:lines]
	for i := range sc.lineFloors {
		sc.lineFloors[i] = unreachable
	}
	floors := sc.row.floorsOf(sc.lightest)
	for i := range sc.row.views {
		v := &sc.row.views[i]
		if floors[i]+v.handling.base > limit {
			continue
		}
		for j := v.first; j < v.last; j++ {
			g := &sc.row.groups[j]
			if floors[i]+g.handling.base > limit || !sc.timely(v, g) {
				continue
			}
			start := len(sc.sources)
			for _, w := range sc.row.members[g.first:g.last] {
				if floors[i]+sc.e.sites[w].base > limit {
					break // members are in order of base
				}
				if sc.only < 0 || sc.only == w {
					sc.addSource(w, start, most)
				}
			}
		}
	}
	for i, it := range sc.items {
		if sc.enough[i] < int64(it.Quantity) {
			return false
		}
	}
	return true
}

func (sc *Scratch) sortSources() {
	slices.SortFunc(sc.sources, func(a, b int32) int {
		return cmp.Compare(sc.e.snap.Warehouses[a].Rank, sc.e.snap.Warehouses[b].Rank)
	})
}

// timelyLineFloors sets groupFloors to what a piece of each line costs at least by a service in time from a warehouse and
// all others of its group.
func (sc *Scratch) timelyLineFloors(w int32) {
	v := &sc.row.views[sc.row.viewOf[w]]
	for i := range sc.groupFloors {
		sc.groupFloors[i] = unreachable
	}
	ships := sc.shipsOf(sc.daysOf(sc.e.sites[w].profile))
	for set := v.services & sc.services; set != 0; set &= set - 1 {
		s := int32(bits.TrailingZeros64(set))
		l := &sc.row.lanes[v.lanes+s]
		if ships[s] == noShip || int32(l.transit) > sc.inTime(s, ships[s]) && !sc.late {
			continue
		}
		for i, tier := range sc.lineTiers {
			sc.groupFloors[i] = min(sc.groupFloors[i], sc.e.zoneFloor(s, l.zone, tier), sc.e.zoneFloor(s, l.light, tier))
		}
	}
}

// addSource appends a warehouse to the sources, of which those from start on are of its group, unless it has nothing
// or is dominated: as many others of its group as a plan has shipments have what it has, for no more. At least one of
// them is then free to take its place in any plan.
func (sc *Scratch) addSource(w int32, start, most int) {
	lines, any := len(sc.items), false
	own := len(sc.usable)
	for _, it := range sc.items {
		n := min(sc.stock.available(it.SKU, w), it.Quantity)
		if n < it.Quantity && !sc.e.snap.Policy.SplitLines || n < 0 {
			n = 0
		}
		any = any || n > 0
		sc.usable = append(sc.usable, n)
	}
	if !any {
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
	if len(sc.sources) == start {
		sc.timelyLineFloors(w)
	}
	sc.sources = append(sc.sources, w)
	for i, n := range sc.usable[own:] {
		if n > 0 {
			sc.lineFloors[i] = min(sc.lineFloors[i], sc.groupFloors[i]+sc.e.sites[w].base)
		}
		if sc.e.snap.Policy.SplitLines {
			sc.enough[i] += int64(n)
		} else {
			sc.enough[i] = max(sc.enough[i], int64(n))
		}
	}
}

// dominates tells whether warehouse a, with what it has, can take b's place in any plan for no more, ties included.
func (sc *Scratch) dominates(a, b int32, has, needs []int32) bool {
	if sc.e.sites[a].limited {
		return false
	}
	x, y := &sc.e.sites[a], &sc.e.sites[b]
	if x.base > y.base || x.line > y.line || x.unit > y.unit || x.kilogram > y.kilogram || x.base == y.base && sc.e.snap.Warehouses[a].Rank > sc.e.snap.Warehouses[b].Rank || y.classes&^x.classes != 0 {
		return false
	}
	for i := range needs {
		if has[i] < needs[i] {
			return false
		}
	}
	return true
}

// timely tells whether any service of a group is in time, or may be late.
func (sc *Scratch) timely(v *view, g *group) bool {
	d := sc.daysOf(g.profile)
	if d.leaving >= maxLeavings {
		return sc.viewTimely(v, d)
	}
	o := &sc.offers[g.view*maxLeavings+d.leaving]
	if o.timelyEpoch != sc.epoch {
		o.timelyEpoch, o.timely = sc.epoch, sc.viewTimely(v, d)
	}
	return o.timely
}

func (sc *Scratch) viewTimely(v *view, d *workday) bool {
	ships := sc.shipsOf(d)
	for set := v.services & sc.services; set != 0; set &= set - 1 {
		s := int32(bits.TrailingZeros64(set))
		if ships[s] != noShip && (sc.late || int32(sc.row.lanes[v.lanes+s].transit) <= sc.inTime(s, ships[s])) {
			return true
		}
	}
	return false
}

// contentOf returns the content of a take vector, worked out once a search.
func (sc *Scratch) contentOf(take []int32) *content {
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
	if sc.used == len(sc.contents) {
		sc.contents = append(sc.contents, &content{})
	}
	c := sc.contents[sc.used]
	items := c.items[:0]
	for i, q := range take {
		if q > 0 {
			items = append(items, Item{SKU: sc.items[i].SKU, Quantity: q})
		}
	}
	sc.setContent(c, int32(sc.used)+1, items)
	sc.byTake[key] = int32(sc.used)
	sc.used++
	return c
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
	c := sc.contentOf(take)
	if c.units == sc.whole.units {
		return solver.Offer{}, false
	}
	o, cost := sc.offerAt(c, sc.sources[w], sc.limit)
	if !o.ok {
		return solver.Offer{}, false
	}
	return solver.Offer{Cost: int64(cost), Arrival: o.arrival, Service: o.service}, true
}

// floorTake is the solver's lower bound on contents that hold at least take.
func (sc *Scratch) floorTake(w int, take []int32) (int64, bool) {
	from := sc.sources[w]
	return int64(sc.row.floorsOf(0)[sc.row.viewOf[from]] + sc.e.sites[from].base), true
}

// searchPart applies PartialFill. What no warehouse can ship is taken off; if the rest still cannot be planned, whole
// lines go, as few units as possible, and of equal units those that leave the cheaper plan.
func (sc *Scratch) searchPart(d *Decision) bool {
	policy := &sc.e.snap.Policy
	sc.late = sc.promised && policy.Late == network.LateAllow
	wanted := slices.Clone(sc.items)
	sc.begin()
	rest := make([]Item, 0, len(wanted))
	for _, it := range wanted {
		if n := sc.obtainable(it); n > 0 {
			rest = append(rest, Item{SKU: it.SKU, Quantity: n})
		}
	}
	if !sc.searchSubsets(d, rest) {
		sc.items = wanted
		return false
	}
	for _, it := range wanted {
		left := it.Quantity
		for i := range sc.items {
			if sc.items[i].SKU == it.SKU {
				left -= sc.items[i].Quantity
			}
		}
		if left > 0 {
			d.Unfilled = append(d.Unfilled, Item{SKU: it.SKU, Quantity: left})
		}
	}
	return true
}

// obtainable returns how many units of an item can be had at most, other items aside.
func (sc *Scratch) obtainable(it Item) int32 {
	total, most := int32(0), int32(0)
	unit := &content{}
	sc.setContent(unit, math.MaxInt32, []Item{{SKU: it.SKU, Quantity: 1}})
	clear(sc.split)
	for w := range int32(len(sc.e.snap.Warehouses)) {
		have := min(it.Quantity, sc.stock.available(it.SKU, w))
		if have <= 0 {
			continue
		}
		if o, _ := sc.offerAt(unit, w, unreachable); !o.ok {
			continue
		}
		total, most = min(it.Quantity, total+have), max(most, have)
	}
	clear(sc.split)
	if sc.e.snap.Policy.SplitLines {
		return total
	}
	return most
}

// maxSubsetLines bounds the lines of which searchSubsets tries every subset. Beyond it lines go one at a time, the one
// with the fewest units first.
const maxSubsetLines = 8

// searchSubsets plans as many units of rest as whole lines allow and leaves them in sc.items.
func (sc *Scratch) searchSubsets(d *Decision, rest []Item) bool {
	most := sc.e.snap.Policy.MaxShipments
	if len(rest) > maxSubsetLines {
		for len(rest) > 0 {
			sc.items = append(sc.items[:0], rest...)
			if sc.search(d, most) {
				return true
			}
			fewest := 0
			for i := range rest {
				if rest[i].Quantity <= rest[fewest].Quantity {
					fewest = i
				}
			}
			rest = slices.Delete(rest, fewest, fewest+1)
		}
		return false
	}
	masks := make([]uint32, 0, 1<<len(rest))
	count := func(mask uint32) (units int64) {
		for i := range rest {
			if mask>>i&1 == 1 {
				units += int64(rest[i].Quantity)
			}
		}
		return units
	}
	for mask := uint32(1); mask < 1<<len(rest); mask++ {
		masks = append(masks, mask)
	}
	slices.SortStableFunc(masks, func(a, b uint32) int { return cmp.Compare(count(b), count(a)) })
	set := func(mask uint32) {
		sc.items = sc.items[:0]
		for i := range rest {
			if mask>>i&1 == 1 {
				sc.items = append(sc.items, rest[i])
			}
		}
	}
	best, cost := uint32(0), units.Money(math.MaxInt64)
	for _, mask := range masks {
		if best != 0 && count(mask) < count(best) {
			break
		}
		set(mask)
		if sc.search(d, most) && d.Cost < cost {
			best, cost = mask, d.Cost
		}
	}
	if best == 0 {
		return false
	}
	set(best)
	return sc.search(d, most)
}

// refuse finds out which wall the order ran into, and writes it to d.
func (sc *Scratch) refuse(d *Decision) {
	scored := sc.scored
	outcome := sc.wall(d)
	d.reset()
	d.Outcome = outcome
	d.Certificate = Certificate{Status: Infeasible, Scored: scored}
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
	if _, found, _ := sc.single(); found {
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
	d.Certificate.Scored = sc.scored
	d.Certificate.Gap = max(0, d.Cost-d.Certificate.Bound)
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
	v := &sc.row.views[sc.row.viewOf[b.warehouse]]
	l := &sc.row.lanes[v.lanes+service]
	s.Warehouse, s.Service = b.warehouse, service
	for _, it := range c.items {
		if it.Quantity > 0 {
			s.Items = append(s.Items, it)
		}
	}
	pack := sc.packFor(c, service)
	s.Parcels = append(s.Parcels, pack.parcels...)
	freight, _ := sc.freight(c, service, b.offer.ship, l)
	s.Freight = freight - pack.boxes
	s.Handling = e.sites[b.warehouse].of(c)
	s.Other = b.cost - s.Freight - s.Handling
	s.Zone, s.Guessed = l.zone, l.guessed
	sc.schedule(s, e.sites[b.warehouse].profile, l, b.offer.ship)
}

// schedule fills in when a shipment is ready, leaves and arrives, and until when the order could have come.
func (sc *Scratch) schedule(s *Shipment, profile int32, l *lane, ship units.Date) {
	svc, p := &sc.e.snap.Services[s.Service], &sc.e.snap.Profiles[profile]
	pickups := &p.Pickups[s.Service]
	delivery := sc.row.delivery[s.Service]
	today := &sc.days[profile]
	s.Ready = p.Dock.Zone.Instant(today.day, today.at)
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
	last, ok := calendar.LastShip(sc.deadline[s.Service], int(l.transit), svc.Linehaul, delivery)
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
