// The command hotpath measures one decision of the engine, and the naive version of the same function beside it, in
// interleaved rounds of one process, and prints what is promised of the engine with the spread over the rounds: how
// long a decision takes, how many times faster than the naive version it is, and how it grows with the network.
//
//	go run ./bench/hotpath [--rounds 9] [--slice 200ms] [--seed 1] [--json] [--check]
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/allot-engine/allot/bench"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "hotpath:", err)
		}
		os.Exit(1)
	}
}

// A subject is one workload that rounds measure in turn.
type subject struct {
	Name       string    `json:"name"`
	Warehouses int       `json:"warehouses"`
	Stocked    int       `json:"stocked_percent"`
	Decisions  int       `json:"decisions_a_round"`
	CPU        []float64 `json:"cpu_ns"` // of a decision, by round
	Wall       []float64 `json:"wall_ns"`
	Allocs     []float64 `json:"allocs"`
	Splits     float64   `json:"split_share"`   // decisions whose plan has several shipments
	Refused    float64   `json:"refused_share"` // decisions that refused the order

	decide func()
	runner *bench.Runner // nil for the naive version
}

// A result is what the command prints.
type result struct {
	Go       string           `json:"go"`
	Machine  string           `json:"machine"`
	CPUs     int              `json:"cpus"`
	Seed     uint64           `json:"seed"`
	Rounds   int              `json:"rounds"`
	Subjects []*subject       `json:"subjects"`
	Promises []*bench.Promise `json:"promises"`
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("hotpath", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 9, "rounds; every workload runs once in each")
	slice := flags.Duration("slice", 200*time.Millisecond, "how long a workload runs in a round")
	seed := flags.Uint64("seed", 1, "of the networks, the stock and the orders")
	asJSON := flags.Bool("json", false, "print JSON")
	check := flags.Bool("check", false, "fail when a promise is missed")
	large := flags.Int("large", 10_000, "warehouses of the larger network of the growth")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 || *slice <= 0 || *large <= small || flags.NArg() > 0 {
		return fmt.Errorf("give at least 1 round, a slice over 0, more than %d warehouses and no other arguments", small)
	}
	fmt.Fprintf(stderr, "building and warming the networks; %d warehouses take some seconds\n", *large)
	b := &measurement{seed: *seed}
	defer b.close()
	res := &result{Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Seed: *seed, Rounds: *rounds}
	b.build(*large)
	res.Subjects = b.subjects
	b.calibrate(*slice)
	for round := range *rounds {
		fmt.Fprintf(stderr, "\rround %d of %d", round+1, *rounds)
		b.round(round)
	}
	fmt.Fprintln(stderr)
	res.Promises = b.promises(*large)
	return bench.Print(stdout, res, res.print, res.Promises, *asJSON, *check)
}

// The networks that are measured: the usual one, beside the naive version, and the smaller one of the growth.
const (
	usual = 50
	half  = 50 // percent stocked
	small = 100
)

// growths are the stock levels at which the growth is measured, and the exponents promised.
var growths = []struct {
	stocked  int
	exponent float64
}{{5, 0.7}, {30, 0.35}, {100, 0.35}}

// A measurement holds the networks and the workloads on them.
type measurement struct {
	seed     uint64
	fields   []*bench.Field
	subjects []*subject
}

func (m *measurement) field(warehouses int, whole bool) *bench.Field {
	f := bench.NewField(m.seed, warehouses, whole)
	m.fields = append(m.fields, f)
	return f
}

func (m *measurement) close() {
	for _, f := range m.fields {
		f.Close()
	}
}

func (m *measurement) add(name string, f *bench.Field, r *bench.Runner, stocked int, naive bool) {
	s := &subject{Name: name, Warehouses: f.Warehouses, Stocked: stocked, decide: r.Decide, runner: r}
	if naive {
		s.decide, s.runner = r.DecideNaively, nil
	}
	m.subjects = append(m.subjects, s)
}

func (m *measurement) build(large int) {
	for _, whole := range []bool{false, true} {
		f := m.field(usual, whole)
		r := f.Runner(m.seed, half)
		r.PrepareNaive()
		suffix := ""
		if whole {
			suffix = ", one shipment"
		}
		m.add("engine"+suffix, f, r, half, false)
		m.add("naive"+suffix, f, r, half, true)
	}
	for _, warehouses := range []int{small, large} {
		f := m.field(warehouses, false)
		for _, g := range growths {
			m.add("engine", f, f.Runner(m.seed, g.stocked), g.stocked, false)
		}
	}
}

// calibrate finds out how many decisions of each workload fill a slice.
func (m *measurement) calibrate(slice time.Duration) {
	for _, s := range m.subjects {
		for s.Decisions = 8; ; s.Decisions *= 4 {
			if spent := bench.Measure(s.Decisions, s.decide); spent.Wall >= slice/8 {
				s.Decisions = max(1, int(float64(s.Decisions)*float64(slice)/float64(spent.Wall)))
				break
			}
		}
		if s.runner != nil {
			s.runner.Splits, s.runner.Refused = 0, 0
		}
	}
}

// round measures every workload once, each round beginning with another. The garbage of one is collected before the
// next begins.
func (m *measurement) round(n int) {
	for i := range m.subjects {
		s := m.subjects[(i+n)%len(m.subjects)]
		runtime.GC()
		wall, cpu, allocs := bench.Measure(s.Decisions, s.decide).Report(s.Decisions)
		s.Wall, s.CPU, s.Allocs = append(s.Wall, wall), append(s.CPU, cpu), append(s.Allocs, allocs)
		if s.runner != nil {
			decided := float64(s.Decisions * (n + 1))
			s.Splits, s.Refused = float64(s.runner.Splits)/decided, float64(s.runner.Refused)/decided
		}
	}
}

// find returns the workload of a name, size and stock level.
func (m *measurement) find(name string, warehouses, stocked int) *subject {
	return m.subjects[slices.IndexFunc(m.subjects, func(s *subject) bool {
		return s.Name == name && s.Warehouses == warehouses && s.Stocked == stocked
	})]
}

// promises works out what is promised, round by round.
func (m *measurement) promises(large int) []*bench.Promise {
	engine, naive := m.find("engine", usual, half), m.find("naive", usual, half)
	wholeEngine, wholeNaive := m.find("engine, one shipment", usual, half), m.find("naive, one shipment", usual, half)
	size := fmt.Sprintf("%d warehouses, %d %% stocked", usual, half)
	all := []*bench.Promise{
		bench.AtMost("cpu ns a decision, "+size, 1_500, engine.CPU),
		// The lane cache allocates a buffer for its notes of hits every few hundred decisions; a decision none.
		bench.AtMost("allocations a decision, "+size, 1.0/64, engine.Allocs),
		bench.AtLeast("naive / engine, "+size, 25, bench.Ratios(naive.CPU, engine.CPU)),
		bench.AtLeast("naive / engine, the same where one warehouse must ship the order", 25, bench.Ratios(wholeNaive.CPU, wholeEngine.CPU)),
	}
	for _, g := range growths {
		growth := bench.Ratios(m.find("engine", large, g.stocked).CPU, m.find("engine", small, g.stocked).CPU)
		for i := range growth {
			growth[i] = math.Log(growth[i]) / math.Log(float64(large)/small)
		}
		all = append(all, bench.AtMost(fmt.Sprintf("exponent of growth, %d to %d warehouses, %d %% stocked", small, large, g.stocked), g.exponent, growth))
	}
	return all
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "One decision: %d lines, %d services, %d places, lane cache warm, orders a second apart.\n", bench.Lines, bench.Services, bench.Places)
	fmt.Fprintf(w, "%s, %s, %d processors, seed %d, median of %d rounds; cpu is the processor time of the thread.\n\n", r.Go, r.Machine, r.CPUs, r.Seed, r.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "warehouses\tstocked\t\tcpu ns\tleast\tmost\twall ns\torders/s\tallocs\tsplits\trefused\t")
	for _, s := range r.Subjects {
		shares := "\t\t"
		if s.runner != nil {
			shares = fmt.Sprintf("%.1f %%\t%.1f %%\t", 100*s.Splits, 100*s.Refused)
		}
		cpu := bench.Median(s.CPU)
		fmt.Fprintf(t, "%d\t%d %%\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%s\t%s\n", s.Warehouses, s.Stocked, s.Name, cpu,
			slices.Min(s.CPU), slices.Max(s.CPU), bench.Median(s.Wall), 1e9/cmp.Or(cpu, 1), bench.Number(bench.Median(s.Allocs)), shares)
	}
	return t.Flush()
}
