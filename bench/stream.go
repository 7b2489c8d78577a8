package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/cputime"
)

// How a service is called by streams.
const (
	Streams    = 4   // at once, on one connection
	PerMessage = 100 // orders of a message
	Ahead      = 500 // orders of one stream that are sent and not answered
)

// A StreamCaller calls a stream of messages of PerMessage orders each.
type StreamCaller struct {
	conn   *grpc.ClientConn
	method string
	next   func([]byte) []byte
	count  func(answer []byte) (int, error) // orders that a message answers
}

var streamDesc = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// AllocateStreamCaller returns a caller of AllocateStream; conn and next are as those of AllocateCaller.
func AllocateStreamCaller(conn *grpc.ClientConn, next *atomic.Int64, orders []*allotv1.Order) (*StreamCaller, error) {
	encoded, err := encodedOrders(orders)
	if err != nil {
		return nil, err
	}
	return &StreamCaller{conn: conn, method: allotv1.AllocationService_AllocateStream_FullMethodName, next: func(b []byte) []byte {
		return appendStreamRequest(b, next.Add(PerMessage)-PerMessage, encoded)
	}, count: countAnswers}, nil
}

// appendStreamRequest appends an AllocateStreamRequest of orders from the i-th on.
func appendStreamRequest(b []byte, i int64, encoded [][]byte) []byte {
	var request, item []byte
	for k := range int64(PerMessage) {
		request = appendRequest(request[:0], i+k+1, encoded)
		item = protowire.AppendVarint(protowire.AppendTag(item[:0], 1, protowire.VarintType), uint64(i+k+1))
		item = protowire.AppendBytes(protowire.AppendTag(item, 2, protowire.BytesType), request)
		b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), item)
	}
	return b
}

// countAnswers counts the answers of an AllocateStreamResponse. One that is an error is an error.
func countAnswers(raw []byte) (n int, err error) {
	for ; len(raw) > 0; n++ {
		_, _, tag := protowire.ConsumeTag(raw)
		item, size := protowire.ConsumeBytes(raw[max(tag, 0):])
		if tag < 0 || size < 0 {
			return n, errors.New("an answer that is no message")
		}
		raw = raw[tag+size:]
		number, _, skip := protowire.ConsumeField(item)
		if number == 1 && skip >= 0 && skip < len(item) {
			number, _, _ = protowire.ConsumeTag(item[skip:])
		}
		if number != 2 {
			return n, fmt.Errorf("an order was not answered: %q", item)
		}
	}
	return n, nil
}

// A BatchCaller calls AllocateBatch with PerMessage orders a call, one call after the other.
type BatchCaller struct {
	conn    *grpc.ClientConn
	next    *atomic.Int64
	orders  []*allotv1.Order
	request allotv1.AllocateBatchRequest
}

// batchBudget is the time that a batch may look for better plans: none to speak of, so that what is measured is to decide, to hold
// and to keep.
const batchBudget = time.Nanosecond

// AllocateBatchCaller returns a caller of AllocateBatch; conn, next and orders are as those of AllocateCaller.
func AllocateBatchCaller(conn *grpc.ClientConn, next *atomic.Int64, orders []*allotv1.Order) *BatchCaller {
	c := &BatchCaller{conn: conn, next: next, orders: orders}
	c.request.TimeBudget = durationpb.New(batchBudget)
	for range PerMessage {
		c.request.Requests = append(c.request.Requests, &allotv1.AllocateRequest{})
	}
	return c
}

// Run makes calls for a time, at least one, and returns the orders that were answered a second, and what each took of this
// process's processor time. An order that gets no answer of its own is an error.
func (c *BatchCaller) Run(ctx context.Context, d time.Duration) (Window, error) {
	runtime.GC()
	began, spent := time.Now(), cputime.Process()
	answers := int64(0)
	for first := true; first || time.Since(began) < d; first = false {
		for _, r := range c.request.GetRequests() {
			n := c.next.Add(1)
			r.RequestId, r.Order = fmt.Sprintf("request-%08d", n), c.orders[int(n)%len(c.orders)]
		}
		in, err := proto.Marshal(&c.request)
		if err != nil {
			return Window{}, err
		}
		var answer []byte
		if err := c.conn.Invoke(ctx, allotv1.AllocationService_AllocateBatch_FullMethodName, &in, &answer); err != nil {
			return Window{}, err
		}
		out := &allotv1.AllocateBatchResponse{}
		if err := proto.Unmarshal(answer, out); err != nil {
			return Window{}, err
		}
		if len(out.GetAnswers()) != PerMessage || out.GetDecided() != PerMessage {
			return Window{}, fmt.Errorf("of %d orders in a batch %d were decided", PerMessage, out.GetDecided())
		}
		answers += PerMessage
	}
	n := float64(answers)
	return Window{Rate: n / time.Since(began).Seconds(), CPU: float64((cputime.Process() - spent).Microseconds()) / n, Answers: answers}, nil
}

// EchoStreamCaller returns a caller of the streams of ServeEchoes: with messages as AllocateStreamCaller sends, or with bytes of
// the same number.
func EchoStreamCaller(conn *grpc.ClientConn, typed bool, orders []*allotv1.Order) (*StreamCaller, error) {
	encoded, err := encodedOrders(orders)
	if err != nil {
		return nil, err
	}
	message := appendStreamRequest(nil, 10_000_000, encoded)
	c := &StreamCaller{conn: conn, method: "/bench.Streams/Typed", count: func([]byte) (int, error) { return PerMessage, nil }}
	if !typed {
		message = sizedMessage(len(message))
		c.method = "/bench.Streams/Bytes"
	}
	c.next = func(b []byte) []byte { return append(b, message...) }
	return c, nil
}

// Message sends one message and returns the answers to all of its orders.
func (c *StreamCaller) Message(ctx context.Context) (request, answer []byte, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.conn.NewStream(ctx, streamDesc, c.method)
	if err != nil {
		return nil, nil, err
	}
	request = c.next(nil)
	if err := errors.Join(stream.SendMsg(&request), stream.CloseSend()); err != nil {
		return nil, nil, err
	}
	for {
		var part []byte
		err := stream.RecvMsg(&part)
		if errors.Is(err, io.EOF) {
			return request, answer, nil
		}
		if err != nil {
			return nil, nil, err
		}
		answer = append(answer, part...)
	}
}

// Run sends messages over every stream for a time, and returns the orders that were answered a second, and what each took of
// this process's processor time.
func (c *StreamCaller) Run(ctx context.Context, d time.Duration) (Window, error) {
	runtime.GC()
	var total atomic.Int64
	errs := make([]error, Streams)
	var wg sync.WaitGroup
	began, spent := time.Now(), cputime.Process()
	for i := range Streams {
		wg.Go(func() {
			n, err := c.stream(ctx, began.Add(d))
			total.Add(n)
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return Window{}, err
	}
	n := float64(total.Load())
	return Window{Rate: n / time.Since(began).Seconds(), CPU: float64((cputime.Process() - spent).Microseconds()) / n, Answers: total.Load()}, nil
}

// stream sends over one stream until a time, and returns how many orders were answered.
func (c *StreamCaller) stream(ctx context.Context, until time.Time) (answered int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.conn.NewStream(ctx, streamDesc, c.method)
	if err != nil {
		return 0, err
	}
	room := make(chan struct{}, Ahead/PerMessage)
	sent := make(chan error, 1)
	go func() {
		for first := true; first || time.Now().Before(until); first = false {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				sent <- context.Cause(ctx)
				return
			}
			message := c.next(make([]byte, 0, 24<<10)) // grpc-go may still be sending the last one
			if err := stream.SendMsg(&message); err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	var answer []byte
	given := int64(0)
	for {
		err := stream.RecvMsg(&answer)
		if errors.Is(err, io.EOF) {
			return answered, <-sent
		}
		if err != nil {
			return answered, err
		}
		n, err := c.count(answer)
		if err != nil {
			return answered, err
		}
		for answered += int64(n); given+PerMessage <= answered; given += PerMessage {
			<-room
		}
	}
}

// ServeEchoes registers what services are compared with, as anybody would write them: a unary method that takes and answers
// bytes, a stream of messages of AllocateStream that answers each with the same message, and a stream of as many bytes.
// unary is the size of the answer of the first.
func ServeEchoes(g *grpc.Server, unary int, answer *allotv1.AllocateStreamResponse) {
	registerEcho(g, "bench.Echo", unary)
	bytes := wrapperspb.Bytes(sized(proto.Size(answer)))
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Streams",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			{StreamName: "Typed", ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
				for {
					in := new(allotv1.AllocateStreamRequest)
					if err := stream.RecvMsg(in); err != nil {
						return ended(err)
					}
					if err := stream.SendMsg(answer); err != nil {
						return err
					}
				}
			}},
			{StreamName: "Bytes", ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
				for {
					in := new(wrapperspb.BytesValue)
					if err := stream.RecvMsg(in); err != nil {
						return ended(err)
					}
					if err := stream.SendMsg(bytes); err != nil {
						return err
					}
				}
			}},
		},
	}, struct{}{})
}

// ended is nil for the end of a stream.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
