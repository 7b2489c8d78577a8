package wave

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func long() bool { return os.Getenv("ALLOT_LONG") != "" }

// failer is what testing and rapid have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// requireFeasible checks that a result keeps every rule, costs what it says, and lies above its bound.
func requireFeasible(t failer, p *Problem, r *Result) {
	t.Helper()
	if len(r.Plans) != len(p.Orders) {
		t.Fatalf("%d plans for %d orders", len(r.Plans), len(p.Orders))
	}
	use := make([]int64, len(p.Stock)+len(p.Limits))
	var sum int64
	for o := range r.Plans {
		plan, order := &r.Plans[o], &p.Orders[o]
		cost := p.SplitCost * int64(max(0, len(plan.Shipments)-1))
		rest := make([]int32, len(order.Lines))
		for l, line := range order.Lines {
			rest[l] = line.Quantity
		}
		for i, s := range plan.Shipments {
			if i > 0 && s.Warehouse <= plan.Shipments[i-1].Warehouse {
				t.Fatalf("order %d: warehouses out of order: %+v", o, plan)
			}
			offered := false
			for _, f := range p.Offers(o, int(s.Warehouse), s.Take, nil) {
				offered = offered || f == s.Offer
			}
			if !offered {
				t.Fatalf("order %d: warehouse %d does not offer %+v", o, s.Warehouse, s.Offer)
			}
			cost += s.Offer.Cost
			for l, n := range s.Take {
				rest[l] -= n
				if n < 0 || n > 0 && n < order.Lines[l].Quantity && !order.Lines[l].MaySplit {
					t.Fatalf("order %d: warehouse %d takes %d of line %d", o, s.Warehouse, n, l)
				}
			}
		}
		for _, l := range plan.Unfilled {
			if rest[l] != order.Lines[l].Quantity {
				t.Fatalf("order %d: line %d is said to be unfilled: %+v", o, l, plan)
			}
			rest[l] = 0
			cost += order.Lines[l].Unfilled
		}
		for l, n := range rest {
			if n != 0 {
				t.Fatalf("order %d: %d units of line %d are nowhere", o, n, l)
			}
		}
		if cost != plan.Cost {
			t.Fatalf("order %d costs %d, its plan says %d", o, cost, plan.Cost)
		}
		if order.Whole && len(plan.Unfilled) > 0 && len(plan.Shipments) > 0 {
			t.Fatalf("order %d is filled in part: %+v", o, plan)
		}
		if order.MaxShipments > 0 && len(plan.Shipments) > order.MaxShipments {
			t.Fatalf("order %d has %d shipments of at most %d", o, len(plan.Shipments), order.MaxShipments)
		}
		for c, n := range p.needs(o, plan) {
			use[c] += n
		}
		sum += cost
	}
	for c, n := range use {
		if n > p.limit(c) {
			t.Fatalf("counter %d: %d of %d", c, n, p.limit(c))
		}
	}
	if sum != r.Cost {
		t.Fatalf("plans cost %d, the result says %d", sum, r.Cost)
	}
	if r.Bound > r.Cost {
		t.Fatalf("bound %d above the cost %d", r.Bound, r.Cost)
	}
}

// tinyWave draws a wave small enough to try everything, with every rule in it somewhere.
func tinyWave(t *rapid.T) *Problem {
	draw := func(most int, name string) int { return rapid.IntRange(0, most).Draw(t, name) }
	p := &Problem{Warehouses: 1 + draw(2, "warehouses"), SKUs: 1 + draw(2, "skus"), SplitCost: int64(draw(9, "split"))}
	for range p.SKUs * p.Warehouses {
		p.Stock = append(p.Stock, int32(draw(4, "stock")-1))
	}
	for range draw(4, "limits") {
		p.Limits = append(p.Limits, int64(draw(6, "limit")-1))
	}
	counter := func(name string) int32 { return int32(draw(len(p.Limits), name) - 1) }
	if draw(1, "units") == 1 {
		for range p.Warehouses {
			p.Units = append(p.Units, counter("unit counter"))
		}
	}
	if draw(1, "shipments") == 1 {
		for range p.Warehouses {
			p.Shipments = append(p.Shipments, counter("shipment counter"))
		}
	}
	for range draw(2, "classes") {
		var class []int32
		for c := range p.Limits {
			if draw(2, "in class") == 0 {
				class = append(class, int32(c))
			}
		}
		p.Classes = append(p.Classes, class)
	}
	for range 1 + draw(3, "orders") {
		order := Order{MaxShipments: draw(2, "most"), Whole: draw(3, "whole") == 0}
		for range 1 + draw(2, "lines") {
			order.Lines = append(order.Lines, Line{
				SKU: int32(draw(p.SKUs-1, "sku")), Quantity: int32(1 + draw(1, "quantity")),
				MaySplit: draw(2, "may split") == 0, Unfilled: int64(draw(60, "unfilled")),
			})
		}
		p.Orders = append(p.Orders, order)
	}
	seed := rapid.Uint64().Draw(t, "offers")
	p.Offers = func(order, w int, take []int32, dst []Offer) []Offer {
		key := seed + uint64(order)<<40 + uint64(w)<<32
		var units int64
		for _, n := range take {
			key = key*31 + uint64(n)
			units += int64(n)
		}
		rng := rand.New(rand.NewPCG(key, 1))
		for i := range rng.IntN(3) {
			dst = append(dst, Offer{
				Cost: 5 + 4*units + rng.Int64N(30), Class: int32(rng.IntN(len(p.Classes)+1)) - 1,
				Parcels: rng.Int32N(3), Service: int32(i),
			})
		}
		return dst
	}
	return p
}

// Whatever the wave: the bound is below the optimum, the decision feasible and above it, and the same on any number of
// workers.
func TestBoundOptimumCost(t *testing.T) {
	t.Parallel()
	var waves, exact, proven int
	var cost, optimum, bound int64
	rapid.Check(t, func(t *rapid.T) {
		p := tinyWave(t)
		want := SolveNaive(p)
		requireFeasible(t, p, &want)
		got := Solve(p, Options{Workers: 1, Iterations: 100, Rounds: 20})
		requireFeasible(t, p, &got)
		if got.Bound > want.Cost || want.Cost > got.Cost {
			t.Fatalf("bound %d, optimum %d, cost %d", got.Bound, want.Cost, got.Cost)
		}
		again := Solve(p, Options{Workers: 3, Iterations: 100, Rounds: 20})
		if !reflect.DeepEqual(got, again) {
			t.Fatalf("one worker %+v, three workers %+v", got, again)
		}
		waves++
		if got.Cost == want.Cost {
			exact++
		}
		if got.Optimal() {
			proven++
		}
		cost, optimum, bound = cost+got.Cost, optimum+want.Cost, bound+got.Bound
	})
	t.Logf("%d waves: %d at the optimum, %d proven; cost %.4f, bound %.4f of the optimum",
		waves, exact, proven, float64(cost)/float64(optimum), float64(bound)/float64(optimum))
}

// The same with orders taken to be too large for the exact oracle.
func TestLargeOrdersBoundOptimumCost(t *testing.T) {
	t.Parallel()
	var waves, exact, large int
	var cost, optimum, bound int64
	rapid.Check(t, func(t *rapid.T) {
		p := tinyWave(t)
		want := SolveNaive(p)
		s := newSearch(p, Options{Workers: 2, Iterations: 60, Rounds: 10}, int64(rapid.IntRange(1, 4).Draw(t, "states")))
		got := s.run()
		requireFeasible(t, p, &got)
		if got.Bound > want.Cost || want.Cost > got.Cost {
			t.Fatalf("bound %d, optimum %d, cost %d", got.Bound, want.Cost, got.Cost)
		}
		waves++
		if got.Cost == want.Cost {
			exact++
		}
		if s.large {
			large++
		}
		cost, optimum, bound = cost+got.Cost, optimum+want.Cost, bound+got.Bound
	})
	t.Logf("%d waves, %d with large orders: %d at the optimum; cost %.4f, bound %.4f of the optimum",
		waves, large, exact, float64(cost)/float64(optimum), float64(bound)/float64(optimum))
	if large == 0 {
		t.Error("no wave had a large order")
	}
}

// The given cases: bound <= proven optimum <= cost, and both near it.
func TestCases(t *testing.T) {
	t.Parallel()
	card, waves := readCases(t)
	var sum, worst float64
	var n int
	for _, b := range waves {
		if !long() && len(b.Orders) > 500 || testing.Short() && len(b.Orders) > 40 {
			continue
		}
		p := b.problem(card)
		start := time.Now()
		r := Solve(p, Options{})
		took := time.Since(start)
		requireFeasible(t, p, &r)
		gap := 100 * (float64(r.Cost)/float64(r.Bound) - 1)
		says := fmt.Sprintf("%s: %d orders, %v, gap to the bound %.4f %%", b.Name, len(b.Orders), took.Round(time.Millisecond), gap)
		if b.Status == "optimal" {
			if r.Bound > b.Optimum || r.Cost < b.Optimum {
				t.Errorf("%s: %d <= %d <= %d does not hold", b.Name, r.Bound, b.Optimum, r.Cost)
			}
			above := 100 * (float64(r.Cost)/float64(b.Optimum) - 1)
			sum, worst, n = sum+above, max(worst, above), n+1
			t.Logf("%s, to the optimum %.4f %%", says, above)
			continue
		}
		t.Logf("%s, to the best known %+.4f %%", says, 100*(float64(r.Cost)/float64(b.Reference.Best)-1))
		if float64(r.Bound) < 0.9998*float64(b.Reference.Bound) || r.Bound > b.Reference.Best {
			t.Errorf("%s: bound %d, the reference has %d", b.Name, r.Bound, b.Reference.Bound)
		}
		if gap > 0.6 {
			t.Errorf("%s: %.4f %% above the bound", b.Name, gap)
		}
	}
	t.Logf("mean %.4f %%, worst %.4f %% above the optimum", sum/float64(n), worst)
	if sum > 0.2*float64(n) || worst > 1.5 {
		t.Error("too far above the optima")
	}
}

// Five thousand orders with less and with more than they need.
func TestTightAndLoose(t *testing.T) {
	if !long() {
		t.Skip("takes a minute; set ALLOT_LONG=1")
	}
	card, waves := readCases(t)
	a := waves[slices.IndexFunc(waves, func(b *waveCase) bool { return b.Name == "b5000_A" })]
	for _, c := range []struct {
		name            string
		stock, capacity float64
		most            float64 // gap in percent
	}{
		{"tight in capacity", 1, 0.9, 1.1},
		{"tight in stock", 0.85, 1, 1.1},
		{"tight in both", 0.85, 0.85, 1.1},
		{"loose", 1.5, 1.5, 0.3},
		{"loose in stock", 3, 1.2, 0.3},
	} {
		p := a.scale(c.name, c.stock, c.capacity).problem(card)
		start := time.Now()
		r := Solve(p, Options{})
		took := time.Since(start)
		requireFeasible(t, p, &r)
		gap := 100 * (float64(r.Cost)/float64(r.Bound) - 1)
		t.Logf("%s: %v, gap %.4f %%", c.name, took.Round(time.Millisecond), gap)
		if gap > c.most {
			t.Errorf("%s: gap %.4f %%", c.name, gap)
		}
	}
}

// From 500 to 50,000 orders: the time of an order stays about the same, and so does the gap. It logs; a clock asserts
// nothing.
func TestGrowth(t *testing.T) {
	if !long() {
		t.Skip("takes a minute; set ALLOT_LONG=1")
	}
	card, waves := readCases(t)
	a := waves[slices.IndexFunc(waves, func(b *waveCase) bool { return b.Name == "b500_3" })]
	for _, n := range []int{1, 10, 100} {
		p := a.times(n).problem(card)
		start := time.Now()
		r := Solve(p, Options{})
		took := time.Since(start)
		requireFeasible(t, p, &r)
		t.Logf("%d orders: %v, %v an order, gap %.4f %%", len(p.Orders), took.Round(time.Millisecond),
			took/time.Duration(len(p.Orders)), 100*(float64(r.Cost)/float64(r.Bound)-1))
	}
}

// Stopped at any time, the answer is feasible and the bound holds.
func TestStop(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	stopped, waves := 0, 4
	if testing.Short() {
		waves = 1
	}
	for range waves {
		p := smallWave(rng)
		whole := Solve(p, Options{Workers: 2})
		for asks := range 30 {
			n := 0
			r := Solve(p, Options{Workers: 2, Stop: func() bool { n++; return n > asks*asks/2 }})
			requireFeasible(t, p, &r)
			if r.Bound > whole.Cost {
				t.Fatalf("bound %d above a cost of %d", r.Bound, whole.Cost)
			}
			if r.Stopped {
				stopped++
			}
		}
	}
	if stopped == 0 {
		t.Error("nothing was stopped")
	}
}

// The prices of a wave are a start for the next: a few steps from them bound better than as few from nothing.
func TestStartFromPrices(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	var cold, warm int64
	for range 20 {
		p := smallWave(rng)
		r := Solve(p, Options{Rounds: -1})
		cold += Solve(p, Options{Iterations: 1, Rounds: -1}).Bound
		warm += Solve(p, Options{Iterations: 1, Rounds: -1, Start: &r.Prices}).Bound
		for i, price := range r.Prices.Stock {
			if price < 0 || price > 0 && p.Stock[i] < 0 {
				t.Fatalf("cell %d has a price of %f", i, price)
			}
		}
	}
	t.Logf("bound cold %d, warm %d", cold, warm)
	if warm <= cold {
		t.Error("the start made no difference")
	}
}

// Orders of sixteen lines are beyond the exact oracle. They share stock with small ones, and the bound still holds.
func TestLargeOrders(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	p := smallWave(rng)
	p.SKUs = 16
	for len(p.Stock) < p.SKUs*p.Warehouses {
		p.Stock = append(p.Stock, 1+rng.Int32N(2))
	}
	near := p.Offers
	p.Offers = func(order, w int, take []int32, dst []Offer) []Offer {
		if order < 14 {
			return near(order, w, take, dst)
		}
		cost := int64(50 + 10*w)
		for l, n := range take {
			cost += int64(n) * int64(5+(l*7+w*3)%11)
		}
		return append(dst, Offer{Cost: cost, Class: -1})
	}
	p.Floor = func(order, w int, take []int32) (int64, bool) {
		offers := p.Offers(order, w, take, nil)
		return offers[0].Cost, true
	}
	for range 2 {
		var order Order
		for l := range int32(16) {
			order.Lines = append(order.Lines, Line{SKU: l, Quantity: 1, Unfilled: 200})
		}
		p.Orders = append(p.Orders, order)
	}
	r := Solve(p, Options{Workers: 1})
	requireFeasible(t, p, &r)
	t.Logf("cost %d, bound %d", r.Cost, r.Bound)
	if r.Bound < r.Cost/2 {
		t.Errorf("bound %d of cost %d", r.Bound, r.Cost)
	}
	if again := Solve(p, Options{Workers: 3}); !reflect.DeepEqual(r, again) {
		t.Error("the number of workers changed the answer")
	}
}
