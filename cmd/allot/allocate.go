package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// maxCandidates bounds how many candidates --candidates may ask for, as the API does.
const maxCandidates = 100_000

// An allocateFlags is how allot allocate was called.
type allocateFlags struct {
	network, now, format    string
	prices                  string
	explain, noHold, strict bool
	quiet, asJSON, asText   bool
	candidates              int32
	jointFlags
}

func newAllocate(t *terminal) *cobra.Command {
	var fl allocateFlags
	cmd := &cobra.Command{
		Use:   "allocate --network DIR [FILE...]",
		Short: "Decide orders from files",
		Long: `Allocate decides orders one after the other, from files or from standard input (also as -), and prints a line for each:
orderId, from (its file and row) and decision, in the same JSON as the API's Decision; with --explain also explanation, as
the API's Explanation. Each order takes its stock before the next one is decided, exactly as the server does it; with
--no-hold each finds the stock untouched. Nothing is written to the network.

With --joint all orders are decided together, as one wave: which order gets the unit that two want, and who waits when a day
is full, is settled so that the sum of all costs is least. The summary then has a lower bound, proven: no decision of the wave
costs less; the gap is what the cost may be above the best. Orders may wait for a later pickup as long as they are in time, or
late at the policy's late_cost a day where it allows that. An order that is refused for what the others took says so
("exhausted": no_stock, warehouse_full or service_full). Leaving an order costs what --unfilled says; without it so much that none
is left to make others cheaper. The last line of JSON is {"wave": ...}: orders, filled, costMicros (with unfilledCostMicros),
lowerBoundMicros, gapMicros, status. 10,000 orders take seconds to a minute; --time-budget ends it earlier with the best so far,
which at first (inTurn) is what orders get one after the other.

All orders are decided as of one moment: now, or what --now says. The same files and the same moment give the same bytes,
with --joint unless the time budget ended it.

On a terminal, or with --text, decisions are printed for people; piped, or with --json, as JSON Lines. Progress and a
summary go to standard error. "allot help orders" has the formats, "allot help exit-codes" the exit codes.`,
		Example: `  allot allocate --network examples/us-parcel examples/us-parcel/orders.jsonl
  allot allocate --network examples/us-parcel --now 2026-11-23T15:00:00Z --explain --text orders.csv
  echo '{"lines":[{"sku":"mug-14oz-slate","quantity":1}],"to":{"postalCode":"10001"}}' | allot allocate --network examples/us-parcel
  allot allocate --network examples/us-parcel --joint --unfilled 40.00 --time-budget 10s examples/us-parcel/orders.jsonl
  allot allocate --network examples/us-parcel --joint --all --strict --quiet orders.jsonl | jq .wave
  allot allocate --network examples/us-parcel --json orders.jsonl | jq 'select(.decision.outcome != "OUTCOME_PLANNED")'`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"jsonl", "ndjson", "json", "csv"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return allocate(cmd.Context(), t, &fl, cmd.Flags().Changed, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringVar(&fl.now, "now", "", "the `MOMENT` at which the orders come, as 2026-11-23T15:00:00Z (default the real time)")
	f.StringVar(&fl.format, "format", "", "`FORMAT` of the files, jsonl or csv, whatever their names are")
	f.StringVar(&fl.prices, "prices", "", "weigh the prices that look ahead of `FILE`, which \"allot prices fit\" makes")
	f.BoolVar(&fl.explain, "explain", false, "tell why: every cost term, the runner-up, the candidates, and what would have to change")
	f.Int32Var(&fl.candidates, "candidates", 10, "with --explain, list at most `N` candidates and what-ifs")
	f.BoolVar(&fl.noHold, "no-hold", false, "leave the stock as it is: decide each order as if it were the only one")
	f.BoolVar(&fl.strict, "strict", false, "end with code 4 when an order is refused, or with --joint not filled whole")
	f.BoolVar(&fl.joint, "joint", false, "decide all orders together, so that the sum of their costs is least")
	f.BoolVar(&fl.all, "all", false, "with --joint, fill every order or none")
	f.StringVar(&fl.unfilled, "unfilled", "", "with --joint, leaving an order costs `COST`, as 40.00 (default five times what it costs alone, or what nearly all do)")
	f.DurationVar(&fl.budget, "time-budget", 0, "with --joint, end after `TIME`, as 10s, with the best so far (default when it is done)")
	f.Uint64Var(&fl.seed, "seed", 0, "with --joint, another `NUMBER` tries other changes where the best is not found")
	f.IntVar(&fl.workers, "workers", 0, "with --joint, use `N` threads; the answer is the same (default one for each processor)")
	f.BoolVar(&fl.quiet, "quiet", false, "print neither progress nor a summary")
	f.BoolVar(&fl.asText, "text", false, "print decisions for people, even into a file")
	f.BoolVar(&fl.asJSON, "json", false, "print JSON Lines, even on a terminal")
	completeDirectory(cmd, "network")
	completeFlag(cmd, "now", cobra.NoFileCompletions)
	for _, flag := range []string{"candidates", "unfilled", "time-budget", "seed", "workers"} {
		completeFlag(cmd, flag, cobra.NoFileCompletions)
	}
	completeFlag(cmd, "format", cobra.FixedCompletions([]string{formatJSON, formatCSV}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check returns the moment that the flags name, what leaving an order of a wave costs, and the format of each file.
func (fl *allocateFlags) check(files []string, clock time.Time, changed func(flag string) bool) (now time.Time, unfilled units.Money, formats []string, err error) {
	var bad faults.List
	now = clock
	if fl.network == "" {
		bad.Addf("", 0, 0, "--network", "name the network directory", "missing")
	}
	if fl.asText && fl.asJSON {
		bad.Addf("", 0, 0, "--text", "give one of them", "it excludes --json")
	}
	if fl.now != "" {
		instant, err := units.ParseInstant(fl.now)
		if err != nil {
			bad.Addf("", 0, 0, "--now", "", "%v", err)
		}
		now = time.Unix(int64(instant), 0)
	}
	if fl.candidates < 0 || fl.candidates > maxCandidates {
		bad.Addf("", 0, 0, "--candidates", fmt.Sprintf("write a number from 0 to %d", maxCandidates), "%d is out of range", fl.candidates)
	}
	unfilled = fl.jointFlags.check(fl, changed, &bad)
	known := []string{formatJSON, formatCSV}
	if fl.format != "" && !slices.Contains(known, fl.format) {
		bad.Addf("", 0, 0, "--format", meant(fl.format, known), "unknown format %.60q", fl.format)
	}
	for _, file := range files {
		format, ok := formatOf(file, known...)
		switch {
		case fl.format != "":
			format = fl.format
		case file == "-":
			format = formatJSON
		case !ok:
			bad.Addf("", 0, 0, "FILE", "name it .jsonl or .csv, or give --format", "%.200q does not tell by its name what is in it", file)
		}
		formats = append(formats, format)
	}
	if bad.Len() > 0 {
		return now, 0, nil, misuse(bad.Err())
	}
	return now, unfilled, formats, nil
}

func allocate(ctx context.Context, t *terminal, fl *allocateFlags, changed func(flag string) bool, files []string) error {
	if len(files) == 0 {
		files = []string{"-"}
		if t.inIsTerminal {
			fmt.Fprintln(t.err, "reading orders from the terminal, one JSON object a line; Ctrl-D ends them")
		}
	}
	now, unfilled, formats, err := fl.check(files, t.now(), changed)
	if err != nil {
		return err
	}
	if fl.joint {
		return allocateJointly(ctx, t, fl, unfilled, now, files, formats)
	}
	a, err := newAllocation(fl, now)
	if err != nil {
		return err
	}
	defer a.server.Close()
	a.print = a.printJSON
	if fl.asText || t.outIsTerminal && !fl.asJSON {
		a.print = printText
	}
	progress := newProgress(t, fl.quiet, "order")
	for i, file := range files {
		for o, err := range readOrders(file, formats[i], t.in) {
			if err == nil && ctx.Err() != nil {
				err = fmt.Errorf("interrupted after %s", count(a.tally.orders, "order"))
			}
			if err == nil {
				err = a.order(ctx, t, o)
			}
			if err != nil {
				progress.clear()
				return err
			}
			progress.step(a.tally.orders)
			if t.outIsTerminal {
				if err := t.out.Flush(); err != nil {
					return fmt.Errorf("writing the output: %w", err)
				}
			}
		}
	}
	progress.clear()
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	if !fl.quiet {
		fmt.Fprintln(t.err, a.tally.String(a.currency))
	}
	switch {
	case a.tally.faults > 0:
		return toldError(exitFaults)
	case fl.strict && a.tally.refused() > 0:
		return toldError(exitRefused)
	}
	return nil
}

// An allocation is one run over files of orders. It decides with the server's own calls, so that a file and the API
// give the same answers.
type allocation struct {
	fl       *allocateFlags
	server   *server.Server
	currency string
	tally    tally
	print    func(w io.Writer, o *filedOrder, d *decided) error
}

// A decided is what became of an order.
type decided struct {
	decision    *allotv1.Decision
	explanation *allotv1.Explanation // nil unless it was asked for
	joint       bool                 // decided with others
}

// newAllocation reads the network and puts its stock into a ledger. Its clock stands at now.
func newAllocation(fl *allocateFlags, now time.Time) (*allocation, error) {
	root, err := openNetwork(fl.network)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // nothing is written through it
	a := &allocation{fl: fl, tally: tally{outcomes: map[allotv1.Outcome]int{}}}
	a.server, err = server.New(server.Config{
		Load: func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
			snap, stock, err := network.LoadFS(root.FS(), prev)
			if err == nil {
				a.currency = snap.Currency
			}
			return snap, stock, err
		},
		Now: func() time.Time { return now },
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	if fl.prices != "" {
		prices, err := readPrices(fl.prices, a.server.Outlook().Engine.Snapshot())
		if err == nil {
			err = a.server.SetPrices(prices)
		}
		if err != nil {
			a.server.Close()
			return nil, err
		}
	}
	return a, nil
}

// order decides one order and prints the decision, or lists its faults.
func (a *allocation) order(ctx context.Context, t *terminal, o *filedOrder) error {
	if o.row > 0 {
		a.tally.orders++
	} else {
		a.tally.unread++
	}
	d, err := &decided{}, error(nil)
	if len(o.faults) == 0 {
		d, err = a.decide(ctx, o)
		bad, ok := asFaults(err)
		if err != nil && !ok {
			return fmt.Errorf("%s:%d: %w", o.file, o.row, err)
		}
		for _, f := range bad {
			f.Field = strings.TrimPrefix(f.Field, "order.")
			o.faults = append(o.faults, o.place(f))
		}
	}
	if len(o.faults) > 0 {
		a.tally.tell(t.err, o)
		return nil
	}
	a.tally.add(d.decision)
	return a.print(t.out, o, d)
}

// maxFaults bounds the faults that are listed: the thousandth says no more than the first.
const maxFaults = 1_000

// decide does what the server does for Explain, Allocate and Release.
func (a *allocation) decide(ctx context.Context, o *filedOrder) (*decided, error) {
	d := &decided{}
	if a.fl.explain {
		x, err := a.server.Explain(ctx, &allotv1.ExplainRequest{Order: o.order, MaxCandidates: max(a.fl.candidates, 1)})
		if err != nil {
			return nil, err
		}
		d.explanation = x.GetExplanation()
		if a.fl.candidates == 0 {
			d.explanation.Candidates, d.explanation.WhatIfs = nil, nil
		}
		d.explanation.WhatIfs = d.explanation.GetWhatIfs()[:min(len(d.explanation.GetWhatIfs()), int(a.fl.candidates))]
	}
	request := "allocate-" + strconv.Itoa(a.tally.orders)
	answer, err := a.server.Allocate(ctx, &allotv1.AllocateRequest{RequestId: request, Order: o.order})
	if err != nil {
		return nil, err
	}
	d.decision = answer.GetDecision()
	if a.fl.noHold && answer.GetHold() != nil {
		release := &allotv1.ReleaseRequest{RequestId: "release-" + request, HoldId: answer.GetHold().GetId()}
		if _, err := a.server.Release(ctx, release); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// A decisionLine is what allot allocate prints of an order in JSON.
type decisionLine struct {
	OrderID     string          `json:"orderId,omitempty"`
	From        string          `json:"from"` // file:row
	Decision    json.RawMessage `json:"decision"`
	Exhausted   string          `json:"exhausted,omitempty"` // by the other orders of a wave
	Explanation json.RawMessage `json:"explanation,omitempty"`
}

func (a *allocation) printJSON(w io.Writer, o *filedOrder, d *decided) error {
	line := decisionLine{OrderID: o.order.GetId(), From: fmt.Sprintf("%s:%d", o.file, o.row)}
	var err error
	if line.Decision, err = plainJSON(d.decision); err != nil {
		return err
	}
	if d.explanation != nil {
		if line.Explanation, err = plainJSON(d.explanation); err != nil {
			return err
		}
	}
	return writeLine(w, line)
}

// A tally counts what became of the orders.
type tally struct {
	orders, faulty, faults int
	unread                 int // files with rows that cannot be read
	outcomes               map[allotv1.Outcome]int
	shipments, late        int
	cost, prices           units.Money // prices are part of cost, and nobody pays them
}

func (n *tally) add(d *allotv1.Decision) {
	n.outcomes[d.GetOutcome()]++
	n.cost += units.Money(d.GetCostMicros())
	n.prices += units.Money(d.GetPricesMicros())
	n.shipments += len(d.GetShipments())
	if d.GetLate() {
		n.late++
	}
}

// tell lists and counts the faults of an order, which is not decided.
func (n *tally) tell(w io.Writer, o *filedOrder) {
	if o.row > 0 {
		n.faulty++
	}
	for _, f := range o.faults {
		if n.faults++; n.faults <= maxFaults {
			fmt.Fprintln(w, f)
		} else if n.faults == maxFaults+1 {
			fmt.Fprintf(w, "more than %d faults; the others are counted, not listed\n", maxFaults)
		}
	}
}

// refused returns how many orders got no plan.
func (n *tally) refused() int {
	return n.orders - n.faulty - n.outcomes[allotv1.Outcome_OUTCOME_PLANNED]
}

// String says it in a line.
func (n *tally) String(currency string) string {
	planned := n.outcomes[allotv1.Outcome_OUTCOME_PLANNED]
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s planned in %s for %v %s", count(n.orders, "order"), thousands(planned), count(n.shipments, "shipment"), n.cost-n.prices, currency)
	if n.prices != 0 {
		fmt.Fprintf(&b, " and %v of prices that look ahead", n.prices)
	}
	if n.late > 0 {
		fmt.Fprintf(&b, ", %s of them late", thousands(n.late))
	}
	fmt.Fprintf(&b, "; %s refused", thousands(n.refused()))
	var why []string
	for outcome := allotv1.Outcome_OUTCOME_PLANNED + 1; outcome <= allotv1.Outcome(engine.LeftOut); outcome++ {
		if of := n.outcomes[outcome]; of > 0 {
			why = append(why, thousands(of)+" "+outcomeWords(outcome))
		}
	}
	if len(why) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(why, ", "))
	}
	if n.faulty > 0 {
		fmt.Fprintf(&b, "; %s not decided", thousands(n.faulty))
	}
	if n.unread > 0 {
		fmt.Fprintf(&b, "; %s not decided at all", count(n.unread, "file"))
	}
	if n.faults > 0 {
		fmt.Fprintf(&b, "; %s", count(n.faults, "fault"))
	}
	return b.String()
}
