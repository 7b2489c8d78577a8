package engine

import (
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/units"
)

// Most orders whose cheapest floors leave room for a split have none that is as cheap as their best single shipment, and the
// few plans that others have as cheap use few of the ways to divide the lines. To find that out does not take the price of
// every part of the order from every warehouse, which is what the solver asks for: the least that each part costs from
// anywhere will do, and of these only such as a plan within the limit could have, by what the others cost at least.

// maxParted is the most lines of an order whose parts are bounded one by one: 62 of them.
const maxParted = 6

// A part is some lines of an order, as one shipment of a plan of several.
type part struct {
	least   units.Money // that it costs from anywhere in time, at least; unreachable where it is in no plan worth looking at
	limit   units.Money // above which no plan has it
	rest    units.Money // that the lines of this set cost at least in shipments of their own, one split cost for each
	first   uint32      // the shipment among them that has the lowest line
	tier    int32       // that bounds the weight of one of its parcels from below
	priced  bool        // least is what it does cost, by best
	best    chosen
	content *content
}

// wholeLines tells whether the parts of the order are sets of its lines, few enough to look at each.
func (sc *Scratch) wholeLines() bool {
	return len(sc.items) <= maxParted && (!sc.e.snap.Policy.SplitLines || sc.whole.units == int64(len(sc.items)))
}

// boundParts bounds the parts of an order of whole lines and tells whether a plan of several shipments could cost no more
// than known. It returns the lower of known and what a plan costs that it met, which it leaves in sc.byLine. Afterwards no
// part with a least cost above its limit is in any plan for at most that.
func (sc *Scratch) boundParts(known units.Money, maxShipments int32) (incumbent units.Money, worth bool) {
	n, split := len(sc.items), sc.e.snap.Policy.SplitCost
	sc.startParts(n)
	full := uint32(1)<<n - 1
	for {
		cost, first := sc.dividedFrom(full)
		if cost -= split; cost > known || cost >= unreachable {
			return known, false
		}
		at := uint32(0)
		for set, one := full, first; ; one = sc.parts[set].first {
			if !sc.parts[one].priced {
				at = one
				break
			}
			if set &^= one; set == 0 {
				break
			}
		}
		if at == 0 {
			return sc.closeParts(full, first, cost, known, maxShipments), true
		}
		sc.pricePart(at, known-sc.parts[full&^at].rest)
	}
}

// startParts writes down what is known of the parts of n lines before any is looked at.
func (sc *Scratch) startParts(n int) {
	sc.parted = true
	sc.parts = slices.Grow(sc.parts[:0], 1<<n)[:1<<n]
	var weights [1 << maxParted]units.Weight // of the lines of a part, or of the heaviest piece where they may be several parcels
	together := sc.oneParcel()
	sc.parts[0] = part{}
	for set := uint32(1); set < 1<<n; set++ {
		line, others := bits.TrailingZeros32(set), set&(set-1)
		it, p := sc.items[line], &sc.parts[set]
		weight := sc.e.snap.SKUs.Weight[it.SKU]
		if together {
			weights[set] = weights[others] + weight*units.Weight(it.Quantity)
		} else {
			weights[set] = max(weights[others], weight)
		}
		p.tier = int32(tierOf(weights[set]))
		p.least = max(sc.lineFloors[line], sc.row.money(sc.row.floors[sc.speed*tiers+int(p.tier)])+sc.row.handling)
		if others != 0 {
			p.least = max(p.least, sc.parts[others].least)
		}
		p.priced, p.content = false, nil
	}
}

// dividedFrom works out what the lines of every set cost at least in shipments of their own, those of the whole order in two
// or more. It returns the latter, with one split cost for each, and the shipment of the first line.
func (sc *Scratch) dividedFrom(full uint32) (cost units.Money, first uint32) {
	split := sc.e.snap.Policy.SplitCost
	for set := uint32(1); set <= full; set++ {
		low := set & -set
		others := set ^ low
		cost, first = 4*unreachable, 0
		for more := others; ; more = (more - 1) & others { // with every set of the others
			one := low | more
			if one != full {
				if sum := sc.parts[one].least + split + sc.parts[set^one].rest; sum < cost {
					cost, first = sum, one
				}
			}
			if more == 0 {
				break
			}
		}
		sc.parts[set].rest, sc.parts[set].first = min(cost, 2*unreachable), first
	}
	return cost, first
}

// pricePart finds out what a part costs from the best warehouse, or that it is more than limit.
func (sc *Scratch) pricePart(set uint32, limit units.Money) {
	p := &sc.parts[set]
	best, found, _ := sc.single(sc.contentOfPart(set), limit)
	p.priced = true
	if p.least = unreachable; found {
		p.least, p.best = best.cost, best
	}
}

// contentOfPart returns the content of a part.
func (sc *Scratch) contentOfPart(set uint32) *content {
	p := &sc.parts[set]
	if p.content == nil {
		n := len(sc.items)
		sc.take = slices.Grow(sc.take[:0], n)[:n]
		for i, it := range sc.items {
			sc.take[i] = it.Quantity * int32(set>>i&1)
		}
		p.content = sc.contentOf(sc.take)
	}
	return p.content
}

// closeParts writes the limits of the parts, given the cheapest way to divide the order, which costs so much where a warehouse
// may ship twice, and starts with the shipment first. It prices those within them, and returns the lower of known and the cost
// of that way, where it is a plan.
func (sc *Scratch) closeParts(full, first uint32, cost, known units.Money, maxShipments int32) (incumbent units.Money) {
	incumbent = known
	for set, one := full, first; set != 0; one = sc.parts[set].first {
		sc.byLine = append(sc.byLine, sc.parts[one].best)
		set &^= one
	}
	plan := len(sc.byLine) <= int(maxShipments)
	for i := range sc.byLine {
		for j := range i {
			plan = plan && sc.byLine[i].warehouse != sc.byLine[j].warehouse
		}
	}
	plan = plan && cost < known
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
	for set := uint32(1); set < full; set++ {
		p := &sc.parts[set]
		p.limit = incumbent - sc.parts[full&^set].rest
		if !p.priced && p.least <= p.limit {
			sc.pricePart(set, p.limit)
		}
		if p.least <= p.limit {
			sc.limit = max(sc.limit, p.limit)
			sc.worthwhile = append(sc.worthwhile, set)
		}
	}
	sc.sole = plan && sc.isSole(full, cost)
	return incumbent
}

// isSole tells whether sc.byLine, which costs as little as any way to divide the order, is the only plan that does: no part of
// another way leaves the others as cheap, and of each of its own one warehouse asks the least. Which of several comes
// first depends on more than cost, and is the solver's to say.
func (sc *Scratch) isSole(full uint32, cost units.Money) bool {
	for i := range sc.byLine {
		if sc.byLine[i].tied {
			return false
		}
	}
	if len(sc.worthwhile) == len(sc.byLine) {
		return true
	}
	sc.dividedFrom(full) // once more: by now it is known what every part costs that may be in a plan
	cheapest := 0
	for _, set := range sc.worthwhile {
		if sc.parts[set].least+sc.parts[full&^set].rest <= cost {
			cheapest++
		}
	}
	return cheapest == len(sc.byLine)
}

// shipsPart tells whether a warehouse, which has the lines of a set, may ship some of them for no more than their limit.
func (sc *Scratch) shipsPart(w int32, has uint32) bool {
	view, base := sc.row.viewOf[w], sc.e.sites[w].base
	for _, set := range sc.worthwhile {
		p := &sc.parts[set]
		if set&^has == 0 && sc.row.money(sc.row.floorsOf(sc.speed, p.content.tier)[view])+p.content.cartons+base <= p.limit {
			return true
		}
	}
	return false
}

// partOf returns the part that a take vector takes.
func (sc *Scratch) partOf(take []int32) *part {
	set := 0
	for i, q := range take {
		if q > 0 {
			set |= 1 << i
		}
	}
	return &sc.parts[set]
}
