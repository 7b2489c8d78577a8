package geo

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/faults"
)

func mustReadPlaces(t testing.TB, text string) *Places {
	t.Helper()
	var fl faults.List
	p := ReadGeoNames("places.txt", strings.NewReader(text), &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

// postalLine prints a line of a postal file; zone "" leaves the 13th field out.
func postalLine(country, postal, code string, lat, lng float64, accuracy, zone string) string {
	line := fmt.Sprintf("%s\t%s\tSomewhere\tRegion\t%s\t\t\t\t\t%v\t%v\t%s", country, postal, code, lat, lng, accuracy)
	if zone != "" {
		line += "\t" + zone
	}
	return line + "\n"
}

func TestUSTable(t *testing.T) {
	us := US()
	if us.Len() < 41_500 || us.Len() > 43_000 {
		t.Errorf("%d ZIPs, want about 41,700", us.Len())
	}
	for _, c := range []struct {
		country, postal string
		zip, region     string
		zone            string
		lat, lng        float64
		approximate     bool
	}{
		{"US", "10001", "10001", "NY", "America/New_York", 40.75, -74.00, false},
		{"us", "10001-1234", "10001", "NY", "America/New_York", 40.75, -74.00, false},
		{"US", "100011234", "10001", "NY", "America/New_York", 40.75, -74.00, false},
		{"US", " 89434 ", "89434", "NV", "America/Los_Angeles", 39.54, -119.54, false},
		{"US", "20500", "20500", "DC", "America/New_York", 38.89, -77.04, false}, // one building
		{"US", "00601", "00601", "PR", "America/Puerto_Rico", 18.18, -66.75, false},
		{"PR", "00601", "00601", "PR", "America/Puerto_Rico", 18.18, -66.75, false},
		{"VI", "00802", "00802", "VI", "America/St_Thomas", 18.34, -64.93, false},
		{"GU", "96910", "96910", "GU", "Pacific/Guam", 13.45, 144.75, false},
		{"US", "96799", "96799", "AS", "Pacific/Pago_Pago", -14.32, -170.75, false},
		{"US", "96939", "96939", "PW", "Pacific/Palau", 7.33, 134.48, true},
		{"US", "09007", "09007", "AE", "Europe/Berlin", 49.41, 8.69, true}, // military, never known to be there
		{"US", "00910", "00910", "PR", "America/Puerto_Rico", 18.41, -66.09, true},
		{"US", "96813", "96813", "HI", "Pacific/Honolulu", 21.31, -157.86, false},
		{"US", "96860", "96860", "HI", "Pacific/Honolulu", 21.34, -157.96, false}, // listed twice, once without a state
		{"US", "99501", "99501", "AK", "America/Anchorage", 61.22, -149.86, false},
		{"US", "85001", "85001", "AZ", "America/Phoenix", 33.45, -112.07, false},
		{"US", "86040", "86040", "AZ", "America/Phoenix", 36.66, -111.39, false}, // mended: not on Navajo time
		{"US", "37419", "37419", "TN", "America/New_York", 35.03, -85.37, false},
		{"US", "47532", "47532", "IN", "America/Indiana/Vincennes", 38.23, -86.86, false},
		{"US", "79901", "79901", "TX", "America/Denver", 31.76, -106.48, false},
		{"US", "32401", "32401", "FL", "America/Chicago", 30.16, -85.66, false},
	} {
		r, ok := us.Lookup(c.country, c.postal)
		if !ok {
			t.Errorf("%s %q is not known", c.country, c.postal)
			continue
		}
		if us.Postal(r) != c.zip || us.Region(r) != c.region || us.TimeZone(r) != c.zone || us.Country(r) != "US" || us.Approximate(r) != c.approximate {
			t.Errorf("%s %q: %s %s %s %s approximate=%v, want %+v", c.country, c.postal, us.Country(r), us.Postal(r), us.Region(r), us.TimeZone(r), us.Approximate(r), c)
		}
		if km := Kilometres(us.Point(r), Point{c.lat, c.lng}); km > 6 {
			t.Errorf("%s %q lies at %v, %.0f km from %v, %v", c.country, c.postal, us.Point(r), km, c.lat, c.lng)
		}
	}
	for _, unknown := range [][2]string{
		{"US", ""}, {"US", "1001"}, {"US", "00000"}, {"US", "88888"}, {"US", "100011"}, {"US", "1000a"}, {"US", "１０００１"}, {"US", "-----"},
		{"US", "1234567890123"}, {"US", "99999-0000"}, {"DE", "10115"}, {"U", "10001"}, {"USA", "10001"}, {"", "10001"}, {"1S", "10001"}, {"Ü", "10001"}, {"PR", "99999"},
	} {
		if r, ok := us.Lookup(unknown[0], unknown[1]); ok {
			t.Errorf("%q %q is found as %s", unknown[0], unknown[1], us.Postal(r))
		}
	}
	approximate, states := 0, map[string]bool{}
	for r := range Row(us.Len()) {
		if err := us.Point(r).Check(); err != nil || len(us.Postal(r)) != 5 || len(us.Region(r)) != 2 || us.TimeZone(r) == "" {
			t.Fatalf("row %d: %v %q %q %q", r, err, us.Postal(r), us.Region(r), us.TimeZone(r))
		}
		if back, ok := us.Lookup("US", us.Postal(r)); !ok || back != r {
			t.Fatalf("%s is in row %d, looked up in row %d", us.Postal(r), r, back)
		}
		if us.Approximate(r) {
			approximate++
		}
		states[us.Region(r)] = true
	}
	if len(states) != 50+1+5+3+3 { // states, DC, territories, freely associated states, military
		t.Errorf("%d regions, want 62: %v", len(states), states)
	}
	if approximate > us.Len()/40 {
		t.Errorf("%d of %d ZIPs are approximate", approximate, us.Len())
	}
	if n := len(usFile); n > 3<<19 {
		t.Errorf("the packed table has %d bytes, over 1.5 MiB", n)
	}
}

// TestUSAreasAreTheCensusPoints compares every ZIP area with the Census gazetteer.
func TestUSAreasAreTheCensusPoints(t *testing.T) {
	f, err := os.Open(sharedFile(t, "geo", "us_zcta_centroids_2021.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	us := US()
	for _, row := range rows[1:] {
		lat, latErr := strconv.ParseFloat(row[1], 64)
		lng, lngErr := strconv.ParseFloat(row[2], 64)
		r, ok := us.Lookup("US", row[0])
		if !ok || latErr != nil || lngErr != nil {
			t.Fatalf("%v: known %v", row, ok)
		}
		if km := Kilometres(us.Point(r), Point{lat, lng}); km > 0.002 || us.Approximate(r) {
			t.Errorf("%s lies %v km from its area's point, approximate %v", row[0], km, us.Approximate(r))
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	us := US()
	for _, postal := range []string{"10001", "10001-1234", "nowhere"} {
		if n := testing.AllocsPerRun(100, func() { us.Lookup("US", postal) }); n != 0 {
			t.Errorf("Lookup(%q) allocates %v times", postal, n)
		}
	}
}

func TestAreaCentre(t *testing.T) {
	us := US()
	r, _ := us.Lookup("US", "07001")
	got, ok := us.AreaCentreOf("US", "070")
	if !ok || got != us.AreaCentre(r) {
		t.Errorf("centre of 070: %v, %v; of the area of 07001: %v", got, ok, us.AreaCentre(r))
	}
	for _, c := range [][2]string{{"US", "000"}, {"US", "07"}, {"US", "0700"}, {"US", "998a"}, {"US", "???"}, {"DE", "101"}, {"?", "070"}} {
		if got, ok := us.AreaCentreOf(c[0], c[1]); ok {
			t.Errorf("area %v has the centre %v", c, got)
		}
	}
	// An estimate does not move its area's centre, unless there is nothing else.
	p := mustReadPlaces(t, postalLine("DE", "10115", "BE", 52, 13, "4", "")+postalLine("DE", "10117", "BE", 50, 13, "1", "")+
		postalLine("DE", "20095", "HH", 53, 10, "1", "")+postalLine("DE", "20097", "HH", 55, 10, "1", "")+
		postalLine("DE", "30159", "NI", 0, 0, "4", "")+postalLine("DE", "30161", "NI", 0, 180, "4", ""))
	for prefix, want := range map[string]Point{"101": {52, 13}, "200": {54, 10}, "301": {0, 0}} {
		if got, ok := p.AreaCentreOf("de", prefix); !ok || Kilometres(got, want) > 0.001 {
			t.Errorf("centre of %s: %v, %v; want %v", prefix, got, ok, want)
		}
	}
}

func TestNearest(t *testing.T) {
	us := US()
	for _, c := range []struct {
		name   string
		at     Point
		region string
		zone   string
	}{
		{"the White House", Point{38.8977, -77.0365}, "DC", "America/New_York"},
		{"Reno", Point{39.5296, -119.8138}, "NV", "America/Los_Angeles"},
		{"off Montauk", Point{41.05, -71.8}, "NY", "America/New_York"},
		{"Phoenix", Point{33.4484, -112.074}, "AZ", "America/Phoenix"},
		{"Utqiagvik", Point{71.29, -156.79}, "AK", "America/Anchorage"},
	} {
		r, ok := us.Nearest(c.at)
		if !ok || us.Region(r) != c.region {
			t.Errorf("%s: nearest is %s %s", c.name, us.Region(r), us.Postal(r))
		}
		if zone, ok := us.TimeZoneAt(c.at); !ok || zone != c.zone {
			t.Errorf("%s: time zone %q, %v; want %s", c.name, zone, ok, c.zone)
		}
	}
	if zone, ok := us.TimeZoneAt(Point{35, -40}); ok {
		t.Errorf("the middle of the Atlantic keeps %s", zone)
	}
	for _, at := range []Point{{math.NaN(), 0}, {0, 999}} {
		if r, ok := us.Nearest(at); ok {
			t.Errorf("nearest to %v is row %d", at, r)
		}
		if _, ok := us.TimeZoneAt(at); ok {
			t.Errorf("%v has a time zone", at)
		}
	}
	if _, ok := new(Places).Nearest(Point{}); ok {
		t.Error("an empty table has a nearest place")
	}
	if _, ok := new(Places).Lookup("US", "10001"); ok || new(Places).Len() != 0 {
		t.Error("an empty table has a place")
	}
	p := mustReadPlaces(t, postalLine("DE", "1", "", 50, 8, "1", "")+postalLine("DE", "2", "", 60, 8, "4", ""))
	if r, _ := p.Nearest(Point{50, 8}); p.Postal(r) != "2" {
		t.Error("an estimate is nearest although a known place is there")
	}
	p = mustReadPlaces(t, postalLine("DE", "1", "", 50, 8, "1", "")+postalLine("DE", "2", "", 60, 8, "1", ""))
	if r, ok := p.Nearest(Point{50, 8}); !ok || p.Postal(r) != "1" {
		t.Error("among estimates the nearest is not found")
	}
}

func TestNearestMatchesNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.SliceOfN(anyPoint(), 1, 60).Draw(t, "points")
		points = append(points, points[0], points[len(points)/2])
		var places []place
		for i, at := range points {
			key, _, _ := packPostal(fmt.Sprintf("%03d", i))
			places = append(places, place{key: key, postal: fmt.Sprintf("%03d", i), point: at, zone: "UTC"})
		}
		p := newPlaces(places)
		at := rapid.OneOf(anyPoint(), rapid.SampledFrom(points)).Draw(t, "at")
		got, ok := p.Nearest(at)
		want, best, u := Row(-1), math.Inf(1), at.Unit()
		for r := range points {
			v := points[r].Unit()
			if d := (v[0]-u[0])*(v[0]-u[0]) + (v[1]-u[1])*(v[1]-u[1]) + (v[2]-u[2])*(v[2]-u[2]); d < best {
				want, best = Row(r), d
			}
		}
		if !ok || got != want {
			t.Errorf("nearest to %v is row %d (%v), want %d (%v)", at, got, points[got], want, points[want])
		}
	})
}

func TestMerge(t *testing.T) {
	mine := mustReadPlaces(t, postalLine("US", "10001", "XX", 1, 2, "4", "UTC")+postalLine("DE", "10115", "BE", 52.5, 13.4, "4", ""))
	both := Merge(US(), nil, mine)
	if both.Len() != US().Len()+1 {
		t.Errorf("%d rows, want %d", both.Len(), US().Len()+1)
	}
	r, ok := both.Lookup("US", "10001")
	if !ok || both.Point(r) != (Point{1, 2}) || both.Region(r) != "XX" || both.TimeZone(r) != "UTC" {
		t.Error("the later table's row does not stand")
	}
	if r, ok := both.Lookup("DE", "10115"); !ok || both.Country(r) != "DE" || both.TimeZone(r) != "Europe/Berlin" {
		t.Error("the German row is lost")
	}
	if r, ok := both.Lookup("US", "10002"); !ok || both.Region(r) != "NY" {
		t.Error("the other rows are lost")
	}
	if Merge().Len() != 0 {
		t.Error("nothing merged is something")
	}
}

func BenchmarkLookup(b *testing.B) {
	us := US()
	world := mustReadPlaces(b, postalLine("CA", "K1A", "ON", 45.4, -75.7, "6", "")+postalLine("CA", "M5V", "ON", 43.6, -79.4, "6", ""))
	for _, c := range []struct {
		name            string
		places          *Places
		country, postal string
	}{{"ZIP", us, "US", "89434"}, {"ZIP+4", us, "US", "89434-1234"}, {"Canada", world, "CA", "M5V 2T6"}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.places.Lookup(c.country, c.postal); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}

func BenchmarkNearest(b *testing.B) {
	us := US()
	for b.Loop() {
		if _, ok := us.Nearest(Point{39.5296, -119.8138}); !ok {
			b.Fatal("not found")
		}
	}
}
