package solver

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchmarkProblem makes an order like a parcel network's: two thirds of the warehouses have a line, a shipment costs
// by distance and by weight steps, and a second shipment costs extra.
func benchmarkProblem(rng *rand.Rand, warehouses, lines int) *Problem {
	p := &Problem{Warehouses: warehouses, Lines: lines, MaxShipments: 3, SplitCost: 1_500_000}
	p.MaySplit = make([]bool, lines)
	weight := make([]int64, lines)
	for l := range lines {
		p.Quantity = append(p.Quantity, 1+rng.Int32N(3))
		weight[l] = 100 + rng.Int64N(3000)
		for range warehouses {
			have := rng.Int32N(30)
			if rng.IntN(3) == 0 {
				have = 0
			}
			p.Available = append(p.Available, have)
		}
	}
	zone := make([]int64, warehouses)
	for w := range zone {
		zone[w] = 1 + rng.Int64N(8)
	}
	p.Offer = func(w int, take []int32) (Offer, bool) {
		var grams, touched int64
		for l, n := range take {
			grams += weight[l] * int64(n)
			if n > 0 {
				touched++
			}
		}
		pounds := grams/454 + 1
		return Offer{Cost: 4_000_000 + 350_000*pounds*zone[w]/3 + 300_000*touched, Arrival: 1 + zone[w]/2}, grams < 30_000
	}
	p.Floor = func(w int, take []int32) (int64, bool) {
		o, ok := p.Offer(w, take)
		return o.Cost, ok
	}
	return p
}

func TestSplitDoesNotAllocate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	var problems []*Problem
	for _, lines := range []int{1, 2, 3, 5, 8, 12} {
		for range 5 {
			p := benchmarkProblem(rng, 20, lines)
			problems = append(problems, p)
		}
	}
	problems = append(problems, func() *Problem { p := *problems[3]; p.MaxShipments = 1; return &p }())
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

func BenchmarkSplit(b *testing.B) {
	for _, warehouses := range []int{5, 50, 500} {
		for _, lines := range []int{2, 3, 5, 8} {
			b.Run(fmt.Sprintf("warehouses=%d/lines=%d", warehouses, lines), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 0))
				problems := make([]*Problem, 16)
				for i := range problems {
					problems[i] = benchmarkProblem(rng, warehouses, lines)
				}
				var s Scratch
				var offers int64
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					_, cert := Split(problems[i&15], &s)
					offers += cert.Offers
					i++
				}
				b.ReportMetric(float64(offers)/float64(i), "offers/op")
			})
		}
	}
}

func BenchmarkSplitNaive(b *testing.B) {
	for _, lines := range []int{2, 3} {
		b.Run(fmt.Sprintf("warehouses=5/lines=%d", lines), func(b *testing.B) {
			p := benchmarkProblem(rand.New(rand.NewPCG(1, 0)), 5, lines)
			for b.Loop() {
				SplitNaive(p)
			}
		})
	}
}
