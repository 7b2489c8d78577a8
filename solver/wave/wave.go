// Package wave decides many orders jointly: they contend for stock and for capacity, and one order's best warehouse
// may be another's only one. Like package solver it works on plain columns and knows no order, carrier or tariff.
//
// [Solve] prices every contended counter (Lagrangian multipliers), with an exact search per order as the oracle, and
// so proves a lower bound; then it builds a feasible plan with these prices and improves small groups of orders, each
// group exactly. A wave that is a flow in a network, as of single lines that contend for places, is decided at its
// optimum instead, with the prices that prove it. [SolveNaive] is its slow and obvious twin for tiny waves. The answer
// depends on the problem and on [Options.Seed] alone, not on the number of cores.
package wave

import (
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// CostLimit is the exclusive limit on the size of any single cost a caller gives.
const CostLimit = int64(1) << 40

// A Problem is a wave of orders over shared counters. Solve and SolveNaive only read it.
type Problem struct {
	Warehouses int     // at least 0
	SKUs       int     // at least 0
	Stock      []int32 // [sku*Warehouses+w] units that the wave can take; negative counts as none

	// Limits are the capacity counters: the most that the wave can take of each. What they count is said by Units,
	// Shipments and Classes; several of these may name the same counter. Negative counts as none.
	Limits    []int64
	Units     []int32   // [w] the counter that every unit shipped from w takes 1 of; -1: none. nil: none at all
	Shipments []int32   // [w] the counter that every shipment from w takes 1 of; -1: none. nil: none at all
	Classes   [][]int32 // [class] the counters that every parcel of an offer of this class takes 1 of

	// SplitCost is added for every shipment of an order after its first; at least 0, below CostLimit.
	SplitCost int64

	Orders []Order

	// Offers appends to dst the ways in which warehouse w can ship take[line] units of every line of the order (at
	// least one of them above 0) and returns it; none when it cannot. It must give the same answer to the same
	// question, must not keep take, and is called from several goroutines at once.
	Offers func(order, w int, take []int32, dst []Offer) []Offer

	// Floor, when set, answers a lower bound on the cost of every offer for every content of warehouse w that holds
	// at least take[line] units of every line. Only orders too large for the exact oracle ask it; without it no more
	// is known than that offers cost at least 0. It is called from several goroutines at once.
	Floor func(order, w int, take []int32) (int64, bool)
}

// An Order is one order of a wave. Each warehouse ships at most once for it.
type Order struct {
	Lines        []Line
	MaxShipments int  // 0 sets no limit
	Whole        bool // all lines are filled or none
}

// A Line wants units of one SKU. It is filled as a whole or left unfilled as a whole.
type Line struct {
	SKU      int32
	Quantity int32 // at least 1
	MaySplit bool  // whether its units may come from several warehouses
	Unfilled int64 // cost of leaving the line unfilled; at least 0, below CostLimit
}

// An Offer is one way for one warehouse to ship one content.
type Offer struct {
	Cost    int64 // without the split cost; at least 0, below CostLimit
	Class   int32 // row of Problem.Classes; -1: the offer takes no class capacity
	Parcels int32 // how much it takes of every counter of its class; at least 0
	Service int32 // the caller's own mark, handed back in the plan
}

// Options steer the search. The zero value is a good choice.
type Options struct {
	Workers    int         // goroutines; 0 takes GOMAXPROCS. It changes the time, never the answer
	Iterations int         // price steps; 0 takes DefaultIterations
	Rounds     int         // rounds of improvement; 0 takes DefaultRounds, more for small waves and fewer for great ones; negative none
	Seed       uint64      // of the choice of groups to improve
	Stop       func() bool // asked now and then, by one goroutine at a time; once true the best so far is returned. nil: never
	Start      *Prices     // prices to start from, as an earlier wave returned them; nil: none
}

// The defaults of Options.
const (
	DefaultIterations = 240
	DefaultRounds     = 60
)

// Prices are what one more unit of each counter is worth, in the unit of costs.
type Prices struct {
	Stock  []float64 // [sku*Warehouses+w]
	Limits []float64 // [counter]
}

// A Shipment is what one warehouse ships for one order.
type Shipment struct {
	Warehouse int32
	Offer     Offer
	Take      []int32 // [line] units
}

// A Plan is the decision about one order.
type Plan struct {
	Cost      int64 // of its offers, split costs and unfilled lines
	Shipments []Shipment
	Unfilled  []int32 // lines left unfilled, ascending
}

// A Result is a feasible decision about every order, and what was proven.
type Result struct {
	Plans []Plan // [order]
	Cost  int64  // of all plans
	// Bound: no feasible decision costs less. It is proven in integers; rounding cannot break it.
	Bound  int64
	Prices Prices

	Iterations int   // price steps made
	Offers     int64 // offers enumerated
	Groups     int64 // groups of orders improved exactly
	Stopped    bool  // Options.Stop ended the search

	// Unplanned: Options.Stop ended the search before there were plans. All lines are left then, and Bound is what was
	// proven by then, 0 at first.
	Unplanned bool
}

// Optimal reports whether no decision costs less than this one.
func (r *Result) Optimal() bool { return r.Cost == r.Bound }

// check panics on a problem whose columns contradict each other: that is the caller's bug.
func (p *Problem) check() {
	switch {
	case p.Warehouses < 0 || p.SKUs < 0:
		panic("wave: negative number of warehouses or SKUs")
	case len(p.Stock) != p.SKUs*p.Warehouses:
		panic(fmt.Sprintf("wave: %d stocks for %d SKUs x %d warehouses", len(p.Stock), p.SKUs, p.Warehouses))
	case p.Units != nil && len(p.Units) != p.Warehouses || p.Shipments != nil && len(p.Shipments) != p.Warehouses:
		panic("wave: one counter of units and one of shipments per warehouse, or none at all")
	case p.Offers == nil:
		panic("wave: no Offers")
	case p.SplitCost < 0 || p.SplitCost >= CostLimit:
		panic("wave: split cost out of range")
	}
	known := func(counters []int32, least int32) {
		for _, c := range counters {
			if c < least || int(c) >= len(p.Limits) {
				panic(fmt.Sprintf("wave: counter %d of %d", c, len(p.Limits)))
			}
		}
	}
	known(p.Units, -1)
	known(p.Shipments, -1)
	for _, c := range p.Classes {
		known(c, 0)
	}
	for o := range p.Orders {
		for l, line := range p.Orders[o].Lines {
			if line.SKU < 0 || int(line.SKU) >= p.SKUs || line.Quantity < 1 || line.Unfilled < 0 || line.Unfilled >= CostLimit {
				panic(fmt.Sprintf("wave: order %d line %d: %+v", o, l, line))
			}
		}
	}
}

// offers asks for offers and panics on one that contradicts the columns.
func (p *Problem) offers(order, w int, take []int32, dst []Offer) []Offer {
	dst = p.Offers(order, w, take, dst)
	for _, o := range dst {
		if o.Cost < 0 || o.Cost >= CostLimit || o.Class < -1 || int(o.Class) >= len(p.Classes) || o.Parcels < 0 {
			panic(fmt.Sprintf("wave: order %d, warehouse %d: offer %+v", order, w, o))
		}
	}
	return dst
}

// Solve decides a wave. It panics when the columns of p contradict each other.
func Solve(p *Problem, opt Options) Result {
	p.check()
	return newSearch(p, opt, maxStates).run()
}

func (s *search) run() Result {
	switch {
	case !s.prepare():
		s.leaveAll()
	case s.solveFlow():
	case !s.dual():
		s.leaveAll()
	default:
		s.primal()
	}
	return s.result()
}

// search is one run of Solve.
type search struct {
	p       *Problem
	opt     Options
	most    int64 // states of an order that is not large
	workers []*worker
	stopped atomic.Bool
	asking  sync.Mutex
	empty   bool // stopped before there were plans

	orders []prepared
	// Contended counters, which are the only ones that have a price: stock cells first, then limits.
	capacity []int64 // [counter]
	cell     []int32 // [counter] its place in Problem.Stock, or len(Stock) + its place in Limits
	number   []int32 // [counter of all] its place among the contended ones, -1: none
	large    bool    // whether some order is
	dearest  float64 // the highest price tried, scaled
	shift    uint    // prices and priced costs are scaled by 1<<shift

	price []int64 // [counter] of the best bound, scaled
	bound int64   // scaled

	counting bool
	often    [][]seen // [order] the oracle's answers near the optimal prices

	iterations int
	groups     int64

	state
}

func newSearch(p *Problem, opt Options, most int64) *search {
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.Iterations <= 0 {
		opt.Iterations = DefaultIterations
	}
	if opt.Rounds == 0 {
		opt.Rounds = DefaultRounds * min(8, 1+1000/(1+len(p.Orders))) // small waves are cheap to improve
		if len(p.Orders) > 10_000 {
			opt.Rounds = DefaultRounds * 2 / 3 // great ones outgrow the processor's caches: keep their time linear
		}
	}
	s := &search{p: p, opt: opt, most: most}
	for range opt.Workers {
		s.workers = append(s.workers, &worker{s: s})
	}
	return s
}

// stop asks Stop, and no more once it said yes.
func (s *search) stop() bool {
	if s.opt.Stop == nil || s.stopped.Load() {
		return s.stopped.Load()
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	if !s.stopped.Load() && s.opt.Stop() {
		s.stopped.Store(true)
	}
	return s.stopped.Load()
}

// scale chooses how finely prices divide the unit of costs: as finely as sums of size most allow.
func scale(most uint64) uint {
	const finest = 8
	return uint(max(0, min(finest, bits.LeadingZeros64(most)-4)))
}
