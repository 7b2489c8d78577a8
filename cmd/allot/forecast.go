package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/lookahead"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

func newForecast(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forecast",
		Short: "Fit and check forecasts of orders",
		Example: `  allot forecast fit --network examples/us-parcel --orders examples/us-parcel/history.csv -o forecast.yaml
  allot forecast check examples/us-parcel/forecast/forecast.yaml --network examples/us-parcel`,
		Args: cobra.ArbitraryArgs, // so that group can answer
		RunE: group,
	}
	cmd.AddCommand(newForecastFit(t), newForecastCheck(t))
	return cmd
}

// A forecastFitFlags is how allot forecast fit was called.
type forecastFitFlags struct {
	network, format, output    string
	orders                     []string
	every, next, from, until   string
	share                      string
	part                       units.Percent
	cycles                     int32
	quiet                      bool
	days                       int32
	nextDay, fromDay, untilDay units.Date
	formats                    []string
}

func newForecastFit(t *terminal) *cobra.Command {
	fl := forecastFitFlags{}
	cmd := &cobra.Command{
		Use:   "fit --network DIR --orders FILE -o FORECAST",
		Short: "Forecast orders from those that came",
		Long: `Fit counts orders that came and writes a forecast of those to come: a YAML file with how many come on a day and on which
days of the week, in what quantities and by what promises, and beside it tables in CSV of what is ordered together (.types.csv)
and of where to (.regions.csv). Counts are exact: a weight in a forecast is a number of orders. All of it is for people to
read and to change.

Orders are files of JSON Lines or CSV as "allot allocate" reads them, and each says when it came, in orderedAt or ordered_at.
They should be all the orders of some weeks; with less than two weeks, days of the week are not told apart. Orders that the
network does not know the place or the SKUs of are counted as left out.

What orders do not tell is how stock comes in. --cycle and --next say when; a table of what comes can be named in the YAML file
as supply, with the columns date, warehouse, sku and units. Where it is missing, only the orders until the next supply are
looked at. "allot prices fit" and "allot serve --forecast" make prices of a forecast.`,
		Example: `  allot forecast fit --network examples/us-parcel --orders examples/us-parcel/history.csv -o forecast.yaml
  allot forecast fit --network networks/retail --orders october.jsonl --orders november.jsonl --cycle 14d --next 2026-11-30 -o forecast.yaml`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fl.check(); err != nil {
				return err
			}
			return forecastFit(cmd.Context(), t, &fl)
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringArrayVar(&fl.orders, "orders", nil, "a `FILE` of orders that came, or - for standard input; may be repeated (required)")
	f.StringVar(&fl.format, "format", "", "`FORMAT` of the files, jsonl or csv, whatever their names are")
	f.StringVarP(&fl.output, "output", "o", "", "the forecast `FILE` to write, as forecast.yaml (required)")
	f.StringVar(&fl.every, "cycle", "7d", "`DAYS` from one supply to the next, as 7d")
	f.StringVar(&fl.next, "next", "", "a `DATE` on which supply comes (default the day after the last order)")
	f.Int32Var(&fl.cycles, "cycles", 2, "how many cycles after the present one are looked at, `N` of 1 to 4")
	f.StringVar(&fl.from, "from", "", "the first `DATE` that the files have all the orders of (default that of the first order)")
	f.StringVar(&fl.until, "until", "", "the last such `DATE` (default that of the last order)")
	f.StringVar(&fl.share, "share", "100%", "the `PERCENT` of all orders that the files have, where they are a sample")
	f.BoolVar(&fl.quiet, "quiet", false, "print no progress")
	completeDirectory(cmd, "network")
	for _, name := range []string{"share", "cycle", "next", "cycles", "from", "until"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	completeFlag(cmd, "format", cobra.FixedCompletions([]string{formatJSON, formatCSV}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (fl *forecastFitFlags) check() error {
	var bad faults.List
	if fl.network == "" {
		bad.Addf("", 0, 0, "--network", "name the network directory", "missing")
	}
	if len(fl.orders) == 0 {
		bad.Addf("", 0, 0, "--orders", "name a file of orders that came", "missing")
	}
	if fl.output == "" || fl.output == "-" {
		bad.Addf("", 0, 0, "--output", "name the file to write, as forecast.yaml; tables are written beside it", "missing")
	}
	days, err := strconv.ParseInt(strings.TrimSuffix(fl.every, "d"), 10, 32)
	if err != nil || days < 1 || days > lookahead.MaxDays {
		bad.Addf("", 0, 0, "--cycle", fmt.Sprintf("write a number of days from 1 to %d, as 7d", lookahead.MaxDays), "%.40q is none", fl.every)
	}
	fl.days = int32(days)
	if fl.part, err = units.ParsePercent(fl.share); err != nil || fl.part < 1 || fl.part > units.WholePercent {
		bad.Addf("", 0, 0, "--share", "write a percentage from 0.01% to 100%", "%.40q is none", fl.share)
	}
	if fl.cycles < 1 || fl.cycles > lookahead.MaxCycles {
		bad.Addf("", 0, 0, "--cycles", fmt.Sprintf("write a number from 1 to %d", lookahead.MaxCycles), "%d is out of range", fl.cycles)
	}
	for _, d := range []struct {
		flag, text string
		day        *units.Date
	}{{"--next", fl.next, &fl.nextDay}, {"--from", fl.from, &fl.fromDay}, {"--until", fl.until, &fl.untilDay}} {
		if d.text == "" {
			continue
		}
		day, err := units.ParseDate(d.text)
		if err != nil {
			bad.Addf("", 0, 0, d.flag, "", "%v", err)
		}
		*d.day = day
	}
	fl.formats = nil
	for _, file := range fl.orders {
		format, fault := formatNamed(fl.format, file, "--orders", formatJSON, formatCSV)
		if fault != nil {
			bad.Add(*fault)
		}
		fl.formats = append(fl.formats, format)
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// formatNamed returns the format of a file of orders, one of those that are known, or what is wrong with its name.
func formatNamed(given, file, field string, known ...string) (string, *faults.Fault) {
	format, ok := formatOf(file, known...)
	switch {
	case given != "" && !slices.Contains(known, given):
		return "", &faults.Fault{Field: "--format", Problem: fmt.Sprintf("unknown format %.60q", given), Mend: meant(given, known)}
	case given != "":
		return given, nil
	case file == "-":
		return formatJSON, nil
	case !ok:
		return "", &faults.Fault{Field: field, Problem: fmt.Sprintf("%.200q does not tell by its name what is in it", file), Mend: "name it ." + strings.Join(known[:len(known)-1], ", .") + " or ." + known[len(known)-1] + ", or give --format"}
	}
	return format, nil
}

func forecastFit(ctx context.Context, t *terminal, fl *forecastFitFlags) error {
	snap, _, err := loadNetwork(fl.network)
	if err != nil {
		return err
	}
	fitter := lookahead.NewFitter(snap)
	progress := newProgress(t, fl.quiet, "order")
	var bad faults.List
	seen, timeless := 0, 0
	for i, file := range fl.orders {
		for o, err := range readOrders(file, fl.formats[i], t.in) {
			if err == nil && ctx.Err() != nil {
				err = errInterrupted
			}
			if err != nil {
				progress.clear()
				return err
			}
			seen++
			progress.step(seen)
			for _, f := range o.faults {
				bad.Add(f)
			}
			if len(o.faults) > 0 {
				continue
			}
			if o.at == 0 {
				if timeless++; timeless <= maxTimeless {
					bad.Add(o.place(faults.Fault{Field: "ordered_at", Problem: "the order does not say when it came", Mend: "add orderedAt, or the column ordered_at"}))
				}
				continue
			}
			order, err := server.ReadOrder(o.order)
			if err != nil {
				list, ok := asFaults(err)
				if !ok {
					progress.clear()
					return err
				}
				for _, f := range list {
					bad.Add(o.place(f))
				}
				continue
			}
			fitter.See(order, o.at)
		}
	}
	progress.clear()
	if err := bad.Err(); err != nil {
		return err
	}
	f, report, err := fitter.Forecast(lookahead.FitOptions{Every: fl.days, Cycles: fl.cycles, Next: fl.nextDay, From: fl.fromDay, Until: fl.untilDay, Share: fl.part})
	if err != nil {
		return err
	}
	files := f.Files(filepath.Base(fl.output))
	var names []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at := filepath.Join(filepath.Dir(fl.output), name)
		if err := writeFile(at, func(w io.Writer) error { _, err := w.Write(files[name]); return err }); err != nil {
			return err
		}
		names = append(names, at)
	}
	fmt.Fprintf(t.out, "%s of %v to %v: %v a day, %s of %s, %s\n", count(int(report.Orders), "order"), report.From, report.Until, f.Orders,
		count(int(report.Lines), "line"), count(int(report.Units), "unit"), forecastSizes(f))
	if report.LeftOut > 0 || report.UnknownSKU > 0 {
		fmt.Fprintf(t.out, "left out: %s, %s of them to places that the network does not know; %s of SKUs that it does not have\n",
			count(int(report.LeftOut), "order"), thousands(int(report.UnknownPlace)), count(int(report.UnknownSKU), "line"))
	}
	fmt.Fprintf(t.out, "written: %s\n", strings.Join(names, ", "))
	return nil
}

// maxTimeless bounds the orders without a time that are listed: where one has none, mostly all have none.
const maxTimeless = 20

// forecastSizes says how large a forecast is.
func forecastSizes(f *lookahead.Forecast) string {
	skus := map[string]bool{}
	for i := range f.Types {
		for _, sku := range f.Types[i].SKUs {
			skus[sku] = true
		}
	}
	return fmt.Sprintf("%s of %s, %s, %s", count(len(f.Types), "order type"), count(len(skus), "SKU"), count(len(f.Regions), "region"), count(len(f.Promises), "promise"))
}

// loadNetwork reads a network directory.
func loadNetwork(dir string) (*network.Snapshot, *network.Stock, error) {
	root, err := openNetwork(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = root.Close() }() // nothing is written through it
	return network.LoadFS(root.FS(), nil)
}

// readForecast reads a forecast and its tables.
func readForecast(file string) (*lookahead.Forecast, error) {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("no forecast: %w", err)
	}
	defer func() { _ = root.Close() }() // nothing is written through it
	return lookahead.Read(root.FS(), path.Base(filepath.ToSlash(file)))
}

// A forecastAnswer is what allot forecast check --json prints.
type forecastAnswer struct {
	Faults   []faultAnswer    `json:"faults"`
	Warnings []string         `json:"warnings"`
	Forecast *forecastSummary `json:"forecast,omitempty"`
}

type forecastSummary struct {
	OrdersPerDay string `json:"ordersPerDay"`
	Types        int    `json:"types"`
	Regions      int    `json:"regions"`
	Promises     int    `json:"promises"`
	SupplyRows   int    `json:"supplyRows"`
	From         string `json:"from,omitempty"`
	Until        string `json:"until,omitempty"`
	Orders       int64  `json:"orders,omitempty"`
}

func newForecastCheck(t *terminal) *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FORECAST",
		Short: "List everything that is wrong with a forecast",
		Long: `Check reads a forecast and its tables and lists everything that is wrong, with file, row and column, and what to do about
it. With --network it also tells what the forecast names and the network does not have, as warnings: that is left out when
prices are made. The exit code is 0 without faults and 1 with any.`,
		Example: `  allot forecast check forecast.yaml
  allot forecast check forecast.yaml --network examples/us-parcel --json | jq '.warnings[]'`,
		Args: arguments(1, 1, "FORECAST"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(_ *cobra.Command, args []string) error {
			answer := &forecastAnswer{Faults: []faultAnswer{}, Warnings: []string{}}
			var summary string
			f, err := readForecast(args[0])
			if err == nil && dir != "" {
				answer.Warnings, err = leftOut(dir, f)
			}
			if bad, ok := asFaults(err); ok {
				answer.Faults = faultAnswers(bad)
			} else if err != nil {
				return err
			} else {
				answer.Forecast = &forecastSummary{
					OrdersPerDay: f.Orders.String(), Types: len(f.Types), Regions: len(f.Regions), Promises: len(f.Promises), SupplyRows: len(f.Supply), Orders: f.Seen,
				}
				if f.Seen > 0 {
					answer.Forecast.From, answer.Forecast.Until = f.From.String(), f.Until.String()
				}
				summary = fmt.Sprintf("%v orders a day, %s, %s of supply", f.Orders, forecastSizes(f), count(len(f.Supply), "row"))
			}
			switch {
			case asJSON:
				err = writeJSON(t.out, answer)
			default:
				err = nil
				for _, f := range answer.Faults {
					fmt.Fprintln(t.out, faults.Fault(f))
				}
				for _, w := range answer.Warnings {
					fmt.Fprintf(t.out, "warning: the network does not have %s\n", w)
				}
				if answer.Forecast != nil {
					fmt.Fprintf(t.out, "%s\nno faults, %s\n", summary, count(len(answer.Warnings), "warning"))
				} else {
					fmt.Fprintln(t.out, count(len(answer.Faults), "fault"))
				}
			}
			if err == nil && len(answer.Faults) > 0 {
				err = toldError(exitFaults)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "network", "", "compare it with the network directory `DIR`")
	jsonFlag(cmd, &asJSON)
	completeDirectory(cmd, "network")
	return cmd
}

// leftOut lists what a forecast names and a network does not have.
func leftOut(dir string, f *lookahead.Forecast) ([]string, error) {
	snap, _, err := loadNetwork(dir)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(snap, engine.Options{LaneCacheBytes: 1 << 20})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	r, err := lookahead.New(e, f, lookahead.Options{})
	if err != nil {
		return nil, err
	}
	return append([]string{}, r.LeftOut()...), nil
}
