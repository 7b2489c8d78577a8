package engine

import (
	"iter"
	"math/bits"
)

// leftovers are what a wave leaves of what it could take.
type leftovers struct {
	stock  []int32 // as wave.Problem.Stock
	limits []int64 // as wave.Problem.Limits
}

// reason tells why a decision leaves lines that the order alone would have had: what the wave exhausted, and the outcome to be
// told where the order is refused for it. The order sits in the seat.
func (r *waveRun) reason(s *seat, o int, unfilled []int32, left *leftovers) (Outcome, Constraint) {
	p, sc := &r.problem, s.sc
	lines := p.Orders[o].Lines
	full := None
	for _, l := range unfilled {
		line := &lines[l]
		total, open, closed := int64(0), false, None
		take := make([]int32, len(lines))
		for column := range r.sites {
			w := r.sites[column].warehouse
			have := min(left.stock[int(line.SKU)*p.Warehouses+column], line.Quantity)
			if have <= 0 || have < line.Quantity && !line.MaySplit || sc.row.viewOf[w] < 0 || sc.only >= 0 && sc.only != w {
				continue
			}
			take[l] = have
			s.offers = sc.waveOffers(s.offers[:0], sc.contentTaken(take), &r.sites[column])
			if len(s.offers) == 0 {
				continue
			}
			total += int64(have)
			for i := range s.offers {
				why := r.fullOf(s.offers[i].class, left)
				if open = open || why == None; why != None && closed == None {
					closed = why
				}
			}
		}
		switch {
		case total < int64(line.Quantity):
			return OutOfStock, NoStock
		case !open && full == None:
			full = closed
		}
	}
	switch {
	case full != None && sc.promised:
		return PromiseMissed, full
	case full != None:
		return NotServed, full
	case len(lines) > int(r.e.snap.Policy.MaxShipments) && r.orders[o].cost < r.orders[o].unfilled:
		return TooManySplits, NoStock // what is left lies too far apart
	}
	return LeftOut, None
}

// fullOf tells which capacity of a class is used up, or None.
func (r *waveRun) fullOf(class int32, left *leftovers) Constraint {
	if class >= 0 {
		for _, c := range r.problem.Classes[class] {
			if left.limits[c] <= 0 {
				return r.limiter.kinds[c]
			}
		}
	}
	return None
}

// bitsOf yields the positions of the bits that are set, the lowest first.
func bitsOf(word uint64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for ; word != 0; word &= word - 1 {
			if !yield(int32(bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}
