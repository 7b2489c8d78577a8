package solver

import (
	"cmp"
	"slices"
)

// evaluate prices all sites at the multipliers and improves the bounds for every number of shipments that follow from
// them. For more than exact shipments they may be weaker than they could be.
func (s *large) evaluate(price []int64, exact int) {
	n := len(s.sites)
	cutoff := infinite
	if last := s.order; len(last) == n && n > exact+2 {
		// Whoever is far behind need not be priced exactly, and those who led before probably lead again.
		for i, at := range last {
			if i == exact+2 {
				cutoff = s.reduced[last[0]]
				for _, j := range last[1:i] {
					cutoff = max(cutoff, s.reduced[j])
				}
			}
			s.reduceAt(int(at), price, cutoff)
		}
	} else {
		s.reduced, s.chosen, s.order = slices.Grow(s.reduced[:0], n)[:n], slices.Grow(s.chosen[:0], n)[:n], s.order[:0]
		for i := range s.sites {
			s.reduceAt(i, price, infinite)
			s.order = append(s.order, int32(i))
		}
	}
	slices.SortFunc(s.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.reduced[a], s.reduced[b]), cmp.Compare(a, b))
	})
	sum := -s.p.SplitCost
	for _, u := range price {
		sum += u
	}
	for k := 1; k < len(s.bound) && k <= n; k++ {
		if sum += s.reduced[s.order[k-1]]; sum > s.bound[k] && k >= s.least {
			s.bound[k] = sum
			s.at[k] = append(s.at[k][:0], price...)
		}
	}
}

// reduceAt prices a site at the multipliers.
func (s *large) reduceAt(at int, price []int64, cutoff int64) {
	if s.parts {
		s.reduced[at] = s.reduceParts(at, price)
		return
	}
	s.reduced[at], s.chosen[at] = s.reduce(&s.sites[at], price, cutoff)
}

// holds returns the part of a line that a site has at the multipliers, in 1/partUnit.
func (s *large) holds(at int32, line int) int64 {
	if s.parts {
		return s.used[int(at)*s.p.Lines+line]
	}
	return int64(s.chosen[at]>>line&1) * partUnit
}

// weakest returns the number of shipments whose bound is the least.
func (s *large) weakest() int {
	k := s.least
	for j := s.least + 1; j < len(s.bound); j++ {
		if s.bound[j] < s.bound[k] {
			k = j
		}
	}
	return k
}

// slackPart says how exactly contents are priced: so that the sites together are too low by this part of the distance
// from the bound to the best plan.
const slackPart = 32

// ascend raises the bounds by subgradient searches for the multipliers: those of the number of shipments whose bound is
// the weakest, until that many have had their turns. It starts from price. try is asked about the sites that the
// relaxation opens and may lower upper, the cost of the best plan known.
func (s *large) ascend(price []int64, upper func() int64, try func(sites []int32)) {
	const (
		unit  = partUnit // of directions
		turns = 80       // of each number of shipments
		all   = 160
	)
	n := s.p.Lines
	most := min(s.most, len(s.sites))
	s.bound = slices.Grow(s.bound[:0], most+1)[:most+1]
	for len(s.at) <= most {
		s.at = append(s.at, nil)
	}
	for k := range s.bound {
		s.bound[k] = -infinite
		if k < s.least {
			s.bound[k] = infinite
		}
	}
	s.order = s.order[:0]
	type state struct {
		price, direction []int64
		step, stalled    int64
		turns            int
	}
	states := make([]*state, most+1)
	s.slack = max(upper()/slackPart/8, 0)
	s.evaluate(price, most)
	for range all {
		k := 0
		for j := s.least; j <= most; j++ {
			if (states[j] == nil || states[j].turns < turns) && s.bound[j] < upper() && (k == 0 || s.bound[j] < s.bound[k]) {
				k = j
			}
		}
		if k == 0 || s.work > s.limit || s.p.stopped() {
			return
		}
		st := states[k]
		if st == nil {
			st = &state{price: slices.Clone(s.at[k]), direction: make([]int64, n), step: unit}
			states[k] = st
		}
		st.turns++
		before := s.bound[k]
		s.slack = max((upper()-before)/int64(slackPart*k), 0)
		s.evaluate(st.price, k)
		value := -s.p.SplitCost
		for _, u := range st.price {
			value += u
		}
		for _, i := range s.order[:k] {
			value += s.reduced[i]
		}
		if s.bound[k] > before {
			st.stalled = 0
		} else if st.stalled++; st.stalled > 6 {
			st.stalled, st.step = 0, st.step*2/3
			if st.step < 2 {
				st.turns = turns
			}
			copy(st.price, s.at[k])
			clear(st.direction)
			continue
		}
		try(s.order[:k])
		var norm int64
		for l := range n {
			slope := int64(unit)
			for _, i := range s.order[:k] {
				slope -= s.holds(i, l)
			}
			st.direction[l] = st.direction[l]*6/10 + slope
			norm += st.direction[l] * st.direction[l]
		}
		if norm == 0 {
			clear(st.direction)
			st.step = st.step * 2 / 3
			if st.step < 2 {
				st.turns = turns
			}
			continue
		}
		length := max(upper()-value, upper()/2000, 1)
		for l, d := range st.direction {
			move := mulDiv(mulDiv(length, st.step, unit), max(d, -d)*unit, norm)
			if d < 0 {
				move = -move
			}
			st.price[l] += move
		}
	}
}
