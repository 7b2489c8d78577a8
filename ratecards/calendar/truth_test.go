package calendar

import (
	"testing"

	"github.com/allot-engine/allot/units"
)

// The tenth truth of rate cards: pickup, linehaul and delivery have different calendars; cut-offs are in the
// warehouse's zone; dates shift across midnight UTC and at DST. (That the mean transit is late half the time is tested
// with the histograms, in package lanes.)

func TestTruth10_PickupLinehaulAndDeliveryHaveDifferentCalendars(t *testing.T) {
	thanksgiving := units.DateOf(2026, 11, 26)
	pickups := &Pickups{Calendar: New(units.MondayToFriday, []units.Date{thanksgiving}), Times: []units.Clock{16 * units.Hour}}
	linehaul := New(units.EveryDay, nil) // trucks run through
	delivery := New(units.MondayToFriday|1<<5, []units.Date{thanksgiving})

	// Ready on Wednesday after the last pickup: the holiday has none, Friday has. Three days of linehaul end on
	// Monday; with weekdays only for the linehaul they would end on Wednesday.
	ship, _, ok := pickups.Next(thanksgiving-1, 17*units.Hour)
	if !ok || ship != thanksgiving+1 {
		t.Fatalf("picked up on %v", ship)
	}
	for _, c := range []struct {
		name               string
		transit            int
		linehaul, delivery *Calendar
		want               units.Date
	}{
		{"trucks run on Sunday", 3, linehaul, delivery, thanksgiving + 4},
		{"no truck at the weekend", 3, New(units.MondayToFriday, nil), delivery, thanksgiving + 6},
		{"there on Sunday, delivered on Monday", 2, linehaul, delivery, thanksgiving + 4},
		{"there on Saturday, delivered on Saturday", 1, linehaul, delivery, thanksgiving + 2},
		{"there on Saturday, where Saturday has no delivery", 1, linehaul, New(units.MondayToFriday, nil), thanksgiving + 4},
	} {
		if got, ok := Arrive(ship, c.transit, c.linehaul, c.delivery); !ok || got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTruth10_CutoffsAreInTheWarehousesZone(t *testing.T) {
	work := New(units.MondayToFriday, nil)
	now, err := units.ParseInstant("2026-11-24T20:30:00Z") // 15:30 in New York, 12:30 in Los Angeles
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]string{"America/New_York": "2026-11-25", "America/Los_Angeles": "2026-11-24"} {
		k := &Dock{Zone: loadZone(t, zone), Work: work, Cutoff: 14 * units.Hour}
		if day, _, _, ok := k.Ready(now); !ok || day.String() != want {
			t.Errorf("%s: ready on %v, want %s", zone, day, want)
		}
	}
}

func TestTruth10_DatesShiftAcrossMidnightUTC(t *testing.T) {
	la := &Dock{Zone: loadZone(t, "America/Los_Angeles"), Work: New(units.MondayToFriday, nil), Cutoff: 18 * units.Hour}
	// Friday, 17:30 in Los Angeles, is Saturday in UTC; the order still starts on Friday.
	now, err := units.ParseInstant("2026-11-21T01:30:00Z")
	if err != nil {
		t.Fatal(err)
	}
	day, at, until, ok := la.Ready(now)
	if !ok || day.String() != "2026-11-20" || at != 18*units.Hour || until.String() != "2026-11-21T02:00:00Z" {
		t.Errorf("ready %v %v, order until %v", day, at, until)
	}
	// In Tokyo the same moment is Saturday morning.
	if d, _ := loadZone(t, "Asia/Tokyo").Local(now); d.String() != "2026-11-21" {
		t.Errorf("Tokyo has %v", d)
	}
}

func TestTruth10_CutoffKeepsItsLocalTimeAcrossDST(t *testing.T) {
	k := &Dock{Zone: loadZone(t, "America/Chicago"), Work: New(units.EveryDay, nil), Cutoff: 14 * units.Hour}
	for day, want := range map[units.Date]string{
		units.DateOf(2026, 3, 7):   "2026-03-07T20:00:00Z", // standard time
		units.DateOf(2026, 3, 8):   "2026-03-08T19:00:00Z", // clocks went forward at 02:00: 23 hours later
		units.DateOf(2026, 10, 31): "2026-10-31T19:00:00Z",
		units.DateOf(2026, 11, 1):  "2026-11-01T20:00:00Z", // clocks went back: 25 hours later
	} {
		got, _, until, ok := k.Ready(k.Zone.Instant(day, 14*units.Hour))
		if !ok || got != day || until.String() != want {
			t.Errorf("%v: ready %v, order until %v, want %s", day, got, until, want)
		}
	}
}
