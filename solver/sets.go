package solver

import (
	"math/bits"
	"slices"
)

// setSearch looks through the sets of sites that can ship an order between them, and through the ways to share the
// lines among each: it finds all plans under a limit.
type setSearch struct {
	l     *large
	limit int64 // plans of this cost or more are of no interest
	found func(sites []int32, sets []uint64)
	cut   bool // the work ran out, or the search was stopped

	stopped bool

	each    int64 // work on one set of sites; 0: no limit
	skipped bool  // that ran out somewhere

	k       int
	reduces [][]int64 // [shipments][site] at the multipliers for so many shipments
	orders  [][]int32 // [shipments] sites by reduced cost; empty when not worked out
	reduced []int64   // of k shipments
	sums    []int64   // [shipments] the multipliers less one split cost
	order   []int32   // of k shipments
	state   []uint8   // [site] free, open or closed
	with    [][]int32
	open    []int32

	slots []slot
	rest  []int32  // lines that several open sites have
	after []behind // [position in rest]
}

// behind is what a shared line and those behind it cost at least, without and with their sizes.
type behind struct {
	add  int64
	both int64
}

const (
	free uint8 = iota
	opened
	closed
)

// A slot is an open site while the lines are shared.
type slot struct {
	site                  *largeSite
	at                    int // position among sites
	weight, volume, units int64
	add                   int64
	size                  int64 // sums over its lines
	set                   uint64
	steps                 [largeRates]int32
	cost                  int64
	floor                 int64
}

// begin forgets what runs for another order worked out.
func (s *setSearch) begin(l *large, most int) {
	s.l, s.cut, s.stopped = l, false, false
	for len(s.orders) <= most {
		s.orders, s.reduces, s.sums = append(s.orders, nil), append(s.reduces, nil), append(s.sums, 0)
	}
	for k := range s.orders {
		s.orders[k] = s.orders[k][:0]
	}
}

// run finds all plans of k shipments under the limit, at the multipliers that the bound for k has.
func (s *setSearch) run(k int) {
	l := s.l
	n := len(l.sites)
	s.k = k
	if len(s.orders[k]) != n {
		l.order = l.order[:0]
		l.evaluate(l.at[k], n)
		s.reduces[k] = append(s.reduces[k][:0], l.reduced...)
		s.orders[k] = append(s.orders[k][:0], l.order...)
		s.sums[k] = -l.p.SplitCost
		for _, u := range l.at[k] {
			s.sums[k] += u
		}
	}
	s.reduced, s.order = s.reduces[k], s.orders[k]
	s.state = zero(s.state, n)
	s.open = s.open[:0]
	for len(s.with) < l.p.Lines {
		s.with = append(s.with, nil)
	}
	for line := range l.p.Lines {
		s.with[line] = s.with[line][:0]
		for _, i := range s.order {
			if l.masks[i]>>line&1 != 0 {
				s.with[line] = append(s.with[line], i)
			}
		}
	}
	s.cover(0, s.sums[k])
}

// spend counts work and reports whether there was any left.
func (s *setSearch) spend(work int64) bool {
	before := s.l.work
	s.l.work += work
	if before>>10 != s.l.work>>10 {
		s.stopped = s.stopped || s.l.p.stopped()
	}
	s.cut = s.cut || s.stopped || s.l.work > s.l.limit
	return !s.cut
}

// cover opens one more site; covered has the lines of those open, and sum what they and the multipliers come to.
func (s *setSearch) cover(covered uint64, sum int64) {
	if !s.spend(1 + int64(bits.OnesCount64(s.l.all()&^covered))/4) {
		return
	}
	left := s.k - len(s.open)
	missing := s.l.all() &^ covered
	if left == 0 {
		if missing == 0 {
			s.share()
		}
		return
	}
	// The others cost at least what the best that are free do.
	others, need := int64(0), left-1
	for _, i := range s.order {
		if need == 0 {
			break
		}
		if s.state[i] == free {
			others += s.reduced[i]
			need--
		}
	}
	if need > 0 {
		return
	}
	candidates := s.order
	if missing != 0 {
		candidates = s.scarcest(missing)
	}
	first := len(s.open)
	s.open = append(s.open, 0)
	var shut [64]int32 // sites closed here
	shuts := shut[:0]
	for _, i := range candidates {
		if s.state[i] != free {
			continue
		}
		next := sum + s.reduced[i]
		if next+others >= s.limit {
			break // they are in order of reduced cost
		}
		if left > 1 || missing&^s.l.masks[i] == 0 {
			s.open[first], s.state[i] = i, opened
			s.cover(covered|s.l.masks[i], next)
			if s.cut {
				s.state[i] = free
				break
			}
		}
		s.state[i] = closed
		shuts = append(shuts, i)
	}
	for _, i := range shuts {
		s.state[i] = free
	}
	s.open = s.open[:first]
}

// scarcest returns the sites that have the missing line which fewest free sites have.
func (s *setSearch) scarcest(missing uint64) []int32 {
	var best []int32
	fewest := len(s.order) + 1
	for ; missing != 0; missing &= missing - 1 {
		line := bits.TrailingZeros64(missing)
		count := 0
		for _, i := range s.with[line] {
			if s.state[i] == free {
				count++
			}
		}
		if count < fewest {
			best, fewest = s.with[line], count
		}
	}
	return best
}

// share looks for the ways to share all lines among the open sites.
func (s *setSearch) share() {
	l := s.l
	if !s.spend(int64(l.p.Lines)) {
		return
	}
	s.slots = s.slots[:0]
	var once, twice uint64
	for _, i := range s.open {
		twice |= once & l.masks[i]
		once |= l.masks[i]
		s.slots = append(s.slots, slot{site: &l.sites[i], at: int(i)})
	}
	for i := range s.slots {
		t := &s.slots[i]
		for own := l.masks[t.at] &^ twice; own != 0; own &= own - 1 {
			s.put(t, bits.TrailingZeros64(own))
		}
		if !s.price(t) {
			return
		}
	}
	s.rest = s.rest[:0]
	for _, line := range l.heavy {
		if twice>>line&1 != 0 {
			s.rest = append(s.rest, line)
		}
	}
	n := len(s.rest)
	s.after = slices.Grow(s.after[:0], n+1)[:n+1]
	s.after[n] = behind{}
	for i := n - 1; i >= 0; i-- {
		least := behind{add: infinite, both: infinite}
		for j := range s.slots {
			if l.masks[s.slots[j].at]>>s.rest[i]&1 == 0 {
				continue
			}
			at := s.slots[j].at*l.p.Lines + int(s.rest[i])
			least.add = min(least.add, l.adds[at])
			least.both = min(least.both, l.adds[at]+l.sizes[at])
		}
		s.after[i] = behind{s.after[i+1].add + least.add, s.after[i+1].both + least.both}
	}
	if s.each == 0 {
		s.assign(0)
		return
	}
	limit := l.limit
	l.limit = min(limit, l.work+s.each)
	s.assign(0)
	l.limit = limit
	if s.cut && !s.stopped && l.work <= limit {
		s.cut, s.skipped = false, true
	}
}

// put adds a line to a slot.
func (s *setSearch) put(t *slot, line int) {
	l := s.l
	at := t.at*l.p.Lines + line
	t.weight += l.weight[line]
	t.volume += l.volume[line]
	t.units += int64(l.p.Quantity[line])
	t.add += l.adds[at]
	t.size += l.sizes[at]
	t.set |= 1 << line
}

// price works out what a slot costs now, at least, and what it costs at least whatever is added, apart from what the
// added lines cost themselves. It reports whether it can be shipped.
func (s *setSearch) price(t *slot) bool {
	if t.site.units >= 0 && t.units > t.site.units {
		return false
	}
	cost, floor := infinite, infinite
	for i := range t.site.rows {
		r := &t.site.rows[i]
		if t.set&^r.takes != 0 {
			continue
		}
		step := r.stepOf(int(t.steps[i]), t.weight, t.volume)
		t.steps[i] = int32(step)
		if step < len(r.steps) {
			cost = min(cost, r.price[step])
			floor = min(floor, r.level[step])
		}
	}
	t.cost = t.site.fixed + t.add + cost
	t.floor = t.site.fixed + t.add + t.size + floor
	return cost < infinite
}

// assign gives the i-th shared line, and those behind it, to a slot each.
func (s *setSearch) assign(i int) {
	if !s.spend(1) {
		return
	}
	cost := s.after[i].add - s.l.p.SplitCost
	floor := s.after[i].both
	for j := range s.slots {
		cost += s.slots[j].cost
		floor += s.slots[j].floor
	}
	if cost >= s.limit || floor-s.l.p.SplitCost >= s.limit {
		return
	}
	if i == len(s.rest) {
		sites, sets := make([]int32, len(s.slots)), make([]uint64, len(s.slots))
		for j := range s.slots {
			if s.slots[j].set == 0 {
				return // a plan of fewer shipments
			}
			sites[j], sets[j] = s.slots[j].site.warehouse, s.slots[j].set
		}
		s.found(sites, sets)
		return
	}
	line := int(s.rest[i])
	// The cheapest place first.
	var tried [64]bool
	for range s.slots {
		best, least := -1, infinite
		for j := range s.slots {
			if at := s.slots[j].at; !tried[j] && s.l.masks[at]>>line&1 != 0 {
				c := s.l.adds[at*s.l.p.Lines+line] + s.l.sizes[at*s.l.p.Lines+line]
				if s.slots[j].set == 0 {
					c -= s.slots[j].cost // it must get something
				}
				if c < least {
					best, least = j, c
				}
			}
		}
		if best < 0 {
			return
		}
		tried[best] = true
		was := s.slots[best]
		s.put(&s.slots[best], line)
		if s.price(&s.slots[best]) {
			s.assign(i + 1)
		}
		s.slots[best] = was
		if s.cut {
			return
		}
	}
}
