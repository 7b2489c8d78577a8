package solver

import (
	"fmt"
	"slices"
)

// Refused is the cost of a rate that is no rate: what weighs so much cannot be shipped that way.
const Refused = CostLimit

// Columns say what shipments cost, so that the search reads tables instead of asking [Problem.Offer] for every
// content, and so that it can prove good bounds for orders far beyond the exact search. A warehouse ships one content
// as one parcel, for
//
//	Fixed + PerLine x lines + (PerUnit + UnitCost) x units + the cheapest of its rates
//
// where a rate depends on the step of the weight, or of the volume over the divisor where that is greater. Of equally
// cheap rates the earlier arrival is taken, then the first.
type Columns struct {
	// Exact tells that every offer is what the columns say, so that Offer is never asked. Otherwise no offer costs
	// less, and none is made where the columns have none; then only bounds use them.
	Exact bool

	Weight []int64 // [line] of one unit, at least 0
	Volume []int64 // [line] of one unit, at least 0; nil where volume does not count

	// Steps are ascending upper bounds: step i holds the weights over Steps[i-1] and up to Steps[i]. What is over
	// the last cannot be shipped.
	Steps []int64

	// Divisors turn volume into weight: the volume over the divisor, rounded up. 0 counts no volume.
	Divisors []int64

	Sites []Site // [warehouse]

	// UnitCost is added for every unit, by line and warehouse: [line*Warehouses+w], a price of stock for example.
	// nil adds nothing.
	UnitCost []int64
}

// A Site is what one warehouse charges.
type Site struct {
	Fixed, PerLine, PerUnit int64

	// Units is the most units of a shipment; negative sets no limit.
	Units int64

	// Arrival is added to the arrival of every rate.
	Arrival int64

	Rates []Rates
}

// Rates are one way to ship from a warehouse, or the best of several by the step of weight.
type Rates struct {
	Divisor int32   // position in Columns.Divisors
	Steps   []Offer // [step] Refused costs where it cannot be had, which is also so beyond the last
	Volume  int64   // the most volume of a content that goes this way; 0 sets no limit
	Lines   []bool  // [line] whether it may be in a content that goes this way; nil: all may
}

// takes reports whether a line may go this way.
func (r *Rates) takes(line int) bool { return r.Lines == nil || r.Lines[line] }

// holds reports whether a content of such a volume may go this way.
func (r *Rates) holds(take []int32, volume int64) bool {
	if r.Volume > 0 && volume > r.Volume {
		return false
	}
	for l, n := range take {
		if n > 0 && !r.takes(l) {
			return false
		}
	}
	return true
}

func (c *Columns) check(p *Problem) {
	switch {
	case len(c.Weight) != p.Lines || c.Volume != nil && len(c.Volume) != p.Lines:
		panic(fmt.Sprintf("solver: %d weights and %d volumes for %d lines", len(c.Weight), len(c.Volume), p.Lines))
	case len(c.Sites) != p.Warehouses:
		panic(fmt.Sprintf("solver: %d sites for %d warehouses", len(c.Sites), p.Warehouses))
	case c.UnitCost != nil && len(c.UnitCost) != len(p.Available):
		panic(fmt.Sprintf("solver: %d unit costs for %d availabilities", len(c.UnitCost), len(p.Available)))
	}
	for w := range c.Sites {
		for i := range c.Sites[w].Rates {
			if r := &c.Sites[w].Rates[i]; len(r.Steps) > len(c.Steps) || int(r.Divisor) >= len(c.Divisors) || r.Divisor < 0 {
				panic(fmt.Sprintf("solver: warehouse %d has rates of %d steps by divisor %d", w, len(r.Steps), r.Divisor))
			} else if r.Lines != nil && len(r.Lines) != p.Lines {
				panic(fmt.Sprintf("solver: warehouse %d has a rate for %d lines of %d", w, len(r.Lines), p.Lines))
			}
		}
	}
	for l := range c.Weight {
		if c.Weight[l] < 0 || c.Volume != nil && c.Volume[l] < 0 {
			panic(fmt.Sprintf("solver: line %d weighs less than nothing", l))
		}
	}
}

func (c *Columns) volume(line int) int64 {
	if c.Volume == nil {
		return 0
	}
	return c.Volume[line]
}

// unitCost returns what a unit of a line costs at a warehouse besides the rate.
func (c *Columns) unitCost(p *Problem, line, w int) int64 {
	cost := c.Sites[w].PerUnit
	if c.UnitCost != nil {
		cost += c.UnitCost[line*p.Warehouses+w]
	}
	return cost
}

// billable returns the weight that counts.
func billable(weight, volume, divisor int64) int64 {
	if divisor > 0 {
		return max(weight, (volume+divisor-1)/divisor)
	}
	return weight
}

// Offer answers what the columns say about a content, as [Problem.Offer] does.
func (c *Columns) Offer(p *Problem, w int, take []int32) (Offer, bool) {
	site := &c.Sites[w]
	var weight, volume, units, cost int64
	for l, n := range take {
		if n == 0 {
			continue
		}
		weight += c.Weight[l] * int64(n)
		volume += c.volume(l) * int64(n)
		units += int64(n)
		cost += site.PerLine + c.unitCost(p, l, w)*int64(n)
	}
	if site.Units >= 0 && units > site.Units {
		return Offer{}, false
	}
	best := Offer{Cost: Refused}
	for i := range site.Rates {
		r := &site.Rates[i]
		if !r.holds(take, volume) {
			continue
		}
		step, _ := slices.BinarySearch(c.Steps, billable(weight, volume, c.Divisors[r.Divisor]))
		if step < len(r.Steps) {
			best = cheaper(best, r.Steps[step])
		}
	}
	if best.Cost >= Refused {
		return Offer{}, false
	}
	best.Cost += site.Fixed + cost
	best.Arrival += site.Arrival
	return best, true
}

// floor answers the least that a content with at least so much costs, where nothing more makes one cheaper but a rate.
func (c *Columns) floor(p *Problem) func(w int, take []int32) (int64, bool) {
	return func(w int, take []int32) (int64, bool) {
		site := &c.Sites[w]
		var weight, volume, units, cost int64
		for l, n := range take {
			if n > 0 {
				weight += c.Weight[l] * int64(n)
				volume += c.volume(l) * int64(n)
				units += int64(n)
				cost += site.PerLine + c.unitCost(p, l, w)*int64(n)
			}
		}
		if site.Units >= 0 && units > site.Units {
			return 0, false
		}
		rate := Refused
		for i := range site.Rates {
			r := &site.Rates[i]
			if !r.holds(take, volume) {
				continue
			}
			step, _ := slices.BinarySearch(c.Steps, billable(weight, volume, c.Divisors[r.Divisor]))
			for ; step < len(r.Steps); step++ {
				rate = min(rate, r.Steps[step].Cost)
			}
		}
		return site.Fixed + cost + rate, rate < Refused
	}
}

// cheaper returns the better rate, the first where both are as good.
func cheaper(a, b Offer) Offer {
	if b.Cost < a.Cost || b.Cost == a.Cost && b.Arrival < a.Arrival {
		return b
	}
	return a
}

// contents is what the columns say about every vector of a grid, and the memory to read one warehouse's offers.
type contents struct {
	steps  [][]int32 // [divisor][vector]; len(Steps) where too heavy
	weight []int64   // [vector]
	volume []int64   // [vector]
	lines  []int32   // [vector]
	units  []int32   // [vector]
	number []int32   // the vectors that a warehouse can ship, ascending
	extra  []int64   // what their units cost besides
	held   []uint64  // [vector] its lines, by position in the grid; kept only where some rate is not for all lines
	barred []uint64  // [rate] of the warehouse at hand: the lines that it is not for
}

// set works out the columns of every vector of the grid.
func (t *contents) set(p *Problem, g *grid) {
	c := p.Columns
	n := g.states
	t.weight, t.volume = slices.Grow(t.weight[:0], n)[:n], slices.Grow(t.volume[:0], n)[:n]
	t.lines, t.units = slices.Grow(t.lines[:0], n)[:n], slices.Grow(t.units[:0], n)[:n]
	t.weight[0], t.volume[0], t.lines[0], t.units[0] = 0, 0, 0, 0
	for len(t.steps) < len(c.Divisors) {
		t.steps = append(t.steps, nil)
	}
	for d := range c.Divisors {
		t.steps[d] = slices.Grow(t.steps[d][:0], n)[:n]
		t.steps[d][0] = 0
	}
	t.held = t.held[:0]
	if c.barsLines() {
		t.held = slices.Grow(t.held, n)[:n]
		t.held[0] = 0
	}
	for i := len(g.line) - 1; i >= 0; i-- {
		l := int(g.line[i])
		stride, unit := int(g.stride[i]), int64(g.unit[i])
		weight, volume := c.Weight[l]*unit, c.volume(l)*unit
		for v := stride; v < stride*int(g.radix[i]); v++ {
			less, line := v-stride, int32(0)
			if v < 2*stride {
				line = 1
			}
			t.weight[v], t.volume[v] = t.weight[less]+weight, t.volume[less]+volume
			t.lines[v], t.units[v] = t.lines[less]+line, t.units[less]+g.unit[i]
			if len(t.held) > 0 {
				t.held[v] = t.held[less] | 1<<i
			}
			for d, divisor := range c.Divisors {
				b := billable(t.weight[v], t.volume[v], divisor)
				step := int(t.steps[d][less]) // adding makes nothing lighter
				for step < len(c.Steps) && c.Steps[step] < b {
					step++
				}
				t.steps[d][v] = int32(step)
			}
		}
	}
}

// barsLines tells whether some rate is not for all lines.
func (c *Columns) barsLines() bool {
	for w := range c.Sites {
		for i := range c.Sites[w].Rates {
			if c.Sites[w].Rates[i].Lines != nil {
				return true
			}
		}
	}
	return false
}

// at takes note of which lines of the grid the rates of a warehouse are not for.
func (t *contents) at(g *grid, site *Site) {
	if len(t.held) == 0 {
		return
	}
	t.barred = slices.Grow(t.barred[:0], len(site.Rates))[:len(site.Rates)]
	for j := range site.Rates {
		t.barred[j] = 0
		for i, l := range g.line {
			if !site.Rates[j].takes(int(l)) {
				t.barred[j] |= 1 << i
			}
		}
	}
}

// goes tells whether a vector may go by the j-th rate of the warehouse at hand.
func (t *contents) goes(r *Rates, j int, v int32) bool {
	return (r.Volume <= 0 || t.volume[v] <= r.Volume) && (len(t.held) == 0 || t.held[v]&t.barred[j] == 0)
}

// below lists the vectors within top, the empty one first, and what their units cost at warehouse w besides.
func (t *contents) below(p *Problem, g *grid, w int, top []int32) {
	t.number = append(t.number[:0], 0)
	for i := len(g.line) - 1; i >= 0; i-- {
		n := len(t.number)
		for d := int32(1); d <= top[i]; d++ {
			for _, v := range t.number[:n] {
				t.number = append(t.number, v+d*g.stride[i])
			}
		}
	}
	prices := p.Columns.UnitCost
	if prices == nil {
		return
	}
	t.extra = append(t.extra[:0], 0)
	for i := len(g.line) - 1; i >= 0; i-- {
		n := len(t.extra)
		each := prices[int(g.line[i])*p.Warehouses+w] * int64(g.unit[i])
		for d := int64(1); d <= int64(top[i]); d++ {
			for _, x := range t.extra[:n] {
				t.extra = append(t.extra, x+d*each)
			}
		}
	}
}

// extraOf returns what the units of one vector cost besides at warehouse w.
func (t *contents) extraOf(p *Problem, g *grid, w, content int) int64 {
	if p.Columns.UnitCost == nil {
		return 0
	}
	var sum int64
	for i := range g.line {
		d := int64(content / int(g.stride[i]) % int(g.radix[i]))
		sum += d * int64(g.unit[i]) * p.Columns.UnitCost[int(g.line[i])*p.Warehouses+w]
	}
	return sum
}

// offer returns what the warehouse at hand charges for a vector; its cost is Refused or more where it does not ship that.
func (t *contents) offer(site *Site, content int32, extra int64) Offer {
	best := Offer{Cost: Refused}
	if units := int64(t.units[content]); site.Units >= 0 && units > site.Units {
		return best
	}
	for i := range site.Rates {
		r := &site.Rates[i]
		if step := int(t.steps[r.Divisor][content]); step < len(r.Steps) && t.goes(r, i, content) {
			best = cheaper(best, r.Steps[step])
		}
	}
	if best.Cost >= Refused {
		return best
	}
	best.Cost += site.Fixed + site.PerLine*int64(t.lines[content]) + site.PerUnit*int64(t.units[content]) + extra
	best.Arrival += site.Arrival
	if best.Cost <= -CostLimit || best.Cost >= CostLimit {
		panic(fmt.Sprintf("solver: an offer costs %d, out of range", best.Cost))
	}
	return best
}

// priceColumns fills cheapest[1] from the columns.
func (s *Scratch) priceColumns(p *Problem) {
	g := &s.grid
	s.contents.set(p, g)
	one := s.row(1)
	for i := range one {
		one[i] = infinite
	}
	one[0] = 0
	top := zeroed(&s.top, len(g.line))
	for w := range p.Warehouses {
		if n := g.below(p, w, top); n == 1 {
			continue
		}
		s.leastOf(p, w, top, one)
	}
}

// leastOf lowers one, by vector, to what warehouse w charges, with one split cost.
func (s *Scratch) leastOf(p *Problem, w int, top []int32, one []int64) {
	t, site := &s.contents, &p.Columns.Sites[w]
	t.below(p, &s.grid, w, top)
	t.at(&s.grid, site)
	s.cert.Offers += int64(len(t.number) - 1)
	fixed, priced := site.Fixed+p.SplitCost, p.Columns.UnitCost != nil
	for i, v := range t.number {
		if i == 0 || site.Units >= 0 && int64(t.units[v]) > site.Units {
			continue
		}
		rate := Refused
		for j := range site.Rates {
			r := &site.Rates[j]
			if step := int(t.steps[r.Divisor][v]); step < len(r.Steps) && t.goes(r, j, v) {
				rate = min(rate, r.Steps[step].Cost)
			}
		}
		if rate >= Refused {
			continue
		}
		cost := fixed + site.PerLine*int64(t.lines[v]) + site.PerUnit*int64(t.units[v]) + rate
		if priced {
			cost += t.extra[i]
		}
		if cost < one[v] {
			one[v] = cost
		}
	}
}

// gather lists, from the columns, the offers that can be part of a plan for at most limit that arrives by latest, and
// returns the least that a plan with any other costs.
func (s *Scratch) gather(p *Problem, rest []int64, limit, latest int64) (dropped int64) {
	g, t := &s.grid, &s.contents
	full := g.states - 1
	dropped = infinite
	one := s.cheapest[1]
	s.few = s.few[:0]
	for v := 1; v <= full; v++ {
		a, b := one[v], rest[full-v]
		if a == infinite || b == infinite {
			continue
		}
		if a+b <= limit {
			s.few = append(s.few, int32(v))
		} else if a+b < dropped {
			dropped = a + b
		}
	}
	s.offers, s.useful = s.offers[:0], s.useful[:0]
	top := zeroed(&s.top, len(g.line))
	for w := range p.Warehouses {
		if g.below(p, w, top) == 1 {
			continue
		}
		have := g.pack(top) | s.guard
		site := &p.Columns.Sites[w]
		t.at(g, site)
		for _, v := range s.few {
			if (have-s.packed[v])&s.guard != s.guard {
				continue
			}
			o := t.offer(site, v, t.extraOf(p, g, w, int(v)))
			if o.Cost >= Refused || o.Arrival > latest {
				continue
			}
			cost := o.Cost + p.SplitCost
			if least := cost + rest[full-int(v)]; least > limit {
				dropped = min(dropped, least)
				continue
			}
			s.useful = append(s.useful, int32(len(s.offers)))
			s.offers = append(s.offers, priced{cost: cost, arrival: o.Arrival, warehouse: int32(w), content: v, service: o.Service})
		}
	}
	return dropped
}
