package server

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// Files of what was recorded, as faults call them; their rows are the orders and moves in their order.
const (
	recordedOrders = "recorded orders"
	recordedMoves  = "recorded moves"
)

// recorded takes the orders that the server decided itself.
func (j *simulationJob) recorded(of *allotv1.RecordedOrders, fl *faults.List) {
	since, until := units.Instant(of.GetSince().GetSeconds()), j.s.now()+1
	if of.GetUntil() != nil {
		until = units.Instant(of.GetUntil().GetSeconds())
	}
	if until <= since && of.GetSince() != nil {
		fl.Addf("", 0, 0, "recorded.until", "write a later time, or leave it out", "nothing can have come before it")
		return
	}
	j.files = func(ctx context.Context, rest func()) ([]history.File, error) {
		r := &recording{s: j.s, rest: rest, since: since, until: until, seen: map[string]bool{}}
		if err := r.read(ctx); err != nil {
			return nil, err
		}
		j.began = r.began
		return []history.File{history.Bytes(recordedOrders, r.orders.Bytes()), history.Bytes(recordedMoves, r.moves.Bytes())}, nil
	}
}

// A recording is what the journal has of a time.
type recording struct {
	s            *Server
	rest         func() // called now and then
	since, until units.Instant
	seen         map[string]bool // ids of orders
	state        *ledger.State   // before the event at hand
	began        *ledger.Stand
	orders       bytes.Buffer
	moves        bytes.Buffer
}

// read reads the events of the time, with the state that they change.
func (r *recording) read(ctx context.Context) error {
	store := r.s.cfg.Store
	oldest := store.Oldest()
	before := oldest
	for e, err := range store.Events(oldest) {
		if err := r.going(ctx, e, err); err != nil {
			return err
		}
		if before == oldest && oldest > 0 && e.At > r.since {
			return refusef(codes.OutOfRange, ReasonTrimmed, "the journal no longer has what happened before %s; begin with that",
				time.Unix(int64(e.At), 0).UTC().Format(time.RFC3339))
		}
		if e.At >= r.since {
			break
		}
		before = e.Sequence
	}
	var err error
	if r.state, err = store.StateAt(before); err != nil {
		return err
	}
	r.began = r.state.Stand()
	for e, err := range store.Events(before) {
		if err := r.going(ctx, e, err); err != nil {
			return err
		}
		if e.At >= r.until {
			break
		}
		if err := r.add(e); err != nil {
			return err
		}
		if err := r.state.Replay(e); err != nil {
			return fmt.Errorf("server: event %d: %w", e.Sequence, err)
		}
	}
	return nil
}

// going returns why reading events does not go on, if it does not.
func (r *recording) going(ctx context.Context, e *ledger.Event, err error) error {
	switch {
	case err != nil:
		return err
	case e.Sequence%1024 == 0 && ctx.Err() != nil:
		return context.Cause(ctx)
	case e.Sequence%1024 == 0:
		r.rest()
	}
	return nil
}

// add adds an event, if it is an order or a move of stock.
func (r *recording) add(e *ledger.Event) error {
	at := time.Unix(int64(e.At), 0).UTC().Format(time.RFC3339)
	switch e.Kind {
	case ledger.Held, ledger.Declined:
		order, err := ReadQuestion(e.Question)
		if err != nil {
			return err
		}
		if order.GetId() == "" || r.seen[order.GetId()] {
			order.Id = fmt.Sprintf("%s#%d", order.GetId(), e.Sequence)
		}
		r.seen[order.GetId()] = true
		raw, err := protojson.Marshal(order)
		if err != nil {
			return fmt.Errorf("server: the order of event %d: %w", e.Sequence, err)
		}
		fmt.Fprintf(&r.orders, "{\"orderedAt\":%q,%s\n", at, raw[1:])
	case ledger.StockSet:
		warehouses, skus, _, _ := r.state.Names()
		for _, l := range e.Levels { // by how much, since the holds of before are not in the replay
			if change := l.OnHand - r.state.Stock(l.Warehouse, l.SKU).OnHand; change != 0 {
				writeLine(&r.moves, moveLine{Stock: "adjust", At: at, Warehouse: warehouses[l.Warehouse], SKU: skus[l.SKU], Quantity: change})
			}
		}
	case ledger.Planned:
		warehouses, skus, _, _ := r.state.Names()
		for _, p := range e.Receipts {
			m := moveLine{
				Stock: "inbound", At: at, Warehouse: warehouses[p.Warehouse], SKU: skus[p.SKU], Quantity: p.Quantity,
				Due: time.Unix(int64(p.From), 0).UTC().Format(time.RFC3339),
			}
			if p.From <= e.At {
				m.Stock, m.Due = "adjust", ""
			}
			writeLine(&r.moves, m)
		}
	}
	return nil
}
