package lanes

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
)

// uspsCharts reads the published charts, with no care for faults: the importers have that.
func uspsCharts(t testing.TB) []*Chart {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared(t, "zones", "usps-2024-04"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no charts: %v", err)
	}
	type cell struct{ ZipCodes, Zone, MailService string }
	var charts []*Chart
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var published struct{ Zip3s, Zip5s []cell }
		if err := json.Unmarshal(text, &published); err != nil {
			t.Fatal(err)
		}
		origin := strings.TrimSuffix(filepath.Base(file), ".json")
		c := &Chart{Source: Source{File: filepath.Base(file)}}
		for i, p := range append(published.Zip3s, published.Zip5s...) {
			r, err := ParseRange(strings.ReplaceAll(p.ZipCodes, "---", "-"))
			if err != nil {
				t.Fatal(err)
			}
			zone := strings.TrimRight(p.Zone, "*+")
			c.Rows = append(c.Rows, ZoneRow{OriginCountry: home, Origin: Range{origin, origin}, Country: home, Destination: r, Zone: zone,
				Scope: p.MailService, Notes: p.Zone[len(zone):], Line: i})
		}
		charts = append(charts, c)
	}
	return charts
}

func TestPublishedUSPSCharts(t *testing.T) {
	charts := uspsCharts(t)
	z := compile(t, nil, charts...)
	looked := 0
	for _, c := range charts {
		origin := c.Rows[0].Origin.Lo + "01"
		o, ok := z.Origin("US", origin)
		if !ok {
			t.Fatalf("no origin %s", origin)
		}
		own := []*Chart{c}
		for _, name := range append([]string{""}, z.Scopes()...) {
			s, _ := z.Scope(name)
			for zip3 := range 1000 {
				step := 99 // the ends tell of an area; where five-digit rows divide it, each ZIP is looked up
				if zip3 == 969 {
					step = 1
				}
				for last := 0; last < 100; last += step {
					postal := fmt.Sprintf("%05d", zip3*100+last)
					want, notes := "", ""
					if row := Find(own, "US", origin, "US", postal, name); row != nil {
						want, notes = row.Zone, row.Notes
					}
					d := z.Dest("US", postal)
					if got := z.Name(z.At(o, d, s)); got != want || z.Notes(o, d, s) != notes {
						t.Fatalf("%s to %s for %q: zone %s, want %s", origin, postal, name, got, want)
					}
					looked++
				}
			}
		}
	}
	t.Logf("%d lookups; %d origins in %d bytes", looked, z.Origins(), z.Bytes())
}

// Cases Z6, Z9 and Z11 of the published answers.
func TestPublishedUSPSCases(t *testing.T) {
	z := compile(t, nil, uspsCharts(t)...)
	for _, c := range []struct{ id, origin, postal, scope, zone, notes string }{
		{"Z6", "07001", "10001", "", "1", "*"},
		{"Z9", "78701", "00601", "", "8", ""},
		{"Z11", "07001", "09012", "Priority Mail service", "5", ""},
		{"Z11", "07001", "09012", "USPS Ground Advantage (< 16 oz.)", "5", ""},
		{"Z11", "07001", "09012", "", "1", "*+"}, // for other services military post is next door
	} {
		o, _ := z.Origin("US", c.origin)
		s, ok := z.Scope(c.scope)
		d := z.Dest("US", c.postal)
		if got := z.Name(z.At(o, d, s)); !ok || got != c.zone || z.Notes(o, d, s) != c.notes {
			t.Errorf("%s: %s to %s for %q is zone %s%s, want %s%s", c.id, c.origin, c.postal, c.scope, got, z.Notes(o, d, s), c.zone, c.notes)
		}
	}
}

// The list of FedEx from Columbus gives zone and days of each ZIP: 58,771 five-digit rows.
func TestPublishedFedExList(t *testing.T) {
	f, err := os.Open(shared(t, "zones", "fedex", "ground_zone_days_from_columbus_OH.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(gz).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c, tt := &Chart{}, &TransitTable{}
	origin := Range{"432", "432"}
	seen := map[string]string{}
	for _, r := range rows[1:] {
		zip, days, zone := r[1], r[2], strings.TrimLeft(r[3], "0")
		h, err := ParseHistogram(days)
		if err != nil {
			t.Fatal(err)
		}
		seen[zip] = zone + " " + days
		c.Rows = append(c.Rows, ZoneRow{OriginCountry: home, Origin: origin, Country: home, Destination: Range{zip, zip}, Zone: zone})
		tt.Rows = append(tt.Rows, TransitRow{OriginCountry: home, Origin: origin, Country: home, Destination: Range{zip, zip}, Pair: true, Days: h})
	}
	z := compile(t, nil, c)
	var fl faults.List
	tr := CompileTransit([]*TransitTable{tt}, z, &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	o, _ := z.Origin("US", "43215")
	from, _ := tr.Origin("US", "43215")
	for zip := range 100_000 {
		postal := fmt.Sprintf("%05d", zip)
		zone, served := z.Lookup(o, "US", postal, 0)
		got := ""
		if served {
			got = z.Name(zone) + " " + tr.Histogram(tr.Lookup(from, tr.Dest("US", postal), 0, zone)).String()
		}
		if got != seen[postal] {
			t.Fatalf("%s: zone and days %q, want %q", postal, got, seen[postal])
		}
	}
	t.Logf("%d ZIPs: %d bytes of zones, %d of days", len(seen), z.Bytes(), tr.Bytes())
}
