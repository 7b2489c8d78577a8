package locate

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

func seed(t *testing.T) uint64 {
	t.Helper()
	s := seeds.New(t)
	t.Logf("seed %d", s)
	return s
}

// randomMatrix draws costs of few orders, from few candidates.
func randomMatrix(rng *rand.Rand, orders, candidates int) *matrix {
	m := &matrix{candidates: candidates, from: []int{0}}
	for range orders {
		now := units.Money(1 + rng.IntN(60))
		m.now = append(m.now, now)
		for c := range candidates {
			if cost := units.Money(rng.IntN(100)); cost < now {
				m.entries = append(m.entries, entry{int32(c), cost})
			}
		}
		m.from = append(m.from, len(m.entries))
	}
	return m
}

// savingPlainly is what a set saves, order by order.
func savingPlainly(m *matrix, set []int32) (sum units.Money) {
	for i, now := range m.now {
		cost := now
		for _, e := range m.entries[m.from[i]:m.from[i+1]] {
			if slices.Contains(set, e.candidate) {
				cost = min(cost, e.cost)
			}
		}
		sum += now - cost
	}
	return sum
}

// exhaustive is the most that a set of k candidates saves, by looking at all.
func exhaustive(m *matrix, k int) (most units.Money) {
	var set []int32
	var walk func(from int)
	walk = func(from int) {
		if len(set) == k {
			most = max(most, savingPlainly(m, set))
			return
		}
		for c := from; c < m.candidates; c++ {
			set = append(set, int32(c))
			walk(c + 1)
			set = set[:len(set)-1]
		}
	}
	walk(0)
	return most
}

// TestChoices compares choices with all there are: the bound holds, greedy alone reaches 1-1/e, and with exchanges nearly
// everything.
func TestChoices(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	for range 300 {
		m := randomMatrix(rng, 1+rng.IntN(25), 1+rng.IntN(8))
		for k, c := range m.choose(1+rng.IntN(5), nil) {
			if len(c.set) != k+1 || savingPlainly(m, c.set) != c.saving || m.saving(c.set) != c.saving {
				t.Fatalf("%d sites %v save %v, told %v", k+1, c.set, savingPlainly(m, c.set), c.saving)
			}
			sorted := slices.Sorted(slices.Values(c.set))
			if len(slices.Compact(sorted)) != k+1 {
				t.Fatalf("a site twice: %v", c.set)
			}
			most := exhaustive(m, k+1)
			if most > c.bound || c.saving > most {
				t.Fatalf("%d sites save %v, at most %v, bound %v", k+1, c.saving, most, c.bound)
			}
			if k == 0 && c.saving != most {
				t.Fatalf("one site saves %v, at most %v", c.saving, most)
			}
			// Where no exchange helps, a set saves at least half of the most (Nemhauser, Wolsey and Fisher, 1978).
			if 2*c.saving < most {
				t.Fatalf("%d sites save %v, at most %v", k+1, c.saving, most)
			}
			shipped := int64(0)
			for _, n := range m.shipped(c.set) {
				shipped += n
			}
			if shipped > int64(len(m.now)) {
				t.Fatalf("%d orders of %d", shipped, len(m.now))
			}
		}
	}
}

// TestGreedyAlone: without exchanges a choice reaches the share that is proven.
func TestGreedyAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	for range 200 {
		m := randomMatrix(rng, 1+rng.IntN(25), 1+rng.IntN(8))
		var set []int32
		for k := 1; k <= min(4, m.candidates); k++ {
			var b best
			m.best(set, &b)
			gains := m.gains(&b)
			next := int32(0)
			for c := range gains {
				one := savingPlainly(m, append(slices.Clone(set), int32(c))) - savingPlainly(m, set)
				if one != gains[c] {
					t.Fatalf("%d beside %v gains %v, told %v", c, set, one, gains[c])
				}
				if gains[c] > gains[next] {
					next = int32(c)
				}
			}
			set = append(set, next)
			if got, most := savingPlainly(m, set), exhaustive(m, k); got*1_000_000 < most*632_120 {
				t.Fatalf("greedy saves %v of %v", got, most)
			}
		}
	}
}

// TestSwap compares the exchange that one pass finds with all exchanges, made one by one.
func TestSwap(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	found := 0
	for range 300 {
		m := randomMatrix(rng, 1+rng.IntN(25), 2+rng.IntN(8))
		var set []int32
		for _, c := range rng.Perm(m.candidates)[:1+rng.IntN(m.candidates-1)] {
			set = append(set, int32(c))
		}
		var want units.Money
		for at := range set {
			for in := range int32(m.candidates) {
				if slices.Contains(set, in) {
					continue
				}
				other := slices.Clone(set)
				other[at] = in
				want = max(want, savingPlainly(m, other)-savingPlainly(m, set))
			}
		}
		at, in, more := m.swap(set, &best{})
		if more != want {
			t.Fatalf("the best exchange saves %v more, told %v", want, more)
		}
		if more > 0 {
			found++
			other := slices.Clone(set)
			other[at] = in
			if got := savingPlainly(m, other) - savingPlainly(m, set); got != more {
				t.Fatalf("the exchange saves %v more, told %v", got, more)
			}
		}
	}
	if found == 0 {
		t.Error("no exchange saved anything")
	}
}

// saving is what a set saves.
func (m *matrix) saving(set []int32) (sum units.Money) {
	var b best
	m.best(set, &b)
	for i, now := range m.now {
		sum += now - b.cost[i]
	}
	return sum
}
