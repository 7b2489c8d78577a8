package importers

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

func areas(t testing.TB, into string) *lanes.Areas {
	t.Helper()
	fl := &faults.List{}
	a := lanes.CompileAreas(tables(t, into, "areas", lanes.ReadAreas), fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return a
}

func attributes(a *lanes.Areas, zip string) string {
	return strings.Join(a.Describe(a.Of("US", zip)), " ")
}

func TestDeliveryAreas(t *testing.T) {
	into := t.TempDir()
	rep := mustRun(t, "delivery-areas", []string{write(t, "das.csv", areaZips)}, Options{Into: into, Effective: april})
	if rep.Files[0] != (FileReport{"areas/fedex.csv", Written, 3}) {
		t.Errorf("got %v", rep.Files)
	}
	a := areas(t, into)
	for zip, want := range map[string]string{
		"01002": "hd_das sp_das", "01003": "hd_das sp_das", "01004": "", "01005": "hd_das_extended", "96701": "hd_das_hawaii sp_das_hawaii", "10001": "",
	} {
		if got := attributes(a, zip); got != want {
			t.Errorf("%s has %q, want %q", zip, got, want)
		}
	}
	rep = mustRun(t, "delivery-areas", []string{write(t, "das.csv", strings.Replace(areaZips, "01005,DAS_EXTENDED", "01005,DAS_REMOTE", 1))}, Options{Into: into})
	if want := []string{"areas/fedex.csv: 01005 from class hd_das_extended to hd_das_remote"}; !slices.Equal(rep.Moved, want) {
		t.Errorf("moved %q", rep.Moved)
	}
	mustRun(t, "delivery-areas", []string{write(t, "das.csv", areaZips)}, Options{Into: into, Effective: april})
	if _, err := Run("delivery-areas", []string{write(t, "das.csv", areaZips)}, Options{Into: into, Effective: day}); err == nil ||
		!strings.Contains(err.Error(), "has those from 2026-04-07 on") {
		t.Errorf("got %v", err)
	}
	rep = mustRun(t, "delivery-areas", []string{write(t, "ups.csv", areaZips)}, Options{Into: into, Carrier: "ups"})
	if rep.Files[0].Path != "areas/ups.csv" {
		t.Errorf("got %v", rep.Files)
	}
}

func TestDeliveryAreaFaults(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(areaZips, from, to, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"no classes", "zip_code\n01002\n", "x:1: no column holds delivery-area classes; add a column as das_type_hd"},
		{"no ZIPs", "zip_code,das_type_hd\n01002,\n", "x: the list has no ZIPs"},
		{"column", change("zip_code", "zipcode"), `unknown column "zipcode"; did you mean "zip_code"?`},
		{"column twice", change("das_type_sp", "das_type_hd"), "the column stands twice"},
		{"ZIP", change("01005", "1005"), `x:5:1 zip_code: "1005" is no 5-digit ZIP code`},
		{"ZIP twice", change("01005", "01002"), "x:5:1 zip_code: 01002 stands in line 2 already"},
		{"class", change("DAS_EXTENDED", "DAS!"), `x:5:2 das_type_hd: "das!" is no class`},
	} {
		fl := &faults.List{}
		_, ok := parseAreas(&input{name: "x", text: []byte(c.text)}, fl)
		if got := faultText(fl); ok || !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, got)
		}
	}
}

func TestPublishedDeliveryAreas(t *testing.T) {
	file := shared(t, "data/zones/fedex/fedex_das_zip_types.csv")
	into := t.TempDir()
	mustRun(t, "delivery-areas", []string{file}, Options{Into: into})
	a := areas(t, into)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 15_508 {
		t.Errorf("%d rows", len(records))
	}
	for _, r := range records[1:] {
		var want []string
		for i, prefix := range []string{"hd_", "sp_"} {
			if r[i+1] != "" {
				want = append(want, prefix+strings.ToLower(r[i+1]))
			}
		}
		if got := attributes(a, r[0]); got != strings.Join(want, " ") {
			t.Errorf("%s has %q, published %q", r[0], got, want)
		}
	}
}

func TestHolidays(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "holidays", []string{write(t, "days.csv", holidayRows)}, Options{Into: into})
	hs := holidays(t, into)
	if got := strings.Join(hs.Names(), " "); got != "gb_sct us us_bank" {
		t.Errorf("lists %s", got)
	}
	for list, want := range map[string]int{"us": 2, "us_bank": 3, "gb_sct": 2} {
		if got := len(hs.Dates(list)); got != want {
			t.Errorf("%s has %d days, want %d", list, got, want)
		}
	}
	if !strings.Contains(tree(t, into)["calendars/gb.csv"], "gb_sct,2026-01-02,2 January; Second day\n") {
		t.Errorf("got\n%s", tree(t, into)["calendars/gb.csv"])
	}
}

func TestHolidaysReplaceTheirYears(t *testing.T) {
	into := t.TempDir()
	mustRun(t, "holidays", []string{write(t, "days.csv", "country,region,date,name,type\nUS,,2025-12-25,Christmas Day,public\nUS,,2026-12-25,Christmas Day,public\nUS,,2026-07-04,Independence Day,public\nCA,ON,2026-07-01,Canada Day,public\n")}, Options{Into: into})
	rep := mustRun(t, "holidays", []string{write(t, "days.csv", "country,region,date,name\nUS,,2026-12-25,Christmas\nUS,,2026-07-03,Independence Day\n")}, Options{Into: into})
	want := []string{"calendars/us.csv: us 2026-07-04 Independence Day is gone", "calendars/us.csv: us 2026-07-03 Independence Day is new"}
	if !slices.Equal(rep.Moved, want) {
		t.Errorf("moved %q", rep.Moved)
	}
	hs := holidays(t, into)
	if got := hs.Dates("us"); !slices.Equal(got, []units.Date{units.DateOf(2025, 12, 25), units.DateOf(2026, 7, 3), units.DateOf(2026, 12, 25)}) {
		t.Errorf("us rests on %v", got)
	}
	if len(hs.Dates("ca_on")) != 1 {
		t.Error("another country's list is gone")
	}
	if err := os.WriteFile(filepath.Join(into, "calendars", "us.csv"), []byte("calendar,date\nus,soon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run("holidays", []string{write(t, "days.csv", holidayRows)}, Options{Into: into}); err == nil || !strings.Contains(err.Error(), "the list that stands cannot be read") {
		t.Errorf("got %v", err)
	}
}

func TestHolidayFaults(t *testing.T) {
	row := "country,region,date,name,type\n"
	for _, c := range []struct{ name, text, want string }{
		{"none", row, "x: the file has no holidays"},
		{"country", row + "usa,,2026-12-25,Christmas,public\n", `x:2:1 country: "usa" is no country`},
		{"region", row + "GB,scotland,2026-12-25,Christmas,public\n", `x:2:2 region: "scotland" is no region`},
		{"date", row + "US,,2026-02-30,Christmas,public\n", "x:2:3 date"},
		{"no date", row + "US,,,Christmas,public\n", "x:2:3 date: the value is missing"},
		{"no name", row + "US,,2026-12-25,,public\n", "x:2:4 name: the value is missing"},
		{"type", row + "US,,2026-12-25,Christmas,PUBLIC!\n", `x:2:5 type: "PUBLIC!" is no type`},
		{"twice", row + strings.Repeat("US,,2026-12-25,Christmas,public\n", 2), "x:3:3 date: the row repeats line 2"},
		{"column", "country,date,names\nUS,2026-12-25,Christmas\n", `did you mean "name"?`},
	} {
		fl := &faults.List{}
		_, ok := parseHolidays(&input{name: "x", text: []byte(c.text)}, fl)
		if got := faultText(fl); ok || !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, got)
		}
	}
}

func TestPublishedHolidays(t *testing.T) {
	file := shared(t, "data/holidays/public_holidays_2024_2029.csv")
	into := t.TempDir()
	rep := mustRun(t, "holidays", []string{file}, Options{Into: into})
	if len(rep.Files) != 8 {
		t.Errorf("%d countries", len(rep.Files))
	}
	if rep := mustRun(t, "holidays", []string{file}, Options{Into: into}); rep.Changed() {
		t.Errorf("the second import changed something: %s", rep)
	}
	hs := holidays(t, into)
	for list, dates := range map[string][]units.Date{
		"us": {units.DateOf(2026, 7, 3), units.DateOf(2026, 7, 4), units.DateOf(2026, 11, 26)}, "us_bank": {units.DateOf(2028, 11, 10), units.DateOf(2026, 11, 26)},
		"gb_sct": {units.DateOf(2027, 8, 2)}, "de_by": {units.DateOf(2026, 1, 6)},
	} {
		for _, d := range dates {
			if !slices.Contains(hs.Dates(list), d) {
				t.Errorf("%s does not rest on %s", list, d)
			}
		}
	}
	if slices.Contains(hs.Dates("us"), units.DateOf(2028, 11, 10)) {
		t.Error("a bank holiday closes everybody")
	}
}

func FuzzDeliveryAreas(f *testing.F) {
	f.Add([]byte(areaZips))
	for _, d := range damage(areaZips, 10, 6) {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fl := &faults.List{}
		list, ok := parseAreas(&input{name: "x", text: text}, fl)
		if ok != (fl.Len() == 0) {
			t.Fatalf("ok is %v with %d faults", ok, fl.Len())
		}
		for _, a := range list.zips {
			if ok && (len(a.classes) != len(list.services) || list.attributes(a) == "") {
				t.Fatalf("%v of %v", a, list.services)
			}
		}
	})
}

func FuzzHolidays(f *testing.F) {
	f.Add([]byte(holidayRows))
	for _, d := range damage(holidayRows, 10, 8) {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fl := &faults.List{}
		rows, ok := parseHolidays(&input{name: "x", text: text}, fl)
		if ok != (fl.Len() == 0) || ok && len(rows) == 0 {
			t.Fatalf("ok is %v with %d faults and %d rows", ok, fl.Len(), len(rows))
		}
	})
}
