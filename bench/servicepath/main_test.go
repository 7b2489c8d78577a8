package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/allot-engine/allot/bench/rounds"
)

// TestMain lets the test binary be the servers that are measured.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun measures everything for a moment: the figures say nothing, but each must be there.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if rounds.InMemory(dir) {
		t.Skip("the directory for temporary files is in memory")
	}
	var out, progress bytes.Buffer
	if err := run(t.Context(), []string{"--dir", dir, "--rounds", "1", "--slice", "1ms", "--json"}, nil, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var res result
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		t.Fatal(err)
	}
	if len(res.Subjects) != subjects || len(res.Promises) != 7 || res.Request == 0 || res.Answer == 0 {
		t.Errorf("%+v", res)
	}
	for _, s := range res.Subjects {
		if s.Name == "" || len(s.Rate) != 1 || s.Rate[0] <= 0 || len(s.Server) != 1 || len(s.Client) != 1 {
			t.Errorf("%+v", s)
		}
	}
	if err := res.print(&out); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--slice", "0s"}, {"--only", "trains"}, {"more"}, {"--unknown"}} {
		var out, progress bytes.Buffer
		if err := run(t.Context(), args, strings.NewReader(""), &out, &progress); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %s", args, err, out.String())
		}
	}
}
