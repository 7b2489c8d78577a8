package geo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
)

func TestReadGeoNames(t *testing.T) {
	p := mustReadPlaces(t, "\ufeff# a comment\n\n"+
		"GB\tSW1A\tLondon\tEngland\tENG\tGreater London\t\t\t\t51.501\t-0.142\t4\r\n"+
		"NZ\t8942\tWaitangi\tChatham Islands\t\t\t\t\t\t-43.95\t-176.56\t4\n"+
		postalLine("AU", "0872", "NT", -25, 131, "", "")+
		postalLine("AU", "0872", "SA", -27, 131, "", "")+
		postalLine("IN", "110001", "07", 28.6, 77.2, "1", "")+
		postalLine("IN", "110001", "07", 28.8, 77.2, "3", "")+
		postalLine("US", "10001", "NY", 40.7, -74, "4", "")+
		postalLine("US", "10000", "NY", 40.7, -74, "4", "")+
		postalLine("ID", "10110", "04", -6.2, 106.8, "", "Asia/Jakarta"))
	for _, c := range []struct {
		country, postal, region, zone string
		at                            Point
		approximate                   bool
	}{
		{"GB", "SW1A 1AA", "ENG", "Europe/London", Point{51.501, -0.142}, false},
		{"NZ", "8942", "Chatham Islands", "Pacific/Chatham", Point{-43.95, -176.56}, false},
		{"AU", "0872", "NT", "Australia/Darwin", Point{-26, 131}, false},
		{"IN", "110001", "07", "Asia/Kolkata", Point{28.8, 77.2}, false}, // the estimate is passed over
		{"US", "10001", "NY", "America/New_York", Point{40.7, -74}, false},
		{"US", "10000", "NY", "America/New_York", Point{40.7, -74}, false}, // not built in: from its neighbours
		{"ID", "10110", "04", "Asia/Jakarta", Point{-6.2, 106.8}, false},
	} {
		r, ok := p.Lookup(c.country, c.postal)
		if !ok {
			t.Errorf("%s %s is not known", c.country, c.postal)
			continue
		}
		if p.Region(r) != c.region || p.TimeZone(r) != c.zone || p.Country(r) != c.country || p.Approximate(r) != c.approximate || Kilometres(p.Point(r), c.at) > 0.01 {
			t.Errorf("%s %s: %s %s %s %v %v, want %+v", c.country, c.postal, p.Country(r), p.Region(r), p.TimeZone(r), p.Point(r), p.Approximate(r), c)
		}
	}
	if p.Len() != 7 {
		t.Errorf("%d rows, want 7", p.Len())
	}
	estimates := mustReadPlaces(t, postalLine("IN", "1", "07", 28, 77, "1", "")+postalLine("IN", "1", "07", 30, 77, "1", "")+
		postalLine("IN", "2", "07", 0, 0, "4", "")+postalLine("IN", "2", "07", 0, 180, "4", ""))
	if r, _ := estimates.Lookup("IN", "1"); !estimates.Approximate(r) || Kilometres(estimates.Point(r), Point{29, 77}) > 0.01 {
		t.Errorf("the mean of two estimates is %v, approximate %v", estimates.Point(r), estimates.Approximate(r))
	}
	if r, _ := estimates.Lookup("IN", "2"); estimates.Point(r) != (Point{0, 0}) {
		t.Errorf("antipodes have no mean, but lie at %v", estimates.Point(r))
	}
}

func TestReadGeoNamesNamesEveryFault(t *testing.T) {
	good := postalLine("DE", "10115", "BE", 52.5, 13.4, "4", "")
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"commas":         {"DE,10115,Berlin\n", []string{"f.txt:1: has 1 fields; separate the 12 fields"}},
		"14 fields":      {strings.TrimSuffix(postalLine("DE", "1", "", 1, 1, "4", "UTC"), "\n") + "\tx\n", []string{"has 14 fields"}},
		"country":        {good + postalLine("DEU", "10115", "BE", 52.5, 13.4, "4", ""), []string{`f.txt:2:1 country: "DEU" is no country code; write two letters`}},
		"postal":         {postalLine("DE", "?", "BE", 52.5, 13.4, "4", ""), []string{`f.txt:1:2 postal code: "?" is no postal code`}},
		"NaN":            {postalLine("DE", "1", "BE", 52.5, 13.4, "4", "") + strings.Replace(good, "52.5", "NaN", 1), []string{`f.txt:2:10 latitude: "NaN" is no latitude`}},
		"infinite":       {strings.Replace(good, "13.4", "Inf", 1), []string{`f.txt:1:11 longitude: "Inf" is no longitude`}},
		"out of range":   {strings.Replace(strings.Replace(good, "13.4", "181", 1), "52.5", "-90.5", 1), []string{"latitude", "longitude"}},
		"overflow":       {strings.Replace(good, "13.4", "1e999", 1), []string{"longitude"}},
		"empty":          {strings.Replace(good, "52.5", "", 1), []string{`latitude: "" is no latitude`}},
		"accuracy":       {postalLine("DE", "1", "BE", 52.5, 13.4, "7", "") + postalLine("DE", "2", "BE", 52.5, 13.4, "44", ""), []string{`f.txt:1:12 accuracy: "7"`, `f.txt:2:12 accuracy: "44"`}},
		"zone":           {postalLine("DE", "1", "BE", 52.5, 13.4, "4", "Europe/Belin"), []string{`f.txt:1:13 time zone: "Europe/Belin" is no time zone; write an IANA name`}},
		"machine's zone": {postalLine("DE", "1", "BE", 52.5, 13.4, "4", "Local"), []string{`"Local" is no time zone`}},
		"missing zones": {postalLine("ID", "1", "04", -6, 106, "4", "") + postalLine("ID", "2", "04", -6, 106, "4", "") + postalLine("ID", "3", "36", -2, 130, "4", ""), []string{
			`f.txt:1:13 time zone: is missing, and ID has more zones than one, which the region "04" does not tell; add a 13th field`, `f.txt:3:13`}},
		"US at sea":  {postalLine("US", "00000", "", 35, -40, "4", ""), []string{"f.txt:1:13 time zone: is missing"}},
		"UTF-8":      {good + "DE\t\xff\n", []string{"f.txt:2: line is not valid UTF-8"}},
		"everything": {"x\t\ty\t\t\t\t\t\t\tn\te\t9\tz\n", []string{"country", "postal code", "latitude", "longitude", "accuracy", "time zone"}},
		"long line":  {good + strings.Repeat("x", maxGeoNamesLine+1), []string{"f.txt:2: line is longer than"}},
	} {
		t.Run(name, func(t *testing.T) {
			var fl faults.List
			p := ReadGeoNames("f.txt", strings.NewReader(c.text), &fl)
			got := fl.Faults()
			for i, want := range c.want {
				if i >= len(got) || !strings.Contains(got[i].String(), want) {
					t.Fatalf("faults:\n%v\nwant %q as number %d", fl.Err(), want, i+1)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("%d faults, want %d:\n%v", len(got), len(c.want), fl.Err())
			}
			if strings.HasPrefix(c.text, good) && p.Len() != 1 {
				t.Errorf("%d rows without a fault, want 1", p.Len())
			}
		})
	}
}

func TestReadGeoNamesStopsListing(t *testing.T) {
	var fl faults.List
	ReadGeoNames("f.txt", strings.NewReader(strings.Repeat("a,b\n", maxFileFaults+17)), &fl)
	if fl.Len() != maxFileFaults+1 || !strings.Contains(fmt.Sprint(fl.Err()), "f.txt: 17 more faults") {
		t.Errorf("%d faults listed", fl.Len())
	}
	fl = faults.List{}
	if ReadGeoNames("f.txt", broken{}, &fl); !strings.Contains(fmt.Sprint(fl.Err()), "reading failed: disk on fire") {
		t.Errorf("a broken disk: %v", fl.Err())
	}
}

// TestZonesAreKnown reads every zone of the built-in lists from the tz database.
func TestZonesAreKnown(t *testing.T) {
	if n := len(zoneOfCountry()); n < 220 {
		t.Errorf("%d countries have a zone, want more than 220", n)
	}
	for country, zone := range zoneOfCountry() {
		if k, ok := packCountry(country); !ok || k.String() != country || !knownZone(zone) {
			t.Errorf("country %q has the zone %q", country, zone)
		}
	}
	for region, zone := range regionZones {
		if !knownZone(zone) {
			t.Errorf("region %q has the unknown zone %q", region, zone)
		}
	}
	for _, c := range [][4]string{
		{"CA", "BC", "British Columbia", "America/Vancouver"}, {"BR", "27", "São Paulo", "America/Sao_Paulo"}, {"BR", "04", "Amazonas", "America/Manaus"},
		{"ES", "CN", "Canarias", "Atlantic/Canary"}, {"ES", "MD", "Madrid", "Europe/Madrid"}, {"RU", "", "Moscow", ""}, {"XX", "", "", ""}, {"FR", "", "", "Europe/Paris"},
	} {
		if got := regionalZone(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%v: zone %q", c, got)
		}
	}
}

func FuzzReadGeoNames(f *testing.F) {
	f.Add(postalLine("DE", "10115", "BE", 52.5, 13.4, "4", ""))
	f.Add(postalLine("US", "10001", "NY", 40.7, -74, "6", "America/New_York") + postalLine("us", "10001-", "NY", 40.8, -74, "1", ""))
	f.Add(postalLine("CA", "K1A 0B1", "ON", 45, -75, "", "") + "# end")
	f.Add("x\t\ty\t\t\t\t\t\t\tn\te\t9\tz\n")
	f.Add("\ufeff\n\xff\t\t\t\t\t\t\t\t\t\t\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		var fl faults.List
		p := ReadGeoNames("f.txt", strings.NewReader(text), &fl)
		for r := range Row(p.Len()) {
			if back, ok := p.Lookup(p.Country(r), p.Postal(r)); !ok || back != r {
				t.Errorf("row %d, %s %q, is looked up as %d, %v", r, p.Country(r), p.Postal(r), back, ok)
			}
			if err := p.Point(r).Check(); err != nil || p.TimeZone(r) == "" {
				t.Errorf("row %d: %v, zone %q", r, err, p.TimeZone(r))
			}
			if err := p.AreaCentre(r).Check(); err != nil {
				t.Errorf("row %d: area centre %v", r, err)
			}
		}
		for _, fault := range fl.Faults() {
			if fault.File != "f.txt" || fault.Problem == "" {
				t.Errorf("fault %+v without a place", fault)
			}
		}
	})
}
