package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/load/audit"
	"github.com/allot-engine/allot/bench/report"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/faults"
)

// loadFlags are how load is sent: what run, saturate and soak have in common.
type loadFlags struct {
	target, admin, workload, durable string
	seed                             uint64
	slo, out                         string
	serverArgs                       []string
	unchecked, shared, asJSON, quiet bool
	o                                load.Options
}

// add adds the flags; objective is the standard of --slo.
func (fl *loadFlags) add(cmd *cobra.Command, objective string) {
	f := cmd.Flags()
	f.StringVar(&fl.target, "target", "", "gRPC `ADDRESS` of the server to call (default start one on loopback, for the network of the workload)")
	f.StringVar(&fl.admin, "target-admin", "", "`ADDRESS` of the admin port of --target, for its processors and memory")
	f.StringVar(&fl.workload, "workload", "steady", "`SPEC` of what is sent: a file, or a name of \"allot bench workload --list\"")
	f.Uint64Var(&fl.seed, "seed", 1, "the `NUMBER` from which the workload is drawn")
	f.StringVar(&fl.durable, "durable", "", "let the own server keep its ledger on disk, in the directory `DATADIR` (default in memory)")
	f.StringArrayVar(&fl.serverArgs, "server-arg", nil, "further `ARGUMENT` of allot serve for the own server, as --max-in-flight=100; may be repeated")
	f.StringVar(&fl.o.Mode, "mode", load.Unary, "how orders are sent, a `MODE`: unary, stream or batch")
	f.IntVar(&fl.o.PerMessage, "per-message", 0, "`N` orders a message of a stream, or a call of a batch (default 100)")
	f.DurationVar(&fl.o.Linger, "linger", 5*time.Millisecond, "`TIME` that the first order of a message waits for the others")
	f.IntVar(&fl.o.Window, "window", 0, "`N` orders without an answer on a stream; beyond them it waits (default 1000)")
	f.IntVar(&fl.o.Connections, "connections", 2, "`N` connections")
	f.IntVar(&fl.o.Callers, "callers", 0, "`N` calls, or streams, at once on all connections together (default 256 calls, 2 batches, a stream a connection)")
	f.IntVar(&fl.o.Others, "single-callers", 64, "`N` single calls at once, of all that --mode stream and batch do not send")
	f.IntVar(&fl.o.Queue, "queue", 100_000, "`N` operations that may wait for a caller; what comes beyond them is dropped, and counted")
	f.DurationVar(&fl.o.Timeout, "timeout", 5*time.Second, "`TIME` from when an operation is due until nobody waits for it any more; the deadline of the call")
	f.DurationVar(&fl.o.WarmUp, "warm-up", 5*time.Second, "`TIME` of load before anything counts")
	f.StringVar(&fl.slo, "slo", objective, "`CONDITIONS` that must hold, as \"p99<20ms,errors<0.1%\" or \"allocate:p99<20ms\"; otherwise the exit code is 6")
	f.StringVar(&fl.out, "out", "", "write the result into the directory `DIR`; made when missing")
	f.BoolVar(&fl.o.Profile, "profile-server", false, "keep a CPU profile and a heap profile of the server in --out")
	f.BoolVar(&fl.unchecked, "unchecked", false, "keep no books of what was answered, which spares the generator some of its processor time")
	f.BoolVar(&fl.shared, "shared", false, "others move the stock of --target as well: do not count it")
	f.BoolVar(&fl.quiet, "quiet", false, "print no progress")
	jsonFlag(cmd, &fl.asJSON)
	completeFlag(cmd, "mode", cobra.FixedCompletions(load.Modes(), cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "workload", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return workload.Builtins(), cobra.ShellCompDirectiveDefault
	})
	completeDirectory(cmd, "durable")
	completeDirectory(cmd, "out")
	for _, name := range []string{
		"target", "target-admin", "seed", "server-arg", "per-message", "linger", "window", "connections", "callers", "single-callers", "queue", "timeout",
		"warm-up", "slo",
	} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
}

// flagOfLoad names the flag that sets a field of load.Options.
var flagOfLoad = map[string]string{
	"Mode": "--mode", "PerMessage": "--per-message", "Linger": "--linger", "Window": "--window", "Connections": "--connections", "Callers": "--callers",
	"Others": "--single-callers", "Queue": "--queue", "Timeout": "--timeout", "WarmUp": "--warm-up", "Duration": "--duration", "Profile": "--profile-server",
}

// check finds what is wrong with the flags by themselves, and reads --slo.
func (fl *loadFlags) check(given func(flag string) bool) error {
	var bad faults.List
	if fl.slo != "" {
		var err error
		fl.o.SLO, err = load.ParseSLO(fl.slo)
		wrong, _ := asFaults(err)
		for _, f := range wrong {
			bad.Addf("", 0, 0, "--slo", f.Mend, "%s", f.Problem)
		}
	}
	if fl.target != "" {
		for _, name := range []string{"durable", "server-arg"} {
			if given(name) {
				bad.Addf("", 0, 0, "--"+name, "leave out one of them", "it is for an own server, and --target names another")
			}
		}
	} else {
		for _, name := range []string{"target-admin", "shared"} {
			if given(name) {
				bad.Addf("", 0, 0, "--"+name, "name the server with --target", "an own server has nobody else, and tells its admin port")
			}
		}
	}
	if fl.o.Profile && fl.out == "" {
		bad.Addf("", 0, 0, "--profile-server", "name a directory with --out", "there is nowhere to keep a profile")
	}
	if fl.o.Profile && fl.target != "" && fl.admin == "" {
		bad.Addf("", 0, 0, "--profile-server", "name the admin port with --target-admin", "profiles come from there")
	}
	for _, zero := range []struct { // which load.Options take for nothing said
		flag string
		is   bool
	}{
		{"per-message", fl.o.PerMessage == 0}, {"linger", fl.o.Linger == 0}, {"window", fl.o.Window == 0}, {"connections", fl.o.Connections == 0},
		{"callers", fl.o.Callers == 0}, {"single-callers", fl.o.Others == 0}, {"queue", fl.o.Queue == 0}, {"timeout", fl.o.Timeout == 0},
	} {
		if zero.is && given(zero.flag) {
			bad.Addf("", 0, 0, "--"+zero.flag, "write more, or leave it out", "nothing comes of 0")
		}
	}
	if fl.o.WarmUp < 0 {
		bad.Addf("", 0, 0, "--warm-up", "write a time, as 5s", "%v is below 0", fl.o.WarmUp)
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// misusedOptions names the flags in the faults of options.
func misusedOptions(err error) error {
	bad, ok := asFaults(err)
	if !ok {
		return err
	}
	var fl faults.List
	for _, f := range bad {
		flag, known := flagOfLoad[f.Field]
		if !known || f.File != "" {
			return err
		}
		f.Field = flag
		fl.Add(f)
	}
	return misuse(fl.Err())
}

// A loaded target is what load is sent to.
type loadTarget struct {
	workload *workload.Workload
	own      *load.OwnServer  // nil where --target names another
	clock    func() time.Time // of an own server
	scratch  string           // removed at the end
}

// open draws the workload, and starts a server for it where no target is named. Its clock begins when the workload's does, at a
// speed.
func (fl *loadFlags) open(ctx context.Context, t *terminal, speed float64) (*loadTarget, error) {
	spec, err := workload.Open(fl.workload)
	if err != nil {
		return nil, err
	}
	target := &loadTarget{}
	if target.workload, err = workload.New(spec, fl.seed); err != nil {
		return nil, err
	}
	fl.o.Dir = fl.out
	if fl.out != "" {
		if err := os.MkdirAll(fl.out, 0o755); err != nil {
			return nil, fmt.Errorf("--out: %w", err)
		}
	}
	if fl.target != "" {
		fl.o.Target, fl.o.Admin = fl.target, fl.admin
		start := time.Unix(int64(target.workload.Start()), 0)
		if apart := time.Since(start).Abs(); apart > 24*time.Hour {
			fmt.Fprintf(t.err, "note: the clock of this workload begins at %s, from which its promises count; if that of the server does not, "+
				"start it with --clock-from %[1]s\n", start.UTC().Format(time.RFC3339))
		}
		return target, nil
	}
	if err := fl.serve(ctx, t, target, speed); err != nil {
		return nil, errors.Join(err, target.close())
	}
	return target, nil
}

// serve starts a server of a target's own.
func (fl *loadFlags) serve(ctx context.Context, t *terminal, target *loadTarget, speed float64) (err error) {
	if target.scratch, err = os.MkdirTemp("", "allot-bench-"); err != nil {
		return err
	}
	network := filepath.Join(target.scratch, "network")
	fl.say(t, "writing the network")
	if err := target.workload.WriteNetwork(network); err != nil {
		return err
	}
	fl.say(t, "starting a server")
	var log io.Writer
	if fl.out != "" {
		f, err := os.Create(filepath.Join(fl.out, serverLog))
		if err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		log = f // closed with the process; the server writes it to the last
	}
	began := time.Now()
	target.own, err = load.StartServer(ctx, load.ServerOptions{
		Network: network, Data: fl.durable, ClockFrom: target.workload.Start(), ClockSpeed: speed, Args: fl.serverArgs, Log: log,
	})
	if err != nil {
		return err
	}
	start := time.Unix(int64(target.workload.Start()), 0)
	target.clock = func() time.Time { return start.Add(time.Duration(float64(time.Since(began)) * max(speed, 0))) }
	fl.o.Own = target.own
	return nil
}

// serverLog is the log of an own server in the directory of a result.
const serverLog = "server.log"

// say tells on a terminal what takes its time.
func (fl *loadFlags) say(t *terminal, what string) {
	if !fl.quiet && t.errIsTerminal {
		fmt.Fprintf(t.err, "\r%-60s\r", what)
	}
}

// auditor returns books for a target; nil where none are wanted.
func (fl *loadFlags) auditor(target *loadTarget, speed float64) load.Auditor {
	if fl.unchecked {
		return nil
	}
	return audit.New(audit.Options{
		SKUs: target.workload.SKUs(), Shared: fl.shared, Clock: target.clock, Speed: speed, Seed: fl.seed, HoldFor: target.holdFor(),
	})
}

// holdFor is for how long the server keeps a hold that is not confirmed, by the policy of its network.
func (target *loadTarget) holdFor() time.Duration {
	if m := target.workload.Source().Settings.Policy.HoldMinutes; m > 0 {
		return time.Duration(m) * time.Minute
	}
	return 15 * time.Minute // of allot serve
}

// close ends an own server.
func (target *loadTarget) close() error {
	var err error
	if target.own != nil {
		err = target.own.Close()
	}
	if target.scratch != "" {
		err = errors.Join(err, os.RemoveAll(target.scratch))
	}
	return err
}

// A runFlags is how allot bench run was called.
type runFlags struct {
	loadFlags

	rate, arrivals, profile string
}

func newBenchRun(t *terminal) *cobra.Command {
	var fl runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Send a workload and measure what comes of it",
		Long: `Run sends a workload to a server and measures what its callers see. The loop is open: an order is sent when it is due, whether or not
those before it were answered, and its latency counts from when it was due. So a server that stops for two seconds shows two seconds
in the percentiles, as its callers saw them; a generator that waits for answers would send nothing meanwhile and see one slow call.

Without --target a server is started on loopback, with the network, the stock and the clock of the workload, and ended at the end;
--durable lets it keep its ledger on disk. With --target the server must have the network and the stock of the workload, as "allot
bench workload --out" writes them.

Orders come as the workload says, or by --rate, orders a second, or by --profile, a file with a course of rates. Quotes, and what becomes
of orders, come on top, so that there are more operations than orders. --mode stream sends orders by AllocateStream and --mode
batch by AllocateBatch, --per-message at a time; all else is sent by single calls in every mode, beside them by --single-callers.

What is due while all --callers are busy waits in a queue, and its latency counts that; what finds the queue full is dropped and
counted. An operation that has no answer after --timeout from when it was due has timed out. The generator watches itself, and says when
it was the bottleneck: then figures are its own, and not the server's.

The callers keep books of all that they were told, and hold them against the server at the end: no unit sold twice, no request
with two effects, no acknowledged hold lost, no plan labelled on time that is late. --unchecked does without.

With --out the directory gets report.html (see allot bench report), result.json, latency.hlog and service.hlog (HdrHistogram logs by operation and second), the log of an
own server, and with --profile-server its profiles. The exit code is 6 when a condition of --slo does not hold or the books do not.`,
		Example: `  allot bench run --workload steady --rate 2000 --duration 1m --out result
  allot bench run --workload hot-sku --rate 20000 --mode stream --per-message 100 --slo "allocate:p99<50ms,errors<0.1%"
  allot bench run --rate 1000 --durable data --profile-server --out result
  allot bench run --target 10.0.0.7:7430 --target-admin 10.0.0.7:7432 --workload shop.yaml --profile burst.yaml --json`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fl.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return benchRunIt(cmd.Context(), t, &fl)
		},
	}
	fl.add(cmd, "")
	f := cmd.Flags()
	f.StringVar(&fl.rate, "rate", "", "`RATE` of orders, as 5000 or 5000/s (default as the workload says); with --profile what its percentages are of")
	f.StringVar(&fl.arrivals, "arrivals", workload.KindPoisson, "how orders come at --rate, a `KIND`: poisson, or constant, evenly spaced")
	f.StringVar(&fl.profile, "profile", "", "`FILE` with a course of rates; docs are in bench/README.md")
	f.DurationVar(&fl.o.Duration, "duration", 30*time.Second, "`TIME` that is measured")
	completeFlag(cmd, "rate", cobra.NoFileCompletions)
	completeFlag(cmd, "duration", cobra.NoFileCompletions)
	completeFlag(cmd, "arrivals", cobra.FixedCompletions([]string{workload.KindPoisson, workload.KindConstant}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	})
	return cmd
}

func (fl *runFlags) check(given func(flag string) bool) error {
	if err := fl.loadFlags.check(given); err != nil {
		return err
	}
	if fl.arrivals != workload.KindPoisson && fl.arrivals != workload.KindConstant {
		kinds := []string{workload.KindPoisson, workload.KindConstant}
		return misusef("--arrivals: unknown kind %.40q; %s", fl.arrivals, meant(fl.arrivals, kinds))
	}
	if given("arrivals") && (fl.rate == "" || fl.profile != "") {
		return misusef("--arrivals says how orders come at --rate; a workload and a profile say it themselves")
	}
	if fl.o.Duration <= 0 {
		return misusef("--duration: write a time above 0, as 30s; %v is none", fl.o.Duration)
	}
	_, err := fl.perSecond()
	return err
}

// perSecond reads --rate; 0 where there is none.
func (fl *runFlags) perSecond() (float64, error) {
	if fl.rate == "" {
		return 0, nil
	}
	var rate workload.Rate
	if err := rate.UnmarshalText([]byte(strings.TrimSuffix(fl.rate, "/s") + "/s")); err != nil || rate <= 0 {
		return 0, misusef("--rate: %.40q is no rate; write orders a second, as 5000 or 0.5", fl.rate)
	}
	return rate.PerSecond(), nil
}

// when returns the arrivals that the flags ask for; nil for those of the workload.
func (fl *runFlags) when() (workload.Arrivals, error) {
	rate, err := fl.perSecond()
	switch {
	case err != nil:
		return nil, err
	case fl.profile != "":
		data, err := os.ReadFile(fl.profile)
		if err != nil {
			return nil, err
		}
		p, err := workload.ReadProfile(fl.profile, data)
		if err != nil {
			return nil, err
		}
		return p.Arrivals(rate, fl.seed)
	case rate == 0:
		return nil, nil //nolint:nilnil // the workload's own
	case fl.arrivals == workload.KindConstant:
		return workload.Constant(rate), nil
	default:
		return workload.Poisson(rate, fl.seed), nil
	}
}

// generatorGC lets the garbage of the generator, which is a little for each call, pile up higher: what collecting takes is taken from
// the server on the same machine.
const generatorGC = 400

func benchRunIt(ctx context.Context, t *terminal, fl *runFlags) (err error) {
	if fl.o.Arrivals, err = fl.when(); err != nil {
		return err
	}
	target, err := fl.open(ctx, t, 1)
	if err != nil {
		return err
	}
	defer func() { err = endLoad(t, target, err) }()
	defer debug.SetGCPercent(debug.SetGCPercent(generatorGC))
	fl.o.Auditor = fl.auditor(target, 1)
	fl.o.Progress = fl.progress(t)
	r, err := load.Run(ctx, target.workload, fl.o)
	fl.say(t, "")
	if r == nil {
		return misusedOptions(err)
	}
	told := fl.tell(t, r)
	if err != nil {
		return misusedOptions(err)
	}
	return told
}

// endLoad ends a target, and returns what to say of it: what went wrong before, or else what went wrong now. A code that was told
// already stays.
func endLoad(t *terminal, target *loadTarget, err error) error {
	cerr := target.close()
	if cerr == nil {
		return err
	}
	if _, told := errors.AsType[toldError](err); told {
		fmt.Fprintf(t.err, "warning: %v\n", cerr)
		return err
	}
	return errors.Join(err, cerr)
}

// progress tells of every second on a terminal.
func (fl *loadFlags) progress(t *terminal) func(load.Second) {
	if fl.quiet || !t.errIsTerminal {
		return nil
	}
	return func(s load.Second) {
		failed, phase := s.Refused+s.TimedOut+s.Dropped, ""
		if s.Warm {
			phase = " warm-up"
		}
		fmt.Fprintf(t.err, "\r%4.0f s%s  %s/s  p50 %s  p99 %s  errors %s  in flight %s   ", s.At+1, phase, thousands64(s.Answered),
			latencyText(s.P50), latencyText(s.P99), shareText(failed, failed+s.Answered), thousands64(s.InFlight))
	}
}

// tell writes a result where the flags want it, and returns the code when it does not hold.
func (fl *loadFlags) tell(t *terminal, r *load.Result) error {
	if fl.out != "" {
		if r.Target.Own {
			r.Files = append(r.Files, load.File{Name: serverLog, What: "log of the server"})
		}
		if err := r.Write(fl.out); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		if err := writeFile(filepath.Join(fl.out, reportFile), func(w io.Writer) error { return report.Write(w, r) }); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if fl.asJSON {
		if err := writeJSON(t.out, r); err != nil {
			return err
		}
	} else {
		printLoad(t.out, r)
		if fl.out != "" {
			fmt.Fprintf(t.out, "\nreport       %s\n", filepath.Join(fl.out, reportFile))
		}
	}
	if r.Generator.Bottleneck {
		fmt.Fprintf(t.err, "warning: the generator was the bottleneck: %s\n", r.Generator.Why)
	}
	if r.Correctness.Failures() > 0 || slices.ContainsFunc(r.Objectives, func(o load.Objective) bool { return !o.Holds }) {
		return toldError(exitMissed)
	}
	return nil
}
