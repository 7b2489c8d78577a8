package wave

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

const infinite = int64(math.MaxInt64 / 4)

// A term is how much of a contended counter something takes.
type term struct{ counter, amount int32 }

// A group is one content from one warehouse; its variants are the offers for it.
type group struct {
	content            int32
	warehouse          int32
	termsLo, termsHi   int32 // what every variant takes
	variantLo, variant int32 // the variants [variantLo, variant)
}

// A variant is one offer, and what it takes beyond its group's terms.
type variant struct {
	offer            Offer
	termsLo, termsHi int32
}

// A content is what a shipment holds.
type content struct {
	packed uint64 // its digits as fields, see grid
	number int32  // in the grid
}

// prepared is an order with all its offers.
type prepared struct {
	large    bool // too many contents for the exact oracle: see large.go
	grid     *grid
	contents []content // ascending in the lowest line they hold
	bucket   []int32   // [line] contents with this lowest line: [bucket[line], bucket[line+1])
	groups   []group   // in the order of their contents, then warehouses
	byRow    []int32   // [content] its groups: [byRow[c], byRow[c+1])
	variants []variant
	terms    []term
	unfilled []int64 // [line]; infinite where only all lines may be left
	nothing  int64   // cost of leaving all lines

	// Of large orders alone:
	takes []int32  // [group*lines+line] units
	plans [][]pick // the plans known
}

// A grid numbers what can be left of an order's lines: a line that comes whole has digits 0 and 1, one that may be
// split has as many as its units and one.
type grid struct {
	stride []int32  // [line]
	top    []int32  // [line] highest digit
	unit   []int32  // [line] units of one digit
	states int32    // product of top+1
	packed []uint64 // [state] digits as fields with a free top bit
	low    []int8   // [state] the lowest line with a digit above 0
	guard  uint64   // the free top bits
	shift  []uint8  // [line]
}

// often is how many contents a worker asks for between two questions to Options.Stop.
const often = 256

// Ceilings on the exact oracle of one order; beyond them it is large.
const (
	maxStates  = 1 << 12
	maxWork    = 1 << 18 // subset tests of one call
	maxOffered = 1 << 15 // contents over all warehouses
)

func newGrid(top, unit []int32) *grid {
	g := &grid{top: top, unit: unit, states: 1}
	var at uint
	for _, d := range top {
		g.stride = append(g.stride, g.states)
		g.shift = append(g.shift, uint8(at))
		g.states *= d + 1
		at += uint(bits.Len32(uint32(d)))
		g.guard |= 1 << at
		at++
	}
	g.packed, g.low = make([]uint64, g.states), make([]int8, g.states)
	for s := int32(1); s < g.states; s++ {
		low := -1
		for l := range top {
			d := s / g.stride[l] % (top[l] + 1)
			if d > 0 && low < 0 {
				low = l
			}
			g.packed[s] |= uint64(d) << g.shift[l]
		}
		g.low[s] = int8(low)
	}
	return g
}

// holds reports whether the state's digits are all at least the content's.
func (g *grid) holds(state, content uint64) bool { return ((state|g.guard)-content)&g.guard == g.guard }

// parallel runs work on every order, in blocks, on all workers.
func (s *search) parallel(work func(w *worker, order int)) {
	const block = 32
	n := len(s.orders)
	var next atomic.Int64
	run := func(w *worker) {
		for {
			lo := int(next.Add(block)) - block
			if lo >= n {
				return
			}
			for o := lo; o < min(lo+block, n); o++ {
				work(w, o)
			}
		}
	}
	var wg sync.WaitGroup
	for _, w := range s.workers[1:] {
		wg.Go(func() { run(w) })
	}
	run(s.workers[0])
	wg.Wait()
}

// prepare enumerates the offers of all orders, finds the contended counters, and drops the others. It reports whether it could.
func (s *search) prepare() bool {
	p := s.p
	s.orders = make([]prepared, len(p.Orders))
	counters := len(p.Stock) + len(p.Limits)
	grids := gridCache{known: map[string]*grid{}}
	for _, w := range s.workers {
		w.demand = make([]int64, counters)
		w.most = make([]int64, counters)
	}
	s.parallel(func(w *worker, o int) {
		if !s.stop() {
			w.enumerate(o, &grids)
		}
	})
	if s.stopped.Load() {
		return false
	}
	demand := make([]int64, counters)
	var most uint64
	for _, w := range s.workers {
		for c, d := range w.demand {
			demand[c] += d
		}
		w.demand, w.most = nil, nil
	}
	for o := range s.orders {
		most += uint64(s.orders[o].nothing)
		s.large = s.large || s.orders[o].large
	}
	number := make([]int32, counters)
	s.number = number
	for c := range number {
		number[c] = -1
		limit := s.p.limit(c)
		if demand[c] <= limit {
			continue
		}
		number[c] = int32(len(s.cell))
		s.cell = append(s.cell, int32(c))
		s.capacity = append(s.capacity, limit)
	}
	s.parallel(func(_ *worker, o int) { s.orders[o].contract(number) })
	s.price = make([]int64, len(s.capacity))
	s.shift = scale(most)
	// No unit is worth more than all that an order can lose, and sums of what is taken at its price must not overflow.
	total := 1.0
	for _, c := range s.cell {
		total += float64(demand[c])
	}
	dearest := int64(0)
	for o := range s.orders {
		dearest = max(dearest, s.orders[o].nothing)
	}
	for s.shift > 0 && float64(dearest)*float64(int64(1)<<s.shift) > (1<<60)/total {
		s.shift-- // else no price could reach what leaving an order costs, and the bound would stay below it
	}
	s.dearest = min(float64(dearest)*float64(int64(1)<<s.shift), (1<<60)/total)
	return true
}

type gridCache struct {
	sync.Mutex
	known map[string]*grid
}

func (g *gridCache) get(top, unit []int32) *grid {
	key := make([]byte, 0, 8*len(top))
	for l := range top {
		for _, v := range [2]int32{top[l], unit[l]} {
			key = append(key, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
		}
	}
	g.Lock()
	defer g.Unlock()
	if have := g.known[string(key)]; have != nil {
		return have
	}
	made := newGrid(slices.Clone(top), slices.Clone(unit))
	g.known[string(key)] = made
	return made
}

// enumerate asks for all offers of an order.
func (w *worker) enumerate(o int, grids *gridCache) {
	s := w.s
	order, r := &s.p.Orders[o], &s.orders[o]
	n := len(order.Lines)
	top, unit := make([]int32, n), make([]int32, n)
	states := int64(1)
	for l, line := range order.Lines {
		top[l], unit[l] = 1, line.Quantity
		if line.MaySplit {
			top[l], unit[l] = line.Quantity, 1
		}
		states = min(states*int64(top[l]+1), math.MaxInt32)
		r.nothing += line.Unfilled
		if order.Whole {
			r.unfilled = append(r.unfilled, infinite)
		} else {
			r.unfilled = append(r.unfilled, line.Unfilled)
		}
	}
	if n == 0 {
		return
	}
	if states > s.most || n > math.MaxInt8 || w.contents(o, top, unit) > maxOffered {
		r.large = true
		w.enumerateLarge(o)
		return
	}
	r.grid = grids.get(top, unit)
	w.found = w.found[:0]
	for wh := 0; wh < s.p.Warehouses && !s.stopped.Load(); wh++ {
		w.warehouse(o, wh)
	}
	slices.SortStableFunc(w.found, func(a, b found) int {
		if la, lb := r.grid.low[a.number], r.grid.low[b.number]; la != lb {
			return int(la) - int(lb)
		}
		return int(a.number) - int(b.number)
	})
	r.bucket = make([]int32, n+1)
	groups := make([]group, 0, len(w.found))
	for _, f := range w.found {
		if len(r.contents) == 0 || r.contents[len(r.contents)-1].number != f.number {
			r.contents = append(r.contents, content{r.grid.packed[f.number], f.number})
			r.byRow = append(r.byRow, int32(len(groups)))
			r.bucket[r.grid.low[f.number]+1]++
		}
		g := f.group
		g.content = int32(len(r.contents) - 1)
		groups = append(groups, g)
	}
	r.groups = groups
	r.byRow = append(r.byRow, int32(len(groups)))
	for l := range n {
		r.bucket[l+1] += r.bucket[l]
	}
	var work int64
	for state := int32(1); state < r.grid.states; state++ {
		l := r.grid.low[state]
		work += int64(r.bucket[l+1] - r.bucket[l])
	}
	if work > maxWork {
		*r = prepared{large: true, unfilled: r.unfilled, nothing: r.nothing}
		w.enumerateLarge(o)
	}
}

// contents returns how many contents all warehouses together can ship of an order, at most just beyond maxOffered.
func (w *worker) contents(o int, top, unit []int32) int64 {
	var sum int64
	for wh := range w.s.p.Warehouses {
		n := int64(1)
		for l := range top {
			if n *= int64(w.digit(o, wh, l, top[l], unit[l]) + 1); n > maxOffered {
				return n
			}
		}
		if sum += n - 1; sum > maxOffered {
			return sum
		}
	}
	return sum
}

// digit returns the highest digit of a line that the warehouse's stock allows.
func (w *worker) digit(o, wh, l int, top, unit int32) int32 {
	have := w.s.p.Stock[int(w.s.p.Orders[o].Lines[l].SKU)*w.s.p.Warehouses+wh]
	return min(max(have, 0)/unit, top)
}

// found is a group before its content has a place.
type found struct {
	number int32
	group
}

// warehouse asks for all offers of an order from one warehouse.
func (w *worker) warehouse(o, wh int) {
	s, r := w.s, &w.s.orders[o]
	order, g := &s.p.Orders[o], r.grid
	n := len(order.Lines)
	w.top, w.digits, w.take = sized(w.top, n), sized(w.digits, n), sized(w.take, n)
	number, count := int32(0), int64(1)
	for l := range n {
		w.top[l] = w.digit(o, wh, l, g.top[l], g.unit[l])
		count *= int64(w.top[l] + 1)
	}
	for _, c := range w.touched {
		w.most[c] = 0
	}
	w.touched = w.touched[:0]
	for range count - 1 {
		if w.asked++; w.asked%often == 0 && s.stop() {
			return
		}
		for l := 0; ; l++ {
			if w.digits[l] < w.top[l] {
				w.digits[l]++
				w.take[l] += g.unit[l]
				number += g.stride[l]
				break
			}
			number -= g.stride[l] * w.digits[l]
			w.digits[l], w.take[l] = 0, 0
		}
		if made, ok := w.ask(o, wh, w.take); ok {
			w.found = append(w.found, found{number, made})
		}
	}
	for _, c := range w.touched {
		w.demand[c] += w.most[c]
	}
}

// ask makes the group of a content, with counters in the numbering of all counters.
func (w *worker) ask(o, wh int, take []int32) (group, bool) {
	s, r := w.s, &w.s.orders[o]
	p, order := s.p, &s.p.Orders[o]
	g := group{warehouse: int32(wh), termsLo: int32(len(r.terms)), variantLo: int32(len(r.variants))}
	units := int64(0)
	for l, t := range take {
		if t > 0 {
			units += int64(t)
			w.add(r, int(g.termsLo), int(order.Lines[l].SKU)*p.Warehouses+wh, t)
		}
	}
	if p.Units != nil && p.Units[wh] >= 0 {
		w.add(r, int(g.termsLo), len(p.Stock)+int(p.Units[wh]), int32(min(units, math.MaxInt32)))
	}
	if p.Shipments != nil && p.Shipments[wh] >= 0 {
		w.add(r, int(g.termsLo), len(p.Stock)+int(p.Shipments[wh]), 1)
	}
	g.termsHi = int32(len(r.terms))
	drop := func() (group, bool) {
		r.terms, r.variants = r.terms[:g.termsLo], r.variants[:g.variantLo]
		return group{}, false
	}
	for _, t := range r.terms[g.termsLo:] {
		if int64(t.amount) > s.p.limit(int(t.counter)) {
			return drop()
		}
	}
	w.offered = p.offers(o, wh, take, w.offered[:0])
	for _, f := range w.offered {
		v := variant{offer: f, termsLo: int32(len(r.terms))}
		fits := true
		if f.Class >= 0 && f.Parcels > 0 {
			for _, c := range p.Classes[f.Class] {
				w.add(r, int(v.termsLo), len(p.Stock)+int(c), f.Parcels)
			}
			for _, t := range r.terms[v.termsLo:] {
				fits = fits && int64(t.amount) <= s.p.limit(int(t.counter))
			}
		}
		if !fits {
			r.terms = r.terms[:v.termsLo]
			continue
		}
		v.termsHi = int32(len(r.terms))
		r.variants = append(r.variants, v)
		for _, t := range r.terms[v.termsLo:] {
			w.note(t)
		}
	}
	g.variant = int32(len(r.variants))
	if g.variant == g.variantLo {
		return drop()
	}
	for _, t := range r.terms[g.termsLo:g.termsHi] {
		w.note(t)
	}
	return g, true
}

// add puts a term at the end, or onto the one for the same counter from position lo on.
func (w *worker) add(r *prepared, lo, counter int, amount int32) {
	for i := lo; i < len(r.terms); i++ {
		if r.terms[i].counter == int32(counter) {
			r.terms[i].amount += amount
			return
		}
	}
	r.terms = append(r.terms, term{int32(counter), amount})
}

// note remembers the most that one shipment of the order from this warehouse takes of a counter. A counter that both
// a group and its variant take is noted twice its greater part: contended is then said too often, never too seldom.
func (w *worker) note(t term) {
	if w.most[t.counter] == 0 {
		w.touched = append(w.touched, t.counter)
	}
	w.most[t.counter] = max(w.most[t.counter], 2*int64(t.amount))
}

// contract renumbers the counters of an order's terms, drops those that are not contended, and the variants that
// another one dominates.
func (r *prepared) contract(number []int32) {
	terms, variants := make([]term, 0, len(r.terms)), make([]variant, 0, len(r.variants))
	keep := func(lo, hi int32) (int32, int32) {
		from := len(terms)
		for _, t := range r.terms[lo:hi] {
			if c := number[t.counter]; c >= 0 {
				terms = append(terms, term{c, t.amount})
			}
		}
		return int32(from), int32(len(terms))
	}
	for i := range r.groups {
		g := &r.groups[i]
		g.termsLo, g.termsHi = keep(g.termsLo, g.termsHi)
		from := len(variants)
		for _, v := range r.variants[g.variantLo:g.variant] {
			v.termsLo, v.termsHi = keep(v.termsLo, v.termsHi)
			variants = append(variants, v)
		}
		kept := variants[from:from]
		for j, v := range variants[from:] {
			if !slices.ContainsFunc(kept, func(k variant) bool { return dominates(terms, k, v) }) &&
				!slices.ContainsFunc(variants[from+j+1:], func(k variant) bool { return k.offer.Cost < v.offer.Cost && dominates(terms, k, v) }) {
				kept = append(kept, v)
			}
		}
		variants = variants[:from+len(kept)]
		g.variantLo, g.variant = int32(from), int32(len(variants))
	}
	r.terms, r.variants = slices.Clip(terms), slices.Clip(variants)
}

// dominates reports whether a costs no more than b and takes no more of any counter.
func dominates(terms []term, a, b variant) bool {
	if a.offer.Cost > b.offer.Cost {
		return false
	}
next:
	for _, t := range terms[a.termsLo:a.termsHi] {
		for _, u := range terms[b.termsLo:b.termsHi] {
			if t.counter == u.counter && t.amount <= u.amount {
				continue next
			}
		}
		return false
	}
	return true
}

func sized[T any](buf []T, n int) []T {
	buf = slices.Grow(buf[:0], n)[:n]
	clear(buf)
	return buf
}
