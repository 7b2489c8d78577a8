package results

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"

	h3 "github.com/uber/h3-go/v4"
)

// writeMap writes the regions as GeoJSON (RFC 7946): a feature for each cell, on a line of its own. Cells that cross the
// antimeridian are cut there, as its section 3.1.9 asks.
func writeMap(w io.Writer, resolution int, regions []Region, s *Summary) error {
	head, err := json.Marshal(s.Name)
	if err != nil {
		return err
	}
	b := append([]byte(`{"type":"FeatureCollection","name":`), head...)
	b = strconv.AppendInt(append(b, `,"resolution":`...), int64(resolution), 10)
	b = append(append(b, `,"run":"`...), s.Hash...)
	b = append(b, `","features":[`...)
	for i := range regions {
		x := &regions[i]
		if i > 0 {
			b = append(b, ',')
		}
		n, err := strconv.ParseUint(x.Cell, 16, 64)
		if err != nil {
			return err
		}
		polygons, err := outlines(h3.Cell(n))
		if err != nil {
			return err
		}
		properties, err := json.Marshal(regionProperties{
			Cell: x.Cell, Latitude: json.Number(x.Latitude), Longitude: json.Number(x.Longitude), Orders: x.Orders, Filled: x.Filled,
			Cost: x.Cost.String(), PerOrder: x.PerOrder.String(), Promised: x.Promised, OnTime: x.OnTime, OnTimeShare: x.OnTimeShare,
			Shipments: x.Shipments, MeanMetres: x.MeanMetres, Warehouse: x.Warehouse, WarehouseShare: x.WarehouseShare,
		})
		if err != nil {
			return err
		}
		b = append(b, "\n{\"type\":\"Feature\",\"id\":\""...)
		b = append(append(b, x.Cell...), `","geometry":`...)
		b = appendGeometry(b, polygons)
		b = append(append(append(b, `,"properties":`...), properties...), '}')
	}
	_, err = w.Write(append(b, "\n]}\n"...))
	return err
}

// regionProperties is a Region in the map.
type regionProperties struct {
	Cell           string      `json:"h3"`
	Latitude       json.Number `json:"latitude"`
	Longitude      json.Number `json:"longitude"`
	Orders         int64       `json:"orders"`
	Filled         int64       `json:"filled"`
	Cost           string      `json:"cost"`
	PerOrder       string      `json:"cost_per_order"`
	Promised       int64       `json:"promised"`
	OnTime         int64       `json:"on_time"`
	OnTimeShare    Share       `json:"on_time_share"`
	Shipments      int64       `json:"shipments"`
	MeanMetres     int64       `json:"mean_metres"`
	Warehouse      string      `json:"warehouse"`
	WarehouseShare Share       `json:"warehouse_share"`
}

func appendGeometry(b []byte, polygons [][]corner) []byte {
	ring := func(p []corner) {
		b = append(b, "[["...)
		for i := range len(p) + 1 {
			if i > 0 {
				b = append(b, ',')
			}
			c := p[i%len(p)]
			b = strconv.AppendFloat(append(b, '['), c.lng, 'f', 6, 64)
			b = append(strconv.AppendFloat(append(b, ','), c.lat, 'f', 6, 64), ']')
		}
		b = append(b, "]]"...)
	}
	if len(polygons) == 1 {
		b = append(b, `{"type":"Polygon","coordinates":`...)
		ring(polygons[0])
		return append(b, '}')
	}
	b = append(b, `{"type":"MultiPolygon","coordinates":[`...)
	for i, p := range polygons {
		if i > 0 {
			b = append(b, ',')
		}
		ring(p)
	}
	return append(b, "]}"...)
}

// A corner of a polygon, in degrees.
type corner struct{ lng, lat float64 }

// outlines are the polygons of a cell, counter-clockwise: one, or one on each side of the antimeridian.
func outlines(c h3.Cell) ([][]corner, error) {
	boundary, err := c.Boundary()
	if err != nil {
		return nil, err
	}
	var ring []corner
	for _, p := range boundary {
		ring = append(ring, corner{p.Lng, p.Lat})
	}
	// Longitudes run on, so that no step is half round the globe.
	turn := 0.0
	for i := 1; i < len(ring); i++ {
		ring[i].lng += turn
		if d := ring[i].lng - ring[i-1].lng; d > 180 {
			turn, ring[i].lng = turn-360, ring[i].lng-360
		} else if d < -180 {
			turn, ring[i].lng = turn+360, ring[i].lng+360
		}
	}
	if d := ring[0].lng - ring[len(ring)-1].lng; math.Abs(d) > 180 {
		// The cell goes round a pole: its outline is closed along the edge of the map.
		pole := math.Copysign(90, ring[0].lat)
		end := corner{ring[0].lng - math.Copysign(360, d), ring[0].lat}
		ring = append(ring, end, corner{end.lng, pole}, corner{ring[0].lng, pole})
	}
	west, east := ring[0].lng, ring[0].lng
	for _, p := range ring {
		west, east = min(west, p.lng), max(east, p.lng)
	}
	var out [][]corner
	for lap := math.Floor((west + 180) / 360); lap*360-180 < east; lap++ {
		left := lap*360 - 180
		part := clip(clip(ring, left, 1), left+360, -1)
		for i := range part {
			part[i].lng -= lap * 360
		}
		if len(part) >= 3 {
			if area(part) < 0 {
				slices.Reverse(part)
			}
			out = append(out, part)
		}
	}
	return out, nil
}

// clip is the part of a polygon on one side of a meridian: east of it where side is 1, west of it where it is -1.
// Source: I. E. Sutherland and G. W. Hodgman, "Reentrant polygon clipping", CACM 17 (1974).
func clip(ring []corner, at, side float64) (out []corner) {
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		in, next := (p.lng-at)*side >= 0, (q.lng-at)*side >= 0
		if in {
			out = append(out, p)
		}
		if in != next && p.lng != at && q.lng != at {
			out = append(out, corner{at, p.lat + (q.lat-p.lat)*(at-p.lng)/(q.lng-p.lng)})
		}
	}
	return out
}

// area is twice that of a polygon on the map, positive where it runs counter-clockwise.
func area(ring []corner) (sum float64) {
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		sum += p.lng*q.lat - q.lng*p.lat
	}
	return sum
}
