package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/export"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
)

// someData returns a data directory in which a server has held and given back some mugs, a hold at a time.
func someData(t *testing.T, holds int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s := startServe(t, wednesday, "testdata/network", "--data", dir)
	for i := 1; i <= holds; i++ {
		s.post(t, "allot.v1.AllocationService/Allocate",
			fmt.Sprintf(`{"requestId":"r%d","order":{"id":"o-%d","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"}}}`, i, i))
		if i < holds {
			s.post(t, "allot.v1.AllocationService/Release", fmt.Sprintf(`{"requestId":"b%d","holdId":"%d"}`, i, i))
		}
	}
	if code, log := s.stop(); code != exitDone {
		t.Fatalf("allot serve ended with %d: %s", code, log)
	}
	return dir
}

// trim makes a snapshot and drops what is before it, as a server does in the background.
func trim(t *testing.T, dir string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	j, err := pebblejournal.Open(dir, pebblejournal.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s, err := durable.Open(j, durable.Options{Network: "three mugs", Keep: 1, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTrimmed: what was dropped behind a snapshot is not asked for in vain without being told, and all the rest is there.
func TestTrimmed(t *testing.T) {
	dir := someData(t, 3)
	code, before, _ := allot(t, wednesday, "", "ledger", "export", dir, "--out", filepath.Join(dir, "..", "before"), "--format", "csv")
	if code != exitDone {
		t.Fatal(before)
	}
	trim(t, dir)
	for _, step := range []struct {
		code int
		want string // in what is printed, or in what is said
		args []string
	}{
		{exitDone, "good up to event 10, kept from 11 on; 1 open hold", []string{"verify"}},
		{exitDone, "1 snapshot, 1 network and 0 versions of prices read back", []string{"verify"}},
		{exitUsage, "--at: the state after event 7 cannot be made any more; the oldest that can is 10", []string{"export", "--out", filepath.Join(dir, "..", "t"), "--at", "7"}},
		{exitDone, "as after event 10", []string{"export", "--out", filepath.Join(dir, "..", "after"), "--format", "csv"}},
		{exitFailed, `nothing was decided about "o-1", since event 10, before which nothing is kept`, []string{"replay", "o-1"}},
		{exitDone, "no decision is kept", []string{"replay", "--all"}},
	} {
		args := append([]string{"ledger", step.args[0], dir}, step.args[1:]...)
		if code, out, errs := allot(t, wednesday, "", args...); code != step.code || !strings.Contains(out+errs, step.want) {
			t.Errorf("%v: code %d, not %d with %q\n%s%s", step.args, code, step.code, step.want, out, errs)
		}
	}
	for _, name := range []string{"holds.csv", "shipments.csv", "stock.csv"} {
		was, err := os.ReadFile(filepath.Join(dir, "..", "before", name))
		if err != nil {
			t.Fatal(err)
		}
		is, err := os.ReadFile(filepath.Join(dir, "..", "after", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(was, is) {
			t.Errorf("%s is another from the snapshot:\n%s\nthan from the events:\n%s", name, is, was)
		}
	}

	// A dump of what is left restores, and a server goes on with it: the hold is there, and the request has its answer.
	code, dump, errs := allot(t, wednesday, "", "ledger", "dump", dir)
	if code != exitDone {
		t.Fatal(errs)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	if code, _, errs := allot(t, wednesday, dump, "ledger", "restore", "-", "--data", restored); code != exitDone {
		t.Fatal(errs)
	}
	s := startServe(t, wednesday, "testdata/network", "--data", restored)
	defer s.stop()
	if got := s.post(t, "allot.v1.AllocationService/Get", `{"holdId":"3"}`); !strings.Contains(got, "HOLD_STATE_PENDING") {
		t.Errorf("hold 3 is %s", got)
	}
}

// TestExportedParquet reads an exported file back as others would.
func TestExportedParquet(t *testing.T) {
	dir := someData(t, 2)
	out := filepath.Join(t.TempDir(), "tables")
	if code, _, errs := allot(t, wednesday, "", "ledger", "export", dir, "--out", out); code != exitDone {
		t.Fatal(errs)
	}
	rows, err := parquet.ReadFile[export.Hold](filepath.Join(out, "holds.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(out, "holds.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || len(text) != 3 {
		t.Fatalf("%d rows in Parquet, %d in CSV", len(rows), len(text)-1)
	}
	for i, r := range rows {
		if r.HoldID != text[i+1][0] || r.HoldID != strconv.Itoa(i+1) || r.Cost != 12_400_000 || text[i+1][13] != "12.40" {
			t.Errorf("hold %d is %+v, in CSV %q", i, r, text[i+1])
		}
		if !time.UnixMilli(r.GrantedAt).Equal(wednesday) || r.ArrivesAt == nil || *r.ArrivesAt <= r.GrantedAt || r.Network == "" {
			t.Errorf("hold %d is %+v", i, r)
		}
	}
}

// TestLedgerInterrupted ends the commands that may take long, and leaves nothing half done.
func TestLedgerInterrupted(t *testing.T) {
	dir := someData(t, 2)
	code, dump, _ := allot(t, wednesday, "", "ledger", "dump", dir)
	if code != exitDone {
		t.Fatal(dump)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	out := t.TempDir()
	for _, args := range [][]string{
		{"ledger", "verify", dir}, {"ledger", "dump", dir, "-o", filepath.Join(out, "dump.jsonl")}, {"ledger", "replay", dir, "--all"},
		{"ledger", "export", dir, "--out", filepath.Join(out, "tables")}, {"ledger", "restore", "-", "--data", filepath.Join(out, "new")},
		{"serve", "testdata/network", "--grpc", "127.0.0.1:0", "--http", "none", "--admin", "none", "--log-format", "none", "--data", dir},
	} {
		var stdout, stderr bytes.Buffer
		on := &terminal{in: strings.NewReader(dump), out: bufio.NewWriter(&stdout), err: &stderr, now: func() time.Time { return wednesday }}
		if code := on.run(ctx, args); code != exitFailed || !strings.HasPrefix(stderr.String(), "allot ") || !strings.HasSuffix(stderr.String(), ": interrupted\n") {
			t.Errorf("%v: code %d, %q", args, code, stderr.String())
		}
	}
	if files, err := filepath.Glob(filepath.Join(out, "*.jsonl*")); err != nil || len(files) > 0 {
		t.Errorf("there is %v", files)
	}
	if code, out, _ := allot(t, wednesday, "", "ledger", "verify", dir); code != exitDone {
		t.Errorf("afterwards: %s", out)
	}
}

// TestRecoveryTellsHowFar shows on a terminal how far a long recovery is, and takes the line away.
func TestRecoveryTellsHowFar(t *testing.T) {
	dir := someData(t, 2)
	var errs bytes.Buffer
	on := &terminal{err: &errs, errIsTerminal: true}
	j, err := pebblejournal.Open(dir, pebblejournal.Options{ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	w := watch(t.Context(), j, newProgress(on, false, "event"))
	w.progress.began = w.progress.began.Add(-4 * time.Second)
	for _, err := range w.Read(0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := errs.String(); !strings.HasPrefix(got, "\r1 event of 8, ") {
		t.Errorf("it says %q", got)
	}
	w.end()
	if !strings.HasSuffix(errs.String(), " \r") {
		t.Errorf("the line is left behind: %q", &errs)
	}
	errs.Reset()
	for _, err := range w.Read(0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if errs.Len() > 0 {
		t.Errorf("after the end it says %q", &errs)
	}
}

// TestWriteFile leaves a file whole or as it was.
func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"first", "second"} {
		if err := writeFile(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	failed := errors.New("no")
	if err := writeFile(name, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return failed }); !errors.Is(err, failed) {
		t.Errorf("it fails with %v", err)
	}
	raw, err := os.ReadFile(name)
	if err != nil || string(raw) != "second" {
		t.Errorf("the file is %q, %v", raw, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("there is %v", entries)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(name, link); err != nil {
		t.Skip(err)
	}
	if err := writeFile(link, func(w io.Writer) error { _, err := io.WriteString(w, "third"); return err }); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(name); err != nil || string(raw) != "third" {
		t.Errorf("behind a link the file is %q, %v", raw, err)
	}
	if err := writeFile(os.DevNull, func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s is %v, %v", os.DevNull, info, err)
	}
}
