package load

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseMetrics(t *testing.T) {
	got := parseMetrics([]byte("# HELP go_goroutines Number\n# TYPE go_goroutines gauge\ngo_goroutines 12\n\n" +
		`allot_calls_total{method="Allocate {odd} name",code="OK"} 1.5e+06 1700000000000` + "\nallot_x NaN\nbroken\nallot_y{a=\"b\"}\n"))
	if got["go_goroutines"] != 12 || got[`allot_calls_total{method="Allocate {odd} name",code="OK"}`] != 1.5e6 || len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestMedian(t *testing.T) {
	const name = "took_seconds"
	sample := func(counts ...float64) map[string]float64 {
		out := map[string]float64{}
		for i, bound := range []string{"0.001", "0.002", "0.01", "+Inf"} {
			out[name+`_bucket{le="`+bound+`"}`] = counts[i]
		}
		return out
	}
	start := sample(5, 5, 5, 5)
	for _, c := range []struct {
		end  map[string]float64
		want float64
	}{
		{sample(5, 5, 5, 5), 0},
		{sample(5, 15, 15, 15), 0.0015},
		{sample(15, 15, 15, 15), 0.0005},
		{sample(5, 5, 5, 7), 0.01},
		{map[string]float64{"other": 1}, 0},
	} {
		if got := median(start, c.end, name); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: %v, want %v", c.end, got, c.want)
		}
	}
}

// TestAdmin runs a load against a fake with an admin port beside it, in real time since that is a socket: what is read is checked,
// and not when.
func TestAdmin(t *testing.T) {
	var samples, collections atomic.Int64
	port := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			n := samples.Add(1)
			fmt.Fprintf(w, "process_cpu_seconds_total %d\ngo_memstats_heap_alloc_bytes %d\ngo_gc_duration_seconds_count %d\nprocess_resident_memory_bytes 9\n", n, 1000+n, 2*n)
		case r.URL.Path == "/debug/pprof/heap" && r.URL.Query().Get("gc") == "1":
			collections.Add(1)
			_, _ = w.Write([]byte("heap"))
		case r.URL.Path == "/debug/pprof/profile":
			_, _ = w.Write([]byte("cpu " + r.URL.Query().Get("seconds")))
		default:
			http.NotFound(w, r)
		}
	}))
	defer port.Close()
	dir := t.TempDir()
	f := newFake()
	o := Options{Admin: strings.TrimPrefix(port.URL, "http://"), Dir: dir, Profile: true, WarmUp: 50 * time.Millisecond, Duration: 100 * time.Millisecond}
	r := drive(t, f, evenly(100, nil), o)
	s := r.Server
	if s == nil || s.Trouble != "" {
		t.Fatalf("%+v", s)
	}
	if s.CPU <= 0 || s.HeapStart <= 1000 || s.HeapEnd <= s.HeapStart || s.GCs <= 0 || s.Resident != 9 || len(s.Start) != 4 || collections.Load() != 2 {
		t.Errorf("%+v, %d collections", s, collections.Load())
	}
	for name, want := range map[string]string{"cpu.pprof": "cpu 1", "heap.pprof": "heap"} {
		if raw, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(raw) != want {
			t.Errorf("%s is %q, %v", name, raw, err)
		}
	}
	if len(r.Files) != 4 {
		t.Errorf("files %v", r.Files)
	}
}

func TestVerdict(t *testing.T) {
	idle := finding{CPU: 0.5, Cores: 2, MachineCores: 2, Callers: 64, Mode: Unary}
	with := func(change func(*finding)) finding { f := idle; change(&f); return f }
	for _, c := range []struct {
		name string
		f    finding
		is   bool
		why  string // part of it
	}{
		{"idle", idle, false, ""},
		{"late clock", with(func(f *finding) { f.Lagged, f.WorstLate = 0.02, 30*time.Millisecond }), true, "2 % of the operations out over 1 ms late, the worst 30ms"},
		{"clock seldom late", with(func(f *finding) { f.Lagged, f.WorstLate = 0.009, 30*time.Millisecond }), false, ""},
		{"late clock, busy machine", with(func(f *finding) { f.Lagged, f.WorstLate, f.Others = 0.02, 30*time.Millisecond, 1.2 }), true, "the worst 30ms: other programs used 1.20 of the 2 processors of its machine; end them, or give"},
		{"busy machine", with(func(f *finding) { f.Others = 1.2 }), false, "other programs used 1.20 of the 2 processors"},
		{"hardly busy machine", with(func(f *finding) { f.Others = 0.1 }), false, ""},
		{"all processors", with(func(f *finding) { f.CPU = 1.9 }), true, "it used 1.90 of its 2 processors"},
		{"the machine full, of the server", with(func(f *finding) { f.Same, f.ServerKnown, f.ServerCPU = true, true, 1.45 }), false, "used all of the 2 processors"},
		{"the machine full, of the generator", with(func(f *finding) { f.Same, f.ServerKnown, f.CPU, f.ServerCPU = true, true, 1.1, 0.85 }), true, "used all"},
		{"few callers", with(func(f *finding) { f.Starved, f.Waited, f.ServerKnown, f.ServerCPU = 0.9, 0.8, true, 0.5 }), true, "all 64 callers were busy in 90 % of the seconds, and 80 % of"},
		{"slow server", with(func(f *finding) { f.Starved, f.Waited, f.ServerKnown, f.ServerCPU = 0.9, 0.8, true, 1.5 }), false, "slower than the rate"},
		{"slow server, not known", with(func(f *finding) { f.Starved, f.Waited = 0.9, 0.8 }), false, "or too few callers"},
		{"full streams", with(func(f *finding) { f.Starved, f.Mode = 0.9, Stream }), false, "all 64 streams were full"},
		{"a stall", with(func(f *finding) { f.Starved, f.Waited = 0.03, 0.03 }), false, "3 % of the operations waited for a caller"},
		{"dropped", with(func(f *finding) { f.Dropped = 7 }), false, "7 operations found the queue full"},
	} {
		is, why := c.f.verdict()
		if is != c.is || !strings.Contains(why, c.why) || c.why == "" && why != "" {
			t.Errorf("%s: %v, %q", c.name, is, why)
		}
	}
}

// TestLateClock lets the generator's own clock oversleep, and wants it to say so.
func TestLateClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Duration: 2 * time.Second}.through(newFake())
		o.Sleep = func(d time.Duration) { time.Sleep(d + 7*time.Millisecond) }
		r, err := Drive(t.Context(), evenly(100, nil), o)
		if err != nil {
			t.Fatal(err)
		}
		balanced(t, r)
		g := r.Generator
		if !g.Bottleneck || g.Late < 0.9 || g.WorstLate < 5*time.Millisecond || !strings.Contains(g.Why, "late") {
			t.Errorf("%+v", g)
		}
		if p50 := time.Duration(r.Operations[0].Latency.P50); p50 < 5*time.Millisecond {
			t.Errorf("the median is %v: it does not count from when orders were due", p50)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := Drive(t.Context(), Source{}, Options{
		Mode: "streem", Callers: -1, Queue: 1 << 40, Timeout: -1, Profile: true, RunID: strings.Repeat("x", 101), WarmUp: -1,
	})
	if err == nil {
		t.Fatal("no fault")
	}
	for _, want := range []string{
		`unknown mode "streem"; did you mean "stream"?`, "Target: there is none", "Callers: -1", "Queue:", "Timeout:", "Profile:", "RunID:", "WarmUp:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among\n%v", want, err)
		}
	}
}

// TestBusyTime reads what Linux tells of its processors.
func TestBusyTime(t *testing.T) {
	const text = "cpu  100 20 30 4000 500 6 7 8 9 0\ncpu0 50 10 15 2000 250 3 3 4 4 0\ncpu1 50 10 15 2000 250 3 4 4 5 0\nintr 5 0\n"
	for _, c := range []struct {
		text  string
		cores int
		want  time.Duration
		known bool
	}{
		{text, 2, 1710 * time.Millisecond, true}, {text, 1, 0, false}, {"", 1, 0, false}, {"cpu  1 2\n", 0, 0, false},
		{strings.Replace(text, "100", "x", 1), 2, 0, false},
	} {
		if got, known := parseBusy(c.text, c.cores); known != c.known || known && got != c.want {
			t.Errorf("%q of %d processors: %v, %v", c.text, c.cores, got, known)
		}
	}
}
