package wave

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// state is the decision that the improvement works on.
type state struct {
	pools  [][]choice // [order] ascending in priced
	chosen []int32    // [order] in its pool
	room   []int64    // [counter] what is left
	users  [][]user   // [counter] the orders that take of it, those that lose least without it first; of a round
	loses  [][]int64  // [order] what it loses without each counter that it takes of
	skip   []int32    // [counter] that many of its users at the front are in a group of this round
	member []int32    // [order] its group in this round, -1: none yet
	heap   reachHeap
	push   int64 // what pushing another order out is taken to cost
	rng    *rand.Rand
}

// primal builds a feasible decision and improves it.
func (s *search) primal() {
	const keep, nodes = 48, 1 << 13
	s.pools = make([][]choice, len(s.orders))
	s.parallel(func(w *worker, o int) { s.pools[o] = w.pool(o, keep, nodes) })
	s.room = slices.Clone(s.capacity)
	s.rng = rand.New(rand.NewPCG(s.opt.Seed, 1))
	s.construct(false)
	s.polish()
	s.improve(s.opt.Rounds)
	s.polish()
	s.restart()
}

// leaveAll makes the decision that needs no plans.
func (s *search) leaveAll() {
	s.empty = true
	s.pools, s.chosen = make([][]choice, len(s.orders)), make([]int32, len(s.orders))
	for o := range s.orders {
		var nothing int64
		for _, l := range s.p.Orders[o].Lines {
			nothing += l.Unfilled
		}
		s.pools[o] = []choice{{cost: nothing}}
	}
}

// restart tries small waves again from other first decisions: there a single order that found no room counts for much,
// and where it went wrong at first the improvement seldom mends it.
func (s *search) restart() {
	const most, starts, part = 100, 8, 4
	if len(s.orders) > most || s.opt.Rounds < 0 {
		return
	}
	best, bestCost := make([]choice, len(s.orders)), infinite
	keep := func() {
		if c := s.cost(); c < bestCost {
			bestCost = c
			for o := range best {
				best[o] = s.pools[o][s.chosen[o]]
			}
		}
	}
	keep()
	for n := 0; n < starts && bestCost > s.wholeBound() && !s.stop(); n++ {
		copy(s.room, s.capacity)
		s.construct(true)
		s.polish()
		s.improve(s.opt.Rounds / part)
		s.polish()
		keep()
	}
	for o := range best {
		s.spend(s.pools[o][s.chosen[o]].terms, -1)
		s.adopt(o, best[o])
		s.spend(s.pools[o][s.chosen[o]].terms, 1)
	}
}

// construct follows the relaxation: each order takes the plan that its oracle answered most often of those that still
// fit, or the least priced one. Orders of many units choose first, since little else can fit them in later; among
// equals those about which the relaxation is surest. (By sureness alone the improvement ends at nearly twice the gap.)
// With shuffle they choose in another order, in which only much greater orders come first for sure.
func (s *search) construct(shuffle bool) {
	const nodes = 1 << 12
	s.chosen = make([]int32, len(s.orders))
	first := make([]int32, len(s.orders))
	sure := make([]int32, len(s.orders)) // times that the oracle gave its favourite answer
	units := make([]int64, len(s.orders))
	times := make([][]int32, len(s.orders))
	for o := range first {
		first[o] = int32(o)
		for _, l := range s.p.Orders[o].Lines {
			units[o] += int64(l.Quantity)
		}
		times[o] = make([]int32, len(s.pools[o]))
		if s.often == nil {
			continue
		}
		for i := range s.pools[o] {
			m := mark(s.pools[o][i].picks)
			for _, k := range s.often[o] {
				if k.mark == m {
					times[o][i] = k.times
				}
			}
			sure[o] = max(sure[o], times[o][i])
		}
	}
	if shuffle {
		for o := range units {
			units[o] = units[o]*4 + s.rng.Int64N(4*units[o]+8)
		}
	}
	slices.SortStableFunc(first, func(a, b int32) int {
		if c := cmp.Compare(units[b], units[a]); c != 0 {
			return c
		}
		return cmp.Compare(sure[b], sure[a])
	})
	w := s.workers[0]
	for _, o := range first {
		at := -1
		for i := range s.pools[o] {
			if (at < 0 || times[o][i] > times[o][at]) && s.fits(s.pools[o][i].terms) {
				at = i
			}
		}
		s.chosen[o] = int32(at)
		if times[o][at] == 0 && at > 0 {
			// Plans beyond the pool may be cheaper than what is left of it.
			if made := w.refit(int(o), s.price, s.room, nodes); made.priced < s.pools[o][at].priced {
				s.adopt(int(o), made)
			}
		}
		s.spend(s.pools[o][s.chosen[o]].terms, 1)
	}
}

func (s *search) fits(terms []term) bool {
	for _, t := range terms {
		if int64(t.amount) > s.room[t.counter] {
			return false
		}
	}
	return true
}

func (s *search) spend(terms []term, sign int64) {
	for _, t := range terms {
		s.room[t.counter] -= sign * int64(t.amount)
	}
}

// polish gives each order in turn its cheapest plan at true cost in what the others leave.
func (s *search) polish() {
	const nodes = 1 << 12
	w := s.workers[0]
	free := make([]int64, len(s.capacity)) // prices of 0
	for o := range s.orders {
		if len(s.orders[o].groups) == 0 || s.stop() {
			continue
		}
		now := &s.pools[o][s.chosen[o]]
		s.spend(now.terms, -1)
		if made := w.refit(o, free, s.room, nodes); made.cost < now.cost {
			s.adopt(o, made)
		}
		s.spend(s.pools[o][s.chosen[o]].terms, 1)
	}
}

// adopt makes a plan the chosen one, putting it into the pool if it is not there.
func (s *search) adopt(o int, made choice) {
	pool := s.pools[o]
	same := func(a choice) bool { return slices.Equal(a.picks, made.picks) }
	if at := slices.IndexFunc(pool, same); at >= 0 {
		s.chosen[o] = int32(at)
		return
	}
	at, _ := slices.BinarySearchFunc(pool, made.priced+1, func(a choice, b int64) int { return cmp.Compare(a.priced, b) })
	s.pools[o] = slices.Insert(pool, at, made)
	s.chosen[o] = int32(at)
}

// regret is how much more than its least priced cost an order pays.
func (s *search) regret(o int32) int64 {
	return s.pools[o][s.chosen[o]].priced - s.pools[o][0].priced
}

// improve goes in rounds. Each first searches chains of ejections, then divides all orders into groups that contend
// with one another and solves each group exactly. Both work against the decision as it stands, in parallel, and carry
// out what they find one after the other, so the result does not depend on the workers.
//
// Noise on the cost of plans, less in every round, leads out of dead ends; the best decision seen is kept.
func (s *search) improve(rounds int) {
	const (
		hot, cold = 0.03, 0.0006 // the noise, in parts of what an order costs
		still     = 0.2          // the last rounds go without
		push      = 0.2
	)
	s.users = make([][]user, len(s.capacity))
	s.loses = make([][]int64, len(s.orders))
	s.skip = make([]int32, len(s.capacity))
	s.member = make([]int32, len(s.orders))
	if len(s.capacity) == 0 || len(s.orders) == 0 {
		return // every order has its own optimum
	}
	typical := max(0, float64(s.bound)/float64(len(s.orders)))
	s.push = 1 + int64(typical*push)
	best, bestCost := slices.Clone(s.chosen), s.cost()
	for round := 0; round < rounds && bestCost > s.wholeBound() && !s.stop(); round++ {
		heat := int64(0)
		if at := float64(round) / float64(rounds) / (1 - still); at < 1 {
			heat = int64(typical * hot * math.Pow(cold/hot, at))
		}
		for _, step := range [2]func(int64){s.chains, s.regroup} {
			step(heat)
			if c := s.cost(); c < bestCost {
				bestCost = c
				copy(best, s.chosen)
			}
		}
	}
	for o := range s.chosen {
		s.spend(s.pools[o][s.chosen[o]].terms, -1)
		s.chosen[o] = best[o]
		s.spend(s.pools[o][s.chosen[o]].terms, 1)
	}
}

// wholeBound returns the bound in the unit of costs, which are whole and at least 0: few price steps may prove less.
func (s *search) wholeBound() int64 { return max(0, (s.bound+1<<s.shift-1)>>s.shift) }

func (s *search) cost() int64 {
	var c int64
	for o := range s.pools {
		c += s.pools[o][s.chosen[o]].cost
	}
	return c
}

// chains searches chains of ejections from every order, all against the decision as it stands, and then carries out
// those that save most first.
func (s *search) chains(heat int64) {
	const nodes, more = 1000, 8 // an order that pays much too much may search longer
	seed := s.rng.Uint64()
	s.list()
	found := make([][]move, len(s.orders))
	value := make([]int64, len(s.orders))
	for _, w := range s.workers {
		w.chain.begin(s, heat, seed)
	}
	limit := func(o int32) int { return nodes * int(1+min(more, more*s.regret(o)/s.push)) }
	s.parallel(func(w *worker, o int) {
		if len(s.pools[o]) > 1 && !s.stopped.Load() {
			found[o] = w.chain.from(int32(o), limit(int32(o)))
			value[o] = w.chain.value
		}
	})
	var order []int32
	for o := range found {
		if found[o] != nil {
			order = append(order, int32(o))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(value[a], value[b]) })
	w := s.workers[0]
	changed := make([]bool, len(s.orders))
	for _, o := range order {
		chain := found[o]
		if slices.ContainsFunc(chain, func(m move) bool { return changed[m.order] }) || !s.carry(chain) {
			// Another chain was in the way: search again, as things are now.
			copy(w.chain.room, s.room)
			if chain = w.chain.from(o, limit(o)); chain == nil || !s.carry(chain) {
				continue
			}
		}
		for _, m := range chain {
			changed[m.order] = true
		}
	}
}

// carry gives orders other plans unless these do not fit.
func (s *search) carry(chain []move) bool {
	for _, m := range chain {
		s.spend(s.pools[m.order][s.chosen[m.order]].terms, -1)
		s.spend(s.pools[m.order][m.to].terms, 1)
	}
	for _, m := range chain {
		for _, t := range s.pools[m.order][m.to].terms {
			if s.room[t.counter] < 0 {
				for _, m := range chain {
					s.spend(s.pools[m.order][m.to].terms, -1)
					s.spend(s.pools[m.order][s.chosen[m.order]].terms, 1)
				}
				return false
			}
		}
	}
	for _, m := range chain {
		s.chosen[m.order] = m.to
	}
	return true
}

// list notes who takes of each counter.
func (s *search) list() {
	seed := s.rng.Uint64()
	s.parallel(func(w *worker, o int) {
		s.loses[o] = w.losses(o, s.loses[o])
		for i, t := range s.pools[o][s.chosen[o]].terms {
			at := seed + uint64(o)<<32 + uint64(t.counter)
			s.loses[o][i] += noise(s.push, &at)
		}
	})
	for c := range s.users {
		s.users[c], s.skip[c] = s.users[c][:0], 0
	}
	for o := range s.orders {
		for i, t := range s.pools[o][s.chosen[o]].terms {
			s.users[t.counter] = append(s.users[t.counter], user{int32(o), s.loses[o][i]})
		}
	}
	for c := range s.users {
		slices.SortStableFunc(s.users[c], func(a, b user) int { return cmp.Compare(a.lose, b.lose) })
	}
}

// divide makes the groups of a round.
func (s *search) divide(size int) [][]int32 {
	s.list()
	for o := range s.member {
		s.member[o] = -1
	}
	type seed struct {
		order int32
		worth int64
	}
	seeds := make([]seed, len(s.orders))
	for o := range s.orders {
		worth := s.regret(int32(o))/2 + 1
		seeds[o] = seed{int32(o), worth + s.rng.Int64N(worth)}
	}
	slices.SortStableFunc(seeds, func(a, b seed) int { return cmp.Compare(b.worth, a.worth) })
	var groups [][]int32
	for _, d := range seeds {
		if s.member[d.order] >= 0 {
			continue
		}
		groups = append(groups, s.gather(d.order, int32(len(groups)), size))
	}
	return groups
}

// A reachable order is one that could make room for a seed, through others perhaps.
type reachable struct {
	order int32
	cost  int64 // what the orders between it and the seed lose
}

// gather makes a group around an order: those that hold what it wants, those that hold what they would then want, and
// so on, cheapest chain first.
func (s *search) gather(seed, number int32, size int) []int32 {
	const plans = 5
	var group []int32
	s.heap = append(s.heap[:0], reachable{seed, 0})
	for len(s.heap) > 0 && len(group) < size {
		at := s.heap.pop()
		if s.member[at.order] >= 0 {
			continue
		}
		group = append(group, at.order)
		s.member[at.order] = number
		now := s.chosen[at.order]
		have := s.pools[at.order][now]
		for i := range min(len(s.pools[at.order]), plans) {
			p := &s.pools[at.order][i]
			if int32(i) == now {
				continue
			}
			cost := at.cost + p.priced - have.priced
			if at.order == seed {
				cost = p.priced - s.pools[seed][0].priced
			}
			for _, t := range p.terms {
				if int64(t.amount) > s.room[t.counter]+taken(have.terms, t.counter) {
					s.pull(t.counter, cost)
				}
			}
		}
	}
	return group
}

func taken(terms []term, counter int32) int64 {
	for _, t := range terms {
		if t.counter == counter {
			return int64(t.amount)
		}
	}
	return 0
}

// A user is an order that takes of a counter, and about what it loses without.
type user struct {
	order int32
	lose  int64
}

// losses estimates what an order loses without each counter that its plan takes of, plan by plan, the least priced
// first: one that would have to push others out counts for more.
func (w *worker) losses(o int, dst []int64) []int64 {
	s := w.s
	pool := s.pools[o]
	have := &pool[s.chosen[o]]
	dst = dst[:0]
	for range have.terms {
		dst = append(dst, infinite)
	}
	for i := range pool {
		p := &pool[i]
		lose := p.priced - have.priced
		if len(dst) == 0 || lose >= slices.Max(dst) {
			break
		}
		// Both have their counters in ascending order.
		w.kept = sized(w.kept, len(dst)) // of have's counters, those that p takes of too
		at := 0
		for _, t := range p.terms {
			for at < len(have.terms) && have.terms[at].counter < t.counter {
				at++
			}
			left := s.room[t.counter]
			if at < len(have.terms) && have.terms[at].counter == t.counter {
				left += int64(have.terms[at].amount)
				w.kept[at] = true
			}
			if int64(t.amount) > left {
				lose += s.push
			}
		}
		for j := range dst {
			if !w.kept[j] {
				dst[j] = min(dst[j], lose)
			}
		}
	}
	return dst
}

// pull puts some orders that hold a counter on the heap.
func (s *search) pull(counter int32, cost int64) {
	const most = 6
	users := s.users[counter][s.skip[counter]:]
	for len(users) > 0 && s.member[users[0].order] >= 0 {
		users = users[1:]
		s.skip[counter]++
	}
	n := 0
	for _, u := range users[:min(len(users), 4*most)] {
		if s.member[u.order] >= 0 {
			continue
		}
		s.heap.push(reachable{u.order, cost + u.lose})
		if n++; n == most {
			return
		}
	}
}

type reachHeap []reachable

func (h *reachHeap) push(r reachable) {
	a := append(*h, r)
	i := len(a) - 1
	for i > 0 && a[(i-1)/2].cost > r.cost {
		a[i] = a[(i-1)/2]
		i = (i - 1) / 2
	}
	a[i] = r
	*h = a
}

func (h *reachHeap) pop() reachable {
	a := *h
	top, last := a[0], a[len(a)-1]
	a = a[:len(a)-1]
	for i := 0; len(a) > 0; {
		c := 2*i + 1
		if c+1 < len(a) && a[c+1].cost < a[c].cost {
			c++
		}
		if c >= len(a) || a[c].cost >= last.cost {
			a[i] = last
			break
		}
		a[i] = a[c]
		i = c
	}
	*h = a
	return top
}

// regroup divides all orders into groups and solves each of them exactly, as if the others stood still.
func (s *search) regroup(heat int64) {
	size, nodes := 8, 2000
	if heat == 0 {
		size, nodes = 20, 10_000
	}
	groups := s.divide(size)
	made := make([][]move, len(groups))
	seed := s.rng.Uint64()
	var next atomic.Int64
	run := func(w *worker) {
		for !s.stopped.Load() {
			g := int(next.Add(1)) - 1
			if g >= len(groups) {
				return
			}
			made[g] = w.group.solve(s, groups[g], nodes, heat, seed+uint64(g)<<32)
		}
	}
	var wg sync.WaitGroup
	for _, w := range s.workers[1:] {
		wg.Go(func() { run(w) })
	}
	run(s.workers[0])
	wg.Wait()
	for _, moves := range made {
		s.groups++
		s.carry(moves)
	}
}

// result writes out the decision.
func (s *search) result() Result {
	r := Result{
		Bound: s.wholeBound(), Iterations: s.iterations, Groups: s.groups, Stopped: s.stopped.Load(), Unplanned: s.empty,
		Prices: Prices{Stock: make([]float64, len(s.p.Stock)), Limits: make([]float64, len(s.p.Limits))},
		Plans:  make([]Plan, len(s.orders)),
	}
	for c, cell := range s.cell {
		price := float64(s.price[c]) / float64(int64(1)<<s.shift)
		if int(cell) < len(s.p.Stock) {
			r.Prices.Stock[cell] = price
		} else {
			r.Prices.Limits[int(cell)-len(s.p.Stock)] = price
		}
	}
	s.parallel(func(w *worker, o int) { r.Plans[o] = w.write(o, &s.pools[o][s.chosen[o]]) })
	for o := range r.Plans {
		r.Cost += r.Plans[o].Cost
	}
	for o := range s.orders {
		r.Offers += int64(len(s.orders[o].variants))
	}
	return r
}

// write writes out a plan.
func (w *worker) write(o int, c *choice) Plan {
	r := &w.s.orders[o]
	plan := Plan{Cost: c.cost}
	for _, k := range c.picks {
		take := make([]int32, len(r.unfilled))
		for l := range take {
			take[l] = w.units(r, k.group, l)
		}
		plan.Shipments = append(plan.Shipments, Shipment{r.groups[k.group].warehouse, r.variants[k.variant].offer, take})
	}
	slices.SortFunc(plan.Shipments, func(a, b Shipment) int { return cmp.Compare(a.Warehouse, b.Warehouse) })
	for l, filled := range w.filled(o, c.picks) {
		if !filled {
			plan.Unfilled = append(plan.Unfilled, int32(l))
		}
	}
	return plan
}
