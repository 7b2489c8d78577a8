package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/simulate/cutoffs"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A cutoffsFlags is how allot cutoffs was called.
type cutoffsFlags struct {
	network, by, weight, dims, format, out string
	skus, orders, to, services             []string
	commercial, asJSON, asText, quiet      bool

	day     units.Date
	heavy   units.Weight
	sides   [3]units.Length
	lines   []engine.Line
	formats []string
}

func newCutoffs(t *terminal) *cobra.Command {
	var fl cutoffsFlags
	cmd := &cobra.Command{
		Use:   "cutoffs --network DIR --deliver-by DATE [--out DIR]",
		Short: "Tell until when to order so that it arrives by a date",
		Long: `Cutoffs answers "what is the last day to order for Christmas?": for every region, service and warehouse the last moment at
which an order can come and still be delivered by the date, and what it costs then. It is what a decision at that very second
does, and one second later no more: cut-offs and work days of warehouses, processing, pickups, carriers' days and holidays, the
policy's on-time probability and the rate card of that day all count. Neither stock nor capacity does, and nothing of what
time it is now.

Regions are states and 3-digit postal areas of the United States, of all their postal codes; with --orders of those that orders
went to, each weighing as many orders as went there; with --to of those that are named, each with a row of its own. Carriers
do not treat all places of a region alike, so there are two answers for each: "everywhere" is the earliest cut-off of its
places, which is safe for the whole region, and "some places until" the latest. Where a service does not reach a place in time at
all, that place is left out of both, and the count of places tells it.

The order is one parcel of --weight, or what --sku says, shipped from one warehouse to a residence. Amounts are all that a
decision counts: freight, handling, cartons. A row without a warehouse takes for each place the one by which orders can come
last, and of equals the cheapest.

On a terminal, or with --text, a table of states and of services is printed; piped, or with --json, all rows as JSON. --out
writes all rows into cutoffs.csv and cutoffs.json. Times are in UTC and in the zone of the warehouse.`,
		Example: `  allot cutoffs --network examples/us-parcel --deliver-by 2026-12-24
  allot cutoffs --network examples/us-parcel --deliver-by 2026-12-24 --weight 5lb --dims "18x12x6 in" --out christmas
  allot cutoffs --network examples/us-parcel --deliver-by 2026-12-24 --to 10001,99501 --services usps_ground_advantage,usps_priority_mail
  allot cutoffs --network examples/us-parcel --deliver-by 2026-12-24 --orders examples/us-parcel/history.csv --sku mug-16oz-moss:2 --text`,
		Args:              arguments(0, 0, "no argument, only flags"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fl.check(); err != nil {
				return err
			}
			return findCutoffs(cmd.Context(), t, &fl)
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` (required)")
	f.StringVar(&fl.by, "deliver-by", "", "the last `DATE` of delivery where the order goes, as 2026-12-24 (required)")
	f.StringVar(&fl.weight, "weight", "", "the `WEIGHT` of what is ordered, without its carton (default 1kg)")
	f.StringVar(&fl.dims, "dims", "", "its three `SIDES` (default not known: then only the weight counts)")
	f.StringSliceVar(&fl.skus, "sku", nil, "in place of a weight, an article as `SKU:QUANTITY`; may be repeated")
	f.StringSliceVar(&fl.to, "to", nil, "only these `POSTAL` codes, as 10001 or CA:K1A; may be repeated")
	f.StringArrayVar(&fl.orders, "orders", nil, "only the places that the orders of a `FILE` went to (.jsonl, .csv or .parquet), weighed by them; may be repeated")
	f.StringVar(&fl.format, "format", "", "`FORMAT` of these files, jsonl, csv or parquet, whatever their names are")
	f.StringSliceVar(&fl.services, "services", nil, "only these `SERVICES`; may be repeated (default all)")
	f.BoolVar(&fl.commercial, "commercial", false, "places are business addresses (default residences)")
	f.StringVar(&fl.out, "out", "", "the directory `DIR` to write cutoffs.csv and cutoffs.json into; made when missing")
	f.BoolVar(&fl.asText, "text", false, "print the table, even into a file")
	f.BoolVar(&fl.quiet, "quiet", false, "print no progress")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "network")
	completeDirectory(cmd, "out")
	completeFlag(cmd, "services", completeFrom(&fl.network, serviceNames))
	completeFlag(cmd, "format", cobra.FixedCompletions([]string{formatJSON, formatCSV, history.Parquet}, cobra.ShellCompDirectiveNoFileComp))
	for _, flag := range []string{"deliver-by", "weight", "dims", "sku", "to"} {
		completeFlag(cmd, flag, cobra.NoFileCompletions)
	}
	return cmd
}

// check reads the flags. The error has everything that is wrong with them.
func (fl *cutoffsFlags) check() error {
	var bad faults.List
	fault := func(flag, mend, format string, args ...any) { bad.Addf("", 0, 0, flag, mend, format, args...) }
	if fl.network == "" {
		fault("--network", "name the network directory", "missing")
	}
	var err error
	if fl.by == "" {
		fault("--deliver-by", "name the last day of delivery, as 2026-12-24", "missing")
	} else if fl.day, err = units.ParseDate(fl.by); err != nil {
		fault("--deliver-by", "", "%v", err)
	}
	switch {
	case len(fl.skus) > 0 && fl.weight != "":
		fault("--weight", "leave it out", "the network knows the weight of a SKU")
	case fl.weight == "":
		fl.weight = "1kg"
	}
	if fl.heavy, err = units.ParseWeight(fl.weight); err != nil {
		fault("--weight", "", "%v", err)
	} else if fl.heavy == 0 {
		fault("--weight", `write what it weighs, as "4.07 lb"`, "a parcel weighs more than nothing")
	}
	if fl.dims != "" {
		if fl.sides, err = units.ParseDims(fl.dims); err != nil {
			fault("--dims", "", "%v", err)
		}
		if len(fl.skus) > 0 {
			fault("--dims", "leave it out", "the network knows the sides of a SKU")
		}
	}
	for _, text := range fl.skus {
		line := engine.Line{SKU: text, Quantity: 1}
		if at := strings.LastIndexByte(text, ':'); at >= 0 {
			line.SKU = text[:at]
			if line.Quantity, err = strconv.ParseInt(text[at+1:], 10, 32); err != nil || line.Quantity < 1 {
				fault("--sku", "write SKU:QUANTITY, as mug:2", "%.60q has no quantity of 1 or more", text)
			}
		}
		fl.lines = append(fl.lines, line)
	}
	if len(fl.to) > 0 && len(fl.orders) > 0 {
		fault("--to", "give one of them", "it excludes --orders")
	}
	if fl.asText && fl.asJSON {
		fault("--text", "give one of them", "it excludes --json")
	}
	fl.formats = nil
	for _, file := range fl.orders {
		format, wrong := formatNamed(fl.format, file, "--orders", formatJSON, formatCSV, history.Parquet)
		if wrong != nil {
			bad.Add(*wrong)
		}
		fl.formats = append(fl.formats, format)
	}
	if bad.Len() > 0 {
		return misuse(bad.Err())
	}
	return nil
}

// parcelSKU is the SKU that stands for what only its weight is told of.
const parcelSKU = "allot-cutoffs-parcel"

// content reads the network and makes the lines of the order. version is that of the network as its files say it.
func (fl *cutoffsFlags) content() (snap *network.Snapshot, version string, err error) {
	root, err := openNetwork(fl.network)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = root.Close() }() // nothing is written through it
	src, err := network.Read(root.FS())
	if err != nil {
		return nil, "", &faults.Error{Faults: network.Check(root.FS())}
	}
	if snap, err = network.Compile(src, nil); err != nil {
		return nil, "", err
	}
	version = snap.Version
	if len(fl.lines) == 0 {
		src.SKUs = append(src.SKUs, network.SKURow{ID: parcelSKU, Weight: fl.heavy, Sides: fl.sides})
		fl.lines = []engine.Line{{SKU: parcelSKU, Quantity: 1}}
		snap, err = network.Compile(src, nil)
		return snap, version, err
	}
	var bad faults.List
	for _, line := range fl.lines {
		if row, ok := snap.SKUs.Row(line.SKU); !ok || snap.SKUs.Gone[row] {
			mend := faults.DidYouMean(line.SKU, snap.SKUs.IDs)
			if mend == "" {
				mend = "name one of skus.csv"
			}
			bad.Addf("", 0, 0, "--sku", mend, "unknown SKU %.100q", line.SKU)
		}
	}
	if bad.Len() > 0 {
		return nil, "", misuse(bad.Err())
	}
	return snap, version, nil
}

// describe says what is ordered.
func (fl *cutoffsFlags) describe() string {
	if len(fl.skus) == 0 {
		if fl.dims != "" {
			return fl.weight + ", " + fl.dims
		}
		return fl.weight
	}
	var parts []string
	for _, line := range fl.lines {
		parts = append(parts, fmt.Sprintf("%d %s", line.Quantity, line.SKU))
	}
	return strings.Join(parts, " + ")
}

func findCutoffs(ctx context.Context, t *terminal, fl *cutoffsFlags) error {
	snap, version, err := fl.content()
	if err != nil {
		return err
	}
	services, err := servicesOf(snap, fl.services)
	if err != nil {
		return renamed(err, "--service", "--services")
	}
	q := cutoffs.Question{Lines: fl.lines, By: fl.day, Commercial: fl.commercial, EachPlace: len(fl.to) > 0}
	if len(fl.services) > 0 {
		for _, s := range services {
			q.Services = append(q.Services, snap.Services[s].ID)
		}
	}
	switch {
	case len(fl.to) > 0:
		var bad faults.List
		for _, text := range fl.to {
			p := placeOf(text)
			if _, ok := snap.Places.Lookup(p.country, p.postal); !ok {
				bad.Addf("", 0, 0, "--to", "check the code", "no place %.20q in %.10q", p.postal, p.country)
			}
			q.Places = append(q.Places, cutoffs.Place{Country: p.country, Postal: p.postal, Orders: 1})
		}
		if bad.Len() > 0 {
			return misuse(bad.Err())
		}
	case len(fl.orders) > 0:
		if q.Places, err = placesOfOrders(ctx, t, fl, snap); err != nil {
			return err
		}
	default:
		q.Places = cutoffs.Everywhere(snap.Places, "US")
	}
	e, err := engine.New(snap, engine.Options{LaneCacheBytes: 16 << 20}) // each place is asked about once
	if err != nil {
		return err
	}
	defer e.Close()
	progress := newProgress(t, fl.quiet, "place")
	q.Progress = progress.of
	answer, err := cutoffs.Work(ctx, e, &q)
	progress.clear()
	if bad, ok := asFaults(err); ok { // places and SKUs are known, so that only quantities are left
		for i := range bad {
			bad[i].Field = "--sku"
		}
		return misuse(&faults.Error{Faults: bad})
	}
	if err != nil {
		if ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
	writeAll := func(w io.Writer) error { return answer.WriteJSON(w, version, fl.describe()) }
	if fl.out != "" {
		if err := os.MkdirAll(fl.out, 0o755); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(fl.out, "cutoffs.csv"), answer.WriteCSV); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(fl.out, "cutoffs.json"), writeAll); err != nil {
			return err
		}
	}
	switch {
	case fl.asText || t.outIsTerminal && !fl.asJSON:
		return printCutoffs(t, fl, answer)
	case fl.asJSON || fl.out == "":
		return writeAll(t.out)
	}
	return nil
}

// renamed puts another flag's name on faults.
func renamed(err error, from, to string) error {
	bad, ok := asFaults(err)
	if !ok {
		return err
	}
	for i := range bad {
		if bad[i].Field == from {
			bad[i].Field = to
		}
	}
	return misuse(&faults.Error{Faults: bad})
}

// placesOfOrders counts where orders went. One to a point went to the nearest place; those that buyers collected went nowhere.
func placesOfOrders(ctx context.Context, t *terminal, fl *cutoffsFlags, snap *network.Snapshot) (places []cutoffs.Place, err error) {
	progress := newProgress(t, fl.quiet, "order")
	defer progress.clear()
	var bad faults.List
	seen, collected := 0, 0
	add := func(order *engine.Order, place func(faults.Fault) faults.Fault) {
		to := order.To
		switch {
		case order.CollectAt != "":
			collected++
			return
		case to.Point != nil:
			if row, ok := snap.Places.Nearest(*to.Point); ok {
				to.Country, to.Postal = snap.Places.Country(row), snap.Places.Postal(row)
			}
		case to.Country == "":
			to.Country = "US"
		}
		if _, ok := snap.Places.Lookup(to.Country, to.Postal); !ok {
			bad.Add(place(faults.Fault{Field: "to.postal_code", Problem: fmt.Sprintf("no place %.20q in %.10q", to.Postal, to.Country), Mend: "check the code"}))
			return
		}
		places = append(places, cutoffs.Place{Country: to.Country, Postal: to.Postal, Orders: 1})
	}
	for i, file := range fl.orders {
		if fl.formats[i] == history.Parquet {
			h, _, err := history.Read(ctx, []history.File{history.OSFile(file)}, history.ReadOptions{Format: history.Parquet})
			if err != nil {
				return nil, err
			}
			var order engine.Order
			for n := range h.Len() {
				seen++
				h.Order(n, &order)
				add(&order, func(f faults.Fault) faults.Fault {
					f.File, f.Row = file, int(h.Row[n])
					return f
				})
			}
			continue
		}
		for o, err := range readOrders(file, fl.formats[i], t.in) {
			if err == nil && ctx.Err() != nil {
				err = errInterrupted
			}
			if err != nil {
				return nil, err
			}
			seen++
			progress.step(seen)
			for _, f := range o.faults {
				bad.Add(f)
			}
			if len(o.faults) > 0 {
				continue
			}
			order, err := server.ReadOrder(o.order)
			if list, ok := asFaults(err); ok {
				for _, f := range list {
					bad.Add(o.place(f))
				}
				continue
			} else if err != nil {
				return nil, err
			}
			add(order, o.place)
		}
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	if len(places) == 0 {
		return nil, &faults.Error{Faults: []faults.Fault{{Field: "--orders", Problem: fmt.Sprintf("of %s none is sent anywhere", count(seen, "order")), Mend: "name a file of orders, or leave --orders out"}}}
	}
	if collected > 0 {
		fmt.Fprintf(t.err, "left out: %s that the buyer collects\n", count(collected, "order"))
	}
	return places, nil
}

// printCutoffs prints what most people ask: all together, by state, and by service.
func printCutoffs(t *terminal, fl *cutoffsFlags, a *cutoffs.Answer) error {
	fmt.Fprintf(t.out, "Delivered by %s: %s, to %s of %s. Amounts in %s; times of the warehouse, and UTC.\n", dayWords(a.By), fl.describe(),
		count(a.Places, "place"), a.Snapshot.Name, a.Snapshot.Currency)
	var rows bytes.Buffer
	guessed := false
	table := func(title, level string) error {
		g := grid{names: []string{title, ">places", "everywhere until", "in UTC", "by", "from", ">costs", "some places until"}}
		for i := range a.Rows {
			r := &a.Rows[i]
			if r.Level != level || r.Warehouse != "" || r.Service != "" && level != cutoffs.LevelAll {
				continue
			}
			name := strings.TrimSpace(r.Region + " " + r.State)
			if level == cutoffs.LevelAll {
				name = cmp.Or(r.Service, "any")
			}
			places := thousands(r.Served)
			if r.Served < r.Places {
				places += " of " + thousands(r.Places)
			}
			if r.Served == 0 {
				g.add(name, places, "never in time", "", "", "", "", "")
				continue
			}
			all, err := a.Local(&r.All)
			if err != nil {
				return err
			}
			some, err := a.Local(&r.Some)
			if err != nil {
				return err
			}
			cost := r.Mean.String()
			if r.Guessed {
				guessed = true
				cost += "*"
			}
			cells := []string{name, places, momentWords(all), all.UTC().Format("01-02 15:04"), r.All.Service, r.All.Warehouse, cost, ""}
			if r.Some.At != r.All.At {
				cells[7] = momentWords(some)
			}
			g.add(cells...)
		}
		if len(g.rows) == 0 {
			return nil
		}
		rows.WriteByte('\n')
		g.print(&rows, "")
		return nil
	}
	for _, part := range []struct{ title, level string }{{"place", cutoffs.LevelPlace}, {"state", cutoffs.LevelState}, {"service", cutoffs.LevelAll}} {
		if err := table(part.title, part.level); err != nil {
			return err
		}
	}
	if guessed {
		rows.WriteString("\n* with zones that follow from the distance; import the carrier's own chart to be certain (allot help import)\n")
	}
	if _, err := t.out.Write(rows.Bytes()); err != nil {
		return err
	}
	if fl.out != "" {
		fmt.Fprintf(t.out, "\nwritten: %s, %s (%s: areas, services, warehouses)\n", filepath.Join(fl.out, "cutoffs.csv"), filepath.Join(fl.out, "cutoffs.json"),
			count(len(a.Rows), "row"))
	} else {
		fmt.Fprintf(t.out, "\n--out DIR writes all %s: areas, services, warehouses.\n", count(len(a.Rows), "row"))
	}
	return nil
}

// dayWords says a date with its day of the week.
func dayWords(d units.Date) string {
	return time.Unix(int64(d)*int64(units.EndOfDay), 0).UTC().Format("Monday, 2006-01-02")
}

// momentWords says a moment in its zone.
func momentWords(at time.Time) string {
	if at.Second() != 0 {
		return at.Format("Mon 01-02 15:04:05 MST")
	}
	return at.Format("Mon 01-02 15:04 MST")
}
