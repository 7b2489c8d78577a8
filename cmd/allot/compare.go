package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/simulate/report"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// summaryFile is what a directory with a result has.
const summaryFile = "summary.json"

// A compareFlags is how allot compare was called.
type compareFlags struct {
	out, report, limits, confidence string
	replicates, workers, top        int
	seed                            uint64
	byDay, asJSON, quiet            bool

	thresholds compare.Thresholds
	sure       units.Percent
}

func newCompare(t *terminal) *cobra.Command {
	var fl compareFlags
	cmd := &cobra.Command{
		Use:   "compare BASE [RUN...]",
		Short: "Compare replays order by order",
		Long: `Compare holds results of "allot simulate" against a base, order by order: the same order in both runs, so that what makes
orders differ from each other cancels out. BASE and RUN are directories with a result; a directory that allot simulate wrote for
scenarios stands for all runs in it, with the one called base as base.

A result alone is described, for its report.

It tells by how much each figure changes, with a confidence interval by bootstrap; which cost terms the change is made of; who
moved from where to where, and why; and which regions and SKUs explain most of it. --out writes all of it as compare.json and
CSV, --report one HTML page that needs no network: tables, a map, daily charts, the cost waterfall.

--go makes it a decision: conditions on figures, all of which a run must meet. A limit with a sign is on the change: cost<=+1% is
at most 1 % dearer an order, on-time>=-0.5pp at most half a percentage point less on time. One without a sign is on the run's
own figure: cost<12.50, late<=5%. With "surely" behind it the worse end of the confidence interval must meet it, too. If a run
fails a condition the exit code is 5. The figures, and the names that conditions give them:

` + figuresHelp(),
		Example: `  allot compare what-if
  allot compare what-if/base what-if/close-reno-december --report report.html
  allot compare what-if --go "cost<=+1%,on-time>=-0.5pp" --out comparison
  allot compare what-if/base --report base.html
  allot compare base changed --json | jq '.runs[0].figures'`,
		Args:              arguments(1, -1, "BASE or RUN"),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fl.check(); err != nil {
				return err
			}
			return compareRuns(cmd.Context(), t, &fl, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.out, "out", "", "write compare.json and tables in CSV into the directory `DIR`; made when missing")
	f.StringVar(&fl.report, "report", "", "write the report as `FILE`, as report.html")
	f.StringVar(&fl.limits, "go", "", "`CONDITIONS` that make a run a go, as \"cost<=+1%,on-time>=-0.5pp\"")
	f.StringVar(&fl.confidence, "confidence", "95%", "how sure an interval is, `PERCENT`")
	f.IntVar(&fl.replicates, "replicates", 1000, "of the bootstrap, a `NUMBER`")
	f.Uint64Var(&fl.seed, "seed", 1, "`SEED` of the bootstrap")
	f.BoolVar(&fl.byDay, "by-day", false, "draw whole days in place of orders: wider intervals, which allow for orders of a day sharing stock")
	f.IntVar(&fl.top, "top", 10, "print the `N` largest rows of each table")
	f.IntVar(&fl.workers, "workers", 0, "use `N` threads; the answer is the same (default one for each processor)")
	f.BoolVar(&fl.quiet, "quiet", false, "print no progress")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "out")
	for _, name := range []string{"go", "confidence", "replicates", "seed", "top", "workers"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	completeFlag(cmd, "report", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"html"}, cobra.ShellCompDirectiveFilterFileExt
	})
	return cmd
}

// completeRuns completes any number of directories.
func completeRuns(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// figuresHelp lists what conditions may name.
func figuresHelp() string {
	var b strings.Builder
	line := " "
	for _, name := range append(compare.FigureNames(), "cost_TERM") {
		if len(line)+len(name) > 110 {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + name
	}
	return b.String() + line
}

func (fl *compareFlags) check() error {
	var bad faults.List
	var err error
	if fl.sure, err = units.ParsePercent(fl.confidence); err != nil || fl.sure < 50*100 || fl.sure >= units.WholePercent {
		bad.Addf("", 0, 0, "--confidence", "write a percentage from 50% to 99.99%", "%.40q is none", fl.confidence)
	}
	if fl.limits != "" {
		fl.thresholds, err = compare.ParseThresholds(fl.limits)
		wrong, _ := asFaults(err)
		for _, f := range wrong {
			bad.Addf("", 0, 0, "--go", f.Mend, "%s", f.Problem)
		}
	}
	if fl.replicates < 10 || fl.replicates > 1_000_000 {
		bad.Addf("", 0, 0, "--replicates", "write a number from 10 to 1000000", "%d is out of range", fl.replicates)
	}
	if fl.workers < 0 || fl.workers > maxWorkers {
		bad.Addf("", 0, 0, "--workers", fmt.Sprintf("write a number from 1 to %d, or leave it out", maxWorkers), "%d is out of range", fl.workers)
	}
	if fl.top < 0 {
		bad.Addf("", 0, 0, "--top", "write how many rows to print", "%d is out of range", fl.top)
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// findRuns returns the directories of runs that arguments name, the base first.
func findRuns(args []string) ([]string, error) {
	var dirs []string
	for i, dir := range args {
		if isRun(dir) {
			dirs = append(dirs, dir)
			continue
		}
		inside, err := runsIn(dir)
		if err != nil {
			return nil, err
		}
		if len(inside) == 0 {
			return nil, misusef("%.200q has no result of \"allot simulate\": there is no %s in it", dir, summaryFile)
		}
		if i > 0 {
			inside = slices.DeleteFunc(inside, func(d string) bool { return filepath.Base(d) == baseRun })
		} else if filepath.Base(inside[0]) != baseRun {
			return nil, misusef("%.200q has runs and none is called %s; name the base and the runs", dir, baseRun)
		}
		dirs = append(dirs, inside...)
	}
	return dirs, nil
}

// isRun tells whether a directory has a result.
func isRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, summaryFile))
	return err == nil
}

// runsIn returns the directories with results below one, base first and the others by name.
func runsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no result: %w", err)
	} else if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		inside := filepath.Join(dir, e.Name())
		switch {
		case !isRun(inside):
		case e.Name() == baseRun:
			dirs = slices.Insert(dirs, 0, inside)
		default:
			dirs = append(dirs, inside)
		}
	}
	return dirs, nil
}

func compareRuns(ctx context.Context, t *terminal, fl *compareFlags, args []string) error {
	dirs, err := findRuns(args)
	if err != nil {
		return err
	}
	runs := make([]*results.Run, len(dirs))
	for i, dir := range dirs {
		if runs[i], err = results.Open(dir); err != nil {
			return err
		}
		if s := runs[i].Summary; s.Partial {
			fmt.Fprintf(t.err, "warning: %s is partial: the first %s of %s orders\n", dir, thousands64(s.Orders.Done), thousands64(s.Orders.History))
		}
	}
	progress := newProgress(t, fl.quiet, "order")
	o := compare.Options{
		Replicates: fl.replicates, Seed: fl.seed, Confidence: float64(fl.sure) / float64(units.WholePercent), Days: fl.byDay, Thresholds: fl.thresholds,
		Workers: fl.workers, Progress: func(done int64) { progress.of(int(done), 0) },
	}
	var c *compare.Comparison
	if len(runs) == 1 {
		c, err = compare.Run(ctx, runs[0], o)
	} else {
		c, err = compare.Compare(ctx, runs[0], runs[1:], o)
	}
	progress.clear()
	if err != nil {
		return err
	}
	if err := fl.write(c); err != nil {
		return err
	}
	if fl.asJSON {
		err = c.WriteJSON(t.out)
	} else {
		fl.print(t, c, runs)
	}
	if err == nil && !c.Go {
		err = toldError(exitNoGo)
	}
	return err
}

// mostDetailed is how many runs are told of in detail.
const mostDetailed = 3

// print prints a comparison for people; of many runs a line each.
func (fl *compareFlags) print(t *terminal, c *compare.Comparison, runs []*results.Run) {
	switch {
	case c.Single:
		printSummary(t.out, runs[0].Summary)
		return
	case len(c.Runs) > 1:
		printOverview(t.out, c)
	}
	if len(c.Runs) > mostDetailed {
		fmt.Fprintf(t.out, "look closer at one of them with \"allot compare %s %s\"\n", runs[0].Dir, runs[1].Dir)
		return
	}
	for i := range c.Runs {
		if len(c.Runs) > 1 {
			fmt.Fprintln(t.out)
		}
		printAgainst(t.out, c, &c.Runs[i], fl.top)
	}
}

// write writes the files that the flags name.
func (fl *compareFlags) write(c *compare.Comparison) error {
	if fl.out != "" {
		if err := os.MkdirAll(fl.out, 0o755); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		if _, err := c.WriteFiles(fl.out); err != nil {
			return err
		}
	}
	if fl.report != "" {
		if err := writeFile(fl.report, func(w io.Writer) error { return report.Write(w, c) }); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	return nil
}
