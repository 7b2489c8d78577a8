package wave

import (
	"math"
	"slices"

	"github.com/allot-engine/allot/solver"
)

// An order with too many contents for the exact oracle is large. What stands in for its offers is a growing list of
// whole plans, which package solver finds at several prices; so the prices see only these. The bound at the end does
// not: it takes solver's bound for the order.

// enumerateLarge notes what a large order may take of the counters: of stock what it wants, of capacities anything.
func (w *worker) enumerateLarge(o int) {
	p := w.s.p
	r := &w.s.orders[o]
	r.groups, r.variants, r.terms, r.contents = nil, nil, nil, nil
	for _, line := range p.Orders[o].Lines {
		for wh := range p.Warehouses {
			w.demand[int(line.SKU)*p.Warehouses+wh] += int64(line.Quantity)
		}
	}
	for c := range p.Limits {
		w.demand[len(p.Stock)+c] += min(p.limit(len(p.Stock)+c)+1, int64(p.Warehouses)<<31)
	}
}

// splitLarge looks for the least priced plan of a large order, puts it among its plans, and returns a lower bound on
// the priced cost of every plan (scaled). With room it keeps to what is left. It answers the plan's place in r.plans,
// -1 where leaving all lines is best or no plan was found.
func (w *worker) splitLarge(o int, price, room []int64) (bound int64, at int) {
	s := w.s
	p, order, r := s.p, &s.p.Orders[o], &s.orders[o]
	n := len(order.Lines)
	nothing := r.nothing << s.shift
	split := p.SplitCost << s.shift
	of := func(prices []int64, counter int) (int64, bool) {
		c := s.number[counter]
		if c < 0 {
			return 0, false
		}
		return prices[c], true
	}
	// The last warehouse leaves lines unfilled.
	q := solver.Problem{Warehouses: p.Warehouses + 1, Lines: n, MaxStates: 1 << 16, Stop: s.stop}
	if order.Whole {
		q.Warehouses--
	}
	if order.MaxShipments > 0 {
		q.MaxShipments = order.MaxShipments + q.Warehouses - p.Warehouses
	}
	for l, line := range order.Lines {
		q.Quantity = append(q.Quantity, line.Quantity)
		q.MaySplit = append(q.MaySplit, line.MaySplit)
		for wh := range p.Warehouses {
			cell := int(line.SKU)*p.Warehouses + wh
			have := max(0, p.Stock[cell])
			if room != nil {
				if left, ok := of(room, cell); ok {
					have = int32(min(int64(have), left))
				}
			}
			q.Available = append(q.Available, have)
		}
		if !order.Whole {
			q.Available = append(q.Available, order.Lines[l].Quantity)
		}
	}
	leave := func(take []int32) int64 {
		var cost int64
		for l, t := range take {
			if t > 0 {
				cost += order.Lines[l].Unfilled << s.shift
			}
		}
		return cost
	}
	// worth is the price of what a content takes besides its class, and whether there is enough of it.
	worth := func(wh int, take []int32) (int64, bool) {
		cost, units, enough := split, int64(0), true
		count := func(counter int, amount int64) {
			if each, ok := of(price, counter); ok {
				cost += each * amount
			}
			if room == nil {
				enough = enough && amount <= p.limit(counter)
			} else if left, ok := of(room, counter); ok {
				enough = enough && amount <= left
			}
		}
		for l, t := range take {
			if t > 0 {
				count(int(order.Lines[l].SKU)*p.Warehouses+wh, int64(t))
				units += int64(t)
			}
		}
		if p.Units != nil && p.Units[wh] >= 0 {
			count(len(p.Stock)+int(p.Units[wh]), units)
		}
		if p.Shipments != nil && p.Shipments[wh] >= 0 {
			count(len(p.Stock)+int(p.Shipments[wh]), 1)
		}
		return cost, enough
	}
	q.Offer = func(wh int, take []int32) (solver.Offer, bool) {
		if wh == p.Warehouses {
			for l, t := range take {
				if t > 0 && t < order.Lines[l].Quantity {
					return solver.Offer{}, false
				}
			}
			return solver.Offer{Cost: leave(take)}, true
		}
		base, enough := worth(wh, take)
		if !enough {
			return solver.Offer{}, false
		}
		best, which := infinite, -1
		w.offered = p.offers(o, wh, take, w.offered[:0])
		for i, f := range w.offered {
			cost, fits := f.Cost<<s.shift, true
			if f.Class >= 0 {
				for _, c := range p.Classes[f.Class] {
					if each, ok := of(price, len(p.Stock)+int(c)); ok {
						cost += each * int64(f.Parcels)
					}
					left := p.limit(len(p.Stock) + int(c))
					if room != nil {
						if have, ok := of(room, len(p.Stock)+int(c)); ok {
							left = have
						}
					}
					fits = fits && int64(f.Parcels) <= left
				}
			}
			if fits && cost < best {
				best, which = cost, i
			}
		}
		if which < 0 || best+base >= solver.CostLimit {
			return solver.Offer{}, false
		}
		return solver.Offer{Cost: best + base, Service: int32(which)}, true
	}
	q.Floor = func(wh int, take []int32) (int64, bool) {
		if wh == p.Warehouses {
			return leave(take), true
		}
		base, _ := worth(wh, take) // prices are at least 0, so more units never cost less
		if p.Floor == nil {
			return base, true
		}
		f, ok := p.Floor(o, wh, take)
		return base + f<<s.shift, ok
	}
	plan, cert := solver.Split(&q, &w.scratch)
	switch cert.Status {
	case solver.Infeasible:
		return nothing, -1
	case solver.Unknown:
		return min(nothing, max(0, cert.Bound-split)), -1
	}
	bound = min(nothing, max(0, cert.Bound-split))
	var picks []pick
	for _, sh := range plan.Shipments {
		if int(sh.Warehouse) < p.Warehouses {
			g := w.register(o, int(sh.Warehouse), sh.Take, int(sh.Offer.Service))
			picks = append(picks, pick{g, r.groups[g].variantLo})
		}
	}
	if len(picks) == 0 || order.MaxShipments > 0 && len(picks) > order.MaxShipments {
		return bound, -1
	}
	for i, have := range r.plans {
		if slices.Equal(have, picks) {
			return bound, i
		}
	}
	r.plans = append(r.plans, picks)
	return bound, len(r.plans) - 1
}

// register returns the group of a large order for a content and one offer, made if it is new.
func (w *worker) register(o, wh int, take []int32, which int) int32 {
	s := w.s
	p, r := s.p, &s.orders[o]
	n := len(take)
	w.offered = p.offers(o, wh, take, w.offered[:0])
	offer := w.offered[which]
	for i := range r.groups {
		if int(r.groups[i].warehouse) == wh && slices.Equal(r.takes[i*n:(i+1)*n], take) && r.variants[r.groups[i].variantLo].offer == offer {
			return int32(i)
		}
	}
	plan := Plan{Shipments: []Shipment{{Warehouse: int32(wh), Offer: offer, Take: take}}}
	g := group{warehouse: int32(wh), termsLo: int32(len(r.terms)), variantLo: int32(len(r.variants))}
	for counter, amount := range p.needs(o, &plan) {
		if c := s.number[counter]; c >= 0 && amount > 0 {
			r.terms = append(r.terms, term{c, int32(min(amount, math.MaxInt32))})
		}
	}
	g.termsHi = int32(len(r.terms))
	slices.SortFunc(r.terms[g.termsLo:], func(a, b term) int { return int(a.counter - b.counter) })
	r.variants = append(r.variants, variant{offer: offer, termsLo: g.termsHi, termsHi: g.termsHi})
	g.variant = int32(len(r.variants))
	r.groups = append(r.groups, g)
	r.takes = append(r.takes, take...)
	return int32(len(r.groups) - 1)
}

// oracleLarge answers the cheapest of the plans that are known of a large order.
func (w *worker) oracleLarge(o int, price []int64) int64 {
	s, r := w.s, &w.s.orders[o]
	if w.proving {
		bound, at := w.splitLarge(o, price, nil)
		w.picks = w.picks[:0]
		if at >= 0 {
			w.picks = append(w.picks, r.plans[at]...)
		}
		return bound
	}
	best, which := r.nothing<<s.shift, -1
	for i, picks := range r.plans {
		cost := (w.trueCost(o, picks)) << s.shift
		for _, k := range picks {
			for _, t := range r.terms[r.groups[k.group].termsLo:r.groups[k.group].termsHi] {
				cost += int64(t.amount) * price[t.counter]
			}
		}
		if cost < best {
			best, which = cost, i
		}
	}
	if which >= 0 {
		w.picks = append(w.picks, r.plans[which]...)
	}
	return best
}

// trueCost returns what a plan of these picks costs.
func (w *worker) trueCost(o int, picks []pick) int64 {
	s, r := w.s, &w.s.orders[o]
	cost := r.nothing + s.p.SplitCost*int64(max(0, len(picks)-1))
	for _, k := range picks {
		cost += r.variants[k.variant].offer.Cost
	}
	for l, filled := range w.filled(o, picks) {
		if filled {
			cost -= s.p.Orders[o].Lines[l].Unfilled
		}
	}
	return cost
}

// poolLarge puts the plans that are known of a large order into its pool.
func (w *worker) poolLarge(o int) {
	for _, picks := range w.s.orders[o].plans {
		made := w.choose(o, picks)
		w.pooling.path = append(w.pooling.path[:0], picks...)
		if !w.crowded(made.priced) {
			w.keepChoice(o, made.priced)
		}
	}
}

// widen looks for another plan of every large order at a price.
func (s *search) widen(price []int64) {
	if s.large {
		s.parallel(func(w *worker, o int) {
			if s.orders[o].large && !s.stop() {
				w.splitLarge(o, price, nil)
			}
		})
	}
}

// refit returns an order's cheapest plan at the given prices within what is left, as far as the search finds one.
func (w *worker) refit(o int, price, room []int64, nodes int) choice {
	r := &w.s.orders[o]
	w.picks = w.picks[:0]
	if r.large {
		if _, at := w.splitLarge(o, price, room); at >= 0 {
			made := w.choose(o, r.plans[at])
			if w.s.fits(made.terms) {
				return made
			}
		}
		return w.choose(o, nil)
	}
	if len(r.groups) == 0 {
		return w.choose(o, nil)
	}
	w.priceGroups(r, price, room)
	w.table(r)
	w.exact(o, nodes, room)
	return w.choose(o, w.picks)
}
