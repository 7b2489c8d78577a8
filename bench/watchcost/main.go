// Command watchcost measures what it costs a server to be watched, in processor time: calls of Allocate over gRPC, and decisions
// without a transport, of servers that are watched in different ways and are the same otherwise.
//
// All are measured in turns, in one process and for short times, and each round compares a server with the one that nobody watches in the
// same round: what else the machine does, and how fast its processors run at the moment, is the same for both. What is printed is the median
// of the rounds, and the quartiles.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/server/metrics"
)

// A way is how a server is watched.
type way struct {
	name  string
	watch func(*server.Config)
}

func ways() []way {
	counted := func(every uint32) func(*server.Config) {
		return func(c *server.Config) { c.Metrics = metrics.New(); c.Metrics.StageEvery(every) }
	}
	traced := func(sampler sdktrace.Sampler) func(*server.Config) {
		return func(c *server.Config) {
			c.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sampler)))
		}
	}
	return []way{
		{"nothing", func(*server.Config) {}},
		{"nothing, again", func(*server.Config) {}}, // how far the measure is to be trusted
		{"metrics, stages of one in 16", counted(metrics.DefaultStageEvery)},
		{"metrics, all stages", counted(1)},
		{"a tracer that samples none", traced(sdktrace.NeverSample())},
	}
}

// A watched is a server that is measured.
type watched struct {
	name   string
	server *server.Server
	caller *bench.Caller
	close  func() error
	next   int

	calls, decisions, allocations []float64 // by round: µs of processor time a call, ns of it and allocations a decision
}

func open(world *enginetest.World, orders []*allotv1.Order, w way) (*watched, error) {
	cfg := bench.ServiceConfig(world, nil)
	w.watch(&cfg)
	s, err := server.New(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		return nil, err
	}
	conn, err := bench.Connect(l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, nil) }()
	out := &watched{name: w.name, server: s, close: func() error {
		cancel()
		err := errors.Join(conn.Close(), <-ended)
		s.Close()
		return err
	}}
	out.caller, err = bench.AllocateCaller(conn, new(atomic.Int64), orders)
	return out, err
}

// decide makes decisions without a transport, in one goroutine.
func (w *watched) decide(orders []*allotv1.Order, n int) error {
	requests := make([]*allotv1.AllocateRequest, n)
	for i := range requests {
		w.next++
		requests[i] = &allotv1.AllocateRequest{RequestId: "decision-" + strconv.Itoa(w.next), Order: orders[w.next%len(orders)]}
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cputime.Process()
	for _, r := range requests {
		if _, err := w.server.Allocate(context.Background(), r); err != nil {
			return err
		}
	}
	spent := cputime.Process() - began
	runtime.ReadMemStats(&after)
	w.decisions = append(w.decisions, float64(spent.Nanoseconds())/float64(n))
	w.allocations = append(w.allocations, float64(after.Mallocs-before.Mallocs)/float64(n))
	return nil
}

func (w *watched) call(ctx context.Context, slice time.Duration) error {
	got, err := w.caller.Run(ctx, slice)
	if err != nil {
		return err
	}
	w.calls = append(w.calls, got.CPU)
	return nil
}

// quartiles returns the quartiles of numbers, of which there are some.
func quartiles(of []float64) (low, median, high float64) {
	s := slices.Sorted(slices.Values(of))
	at := func(part float64) float64 {
		x := part * float64(len(s)-1)
		i := min(int(x), len(s)-2)
		if i < 0 {
			return s[0]
		}
		return s[i] + (x-float64(i))*(s[i+1]-s[i])
	}
	return at(.25), at(.5), at(.75)
}

// over returns by how much a is over b, round by round.
func over(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// reach is how far the middle half of some differences lies from 0.
func reach(of []float64) float64 {
	low, _, high := quartiles(of)
	return max(-low, high)
}

// more says in words what the median of some differences is, where it is beyond what is resolved, and their quartiles.
func more(of []float64, resolved float64, format, unit string) string {
	low, mid, high := quartiles(of)
	if low == 0 && high == 0 {
		return ""
	}
	number := func(x float64) string { return fmt.Sprintf(format, x) }
	between := " (" + number(low) + " to " + number(high) + ")"
	if max(mid, -mid) <= resolved {
		return "not resolved" + between
	}
	return number(mid) + unit + between
}

func median(of []float64) float64 { _, m, _ := quartiles(of); return m }

// run measures rounds after one that warms, and prints.
func run(ctx context.Context, out io.Writer, rounds, decisions int, slice time.Duration) (err error) {
	world := enginetest.New(bench.ServiceWorld)
	defer world.Close()
	orders := bench.SampleOrders(world, 4096)
	var all []*watched
	defer func() {
		for _, w := range all {
			err = errors.Join(err, w.close())
		}
	}()
	for _, w := range ways() {
		s, err := open(world, orders, w)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	for round := range rounds + 1 {
		for i := range all {
			w := all[(i+round)%len(all)]
			if err := w.call(ctx, slice); err != nil {
				return err
			}
			if err := w.decide(orders, decisions); err != nil {
				return err
			}
			if round == 0 {
				w.calls, w.decisions, w.allocations = nil, nil, nil
			}
		}
	}
	fmt.Fprintf(out, "%d rounds of %v and %d decisions, %d callers, GOMAXPROCS %d; medians, and quartiles in brackets\n\n", rounds, slice, decisions, bench.Callers, runtime.GOMAXPROCS(0))
	fmt.Fprintln(out, "| watched | µs a call | more | ns a decision | more | allocations |\n| --- | --- | --- | --- | --- | --- |")
	plain, control := all[0], all[1]
	share := func(w *watched) []float64 {
		out := over(w.calls, plain.calls)
		for i := range out {
			out[i] *= 100 / plain.calls[i]
		}
		return out
	}
	noCall, noDecision := reach(share(control)), reach(over(control.decisions, plain.decisions))
	for _, w := range all {
		fmt.Fprintf(out, "| %s | %.1f | %s | %.0f | %s | %.1f |\n", w.name, median(w.calls), more(share(w), noCall, "%+.1f", " %"),
			median(w.decisions), more(over(w.decisions, plain.decisions), noDecision, "%+.0f", ""), median(w.allocations))
	}
	fmt.Fprintf(out, "\nControl: a server that is the same as the first was up to %.1f %% of a call and %.0f ns of a decision off in half of the rounds; "+
		"less than that is not resolved.\n", noCall, noDecision)
	began := time.Now()
	for range clockReads {
		_ = time.Since(began)
	}
	fmt.Fprintf(out, "\nA read of the clock takes %d ns; metrics read it twice a call, and stages twice to seven times a decision.\n", time.Since(began).Nanoseconds()/clockReads)
	return nil
}

const clockReads = 1_000_000

func main() {
	rounds := flag.Int("rounds", 15, "measure `N` times")
	slice := flag.Duration("slice", 300*time.Millisecond, "call each server for this `TIME` a round")
	decisions := flag.Int("decisions", 5000, "make `N` decisions a round")
	flag.Parse()
	if *rounds < 1 || *slice <= 0 || *decisions < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout, *rounds, *decisions, *slice); err != nil {
		fmt.Fprintln(os.Stderr, "watchcost:", err)
		os.Exit(1)
	}
}
