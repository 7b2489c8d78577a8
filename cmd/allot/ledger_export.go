package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/export"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// An exportFlags is how allot ledger export was called.
type exportFlags struct {
	out     string
	formats []string
	at      uint64
	asJSON  bool
}

// An exportAnswer is what allot ledger export --json prints.
type exportAnswer struct {
	Network  string         `json:"network"`
	Sequence uint64         `json:"sequence"` // the state is as after this event
	At       time.Time      `json:"at"`       // of that event
	Files    []exportedFile `json:"files"`
}

type exportedFile struct {
	Path string `json:"path"`
	Rows int64  `json:"rows"`
}

func newLedgerExport(t *terminal) *cobra.Command {
	var fl exportFlags
	formats := make([]string, 0, 2)
	for _, f := range export.Formats() {
		formats = append(formats, string(f))
	}
	cmd := &cobra.Command{
		Use:   "export DATADIR --out DIR",
		Short: "Write holds, shipments and stock as Parquet and CSV",
		Long: `Export writes what the ledger knows as tables: as it is at the end of the data, or with --at as it was after an event. Each
table is a file in both formats, or in those that --format names. Parquet keeps types: a timestamp is an instant in UTC, a
date a day, money a decimal with six places. CSV has the same columns: 2026-11-23T15:00:00Z, 2026-11-23, 12.34, true, and
nothing where Parquet has null. A file is there whole or not at all; one of the same name is replaced.

` + describeTables(),
		Example: `  allot ledger export data --out tables
  allot ledger export data --out tables --format csv --at 41200
  duckdb -c "select warehouse, sum(held) from 'tables/shipments.parquet' group by all"`,
		Args:              arguments(1, 1, "DATADIR"),
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, f := range fl.formats {
				if !slices.Contains(formats, f) {
					return misusef("--format: unknown format %.60q; %s", f, meant(f, formats))
				}
			}
			if fl.out == "" {
				return misusef("--out is missing: name the directory to write into")
			}
			return exportTables(cmd.Context(), t, &fl, args[0], cmd.Flags().Changed("at"))
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.out, "out", "", "the directory `DIR` to write into; made when missing (required)")
	f.StringSliceVar(&fl.formats, "format", formats, "`FORMAT` of the files: parquet or csv; may be repeated")
	f.Uint64Var(&fl.at, "at", 0, "write the state as it was after the event with this `SEQUENCE` number (default the latest)")
	jsonFlag(cmd, &fl.asJSON)
	completeDirectory(cmd, "out")
	completeFlag(cmd, "format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "at", cobra.NoFileCompletions)
	return cmd
}

// describeTables lists the tables with their columns.
func describeTables() string {
	var b strings.Builder
	for i, table := range export.Tables() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s.\n\n", table.Name, table.Help)
		columns := grid{names: []string{"column", "type", "what it is"}}
		for _, c := range table.Columns {
			columns.add(c.Name, c.Type, c.Help)
		}
		columns.print(&b, "  ")
	}
	return strings.TrimRight(b.String(), "\n")
}

func exportTables(ctx context.Context, t *terminal, fl *exportFlags, dir string, past bool) error {
	j, err := openData(ctx, t, dir)
	if err != nil {
		return err
	}
	defer closing(j)
	history, err := openHistory(j, dir)
	if err != nil {
		return err
	}
	at := history.Last()
	if past {
		if fl.at > at {
			return misusef("--at: there is no event %d; the latest is %d", fl.at, at)
		}
		if fl.at < history.Oldest() {
			return misusef("--at: the state after event %d cannot be made any more; the oldest that can is %d", fl.at, history.Oldest())
		}
		at = fl.at
	}
	j.progress = newProgress(t, false, "event")
	state, err := history.StateAt(at)
	j.end()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(fl.out, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	answer := exportAnswer{Network: history.NetworkName(), Sequence: at, At: time.Unix(int64(state.Now()), 0).UTC()}
	for _, table := range export.Tables() {
		for _, format := range slices.Compact(slices.Sorted(slices.Values(fl.formats))) {
			file, err := exportTable(ctx, t, fl.out, &table, export.Format(format), state, answer.metadata())
			if err != nil {
				return err
			}
			answer.Files = append(answer.Files, file)
		}
	}
	if fl.asJSON {
		return writeJSON(t.out, answer)
	}
	fmt.Fprintf(t.out, "%s as after event %s, %s\n", answer.Network, thousands(int(at)), instantWords(timestamppb.New(answer.At)))
	files := grid{names: []string{"file", ">rows"}}
	for _, f := range answer.Files {
		files.add(f.Path, thousands(int(f.Rows)))
	}
	files.print(t.out, "")
	return nil
}

// metadata is what a Parquet file says of where it comes from.
func (a *exportAnswer) metadata() map[string]string {
	return map[string]string{
		"allot.network": a.Network, "allot.sequence": strconv.FormatUint(a.Sequence, 10), "allot.at": a.At.Format(time.RFC3339),
	}
}

func exportTable(
	ctx context.Context, t *terminal, dir string, table *export.Table, format export.Format, state *ledger.State, metadata map[string]string,
) (exportedFile, error) {
	out := exportedFile{Path: filepath.Join(dir, table.Name+"."+string(format))}
	progress := newProgress(t, false, "row")
	defer progress.clear()
	err := writeFile(out.Path, func(w io.Writer) (err error) {
		out.Rows, err = table.Write(ctx, w, format, state, export.Options{Plan: readPlan, Metadata: metadata, Step: func(n int64) { progress.step(int(n)) }})
		return err
	})
	return out, err
}

// readPlan reads the plan in an answer.
func readPlan(answer []byte) (*export.Plan, error) {
	d, err := server.ReadDecision(answer)
	if err != nil {
		return nil, err
	}
	out := &export.Plan{
		Cost: units.Money(d.GetCostMicros()), Currency: d.GetCurrency(), Late: d.GetLate(), NetworkVersion: d.GetNetworkVersion(),
		ArrivesAt: units.Instant(d.GetArrivesAt().GetSeconds()), // 0 of none
	}
	for _, s := range d.GetShipments() {
		planned := export.PlannedShipment{
			Warehouse: s.GetWarehouse(), Carrier: s.GetCarrier(), Service: s.GetService(), ArrivesAt: units.Instant(s.GetArrivesAt().GetSeconds()),
		}
		for _, it := range s.GetItems() {
			planned.SKUs = append(planned.SKUs, it.GetSku())
		}
		for _, day := range []struct {
			text string
			to   *units.Date
		}{{s.GetShipDate(), &planned.ShipDate}, {s.GetDeliveryDate(), &planned.DeliveryDate}} {
			if day.text == "" {
				continue
			}
			if *day.to, err = units.ParseDate(day.text); err != nil {
				return nil, err
			}
		}
		out.Shipments = append(out.Shipments, planned)
	}
	return out, nil
}
