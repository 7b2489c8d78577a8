package geo

import (
	"errors"
	"fmt"
	"math"
)

// EarthRadiusKm is the mean radius of the Earth, R1 of the IUGG (GRS 80): 6,371.0088 km.
const EarthRadiusKm = 6371.0088

// KilometresPerMile is the international mile, by definition 1.609344 km.
const KilometresPerMile = 1.609344

// ErrPoint reports a point that is not on the globe: a coordinate that is not a number, a latitude outside
// -90..90 or a longitude outside -180..180. The errors of this package that concern a point wrap it.
var ErrPoint = errors.New("geo: no such point")

// A Point is a place on the globe in degrees: latitude north, -90..90, and longitude east, -180..180 (WGS 84).
type Point struct{ Lat, Lng float64 }

// Check returns nil for a point on the globe, else an error that wraps ErrPoint and says which coordinate is wrong
// and what to write instead.
func (p Point) Check() error {
	switch {
	case !(p.Lat >= -90 && p.Lat <= 90): // a NaN fails every comparison
		return fmt.Errorf("%w: latitude %v; write degrees north from -90 to 90", ErrPoint, p.Lat)
	case !(p.Lng >= -180 && p.Lng <= 180):
		return fmt.Errorf("%w: longitude %v; write degrees east from -180 to 180", ErrPoint, p.Lng)
	}
	return nil
}

// String prints the point as "40.75065,-73.99729", rounded to about a metre.
func (p Point) String() string { return fmt.Sprintf("%.5f,%.5f", p.Lat, p.Lng) }

// Unit returns the point as a vector of length 1 from the centre of the Earth. The point must pass Check.
func (p Point) Unit() Unit {
	sinLat, cosLat := math.Sincos(p.Lat * (math.Pi / 180))
	sinLng, cosLng := math.Sincos(p.Lng * (math.Pi / 180))
	return Unit{cosLat * cosLng, cosLat * sinLng, sinLat}
}

// A Unit is a point as a vector of length 1: x towards latitude 0, longitude 0; y towards 0, 90 east; z north.
type Unit [3]float64

// Dot returns the cosine of the angle between a and b: the larger, the nearer. Of two points the one with the larger
// dot is the nearer, so ordering and comparing need no more than this.
func (a Unit) Dot(b Unit) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// Point returns the point that the vector points to. A vector of another length than 1 will do, the zero vector
// gives latitude 0, longitude 0.
func (a Unit) Point() Point {
	return Point{
		Lat: math.Atan2(a[2], math.Hypot(a[0], a[1])) * (180 / math.Pi),
		Lng: math.Atan2(a[1], a[0]) * (180 / math.Pi),
	}
}

// Kilometres returns the great-circle distance from a to b.
//
// Both points must pass Check; Kilometres does not look. The sphere differs from the ellipsoid by up to about
// 0.6 percent, far less than a rate zone.
// Source: R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68 (1984).
func Kilometres(a, b Point) float64 {
	sinLat := math.Sin((b.Lat - a.Lat) * (math.Pi / 360))
	sinLng := math.Sin((b.Lng - a.Lng) * (math.Pi / 360))
	h := sinLat*sinLat + math.Cos(a.Lat*(math.Pi/180))*math.Cos(b.Lat*(math.Pi/180))*sinLng*sinLng
	return 2 * EarthRadiusKm * math.Asin(math.Sqrt(min(h, 1))) // rounding may carry h of antipodes past 1
}

// KilometresOfDot returns the distance of two points whose unit vectors have this dot product. It agrees with
// Kilometres to 0.2 m: the cosine is flat near 0, so metres are the finest it can tell.
func KilometresOfDot(dot float64) float64 {
	return EarthRadiusKm * math.Acos(max(-1, min(1, dot)))
}

// Mean returns the centre of the points: the direction of the sum of their unit vectors, so that places on both
// sides of the 180th meridian have their centre between them. ok is false for no points, and for points whose
// vectors cancel out.
func Mean(points []Point) (centre Point, ok bool) {
	var sum Unit
	for _, p := range points {
		u := p.Unit()
		sum[0], sum[1], sum[2] = sum[0]+u[0], sum[1]+u[1], sum[2]+u[2]
	}
	if sum.Dot(sum) < 1e-12 {
		return Point{}, false
	}
	return sum.Point(), true
}
