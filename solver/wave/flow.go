package wave

import (
	"container/heap"
	"math"
)

// A way is one plan of an order in a flow.
type way struct {
	cost    int64
	counter int32 // it takes one unit of it; the last one, of which there is no end, where it takes of none
	pick    pick  // group -1: the order is left
}

// A mover is an order that could go from one counter to another, and what it would cost more there.
type mover struct {
	more  int64
	order int32
}

// movers is a heap, those that cost least first, and of these the first.
type movers []mover

func (m movers) Len() int      { return len(m) }
func (m movers) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m movers) Less(i, j int) bool {
	return m[i].more < m[j].more || m[i].more == m[j].more && m[i].order < m[j].order
}
func (m *movers) Push(x any) { *m = append(*m, x.(mover)) } //nolint:forcetypeassert // only movers are pushed
func (m *movers) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// An arc leads from one counter to another; over it goes the order that minds least.
type arc struct {
	to     int32
	movers movers // some may have left the counter meanwhile: they go when they come to the top
}

// A step is how a counter is reached: who would come to it, and from which counter.
type step struct{ order, from int32 }

// flow is a wave in which every plan takes one unit of one contended counter, or of none: orders of one line for which
// warehouses have places, or of one piece of which there are few. That is a flow in a network, and shortest augmenting
// paths with prices (R. E. Tarjan, Data Structures and Network Algorithms, 1983, chapter 8) find its optimum and the
// prices that prove it. Orders come one after the other; each takes the cheapest place, counting what it costs to move
// others on until one finds room.
type flow struct {
	s     *search
	ways  [][]way // [order] the cheapest of each counter
	taken []int32 // [order] in its ways
	room  []int64 // [counter] the last one stands for what is not contended
	price []int64 // [counter] 0 where there is room
	arcs  [][]arc // [counter]
	index []map[int32]int32

	// Of the search for one order's place:
	label []int64 // [counter] the least reduced cost of getting there; -1: not reached
	done  []bool  // [counter] its label is final
	steps []step  // [counter]
	seen  []int32 // counters with a label
	near  movers  // labels and counters yet to be looked at
}

// solveFlow decides the wave and proves it where it is a flow, and reports whether it is one.
func (s *search) solveFlow() bool {
	f := &flow{s: s}
	if !f.state() {
		return false
	}
	for o := range f.ways {
		if o%1024 == 0 && s.stop() {
			return false
		}
		f.add(int32(o))
	}
	for c := range s.capacity {
		if float64(f.price[c]) > s.dearest {
			return false
		}
	}
	s.shift = 0 // prices are whole
	copy(s.price, f.price)
	s.iterations++
	s.bound = math.MinInt64
	s.prove(make([]int64, len(s.capacity)))
	s.pools, s.chosen = make([][]choice, len(s.orders)), make([]int32, len(s.orders))
	s.parallel(func(w *worker, o int) {
		k := f.ways[o][f.taken[o]].pick
		if k.group < 0 {
			s.pools[o] = []choice{{cost: s.orders[o].nothing, priced: s.orders[o].nothing << s.shift}}
			return
		}
		s.pools[o] = []choice{w.choose(o, []pick{k})}
	})
	return true
}

// state lists the ways of all orders, and reports whether the wave is a flow.
func (f *flow) state() bool {
	s := f.s
	for o := range s.orders {
		if r := &s.orders[o]; r.large || r.grid != nil && r.grid.states > 2 {
			return false
		}
	}
	// Counters may be said to be contended that are not: each order ships once here, so that the most that all take is
	// known. A shipment takes what its group takes and what its variant takes, also of the same counter.
	most, last := make([]int64, len(s.capacity)), make([]int64, len(s.capacity))
	for o := range s.orders {
		for _, terms := range s.orders[o].termsOf() {
			for _, t := range terms {
				last[t.counter] = max(last[t.counter], int64(t.amount))
			}
			for _, t := range terms {
				most[t.counter] += last[t.counter]
				last[t.counter] = 0
			}
		}
	}
	n := int32(len(s.capacity))
	for o := range s.orders {
		r := &s.orders[o]
		list := []way{{r.nothing, n, pick{-1, -1}}}
		for i := range r.groups {
			g := &r.groups[i]
			for v := g.variantLo; v < g.variant; v++ {
				made := way{r.variants[v].offer.Cost, n, pick{int32(i), v}}
				for _, terms := range [2][]term{r.terms[g.termsLo:g.termsHi], r.terms[r.variants[v].termsLo:r.variants[v].termsHi]} {
					for _, t := range terms {
						if most[t.counter] <= s.capacity[t.counter] {
							continue
						}
						if made.counter < n || t.amount != 1 {
							return false
						}
						made.counter = t.counter
					}
				}
				list = cheaper(list, made)
			}
		}
		f.ways = append(f.ways, list)
	}
	f.taken = make([]int32, len(s.orders))
	f.room = append(append([]int64(nil), s.capacity...), math.MaxInt64)
	f.price, f.label = make([]int64, n+1), make([]int64, n+1)
	f.arcs, f.index = make([][]arc, n+1), make([]map[int32]int32, n+1)
	f.done, f.steps = make([]bool, n+1), make([]step, n+1)
	for c := range f.label {
		f.label[c], f.index[c] = -1, map[int32]int32{}
	}
	return true
}

// termsOf returns what the groups of an order take of contended counters, and what their variants take.
func (r *prepared) termsOf() (terms [2][]term) {
	for i := range r.groups {
		g := &r.groups[i]
		terms[0] = append(terms[0], r.terms[g.termsLo:g.termsHi]...)
		for _, v := range r.variants[g.variantLo:g.variant] {
			terms[1] = append(terms[1], r.terms[v.termsLo:v.termsHi]...)
		}
	}
	return terms
}

// cheaper adds a way to a list that has one of each counter.
func cheaper(list []way, made way) []way {
	for i := range list {
		if list[i].counter == made.counter {
			if made.cost < list[i].cost {
				list[i] = made
			}
			return list
		}
	}
	return append(list, made)
}

// add gives the next order a place.
func (f *flow) add(o int32) {
	least := int64(math.MaxInt64)
	for _, w := range f.ways[o] {
		least = min(least, w.cost+f.price[w.counter])
	}
	for _, w := range f.ways[o] {
		f.reach(w.counter, w.cost+f.price[w.counter]-least, step{o, -1})
	}
	// The nearest counter with room.
	goal, length := int32(-1), int64(0)
	for {
		next := heap.Pop(&f.near).(mover) //nolint:forcetypeassert // it holds nothing else, and there always is a way out
		at := next.order
		if f.done[at] || next.more != f.label[at] {
			continue
		}
		f.done[at] = true
		if f.room[at] > 0 {
			goal, length = at, next.more
			break
		}
		for i := range f.arcs[at] {
			a := &f.arcs[at][i]
			for len(a.movers) > 0 && f.ways[a.movers[0].order][f.taken[a.movers[0].order]].counter != at {
				heap.Pop(&a.movers)
			}
			if len(a.movers) > 0 && !f.done[a.to] {
				f.reach(a.to, next.more+a.movers[0].more+f.price[a.to]-f.price[at], step{a.movers[0].order, at})
			}
		}
	}
	for _, c := range f.seen {
		if f.done[c] {
			f.price[c] += length - f.label[c]
		}
		f.label[c], f.done[c] = -1, false
	}
	f.seen, f.near = f.seen[:0], f.near[:0]
	// Everyone on the way moves on.
	if int(goal) < len(f.s.capacity) {
		f.room[goal]--
	}
	for at := goal; at >= 0; at = f.steps[at].from {
		f.place(f.steps[at].order, at)
	}
}

// reach notes a way to a counter if it is the shortest so far.
func (f *flow) reach(to int32, label int64, by step) {
	if f.label[to] >= 0 && f.label[to] <= label {
		return
	}
	if f.label[to] < 0 {
		f.seen = append(f.seen, to)
	}
	f.label[to], f.steps[to] = label, by
	heap.Push(&f.near, mover{label, to})
}

// place puts an order to a counter, and on the arcs from there.
func (f *flow) place(o, counter int32) {
	var here int64
	for i, w := range f.ways[o] {
		if w.counter == counter {
			f.taken[o], here = int32(i), w.cost
		}
	}
	if int(counter) == len(f.s.capacity) {
		return // nobody is ever moved on from there
	}
	for _, w := range f.ways[o] {
		if w.counter == counter {
			continue
		}
		at, ok := f.index[counter][w.counter]
		if !ok {
			at = int32(len(f.arcs[counter]))
			f.index[counter][w.counter] = at
			f.arcs[counter] = append(f.arcs[counter], arc{to: w.counter})
		}
		heap.Push(&f.arcs[counter][at].movers, mover{w.cost - here, o})
	}
}
