package calendar

import (
	"testing"

	"github.com/allot-engine/allot/units"
	"pgregory.net/rapid"
)

// readyNaive looks at work days one by one from the beginning of the month before.
func readyNaive(k *Dock, work naive, now units.Instant) (units.Date, units.Clock, bool) {
	today, _ := k.Zone.Local(now)
	for start := max(today-30, FirstDate); start <= LastDate; start++ {
		if !work.open(start) || now > k.Zone.Instant(start, k.Cutoff) {
			continue
		}
		day, at, left := start, k.Cutoff, int(k.Processing)
		next := func() {
			for day++; day <= LastDate && !work.open(day); day++ {
			}
		}
		for ; left >= 24*60; left -= 24 * 60 {
			next()
		}
		for ; left > 0; left-- {
			if at += units.Minute; at > units.EndOfDay {
				next()
				at -= units.EndOfDay
			}
		}
		return day, at, day <= LastDate
	}
	return 0, 0, false
}

func drawDock(t *rapid.T) (*Dock, naive) {
	work, slow := drawCalendar(t, "work")
	zone, err := LoadZone(rapid.SampledFrom(zoneNames).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	return &Dock{Zone: zone, Work: work,
		Cutoff:     units.Clock(rapid.IntRange(0, 96).Draw(t, "cutoff")) * 15 * units.Minute,
		Processing: rapid.Int32Range(0, 5*24*60).Draw(t, "processing")}, slow
}

func TestDockMatchesNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, slow := drawDock(t)
		base := units.Instant(int64(drawDay(t, "day")%100_000) * daySeconds)
		for range 8 {
			now := base + units.Instant(rapid.Int64Range(-daySeconds, 2*daySeconds).Draw(t, "second"))
			if rapid.Bool().Draw(t, "at a cut-off") {
				today, _ := k.Zone.Local(now)
				now = k.Zone.Instant(today, k.Cutoff) + units.Instant(rapid.Int64Range(-1, 1).Draw(t, "off"))
			}
			if today, _ := k.Zone.Local(now); today <= FirstDate || today > LastDate {
				if _, _, _, ok := k.Ready(now); ok && !within(today) {
					t.Fatalf("Ready(%v) answers outside the horizon", now)
				}
				continue
			}
			day, at, until, ok := k.Ready(now)
			wantDay, wantAt, wantOK := readyNaive(k, slow, now)
			if ok != wantOK || ok && (day != wantDay || at != wantAt) {
				t.Fatalf("Ready(%v) = %v %v %v, want %v %v %v", now, day, at, ok, wantDay, wantAt, wantOK)
			}
			if !ok {
				continue
			}
			if until < now {
				t.Fatalf("until %v is before now %v", until, now)
			}
			if d, a, u, ok := k.Ready(until); !ok || d != day || a != at || u != until {
				t.Fatalf("at the latest order time %v the answer is %v %v, not %v %v", until, d, a, day, at)
			}
			if d, a, _, ok := k.Ready(until + 1); ok && d == day && a == at {
				t.Fatalf("a second after the latest order time %v the answer is still %v %v", until, d, a)
			}
			if latest, ok := k.Latest(day, at); !ok || latest != until {
				t.Fatalf("Latest(%v %v) = %v %v, want %v", day, at, latest, ok, until)
			}
			// Ready any earlier than asked is not ready: one second less takes the work day before.
			if latest, ok := k.Latest(day, at-1); ok && latest >= until {
				t.Fatalf("Latest(%v %v) = %v, not before %v", day, at-1, latest, until)
			}
			if latest, ok := k.Latest(day+3, 0); ok && latest < until && at <= units.EndOfDay {
				t.Fatalf("Latest three days on = %v, before %v", latest, until)
			}
		}
	})
}

func TestDockTable(t *testing.T) {
	ny := loadZone(t, "America/New_York")
	weekdays := New(units.MondayToFriday, []units.Date{units.DateOf(2026, 11, 26)})
	daily := New(units.EveryDay, nil)
	for _, c := range []struct {
		name       string
		work       *Calendar
		cutoff     units.Clock
		processing int32
		now        string
		want       string
		until      string
	}{
		{"at the cut-off", weekdays, 14 * units.Hour, 120, "2026-11-24T14:00:00-05:00", "2026-11-24 16:00", "2026-11-24T14:00:00-05:00"},
		{"a second late", weekdays, 14 * units.Hour, 120, "2026-11-24T14:00:01-05:00", "2026-11-25 16:00", "2026-11-25T14:00:00-05:00"},
		{"over a holiday", weekdays, 14 * units.Hour, 120, "2026-11-25T15:00:00-05:00", "2026-11-27 16:00", "2026-11-27T14:00:00-05:00"},
		{"in the weekend", weekdays, 14 * units.Hour, 0, "2026-11-28T03:00:00-05:00", "2026-11-30 14:00", "2026-11-30T14:00:00-05:00"},
		{"24 hours are one work day", weekdays, 14 * units.Hour, 24 * 60, "2026-11-25T10:00:00-05:00", "2026-11-27 14:00", "2026-11-25T14:00:00-05:00"},
		{"past midnight belongs to the next work day", weekdays, 20 * units.Hour, 5 * 60, "2026-11-27T10:00:00-05:00", "2026-11-30 01:00", "2026-11-27T20:00:00-05:00"},
		{"midnight itself is the same day", weekdays, 20 * units.Hour, 4 * 60, "2026-11-27T10:00:00-05:00", "2026-11-27 24:00", "2026-11-27T20:00:00-05:00"},
		{"a cut-off at 24:00, met at midnight", weekdays, units.EndOfDay, 60, "2026-11-25T00:00:00-05:00", "2026-11-25 01:00", "2026-11-25T00:00:00-05:00"},
		{"a cut-off that clocks jump over", daily, 2*units.Hour + 30*units.Minute, 60, "2026-03-08T03:00:00-04:00", "2026-03-08 03:30", "2026-03-08T03:00:00-04:00"},
		{"a cut-off that clocks show twice: the first", daily, units.Hour + 30*units.Minute, 60, "2026-11-01T01:30:00-04:00", "2026-11-01 02:30", "2026-11-01T01:30:00-04:00"},
		{"between the two", daily, units.Hour + 30*units.Minute, 60, "2026-11-01T01:15:00-05:00", "2026-11-02 02:30", "2026-11-02T01:30:00-05:00"},
	} {
		now, err := units.ParseInstant(c.now)
		if err != nil {
			t.Fatal(err)
		}
		until, err := units.ParseInstant(c.until)
		if err != nil {
			t.Fatal(err)
		}
		k := &Dock{Zone: ny, Work: c.work, Cutoff: c.cutoff, Processing: c.processing}
		day, at, u, ok := k.Ready(now)
		if got := day.String() + " " + at.String(); got != c.want || u != until || !ok {
			t.Errorf("%s: ready %s, order until %v (%v), want %s and %v", c.name, got, u, ok, c.want, until)
		}
	}
	never := &Dock{Zone: ny, Work: New(0, nil)}
	if _, _, _, ok := never.Ready(1_790_000_000); ok {
		t.Error("a dock that never works is ready")
	}
	if _, ok := never.Latest(units.DateOf(2026, 1, 1), 0); ok {
		t.Error("a dock that never works has a latest order time")
	}
	slow := &Dock{Zone: ny, Work: daily, Processing: 40 * 24 * 60}
	if _, ok := slow.Latest(FirstDate+20, 0); ok {
		t.Error("an order from before the horizon is ready in it")
	}
}

func TestPickups(t *testing.T) {
	day := units.DateOf(2026, 11, 27) // a Friday
	p := &Pickups{Calendar: New(units.MondayToFriday|1<<5, []units.Date{day + 1}), Times: []units.Clock{10 * units.Hour, 17 * units.Hour}}
	for _, c := range []struct {
		name string
		day  units.Date
		at   units.Clock
		want units.Date
		when units.Clock
		ok   bool
	}{
		{"before the first", day, 0, day, 10 * units.Hour, true},
		{"at the first", day, 10 * units.Hour, day, 10 * units.Hour, true},
		{"a second after the first", day, 10*units.Hour + 1, day, 17 * units.Hour, true},
		{"after the last, over a closed Saturday and a Sunday", day, 17*units.Hour + 1, day + 3, 10 * units.Hour, true},
		{"on a closed day", day + 1, 3 * units.Hour, day + 3, 10 * units.Hour, true},
		{"beyond the horizon", LastDate, units.EndOfDay, 0, 10 * units.Hour, false},
	} {
		got, when, ok := p.Next(c.day, c.at)
		if ok != c.ok || ok && (got != c.want || when != c.when) {
			t.Errorf("%s: %v %v %v, want %v %v %v", c.name, got, when, ok, c.want, c.when, c.ok)
		}
	}
	if got, when, ok := p.Last(day + 2); got != day || when != 17*units.Hour || !ok {
		t.Errorf("the last pickup by Sunday is %v %v %v", got, when, ok)
	}
	none := &Pickups{Calendar: p.Calendar}
	if _, _, ok := none.Next(day, 0); ok {
		t.Error("no pickup time, and yet a next one")
	}
	if _, _, ok := none.Last(day); ok {
		t.Error("no pickup time, and yet a last one")
	}
}

func TestPickupsMatchNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, slow := drawCalendar(t, "pickups")
		hours := rapid.SliceOfNDistinct(rapid.IntRange(0, 24), 1, 4, rapid.ID).Draw(t, "hours")
		p := &Pickups{Calendar: c}
		for h := range 25 {
			for _, x := range hours {
				if x == h {
					p.Times = append(p.Times, units.Clock(h)*units.Hour)
				}
			}
		}
		day := FirstDate + units.Date(rapid.IntRange(0, days-1).Draw(t, "day"))
		at := units.Clock(rapid.IntRange(0, 24*60).Draw(t, "at")) * units.Minute
		wantDay, wantAt, wantOK := units.Date(0), units.Clock(0), false
	search:
		for d := day; d <= LastDate; d++ {
			for _, x := range p.Times {
				if slow.open(d) && (d > day || x >= at) {
					wantDay, wantAt, wantOK = d, x, true
					break search
				}
			}
		}
		got, when, ok := p.Next(day, at)
		if ok != wantOK || ok && (got != wantDay || when != wantAt) {
			t.Fatalf("Next(%v, %v) = %v %v %v, want %v %v %v", day, at, got, when, ok, wantDay, wantAt, wantOK)
		}
	})
}
