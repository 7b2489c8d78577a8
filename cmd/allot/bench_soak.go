package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/load/audit"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/faults"
)

// A soakFlags is how allot bench soak was called.
type soakFlags struct {
	loadFlags

	in               time.Duration
	scale, limit     float64
	retention        time.Duration
	day, warm, hours time.Duration
}

// serverAhead is for how long an own server may have run its clock before it said that it serves, beside what its start took.
const serverAhead = time.Second

func newBenchSoak(t *terminal) *cobra.Command {
	var fl soakFlags
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Find out whether a server's memory grows over a day of the peak, compressed",
		Long: `Soak runs a little over two days of the peak, by the clock of a server of its own that runs much faster than the time, and compares
the server's heap in --hours of the second night with that of the same hours a day before. Orders, expiries and shipments all go by that
clock; --in says how long it takes. The first 28 hours are the warm-up, --warm-up-day: they take what the peak needs once, and let pass what it
left. Every place that orders may go to is quoted once in them, since a server keeps the lanes to a place from when it is first asked
for it. What forced collections leave of the heap is read again and again, and the medians are compared. Since the days are alike, what
is left of the difference is what the server does not give back. --limit says how much that may be.

A server remembers ended holds and their requests for seven days, so that its heap grows for as long, and rightly so. The own server is
told by --hold-retention to remember them for two hours of its clock, so that the warm-up reaches a steady state; it remembers refusals for an
hour. The standard workload, peak-day-churn, is the peak day with every hold released, expired, shipped or cancelled in the end: one that
leaves holds for ever fills the heap for ever. So does a server that is too slow for --scale: what times out leaves holds behind.

With --profile-server --out has the heap profiles of both nights: go tool pprof -base heap-before.pprof heap-after.pprof tells what grew.

At the end the books of the callers are held against the server. The exit code is 6 when the heap grew by the limit or more, when
there is any failure of correctness, or when a condition of --slo does not hold.`,
		Example: `  allot bench soak
  allot bench soak --in 1h --scale 5 --durable data --out result`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fl.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return benchSoakIt(cmd.Context(), t, &fl)
		},
	}
	fl.add(cmd, "")
	f := cmd.Flags()
	f.DurationVar(&fl.in, "in", 10*time.Minute, "`TIME` that all of it takes")
	f.Float64Var(&fl.scale, "scale", 1, "send `X` times as many orders as the workload says")
	f.Float64Var(&fl.limit, "limit", 1, "`PERCENT` by which the heap may grow")
	f.DurationVar(&fl.retention, "hold-retention", 2*time.Hour, "`TIME` by its clock for which the server remembers ended holds")
	f.DurationVar(&fl.day, "day", 24*time.Hour, "`TIME` by its clock over which growth is measured; whole days of the workload")
	f.DurationVar(&fl.warm, "warm-up-day", 28*time.Hour, "`TIME` by its clock before that")
	f.DurationVar(&fl.hours, "hours", 2*time.Hour, "`TIME` by its clock whose samples are compared")
	for _, name := range []string{"in", "scale", "limit", "hold-retention", "day", "warm-up-day", "hours"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	for _, name := range []string{"target", "target-admin", "shared", "warm-up"} { // the clock is its own, and so is the warm-up
		_ = f.MarkHidden(name) // it is there
	}
	f.Lookup("workload").DefValue, fl.workload = "peak-day-churn", "peak-day-churn"
	return cmd
}

func (fl *soakFlags) check(given func(flag string) bool) error {
	if err := fl.loadFlags.check(given); err != nil {
		return err
	}
	var bad faults.List
	for _, name := range []string{"target", "target-admin", "shared", "warm-up"} {
		if given(name) {
			bad.Addf("", 0, 0, "--"+name, "leave it out", "a soak starts a server of its own, for its clock, and warms it up for --warm-up-day")
		}
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
		least time.Duration
	}{
		{"in", fl.in, 5 * time.Second}, {"hold-retention", fl.retention, time.Second}, {"day", fl.day, time.Minute},
		{"warm-up-day", fl.warm, time.Minute}, {"hours", fl.hours, time.Minute},
	} {
		if d.value < d.least {
			bad.Addf("", 0, 0, "--"+d.flag, fmt.Sprintf("write %v or more", d.least), "%v is too short", d.value)
		}
	}
	if !(fl.scale > 0 && fl.scale <= 1e6) {
		bad.Addf("", 0, 0, "--scale", "write a number above 0, as 2", "%v is out of range", fl.scale)
	}
	if !(fl.limit > 0 && fl.limit <= 100) {
		bad.Addf("", 0, 0, "--limit", "write percent above 0, as 1", "%v is out of range", fl.limit)
	}
	if speed := fl.speed(); bad.Len() == 0 && !(speed >= 1 && speed <= maxClockSpeed) {
		bad.Addf("", 0, 0, "--in", fmt.Sprintf("give it a time in which the clock runs 1 to %d times as fast as the time", maxClockSpeed), "the clock would run %.0f times as fast", speed)
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// speed is how many times as fast as the time the server's clock runs.
func (fl *soakFlags) speed() float64 {
	return float64(fl.warm+fl.day+fl.hours) / float64(fl.in)
}

func benchSoakIt(ctx context.Context, t *terminal, fl *soakFlags) (err error) {
	speed := fl.speed()
	fl.serverArgs = append([]string{"--hold-retention", fl.retention.String()}, fl.serverArgs...)
	began := time.Now()
	target, err := fl.open(ctx, t, speed)
	if err != nil {
		return err
	}
	defer func() { err = endLoad(t, target, err) }()
	defer debug.SetGCPercent(debug.SetGCPercent(generatorGC))
	if !fl.unchecked {
		fl.o.Auditor = audit.New(audit.Options{
			SKUs: target.workload.SKUs(), Clock: target.clock, Speed: speed, Seed: fl.seed, HoldFor: target.holdFor(), Retention: fl.retention,
			Slack: time.Duration(float64(time.Since(began)+serverAhead) * speed),
		})
	}
	fl.o.Progress = fl.progress(t)
	fl.o.Arrivals = target.workload.Arrivals()
	if fl.scale != 1 {
		fl.o.Arrivals = workload.Scaled(fl.o.Arrivals, fl.scale)
	}
	r, err := load.Soak(ctx, target.workload, load.SoakOptions{
		Options: fl.o, Speed: speed, WarmUp: fl.warm, Day: fl.day, Window: fl.hours, Limit: fl.limit / 100,
	})
	fl.say(t, "")
	if r == nil {
		return misusedOptions(err)
	}
	if r.HeapGrowth.Before > 0 {
		r.HeapGrowth.How += fmt.Sprintf("; ended holds are remembered for %v of it", fl.retention)
		if !fl.asJSON {
			printHeap(t.out, r.HeapGrowth)
		}
	}
	told := fl.tell(t, r)
	switch {
	case err != nil:
		return misusedOptions(err)
	case told == nil && !r.HeapGrowth.Holds:
		return toldError(exitMissed)
	}
	return told
}

// printHeap prints how the heap went.
func printHeap(w io.Writer, g *load.HeapGrowth) {
	said := "holds"
	if !g.Holds {
		said = "does not hold"
	}
	fmt.Fprintf(w, "heap %s, a day later %s: %+.2f %%, limit %.3g %%: %s\n%s\n\n", mebibytes(g.Before), mebibytes(g.After), 100*g.Growth, 100*g.Limit, said, g.How)
}
