package solver

import (
	"cmp"
	"slices"
)

// bounded solves what is too large for the exact search: a local search from many starts, and the best lower bound
// at hand. known is a bound already proven, -infinite when there is none; have says that s.plan is a plan already.
func (s *Scratch) bounded(p *Problem, most int, ceiling, known int64, have bool) (Plan, Certificate) {
	bound := max(known, max(p.SplitCost, 0)*int64(p.fewest()-1)+min(p.SplitCost, 0)*int64(most-1))
	if p.Floor != nil {
		floor := s.floor(p, most, ceiling)
		if floor == infinite {
			return s.infeasible()
		}
		bound = max(bound, floor)
	}
	s.cert.Bound = bound
	if s.local.search(p, most, ceiling, &s.cert) {
		s.local.write(&s.other)
		if !have || Compare(&s.other, &s.plan) < 0 {
			s.plan, s.other = s.other, s.plan
		}
		have = true
	}
	if !have {
		return Plan{}, s.cert
	}
	s.cert.Status = Bounded
	return s.plan, s.cert
}

// floor returns a lower bound on the cost of a plan, infinite when there is none. It looks at a few small groups of
// lines, each alone: what a plan ships of the group costs at least the group's relaxation priced by Floor, and its
// other shipments cost at least 0.
func (s *Scratch) floor(p *Problem, most int, ceiling int64) int64 {
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
				if c, ok := p.Floor(w, take); ok {
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
		s.priceFloor(p, split)
		least := s.relax(most)
		if least == infinite {
			return infinite
		}
		best = max(best, least)
	}
	return best - split + min(p.SplitCost, 0)*int64(most-1)
}

// priceFloor fills cheapest[1] from Floor, with one split cost each.
func (s *Scratch) priceFloor(p *Problem, split int64) {
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
			if c, ok := p.Floor(w, take); ok {
				one[content] = min(one[content], c+split)
			}
		}
		s.cert.Offers += int64(n - 1)
	}
	clear(s.take)
}
