package solver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/internal/seeds"
)

// randomProblem makes a small order whose offers are a table of random numbers: nothing monotone about them, many
// refused, and costs and arrivals from so small a range that ties are the rule.
func randomProblem(rng *rand.Rand) *Problem {
	p := &Problem{
		Warehouses:   rng.IntN(6),
		Lines:        1 + rng.IntN(5),
		MaxShipments: rng.IntN(5),
		SplitCost:    rng.Int64N(4) - rng.Int64N(2),
	}
	p.MaySplit = make([]bool, p.Lines)
	split := rng.IntN(3) == 0
	for l := range p.Lines {
		p.Quantity = append(p.Quantity, 1+rng.Int32N(3))
		p.MaySplit[l] = split && rng.IntN(3) > 0
		for range p.Warehouses {
			p.Available = append(p.Available, rng.Int32N(p.Quantity[l]+2)-rng.Int32N(2))
		}
	}
	seed, costs, arrivals, refuse := rng.Uint64(), 1+rng.Uint64N(12), 1+rng.Uint64N(4), 1+rng.Uint64N(12)
	signed := int64(rng.IntN(2))
	p.Offer = func(w int, take []int32) (Offer, bool) {
		h := seed ^ uint64(w+1)*0x9E3779B97F4A7C15
		for _, t := range take {
			h = (h ^ uint64(t)) * 0xD6E8FEB86659FD93
			h ^= h >> 32
		}
		o := Offer{
			Cost:    int64(h%costs) - signed*2,
			Arrival: int64(h>>16%arrivals) - 1,
			Service: int32(h >> 40 & 7),
		}
		return o, h>>24%refuse != 0 || refuse == 1
	}
	return p
}

func describe(p *Problem) string {
	return fmt.Sprintf("%d warehouses, quantities %v, available %v, may split %v, at most %d shipments, split cost %d",
		p.Warehouses, p.Quantity, p.Available, p.MaySplit, p.MaxShipments, p.SplitCost)
}

func requireSame(t testing.TB, p *Problem, s *Scratch) Status {
	t.Helper()
	got, cert := Split(p, s)
	want, proof := SplitNaive(p)
	if cert.Status != proof.Status {
		t.Fatalf("Split says %v, SplitNaive %v: %s", cert.Status, proof.Status, describe(p))
	}
	if cert.Status != Optimal {
		return cert.Status
	}
	if !samePlan(&got, &want) {
		t.Fatalf("Split plans %+v, SplitNaive %+v: %s", got, want, describe(p))
	}
	if cert.Bound != want.Cost {
		t.Fatalf("Split proves bound %d of cost %d: %s", cert.Bound, want.Cost, describe(p))
	}
	return cert.Status
}

func samePlan(a, b *Plan) bool {
	return a.Cost == b.Cost && a.Arrival == b.Arrival && slices.EqualFunc(a.Shipments, b.Shipments,
		func(x, y Shipment) bool {
			return x.Warehouse == y.Warehouse && x.Offer == y.Offer && slices.Equal(x.Take, y.Take)
		})
}

func TestSplitMatchesNaive(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	n := rounds(4000, 100_000, 1_000_000)
	var s Scratch
	var seen [4]int
	shipments := make(map[int]int)
	for range n {
		p := randomProblem(rng)
		seen[requireSame(t, p, &s)]++
		if plan, cert := Split(p, &s); cert.Status == Optimal {
			shipments[len(plan.Shipments)]++
		}
	}
	t.Logf("optimal %d, infeasible %d, by shipments %v", seen[Optimal], seen[Infeasible], shipments)
	if seen[Optimal] < n/10 || seen[Infeasible] < n/10 || shipments[1] == 0 || shipments[2] == 0 || shipments[3] == 0 {
		t.Errorf("the random problems no longer cover the outcomes")
	}
}

func TestSplitMatchesNaiveRapid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := randomProblem(rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)))
		var s Scratch
		got, cert := Split(p, &s)
		want, proof := SplitNaive(p)
		if cert.Status != proof.Status || cert.Status == Optimal && !samePlan(&got, &want) {
			rt.Fatalf("Split: %v %+v; SplitNaive: %v %+v; %s", cert.Status, got, proof.Status, want, describe(p))
		}
	})
}
