package metrics

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An Outcome is what became of an order that was to be held.
type Outcome uint8

// The outcomes of orders.
const (
	OnTime        Outcome = iota // planned, and not after the promise, if there is one
	Late                         // planned, after the promise, as the policy allows
	OutOfStock                   // refused
	PromiseMissed                // refused
	NotServed                    // refused
	TooManySplits                // refused
	LeftOut                      // refused in a batch
	Repeated                     // answered before; told again
	Contended                    // given up, since others took the stock every time
	Failed                       // any other error: the order is invalid, the caller went away, the journal failed
	outcomes
)

var outcomeNames = [outcomes]string{
	"planned_on_time", "planned_late", "out_of_stock", "promise_missed", "not_served", "too_many_splits", "left_out", "repeated", "contended", "error",
}

// String returns the outcome as labels and traces write it.
func (o Outcome) String() string { return outcomeNames[o] }

// DefaultStageEvery is how many decisions there are to one whose stages are measured.
const DefaultStageEvery = 16

// scoredBuckets is how many buckets the histogram of scored shipments has: up to 1, 2, 4, … 8,192, and more.
const scoredBuckets = 15

// A shard is counters that few goroutines at a time add to. Its size keeps those of others off its cache lines.
type shard struct {
	outcomes                          [outcomes]atomic.Uint64
	scored                            [scoredBuckets]atomic.Uint64
	scoredSum                         atomic.Uint64
	again, candidates, splits, states atomic.Uint64
	stopped, laneHits, laneMisses     atomic.Uint64
	_                                 [128]byte
}

// shardCount is a power of 2 that is at least the number of processors.
func shardCount() int { return 1 << bits.Len(uint(2*runtime.GOMAXPROCS(0)-1)) }

// A Recorder counts decisions. Each goroutine that decides has one of its own; a nil one counts nothing.
type Recorder struct {
	set   *Set
	shard *shard
	count uint32
}

// Recorder returns a Recorder for one goroutine at a time; nil for a nil Set.
func (s *Set) Recorder() *Recorder {
	if s == nil {
		return nil
	}
	return &Recorder{set: s, shard: &s.shards[int(s.turn.Add(1))&(len(s.shards)-1)]}
}

// StageEvery makes one in n decisions of each goroutine have the time of its stages measured: 1 for all. It panics where n is 0.
func (s *Set) StageEvery(n uint32) {
	if n == 0 {
		panic("metrics: one in 0 decisions")
	}
	s.every.Store(n)
}

// Sample reports whether the stages of the next decision are to be measured.
func (r *Recorder) Sample() bool {
	if r == nil {
		return false
	}
	if r.count++; r.count < r.set.every.Load() {
		return false
	}
	r.count = 0
	return true
}

// Resample takes the latest answer of Sample back, which this was: the next decision is sampled in place of that one.
func (r *Recorder) Resample(was bool) {
	switch {
	case r == nil:
	case was:
		r.count = r.set.every.Load()
	default:
		r.count--
	}
}

// Stage adds the time of a stage to its histogram.
func (r *Recorder) Stage(s Stage, took time.Duration) {
	if r != nil {
		r.set.stages[s].Observe(took.Seconds())
	}
}

// Stage adds the time of a stage to its histogram; it is for stages outside of decisions.
func (s *Set) Stage(stage Stage, took time.Duration) {
	if s != nil {
		s.stages[stage].Observe(took.Seconds())
	}
}

// Outcome counts what became of an order.
func (r *Recorder) Outcome(o Outcome) {
	if r != nil {
		r.shard.outcomes[o].Add(1)
	}
}

// A Search is how one decision was found.
type Search struct {
	Candidates int32 // warehouses that could ship all
	Scored     int64 // shipments whose cost was worked out
	States     int64 // of the split search; 0 where none was needed
	Stopped    bool  // time ended it
}

// Search counts a search. There may be several for an order: see Again.
func (r *Recorder) Search(found Search) {
	if r == nil {
		return
	}
	s := r.shard
	s.scored[min(bits.Len64(uint64(max(found.Scored-1, 0))), scoredBuckets-1)].Add(1)
	s.scoredSum.Add(uint64(found.Scored))
	s.candidates.Add(uint64(found.Candidates))
	if found.States > 0 {
		s.splits.Add(1)
		s.states.Add(uint64(found.States))
	}
	if found.Stopped {
		s.stopped.Add(1)
	}
}

// Again counts an order that is decided once more, because others moved its stock meanwhile.
func (r *Recorder) Again() {
	if r != nil {
		r.shard.again.Add(1)
	}
}

// Lanes counts lookups of the lanes to places.
func (r *Recorder) Lanes(hits, misses uint64) {
	if r == nil {
		return
	}
	if hits > 0 {
		r.shard.laneHits.Add(hits)
	}
	if misses > 0 {
		r.shard.laneMisses.Add(misses)
	}
}

// A decisionCollector adds the shards up.
type decisionCollector struct{ s *Set }

// desc describes a metric without labels.
func desc(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

var (
	decisionsDesc = prometheus.NewDesc("allot_decisions_total", "Orders that were to be held, alone, in streams and in batches, by what became of them.", []string{"outcome"}, nil)
	scoredDesc    = desc("allot_decision_scored_shipments", "Shipments whose cost was worked out for one decision.")
	againDesc     = desc("allot_decisions_again_total", "Times that an order was decided once more, because others moved its stock meanwhile.")
	candDesc      = desc("allot_decision_candidates_total", "Warehouses that could ship a whole order, summed over decisions.")
	splitsDesc    = desc("allot_splits_searched_total", "Decisions that searched for a split.")
	statesDesc    = desc("allot_split_states_total", "States of split searches.")
	stoppedDesc   = desc("allot_splits_stopped_total", "Searches that time ended; their plans are the best known by then.")
	hitsDesc      = desc("allot_lane_cache_hits_total", "Lookups of the lanes to a place that were in memory.")
	missesDesc    = desc("allot_lane_cache_misses_total", "Lookups of the lanes to a place that had to be worked out.")
)

// Describe implements prometheus.Collector.
func (decisionCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		decisionsDesc, scoredDesc, againDesc, candDesc, splitsDesc, statesDesc, stoppedDesc, hitsDesc, missesDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c decisionCollector) Collect(ch chan<- prometheus.Metric) {
	sum := func(of func(*shard) *atomic.Uint64) (n uint64) {
		for i := range c.s.shards {
			n += of(&c.s.shards[i]).Load()
		}
		return n
	}
	for o, name := range outcomeNames {
		n := sum(func(s *shard) *atomic.Uint64 { return &s.outcomes[o] })
		ch <- prometheus.MustNewConstMetric(decisionsDesc, prometheus.CounterValue, float64(n), name)
	}
	upTo, count := map[float64]uint64{}, uint64(0)
	for b := range scoredBuckets {
		count += sum(func(s *shard) *atomic.Uint64 { return &s.scored[b] })
		if b < scoredBuckets-1 {
			upTo[float64(uint64(1)<<b)] = count
		}
	}
	ch <- prometheus.MustNewConstHistogram(scoredDesc, count, float64(sum(func(s *shard) *atomic.Uint64 { return &s.scoredSum })), upTo)
	for _, one := range []struct {
		desc *prometheus.Desc
		of   func(*shard) *atomic.Uint64
	}{
		{againDesc, func(s *shard) *atomic.Uint64 { return &s.again }},
		{candDesc, func(s *shard) *atomic.Uint64 { return &s.candidates }},
		{splitsDesc, func(s *shard) *atomic.Uint64 { return &s.splits }},
		{statesDesc, func(s *shard) *atomic.Uint64 { return &s.states }},
		{stoppedDesc, func(s *shard) *atomic.Uint64 { return &s.stopped }},
		{hitsDesc, func(s *shard) *atomic.Uint64 { return &s.laneHits }},
		{missesDesc, func(s *shard) *atomic.Uint64 { return &s.laneMisses }},
	} {
		ch <- prometheus.MustNewConstMetric(one.desc, prometheus.CounterValue, float64(sum(one.of)))
	}
}
