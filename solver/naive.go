package solver

import "slices"

// SplitNaive returns the same plan as [Split] by trying everything: for one warehouse after another every content it
// could ship. It takes time exponential in warehouses x lines and allocates freely. It ignores Floor, MaxStates and
// Incumbent, so its answer is always Optimal or Infeasible.
func SplitNaive(p *Problem) (Plan, Certificate) {
	p.check()
	n := naive{p: p, rest: slices.Clone(p.Quantity), limit: p.Warehouses}
	if p.MaxShipments > 0 {
		n.limit = min(n.limit, p.MaxShipments)
	}
	n.warehouse(0)
	if n.best == nil {
		n.cert.Status = Infeasible
		return Plan{}, n.cert
	}
	n.cert.Status, n.cert.Bound = Optimal, n.best.Cost
	return *n.best, n.cert
}

type naive struct {
	p     *Problem
	rest  []int32 // [line] units still to place
	limit int
	plan  []Shipment
	best  *Plan
	cert  Certificate
}

// warehouse tries everything that warehouse w and those after it can do about what is left.
func (n *naive) warehouse(w int) {
	n.cert.States++
	if !slices.ContainsFunc(n.rest, func(r int32) bool { return r > 0 }) {
		n.finish()
		return
	}
	if w == n.p.Warehouses {
		return
	}
	n.warehouse(w + 1)
	if len(n.plan) < n.limit {
		n.content(w, 0, make([]int32, n.p.Lines))
	}
}

// content tries every content of warehouse w whose lines before line are already chosen in take.
func (n *naive) content(w, line int, take []int32) {
	if line < n.p.Lines {
		n.content(w, line+1, take)
		have, all := n.p.Available[line*n.p.Warehouses+w], n.p.Quantity[line]
		for t := int32(1); t <= min(have, n.rest[line]); t++ {
			if t < all && !n.p.maySplit(line) {
				continue
			}
			take[line] = t
			n.content(w, line+1, take)
		}
		take[line] = 0
		return
	}
	if !slices.ContainsFunc(take, func(t int32) bool { return t > 0 }) {
		return
	}
	o, ok := n.p.offer(w, take)
	n.cert.Offers++
	if !ok {
		return
	}
	for l, t := range take {
		n.rest[l] -= t
	}
	n.plan = append(n.plan, Shipment{Warehouse: int32(w), Offer: o, Take: slices.Clone(take)})
	n.warehouse(w + 1)
	n.plan = n.plan[:len(n.plan)-1]
	for l, t := range take {
		n.rest[l] += t
	}
}

func (n *naive) finish() {
	plan := Plan{Shipments: slices.Clone(n.plan)}
	for i, s := range plan.Shipments {
		plan.Cost += s.Offer.Cost
		if i == 0 {
			plan.Arrival = s.Offer.Arrival
		} else {
			plan.Cost += n.p.SplitCost
			plan.Arrival = max(plan.Arrival, s.Offer.Arrival)
		}
	}
	if n.best == nil || Compare(&plan, n.best) < 0 {
		n.best = &plan
	}
}
