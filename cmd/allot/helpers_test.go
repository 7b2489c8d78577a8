package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func replaceOnce(text, old, with string) (string, bool) {
	before, after, ok := strings.Cut(text, old)
	return before + with + after, ok
}

// allot runs a command in this process, at a moment of the caller's.
func allot(t testing.TB, now time.Time, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	on := &terminal{in: strings.NewReader(stdin), out: bufio.NewWriter(&out), err: &errs, now: func() time.Time { return now }}
	code = on.run(context.Background(), args)
	return code, out.String(), errs.String()
}

// wednesday is 10 in the morning in Columbus.
var wednesday = time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC)

// repository returns a path within the repository.
func repository(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, filepath.FromSlash(name))
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above this directory")
		}
		dir = filepath.Dir(dir)
	}
}
