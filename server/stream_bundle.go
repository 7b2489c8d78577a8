package server

import (
	"context"
	"errors"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/server/metrics"
	"github.com/allot-engine/allot/units"
)

// bundleOrders is how many orders of a group are granted together. Until then their stock is as much anybody's as that of orders
// which as many callers decide at once: who comes too late is decided again.
const bundleOrders = 64

// A bundle is orders of a group that were decided and are not yet held.
type bundle struct {
	n         int
	orders    [bundleOrders]int // of the group
	became    [bundleOrders]metrics.Outcome
	claims    [bundleOrders]ledger.Allocation
	granted   [bundleOrders]ledger.Granted
	questions []byte
}

// forget lets go of what belongs to others.
func (b *bundle) forget() {
	for i := range b.claims {
		c := &b.claims[i]
		*c = ledger.Allocation{Stock: c.Stock[:0], Shipments: c.Shipments[:0]}
	}
	clear(b.granted[:])
	b.n, b.questions = 0, b.questions[:0]
}

// bundle decides the i-th order of a group, to be held by grantBundle; false where it has to be done alone: it is not a plain one,
// its stages are measured, there is no decision, or its stock moved meanwhile, which was an attempt.
func (s *Server) bundle(ctx context.Context, n *served, d *desk, i int, now units.Instant) (ok bool, attempts int) {
	read := &d.ahead.orders[i]
	if !read.plain {
		return false, 0
	}
	if d.start(ctx, s.tracer); d.on {
		d.abandon()
		return false, 0
	}
	b, order := &d.bundle, &read.order
	d.plain = false
	d.look(n, s.ledger, now)
	from := len(b.questions)
	if read.question != "" {
		b.questions = append(b.questions, read.question...)
	} else {
		b.questions = appendQuestion(b.questions, order, false)
	}
	question := b.questions[from:]
	if err := n.decide(d, order, now, s.cfg.DecideBudget); err != nil {
		return false, 0
	}
	d.decided()
	if !d.still() {
		d.record.Again()
		return false, 1
	}
	room := d.room()
	body := appendDecision(room, n.snap, &d.decision, told{prices: d.priced.version()})
	c := &b.claims[b.n]
	c.Request = ledger.Request{ID: d.group.text(read.request), Body: ledger.HashBody(question)}
	c.At, c.Order, c.TTL, c.Question = now, d.group.text(order.ID), n.snap.Policy.HoldSeconds, question
	c.Room = &d.kept
	c.Basis, c.Answer = d.basis(n, now), d.keep(body, len(room))
	claims.Of(c, &d.decision)
	b.orders[b.n], b.became[b.n] = i, outcomeOf(&d.decision)
	b.n++
	return true, 1
}

// grantBundle holds the orders of a bundle, in their order, and answers them. One whose stock is gone is decided again before the
// next is held, so that all get the plans that they would get one by one. What is refused is refused for what was seen, which may
// be another reason than after the others: there is less since, so there is no plan then, either.
func (s *Server) grantBundle(ctx context.Context, n *served, d *desk, items []streamItem, now units.Instant) {
	b, g := &d.bundle, d.group
	for next := 0; next < b.n; {
		done, sequence := s.ledger.BeginEach(b.claims[next:b.n], b.granted[next:b.n])
		g.kept = max(g.kept, sequence)
		for end := next + done; next < end; next++ {
			a, err := s.granted(ctx, n, d, items, next, now)
			s.add(g, items[b.orders[next]].tag, &a, err)
		}
	}
	b.n, b.questions = 0, b.questions[:0]
}

// granted returns the answer to the k-th order of a bundle, after BeginEach.
func (s *Server) granted(ctx context.Context, n *served, d *desk, items []streamItem, k int, now units.Instant) (answer, error) {
	b := &d.bundle
	granted, i := &b.granted[k], b.orders[k]
	switch {
	case errors.Is(granted.Err, ledger.ErrConflict):
		d.record.Again()
		return s.allocateItem(ctx, n, d, &items[i], &d.ahead.orders[i], 1, now)
	case granted.Err != nil:
		d.record.Outcome(metrics.Failed)
		return answer{}, granted.Err
	}
	if s.cfg.Answered != nil {
		s.cfg.Answered(&d.ahead.orders[i].order, now)
	}
	if &granted.Hold.Answer[0] == &b.claims[k].Answer[0] { // the ledger keeps the very bytes of the answer that it takes
		d.record.Outcome(b.became[k])
	} else {
		d.record.Outcome(metrics.Repeated)
	}
	return remembered(&granted.Hold), nil
}
