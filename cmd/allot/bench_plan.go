package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/plan"
	"github.com/allot-engine/allot/bench/report/words"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A benchPlanFlags is how allot bench plan was called.
type benchPlanFlags struct {
	peak            float64
	headroom        string
	spare, cores    int
	memory, network float64
	retention       time.Duration
	peakHours       float64
	asJSON          bool
	share           units.Percent
}

func newBenchPlan(t *terminal) *cobra.Command {
	var fl benchPlanFlags
	cmd := &cobra.Command{
		Use:   "plan RESULT",
		Short: "Work out what a peak will take",
		Long: `Plan works out what a peak of so many orders a second takes, from what an order cost in a result of "allot bench": processors, nodes
with headroom and spares, memory, and what saturates first.

Processors busy are the peak times what an order costs: processor time of the server an operation, times the operations that the
workload has for each allocate (quotes, confirms and the rest). Processors needed are those, with --headroom of them idle.

A ceiling is what one node could serve if nothing else were scarce: processors; the journal, whose groups become durable one after
the other and hold at most what all callers of the test wait for; the sequencer, which applies the holds of a ledger one after
the other, hot SKU or not; memory, in which ended holds stay for --retention, when every day has the peak for --peak-hours; the
network. Some need what only a durable server, or the server's metrics, tell. The lowest saturates first. Nodes are as many as keep
the headroom to every ceiling, and --spare more.

A network's ledger is served by one node: several nodes help where orders can be divided among ledgers. Where the result is of
"allot bench saturate", its curve says how long callers wait at the use that is planned.

Test near the rate that is planned for, with the workload that is expected, on processors as they will serve.`,
		Example: `  allot bench plan result --peak 12000
  allot bench plan result --peak 12000 --headroom 50% --spare 2 --cores 16 --memory 64 --json`,
		Args:              arguments(1, 1, "RESULT"),
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fl.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return benchPlanOf(t, &fl, args[0])
		},
	}
	f := cmd.Flags()
	f.Float64Var(&fl.peak, "peak", 0, "orders a second at the peak, a `RATE`; must be given")
	f.StringVar(&fl.headroom, "headroom", "40%", "`PERCENT` of processors and of every ceiling that stays free at the peak")
	f.IntVar(&fl.spare, "spare", 1, "`N` nodes that may fail at the peak")
	f.IntVar(&fl.cores, "cores", 0, "processors of a node, a `NUMBER` (default those of the machine of the test)")
	f.Float64Var(&fl.memory, "memory", 0, "memory of a node in `GIB` (default that of the machine of the test)")
	f.Float64Var(&fl.network, "bandwidth", 10, "network of a node each way, in `GBIT` a second")
	f.DurationVar(&fl.retention, "retention", 7*24*time.Hour, "`TIME` that ended holds are remembered, as the server is told by its own flag")
	f.Float64Var(&fl.peakHours, "peak-hours", 6, "`HOURS` at the peak's rate that make as many orders as a day has")
	jsonFlag(cmd, &fl.asJSON)
	for _, name := range []string{"peak", "headroom", "spare", "cores", "memory", "bandwidth", "retention", "peak-hours"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

func (fl *benchPlanFlags) check(given func(flag string) bool) error {
	var bad faults.List
	number := func(flag string, v, least, most float64, mend string) {
		if !(v >= least && v <= most) {
			bad.Addf("", 0, 0, "--"+flag, mend, "%s is out of range", strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	if given("peak") {
		number("peak", fl.peak, 1e-3, 1e12, "write orders a second, above 0")
	} else {
		bad.Addf("", 0, 0, "--peak", "write orders a second, as --peak 12000", "it is missing")
	}
	var err error
	if fl.share, err = units.ParsePercent(fl.headroom); err != nil || fl.share < 1 || fl.share > 9900 {
		bad.Addf("", 0, 0, "--headroom", "write a percentage above 0% and up to 99%", "%.40q is none", fl.headroom)
	}
	number("spare", float64(fl.spare), 0, 1000, "write a number up to 1000")
	if given("cores") {
		number("cores", float64(fl.cores), 1, 1<<16, "write a number from 1 on, or leave it out")
	}
	if given("memory") {
		number("memory", fl.memory, 1e-3, 1<<20, "write GiB, above 0, or leave it out")
	}
	number("bandwidth", fl.network, 1e-3, 1e6, "write Gbit a second, above 0")
	number("retention", fl.retention.Hours(), 1.0/3600, 24*3660, "write a time from 1s on, as 168h")
	number("peak-hours", fl.peakHours, 1e-3, 24, "write hours above 0, up to 24")
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

func benchPlanOf(t *terminal, fl *benchPlanFlags, dir string) error {
	if !hasBenchResult(dir) {
		if _, _, err := benchResults(dir); err != nil {
			return err
		}
		return misusef("%.200q has several results; name one of them", dir)
	}
	r, err := load.ReadResult(dir)
	if err != nil {
		return err
	}
	p, err := plan.Make(r, plan.Options{
		Peak: fl.peak, Headroom: float64(fl.share) / float64(units.WholePercent), Spare: fl.spare, Cores: fl.cores, Memory: int64(fl.memory * (1 << 30)),
		Network: fl.network * 1e9 / 8, Retention: fl.retention, PeakHours: fl.peakHours,
	})
	if err != nil {
		return err
	}
	if fl.asJSON {
		return writeJSON(t.out, p)
	}
	printBenchPlan(t.out, p)
	return nil
}

func printBenchPlan(w io.Writer, p *plan.Plan) {
	fmt.Fprintf(w, "%s orders a second, with %s headroom\n", words.Digits(p.Peak), words.Percent(p.Headroom))
	g := grid{names: []string{"", ">", ""}}
	g.add("an order costs", words.Nanos(p.CostPer), fmt.Sprintf("of processor time: %s an operation, %s operations an order", words.Nanos(p.CostPerOp), words.Digits(p.Operations)))
	g.add("processors busy", words.Digits(p.Busy), "at the peak")
	g.add("processors needed", thousands(p.Needed), fmt.Sprintf("so that %s of them are idle", words.Percent(p.Headroom)))
	nodes := fmt.Sprintf("of %s", count(p.NodeCores, "processor"))
	if p.Spare > 0 {
		nodes = fmt.Sprintf("%d and %d spare, %s", p.Nodes, p.Spare, nodes)
	}
	if p.Nodes > 1 {
		nodes += "; " + p.NodesBy + " asks for as many"
	}
	g.add("nodes", thousands(p.Nodes+p.Spare), nodes)
	g.add("processors in use", words.Percent(p.Use), fmt.Sprintf("at the peak; %s with the spares gone", words.Percent(p.UseFailed)))
	if p.Memory > 0 {
		g.add("memory", words.Bytes(p.Memory), fmt.Sprintf("in all, for %s holds", words.Digits(p.Kept)))
	}
	if p.P99 > 0 {
		g.add("p99 latency", words.Nanos(p.P99), "at that use, by the curve of the saturation, spares gone")
	}
	g.print(w, "  ")

	fmt.Fprintln(w, "\nwhat one node could serve, lowest first")
	g = grid{names: []string{"", ">orders a second", "because"}}
	for i := range p.Ceilings {
		c := &p.Ceilings[i]
		rate := "?"
		switch {
		case c.Known && c.Rate > 0:
			rate = words.Digits(c.Rate)
		case c.Known:
			rate = "no limit"
		}
		g.add(c.Name, rate, c.Why)
	}
	g.print(w, "  ")
	if first := p.First(); first.Known && !math.IsInf(first.Rate, 0) {
		fmt.Fprintf(w, "%s saturates first\n", first.Name)
	}
	if len(p.Curve) > 0 {
		fmt.Fprintln(w, "\nlatency by use, as the saturation measured it")
		g = grid{names: []string{">operations a second", ">use", ">p99"}}
		for _, c := range p.Curve {
			g.add(words.Digits(c.Rate), words.Percent(c.Use), words.Nanos(c.P99))
		}
		g.print(w, "  ")
	}
	for _, note := range p.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
}
