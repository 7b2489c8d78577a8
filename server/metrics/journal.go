package metrics

import (
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/allot-engine/allot/ledger/journal"
)

// journalMetrics are those of a journal.
type journalMetrics struct {
	records, bytes prometheus.Histogram
	append         prometheus.Histogram
	snapshot       prometheus.Histogram
	failures       prometheus.Counter
	size           prometheus.Gauge
}

func (j *journalMetrics) register(s *Set) {
	j.records = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "allot_journal_group_records", Help: "Records that became durable together, with one sync.", Buckets: prometheus.ExponentialBuckets(1, 2, 13),
	})
	j.bytes = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "allot_journal_group_bytes", Help: "Bytes of records that became durable together.", Buckets: prometheus.ExponentialBuckets(256, 4, 9),
	})
	j.append = prometheus.NewHistogram(latency("allot_journal_append_duration_seconds", "Time to write a group and sync it to disk."))
	j.snapshot = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "allot_journal_snapshot_duration_seconds", Help: "Time to write a snapshot, which happens in the background.",
		Buckets: []float64{.01, .1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
	})
	j.failures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "allot_journal_failures_total", Help: "Groups and snapshots that could not be written.",
	})
	j.size = prometheus.NewGauge(prometheus.GaugeOpts{Name: "allot_journal_snapshot_bytes", Help: "Size of the latest snapshot that was written."})
	s.registry.MustRegister(j.records, j.bytes, j.append, j.snapshot, j.failures, j.size)
}

// Journal returns a journal that counts and times what is written to another; the other itself for a nil Set.
func (s *Set) Journal(j journal.Journal) journal.Journal {
	if s == nil {
		return j
	}
	return &timed{Journal: j, to: &s.journal}
}

// A timed is a journal whose writing is timed.
type timed struct {
	journal.Journal
	to *journalMetrics
}

// Append implements journal.Journal.
func (t *timed) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	began := time.Now()
	end, err := t.Journal.Append(epoch, expected, records)
	if err != nil {
		t.to.failures.Inc()
		return end, err
	}
	if len(records) > 0 { // else it only checks
		t.to.append.Observe(time.Since(began).Seconds())
		t.to.records.Observe(float64(len(records)))
		bytes := 0
		for _, r := range records {
			bytes += len(r)
		}
		t.to.bytes.Observe(float64(bytes))
	}
	return end, nil
}

// WriteSnapshot implements journal.Journal.
func (t *timed) WriteSnapshot(epoch uint64, at journal.Position, write func(io.Writer) error) (journal.Snapshot, error) {
	began := time.Now()
	written, err := t.Journal.WriteSnapshot(epoch, at, write)
	if err != nil {
		t.to.failures.Inc()
		return written, err
	}
	t.to.snapshot.Observe(time.Since(began).Seconds())
	t.to.size.Set(float64(written.Size))
	return written, nil
}
