package main

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/load"
)

// TestMain lets the test binary be the hostile clients.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-attack" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A burst of two seconds after one that is warm: what each second counts for.
func TestJudgeBurst(t *testing.T) {
	const well, slow = int64(100 * time.Millisecond), int64(deadline/2) + 1
	during := []load.Second{
		{At: 0, Warm: true, Intended: 50, Answered: 1, P99: int64(time.Hour), ServerCPU: 9, Heap: 1 << 40},
		{At: 1, Intended: 200, Answered: 90, TimedOut: 10, P99: well, ServerCPU: 1, Heap: 300, GeneratorCPU: 0.5},
		{At: 2, Intended: 200, Answered: 110, P99: 2 * well, ServerCPU: 1, Heap: 200, GeneratorCPU: 0.7},
	}
	want := burst{window: window{rate: 100, perCPU: 100}, p99: 200, timedOut: 10. / 210, cpu: 1, heap: 300, generator: 0.7, resident: 77}
	for name, c := range map[string]struct {
		after    []load.Second
		recovery float64
	}{
		"at once":                              {[]load.Second{{At: 3, Intended: 50, Answered: 50, P99: well}, {At: 4, Intended: 50, Answered: 48, P99: well}}, 0},
		"too few answers in the second second": {[]load.Second{{At: 3, Intended: 50, Answered: 50, P99: well}, {At: 4, Intended: 50, Answered: 47, P99: well}}, 2},
		"too slow in the first":                {[]load.Second{{At: 3, Intended: 50, Answered: 50, P99: slow}, {At: 4, Intended: 50, Answered: 50, P99: well}}, 1},
		"only answers at the end":              {[]load.Second{{At: 3, Intended: 50, Answered: 50, P99: well}, {At: 4, Answered: 3, P99: slow}}, 0},
	} {
		got, err := judgeBurst(&load.Result{Seconds: append(during, c.after...), Server: &load.Server{Resident: 77}}, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := want
		if want.recovery = c.recovery; !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, want %+v", name, *got, want)
		}
	}
	if got, err := judgeBurst(&load.Result{Seconds: during}, 3); err == nil {
		t.Errorf("without an admin port: %+v", got)
	}
	if got, err := judgeBurst(&load.Result{Seconds: during[:1], Server: &load.Server{}}, 3); err == nil {
		t.Errorf("of a warm-up alone: %+v", got)
	}
}

func TestChoked(t *testing.T) {
	cores := float64(runtime.GOMAXPROCS(0))
	for name, c := range map[string]struct {
		generator load.Generator
		unsent    int64
		choked    bool
	}{
		"at ease":            {load.Generator{CPU: 0.5 * cores, WorstLate: mostLate}, 10, false},
		"busy":               {load.Generator{CPU: mostCPU*cores + 0.01}, 0, true},
		"out of callers":     {load.Generator{}, 11, true},
		"late with an order": {load.Generator{WorstLate: mostLate + 1}, 0, true},
	} {
		why := choked(&load.Result{Generator: c.generator, Operations: []load.Operation{{Intended: 1_000, Unsent: c.unsent}}})
		if (why != "") != c.choked {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--slice", "1s"}, {"--resets", "-1"}, {"more"}, {"--unknown"}} {
		var out, progress bytes.Buffer
		if err := run(t.Context(), args, &out, &progress); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %s", args, err, out.String())
		}
	}
}

// TestRun measures everything for a moment, against a real server: the figures say nothing, but each must be there.
func TestRun(t *testing.T) {
	if os.Getenv("ALLOT_LONG") == "" {
		t.Skip("it builds a server and takes a minute; set ALLOT_LONG=1")
	}
	t.Chdir("../..")
	var out, progress bytes.Buffer
	if err := run(t.Context(), []string{"--rounds", "1", "--slice", "2s", "--resets", "1000", "--json"}, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var res result
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		t.Fatal(err)
	}
	if len(res.Promises) != 10 || len(res.Resets) != 1 || res.Resets[0] < 1_000 || res.Half.Goodput[0] <= 0 || res.Double.Goodput[0] <= 0 || res.Beside[0] <= 0 {
		t.Errorf("%s", out.String())
	}
}
