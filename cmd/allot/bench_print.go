package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/allot-engine/allot/bench/load"
)

// latencyText writes nanoseconds with three figures, as "1.23 ms".
func latencyText(ns int64) string {
	switch d := float64(ns); {
	case ns < 1_000_000:
		return figures(d/1e3) + " us"
	case ns < 1_000_000_000:
		return figures(d/1e6) + " ms"
	default:
		return figures(d/1e9) + " s"
	}
}

// figures writes a number of at most 1000 with three figures.
func figures(x float64) string {
	switch {
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// shareText writes a part of a whole as a percentage.
func shareText(part, whole int64) string {
	if part == 0 || whole == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(part)/float64(whole))
}

// printLoad prints a result for people.
func printLoad(w io.Writer, r *load.Result) {
	target := r.Target.Address
	if r.Target.Own {
		target = "an own server in memory"
		if r.Target.Durable {
			target = "an own server with a journal on disk"
		}
	}
	how := fmt.Sprintf("%s, %s callers on %d connections", r.Mode, thousands(r.Callers), r.Connections)
	if r.Mode != load.Unary {
		how = fmt.Sprintf("%s of %d orders a message, %s callers on %d connections", r.Mode, r.PerMessage, thousands(r.Callers), r.Connections)
	}
	pairs(w, "",
		"workload", fmt.Sprintf("%s, seed %d, %s", r.Workload.Name, r.Workload.Seed, r.Arrivals),
		"target", target,
		"sent by", how,
		"measured", fmt.Sprintf("%v after %v of warm-up", r.Duration.Round(time.Millisecond), r.WarmUp.Round(time.Millisecond)),
		"rate", fmt.Sprintf("%s operations a second were due, %s answered in time", thousands64(int64(r.Offered+0.5)), thousands64(int64(r.Achieved+0.5))),
	)
	fmt.Fprintln(w)
	table := grid{names: []string{"operation", ">due", ">answered", ">granted", ">errors", ">dropped", ">p50", ">p90", ">p99", ">p99.9", ">p99.99", ">max"}}
	codes := map[string]int64{}
	for i := range r.Operations {
		o := &r.Operations[i]
		failed := int64(0)
		for code, n := range o.Codes {
			failed += n
			if i == 0 {
				codes[code] = n
			}
		}
		row := []string{o.Name, thousands64(o.Intended), thousands64(o.Answered), thousands64(o.Granted), thousands64(failed), thousands64(o.Dropped)}
		for _, ns := range []int64{o.Latency.P50, o.Latency.P90, o.Latency.P99, o.Latency.P999, o.Latency.P9999, o.Latency.Max} {
			if o.Latency.Count == 0 {
				row = append(row, "-")
			} else {
				row = append(row, latencyText(ns))
			}
		}
		table.add(row...)
	}
	table.print(w, "")
	fmt.Fprintln(w, "latency counts from when an operation was due")
	if len(codes) > 0 {
		var told []string
		for _, code := range slices.Sorted(maps.Keys(codes)) {
			told = append(told, fmt.Sprintf("%s %s", thousands64(codes[code]), code))
		}
		fmt.Fprintf(w, "errors: %s\n", strings.Join(told, ", "))
	}
	fmt.Fprintln(w)
	list := []string{}
	if s := r.Server; s != nil {
		list = append(list, "server", fmt.Sprintf("%.2f processors, %s an answer; heap %s at most, %s collections", s.CPU,
			latencyText(int64(s.CPUPerOp)), mebibytes(s.HeapMost), thousands64(s.GCs)))
		if s.Trouble != "" {
			list = append(list, "", "not known: "+s.Trouble)
		}
	}
	g := &r.Generator
	list = append(list, "generator", fmt.Sprintf("%.2f processors; %.3g %% of operations handed out over 1 ms late, the clock %v at worst", g.CPU, 100*g.Late,
		g.WorstLate.Round(time.Microsecond)))
	if g.Why != "" {
		list = append(list, "", g.Why)
	}
	c := &r.Correctness
	if c.Holds+c.Cells+c.Decisions > 0 {
		list = append(list, "correctness", fmt.Sprintf("%d oversells, %d duplicate effects, %d lost acknowledgements, %d late plans labelled on time",
			c.Oversells, c.DuplicateEffects, c.LostAcks, c.LateOnTime),
			"", fmt.Sprintf("of %s holds, %s stock levels, %s repeats and %s decisions", thousands64(c.Holds), thousands64(c.Cells),
				thousands64(c.Repeats), thousands64(c.Decisions)))
	}
	for _, e := range c.Examples {
		list = append(list, "", e)
	}
	if c.Skipped != "" {
		list = append(list, "not checked", c.Skipped)
	}
	pairs(w, "", list...)
	printObjectives(w, r)
}

// printObjectives prints what was asked of a result.
func printObjectives(w io.Writer, r *load.Result) {
	if len(r.Objectives) == 0 {
		return
	}
	fmt.Fprintln(w)
	table := grid{names: []string{"objective", ">measured", "holds"}}
	for _, o := range r.Objectives {
		holds := "yes"
		if !o.Holds {
			holds = "NO"
		}
		measured := latencyText(int64(o.Measured))
		switch {
		case strings.Contains(o.Text, "errors"):
			measured = fmt.Sprintf("%.3g %%", 100*o.Measured)
		case strings.Contains(o.Text, "goodput"):
			measured = fmt.Sprintf("%.0f/s", o.Measured)
		}
		table.add(o.Text, measured, holds)
	}
	table.print(w, "")
}

// mebibytes writes bytes.
func mebibytes(n int64) string { return fmt.Sprintf("%s MiB", thousands64(n>>20)) }
