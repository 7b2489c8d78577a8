package wave

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// flowWave draws a wave of orders of one line each: some want several units of what there is plenty of, some one of
// what is short, and warehouses and classes have places.
func flowWave(rng *rand.Rand, orders, warehouses, classes int) *Problem {
	p := &Problem{Warehouses: warehouses, SKUs: 2}
	for w := range warehouses {
		p.Stock = append(p.Stock, int32(orders*5)) // SKU 0
		p.Shipments = append(p.Shipments, int32(w))
		p.Limits = append(p.Limits, rng.Int64N(int64(2+2*orders/warehouses)))
	}
	for range warehouses {
		p.Stock = append(p.Stock, rng.Int32N(2))
	}
	places := rng.IntN(2) == 0 // of the classes instead of the warehouses: one shipment takes one unit of one thing
	if places {
		p.Shipments = nil
		for c := range classes {
			p.Classes = append(p.Classes, []int32{int32(c % len(p.Limits))})
		}
	}
	scarce := !places && rng.IntN(3) == 0
	if scarce {
		p.Shipments = nil
	}
	for range orders {
		line := Line{Quantity: 1 + rng.Int32N(4), Unfilled: rng.Int64N(200)}
		if scarce {
			line = Line{SKU: 1, Quantity: 1, Unfilled: rng.Int64N(200)}
		}
		p.Orders = append(p.Orders, Order{Lines: []Line{line}, Whole: rng.IntN(2) == 0, MaxShipments: 1})
	}
	seed := rng.Uint64()
	p.Offers = func(order, w int, take []int32, dst []Offer) []Offer {
		rng := rand.New(rand.NewPCG(seed+uint64(order)<<20, uint64(w)))
		for i := range rng.IntN(3) {
			o := Offer{Cost: 10 + rng.Int64N(100), Class: -1, Service: int32(i)}
			if places && rng.IntN(4) > 0 {
				o.Class, o.Parcels = rng.Int32N(int32(classes)), 1
			}
			dst = append(dst, o)
		}
		return dst
	}
	return p
}

// A wave that is a flow is decided at its optimum, and proven.
func TestFlowMatchesNaive(t *testing.T) {
	t.Parallel()
	short := 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		p := flowWave(rng, 1+rng.IntN(6), 1+rng.IntN(3), 1+rng.IntN(3))
		want := SolveNaive(p)
		s := newSearch(p, Options{Workers: 2}, maxStates)
		s.prepare()
		if !s.solveFlow() {
			t.Fatalf("not taken for a flow: %+v", p)
		}
		got := s.result()
		requireFeasible(t, p, &got)
		if got.Cost != want.Cost || got.Bound != want.Cost {
			t.Fatalf("cost %d, bound %d; the optimum is %d", got.Cost, got.Bound, want.Cost)
		}
		for _, price := range s.price {
			if price > 0 {
				short++
				break
			}
		}
	})
	if short == 0 {
		t.Error("in no wave anything was short")
	}
}

// Larger ones: proven, and no dearer than what the search for any wave finds; the same on any number of workers.
func TestFlowProvesItself(t *testing.T) {
	t.Parallel()
	var flow, search int64
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		p := flowWave(rng, 200+rng.IntN(400), 2+rng.IntN(12), 1+rng.IntN(20))
		got := Solve(p, Options{Workers: 1})
		requireFeasible(t, p, &got)
		if !got.Optimal() {
			t.Errorf("seed %d: cost %d, bound %d", seed, got.Cost, got.Bound)
		}
		if again := Solve(p, Options{Workers: 3}); !reflect.DeepEqual(got, again) {
			t.Errorf("seed %d: the number of workers changed the answer", seed)
		}
		s := newSearch(p, Options{Iterations: 60, Rounds: 2}, maxStates)
		s.prepare()
		s.dual()
		s.primal()
		other := s.result()
		requireFeasible(t, p, &other)
		if other.Bound > got.Cost || other.Cost < got.Cost {
			t.Errorf("seed %d: the search says %d to %d, the flow %d", seed, other.Bound, other.Cost, got.Cost)
		}
		flow, search = flow+got.Cost, search+other.Cost
	}
	t.Logf("flows cost %d, the search for any wave %d", flow, search)
}

// What is no flow is not taken for one: several lines, several units of what is short, two things short at once.
func TestNoFlow(t *testing.T) {
	t.Parallel()
	offers := func(_, _ int, _ []int32, dst []Offer) []Offer { return append(dst, Offer{Cost: 1, Class: -1}) }
	one := Order{Lines: []Line{{Quantity: 1, Unfilled: 9}}}
	for name, p := range map[string]*Problem{
		"two lines":   {Stock: []int32{1, 1}, SKUs: 2, Orders: []Order{{Lines: []Line{{Quantity: 1, Unfilled: 9}, {SKU: 1, Quantity: 1, Unfilled: 9}}}, one}},
		"two units":   {Stock: []int32{3}, SKUs: 1, Orders: []Order{{Lines: []Line{{Quantity: 2, Unfilled: 9}}}, {Lines: []Line{{Quantity: 2, Unfilled: 9}}}}},
		"two things":  {Stock: []int32{1}, SKUs: 1, Limits: []int64{1}, Shipments: []int32{0}, Orders: []Order{one, one}},
		"split units": {Stock: []int32{3}, SKUs: 1, Orders: []Order{{Lines: []Line{{Quantity: 2, MaySplit: true, Unfilled: 9}}}, one, one}},
	} {
		p.Warehouses, p.Offers = 1, offers
		s := newSearch(p, Options{}, maxStates)
		s.prepare()
		if s.solveFlow() {
			t.Errorf("%s: taken for a flow", name)
		}
		r, want := Solve(p, Options{}), SolveNaive(p)
		requireFeasible(t, p, &r)
		if r.Cost != want.Cost {
			t.Errorf("%s: cost %d, the optimum is %d", name, r.Cost, want.Cost)
		}
	}
}

// Leaving an order may cost as much as anything can: the prices then are as high, and still exact.
func TestFlowOfGreatCosts(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	p := flowWave(rng, 3000, 5, 1)
	p.Classes, p.Limits, p.Shipments = nil, []int64{100, 0, 200, 300, 250}, []int32{0, 1, 2, 3, 4}
	seed := rng.Uint64()
	p.Offers = func(order, w int, _ []int32, dst []Offer) []Offer {
		return append(dst, Offer{Cost: int64((seed+uint64(order*order))%1_000_003) * int64(w+1), Class: -1})
	}
	for o := range p.Orders {
		p.Orders[o] = Order{Lines: []Line{{Quantity: 1, Unfilled: CostLimit - 1}}}
	}
	s := newSearch(p, Options{}, maxStates)
	s.prepare()
	if !s.solveFlow() {
		t.Fatal("not taken for a flow")
	}
	r := s.result()
	requireFeasible(t, p, &r)
	if unfilled := r.Cost / (CostLimit - 1); !r.Optimal() || unfilled != 3000-850 {
		t.Errorf("cost %d, bound %d, %d left of 2,150", r.Cost, r.Bound, unfilled)
	}
}

func BenchmarkFlow(b *testing.B) {
	p := flowWave(rand.New(rand.NewPCG(9, 10)), 10_000, 20, 8)
	for b.Loop() {
		if r := Solve(p, Options{}); !r.Optimal() {
			b.Fatal("not proven")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10_000), "ns/order")
}
