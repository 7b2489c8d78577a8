package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/lookahead"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

func newPrices(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prices",
		Short: "Make and show prices that look ahead",
		Example: `  allot prices fit --network examples/us-parcel --forecast examples/us-parcel/forecast/forecast.yaml -o prices.csv
  allot prices show prices.csv --network examples/us-parcel --top 20
  allot prices show --server 127.0.0.1:7430 --top 20`,
		Args: cobra.ArbitraryArgs, // so that group can answer
		RunE: group,
	}
	cmd.AddCommand(newPricesFit(t), newPricesShow(t))
	return cmd
}

// A pricesFitFlags is how allot prices fit was called.
type pricesFitFlags struct {
	network, forecast, now, output string
	seed                           uint64
	budget                         time.Duration
	quiet                          bool
}

func newPricesFit(t *terminal) *cobra.Command {
	var fl pricesFitFlags
	cmd := &cobra.Command{
		Use:   "fit --network DIR --forecast FORECAST",
		Short: "Price stock and capacity by the orders that are forecast",
		Long: `Fit works out what each unit of stock, and each shipment on the days of a warehouse with a daily capacity, will be worth to the
orders that a forecast expects until stock comes in again, and after that where the forecast says what comes. It samples such
orders, asks the engine what each warehouse would ship them for, and searches the prices at which nothing is wanted by more
than there is. The prices are written as CSV: warehouse, sku, service, from, until, price, the last in the network's currency.

Decisions that are given the prices add them to what they compare: they leave the last units of a place to those who will
need them most. Prices choose where an order is filled, never whether. "allot serve --forecast" makes prices by itself,
again and again; "allot allocate --prices" and "allot serve --prices" take those of a file.

Stock is that of the network's files, with what they say is on its way. The same files, moment and seed give the same prices,
on any machine, unless --time-budget ends the search.`,
		Example: `  allot prices fit --network examples/us-parcel --forecast examples/us-parcel/forecast/forecast.yaml -o prices.csv
  allot prices fit --network networks/retail --forecast forecast.yaml --now 2026-11-23T15:00:00Z --time-budget 30s -o prices.csv`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return pricesFit(cmd.Context(), t, &fl)
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringVar(&fl.forecast, "forecast", "", "the `FORECAST`, as forecast.yaml (required)")
	f.StringVar(&fl.now, "now", "", "the `MOMENT` from which it looks ahead, as 2026-11-23T15:00:00Z (default the real time)")
	f.StringVarP(&fl.output, "output", "o", "", "write into `FILE`, whole or not at all (default standard output)")
	f.Uint64Var(&fl.seed, "seed", 1, "`SEED` of the orders that are sampled")
	f.DurationVar(&fl.budget, "time-budget", 0, "end the search after this `TIME` with the prices so far (default when it is done)")
	f.BoolVar(&fl.quiet, "quiet", false, "print no summary")
	completeDirectory(cmd, "network")
	for _, name := range []string{"now", "seed", "time-budget"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	completeFlag(cmd, "forecast", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	})
	return cmd
}

func (fl *pricesFitFlags) check(clock time.Time) (now units.Instant, err error) {
	var bad faults.List
	if fl.network == "" {
		bad.Addf("", 0, 0, "--network", "name the network directory", "missing")
	}
	if fl.forecast == "" {
		bad.Addf("", 0, 0, "--forecast", "name the forecast, which \"allot forecast fit\" makes", "missing")
	}
	now = units.Instant(clock.Unix())
	if fl.now != "" {
		if now, err = units.ParseInstant(fl.now); err != nil {
			bad.Addf("", 0, 0, "--now", "", "%v", err)
		}
	}
	if fl.budget < 0 {
		bad.Addf("", 0, 0, "--time-budget", "write a time, as 30s", "%v is negative", fl.budget)
	}
	if bad.Len() > 0 {
		return 0, misuse(bad.Err())
	}
	return now, nil
}

func pricesFit(ctx context.Context, t *terminal, fl *pricesFitFlags) error {
	now, err := fl.check(t.now())
	if err != nil {
		return err
	}
	snap, stock, err := loadNetwork(fl.network)
	if err != nil {
		return err
	}
	f, err := readForecast(fl.forecast)
	if err != nil {
		return err
	}
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	began := time.Now()
	r, err := lookahead.New(e, f, lookahead.Options{Seed: fl.seed, Stop: func() bool {
		return ctx.Err() != nil || fl.budget > 0 && time.Since(began) > fl.budget
	}})
	if err != nil {
		return err
	}
	prices, report, err := r.Refresh(stockAt(snap, stock, now), now, inboundOf(stock))
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	write := func(w io.Writer) error { return prices.Write(w, snap) }
	if fl.output == "" || fl.output == "-" {
		err = write(t.out)
	} else {
		err = writeFile(fl.output, write)
	}
	if err != nil {
		return err
	}
	if !fl.quiet {
		for _, what := range r.LeftOut() {
			fmt.Fprintf(t.err, "warning: the network does not have %s, which is forecast\n", what)
		}
		fmt.Fprintf(t.err, "%v; up to %v %s a unit; seed %d, %.1f s\n", report, report.Highest, snap.Currency, fl.seed, time.Since(began).Seconds())
	}
	return nil
}

// inboundOf returns what the files of a network say is on its way.
func inboundOf(stock *network.Stock) (inbound []lookahead.Supply) {
	for _, row := range stock.Rows {
		if row.AvailableFrom != 0 {
			inbound = append(inbound, lookahead.Supply{Date: row.AvailableFrom, Warehouse: row.Warehouse, SKU: row.SKU, Units: row.OnHand})
		}
	}
	return inbound
}
