package engine

import (
	"slices"

	"github.com/allot-engine/allot/units"
)

// Most orders whose cheapest floors leave room for a split have none that is as cheap as their best single shipment, and the
// few plans that others have as cheap use few of the ways to divide the lines. To find that out does not take the price of
// every part of the order from every warehouse, which is what the solver asks for: the least that each part costs from
// anywhere will do, and of these only such as a plan within the limit could have, by what the others cost at least.

// A part is some pieces of an order, as one shipment of a plan of several. A piece is what is never divided: a line, or a unit
// where lines may be split.
type part struct {
	least   units.Money // that it costs from anywhere in time, at least; unreachable where it is in no plan worth looking at
	limit   units.Money // above which no plan has it
	rest    units.Money // that these pieces cost at least in shipments of their own, one split cost for each
	first   int32       // the shipment among them that has the first piece
	tier    int32       // that bounds the weight of one of its parcels from below
	priced  bool        // least is what it does cost, by best
	best    chosen
	content *content
}

// boundParts bounds the parts of the order, which sc.grid numbers, and tells whether a plan of several shipments could cost no
// more than known. It returns the lower of known and what a plan costs that it met, which it leaves in sc.byLine. Afterwards
// no part with a least cost above its limit is in any plan for at most that.
func (sc *Scratch) boundParts(known units.Money, maxShipments int32) (incumbent units.Money, worth bool) {
	split := sc.e.snap.Policy.SplitCost
	sc.startParts()
	full := sc.grid.takes - 1
	for changed := 1; ; {
		sc.divideFrom(changed)
		cost, first := sc.parts[full].rest-split, int(sc.parts[full].first)
		if cost > known || cost >= unreachable {
			return known, false
		}
		at := 0
		for take, one := full, first; ; one = int(sc.parts[take].first) {
			if !sc.parts[one].priced {
				at = one
				break
			}
			if take -= one; take == 0 {
				break
			}
		}
		if at == 0 {
			return sc.closeParts(first, cost, known, maxShipments), true
		}
		sc.pricePart(at, known-sc.parts[full-at].rest)
		changed = at
	}
}

// startParts writes down what is known of the parts before any is looked at.
func (sc *Scratch) startParts() {
	sc.parted = true
	g := sc.grid
	sc.parts = slices.Grow(sc.parts[:0], g.takes)[:g.takes]
	var weights [maxTakes]units.Weight // of what a part has, or of its heaviest piece where it may be several parcels
	together := sc.oneParcel()
	sc.parts[0] = part{}
	for take := 1; take < g.takes; take++ {
		item, others := g.lowest[take], g.rest[take]
		p := &sc.parts[take]
		weight := sc.e.snap.SKUs.Weight[sc.items[item].SKU]
		if !together {
			weights[take] = max(weights[others], weight)
		} else {
			if !sc.e.snap.Policy.SplitLines {
				weight *= units.Weight(sc.items[item].Quantity)
			}
			weights[take] = weights[others] + weight
		}
		p.tier = int32(sc.e.tierOf(weights[take]))
		p.least = max(sc.lineFloors[item], sc.row.money(sc.row.floors[sc.speed*tiers+int(p.tier)])+sc.row.handling)
		if others != 0 {
			p.least = max(p.least, sc.parts[others].least)
		}
		p.priced, p.content = false, nil
	}
}

// divideFrom works out what every take costs at least in shipments of its own, the whole order in two or more, and the shipment
// with its first piece. Only what takes from a number on cost has changed since the last time.
func (sc *Scratch) divideFrom(changed int) {
	split, g := sc.e.snap.Policy.SplitCost, sc.grid
	parts := sc.parts
	for take := changed; take < len(parts); take++ {
		ones := g.parts[g.start[take]:g.start[take+1]]
		if take == len(parts)-1 {
			ones = ones[1:] // all of it is no part
		}
		cost, first := 4*unreachable, int32(0)
		for _, one := range ones {
			if sum := parts[one].least + parts[take-int(one)].rest; sum < cost {
				cost, first = sum, int32(one)
			}
		}
		parts[take].rest, parts[take].first = min(cost+split, 2*unreachable), first
	}
}

// pricePart finds out what a part costs from the best warehouse, or that it is more than limit.
func (sc *Scratch) pricePart(take int, limit units.Money) {
	p := &sc.parts[take]
	best, found, _ := sc.single(sc.contentOfPart(take), limit)
	p.priced = true
	if p.least = unreachable; found {
		p.least, p.best = best.cost, best
	}
}

// contentOfPart returns the content of a part.
func (sc *Scratch) contentOfPart(take int) *content {
	p := &sc.parts[take]
	if p.content == nil {
		c := sc.newContent()
		items := c.items[:0]
		for i, it := range sc.items {
			if n := sc.units(take, i); n > 0 {
				items = append(items, Item{SKU: it.SKU, Quantity: n})
			}
		}
		sc.setContent(c, int32(sc.used), items)
		p.content = c
	}
	return p.content
}

// closeParts writes the limits of the parts, given the cheapest way to divide the order, which costs so much where a warehouse
// may ship twice, and starts with the shipment first. It prices those within them, and returns the lower of known and the cost
// of that way, where it is a plan.
func (sc *Scratch) closeParts(first int, cost, known units.Money, maxShipments int32) (incumbent units.Money) {
	incumbent = known
	full := sc.grid.takes - 1
	for take, one := full, first; take != 0; one = int(sc.parts[take].first) {
		sc.byLine = append(sc.byLine, sc.parts[one].best)
		take -= one
	}
	plan := len(sc.byLine) <= int(maxShipments) && cost < known
	for i := range sc.byLine {
		for j := range i {
			plan = plan && sc.byLine[i].warehouse != sc.byLine[j].warehouse
		}
	}
	switch {
	case plan:
		incumbent, sc.byLineCost = cost, cost
		sc.sortByLine()
	default:
		if sc.byLine = sc.byLine[:0]; known == unreachable {
			incumbent = sc.lineByLine(known, maxShipments)
		}
	}
	sc.parts[full].least, sc.parts[full].limit = unreachable, 0 // which is no part
	sc.limit = 0
	sc.worthwhile = sc.worthwhile[:0]
	for take := 1; take < full; take++ {
		p := &sc.parts[take]
		p.limit = incumbent - sc.parts[full-take].rest
		if !p.priced && p.least <= p.limit {
			sc.pricePart(take, p.limit)
		}
		if p.least <= p.limit {
			sc.limit = max(sc.limit, p.limit)
			sc.worthwhile = append(sc.worthwhile, int32(take))
		}
	}
	sc.sole = plan && sc.isSole(cost)
	return incumbent
}

// isSole tells whether sc.byLine, which costs as little as any way to divide the order, is the only plan that does: no part of
// another way leaves the others as cheap, and of each of its own one warehouse asks the least. Which of several comes
// first depends on more than cost, and is the solver's to say.
func (sc *Scratch) isSole(cost units.Money) bool {
	for i := range sc.byLine {
		if sc.byLine[i].tied {
			return false
		}
	}
	if len(sc.worthwhile) == len(sc.byLine) {
		return true
	}
	sc.divideFrom(1) // once more: by now it is known what every part costs that may be in a plan
	cheapest, full := 0, sc.grid.takes-1
	for _, take := range sc.worthwhile {
		if sc.parts[take].least+sc.parts[full-int(take)].rest <= cost {
			cheapest++
		}
	}
	return cheapest == len(sc.byLine)
}

// shipsPart tells whether a warehouse, which has packed digits of pieces, may ship some of them for no more than their limit.
func (sc *Scratch) shipsPart(w int32, has uint64) bool {
	view, base := sc.row.viewOf[w], sc.e.sites[w].base
	for _, take := range sc.worthwhile {
		p := &sc.parts[take]
		if sc.grid.holds(has, int(take)) && sc.row.money(sc.row.floorsOf(sc.speed, p.content.tier)[view])+p.content.cartons+base <= p.limit {
			return true
		}
	}
	return false
}

// partOf returns the part that a take vector takes.
func (sc *Scratch) partOf(take []int32) *part { return &sc.parts[sc.takeOf(take)] }
