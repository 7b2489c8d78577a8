package load

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// batchCaller makes calls of AllocateBatch one after the other.
func (g *generator) batchCaller(conn grpc.ClientConnInterface) {
	var request, answer, one []byte
	for message := range g.messages {
		list := g.take(message)
		if len(list) == 0 {
			continue
		}
		request = request[:0]
		first := list[0].due
		for _, o := range list {
			first = min(first, o.due)
			one = appendAllocate(one[:0], &o.call)
			g.book.save(o.event.Number, one)
			request = protowire.AppendBytes(protowire.AppendTag(request, 1, protowire.BytesType), one)
			g.audit.Sent(&o.call)
		}
		request = appendBudget(request, g.o.BatchBudget)
		ctx, cancel := context.WithDeadline(g.ctx, g.start.Add(first+g.o.Timeout))
		g.inFlight.Add(int64(len(list)))
		now := g.since()
		for _, o := range list {
			o.sent = now
		}
		err := conn.Invoke(ctx, allotv1.AllocationService_AllocateBatch_FullMethodName, &request, &answer, rawAnswers...)
		cancel()
		if err != nil {
			for _, o := range list {
				g.finish(o, codeOf(err), nil, true)
			}
			continue
		}
		g.finishBatch(list, answer)
	}
}

// finishBatch gives each order of a batch its answer.
func (g *generator) finishBatch(list []*op, answer []byte) {
	i := 0
	eachField(answer, func(field protowire.Number, content []byte, _ uint64) {
		if field != 1 || i == len(list) {
			return
		}
		code, single := codes.OK, []byte(nil)
		whole := eachField(content, func(field protowire.Number, content []byte, number uint64) {
			switch {
			case field == 1:
				single = content
			case field == 2 && number != 0:
				code = codes.Aborted
			}
		})
		if !whole {
			code = codes.Internal
		}
		g.finish(list[i], code, single, true)
		i++
	})
	for _, o := range list[i:] { // a server that answers less than it was asked
		g.finish(o, codes.Internal, nil, true)
	}
}

// A streamCaller sends orders on one stream at a time and takes their answers in any order.
type streamCaller struct {
	g    *generator
	conn grpc.ClientConnInterface

	mu      sync.Mutex
	room    *sync.Cond // a place became free, or the run is over
	stream  grpc.ClientStream
	cancel  context.CancelFunc
	places  []place // of orders without an answer
	free    []uint32
	count   uint64 // orders sent
	readers sync.WaitGroup
}

// A place is where an order waits for its answer. Its tag is the position of the place in the lower tagBits, and above them a number
// that no other order has, so that the answer to one that was given up is not taken for that to the next.
type place struct {
	o   *op
	tag uint64
}

const tagBits = 20

// mostWindow is the greatest Options.Window.
const mostWindow = 1 << tagBits

func newStreamCaller(g *generator, conn grpc.ClientConnInterface) *streamCaller {
	s := &streamCaller{g: g, conn: conn, places: make([]place, g.o.Window)}
	s.room = sync.NewCond(&s.mu)
	for i := range s.places {
		s.free = append(s.free, uint32(len(s.places)-1-i))
	}
	return s
}

func (s *streamCaller) run() {
	over := make(chan struct{})
	var sweeper sync.WaitGroup
	sweeper.Go(func() { s.sweep(over) })
	stop := context.AfterFunc(s.g.ctx, func() {
		s.mu.Lock()
		s.room.Broadcast()
		s.mu.Unlock()
	})
	for message := range s.g.messages {
		s.send(message)
	}
	stop()
	close(over)
	sweeper.Wait()
	s.mu.Lock()
	stream, cancel := s.stream, s.cancel
	s.mu.Unlock()
	if stream != nil {
		_ = stream.CloseSend() // every answer is there
		cancel()
	}
	s.readers.Wait()
}

// send sends a message when the window has room for it.
func (s *streamCaller) send(message []*op) {
	g := s.g
	list := g.take(message)
	s.mu.Lock()
	for len(list) > 0 && len(s.free) < len(list) && g.ctx.Err() == nil {
		s.room.Wait()
	}
	if list = g.stillDue(list, g.since()); len(list) == 0 {
		s.mu.Unlock()
		return
	}
	if s.stream == nil {
		if err := s.openLocked(); err != nil {
			s.mu.Unlock()
			now := g.since()
			for _, o := range list {
				o.sent = now
				g.finish(o, codeOf(err), nil, false)
			}
			return
		}
	}
	stream, cancel := s.stream, s.cancel
	request := make([]byte, 0, 192*len(list))
	var one []byte
	now := g.since()
	for _, o := range list {
		at := s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
		s.count++
		tag := s.count<<tagBits | uint64(at)
		s.places[at] = place{o, tag}
		o.sent = now
		one = appendAllocate(one[:0], &o.call)
		g.book.save(o.event.Number, one)
		request = appendTagged(request, tag, one)
		g.audit.Sent(&o.call)
	}
	g.inFlight.Add(int64(len(list)))
	s.mu.Unlock()
	if err := stream.SendMsg(&request); err != nil {
		cancel() // the reader learns why, and gives up what has no answer
	}
}

// appendTagged appends a TaggedAllocateRequest to an AllocateStreamRequest.
func appendTagged(b []byte, tag uint64, request []byte) []byte {
	n := 1 + protowire.SizeVarint(tag) + 1 + protowire.SizeBytes(len(request))
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.BytesType), uint64(n))
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), tag)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), request)
}

var streamDesc = &grpc.StreamDesc{StreamName: "AllocateStream", ClientStreams: true, ServerStreams: true}

func (s *streamCaller) openLocked() error {
	ctx, cancel := context.WithCancel(s.g.ctx)
	stream, err := s.conn.NewStream(ctx, streamDesc, allotv1.AllocationService_AllocateStream_FullMethodName, rawAnswers...)
	if err != nil {
		cancel()
		return err
	}
	s.stream, s.cancel = stream, cancel
	s.readers.Go(func() { s.read(stream, cancel) })
	return nil
}

// read takes the answers of a stream until it ends.
func (s *streamCaller) read(stream grpc.ClientStream, cancel context.CancelFunc) {
	defer cancel()
	var answer []byte
	var done []*op
	var outcomes []outcome
	for {
		if err := stream.RecvMsg(&answer); err != nil {
			s.end(stream, codeOf(err))
			return
		}
		done, outcomes = done[:0], outcomes[:0]
		s.mu.Lock()
		eachField(answer, func(_ protowire.Number, content []byte, _ uint64) {
			out := readTagged(content)
			if at := int(out.tag & (mostWindow - 1)); at < len(s.places) && s.places[at].o != nil && s.places[at].tag == out.tag {
				done, outcomes = append(done, s.places[at].o), append(outcomes, out)
				s.vacate(at)
			}
		})
		s.room.Signal()
		s.mu.Unlock()
		for i, o := range done {
			s.g.finish(o, outcomes[i].code, outcomes[i].answer, true)
		}
	}
}

func (s *streamCaller) vacate(at int) {
	s.places[at] = place{}
	s.free = append(s.free, uint32(at))
}

// An outcome is a TaggedAllocateResponse.
type outcome struct {
	tag    uint64
	code   codes.Code
	answer []byte
}

func readTagged(raw []byte) outcome {
	out := outcome{code: codes.Internal}
	whole := eachField(raw, func(field protowire.Number, content []byte, number uint64) {
		switch field {
		case 1:
			out.tag = number
		case 2:
			out.code, out.answer = codes.OK, content
		case 3:
			out.code = codes.Unknown
			eachField(content, func(field protowire.Number, _ []byte, number uint64) {
				if field == 1 {
					out.code = codes.Code(number)
				}
			})
		}
	})
	if !whole {
		out.code = codes.Internal
	}
	return out
}

// end gives up what a stream that ended has not answered.
func (s *streamCaller) end(stream grpc.ClientStream, code codes.Code) {
	s.mu.Lock()
	if s.stream == stream {
		s.stream = nil
	}
	lost := s.collect(func(*op) bool { return true })
	s.mu.Unlock()
	for _, o := range lost {
		s.g.finish(o, code, nil, true)
	}
}

// collect vacates the places of orders that a function chooses.
func (s *streamCaller) collect(choose func(*op) bool) []*op {
	var out []*op
	for at := range s.places {
		if o := s.places[at].o; o != nil && choose(o) {
			out = append(out, o)
			s.vacate(at)
		}
	}
	s.room.Broadcast()
	return out
}

// sweep gives up orders whose time is up, for a stream has no deadline for each.
func (s *streamCaller) sweep(over chan struct{}) {
	tick := time.NewTicker(min(max(s.g.o.Timeout/50, 5*time.Millisecond), time.Second))
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		now := s.g.since()
		s.mu.Lock()
		late := s.collect(func(o *op) bool { return now-o.due >= s.g.o.Timeout })
		s.mu.Unlock()
		for _, o := range late {
			s.g.finish(o, codes.DeadlineExceeded, nil, true)
		}
	}
}
