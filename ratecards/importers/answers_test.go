package importers

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// TestPublishedAnswers asks the imported files for the published answers of zones (Z), transit (T) and prices (P).
// Each subtest is named by its case.
func TestPublishedAnswers(t *testing.T) {
	raw, err := os.ReadFile(shared(t, "cases/rating.csv"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]map[string]string{}
	for _, r := range records[1:] {
		c := map[string]string{}
		for i, name := range records[0] {
			c[name] = r[i]
		}
		cases[c["id"]] = c
	}

	into := t.TempDir()
	charts, err := filepath.Glob(filepath.Join(shared(t, "data/zones/usps-2024-04"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, "usps-zones", charts, Options{Into: into})
	mustRun(t, "fedex-zone-days", []string{shared(t, "data/zones/fedex/ground_zone_days_from_columbus_OH.csv.gz")}, Options{Into: into, Origin: "43215"})
	mustRun(t, "usps-prices", []string{shared(t, "data/tariffs/usps/USPS Ground Advantage Retail.csv"), shared(t, "data/tariffs/usps/PM Retail.csv")}, Options{Into: into})
	mustRun(t, "fedex-rates", []string{shared(t, "data/tariffs/fedex/fedex_ground_retail_2026.csv")}, Options{Into: into, Effective: day})
	usps := zoneSet(t, into, "usps")
	fedex, transit := lists(t, into)

	for _, id := range []string{"Z6", "Z9"} {
		t.Run(id, func(t *testing.T) {
			c := cases[id]
			name, notes := zone(t, usps, c["origin"]+"00", c["destination"]+"01", "")
			if name+notes != c["expected_zone"] {
				t.Errorf("%s to %s is zone %s%s, published %s", c["origin"], c["destination"], name, notes, c["expected_zone"])
			}
		})
	}
	t.Run("Z11", func(t *testing.T) {
		c := cases["Z11"]
		if !strings.HasPrefix(c["expected_zone"], "5 only for Priority / GA<16oz") {
			t.Fatalf("the case says %q", c["expected_zone"])
		}
		from, to, _ := strings.Cut(c["destination"], "-")
		for _, dest := range []string{from, "09500", to} {
			for scope, want := range map[string]string{scopePriority: "5", scopeLight: "5", "": "1"} {
				if name, _ := zone(t, usps, c["origin"]+"00", dest, scope); name != want {
					t.Errorf("%s by %q is zone %s, want %s", dest, scope, name, want)
				}
			}
		}
		// The cards ask for those scopes: Priority Mail always, Ground Advantage below 16 oz.
		if normal, _, _ := tariff(t, into, "usps_priority_mail").At(april).ZoneScopes(); normal != scopePriority {
			t.Errorf("Priority Mail reads the scope %q", normal)
		}
		normal, light, below := tariff(t, into, "usps_ground_advantage").At(april).ZoneScopes()
		if normal != "" || light != scopeLight || below != 16*units.Ounce {
			t.Errorf("Ground Advantage reads the scopes %q, and %q below %s", normal, light, below)
		}
	})
	for _, id := range []string{"T1", "T2"} {
		t.Run(id, func(t *testing.T) {
			c := cases[id]
			name, days := laneDays(t, fedex, transit, "43215", c["destination"])
			if got := strconv.Itoa(days) + " business days"; name != c["expected_zone"] || got != c["expected_billable"] {
				t.Errorf("%s: zone %s in %s, published %s in %s", c["destination"], name, got, c["expected_zone"], c["expected_billable"])
			}
		})
	}
	services := map[string][]string{
		"GA retail": {"usps_ground_advantage"}, "PM retail": {"usps_priority_mail"},
		"Ground/Home Delivery retail eff 2026-01-05": {"fedex_ground", "fedex_home_delivery"},
	}
	for _, id := range []string{"P1", "P2", "P4", "P5", "P7", "P10", "P12", "P14", "P16", "P18"} {
		t.Run(id, func(t *testing.T) {
			c := cases[id]
			if len(services[c["service"]]) == 0 {
				t.Fatalf("the case is of %q", c["service"])
			}
			for _, service := range services[c["service"]] {
				ship := must(units.ParseDate(c["ship_date"]))
				r := price(t, tariff(t, into, service), parcel(t, c["weight"], c["dims"]), c["expected_zone"], 0, ship)
				if r.Reason != ratecards.Priced || r.Total != must(units.ParseMoney(c["expected_price_usd"])) {
					t.Errorf("%s to zone %s by %s: %s %s, published %s", c["weight"], c["expected_zone"], service, r.Detail, r.Total, c["expected_price_usd"])
				}
				if b := c["expected_billable"]; b != "" && r.Billable != must(units.ParseWeight(b+" lb")) {
					t.Errorf("%s: billable %s, published %s lb", service, r.Billable, b)
				}
			}
		})
	}
	for id := range cases {
		if strings.HasPrefix(id, "P") || strings.HasPrefix(id, "Z") || strings.HasPrefix(id, "T") {
			if !slices.Contains(strings.Fields("Z6 Z9 Z11 T1 T2 P1 P2 P4 P5 P7 P10 P12 P14 P16 P18"), id) {
				t.Errorf("case %s is not asked", id)
			}
		}
	}
}
