package solver

import (
	"math/bits"
	"slices"
)

// searchLarge solves an order of many whole lines whose costs have columns: a first plan by local search, bounds by
// multipliers, and then all sets of sites that could be cheaper than the plan, under limits that rise from the bound.
// Where the work allowed suffices to look through all of them the plan is optimal; otherwise the last limit that was
// looked through is the bound.
func (s *Scratch) searchLarge(p *Problem, most int, ceiling, known int64, have bool) (Plan, Certificate) {
	l := &s.large
	l.work, l.limit = 0, min(ceiling, 1<<18)
	var covered uint64
	for _, m := range l.masks {
		covered |= m
	}
	if covered != l.all() || l.least > min(most, len(l.sites)) {
		return s.infeasible()
	}
	if s.local.search(p, most, ceiling/8, 6, &s.cert) {
		s.local.write(&s.other)
		if !have || Compare(&s.other, &s.plan) < 0 {
			s.plan, s.other = s.other, s.plan
		}
		have = true
	}
	best := infinite / 2 // what a plan costs, or the caller knows one to cost
	if have {
		best = s.plan.Cost
	}
	if p.Incumbent > 0 {
		best = min(best, p.Incumbent)
	}
	target := best < infinite/2
	sets := &l.sets
	sets.begin(l, most)
	sets.found = func(sites []int32, contents []uint64) {
		if s.propose(p, sites, contents, have) {
			have, target, best = true, true, min(best, s.plan.Cost)
			sets.limit = min(sets.limit, best+1)
		}
	}
	upper := func() int64 {
		if target {
			return best
		}
		return l.guess()
	}
	tried := map[uint64]bool{}
	l.ascend(s.shares(p, have, upper()), upper, func(sites []int32) { s.try(tried, sites, best+1) })

	bound := known
	if k := l.weakest(); len(l.bound) > k {
		bound = max(bound, l.bound[k])
	}
	// A quick look at everything first, at most so much work on one set of sites: that finds the good plans, and
	// often it leaves nothing out.
	sets.each, sets.skipped = 300, false
	l.limit = l.work + ceiling
	complete := s.pass(best+1, bound) && !sets.skipped
	sets.each, sets.cut = 0, false
	l.limit = max(4*ceiling, l.work)
	distance := best - bound
	for part := int64(2); !complete && bound <= best; part *= 2 {
		limit := best + 1
		if target && part <= 8 && distance > 0 {
			limit = min(max(best-distance/part, bound+1), limit)
		}
		if !s.pass(limit, bound) {
			break
		}
		if !target {
			return s.infeasible()
		}
		bound = sets.limit
	}
	if complete {
		if !target {
			return s.infeasible()
		}
		bound = best + 1
	}
	s.cert.States += l.work
	s.cert.Bound = bound
	switch {
	case !have:
		return Plan{}, s.cert
	case bound > s.plan.Cost:
		s.cert.Status, s.cert.Bound = Optimal, s.plan.Cost
	default:
		s.cert.Status = Bounded
	}
	return s.plan, s.cert
}

// all returns the set of all lines.
func (s *large) all() uint64 { return 1<<(s.p.Lines-1)<<1 - 1 }

// shares returns multipliers to start from: every line pays its share of the shipment that the plan has it in, half by
// number and half by weight.
func (s *Scratch) shares(p *Problem, have bool, cost int64) []int64 {
	price := make([]int64, p.Lines)
	if !have {
		for l := range price {
			price[l] = max(cost, 0) / int64(p.Lines)
		}
		return price
	}
	weigh := func(l int, n int32) int64 { return p.Columns.Weight[l]*int64(n) + 1 }
	for i := range s.plan.Shipments {
		sh := &s.plan.Shipments[i]
		var lines, weight int64
		for l, n := range sh.Take {
			if n > 0 {
				lines++
				weight += weigh(l, n)
			}
		}
		for l, n := range sh.Take {
			if n > 0 {
				whole := max(sh.Offer.Cost+p.SplitCost, 0)
				price[l] += whole/lines/2 + mulDiv(whole/2, weigh(l, n), weight)
			}
		}
	}
	return price
}

// pass looks through all sets of sites that could ship for less than limit, and reports whether it came to the end.
func (s *Scratch) pass(limit, bound int64) bool {
	l, sets := &s.large, &s.large.sets
	sets.limit = limit
	for k := l.least; k < len(l.bound) && !sets.cut; k++ {
		if max(l.bound[k], bound) < sets.limit {
			sets.run(k)
		}
	}
	return !sets.cut
}

// guess returns what a plan might cost, where none is known.
func (s *large) guess() int64 {
	least := make([]int64, s.p.Lines)
	for l := range least {
		least[l] = infinite
	}
	for i := range s.sites {
		for j, l := range s.sites[i].lines {
			least[l] = min(least[l], s.sites[i].single[j])
		}
	}
	var sum int64
	for _, c := range least {
		if c < infinite {
			sum += c
		}
	}
	return sum
}

// try looks for the cheapest way to share the lines among the sites that the relaxation opens, and as many more as
// it takes to have all lines.
func (s *Scratch) try(tried map[uint64]bool, sites []int32, limit int64) {
	const work = 2000
	l, sets := &s.large, &s.large.sets
	all := l.all()
	sets.open = append(sets.open[:0], sites...)
	var covered uint64
	for _, i := range sites {
		covered |= l.masks[i]
	}
	for covered != all {
		best, most := int32(-1), 0
		for _, i := range l.order[len(sites):] { // in order of reduced cost
			if n := bits.OnesCount64(l.masks[i] &^ covered); n > most {
				best, most = i, n
			}
		}
		if best < 0 || len(sets.open) == l.most {
			return
		}
		sets.open = append(sets.open, best)
		covered |= l.masks[best]
	}
	slices.Sort(sets.open)
	key := uint64(14695981039346656037)
	for _, i := range sets.open {
		key = (key ^ uint64(i)) * 1099511628211
	}
	if tried[key] {
		return
	}
	tried[key] = true
	sets.limit, sets.cut = limit, false
	was := l.limit
	l.limit = min(was, l.work+work)
	sets.share()
	l.limit, sets.cut = was, false
}

// propose makes a plan of contents and takes it if it comes before the one there is.
func (s *Scratch) propose(p *Problem, sites []int32, contents []uint64, have bool) bool {
	plan := &s.other
	plan.Cost, plan.Arrival, plan.Shipments = -p.SplitCost, 0, plan.Shipments[:0]
	takes := make([]int32, len(sites)*p.Lines)
	for i, w := range sites {
		take := takes[i*p.Lines:][:p.Lines:p.Lines]
		for set := contents[i]; set != 0; set &= set - 1 {
			line := bits.TrailingZeros64(set)
			take[line] = p.Quantity[line]
		}
		o, ok := p.offer(int(w), take)
		s.cert.Offers++
		if !ok {
			return false
		}
		plan.Cost += o.Cost + p.SplitCost
		if i == 0 || o.Arrival > plan.Arrival {
			plan.Arrival = o.Arrival
		}
		plan.Shipments = append(plan.Shipments, Shipment{Warehouse: w, Offer: o, Take: take})
	}
	slices.SortFunc(plan.Shipments, func(a, b Shipment) int { return int(a.Warehouse - b.Warehouse) })
	if have && Compare(plan, &s.plan) >= 0 {
		return false
	}
	s.plan, s.other = s.other, s.plan
	return true
}
