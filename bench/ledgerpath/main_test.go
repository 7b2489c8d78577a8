package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestRun measures everything for a moment: the figures say nothing, but each must be there.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if inMemory(dir) {
		t.Skip("the directory for temporary files is in memory")
	}
	var out, progress bytes.Buffer
	if err := run(t.Context(), []string{"--dir", dir, "--rounds", "1", "--slice", "20ms", "--holds", "300", "--json"}, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var res result
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		t.Fatal(err)
	}
	var promised []string
	for _, p := range res.Promises {
		if p.Median <= 0 || p.Target == "" {
			t.Errorf("%+v", p)
		}
		promised = append(promised, p.Name)
	}
	for _, part := range []string{"journal / raw", "durable Allocate / echo", "Allocate in memory / echo", "hot SKU / uniform", "events replayed", "seconds to be back"} {
		if !strings.Contains(strings.Join(promised, "\n"), part) {
			t.Errorf("no promise is about %q: %q", part, promised)
		}
	}
	if err := res.print(&out); err != nil {
		t.Error(err)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--slice", "0s"}, {"--holds", "0"}, {"--only", "disk"}, {"more"}, {"--unknown"}} {
		var out, progress bytes.Buffer
		if err := run(t.Context(), args, &out, &progress); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %s", args, err, out.String())
		}
	}
}

func TestPromises(t *testing.T) {
	m := &measurement{result: &result{}}
	m.atLeast("ratio", 0.5, ratios([]float64{1, 2, 3}, []float64{4, 4, 4}))
	m.atLeast("rate", 100, []float64{90, 95, 99})
	m.atMost("seconds", 5, []float64{1, 7, 6})
	for i, want := range []promise{
		{Median: 0.5, Least: 0.25, Most: 0.75, Target: "at least 0.50", Holds: true},
		{Median: 95, Least: 90, Most: 99, Target: "at least 100"},
		{Median: 6, Least: 1, Most: 7, Target: "at most 5.00"},
	} {
		if p := m.result.Promises[i]; p.Median != want.Median || p.Least != want.Least || p.Most != want.Most || p.Target != want.Target || p.Holds != want.Holds {
			t.Errorf("%+v, not %+v", p, want)
		}
	}
	var out bytes.Buffer
	if err := m.result.print(&out); err != nil || strings.Count(out.String(), "NOT MET") != 2 {
		t.Errorf("%v\n%s", err, out.String())
	}
}
