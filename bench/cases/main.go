// The command cases runs the solver on order-routing cases whose optimum is known or bounded, and generates such
// cases.
//
//	go run ./bench/cases [--repeat 3] [--only order,batch] [--refresh 100] [--forecast-sigma 0.6] [--learn=false] DIR|FILE.tar.gz…
//	go run ./bench/cases generate [--seed 1] [--orders 200] [--large 20] [--batches 10] [--seasons 1] DIR
//	go run ./bench/cases growth [--seed 1] [--orders 500,5000,50000] [--orders-per-sku 2.5]
//
// The first form reads every case below DIR, or in the archive, and prints one line of JSON for each, and at the end
// the quantiles by kind and number of lines. It fails when a claim of OPTIMAL or INFEASIBLE is contradicted, when a
// bound lies above a proven optimum, and when a plan breaks a rule of its case or costs another sum than it says.
// The last makes waves in memory and tells how their time grows. README.md describes the files.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "cases:", err)
		}
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "generate":
			return runGenerate(args[1:], stderr)
		case "growth":
			return runGrowth(args[1:], stdout, stderr)
		}
	}
	flags := flag.NewFlagSet("cases", flag.ContinueOnError)
	flags.SetOutput(stderr)
	repeat := flags.Int("repeat", 3, "how often an order is solved; the median time is reported")
	only := flags.String("only", strings.Join(kinds, ","), "the kinds of cases that are solved, separated by commas")
	var s seasonOptions
	s.flags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	if *repeat < 1 || flags.NArg() == 0 {
		return errors.New("give at least 1 repetition, and directories or .tar.gz files with cases")
	}
	r := runner{repeat: *repeat, only: strings.Split(*only, ","), season: s, out: json.NewEncoder(stdout)}
	for _, kind := range r.only {
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("--only: %q is none of the kinds %v", kind, kinds)
		}
	}
	for _, name := range flags.Args() {
		if err := r.runAll(name); err != nil {
			return err
		}
	}
	for _, s := range r.summary() {
		if err := r.out.Encode(s); err != nil {
			return err
		}
	}
	if r.cases == 0 {
		return errors.New("found no cases")
	}
	if len(r.contradicted) > 0 {
		return fmt.Errorf("contradicted in %d of %d cases: %v", len(r.contradicted), r.cases, r.contradicted)
	}
	return nil
}
