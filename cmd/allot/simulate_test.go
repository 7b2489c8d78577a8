package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/results"
)

// manyOrders writes more orders than a replay decides at a time.
func manyOrders(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	begin := time.Date(2026, 11, 16, 6, 0, 0, 0, time.UTC)
	for i := range simulate.BlockOrders + 500 {
		fmt.Fprintf(&b, `{"id":"o-%d","orderedAt":%q,"lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"}}`+"\n", i, begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339))
	}
	name := filepath.Join(t.TempDir(), "season.jsonl")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A stopping sink lets a number of blocks pass and stops the run then.
type stopping struct {
	simulate.Sink
	blocks int
}

var errStop = errors.New("stop")

func (s *stopping) Write(prepared any) error {
	if s.blocks == 0 {
		return errStop
	}
	s.blocks--
	return s.Sink.Write(prepared)
}

// stopAfter replays so many blocks, and returns as if the context had ended then.
func stopAfter(blocks int) func(context.Context, *simulate.Input, simulate.Options, simulate.Sink) (*simulate.Report, error) {
	return func(ctx context.Context, in *simulate.Input, o simulate.Options, sink simulate.Sink) (*simulate.Report, error) {
		rep, err := simulate.Run(ctx, in, o, &stopping{sink, blocks})
		if !errors.Is(err, errStop) {
			return nil, fmt.Errorf("the run was to be stopped: %w", err)
		}
		rep.Stopped, rep.State = true, ""
		return rep, nil
	}
}

// What was decided until an interruption is a result, says that it is partial wherever it is shown, and --resume does the run
// again.
func TestSimulatePartial(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"simulate", "--network", "testdata/network", "--orders", manyOrders(t), "--out", out, "--csv=false", "--no-floor"}
	fl := simulateFlags{out: out, noFloor: true}
	fl.network, fl.orders, fl.maxBad = "testdata/network", []string{args[4]}, "0%"
	fl.seed, fl.resume = 1, true

	var stdout, stderr bytes.Buffer
	on := &terminal{in: strings.NewReader(""), out: bufio.NewWriter(&stdout), err: &stderr, now: time.Now}
	b, err := fl.prepare(t.Context(), on)
	if err != nil {
		t.Fatal(err)
	}
	b.replay = stopAfter(1)
	err = b.finish(t.Context(), on, &fl)
	if code, ok := errors.AsType[toldError](err); !ok || int(code) != exitFailed {
		t.Errorf("it ended with %v", err)
	}
	if got := stderr.String(); !strings.Contains(got, "interrupted: 0 of 1 run complete, and what was begun is kept as partial; the same command with --resume goes on") {
		t.Errorf("it says %q", got)
	}
	if got := stdout.String(); !strings.Contains(got, "base: 4,096 orders of 2026-11-16, PARTIAL: the first 4,096 of 4,596\n") {
		t.Errorf("it shows\n%s", got)
	}
	run, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if s := run.Summary; !s.Partial || s.Orders.Done != simulate.BlockOrders || s.Orders.History != simulate.BlockOrders+500 {
		t.Errorf("partial %v: %d of %d orders", s.Partial, s.Orders.Done, s.Orders.History)
	}

	code, _, errs := allot(t, wednesday, "", append(args, "--resume")...)
	if run, err = results.Open(out); err != nil {
		t.Fatal(err)
	}
	if code != exitDone || strings.Contains(errs, "kept") || run.Summary.Partial || run.Summary.Orders.Done != simulate.BlockOrders+500 {
		t.Errorf("resumed with code %d: %s; %d orders, partial %v", code, errs, run.Summary.Orders.Done, run.Summary.Partial)
	}
	code, _, errs = allot(t, wednesday, "", append(args, "--resume")...)
	if code != exitDone || errs != "1 result kept\n" {
		t.Errorf("resumed again with code %d: %s", code, errs)
	}
}

// A batch that is interrupted keeps the runs that ended, and --resume does the others: the results are those of one that was not.
func TestSimulateResumesABatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sweep := filepath.Join(dir, "sweep.yaml")
	text := "name: rates\nchanges:\n  - rates: {service: ground, scale: $by}\nsweep:\n  by: [+0%, +2%, +6%]\n"
	if err := os.WriteFile(sweep, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	args := []string{"simulate", "--network", "testdata/network", "--orders", manyOrders(t), "--scenario", sweep, "--csv=false", "--no-floor", "--quiet", "--workers", "1"}
	fl := simulateFlags{out: out, noFloor: true, workers: 1, seed: 1, quiet: true, scenarios: []string{sweep}}
	fl.network, fl.orders, fl.maxBad = "testdata/network", []string{args[4]}, "0%"

	var stdout, stderr bytes.Buffer
	on := &terminal{in: strings.NewReader(""), out: bufio.NewWriter(&stdout), err: &stderr, now: time.Now}
	b, err := fl.prepare(t.Context(), on)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := 0
	b.replay = func(_ context.Context, in *simulate.Input, o simulate.Options, sink simulate.Sink) (*simulate.Report, error) {
		if ended++; ended == 2 { // the second run is under way when the interruption comes
			cancel()
			return stopAfter(1)(context.Background(), in, o, sink)
		}
		return simulate.Run(context.Background(), in, o, sink)
	}
	err = b.finish(ctx, on, &fl)
	if code, ok := errors.AsType[toldError](err); !ok || int(code) != exitFailed || ended != 2 {
		t.Errorf("it ended with %v after %d runs", err, ended)
	}
	if got := stderr.String(); !strings.Contains(got, "interrupted: 1 of 4 runs complete") {
		t.Errorf("it says %q", got)
	}
	whole := filepath.Join(dir, "whole")
	for _, call := range [][]string{append(args, "--out", out, "--resume"), append(args, "--out", whole)} {
		if code, _, errs := allot(t, wednesday, "", call...); code != exitDone {
			t.Fatalf("code %d: %s", code, errs)
		}
	}
	for _, run := range []string{"base", "rates_by+0", "rates_by+2", "rates_by+6"} {
		for _, file := range []string{"summary.json", "decisions.parquet", "daily.parquet", "regions.geojson"} {
			got, err1 := os.ReadFile(filepath.Join(out, run, file))
			want, err2 := os.ReadFile(filepath.Join(whole, run, file))
			if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Errorf("%s of %s is another after resuming: %v, %v", file, run, err1, err2)
			}
		}
	}
}

// A run that fails stops those beside it, and its fault is told; nothing of it is left.
func TestSimulateFails(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	fl := simulateFlags{out: out, seed: 1}
	fl.network, fl.orders, fl.maxBad = "testdata/network", []string{manyOrders(t)}, "0%"
	on := &terminal{in: strings.NewReader(""), out: bufio.NewWriter(&bytes.Buffer{}), err: &bytes.Buffer{}, now: time.Now}
	b, err := fl.prepare(t.Context(), on)
	if err != nil {
		t.Fatal(err)
	}
	b.replay = func(ctx context.Context, in *simulate.Input, o simulate.Options, sink simulate.Sink) (*simulate.Report, error) {
		return simulate.Run(ctx, in, o, &stopping{sink, 1})
	}
	if err := b.finish(t.Context(), on, &fl); !errors.Is(err, errStop) || !strings.Contains(err.Error(), out) {
		t.Errorf("it ended with %v", err)
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		t.Errorf("it left %v", entries)
	}
}

// An interruption while the orders are read ends it, and nothing is written.
func TestSimulateInterruptedWhileReading(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var errs bytes.Buffer
	orders := &cancelling{text: `{"id":"a","orderedAt":"2026-11-16T15:00:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"}}` + "\n", after: 3, cancel: cancel}
	on := &terminal{in: orders, out: bufio.NewWriter(&bytes.Buffer{}), err: &errs, now: time.Now}
	out := filepath.Join(t.TempDir(), "out")
	if code := on.run(ctx, []string{"simulate", "--network", "testdata/network", "--orders", "-", "--out", out}); code != exitFailed {
		t.Errorf("code %d", code)
	}
	if !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("it says %q", &errs)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}

// On a terminal a long replay tells how far it is.
func TestSimulateProgress(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	on := &terminal{err: &errs, errIsTerminal: true}
	p := newProgress(on, false, "order")
	p.began = p.began.Add(-4 * time.Second)
	one, two := &replayed{}, &replayed{}
	b := &batch{progress: p, total: 20_000, under: map[*replayed]int{}}
	b.step(one, 4_096)
	if got := errs.String(); !strings.HasPrefix(got, "\r4,096 orders of 20,000, ") {
		t.Errorf("it says %q", got)
	}
	b.step(two, 4_096)
	b.step(one, 10_000)
	b.ended(one)
	errs.Reset()
	p.last = time.Time{}
	b.step(two, 8_192)
	if got := errs.String(); !strings.HasPrefix(got, "\r18,192 orders of 20,000, ") {
		t.Errorf("it says %q", got)
	}
}
