package ratecards

import (
	"math"
	"reflect"
	"slices"

	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// ZoneFloor returns a lower bound of Total: no parcel whose billable weight is w or more, before surcharges raise it, costs
// less by this card in zone z, on any ship date, to any destination. ok is false where the card prices no such parcel
// there. See LeastBillable and AreaFloor. It looks at every step from w on, so it is for tables made once.
//
// It is the least base price any structure asks, taken through discount, the surcharges that every parcel pays, the
// lowest fuel percentage, tax and rounding. That is a lower bound because surcharges are never negative, and because each
// step from base price to total never falls when the price rises.
func (c *Card) ZoneFloor(z lanes.Zone, w units.Weight) (floor units.Money, ok bool) {
	if z == 0 || int(z) >= len(c.zones) {
		return 0, false
	}
	list := units.Money(math.MaxInt64)
	for i := range c.structures {
		t := c.floorTable(&c.structures[i], int(z))
		list = min(list, t.least(c, max(w, 1)))
	}
	if list == math.MaxInt64 {
		return 0, false
	}
	return c.cheapest(list, int(z)), true
}

// A floorTable is what ZoneFloor looks at of a structure.
type floorTable struct {
	structure *structure
	zone      int
	ends      []units.Weight // of the steps; none: prices do not depend on the weight
	cells     []units.Money  // by step: least price of this step and all after it that are not by the unit
}

func (c *Card) floorTable(s *structure, zone int) floorTable {
	t := floorTable{structure: s, zone: zone, cells: make([]units.Money, len(s.offsets)+1)}
	t.cells[len(s.offsets)] = math.MaxInt64
	if s.kind == weightKind {
		t.ends = s.index.bounds[:len(s.offsets)]
	}
	for i := len(s.offsets) - 1; i >= 0; i-- {
		t.cells[i] = t.cells[i+1]
		if s.kind == weightKind && s.unit[i].by != 0 {
			continue
		}
		for z, cell := range c.cells[s.offsets[i] : int(s.offsets[i])+len(c.zones)] {
			if cell != noCell && zone == z {
				t.cells[i] = min(t.cells[i], units.Money(cell)*c.minor)
			}
		}
	}
	return t
}

// least returns the least base price the structure asks of any parcel that weighs w or more, or math.MaxInt64.
func (t *floorTable) least(c *Card, w units.Weight) units.Money {
	s := t.structure
	if len(s.offsets) == 0 { // limits do not count: they ask for the own weight, not the billable one
		return math.MaxInt64
	}
	if t.ends == nil {
		return t.cells[0]
	}
	first := s.index.find(w)
	list := t.cells[first]
	for i := first; i < len(s.offsets); i++ {
		unit := &s.unit[i]
		if unit.by == 0 {
			continue
		}
		from := w // the lightest in the step, whose price by the unit is its least
		if i > 0 {
			from = max(w, t.ends[i-1]+1)
		}
		n := units.Money(unit.count(uint64(from - s.countsFrom[i])))
		for z, r := range c.rates[s.offsets[i] : int(s.offsets[i])+len(c.zones)] {
			if r.rate >= 0 && t.zone == z {
				list = min(list, c.price(max(r.least, r.start+r.rate*n)))
			}
		}
	}
	return list
}

// cheapest takes a base price in a zone to the least total it can come to.
func (c *Card) cheapest(list units.Money, zone int) units.Money {
	net := list
	if !c.netted {
		net = c.net(list)
	}
	var plain, fuelable units.Money
	for i := range c.surcharges {
		source := &c.source.Surcharges[i]
		if len(source.When)+len(source.Windows)+len(source.DependsOn) > 0 || source.Group != "" {
			continue // some parcel escapes it
		}
		u := &c.surcharges[i]
		var m units.Money
		switch u.kind {
		case amountFlat:
			m = u.flat
		case amountByWeight:
			m = math.MaxInt64
			for _, b := range u.byWeight {
				m = min(m, b.Amount)
			}
		case amountByZone:
			m = math.MaxInt64
			for z, a := range c.amounts[u.byZone : int(u.byZone)+len(c.zones)] {
				if a >= 0 && zone == z {
					m = min(m, a)
				}
			}
			if m == math.MaxInt64 {
				m = 0 // the zone is not served; any bound holds
			}
		case amountOfValue:
			m = u.minimum
		case amountOfBase:
			m = max(c.money(share(u.percent, net)), u.minimum)
		}
		if u.fuelable {
			fuelable += m
		} else {
			plain += m
		}
	}
	fuel := units.Percent(math.MaxInt32)
	for i := range c.eras {
		if f := c.eras[i].fuel; f != noFuel {
			fuel = min(fuel, f)
		}
	}
	if fuel == math.MaxInt32 {
		fuel = 0
	}
	return c.total(list, net, plain, fuelable, fuel)
}

// AreaFloor returns a lower bound of what the attributes of a destination add to any price of the card: no parcel to it costs
// less than ZoneFloor and AreaFloor together. It looks at every surcharge.
func (c *Card) AreaFloor(area lanes.Mask) units.Money {
	sum := units.Money(0)
	for i := range c.source.Surcharges {
		if !c.certain(i, area) {
			continue
		}
		// Of a group only the fired one with the highest priority is charged: one of those from this one up.
		source, least := &c.source.Surcharges[i], c.leastAmount(i)
		for j := range c.source.Surcharges {
			other := &c.source.Surcharges[j]
			if source.Group == "" || other.Group != source.Group || j == i {
				continue
			}
			if other.Priority > source.Priority {
				least = min(least, c.leastAmount(j))
				if c.certain(j, area) {
					least = 0 // the other one counts for the group
					break
				}
			}
		}
		sum += least
	}
	return sum / c.minor * c.minor // whole units pass through the rounding of the total unchanged
}

// certain tells whether a surcharge fires for every parcel to a destination because of its attributes.
func (c *Card) certain(i int, area lanes.Mask) bool {
	u := &c.source.Surcharges[i]
	if len(u.DependsOn)+len(u.Windows) > 0 {
		return false
	}
	return slices.ContainsFunc(u.When, func(when Condition) bool {
		only := Condition{Areas: when.Areas}
		return len(when.Areas) > 0 && reflect.DeepEqual(when, only) && c.inArea(when.Areas, area)
	})
}

// inArea tells whether a destination has one of the named attributes.
func (c *Card) inArea(names []string, area lanes.Mask) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		bit := slices.Index(c.areas, name)
		return bit >= 0 && area>>bit&1 == 1
	})
}

// leastAmount returns what a surcharge comes to at least when it is charged, by amounts that are known beforehand.
func (c *Card) leastAmount(i int) units.Money {
	u := &c.surcharges[i]
	switch u.kind {
	case amountFlat:
		return u.flat
	case amountOfValue, amountOfBase:
		return u.minimum
	}
	return 0
}
