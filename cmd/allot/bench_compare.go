package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/bench/compare"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/report/words"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A benchCompareFlags is how allot bench compare was called.
type benchCompareFlags struct {
	threshold, errors, alpha string
	anyway, asJSON           bool

	options compare.Options
}

func newBenchCompare(t *terminal) *cobra.Command {
	var fl benchCompareFlags
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Tell whether B is slower than A, or it is chance",
		Long: fmt.Sprintf(`Compare tells a slowdown from chance. A and B are results of "allot bench" of two builds: each a directory with result.json, or
one with several such directories in it, a run each. Run them in turns, on one machine, with the same flags.

A figure is slower when both hold: the Mann-Whitney U test finds it beyond chance, corrected by Holm for testing several figures
(--alpha), and it has changed by more than --threshold. Changes are the median over all pairs of a sample of A and one of B.

With %[1]d runs a side or more a sample is a run. With fewer, each run is cut into ten blocks of seconds: they are not quite
independent, which is estimated and allowed for, and what runs of one build differ by as a whole is not in them, for which half
of the threshold is allowed. %[1]d runs a side are better.

Other workloads, machines or ways to send are refused; --anyway compares them all the same. If B is slower in a figure, or
did things wrong, the exit code is 6.`, compare.RunsNeeded(0.05)),
		Example: `  allot bench compare before after
  allot bench compare before after --threshold 3% --json`,
		Args:              arguments(2, 2, "A or B"),
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := fl.check(); err != nil {
				return err
			}
			return benchCompareSides(t, &fl, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.threshold, "threshold", "5%", "the least change of a figure that counts, `PERCENT`")
	f.StringVar(&fl.errors, "errors", "0.1%", "the least rise of the share without an answer that counts, `PERCENT` of what was due")
	f.StringVar(&fl.alpha, "alpha", "5%", "how likely a false alarm may be, in all figures together, `PERCENT`")
	f.BoolVar(&fl.anyway, "anyway", false, "compare also what ran in different ways")
	jsonFlag(cmd, &fl.asJSON)
	for _, name := range []string{"threshold", "errors", "alpha"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

func (fl *benchCompareFlags) check() error {
	var bad faults.List
	share := func(flag, given string, least, most units.Percent) float64 {
		p, err := units.ParsePercent(given)
		if err != nil || p < least || p > most {
			bad.Addf("", 0, 0, flag, fmt.Sprintf("write a percentage from %v to %v", least, most), "%.40q is none", given)
		}
		return float64(p) / float64(units.WholePercent)
	}
	fl.options.Threshold = share("--threshold", fl.threshold, 1, units.WholePercent)
	fl.options.Errors = share("--errors", fl.errors, 1, units.WholePercent)
	fl.options.Alpha = share("--alpha", fl.alpha, 1, 2000)
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

func benchCompareSides(t *terminal, fl *benchCompareFlags, dirA, dirB string) error {
	_, a, err := benchResults(dirA)
	if err != nil {
		return err
	}
	_, b, err := benchResults(dirB)
	if err != nil {
		return err
	}
	warnings, err := compare.Check(a, b)
	for _, w := range warnings {
		fmt.Fprintf(t.err, "warning: %s\n", w)
	}
	if bad, ok := asFaults(err); ok && fl.anyway {
		for _, f := range bad {
			f.Mend = ""
			fmt.Fprintf(t.err, "warning: %s\n", f)
		}
	} else if err != nil {
		fmt.Fprintln(t.err, "these ran in different ways; --anyway compares them all the same")
		return err
	}
	c, err := compare.Compare(a, b, fl.options)
	if err != nil {
		return err
	}
	if fl.asJSON {
		if err := writeJSON(t.out, c); err != nil {
			return err
		}
	} else {
		printBenchComparison(t.out, c, a, b)
	}
	if c.Slower || c.Wrong {
		return toldError(exitMissed)
	}
	return nil
}

func printBenchComparison(w io.Writer, c *compare.Comparison, a, b []*load.Result) {
	runs := func(n int) string { return count(n, "run") }
	fmt.Fprintf(w, "B against A: %s against %s of %s", runs(len(b)), runs(len(a)), a[0].Workload.Name)
	if c.Method.Samples == compare.Blocks {
		fmt.Fprintf(w, ", cut into blocks of %g seconds", c.Method.Seconds)
	}
	fmt.Fprintf(w, "; %d and %d samples\n", c.Method.CountB, c.Method.CountA)
	g := grid{names: []string{"", ">A", ">B", ">change", ">95 % interval", ">p", ""}}
	for i := range c.Figures {
		f := &c.Figures[i]
		interval := ""
		if f.Low != nil {
			interval = benchChange(f, *f.Low) + " to " + benchChange(f, *f.High)
		}
		g.add(f.Label, benchFigure(f, f.A), benchFigure(f, f.B), benchChange(f, f.Change), interval, chance(f.PHolm), benchWords(f))
	}
	g.print(w, "  ")
	for _, note := range c.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	fmt.Fprintln(w)
	var slower, faster []string
	for i := range c.Figures {
		f := &c.Figures[i]
		switch f.Is {
		case compare.Slower:
			slower = append(slower, f.Label+" "+benchChange(f, f.Change))
		case compare.Faster:
			faster = append(faster, f.Label+" "+benchChange(f, f.Change))
		}
	}
	if c.Wrong {
		fmt.Fprintf(w, "WRONG: B did %s that may not happen; its speed is worth nothing\n", count(int(c.B.Failures), "thing"))
	}
	switch {
	case len(slower) > 0:
		fmt.Fprintf(w, "SLOWER: %s\n", strings.Join(slower, ", "))
	case len(faster) > 0:
		fmt.Fprintf(w, "not slower; better: %s\n", strings.Join(faster, ", "))
	default:
		fmt.Fprintf(w, "not slower: nothing is worse beyond chance and by %s or more\n", words.Percent(c.Method.Threshold))
	}
}

func benchWords(f *compare.Figure) string {
	switch f.Is {
	case compare.Slower:
		return "SLOWER"
	case compare.Faster:
		return "better"
	case compare.Small:
		return "beyond chance, but small"
	}
	return "within chance"
}

// benchFigure writes a figure in its unit.
func benchFigure(f *compare.Figure, v float64) string {
	switch f.Unit {
	case "ns":
		return words.Nanos(v)
	case "share":
		return words.Percent(v)
	}
	return words.Digits(v) + "/s"
}

// benchChange writes by how much a figure differs: in per cent of it, or for shares in percentage points.
func benchChange(f *compare.Figure, v float64) string {
	if f.Unit == "share" {
		return fmt.Sprintf("%+.2f pp", 100*v)
	}
	return fmt.Sprintf("%+.1f %%", 100*v)
}

// chance writes a probability.
func chance(p float64) string {
	if p < 0.0001 {
		return "<0.0001"
	}
	return fmt.Sprintf("%.4f", math.Min(p, 1))
}
