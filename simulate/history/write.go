package history

import (
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/allot-engine/allot/units"
)

// Rows of a row group, which is encoded whole and read by one worker, and rows handed on together.
const (
	groupRows = 100_000
	batchRows = 1_000
)

// tableNodes are the columns as WriteParquet writes them.
var tableNodes = [columns]parquet.Node{
	colOrder:       parquet.Optional(parquet.String()),
	colOrdered:     parquet.Timestamp(parquet.Millisecond),
	colSKU:         parquet.Encoded(parquet.String(), &parquet.RLEDictionary),
	colQuantity:    parquet.Int(32),
	colPostal:      parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	colCountry:     parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	colLatitude:    parquet.Optional(parquet.Leaf(parquet.DoubleType)),
	colLongitude:   parquet.Optional(parquet.Leaf(parquet.DoubleType)),
	colZone:        parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	colCommercial:  parquet.Optional(parquet.Leaf(parquet.BooleanType)),
	colPromiseDate: parquet.Optional(parquet.Date()),
	colPromiseAt:   parquet.Optional(parquet.Timestamp(parquet.Millisecond)),
	colCollect:     parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	colServices:    parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	colValue:       parquet.Optional(parquet.Decimal(6, 18, parquet.Int64Type)),
	colEvent:       parquet.Encoded(parquet.String(), &parquet.RLEDictionary),
	colWarehouse:   parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	colDue:         parquet.Optional(parquet.Timestamp(parquet.Millisecond)),
}

// tableSchema returns the schema, and the position of each column in it: the library sorts columns by name.
func tableSchema() (*parquet.Schema, [columns]int) {
	group := parquet.Group{}
	for c, node := range tableNodes {
		group[columnNames[c]] = node
	}
	schema := parquet.NewSchema("orders", group)
	var at [columns]int
	for i, f := range schema.Fields() {
		for c, name := range columnNames {
			if name == f.Name() {
				at[c] = i
			}
		}
	}
	return schema, at
}

// A tableWriter writes rows. It says of every value itself whether there is one: the library's own reflection at times
// writes a zero where a null belongs.
type tableWriter struct {
	w       *parquet.GenericWriter[any]
	at      [columns]int
	batch   []parquet.Row
	inGroup int
	row     parquet.Row
}

// set fills a column of the row; a column that is not set is null.
func (t *tableWriter) set(c column, v parquet.Value) {
	level := 0
	if tableNodes[c].Optional() {
		level = 1
	}
	t.row[t.at[c]] = v.Level(0, level, t.at[c])
}

func (t *tableWriter) text(c column, s string) {
	if s != "" {
		t.set(c, parquet.ByteArrayValue([]byte(s)))
	}
}

// instant writes a moment in milliseconds; 0 is null.
func (t *tableWriter) instant(c column, at units.Instant) {
	if at != 0 {
		t.set(c, parquet.Int64Value(int64(at)*1_000))
	}
}

// begin begins a row with nothing in it.
func (t *tableWriter) begin() {
	if n := len(t.batch); n < cap(t.batch) {
		t.row = t.batch[:n+1][n] // of the batch before, which is written
	}
	if t.row == nil {
		t.row = make(parquet.Row, columns)
	}
	for i := range t.row {
		t.row[i] = parquet.NullValue().Level(0, 0, i)
	}
}

func (t *tableWriter) end() {
	t.batch = append(t.batch, t.row)
	t.row = nil
}

// flush writes the batch, and ends the row group where it is large enough.
func (t *tableWriter) flush() error {
	if _, err := t.w.WriteRows(t.batch); err != nil {
		return err
	}
	t.inGroup += len(t.batch)
	t.batch = t.batch[:0]
	if t.inGroup < groupRows {
		return nil
	}
	t.inGroup = 0
	return t.w.Flush()
}

// WriteParquet writes the history as Read reads it: back comes a history of the same hash. A row group ends with an order.
//
// It fails where w does, and where the id of a service has a semicolon or a blank, as these separate services there.
func (h *History) WriteParquet(w io.Writer) error {
	if err := h.printable(); err != nil {
		return err
	}
	schema, at := tableSchema()
	t := &tableWriter{w: parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("allot", "", "")), at: at}
	next := 0
	for i := range h.Len() {
		for ; next < len(h.Moves) && h.Moves[next].At <= h.At[i]; next++ {
			t.move(&h.Moves[next])
		}
		t.order(h, i)
		if len(t.batch) >= batchRows {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	for ; next < len(h.Moves); next++ {
		t.move(&h.Moves[next])
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.w.Close()
}

// printable returns an error where a name cannot stand in a table.
func (h *History) printable() error {
	for _, set := range h.ServiceSets {
		for _, n := range set {
			if strings.ContainsAny(n, "; ") || n == "" {
				return fmt.Errorf("history: a table cannot hold service %.60q, since blanks and semicolons separate services", n)
			}
		}
	}
	return nil
}

// order writes the rows of order i.
func (t *tableWriter) order(h *History, i int) {
	to := h.destination(i)
	for l := h.From[i]; l < h.From[i+1]; l++ {
		t.begin()
		t.text(colEvent, "order")
		t.text(colOrder, h.ID(i))
		t.instant(colOrdered, h.At[i])
		t.text(colSKU, h.SKUs[h.SKU[l]])
		t.set(colQuantity, parquet.Int32Value(h.Units[l]))
		t.text(colPostal, to.Postal)
		t.text(colCountry, to.Country)
		t.text(colZone, to.TimeZone)
		if to.Point != nil {
			t.set(colLatitude, parquet.DoubleValue(to.Point.Lat))
			t.set(colLongitude, parquet.DoubleValue(to.Point.Lng))
		}
		if to.Commercial {
			t.set(colCommercial, parquet.BooleanValue(true))
		}
		if d := h.Promise[i]; d != 0 {
			t.set(colPromiseDate, parquet.Int32Value(int32(d)))
		}
		t.instant(colPromiseAt, h.Exact[int32(i)])
		if w := h.Collect[i]; w >= 0 {
			t.text(colCollect, h.Warehouses[w])
		}
		if s := h.Allowed[i]; s >= 0 {
			t.text(colServices, strings.Join(h.ServiceSets[s], ";"))
		}
		if h.Value != nil && h.Value[i] != 0 {
			t.set(colValue, parquet.Int64Value(int64(h.Value[i])))
		}
		t.end()
	}
}

func (t *tableWriter) move(m *Move) {
	kinds := [...]string{Adjust: "adjust", Set: "set", Inbound: "inbound"}
	t.begin()
	t.text(colEvent, kinds[m.Kind])
	t.instant(colOrdered, m.At)
	t.text(colSKU, m.SKU)
	t.set(colQuantity, parquet.Int32Value(m.Quantity))
	t.text(colWarehouse, m.Warehouse)
	t.instant(colDue, m.Due)
	t.end()
}
