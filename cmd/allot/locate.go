package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/locate"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// A locateFlags is how allot locate was called.
type locateFlags struct {
	historyFlags

	options                 locate.Options
	siteCost, stock         string
	out                     string
	noReplay, asJSON, quiet bool
}

func newLocate(t *terminal) *cobra.Command {
	var fl locateFlags
	cmd := &cobra.Command{
		Use:   "locate --network DIR --orders FILE --add K",
		Short: "Find where more warehouses would save most",
		Long: `Locate answers where the next warehouse should stand, and the ones after it, by the orders that came. Candidates are the H3 cells
to which most orders go, each at the postal place next to the cell's centre, with a warehouse that is like one of the network:
the same costs, cut-off, work days, carriers and classes.

First it estimates. The engine says for every order, at its own time, what the cheapest service in time costs from each
warehouse there is and from each candidate; the saving of a choice is what its cheapest saves, summed over all orders. It takes
the candidate that saves most, then the one that saves most beside it, and so on up to --add, and exchanges sites one at
a time for as long as that saves more. "at most" is proven: no choice of as many candidates saves more than that.

The estimate has stock and capacity without limit. So then it replays all orders, as "allot simulate" does, on the network as it
is and with 1, 2 and more sites: "replayed" is what is really saved on the orders that both fill. Stock is shared out for that,
and none is made: of every SKU on hand, to come, or added later, each site gets the share of the orders that it would ship by the
estimate, or --stock-share, from all warehouses in proportion. A replay may save more than the estimate or less. It has each
warehouse ship what it has: where warehouses lack SKUs, orders come from afar or in parts, and a site, which gets some of every
SKU, saves more. Where warehouses have everything, orders that are split for less leave less to save; and where stock is spread too
thin, a replay may lose.

An order that comes late now, as the policy allows, counts at what that costs. A site that brings it in time saves what that costs
less; where it costs more, it saves nothing by the estimate, and the replay pays it.

A network whose zone charts do not cover a candidate gives no price from there, unless the policy has guess_zones.
With --out DIR there are locate.json, curve.csv, candidates.csv and sites.geojson, a map.`,
		Example: `  allot locate --network examples/us-parcel --orders examples/us-parcel/season.parquet --add 3
  allot locate --network networks/retail --orders season.csv --add 2 --like memphis --cost-per-site 250000 --out sites
  allot locate --network networks/retail --orders season.csv --add 5 --candidates 200 --resolution 4 --no-replay --json`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fl.check(); err != nil {
				return err
			}
			return locateSites(cmd.Context(), t, &fl)
		},
	}
	fl.add(cmd)
	f := cmd.Flags()
	f.IntVar(&fl.options.Add, "add", 1, fmt.Sprintf("add up to `K` warehouses, 1 to %d", locate.MaxAdd))
	f.IntVar(&fl.options.Candidates, "candidates", 64, fmt.Sprintf("weigh the `N` cells to which most orders go, to %d", locate.MaxCandidates))
	f.IntVar(&fl.options.Resolution, "resolution", 3, "of the cells in H3: `R` from 1, as large as Texas, to 7, 5 km²; 3 is about 12,400 km²")
	f.StringVar(&fl.options.Template, "like", "", "new warehouses are like this `WAREHOUSE` (default the dc with most units on hand)")
	f.StringVar(&fl.siteCost, "cost-per-site", "0", "`AMOUNT` that a new warehouse costs over the time of the orders, to be set off against savings")
	f.StringVar(&fl.stock, "stock-share", "", "`SHARE` of all stock that each new warehouse gets in replays, as 10% (default its share of the orders)")
	f.BoolVar(&fl.noReplay, "no-replay", false, "estimate alone; quicker")
	f.IntVar(&fl.options.Workers, "workers", 0, "use `N` threads; the answer is the same (default one for each processor)")
	f.StringVar(&fl.out, "out", "", "write the files into `DIR`, too; made when missing, and the files of an earlier call replaced")
	f.BoolVar(&fl.quiet, "quiet", false, "print no progress")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "out")
	completeFlag(cmd, "like", completeFrom(&fl.network, warehouseNames))
	for _, name := range []string{"add", "candidates", "resolution", "cost-per-site", "stock-share", "workers"} {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

func (fl *locateFlags) check() error {
	var bad faults.List
	fl.historyFlags.check(&bad)
	o := &fl.options
	between := func(flag string, n, least, most int) {
		if n < least || n > most {
			bad.Addf("", 0, 0, flag, fmt.Sprintf("write a number from %d to %d", least, most), "%d is out of range", n)
		}
	}
	between("--add", o.Add, 1, locate.MaxAdd)
	between("--candidates", o.Candidates, 1, locate.MaxCandidates)
	between("--resolution", o.Resolution, 1, 7)
	between("--workers", o.Workers, 0, maxWorkers)
	var err error
	if o.SiteCost, err = units.ParseMoney(fl.siteCost); err != nil || o.SiteCost < 0 {
		bad.Addf("", 0, 0, "--cost-per-site", "write an amount in the network's currency, as 250000", "%.40q is none", fl.siteCost)
	}
	if fl.stock != "" {
		if o.StockShare, err = units.ParsePercent(fl.stock); err != nil || o.StockShare <= 0 || o.StockShare > units.WholePercent {
			bad.Addf("", 0, 0, "--stock-share", "write a percentage above 0% and up to 100%, as 10%", "%.40q is none", fl.stock)
		}
	}
	o.NoReplay = fl.noReplay
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

func locateSites(ctx context.Context, t *terminal, fl *locateFlags) error {
	var wrong faults.List
	base, _, err := fl.historyFlags.read(ctx, t, 1, fl.quiet, &wrong)
	if err != nil {
		return err
	}
	if base == nil || wrong.Len() > 0 {
		return wrong.Err()
	}
	in, err := base.Input()
	if err != nil {
		return err
	}
	var at *progress
	what := ""
	fl.options.Progress = func(now string, done, total int) {
		if at == nil || now != what {
			if at != nil {
				at.clear()
			}
			at, what = newProgress(t, fl.quiet, "order"), now
		}
		if now != "choosing" { // which takes no time
			at.of(done, total)
		}
	}
	r, err := locate.Find(ctx, base.Source, in, fl.options)
	if at != nil {
		at.clear()
	}
	if err != nil {
		return err
	}
	if r.Steps[0].Saving == 0 {
		fmt.Fprintln(t.err, "warning: no candidate saves anything; where zone charts do not cover them, the policy's guess_zones would give prices from there")
	}
	if fl.out != "" {
		files, err := r.Files()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(fl.out, 0o777); err != nil {
			return err
		}
		for _, f := range files {
			err := writeFile(filepath.Join(fl.out, f.Name), func(w io.Writer) error {
				_, err := w.Write(f.Text)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	if fl.asJSON {
		return writeJSON(t.out, r)
	}
	printLocated(t.out, r)
	if fl.out != "" {
		fmt.Fprintf(t.out, "\nwritten: %s\n", fl.out)
	}
	return nil
}

// printLocated writes the saving curve and its sites.
func printLocated(w io.Writer, r *locate.Result) {
	fmt.Fprintf(w, "%s: %s%s, %s\n", r.Network, count(r.Orders, "order"), between(dayOf(r.First), dayOf(r.Last)), r.Currency)
	left := ""
	if r.Unweighed > 0 {
		left = fmt.Sprintf("; %s left out", thousands(r.Unweighed))
	}
	fmt.Fprintf(w, "%s weighed%s; from the warehouses there are they cost %s at the least\n", count(r.Weighed, "order"), left, cents(r.Cost))
	fmt.Fprintf(w, "%s, each like %s\n\n", count(len(r.Candidates), "candidate"), r.Template)
	costs := r.SiteCost > 0
	g := grid{names: []string{">add", "sites", ">saving", ">share", ">at most"}}
	if costs {
		g.names = append(g.names, ">net")
	}
	if r.Base != nil {
		g.names = append(g.names, ">replayed")
		if costs {
			g.names = append(g.names, ">net")
		}
		g.names = append(g.names, ">an order", ">filled", ">on time")
	}
	line := func(add, sites, saving, share, bound, net string, x *locate.Replay) {
		cells := []string{add, sites, saving, share, bound}
		if costs {
			cells = append(cells, net)
		}
		if x != nil {
			replayed, rest := "", ""
			if add != "0" {
				replayed, rest = cents(x.Saving), cents(x.Net)
			}
			cells = append(cells, replayed)
			if costs {
				cells = append(cells, rest)
			}
			inTime := ""
			if x.Promised > 0 {
				inTime = percent(x.InTime, 2)
			}
			cells = append(cells, cents(x.PerOrder), percent(x.Fill, 2), inTime)
		}
		g.add(cells...)
	}
	if r.Base != nil {
		line("0", "", "", "", "", "", r.Base)
	}
	place := map[string]string{}
	for i := range r.Candidates {
		c := &r.Candidates[i]
		place[c.ID] = strings.TrimSpace(c.State + " " + c.Postal)
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		var sites []string
		for _, x := range s.Sites {
			sites = append(sites, place[x.ID])
		}
		line(fmt.Sprint(s.Add), strings.Join(sites, ", "), cents(s.Saving), percent(s.Share, 2), cents(s.Bound), cents(s.Net), s.Replay)
	}
	g.print(w, "  ")
	last := &r.Steps[len(r.Steps)-1]
	fmt.Fprintln(w)
	g = grid{names: []string{"site", "place", ">would ship", ">share"}}
	if r.Base != nil {
		g.names = append(g.names, ">units of stock")
	}
	for _, x := range last.Sites {
		cells := []string{x.ID, place[x.ID], thousands64(x.Ships), percent(results.ShareOf(x.Ships, int64(r.Weighed)), 1)}
		if r.Base != nil {
			cells = append(cells, thousands64(x.Stock))
		}
		g.add(cells...)
	}
	g.print(w, "  ")
}
