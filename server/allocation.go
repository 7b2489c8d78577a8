package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/server/metrics"
	"github.com/allot-engine/allot/units"
)

// contendedRetry is after how long a caller that lost every race for its stock should come back.
const contendedRetry = 10 * time.Millisecond

// defaultCandidates is how many candidates Explain lists when it is not told.
const defaultCandidates = 1_000

// An orderRequest is a request about an order.
type orderRequest interface {
	proto.Message
	GetOrder() *allotv1.Order
	GetIgnorePrices() bool
}

// read checks a request by the rules of the contract, unless sound tells that it surely keeps them, and reads its
// order into d. The error lists what the engine has against the order as well.
func (n *served) read(d *desk, request orderRequest, sound bool, now units.Instant) error {
	var violated, seen faults.List
	if !sound {
		if o := request.GetOrder(); o != nil {
			cutOrder(o)
		}
		violations(request, &violated)
	}
	readOrder(request.GetOrder(), &d.order, &d.point, &seen)
	if violated.Len()+seen.Len() == 0 {
		return nil
	}
	err := n.engine.Decide(&d.stock, &d.order, now, d.scratch, &d.decision)
	return orderFaults(violated.Faults(), seen.Faults(), err)
}

// Allocate implements allotv1.AllocationServiceServer.
func (s *Server) Allocate(ctx context.Context, request *allotv1.AllocateRequest) (*allotv1.AllocateResponse, error) {
	a, err := s.allocate(ctx, request)
	if err != nil {
		return nil, err
	}
	out := &allotv1.AllocateResponse{}
	if err := proto.Unmarshal(a.appendTo(nil), out); err != nil {
		return nil, fmt.Errorf("server: reading its own answer: %w", err)
	}
	return out, nil
}

// An answer is what Allocate answers.
type answer struct {
	decision []byte        // in the wire format of allot.v1.Decision
	id       ledger.HoldID // of the hold; 0 when the order was refused
	order    string
	expires  units.Instant
}

// appendTo appends the answer in the wire format of allot.v1.AllocateResponse.
func (a *answer) appendTo(b []byte) []byte {
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendBytes(b, a.decision)
	if a.id != 0 {
		b = appendHold(b, 2, a.id, a.order, a.expires)
	}
	return b
}

// begin takes the network in service and a desk to decide an order at; give the desk back.
func (s *Server) begin(request orderRequest) (n *served, d *desk, now units.Instant) {
	n, now = s.network.Load(), s.now()
	d = n.take()
	d.plain = request.GetIgnorePrices()
	d.look(n, s.ledger, now)
	return n, d, now
}

// allocate decides and holds.
func (s *Server) allocate(ctx context.Context, request *allotv1.AllocateRequest) (answer, error) {
	n, d, now := s.begin(request)
	defer n.give(d)
	return s.allocateAt(ctx, n, d, request, now)
}

// allocateAt is allocate at a desk that has looked.
func (s *Server) allocateAt(ctx context.Context, n *served, d *desk, request *allotv1.AllocateRequest, now units.Instant) (answer, error) {
	d.start(ctx, s.tracer)
	if err := n.read(d, request, soundRequestID(request.GetRequestId()) && soundOrder(request.GetOrder()), now); err != nil {
		d.finish(metrics.Failed)
		return answer{}, err
	}
	return s.decideAndHold(ctx, n, d, request.GetRequestId(), s.cfg.MaxAttempts, now)
}

// allocatePlain is allocate for a request as it came over the wire; ok is false where that is not a plain one.
func (s *Server) allocatePlain(ctx context.Context, wire string) (a answer, ok bool, err error) {
	n, now := s.network.Load(), s.now()
	d := n.take()
	defer n.give(d)
	d.start(ctx, s.tracer)
	id, _, ok := readPlain(wire, &d.order)
	if !ok {
		d.abandon()
		return answer{}, false, nil
	}
	a, err = s.allocateRead(ctx, n, d, id, s.cfg.MaxAttempts, now)
	return a, true, err
}

// allocateRead is allocate for the order on a desk, which came in a plain request with an id, in so many attempts.
func (s *Server) allocateRead(ctx context.Context, n *served, d *desk, id string, attempts int, now units.Instant) (answer, error) {
	d.plain = false
	d.look(n, s.ledger, now)
	return s.decideAndHold(ctx, n, d, id, attempts, now)
}

// decideAndHold decides the order on a desk and holds its stock, in so many attempts.
func (s *Server) decideAndHold(ctx context.Context, n *served, d *desk, id string, attempts int, now units.Instant) (a answer, err error) {
	became := metrics.Failed
	defer func() { d.finish(became) }()
	d.lap(metrics.Parse)
	d.question = appendQuestion(d.question[:0], &d.order, d.plain)
	c := &d.claims
	c.Request, c.At, c.Order, c.TTL = ledger.Request{ID: id, Body: ledger.HashBody(d.question)}, now, d.order.ID, n.snap.Policy.HoldSeconds
	c.Question = d.question
	place := passOf(ctx)
	for range attempts {
		if refused := n.decide(d, &d.order, now, s.cfg.DecideBudget); refused != nil {
			return s.answered(c.Request, orderFaults(nil, nil, refused), &became) // it may have been decided before, by another network or on another day
		}
		d.decided()
		if d.still() { // else nobody could say what it was decided on
			room := d.room()
			body := appendDecision(room, n.snap, &d.decision, told{prices: d.priced.version()})
			c.Basis, c.Answer = d.basis(n, now), d.keep(body, len(room))
			d.lap(metrics.Encode)
			if ctx.Err() != nil { // nobody would confirm it
				s.limits.dropped.Add(1)
				return answer{}, context.Cause(ctx)
			}
			if s.cfg.Store != nil {
				place.waits()
			}
			h, err := s.hold(d)
			switch {
			case err == nil: // to us, or to the same request before
				if s.cfg.Answered != nil {
					s.cfg.Answered(&d.order, now)
				}
				became = outcomeOf(&d.decision)
				if &h.Answer[0] != &c.Answer[0] { // the ledger keeps the very bytes of the answer that it takes
					became = metrics.Repeated
				}
				return remembered(&h), nil
			case !errors.Is(err, ledger.ErrConflict):
				return answer{}, err
			}
		} else if h, ok, err := s.answeredBefore(place, c.Request); ok || err != nil {
			// Asking also waited until the ledger is done with what has moved the stock: looking again before that is in vain.
			if err == nil {
				became = metrics.Repeated
			}
			return remembered(&h), err
		}
		if ctx.Err() != nil {
			return answer{}, context.Cause(ctx)
		}
		d.record.Again()
		if err := place.come(true); err != nil {
			return answer{}, err
		}
		d.look(n, s.ledger, now)
	}
	became = metrics.Contended
	return s.answered(c.Request, contendedAfter(s.cfg.MaxAttempts), &became)
}

// answeredBefore asks the ledger what a request was answered, which may have to wait for the journal.
func (s *Server) answeredBefore(place pass, r ledger.Request) (ledger.Hold, bool, error) {
	if s.cfg.Store != nil {
		place.waits()
	}
	return s.ledger.Answered(r)
}

// decide decides an order at a desk within a time budget, if not 0. Time chooses how good the plan is, and never whether there is
// one, whole and in time: a search that was stopped before it knew goes on without a limit.
func (n *served) decide(d *desk, order *engine.Order, now units.Instant, budget time.Duration) error {
	decision := &d.decision
	if budget > 0 {
		d.deadline, d.scratch.Stop = time.Now().Add(budget), d.overdue
		err := n.engine.Decide(&d.stock, order, now, d.scratch, decision)
		d.scratch.Stop = nil
		if err != nil || !decision.Certificate.Stopped || decision.Outcome == engine.Planned && !decision.Late && len(decision.Unfilled) == 0 {
			return err
		}
	}
	return n.engine.Decide(&d.stock, order, now, d.scratch, decision)
}

// hold claims what the decision takes, or lets the ledger remember that it takes nothing. In a group nobody waits until it is
// kept: that is for whoever sends the group's answers.
func (s *Server) hold(d *desk) (ledger.Hold, error) {
	c := &d.claims
	claims.Of(c, &d.decision)
	h, sequence, err := s.ledger.Begin(c)
	d.lap(metrics.Hold)
	if d.group != nil {
		d.group.kept = max(d.group.kept, sequence)
		return h, err
	}
	lost := s.ledger.Wait(sequence)
	d.lap(metrics.Journal)
	if lost != nil {
		return ledger.Hold{}, lost
	}
	return h, err
}

// answered returns what a request was answered before, or else an error. It tells where it was.
func (s *Server) answered(r ledger.Request, otherwise error, became *metrics.Outcome) (answer, error) {
	h, ok, err := s.ledger.Answered(r)
	switch {
	case err != nil:
		return answer{}, err
	case !ok:
		return answer{}, otherwise
	}
	*became = metrics.Repeated
	return remembered(&h), nil
}

// remembered is the answer to a request that was decided: the hold as it was granted, whatever became of it, or the
// refusal.
func remembered(h *ledger.Hold) answer {
	return answer{decision: h.Answer, id: h.ID, order: h.Order, expires: h.Expires}
}

func contendedAfter(attempts int) error {
	r := refusef(codes.Aborted, ReasonContended, "others took the stock each of the %d times that the order was decided; try again", attempts)
	r.retry = contendedRetry
	return r
}

// requestOf returns what makes a command idempotent: its id, and a hash of what it asks for. Messages without maps are
// written alike each time.
func requestOf(id string, body proto.Message) ledger.Request {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(body)
	if err != nil {
		panic("server: a message that was decoded cannot be encoded: " + err.Error())
	}
	return ledger.Request{ID: id, Body: ledger.HashBody(raw)}
}

// basis is what a decision at a desk is made on.
func (d *desk) basis(n *served, now units.Instant) ledger.Basis {
	b := ledger.Basis{Network: n.number, Sequence: d.days.View.Sequence, At: now}
	if d.priced != nil {
		b.Network = d.priced.number
	}
	return b
}

// plainField is the number of the field after those of an order in which the ledger is told that prices did not count.
const plainField = 15

// appendQuestion appends what the ledger is told was asked: the order and, where prices did not count, that.
func appendQuestion(b []byte, o *engine.Order, plain bool) []byte {
	return appendBool(appendOrder(b, o), plainField, plain)
}

// appendOrder appends an order in the wire format of allot.v1.Order, each order in one way, whichever port it came by. It
// is what the ledger is told was asked, and its hash is what tells requests apart: the form must not change.
func appendOrder(b []byte, o *engine.Order) []byte {
	b = appendText(b, 1, o.ID)
	for i := range o.Lines {
		var at int
		b, at = begin(b, 2)
		b = appendText(b, 1, o.Lines[i].SKU)
		b = appendInt(b, 2, o.Lines[i].Quantity)
		b = end(b, at)
	}
	b = appendDestination(b, &o.To)
	if o.Promise.Date != 0 {
		b = appendDate(b, 4, o.Promise.Date)
	}
	b = appendInstant(b, 5, o.Promise.Instant)
	b = appendText(b, 6, o.CollectAt)
	for _, s := range o.Services {
		b = appendText(b, 7, s)
	}
	return b
}

// appendDestination appends where an order goes, or nothing where it does not say.
func appendDestination(b []byte, to *engine.Destination) []byte {
	if *to == (engine.Destination{}) {
		return b
	}
	b, at := begin(b, 3)
	b = appendText(b, 1, to.Country)
	b = appendText(b, 2, to.Postal)
	if p := to.Point; p != nil {
		var point int
		b, point = begin(b, 3)
		b = appendFloat(b, 1, p.Lat)
		b = appendFloat(b, 2, p.Lng)
		b = end(b, point)
	}
	b = appendText(b, 4, to.TimeZone)
	b = appendBool(b, 5, to.Commercial)
	return end(b, at)
}

// ReadQuestion returns the order that a decision in the ledger is about.
func ReadQuestion(question []byte) (*allotv1.Order, error) {
	o := &allotv1.Order{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(question, o); err != nil {
		return nil, fmt.Errorf("server: the order of a decision: %w", err)
	}
	return o, nil
}

// Quote implements allotv1.AllocationServiceServer.
func (s *Server) Quote(_ context.Context, request *allotv1.QuoteRequest) (*allotv1.QuoteResponse, error) {
	n, d, now := s.begin(request)
	defer n.give(d)
	if err := n.read(d, request, soundOrder(request.GetOrder()), now); err != nil {
		return nil, err
	}
	options, err := n.engine.Quote(&d.stock, &d.order, now, d.scratch)
	if err != nil {
		return nil, orderFaults(nil, nil, err)
	}
	return &allotv1.QuoteResponse{
		Options: writeOptions(n.snap, options, told{prices: d.priced.version()}), Currency: n.snap.Currency,
		NetworkVersion: n.snap.Version, PricesVersion: d.priced.version(),
	}, nil
}

// Explain implements allotv1.AllocationServiceServer.
func (s *Server) Explain(_ context.Context, request *allotv1.ExplainRequest) (*allotv1.ExplainResponse, error) {
	n, d, now := s.begin(request)
	defer n.give(d)
	if err := n.read(d, request, false, now); err != nil {
		return nil, err
	}
	x, err := n.engine.Explain(&d.stock, &d.order, now, d.scratch)
	if err != nil {
		return nil, orderFaults(nil, nil, err)
	}
	candidates := int(request.GetMaxCandidates())
	if candidates == 0 {
		candidates = defaultCandidates
	}
	return &allotv1.ExplainResponse{
		Decision: writeDecision(n.snap, &x.Decision, told{prices: d.priced.version()}), Explanation: WriteExplanation(n.snap, x, candidates),
	}, nil
}

// Get implements allotv1.AllocationServiceServer.
func (s *Server) Get(_ context.Context, request *allotv1.GetRequest) (*allotv1.GetResponse, error) {
	if err := check(request); err != nil {
		return nil, err
	}
	id, err := holdID(request.GetHoldId())
	if err != nil {
		return nil, err
	}
	if err := s.ledger.Advance(s.now()); err != nil {
		return nil, err
	}
	h, err := s.ledger.Get(id)
	if err != nil {
		return nil, err
	}
	out := &allotv1.GetResponse{Hold: writeHold(s.network.Load().snap, &h), Decision: &allotv1.Decision{}}
	if err := proto.Unmarshal(h.Answer, out.Decision); err != nil {
		return nil, fmt.Errorf("server: hold %d: %w", h.ID, err)
	}
	return out, nil
}

// Confirm implements allotv1.AllocationServiceServer.
func (s *Server) Confirm(_ context.Context, request *allotv1.ConfirmRequest) (*allotv1.ConfirmResponse, error) {
	h, err := s.move(request, nil, func(at units.Instant, id ledger.HoldID, r ledger.Request, _ []ledger.StockClaim) (ledger.Hold, error) {
		return s.ledger.Confirm(at, id, r)
	})
	if err != nil {
		return nil, err
	}
	return &allotv1.ConfirmResponse{Hold: h}, nil
}

// Release implements allotv1.AllocationServiceServer.
func (s *Server) Release(_ context.Context, request *allotv1.ReleaseRequest) (*allotv1.ReleaseResponse, error) {
	h, err := s.move(request, &request.Items, s.ledger.Release)
	if err != nil {
		return nil, err
	}
	return &allotv1.ReleaseResponse{Hold: h}, nil
}

// Cancel implements allotv1.AllocationServiceServer.
func (s *Server) Cancel(_ context.Context, request *allotv1.CancelRequest) (*allotv1.CancelResponse, error) {
	h, err := s.move(request, &request.Items, s.ledger.Cancel)
	if err != nil {
		return nil, err
	}
	return &allotv1.CancelResponse{Hold: h}, nil
}

// Ship implements allotv1.AllocationServiceServer.
func (s *Server) Ship(_ context.Context, request *allotv1.ShipRequest) (*allotv1.ShipResponse, error) {
	h, err := s.move(request, &request.Items, s.ledger.Ship)
	if err != nil {
		return nil, err
	}
	return &allotv1.ShipResponse{Hold: h}, nil
}

// ShortPick implements allotv1.AllocationServiceServer.
func (s *Server) ShortPick(_ context.Context, request *allotv1.ShortPickRequest) (*allotv1.ShortPickResponse, error) {
	h, err := s.move(request, &request.Items, s.ledger.ShortPick)
	if err != nil {
		return nil, err
	}
	return &allotv1.ShortPickResponse{Hold: h}, nil
}

// A holdRequest asks to move a hold.
type holdRequest interface {
	proto.Message
	GetRequestId() string
	GetHoldId() string
}

// move moves a hold, or those of its items that the request lists; items is nil where it cannot list any.
func (s *Server) move(
	request holdRequest, items *[]*allotv1.HoldItem, to func(units.Instant, ledger.HoldID, ledger.Request, []ledger.StockClaim) (ledger.Hold, error),
) (*allotv1.Hold, error) {
	snap := s.network.Load().snap
	var fl faults.List
	var claims []ledger.StockClaim
	if items != nil {
		cut(items, maxItems)
	}
	violations(request, &fl)
	if items != nil {
		for i, c := range cellsOf(snap, &fl, "items", *items) {
			claims = append(claims, ledger.StockClaim{Warehouse: c.warehouse, SKU: c.sku, Quantity: (*items)[i].GetQuantity()})
		}
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	id, err := holdID(request.GetHoldId())
	if err != nil {
		return nil, err
	}
	h, err := to(s.now(), id, requestOf(request.GetRequestId(), request), claims)
	if err != nil {
		return nil, err
	}
	return writeHold(s.network.Load().snap, &h), nil // the hold may be of a network loaded meanwhile
}

// holdName is what a hold is called outside. Callers must not read anything into it.
func holdName(id ledger.HoldID) string { return strconv.FormatUint(uint64(id), 10) }

// holdID finds the hold that a name is for. A name that we never gave is a hold that we do not have.
func holdID(name string) (ledger.HoldID, error) {
	id, err := strconv.ParseUint(name, 10, 64)
	if err != nil || holdName(ledger.HoldID(id)) != name {
		return 0, ledger.ErrNoHold
	}
	return ledger.HoldID(id), nil
}
