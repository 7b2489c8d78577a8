package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/faults"
)

// A saturateFlags is how allot bench saturate was called.
type saturateFlags struct {
	loadFlags

	search    load.Search
	tolerance float64
	window    time.Duration
}

func newBenchSaturate(t *terminal) *cobra.Command {
	var fl saturateFlags
	cmd := &cobra.Command{
		Use:   "saturate",
		Short: "Find the highest rate of orders at which the objective holds",
		Long: `Saturate runs a workload in short windows at one rate of orders after the other and finds the highest at which --slo holds. It doubles
the rate from --from on until a window does not hold, and then halves the distance until the two are within --tolerance. In the search
a rate is given up when two windows in a row do not hold. The rate that is left must be confirmed: more than half of --windows must
hold; one that is not is lowered by the tolerance, and one that is raised, until the next is not confirmed any more. A window with a
failure of correctness does not hold.

An own server is started anew for each window, so that none begins with the holds, or on the shelves, that another has left. With
--target the server goes on; mind its stock. When the generator was the bottleneck above the rate that was found, that is said: the
server may take more.

The result is that of the last window that held at the rate that was found, with all windows in "windows". The exit code is 6 when
no rate holds, or when the books of any window do not.`,
		Example: `  allot bench saturate --workload steady --slo "p99<20ms,errors<0.1%"
  allot bench saturate --mode stream --per-message 100 --durable data --from 5000 --duration 20s --out result`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fl.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return benchSaturateIt(cmd.Context(), t, &fl)
		},
	}
	fl.add(cmd, "p99<20ms,errors<0.1%")
	f := cmd.Flags()
	f.Float64Var(&fl.search.From, "from", 500, "the first `RATE` of orders a second")
	f.Float64Var(&fl.search.Most, "most", 1_000_000, "try no `RATE` above it")
	f.Float64Var(&fl.tolerance, "tolerance", 5, "come as near to the limit as `PERCENT` of it, 0.5 to 50")
	f.IntVar(&fl.search.Windows, "windows", 3, "`N` windows that confirm a rate, 1 to 99")
	f.DurationVar(&fl.window, "duration", 10*time.Second, "`TIME` that is measured of each window, after --warm-up")
	for _, name := range []string{"from", "most", "tolerance", "windows", "duration"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

func (fl *saturateFlags) check(given func(flag string) bool) error {
	if err := fl.loadFlags.check(given); err != nil {
		return err
	}
	var bad faults.List
	if !(fl.search.From > 0 && fl.search.From <= 1e7) {
		bad.Addf("", 0, 0, "--from", "write orders a second, as 500", "%v is no rate", fl.search.From)
	}
	if !(fl.search.Most > 0 && fl.search.Most <= 1e7) {
		bad.Addf("", 0, 0, "--most", "write orders a second, as 100000", "%v is no rate", fl.search.Most)
	}
	if !(fl.tolerance >= 0.5 && fl.tolerance <= 50) {
		bad.Addf("", 0, 0, "--tolerance", "write percent from 0.5 to 50, as 5", "%v is out of range", fl.tolerance)
	}
	if fl.search.Windows < 1 || fl.search.Windows > 99 {
		bad.Addf("", 0, 0, "--windows", "write a number from 1 to 99", "%d is out of range", fl.search.Windows)
	}
	if fl.window < time.Second {
		bad.Addf("", 0, 0, "--duration", "write a second or more, as 10s", "%v is too short to measure", fl.window)
	}
	if fl.slo == "" {
		bad.Addf("", 0, 0, "--slo", "write conditions, as \"p99<20ms,errors<0.1%\"", "there is nothing that a rate could hold")
	}
	fl.search.Tolerance = fl.tolerance / 100
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

func benchSaturateIt(ctx context.Context, t *terminal, fl *saturateFlags) (err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(generatorGC))
	fl.o.Kind, fl.o.Duration, fl.o.Progress = "saturate", fl.window, fl.progress(t)
	var results []*load.Result // of windows, as far as they may be the answer
	var found load.Correctness
	durable := fl.durable
	s, err := load.Saturate(ctx, fl.search, func(ctx context.Context, rate float64) (load.Window, error) {
		if durable != "" {
			// Each window has a data directory of its own, as each has a server of its own.
			fl.durable = fmt.Sprintf("%s/window-%d", strings.TrimSuffix(durable, "/"), len(results)+1)
			if err := os.MkdirAll(durable, 0o755); err != nil {
				return load.Window{}, fmt.Errorf("--durable: %w", err)
			}
		}
		r, err := fl.measure(ctx, t, rate, uint64(len(results)))
		if err != nil {
			return load.Window{}, misusedOptions(err)
		}
		results = append(results, r)
		found.Add(&r.Correctness)
		w := load.WindowOf(r, rate)
		if !fl.asJSON {
			printWindow(t.out, len(results), &w)
			if err := t.out.Flush(); err != nil {
				return w, fmt.Errorf("writing the output: %w", err)
			}
		}
		return w, nil
	})
	fl.say(t, "")
	if err != nil {
		return err
	}
	r := results[len(results)-1]
	if s.Best >= 0 {
		r = results[s.Best]
	}
	r.Windows, r.Correctness = s.Windows, found
	r.Generator.Bottleneck = s.Bottleneck
	if s.Bottleneck {
		r.Generator.Why = s.Why
	}
	if !fl.asJSON {
		if s.Rate > 0 {
			fmt.Fprintf(t.out, "\nhighest rate that holds %s: %s orders/s, within %.3g %%\n", fl.slo, thousands(int(s.Rate)), fl.tolerance)
		} else {
			fmt.Fprintf(t.out, "\nno rate holds %s\n", fl.slo)
		}
		if s.Why != "" {
			fmt.Fprintln(t.out, s.Why)
		}
		fmt.Fprintln(t.out)
	}
	told := fl.tell(t, r)
	if told == nil && s.Rate == 0 {
		return toldError(exitMissed)
	}
	return told
}

// measure runs one window, on a server of its own where no other is named.
func (fl *saturateFlags) measure(ctx context.Context, t *terminal, rate float64, number uint64) (r *load.Result, err error) {
	target, err := fl.open(ctx, t, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	fl.o.Arrivals = workload.Poisson(rate, fl.seed+number)
	fl.o.Auditor = fl.auditor(target, 1)
	return load.Run(ctx, target.workload, fl.o)
}

// printWindow prints a line about a window.
func printWindow(w io.Writer, n int, win *load.Window) {
	said := "holds"
	if !win.Holds {
		said = "does not hold"
	}
	if win.Bottleneck {
		said += "; the generator was the bottleneck"
	}
	fmt.Fprintf(w, "%3d  %9s orders/s  p50 %8s  p99 %8s  errors %6.3g %%  %s\n", n, thousands(int(win.Rate)),
		latencyText(win.Latency.P50), latencyText(win.Latency.P99), 100*win.Errors, said)
}
