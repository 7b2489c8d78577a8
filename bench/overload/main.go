// The command overload measures what a server does with more orders than it can decide, and with hostile clients, and prints what is
// promised with the spread over the rounds. The server is allot serve as a process of its own with one processor, in memory; the
// generator has the others. It says whether the generator was the bottleneck, and with --check that fails as a missed promise does.
//
//	go run ./bench/overload [--program allot] [--rounds 3] [--slice 10s] [--resets 1000000] [--short] [--json] [--check]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
)

func main() {
	bench.Main("overload", func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout, os.Stderr) })
}

// The forms of the measurement.
const (
	fullSlice, fullResets   = 10 * time.Second, 1_000_000
	shortSlice, shortResets = 4 * time.Second, 50_000
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("overload", flag.ContinueOnError)
	flags.SetOutput(stderr)
	program := flags.String("program", "", "the allot program; without it, it is built")
	count := flags.Int("rounds", 3, "rounds; everything runs once in each")
	slice := flags.Duration("slice", fullSlice, "how long each runs in a round")
	resets := flags.Int("resets", fullResets, "calls that hostile clients open and reset, in all rounds together")
	short := flags.Bool("short", false, fmt.Sprintf("one round of %v and %d resets, which takes less than a minute", shortSlice, shortResets))
	profile := flags.String("profile", "", "write a CPU profile of the server under twice its rate to this file, of the last round")
	verbose := flags.Bool("v", false, "print each second of each window")
	hostile := flags.String("attack", "", "be the hostile clients of this server until standard input ends; the command starts itself so")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed, or the generator was the bottleneck")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *hostile != "" {
		return attackUntilEOF(ctx, *hostile, os.Stdin)
	}
	if *short {
		*count, *slice, *resets = 1, shortSlice, shortResets
	}
	if *count < 1 || *slice < 2*time.Second || *resets < 0 || flags.NArg() > 0 {
		return errors.New("give at least 1 round, a slice of at least 2s, resets of at least 0 and no other arguments")
	}
	dir, err := os.MkdirTemp("", "allot-overload-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if *program == "" {
		*program = filepath.Join(dir, "allot")
		build := exec.CommandContext(ctx, "go", "build", "-o", *program, "./cmd/allot")
		build.Stdout, build.Stderr = stderr, stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building the server: %w", err)
		}
	}
	m := &measurement{slice: *slice, resets: float64(*resets) / float64(*count), stderr: stderr, verbose: *verbose, profile: *profile,
		result: &result{Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Rounds: *count}}
	if err := m.start(ctx, *program, filepath.Join(dir, "network")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.own.Close()) }()
	for i := range *count {
		if err := m.round(ctx, i == *count-1); err != nil {
			return err
		}
	}
	m.result.judge()
	if err := bench.Print(stdout, m.result, m.result.print, m.result.Promises, *asJSON, *check); err != nil {
		return err
	}
	if n := len(m.result.Bottlenecks); n > 0 && *check {
		return fmt.Errorf("the generator was the bottleneck in %d windows, the first: %s", n, m.result.Bottlenecks[0])
	}
	return nil
}

// start starts the server, each of both on processors of its own, and warms it.
func (m *measurement) start(ctx context.Context, program, network string) error {
	s, err := workload.Read("overload.yaml", []byte(spec))
	if err != nil {
		return err
	}
	if m.w, err = workload.New(s, seed); err != nil {
		return err
	}
	if err := m.w.WriteNetwork(network); err != nil {
		return err
	}
	if m.own, err = load.StartServer(ctx, load.ServerOptions{Program: program, Network: network, Env: []string{"GOMAXPROCS=1"}}); err != nil {
		return err
	}
	if err := m.ready(ctx); err != nil {
		return errors.Join(err, m.own.Close())
	}
	return nil
}

func (m *measurement) ready(ctx context.Context) error {
	rest, err := apart(m.own.PID)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(rest)
	if err := m.orders(); err != nil {
		return err
	}
	_, err = m.saturation(ctx) // warms it
	return err
}
