package lanes

import (
	"fmt"
	"maps"
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
)

// A Region is a part of a country within which a distance may stand for a zone. The zero Region is unknown.
type Region uint32 // two letters of the country, then the position in regionNames

// The parts of the United States that carriers do not zone by distance from the rest: states and territories away
// from the contiguous ones, freely associated states, and the three areas of military post.
var regionNames = [...]string{"", "AK", "HI", "PR", "VI", "GU", "AS", "MP", "FM", "MH", "PW", "AA", "AE", "AP"}

// RegionOf returns the region of a postal code: the contiguous United States, one of AK, HI, PR, VI, GU, AS, MP, FM, MH,
// PW, AA, AE and AP, or the whole of another country. It is the zero Region for a country that is not two capitals
// and for a malformed ZIP.
//
// Source: USPS Publication 65, ZIP code prefixes, and for the Pacific the five-digit codes of the islands.
func RegionOf(country, postal string) Region {
	if len(country) != 2 {
		return 0
	}
	country = nation(country)
	part := 0
	if country == home {
		zip, ok := zip5(postal)
		if !ok {
			return 0
		}
		part = regionOfZIP(zip)
	}
	return Region(country[0])<<16 | Region(country[1])<<8 | Region(part)
}

// regionOfZIP returns the position in regionNames of a ZIP.
func regionOfZIP(zip int) int {
	const (
		_ = iota
		alaska
		hawaii
		puertoRico
		virginIslands
		guam
		samoa
		marianas
		micronesia
		marshalls
		palau
		americas
		europe
		pacific
	)
	switch zip3 := zip / 100; {
	case zip3 == 8:
		return virginIslands
	case zip3 == 6, zip3 == 7, zip3 == 9:
		return puertoRico
	case zip3 >= 90 && zip3 <= 99:
		return europe
	case zip3 == 340:
		return americas
	case zip3 >= 962 && zip3 <= 966:
		return pacific
	case zip == 96799:
		return samoa
	case zip3 == 967, zip3 == 968:
		return hawaii
	case zip == 96939, zip == 96940:
		return palau
	case zip >= 96941 && zip <= 96944:
		return micronesia
	case zip >= 96950 && zip <= 96952:
		return marianas
	case zip == 96960, zip == 96970:
		return marshalls
	case zip3 == 969:
		return guam
	case zip3 >= 995 && zip3 <= 999:
		return alaska
	}
	return 0
}

// String prints the region as "US", "US-AK" or "BR", and the zero Region as "unknown".
func (r Region) String() string {
	if r == 0 {
		return "unknown"
	}
	s := string([]byte{byte(r >> 16), byte(r >> 8)})
	if part := regionNames[r&0xff]; part != "" {
		s += "-" + part
	}
	return s
}

// A Fallback is a carrier's distance rule, which stands in where no chart covers an origin. What it gives is a guess,
// and is marked as one.
type Fallback struct {
	Miles   []float64         `yaml:"miles"`             // ascending upper limits of the bands, "not over"
	Zones   []string          `yaml:"zones"`             // zone of each band; one more than Miles, for what is beyond
	Regions map[string]string `yaml:"regions,omitempty"` // zone from anywhere else to AK, HI, PR …; a region left out is not served
}

// guesser is a compiled Fallback.
type guesser struct {
	bands   geo.Bands
	zones   []Zone
	regions [len(regionNames)]Zone
}

// names returns the zones a fallback may give; file names it in faults.
func (f *Fallback) names(file string, fl *faults.List) []string {
	if _, err := geo.NewBands(f.Miles...); err != nil {
		fl.Addf(file, 0, 0, "miles", "write ascending limits in miles", "%v", err)
	}
	if len(f.Zones) != len(f.Miles)+1 {
		fl.Addf(file, 0, 0, "zones", "name one zone for each limit and one for what is beyond", "%d zones for %d limits", len(f.Zones), len(f.Miles))
	}
	names := slices.Clone(f.Zones)
	for _, region := range slices.Sorted(maps.Keys(f.Regions)) {
		if !slices.Contains(regionNames[1:], region) {
			mend := faults.DidYouMean(region, regionNames[1:])
			if mend == "" {
				mend = fmt.Sprint("the regions are ", regionNames[1:])
			}
			fl.Addf(file, 0, 0, "regions", mend, "unknown region %q", clip(region))
		}
		names = append(names, f.Regions[region])
	}
	for i, name := range names {
		if name == "" || len(name) > MaxName {
			fl.Addf(file, 0, 0, "zones", fmt.Sprintf("write a name of at most %d bytes", MaxName), "%q is no zone", clip(name))
			names[i] = NotServed
		}
	}
	return names
}

// compile turns zone names into zones; the fallback must be without fault.
func (f *Fallback) compile(zone func(string) Zone) *guesser {
	g := &guesser{}
	g.bands, _ = geo.NewBands(f.Miles...) // names has told of an error
	for _, name := range f.Zones {
		g.zones = append(g.zones, zone(name))
	}
	for i, region := range regionNames {
		if name, ok := f.Regions[region]; ok && i > 0 {
			g.regions[i] = zone(name)
		}
	}
	return g
}

// zone returns the zone of a pair km kilometres apart. Within one region that is its band. From elsewhere into a region
// of its own it is the region's. Out of such a region, across a border and to or from the unknown nothing is known.
func (g *guesser) zone(km float64, from, to Region) Zone {
	switch {
	case from == 0 || to == 0 || from>>8 != to>>8:
		return 0
	case from == to:
		if i := g.bands.Zone(km); i < len(g.zones) {
			return g.zones[i]
		}
		return 0
	case from&0xff != 0:
		return 0
	}
	return g.regions[to&0xff]
}
