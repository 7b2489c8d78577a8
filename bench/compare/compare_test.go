package compare

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/report/synth"
	"github.com/allot-engine/allot/faults"
)

func mustCompare(t testing.TB, a, b []*load.Result, o Options) *Comparison {
	t.Helper()
	c, err := Compare(a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// side makes runs from seeds that follow one another.
func runs(n int, o synth.Options) []*load.Result {
	var list []*load.Result
	for i := range n {
		o.Seed = o.Seed*1_000_003 + uint64(i)
		list = append(list, synth.Result(o))
	}
	return list
}

// A world is how much runs and seconds differ by chance, in ways that were seen on quiet and on busy machines.
type world struct {
	name     string
	runs     int
	options  synth.Options
	alarms   float64 // share of false alarms that is allowed, at most
	findings float64 // share of slowdowns by 10 % that must be found, at least
}

var worlds = []world{
	{"one run each, seconds differ by 5 %", 1, synth.Options{}, 0.01, 0.99},
	{"one run each, seconds differ by 10 %", 1, synth.Options{Noise: 0.1}, 0.01, 0.95},
	{"four minutes each, seconds much like those before", 1, synth.Options{Seconds: 240, Follow: 0.9}, 0.02, 0.95},
	{"one run each, runs differ by 1 %", 1, synth.Options{Spread: 0.01}, 0.01, 0.95},
	{"two runs each", 2, synth.Options{Seconds: 30, Spread: 0.01}, 0.01, 0.95},
	{"five runs each, runs differ by 2 %", 5, synth.Options{Seconds: 20, Spread: 0.02}, 0.01, 0.95},
	{"eight runs each, runs differ by 3 %", 8, synth.Options{Seconds: 20, Spread: 0.03}, 0.01, 0.95},
}

// Of a thousand pairs of equals hardly any is flagged; of a thousand with a slowdown by 10 % nearly all are. Seeds are fixed: each
// run of this test sees the same pairs.
func TestFlagsSlowdownsAndNotChance(t *testing.T) {
	t.Parallel()
	for i, w := range worlds {
		pairs := 1000
		switch {
		case os.Getenv("ALLOT_LONG") != "":
		case testing.Short():
			pairs = 10
		case i > 0:
			pairs = 100
		}
		alarms, faster, found, beyond := 0, 0, 0, 0
		for i := range pairs {
			o := w.options
			o.Seed = uint64(3*i + 1)
			a := runs(w.runs, o)
			o.Seed++
			equal := mustCompare(t, a, runs(w.runs, o), Options{})
			o.Seed, o.Slower = o.Seed+1, 1.1
			slower := mustCompare(t, a, runs(w.runs, o), Options{})
			if equal.Slower {
				alarms++
			}
			isBeyond := false
			for _, f := range equal.Figures {
				if f.Is == Faster {
					faster++
				}
				isBeyond = isBeyond || f.Is != Chance
			}
			if isBeyond {
				beyond++
			}
			if slower.Slower {
				found++
			}
		}
		n, room := float64(pairs), 0.0
		if pairs < 1000 {
			room = 2 // fewer pairs say less
		}
		t.Logf("%-50s of %d: %.1f %% false alarms, %.1f %% beyond chance before the threshold, %.1f %% of slowdowns found", w.name, pairs, 100*float64(alarms)/n, 100*float64(beyond)/n, 100*float64(found)/n)
		if float64(alarms) > w.alarms*n+room {
			t.Errorf("%s: %d false alarms of %d, over %v", w.name, alarms, pairs, w.alarms)
		}
		if float64(found) < w.findings*n-room {
			t.Errorf("%s: %d of %d slowdowns found, under %v", w.name, found, pairs, w.findings)
		}
	}
}

// What was improved is not slower, and turning the sides round makes it so.
func TestDirections(t *testing.T) {
	t.Parallel()
	a, b := runs(1, synth.Options{Seed: 1, Seconds: 40, Slower: 1.3}), runs(1, synth.Options{Seed: 2, Seconds: 40})
	better, worse := mustCompare(t, a, b, Options{}), mustCompare(t, b, a, Options{})
	if better.Slower || !worse.Slower {
		t.Errorf("an improvement is slower: %v; a slowdown is: %v", better.Slower, worse.Slower)
	}
	for i := range better.Figures {
		f, g := better.Figures[i], worse.Figures[i]
		if f.Name == "p50" && (f.Is != Faster || g.Is != Slower || math.Abs((1+f.Change)*(1+g.Change)-1) > 0.01) {
			t.Errorf("p50 changes by %v and %v: %s and %s", f.Change, g.Change, f.Is, g.Is)
		}
		if f.Low != nil && !(*f.Low <= f.Change && f.Change <= *f.High) {
			t.Errorf("%s: %v is not from %v to %v", f.Name, f.Change, *f.Low, *f.High)
		}
	}
	if d := math.Abs(figureOf(t, worse, "p50").Change - 0.3); d > 0.06 {
		t.Errorf("30 %% slower is measured %v off", d)
	}
}

func figureOf(t testing.TB, c *Comparison, name string) *Figure {
	t.Helper()
	for i := range c.Figures {
		if c.Figures[i].Name == name {
			return &c.Figures[i]
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// Errors count by the difference of their shares, throughput by what was answered.
func TestErrorsAndThroughput(t *testing.T) {
	t.Parallel()
	a, b := runs(1, synth.Options{Seed: 1, Seconds: 40}), runs(1, synth.Options{Seed: 2, Seconds: 40, Refuse: 0.08})
	c := mustCompare(t, a, b, Options{})
	if f := figureOf(t, c, "errors"); f.Is != Slower || math.Abs(f.Change-0.08) > 0.01 {
		t.Errorf("errors: %+v", f)
	}
	if f := figureOf(t, c, "throughput"); f.Is != Slower || math.Abs(f.Change+0.08) > 0.02 {
		t.Errorf("throughput: %+v", f)
	}
	if f := figureOf(t, mustCompare(t, a, a, Options{}), "errors"); f.Is != Chance || f.P != 1 || f.Change != 0 {
		t.Errorf("none and none: %+v", f)
	}
}

// A shift that is beyond chance and below the threshold is said to be small, and is no alarm.
func TestThreshold(t *testing.T) {
	t.Parallel()
	a, b := runs(1, synth.Options{Seed: 1, Seconds: 600, Noise: 0.01}), runs(1, synth.Options{Seed: 2, Seconds: 600, Noise: 0.01, Slower: 1.03})
	if f := figureOf(t, mustCompare(t, a, b, Options{}), "p50"); f.Is != Small {
		t.Errorf("3 %% is %s with p %v", f.Is, f.PHolm)
	}
	if f := figureOf(t, mustCompare(t, a, b, Options{Threshold: 0.025}), "p50"); f.Is != Slower {
		t.Errorf("3 %% over a threshold of 2 %% is %s", f.Is)
	}
}

// What does things wrong is not merely slow.
func TestWrong(t *testing.T) {
	t.Parallel()
	a, b := runs(1, synth.Options{Seed: 1}), runs(1, synth.Options{Seed: 1, Wrong: true})
	if c := mustCompare(t, a, b, Options{}); !c.Wrong || c.Slower || c.B.Failures != 4 {
		t.Errorf("B with failures: wrong %v, slower %v, %d", c.Wrong, c.Slower, c.B.Failures)
	}
	if c := mustCompare(t, b, a, Options{}); c.Wrong || !strings.Contains(strings.Join(c.Notes, "\n"), "A did things wrong") {
		t.Errorf("A with failures: %v, %q", c.Wrong, c.Notes)
	}
}

// Samples are runs where there are enough, else blocks; saturations have no blocks.
func TestSamples(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: Blocks, 4: Blocks, 5: Runs, 6: Runs} {
		c := mustCompare(t, runs(n, synth.Options{Seed: 1, Seconds: 20}), runs(n, synth.Options{Seed: 2, Seconds: 20}), Options{})
		count := n
		if want == Blocks {
			count = 10 * n
		}
		if c.Method.Samples != want || c.Method.CountA != count || c.Method.CountB != count {
			t.Errorf("%d runs: %+v", n, c.Method)
		}
		hasNote := strings.Contains(strings.Join(c.Notes, "\n"), "not independent")
		if hasNote != (want == Blocks) {
			t.Errorf("%d runs: it says %q", n, c.Notes)
		}
		if want == Blocks && c.Method.Seconds != 2 {
			t.Errorf("blocks of %v seconds", c.Method.Seconds)
		}
		figureOf(t, c, map[string]string{Runs: "p99.9", Blocks: "longest"}[want])
	}
	saturate := synth.Options{Seed: 1, Kind: "saturate", Rate: 9000}
	if _, err := Compare(runs(2, saturate), runs(2, saturate), Options{}); err == nil || !strings.Contains(err.Error(), "give 5 saturations a side") {
		t.Errorf("saturations in blocks: %v", err)
	}
	less := saturate
	less.Seed, less.Rate = 2, 7000
	c := mustCompare(t, runs(5, saturate), runs(5, less), Options{})
	if f := figureOf(t, c, "capacity"); f.Is != Slower || math.Abs(f.Change+2.0/9) > 0.05 || !c.Slower {
		t.Errorf("a lower capacity: %+v", f)
	}
	if _, err := Compare(runs(1, synth.Options{Seconds: 19}), runs(1, synth.Options{Seconds: 40}), Options{}); err == nil || !strings.Contains(err.Error(), "A, run 1 seconds: 19 measured seconds are too few") {
		t.Errorf("19 seconds: %v", err)
	}
	noServer := runs(1, synth.Options{Seed: 4})
	noServer[0].Server = nil
	for _, f := range mustCompare(t, noServer, runs(1, synth.Options{Seed: 5}), Options{}).Figures {
		if f.Name == "cpu" {
			t.Error("processor time of a server that nobody knows is compared")
		}
	}
}

// Warm-up, and a second that was cut short, are no samples.
func TestMeasured(t *testing.T) {
	r := synth.Result(synth.Options{Seconds: 10, WarmUp: 3})
	if list := Measured(r); len(list) != 10 || list[0].At != 3 {
		t.Errorf("%d seconds from %v on", len(list), list[0].At)
	}
	r.Duration = 9500 * time.Millisecond
	if list := Measured(r); len(list) != 9 {
		t.Errorf("%d seconds of 9.5", len(list))
	}
}

// The test and its corrections give the numbers of textbooks.
func TestStatistics(t *testing.T) {
	m := &measure{unit: "ns", better: -1}
	// Two samples of five that do not overlap: 2 of the 252 ways to mix them are as extreme.
	f := figure(m, []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 0)
	if math.Abs(f.P-2.0/252) > 1e-12 {
		t.Errorf("p %v", f.P)
	}
	if f.A != 3 || f.B != 8 {
		t.Errorf("medians %v and %v", f.A, f.B)
	}
	// Critical values of U, two-sided at 5 %, from the tables: 2 for 5 and 5, 23 for 10 and 10, 8 for 7 and 7, 0 for 4 and 4.
	for _, c := range [][3]int{{5, 5, 2}, {10, 10, 23}, {7, 7, 8}, {4, 4, 0}, {5, 8, 6}} {
		if k := cut(c[0], c[1]); k != c[2]+1 {
			t.Errorf("%d and %d: critical value %d, want %d", c[0], c[1], k-1, c[2])
		}
	}
	if cut(3, 3) != 0 || cut(1, 1) != 0 {
		t.Error("an interval of too few samples")
	}
	if k := cut(20, 20); k < 126 || k > 129 { // table: 127
		t.Errorf("20 and 20: %d", k-1)
	}
	figures := []Figure{{P: 0.04}, {P: 0.01}, {P: 0.03}, {P: 0.005}}
	holm(figures)
	for i, want := range []float64{0.06, 0.03, 0.06, 0.02} {
		if math.Abs(figures[i].PHolm-want) > 1e-12 {
			t.Errorf("p %v becomes %v, want %v", figures[i].P, figures[i].PHolm, want)
		}
	}
	if RunsNeeded(0.05) != 5 || RunsNeeded(0.01) != 7 || enough(1, 200, 0.05) || !enough(4, 8, 0.05) {
		t.Error("how many runs are enough")
	}
}

// What cannot be compared is refused with all that differs; what may differ is warned of.
func TestCheck(t *testing.T) {
	base := func() *load.Result { return synth.Result(synth.Options{Seed: 1, Seconds: 20}) }
	if warnings, err := Check([]*load.Result{base(), base()}, []*load.Result{base()}); err != nil || len(warnings) > 0 {
		t.Errorf("equals: %v, %q", err, warnings)
	}
	b := base()
	b.Machine.Go, b.Build = "go1.27", "another build, as is the point"
	if warnings, err := Check([]*load.Result{base()}, []*load.Result{b}); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "B, run 1: Go: go1.27, and go1.26 in the first of A") {
		t.Errorf("another Go: %v, %q", err, warnings)
	}
	for want, change := range map[string]func(*load.Result){
		"workload: other":                      func(r *load.Result) { r.Workload.Name = "other" },
		"workload hash: x":                     func(r *load.Result) { r.Workload.Hash = "x" },
		"mode: batch":                          func(r *load.Result) { r.Mode = "batch" },
		"kind: soak":                           func(r *load.Result) { r.Kind = "soak" },
		"processor: nothing, and Imagined CPU": func(r *load.Result) { r.Machine.CPU = "" },
		"processors: 8":                        func(r *load.Result) { r.Machine.Cores = 8 },
		"callers: 65":                          func(r *load.Result) { r.Callers++ },
		"journal on disk: true":                func(r *load.Result) { r.Target.Durable = true },
		"offered rate: 1000":                   func(r *load.Result) { r.Offered = 1000 },
		"timeout: 2s, and 1s in":               func(r *load.Result) { r.Timeout = 2 * time.Second },
	} {
		b := base()
		change(b)
		_, err := Check([]*load.Result{base()}, []*load.Result{base(), b})
		bad, ok := errors.AsType[*faults.Error](err)
		if !ok || len(bad.Faults) != 1 || !strings.Contains(err.Error(), "B, run 2 "+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	b = base()
	b.Mode, b.Machine.Cores, b.Callers = "stream", 1, 1
	if _, err := Check([]*load.Result{base(), b}, []*load.Result{base()}); err == nil || strings.Count(err.Error(), "A, run 2 ") != 3 {
		t.Errorf("three differences within A: %v", err)
	}
}

// A comparison is JSON, whatever was compared.
func TestJSON(t *testing.T) {
	zero := synth.Result(synth.Options{Seed: 1, Seconds: 20})
	for i := range zero.Seconds {
		zero.Seconds[i] = load.Second{At: float64(i), Warm: i < 5}
	}
	zero.Operations, zero.Server = nil, nil
	for _, c := range []*Comparison{
		mustCompare(t, runs(1, synth.Options{Seed: 1}), runs(1, synth.Options{Seed: 2}), Options{}),
		mustCompare(t, runs(5, synth.Options{Seed: 1, Seconds: 5}), runs(5, synth.Options{Seed: 2, Seconds: 5}), Options{}),
		mustCompare(t, []*load.Result{zero}, []*load.Result{zero}, Options{}),
		mustCompare(t, slices.Repeat([]*load.Result{zero}, 5), slices.Repeat([]*load.Result{zero}, 5), Options{}),
	} {
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Comparison
		if err := json.Unmarshal(raw, &back); err != nil || len(back.Figures) != len(c.Figures) {
			t.Errorf("%v: %s", err, raw)
		}
	}
}
