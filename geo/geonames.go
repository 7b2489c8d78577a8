package geo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/allot-engine/allot/faults"
)

// Ceilings of ReadGeoNames.
const (
	MaxPlaces       = 4_000_000 // rows; the largest file of GeoNames, all British codes, has 1.8 million
	maxGeoNamesLine = 1 << 16   // bytes of a line
	maxFileFaults   = 1_000     // faults listed one by one: the millionth says no more than the first
)

// Columns of a GeoNames postal file, from 0.
const (
	colCountry = iota
	colPostal
	colPlaceName
	colRegionName
	colRegionCode
	colLat      = 9
	colLng      = 10
	colAccuracy = 11
	colZone     = 12 // Allot's own
)

// ReadGeoNames reads a postal code file as GeoNames publishes it: UTF-8, no header, and on each line twelve fields
// between tabs: country code, postal code, place name, name and code of the region, of the county and of the
// community, latitude, longitude, accuracy (1 estimated … 6 centre of the addresses; may be empty). A file may hold
// several countries. Lines that are empty or begin with # are passed over.
//
// A thirteenth field, Allot's own, is the IANA time zone of the place. It may be left out where country and region
// tell the zone: in every country that keeps one time, in Australia, Brazil, Canada, Chile, Ecuador, Mexico, New
// Zealand, Portugal and Spain, and in the United States, where the built-in table tells. Elsewhere its absence is a
// fault, once for each region.
//
// Places of one postal code become one row at their mean, with the region and zone of the first. A row is approximate
// when its accuracy is 1. file names the input in faults; whatever is wrong is added to fl with line and field, up to
// a thousand faults, and the table holds the rows without a fault.
//
// Source of the format: the readme of the GeoNames postal code files. Their licence is CC BY 4.0: name GeoNames.
func ReadGeoNames(file string, r io.Reader, fl *faults.List) *Places {
	return readGeoNames(file, r, fl, usZone)
}

// usZone returns the time zone of a place of the United States by the built-in table.
func usZone(postal string, at Point) string {
	if row, ok := US().Lookup("US", postal); ok {
		return US().TimeZone(row)
	}
	zone, _ := US().TimeZoneAt(at)
	return zone
}

func readGeoNames(file string, r io.Reader, fl *faults.List, usZone func(string, Point) string) *Places {
	g := geoNames{file: file, faults: fl, usZone: usZone, at: map[placeID]int{}, zones: map[string]bool{}, unzoned: map[string]bool{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxGeoNamesLine)
	for lines.Scan() {
		g.line++
		text := lines.Text()
		if g.line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text == "" || text[0] == '#' {
			continue
		}
		if len(g.places) == MaxPlaces {
			g.fault(0, "", "split the file", "has more than %d rows", MaxPlaces)
			break
		}
		g.row(text)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		g.line++
		g.fault(0, "", "check that this is a GeoNames postal file", "line is longer than %d bytes", maxGeoNamesLine)
	case err != nil:
		g.fault(0, "", "check that the file can be read", "reading failed: %v", err)
	}
	if g.unlisted > 0 {
		fl.Addf(file, 0, 0, "", "mend those above and check again", "%d more faults", g.unlisted)
	}
	return newPlaces(g.merged())
}

// A placeID is what a row is looked up by.
type placeID struct {
	country countryKey
	key     postalKey
}

type geoNames struct {
	file   string
	faults *faults.List
	usZone func(postal string, at Point) string

	line     int
	listed   int
	unlisted int
	places   []place
	others   []doublet
	at       map[placeID]int // position in places
	zones    map[string]bool // whether a name of a time zone is one
	unzoned  map[string]bool // regions whose missing zone is already a fault
}

// A doublet is a further point of places[place].
type doublet struct {
	place       int
	point       Point
	approximate bool
}

func (g *geoNames) fault(column int, field, mend, format string, args ...any) {
	if g.listed == maxFileFaults {
		g.unlisted++
		return
	}
	g.listed++
	g.faults.Addf(g.file, g.line, column, field, mend, format, args...)
}

// row reads one line, or adds its faults.
func (g *geoNames) row(text string) {
	before := g.listed + g.unlisted
	if !utf8.ValidString(text) {
		g.fault(0, "", "save the file as UTF-8", "line is not valid UTF-8")
		return
	}
	fields := strings.Split(text, "\t")
	if len(fields) != 12 && len(fields) != 13 {
		g.fault(0, "", "separate the 12 fields of a GeoNames postal file by tabs; a 13th may be the time zone", "has %d fields", len(fields))
		return
	}
	for i, f := range fields {
		fields[i] = strings.TrimSpace(f)
	}
	var pl place
	var ok bool
	if pl.country, ok = packCountry(fields[colCountry]); !ok {
		g.fault(colCountry+1, "country", `write two letters, as "US"`, "%q is no country code", fields[colCountry])
	}
	pl.postal = fields[colPostal]
	if pl.key, _, ok = packPostal(pl.postal); !ok {
		g.fault(colPostal+1, "postal code", fmt.Sprintf("write 1 to %d letters and digits; spaces and hyphens do not count", MaxPostal), "%q is no postal code", pl.postal)
	}
	lat, latErr := strconv.ParseFloat(fields[colLat], 64)
	lng, lngErr := strconv.ParseFloat(fields[colLng], 64)
	if latErr != nil || (Point{Lat: lat}).Check() != nil {
		g.fault(colLat+1, "latitude", "write degrees north from -90 to 90", "%q is no latitude", fields[colLat])
	}
	if lngErr != nil || (Point{Lng: lng}).Check() != nil {
		g.fault(colLng+1, "longitude", "write degrees east from -180 to 180", "%q is no longitude", fields[colLng])
	}
	pl.point = Point{lat, lng}
	switch accuracy := fields[colAccuracy]; {
	case accuracy == "1":
		pl.approximate = true
	case accuracy != "" && (len(accuracy) != 1 || accuracy < "1" || accuracy > "6"):
		g.fault(colAccuracy+1, "accuracy", "write 1 (estimated) to 6 (centre of the addresses) or nothing", "%q is no accuracy", accuracy)
	}
	if pl.region = fields[colRegionCode]; pl.region == "" {
		pl.region = fields[colRegionName]
	}
	if len(fields) > colZone {
		if pl.zone = fields[colZone]; pl.zone != "" && !g.knownZone(pl.zone) {
			g.fault(colZone+1, "time zone", `write an IANA name, as "America/Denver"`, "%q is no time zone", pl.zone)
		}
	}
	if g.listed+g.unlisted > before {
		return
	}
	if pl.zone == "" && !g.findZone(&pl, fields) {
		return
	}
	id := placeID{pl.country, pl.key}
	if i, known := g.at[id]; known {
		g.others = append(g.others, doublet{i, pl.point, pl.approximate})
		return
	}
	g.at[id] = len(g.places)
	g.places = append(g.places, pl)
}

// findZone sets the zone of a place that does not give it, or adds a fault, for each region only one.
func (g *geoNames) findZone(pl *place, fields []string) bool {
	country := pl.country.String()
	if country == "US" {
		pl.zone = g.usZone(pl.postal, pl.point)
	} else {
		pl.zone = regionalZone(country, fields[colRegionCode], fields[colRegionName])
	}
	if pl.zone != "" {
		return true
	}
	region := country + " " + pl.region
	if !g.unzoned[region] {
		g.unzoned[region] = true
		g.fault(colZone+1, "time zone", `add a 13th field with the IANA name, as "Asia/Jakarta"`,
			"is missing, and %s has more zones than one, which the region %q does not tell", country, pl.region)
	}
	return false
}

func (g *geoNames) knownZone(name string) bool {
	known, asked := g.zones[name]
	if !asked {
		known = knownZone(name)
		g.zones[name] = known
	}
	return known
}

// merged returns the places, each that has doublets at the mean of its exact points, or of all if none is exact.
func (g *geoNames) merged() []place {
	points := map[int][]doublet{}
	for _, o := range g.others {
		points[o.place] = append(points[o.place], o)
	}
	for i := range g.places {
		others := points[i]
		if others == nil {
			continue
		}
		pl := &g.places[i]
		var exact, all []Point
		for _, o := range append(others, doublet{i, pl.point, pl.approximate}) {
			all = append(all, o.point)
			if !o.approximate {
				exact = append(exact, o.point)
			}
		}
		pl.approximate = len(exact) == 0
		if pl.approximate {
			exact = all
		}
		if mean, ok := Mean(exact); ok {
			pl.point = mean
		}
	}
	return g.places
}
