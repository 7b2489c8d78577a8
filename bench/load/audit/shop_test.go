package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// holdFor is how long the corner shop's holds live.
const holdFor = 10 * time.Minute

// skus are those of the corner shop: 100 mugs in each of two places, of which 10 are kept back in one; 5 lamps and 40 posters in one.
var skus = []string{"mug", "lamp", "poster"}

// A shop is a server called without a network, by way of a proxy that can do wrong.
type shop struct {
	s      *server.Server
	proxy  func(request proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error)
	secret int // requests that the proxy made up
	mu     sync.Mutex
}

// Invoke implements grpc.ClientConnInterface.
func (p *shop) Invoke(_ context.Context, _ string, request, reply any, _ ...grpc.CallOption) error {
	out, err := p.through(request.(proto.Message))
	if err != nil {
		return err
	}
	proto.Merge(reply.(proto.Message), out)
	return nil
}

// NewStream implements grpc.ClientConnInterface.
func (p *shop) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("no streams")
}

// through calls by way of the proxy, one call after the other.
func (p *shop) through(request proto.Message) (proto.Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proxy == nil {
		return p.do(request)
	}
	return p.proxy(request, p.do)
}

// do calls the server. The codes of its errors are what its transport makes of them.
func (p *shop) do(request proto.Message) (out proto.Message, err error) {
	ctx := context.Background()
	switch r := request.(type) {
	case *allotv1.AllocateRequest:
		out, err = p.s.Allocate(ctx, r)
	case *allotv1.ConfirmRequest:
		out, err = p.s.Confirm(ctx, r)
	case *allotv1.ReleaseRequest:
		out, err = p.s.Release(ctx, r)
	case *allotv1.ShipRequest:
		out, err = p.s.Ship(ctx, r)
	case *allotv1.CancelRequest:
		out, err = p.s.Cancel(ctx, r)
	case *allotv1.GetRequest:
		out, err = p.s.Get(ctx, r)
	case *allotv1.GetStockRequest:
		out, err = p.s.GetStock(ctx, r)
	case *allotv1.CurrentRequest:
		out, err = p.s.Current(ctx, r)
	case *allotv1.AdjustStockRequest:
		out, err = p.s.AdjustStock(ctx, r)
	case *allotv1.SetStockRequest:
		out, err = p.s.SetStock(ctx, r)
	default:
		panic(fmt.Sprintf("%T", request))
	}
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, ledger.ErrNoHold):
		return nil, status.Error(codes.NotFound, err.Error())
	}
	return nil, status.Error(codes.FailedPrecondition, err.Error())
}

// must does something behind the callers' backs.
func (p *shop) must(request proto.Message) proto.Message {
	out, err := p.do(request)
	if err != nil {
		panic(err)
	}
	return out
}

// secretID is a request id that no caller has.
func (p *shop) secretID() string { p.secret++; return fmt.Sprintf("secret-%d", p.secret) }

// adjust changes what is on hand of a SKU in Columbus.
func (p *shop) adjust(sku string, change int32) {
	p.must(&allotv1.AdjustStockRequest{RequestId: p.secretID(), Adjustments: []*allotv1.StockAdjustment{{Warehouse: "columbus", Sku: sku, Change: change}}})
}

// A caller sends to a shop and keeps books.
type caller struct {
	*shop
	book   *Book
	events int64
	holds  map[int64]string
	sent   map[int64]*workload.Event
}

// open starts a server whose clock is that of the bubble.
func open(t testing.TB, o Options, remember ledger.Config) *caller {
	t.Helper()
	ahead := time.Until(time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC)) // a bubble's clock starts in 2000, which the books do not know
	clock := func() time.Time { return time.Now().Add(ahead) }
	s, err := server.New(server.Config{
		Files: os.DirFS("../../../server/testdata/network"), Log: slog.New(slog.DiscardHandler), Now: clock, Ledger: remember,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	o.HoldFor = holdFor
	if o.SKUs == nil {
		o.SKUs = skus
	}
	c := &caller{shop: &shop{s: s}, book: New(o), holds: map[int64]string{}, sent: map[int64]*workload.Event{}}
	if err := c.book.Begin(t.Context(), c.shop); err != nil {
		t.Fatal(err)
	}
	return c
}

// What becomes of a call.
const (
	arrives      = iota
	lostRequest  // it never reaches the server
	lostResponse // it is done, and nobody learns of it
)

// order sends an Allocate of some units of a SKU and returns the number of its event.
func (c *caller) order(sku string, n int64, promised string, fate int) int64 {
	date, _ := units.ParseDate(promised)
	e := &workload.Event{Number: c.events, Kind: workload.Allocate, Of: -1, Order: engine.Order{
		ID: fmt.Sprintf("o-%d", c.events), Lines: []engine.Line{{SKU: sku, Quantity: n}}, To: engine.Destination{Postal: "10001"},
		Promise: engine.Promise{Date: date},
	}}
	c.sent[e.Number] = e
	c.send(e, fate)
	return e.Number
}

// about sends what is about an earlier order.
func (c *caller) about(kind workload.Kind, of int64, fate int) {
	c.send(&workload.Event{Number: c.events, Kind: kind, Of: of}, fate)
}

func (c *caller) restock(sku string, n int32, fate int) {
	c.send(&workload.Event{Number: c.events, Kind: workload.Restock, Of: -1, Warehouse: "columbus", SKU: sku, Quantity: n}, fate)
}

// send sends an event, as far as its order has a hold.
func (c *caller) send(e *workload.Event, fate int) {
	c.events++
	call := &load.Call{Event: e, RequestID: fmt.Sprintf("r-%d", e.Number)}
	var request proto.Message
	switch e.Kind {
	case workload.Allocate:
		request = requestOf(call.RequestID, &e.Order)
	case workload.Repeat:
		call.RequestID = fmt.Sprintf("r-%d", e.Of)
		request = requestOf(call.RequestID, &c.sent[e.Of].Order)
	case workload.Restock:
		request = &allotv1.AdjustStockRequest{
			RequestId: call.RequestID, Adjustments: []*allotv1.StockAdjustment{{Warehouse: e.Warehouse, Sku: e.SKU, Change: e.Quantity}},
		}
	default:
		if call.HoldID = c.holds[e.Of]; call.HoldID == "" {
			return
		}
		switch e.Kind {
		case workload.Confirm:
			request = &allotv1.ConfirmRequest{RequestId: call.RequestID, HoldId: call.HoldID}
		case workload.Release:
			request = &allotv1.ReleaseRequest{RequestId: call.RequestID, HoldId: call.HoldID}
		case workload.Ship:
			request = &allotv1.ShipRequest{RequestId: call.RequestID, HoldId: call.HoldID}
		case workload.Cancel:
			request = &allotv1.CancelRequest{RequestId: call.RequestID, HoldId: call.HoldID}
		}
	}
	c.book.Sent(call)
	if fate == lostRequest {
		c.book.Failed(call, codes.DeadlineExceeded)
		return
	}
	answer, err := c.through(request)
	switch {
	case fate == lostResponse:
		c.book.Failed(call, codes.DeadlineExceeded)
		return
	case err != nil:
		c.book.Failed(call, status.Code(err))
		return
	}
	if a, ok := answer.(*allotv1.AllocateResponse); ok {
		of := e.Number
		if e.Kind == workload.Repeat {
			of = e.Of
		}
		if _, known := c.holds[of]; !known {
			c.holds[of] = a.GetHold().GetId()
		}
	}
	wire, err := proto.Marshal(answer)
	if err != nil {
		panic(err)
	}
	c.book.Answered(call, wire)
}

// finish ends the run.
func (c *caller) finish(t testing.TB) load.Correctness {
	t.Helper()
	found, err := c.book.Finish(t.Context(), c.shop)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// says tells whether one of the examples has a text.
func says(c *load.Correctness, text string) bool {
	return strings.Contains(strings.Join(c.Examples, "\n"), text)
}
