package solver

import (
	"cmp"
	"slices"
)

// local is the memory of the local search: one assignment of units to warehouses, and the best seen.
type local struct {
	p      *Problem
	most   int
	budget int64 // offers still to ask for
	cert   *Certificate

	give  []int32 // [w*Lines+line] units
	ships []Offer // [w] the offer for what it gives
	open  []int32 // warehouses that give something, in no order
	units []int64 // [w] units it gives
	rest  []int32 // [line] units still to place
	cost  int64   // of all offers and splits
	order []int32 // warehouses by what they could cover
	cover []int64
	a, b  []int32

	best     []Shipment
	bestTake []int32
	bestCost int64
	found    bool
}

// search runs the local search from so many warehouses at most and reports whether it found a plan.
func (s *local) search(p *Problem, most int, ceiling int64, starts int, cert *Certificate) bool {
	s.p, s.most, s.budget, s.cert, s.found = p, most, ceiling, cert, false
	s.give = zero(s.give, p.Warehouses*p.Lines)
	s.ships = zero(s.ships, p.Warehouses)
	s.units = zero(s.units, p.Warehouses)
	s.cover = zero(s.cover, p.Warehouses)
	s.rest = zero(s.rest, p.Lines)
	s.a, s.b = zero(s.a, p.Lines), zero(s.b, p.Lines)
	s.open, s.order = s.open[:0], s.order[:0]
	for w := range p.Warehouses {
		for l := range p.Lines {
			s.cover[w] += int64(p.usable(l, w))
		}
		if s.cover[w] > 0 {
			s.order = append(s.order, int32(w))
		}
	}
	slices.SortStableFunc(s.order, func(v, w int32) int { return cmp.Compare(s.cover[w], s.cover[v]) })
	// Half the budget finds starts, so that a start that cannot be finished never starves the others.
	for i, seed := range s.order[:min(starts, len(s.order))] {
		if (s.found || p.Incumbent > 0) && p.stopped() {
			break
		}
		for _, byCost := range [2]bool{true, false} {
			s.reset()
			if s.budget <= 0 || !s.fill(int(seed), byCost) {
				continue
			}
			s.improve(s.budget / int64(len(s.order)-i+1))
			s.keep()
		}
	}
	s.p, s.cert = nil, nil
	return s.found
}

func zero[T any](buf []T, n int) []T {
	buf = slices.Grow(buf[:0], n)[:n]
	clear(buf)
	return buf
}

func (s *local) reset() {
	for _, w := range s.open {
		clear(s.row(int(w)))
		s.units[w], s.ships[w] = 0, Offer{}
	}
	s.open, s.cost = s.open[:0], 0
	copy(s.rest, s.p.Quantity)
}

func (s *local) row(w int) []int32 { return s.give[w*s.p.Lines : (w+1)*s.p.Lines] }

// ask prices a content; nothing costs nothing.
func (s *local) ask(w int, take []int32) (Offer, bool) {
	if !slices.ContainsFunc(take, func(t int32) bool { return t > 0 }) {
		return Offer{}, true
	}
	s.budget--
	s.cert.Offers++
	return s.p.offer(w, take)
}

// set makes warehouse w ship take at the given offer.
func (s *local) set(w int, take []int32, o Offer) {
	was := s.units[w]
	s.cost += o.Cost - s.ships[w].Cost
	s.ships[w], s.units[w] = o, 0
	for _, t := range take {
		s.units[w] += int64(t)
	}
	copy(s.row(w), take)
	switch {
	case was == 0 && s.units[w] > 0:
		s.open = append(s.open, int32(w))
		if len(s.open) > 1 {
			s.cost += s.p.SplitCost
		}
	case was > 0 && s.units[w] == 0:
		s.open = slices.DeleteFunc(s.open, func(v int32) bool { return v == int32(w) })
		if len(s.open) > 0 {
			s.cost -= s.p.SplitCost
		}
	}
}

// load writes into take the most that warehouse w can add of what is left, as far as one shipment can carry it, and
// returns its offer and its units.
func (s *local) load(w int, take []int32) (Offer, int64, bool) {
	var units int64
	for l := range take {
		take[l] = s.piece(l, w)
		units += int64(take[l])
	}
	if units == 0 {
		return Offer{}, 0, false
	}
	if o, ok := s.ask(w, take); ok {
		return o, units, true
	}
	// Too much for one shipment: line by line, while it can be carried.
	clear(take)
	units = 0
	var best Offer
	for l := range take {
		if take[l] = s.piece(l, w); take[l] == 0 {
			continue
		}
		if o, ok := s.ask(w, take); ok {
			best, units = o, units+int64(take[l])
		} else {
			take[l] = 0
		}
	}
	return best, units, units > 0
}

// piece returns the units of what is left of a line that warehouse w can take.
func (s *local) piece(l, w int) int32 {
	n := min(s.rest[l], s.p.usable(l, w))
	if n < s.p.Quantity[l] && !s.p.maySplit(l) {
		return 0
	}
	return n
}

// fill builds a plan from the seed on, one warehouse at a time: by cost per unit placed, or by the most units. The
// last warehouse allowed must take all that is left.
func (s *local) fill(seed int, byCost bool) bool {
	o, _, ok := s.load(seed, s.a)
	if !ok {
		return false
	}
	s.place(seed, o)
	for s.left() > 0 && s.budget > 0 && len(s.open) < s.most {
		left, last := s.left(), len(s.open)+1 == s.most
		best, bestUnits := -1, int64(0)
		var bestOffer Offer
		for _, v := range s.order {
			w := int(v)
			if s.units[w] > 0 {
				continue
			}
			var can int64
			for l := range s.rest {
				can += int64(s.piece(l, w))
			}
			if can == 0 || last && can < left || !byCost && can < bestUnits {
				continue
			}
			o, units, ok := s.load(w, s.b)
			if !ok || last && units < left {
				continue
			}
			better := best < 0
			switch {
			case better:
			case byCost || units == bestUnits:
				better = (o.Cost+s.p.SplitCost)/units < (bestOffer.Cost+s.p.SplitCost)/bestUnits
			default:
				better = units > bestUnits
			}
			if better {
				best, bestUnits, bestOffer = w, units, o
				copy(s.a, s.b)
			}
		}
		if best < 0 {
			return false
		}
		s.place(best, bestOffer)
	}
	return s.left() == 0
}

// place makes warehouse w ship s.a and takes that off what is left.
func (s *local) place(w int, o Offer) {
	s.set(w, s.a, o)
	for l, t := range s.a {
		s.rest[l] -= t
	}
}

func (s *local) left() int64 {
	var n int64
	for _, r := range s.rest {
		n += int64(r)
	}
	return n
}

// improve applies the first move that saves, again and again, until none does or the budget is spent.
func (s *local) improve(budget int64) {
	stop := s.budget - budget
	for s.budget > max(stop, 0) && (s.moveAll() || s.moveLine(stop) || s.swapLines(stop)) {
		s.cert.States++
	}
}

// try lets v ship s.a and w ship s.b instead of what they ship now if that saves.
func (s *local) try(v, w int) bool {
	open := len(s.open)
	cost := s.cost - s.ships[v].Cost - s.ships[w].Cost
	empty := !slices.ContainsFunc(s.a, func(t int32) bool { return t > 0 })
	if empty {
		open--
	}
	if s.units[w] == 0 {
		open++
	}
	if open > s.most {
		return false
	}
	cost += s.p.SplitCost * int64(open-len(s.open))
	ov, ok := s.ask(v, s.a)
	if !ok || cost+ov.Cost >= s.cost { // the other offer costs at least 0
		return false
	}
	ow, ok := s.ask(w, s.b)
	if !ok || cost+ov.Cost+ow.Cost >= s.cost {
		return false
	}
	s.set(w, s.b, ow)
	s.set(v, s.a, ov)
	return true
}

// moveAll moves the whole content of a shipment to another warehouse, open or not.
func (s *local) moveAll() bool {
	for _, v := range s.open {
		for _, w := range s.order {
			if v == w || s.budget <= 0 {
				continue
			}
			clear(s.a)
			fits := true
			for l, t := range s.row(int(v)) {
				s.b[l] = s.row(int(w))[l] + t
				if t > 0 && s.b[l] > s.p.usable(l, int(w)) {
					fits = false
					break
				}
			}
			if fits && s.try(int(v), int(w)) {
				return true
			}
		}
	}
	return false
}

// moveLine moves what a shipment holds of one line, or as much of it as may and can move, to another warehouse.
func (s *local) moveLine(stop int64) bool {
	for _, v := range s.open {
		for l := range s.p.Lines {
			t := s.row(int(v))[l]
			if t == 0 {
				continue
			}
			for _, w := range s.order {
				if v == w {
					continue
				}
				if s.budget <= max(stop, 0) {
					return false
				}
				n := min(t, s.p.usable(l, int(w))-s.row(int(w))[l])
				if n <= 0 || n < t && !s.p.maySplit(l) {
					continue
				}
				copy(s.a, s.row(int(v)))
				copy(s.b, s.row(int(w)))
				s.a[l] -= n
				s.b[l] += n
				if s.try(int(v), int(w)) {
					return true
				}
			}
		}
	}
	return false
}

// swapLines exchanges what two shipments hold of two lines.
func (s *local) swapLines(stop int64) bool {
	for i, v := range s.open {
		for _, w := range s.open[i+1:] {
			for l := range s.p.Lines {
				for m := range s.p.Lines {
					x, y := s.row(int(v))[l], s.row(int(w))[m]
					if l == m || x == 0 || y == 0 ||
						s.row(int(w))[l]+x > s.p.usable(l, int(w)) || s.row(int(v))[m]+y > s.p.usable(m, int(v)) {
						continue
					}
					if s.budget <= max(stop, 0) {
						return false
					}
					copy(s.a, s.row(int(v)))
					copy(s.b, s.row(int(w)))
					s.a[l], s.b[l] = 0, s.b[l]+x
					s.b[m], s.a[m] = 0, s.a[m]+y
					if s.try(int(v), int(w)) {
						return true
					}
				}
			}
		}
	}
	return false
}

// keep remembers the assignment if it is the cheapest so far.
func (s *local) keep() {
	if s.found && s.cost >= s.bestCost {
		return
	}
	s.found, s.bestCost = true, s.cost
	slices.Sort(s.open)
	s.best, s.bestTake = s.best[:0], s.bestTake[:0]
	for _, w := range s.open {
		s.bestTake = append(s.bestTake, s.row(int(w))...)
		s.best = append(s.best, Shipment{Warehouse: w, Offer: s.ships[w]})
	}
	n := len(s.rest)
	for i := range s.best {
		s.best[i].Take = s.bestTake[i*n : (i+1)*n : (i+1)*n]
	}
}

// write copies the best assignment into plan.
func (s *local) write(plan *Plan) {
	plan.Cost = s.bestCost
	plan.Shipments = append(plan.Shipments[:0], s.best...)
	plan.Arrival = s.best[0].Offer.Arrival
	for _, sh := range s.best {
		plan.Arrival = max(plan.Arrival, sh.Offer.Arrival)
	}
}
