package lanes

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// The truths of rate cards that zones and transit must keep; the calendars of the tenth are tested in package calendar.

// usps is the distance rule of USPS with the zones its 2024-04 charts give the places that are no distance away,
// seen from New Jersey.
func usps() *Fallback {
	return &Fallback{
		Miles:   []float64{50, 150, 300, 600, 1_000, 1_400, 1_800},
		Zones:   []string{"1", "2", "3", "4", "5", "6", "7", "8"},
		Regions: map[string]string{"AK": "8", "HI": "8", "PR": "7", "GU": "9"},
	}
}

func TestTruth04_ZonesAreNotSymmetric(t *testing.T) {
	z := compile(t, nil, chart(t, "origin,destination,zone\n070,967-968,8\n967,070,7\n"))
	if out, back := zoneOfPair(z, "07001", "96701", ""), zoneOfPair(z, "96701", "07001", ""); out != "8" || back != "7" {
		t.Errorf("zone %s out and %s back, want 8 and 7", out, back)
	}
	if got := zoneOfPair(z, "96701", "96801", ""); got != "" {
		t.Errorf("the way back tells of zone %s for a pair no row names", got)
	}
}

func TestTruth04_FiveDigitExceptionsWinOverThreeDigitRanges(t *testing.T) {
	z := compile(t, nil, chart(t, "origin,destination,zone,notes\n070,969,9,+\n070,96900-96938,8,\n070,96945-96959,8,\n"))
	for postal, want := range map[string]string{"96900": "8", "96938": "8", "96939": "9", "96944": "9", "96945": "8", "96959": "8", "96960": "9"} {
		if got := zoneOfPair(z, "07001", postal, ""); got != want {
			t.Errorf("%s: zone %s, want %s", postal, got, want)
		}
	}
}

func TestTruth04_SomeExceptionsHoldForSomeServicesOnly(t *testing.T) {
	const priority, light = "Priority Mail service", "USPS Ground Advantage (< 16 oz.)"
	z := compile(t, nil, chart(t, "origin,destination,zone,scope,notes\n070,090-099,4,,+\n070,09000-09999,5,"+priority+",\n070,09000-09999,5,"+light+
		",\n070,09012,6,,\n"))
	for _, c := range []struct{ postal, scope, want string }{
		{"09001", "", "4"}, {"09001", priority, "5"}, {"09001", light, "5"}, {"09001", "Media Mail", "4"},
		{"09012", "", "6"}, {"09012", priority, "5"}, // of two five-digit rows the one for the service wins
	} {
		if got := zoneOfPair(z, "07001", c.postal, c.scope); got != c.want {
			t.Errorf("%s for %q: zone %s, want %s", c.postal, c.scope, got, c.want)
		}
	}
}

func TestTruth04_TheDistanceRuleIsFlaggedAndNeverOverrulesAChart(t *testing.T) {
	z := compile(t, usps(), chart(t, "origin,destination,zone\n070,100,1\n070,101,-\n"))
	here, _ := z.Origin("US", "07001")
	for _, c := range []struct {
		name         string
		origin       Origin
		from, postal string
		miles        float64
		want         string
		basis        Basis
	}{
		{"the chart, whatever the distance", here, "07001", "10001", 2_000, "1", Published},
		{"what the chart refuses", here, "07001", "10101", 10, "", Refused},
		{"a gap in the chart is not filled by distance", here, "07001", "10201", 10, "", NoZone},
		{"no chart: guessed", NoOrigin, "90210", "10001", 2_400, "8", Guessed},
		{"a band's limit is not over", NoOrigin, "90210", "90001", 50, "1", Guessed},
		{"just over it", NoOrigin, "90210", "90001", 50.01, "2", Guessed},
		{"Alaska is not a distance", NoOrigin, "90210", "99501", 10, "8", Guessed},
		{"Puerto Rico neither", NoOrigin, "90210", "00901", 10, "7", Guessed},
		{"a region the rule does not name", NoOrigin, "90210", "09012", 10, "", NoRegion},
		{"nor out of such a region", NoOrigin, "99501", "90001", 10, "", NoRegion},
		{"within Alaska it is", NoOrigin, "99501", "99701", 260, "3", Guessed},
		{"a malformed code", NoOrigin, "90210", "9000", 10, "", NoPostal},
	} {
		zone, basis := z.Resolve(c.origin, z.Dest("US", c.postal), 0, c.miles*1.609344, RegionOf("US", c.from), RegionOf("US", c.postal))
		if z.Name(zone) != c.want || basis != c.basis {
			t.Errorf("%s: zone %q, %v; want %q, %v", c.name, z.Name(zone), basis, c.want, c.basis)
		}
		if want := c.basis == Guessed; want && z.Guess(c.miles*1.609344, RegionOf("US", c.from), RegionOf("US", c.postal)) != zone {
			t.Errorf("%s: Guess differs", c.name)
		}
	}
	abroad, basis := z.Resolve(NoOrigin, z.Dest("CA", "K1A 0A1"), 0, 10, RegionOf("US", "13601"), RegionOf("CA", "K1A 0A1"))
	if abroad != 0 || basis != NoRegion {
		t.Errorf("over the border: zone %q, %v", z.Name(abroad), basis)
	}
}

func TestTruth08_AMissingPairIsNotServedWithAReason(t *testing.T) {
	z := compile(t, nil, chart(t, "origin,destination,zone\n070,100,1\n070,101,-\n"))
	here, _ := z.Origin("US", "07001")
	there, ok := z.Origin("US", "90210")
	if ok {
		t.Error("an origin that no row covers is known")
	}
	for _, c := range []struct {
		origin          Origin
		country, postal string
		reason          string
	}{
		{here, "US", "10201", "the zone chart of the origin has no zone for the destination"},
		{here, "US", "10101", "the zone chart excludes the destination"},
		{here, "CA", "K1A 0A1", "the zone chart of the origin has no zone for the destination"},
		{there, "US", "10001", "no zone chart covers the origin"},
		{here, "US", "1000", "the postal code is malformed"},
	} {
		zone, basis := z.Resolve(c.origin, z.Dest(c.country, c.postal), 0, 0, 0, 0)
		if zone != 0 || basis.Served() || basis.String() != "not served: "+c.reason {
			t.Errorf("%s %s: zone %q, %v", c.country, c.postal, z.Name(zone), basis)
		}
	}
	// Transit that no table gives is unknown, not a default.
	var fl faults.List
	tr := CompileTransit([]*TransitTable{transitTable(t, "origin,destination,days\n070,100,1\n")}, z, &fl)
	o, _ := tr.Origin("US", "07001")
	if days, ok := tr.Days(tr.Lookup(o, tr.Dest("US", "10101"), 0, 1), 5_000); ok {
		t.Errorf("a pair without a row takes %d days", days)
	}
	// Nor does a destination outside every delivery-area list have an attribute.
	if m := CompileAreas([]*AreaList{areaList(t, "postal,attributes\n100,das\n")}, &fl).Of("US", "10101"); m != 0 {
		t.Errorf("attributes %b", m)
	}
}

func TestTruth10_TransitIsADistributionAndItsMeanIsLateHalfTheTime(t *testing.T) {
	h, err := ParseHistogram("2:500 3:4300 4:3800 5:1000 6:400")
	if err != nil {
		t.Fatal(err)
	}
	mean := h.Mean() / int(units.Certain)
	if on := h.Within(mean); mean != 3 || on > 5_000 {
		t.Fatalf("by the mean of %d days %d of 10,000 are there", mean, on)
	}
	if got := h.Days(9_500); got != 5 {
		t.Errorf("for 95 %% on time promise %d days, want 5", got)
	}
	// The same by drawing: promise the mean and count.
	rng := rand.New(rand.NewPCG(1, 2))
	late := 0
	for range 10_000 {
		x, days := units.Probability(rng.Int32N(10_000)), 0
		for ; x >= h[days]; days++ {
			x -= h[days]
		}
		if days > mean {
			late++
		}
	}
	if late < 4_900 || late > 5_500 {
		t.Errorf("%d of 10,000 drawn parcels are late", late)
	}
}

func TestFallbackFaults(t *testing.T) {
	for want, f := range map[string]*Fallback{
		"1 zones for 2 limits":     {Miles: []float64{1, 2}, Zones: []string{"1"}},
		"ascending limits":         {Miles: []float64{2, 1}, Zones: []string{"1", "2", "3"}},
		`did you mean "HI"?`:       {Zones: []string{"1"}, Regions: map[string]string{"HX": "2"}},
		"the regions are [AK":      {Zones: []string{"1"}, Regions: map[string]string{"Hawaii and so on": "2"}},
		`"" is no zone`:            {Zones: []string{""}},
		"is no zone; write a name": {Zones: []string{"1"}, Regions: map[string]string{"AK": strings.Repeat("x", MaxName+1)}},
	} {
		var fl faults.List
		Compile(nil, f, "carrier.yaml", &fl)
		if fl.Len() != 1 || !strings.Contains(fl.Err().Error(), want) || !strings.HasPrefix(fl.Err().Error(), "carrier.yaml") {
			t.Errorf("%v, want one fault with %q", fl.Err(), want)
		}
	}
	z := compile(t, &Fallback{Zones: []string{"1"}, Regions: map[string]string{"AK": NotServed}})
	if !z.Guesses() || z.Guess(1e9, RegionOf("US", "10001"), RegionOf("US", "90001")) != 1 || z.Guess(1, RegionOf("US", "10001"), RegionOf("US", "99501")) != 0 ||
		z.Guess(1, 0, 0) != 0 {
		t.Error("a rule of one zone")
	}
}
