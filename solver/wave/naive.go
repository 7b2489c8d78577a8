package wave

import "slices"

// SolveNaive decides a wave by trying everything: every plan of every order, in all combinations. It takes time
// exponential in the number of orders. Its bound is its cost; it returns no prices.
func SolveNaive(p *Problem) Result {
	p.check()
	n := naive{p: p, use: map[int]int64{}, best: Result{Cost: infinite}, now: make([]Plan, len(p.Orders))}
	for o := range p.Orders {
		n.plans = append(n.plans, n.all(o))
	}
	n.order(0, 0)
	n.best.Bound = n.best.Cost
	return n.best
}

type naive struct {
	p     *Problem
	plans [][]Plan
	use   map[int]int64 // counter of all: what the orders decided so far take
	now   []Plan
	best  Result
}

// all returns every plan of an order.
func (n *naive) all(o int) []Plan {
	order := &n.p.Orders[o]
	var plans []Plan
	rest := make([]int32, len(order.Lines))
	for l, line := range order.Lines {
		rest[l] = line.Quantity
	}
	var shipments []Shipment
	finish := func() {
		plan := Plan{Shipments: slices.Clone(shipments), Cost: n.p.SplitCost * int64(max(0, len(shipments)-1))}
		for _, s := range shipments {
			plan.Cost += s.Offer.Cost
		}
		for l, line := range order.Lines {
			switch rest[l] {
			case 0:
			case line.Quantity:
				plan.Cost += line.Unfilled
				plan.Unfilled = append(plan.Unfilled, int32(l))
			default:
				return
			}
		}
		if order.Whole && len(plan.Unfilled) > 0 && len(shipments) > 0 ||
			order.MaxShipments > 0 && len(shipments) > order.MaxShipments {
			return
		}
		plans = append(plans, plan)
	}
	var warehouse func(w int)
	var line func(w, l int, take []int32)
	warehouse = func(w int) {
		if w == n.p.Warehouses {
			finish()
			return
		}
		line(w, 0, make([]int32, len(order.Lines)))
	}
	line = func(w, l int, take []int32) {
		if l < len(order.Lines) {
			want := order.Lines[l].Quantity
			for t := int32(0); t <= rest[l]; t++ {
				if t == 0 || t == want || order.Lines[l].MaySplit {
					take[l] = t
					line(w, l+1, take)
				}
			}
			take[l] = 0
			return
		}
		if !slices.ContainsFunc(take, func(t int32) bool { return t > 0 }) {
			warehouse(w + 1)
			return
		}
		for l, t := range take {
			rest[l] -= t
		}
		for _, offer := range n.p.offers(o, w, take, nil) {
			shipments = append(shipments, Shipment{Warehouse: int32(w), Offer: offer, Take: slices.Clone(take)})
			warehouse(w + 1)
			shipments = shipments[:len(shipments)-1]
		}
		for l, t := range take {
			rest[l] += t
		}
	}
	warehouse(0)
	return plans
}

// order tries every plan of an order and of those after it.
func (n *naive) order(o int, cost int64) {
	if cost >= n.best.Cost {
		return
	}
	if o == len(n.p.Orders) {
		n.best.Cost, n.best.Plans = cost, slices.Clone(n.now)
		return
	}
	for i := range n.plans[o] {
		n.now[o] = n.plans[o][i]
		if n.spend(o, 1) {
			n.order(o+1, cost+n.now[o].Cost)
		}
		n.now[o] = n.plans[o][i]
		n.spend(o, -1)
	}
}

// spend takes what the order's plan needs, or gives it back, and reports whether nothing is short.
func (n *naive) spend(o int, sign int64) bool {
	enough := true
	for counter, amount := range n.p.needs(o, &n.now[o]) {
		n.use[counter] += sign * amount
		enough = enough && n.use[counter] <= n.p.limit(counter)
	}
	return enough
}

// limit returns the most of a counter, stock cells first and capacities after.
func (p *Problem) limit(counter int) int64 {
	if counter < len(p.Stock) {
		return int64(max(0, p.Stock[counter]))
	}
	return max(0, p.Limits[counter-len(p.Stock)])
}

// needs returns what a plan takes of every counter, stock cells first and capacities after.
func (p *Problem) needs(o int, plan *Plan) map[int]int64 {
	need := map[int]int64{}
	add := func(counter int32, amount int64) {
		if counter >= 0 {
			need[len(p.Stock)+int(counter)] += amount
		}
	}
	for _, s := range plan.Shipments {
		w := int(s.Warehouse)
		for l, t := range s.Take {
			if t == 0 {
				continue
			}
			need[int(p.Orders[o].Lines[l].SKU)*p.Warehouses+w] += int64(t)
			if p.Units != nil {
				add(p.Units[w], int64(t))
			}
		}
		if p.Shipments != nil {
			add(p.Shipments[w], 1)
		}
		if s.Offer.Class >= 0 {
			for _, c := range p.Classes[s.Offer.Class] {
				add(c, int64(s.Offer.Parcels))
			}
		}
	}
	return need
}
