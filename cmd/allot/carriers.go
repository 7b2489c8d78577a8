package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/audit"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

func newCarriers(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "carriers",
		Short:   "Look at what carriers did",
		Example: `  allot carriers audit shipments.csv --network examples/us-parcel --out audit`,
		Args:    cobra.ArbitraryArgs, // so that group can answer
		RunE:    group,
	}
	cmd.AddCommand(newCarriersAudit(t))
	return cmd
}

// carriersFlags are what is asked of allot carriers audit.
type carriersFlags struct {
	network, out, maxBad string
	minShipments         int
	lanes                int
	asJSON               bool
}

func newCarriersAudit(t *terminal) *cobra.Command {
	var fl carriersFlags
	cmd := &cobra.Command{
		Use:   "audit SHIPMENTS...",
		Short: "Tell how late carriers are, and write transit tables of it",
		Long: `Audit reads shipments that were delivered or lost and tells, for each carrier, service and lane, what share came late, was
lost or damaged, each with the interval in which it lies with 95 % confidence (Wilson's), and how many days they took.

A file of shipments is CSV (.csv) or Parquet (.parquet), one row a shipment:

  carrier, service              with --network, its ids
  from, to                      postal codes; from_country and to_country default to US
  ship_date                     the day on which it left the warehouse
  planned_date                  the day on which it was to be there; may be empty
  delivered_date                the day on which it was there; empty where it was lost
  lost, damaged                 yes or no; may be left out

With --network a lane is the first three characters of where it came from and the carrier's zone, and days in transit count
on the service's own linehaul calendar. Without, a lane goes to a state, and all days count.

With --out it writes audit.csv, audit.json, and transit/NAME.csv in the form that networks have. Copy these into the
network's transit directory, and promises rest on what happened; "allot network check" accepts them. Rows of at least
--min-shipments delivered shipments are measured; each is drawn towards what the network says with the weight of 20 shipments.
All other rows stand as they stood.

Late is of the delivered shipments with a planned day; lost and damaged are of all. Rows at fault are listed and end it
with 1, unless they are at most the share --max-bad: then they are counted and left out.`,
		Example: `  allot carriers audit shipments.csv
  allot carriers audit october.csv november.csv --network examples/us-parcel --out audit
  allot carriers audit shipments.parquet --max-bad 0.5% --json | jq '.groups[] | select(.level == "service")'`,
		Args: arguments(1, -1, "SHIPMENTS"),
		RunE: func(cmd *cobra.Command, args []string) error { return t.auditCarriers(cmd, args, &fl) },
	}
	f := cmd.Flags()
	f.StringVar(&fl.network, "network", "", "the network directory `DIR` whose services shipped it (default none: lanes by state)")
	f.StringVar(&fl.out, "out", "", "the directory `DIR` to write the audit and the transit tables into; made when missing (default none)")
	f.StringVar(&fl.maxBad, "max-bad", "0%", "the `SHARE` of rows that may be at fault; these are left out and told")
	f.IntVar(&fl.minShipments, "min-shipments", 30, "how many delivered shipments make a row of a transit table")
	f.IntVar(&fl.lanes, "lanes", 10, "how many lanes to print, those with the most late shipments; the files have all")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "network")
	completeDirectory(cmd, "out")
	return cmd
}

func (t *terminal) auditCarriers(cmd *cobra.Command, args []string, fl *carriersFlags) error {
	maxBad, err := units.ParseProbability(fl.maxBad)
	if err != nil {
		return misusef("--max-bad: %w", err)
	}
	if fl.minShipments < 1 {
		return misusef("--min-shipments: %d is not 1 or more", fl.minShipments)
	}
	if fl.lanes < 0 {
		return misusef("--lanes: %d is not 0 or more", fl.lanes)
	}
	o := audit.Options{MaxBad: maxBad, MinShipments: fl.minShipments}
	if fl.network != "" {
		root, err := openNetwork(fl.network)
		if err != nil {
			return err
		}
		defer func() { _ = root.Close() }() // nothing is written through it
		if o.Source, err = network.Read(root.FS()); err == nil {
			o.Snapshot, err = network.Compile(o.Source, nil)
		}
		if err != nil {
			return inDirectory(fl.network, err)
		}
	}
	files := make([]history.File, len(args))
	for i, name := range args {
		files[i] = history.OSFile(name)
	}
	a, bad, err := audit.Run(cmd.Context(), files, o)
	if err != nil {
		return err
	}
	var written []string
	if fl.out != "" {
		if err := os.MkdirAll(filepath.Join(fl.out, "transit"), 0o755); err != nil {
			return err
		}
		for _, f := range a.Files() {
			name := filepath.Join(fl.out, filepath.FromSlash(f.Name))
			if err := writeFile(name, f.Write); err != nil {
				return err
			}
			written = append(written, name)
		}
	}
	tellBad(t, bad)
	if fl.asJSON {
		return writeJSON(t.out, a)
	}
	t.printAudit(a, fl.lanes)
	for _, name := range written {
		fmt.Fprintf(t.err, "wrote %s\n", name)
	}
	return nil
}

// tellBad lists what was left out.
func tellBad(t *terminal, bad *history.Bad) {
	if bad == nil {
		return
	}
	for _, f := range bad.Faults {
		fmt.Fprintln(t.err, f)
	}
	if bad.More > 0 {
		fmt.Fprintf(t.err, "and %s\n", count(bad.More, "more fault"))
	}
	fmt.Fprintf(t.err, "left out %s of %s rows\n", thousands(bad.Rows), thousands(bad.Of))
}

// inDirectory puts the directory before the files of faults.
func inDirectory(dir string, err error) error {
	bad, ok := asFaults(err)
	if !ok {
		return err
	}
	var list faults.List
	for _, f := range bad {
		f.File = filepath.Join(dir, f.File)
		list.Add(f)
	}
	return list.Err()
}

// shareCell prints a share with its interval, in percent.
func shareCell(of int, s audit.Share) string {
	if of == 0 {
		return "-"
	}
	percent := func(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) }
	return fmt.Sprintf("%s %% (%s-%s)", percent(s.Value), percent(s.Low), percent(s.High))
}

// printAudit prints tables for people: carriers and services, then the lanes with the most late shipments.
func (t *terminal) printAudit(a *audit.Audit, most int) {
	fmt.Fprintf(t.out, "%s from %v to %v; shares with 95 %% intervals\n\n", count(a.Shipments, "shipment"), a.First, a.Last)
	g := &grid{names: []string{"carrier", "service", ">shipments", ">late", ">lost", ">damaged", ">mean days", "days"}}
	var lanes []*audit.Group
	for i := range a.Groups {
		x := &a.Groups[i]
		if x.Level == audit.Lane {
			lanes = append(lanes, x)
			continue
		}
		g.add(x.Carrier, orDash(x.Service), thousands(x.Shipments), shareCell(x.Planned, x.LateShare), shareCell(x.Shipments, x.LostShare),
			shareCell(x.Shipments, x.DamagedShare), strconv.FormatFloat(x.MeanDays(), 'f', 2, 64), daysCell(x))
	}
	g.print(t.out, "")
	slices.SortStableFunc(lanes, func(x, y *audit.Group) int { return y.Late - x.Late })
	if shown := min(most, len(lanes)); shown > 0 {
		fmt.Fprintf(t.out, "\nthe %s of %s with the most late shipments\n\n", count(shown, "lane"), thousands(len(lanes)))
		g = &grid{names: []string{"service", "from", "to", ">shipments", ">late", ">lost", ">damaged", ">mean days", "days"}}
		for _, x := range lanes[:shown] {
			g.add(x.Service, x.From, orDash(x.To), thousands(x.Shipments), shareCell(x.Planned, x.LateShare), shareCell(x.Shipments, x.LostShare),
				shareCell(x.Shipments, x.DamagedShare), strconv.FormatFloat(x.MeanDays(), 'f', 2, 64), daysCell(x))
		}
		g.print(t.out, "")
	}
	for i, n := range a.Notes {
		if i == 0 {
			fmt.Fprintln(t.out)
		}
		fmt.Fprintf(t.out, "note: %s\n", n)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// daysCell prints how many days shipments took, in percent: "2:71 3:24 4:5".
func daysCell(g *audit.Group) string {
	var b strings.Builder
	for d, n := range g.Days {
		if p := (200*n + g.Delivered) / (2 * max(g.Delivered, 1)); p > 0 {
			fmt.Fprintf(&b, "%d:%d%% ", d, p)
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}
