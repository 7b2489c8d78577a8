package ratecards

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// FuzzReadCard reads any text as a card beside good tables: it never panics, and a card without fault compiles and
// prices alike by both ways.
func FuzzReadCard(f *testing.F) {
	good := documented(f)
	f.Add(good["card.yaml"])
	f.Add(head + anyPrice)
	f.Add(head + byPound)
	f.Add(head + uspsRules + handling)
	f.Add(strings.ReplaceAll(good["card.yaml"], "2026", "2027"))
	f.Add("structures: [{kind: weight, prices: fedex_ground.fuel.csv}]\nfuel: {table: fedex_ground.prices.csv}\n")
	f.Add("weight_steps: [{to: 0 lb}]\ndimensional: [{divisor: 1 in3/lb, sides: {to: 0 in}}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8_000 {
			return // the YAML parser's time, not ours
		}
		fsys := fstest.MapFS{"cards/prices.csv": {Data: []byte(perPound)}}
		for name, content := range good {
			fsys["cards/"+name] = &fstest.MapFile{Data: []byte(content)}
		}
		fsys["cards/card.yaml"] = &fstest.MapFile{Data: []byte(text)}
		var fl faults.List
		c := Read(fsys, "cards/card.yaml", &fl).Compile([]string{"", "2", "3", "17", "1"}, []string{"das"}, &fl)
		if (c == nil) != (fl.Len() > 0) {
			t.Fatalf("card %v with %d faults: %v", c != nil, fl.Len(), fl.Err())
		}
		if c == nil {
			return
		}
		for _, p := range []*Parcel{
			{Weight: 1}, {Weight: units.Pound, Sides: [3]units.Length{units.Inch, units.Inch, 3 * units.Inch}},
			{Weight: 60 * units.Pound, Sides: [3]units.Length{50 * units.Inch, 31 * units.Inch, 20 * units.Inch}, Flags: Tube | MediumBox, Value: units.Currency},
			{Weight: units.MaxWeight, Sides: [3]units.Length{units.MaxLength, units.MaxLength, units.MaxLength}, Value: MaxAmount},
		} {
			for z := range lanes.Zone(6) {
				compareTwins(t, c, p, z, 1, c.from, c.Rate(p, z, 1, c.from))
			}
		}
	})
}

// FuzzReadPrices reads any text as a price table: it never panics, and a table without fault is written and read back as
// the same.
func FuzzReadPrices(f *testing.F) {
	f.Add(perPound, KindWeight)
	f.Add(documented(f)["fedex_ground.prices.csv"], KindWeight)
	f.Add("not_over,any\n0.1 ft3,8.31\n0.2 ft3,\n", KindCubic)
	f.Add("1,2,any\n1.00,,3.00\n", KindFlat)
	f.Add("\xef\xbb\xbfnot_over,2\r\n1 lb,1.00\r\n# comment\n", KindWeight)
	f.Add("not_over,\"a,b\",\" c\"\n\"1 lb\",\"1.00\",2\n", KindWeight)
	f.Fuzz(func(t *testing.T, text, kind string) {
		if kind != KindWeight && kind != KindCubic {
			kind = KindFlat
		}
		var fl faults.List
		table := ReadPrices("p.csv", strings.NewReader(text), kind, &fl)
		if fl.Len() > 0 {
			for _, fault := range fl.Faults() {
				if fault.File != "p.csv" || fault.Problem == "" {
					t.Errorf("a fault without a file or a problem: %+v", fault)
				}
			}
			return
		}
		var b bytes.Buffer
		if err := writeCSV(&b, table); err != nil {
			t.Fatal(err)
		}
		written := b.String()
		again := ReadPrices("p.csv", &b, kind, &fl)
		if fl.Len() > 0 {
			t.Fatalf("what was written does not read: %v\n%q", fl.Err(), written)
		}
		if len(again.Rows) != len(table.Rows) || strings.Join(again.Zones, "|") != strings.Join(table.Zones, "|") {
			t.Fatalf("wrote %q\nread %+v of %+v", written, again, table)
		}
		for i, r := range again.Rows {
			w := table.Rows[i]
			r.Line, w.Line = 0, 0
			if r.NotOver != w.NotOver || r.Tier != w.Tier || r.Basis != w.Basis {
				t.Fatalf("row %d: wrote %+v, read %+v", i, w, r)
			}
			for z := range r.Prices {
				if r.Prices[z] != w.Prices[z] {
					t.Fatalf("row %d: wrote %+v, read %+v", i, w, r)
				}
			}
		}
	})
}

// FuzzReadFuel reads any text as a fuel table: weeks without fault follow one another without a gap.
func FuzzReadFuel(f *testing.F) {
	f.Add(documented(f)["fedex_ground.fuel.csv"])
	f.Add("from,to,percent\n2026-01-12,,1%\n2026-01-05,2026-01-11,2%\n")
	f.Add("from,to,percent,assumed\n2026-01-05,2026-01-04,2%,maybe\n")
	f.Fuzz(func(t *testing.T, text string) {
		var fl faults.List
		weeks := ReadFuel("f.csv", strings.NewReader(text), &fl)
		if fl.Len() > 0 {
			return
		}
		for i, w := range weeks {
			if w.To != 0 && w.To < w.From || i > 0 && w.From != weeks[i-1].To+1 || w.Percent < 0 {
				t.Fatalf("%q gives %+v", text, weeks)
			}
		}
		var b bytes.Buffer
		if err := writeFuel(&b, weeks); err != nil {
			t.Fatal(err)
		}
		if again := ReadFuel("f.csv", &b, &fl); fl.Len() > 0 || len(again) != len(weeks) {
			t.Fatalf("wrote %+v, read %+v, %v", weeks, again, fl.Err())
		}
	})
}

// FuzzParseVolume and its divisors and factors: what parses prints as what parses to the same.
func FuzzParseVolume(f *testing.F) {
	for _, s := range []string{"1728 in3", "0.1 ft3", "6000 cm3/kg", "250 kg/m3", "139 in3/lb", "0.785", "1", "1 l", "1 mm³", "0.000000001 mm3", "1 m3/oz", "1e3 in3", "-1 in3", ". in3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseVolume(s); err == nil {
			if w, err := ParseVolume(v.String()); err != nil || w != v {
				t.Errorf("%q is %v, printed %q, which is %v, %v", s, v, v.String(), w, err)
			}
		}
		if d, err := ParseDivisor(s); err == nil {
			if e, err := ParseDivisor(d.String()); err != nil || e != d {
				t.Errorf("%q is %+v, printed %q, which is %+v, %v", s, d, d.String(), e, err)
			}
		}
		if p, err := ParseFactor(s); err == nil {
			if q, err := ParseFactor(p.String()); err != nil || q != p {
				t.Errorf("%q is %d, printed %q, which is %d, %v", s, p, p.String(), q, err)
			}
		}
	})
}
