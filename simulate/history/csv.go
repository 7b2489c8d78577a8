package history

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A column is one that a table of orders may have.
type column uint8

const (
	colOrder column = iota
	colOrdered
	colSKU
	colQuantity
	colPostal
	colCountry
	colLatitude
	colLongitude
	colZone
	colCommercial
	colPromiseDate
	colPromiseAt
	colCollect
	colServices
	colValue
	colEvent
	colWarehouse
	colDue
	columns
)

// columnNames are the names of columns, in the order in which WriteParquet writes them.
var columnNames = [columns]string{
	"order_id", "ordered_at", "sku", "quantity", "postal_code", "country", "latitude", "longitude", "time_zone", "commercial",
	"promise_date", "promise_at", "collect_at", "services", "value", "event", "warehouse", "due",
}

// What a row may say of the whole order, and what only a row of an order or of a move may say.
const (
	wholeColumns = 1<<colOrdered | 1<<colPostal | 1<<colCountry | 1<<colLatitude | 1<<colLongitude | 1<<colZone | 1<<colCommercial |
		1<<colPromiseDate | 1<<colPromiseAt | 1<<colCollect | 1<<colServices | 1<<colValue
	onlyOrder = (wholeColumns | 1<<colOrder) &^ (1 << colOrdered)
	onlyMove  = 1<<colWarehouse | 1<<colDue
)

// A header says which columns a table has.
type header struct {
	names []string
	col   []column // of each field
	at    [columns]int
}

// newHeader reads the names of columns.
func newHeader(names []string) (*header, *faults.Fault) {
	h := &header{names: names}
	for i := range h.at {
		h.at[i] = -1
	}
	for i, n := range names {
		n = strings.TrimSpace(n)
		c := slices.Index(columnNames[:], n)
		if c < 0 {
			mend := faults.DidYouMean(n, columnNames[:])
			if mend == "" {
				mend = "the columns are " + strings.Join(columnNames[:], ", ")
			}
			return nil, &faults.Fault{Column: i + 1, Problem: fmt.Sprintf("unknown column %.60q", n), Mend: mend}
		}
		if h.at[c] >= 0 {
			return nil, &faults.Fault{Column: i + 1, Field: n, Problem: "the column stands twice", Mend: "name each column once"}
		}
		h.at[c] = i
		h.col = append(h.col, column(c))
	}
	needed := []column{colOrder, colOrdered, colSKU, colQuantity}
	if h.at[colEvent] >= 0 {
		needed = []column{colOrdered, colSKU, colQuantity}
	}
	for _, c := range needed {
		if h.at[c] < 0 {
			return nil, &faults.Fault{Field: columnNames[c], Problem: "a required column is missing", Mend: "add the column"}
		}
	}
	return h, nil
}

// csvHeader reads the header row off the beginning of a CSV and tells how many lines it took.
func csvHeader(data []byte) (h *header, rest []byte, lines int, fault *faults.Fault) {
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment = '#'
	r.FieldsPerRecord = -1
	names, err := r.Read()
	row := 1
	if err == nil {
		row, _ = r.FieldPos(0)
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil, 0, &faults.Fault{Row: 1, Problem: "the file is empty", Mend: "write a header row: " + strings.Join(columnNames[:], ",")}
	case err != nil:
		f := csvFault(err, 1)
		return nil, nil, 0, &f
	}
	if h, fault = newHeader(names); fault != nil {
		fault.Row = row
		return nil, nil, 0, fault
	}
	used := r.InputOffset()
	return h, data[used:], bytes.Count(data[:used], []byte{'\n'}), nil
}

func csvFault(err error, row int) faults.Fault {
	if pe, ok := errors.AsType[*csv.ParseError](err); ok {
		return faults.Fault{
			Row: row + pe.Line - 1, Column: pe.Column, Problem: pe.Err.Error(),
			Mend: "put quotes around the whole field and double those inside it",
		}
	}
	return faults.Fault{Row: row, Problem: err.Error()}
}

// An entry is a row of a table: a line of an order, or a move.
type entry struct {
	row  int
	has  uint32 // bit by column that is filled
	bad  bool   // a fault was found and told
	lost bool   // it cannot be told which order it belongs to

	id, sku, postal, country, zone, collect, services, warehouse string

	at, by, due units.Instant
	date        units.Date
	lat, lng    float64
	quantity    int64
	value       units.Money
	commercial  bool
	kind        Kind
}

// csv parses rows.
func (p *parser) csv(t *task, out *part) {
	h := t.header
	r := csv.NewReader(bytes.NewReader(t.data))
	r.Comment = '#'
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	valid := utf8.Valid(t.data)
	g := &p.group
	g.begin(p, out, h)
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			f := csvFault(err, t.row)
			out.fault(f)
			g.add(&entry{row: f.Row, bad: true, lost: true})
			continue
		}
		line, _ := r.FieldPos(0)
		if len(fields) == 1 && len(h.names) > 1 && strings.TrimSpace(fields[0]) == "" {
			continue
		}
		e := entry{row: t.row + line - 1}
		if len(fields) != len(h.names) {
			out.fault(faults.Fault{
				Row: e.row, Problem: fmt.Sprintf("the row has %d fields", len(fields)), Mend: fmt.Sprintf("give %d, as the header has", len(h.names)),
			})
			g.add(&entry{row: e.row, bad: true, lost: true})
			continue
		}
		for i, f := range fields {
			if f = strings.TrimSpace(f); f == "" {
				continue
			}
			if !valid && !utf8.ValidString(f) {
				out.fault(faults.Fault{Row: e.row, Column: i + 1, Field: h.names[i], Problem: fmt.Sprintf("%.60q is not UTF-8 text", f), Mend: "save the file as UTF-8"})
				e.bad = true
				continue
			}
			c := h.col[i]
			e.has |= 1 << c
			p.field(&e, c, f, func(mend, format string, args ...any) {
				e.bad = true
				out.fault(faults.Fault{Row: e.row, Column: i + 1, Field: columnNames[c], Problem: fmt.Sprintf(format, args...), Mend: mend})
			})
		}
		g.add(&e)
	}
	g.end()
}

// field reads the text of one field.
func (p *parser) field(e *entry, c column, f string, fault func(mend, format string, args ...any)) {
	switch c {
	case colOrder:
		e.id = f
	case colSKU:
		e.sku = f
	case colPostal:
		e.postal = f
	case colCountry:
		e.country = strings.ToUpper(f)
	case colZone:
		e.zone = f
	case colCollect:
		e.collect = f
	case colServices:
		e.services = f
	case colWarehouse:
		e.warehouse = f
	case colQuantity:
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			fault("", "%.60q is no whole number", f)
		}
		e.quantity = n
	case colLatitude, colLongitude:
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			fault("write degrees, as 40.75", "%.60q is no number", f)
		}
		e.degrees(c, n)
	case colCommercial:
		switch strings.ToLower(f) {
		case "yes", "true":
			e.commercial = true
		case "no", "false":
		default:
			fault("", "%.60q is neither yes nor no", f)
		}
	case colPromiseDate:
		d, err := p.date([]byte(f))
		if err != nil {
			fault("", "%v", err)
		}
		e.date = d
	case colOrdered, colPromiseAt, colDue:
		at, err := units.ParseInstant(f)
		if err != nil {
			fault("", "%v", err)
		}
		e.instant(c, at)
	case colValue:
		v, err := units.ParseMoney(f)
		if err != nil {
			fault("", "%v", err)
		}
		e.value = v
	case colEvent:
		e.event(f, fault)
	}
}

func (e *entry) degrees(c column, n float64) {
	if c == colLatitude {
		e.lat = n
	} else {
		e.lng = n
	}
}

func (e *entry) instant(c column, at units.Instant) {
	switch {
	case c == colOrdered:
		e.at = at
		return
	case at == 0:
		at = -1 // 0 is no promise; this one is refused as all of before
	}
	if c == colPromiseAt {
		e.by = at
	} else {
		e.due = at
	}
}

func (e *entry) event(f string, fault func(mend, format string, args ...any)) {
	switch f {
	case "order":
	case "adjust":
		e.kind = Adjust
	case "set":
		e.kind = Set
	case "inbound":
		e.kind = Inbound
	default:
		mend := faults.DidYouMean(f, []string{"order", "adjust", "set", "inbound"})
		if mend == "" {
			mend = "write order, adjust, set or inbound"
		}
		fault(mend, "%.60q is no event", f)
	}
}

// A group gathers the rows of one order. Those of the first order of a part and of its last are left in the part, since
// they may go on in the neighbours.
type group struct {
	p      *parser
	out    *part
	header *header
	rows   []entry
	first  bool // no order is complete yet
	joined bool // it is that of the merger, which leaves nothing
	poison bool // the next order may miss a row that was lost
}

func (g *group) begin(p *parser, out *part, h *header) {
	*g = group{p: p, out: out, header: h, rows: g.rows[:0], first: true}
}

// same tells whether a row belongs to the order that is being gathered.
func (g *group) same(e *entry) bool {
	last := &g.rows[len(g.rows)-1]
	switch {
	case last.kind != 0:
		return false
	case e.lost:
		return true
	case e.kind != 0:
		return false
	}
	for i := range g.rows {
		if !g.rows[i].lost {
			return g.rows[i].id == e.id && e.id != ""
		}
	}
	return false
}

func (g *group) add(e *entry) {
	if len(g.rows) > 0 && !g.same(e) {
		g.flush()
	}
	if g.poison && len(g.rows) == 0 {
		e.bad = true
	}
	if !e.lost || len(g.rows) == 0 {
		g.poison = false
	}
	g.rows = append(g.rows, *e)
	if e.lost {
		g.poison = true
	}
}

// flush ends the order that is being gathered.
func (g *group) flush() {
	if len(g.rows) == 0 {
		return
	}
	if g.first && !g.joined {
		g.first = false
		g.out.head = slices.Clone(g.rows)
	} else {
		g.emit()
	}
	g.rows = g.rows[:0]
}

// end ends the part.
func (g *group) end() {
	switch {
	case len(g.rows) == 0:
	case g.first:
		g.out.head, g.out.whole = slices.Clone(g.rows), true
	default:
		g.out.tail = slices.Clone(g.rows)
	}
	g.rows = g.rows[:0]
}

// fault adds a fault of a row.
func (g *group) fault(e *entry, c column, mend, format string, args ...any) {
	at := 0
	if g.header != nil {
		at = g.header.at[c] + 1
	}
	g.out.fault(faults.Fault{Row: e.row, Column: at, Field: columnNames[c], Problem: fmt.Sprintf(format, args...), Mend: mend})
}

// emit makes an order or a move of the rows.
func (g *group) emit() {
	first := &g.rows[0]
	r := &g.p.record
	r.reset(first.row)
	bad := false
	for i := range g.rows {
		bad = bad || g.rows[i].bad
	}
	if first.lost { // what else there is of it says nothing
		g.out.bad++
		return
	}
	fault := func(field, mend, format string, args ...any) {
		bad = true
		g.fault(first, columnOf(field), mend, format, args...)
	}
	r.at, r.hasAt = first.at, first.has&(1<<colOrdered) != 0
	r.kind = first.kind
	foreign, what, mend := first.has&onlyMove, "an order", "leave it empty, or say in event what it moves"
	if first.kind != 0 {
		foreign, what, mend = first.has&onlyOrder, "a move of stock", "leave it empty, or leave event empty"
	}
	for c := range columns {
		if foreign>>c&1 == 1 {
			bad = true
			g.fault(first, c, mend, "%s has none", what)
		}
	}
	if first.kind != 0 {
		r.warehouse = append(r.warehouse, first.warehouse...)
		r.skus = append(r.skus, first.sku...)
		r.quantity, r.due = first.quantity, first.due
		if first.has&(1<<colQuantity) == 0 && !first.bad {
			fault("quantity", "say how many units", "the move of stock has no quantity")
			r.quantity = 1
		}
		r.partial = first.bad
		if r.check(fault); bad {
			g.out.bad++
		} else {
			g.p.move(g.out, r)
		}
		return
	}
	for i := range g.rows {
		e := &g.rows[i]
		if e.lost {
			continue
		}
		bad = g.line(r, e) || bad
		if i > 0 {
			bad = g.agree(first, e) || bad
		}
	}
	r.id = append(r.id, first.id...)
	r.date, r.by, r.value, r.commercial = first.date, first.by, first.value, first.commercial
	r.postal, r.country, r.zone = append(r.postal, first.postal...), append(r.country, first.country...), append(r.zone, first.zone...)
	r.collect = append(r.collect, first.collect...)
	if first.services != "" {
		r.services = strings.FieldsFunc(first.services, func(c rune) bool { return c == ';' || c == ' ' })
	}
	lat, lng := first.has&(1<<colLatitude) != 0, first.has&(1<<colLongitude) != 0
	switch {
	case lat && lng:
		r.hasPoint = true
		r.point.Lat, r.point.Lng = first.lat, first.lng
	case lat:
		fault("longitude", "give both, or a postal code", "latitude stands alone")
	case lng:
		fault("latitude", "give both, or a postal code", "longitude stands alone")
	}
	r.partial = first.bad
	if r.check(fault); bad {
		g.out.bad++
	} else {
		g.p.order(g.out, r)
	}
}

// line adds a row's line to its order.
func (g *group) line(r *record, e *entry) (bad bool) {
	switch {
	case e.sku == "" && !e.bad:
		g.fault(e, colSKU, "fill it in", "the value is missing")
		bad = true
	case len(e.sku) > maxName:
		g.fault(e, colSKU, fmt.Sprintf("write at most %d bytes", maxName), "%.40q… is %d bytes long", e.sku, len(e.sku))
		bad = true
	}
	if e.has&(1<<colQuantity) == 0 {
		if !e.bad {
			g.fault(e, colQuantity, "fill it in", "the value is missing")
		}
		bad = true
	} else if mend, problem := checkQuantity(e.quantity); problem != "" && !e.bad {
		g.fault(e, colQuantity, mend, "%s", problem)
		bad = true
	}
	r.skus = append(r.skus, e.sku...)
	r.skuEnds = append(r.skuEnds, int32(len(r.skus)))
	r.units = append(r.units, int32(e.quantity))
	return bad
}

// agree faults a row that says something else of its order than the first row does.
func (g *group) agree(first, e *entry) (bad bool) {
	say := func(c column, same bool) {
		if e.has&(1<<c) != 0 && (first.has&(1<<c) == 0 || !same) {
			bad = true
			g.fault(e, c, "give it in the first row only, or alike in all", "it is not what row %d of the same order says", first.row)
		}
	}
	if e.has&(wholeColumns|onlyMove) == 0 || e.bad || first.bad {
		return false
	}
	say(colOrdered, e.at == first.at)
	say(colPostal, e.postal == first.postal)
	say(colCountry, e.country == first.country)
	say(colLatitude, e.lat == first.lat)
	say(colLongitude, e.lng == first.lng)
	say(colZone, e.zone == first.zone)
	say(colCommercial, e.commercial == first.commercial)
	say(colPromiseDate, e.date == first.date)
	say(colPromiseAt, e.by == first.by)
	say(colCollect, e.collect == first.collect)
	say(colServices, e.services == first.services)
	say(colValue, e.value == first.value)
	for _, c := range [...]column{colWarehouse, colDue} {
		if e.has&(1<<c) != 0 {
			bad = true
			g.fault(e, c, "leave it empty, or say in event what it moves", "an order has none")
		}
	}
	return bad
}

// columnOf returns the column that a field of an order or a move comes from.
func columnOf(field string) column {
	switch field {
	case "orderedAt", "at":
		return colOrdered
	case "lines", "sku":
		return colSKU
	case "promiseDate":
		return colPromiseDate
	case "promiseAt":
		return colPromiseAt
	case "collectAt":
		return colCollect
	case "to", "to.postalCode":
		return colPostal
	case "to.point", "latitude":
		return colLatitude
	case "longitude":
		return colLongitude
	case "to.country":
		return colCountry
	case "to.timeZone":
		return colZone
	case "services":
		return colServices
	case "value":
		return colValue
	case "warehouse":
		return colWarehouse
	case "quantity":
		return colQuantity
	case "due":
		return colDue
	}
	return colOrder
}
