package load

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// A fake is a server without a network between. It answers by the clock of the bubble it is called in.
type fake struct {
	takes  time.Duration                                  // to answer a call
	places chan struct{}                                  // calls that are answered at once; nil: any number
	stall  func(at time.Duration) (until time.Duration)   // until when what comes at a time is not begun; nil: no stall
	answer func(r *allotv1.AllocateRequest) (codes.Code, bool) // code and whether it is granted; nil: all are
	start  time.Time

	mu       sync.Mutex
	requests map[string][]string // methods by request id, or by order id of a quote
}

func newFake() *fake { return &fake{takes: time.Millisecond, start: time.Now(), requests: map[string][]string{}} }

func (f *fake) note(method, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[id] = append(f.requests[id], method)
}

// work is the time that a call takes.
func (f *fake) work(ctx context.Context) error {
	wait := func(d time.Duration) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	if f.places != nil {
		select {
		case f.places <- struct{}{}:
			defer func() { <-f.places }()
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	if f.stall != nil {
		at := time.Since(f.start)
		if until := f.stall(at); until > at {
			if err := wait(until - at); err != nil {
				return err
			}
		}
	}
	return wait(f.takes)
}

func (f *fake) allocate(r *allotv1.AllocateRequest) (*allotv1.AllocateResponse, codes.Code) {
	f.note("Allocate", r.GetRequestId())
	granted := true
	if f.answer != nil {
		var code codes.Code
		if code, granted = f.answer(r); code != codes.OK {
			return nil, code
		}
	}
	out := &allotv1.AllocateResponse{Decision: &allotv1.Decision{Outcome: allotv1.Outcome_OUTCOME_OUT_OF_STOCK}}
	if granted {
		out.Decision.Outcome = allotv1.Outcome_OUTCOME_PLANNED
		out.Hold = &allotv1.Hold{Id: "hold of " + r.GetRequestId(), State: allotv1.HoldState_HOLD_STATE_PENDING}
	}
	return out, codes.OK
}

// Invoke implements grpc.ClientConnInterface.
func (f *fake) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	if out, ok := reply.(*allotv1.CurrentResponse); ok {
		proto.Merge(out, &allotv1.CurrentResponse{Network: &allotv1.NetworkSummary{Version: "v1"}})
		return nil
	}
	raw := append([]byte(nil), *args.(*[]byte)...)
	if err := f.work(ctx); err != nil {
		return err
	}
	read := func(m proto.Message) {
		if err := (proto.UnmarshalOptions{}).Unmarshal(raw, m); err != nil || len(m.ProtoReflect().GetUnknown()) > 0 {
			panic(fmt.Sprintf("%s: %v: %x", method, err, raw))
		}
	}
	var out proto.Message
	switch method {
	case allotv1.AllocationService_Allocate_FullMethodName:
		var r allotv1.AllocateRequest
		read(&r)
		answer, code := f.allocate(&r)
		if code != codes.OK {
			return status.Error(code, "as the test wants it")
		}
		out = answer
	case allotv1.AllocationService_AllocateBatch_FullMethodName:
		var r allotv1.AllocateBatchRequest
		read(&r)
		answers := &allotv1.AllocateBatchResponse{}
		for _, one := range r.GetRequests() {
			a := &allotv1.BatchAnswer{}
			if answer, code := f.allocate(one); code == codes.OK {
				a.Answer = answer
			} else {
				a.Contended = true
			}
			answers.Answers = append(answers.Answers, a)
		}
		out = answers
	case allotv1.AllocationService_Quote_FullMethodName:
		var r allotv1.QuoteRequest
		read(&r)
		f.note("Quote", r.GetOrder().GetId())
		out = &allotv1.QuoteResponse{Options: []*allotv1.Option{{DeliveryDate: "2026-11-27"}}}
	case allotv1.InventoryService_AdjustStock_FullMethodName:
		var r allotv1.AdjustStockRequest
		read(&r)
		f.note("AdjustStock", r.GetRequestId())
		out = &allotv1.AdjustStockResponse{}
	case allotv1.AllocationService_Confirm_FullMethodName:
		var r allotv1.ConfirmRequest
		read(&r)
		f.note("Confirm", r.GetHoldId())
		out = &allotv1.ConfirmResponse{Hold: &allotv1.Hold{Id: r.GetHoldId()}}
	case allotv1.AllocationService_Ship_FullMethodName:
		var r allotv1.ShipRequest
		read(&r)
		f.note("Ship", r.GetHoldId())
		out = &allotv1.ShipResponse{Hold: &allotv1.Hold{Id: r.GetHoldId()}}
	case allotv1.AllocationService_Release_FullMethodName:
		var r allotv1.ReleaseRequest
		read(&r)
		f.note("Release", r.GetHoldId())
		out = &allotv1.ReleaseResponse{Hold: &allotv1.Hold{Id: r.GetHoldId()}}
	case allotv1.AllocationService_Cancel_FullMethodName:
		var r allotv1.CancelRequest
		read(&r)
		f.note("Cancel", r.GetHoldId())
		out = &allotv1.CancelResponse{Hold: &allotv1.Hold{Id: r.GetHoldId()}}
	default:
		return status.Error(codes.Unimplemented, method)
	}
	answer, err := proto.Marshal(out)
	if err != nil {
		panic(err)
	}
	*reply.(*[]byte) = answer
	return nil
}

// NewStream implements grpc.ClientConnInterface.
func (f *fake) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	if method != allotv1.AllocationService_AllocateStream_FullMethodName {
		return nil, status.Error(codes.Unimplemented, method)
	}
	return &fakeStream{f: f, ctx: ctx, messages: make(chan []byte, 1000), answers: make(chan []byte), closed: make(chan struct{})}, nil
}

// A fakeStream answers each message by a goroutine of its own, so that answers come in any order.
type fakeStream struct {
	f        *fake
	ctx      context.Context
	messages chan []byte
	answers  chan []byte
	closed   chan struct{}
}

func (s *fakeStream) Header() (metadata.MD, error) { return nil, nil }
func (s *fakeStream) Trailer() metadata.MD         { return nil }
func (s *fakeStream) CloseSend() error             { close(s.closed); return nil }
func (s *fakeStream) Context() context.Context     { return s.ctx }

func (s *fakeStream) SendMsg(m any) error {
	if s.ctx.Err() != nil {
		return io.EOF
	}
	var r allotv1.AllocateStreamRequest
	if err := proto.Unmarshal(*m.(*[]byte), &r); err != nil {
		panic(err)
	}
	go func() {
		if s.f.work(s.ctx) != nil {
			return
		}
		out := &allotv1.AllocateStreamResponse{}
		for _, one := range r.GetRequests() {
			tagged := &allotv1.TaggedAllocateResponse{Tag: one.GetTag()}
			if answer, code := s.f.allocate(one.GetRequest()); code == codes.OK {
				tagged.Outcome = &allotv1.TaggedAllocateResponse_Answer{Answer: answer}
			} else {
				tagged.Outcome = &allotv1.TaggedAllocateResponse_Error{Error: status.New(code, "as the test wants it").Proto()}
			}
			out.Answers = append([]*allotv1.TaggedAllocateResponse{tagged}, out.Answers...)
		}
		raw, err := proto.Marshal(out)
		if err != nil {
			panic(err)
		}
		select {
		case s.answers <- raw:
		case <-s.ctx.Done():
		}
	}()
	return nil
}

func (s *fakeStream) RecvMsg(m any) error {
	select {
	case raw := <-s.answers:
		*m.(*[]byte) = raw
		return nil
	case <-s.closed:
		return io.EOF
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

// through makes a run call a fake by the clock of the bubble.
func (o Options) through(f *fake) Options {
	o.Dial = func(context.Context, int) (grpc.ClientConnInterface, io.Closer, error) { return f, nothing{}, nil }
	o.Sleep = time.Sleep
	o.RunID = "run-"
	return o
}

type nothing struct{}

func (nothing) Close() error { return nil }

// evenly sends orders at even intervals, and after each what a function adds.
func evenly(rate int, after func(n int64, add func(kind workload.Kind))) Source {
	var queue []workload.Event
	number, orders := int64(0), int64(0)
	return Source{Workload: Workload{Name: "evenly"}, Next: func(e *workload.Event) bool {
		if len(queue) == 0 {
			due := time.Duration(orders) * time.Second / time.Duration(rate)
			of := number
			queue = append(queue, workload.Event{Kind: workload.Allocate, Number: number, Due: due, Of: -1, Order: engine.Order{
				ID: fmt.Sprintf("o%d", orders), Lines: []engine.Line{{SKU: "mug", Quantity: 1 + orders%3}},
				To: engine.Destination{Country: "US", Postal: "10001"}, Promise: engine.Promise{Date: units.Date(20785)},
			}})
			number++
			if after != nil {
				after(orders, func(kind workload.Kind) {
					add := workload.Event{Kind: kind, Number: number, Due: due, Of: of}
					switch kind {
					case workload.Quote:
						add.Of, add.Order = -1, engine.Order{ID: fmt.Sprintf("q%d", number), Lines: []engine.Line{{SKU: "mug", Quantity: 1}}}
					case workload.Restock:
						add.Of, add.Warehouse, add.SKU, add.Quantity = -1, "reno", "mug", 2
					}
					queue = append(queue, add)
					number++
				})
			}
			orders++
		}
		*e, queue = queue[0], queue[1:]
		return true
	}}
}

// everything adds one of each kind, in an order that a shop could send them in.
func everything(n int64, add func(workload.Kind)) {
	add(workload.Quote)
	add(workload.Repeat)
	add(workload.Restock)
	if n%3 == 0 {
		add(workload.Release)
		return
	}
	add(workload.Confirm)
	if n%3 == 1 {
		add(workload.Ship)
	} else {
		add(workload.Cancel)
	}
}

// balanced checks that nothing that was intended is lost, in each operation and in the course of seconds.
func balanced(t *testing.T, r *Result) {
	t.Helper()
	var sum Operation
	for i, op := range r.Operations {
		failed := int64(0)
		for _, n := range op.Codes {
			failed += n
		}
		if op.Intended != op.Answered+failed+op.Dropped {
			t.Errorf("%s: %d intended, but %d answered + %d failed + %d dropped", op.Name, op.Intended, op.Answered, failed, op.Dropped)
		}
		if op.Latency.Count != op.Answered || op.Service.Count != op.Answered {
			t.Errorf("%s: %d answered, but %d latencies and %d times of service", op.Name, op.Answered, op.Latency.Count, op.Service.Count)
		}
		if op.Refusals.Count != failed-op.Unsent {
			t.Errorf("%s: %d failed, %d of them unsent, but %d times of refusal", op.Name, failed, op.Unsent, op.Refusals.Count)
		}
		if i > 0 {
			sum.Intended += op.Intended
			sum.Answered += op.Answered
			sum.Granted += op.Granted
		}
	}
	if all := r.Operations[0]; all.Intended != sum.Intended || all.Answered != sum.Answered || all.Granted != sum.Granted {
		t.Errorf("all are %d, %d, %d; the operations together %d, %d, %d", all.Intended, all.Answered, all.Granted, sum.Intended, sum.Answered, sum.Granted)
	}
	var course Second
	for _, s := range r.Seconds {
		course.Intended += s.Intended
		course.Answered += s.Answered + s.Refused + s.TimedOut + s.Dropped
	}
	if course.Intended != course.Answered {
		t.Errorf("in the seconds %d were intended, and something became of %d", course.Intended, course.Answered)
	}
}

