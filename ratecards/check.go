package ratecards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// Dates a card may take effect on and end on. They bound the table of days a compiled card keeps.
var (
	firstDate = units.DateOf(2000, 1, 1)
	lastDate  = units.DateOf(2099, 12, 31)
)

// maxPercent bounds fuel and surcharge percentages, 500 %, so that no price can overflow.
const maxPercent units.Percent = 5 * units.WholePercent

// fault adds a fault at a path of the card file.
func (s *Source) fault(fl *faults.List, path, mend, format string, args ...any) {
	line, column := 0, 0
	if s.doc != nil {
		line, column = s.doc.Place(path)
	}
	fl.Addf(s.File, line, column, path, mend, format, args...)
}

func item(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func listed(names []string) string { return strings.Join(names, ", ") }

// oneOf checks a word against the ones it may be; an empty word is left to its default.
func (s *Source) oneOf(fl *faults.List, path, got string, known ...string) {
	if got == "" || slices.Contains(known, got) {
		return
	}
	mend := faults.DidYouMean(got, known)
	if mend == "" {
		mend = "write one of " + listed(known)
	}
	s.fault(fl, path, mend, "unknown %q", clip(got))
}

func (s *Source) amount(fl *faults.List, path string, m units.Money) {
	if m < 0 || m > MaxAmount {
		s.fault(fl, path, fmt.Sprintf("give an amount from 0 to %s", MaxAmount), "the amount %s is out of range", m)
	}
}

func (s *Source) share(fl *faults.List, path string, p, most units.Percent) {
	if p < 0 || p > most {
		s.fault(fl, path, fmt.Sprintf("give a percentage from 0%% to %s", most), "the percentage %s is out of range", p)
	}
}

func (s *Source) flags(fl *faults.List, path string, names []string) {
	for i, name := range names {
		if _, ok := ParseFlag(name); !ok {
			s.fault(fl, item(path, i), flagMend(name), "unknown parcel flag %q", clip(name))
		}
	}
}

// name checks a required name that must be its own among seen.
func (s *Source) name(fl *faults.List, path, name string, seen map[string]bool) {
	switch {
	case name == "":
		s.fault(fl, path, "give it a name", "the name is missing")
	case seen[name]:
		s.fault(fl, path, "give each its own name", "%q is named twice", clip(name))
	}
	seen[name] = true
}

// check lists every fault of a card whose tables have been read.
func (s *Source) check(fl *faults.List) {
	s.checkHead(fl)
	s.checkDimensions(fl)
	s.checkSteps(fl)
	s.checkStructures(fl)
	s.checkCharges(fl)
	s.checkSurcharges(fl)
}

func (s *Source) checkHead(fl *faults.List) {
	for _, f := range []struct{ path, value, mend string }{
		{"carrier", s.Carrier, "name the carrier"},
		{"service", s.Service, "name the service, as the network does"},
		{"currency", s.Currency, "write a currency code, as USD"},
		{"source.text", s.Source.Text, "say where the figures were published, or \"assumed\""},
	} {
		if f.value == "" {
			s.fault(fl, f.path, f.mend, "the value is missing")
		}
	}
	if strings.ContainsAny(s.Service, " \t,;") {
		s.fault(fl, "service", "write it without blanks, as fedex_ground", "%q has blanks or separators", clip(s.Service))
	}
	if s.Currency != "" && (len(s.Currency) != 3 || strings.Trim(s.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		s.fault(fl, "currency", "write an ISO 4217 code, as USD", "%q is no currency code", clip(s.Currency))
	}
	if s.MinorUnit < 0 || s.MinorUnit > 1_000*units.Currency {
		s.fault(fl, "minor_unit", "write the smallest coin, as 0.01", "the minor unit %s is out of range", s.MinorUnit)
	}
	s.oneOf(fl, "rounding", s.Rounding, RoundNone, RoundTotal, RoundEachCharge)
	if s.EffectiveFrom == 0 {
		s.fault(fl, "effective_from", "give the first ship date, as 2026-01-05", "the date is missing")
	} else if s.EffectiveFrom < firstDate || s.EffectiveFrom > lastDate {
		s.fault(fl, "effective_from", fmt.Sprintf("give a date from %s to %s", firstDate, lastDate), "%s is out of range", s.EffectiveFrom)
	}
	if s.EffectiveTo != 0 && (s.EffectiveTo < s.EffectiveFrom || s.EffectiveTo > lastDate) {
		s.fault(fl, "effective_to", "give a date from effective_from to "+lastDate.String(), "the card ends on %s and begins on %s", s.EffectiveTo, s.EffectiveFrom)
	}
	if (s.Zones.LightScope == "") != (s.Zones.LightBelow == 0) {
		s.fault(fl, "zones", "give both or neither", "light_scope and light_below stand one without the other")
	}
	s.flags(fl, "refuses", s.Refuses)
}

func (s *Source) sideRounding(fl *faults.List, path string, r *SideRounding) {
	if r == nil {
		return
	}
	s.oneOf(fl, path+".round", r.Round, RoundUp, RoundNearest, RoundDown)
	if r.To <= 0 || r.To > units.Metre {
		s.fault(fl, path+".to", "give a length above 0 and up to 1 m, as 1 in", "%s is no length to round to", r.To)
	}
}

func (s *Source) checkDimensions(fl *faults.List) {
	for i, d := range s.Dimensional {
		path, before := item("dimensional", i), fl.Len()
		if d.Divisor.IsZero() {
			s.fault(fl, path+".divisor", "give it, as 139 in3/lb", "the divisor is missing")
		}
		if d.ShipTo != 0 && d.ShipTo < d.ShipFrom {
			s.fault(fl, path+".ship_to", "put the earlier date first", "the rule ends on %s and begins on %s", d.ShipTo, d.ShipFrom)
		}
		for j, e := range s.Dimensional[:i] {
			if !(d.ShipTo != 0 && d.ShipTo < e.ShipFrom || e.ShipTo != 0 && e.ShipTo < d.ShipFrom) {
				s.fault(fl, path, "let each ship date have one rule", "the period overlaps that of %s", item("dimensional", j))
			}
		}
		s.sideRounding(fl, path+".sides", d.Sides)
		if d.Round != nil {
			s.oneOf(fl, path+".round.round", d.Round.Round, RoundUp, RoundNearest, RoundDown)
			if d.Round.To <= 0 {
				s.fault(fl, path+".round.to", "give a weight above 0, as 1 lb", "the weight to round to is missing")
			}
		}
		if fl.Len() > before {
			continue
		}
		if _, ok := compileDimension(&d); !ok {
			s.fault(fl, path+".divisor", "round it to fewer digits", "the divisor %s and the factor have too many digits to compute with exactly", d.Divisor)
		}
	}
}

func (s *Source) checkSteps(fl *faults.List) {
	for i, w := range s.WeightSteps {
		path := item("weight_steps", i)
		last := i == len(s.WeightSteps)-1
		switch {
		case w.To <= 0:
			s.fault(fl, path+".to", "give a weight above 0, as 1 lb", "the weight to round to is missing")
		case last && w.NotOver != 0:
			s.fault(fl, path+".not_over", "leave it out, or add a band for heavier parcels", "the last band has an end")
		case !last && w.NotOver == 0:
			s.fault(fl, path+".not_over", "say where the band ends", "a band before the last has no end")
		case !last && i > 0 && w.NotOver <= s.WeightSteps[i-1].NotOver:
			s.fault(fl, path+".not_over", "put the bands in order of weight", "the band ends at %s, not above the one before", w.NotOver)
		}
	}
}

func (s *Source) checkStructures(fl *faults.List) {
	if len(s.Structures) == 0 {
		s.fault(fl, "structures", "give at least one way to price a parcel", "the card has no structures")
	}
	if len(s.Structures) > MaxStructures {
		s.fault(fl, "structures", fmt.Sprintf("give at most %d", MaxStructures), "the card has %d structures", len(s.Structures))
	}
	seen := map[string]bool{}
	for i := range s.Structures {
		st := &s.Structures[i]
		path := item("structures", i)
		s.name(fl, path+".name", st.Name, seen)
		if st.Kind == "" {
			s.fault(fl, path+".kind", "write weight, cubic or flat", "the kind is missing")
		}
		s.oneOf(fl, path+".kind", st.Kind, KindWeight, KindCubic, KindFlat)
		s.sideRounding(fl, path+".sides", st.Sides)
		s.conditions(fl, path+".when", st.When)
		if st.Sides != nil && st.Kind != KindCubic {
			s.fault(fl, path+".sides", "leave it out, or set it under dimensional", "only a cubic structure rounds the sides itself")
		}
		switch {
		case st.Price != nil && st.Kind != KindFlat:
			s.fault(fl, path+".price", "name a table under prices", "only a flat structure has one price")
		case st.Price != nil && st.Prices != "":
			s.fault(fl, path+".price", "give one of them", "the structure has a price and a table")
		case st.Price == nil && st.Prices == "" && st.Table == nil:
			s.fault(fl, path+".prices", "name its CSV, as fedex_ground.prices.csv", "the structure has no prices")
		}
		if st.Price != nil {
			s.amount(fl, path+".price", *st.Price)
			if !s.fitsCell(*st.Price) {
				s.fault(fl, path+".price", "round it, or set minor_unit", "the price %s is finer than %s or too large for it", *st.Price, s.minor())
			}
		}
		if st.Table != nil {
			s.checkTable(fl, path, st)
		}
	}
}

func (s *Source) minor() units.Money {
	if s.MinorUnit == 0 {
		return units.Cent
	}
	return s.MinorUnit
}

// fitsCell tells whether a price is a whole number of minor units that a cell of 32 bits can hold.
func (s *Source) fitsCell(m units.Money) bool {
	return s.minor() > 0 && m%s.minor() == 0 && m/s.minor() < 1<<31-1
}

// checkTable checks the order of the rows of a price table and the size of its figures.
func (s *Source) checkTable(fl *faults.List, path string, st *Structure) {
	t, before := st.Table, fl.Len()
	fault := func(row int, zone int, field, mend, format string, args ...any) {
		column := 0
		if zone >= 0 && zone < len(t.columns) {
			column = t.columns[zone]
		}
		if st.Prices == "" {
			s.fault(fl, path, mend, format, args...)
			return
		}
		fl.Addf(tablePath(s.File, st.Prices), t.Rows[row].Line, column, field, mend, format, args...)
	}
	if len(t.Rows) == 0 {
		if st.Prices == "" {
			s.fault(fl, path, "give at least one row", "the price table is empty")
		}
		return // ReadPrices said why
	}
	var end units.Weight
	var tier Volume
	usesUnit := false
	for i, r := range t.Rows {
		last := i == len(t.Rows)-1
		usesUnit = usesUnit || r.Basis == BasisPerUnit || r.Basis == BasisBeyond
		switch {
		case st.Kind == KindCubic && i > 0 && r.Tier.Cmp(tier) <= 0:
			fault(i, -1, colNotOver, "put the tiers in order of volume", "the tier ends at %s, not above the one before", r.Tier)
		case st.Kind != KindWeight:
		case r.NotOver == 0 && !last && (r.Basis != BasisMinimum || i+2 < len(t.Rows)):
			fault(i, -1, colNotOver, "say where the step ends", "a step before the last has no end")
		case r.NotOver == 0 && r.Basis == BasisEach:
			fault(i, -1, colNotOver, "say where the step ends, or write per_unit or beyond under basis", "a price without an upper end would hold for any weight")
		case r.NotOver != 0 && r.NotOver <= end:
			fault(i, -1, colNotOver, "put the steps in order of weight", "the step ends at %s, not above the one before", r.NotOver)
		case r.Basis == BasisMinimum && (last || t.Rows[i+1].Basis != BasisPerUnit || t.Rows[i+1].NotOver != r.NotOver):
			fault(i, -1, colBasis, "follow it with the per_unit row of the same not_over", "a minimum stands by itself")
		case r.Basis == BasisBeyond && i == 0:
			fault(i, -1, colBasis, "put the steps it goes beyond before it", "the first row goes beyond nothing")
		}
		if r.Basis != BasisMinimum {
			end, tier = r.NotOver, r.Tier
		}
		for z, p := range r.Prices {
			switch exact := r.Basis == BasisEach || r.Basis == BasisMinimum; {
			case p > MaxAmount:
				fault(i, z, t.Zones[z], "check the figure", "the price %s is too large", p)
			case exact && p != NoPrice && !s.fitsCell(p):
				fault(i, z, t.Zones[z], "round it, or set minor_unit on the card", "the price %s is finer than %s or too large for it", p, s.minor())
			case r.Basis == BasisBeyond && i > 0 && p != NoPrice && t.Rows[i-1].Prices[z] == NoPrice:
				fault(i, z, t.Zones[z], "fill in the row before, or leave this cell empty", "the row before has no price in zone %q", clip(t.Zones[z]))
			}
		}
	}
	if st.Unit > 0 && fl.Len() == before {
		for i, r := range steps(st) {
			for z := range t.Zones {
				if r.most(z) > MaxAmount {
					fault(r.row, z, t.Zones[z], "check the figure and the unit", "step %d costs more than %s at its upper end", i+1, MaxAmount)
				}
			}
		}
	}
	switch {
	case usesUnit && st.Unit <= 0:
		s.fault(fl, path+".unit", "say what per_unit and beyond count, as 1 lb", "the unit is missing")
	case !usesUnit && st.Unit > 0:
		s.fault(fl, path+".unit", "leave it out", "no row of the table counts units")
	}
}

func (s *Source) checkCharges(fl *faults.List) {
	if d := s.Discount; d != nil {
		s.share(fl, "discount.percent", d.Percent, units.WholePercent)
		s.amount(fl, "discount.minimum_net", d.MinimumNet)
	}
	if f := s.Fuel; f != nil {
		s.oneOf(fl, "fuel.on", f.On, FuelOnNet, FuelOnList, FuelOnNone)
		if f.Table == "" && len(f.Weeks) == 0 {
			s.fault(fl, "fuel.table", "name its CSV, as fedex_ground.fuel.csv", "the fuel table is missing")
		}
		for i, w := range f.Weeks { // a program may have made them; ReadFuel has already checked a file's
			if s.doc == nil && (w.To != 0 && w.To < w.From || i > 0 && (f.Weeks[i-1].To == 0 || w.From != f.Weeks[i-1].To+1)) {
				s.fault(fl, "fuel", "let the weeks follow one another without a gap", "week %d does not follow the one before", i)
			}
			s.share(fl, "fuel.table", w.Percent, maxPercent)
		}
	}
	if s.Tax != nil {
		s.share(fl, "tax.percent", s.Tax.Percent, units.WholePercent)
	}
}

func (s *Source) conditions(fl *faults.List, path string, when []Condition) {
	for i, c := range when {
		at := item(path, i)
		if c.WeightOver == 0 && c.LongestOver == 0 && c.SecondOver == 0 && c.LengthPlusGirthOver == 0 && c.VolumeOver.IsZero() &&
			c.ValueOver == 0 && len(c.Flags) == 0 && len(c.Areas) == 0 {
			s.fault(fl, at, "name what must hold, or leave \"when\" out for every parcel", "the condition asks nothing")
		}
		s.amount(fl, at+".value_over", c.ValueOver)
		s.flags(fl, at+".flags", c.Flags)
	}
}

// tablePath returns the path of a table that a card file names.
func tablePath(card, name string) string {
	if i := strings.LastIndexByte(card, '/'); i >= 0 {
		return card[:i+1] + name
	}
	return name
}
