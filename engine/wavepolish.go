package engine

import (
	"cmp"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// maxLeftover bounds the cells of stock that are copied to decide orders on what others leave.
const maxLeftover = 1 << 27

// A leftover is what the decisions of a wave leave: the stock and the capacity that a further decision finds.
type leftover struct {
	e     *Engine
	from  *StockView // what there was
	view  StockView
	taken map[dayTaken]int32
}

// A dayTaken names a day of a service from a warehouse; service is -1 for the warehouse's own.
type dayTaken struct {
	warehouse, service int32
	ship               units.Date
}

// leftover returns what there is before anything is decided, of the SKUs of the wave; nil where copying it takes too much,
// unless nothing else would decide the orders.
func (r *waveRun) leftover() *leftover {
	if len(r.stock.Available) > maxLeftover && !r.inTurn {
		return nil
	}
	l := &leftover{e: r.e, from: r.stock, taken: map[dayTaken]int32{}}
	// Most of it is never touched, so the operating system never gives it.
	l.view = *NewStockView(len(r.e.snap.SKUs.IDs), r.stock.Stride)
	l.view.Capacity, l.view.Prices = l, r.stock.Prices
	for i, sku := range r.skus {
		for column := range r.sites {
			l.view.Set(sku, r.sites[column].warehouse, r.problem.Stock[i*len(r.sites)+column])
		}
	}
	return l
}

// WarehouseLeft implements Capacity.
func (l *leftover) WarehouseLeft(w int32, ship units.Date) int32 {
	return l.from.warehouseLeft(l.e.snap, w, ship) - l.taken[dayTaken{w, -1, ship}]
}

// ServiceLeft implements Capacity.
func (l *leftover) ServiceLeft(w, service int32, ship units.Date) int32 {
	return l.from.serviceLeft(l.e.snap, w, service, ship) - l.taken[dayTaken{w, service, ship}]
}

// take takes what a decision needs, or with sign -1 gives it back.
func (l *leftover) take(d *Decision, sign int32) {
	for i := range d.Shipments {
		s := &d.Shipments[i]
		for _, it := range s.Items {
			l.view.Set(it.SKU, s.Warehouse, l.view.available(it.SKU, s.Warehouse)-sign*it.Quantity)
		}
		if l.e.sites[s.Warehouse].limited {
			l.taken[dayTaken{s.Warehouse, -1, s.ShipDate}] += sign
			l.taken[dayTaken{s.Warehouse, s.Service, s.ShipDate}] += sign
		}
	}
}

// A verdict is what a wave says of an order while it is worked out.
type verdict struct {
	decision Decision    // Outcome is Planned, or 0 where it is left
	unfilled units.Money // what is left of it costs so much
}

func (v *verdict) cost() units.Money { return v.decision.Cost + v.unfilled }

// polish gives each order in turn the cheapest plan that the others leave room for, by the search that a single decision
// makes: it knows of plans that the wave's solver has not met, of large orders above all. It starts from the better of what
// the solver found and of what the orders would get one after the other, so that a wave never costs more than that. Where
// the solver has no plans the orders get what they would get so, whatever Stop says.
func (r *waveRun) polish(made []verdict) []verdict {
	const passes = 3
	left := r.leftover()
	if left == nil || r.stopped() && !r.inTurn {
		return made
	}
	s := r.seats.take(-1)
	defer r.seats.give(s)
	s.order = -1
	inTurn := make([]verdict, len(r.orders))
	var cost, costInTurn units.Money
	for o := range inTurn {
		inTurn[o].unfilled = r.orders[o].unfilled
		if !r.better(s, left, o, &inTurn[o]) && r.inTurn && r.e.snap.Policy.Partial == network.PartialFill {
			r.part(s, left, o, &inTurn[o])
		}
		cost, costInTurn = cost+made[o].cost(), costInTurn+inTurn[o].cost()
	}
	if costInTurn < cost {
		made = inTurn
	} else {
		left = r.leftover()
		for o := range made {
			left.take(&made[o].decision, 1)
		}
	}
	for range passes {
		improved := false
		for o := range made {
			if r.stopped() {
				return made
			}
			if of := &r.orders[o]; of.whole && made[o].cost() > of.proof.Bound {
				left.take(&made[o].decision, -1)
				improved = r.better(s, left, o, &made[o]) || improved
			}
		}
		if !improved {
			break
		}
	}
	return made
}

// better puts in the place of an order's verdict, whose takings are given back, what it can best have now if that is better,
// and takes what it needs.
func (r *waveRun) better(s *seat, left *leftover, o int, v *verdict) (found bool) {
	defer func() { left.take(&v.decision, 1) }()
	if !r.orders[o].whole {
		return false
	}
	sc := r.again(s, left, o)
	var d Decision
	if !sc.search(&d, r.e.snap.Policy.MaxShipments) || d.Cost >= v.cost() {
		return false
	}
	d.Certificate = r.certificate(sc, o, d.Cost)
	*v = verdict{decision: d}
	return true
}

// again makes ready to search an order on the leftover.
func (r *waveRun) again(s *seat, left *leftover, o int) *Scratch {
	sc := s.sc
	s.asked = 0
	if err := sc.resolve(&left.view, &r.asked[o], r.now); err != nil {
		panic("engine: an order of a wave changed while it was decided: " + err.Error())
	}
	sc.start()
	sc.late = sc.mayBeLate()
	return sc
}

// part fills of an order that is left the lines that the leftover has, all or as many as go together, those first that cost
// most to leave, and takes what that needs. It does not if leaving the order costs less.
func (r *waveRun) part(s *seat, left *leftover, o int, v *verdict) {
	of := &r.orders[o]
	sc := r.again(s, left, o)
	sc.begin()
	lines, goal := r.problem.Orders[o].Lines, of.goal()
	var fill []int // lines, those that cost least to leave last
	for l, it := range goal {
		if sc.obtainable(it) >= it.Quantity {
			fill = append(fill, l)
		}
	}
	slices.SortStableFunc(fill, func(a, b int) int { return cmp.Compare(lines[b].Unfilled, lines[a].Unfilled) })
	for ; len(fill) > 0; fill = fill[:len(fill)-1] {
		made, filled := verdict{unfilled: v.unfilled}, make([]int32, len(goal))
		sc.items = sc.items[:0]
		for l, it := range goal {
			if slices.Contains(fill, l) {
				sc.items = append(sc.items, it)
				filled[l] = it.Quantity
				made.unfilled -= units.Money(lines[l].Unfilled)
			}
		}
		d := &made.decision
		if !sc.search(d, r.e.snap.Policy.MaxShipments) {
			continue
		}
		if made.cost() >= v.cost() {
			return
		}
		for l, it := range of.items {
			if n := it.Quantity - filled[l]; n > 0 {
				d.Unfilled = append(d.Unfilled, Item{SKU: it.SKU, Quantity: n})
			}
		}
		d.Certificate = of.alone() // what a plan for a part costs at least alone was not worked out
		d.Certificate.Bound, d.Certificate.Gap = 0, d.Cost
		*v = made
		left.take(d, 1)
		return
	}
}

// stopped asks Stop, and remembers a yes.
func (r *waveRun) stopped() bool {
	r.cut = r.cut || r.opt.Stop != nil && r.opt.Stop()
	return r.cut
}

// certificate returns what is known of an order's plan, compared with the plans that it would have alone. The order is
// resolved in the scratch.
func (r *waveRun) certificate(sc *Scratch, o int, cost units.Money) Certificate {
	c := r.orders[o].alone()
	if cost < c.Bound { // it waits for a cheaper day
		c.Bound = sc.row.money(sc.row.floors[sc.speed*tiers]) + sc.row.handling
	}
	if c.Gap = cost - c.Bound; c.Gap == 0 {
		c.Status = Optimal
	}
	return c
}

// leavings returns what verdicts leave, counted as the solver's problem counts.
func (r *waveRun) leavings(made []verdict) *leftovers {
	p := &r.problem
	left := &leftovers{stock: slices.Clone(p.Stock), limits: slices.Clone(p.Limits)}
	column := make(map[int32]int, len(r.sites))
	for i := range r.sites {
		column[r.sites[i].warehouse] = i
	}
	for o := range made {
		for i := range made[o].decision.Shipments {
			s := &made[o].decision.Shipments[i]
			at := column[s.Warehouse]
			for _, it := range s.Items {
				sku, _ := slices.BinarySearch(r.skus, it.SKU)
				left.stock[sku*p.Warehouses+at] -= it.Quantity
			}
			if r.sites[at].days == nil {
				continue
			}
			for _, day := range r.sites[at].days[s.Service] {
				if day.ship == s.ShipDate && day.class >= 0 {
					for _, c := range p.Classes[day.class] {
						left.limits[c]--
					}
				}
			}
		}
	}
	return left
}
