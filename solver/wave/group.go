package wave

import (
	"cmp"
	"math/bits"
	"slices"
)

// grouping is a worker's memory for the exact solution of a small group of orders.
//
// The group minimizes its cost within local capacities: what its orders take now, and what is left. With prices this is the same as minimizing the sum of priced costs and of what stays unused of the local
// capacities, at their prices; all of these are at least 0 above the orders' least priced costs, which bounds well.
type grouping struct {
	local   []int32 // [counter] local counter, -1: none
	counter []int32 // [local]
	price   []int64 // [local]
	left    []int64 // [local] capacity
	could   []int64 // [local] the most that the orders still to decide can take
	orders  []groupOrder
	options []option
	terms   []term // local counters
	reach   []term // the most that an order takes of a counter
	after   []int64
	now     []int32
	best    []int32
	limit   int64 // what is to be undercut
	nodes   int
	found   bool
}

type groupOrder struct {
	lo, hi           int32 // options
	reachLo, reachHi int32
	place            int32 // in the group as given
}

type option struct {
	priced  int64
	lo, hi  int32 // terms
	inOrder int32 // its place in the pool
}

// solve returns how the group becomes cheaper; nil when it found no way within the number of partial decisions. Noise
// from 0 to heat is added to the cost of every plan.
func (g *grouping) solve(s *search, group []int32, nodes int, heat int64, seed uint64) []move {
	for len(g.local) < len(s.capacity) {
		g.local = append(g.local, -1)
	}
	for _, c := range g.counter {
		g.local[c] = -1
	}
	g.counter, g.price, g.left, g.could = g.counter[:0], g.price[:0], g.left[:0], g.could[:0]
	g.orders, g.options, g.terms, g.reach = g.orders[:0], g.options[:0], g.terms[:0], g.reach[:0]
	id := func(c int32) int32 {
		n := g.local[c]
		if n < 0 {
			n = int32(len(g.price))
			g.local[c] = n
			g.counter = append(g.counter, c)
			g.price = append(g.price, s.price[c])
			g.could = append(g.could, 0)
			g.left = append(g.left, s.room[c])
		}
		return n
	}
	var now int64 // priced cost above the least
	for _, o := range group {
		for _, t := range s.pools[o][s.chosen[o]].terms {
			g.left[id(t.counter)] += int64(t.amount)
		}
	}
	// What all orders together cannot take is no loss.
	for place, o := range group {
		d := groupOrder{lo: int32(len(g.options)), reachLo: int32(len(g.reach)), place: int32(place)}
		for i := range s.pools[o] {
			p := option{priced: s.pools[o][i].priced - s.pools[o][0].priced + noise(heat, &seed), lo: int32(len(g.terms)), inOrder: int32(i)}
			if int32(i) == s.chosen[o] {
				now += p.priced
			}
			fits := true
			for _, t := range s.pools[o][i].terms {
				n := id(t.counter)
				fits = fits && int64(t.amount) <= g.left[n]
				g.terms = append(g.terms, term{n, t.amount})
			}
			if !fits {
				g.terms = g.terms[:p.lo]
				continue
			}
			p.hi = int32(len(g.terms))
			g.options = append(g.options, p)
			for _, t := range g.terms[p.lo:p.hi] {
				at := slices.IndexFunc(g.reach[d.reachLo:], func(u term) bool { return u.counter == t.counter })
				if at < 0 {
					g.reach = append(g.reach, t)
				} else {
					u := &g.reach[int(d.reachLo)+at]
					u.amount = max(u.amount, t.amount)
				}
			}
		}
		if heat > 0 {
			slices.SortFunc(g.options[d.lo:], func(a, b option) int { return cmp.Compare(a.priced, b.priced) })
		}
		d.hi, d.reachHi = int32(len(g.options)), int32(len(g.reach))
		for _, t := range g.reach[d.reachLo:d.reachHi] {
			g.could[t.counter] += int64(t.amount)
		}
		g.orders = append(g.orders, d)
	}
	for n := range g.left {
		g.left[n] = min(g.left[n], g.could[n])
	}
	left := slices.Clone(g.left)
	for _, o := range group {
		for _, t := range s.pools[o][s.chosen[o]].terms {
			left[g.local[t.counter]] -= int64(t.amount)
		}
	}
	for n := range left {
		now += left[n] * g.price[n]
	}
	if now <= 0 && heat == 0 {
		return nil
	}
	n := len(group)
	g.after = sized(g.after, n+1)
	for i := n - 1; i >= 0; i-- {
		g.after[i] = g.after[i+1] + g.options[g.orders[i].lo].priced
	}
	g.now, g.best = sized(g.now, n), sized(g.best, n)
	g.limit, g.nodes, g.found = now, nodes, false
	g.descend(0, 0)
	if !g.found {
		return nil
	}
	var moves []move
	for i, o := range group {
		if g.best[i] != s.chosen[o] {
			moves = append(moves, move{o, g.best[i]})
		}
	}
	return moves
}

// descend decides the orders from depth on; cost is what those before pay above the least, and what is already known
// to stay unused.
func (g *grouping) descend(depth int, cost int64) {
	if depth == len(g.orders) {
		g.limit, g.found = cost, true
		copy(g.best, g.now)
		return
	}
	d := &g.orders[depth]
	for i := d.lo; i < d.hi; i++ {
		p := &g.options[i]
		if cost+p.priced+g.after[depth+1] >= g.limit {
			return
		}
		if g.nodes--; g.nodes < 0 {
			return
		}
		fits := true
		for _, t := range g.terms[p.lo:p.hi] {
			fits = fits && int64(t.amount) <= g.left[t.counter]
		}
		if !fits {
			continue
		}
		unused := int64(0)
		for _, t := range g.reach[d.reachLo:d.reachHi] {
			unused -= max(0, g.left[t.counter]-g.could[t.counter]) * g.price[t.counter]
			g.could[t.counter] -= int64(t.amount)
		}
		for _, t := range g.terms[p.lo:p.hi] {
			g.left[t.counter] -= int64(t.amount)
		}
		for _, t := range g.reach[d.reachLo:d.reachHi] {
			unused += max(0, g.left[t.counter]-g.could[t.counter]) * g.price[t.counter]
		}
		if cost+p.priced+unused+g.after[depth+1] < g.limit {
			g.now[d.place] = p.inOrder
			g.descend(depth+1, cost+p.priced+unused)
		}
		for _, t := range g.terms[p.lo:p.hi] {
			g.left[t.counter] += int64(t.amount)
		}
		for _, t := range g.reach[d.reachLo:d.reachHi] {
			g.could[t.counter] += int64(t.amount)
		}
	}
}

// noise returns a number from 0 to heat.
func noise(heat int64, seed *uint64) int64 {
	if heat == 0 {
		return 0
	}
	*seed += 0x9e3779b97f4a7c15
	z := *seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	hi, _ := bits.Mul64(z^z>>31, uint64(heat))
	return int64(hi)
}
