package wave

import (
	"cmp"
	"slices"
)

// A choice is one plan of an order: what a search over many orders chooses among.
type choice struct {
	cost   int64 // true cost
	priced int64 // cost at the search's prices, scaled
	picks  []pick
	terms  []term // what all its picks take, by ascending counter
}

// pooling is a worker's memory for pools.
type pooling struct {
	list  []choice // ascending in priced, at most keep
	keep  int
	nodes int
	path  []pick
	terms []term
}

// pool makes the cheapest plans of an order at the search's prices: at most keep, in ascending order, and always the
// one that leaves everything unfilled.
func (w *worker) pool(o, keep, nodes int) []choice {
	s, r := w.s, &w.s.orders[o]
	p := &w.pooling
	p.list, p.keep, p.nodes, p.path = p.list[:0], keep, nodes, p.path[:0]
	switch {
	case r.large:
		w.poolLarge(o)
	case len(r.groups) > 0:
		w.priceGroups(r, s.price, nil)
		w.table(r)
		w.gather(o, r, r.grid.states-1, -(s.p.SplitCost << s.shift))
	}
	nothing := choice{cost: r.nothing, priced: r.nothing << s.shift}
	at, _ := slices.BinarySearchFunc(p.list, nothing, func(a, b choice) int { return cmp.Compare(a.priced, b.priced) })
	p.list = slices.Insert(p.list, at, nothing)
	// One stretch of memory for all terms: the search over orders reads them in no order.
	pool := slices.Clone(p.list)
	n := 0
	for i := range pool {
		n += len(pool[i].terms)
	}
	terms := make([]term, 0, n)
	for i := range pool {
		from := len(terms)
		terms = append(terms, pool[i].terms...)
		pool[i].terms = terms[from:len(terms):len(terms)]
	}
	return pool
}

// gather extends the path, which has cost so far, over what is left, by every variant of every group.
func (w *worker) gather(o int, r *prepared, state int32, cost int64) {
	p := &w.pooling
	if p.nodes--; p.nodes < 0 || w.crowded(cost+w.from[state]) {
		return
	}
	if state == 0 {
		if len(p.path) > 0 {
			w.keepChoice(o, cost)
		}
		return
	}
	g := r.grid
	l := g.low[state]
	packed := g.packed[state]
	if most := w.s.p.Orders[o].MaxShipments; most == 0 || len(p.path) < most {
		for c := r.bucket[l]; c < r.bucket[l+1]; c++ {
			x := &r.contents[c]
			if !g.holds(packed, x.packed) || w.crowded(cost+w.least[c]+w.from[state-x.number]) {
				continue
			}
		next:
			for i := r.byRow[c]; i < r.byRow[c+1]; i++ {
				if w.crowded(cost + w.cost[i] + w.from[state-x.number]) {
					continue
				}
				for _, k := range p.path {
					if r.groups[k.group].warehouse == r.groups[i].warehouse {
						continue next
					}
				}
				base := w.cost[i] - w.variantCost(r, w.variant[i])
				for v := r.groups[i].variantLo; v < r.groups[i].variant; v++ {
					p.path = append(p.path, pick{i, v})
					w.gather(o, r, state-x.number, cost+base+w.variantCost(r, v))
					p.path = p.path[:len(p.path)-1]
				}
			}
		}
	}
	if packed>>g.shift[l]&g.field(l) == uint64(g.top[l]) && r.unfilled[l] < infinite {
		w.gather(o, r, state-g.top[l]*g.stride[l], cost+r.unfilled[l]<<w.s.shift)
	}
}

// crowded reports whether a plan of this priced cost has no place among those kept.
func (w *worker) crowded(priced int64) bool {
	p := &w.pooling
	return priced >= infinite || len(p.list) >= p.keep && priced >= p.list[len(p.list)-1].priced
}

func (w *worker) variantCost(r *prepared, v int32) int64 {
	c := r.variants[v].offer.Cost << w.s.shift
	for _, t := range r.terms[r.variants[v].termsLo:r.variants[v].termsHi] {
		c += int64(t.amount) * w.s.price[t.counter]
	}
	return c
}

// keepChoice puts the path among the plans kept, unless its shipments together take more than there is.
func (w *worker) keepChoice(o int, priced int64) {
	p := &w.pooling
	made := w.choose(o, p.path)
	made.priced = priced
	for _, t := range made.terms {
		if int64(t.amount) > w.s.capacity[t.counter] {
			return
		}
	}
	at, _ := slices.BinarySearchFunc(p.list, priced+1, func(a choice, b int64) int { return cmp.Compare(a.priced, b) })
	if len(p.list) == p.keep {
		p.list = p.list[:p.keep-1]
	}
	p.list = slices.Insert(p.list, at, made)
}

// choose makes the choice of some picks.
func (w *worker) choose(o int, picks []pick) choice {
	s, r := w.s, &w.s.orders[o]
	made := choice{picks: slices.Clone(picks)}
	terms := w.pooling.terms[:0]
	made.cost = w.trueCost(o, picks)
	for _, k := range picks {
		g, v := &r.groups[k.group], &r.variants[k.variant]
		terms = append(terms, r.terms[g.termsLo:g.termsHi]...)
		terms = append(terms, r.terms[v.termsLo:v.termsHi]...)
	}
	slices.SortFunc(terms, func(a, b term) int { return cmp.Compare(a.counter, b.counter) })
	w.pooling.terms = terms
	made.terms = make([]term, 0, len(terms))
	for _, t := range terms {
		if n := len(made.terms); n > 0 && made.terms[n-1].counter == t.counter {
			made.terms[n-1].amount += t.amount
		} else {
			made.terms = append(made.terms, t)
		}
	}
	made.priced = made.cost << s.shift
	for _, t := range made.terms {
		made.priced += int64(t.amount) * s.price[t.counter]
	}
	return made
}

// filled answers for each line whether some pick ships of it.
func (w *worker) filled(o int, picks []pick) []bool {
	r := &w.s.orders[o]
	w.full = sized(w.full, len(w.s.p.Orders[o].Lines))
	for _, k := range picks {
		for l := range w.full {
			w.full[l] = w.full[l] || w.units(r, k.group, l) > 0
		}
	}
	return w.full
}

// units returns how much of a line a group holds.
func (w *worker) units(r *prepared, g int32, l int) int32 {
	if r.large {
		return r.takes[int(g)*len(r.unfilled)+l]
	}
	number := r.contents[r.groups[g].content].number
	return number / r.grid.stride[l] % (r.grid.top[l] + 1) * r.grid.unit[l]
}
