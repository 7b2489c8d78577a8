package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/simulate/report/svg"
)

// digits writes a number with three digits that count, and commas.
func digits(v float64) string {
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

func whole(n int64) string { return svg.Grouped(strconv.FormatInt(n, 10), 0) }

// nanos writes a duration in the unit that suits it.
func nanos(v float64) string {
	switch size := math.Abs(v); {
	case size == 0:
		return "0"
	case size < 999.5:
		return digits(v) + " ns"
	case size < 999.5e3:
		return digits(v/1e3) + " µs"
	case size < 999.5e6:
		return digits(v/1e6) + " ms"
	}
	return digits(v/1e9) + " s"
}

// span writes how long something took, as people say it.
func span(d time.Duration) string {
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
	return nanos(float64(d))
}

func bytes(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 40, " TiB"}, {1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}} {
		if math.Abs(v) >= u.size {
			return digits(v/u.size) + u.name
		}
	}
	return digits(v) + " B"
}

// percent writes a share, as exactly as it takes to tell it from none and all.
func percent(share float64) string {
	v := 100 * share
	if v > 99 && v < 100 {
		return strconv.FormatFloat(math.Min(v, 99.9999), 'f', 4, 64) + " %"
	}
	return digits(v) + " %"
}

// part is a part of a whole as a share; 0 of nothing.
func part(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
