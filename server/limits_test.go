package server

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// empty checks that nothing is counted any more.
func (l *limiter) empty(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.o
	if o.inside != 0 || o.waiting != 0 || o.running != 0 || o.readied != 0 || o.fresh.n != 0 || o.silent.n != 0 {
		t.Errorf("%d inside, %d waiting, %d decide, %d would, %d fresh, %d silent when all is over", o.inside, o.waiting, o.running, o.readied, o.fresh.n, o.silent.n)
	}
	for _, c := range append([]*client{&o.others}, values(o.clients)...) {
		if c.calls != 0 {
			t.Errorf("client %q still has %d calls", c.key, c.calls)
		}
	}
}

func values(m map[string]*client) (out []*client) {
	for _, c := range m {
		out = append(out, c)
	}
	return out
}

// full takes all places to decide, and returns what gives them back.
func (l *limiter) full(t *testing.T) (release func()) {
	t.Helper()
	var all []*job
	l.mu.Lock()
	n := l.o.deciders
	l.mu.Unlock()
	for range n {
		c := &job{client: &l.o.others, kept: true, checked: true}
		l.prepare(c, context.Background(), classAllocate)
		if err := l.admit(c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return sync.OnceFunc(func() {
		for _, c := range all {
			l.leave(c)
		}
	})
}

// wait waits until the limiter is in a state, however long that takes.
func (l *limiter) wait(t *testing.T, what string, is func(o *overload) bool) {
	t.Helper()
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		ok := is(l.o)
		l.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it does not come to %s", what)
		}
	}
}

// TestEveryEndGivesBack ends calls in each way that there is, and wants no trace of them in the limiter.
func TestEveryEndGivesBack(t *testing.T) {
	errOwn := errors.New("its own")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, end := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer end()
	answers := func(srv any, ctx context.Context, decode func(any) error) (any, error) { return 1, decode(nil) }
	for _, tt := range []struct {
		name   string
		method string
		ctx    context.Context
		busy   bool // nobody else may decide meanwhile
		handle func(srv any, ctx context.Context, decode func(any) error) (any, error)
		code   codes.Code
	}{
		{"answer", allotv1.AllocationService_Allocate_FullMethodName, t.Context(), false, answers, codes.OK},
		{"what settles", allotv1.AllocationService_Confirm_FullMethodName, t.Context(), true, answers, codes.OK},
		{"what does not decide", allotv1.AllocationService_Get_FullMethodName, t.Context(), true, answers, codes.OK},
		{"bulk", allotv1.AllocationService_AllocateBatch_FullMethodName, t.Context(), true, answers, codes.OK},
		{"health", "/grpc.health.v1.Health/Check", t.Context(), true, answers, codes.OK},
		{"gone before it began", allotv1.AllocationService_Allocate_FullMethodName, cancelled, false, answers, codes.Canceled},
		{"late before it began", allotv1.AllocationService_Allocate_FullMethodName, late, false, answers, codes.DeadlineExceeded},
		{"error", allotv1.AllocationService_Quote_FullMethodName, t.Context(), false, func(any, context.Context, func(any) error) (any, error) {
			return nil, errOwn
		}, codes.Internal},
		{"panic", allotv1.AllocationService_Explain_FullMethodName, t.Context(), false, func(_ any, _ context.Context, decode func(any) error) (any, error) {
			panic(decode(nil))
		}, codes.Internal},
		{"no message", allotv1.AllocationService_Allocate_FullMethodName, t.Context(), false, func(any, context.Context, func(any) error) (any, error) {
			return nil, status.FromContextError(context.Canceled).Err()
		}, codes.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newServer(t, nil)
			defer s.Close()
			if tt.busy {
				defer s.limits.full(t)()
			}
			handle := s.guard(tt.method, func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				return tt.handle(srv, ctx, func(any) error { return passOf(ctx).come(deciding[tt.method]) })
			})
			ctx, err := s.arriving(tt.ctx, &tap.Info{FullMethodName: tt.method})
			if err == nil {
				_, err = handle(s, ctx, nil, nil)
			}
			if status.Code(err) != tt.code {
				t.Errorf("%v, want %v", err, tt.code)
			}
			if !tt.busy {
				s.limits.empty(t)
			}
		})
	}
}

// TestWaitersGoWithTheirCallers has calls wait for a processor of which the callers are gone, or go while they wait, or which are granted it
// in that very moment.
func TestWaitersGoWithTheirCallers(t *testing.T) {
	s, _ := newServer(t, nil)
	defer s.Close()
	l := s.limits
	release := l.full(t)
	var gone []context.CancelFunc
	var waiters sync.WaitGroup
	const n = 20
	for range n {
		ctx, cancel := context.WithCancel(t.Context())
		gone = append(gone, cancel)
		waiters.Go(func() {
			c := &job{client: &l.o.others, checked: true}
			l.prepare(c, ctx, classAllocate)
			err := l.arrive(c)
			if err == nil {
				err = l.begin(c)
			}
			if err == nil {
				err = l.start(c)
			}
			if err == nil {
				l.leave(c)
			} else if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	l.wait(t, "all waiting", func(o *overload) bool { return o.readied == n })
	for _, cancel := range gone[:n/2] {
		cancel()
	}
	l.wait(t, "half of them waiting", func(o *overload) bool { return o.readied == n/2 })
	both := make(chan struct{})
	waiters.Go(func() {
		<-both
		release()
	})
	close(both)
	for _, cancel := range gone[n/2:] {
		cancel()
	}
	waiters.Wait()
	l.empty(t)
	if got := s.Limits().Dropped; got < n/2 || got > n {
		t.Errorf("%d dropped", got)
	}
}

// TestStreamsAreRefusedAndServedAgain refuses an order of a stream, and decides it when it comes again by the same stream.
func TestStreamsAreRefusedAndServedAgain(t *testing.T) {
	runtime.GC() // something lives on the heap from now on, however often anybody looks
	s := serve(t, func(c *Config) { c.MemoryLimit = 1 << 60 })
	l := s.limits
	fill := func(heapLimit int64) {
		l.mu.Lock()
		l.o.heapLimit = heapLimit
		l.o.heap = 2
		l.mu.Unlock()
	}
	stream, err := s.allocation.AllocateStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func() *allotv1.TaggedAllocateResponse {
		t.Helper()
		if err := stream.Send(streamOf(tagged(7, allocate("same", order("43004", "mug", 1))))); err != nil {
			t.Fatal(err)
		}
		m, err := stream.Recv()
		if err != nil || len(m.GetAnswers()) != 1 || m.GetAnswers()[0].GetTag() != 7 {
			t.Fatalf("%v, %v", m, err)
		}
		return m.GetAnswers()[0]
	}
	for range 3 {
		fill(1)
		st := status.FromProto(ask().GetError())
		if st.Code() != codes.ResourceExhausted || reasonOf(st) != ReasonTooManyCalls || retryOf(st) == 0 {
			t.Errorf("%v %v", st, st.Details())
		}
		l.empty(t)
	}
	fill(1 << 60)
	if got := ask(); got.GetError() != nil || got.GetAnswer().GetHold() == nil {
		t.Errorf("%v", got)
	}
	l.empty(t)
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestDrainAnswersWhatWaits drains a server in which calls of both ports, and orders of a stream, wait for a processor.
func TestDrainAnswersWhatWaits(t *testing.T) {
	s := serve(t, func(c *Config) { c.ExpireEvery = time.Hour; c.DrainDelay = time.Hour; c.DrainTimeout = time.Hour })
	begun := make(chan struct{})
	s.delay = func(time.Duration) { close(begun) }
	l := s.limits
	release := l.full(t)
	defer release()
	const calls, orders = 30, 5
	answers := make(chan error, 2*calls)
	for i := range calls {
		go func() {
			_, err := s.allocation.Allocate(t.Context(), allocate(fmt.Sprint("grpc-", i), order("43004", "mug", 1)))
			answers <- err
		}()
		go func() {
			_, err := s.connect.Allocate(t.Context(), allocate(fmt.Sprint("web-", i), order("43004", "mug", 1)))
			answers <- err
		}()
	}
	stream, err := s.allocation.AllocateStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := &allotv1.AllocateStreamRequest{}
	for i := range orders {
		m.Requests = append(m.Requests, tagged(uint64(i), allocate(fmt.Sprint("stream-", i), order("43004", "mug", 1))))
	}
	if err := stream.Send(m); err != nil {
		t.Fatal(err)
	}
	l.wait(t, "all waiting", func(o *overload) bool { return o.readied == 2*calls+1 }) // the stream once for all of its orders
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	<-begun
	<-s.draining.Done()
	release()
	for range 2 * calls {
		if err := <-answers; err != nil {
			t.Errorf("a call in flight: %v", err)
		}
	}
	answered := 0
	for {
		got, err := stream.Recv()
		if err != nil {
			if status.Code(err) != codes.Unavailable {
				t.Errorf("the stream ends with %v", err)
			}
			break
		}
		for _, a := range got.GetAnswers() {
			answered++
			if a.GetError() != nil {
				t.Errorf("an order in flight: %v", a.GetError())
			}
		}
	}
	if answered != orders {
		t.Errorf("%d of %d orders of the stream are answered", answered, orders)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := s.ledger.Open(); n != 2*calls+orders {
		t.Errorf("%d holds for %d answers", n, 2*calls+orders)
	}
	l.empty(t)
}

// TestResetsArePaced gives the doors resets at moments of its own.
func TestResetsArePaced(t *testing.T) {
	d := &doors{perReset: time.Millisecond}
	at := time.Unix(1000, 0)
	for _, tt := range []struct {
		after time.Duration
		n     int
		want  time.Duration
	}{
		{0, 10, 10 * time.Millisecond},
		{0, 10, 20 * time.Millisecond}, // another connection waits for the first one
		{5 * time.Millisecond, 10, 25 * time.Millisecond},
		{time.Second, 1, time.Millisecond}, // nothing is saved up
		{0, 1_000_000, longestPaced},
		{0, 1_000_000, longestPaced},
	} {
		at = at.Add(tt.after)
		if got := d.pace(tt.n, at); got != tt.want {
			t.Errorf("%d resets after %v: %v, want %v", tt.n, tt.after, got, tt.want)
		}
	}
	f := frames{resets: bucket{left: 40, most: 40, rate: 10}, free: bucket{left: 2, most: 2, rate: 2}, controls: bucket{left: 1, most: 1}}
	for i, tt := range []struct {
		after time.Duration
		n     int
		paced int
		ok    bool
	}{
		{0, 2, 0, true}, {0, 3, 3, true}, {time.Second, 2, 0, true}, {0, 1, 1, true}, {0, 50, 50, false},
	} {
		at = at.Add(tt.after)
		f.reset = tt.n
		if paced, ok := f.settle(at); paced != tt.paced || ok != tt.ok {
			t.Errorf("%d: %d resets: %d are paced, %v; want %d, %v", i, tt.n, paced, ok, tt.paced, tt.ok)
		}
	}
}

// TestPacedConnectionsAreReadLater reads resets from a connection, and wants it to rest before they are handed on.
func TestPacedConnectionsAreReadLater(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.MaxResets = 100 })
	defer s.Close()
	var slept time.Duration
	s.doors.sleep = func(d time.Duration) { slept += d }
	here, there := net.Pipe()
	defer there.Close()
	c := s.doors.admitted(here, addressOf(here.RemoteAddr()), 0)
	defer c.Close()
	wire := []byte(preface)
	for range 50 {
		wire = append(wire, 0, 0, 4, frameReset, 0, 0, 0, 0, 1, 0, 0, 0, 8)
	}
	go func() { _, _ = there.Write(wire) }()
	if _, err := io.ReadFull(c, make([]byte, len(wire))); err != nil {
		t.Fatal(err)
	}
	if slept == 0 || slept > 50*longestPaced {
		t.Errorf("it rested %v", slept)
	}
	if got := s.Limits().Resets; got != 50 {
		t.Errorf("%d resets are counted", got)
	}
}

func TestOverloadLetsFewDecide(t *testing.T) {
	o := newModel().o
	o.deciders = 2
	var all []*job
	for i, k := range []class{classAllocate, classAsk, classAsk, classAllocate, classAllocate} {
		c := &job{class: k, client: o.client("a"), turn: make(chan error, 1)}
		if v := o.arrive(int64(i+1), c); v != goesOn {
			t.Fatalf("%d: %v", i, v)
		}
		o.begin(c)
		if goes := o.start(int64(i+1), c); goes != (i < 2) {
			t.Errorf("%d: %v", i, goes)
		}
		all = append(all, c)
	}
	for i, next := range []int{3, 4, 2} { // allocations first, then as they came
		o.leave(10, all[[]int{0, 1, 3}[i]])
		for j, c := range all {
			select {
			case err := <-c.turn:
				if j != next || err != nil {
					t.Errorf("after %d it is the turn of %d (%v), want %d", i, j, err, next)
				}
				next = -1
			default:
			}
		}
		if next != -1 || o.running != 2 {
			t.Errorf("after %d it is nobody's turn, %d decide", i, o.running)
		}
	}
	o.leave(20, all[4])
	o.leave(20, all[2])
	if o.running != 0 || o.readied != 0 || o.inside != 0 {
		t.Errorf("%d decide, %d would, %d inside", o.running, o.readied, o.inside)
	}
}

// TestOverloadForgetsTheSilent has calls whose messages do not come: they must not keep out others, and count again when theirs is there.
func TestOverloadForgetsTheSilent(t *testing.T) {
	o := newModel().o
	come := func(now int64) (*job, verdict) {
		c := &job{class: classAllocate, client: o.client("a"), turn: make(chan error, 1)}
		v := o.arrive(now, c)
		if v == goesOn {
			o.begin(c)
		}
		return c, v
	}
	var silent []*job
	for {
		c, v := come(1)
		if v != goesOn {
			o.out(c)
			break
		}
		silent = append(silent, c)
	}
	if _, v := come(int64(overloadWindow) + 2); v != goesOn {
		t.Fatalf("%d calls without messages keep out another (%v)", len(silent), v)
	}
	if o.inside != 1 {
		t.Errorf("%d inside", o.inside)
	}
	if !o.start(int64(overloadWindow)+3, silent[0]) || o.inside != 2 || o.running != 1 {
		t.Errorf("one whose message has come at last: %d inside, %d decide", o.inside, o.running)
	}
	for _, c := range silent {
		o.leave(int64(overloadWindow)+4, c)
	}
	if o.inside != 1 || o.running != 0 {
		t.Errorf("%d inside, %d decide", o.inside, o.running)
	}
}

// TestOverloadLeavesTheExpelledOut has clients whose connections were closed for what they sent: the others' shares are not for them.
func TestOverloadLeavesTheExpelledOut(t *testing.T) {
	o := newModel().o
	good := &job{class: classAllocate, client: o.client("good")}
	o.arrive(1, good)
	for i := range 5 {
		c := &job{class: classAllocate, client: o.client(fmt.Sprint(i))}
		o.arrive(2, c)
		o.leave(2, c)
		if o.active != 2 {
			t.Errorf("%d: %d active", i, o.active)
		}
		o.expelled(c.client)
		o.expelled(c.client)
		if o.active != 1 {
			t.Errorf("%d: %d active when it is expelled", i, o.active)
		}
	}
	o.leave(3, good)
}

func TestDecidersOf(t *testing.T) {
	for processors := 1; processors < 200; processors++ {
		if n := decidersOf(processors); n <= processors || n > 2*processors {
			t.Errorf("%d for %d processors", n, processors)
		}
	}
	s, _ := newServer(t, nil)
	defer s.Close()
	if got := s.limits.o.deciders; got != decidersOf(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d", got)
	}
}

// BenchmarkRefusal measures a whole refusal over the wire, by a caller that does next to nothing itself: where calls arrive, before there is
// a goroutine for one and before its message is read, and in the handler, before the message is decoded.
func BenchmarkRefusal(b *testing.B) {
	request, err := proto.Marshal(allocate("request-00000001", order("10001", "mug", 2, "lamp", 1)))
	if err != nil {
		b.Fatal(err)
	}
	message := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request))), request...)
	for _, where := range []string{"where calls arrive", "in the handler"} {
		b.Run(where, func(b *testing.B) {
			runtime.GC()
			s := serve(b, func(c *Config) {
				if where == "in the handler" {
					c.MaxInFlight = 1
				} else {
					c.MemoryLimit = 1
				}
			})
			s.observe(1 << 20)
			if where == "in the handler" {
				s.gate.inFlight.Add(1)
				defer s.gate.inFlight.Add(-1)
			}
			r := rawTo(b, s.rpc)
			out := bufio.NewWriterSize(r.Conn, 1<<20)
			r.Framer = http2.NewFramer(out, bufio.NewReaderSize(r.Conn, 1<<20))
			const together = 50
			for left := b.N; left > 0; {
				n := min(left, together)
				left -= n
				for range n {
					id, err := r.open()
					if err == nil {
						err = r.WriteData(id, true, message)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				if err := out.Flush(); err != nil {
					b.Fatal(err)
				}
				for n > 0 {
					frame, err := r.ReadFrame()
					if err != nil {
						b.Fatal(err)
					}
					if h, ok := frame.(*http2.HeadersFrame); ok && h.StreamEnded() {
						n--
					}
				}
			}
			b.StopTimer()
			if got := s.Limits(); where == "where calls arrive" && got.Heap < int64(b.N) {
				b.Errorf("%d of %d are refused: %+v", got.Heap, b.N, got)
			}
		})
	}
}
