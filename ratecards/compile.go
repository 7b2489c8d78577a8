package ratecards

import (
	"cmp"
	"math"
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// maxConditions bounds the conditions of a card, and the requirements that its conditions with more than one name
// among them must fit the bits of a word.
const (
	maxConditions   = 256
	maxRequirements = 64
)

// A Card is a compiled rate card: dense tables by weight step and zone, bit sets of surcharges, and a table from ship
// date to what holds that day. It is immutable and safe to share.
type Card struct {
	source *Source
	zones  []string // by lanes.Zone; "" for 0
	areas  []string // by bit of lanes.Mask

	from, to units.Date
	eraOf    []uint16 // by days since from; the last one holds on
	eras     []era

	rules []*dimension // those of all eras, each once; nil among them where an era has none

	weight  units.Weight // limits; the largest value where there is none
	longest units.Length
	second  units.Length
	girth   units.Length
	volume  Volume
	refuses ParcelFlags

	light units.Weight // parcels below it are light

	steps      []weightStep
	structures []structure
	cells      []int32 // prices in minor units, all structures: by step, then by zone; noCell where not served
	netted     bool    // cells are net of discount and minimum, not list prices
	lists      []int32 // the list prices where cells are less; else nil
	cellsEnd   []int32 // by structure: where its cells end
	ratesEnd   []int32 // and its rates
	rates      []rate  // prices of steps by the unit: by step, then by zone

	always     uint64 // surcharges without a condition
	alwaysOpen uint8  // structures without one
	conditions conditions
	surcharges []surcharge
	base       uint64 // surcharges that depend on no other
	amounts    []units.Money

	minor    units.Money
	each     bool        // every charge is rounded
	last     units.Money // what the total is rounded to: minor, or one micro
	discount units.Percent
	least    units.Money // minimum net charge
	fuelOn   string
	tax      units.Percent
}

// noCell marks a price that does not exist. As an unsigned number it is above every price, so that a minimum passes it
// over.
const noCell = -1

// An era is a run of ship dates on which the same rule, fuel percentage and surcharges hold.
type era struct {
	dimension *dimension // nil: none
	fuel      units.Percent
	active    uint64  // surcharges
	quiet     uint64  // those of them that fire for every parcel
	usual     charges // what quiet comes to
}

// noFuel marks an era for which the fuel table has no percentage.
const noFuel units.Percent = -1

// Kinds of structure.
const (
	weightKind = iota
	cubicKind
	flatKind
)

// A weightStep is a compiled WeightStep; to is the largest value where the band has no end.
type weightStep struct {
	rounder
	to units.Weight
}

type structure struct {
	kind       int
	limited    bool         // has limits of its own
	weight     units.Weight // limits; the largest value where there is none
	longest    units.Length
	second     units.Length
	girth      units.Length
	volume     Volume
	sides      rounder     // cubic
	tiers      []Volume    // cubic: upper ends, in cubes of what sides round to
	index      weightIndex // weight
	offsets    []int32     // by step or tier: into cells, or into rates where unit says so
	unit       []rounder   // by step: what its units are; none where by is 0
	countsFrom []units.Weight
}

// A rate is the price of a step by the unit in one zone; rate is negative where the service does not go.
type rate struct{ rate, start, least units.Money }

// Kinds of amount that Prepare and Total tell apart.
const (
	amountFlat = iota
	amountByWeight
	amountOfValue
	amountByZone
	amountOfBase
)

type surcharge struct {
	kind       int
	fuelable   bool
	flat       units.Money
	byWeight   []WeightAmount
	percent    units.Percent
	minimum    units.Money
	byZone     int32 // offset into amounts
	suppresses uint64
	dependsOn  uint64 // 0: on none
	billable   units.Weight
}

// charges is what a set of surcharges comes to before the zone is known.
type charges struct {
	plain, fuelable units.Money
	zonal           uint64       // those whose amount depends on the zone or the base price
	late            uint64       // those whose amount depends on the billable weight or the value
	charged         uint64       // all of them
	billable        units.Weight // minimum
}

// Source returns the card as it was read. It must not be changed.
func (c *Card) Source() *Source { return c.source }

// Effective returns the first and last ship date of the card; last is the end of 2099 where it has none.
func (c *Card) Effective() (first, last units.Date) { return c.from, c.to }

// ZoneScopes returns the scopes of the zone chart the card reads: normal for most parcels, light for those whose own
// weight is below lightBelow. light is "" and lightBelow 0 where the card tells no difference.
func (c *Card) ZoneScopes() (normal, light string, lightBelow units.Weight) {
	z := c.source.Zones
	return z.Scope, z.LightScope, z.LightBelow
}

// IsLight tells whether a parcel of weight w is priced by the zone of the light scope.
func (c *Card) IsLight(w units.Weight) bool { return w < c.light }

// Compile makes the card ready to price. zones names the zones of the service's zone set by lanes.Zone, zones[0] being
// no zone; areas names the destination attributes by bit of a lanes.Mask. Zones the card has no prices for
// are not served; zones of the card that are not among zones never occur, but at least one must. An unknown
// area is a fault. The result is nil where the card has faults; those of a card that Read made are already in its list.
func (s *Source) Compile(zones, areas []string, fl *faults.List) *Card {
	before := fl.Len()
	if s.state == stateUnchecked {
		s.check(fl)
	}
	if s.state == stateFaulty || fl.Len() > before {
		return nil
	}
	c := &Card{
		source: s, zones: zones, areas: areas, from: s.EffectiveFrom, to: cmp.Or(s.EffectiveTo, lastDate),
		light: s.Zones.LightBelow, minor: s.minor(), last: s.minor(), each: s.Rounding == RoundEachCharge,
	}
	c.weight, c.longest, c.second, c.girth, c.volume = limits(s.Limits)
	for _, w := range s.WeightSteps {
		c.steps = append(c.steps, weightStep{newRounder(int64(w.To), RoundUp), cmp.Or(w.NotOver, math.MaxInt64)})
	}
	for _, name := range s.Refuses {
		f, _ := ParseFlag(name)
		c.refuses |= f
	}
	if s.Rounding == RoundNone {
		c.last = units.Micro
	}
	if s.Discount != nil {
		c.discount, c.least = s.Discount.Percent, c.money(s.Discount.MinimumNet)
	}
	if s.Tax != nil {
		c.tax = s.Tax.Percent
	}
	if s.Fuel != nil {
		c.fuelOn = cmp.Or(s.Fuel.On, FuelOnNet)
	}
	// Where the net price is a whole number of minor units, too, and nothing asks for the list price, the discount is taken
	// once here and not at every quote.
	c.netted = c.each && c.fuelOn != FuelOnList && c.least/c.minor < math.MaxInt32 || c.discount == 0 && c.least == 0
	c.compileStructures(fl)
	c.compileSurcharges()
	c.compileConditions(fl)
	c.compileEras()
	if fl.Len() > before {
		return nil
	}
	return c
}

func limits(l Limits) (units.Weight, units.Length, units.Length, units.Length, Volume) {
	v := l.Volume
	if v.IsZero() {
		v = Volume{math.MaxUint64, math.MaxUint64}
	}
	return cmp.Or(l.Weight, math.MaxInt64), cmp.Or(l.Longest, math.MaxInt64), cmp.Or(l.Second, math.MaxInt64), cmp.Or(l.LengthPlusGirth, math.MaxInt64), v
}

// column returns the position of a zone in a table, that of "any", or -1.
func column(t *PriceTable, zone string) int {
	if i := slices.Index(t.Zones, zone); i >= 0 {
		return i
	}
	return slices.Index(t.Zones, AnyZone)
}

func (c *Card) compileStructures(fl *faults.List) {
	known := false
	for i := range c.source.Structures {
		st := &c.source.Structures[i]
		known = known || st.Price != nil
		out := structure{sides: newSideRounder(st.Sides), limited: st.Limits != Limits{}}
		out.weight, out.longest, out.second, out.girth, out.volume = limits(st.Limits)
		columns := make([]int, len(c.zones))
		for z := range columns {
			columns[z] = -1
			if z > 0 && st.Table != nil {
				columns[z] = column(st.Table, c.zones[z])
				known = known || columns[z] >= 0
			}
		}
		switch {
		case st.Price != nil:
			out.kind = flatKind
			out.offsets = []int32{int32(len(c.cells))}
			for z := range c.zones {
				if z == 0 {
					c.addCell(NoPrice)
				} else {
					c.addCell(*st.Price)
				}
			}
		case st.Kind == KindWeight:
			out.kind = weightKind
			c.compileWeights(st, &out, columns)
		default:
			if out.kind = flatKind; st.Kind == KindCubic {
				out.kind = cubicKind
			}
			for _, r := range st.Table.Rows {
				out.tiers = append(out.tiers, inCubes(r.Tier, out.sides.cube()))
				out.offsets = append(out.offsets, c.addCells(r.Prices, columns))
			}
		}
		c.structures = append(c.structures, out)
		c.cellsEnd, c.ratesEnd = append(c.cellsEnd, int32(len(c.cells))), append(c.ratesEnd, int32(len(c.rates)))
	}
	if !known {
		c.source.fault(fl, "structures", "name the zones as the service's zone chart does, or one column any",
			"no price column is a zone of the service's chart, whose zones are %s", clip(listed(c.zones[min(1, len(c.zones)):])))
	}
}

func (c *Card) compileWeights(st *Structure, out *structure, columns []int) {
	var ends []units.Weight
	for _, s := range steps(st) {
		ends = append(ends, s.to)
		unit := rounder{}
		if s.unit != 0 {
			unit = newRounder(int64(s.unit), RoundUp)
		}
		out.unit = append(out.unit, unit)
		out.countsFrom = append(out.countsFrom, s.counted)
		if s.unit == 0 {
			out.offsets = append(out.offsets, c.addCells(s.start, columns))
			continue
		}
		out.offsets = append(out.offsets, int32(len(c.rates)))
		for _, col := range columns {
			r := rate{rate: -1}
			if col >= 0 && s.start[col] != NoPrice {
				r = rate{s.rate[col], s.start[col], s.least[col]}
			}
			c.rates = append(c.rates, r)
		}
	}
	out.index = newWeightIndex(ends)
}

// addCells appends a row of prices, one a zone, and returns its offset.
func (c *Card) addCells(prices []units.Money, columns []int) int32 {
	offset := int32(len(c.cells))
	for _, col := range columns {
		if col < 0 {
			c.addCell(NoPrice)
		} else {
			c.addCell(prices[col])
		}
	}
	return offset
}

// addCell appends a list price as cells hold it.
func (c *Card) addCell(list units.Money) {
	cell, own := int32(noCell), int32(noCell)
	if list != NoPrice {
		own = int32(list / c.minor)
		if cell = own; c.netted {
			cell = int32(c.net(list) / c.minor)
		}
	}
	c.cells = append(c.cells, cell)
	if c.netted && (c.discount != 0 || c.least != 0) {
		c.lists = append(c.lists, own)
	}
}

func (c *Card) compileSurcharges() {
	source := c.source.Surcharges
	for i := range source {
		u := &source[i]
		out := surcharge{fuelable: u.Fuelable, billable: u.MinimumBillable, minimum: c.money(u.Amount.Minimum)}
		if len(u.When) == 0 {
			c.always |= 1 << i
		}
		if len(u.DependsOn) == 0 {
			c.base |= 1 << i
		}
		for j := range source {
			if u.Group != "" && source[j].Group == u.Group && source[j].Priority < u.Priority {
				out.suppresses |= 1 << j
			}
			if slices.Contains(u.DependsOn, source[j].Name) {
				out.dependsOn |= 1 << j
			}
		}
		switch a := &u.Amount; {
		case a.Flat != nil:
			out.kind, out.flat = amountFlat, c.money(*a.Flat)
		case len(a.ByWeight) > 0:
			out.kind = amountByWeight
			for _, b := range a.ByWeight {
				out.byWeight = append(out.byWeight, WeightAmount{cmp.Or(b.NotOver, math.MaxInt64), c.money(b.Amount)})
			}
		case len(a.ByZone) > 0:
			out.kind, out.byZone = amountByZone, int32(len(c.amounts))
			for _, zone := range c.zones {
				m, ok := a.ByZone[zone]
				if !ok {
					m, ok = a.ByZone[OtherZones]
				}
				if !ok {
					m = NoPrice // the card has no prices there either
				}
				c.amounts = append(c.amounts, c.money(m))
			}
		case a.PercentOfValue != 0:
			out.kind, out.percent = amountOfValue, a.PercentOfValue
		default:
			out.kind, out.percent = amountOfBase, a.PercentOfBase
		}
		c.surcharges = append(c.surcharges, out)
	}
}

// compileEras cuts the card's period where a rule, a fuel week or a window begins or ends.
func (c *Card) compileEras() {
	s := c.source
	cuts := []units.Date{c.from}
	cut := func(from, to units.Date) {
		cuts = append(cuts, from)
		if to != 0 {
			cuts = append(cuts, to+1)
		}
	}
	dimensions := make([]*dimension, len(s.Dimensional))
	for i := range s.Dimensional {
		d, _ := compileDimension(&s.Dimensional[i]) // check has refused what does not compile
		dimensions[i] = &d
		cut(s.Dimensional[i].ShipFrom, s.Dimensional[i].ShipTo)
	}
	if s.Fuel != nil {
		for _, w := range s.Fuel.Weeks {
			cut(w.From, w.To)
		}
	}
	for i := range s.Surcharges {
		for _, w := range s.Surcharges[i].Windows {
			cut(w.From, w.To)
		}
	}
	slices.Sort(cuts)
	cuts = slices.DeleteFunc(slices.Compact(cuts), func(d units.Date) bool { return d < c.from || d > c.to })
	for i, first := range cuts {
		e := era{fuel: s.fuelOn(first)}
		for j := range s.Dimensional {
			if s.Dimensional[j].holds(first) {
				e.dimension = dimensions[j]
			}
		}
		for j := range s.Surcharges {
			if s.Surcharges[j].open(first) {
				e.active |= 1 << j
			}
		}
		c.rules = append(c.rules, e.dimension)
		e.quiet = c.always & e.active
		c.sum(c.settle(e.quiet), &e.usual)
		c.eras = append(c.eras, e)
		end := first + 1
		if i+1 < len(cuts) {
			end = cuts[i+1]
		}
		for range end - first {
			c.eraOf = append(c.eraOf, uint16(i))
		}
	}
	slices.SortFunc(c.rules, func(a, b *dimension) int {
		return cmp.Compare(slices.Index(dimensions, a), slices.Index(dimensions, b))
	})
	c.rules = slices.Compact(c.rules)
}

// fuelOn returns the fuel percentage of a ship date: 0 for a card without fuel, noFuel where the table has none.
func (s *Source) fuelOn(ship units.Date) units.Percent {
	if s.Fuel == nil {
		return 0
	}
	for _, w := range s.Fuel.Weeks {
		if ship >= w.From && (w.To == 0 || ship <= w.To) {
			return w.Percent
		}
	}
	return noFuel
}

func (d *Dimension) holds(ship units.Date) bool {
	return ship >= d.ShipFrom && (d.ShipTo == 0 || ship <= d.ShipTo)
}

// open tells whether a surcharge may be charged on a ship date.
func (u *Surcharge) open(ship units.Date) bool {
	return len(u.Windows) == 0 || slices.ContainsFunc(u.Windows, func(w Window) bool { return ship >= w.From && ship <= w.To })
}

// settle returns which of the fired surcharges are charged: of each exclusive group the highest, and dependent ones
// only where one they depend on is charged.
func (c *Card) settle(fired uint64) uint64 {
	charged := c.highest(fired & c.base)
	dependent := fired &^ c.base
	for rest := dependent; rest != 0; rest &= rest - 1 {
		i := lowest(rest)
		if c.surcharges[i].dependsOn&charged == 0 {
			dependent &^= 1 << i
		}
	}
	return charged | c.highest(dependent)
}

func (c *Card) highest(fired uint64) uint64 {
	left := fired
	for rest := fired; rest != 0; rest &= rest - 1 {
		left &^= c.surcharges[lowest(rest)].suppresses
	}
	return left
}

// sum adds to an empty sum the charged surcharges whose amount is already known, and sets the others apart.
func (c *Card) sum(charged uint64, sum *charges) {
	sum.charged = charged
	for rest := charged; rest != 0; rest &= rest - 1 {
		i := lowest(rest)
		u := &c.surcharges[i]
		sum.billable = max(sum.billable, u.billable)
		switch u.kind {
		case amountFlat:
			if u.fuelable {
				sum.fuelable += u.flat
			} else {
				sum.plain += u.flat
			}
		case amountByWeight, amountOfValue:
			sum.late |= 1 << i
		default:
			sum.zonal |= 1 << i
		}
	}
}

// money rounds an amount where the card rounds every charge.
func (c *Card) money(m units.Money) units.Money {
	if !c.each {
		return m
	}
	return roundTo(m, c.minor)
}

// roundTo is Money.RoundTo for an amount of 0 or more. Dividing by a constant is three times as fast as by a variable, and
// nearly every tariff rounds to the hundredth.
func roundTo(m, minor units.Money) units.Money {
	if minor == units.Cent {
		return (m + units.Cent/2) / units.Cent * units.Cent
	}
	return (m + minor/2) / minor * minor
}

// share is Percent.Of for an amount and a percentage of 0 or more, by constant divisions of 64 bits in place of one of
// 128: with m = 10,000a + b, m p / 10,000 is a p + b p / 10,000.
func share(p units.Percent, m units.Money) units.Money {
	const whole = units.Money(units.WholePercent)
	a, b := m/whole, m%whole
	if b == 0 { // whole hundredths of the currency, as amounts mostly are
		return a * units.Money(p)
	}
	return a*units.Money(p) + (b*units.Money(p)+whole/2)/whole
}

// IsServed tells whether the card has any price in a zone.
func (c *Card) IsServed(z lanes.Zone) bool {
	n := len(c.zones)
	for i := int(z); i < len(c.cells) && int(z) < n; i += n {
		if c.cells[i] != noCell {
			return true
		}
	}
	for i := int(z); i < len(c.rates) && int(z) < n; i += n {
		if c.rates[i].rate >= 0 {
			return true
		}
	}
	return false
}
