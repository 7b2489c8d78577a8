package server

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/units"
)

// Watches read the journal, not the ledger: what is there is durable, in order and without gaps, and a slow watcher holds
// nobody up.
const (
	watchEvery     = 10 * time.Millisecond // between looks into the journal, so that a watcher does not look after each of a thousand groups a second
	progressEvery  = 10_000                // events without one to tell, after which a watcher is told where it is
	maxStockChange = 1_000                 // counters told at once
	drainRetry     = time.Second           // after which a watcher whose server went away should come back
)

var (
	errNoJournal = refusef(codes.FailedPrecondition, ReasonNoJournal, "the server keeps everything in memory, and nothing to watch; start it with --data")
	errShutting  = &refusal{code: codes.Unavailable, reason: ReasonDraining, message: "the server shuts down; call again", retry: drainRetry}
)

// follow calls each for every durable event after a number, in order, and pause with the number of the last whenever it
// has seen all that there are. It goes on until the context ends, the server drains, or each or pause returns an error.
func (s *Server) follow(ctx context.Context, after uint64, each func(*ledger.Event) error, pause func(at uint64) error) error {
	store := s.cfg.Store
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		changed := store.Changed()
		for e, err := range store.Events(after) {
			switch {
			case errors.Is(err, journal.ErrTrimmed):
				return s.outOfRange(ReasonTrimmed, "the journal no longer has all events after %d", after)
			case err != nil:
				return err
			}
			if err := each(e); err != nil {
				return err
			}
			after = e.Sequence
			if err := s.over(ctx); err != nil {
				return err
			}
		}
		if err := pause(after); err != nil {
			return err
		}
		paced := next.C
		for paced != nil || changed != nil {
			select {
			case <-paced:
				paced = nil
			case <-changed:
				changed = nil
			case <-ctx.Done():
			case <-s.draining.Done():
			case <-store.Done():
			}
			if err := s.over(ctx); err != nil {
				return err
			}
		}
		next.Reset(watchEvery)
	}
}

// over returns why a stream must end now, or nil.
func (s *Server) over(ctx context.Context) error {
	switch {
	case s.draining.Err() != nil:
		return errShutting
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.cfg.Store != nil && s.cfg.Store.Err() != nil:
		return errJournalFailed
	}
	return nil
}

// start returns the number after which a caller wants to be told: the one it names, or the latest.
func (s *Server) start(after *uint64) (uint64, error) {
	if s.cfg.Store == nil {
		return 0, errNoJournal
	}
	switch {
	case after == nil:
		return s.cfg.Store.Last(), nil
	case *after < s.cfg.Store.Oldest():
		return 0, s.outOfRange(ReasonTrimmed, "the journal no longer has all events after %d", *after)
	case *after > s.cfg.Store.Last():
		return 0, s.outOfRange(ReasonAhead, "the journal ends before event %d", *after)
	}
	return *after, nil
}

// outOfRange refuses to watch after a number, and says after which one can.
func (s *Server) outOfRange(reason, format string, after uint64) error {
	oldest, latest := s.cfg.Store.Oldest(), s.cfg.Store.Last()
	r := refusef(codes.OutOfRange, reason, format+"; watch after %d to %d, or from now on", after, oldest, latest)
	r.metadata = map[string]string{"oldest": strconv.FormatUint(oldest, 10), "latest": strconv.FormatUint(latest, 10)}
	return r
}

// rowNames are those of the ledger's rows, which only ever become more.
type rowNames struct {
	ledger           *ledger.Ledger
	warehouses, skus []string
}

func (n *rowNames) warehouse(w ledger.Warehouse) string {
	if int(w) >= len(n.warehouses) {
		n.warehouses, n.skus, _, _ = n.ledger.Names()
	}
	return n.warehouses[w]
}

func (n *rowNames) sku(sku ledger.SKU) string {
	if int(sku) >= len(n.skus) {
		n.warehouses, n.skus, _, _ = n.ledger.Names()
	}
	return n.skus[sku]
}

// Types of events, as WatchDecisionsResponse documents them.
const (
	typePrefix   = "allot.v1.hold."
	typeProgress = "allot.v1.progress"
)

// eventTypes are the types of the events that are told, without their prefix.
var eventTypes = map[ledger.Kind]string{
	ledger.Held: "granted", ledger.Declined: "refused", ledger.HoldConfirmed: "confirmed", ledger.HoldReleased: "released",
	ledger.HoldExpired: "expired", ledger.HoldCancelled: "cancelled", ledger.HoldShipped: "shipped", ledger.HoldShort: "short",
}

// watchDecisions tells tell every event that a request asks for until the context ends.
func (s *Server) watchDecisions(ctx context.Context, request *allotv1.WatchDecisionsRequest, tell func(*allotv1.WatchDecisionsResponse) error) error {
	cut(&request.Types, len(eventTypes)+1)
	if err := check(request); err != nil {
		return err
	}
	at, err := s.start(request.AfterSequence)
	if err != nil {
		return err
	}
	w := &decisionWatch{s: s, names: rowNames{ledger: s.ledger}, source: "/allot/" + url.PathEscape(s.network.Load().snap.Name)}
	told := at
	if err := tell(w.progress(at, s.now())); err != nil { // so that the caller knows that all is well, and from where
		return err
	}
	return s.follow(ctx, at, func(e *ledger.Event) error {
		name, of := eventTypes[e.Kind]
		if !of || len(request.GetTypes()) > 0 && !slices.Contains(request.GetTypes(), typePrefix+name) {
			if e.Sequence-told < progressEvery {
				return nil
			}
			told = e.Sequence
			return tell(w.progress(e.Sequence, e.At))
		}
		told = e.Sequence
		m, err := w.event(e, typePrefix+name)
		if err != nil {
			return err
		}
		return tell(m)
	}, func(uint64) error { return nil })
}

// A decisionWatch writes events in the words of the contract.
type decisionWatch struct {
	s      *Server
	names  rowNames
	source string
}

func (w *decisionWatch) envelope(sequence uint64, at units.Instant, kind string) *allotv1.WatchDecisionsResponse {
	return &allotv1.WatchDecisionsResponse{
		Specversion: "1.0", Id: strconv.FormatUint(sequence, 10), Source: w.source, Type: kind,
		Time: &timestamppb.Timestamp{Seconds: int64(at)}, Sequence: sequence,
	}
}

func (w *decisionWatch) progress(sequence uint64, at units.Instant) *allotv1.WatchDecisionsResponse {
	m := w.envelope(sequence, at, typeProgress)
	m.Id += "/progress" // the event there has an id, too
	return m
}

func (w *decisionWatch) event(e *ledger.Event, kind string) (*allotv1.WatchDecisionsResponse, error) {
	m := w.envelope(e.Sequence, e.At, kind)
	m.Datacontenttype = "application/json"
	m.Data = &allotv1.DecisionEvent{RequestId: e.Request.ID}
	if e.Kind != ledger.Declined {
		m.Data.HoldId, m.Data.State = holdName(e.HoldID), allotv1.HoldState(e.Status)
		m.Subject = "holds/" + m.Data.GetHoldId()
	}
	if e.Hold == nil {
		if h, err := w.s.ledger.Get(e.HoldID); err == nil { // else it is forgotten, and its order with it
			m.Data.OrderId = h.Order
		}
		for _, it := range e.Items {
			m.Data.Items = append(m.Data.Items, &allotv1.HoldItem{
				Warehouse: w.names.warehouse(it.Warehouse), Sku: w.names.sku(it.SKU), Quantity: it.Quantity,
			})
		}
		return m, nil
	}
	m.Data.OrderId, m.Data.Decision = e.Hold.Order, &allotv1.Decision{}
	if err := proto.Unmarshal(e.Hold.Answer, m.Data.GetDecision()); err != nil {
		return nil, &journal.DamageError{Sequence: e.Sequence, What: "the event's decision is none"}
	}
	m.Data.NetworkVersion = m.Data.GetDecision().GetNetworkVersion()
	if e.Kind == ledger.Declined && e.Hold.Order != "" {
		m.Subject = "orders/" + e.Hold.Order
	}
	return m, nil
}

// watchStock tells tell the stock of what changes until the context ends.
func (s *Server) watchStock(ctx context.Context, request *allotv1.WatchStockRequest, tell func(*allotv1.WatchStockResponse) error) error {
	if err := check(request); err != nil {
		return err
	}
	at, err := s.start(request.AfterSequence)
	if err != nil {
		return err
	}
	w := &stockWatch{s: s, names: rowNames{ledger: s.ledger}, tell: tell, told: at, changed: map[cell]bool{}}
	if err := tell(&allotv1.WatchStockResponse{Sequence: at}); err != nil {
		return err
	}
	return s.follow(ctx, at, func(e *ledger.Event) error {
		if err := w.add(e); err != nil {
			return err
		}
		if len(w.changed) < maxStockChange {
			return nil
		}
		return w.flush(e.Sequence)
	}, w.flush)
}

// A stockWatch gathers which counters changed.
type stockWatch struct {
	s       *Server
	names   rowNames
	tell    func(*allotv1.WatchStockResponse) error
	told    uint64 // all that changed up to it
	changed map[cell]bool
}

// add notes the counters that an event changes.
func (w *stockWatch) add(e *ledger.Event) error {
	for _, l := range e.Levels {
		w.changed[cell{l.Warehouse, l.SKU}] = true
	}
	for _, r := range e.Receipts {
		w.changed[cell{r.Warehouse, r.SKU}] = true
	}
	for _, it := range e.Items {
		w.changed[cell{it.Warehouse, it.SKU}] = true
	}
	held := e.Hold
	if e.Kind.OfHold() && e.Kind != ledger.HoldConfirmed && len(e.Items) == 0 {
		h, err := w.s.ledger.Get(e.HoldID)
		if errors.Is(err, ledger.ErrNoHold) {
			return w.s.outOfRange(ReasonTrimmed, "a hold that changed stock after event %d is forgotten", w.told)
		}
		if err != nil {
			return err
		}
		held = &h
	}
	if held != nil {
		for i := range held.Stock {
			w.changed[cell{held.Stock[i].Warehouse, held.Stock[i].SKU}] = true
		}
	}
	return nil
}

// flush tells what changed up to an event, which has been added.
func (w *stockWatch) flush(at uint64) error {
	if len(w.changed) == 0 && at-w.told < progressEvery {
		return nil
	}
	cells := make([]cell, 0, len(w.changed))
	for c := range w.changed {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, compareCells)
	clear(w.changed)
	for {
		part := cells[:min(len(cells), maxStockChange)]
		cells = cells[len(part):]
		m := &allotv1.WatchStockResponse{Sequence: w.told}
		if len(cells) == 0 {
			m.Sequence, w.told = at, at
		}
		for _, c := range part {
			stock, err := w.s.ledger.Stock(c.warehouse, c.sku)
			if err != nil {
				return err
			}
			m.Stock = append(m.Stock, writeStock(w.names.warehouse(c.warehouse), w.names.sku(c.sku), stock))
		}
		if err := w.tell(m); err != nil {
			return err
		}
		if len(cells) == 0 {
			return nil
		}
	}
}
