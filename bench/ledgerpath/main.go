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
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "ledgerpath:", err)
		}
		os.Exit(1) //nolint:gocritic // the signals need not be given back
	}
}

// A promise is a number of every round, and what it is held to.
type promise struct {
	Name   string    `json:"name"`
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Target string    `json:"target,omitempty"` // "" where nothing is promised
	Holds  bool      `json:"holds"`
}

// A subject is something that was measured, in its own measure.
type subject struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Rounds []float64 `json:"rounds"`
}

// A result is what the command prints.
type result struct {
	Go       string     `json:"go"`
	Machine  string     `json:"machine"`
	CPUs     int        `json:"cpus"`
	Dir      string     `json:"dir"`
	Rounds   int        `json:"rounds"`
	Subjects []*subject `json:"subjects"`
	Promises []*promise `json:"promises"`
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
	rounds := flags.Int("rounds", 11, "rounds; everything that is compared runs once in each")
	slice := flags.Duration("slice", 300*time.Millisecond, "how long each runs in a round")
	holds := flags.Int("holds", 1_000_000, "open holds of the restart, and about the events of the replay")
	only := flags.String("only", strings.Join(names, ","), "the parts to measure")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 || *slice <= 0 || *holds < 1 || flags.NArg() > 0 {
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
	if inMemory(*dir) {
		return fmt.Errorf("--dir: %s is in memory, where syncing costs nothing; name a directory on a disk", *dir)
	}
	res := &result{Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Dir: *dir, Rounds: *rounds}
	for _, p := range parts {
		if !slices.Contains(wanted, p.name) {
			continue
		}
		err := inside(*dir, func(own string) error {
			return p.measure(ctx, &measurement{dir: own, rounds: *rounds, slice: *slice, holds: *holds, progress: stderr, result: res})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		runtime.GC()
	}
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(res); err != nil {
			return err
		}
	} else if err := res.print(stdout); err != nil {
		return err
	}
	for _, p := range res.Promises {
		if *check && !p.Holds {
			return fmt.Errorf("%s: %s, and not %s", p.Name, number(p.Median), p.Target)
		}
	}
	return nil
}

// inside runs f with a directory of its own, and removes it.
func inside(dir string, f func(own string) error) error {
	own, err := os.MkdirTemp(dir, "ledgerpath-")
	if err != nil {
		return err
	}
	return errors.Join(f(own), os.RemoveAll(own))
}

// tellf tells how far it is.
func (m *measurement) tellf(format string, args ...any) {
	fmt.Fprintf(m.progress, format+"\n", args...)
}

// report adds what was measured.
func (m *measurement) report(name, unit string, rounds []float64) {
	m.result.Subjects = append(m.result.Subjects, &subject{name, unit, rounds})
}

func (m *measurement) summary(name string, rounds []float64) *promise {
	p := &promise{Name: name, Rounds: rounds, Median: median(rounds), Least: slices.Min(rounds), Most: slices.Max(rounds), Holds: true}
	m.result.Promises = append(m.result.Promises, p)
	return p
}

func (m *measurement) atLeast(name string, target float64, rounds []float64) {
	p := m.summary(name, rounds)
	p.Target, p.Holds = "at least "+number(target), p.Median >= target
}

func (m *measurement) atMost(name string, target float64, rounds []float64) {
	p := m.summary(name, rounds)
	p.Target, p.Holds = "at most "+number(target), p.Median <= target
}

func ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

func median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// number prints a number with as many decimals as it deserves.
func number(x float64) string {
	switch {
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %d processors, in %s; medians of %d rounds (replay and restart: of %d).\n\n", r.Go, r.Machine, r.CPUs, r.Dir, r.Rounds, restarts)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "measured\tmedian\tleast\tmost\t\t")
	for _, s := range r.Subjects {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", s.Name, number(median(s.Rounds)), number(slices.Min(s.Rounds)), number(slices.Max(s.Rounds)), s.Unit)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "promise\tmedian\tleast\tmost\tpromised\t")
	for _, p := range r.Promises {
		verdict := "met"
		switch {
		case p.Target == "":
			verdict = ""
		case !p.Holds:
			verdict = "NOT MET"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, number(p.Median), number(p.Least), number(p.Most), p.Target, verdict)
	}
	return t.Flush()
}
