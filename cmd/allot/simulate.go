package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/simulate/scenario"
	"github.com/allot-engine/allot/units"
)

// A simulateFlags is how allot simulate was called.
type simulateFlags struct {
	historyFlags

	scenarios   []string
	out, prices string
	seed        uint64
	workers     int
	noFloor     bool
	csv, resume bool
	asJSON      bool
	quiet       bool
}

// historyFlags are the flags of every command that reads a network and a history.
type historyFlags struct {
	network, format string
	orders          []string
	maxBad          string
	sort            bool

	bad units.Percent // of maxBad
}

// add gives a command the flags.
func (fl *historyFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringArrayVar(&fl.orders, "orders", nil, "a `FILE` of orders with their times: .jsonl, .csv or .parquet; may be repeated (required)")
	f.StringVar(&fl.format, "format", "", "`FORMAT` of the files of orders, jsonl, csv or parquet, whatever their names are")
	f.StringVar(&fl.maxBad, "max-bad", "0%", "go on where up to this `SHARE` of the rows cannot be used, as 1%; they are counted and reported")
	f.BoolVar(&fl.sort, "sort", false, "take orders that are not in the order of time, and sort them")
	completeDirectory(cmd, "network")
	completeFlag(cmd, "max-bad", cobra.NoFileCompletions)
	completeFlag(cmd, "format", cobra.FixedCompletions([]string{history.JSONLines, history.CSV, history.Parquet}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "orders", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"jsonl", "ndjson", "json", "csv", "parquet"}, cobra.ShellCompDirectiveFilterFileExt
	})
}

// check adds to bad what is wrong with the flags.
func (fl *historyFlags) check(bad *faults.List) {
	if fl.network == "" {
		bad.Addf("", 0, 0, "--network", "name the network directory", "missing")
	}
	if len(fl.orders) == 0 {
		bad.Addf("", 0, 0, "--orders", "name a file of orders that came, with their times", "missing")
	}
	known := []string{history.JSONLines, history.CSV, history.Parquet}
	if fl.format != "" && !slices.Contains(known, fl.format) {
		bad.Addf("", 0, 0, "--format", meant(fl.format, known), "unknown format %.60q", fl.format)
	}
	for _, file := range fl.orders {
		switch _, ok := history.FormatOf(file); {
		case fl.format != "" || ok:
		case file == "-":
			fl.format = history.JSONLines
		default:
			bad.Addf("", 0, 0, "--orders", "name it .jsonl, .csv or .parquet, or give --format", "%.200q does not tell by its name what is in it", file)
		}
	}
	var err error
	if fl.bad, err = units.ParsePercent(fl.maxBad); err != nil || fl.bad < 0 || fl.bad > units.WholePercent {
		bad.Addf("", 0, 0, "--max-bad", "write a percentage from 0% to 100%, as 1%", "%.40q is none", fl.maxBad)
	}
}

func newSimulate(t *terminal) *cobra.Command {
	var fl simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate --network DIR --orders FILE --out DIR [--scenario FILE]",
		Short: "Replay a season of orders on a network that may not exist yet",
		Long: `Simulate decides orders that came in the order of their times, with the very engine that serves live orders, on a stock of its
own: each order takes its stock and its place in the day of a warehouse, what was decided is held, confirmed and shipped, and
replenishment and corrections that stand between the orders take place at their times. The clock is that of the orders.

Without --scenario it is one run, of the network as it is, and DIR has its result. With scenarios there is a run for each of
them, and one for each combination of a scenario with a sweep; results are directories below DIR, first of all base, the
network as it is, with which "allot compare" compares the others. docs/scenarios.md says what can be
changed, "allot scenario check" whether a scenario can be used.

A result is summary.json and summary.csv; decisions, a row a shipment with every cost term, why it won and what came second;
daily, load, backlog and capacity by warehouse, service and day; regions, a map by H3 cell. Tables are Parquet and, without
--csv=false, CSV as well. docs/what-if.md explains files, columns and figures.

The same files, seed and version of allot give the same bytes, however many threads there are. A result names the hashes of
all that went in. A result that is there is not replaced: --resume keeps results that are complete and of the same files and
seed, and does the others. An interruption (Ctrl-C) leaves what was replayed until then, marked as partial.

Orders are JSON Lines, CSV or Parquet; "allot help orders" has the formats. All faults of all files are listed, and
nothing is replayed; with --max-bad a share of the rows may be unusable, which is told and counted in the result.`,
		Example: `  allot simulate --network examples/us-parcel --orders examples/us-parcel/season.parquet --out base
  allot simulate --network examples/us-parcel --orders examples/us-parcel/season.parquet --scenario examples/us-parcel/scenarios/close-reno-december.yaml --out what-if
  allot simulate --network networks/retail --orders november.jsonl --orders december.jsonl --scenario sweep.yaml --out sweep --resume
  allot simulate --network networks/retail --orders season.csv --max-bad 1% --csv=false --json --out base | jq '.runs[0].summary'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misusef("%.100q belongs to no flag; repeat --orders or --scenario before every file", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fl.check(); err != nil {
				return err
			}
			return simulateRuns(cmd.Context(), t, &fl)
		},
	}
	fl.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&fl.scenarios, "scenario", nil, "a `FILE` of changes, as close-reno.yaml; may be repeated")
	f.StringVar(&fl.out, "out", "", "the directory `DIR` to write into; made when missing (required)")
	f.StringVar(&fl.prices, "prices", "", "weigh the prices that look ahead of `FILE`, which \"allot prices fit\" makes")
	f.Uint64Var(&fl.seed, "seed", 1, "`SEED` of what is drawn: orders that a scenario adds or takes away, parcels that it loses")
	f.IntVar(&fl.workers, "workers", 0, "use `N` threads; the answer is the same (default one for each processor)")
	f.BoolVar(&fl.noFloor, "no-floor", false, "leave out the lowest possible cost, if stock and capacity were unlimited; quicker")
	f.BoolVar(&fl.csv, "csv", true, "write tables as CSV beside Parquet")
	f.BoolVar(&fl.resume, "resume", false, "keep what is complete and of the same files and seed, and do the rest")
	f.BoolVar(&fl.quiet, "quiet", false, "print no progress")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "out")
	for _, name := range []string{"seed", "workers"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	completeFlag(cmd, "scenario", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	})
	completeFlag(cmd, "prices", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
	})
	return cmd
}

func (fl *simulateFlags) check() error {
	var bad faults.List
	fl.historyFlags.check(&bad)
	if fl.out == "" {
		bad.Addf("", 0, 0, "--out", "name the directory to write into", "missing")
	}
	if fl.workers < 0 || fl.workers > maxWorkers {
		bad.Addf("", 0, 0, "--workers", fmt.Sprintf("write a number from 1 to %d, or leave it out", maxWorkers), "%d is out of range", fl.workers)
	}
	for _, file := range fl.scenarios {
		if filepath.Dir(file) != filepath.Dir(fl.scenarios[0]) {
			bad.Addf("", 0, 0, "--scenario", "put the scenarios of one call into one directory, with the rate cards that they name", "%.200q lies elsewhere than %.200q", file, fl.scenarios[0])
		}
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// baseRun is the name of the run of the network as it is, beside those of scenarios.
const baseRun = "base"

func simulateRuns(ctx context.Context, t *terminal, fl *simulateFlags) error {
	b, err := fl.prepare(ctx, t)
	if err != nil {
		return err
	}
	return b.finish(ctx, t, fl)
}

// prepare reads everything and plans the runs.
func (fl *simulateFlags) prepare(ctx context.Context, t *terminal) (*batch, error) {
	base, bad, scenarios, err := fl.read(ctx, t)
	if err != nil {
		return nil, err
	}
	b := &batch{
		workers: fl.workers, noFloor: fl.noFloor, options: results.Options{CSV: fl.csv, Version: program(), Skipped: bad}, progress: newProgress(t, fl.quiet, "order"),
		maxBad: fl.tolerated(base.History, bad), replay: simulate.Run,
	}
	if err := fl.plan(b, base, scenarios); err != nil {
		return nil, err
	}
	return b, fl.keep(b)
}

// tolerated returns how many orders the network may not know what to do with, beside those that were left out when read.
func (fl *historyFlags) tolerated(h *history.History, bad *history.Bad) int {
	all := int64(h.Len() + len(h.Moves) + bad.Rows)
	return int(int64(fl.bad)*all/int64(units.WholePercent)) - bad.Rows
}

// finish replays what is to be replayed and tells what came of it.
func (b *batch) finish(ctx context.Context, t *terminal, fl *simulateFlags) error {
	err := b.run(ctx)
	b.progress.clear()
	if err != nil {
		return err
	}
	if err := b.print(t, fl); err != nil {
		return err
	}
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	if n := b.complete(); n < len(b.runs) {
		fmt.Fprintf(t.err, "allot simulate: interrupted: %d of %s complete, and what was begun is kept as partial; the same command with --resume goes on\n", n, count(len(b.runs), "run"))
		return toldError(exitFailed)
	}
	return nil
}

// A simulateAnswer is what allot simulate --json prints.
type simulateAnswer struct {
	Runs []runAnswer `json:"runs"` // the base first
}

// A runAnswer is one run of a simulateAnswer.
type runAnswer struct {
	Directory string           `json:"directory"`
	Kept      bool             `json:"kept"`    // its result was there already
	Summary   *results.Summary `json:"summary"` // null of a run that was not begun
}

// print prints what came of the runs.
func (b *batch) print(t *terminal, fl *simulateFlags) error {
	answer := simulateAnswer{Runs: []runAnswer{}}
	var begun []*results.Summary
	kept := 0
	for _, r := range b.runs {
		answer.Runs = append(answer.Runs, runAnswer{r.dir, r.kept, r.summary})
		if r.summary != nil {
			begun = append(begun, r.summary)
		}
		if r.kept {
			kept++
		}
	}
	b.warn(t)
	if kept > 0 && !fl.quiet {
		fmt.Fprintf(t.err, "%s kept\n", count(kept, "result"))
	}
	switch {
	case fl.asJSON:
		return writeJSON(t.out, answer)
	case len(begun) == 0:
	case len(b.runs) == 1:
		printSummary(t.out, begun[0])
		fmt.Fprintf(t.out, "\nwritten: %s\n", fl.out)
	case b.runs[0].summary == nil:
		for _, s := range begun {
			printSummary(t.out, s)
		}
	default:
		printRuns(t.out, begun)
		fmt.Fprintf(t.out, "written: %s; look closer with \"allot compare %s\"\n", fl.out, fl.out)
	}
	return nil
}

// warn tells of what a run passed over.
func (b *batch) warn(t *terminal) {
	for _, r := range b.runs {
		if r.summary == nil {
			continue
		}
		if n := r.summary.Orders.Malformed; n > 0 && r == b.runs[0] {
			for _, f := range r.summary.Faults {
				fmt.Fprintln(t.err, f)
			}
			fmt.Fprintf(t.err, "passed over: %s that cannot be decided\n", count(int(n), "order"))
		}
		if r.clamped > 0 {
			fmt.Fprintf(t.err, "warning: %s: %s would have taken more than was on hand, and took that\n", r.in.Name, count(r.clamped, "move")+" of stock")
		}
	}
}

// program is the version of allot that results name.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return versionOf(info).Version
}

// read reads all files, and tells the faults of all of them together.
func (fl *simulateFlags) read(ctx context.Context, t *terminal) (*scenario.Base, *history.Bad, []*scenario.Scenario, error) {
	var wrong faults.List
	var scenarios []*scenario.Scenario
	for _, file := range fl.scenarios {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, nil, err
		}
		sc, err := scenario.Read(file, text)
		if err = gather(&wrong, err); err != nil {
			return nil, nil, nil, err
		}
		if sc != nil {
			scenarios = append(scenarios, sc)
		}
	}
	base, left, err := fl.historyFlags.read(ctx, t, fl.seed, fl.quiet, &wrong)
	if err != nil {
		return nil, nil, nil, err
	}
	if base == nil {
		return nil, nil, nil, wrong.Err()
	}
	if len(fl.scenarios) > 0 {
		base.Files = os.DirFS(filepath.Dir(fl.scenarios[0]))
	}
	if fl.prices != "" {
		base.Prices, err = readPrices(fl.prices, base.Snapshot)
		if err = gather(&wrong, err); err != nil {
			return nil, nil, nil, err
		}
	}
	for _, sc := range scenarios {
		warnings, err := sc.Check(base)
		for _, f := range warnings {
			fmt.Fprintf(t.err, "warning: %v\n", f)
		}
		if err = gather(&wrong, err); err != nil {
			return nil, nil, nil, err
		}
	}
	return base, left, scenarios, wrong.Err()
}

// gather adds the faults that an error is to a list; any other error it returns.
func gather(into *faults.List, err error) error {
	found, ok := asFaults(err)
	if !ok {
		return err
	}
	for _, f := range found {
		into.Add(f)
	}
	return nil
}

// read reads the network and the history, and checks the one against the other. What is at fault is added to wrong; there is
// no base where so much is wrong that nothing more can be told.
func (fl *historyFlags) read(ctx context.Context, t *terminal, seed uint64, quiet bool, wrong *faults.List) (*scenario.Base, *history.Bad, error) {
	root, err := openNetwork(fl.network)
	if err != nil {
		return nil, nil, err
	}
	source, err := network.Read(root.FS())
	closing(root)
	_, faulty := asFaults(err)
	if err = gather(wrong, err); err != nil {
		return nil, nil, err
	}
	h, bad, err := fl.history(ctx, t, quiet, wrong)
	if err != nil || faulty || h == nil {
		return nil, bad, err
	}
	base, err := scenario.NewBase(source, h, seed)
	if err = gather(wrong, err); err != nil || base == nil {
		return nil, bad, err
	}
	if fl.bad > 0 && wrong.Len() == 0 {
		return base, bad, nil // the replay passes over what may be at fault
	}
	return base, bad, checkInput(base, wrong)
}

// checkInput checks orders and moves of stock against the network.
func checkInput(base *scenario.Base, wrong *faults.List) error {
	in, err := base.Input()
	if err != nil {
		return err
	}
	return gather(wrong, simulate.Check(in))
}

// history reads the orders. If they are at fault, it returns those that are not, so that more faults can be told.
func (fl *historyFlags) history(ctx context.Context, t *terminal, quiet bool, wrong *faults.List) (*history.History, *history.Bad, error) {
	files := make([]history.File, len(fl.orders))
	for i, name := range fl.orders {
		files[i] = history.OSFile(name)
		if name == "-" {
			text, err := io.ReadAll(&watchedReader{ctx, t.in})
			if err != nil {
				return nil, nil, err
			}
			files[i] = history.Bytes("stdin", text)
		}
	}
	progress := newProgress(t, quiet, "kilobyte")
	defer progress.clear()
	o := history.ReadOptions{
		Format: fl.format, MaxBad: units.Probability(fl.bad), Sort: fl.sort,
		Progress: func(read, total int64) { progress.of(int(read>>10), int(total>>10)) },
	}
	h, bad, err := history.Read(ctx, files, o)
	progress.clear()
	if _, faulty := asFaults(err); faulty {
		_ = gather(wrong, err) // it is faults
		o.MaxBad = units.Certain
		h, _, err = history.Read(ctx, files, o)
		return h, nil, gather(&faults.List{}, err) // which are told
	}
	if err != nil {
		return nil, nil, err
	}
	if bad == nil {
		return h, &history.Bad{}, nil
	}
	for _, f := range bad.Faults {
		fmt.Fprintln(t.err, f)
	}
	fmt.Fprintf(t.err, "%v, and are left out\n", bad)
	return h, bad, nil
}

// A watchedReader ends with a context.
type watchedReader struct {
	ctx context.Context // of the reading, which knows none
	r   io.Reader
}

func (w *watchedReader) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, errInterrupted
	}
	return w.r.Read(p)
}

// plan makes the runs of a batch: the base, and one for every variant of every scenario.
func (fl *simulateFlags) plan(b *batch, base *scenario.Base, scenarios []*scenario.Scenario) error {
	in, err := base.Input()
	if err != nil {
		return err
	}
	in.Name = baseRun
	b.runs = []*replayed{{dir: fl.out, in: in}}
	if len(scenarios) > 0 {
		b.runs[0].dir = filepath.Join(fl.out, baseRun)
	}
	named := map[string]string{baseRun: "the network as it is"}
	var bad faults.List
	for i, sc := range scenarios {
		for _, v := range sc.Runs() {
			name := v.Slug()
			if by, taken := named[strings.ToLower(name)]; taken {
				bad.Addf(fl.scenarios[i], 0, 0, "name", "give the scenario another name", "%q writes into the directory %s, which is that of %s", v.Name, name, by)
				continue
			}
			named[strings.ToLower(name)] = fl.scenarios[i]
			in, err := v.Apply(base)
			if err = gather(&bad, err); err != nil {
				return err
			}
			b.runs = append(b.runs, &replayed{dir: filepath.Join(fl.out, name), in: in})
		}
	}
	if fl.prices != "" {
		for _, r := range b.runs {
			if r.in != nil && base.Prices != nil {
				r.in.Sources["prices"] = base.Prices.Version()
			}
		}
	}
	return bad.Err()
}

// keep finds the results that are there: with --resume they are kept if they are complete and of the same inputs.
func (fl *simulateFlags) keep(b *batch) error {
	for _, r := range b.runs {
		if !isRun(r.dir) {
			continue
		}
		if !fl.resume {
			return fmt.Errorf("%s has a result already; add --resume to keep what is complete and of the same files, or name another --out", r.dir)
		}
		old, err := results.Open(r.dir)
		if err != nil {
			continue // it is done again
		}
		s := old.Summary
		same := s.Skipped.Rows == int64(b.options.Skipped.Rows) && s.Name == r.in.Name && s.Seed == r.in.Seed && s.Version == b.options.Version && maps.Equal(s.Sources, r.in.Sources)
		if same && !s.Partial && (fl.noFloor || s.Floor.Orders+s.Floor.Refused > 0) && (!fl.csv || exists(r.dir, "decisions.csv")) {
			r.kept, r.summary = true, s
		}
	}
	return nil
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}
