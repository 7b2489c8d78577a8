package main

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/simulate/history"
)

// quick is a measurement too short to tell anything but that the command works, in this process.
func quick(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{"--inline", "--orders", "1000", "--sweep", "300", "--rounds", "1", "--dir", t.TempDir()}, more...)
}

func TestRunPrintsAll(t *testing.T) {
	var out bytes.Buffer
	if err := run(quick(t, "--json"), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != 10 || len(r.Promises) != 5 {
		t.Fatalf("%d runs, %d promises", len(r.Runs), len(r.Promises))
	}
	byWorkers := map[string]bool{}
	for _, m := range r.Runs {
		if m.Filled < m.Orders*len(m.Variants)/2 || m.Hash == "" || m.State == "" || m.Wall <= 0 {
			t.Errorf("%+v", *m)
		}
		if strings.HasSuffix(m.Name, "workers") {
			byWorkers[m.Hash+m.State] = true
		}
	}
	if len(byWorkers) != 1 || r.Promises[3].Median != 1 {
		t.Errorf("1, 2 and 5 workers have %d different results", len(byWorkers))
	}
	sweep := r.Runs[5]
	var singles strings.Builder
	for _, m := range r.Runs[6:] {
		singles.WriteString(m.Hash)
	}
	if sweep.Hash != singles.String() {
		t.Errorf("the sweep has other results than its scenarios one by one:\n%s\n%s", sweep.Hash, singles.String())
	}
	out.Reset()
	if err := bench.Print(&out, &r, r.print, r.Promises, false, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"50 warehouses, 12 services", "season, round 1", "5 workers", "sweep of four", "single: close",
		"seconds, 1000 orders from file to results on 2 cores", "10 to 1000 orders", "different results of 1, 2 and 5 workers", "sweep of four / four single runs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--orders", "10"}, {"--sweep", "0"}, {"more"}, {"--what"}, {"--stage", "{"}, {"--dir", "/nowhere/at/all"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestASeasonIsTheSameForTheSameSeed(t *testing.T) {
	src := source(3)
	a, b, c := season(3, src, 2_000), season(3, src, 2_000), season(4, src, 2_000)
	if !slices.Equal(a.SKU, b.SKU) || !slices.Equal(a.Dest, b.Dest) || !slices.Equal(a.Moves, b.Moves) {
		t.Error("two seasons of one seed differ")
	}
	if slices.Equal(a.SKU, c.SKU) {
		t.Error("two seeds have the same season")
	}
	lines := float64(len(a.SKU)) / 2_000
	units := 0
	for _, n := range a.Units {
		units += int(n)
	}
	if lines < 1.8 || lines > 2 || float64(units)/2_000 < 0.95*unitsAnOrder || float64(units)/2_000 > 1.05*unitsAnOrder { // the seed is fixed
		t.Errorf("%.3f lines and %.3f units an order, which should be 1.9 and %.3f", lines, float64(units)/2_000, unitsAnOrder)
	}
	if !slices.IsSortedFunc(a.Moves, func(x, y history.Move) int { return int(x.At - y.At) }) {
		t.Error("the moves are not in the order of their time")
	}
}
