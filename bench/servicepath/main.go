// The command servicepath measures what it costs to have orders decided and held over gRPC, call by call, in streams of 100
// orders a message and in batches of 100, the first two beside an empty echo of equal sizes, in turns of one run, and prints what is promised with the spread
// over the rounds. Every server is a process of its own, whose processor time is counted by itself.
//
//	go run ./bench/servicepath [--dir DIR] [--rounds 11] [--slice 300ms] [--only calls,streams,batches] [--json] [--check] [--record DIR]
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
	bench.Main("servicepath", func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr) })
}

// A result is what the command prints.
type result struct {
	Go       string           `json:"go"`
	Machine  string           `json:"machine"`
	CPUs     int              `json:"cpus"`
	Dir      string           `json:"dir"`
	Rounds   int              `json:"rounds"`
	Request  int              `json:"request_bytes"` // of one order, alone
	Answer   int              `json:"answer_bytes"`
	Subjects []*subject       `json:"subjects"`
	Promises []*bench.Promise `json:"promises"`
}

// A subject is a service that was measured, with numbers of every round.
type subject struct {
	Name   string    `json:"name"`
	Rate   []float64 `json:"orders_per_second"`
	Server []float64 `json:"server_cpu_us_per_order"`
	Client []float64 `json:"client_cpu_us_per_order"`
}

// parts are what can be measured.
var parts = []string{partCalls, partStreams, partBatches}

const (
	partCalls   = "calls"
	partStreams = "streams"
	partBatches = "batches"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("servicepath", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", ".build", "a directory on the disk to be measured; it is made, and what is written there is removed again")
	count := flags.Int("rounds", 11, "rounds; everything that is compared runs once in each")
	slice := flags.Duration("slice", 300*time.Millisecond, "how long each runs in a round")
	only := flags.String("only", strings.Join(parts, ","), "what is measured")
	record := flags.String("record", "", "write a profile of each server's processor time into this directory")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed")
	kind := flags.String("serve", "", "for the command itself: be a server")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *kind != "" {
		return serve(ctx, *kind, *dir, stdin, stdout)
	}
	wanted := strings.Split(*only, ",")
	for _, part := range wanted {
		if !slices.Contains(parts, part) {
			return fmt.Errorf("--only: there is no part %q; write some of %s", part, strings.Join(parts, ","))
		}
	}
	if *count < 1 || *slice <= 0 || flags.NArg() > 0 {
		return errors.New("give at least 1 round, a slice over 0 and no other arguments")
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	if rounds.InMemory(*dir) {
		return fmt.Errorf("--dir: %s is in memory, where syncing costs nothing; name a directory on a disk", *dir)
	}
	own, err := os.MkdirTemp(*dir, "servicepath-")
	if err != nil {
		return err
	}
	res := &result{Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Dir: *dir, Rounds: *count}
	m := &measurement{dir: own, rounds: *count, slice: *slice, wanted: wanted, record: *record, stderr: &shared{to: stderr}, result: res}
	if err := errors.Join(m.run(ctx), os.RemoveAll(own)); err != nil {
		return err
	}
	return bench.Print(stdout, res, res.print, res.Promises, *asJSON, *check)
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %d processors, in %s; medians of %d rounds.\nA request has %d bytes and its answer %d; streams have %d a message, %d streams at once, and batches as many; %d callers make calls one by one.\n\n",
		r.Go, r.Machine, r.CPUs, r.Dir, r.Rounds, r.Request, r.Answer, bench.PerMessage, bench.Streams, bench.Callers)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "measured\torders/s\tserver µs/order\tleast\tmost\tclient µs/order\t")
	for _, s := range r.Subjects {
		if len(s.Rate) == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Name, bench.Number(bench.Median(s.Rate)), bench.Number(bench.Median(s.Server)),
			bench.Number(slices.Min(s.Server)), bench.Number(slices.Max(s.Server)), bench.Number(bench.Median(s.Client)))
	}
	return t.Flush()
}
