package geo

import (
	"cmp"
	"slices"
)

// nearestOnStack is the number of points that NearestFirst orders without allocating: more than a merchant's own
// warehouses usually are.
const nearestOnStack = 256

// A distanced is a point's index and how near it is.
type distanced struct {
	dot   float64
	index int32
}

// NearestFirst appends to dst the indexes of units, the nearest to from first, and returns dst. Points equally near
// come in the order of their index, so the result never depends on anything but the arguments. It computes each
// distance once; it allocates only where dst must grow or there are more than 256 units.
func NearestFirst(dst []int32, from Unit, units []Unit) []int32 {
	var small [nearestOnStack]distanced
	order := small[:0]
	if len(units) > nearestOnStack {
		order = make([]distanced, 0, len(units))
	}
	for i, u := range units {
		order = append(order, distanced{from.Dot(u), int32(i)})
	}
	slices.SortFunc(order, func(a, b distanced) int {
		if c := cmp.Compare(b.dot, a.dot); c != 0 {
			return c
		}
		return cmp.Compare(a.index, b.index)
	})
	dst = slices.Grow(dst, len(order))
	for _, o := range order {
		dst = append(dst, o.index)
	}
	return dst
}
