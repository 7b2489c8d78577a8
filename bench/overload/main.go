// The command overload measures what a server does with more orders than it can decide, and with hostile clients, and prints what is
// promised with the spread over the rounds. The server is allot serve as a process of its own with one processor, in memory; the
// generator has the others.
//
//	go run ./bench/overload [--program allot] [--rounds 3] [--slice 3s] [--resets 100000] [--json] [--check]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "overload:", err)
		}
		os.Exit(1) //nolint:gocritic // the signals need not be given back
	}
}

// spec is orders alone, whose decisions cost enough that one processor of generator is no bottleneck for one of server.
const spec = `
name: overload
network: {warehouses: 200, skus: 5000, stocked: 15%, max_shipments: 4}
skus: {zipf: 0.3}
orders:
  lines: {4: 50%, 6: 50%}
  promise: {none: 100%}
arrivals: {kind: poisson, rate: 1000/s}
`

// What a round measures, and how.
const (
	open      = 4_000                  // callers beyond it: as many as an open loop takes
	deadline  = 500 * time.Millisecond // of each call, from when it is due
	seed      = 1
	recovered = 0.9 // share of the goodput before that counts as recovered
	calm      = 0.7 // of the saturation, after the burst
	calmFor   = 6 * time.Second
	good      = 0.5 // of the saturation: what the good clients send beside hostile ones
)

// A result is what the command prints, with a number of every round.
type result struct {
	Go         string           `json:"go"`
	Machine    string           `json:"machine"`
	CPUs       int              `json:"cpus"`
	Rounds     int              `json:"rounds"`
	Peak       []float64        `json:"saturation_per_second"`
	Half       []float64        `json:"goodput_at_1.5_per_second"`
	Double     []float64        `json:"goodput_at_2_per_second"`
	P99        []float64        `json:"p99_at_2_ms"`
	TimedOut   []float64        `json:"timed_out_at_2_percent"`
	Heap       []float64        `json:"heap_at_2_by_heap_at_saturation"`
	Recovery   []float64        `json:"recovery_seconds"`
	Alone      []float64        `json:"good_clients_alone_per_second"`
	Beside     []float64        `json:"good_clients_beside_resets_per_second"`
	Resets     []float64        `json:"resets"`
	Bottleneck int              `json:"runs_in_which_the_generator_was_the_bottleneck"`
	Promises   []*bench.Promise `json:"promises"`
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("overload", flag.ContinueOnError)
	flags.SetOutput(stderr)
	program := flags.String("program", "", "the allot program; without it, it is built")
	count := flags.Int("rounds", 3, "rounds; everything runs once in each")
	slice := flags.Duration("slice", 3*time.Second, "how long each runs in a round")
	resets := flags.Int("resets", 100_000, "calls that hostile clients open and reset, in all rounds together; 1000000 is the full form")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *count < 1 || *slice < time.Second || *resets < 0 || flags.NArg() > 0 {
		return errors.New("give at least 1 round, a slice of at least 1s, resets of at least 0 and no other arguments")
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
	s, err := workload.Read("overload.yaml", []byte(spec))
	if err != nil {
		return err
	}
	w, err := workload.New(s, seed)
	if err != nil {
		return err
	}
	net := filepath.Join(dir, "network")
	if err := w.WriteNetwork(net); err != nil {
		return err
	}
	own, err := load.StartServer(ctx, load.ServerOptions{Program: *program, Network: net, Env: []string{"GOMAXPROCS=1"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	if err := apart(own.PID); err != nil {
		return err
	}
	m := &measurement{w: w, own: own, slice: *slice, resets: *resets / *count, stderr: stderr,
		result: &result{Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Rounds: *count}}
	for i := range *count + 1 {
		if err := m.round(ctx, i > 0); err != nil {
			return err
		}
	}
	m.result.judge()
	return bench.Print(stdout, m.result, m.result.print, m.result.Promises, *asJSON, *check)
}

// A measurement is a server and what is measured of it.
type measurement struct {
	w      *workload.Workload
	own    *load.OwnServer
	slice  time.Duration
	resets int // a round
	stderr io.Writer
	rate   float64 // at which the saturation is measured; 0 not found yet
	result *result
}

// load sends orders.
func (m *measurement) load(ctx context.Context, a workload.Arrivals, callers, queue int, d time.Duration) (*load.Result, error) {
	r, err := load.Run(ctx, m.w, load.Options{Own: m.own, Arrivals: a, Callers: callers, Queue: queue, Connections: 8,
		Timeout: deadline, WarmUp: time.Second, Duration: d})
	if err == nil && r.Generator.Bottleneck {
		m.result.Bottleneck++
		fmt.Fprintln(m.stderr, "overload: the generator was the bottleneck:", r.Generator.Why)
	}
	return r, err
}

// climb looks for the rate at which goodput is highest: the first of rising ones that is not answered any more.
func (m *measurement) climb(ctx context.Context) error {
	for m.rate = 1_000; ; m.rate *= 1.5 {
		r, err := m.load(ctx, workload.Constant(m.rate), open, 100_000, time.Second)
		if err != nil {
			return err
		}
		if r.Achieved < recovered*m.rate {
			m.rate = max(r.Achieved, m.rate/1.5)
			return nil
		}
	}
}

// round measures each once. The first round warms, and is not kept.
func (m *measurement) round(ctx context.Context, keep bool) error {
	if m.rate == 0 {
		if err := m.climb(ctx); err != nil {
			return err
		}
	}
	saturated, err := m.load(ctx, workload.Constant(m.rate), open, 100_000, m.slice)
	if err != nil {
		return err
	}
	peak := saturated.Achieved
	if peak == 0 {
		return errors.New("the server answers nothing")
	}
	half, err := m.load(ctx, workload.Poisson(1.5*peak, seed), open, 100_000, m.slice)
	if err != nil {
		return err
	}
	burst := m.slice + time.Second // with its warm-up
	profile, err := workload.ReadProfile("burst.yaml", fmt.Appendf(nil, "name: burst\nsteps:\n  - {for: %v, rate: %.0f/s}\n  - {rate: %.0f/s}\n", burst, 2*peak, calm*peak))
	if err != nil {
		return err
	}
	a, err := profile.Arrivals(0, seed)
	if err != nil {
		return err
	}
	double, err := m.load(ctx, a, open, 100_000, m.slice+calmFor)
	if err != nil {
		return err
	}
	alone, err := m.load(ctx, workload.Poisson(good*peak, seed), open, 100_000, m.slice)
	if err != nil {
		return err
	}
	hostile, stop := context.WithCancel(ctx)
	ended := make(chan int, 1)
	go func() { ended <- attack(hostile, m.own.Address, m.resets) }()
	beside, err := m.load(ctx, workload.Poisson(good*peak, seed), open, 100_000, m.slice)
	if err == nil && ctx.Err() == nil && m.resets > 0 {
		select { // the rest of them
		case n := <-ended:
			ended <- n
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
	}
	stop()
	sent := <-ended
	if err != nil || !keep {
		return err
	}
	r := m.result
	goodput, timedOut, p99, recovery := judgeBurst(double, burst)
	r.Peak, r.Half, r.Double = append(r.Peak, peak), append(r.Half, half.Achieved), append(r.Double, goodput)
	r.TimedOut, r.P99, r.Recovery = append(r.TimedOut, 100*timedOut), append(r.P99, p99), append(r.Recovery, recovery)
	if double.Server != nil && saturated.Server != nil {
		r.Heap = append(r.Heap, float64(double.Server.HeapMost)/float64(max(1, saturated.Server.HeapMost)))
	}
	r.Alone, r.Beside, r.Resets = append(r.Alone, alone.Achieved), append(r.Beside, beside.Achieved), append(r.Resets, float64(sent))
	return nil
}

// judgeBurst returns, of a burst that ends at a time, the goodput and the share that timed out, the worst second's p99 in milliseconds,
// and how many seconds after its end the server answers again what is sent.
func judgeBurst(r *load.Result, end time.Duration) (goodput, timedOut, p99, recovery float64) {
	var seconds, answered, intended, late float64
	for i := range r.Seconds {
		s := &r.Seconds[i]
		switch {
		case s.Warm:
		case s.At+1 <= end.Seconds():
			seconds++
			answered, intended, late = answered+float64(s.Answered), intended+float64(s.Intended), late+float64(s.TimedOut)
			p99 = max(p99, float64(s.P99)/1e6)
		case float64(s.Answered) < recovered*float64(s.Intended):
			recovery = s.At + 1 - end.Seconds()
		}
	}
	return answered / max(seconds, 1), late / max(intended, 1), p99, recovery
}

func (r *result) judge() {
	r.Promises = []*bench.Promise{
		bench.AtLeast("goodput at 1.5 times the saturation / at saturation", 0.75, bench.Ratios(r.Half, r.Peak)),
		bench.AtLeast("goodput at 2 times the saturation / at saturation", 0.6, bench.Ratios(r.Double, r.Peak)),
		bench.AtMost("p99 of what is answered at 2 times, ms", float64(deadline.Milliseconds()), r.P99),
		bench.AtMost("recovery after the burst, s", 5, r.Recovery),
	}
	if len(r.Heap) > 0 {
		r.Promises = append(r.Promises, bench.AtMost("heap at 2 times / at saturation", 2, r.Heap))
	}
	if r.Resets[0] > 0 {
		r.Promises = append(r.Promises, bench.AtLeast("goodput of good clients beside resets / alone", 0.8, bench.Ratios(r.Beside, r.Alone)))
	}
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %d processors, the server on one; medians of %d rounds. The generator was the bottleneck in %d runs.\n\n", r.Go, r.Machine, r.CPUs, r.Rounds, r.Bottleneck)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name string
		of   []float64
	}{
		{"goodput at saturation, /s", r.Peak}, {"at 1.5 times", r.Half}, {"at 2 times", r.Double}, {"timed out at 2 times, %", r.TimedOut},
		{"good clients alone, /s", r.Alone}, {"beside resets, /s", r.Beside}, {"resets a round", r.Resets},
	} {
		fmt.Fprintf(t, "%s\t%s\n", row.name, bench.Number(bench.Median(row.of)))
	}
	return t.Flush()
}
