package ratecards

import (
	"math"
	"slices"

	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// ChargeNames returns the names of all charges that a Rating by the card can have, each at the position at which AddCharges
// counts it: the structures in the card's order, discount and minimum, the surcharges in the card's order, fuel, tax and
// rounding. A name may stand there twice, where a surcharge is named like another charge.
func (c *Card) ChargeNames() []string {
	var names []string
	for i := range c.source.Structures {
		names = append(names, c.source.Structures[i].Name)
	}
	names = append(names, ChargeDiscount, ChargeMinimum)
	for i := range c.source.Surcharges {
		names = append(names, c.source.Surcharges[i].Name)
	}
	return append(names, ChargeFuel, ChargeTax, ChargeRounding)
}

// CanCharge tells for each of ChargeNames whether a Rating by the card can have the charge at all: there is no tax where the
// card has none.
func (c *Card) CanCharge() []bool {
	s := c.source
	var can []bool
	for range s.Structures {
		can = append(can, true)
	}
	can = append(can, s.Discount != nil && s.Discount.Percent != 0, s.Discount != nil && s.Discount.MinimumNet != 0)
	for range s.Surcharges {
		can = append(can, true)
	}
	return append(can, s.Fuel != nil, s.Tax != nil, !c.each && c.last != units.Micro)
}

// AddCharges adds every charge of the prepared parcel in the zone to sums: the charge at position i of ChargeNames to
// sums[at[i]]. They are the charges of Rate, to the micro, and sum to Total. p must be the parcel that was prepared. It is
// false, and sums are as before, where Total is. It does not allocate.
func (q *Prepared) AddCharges(sums []units.Money, at []int32, p *Parcel, z lanes.Zone) bool {
	c := q.card
	if q.Reason != Priced || int(z) >= len(c.zones) {
		return false
	}
	list, structure := q.base(z)
	if structure < 0 {
		return false
	}
	for rest := q.zonal; rest != 0; rest &= rest - 1 {
		if u := &c.surcharges[lowest(rest)]; u.kind == amountByZone && c.amounts[int(u.byZone)+int(z)] < 0 {
			return false
		}
	}
	sums[at[structure]] += list
	n, net := len(c.structures), list
	if c.discount != 0 {
		off := c.money(share(c.discount, list))
		sums[at[n]] -= off
		net -= off
	}
	if net < c.least {
		sums[at[n+1]] += c.least - net
		net = c.least
	}
	n += 2
	total, fuelable := net, units.Money(0)
	for rest := q.charged; rest != 0; rest &= rest - 1 {
		i := lowest(rest)
		u := &c.surcharges[i]
		var m units.Money
		switch u.kind {
		case amountFlat:
			m = u.flat
		case amountByZone:
			m = c.amounts[int(u.byZone)+int(z)]
		case amountOfBase:
			m = max(c.money(share(u.percent, net)), u.minimum)
		default:
			m = c.lateAmount(u, q.Billable, p.Value)
		}
		sums[at[n+i]] += m
		total += m
		if u.fuelable {
			fuelable += m
		}
	}
	n += len(c.surcharges)
	if q.fuel != 0 {
		switch c.fuelOn {
		case FuelOnNet:
			fuelable += net
		case FuelOnList:
			fuelable += list
		}
		fuel := c.money(share(q.fuel, fuelable))
		sums[at[n]] += fuel
		total += fuel
	}
	if c.tax != 0 {
		tax := c.money(share(c.tax, total))
		sums[at[n+1]] += tax
		total += tax
	}
	if !c.each && c.last != units.Micro {
		sums[at[n+2]] += roundTo(total, c.last) - total
	}
	return true
}

// base returns the list price of the cheapest structure in a zone, of equals the first, and which it is; -1 where none has
// a price.
func (q *Prepared) base(z lanes.Zone) (list units.Money, structure int) {
	c := q.card
	list, structure = math.MaxInt64, -1
	offer := func(price units.Money, i int) {
		if price < list || price == list && i < structure {
			list, structure = price, i
		}
	}
	lists := c.cells
	if c.lists != nil {
		lists = c.lists
	}
	for _, offset := range q.row[:q.rows] {
		if cell := lists[int(offset)+int(z)]; cell != noCell {
			offer(units.Money(cell)*c.minor, c.structureAt(offset, false))
		}
	}
	for _, u := range q.unit[:q.counted] {
		if r := &c.rates[int(u.offset)+int(z)]; r.rate >= 0 {
			offer(c.money(max(r.least, r.start+r.rate*units.Money(u.units))), c.structureAt(u.offset, true))
		}
	}
	return list, structure
}

// structureAt returns the structure that a row of cells, or of rates, is of. Each structure's rows follow those of the one
// before.
func (c *Card) structureAt(offset int32, rates bool) int {
	if len(c.structures) == 1 {
		return 0
	}
	ends := c.cellsEnd
	if rates {
		ends = c.ratesEnd
	}
	i, _ := slices.BinarySearch(ends, offset+1)
	return i
}
