package engine

import (
	"math"
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// secondsADay scales dates to the clock of offers.
const secondsADay = int64(units.EndOfDay)

// daysOf returns what the moment means for a profile, worked out anew only when a cut-off has passed since.
func (sc *Scratch) daysOf(profile int32) *workday {
	d := &sc.days[profile]
	if d.from <= sc.now && sc.now <= d.until {
		return d
	}
	p := &sc.e.snap.Profiles[profile]
	n := len(p.Pickups)
	d.from = sc.now
	d.day, d.at, d.until, d.ok = p.Dock.Ready(sc.now)
	if d.ok {
		d.ready = p.Dock.Zone.Instant(d.day, d.at)
	}
	sc.leaving = append(sc.leaving[:int(sc.leavings)*n], make([]units.Date, n)...)
	ships := sc.leaving[int(sc.leavings)*n:]
	for s := range p.Pickups {
		ships[s] = noShip
		if d.ok && p.Pickups[s].Calendar != nil {
			if day, _, ok := p.Pickups[s].Next(d.day, d.at); ok {
				ships[s] = day
			}
		}
	}
	for d.leaving = 0; d.leaving < sc.leavings; d.leaving++ {
		if slices.Equal(sc.leaving[int(d.leaving)*n:][:n], ships) {
			return d
		}
	}
	sc.leavings++
	return d
}

// shipsOf returns the ship dates of a workday by service.
func (sc *Scratch) shipsOf(d *workday) []units.Date {
	n := len(sc.e.snap.Services)
	return sc.leaving[int(d.leaving)*n:][:n]
}

// inTime returns for each service the first transit with which a shipment that leaves on the dates of a workday breaks the
// promise: 0 where none keeps it, and noTransit where any does or the search may be late. One comparison with a lane's
// transit thus tells all of whether the service goes there, picks up and is in time.
func (sc *Scratch) inTime(d *workday) []uint8 {
	return sc.within(min(d.leaving, maxLeavings), sc.shipsOf(d))
}

// within is inTime for ship dates by service. For each position of such dates among the windows and each promise it is
// worked out once and kept from order to order; at maxLeavings, where dates change, each time.
func (sc *Scratch) within(position int32, ships []units.Date) []uint8 {
	due := sc.due
	if sc.late {
		due = anyDay
	}
	at := int(position)*dueSpan + int(uint32(due.day)%dueSpan)
	w, first := &sc.windows[at], sc.transits[at*len(ships):][:len(ships)]
	var own *laneRow // whose delivery days count
	if sc.row.otherDays != 0 {
		own = sc.row
	}
	if w.due == due && w.own == own {
		return first
	}
	for s, ship := range ships {
		switch {
		case ship == noShip:
			first[s] = 0
		case sc.late:
			first[s] = noTransit
		default:
			most := calendar.MaxTransit(ship, sc.deadline[s], sc.e.snap.Services[s].Linehaul, sc.delivery(int32(s)))
			first[s] = uint8(min(most+1, noTransit))
		}
	}
	if position != maxLeavings {
		w.due, w.own = due, own
	}
	return first
}

// delivery returns the days on which a service delivers at the place.
func (sc *Scratch) delivery(service int32) *calendar.Calendar {
	if sc.row.otherDays>>service&1 == 1 {
		return sc.row.delivery[service]
	}
	return sc.e.snap.Services[service].Delivery
}

// setSpeed works out the speed: the largest transit with which any service keeps the promise from any warehouse.
func (sc *Scratch) setSpeed() {
	sc.speed = anySpeed
	if sc.late {
		return
	}
	if sc.now < sc.soonFrom || sc.now > sc.soonUntil {
		sc.setSoonest()
	}
	first, within := uint8(1), sc.within(soonestAt, sc.soonest)
	for set := sc.services & sc.row.services; set != 0; set &= set - 1 {
		first = max(first, within[bits.TrailingZeros64(set)])
	}
	sc.speed = min(int(first)-1, anySpeed)
	sc.foreseen.speeds[sc.foreseen.like] = uint8(sc.speed)
}

// setSoonest works out the first ship date of every service from anywhere, and how long that holds.
func (sc *Scratch) setSoonest() {
	sc.soonFrom, sc.soonUntil = sc.now, math.MaxInt64
	clear(sc.windows[soonestAt*dueSpan:][:dueSpan])
	for s := range sc.soonest {
		sc.soonest[s] = noShip
	}
	for p := range sc.days {
		d := sc.daysOf(int32(p))
		if d.ok {
			sc.soonUntil = min(sc.soonUntil, d.until)
		}
		for s, ship := range sc.shipsOf(d) {
			if ship != noShip && (sc.soonest[s] == noShip || ship < sc.soonest[s]) {
				sc.soonest[s] = ship
			}
		}
	}
}

// arrival returns the day a shipment arrives, and the moment on the destination's own clock.
func (sc *Scratch) arrival(service int32, ship units.Date, transit uint8) (units.Date, int64, bool) {
	svc := &sc.e.snap.Services[service]
	day, ok := calendar.Arrive(ship, int(transit), svc.Linehaul, sc.delivery(service))
	if !ok || day > sc.horizon {
		return 0, 0, false
	}
	return day, int64(day)*secondsADay + int64(svc.DeliverBy), true
}
