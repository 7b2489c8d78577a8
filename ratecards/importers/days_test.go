package importers

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// lists reads the zones and the transit that a zone-days import wrote.
func lists(t testing.TB, into string) (*lanes.ZoneSet, *lanes.Transit) {
	t.Helper()
	z := zoneSet(t, into, "fedex")
	fl := &faults.List{}
	tr := lanes.CompileTransit(tables(t, into, "transit/fedex", lanes.ReadTransit), z, fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return z, tr
}

// laneDays returns zone and days of a pair by ground; "" and 0 where the list has none.
func laneDays(t testing.TB, z *lanes.ZoneSet, tr *lanes.Transit, origin, dest string) (string, int) {
	t.Helper()
	name, _ := zone(t, z, origin, dest, fedexGround)
	o, _ := tr.Origin("US", origin)
	s, _ := tr.Scope(fedexGround)
	days, _ := tr.Days(tr.Lookup(o, tr.Dest("US", dest), s, 0), 9_500)
	return name, days
}

func TestZoneDays(t *testing.T) {
	for _, text := range []string{zoneDays, zipped(t, zoneDays), "\xef\xbb\xbf" + strings.ReplaceAll(zoneDays, "\n", "\r\n")} {
		into := t.TempDir()
		rep := mustRun(t, "fedex-zone-days", []string{write(t, "list", text)}, Options{Into: into, Origin: "43215", Effective: april})
		want := []FileReport{{"transit/fedex/43215.ground.csv", Written, 5}, {"zones/fedex/43215.ground.csv", Written, 4}}
		if !slices.Equal(rep.Files, want) {
			t.Errorf("got %v", rep.Files)
		}
		z, tr := lists(t, into)
		for dest, want := range map[string]struct {
			zone string
			days int
		}{
			"01001": {"4", 2}, "01002": {"4", 2}, "01003": {"4", 3}, "01004": {"", 0}, "01007": {"4", 2}, "96701": {"9", 7}, "99501": {"17", 5}, "10001": {"", 0},
		} {
			if name, days := laneDays(t, z, tr, "43215", dest); name != want.zone || days != want.days {
				t.Errorf("%s: zone %q in %d days, want %v", dest, name, days, want)
			}
		}
	}
}

// The list of one ZIP wins over the chart of its area, and leaves the express zones of that chart alone.
func TestZoneDaysWinOverTheChart(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "fedex-zones", []string{write(t, "zones.json", strings.Replace(fedexChart, `"96700","destMax":"96700"`, `"96700","destMax":"96799"`, 1))}, Options{Into: into})
	mustRun(t, "fedex-zone-days", []string{write(t, "list", strings.Replace(zoneDays, "01001,2,004", "01001,2,005", 1))}, Options{Into: into, Origin: "07030"})
	z := zoneSet(t, into, "fedex")
	for _, l := range []struct{ origin, scope, dest, zone string }{
		{"07030", fedexGround, "01001", "5"}, {"07030", fedexExpress, "01001", "3"}, {"07031", fedexGround, "01001", "3"}, {"07030", fedexExpress, "96701", "12"},
	} {
		if got, _ := zone(t, z, l.origin, l.dest, l.scope); got != l.zone {
			t.Errorf("%s to %s by %s is zone %q, want %q", l.origin, l.dest, l.scope, got, l.zone)
		}
	}
}

func TestZoneDaysMove(t *testing.T) {
	into := t.TempDir()
	opt := Options{Into: into, Origin: "432", Effective: april}
	mustRun(t, "fedex-zone-days", []string{write(t, "list", zoneDays)}, opt)
	opt.Effective++
	rep := mustRun(t, "fedex-zone-days", []string{write(t, "list", strings.NewReplacer("01001,2,004", "01001,3,004", "HI,96701,7,009\n", "").Replace(zoneDays))}, opt)
	want := []string{
		"zones/fedex/432.ground.csv: 96701 is gone, was zone 9 for ground",
		"transit/fedex/432.ground.csv: 01001 from days 2 to 3 for ground", "transit/fedex/432.ground.csv: 96701 is gone, was days 7 for ground",
	}
	if !slices.Equal(rep.Moved, want) {
		t.Errorf("moved\n%s", strings.Join(rep.Moved, "\n"))
	}
	opt.Effective--
	if _, err := Run("fedex-zone-days", []string{write(t, "list", zoneDays)}, opt); err == nil || strings.Count(err.Error(), "has those from 2026-04-08 on") != 2 {
		t.Errorf("got %v", err)
	}
}

func TestZoneDayFaults(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(zoneDays, from, to, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"no rows", zoneDays[:strings.Index(zoneDays, "\n")+1], "x: the list has no rows"},
		{"column", change("Service Days", "Servce Days"), `unknown column "Servce Days"; did you mean "Service Days"?`},
		{"state", change("MA,01003", "Mass,01003"), `x:2:1 State/Province: "Mass" is no state`},
		{"ZIP", change("01003", "1003"), `x:2:2 Dest Zip/Postal Code: "1003" is no 5-digit ZIP code`},
		{"ZIP twice", change("01002", "01001"), "x:4:2 Dest Zip/Postal Code: 01001 stands in line 3 already"},
		{"days", change("01003,3", "01003,0"), "x:2:3 Service Days"},
		{"no days", change("01003,3", "01003,"), "x:2:3 Service Days: the value is missing"},
		{"zone", change("3,004", "3,000"), `x:2:4 Zone: "000" is no zone`},
		{"cut off", zoneDays[:len(zoneDays)-6], "the row has 3 fields"},
	} {
		fl := &faults.List{}
		_, ok := parseZoneDays(&input{name: "x", text: []byte(c.text)}, fl)
		if got := faultText(fl); ok || !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, got)
		}
	}
	_, err := Run("fedex-zone-days", []string{write(t, "x", zoneDays)}, Options{Into: t.TempDir(), Scope: "Ground!"})
	for _, want := range []string{"option origin: the list does not name the ZIP", `option scope: "Ground!" is no scope`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// The Columbus list: zone and service days of every one of its ZIPs, and of no other.
func TestPublishedZoneDays(t *testing.T) {
	file := shared(t, "data/zones/fedex/ground_zone_days_from_columbus_OH.csv.gz")
	into := t.TempDir()
	opt := Options{Into: into, Origin: "43215", Effective: units.DateOf(2026, 1, 1)}
	mustRun(t, "fedex-zone-days", []string{file}, opt)
	if rep := mustRun(t, "fedex-zone-days", []string{file}, opt); rep.Changed() {
		t.Errorf("the second import changed something: %s", rep)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(zr).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type lane struct {
		zone string
		days int
	}
	published := map[string]lane{}
	for _, r := range records[1:] {
		days, _ := strconv.Atoi(r[2])
		published[r[1]] = lane{strings.TrimLeft(r[3], "0"), days}
	}
	if len(published) < 58_771 {
		t.Errorf("%d ZIPs", len(published))
	}
	z, tr := lists(t, into)
	for i := range 100_000 {
		dest := fmt.Sprintf("%05d", i)
		name, days := laneDays(t, z, tr, "43215", dest)
		if want := published[dest]; name != want.zone || days != want.days {
			t.Fatalf("%s: zone %q in %d days, published %v", dest, name, days, want)
		}
	}
}

func FuzzZoneDays(f *testing.F) {
	f.Add([]byte(zoneDays))
	for _, d := range damage(zoneDays, 10, 5) {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fl := &faults.List{}
		rows, ok := parseZoneDays(&input{name: "x", text: text}, fl)
		if ok != (fl.Len() == 0) {
			t.Fatalf("ok is %v with %d faults", ok, fl.Len())
		}
		for i := 1; ok && i < len(rows); i++ {
			if rows[i].dest <= rows[i-1].dest {
				t.Fatalf("%s follows %s", rows[i].dest, rows[i-1].dest)
			}
		}
	})
}
