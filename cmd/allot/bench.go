package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// newBench is the group of commands that put a server under load and judge it.
func newBench(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put a server under load, and judge what it does",
		Long: `Bench sends a workload to a server as a shop's customers do: each order when it is due, whether or not the ones before it were
answered, and counts how long they waited. A result is a directory with result.json, histograms and profiles.`,
		Example: `  allot bench run --workload steady --rate 2000 --slo "p99<20ms,errors<0.1%" --out result
  allot bench run --target shop-test:7430 --workload peak.yaml --profile day.csv`,
		Args: cobra.ArbitraryArgs, // so that group can answer
		RunE: group,
	}
	for _, command := range slices.Concat(
		benchRun,
		benchWorkload,
		benchSaturate,
		benchSoak,
		benchCompare,
		benchPlan,
		benchReport,
	) {
		cmd.AddCommand(command(t))
	}
	return cmd
}

// The commands of the group. Each is in a file of its own, as bench_run.go.
type commands = []func(*terminal) *cobra.Command

var (
	benchRun = commands{newBenchRun}

	benchWorkload = commands{newBenchWorkload}

	benchSaturate = commands{newBenchSaturate}

	benchSoak = commands{newBenchSoak}

	benchCompare = commands{newBenchCompare}

	benchPlan = commands{newBenchPlan}

	benchReport = commands{newBenchReport}
)
