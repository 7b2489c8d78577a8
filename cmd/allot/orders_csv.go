package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

var orderColumns = []table.Column{
	{Name: "order_id", Required: true}, {Name: "sku", Required: true}, {Name: "quantity", Required: true},
	{Name: "postal_code"}, {Name: "country"}, {Name: "latitude"}, {Name: "longitude"}, {Name: "time_zone"}, {Name: "commercial"},
	{Name: "promise_date"}, {Name: "promise_at"}, {Name: "collect_at"}, {Name: "services"}, {Name: "ordered_at"},
	{Name: "value"}, // of replays
}

// wholeOrder are the columns that say something of an order, not of a line.
var wholeOrder = []string{
	"postal_code", "country", "latitude", "longitude", "time_zone", "commercial", "promise_date", "promise_at", "collect_at", "services", "ordered_at",
}

// csvOrders yields the orders of a CSV. Where a row cannot be read it yields the faults of all rows and no order.
func csvOrders(file string, in io.Reader, yield func(*filedOrder, error) bool) {
	fl := &faults.List{}
	t := table.Read(file, in, orderColumns, fl)
	type lines struct {
		order *allotv1.Order
		at    units.Instant
		rows  []*table.Row
	}
	var orders []*lines
	byID := map[string]*lines{}
	header := slices.ContainsFunc(fl.Faults(), func(f faults.Fault) bool { return f.Row <= 1 })
	if !header { // else every row would be at fault for it
		for row := range t.Rows() {
			id := row.Required("order_id")
			o := byID[id]
			if o == nil {
				o = &lines{order: csvOrder(row, id), at: csvInstant(row, "ordered_at")}
				byID[id] = o
				orders = append(orders, o)
			} else {
				agree(o.rows[0], row)
			}
			o.rows = append(o.rows, row)
			quantity := int64(0)
			if row.Required("quantity") != "" {
				quantity = row.Int("quantity", 0, 1, math.MaxInt32)
			}
			o.order.Lines = append(o.order.Lines, &allotv1.Line{Sku: row.Required("sku"), Quantity: int32(quantity)})
		}
	}
	if fl.Len() > 0 {
		yield(&filedOrder{file: file, faults: fl.Faults()}, nil)
		return
	}
	for _, o := range orders {
		place := func(f faults.Fault) faults.Fault {
			row, column := o.rows[0], columnOf(f.Field)
			var line int
			if _, err := fmt.Sscanf(f.Field, "lines[%d]", &line); err == nil && line < len(o.rows) {
				row = o.rows[line]
			}
			*fl = faults.List{} // the table puts the fault in its place; see table.Row
			row.Fault(column, f.Mend, "%s", f.Problem)
			return fl.Faults()[0]
		}
		if !yield(&filedOrder{order: o.order, at: o.at, file: file, row: o.rows[0].Line(), place: place}, nil) {
			return
		}
	}
}

// csvOrder reads what a row says of its whole order.
func csvOrder(row *table.Row, id string) *allotv1.Order {
	o := &allotv1.Order{Id: id, CollectAt: row.Text("collect_at"), Services: table.List(row, "services")}
	to := &allotv1.Destination{
		PostalCode: row.Text("postal_code"), Country: strings.ToUpper(row.Text("country")), TimeZone: row.Text("time_zone"),
		Commercial: row.Bool("commercial", false),
	}
	switch lat, lng := row.Has("latitude"), row.Has("longitude"); {
	case lat && lng:
		to.Point = &allotv1.Point{Latitude: row.Float("latitude", 0, -90, 90), Longitude: row.Float("longitude", 0, -180, 180)}
	case lat:
		row.Fault("longitude", "give both, or a postal code", "latitude stands alone")
	case lng:
		row.Fault("latitude", "give both, or a postal code", "longitude stands alone")
	}
	if to.PostalCode != "" || to.Point != nil || to.Country != "" || to.TimeZone != "" || to.Commercial {
		o.To = to
	}
	switch date, at := row.Text("promise_date"), row.Text("promise_at"); {
	case date != "" && at != "":
		row.Fault("promise_at", "give one of the two", "both a date and an instant are promised")
	case date != "":
		o.Promise = &allotv1.Order_PromiseDate{PromiseDate: date}
	case at != "":
		o.Promise = &allotv1.Order_PromiseAt{PromiseAt: &timestamppb.Timestamp{Seconds: int64(csvInstant(row, "promise_at"))}}
	}
	return o
}

// csvInstant reads a moment, or 0 where there is none.
func csvInstant(row *table.Row, col string) units.Instant {
	if !row.Has(col) {
		return 0
	}
	at, err := units.ParseInstant(row.Text(col))
	if err != nil {
		row.Fault(col, "", "%v", err)
	}
	return at
}

// agree faults a row that says something else of its order than the first row does.
func agree(first, row *table.Row) {
	for _, col := range wholeOrder {
		if row.Has(col) && row.Text(col) != first.Text(col) {
			row.Fault(col, "give it in the first row only, or alike in all", "%.60q here, %.60q in row %d of the same order",
				row.Text(col), first.Text(col), first.Line())
		}
	}
}

// columnOf returns the column that a field of an order comes from.
func columnOf(field string) string {
	if _, name, ok := strings.Cut(field, "]."); ok {
		return name // of a line
	}
	field, _, _ = strings.Cut(field, "[")
	switch field {
	case "id", "lines", "":
		return "order_id"
	case "to":
		return "postal_code"
	case "to.point", "to.point.latitude":
		return "latitude"
	case "to.point.longitude":
		return "longitude"
	}
	return strings.TrimPrefix(field, "to.")
}
