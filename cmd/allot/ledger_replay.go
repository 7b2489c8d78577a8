package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/server"
)

// A replayFlags is how allot ledger replay was called.
type replayFlags struct {
	holds       []string
	with        string
	all, asJSON bool
}

func newLedgerReplay(t *terminal) *cobra.Command {
	var fl replayFlags
	cmd := &cobra.Command{
		Use:   "replay DATADIR [ORDER...]",
		Short: "Make decisions again and compare them",
		Long: `Replay makes decisions of the past again, each from the stock that it saw, by the network and the prices that it was made
with and at its moment; the data directory keeps all of these. It must come to the same bytes, and replay tells whether it
does. ORDER is the id of an order or of a request; --hold names a decision by its hold, and --all means every one that is kept.

Two kinds need not come to the same. An order of a batch was decided together with the others, and is not made again. A
decision that a time budget stopped is made again without one; where that comes out otherwise it is told as stopped.

With --with DIR each is made by the network in that directory instead, on the same stock and at the same moment: what
would have been decided, had the network been like that. Each decision stands alone: what the others would have left
in stock is not followed up. Only the plan is compared then, not the network's version nor the certificate.

A line is printed for each decision that was named or that comes out otherwise, with then, now, and the parts of the
answer that differ. With --json it is a line of JSON for every decision, with the order and both answers. The exit code is 0
when all came out the same and 1 when one did not.`,
		Example: `  allot ledger replay data o-0042
  allot ledger replay data --hold 17 --json | jq .then
  allot ledger replay data --all
  allot ledger replay data --all --with networks/2027`,
		Args:              arguments(1, -1, "DATADIR"),
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			orders := args[1:]
			switch named := len(orders) + len(fl.holds); {
			case named == 0 && !fl.all:
				return misusef("ORDER is missing: name orders, or holds with --hold, or give --all")
			case named > 0 && fl.all:
				return misusef("--all: it excludes ORDER and --hold")
			}
			return replay(cmd.Context(), t, &fl, args[0], orders)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&fl.holds, "hold", nil, "`ID` of the hold whose decision is made again; may be repeated")
	f.BoolVar(&fl.all, "all", false, "make every decision again that is kept")
	f.StringVar(&fl.with, "with", "", "decide by the network directory `DIR` instead of the one that decided")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "with")
	completeFlag(cmd, "hold", cobra.NoFileCompletions)
	return cmd
}

// The results of a replay.
const (
	replaySame      = "same"
	replayDifferent = "different"
	replayMalformed = "malformed" // the network does not take the order
	replayUnknown   = "not kept"  // what the decision was made on is gone
	replayStopped   = "stopped"   // time ended the search then, and it comes out otherwise now
	replayJoint     = "joint"     // decided in a batch, and so not made again
)

// A replayLine is what allot ledger replay --json prints of a decision.
type replayLine struct {
	Result        string          `json:"result"`            // same, different, malformed, not kept, stopped, joint
	Differs       []string        `json:"differs,omitempty"` // fields of the decision
	Why           string          `json:"why,omitempty"`     // malformed or not kept
	OrderID       string          `json:"orderId,omitempty"`
	RequestID     string          `json:"requestId,omitempty"`
	HoldID        string          `json:"holdId,omitempty"`
	DecidedAt     string          `json:"decidedAt"`
	Sequence      uint64          `json:"sequence"`      // of the event that recorded it
	StockSequence uint64          `json:"stockSequence"` // of the event after which it saw the stock
	Network       string          `json:"network"`       // version that it was made by
	Prices        string          `json:"prices,omitempty"`
	By            string          `json:"by,omitempty"` // version that it was made again by
	Order         json.RawMessage `json:"order"`
	Then          json.RawMessage `json:"then"`
	Now           json.RawMessage `json:"now,omitempty"`
}

// A replaying gathers what comes of the decisions.
type replaying struct {
	fl    *replayFlags
	named map[string]bool // orders, requests and "hold ID": whether there was a decision
	grid  grid
	more  int // rows that the grid left out
	tally map[string]int
}

// maxReplayRows bounds the rows for people: what more differs is counted.
const maxReplayRows = 1_000

func replay(ctx context.Context, t *terminal, fl *replayFlags, dir string, orders []string) error {
	r := &replaying{
		fl: fl, named: map[string]bool{}, tally: map[string]int{},
		grid: grid{names: []string{"order", "hold", "decided", "then", "now", "differs in"}},
	}
	for _, o := range orders {
		r.named[o] = false
	}
	for _, h := range fl.holds {
		r.named["hold "+h] = false
	}
	o := server.ReplayOptions{Orders: orders, Requests: orders, Holds: fl.holds}
	if fl.with != "" {
		root, err := openNetwork(fl.with)
		if err != nil {
			return err
		}
		defer closing(root)
		if _, _, err := network.LoadFS(root.FS(), nil); err != nil {
			return err // before a long search for decisions
		}
		o.With = func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
			return network.LoadFS(root.FS(), prev)
		}
	}
	j, err := openData(ctx, t, dir)
	if err != nil {
		return err
	}
	defer closing(j)
	history, err := openHistory(j, dir)
	if err != nil {
		return err
	}
	progress := newProgress(t, false, "decision")
	defer progress.clear()
	done := 0
	for one, err := range server.Replay(ctx, history, o) {
		if err != nil {
			return err
		}
		if err := r.take(t, one); err != nil {
			return fmt.Errorf("decision %d: %w", one.Sequence, err)
		}
		done++
		progress.step(done)
	}
	progress.clear()
	return r.end(t, history.Oldest())
}

// take judges a decision that was made again.
func (r *replaying) take(t *terminal, one *server.Replayed) error {
	order, err := server.ReadQuestion(one.Question)
	if err != nil {
		return err
	}
	then, err := server.ReadDecision(one.Recorded)
	if err != nil {
		return err
	}
	var now *allotv1.Decision
	if one.Decided != nil {
		if now, err = server.ReadDecision(one.Decided); err != nil {
			return err
		}
	}
	line := replayLine{
		Result: replaySame, OrderID: one.Order, RequestID: one.Request, HoldID: one.Hold,
		DecidedAt: time.Unix(int64(one.Basis.At), 0).UTC().Format(time.RFC3339), Sequence: one.Sequence, StockSequence: one.Basis.Sequence,
		Network: one.NetworkVersion, Prices: one.PricesVersion, By: one.By,
	}
	switch {
	case one.Joint:
		line.Result = replayJoint
	case one.Unknown != nil:
		line.Result, line.Why = replayUnknown, one.Unknown.Error()
	case one.Refused != nil:
		line.Result, line.Why = replayMalformed, one.Refused.Error()
	case !one.Same():
		line.Differs = differences(then, now)
		if r.fl.with != "" { // what differs by itself is no news
			line.Differs = slices.DeleteFunc(line.Differs, func(name string) bool { return name == "network_version" || name == "certificate" })
		}
		if r.fl.with == "" || len(line.Differs) > 0 {
			line.Result = replayDifferent
		}
		if one.Stopped && line.Result == replayDifferent {
			line.Result = replayStopped
		}
	}
	r.tally[line.Result]++
	for _, name := range []string{one.Order, one.Request, "hold " + one.Hold} {
		if _, asked := r.named[name]; asked {
			r.named[name] = true
		}
	}
	if r.fl.asJSON {
		return line.print(t, order, then, now)
	}
	if (line.Result == replaySame || line.Result == replayJoint) && r.fl.all {
		return nil
	}
	if len(r.grid.rows) == maxReplayRows {
		r.more++
		return nil
	}
	after := line.Result
	if line.Result == replayDifferent || line.Result == replayStopped {
		after = decisionWords(now)
	} else if line.Why != "" {
		after += ": " + line.Why
	}
	name := one.Order
	if name == "" {
		name = one.Request
	}
	r.grid.add(name, one.Hold, instantWords(&timestamppb.Timestamp{Seconds: int64(one.Basis.At)}), decisionWords(then), after, strings.Join(line.Differs, ", "))
	return nil
}

// print writes the line with the order and both decisions.
func (l *replayLine) print(t *terminal, order *allotv1.Order, then, now *allotv1.Decision) error {
	for _, part := range []struct {
		message proto.Message
		to      *json.RawMessage
	}{{order, &l.Order}, {then, &l.Then}, {now, &l.Now}} {
		if part.message == (*allotv1.Decision)(nil) {
			continue
		}
		raw, err := plainJSON(part.message)
		if err != nil {
			return err
		}
		*part.to = raw
	}
	enc := json.NewEncoder(t.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(l)
}

// end prints what came of it all.
func (r *replaying) end(t *terminal, oldest uint64) error {
	out := t.err
	if !r.fl.asJSON {
		out = t.out
		if len(r.grid.rows) > 0 {
			r.grid.print(t.out, "")
			if r.more > 0 {
				fmt.Fprintf(t.out, "and %s more; --json prints all\n", thousands(r.more))
			}
			fmt.Fprintln(t.out)
		}
	}
	total, parts := 0, []string{}
	for _, result := range []string{replaySame, replayStopped, replayDifferent, replayMalformed, replayUnknown} {
		if n := r.tally[result]; n > 0 {
			total += n
			parts = append(parts, thousands(n)+" "+result)
		}
	}
	joint := r.tally[replayJoint]
	if joint > 0 {
		fmt.Fprintf(out, "%s decided jointly, in a batch, which is not made again\n", count(joint, "order"))
	}
	if total > 0 {
		fmt.Fprintf(out, "%s made again: %s\n", count(total, "decision"), strings.Join(parts, ", "))
	} else if r.fl.all && joint == 0 {
		fmt.Fprintln(out, "no decision is kept")
	}
	var missing []string
	for name, found := range r.named {
		if !found {
			missing = append(missing, strconv.Quote(name))
		}
	}
	slices.Sort(missing)
	switch {
	case len(missing) > 0:
		since := "ever"
		if oldest > 0 {
			since = "since event " + thousands(int(oldest)) + ", before which nothing is kept"
		}
		return fmt.Errorf("nothing was decided about %s, %s; look for it with \"allot ledger dump\"", strings.Join(missing, ", "), since)
	case r.tally[replayDifferent]+r.tally[replayMalformed] > 0:
		return toldError(exitFaults)
	case total > 0 && total == r.tally[replayUnknown]:
		return toldError(exitFailed)
	}
	return nil
}

// differences names the fields in which two decisions differ.
func differences(a, b *allotv1.Decision) []string {
	var names []string
	x, y := a.ProtoReflect(), b.ProtoReflect()
	fields := x.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if x.Has(f) != y.Has(f) || !equalField(x, y, f) {
			names = append(names, string(f.Name()))
		}
	}
	return names
}

func equalField(x, y protoreflect.Message, f protoreflect.FieldDescriptor) bool {
	return x.Get(f).Equal(y.Get(f))
}

// decisionWords says a decision in a few words: "12.34 USD: columbus by ground + reno by air".
func decisionWords(d *allotv1.Decision) string {
	if d.GetOutcome() != allotv1.Outcome_OUTCOME_PLANNED {
		return "refused: " + outcomeWords(d.GetOutcome())
	}
	parts := make([]string, len(d.GetShipments()))
	for i, s := range d.GetShipments() {
		parts[i] = s.GetWarehouse() + " by " + s.GetService()
	}
	late := ""
	if d.GetLate() {
		late = ", late"
	}
	return fmt.Sprintf("%s %s%s: %s", money(d.GetCostMicros()), d.GetCurrency(), late, strings.Join(parts, " + "))
}
