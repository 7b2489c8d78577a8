package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"runtime"
	"slices"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/solver"
)

// A result is the line that a case prints.
type result struct {
	File         string   `json:"file"`
	Kind         string   `json:"kind"`
	Lines        int      `json:"lines,omitempty"`
	Orders       int      `json:"orders,omitempty"`
	Warehouses   int      `json:"warehouses,omitempty"`
	Status       string   `json:"status"`
	Cost         *int64   `json:"cost"`
	Bound        *int64   `json:"lower_bound"`
	Gap          *float64 `json:"gap"`           // of the cost over the bound
	Optimum      *int64   `json:"optimum"`       // as the case states it
	AboveOptimum *float64 `json:"above_optimum"` // of the cost over the optimum
	BestKnown    *int64   `json:"best_known,omitempty"`
	AboveKnown   *float64 `json:"above_best_known,omitempty"`
	Matches      *bool    `json:"matches"` // null where the case states no optimum
	Myopic       *int64   `json:"myopic,omitempty"`
	Closed       *float64 `json:"gap_closed,omitempty"`              // of myopic to the bound
	ClosedStated *float64 `json:"gap_closed_of_stated,omitempty"`    // the same of the myopic cost that the case states
	Unfilled     *int64   `json:"unfilled_units,omitempty"`          // by the policy
	Refreshes    int      `json:"refreshes,omitempty"`               // of prices
	Refresh      float64  `json:"microseconds_of_refresh,omitempty"` // the slowest
	Microseconds float64  `json:"microseconds"`
	CPU          float64  `json:"cpu_microseconds,omitempty"` // of processors, where the system tells it
	Contradicted string   `json:"contradicted,omitempty"`
}

// A summary is what the cases of one kind, and of so many lines, came to.
type summary struct {
	Summary      string   `json:"summary"`
	Lines        int      `json:"lines,omitempty"`
	Warehouses   int      `json:"warehouses,omitempty"`
	Cases        int      `json:"cases"`
	NotSolved    int      `json:"not_solved,omitempty"`
	Optimal      int      `json:"optimal"`
	Infeasible   int      `json:"infeasible"`
	Matching     int      `json:"matching"`
	Contradicted int      `json:"contradicted"`
	P50          float64  `json:"microseconds_p50"`
	P99          float64  `json:"microseconds_p99"`
	Max          float64  `json:"microseconds_max"`
	CPU99        *float64 `json:"cpu_microseconds_p99,omitempty"`
	MaxCPU       *float64 `json:"cpu_microseconds_max,omitempty"`
	MeanGap      *float64 `json:"gap_mean,omitempty"`
	MaxGap       *float64 `json:"gap_max,omitempty"`
	MeanAbove    *float64 `json:"above_optimum_mean,omitempty"`
	MaxAbove     *float64 `json:"above_optimum_max,omitempty"`
	MeanClosed   *float64 `json:"gap_closed_mean,omitempty"`
	MaxRefresh   *float64 `json:"microseconds_of_refresh_max,omitempty"`
}

// A runner runs cases and remembers what they came to.
type runner struct {
	repeat       int
	only         []string // kinds
	season       seasonOptions
	out          *json.Encoder
	cases        int
	results      []result
	contradicted []string
}

// notSolved is the status of a case of a kind that this command cannot solve. It never counts as a success.
const notSolved = "not solved"

// kinds are the folders of cases that this command knows.
var kinds = []string{"order", "order_large", "batch", "batch_large", "season"}

func (r *runner) runAll(name string) error {
	files, err := readSet(name)
	if err != nil {
		return err
	}
	var rates *rateCard
	for i := range files {
		if f := &files[i]; path.Base(f.name) == "ratecard.json" {
			rates = &rateCard{}
			if err := decode(f, rates); err != nil {
				return err
			}
		}
	}
	var solve *orderSolver
	if rates != nil {
		c, err := compile(rates)
		if err != nil {
			return err
		}
		solve = &orderSolver{card: c}
	}
	for i := range files {
		f := &files[i]
		kind := f.kind()
		if !slices.Contains(r.only, kind) {
			continue
		}
		if solve == nil {
			return fmt.Errorf("%s: no ratecard.json", name)
		}
		var res result
		switch kind {
		case "order", "order_large":
			res, err = r.order(f, solve)
		case "batch", "batch_large":
			res, err = r.batch(f, solve.card)
		default:
			res, err = r.runSeason(f, solve.card)
		}
		res.File, res.Kind = f.name, kind
		if err != nil {
			return err
		}
		r.cases++
		if res.Contradicted != "" {
			r.contradicted = append(r.contradicted, res.File)
		}
		r.results = append(r.results, res)
		if err := r.out.Encode(&res); err != nil {
			return err
		}
	}
	return nil
}

// order solves one order and holds what is claimed against what the case states.
func (r *runner) order(f *file, s *orderSolver) (result, error) {
	var o orderCase
	if err := decode(f, &o); err != nil {
		return result{}, err
	}
	for i := range o.Warehouses {
		if len(o.Warehouses[i].Stock) != len(o.Lines) {
			return result{}, fmt.Errorf("%s: warehouse %d has stock of %d lines", f.name, i, len(o.Warehouses[i].Stock))
		}
	}
	carriers := s.card.carriersOf(&o)
	var plan solver.Plan
	var cert solver.Certificate
	took, cpu := make([]float64, r.repeat), make([]float64, r.repeat)
	runtime.LockOSThread() // whose time is told
	for i := range took {
		start, busy := time.Now(), cputime.Thread()
		plan, cert = s.solve(&o, carriers)
		cpu[i], took[i] = microseconds(cputime.Thread()-busy), microseconds(time.Since(start))
	}
	runtime.UnlockOSThread()
	slices.Sort(took)
	slices.Sort(cpu)
	res := result{
		Lines: len(o.Lines), Warehouses: len(o.Warehouses), Status: cert.Status.String(), Microseconds: took[len(took)/2], CPU: cpu[len(cpu)/2],
	}
	planned := cert.Status == solver.Optimal || cert.Status == solver.Bounded
	if planned {
		res.Cost = &plan.Cost
		if err := verify(&o, s.card.rates, &plan); err != nil {
			res.Contradicted = err.Error()
		}
	}
	if cert.Status != solver.Infeasible {
		res.Bound = &cert.Bound
	}
	res.compare(o.Status, o.Optimum)
	if cert.Status == solver.Infeasible && o.Status == "infeasible" {
		yes := true
		res.Matches = &yes
	}
	return res, nil
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// compare fills in what follows from the optimum that a case states, and what it contradicts.
func (res *result) compare(stated string, optimum *int64) {
	contradict := func(how string) {
		if res.Contradicted == "" {
			res.Contradicted = how
		}
	}
	res.Gap = excess(res.Cost, res.Bound)
	if res.Cost != nil && res.Bound != nil && *res.Bound > *res.Cost {
		contradict("the bound is above the plan's own cost")
	}
	switch stated {
	case "infeasible":
		no := false
		res.Matches = &no
		if res.Cost != nil {
			contradict("a plan where none is possible")
		}
	case "optimal":
		if optimum == nil {
			return
		}
		res.Optimum, res.AboveOptimum = optimum, excess(res.Cost, optimum)
		matches := res.Cost != nil && *res.Cost == *optimum
		res.Matches = &matches
		switch {
		case res.Status == "infeasible":
			contradict("called infeasible")
		case res.Status == "optimal" && !matches:
			contradict("called optimal")
		case res.Cost != nil && *res.Cost < *optimum:
			contradict("cheaper than the proven optimum")
		case res.Bound != nil && *res.Bound > *optimum:
			contradict("a bound above the proven optimum")
		}
	}
}

// excess returns by which part a is more than b.
func excess(a, b *int64) *float64 {
	if a == nil || b == nil || *b == 0 {
		return nil
	}
	x := float64(*a-*b) / float64(*b)
	return &x
}

// summary returns what the cases came to: all of a kind, and those of so many lines and warehouses.
func (r *runner) summary() []summary {
	type group struct {
		kind              string
		lines, warehouses int
	}
	groups := map[group][]*result{}
	for i := range r.results {
		res := &r.results[i]
		groups[group{kind: res.Kind}] = append(groups[group{kind: res.Kind}], res)
		if res.Lines > 0 {
			g := group{res.Kind, res.Lines, res.Warehouses}
			groups[g] = append(groups[g], res)
		}
	}
	keys := make([]group, 0, len(groups))
	for g := range groups {
		keys = append(keys, g)
	}
	slices.SortFunc(keys, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.lines, b.lines), cmp.Compare(a.warehouses, b.warehouses))
	})
	out := make([]summary, 0, len(keys))
	for _, g := range keys {
		out = append(out, summarize(g.kind, g.lines, g.warehouses, groups[g]))
	}
	return out
}

func summarize(kind string, lines, warehouses int, results []*result) summary {
	s := summary{Summary: kind, Lines: lines, Warehouses: warehouses, Cases: len(results)}
	var took, cpu, gaps, above, closed, refresh []float64
	for _, res := range results {
		switch res.Status {
		case notSolved:
			s.NotSolved++
			continue
		case "optimal":
			s.Optimal++
		case "infeasible":
			s.Infeasible++
		}
		if res.Matches != nil && *res.Matches {
			s.Matching++
		}
		if res.Contradicted != "" {
			s.Contradicted++
		}
		took = append(took, res.Microseconds)
		if res.CPU > 0 {
			cpu = append(cpu, res.CPU)
		}
		if res.Closed != nil {
			closed, refresh = append(closed, *res.Closed), append(refresh, res.Refresh)
		}
		if res.Gap != nil {
			gaps = append(gaps, *res.Gap)
		}
		if res.AboveOptimum != nil {
			above = append(above, *res.AboveOptimum)
		}
	}
	slices.Sort(took)
	s.P50, s.P99, s.Max = quantile(took, 50), quantile(took, 99), quantile(took, 100)
	if len(cpu) > 0 {
		slices.Sort(cpu)
		at99, most := quantile(cpu, 99), quantile(cpu, 100)
		s.CPU99, s.MaxCPU = &at99, &most
	}
	s.MeanGap, s.MaxGap = meanAndMax(gaps)
	s.MeanAbove, s.MaxAbove = meanAndMax(above)
	s.MeanClosed, _ = meanAndMax(closed)
	_, s.MaxRefresh = meanAndMax(refresh)
	return s
}

// quantile returns the value that so many percent of the sorted values do not exceed.
func quantile(sorted []float64, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

func meanAndMax(values []float64) (mean, most *float64) {
	if len(values) == 0 {
		return nil, nil
	}
	sum, top := 0.0, slices.Max(values)
	for _, v := range values {
		sum += v
	}
	sum /= float64(len(values))
	return &sum, &top
}
