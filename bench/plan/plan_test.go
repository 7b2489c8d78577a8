package plan

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/report/synth"
)

// measured is a result with round numbers: 10,000 operations a second for 100 s, two of them for each order, at 100 µs each. An order
// leaves 500 bytes behind when it is granted, as 80 % are.
func measured() *load.Result {
	samples := func(hold, in, out float64) map[string]float64 {
		return map[string]float64{
			`allot_stage_duration_seconds_sum{stage="hold"}`: hold * 5e-6, `allot_stage_duration_seconds_count{stage="hold"}`: hold,
			`allot_stage_duration_seconds_sum{stage="decide"}`: hold * 1e-3, `allot_stage_duration_seconds_count{stage="decide"}`: hold,
			"process_network_receive_bytes_total": in, "process_network_transmit_bytes_total": out,
		}
	}
	return &load.Result{
		Kind: "run", Machine: load.Machine{Cores: 4, Memory: 16e9}, Target: load.Target{Own: true, Durable: true}, Callers: 64, PerMessage: 1,
		Duration: 100 * time.Second, Offered: 10_000, Achieved: 10_000,
		Operations: []load.Operation{
			{Name: "all", Intended: 1_000_000, Answered: 1_000_000}, {Name: "quote", Intended: 500_000, Answered: 500_000},
			{Name: "allocate", Intended: 500_000, Answered: 500_000, Granted: 400_000},
		},
		Server: &load.Server{
			CPU: 1, CPUPerOp: 100 * time.Microsecond, HeapStart: 1e9, HeapEnd: 1e9 + 400_000*500, Resident: 2.4e9,
			Groups: 50_000, Records: 10, Fsync: time.Millisecond, Start: samples(100, 1e6, 2e6), End: samples(500_100, 1e6+500e6, 2e6+1000e6),
		},
		Correctness: load.Correctness{Holds: 1},
	}
}

func make1(t testing.TB, r *load.Result, o Options) *Plan {
	t.Helper()
	p, err := Make(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ceiling(t testing.TB, p *Plan, name string) *Ceiling {
	t.Helper()
	for i := range p.Ceilings {
		if p.Ceilings[i].Name == name {
			return &p.Ceilings[i]
		}
	}
	t.Fatalf("no ceiling of %s", name)
	return nil
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(math.Abs(a), math.Abs(b)) }

// An order costs 200 µs of processors here: what a peak takes follows.
func TestProcessorsAndNodes(t *testing.T) {
	const little = time.Minute // of retention, so that memory does not matter
	for _, c := range []struct {
		name          string
		o             Options
		busy          float64
		needed, nodes int
		use, failed   float64
	}{
		{"one node, just", Options{Peak: 12_000}, 2.4, 4, 1, 0.6, 0.6},
		{"one order more", Options{Peak: 12_001}, 2.4002, 5, 2, 2.4002 / 8, 2.4002 / 8},
		{"one spare", Options{Peak: 12_000, Spare: 1}, 2.4, 4, 1, 0.3, 0.6},
		{"several", Options{Peak: 60_000, Spare: 1}, 12, 20, 5, 0.5, 0.6},
		{"less headroom", Options{Peak: 12_000, Headroom: 0.2}, 2.4, 3, 1, 0.6, 0.6},
		{"larger nodes", Options{Peak: 60_000, Spare: 2, Cores: 32, Memory: 128e9}, 12, 20, 2, 12.0 / 128, 12.0 / 64},
		{"next to nothing", Options{Peak: 0.5}, 0.0001, 1, 1, 0.000025, 0.000025},
	} {
		c.o.Retention = little
		p := make1(t, measured(), c.o)
		if c.name == "larger nodes" { // the journal holds 64,000 a second, of which 38,400 leave the headroom
			if p.NodesBy != "journal" {
				t.Errorf("%s: by %s", c.name, p.NodesBy)
			}
		} else if p.NodesBy != "processors" {
			t.Errorf("%s: by %s", c.name, p.NodesBy)
		}
		if !near(p.Busy, c.busy) || p.Needed != c.needed || p.Nodes != c.nodes || !near(p.Use, c.use) || !near(p.UseFailed, c.failed) || p.OneNode != (c.nodes == 1) {
			t.Errorf("%s: %v busy, %d needed, %d nodes, use %v and %v", c.name, p.Busy, p.Needed, p.Nodes, p.Use, p.UseFailed)
		}
		if p.UseFailed > 1-p.Headroom+1e-9 {
			t.Errorf("%s: use %v with the spares gone leaves no headroom of %v", c.name, p.UseFailed, p.Headroom)
		}
	}
}

// Each ceiling is worked out from its own numbers, and the lowest comes first.
func TestCeilings(t *testing.T) {
	p := make1(t, measured(), Options{Peak: 1000})
	perSecond := 6.0 * 3600 * 7 * 0.8 * 500 // bytes that an order a second leaves in a week
	for name, want := range map[string]float64{
		"processors": 4 / 200e-6, "journal": 64 / 1e-3, "sequencer": 1 / 5e-6, "network": 1.25e9 / 2000, "memory": (16e9/2 - 1e9) / perSecond,
	} {
		if c := ceiling(t, p, name); !c.Known || !near(c.Rate, want) {
			t.Errorf("%s: %v, want %v (%s)", name, c.Rate, want, c.Why)
		}
	}
	if p.First().Name != "memory" || p.NodesBy != "memory" || p.OneNode {
		t.Errorf("%s comes first, and %s asks for %d nodes", p.First().Name, p.NodesBy, p.Nodes)
	}
	if !near(p.Kept, 1000*6*3600*7*0.8) || !near(p.Memory, 2*(1e9*float64(p.Nodes)+p.Kept*500)) {
		t.Errorf("%v holds are kept, in %v bytes on %d nodes", p.Kept, p.Memory, p.Nodes)
	}
	for i := 1; i < len(p.Ceilings); i++ {
		if p.Ceilings[i].Rate < p.Ceilings[i-1].Rate {
			t.Errorf("%s stands behind %s", p.Ceilings[i].Name, p.Ceilings[i-1].Name)
		}
	}

	r := measured()
	r.Target.Durable, r.Server.Groups, r.Server.End, r.Server.HeapEnd = false, 0, nil, r.Server.HeapStart-1
	p = make1(t, r, Options{Peak: 1000})
	if p.First().Name != "processors" || !p.OneNode {
		t.Errorf("%s comes first", p.First().Name)
	}
	for _, name := range []string{"journal", "sequencer", "network"} {
		if c := ceiling(t, p, name); c.Known || !strings.HasPrefix(c.Why, "not measured: ") {
			t.Errorf("%s is said to be known: %+v", name, c)
		}
	}
	if c := ceiling(t, p, "memory"); !c.Known || c.Rate != 0 || !strings.Contains(c.Why, "without limit") {
		t.Errorf("a heap that does not grow: %+v", c)
	}
}

func TestKept(t *testing.T) {
	for _, c := range []struct {
		retention time.Duration
		hours     float64
		want      float64 // hours
	}{{time.Hour, 6, 1}, {6 * time.Hour, 6, 6}, {20 * time.Hour, 6, 6}, {24 * time.Hour, 6, 6}, {26 * time.Hour, 6, 8}, {7 * 24 * time.Hour, 6, 42}, {48 * time.Hour, 24, 48}} {
		if got := kept(Options{Retention: c.retention, PeakHours: c.hours}) / 3600; !near(got, c.want) {
			t.Errorf("%v of days with %v hours: %v, want %v", c.retention, c.hours, got, c.want)
		}
	}
}

// Where a saturation says how long callers wait, the plan says it of the use that is planned.
func TestCurve(t *testing.T) {
	r := measured()
	window := func(rate, achieved float64, p99 time.Duration, holds bool) load.Window {
		return load.Window{Rate: rate, Achieved: achieved, Latency: load.Latency{P99: int64(p99)}, Holds: holds}
	}
	r.Windows = []load.Window{window(10_000, 10_000, 2*time.Millisecond, true), window(40_000, 20_000, time.Second, false), window(15_000, 15_000, 6*time.Millisecond, true)}
	p := make1(t, r, Options{Peak: 12_000, Retention: time.Minute})
	if len(p.Curve) != 3 || p.Curve[1].Rate != 15_000 || p.Curve[1].Use != 0.75 {
		t.Fatalf("curve: %+v", p.Curve)
	}
	if want := 2e6 + 4e6*(0.6-0.5)/0.25; !near(p.P99, want) {
		t.Errorf("p99 at 60 %%: %v, want %v", p.P99, want)
	}
	if c := ceiling(t, p, "measured"); c.Rate != 15_000 || p.First() != c {
		t.Errorf("what was measured: %+v", c)
	}
	if p = make1(t, r, Options{Peak: 1, Retention: time.Minute}); p.P99 != 0 {
		t.Errorf("p99 below the curve: %v", p.P99)
	}
}

// What makes a plan doubtful is said, and nothing else is.
func TestNotes(t *testing.T) {
	all := func(o Options, change func(*load.Result)) string {
		r := measured()
		if change != nil {
			change(r)
		}
		o.Retention = time.Minute
		return strings.Join(make1(t, r, o).Notes, "\n")
	}
	quiet := all(Options{Peak: 10_000}, func(r *load.Result) { r.Windows = []load.Window{{Achieved: 1, Latency: load.Latency{P99: 1}}} })
	if quiet != "" {
		t.Errorf("control: it says %q", quiet)
	}
	for want, got := range map[string]string{
		"allot bench saturate":                all(Options{Peak: 10_000}, nil),
		"has one sequencer and one journal":   all(Options{Peak: 50_000}, nil),
		"did 2 things that may not happen":    all(Options{Peak: 10_000}, func(r *load.Result) { r.Correctness.Oversells = 2 }),
		"the generator was the bottleneck":    all(Options{Peak: 10_000}, func(r *load.Result) { r.Generator.Bottleneck = true }),
		"5 % of what was due had no answer":   all(Options{Peak: 10_000}, func(r *load.Result) { r.Operations[0].Answered = 950_000 }),
		"nearly idle, 0.1 processors":         all(Options{Peak: 10_000}, func(r *load.Result) { r.Server.CPU = 0.1 }),
		"the peak is 20 times the rate":       all(Options{Peak: 100_000}, nil),
		"those of the generator's machine":    all(Options{Peak: 10_000}, func(r *load.Result) { r.Target.Own = false }),
		"the workload has no allocate":        all(Options{Peak: 10_000}, func(r *load.Result) { r.Operations = r.Operations[:2] }),
		"it is journal that asks for 3 nodes": all(Options{Peak: 100_000, Cores: 64, Memory: 1e12}, nil),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q but %q", want, got)
		}
	}
}

// All that is missing is told at once.
func TestFaults(t *testing.T) {
	if _, err := Make(&load.Result{}, Options{Headroom: 1, PeakHours: 25}); err == nil || strings.Count(err.Error(), ";") < 6 {
		t.Errorf("nothing: %v", err)
	}
	r := measured()
	r.Server.CPUPerOp = 0
	if _, err := Make(r, Options{Peak: math.NaN()}); err == nil || !strings.Contains(err.Error(), "NaN is no rate") || !strings.Contains(err.Error(), "took no processor time") {
		t.Errorf("no cost: %v", err)
	}
}

// Whatever the result, a plan is JSON without what is no number.
func TestMadeUpResults(t *testing.T) {
	for i := range uint64(40) {
		o := synth.Options{Seed: i, Seconds: 5, Durable: i%2 == 0, Refuse: float64(i%3) / 3, Leak: float64(i%5) * 100}
		if i%4 == 0 {
			o.Kind, o.Rate = "saturate", 9000
		}
		p := make1(t, synth.Result(o), Options{Peak: math.Pow(10, float64(i%7)), Spare: int(i % 2)})
		if _, err := json.Marshal(p); err != nil {
			t.Errorf("seed %d: %v", i, err)
		}
		if p.Nodes < 1 || p.Needed < 1 || p.UseFailed > 1-p.Headroom+1e-9 || p.First().Rate <= 0 {
			t.Errorf("seed %d: %+v", i, p)
		}
	}
}
