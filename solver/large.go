package solver

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// largeLines is the most lines that sets of bits hold.
const largeLines = 64

// slopeFrom says from which part of the weight in reach on the slope of prices is taken: the first steps are steep.
const slopeFrom = 4

// levelFrom is slopeFrom for the sizes that serve all rates of a site.
const levelFrom = 4

// largeRates is the most rates of a site that the bounds look at.
const largeRates = 16

// large is the memory of the bounds for orders beyond the exact search.
//
// The relaxation prices every line by a multiplier: whoever ships the line gets it, and the plan pays them all. A
// warehouse then ships what gains it most, which is a knapsack over the steps of weight, and k warehouses ship, the
// k that gain most. The multipliers are integers, and so is everything that the bound is made of.
//
// Where lines may be split, or are too many for sets of bits, the lines come in parts: a site may take any part of what
// it has of a line, and gains that part of the multiplier. What it ships is priced by the relaxation of the knapsack
// alone, in which parts and whole lines are the same.
type large struct {
	p     *Problem
	sites []largeSite // warehouses that can ship something
	most  int
	least int // shipments

	parts  bool    // see parts.go
	amount []int64 // [line] units: the whole line, or in parts the most that the site at hand takes
	weight []int64 // [line] of so many
	volume []int64 // [line]
	heavy  []int32 // lines, the heaviest first: they say most about what sharing them costs

	masks []uint64 // [site] its lines
	adds  []int64  // [site*Lines+line] what a line costs besides the rate
	sizes []int64  // [site*Lines+line] what it weighs, as a cost, whatever the row

	profit []int64 // by position in a site's lines
	items  []largeItem
	pot    []int64
	slack  int64 // how much too low the price of a content may be
	work   int64 // nodes of all searches
	limit  int64 // of work

	reduced []int64  // [site] at the multipliers of the last evaluation
	chosen  []uint64 // [site] the lines that this has
	used    []int64  // in parts: [site*Lines+line] the part of the line that this has, in 1/partUnit
	order   []int32  // sites by reduced cost

	bound []int64   // [shipments] the best bound
	at    [][]int64 // [shipments] its multipliers; nil when there is none

	sets setSearch
}

type largeSite struct {
	warehouse   int32
	lines       []int32
	amount      []int64 // by position in lines: units
	add, single []int64 // by position in lines
	units       int64
	fixed       int64   // with one split cost
	size        []int64 // by position in lines: what it weighs, as a cost, whatever the row
	rows        []largeRow
}

// A largeRow is one way to ship from a site.
type largeRow struct {
	steps   []int64 // as far as all lines of the site can reach
	volumes []int64 // [step] the most volume of it
	price   []int64 // [step] of this step or a later one, the least; ends where nothing can be had
	measure []int64 // by position in the site's lines: weight, volume, or both
	most    []int64 // [step] the most measure of it
	order   []int32 // positions by profit over measure, as last seen
	lines   []bool  // [line] whether it may go this way; nil: all may
	takes   uint64  // the same as a set, of the first 64
	size    []int64 // by position in the site's lines; a content of step s has at most full[s] in all
	conj    []int64 // [step] least of price less size over this step and all later ones
	level   []int64 // [step] likewise, with the sizes of the site
	divisor int64
}

type largeItem struct {
	gain, profit          int64 // with and without its size
	weight, volume, units int64
	line                  int32
}

// mulDiv returns a*b/c, rounded down, for a, b >= 0 and c > 0; the result must fit.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(q)
}

// fits63 tells whether a cost times a weight, or twice the volume that counts as that weight, fits.
func fits63(cost, weight, divisor int64) bool {
	return bits.Len64(uint64(cost))+bits.Len64(uint64(weight))+bits.Len64(uint64(max(divisor, 1)))+1 < 63
}

// set works out the columns; it reports whether this kind of order is one that large knows.
func (s *large) set(p *Problem, most int) bool {
	c := p.Columns
	if c == nil || p.Lines > largeLines {
		return false
	}
	for l := range p.Lines {
		if p.maySplit(l) && p.Quantity[l] > 1 {
			return false
		}
	}
	for w := range c.Sites {
		if len(c.Sites[w].Rates) > largeRates {
			return false
		}
	}
	s.prepare(p, most, false)
	s.heavy = s.heavy[:0]
	for l := range p.Lines {
		s.heavy = append(s.heavy, int32(l))
	}
	slices.SortStableFunc(s.heavy, func(a, b int32) int { return cmp.Compare(s.weight[b], s.weight[a]) })
	s.masks = zero(s.masks, len(s.sites))
	s.adds = zero(s.adds, len(s.sites)*p.Lines)
	s.sizes = zero(s.sizes, len(s.sites)*p.Lines)
	for i := range s.sites {
		site := &s.sites[i]
		for j, l := range site.lines {
			s.masks[i] |= 1 << l
			s.adds[i*p.Lines+int(l)] = site.add[j]
			s.sizes[i*p.Lines+int(l)] = site.size[j]
		}
	}
	return true
}

// prepare works out what is known of the lines and of the sites.
func (s *large) prepare(p *Problem, most int, parts bool) {
	s.p, s.most, s.least, s.parts = p, most, max(p.fewest(), 1), parts
	s.amount, s.weight, s.volume = zero(s.amount, p.Lines), zero(s.weight, p.Lines), zero(s.volume, p.Lines)
	for l, q := range p.Quantity {
		s.take(l, int64(q))
	}
	s.sites = s.sites[:0]
	for w := range p.Warehouses {
		s.site(w)
	}
}

// take notes that so many units of a line are what may be shipped of it.
func (s *large) take(line int, units int64) {
	c := s.p.Columns
	s.amount[line], s.weight[line], s.volume[line] = units, c.Weight[line]*units, c.volume(line)*units
}

// site appends what large needs to know of a warehouse, if it can ship anything.
func (s *large) site(w int) {
	p, c := s.p, s.p.Columns
	from := &c.Sites[w]
	site := largeSite{warehouse: int32(w), units: from.Units, fixed: from.Fixed + p.SplitCost}
	for l := range p.Lines {
		units := int64(p.usable(l, w))
		if s.parts && p.maySplit(l) {
			if from.Units >= 0 {
				units = min(units, from.Units)
			}
			s.take(l, units)
		}
		if units > 0 && (from.Units < 0 || units <= from.Units) {
			site.lines = append(site.lines, int32(l))
		}
	}
	for {
		site.rows, site.add, site.single, site.amount = site.rows[:0], site.add[:0], site.single[:0], site.amount[:0]
		for i := range from.Rates {
			if r, ok := s.row(&site, &from.Rates[i]); ok {
				site.rows = append(site.rows, r)
			}
		}
		n, fewer := 0, false
		for _, l := range site.lines {
			least := infinite
			for i := range site.rows {
				r := &site.rows[i]
				if step := r.stepOf(0, s.weight[l], s.volume[l]); step < len(r.steps) && r.may(l) {
					least = min(least, r.price[step])
				}
			}
			if least == infinite {
				if s.parts && p.maySplit(int(l)) {
					if most := s.carried(&site, l); most > 0 { // some of it
						s.take(int(l), most)
						site.lines[n], fewer = l, true
						n++
					}
				}
				continue
			}
			add := from.PerLine + c.unitCost(p, int(l), w)*s.amount[l]
			site.lines[n] = l
			n++
			site.amount = append(site.amount, s.amount[l])
			site.add = append(site.add, add)
			site.single = append(site.single, site.fixed+add+least)
		}
		if n == len(site.lines) && !fewer {
			break
		}
		site.lines = site.lines[:n] // what no row ships alone it ships with nothing else either: again without
	}
	if len(site.lines) == 0 {
		return
	}
	if !s.parts {
		s.level(&site)
	}
	s.sites = append(s.sites, site)
}

// row prepares one way to ship from a site.
func (s *large) row(site *largeSite, r *Rates) (largeRow, bool) {
	c := s.p.Columns
	divisor := c.Divisors[r.Divisor]
	row := largeRow{divisor: divisor, lines: r.Lines}
	var weight, volume int64
	for _, l := range site.lines {
		if r.takes(int(l)) {
			row.takes |= 1 << l
			weight += s.weight[l]
			volume += s.volume[l]
		}
	}
	reach, _ := slices.BinarySearch(c.Steps, billable(weight, volume, divisor))
	steps := min(reach+1, len(r.Steps), len(c.Steps))
	for steps > 0 && r.Steps[steps-1].Cost >= Refused {
		steps--
	}
	if steps == 0 {
		return row, false
	}
	row.steps = c.Steps[:steps]
	row.price = make([]int64, steps)
	low := infinite
	for i := steps - 1; i >= 0; i-- {
		low = min(low, r.Steps[i].Cost)
		row.price[i] = low
	}
	row.steps, row.price = fewer(row.steps, row.price)
	steps = len(row.steps)
	row.volumes = make([]int64, steps)
	for i, upper := range row.steps {
		row.volumes[i] = math.MaxInt64
		if divisor > 0 && upper < math.MaxInt64/divisor {
			row.volumes[i] = upper * divisor
		}
		if r.Volume > 0 {
			row.volumes[i] = min(row.volumes[i], r.Volume)
		}
	}
	// One more of weight costs about rise/run. Weight and volume both count for at most the billable weight, and so
	// does any mean of them; take the one that says most.
	first, _ := slices.BinarySearch(row.steps, row.steps[steps-1]/slopeFrom)
	rise, run := row.price[steps-1]-row.price[first], row.steps[steps-1]-row.steps[first]
	byWeight, byVolume := weight, int64(0)
	if divisor > 0 {
		byVolume = volume / divisor
	}
	measure, scale := func(l int32) int64 { return s.weight[l] }, int64(1)
	switch {
	case byVolume > byWeight+byWeight/4:
		measure, scale = func(l int32) int64 { return s.volume[l] }, divisor
	case byVolume > byWeight-byWeight/4:
		measure, scale = func(l int32) int64 { return s.volume[l] + divisor*s.weight[l] }, 2*divisor
	}
	for i, l := range site.lines {
		row.measure = append(row.measure, measure(l))
		if row.may(l) {
			row.order = append(row.order, int32(i))
		}
	}
	row.most = make([]int64, steps)
	for i, upper := range row.steps {
		row.most[i] = math.MaxInt64
		if upper < math.MaxInt64/scale {
			row.most[i] = upper * scale
		}
	}
	row.size = make([]int64, len(site.lines))
	sloped := run > 0 && rise > 0 && fits63(rise, row.steps[steps-1], divisor)
	if sloped {
		for i, m := range row.measure {
			row.size[i] = mulDiv(m, rise, run*scale)
		}
	}
	row.conj = make([]int64, steps)
	low = infinite
	for i := steps - 1; i >= 0; i-- {
		full := int64(0)
		if sloped {
			full = mulDiv(row.steps[i], rise, run) + 1
		}
		low = min(low, row.price[i]-full)
		row.conj[i] = low
	}
	return row, true
}

// may reports whether a line may go this way.
func (r *largeRow) may(line int32) bool { return r.lines == nil || r.lines[line] }

// fewer leaves out every step whose price is that of the next, which holds more.
func fewer(steps, price []int64) (few, prices []int64) {
	few, n := make([]int64, 0, len(steps)), 0
	for i := range steps {
		if i == len(steps)-1 || price[i] != price[i+1] {
			few, price[n] = append(few, steps[i]), price[i]
			n++
		}
	}
	return few, price[:n]
}

// level chooses one size of every line of a site that serves for all its rows.
func (s *large) level(site *largeSite) {
	site.size = make([]int64, len(site.lines))
	var weight, volume, divisor int64
	steps := 0
	for i := range site.rows {
		own := site.rows[i].steps
		last, _ := slices.BinarySearch(s.p.Columns.Steps, own[len(own)-1])
		divisor, steps = max(divisor, site.rows[i].divisor), max(steps, last+1)
	}
	for _, l := range site.lines {
		weight += s.weight[l]
		volume += s.volume[l]
	}
	// A content counts as byWeight x weight + byVolume x volume, over scale.
	byWeight, byVolume, scale := int64(1), int64(0), int64(1)
	if divisor > 0 && !slices.ContainsFunc(site.rows, func(r largeRow) bool { return r.divisor == 0 }) {
		switch total := volume / divisor; {
		case total > weight+weight/4:
			byWeight, byVolume, scale = 0, 1, divisor
		case total > weight-weight/4:
			byWeight, byVolume, scale = divisor, 1, 2*divisor
		}
	}
	upper := s.p.Columns.Steps
	least := func(step int) int64 {
		price := infinite
		for i := range site.rows {
			r := &site.rows[i]
			if at, _ := slices.BinarySearch(r.steps, upper[step]); at < len(r.price) {
				price = min(price, r.price[at])
			}
		}
		return price
	}
	first, _ := slices.BinarySearch(upper[:steps], upper[steps-1]/levelFrom)
	rise, run := least(steps-1)-least(first), upper[steps-1]-upper[first]
	flat := rise <= 0 || run <= 0 || !fits63(rise, upper[steps-1], divisor)
	if !flat {
		for i, l := range site.lines {
			site.size[i] = mulDiv(byWeight*s.weight[l]+byVolume*s.volume[l], rise, run*scale)
		}
	}
	for i := range site.rows {
		r := &site.rows[i]
		r.level = make([]int64, len(r.steps))
		low := infinite
		for step := len(r.steps) - 1; step >= 0; step-- {
			full := int64(0)
			if !flat {
				most := byWeight * r.steps[step]
				if byVolume > 0 {
					most += r.steps[step] * r.divisor
				}
				full = mulDiv(most, rise, run*scale) + 1
			}
			low = min(low, r.price[step]-full)
			r.level[step] = low
		}
	}
}

// stepOf returns the step of a weight and volume that are at least of step from.
func (r *largeRow) stepOf(from int, weight, volume int64) int {
	for from < len(r.steps) && (r.steps[from] < weight || r.volumes[from] < volume) {
		from++
	}
	return from
}

// A pricing is the search for the content of one row that costs least less its multipliers.
type pricing struct {
	s      *large
	row    *largeRow
	fixed  int64
	units  int64 // negative: no limit
	best   int64
	set    uint64
	budget int
}

// reduce returns the least that a site charges for a content, one split cost included, less the multipliers of its
// lines, and the content. No content is less than the first; the second has it unless the search was cut.
func (s *large) reduce(site *largeSite, price []int64, cutoff int64) (int64, uint64) {
	const budget = 60
	q := pricing{s: s, units: site.units, fixed: site.fixed, best: infinite}
	for i, l := range site.lines {
		if c := site.single[i] - price[l]; c < q.best {
			q.best, q.set = c, 1<<l
		}
	}
	cut := infinite
	if q.best > cutoff {
		q.best, cut = cutoff, cutoff
	}
	s.profit = s.profit[:0]
	for j, l := range site.lines {
		s.profit = append(s.profit, max(price[l]-site.add[j], 0))
	}
	for i := range site.rows {
		q.row = &site.rows[i]
		bound := q.fixed + q.relaxed(site)
		if bound+s.slack >= q.best {
			continue
		}
		s.items = s.items[:0]
		for j, l := range site.lines {
			if profit := s.profit[j]; profit > 0 && q.row.takes>>l&1 != 0 {
				s.items = append(s.items, largeItem{
					gain: profit - q.row.size[j], profit: profit, weight: s.weight[l], volume: s.volume[l], units: int64(s.p.Quantity[l]), line: l,
				})
			}
		}
		for j := 1; j < len(s.items); j++ { // the most gain first
			it, at := s.items[j], j
			for ; at > 0 && s.items[at-1].gain < it.gain; at-- {
				s.items[at] = s.items[at-1]
			}
			s.items[at] = it
		}
		s.pot = slices.Grow(s.pot[:0], len(s.items)+1)[:len(s.items)+1]
		s.pot[len(s.items)] = 0
		for j := len(s.items) - 1; j >= 0; j-- {
			s.pot[j] = s.pot[j+1] + max(s.items[j].gain, 0)
		}
		q.budget = budget
		q.search(0, 0, 0, 0, 0, 0, 0, 0)
		s.work += int64(budget - q.budget)
		if q.budget <= 0 {
			cut = min(cut, bound)
		}
	}
	s.work += int64(4 * len(site.rows))
	return min(q.best-s.slack, cut), q.set
}

// relaxed returns a lower bound on the price of a content less its profits. It takes note of the content that this comes
// to without the line that is cut.
func (q *pricing) relaxed(site *largeSite) int64 {
	s, row := q.s, q.row
	best, whole, _ := s.knapsack(row)
	var weight, volume, units, profit int64
	var set uint64
	step := 0
	for _, j := range row.order[:whole] {
		l := site.lines[j]
		weight += s.weight[l]
		volume += s.volume[l]
		units += int64(s.p.Quantity[l])
		profit += s.profit[j]
		set |= 1 << l
	}
	if step = row.stepOf(step, weight, volume); whole > 0 && step < len(row.steps) && (q.units < 0 || units <= q.units) {
		if c := q.fixed + row.price[step] - profit; c < q.best {
			q.best, q.set = c, set
		}
	}
	return best
}

// knapsack returns a lower bound on the price of a row's content less its profits, by the knapsack whose last line may be
// cut, for every step; how many lines this has whole, in the row's order; and what measure is left for the next one.
func (s *large) knapsack(row *largeRow) (best int64, whole int, rest int64) {
	for j := 1; j < len(row.order); j++ { // by profit over measure; the order was right for slightly different profits
		at, it := j, row.order[j]
		profit, measure := uint64(s.profit[it]), uint64(row.measure[it])
		for ; at > 0; at-- {
			before := row.order[at-1]
			hi, lo := bits.Mul64(uint64(s.profit[before]), measure)
			hi2, lo2 := bits.Mul64(profit, uint64(row.measure[before]))
			if s.profit[before] > 0 && (hi > hi2 || hi == hi2 && lo >= lo2) || profit == 0 { // none goes last, whatever its measure
				break
			}
			row.order[at] = before
		}
		row.order[at] = it
	}
	best = infinite
	var used, profit int64
	i := 0
	for step, most := range row.most {
		for i < len(row.order) && s.profit[row.order[i]] > 0 && row.measure[row.order[i]] <= most-used {
			used += row.measure[row.order[i]]
			profit += s.profit[row.order[i]]
			i++
		}
		value, all := row.price[step]-profit, true
		if i < len(row.order) && s.profit[row.order[i]] > 0 {
			all = false
			value -= mulDiv(s.profit[row.order[i]], most-used, row.measure[row.order[i]]) + 1
		}
		if value < best {
			best, whole, rest = value, i, most-used
		}
		if all {
			break
		}
	}
	return best, whole, rest
}

func (q *pricing) search(from, step int, weight, volume, units, gain, profit int64, set uint64) {
	row := q.row
	for i := from; i < len(q.s.items); i++ {
		if q.fixed+row.conj[step]-gain-q.s.pot[i]+q.s.slack >= q.best || q.budget <= 0 {
			return
		}
		q.budget--
		it := &q.s.items[i]
		w, v, u := weight+it.weight, volume+it.volume, units+it.units
		if q.units >= 0 && u > q.units {
			continue
		}
		at := row.stepOf(step, w, v)
		if at == len(row.steps) {
			continue
		}
		if c := q.fixed + row.price[at] - profit - it.profit; c < q.best {
			q.best, q.set = c, set|1<<it.line
		}
		q.search(i+1, at, w, v, u, gain+it.gain, profit+it.profit, set|1<<it.line)
	}
}
