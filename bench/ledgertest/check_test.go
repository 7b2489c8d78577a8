package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// account adds up the events of a journal from its beginning.
func account(events iter.Seq2[*ledger.Event, error]) (*accounting, error) {
	a := newAccounting()
	for e, err := range events {
		if err == nil {
			err = a.apply(e)
		}
		if err != nil {
			return a, err
		}
	}
	return a, a.settle()
}

// report says what was done, in a line.
func (j *journalist) report() string {
	var words []string
	for _, what := range slices.Sorted(maps.Keys(j.tally)) {
		words = append(words, fmt.Sprintf("%d %s", j.tally[what], what))
	}
	return strings.Join(words, ", ")
}

// compare holds what clients were answered against what the journal has.
func (j *journalist) compare(a *accounting) error {
	if j.wrong != nil {
		return j.wrong
	}
	for id, answer := range j.answers {
		kept, ok := a.answered[id]
		switch {
		case !ok:
			return fmt.Errorf("LOST: request %q was answered with hold %d, and the journal does not have it", id, answer.hold)
		case kept.hold != answer.hold || kept.decision != answer.decision:
			return fmt.Errorf("request %q was answered with hold %d, and the journal has hold %d; the decisions are the same: %v",
				id, answer.hold, kept.hold, kept.decision == answer.decision)
		}
	}
	for id, h := range j.moves {
		kept, ok := a.moved[id]
		if !ok {
			return fmt.Errorf("LOST: request %q moved hold %s, and the journal does not have it", id, h.GetId())
		}
		if got, want := a.describe(kept.hold, kept.status, kept.lines), describe(h); got != want || kept.kind != kindOf[j.verbs[id]] {
			return fmt.Errorf("request %q left %s, and the journal has it %v and leaves %s", id, want, kept.kind, got)
		}
	}
	for id := range j.changes {
		if a.changed[id] == 0 {
			return fmt.Errorf("LOST: request %q set stock, and the journal does not have it", id)
		}
	}
	for id := range j.aborted {
		if kept, ok := a.answered[id]; ok {
			return fmt.Errorf("request %q got ABORTED, and the journal has %+v", id, kept)
		}
	}
	for id := range j.undone {
		if kept, ok := a.moved[id]; ok {
			return fmt.Errorf("request %q was refused, and the journal has %+v", id, kept)
		}
	}
	for id := range a.answered {
		if _, ok := j.answers[id]; !ok && !j.lost[id] {
			return fmt.Errorf("INVENTED: the journal has an answer to %q, which nobody got", id)
		}
	}
	return nil
}

// describe writes a hold, in the words of the journal or of the contract.
func (a *accounting) describe(id ledger.HoldID, status ledger.Status, lines []ledger.Claim) string {
	var out []string
	for _, c := range lines {
		out = append(out, fmt.Sprintf("%s/%s %d-%d-%d-%d", a.warehouses[c.Warehouse], a.skus[c.SKU], c.Quantity, c.Shipped, c.Short, c.Returned))
	}
	slices.Sort(out)
	return fmt.Sprintf("hold %d %v %v", id, status, out)
}

func describe(h *allotv1.Hold) string {
	var out []string
	for _, l := range h.GetLines() {
		out = append(out, fmt.Sprintf("%s/%s %d-%d-%d-%d", l.GetWarehouse(), l.GetSku(), l.GetQuantity(), l.GetShipped(), l.GetShort(), l.GetReturned()))
	}
	slices.Sort(out)
	return fmt.Sprintf("hold %s %s %v", h.GetId(), strings.ToLower(strings.TrimPrefix(h.GetState().String(), "HOLD_STATE_")), out)
}

// stockOf asks a server for all of its stock.
func (a *accounting) stockOf(ctx context.Context, c *client) (map[cell]counter, error) {
	out := map[cell]counter{}
	rows := map[string]int{}
	for i, w := range a.warehouses {
		rows[w] = i
	}
	for sku, id := range a.skus {
		answer, err := c.inventory.GetStock(ctx, &allotv1.GetStockRequest{Skus: []string{id}})
		if err != nil {
			return nil, err
		}
		for _, s := range answer.GetStock() {
			n := counter{onHand: int64(s.GetOnHand()), safety: int64(s.GetSafety()), held: int64(s.GetHeld()), inbound: int64(s.GetInbound())}
			if n.available() != int64(s.GetAvailable()) {
				return nil, fmt.Errorf("the server's %v does not add up", s)
			}
			out[cell{ledger.Warehouse(rows[s.GetWarehouse()]), ledger.SKU(sku)}] = n
		}
	}
	return out, nil
}

// checkHolds asks a server for holds: all, or every so many of them. Those that ended by an instant may be forgotten.
func (a *accounting) checkHolds(ctx context.Context, c *client, every int, by units.Instant) (int, error) {
	asked := 0
	ids := slices.Sorted(maps.Keys(a.holds))
	for i := 0; i < len(ids); i += every {
		h, id := a.holds[ids[i]], ids[i]
		got, err := c.allocation.Get(ctx, &allotv1.GetRequest{HoldId: strconv.FormatUint(uint64(id), 10)})
		if status.Code(err) == codes.NotFound && !h.status.Holding() && h.ended <= by {
			continue
		}
		if err != nil {
			return asked, fmt.Errorf("hold %d, which is %v: %w", id, h.status, err)
		}
		asked++
		if got, want := describe(got.GetHold()), a.describe(id, h.status, h.lines); got != want {
			return asked, fmt.Errorf("the server has %s, the events come to %s", got, want)
		}
	}
	return asked, nil
}

// checkForgotten checks that the holds which a server said it has not ended by an instant.
func (a *accounting) checkForgotten(gone map[string]bool, by units.Instant) error {
	for name := range gone {
		id, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			return err
		}
		h, ok := a.holds[ledger.HoldID(id)]
		if !ok || h.status.Holding() || h.ended > by {
			return fmt.Errorf("hold %s was not found, too early: %+v", name, h)
		}
	}
	return nil
}

// replayAll makes every decision of a past again.
func replayAll(ctx context.Context, past server.Past) (int, error) {
	n := 0
	for r, err := range server.Replay(ctx, past, server.ReplayOptions{}) {
		if err != nil {
			return n, err
		}
		n++
		if !r.Same() {
			recorded, _ := server.ReadDecision(r.Recorded) // what cannot be read prints as nothing
			decided, _ := server.ReadDecision(r.Decided)
			differs := fmt.Errorf("request %q, event %d on %+v, comes out otherwise:\nrecorded %v\ndecided  %v", r.Request, r.Sequence, r.Basis, recorded, decided)
			if r.Refused != nil {
				return n, errors.Join(differs, r.Refused)
			}
			return n, errors.Join(differs, r.Unknown)
		}
	}
	return n, nil
}
