package lanes

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
	"pgregory.net/rapid"
)

func transitTable(t testing.TB, text string) *TransitTable {
	t.Helper()
	var fl faults.List
	tt := ReadTransit("transit.csv", strings.NewReader(text), &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return tt
}

func TestParseHistogram(t *testing.T) {
	for _, c := range []struct{ text, want, bad string }{
		{"3", "3", ""}, {"0", "0", ""}, {" 2:5500  3:4000 4:500 ", "2:5500 3:4000 4:500", ""}, {"3:10000", "3", ""}, {"90", "90", ""},
		{"", "", "no days"}, {"x", "", "are no days"}, {"-1", "", "are no days"}, {"91", "", "more than 90"}, {"2.5", "", "are no days"},
		{"2:5500 3:4000", "", "sum to 9500"}, {"2:5500 3:5500", "", "sum to 11000"}, {"3:5000 2:5000", "", "out of order"},
		{"2:5000 2:5000", "", "out of order"}, {"2:0 3:10000", "", "no parts"}, {"2:10001", "", "no parts"}, {"2 3", "", "no parts"}, {"2:", "", "no parts"},
		{"99999999999", "", "are no days"},
	} {
		h, err := ParseHistogram(c.text)
		switch {
		case c.bad == "" && (err != nil || h.String() != c.want):
			t.Errorf("ParseHistogram(%q) = %v, %v", c.text, h, err)
		case c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)):
			t.Errorf("ParseHistogram(%q) = %v, %v, want an error with %q", c.text, h, err, c.bad)
		}
	}
}

func TestHistogramDays(t *testing.T) {
	h, err := ParseHistogram("2:5500 3:4000 5:500")
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[units.Probability]int{-1: 2, 0: 2, 1: 2, 5_499: 2, 5_500: 2, 5_501: 3, 9_500: 3, 9_501: 5, 10_000: 5, 20_000: 5} {
		if got := h.Days(target); got != want {
			t.Errorf("Days(%d) = %d, want %d", target, got, want)
		}
	}
	for n, want := range map[int]units.Probability{-1: 0, 0: 0, 1: 0, 2: 5_500, 3: 9_500, 4: 9_500, 5: 10_000, 99: 10_000} {
		if got := h.Within(n); got != want {
			t.Errorf("Within(%d) = %d, want %d", n, got, want)
		}
	}
	if got := h.Mean(); got != 2*5_500+3*4_000+5*500 {
		t.Errorf("mean %d", got)
	}
}

func TestHistogramDaysIsTheInverseOfWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Histogram
		for left := units.Probability(10_000); left > 0; {
			p := units.Probability(rapid.Int32Range(0, int32(left)).Draw(t, "parts"))
			if len(h) == MaxDays {
				p = left
			}
			h = append(h, p)
			left -= p
		}
		if back, err := ParseHistogram(h.String()); err != nil || !slices.Equal(back, h) {
			t.Fatalf("%v reads back as %v, %v", h, back, err)
		}
		target := units.Probability(rapid.Int32Range(1, 10_000).Draw(t, "target"))
		n := h.Days(target)
		if h.Within(n) < target || h.Within(n-1) >= target {
			t.Fatalf("Days(%d) = %d, but %d parts are there by then and %d a day before", target, n, h.Within(n), h.Within(n-1))
		}
	})
}

const transitText = `origin,destination,zone,scope,days
432,10-14,,,2
432,1000,,ground,3
432,10001,,,4
,,8,,5
,,8,ground,6
,,,ground,7
,,,,9
,,,2day,2:9600 3:350 4:50
`

func TestTransitTable(t *testing.T) {
	zones := compile(t, nil, chart(t, "origin,destination,zone\n*,*,8\n*,1,2\n"))
	var fl faults.List
	tr := CompileTransit([]*TransitTable{transitTable(t, transitText)}, zones, &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ origin, postal, scope, zone, want string }{
		{"43210", "14001", "", "2", "2"},
		{"43210", "14001", "ground", "2", "7"}, // the scope's own row for all wins over a pair without a scope
		{"43210", "10002", "ground", "2", "3"},
		{"43210", "10001", "ground", "2", "3"},
		{"43210", "10001", "", "2", "4"},
		{"43210", "90001", "", "8", "5"},
		{"43210", "90001", "ground", "8", "6"},
		{"43210", "90001", "sea", "8", "5"},
		{"43210", "90001", "", "2", "9"},
		{"90210", "10001", "", "2", "9"},
		{"43210", "10001", "2day", "2", "2:9600 3:350 4:50"},
		{"43210", "", "", "", "9"},
	} {
		o, _ := tr.Origin("US", c.origin)
		s, _ := tr.Scope(c.scope)
		zone, _ := zones.Zone(c.zone)
		at := tr.Lookup(o, tr.Dest("US", c.postal), s, zone)
		if got := tr.Histogram(at).String(); got != c.want {
			t.Errorf("%s to %s for %q in zone %s: %s, want %s", c.origin, c.postal, c.scope, c.zone, got, c.want)
		}
		if days, ok := tr.Days(at, 9_500); !ok || days != tr.Histogram(at).Days(9_500) {
			t.Errorf("Days = %d %v", days, ok)
		}
	}
	if len(tr.Sources()) != 1 || tr.Bytes() <= 0 {
		t.Errorf("sources %v, %d bytes", tr.Sources(), tr.Bytes())
	}
}

// The scan that Lookup stands for.
func findTransit(tables []*TransitTable, originCountry, origin, country, postal, zone, scope string) string {
	for _, s := range []string{scope, ""} {
		c := &Chart{}
		byZone, byAll := "", ""
		for _, tt := range tables {
			for _, x := range tt.Rows {
				switch {
				case x.Scope != s:
				case x.Pair:
					c.Rows = append(c.Rows, ZoneRow{OriginCountry: x.OriginCountry, Origin: x.Origin, Country: x.Country, Destination: x.Destination, Zone: x.Days.String()})
				case x.Zone == "":
					byAll = x.Days.String()
				case x.Zone == zone:
					byZone = x.Days.String()
				}
			}
		}
		if row := Find([]*Chart{c}, originCountry, origin, country, postal, ""); row != nil {
			return row.Zone
		}
		if byZone != "" {
			return byZone
		}
		if byAll != "" {
			return byAll
		}
	}
	return ""
}

func TestTransitMatchesFind(t *testing.T) {
	zones := compile(t, nil, chart(t, "origin,destination,zone\n*,8,8\n*,1,2\n"))
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		tt := &TransitTable{}
		for range rapid.IntRange(0, 12).Draw(t, "rows") {
			x := TransitRow{OriginCountry: home, Country: home, Scope: rapid.SampledFrom([]string{"", "ground", "air"}).Draw(t, "scope")}
			x.Days = Histogram{0, 0, 0, 0, 10_000}[4-rapid.IntRange(0, 4).Draw(t, "days"):]
			if x.Pair = rapid.IntRange(0, 3).Draw(t, "pair") > 0; x.Pair {
				x.OriginCountry, x.Country = rapid.SampledFrom(drawnCountries).Draw(t, "from"), rapid.SampledFrom(drawnCountries).Draw(t, "to")
				x.Origin, x.Destination = drawRange(t, "origin", nation(x.OriginCountry)), drawRange(t, "destination", nation(x.Country))
			} else {
				x.Zone = rapid.SampledFrom([]string{"", "2", "8"}).Draw(t, "zone")
			}
			tt.Rows = append(tt.Rows, x)
		}
		tables := []*TransitTable{tt}
		var fl faults.List
		tr := CompileTransit(tables, zones, &fl)
		if fl.Len() > 0 {
			return
		}
		compared++
		for range 20 {
			near := TransitRow{OriginCountry: home, Country: home}
			if len(tt.Rows) > 0 {
				near = rapid.SampledFrom(tt.Rows).Draw(t, "near")
			}
			origin, postal := drawPostal(t, "origin", nation(near.OriginCountry), near.Origin), drawPostal(t, "postal", nation(near.Country), near.Destination)
			scope, name := rapid.SampledFrom([]string{"", "ground", "sea"}).Draw(t, "scope"), rapid.SampledFrom([]string{"", "2", "8"}).Draw(t, "zone")
			o, _ := tr.Origin(near.OriginCountry, origin)
			s, _ := tr.Scope(scope)
			zone, _ := zones.Zone(name)
			at := tr.Lookup(o, tr.Dest(near.Country, postal), s, zone)
			if got, want := tr.Histogram(at).String(), findTransit(tables, near.OriginCountry, origin, near.Country, postal, name, scope); got != want {
				t.Fatalf("%s %s to %s %s in zone %q for %q: %q, want %q", near.OriginCountry, origin, near.Country, postal, name, scope, got, want)
			}
		}
	})
	if compared == 0 {
		t.Error("every drawn table contradicted itself")
	}
}

func TestReadTransitListsEveryFault(t *testing.T) {
	var fl faults.List
	tt := ReadTransit("transit.csv", strings.NewReader(`origin,destination,zone,days
432,,,2
,100,,2
432,100,8,2
432,100,,
432,100,,2:5000
432,1-20,,2
,,12345678901234567,2
432,100,,2
`), &fl)
	if got := faultLines(t, &fl); !slices.Equal(got, []int{2, 3, 4, 5, 6, 7, 8}) || len(tt.Rows) != 1 {
		t.Errorf("faults on lines %v:\n%v", got, fl.Err())
	}
}

func TestCompileTransitFaults(t *testing.T) {
	zones := compile(t, nil, chart(t, "origin,destination,zone\n*,*,ground_8\n"))
	for text, want := range map[string]string{
		",,ground_9,,3":                `did you mean "ground_8"?`,
		",,moon,,3":                    "name a zone of the chart",
		",,ground_8,,3\n,,ground_8,,4": "take 4 here and 3 at transit.csv:2",
		",,,,3\n,,,,4":                 "leave one of the two rows out",
		"1,2,,,3\n1,2,,,4":             "is 4 here and 3 at transit.csv:2",
	} {
		var fl faults.List
		CompileTransit([]*TransitTable{transitTable(t, "origin,destination,zone,scope,days\n"+text+"\n")}, zones, &fl)
		if fl.Len() != 1 || !strings.Contains(fl.Err().Error(), want) {
			t.Errorf("%q: %v, want %s", text, fl.Err(), want)
		}
	}
	var fl faults.List
	CompileTransit([]*TransitTable{transitTable(t, "zone,days\n8,3\n")}, nil, &fl)
	if fl.Len() != 1 {
		t.Errorf("a zone where there are none: %v", fl.Err())
	}
	big := &TransitTable{}
	for i := range maxCells + 1 {
		a, b := units.Probability(1+i%9_000), units.Probability(1+i/9_000)
		big.Rows = append(big.Rows, TransitRow{OriginCountry: home, Country: home, Scope: fmt.Sprint(i % 200), Days: Histogram{a, b, 10_000 - a - b}})
	}
	fl = faults.List{}
	CompileTransit([]*TransitTable{big}, nil, &fl)
	if !strings.Contains(fmt.Sprint(fl.Err()), "different histograms") {
		t.Errorf("%d histograms: no ceiling", len(big.Rows))
	}
}

func TestNoTransitIsUnknown(t *testing.T) {
	var fl faults.List
	tr := CompileTransit(nil, nil, &fl)
	at := tr.Lookup(NoOrigin, tr.Dest("US", "10001"), 0, 7)
	if days, ok := tr.Days(at, 9_500); at != 0 || ok || days != 0 || tr.Histogram(at) != nil {
		t.Errorf("an empty table says %d days", days)
	}
}

func FuzzReadTransit(f *testing.F) {
	for _, seed := range []string{
		transitText, "# source: x\ndays\n3\n", "zone,days\n8,2:9600 3:350 4:50\n8,91\n8,2:1 3:9999\n",
		"origin,destination,days\n*,*,3\n432,,4\n", "", "days\n-1\n1:2:3\n\xff\n", "origin,country,destination,days\n1,CA,K1A,1\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var fl faults.List
		tt := ReadTransit("transit.csv", bytes.NewReader(data), &fl)
		if !rewrite(t, func(b *bytes.Buffer) error { return tt.Write(b) }, func(b *bytes.Buffer, fl *faults.List) func(*bytes.Buffer) error {
			back := ReadTransit("transit.csv", b, fl)
			return func(b *bytes.Buffer) error { return back.Write(b) }
		}) {
			t.Fatal("written twice, it differs")
		}
		for _, x := range tt.Rows {
			if x.Days.Within(MaxDays) != units.Certain {
				t.Fatalf("line %d: %v does not sum to 10,000", x.Line, x.Days)
			}
		}
	})
}
