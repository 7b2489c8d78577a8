package ratecards

import (
	"maps"
	"slices"
)

// Clone returns a copy of a card whose periods, prices, discount, fuel and surcharges may be changed without changing s. It
// counts as made by a program: Compile checks it, and faults of it name no lines.
func (s *Source) Clone() *Source {
	c := *s
	c.doc, c.state = nil, stateUnchecked
	if s.state == stateFaulty {
		c.state = stateFaulty
	}
	c.Refuses = slices.Clone(s.Refuses)
	c.Dimensional = slices.Clone(s.Dimensional)
	c.WeightSteps = slices.Clone(s.WeightSteps)
	c.Structures = slices.Clone(s.Structures)
	for i := range c.Structures {
		st := &c.Structures[i]
		st.Price = cloned(st.Price)
		if st.Table != nil {
			t := *st.Table
			t.Zones, t.Rows = slices.Clone(t.Zones), slices.Clone(t.Rows)
			for r := range t.Rows {
				t.Rows[r].Prices = slices.Clone(t.Rows[r].Prices)
			}
			st.Table = &t
		}
	}
	c.Discount, c.Tax, c.Fuel = cloned(s.Discount), cloned(s.Tax), cloned(s.Fuel)
	if c.Fuel != nil {
		c.Fuel.Weeks = slices.Clone(c.Fuel.Weeks)
	}
	c.Surcharges = slices.Clone(s.Surcharges)
	for i := range c.Surcharges {
		a := &c.Surcharges[i]
		a.When, a.DependsOn, a.Windows = slices.Clone(a.When), slices.Clone(a.DependsOn), slices.Clone(a.Windows)
		a.Amount.Flat, a.Amount.ByZone, a.Amount.ByWeight = cloned(a.Amount.Flat), maps.Clone(a.Amount.ByZone), slices.Clone(a.Amount.ByWeight)
	}
	return &c
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
