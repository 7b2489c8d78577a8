package geo

import (
	"math"
	"slices"
	"testing"
)

// TestUSPSBandsAtTheirLimits follows DMM 608.9, where a zone reaches up to and including its radius.
func TestUSPSBandsAtTheirLimits(t *testing.T) {
	bands := USPSBands()
	for _, c := range []struct {
		miles float64
		zone  int
	}{
		{0, 1}, {49.999, 1}, {50, 1}, {50.001, 2}, {150, 2}, {150.001, 3}, {300, 3}, {300.001, 4}, {600, 4}, {600.001, 5},
		{1000, 5}, {1000.001, 6}, {1400, 6}, {1400.001, 7}, {1800, 7}, {1800.001, 8}, {12_000, 8},
	} {
		if got := bands.Zone(c.miles*KilometresPerMile) + 1; got != c.zone {
			t.Errorf("%v miles: zone %d, want %d", c.miles, got, c.zone)
		}
	}
	if bands.Len() != 8 {
		t.Errorf("%d bands, want 8", bands.Len())
	}
	if got := (Bands{}).Zone(5000); got != 0 || (Bands{}).Len() != 1 {
		t.Errorf("the zero Bands puts 5,000 km in band %d of %d", got, (Bands{}).Len())
	}
	if got, want := bands.LimitsMiles(), []float64{50, 150, 300, 600, 1000, 1400, 1800}; !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
		t.Errorf("limits %v, want %v", got, want)
	}
}

func TestNewBandsRefuses(t *testing.T) {
	many := make([]float64, MaxBands+1)
	for i := range many {
		many[i] = float64(i + 1)
	}
	for _, limits := range [][]float64{{0}, {-1}, {math.NaN()}, {math.Inf(1)}, {50, 50}, {50, 40}, {50, math.NaN()}, many} {
		if b, err := NewBands(limits...); err == nil {
			t.Errorf("NewBands(%v) = %v, want an error", limits, b)
		}
	}
	if _, err := NewBands(many[:MaxBands]...); err != nil {
		t.Errorf("%d limits: %v", MaxBands, err)
	}
}
