package engine

import (
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/units"
)

// Orders too large for the solver's exact search need good bounds, and a search that sees prices without asking for
// each. For them the engine writes down what a carton costs by the weight and volume of what is in it, as solver.Columns:
// one rate for each size of carton, the cheapest over the services that are in time. A carton's sides are known, so that
// what is left of a card is steps of weight; only surcharges by the parcel's flags or declared value are not, and cards
// with such count by their floors. What does not go in one carton costs at least what any parcels of its weight do. The
// columns say what an offer costs at least; mostly it is known that they say just what it costs, and the solver then asks
// for none.

// maxColumnBoxes is the most sizes of carton for which columns are made: the solver's bounds look at no more than 16 rates,
// and two are for other parcels.
const maxColumnBoxes = 14

// severalSteps is in how many parts the weight of an order is cut to work out what several parcels cost at least.
const severalSteps = 128

// columnBits is how many bits the weight of a whole order takes at most in columns, so that weights times costs fit.
const columnBits = 28

// A shape is what columns need to know of a card.
type shape struct {
	ends     []units.Weight // ascending: a parcel of given sides, flags and value costs the same from over one end up to the next
	stepwise bool           // that is so; it is not where prices count units of weight
	flags    bool           // prices depend on the parcel's flags
	value    bool           // and on its declared value
}

func shapeOf(src *ratecards.Source) *shape {
	sh := &shape{stepwise: true, flags: len(src.Refuses) > 0}
	add := func(w units.Weight) {
		if w > 0 {
			sh.ends = append(sh.ends, w)
		}
	}
	billable := func(w units.Weight) { // a bound of the billable weight, and of what is rounded up to no more than it
		add(w)
		for _, s := range src.WeightSteps {
			if s.To > 0 {
				add(w / s.To * s.To)
			}
		}
	}
	conditions := func(all []ratecards.Condition) {
		for i := range all {
			add(all[i].WeightOver)
			sh.flags = sh.flags || len(all[i].Flags) > 0
			sh.value = sh.value || all[i].ValueOver > 0
		}
	}
	for _, s := range src.WeightSteps {
		add(s.NotOver)
	}
	for _, d := range src.Dimensional {
		sh.flags = sh.flags || d.Nonrectangular != 0
	}
	add(src.Limits.Weight)
	add(src.Zones.LightBelow - 1)
	for i := range src.Structures {
		st := &src.Structures[i]
		add(st.Limits.Weight)
		conditions(st.When)
		if st.Table == nil || st.Kind != ratecards.KindWeight {
			continue
		}
		for _, row := range st.Table.Rows {
			billable(row.NotOver)
			sh.stepwise = sh.stepwise && row.Basis == ratecards.BasisEach
		}
	}
	for i := range src.Surcharges {
		s := &src.Surcharges[i]
		conditions(s.When)
		sh.value = sh.value || s.Amount.PercentOfValue != 0
		for _, band := range s.Amount.ByWeight {
			billable(band.NotOver)
		}
	}
	slices.Sort(sh.ends)
	sh.ends = slices.Compact(sh.ends)
	return sh
}

// A way is how a carton travels: what it costs depends on nothing else but the carton.
type way struct {
	service     int32
	ship        units.Date
	zone, light lanes.Zone
}

// An outlet is a way that a warehouse uses, what it costs beside the carton's price, and when it arrives.
type outlet struct {
	way     int32 // position in columns.ways
	extra   units.Money
	arrival int64
}

// An outletSet is the rates that warehouses with these outlets have in common.
type outletSet struct {
	outlets []outlet
	rates   []solver.Rates
}

// columns is the memory in which they are made.
type columns struct {
	out    solver.Columns
	ways   []way
	tables []units.Money  // [(way*boxes + box)*ends + end]: what the carton costs, itself included; unreachable where it does not go
	done   []bool         // [way] its table is made
	like   []int          // ways that differ in zone only
	ends   []units.Weight // of the goods in a carton, ascending; the last is the whole order
	first  []int          // [step of out] the end that holds the lightest content of the step
	prices []int64        // room for out.UnitCost
	flags  ratecards.ParcelFlags
	mixed  bool // the lines have different flags
	exact  bool // as far as is known, every offer is what the columns say

	cartons bool          // every part of the order goes in one carton
	alone   []bool        // [line] a unit of it is a parcel as it is, by some service
	anyone  bool          // some line is
	part    units.Weight  // one of severalSteps of the order
	several []units.Money // [way*(severalSteps+1) + parts]: what two parcels or more of so many parts cost at least in all
	closure []units.Money // likewise, of one parcel or more, for one way
	parcel  []units.Money // [parts-1] a parcel of so many parts, for one way

	from []int32 // [source] position in sets
	sets []outletSet

	// Room for what outlets and rates hold.
	outlets []outlet
	rates   []solver.Rates
	offers  []solver.Offer
	takes   []bool
	least   []solver.Offer
}

// columnsFrom is the number of offers from which making columns costs less than being asked for all of them: half a
// microsecond each against about a millisecond for 12 services, 7 zones and 3 cartons.
const columnsFrom = 1 << 12

// worthColumns tells whether a problem has many offers, or is beyond what the solver searches by asking for each.
func worthColumns(p *solver.Problem) bool {
	states := 1
	for l, q := range p.Quantity {
		radix := 2
		if p.MaySplit[l] {
			radix = int(q) + 1
		}
		if states *= radix; states > solver.DefaultMaxStates {
			return true
		}
	}
	if states*(min(p.Warehouses, p.MaxShipments)+1) > solver.DefaultMaxStates {
		return true
	}
	offers := 0
	for w := range p.Warehouses {
		own := 1
		for l, q := range p.Quantity {
			switch have := p.Available[l*p.Warehouses+w]; {
			case p.MaySplit[l]:
				own *= int(min(max(have, 0), q)) + 1
			case have >= q:
				own *= 2
			}
		}
		if offers += own; offers > columnsFrom {
			return true
		}
	}
	return false
}

// columnsOf returns the columns of sc.items from sc.sources, or nil where they would not hold.
func (sc *Scratch) columnsOf() *solver.Columns {
	e, snap := sc.e, sc.e.snap
	if len(snap.Boxes) == 0 || len(snap.Boxes) > maxColumnBoxes {
		return nil
	}
	c := &sc.columns
	c.cartons = sc.oneCarton()
	c.ways, c.sets, c.outlets, c.rates, c.offers, c.takes = c.ways[:0], c.sets[:0], c.outlets[:0], c.rates[:0], c.offers[:0], c.takes[:0]
	c.exact, c.mixed, c.flags = c.cartons && !e.carbon, false, snap.SKUs.Flags[sc.items[0].SKU]
	for _, it := range sc.items {
		c.mixed = c.mixed || snap.SKUs.Flags[it.SKU] != c.flags
	}
	c.from = c.from[:0]
	for _, w := range sc.sources {
		c.from = append(c.from, sc.outletsOf(w))
	}
	sc.columnEnds()
	sc.columnTables()
	if !c.cartons {
		sc.severalParcels()
	}
	sc.columnSteps()
	for i := range c.sets {
		sc.rate(&c.sets[i])
	}
	c.out.Sites = c.out.Sites[:0]
	perUnit := sc.shadow != nil
	for i, w := range sc.sources {
		h := &e.sites[w].handling
		perUnit = perUnit || h.kilogram != 0
		c.exact = c.exact && h.kilogram == 0 // else rounded once for all units
		c.out.Sites = append(c.out.Sites, solver.Site{
			Fixed: int64(h.base - h.line - h.unit), PerLine: int64(h.line), PerUnit: int64(h.unit),
			Units: sc.whole.units - 1, // one shipment has been looked at
			Rates: c.sets[c.from[i]].rates,
		})
	}
	c.out.UnitCost = nil
	if perUnit && !sc.unitCosts() {
		return nil
	}
	c.out.Exact = c.exact
	return &c.out
}

// oneCarton tells whether every service takes the order in one carton, and hence any part of it.
func (sc *Scratch) oneCarton() bool {
	for class := range sc.e.limits {
		pack := sc.packFor(&sc.whole, sc.e.limitService[class])
		if !pack.ok || len(pack.parcels) != 1 || pack.parcels[0].Box < 0 {
			return false
		}
	}
	return true
}

// unitAlone tells whether by some service a unit of a SKU is a parcel as it is, since it ships alone or no carton takes it.
func (sc *Scratch) unitAlone(sku int32) bool {
	if sc.e.snap.SKUs.ShipsAlone[sku] {
		return true
	}
	var pack packing
	for class := range sc.e.limits {
		sc.packer.pack(&pack, []Item{{SKU: sku, Quantity: 1}}, &sc.e.limits[class])
		if !pack.ok || pack.parcels[0].Box < 0 {
			return true
		}
	}
	return false
}

// severalParcels works out what several parcels cost at least, by way and weight. A parcel counts as the part of the order
// that it has begun, so that parcels of a weight have as many parts between them as that weight has at least.
func (sc *Scratch) severalParcels() {
	c, boxes, n := &sc.columns, len(sc.e.snap.Boxes), len(sc.columns.ends)
	c.alone, c.anyone = c.alone[:0], false
	for _, it := range sc.items {
		alone := sc.unitAlone(it.SKU)
		c.alone, c.anyone = append(c.alone, alone), c.anyone || alone
	}
	c.part = sc.whole.weight/severalSteps + 1
	const size = severalSteps + 1
	c.several = slices.Grow(c.several[:0], len(c.ways)*size)[:len(c.ways)*size]
	c.closure, c.parcel = slices.Grow(c.closure[:0], size)[:size], slices.Grow(c.parcel[:0], severalSteps)[:severalSteps]
	for i := range c.ways {
		least, at := unreachable, n-1
		for k := severalSteps - 1; k >= 0; k-- {
			for ; at >= 0 && c.ends[at] > units.Weight(k)*c.part; at-- {
				for b := range boxes {
					least = min(least, c.tables[(i*boxes+b)*n+at])
				}
			}
			c.parcel[k] = least
			if c.anyone {
				c.parcel[k] = min(least, sc.aloneFloor(&c.ways[i], units.Weight(k)*c.part+1))
			}
		}
		several := c.several[i*size:][:size]
		several[0], several[1], c.closure[0], c.closure[1] = 0, min(2*c.parcel[0], unreachable), 0, c.parcel[0]
		for k := 2; k < size; k++ {
			least := unreachable
			for first := 1; first < k; first++ {
				least = min(least, c.parcel[first-1]+c.closure[k-first])
			}
			several[k], c.closure[k] = least, min(least, c.parcel[k-1])
		}
	}
}

// aloneFloor returns what a parcel of at least a weight costs at least by a way, whatever its sides.
func (sc *Scratch) aloneFloor(w *way, weight units.Weight) units.Money {
	tier := sc.e.tierOf(weight)
	floor := min(sc.e.zoneFloor(w.service, w.zone, tier), sc.e.zoneFloor(w.service, w.light, tier))
	return min(floor+sc.row.extra[w.service], unreachable)
}

// unitCosts writes what a unit costs at a warehouse by its price and its weight. It reports false where a shipment may pay
// less for its units than each of them costs.
func (sc *Scratch) unitCosts() bool {
	c := &sc.columns
	c.prices = c.prices[:0]
	for _, it := range sc.items {
		for _, w := range sc.sources {
			cost := sc.shadow.Unit(it.SKU, w)
			if cost > maxStockPrice/units.Money(sc.whole.units) {
				return false
			}
			byWeight := sc.e.sites[w].kilogram.Times(int64(sc.e.snap.SKUs.Weight[it.SKU]), int64(units.Kilogram))
			c.prices = append(c.prices, int64(cost+max(byWeight-1, 0)))
		}
	}
	c.out.UnitCost = c.prices
	return true
}

// outletsOf works out the ways that a warehouse has on its ship dates, in time unless the search may be late, and returns
// their position among the sets.
func (sc *Scratch) outletsOf(w int32) int32 {
	c, site := &sc.columns, &sc.e.sites[w]
	view := int(sc.row.viewOf[w])
	row := sc.row.lanesOf(view, len(sc.e.snap.Services))
	d := sc.daysOf(site.profile)
	ships, within := sc.shipsOf(d), sc.inTime(d)
	own := site.limited && !sc.roomForAll(w)
	start := len(c.outlets)
	for set := sc.row.views[view].services & sc.services; set != 0; set &= set - 1 {
		s := int32(bits.TrailingZeros64(set))
		ship, l := ships[s], &row[s]
		if own {
			var why Constraint
			if ship, why = sc.shipFrom(w, s); why != None ||
				!sc.late && int(l.transit) > calendar.MaxTransit(ship, sc.deadline[s], sc.e.snap.Services[s].Linehaul, sc.delivery(s)) {
				continue
			}
		} else if l.transit >= within[s] {
			continue
		}
		day, arrival, ok := sc.arrival(s, ship, l.transit)
		if !ok {
			continue
		}
		extra := sc.e.snap.Services[s].PerShipment + sc.shadow.Shipment(w, s, ship)
		if sc.late && day > sc.deadline[s] {
			extra += sc.e.snap.Policy.LateCost * units.Money(day-sc.deadline[s])
		}
		c.outlets = append(c.outlets, outlet{way: c.wayOf(way{s, ship, l.zone, l.light}), extra: extra, arrival: arrival})
	}
	all := c.outlets[start:len(c.outlets):len(c.outlets)]
	for i := range c.sets {
		if slices.Equal(c.sets[i].outlets, all) {
			c.outlets = c.outlets[:start]
			return int32(i)
		}
	}
	c.sets = append(c.sets, outletSet{outlets: all})
	return int32(len(c.sets) - 1)
}

func (c *columns) wayOf(one way) int32 {
	at := slices.Index(c.ways, one)
	if at < 0 {
		at = len(c.ways)
		c.ways = append(c.ways, one)
	}
	return int32(at)
}

// columnEnds lists the weights of goods up to which no carton's price changes.
func (sc *Scratch) columnEnds() {
	c, snap := &sc.columns, sc.e.snap
	c.ends = append(c.ends[:0], sc.whole.weight)
	for i := range c.ways {
		one := &c.ways[i]
		card := snap.Services[one.service].Tariff.At(one.ship)
		known := func(o way) bool {
			return snap.Services[o.service].Tariff.At(o.ship) == card && sc.e.limitOf[o.service] == sc.e.limitOf[one.service]
		}
		if card == nil || slices.ContainsFunc(c.ways[:i], known) {
			continue
		}
		for b := range snap.Boxes {
			tare := snap.Boxes[b].Tare
			c.addEnd(snap.Boxes[b].MaxWeight, sc.whole.weight)
			c.addEnd(sc.e.limits[sc.e.limitOf[one.service]].weight-tare, sc.whole.weight)
			for _, end := range sc.e.shapes[card].ends {
				c.addEnd(end-tare, sc.whole.weight)
			}
		}
	}
	slices.Sort(c.ends)
	c.ends = slices.Compact(c.ends)
}

func (c *columns) addEnd(end, below units.Weight) {
	if end > 0 && end < below {
		c.ends = append(c.ends, end)
	}
}

// columnTables prices every carton at every end, by every way.
func (sc *Scratch) columnTables() {
	c, boxes := &sc.columns, len(sc.e.snap.Boxes)
	n := len(c.ends)
	c.tables = slices.Grow(c.tables[:0], len(c.ways)*boxes*n)[:len(c.ways)*boxes*n]
	c.done = slices.Grow(c.done[:0], len(c.ways))[:len(c.ways)]
	clear(c.done)
	for i := range c.ways {
		if c.done[i] {
			continue
		}
		c.like = c.like[:0]
		for j := i; j < len(c.ways); j++ {
			if c.ways[j].service == c.ways[i].service && c.ways[j].ship == c.ways[i].ship {
				c.like, c.done[j] = append(c.like, j), true
			}
		}
		for b := range boxes {
			sc.priceCartons(b)
		}
		for _, j := range c.like {
			c.exact = c.exact && c.smallestCheapest(j, boxes)
		}
	}
}

// priceless is what a carton costs that a service takes and has no price for.
const priceless = unreachable + 1

// priceCartons fills in the tables of like ways for one size of carton.
func (sc *Scratch) priceCartons(b int) {
	c, e := &sc.columns, sc.e
	box, first := &e.snap.Boxes[b], &c.ways[c.like[0]]
	card := e.snap.Services[first.service].Tariff.At(first.ship)
	lim, sh := &e.limits[e.limitOf[first.service]], e.shapes[card]
	stepwise := card != nil && sh.stepwise && !sh.value && (!sh.flags || !c.mixed)
	c.exact = c.exact && (card == nil || stepwise)
	parcel := ratecards.Parcel{Sides: box.Outside, Flags: c.flags}
	lightest := box.Tare + 1
	for at, goods := range c.ends {
		parcel.Weight = goods + box.Tare
		takes := (box.MaxWeight == 0 || goods <= box.MaxWeight) && lim.takes(parcel.Weight, box.Outside)
		if takes && stepwise {
			card.Prepare(&sc.prepared, &parcel, sc.attrs[first.service], first.ship)
		}
		for _, i := range c.like {
			w := &c.ways[i]
			price := unreachable
			switch l := (lane{zone: w.zone, light: w.light}); {
			case !takes:
			case stepwise:
				price = priceless
				if total, ok := sc.prepared.Total(l.of(sc.prepared.Light)); ok {
					price = total + box.Cost
				}
			case card != nil: // no more is known than a floor
				if floor := sc.aloneFloor(w, lightest); floor < unreachable {
					price = floor + box.Cost
				}
			}
			c.tables[(i*len(e.snap.Boxes)+b)*len(c.ends)+at] = price
		}
		lightest = parcel.Weight + 1
	}
}

// smallestCheapest tells whether by a way the smallest carton that takes a content is always the cheapest. The packer
// takes the smallest, the columns the cheapest.
func (c *columns) smallestCheapest(way, boxes int) bool {
	n := len(c.ends)
	for at := range n {
		larger := unreachable
		for b := boxes - 1; b >= 0; b-- {
			price := c.tables[(way*boxes+b)*n+at]
			if price != unreachable && price > larger {
				return false
			}
			larger = min(larger, price)
		}
	}
	return true
}

// columnSteps writes weights, volumes and steps in the solver's scale.
func (sc *Scratch) columnSteps() {
	c, skus := &sc.columns, &sc.e.snap.SKUs
	scale := units.Weight(0) // the greatest common divisor
	for _, it := range sc.items {
		for rest := skus.Weight[it.SKU]; rest != 0; {
			scale, rest = rest, scale%rest
		}
	}
	scale = max(scale, 1)
	if sc.whole.weight/scale >= 1<<columnBits {
		scale = sc.whole.weight >> (columnBits - 1)
		c.exact = false
	}
	out := &c.out
	out.Weight, out.Volume, out.Steps, out.Divisors = out.Weight[:0], out.Volume[:0], out.Steps[:0], append(out.Divisors[:0], 0)
	for _, it := range sc.items {
		out.Weight = append(out.Weight, int64(skus.Weight[it.SKU]/scale))
		out.Volume = append(out.Volume, sc.e.volume[it.SKU])
	}
	c.first = c.first[:0]
	before, at := int64(-1), 0
	for _, end := range c.ends {
		step := int64(end / scale)
		if step == before {
			continue
		}
		for c.ends[at] < units.Weight(before+1)*scale {
			at++
		}
		out.Steps, c.first = append(out.Steps, step), append(c.first, at)
		before = step
	}
}

// rate makes a rate for each size of carton, the cheapest over a set's outlets. Where it is not exact a content may count
// as lighter than it is, and a rate is the least of this end and those after it.
func (sc *Scratch) rate(set *outletSet) {
	c, snap := &sc.columns, sc.e.snap
	boxes, n := len(snap.Boxes), len(c.ends)
	classes, every := uint32(0), ^uint32(0)
	for _, o := range set.outlets {
		of := snap.Services[c.ways[o.way].service].Classes
		classes, every = classes|of, every&of
	}
	c.exact = c.exact && sc.whole.classes&^every == 0
	start := len(c.rates)
	c.least = slices.Grow(c.least[:0], n)[:n]
	for b := range snap.Boxes {
		for at := n - 1; at >= 0; at-- {
			least := solver.Offer{Cost: solver.Refused}
			for _, o := range set.outlets {
				price := c.tables[(int(o.way)*boxes+b)*n+at]
				if price >= unreachable {
					continue
				}
				cost := int64(price + o.extra)
				if cost < least.Cost || cost == least.Cost && o.arrival < least.Arrival {
					least.Cost, least.Arrival, least.Service = cost, o.arrival, c.ways[o.way].service
				}
			}
			if !c.exact && at < n-1 && c.least[at+1].Cost < least.Cost {
				least = c.least[at+1]
			}
			c.least[at] = least
		}
		from, lines := len(c.offers), len(c.takes)
		for _, at := range c.first {
			c.offers = append(c.offers, c.least[at])
		}
		all := true
		for _, it := range sc.items {
			takes := fits(snap.SKUs.Sides[it.SKU], snap.Boxes[b].Inside) && snap.SKUs.Class[it.SKU]&^classes == 0 && !snap.SKUs.ShipsAlone[it.SKU]
			c.takes, all = append(c.takes, takes), all && takes
		}
		r := solver.Rates{Steps: c.offers[from:len(c.offers):len(c.offers)], Volume: max(sc.packer.room[b], 1)}
		if !all {
			r.Lines = c.takes[lines:len(c.takes):len(c.takes)]
		}
		c.rates = append(c.rates, r)
	}
	if !c.cartons {
		sc.rateOthers(set)
	}
	set.rates = c.rates[start:len(c.rates):len(c.rates)]
}

// rateOthers adds the rates of a set for what does not go in one carton: for several parcels, and for a unit that is a
// parcel as it is.
func (sc *Scratch) rateOthers(set *outletSet) {
	c := &sc.columns
	const size = severalSteps + 1
	add := func(lines []bool, price func(o *outlet, over units.Weight) units.Money) {
		from := len(c.offers)
		for _, at := range c.first {
			over := units.Weight(0)
			if at > 0 {
				over = c.ends[at-1]
			}
			least := solver.Refused
			for i := range set.outlets {
				if p := price(&set.outlets[i], over); p < unreachable {
					least = min(least, int64(p+set.outlets[i].extra))
				}
			}
			c.offers = append(c.offers, solver.Offer{Cost: least})
		}
		c.rates = append(c.rates, solver.Rates{Steps: c.offers[from:len(c.offers):len(c.offers)], Lines: lines})
	}
	add(nil, func(o *outlet, over units.Weight) units.Money { return c.several[int(o.way)*size+int(over/c.part)+1] })
	if c.anyone {
		add(c.alone, func(o *outlet, over units.Weight) units.Money { return sc.aloneFloor(&c.ways[o.way], over+1) })
	}
}
