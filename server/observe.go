package server

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/server/metrics"
)

// A seen is a call that is watched from its arrival to its end.
type seen struct {
	s      *Server
	began  time.Time
	method int
	port   metrics.Port
	stream bool // goes on for as long as the caller likes
	span   callSpan
}

// arrived begins to watch a call of the first port, of a method by its number in the metrics and its name. Call end in the end.
func (s *Server) arrived(ctx context.Context, port metrics.Port, number int, name string) (context.Context, seen) {
	out := seen{s: s, method: number, port: port}
	if s.cfg.Metrics != nil {
		out.began = time.Now()
	}
	if s.tracer != nil {
		ctx, out.span = s.startSpan(ctx, incoming{ctx}, name, "grpc")
	}
	return ctx, out
}

// arrivedWeb is arrived for the second port.
func (s *Server) arrivedWeb(ctx context.Context, name string, header http.Header) (context.Context, seen) {
	out := seen{s: s, port: metrics.HTTP}
	if c := callOf(ctx); c != nil {
		c.counted = true
	}
	if s.cfg.Metrics != nil {
		out.began, out.method = time.Now(), s.cfg.Metrics.Method(name)
	}
	if s.tracer != nil {
		ctx, out.span = s.startSpan(ctx, propagation.HeaderCarrier(header), name, "connect_rpc")
	}
	return ctx, out
}

// waited makes the span of the time that a call waited to be let in.
func (c *seen) waited(ctx context.Context, place pass) {
	if c.s.tracer == nil || place.c == nil || place.c.waited == 0 || !c.span.IsRecording() {
		return
	}
	til := time.Now()
	stageSpan(ctx, c.s.tracer, lap{metrics.Wait, til.Add(-place.c.waited), til})
}

// A refusals is an answer on the second port of which the status is kept, for calls that end before anybody counts them: of unknown
// methods, in media that nobody reads, with broken compression.
type refusals struct {
	http.ResponseWriter
	status int // 0 none yet
}

// WriteHeader implements http.ResponseWriter.
func (w *refusals) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *refusals) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher, which connectrpc looks for.
func (w *refusals) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() } // what cannot be flushed goes out later

// code returns the status code that the caller got.
func (w *refusals) code() codes.Code {
	for _, key := range []string{"Grpc-Status", http.TrailerPrefix + "Grpc-Status"} {
		if n, err := strconv.ParseUint(w.Header().Get(key), 10, 8); err == nil {
			return codes.Code(n)
		}
	}
	switch w.status {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return codes.Unimplemented
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	case http.StatusInternalServerError:
		return codes.Internal
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.Unknown
}

// end counts the call with its error, as the caller gets it.
func (c *seen) end(err error) {
	c.span.end(err)
	if c.s.cfg.Metrics == nil {
		return
	}
	took := time.Duration(-1)
	if !c.stream {
		took = time.Since(c.began)
	}
	c.s.cfg.Metrics.Call(c.port, c.method, codeOf(err), took)
}

// codeOf returns the status code that a caller of either port gets with an error.
func codeOf(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	if c := connect.CodeOf(err); c != connect.CodeUnknown {
		return codes.Code(c)
	}
	return status.Code(err)
}

// A watch measures what happens at a desk. Its zero value counts and measures nothing.
type watch struct {
	record       *metrics.Recorder
	on           bool // the stages of this order are measured
	began, last  time.Time
	laps         []lap
	sampled      bool // because its turn had come
	traced       orderSpan
	attempts     int
	hits, misses uint64 // of the desk's Scratch that are counted
}

// A lap is a stage of an order, from when to when.
type lap struct {
	stage     metrics.Stage
	from, til time.Time
}

// lap ends a stage of the order.
func (w *watch) lap(stage metrics.Stage) {
	if !w.on {
		return
	}
	now := time.Now()
	w.laps = append(w.laps, lap{stage, w.last, now})
	w.last = now
}

// decided ends the stage in which the order at the desk was decided.
func (d *desk) decided() {
	d.attempts++
	d.lap(metrics.Decide)
	if d.record != nil {
		d.record.Search(searchOf(&d.decision))
	}
}

// finish ends to watch an order, of which this became.
func (d *desk) finish(became metrics.Outcome) {
	d.record.Outcome(became)
	if !d.on {
		return
	}
	var sums [metrics.Stages]time.Duration
	var had [metrics.Stages]bool
	for _, l := range d.laps {
		sums[l.stage] += l.til.Sub(l.from)
		had[l.stage] = true
	}
	for stage, took := range sums {
		if had[stage] {
			d.record.Stage(metrics.Stage(stage), took)
		}
	}
	if d.traced.tracer != nil {
		d.traced.end(d.began, d.laps,
			attribute.String("allot.outcome", became.String()), attribute.Int("allot.attempts", d.attempts),
			attribute.Int("allot.candidates", int(d.decision.Certificate.Candidates)), attribute.Int64("allot.scored", d.decision.Certificate.Scored),
			attribute.Int64("allot.split_states", d.decision.Certificate.States),
		)
	}
	d.on, d.traced = false, orderSpan{}
}

// abandon ends to watch an order that is begun anew.
func (d *desk) abandon() {
	d.on = false
	d.record.Resample(d.sampled)
}

// waitForGroups waits until the ledger has kept what groups of a stream hold, which is a stage that each of them has once.
func (s *Server) waitForGroups(ctx context.Context, kept uint64, groups int) error {
	m, traced := s.cfg.Metrics, s.tracer != nil && trace.SpanFromContext(ctx).IsRecording()
	if m == nil && !traced {
		return s.ledger.Wait(kept)
	}
	from := time.Now()
	err := s.ledger.Wait(kept)
	til := time.Now()
	for range groups {
		m.Stage(metrics.Journal, til.Sub(from))
	}
	if traced {
		stageSpan(ctx, s.tracer, lap{metrics.Journal, from, til})
	}
	return err
}

// lanes counts the lookups of lanes since the last time.
func (d *desk) lanes() {
	if d.record == nil {
		return
	}
	hits, misses := d.scratch.LaneLookups()
	d.record.Lanes(hits-d.hits, misses-d.misses)
	d.hits, d.misses = hits, misses
}

// outcomeOf says what became of an order by its decision.
func outcomeOf(d *engine.Decision) metrics.Outcome {
	switch d.Outcome {
	case engine.Planned:
		if d.Late {
			return metrics.Late
		}
		return metrics.OnTime
	case engine.OutOfStock:
		return metrics.OutOfStock
	case engine.PromiseMissed:
		return metrics.PromiseMissed
	case engine.NotServed:
		return metrics.NotServed
	case engine.TooManySplits:
		return metrics.TooManySplits
	case engine.LeftOut:
		return metrics.LeftOut
	}
	return metrics.Failed
}

func searchOf(d *engine.Decision) metrics.Search {
	c := &d.Certificate
	return metrics.Search{Candidates: c.Candidates, Scored: c.Scored, States: c.States, Stopped: c.Stopped}
}

// watched puts the states of the server's parts among the metrics.
func (s *Server) watched() {
	if s.cfg.Tracer != nil {
		s.tracer = s.cfg.Tracer.Tracer(tracerName)
	}
	m := s.cfg.Metrics
	if m == nil {
		return
	}
	s.recorder = m.Recorder()
	gauge := func(name, help string, value func() float64) { m.GaugeFunc(name, help, nil, value) }
	gauge("allot_calls_in_flight", "Calls that are being answered, on both ports together.", func() float64 { return float64(s.gate.inFlight.Load()) })
	gauge("allot_calls_limit", "Calls that may be answered at once.", func() float64 { return float64(s.gate.limit) })
	s.watchedLimits()
	gauge("allot_batches_in_flight", "Batches that are being decided.", func() float64 { return float64(s.batches.inFlight.Load()) })
	gauge("allot_ledger_open_holds", "Holds that are neither shipped nor given back.", func() float64 { return float64(s.ledger.Open()) })
	gauge("allot_ledger_skus", "SKUs that the ledger knows.", func() float64 { _, skus, _, _ := s.ledger.Names(); return float64(len(skus)) })
	gauge("allot_ledger_warehouses", "Warehouses that the ledger knows.", func() float64 { w, _, _, _ := s.ledger.Names(); return float64(len(w)) })
	m.CounterFunc("allot_ledger_events_total", "Events of the ledger since it began, those of earlier processes included.", nil,
		func() float64 { return float64(s.ledger.View().Sequence) })
	gauge("allot_lane_cache_places", "Places whose lanes are in the cache.", func() float64 { n, _, _ := s.network.Load().engine.LaneCache(); return float64(n) })
	gauge("allot_lane_cache_bytes", "Memory of the lanes in the cache.", func() float64 { _, n, _ := s.network.Load().engine.LaneCache(); return float64(n) })
	gauge("allot_lane_cache_limit_bytes", "Memory that the lane cache may take.", func() float64 { _, _, n := s.network.Load().engine.LaneCache(); return float64(n) })
	gauge("allot_network_age_seconds", "Time since the network in service was loaded.", func() float64 { return float64(s.now() - s.network.Load().since) })
	gauge("allot_prices_age_seconds", "Time since the prices in force were worked out; -1 without prices.", func() float64 {
		if p := s.network.Load().prices.Load(); p != nil {
			return float64(s.now() - p.since)
		}
		return -1
	})
	gauge("allot_simulations_running", "Simulations and comparisons at work.", func() float64 {
		free, _ := s.simulations.line.state()
		return float64(s.cfg.MaxSimulations - free)
	})
	gauge("allot_simulations_queued", "Simulations and comparisons that wait for their turn.", func() float64 {
		_, waiting := s.simulations.line.state()
		return float64(waiting)
	})
	gauge("allot_ready", "1 while the server says that it takes calls, else 0.", func() float64 {
		if s.serving() {
			return 1
		}
		return 0
	})
}

// state returns how many places to work are free, and how many wait for one.
func (l *line) state() (free, waiting int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.free, len(l.waiting)
}

// watchedLimits puts the states of the limits and of streams among the metrics.
func (s *Server) watchedLimits() {
	m := s.cfg.Metrics
	gauge := func(name, help string, value func() float64) { m.GaugeFunc(name, help, nil, value) }
	limit := func(of func(*LimitState) int) func() float64 {
		return func() float64 { l := s.Limits(); return float64(of(&l)) }
	}
	counter := func(name, help string, labels map[string]string, of func(*LimitState) int64) {
		m.CounterFunc(name, help, labels, func() float64 { l := s.Limits(); return float64(of(&l)) })
	}
	gauge("allot_limit_calls", "Calls that the adaptive limit lets be at work at once.", limit(func(l *LimitState) int { return l.Limit }))
	gauge("allot_limit_calls_inside", "Calls that are at work, of those that the adaptive limit is for.", limit(func(l *LimitState) int { return l.Inside }))
	gauge("allot_limit_calls_waiting", "Calls that wait to be let in.", limit(func(l *LimitState) int { return l.Waiting }))
	gauge("allot_limit_clients", "Clients that called lately, between whom the limit is shared.", limit(func(l *LimitState) int { return l.Clients }))
	gauge("allot_limit_unready", "1 while balancers are told to go elsewhere for overload, else 0.", limit(func(l *LimitState) int {
		if l.Unready {
			return 1
		}
		return 0
	}))
	gauge("allot_connections", "Open connections, on both ports.", limit(func(l *LimitState) int { return l.Connections }))
	const refused = "Calls and orders of streams that were refused for load, by why: busy, more than can be decided; client_share, the client had its share; deadline, it would have passed first; memory, the heap is nearly full."
	for reason, of := range map[string]func(*LimitState) int64{
		"busy": func(l *LimitState) int64 { return l.Busy }, "client_share": func(l *LimitState) int64 { return l.Greedy },
		"deadline": func(l *LimitState) int64 { return l.Late }, "memory": func(l *LimitState) int64 { return l.Heap },
	} {
		counter("allot_limit_refused_total", refused, map[string]string{"reason": reason}, of)
	}
	counter("allot_limit_dropped_total", "Calls whose deadline had passed, or whose caller was gone, before anything was done.", nil, func(l *LimitState) int64 { return l.Dropped })
	counter("allot_resets_total", "Calls that callers reset, on both ports, but for those that ended a connection.", nil, func(l *LimitState) int64 { return l.Resets })
	const closed = "Connections that the server closed, by why: abuse, for resets or control frames; limit, at once, since there are too many or the address is kept out."
	counter("allot_connections_closed_total", closed, map[string]string{"reason": "abuse"}, func(l *LimitState) int64 { return l.Abusive })
	counter("allot_connections_closed_total", closed, map[string]string{"reason": "limit"}, func(l *LimitState) int64 { return l.Unaccepted })
	gauge("allot_streams_open", "Calls of AllocateStream that are open.", func() float64 { return float64(s.streams.open.Load()) })
	gauge("allot_stream_orders_open", "Orders of streams that were read and are not answered yet.", func() float64 { return float64(s.streams.orders.Load()) })
}

// streamCounts are the streams of orders at a moment.
type streamCounts struct{ open, orders atomic.Int64 }
