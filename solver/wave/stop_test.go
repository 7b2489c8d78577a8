package wave

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// Stopped after any number of questions, what is answered is feasible and the bound holds; and nothing more is asked.
func TestStoppedBoundOptimumCost(t *testing.T) {
	t.Parallel()
	var waves, unplanned, planned int
	rapid.Check(t, func(t *rapid.T) {
		p := tinyWave(t)
		want := SolveNaive(p)
		after := rapid.IntRange(0, 60).Draw(t, "questions")
		asked := 0
		opt := Options{Workers: 1, Iterations: 48, Rounds: 5, Stop: func() bool { asked++; return asked > after }}
		s := newSearch(p, opt, rapid.SampledFrom([]int64{1, 3, maxStates}).Draw(t, "states"))
		got := s.run()
		requireFeasible(t, p, &got)
		if got.Bound > want.Cost || want.Cost > got.Cost || got.Bound < 0 {
			t.Fatalf("bound %d, optimum %d, cost %d", got.Bound, want.Cost, got.Cost)
		}
		if got.Stopped != (asked > after) || asked > after+1 {
			t.Fatalf("asked %d times of %d, stopped is %v", asked, after, got.Stopped)
		}
		waves++
		switch {
		case got.Unplanned:
			unplanned++
			if !got.Stopped {
				t.Fatalf("no plans, and nothing stopped it")
			}
			for o := range got.Plans {
				if len(got.Plans[o].Shipments) > 0 {
					t.Fatalf("order %d has a plan and it says that there are none", o)
				}
			}
		case got.Stopped:
			planned++
		}
	})
	t.Logf("%d waves, %d stopped before plans, %d after", waves, unplanned, planned)
	if unplanned == 0 || planned == 0 {
		t.Error("it was not stopped in both ways")
	}
}

// Once Stop says yes, the preparation asks for no more offers than each worker asks for between two questions, however
// many orders there are.
func TestStopEndsThePreparation(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	for _, copies := range []int{1, 10, 100} {
		p := smallWave(rng)
		one := p.Orders
		for range copies - 1 {
			p.Orders = append(p.Orders, one...)
		}
		near := p.Offers
		for _, workers := range []int{1, 3} {
			for _, after := range []int64{0, 1, int64(len(p.Orders) / 2)} {
				var asked, late, whole atomic.Int64
				p.Offers = func(order, w int, take []int32, dst []Offer) []Offer {
					if whole.Add(1); asked.Load() > after {
						late.Add(1)
					}
					return near(order%len(one), w, take, dst)
				}
				r := Solve(p, Options{Workers: workers, Stop: func() bool { return asked.Add(1) > after }})
				if !r.Unplanned || !r.Stopped || r.Bound != 0 || asked.Load() != after+1 {
					t.Errorf("%d orders, stopped after %d questions: asked %d; unplanned %v, bound %d", len(p.Orders), after, asked.Load(), r.Unplanned, r.Bound)
				}
				if most := int64((workers - 1) * often); late.Load() > most {
					t.Errorf("%d orders, %d workers: %d offers asked for after it was stopped, at most %d may be", len(p.Orders), workers, late.Load(), most)
				}
				if after > 1 && whole.Load() == 0 {
					t.Error("nothing was asked for at all: the test says nothing")
				}
			}
		}
	}
}
