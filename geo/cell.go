package geo

import (
	"fmt"

	h3 "github.com/uber/h3-go/v4"
)

// CellResolution is the H3 resolution of every Cell: hexagons of 0.105 km² on average, with edges of about 200 m. It
// is fine enough to tell the sides of a city's service area and coarse enough that neighbours share what is computed
// for their cell.
const CellResolution = 9

// CellRadiusKm bounds the distance from the centre of any cell to its farthest corner. The average is 0.2 km; cells
// differ in size by a factor of about 2 in area over the globe.
const CellRadiusKm = 0.3

// A Cell is an H3 index at CellResolution. The zero value is no cell.
type Cell uint64

// CellOf returns the cell in which a point lies, or an error that wraps ErrPoint. It costs as much as a whole
// decision (about 1.5 µs), so call it once for an order, and not at all for one that has a postal code.
func CellOf(p Point) (Cell, error) {
	if err := p.Check(); err != nil {
		return 0, err
	}
	c, err := h3.LatLngToCell(h3.LatLng{Lat: p.Lat, Lng: p.Lng}, CellResolution)
	if err != nil {
		return 0, fmt.Errorf("geo: cell of %v: %w", p, err)
	}
	return Cell(c), nil
}

// Point returns the centre of the cell. What is computed for a cell is computed for its centre, so that it does not
// depend on which point of the cell came first. It fails on a number that is no cell.
func (c Cell) Point() (Point, error) {
	if cell := h3.Cell(c); !cell.IsValid() || cell.Resolution() != CellResolution {
		return Point{}, fmt.Errorf("geo: %#x is no H3 cell of resolution %d", uint64(c), CellResolution)
	}
	ll, err := h3.CellToLatLng(h3.Cell(c))
	if err != nil {
		return Point{}, fmt.Errorf("geo: centre of cell %v: %w", c, err)
	}
	return Point{Lat: ll.Lat, Lng: ll.Lng}, nil
}

// String prints the cell as H3 does, in hexadecimal: "892a100d65bffff".
func (c Cell) String() string { return fmt.Sprintf("%x", uint64(c)) }
