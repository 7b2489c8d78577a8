package main

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestVirtualClock: what a clock of another beginning and speed says, at the ends of what it may be asked.
func TestVirtualClock(t *testing.T) {
	began := wednesday
	from := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	at := began
	for _, c := range []struct {
		speed  float64
		passed time.Duration
		want   time.Time
	}{
		{1, 0, from},
		{144, 0, from},
		{144, 10 * time.Minute, from.Add(24 * time.Hour)},
		{144, -time.Minute, from.Add(-144 * time.Minute)},
		{0.5, time.Hour, from.Add(30 * time.Minute)},
		{10_000, 24 * time.Hour, from.Add(240_000 * time.Hour)},
		{10_000, math.MaxInt64, from.Add(1 << 62)}, // as far as it goes, and no further round
	} {
		now := virtualClock(func() time.Time { return at }, began, from, c.speed)
		at = began.Add(c.passed)
		if got := now(); !got.Equal(c.want) {
			t.Errorf("%v times as fast, %v later: %v, want %v", c.speed, c.passed, got, c.want)
		}
	}
}

// TestServeClock: a server dates what it answers by the clock that it was given.
func TestServeClock(t *testing.T) {
	var passed atomic.Int64 // of the time
	clock := func() time.Time { return wednesday.Add(time.Duration(passed.Load())) }
	disk := vfs.NewMem()
	s := startServeOn(t, &terminal{now: clock, files: disk}, "testdata/network", "--data", "data", "--clock-from", "2026-11-27T00:00:00Z", "--clock-speed", "144")
	expires := func(request string) time.Time {
		var answer struct{ Hold struct{ ExpiresAt time.Time } }
		if err := json.Unmarshal([]byte(s.post(t, "allot.v1.AllocationService/Allocate", allocateBody(request, 1))), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Hold.ExpiresAt
	}
	first := expires("r1")
	if from := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC); !first.After(from) || first.After(from.Add(24*time.Hour)) {
		t.Errorf("a hold of %v lasts until %v", from, first)
	}
	passed.Store(int64(10 * time.Second))
	if second := expires("r2"); !second.Equal(first.Add(24 * time.Minute)) {
		t.Errorf("10 s later a hold lasts until %v, at first until %v", second, first)
	}
	var current struct{ Time time.Time }
	if err := json.Unmarshal([]byte(s.post(t, "allot.v1.NetworkService/Current", "{}")), &current); err != nil || !current.Time.Equal(time.Date(2026, 11, 27, 0, 24, 0, 0, time.UTC)) {
		t.Errorf("it says that it is %v, %v", current.Time, err)
	}
	if log := s.log(); !strings.Contains(log, "THE CLOCK OF THIS SERVER IS NOT THE TIME") || !strings.Contains(log, "clock_from=2026-11-27T00:00:00Z clock_speed=144") {
		t.Errorf("the log does not say that the clock is not the time: %s", log)
	}
	if code, log := s.stop(); code != exitDone {
		t.Fatalf("stopped with %d: %s", code, log)
	}

	// What it has seen is later than a clock that begins where this one began.
	var out, errs safeBuffer
	code := runOn(t, &terminal{now: clock, files: disk}, &out, &errs, "serve", "--grpc", "127.0.0.1:0", "--http", "none",
		"testdata/network", "--data", "data", "--clock-from", "2026-11-27T00:00:00Z")
	if want := "--clock-from: the clock would begin at 2026-11-27T00:00:00Z, and the data directory has seen 2026-11-27T00:24:00Z"; code != exitUsage || !strings.Contains(errs.String(), want) {
		t.Errorf("code %d, want %d and %q: %s", code, exitUsage, want, errs.String())
	}
	s = startServeOn(t, &terminal{now: clock, files: disk}, "testdata/network", "--data", "data", "--clock-from", "2026-11-27T00:24:00Z")
	if third := expires("r3"); !third.Equal(first.Add(24 * time.Minute)) {
		t.Errorf("after a restart a hold lasts until %v", third)
	}
	if code, log := s.stop(); code != exitDone {
		t.Errorf("stopped with %d: %s", code, log)
	}
}

// TestServeClockMisused: what makes no clock is refused before anything is opened.
func TestServeClockMisused(t *testing.T) {
	for want, args := range map[string][]string{
		"--clock-from: \"noon\" is no instant":                         {"--clock-from", "noon"},
		"--clock-from: \"1950-01-01T00:00:00Z\" is too early":          {"--clock-from", "1950-01-01T00:00:00Z"},
		"--clock-speed: 0 is out of range; write a number from 0.001":  {"--clock-speed", "0"},
		"--clock-speed: -2 is out of range":                            {"--clock-speed", "-2"},
		"--clock-speed: NaN is out of range":                           {"--clock-speed", "NaN"},
		"--clock-speed: +Inf is out of range":                          {"--clock-speed", "Inf"},
		"--hold-retention: 0s is out of range; write a time from 1s":   {"--hold-retention", "0"},
		"--hold-retention: 8760h0m1s is out of range; write a time fr": {"--hold-retention", "8760h1s"},
	} {
		var out, errs safeBuffer
		if code := runOn(t, &terminal{now: time.Now}, &out, &errs, append([]string{"serve", "missing"}, args...)...); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: code %d, want %d and %q: %s", args, code, exitUsage, want, errs.String())
		}
	}
}

// runOn runs a command on a terminal, of which it sets what is read and written.
func runOn(t *testing.T, on *terminal, out, errs io.Writer, args ...string) int {
	t.Helper()
	on.in, on.out, on.err = strings.NewReader(""), bufio.NewWriter(out), errs
	return on.run(t.Context(), args)
}
