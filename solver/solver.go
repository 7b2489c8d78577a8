// Package solver decides how one order is split over warehouses. It works on plain columns and knows no order,
// carrier or tariff: the caller names what is wanted, what lies where, and a function that prices one shipment.
//
// [Split] is the search; [SplitNaive] is its slow and obvious twin, kept to compare with. Both answer with the same
// plan, to the last tie: plans are ordered by cost, then by the earlier latest arrival, then by fewer shipments, then
// by the lexicographically smaller ascending list of warehouses, then by the lexicographically smaller contents. A
// [Certificate] says what was proven.
//
// A caller that can say what shipments cost as [Columns] spares the search the asking, and gets good bounds for orders
// of many lines, most of which are then solved to proven optimality too.
package solver

import (
	"fmt"
	"slices"
)

// CostLimit is the exclusive limit on the size of any cost a caller gives, so that sums cannot overflow.
const CostLimit = int64(1) << 50

// DefaultMaxStates is the ceiling on the exact search where a problem names none: about 20 ms on one core when an
// offer takes 50 ns.
const DefaultMaxStates = 1 << 18

// An Offer is the best way for one warehouse to ship one content.
type Offer struct {
	Cost    int64 // without the split cost; |Cost| < CostLimit
	Arrival int64 // any scale on which smaller is earlier
	Service int32 // the caller's own mark, handed back in the plan
}

// A Problem is one order over columns. Split and SplitNaive only read it.
type Problem struct {
	Warehouses int     // at least 0
	Lines      int     // at least 0
	Quantity   []int32 // [line] units wanted, each at least 1
	Available  []int32 // [line*Warehouses+w] units that warehouse w can give; negative counts as none
	MaySplit   []bool  // [line] whether the units of the line may come from several warehouses; nil: none may

	// MaxShipments is the most shipments of a plan; 0 sets no limit. Each warehouse ships at most once.
	MaxShipments int

	// SplitCost is added for every shipment after the first; |SplitCost| < CostLimit.
	SplitCost int64

	// Offer answers how warehouse w ships take[line] units of every line (at least one of them above 0), or false
	// when it cannot. It must give the same answer to the same question and must not keep take. It may be nil when
	// Columns say all about offers.
	Offer func(w int, take []int32) (Offer, bool)

	// Columns, when set, say what offers cost, exactly or at least.
	Columns *Columns

	// Floor, when set, answers a lower bound on Offer's cost for every content of warehouse w that holds at least
	// take[line] units of every line, or false when no such content can be shipped. Only the bounded search asks
	// it; without it, and without Columns, that search knows no more than that offers cost at least 0.
	Floor func(w int, take []int32) (int64, bool)

	// MaxStates is the ceiling on the tables of the exact search and on the offers it asks for; beyond it the
	// search is bounded, and does work in proportion to it: at the default some 80 ms on one core. 0 takes
	// DefaultMaxStates.
	MaxStates int

	// Stop, when set, is asked now and then; once it is true the search ends soon with the best plan so far and
	// what is proven about it. The plan then depends on when that was.
	Stop func() bool

	// Incumbent is the cost, split cost included, of a plan that the caller knows to exist; it spares work. 0 or
	// less: none known. Where no plan that cheap exists the exact search answers Unknown with a bound of Incumbent + 1
	// or more; the bounded search may also have a dearer plan and, when it came to its end, that bound.
	Incumbent int64
}

// A Shipment is what one warehouse ships.
type Shipment struct {
	Warehouse int32
	Offer     Offer
	Take      []int32 // [line] units
}

// A Plan fills every line. Its shipments are in ascending order of their warehouses.
type Plan struct {
	Cost      int64 // of all offers, and SplitCost for every shipment after the first
	Arrival   int64 // the latest of its shipments; 0 when there is none
	Shipments []Shipment
}

// A Status says what a search has proven.
type Status uint8

// The outcomes of a search.
const (
	// Unknown: no plan was found, and none was proven not to exist.
	Unknown Status = iota
	// Optimal: the plan is the first of all plans in the order that the package comment states.
	Optimal
	// Bounded: the plan is feasible, and none costs less than the certificate's bound.
	Bounded
	// Infeasible: there is no plan.
	Infeasible
)

// String returns the status in lower case.
func (s Status) String() string {
	switch s {
	case Optimal:
		return "optimal"
	case Bounded:
		return "bounded"
	case Infeasible:
		return "infeasible"
	default:
		return "unknown"
	}
}

// A Certificate says what was proven and how large the search was.
type Certificate struct {
	Status Status
	// Bound: no plan costs less. It equals the plan's cost when Status is Optimal and means nothing when Status is
	// Infeasible. A bounded search relies on Problem.Columns, or where there are none, or some line may be split,
	// on offers that cost at least 0 and on Problem.Floor; the exact search relies on exact columns alone.
	Bound  int64
	States int64 // table cells and partial plans made
	Offers int64 // calls of Offer and of Floor
}

// Compare orders plans as the package comment states: negative when a comes first.
func Compare(a, b *Plan) int {
	switch {
	case a.Cost != b.Cost:
		return sign(a.Cost < b.Cost)
	case a.Arrival != b.Arrival:
		return sign(a.Arrival < b.Arrival)
	case len(a.Shipments) != len(b.Shipments):
		return sign(len(a.Shipments) < len(b.Shipments))
	}
	for i := range a.Shipments {
		if v, w := a.Shipments[i].Warehouse, b.Shipments[i].Warehouse; v != w {
			return sign(v < w)
		}
	}
	for i := range a.Shipments {
		if c := slices.Compare(a.Shipments[i].Take, b.Shipments[i].Take); c != 0 {
			return c
		}
	}
	return 0
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

// check panics on a problem whose columns contradict each other: that is the caller's bug.
func (p *Problem) check() {
	switch {
	case p.Warehouses < 0 || p.Lines < 0:
		panic("solver: negative number of warehouses or lines")
	case len(p.Quantity) != p.Lines:
		panic(fmt.Sprintf("solver: %d quantities for %d lines", len(p.Quantity), p.Lines))
	case len(p.Available) != p.Lines*p.Warehouses:
		panic(fmt.Sprintf("solver: %d availabilities for %d lines x %d warehouses", len(p.Available), p.Lines, p.Warehouses))
	case p.MaySplit != nil && len(p.MaySplit) != p.Lines:
		panic(fmt.Sprintf("solver: %d split marks for %d lines", len(p.MaySplit), p.Lines))
	case p.Offer == nil && !p.exactColumns():
		panic("solver: no Offer")
	case p.SplitCost <= -CostLimit || p.SplitCost >= CostLimit:
		panic("solver: split cost out of range")
	}
	for l, q := range p.Quantity {
		if q < 1 {
			panic(fmt.Sprintf("solver: line %d wants %d units", l, q))
		}
	}
	if p.Columns != nil {
		p.Columns.check(p)
	}
}

// exactColumns tells whether the columns say all about offers.
func (p *Problem) exactColumns() bool { return p.Columns != nil && p.Columns.Exact }

func (p *Problem) stopped() bool { return p.Stop != nil && p.Stop() }

func (p *Problem) maySplit(line int) bool { return p.MaySplit != nil && p.MaySplit[line] }

// usable returns how many units of the line warehouse w can add to a plan: for a line that must come whole either
// all of them or none.
func (p *Problem) usable(line, w int) int32 {
	have, want := p.Available[line*p.Warehouses+w], p.Quantity[line]
	switch {
	case have >= want:
		return want
	case have > 0 && p.maySplit(line):
		return have
	default:
		return 0
	}
}

// offer asks for an offer and panics on a cost whose sums could overflow.
func (p *Problem) offer(w int, take []int32) (Offer, bool) {
	var o Offer
	var ok bool
	if p.exactColumns() {
		o, ok = p.Columns.Offer(p, w, take)
	} else {
		o, ok = p.Offer(w, take)
	}
	if ok && (o.Cost <= -CostLimit || o.Cost >= CostLimit) {
		panic(fmt.Sprintf("solver: the offer of warehouse %d costs %d, out of range", w, o.Cost))
	}
	return o, ok
}

// shipments returns the most shipments any plan can have. Each warehouse ships at most once, and each shipment holds
// at least one piece: a whole line, or one unit of a line that may be split.
func (p *Problem) shipments() int {
	pieces := 0
	for l, q := range p.Quantity {
		if p.maySplit(l) {
			pieces += int(q)
		} else {
			pieces++
		}
	}
	k := min(p.Warehouses, pieces)
	if p.MaxShipments > 0 {
		k = min(k, p.MaxShipments)
	}
	return k
}

// coverable reports whether each line alone could be filled from what is available. It proves many orders infeasible
// before anything is priced.
func (p *Problem) coverable() bool {
	for l, q := range p.Quantity {
		var have int64
		for w := range p.Warehouses {
			if have += int64(p.usable(l, w)); have >= int64(q) {
				break
			}
		}
		if have < int64(q) {
			return false
		}
	}
	return true
}

// fewest returns a lower bound on the shipments of a plan: no warehouse ships more units than it can add.
func (p *Problem) fewest() int {
	var want, best int64
	for _, q := range p.Quantity {
		want += int64(q)
	}
	for w := range p.Warehouses {
		var have int64
		for l := range p.Lines {
			have += int64(p.usable(l, w))
		}
		best = max(best, have)
	}
	if best == 0 {
		return p.Warehouses + 1
	}
	return int((want + best - 1) / best)
}
