package calendar

import "github.com/allot-engine/allot/units"

// The horizon of every Calendar, both ends included. Outside it no day is known to be open, so every answer is "no".
// Fourteen years cover replays of past seasons and promises far ahead, and a Calendar stays near 20 kB.
const (
	FirstDate units.Date = 19_723 // 2024-01-01
	LastDate  units.Date = 24_836 // 2037-12-31

	days = int(LastDate-FirstDate) + 1
)

// A Calendar says on which days a place works or a carrier moves. It is immutable; places with the same days should
// share one, for each holds two arrays over the horizon: how many open days lie before a day (rank), and which day is
// the n-th open one (select). Together they answer "the next open day" and "five open days later" without a loop.
type Calendar struct {
	rank   [days + 1]int16 // rank[i] = number of open days among the first i days of the horizon
	choose []int16         // choose[n] = offset in the horizon of the n-th open day, ascending; len = rank[days]
}

// New returns the calendar of a week with some days closed. Days in closed may come in any order and more than once;
// those outside the horizon or outside the week change nothing. An empty week is a calendar with no open day.
func New(week units.Weekdays, closed []units.Date) *Calendar {
	var shut [days]bool
	for _, d := range closed {
		if d >= FirstDate && d <= LastDate {
			shut[d-FirstDate] = true
		}
	}
	c := &Calendar{}
	for i := range days {
		if week.Has((FirstDate + units.Date(i)).Weekday()) && !shut[i] {
			c.choose = append(c.choose, int16(i))
		}
		c.rank[i+1] = int16(len(c.choose))
	}
	return c
}

// within tells whether d lies in the horizon.
func within(d units.Date) bool { return d >= FirstDate && d <= LastDate }

// IsOpen tells whether d is an open day; a day outside the horizon is not.
func (c *Calendar) IsOpen(d units.Date) bool {
	return within(d) && c.rank[d-FirstDate+1] != c.rank[d-FirstDate]
}

// at returns the n-th open day of the horizon, counted from 0; ok is false where there is none.
func (c *Calendar) at(n int) (units.Date, bool) {
	if uint(n) >= uint(len(c.choose)) {
		return 0, false
	}
	return FirstDate + units.Date(c.choose[n]), true
}

// OnOrAfter returns the first open day on or after d. ok is false when d or the answer lies outside the horizon.
func (c *Calendar) OnOrAfter(d units.Date) (day units.Date, ok bool) {
	if !within(d) {
		return 0, false
	}
	return c.at(int(c.rank[d-FirstDate]))
}

// OnOrBefore returns the last open day on or before d. ok is false when d or the answer lies outside the horizon.
func (c *Calendar) OnOrBefore(d units.Date) (day units.Date, ok bool) {
	if !within(d) {
		return 0, false
	}
	return c.at(int(c.rank[d-FirstDate+1]) - 1)
}

// Add returns the n-th open day strictly after d, and d itself for n = 0, be it open or not. ok is false when n is
// negative or when d or the answer lies outside the horizon.
func (c *Calendar) Add(d units.Date, n int) (day units.Date, ok bool) {
	if !within(d) || n < 0 {
		return 0, false
	}
	if n == 0 {
		return d, true
	}
	return c.at(int(c.rank[d-FirstDate+1]) + n - 1)
}

// Sub returns the n-th open day strictly before d, and d itself for n = 0, be it open or not. ok is false when n is
// negative or when d or the answer lies outside the horizon.
func (c *Calendar) Sub(d units.Date, n int) (day units.Date, ok bool) {
	if !within(d) || n < 0 {
		return 0, false
	}
	if n == 0 {
		return d, true
	}
	return c.at(int(c.rank[d-FirstDate]) - n)
}

// Between returns the number of open days after from, up to and including to; 0 when to is not after from. Both must
// lie in the horizon, or ok is false.
func (c *Calendar) Between(from, to units.Date) (n int, ok bool) {
	if !within(from) || !within(to) {
		return 0, false
	}
	return max(0, int(c.rank[to-FirstDate+1])-int(c.rank[from-FirstDate+1])), true
}
