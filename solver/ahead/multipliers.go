package ahead

import "math"

// multipliers are the state of a dual ascent: for every period and counter, what one more unit in that period and those
// before it is worth.
type multipliers struct {
	rows   []row
	room   [][]int64 // [period][counter] what can have been taken by the end of the period, or of a limit within it
	active []int32   // counters that there is any of
}

// row is the state of one period's multipliers, by counter.
type row struct {
	price, momentum, spread, mean []float64

	use []int64
	sum []int64 // price of a unit in this period: its own multiplier and those of later periods
}

// adapt makes the rows fit and reports whether they are new.
func (u *multipliers) adapt(periods, n int) (cold bool) {
	if len(u.rows) > 0 && len(u.rows[0].price) != n {
		u.rows = nil
	}
	cold = len(u.rows) == 0
	for len(u.rows) < periods {
		u.rows = append(u.rows, row{
			price: make([]float64, n), momentum: make([]float64, n), spread: make([]float64, n), mean: make([]float64, n),
			use: make([]int64, n), sum: make([]int64, n),
		})
	}
	u.rows = u.rows[:periods]
	return cold
}

// advance drops the first period; what was known of the last one is taken for the one after it too.
func (u *multipliers) advance() {
	n := len(u.rows)
	if n < 2 {
		return
	}
	first := u.rows[0]
	copy(u.rows, u.rows[1:])
	u.rows[n-1] = first
	last, before := &u.rows[n-1], &u.rows[n-2]
	copy(last.price, before.price)
	copy(last.momentum, before.momentum)
	copy(last.spread, before.spread)
}

// activate lists the counters that there is any of.
func (u *multipliers) activate() {
	u.active = u.active[:0]
	for c := range u.rows[0].price {
		for i := range u.room {
			if u.room[i][c] > 0 {
				u.active = append(u.active, int32(c))
				break
			}
		}
	}
}

// whole returns a multiplier rounded: only so it is used.
func (u *multipliers) whole(period, c int) int64 { return int64(u.rows[period].price[c] + 0.5) }

// sums fills in the prices of every period.
func (u *multipliers) sums(cells int) {
	for i := len(u.rows) - 1; i >= 0; i-- {
		w, room := &u.rows[i], u.room[i]
		for c := range w.sum {
			if room[c] <= 0 {
				w.sum[c] = closed
				continue
			}
			w.sum[c] = u.whole(i, c)
			if c < cells && i+1 < len(u.rows) {
				w.sum[c] += u.rows[i+1].sum[c] // there is no less of it later, so it is not closed
			}
		}
	}
}

// How much of the past a step remembers, of the gradient and of its size.
const (
	slow = 0.8
	fast = 0.99
)

// step moves every multiplier along its subgradient, scaled by how much that has varied (as Adam does), and where tail
// is above 0 adds it as the tail-th to the mean. use tells what was taken of a counter in a period. k counts from 1
// where nothing is known of the past, and is 0 where there is. So much of the stock as reserve says is not counted on.
func (u *multipliers) step(cells int, at float64, k, tail int, reserve float64, use func(period int, c int32) float64) {
	a, b := 1.0, 1.0
	if k > 0 {
		a, b = 1-math.Pow(slow, float64(k)), 1-math.Pow(fast, float64(k))
	}
	a, b = at/a, 1/b
	for _, c := range u.active {
		taken := 0.0
		for i := range u.rows {
			if u.room[i][c] <= 0 {
				continue
			}
			// What was taken of stock in all periods up to one is held against what came by then.
			if int(c) < cells {
				taken += use(i, c)
			} else {
				taken = use(i, c)
			}
			w := &u.rows[i]
			g := taken - float64(u.room[i][c])
			if int(c) < cells {
				g += reserve
			}
			w.momentum[c] = slow*w.momentum[c] + (1-slow)*g
			w.spread[c] = fast*w.spread[c] + (1-fast)*g*g
			w.price[c] = max(0, w.price[c]+a*w.momentum[c]/(math.Sqrt(w.spread[c]*b)+1e-9))
			if tail > 0 {
				w.mean[c] += (w.price[c] - w.mean[c]) / float64(tail)
			}
		}
	}
}
