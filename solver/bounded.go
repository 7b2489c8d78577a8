package solver

import (
	"cmp"
	"slices"
)

// bounded solves what is too large for the exact search: a local search from many starts, and the best lower bound
// at hand. known is a bound already proven, -infinite when there is none; have says that s.plan is a plan already.
func (s *Scratch) bounded(p *Problem, most int, ceiling, known int64, have bool) (Plan, Certificate) {
	if s.large.set(p, most) {
		return s.searchLarge(p, most, ceiling, known, have)
	}
	bound := max(known, max(p.SplitCost, 0)*int64(p.fewest()-1)+min(p.SplitCost, 0)*int64(most-1))
	parts := s.large.setParts(p, most)
	if ask := p.floor(); ask != nil && !parts {
		floor := s.floor(p, ask, most, ceiling)
		if floor == infinite {
			return s.infeasible()
		}
		bound = max(bound, floor)
	}
	budget, starts := ceiling, 48
	if parts {
		budget, starts = ceiling/2, 32 // reading the columns takes longer than most offers
	}
	if s.local.search(p, most, budget, starts, &s.cert) {
		s.local.write(&s.other)
		if !have || Compare(&s.other, &s.plan) < 0 {
			s.plan, s.other = s.other, s.plan
		}
		have = true
	}
	if have && !s.part {
		s.regroup(p, most, ceiling/2)
	}
	if parts {
		least := s.boundParts(p, ceiling, have, s.plan.Cost)
		if least == infinite {
			return s.infeasible()
		}
		bound = max(bound, least)
	}
	s.cert.Bound = bound
	if !have {
		return Plan{}, s.cert
	}
	s.cert.Status = Bounded
	return s.plan, s.cert
}

// floor returns the problem's Floor, or what its columns say about at least so much; nil where nothing is known.
func (p *Problem) floor() func(w int, take []int32) (int64, bool) {
	c := p.Columns
	if p.Floor != nil || c == nil {
		return p.Floor
	}
	for w := range c.Sites {
		if c.Sites[w].PerLine < 0 || c.UnitCost == nil && c.Sites[w].PerUnit < 0 {
			return nil // more might cost less
		}
		for l := range p.Lines {
			if c.UnitCost != nil && c.unitCost(p, l, w) < 0 {
				return nil
			}
		}
	}
	return c.floor(p)
}

// floor returns a lower bound, infinite when there is none. It looks at a few small groups of
// lines, each alone: what a plan ships of the group costs at least the group's relaxation priced by floors, and its
// other shipments cost at least 0.
func (s *Scratch) floor(p *Problem, ask func(w int, take []int32) (int64, bool), most int, ceiling int64) int64 {
	const groups, states = 6, 1 << 10
	split := max(p.SplitCost, 0)
	take := zeroed(&s.take, p.Lines)

	// The dearest lines first: a group of them bounds best.
	type alone struct {
		line int32
		cost int64
	}
	lines := make([]alone, 0, p.Lines)
	for l := range p.Lines {
		least := infinite
		for w := range p.Warehouses {
			if n := p.usable(l, w); n > 0 {
				take[l] = 1
				if !p.maySplit(l) {
					take[l] = n
				}
				if c, ok := ask(w, take); ok {
					least = min(least, c)
				}
				s.cert.Offers++
			}
		}
		take[l] = 0
		if least == infinite {
			return infinite
		}
		lines = append(lines, alone{int32(l), least})
	}
	slices.SortStableFunc(lines, func(a, b alone) int { return cmp.Compare(b.cost, a.cost) })

	best := lines[0].cost + split
	budget := ceiling / groups
	for i, n := 0, 0; i < len(lines) && n < groups; n++ {
		s.lines = s.lines[:0]
		for ; i < len(lines); i++ {
			s.lines = append(s.lines, lines[i].line)
			if !s.fits(p, most, min(states*int64(most+1), budget)) {
				s.lines = s.lines[:len(s.lines)-1]
				break
			}
		}
		if len(s.lines) == 0 { // too many units for any table
			i++
			continue
		}
		s.grid.set(p, s.lines, ceiling)
		s.priceFloor(p, ask, split)
		least := s.relax(most)
		if least == infinite {
			return infinite
		}
		best = max(best, least)
	}
	return best - split + min(p.SplitCost, 0)*int64(most-1)
}

// priceFloor fills cheapest[1] with the floors, with one split cost each.
func (s *Scratch) priceFloor(p *Problem, ask func(w int, take []int32) (int64, bool), split int64) {
	g := &s.grid
	one := s.row(1)
	for i := range one {
		one[i] = infinite
	}
	one[0] = 0
	top := zeroed(&s.top, len(g.line))
	for w := range p.Warehouses {
		n := g.below(p, w, top)
		digit, take := zeroed(&s.digit, len(g.line)), zeroed(&s.take, p.Lines)
		content := 0
		for range n - 1 {
			content += g.step(digit, top, take)
			if c, ok := ask(w, take); ok {
				one[content] = min(one[content], c+split)
			}
		}
		s.cert.Offers += int64(n - 1)
	}
	clear(s.take)
}
