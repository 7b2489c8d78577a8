package geo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/paulmach/orb"

	"github.com/allot-engine/allot/faults"
)

// MaxAreaFile is the size in bytes up to which ReadAreas reads a file.
const MaxAreaFile = 64 << 20

const collectionMend = `write {"type": "FeatureCollection", "features": [...]}, with a Feature for each area`

// ReadAreas reads service areas from a GeoJSON FeatureCollection (RFC 7946). Each feature is one area: a Polygon or
// MultiPolygon, holes included, and in its properties the area's "name", which no other may have. A polygon must not
// cross the 180th meridian: RFC 7946 (3.1.9) asks to cut it there into the parts of a MultiPolygon.
//
// file names the input in faults. Whatever is wrong is added to fl with the line of its feature and the path of its
// field; the areas without a fault are returned in the order of the file.
func ReadAreas(file string, r io.Reader, fl *faults.List) []Area {
	return readAreas(file, r, fl, defaultAreaLimits)
}

func readAreas(file string, r io.Reader, fl *faults.List, limits areaLimits) []Area {
	raw, err := io.ReadAll(io.LimitReader(r, MaxAreaFile+1))
	if err != nil {
		fl.Addf(file, 0, 0, "", "check that the file can be read", "reading failed: %v", err)
		return nil
	}
	if len(raw) > MaxAreaFile {
		fl.Addf(file, 0, 0, "", "split the file", "larger than %d bytes", MaxAreaFile)
		return nil
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(raw) {
		fl.Addf(file, 0, 0, "", "save the file as UTF-8", "is not valid UTF-8")
		return nil
	}
	reader := areaReader{file: file, raw: raw, faults: fl, limits: limits, names: map[string]int{}}
	features := reader.features()
	var areas []Area
	for i, f := range features {
		if area := reader.area(i, f); area != nil {
			areas = append(areas, *area)
		}
	}
	return areas
}

type areaReader struct {
	file   string
	raw    []byte
	faults *faults.List
	limits areaLimits
	names  map[string]int // line of the area that has the name
}

// A rawFeature is one element of "features" and the line on which it begins.
type rawFeature struct {
	json json.RawMessage
	line int
}

// features splits the collection, walking it token by token because only so is the place of each feature known.
func (ar *areaReader) features() (features []rawFeature) {
	dec := json.NewDecoder(bytes.NewReader(ar.raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		ar.syntax(dec, err)
		return nil
	}
	kind := ""
	seen := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			ar.syntax(dec, err)
			return nil
		}
		switch key {
		case "type":
			if err := dec.Decode(&kind); err != nil {
				ar.syntax(dec, err)
				return nil
			}
		case "features":
			seen = true
			if t, err := dec.Token(); err != nil || t != json.Delim('[') {
				ar.syntax(dec, err)
				return nil
			}
			for dec.More() {
				var f rawFeature
				if err := dec.Decode(&f.json); err != nil {
					ar.syntax(dec, err)
					return nil
				}
				f.line, _ = ar.position(dec.InputOffset() - int64(len(f.json)))
				features = append(features, f)
			}
			if _, err := dec.Token(); err != nil {
				ar.syntax(dec, err)
				return nil
			}
		default:
			var skip json.RawMessage
			if err := dec.Decode(&skip); err != nil {
				ar.syntax(dec, err)
				return nil
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		ar.syntax(dec, err)
		return nil
	}
	if _, err := dec.Token(); err != io.EOF {
		line, column := ar.position(dec.InputOffset())
		ar.faults.Addf(ar.file, line, column, "", "remove it", "something follows the end of the collection")
		return nil
	}
	if kind != "FeatureCollection" || !seen {
		ar.faults.Addf(ar.file, 1, 0, "type", collectionMend, "%q with features %v is no collection of areas", kind, seen)
		return nil
	}
	return features
}

// syntax adds the fault of a file that cannot be read on. err is nil where a token is good JSON in the wrong place.
func (ar *areaReader) syntax(dec *json.Decoder, err error) {
	offset := dec.InputOffset()
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = s.Offset
	}
	line, column := ar.position(offset)
	switch {
	case err == nil:
		ar.faults.Addf(ar.file, line, column, "", collectionMend, "is no collection of areas")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		ar.faults.Addf(ar.file, line, column, "", "check that the file is whole", "ends before its JSON does")
	default:
		ar.faults.Addf(ar.file, line, column, "", collectionMend, "cannot be read: %v", err)
	}
}

// position returns the line and the column, in bytes, of an offset, both from 1.
func (ar *areaReader) position(offset int64) (line, column int) {
	before := ar.raw[:max(0, min(offset, int64(len(ar.raw))))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// area reads and compiles one feature, or adds its faults and returns nil.
func (ar *areaReader) area(i int, f rawFeature) *Area {
	before := ar.faults.Len()
	path := fmt.Sprintf("features[%d]", i)
	fault := func(field, mend, format string, args ...any) {
		ar.faults.Addf(ar.file, f.line, 0, path+field, mend, format, args...)
	}
	var feature struct {
		Type       string
		Properties struct{ Name any }
		Geometry   *struct {
			Type        string
			Coordinates json.RawMessage
		}
	}
	if err := json.Unmarshal(f.json, &feature); err != nil || feature.Type != "Feature" {
		fault("", `write {"type": "Feature", "properties": {"name": ...}, "geometry": {...}}`, "is no GeoJSON feature")
		return nil
	}
	name, _ := feature.Properties.Name.(string)
	name = strings.TrimSpace(name)
	if first, taken := ar.names[name]; name == "" {
		fault(".properties.name", `give the area a name, as {"name": "reno-same-day"}`, "%v is no name", feature.Properties.Name)
	} else if taken {
		fault(".properties.name", "give each area a name of its own", "%q is also the name of the area on line %d", name, first)
	} else {
		ar.names[name] = f.line
	}

	var polygons [][][]position
	const shapeMend = "draw a Polygon or a MultiPolygon"
	switch g := feature.Geometry; {
	case g == nil:
		fault(".geometry", shapeMend, "is missing")
	case g.Type == "Polygon":
		polygons = make([][][]position, 1)
		if err := json.Unmarshal(g.Coordinates, &polygons[0]); err != nil {
			fault(".geometry.coordinates", "write [[[longitude, latitude], ...], ...]", "are no polygon's: %v", err)
			polygons = nil
		}
	case g.Type == "MultiPolygon":
		if err := json.Unmarshal(g.Coordinates, &polygons); err != nil {
			fault(".geometry.coordinates", "write [[[[longitude, latitude], ...], ...], ...]", "are no multipolygon's: %v", err)
			polygons = nil
		} else if len(polygons) == 0 {
			fault(".geometry.coordinates", "draw at least one polygon", "are empty")
		}
	default:
		fault(".geometry.type", shapeMend, "%q is no area", g.Type)
	}
	shape := make(orb.MultiPolygon, len(polygons))
	for p, rings := range polygons {
		at := ".geometry.coordinates"
		if feature.Geometry.Type == "MultiPolygon" {
			at = fmt.Sprintf("%s[%d]", at, p)
		}
		if len(rings) == 0 {
			fault(at, "write the outer ring first, then the holes", "is a polygon without a ring")
		}
		for r, positions := range rings {
			ring := make(orb.Ring, len(positions))
			for j, pos := range positions {
				ring[j] = orb.Point(pos)
			}
			checkRing(ring, func(field, mend, format string, args ...any) {
				fault(fmt.Sprintf("%s[%d]%s", at, r, field), mend, format, args...)
			})
			shape[p] = append(shape[p], ring)
		}
	}
	if ar.faults.Len() > before {
		return nil
	}
	area, err := compileArea(name, shape, ar.limits)
	if err != nil {
		fault(".geometry", "", "%s", strings.TrimPrefix(err.Error(), errAreaCompile.Error()+": "))
		return nil
	}
	return area
}

// A position is a GeoJSON position: longitude, latitude, and an altitude that is passed over. One that has less, or
// anything but numbers, reads as not a number, which checkRing reports with its path.
type position orb.Point

// UnmarshalJSON reads a position. It never fails, see position.
func (p *position) UnmarshalJSON(text []byte) error {
	var numbers []*float64 // pointers, because null would read as 0
	*p = position{math.NaN(), math.NaN()}
	if json.Unmarshal(text, &numbers) == nil && len(numbers) >= 2 && numbers[0] != nil && numbers[1] != nil {
		*p = position{*numbers[0], *numbers[1]}
	}
	return nil
}

// checkRing adds a fault for everything that keeps a ring from enclosing an area.
func checkRing(ring orb.Ring, fault func(field, mend, format string, args ...any)) {
	sound := true
	for i, at := range ring {
		if (Point{Lat: at.Lat(), Lng: at.Lon()}).Check() != nil {
			fault(fmt.Sprintf("[%d]", i), "write [longitude, latitude] in degrees, -180 to 180 and -90 to 90", "[%v, %v] is no position", at.Lon(), at.Lat())
			sound = false
		} else if i > 0 && sound && math.Abs(at.Lon()-ring[i-1].Lon()) > 180 {
			fault(fmt.Sprintf("[%d]", i), "cut the polygon there into two parts of a MultiPolygon (RFC 7946, 3.1.9)", "the line from %v to %v crosses the 180th meridian", ring[i-1], at)
			sound = false
		}
	}
	switch {
	case !sound:
	case len(ring) < 4:
		fault("", "write at least three corners and the first one again", "has %d positions", len(ring))
	case ring[0] != ring[len(ring)-1]:
		fault("", "repeat the first position at the end", "is not closed")
	case ringArea(ring) == 0:
		fault("", "draw a ring that does not cross itself and whose corners do not lie on one line", "encloses nothing")
	}
}

// ringArea returns twice the area of a closed ring in square degrees, positive when it runs anticlockwise, by the
// shoelace formula around the first corner.
func ringArea(ring orb.Ring) (twice float64) {
	o := ring[0]
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		twice += (a[0]-o[0])*(b[1]-o[1]) - (b[0]-o[0])*(a[1]-o[1])
	}
	return twice
}
