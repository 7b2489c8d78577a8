package network

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
)

// broken are networks that contradict themselves, each the small network with a few edits, and everything that is to
// be said of them.
var broken = []struct {
	name  string
	edits []edit
}{
	{"no name and unknown currency", []edit{{"network.yaml", "name: small\ncurrency: USD", "currency: USDD"}}},
	{"unknown key", []edit{{"network.yaml", "split_cost", "split_csot"}}},
	{"policy out of range", []edit{{"network.yaml", "max_shipments: 3", "max_shipments: 0"}, {"network.yaml", "on_time: 95%", "on_time: 0%"},
		{"network.yaml", "max_units: 5000", "max_units: 5000000"}, {"network.yaml", "late: allow", "late: alow"}, {"network.yaml", "packing_fill: 85%", "packing_fill: 101%"}}},
	{"late cost without lateness", []edit{{"network.yaml", "late: allow", "late: refuse"}}},
	{"split cost without splits", []edit{{"network.yaml", "  max_shipments: 3\n", ""}}},
	{"defaults", []edit{{"network.yaml", "cutoff: 14:00", "cutoff: 25:00"}, {"network.yaml", "holidays: [us]", "holidays: [ue]"}}},
	{"no cut-off", []edit{{"network.yaml", "  cutoff: 14:00\n", ""}}},
	{"calendars", []edit{{"network.yaml", "usps: {week: mon-sat, holidays: [us]}", "usps: {week: none, holidays: [ca]}"},
		{"network.yaml", "closed: [2026-12-24]", "closed: [2026-02-30, 2050-01-01]"}, {"network.yaml", "weekends: {week: sat-sun}", "weekends: {}"}}},
	{"distance rules", []edit{{"network.yaml", "distance: usps", "distance: upsp"}, {"network.yaml", "{miles: 300, zone: \"3\"}", "{miles: 100, zone: \"3\"}"},
		{"network.yaml", "- {zone: \"4\"}", "- {zone: \"an endless name of a zone\"}"}}},
	{"regions", []edit{{"network.yaml", "HI: \"8\"", "Hawaii: \"8\""}}},
	{"empty zone set", []edit{{"network.yaml", "distance: usps\n    regions: {AK: \"8\", HI: \"8\", PR: \"8\"}", ""}, {"zones/usps.csv", "", ""}}},
	{"both rules", []edit{{"network.yaml", "  fedex:\n    bands:", "  fedex:\n    distance: usps\n    bands:"}}},
	{"classes", []edit{{"network.yaml", "fragile: {flags: [fragile]}", "fragile: {flags: [fragil]}\n  very big: {}"}, {"skus.csv", "hazmat,nonstandard", "hazmt,nonstandart"},
		{"warehouses.csv", "plain fragile", "plain;fragiel"}, {"network.yaml", "classes: [plain, fragile]", "classes: [plane]"}}},
	{"ids", []edit{{"network.yaml", "id: bolt}", "id: fedex}"}, {"network.yaml", "id: small", "id: large"}, {"network.yaml", "- id: pickup", "- id: pick up"},
		{"warehouses.csv", "columbus,", "reno,"}, {"skus.csv", "sticker,", "mug,"}, {"stock.csv", "reno,paint,40,,", "reno,mug,4,,"}}},
	{"carriers", []edit{{"network.yaml", "carrier: fedex", "carrier: fedx"}, {"warehouses.csv", "usps counter", "usps;contour"}, {"pickups.csv", "soho,usps", "soho,usp"}}},
	{"services", []edit{{"network.yaml", "kind: collect", "kind: colect"}, {"network.yaml", "only: commercial", "only: business"}, {"network.yaml", "daily_capacity: 500", "daily_capacity: -5"},
		{"network.yaml", "per_shipment: 0.25", "per_shipment: -1"}, {"network.yaml", "co2_grams_per_tonne_km: 62", "co2_grams_per_tonne_km: 99999"}}},
	{"references", []edit{{"network.yaml", "zones: fedex", "zones: fedx"}, {"network.yaml", "areas: fedex", "areas: fedexx"}, {"network.yaml", "service_areas: [reno]", "service_areas: [rino]"},
		{"network.yaml", "transit: usps", "transit: ups"}, {"network.yaml", "linehaul: usps", "linehaul: usp"}, {"network.yaml", "pickup: {calendar: fedex", "pickup: {calendar: fed-ex"}}},
	{"attributes", []edit{{"network.yaml", "areas: [remote], calendar: weekends", "areas: [remot], calendar: weekend"}, {"cards/fedex-ground.yaml", "areas: [das]", "areas: [dsa]"}}},
	{"scopes", []edit{{"network.yaml", "transit_scope: ground", "transit_scope: air"}}},
	{"zones twice or never", []edit{{"network.yaml", "zones: usps\n    transit", "zones: usps\n    zone: \"1\"\n    transit"}, {"network.yaml", "    zone: city\n", ""}}},
	{"transit twice or never", []edit{{"network.yaml", "transit_days: 0", "transit_days: 0\n    transit: usps"}, {"transit/fedex-ground.csv", "", ""}}},
	{"transit of an unknown zone", []edit{{"transit/usps.csv", "1,ground,2", "9,ground,2"}}},
	{"a histogram that does not sum to 100 %", []edit{{"transit/usps.csv", "4:9000 5:700 6:300", "4:9000 5:700"}}},
	{"collect", []edit{{"network.yaml", "kind: collect", "kind: collect\n    zones: usps\n    transit_days: 1"}}},
	{"no card", []edit{{"cards/bolt-today.yaml", "service: bolt-today", "service: bolt-todya"}}},
	{"no card named", []edit{{"network.yaml", "    zone: city", "    zone: city\n    cards: bolt"}}},
	{"overlapping cards", []edit{{"cards/usps-ground.yaml", "effective_to: 2026-06-30", "effective_to: 2026-07-01"}}},
	{"card in another currency, of another carrier", []edit{{"cards/bolt-today.yaml", "currency: USD", "currency: EUR"}, {"cards/fedex-ground.yaml", "carrier: FedEx", "carrier: UPS"}}},
	{"card whose zones the zone set does not name", []edit{{"cards/fedex-ground.csv", "not_over,2,3,4", "not_over,12,13,14"}}},
	{"cards of different scopes", []edit{{"cards/usps-ground-2.yaml", "structures:", "zones: {scope: Priority Mail}\nstructures:"}}},
	{"card file with a table that is not there", []edit{{"cards/fedex-ground.yaml", "fedex-ground.csv", "fedex-grond.csv"}}},
	{"boxes", []edit{{"network.yaml", "inside: 10x8x4 in, outside: 10.5x8.5x4.5 in", "inside: 10x8x4 in, outside: 10.5x8.5x3.5 in"}, {"network.yaml", "inside: 18x14x12 in", "inside: 18x14 in"}}},
	{"flat box", []edit{{"network.yaml", "inside: 18x14x12 in", "inside: 18x14x0 in"}}},
	{"no pickup time", []edit{{"network.yaml", "pickup: {calendar: usps, times: [\"17:00\"]}", "pickup: {calendar: usps}"}}},
	{"a service that nobody hands over", []edit{{"warehouses.csv", "usps;fedex;bolt", "usps;fedex"}, {"warehouses.csv", "columbus,Columbus DC,,43215,,,US,,,4.5,,,,1.00,0.25,0.05,0,,", "columbus,Columbus DC,,43215,,,US,,,4.5,,,,1.00,0.25,0.05,0,fedex,"}}},
	{"warehouse values", []edit{{"warehouses.csv", "15:00,2,", "25:00,-2,"}, {"warehouses.csv", "1200,", "0,"}, {"warehouses.csv", "4.5", "0.0001"}, {"warehouses.csv", "12:00,1,daily", "12:00,1,none"}}},
	{"warehouse values that parse", []edit{{"warehouses.csv", "1.10,0.30", "-1.10,0.30"}, {"warehouses.csv", "columbus,Columbus DC,,43215,,,US", "columbus,Columbus DC,hub,43215,,,USA"}, {"warehouses.csv", "daily,none", "daily,uk"}}},
	{"processing for ages", []edit{{"warehouses.csv", "15:00,2,", "15:00,153722867281,"}, {"warehouses.csv", "4.5", "1440.5"}}},
	{"places", []edit{{"warehouses.csv", "89502,,", "00000,,"}, {"warehouses.csv", "43215,,,US", ",,,US"}, {"warehouses.csv", "40.7233,-74.0030", "40.7233,"}}},
	{"points", []edit{{"warehouses.csv", "40.7233,-74.0030", "140.7,-74"}, {"warehouses.csv", "43215,,,US,", "43215,10,0,US,America/Columbus"}}},
	{"at sea", []edit{{"warehouses.csv", "40.7233,-74.0030,US,America/New_York", "0,-140,US,"}}},
	{"foreign postal code", []edit{{"warehouses.csv", "43215,,,US", "10115,,,DE"}}},
	{"SKUs", []edit{{"skus.csv", "mug,14 oz,5 in", "mug,14,5 in"}, {"skus.csv", "2 lb,20 in,20 in", "0 lb,20 in,"}, {"skus.csv", "no,31.00", "perhaps,-31.00"}}},
	{"SKU values", []edit{{"skus.csv", "no,31.00", "no,-31.00"}, {"skus.csv", "sofa pillow,2 lb,20 in,20 in", "sofa pillow,0 lb,,20 in"}}},
	{"stock", []edit{{"stock.csv", "reno,mug,120,10,", "rneo,mug,120,10,"}, {"stock.csv", "reno,paint,40", "reno,pant,-40"}, {"stock.csv", "2026-12-01", "2026-02-30"}, {"stock.csv", "sofa pillow,6", "sofa pilow,6"}}},
	{"pickups", []edit{{"pickups.csv", "soho,usps,,,13:30", "soho,usps,usps-ground,,13:30\nsoh,usps,,,9:00\nsoho,usps,,,\nreno,,,,09:00"}, {"pickups.csv", "fedex-ground", "fedex-groud"}, {"pickups.csv", "weekends", "week-ends"}}},
	{"doubled pickups", []edit{{"pickups.csv", "soho,usps,,,13:30", "soho,usps,,,13:30\nsoho,usps,,,14:30"}}},
	{"columns", []edit{{"warehouses.csv", "processing_hours", "procesing_hours"}, {"skus.csv", "sku,weight", "sku,mass"}}},
	{"missing files", []edit{{"warehouses.csv", "", ""}, {"skus.csv", "", ""}, {"stocks.csv", "", "a\n"}, {"warehouse.csv", "", "b\n"}}},
	{"no cards", []edit{{"cards/usps-ground.yaml", "", ""}, {"cards/usps-ground-2.yaml", "", ""}, {"cards/bolt-today.yaml", "", ""}, {"cards/fedex-ground.yaml", "", ""}}},
	{"no YAML", []edit{{"network.yaml", "", "name: [\n"}}},
	{"empty YAML", []edit{{"network.yaml", "", "{}\n"}}},
	{"empty tables", []edit{{"warehouses.csv", "", "id\n"}, {"skus.csv", "", "sku,weight\n"}}},
	{"area files", []edit{{"areas/cities.geojson", "\"reno\"", "\"soho\""}, {"areas/other.geojson", "", `{"type": "FeatureCollection", "features": []}`}}},
	{"holidays twice", []edit{{"calendars/more.csv", "", "calendar,date\nus,2026-12-25\n"}}},
	{"contradicting charts", []edit{{"zones/usps.csv", "895,100-149,8,,", "895,100-149,8,,\n895,120-130,7,,"}}},
	{"places file", []edit{{"places/xx.txt", "", "US\tnot a place\n"}}},
}

var rewrite = flag.Bool("rewrite", false, "write testdata/broken.txt anew; read the difference before it is committed")

// TestBroken compares what is said of every broken network with testdata/broken.txt.
func TestBroken(t *testing.T) {
	const file = "testdata/broken.txt"
	if *rewrite {
		var all strings.Builder
		for _, c := range broken {
			fmt.Fprintf(&all, "-- %s --\n%s\n\n", c.name, strings.Join(lines(Check(edited(t, c.edits...))), "\n"))
		}
		if err := os.WriteFile(file, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, section := range strings.Split(string(raw), "-- ")[1:] {
		name, text, _ := strings.Cut(section, " --\n")
		want[name] = strings.TrimSpace(text)
	}
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			files := edited(t, c.edits...)
			got := strings.Join(lines(Check(files)), "\n")
			if got != want[c.name] || got == "" {
				t.Errorf("got\n%s\nwant\n%s", got, want[c.name])
			}
			_, _, err := LoadFS(files, nil)
			if fe, ok := errors.AsType[*faults.Error](err); !ok || strings.Join(lines(fe.Faults), "\n") != got {
				t.Errorf("LoadFS says %v", err)
			}
		})
	}
}
