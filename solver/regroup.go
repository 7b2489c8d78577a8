package solver

import "slices"

// pieces is the most pieces of lines that one turn of regroup places anew.
const pieces = 8

// regrouping is the memory of the search over neighbourhoods of a plan: some pieces of two shipments are taken out, and
// placed again in the best way of all, exactly, onto the shipments that are left or new ones.
type regrouping struct {
	p   *Problem
	sub *Scratch
	q   Problem

	base  []int32 // [w*Lines+line] what stays
	cost  []int64 // [w] of that
	open  []bool  // [w] whether any stays
	piece []piece
	full  []int32
	turn  int
}

// A piece is what one shipment holds of a line.
type piece struct {
	line      int32
	units     int32
	warehouse int32
}

// regroup improves s.plan until no pair of shipments gains, or so many offers were asked for.
func (s *Scratch) regroup(p *Problem, most int, budget int64) {
	r := &s.regrouping
	r.p, r.turn = p, 0
	if r.sub == nil {
		r.sub = &Scratch{part: true}
	}
	stop := s.cert.Offers + budget
	for improved := true; improved; {
		improved = false
		for gap := 1; gap < len(s.plan.Shipments); gap++ {
			for i := 0; i+gap < len(s.plan.Shipments); i++ {
				if s.cert.Offers >= stop || p.stopped() {
					r.p = nil
					return
				}
				for s.cert.Offers < stop && i+gap < len(s.plan.Shipments) && s.exchange(most, i, i+gap) {
					improved = true
				}
			}
		}
	}
	r.p = nil
}

// exchange places some pieces of two shipments anew and reports whether the plan became cheaper.
func (s *Scratch) exchange(most, a, b int) bool {
	r := &s.regrouping
	p := r.p
	r.base, r.cost, r.open = zero(r.base, p.Warehouses*p.Lines), zero(r.cost, p.Warehouses), zero(r.open, p.Warehouses)
	r.piece = r.piece[:0]
	for i, sh := range s.plan.Shipments {
		copy(r.base[int(sh.Warehouse)*p.Lines:], sh.Take)
		r.cost[sh.Warehouse], r.open[sh.Warehouse] = sh.Offer.Cost, true
		if i != a && i != b {
			continue
		}
		for l, n := range sh.Take {
			if n > 0 {
				r.piece = append(r.piece, piece{int32(l), n, sh.Warehouse})
			}
		}
	}
	if n := len(r.piece); n > pieces { // others at another turn
		r.turn++
		at := r.turn * pieces % n
		slices.Reverse(r.piece[:at])
		slices.Reverse(r.piece[at:])
		slices.Reverse(r.piece)
		r.piece = r.piece[:pieces]
	}
	for _, c := range r.piece {
		r.base[int(c.warehouse)*p.Lines+int(c.line)] = 0
	}
	for _, i := range [2]int{a, b} {
		w := int(s.plan.Shipments[i].Warehouse)
		if stays := r.base[w*p.Lines:][:p.Lines]; slices.Max(stays) == 0 {
			r.open[w] = false
		} else if o, ok := p.offer(w, stays); ok {
			r.cost[w] = o.Cost
		} else {
			return false
		}
	}
	// What stays costs so much, with a split cost for every shipment.
	left := -p.SplitCost
	for w, open := range r.open {
		if open {
			left += r.cost[w] + p.SplitCost
		}
	}
	q := &r.q
	*q = Problem{
		Warehouses: p.Warehouses, Lines: len(r.piece), SplitCost: p.SplitCost, Quantity: q.Quantity[:0], Available: q.Available[:0],
		Offer: r.offer, MaxStates: 1 << 14, Stop: p.Stop, Incumbent: s.plan.Cost - left - p.SplitCost - 1,
	}
	for _, c := range r.piece {
		q.Quantity = append(q.Quantity, c.units)
		for w := range p.Warehouses {
			q.Available = append(q.Available, p.usable(int(c.line), w)-r.base[w*p.Lines+int(c.line)])
		}
	}
	plan, cert := Split(q, r.sub)
	s.cert.Offers += cert.Offers + int64(len(r.piece))
	s.cert.States += cert.States
	if cert.Status != Optimal && cert.Status != Bounded || left+plan.Cost+p.SplitCost >= s.plan.Cost {
		return false
	}
	return s.adopt(most, &plan)
}

// offer prices what a warehouse ships more.
func (r *regrouping) offer(w int, take []int32) (Offer, bool) {
	p := r.p
	r.full = append(r.full[:0], r.base[w*p.Lines:][:p.Lines]...)
	for i, n := range take {
		line := int(r.piece[i].line)
		if r.full[line] += n; r.full[line] > p.usable(line, w) {
			return Offer{}, false // two pieces of one line
		}
	}
	o, ok := p.offer(w, r.full)
	if r.open[w] {
		o.Cost -= r.cost[w] + p.SplitCost
	}
	return o, ok
}

// adopt makes the plan that has the pieces where the given one places them.
func (s *Scratch) adopt(most int, placed *Plan) bool {
	r := &s.regrouping
	p := r.p
	for _, sh := range placed.Shipments {
		for i, n := range sh.Take {
			r.base[int(sh.Warehouse)*p.Lines+int(r.piece[i].line)] += n
		}
		r.open[sh.Warehouse] = true
	}
	plan := Plan{Cost: -p.SplitCost}
	for w, open := range r.open {
		if !open {
			continue
		}
		take := slices.Clone(r.base[w*p.Lines:][:p.Lines])
		o, ok := p.offer(w, take)
		if !ok {
			return false
		}
		if plan.Cost += o.Cost + p.SplitCost; len(plan.Shipments) == 0 || o.Arrival > plan.Arrival {
			plan.Arrival = o.Arrival
		}
		plan.Shipments = append(plan.Shipments, Shipment{Warehouse: int32(w), Offer: o, Take: take})
	}
	if len(plan.Shipments) > most || plan.Cost >= s.plan.Cost {
		return false
	}
	s.plan = plan
	return true
}
