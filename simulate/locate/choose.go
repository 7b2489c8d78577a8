package locate

import (
	"math"
	"slices"

	"github.com/allot-engine/allot/units"
)

// A matrix is what orders cost from candidates, where that is less than they cost now. Nothing else of it matters: a
// candidate that does not save saves 0.
type matrix struct {
	candidates int
	now        []units.Money // [order], from the warehouses there are
	from       []int         // [order+1]: its entries are [from[i], from[i+1])
	entries    []entry
}

// An entry is what an order costs from a candidate.
type entry struct {
	candidate int32
	cost      units.Money // less than now
}

// best is the cheapest and the second cheapest way to ship each order from a set of candidates.
type best struct {
	by          []int32 // candidate of the cheapest; -1 for what ships it now
	cost, other []units.Money
}

func (m *matrix) best(set []int32, b *best) {
	in := make([]bool, m.candidates)
	for _, c := range set {
		in[c] = true
	}
	b.by, b.cost, b.other = b.by[:0], b.cost[:0], b.other[:0]
	for i, now := range m.now {
		by, cost, other := int32(-1), now, now
		for _, e := range m.entries[m.from[i]:m.from[i+1]] {
			switch {
			case !in[e.candidate]:
			case e.cost < cost:
				by, cost, other = e.candidate, e.cost, cost
			case e.cost < other:
				other = e.cost
			}
		}
		b.by, b.cost, b.other = append(b.by, by), append(b.cost, cost), append(b.other, other)
	}
}

// gains are what each candidate would save beside a set.
func (m *matrix) gains(b *best) []units.Money {
	out := make([]units.Money, m.candidates)
	for i := range m.now {
		for _, e := range m.entries[m.from[i]:m.from[i+1]] {
			out[e.candidate] += max(0, b.cost[i]-e.cost)
		}
	}
	return out
}

// shipped is how many orders each of a set ships.
func (m *matrix) shipped(set []int32) []int64 {
	var b best
	m.best(set, &b)
	out := make([]int64, len(set))
	for _, by := range b.by {
		if at := slices.Index(set, by); at >= 0 {
			out[at]++
		}
	}
	return out
}

// A choice is a set of candidates.
type choice struct {
	set    []int32     // in the order in which they came in
	saving units.Money // of the set
	bound  units.Money // no set of as many saves more
	swaps  int         // exchanges that improved it
}

// choose returns a choice for each number of sites from 1 to most, or to as many as there are candidates. Each begins with
// the one before it and the candidate that saves most beside it, and is then improved by exchanging one site at a time,
// the best exchange first, until none saves more. Ties go to the lower candidate. progress is told of choices made.
func (m *matrix) choose(most int, progress func(done int)) (out []choice) {
	most = min(most, m.candidates)
	bounds := make([]units.Money, most)
	for k := range bounds {
		bounds[k] = math.MaxInt64
	}
	var b best
	// bound lowers the bounds by what follows from a set: whatever other sites are added to it saves at most the sum of
	// their own gains, and so does the best set, joined with this one.
	bound := func(saving units.Money, gains []units.Money) {
		sorted := slices.Clone(gains)
		slices.SortFunc(sorted, func(a, b units.Money) int { return int(min(max(b-a, -1), 1)) })
		sum := saving
		for k := range bounds {
			sum += sorted[k]
			bounds[k] = min(bounds[k], sum)
		}
	}
	set, saving := []int32{}, units.Money(0)
	for range most {
		m.best(set, &b)
		gains := m.gains(&b)
		bound(saving, gains)
		next := -1
		for c := range gains {
			if !slices.Contains(set, int32(c)) && (next < 0 || gains[c] > gains[next]) {
				next = c
			}
		}
		set, saving = append(slices.Clone(set), int32(next)), saving+gains[next]
		swaps := 0
		for {
			at, in, more := m.swap(set, &b)
			if more <= 0 {
				break
			}
			set[at], saving = in, saving+more
			swaps++
		}
		out = append(out, choice{set: slices.Clone(set), saving: saving, swaps: swaps})
		if progress != nil {
			progress(len(out))
		}
	}
	m.best(set, &b)
	bound(saving, m.gains(&b))
	for k := range out {
		out[k].bound = bounds[k]
	}
	return out
}

// swap finds the exchange of one site of a set for another candidate that saves most more than the set does. All
// exchanges are weighed in one pass: what a candidate gains beside the set, less what a site is missed by, put right
// for the orders of that site.
func (m *matrix) swap(set []int32, b *best) (at int, in int32, more units.Money) {
	m.best(set, b)
	position := make([]int, m.candidates)
	for i := range position {
		position[i] = -1
	}
	for i, c := range set {
		position[c] = i
	}
	gains, missed := make([]units.Money, m.candidates), make([]units.Money, len(set))
	both := make([]units.Money, m.candidates*len(set))
	for i := range m.now {
		out := -1
		if b.by[i] >= 0 {
			out = position[b.by[i]]
			missed[out] += b.other[i] - b.cost[i]
		}
		for _, e := range m.entries[m.from[i]:m.from[i+1]] {
			if position[e.candidate] >= 0 {
				continue
			}
			gains[e.candidate] += max(0, b.cost[i]-e.cost)
			if out >= 0 {
				both[int(e.candidate)*len(set)+out] += max(0, b.other[i]-max(b.cost[i], e.cost))
			}
		}
	}
	for c := range m.candidates {
		if position[c] >= 0 {
			continue
		}
		for out := range set {
			if d := gains[c] - missed[out] + both[c*len(set)+out]; d > more {
				at, in, more = out, int32(c), d
			}
		}
	}
	return at, in, more
}
