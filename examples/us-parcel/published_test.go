package usparcel_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/importers"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// What follows compares the example with the files that carriers publish. Those are not part of the repository; where
// they do not lie beside it, in shared/data, the comparison is skipped.

// published returns the path of a carrier's file.
func published(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the carriers' published files are not at hand: %v", err)
	}
	return path
}

// firstShipDate is when the FedEx rates of 2026 take effect. Their files carry no date.
var firstShipDate = units.DateOf(2026, 1, 5)

// importPublished imports the tariffs and delivery areas of the example into a network directory.
func importPublished(t *testing.T, into string) []importers.Report {
	t.Helper()
	var reports []importers.Report
	for _, x := range []struct {
		kind, file string
		opt        importers.Options
	}{
		{"usps-prices", "tariffs/usps/USPS Ground Advantage Retail.csv", importers.Options{}},
		{"usps-prices", "tariffs/usps/PM Retail.csv", importers.Options{}},
		{"fedex-rates", "tariffs/fedex/fedex_ground_retail_2026.csv", importers.Options{Services: []string{"fedex_ground", "fedex_home_delivery"}}},
		{"fedex-rates", "tariffs/fedex/fedex_express_us_retail_2026.csv", importers.Options{
			Services: []string{"fedex_express_saver", "fedex_2day", "fedex_standard_overnight", "fedex_priority_overnight"}}},
		{"delivery-areas", "zones/fedex/fedex_das_zip_types.csv", importers.Options{}},
	} {
		x.opt.Into = into
		if x.kind != "usps-prices" {
			x.opt.Effective = firstShipDate
		}
		report, err := importers.Run(x.kind, []string{published(t, x.file)}, x.opt)
		if err != nil {
			t.Fatalf("%s: %v", x.file, err)
		}
		reports = append(reports, report)
	}
	return reports
}

// copied returns a copy of the example.
func copied(t *testing.T) string {
	t.Helper()
	into := t.TempDir()
	for _, name := range []string{"network.yaml", "warehouses.csv", "pickups.csv", "skus.csv", "stock.csv"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(into, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"cards", "areas", "transit", "calendars"} {
		if err := os.CopyFS(filepath.Join(into, dir), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	return into
}

// Importing the published files over the example changes no table of it.
func TestFiguresAreThePublishedOnes(t *testing.T) {
	tables := 0
	for _, report := range importPublished(t, copied(t)) {
		for _, f := range report.Files {
			switch {
			case f.Outcome == importers.Unchanged:
				tables++
			case f.Outcome == importers.Kept && strings.HasPrefix(f.Path, "cards/fedex_") && strings.HasSuffix(f.Path, ".yaml"):
			default:
				t.Errorf("%s was %s: its figures are not the published ones", f.Path, f.Outcome)
			}
		}
	}
	if tables == 0 {
		t.Error("nothing was imported")
	}
}

// What the cards say beyond the published files are fuel and surcharges only: limits, dimensional rules, steps, dates
// and prices are those of an import into an empty directory.
func TestCardsAddOnlyFuelAndSurcharges(t *testing.T) {
	into := t.TempDir()
	importPublished(t, into)
	fl := &faults.List{}
	fresh := ratecards.ReadDir(os.DirFS(into), "cards", fl)
	ours := ratecards.ReadDir(os.DirFS("."), "cards", fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	for _, want := range fresh {
		i := slices.IndexFunc(ours, func(c *ratecards.Source) bool { return c.File == want.File })
		if i < 0 {
			t.Errorf("the example has no %s", want.File)
			continue
		}
		got := ours[i]
		w, g := reflect.ValueOf(want).Elem(), reflect.ValueOf(got).Elem()
		for k := range w.NumField() {
			field := w.Type().Field(k)
			if !field.IsExported() || want.Carrier == "FedEx" && (field.Name == "Fuel" || field.Name == "Surcharges") {
				continue
			}
			if !reflect.DeepEqual(w.Field(k).Interface(), g.Field(k).Interface()) {
				t.Errorf("%s: %s is %+v, published is %+v", want.File, field.Name, g.Field(k), w.Field(k))
			}
		}
	}
	if len(fresh) != 8 {
		t.Errorf("%d cards were imported, want 8", len(fresh))
	}
}

// Ground transit by zone is the share of ZIPs by service days in FedEx's list of Columbus, each rounded down to parts
// of 10,000 and what is left given to the largest remainders.
func TestGroundTransitIsThatOfColumbus(t *testing.T) {
	f, err := os.Open(published(t, "zones/fedex/ground_zone_days_from_columbus_OH.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]map[int]int{}
	for _, row := range rows[1:] { // state, ZIP, days, zone
		days, err := strconv.Atoi(row[2])
		if err != nil {
			t.Fatal(err)
		}
		zone := strings.TrimLeft(row[3], "0")
		if counts[zone] == nil {
			counts[zone] = map[int]int{}
		}
		counts[zone][days]++
	}
	src, err := network.Read(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, x := range src.Transits["fedex"][0].Rows {
		if x.Zone == "" {
			continue
		}
		found++
		if want := shares(counts[x.Zone]); x.Days.String() != want {
			t.Errorf("zone %s: %s, the list has %s", x.Zone, x.Days, want)
		}
	}
	if found != len(counts) {
		t.Errorf("%d zones have a transit, the list has %d", found, len(counts))
	}
}

// shares prints counts as lanes.Histogram does.
func shares(counts map[int]int) string {
	all, left := 0, 10_000
	var days []int
	for d, n := range counts {
		days = append(days, d)
		all += n
	}
	parts := map[int]int{}
	for d, n := range counts {
		parts[d] = 10_000 * n / all
		left -= parts[d]
	}
	slices.SortFunc(days, func(a, b int) int {
		if ra, rb := 10_000*counts[a]%all, 10_000*counts[b]%all; ra != rb {
			return rb - ra
		}
		return a - b
	})
	for _, d := range days[:left] {
		parts[d]++
	}
	slices.Sort(days)
	if len(days) == 1 {
		return strconv.Itoa(days[0])
	}
	var out []string
	for _, d := range days {
		if parts[d] > 0 {
			out = append(out, fmt.Sprintf("%d:%d", d, parts[d]))
		}
	}
	return strings.Join(out, " ")
}

// The command that README.md names puts the carrier's chart in the place of the guess, for the origins it is of and
// with no other edit.
func TestImportedChartReplacesTheGuess(t *testing.T) {
	into := copied(t)
	for _, x := range []struct{ kind, file, set string }{
		{"usps-zones", "zones/usps-2024-04/303.json", ""},
		{"fedex-zones", "zones/fedex/ground_zones_by_origin_2024-04.json", ""},
		{"fedex-zones", "zones/fedex/ground_zones_by_origin_2024-04.json", "fedex_express"},
	} {
		if _, err := importers.Run(x.kind, []string{published(t, x.file)}, importers.Options{Into: into, Carrier: x.set}); err != nil {
			t.Fatal(err)
		}
	}
	snap, _, err := network.Load(into)
	if err != nil {
		t.Fatal(err)
	}
	atlanta, _ := snap.Warehouse("atlanta")
	reno, _ := snap.Warehouse("reno")
	for i := range snap.Services {
		s := &snap.Services[i]
		if s.Zones == nil {
			continue
		}
		if s.Origins[atlanta] == lanes.NoOrigin {
			t.Errorf("%s has no chart for atlanta", s.ID)
		}
		if s.Origins[reno] != lanes.NoOrigin {
			t.Errorf("%s has a chart for reno, of which none was imported", s.ID)
		}
		anchorage, ok := s.Zones.Lookup(s.Origins[atlanta], "US", "99501", s.Scope)
		if want := map[string]string{"usps": "8", "fedex": "17", "fedex_express": "9"}[zoneSetOf(s.ID)]; s.Zones.Name(anchorage) != want || !ok {
			t.Errorf("%s: from atlanta to Anchorage is zone %q, the chart says %q", s.ID, s.Zones.Name(anchorage), want)
		}
	}
}

// A list of zones and days replaces the guessed zone and the days by zone, of ground service from its origin.
func TestImportedDaysReplaceTheShares(t *testing.T) {
	into := copied(t)
	list := published(t, "zones/fedex/ground_zone_days_from_columbus_OH.csv.gz")
	if _, err := importers.Run("fedex-zone-days", []string{list}, importers.Options{Into: into, Origin: "43207", Effective: firstShipDate}); err != nil {
		t.Fatal(err)
	}
	snap, _, err := network.Load(into)
	if err != nil {
		t.Fatal(err)
	}
	columbus, _ := snap.Warehouse("columbus")
	row, _ := snap.Service("fedex_home_delivery")
	s := &snap.Services[row]
	zone, ok := s.Zones.Lookup(s.Origins[columbus], "US", "90210", s.Scope)
	days := s.Transit.Histogram(s.Transit.Lookup(s.TransitOrigins[columbus], s.Transit.Dest("US", "90210"), s.TransitScope, zone))
	if !ok || s.Zones.Name(zone) != "8" || days.String() != "4" { // as the list says of Beverly Hills
		t.Errorf("from Columbus to 90210 is zone %q in %q days, the list says 8 in 4", s.Zones.Name(zone), days)
	}
}

func zoneSetOf(service string) string {
	switch {
	case strings.HasPrefix(service, "usps"):
		return "usps"
	case service == "fedex_ground" || service == "fedex_home_delivery":
		return "fedex"
	}
	return "fedex_express"
}

// The distance rule is a guess and near the charts all the same: README.md says how near.
func TestGuessIsNearTheCharts(t *testing.T) {
	snap, _, err := network.Load(".")
	if err != nil {
		t.Fatal(err)
	}
	zoneSet := func(service string) *lanes.ZoneSet {
		row, ok := snap.Service(service)
		if !ok {
			t.Fatalf("no service %s", service)
		}
		return snap.Services[row].Zones
	}
	var ground struct {
		Origins []struct {
			OriginMin    string
			Destinations []struct {
				DestMin, DestMax, Type string
				ZoneID                 int
			}
		}
	}
	text, err := os.ReadFile(published(t, "zones/fedex/ground_zones_by_origin_2024-04.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &ground); err != nil {
		t.Fatal(err)
	}
	set, places := zoneSet("fedex_ground"), geo.US()
	pairs, same, near := 0, 0, 0
	for _, o := range ground.Origins {
		from, ok := places.AreaCentreOf("US", o.OriginMin[:3])
		if !ok {
			t.Fatalf("no area %s", o.OriginMin)
		}
		for _, d := range o.Destinations {
			lo, err1 := strconv.Atoi(d.DestMin)
			hi, err2 := strconv.Atoi(d.DestMax)
			if err1 != nil || err2 != nil || d.Type != "contiguous" {
				continue
			}
			for zip3 := lo / 100; zip3 <= hi/100; zip3++ {
				name := fmt.Sprintf("%03d", zip3)
				to, ok := places.AreaCentreOf("US", name)
				region := lanes.RegionOf("US", name+"01")
				if !ok || region != lanes.RegionOf("US", o.OriginMin) {
					continue
				}
				zone, err := strconv.Atoi(set.Name(set.Guess(geo.Kilometres(from, to), region, region)))
				if err != nil {
					t.Fatal(err)
				}
				pairs++
				switch off := zone - d.ZoneID; {
				case off == 0:
					same++
				case off == 1 || off == -1:
					near++
				}
			}
		}
	}
	t.Logf("of %d pairs of three-digit areas the rule has the zone of FedEx's charts in %.1f %% and one beside it in %.2f %%",
		pairs, 100*float64(same)/float64(pairs), 100*float64(near)/float64(pairs))
	if pairs < 10_000 || same < pairs*93/100 || same+near < pairs*999/1000 {
		t.Errorf("of %d pairs %d are right and %d one beside", pairs, same, near)
	}
}
