package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/internal/seeds"
)

// bruteForce returns the least cost of a problem by trying every set of candidates.
func bruteForce(p *problem) int64 {
	best := infeasible
	for set := 1; set < 1<<len(p.candidates); set++ {
		left, used, shipments, cost := slices.Clone(p.quantity), map[int]bool{}, 0, -p.splitCost
		good := true
		for j, c := range p.candidates {
			if set>>j&1 == 0 {
				continue
			}
			shipments++
			cost += c.cost + p.splitCost
			good = good && !used[c.warehouse]
			used[c.warehouse] = true
			for l, n := range c.take {
				left[l] -= n
			}
		}
		good = good && shipments <= p.most && !slices.ContainsFunc(left, func(n int) bool { return n != 0 })
		if good && (best == infeasible || cost < best) {
			best = cost
		}
	}
	return best
}

// An lpModel is what a reader of the LP format finds in a file.
type lpModel struct {
	costs map[string]int64
	rows  []lpRow
}

type lpRow struct {
	factors map[string]int64
	equal   bool
	bound   int64
}

var lpTerm = regexp.MustCompile(`(\d+) (x\d+)`)

// readLP reads what lp writes, by the format and not by the code that wrote it.
func readLP(t *testing.T, text string) *lpModel {
	t.Helper()
	for line := range strings.Lines(text) {
		if len(line) > 255 {
			t.Fatalf("a line of %d characters, more than readers take", len(line))
		}
	}
	objective, rest, ok1 := strings.Cut(strings.TrimPrefix(text, "Minimize\n obj:"), "Subject To\n")
	constraints, binary, ok2 := strings.Cut(rest, "Binary\n")
	if !ok1 || !ok2 || !strings.HasSuffix(binary, "End\n") {
		t.Fatalf("not the sections of an LP file:\n%s", text)
	}
	terms := func(text string) map[string]int64 {
		out := map[string]int64{}
		for _, m := range lpTerm.FindAllStringSubmatch(text, -1) {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if _, twice := out[m[2]]; err != nil || twice {
				t.Fatalf("%q: %v", m[0], err)
			}
			out[m[2]] = n
		}
		return out
	}
	m := &lpModel{costs: terms(objective)}
	for _, row := range regexp.MustCompile(`r\d+:[^:<=]*(<=|=) \d+`).FindAllString(constraints, -1) {
		fields := strings.Fields(row)
		bound, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		m.rows = append(m.rows, lpRow{factors: terms(row), equal: fields[len(fields)-2] == "=", bound: bound})
	}
	if got := strings.Fields(strings.TrimSuffix(binary, "End\n")); len(got) != len(m.costs) {
		t.Fatalf("%d binaries of %d columns", len(got), len(m.costs))
	}
	return m
}

// least returns the least cost of an LP file by trying every point, and which.
func (m *lpModel) least() (best int64, taken []int) {
	best = infeasible
	for set := range 1 << len(m.costs) {
		in := func(name string) bool {
			j, err := strconv.Atoi(name[1:])
			return err == nil && set>>j&1 == 1
		}
		good, cost := true, int64(0)
		for _, r := range m.rows {
			sum := int64(0)
			for name, f := range r.factors {
				if in(name) {
					sum += f
				}
			}
			good = good && (sum == r.bound || sum < r.bound && !r.equal)
		}
		for name, c := range m.costs {
			if in(name) {
				cost += c
			}
		}
		if good && (best == infeasible || cost < best) {
			best, taken = cost, nil
			for j := range len(m.costs) {
				if set>>j&1 == 1 {
					taken = append(taken, j)
				}
			}
		}
	}
	return best, taken
}

// randomProblem draws a problem of at most 11 candidates.
func randomProblem(rng *rand.Rand) *problem {
	p := &problem{most: 1 + rng.IntN(3), splitCost: int64(rng.IntN(3)) * 500_000}
	for range 1 + rng.IntN(3) {
		p.quantity = append(p.quantity, 1+rng.IntN(2))
	}
	for range 1 + rng.IntN(11) {
		c := candidate{warehouse: rng.IntN(4), service: rng.IntN(3), cost: int64(1+rng.IntN(40)) * 250_000, take: make([]int, len(p.quantity))}
		for l, q := range p.quantity {
			c.take[l] = rng.IntN(q + 1)
		}
		if slices.Max(c.take) > 0 {
			p.candidates = append(p.candidates, c)
		}
	}
	p.sort()
	return p
}

// TestModel holds the models, as the LP files that CBC reads and as the rows that HiGHS gets, against trying everything.
func TestModel(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range 300 {
		p := randomProblem(rng)
		want := bruteForce(p)
		for _, q := range []*problem{p, p.cheapest()} {
			m := newModel(q)
			if !m.solvable() {
				if want != infeasible {
					t.Fatalf("problem %d, seed %d: a line is in no candidate, but %d is the cost", i, seed, want)
				}
				continue
			}
			got, taken := readLP(t, m.lp()).least()
			if got != infeasible {
				got += m.Offset
			}
			if got != want {
				t.Fatalf("problem %d, seed %d: the model's optimum is %d, trying everything %d:\n%+v\n%s", i, seed, got, want, p, m.lp())
			}
			if got == infeasible {
				continue
			}
			if cost, err := m.cost(taken); err != nil || cost != want {
				t.Fatalf("problem %d, seed %d: %d, %v, want %d", i, seed, cost, err, want)
			}
			if cost, err := m.cost(taken[1:]); err == nil {
				t.Fatalf("problem %d, seed %d: a plan without its first shipment costs %d", i, seed, cost)
			}
		}
	}
}

// TestPrices holds the engine against trying everything at the prices of the naive version and of Explain, and wants it noticed
// when a price is wrong.
func TestPrices(t *testing.T) {
	cfg := usualWorld
	cfg.Warehouses, cfg.Stocked, cfg.Lines, cfg.Services = 5, 40, 3, 2
	f, err := newMade(cfg, 30)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	var d engine.Decision
	tried := 0
	for i := range f.orders {
		cost := f.decide(i, &d)
		explained, err := f.explained(&f.orders[i], f.nows[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*problem{f.problems[i], explained} {
			p = p.cheapest()
			if len(p.candidates) > 14 {
				continue // too many to try
			}
			tried++
			if got := bruteForce(p); got != cost {
				t.Errorf("order %d: trying everything finds %d, the engine %d", i, got, cost)
			}
			for j := range p.candidates {
				p.candidates[j].cost-- // a micro
			}
			if got := bruteForce(p); got == cost {
				t.Errorf("order %d: a micro less for every shipment, and the cost is the same", i)
			}
		}
		if costs, naively := fmt.Sprint(cost), fmt.Sprint(f.decideNaively(i)); costs != naively {
			t.Errorf("order %d: %s, naively %s", i, costs, naively)
		}
	}
	if tried < 20 {
		t.Errorf("only %d problems were small enough to try everything", tried)
	}
}

// A wrong price in one model is a difference.
func TestDifferenceIsNoticed(t *testing.T) {
	cfg := usualWorld
	cfg.Warehouses = 8
	f, err := newMade(cfg, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	m := &measurement{rounds: 2, slice: 1, progress: t.Output(), result: &result{}, tools: &toolbox{none: true}}
	if err := measureField(t.Context(), m, f); err != nil || len(m.result.Differences) > 0 {
		t.Fatalf("%v, %+v", err, m.result.Differences)
	}
	wrong := f.naives[2]
	wrong.Lines = append(slices.Clone(wrong.Lines), wrong.Lines[0]) // another order than the engine's
	f.naives[2] = wrong
	if err := measureField(t.Context(), m, f); err != nil {
		t.Fatal(err)
	}
	if len(m.result.Differences) != 1 || m.result.Differences[0].Order != f.orders[2].ID || m.result.Differences[0].Who != naiveName {
		t.Errorf("%+v", m.result.Differences)
	}
}

func TestReadSolution(t *testing.T) {
	status, taken, err := readSolution("Optimal - objective value 36080000.00000000\n      9 x9                     1                14710000\n     48 x48        0.9999999                21370000\n")
	if err != nil || status != statusOptimal || !slices.Equal(taken, []int{9, 48}) {
		t.Error(status, taken, err)
	}
	if status, _, err = readSolution("Infeasible - objective value 0.00000000\n"); err != nil || status != statusInfeasible {
		t.Error(status, err)
	}
	if status, _, err = readSolution("Stopped on time - objective value 5\n"); err != nil || status == statusOptimal || status == statusInfeasible {
		t.Error(status, err)
	}
	if _, _, err = readSolution("Optimal - objective value -nan\n 4 x4 -nan 12\n 7 y\n"); err == nil {
		t.Error("a solution of no numbers was read")
	}
}
