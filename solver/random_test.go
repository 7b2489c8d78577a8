package solver

import (
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
)

// A freely is a search without dominance: it keeps no table of partial plans and drops none because another one leaves
// the same to place. It takes whatever holds the first line that is left, and turns back only where the cost so far and
// the least that the rest could cost, if warehouses might ship twice, are more than the best plan.
type freely struct {
	p      *Problem
	stride []int // [line] a vector of units is a number
	made   []made
	least  []int64 // [vector] what it costs if warehouses may ship twice; -1 << 62: not worked out
	rest   []int32
	used   uint64
	best   int64
}

type made struct {
	w    int
	take []int32
	cost int64 // with one split cost
}

const unasked = -1 << 62

// cost returns what the cheapest plan costs, or false where there is none.
func (f *freely) cost(p *Problem) (int64, bool) {
	*f = freely{p: p, stride: f.stride[:0], made: f.made[:0], least: f.least[:0], best: infinite}
	states := 1
	for _, q := range p.Quantity {
		f.stride = append(f.stride, states)
		states *= int(q) + 1
	}
	for range states {
		f.least = append(f.least, unasked)
	}
	for w := range p.Warehouses {
		f.contents(w, 0, make([]int32, p.Lines))
	}
	f.rest = slices.Clone(p.Quantity)
	f.search(-p.SplitCost, 0)
	return f.best, f.best < infinite/2
}

// contents lists what warehouse w could ship.
func (f *freely) contents(w, line int, take []int32) {
	p := f.p
	if line == p.Lines {
		if slices.Max(take) > 0 {
			if o, ok := p.offer(w, take); ok {
				f.made = append(f.made, made{w, slices.Clone(take), o.Cost + p.SplitCost})
			}
		}
		return
	}
	for n := range p.usable(line, w) + 1 {
		if n == 0 || n == p.Quantity[line] || p.maySplit(line) {
			take[line] = n
			f.contents(w, line+1, take)
		}
	}
	take[line] = 0
}

// place takes a content off what is left, where that has it and the first line left is in it.
func (f *freely) place(m *made) bool {
	first := slices.IndexFunc(f.rest, func(n int32) bool { return n > 0 })
	if m.take[first] == 0 {
		return false
	}
	for l, n := range m.take {
		if n > f.rest[l] {
			return false
		}
	}
	for l, n := range m.take {
		f.rest[l] -= n
	}
	return true
}

func (f *freely) unplace(m *made) {
	for l, n := range m.take {
		f.rest[l] += n
	}
}

// relaxed returns what it costs at least to place what is left.
func (f *freely) relaxed() int64 {
	at := 0
	for l, n := range f.rest {
		at += int(n) * f.stride[l]
	}
	switch {
	case at == 0:
		return 0
	case f.least[at] != unasked:
		return f.least[at]
	}
	least := infinite
	for i := range f.made {
		if m := &f.made[i]; f.place(m) {
			if c := f.relaxed(); c < infinite {
				least = min(least, c+m.cost)
			}
			f.unplace(m)
		}
	}
	f.least[at] = least
	return least
}

func (f *freely) search(cost int64, shipments int) {
	after := f.relaxed()
	if after == infinite || cost+after >= f.best {
		return
	}
	if slices.Max(f.rest) == 0 {
		f.best = cost
		return
	}
	if f.p.MaxShipments > 0 && shipments == f.p.MaxShipments {
		return
	}
	for i := range f.made {
		if m := &f.made[i]; f.used>>m.w&1 == 0 && f.place(m) {
			f.used |= 1 << m.w
			f.search(cost+m.cost, shipments+1)
			f.used &^= 1 << m.w
			f.unplace(m)
		}
	}
}

// One small order after another, a million with ALLOT_LONG: the naive twin plans the same to the last tie, the search
// without dominance finds the same cost, and gonum's linear bound lies below it. ALLOT_ORDERS says how many instead.
func TestRandomOrders(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	n := rounds(1000, 20_000, 1_000_000)
	if given := os.Getenv("ALLOT_ORDERS"); given != "" {
		var err error
		if n, err = strconv.Atoi(given); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d orders, seed %d", n, seed)
	type count struct{ optimal, infeasible, split, linear, tight int }
	counts := make([]count, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			var s Scratch
			var f freely
			c := &counts[i]
			for k := i; k < n && !t.Failed(); k += len(counts) {
				var p *Problem
				whole := false
				switch k / len(counts) % 4 {
				case 0:
					p = randomProblem(rng)
				case 1:
					p = monotoneProblem(rng)
				case 2:
					p = columnsProblem(rng, false)
				default:
					p, whole = columnsProblem(rng, true), true
					if rng.IntN(2) == 0 {
						p.MaxShipments = 0
					}
				}
				plan, cert := Split(p, &s)
				want, proof := SplitNaive(p)
				cost, ok := f.cost(p)
				switch {
				case cert.Status != proof.Status || cert.Status == Optimal && (!samePlan(&plan, &want) || cert.Bound != want.Cost):
					t.Errorf("Split: %+v %+v; SplitNaive: %+v %+v; %s", cert, plan, proof, want, describe(p))
				case ok != (cert.Status == Optimal) || ok && cost != plan.Cost:
					t.Errorf("Split: %+v %+v; without dominance: %d %v; %s", cert, plan, cost, ok, describe(p))
				case !ok:
					c.infeasible++
					continue
				}
				c.optimal++
				if len(plan.Shipments) > 1 {
					c.split++
				}
				if !whole || p.MaxShipments > 0 {
					continue
				}
				if bound, ok := linearBound(t, p); ok {
					c.linear++
					if float64(cost) < bound-1e-6 {
						t.Errorf("cost %d under the linear bound %v: %s", cost, bound, describeColumns(p))
					}
					if float64(cost) < bound+1e-6 {
						c.tight++
					}
				}
			}
		})
	}
	wg.Wait()
	var sum count
	for _, c := range counts {
		sum.optimal += c.optimal
		sum.infeasible += c.infeasible
		sum.split += c.split
		sum.linear += c.linear
		sum.tight += c.tight
	}
	t.Logf("%d optimal, %d of several shipments, %d infeasible; %d linear bounds, %d of them tight",
		sum.optimal, sum.split, sum.infeasible, sum.linear, sum.tight)
	if t.Failed() {
		return
	}
	few := sum.linear < 1000 // so that chance may make them all alike
	if sum.split < n/10 || sum.infeasible < n/10 || sum.linear < n/100 || !few && (sum.tight == 0 || sum.tight == sum.linear) {
		t.Error("the random orders no longer cover the outcomes")
	}
}
