package lanes

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// faultLines returns the rows of the faults and fails where one has no place.
func faultLines(t *testing.T, fl *faults.List) []int {
	t.Helper()
	var lines []int
	for _, f := range fl.Faults() {
		if f.File == "" || f.Row == 0 {
			t.Errorf("a fault without a place: %v", f)
		}
		lines = append(lines, f.Row)
	}
	return lines
}

func TestReadZonesListsEveryFault(t *testing.T) {
	var fl faults.List
	c := ReadZones("chart.csv", strings.NewReader(`# effective: 2024-02-30
# a note of no meaning
origin,destination,zone,scope,country
070,,2,,
,100,2,,
070,100,,,
070,200-100,2,,
070,K1A,2,,
070,K1A,2,,CA
070,123456,2,,
070,100,12345678901234567,,
070,100,2,,USA
070,100,2,ground,us
`), &fl)
	if got := faultLines(t, &fl); !slices.Equal(got, []int{1, 4, 5, 6, 7, 8, 10, 11, 12}) {
		t.Errorf("faults on lines %v:\n%v", got, fl.Err())
	}
	want := []ZoneRow{
		{OriginCountry: "US", Origin: Range{"070", "070"}, Country: "CA", Destination: Range{"K1A", "K1A"}, Zone: "2", Line: 9},
		{OriginCountry: "US", Origin: Range{"070", "070"}, Country: "US", Destination: Range{"100", "100"}, Zone: "2", Scope: "ground", Line: 13},
	}
	if !slices.Equal(c.Rows, want) {
		t.Errorf("kept %+v", c.Rows)
	}
}

func TestChartWrite(t *testing.T) {
	c := chart(t, "\xef\xbb\xbf# source: USPS zone chart of 070\r\n# effective: 2024-04-01\r\nzone,destination,origin,notes\r\n7, 006 - 009 ,070,\"*, +\"\r\n-,*,070,\r\n")
	c.Source.Text += "\nread by hand"
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "# effective: 2024-04-01\n# source: USPS zone chart of 070 read by hand\norigin,destination,zone,notes\n070,006-009,7,\"*, +\"\n070,*,-,\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
	if err := c.Write(brokenWriter{}); err == nil {
		t.Error("a writer that fails goes unnoticed")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestNoteLinesAlone(t *testing.T) {
	for _, text := range []string{"", "#", "# source: x", "\xef\xbb\xbf", "# effective: 2024-04-01\n"} {
		var fl faults.List
		if c := ReadZones("chart.csv", strings.NewReader(text), &fl); fl.Len() != 1 || len(c.Rows) != 0 {
			t.Errorf("%q: %v", text, fl.Err())
		}
	}
}

func FuzzReadZones(f *testing.F) {
	for _, seed := range []string{
		small, "# effective: 2024-04-01\n# source: a, b\n" + small, "\xef\xbb\xbforigin,destination,zone\r\n070,100,1\r\n",
		"origin,destination,zone\n070,100\n070,100,1,2\n", "origin_country,origin,country,destination,zone\nbr,01310100,CA,K1A-K1Z,-\n",
		"#", "origin,destination,zone\n\"#\",100,1\n070,100,\"a\nb\"\n", "origin,destination,zone,scope\n070,100,1,a\n070,100,2,a\n", "a,b\n\xff,1\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var fl faults.List
		c := ReadZones("chart.csv", bytes.NewReader(data), &fl)
		again := rewrite(t, func(b *bytes.Buffer) error { return c.Write(b) }, func(b *bytes.Buffer, fl *faults.List) func(*bytes.Buffer) error {
			back := ReadZones("chart.csv", b, fl)
			return func(b *bytes.Buffer) error { return back.Write(b) }
		})
		if !again {
			t.Fatal("written twice, it differs")
		}
		var more faults.List
		z := Compile([]*Chart{c}, nil, "", &more)
		if more.Len() > 0 || len(c.Rows) > 100 {
			return
		}
		for i := range c.Rows {
			r := &c.Rows[i]
			postal := (r.Destination.Lo + "00000")[:max(5, len(r.Destination.Lo))]
			o, _ := z.Origin(r.OriginCountry, r.Origin.Hi)
			s, _ := z.Scope(r.Scope)
			zone, _ := z.Lookup(o, r.Country, postal, s)
			want := ""
			if row := Find([]*Chart{c}, r.OriginCountry, r.Origin.Hi, r.Country, postal, r.Scope); row != nil && row.Zone != NotServed {
				want = row.Zone
			}
			if z.Name(zone) != want {
				t.Fatalf("row %d: zone %q, want %q", i, z.Name(zone), want)
			}
		}
	})
}

// rewrite writes, reads what was written, which must be without fault, writes that, and tells whether the two are the
// same bytes.
func rewrite(t *testing.T, write func(*bytes.Buffer) error, read func(*bytes.Buffer, *faults.List) func(*bytes.Buffer) error) bool {
	t.Helper()
	var first, second bytes.Buffer
	if err := write(&first); err != nil {
		t.Fatal(err)
	}
	var fl faults.List
	text := first.String()
	again := read(bytes.NewBufferString(text), &fl)
	if err := fl.Err(); err != nil {
		t.Fatalf("what was written does not read: %v\n%s", err, text)
	}
	if err := again(&second); err != nil {
		t.Fatal(err)
	}
	return text == second.String()
}

func TestSourceKeepsItsDate(t *testing.T) {
	c := &Chart{Source: Source{Effective: units.DateOf(2026, 1, 5)}, Rows: []ZoneRow{{OriginCountry: "BR", Country: "CA", Zone: "1"}}}
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	if want := "# effective: 2026-01-05\norigin,destination,zone,origin_country,country\n*,*,1,BR,CA\n"; b.String() != want {
		t.Errorf("got\n%s", &b)
	}
}
