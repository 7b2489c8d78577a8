package solver

import "slices"

// partUnit is the unit of the parts of a line.
const partUnit = 64

// setParts works out the columns for lines that come in parts; it reports whether there are columns that allow it.
func (s *large) setParts(p *Problem, most int) bool {
	c := p.Columns
	if c == nil {
		return false
	}
	for w := range c.Sites {
		if c.Sites[w].PerLine < 0 {
			return false // a part of a line would have to gain as much as the whole
		}
	}
	s.prepare(p, most, true)
	s.used = zero(s.used, len(s.sites)*p.Lines)
	return true
}

// carried returns how many of the units of a line that a site has, it can ship alone.
func (s *large) carried(site *largeSite, line int32) int64 {
	most := int64(0)
	for i := range site.rows {
		r, n := &site.rows[i], s.amount[line]
		if !r.may(line) {
			continue
		}
		last := len(r.steps) - 1
		if w := s.p.Columns.Weight[line]; w > 0 {
			n = min(n, r.steps[last]/w)
		}
		if v := s.p.Columns.volume(int(line)); v > 0 {
			n = min(n, r.volumes[last]/v)
		}
		most = max(most, n)
	}
	return most
}

// reduceParts returns no more than the least that a site charges for a content, one split cost included, less its part
// of the multipliers, and takes note of the content.
//
// A part of what a site can take of a line gains that part of the whole gain, or less, as the cost of the line itself is
// not divided. So a knapsack that may cut a line bounds contents of parts as well as those of whole lines.
func (s *large) reduceParts(at int, price []int64) int64 {
	site, used := &s.sites[at], s.used[at*s.p.Lines:][:s.p.Lines]
	s.profit = s.profit[:0]
	for j, l := range site.lines {
		gain := price[l]
		if q := int64(s.p.Quantity[l]); site.amount[j] < q {
			if gain >= 0 {
				gain = mulDiv(gain, site.amount[j], q) + 1
			} else {
				gain = -mulDiv(-gain, site.amount[j], q)
			}
		}
		s.profit = append(s.profit, max(gain-site.add[j], 0))
	}
	best := infinite
	clear(used)
	for i := range site.rows {
		row := &site.rows[i]
		least, whole, rest := s.knapsack(row)
		if least >= best {
			continue
		}
		best = least
		clear(used)
		for n, j := range row.order[:min(whole+1, len(row.order))] {
			l := site.lines[j]
			part := partUnit * site.amount[j] / int64(s.p.Quantity[l])
			if n == whole {
				if s.profit[j] <= 0 || row.measure[j] <= 0 {
					break
				}
				part = mulDiv(part, min(rest, row.measure[j]), row.measure[j])
			}
			used[l] = part
		}
	}
	s.work += int64(4 * len(site.rows))
	return site.fixed + best
}

// boundParts returns a lower bound on the cost of every plan, infinite where there is none. upper is the cost of the best
// plan known, if have.
func (s *Scratch) boundParts(p *Problem, ceiling int64, have bool, upper int64) int64 {
	l := &s.large
	var reach []int64
	reach = zero(reach, p.Lines)
	for i := range l.sites {
		for j, line := range l.sites[i].lines {
			reach[line] += l.sites[i].amount[j]
		}
	}
	for line, q := range p.Quantity {
		if reach[line] < int64(q) {
			return infinite
		}
	}
	if l.least > min(l.most, len(l.sites)) {
		return infinite
	}
	l.work, l.limit = 0, min(ceiling, 1<<18)
	if !have {
		upper = l.guess()
	}
	l.ascend(s.shares(p, have, upper), func() int64 { return upper }, func([]int32) {})
	s.cert.States += l.work
	return slices.Min(l.bound[l.least:])
}
