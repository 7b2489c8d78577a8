// Package words writes figures of load tests for people: durations, bytes, shares and counts, with as many digits as count.
package words

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/simulate/report/svg"
)

// Digits writes a number with three digits that count, and commas.
func Digits(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	size := math.Abs(v)
	places := 0
	switch {
	case size == 0 || size >= 99.95:
	case size >= 9.995:
		places = 1
	case size >= 0.9995:
		places = 2
	default:
		places = min(2-int(math.Floor(math.Log10(size))), 6)
	}
	s := strconv.FormatFloat(v, 'f', places, 64)
	if places == 0 {
		return svg.Grouped(s, 0)
	}
	return svg.Grouped(strings.TrimSuffix(strings.TrimRight(s, "0"), "."), 0)
}

// Whole writes a count with commas.
func Whole(n int64) string { return svg.Grouped(strconv.FormatInt(n, 10), 0) }

// Nanos writes a duration in the unit that suits it.
func Nanos(v float64) string {
	switch size := math.Abs(v); {
	case size == 0:
		return "0"
	case size < 999.5:
		return Digits(v) + " ns"
	case size < 999.5e3:
		return Digits(v/1e3) + " µs"
	case size < 999.5e6:
		return Digits(v/1e6) + " ms"
	}
	return Digits(v/1e9) + " s"
}

// Span writes how long something took, as people say it.
func Span(d time.Duration) string {
	if d >= time.Minute {
		s := d.Round(time.Second).String()
		if short, ok := strings.CutSuffix(s, "m0s"); ok {
			s = short + "m"
		}
		if short, ok := strings.CutSuffix(s, "h0m"); ok {
			s = short + "h"
		}
		return s
	}
	return Nanos(float64(d))
}

// Bytes writes an amount of memory in the binary unit that suits it.
func Bytes(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 40, " TiB"}, {1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}} {
		if math.Abs(v) >= u.size {
			return Digits(v/u.size) + u.name
		}
	}
	return Digits(v) + " B"
}

// Percent writes a share, as exactly as it takes to tell it from none and all.
func Percent(share float64) string {
	v := 100 * share
	if v > 99 && v < 100 {
		return strconv.FormatFloat(math.Min(v, 99.9999), 'f', 4, 64) + " %"
	}
	return Digits(v) + " %"
}
