package report

import (
	_ "embed" // the borders
	"math"
	"strconv"
	"strings"

	h3 "github.com/uber/h3-go/v4"

	"github.com/allot-engine/allot/simulate/compare"
)

//go:embed borders/borders.txt
var bordersText string

// The map is 975 by 610, as d3's geoAlbersUsa has it: the contiguous states in Albers' equal-area projection with Alaska, at
// 35 % of their scale, and Hawaii below them. Source: J. P. Snyder, Map Projections: A Working Manual, USGS 1395 (1987),
// formulas 14-1 to 14-6; the frames are d3-geo's (M. Bostock).
const (
	mapWidth, mapHeight = 975, 610
	mapScale            = 1300
)

type conic struct{ n, c, east, originX, originY, scale, x, y float64 }

func newConic(parallel1, parallel2, meridian, centreLng, centreLat, scale, x, y float64) conic {
	const rad = math.Pi / 180
	s1, s2 := math.Sin(parallel1*rad), math.Sin(parallel2*rad)
	c := conic{n: (s1 + s2) / 2, east: meridian, scale: 1}
	c.c = 1 + s1*(2*c.n-s1)
	c.originX, c.originY = c.project(meridian+centreLng, centreLat)
	c.scale, c.x, c.y = scale, x, y
	return c
}

func (c conic) project(lng, lat float64) (x, y float64) {
	const rad = math.Pi / 180
	east := math.Mod(lng-c.east+540, 360) - 180 // of the central meridian
	r := math.Sqrt(max(c.c-2*c.n*math.Sin(lat*rad), 0)) / c.n
	angle := c.n * east * rad
	return c.x + c.scale*(r*math.Sin(angle)-c.originX), c.y + c.scale*(r*math.Cos(angle)-c.originY)
}

var (
	contiguous = newConic(29.5, 45.5, -96, -0.6, 38.7, mapScale, mapWidth/2.0, mapHeight/2.0)
	alaska     = newConic(55, 65, -154, -2, 58.5, 0.35*mapScale, mapWidth/2.0-0.307*mapScale, mapHeight/2.0+0.201*mapScale)
	hawaii     = newConic(8, 18, -157, -3, 19.9, mapScale, mapWidth/2.0-0.205*mapScale, mapHeight/2.0+0.212*mapScale)
)

// frame returns the projection that shows a point of the US, and false for one that the map does not show.
func frame(lng, lat float64) (conic, bool) {
	switch {
	case lat >= 51 && lat < 72 && lng > -171 && lng < -129: // d3's frame cuts the western Aleutians, too
		return alaska, true
	case lat > 18.5 && lat < 23 && lng > -161 && lng < -154:
		return hawaii, true
	case lat > 24 && lat < 50 && lng > -125.5 && lng < -66.5:
		return contiguous, true
	}
	return conic{}, false
}

// bordersPath returns the borders as the data of an SVG path.
func bordersPath() string {
	var b strings.Builder
	for line := range strings.Lines(bordersText) {
		fields := strings.Fields(line)
		lng, lat := 0, 0
		var f conic
		for i := 0; i+1 < len(fields); i += 2 {
			dx, _ := strconv.Atoi(fields[i]) // the file is ours
			dy, _ := strconv.Atoi(fields[i+1])
			lng, lat = lng+dx, lat+dy
			x, y := float64(lng)/100, float64(lat)/100
			if i == 0 {
				ok := false
				if f, ok = frame(x, y); !ok {
					break
				}
				b.WriteByte('M')
			} else if i == 2 {
				b.WriteByte('L')
			} else {
				b.WriteByte(' ')
			}
			px, py := f.project(x, y)
			b.WriteString(tenth(px))
			b.WriteByte(' ')
			b.WriteString(tenth(py))
		}
	}
	return b.String()
}

func tenth(f float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
}

// A tile is a cell as it is drawn.
type tile struct {
	part *compare.Part
	path string
	x, y float64 // its centre
	size float64 // its width
}

// tiles places cells: on the map of the US if it shows most of their orders, else on a plain grid of longitude and latitude
// without borders. hidden counts orders of cells that are not drawn.
func tiles(rows []compare.Part) (drawn []tile, us bool, hidden int64) {
	var known []tile
	var cells []h3.CellBoundary
	var centres []h3.LatLng
	inside, all := int64(0), int64(0)
	for i := range rows {
		p := &rows[i]
		n := max(p.BaseOrders, p.RunOrders)
		all += n
		index, err := strconv.ParseUint(p.Key, 16, 64)
		cell := h3.Cell(index)
		if err != nil || !cell.IsValid() {
			continue
		}
		at, err := cell.LatLng()
		if err != nil {
			continue
		}
		edge, err := cell.Boundary()
		if err != nil {
			continue
		}
		if _, ok := frame(at.Lng, at.Lat); ok {
			inside += n
		}
		known, cells, centres = append(known, tile{part: p}), append(cells, edge), append(centres, at)
	}
	us = 2*inside >= all
	flat := plain(centres)
	shown := int64(0)
	for i, t := range known {
		project := flat
		if us {
			f, ok := frame(centres[i].Lng, centres[i].Lat)
			if !ok {
				continue
			}
			project = f.project
		}
		t.x, t.y = project(centres[i].Lng, centres[i].Lat)
		var b strings.Builder
		low, high := math.Inf(1), math.Inf(-1)
		for k, p := range cells[i] {
			x, y := project(p.Lng, p.Lat)
			low, high = min(low, x), max(high, x)
			b.WriteString([]string{"M", "L", " "}[min(k, 2)])
			b.WriteString(tenth(x) + " " + tenth(y))
		}
		b.WriteByte('Z')
		t.path, t.size = b.String(), high-low
		shown += max(t.part.BaseOrders, t.part.RunOrders)
		drawn = append(drawn, t)
	}
	return drawn, us, all - shown
}

// plain returns a projection that fits points into the map, longitudes shrunk as at their middle latitude.
func plain(points []h3.LatLng) func(lng, lat float64) (x, y float64) {
	if len(points) == 0 {
		return func(float64, float64) (float64, float64) { return 0, 0 }
	}
	low, high := points[0], points[0]
	for _, p := range points {
		low.Lat, high.Lat = min(low.Lat, p.Lat), max(high.Lat, p.Lat)
		low.Lng, high.Lng = min(low.Lng, p.Lng), max(high.Lng, p.Lng)
	}
	shrink := math.Cos((low.Lat + high.Lat) / 2 * math.Pi / 180)
	scale := min((mapWidth-100)/max((high.Lng-low.Lng)*shrink, 1), (mapHeight-100)/max(high.Lat-low.Lat, 1))
	return func(lng, lat float64) (x, y float64) {
		return mapWidth/2.0 + (lng-(low.Lng+high.Lng)/2)*shrink*scale, mapHeight/2.0 - (lat-(low.Lat+high.Lat)/2)*scale
	}
}
