package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// A serveSimulations is what allot serve was told about simulations.
type serveSimulations struct {
	histories string
	share     shareFlag
}

func (fl *serveSimulations) add(cmd *cobra.Command, cfg *server.Config) {
	f := cmd.Flags()
	fl.share = 0.25
	f.StringVar(&fl.histories, "histories", "", "let simulations name the files of orders in the directory `DIR`, and no others (default none)")
	f.StringVar(&cfg.Simulations, "simulations", "", "keep the results of simulations in the directory `DIR`; made when missing (default a temporary one)")
	f.Var(&fl.share, "simulate-share", "simulations and comparisons take at most this `PART` of all processors, as 25% or 0.25")
	f.IntVar(&cfg.MaxSimulations, "max-simulations", 1, "at most `N` simulations and comparisons at work at once; they share --simulate-share")
	f.IntVar(&cfg.MaxSimulationsQueued, "max-simulations-queued", 8, "at most `N` simulations and comparisons waiting for those at work; others are refused")
	f.IntVar(&cfg.KeepSimulations, "keep-simulations", 100, "keep the results of `N` simulations; the oldest go")
	f.Int64Var(&cfg.KeepSimulationBytes, "keep-simulation-bytes", 4<<30, "keep `BYTES` of results; the oldest go, but never the latest")
	completeDirectory(cmd, "histories")
	completeDirectory(cmd, "simulations")
}

// check tells what the flags about simulations say wrongly. given tells which flags there are.
func (fl *serveSimulations) check(given func(flag string) bool, cfg *server.Config, bad *faults.List) {
	for _, f := range []struct{ name, value, what string }{
		{"histories", fl.histories, "to let simulations name no files"}, {"simulations", cfg.Simulations, "to keep results in a temporary directory"},
	} {
		if given(f.name) && f.value == "" {
			bad.Addf("", 0, 0, "--"+f.name, "name a directory, or leave the flag out "+f.what, "it is empty")
		}
	}
	for _, f := range []struct {
		name string
		n    int64
	}{
		{"max-simulations", int64(cfg.MaxSimulations)}, {"max-simulations-queued", int64(cfg.MaxSimulationsQueued)},
		{"keep-simulations", int64(cfg.KeepSimulations)}, {"keep-simulation-bytes", cfg.KeepSimulationBytes},
	} {
		if f.n < 1 {
			bad.Addf("", 0, 0, "--"+f.name, "write 1 or more", "%d is out of range", f.n)
		}
	}
}

// open configures a server by the flags. What it opens is the caller's to close.
func (fl *serveSimulations) open(cfg *server.Config) (root *os.Root, err error) {
	cfg.SimulateShare = float64(fl.share)
	if fl.histories == "" {
		return nil, nil
	}
	root, err = os.OpenRoot(fl.histories)
	if err != nil {
		if bare, ok := errors.AsType[*fs.PathError](err); ok {
			err = bare.Err
		}
		return nil, fmt.Errorf("--histories %s: %w; name a directory with files of orders", fl.histories, err)
	}
	cfg.Histories = root.FS()
	return root, nil
}

// A shareFlag is a part of a whole as a flag: 25% or 0.25, above 0 and up to 1.
type shareFlag float64

// String implements pflag.Value.
func (s *shareFlag) String() string { return strconv.FormatFloat(float64(*s), 'g', -1, 64) }

// Type implements pflag.Value.
func (s *shareFlag) Type() string { return "PART" }

// Set implements pflag.Value.
func (s *shareFlag) Set(text string) error {
	var part float64
	if percent, err := units.ParsePercent(text); err == nil {
		part = float64(percent) / float64(units.WholePercent)
	} else if part, err = strconv.ParseFloat(text, 64); err != nil {
		return fmt.Errorf("%.40q is no part of a whole; write it as 25%% or 0.25", text)
	}
	if !(part > 0 && part <= 1) {
		return fmt.Errorf("%s is out of range; write a part above 0%% and up to 100%%", text)
	}
	*s = shareFlag(part)
	return nil
}
