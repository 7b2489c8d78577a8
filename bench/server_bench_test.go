package bench

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/server"
)

// The comparison of Allocate with an empty echo.
const (
	callers = 64                     // at once, each waiting for its answer
	pairs   = 15                     // windows of each kind, one after the other
	window  = 300 * time.Millisecond // long enough for thousands of calls
)

var serviceWorld = enginetest.Config{Seed: 1, Warehouses: 50, Services: 12, SKUs: 500, Stocked: 50, Lines: -2}

// BenchmarkAllocateVersusEcho measures what deciding and holding cost beside the call that carries them: unary
// Allocate against a gRPC service that answers bytes of the same sizes and does nothing, over loopback TCP, callers and
// servers sharing the machine. Windows of the two alternate, so that what else the machine does hits both; the median
// of the ratios of neighbouring windows is reported, beside the calls a second of each and the processor time that
// client and server together spend on one.
//
// Every Allocate is an order of its own with 2 lines, decided among 50 half-stocked warehouses and 12 services, claimed
// in the ledger and kept there. Callers send encoded requests and do not decode the answers, of either server.
func BenchmarkAllocateVersusEcho(b *testing.B) {
	world := enginetest.New(serviceWorld)
	defer world.Close()
	orders := sampleOrders(world, 4_096)
	allocator := newAllocator(b, world, orders)
	request, response := allocator.sizes(b)
	echo := newEcho(b, request, response)
	b.Logf("average request %d bytes, response %d bytes", request, response)

	allocator.run(b, window) // warm both
	echo.run(b, window)
	for b.Loop() {
		var ratios, echoes, allocations, echoCPU, allocateCPU []float64
		for range pairs {
			e := echo.run(b, window)
			a := allocator.run(b, window)
			ratios = append(ratios, a.rate/e.rate)
			echoes, allocations = append(echoes, e.rate), append(allocations, a.rate)
			echoCPU, allocateCPU = append(echoCPU, e.cpu), append(allocateCPU, a.cpu)
		}
		b.ReportMetric(median(ratios), "of-echo")
		b.ReportMetric(median(echoes), "echo-calls/s")
		b.ReportMetric(median(allocations), "allocate-calls/s")
		b.ReportMetric(median(echoCPU), "echo-cpu-µs/call")
		b.ReportMetric(median(allocateCPU), "allocate-cpu-µs/call")
		b.ReportMetric(0, "ns/op") // a run is a number of windows of fixed length
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// sampleOrders draws orders from a world, in the words of the API.
func sampleOrders(world *enginetest.World, n int) []*allotv1.Order {
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

// An allocator is a server with a world's network, and a client.
type allocator struct {
	server *server.Server
	conn   *grpc.ClientConn
	orders [][]byte // the order field of a request, encoded
	next   atomic.Int64
}

func newAllocator(b *testing.B, world *enginetest.World, orders []*allotv1.Order) *allocator {
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
	s, err := server.New(server.Config{
		Load: func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) {
			snap, err := network.Compile(&source, prev)
			return snap, &network.Stock{Rows: source.Stock}, err
		},
		Now: func() time.Time { return time.Unix(int64(enginetest.Start), 0) },
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	l := listen(b)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, nil) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		s.Close()
	})
	a := &allocator{server: s, conn: dial(b, l)}
	for _, o := range orders {
		raw, err := proto.Marshal(&allotv1.AllocateRequest{Order: o})
		if err != nil {
			b.Fatal(err)
		}
		a.orders = append(a.orders, raw)
	}
	return a
}

// request appends the next request: one of the orders, with a request_id of its own.
func (a *allocator) request(b []byte) []byte {
	i := a.next.Add(1)
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendString(b, fmt.Sprintf("request-%08d", i))
	return append(b, a.orders[int(i)%len(a.orders)]...)
}

// sizes sends every order, checks that nearly all are held, and returns the average sizes of requests and responses.
func (a *allocator) sizes(b *testing.B) (request, response int) {
	held := 0
	for range a.orders {
		in, answer := a.request(nil), []byte{}
		if err := a.conn.Invoke(b.Context(), allotv1.AllocationService_Allocate_FullMethodName, &in, &answer); err != nil {
			b.Fatal(err)
		}
		out := &allotv1.AllocateResponse{}
		if err := proto.Unmarshal(answer, out); err != nil {
			b.Fatal(err)
		}
		request += len(in)
		response += len(answer)
		if out.GetHold() != nil {
			held++
		}
	}
	if held < len(a.orders)*9/10 {
		b.Fatalf("only %d of %d orders were held: the benchmark would measure refusals", held, len(a.orders))
	}
	return request / len(a.orders), response / len(a.orders)
}

// run calls from every caller for a time.
func (a *allocator) run(b *testing.B, d time.Duration) windowed {
	return drive(b, a.conn, allotv1.AllocationService_Allocate_FullMethodName, a.request, d)
}

// An echo is a server as anybody would write it whose one method takes bytes, answers bytes and does nothing else, and
// a client.
type echo struct {
	conn    *grpc.ClientConn
	payload []byte
}

func newEcho(b *testing.B, request, response int) *echo {
	answer := wrapperspb.Bytes(sized(response))
	g := grpc.NewServer()
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Echo",
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
	l := listen(b)
	go func() { _ = g.Serve(l) }() // ends with Stop
	b.Cleanup(g.Stop)
	payload, err := proto.Marshal(wrapperspb.Bytes(sized(request)))
	if err != nil {
		b.Fatal(err)
	}
	return &echo{conn: dial(b, l), payload: payload}
}

// sized returns the content of a BytesValue that takes so many bytes on the wire.
func sized(n int) []byte {
	for content := n; ; content-- {
		if proto.Size(wrapperspb.Bytes(make([]byte, content))) <= n {
			return make([]byte, content)
		}
	}
}

func (e *echo) run(b *testing.B, d time.Duration) windowed {
	return drive(b, e.conn, "/bench.Echo/Echo", func(b []byte) []byte { return append(b, e.payload...) }, d)
}

// rawCodec sends and receives *[]byte as they are. It is the codec of all callers, who share the machine with the
// servers: what a caller makes of its answers is not what is measured.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	out := v.(*[]byte)
	*out = slices.Grow((*out)[:0], data.Len())[:data.Len()]
	data.CopyTo(*out)
	return nil
}

// A windowed is what one window measured.
type windowed struct {
	rate float64 // calls a second
	cpu  float64 // microseconds of processor time a call, of client and server
}

// drive calls a method from every caller for a time, each with requests that next appends to its memory.
func drive(b *testing.B, conn *grpc.ClientConn, method string, next func([]byte) []byte, d time.Duration) windowed {
	b.Helper()
	runtime.GC() // what the window before left is not this one's to collect
	var calls atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began, spent := time.Now(), processorTime(b)
	deadline := began.Add(d)
	for range callers {
		wg.Go(func() {
			n := int64(0)
			var answer []byte
			for time.Now().Before(deadline) {
				request := next(nil) // grpc-go may still be sending the last one
				if err := conn.Invoke(b.Context(), method, &request, &answer); err != nil {
					failed.Store(&err)
					break
				}
				n++
			}
			calls.Add(n)
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	n := float64(calls.Load())
	return windowed{rate: n / time.Since(began).Seconds(), cpu: float64((processorTime(b) - spent).Microseconds()) / n}
}

// processorTime returns what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func listen(b *testing.B) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func dial(b *testing.B, l net.Listener) *grpc.ClientConn {
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

// BenchmarkAllocateInProcess is the same Allocate without a transport.
func BenchmarkAllocateInProcess(b *testing.B) {
	world := enginetest.New(serviceWorld)
	defer world.Close()
	orders := sampleOrders(world, 4_096)
	a := newAllocator(b, world, orders)
	a.sizes(b)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		request := &allotv1.AllocateRequest{RequestId: fmt.Sprintf("inside-%08d", i), Order: orders[i%len(orders)]}
		if _, err := a.server.Allocate(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
