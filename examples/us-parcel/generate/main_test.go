package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/census"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// What is committed is what the generator writes.
func TestCommittedFilesAreGenerated(t *testing.T) {
	into := t.TempDir()
	var out bytes.Buffer
	if err := run([]string{"-into", into}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	files := generate(defaultSeed)
	for name := range files {
		want, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(into, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; run go run ./examples/us-parcel/generate", name)
		}
		if !strings.Contains(out.String(), filepath.FromSlash(name)) {
			t.Errorf("the output does not name %s:\n%s", name, out.String())
		}
	}
	for name, most := range map[string]int{"orders.jsonl": 600_000, "history.csv": 600_000, "season.parquet": 1_500_000} {
		if n := len(files[name]); n >= most {
			t.Errorf("%s has %d bytes; keep it under %d", name, n, most)
		}
	}
}

// Another seed draws other stock and orders for the same warehouses and days of rest.
func TestSeed(t *testing.T) {
	a, b := generate(1), generate(2)
	for name := range a {
		drawn := name == "stock.csv" || name == "orders.jsonl" || name == "history.csv" || name == "season.parquet"
		if same := bytes.Equal(a[name], b[name]); same == drawn {
			t.Errorf("%s: the same for two seeds is %v", name, same)
		}
	}
	if again := generate(1); !bytes.Equal(again["orders.jsonl"], a["orders.jsonl"]) {
		t.Error("the same seed drew other orders")
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-sed", "1"}, {"-seed", "x"}, {"somewhere"}} {
		if err := run(append(args, "-into", t.TempDir()), io.Discard, io.Discard); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-into", file}, io.Discard, io.Discard); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// Destinations follow the population: each state has its share of the orders, within what lot allows.
func TestOrdersFollowThePopulation(t *testing.T) {
	skus := catalogue(defaultSeed)
	orders := takeOrders(defaultSeed, skus, assort(defaultSeed, skus))
	places, got, sent := geo.US(), map[string]int64{}, int64(0)
	courier := map[string]bool{}
	for _, c := range cities {
		for _, zip := range c.zips {
			courier[zip] = true
		}
	}
	for _, o := range orders {
		if o.To == nil || o.To.PostalCode == "" || courier[o.To.PostalCode] {
			continue
		}
		row, ok := places.Lookup("US", o.To.PostalCode)
		if !ok {
			t.Fatalf("order %s: no ZIP %s", o.ID, o.To.PostalCode)
		}
		got[places.Region(row)]++
		sent++
	}
	all := int64(0)
	for _, n := range census.Residents {
		all += n
	}
	for state, n := range census.Residents {
		// Six deviations of a binomial: 36 n p is the square of them.
		if want := sent * n / all; (got[state]-want)*(got[state]-want) > 36*(want+1) {
			t.Errorf("%s: %d orders, its residents are worth %d", state, got[state], want)
		}
	}
}

// The ZIPs and points of the couriers' orders lie where the couriers go.
func TestCitiesLieInTheirServiceAreas(t *testing.T) {
	text, err := os.ReadFile("../areas/same_day.geojson")
	if err != nil {
		t.Fatal(err)
	}
	fl := &faults.List{}
	areas := geo.ReadAreas("same_day.geojson", bytes.NewReader(text), fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	if len(areas) != len(cities) {
		t.Fatalf("%d areas for %d cities", len(areas), len(cities))
	}
	for i, c := range cities {
		lat, err1 := c.point.Latitude.Float64()
		lng, err2 := c.point.Longitude.Float64()
		if err1 != nil || err2 != nil || !areas[i].Contains(geo.Point{Lat: lat, Lng: lng}) {
			t.Errorf("%s: its point %v does not lie in %s", c.warehouse, c.point, areas[i].Name)
		}
		for _, zip := range c.zips {
			row, ok := geo.US().Lookup("US", zip)
			if !ok || !areas[i].Contains(geo.US().Point(row)) {
				t.Errorf("%s: ZIP %s does not lie in %s", c.warehouse, zip, areas[i].Name)
			}
		}
	}
}

// Days whose date every calendar agrees on.
func TestHolidays(t *testing.T) {
	for _, tc := range []struct {
		calendar, date string
		rests          bool
	}{
		{"federal", "2026-01-19", true}, // Martin Luther King Jr.
		{"federal", "2026-02-16", true}, // Washington
		{"federal", "2026-05-25", true}, // Memorial Day, the last Monday of May
		{"federal", "2027-05-31", true},
		{"federal", "2026-07-04", true}, // a Saturday, kept on the day
		{"federal", "2026-07-03", false},
		{"federal", "2027-07-05", true}, // the fourth is a Sunday
		{"federal", "2027-07-04", false},
		{"federal", "2026-09-07", true},  // Labor Day
		{"federal", "2026-10-12", true},  // Columbus Day
		{"federal", "2026-11-26", true},  // Thanksgiving, the fourth Thursday
		{"federal", "2029-11-22", true},  // the earliest it can be
		{"fedex", "2026-11-26", true},    //
		{"fedex", "2026-10-12", false},   //
		{"merchant", "2026-12-25", true}, //
		{"stores", "2026-12-25", true},   //
		{"stores", "2026-05-25", false},  // open
	} {
		if got := strings.Contains(string(holidaysCSV()), tc.calendar+","+tc.date+","); got != tc.rests {
			t.Errorf("%s rests on %s: %v", tc.calendar, tc.date, got)
		}
	}
}

// The federal days are those of a published list of public holidays, which shifts as offices do: a Saturday's to the
// Friday. The Postal Service does not, so those are left out.
func TestHolidaysAreThePublishedOnes(t *testing.T) {
	name := filepath.Join("..", "..", "..", "..", "shared", "data", "holidays", "public_holidays_2024_2029.csv")
	f, err := os.Open(name)
	if err != nil {
		t.Skipf("the published list of holidays is not at hand: %v", err)
	}
	defer func() { _ = f.Close() }()
	fl := &faults.List{}
	list := table.Read(name, f, []table.Column{{Name: "country"}, {Name: "region"}, {Name: "date"}, {Name: "name"}, {Name: "type"}}, fl)
	text, seen := string(holidaysCSV()), 0
	for row := range list.Rows() {
		date := row.Date("date", 0)
		year, _, _ := date.Civil()
		if row.Text("country") != "US" || row.Text("region") != "" || row.Text("type") != "public" || year < firstYear {
			continue
		}
		seen++
		if !strings.Contains(text, "federal,"+date.String()+",") {
			t.Logf("%v %s is not among the federal days", date, row.Text("name"))
			if day := date.Weekday(); day != 4 && day != 6 { // kept on the Friday before a Saturday, or named on a Sunday
				t.Errorf("%v %s is missing", date, row.Text("name"))
			}
		}
	}
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	if seen < 40 {
		t.Errorf("the list has %d federal holidays from %d on", seen, firstYear)
	}
}

func TestTexts(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{weightText(53), "5.3 oz"},
		{weightText(160), "1 lb"},
		{weightText(361), "2 lb 4.1 oz"},
		{inchText(125), "12.5 in"},
		{nth(2026, 11, 3, 4).String(), "2026-11-26"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
	if _, err := units.ParseInstant(decisionTime); err != nil {
		t.Error(err)
	}
	if orderDay.Weekday() != 0 {
		t.Errorf("%v is no Monday", orderDay)
	}
}
