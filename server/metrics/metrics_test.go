package metrics

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc/codes"

	"github.com/allot-engine/allot/ledger/journal"
)

// gathered returns the values of all metrics by name and label values, as name/value/…; of histograms the count, and the sum as name/sum/….
func gathered(t testing.TB, s *Set) map[string]float64 {
	t.Helper()
	families, err := s.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels strings.Builder
			for _, l := range m.GetLabel() {
				labels.WriteString("/" + l.GetValue())
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				out[f.GetName()+labels.String()] = m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				out[f.GetName()+labels.String()] = m.GetGauge().GetValue()
			default:
				out[f.GetName()+labels.String()] = float64(m.GetHistogram().GetSampleCount())
				out[f.GetName()+"/sum"+labels.String()] = m.GetHistogram().GetSampleSum()
			}
		}
	}
	return out
}

func wantAll(t *testing.T, s *Set, want map[string]float64) {
	t.Helper()
	got := gathered(t, s)
	for name, value := range want {
		if v, ok := got[name]; !ok || math.Abs(v-value) > 1e-12 {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, value)
		}
	}
}

const allocateMethod = "/allot.v1.AllocationService/Allocate"

// TestCounts makes known observations and wants exactly them.
func TestCounts(t *testing.T) {
	s := New()
	method := s.Method(allocateMethod)
	s.Call(GRPC, method, codes.OK, 3*time.Millisecond)
	s.Call(GRPC, method, codes.OK, time.Millisecond)
	s.Call(HTTP, method, codes.Aborted, -1)
	s.Call(HTTP, method, codes.Code(99), -1)                        // nobody's: UNKNOWN
	s.Call(GRPC, s.Method("/allot.v1.Nobody/Calls"), codes.OK, 1)   // no method of ours: nowhere
	s.Call(GRPC, s.Method(Events), codes.OK, time.Second)           // a stream has no time
	s.Stage(Wait, 2*time.Millisecond)                               // outside of decisions
	one, other := s.Recorder(), s.Recorder()                        // of two goroutines
	one.Search(Search{Candidates: 3, Scored: 5})                    // no split
	other.Search(Search{Candidates: 1, Scored: 1, States: 7})       // a split
	other.Search(Search{Scored: 1 << 40, States: 2, Stopped: true}) // beyond the last bucket
	one.Outcome(OnTime)
	one.Outcome(Failed)
	other.Outcome(OnTime)
	other.Again()
	one.Lanes(4, 1)
	other.Lanes(0, 2)
	one.Stage(Decide, time.Millisecond)
	wantAll(t, s, map[string]float64{
		"allot_calls_total/OK/AllocationService/Allocate/grpc": 2, "allot_calls_total/ABORTED/AllocationService/Allocate/http": 1,
		"allot_calls_total/UNKNOWN/AllocationService/Allocate/http": 1, "allot_calls_total/OK/v1/events/grpc": 1,
		"allot_call_duration_seconds/AllocationService/Allocate": 2, "allot_call_duration_seconds/sum/AllocationService/Allocate": 0.004,
		"allot_stage_duration_seconds/wait": 1, "allot_stage_duration_seconds/decide": 1, "allot_stage_duration_seconds/sum/wait": 0.002,
		"allot_decisions_total/planned_on_time": 2, "allot_decisions_total/error": 1, "allot_decisions_total/out_of_stock": 0,
		"allot_decisions_again_total": 1, "allot_decision_candidates_total": 4, "allot_decision_scored_shipments": 3,
		"allot_decision_scored_shipments/sum": 6 + 1<<40, "allot_splits_searched_total": 2, "allot_split_states_total": 9, "allot_splits_stopped_total": 1,
		"allot_lane_cache_hits_total": 4, "allot_lane_cache_misses_total": 3,
	})
}

// TestScoredBuckets wants every count of shipments in the bucket whose bound it does not exceed.
func TestScoredBuckets(t *testing.T) {
	for _, n := range []int64{0, 1, 2, 3, 4, 5, 8, 9, 8192, 8193, 1 << 50} {
		s := New()
		s.Recorder().Search(Search{Scored: n})
		families, err := s.Gatherer().Gather()
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "allot_decision_scored_shipments" })
		for _, b := range families[at].GetMetric()[0].GetHistogram().GetBucket() {
			if want := uint64(0); (float64(n) <= b.GetUpperBound()) != (b.GetCumulativeCount() > want) {
				t.Errorf("%d shipments: the bucket up to %v has %d", n, b.GetUpperBound(), b.GetCumulativeCount())
			}
		}
	}
}

// TestNothingCountsNothing calls everything of a nil Set that is called on the way of a decision.
func TestNothingCountsNothing(t *testing.T) {
	var s *Set
	s.Call(GRPC, s.Method(allocateMethod), codes.OK, 1)
	s.Stage(Wait, 1)
	s.Disk(t.TempDir())
	r := s.Recorder()
	r.Search(Search{Scored: 1})
	r.Outcome(OnTime)
	r.Again()
	r.Lanes(1, 1)
	r.Stage(Decide, 1)
	r.Resample(true)
	if j := journal.NewMemory(); r.Sample() || r != nil || s.Journal(j) != journal.Journal(j) {
		t.Error("a nil Set does something")
	}
}

// TestSample wants one in so many decisions, and one that is taken back to come again.
func TestSample(t *testing.T) {
	s := New()
	s.StageEvery(3)
	r := s.Recorder()
	var got []bool
	for range 6 {
		got = append(got, r.Sample())
	}
	if want := []bool{false, false, true, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for range 4 { // as orders that have to be read twice
		for i := range 3 {
			r.Resample(r.Sample())
			if sampled := r.Sample(); sampled != (i == 2) {
				t.Errorf("decision %d is sampled: %v", i+1, sampled)
			}
		}
	}
}

// series returns how many series of ours there are, and their labels by name.
func series(t *testing.T, g prometheus.Gatherer) (n int, labels map[string][]string) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels = map[string][]string{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "allot_") {
			continue
		}
		n += len(f.GetMetric())
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(labels[l.GetName()], l.GetValue()) {
					labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
				}
			}
		}
	}
	return n, labels
}

// TestSeriesAreBounded observes all that there is and what a caller could make up, and wants no more series than the two ports, the
// methods and the codes make. Of a metric that takes its label from a caller the same measure sees that it grows.
func TestSeriesAreBounded(t *testing.T) {
	s := New()
	empty, _ := series(t, s.Gatherer())
	for i := range 200 {
		for _, port := range []Port{GRPC, HTTP} {
			for m := range s.methods {
				s.Call(port, m, codes.Code(i), 1)
			}
			s.Call(port, s.Method(fmt.Sprint("/made/up", i)), codes.OK, 1)
		}
	}
	full, labels := series(t, s.Gatherer())
	if want := empty + int(ports)*len(s.methods)*(len(codeNames)-1); full != want {
		t.Errorf("%d series, want %d", full, want)
	}
	if got := len(labels["method"]); got != len(s.methods) {
		t.Errorf("%d methods, want %d", got, len(s.methods))
	}
	control := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "allot_test_total"}, []string{"sku"})
	s.registry.MustRegister(control)
	for i := range 200 {
		control.WithLabelValues(fmt.Sprint(i)).Inc()
	}
	if grown, labels := series(t, s.Gatherer()); grown != full+200 || len(labels["sku"]) != 200 {
		t.Errorf("200 SKUs as labels are not noticed: %d series of %d", grown, full)
	}
}

// TestCountsAtOnce counts from many goroutines while others scrape: each scrape must be whole and none lower than the one before it,
// and in the end all must be there.
func TestCountsAtOnce(t *testing.T) {
	s := New()
	method := s.Method(allocateMethod)
	const writers, each = 8, 2_000
	var writing, scraping sync.WaitGroup
	done := make(chan struct{})
	handler := s.Handler()
	for range 2 {
		scraping.Go(func() {
			last := map[string]float64{}
			for stop := false; !stop; {
				select {
				case <-done:
					stop = true // once more
				default:
				}
				now := gathered(t, s)
				for _, name := range []string{
					"allot_decisions_total/planned_late", "allot_calls_total/OK/AllocationService/Allocate/grpc", "allot_decision_scored_shipments",
					"allot_call_duration_seconds/AllocationService/Allocate",
				} {
					if now[name] < last[name] {
						t.Errorf("%s fell from %v to %v", name, last[name], now[name])
					}
				}
				last = now
				page := httptest.NewRecorder()
				handler.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				if page.Code != http.StatusOK {
					t.Errorf("a scrape ended with %d: %s", page.Code, page.Body)
				}
			}
		})
	}
	for range writers {
		writing.Go(func() {
			r := s.Recorder()
			for range each {
				s.Call(GRPC, method, codes.OK, time.Microsecond)
				r.Search(Search{Scored: 2, Candidates: 1})
				r.Outcome(Late)
			}
		})
	}
	writing.Wait()
	close(done)
	scraping.Wait()
	wantAll(t, s, map[string]float64{
		"allot_decisions_total/planned_late": writers * each, "allot_calls_total/OK/AllocationService/Allocate/grpc": writers * each,
		"allot_decision_scored_shipments": writers * each, "allot_decision_scored_shipments/sum": 2 * writers * each,
		"allot_call_duration_seconds/AllocationService/Allocate": writers * each,
	})
}

// TestJournal times what is written, and counts what cannot be.
func TestJournal(t *testing.T) {
	s := New()
	j := s.Journal(journal.NewMemory())
	epoch, err := j.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(epoch, 0, [][]byte{[]byte("four"), []byte("fives")}); err != nil {
		t.Fatal(err)
	}
	at, err := j.Append(epoch, 2, nil) // looks whether it is still the writer
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(epoch+1, 2, [][]byte{[]byte("x")}); err == nil {
		t.Fatal("an epoch that nobody has can write")
	}
	if _, err := j.WriteSnapshot(epoch, at, func(w io.Writer) error { _, err := io.WriteString(w, "snapshot"); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := j.WriteSnapshot(epoch, at, func(io.Writer) error { return context.Canceled }); err == nil {
		t.Fatal("a snapshot that could not be written is there")
	}
	wantAll(t, s, map[string]float64{
		"allot_journal_group_records": 1, "allot_journal_group_records/sum": 2, "allot_journal_group_bytes/sum": 9,
		"allot_journal_append_duration_seconds": 1, "allot_journal_snapshot_duration_seconds": 1, "allot_journal_failures_total": 2,
	})
	if size := gathered(t, s)["allot_journal_snapshot_bytes"]; size < 8 {
		t.Errorf("the snapshot has %v bytes", size)
	}
}

// TestDisk looks at the disk of a directory, and at one that is not there.
func TestDisk(t *testing.T) {
	s, none := New(), New()
	s.Disk(t.TempDir())
	none.Disk(t.TempDir() + "/missing")
	if _, _, err := disk(t.TempDir()); err != nil {
		t.Skip("this system does not tell:", err)
	}
	got := gathered(t, s)
	if free, size := got["allot_data_disk_free_bytes"], got["allot_data_disk_bytes"]; !(free >= 0 && size > 0 && free <= size) {
		t.Errorf("%v of %v bytes are free", free, size)
	}
	if free := gathered(t, none)["allot_data_disk_free_bytes"]; !math.IsNaN(free) {
		t.Errorf("%v bytes are free where there is no disk", free)
	}
}

// TestLatencyBuckets puts a time at each bound of the classic buckets, and wants it in that bucket and those above; the native buckets
// are there as well, 10 % apart or less.
func TestLatencyBuckets(t *testing.T) {
	s := New()
	for _, bound := range buckets {
		s.Stage(Decide, time.Duration(math.Round(bound*1e9)))
	}
	s.Stage(Decide, time.Minute)
	families, err := s.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "allot_stage_duration_seconds" })
	for _, m := range families[at].GetMetric() {
		h := m.GetHistogram()
		if m.GetLabel()[0].GetValue() != Decide.String() {
			if h.GetSampleCount() != 0 {
				t.Errorf("%v was counted", m.GetLabel())
			}
			continue
		}
		if len(h.GetBucket()) != len(buckets) || h.GetSampleCount() != uint64(len(buckets))+1 {
			t.Fatalf("%d buckets of %d, %d times", len(h.GetBucket()), len(buckets), h.GetSampleCount())
		}
		for i, b := range h.GetBucket() {
			if b.GetUpperBound() != buckets[i] || b.GetCumulativeCount() != uint64(i)+1 {
				t.Errorf("bucket %d, up to %v, has %d", i, b.GetUpperBound(), b.GetCumulativeCount())
			}
		}
		if growth := math.Pow(2, math.Pow(2, -float64(h.GetSchema()))); len(h.GetPositiveSpan()) == 0 || growth > 1.1 {
			t.Errorf("native buckets %v apart: %v", growth, h.GetPositiveSpan())
		}
	}
	if !slices.IsSorted(buckets) || buckets[0] != 50e-6 || buckets[len(buckets)-1] != 5 {
		t.Errorf("bounds %v", buckets)
	}
}
