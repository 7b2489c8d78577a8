package compare

import (
	"context"
	"path/filepath"

	"github.com/allot-engine/allot/simulate/results"
)

// Of returns a run's results as a source. It is named as the run is, or as its directory where the run has no name.
func Of(run *results.Run) Source {
	s := Source{Name: run.Summary.Name, Currency: run.Summary.Currency, Terms: run.Terms, Partial: run.Summary.Partial, Sources: run.Summary.Sources, Orders: run.Orders}
	if s.Name == "" {
		s.Name = filepath.Base(run.Dir)
	}
	s.Capacities = func() ([]Capacity, error) {
		days, err := run.Daily()
		var limits []Capacity
		for _, d := range days {
			if d.Service == "" && d.Capacity >= 0 {
				limits = append(limits, Capacity{Date: d.Date, Warehouse: d.Warehouse, Shipments: d.Capacity})
			}
		}
		return limits, err
	}
	return s
}

// Compare compares the results of runs with those of a base, as [Sources] does. Runs of one name are told apart by their
// directories.
func Compare(ctx context.Context, base *results.Run, runs []*results.Run, o Options) (*Comparison, error) {
	from, to := Of(base), make([]Source, len(runs))
	count := map[string]int{from.Name: 1}
	for i, r := range runs {
		to[i] = Of(r)
		count[to[i].Name]++
	}
	for i, r := range runs {
		if count[to[i].Name] > 1 {
			to[i].Name += " (" + filepath.Base(r.Dir) + ")"
		}
	}
	return Sources(ctx, from, to, o)
}

// Run describes the results of one run, as [One] does.
func Run(ctx context.Context, run *results.Run, o Options) (*Comparison, error) {
	return One(ctx, Of(run), o)
}
