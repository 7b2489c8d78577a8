package geo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
)

// feature prints a feature with this name and geometry.
func feature(name, kind, coordinates string) string {
	return fmt.Sprintf(`{"type":"Feature","properties":{"name":%q},"geometry":{"type":%q,"coordinates":%s}}`, name, kind, coordinates)
}

func collection(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",\n") + `]}`
}

func mustReadAreas(t testing.TB, text string) []Area {
	t.Helper()
	var fl faults.List
	areas := ReadAreas("areas.geojson", strings.NewReader(text), &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return areas
}

func TestAreaWithHoleAndParts(t *testing.T) {
	// A square of about 11 km around Reno with a hole of 4 km in it, and a second square apart from it.
	areas := mustReadAreas(t, collection(
		feature("reno", "Polygon", `[[[-119.86,39.48],[-119.74,39.48],[-119.74,39.58],[-119.86,39.58],[-119.86,39.48]],
			[[-119.82,39.51],[-119.78,39.51],[-119.78,39.55],[-119.82,39.55],[-119.82,39.51]]]`),
		feature("two", "MultiPolygon", `[[[[-119.86,39.48],[-119.80,39.48],[-119.80,39.54],[-119.86,39.48]]],
			[[[-118.86,39.48,1300],[-118.80,39.48,1300],[-118.80,39.54,1300],[-118.86,39.48,1300]]]]`),
	))
	if len(areas) != 2 || areas[0].Name != "reno" || areas[1].Name != "two" {
		t.Fatalf("got %d areas: %+v", len(areas), areas)
	}
	for _, c := range []struct {
		area  int
		at    Point
		want  bool
		where string
	}{
		{0, Point{39.50, -119.85}, true, "between border and hole"},
		{0, Point{39.53, -119.80}, false, "in the hole"},
		{0, Point{39.60, -119.80}, false, "north of it"},
		{1, Point{39.50, -119.82}, true, "first part"},
		{1, Point{39.50, -118.82}, true, "second part"},
		{1, Point{39.50, -119.50}, false, "between the parts"},
		{0, Point{math.NaN(), 0}, false, "nowhere"},
		{0, Point{91, 0}, false, "off the globe"},
	} {
		if got := areas[c.area].Contains(c.at); got != c.want {
			t.Errorf("%s contains %v (%s) = %v, want %v", areas[c.area].Name, c.at, c.where, got, c.want)
		}
	}
	// 10.3 km x 11.1 km less 3.4 km x 4.4 km, in cells of about 0.1 km².
	if n := areas[0].Cells(); n < 700 || n > 1300 {
		t.Errorf("reno has %d cells, want about 1,000", n)
	}
}

// randomStar returns a polygon around a centre whose corners lie in all directions at random distances, up to
// radiusKm, with a hole of the same form half its size or smaller.
func randomStar(rng *rand.Rand, centre Point, radiusKm float64) orb.Polygon {
	n := 3 + rng.IntN(12)
	far := make([]float64, n)
	for i := range far {
		far[i] = radiusKm * (0.5 + 0.5*rng.Float64())
	}
	ring := func(scale float64) (r orb.Ring) {
		for i := range n {
			angle := 2 * math.Pi * float64(i) / float64(n)
			lat := centre.Lat + scale*far[i]*math.Sin(angle)/111.2
			r = append(r, orb.Point{centre.Lng + scale*far[i]*math.Cos(angle)/111.2/math.Cos(centre.Lat*math.Pi/180), lat})
		}
		return append(r, r[0])
	}
	return orb.Polygon{ring(1), ring(0.3 * rng.Float64())}
}

// kmToBorder returns a lower bound of the distance from a point to the nearest border of the polygon.
func kmToBorder(p orb.Polygon, at orb.Point) float64 {
	shrink := math.Cos(at.Lat() * math.Pi / 180)
	best := math.Inf(1)
	for _, ring := range p {
		for i := 1; i < len(ring); i++ {
			a := orb.Point{(ring[i-1].Lon() - at.Lon()) * shrink, ring[i-1].Lat() - at.Lat()}
			b := orb.Point{(ring[i].Lon() - at.Lon()) * shrink, ring[i].Lat() - at.Lat()}
			best = min(best, planar.DistanceFromSegment(a, b, orb.Point{}))
		}
	}
	return best * 111 * 0.97 // the projection is true to about 1 % over the sizes drawn here
}

// TestAreaMatchesPolygon compares cells with the exact test, everywhere but on the border's own cells.
func TestAreaMatchesPolygon(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	compared := 0
	for range 60 {
		centre := Point{rng.Float64()*140 - 70, rng.Float64()*350 - 175}
		shape := randomStar(rng, centre, 4+rng.Float64()*10)
		area, err := compileArea("star", orb.MultiPolygon{shape}, defaultAreaLimits)
		if err != nil {
			t.Fatal(err)
		}
		bound := shape.Bound().Pad(0.02)
		for range 300 {
			at := orb.Point{
				bound.Min.Lon() + rng.Float64()*(bound.Max.Lon()-bound.Min.Lon()),
				bound.Min.Lat() + rng.Float64()*(bound.Max.Lat()-bound.Min.Lat()),
			}
			if kmToBorder(shape, at) <= CellRadiusKm {
				continue
			}
			compared++
			p := Point{at.Lat(), at.Lon()}
			if got, want := area.Contains(p), planar.PolygonContains(shape, at); got != want {
				t.Fatalf("centre %v, %v: cells say %v, polygon says %v, %.2f km from the border", centre, p, got, want, kmToBorder(shape, at))
			}
		}
	}
	if compared < 5_000 {
		t.Errorf("only %d points were far enough from a border", compared)
	}
}

// TestAreaSpansAreItsCells checks the spans against the plain set of cells they stand for.
func TestAreaSpansAreItsCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	shape := randomStar(rng, Point{41.9, -87.6}, 8)
	area, err := compileArea("chicago", orb.MultiPolygon{shape, shape}, defaultAreaLimits) // the second adds nothing
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(area.spans, func(a, b cellSpan) int {
		if a.last < b.first {
			return -1
		}
		return 1
	}) {
		t.Error("spans are not ascending and disjoint")
	}
	inside := 0
	seen := map[Cell]bool{}
	bound := shape.Bound().Pad(0.01)
	for lat := bound.Min.Lat(); lat < bound.Max.Lat(); lat += 0.0008 {
		for lng := bound.Min.Lon(); lng < bound.Max.Lon(); lng += 0.0008 {
			c, err := CellOf(Point{lat, lng})
			if err != nil {
				t.Fatal(err)
			}
			if seen[c] {
				continue
			}
			seen[c] = true
			centre, err := c.Point()
			if err != nil {
				t.Fatal(err)
			}
			want := planar.PolygonContains(shape, orb.Point{centre.Lng, centre.Lat})
			if got := area.ContainsCell(c); got != want {
				t.Errorf("cell %v: %v, want %v", c, got, want)
			}
			if want {
				inside++
			}
		}
	}
	if inside != area.Cells() {
		t.Errorf("area counts %d cells, the grid found %d", area.Cells(), inside)
	}
	c, _ := CellOf(Point{41.9, -87.6})
	if n := testing.AllocsPerRun(100, func() { area.ContainsCell(c) }); n != 0 {
		t.Errorf("ContainsCell allocates %v times", n)
	}
}

// TestAreaAtTheAntimeridian cuts Taveuni, Fiji, as RFC 7946 (3.1.9) asks.
func TestAreaAtTheAntimeridian(t *testing.T) {
	areas := mustReadAreas(t, collection(feature("taveuni", "MultiPolygon",
		`[[[[179.8,-17.0],[180,-17.0],[180,-16.7],[179.8,-16.7],[179.8,-17.0]]],
		  [[[-180,-17.0],[-179.8,-17.0],[-179.8,-16.7],[-180,-16.7],[-180,-17.0]]]]`)))
	for lng, want := range map[float64]bool{179.9: true, 179.999: true, 180: true, -180: true, -179.999: true, -179.9: true, 179.7: false, -179.7: false, 0: false} {
		if got := areas[0].Contains(Point{-16.85, lng}); got != want {
			t.Errorf("longitude %v: %v, want %v", lng, got, want)
		}
	}
}

func TestReadAreasNamesEveryFault(t *testing.T) {
	square := `[[[0,0],[0.1,0],[0.1,0.1],[0,0.1],[0,0]]]`
	for name, c := range map[string]struct {
		text string
		want []string // parts of the faults, in order
	}{
		"nothing":              {``, []string{"a.json:1:1: ends before"}},
		"no JSON":              {`areas`, []string{"a.json:1"}},
		"an array":             {`[]`, []string{"is no collection of areas"}},
		"cut off":              {`{"type":"FeatureCollection","features":[`, []string{"ends before its JSON does"}},
		"cut off later":        {`{"type":"FeatureCollection","features":[]`, []string{"ends before its JSON does"}},
		"a wrong type":         {`{"type":7}`, []string{"cannot be read"}},
		"features no array":    {`{"features":{}}`, []string{"is no collection of areas"}},
		"bad member":           {`{"bbox":[}`, []string{"cannot be read"}},
		"bad feature":          {"{\"type\":\"FeatureCollection\",\"features\":[\n{}, tru]}", []string{"a.json:2:"}},
		"one feature":          {feature("x", "Polygon", square), []string{`"Feature" with features false`}},
		"more after it":        {collection() + " {}", []string{"something follows"}},
		"UTF-16":               {"\xff\xfe{", []string{"is not valid UTF-8"}},
		"no feature":           {collection(`{"type":"Point"}`), []string{"features[0]: is no GeoJSON feature"}},
		"feature of strings":   {collection(`{"type":"Feature","properties":"x"}`), []string{"features[0]: is no GeoJSON feature"}},
		"no name":              {collection(`{"type":"Feature","properties":{},"geometry":null}`), []string{"features[0].properties.name: <nil> is no name", "features[0].geometry: is missing"}},
		"a number for a name":  {collection(`{"type":"Feature","properties":{"name":7},"geometry":{"type":"Polygon","coordinates":` + square + `}}`), []string{"7 is no name"}},
		"twice the same name":  {collection(feature("x", "Polygon", square), feature("x", "Polygon", square)), []string{`a.json:2 features[1].properties.name: "x" is also the name of the area on line 1`}},
		"a point":              {collection(feature("x", "Point", `[0,0]`)), []string{`features[0].geometry.type: "Point" is no area`}},
		"flat coordinates":     {collection(feature("x", "Polygon", `[0,0]`)), []string{"are no polygon's"}},
		"flat multi":           {collection(feature("x", "MultiPolygon", `[0,0]`)), []string{"are no multipolygon's"}},
		"no polygon":           {collection(feature("x", "MultiPolygon", `[]`)), []string{"draw at least one polygon"}},
		"no ring":              {collection(feature("x", "MultiPolygon", `[[]]`)), []string{"coordinates[0]: is a polygon without a ring"}},
		"two corners":          {collection(feature("x", "Polygon", `[[[0,0],[0.1,0],[0,0]]]`)), []string{"coordinates[0]: has 3 positions"}},
		"open":                 {collection(feature("x", "Polygon", `[[[0,0],[0.1,0],[0.1,0.1],[0,0.1]]]`)), []string{"is not closed"}},
		"a line":               {collection(feature("x", "Polygon", `[[[0,0],[0.1,0],[0.2,0],[0,0]]]`)), []string{"encloses nothing"}},
		"null":                 {collection(feature("x", "Polygon", `[[[0,0],[null,0],[0.1,0.1],[0,0]]]`)), []string{"coordinates[0][1]: [NaN, NaN] is no position"}},
		"one number":           {collection(feature("x", "Polygon", `[[[0,0],[1],[0.1,0.1],[0,0]]]`)), []string{"coordinates[0][1]"}},
		"words":                {collection(feature("x", "Polygon", `[[[0,0],["1","2"],[0.1,0.1],[0,0]]]`)), []string{"coordinates[0][1]"}},
		"two faults":           {collection(feature("x", "Polygon", `[[[0,0],[200,0],[0,95],[0,0]]]`)), []string{"[0][1]: [200, 0]", "[0][2]: [0, 95]"}},
		"antimeridian":         {collection(feature("x", "Polygon", `[[[179,0],[-179,0],[-179,1],[179,1],[179,0]]]`)), []string{"coordinates[0][1]: the line from [179 0] to [-179 0] crosses the 180th meridian; cut"}},
		"antimeridian in hole": {collection(feature("x", "MultiPolygon", `[[[[0,0],[0.1,0],[0.1,0.1],[0,0.1],[0,0]],[[179,0],[-179,0],[-179,1],[179,0]]]]`)), []string{"coordinates[0][1][1]: the line"}},
		"a continent":          {collection(feature("x", "Polygon", `[[[-100,30],[-80,30],[-80,40],[-100,40],[-100,30]]]`)), []string{"features[0].geometry: polygon 1 spans a box of"}},
		"a garden":             {collection(feature("x", "Polygon", `[[[0,0],[0.0001,0],[0.0001,0.0001],[0,0]]]`)), []string{"holds the centre of no H3 cell"}},
	} {
		t.Run(name, func(t *testing.T) {
			var fl faults.List
			areas := ReadAreas("a.json", strings.NewReader(c.text), &fl)
			got := fl.Faults()
			for i, want := range c.want {
				if i >= len(got) || !strings.Contains(got[i].String(), want) {
					t.Fatalf("faults %v, want %q as number %d", fl.Err(), want, i+1)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("%d faults, want %d: %v", len(got), len(c.want), fl.Err())
			}
			if name == "twice the same name" && len(areas) != 1 {
				t.Errorf("%d areas without a fault, want 1", len(areas))
			}
		})
	}
}

func TestAreaLimits(t *testing.T) {
	ring := orb.Ring{{0, 0}}
	for i := range 40 {
		ring = append(ring, orb.Point{0.1, float64(i) * 0.001})
	}
	ring = append(ring, ring[0])
	if _, err := compileArea("x", orb.MultiPolygon{{ring}}, areaLimits{km2: 1e9, vertices: 41}); err == nil || !strings.Contains(err.Error(), "42 corners") {
		t.Errorf("got %v, want a fault of the number of corners", err)
	}
	circle := orb.Ring{}
	for i := range 2_000 {
		angle := 2 * math.Pi * float64(i) / 2_000
		circle = append(circle, orb.Point{-98 + 2.8*math.Cos(angle), 31 + 2.8*math.Sin(angle)})
	}
	circle = append(circle, circle[0])
	if _, err := compileArea("x", orb.MultiPolygon{{circle}}, defaultAreaLimits); err == nil || !strings.Contains(err.Error(), "simplify it to at most 60") {
		t.Errorf("got %v, want a fault of the work", err)
	}
	var fl faults.List
	if ReadAreas("a.json", endless{}, &fl); !strings.Contains(fmt.Sprint(fl.Err()), "larger than") {
		t.Errorf("an endless file: %v", fl.Err())
	}
	fl = faults.List{}
	if ReadAreas("a.json", broken{}, &fl); !strings.Contains(fmt.Sprint(fl.Err()), "reading failed: disk on fire") {
		t.Errorf("a broken disk: %v", fl.Err())
	}
}

// endless is a file without an end, broken one that cannot be read.
type (
	endless struct{}
	broken  struct{}
)

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }
func (broken) Read([]byte) (int, error)    { return 0, fmt.Errorf("disk on fire") }

func FuzzReadAreas(f *testing.F) {
	f.Add(collection(feature("a", "Polygon", `[[[0,0],[0.01,0],[0.01,0.01],[0,0.01],[0,0]]]`)))
	f.Add(collection(feature("a", "MultiPolygon", `[[[[0,0],[0.01,0],[0.01,0.01],[0,0]],[[0.001,0.0005],[0.002,0.0005],[0.002,0.001],[0.001,0.0005]]]]`)))
	f.Add(collection(feature("a", "Polygon", `[[[179.99,-89.99],[180,-89.99],[180,-90],[179.99,-89.99]]]`)))
	f.Add(collection(feature("a", "Polygon", `[[[0,0],[1e308,0],[-1e308,0.01],[0,0]]]`)))
	f.Add(`{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":null},"geometry":{}}]}`)
	f.Add(`{"features":[[[[`)
	f.Fuzz(func(t *testing.T, text string) {
		var fl faults.List
		areas := readAreas("a.json", strings.NewReader(text), &fl, areaLimits{km2: 20, vertices: 100})
		for _, a := range areas {
			if a.Name == "" || a.Cells() == 0 {
				t.Errorf("area %+v without name or cells", a)
			}
			for _, s := range a.spans {
				if !a.ContainsCell(s.first) || !a.ContainsCell(s.last) {
					t.Errorf("area lacks its own span %v to %v", s.first, s.last)
				}
			}
		}
	})
}
