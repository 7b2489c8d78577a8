package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/server"
)

// Callers is how many calls are made at once of a service that is measured, each waiting for its answer.
const Callers = 64

// ServiceWorld is the network of the service that is measured: 50 half-stocked warehouses and 12 services.
var ServiceWorld = enginetest.Config{Seed: 1, Warehouses: 50, Services: 12, SKUs: 500, Stocked: 50, Lines: -2}

// SampleOrders draws orders from a world, in the words of the API.
func SampleOrders(world *enginetest.World, n int) []*allotv1.Order {
	rng := rand.New(rand.NewPCG(7, 7))
	orders := make([]*allotv1.Order, n)
	for i := range orders {
		o, _ := world.Order(rng, 0)
		m := &allotv1.Order{
			Id: fmt.Sprintf("order-%06d", i),
			To: &allotv1.Destination{Country: o.To.Country, PostalCode: o.To.Postal, Commercial: o.To.Commercial},
		}
		for _, l := range o.Lines {
			m.Lines = append(m.Lines, &allotv1.Line{Sku: l.SKU, Quantity: int32(l.Quantity)})
		}
		if o.Promise.Date != 0 {
			m.Promise = &allotv1.Order_PromiseDate{PromiseDate: o.Promise.Date.String()}
		}
		orders[i] = m
	}
	return orders
}

// A Caller is a connection to a service on which a method is called over and over, with requests that next appends to the
// memory it is given.
type Caller struct {
	conn   *grpc.ClientConn
	method string
	next   func([]byte) []byte
}

// An Allocator is a server with a world's network and stock that never runs out, on a loopback port.
type Allocator struct {
	Server *server.Server

	conn *grpc.ClientConn
	next atomic.Int64 // makes request ids
	stop func() error
}

// NewAllocator serves a world. store keeps the ledger; nil keeps it in memory. The store stays the caller's, who closes it
// after the allocator.
func NewAllocator(world *enginetest.World, store *durable.Store) (*Allocator, error) {
	s, err := server.New(ServiceConfig(world, store))
	if err != nil {
		return nil, err
	}
	l, conn, err := loopback()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, nil) }()
	return &Allocator{Server: s, conn: conn, stop: func() error {
		cancel()
		err := errors.Join(conn.Close(), <-ended)
		s.Close()
		return err
	}}, nil
}

// ServiceConfig configures a server of a world with stock that never runs out. store is as that of NewAllocator.
func ServiceConfig(world *enginetest.World, store *durable.Store) server.Config {
	source := *world.Source
	for sku, id := range world.Snapshot.SKUs.IDs {
		for w := range world.Snapshot.Warehouses {
			if world.Stock.Available[sku*world.Stock.Stride+w] > 0 { // as stocked as the world, and never sold out
				source.Stock = append(source.Stock, network.StockRow{
					Warehouse: world.Snapshot.Warehouses[w].ID, SKU: id, OnHand: 100_000_000,
				})
			}
		}
	}
	return server.Config{
		Load: func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
			snap, err := network.Compile(&source, prev)
			return snap, &network.Stock{Rows: source.Stock}, err
		},
		Store: store,
		Now:   func() time.Time { return time.Unix(int64(enginetest.Start), 0) },
		Log:   slog.New(slog.DiscardHandler),
	}
}

// Close ends the server.
func (a *Allocator) Close() error { return a.stop() }

// Caller returns a caller of Allocate with the given orders, one after the other, each with a request id of its own.
func (a *Allocator) Caller(orders []*allotv1.Order) (*Caller, error) {
	return AllocateCaller(a.conn, &a.next, orders)
}

// AllocateCaller returns a caller of Allocate over a connection that Connect made. next numbers the requests, whoever sends them.
func AllocateCaller(conn *grpc.ClientConn, next *atomic.Int64, orders []*allotv1.Order) (*Caller, error) {
	encoded, err := encodedOrders(orders)
	if err != nil {
		return nil, err
	}
	return &Caller{conn: conn, method: allotv1.AllocationService_Allocate_FullMethodName, next: func(b []byte) []byte {
		return appendRequest(b, next.Add(1), encoded)
	}}, nil
}

// encodedOrders returns AllocateRequests without request ids.
func encodedOrders(orders []*allotv1.Order) ([][]byte, error) {
	encoded := make([][]byte, len(orders))
	for i, o := range orders {
		raw, err := proto.Marshal(&allotv1.AllocateRequest{Order: o})
		if err != nil {
			return nil, err
		}
		encoded[i] = raw
	}
	return encoded, nil
}

// appendRequest appends the i-th AllocateRequest.
func appendRequest(b []byte, i int64, encoded [][]byte) []byte {
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendString(b, fmt.Sprintf("request-%08d", i))
	return append(b, encoded[int(i)%len(encoded)]...)
}

// Sizes makes calls of Allocate one by one, checks that nearly all are granted a hold, and returns the average sizes of
// requests and responses in bytes.
func (c *Caller) Sizes(ctx context.Context, calls int) (request, response int, err error) {
	held := 0
	for range calls {
		in, answer := c.next(nil), []byte{}
		if err := c.conn.Invoke(ctx, c.method, &in, &answer); err != nil {
			return 0, 0, err
		}
		out := &allotv1.AllocateResponse{}
		if err := proto.Unmarshal(answer, out); err != nil {
			return 0, 0, err
		}
		request += len(in)
		response += len(answer)
		if out.GetHold() != nil {
			held++
		}
	}
	if held < calls*9/10 {
		return 0, 0, fmt.Errorf("only %d of %d orders were held: refusals would be measured", held, calls)
	}
	return request / calls, response / calls, nil
}

// An Echo is a server as anybody would write it whose one method takes bytes, answers bytes and does nothing else.
type Echo struct {
	Caller

	server *grpc.Server
}

// NewEcho serves an echo and calls it with requests and answers of the given sizes in bytes.
func NewEcho(request, response int) (*Echo, error) {
	g := grpc.NewServer()
	registerEcho(g, "bench.Echo", response)
	l, conn, err := loopback()
	if err != nil {
		return nil, err
	}
	go func() { _ = g.Serve(l) }() // ends with Stop
	e := &Echo{server: g}
	e.Caller = *EchoCaller(conn, request)
	return e, nil
}

// registerEcho registers the service of the echo.
func registerEcho(g *grpc.Server, name string, response int) {
	answer := wrapperspb.Bytes(sized(response))
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: name,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Echo",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				in := new(wrapperspb.BytesValue)
				if err := decode(in); err != nil {
					return nil, err
				}
				return answer, nil
			},
		}},
	}, struct{}{})
}

// EchoCaller returns a caller of an echo over a connection that Connect made, with requests of so many bytes.
func EchoCaller(conn *grpc.ClientConn, request int) *Caller {
	payload := sizedMessage(request)
	return &Caller{conn: conn, method: "/bench.Echo/Echo", next: func(b []byte) []byte { return append(b, payload...) }}
}

// Close ends the server.
func (e *Echo) Close() error {
	err := e.conn.Close()
	e.server.Stop()
	return err
}

// sized returns the content of a BytesValue that takes so many bytes on the wire.
func sized(n int) []byte {
	for content := n; ; content-- {
		if proto.Size(wrapperspb.Bytes(make([]byte, content))) <= n {
			return make([]byte, content)
		}
	}
}

// sizedMessage returns a BytesValue that takes so many bytes, on the wire.
func sizedMessage(n int) []byte {
	raw, err := proto.Marshal(wrapperspb.Bytes(sized(n)))
	if err != nil {
		panic("bench: " + err.Error()) // there is no text in it
	}
	return raw
}

// A RawCodec sends and receives *[]byte as they are. It is the codec of all callers, who share the machine with the
// servers: what a caller makes of its answers is not what is measured.
type RawCodec struct{}

// Name implements encoding.CodecV2.
func (RawCodec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (RawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

// Unmarshal implements encoding.CodecV2.
func (RawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	out := v.(*[]byte)
	*out = slices.Grow((*out)[:0], data.Len())[:data.Len()]
	data.CopyTo(*out)
	return nil
}

// A Window is what was measured while a service was called for a time.
type Window struct {
	Rate    float64 // calls a second that were answered
	CPU     float64 // microseconds of processor time an answer, of client and server
	Answers int64   // that were counted
	Aborted float64 // share of calls that ended in ABORTED, to be tried again; they are no answers
}

// Run calls from every caller for a time, and at least once.
func (c *Caller) Run(ctx context.Context, d time.Duration) (Window, error) {
	runtime.GC() // what the window before left is not this one's to collect
	var calls, aborted atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began, spent := time.Now(), cputime.Process()
	deadline := began.Add(d)
	for range Callers {
		wg.Go(func() {
			n := int64(0)
			var answer []byte
			for first := true; first || time.Now().Before(deadline); first = false {
				request := c.next(nil) // grpc-go may still be sending the last one
				err := c.conn.Invoke(ctx, c.method, &request, &answer)
				switch {
				case err == nil:
					n++
				case status.Code(err) == codes.Aborted:
					aborted.Add(1)
				default:
					failed.Store(&err)
					return
				}
			}
			calls.Add(n)
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return Window{}, *err
	}
	n := float64(calls.Load())
	return Window{
		Rate: n / time.Since(began).Seconds(), CPU: float64((cputime.Process() - spent).Microseconds()) / n,
		Answers: calls.Load(), Aborted: float64(aborted.Load()) / (n + float64(aborted.Load())),
	}, nil
}

// loopback listens on a port of this machine and connects to it.
func loopback() (net.Listener, *grpc.ClientConn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		return nil, nil, err
	}
	conn, err := Connect(l.Addr().String())
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, conn, nil
}

// Connect connects to a service whose messages are sent and received as they are, by RawCodec.
func Connect(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(RawCodec{}), grpc.MaxCallRecvMsgSize(1<<28)))
}
