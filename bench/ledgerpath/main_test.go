package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/allot-engine/allot/bench/rounds"
)

// TestRun measures everything for a moment: the figures say nothing, but each must be there.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if rounds.InMemory(dir) {
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
