package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/reserve"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// Where allot serve listens unless it is told otherwise: on this machine only, for there is no authentication yet.
const (
	defaultGRPC = "127.0.0.1:7430"
	defaultHTTP = "127.0.0.1:7431"
	noAddress   = "none"
)

// flagOf names the flag that sets a field of server.Config.
var flagOf = map[string]string{
	"MaxMessage": "--max-message", "MaxBatch": "--max-batch", "MaxBatches": "--max-batches", "BatchBudget": "--batch-budget",
	"BatchWorkers": "--batch-workers", "DecideBudget": "--decide-budget", "MaxInFlight": "--max-in-flight", "MaxStreams": "--max-streams",
	"Simulations": "--simulations", "SimulateShare": "--simulate-share", "MaxSimulations": "--max-simulations",
	"MaxSimulationsQueued": "--max-simulations-queued", "KeepSimulations": "--keep-simulations", "KeepSimulationBytes": "--keep-simulation-bytes",
	"DrainDelay": "--drain-delay", "DrainTimeout": "--drain-timeout", "AllowOrigins": "--allow-origin",
}

// A serveFlags is how allot serve was called.
type serveFlags struct {
	grpc, http          string
	logFormat, logLevel string
	cfg                 server.Config

	data                string // empty keeps everything in memory
	snapshotEvery, keep int
	reserved            int64 // bytes of memory

	prices      pricesFlags
	simulations serveSimulations
	clock       clockFlags
	admin       serveAdmin
}

func newServe(t *terminal) *cobra.Command {
	var fl serveFlags
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Answer the allot.v1 API for a network",
		Long: `Serve reads a network directory, puts its stock into a ledger, and answers the allot.v1 API on two ports: gRPC, with health
and reflection, on one; JSON, Connect and gRPC-Web for curl and browsers on the other. NetworkService.Load without files
reads the directory anew.

With --data the ledger is kept in that directory: nothing is answered before it is on disk, and a server that was stopped,
killed or lost its power goes on where it was, with every hold that it answered. The network's files give the stock when the
directory is new; from then on the ledger knows better, and what they say of stock is not read at a start. One server at a
time may have a directory. Snapshots keep a restart quick; making one, in the background, takes the memory of the ledger a
second time. When the directory cannot be written any more (disk full, disk broken) the server says why and ends at once with
code 3; start it again when that is mended. "allot ledger" checks, copies and exports what is there.

Without --data the ledger is in memory: what orders take from the stock is forgotten when the server ends.

With --forecast the server looks ahead: every hour, or as --prices-every says, it prices what is in stock, and the days of
warehouses with a capacity, by what they will be worth to the orders that are forecast, corrected by those that came since it
started. Decisions weigh the prices beside what is paid and leave the last units of a place to those who will need them most;
they refuse nothing for a price. --prices-share keeps that work to a part of one processor. Where it fails, the log says so and
the prices before stay in force. "allot forecast fit" makes forecasts, "allot prices show" shows prices.

A third port, --admin, is for who runs the server: metrics for Prometheus at /metrics, profiles at /debug/pprof, /healthz while the
process lives and /readyz while it takes calls; docs/metrics.md has them all. Keep it from callers.

SimulationService replays orders on this network or on another, beside live decisions and without touching them: orders that the
request has, or a file of the directory --histories. What comes of it is kept in --simulations. All of this takes no
more of the processors than --simulate-share: whole processors of that share are goroutines that work without a rest, less than
one is a goroutine that rests in between. Its memory is not bounded by that: a million orders take some hundred megabytes.
"allot simulate" does the same without a server.

The addresses and a curl line to try are printed; the log goes to standard error. SIGINT or SIGTERM drains: health turns
NOT_SERVING, new calls are refused, those in flight may end. A second signal ends at once.

A decision takes as long as its search, which has limits of its own, and so can be made again byte for byte. --decide-budget ends
those that take longer with the best plan so far, its proven bound and the mark that time has stopped it; "allot ledger replay"
tells of them apart.

With --clock-from and --clock-speed its clock is another one than the time: a load test lets a day pass in ten minutes. The log says
so. A data directory that has seen a later moment than --clock-from is refused.

Nothing is encrypted and nobody is asked who they are: listen on this machine, or behind a proxy that does both.`,
		Example: `  allot serve examples/us-parcel
  allot serve examples/us-parcel --data data
  allot serve examples/us-parcel --forecast examples/us-parcel/forecast/forecast.yaml --prices prices.csv
  allot serve examples/us-parcel --histories seasons --simulations simulations --simulate-share 50%
  allot serve --grpc :7430 --http none --log-format json networks/retail
  curl -s http://127.0.0.1:7431/healthz
  grpcurl -plaintext 127.0.0.1:7430 list`,
		Args:              arguments(1, 1, "DIR"),
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fl.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return serve(cmd.Context(), t, &fl, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.grpc, "grpc", defaultGRPC, "`ADDRESS` for gRPC")
	f.StringVar(&fl.http, "http", defaultHTTP, "`ADDRESS` for JSON, Connect and gRPC-Web, or none")
	fl.admin.add(cmd)
	f.StringVar(&fl.data, "data", "", "keep stock and holds in the directory `DATADIR`; made when missing (default in memory)")
	f.IntVar(&fl.snapshotEvery, "snapshot-every", 1_000_000, "with --data, make a snapshot every `N` events, or up to eight times as many where the ledger is large: fewer make a restart quicker")
	f.IntVar(&fl.keep, "keep-snapshots", 2, "with --data, keep `N` snapshots and the events since the oldest of them; 0 keeps everything")
	fl.prices.add(cmd)
	fl.simulations.add(cmd, &fl.cfg)
	fl.clock.add(cmd)
	addLimits(cmd, &fl.cfg, &fl.reserved)
	f.IntVar(&fl.cfg.MaxMessage, "max-message", 4<<20, "at most `N` bytes in one request")
	f.IntVar(&fl.cfg.MaxInFlight, "max-in-flight", 4096, "at most `N` calls answered at once, on both ports together")
	f.Uint32Var(&fl.cfg.MaxStreams, "max-streams", 1000, "at most `N` calls at once on one HTTP/2 connection")
	f.IntVar(&fl.cfg.MaxBatch, "max-batch", 5000, "at most `N` orders in one batch")
	f.IntVar(&fl.cfg.MaxBatches, "max-batches", 2, "at most `N` batches decided at once")
	f.DurationVar(&fl.cfg.BatchBudget, "batch-budget", 20*time.Second, "`TIME` in which a batch looks for better plans, unless it asks for less")
	f.IntVar(&fl.cfg.BatchWorkers, "batch-workers", 0, "decide a batch on `N` processors (default all but one)")
	f.DurationVar(&fl.cfg.DecideBudget, "decide-budget", 0, "`TIME` after which a decision ends with the best plan so far, marked as stopped (default no limit)")
	f.IntVar(&fl.cfg.Ledger.MaxHolds, "max-holds", 1<<24, "at most `N` holds remembered at once")
	f.Int64Var(&fl.cfg.Engine.LaneCacheBytes, "lane-cache", 256<<20, "`BYTES` of memory for the lanes to places that were asked for")
	f.StringSliceVar(&fl.cfg.AllowOrigins, "allow-origin", nil, "web `ORIGIN` whose pages may call the HTTP port, as https://shop.example; may be repeated")
	f.DurationVar(&fl.cfg.DrainDelay, "drain-delay", 0, "`TIME` from saying NOT_SERVING to refusing calls, for balancers to notice")
	f.DurationVar(&fl.cfg.DrainTimeout, "drain-timeout", 15*time.Second, "`TIME` for calls in flight to end before they are cut off")
	f.StringVar(&fl.logFormat, "log-format", "text", "`FORMAT` of the log: text, json or none")
	f.StringVar(&fl.logLevel, "log-level", "info", "least `LEVEL` that is logged: debug, info, warn or error")
	completeDirectory(cmd, "data")
	completeFlag(cmd, "log-format", cobra.FixedCompletions([]string{"text", "json", "none"}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// logger returns the log that the flags ask for.
func (fl *serveFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[fl.logLevel]
	if !ok {
		return nil, misusef("--log-level: unknown level %.60q; %s", fl.logLevel, meant(fl.logLevel, []string{"debug", "info", "warn", "error"}))
	}
	options := &slog.HandlerOptions{Level: level}
	switch fl.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "none":
		return slog.New(slog.DiscardHandler), nil
	}
	return nil, misusef("--log-format: unknown format %.60q; %s", fl.logFormat, meant(fl.logFormat, []string{"text", "json", "none"}))
}

func serve(ctx context.Context, t *terminal, fl *serveFlags, dir string) (err error) {
	log, err := fl.logger(t.err)
	if err != nil {
		return err
	}
	began := t.now()
	root, err := openNetwork(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing is written through it

	if fl.reserved > 0 {
		from := t.now()
		defer reserve.Memory(fl.reserved)()
		log.Info("memory is reserved", "bytes", fl.reserved, "took", t.now().Sub(from))
	}
	rpc, err := listen(ctx, "--grpc", fl.grpc)
	if err != nil {
		return err
	}
	defer func() { _ = rpc.Close() }() // Serve closes it; this is for what fails before
	var web net.Listener
	if fl.http != noAddress {
		if web, err = listen(ctx, "--http", fl.http); err != nil {
			return err
		}
		defer func() { _ = web.Close() }()
	}

	admin, err := fl.admin.open(ctx, &fl.cfg, log)
	if err != nil {
		return err
	}
	defer admin.Close() // Serve closes it; this is for what fails before
	endTraces, err := fl.admin.trace(ctx, &fl.cfg, log)
	if err != nil {
		return err
	}
	defer endTraces()

	kept := "in memory, and forgotten when this server ends; --data DATADIR keeps it"
	if fl.data != "" {
		data, failed := openStore(ctx, t, fl, root.FS(), log)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, data.store.Close()) }()
		fl.cfg.Store = data.store
		kept = fmt.Sprintf("in %s: %v", fl.data, data)
	}
	var looking atomic.Pointer[pricing]
	if fl.prices.forecast != "" {
		fl.cfg.Answered = func(o *engine.Order, at units.Instant) {
			if p := looking.Load(); p != nil {
				p.see(o, at)
			}
		}
	}
	var read atomic.Pointer[loaded]
	fl.cfg.Log, fl.cfg.Files = log, root.FS()
	if fl.cfg.Now, err = fl.clock.now(t.now, fl.cfg.Store, log); err != nil {
		return err
	}
	fl.cfg.Loaded = func(snap *network.Snapshot, stock *network.Stock) { read.Store(&loaded{snap, stock}) }
	histories, err := fl.simulations.open(&fl.cfg)
	if err != nil {
		return err
	}
	if histories != nil {
		defer func() { _ = histories.Close() }() // nothing is written through it
	}
	s, err := server.New(fl.cfg)
	if err != nil {
		return flagFaults(err)
	}
	defer s.Close()

	pricing, err := newPricing(&fl.prices, s, log, func() *network.Stock { return read.Load().stock })
	if err != nil {
		return err
	}
	if pricing != nil {
		looking.Store(pricing)
		running, stop := context.WithCancel(ctx)
		var background sync.WaitGroup
		background.Go(func() { pricing.run(running) })
		defer background.Wait()
		defer stop()
	}

	n := read.Load()
	fmt.Fprintf(t.out, "%v\nledger %s\nready after %v\n\n", summarize(n.snap, len(n.stock.Rows)), kept, t.now().Sub(began).Round(time.Millisecond))
	list := []string{"gRPC", rpc.Addr().String() + "  (reflection is on: grpcurl -plaintext " + reachable(rpc) + " list)"}
	if web != nil {
		list = append(list, "HTTP", "http://"+reachable(web)+"  (JSON, Connect, gRPC-Web; /healthz)")
	}
	if admin != nil {
		list = append(list, "admin", "http://"+admin.Addr().String()+"  (/metrics, /debug/pprof, /healthz, /readyz)")
	}
	pairs(t.out, "", list...)
	if web != nil {
		fmt.Fprintf(t.out, "\nTry:\n%s\n", curl(reachable(web), sampleOrder(ctx, s, n)))
	}
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	if web == nil {
		return s.Serve(ctx, rpc, nil)
	}
	return s.Serve(ctx, rpc, web)
}

// A loaded is a network as it was last read.
type loaded struct {
	snap  *network.Snapshot
	stock *network.Stock
}

// flagFaults names the flags in the faults of a server's configuration; faults of a network stay as they are.
func flagFaults(err error) error {
	bad, ok := asFaults(err)
	if !ok {
		return err
	}
	var fl faults.List
	for _, f := range bad {
		field, _, _ := strings.Cut(f.Field, "[")
		flag, known := flagOf[field]
		if !known || f.File != "" {
			return err
		}
		f.Field = flag
		fl.Add(f)
	}
	return misuse(fl.Err())
}

// listen opens a port.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, misusef("%s: %.100q is no address; write host:port, as 127.0.0.1:7430 or :7430", flag, address)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; choose another address, or end what listens there", flag, err)
	}
	return l, nil
}

// reachable returns an address under which a listener can be called from this machine.
func reachable(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// maxSamples is how many SKUs are asked for until there is one that can be sent.
const maxSamples = 50

// sampleOrder is an order that the network can fill, as far as a few attempts find one.
func sampleOrder(ctx context.Context, s *server.Server, n *loaded) *allotv1.Order {
	sample := &allotv1.Order{Id: "try-1", Lines: []*allotv1.Line{{Sku: "SKU", Quantity: 1}}, To: &allotv1.Destination{PostalCode: "10001"}}
	for i := range n.stock.Rows[:min(len(n.stock.Rows), maxSamples)] {
		row := &n.stock.Rows[i]
		if row.AvailableFrom != 0 || row.OnHand <= row.Safety {
			continue
		}
		w, known := n.snap.Warehouse(row.Warehouse)
		if !known {
			continue
		}
		sample.Lines[0].Sku = row.SKU
		if wh := &n.snap.Warehouses[w]; wh.Country != "US" {
			sample.To = &allotv1.Destination{Country: wh.Country, PostalCode: wh.Postal}
		}
		if quote, err := s.Quote(ctx, &allotv1.QuoteRequest{Order: sample}); err == nil && len(quote.GetOptions()) > 0 {
			break
		}
	}
	return sample
}

// curl is a command line that sends an order to be allocated.
func curl(address string, order *allotv1.Order) string {
	raw, err := plainJSON(&allotv1.AllocateRequest{RequestId: order.GetId(), Order: order})
	if err != nil {
		panic(err) // it is all text that came from a file that was UTF-8
	}
	body := strings.ReplaceAll(string(raw), "'", `'\''`)
	return fmt.Sprintf("  curl -s http://%s/allot.v1.AllocationService/Allocate \\\n    -H 'Content-Type: application/json' \\\n    -d '%s'", address, body)
}
