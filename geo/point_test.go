package geo

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyPoint draws a point on the globe, poles and the 180th meridian among them.
func anyPoint() *rapid.Generator[Point] {
	return rapid.Custom(func(t *rapid.T) Point {
		return Point{
			Lat: rapid.OneOf(rapid.Float64Range(-90, 90), rapid.SampledFrom([]float64{-90, 0, 90})).Draw(t, "lat"),
			Lng: rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{-180, 0, 180})).Draw(t, "lng"),
		}
	})
}

func TestCheck(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, p := range []Point{{0, 0}, {90, 180}, {-90, -180}, {40.7, -74}} {
		if err := p.Check(); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, c := range []struct {
		p    Point
		says string
	}{
		{Point{nan, 0}, "latitude NaN"}, {Point{0, nan}, "longitude NaN"}, {Point{inf, 0}, "latitude +Inf"},
		{Point{0, -inf}, "longitude -Inf"}, {Point{90.0001, 0}, "latitude 90.0001"}, {Point{-91, 0}, "latitude -91"},
		{Point{0, 180.0001}, "longitude 180.0001"}, {Point{0, -200}, "longitude -200"}, {Point{-95, 40}, "latitude -95"},
	} {
		err := c.p.Check()
		if !errors.Is(err, ErrPoint) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "write degrees") {
			t.Errorf("%v: %v, want an ErrPoint that says %q and what to write", c.p, err, c.says)
		}
	}
}

func TestKilometres(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b Point
		want float64
	}{
		{"nothing", Point{40, -100}, Point{40, -100}, 0},
		{"a degree of the equator", Point{0, 0}, Point{0, 1}, 2 * math.Pi * EarthRadiusKm / 360},
		{"a degree of a meridian", Point{50, 7}, Point{51, 7}, 2 * math.Pi * EarthRadiusKm / 360},
		{"pole to pole", Point{90, 0}, Point{-90, 77}, math.Pi * EarthRadiusKm},
		{"antipodes", Point{30, 20}, Point{-30, -160}, math.Pi * EarthRadiusKm},
		{"the pole has no longitude", Point{90, 10}, Point{90, -170}, 0},
		{"over the 180th meridian", Point{0, 179.5}, Point{0, -179.5}, 2 * math.Pi * EarthRadiusKm / 360},
		// Sinnott's formula by hand for JFK (40.64, -73.78) and LAX (33.94, -118.41): about 3,974 km.
		{"JFK to LAX", Point{40.64, -73.78}, Point{33.94, -118.41}, 3974},
	} {
		tolerance := 1e-4
		if c.want > 3000 && c.want < 5000 {
			tolerance = 3
		}
		if got := Kilometres(c.a, c.b); math.Abs(got-c.want) > tolerance {
			t.Errorf("%s: %v km, want %v", c.name, got, c.want)
		}
	}
}

func TestDistancesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyPoint().Draw(t, "a"), anyPoint().Draw(t, "b")
		km := Kilometres(a, b)
		if back := Kilometres(b, a); math.Abs(km-back) > 1e-6 {
			t.Errorf("%v km there, %v back", km, back)
		}
		if km < 0 || km > math.Pi*EarthRadiusKm+1e-9 {
			t.Errorf("%v km is no distance on the globe", km)
		}
		if dot := KilometresOfDot(a.Unit().Dot(b.Unit())); math.Abs(km-dot) > 0.0002 {
			// Near antipodes haversine itself loses metres: its sine is flat there.
			if km < 20_000 {
				t.Errorf("haversine %v km, dot product %v km", km, dot)
			} else if math.Abs(km-dot) > 0.1 {
				t.Errorf("near antipodes: haversine %v km, dot product %v km", km, dot)
			}
		}
		if back := a.Unit().Point(); Kilometres(a, back) > 1e-6 {
			t.Errorf("%v came back from its vector as %v", a, back)
		}
	})
}

func TestKilometresOfDotBounds(t *testing.T) {
	for dot, want := range map[float64]float64{1: 0, 1.0000000001: 0, -1: math.Pi * EarthRadiusKm, -1.5: math.Pi * EarthRadiusKm, 0: math.Pi / 2 * EarthRadiusKm} {
		if got := KilometresOfDot(dot); math.Abs(got-want) > 1e-9 {
			t.Errorf("dot %v: %v km, want %v", dot, got, want)
		}
	}
}

func TestMean(t *testing.T) {
	for _, c := range []struct {
		points []Point
		want   Point
	}{
		{[]Point{{40, -100}}, Point{40, -100}},
		{[]Point{{0, 10}, {0, 20}}, Point{0, 15}},
		{[]Point{{0, 179}, {0, -179}}, Point{0, 180}},
		{[]Point{{80, 0}, {80, 180}}, Point{90, 0}},
	} {
		if got, ok := Mean(c.points); !ok || Kilometres(got, c.want) > 1e-6 {
			t.Errorf("mean of %v = %v, %v; want %v", c.points, got, ok, c.want)
		}
	}
	for _, none := range [][]Point{nil, {{0, 0}, {0, 180}}, {{90, 0}, {-90, 0}}} {
		if got, ok := Mean(none); ok {
			t.Errorf("mean of %v = %v, want none", none, got)
		}
	}
}

func TestPointString(t *testing.T) {
	if got := (Point{40.750650, -73.997293}).String(); got != "40.75065,-73.99729" {
		t.Errorf("got %s", got)
	}
}
