package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// section returns the calls of bin/allot that stand in code blocks under a heading of a document, in their order.
func section(t *testing.T, file, heading string) []string {
	t.Helper()
	raw, err := os.ReadFile(repository(t, file))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(raw), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", file, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var calls []string
	for i, block := range strings.Split(text, "```") {
		if i%2 == 0 {
			continue
		}
		block = strings.ReplaceAll(block, "\\\n", " ")
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, "  #")
			if call, ok := strings.CutPrefix(strings.TrimSpace(line), "bin/allot "); ok {
				calls = append(calls, call)
			}
		}
	}
	return calls
}

// exampleTree makes a directory with the example us-parcel, as a repository has it. Unless tests are to run at their full length,
// its season is one order in fifty.
func exampleTree(t *testing.T) string {
	t.Helper()
	root, from := t.TempDir(), repository(t, example)
	into := filepath.Join(root, filepath.FromSlash(example))
	if err := os.CopyFS(into, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ALLOT_LONG") != "" {
		return root
	}
	h, _, err := history.Read(t.Context(), []history.File{history.OSFile(filepath.Join(from, "season.parquet"))}, history.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := oneIn(h, 50).WriteParquet(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(into, "season.parquet"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// oneIn returns a history with every nth order of another.
func oneIn(h *history.History, nth int) *history.History {
	few := &history.History{
		From: []uint32{0}, IDFrom: []uint64{0}, SKUs: h.SKUs, Destinations: h.Destinations, Warehouses: h.Warehouses, ServiceSets: h.ServiceSets,
		Files: h.Files, Moves: h.Moves, Exact: map[int32]units.Instant{},
	}
	for i := 0; i < h.Len(); i += nth {
		if at, ok := h.Exact[int32(i)]; ok {
			few.Exact[int32(few.Len())] = at
		}
		few.At, few.Promise, few.Dest = append(few.At, h.At[i]), append(few.Promise, h.Promise[i]), append(few.Dest, h.Dest[i])
		few.Collect, few.Allowed, few.Value = append(few.Collect, h.Collect[i]), append(few.Allowed, h.Allowed[i]), append(few.Value, h.Value[i])
		few.Row, few.File = append(few.Row, h.Row[i]), append(few.File, h.File[i])
		few.SKU, few.Units = append(few.SKU, h.SKU[h.From[i]:h.From[i+1]]...), append(few.Units, h.Units[h.From[i]:h.From[i+1]]...)
		few.IDText += h.ID(i)
		few.From, few.IDFrom = append(few.From, uint32(len(few.SKU))), append(few.IDFrom, uint64(len(few.IDText)))
	}
	return few
}

// The commands of README.md's section on what-if run as they stand, one after the other, in a directory that has the example
// and nothing else. So do those of the story in docs/what-if.md, which begins with the same call.
func TestWhatIfCommands(t *testing.T) {
	calls := section(t, "README.md", "What if")
	story := section(t, "docs/what-if.md", "A warehouse closes in December")
	if len(calls) != 2 || len(story) != 2 || story[0] != calls[0] {
		t.Fatalf("README.md calls %q, docs/what-if.md %q", calls, story)
	}
	reference := repository(t, "docs/what-if.md")
	t.Chdir(exampleTree(t))
	runCall(t, calls[0], exitDone)
	runCall(t, calls[1], exitDone)
	runCall(t, story[1], exitNoGo)
	explained(t, reference, "what-if/base")
}

// explained wants every column of a result's tables, but for single cost terms, to stand in the reference.
func explained(t *testing.T, reference, dir string) {
	t.Helper()
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"decisions.csv", "daily.csv", "regions.csv"} {
		head := strings.TrimSpace(firstLines(t, filepath.Join(dir, table), 1))
		for column := range strings.SplitSeq(head, ",") {
			if table == "decisions.csv" && strings.HasPrefix(column, "cost_") {
				column = "cost_TERM"
			}
			if !strings.Contains(string(text), "`"+column+"`") {
				t.Errorf("%s does not say what %s of %s is", reference, column, table)
			}
		}
	}
}

func runCall(t *testing.T, call string, want int) {
	t.Helper()
	words := shellWords(call)
	code, out, errs := allot(t, time.Unix(0, 0), "", words...)
	t.Logf("%s\n%s%s", call, out, errs)
	if code != want {
		t.Fatalf("%s: exit code %d, want %d", call, code, want)
	}
	for i, word := range words {
		if word != "--report" && word != "--out" {
			continue
		}
		if info, err := os.Stat(words[i+1]); err != nil || info.Size() == 0 {
			t.Errorf("%s wrote no %s: %v", call, filepath.Base(words[i+1]), err)
		}
	}
}
