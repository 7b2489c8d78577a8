// Package ahead prices stock and capacity by what they will be worth to the orders still to come. Like package solver
// it works on plain columns and knows no order, carrier or tariff.
//
// A [Forecast] says which orders come how often; a [Pricer] samples orders from it, for the rest of the replenishment
// cycle and for the cycles after it, and searches by stochastic subgradient the multipliers of the stock that the
// cycles share. What one more unit is worth is the sum of its multipliers over the cycles that it can still serve.
// Added to the cost of a unit ([solver.Columns.UnitCost]) these prices keep the last units of a place for those who
// will need them most.
//
// Two rules make that safe when the forecast is wrong. Fill first: prices choose where a line is filled, never whether;
// so a caller solves an order without prices for which lines are filled, and those lines with prices for where. And
// learn: [Learner] corrects the forecast by what was seen.
//
// Answers depend on the inputs and on [Options.Seed] alone, not on the number of cores or on the time.
package ahead

import (
	"fmt"
	"math/bits"
	"slices"
)

// CostLimit is the exclusive limit on the size of any single cost a caller gives.
const CostLimit = int64(1) << 40

// MaxLines is the most lines of an order that are priced together; a longer order is sampled as several.
const MaxLines = 8

// MaxQuantity is the most units of a line.
const MaxQuantity = 1 << 16

// A Problem is what is there now and what comes. A Pricer only reads it.
type Problem struct {
	Warehouses int     // at least 1
	SKUs       int     // at least 0
	Stock      []int32 // [sku*Warehouses+w] units that can be promised now; negative counts as none

	// Periods are the rest of the present replenishment cycle, then the cycles after it; at least one. Stock that
	// is left of one serves the next. Two or three are enough: what comes later hardly changes today's prices.
	Periods []Period

	// Units and Shipments name, for every warehouse, the counter of Period.Limits that every unit or shipment from
	// it takes 1 of; -1: none. nil: none at all.
	Units, Shipments []int32

	SplitCost int64 // for every shipment of an order after its first; at least 0, below CostLimit

	// Offers appends to dst the ways to ship some of an order's lines, all units of each, from one warehouse, and
	// returns it. Of warehouse w only the sets within can[w] (bit l: line l of the order) are of interest. It must give
	// the same answer to the same question, must not keep its arguments, and is called from several goroutines at once.
	Offers func(o *Order, can []uint32, dst []Offer) []Offer
}

// A Period is one replenishment cycle, or what is left of it.
type Period struct {
	Orders float64 // expected, at least 0
	Supply []int32 // [sku*Warehouses+w] units that arrive at its start, not yet in Stock; nil: none
	Limits []int64 // [counter] the most that it can take of each: what is left of a capacity, not carried over
}

// An Order is what offers are asked for.
type Order struct {
	Region, Promise int32 // of the forecast
	Lines           []Line
}

// A Line wants units of one SKU.
type Line struct {
	SKU      int32
	Quantity int32 // 1 to MaxQuantity
}

// An Offer is one way to ship a set of lines from one warehouse.
type Offer struct {
	Warehouse int32
	Lines     uint32 // bit l: line l of the order
	Cost      int64  // without split cost; at least 0, below CostLimit
}

// Prices are what one more unit of each counter is worth now, in the unit of costs.
type Prices struct {
	Stock  []int64 // [sku*Warehouses+w]
	Limits []int64 // [counter] of the first period
}

// AppendUnitCost appends to dst, for the lines of an order, what a unit is priced at in every warehouse:
// [line*warehouses+w], as [solver.Columns] wants it.
func (p *Prices) AppendUnitCost(dst []int64, warehouses int, skus ...int32) []int64 {
	for _, sku := range skus {
		dst = append(dst, p.Stock[int(sku)*warehouses:][:warehouses]...)
	}
	return dst
}

func (p *Problem) cells() int { return p.SKUs * p.Warehouses }

func (p *Problem) limits() int {
	if len(p.Periods) == 0 {
		return 0
	}
	return len(p.Periods[0].Limits)
}

// check panics on a problem whose columns contradict each other: that is the caller's bug.
func (p *Problem) check(f *Forecast) {
	switch {
	case p.Warehouses < 1 || p.SKUs < 0 || len(p.Periods) == 0:
		panic("ahead: no warehouse, no period or a negative number of SKUs")
	case len(p.Stock) != p.cells():
		panic(fmt.Sprintf("ahead: %d stocks for %d SKUs x %d warehouses", len(p.Stock), p.SKUs, p.Warehouses))
	case p.Units != nil && len(p.Units) != p.Warehouses || p.Shipments != nil && len(p.Shipments) != p.Warehouses:
		panic("ahead: one counter of units and one of shipments per warehouse, or none at all")
	case p.Offers == nil:
		panic("ahead: no Offers")
	case p.SplitCost < 0 || p.SplitCost >= CostLimit:
		panic("ahead: split cost out of range")
	}
	for i := range p.Periods {
		if r := &p.Periods[i]; r.Supply != nil && len(r.Supply) != p.cells() || len(r.Limits) != p.limits() || !(r.Orders >= 0) || r.Orders > 1e12 {
			panic(fmt.Sprintf("ahead: period %d does not match", i))
		}
	}
	for _, counters := range [2][]int32{p.Units, p.Shipments} {
		for _, c := range counters {
			if c < -1 || int(c) >= p.limits() {
				panic(fmt.Sprintf("ahead: counter %d of %d", c, p.limits()))
			}
		}
	}
	for t := range f.Types {
		for _, sku := range f.Types[t].SKUs {
			if sku < 0 || int(sku) >= p.SKUs {
				panic(fmt.Sprintf("ahead: order type %d wants SKU %d of %d", t, sku, p.SKUs))
			}
		}
	}
}

// oracle is one goroutine's memory to find the cheapest way to fill an order at given prices.
type oracle struct {
	offers []Offer
	cost   [1 << MaxLines]int64
	which  [1 << MaxLines]int32
	from   [1 << MaxLines]int64
	first  [1 << MaxLines]int64
	via    [1 << MaxLines]uint32 // the set that ships the lowest line; 0: it is left

	firstVia [1 << MaxLines]uint32

	picks []int32  // offers of the answer
	price []int64  // [line*Warehouses+w], of all units of the line
	can   []uint32 // [w] lines that are priced there
}

// infinite is more than any plan costs.
const infinite = int64(1) << 56

// closed is the price of what is not there in a period.
const closed = int64(1) << 48

// solve returns the least cost of an order at prices, by counter, of a unit each; lines may be left at unfilled a unit.
// The offers of the plan are left in picks. A plan may use one warehouse twice, which is a relaxation.
func (r *oracle) solve(p *Problem, o *Order, price []int64, unfilled int64) int64 {
	n := len(o.Lines)
	full := uint32(1)<<n - 1
	for s := range full + 1 {
		r.cost[s] = infinite
	}
	width := p.Warehouses
	cells := p.cells()
	r.price = slices.Grow(r.price[:0], n*width)[:n*width]
	r.can = slices.Grow(r.can[:0], width)[:width]
	clear(r.can)
	for l, line := range o.Lines {
		row := r.price[l*width:][:width]
		for w, c := range price[int(line.SKU)*width:][:width] {
			row[w] = c * int64(line.Quantity)
			if c < closed {
				r.can[w] |= 1 << l
			}
		}
	}
	r.offers = p.Offers(o, r.can, r.offers[:0])
	for i := range r.offers {
		f := &r.offers[i]
		c := f.Cost
		for s := f.Lines; s != 0; s &= s - 1 {
			c += r.price[bits.TrailingZeros32(s)*width+int(f.Warehouse)]
		}
		if p.Shipments != nil && p.Shipments[f.Warehouse] >= 0 {
			c += price[cells+int(p.Shipments[f.Warehouse])]
		}
		if p.Units != nil && p.Units[f.Warehouse] >= 0 {
			c += price[cells+int(p.Units[f.Warehouse])] * units(o, f.Lines)
		}
		if c < r.cost[f.Lines] {
			r.cost[f.Lines], r.which[f.Lines] = c, int32(i)
		}
	}
	// from[s] has a split cost for every shipment, first[s] for all but the first.
	r.from[0], r.first[0] = 0, 0
	for s := uint32(1); s <= full; s++ {
		low := s & -s
		rest := s ^ low
		leave := unfilled * int64(o.Lines[bits.TrailingZeros32(s)].Quantity)
		from, via := r.from[rest]+leave, uint32(0)
		first, firstVia := r.first[rest]+leave, uint32(0)
		for sub := rest; ; sub = (sub - 1) & rest {
			t := sub | low
			if c := r.cost[t]; c < infinite {
				c += r.from[s^t]
				if c < first {
					first, firstVia = c, t
				}
				if c += p.SplitCost; c < from {
					from, via = c, t
				}
			}
			if sub == 0 {
				break
			}
		}
		r.from[s], r.via[s] = from, via
		r.first[s], r.firstVia[s] = first, firstVia
	}
	r.picks = r.picks[:0]
	vias := &r.firstVia
	for s := full; s != 0; {
		via := vias[s]
		if via == 0 {
			s &= s - 1
			continue
		}
		r.picks = append(r.picks, r.which[via])
		s ^= via
		vias = &r.via
	}
	return r.first[full]
}

func units(o *Order, lines uint32) int64 {
	sum := int64(0)
	for s := lines; s != 0; s &= s - 1 {
		sum += int64(o.Lines[bits.TrailingZeros32(s)].Quantity)
	}
	return sum
}

// spend adds what the answer takes, so many times, to use, by counter.
func (r *oracle) spend(p *Problem, o *Order, use []int64, times int64) {
	cells := p.cells()
	for _, i := range r.picks {
		f := &r.offers[i]
		for s := f.Lines; s != 0; s &= s - 1 {
			l := &o.Lines[bits.TrailingZeros32(s)]
			use[int(l.SKU)*p.Warehouses+int(f.Warehouse)] += int64(l.Quantity) * times
		}
		if p.Shipments != nil && p.Shipments[f.Warehouse] >= 0 {
			use[cells+int(p.Shipments[f.Warehouse])] += times
		}
		if p.Units != nil && p.Units[f.Warehouse] >= 0 {
			use[cells+int(p.Units[f.Warehouse])] += units(o, f.Lines) * times
		}
	}
}
