// Package metrics counts and times what a server does, for Prometheus.
//
// A Set has a registry of its own, which Handler answers. What is counted for every decision stands in atomic counters that are
// spread over several places in memory, so that processors do not wait for each other; a scrape adds them up. No label is looked up on the way: methods,
// codes, outcomes and stages are small numbers, and each has its place from the beginning. Label values are all known beforehand: nothing that a
// caller sends becomes one, so a scrape stays as small as it is.
//
// docs/metrics.md lists every metric; a test holds the two together.
package metrics

import (
	"net/http"
	"regexp"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"
)

// A Port is one of the two ports that calls come by.
type Port uint8

// The ports of a server.
const (
	GRPC Port = iota // gRPC
	HTTP             // JSON, Connect and gRPC-Web
	ports
)

var portNames = [ports]string{"grpc", "http"}

// A Stage is a part of the way of an order through the server.
type Stage uint8

// The stages, in their order. An order whose stock others moved meanwhile is decided more than once; the times of a stage then add up.
const (
	Parse   Stage = iota // the request is read and checked
	Wait                 // it waits to be let in
	Decide               // the engine looks for the best plan
	Encode               // the decision is written, as it is kept and answered
	Hold                 // the ledger claims the stock
	Journal              // the ledger waits until that is on disk; no time where it is in memory
	Stages               // how many there are
)

var stageNames = [Stages]string{"parse", "wait", "decide", "encode", "hold", "journal"}

// String returns the stage's name as labels and traces write it.
func (s Stage) String() string { return stageNames[s] }

// buckets are the bounds of latency histograms in seconds: from 50 µs to 5 s, about three to a factor of 10.
var buckets = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5}

// latency returns the options of a latency histogram, with native buckets 10 % apart beside the classic ones.
func latency(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}
}

// A Set is the metrics of one server. Its methods are safe for concurrent use; those that are called for every call and decision
// do nothing on a nil Set.
type Set struct {
	registry *prometheus.Registry

	methods []string // by number
	numbers map[string]int
	calls   [ports][]callCounts
	took    []prometheus.Observer // by method

	shards  []shard
	turn    atomic.Uint32 // of the shard for the next Recorder
	every   atomic.Uint32 // one in so many decisions has its stages measured
	stages  [Stages]prometheus.Observer
	journal journalMetrics
}

// callCounts are the calls of one method by status code.
type callCounts [codes.Unauthenticated + 1]atomic.Uint64

// liveHeap is the heap that the last collection found in use, go_gc_heap_live_bytes: what stays, without the garbage since then.
var liveHeap = regexp.MustCompile(`^/gc/heap/live:bytes$`)

// New returns the metrics of a server, all of them 0.
func New() *Set {
	s := &Set{registry: prometheus.NewRegistry(), methods: allMethods()}
	s.numbers = make(map[string]int, len(s.methods))
	for i, m := range s.methods {
		s.numbers[m] = i
	}
	s.every.Store(DefaultStageEvery)
	s.shards = make([]shard, shardCount())
	s.registry.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{Matcher: liveHeap})), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		callCollector{s}, decisionCollector{s},
	)
	took := prometheus.NewHistogramVec(latency("allot_call_duration_seconds",
		"Time from taking a call to its answer, without the transport's own; calls of streams are left out."), []string{"method"})
	s.registry.MustRegister(took)
	for port := range s.calls {
		s.calls[port] = make([]callCounts, len(s.methods))
	}
	for _, m := range s.methods {
		if streams[m] {
			s.took = append(s.took, nil)
			continue
		}
		s.took = append(s.took, took.WithLabelValues(short(m)))
	}
	stages := prometheus.NewHistogramVec(latency("allot_stage_duration_seconds",
		"Time that a decision spent in a stage, of one in so many decisions as allot_stage_sample_every says."), []string{"stage"})
	s.registry.MustRegister(stages)
	for i, name := range stageNames {
		s.stages[i] = stages.WithLabelValues(name)
	}
	s.GaugeFunc("allot_stage_sample_every", "One in so many decisions has the time of its stages measured; traced ones do as well.", nil,
		func() float64 { return float64(s.every.Load()) })
	s.journal.register(s)
	s.build()
	return s
}

// build tells which program this is.
func (s *Set) build() {
	version, commit := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = setting.Value
			}
		}
	}
	s.GaugeFunc("allot_build_info", "Always 1; the labels say which program this is.",
		prometheus.Labels{"version": version, "commit": commit, "go_version": runtime.Version()}, func() float64 { return 1 })
}

// GaugeFunc adds a gauge whose value a function returns, which is called for every scrape: it must be quick, and safe for concurrent
// use. The labels are constant; use only values that are known when the program is written. It panics where there is one of that name and labels.
func (s *Set) GaugeFunc(name, help string, labels map[string]string, value func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// CounterFunc is GaugeFunc for a number that only grows. Its name ends in _total.
func (s *Set) CounterFunc(name, help string, labels map[string]string, value func() float64) {
	s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// Gatherer returns what a scrape reads.
func (s *Set) Gatherer() prometheus.Gatherer { return s.registry }

// scrapes is how many scrapes are answered at once; others are refused.
const scrapes = 4

// Handler answers scrapes, in the text format or in that of protobuf, which has the native histograms. What is read is
// put together before anything is written, and no lock is held meanwhile: callers who read slowly hold up nobody.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes, EnableOpenMetrics: true})
}
