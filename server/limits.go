package server

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/server/metrics"
)

// busyRetry is after how long a caller that was refused for too many calls should come back, at least.
const busyRetry = 50 * time.Millisecond

// longestRetry is after how long at most.
const longestRetry = 5 * time.Second

// A gate counts the calls in flight and refuses those over its limit: the ceiling of memory and goroutines, whatever they wait for. What
// the processors can do is the limiter's to know.
type gate struct {
	limit    int64
	inFlight atomic.Int64
	busy     *refusal
}

func newGate(limit int) *gate {
	busy := refusef(codes.ResourceExhausted, ReasonTooManyCalls,
		"%d calls are in flight, as many as the server takes; try again", limit)
	busy.retry = busyRetry
	return &gate{limit: int64(limit), busy: busy}
}

// newBatchGate returns the gate of batches, which take seconds of all processors.
func newBatchGate(limit int) *gate {
	busy := refusef(codes.ResourceExhausted, ReasonTooManyBatches,
		"%d batches are being decided, as many as the server takes; try again", limit)
	busy.retry = time.Second
	return &gate{limit: int64(limit), busy: busy}
}

// enter lets a call in, which must leave, or returns why not.
func (g *gate) enter() error {
	if g.inFlight.Add(1) > g.limit {
		g.inFlight.Add(-1)
		return g.busy
	}
	return nil
}

func (g *gate) leave() { g.inFlight.Add(-1) }

// clientHeader is the header in which a proxy, or a program that shares its address with others, says for whom it calls.
const clientHeader = "allot-client"

// longestClient is how much of a client's name is looked at.
const longestClient = 128

// classOf are the classes of methods. What is not in it is never refused for load.
var classOf = func() map[string]class {
	out := map[string]class{}
	for k, names := range map[class][]string{
		classSettle: {
			allotv1.AllocationService_Confirm_FullMethodName, allotv1.AllocationService_Release_FullMethodName,
			allotv1.AllocationService_Cancel_FullMethodName, allotv1.AllocationService_Ship_FullMethodName,
			allotv1.AllocationService_ShortPick_FullMethodName, allotv1.InventoryService_SetStock_FullMethodName,
			allotv1.InventoryService_AdjustStock_FullMethodName, allotv1.SimulationService_Cancel_FullMethodName,
		},
		classAllocate: {allotv1.AllocationService_Allocate_FullMethodName},
		classAsk: {
			allotv1.AllocationService_Quote_FullMethodName, allotv1.AllocationService_Explain_FullMethodName,
			allotv1.AllocationService_Get_FullMethodName, allotv1.InventoryService_GetStock_FullMethodName,
			allotv1.SimulationService_Get_FullMethodName, allotv1.SimulationService_List_FullMethodName,
		},
		classBulk: {
			allotv1.AllocationService_AllocateBatch_FullMethodName, allotv1.SimulationService_Run_FullMethodName,
			allotv1.SimulationService_Compare_FullMethodName,
		},
	} {
		for _, name := range names {
			out[name] = k
		}
	}
	return out
}()

// A limiter is an overload with a lock and a clock.
type limiter struct {
	mu      sync.Mutex
	o       *overload
	began   time.Time
	hints   atomic.Pointer[hints]
	counts  [verdicts]atomic.Int64
	metrics *metrics.Set
	dropped atomic.Int64 // whose deadline had passed, or whose caller was gone, before they were begun
}

func newLimiter(cfg *Config) *limiter {
	l := &limiter{began: time.Now(), metrics: cfg.Metrics, o: newOverload(overloadConfig{
		floor: overloadFloor, most: max(overloadFloor, cfg.MaxInFlight), queue: overloadQueue, target: int64(cfg.QueueTarget),
		every: int64(overloadWindow), maxClients: overloadClients, patience: int64(cfg.UnreadyAfter), deciders: decidersOf(runtime.GOMAXPROCS(0)),
	})}
	l.o.heapLimit = cfg.MemoryLimit
	if cfg.MemoryLimit == 0 {
		l.o.heapLimit = memoryLimit(debug.SetMemoryLimit(-1))
	}
	l.hint(1)
	return l
}

// decidersOf returns how many calls may decide at once on so many processors: some more than those, since one that decides may wait for
// a lock, or for the system to give it back its thread.
func decidersOf(processors int) int { return processors + processors/4 + 1 }

// heapOfLimit is the part of GOMEMLIMIT that what lives on the heap may take.
const heapOfLimit = 0.9

// memoryLimit returns the limit of the heap that goes with GOMEMLIMIT, 0 where there is none.
func memoryLimit(runtimeLimit int64) int64 {
	if runtimeLimit == math.MaxInt64 {
		return 0
	}
	return int64(heapOfLimit * float64(runtimeLimit))
}

// now returns the limiter's time.
func (l *limiter) now() int64 { return int64(time.Since(l.began)) }

// errGaveWay is what a waiting call gets that had to make room for one of a higher class.
var errGaveWay = errors.New("server: gave way")

// hints are the refusals that are given at the moment, each with other times to come back, so that the callers that were refused together
// do not come back together. They are made in advance, since refusing must cost next to nothing.
type hints struct {
	refusals [verdicts][16]*status.Status
	next     atomic.Uint32
	pressure float64
}

func (l *limiter) hint(pressure float64) {
	h := &hints{pressure: pressure}
	base := min(longestRetry, time.Duration(float64(busyRetry)*pressure*pressure))
	for v := tooBusy; v < verdicts; v++ {
		for i := range h.refusals[v] {
			r := refusef(codes.ResourceExhausted, ReasonTooManyCalls, "%s", refusedFor[v])
			r.retry = base/2 + rand.N(base) //nolint:forbidigo // chance is the point, and nothing is decided by it
			h.refusals[v][i] = r.status()
		}
	}
	l.hints.Store(h)
}

var refusedFor = [verdicts]string{
	tooBusy:     "more calls than the server can decide; try again later",
	tooGreedy:   "other clients want their share; try again later",
	tooLate:     "the call's deadline would pass before its turn; try again later",
	tooMuchHeap: "the server's memory is nearly full; try again later",
}

// refusal returns the error of a verdict.
func (l *limiter) refusal(v verdict) error {
	l.counts[v].Add(1)
	h := l.hints.Load()
	return h.refusals[v][h.next.Add(1)%uint32(len(h.refusals[v]))].Err()
}

// arrive takes a call. The error is a refusal; a call that is not refused must leave.
func (l *limiter) arrive(c *job) error {
	l.mu.Lock()
	now := l.now()
	v := l.o.arrive(now, c)
	if v == waits {
		c.turn, c.since = make(chan error, 1), now
	}
	l.mu.Unlock()
	if v == goesOn || v == waits {
		return nil
	}
	return l.refusal(v)
}

// turn waits for a call's turn. It has left already when there is an error.
func (l *limiter) turn(c *job) error {
	var err error
	select {
	case err = <-c.turn:
	case <-c.Done():
	}
	c.waited += time.Duration(l.now() - c.since)
	if err != nil { // it gave way to another, and has left
		return l.refusal(tooBusy)
	}
	return l.alive(c)
}

// alive drops a call for which nobody waits any more.
func (l *limiter) alive(c *job) error {
	if c.Context.Err() == nil {
		return nil
	}
	l.dropped.Add(1)
	l.leave(c)
	return context.Cause(c.Context)
}

// begin waits until there is room for the call. It has left already when there is an error.
func (l *limiter) begin(c *job) error {
	if c.turn != nil {
		if err := l.turn(c); err != nil {
			return err
		}
		l.metrics.Stage(metrics.Wait, c.waited)
	} else if err := l.alive(c); err != nil {
		return err
	}
	l.mu.Lock()
	l.o.begin(c)
	if l.o.waiting > 0 {
		l.o.grant(l.now())
	}
	l.mu.Unlock()
	return nil
}

// start waits until a call may decide; until it leaves it does. It has left already when there is an error.
func (l *limiter) start(c *job) error {
	l.mu.Lock()
	return l.startLocked(l.now(), c)
}

// startLocked is start, and unlocks.
func (l *limiter) startLocked(now int64, c *job) error {
	goes := l.o.start(now, c)
	switch {
	case !goes:
		if c.turn == nil {
			c.turn = make(chan error, 1)
		}
		c.since = now
		l.mu.Unlock()
		if err := l.turn(c); err != nil {
			return err
		}
	case l.o.behind():
		l.mu.Unlock()
	default:
		l.mu.Unlock()
		return nil
	}
	// Who reads connections and refuses calls comes first, and so does a call that has to come here yet, to find out that it must wait.
	runtime.Gosched()
	return nil
}

func (l *limiter) leave(c *job) {
	l.mu.Lock()
	l.leaveLocked(l.now(), c)
	l.mu.Unlock()
}

func (l *limiter) leaveLocked(now int64, c *job) {
	l.o.leave(now, c)
	if l.o.waiting > 0 {
		l.o.grant(now)
	}
}

// callKey is the key under which contexts have their call.
type callKey struct{}

// Value implements context.Context.
func (c *job) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// Err implements context.Context. grpc-go asks once, when the call has been let in and before it is handed to anybody, and would forget a
// call whose deadline passed just then, without a word. That once the answer is no: begin finds out soon enough.
func (c *job) Err() error {
	if !c.checked {
		c.checked = true
		return nil
	}
	return c.Context.Err()
}

// callOf returns the call that a context belongs to, or nil.
func callOf(ctx context.Context) *job {
	c, _ := ctx.Value(callKey{}).(*job)
	return c
}

// A pass is a place among the calls at work; its holder must leave. The zero pass is none, and may be left.
type pass struct{ c *job }

// leave gives the place back, and the pass with it.
func (p pass) leave() {
	c := p.c
	if c == nil || c.owner == nil {
		return
	}
	l, kept := c.owner, c.kept
	l.leave(c)
	if kept {
		*c = job{}
		jobs.Put(c)
	}
}

// waits tells that from now on the work waits for the journal, and takes no processor: it no longer counts as at work.
func (p pass) waits() {
	if p.c != nil && p.c.owner != nil {
		p.c.owner.leave(p.c)
	}
}

// decides waits until a call that has its message may decide, or may again after what waits told. It is never refused now: what has come so
// far is worth going on with, and MaxInFlight bounds how many may do so at once. The error is that nobody waits for it any more. What
// settles takes microseconds and then waits for the journal, and bulk has limits of its own for as long as it takes: they need not wait.
func (p pass) decides() error {
	if c := p.c; c != nil && c.owner != nil && c.class != classSettle && c.class != classBulk {
		return c.owner.start(c)
	}
	return nil
}

// passOf returns the place of the call that a context belongs to, or the zero pass where there is none, as of a stream, whose orders
// have places of their own.
func passOf(ctx context.Context) pass {
	c := callOf(ctx)
	if c != nil && c.class == unlimited {
		return pass{}
	}
	return pass{c}
}

// jobs are those of admit, which come a hundred in a message.
var jobs = sync.Pool{New: func() any { return &job{} }}

// admit waits for a place for a piece of work of a class, as an order of a stream; the pass is the caller's to leave, once. The error is a
// refusal with RetryInfo, or the context's when the caller is gone.
func (s *Server) admit(ctx context.Context, k class) (pass, error) {
	c := jobs.Get().(*job)
	s.limits.prepare(c, ctx, k)
	c.kept, c.checked = true, true
	if parent := callOf(ctx); parent != nil {
		c.client = parent.client
	} else {
		c.client = &s.limits.o.others
	}
	if err := s.limits.admit(c); err != nil {
		*c = job{}
		jobs.Put(c)
		return pass{}, err
	}
	return pass{c}, nil
}

// admit takes a piece of work and waits until it may decide.
func (l *limiter) admit(c *job) error {
	if c.Context.Err() != nil {
		l.dropped.Add(1)
		return context.Cause(c.Context)
	}
	l.mu.Lock()
	now := l.now()
	switch v := l.o.arrive(now, c); v {
	case goesOn:
		l.o.begin(c)
		return l.startLocked(now, c)
	case waits:
		c.turn, c.since = make(chan error, 1), now
		l.mu.Unlock()
	default:
		l.mu.Unlock()
		return l.refusal(v)
	}
	if err := l.turn(c); err != nil {
		return err
	}
	l.metrics.Stage(metrics.Wait, c.waited)
	l.mu.Lock()
	l.o.begin(c)
	return l.startLocked(l.now(), c)
}

// prepare makes a call of a class within a context.
//
//nolint:revive // the context is no argument to be passed on
func (l *limiter) prepare(c *job, ctx context.Context, k class) {
	c.Context, c.class, c.owner = ctx, k, l
	if deadline, ok := ctx.Deadline(); ok {
		c.deadline = int64(deadline.Sub(l.began))
	}
}

// named returns the client that a header names, or the one of the connection.
func (l *limiter) named(name string, c *client) *client {
	switch {
	case name == "" && c != nil:
		return c
	case name == "":
		return &l.o.others
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.o.client("name " + name[:min(len(name), longestClient)])
}

// arriving is told of every call of the first port, by the goroutine that reads its connection, before there is a goroutine for the call
// and before any of its message is read: a refusal here takes about half of what it takes in the handler, see BenchmarkRefusal. The details of the status
// reach the caller from here as well (grpc-go 1.85, writeEarlyAbort). It must not wait.
func (s *Server) arriving(ctx context.Context, info *tap.Info) (context.Context, error) {
	k, limited := classOf[info.FullMethodName]
	if !limited && info.FullMethodName != allotv1.AllocationService_AllocateStream_FullMethodName {
		return ctx, nil
	}
	var of *client
	if p, ok := peer.FromContext(ctx); ok {
		if a, ok := p.Addr.(*clientAddr); ok {
			of = a.client
		}
	}
	name := ""
	if given := info.Header[clientHeader]; len(given) > 0 {
		name = given[0]
	}
	c := &job{client: s.limits.named(name, of)}
	s.limits.prepare(c, ctx, k)
	if !limited {
		c.class, c.checked = unlimited, true // its orders are admitted one by one
		return c, nil
	}
	if err := ctx.Err(); err != nil {
		s.limits.dropped.Add(1)
		return ctx, s.turnedAway(info.FullMethodName, status.FromContextError(err))
	}
	if err := s.limits.arrive(c); err != nil {
		return ctx, s.turnedAway(info.FullMethodName, status.Convert(err))
	}
	return c, nil
}

// turnedAway counts a call that comes to no handler, and returns the error for it.
func (s *Server) turnedAway(name string, st *status.Status) error {
	s.cfg.Metrics.Call(metrics.GRPC, s.cfg.Metrics.Method(name), st.Code(), -1)
	return st.Err()
}

// begun waits for the turn of a call of the first port.
func (s *Server) begun(ctx context.Context) (pass, error) {
	c := callOf(ctx)
	if c == nil || c.class == unlimited {
		return pass{}, nil
	}
	if err := s.limits.begin(c); err != nil {
		return pass{}, err
	}
	return pass{c}, nil
}

// heapSample is the metric of what lives on the heap, as of the last collection: what comes and goes is no reason to refuse anything.
const heapSample = "/gc/heap/live:bytes"

// oversee keeps the limiter's picture of memory and health fresh, also while nobody calls, and tells balancers.
func (s *Server) oversee(ctx context.Context) {
	tick := time.NewTicker(overloadWindow)
	defer tick.Stop()
	sample := []runtimemetrics.Sample{{Name: heapSample}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		runtimemetrics.Read(sample)
		s.observe(int64(sample[0].Value.Uint64()))
	}
}

// observe is one look of oversee.
func (s *Server) observe(heap int64) {
	l := s.limits
	l.mu.Lock()
	l.o.heap = heap
	now := l.now()
	l.o.tick(now)
	l.o.sweep(now)
	l.o.grant(now)
	pressure, unready, limit := l.o.pressure, l.o.unready, l.o.limit
	l.mu.Unlock()
	if h := l.hints.Load(); pressure != h.pressure {
		l.hint(pressure)
	}
	if s.unready.Swap(unready) == unready {
		return
	}
	to := grpc_health_v1.HealthCheckResponse_SERVING
	if unready {
		to = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		s.cfg.Log.Warn("overloaded", "limit", int(limit), "after", s.cfg.UnreadyAfter)
	} else {
		s.cfg.Log.Info("no longer overloaded")
	}
	s.health.SetServingStatus("", to)
	for _, name := range serviceNames {
		s.health.SetServingStatus(name, to)
	}
}

// A LimitState is how the limits stand at a moment.
type LimitState struct {
	Limit   int  // calls between arrival and decision that are let in
	Inside  int  // there are
	Waiting int  // above the limit
	Clients int  // that called lately
	Unready bool // balancers are told to go elsewhere

	// Refused and dropped since the server began, never falling.
	Busy    int64 // refused: more than can be decided
	Greedy  int64 // refused: the client had its share
	Late    int64 // refused: the deadline would have passed first
	Heap    int64 // refused: memory
	Dropped int64 // unanswered: the deadline had passed, or the caller was gone, before anything was done

	Connections int   // open, on both ports
	Abusive     int64 // connections closed for resets or control frames
	Unaccepted  int64 // connections closed at once, over a limit
	Resets      int64 // calls that callers reset, on both ports, but for those that ended a connection
}

// Limits returns how the limits stand.
func (s *Server) Limits() LimitState {
	l := s.limits
	l.mu.Lock()
	out := LimitState{Limit: int(l.o.limit), Inside: l.o.inside, Waiting: l.o.waiting, Clients: l.o.active, Unready: l.o.unready}
	l.mu.Unlock()
	out.Busy, out.Greedy, out.Late = l.counts[tooBusy].Load(), l.counts[tooGreedy].Load(), l.counts[tooLate].Load()
	out.Heap, out.Dropped = l.counts[tooMuchHeap].Load(), l.dropped.Load()
	out.Connections, out.Abusive, out.Unaccepted = s.doors.count(), s.doors.abusive.Load(), s.doors.unaccepted.Load()
	out.Resets = s.doors.resets.Load()
	return out
}
