package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/scenario"
)

func newScenario(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenario",
		Short: "Check scenarios of changes",
		Example: `  allot scenario check examples/us-parcel/scenarios/close-reno-december.yaml --network examples/us-parcel
  allot help scenario check`,
		Args: cobra.ArbitraryArgs, // so that group can answer
		RunE: group,
	}
	cmd.AddCommand(newScenarioCheck(t))
	return cmd
}

// scenarioFlags are the flags of allot scenario check.
type scenarioFlags struct {
	network string
	orders  []string
	asJSON  bool
}

func newScenarioCheck(t *terminal) *cobra.Command {
	var fl scenarioFlags
	cmd := &cobra.Command{
		Use:   "check FILE... --network DIR [--orders FILE]",
		Short: "List everything that is wrong with scenarios",
		Long: `Check reads scenarios, lists of changes to a network and its orders, and says whether they can be applied to the network:
whether what they name exists, whether they contradict themselves, whether a network comes of them that can be used. It lists
everything that is wrong, with file, line and column and what to do about it, and otherwise the runs that
"allot simulate --scenario" makes of each, one for every combination of a sweep.

With --orders it warns of dates before the first or after the last order, too, and checks what of the changes hangs on
the orders. A scenario's rate cards are looked for beside it. docs/scenarios.md has every change with an example. The exit
code is 0 without faults and 1 with any.`,
		Example: `  allot scenario check examples/us-parcel/scenarios/close-reno-december.yaml --network examples/us-parcel
  allot scenario check examples/us-parcel/scenarios/*.yaml --network examples/us-parcel --orders examples/us-parcel/season.parquet
  allot scenario check winter.yaml --network networks/retail --json | jq '.faults[].problem'`,
		Args: arguments(1, -1, "FILE"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if fl.network == "" {
				return misusef("--network is missing; name the network directory")
			}
			answer, err := fl.check(cmd.Context(), args)
			if err != nil {
				return err
			}
			if fl.asJSON {
				err = writeJSON(t.out, answer)
			} else {
				answer.print(t)
			}
			if err == nil && len(answer.Faults) > 0 {
				err = toldError(exitFaults)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringArrayVar(&fl.orders, "orders", nil, "a `FILE` of the orders that are to be replayed: .jsonl, .csv or .parquet; may be repeated")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "network")
	completeFlag(cmd, "orders", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"jsonl", "ndjson", "json", "csv", "parquet"}, cobra.ShellCompDirectiveFilterFileExt
	})
	return cmd
}

// A scenarioAnswer is what allot scenario check --json prints.
type scenarioAnswer struct {
	Faults    []faultAnswer     `json:"faults"`
	Warnings  []faultAnswer     `json:"warnings"`
	Scenarios []scenarioSummary `json:"scenarios"` // those that could be read
}

// A scenarioSummary is a scenario and its runs.
type scenarioSummary struct {
	File        string       `json:"file"`
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Hash        string       `json:"hash"`
	Runs        []runSummary `json:"runs"`
}

type runSummary struct {
	Name      string            `json:"name"`
	Directory string            `json:"directory"` // that allot simulate writes, below --out
	Choices   map[string]string `json:"choices,omitempty"`
}

// check reads and checks scenarios. A network or orders that are at fault are the error.
func (fl *scenarioFlags) check(ctx context.Context, files []string) (*scenarioAnswer, error) {
	base, err := fl.base(ctx)
	if err != nil {
		return nil, err
	}
	answer := &scenarioAnswer{Faults: []faultAnswer{}, Warnings: []faultAnswer{}, Scenarios: []scenarioSummary{}}
	var bad faults.List
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		sc, err := scenario.Read(file, text)
		if err != nil {
			if err = gather(&bad, err); err != nil {
				return nil, err
			}
			continue
		}
		summary := scenarioSummary{File: file, Name: sc.Name, Description: sc.Description, Hash: sc.Hash}
		for _, v := range sc.Runs() {
			run := runSummary{Name: v.Name, Directory: v.Slug()}
			for _, c := range v.Choices {
				if run.Choices == nil {
					run.Choices = map[string]string{}
				}
				run.Choices[c.Axis] = c.Option
			}
			summary.Runs = append(summary.Runs, run)
		}
		answer.Scenarios = append(answer.Scenarios, summary)
		warnings, err := sc.Check(base.Beside(os.DirFS(filepath.Dir(file))))
		if err = gather(&bad, err); err != nil {
			return nil, err
		}
		answer.Warnings = append(answer.Warnings, faultAnswers(warnings)...)
	}
	answer.Faults = faultAnswers(bad.Faults())
	return answer, nil
}

// base reads the network and, where they are given, the orders.
func (fl *scenarioFlags) base(ctx context.Context) (*scenario.Base, error) {
	var wrong faults.List
	root, err := openNetwork(fl.network)
	if err != nil {
		return nil, err
	}
	source, err := network.Read(root.FS())
	closing(root)
	if err = gather(&wrong, err); err != nil {
		return nil, err
	}
	var h *history.History
	if len(fl.orders) > 0 {
		files := make([]history.File, len(fl.orders))
		for i, name := range fl.orders {
			files[i] = history.OSFile(name)
		}
		h, _, err = history.Read(ctx, files, history.ReadOptions{})
		if err = gather(&wrong, err); err != nil {
			return nil, err
		}
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return scenario.NewBase(source, h, 0)
}

func (a *scenarioAnswer) print(t *terminal) {
	for _, f := range a.Faults {
		fmt.Fprintln(t.out, faults.Fault(f))
	}
	for _, f := range a.Warnings {
		fmt.Fprintf(t.out, "warning: %v\n", faults.Fault(f))
	}
	if len(a.Faults) > 0 {
		fmt.Fprintln(t.out, count(len(a.Faults), "fault"))
		return
	}
	for _, s := range a.Scenarios {
		fmt.Fprintf(t.out, "%s: %s, %s\n", s.File, s.Name, count(len(s.Runs), "run"))
		if len(s.Runs) < 2 {
			continue
		}
		for _, r := range s.Runs {
			fmt.Fprintf(t.out, "  %s\n", r.Name)
		}
	}
	fmt.Fprintf(t.out, "no faults, %s\n", count(len(a.Warnings), "warning"))
}
