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

// TestMore calls a difference one only where it is beyond that of the control.
func TestMore(t *testing.T) {
	for _, tt := range []struct {
		of       []float64
		resolved float64
		want     string
	}{
		{[]float64{0, 0, 0}, 1, ""},
		{[]float64{1, 2, 3}, 2, "not resolved (+1.5 to +2.5)"},
		{[]float64{-1, -2, -3}, 2, "not resolved (-2.5 to -1.5)"},
		{[]float64{1, 2, 3}, 1.9, "+2.0 % (+1.5 to +2.5)"},
	} {
		if got := more(tt.of, tt.resolved, "%+.1f", " %"); got != tt.want {
			t.Errorf("%v beyond %v: %q, want %q", tt.of, tt.resolved, got, tt.want)
		}
	}
	if got := reach([]float64{-4, -2, 3}); got != 3 {
		t.Error(got)
	}
}
