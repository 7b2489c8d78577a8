package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/engine"
)

// The states of an answer that say all there is to know.
const (
	statusOptimal    = "optimal"
	statusInfeasible = "infeasible"
)

// answers are what a solver says of the models of all orders, and what it took.
type answers struct {
	cpu    float64   // microseconds of processor time of a model, on average
	each   []float64 // microseconds of each
	status []string
	taken  [][]int // columns
}

func newAnswers(n int) answers {
	return answers{each: make([]float64, n), status: make([]string, n), taken: make([][]int, n)}
}

// A solver solves the models that it was made with.
type solver interface {
	round(which []int) (answers, error)
	close() error
}

// A rival is who decides the orders of a field, and what that took.
type rival struct {
	name   string
	cpu    []float64 // microseconds of an order, by round
	each   []float64 // microseconds of each order, in the order of the rounds
	decide func(i int) int64
	solver solver
	models []*model
}

// round decides some orders once, or over and over for at least a slice.
func (r *rival) round(which []int, slice time.Duration) ([]int64, error) {
	if r.decide != nil {
		p := timed(which, slice, r.decide)
		r.took(p.cpu, p.each)
		return p.costs, nil
	}
	a, err := r.solver.round(which)
	if err != nil {
		return nil, err
	}
	r.took(a.cpu, a.each)
	costs := make([]int64, len(which))
	for k, i := range which {
		switch a.status[k] {
		case statusOptimal:
			if costs[k], err = r.models[i].cost(a.taken[k]); err != nil {
				return nil, fmt.Errorf("%s: order %d: %w", r.name, i, err)
			}
		case statusInfeasible:
			costs[k] = infeasible
		default:
			return nil, fmt.Errorf("%s: order %d: %s", r.name, i, a.status[k])
		}
	}
	return costs, nil
}

func (r *rival) took(cpu float64, each []float64) {
	r.cpu, r.each = append(r.cpu, cpu), append(r.each, each...)
}

// A difference is an order of which somebody says another cost than Allot.
type difference struct {
	Field string `json:"field"`
	Order string `json:"order"`
	Who   string `json:"who"`
	Cost  int64  `json:"cost_micros"` // -1: no plan
	Allot int64  `json:"allot_micros"`
}

// measureDecide compares what a decision costs on the same orders, and their costs.
func measureDecide(ctx context.Context, m *measurement) error {
	m.tellf("drawing and pricing orders that need a split")
	usual, err := newMade(m.world, m.orders)
	if err != nil {
		return err
	}
	usual.promised = true
	defer usual.close()
	few := m.world
	few.Stocked = min(few.Stocked, scarce)
	sparse, err := newMade(few, max(m.orders/5, 1))
	if err != nil {
		return err
	}
	defer sparse.close()
	fields := []*field{usual, sparse}
	if !exists(m.network) {
		m.leaveOut("us-parcel", "there is no directory "+m.network)
	} else {
		parcel, err := newParcel(ctx, m.network, max(m.orders/5, 1))
		if err != nil {
			return err
		}
		defer parcel.close()
		fields = append(fields, parcel)
	}
	for _, f := range fields {
		if err := measureField(ctx, m, f); err != nil {
			return err
		}
	}
	return nil
}

// share returns the orders of a round, so that the rounds together have each order once.
func share(n, round, rounds int) (which []int) {
	for i := round; i < n; i += rounds {
		which = append(which, i)
	}
	return which
}

func measureField(ctx context.Context, m *measurement, f *field) (err error) {
	candidates, fewer := 0, 0
	all, easy := make([]*model, len(f.problems)), make([]*model, len(f.problems))
	for i, p := range f.problems {
		best := p.cheapest()
		all[i], easy[i] = newModel(p), newModel(best)
		candidates, fewer = candidates+len(p.candidates), fewer+len(best.candidates)
	}
	n := len(f.orders)
	m.tellf("%s: %d orders; %d shipments to choose from, %d when services are chosen before", f.name, n, candidates/n, fewer/n)
	var d engine.Decision
	rivals := []*rival{{name: allot, decide: func(i int) int64 { return f.decide(i, &d) }}}
	if f.naive != nil {
		rivals = append(rivals, &rival{name: naiveName, decide: f.decideNaively})
	}
	solvers, err := m.solvers(ctx, all, easy)
	for _, r := range solvers {
		defer func() { err = errors.Join(err, r.solver.close()) }()
	}
	if err != nil {
		return err
	}
	rivals = append(rivals, solvers...)
	for range 3 { // until the lanes of all places are in the cache, which takes them in its own time
		for i := range n {
			f.decide(i, &d)
		}
	}
	for round := range m.rounds {
		m.tellf("%s: round %d of %d", f.name, round+1, m.rounds)
		which, costs := share(n, round, m.rounds), make([][]int64, len(rivals))
		if len(which) == 0 {
			continue // more rounds than orders
		}
		for i := range rivals {
			at := (i + round) % len(rivals)
			if costs[at], err = rivals[at].round(which, m.slice); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		for r := range rivals {
			if r > 0 {
				m.result.compare(rivals[r].name, len(costs[r]))
			}
			for k, c := range costs[r] {
				if c != costs[0][k] {
					m.result.Differences = append(m.result.Differences, difference{f.name, f.orders[which[k]].ID, rivals[r].name, c, costs[0][k]})
				}
			}
		}
	}
	m.reportField(f, rivals, candidates/n, fewer/n)
	return nil
}

// The names of who decides.
const (
	allot     = "Allot"
	naiveName = "the naive version"
	highsName = "HiGHS"
	cbcName   = "CBC"

	allServices = ", all services"
	chosen      = ", services chosen before"
)

// A modelSet is the models of one kind of all orders.
type modelSet struct {
	name   string
	models []*model
}

// solvers starts those that are there, each with both models, or, quick, with the one that lets it choose the services.
func (m *measurement) solvers(ctx context.Context, all, easy []*model) (rivals []*rival, err error) {
	sets := []modelSet{{chosen, easy}, {allServices, all}}
	if m.quick {
		sets = sets[1:]
	}
	start := func(name string, t *tool, err error, begin func(context.Context, *tool, []*model, string) (solver, string, error)) error {
		if err != nil {
			m.leaveOut(name, err.Error())
			return nil
		}
		for i, set := range sets {
			dir, err := os.MkdirTemp(m.dir, "models-")
			if err != nil {
				return err
			}
			s, version, err := begin(ctx, t, set.models, dir)
			if err != nil && i == 0 {
				m.leaveOut(name, err.Error())
				return nil
			}
			if err != nil {
				return err
			}
			m.version(name, version)
			rivals = append(rivals, &rival{name: name + set.name, solver: s, models: set.models})
		}
		return nil
	}
	t, missing := m.tools.highs(ctx)
	err = start(highsName, t, missing, func(ctx context.Context, t *tool, models []*model, dir string) (solver, string, error) {
		h, err := newHiGHS(ctx, t, models, dir)
		if err != nil {
			return nil, "", err
		}
		return h, h.version + " (npm highs, WebAssembly, node " + h.node + ")", nil
	})
	if err != nil {
		return rivals, err
	}
	t, missing = m.tools.cbc(ctx)
	err = start(cbcName, t, missing, func(ctx context.Context, t *tool, models []*model, dir string) (solver, string, error) {
		c, err := newCBC(ctx, t, models, dir)
		if err != nil {
			return nil, "", err
		}
		return c, c.version + " (" + filepath.Base(t.program) + " of Debian's coinor-cbc)", nil
	})
	return rivals, err
}

// reportField writes what the rivals took, and the ratios to Allot.
func (m *measurement) reportField(f *field, rivals []*rival, candidates, fewer int) {
	part := &table{
		Title: fmt.Sprintf("One decision, %d orders that need a split (%s)", len(f.orders), f.name),
		Note: fmt.Sprintf("Prices in the models are %s; %d shipments an order to choose from, %d of them the cheapest of their warehouse and lines.",
			f.prices, candidates, fewer),
	}
	for _, r := range rivals {
		part.Rows = append(part.Rows, &figure{Name: r.name, Unit: "cpu µs/order", Rounds: r.cpu})
	}
	for _, r := range rivals[1:] {
		times := bench.Ratios(r.cpu, rivals[0].cpu)
		part.Rows = append(part.Rows, &figure{Name: r.name + " / Allot", Unit: "times", Rounds: times})
		part.Rows = append(part.Rows, &figure{Name: "    by order", Unit: "times", Rounds: bench.Ratios(r.each, rivals[0].each)})
		if f.promised && slices.Contains([]string{highsName + allServices, cbcName + allServices}, r.name) {
			m.atLeast(r.name+" / Allot, processor time", 1_000, times)
		}
	}
	m.result.Tables = append(m.result.Tables, part)
}
