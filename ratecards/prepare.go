package ratecards

import (
	"math"
	"math/bits"

	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A Reason says why a card has no price for a parcel.
type Reason uint8

// The reasons, in the order in which Rate looks for them.
const (
	Priced       Reason = iota // there is a price
	BadParcel                  // no such parcel exists: see Parcel for the ranges
	NotInForce                 // the ship date is outside the card's period
	Refused                    // the service does not carry a flag of the parcel
	TooHeavy                   // the parcel's own weight passes the limit
	TooLong                    // its longest side does
	TooWide                    // its second-longest side does
	TooMuchGirth               // its length plus girth does
	TooBig                     // its volume does, or its dimensional weight passes units.MaxWeight
	NoFuel                     // the fuel table has no percentage for the ship date
	NoStructure                // no price table is open to the parcel and reaches its billable weight or volume
	NoZone                     // the destination has no zone, or one the service has never heard of
	NotServed                  // the table's cell is empty: the service does not go there, or not with that weight
)

var reasonText = [...]string{
	"priced", "bad parcel", "card not in force on the ship date", "parcel flag refused", "too heavy", "too long", "too wide",
	"too much length plus girth", "too big", "no fuel percentage for the ship date", "no price table open to the parcel", "no zone", "no price in the zone",
}

// String returns the reason in words.
func (r Reason) String() string { return reasonText[r] }

// Prepared is a parcel made ready for pricing in any zone by one card: everything that does not depend on the zone is
// done. It belongs to whoever calls Prepare, can be used again and again, and must not be copied while in use.
type Prepared struct {
	Reason   Reason       // Priced, or why no zone has a price
	Light    bool         // Total wants the zone of the card's light scope; see Card.ZoneScopes
	Billable units.Weight // billable weight; meaningful when Reason is Priced

	card            *Card
	fuel            units.Percent
	rows, counted   uint8 // entries of row and unit in use
	row             [MaxStructures]int32
	unit            [MaxStructures]unitPrice
	plain, fuelable units.Money // surcharges known so far
	zonal           uint64      // surcharges that wait for the zone
	charged         uint64      // all that are charged
}

// A unitPrice is a price by the unit: the count of units, and where in Card.rates its rates stand.
type unitPrice struct {
	offset int32
	units  int64
}

// Prepare makes q ready to price the parcel as it ships on the given date to a destination with the given attributes.
// It does not allocate. A parcel the card cannot price at all leaves the reason in q.
func (c *Card) Prepare(q *Prepared, p *Parcel, area lanes.Mask, ship units.Date) {
	q.card, q.rows, q.counted = c, 0, 0
	q.Light = p.Weight < c.light
	q.Reason = c.prepare(q, p, area, ship)
}

func (c *Card) prepare(q *Prepared, p *Parcel, area lanes.Mask, ship units.Date) Reason {
	// Sides travel as numbers, not as arrays: an array is copied with wide loads right after narrow stores, and each such copy
	// stalls for longer than all the arithmetic on it takes.
	longest, second, shortest := longestFirst(p.Sides[0], p.Sides[1], p.Sides[2])
	switch {
	case p.Weight <= 0 || p.Weight > units.MaxWeight || shortest < 0 || longest > units.MaxLength || p.Value < 0 || p.Value > MaxAmount:
		return BadParcel
	case ship < c.from || ship > c.to:
		return NotInForce
	case p.Flags&c.refuses != 0:
		return Refused
	}
	var measured, rounded size
	measured.set(longest, second, shortest)
	switch {
	case p.Weight > c.weight:
		return TooHeavy
	case longest > c.longest:
		return TooLong
	case second > c.second:
		return TooWide
	case measured.girth > c.girth:
		return TooMuchGirth
	case measured.volume.over(c.volume):
		return TooBig
	}
	e := &c.eras[c.eraOf[min(int(ship-c.from), len(c.eraOf)-1)]]
	if e.fuel == noFuel {
		return NoFuel
	}
	q.fuel = e.fuel

	billable := p.Weight
	seen := &measured // by the thresholds
	if d := e.dimension; d != nil {
		i, j, k := d.sides.count(uint64(longest)), d.sides.count(uint64(second)), d.sides.count(uint64(shortest))
		w := d.weight(i, j, k, p.Flags)
		if w == tooBig {
			return TooBig
		}
		billable = max(billable, w)
		if d.surcharges {
			rounded.set(units.Length(i*d.sides.by), units.Length(j*d.sides.by), units.Length(k*d.sides.by))
			seen = &rounded
		}
	}

	sum, opens := &e.usual, c.alwaysOpen
	if !c.conditions.quiet(p, seen, area) {
		hit := c.conditions.eval(p, seen, area)
		opens |= hit.opens
		if fired := (hit.fires | c.always) & e.active; fired != e.quiet {
			var own charges
			c.sum(c.settle(fired), &own)
			sum = &own
		}
	}
	q.plain, q.fuelable, q.zonal, q.charged = sum.plain, sum.fuelable, sum.zonal, sum.charged
	billable = max(billable, sum.billable)
	for i := range c.steps {
		if s := &c.steps[i]; billable <= s.to {
			billable = min(s.weight(billable), s.to)
			break
		}
	}
	q.Billable = billable
	for late := sum.late; late != 0; late &= late - 1 {
		u := &c.surcharges[lowest(late)]
		m := c.lateAmount(u, billable, p.Value)
		if u.fuelable {
			q.fuelable += m
		} else {
			q.plain += m
		}
	}
	for i := range c.structures {
		if opens>>i&1 == 0 {
			continue
		}
		s := &c.structures[i]
		if s.limited && (p.Weight > s.weight || longest > s.longest || second > s.second || measured.girth > s.girth || measured.volume.over(s.volume)) {
			continue
		}
		step := 0
		switch s.kind {
		case weightKind:
			if step = s.index.find(billable); step == len(s.offsets) {
				continue
			}
			if unit := &s.unit[step]; unit.by != 0 {
				q.unit[q.counted] = unitPrice{s.offsets[step], int64(unit.count(uint64(billable - s.countsFrom[step])))}
				q.counted++
				continue
			}
		case cubicKind:
			if step = s.tier(longest, second, shortest); step == len(s.tiers) {
				continue
			}
		}
		q.row[q.rows] = s.offsets[step]
		q.rows++
	}
	if q.rows == 0 && q.counted == 0 {
		return NoStructure
	}
	return Priced
}

// lateAmount returns the amount of a surcharge by the billable weight or the value.
func (c *Card) lateAmount(u *surcharge, billable units.Weight, value units.Money) units.Money {
	if u.kind == amountOfValue {
		return max(c.money(share(u.percent, value)), u.minimum)
	}
	i := 0
	for billable > u.byWeight[i].NotOver {
		i++
	}
	return u.byWeight[i].Amount
}

// tier returns the first tier that holds the parcel, or the number of tiers when none does or the sides are not known.
func (s *structure) tier(longest, second, shortest units.Length) int {
	if shortest == 0 {
		return len(s.tiers)
	}
	hi, lo := bits.Mul64(s.sides.count(uint64(longest))*s.sides.count(uint64(second)), s.sides.count(uint64(shortest)))
	v := Volume{hi, lo}
	i := 0
	for i < len(s.tiers) && v.over(s.tiers[i]) {
		i++
	}
	return i
}

// Total returns what the prepared parcel costs in the zone, all in: the same amount, to the micro, as Rate's total.
// It is false where the service does not go. Where q.Light is set, z must be the zone of the card's light scope.
func (q *Prepared) Total(z lanes.Zone) (units.Money, bool) {
	c := q.card
	if int(z) >= len(c.zones) {
		return 0, false
	}
	cell := uint32(math.MaxUint32) // noCell, as a number without sign
	for _, offset := range q.row[:q.rows] {
		cell = min(cell, uint32(c.cells[int(offset)+int(z)]))
	}
	list := units.Money(cell) * c.minor
	if q.counted != 0 {
		list = q.byUnit(z, cell)
		if list == math.MaxInt64 {
			return 0, false
		}
	} else if cell == math.MaxUint32 {
		return 0, false
	}
	net := list
	if !c.netted {
		net = c.net(list)
	}
	plain, fuelable := q.plain, q.fuelable
	for rest := q.zonal; rest != 0; rest &= rest - 1 {
		u := &c.surcharges[lowest(rest)]
		var m units.Money
		if u.kind == amountByZone {
			if m = c.amounts[int(u.byZone)+int(z)]; m < 0 {
				return 0, false
			}
		} else {
			m = max(c.money(share(u.percent, net)), u.minimum)
		}
		if u.fuelable {
			fuelable += m
		} else {
			plain += m
		}
	}
	return c.total(list, net, plain, fuelable, q.fuel), true
}

// byUnit returns the cheapest of the cell and the prices by the unit, or math.MaxInt64 where there is none. It is a net
// price where cells are.
func (q *Prepared) byUnit(z lanes.Zone, cell uint32) units.Money {
	c := q.card
	list := units.Money(math.MaxInt64)
	if cell != math.MaxUint32 {
		list = units.Money(cell) * c.minor
	}
	for _, u := range q.unit[:q.counted] {
		r := &c.rates[int(u.offset)+int(z)]
		if r.rate >= 0 {
			list = min(list, c.price(max(r.least, r.start+r.rate*units.Money(u.units))))
		}
	}
	return list
}

// price makes of a structure's price what cells hold: a rounded charge, net where they are.
func (c *Card) price(list units.Money) units.Money {
	if list = c.money(list); c.netted {
		list = c.net(list)
	}
	return list
}

// net takes the discount off the base price, down to the minimum net charge.
func (c *Card) net(list units.Money) units.Money {
	if c.discount != 0 {
		list -= c.money(share(c.discount, list))
	}
	return max(list, c.least)
}

// total adds fuel and tax to the base price and the surcharges, and rounds. It never falls when one of its amounts or the
// fuel percentage rises, which ZoneFloor relies on.
func (c *Card) total(list, net, plain, fuelable units.Money, fuel units.Percent) units.Money {
	sum := net + plain + fuelable
	if fuel != 0 {
		switch c.fuelOn {
		case FuelOnNet:
			fuelable += net
		case FuelOnList:
			fuelable += list
		}
		sum += c.money(share(fuel, fuelable))
	}
	if c.tax != 0 {
		sum += c.money(share(c.tax, sum))
	}
	if c.each || c.last == units.Micro { // every part is rounded already, or none is
		return sum
	}
	return roundTo(sum, c.last)
}
