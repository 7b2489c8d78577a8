package geo

import (
	"fmt"
	"math"
	"slices"
)

// MaxBands bounds the limits of one Bands.
const MaxBands = 64

// Bands turns a distance into a zone: the first band whose upper limit the distance is not over. It stands in for a
// carrier's own chart where none is loaded; what it says is a guess and must be marked as one.
//
// The zero value has a single band without a limit.
type Bands struct{ limitsKm []float64 } // ascending

// NewBands returns the bands with these upper limits in miles, which must be positive, finite and ascending, at most
// MaxBands of them. A distance over the last limit lies in one further band.
func NewBands(limitsMiles ...float64) (Bands, error) {
	if len(limitsMiles) > MaxBands {
		return Bands{}, fmt.Errorf("geo: %d distance bands; write at most %d limits", len(limitsMiles), MaxBands)
	}
	limits := make([]float64, len(limitsMiles))
	last := 0.0
	for i, l := range limitsMiles {
		if !(l > last) || math.IsInf(l, 1) {
			return Bands{}, fmt.Errorf("geo: distance band %d ends at %v miles; write a number over %v", i+1, l, last)
		}
		limits[i], last = l*KilometresPerMile, l
	}
	return Bands{limits}, nil
}

// Zone returns the index, from 0, of the band in which a distance of km kilometres lies. Limits are "not over":
// exactly 150 miles is in the band that ends at 150. km must not be NaN.
func (b Bands) Zone(km float64) (index int) {
	// No more than a handful of limits: a search by halves would be slower than looking at each.
	for i, l := range b.limitsKm {
		if km <= l {
			return i
		}
	}
	return len(b.limitsKm)
}

// Len returns the number of bands, the unlimited last one included.
func (b Bands) Len() int { return len(b.limitsKm) + 1 }

// LimitsMiles returns a copy of the upper limits in miles.
func (b Bands) LimitsMiles() []float64 {
	miles := slices.Clone(b.limitsKm)
	for i := range miles {
		miles[i] /= KilometresPerMile
	}
	return miles
}

// USPSBands returns the distance rule by which the United States Postal Service draws its zones between the 3-digit
// areas of the contiguous states: zone 1 to 50 miles, 2 to 150, 3 to 300, 4 to 600, 5 to 1,000, 6 to 1,400, 7 to
// 1,800, 8 beyond. The zone is the index plus one.
//
// Source: USPS Domestic Mail Manual 608.9, "Postal Zones". The manual measures between sectional centres; measured
// between the means of the 3-digit areas (Places.AreaCentre) the rule reproduces about 96 percent of the cells of the
// 2024-04 charts and misses the others by one zone. It does not hold for Alaska, Hawaii, the territories and military
// post, which have zones of their own.
func USPSBands() Bands {
	b, err := NewBands(50, 150, 300, 600, 1000, 1400, 1800)
	if err != nil {
		panic(err) // the constants above ascend
	}
	return b
}
