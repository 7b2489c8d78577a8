package ratecards

import (
	"math/big"
	"math/bits"

	"github.com/allot-engine/allot/units"
)

// A dimension is a compiled dimensional-weight rule. Sides are counted in multiples of what they round to, so that
// the count of cubes times num/den is nanograms.
type dimension struct {
	sides        rounder
	surcharges   bool
	above        Volume // in cubes: the rule applies to more than this
	exempt       units.Weight
	plain, other fraction // for rectangular parcels and for the rest
	round        rounder
}

// A fraction is nanograms a cube, reduced.
type fraction struct {
	num uint64
	den divider
}

// compileDimension returns the rule in the form Prepare reads, and false where its figures do not fit it. A rule
// without fault otherwise must be given.
func compileDimension(d *Dimension) (dimension, bool) {
	c := dimension{sides: newSideRounder(d.Sides), exempt: d.ExemptUpTo, round: newRounder(1, "")}
	cube := c.sides.cube()
	c.above = inCubes(d.AboveVolume, cube)
	if d.Sides != nil {
		c.surcharges = d.Sides.Surcharges
	}
	if d.Round != nil {
		c.round = newRounder(int64(d.Round.To), d.Round.Round)
	}
	most := new(big.Int).Quo(new(big.Int).Exp(big.NewInt(int64(units.MaxLength)+int64(c.sides.by)), big.NewInt(3), nil), cube)
	factor := d.Nonrectangular
	if factor == 0 {
		factor = WholeFactor
	}
	for _, f := range []struct {
		factor Factor
		into   *fraction
	}{{WholeFactor, &c.plain}, {factor, &c.other}} {
		num := new(big.Int).Mul(big.NewInt(int64(d.Divisor.Weight)), cube)
		num.Mul(num, big.NewInt(int64(f.factor)))
		den := new(big.Int).Mul(d.Divisor.Volume.big(), big.NewInt(int64(WholeFactor)))
		g := new(big.Int).GCD(nil, nil, num, den)
		num.Quo(num, g)
		den.Quo(den, g)
		if !num.IsUint64() || !den.IsUint64() || num.BitLen()+most.BitLen() > 128 {
			return c, false
		}
		if den.BitLen() > 63 {
			return c, false
		}
		*f.into = fraction{num.Uint64(), newDivider(den.Uint64())}
	}
	return c, true
}

// cube returns the volume of a cube whose sides are what r rounds to.
func (r *rounder) cube() *big.Int {
	return new(big.Int).Exp(new(big.Int).SetUint64(r.by), big.NewInt(3), nil)
}

// inCubes returns how many whole cubes a volume holds. A whole number of cubes is over the volume exactly when it is
// over that.
func inCubes(v Volume, cube *big.Int) Volume {
	return volumeFrom(new(big.Int).Quo(v.big(), cube))
}

// tooBig is the dimensional weight of a parcel that weighs more than units.MaxWeight by its size.
const tooBig = units.MaxWeight + 1

// weight returns the dimensional weight for sides counted by d.sides, rounded up to the nanogram and then as the rule
// says, 0 where the rule does not apply, or tooBig. Rounding up to the nanogram is exact for steps "not over": bounds
// are whole nanograms, and x <= bound exactly when ceil(x) <= bound.
func (d *dimension) weight(a, b, c uint64, flags ParcelFlags) units.Weight {
	hi, lo := bits.Mul64(a*b, c)
	if !(Volume{hi, lo}).over(d.above) {
		return 0
	}
	f := &d.plain
	if flags&(Nonrectangular|Tube) != 0 {
		f = &d.other
	}
	high, low := bits.Mul64(lo, f.num)
	high += hi * f.num
	var q, rest uint64
	switch {
	case high == 0:
		q, rest = f.den.div(low)
	case high >= f.den.by:
		return tooBig
	default:
		q, rest = bits.Div64(high, low, f.den.by)
	}
	if rest != 0 {
		q++
	}
	if q > uint64(units.MaxWeight) {
		return tooBig
	}
	w := units.Weight(q)
	if w <= d.exempt {
		return 0
	}
	return min(d.round.weight(w), tooBig)
}

// LeastBillable returns a lower bound of the parcel's billable weight by this card on any of its ship dates: the larger of its
// weight and the least dimensional weight. Where minimum billable weights of surcharges apply the billable weight is
// higher. The parcel must be one that Prepare takes.
func (c *Card) LeastBillable(p *Parcel) units.Weight {
	longest, second, shortest := longestFirst(p.Sides[0], p.Sides[1], p.Sides[2])
	least := units.MaxWeight
	for _, d := range c.rules {
		if d == nil {
			return p.Weight
		}
		least = min(least, d.weight(d.sides.count(uint64(longest)), d.sides.count(uint64(second)), d.sides.count(uint64(shortest)), p.Flags))
	}
	return max(p.Weight, least)
}
