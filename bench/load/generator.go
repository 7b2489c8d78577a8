package load

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/allot-engine/allot/bench/workload"
)

// A generator hands out events when they are due, and calls the target with them.
type generator struct {
	o     *Options
	next  func(*workload.Event) bool
	audit Auditor // never nil
	rec   *recorder
	book  *book
	conns []grpc.ClientConnInterface

	ctx   context.Context //nolint:containedctx // of the run, which the generator is
	start time.Time

	unary    chan *op
	messages chan []*op     // of Stream and Batch
	open     sync.WaitGroup // operations that the clock handed out, until they are over
	callers  sync.WaitGroup
	inFlight atomic.Int64
	ops      sync.Pool
}

func (g *generator) since() time.Duration { return time.Since(g.start) }

// rawAnswers makes a call with *[]byte. What a caller of the generated code would take, and more: the answers to thousands of
// orders are large.
var rawAnswers = []grpc.CallOption{grpc.ForceCodecV2(RawCodec{}), grpc.MaxCallRecvMsgSize(256 << 20)}

// run sends until all is over.
func (g *generator) run() {
	g.unary = make(chan *op, g.o.Queue)
	callers := g.o.Callers
	if g.o.Mode != Unary {
		callers = g.o.Others
		g.messages = make(chan []*op, max(g.o.Queue/g.o.PerMessage, 1))
		for i := range g.o.Callers {
			conn := g.conns[i%len(g.conns)]
			if g.o.Mode == Stream {
				g.callers.Go(func() { newStreamCaller(g, conn).run() })
			} else {
				g.callers.Go(func() { g.batchCaller(conn) })
			}
		}
	}
	for i := range callers {
		conn := g.conns[i%len(g.conns)]
		g.callers.Go(func() { g.unaryCaller(conn) })
	}
	g.clock()
	g.open.Wait()
	close(g.unary)
	if g.messages != nil {
		close(g.messages)
	}
	g.callers.Wait()
}

// clock hands out each event when it is due, whatever became of those before it.
func (g *generator) clock() {
	end := g.o.WarmUp + g.o.Duration
	var message []*op
	var leave time.Duration // when message leaves
	flush := func() {
		if len(message) > 0 {
			g.handMessage(message)
			message = make([]*op, 0, g.o.PerMessage)
		}
	}
	defer flush()
	for {
		o := g.newOp()
		if !g.next(&o.event) || o.event.Due >= end {
			g.ops.Put(o)
			g.sleepUntil(end, leave, len(message) > 0, flush) // the run is as long as it was meant
			return
		}
		o.due = o.event.Due
		o.measured = o.due >= g.o.WarmUp
		now, alive := g.sleepUntil(o.due, leave, len(message) > 0, flush)
		if !alive {
			g.ops.Put(o)
			return
		}
		o.lag = now - o.due
		if g.handOut(o, now) {
			if message = append(message, o); len(message) == 1 {
				leave = now + g.o.Linger
			}
			if len(message) >= g.o.PerMessage {
				flush()
			}
		}
	}
}

// most is the longest that the clock sleeps, so that it sees the end of its context.
const most = 50 * time.Millisecond

// sleepUntil sleeps, lets a message leave when its time comes before, and tells what time it is, and whether to go on.
func (g *generator) sleepUntil(due, leave time.Duration, message bool, flush func()) (now time.Duration, alive bool) {
	for now = g.since(); ; now = g.since() {
		if message && now >= leave {
			flush()
			message = false
		}
		if g.ctx.Err() != nil {
			return now, false
		}
		if now >= due {
			return now, true
		}
		until := due
		if message {
			until = min(until, leave)
		}
		g.o.Sleep(min(until-now, most))
	}
}

// handOut sends an operation on its way when it is due. It tells that the operation is to go into a message.
func (g *generator) handOut(o *op, now time.Duration) (message bool) {
	e := &o.event
	o.call = Call{Event: e}
	o.ready, o.taken, o.sent = now, 0, 0
	switch e.Kind {
	case workload.Quote:
	case workload.Repeat:
		o.call.RequestID = g.requestID(e.Of)
	default:
		o.call.RequestID = g.requestID(e.Number)
	}
	switch e.Kind {
	case workload.Allocate:
		g.book.begin(e.Number)
	case workload.Confirm, workload.Release, workload.Ship, workload.Cancel:
		g.open.Add(1)
		switch send, parked := g.book.ask(o); {
		case send:
			g.rec.clock(o, o.lag)
			g.hand(o)
		case !parked:
			g.moot(o)
		}
		return false
	case workload.Repeat:
		var there bool
		if o.request, there = g.book.saved(e.Of, o.request[:0]); !there { // never sent, or long ago
			g.rec.moot(o)
			g.ops.Put(o)
			return false
		}
	}
	g.open.Add(1)
	g.rec.clock(o, o.lag)
	if e.Kind == workload.Allocate && g.messages != nil {
		return true
	}
	g.hand(o)
	return false
}

// requestID names what event number asks for.
func (g *generator) requestID(number int64) string {
	return string(strconv.AppendInt(append(make([]byte, 0, len(g.o.RunID)+20), g.o.RunID...), number, 10))
}

// hand gives an operation to a unary caller, if there is room.
func (g *generator) hand(o *op) {
	select {
	case g.unary <- o:
	default:
		g.drop(o)
	}
}

// handMessage gives orders to a caller of messages, if there is room.
func (g *generator) handMessage(list []*op) {
	now := g.since()
	for _, o := range list {
		o.ready = now
	}
	select {
	case g.messages <- list:
	default:
		for _, o := range list {
			g.drop(o)
		}
	}
}

func (g *generator) newOp() *op {
	if o, ok := g.ops.Get().(*op); ok {
		return o
	}
	return &op{}
}

// recycle is the end of an operation.
func (g *generator) recycle(o *op) {
	g.ops.Put(o)
	g.open.Done()
}

func (g *generator) moot(o *op) {
	g.rec.moot(o)
	g.recycle(o)
}

func (g *generator) drop(o *op) {
	g.rec.dropped(o)
	g.follow(o, "", false)
	g.recycle(o)
}

// follow lets go what waits for an operation that is over.
func (g *generator) follow(o *op, hold string, ok bool) {
	var next *op
	var moot []*op
	switch o.event.Kind {
	case workload.Allocate:
		next, moot = g.book.end(o.event.Number, hold)
	case workload.Confirm, workload.Release, workload.Ship, workload.Cancel:
		next, moot = g.book.done(o, ok)
	default:
		return
	}
	for _, m := range moot {
		g.moot(m)
	}
	if next == nil {
		return
	}
	if now := g.since(); now > next.due { // nobody could have asked before
		next.due, next.lag = now, 0
		next.ready = now
	}
	g.rec.follow(next)
	g.hand(next)
}

// finish tells that an operation was answered, or is given up for good. The code OK comes with the wire form of an answer.
func (g *generator) finish(o *op, code codes.Code, answer []byte, sent bool) {
	at := g.since()
	var hold string
	granted := code == codes.OK
	if code == codes.OK {
		ok := true
		switch o.event.Kind {
		case workload.Allocate, workload.Repeat:
			hold, ok = heldBy(answer)
			granted = hold != ""
		case workload.Quote:
			granted, ok = hasField(answer, 1)
		}
		if !ok {
			code, granted, hold = codes.Internal, false, ""
		}
	}
	if sent {
		g.inFlight.Add(-1)
		if code == codes.OK {
			g.audit.Answered(&o.call, answer)
		} else {
			g.audit.Failed(&o.call, code)
		}
	}
	if code == codes.OK {
		g.rec.answered(o, at, granted)
	} else {
		g.rec.failed(o, at, code, sent)
	}
	g.follow(o, hold, code == codes.OK)
	g.recycle(o)
}

// take tells that a caller has operations now, and gives up those whose time is up: it returns the others.
func (g *generator) take(list []*op) []*op {
	now := g.since()
	for _, o := range list {
		o.taken = now
	}
	g.rec.taken(list)
	return g.stillDue(list, now)
}

// stillDue gives up operations whose time is up, or all of them when the run is over, and returns the others.
func (g *generator) stillDue(list []*op, now time.Duration) []*op {
	over := g.ctx.Err() != nil
	alive := list[:0]
	for _, o := range list {
		switch {
		case over:
			g.finish(o, codes.Canceled, nil, false)
		case now-o.due >= g.o.Timeout:
			g.finish(o, codes.DeadlineExceeded, nil, false)
		default:
			alive = append(alive, o)
		}
	}
	return alive
}

// codeOf returns the code with which a call ended.
func codeOf(err error) codes.Code {
	if errors.Is(err, io.EOF) {
		return codes.Unavailable // a stream that ended before its time
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return status.FromContextError(err).Code()
	}
	return status.Code(err)
}

// unaryCaller makes calls one after the other.
func (g *generator) unaryCaller(conn grpc.ClientConnInterface) {
	var request, answer []byte
	one := make([]*op, 1)
	for o := range g.unary {
		one[0] = o
		if len(g.take(one[:1])) == 0 {
			continue
		}
		request = request[:0]
		switch o.event.Kind {
		case workload.Repeat:
			request = append(request, o.request...)
		case workload.Allocate:
			request = appendRequest(request, &o.call)
			g.book.save(o.event.Number, request)
		default:
			request = appendRequest(request, &o.call)
		}
		ctx, cancel := context.WithDeadline(g.ctx, g.start.Add(o.due+g.o.Timeout))
		g.audit.Sent(&o.call)
		g.inFlight.Add(1)
		o.sent = g.since()
		err := conn.Invoke(ctx, methods[o.event.Kind], &request, &answer, rawAnswers...)
		cancel()
		if err != nil {
			g.finish(o, codeOf(err), nil, true)
		} else {
			g.finish(o, codes.OK, answer, true)
		}
	}
}
