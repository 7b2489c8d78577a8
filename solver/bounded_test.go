package solver

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
)

// monotoneProblem makes a small order whose offers grow with their content and are refused beyond a size, so that
// Offer is its own Floor.
func monotoneProblem(rng *rand.Rand) *Problem {
	p := &Problem{
		Warehouses:   1 + rng.IntN(5),
		Lines:        1 + rng.IntN(4),
		MaxShipments: rng.IntN(4),
		SplitCost:    rng.Int64N(40) - 5,
	}
	p.MaySplit = make([]bool, p.Lines)
	for l := range p.Lines {
		p.Quantity = append(p.Quantity, 1+rng.Int32N(3))
		p.MaySplit[l] = rng.IntN(2) == 0
		for range p.Warehouses {
			p.Available = append(p.Available, rng.Int32N(p.Quantity[l]+2))
		}
	}
	fixed, each, largest := make([]int64, p.Warehouses), make([][]int64, p.Warehouses), make([]int32, p.Warehouses)
	for w := range fixed {
		fixed[w], largest[w] = rng.Int64N(50), 1+rng.Int32N(9)
		for range p.Lines {
			each[w] = append(each[w], rng.Int64N(20))
		}
	}
	if rng.IntN(3) == 0 { // only line 0 costs anything: then a bound from one line is tight
		for w := range fixed {
			fixed[w] = 0
			clear(each[w][1:])
		}
	}
	p.Offer = func(w int, take []int32) (Offer, bool) {
		o := Offer{Cost: fixed[w], Arrival: fixed[w] % 4, Service: int32(w)}
		var n int32
		for l, t := range take {
			o.Cost += each[w][l] * int64(t)
			n += t
		}
		return o, n <= largest[w]
	}
	if rng.IntN(3) > 0 {
		p.Floor = func(w int, take []int32) (int64, bool) {
			o, ok := p.Offer(w, take)
			return o.Cost, ok
		}
	}
	return p
}

// requirePlan checks that a plan is one: it fills every line, keeps every rule, and costs what its offers say.
func requirePlan(t testing.TB, p *Problem, plan *Plan) {
	t.Helper()
	rest := slices.Clone(p.Quantity)
	var cost int64
	arrival := plan.Shipments[0].Offer.Arrival
	for i, s := range plan.Shipments {
		if i > 0 {
			cost += p.SplitCost
			if s.Warehouse <= plan.Shipments[i-1].Warehouse {
				t.Fatalf("warehouses out of order: %+v", plan)
			}
		}
		o, ok := p.Offer(int(s.Warehouse), s.Take)
		if !ok || o != s.Offer {
			t.Fatalf("warehouse %d offers %+v (%v), the plan says %+v", s.Warehouse, o, ok, s.Offer)
		}
		cost += o.Cost
		arrival = max(arrival, o.Arrival)
		for l, n := range s.Take {
			rest[l] -= n
			if n < 0 || n > p.Available[l*p.Warehouses+int(s.Warehouse)] || n > 0 && n < p.Quantity[l] && !p.maySplit(l) {
				t.Fatalf("warehouse %d takes %d of line %d: %s", s.Warehouse, n, l, describe(p))
			}
		}
	}
	if slices.ContainsFunc(rest, func(r int32) bool { return r != 0 }) {
		t.Fatalf("plan %+v leaves %v: %s", plan, rest, describe(p))
	}
	if p.MaxShipments > 0 && len(plan.Shipments) > p.MaxShipments {
		t.Fatalf("%d shipments of at most %d", len(plan.Shipments), p.MaxShipments)
	}
	if cost != plan.Cost || arrival != plan.Arrival {
		t.Fatalf("plan says cost %d, arrival %d; its offers say %d, %d", plan.Cost, plan.Arrival, cost, arrival)
	}
}

// Whatever the ceiling cuts short, nothing claimed is false.
func TestBoundedClaimsAreTrue(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	n := 15_000
	if testing.Short() {
		n = 3000
	}
	var s Scratch
	var seen [4]int
	var cost, optimum, bound, bounds int64
	for range n {
		p := monotoneProblem(rng)
		p.MaxStates = 1 + rng.IntN(1<<rng.IntN(13))
		plan, cert := Split(p, &s)
		best, proof := SplitNaive(p)
		seen[cert.Status]++
		switch cert.Status {
		case Infeasible:
			if proof.Status != Infeasible {
				t.Fatalf("called infeasible, ceiling %d: %s", p.MaxStates, describe(p))
			}
			continue
		case Optimal:
			if !samePlan(&plan, &best) {
				t.Fatalf("%+v called optimal, want %+v: %s", plan, best, describe(p))
			}
		case Bounded:
			requirePlan(t, p, &plan)
			cost, optimum, bound, bounds = cost+plan.Cost, optimum+best.Cost, bound+cert.Bound, bounds+1
		}
		if proof.Status == Optimal && cert.Bound > best.Cost {
			t.Fatalf("bound %d above the optimum %d, ceiling %d: %s", cert.Bound, best.Cost, p.MaxStates, describe(p))
		}
	}
	t.Logf("optimal %d, bounded %d, infeasible %d, unknown %d", seen[Optimal], seen[Bounded], seen[Infeasible], seen[Unknown])
	t.Logf("where bounded: cost %.2f, bound %.2f of the optimum", float64(cost)/float64(optimum), float64(bound)/float64(optimum))
	if slices.Min(seen[:]) < n/100 {
		t.Error("the random problems no longer cover the outcomes")
	}
}

// An order of thirty lines from twelve warehouses, far beyond the exact search.
func TestLargeOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 0))
	p := benchmarkProblem(rng, 12, 30)
	p.MaxShipments = 10
	var s Scratch
	plan, cert := Split(p, &s)
	if cert.Status != Bounded {
		t.Fatal(cert)
	}
	requirePlan(t, p, &plan)
	if cert.Bound <= 0 || cert.Bound > plan.Cost {
		t.Errorf("bound %d of cost %d", cert.Bound, plan.Cost)
	}
	first := plan.Cost
	if again, _ := Split(p, new(Scratch)); again.Cost != first {
		t.Errorf("cost %d, then %d", first, again.Cost)
	}
	p.MaySplit[3], p.Quantity[3] = true, 1_000_000 // too many units for any table
	for w := range p.Warehouses {
		p.Available[3*p.Warehouses+w] = 400_000
	}
	p.Offer = func(w int, take []int32) (Offer, bool) {
		o := Offer{Cost: int64(w), Arrival: 1}
		for _, n := range take {
			o.Cost += int64(n)
		}
		return o, true
	}
	plan, cert = Split(p, &s)
	if cert.Status != Bounded {
		t.Fatal(cert)
	}
	requirePlan(t, p, &plan)
}

// The caller's plan caps the search; a promise of one that does not exist is caught.
func TestIncumbent(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 0))
	var s Scratch
	n := 5000
	if testing.Short() {
		n = 500
	}
	for range n {
		p := monotoneProblem(rng)
		best, proof := SplitNaive(p)
		p.Incumbent = best.Cost + rng.Int64N(9) - 4
		if proof.Status != Optimal || p.Incumbent <= 0 {
			continue
		}
		plan, cert := Split(p, &s)
		switch {
		case cert.Status == Optimal:
			if !samePlan(&plan, &best) {
				t.Fatalf("with incumbent %d %+v, want %+v", p.Incumbent, plan, best)
			}
		case p.Incumbent >= best.Cost || cert.Status != Unknown || cert.Bound > best.Cost || cert.Bound <= p.Incumbent:
			t.Fatalf("with incumbent %d of optimum %d: %+v", p.Incumbent, best.Cost, cert)
		}
	}
}

func TestCallersBugsPanic(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Problem){
		"negative size":     func(p *Problem) { p.Warehouses = -1 },
		"quantities":        func(p *Problem) { p.Quantity = p.Quantity[:1] },
		"availabilities":    func(p *Problem) { p.Available = p.Available[1:] },
		"split marks":       func(p *Problem) { p.MaySplit = []bool{true} },
		"no offer":          func(p *Problem) { p.Offer = nil },
		"split cost":        func(p *Problem) { p.SplitCost = CostLimit },
		"nothing wanted":    func(p *Problem) { p.Quantity[0] = 0 },
		"unthinkable price": func(p *Problem) { p.Offer = func(int, []int32) (Offer, bool) { return Offer{Cost: CostLimit}, true } },
	} {
		p := &Problem{
			Warehouses: 2, Lines: 2, Quantity: []int32{1, 1}, Available: []int32{1, 1, 1, 1},
			Offer: func(int, []int32) (Offer, bool) { return Offer{}, true },
		}
		spoil(p)
		for _, split := range []func(){func() { Split(p, new(Scratch)) }, func() { SplitNaive(p) }} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: no panic", name)
					}
				}()
				split()
			}()
		}
	}
}

func TestEdges(t *testing.T) {
	t.Parallel()
	one := func(int, []int32) (Offer, bool) { return Offer{Cost: 1}, true }
	for name, c := range map[string]struct {
		p    Problem
		want Status
	}{
		"nothing to ship":  {Problem{Warehouses: 1, Offer: one}, Optimal},
		"nowhere to go":    {Problem{Lines: 1, Quantity: []int32{1}, Offer: one}, Infeasible},
		"negative stock":   {Problem{Warehouses: 1, Lines: 1, Quantity: []int32{1}, Available: []int32{-3}, Offer: one}, Infeasible},
		"one of one":       {Problem{Warehouses: 1, Lines: 1, Quantity: []int32{1}, Available: []int32{1}, Offer: one}, Optimal},
		"one line, whole":  {Problem{Warehouses: 2, Lines: 1, Quantity: []int32{3}, Available: []int32{2, 1}, Offer: one}, Infeasible},
		"one line, split":  {Problem{Warehouses: 2, Lines: 1, Quantity: []int32{3}, Available: []int32{2, 1}, MaySplit: []bool{true}, Offer: one}, Optimal},
		"split, but once":  {Problem{Warehouses: 2, Lines: 1, Quantity: []int32{3}, Available: []int32{2, 1}, MaySplit: []bool{true}, MaxShipments: 1, Offer: one}, Infeasible},
		"too few in all":   {Problem{Warehouses: 2, Lines: 1, Quantity: []int32{4}, Available: []int32{2, 1}, MaySplit: []bool{true}, Offer: one}, Infeasible},
		"no offer is made": {Problem{Warehouses: 2, Lines: 1, Quantity: []int32{1}, Available: []int32{1, 1}, Offer: func(int, []int32) (Offer, bool) { return Offer{}, false }}, Infeasible},
	} {
		var s Scratch
		if got := requireSame(t, &c.p, &s); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for s, want := range map[Status]string{Unknown: "unknown", Optimal: "optimal", Bounded: "bounded", Infeasible: "infeasible"} {
		if s.String() != want {
			t.Errorf("status %d is called %q", s, s)
		}
	}
}

// Two offers at one price: the earlier latest arrival wins, though a later shipment hides it, and then the fewer
// shipments, the smaller warehouses, the smaller contents.
func TestTies(t *testing.T) {
	t.Parallel()
	type offers map[int]map[[2]int32]Offer
	for name, c := range map[string]struct {
		offers offers
		want   []int32 // warehouses
	}{
		"earlier arrival beats the smaller warehouse": {
			offers{0: {{1, 1}: {Cost: 5, Arrival: 2}}, 1: {{1, 1}: {Cost: 5, Arrival: 1}}}, []int32{1},
		},
		"earlier arrival beats fewer shipments": {
			offers{0: {{1, 1}: {Cost: 4, Arrival: 9}}, 1: {{1, 0}: {Cost: 2, Arrival: 1}}, 2: {{0, 1}: {Cost: 2, Arrival: 1}}}, []int32{1, 2},
		},
		"fewer shipments beat the smaller warehouse": {
			offers{0: {{1, 0}: {Cost: 2}}, 1: {{0, 1}: {Cost: 2}}, 2: {{1, 1}: {Cost: 4}}}, []int32{2},
		},
		// Warehouse 0 arrives later than 1, but not later than 2, which both need.
		"an earlier shipment does not help a later one": {
			offers{0: {{1, 0}: {Cost: 2, Arrival: 5}}, 1: {{1, 0}: {Cost: 2, Arrival: 1}}, 2: {{0, 1}: {Cost: 2, Arrival: 6}}}, []int32{0, 2},
		},
	} {
		p := &Problem{
			Warehouses: 3, Lines: 2, Quantity: []int32{1, 1}, Available: []int32{1, 1, 1, 1, 1, 1},
			Offer: func(w int, take []int32) (Offer, bool) {
				o, ok := c.offers[w][[2]int32(take)]
				return o, ok
			},
		}
		var s Scratch
		requireSame(t, p, &s)
		plan, _ := Split(p, &s)
		var got []int32
		for _, sh := range plan.Shipments {
			got = append(got, sh.Warehouse)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: warehouses %v, want %v", name, got, c.want)
		}
	}
}
