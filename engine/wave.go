package engine

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/solver/wave"
	"github.com/allot-engine/allot/units"
)

// MaxUnfilled is the highest WaveOptions.Unfilled.
const MaxUnfilled = units.Money(wave.CostLimit - 1)

// WaveOptions steer DecideWave. The zero value is a good choice.
type WaveOptions struct {
	Workers    int         // goroutines; 0 takes GOMAXPROCS. It changes the time, never the answer
	Iterations int         // price steps; 0 takes wave.DefaultIterations, four times as many where every order is one line
	Rounds     int         // rounds of improvement; 0 takes wave.DefaultRounds, more for small waves and fewer for great ones; negative none
	Seed       uint64      // of the choice of what to improve
	Stop       func() bool // asked now and then, by one goroutine or several, until it is true; then the best so far is returned. nil: never

	// Unfilled is what it costs to leave an order unfilled, each unit its share; 0 to MaxUnfilled. 0 takes so much that
	// no order is left to make others cheaper: five times what it would cost alone, or what 95 % of all would if that is
	// more, and what waiting can cost.
	Unfilled units.Money
	// All tells that every order is to be filled or none is; Unfilled then says nothing.
	All bool
}

// A Wave is what DecideWave says of many orders. Its decisions can all be carried out together.
type Wave struct {
	Decisions []Decision // [order]

	// Exhausted tells what an order lacks that it would have had alone: [order] NoStock, WarehouseFull or ServiceFull
	// where the others of the wave took it, None where they did not.
	Exhausted []Constraint

	Filled       bool        // every order is filled whole
	Unfilled     int         // orders that are not
	Cost         units.Money // of all decisions, and UnfilledCost
	UnfilledCost units.Money // of all units that are not filled
	Bound        units.Money // proven: no decisions that keep the wave's rules cost less, unfilled ones counted as in Cost
	Gap          units.Money // Cost - Bound
	Status       Status      // Optimal where Gap is 0; Infeasible where All was asked and is proven impossible; else Bounded

	Iterations int   // price steps
	Offers     int64 // shipments priced that an optimum may use
	Groups     int64 // groups of orders improved exactly
	Stopped    bool  // WaveOptions.Stop ended it
	InTurn     bool  // WaveOptions.Stop ended it before there were plans that weigh orders against one another
}

// DecideWave decides many orders at once: they contend for stock and for the capacity of days, and one order's best
// warehouse may be another's only one. The sum of their costs is what is minimised, and a lower bound on it is proven
// with Lagrangian prices; see package solver/wave. What orders filled whole would get one after the other is
// worked out as well, and so is a bound from what each would cost alone; the better ones are answered.
//
// Each order keeps the rules that it has in Decide, with these differences:
//   - Where the policy allows lateness it is a cost like any other: an order may be late, at late_cost a day, so that others
//     cost less, or so that it costs less itself. With a late_cost of 0 it is late for nothing.
//   - Where days have a capacity a shipment may wait for a later pickup, as long as it arrives in time, or late at its
//     price, and also because a later day is cheaper. At most MaxWavePickups are looked at, and none after
//     those that together have room for all orders that could want them.
//   - PartialFill fills a line whole or leaves it; of a line of which there are not enough units anywhere, even for the
//     order alone, those that there are count as the line. Leaving units costs their share of WaveOptions.Unfilled.
//   - Ties between plans of equal cost may end otherwise than in Decide.
//
// A decision's certificate is about its order alone: what it would cost at least if it were the only one and left with the
// first pickup that has room, as in Decide. (One that waits for a cheaper day may cost less; its bound is then a rough
// one.) The wave's own bound stands in the Wave. An order that is refused has the outcome that it would have alone, or,
// where the others of the wave left too little for it, OutOfStock, PromiseMissed or NotServed, and what is short in
// Wave.Exhausted; or LeftOut, where leaving it costs less, and where All was asked and another order cannot be filled. With
// All and without Filled all orders are refused and nothing costs anything.
//
// The prices of the stock view are costs like any other, and weigh against Unfilled too.
//
// However early Stop ends it, every order is looked at alone and then decided, in the order given, on what those before it
// leave: some 0.2 ms of a processor for each. That is what is answered where no plans were found that weigh orders against
// one another, which is so until a sixteenth of the price steps are done. The bound is then what was proven by then, or what the
// orders cost at least alone, if that is more.
//
// The error is a *faults.Error that lists everything malformed about all orders, each field behind its order's position:
// orders[3].lines[0].sku. Stock and capacity are read once, in the beginning. The answer depends on the arguments alone,
// unless Stop ended it early. It panics where Unfilled is out of range.
func (e *Engine) DecideWave(stock *StockView, orders []Order, now units.Instant, opt WaveOptions) (*Wave, error) {
	if opt.Unfilled < 0 || opt.Unfilled > MaxUnfilled {
		panic(fmt.Sprintf("engine: an unfilled order costs %v", opt.Unfilled))
	}
	if stock.Stride == 0 {
		panic("engine: a wave on stock without limit")
	}
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	opt.Stop = latch(opt.Stop)
	r := &waveRun{e: e, stock: stock, asked: orders, now: now, opt: opt, orders: make([]waveOrder, len(orders))}
	r.seats = newSeats(e, 4*opt.Workers, opt.Stop)
	if err := r.resolveAll(); err != nil {
		return nil, err
	}
	if opt.All && slices.ContainsFunc(r.orders, func(o waveOrder) bool { return !o.whole && o.proof.Status != Bounded }) {
		return r.none(nil), nil
	}
	r.columns()
	r.limit()
	result := r.solve()
	w := r.write(&result)
	if opt.All && w.Unfilled > 0 {
		return r.none(w), nil
	}
	return w, nil
}

// latch returns a stop that goroutines may ask at once, and that asks no more once it was told to stop.
func latch(stop func() bool) func() bool {
	if stop == nil {
		return nil
	}
	var yes atomic.Bool
	return func() bool {
		if !yes.Load() && stop() {
			yes.Store(true)
		}
		return yes.Load()
	}
}

// waveRun is one call of DecideWave.
type waveRun struct {
	e      *Engine
	stock  *StockView
	asked  []Order
	now    units.Instant
	opt    WaveOptions
	seats  *seats
	orders []waveOrder
	users  []int64 // [warehouse] orders that it may ship a part of

	sites   []waveSite // [column], by rank
	skus    []int32    // [column] rows
	problem wave.Problem
	limiter limiter
	cut     bool  // Stop ended the last improvement
	inTurn  bool  // Stop ended the solver before it had plans
	waits   int64 // days between the first ship date and the last one of the wave
}

// A waveOrder is what is known of an order when it has been looked at alone.
type waveOrder struct {
	items    []Item // wanted, one item a SKU
	fill     []Item // what is to be filled, where it is less; else nil
	whole    bool   // it can be filled whole
	outcome  Outcome
	cost     units.Money // of its best plan, where whole
	proof    Certificate // of it
	ever     units.Money // what filling it whole costs at least, on whatever days it leaves
	least    units.Money // what filling any part of it costs at least
	unfilled units.Money // leaving it costs so much
	lost     units.Money // the part of it for what is not to be filled
}

// alone returns the certificate of a decision that is not known to be as good as the one that the order would have alone.
func (o *waveOrder) alone() Certificate {
	c := o.proof
	c.Status, c.Gap = Bounded, 0
	return c
}

// goal returns what is to be filled.
func (o *waveOrder) goal() []Item {
	if o.fill != nil {
		return o.fill
	}
	return o.items
}

// parallel runs work on every order. It must not matter in which order or by which worker.
func (r *waveRun) parallel(work func(worker, order int)) {
	const block = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	for worker := range r.opt.Workers {
		wg.Go(func() {
			for {
				lo := int(next.Add(block)) - block
				if lo >= len(r.asked) {
					return
				}
				for o := lo; o < min(lo+block, len(r.asked)); o++ {
					work(worker, o)
				}
			}
		})
	}
	wg.Wait()
}

// resolveAll looks at every order alone.
func (r *waveRun) resolveAll() error {
	bad := make([]error, len(r.asked))
	users := make([][]int64, r.opt.Workers)
	decisions := make([]Decision, r.opt.Workers)
	for i := range users {
		users[i] = make([]int64, len(r.e.snap.Warehouses))
	}
	r.parallel(func(worker, o int) {
		s := r.seats.take(o)
		defer r.seats.give(s)
		s.order, s.asked = -1, 0
		if bad[o] = s.sc.resolve(r.stock, &r.asked[o], r.now); bad[o] == nil {
			s.sc.lookAlone(&r.orders[o], &decisions[worker])
			s.sc.addUsers(r.orders[o].items, users[worker])
		}
	})
	var list faults.List
	for o, err := range bad {
		if err == nil {
			continue
		}
		for _, f := range err.(*faults.Error).Faults { //nolint:errorlint // resolve returns no other
			f.Field = fmt.Sprintf("orders[%d].%s", o, f.Field)
			list.Add(f)
		}
	}
	r.users = make([]int64, len(r.e.snap.Warehouses))
	for _, of := range users {
		for w, n := range of {
			r.users[w] += n
		}
	}
	return list.Err()
}

// mayBeLate tells whether the order may arrive late, at a price.
func (sc *Scratch) mayBeLate() bool {
	return sc.promised && sc.e.snap.Policy.Late == network.LateAllow
}

// lookAlone finds out what the order that is resolved would get if it were the only one.
func (sc *Scratch) lookAlone(o *waveOrder, d *Decision) {
	policy := &sc.e.snap.Policy
	o.items = slices.Clone(sc.items)
	d.reset()
	sc.start()
	sc.late = sc.mayBeLate()
	found := sc.search(d, policy.MaxShipments)
	o.ever, o.least = sc.leastEver()
	if found {
		o.whole, o.outcome = true, Planned
		o.cost, o.proof = d.Cost, d.Certificate
		return
	}
	sc.decide(d)
	o.outcome, o.proof = d.Outcome, d.Certificate
	if policy.Partial != network.PartialFill {
		return
	}
	sc.items = append(sc.items[:0], o.items...)
	sc.late = sc.mayBeLate()
	sc.begin()
	fill, less := slices.Clone(o.items), false
	for i := range fill {
		if n := sc.obtainable(fill[i]); n > 0 && n < fill[i].Quantity {
			fill[i].Quantity, less = n, true
		}
	}
	if less {
		o.fill = fill
	}
}

// leastEver returns what any plan for all items of the order that is searched costs at least, on whatever days it leaves, and
// what one for a part of them does.
func (sc *Scratch) leastEver() (whole, part units.Money) {
	at := sc.speed * tiers
	floor := func(tier int) units.Money {
		return min(unreachable, sc.row.money(sc.row.floors[at+tier])+sc.row.handling)
	}
	whole = floor(sc.whole.tier) + sc.whole.cartons
	if policy := &sc.e.snap.Policy; policy.MaxShipments > 1 && sc.pieces() > 1 {
		heavy, light := sc.extremes()
		whole = min(whole, floor(heavy)+floor(light)+policy.SplitCost)
	}
	return whole, floor(0)
}

// addUsers counts the order that is resolved as one that each warehouse with some of it may ship.
func (sc *Scratch) addUsers(items []Item, users []int64) {
	for i := range sc.stock.Words {
		word := uint64(0)
		for _, it := range items {
			word |= atomic.LoadUint64(&sc.stock.Stocked[int(it.SKU)*sc.stock.Words+i])
		}
		for w := range bitsOf(word) {
			if w += int32(i) * 64; int(w) >= len(sc.row.viewOf) {
				return // warehouses of a network to come; see intersect
			} else if sc.row.viewOf[w] >= 0 && (sc.only < 0 || sc.only == w) {
				users[w]++
			}
		}
	}
}

// columns chooses the warehouses and SKUs that matter and copies their stock.
func (r *waveRun) columns() {
	snap := r.e.snap
	for w, n := range r.users {
		if n > 0 {
			r.sites = append(r.sites, waveSite{warehouse: int32(w)})
		}
	}
	slices.SortFunc(r.sites, func(a, b waveSite) int {
		return int(snap.Warehouses[a.warehouse].Rank - snap.Warehouses[b.warehouse].Rank)
	})
	for o := range r.orders {
		for _, it := range r.orders[o].items {
			r.skus = append(r.skus, it.SKU)
		}
	}
	slices.Sort(r.skus)
	r.skus = slices.Compact(r.skus)
	p := &r.problem
	p.Warehouses, p.SKUs = len(r.sites), len(r.skus)
	p.Stock = make([]int32, 0, len(r.skus)*len(r.sites))
	for _, sku := range r.skus {
		for i := range r.sites {
			p.Stock = append(p.Stock, r.stock.available(sku, r.sites[i].warehouse))
		}
	}
	p.SplitCost = int64(snap.Policy.SplitCost)
	p.Offers, p.Floor = r.offersOf, r.floorOf
}

// limit numbers the capacities.
func (r *waveRun) limit() {
	s := r.seats.take(-1)
	defer r.seats.give(s)
	s.order = -1
	s.sc.stock, s.sc.now = r.stock, r.now
	last := units.Date(int64(r.now)/secondsADay) + 1 + units.Date(r.e.snap.Policy.PromiseHorizon)
	var from, until units.Date
	for i := range r.sites {
		site := &r.sites[i]
		if !r.e.sites[site.warehouse].limited {
			continue
		}
		site.days = r.limiter.days(s.sc, site.warehouse, r.users[site.warehouse], last)
		for _, days := range site.days {
			for _, d := range days {
				if from == 0 {
					from, until = d.ship, d.ship
				}
				from, until = min(from, d.ship), max(until, d.ship)
			}
		}
	}
	r.waits = int64(until - from)
	r.problem.Limits, r.problem.Classes = r.limiter.limits, r.limiter.classes
}

// solve states the wave for the solver.
func (r *waveRun) solve() wave.Result {
	r.price()
	iterations := r.opt.Iterations
	if iterations == 0 {
		iterations = wave.DefaultIterations
		if !slices.ContainsFunc(r.problem.Orders, func(o wave.Order) bool { return len(o.Lines) > 1 || o.Lines[0].MaySplit }) {
			iterations *= singleLines
		}
	}
	return wave.Solve(&r.problem, wave.Options{
		Workers: r.opt.Workers, Iterations: iterations, Rounds: r.opt.Rounds, Seed: r.opt.Seed, Stop: r.opt.Stop,
	})
}

// singleLines is how many times more price steps a wave takes of which every order is one line. A step is cheap then, and
// worth it: nothing but the prices keeps the bound from the optimum. 9,215 such orders for the room of 1,500 ended at a gap of
// 0.35 % without it, and at 0.0001 % with it, after half as much time again.
const singleLines = 4

// dearness is how many times what an order costs alone leaving it costs, unless the caller says what it costs. Much more
// would only blur the prices: what cannot be filled would outweigh all that can.
const dearness = 5

// setUnfilled sets what leaving each order costs.
func (r *waveRun) setUnfilled() {
	if r.opt.Unfilled > 0 && !r.opt.All {
		for o := range r.orders {
			r.orders[o].unfilled = r.opt.Unfilled
		}
		return
	}
	var alone []units.Money
	for o := range r.orders {
		if r.orders[o].whole {
			alone = append(alone, r.orders[o].cost)
		}
	}
	slices.Sort(alone)
	most := units.Currency
	if len(alone) > 0 {
		most = max(most, alone[(len(alone)-1)*19/20])
	}
	late := units.Money(0)
	if r.e.snap.Policy.Late == network.LateAllow {
		late = r.e.snap.Policy.LateCost * units.Money(r.waits+7)
	}
	for o := range r.orders {
		r.orders[o].unfilled = min(dearness*max(most, r.orders[o].cost)+late, MaxUnfilled)
	}
}

// price writes the orders for the solver, with what leaving them costs.
func (r *waveRun) price() {
	r.setUnfilled()
	policy := &r.e.snap.Policy
	column := func(sku int32) int32 {
		at, _ := slices.BinarySearch(r.skus, sku)
		return int32(at)
	}
	r.problem.Orders = make([]wave.Order, len(r.orders))
	for o := range r.orders {
		of := &r.orders[o]
		total := int64(0)
		for _, it := range of.items {
			total += int64(it.Quantity)
		}
		at := wave.Order{MaxShipments: int(policy.MaxShipments), Whole: policy.Partial != network.PartialFill}
		of.lost = 0
		paid, before := units.Money(0), int64(0)
		for i, it := range of.goal() {
			before += int64(of.items[i].Quantity)
			share := of.unfilled.Times(before, total) - paid
			paid += share
			lost := share - share.Times(int64(it.Quantity), int64(of.items[i].Quantity))
			of.lost += lost
			at.Lines = append(at.Lines, wave.Line{
				SKU: column(it.SKU), Quantity: it.Quantity, MaySplit: policy.SplitLines && it.Quantity > 1, Unfilled: int64(share - lost),
			})
		}
		r.problem.Orders[o] = at
	}
}

// write makes the decisions of the solver's plans.
func (r *waveRun) write(result *wave.Result) *Wave {
	w := &Wave{
		Decisions: make([]Decision, len(r.orders)), Exhausted: make([]Constraint, len(r.orders)),
		Bound: units.Money(result.Bound), Iterations: result.Iterations, Offers: result.Offers, Groups: result.Groups,
	}
	r.inTurn = result.Unplanned
	made := make([]verdict, len(r.orders))
	r.parallel(func(_, o int) {
		s := r.seats.take(o)
		defer r.seats.give(s)
		made[o].unfilled = r.orders[o].lost
		for _, l := range result.Plans[o].Unfilled {
			made[o].unfilled += units.Money(r.problem.Orders[o].Lines[l].Unfilled)
		}
		if len(result.Plans[o].Shipments) > 0 {
			r.sit(s, o)
			r.plan(&made[o].decision, s, o, &result.Plans[o])
		}
	})
	made = r.polish(made)
	w.InTurn = r.inTurn
	w.Stopped = result.Stopped || r.cut || slices.ContainsFunc(r.orders, func(o waveOrder) bool { return o.proof.Stopped })
	left := r.leavings(made)
	r.parallel(func(_, o int) {
		s := r.seats.take(o)
		defer r.seats.give(s)
		d, of := &w.Decisions[o], &r.orders[o]
		*d = made[o].decision
		if r.sit(s, o); of.outcome != Planned {
			if len(d.Shipments) == 0 {
				d.Outcome, d.Certificate = of.outcome, of.proof
			}
			return
		}
		outcome := Planned
		if lines := s.sc.leftLines(d); len(lines) > 0 {
			outcome, w.Exhausted[o] = r.reason(s, o, lines, left)
		}
		if len(d.Shipments) == 0 {
			d.Outcome, d.Certificate = outcome, of.alone()
		}
	})
	w.Bound = max(w.Bound, r.boundApart())
	for o := range w.Decisions {
		d := &w.Decisions[o]
		w.Cost += d.Cost
		w.UnfilledCost += made[o].unfilled
		w.Bound += r.orders[o].lost
		if d.Outcome != Planned || len(d.Unfilled) > 0 {
			w.Unfilled++
		}
	}
	w.Cost += w.UnfilledCost
	w.Filled = w.Unfilled == 0
	w.Gap = w.Cost - w.Bound
	if w.Status = Bounded; w.Gap == 0 {
		w.Status = Optimal
	}
	return w
}

// boundApart returns what all orders cost at least if none takes anything from another, what nobody can fill aside: by the
// proofs of their own searches, and by the floors of the place where they may wait for cheaper days than they have alone. Of
// large orders these know more than the wave's solver, and where it was stopped early they are all that is known.
func (r *waveRun) boundApart() units.Money {
	sum := units.Money(0)
	for o := range r.orders {
		of := &r.orders[o]
		least := units.Money(0) // no plan costs less
		switch {
		case of.whole && r.waits > 0:
			least = min(of.ever, of.proof.Bound)
		case of.whole:
			least = of.proof.Bound
		case of.proof.Status == Infeasible:
			least = of.unfilled
		}
		if r.e.snap.Policy.Partial == network.PartialFill {
			part := of.least
			if of.whole {
				share := of.unfilled // what leaving a line costs at least
				for _, l := range r.problem.Orders[o].Lines {
					share = min(share, units.Money(l.Unfilled))
				}
				part += share
			}
			least = min(least, part)
		}
		sum += min(least, of.unfilled-of.lost)
	}
	return sum
}

// leftLines returns the positions of the items of the order that is resolved of which a decision leaves all units, for whole
// orders all or none.
func (sc *Scratch) leftLines(d *Decision) (lines []int32) {
	for l, it := range sc.items {
		left := len(d.Shipments) == 0
		for _, u := range d.Unfilled {
			left = left || u.SKU == it.SKU && u.Quantity >= it.Quantity
		}
		if left {
			lines = append(lines, int32(l))
		}
	}
	return lines
}

// plan writes the decision of a plan. The offers are made once more: they are what they were.
func (r *waveRun) plan(d *Decision, s *seat, o int, plan *wave.Plan) {
	sc, of := s.sc, &r.orders[o]
	sc.best = sc.best[:0]
	for i := range plan.Shipments {
		sh := &plan.Shipments[i]
		c := sc.contentTaken(sh.Take)
		s.offers = sc.waveOffers(s.offers[:0], c, &r.sites[sh.Warehouse])
		at := slices.IndexFunc(s.offers, func(w waveOffer) bool { return w.class == sh.Offer.Class && w.mark() == sh.Offer.Service })
		if at < 0 {
			panic("engine: a planned shipment has no offer")
		}
		kept := sc.newOffer()
		*kept = s.offers[at].offer
		sc.best = append(sc.best, chosen{warehouse: r.sites[sh.Warehouse].warehouse, content: c, offer: kept, cost: s.offers[at].cost})
	}
	sc.report(d)
	d.Certificate = r.certificate(sc, o, d.Cost)
	goal, next := of.goal(), 0
	for l, it := range of.items {
		n := it.Quantity - goal[l].Quantity
		if next < len(plan.Unfilled) && plan.Unfilled[next] == int32(l) {
			n = it.Quantity
			next++
		}
		if n > 0 {
			d.Unfilled = append(d.Unfilled, Item{SKU: it.SKU, Quantity: n})
		}
	}
	if len(d.Unfilled) > 0 { // what a plan for a part costs at least alone was not worked out
		d.Certificate.Status, d.Certificate.Bound, d.Certificate.Gap = Bounded, 0, d.Cost
	}
}

// none refuses all orders, after a wave that left some where all were asked, or before one where some can never be filled.
func (r *waveRun) none(tried *Wave) *Wave {
	w := &Wave{Decisions: make([]Decision, len(r.orders)), Exhausted: make([]Constraint, len(r.orders)), Status: Infeasible}
	if tried != nil {
		w.Status, w.Exhausted = Bounded, tried.Exhausted
		w.Iterations, w.Offers, w.Groups, w.Stopped, w.InTurn = tried.Iterations, tried.Offers, tried.Groups, tried.Stopped, tried.InTurn
	}
	w.Unfilled = len(r.orders)
	for o := range w.Decisions {
		d := &w.Decisions[o]
		of := &r.orders[o]
		d.Outcome, d.Certificate = LeftOut, of.alone()
		switch {
		case !of.whole && of.outcome != Planned: // what can be filled in part is left out too
			d.Outcome, d.Certificate = of.outcome, of.proof
		case tried != nil && tried.Decisions[o].Outcome != Planned:
			d.Outcome = tried.Decisions[o].Outcome
		}
	}
	return w
}
