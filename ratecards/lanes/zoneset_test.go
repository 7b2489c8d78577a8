package lanes

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"pgregory.net/rapid"
)

func drawRange(t *rapid.T, label, country string) Range {
	if rapid.IntRange(0, 9).Draw(t, label+" any") == 0 {
		return Range{}
	}
	digits, n := "0129", rapid.SampledFrom([]int{1, 2, 3, 3, 3, 4, 5, 5}).Draw(t, label+" length")
	if country != home {
		digits, n = "09AZ", rapid.IntRange(1, 4).Draw(t, label+" length")
	}
	code := rapid.StringOfN(rapid.SampledFrom([]rune(digits)), n, n, -1)
	r := Range{code.Draw(t, label+" lo"), code.Draw(t, label+" hi")}
	if r.Lo > r.Hi || rapid.Bool().Draw(t, label+" one") {
		r.Hi = r.Lo
	}
	return r
}

func drawPostal(t *rapid.T, label, country string, near Range) string {
	digits, n := "0129", 5
	if country != home {
		digits, n = "09AZ", rapid.IntRange(0, 5).Draw(t, label+" length")
	}
	s := rapid.StringOfN(rapid.SampledFrom([]rune(digits)), n, n, -1).Draw(t, label)
	if rapid.Bool().Draw(t, label+" near") {
		s = near.Hi + s[min(len(s), len(near.Hi)):]
	}
	return s
}

var drawnCountries = []string{home, home, home, "CA", "GB", "PR"}

func drawCharts(t *rapid.T) []*Chart {
	charts := make([]*Chart, rapid.IntRange(0, 3).Draw(t, "charts"))
	for i := range charts {
		charts[i] = &Chart{Source: Source{File: fmt.Sprintf("%d.csv", i)}}
		for range rapid.IntRange(0, 12).Draw(t, "rows") {
			z := ZoneRow{Line: len(charts[i].Rows) + 2}
			z.OriginCountry = rapid.SampledFrom(drawnCountries).Draw(t, "origin country")
			z.Country = rapid.SampledFrom(drawnCountries).Draw(t, "country")
			z.Origin = drawRange(t, "origin", nation(z.OriginCountry))
			z.Destination = drawRange(t, "destination", nation(z.Country))
			z.Zone = rapid.SampledFrom([]string{"1", "2", "10", "A", NotServed}).Draw(t, "zone")
			z.Scope = rapid.SampledFrom([]string{"", "", "", "ground", "air"}).Draw(t, "scope")
			z.Notes = rapid.SampledFrom([]string{"", "", "*"}).Draw(t, "notes")
			charts[i].Rows = append(charts[i].Rows, z)
		}
	}
	return charts
}

// contradicts tells whether two rows hold for a same pair, alike in rank, and answer differently.
func contradicts(a, b *ZoneRow) bool {
	overlap := func(a, b Range) bool { return len(a.Lo) == len(b.Lo) && a.Lo <= b.Hi && b.Lo <= a.Hi }
	return nation(a.OriginCountry) == nation(b.OriginCountry) && nation(a.Country) == nation(b.Country) && a.Scope == b.Scope &&
		overlap(a.Origin, b.Origin) && overlap(a.Destination, b.Destination) && (a.Zone != b.Zone || a.Notes != b.Notes)
}

func TestZoneSetMatchesFind(t *testing.T) {
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		charts := drawCharts(t)
		var all []*ZoneRow
		for _, c := range charts {
			for i := range c.Rows {
				all = append(all, &c.Rows[i])
			}
		}
		contradiction := false
		for i, a := range all {
			for _, b := range all[:i] {
				contradiction = contradiction || contradicts(a, b)
			}
		}
		var fl faults.List
		z := Compile(charts, nil, "", &fl)
		if (fl.Len() > 0) != contradiction {
			t.Fatalf("contradiction %v, but the faults are: %v", contradiction, fl.Err())
		}
		if contradiction {
			return
		}
		compared++
		for range 30 {
			near := ZoneRow{OriginCountry: home, Country: home}
			if len(all) > 0 {
				near = *rapid.SampledFrom(all).Draw(t, "row")
			}
			origin := drawPostal(t, "origin", nation(near.OriginCountry), near.Origin)
			postal := drawPostal(t, "postal", nation(near.Country), near.Destination)
			name := rapid.SampledFrom([]string{"", "ground", "air", "sea"}).Draw(t, "scope")
			want, wantNotes, wantBasis := "", "", NoZone
			if row := Find(charts, near.OriginCountry, origin, near.Country, postal, name); row != nil {
				want, wantNotes, wantBasis = row.Zone, row.Notes, Published
				if want == NotServed {
					want, wantBasis = "", Refused
				}
			}
			o, _ := z.Origin(near.OriginCountry, origin)
			s, _ := z.Scope(name)
			zone, ok := z.Lookup(o, near.Country, postal, s)
			if z.Name(zone) != want || ok != (want != "") {
				t.Fatalf("%s %s to %s %s for %q: zone %q %v, want %q", near.OriginCountry, origin, near.Country, postal, name, z.Name(zone), ok, want)
			}
			d := z.Dest(near.Country, postal)
			if got := z.Notes(o, d, s); got != wantNotes {
				t.Fatalf("notes %q, want %q", got, wantNotes)
			}
			if o == NoOrigin {
				wantBasis = NoChart
			}
			if got, basis := z.Resolve(o, d, s, math.NaN(), 0, 0); got != zone || basis != wantBasis {
				t.Fatalf("Resolve = %v %v, want %v %v", got, basis, zone, wantBasis)
			}
		}
	})
	t.Logf("%d sets of charts compared", compared)
	if compared == 0 {
		t.Error("every drawn chart contradicted itself")
	}
}

const small = `origin,destination,zone,scope,notes
070,006-009,7,,
070,100,1,,*
070,090-099,4,,+
070,09000-09999,5,Priority Mail service,
070,200,A,,
07030,200,3,,
*,300,10,,
`

func TestZoneSetTable(t *testing.T) {
	z := compile(t, nil, chart(t, "# effective: 2024-04-01\n# source: a test\n"+small), chart(t, small))
	for _, c := range []struct{ origin, postal, scope, want string }{
		{"07001", "00601", "", "7"}, {"07001", "00999", "", "7"}, {"07001", "01001", "", ""}, {"07001", "10001-4356", "", "1"},
		{"07001", "09012", "", "4"}, {"07001", "09012", "Priority Mail service", "5"}, {"07001", "09012", "another", "4"},
		{"07001", "20001", "", "A"}, {"07030", "20001", "", "3"}, {"07030", "10001", "", "1"},
		{"90210", "30001", "", "10"}, {"07030", "30001", "", "10"}, {"90210", "10001", "", ""},
		{"07001", "100", "", ""}, {"07001", "", "", ""}, {"7", "30001", "", "10"}, {"é", "30001", "", ""},
	} {
		if got := zoneOfPair(z, c.origin, c.postal, c.scope); got != c.want {
			t.Errorf("%s to %s for %q: zone %q, want %q", c.origin, c.postal, c.scope, got, c.want)
		}
	}
	if got := z.Names(); !slices.Equal(got, []string{"1", "3", "4", "5", "7", "10", "A"}) {
		t.Errorf("zones %v: numbers go first and by value", got)
	}
	if _, ok := z.Zone(""); ok {
		t.Error("the empty name is a zone")
	}
	if got := z.Scopes(); !slices.Equal(got, []string{"Priority Mail service"}) {
		t.Errorf("scopes %v", got)
	}
	if s, ok := z.Scope(""); s != 0 || !ok {
		t.Errorf("the empty scope is %v %v", s, ok)
	}
	if got := z.Sources(); len(got) != 2 || got[0].Text != "a test" || got[0].Effective.String() != "2024-04-01" || got[1].Effective != 0 {
		t.Errorf("sources %v", got)
	}
	if z.Origins() != 3 || z.Bytes() <= 0 || z.Guesses() {
		t.Errorf("%d origins, %d bytes", z.Origins(), z.Bytes())
	}
}

func TestOtherCountries(t *testing.T) {
	z := compile(t, nil, chart(t, `origin_country,origin,country,destination,zone
US,*,CA,*,20
US,*,CA,X0A-X0Z,21
US,070,CA,H2X,22
BR,01000000-05999999,BR,2,4
US,*,HK,*,HK
GB,SW1A,GB,SW,1
`))
	for _, c := range []struct{ fromCountry, from, toCountry, to, want string }{
		{"US", "07001", "CA", "h2x 1y4", "22"}, {"US", "08001", "CA", "H2X 1Y4", "20"}, {"US", "07001", "CA", "X0C 0A0", "21"},
		{"US", "07001", "CA", "X1A 0A0", "20"}, {"US", "07001", "HK", "", "HK"}, {"PR", "00901", "HK", "", "HK"},
		{"BR", "01310-100", "BR", "20040-002", "4"}, {"BR", "06000-000", "BR", "20040-002", ""}, {"BR", "01310-100", "BR", "30110-000", ""},
		{"GB", "sw1a 1aa", "GB", "SW7 2AZ", "1"}, {"GB", "SW1A 1AA", "GB", "S1 1AA", ""}, {"GB", "SW1A 1AA", "FR", "75001", ""},
		{"US", "07001", "CA", "H2X/1Y4", ""}, {"FR", "75001", "CA", "H2X 1Y4", ""},
	} {
		o, _ := z.Origin(c.fromCountry, c.from)
		zone, ok := z.Lookup(o, c.toCountry, c.to, 0)
		if z.Name(zone) != c.want || ok != (c.want != "") {
			t.Errorf("%s %s to %s %s: zone %q, want %q", c.fromCountry, c.from, c.toCountry, c.to, z.Name(zone), c.want)
		}
	}
}

func TestContradictionsNameBothRows(t *testing.T) {
	for name, c := range map[string]struct{ rows, want string }{
		"one range twice":          {"070,100,1,\n070,100,2,", "chart.csv:3 zone: 070 to 100 is zone 2 here and zone 1 at chart.csv:2"},
		"ranges that overlap":      {"070,100-110,1,\n070,105-120,2,", "chart.csv:3 zone"},
		"a range inside":           {"070,100-110,1,\n070,101,1,\n070,105,2,", "chart.csv:4 zone"},
		"origins that overlap":     {"070-075,100,1,\n073-079,100,2,", "chart.csv:3 zone"},
		"within a scope":           {"070,100,1,a\n070,100,2,a", "chart.csv:3 zone"},
		"abroad, by two spellings": {"070,100,1,\n070,1 0 0,2,", "chart.csv:3 zone"},
	} {
		var fl faults.List
		Compile([]*Chart{chart(t, "origin,destination,zone,scope\n"+c.rows+"\n")}, nil, "", &fl)
		if got := fmt.Sprint(fl.Err()); fl.Len() != 1 || !strings.Contains(got, c.want) || !strings.Contains(got, "more digits") {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	for name, rows := range map[string]string{
		"alike":            "070,100,1,\n070,100,1,",
		"more digits":      "070,100,1,\n070,10001,2,",
		"a scope":          "070,100,1,\n070,100,2,a",
		"two scopes":       "070,100,1,b\n070,100,2,a",
		"a nearer origin":  "070,100,1,\n07030,100,2,",
		"another origin":   "070,100,1,\n071,100,2,",
		"ranges that meet": "070,100-109,1,\n070,110-120,2,",
	} {
		compile(t, nil, chart(t, "origin,destination,zone,scope\n"+rows+"\n"))
		_ = name
	}
}

func TestCompileCeilings(t *testing.T) {
	rows := func(n int, row func(i int) ZoneRow) *Chart {
		c := &Chart{Source: Source{File: "big.csv"}}
		for i := range n {
			z := row(i)
			z.OriginCountry, z.Country = home, home
			s := fmt.Sprintf("%05d", i)
			z.Destination = Range{s, s}
			c.Rows = append(c.Rows, z)
		}
		return c
	}
	for want, c := range map[string]*Chart{
		"different zones;":   rows(MaxZones+1, func(i int) ZoneRow { return ZoneRow{Zone: fmt.Sprint(i)} }),
		"different scopes":   rows(MaxScopes+1, func(i int) ZoneRow { return ZoneRow{Zone: "1", Scope: fmt.Sprint(i)} }),
		"zones with notes":   rows(maxCells+1, func(i int) ZoneRow { return ZoneRow{Zone: "1", Notes: fmt.Sprint(i)} }),
		"different scopes; ": rows(5*MaxScopes, func(i int) ZoneRow { return ZoneRow{Zone: "1", Scope: fmt.Sprint(i)} }),
	} {
		var fl faults.List
		Compile([]*Chart{c}, nil, "", &fl)
		if fl.Len() != 1 || !strings.Contains(fl.Err().Error(), want) {
			t.Errorf("%v, want one fault with %q", fl.Err(), want)
		}
	}
	compile(t, nil, rows(MaxZones, func(i int) ZoneRow { return ZoneRow{Zone: fmt.Sprint(i)} }))
}

func TestBasisString(t *testing.T) {
	for b := Published; b <= NoRegion; b++ {
		if text := b.String(); b.Served() == strings.HasPrefix(text, "not served: ") || strings.HasPrefix(text, "Basis(") {
			t.Errorf("basis %d: %s", b, text)
		}
	}
	if Basis(0).String() != "Basis(0)" || Basis(0).Served() {
		t.Error("the zero Basis passes for one")
	}
}
