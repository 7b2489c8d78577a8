package geo

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"
	h3 "github.com/uber/h3-go/v4"
)

// MaxAreaKm2 bounds the box of latitude and longitude around each polygon of a service area. It keeps the cells
// below four million; France or Texas would be larger than any courier's day.
const MaxAreaKm2 = 400_000

// MaxAreaVertices bounds the corners of one polygon with its holes, and MaxAreaWork the product of its box in km² and
// its corners, because filling it takes time for each cell and corner: at the most about three seconds.
const (
	MaxAreaVertices = 20_000
	MaxAreaWork     = 200_000_000
)

// An Area is a service area: the destinations that a local courier serves, or the neighbourhood of a store. It is a
// set of H3 cells: those whose centre lies inside the polygons it was drawn with.
//
// So its border follows the cells. A point farther than CellRadiusKm from the border that was drawn is inside or
// outside just as drawn; a nearer one is where its cell is, and all points of a cell are together. Lines between
// corners are straight in degrees, as RFC 7946 has them; of a polygon that crosses itself the odd parts count.
type Area struct {
	Name  string
	spans []cellSpan // ascending and disjoint
	count int
}

// A cellSpan is all cells first <= cell <= last. The descendants of one coarser cell are neighbours in the order of
// H3 indexes, so an area needs a span only for each of the coarser cells that tile it.
type cellSpan struct{ first, last Cell }

// Contains reports whether the point lies in the area by the border rule above. A point that is not on the globe
// lies in none. It computes the point's cell; for several areas call CellOf once and then ContainsCell.
func (a *Area) Contains(p Point) bool {
	c, err := CellOf(p)
	return err == nil && a.ContainsCell(c)
}

// ContainsCell reports whether the cell belongs to the area. It does not allocate.
func (a *Area) ContainsCell(c Cell) bool {
	i, exact := slices.BinarySearchFunc(a.spans, c, func(s cellSpan, c Cell) int { return cmp.Compare(s.first, c) })
	return exact || i > 0 && c <= a.spans[i-1].last
}

// Cells returns the number of cells of the area.
func (a *Area) Cells() int { return a.count }

// areaLimits are the ceilings of compileArea, which the fuzz test lowers.
type areaLimits struct {
	km2      float64
	vertices int
}

var defaultAreaLimits = areaLimits{MaxAreaKm2, MaxAreaVertices}

// errAreaCompile wraps every reason why compileArea refuses polygons.
var errAreaCompile = errors.New("geo: no such area")

// compileArea fills the polygons, whose rings must have passed checkRing, with cells.
func compileArea(name string, shape orb.MultiPolygon, limits areaLimits) (*Area, error) {
	var cells []h3.Cell
	for i, polygon := range shape {
		vertices := 0
		for _, ring := range polygon {
			vertices += len(ring)
		}
		if vertices > limits.vertices {
			return nil, fmt.Errorf("%w: polygon %d has %d corners; simplify it to at most %d", errAreaCompile, i+1, vertices, limits.vertices)
		}
		if km2 := boundKm2(polygon.Bound()); km2 > limits.km2 {
			return nil, fmt.Errorf("%w: polygon %d spans a box of %.0f km²; split it, or draw one of at most %.0f km²", errAreaCompile, i+1, km2, limits.km2)
		}
		if work := boundKm2(polygon.Bound()) * float64(vertices); work > MaxAreaWork {
			return nil, fmt.Errorf("%w: polygon %d has %d corners over a box of %.0f km²; simplify it to at most %.0f corners",
				errAreaCompile, i+1, vertices, boundKm2(polygon.Bound()), MaxAreaWork/boundKm2(polygon.Bound()))
		}
		// H3 calls this one experimental for its name only; it tells the same cells as PolygonToCells, up to eight
		// times faster because it starts from coarse cells, and does not reserve memory for the whole box.
		filled, err := h3.PolygonToCellsExperimental(h3Polygon(polygon), CellResolution, h3.ContainmentCenter)
		if err != nil {
			return nil, fmt.Errorf("%w: polygon %d: %w", errAreaCompile, i+1, err)
		}
		cells = append(cells, filled...)
	}
	slices.Sort(cells)
	cells = slices.Compact(cells)
	if len(cells) == 0 {
		return nil, fmt.Errorf("%w: it holds the centre of no H3 cell (about 0.1 km² each); draw it larger", errAreaCompile)
	}
	compact, err := h3.CompactCells(cells)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAreaCompile, err)
	}
	area := &Area{Name: name, spans: make([]cellSpan, len(compact)), count: len(cells)}
	for i, c := range compact {
		area.spans[i] = spanOf(c)
	}
	slices.SortFunc(area.spans, func(a, b cellSpan) int { return cmp.Compare(a.first, b.first) })
	return area, nil
}

// spanOf returns the descendants of a cell at CellResolution: in an H3 index bits 52 to 55 are the resolution and the
// digit of resolution r, 0 to 6, takes three bits from bit 3*(15-r). (H3 documentation, "H3Index Representations".)
func spanOf(c h3.Cell) cellSpan {
	const resolutionShift, resolutionMask = 52, uint64(0xf) << 52
	index := uint64(c)&^resolutionMask | CellResolution<<resolutionShift
	first, last := index, index
	for r := c.Resolution() + 1; r <= CellResolution; r++ {
		shift := 3 * (15 - r)
		first &^= 7 << shift
		last = last&^(7<<shift) | 6<<shift
	}
	return cellSpan{Cell(first), Cell(last)}
}

func h3Polygon(polygon orb.Polygon) h3.GeoPolygon {
	loop := func(ring orb.Ring) h3.GeoLoop {
		out := make(h3.GeoLoop, len(ring)-1) // H3 closes a loop by itself
		for i := range out {
			out[i] = h3.LatLng{Lat: ring[i].Lat(), Lng: ring[i].Lon()}
		}
		return out
	}
	p := h3.GeoPolygon{GeoLoop: loop(polygon[0])}
	for _, hole := range polygon[1:] {
		p.Holes = append(p.Holes, loop(hole))
	}
	return p
}

// boundKm2 returns the area of a box of latitudes and longitudes: R² * (sin of north - sin of south) * width.
func boundKm2(b orb.Bound) float64 {
	const rad = math.Pi / 180
	return EarthRadiusKm * EarthRadiusKm * (math.Sin(b.Max.Lat()*rad) - math.Sin(b.Min.Lat()*rad)) * (b.Max.Lon() - b.Min.Lon()) * rad
}
