// The command ma runs the solver's look-ahead on the multi-item fulfilment instances that Jasin and Sinha (2015) and Ma
// (2023) experiment on, made anew with the same public generator parameters.
//
//	go run ./bench/ma [--carry 0.75] [--instances 30] [--sequences 30] [--refresh 100] [--seed 1]
//	go run ./bench/ma --cities cities.csv --centres centres.csv …
//
// It prints one line of JSON for every instance, as soon as it and those before it are done, and one for all: what each
// policy costs over the linear program, as the mean over sequences of orders. README.md describes the instances and the
// policies.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/solver/ahead"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "ma:", err)
		}
		os.Exit(1)
	}
}

// A report is what the policies cost over the linear program, in the mean.
type report struct {
	Instance  string  `json:"instance"`
	Carry     float64 `json:"carry"`
	Sequences int     `json:"sequences"`
	LP        float64 `json:"lp"` // dollars
	Hindsight float64 `json:"hindsight_bound"`
	Myopic    float64 `json:"myopic"`
	Nearest   float64 `json:"nearest_centre"`
	Duals     float64 `json:"resolved_duals"`
	FillFirst float64 `json:"fill_first"`

	Closed        *float64 `json:"gap_closed"` // of myopic to hindsight, by the re-solved duals; null where there is none
	ClosedFilling *float64 `json:"gap_closed_fill_first"`
	Slowest       float64  `json:"worst_refresh"` // milliseconds
}

// closed returns which part of the way from myopic to hindsight a cost has gone; nil where myopic is as good as that.
func (r *report) closed(cost float64) *float64 {
	const least = 1e-6
	gap := r.Myopic - r.Hindsight
	if gap < least {
		return nil
	}
	part := (r.Myopic - cost) / gap
	return &part
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("ma", flag.ContinueOnError)
	flags.SetOutput(stderr)
	g := small()
	flags.Float64Var(&g.carry, "carry", g.carry, "probability that a centre carries an item")
	flags.IntVar(&g.items, "items", g.items, "items")
	flags.IntVar(&g.sizes, "sizes", g.sizes, "most items of an order")
	flags.IntVar(&g.types, "types", g.types, "order types of each size")
	flags.IntVar(&g.horizon, "horizon", g.horizon, "orders until the stock is replenished, empty ones included")
	instances := flags.Int("instances", 30, "instances")
	sequences := flags.Int("sequences", 30, "sequences of orders for each")
	refresh := flags.Int("refresh", 100, "orders from one refresh of the prices to the next")
	steps := flags.Int("steps", 2000, "of the bounds")
	workers := flags.Int("workers", runtime.GOMAXPROCS(0), "instances at once; it changes the time, never the answer")
	seed := flags.Uint64("seed", 1, "of everything")
	cities := flags.String("cities", "", "CSV file of cities: name, state, latitude, longitude, population (default: 10 cities)")
	centres := flags.String("centres", "", "CSV file of centres: name, state, latitude, longitude (default: 5 centres)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *instances < 1 || *sequences < 1 || *refresh < 1 || *workers < 1 || g.items < g.sizes || g.sizes < 1 || g.sizes > ahead.MaxLines || g.types < 1 || g.horizon < 1 ||
		!(g.carry >= 0 && g.carry <= 1) || flags.NArg() != 0 {
		return fmt.Errorf("give numbers of at least 1, at most %d items an order, a probability, and no other arguments", ahead.MaxLines)
	}
	if err := errors.Join(readPlaces(*cities, &g.cities, 5), readPlaces(*centres, &g.centres, 4)); err != nil {
		return err
	}
	reports, done := make([]report, *instances), make([]chan struct{}, *instances)
	for i := range done {
		done[i] = make(chan struct{})
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(*workers, *instances) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(reports) {
					return
				}
				in := g.instance(*seed, uint64(i))
				reports[i] = in.run(*sequences, *refresh, *steps)
				reports[i].Instance, reports[i].Carry = fmt.Sprint(i), g.carry
				close(done[i])
			}
		})
	}
	defer wg.Wait()
	out := json.NewEncoder(stdout)
	all := report{Instance: "all", Carry: g.carry}
	for i := range reports {
		<-done[i]
		r, n := &reports[i], float64(len(reports))
		if err := out.Encode(r); err != nil {
			return err
		}
		all.Sequences += r.Sequences
		all.LP += r.LP / n
		all.Hindsight += r.Hindsight / n
		all.Myopic += r.Myopic / n
		all.Nearest += r.Nearest / n
		all.Duals += r.Duals / n
		all.FillFirst += r.FillFirst / n
		all.Slowest = max(all.Slowest, r.Slowest)
	}
	all.Closed, all.ClosedFilling = all.closed(all.Duals), all.closed(all.FillFirst)
	return out.Encode(&all)
}
