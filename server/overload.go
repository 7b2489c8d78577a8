package server

import (
	"context"
	"math"
	"time"
)

// A class is how much a call matters when not all can be answered: the lower, the more.
type class uint8

// The classes of calls.
const (
	classSettle   class     = iota // confirm, release, ship, cancel, short-pick, corrections of stock: what was promised already
	classAllocate                  // allocate
	classAsk                       // quote, explain, get: nothing is lost but an answer
	classBulk                      // simulations, batches
	classes                        // how many there are
	unlimited     = classes        // of calls that are never refused here: health, reflection, watching, loading a network
)

// shares are the parts of the limit that calls of each class may fill. A class finds what is above the share of the next one free even
// when that one takes all it can get.
var shares = [classes]float64{1, 0.9, 0.6, 0.3}

// heapShares are the parts of the memory limit above which calls of each class are refused. What settles is never refused for memory: it
// frees more than it takes.
var heapShares = [classes]float64{math.Inf(1), 1, 0.9, 0.8}

// An overload decides which calls go on, which wait and which are refused. It is a state machine without clock, locks or goroutines: its
// caller gives the time, in nanoseconds since any moment, never falling.
//
// It limits how many calls are between their arrival and the end of their decision, by the time that passes from the arrival until the
// decision begins. That time is what more calls than the processors can decide make longer, and nothing else does. Waiting for the journal
// comes after the decision and does not count, neither as time nor as a call. So a hundred callers who wait for one fsync together
// are no overload, and a slow disk is not either.
//
// And it lets only few calls decide at once, little more than there are processors. The others wait here, where it can choose between them,
// and not in the scheduler's queue: in that one the goroutines that read connections would wait behind them, and what has not been read yet
// can be neither measured nor refused. Before that, a server with one processor and decisions of 270 µs answered 13 % of its peak at twice
// its rate, for all that the limit did: the calls grew old in the sockets.
//
// When even the least wait of a window is above the target, the queue is a standing one and not a burst (K. Nichols, V. Jacobson,
// "Controlling Queue Delay", ACM Queue 2012), and the limit falls in the proportion by which the wait is too long, for the wait grows with
// it. When calls were turned away at the limit and the least wait is below half the target, it rises by a quarter.
//
// Rejected: latency of the whole call as the signal, as in TCP Vegas and the gradient limits built on it, since fsync and slow callers are in
// it; the mean wait, since one slow collection moves it; /sched/latencies of the runtime, a histogram over all goroutines
// of which most are not calls; to bound the running decisions alone, since a decision does not give up its processor, so that with one
// processor no call ever meets another one while a thousand goroutines wait: see start; and newest first out of the queue,
// since what is refused in the end was received, read and kept first, which costs more than refusing it when it comes. The queue
// here is short instead, and its end in sight.
type overload struct {
	overloadConfig

	limit   float64
	inside  int              // calls that arrived and are not decided
	waiting int              // in queues
	queues  [classes]jobList // calls above the limit, oldest first
	fresh   jobList          // calls inside that nobody has begun, oldest first
	silent  jobList          // calls inside whose message has not come, oldest first
	ready   [classes]jobList // calls inside that wait for a processor, oldest first
	readied int              // of all classes
	running int              // calls that decide
	service float64          // nanoseconds that a decision takes, smoothed

	began   int64   // of the window
	least   int64   // wait in the window
	begun   int     // calls in the window
	reached bool    // the limit, in the window
	rate    float64 // calls begun a nanosecond, of the last window in which all were busy

	offered, refused [classes]int // in the window
	pressure         float64      // offered by accepted calls of the last window; at least 1

	heap, heapLimit int64 // bytes; no limit is 0

	clients map[string]*client
	others  client // all for whom there was no room
	window  int64  // number of the window
	active  int    // clients that called in this window or in the last

	badSince, goodSince int64 // since when too many are refused, or not; -1 the other
	unready             bool
}

// An overloadConfig is what does not change.
type overloadConfig struct {
	floor      int   // the limit never falls below; what one needs to keep processors and disks busy
	most       int   // it never rises above
	queue      int   // calls that may wait at least; otherwise as many as the limit
	target     int64 // least wait that is too long
	every      int64 // length of a window
	deciders   int   // calls that may decide at once; 0: any number
	maxClients int   // that are told apart
	patience   int64 // for which too many calls are refused, or not any more, until balancers are told
}

// What a limit is by default.
const (
	overloadFloor    = 64 // group commit needs as many callers, and nobody calls that many an overload
	overloadStart    = 512
	overloadQueue    = 64
	overloadTarget   = 10 * time.Millisecond
	overloadWindow   = 100 * time.Millisecond
	overloadClients  = 4096
	fewestBegun      = 8   // calls in a window from which anything is concluded
	tooManyRefused   = 0.1 // part of the calls that settle and allocate
	leastFair        = 2   // calls at once that any client may have
	fairFrom         = 0.5 // of the limit, above which clients are held to their shares
	limitGrowth      = 1.25
	limitFall        = 0.5
	halfTarget       = 2
	smoothing        = 16 // decisions over which service is smoothed
	pressureCeiling  = 100
	lateMargin       = 1.25 // by which the expected wait may turn out longer
	nobodyRefusedYet = -1
)

func newOverload(c overloadConfig) *overload {
	o := &overload{overloadConfig: c, limit: math.Max(float64(c.floor), math.Min(float64(c.most), overloadStart)), least: math.MaxInt64, pressure: 1,
		clients: map[string]*client{}, badSince: nobodyRefusedYet}
	o.others.seen = nobodyRefusedYet
	return o
}

// A client is who calls, by address or by the name it gives.
type client struct {
	key    string
	calls  int   // inside and waiting
	held   int   // connections that know it
	seen   int64 // number of the last window in which it called
	listed bool
}

// client returns the client of a name, or the one that stands for all others when there are too many.
func (o *overload) client(key string) *client {
	if c := o.clients[key]; c != nil {
		return c
	}
	if len(o.clients) >= o.maxClients {
		return &o.others
	}
	c := &client{key: key, listed: true, seen: nobodyRefusedYet}
	o.clients[key] = c
	return c
}

// A callState is where a call is.
type callState uint8

// The states of a call.
const (
	callOut     callState = iota // not counted: before its arrival, refused, at its journal, or done
	callFresh                    // inside, and not begun
	callQueued                   // waits for room
	callWorking                  // inside
	callReady                    // inside, and waits for a processor
)

// A job is a call, or an order of a stream. It is the context of a call of the first port, too, see arriving.
type job struct {
	context.Context //nolint:containedctx // it is one

	class    class
	state    callState
	client   *client
	at       int64 // when it arrived, or was let in from the queue
	deadline int64 // 0 none
	in       *jobList
	prev     *job
	next     *job
	turn     chan error // tells a call that was queued to go, or why it must not
	owner    *limiter
	checked  bool // Err was asked
	kept     bool // goes back to jobs

	since  int64         // when it began to wait to be let in
	waited time.Duration // for that

	decides bool  // now
	began   int64 // to decide
	counted bool  // among the calls of the metrics
}

// dead tells that nobody waits for the call any more.
func (c *job) dead() bool { return c.Context != nil && c.Context.Err() != nil }

// A jobList is a list of jobs, oldest first.
type jobList struct {
	first, last *job
	n           int
}

func (l *jobList) push(c *job) {
	c.in, c.prev, c.next = l, l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
	l.n++
}

func (c *job) unlink() {
	l := c.in
	if l == nil {
		return
	}
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.in, c.prev, c.next = nil, nil, nil
	l.n--
}

// A verdict is what becomes of a call that arrives.
type verdict uint8

// The verdicts.
const (
	goesOn      verdict = iota
	waits               // until turn tells it
	tooBusy             // refused
	tooGreedy           // refused: its client has its share
	tooLate             // refused: its deadline would pass before its turn
	tooMuchHeap         // refused
	verdicts
)

// room returns how many calls may be inside for one of a class to follow.
func (o *overload) room(k class) int { return max(1, int(o.limit*shares[k])) }

// places returns how many calls may wait.
func (o *overload) places() int { return max(o.queue, int(o.limit)) }

// fair returns how many calls each client may have inside and waiting while others want more than there is.
func (o *overload) fair() int {
	return max(leastFair, (int(o.limit)+o.places())/max(1, o.active))
}

// arrive takes a call. What is not refused must leave.
func (o *overload) arrive(now int64, c *job) verdict {
	o.tick(now)
	o.sweep(now)
	c.at = now
	o.offered[c.class]++
	if c.client.seen != o.window {
		if c.client.seen != o.window-1 {
			o.active++
		}
		c.client.seen = o.window
	}
	v := o.judge(now, c)
	switch v {
	case goesOn:
		o.goIn(c)
	case waits:
		c.state = callQueued
		c.client.calls++
		o.queues[c.class].push(c)
		o.waiting++
		o.reached = true
	case tooBusy, tooLate:
		o.refused[c.class]++
		o.reached = true
	default:
		o.refused[c.class]++
	}
	return v
}

func (o *overload) goIn(c *job) {
	c.state = callFresh
	c.client.calls++
	o.fresh.push(c)
	o.inside++
}

func (o *overload) judge(now int64, c *job) verdict {
	if o.heapLimit > 0 && float64(o.heap) > heapShares[c.class]*float64(o.heapLimit) {
		return tooMuchHeap
	}
	if o.active > 1 && float64(o.inside+o.waiting) > fairFrom*o.limit && c.client.calls >= o.fair() {
		return tooGreedy
	}
	ahead := 0
	for k := range c.class + 1 {
		ahead += o.queues[k].n
	}
	if c.deadline != 0 && o.rate > 0 && float64(c.deadline-now) < lateMargin*float64(o.inside+ahead+1)/o.rate {
		return tooLate
	}
	if ahead == 0 && o.inside < o.room(c.class) {
		return goesOn
	}
	if o.waiting < o.places() || o.giveWay(c.class) {
		return waits
	}
	return tooBusy
}

// giveWay refuses the newest waiting call of the lowest class below k, and tells whether there was one.
func (o *overload) giveWay(k class) bool {
	for lower := classes - 1; lower > k; lower-- {
		if c := o.queues[lower].last; c != nil {
			o.out(c)
			o.refused[lower]++
			c.turn <- errGaveWay
			return true
		}
	}
	return false
}

// begin tells that a goroutine has come to a call that goes on.
func (o *overload) begin(c *job) {
	if c.state != callFresh {
		return
	}
	c.unlink()
	c.state = callWorking
	if c.class == classSettle || c.class == classBulk { // these do not come to start: see pass.decides
		o.out(c)
		return
	}
	o.silent.push(c)
}

// start tells that a call is about to decide, and whether it may. If not it waits until its turn comes. A call that has left is
// counted again first.
func (o *overload) start(now int64, c *job) bool {
	if c.decides {
		return true
	}
	c.unlink()
	if c.state == callOut {
		c.client.calls++
		o.inside++
	}
	c.state = callWorking
	if o.deciders == 0 || o.running < o.deciders && o.ahead(c.class) == 0 {
		o.decide(now, c)
		return true
	}
	c.state = callReady
	o.ready[c.class].push(c)
	o.readied++
	return false
}

// ahead returns how many calls of a class or a more important one wait for a processor.
func (o *overload) ahead(k class) int {
	if o.readied == 0 {
		return 0
	}
	n := 0
	for k := range k + 1 {
		n += o.ready[k].n
	}
	return n
}

func (o *overload) decide(now int64, c *job) {
	o.running++
	c.decides, c.began = true, now
	o.begun++
	o.least = min(o.least, now-c.at)
}

// behind tells that so many calls wait to decide that those who read and refuse others should come first.
func (o *overload) behind() bool {
	return o.deciders > 0 && float64(o.fresh.n+o.readied)*o.service > float64(o.target)/halfTarget*float64(o.deciders)
}

// stop takes a call from those that decide, and lets the next one do so.
func (o *overload) stop(now int64, c *job) {
	if !c.decides {
		return
	}
	o.running--
	o.service += (float64(now-c.began) - o.service) / smoothing
	c.decides = false
	for k := 0; o.readied > 0 && k < len(o.ready); k++ {
		if next := o.ready[k].first; next != nil {
			next.unlink()
			o.readied--
			next.state = callWorking
			o.decide(now, next)
			next.turn <- nil
			return
		}
	}
}

// leave tells that a call is decided, refused elsewhere, or gone.
func (o *overload) leave(now int64, c *job) {
	o.stop(now, c)
	o.out(c)
}

// grant lets in those that wait, as far as there is room.
func (o *overload) grant(now int64) {
	for k := classSettle; o.waiting > 0 && k < classes; k++ {
		for c := o.queues[k].first; c != nil; c = o.queues[k].first {
			if o.inside >= o.room(k) {
				return // lower classes have less
			}
			o.out(c)
			c.at = now
			o.goIn(c)
			c.turn <- nil
		}
	}
}

// out takes a call from where it is counted.
func (o *overload) out(c *job) {
	switch c.state {
	case callOut:
		return
	case callQueued:
		o.waiting--
	case callReady:
		o.readied--
		o.inside--
	case callFresh, callWorking:
		o.inside--
	}
	c.unlink()
	c.client.calls--
	c.state = callOut
}

// sweep takes out the calls that ended before anybody began them, and those whose message is long in coming, which may be never: they
// count again when it is there. The oldest is enough to look at: those after it will be looked at when it is gone.
func (o *overload) sweep(now int64) {
	swept := false
	for c := o.silent.first; c != nil && now-c.at > o.every; c = o.silent.first {
		o.out(c)
		swept = true
	}
	for c := o.fresh.first; c != nil && c.dead(); c = o.fresh.first {
		o.out(c)
		swept = true
	}
	if swept {
		o.grant(now)
	}
}

// tick ends the window when it is over.
func (o *overload) tick(now int64) {
	if now-o.began < o.every {
		return
	}
	if o.begun > 0 && o.reached && now-o.began < 2*o.every { // else it was idle for a part
		o.rate = float64(o.begun) / float64(now-o.began)
	}
	switch {
	case o.begun >= fewestBegun && o.least > o.target && o.least < math.MaxInt64:
		o.limit = math.Max(float64(o.floor), o.limit*math.Max(limitFall, float64(o.target)/float64(o.least)))
	case o.begun > 0 && o.reached && o.least < o.target/halfTarget:
		o.limit = math.Min(float64(o.most), o.limit*limitGrowth)
	}
	o.judgeHealth(now)
	offered, refused := 0, 0
	for k := range classes {
		offered, refused = offered+o.offered[k], refused+o.refused[k]
		o.offered[k], o.refused[k] = 0, 0
	}
	o.pressure = math.Min(pressureCeiling, float64(max(offered, 1))/float64(max(offered-refused, 1)))
	o.forget(now)
	o.began, o.least, o.begun, o.reached = now, math.MaxInt64, 0, false
}

// judgeHealth finds out whether balancers should send calls elsewhere.
func (o *overload) judgeHealth(now int64) {
	offered := o.offered[classSettle] + o.offered[classAllocate]
	refused := o.refused[classSettle] + o.refused[classAllocate]
	if float64(refused) > tooManyRefused*float64(offered) {
		o.goodSince = nobodyRefusedYet
		if o.badSince < 0 {
			o.badSince = o.began
		}
		if now-o.badSince >= o.patience {
			o.unready = true
		}
		return
	}
	o.badSince = nobodyRefusedYet
	if o.goodSince < 0 {
		o.goodSince = o.began
	}
	if now-o.goodSince >= o.patience {
		o.unready = false
	}
}

// forget drops the clients that do not call any more, and counts the others.
func (o *overload) forget(now int64) {
	o.active = 0
	for key, c := range o.clients {
		switch {
		case c.seen == o.window && now-o.began < 2*o.every:
			o.active++ // in the window after this one they count as active, whether they call or not
		case c.calls > 0:
			o.active++
			c.seen = o.window
		case c.held == 0 && c.seen != o.window:
			delete(o.clients, key)
		}
	}
	if o.others.calls > 0 || o.others.seen == o.window {
		o.active++
		o.others.seen = o.window
	}
	o.window++
}
