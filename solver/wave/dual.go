package wave

import "math"

// evaluate returns the Lagrangian bound at a price (scaled): what all orders cost with the counters priced, less what
// the counters are worth. It leaves in use what these plans take. Sums are of integers, so the workers' shares add up
// to the same in any order. Where it is hasty Stop may end it, and then it knows nothing.
func (s *search) evaluate(price, use []int64, nodes int, hasty bool) (bound int64, ok bool) {
	for _, w := range s.workers {
		w.use = sized(w.use, len(price))
		w.total = 0
	}
	s.parallel(func(w *worker, o int) {
		if hasty && s.stop() {
			return
		}
		w.total += w.oracle(o, price, nodes)
		w.spend(&s.orders[o], w.use)
		if s.counting {
			s.count(o, w.picks)
		}
	})
	if hasty && s.stopped.Load() {
		return 0, false
	}
	clear(use)
	var total int64
	for _, w := range s.workers {
		total += w.total
		for c, u := range w.use {
			use[c] += u
		}
	}
	for c, p := range price {
		total -= p * s.capacity[c]
	}
	return total, true
}

// dual searches the prices that bound best: a subgradient scaled per counter by how much it has varied (as Adam
// does), with shrinking steps; then the mean of the tail, where the steps only swing around the optimum.
//
// Prices are rounded to integers before they are used, so that the bound at them is exact. It reports whether it went far
// enough for plans to follow the prices; if not, Stop ended it, and prices that were hardly moved are worth no plans.
func (s *search) dual() bool {
	const (
		nodes  = 1 << 9
		enough = 16 // after this part of the steps plans by the prices are better than what orders would get in turn
	)
	n := len(s.capacity)
	use := make([]int64, n)
	whole := make([]int64, n)
	s.bound = math.MinInt64
	try := func(price []float64, nodes int) (bound int64, ok bool) {
		for c, p := range price {
			whole[c] = int64(math.Round(p))
		}
		if bound, ok = s.evaluate(whole, use, nodes, true); !ok {
			return 0, false
		}
		if bound > s.bound {
			s.bound = bound
			copy(s.price, whole)
		}
		s.iterations++
		return bound, true
	}
	price, mean := make([]float64, n), make([]float64, n)
	s.begin(price)
	for c, p := range price {
		whole[c] = int64(math.Round(p))
	}
	s.widen(whole)
	first, ok := try(price, nodes)
	if !ok {
		s.bound = 0
		return false
	}
	if n == 0 || len(s.orders) == 0 {
		s.prove(use)
		return true
	}
	const (
		slow, fast = 0.9, 0.999
		begin, end = 0.16, 0.0003 // the steps, in parts of what an order costs
		growth     = 0.1          // of a price beside, so that great ones are reached
	)
	nothing := int64(0)
	for o := range s.orders {
		nothing += s.orders[o].nothing << s.shift
	}
	// What an order costs, and the mean (of the geometric kind) of that and what leaving it costs.
	typical := max(1, float64(first)/float64(len(s.orders)))
	between := math.Sqrt(typical * max(1, float64(nothing)/float64(len(s.orders))))
	largest := begin * between
	smallest := min(largest, max(end*typical, largest/1e5))
	momentum, spread := make([]float64, n), make([]float64, n)
	tail := 0
	s.often = make([][]seen, len(s.orders))
	last := s.opt.Iterations
	for i := 1; i <= last; i++ {
		if s.stop() {
			if i > last/enough {
				break
			}
			if s.large {
				s.prove(use)
			}
			return false
		}
		if i%(last/6+1) == 0 {
			s.widen(whole)
		}
		fall := math.Pow(smallest/largest, float64(i)/float64(last))
		step, grow := largest*fall, growth*fall
		a, b := 1-math.Pow(slow, float64(i)), 1-math.Pow(fast, float64(i))
		for c := range price {
			g := float64(use[c] - s.capacity[c])
			momentum[c] = slow*momentum[c] + (1-slow)*g
			spread[c] = fast*spread[c] + (1-fast)*g*g
			price[c] = min(s.dearest, max(0, price[c]+(step+grow*price[c])*(momentum[c]/a)/(math.Sqrt(spread[c]/b)+1e-9)))
		}
		s.counting = i > last/4
		_, ok := try(price, nodes)
		s.counting = false
		if !ok {
			i-- // asked again, it says where that leaves the search
			continue
		}
		if i > last*4/5 {
			tail++
			for c := range mean {
				mean[c] += (price[c] - mean[c]) / float64(tail)
			}
		}
	}
	if tail > 0 {
		try(mean, nodes)
	}
	if s.large || !s.stopped.Load() {
		s.prove(use)
	}
	return true
}

// prove makes the bound valid: with large orders what stands in for them bounds nothing, and an exact search that was
// cut short bounds less than a longer one.
func (s *search) prove(use []int64) {
	const nodes = 1 << 16
	for _, w := range s.workers {
		w.proving = true
	}
	bound, _ := s.evaluate(s.price, use, nodes, false)
	for _, w := range s.workers {
		w.proving = false
	}
	if s.large {
		s.bound = bound
	}
	s.bound = max(s.bound, bound)
}

// begin sets the prices to start from.
func (s *search) begin(price []float64) {
	from := s.opt.Start
	if from == nil {
		return
	}
	for c, cell := range s.cell {
		at, i := from.Stock, int(cell)
		if i >= len(s.p.Stock) {
			at, i = from.Limits, i-len(s.p.Stock)
		}
		if i < len(at) && at[i] > 0 {
			price[c] = min(at[i]*float64(int64(1)<<s.shift), s.dearest)
		}
	}
}

// A seen plan is one that the oracle answered, and how often.
type seen struct {
	mark  uint64
	times int32
}

// count remembers that the oracle answered a plan. How often it does near the optimal prices says how much of the
// plan is in the optimum of the relaxation.
func (s *search) count(o int, picks []pick) {
	mark := mark(picks)
	list := s.often[o]
	for i := range list {
		if list[i].mark == mark {
			list[i].times++
			return
		}
	}
	s.often[o] = append(list, seen{mark, 1})
}

func mark(picks []pick) uint64 {
	h := uint64(14695981039346656037)
	for _, k := range picks {
		h = (h ^ uint64(k.group)) * 1099511628211
		h = (h ^ uint64(k.variant)) * 1099511628211
	}
	return h
}
