package ahead

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Forecast says which orders come how often. It is made by hand, by [Fit], or by [Learner.Forecast].
//
// An order is drawn as a type, the quantity of each of its lines, a region and a promise, all independently.
type Forecast struct {
	Types      []Type    // what is ordered together
	Regions    []float64 // [region] weight of orders to there, at least 0
	Promises   []float64 // [promise] weight of orders with it, at least 0
	Quantities []float64 // [n] weight of n+1 units of a line, at least 0; at most MaxQuantity; empty: always 1
	Unfilled   int64     // cost of a unit that is not shipped; at least 0, below CostLimit
}

// A Type is a set of SKUs that are ordered together.
type Type struct {
	SKUs   []int32 // distinct
	Weight float64 // at least 0
}

// Check reports the first thing that keeps a forecast from being one.
func (f *Forecast) Check() error {
	bad := func(x float64) bool { return !(x >= 0) || math.IsInf(x, 1) }
	for t := range f.Types {
		if bad(f.Types[t].Weight) {
			return fmt.Errorf("ahead: order type %d has weight %v", t, f.Types[t].Weight)
		}
		for i, sku := range f.Types[t].SKUs {
			if slices.Contains(f.Types[t].SKUs[:i], sku) {
				return fmt.Errorf("ahead: order type %d names SKU %d twice", t, sku)
			}
		}
	}
	for _, w := range [][]float64{f.Regions, f.Promises, f.Quantities} {
		for i, x := range w {
			if bad(x) {
				return fmt.Errorf("ahead: weight %d of %d is %v", i, len(w), x)
			}
		}
	}
	if len(f.Quantities) > MaxQuantity {
		return fmt.Errorf("ahead: weights of lines of up to %d units", len(f.Quantities))
	}
	if f.Unfilled < 0 || f.Unfilled >= CostLimit {
		return fmt.Errorf("ahead: unfilled units cost %d", f.Unfilled)
	}
	return nil
}

// sampler draws orders from a forecast.
type sampler struct {
	f                                    *Forecast
	types, regions, promises, quantities cumulative
}

// cumulative weights, to draw from.
type cumulative struct {
	sum   []float64
	guide []int32 // [k] the first index whose sum is above k parts of all: nearly always the one that is drawn
}

func accumulate(n int, weight func(int) float64) cumulative {
	c := cumulative{make([]float64, n), make([]int32, n)}
	sum := 0.0
	for i := range c.sum {
		sum += weight(i)
		c.sum[i] = sum
	}
	at := 0
	for k := range c.guide {
		for at < n-1 && c.sum[at] <= sum*float64(k)/float64(n) {
			at++
		}
		c.guide[k] = int32(at)
	}
	return c
}

func (c *cumulative) all() float64 {
	if len(c.sum) == 0 {
		return 0
	}
	return c.sum[len(c.sum)-1]
}

// draw returns the first index whose sum is above a uniform part of all; 0 where there are no weights.
func (c *cumulative) draw(rng *rand.Rand) int {
	n := len(c.sum)
	if n < 2 {
		return 0
	}
	part := rng.Float64()
	x := part * c.sum[n-1]
	at := int(c.guide[int(part*float64(n))])
	for at > 0 && c.sum[at-1] > x { // where rounding has put the guide too far
		at--
	}
	for at < n-1 && c.sum[at] <= x {
		at++
	}
	return at
}

func newSampler(f *Forecast) *sampler {
	of := func(w []float64) cumulative { return accumulate(len(w), func(i int) float64 { return w[i] }) }
	return &sampler{
		f: f, types: accumulate(len(f.Types), func(i int) float64 { return f.Types[i].Weight }),
		regions: of(f.Regions), promises: of(f.Promises), quantities: of(f.Quantities),
	}
}

// draw makes the next order in o, whose lines it reuses.
func (s *sampler) draw(rng *rand.Rand, o *Order) {
	t := &s.f.Types[s.types.draw(rng)]
	o.Region, o.Promise = int32(s.regions.draw(rng)), int32(s.promises.draw(rng))
	o.Lines = o.Lines[:0]
	for _, sku := range t.SKUs {
		o.Lines = append(o.Lines, Line{SKU: sku, Quantity: int32(s.quantities.draw(rng)) + 1})
	}
}

// rates returns the units of every SKU that an order wants in the mean.
func (s *sampler) rates(skus int) []float64 {
	each, sum := 1.0, 0.0
	for _, w := range s.f.Quantities {
		sum += w
	}
	if sum > 0 {
		each = 0
		for i, w := range s.f.Quantities {
			each += float64(i+1) * w / sum
		}
	}
	out := make([]float64, skus)
	all := s.types.all()
	if all == 0 {
		return out
	}
	for t := range s.f.Types {
		for _, sku := range s.f.Types[t].SKUs {
			out[sku] += each * s.f.Types[t].Weight / all
		}
	}
	return out
}

// Fit makes a forecast from orders that came, whose regions and promises are numbered below those numbers. Every region
// and promise weighs as if it had been seen half a time more, so that none is impossible. Lines without units and
// orders without lines count for nothing; a line of more than 1,000 units counts as one of so many.
func Fit(orders []Order, regions, promises int, unfilled int64) *Forecast {
	const unseen, mostUnits = 0.5, 1000
	f := &Forecast{Regions: make([]float64, regions), Promises: make([]float64, promises), Unfilled: unfilled}
	for i := range f.Regions {
		f.Regions[i] = unseen
	}
	for i := range f.Promises {
		f.Promises[i] = unseen
	}
	at := map[string]int{}
	var key []byte
	for i := range orders {
		o := &orders[i]
		var skus []int32
		for _, l := range o.Lines {
			if l.Quantity < 1 {
				continue
			}
			if !slices.Contains(skus, l.SKU) {
				skus = append(skus, l.SKU)
			}
			n := min(int(l.Quantity), mostUnits)
			for len(f.Quantities) < n {
				f.Quantities = append(f.Quantities, 0)
			}
			f.Quantities[n-1]++
		}
		if len(skus) == 0 {
			continue
		}
		slices.Sort(skus)
		key = key[:0]
		for _, sku := range skus {
			key = binary.BigEndian.AppendUint32(key, uint32(sku))
		}
		t, ok := at[string(key)]
		if !ok {
			t = len(f.Types)
			at[string(key)] = t
			f.Types = append(f.Types, Type{SKUs: skus})
		}
		f.Types[t].Weight++
		f.Regions[o.Region]++
		f.Promises[o.Promise]++
	}
	return f
}
