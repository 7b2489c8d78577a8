package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
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
	decision *kept
	id       ledger.HoldID // of the hold; 0 when the order was refused
	order    string
	expires  units.Instant
}

// appendTo appends the answer in the wire format of allot.v1.AllocateResponse.
func (a *answer) appendTo(b []byte) []byte {
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendBytes(b, a.decision.wire)
	if a.id != 0 {
		b = appendHold(b, 2, a.id, a.order, a.expires)
	}
	return b
}

// A kept is what the ledger keeps with a hold: the decision in the wire format of allot.v1.Decision, which takes a
// tenth of the memory of its messages.
type kept struct{ wire []byte }

// allocate decides and holds.
func (s *Server) allocate(ctx context.Context, request *allotv1.AllocateRequest) (answer, error) {
	n, now := s.network.Load(), s.now()
	d := n.take()
	defer n.give(d)
	d.look(s.ledger)
	if err := n.read(d, request, soundRequestID(request.GetRequestId()) && soundOrder(request.GetOrder()), now); err != nil {
		return answer{}, err
	}
	return s.decideAndHold(ctx, n, d, request.GetRequestId(), now)
}

// allocatePlain is allocate for a request as it came over the wire; ok is false where that is not a plain one.
func (s *Server) allocatePlain(ctx context.Context, wire string) (a answer, ok bool, err error) {
	n, now := s.network.Load(), s.now()
	d := n.take()
	defer n.give(d)
	id, ok := readPlain(wire, &d.order)
	if !ok {
		return answer{}, false, nil
	}
	d.look(s.ledger)
	a, err = s.decideAndHold(ctx, n, d, id, now)
	return a, true, err
}

// decideAndHold decides the order on a desk and holds its stock.
func (s *Server) decideAndHold(ctx context.Context, n *served, d *desk, id string, now units.Instant) (answer, error) {
	d.body = appendOrder(d.body[:0], &d.order)
	c := &d.claims
	c.Request, c.At, c.Order, c.TTL = ledger.Request{ID: id, Body: sha256.Sum256(d.body)}, now, d.order.ID, n.snap.Policy.HoldSeconds
	for range s.cfg.MaxAttempts {
		refused := n.engine.Decide(&d.stock, &d.order, now, d.scratch, &d.decision)
		if refused != nil || d.decision.Outcome != engine.Planned {
			// It may have been held before, when there was still stock for it.
			if h, ok, err := s.ledger.Granted(c.Request); err != nil {
				return answer{}, err
			} else if ok {
				return granted(&h)
			}
		}
		if refused != nil {
			return answer{}, orderFaults(nil, nil, refused)
		}
		d.body = appendDecision(d.body[:0], n.snap, &d.decision)
		decision := &kept{bytes.Clone(d.body)}
		if d.decision.Outcome != engine.Planned {
			return answer{decision: decision}, nil
		}
		d.claim()
		c.Answer = decision
		h, err := s.ledger.Allocate(c)
		switch {
		case err == nil: // to us, or to the same request before
			return granted(&h)
		case !errors.Is(err, ledger.ErrConflict):
			return answer{}, err
		case ctx.Err() != nil:
			return answer{}, context.Cause(ctx)
		}
		d.look(s.ledger)
	}
	return answer{}, contendedAfter(s.cfg.MaxAttempts)
}

// granted is the answer to a request that has its hold: the hold as it was granted, whatever became of it.
func granted(h *ledger.Hold) (answer, error) {
	decision, ok := h.Answer.(*kept)
	if !ok {
		return answer{}, fmt.Errorf("server: hold %d keeps a %T", h.ID, h.Answer)
	}
	return answer{decision: decision, id: h.ID, order: h.Order, expires: h.Expires}, nil
}

func contendedAfter(attempts int) error {
	r := refusef(codes.Aborted, ReasonContended, "others took the stock each of the %d times that the order was decided; try again", attempts)
	r.retry = contendedRetry
	return r
}

// claim writes what the decision takes into the claims.
func (d *desk) claim() {
	c := &d.claims
	c.Stock, c.Shipments = c.Stock[:0], c.Shipments[:0]
	for i := range d.decision.Shipments {
		s := &d.decision.Shipments[i]
		for _, it := range s.Items {
			c.Stock = append(c.Stock, ledger.StockClaim{
				Warehouse: ledger.Warehouse(s.Warehouse), SKU: ledger.SKU(it.SKU), Quantity: it.Quantity,
			})
		}
		c.Shipments = append(c.Shipments, ledger.ShipmentClaim{
			Warehouse: ledger.Warehouse(s.Warehouse), Service: ledger.Service(s.Service), Date: s.ShipDate, Shipments: 1,
		})
	}
}

// requestOf returns what makes a command idempotent: its id, and a hash of what it asks for. Messages without maps are
// written alike each time.
func requestOf(id string, body proto.Message) ledger.Request {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(body)
	if err != nil {
		panic("server: a message that was decoded cannot be encoded: " + err.Error())
	}
	return ledger.Request{ID: id, Body: sha256.Sum256(raw)}
}

// appendOrder appends an order so that orders differ wherever their bytes do, whichever port they came by. It is
// hashed, and hashes are kept: the form must not change.
func appendOrder(b []byte, o *engine.Order) []byte {
	text := func(s string) {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	text(o.ID)
	b = binary.AppendUvarint(b, uint64(len(o.Lines)))
	for i := range o.Lines {
		text(o.Lines[i].SKU)
		b = binary.AppendVarint(b, o.Lines[i].Quantity)
	}
	text(o.To.Country)
	text(o.To.Postal)
	text(o.To.TimeZone)
	if o.To.Commercial {
		b = append(b, 'c')
	}
	if p := o.To.Point; p != nil {
		b = binary.BigEndian.AppendUint64(append(b, 'p'), math.Float64bits(p.Lat))
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(p.Lng))
	}
	b = binary.AppendVarint(b, int64(o.Promise.Date))
	b = binary.AppendVarint(b, int64(o.Promise.Instant))
	text(o.CollectAt)
	for _, s := range o.Services {
		text(s)
	}
	return b
}

// Quote implements allotv1.AllocationServiceServer.
func (s *Server) Quote(_ context.Context, request *allotv1.QuoteRequest) (*allotv1.QuoteResponse, error) {
	n, now := s.network.Load(), s.now()
	d := n.take()
	defer n.give(d)
	d.look(s.ledger)
	if err := n.read(d, request, soundOrder(request.GetOrder()), now); err != nil {
		return nil, err
	}
	options, err := n.engine.Quote(&d.stock, &d.order, now, d.scratch)
	if err != nil {
		return nil, orderFaults(nil, nil, err)
	}
	return &allotv1.QuoteResponse{
		Options: writeOptions(n.snap, options), Currency: n.snap.Currency, NetworkVersion: n.snap.Version,
	}, nil
}

// Explain implements allotv1.AllocationServiceServer.
func (s *Server) Explain(_ context.Context, request *allotv1.ExplainRequest) (*allotv1.ExplainResponse, error) {
	n, now := s.network.Load(), s.now()
	d := n.take()
	defer n.give(d)
	d.look(s.ledger)
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
		Decision: WriteDecision(n.snap, &x.Decision), Explanation: WriteExplanation(n.snap, x, candidates),
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
	a, err := granted(&h)
	if err != nil {
		return nil, err
	}
	out := &allotv1.GetResponse{Hold: writeHold(&h), Decision: &allotv1.Decision{}}
	if err := proto.Unmarshal(a.decision.wire, out.Decision); err != nil {
		return nil, fmt.Errorf("server: hold %d: %w", h.ID, err)
	}
	return out, nil
}

// Confirm implements allotv1.AllocationServiceServer.
func (s *Server) Confirm(_ context.Context, request *allotv1.ConfirmRequest) (*allotv1.ConfirmResponse, error) {
	h, err := s.move(request, s.ledger.Confirm)
	if err != nil {
		return nil, err
	}
	return &allotv1.ConfirmResponse{Hold: h}, nil
}

// Release implements allotv1.AllocationServiceServer.
func (s *Server) Release(_ context.Context, request *allotv1.ReleaseRequest) (*allotv1.ReleaseResponse, error) {
	h, err := s.move(request, s.ledger.Release)
	if err != nil {
		return nil, err
	}
	return &allotv1.ReleaseResponse{Hold: h}, nil
}

// Cancel implements allotv1.AllocationServiceServer.
func (s *Server) Cancel(_ context.Context, request *allotv1.CancelRequest) (*allotv1.CancelResponse, error) {
	h, err := s.move(request, s.ledger.Cancel)
	if err != nil {
		return nil, err
	}
	return &allotv1.CancelResponse{Hold: h}, nil
}

// A holdRequest asks to move a hold.
type holdRequest interface {
	proto.Message
	GetRequestId() string
	GetHoldId() string
}

func (s *Server) move(
	request holdRequest, to func(units.Instant, ledger.HoldID, ledger.Request) (ledger.Hold, error),
) (*allotv1.Hold, error) {
	if err := check(request); err != nil {
		return nil, err
	}
	id, err := holdID(request.GetHoldId())
	if err != nil {
		return nil, err
	}
	r := requestOf(request.GetRequestId(), request)
	h, err := to(s.now(), id, r)
	if err != nil {
		return nil, err
	}
	return writeHold(&h), nil
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
