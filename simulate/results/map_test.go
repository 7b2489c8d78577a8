package results

import (
	"math"
	"math/rand/v2"
	"testing"

	h3 "github.com/uber/h3-go/v4"
)

// TestOutlines: the polygons of any cell lie on the map, run counter-clockwise, and together have the cell's area.
func TestOutlines(t *testing.T) {
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	points := []h3.LatLng{{Lat: 90}, {Lat: -90}, {Lat: -17, Lng: 180}, {Lat: 66, Lng: -180}, {Lat: 52, Lng: 179.9}, {Lat: 40, Lng: -100}}
	for range 300 {
		points = append(points, h3.LatLng{Lat: 180*rng.Float64() - 90, Lng: 360*rng.Float64() - 180})
	}
	crossing := 0
	for _, p := range points {
		for resolution := 1; resolution <= 4; resolution++ {
			c, err := h3.LatLngToCell(p, resolution)
			if err != nil {
				t.Fatal(err)
			}
			polygons, err := outlines(c)
			if err != nil {
				t.Fatal(err)
			}
			if len(polygons) == 0 || len(polygons) > 2 {
				t.Fatalf("%v: %d polygons", c, len(polygons))
			}
			if len(polygons) == 2 {
				crossing++
			}
			sum := 0.0
			for _, ring := range polygons {
				if area(ring) <= 0 {
					t.Fatalf("%v runs clockwise", c)
				}
				for _, q := range ring {
					if q.lng < -180 || q.lng > 180 || q.lat < -90 || q.lat > 90 {
						t.Fatalf("%v has a corner at %v", c, q)
					}
				}
				sum += sphere(ring)
			}
			want, err := h3.CellAreaKm2(c)
			if err != nil {
				t.Fatal(err)
			}
			// The edges of the map's polygons are straight on the map, those of a cell on the globe.
			if got := math.Abs(sum) * 6371.0072 * 6371.0072; math.Abs(got-want) > 0.12*want && math.Abs(p.Lat) < 60 {
				t.Errorf("%v at %v has %.0f km² on the map, and %.0f on the globe", c, p, got, want)
			}
		}
	}
	if crossing == 0 {
		t.Error("no cell crosses the antimeridian")
	}
}

// sphere is the area of a polygon of the map on a globe of radius 1.
func sphere(ring []corner) (sum float64) {
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		sum -= (q.lng - p.lng) * math.Pi / 180 * (math.Sin(p.lat*math.Pi/180) + math.Sin(q.lat*math.Pi/180)) / 2
	}
	return sum
}
