package ratecards

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

func TestDividerMatchesDivision(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		by := rapid.Uint64Range(1, 1<<63).Draw(rt, "by")
		d := newDivider(by)
		n := rapid.OneOf(rapid.Uint64(), rapid.Just(by), rapid.Just(by-1), rapid.Just(uint64(math.MaxUint64)),
			rapid.Map(rapid.Uint64Range(0, math.MaxUint64/by), func(k uint64) uint64 { return k * by })).Draw(rt, "n")
		if q, r := d.div(n); q != n/by || r != n%by {
			rt.Fatalf("%d / %d = %d rest %d, want %d rest %d", n, by, q, r, n/by, n%by)
		}
	})
}

func TestRounderMatchesRoundingBySteps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		to := rapid.Int64Range(1, int64(units.Metre)).Draw(rt, "to")
		way := rapid.SampledFrom([]string{"", RoundUp, RoundNearest, RoundDown}).Draw(rt, "way")
		side := units.Length(rapid.Int64Range(0, int64(units.MaxLength)).Draw(rt, "side"))
		s := SideRounding{Round: way, To: units.Length(to)}
		r := newSideRounder(&s)
		if got, want := units.Length(r.count(uint64(side))*r.by), s.round(side); got != want {
			rt.Fatalf("%d rounded %q to %d is %d, want %d", side, way, to, got, want)
		}
		w := units.Weight(side)
		if got, want := r.weight(w), roundWeight(w, units.Weight(to), way); got != want {
			rt.Fatalf("weight %d rounded %q to %d is %d, want %d", w, way, to, got, want)
		}
	})
	for _, k := range []struct {
		way        string
		side, want units.Length
	}{
		{RoundUp, 0, 0}, {RoundUp, 1, 10}, {RoundUp, 10, 10}, {RoundUp, 11, 20},
		{RoundNearest, 4, 0}, {RoundNearest, 5, 10}, {RoundNearest, 14, 10}, {RoundNearest, 15, 20},
		{RoundDown, 9, 0}, {RoundDown, 10, 10}, {RoundDown, 19, 10},
	} {
		if got := (&SideRounding{Round: k.way, To: 10}).round(k.side); got != k.want {
			t.Errorf("%d rounded %s to 10 is %d, want %d", k.side, k.way, got, k.want)
		}
	}
}

func TestWeightIndexMatchesScan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ends := rapid.SliceOfNDistinct(rapid.OneOf(
			rapid.Map(rapid.Int64Range(1, 70), func(n int64) units.Weight { return units.Weight(n) * units.Pound }),
			rapid.Map(rapid.Int64Range(1, int64(100*units.Pound)), func(n int64) units.Weight { return units.Weight(n) }),
			rapid.Just(15_999*units.Ounce/1_000), rapid.Just(maxBillable),
		), 1, 200, rapid.ID).Draw(rt, "ends")
		slices.Sort(ends)
		x := newWeightIndex(ends)
		if len(x.first) > maxBuckets {
			rt.Fatalf("%d buckets", len(x.first))
		}
		for range 100 {
			w := rapid.OneOf(
				rapid.SampledFrom(ends),
				rapid.Map(rapid.SampledFrom(ends), func(e units.Weight) units.Weight { return e + 1 }),
				rapid.Map(rapid.Int64Range(1, int64(maxBillable)), func(n int64) units.Weight { return units.Weight(n) }),
			).Draw(rt, "w")
			want := 0
			for want < len(ends) && w > ends[want] {
				want++
			}
			if got := x.find(w); got != want {
				rt.Fatalf("%d is in step %d, want %d of %v", w, got, want, ends)
			}
		}
	})
}

func TestShareMatchesPercentOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(seeds.New(t), 0))
	for range 100_000 {
		m := units.Money(rng.Int64N(1 << (1 + rng.IntN(50))))
		if rng.IntN(2) == 0 {
			m = m / units.Cent * units.Cent
		}
		p := units.Percent(rng.IntN(int(maxPercent) + 1))
		if got, want := share(p, m), p.Of(m); got != want {
			t.Fatalf("%s of %s is %s, want %s", p, m, got, want)
		}
		for _, minor := range []units.Money{units.Cent, units.Micro, units.Currency, units.Cent / 2} {
			if got, want := roundTo(m, minor), m.RoundTo(minor); got != want {
				t.Fatalf("%s rounded to %s is %s, want %s", m, minor, got, want)
			}
		}
	}
}

func TestVolume(t *testing.T) {
	for _, k := range []struct{ text, printed, cubicMicrometres string }{
		{"1 in3", "1 in3", "16387064000000"},
		{"1728 in3", "1 ft3", "28316846592000000"},
		{"0.1 ft3", "0.1 ft3", "2831684659200000"},
		{"6000 cm3", "6000 cm3", "6000000000000000"},
		{"2 m3", "2 m3", "2000000000000000000"},
		{"1000000 m3", "1000000 m3", "1000000000000000000000000"},
		{"1.5 l", "1500 cm3", "1500000000000000"},
		{"3 in³", "3 in3", "49161192000000"},
		{"0.000000001 mm3", "0.000000001 mm3", "1"},
		{"0 in3", "0 ft3", "0"},
	} {
		v, err := ParseVolume(k.text)
		if err != nil || v.big().String() != k.cubicMicrometres || v.String() != k.printed {
			t.Errorf("%q is %s (%s), %v; want %s (%s)", k.text, v.big(), v, err, k.cubicMicrometres, k.printed)
		}
	}
	for text, want := range map[string]error{
		"": units.ErrSyntax, "in3": units.ErrSyntax, "1": units.ErrSyntax, "1 in": units.ErrSyntax, "-1 in3": units.ErrSyntax, "1.2.3 in3": units.ErrSyntax,
		". in3": units.ErrSyntax, "1. in3": units.ErrSyntax, "1e3 in3": units.ErrSyntax, "NaN in3": units.ErrSyntax, "1000001 m3": units.ErrRange,
		strings.Repeat("9", 30) + " in3": units.ErrRange, "0.00000000001 mm3": units.ErrPrecision, "1." + strings.Repeat("0", 19) + " in3": units.ErrPrecision,
	} {
		if _, err := ParseVolume(text); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	a, same, b := Volume{0, math.MaxUint64}, Volume{0, math.MaxUint64}, Volume{1, 0}
	if a.Cmp(b) != -1 || b.Cmp(a) != 1 || a.Cmp(same) != 0 || !b.over(a) || a.over(b) || a.over(same) || !(Volume{}).IsZero() || a.IsZero() {
		t.Error("volumes compare wrongly across the words")
	}
}

func TestDivisorAndFactor(t *testing.T) {
	for text, printed := range map[string]string{
		"139 in3/lb": "139 in3/lb", "166 in3 / lb": "166 in3/lb", "6000 cm3/kg": "6000 cm3/kg", "250 kg/m3": "250 kg/m3", "6 l/kg": "6000 cm3/kg",
		"1728 in3/lb": "1 ft3/lb", "10 lb/ft3": "10 lb/ft3", "200 g/l": "200 g/l",
	} {
		d, err := ParseDivisor(text)
		if err != nil || d.String() != printed {
			t.Errorf("%q is %s, %v; want %s", text, d, err, printed)
		}
	}
	for _, text := range []string{"", "139", "139 in3", "139 in3/in3", "lb/kg", "0 in3/lb", "0 kg/m3", "/", "139 in3/lb/lb"} {
		if d, err := ParseDivisor(text); err == nil {
			t.Errorf("%q is %s", text, d)
		}
	}
	if f, err := ParseFactor("0.785"); err != nil || f != 785_000 || f.String() != "0.785" {
		t.Errorf("factor %s, %v", f, err)
	}
	if f, err := ParseFactor("1"); err != nil || f.String() != "1" {
		t.Errorf("factor %s, %v", f, err)
	}
	for _, text := range []string{"", "0", "-0.5", "1.000001", "0.0000001", "x"} {
		if f, err := ParseFactor(text); err == nil {
			t.Errorf("%q is %s", text, f)
		}
	}
	if got := (Divisor{Volume: must(ParseVolume("3 in3")), Weight: 2 * units.Pound}).String(); got != "3 in3/2 lb" {
		t.Errorf("an odd divisor prints as %q", got)
	}
}

// TestDimensionalWeightIsExact compares with fractions of whole numbers, where a float or a rounded product would fail.
func TestDimensionalWeightIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := Dimension{Divisor: must(ParseDivisor(rapid.SampledFrom([]string{"139 in3/lb", "166 in3/lb", "6000 cm3/kg", "250 kg/m3"}).Draw(rt, "divisor")))}
		c, ok := compileDimension(&d)
		if !ok {
			rt.Fatal("does not compile")
		}
		var sides [3]uint64
		for i := range sides {
			sides[i] = rapid.Uint64Range(1, uint64(units.MaxLength)).Draw(rt, "side")
		}
		want := new(big.Int).SetUint64(sides[0])
		want.Mul(want, new(big.Int).SetUint64(sides[1])).Mul(want, new(big.Int).SetUint64(sides[2])).Mul(want, big.NewInt(int64(d.Divisor.Weight)))
		want.Add(want, new(big.Int).Sub(d.Divisor.Volume.big(), big.NewInt(1))).Quo(want, d.Divisor.Volume.big())
		got := c.weight(sides[0], sides[1], sides[2], 0)
		if want.Cmp(big.NewInt(int64(units.MaxWeight))) > 0 {
			want.SetInt64(int64(tooBig))
		}
		if got != units.Weight(want.Int64()) {
			rt.Fatalf("%v weigh %d, want %s", sides, got, want)
		}
	})
}

func TestParcelFlags(t *testing.T) {
	names := FlagNames()
	for i, name := range names {
		f, ok := ParseFlag(name)
		if !ok || f != 1<<i || !slices.Equal(f.Names(), []string{name}) {
			t.Errorf("%q is %b, named %v", name, f, f.Names())
		}
	}
	if f, ok := ParseFlag("large_box"); !ok || f != LargeBox {
		t.Error("the names and the bits are out of step")
	}
	if _, ok := ParseFlag("nothing"); ok {
		t.Error("an unknown flag was found")
	}
	if got := (Tube | Nonrectangular).Names(); !slices.Equal(got, []string{"nonrectangular", "tube"}) {
		t.Errorf("names %v", got)
	}
	names[0] = "spoiled"
	if FlagNames()[0] == "spoiled" {
		t.Error("FlagNames gives away its own list")
	}
}

// TestLimits checks that every limit may be reached, that what passes it is refused, and that the reason has its figures.
func TestLimits(t *testing.T) {
	c := files{"card.yaml": head + anyPrice + "limits: {weight: 70 lb, longest: 48 in, second: 30 in, length_plus_girth: 108 in, volume: 8000 in3}\nrefuses: [hazmat]\n"}.mustCompile(t, nil, "1")
	for _, k := range []struct {
		weight, dims string
		flags        ParcelFlags
		reason       Reason
		detail       string
	}{
		{"70 lb", "48x15x11 in", 0, Priced, ""},
		{"70.0001 lb", "10x10x10 in", 0, TooHeavy, "weighs 31751.511259237 g, more than 70 lb"},
		{"1 lb", "48.5x10x5 in", 0, TooLong, "is 48.5 in long, more than 48 in"},
		{"1 lb", "10x40x30.5 in", 0, TooWide, "is 30.5 in on its second side, more than 30 in"},
		{"1 lb", "48x30.0001x1 in", 0, TooWide, "second side"},
		{"1 lb", "40x20x14.5 in", 0, TooMuchGirth, "has a length plus girth of 109 in, more than 108 in"},
		{"1 lb", "20x20x20 in", 0, Priced, ""},
		{"1 lb", "20.5x20x20 in", 0, TooBig, "has a volume of 8200 in3, more than 8000 in3"},
		{"1 lb", "", Hazmat, Refused, "the service refuses hazmat"},
		{"1 lb", "", Fragile, Priced, ""},
	} {
		r := priced(t, c, parcel(t, k.weight, k.dims, k.flags), 1, 0, "2024-06-01")
		if r.Reason != k.reason || !strings.Contains(r.Detail, k.detail) {
			t.Errorf("%s %s: %s (%s), want %s (%s)", k.weight, k.dims, r.Reason, r.Detail, k.reason, k.detail)
		}
	}
	for reason := Priced; reason <= NotServed; reason++ {
		if reason.String() == "" {
			t.Errorf("reason %d has no words", reason)
		}
	}
}

func TestZoneScopes(t *testing.T) {
	c := files{"card.yaml": head + anyPrice + "zones: {scope: priority, light_scope: ground-advantage-light, light_below: 16 oz}\n"}.mustCompile(t, nil, "1")
	if normal, light, below := c.ZoneScopes(); normal != "priority" || light != "ground-advantage-light" || below != units.Pound {
		t.Errorf("scopes %q, %q below %s", normal, light, below)
	}
	for weight, want := range map[string]bool{"15.999 oz": true, "16 oz": false, "1.01 lb": false} {
		var q Prepared
		p := parcel(t, weight, "")
		if c.Prepare(&q, p, 0, date("2024-06-01")); q.Light != want || c.IsLight(p.Weight) != want {
			t.Errorf("%s: light is %t", weight, q.Light)
		}
	}
}

func TestRoundingWhereTheTariffSays(t *testing.T) {
	card := func(rounding, minor string) *Card {
		return files{"card.yaml": head + `structures: [{name: p, kind: flat, price: 10.00}]
rounding: ` + rounding + "\nminor_unit: " + minor + `
fuel: {table: fuel.csv}
surcharges: [{name: u, amount: {flat: 0.555}, fuelable: true}, {name: v, amount: {percent_of_base: 0.05%}}]
tax: {percent: 7%}
`, "fuel.csv": "from,to,percent\n2024-01-01,,12.5%\n"}.mustCompile(t, nil, "1")
	}
	// 10 + 0.555 + 0.005 + fuel 12.5 % of 10.555 = 1.319375; sum 11.879375; tax 0.83155625 is 0.831556 to the micro
	p := parcel(t, "1 lb", "")
	wantTotal(t, priced(t, card("none", "0.01"), p, 1, 0, "2024-06-01"), "12.710931")
	wantTotal(t, priced(t, card("total", "0.01"), p, 1, 0, "2024-06-01"), "12.71")
	wantTotal(t, priced(t, card("total", "0.05"), p, 1, 0, "2024-06-01"), "12.70")
	// 10 + 0.56 + 0.01 + fuel 12.5 % of 10.56 = 1.32; tax 7 % of 11.89 = 0.8323 -> 0.83
	r := priced(t, card("each_charge", "0.01"), p, 1, 0, "2024-06-01")
	wantTotal(t, r, "12.72")
	var names []string
	for _, c := range r.Charges {
		names = append(names, c.Kind+" "+c.Name+" "+c.Amount.String())
	}
	if got, want := strings.Join(names, "; "), "base p 10.00; surcharge u 0.56; surcharge v 0.01; fuel fuel 1.32; tax tax 0.83"; got != want {
		t.Errorf("charges %s, want %s", got, want)
	}
	if r := priced(t, card("total", "0.05"), p, 1, 0, "2024-06-01"); r.Charges[len(r.Charges)-1] != (Charge{Kind: ChargeRounding, Name: ChargeRounding, Amount: money("-0.010931")}) {
		t.Errorf("the rounding is no charge of its own: %+v", r.Charges)
	}
}

func TestDiscountMinimumAndAssumed(t *testing.T) {
	c := files{"card.yaml": head + `structures: [{name: p, kind: weight, prices: prices.csv, assumed: true}]
discount: {percent: 50%, minimum_net: 8.00, assumed: true}
surcharges: [{name: u, amount: {flat: 1.00}, assumed: true}, {name: v, amount: {percent_of_base: 10%, minimum: 0.90}}]
fuel: {table: fuel.csv}
tax: {percent: 10%, assumed: true}
`, "prices.csv": "not_over,1\n1 lb,10.00\n2 lb,20.00\n", "fuel.csv": "from,to,percent,assumed\n2024-01-01,2024-01-07,10%,no\n2024-01-08,,10%,yes\n"}.mustCompile(t, nil, "1")
	r := priced(t, c, parcel(t, "1 lb", ""), 1, 0, "2024-01-08")
	want := []Charge{
		{ChargeBase, "p", money("10.00"), true}, {ChargeDiscount, ChargeDiscount, money("-5.00"), true}, {ChargeMinimum, ChargeMinimum, money("3.00"), true},
		{ChargeSurcharge, "u", money("1.00"), true}, {ChargeSurcharge, "v", money("0.90"), false},
		{ChargeFuel, ChargeFuel, money("0.80"), true}, {ChargeTax, ChargeTax, money("1.07"), true},
	}
	if !slices.Equal(r.Charges, want) {
		t.Errorf("charges %+v, want %+v", r.Charges, want)
	}
	r = priced(t, c, parcel(t, "2 lb", ""), 1, 0, "2024-01-07")
	if wantTotal(t, r, "14.30"); len(r.Charges) != 6 || r.Charges[4].Assumed { // 10 + 1 + 1 + 1 + tax 1.30
		t.Errorf("charges %+v", r.Charges)
	}
}

func TestDependentSurcharges(t *testing.T) {
	c := files{"card.yaml": head + `structures: [{name: p, kind: flat, price: 10.00}]
surcharges:
  - {name: large, when: [{weight_over: 50 lb}], amount: {flat: 100.00}, group: size, priority: 2}
  - {name: bulky, when: [{weight_over: 20 lb}], amount: {flat: 20.00}, group: size, priority: 1}
  - {name: peak bulky, depends_on: [bulky], windows: [{from: 2024-11-01, to: 2024-11-30}], amount: {flat: 2.00}}
  - {name: peak any, depends_on: [bulky, large], windows: [{from: 2024-11-10, to: 2024-11-10}, {from: 2024-11-20, to: 2024-11-21}], amount: {flat: 0.50}, group: peak, priority: 1}
  - {name: peak heavy, depends_on: [bulky, large], when: [{weight_over: 60 lb, areas: [remote]}], amount: {flat: 0.70}, group: peak, priority: 2}
`}.mustCompile(t, []string{"das", "remote"}, "1")
	for _, k := range []struct{ weight, ship, charged, want string }{
		{"20 lb", "2024-11-10", "", "10.00"},
		{"21 lb", "2024-10-31", "bulky", "30.00"},
		{"21 lb", "2024-11-01", "bulky peak bulky", "32.00"},
		{"21 lb", "2024-11-30", "bulky peak bulky", "32.00"},
		{"21 lb", "2024-12-01", "bulky", "30.00"},
		{"21 lb", "2024-11-10", "bulky peak bulky peak any", "32.50"},
		{"21 lb", "2024-11-11", "bulky peak bulky", "32.00"},
		{"21 lb", "2024-11-21", "bulky peak bulky peak any", "32.50"},
		{"51 lb", "2024-11-11", "large", "110.00"}, // bulky fired but is not charged, so its peak is not either
		{"51 lb", "2024-11-20", "large peak any", "110.50"},
		{"61 lb", "2024-11-20", "large peak heavy", "110.70"},
		{"61 lb", "2024-11-19", "large peak heavy", "110.70"},
	} {
		r := priced(t, c, parcel(t, k.weight, ""), 1, 2, k.ship)
		if wantTotal(t, r, k.want); charged(r) != k.charged {
			t.Errorf("%s on %s: charged %q, want %q", k.weight, k.ship, charged(r), k.charged)
		}
	}
	if r := priced(t, c, parcel(t, "61 lb", ""), 1, 1, "2024-11-19"); charged(r) != "large" {
		t.Errorf("61 lb elsewhere: charged %q", charged(r))
	}
}

func TestPricesByTheUnit(t *testing.T) {
	c := files{
		"card.yaml":  head + "structures: [{name: p, kind: weight, prices: prices.csv, unit: 1 kg}]\n",
		"prices.csv": "not_over,basis,1,2\n2 kg,,10.00,12.00\n10 kg,beyond,1.00,1.50\n30 kg,minimum,25.00,\n30 kg,per_unit,2.00,3.00\n,beyond,0.50,\n",
	}.mustCompile(t, nil, "1", "2")
	for _, k := range []struct{ weight, one, two string }{
		{"2 kg", "10.00", "12.00"}, {"2.001 kg", "11.00", "13.50"}, {"3 kg", "11.00", "13.50"}, {"10 kg", "18.00", "24.00"},
		{"10.5 kg", "25.00", "33.00"}, {"12 kg", "25.00", "36.00"}, {"13 kg", "26.00", "39.00"}, {"30 kg", "60.00", "90.00"},
		{"30.2 kg", "60.50", ""}, {"32 kg", "61.00", ""}, {"1000 kg", "545.00", ""},
	} {
		wantTotal(t, priced(t, c, parcel(t, k.weight, ""), 1, 0, "2024-06-01"), k.one)
		if r := priced(t, c, parcel(t, k.weight, ""), 2, 0, "2024-06-01"); k.two != "" {
			wantTotal(t, r, k.two)
		} else if r.Reason != NotServed {
			t.Errorf("%s to zone 2: %s", k.weight, r.Reason)
		}
	}
}

func TestAnyColumnAndZoneFloor(t *testing.T) {
	c := files{
		"card.yaml":  head + "structures: [{name: p, kind: weight, prices: prices.csv}]\n",
		"prices.csv": "not_over,1,any\n1 lb,5.00,7.00\n2 lb,,9.00\n",
	}.mustCompile(t, nil, "1", "2", "3")
	p := parcel(t, "1 lb", "")
	for z, want := range map[uint8]string{1: "5.00", 2: "7.00", 3: "7.00"} {
		wantTotal(t, priced(t, c, p, lanes.Zone(z), 0, "2024-06-01"), want)
	}
	for _, k := range []struct {
		zone   uint8
		weight string
		want   string
		ok     bool
	}{{1, "1 lb", "5.00", true}, {1, "1.1 lb", "0", false}, {2, "1.1 lb", "9.00", true}, {2, "2.1 lb", "0", false}, {0, "1 lb", "0", false}, {9, "1 lb", "0", false}} {
		if m, ok := c.ZoneFloor(lanes.Zone(k.zone), must(units.ParseWeight(k.weight))); ok != k.ok || m != money(k.want) {
			t.Errorf("ZoneFloor(%d, %s) = %s, %t", k.zone, k.weight, m, ok)
		}
	}
	var fl faults.List
	tariff := NewTariff([]*Card{c}, &fl)
	if m, ok := tariff.ZoneFloor(2, units.Pound); !ok || m != money("7.00") {
		t.Errorf("the tariff's floor in zone 2 is %s, %t", m, ok)
	}
	if _, ok := tariff.ZoneFloor(1, 2*units.Pound); ok {
		t.Error("the tariff has a floor where nothing is priced")
	}
}

// What a destination's attributes add for certain: of a group the least of what may be charged, nothing that a parcel may
// escape.
func TestAreaFloor(t *testing.T) {
	c := files{"card.yaml": head + `structures: [{name: p, kind: flat, price: 10.00}]
surcharges:
  - {name: far, when: [{areas: [far]}], amount: {flat: 3.00}}
  - {name: remote, when: [{areas: [remote]}], amount: {flat: 5.00}, group: reach, priority: 1}
  - {name: heavy, when: [{weight_over: 50 lb}], amount: {flat: 4.00}, group: reach, priority: 2}
  - {name: far_and_heavy, when: [{areas: [far], weight_over: 50 lb}], amount: {flat: 9.00}}
  - {name: season, when: [{areas: [far]}], windows: [{from: 2024-10-01, to: 2024-12-31}], amount: {flat: 2.00}}
`}.mustCompile(t, []string{"far", "remote"}, "2")
	for area, want := range map[lanes.Mask]string{0: "0.00", 1: "3.00", 2: "4.00", 3: "7.00"} {
		if got := c.AreaFloor(area); got != money(want) {
			t.Errorf("area %b adds at least %s, want %s", area, got, want)
		}
		for _, weight := range []string{"1 lb", "60 lb"} {
			priced(t, c, parcel(t, weight, ""), 1, area, "2024-11-01")
		}
	}
}
