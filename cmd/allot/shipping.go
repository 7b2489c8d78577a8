package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/simulate/shipping"
	"github.com/allot-engine/allot/units"
)

// shippingFlags are what is asked of allot shipping-policy.
type shippingFlags struct {
	standard, twoDay string
	freeOver, bands  []string
	days             int
	cost, out        string
	orders           []string
	format           string
	maxBad           string
	sort, asJSON     bool
}

func newShippingPolicy(t *terminal) *cobra.Command {
	var fl shippingFlags
	cmd := &cobra.Command{
		Use:   "shipping-policy RUN-DIR",
		Short: "Tell what flat rates and free shipping would cost",
		Long: `Shipping-policy holds what shipping cost in a replay against what buyers would have paid for it: a flat rate for standard
shipping, one for two-day shipping, and nothing for standard shipping from an order value on. It reads the results that
"allot simulate" wrote, and prints what each policy leaves to be paid by the merchant (the subsidy), by order value.

Which orders are two-day: with --orders, the files that were replayed, those promised within --days days of the local day on
which they came; collected orders pay nothing then. Without, those whose plan arrives within so many days. All others are
standard. An order above the threshold pays no standard rate; a two-day order always pays its rate. Refused orders count
nowhere. An order without a value is above no threshold, and has a band of its own.

Costs are the freight of the plans; with --cost all everything they cost, handling and split cost included. The rate at
which buyers would pay for all of a kind themselves is the break-even rate. It is the orders that came that are looked at: who would have
bought more for free shipping, or gone without, is not among them.

With --out it writes shipping.csv and shipping.json.`,
		Example: `  allot shipping-policy runs/base
  allot shipping-policy runs/base --standard 5.99 --two-day 12.99 --free-over 35,50,75
  allot shipping-policy runs/base --orders december.parquet --cost all --out policy`,
		Args:              arguments(1, 1, "RUN-DIR"),
		ValidArgsFunction: completeDirectories,
		RunE:              func(cmd *cobra.Command, args []string) error { return t.shippingPolicy(cmd, args[0], &fl) },
	}
	f := cmd.Flags()
	f.StringVar(&fl.standard, "standard", "5.99", "what a buyer pays for standard shipping: an `AMOUNT`")
	f.StringVar(&fl.twoDay, "two-day", "12.99", "what a buyer pays for two-day shipping: an `AMOUNT`")
	f.StringSliceVar(&fl.freeOver, "free-over", nil, "order `VALUES` from which on standard shipping is free, each a policy (default none)")
	f.StringSliceVar(&fl.bands, "bands", []string{"25", "50", "75", "100", "150"}, "order `VALUES` at which the table's bands begin, beside the thresholds")
	f.IntVar(&fl.days, "days", 2, "an order is two-day that is to arrive within so many days")
	f.StringVar(&fl.cost, "cost", string(shipping.Freight), "which `COST` of a plan counts: freight, or all")
	f.StringSliceVar(&fl.orders, "orders", nil, "`FILE` of the orders that were replayed, for their promises; may be repeated (default: plans tell)")
	f.StringVar(&fl.format, "format", "", "of --orders: jsonl, csv or parquet (default by the ending of each name)")
	f.BoolVar(&fl.sort, "sort", false, "the rows of --orders may stand in any order")
	f.StringVar(&fl.maxBad, "max-bad", "0%", "the `SHARE` of --orders that may be at fault, as the replay allowed")
	f.StringVar(&fl.out, "out", "", "the directory `DIR` to write shipping.csv and shipping.json into; made when missing (default none)")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "out")
	return cmd
}

// amounts reads the amounts of a flag.
func amounts(flag string, texts []string) ([]units.Money, error) {
	var out []units.Money
	for _, text := range texts {
		v, err := units.ParseMoney(text)
		if err == nil && v < 0 {
			err = fmt.Errorf("%v is negative", v)
		}
		if err != nil {
			return nil, misusef("--%s: %w", flag, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func (t *terminal) shippingPolicy(cmd *cobra.Command, dir string, fl *shippingFlags) error {
	o := shipping.Options{FastDays: fl.days, Cost: shipping.Cost(fl.cost)}
	if o.Cost != shipping.Freight && o.Cost != shipping.All {
		return misusef("--cost: %.60q is neither freight nor all", fl.cost)
	}
	if fl.days < 0 {
		return misusef("--days: %d is not 0 or more", fl.days)
	}
	var err error
	if o.FreeOver, err = amounts("free-over", fl.freeOver); err != nil {
		return err
	}
	if o.Bands, err = amounts("bands", fl.bands); err != nil {
		return err
	}
	rates, err := amounts("standard", []string{fl.standard})
	if err != nil {
		return err
	}
	o.Standard = rates[0]
	if rates, err = amounts("two-day", []string{fl.twoDay}); err != nil {
		return err
	}
	o.Fast = rates[0]
	maxBad, err := units.ParseProbability(fl.maxBad)
	if err != nil {
		return misusef("--max-bad: %w", err)
	}
	if fl.format != "" && fl.format != history.JSONLines && fl.format != history.CSV && fl.format != history.Parquet {
		return misusef("--format: %.60q is none of jsonl, csv and parquet", fl.format)
	}
	run, err := results.Open(dir)
	if err != nil {
		return err
	}
	if len(fl.orders) > 0 {
		var files []history.File
		for _, name := range fl.orders {
			files = append(files, history.OSFile(name))
		}
		read := history.ReadOptions{Format: fl.format, Sort: fl.sort, MaxBad: maxBad}
		var bad *history.Bad
		if o.History, bad, err = history.Read(cmd.Context(), files, read); err != nil {
			return err
		}
		tellBad(t, bad)
	}
	report, err := shipping.Study(run, o)
	if errors.Is(err, shipping.ErrNoValues) {
		var list faults.List
		list.Addf(dir, 0, 0, "value", "give the orders a value, what the buyer pays for the goods, and replay them; or leave --free-over out", "no order of the run has a value")
		return list.Err()
	}
	if err != nil {
		return err
	}
	if fl.out != "" {
		if err := writeShipping(report, fl.out); err != nil {
			return err
		}
	}
	if fl.asJSON {
		return writeJSON(t.out, report)
	}
	t.printShipping(report)
	if fl.out != "" {
		fmt.Fprintf(t.err, "wrote %s and %s\n", filepath.Join(fl.out, "shipping.csv"), filepath.Join(fl.out, "shipping.json"))
	}
	return nil
}

func writeShipping(r *shipping.Report, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "shipping.csv"), r.WriteCSV); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "shipping.json"), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	})
}

// printShipping prints the policies, then what an order costs the merchant by its value.
func (t *terminal) printShipping(r *shipping.Report) {
	rule := fmt.Sprintf("the plan arrives within %s of the order", count(r.FastDays, "day"))
	if r.Basis == shipping.ByPromise {
		rule = fmt.Sprintf("promised within %s of the order", count(r.FastDays, "day"))
	}
	what := "freight"
	if r.Cost == shipping.All {
		what = "all costs"
	}
	if r.Partial {
		fmt.Fprint(t.out, "The run was stopped before its end; this is about what was replayed.\n\n")
	}
	fmt.Fprintf(t.out, "%s shipped, %s in %s; two-day: %s\n\n", count(r.Orders, "order"), what, r.Currency, rule)
	g := &grid{names: []string{"kind", ">orders", ">cost", ">cost/order", ">rate"}}
	for i, name := range [...]string{"standard", "two-day"} {
		rate := r.Standard
		if i == 1 {
			rate = r.Fast
		}
		c := &r.ClassOf[i]
		g.add(name, thousands(c.Orders), cents(c.Cost), cents(c.BreakEven), cents(rate))
	}
	g.print(t.out, "")
	fmt.Fprint(t.out, "\nThe break-even rate of a kind is its cost/order.\n\n")
	g = &grid{names: []string{"free over", ">orders", ">ship free", ">cost", ">revenue", ">subsidy", ">subsidy/order"}}
	for i := range r.Policies {
		p := &r.Policies[i]
		g.add(freeOver(p), thousands(p.Total.Orders), thousands(p.Total.Free), cents(p.Total.Cost), cents(p.Total.Revenue), cents(p.Total.Subsidy()),
			cents(p.Total.PerOrder(p.Total.Subsidy())))
	}
	g.print(t.out, "")
	fmt.Fprint(t.out, "\nSubsidy of an order, by its value:\n\n")
	names := []string{"value", ">orders", ">two-day", ">cost/order"}
	for i := range r.Policies {
		names = append(names, ">free over "+freeOver(&r.Policies[i]))
	}
	g = &grid{names: names}
	for k := range r.Policies[0].Bands {
		b := &r.Policies[0].Bands[k]
		row := []string{bandName(b), thousands(b.Orders), thousands(b.Fast), cents(b.PerOrder(b.Cost))}
		for i := range r.Policies {
			x := &r.Policies[i].Bands[k]
			row = append(row, cents(x.PerOrder(x.Subsidy())))
		}
		g.add(row...)
	}
	g.print(t.out, "")
	if r.NoValue > 0 {
		fmt.Fprintf(t.out, "\nwithout a value, so that no threshold makes them free: %s\n", count(r.NoValue, "order"))
	}
}

func freeOver(p *shipping.Policy) string {
	if !p.HasFree {
		return "none"
	}
	return p.Free.String()
}

func bandName(b *shipping.Band) string {
	switch {
	case b.Unknown:
		return "unknown"
	case b.Until == 0:
		return b.From.String() + " and more"
	}
	return strings.Join([]string{b.From.String(), b.Until.String()}, " to ")
}
