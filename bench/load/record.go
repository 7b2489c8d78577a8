package load

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"

	"github.com/allot-engine/allot/bench/workload"
)

// longest is the greatest latency that is told apart; what took longer counts as it.
const longest = time.Hour

// newHistogram has three significant figures from a nanosecond to longest, in some 300 KB.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(longest), 3) }

func recordIn(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(int64(min(max(d, 1), longest))) // it is in range
}

// A dist is a distribution: what came since the last second began, and all before.
type dist struct{ interval, total *hdrhistogram.Histogram }

func (d *dist) record(took time.Duration) {
	if d.interval == nil {
		d.interval, d.total = newHistogram(), newHistogram()
	}
	recordIn(d.interval, took)
}

// roll ends an interval, after telling f of it where anything came in it.
func (d *dist) roll(f func(*hdrhistogram.Histogram)) {
	if d.interval == nil || d.interval.TotalCount() == 0 {
		return
	}
	if f != nil {
		f(d.interval)
	}
	d.total.Merge(d.interval)
	d.interval.Reset()
}

// An opRecord is what became of one kind of operations in the measured part.
type opRecord struct {
	Operation

	codes                      [codes.Unauthenticated + 1]int64
	latency, service, refusals dist
}

// A recorder counts what becomes of operations. Its methods may be called by many goroutines at once.
type recorder struct {
	mu      sync.Mutex
	ops     [len(operations)]opRecord
	now     Second // the one that is not over
	inNow   *hdrhistogram.Histogram
	handed  int64 // operations of the measured part that a caller took, or that were given up while they waited for one
	late    int64 // of them, those that a caller took over lateAfter after their time
	waited  int64 // of them, those that waited so long for a caller
	clocked int64 // of the measured part that the clock handed out
	lagged  int64 // of them, those that it handed out over lateAfter after their time
	worst   time.Duration
	waits   int64 // of this second, operations that waited for a caller
	took    int64 // of this second, operations that callers took

	latencyLog, serviceLog *hdrhistogram.HistogramLogWriter // nil: none
	logErr                 error
}

// lateAfter is how much later than its time an operation may be handed out unnoticed.
const lateAfter = time.Millisecond

func newRecorder() *recorder {
	r := &recorder{inNow: newHistogram()}
	for kind := range r.ops {
		r.ops[kind].Name = operations[kind]
	}
	return r
}

// logTo writes what is answered in each second of the measured part as histogram logs.
func (r *recorder) logTo(start time.Time, latency, service io.Writer) error {
	var err error
	begin := func(w io.Writer) *hdrhistogram.HistogramLogWriter {
		log := hdrhistogram.NewHistogramLogWriter(w)
		for _, f := range []func() error{
			func() error {
				return log.OutputComment("[allot bench: nanoseconds by operation, a second a line; Interval_Max in milliseconds]")
			},
			log.OutputLogFormatVersion,
			func() error { return log.OutputBaseTime(start.Unix() * 1000) },
			func() error { return log.OutputStartTime(start.Unix() * 1000) },
			log.OutputLegend,
		} {
			if ferr := f(); err == nil {
				err = ferr
			}
		}
		log.SetBaseTime(start.Unix() * 1000)
		return log
	}
	r.latencyLog, r.serviceLog = begin(latency), begin(service)
	return err
}

// clock tells that an operation was due and the clock handed it out, so much late.
func (r *recorder) clock(o *op, lag time.Duration) {
	r.mu.Lock()
	r.now.Intended++
	if o.measured {
		r.ops[o.event.Kind].Intended++
		r.clocked++
		if lag > lateAfter {
			r.lagged++
		}
		r.worst = max(r.worst, lag)
	}
	r.mu.Unlock()
}

// follow tells that an operation whose hold had to be waited for is due.
func (r *recorder) follow(o *op) {
	r.mu.Lock()
	r.now.Intended++
	if o.measured {
		r.ops[o.event.Kind].Intended++
	}
	r.mu.Unlock()
}

// taken tells that a caller took operations.
func (r *recorder) taken(list []*op) {
	r.mu.Lock()
	for _, o := range list {
		r.took++
		waited := o.taken-o.ready > lateAfter
		if waited {
			r.waits++
		}
		if !o.measured {
			continue
		}
		r.handed++
		if waited {
			r.waited++
		}
		if o.taken-o.ready+o.lag > lateAfter {
			r.late++
		}
	}
	r.mu.Unlock()
}

// answered tells of an answer in time.
func (r *recorder) answered(o *op, at time.Duration, granted bool) {
	r.mu.Lock()
	r.now.Answered++
	if granted {
		r.now.Granted++
	}
	recordIn(r.inNow, at-o.due)
	if o.measured {
		k := &r.ops[o.event.Kind]
		k.Answered++
		if granted {
			k.Granted++
		}
		k.latency.record(at - o.due)
		k.service.record(at - o.sent)
	}
	r.mu.Unlock()
}

// failed tells of an operation without an answer. Those that were never sent have no time of service.
func (r *recorder) failed(o *op, at time.Duration, code codes.Code, sent bool) {
	r.mu.Lock()
	if code == codes.DeadlineExceeded {
		r.now.TimedOut++
	} else {
		r.now.Refused++
	}
	if o.measured {
		k := &r.ops[o.event.Kind]
		if int(code) < len(k.codes) {
			k.codes[code]++
		} else {
			k.codes[codes.Unknown]++
		}
		if sent {
			k.refusals.record(at - o.sent)
		} else {
			k.Unsent++
		}
	}
	r.mu.Unlock()
}

// dropped tells that there was no room for an operation.
func (r *recorder) dropped(o *op) {
	r.mu.Lock()
	r.now.Dropped++
	if o.measured {
		r.ops[o.event.Kind].Dropped++
	}
	r.mu.Unlock()
}

// moot tells that an operation fell away.
func (r *recorder) moot(o *op) {
	r.mu.Lock()
	if o.measured {
		r.ops[o.event.Kind].Moot++
	}
	r.mu.Unlock()
}

// roll ends a second and returns it; starved tells that most of what callers took in it had waited for one.
func (r *recorder) roll(from, to time.Time) (s Second, starved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s = r.now
	s.P50, s.P99, s.Max = r.inNow.ValueAtPercentile(50), r.inNow.ValueAtPercentile(99), r.inNow.Max()
	if r.inNow.TotalCount() == 0 {
		s.Max = 0
	}
	starved = r.waits*2 > r.took
	r.now, r.waits, r.took = Second{}, 0, 0
	r.inNow.Reset()
	for kind := range r.ops {
		k := &r.ops[kind]
		k.latency.roll(r.log(r.latencyLog, kind, from, to))
		k.service.roll(r.log(r.serviceLog, kind, from, to))
		k.refusals.roll(nil)
	}
	return s, starved
}

func (r *recorder) log(log *hdrhistogram.HistogramLogWriter, kind int, from, to time.Time) func(*hdrhistogram.Histogram) {
	if log == nil {
		return nil
	}
	return func(h *hdrhistogram.Histogram) {
		h.SetTag(operations[kind])
		h.SetStartTimeMs(from.UnixMilli())
		h.SetEndTimeMs(to.UnixMilli())
		if err := log.OutputIntervalHistogram(h); err != nil && r.logErr == nil {
			r.logErr = err
		}
	}
}

// operations returns what became of all, "all" first; kinds of which there was nothing are left out. Every interval must
// be over.
func (r *recorder) operations() []Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := &r.ops[0]
	all.Operation = Operation{Name: operations[0], Codes: map[string]int64{}}
	var latency, service, refusals dist
	merge := func(into, from *dist) {
		if from.total == nil {
			return
		}
		if into.total == nil {
			into.total = newHistogram()
		}
		into.total.Merge(from.total)
	}
	list := []Operation{{}}
	for kind := range r.ops {
		k := &r.ops[kind]
		if kind == 0 || k.Intended == 0 && k.Moot == 0 {
			continue
		}
		k.Codes = map[string]int64{}
		for code, n := range k.codes {
			if n > 0 {
				k.Codes[codeName(codes.Code(code))] = n
				all.Codes[codeName(codes.Code(code))] += n
			}
		}
		all.Intended += k.Intended
		all.Answered += k.Answered
		all.Granted += k.Granted
		all.Dropped += k.Dropped
		all.Unsent += k.Unsent
		all.Moot += k.Moot
		k.Latency, k.Service, k.Refusals = latencyOf(k.latency.total), latencyOf(k.service.total), latencyOf(k.refusals.total)
		merge(&latency, &k.latency)
		merge(&service, &k.service)
		merge(&refusals, &k.refusals)
		list = append(list, k.Operation)
	}
	all.Latency, all.Service, all.Refusals = latencyOf(latency.total), latencyOf(service.total), latencyOf(refusals.total)
	list[0] = all.Operation
	return list
}

// latencyOf describes a histogram, nil for an empty one.
func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h == nil || h.TotalCount() == 0 {
		return Latency{}
	}
	at := h.ValueAtPercentilesSlice([]float64{50, 90, 95, 99, 99.9, 99.99})
	l := Latency{
		Count: h.TotalCount(), Mean: h.Mean(), Min: h.Min(), Max: h.Max(),
		P50: at[0], P90: at[1], P95: at[2], P99: at[3], P999: at[4], P9999: at[5],
	}
	for _, b := range h.CumulativeDistributionWithTicks(5) {
		l.Curve = append(l.Curve, Quantile{Share: b.Quantile / 100, Value: b.ValueAt})
	}
	return l
}

// codeName writes a code as the gRPC specification does.
func codeName(c codes.Code) string {
	switch c {
	case codes.Canceled:
		return "CANCELLED"
	case codes.OK:
		return "OK"
	}
	var b strings.Builder
	for i, r := range c.String() {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// An op is an operation on its way.
type op struct {
	event workload.Event
	call  Call

	measured bool
	due      time.Duration // when it should have been sent, since the start
	lag      time.Duration // by how much the clock was late
	ready    time.Duration // when it was there for a caller to take
	taken    time.Duration // when one took it
	sent     time.Duration
	request  []byte // of a Repeat
}
