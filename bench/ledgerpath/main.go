// The command ledgerpath measures what it costs to keep the ledger, each thing beside what it is compared with, in turns
// of one process, and prints what is promised with the spread over the rounds: the journal beside raw appends, durable
// Allocate beside an empty gRPC echo, one SKU that everyone wants beside all of them, replay and restart.
//
//	go run ./bench/ledgerpath [--dir DIR] [--rounds 11] [--slice 300ms] [--holds 1000000] [--only journal,service,replay] [--json] [--check]
//
// Where DIR is decides what is measured: it must be on the disk that matters, and not in memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/rounds"
)

func main() {
	bench.Main("ledgerpath", func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout, os.Stderr) })
}

// A subject is something that was measured, in its own measure.
type subject struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Rounds []float64 `json:"rounds"`
}

// A result is what the command prints.
type result struct {
	Go       string           `json:"go"`
	Machine  string           `json:"machine"`
	CPUs     int              `json:"cpus"`
	Dir      string           `json:"dir"`
	Rounds   int              `json:"rounds"`
	Subjects []*subject       `json:"subjects"`
	Promises []*bench.Promise `json:"promises"`
}

// A measurement is how the parts are told what to do, and what they report to.
type measurement struct {
	dir      string // an empty one for each part
	rounds   int
	slice    time.Duration
	holds    int
	progress io.Writer
	result   *result
}

// parts are what is measured, one after the other.
var parts = []struct {
	name    string
	measure func(context.Context, *measurement) error
}{{"journal", measureJournal}, {"service", measureService}, {"replay", measureReplay}}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	flags := flag.NewFlagSet("ledgerpath", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", ".build", "a directory on the disk to be measured; it is made, and what is written there is removed again")
	count := flags.Int("rounds", 11, "rounds; everything that is compared runs once in each")
	slice := flags.Duration("slice", 300*time.Millisecond, "how long each runs in a round")
	holds := flags.Int("holds", 1_000_000, "open holds of the restart, and about the events of the replay")
	only := flags.String("only", strings.Join(names, ","), "the parts to measure")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *count < 1 || *slice <= 0 || *holds < 1 || flags.NArg() > 0 {
		return errors.New("give at least 1 round, a slice over 0, at least 1 hold and no other arguments")
	}
	wanted := strings.Split(*only, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return fmt.Errorf("--only: there is no part %q; write some of %s", name, strings.Join(names, ","))
		}
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	if rounds.InMemory(*dir) {
		return fmt.Errorf("--dir: %s is in memory, where syncing costs nothing; name a directory on a disk", *dir)
	}
	res := &result{Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Dir: *dir, Rounds: *count}
	for _, p := range parts {
		if !slices.Contains(wanted, p.name) {
			continue
		}
		err := rounds.Inside(*dir, "ledgerpath-", func(own string) error {
			return p.measure(ctx, &measurement{dir: own, rounds: *count, slice: *slice, holds: *holds, progress: stderr, result: res})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		runtime.GC()
	}
	return bench.Print(stdout, res, res.print, res.Promises, *asJSON, *check)
}

// tellf tells how far it is.
func (m *measurement) tellf(format string, args ...any) {
	fmt.Fprintf(m.progress, format+"\n", args...)
}

// report adds what was measured.
func (m *measurement) report(name, unit string, rounds []float64) {
	m.result.Subjects = append(m.result.Subjects, &subject{name, unit, rounds})
}

func (m *measurement) atLeast(name string, target float64, rounds []float64) {
	m.result.Promises = append(m.result.Promises, bench.AtLeast(name, target, rounds))
}

func (m *measurement) atMost(name string, target float64, rounds []float64) {
	m.result.Promises = append(m.result.Promises, bench.AtMost(name, target, rounds))
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %d processors, in %s; medians of %d rounds (replay and restart: of %d).\n\n", r.Go, r.Machine, r.CPUs, r.Dir, r.Rounds, restarts)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "measured\tmedian\tleast\tmost\t\t")
	for _, s := range r.Subjects {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", s.Name, bench.Number(bench.Median(s.Rounds)), bench.Number(slices.Min(s.Rounds)), bench.Number(slices.Max(s.Rounds)), s.Unit)
	}
	return t.Flush()
}
