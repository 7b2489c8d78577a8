package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/lookahead"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/server/pace"
	"github.com/allot-engine/allot/units"
)

// A pricesFlags is what allot serve was told about prices that look ahead.
type pricesFlags struct {
	forecast, file string
	every          time.Duration
	share          float64
	seed           uint64
}

func (fl *pricesFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&fl.forecast, "forecast", "", "price stock and capacity by the orders of `FORECAST`, in the background (default not at all)")
	f.StringVar(&fl.file, "prices", "", "weigh the prices of `FILE`; with --forecast they are kept there, and read at the start if they are there")
	f.DurationVar(&fl.every, "prices-every", time.Hour, "with --forecast, make new prices every `TIME`")
	f.Float64Var(&fl.share, "prices-share", 0.25, "with --forecast, take at most this `PART` of one processor for it, above 0 up to 1")
	f.Uint64Var(&fl.seed, "prices-seed", 1, "with --forecast, `SEED` of the orders that are sampled")
	completeFlag(cmd, "forecast", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	})
	completeFlag(cmd, "prices", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
	})
}

// check tells what the flags about prices say wrongly. given tells which flags there are.
func (fl *pricesFlags) check(given func(flag string) bool, bad *faults.List) {
	for _, name := range []string{"prices-every", "prices-share", "prices-seed"} {
		if given(name) && fl.forecast == "" {
			bad.Addf("", 0, 0, "--"+name, "name a forecast with --forecast, which \"allot forecast fit\" makes", "no prices are made")
		}
	}
	if fl.every < time.Second {
		bad.Addf("", 0, 0, "--prices-every", "write a time of at least a second, as 1h", "%v is too short", fl.every)
	}
	if !(fl.share > 0 && fl.share <= 1) {
		bad.Addf("", 0, 0, "--prices-share", "write a number above 0 and up to 1, as 0.25", "%v is out of range", fl.share)
	}
}

// A pricing makes prices for a server again and again.
type pricing struct {
	fl       *pricesFlags
	forecast *lookahead.Forecast
	log      *slog.Logger
	look     func() *server.Outlook
	set      func(*engine.Prices) error
	inbound  func() []lookahead.Supply

	refresher atomic.Pointer[lookahead.Refresher]
	engine    *engine.Engine // that it is for
	pace      *pace.Pacer    // of the refresh under way
}

// newPricing reads the forecast, and puts the prices that are on file in force. It returns nil where none are to be made.
func newPricing(fl *pricesFlags, s *server.Server, log *slog.Logger, stock func() *network.Stock) (*pricing, error) {
	var forecast *lookahead.Forecast
	if fl.forecast != "" {
		var err error
		if forecast, err = readForecast(fl.forecast); err != nil {
			return nil, err
		}
	}
	if fl.file != "" {
		prices, err := readPrices(fl.file, s.Outlook().Engine.Snapshot())
		if err == nil {
			err = s.SetPrices(prices)
		}
		switch {
		case err == nil:
			log.Info("prices read", "file", fl.file, "version", prices.Version(), "prices", prices.Len())
		case forecast == nil:
			return nil, err
		case !errors.Is(err, fs.ErrNotExist): // they are made anew in a moment
			log.Warn("prices on file are not used", "file", fl.file, "error", err)
		}
	}
	if forecast == nil {
		return nil, nil
	}
	p := &pricing{fl: fl, forecast: forecast, log: log, look: s.Outlook, set: s.SetPrices}
	p.inbound = func() []lookahead.Supply { return inboundOf(stock()) }
	if err := p.renew(s.Outlook().Engine); err != nil { // so that a forecast of another network is told at once
		return nil, err
	}
	for _, what := range p.refresher.Load().LeftOut() {
		log.Warn("forecast, but not in the network", "what", what)
	}
	return p, nil
}

// renew makes a refresher for an engine, which learns anew.
func (p *pricing) renew(e *engine.Engine) error {
	r, err := lookahead.New(e, p.forecast, lookahead.Options{Seed: p.fl.seed, Workers: 1, Stop: func() bool { return p.pace.Stop() }})
	if err != nil {
		return err
	}
	p.engine = e
	p.refresher.Store(r)
	return nil
}

// see learns of an order that came. It may be called from any goroutine.
func (p *pricing) see(o *engine.Order, at units.Instant) { p.refresher.Load().See(o, at) }

// run makes prices until the context ends: at once, and then on schedule. Whatever goes wrong is logged, and the prices
// before then stay in force.
func (p *pricing) run(ctx context.Context) { schedule(ctx, p.fl.every, p.once) }

// once makes prices and puts them in force.
func (p *pricing) once(ctx context.Context) {
	began := time.Now()
	version, report, err := p.make(ctx)
	switch {
	case ctx.Err() != nil: // what was made is not worth keeping
	case err != nil:
		p.log.Warn("no new prices; those before stay in force", "error", err)
	default:
		p.log.Info("new prices", "version", version, "stock", report.StockRows, "days", report.ShipRows, "highest", report.Highest.String(),
			"orders_expected", int64(report.Orders), "orders_seen", report.Learned, "orders_a_day", int64(report.Volume),
			"took", time.Since(began).Round(time.Millisecond), "worked", p.pace.Worked().Round(time.Millisecond))
	}
}

func (p *pricing) make(ctx context.Context) (version string, report *lookahead.Report, err error) {
	defer func() {
		if r := recover(); r != nil { // prices are worth less than the server
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	p.pace = pace.New(ctx, p.fl.share)
	at := p.look()
	if at.Engine != p.engine {
		if err := p.renew(at.Engine); err != nil {
			return "", nil, err
		}
	}
	prices, report, err := p.refresher.Load().Refresh(at.Stock, at.Now, p.inbound())
	if err != nil || ctx.Err() != nil {
		return "", report, err
	}
	if err := p.set(prices); err != nil {
		return "", report, err
	}
	if p.fl.file != "" {
		snap := at.Engine.Snapshot()
		if err := writeFile(p.fl.file, func(w io.Writer) error { return prices.Write(w, snap) }); err != nil {
			return "", report, err
		}
	}
	return prices.Version(), report, nil
}

// schedule does what once does until the context ends: at once, and then at every so long from one beginning to the next, or
// right after where it took longer.
func schedule(ctx context.Context, every time.Duration, once func(context.Context)) {
	for ctx.Err() == nil {
		next := time.After(every)
		once(ctx)
		select {
		case <-ctx.Done():
		case <-next:
		}
	}
}
