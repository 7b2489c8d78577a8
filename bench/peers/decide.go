package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	round() (answers, error)
	close() error
}

// A rival is who decides the orders of a field, and what that took.
type rival struct {
	name   string
	cpu    []float64 // microseconds of an order, by round
	least  []float64 // of each order, over the rounds
	decide func(i int) int64
	solver solver
	models []*model
}

// round decides every order once, or for at least a slice.
func (r *rival) round(n int, slice time.Duration) ([]int64, error) {
	if r.decide != nil {
		p := timed(n, slice, r.decide)
		r.took(p.cpu, p.each)
		return p.costs, nil
	}
	a, err := r.solver.round()
	if err != nil {
		return nil, err
	}
	r.took(a.cpu, a.each)
	costs := make([]int64, n)
	for i := range costs {
		switch a.status[i] {
		case statusOptimal:
			if costs[i], err = r.models[i].cost(a.taken[i]); err != nil {
				return nil, fmt.Errorf("%s: order %d: %w", r.name, i, err)
			}
		case statusInfeasible:
			costs[i] = infeasible
		default:
			return nil, fmt.Errorf("%s: order %d: %s", r.name, i, a.status[i])
		}
	}
	return costs, nil
}

func (r *rival) took(cpu float64, each []float64) {
	r.cpu = append(r.cpu, cpu)
	if r.least == nil {
		r.least = append(r.least, each...)
		return
	}
	for i, x := range each {
		r.least[i] = min(r.least[i], x)
	}
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
	made, err := newMade(m.world, m.orders)
	if err != nil {
		return err
	}
	defer made.close()
	fields := []*field{made}
	if !exists(m.network) {
		m.leaveOut("us-parcel", "there is no directory "+m.network)
	} else {
		parcel, err := newParcel(ctx, m.network, m.orders)
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
	differ := map[difference]bool{}
	for round := range m.rounds {
		m.tellf("%s: round %d of %d", f.name, round+1, m.rounds)
		costs := make([][]int64, len(rivals))
		for i := range rivals {
			at := (i + round) % len(rivals)
			if costs[at], err = rivals[at].round(n, m.slice); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		for r := range rivals {
			for i, c := range costs[r] {
				if c != costs[0][i] {
					differ[difference{f.name, f.orders[i].ID, rivals[r].name, c, costs[0][i]}] = true
				}
			}
		}
	}
	for d := range differ {
		m.result.Differences = append(m.result.Differences, d)
	}
	m.reportField(f, rivals, candidates/n, fewer/n)
	return nil
}

// The names of who decides.
const (
	allot     = "Allot"
	naiveName = "the naive version"
)

// solvers starts those that are there, each with both models.
func (m *measurement) solvers(ctx context.Context, all, easy []*model) (rivals []*rival, err error) {
	start := func(name string, t *tool, err error, begin func(context.Context, *tool, []*model, string) (solver, string, error)) error {
		if err != nil {
			m.leaveOut(name, err.Error())
			return nil
		}
		for i, set := range []struct {
			name   string
			models []*model
		}{{"services chosen before", easy}, {"all services", all}} {
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
			rivals = append(rivals, &rival{name: name + ", " + set.name, solver: s, models: set.models})
		}
		return nil
	}
	t, missing := m.tools.highs(ctx)
	err = start("HiGHS", t, missing, func(ctx context.Context, t *tool, models []*model, dir string) (solver, string, error) {
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
	err = start("CBC", t, missing, func(ctx context.Context, t *tool, models []*model, dir string) (solver, string, error) {
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
		part.Rows = append(part.Rows, &figure{Name: "    by order: least, median, most", Unit: "times", Rounds: bench.Ratios(r.least, rivals[0].least)})
		if r.solver != nil && f.promised {
			m.atLeast(r.name+" / Allot, processor time", 1_000, times)
		}
	}
	m.result.Tables = append(m.result.Tables, part)
}
