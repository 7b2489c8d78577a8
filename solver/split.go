package solver

import (
	"math"
	"slices"
)

// A Scratch is the memory of [Split]; its zero value is ready. Reused, it makes Split free of allocation once it has
// grown to the size of the problems. It must not be used by two calls at once.
type Scratch struct {
	grid   grid
	lines  []int32
	digit  []int32
	top    []int32
	take   []int32
	parts  []int32
	packed []uint64
	guard  uint64

	offers   []priced  // in ascending order of warehouse: every offer, or with exact columns what gather found
	contents contents  // what the columns say about the grid
	few      []int32   // contents that gather looks at
	count    []int32   // [vector] shipments of the relaxation
	cheapest [][]int64 // [shipments][vector]: see relax
	rows     int       // rows of cheapest in use

	steps  int64     // of all passes over partial plans
	useful []int32   // offers that can be part of a plan within the limit
	cell   []int32   // [shipments*states+rest] best partial plan + 1; 0 where none
	active [][]int32 // [shipments] the rests whose cell is set
	nodes  []node    // partial plans

	plan, other Plan // candidate results
	takes       []int32
	cert        Certificate
	local       local
	large       large
}

// A priced offer is one warehouse's way to ship one content.
type priced struct {
	cost      int64 // with one split cost
	arrival   int64
	warehouse int32
	content   int32 // number in the grid
	service   int32
}

// A node is a partial plan: one more shipment after its parent's.
type node struct {
	cost    int64
	arrival int64
	parent  int32
	offer   int32
}

// Split returns the first plan in the order that the package comment states, and what was proven about it. The plan
// counts only when the status is Optimal or Bounded. Its slices belong to s and live until the next call with s.
//
// The search is exact as long as its tables, and the offers it asks for, number at most p.MaxStates; beyond that it
// is a local search with a proven bound; where the columns of p are set and all lines come whole, it searches the sets
// of warehouses under Lagrangian bounds, which proves most orders of up to 30 lines optimal too. It panics when the columns of p contradict each other.
//
// How: first a relaxation that lets warehouses ship twice gives, for everything that can be left to place, the least
// it can cost. Then partial plans grow warehouse by warehouse, in one table over (shipments so far, what is left),
// and one is dropped when its cost and the least cost of its rest exceed a limit. The limit starts at the
// relaxation's cost of the whole order and rises until a plan is found, which then is the cheapest. Latest arrival
// is a maximum, not a sum: keeping only the best of two equally cheap partial plans by arrival and then by name
// could lose the winner, since a later shipment may make their arrivals equal. So a first pass settles cost and
// latest arrival, and a second one, without the offers that arrive later, settles shipments, warehouses and contents.
func Split(p *Problem, s *Scratch) (Plan, Certificate) {
	p.check()
	s.cert = Certificate{}
	if p.Lines == 0 {
		s.cert.Status = Optimal
		return Plan{}, s.cert
	}
	most := p.shipments()
	if !p.coverable() || p.fewest() > most {
		return s.infeasible()
	}
	if most == 1 {
		return s.single(p)
	}
	ceiling := int64(DefaultMaxStates)
	if p.MaxStates > 0 {
		ceiling = int64(min(p.MaxStates, 1<<28)) // a vector's number is an int32
	}
	s.lines = s.lines[:0]
	for l := range p.Lines {
		s.lines = append(s.lines, int32(l))
	}
	if !s.fits(p, most, ceiling) {
		return s.bounded(p, most, ceiling, -infinite, false)
	}
	return s.exact(p, most, ceiling)
}

func (s *Scratch) infeasible() (Plan, Certificate) {
	s.cert.Status = Infeasible
	return Plan{}, s.cert
}

// fits sets up the grid over s.lines and reports whether the exact search stays within the ceiling.
func (s *Scratch) fits(p *Problem, most int, ceiling int64) bool {
	if !s.grid.set(p, s.lines, ceiling) || int64(s.grid.states)*int64(most+1) > ceiling || s.grid.pairs > 32*ceiling {
		return false
	}
	var offers int64
	if p.exactColumns() {
		ceiling *= 16 // reading a table is so much cheaper than asking
	}
	top := zeroed(&s.top, len(s.lines))
	for w := range p.Warehouses {
		if offers += int64(s.grid.below(p, w, top) - 1); offers > ceiling {
			return false
		}
	}
	return true
}

// single solves an order that one warehouse must ship whole.
func (s *Scratch) single(p *Problem) (Plan, Certificate) {
	best := priced{warehouse: -1}
	s.take = append(s.take[:0], p.Quantity...)
next:
	for w := range p.Warehouses {
		for l, q := range p.Quantity {
			if p.usable(l, w) < q {
				continue next
			}
		}
		o, ok := p.offer(w, s.take)
		s.cert.Offers++
		if ok && (best.warehouse < 0 || o.Cost < best.cost || o.Cost == best.cost && o.Arrival < best.arrival) {
			best = priced{cost: o.Cost, arrival: o.Arrival, warehouse: int32(w), service: o.Service}
		}
	}
	if best.warehouse < 0 {
		return s.infeasible()
	}
	s.plan.Cost, s.plan.Arrival = best.cost, best.arrival
	s.plan.Shipments = append(s.plan.Shipments[:0], Shipment{
		Warehouse: best.warehouse,
		Offer:     Offer{Cost: best.cost, Arrival: best.arrival, Service: best.service},
		Take:      s.take,
	})
	s.cert.Status, s.cert.Bound = Optimal, best.cost
	return s.plan, s.cert
}

// exact is the search that Split's comment describes. Costs in it carry one split cost per shipment, the first
// included.
func (s *Scratch) exact(p *Problem, most int, ceiling int64) (Plan, Certificate) {
	if p.exactColumns() {
		s.priceColumns(p)
	} else if !s.price(p) {
		return s.bounded(p, most, ceiling, -infinite, false)
	}
	least := s.relax(most)
	if least == infinite {
		return s.infeasible()
	}
	s.steps = 0
	s.packed, s.guard = s.grid.fields(s.packed)
	incumbent := infinite
	if p.Incumbent > 0 && p.Incumbent < infinite/2 {
		incumbent = p.Incumbent + p.SplitCost
	}
	limit, proven := least, least
	for gap := max(least/128, -least/128, 1); ; gap *= 4 {
		if limit > incumbent {
			limit = incumbent
		}
		r := s.grow(p, most, limit, math.MaxInt64, false, ceiling)
		if !r.complete {
			found := r.last >= 0
			if found {
				s.build(p, r.last)
			}
			return s.bounded(p, most, ceiling, proven-p.SplitCost, found)
		}
		if r.last >= 0 {
			return s.settle(p, most, ceiling, r.last)
		}
		if r.dropped == infinite {
			return s.infeasible()
		}
		proven = max(proven, r.dropped)
		if proven > incumbent || limit == incumbent {
			s.cert.Bound = max(proven, incumbent+1) - p.SplitCost
			return Plan{}, s.cert
		}
		limit = min(max(proven, least+gap), infinite/2)
	}
}

// settle takes the winner of the first pass and returns the first of all plans with its cost and latest arrival.
func (s *Scratch) settle(p *Problem, most int, ceiling int64, winner int32) (Plan, Certificate) {
	s.build(p, winner)
	n := s.nodes[winner]
	s.cert.Status, s.cert.Bound = Bounded, s.plan.Cost
	if r := s.grow(p, most, n.cost, n.arrival, true, ceiling); r.complete {
		s.build(p, r.last)
		s.cert.Status = Optimal
	}
	return s.plan, s.cert
}

// price asks for every offer of every content and fills cheapest[1]. It reports false when it was stopped before the end.
func (s *Scratch) price(p *Problem) bool {
	const often = 1 << 10 // offers between two questions to Stop
	g := &s.grid
	one := s.row(1)
	for i := range one {
		one[i] = infinite
	}
	one[0] = 0
	s.offers = s.offers[:0]
	top := zeroed(&s.top, len(g.line))
	for w := range p.Warehouses {
		n := g.below(p, w, top)
		digit, take := zeroed(&s.digit, len(g.line)), zeroed(&s.take, p.Lines)
		content := 0
		for i := range n - 1 {
			if i%often == often-1 && p.stopped() {
				return false
			}
			content += g.step(digit, top, take)
			o, ok := p.offer(w, take)
			if !ok {
				continue
			}
			cost := o.Cost + p.SplitCost
			s.offers = append(s.offers, priced{
				cost: cost, arrival: o.Arrival, warehouse: int32(w), content: int32(content), service: o.Service,
			})
			one[content] = min(one[content], cost)
		}
		s.cert.Offers += int64(n - 1)
		if p.stopped() {
			return false
		}
	}
	return true
}

// A growth is the result of one pass over the warehouses.
type growth struct {
	last     int32 // the last node of the best plan; -1 when there is none within the limit
	dropped  int64 // no plan beyond the limit costs less; infinite when nothing was dropped for its cost
	complete bool  // false when the pass ran into the ceiling: then last is feasible, but maybe not the best
}

// grow makes every partial plan that can become a plan of at most `most` shipments and at most limit in cost, from
// offers that arrive by latest. With names false the best of two partial plans that leave the same to place after
// the same number of shipments is the one with the smaller (cost, latest arrival), and so is the best plan. With names
// true it is the one with the smaller (cost, warehouses, contents), and the best plan the one with the smaller (cost,
// shipments, warehouses, contents).
func (s *Scratch) grow(p *Problem, most int, limit, latest int64, names bool, ceiling int64) growth {
	states := s.grid.states
	full := int32(states - 1)
	out := growth{last: -1, dropped: infinite}

	if rest := s.least(most - 1); p.exactColumns() {
		out.dropped = s.gather(p, rest, limit, latest)
	} else {
		out.dropped = s.pick(rest, limit, latest)
	}

	if n := (most + 1) * states; len(s.cell) < n {
		s.cell = make([]int32, n)
	}
	for len(s.active) <= most {
		s.active = append(s.active, nil)
	}
	s.nodes = append(s.nodes[:0], node{parent: -1, offer: -1})
	s.active[0] = append(s.active[0][:0], full)
	for k := 1; k <= most; k++ {
		s.active[k] = s.active[k][:0]
	}
	s.cell[full] = 1

	maxSteps := 32 * ceiling // of all passes: an order that cannot be shipped must not take for ever
	for from := 0; from < len(s.useful); {
		to, w := from+1, s.offers[s.useful[from]].warehouse
		for to < len(s.useful) && s.offers[s.useful[to]].warehouse == w {
			to++
		}
		group := s.useful[from:to]
		from = to
		// From many shipments to few, so that nothing grows twice by the same warehouse.
		for k := most - 1; k >= 0; k-- {
			after := s.least(most - k - 1)
			if k == most-1 { // the last shipment must take all that is left
				for _, i := range group {
					o := &s.offers[i]
					if parent := s.cell[k*states+int(o.content)]; parent > 0 {
						s.extend(&out, parent-1, i, k+1, 0, 0, limit, names)
					}
				}
				s.steps += int64(len(group))
				continue
			}
			s.steps += int64(len(group)) * int64(len(s.active[k]))
			for _, r := range s.active[k] {
				parent, have := s.cell[k*states+int(r)]-1, s.packed[r]|s.guard
				for _, i := range group {
					content := s.offers[i].content
					if (have-s.packed[content])&s.guard == s.guard {
						s.extend(&out, parent, i, k+1, r-content, after[r-content], limit, names)
					}
				}
			}
		}
		if s.steps > maxSteps || int64(len(s.nodes)) > 4*ceiling {
			break
		}
		if p.stopped() {
			s.steps = maxSteps + 1
			break
		}
	}
	out.complete = s.steps <= maxSteps && int64(len(s.nodes)) <= 4*ceiling

	for k := 1; k <= most; k++ {
		c := s.cell[k*states] - 1
		if c < 0 {
			continue
		}
		n := &s.nodes[c]
		if out.last < 0 || n.cost < s.nodes[out.last].cost ||
			!names && n.cost == s.nodes[out.last].cost && n.arrival < s.nodes[out.last].arrival {
			out.last = c
		}
	}
	for k := range most + 1 {
		for _, r := range s.active[k] {
			s.cell[k*states+int(r)] = 0
		}
	}
	s.cert.States += int64(len(s.nodes))
	return out
}

// pick lists the offers that can be part of a plan for at most limit that arrives by latest, and returns the least that
// a plan with any other costs.
func (s *Scratch) pick(rest []int64, limit, latest int64) (dropped int64) {
	full, dropped := int32(s.grid.states-1), infinite
	s.useful = s.useful[:0]
	for i := range s.offers {
		o := &s.offers[i]
		if o.arrival > latest || rest[full-o.content] == infinite {
			continue
		}
		if least := o.cost + rest[full-o.content]; least <= limit {
			s.useful = append(s.useful, int32(i))
		} else if least < dropped {
			dropped = least
		}
	}
	return dropped
}

// least returns, for every vector, the least cost of placing it with at most j shipments.
func (s *Scratch) least(j int) []int64 { return s.cheapest[min(j, s.rows-1)] }

// extend adds offer i to the partial plan parent, which makes k shipments and leaves rest, for which at least `after`
// is still to pay.
func (s *Scratch) extend(out *growth, parent, i int32, k int, rest int32, after, limit int64, names bool) {
	if after == infinite {
		return
	}
	from, o := &s.nodes[parent], &s.offers[i]
	n := node{cost: from.cost + o.cost, arrival: o.arrival, parent: parent, offer: i}
	if parent > 0 {
		n.arrival = max(n.arrival, from.arrival)
	}
	if least := n.cost + after; least > limit {
		out.dropped = min(out.dropped, least)
		return
	}
	cell := &s.cell[k*s.grid.states+int(rest)]
	if *cell == 0 {
		s.active[k] = append(s.active[k], rest)
	} else {
		old := &s.nodes[*cell-1]
		switch {
		case n.cost != old.cost:
			if n.cost > old.cost {
				return
			}
		case !names:
			if n.arrival >= old.arrival {
				return
			}
		case !s.before(&n, old):
			return
		}
	}
	s.nodes = append(s.nodes, n)
	*cell = int32(len(s.nodes))
}

// before reports whether partial plan a comes before b, of as many shipments, by warehouses and then by contents.
// Both grew in ascending order of warehouses, so the first difference is the one met last on the way to the root.
func (s *Scratch) before(a, b *node) bool {
	warehouses, contents := 0, 0
	for {
		x, y := &s.offers[a.offer], &s.offers[b.offer]
		if x.warehouse != y.warehouse {
			warehouses = int(x.warehouse - y.warehouse)
		}
		if x.content != y.content {
			contents = int(x.content - y.content)
		}
		if a.parent == b.parent {
			break
		}
		a, b = &s.nodes[a.parent], &s.nodes[b.parent]
	}
	if warehouses != 0 {
		return warehouses < 0
	}
	return contents < 0
}

// build writes the plan that ends in node n into s.plan.
func (s *Scratch) build(p *Problem, n int32) {
	g := &s.grid
	s.plan.Cost, s.plan.Arrival = s.nodes[n].cost-p.SplitCost, s.nodes[n].arrival
	s.plan.Shipments, s.takes = s.plan.Shipments[:0], s.takes[:0]
	for ; s.nodes[n].parent >= 0; n = s.nodes[n].parent {
		o := &s.offers[s.nodes[n].offer]
		for i := range g.line {
			s.takes = append(s.takes, o.content/g.stride[i]%g.radix[i]*g.unit[i])
		}
		s.plan.Shipments = append(s.plan.Shipments, Shipment{
			Warehouse: o.warehouse,
			Offer:     Offer{Cost: o.cost - p.SplitCost, Arrival: o.arrival, Service: o.service},
		})
	}
	for i := range s.plan.Shipments {
		s.plan.Shipments[i].Take = s.takes[i*p.Lines : (i+1)*p.Lines : (i+1)*p.Lines]
	}
	slices.Reverse(s.plan.Shipments)
}
