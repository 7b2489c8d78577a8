package ahead

import "math"

// A Counted order is one that comes so many times.
type Counted struct {
	Order
	Times int64
}

// Bound returns a lower bound on what it costs to decide the given orders, by period, even for someone who knows them
// all beforehand; lines may be left at unfilled a unit. Stock and supply that a period leaves serve the next. Period.Orders
// counts for nothing here. unfilled is at least 0 and below CostLimit. The bound is worked out in integers, so it holds
// exactly; all orders together must cost less than 2^62, however they are filled.
//
// It is the Lagrangian bound, maximized by a subgradient of so many steps: as good as the linear relaxation over all
// ways to fill each order, where there are enough steps. stop is asked before each; once true, the best so far is
// returned. nil: never. Bound panics when p contradicts itself, when there is not one list of orders per period, and
// on an order of more than MaxLines lines.
func Bound(p *Problem, orders [][]Counted, unfilled int64, steps int, stop func() bool) int64 {
	p.check(&Forecast{})
	if len(orders) != len(p.Periods) {
		panic("ahead: one list of orders per period")
	}
	cells, n := p.cells(), p.cells()+p.limits()
	room := capacities(p)
	var u multipliers
	u.adapt(len(orders), n)
	u.room = room
	u.activate()
	var r oracle
	best, typical := int64(math.MinInt64), 0.0
	evaluate := func() {
		u.sums(cells)
		value := int64(0)
		for i, list := range orders {
			use := u.rows[i].use
			clear(use)
			for j := range list {
				o := &list[j]
				if len(o.Lines) > MaxLines {
					panic("ahead: an order of too many lines")
				}
				value += o.Times * r.solve(p, &o.Order, u.rows[i].sum, unfilled)
				r.spend(p, &o.Order, use, o.Times)
			}
		}
		for i := range u.rows {
			for _, c := range u.active {
				if room[i][c] > 0 {
					value -= room[i][c] * u.whole(i, int(c))
				}
			}
		}
		best = max(best, value)
	}
	evaluate()
	var times int64
	for _, list := range orders {
		for i := range list {
			times += list[i].Times
		}
	}
	typical = math.Sqrt(max(1, float64(best)/float64(max(times, 1))) * float64(max(unfilled, 1)))
	const begin, end = 0.1, 0.00002
	tail := 0
	for k := 1; k <= steps && (stop == nil || !stop()); k++ {
		at := typical * begin * math.Pow(end/begin, float64(k)/float64(steps))
		if k > steps*9/10 {
			tail++
		}
		u.step(cells, at, k, tail, 0, func(i int, c int32) float64 { return float64(u.rows[i].use[c]) })
		evaluate()
	}
	if tail > 0 {
		for i := range u.rows {
			copy(u.rows[i].price, u.rows[i].mean)
		}
		evaluate()
	}
	return best
}
