package lookahead

import (
	"slices"

	"github.com/allot-engine/allot/units"
)

// factor returns how many orders a day brings, in parts of those that the mean day brings.
func (f *Forecast) factor(d units.Date) float64 {
	x := float64(f.weekdays()[d.Weekday()]) / float64(units.WholePercent)
	for _, s := range f.Seasons {
		if s.From <= d && d <= s.Until {
			x *= float64(s.Factor) / float64(units.WholePercent)
		}
	}
	return x
}

// meanDays returns how many mean days' orders come from one moment to another.
func (f *Forecast) meanDays(from, until units.Instant) float64 {
	sum := 0.0
	for at := from; at < until; {
		d := dateOf(at)
		end := min(units.Instant(d+1)*day, until)
		sum += f.factor(d) * float64(end-at) / float64(day)
		at = end
	}
	return sum
}

// A cycle is a time between two supplies, or what is left of it.
type cycle struct {
	from, until units.Instant
	first, last units.Date // its days
}

// openEnd is for how long the last cycle goes on where no date says when it ends.
const openEnd = 30

// cycles returns the rest of the present cycle and at most so many after it.
func (f *Forecast) cycles(now units.Instant, most int) []cycle {
	today := dateOf(now)
	next := func(after units.Date) units.Date { // the first day after one on which supply comes
		if len(f.Dates) > 0 {
			at, _ := slices.BinarySearch(f.Dates, after+1)
			if at == len(f.Dates) {
				return 0
			}
			return f.Dates[at]
		}
		every := units.Date(max(f.Every, 1))
		n := (after - f.Next) / every
		if (after-f.Next)%every < 0 {
			n--
		}
		return f.Next + (n+1)*every
	}
	var out []cycle
	from, start := now, today
	for range most + 1 {
		end := next(start)
		open := end == 0
		if open {
			end = start + openEnd
		}
		out = append(out, cycle{from: from, until: units.Instant(end) * day, first: start, last: end - 1})
		if open {
			break
		}
		from, start = units.Instant(end)*day, end
	}
	return out
}
