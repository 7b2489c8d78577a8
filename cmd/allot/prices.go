package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
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
  allot prices show prices.csv --network examples/us-parcel --top 20`,
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

// A priceAnswer is one price of what allot prices show --json prints.
type priceAnswer struct {
	Warehouse   string `json:"warehouse"`
	SKU         string `json:"sku,omitempty"`
	Service     string `json:"service,omitempty"`
	From        string `json:"from,omitempty"`
	Until       string `json:"until,omitempty"`
	PriceMicros int64  `json:"priceMicros"`
}

// A pricesAnswer is what allot prices show --json prints.
type pricesAnswer struct {
	Version  string        `json:"version"`
	Currency string        `json:"currency"`
	Count    int           `json:"count"` // of prices that match, listed or not
	Prices   []priceAnswer `json:"prices"`
}

// A pricesShowFlags is how allot prices show was called.
type pricesShowFlags struct {
	network, sku, warehouse string
	top                     int
	asJSON                  bool
}

func newPricesShow(t *terminal) *cobra.Command {
	var fl pricesShowFlags
	cmd := &cobra.Command{
		Use:   "show PRICES --network DIR",
		Short: "Show prices that look ahead",
		Long: `Show prints the prices of a file, the highest first: those of a unit of a SKU in a warehouse, and those of a shipment from a
warehouse on some days. A server that makes prices keeps those in force in the file that its flag --prices names, which it
replaces whole whenever they change; show tells of that file at any time. The version stands in every decision that
weighed them.`,
		Example: `  allot prices show prices.csv --network examples/us-parcel --top 20
  allot prices show prices.csv --network examples/us-parcel --sku mug-14oz-slate
  allot prices show prices.csv --network examples/us-parcel --warehouse reno --json | jq '.prices[0]'`,
		Args: arguments(1, 1, "PRICES"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var bad faults.List
			if fl.network == "" {
				bad.Addf("", 0, 0, "--network", "name the network directory that the prices are for", "missing")
			}
			if fl.top < 0 {
				bad.Addf("", 0, 0, "--top", "write a number, or 0 for all", "%d is out of range", fl.top)
			}
			if bad.Len() > 0 {
				return misuse(bad.Err())
			}
			snap, _, err := loadNetwork(fl.network)
			if err != nil {
				return err
			}
			prices, err := readPrices(args[0], snap)
			if err != nil {
				return err
			}
			return fl.show(t, snap, prices)
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringVar(&fl.sku, "sku", "", "only prices of this `SKU`")
	f.StringVar(&fl.warehouse, "warehouse", "", "only prices in this `WAREHOUSE`")
	f.IntVar(&fl.top, "top", 0, "at most `N` prices (default all)")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "network")
	completeFlag(cmd, "warehouse", completeFrom(&fl.network, warehouseNames))
	completeFlag(cmd, "sku", cobra.NoFileCompletions)
	completeFlag(cmd, "top", cobra.NoFileCompletions)
	return cmd
}

// readPrices reads a file of prices for a network.
func readPrices(file string, snap *network.Snapshot) (*engine.Prices, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	return engine.ReadPrices(f, file, snap)
}

func (fl *pricesShowFlags) show(t *terminal, snap *network.Snapshot, prices *engine.Prices) error {
	warehouse, sku := int32(-1), int32(-1)
	if fl.warehouse != "" {
		at, ok := snap.Warehouse(fl.warehouse)
		if !ok {
			var names []string
			for i := range snap.Warehouses {
				names = append(names, snap.Warehouses[i].ID)
			}
			return misusef("--warehouse: unknown warehouse %.100q; %s", fl.warehouse, meant(fl.warehouse, names))
		}
		warehouse = at
	}
	if fl.sku != "" {
		at, ok := snap.SKUs.Row(fl.sku)
		if !ok {
			mend := "name one of the network"
			if len(snap.SKUs.IDs) <= 10_000 {
				mend = cmp.Or(faults.DidYouMean(fl.sku, snap.SKUs.IDs), mend)
			}
			return misusef("--sku: unknown SKU %.100q; %s", fl.sku, mend)
		}
		sku = at
	}
	var rows []engine.PriceRow
	for r := range prices.Rows() {
		if (warehouse < 0 || r.Warehouse == warehouse) && (sku < 0 || r.SKU == sku) {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b engine.PriceRow) int { return cmp.Compare(b.Price, a.Price) })
	answer := &pricesAnswer{Version: prices.Version(), Currency: snap.Currency, Count: len(rows), Prices: []priceAnswer{}}
	if fl.top > 0 {
		rows = rows[:min(len(rows), fl.top)]
	}
	for _, r := range rows {
		one := priceAnswer{Warehouse: snap.Warehouses[r.Warehouse].ID, PriceMicros: int64(r.Price)}
		if r.SKU >= 0 {
			one.SKU = snap.SKUs.IDs[r.SKU]
		}
		if r.Service >= 0 {
			one.Service = snap.Services[r.Service].ID
		}
		if r.From != 0 || r.Until != 0 {
			one.From, one.Until = r.From.String(), r.Until.String()
		}
		answer.Prices = append(answer.Prices, one)
	}
	if fl.asJSON {
		return writeJSON(t.out, answer)
	}
	fmt.Fprintf(t.out, "%s in %s, version %.12s\n", count(answer.Count, "price"), answer.Currency, answer.Version)
	if len(answer.Prices) == 0 {
		return nil
	}
	g := grid{names: []string{">price", "warehouse", "of a unit of, or a shipment by", "from", "until"}}
	for _, p := range answer.Prices {
		what := cmp.Or(p.SKU, p.Service, "any service")
		if p.SKU == "" {
			what = "shipment by " + what
		}
		g.add(money(p.PriceMicros), p.Warehouse, what, p.From, p.Until)
	}
	g.print(t.out, "")
	if more := answer.Count - len(answer.Prices); more > 0 {
		fmt.Fprintf(t.out, "and %s more\n", thousands(more))
	}
	return nil
}
