package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/bench/workload"
)

// A workloadFlags is how allot bench workload was called.
type workloadFlags struct {
	out    string
	seed   uint64
	season time.Duration
	list   bool
	asJSON bool
}

// seasonFile is the season in a directory that allot bench workload writes.
const seasonFile = "season.parquet"

func newBenchWorkload(t *terminal) *cobra.Command {
	var fl workloadFlags
	cmd := &cobra.Command{
		Use:   "workload SPEC",
		Short: "Show what a workload sends, or write it as a network and a season",
		Long: `Workload draws a workload from a spec and a seed and tells what is in it. SPEC is a YAML file, which bench/README.md
describes, or the name of one that comes with allot; --list shows those. The same spec and seed are the same workload on any
machine, which its hash shows.

With --out it is written for other commands: DIR/network is a network directory with stock, for "allot serve" and "allot
network check"; DIR/season.parquet has the orders that come in the time that --for says, and the stock that comes back, for
"allot simulate"; DIR/workload.yaml is the spec, for "allot bench run".`,
		Example: `  allot bench workload --list
  allot bench workload steady
  allot bench workload peak-day --seed 7 --for 24h --out peak
  allot simulate --network peak/network --orders peak/season.parquet --out result`,
		Args: func(cmd *cobra.Command, args []string) error {
			if fl.list {
				return arguments(0, 0, "no arguments beside --list")(cmd, args)
			}
			return arguments(1, 1, "SPEC")(cmd, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return workload.Builtins(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if fl.list {
				return listWorkloads(t, &fl)
			}
			if cmd.Flags().Changed("for") && (fl.season <= 0 || fl.season > time.Duration(workload.MaxDuration)) {
				return misusef("--for: write how long, from 1s to %s", workload.MaxDuration)
			}
			return showWorkload(t, &fl, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.out, "out", "", "write the workload into the directory `DIR`, which is made; it must be empty or not be there")
	f.Uint64Var(&fl.seed, "seed", 1, "the `NUMBER` from which everything is drawn")
	f.DurationVar(&fl.season, "for", 10*time.Minute, "how long the season is, a `DURATION` as 90s or 24h")
	f.BoolVar(&fl.list, "list", false, "list the specs that come with allot")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "out")
	completeFlag(cmd, "seed", cobra.NoFileCompletions)
	completeFlag(cmd, "for", cobra.NoFileCompletions)
	return cmd
}

// A listedWorkload is one of what allot bench workload --list --json prints.
type listedWorkload struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func listWorkloads(t *terminal, fl *workloadFlags) error {
	var list []listedWorkload
	names := grid{names: []string{"workload", "what it is"}}
	for _, name := range workload.Builtins() {
		spec, _ := workload.Builtin(name)
		list = append(list, listedWorkload{spec.Name, spec.Description})
		names.add(spec.Name, spec.Description)
	}
	if fl.asJSON {
		return writeJSON(t.out, list)
	}
	names.print(t.out, "")
	return nil
}

// A workloadAnswer is what allot bench workload --json prints.
type workloadAnswer struct {
	Name        string           `json:"name"`
	Description string           `json:"description,omitempty"`
	Seed        uint64           `json:"seed"`
	Hash        string           `json:"hash"`
	Start       time.Time        `json:"start"`
	Network     string           `json:"network,omitempty"` // the directory that it was read from
	Warehouses  int              `json:"warehouses"`
	SKUs        int              `json:"skus"`
	Cells       int              `json:"cells"`  // pairs of SKU and warehouse with stock
	Places      int              `json:"places"` // of destinations
	Best        float64          `json:"bestSkuShare"`
	Percentile  float64          `json:"bestHundredthShare"` // of the lines, those of the best hundredth of the SKUs
	Arrivals    string           `json:"arrivals"`
	Mean        float64          `json:"ordersPerSecond"`
	Ends        *float64         `json:"endsAfterSeconds,omitempty"`
	Seconds     float64          `json:"seconds"` // that were looked at
	Events      map[string]int64 `json:"events"`  // in them, by kind
	Out         string           `json:"out,omitempty"`
	Orders      int              `json:"seasonOrders,omitempty"`
	Moves       int              `json:"seasonMoves,omitempty"`
	SeasonHash  string           `json:"seasonHash,omitempty"`
}

// lookedAt is how many events are counted where no season is written.
const lookedAt = 200_000

func showWorkload(t *terminal, fl *workloadFlags, name string) error {
	spec, err := workload.Open(name)
	if err != nil {
		return err
	}
	w, err := workload.New(spec, fl.seed)
	if err != nil {
		return err
	}
	arrivals := w.Arrivals()
	answer := &workloadAnswer{
		Name: spec.Name, Description: spec.Description, Seed: fl.seed, Hash: w.Hash(), Start: time.Unix(int64(w.Start()), 0).UTC(),
		Network: spec.Network.Directory, Warehouses: w.Warehouses(), SKUs: len(w.SKUs()), Cells: w.Cells(), Places: w.Places(),
		Best: w.Demand(1), Percentile: w.Demand((len(w.SKUs()) + 99) / 100), Arrivals: arrivals.String(), Mean: arrivals.Mean(), Events: map[string]int64{},
	}
	if d := arrivals.Length(); d < math.MaxInt64 {
		s := d.Seconds()
		answer.Ends = &s
	}
	progress := newProgress(t, fl.asJSON, "event")
	stream, last, seen := w.Events(arrivals), time.Duration(0), 0
	for e := (workload.Event{}); stream.Next(&e); {
		if fl.out != "" && e.Due >= fl.season {
			last = fl.season
			break
		}
		last = e.Due
		answer.Events[e.Kind.String()]++
		if seen++; seen%100_000 == 0 {
			progress.step(seen)
		}
		if fl.out == "" && seen == lookedAt {
			break
		}
	}
	progress.clear()
	answer.Seconds = last.Seconds()
	if fl.out != "" {
		if err := writeWorkload(fl, w, answer); err != nil {
			return err
		}
	}
	if fl.asJSON {
		return writeJSON(t.out, answer)
	}
	answer.print(t.out)
	return nil
}

// writeWorkload writes the directory.
func writeWorkload(fl *workloadFlags, w *workload.Workload, answer *workloadAnswer) error {
	season, err := w.History(fl.season)
	if err != nil {
		return err
	}
	if err := w.Write(fl.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	f, err := os.Create(filepath.Join(fl.out, seasonFile))
	if err != nil {
		return err
	}
	if err := errors.Join(season.WriteParquet(f), f.Close()); err != nil {
		return err
	}
	answer.Out, answer.Orders, answer.Moves, answer.SeasonHash = fl.out, season.Len(), len(season.Moves), season.Hash
	return nil
}

func (a *workloadAnswer) print(out io.Writer) {
	fmt.Fprintf(out, "%s, seed %d: %.12s\n", a.Name, a.Seed, a.Hash)
	if a.Description != "" {
		fmt.Fprintln(out, a.Description)
	}
	network := "made from the seed"
	if a.Network != "" {
		network = a.Network
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	ends := "without end"
	if a.Ends != nil {
		ends = "ends after " + (time.Duration(*a.Ends) * time.Second).String()
	}
	fmt.Fprintf(out, "\nnetwork   %s: %s, %s, %s in stock\n", network, count(a.Warehouses, "warehouse"), count(a.SKUs, "SKU"), count(a.Cells, "pair"))
	fmt.Fprintf(out, "demand    %.1f %% of the lines for the best SKU, %.1f %% for the best hundredth of them\n", 100*a.Best, 100*a.Percentile)
	fmt.Fprintf(out, "places    %s\n", thousands(a.Places))
	fmt.Fprintf(out, "begins    %s\n", a.Start.Format(time.RFC3339))
	fmt.Fprintf(out, "arrivals  %s: %s orders a second in the mean, %s\n", a.Arrivals, number(math.Round(a.Mean*1000)/1000), ends)
	events := grid{names: []string{"event", ">number", ">an order"}}
	orders := max(a.Events[workload.Allocate.String()], 1)
	for _, k := range workload.Kinds {
		if n := a.Events[k.String()]; n > 0 {
			events.add(k.String(), thousands(int(n)), fmt.Sprintf("%.3f", float64(n)/float64(orders)))
		}
	}
	fmt.Fprintf(out, "\nin the first %s:\n", time.Duration(a.Seconds*1e9).Round(time.Millisecond))
	events.print(out, "  ")
	if a.Out == "" {
		return
	}
	fmt.Fprintf(out, "\nwritten to %s:\n", a.Out)
	fmt.Fprintf(out, "  network         for allot serve, with stock\n")
	fmt.Fprintf(out, "  %s  %s, %s, for allot simulate\n", seasonFile, count(a.Orders, "order"), count(a.Moves, "return"))
	fmt.Fprintf(out, "  workload.yaml   for allot bench run, with --seed %d\n", a.Seed)
}
