package workload

import (
	"math/big"
	"math/bits"
	"sync"
)

// A rng is a source of draws: SplitMix64. It is seeded in a few instructions, so that each order has one of its own and does
// not depend on what was drawn before it.
//
// Source: G. L. Steele, D. Lea and C. H. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
type rng uint64

const golden = 0x9e3779b97f4a7c15

// rngOf returns the source of the n-th thing of a kind that seed makes.
func rngOf(seed, kind, n uint64) rng { return rng(mix(mix(seed+golden*kind) + golden*n)) }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *rng) next() uint64 {
	*r += golden
	return mix(uint64(*r))
}

// below returns a number from 0 to n-1, which is at least 1. Those of some n are more likely than others by n / 2^64.
func (r *rng) below(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// chance is true in so many cases of a 10,000.
func (r *rng) chance(share int32) bool { return share > 0 && r.below(10_000) < int(share) }

// An alias draws positions in proportion to weights in constant time, by one access of memory.
//
// Source: M. D. Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", IEEE Transactions on
// Software Engineering 17 (1991). Here in integers, so that every machine draws the same.
type alias []aliasSlot

type aliasSlot struct {
	keep  uint32 // of 2^32 draws that hit the slot, those that stay
	other int32  // where the rest goes
}

// newAlias returns an alias for weights, of which there is at least one that is not 0 and whose sum is below 2^62.
func newAlias(weights []uint64) alias {
	n, sum := uint64(len(weights)), uint64(0)
	for _, w := range weights {
		sum += w
	}
	shift := max(bits.LeadingZeros64(sum)-2, 0)
	left, most := make([]uint64, n), 0
	for i, w := range weights {
		left[i] = w << shift
		if w > weights[most] {
			most = i
		}
	}
	mean := (sum << shift) / n
	left[most] -= (sum << shift) % n // at most one part in 2^40 of it
	a := make(alias, n)
	var small, large []int32
	for i, w := range left {
		if a[i].other = int32(i); w < mean {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		keep, _ := bits.Div64(left[s]>>32, left[s]<<32, mean)
		a[s] = aliasSlot{keep: uint32(keep), other: l}
		if left[l] -= mean - left[s]; left[l] < mean {
			large, small = large[:len(large)-1], append(small, l)
		}
	}
	return a
}

// draw turns 64 random bits into a position.
func (a alias) draw(x uint64) int32 {
	hi, lo := bits.Mul64(x, uint64(len(a)))
	if s := &a[hi]; uint32(lo>>32) >= s.keep {
		return s.other
	}
	return int32(hi)
}

// zipfOne is the weight of rank 1.
const zipfOne = 1 << 40

// zipfWeights returns n weights of which that of rank k, from 1, is k^-s, s in thousandths, scaled by zipfOne and at least 1.
// Everything is integers: the same power in floating point differs between processors in its last digits.
func zipfWeights(n int, s Decimal) []uint64 {
	out := make([]uint64, n)
	for k := range out {
		out[k] = max(power(uint64(k+1), s), 1)
	}
	return out
}

// power returns k^-s by zipfOne: 2^-(s log2 k).
func power(k uint64, s Decimal) uint64 {
	whole := bits.Len64(k) - 1
	x := k << (63 - whole) // k / 2^whole by 2^63, in [1, 2)
	var frac uint64        // log2 of that by 2^40
	for range 40 {
		hi, lo := bits.Mul64(x, x)
		frac <<= 1
		if hi>>63 == 1 { // x² >= 2
			x, frac = hi, frac|1
		} else {
			x = hi<<1 | lo>>63
		}
	}
	y := (uint64(whole)<<40 + frac) * uint64(s) / 1_000
	if y>>40 >= 40 {
		return 0
	}
	roots := halves()
	out := uint64(1) << 63
	for i := range roots {
		if y>>(39-i)&1 == 1 {
			out, _ = bits.Mul64(out, roots[i])
			out <<= 1
		}
	}
	return out >> 23 >> (y >> 40)
}

// halves returns 2^(-1/2), 2^(-1/4) and so on by 2^63.
var halves = sync.OnceValue(func() (out [40]uint64) {
	// The i-th root of 1/2 by 2^200, and from there by square roots of whole numbers.
	at := new(big.Int).Lsh(big.NewInt(1), 199)
	for i := range out {
		at.Sqrt(new(big.Int).Lsh(at, 200))
		out[i] = new(big.Int).Rsh(at, 137).Uint64()
	}
	return out
})

// share returns total * part / of, rounded up.
func share(total, part, of uint64) uint64 {
	hi, lo := bits.Mul64(total, part)
	q, r := bits.Div64(hi, lo, of)
	if r > 0 {
		q++
	}
	return q
}
