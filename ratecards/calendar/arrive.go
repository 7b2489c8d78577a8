package calendar

import "github.com/allot-engine/allot/units"

// Arrive returns the day on which a parcel picked up on ship arrives: the transit-th linehaul day after ship, then the
// first delivery day on or after that. A transit of 0 is there on ship itself, be that a linehaul day or not. ok is
// false when transit is negative or a day falls outside the horizon.
//
// ship is a date at the warehouse and the answer one at the destination: carriers count transit in calendar squares,
// not in hours, so no time zone enters.
func Arrive(ship units.Date, transit int, linehaul, delivery *Calendar) (day units.Date, ok bool) {
	there, ok := linehaul.Add(ship, transit)
	if !ok {
		return 0, false
	}
	return delivery.OnOrAfter(there)
}

// MaxTransit returns the largest transit with which a parcel picked up on ship arrives on promise or earlier, or -1
// when even a transit of 0 is too late. With a histogram of transit days, P(on time) is therefore the share of days at
// most MaxTransit. It is the inverse of Arrive: Arrive(ship, n, …) <= promise exactly when n <= MaxTransit(ship, promise, …).
//
// Days after the horizon count as late, since nothing is known to arrive then.
func MaxTransit(ship, promise units.Date, linehaul, delivery *Calendar) int {
	last, ok := delivery.OnOrBefore(min(promise, LastDate))
	if !ok || ship > last {
		return -1
	}
	n, ok := linehaul.Between(ship, last)
	if !ok {
		return -1
	}
	return n
}

// LastShip returns the last date on which a pickup still arrives on promise or earlier with the given transit: the
// largest ship day, open for pickups or not, with Arrive(ship, transit, …) <= promise. ok is false when there is none
// in the horizon or transit is negative.
func LastShip(promise units.Date, transit int, linehaul, delivery *Calendar) (ship units.Date, ok bool) {
	last, ok := delivery.OnOrBefore(min(promise, LastDate))
	if !ok || transit < 0 {
		return 0, false
	}
	if transit == 0 {
		return last, true
	}
	// The transit-th linehaul day after ship must be at most last. The n-th linehaul day counted back from last
	// (itself first) is the latest day that ship must precede.
	there, ok := linehaul.OnOrBefore(last)
	if !ok {
		return 0, false
	}
	first, ok := linehaul.Sub(there, transit-1)
	if !ok || first == FirstDate {
		return 0, false
	}
	return first - 1, true
}
