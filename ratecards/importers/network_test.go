package importers

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// What follows reads imported files as a network does and asks them.

// tables reads every file of a directory of a network.
func tables[T any](t testing.TB, into, dir string, read func(string, io.Reader, *faults.List) T) []T {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(into, dir, "*.csv"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s has no files: %v", dir, err)
	}
	slices.Sort(names)
	fl := &faults.List{}
	var out []T
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, read(filepath.Base(name), f, fl))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := fl.Err(); err != nil {
		t.Fatalf("the imported files have faults:\n%v", err)
	}
	return out
}

func zoneSet(t testing.TB, into, set string) *lanes.ZoneSet {
	t.Helper()
	fl := &faults.List{}
	z := lanes.Compile(tables(t, into, "zones/"+set, lanes.ReadZones), nil, "", fl)
	if err := fl.Err(); err != nil {
		t.Fatalf("the imported charts have faults:\n%v", err)
	}
	return z
}

// zone returns the name of the zone of a pair, "" when it is not served, and its marks.
func zone(t testing.TB, z *lanes.ZoneSet, origin, dest, scope string) (name, notes string) {
	t.Helper()
	o, ok := z.Origin("US", origin)
	if !ok {
		t.Fatalf("no chart covers origin %s", origin)
	}
	s, _ := z.Scope(scope)
	d := z.Dest("US", dest)
	return z.Name(z.At(o, d, s)), z.Notes(o, d, s)
}

// tariff reads and compiles the cards of one service, for zones 1 to 99.
func tariff(t testing.TB, into, service string) *ratecards.Tariff {
	t.Helper()
	fl := &faults.List{}
	var cards []*ratecards.Card
	for _, s := range ratecards.ReadDir(os.DirFS(into), "cards", fl) {
		if s.Service == service {
			cards = append(cards, s.Compile(zoneNames, areaNames, fl))
		}
	}
	tf := ratecards.NewTariff(cards, fl)
	if err := fl.Err(); err != nil {
		t.Fatalf("the imported cards have faults:\n%v", err)
	}
	if len(cards) == 0 {
		t.Fatalf("no card of %s was imported", service)
	}
	return tf
}

var (
	zoneNames = append([]string{""}, strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 22 23 25 51 54 92 96")...)
	areaNames = []string{militaryArea}
)

// price rates a parcel and checks that the fast twin says the same.
func price(t testing.TB, tf *ratecards.Tariff, p ratecards.Parcel, zone string, area lanes.Mask, ship units.Date) ratecards.Rating {
	t.Helper()
	c := tf.At(ship)
	if c == nil {
		t.Fatalf("no card on %s", ship)
	}
	z := lanes.Zone(max(slices.Index(zoneNames, zone), 0))
	r := c.Rate(&p, z, area, ship)
	var q ratecards.Prepared
	c.Prepare(&q, &p, area, ship)
	if total, ok := q.Total(z); ok != (r.Reason == ratecards.Priced) || ok && total != r.Total {
		t.Fatalf("Rate says %v %s, Total %v %v", r.Reason, r.Total, ok, total)
	}
	return r
}

func parcel(t testing.TB, weight, dims string, flags ...string) ratecards.Parcel {
	t.Helper()
	p := ratecards.Parcel{Weight: must(units.ParseWeight(weight))}
	if dims != "" {
		p.Sides = must(units.ParseDims(dims))
	}
	for _, name := range flags {
		f, ok := ratecards.ParseFlag(name)
		if !ok {
			t.Fatalf("unknown flag %s", name)
		}
		p.Flags |= f
	}
	return p
}

func holidays(t testing.TB, into string) calendar.Holidays {
	t.Helper()
	return slices.Concat(tables(t, into, "calendars", calendar.ReadHolidays)...)
}
