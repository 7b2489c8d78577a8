package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-engine/allot/bench/rounds"
)

// TestRun measures what needs no programs of others, for a moment: the figures say nothing, but each must be there and the
// costs must be the same.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if rounds.InMemory(dir) {
		t.Skip("the directory for temporary files is in memory")
	}
	results := filepath.Join(dir, "RESULTS.md")
	if err := os.WriteFile(results, []byte("# Results\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	args := []string{"--peers=false", "--dir", dir, "--network", filepath.Join("..", "..", "examples", "us-parcel"), "--rounds", "2", "--orders", "10",
		"--warehouses", "12", "--slice", "5ms", "--results", results, "--json"}
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var res result
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		t.Fatal(err)
	}
	if len(res.Differences) > 0 {
		t.Errorf("costs differ: %+v", res.Differences)
	}
	// 10 orders of the usual network, 2 where little is stocked; us-parcel has no naive version.
	if len(res.Compared) != 1 || res.Compared[0].Who != naiveName || res.Compared[0].Orders != 12 {
		t.Errorf("compared: %+v", res.Compared)
	}
	var names []string
	for _, part := range res.Tables {
		for _, f := range part.Rows {
			names = append(names, f.Name)
			if len(f.Rounds) == 0 {
				t.Errorf("%s: %s was not measured", part.Title, f.Name)
			}
		}
	}
	for _, want := range []string{"Allot", "the naive version / Allot", "empty echo", "durable Allocate / echo", "Allot: one hot SKU / uniform, 1 line", "journal / raw appends"} {
		if !strings.Contains(strings.Join(names, "\n"), want) {
			t.Errorf("nothing is said of %q: %q", want, names)
		}
	}
	leftOut := 0
	for _, p := range res.Peers {
		if p.LeftOut != "" {
			leftOut++
		}
	}
	if leftOut != 3 {
		t.Errorf("%d of HiGHS, CBC and PostgreSQL are said to be left out: %+v", leftOut, res.Peers)
	}
	text, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Results\n\n" + beginning, "## Peers", "Costs that differ from Allot's: 0. Compared were 12 of the naive version.", "CBC: left out", end + "\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the section lacks %q:\n%s", want, text)
		}
	}
	var table bytes.Buffer
	if err := res.print(&table); err != nil || !strings.Contains(table.String(), "cpu µs/order") {
		t.Errorf("%v: %s", err, table.String())
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--slice", "0s"}, {"--orders", "0"}, {"--only", "disk"}, {"more"}, {"--unknown"}} {
		var out, progress bytes.Buffer
		if err := run(t.Context(), args, &out, &progress); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %s", args, err, out.String())
		}
	}
}

// A section takes the place of the one before it, and of nothing else.
func TestReplace(t *testing.T) {
	once, err := replace("# Results\n\nof others\n", "## Peers\n\none\n")
	if err != nil {
		t.Fatal(err)
	}
	twice, err := replace(once+"\n## Later\n", "## Peers\n\ntwo\n")
	if err != nil {
		t.Fatal(err)
	}
	want := "# Results\n\nof others\n\n" + beginning + "\n## Peers\n\ntwo\n" + end + "\n\n## Later\n"
	if twice != want {
		t.Errorf("%q, want %q", twice, want)
	}
	for _, broken := range []string{beginning + "\n", end + "\n"} {
		if text, err := replace(broken, "x"); err == nil {
			t.Errorf("%q became %q", broken, text)
		}
	}
}
