package calendar

import "github.com/allot-engine/allot/units"

// A Dock is a warehouse's day: when an order must be in to be worked on, and how long the work takes.
//
// An order that comes at or before the cut-off of a work day starts on that day, any other on the next work day. It is
// ready at the cut-off plus Processing, where each 24 hours count one work day and a remainder that runs past midnight
// belongs to the next work day. Ready times hence come in steps, one for each work day.
//
// Zone and Work must be set. The cut-off of a day on which clocks jump over it is the moment of the jump, and where
// clocks are set back over it the first of the two.
type Dock struct {
	Zone       *Zone
	Work       *Calendar
	Cutoff     units.Clock // local time of day, 00:00 to 24:00
	Processing int32       // minutes, 0 or more
}

const dayMinutes = int32(units.EndOfDay / units.Minute)

// Ready returns the local day and time at which an order that comes at now is ready, and until, the last moment at
// which an order still gets this same answer: the latest order time. ok is false when now or the
// answer lies outside the horizon of the work calendar.
func (k *Dock) Ready(now units.Instant) (day units.Date, at units.Clock, until units.Instant, ok bool) {
	today, _ := k.Zone.Local(now)
	if today < FirstDate {
		return 0, 0, 0, false
	}
	// A cut-off of 24:00 is midnight of the day after, so yesterday's may still be now.
	for start, ok := k.Work.OnOrAfter(max(today-1, FirstDate)); ok; start, ok = k.Work.Add(start, 1) {
		if until = k.Zone.Instant(start, k.Cutoff); now <= until {
			day, at, ok = k.done(start)
			return day, at, until, ok
		}
	}
	return 0, 0, 0, false
}

// done returns when work that starts on the work day start is ready.
func (k *Dock) done(start units.Date) (units.Date, units.Clock, bool) {
	n, at := int(k.Processing/dayMinutes), k.Cutoff+units.Clock(k.Processing%dayMinutes)*units.Minute
	if at > units.EndOfDay {
		n, at = n+1, at-units.EndOfDay
	}
	day, ok := k.Work.Add(start, n)
	return day, at, ok
}

// Latest returns the last moment at which an order can come and be ready at the local day and time given, or earlier:
// the inverse of Ready. ok is false when no work day of the horizon does.
func (k *Dock) Latest(day units.Date, at units.Clock) (units.Instant, bool) {
	n, done := int(k.Processing/dayMinutes), k.Cutoff+units.Clock(k.Processing%dayMinutes)*units.Minute
	if done > units.EndOfDay {
		n, done = n+1, done-units.EndOfDay
	}
	if done > at {
		day--
	}
	ready, ok := k.Work.OnOrBefore(min(day, LastDate))
	if !ok {
		return 0, false
	}
	start, ok := k.Work.Sub(ready, n)
	if !ok {
		return 0, false
	}
	return k.Zone.Instant(start, k.Cutoff), true
}

// Pickups are the times at which a carrier collects at a warehouse: the same times on every day of Calendar.
type Pickups struct {
	Calendar *Calendar
	Times    []units.Clock // ascending local times of day; at least one for anything to leave
}

// Next returns the first pickup at or after the local day and time given. ok is false when there is none within the
// horizon.
func (p *Pickups) Next(day units.Date, at units.Clock) (units.Date, units.Clock, bool) {
	if len(p.Times) == 0 {
		return 0, 0, false
	}
	if p.Calendar.IsOpen(day) {
		for _, t := range p.Times {
			if t >= at {
				return day, t, true
			}
		}
	}
	day, ok := p.Calendar.OnOrAfter(day + 1)
	return day, p.Times[0], ok
}

// Last returns the last pickup on or before a day: with Dock.Latest it gives the latest order time that makes a ship
// date. ok is false when there is none within the horizon.
func (p *Pickups) Last(day units.Date) (units.Date, units.Clock, bool) {
	if len(p.Times) == 0 {
		return 0, 0, false
	}
	day, ok := p.Calendar.OnOrBefore(min(day, LastDate))
	return day, p.Times[len(p.Times)-1], ok
}
