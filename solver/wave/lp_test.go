package wave

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"github.com/allot-engine/allot/internal/seeds"
)

// relaxed returns the optimum of the linear program over all plans of all orders: each order takes plans that add up
// to one, and all together no more than there is.
func relaxed(t *testing.T, p *Problem) float64 {
	t.Helper()
	n := naive{p: p}
	type column struct {
		order int
		cost  float64
		need  map[int]int64
	}
	var columns []column
	row := map[int]int{} // of a counter
	for o := range p.Orders {
	next:
		for _, plan := range n.all(o) {
			need := p.needs(o, &plan)
			for c, amount := range need {
				if amount > p.limit(c) {
					continue next
				}
			}
			for c := range need {
				if _, ok := row[c]; !ok {
					row[c] = len(p.Orders) + len(row)
				}
			}
			columns = append(columns, column{o, float64(plan.Cost), need})
		}
	}
	rows := len(p.Orders) + len(row)
	if rows > 100 {
		t.Fatalf("%d rows are too many for this simplex", rows)
	}
	a := mat.NewDense(rows, len(columns)+len(row), nil)
	b := make([]float64, rows)
	cost := make([]float64, len(columns)+len(row))
	for o := range p.Orders {
		b[o] = 1
	}
	for c, r := range row {
		// A trifle more, another for each: this simplex can circle for ever where many bases give one point.
		b[r] = float64(p.limit(c)) + 1e-5*float64(1+(r*7919)%101)/101
		a.Set(r, len(columns)+r-len(p.Orders), 1) // what is left
	}
	for j, col := range columns {
		cost[j] = col.cost
		a.Set(col.order, j, 1)
		for c, amount := range col.need {
			a.Set(row[c], j, float64(amount))
		}
	}
	value, _, err := lp.Simplex(cost, a, b, 1e-9, nil)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// smallWave makes a wave of one- and two-line orders that contend for stock and for parcels.
func smallWave(rng *rand.Rand) *Problem {
	p := &Problem{Warehouses: 3, SKUs: 5, SplitCost: 15}
	for range p.SKUs * p.Warehouses {
		p.Stock = append(p.Stock, rng.Int32N(4))
	}
	for w := range p.Warehouses {
		p.Units = append(p.Units, int32(len(p.Limits)))
		p.Limits = append(p.Limits, 3+rng.Int64N(6), 1+rng.Int64N(3))
		p.Classes = append(p.Classes, []int32{int32(2*w + 1), 2 * int32(p.Warehouses)})
	}
	p.Limits = append(p.Limits, 4) // parcels of the cheap service, all warehouses together
	near := make([]int, 14)
	for o := range near {
		near[o] = rng.IntN(p.Warehouses)
		var order Order
		first := rng.Int32N(int32(p.SKUs))
		for l := range 1 + rng.Int32N(2) {
			order.Lines = append(order.Lines, Line{
				SKU: (first + l) % int32(p.SKUs), Quantity: 1 + rng.Int32N(2), MaySplit: rng.IntN(2) == 0, Unfilled: 200 + rng.Int64N(100),
			})
		}
		p.Orders = append(p.Orders, order)
	}
	dear := rng.Int64N(20)
	p.Offers = func(order, w int, take []int32, dst []Offer) []Offer {
		cost := 40 + 30*int64((w-near[order]+3)%3)
		for _, n := range take {
			cost += 8 * int64(n)
		}
		return append(dst, Offer{Cost: cost, Class: int32(w), Parcels: 1}, Offer{Cost: cost + 5 + dear, Class: -1, Service: 1})
	}
	return p
}

// The bound is the linear program's value, never more, and less only by a trifle.
func TestBoundIsLinearProgram(t *testing.T) {
	t.Parallel()
	seed, n := uint64(7), 15 // this simplex may take minutes over an unlucky wave, so short runs draw the same ones
	if long() {
		seed, n = seeds.New(t), 100
	}
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var sum, value, cost float64
	for range n {
		p := smallWave(rng)
		r := Solve(p, Options{})
		requireFeasible(t, p, &r)
		v := relaxed(t, p)
		if float64(r.Bound) > v+1+1e-6 { // costs are whole, so the bound may be rounded up
			t.Fatalf("bound %d above the linear program's %f", r.Bound, v)
		}
		sum, value, cost = sum+float64(r.Bound), value+v, cost+float64(r.Cost)
	}
	t.Logf("bound %.5f, cost %.5f of the linear program", sum/value, cost/value)
	if sum < 0.999*value {
		t.Error("the bound no longer reaches the linear program")
	}
}
