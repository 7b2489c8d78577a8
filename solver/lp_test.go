package solver

import (
	"errors"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"github.com/allot-engine/allot/internal/seeds"
)

// linearBound returns what the order costs when every warehouse may ship parts of its contents, parts of one content in
// all, by gonum's simplex: no plan costs less. It reports false where that has no answer.
func linearBound(t *testing.T, p *Problem) (float64, bool) {
	t.Helper()
	type column struct {
		w, set int
		cost   int64
	}
	var columns []column
	take := make([]int32, p.Lines)
	for w := range p.Warehouses {
	next:
		for set := 1; set < 1<<p.Lines; set++ {
			clear(take)
			for l, q := range p.Quantity {
				if set>>l&1 == 0 {
					continue
				}
				if p.usable(l, w) < q {
					continue next
				}
				take[l] = q
			}
			if o, ok := p.offer(w, take); ok {
				columns = append(columns, column{w, set, o.Cost + p.SplitCost})
			}
		}
	}
	rows, n := p.Lines+p.Warehouses, len(columns)+p.Warehouses
	if n < rows {
		return 0, false
	}
	a, b, c := mat.NewDense(rows, n, nil), make([]float64, rows), make([]float64, n)
	for i := range b {
		b[i] = 1
	}
	for j, col := range columns {
		c[j] = float64(col.cost)
		for l := range p.Lines {
			a.Set(l, j, float64(col.set>>l&1))
		}
		a.Set(p.Lines+col.w, j, 1)
	}
	for w := range p.Warehouses {
		a.Set(p.Lines+w, len(columns)+w, 1)
	}
	value, _, err := lp.Simplex(c, a, b, 1e-10, nil)
	if errors.Is(err, lp.ErrInfeasible) || errors.Is(err, lp.ErrSingular) || errors.Is(err, lp.ErrZeroColumn) || errors.Is(err, lp.ErrZeroRow) {
		return 0, false
	}
	if err != nil {
		t.Logf("simplex: %v", err)
		return 0, false
	}
	return value - float64(p.SplitCost), true
}

// No plan costs less than the linear bound says.
func TestOptimumAndLinearBound(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var s Scratch
	compared, tight := 0, 0
	for range rounds(300, 2000, 100_000) {
		p := columnsProblem(rng, true)
		p.MaxShipments = 0
		plan, cert := Split(p, &s)
		if cert.Status != Optimal {
			continue
		}
		bound, ok := linearBound(t, p)
		if !ok {
			continue
		}
		compared++
		if float64(plan.Cost) < bound-1e-6 {
			t.Fatalf("cost %d under the linear bound %v: %s", plan.Cost, bound, describeColumns(p))
		}
		if float64(plan.Cost) < bound+1e-6 {
			tight++
		}
	}
	t.Logf("%d compared, %d tight", compared, tight)
	if compared < 20 || tight == 0 {
		t.Error("the random problems no longer cover the outcomes")
	}
}
