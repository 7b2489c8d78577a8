package ratecards

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A cardMaker draws random cards without fault: every part of the format, with thresholds close together, so that
// random parcels meet their boundaries.
type cardMaker struct{ t *rapid.T }

var (
	madeZones = []string{"", "2", "3", "9-10", "17"}
	madeAreas = []string{"das", "das_extended", "remote"}
	madeStart = date("2025-01-01")
)

func (m cardMaker) chance(label string) bool { return rapid.Bool().Draw(m.t, label) }

// rare is true once in eight times; rapid favours small numbers, so it asks for a larger one.
func (m cardMaker) rare(label string) bool { return m.n(0, 7, label) == 5 }

func (m cardMaker) n(lo, hi int, label string) int { return rapid.IntRange(lo, hi).Draw(m.t, label) }

func (m cardMaker) cents(label string) units.Money {
	return units.Money(m.n(1, 5_000, label)) * units.Cent
}

// micros is an amount finer than a cent half of the time.
func (m cardMaker) micros(label string) units.Money {
	if m.chance(label + " fine") {
		return units.Money(m.n(0, 9_999_999, label))
	}
	return m.cents(label)
}

func (m cardMaker) date(label string) units.Date { return madeStart + units.Date(m.n(0, 40, label)) }

func (m cardMaker) weight(label string) units.Weight {
	unit := rapid.SampledFrom([]units.Weight{units.Ounce, units.Pound, units.Kilogram, units.Pound / 1_000}).Draw(m.t, label+" unit")
	return units.Weight(61-m.n(1, 60, label)) * unit
}

func (m cardMaker) length(label string) units.Length {
	return units.Length(241-m.n(1, 240, label)) * units.Inch / 4
}

func (m cardMaker) volume(label string) Volume {
	return VolumeOf([3]units.Length{m.length(label), m.length(label), m.length(label)})
}

func (m cardMaker) limits(label string) Limits {
	var l Limits
	if m.rare(label + " weight") {
		l.Weight = m.weight(label)
	}
	if m.rare(label + " longest") {
		l.Longest = m.length(label)
	}
	if m.rare(label + " girth") {
		l.LengthPlusGirth = 3 * m.length(label)
	}
	if m.rare(label + " volume") {
		l.Volume = m.volume(label)
	}
	if m.rare(label + " second") {
		l.Second = m.length(label)
	}
	return l
}

func (m cardMaker) conditions(label string) []Condition {
	all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Condition {
		m := cardMaker{t}
		var c Condition
		for first := true; first || m.n(0, 3, "more") == 0; first = false {
			switch m.n(0, 7, "asks") {
			case 0:
				c.WeightOver = m.weight("weight_over")
			case 1:
				c.LongestOver = m.length("longest_over")
			case 2:
				c.SecondOver = m.length("second_over")
			case 3:
				c.LengthPlusGirthOver = 3 * m.length("girth_over")
			case 4:
				c.VolumeOver = m.volume("volume_over")
			case 5:
				c.ValueOver = m.cents("value_over")
			case 6:
				c.Flags = rapid.SliceOfNDistinct(rapid.SampledFrom(flagNames[:4]), 1, 2, rapid.ID).Draw(t, "flags")
			case 7:
				c.Areas = rapid.SliceOfNDistinct(rapid.SampledFrom(madeAreas), 1, 2, rapid.ID).Draw(t, "areas")
			}
		}
		return c
	}), 0, 3).Draw(m.t, label)
	if len(all) == 0 {
		return nil // as a file without the key gives
	}
	return all
}

func (m cardMaker) sides() *SideRounding {
	if m.n(0, 3, "side rounding") == 0 {
		return nil
	}
	return &SideRounding{
		Round:      rapid.SampledFrom([]string{"", RoundUp, RoundNearest, RoundDown}).Draw(m.t, "round"),
		To:         rapid.SampledFrom([]units.Length{units.Inch, units.Inch / 4, units.Centimetre, units.Millimetre, 2_500, 1}).Draw(m.t, "to"),
		Surcharges: m.chance("surcharges see rounded sides"),
	}
}

func (m cardMaker) dimensions() []Dimension {
	divisors := []string{"139 in3/lb", "166 in3/lb", "6000 cm3/kg", "250 kg/m3", "1 ft3/oz", "333.333 cm3/kg"}
	var all []Dimension
	from := units.Date(0)
	for range m.n(0, 2, "rules") {
		d := Dimension{
			ShipFrom: from,
			Divisor:  must(ParseDivisor(rapid.SampledFrom(divisors).Draw(m.t, "divisor"))),
			Sides:    m.sides(),
		}
		if m.chance("above") {
			d.AboveVolume = m.volume("above_volume")
		}
		if m.chance("exempt") {
			d.ExemptUpTo = m.weight("exempt_up_to")
		}
		if m.chance("factor") {
			d.Nonrectangular = Factor(m.n(1, 1_000, "nonrectangular")) * 1_000
		}
		if m.chance("round") {
			d.Round = &WeightRounding{Round: rapid.SampledFrom([]string{"", RoundUp, RoundNearest, RoundDown}).Draw(m.t, "way"), To: m.weight("to")}
		}
		d.ShipTo = max(from, madeStart) + units.Date(m.n(0, 20, "days"))
		from = d.ShipTo + units.Date(m.n(1, 3, "gap"))
		all = append(all, d)
	}
	if len(all) > 0 && m.chance("open end") {
		all[len(all)-1].ShipTo = 0
	}
	return all
}

func (m cardMaker) table(kind string) *PriceTable {
	t := &PriceTable{Zones: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"2", "3", "9-10", "17", AnyZone, "unheard"}), 1, 4, rapid.ID).Draw(m.t, "columns")}
	if !slices.ContainsFunc(t.Zones, func(z string) bool { return z == AnyZone || slices.Contains(madeZones, z) }) {
		t.Zones[0] = "2"
	}
	row := func(basis string, before []units.Money) PriceRow {
		r := PriceRow{Basis: basis, Prices: make([]units.Money, len(t.Zones))}
		for z := range r.Prices {
			switch {
			case len(t.Zones) > 1 && m.rare("empty"), before != nil && before[z] == NoPrice:
				r.Prices[z] = NoPrice
			case basis == BasisPerUnit || basis == BasisBeyond:
				r.Prices[z] = m.micros("rate") + 1
			default:
				r.Prices[z] = m.cents("price")
			}
		}
		return r
	}
	var end units.Weight
	var tier int
	rows := m.n(1, 6, "steps")
	if kind == KindFlat {
		rows = 1
	}
	for i := range rows {
		end += m.weight("step")
		tier += m.n(1, 30, "tier")
		switch {
		case kind == KindFlat:
			r := row(BasisEach, nil)
			if !slices.ContainsFunc(r.Prices, func(p units.Money) bool { return p != NoPrice }) {
				r.Prices[0] = m.cents("one price at least") // a file without any is refused
			}
			t.Rows = append(t.Rows, r)
		case kind == KindCubic:
			r := row(BasisEach, nil)
			r.Tier = VolumeOf([3]units.Length{units.Length(tier) * units.Inch, 12 * units.Inch, 6 * units.Inch})
			t.Rows = append(t.Rows, r)
		default:
			to := end
			basis := rapid.SampledFrom([]string{BasisEach, BasisEach, BasisPerUnit, BasisBeyond}).Draw(m.t, "basis")
			if basis == BasisBeyond && i == 0 {
				basis = BasisPerUnit
			}
			if i == rows-1 && basis != BasisEach && m.chance("no upper end") {
				to = 0
			}
			if basis == BasisPerUnit && m.chance("least") {
				r := row(BasisMinimum, nil)
				r.NotOver = to
				t.Rows = append(t.Rows, r)
			}
			var before []units.Money
			if basis == BasisBeyond {
				before = t.Rows[len(t.Rows)-1].Prices
			}
			r := row(basis, before)
			r.NotOver = to
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}

func (m cardMaker) structures() []Structure {
	var all []Structure
	for i := range m.n(1, 4, "structures") {
		s := Structure{Name: fmt.Sprintf("s%d", i), Kind: rapid.SampledFrom([]string{KindWeight, KindWeight, KindCubic, KindFlat}).Draw(m.t, "kind"), Assumed: m.chance("assumed")}
		if s.Kind == KindFlat && m.chance("one price") {
			p := m.cents("flat price")
			s.Price = &p
		} else {
			s.Table = m.table(s.Kind)
			s.Prices = s.Name + ".csv"
			if slices.ContainsFunc(s.Table.Rows, func(r PriceRow) bool { return r.Basis == BasisPerUnit || r.Basis == BasisBeyond }) {
				s.Unit = rapid.SampledFrom([]units.Weight{units.Pound, units.Kilogram, 100 * units.Pound}).Draw(m.t, "unit")
			}
		}
		if s.Kind == KindCubic {
			s.Sides = m.sides()
		}
		if i > 0 && m.chance("limited") {
			s.Limits = m.limits("limits")
			s.When = m.conditions("when")
		}
		all = append(all, s)
	}
	return all
}

func (m cardMaker) amount() Amount {
	switch m.n(0, 4, "amount") {
	case 0:
		zones := map[string]units.Money{OtherZones: m.micros("other")}
		for _, z := range rapid.SliceOfNDistinct(rapid.SampledFrom(madeZones[1:]), 0, 3, rapid.ID).Draw(m.t, "zones") {
			zones[z] = m.micros("zone")
		}
		return Amount{ByZone: zones}
	case 1:
		var bands []WeightAmount
		var end units.Weight
		for range m.n(0, 3, "bands") {
			end += m.weight("band")
			bands = append(bands, WeightAmount{NotOver: end, Amount: m.micros("band")})
		}
		return Amount{ByWeight: append(bands, WeightAmount{Amount: m.micros("last band")})}
	case 2:
		return Amount{PercentOfBase: units.Percent(m.n(1, 30_000, "percent")), Minimum: m.micros("minimum")}
	case 3:
		return Amount{PercentOfValue: units.Percent(m.n(1, 30_000, "percent")), Minimum: m.micros("minimum")}
	}
	flat := m.micros("flat")
	return Amount{Flat: &flat}
}

func (m cardMaker) surcharges() []Surcharge {
	var all []Surcharge
	var base []string
	for i := range m.n(0, 7, "surcharges") {
		u := Surcharge{Name: fmt.Sprintf("u%d", i), Amount: m.amount(), Fuelable: m.chance("fuelable"), Assumed: m.chance("assumed")}
		if m.n(0, 2, "when") > 0 {
			u.When = m.conditions("when")
		}
		if m.n(0, 3, "windowed") == 0 {
			from := m.date("window")
			u.Windows = []Window{{from, from + units.Date(m.n(0, 9, "days"))}}
		}
		group := rapid.SampledFrom([]string{"", "a", "b"}).Draw(m.t, "group")
		if len(base) > 0 && m.n(0, 2, "dependent") == 0 {
			u.DependsOn = rapid.SliceOfNDistinct(rapid.SampledFrom(base), 1, 2, rapid.ID).Draw(m.t, "on")
			if group != "" {
				group += " dependent"
			}
		} else {
			base = append(base, u.Name)
			if m.chance("raises") {
				u.MinimumBillable = m.weight("minimum_billable")
			}
		}
		if group != "" {
			u.Group, u.Priority = group, (i*5+3)%8 // each its own
		}
		all = append(all, u)
	}
	return all
}

func (m cardMaker) fuel() *Fuel {
	if m.chance("no fuel") {
		return nil
	}
	f := &Fuel{Table: "fuel.csv", On: rapid.SampledFrom([]string{"", FuelOnNet, FuelOnList, FuelOnNone}).Draw(m.t, "on")}
	from := m.date("first week") - 10
	for range m.n(1, 5, "weeks") {
		w := FuelWeek{From: from, To: from + units.Date(m.n(0, 12, "days")), Percent: units.Percent(m.n(0, 5_000, "fuel")), Assumed: m.chance("assumed")}
		f.Weeks = append(f.Weeks, w)
		from = w.To + 1
	}
	if !m.rare("fuel ends") {
		f.Weeks[len(f.Weeks)-1].To = 0
	}
	return f
}

// card draws a whole card.
func (m cardMaker) card() *Source {
	s := &Source{
		Carrier: "Random", Service: "random", Currency: "USD", EffectiveFrom: madeStart, File: "cards/card.yaml",
		Rounding:    rapid.SampledFrom([]string{"", RoundNone, RoundTotal, RoundEachCharge}).Draw(m.t, "rounding"),
		Source:      Citation{Text: "drawn at random"},
		Dimensional: m.dimensions(),
		Structures:  m.structures(),
		Fuel:        m.fuel(),
		Surcharges:  m.surcharges(),
	}
	if m.chance("other minor unit") {
		s.MinorUnit = rapid.SampledFrom([]units.Money{units.Cent / 10, units.Cent / 2, units.Cent}).Draw(m.t, "minor_unit")
	}
	if m.rare("ends") {
		s.EffectiveTo = madeStart + units.Date(m.n(0, 40, "effective_to"))
	}
	if m.chance("light") {
		s.Zones = Zones{Scope: "priority", LightScope: "light", LightBelow: m.weight("light_below")}
	}
	if m.rare("limited") {
		s.Limits = m.limits("card")
	}
	if m.rare("refuses") {
		s.Refuses = []string{flagNames[m.n(0, 3, "refused")]}
	}
	var end units.Weight
	for i := range m.n(0, 2, "bands") {
		end += m.weight("band")
		s.WeightSteps = append(s.WeightSteps, WeightStep{NotOver: end, To: m.weight("to")})
		if i == 1 {
			break
		}
	}
	if len(s.WeightSteps) > 0 {
		s.WeightSteps[len(s.WeightSteps)-1].NotOver = 0
	}
	if m.chance("discounted") {
		s.Discount = &Discount{Percent: units.Percent(m.n(0, 10_000, "discount")), MinimumNet: m.micros("minimum_net")}
	}
	if m.chance("taxed") {
		s.Tax = &Tax{Percent: units.Percent(m.n(0, 3_000, "tax"))}
	}
	return s
}

// A parcelMaker draws parcels of the same round figures as a card's thresholds, half of them a hair beside.
type parcelMaker struct{ *rand.Rand }

func (m parcelMaker) parcel() *Parcel {
	unit := [...]units.Weight{units.Ounce, units.Pound, units.Kilogram, units.Pound / 1_000}[m.IntN(4)]
	hair := func() int64 { return max(0, m.Int64N(4)-1) - m.Int64N(2) }
	p := &Parcel{Weight: units.Weight(1+m.Int64N(60))*unit + units.Weight(hair())}
	if m.IntN(6) > 0 {
		for i := range p.Sides {
			p.Sides[i] = units.Length(1+m.Int64N(200))*units.Inch/4 + units.Length(hair())
		}
	}
	if m.IntN(2) == 0 {
		p.Flags = ParcelFlags(m.IntN(16))
	}
	if m.IntN(2) == 0 {
		p.Value = units.Money(1+m.Int64N(5_000))*units.Cent + units.Money(hair())
	}
	switch m.IntN(200) {
	case 0:
		p.Weight = 0
	case 1:
		p.Weight = units.MaxWeight
	case 2:
		p.Sides = [3]units.Length{units.MaxLength, units.MaxLength, units.MaxLength}
	case 3:
		p.Sides[1] = -1
	case 4:
		p.Value = MaxAmount + 1
	case 5:
		p.Value = MaxAmount
	}
	return p
}

func (m parcelMaker) ship() units.Date { return madeStart + units.Date(m.IntN(45)-2) }

func (m parcelMaker) area() lanes.Mask { return lanes.Mask(m.IntN(8)) }

// compile compiles a drawn card, which must have no fault.
func compileDrawn(t *rapid.T, s *Source) *Card {
	var fl faults.List
	c := s.Compile(madeZones, madeAreas, &fl)
	if c == nil {
		t.Fatalf("a drawn card has faults:\n%v", fl.Err())
	}
	return c
}

// TestTotalMatchesRate is the contract of the fast twin: for random cards and parcels, Prepare and Total give to the micro
// what Rate gives, Rate's charges sum to its total, and Floor is no higher. See compareTwins.
func TestTotalMatchesRate(t *testing.T) {
	reasons := map[Reason]int{}
	rapid.Check(t, func(rt *rapid.T) {
		c := compileDrawn(rt, cardMaker{rt}.card())
		m := parcelMaker{rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))}
		for range 200 {
			p, z, area, ship := m.parcel(), lanes.Zone(m.IntN(len(madeZones)+1)), m.area(), m.ship()
			r := c.Rate(p, z, area, ship)
			reasons[r.Reason]++
			compareTwins(rt, c, p, z, area, ship, r)
		}
	})
	if reasons[Priced] < 200 { // a property that little reaches proves little
		t.Errorf("only %d random parcels had a price: %v", reasons[Priced], reasons)
	}
}

// TestTotalMatchesRateOnFixedCards is the same on cards that stay the same from run to run, for more of them.
func TestTotalMatchesRateOnFixedCards(t *testing.T) {
	drawn := rapid.Custom(func(rt *rapid.T) *Source { return cardMaker{rt}.card() })
	reasons := map[Reason]int{}
	for seed := range 1_000 {
		var fl faults.List
		c := drawn.Example(seed).Compile(madeZones, madeAreas, &fl)
		if c == nil {
			t.Fatalf("seed %d: a drawn card has faults:\n%v", seed, fl.Err())
		}
		m := parcelMaker{rand.New(rand.NewPCG(uint64(seed), 1))}
		for range 50 {
			p, z, area, ship := m.parcel(), lanes.Zone(m.IntN(len(madeZones)+1)), m.area(), m.ship()
			r := c.Rate(p, z, area, ship)
			reasons[r.Reason]++
			compareTwins(t, c, p, z, area, ship, r)
		}
	}
	for r := Priced; r <= NotServed; r++ {
		if reasons[r] == 0 {
			t.Errorf("no parcel met %q: %v", r, reasons)
		}
	}
}

// TestFloorIsBelowEveryHeavierParcel checks the floors as they are used: those of a weight bound every parcel that is billed
// for at least as much.
func TestFloorIsBelowEveryHeavierParcel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := compileDrawn(rt, cardMaker{rt}.card())
		m := parcelMaker{rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))}
		var q Prepared
		for range 200 {
			p := m.parcel()
			area := m.area()
			c.Prepare(&q, p, area, m.ship())
			z := lanes.Zone(1 + m.IntN(4))
			total, ok := q.Total(z)
			if !ok {
				continue
			}
			total -= c.AreaFloor(area)
			if least := c.LeastBillable(p); least < p.Weight || least > q.Billable {
				rt.Fatalf("LeastBillable = %s, but %s is billed as %s", least, p.Weight, q.Billable)
			}
			billable := units.Weight(m.Int64N(int64(c.LeastBillable(p)) + 1))
			if floor, ok := c.ZoneFloor(z, billable); !ok || floor > total {
				rt.Fatalf("ZoneFloor(%d, %s) = %s, %t, but %s costs %s", z, billable, floor, ok, p.Weight, total)
			}
		}
	})
}

// TestWrittenCardsReadBack writes random cards as files and reads them back as the same.
func TestWrittenCardsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := cardMaker{rt}
		s := m.card()
		compileDrawn(rt, s)
		fsys := fstest.MapFS{}
		raw, err := yaml.Marshal(s)
		if err != nil {
			rt.Fatal(err)
		}
		fsys["cards/card.yaml"] = &fstest.MapFile{Data: raw}
		for i := range s.Structures {
			if table := s.Structures[i].Table; table != nil {
				var b bytes.Buffer
				if err := writeCSV(&b, table); err != nil {
					rt.Fatal(err)
				}
				fsys["cards/"+s.Structures[i].Prices] = &fstest.MapFile{Data: b.Bytes()}
			}
		}
		if s.Fuel != nil {
			var b bytes.Buffer
			if err := writeFuel(&b, s.Fuel.Weeks); err != nil {
				rt.Fatal(err)
			}
			fsys["cards/fuel.csv"] = &fstest.MapFile{Data: b.Bytes()}
		}
		var fl faults.List
		back := Read(fsys, "cards/card.yaml", &fl)
		if err := fl.Err(); err != nil {
			rt.Fatalf("%v\n%s", err, raw)
		}
		// What only a file has is not compared.
		back.doc, back.state = nil, s.state
		for i := range back.Structures {
			if table := back.Structures[i].Table; table != nil {
				table.columns = nil
				for j := range table.Rows {
					table.Rows[j].Line = 0
				}
			}
		}
		if !reflect.DeepEqual(s, back) {
			rt.Fatalf("wrote\n%s\nread back %+v\nof %+v", raw, back, s)
		}
	})
}
