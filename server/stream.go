package server

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/units"
)

// A stream has three parts. A reader takes messages apart, until as many orders as the window allows have no answer. Workers
// decide and hold the orders, some dozens at a time, each order as a call of Allocate does, only that nobody waits until it is
// kept: a group of orders waits once. The handler itself waits for the groups and sends their answers, which the workers have
// written as they go over the wire.
const (
	groupOrders  = 128       // that one worker takes at once
	groupBytes   = 128 << 10 // of answers, after which a group is sent though it has orders left
	sentTogether = 256 << 10 // bytes of answers in one message, where they are of several groups
	workerShare  = 32        // orders that wait for each worker at work, from which on another one helps
)

// An allocateStream is one call of AllocateStream.
type allocateStream struct {
	s     *Server
	ctx   context.Context
	most  int           // workers
	room  chan struct{} // wakes the reader; has room for one
	wake  chan struct{} // wakes the handler; has room for one
	ended chan struct{} // closed when the handler returns

	mu      sync.Mutex
	queue   []streamItem // that no worker has yet, from head on
	head    int
	open    int // orders that were read and not answered
	workers sync.WaitGroup
	working int
	groups  []*group // decided
	closed  bool     // nothing more is read
	end     error    // how the stream ends after the last answer; nil where the caller closed it
	failure error    // how it ends at once
}

// allocateStream answers the orders of a stream in any order. receive appends those of the next message, or returns io.EOF
// after the last; send sends some answers. receive may still be waiting when allocateStream returns: the end of the call ends
// that.
func (s *Server) allocateStream(ctx context.Context, receive func([]streamItem) ([]streamItem, error), send func(answeredGroups) error) error {
	return newAllocateStream(ctx, s).run(receive, send)
}

func newAllocateStream(ctx context.Context, s *Server) *allocateStream {
	return &allocateStream{
		s: s, ctx: ctx, most: runtime.GOMAXPROCS(0), room: make(chan struct{}, 1), wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

func (st *allocateStream) run(receive func([]streamItem) ([]streamItem, error), send func(answeredGroups) error) error {
	st.s.streams.open.Add(1)
	defer st.s.streams.open.Add(-1)
	defer st.stop()
	go st.read(receive)
	return st.answer(send)
}

// stop ends what still works for the stream.
func (st *allocateStream) stop() {
	st.mu.Lock()
	st.closed, st.queue, st.head = true, nil, 0
	st.s.streams.orders.Add(-int64(st.open))
	st.open = 0
	st.mu.Unlock()
	close(st.ended)
	st.workers.Wait()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read reads to the end of the stream.
func (st *allocateStream) read(receive func([]streamItem) ([]streamItem, error)) {
	var items []streamItem
	for st.mayRead() {
		var err error
		if items, err = st.receive(receive, items[:0]); err != nil {
			st.close(err)
			return
		}
		if !st.push(items) {
			return
		}
		clear(items)
	}
}

func (st *allocateStream) receive(receive func([]streamItem) ([]streamItem, error), items []streamItem) (out []streamItem, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = st.panicked(p)
		}
	}()
	return receive(items)
}

// mayRead waits until the window is open, and reports false when the stream ends before.
func (st *allocateStream) mayRead() bool {
	for {
		st.mu.Lock()
		may, over := st.open < st.s.cfg.StreamWindow, st.closed
		st.mu.Unlock()
		if may || over {
			return !over
		}
		select {
		case <-st.room:
		case <-st.ended:
			return false
		}
	}
}

// push hands the orders of a message to workers; false when they come too late, after the server began to shut down.
func (st *allocateStream) push(items []streamItem) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return false
	}
	if st.head == len(st.queue) {
		st.queue, st.head = st.queue[:0], 0
	}
	st.queue = append(st.queue, items...)
	st.open += len(items)
	st.s.streams.orders.Add(int64(len(items)))
	for waiting := len(st.queue) - st.head; st.working == 0 && waiting > 0 || st.working < st.most && waiting > workerShare*st.working; {
		st.working++
		st.workers.Go(st.work)
	}
	return true
}

// close ends the reading: what was read is answered, and then the stream ends with an error, or well after io.EOF.
func (st *allocateStream) close(err error) {
	st.mu.Lock()
	if !st.closed {
		st.closed = true
		switch {
		case errors.Is(err, io.EOF):
		case st.s.draining.Err() != nil:
			st.end = errShutting // on the second port that is why nothing can be read
		default:
			st.end = err
		}
	}
	st.mu.Unlock()
	signal(st.wake)
}

// take moves orders from the queue to a worker, none when there are none, or nobody would hear of them.
func (st *allocateStream) take(items []streamItem) []streamItem {
	st.mu.Lock()
	defer st.mu.Unlock()
	n := min(len(st.queue)-st.head, groupOrders)
	if n == 0 || st.failure != nil || st.ctx.Err() != nil {
		st.working--
		return nil
	}
	items = append(items[:0], st.queue[st.head:st.head+n]...)
	clear(st.queue[st.head : st.head+n])
	st.head += n
	return items
}

// work decides orders until there are no more.
func (st *allocateStream) work() {
	defer func() {
		if p := recover(); p != nil {
			err := st.panicked(p)
			st.mu.Lock()
			st.failure = err
			st.working--
			st.mu.Unlock()
			signal(st.wake)
		}
	}()
	var items []streamItem
	for {
		if items = st.take(items); len(items) == 0 {
			return
		}
		for left := items; len(left) > 0; {
			g := newGroup()
			left = left[st.s.allocateGroup(st.ctx, g, left):]
			st.mu.Lock()
			st.groups = append(st.groups, g)
			st.mu.Unlock()
			signal(st.wake)
		}
	}
}

func (st *allocateStream) panicked(p any) error {
	return st.s.panicked(allotv1.AllocationService_AllocateStream_FullMethodName, p)
}

// answer sends what was decided, to the end of the stream.
func (st *allocateStream) answer(send func(answeredGroups) error) error {
	draining := st.s.draining.Done()
	var groups answeredGroups
	for {
		st.mu.Lock()
		var size int
		for len(groups) < len(st.groups) && (size == 0 || size+len(st.groups[len(groups)].wire) <= sentTogether) {
			size += len(st.groups[len(groups)].wire)
			groups = append(groups, st.groups[len(groups)])
		}
		rest := copy(st.groups, st.groups[len(groups):])
		clear(st.groups[rest:])
		st.groups = st.groups[:rest]
		over, end, failure := st.closed && st.open == 0, st.end, st.failure
		st.mu.Unlock()
		switch {
		case failure != nil:
			return failure
		case len(groups) > 0:
			if err := st.send(groups, send); err != nil {
				return err
			}
			clear(groups)
			groups = groups[:0]
			continue
		case over:
			return end
		}
		select {
		case <-st.wake:
		case <-st.ctx.Done():
			return context.Cause(st.ctx)
		case <-draining:
			draining = nil
			st.close(errShutting)
		}
	}
}

// send waits until groups are kept, and sends their answers.
func (st *allocateStream) send(groups answeredGroups, send func(answeredGroups) error) error {
	orders, kept := 0, uint64(0)
	for _, g := range groups {
		orders += g.orders
		kept = max(kept, g.kept)
	}
	if err := st.s.waitForGroups(st.ctx, kept, len(groups)); err != nil {
		return err
	}
	if err := send(groups); err != nil {
		return err
	}
	st.mu.Lock()
	st.open -= orders
	st.s.streams.orders.Add(-int64(orders))
	st.mu.Unlock()
	signal(st.room)
	return nil
}

// allocateGroup decides and holds orders one after the other, at most until their answers are large, and returns how many.
func (s *Server) allocateGroup(ctx context.Context, g *group, items []streamItem) int {
	place, refused := s.admit(ctx, classAllocate) // one for all of them, which are decided one after the other
	defer place.leave()
	n, now := s.network.Load(), s.now()
	d := n.take()
	defer n.give(d)
	d.group = g
	defer s.ledger.Flush()
	s.readAhead(n, d, items, now)
	defer d.bundle.forget()
	done := 0
	for ; done < len(items) && len(g.wire) < groupBytes; done++ {
		if ctx.Err() != nil { // nobody hears the answers
			s.limits.dropped.Add(int64(d.bundle.n))
			g.orders = len(items)
			return len(items)
		}
		if d.bundle.n == bundleOrders {
			s.grantBundle(ctx, n, d, items, now)
		}
		bundled, before := false, 0
		if refused == nil {
			bundled, before = s.bundle(ctx, n, d, done, now)
		}
		if bundled {
			continue
		}
		s.grantBundle(ctx, n, d, items, now) // so that they are held in their order
		a, err := answer{}, refused
		if err == nil {
			a, err = s.allocateItem(ctx, n, d, &items[done], &d.ahead.orders[done], before, now)
		}
		s.add(g, items[done].tag, &a, err)
	}
	s.grantBundle(ctx, n, d, items, now)
	return done
}

// add adds what became of an order to its group.
func (s *Server) add(g *group, tag uint64, a *answer, err error) {
	var failure *status.Status
	if err != nil {
		failure = s.outward(allotv1.AllocationService_AllocateStream_FullMethodName, err)
	}
	g.add(tag, a, failure)
}

// allocateItem is allocate or allocatePlain for an order of a stream, which was read ahead if it is a plain one. Of its attempts so
// many were made before.
func (s *Server) allocateItem(ctx context.Context, n *served, d *desk, it *streamItem, read *orderAhead, before int, now units.Instant) (answer, error) {
	if it.err != nil {
		return answer{}, it.err
	}
	if read.plain {
		d.start(ctx, s.tracer)
		d.readBefore(d.ahead.took)
		d.order, read.order = read.order, d.order
		d.order.ID = d.group.text(d.order.ID) // the ledger keeps them, and the message need not stay for it
		return s.allocateRead(ctx, n, d, d.group.text(read.request), s.cfg.MaxAttempts-before, now)
	}
	request := it.request
	if request == nil {
		request = &allotv1.AllocateRequest{}
		if err := binaryCodec().Unmarshal([]byte(it.wire), request); err != nil {
			return answer{}, err
		}
	}
	if err := marked(request); err != nil {
		return answer{}, err
	}
	d.plain = request.GetIgnorePrices()
	d.look(n, s.ledger, now)
	return s.allocateAt(ctx, n, d, request, now)
}
