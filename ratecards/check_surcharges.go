package ratecards

import (
	"fmt"
	"maps"
	"slices"

	"github.com/allot-engine/allot/faults"
)

func (s *Source) checkSurcharges(fl *faults.List) {
	if len(s.Surcharges) > MaxSurcharges {
		s.fault(fl, "surcharges", fmt.Sprintf("give at most %d", MaxSurcharges), "the card has %d surcharges", len(s.Surcharges))
	}
	seen := map[string]bool{}
	conditions := 0
	for i := range s.Surcharges {
		u := &s.Surcharges[i]
		path := item("surcharges", i)
		s.name(fl, path+".name", u.Name, seen)
		s.conditions(fl, path+".when", u.When)
		conditions += len(u.When)
		for j, w := range u.Windows {
			if w.From == 0 || w.To == 0 || w.To < w.From {
				s.fault(fl, item(path+".windows", j), "give both dates, the earlier first", "the window is from %s to %s", w.From, w.To)
			}
		}
		s.checkAmount(fl, path+".amount", &u.Amount)
		s.checkGroup(fl, path, i)
		if len(u.DependsOn) > 0 && u.MinimumBillable > 0 {
			s.fault(fl, path+".minimum_billable", "set it on the surcharge this one depends on",
				"a dependent surcharge is charged after the price is known and cannot raise the weight")
		}
		for j, name := range u.DependsOn {
			s.checkDependency(fl, item(path+".depends_on", j), name)
		}
	}
	for i := range s.Structures {
		conditions += len(s.Structures[i].When)
	}
	if conditions > maxConditions {
		s.fault(fl, "surcharges", fmt.Sprintf("use at most %d", maxConditions), "the card has %d conditions", conditions)
	}
}

// checkGroup checks the i-th surcharge against those before it in its exclusive group.
func (s *Source) checkGroup(fl *faults.List, path string, i int) {
	u := &s.Surcharges[i]
	if u.Group == "" {
		if u.Priority != 0 {
			s.fault(fl, path+".priority", "name the exclusive group too", "a priority without a group decides nothing")
		}
		return
	}
	for j := range s.Surcharges[:i] {
		switch o := &s.Surcharges[j]; {
		case o.Group != u.Group:
		case o.Priority == u.Priority:
			s.fault(fl, path+".priority", "give each its own; the highest is charged", "%q has the same priority in group %q", o.Name, clip(u.Group))
		case (len(o.DependsOn) == 0) != (len(u.DependsOn) == 0):
			s.fault(fl, path+".group", "give the dependent ones a group of their own",
				"group %q mixes surcharges that depend on others with some that do not", clip(u.Group))
		}
	}
}

func (s *Source) checkDependency(fl *faults.List, path, name string) {
	var names []string
	for i := range s.Surcharges {
		if len(s.Surcharges[i].DependsOn) == 0 {
			names = append(names, s.Surcharges[i].Name)
		}
		if s.Surcharges[i].Name == name && len(s.Surcharges[i].DependsOn) > 0 {
			s.fault(fl, path, "name the surcharge that one depends on", "%q depends on another itself", clip(name))
			return
		}
	}
	if !slices.Contains(names, name) {
		mend := faults.DidYouMean(name, names)
		if mend == "" {
			mend = "name a surcharge of this card"
		}
		s.fault(fl, path, mend, "unknown surcharge %q", clip(name))
	}
}

func (s *Source) checkAmount(fl *faults.List, path string, a *Amount) {
	kinds := 0
	for _, given := range []bool{a.Flat != nil, len(a.ByZone) > 0, len(a.ByWeight) > 0, a.PercentOfBase != 0, a.PercentOfValue != 0} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		s.fault(fl, path, "give exactly one of flat, by_zone, by_weight, percent_of_base and percent_of_value", "%d kinds of amount are given", kinds)
	}
	if a.Flat != nil {
		s.amount(fl, path+".flat", *a.Flat)
	}
	for _, zone := range slices.Sorted(maps.Keys(a.ByZone)) {
		s.amount(fl, path+".by_zone."+zone, a.ByZone[zone])
	}
	if _, ok := a.ByZone[OtherZones]; len(a.ByZone) > 0 && !ok {
		zones, all := s.priceZones()
		for _, zone := range zones {
			if _, ok := a.ByZone[zone]; !ok {
				s.fault(fl, path+".by_zone", "add it, or \"other\" for the rest; write 0 for no charge", "zone %q has prices but no amount here", clip(zone))
			}
		}
		if all {
			s.fault(fl, path+".by_zone", "add \"other\" for the rest", "the card has prices for any zone, but no amount for every one here")
		}
	}
	for i, w := range a.ByWeight {
		at := item(path+".by_weight", i)
		s.amount(fl, at+".amount", w.Amount)
		switch last := i == len(a.ByWeight)-1; {
		case last && w.NotOver != 0:
			s.fault(fl, at+".not_over", "leave it out, or add a band for heavier parcels", "the last band has an end")
		case !last && w.NotOver == 0:
			s.fault(fl, at+".not_over", "say where the band ends", "a band before the last has no end")
		case !last && i > 0 && w.NotOver <= a.ByWeight[i-1].NotOver:
			s.fault(fl, at+".not_over", "put the bands in order of weight", "the band ends at %s, not above the one before", w.NotOver)
		}
	}
	s.share(fl, path+".percent_of_base", a.PercentOfBase, maxPercent)
	s.share(fl, path+".percent_of_value", a.PercentOfValue, maxPercent)
	s.amount(fl, path+".minimum", a.Minimum)
	if a.Minimum != 0 && a.PercentOfBase == 0 && a.PercentOfValue == 0 {
		s.fault(fl, path+".minimum", "leave it out", "only a percentage has a minimum")
	}
}

// priceZones returns the zones that the card's tables name, in order, and whether some price holds for any zone.
func (s *Source) priceZones() (zones []string, all bool) {
	for i := range s.Structures {
		st := &s.Structures[i]
		all = all || st.Price != nil
		if st.Table == nil {
			continue
		}
		for _, z := range st.Table.Zones {
			all = all || z == AnyZone
			if z != AnyZone && !slices.Contains(zones, z) {
				zones = append(zones, z)
			}
		}
	}
	return zones, all
}
