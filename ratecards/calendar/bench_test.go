package calendar

import (
	"testing"

	"github.com/allot-engine/allot/units"
)

func TestHotPathDoesNotAllocate(t *testing.T) {
	weekdays, daily := New(units.MondayToFriday, nil), New(units.EveryDay, nil)
	k := &Dock{Zone: loadZone(t, "America/Denver"), Work: weekdays, Cutoff: 14 * units.Hour, Processing: 600}
	p := &Pickups{Calendar: weekdays, Times: []units.Clock{10 * units.Hour, 17 * units.Hour}}
	day, now, sum := units.DateOf(2026, 11, 20), units.Instant(1_795_000_000), 0
	if n := testing.AllocsPerRun(100, func() {
		ready, at, until, _ := k.Ready(now)
		ship, _, _ := p.Next(ready, at)
		arrive, _ := Arrive(ship, 3, daily, weekdays)
		latest, _ := k.Latest(ready, at)
		last, _ := LastShip(arrive, 3, daily, weekdays)
		sum += int(arrive-day) + MaxTransit(ship, arrive, daily, weekdays) + int(until-now) + int(latest-now) + int(last-day)
	}); n != 0 {
		t.Errorf("%v allocations a promise, want 0 (sum %d)", n, sum)
	}
}

func BenchmarkArrive(b *testing.B) {
	weekdays, daily := New(units.MondayToFriday, nil), New(units.EveryDay, nil)
	day, sum := units.DateOf(2026, 11, 20), units.Date(0)
	for b.Loop() {
		d, _ := Arrive(day, 3, weekdays, daily)
		sum += d
	}
	_ = sum
}

func BenchmarkMaxTransit(b *testing.B) {
	weekdays, daily := New(units.MondayToFriday, nil), New(units.EveryDay, nil)
	day, sum := units.DateOf(2026, 11, 20), 0
	for b.Loop() {
		sum += MaxTransit(day, day+6, weekdays, daily)
	}
	_ = sum
}

func BenchmarkDockReady(b *testing.B) {
	k := &Dock{Work: New(units.MondayToFriday, nil), Cutoff: 14 * units.Hour, Processing: 600}
	var err error
	if k.Zone, err = LoadZone("America/Denver"); err != nil {
		b.Fatal(err)
	}
	sum := units.Date(0)
	for b.Loop() {
		d, _, _, _ := k.Ready(1_795_000_000)
		sum += d
	}
	_ = sum
}
