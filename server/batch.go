package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/server/metrics"
	"github.com/allot-engine/allot/units"
)

// maxBatchRounds is how often orders of a batch are decided that lost their stock to others meanwhile. Each round is of those
// that lost only, and so much quicker than the one before; of an all-or-nothing batch it is of all.
const maxBatchRounds = 4

// AllocateBatch implements allotv1.AllocationServiceServer.
func (s *Server) AllocateBatch(ctx context.Context, request *allotv1.AllocateBatchRequest) (*allotv1.AllocateBatchResponse, error) {
	began := time.Now()
	if n := len(request.GetRequests()); n > s.cfg.MaxBatch {
		return nil, refusef(codes.ResourceExhausted, ReasonBatchTooLarge, "%d orders; the server takes at most %d in one batch", n, s.cfg.MaxBatch)
	}
	if err := s.batches.enter(); err != nil {
		return nil, err
	}
	defer s.batches.leave()
	b := &batch{s: s, n: s.network.Load(), now: s.now(), all: request.GetPolicy() == allotv1.BatchPolicy_BATCH_POLICY_ALL}
	if err := b.read(request); err != nil {
		return nil, err
	}
	b.until = s.batchDeadline(ctx, request, began)
	if err := b.known(); err != nil {
		return nil, err
	}
	if err := b.run(ctx); err != nil {
		return nil, err
	}
	return b.answer()
}

// batchDeadline returns when a batch is to look for better plans no more: when its budget is used up, or in time for the answer
// to go out before the call's deadline.
func (s *Server) batchDeadline(ctx context.Context, request *allotv1.AllocateBatchRequest, began time.Time) time.Time {
	budget := s.cfg.BatchBudget
	if t := request.GetTimeBudget(); t != nil {
		budget = min(budget, t.AsDuration())
	}
	until := began.Add(budget)
	if deadline, ok := ctx.Deadline(); ok {
		left := deadline.Sub(began)
		if reserve := max(left/8, min(left/2, 100*time.Millisecond)); deadline.Add(-reserve).Before(until) {
			until = deadline.Add(-reserve)
		}
	}
	return until
}

// A batch is one call of AllocateBatch. Its lists are by the position of an order in the request.
type batch struct {
	s     *Server
	n     *served
	now   units.Instant
	until time.Time
	all   bool

	unfilled  units.Money
	seed      uint64
	plain     []bool // prices do not count
	orders    []engine.Order
	questions [][]byte
	requests  []ledger.Request

	answers []*allotv1.BatchAnswer
	open    []int // orders that have no answer yet
	out     allotv1.AllocateBatchResponse
	bound   units.Money // of the first round that was granted
	begun   bool        // there was one
}

// read checks the request and reads the orders.
func (b *batch) read(request *allotv1.AllocateBatchRequest) error {
	all := request.GetRequests()
	var violated, seen faults.List
	if !slices.ContainsFunc(all, func(r *allotv1.AllocateRequest) bool {
		return !soundRequestID(r.GetRequestId()) || !soundOrder(r.GetOrder())
	}) {
		bare := &allotv1.AllocateBatchRequest{ // its orders are sound
			Policy: request.GetPolicy(), UnfilledCostMicros: request.GetUnfilledCostMicros(), TimeBudget: request.GetTimeBudget(),
			Requests: all[:min(len(all), 1)],
		}
		violations(bare, &violated)
	} else {
		for _, r := range all {
			if o := r.GetOrder(); o != nil {
				cutOrder(o)
			}
		}
		violations(request, &violated)
	}
	b.unfilled, b.seed = units.Money(request.GetUnfilledCostMicros()), request.GetSeed()
	b.orders, b.plain = make([]engine.Order, len(all)), make([]bool, len(all))
	b.questions, b.requests = make([][]byte, len(all)), make([]ledger.Request, len(all))
	b.answers = make([]*allotv1.BatchAnswer, len(all))
	points := make([]geo.Point, len(all))
	first := make(map[string]int, len(all))
	for i, r := range all {
		var fl faults.List
		readOrder(r.GetOrder(), &b.orders[i], &points[i], &fl)
		for _, f := range fl.Faults() {
			f.Field = fmt.Sprintf("requests[%d].order.%s", i, f.Field)
			seen.Add(f)
		}
		b.plain[i] = r.GetIgnorePrices()
		if b.plain[i] != b.plain[0] {
			seen.Addf("", 0, 0, fmt.Sprintf("requests[%d].ignore_prices", i), "send those that ignore prices in a batch of their own", "the orders of a batch are weighed alike, and requests[0] is not so")
		}
		b.questions[i] = appendQuestion(nil, &b.orders[i], b.plain[i])
		b.requests[i] = ledger.Request{ID: r.GetRequestId(), Body: ledger.HashBody(b.questions[i])}
		if before, twice := first[r.GetRequestId()]; twice && r.GetRequestId() != "" {
			seen.Addf("", 0, 0, fmt.Sprintf("requests[%d].request_id", i), "give each order its own", "it is that of requests[%d]", before)
		} else {
			first[r.GetRequestId()] = i
		}
	}
	if violated.Len()+seen.Len() == 0 {
		return nil
	}
	// What the engine has against the orders is told as well, of as many as are listed.
	d := b.n.take()
	defer b.n.give(d)
	d.look(b.n, b.s.ledger, b.now)
	var refused faults.List
	for i := range b.orders {
		if refused.Len() >= maxViolations {
			break
		}
		if bad, ok := asFaults(b.n.engine.Decide(&d.stock, &b.orders[i], b.now, d.scratch, &d.decision)); ok {
			for _, f := range bad {
				f.Field = batchField(i, f.Field)
				refused.Add(f)
			}
		}
	}
	return mergedFaults(violated.Faults(), seen.Faults(), refused.Faults())
}

// batchField is requestField for the i-th order of a batch.
func batchField(i int, field string) string {
	return "requests[" + strconv.Itoa(i) + "]." + requestField(field)
}

// batchFaults names the fields in what DecideWave has against the open orders as they are in the request.
func (b *batch) batchFaults(err error) error {
	bad, ok := asFaults(err)
	if !ok {
		return err
	}
	var fl faults.List
	for _, f := range bad {
		at, field, _ := strings.Cut(strings.TrimPrefix(f.Field, "orders["), "].")
		i, err := strconv.Atoi(at)
		if err != nil || i >= len(b.open) {
			return fmt.Errorf("server: %q is no field of a batch", f.Field)
		}
		f.Field = batchField(b.open[i], field)
		fl.Add(f)
	}
	return fl.Err()
}

// known answers the orders whose requests were answered before, and refuses what was used for something else.
func (b *batch) known() error {
	var reused, known []int
	for i, r := range b.requests {
		h, ok, err := b.s.ledger.Answered(r)
		switch {
		case errors.Is(err, ledger.ErrRequestReused):
			reused = append(reused, i)
		case err != nil:
			return err
		case ok:
			known = append(known, i)
			if err := b.take(i, &h, true); err != nil {
				return err
			}
		default:
			b.open = append(b.open, i)
		}
	}
	switch {
	case len(reused) > 0:
		return b.reused(reused)
	case b.all && len(known) > 0 && len(b.open) > 0:
		return b.partly(known)
	}
	return nil
}

// reused refuses a batch of which some request ids were used for something else.
func (b *batch) reused(which []int) error {
	return b.refusal(ReasonRequestReused, "the request_id was used for another request", which)
}

// partly refuses a batch of all or nothing of which some orders have their answer.
func (b *batch) partly(which []int) error {
	return b.refusal(ReasonRequestKnown, "the request_id was answered before, and others of the batch were not; nothing is held", which)
}

// maxNamed bounds the request ids that a refusal names.
const maxNamed = 20

// refusal says which orders stand in the way of the batch.
func (b *batch) refusal(reason, what string, which []int) error {
	var fields, ids []string
	for _, i := range which[:min(len(which), maxNamed)] {
		fields, ids = append(fields, fmt.Sprintf("requests[%d]", i)), append(ids, b.requests[i].ID)
	}
	more := ""
	if n := len(which) - len(ids); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	r := refusef(codes.AlreadyExists, reason, "%s: %s%s", what, strings.Join(fields, ", "), more)
	r.metadata = map[string]string{"request_ids": strings.Join(ids, "\n")}
	return r
}

// take writes the answer to an order: a hold, or a refusal, as the ledger remembers it.
func (b *batch) take(i int, h *ledger.Hold, known bool) error {
	a := remembered(h)
	out := &allotv1.AllocateResponse{}
	if err := proto.Unmarshal(a.appendTo(nil), out); err != nil {
		return fmt.Errorf("server: reading its own answer: %w", err)
	}
	b.answers[i] = &allotv1.BatchAnswer{Answer: out, Known: known}
	if known {
		b.s.recorder.Outcome(metrics.Repeated)
	}
	if !known && b.s.cfg.Answered != nil {
		b.s.cfg.Answered(&b.orders[i], b.now)
	}
	return nil
}

// run decides the open orders and holds their stock, and those again that lost theirs to others.
func (b *batch) run(ctx context.Context) error {
	for round := 0; len(b.open) > 0 && round < maxBatchRounds; round++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d := b.n.take()
		d.plain = b.plain[b.open[0]]
		d.look(b.n, b.s.ledger, b.now)
		err := b.round(ctx, d)
		b.n.give(d)
		if err != nil {
			return err
		}
	}
	if len(b.open) == 0 {
		return nil
	}
	if b.all {
		return contendedAfter(maxBatchRounds)
	}
	for _, i := range b.open {
		b.answers[i] = &allotv1.BatchAnswer{Contended: true}
		b.s.recorder.Outcome(metrics.Contended)
	}
	return nil
}

// stopped tells that the search is to end with what there is.
func (b *batch) stopped(ctx context.Context) func() bool {
	return func() bool {
		return ctx.Err() != nil || b.s.draining.Err() != nil || !time.Now().Before(b.until)
	}
}

// round decides the open orders together at a desk and grants what it can. Those that lost stay open.
func (b *batch) round(ctx context.Context, d *desk) error {
	orders := make([]engine.Order, len(b.open))
	for at, i := range b.open {
		orders[at] = b.orders[i]
	}
	w, err := b.n.engine.DecideWave(&d.stock, orders, b.now, engine.WaveOptions{
		Workers: b.s.cfg.BatchWorkers, Seed: b.seed, Stop: b.stopped(ctx), Unfilled: b.unfilled, All: b.all,
	})
	if err != nil {
		return b.batchFaults(err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // nobody would hear what was held
	}
	if b.all && !w.Filled && w.Stopped && w.Status != engine.Infeasible {
		r := refusef(codes.DeadlineExceeded, ReasonBatchOpen, "time was up before plans were found that fill all %d orders, and before it was shown that there are none; nothing is held: give a larger time_budget", len(orders))
		r.retry = time.Second
		return r
	}
	batch := make([]*ledger.Allocation, len(b.open))
	for at, i := range b.open {
		batch[at] = b.allocation(d, i, &w.Decisions[at])
	}
	if b.s.decided != nil {
		b.s.decided()
	}
	var holds []ledger.Hold
	errs := make([]error, len(batch))
	if b.all {
		holds, err = b.s.ledger.AllocateAll(batch)
		if errors.Is(err, ledger.ErrConflict) {
			return nil // to be decided again
		}
		if stands, ok := errors.AsType[*ledger.BatchError](err); ok { // a call at the same time was quicker
			if len(stands.Reused) > 0 {
				return b.reused(b.positions(stands.Reused))
			}
			return b.partly(b.positions(stands.Known))
		}
	} else {
		holds, errs, err = b.s.ledger.AllocateEach(batch)
	}
	if err != nil {
		return err
	}
	return b.granted(d, w, batch, holds, errs)
}

// positions turns positions among the open orders into such in the request.
func (b *batch) positions(open []int) []int {
	out := make([]int, len(open))
	for i, at := range open {
		out[i] = b.open[at]
	}
	return out
}

// allocation is the command to hold what a decision about the i-th order takes, or to remember that it takes nothing.
func (b *batch) allocation(d *desk, i int, decision *engine.Decision) *ledger.Allocation {
	a := &ledger.Allocation{
		Request: b.requests[i], At: b.now, Order: b.orders[i].ID, TTL: b.n.snap.Policy.HoldSeconds,
		Basis: d.basis(b.n, b.now), Question: b.questions[i],
		Answer: appendDecision(nil, b.n.snap, decision, told{prices: d.priced.version(), joint: true}),
	}
	claims.Of(a, decision)
	return a
}

// granted takes the answers of a round.
func (b *batch) granted(d *desk, w *engine.Wave, batch []*ledger.Allocation, holds []ledger.Hold, errs []error) error {
	out, lost := &b.out, []int{}
	for at, i := range b.open {
		decision := &w.Decisions[at]
		switch err := errs[at]; {
		case errors.Is(err, ledger.ErrConflict):
			lost = append(lost, i)
			continue
		case errors.Is(err, ledger.ErrRequestReused): // by a call at the same time; what was granted stays so, and is known next time
			return b.reused([]int{i})
		case err != nil:
			return err
		}
		known := !bytes.Equal(holds[at].Answer, batch[at].Answer) // by a call at the same time
		if err := b.take(i, &holds[at], known); err != nil {
			return err
		}
		if known {
			continue
		}
		b.s.recorder.Outcome(outcomeOf(decision))
		b.s.recorder.Search(searchOf(decision))
		out.Decided++
		if decision.Outcome == engine.Planned {
			out.Filled++
			out.CostMicros += int64(decision.Cost)
		}
	}
	out.CostMicros += int64(w.UnfilledCost)
	out.UnfilledCostMicros += int64(w.UnfilledCost)
	out.Iterations += int32(w.Iterations)
	out.Stopped = out.GetStopped() || w.Stopped
	out.PricesVersion = cmp.Or(out.GetPricesVersion(), d.priced.version())
	if !b.begun {
		b.begun, b.bound = true, w.Bound
		out.Status = allotv1.CertificateStatus(w.Status)
	}
	b.open = lost
	return nil
}

// answer is what the call answers.
func (b *batch) answer() (*allotv1.AllocateBatchResponse, error) {
	out := &b.out
	out.Answers = b.answers
	out.Currency, out.NetworkVersion = b.n.snap.Currency, b.n.snap.Version
	if len(b.open) > 0 {
		out.LowerBoundMicros, out.Status = 0, allotv1.CertificateStatus_CERTIFICATE_STATUS_BOUNDED
	} else {
		out.LowerBoundMicros = int64(b.bound)
	}
	out.GapMicros = max(0, out.GetCostMicros()-out.GetLowerBoundMicros())
	if out.GetStatus() == allotv1.CertificateStatus_CERTIFICATE_STATUS_OPTIMAL && out.GetGapMicros() > 0 {
		out.Status = allotv1.CertificateStatus_CERTIFICATE_STATUS_BOUNDED
	}
	return out, nil
}
