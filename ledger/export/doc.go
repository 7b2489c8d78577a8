// Package export writes what a ledger knows as tables, for spreadsheets, databases and notebooks: its holds, what of them
// ships from where, and the stock. Rows carry the names that people use, never the ledger's own row numbers.
//
// A table is streamed out of a [ledger.State] in a fixed order, so that equal states give equal bytes. Parquet keeps
// types: instants are UTC timestamps, days are dates, money is a decimal with six places. CSV has the same columns under
// the same names: instants as 2026-11-23T15:00:00Z, days as 2026-11-23, and nothing where Parquet has null.
package export

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// A Format is a way to write a table.
type Format string

// The formats.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
)

// Formats returns every format.
func Formats() []Format { return []Format{Parquet, CSV} }

// A Column is a column of a table, for whoever reads about it.
type Column struct{ Name, Type, Help string }

// A Table is one of the tables that can be written.
type Table struct {
	Name    string
	Help    string
	Columns []Column

	write func(context.Context, *ledger.State, sink) (int64, error)
}

// A Plan is what the answer to an order says of how it is filled.
type Plan struct {
	Cost           units.Money
	Currency       string
	ArrivesAt      units.Instant // 0 where nothing is said
	Late           bool          // it misses the promise
	NetworkVersion string
	Shipments      []PlannedShipment
}

// A PlannedShipment is what travels from a warehouse together. A date or an instant of 0 is none.
type PlannedShipment struct {
	Warehouse, Carrier, Service string
	SKUs                        []string
	ShipDate, DeliveryDate      units.Date
	ArrivesAt                   units.Instant
}

// Options say how a table is written. A zero field takes the default in its comment.
type Options struct {
	// Plan reads what a hold was answered, which the ledger does not look into. Default: the columns that it fills stay
	// null, empty or zero.
	Plan     func(answer []byte) (*Plan, error)
	Metadata map[string]string // of a Parquet file, besides its columns; default none
	Step     func(rows int64)  // is told now and then how many rows are written; default nobody
}

// Write streams a table of a state to w and returns how many rows it has. The state is only read, and must not change
// meanwhile. It ends early with the context. Errors: those of w and of
// Options.Plan, a plan that does not ship what its hold has, and an unknown format.
func (t *Table) Write(ctx context.Context, w io.Writer, f Format, s *ledger.State, o Options) (rows int64, err error) {
	if o.Step == nil {
		o.Step = func(int64) {}
	}
	if o.Plan == nil {
		o.Plan = func([]byte) (*Plan, error) { return &Plan{}, nil }
	}
	if f != Parquet && f != CSV {
		return 0, fmt.Errorf("export: unknown format %q", f)
	}
	if rows, err = t.write(ctx, s, sink{w, f, o}); err != nil {
		return rows, fmt.Errorf("export: table %s: %w", t.Name, err)
	}
	return rows, nil
}

// A sink is where a table goes.
type sink struct {
	w       io.Writer
	format  Format
	options Options
}

// A column is how a column of a row becomes text. Its Parquet form is in the tag of the row's field of that name.
type column[R any] struct {
	name, kind, help string
	text             func(*R) string
}

// The kinds of columns: what Parquet makes of them, and how CSV writes them.
const (
	kindText      = "text"
	kindNumber    = "number"
	kindMoney     = "money"
	kindFlag      = "flag"
	kindTimestamp = "timestamp"
	kindDate      = "date"
)

func newTable[R any](name, help string, columns []column[R], rows func(*ledger.State, *Options) iter.Seq2[*R, error]) Table {
	t := Table{Name: name, Help: help}
	for _, c := range columns {
		t.Columns = append(t.Columns, Column{Name: c.name, Type: c.kind, Help: c.help})
	}
	t.write = func(ctx context.Context, s *ledger.State, to sink) (int64, error) {
		if to.format == Parquet {
			return writeParquet(ctx, to, rows(s, &to.options))
		}
		return writeCSV(ctx, to, columns, rows(s, &to.options))
	}
	return t
}

// Tables returns every table.
func Tables() []Table {
	return []Table{
		newTable("holds", "one row for each hold that the ledger remembers: all that hold stock, and those that ended in the last seven days", holdColumns, holdRows),
		newTable("shipments", "one row for each SKU that a hold takes from a warehouse, and what became of it", shipmentColumns, shipmentRows),
		newTable("stock", "one row for each SKU in each warehouse, but for those where all is zero", stockColumns, stockRows),
	}
}

func number[N int32 | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func decimal(micros int64) string { return units.Money(micros).String() }

// milliseconds is an instant as Parquet has it. None is null.
func milliseconds(at units.Instant) int64 { return int64(at) * 1_000 }

func timestamp(milliseconds int64) string {
	if milliseconds == 0 {
		return ""
	}
	return time.UnixMilli(milliseconds).UTC().Format(time.RFC3339)
}

func date(days int32) string {
	if days == 0 {
		return ""
	}
	return units.Date(days).String()
}
