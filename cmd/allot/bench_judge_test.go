package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/allot-engine/allot/bench/compare"
	"github.com/allot-engine/allot/bench/plan"
	"github.com/allot-engine/allot/bench/report/synth"
)

// benchResultsOf writes made up results into a directory: one as it is, several into directories of their own.
func benchResultsOf(t *testing.T, n int, o synth.Options) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		into := dir
		if n > 1 {
			into = filepath.Join(dir, fmt.Sprint(i+1))
		}
		o.Seed += uint64(i)
		if err := synth.Result(o).Write(into); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// writeMadeUp writes a made up result for a script, of 20 seconds: madeup DIR SEED [SLOWER]. SLOWER is the factor of what work takes.
func writeMadeUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: madeup DIR SEED [SLOWER]")
	}
	o := synth.Options{Seconds: 20, Durable: true}
	var err error
	o.Seed, err = strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	if len(args) == 3 {
		o.Slower, err = strconv.ParseFloat(args[2], 64)
		ts.Check(err)
	}
	ts.Check(synth.Result(o).Write(ts.MkAbs(args[0])))
}

// A slowdown ends with a code of its own, equals and improvements with 0, what cannot be compared with 1.
func TestBenchCompare(t *testing.T) {
	base, again := benchResultsOf(t, 1, synth.Options{Seed: 1, Seconds: 40}), benchResultsOf(t, 1, synth.Options{Seed: 2, Seconds: 40})
	slow := benchResultsOf(t, 1, synth.Options{Seed: 3, Seconds: 40, Slower: 1.2})
	wrong := benchResultsOf(t, 1, synth.Options{Seed: 2, Seconds: 40, Wrong: true})
	other := benchResultsOf(t, 1, synth.Options{Seed: 1, Seconds: 40, Name: "steady"})
	short := benchResultsOf(t, 1, synth.Options{Seed: 1, Seconds: 4})
	five, fiveSlow := benchResultsOf(t, 5, synth.Options{Seed: 10, Seconds: 20}), benchResultsOf(t, 5, synth.Options{Seed: 20, Seconds: 20, Slower: 1.2})
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err []string
	}{
		{"equals", []string{base, again}, exitDone, []string{"B against A: 1 run against 1 run of peak-day, cut into blocks of 4 seconds; 10 and 10 samples", "not slower: nothing is worse beyond chance and by 5 % or more", "note: seconds of one run are not independent"}, nil},
		{"slower", []string{base, slow}, exitMissed, []string{"SLOWER: latency p50 +", "SLOWER\n"}, nil},
		{"faster", []string{slow, base}, exitDone, []string{"not slower; better: latency p50 -"}, nil},
		{"a high threshold", []string{base, slow, "--threshold", "40%"}, exitDone, []string{"by 40 % or more"}, nil},
		{"wrong", []string{base, wrong}, exitMissed, []string{"WRONG: B did 4 things that may not happen"}, nil},
		{"runs", []string{five, fiveSlow}, exitMissed, []string{"5 runs against 5 runs of peak-day; 5 and 5 samples", "latency p99.9"}, nil},
		{"another workload", []string{base, other}, exitFaults, nil, []string{"B, run 1 workload: steady, and peak-day in the first of A; run both with the same workload", "--anyway"}},
		{"anyway", []string{base, other, "--anyway"}, exitDone, []string{"not slower"}, []string{"warning: B, run 1 workload: steady"}},
		{"short", []string{base, short, "--anyway"}, exitFaults, nil, []string{"B, run 1 seconds: 4 measured seconds are too few for 10 blocks"}},
		{"one side", []string{base}, exitUsage, nil, []string{"A or B is missing"}},
		{"flags", []string{base, base, "--threshold", "x", "--errors", "0%", "--alpha", "50%"}, exitUsage, nil, []string{`--threshold: "x" is none`, `--errors: "0%" is none`, `--alpha: "50%" is none`}},
		{"empty", []string{base, t.TempDir()}, exitUsage, nil, []string{`has no result of "allot bench": there is no result.json in it`}},
		{"gone", []string{base, filepath.Join(base, "gone")}, exitFailed, nil, []string{"no result: open "}},
	} {
		code, out, errs := allot(t, wednesday, "", append([]string{"bench", "compare"}, c.args...)...)
		if code != c.code {
			t.Errorf("%s: code %d, want %d\n%s%s", c.name, code, c.code, out, errs)
		}
		for _, want := range c.out {
			if !strings.Contains(out, want) {
				t.Errorf("%s: it does not say %q but\n%s", c.name, want, out)
			}
		}
		for _, want := range c.err {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: it does not complain %q but\n%s", c.name, want, errs)
			}
		}
	}
	code, out, _ := allot(t, wednesday, "", "bench", "compare", base, slow, "--json")
	var c compare.Comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil || code != exitMissed || !c.Slower || len(c.Figures) != 6 {
		t.Errorf("JSON: code %d, %v: %.300s", code, err, out)
	}
}

func TestBenchReport(t *testing.T) {
	one, two := benchResultsOf(t, 1, synth.Options{Seed: 1, Seconds: 20}), benchResultsOf(t, 2, synth.Options{Seed: 2, Seconds: 20})
	read := func(name string) string {
		t.Helper()
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	code, out, errs := allot(t, wednesday, "", "bench", "report", one)
	if page := filepath.Join(one, "report.html"); code != 0 || out != "" || errs != "written: "+page+"\n" || !strings.Contains(read(page), `href="./cpu.pprof"`) {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	elsewhere := filepath.Join(t.TempDir(), "both.html")
	if code, _, errs = allot(t, wednesday, "", "bench", "report", one, two, "-o", elsewhere); code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	page := read(elsewhere)
	way, err := filepath.Rel(filepath.Dir(elsewhere), filepath.Join(two, "2", "cpu.pprof"))
	if err != nil || !strings.Contains(page, `href="./`+filepath.ToSlash(way)+`"`) || !strings.Contains(page, "3 load tests: peak-day") {
		t.Errorf("the page of three does not link to %s", way)
	}
	if code, out, _ = allot(t, wednesday, "", "bench", "report", one, "--out", "-"); code != 0 || !strings.HasPrefix(out, "<!doctype html>") || !strings.HasSuffix(out, "</html>\n") {
		t.Errorf("code %d: %.100s", code, out)
	}
	for want, args := range map[string][]string{
		"say with --out where the page goes": {two}, "RESULT is missing": {}, "there is no result.json": {t.TempDir()},
	} {
		if code, _, errs = allot(t, wednesday, "", append([]string{"bench", "report"}, args...)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: code %d, %q", args, code, errs)
		}
	}
	if code, _, errs = allot(t, wednesday, "", "bench", "report", one, "--out", filepath.Join(one, "gone", "x.html")); code != exitFailed || !strings.Contains(errs, "--out: ") {
		t.Errorf("code %d, %q", code, errs)
	}
	if err := os.WriteFile(filepath.Join(one, "result.json"), []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs = allot(t, wednesday, "", "bench", "report", one); code != exitFailed || !strings.Contains(errs, "version 99 is of a later allot") {
		t.Errorf("code %d, %q", code, errs)
	}
}

func TestBenchPlan(t *testing.T) {
	one := benchResultsOf(t, 1, synth.Options{Seed: 1, Seconds: 20, Durable: true})
	saturated := benchResultsOf(t, 1, synth.Options{Seed: 1, Kind: "saturate", Rate: 9000})
	code, out, errs := allot(t, wednesday, "", "bench", "plan", one, "--peak", "12000", "--retention", "1m")
	if code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	for _, want := range []string{"12,000 orders a second, with 40 % headroom", "of processor time: ", "2.5 operations an order", "and 1 spare, of 4 processors", "processors saturates first", "the disk busy ", "sequencer ", "not measured: the server does not tell how long a hold takes"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q but\n%s", want, out)
		}
	}
	if code, out, _ = allot(t, wednesday, "", "bench", "plan", saturated, "--peak", "900", "--spare", "0", "--memory", "512"); code != 0 || !strings.Contains(out, "latency by use, as the saturation measured it") || !strings.Contains(out, "measured ") {
		t.Errorf("code %d:\n%s", code, out)
	}
	code, out, _ = allot(t, wednesday, "", "bench", "plan", one, "--peak", "12000", "--cores", "16", "--headroom", "50%", "--spare", "2", "--json")
	var p plan.Plan
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != 0 || p.NodeCores != 16 || p.Headroom != 0.5 || p.Spare != 2 {
		t.Errorf("JSON: code %d, %v: %.300s", code, err, out)
	}
	code, _, errs = allot(t, wednesday, "", "bench", "plan", one, "--headroom", "100%", "--spare", "-1", "--cores", "0", "--memory", "-1", "--bandwidth", "0", "--retention", "0s", "--peak-hours", "25")
	for _, flag := range []string{"--peak: it is missing", "--headroom: ", "--spare: -1", "--cores: 0", "--memory: -1", "--bandwidth: 0", "--retention: 0", "--peak-hours: 25"} {
		if code != exitUsage || !strings.Contains(errs, flag) {
			t.Errorf("code %d: it does not complain %q but\n%s", code, flag, errs)
		}
	}
	if code, _, errs = allot(t, wednesday, "", "bench", "plan", one, "--peak", "NaN"); code != exitUsage || !strings.Contains(errs, "--peak: NaN") {
		t.Errorf("code %d: %s", code, errs)
	}
	noServer := synth.Result(synth.Options{Seed: 1, Seconds: 4})
	noServer.Server = nil
	dir := t.TempDir()
	if err := noServer.Write(dir); err != nil {
		t.Fatal(err)
	}
	if code, _, errs = allot(t, wednesday, "", "bench", "plan", dir, "--peak", "5"); code != exitFaults || !strings.Contains(errs, "the result has no figures of the server") {
		t.Errorf("code %d: %s", code, errs)
	}
}
