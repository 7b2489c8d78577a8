package ratecards

import (
	"math"
	"math/bits"

	"github.com/allot-engine/allot/units"
)

// maxBillable bounds a billable weight: the heaviest parcel, rounded up to a multiple of at most as much.
const maxBillable = 2 * units.MaxWeight

// A step is one step of a weight structure with what its price needs, one a zone of the table: each started unit
// above from costs rate, on top of start, and no less than least. A step of basis "each" has no units: its price is
// start.
type step struct {
	row      int          // in the table
	from, to units.Weight // the step prices weights above from, and to as well
	counted  units.Weight // units count from here; 0 for per_unit
	unit     units.Weight // 0 for basis "each"
	rate     []units.Money
	start    []units.Money // NoPrice where the service does not go
	least    []units.Money
}

// steps returns the steps of a weight structure whose rows are in order.
func steps(st *Structure) []step {
	var all []step
	zones := len(st.Table.Zones)
	least := make([]units.Money, zones)
	var from units.Weight
	for i, r := range st.Table.Rows {
		if r.Basis == BasisMinimum {
			least = r.Prices
			continue
		}
		s := step{row: i, from: from, to: r.NotOver, start: r.Prices, least: make([]units.Money, zones)}
		if s.to == 0 {
			s.to = maxBillable
		}
		if r.Basis == BasisPerUnit || r.Basis == BasisBeyond {
			s.unit, s.rate, s.start = st.Unit, r.Prices, make([]units.Money, zones)
			for z, p := range r.Prices {
				switch {
				case p == NoPrice:
					s.start[z] = NoPrice
				case r.Basis == BasisPerUnit:
					s.least[z] = max(least[z], 0)
				default:
					s.start[z] = all[len(all)-1].most(z)
				}
			}
			if r.Basis == BasisBeyond {
				s.counted = from
			}
			least = make([]units.Money, zones)
		}
		all = append(all, s)
		from = r.NotOver
	}
	return all
}

// price returns what a weight within the step costs in the z-th zone of the table, or NoPrice.
func (s *step) price(w units.Weight, z int) units.Money {
	if s.unit == 0 || s.start[z] == NoPrice {
		return s.start[z]
	}
	return max(s.least[z], s.start[z]+s.rate[z]*units.Money((w-s.counted+s.unit-1)/s.unit))
}

// most returns the price at the step's upper end, which saturates far above MaxAmount.
func (s *step) most(z int) units.Money {
	if s.unit == 0 || s.start[z] == NoPrice {
		return s.start[z]
	}
	hi, lo := bits.Mul64(uint64(s.rate[z]), uint64((s.to-s.counted+s.unit-1)/s.unit))
	if hi != 0 || lo > math.MaxInt64/4 {
		lo = math.MaxInt64 / 4
	}
	return max(s.least[z], min(s.start[z], math.MaxInt64/4)+units.Money(lo))
}

// A weightIndex finds the step of a weight without a search: weights fall into buckets of a power of two nanograms, each
// of which knows the first step that may hold them. The step is exact, not the bucket's: from the first step on, bounds
// are compared, and buckets are made so small that mostly none or one is passed.
//
// A binary search over 150 steps costs seven unpredictable branches; a table by whole pounds would miss steps of
// 15.999 oz.
type weightIndex struct {
	shift  uint
	first  []uint16
	bounds []units.Weight // upper ends in order, then math.MaxInt64
}

const maxBuckets = 4_096

func newWeightIndex(ends []units.Weight) weightIndex {
	x := weightIndex{bounds: append(append([]units.Weight(nil), ends...), math.MaxInt64)}
	top := units.Weight(1)
	for _, e := range ends {
		if e < maxBillable {
			top = e
		}
	}
	// Halve the buckets until none holds more than two bounds, or there are enough of them.
	x.shift = uint(bits.Len64(uint64(top)))
	for x.shift > 0 && top>>(x.shift-1) < maxBuckets && crowd(ends, x.shift) > 2 {
		x.shift--
	}
	s := 0
	for b := range top>>x.shift + 1 {
		for x.bounds[s] < b<<x.shift {
			s++
		}
		x.first = append(x.first, uint16(s))
	}
	return x
}

// crowd returns the most bounds that share a bucket.
func crowd(ends []units.Weight, shift uint) int {
	most, run := 0, 0
	for i, e := range ends {
		if i > 0 && e>>shift == ends[i-1]>>shift {
			run++
		} else {
			run = 1
		}
		most = max(most, run)
	}
	return most
}

// find returns the step that holds w, or the number of steps when w is above the last. w must be above 0.
func (x *weightIndex) find(w units.Weight) int {
	b := min(int(w>>x.shift), len(x.first)-1)
	s := int(x.first[b])
	for w > x.bounds[s] {
		s++
	}
	return s
}

// A divider divides by a fixed number by multiplying with its reciprocal, in a fifth of the time of a division. The
// estimate floor(n x floor((2^64-1)/by) / 2^64) is the quotient or one less, which one comparison mends: the
// reciprocal is short by less than one, so the estimate by less than n/2^64 + 1 - 1/by.
type divider struct{ by, reciprocal uint64 }

// newDivider returns a divider by a number from 1 to 2^63.
func newDivider(by uint64) divider { return divider{by, math.MaxUint64 / by} }

func (d *divider) div(n uint64) (quotient, rest uint64) {
	q, _ := bits.Mul64(n, d.reciprocal)
	r := n - q*d.by
	if r >= d.by {
		return q + 1, r - d.by
	}
	return q, r
}

// A rounder rounds to multiples of a length or a weight. The zero rounder must not be used; newRounder(1, "") leaves
// whole numbers as they are.
type rounder struct {
	divider
	add uint64 // what turns rounding down into the way asked for
}

// newRounder rounds to multiples of to, which must be above 0, by one of the ways of SideRounding and WeightRounding.
func newRounder(to int64, way string) rounder {
	r := rounder{divider: newDivider(uint64(to))}
	switch way {
	case RoundNearest:
		r.add = uint64(to) / 2
	case RoundDown:
	default:
		r.add = uint64(to) - 1
	}
	return r
}

func newSideRounder(r *SideRounding) rounder {
	if r == nil {
		return newRounder(1, "")
	}
	return newRounder(int64(r.To), r.Round)
}

// count returns how many multiples n rounds to.
func (r *rounder) count(n uint64) uint64 {
	q, _ := r.div(n + r.add)
	return q
}

// weight rounds a weight.
func (r *rounder) weight(w units.Weight) units.Weight {
	return units.Weight(r.count(uint64(w)) * r.by)
}

// roundWeight is rounder.weight as Rate computes it: by division.
func roundWeight(w, to units.Weight, way string) units.Weight {
	switch way {
	case RoundNearest:
		return (w + to/2) / to * to
	case RoundDown:
		return w / to * to
	}
	return (w + to - 1) / to * to
}
