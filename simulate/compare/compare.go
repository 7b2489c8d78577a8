package compare

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// A Source is a run as it is read for comparing.
type Source struct {
	Name     string            // as "base" or "close reno"
	Currency string            // as "USD"
	Terms    []string          // of Shipment.Costs
	Partial  bool              // the run was stopped before its end
	Sources  map[string]string // what went in, by content hash

	// Orders gives the run's orders, ascending in time; each may be reused for the next. It is called once for every comparison
	// that the run is part of, and the sequences may be read at the same time.
	Orders func() iter.Seq2[*results.Order, error]

	// Capacities gives how many shipments warehouses may hand over on a day; nil: nothing is known.
	Capacities func() ([]Capacity, error)
}

// A Capacity is how many shipments a warehouse can hand over on a day. Days without limit have none.
type Capacity struct {
	Date      units.Date
	Warehouse string
	Shipments int64
}

// Options say how runs are compared. A zero field takes the default in its comment.
type Options struct {
	Replicates int        // of the bootstrap; default 1000
	Seed       uint64     // of the bootstrap; default 1
	Confidence float64    // of intervals, between 0 and 1; default 0.95
	Percentile bool       // plain percentile intervals; default: corrected for bias and skewness (BCa)
	Days       bool       // draw whole days (of ordering, UTC) instead of orders
	Rows       int        // of each table in compare.json, the largest first; the CSV files have all. Default 1000
	Thresholds Thresholds // what makes a run a go; none: every run is
	Workers    int        // goroutines; default GOMAXPROCS. It never changes the answer

	Progress func(done int64) // is told now and then how many orders were read, of all comparisons together; may be nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Replicates == 0 {
		o.Replicates = 1000
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Confidence == 0 {
		o.Confidence = 0.95
	}
	if o.Rows == 0 {
		o.Rows = 1000
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case o.Replicates < 10 || o.Replicates > 1_000_000:
		return o, fmt.Errorf("compare: %d replicates of the bootstrap; take 10 to 1,000,000", o.Replicates)
	case !(o.Confidence > 0 && o.Confidence < 1):
		return o, fmt.Errorf("compare: a confidence of %v; take one between 0 and 1, as 0.95", o.Confidence)
	case o.Rows < 0:
		return o, fmt.Errorf("compare: %d rows", o.Rows)
	}
	return o, nil
}

// Sources compares runs with a base, order by order. Its errors are those of reading the runs, runs in different currencies or
// out of time order, thresholds on figures that there are none of, options out of range, and the context's.
//
// It reads base once for each run. Memory grows with the places, SKUs and kinds of moves that there are, not with the orders.
func Sources(ctx context.Context, base Source, runs []Source, o Options) (*Comparison, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if r.Currency != base.Currency {
			return nil, fmt.Errorf("compare: %s is in %s and %s in %s; only runs in one currency can be compared", base.Name, base.Currency, r.Name, r.Currency)
		}
	}
	c := &Comparison{Format: Format, Currency: base.Currency, Go: true}
	c.Method.fill(o)
	for _, t := range o.Thresholds {
		c.Thresholds = append(c.Thresholds, t.String())
	}
	c.Runs = make([]Against, len(runs))
	faults := make([]error, len(runs))
	bases := make([]Totals, len(runs))
	progress := newProgress(o.Progress)
	room := make(chan struct{}, o.Workers)
	var work sync.WaitGroup
	for i := range runs {
		room <- struct{}{}
		work.Go(func() {
			defer func() { <-room }()
			bases[i], faults[i] = against(ctx, base, runs[i], o, progress, &c.Runs[i])
		})
	}
	work.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	if len(runs) > 0 {
		c.Base = bases[0]
	}
	for i := range c.Runs {
		c.Go = c.Go && c.Runs[i].Verdict.Go
	}
	return c, nil
}

// One describes a single run in the terms of a comparison: a run held against itself, read once. Its changes are all zero.
func One(ctx context.Context, run Source, o Options) (*Comparison, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Comparison{Format: Format, Single: true, Currency: run.Currency, Runs: make([]Against, 1)}
	c.Method.fill(o)
	for _, t := range o.Thresholds {
		c.Thresholds = append(c.Thresholds, t.String())
	}
	a := newAgainst(run, run, o)
	if err := a.readOne(ctx, run, newProgress(o.Progress)); err != nil {
		return nil, err
	}
	if c.Base, err = a.finish(&c.Runs[0]); err != nil {
		return nil, err
	}
	c.Go = c.Runs[0].Verdict.Go
	return c, nil
}

// progress adds up what several comparisons have read.
type progress struct {
	mu   sync.Mutex
	done int64
	tell func(int64)
}

func newProgress(tell func(int64)) *progress { return &progress{tell: tell} }

func (p *progress) add(n int64) {
	if p.tell == nil || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.tell(p.done)
}

func against(ctx context.Context, base, run Source, o Options, p *progress, into *Against) (Totals, error) {
	a := newAgainst(base, run, o)
	if err := a.read(ctx, base, run, p); err != nil {
		return Totals{}, err
	}
	return a.finish(into)
}
