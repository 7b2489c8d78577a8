package importers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
)

func TestUSPSChartInBothShapes(t *testing.T) {
	for _, c := range []struct{ name, text, origin string }{
		{"saved", uspsChart, ""}, {"saved, origin given too", uspsChart, "070"}, {"as answered", uspsChartRaw, "070"},
	} {
		into := t.TempDir()
		rep := mustRun(t, "usps-zones", []string{write(t, "070.json", c.text)}, Options{Into: into, Origin: c.origin})
		if len(rep.Warnings) > 0 {
			t.Errorf("%s: %v", c.name, rep.Warnings)
		}
		z := zoneSet(t, into, "usps")
		if got := z.Sources(); len(got) != 1 || got[0].Effective.String() != "2024-04-01" || got[0].Text != "USPS zone chart of origin 070" {
			t.Errorf("%s: sources %v", c.name, got)
		}
		for _, l := range []struct{ dest, scope, zone, notes string }{
			{"00501", "", "2", "*"}, {"00601", "", "7", ""}, {"00999", "", "7", ""}, {"10001", "", "1", "*"}, {"10450-1234", "", "1", "*"},
			{"09012", "", "1", "*+"}, {"09012", scopePriority, "5", ""}, {"09012", scopeLight, "5", ""}, {"09012", "another service", "1", "*+"},
			{"96910", "", "8", ""}, {"96910", scopePriority, "8", ""}, {"96939", "", "9", "+"}, {"20001", "", "", ""}, {"20001", scopePriority, "", ""},
		} {
			if got, notes := zone(t, z, "07030", l.dest, l.scope); got != l.zone || notes != l.notes {
				t.Errorf("%s: %s %q is in zone %q %q, want %q %q", c.name, l.dest, l.scope, got, notes, l.zone, l.notes)
			}
		}
		if _, ok := z.Origin("US", "10001"); ok {
			t.Errorf("%s: the chart covers another origin", c.name)
		}
	}
}

func TestUSPSChartMarksThatDoNotAgreeAreSaid(t *testing.T) {
	text := strings.Replace(strings.Replace(uspsChart, `"9+"`, `"9"`, 1), `"Zone": "7"`, `"Zone": "7+"`, 1)
	rep := mustRun(t, "usps-zones", []string{write(t, "070.json", text)}, Options{Into: t.TempDir()})
	for _, want := range []string{"zip3s[1]: the zone of 006-009 is marked +", "zip5s[2]: the exception for 96900-96938 stands in a range that is not marked +"} {
		if !strings.Contains(rep.String(), want) {
			t.Errorf("no %q in %s", want, rep)
		}
	}
}

func TestZoneChartFaults(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(uspsChart, from, to, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"cut off", uspsChart[:400], ":8: no JSON: the file ends in the middle of a value: it was cut off"},
		{"two values", uspsChart + "{}", "more text follows"},
		{"no JSON", "<html>", ":1: no JSON"},
		{"the site's error", `{"PageError":"Invalid ZIP","EffectiveDate":"April 1, 2024","Column0":[],"Zip5Digit":[]}`, `PageError: the site answered with an error: "Invalid ZIP"`},
		{"an array", "[]", "the file does not name its origin"},
		{"no ranges", `{"originMin":"07000","originMax":"07099","zip3s":[],"zip5s":[]}`, "the chart has no ranges"},
		{"ranges missing", `{"originMin":"07000","originMax":"07099"}`, "zip3s: is missing; give an array"},
		{"half an origin", change(`"originMax": "07099", `, ""), "originMax: is missing"},
		{"origin no ZIP", change(`"07099"`, `"7099"`), `originMax: "7099" is no 5-digit ZIP code`},
		{"origin backwards", change(`"07099"`, `"06099"`), "originMax: the origin 07000-06099 runs backwards"},
		{"date", change("April 1, 2024", "April 31, 2024"), `effectiveDateRaw: "April 31, 2024" is no date`},
		{"range", change("006---009", "009---006"), `zip3s[1].ZipCodes: "009---006" runs backwards`},
		{"short range", change("006---009", "06---009"), `zip3s[1].ZipCodes: "06" is no 3-digit ZIP code`},
		{"exception of three digits", change("96900---96938", "969"), `zip5s[2].ZipCodes: "969" is no 5-digit ZIP code; write "AAAAA"`},
		{"overlap", change("006---009", "005---009"), "zip3s[1]: 00500-00999 overlaps 00500-00599 of zip3s[0]"},
		{"zone", change(`"Zone": "7"`, `"Zone": "7?"`), `zip3s[1].Zone: "7?" is no zone`},
		{"zone 0", change(`"Zone": "7"`, `"Zone": "0"`), `zip3s[1].Zone: "0" is no zone`},
		{"zone a list", change(`"Zone": "7"`, `"Zone": [7]`), "zip3s[1].Zone: an array stands here"},
		{"zone an object", change(`"Zone": "7"`, `"Zone": {}`), "zip3s[1].Zone: an object stands here"},
		{"zone a truth", change(`"Zone": "7"`, `"Zone": true`), "zip3s[1].Zone: true is of the wrong kind"},
		{"ranges a number", change(`"zip5s": [`, `"zip5s": 3, "x": [`), "zip5s: 3 is of the wrong kind"},
		{"ranges a string", change(`"zip5s": [`, `"zip5s": "3", "x": [`), `zip5s: "3" is of the wrong kind`},
	} {
		_, err := Run("usps-zones", []string{write(t, "x", c.text)}, Options{Into: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q in\n%v", c.name, c.want, err)
		}
	}
	_, err := Run("usps-zones", []string{write(t, "x", uspsChart)}, Options{Into: t.TempDir(), Origin: "071"})
	if err == nil || !strings.Contains(err.Error(), "the chart is that of 07000-07099, not of 07100-07199") {
		t.Errorf("got %v", err)
	}
	_, err = Run("usps-zones", []string{write(t, "x", uspsChartRaw), write(t, "y", uspsChartRaw)}, Options{Into: t.TempDir(), Origin: "071"})
	if err == nil || !strings.Contains(err.Error(), "one origin was given for 2 files") {
		t.Errorf("got %v", err)
	}
	fl := &faults.List{}
	bad := strings.NewReplacer(`"Zone": "7"`, `"Zone": "x"`, "005", "5", "April 1", "Avril 1").Replace(uspsChart)
	if parseUSPSChart(&input{name: "x", text: []byte(bad)}, nil, fl); fl.Len() != 3 {
		t.Errorf("want 3 faults at once, got\n%s", faultText(fl))
	}
}

func TestANewerChartReplacesItsOriginAndSaysWhatMoved(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "usps-zones", []string{write(t, "070.json", uspsChart)}, Options{Into: into})
	newer := strings.NewReplacer(
		"April 1, 2024", "July 1, 2025", `"006---009", "Zone": "7"`, `"006---009", "Zone": "8"`, `{"ZipCodes": "005", "Zone": "2*", "MailService": ""},`, "",
		`"100---104"`, `"100---105"`, `"Zone": "5", "MailService": "Priority`, `"Zone": "6", "MailService": "Priority`,
	).Replace(uspsChart)
	rep := mustRun(t, "usps-zones", []string{write(t, "070.json", newer)}, Options{Into: into})
	want := []string{
		"zones/usps/070.csv: 00500-00599 is gone, was zone 2", "zones/usps/070.csv: 00600-00999 from zone 7 to 8",
		"zones/usps/070.csv: 10500-10599 is new, zone 1", "zones/usps/070.csv: 09000-09999 from zone 5 to 6 for Priority Mail service",
	}
	if !slices.Equal(rep.Moved, want) {
		t.Errorf("moved\n%s\nwant\n%s", strings.Join(rep.Moved, "\n"), strings.Join(want, "\n"))
	}
	older := write(t, "070.json", uspsChart)
	if _, err := Run("usps-zones", []string{older}, Options{Into: into}); err == nil || !strings.Contains(err.Error(), "has those from 2025-07-01 on") {
		t.Errorf("the older chart: %v", err)
	}
	if rep := mustRun(t, "usps-zones", []string{older}, Options{Into: into, Replace: true}); len(rep.Moved) != 4 {
		t.Errorf("with replace: %s", rep)
	}
	if rep := mustRun(t, "usps-zones", []string{older}, Options{Into: into, Effective: april}); len(rep.Moved) != 0 || !rep.Changed() {
		t.Errorf("with a new date alone: %s", rep)
	}
}

func TestLongReportsAreCut(t *testing.T) {
	before, after := paint{"": new([100_000]string)}, paint{"": new([100_000]string)}
	for z := 0; z < 1000; z += 2 {
		after[""][z] = "5"
	}
	j := &job{report: &Report{}}
	j.moved("zones/x.csv", "zone", before, after)
	if got := j.report.Moved; len(got) != maxMoved+1 || got[maxMoved] != "zones/x.csv: and 400 more" {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}

func TestFedExChart(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "fedex-zones", []string{write(t, "zones.json", fedexChart)}, Options{Into: into})
	z := zoneSet(t, into, "fedex")
	for _, l := range []struct{ origin, dest, scope, zone string }{
		{"07030", "00501", "", "2"}, {"07699", "01399", fedexGround, "3"}, {"07030", "01400", fedexGround, ""}, {"07030", "00501", fedexExpress, "2"},
		{"07030", "96700", fedexGround, "9"}, {"07030", "96700", fedexExpress, "12"}, {"07030", "96700", "", ""},
		{"07030", "99510", fedexGround, "17"}, {"07030", "99510", fedexExpress, "9"}, {"89125", "99510", fedexGround, "17"}, {"89125", "99510", fedexExpress, ""},
		{"89125", "00501", "", "8"},
	} {
		if got, _ := zone(t, z, l.origin, l.dest, l.scope); got != l.zone {
			t.Errorf("%s to %s by %q is zone %q, want %q", l.origin, l.dest, l.scope, got, l.zone)
		}
	}
	if got := z.Sources()[0]; got.Effective.String() != "2024-04-01" {
		t.Errorf("effective %s", got.Effective)
	}
}

func TestFedExChartFaults(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(fedexChart, from, to, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"cut off", fedexChart[:200], "cut off"},
		{"no origins", `{"origins":[]}`, "origins: the file has no origins"},
		{"no destinations", `{"origins":[{"originMin":"07000","originMax":"07099","destinations":[]}]}`, "origins[0]: the origin has no destinations"},
		{"month", change("2024-04", "spring"), `read: "spring" is no month`},
		{"month a number", change(`"2024-04"`, "true"), `read: true is of the wrong kind`},
		{"type", change(`"contiguous"`, `"contigous"`), `origins[0].destinations[0].type: unknown type "contigous"; did you mean "contiguous"?`},
		{"other type", change(`"contiguous"`, `"marine"`), `unknown type "marine"; write "contiguous" or "non-contiguous"`},
		{"no type", change(`"type":"contiguous",`, ""), "origins[0].destinations[0].type: is missing"},
		{"no zone", change(`,"zoneId":2`, ""), "origins[0].destinations[0].zoneId: is missing"},
		{"neither zone", change(`"expressZoneId":12,"groundZoneId":9`, `"x":1`), "origins[0].destinations[2]: the destination has no zone"},
		{"bad zone", change(`"zoneId":2`, `"zoneId":"two!"`), `zoneId: "two!" is no zone`},
		{"fraction", change(`"zoneId":2`, `"zoneId":2.5`), `zoneId: "2.5" is no zone`},
		{"ZIP", change(`"destMin":"00400"`, `"destMin":"400"`), `destMin: "400" is no 5-digit ZIP code`},
		{"backwards", change(`"destMax":"00599"`, `"destMax":"00299"`), "destMax: the range 00400-00299 runs backwards"},
		{"overlap", change(`"destMin":"01000"`, `"destMin":"00500"`), "00500-01399 overlaps 00400-00599 of origins[0].destinations[0]"},
		{"origins overlap", change(`"originMin":"89123"`, `"originMin":"07500"`), "origins[1]: the origin 07500-89130 overlaps 07000-07699"},
	} {
		fl := &faults.List{}
		parseFedExZones(&input{name: "x", text: []byte(c.text)}, fl)
		if got := faultText(fl); !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, got)
		}
	}
}

// All 17 USPS charts: every cell and every exception looks up to the published zone and marks. Cases Z6, Z9 and Z11
// of the published answers are in TestPublishedAnswers.
func TestPublishedUSPSZones(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "data/zones/usps-2024-04"), "*.json"))
	if err != nil || len(files) != 17 {
		t.Fatalf("%d charts, %v", len(files), err)
	}
	into := t.TempDir()
	rep := mustRun(t, "usps-zones", files, Options{Into: into})
	if len(rep.Files) != 17 {
		t.Errorf("%d files", len(rep.Files))
	}
	if rep := mustRun(t, "usps-zones", files, Options{Into: into}); rep.Changed() {
		t.Errorf("the second import changed something: %s", rep)
	}
	z := zoneSet(t, into, "usps")
	cells, exceptions := 0, 0
	dests := everyZIP(z)
	for _, file := range files {
		var chart struct {
			OriginMin, OriginMax string
			Zip3s, Zip5s         []struct{ ZipCodes, Zone, MailService string }
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &chart); err != nil {
			t.Fatal(err)
		}
		scopes := []string{"", scopePriority, scopeLight}
		published := make([][100_000]string, len(scopes)) // the obvious reading: by service and ZIP
		lay := func(codes, zone, service, low, high string) {
			from, to, two := strings.Cut(codes, "---")
			if !two {
				to = from
			}
			lo, _ := strconv.Atoi(from + low)
			hi, _ := strconv.Atoi(to + high)
			for zip := lo; zip <= hi; zip++ {
				for i, s := range scopes {
					if service == "" || service == s {
						published[i][zip] = zone
					}
				}
			}
		}
		for _, r := range chart.Zip3s {
			lay(r.ZipCodes, r.Zone, r.MailService, "00", "99")
			cells++
		}
		for _, r := range chart.Zip5s {
			lay(r.ZipCodes, r.Zone, r.MailService, "", "")
			exceptions++
		}
		o, ok := z.Origin("US", chart.OriginMin)
		if last, _ := z.Origin("US", chart.OriginMax); !ok || o != last {
			t.Errorf("%s and %s are different origins", chart.OriginMin, chart.OriginMax)
		}
		for i, name := range scopes {
			s, _ := z.Scope(name)
			for zip, dest := range dests {
				if got := z.Name(z.At(o, dest, s)) + z.Notes(o, dest, s); got != published[i][zip] {
					t.Fatalf("%s to %05d %q is %q, published %q", chart.OriginMin, zip, name, got, published[i][zip])
				}
			}
		}
	}
	t.Logf("%d cells and %d exceptions", cells, exceptions)
}

// All 19 FedEx origins: every ZIP looks up to the published zone of ground and of express.
func TestPublishedFedExZones(t *testing.T) {
	file := shared(t, "data/zones/fedex/ground_zones_by_origin_2024-04.json")
	into := t.TempDir()
	rep := mustRun(t, "fedex-zones", []string{file}, Options{Into: into})
	if len(rep.Files) != 19 || len(rep.Warnings) > 0 {
		t.Errorf("got %s", rep)
	}
	if rep := mustRun(t, "fedex-zones", []string{file}, Options{Into: into}); rep.Changed() {
		t.Errorf("the second import changed something: %s", rep)
	}
	z := zoneSet(t, into, "fedex")
	dests := everyZIP(z)
	var published struct {
		Origins []struct {
			OriginMin, OriginMax string
			Destinations         []struct {
				DestMin, DestMax                    string
				ZoneID, GroundZoneID, ExpressZoneID int
			}
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &published); err != nil {
		t.Fatal(err)
	}
	for _, o := range published.Origins {
		var ground, express [100_000]int
		for _, d := range o.Destinations {
			lo, _ := strconv.Atoi(d.DestMin)
			hi, _ := strconv.Atoi(d.DestMax)
			for zip := lo; zip <= hi; zip++ {
				ground[zip], express[zip] = d.ZoneID+d.GroundZoneID, d.ZoneID+d.ExpressZoneID
			}
		}
		origin, ok := z.Origin("US", o.OriginMin)
		if last, _ := z.Origin("US", o.OriginMax); !ok || origin != last {
			t.Errorf("%s and %s are different origins", o.OriginMin, o.OriginMax)
		}
		for scope, zones := range map[string]*[100_000]int{fedexGround: &ground, fedexExpress: &express} {
			s, _ := z.Scope(scope)
			for zip, dest := range dests {
				want := ""
				if zones[zip] != 0 {
					want = strconv.Itoa(zones[zip])
				}
				if got := z.Name(z.At(origin, dest, s)); got != want {
					t.Fatalf("%s to %05d by %s is zone %q, published %q", o.OriginMin, zip, scope, got, want)
				}
			}
		}
	}
}

// everyZIP resolves all destinations from 00000 to 99999.
func everyZIP(z *lanes.ZoneSet) []lanes.Dest {
	dests := make([]lanes.Dest, 100_000)
	for zip := range dests {
		dests[zip] = z.Dest("US", fmt.Sprintf("%05d", zip))
	}
	return dests
}

func FuzzUSPSZones(f *testing.F) {
	for _, s := range []string{uspsChart, uspsChartRaw} {
		f.Add([]byte(s))
		for _, d := range damage(s, 5, 3) {
			f.Add([]byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fl := &faults.List{}
		c, ok := parseUSPSChart(&input{name: "x", text: text}, &zipRange{7000, 7099}, fl)
		if ok != (fl.Len() == 0) {
			t.Fatalf("ok is %v with %d faults", ok, fl.Len())
		}
		if ok {
			soundChart(t, c)
		}
	})
}

func FuzzFedExZones(f *testing.F) {
	f.Add([]byte(fedexChart))
	for _, d := range damage(fedexChart, 10, 4) {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fl := &faults.List{}
		charts := parseFedExZones(&input{name: "x", text: text}, fl)
		if fl.Len() > 0 {
			return
		}
		if len(charts) == 0 {
			t.Fatal("neither charts nor faults")
		}
		for _, c := range charts {
			soundChart(t, c)
		}
	})
}

// soundChart checks that a chart without faults makes a file that reads back whole and compiles.
func soundChart(t *testing.T, c zoneChart) {
	t.Helper()
	j := &job{carrier: "x", stage: newStage(t.TempDir()), report: &Report{}, faults: &faults.List{}}
	j.putCharts([]zoneChart{c}, "chart of %s")
	if err := j.faults.Err(); err != nil {
		t.Fatal(err)
	}
	back := lanes.ReadZones("x.csv", strings.NewReader(string(j.stage.files[0].data)), j.faults)
	lanes.Compile([]*lanes.Chart{back}, nil, "", j.faults)
	if err := j.faults.Err(); err != nil || len(back.Rows) != len(c.cells) {
		t.Fatalf("%d of %d rows: %v\n%s", len(back.Rows), len(c.cells), err, j.stage.files[0].data)
	}
}
