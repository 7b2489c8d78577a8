package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/allot-engine/allot/bench"
)

// A result is what the command prints, with a number of every round.
type result struct {
	Go          string           `json:"go"`
	Machine     string           `json:"machine"`
	CPUs        int              `json:"cpus"`
	Rounds      int              `json:"rounds"`
	Half        bursts           `json:"at_1.5"`
	Double      bursts           `json:"at_2"`
	Alone       []float64        `json:"good_clients_alone_per_second"`
	Beside      []float64        `json:"good_clients_beside_resets_per_second"`
	Resets      []float64        `json:"resets"` // that the server has taken
	Bottlenecks []string         `json:"generator_was_the_bottleneck,omitempty"`
	Promises    []*bench.Promise `json:"promises"`
}

// bursts are the bursts of one height.
type bursts struct {
	Saturation []float64 `json:"saturation_per_second"` // the mean of before and after
	Drift      []float64 `json:"saturation_drift"`      // after / before
	Goodput    []float64 `json:"goodput_per_second"`
	P99        []float64 `json:"p99_ms"` // of the worst second
	TimedOut   []float64 `json:"timed_out_percent_of_what_was_let_in"`
	Recovery   []float64 `json:"recovery_seconds"`
	Heap       []float64 `json:"heap_mib"`
	CPU        []float64 `json:"server_processors"`
	Generator  []float64 `json:"generator_processors"`     // in the worst second
	PerCPU     []float64 `json:"per_processor_second"`     // goodput
	SatCPU     []float64 `json:"saturation_per_processor"` // answers a second of processor time at saturation
}

func (b *bursts) add(x *burst, before, after window) {
	b.Saturation = append(b.Saturation, (before.rate+after.rate)/2)
	b.Drift = append(b.Drift, after.rate/before.rate)
	b.Goodput = append(b.Goodput, x.rate)
	b.P99 = append(b.P99, x.p99)
	b.TimedOut = append(b.TimedOut, 100*x.timedOut)
	b.Recovery = append(b.Recovery, x.recovery)
	b.Heap = append(b.Heap, x.heap/(1<<20))
	b.CPU = append(b.CPU, x.cpu)
	b.Generator = append(b.Generator, x.generator)
	b.PerCPU = append(b.PerCPU, x.perCPU)
	b.SatCPU = append(b.SatCPU, (before.perCPU+after.perCPU)/2)
}

func (b *bursts) promises(times string, goodput float64) []*bench.Promise {
	return []*bench.Promise{
		bench.AtLeast("goodput at "+times+" times the saturation / at saturation", goodput, bench.Ratios(b.Goodput, b.Saturation)),
		bench.AtMost("p99 of what is answered at "+times+" times, ms", float64(deadline.Milliseconds()), b.P99),
		bench.AtMost("timed out at "+times+" times, % of what was not refused", 1, b.TimedOut),
		bench.AtMost("recovery after "+times+" times, s", 5, b.Recovery),
	}
}

func (r *result) judge() {
	r.Promises = append(r.Half.promises("1.5", 0.75), r.Double.promises("2", 0.6)...)
	r.Promises = append(r.Promises, bench.AtMost("heap at 2 times / at 1.5 times", 2, bench.Ratios(r.Double.Heap, r.Half.Heap)))
	if len(r.Resets) > 0 {
		r.Promises = append(r.Promises, bench.AtLeast("goodput of good clients beside resets / alone", 0.8, bench.Ratios(r.Beside, r.Alone)))
	}
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %d processors, the server on one; medians of %d rounds.\n", r.Go, r.Machine, r.CPUs, r.Rounds)
	for _, why := range r.Bottlenecks {
		fmt.Fprintln(w, "THE GENERATOR WAS THE BOTTLENECK:", why)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\n\tat 1.5 times\tat 2 times")
	for _, row := range []struct {
		name string
		of   func(*bursts) []float64
	}{
		{"saturation, /s", func(b *bursts) []float64 { return b.Saturation }},
		{"  after the burst / before", func(b *bursts) []float64 { return b.Drift }},
		{"  of a second of processor time", func(b *bursts) []float64 { return b.SatCPU }},
		{"goodput, /s", func(b *bursts) []float64 { return b.Goodput }},
		{"  of a second of processor time", func(b *bursts) []float64 { return b.PerCPU }},
		{"processors of the server", func(b *bursts) []float64 { return b.CPU }},
		{"processors of the generator, worst second", func(b *bursts) []float64 { return b.Generator }},
		{"heap of the server at most, MiB", func(b *bursts) []float64 { return b.Heap }},
	} {
		fmt.Fprintf(t, "%s\t%s\t%s\n", row.name, bench.Number(bench.Median(row.of(&r.Half))), bench.Number(bench.Median(row.of(&r.Double))))
	}
	if err := t.Flush(); err != nil || len(r.Resets) == 0 {
		return err
	}
	sum := 0.0
	for _, n := range r.Resets {
		sum += n
	}
	_, err := fmt.Fprintf(w, "\nThe server took %.0f resets. Good clients had %s answers a second beside them, and %s alone.\n",
		sum, bench.Number(bench.Median(r.Beside)), bench.Number(bench.Median(r.Alone)))
	return err
}
