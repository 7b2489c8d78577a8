package calendar

import (
	"testing"

	"github.com/allot-engine/allot/units"
	"pgregory.net/rapid"
)

// naive answers the questions of a Calendar day by day.
type naive struct {
	week   units.Weekdays
	closed map[units.Date]bool
}

func (n naive) open(d units.Date) bool {
	return d >= FirstDate && d <= LastDate && n.week.Has(d.Weekday()) && !n.closed[d]
}

// step walks from d in direction by until count open days were met; d itself counts where from is 0.
func (n naive) step(d units.Date, from units.Date, by units.Date, count int) (units.Date, bool) {
	if d < FirstDate || d > LastDate || count < 0 {
		return 0, false
	}
	for d += from * by; d >= FirstDate && d <= LastDate; d += by {
		if n.open(d) {
			if count--; count == 0 {
				return d, true
			}
		}
	}
	return 0, false
}

func drawCalendar(t *rapid.T, label string) (*Calendar, naive) {
	week := units.Weekdays(rapid.IntRange(0, 127).Draw(t, label+" week"))
	closed := rapid.SliceOfN(rapid.Int32Range(int32(FirstDate)-3, int32(LastDate)+3), 0, 40).Draw(t, label+" closed")
	near := rapid.SliceOfN(rapid.Int32Range(int32(FirstDate)+3_000, int32(FirstDate)+3_040), 0, 20).Draw(t, label+" closed near")
	n := naive{week: week, closed: map[units.Date]bool{}}
	var dates []units.Date
	for _, d := range append(closed, near...) {
		dates = append(dates, units.Date(d))
		n.closed[units.Date(d)] = true
	}
	return New(week, dates), n
}

// drawDay favours a few weeks where drawn holidays crowd, and the ends of the horizon.
func drawDay(t *rapid.T, label string) units.Date {
	return units.Date(rapid.OneOf(
		rapid.Int32Range(int32(FirstDate)+2_990, int32(FirstDate)+3_060),
		rapid.Int32Range(int32(FirstDate)-2, int32(FirstDate)+12),
		rapid.Int32Range(int32(LastDate)-12, int32(LastDate)+2),
		rapid.Int32(),
	).Draw(t, label))
}

func TestHorizon(t *testing.T) {
	if FirstDate != units.DateOf(2024, 1, 1) || LastDate != units.DateOf(2037, 12, 31) {
		t.Fatalf("horizon is %v to %v", FirstDate, LastDate)
	}
}

func TestCalendarMatchesNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, n := drawCalendar(t, "calendar")
		for range 8 {
			d := drawDay(t, "day")
			k := rapid.IntRange(-2, 60).Draw(t, "n")
			if got, want := c.IsOpen(d), n.open(d); got != want {
				t.Fatalf("IsOpen(%v) = %v, want %v", d, got, want)
			}
			check := func(name string, got units.Date, ok bool, want units.Date, wantOK bool) {
				if got != want || ok != wantOK {
					t.Fatalf("%s(%v, %d) = %v %v, want %v %v", name, d, k, got, ok, want, wantOK)
				}
			}
			got, ok := c.OnOrAfter(d)
			want, wantOK := n.step(d, 0, 1, 1)
			check("OnOrAfter", got, ok, want, wantOK)
			got, ok = c.OnOrBefore(d)
			want, wantOK = n.step(d, 0, -1, 1)
			check("OnOrBefore", got, ok, want, wantOK)
			if k == 0 {
				want, wantOK = d, within(d)
				if !wantOK {
					want = 0
				}
			} else {
				want, wantOK = n.step(d, 1, 1, k)
			}
			got, ok = c.Add(d, k)
			check("Add", got, ok, want, wantOK)
			if k != 0 {
				want, wantOK = n.step(d, 1, -1, k)
			}
			got, ok = c.Sub(d, k)
			check("Sub", got, ok, want, wantOK)

			to := drawDay(t, "to")
			count := 0
			for x := d + 1; within(d) && x <= to && x <= LastDate; x++ {
				if n.open(x) {
					count++
				}
			}
			between, ok := c.Between(d, to)
			if wantOK := within(d) && within(to); ok != wantOK || ok && between != count {
				t.Fatalf("Between(%v, %v) = %d %v, want %d %v", d, to, between, ok, count, wantOK)
			}
		}
	})
}

func TestCalendarTable(t *testing.T) {
	date := units.DateOf
	us := New(units.MondayToFriday, []units.Date{date(2026, 11, 26), date(2026, 12, 25), date(2026, 11, 28)})
	for _, c := range []struct {
		name string
		got  func() (units.Date, bool)
		want units.Date
		ok   bool
	}{
		{"the day after a holiday", func() (units.Date, bool) { return us.OnOrAfter(date(2026, 11, 26)) }, date(2026, 11, 27), true},
		{"an open day is its own", func() (units.Date, bool) { return us.OnOrAfter(date(2026, 11, 25)) }, date(2026, 11, 25), true},
		{"over a weekend", func() (units.Date, bool) { return us.Add(date(2026, 11, 27), 1) }, date(2026, 11, 30), true},
		{"over a holiday and a weekend", func() (units.Date, bool) { return us.Add(date(2026, 11, 25), 2) }, date(2026, 11, 30), true},
		{"from a closed day", func() (units.Date, bool) { return us.Add(date(2026, 11, 26), 1) }, date(2026, 11, 27), true},
		{"none days on is the day itself, closed or not", func() (units.Date, bool) { return us.Add(date(2026, 11, 26), 0) }, date(2026, 11, 26), true},
		{"back over the holiday", func() (units.Date, bool) { return us.Sub(date(2026, 11, 27), 1) }, date(2026, 11, 25), true},
		{"last open day before", func() (units.Date, bool) { return us.OnOrBefore(date(2026, 11, 29)) }, date(2026, 11, 27), true},
		{"the first day of the horizon is a Monday", func() (units.Date, bool) { return us.OnOrAfter(FirstDate) }, FirstDate, true},
		{"before the horizon", func() (units.Date, bool) { return us.OnOrAfter(FirstDate - 1) }, 0, false},
		{"beyond the horizon", func() (units.Date, bool) { return us.Add(LastDate, 1) }, 0, false},
		{"back beyond the horizon", func() (units.Date, bool) { return us.Sub(FirstDate, 1) }, 0, false},
		{"backwards by Add", func() (units.Date, bool) { return us.Add(FirstDate, -1) }, 0, false},
		{"never open", func() (units.Date, bool) { return New(0, nil).OnOrAfter(FirstDate) }, 0, false},
	} {
		if got, ok := c.got(); got != c.want || ok != c.ok {
			t.Errorf("%s: %v %v, want %v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

// arriveNaive walks the days that Arrive counts.
func arriveNaive(ship units.Date, transit int, linehaul, delivery naive) (units.Date, bool) {
	if !within(ship) {
		return 0, false
	}
	d := ship
	for ; transit > 0; transit-- {
		for d++; d <= LastDate && !linehaul.open(d); d++ {
		}
	}
	for ; d <= LastDate && !delivery.open(d); d++ {
	}
	return d, d <= LastDate
}

func TestArriveAndItsInverses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		linehaul, slowLinehaul := drawCalendar(t, "linehaul")
		delivery, slowDelivery := drawCalendar(t, "delivery")
		ship, promise := drawDay(t, "ship"), drawDay(t, "promise")
		most := MaxTransit(ship, promise, linehaul, delivery)
		for transit := range 25 {
			day, ok := Arrive(ship, transit, linehaul, delivery)
			if want, wantOK := arriveNaive(ship, transit, slowLinehaul, slowDelivery); ok != wantOK || ok && day != want {
				t.Fatalf("Arrive(%v, %d) = %v %v, want %v %v", ship, transit, day, ok, want, wantOK)
			}
			if onTime := ok && day <= promise; onTime != (transit <= most) {
				t.Fatalf("%d days from %v arrive on %v (%v), promise %v, but MaxTransit says %d", transit, ship, day, ok, promise, most)
			}
			last, ok := LastShip(promise, transit, linehaul, delivery)
			if ok {
				if day, there := Arrive(last, transit, linehaul, delivery); !there || day > promise {
					t.Fatalf("LastShip(%v, %d) = %v, which arrives %v %v", promise, transit, last, day, there)
				}
			}
			for d := max(last+1, ship, FirstDate); d < max(ship, FirstDate)+20 && within(d); d++ {
				if day, there := Arrive(d, transit, linehaul, delivery); there && day <= promise {
					t.Fatalf("LastShip(%v, %d) = %v %v, but %v arrives %v", promise, transit, last, ok, d, day)
				}
			}
		}
		if _, ok := Arrive(ship, -1, linehaul, delivery); ok {
			t.Fatal("a negative transit arrives")
		}
		if _, ok := LastShip(promise, -1, linehaul, delivery); ok {
			t.Fatal("a negative transit has a last ship day")
		}
	})
}

func TestMaxTransitBeyondTheHorizon(t *testing.T) {
	daily := New(units.EveryDay, nil)
	for _, c := range []struct {
		ship, promise units.Date
		want          int
	}{
		{LastDate - 3, LastDate + 1_000, 3},
		{FirstDate - 1, FirstDate + 5, -1},
		{FirstDate, FirstDate - 1, -1},
		{LastDate, LastDate, 0},
		{LastDate + 1, LastDate + 5, -1},
	} {
		if got := MaxTransit(c.ship, c.promise, daily, daily); got != c.want {
			t.Errorf("MaxTransit(%v, %v) = %d, want %d", c.ship, c.promise, got, c.want)
		}
	}
}
