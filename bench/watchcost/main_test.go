package main

import (
	"strings"
	"testing"
	"time"
)

// TestRun measures one tiny round, and wants a row for every way and no figure that is none.
func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out, 1, 10, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for _, w := range ways() {
		if !strings.Contains(out.String(), "| "+w.name+" | ") {
			t.Errorf("nothing is said of %s", w.name)
		}
	}
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
		t.Error(out.String())
	}
}

func TestQuartiles(t *testing.T) {
	for _, tt := range []struct {
		of                []float64
		low, median, high float64
	}{
		{[]float64{5}, 5, 5, 5},
		{[]float64{3, 1}, 1.5, 2, 2.5},
		{[]float64{5, 1, 4, 2, 3}, 2, 3, 4},
	} {
		if low, median, high := quartiles(tt.of); low != tt.low || median != tt.median || high != tt.high {
			t.Errorf("%v: %v, %v, %v", tt.of, low, median, high)
		}
	}
	if got := over([]float64{3, 5}, []float64{1, 9}); got[0] != 2 || got[1] != -4 {
		t.Error(got)
	}
}
