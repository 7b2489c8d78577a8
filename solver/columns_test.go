package solver

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
)

// columnsProblem makes a small order whose costs have columns: few steps, so that ties are frequent, prices that may
// fall with the weight, steps that cannot be had, and limits of units. Where the columns are not exact, offers cost
// more than they say, or are refused.
func columnsProblem(rng *rand.Rand, whole bool) *Problem {
	p := &Problem{
		Warehouses: rng.IntN(6), Lines: 1 + rng.IntN(5), MaxShipments: rng.IntN(5), SplitCost: rng.Int64N(12) - 2,
	}
	p.MaySplit = make([]bool, p.Lines)
	c := &Columns{Exact: rng.IntN(2) == 0, Divisors: []int64{rng.Int64N(3), 1 + rng.Int64N(3)}}
	p.Columns = c
	for l := range p.Lines {
		p.Quantity = append(p.Quantity, 1+rng.Int32N(3))
		p.MaySplit[l] = !whole && rng.IntN(2) == 0
		c.Weight = append(c.Weight, rng.Int64N(6))
		for range p.Warehouses {
			p.Available = append(p.Available, rng.Int32N(p.Quantity[l]+3))
		}
	}
	if rng.IntN(3) > 0 {
		for range p.Lines {
			c.Volume = append(c.Volume, rng.Int64N(9))
		}
	}
	lower := int64(0) // costs below 0 where the search relies on none
	if whole {
		lower = 1
	}
	if rng.IntN(3) == 0 {
		for range p.Available {
			c.UnitCost = append(c.UnitCost, rng.Int64N(5)-lower)
		}
	}
	for at := rng.Int64N(3); at < 40; at += 1 + rng.Int64N(9) {
		c.Steps = append(c.Steps, at)
	}
	falling, limited, barring := rng.IntN(4) == 0, rng.IntN(3) == 0, rng.IntN(3) == 0
	for range p.Warehouses {
		s := Site{Fixed: rng.Int64N(20), PerLine: rng.Int64N(4), PerUnit: rng.Int64N(3), Units: rng.Int64N(12) - 1, Arrival: rng.Int64N(2)}
		for range rng.IntN(4) {
			r := Rates{Divisor: rng.Int32N(2)}
			if limited && rng.IntN(2) == 0 {
				r.Volume = rng.Int64N(40)
			}
			if barring && rng.IntN(2) == 0 {
				for range p.Lines {
					r.Lines = append(r.Lines, rng.IntN(3) > 0)
				}
			}
			price := rng.Int64N(20)
			for range rng.IntN(len(c.Steps) + 1) {
				o := Offer{Cost: price, Arrival: rng.Int64N(3), Service: rng.Int32N(9)}
				if rng.IntN(9) == 0 {
					o.Cost = Refused
				}
				r.Steps = append(r.Steps, o)
				price += rng.Int64N(7)
				if falling {
					price = max(price-rng.Int64N(6), -4*lower)
				}
			}
			s.Rates = append(s.Rates, r)
		}
		c.Sites = append(c.Sites, s)
	}
	if !c.Exact {
		seed, more := rng.Uint64(), rng.Uint64N(4)
		p.Offer = func(w int, take []int32) (Offer, bool) {
			o, ok := c.Offer(p, w, take)
			h := seed ^ uint64(w+1)*0x9E3779B97F4A7C15
			for _, t := range take {
				h = (h ^ uint64(t)) * 0xD6E8FEB86659FD93
				h ^= h >> 32
			}
			o.Cost += int64(h % (more + 1))
			return o, ok && h>>20%16 != 0
		}
	}
	return p
}

func describeColumns(p *Problem) string {
	return fmt.Sprintf("%s, columns %+v", describe(p), *p.Columns)
}

// rounds returns how many random problems to draw.
func rounds(short, usual, long int) int {
	switch {
	case testing.Short():
		return short
	case os.Getenv("ALLOT_LONG") != "":
		return long
	default:
		return usual
	}
}

// The exact search over columns plans what the twin plans, to the last tie.
func TestColumnsMatchNaive(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	n := rounds(3000, 40_000, 1_000_000)
	var s Scratch
	var seen [4]int
	shipments := make(map[int]int)
	for range n {
		p := columnsProblem(rng, rng.IntN(2) == 0)
		got, cert := Split(p, &s)
		want, proof := SplitNaive(p)
		seen[cert.Status]++
		if cert.Status != proof.Status || cert.Status == Optimal && (!samePlan(&got, &want) || cert.Bound != want.Cost) {
			t.Fatalf("Split: %+v %+v; SplitNaive: %+v %+v; %s", cert, got, proof, want, describeColumns(p))
		}
		if cert.Status == Optimal {
			requirePlanOf(t, p, &got)
			shipments[len(got.Shipments)]++
		}
	}
	t.Logf("optimal %d, infeasible %d, by shipments %v", seen[Optimal], seen[Infeasible], shipments)
	if seen[Optimal] < n/10 || seen[Infeasible] < n/10 || shipments[1] == 0 || shipments[2] == 0 || shipments[3] == 0 {
		t.Error("the random problems no longer cover the outcomes")
	}
}

// requirePlanOf is requirePlan for problems whose columns may stand for offers.
func requirePlanOf(t testing.TB, p *Problem, plan *Plan) {
	t.Helper()
	q := *p
	q.Offer = p.offer
	requirePlan(t, &q, plan)
}

// Whatever the work allowed cuts short, nothing that the search over sets of sites claims is false.
func TestLargeClaimsAreTrue(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	n := rounds(3000, 30_000, 1_000_000)
	var s Scratch
	var seen [4]int
	var beaten, shown int // incumbents that no plan reaches, and those of which that was shown
	for range n {
		p := columnsProblem(rng, true)
		p.MaxStates = 1 + rng.IntN(1<<rng.IntN(15))
		p.check()
		most := p.shipments()
		if !p.coverable() || p.fewest() > most || !s.large.set(p, most) {
			continue
		}
		want, proof := SplitNaive(p)
		if rng.IntN(2) == 0 && proof.Status == Optimal {
			p.Incumbent = want.Cost + rng.Int64N(9) - 4
		}
		s.cert = Certificate{}
		plan, cert := s.searchLarge(p, most, int64(p.MaxStates), -infinite, false)
		seen[cert.Status]++
		if p.Incumbent > 0 && p.Incumbent < want.Cost {
			beaten++
			if cert.Bound > p.Incumbent {
				shown++
			}
		}
		switch cert.Status {
		case Infeasible:
			if proof.Status != Infeasible {
				t.Fatalf("called infeasible, %+v: %s", want, describeColumns(p))
			}
			continue
		case Optimal:
			if !samePlan(&plan, &want) || cert.Bound != want.Cost {
				t.Fatalf("%+v called optimal, want %+v: %s", plan, want, describeColumns(p))
			}
		case Bounded:
			requirePlanOf(t, p, &plan)
		}
		if proof.Status == Optimal && cert.Bound > want.Cost {
			t.Fatalf("bound %d above the optimum %d, ceiling %d: %s", cert.Bound, want.Cost, p.MaxStates, describeColumns(p))
		}
	}
	t.Logf("of %d incumbents that are too low %d are shown to be", beaten, shown)
	t.Logf("optimal %d, bounded %d, infeasible %d, unknown %d", seen[Optimal], seen[Bounded], seen[Infeasible], seen[Unknown])
	if slices.Min(seen[:3]) < n/1000 || seen[Optimal] < n/10 || shown < n/100 {
		t.Error("the random problems no longer cover the outcomes")
	}
}

// Nor is what the bounded search claims about lines that may be split.
func TestBoundedColumnsClaimsAreTrue(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var s Scratch
	var seen [4]int
	n := rounds(2000, 20_000, 500_000)
	for range n {
		p := columnsProblem(rng, false)
		p.MaxStates = 1 + rng.IntN(1<<rng.IntN(10))
		plan, cert := Split(p, &s)
		want, proof := SplitNaive(p)
		seen[cert.Status]++
		switch {
		case cert.Status == Infeasible && proof.Status != Infeasible, cert.Status == Optimal && !samePlan(&plan, &want),
			cert.Status != Infeasible && proof.Status == Optimal && cert.Bound > want.Cost:
			t.Fatalf("%+v %+v, want %+v: %s", cert, plan, want, describeColumns(p))
		case cert.Status == Bounded:
			requirePlanOf(t, p, &plan)
		}
	}
	t.Logf("optimal %d, bounded %d, infeasible %d, unknown %d", seen[Optimal], seen[Bounded], seen[Infeasible], seen[Unknown])
	if seen[Bounded] < n/100 {
		t.Error("the random problems no longer cover the outcomes")
	}
}

// The steps that the columns name are those that the offers are read from: the twin above prices by them too.
func TestColumnsOffer(t *testing.T) {
	t.Parallel()
	p := &Problem{Warehouses: 1, Lines: 2, Quantity: []int32{2, 1}, Available: []int32{9, 9}}
	p.Columns = &Columns{
		Exact: true, Weight: []int64{10, 5}, Volume: []int64{1, 90}, Steps: []int64{10, 20, 30}, Divisors: []int64{4, 0},
		UnitCost: []int64{1000, 2000},
		Sites: []Site{{Fixed: 1, PerLine: 10, PerUnit: 100, Units: 3, Arrival: 7, Rates: []Rates{
			{Divisor: 0, Steps: []Offer{{Cost: 10_000}, {Cost: 20_000, Arrival: 1, Service: 3}, {Cost: 30_000, Service: 5}}},
			{Divisor: 1, Steps: []Offer{{Cost: 15_000}, {Cost: 20_000, Arrival: 2, Service: 4}, {Cost: Refused}}},
		}}},
	}
	for _, c := range []struct {
		take []int32
		want Offer // zero: refused
	}{
		{[]int32{1, 0}, Offer{Cost: 10_000 + 1 + 10 + 100 + 1000, Arrival: 7}},
		{[]int32{2, 0}, Offer{Cost: 20_000 + 1 + 10 + 200 + 2000, Arrival: 8, Service: 3}}, // the earlier of two at one price
		{[]int32{0, 1}, Offer{Cost: 15_000 + 1 + 10 + 100 + 2000, Arrival: 7}},             // 90 / 4 is of the third step
		{[]int32{2, 1}, Offer{Cost: 30_000 + 1 + 20 + 300 + 4000, Arrival: 7, Service: 5}},
		{[]int32{2, 2}, Offer{}}, // over the units of a shipment
		{[]int32{3, 0}, Offer{Cost: 30_000 + 1 + 10 + 300 + 3000, Arrival: 7, Service: 5}},
		{[]int32{0, 3}, Offer{Cost: 20_000 + 1 + 10 + 300 + 6000, Arrival: 9, Service: 4}}, // 270 / 4 is over the last step
	} {
		got, ok := p.Columns.Offer(p, 0, c.take)
		if ok != (c.want != Offer{}) || ok && got != c.want {
			t.Errorf("take %v: %+v (%v), want %+v", c.take, got, ok, c.want)
		}
	}
}

// A search for a large order ends in the same plan however often it runs, and with memory of other orders.
func TestLargeIsDeterministic(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 0))
	var s Scratch
	for range 3 {
		p := largeProblem(rng, 24, 30)
		plan, cert := Split(p, &s)
		requirePlanOf(t, p, &plan)
		again, same := Split(p, new(Scratch))
		if !samePlan(&plan, &again) || cert != same {
			t.Errorf("%+v, then %+v", cert, same)
		}
		if cert.Bound > plan.Cost || 100*cert.Bound < 90*plan.Cost {
			t.Errorf("bound %d of cost %d", cert.Bound, plan.Cost)
		}
	}
}

// A search that is told to stop does, and what it says is true all the same.
func TestStop(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(12, 0))
	var s Scratch
	for range 5 {
		p := largeProblem(rng, 26, 30)
		best, proof := Split(p, &s)
		cost := best.Cost
		if proof.Status != Optimal {
			t.Fatal(proof)
		}
		for _, after := range []int{0, 1, 10, 60} {
			asked := 0
			p.Stop = func() bool { asked++; return asked > after }
			plan, cert := Split(p, &s)
			if cert.Status != Bounded && cert.Status != Optimal || plan.Cost < cost || cert.Bound > cost || asked > after+200 {
				t.Errorf("stopped after %d: %d of %d, %+v", after, plan.Cost, cost, cert)
			}
			requirePlanOf(t, p, &plan)
		}
		p.Stop = nil
	}
}

// largeProblem makes an order of many lines, of which every warehouse has some.
func largeProblem(rng *rand.Rand, lines, warehouses int) *Problem {
	p := &Problem{Warehouses: warehouses, Lines: lines, SplitCost: 15_000}
	c := &Columns{Exact: true, Divisors: []int64{6, 5}}
	p.Columns = c
	for step := range int64(70) {
		c.Steps = append(c.Steps, (step+1)*453)
	}
	for range lines {
		p.Quantity = append(p.Quantity, 1+rng.Int32N(2))
		c.Weight = append(c.Weight, 50+rng.Int64N(1000))
		c.Volume = append(c.Volume, 200+rng.Int64N(5000))
		for range warehouses {
			p.Available = append(p.Available, max(rng.Int32N(10)-6, 0))
		}
	}
	for range warehouses {
		s := Site{Fixed: 8000 + rng.Int64N(12_000), PerLine: 2000 + rng.Int64N(4000), PerUnit: 500 + rng.Int64N(1500), Units: -1}
		zone := 1 + rng.Int64N(8)
		for d := range int32(2) {
			r := Rates{Divisor: d}
			for step := range int64(70) {
				r.Steps = append(r.Steps, Offer{Cost: 40_000 + 3000*zone + int64(d)*20_000 + (3500+500*zone-int64(d)*800)*step, Arrival: zone / 2})
			}
			s.Rates = append(s.Rates, r)
		}
		c.Sites = append(c.Sites, s)
	}
	return p
}

func TestColumnsDoNotAllocate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	var problems []*Problem
	for _, lines := range []int{1, 2, 3, 5, 8, 12} {
		for range 3 {
			problems = append(problems, largeProblem(rng, lines, 20))
		}
	}
	var s Scratch
	run := func() {
		for _, p := range problems {
			if _, cert := Split(p, &s); cert.Status != Optimal && cert.Status != Infeasible {
				t.Fatal(cert)
			}
		}
	}
	run()
	if n := testing.AllocsPerRun(5, run); n != 0 {
		t.Errorf("%v allocations in %d splits", n, len(problems))
	}
}
