package wave

import (
	"slices"

	"github.com/allot-engine/allot/solver"
)

// A worker is one goroutine's memory.
type worker struct {
	s *search

	// Enumeration.
	demand, most []int64 // [counter of all]
	touched      []int32
	found        []found
	top, digits  []int32
	take         []int32
	asked        uint32 // contents
	offered      []Offer
	full         []bool
	scratch      solver.Scratch
	proving      bool // the answers must be lower bounds, also for large orders

	// The oracle: priced offers of one order.
	cost    []int64 // [group] with the split cost of one shipment and prices
	variant []int32 // [group] its cheapest variant at these prices
	least   []int64 // [content] of its groups
	best    []int32 // [content] the group of least
	from    []int64 // [state] least cost of what is left, when warehouses may ship twice
	picks   []pick  // the plan of the last answer
	path    []pick
	nodes   int
	room    []int64 // when set, what is left of every counter
	upper   int64   // least cost found by the exact search

	// The dual.
	use   []int64
	total int64

	pooling pooling
	group   grouping
	chain   chaining
	kept    []bool
}

// A pick is a shipment within an order: a group and one of its variants.
type pick struct{ group, variant int32 }

// oracle returns the least priced cost of an order (scaled) and leaves the plan that attains it in w.picks; lines in
// no pick are left unfilled. The plan ships at most once per warehouse and keeps MaxShipments unless more than nodes
// partial plans would have to be seen; then cost and plan are those of a relaxation without these rules.
func (w *worker) oracle(o int, price []int64, nodes int) int64 {
	s, r := w.s, &w.s.orders[o]
	w.picks = w.picks[:0]
	if len(r.groups) == 0 && !r.large {
		return r.nothing << s.shift
	}
	if r.large {
		return w.oracleLarge(o, price)
	}
	w.priceGroups(r, price, nil)
	if len(r.unfilled) == 1 && r.grid.top[0] == 1 {
		return w.oneLine(r)
	}
	cost := w.relax(r)
	if w.valid(o) {
		return cost
	}
	relaxed := slices.Clone(w.picks)
	if exact, ok := w.exact(o, nodes, nil); ok {
		return exact
	}
	w.picks = append(w.picks[:0], relaxed...)
	return cost
}

// priceGroups prices every group with its cheapest variant, one split cost included. Where room is given a group or
// variant that takes more than is left costs infinite.
func (w *worker) priceGroups(r *prepared, price, room []int64) {
	shift := w.s.shift
	split := w.s.p.SplitCost << shift
	n := len(r.groups)
	w.cost = slices.Grow(w.cost[:0], n)[:n]
	w.variant = slices.Grow(w.variant[:0], n)[:n]
	w.least = slices.Grow(w.least[:0], len(r.contents))[:len(r.contents)]
	w.best = slices.Grow(w.best[:0], len(r.contents))[:len(r.contents)]
	for i := range w.least {
		w.least[i], w.best[i] = infinite, -1
	}
	for i := range r.groups {
		g := &r.groups[i]
		base := split
		fits := true
		for _, t := range r.terms[g.termsLo:g.termsHi] {
			base += int64(t.amount) * price[t.counter]
			fits = fits && (room == nil || int64(t.amount) <= room[t.counter])
		}
		least, which := infinite, g.variantLo
		if fits {
			for j := g.variantLo; j < g.variant; j++ {
				v := &r.variants[j]
				c := v.offer.Cost << shift
				for _, t := range r.terms[v.termsLo:v.termsHi] {
					c += int64(t.amount) * price[t.counter]
					if room != nil && int64(t.amount) > room[t.counter] {
						c = infinite
						break
					}
				}
				if c < least {
					least, which = c, j
				}
			}
			if least < infinite {
				least += base
			}
		}
		w.cost[i], w.variant[i] = least, which
		if least < w.least[g.content] {
			w.least[g.content], w.best[g.content] = least, int32(i)
		}
	}
}

// oneLine solves an order of one line that comes whole.
func (w *worker) oneLine(r *prepared) int64 {
	shift := w.s.shift
	cost := r.nothing << shift
	if g := w.best[0]; g >= 0 && w.least[0]-w.s.p.SplitCost<<shift < cost {
		cost = w.least[0] - w.s.p.SplitCost<<shift
		w.picks = append(w.picks, pick{g, w.variant[g]})
	}
	return cost
}

// table fills w.from.
func (w *worker) table(r *prepared) {
	g := r.grid
	shift := w.s.shift
	w.from = slices.Grow(w.from[:0], int(g.states))[:g.states]
	from := w.from
	from[0] = 0
	for state := int32(1); state < g.states; state++ {
		l := g.low[state]
		packed := g.packed[state]
		best := infinite
		if rest := state - g.top[l]*g.stride[l]; r.unfilled[l] < infinite && packed>>g.shift[l]&g.field(l) == uint64(g.top[l]) {
			best = r.unfilled[l]<<shift + from[rest]
		}
		for c := r.bucket[l]; c < r.bucket[l+1]; c++ {
			if x := &r.contents[c]; g.holds(packed, x.packed) {
				best = min(best, w.least[c]+from[state-x.number])
			}
		}
		from[state] = min(best, infinite)
	}
}

// field returns the mask of a line's field.
func (g *grid) field(l int8) uint64 {
	next := g.guard >> g.shift[l] // its lowest bit is the field's free top bit
	return next&-next - 1
}

// relax returns the least cost of a plan whose warehouses may ship more than once, and leaves it in w.picks.
func (w *worker) relax(r *prepared) int64 {
	w.table(r)
	g, shift := r.grid, w.s.shift
	split := w.s.p.SplitCost << shift
	w.picks = w.picks[:0]
	// A plan pays a split cost less than it has shipments, and none where it has none. So the first shipment is
	// looked for: all lines before it are left.
	best, first, at := r.nothing<<shift, int32(-1), int32(0)
	left := int64(0)
	state := g.states - 1
	for l := range r.unfilled {
		for c := r.bucket[l]; c < r.bucket[l+1]; c++ {
			if x := &r.contents[c]; w.least[c] < infinite && g.holds(g.packed[state], x.packed) {
				if cost := left + w.least[c] + w.from[state-x.number] - split; cost < best {
					best, first, at = cost, c, state-x.number
				}
			}
		}
		if r.unfilled[l] >= infinite {
			break
		}
		left += r.unfilled[l] << shift
		state -= g.top[l] * g.stride[l]
	}
	if first < 0 {
		return best
	}
	w.picks = append(w.picks, pick{w.best[first], w.variant[w.best[first]]})
	for at != 0 {
		l := g.low[at]
		next := int32(-1)
		for c := r.bucket[l]; c < r.bucket[l+1]; c++ {
			if x := &r.contents[c]; g.holds(g.packed[at], x.packed) && w.least[c] < infinite && w.least[c]+w.from[at-x.number] == w.from[at] {
				next = at - x.number
				w.picks = append(w.picks, pick{w.best[c], w.variant[w.best[c]]})
				break
			}
		}
		if next < 0 {
			next = at - g.top[l]*g.stride[l]
		}
		at = next
	}
	return best
}

// valid reports whether the picks keep the rules that the relaxation forgets.
func (w *worker) valid(o int) bool {
	r := &w.s.orders[o]
	if most := w.s.p.Orders[o].MaxShipments; most > 0 && len(w.picks) > most {
		return false
	}
	for i, a := range w.picks {
		for _, b := range w.picks[:i] {
			if r.groups[a.group].warehouse == r.groups[b.group].warehouse {
				return false
			}
		}
	}
	return true
}

// exact searches all plans that keep the rules, bounded by w.from. With room it also keeps to what is left of every
// counter. It reports false when it would have to see more than nodes partial plans; the best so far is in w.picks.
func (w *worker) exact(o, nodes int, room []int64) (int64, bool) {
	s, r := w.s, &w.s.orders[o]
	w.room, w.nodes = room, nodes
	w.upper = r.nothing << s.shift
	w.picks, w.path = w.picks[:0], w.path[:0]
	w.descend(o, r, r.grid.states-1, -(s.p.SplitCost << s.shift))
	w.room = nil
	return w.upper, w.nodes >= 0
}

// descend extends the path, which has cost so far, over what is left.
func (w *worker) descend(o int, r *prepared, state int32, cost int64) {
	if w.nodes--; w.nodes < 0 || cost+w.from[state] >= w.upper {
		return
	}
	if state == 0 {
		if len(w.path) > 0 {
			w.upper = cost
			w.picks = append(w.picks[:0], w.path...)
		}
		return
	}
	g := r.grid
	l := g.low[state]
	packed := g.packed[state]
	if most := w.s.p.Orders[o].MaxShipments; most == 0 || len(w.path) < most {
		for c := r.bucket[l]; c < r.bucket[l+1]; c++ {
			x := &r.contents[c]
			if !g.holds(packed, x.packed) || w.least[c] == infinite || cost+w.least[c]+w.from[state-x.number] >= w.upper {
				continue
			}
		next:
			for i := r.byRow[c]; i < r.byRow[c+1]; i++ {
				if w.cost[i] == infinite || cost+w.cost[i]+w.from[state-x.number] >= w.upper {
					continue
				}
				for _, k := range w.path {
					if r.groups[k.group].warehouse == r.groups[i].warehouse {
						continue next
					}
				}
				w.path = append(w.path, pick{i, w.variant[i]})
				if w.reserve(r, i, w.variant[i], 1) {
					w.descend(o, r, state-x.number, cost+w.cost[i])
				}
				w.reserve(r, i, w.variant[i], -1)
				w.path = w.path[:len(w.path)-1]
			}
		}
	}
	if packed>>g.shift[l]&g.field(l) == uint64(g.top[l]) && r.unfilled[l] < infinite {
		w.descend(o, r, state-g.top[l]*g.stride[l], cost+r.unfilled[l]<<w.s.shift)
	}
}

// reserve takes a pick off what is left, or gives it back, and reports whether nothing is short.
func (w *worker) reserve(r *prepared, g, v int32, sign int64) bool {
	if w.room == nil {
		return true
	}
	enough := true
	for _, t := range r.terms[r.groups[g].termsLo:r.groups[g].termsHi] {
		w.room[t.counter] -= sign * int64(t.amount)
		enough = enough && w.room[t.counter] >= 0
	}
	for _, t := range r.terms[r.variants[v].termsLo:r.variants[v].termsHi] {
		w.room[t.counter] -= sign * int64(t.amount)
		enough = enough && w.room[t.counter] >= 0
	}
	return enough
}

// spend adds what the picks take to use.
func (w *worker) spend(r *prepared, use []int64) {
	for _, k := range w.picks {
		g, v := &r.groups[k.group], &r.variants[k.variant]
		for _, t := range r.terms[g.termsLo:g.termsHi] {
			use[t.counter] += int64(t.amount)
		}
		for _, t := range r.terms[v.termsLo:v.termsHi] {
			use[t.counter] += int64(t.amount)
		}
	}
}
