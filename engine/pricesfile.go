package engine

import (
	"bufio"
	"cmp"
	"io"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// priceColumns are those of a file of prices, in the order in which they are written.
var priceColumns = []table.Column{
	{Name: "warehouse", Required: true}, {Name: "sku"}, {Name: "service"}, {Name: "from"}, {Name: "until"}, {Name: "price", Required: true},
}

// ReadPrices reads a file of prices, CSV with the columns warehouse, sku, service, from, until and price, for the names
// of a snapshot. A row with a SKU prices a unit of it in the warehouse. A row without one prices a shipment that leaves
// the warehouse between the two days, themselves included, or on any day where both are empty; by the service, or by any
// where that is empty. file names it in faults. The error is a *faults.Error with everything that is wrong.
func ReadPrices(r io.Reader, file string, snap *network.Snapshot) (*Prices, error) {
	var fl faults.List
	t := table.Read(file, r, priceColumns, &fl)
	var rows []PriceRow
	var source []*table.Row
	for row := range t.Rows() {
		before := fl.Len()
		if one := readPrice(row, snap, &fl); fl.Len() == before {
			rows, source = append(rows, one), append(source, row)
		}
	}
	p := newPrices(snap, rows, func(i int, field, mend, format string, args ...any) { source[i].Fault(field, mend, format, args...) })
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// readPrice reads one row. What is wrong with it becomes a fault of the row.
func readPrice(row *table.Row, snap *network.Snapshot, fl *faults.List) PriceRow {
	one := PriceRow{SKU: -1, Service: -1}
	if id := row.Required("warehouse"); id != "" {
		at, ok := snap.Warehouse(id)
		if !ok {
			row.Fault("warehouse", meantWarehouse(id, snap, fl), "unknown warehouse %.100q", id)
		}
		one.Warehouse = at
	}
	if id := row.Text("sku"); id != "" {
		at, ok := snap.SKUs.Row(id)
		if !ok || snap.SKUs.Gone[at] {
			row.Fault("sku", "name a SKU of the network", "unknown SKU %.100q", id)
		}
		one.SKU = at
		if row.Has("service") || row.Has("from") || row.Has("until") {
			row.Fault("sku", "leave service and dates out, or the SKU", "a unit of stock has one price, whoever takes it and when")
		}
	}
	if id := row.Text("service"); id != "" {
		at, ok := snap.Service(id)
		if !ok {
			row.Fault("service", meantService(id, snap), "unknown service %.100q", id)
		}
		one.Service = at
	}
	if row.Has("from") != row.Has("until") {
		row.Fault("from", "give both, or neither for every day", "a first day without a last, or a last without a first")
	}
	one.From, one.Until = row.Date("from", 0), row.Date("until", 0)
	if row.Has("from") && one.From == 0 && one.Until == 0 { // which would stand for every day
		row.Fault("from", "give a later day", "prices begin after %v", units.Date(0))
	}
	if row.Required("price") != "" {
		one.Price = row.Money("price", 0)
	}
	return one
}

// meantWarehouse is the mend for an unknown warehouse. Suggestions are looked for among few names and a few times a file
// only: a file of another network must not cost walks through all names for every row.
func meantWarehouse(got string, snap *network.Snapshot, fl *faults.List) string {
	if len(snap.Warehouses) <= 10_000 && fl.Len() < 20 {
		known := make([]string, len(snap.Warehouses))
		for i := range known {
			known[i] = snap.Warehouses[i].ID
		}
		if s := faults.DidYouMean(got, known); s != "" {
			return s
		}
	}
	return "name a warehouse of the network"
}

func meantService(got string, snap *network.Snapshot) string {
	known := make([]string, len(snap.Services))
	for i := range known {
		known[i] = snap.Services[i].ID
	}
	return cmp.Or(faults.DidYouMean(got, known), "name a service of the network")
}

// Write writes the prices as ReadPrices reads them: a header, then a line for each row in canonical order, whose names
// are those of the snapshot. The same prices are the same bytes.
func (p *Prices) Write(w io.Writer, snap *network.Snapshot) error {
	out := bufio.NewWriter(w)
	for i, c := range priceColumns {
		if i > 0 {
			_ = out.WriteByte(',') // the writer keeps the first error for Flush
		}
		_, _ = out.WriteString(c.Name)
	}
	_ = out.WriteByte('\n')
	for r := range p.Rows() {
		warehouse, sku, service, from, until := r.Names(snap)
		for _, name := range [...]string{warehouse, sku, service, from, until} {
			_, _ = out.WriteString(name)
			_ = out.WriteByte(',')
		}
		_, _ = out.WriteString(r.Price.String())
		_ = out.WriteByte('\n')
	}
	return out.Flush()
}
