package audit

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// The columns of a table of shipments.
const (
	colCarrier = iota
	colService
	colFrom
	colTo
	colFromCountry
	colToCountry
	colShip
	colPlanned
	colDelivered
	colLost
	colDamaged
	columns
)

var columnNames = []string{
	"carrier", "service", "from", "to", "from_country", "to_country", "ship_date", "planned_date", "delivered_date", "lost", "damaged",
}

var requiredColumns = []int{colCarrier, colService, colFrom, colTo, colShip, colDelivered}

// A shipment is one row.
type shipment struct {
	carrier, service         string
	from, to                 string
	fromCountry, toCountry   string
	ship, planned, delivered units.Date
	hasPlanned, hasDelivered bool
	lost, damaged            bool
}

// A reader reads the rows of files and gathers what is wrong with them.
type reader struct {
	file     string
	position [columns]int // of each column in a row; -1: none
	names    []string
	dates    map[string]units.Date

	rows, bad int
	faults    []faults.Fault
	more      int
	fatal     bool                                                                        // a whole file is at fault
	take      func(s *shipment, fault func(column int, mend, format string, args ...any)) // a row without a fault
}

func (r *reader) fault(f faults.Fault) {
	f.File = r.file
	if len(r.faults) < history.MaxFaults {
		r.faults = append(r.faults, f)
	} else {
		r.more++
	}
}

// read reads one file. The error is of reading alone; what is wrong with the file are faults.
func (r *reader) read(f history.File) error {
	r.file = f.Name
	kind, ok := history.FormatOf(f.Name)
	if !ok || kind == history.JSONLines {
		r.fatal = true
		r.fault(faults.Fault{Problem: "the name does not tell the format", Mend: "end it in .csv or .parquet"})
		return nil
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it is only read
	if kind == history.Parquet {
		return r.parquet(in)
	}
	return r.csv(in)
}

// header finds the columns; false tells that they have a fault.
func (r *reader) header(names []string, row int) bool {
	before := len(r.faults) + r.more
	r.names = names
	for c := range r.position {
		r.position[c] = -1
	}
	for i, n := range names {
		n = strings.TrimSpace(n)
		c := slices.Index(columnNames, n)
		switch {
		case c < 0:
			mend := faults.DidYouMean(n, columnNames)
			if mend == "" {
				mend = "the columns are " + strings.Join(columnNames, ", ")
			}
			r.fault(faults.Fault{Row: row, Column: i + 1, Problem: fmt.Sprintf("unknown column %.60q", n), Mend: mend})
		case r.position[c] >= 0:
			r.fault(faults.Fault{Row: row, Column: i + 1, Field: n, Problem: "the column stands twice", Mend: "name each column once"})
		default:
			r.position[c] = i
		}
	}
	for _, c := range requiredColumns {
		if r.position[c] < 0 {
			r.fault(faults.Fault{Row: row, Field: columnNames[c], Problem: "a required column is missing", Mend: "add the column"})
		}
	}
	ok := len(r.faults)+r.more == before
	r.fatal = r.fatal || !ok
	return ok
}

func (r *reader) csv(in io.Reader) error {
	raw := csv.NewReader(in)
	raw.Comment = '#'
	raw.FieldsPerRecord = -1
	raw.ReuseRecord = true
	first := true
	for {
		fields, err := raw.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if first {
				r.fatal = true
				r.fault(faults.Fault{Row: 1, Problem: "the file is empty", Mend: "write a header row: " + strings.Join(columnNames, ",")})
			}
			return nil
		case errors.As(err, &syntax):
			r.fault(faults.Fault{Row: syntax.Line, Column: syntax.Column, Problem: syntax.Err.Error(), Mend: "put quotes around the whole field and double those inside it"})
			if first {
				r.fatal = true
				return nil
			}
			r.rows++
			r.bad++
			continue
		case err != nil:
			return fmt.Errorf("reading %s: %w", r.file, err)
		}
		line, _ := raw.FieldPos(0)
		if first {
			first = false
			fields[0] = strings.TrimPrefix(fields[0], "\ufeff")
			if !r.header(slices.Clone(fields), line) {
				return nil
			}
			continue
		}
		if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" && len(r.names) > 1 {
			continue
		}
		if len(fields) != len(r.names) {
			r.fault(faults.Fault{Row: line, Problem: fmt.Sprintf("the row has %d fields", len(fields)), Mend: fmt.Sprintf("give %d, as the header has", len(r.names))})
			r.rows++
			r.bad++
			continue
		}
		r.row(fields, line)
	}
}

// row reads a row.
func (r *reader) row(fields []string, line int) {
	r.rows++
	ok := true
	fault := func(c int, mend, format string, args ...any) {
		ok = false
		r.fault(faults.Fault{Row: line, Column: r.position[c] + 1, Field: columnNames[c], Problem: fmt.Sprintf(format, args...), Mend: mend})
	}
	text := func(c int) string {
		if at := r.position[c]; at >= 0 {
			return strings.TrimSpace(fields[at])
		}
		return ""
	}
	required := func(c int) string {
		s := text(c)
		switch {
		case s == "":
			fault(c, "fill it in", "the value is missing")
		case !utf8.ValidString(s):
			fault(c, "save the file as UTF-8", "%.60q is not UTF-8 text", s)
		case len(s) > 128:
			fault(c, "write at most 128 bytes", "%.40q… is %d bytes long", s, len(s))
		}
		return s
	}
	date := func(c int) (d units.Date, has bool) {
		s := text(c)
		if s == "" {
			return 0, false
		}
		d, known := r.dates[s]
		if !known {
			var err error
			if d, err = units.ParseDate(s); err != nil {
				fault(c, "", "%v", err)
				return 0, true
			}
			r.dates[s] = d
		}
		return d, true
	}
	flag := func(c int) bool {
		switch s := strings.ToLower(text(c)); s {
		case "yes", "true":
			return true
		case "", "no", "false":
		default:
			fault(c, "", "%.60q is neither yes nor no", s)
		}
		return false
	}
	s := shipment{carrier: required(colCarrier), service: required(colService), from: required(colFrom), to: required(colTo)}
	s.fromCountry, s.toCountry = country(text(colFromCountry)), country(text(colToCountry))
	required(colShip)
	s.ship, _ = date(colShip)
	s.planned, s.hasPlanned = date(colPlanned)
	s.delivered, s.hasDelivered = date(colDelivered)
	s.lost, s.damaged = flag(colLost), flag(colDamaged)
	if ok {
		switch {
		case s.lost && s.hasDelivered:
			fault(colLost, "leave one of the two out", "it was lost, and delivered on %v", s.delivered)
		case !s.lost && !s.hasDelivered:
			fault(colDelivered, "say when it came, or that it was lost, or leave out what is still on its way", "it was neither delivered nor lost")
		case s.hasDelivered && s.delivered < s.ship:
			fault(colDelivered, "", "%v is before %v, when it left", s.delivered, s.ship)
		}
		if s.hasPlanned && s.planned < s.ship {
			fault(colPlanned, "", "%v is before %v, when it left", s.planned, s.ship)
		}
	}
	if ok {
		r.take(&s, fault)
	}
	if !ok {
		r.bad++
	}
}

func country(text string) string {
	if text == "" {
		return "US"
	}
	return strings.ToUpper(text)
}

// parquet reads a file whose values become the text that a CSV would have.
func (r *reader) parquet(in io.ReadCloser) (err error) {
	all, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", r.file, err)
	}
	defer func() { // what the library cannot bear in a broken file
		if broken := recover(); broken != nil {
			r.fatal = true
			r.fault(faults.Fault{Problem: fmt.Sprintf("the file is broken: %v", broken), Mend: "write it again"})
		}
	}()
	f, err := parquet.OpenFile(bytes.NewReader(all), int64(len(all)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		r.fatal = true
		r.fault(faults.Fault{Problem: fmt.Sprintf("it is no Parquet file, or is cut off: %v", err), Mend: "write it again whole"})
		return nil
	}
	var names []string
	var printers []func(parquet.Value) string
	for i, field := range f.Schema().Fields() {
		names = append(names, field.Name())
		var p func(parquet.Value) string
		if field.Leaf() && !field.Repeated() {
			p = printerOf(field.Type())
		}
		if p == nil {
			r.fatal = true
			r.fault(faults.Fault{Column: i + 1, Field: field.Name(), Problem: "the column cannot be read from its type", Mend: "write text, dates, timestamps or booleans"})
		}
		printers = append(printers, p)
	}
	if !r.header(names, 0) || r.fatal {
		return nil
	}
	row := 1
	fields := make([]string, len(names))
	var buf [256]parquet.Row
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		for {
			n, err := rows.ReadRows(buf[:])
			for _, cells := range buf[:n] {
				clear(fields)
				for _, v := range cells {
					if !v.IsNull() {
						fields[v.Column()] = printers[v.Column()](v)
					}
				}
				r.row(fields, row)
				row++
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || n == 0 {
				r.fatal = true
				r.fault(faults.Fault{Row: row, Problem: fmt.Sprintf("the file is broken: %v", err), Mend: "write it again"})
				break
			}
		}
		_ = rows.Close() // it is only read
	}
	return nil
}

// printerOf returns how to print values of a type, nil for a type that no column has.
func printerOf(t parquet.Type) func(parquet.Value) string {
	var logical format.LogicalTypeValue
	if l := t.LogicalType(); l != nil {
		logical = l.Value
	}
	switch kind := t.Kind(); {
	case kind == parquet.ByteArray:
		if _, decimal := logical.(*format.DecimalType); !decimal {
			return func(v parquet.Value) string { return string(v.ByteArray()) }
		}
	case kind == parquet.Boolean:
		return func(v parquet.Value) string { return strconv.FormatBool(v.Boolean()) }
	case kind == parquet.Int32:
		if _, day := logical.(*format.DateType); day {
			return func(v parquet.Value) string { return units.Date(v.Int32()).String() }
		}
	case kind == parquet.Int64:
		if stamp, ok := logical.(*format.TimestampType); ok && stamp.Unit.Value != nil {
			unit := stamp.Unit.Value.Duration()
			return func(v parquet.Value) string {
				per := int64(24 * time.Hour / unit)
				days := v.Int64() / per
				if v.Int64()%per < 0 {
					days--
				}
				return units.Date(days).String()
			}
		}
	}
	return nil
}
