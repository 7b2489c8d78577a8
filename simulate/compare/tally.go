package compare

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

const daySeconds = 86_400

// A tally is what a comparison of two runs has seen so far.
type tally struct {
	options   Options
	base, run Source
	terms     []string // of both
	leftTerms []int    // positions of the base's terms in terms
	rightTerm []int

	totals   [2]totals
	pairing  Pairing
	blocks   *blocks
	values   []int64 // one pair's columns
	dayBlock map[units.Date]int

	waterfall waterfall
	places    movesTally
	services  movesTally
	states    partsTally
	cells     partsTally
	skus      partsTally
	days      partsTally
	loads     map[loadKey]*[2]int64
	sites     map[string]*Site
	weights   []int64 // scratch
}

type totals struct {
	Totals
	outcomes map[string]int64
}

type loadKey struct {
	date      units.Date
	warehouse string
}

func newAgainst(base, run Source, o Options) *tally {
	a := &tally{options: o, base: base, run: run, dayBlock: map[units.Date]int{}, loads: map[loadKey]*[2]int64{}, sites: map[string]*Site{}}
	at := map[string]int{}
	place := func(names []string) []int {
		positions := make([]int, len(names))
		for i, name := range names {
			if _, ok := at[name]; !ok {
				at[name] = len(a.terms)
				a.terms = append(a.terms, name)
			}
			positions[i] = at[name]
		}
		return positions
	}
	a.leftTerms, a.rightTerm = place(base.Terms), place(run.Terms)
	columns := sharedColumns + 2*sideColumns(len(a.terms))
	a.blocks, a.values = newBlocks(columns), make([]int64, columns)
	a.waterfall.terms = make([]units.Money, len(a.terms)+2)
	a.places = newMovesTally(len(a.terms) + 2)
	a.services = newMovesTally(len(a.terms) + 2)
	a.places.warehouses = true
	for side, s := range []*Source{&base, &run} {
		a.totals[side] = totals{Totals: Totals{Name: s.Name, Partial: s.Partial, Sources: s.Sources}, outcomes: map[string]int64{}}
	}
	return a
}

func (a *tally) read(ctx context.Context, base, run Source, p *progress) (err error) {
	a.pairing.Altered, err = pairs(ctx, base, run, p, a.visit)
	return err
}

func (a *tally) readOne(ctx context.Context, run Source, p *progress) error {
	n := int64(0)
	for order, err := range run.Orders() {
		if err != nil {
			return fmt.Errorf("compare: reading %s: %w", run.Name, err)
		}
		if n++; n%stepOrders == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			p.add(stepOrders)
		}
		a.visit(order, order)
	}
	p.add(n % stepOrders)
	return nil
}

// visit counts an order as both runs answered it; nil for the one that does not have it.
func (a *tally) visit(b, r *results.Order) {
	orders := [2]*results.Order{b, r}
	for side, o := range orders {
		if o != nil {
			a.count(side, o)
		}
	}
	either := b
	if either == nil {
		either = r
	}
	date := units.Date(floorDiv(int64(either.At), daySeconds))
	a.attribute(b, r, either, date)
	a.waterfall.add(a, b, r)
	if b == nil {
		a.pairing.OnlyRun++
		return
	}
	if r == nil {
		a.pairing.OnlyBase++
		return
	}
	block := blockOf(a.pairing.Paired)
	if a.options.Days {
		d, ok := a.dayBlock[date]
		if !ok {
			d = len(a.dayBlock)
			a.dayBlock[date] = d
		}
		block = d
	}
	a.pairing.Paired++
	both := filled(b) && filled(r)
	floors := b.FloorOutcome == planned && r.FloorOutcome == planned
	clear(a.values)
	a.values[colPairs] = 1
	switch {
	case both:
		a.values[colBoth] = 1
		a.pairing.Both++
	case filled(r):
		a.pairing.Gained++
	case filled(b):
		a.pairing.Dropped++
	}
	if floors {
		a.values[colBothFloors] = 1
	}
	width := sideColumns(len(a.terms))
	left, right := a.values[sharedColumns:sharedColumns+width], a.values[sharedColumns+width:]
	fill(left, b, both, floors, a.leftTerms)
	fill(right, r, both, floors, a.rightTerm)
	a.blocks.add(block, a.values)
	a.places.add(b, r, left[colTerms:], right[colTerms:], both)
	a.services.add(b, r, left[colTerms:], right[colTerms:], both)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// count adds an order to the totals and loads of its run.
func (a *tally) count(side int, o *results.Order) {
	t := &a.totals[side]
	t.Orders++
	t.outcomes[o.Outcome]++
	if !filled(o) {
		return
	}
	t.Filled++
	t.Cost += o.Cost
	t.Split += o.SplitCost
	if o.Late {
		t.Late++
	}
	if promised(o) {
		t.Promised++
	}
	if onTime(o) {
		t.OnTime++
	}
	if lost(o) {
		t.Lost++
	}
	for i := range o.Shipments {
		s := &o.Shipments[i]
		t.Freight += s.Freight
		key := loadKey{s.ShipDate, s.Warehouse}
		load := a.loads[key]
		if load == nil {
			load = new([2]int64)
			a.loads[key] = load
		}
		load[side]++
		site := a.sites[s.Warehouse]
		if site == nil {
			site = &Site{Warehouse: strings.Clone(s.Warehouse)}
			a.sites[site.Warehouse] = site
		}
		if side == 0 {
			site.Base++
			site.BaseCost += s.Cost
		} else {
			site.Run++
			site.RunCost += s.Cost
		}
	}
}

// finish makes the comparison of what was seen, and the base's totals.
func (a *tally) finish(into *Against) (Totals, error) {
	for side := range a.totals {
		t := &a.totals[side]
		for _, name := range slices.Sorted(maps.Keys(t.outcomes)) {
			t.Outcomes = append(t.Outcomes, Count{name, t.outcomes[name]})
		}
	}
	base, run := a.totals[0].Totals, a.totals[1].Totals
	*into = Against{Run: run, Pairing: a.pairing, Change: run.Cost - base.Cost}
	into.Figures = a.figures(a.options)
	into.Waterfall = a.waterfall.steps(a.terms, base, run)
	into.Moves = a.places.finish(a.terms, a.options.Rows)
	into.Services = a.services.finish(a.terms, a.options.Rows)
	into.States = a.states.finish(into.Change, a.options.Rows)
	into.Cells = a.cells.finish(into.Change, a.options.Rows)
	into.SKUs = a.skus.finish(into.Change, a.options.Rows)
	into.Days = a.days.byDate(into.Change)
	var err error
	if into.Loads, err = a.finishLoads(); err != nil {
		return base, err
	}
	for _, name := range slices.Sorted(maps.Keys(a.sites)) {
		s := a.sites[name]
		s.Change = s.Run - s.Base
		into.Sites = append(into.Sites, *s)
	}
	into.Verdict, err = a.options.Thresholds.judge(into.Figures)
	return base, err
}

func (a *tally) finishLoads() ([]Load, error) {
	limits := [2]map[loadKey]int64{}
	for side, s := range []*Source{&a.base, &a.run} {
		limits[side] = map[loadKey]int64{}
		if s.Capacities == nil {
			continue
		}
		known, err := s.Capacities()
		if err != nil {
			return nil, fmt.Errorf("compare: reading the capacities of %s: %w", s.Name, err)
		}
		for _, c := range known {
			limits[side][loadKey{c.Date, c.Warehouse}] = c.Shipments
		}
	}
	keys := slices.SortedFunc(maps.Keys(a.loads), func(x, y loadKey) int {
		return cmp.Or(cmp.Compare(x.date, y.date), cmp.Compare(x.warehouse, y.warehouse))
	})
	loads := make([]Load, len(keys))
	for i, k := range keys {
		n := a.loads[k]
		loads[i] = Load{Date: k.date, Warehouse: k.warehouse, Base: n[0], Run: n[1]}
		site := a.sites[k.warehouse]
		site.BasePeak, site.RunPeak = max(site.BasePeak, n[0]), max(site.RunPeak, n[1])
		if c, ok := limits[0][k]; ok {
			loads[i].BaseCapacity = &c
			if n[0] >= c {
				site.BaseFullDays++
			}
		}
		if c, ok := limits[1][k]; ok {
			loads[i].RunCapacity = &c
			if n[1] >= c {
				site.RunFullDays++
			}
		}
	}
	return loads, nil
}

// A waterfall is the way from one total to the other. terms are of orders filled in both runs; the split cost and what no term
// says come last.
type waterfall struct {
	terms                              []units.Money
	gained, dropped, onlyBase, onlyRun units.Money
}

func (w *waterfall) add(a *tally, b, r *results.Order) {
	switch {
	case b == nil:
		w.onlyRun += cost(r)
	case r == nil:
		w.onlyBase -= cost(b)
	case !filled(b):
		w.gained += cost(r)
	case !filled(r):
		w.dropped -= cost(b)
	default:
		w.side(r, a.rightTerm, 1)
		w.side(b, a.leftTerms, -1)
	}
}

func (w *waterfall) side(o *results.Order, terms []int, sign units.Money) {
	split := len(w.terms) - 2
	w.terms[split] += sign * o.SplitCost
	rest := o.Cost - o.SplitCost
	for i := range o.Shipments {
		for t, c := range o.Shipments[i].Costs {
			w.terms[terms[t]] += sign * c
			rest -= c
		}
	}
	w.terms[split+1] += sign * rest
}

// cost returns what an order costs: nothing, where it is not there or not filled.
func cost(o *results.Order) units.Money {
	if filled(o) {
		return o.Cost
	}
	return 0
}

// steps are the terms, the largest change first, then what is not of a term. They leave out what is zero, but for the ends.
func (w *waterfall) steps(terms []string, base, run Totals) []Step {
	level := base.Cost
	steps := []Step{{Name: base.Name, Kind: "base", Amount: level, Level: level}}
	step := func(name, kind string, amount units.Money) {
		if amount != 0 {
			level += amount
			steps = append(steps, Step{Name: name, Kind: kind, Amount: amount, Level: level})
		}
	}
	order := make([]int, len(terms))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(magnitude(w.terms[j]), magnitude(w.terms[i])) })
	for _, i := range order {
		step(terms[i], "term", w.terms[i])
	}
	step("split cost", "split", w.terms[len(terms)])
	step("other", "other", w.terms[len(terms)+1])
	step("orders that only "+run.Name+" fills", "gained", w.gained)
	step("orders that only "+base.Name+" fills", "dropped", w.dropped)
	step("orders that only "+run.Name+" has", "only_run", w.onlyRun)
	step("orders that only "+base.Name+" has", "only_base", w.onlyBase)
	return append(steps, Step{Name: run.Name, Kind: "run", Amount: run.Cost, Level: level})
}
