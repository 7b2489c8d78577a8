// Package table reads the CSV files of a network: a header row that names the columns in any order, then one record
// a row. Every fault is listed with file, row and column; reading goes on after a fault, so that one pass finds all.
package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A Column is one that a table may have.
type Column struct {
	Name     string
	Required bool // the column must stand in the header; whether a row may leave it empty is the reader's choice
}

// MaxBytes bounds a table's size.
const MaxBytes = 1 << 30

// A Table is what Read found. Rows with the wrong number of fields are left out, each with a fault.
type Table struct {
	file   string
	faults *faults.List
	index  map[string]int // column name to position in a record
	rows   []Row
}

// A Row is one record of a Table.
type Row struct {
	table  *Table
	line   int
	fields []string
}

// Read reads a whole CSV from r. file names it in faults. An unknown or doubled column, a missing required one, a
// ragged row, invalid UTF-8 and broken quoting are faults added to fl; the Table holds what could be read.
// A leading byte order mark and lines that begin with '#' are passed over.
func Read(file string, r io.Reader, columns []Column, fl *faults.List) *Table {
	t := &Table{file: file, faults: fl, index: map[string]int{}}
	raw, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		fl.Addf(file, 0, 0, "", "check that the file can be read", "reading failed: %v", err)
		return t
	}
	if len(raw) > MaxBytes {
		fl.Addf(file, 0, 0, "", "split the file", "larger than %d bytes", MaxBytes)
		return t
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	cr := csv.NewReader(bytes.NewReader(raw))
	cr.Comment = '#'
	cr.FieldsPerRecord = -1
	header, err := cr.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			fl.Addf(file, 1, 0, "", "write a header row: "+join(columns), "the file is empty")
		} else {
			t.syntax(err)
		}
		return t
	}
	t.header(cr, header, columns)
	for {
		fields, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return t
		}
		if err != nil {
			t.syntax(err)
			if pe := (*csv.ParseError)(nil); !errors.As(err, &pe) {
				return t
			}
			continue
		}
		line, _ := cr.FieldPos(0)
		if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" && len(header) > 1 {
			continue
		}
		if len(fields) != len(header) {
			fl.Addf(file, line, 0, "", fmt.Sprintf("give %d, as the header has", len(header)), "the row has %d fields", len(fields))
			continue
		}
		ok := true
		for i, f := range fields {
			if !utf8.ValidString(f) {
				fl.Addf(file, line, i+1, header[i], "save the file as UTF-8", "%q is not UTF-8 text", clip(f))
				ok = false
			}
			fields[i] = strings.TrimSpace(f)
		}
		if ok {
			t.rows = append(t.rows, Row{table: t, line: line, fields: fields})
		}
	}
}

func (t *Table) syntax(err error) {
	if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
		t.faults.Addf(t.file, pe.Line, pe.Column, "", "put quotes around the whole field and double those inside it", "%v", pe.Err)
		return
	}
	t.faults.Addf(t.file, 0, 0, "", "check that the file can be read", "reading failed: %v", err)
}

func (t *Table) header(cr *csv.Reader, header []string, columns []Column) {
	known := make([]string, len(columns))
	for i, c := range columns {
		known[i] = c.Name
	}
	for i, name := range header {
		name = strings.TrimSpace(name)
		header[i] = name
		line, _ := cr.FieldPos(i)
		isKnown := false
		for _, k := range known {
			isKnown = isKnown || k == name
		}
		_, doubled := t.index[name]
		switch {
		case doubled:
			t.faults.Addf(t.file, line, i+1, name, "name each column once", "the column stands twice")
		case !isKnown:
			mend := faults.DidYouMean(name, known)
			if mend == "" {
				mend = "the columns are " + join(columns)
			}
			t.faults.Addf(t.file, line, i+1, "", mend, "unknown column %q", clip(name))
		default:
			t.index[name] = i
		}
	}
	for _, c := range columns {
		if _, ok := t.index[c.Name]; c.Required && !ok {
			t.faults.Addf(t.file, 1, 0, c.Name, "add the column", "a required column is missing")
		}
	}
}

func join(columns []Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Rows yields the rows in file order.
func (t *Table) Rows() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		for i := range t.rows {
			if !yield(&t.rows[i]) {
				return
			}
		}
	}
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Has tells whether the table has the column and this row fills it.
func (r *Row) Has(col string) bool { return r.Text(col) != "" }

// Text returns the trimmed text of a column, or "" where the table has no such column.
func (r *Row) Text(col string) string {
	if i, ok := r.table.index[col]; ok {
		return r.fields[i]
	}
	return ""
}

// Line returns the line of the row in its file, from 1.
func (r *Row) Line() int { return r.line }

// Fault adds a fault at this row and the given column.
func (r *Row) Fault(col, mend, format string, args ...any) {
	column := 0
	if i, ok := r.table.index[col]; ok {
		column = i + 1
	}
	r.table.faults.Addf(r.table.file, r.line, column, col, mend, format, args...)
}

// Required returns the text of a column that must be filled, with a fault where it is not.
func (r *Row) Required(col string) string {
	s := r.Text(col)
	if s == "" {
		r.Fault(col, "fill it in", "the value is missing")
	}
	return s
}

// parse returns the parsed value of a column, def where it is empty, and def with a fault where it cannot be read.
func parse[T any](r *Row, col string, def T, read func(string) (T, error)) T {
	s := r.Text(col)
	if s == "" {
		return def
	}
	v, err := read(s)
	if err != nil {
		r.Fault(col, "", "%v", err)
		return def
	}
	return v
}

// Money returns an amount of money, or def where the field is empty.
func (r *Row) Money(col string, def units.Money) units.Money {
	return parse(r, col, def, units.ParseMoney)
}

// Weight returns a weight, or def where the field is empty.
func (r *Row) Weight(col string, def units.Weight) units.Weight {
	return parse(r, col, def, units.ParseWeight)
}

// Length returns a length, or def where the field is empty.
func (r *Row) Length(col string, def units.Length) units.Length {
	return parse(r, col, def, units.ParseLength)
}

// Percent returns a share, or def where the field is empty.
func (r *Row) Percent(col string, def units.Percent) units.Percent {
	return parse(r, col, def, units.ParsePercent)
}

// Date returns a date, or def where the field is empty.
func (r *Row) Date(col string, def units.Date) units.Date {
	return parse(r, col, def, units.ParseDate)
}

// Clock returns a time of day, or def where the field is empty.
func (r *Row) Clock(col string, def units.Clock) units.Clock {
	return parse(r, col, def, units.ParseClock)
}

// Weekdays returns a set of weekdays, or def where the field is empty.
func (r *Row) Weekdays(col string, def units.Weekdays) units.Weekdays {
	return parse(r, col, def, units.ParseWeekdays)
}

// Int returns a whole number from lo to hi, or def where the field is empty or at fault.
func (r *Row) Int(col string, def, lo, hi int64) int64 {
	return parse(r, col, def, func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < lo || n > hi {
			return 0, fmt.Errorf("%q is no whole number from %d to %d", clip(s), lo, hi)
		}
		return n, nil
	})
}

// Float returns a finite decimal number from lo to hi, or def where the field is empty or at fault. It is for
// coordinates only; what is compared or paid is an integer.
func (r *Row) Float(col string, def, lo, hi float64) float64 {
	return parse(r, col, def, func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n >= lo && n <= hi) {
			return 0, fmt.Errorf("%q is no number from %g to %g", clip(s), lo, hi)
		}
		return n, nil
	})
}

// Bool returns yes or no, or def where the field is empty.
func (r *Row) Bool(col string, def bool) bool {
	return parse(r, col, def, func(s string) (bool, error) {
		switch strings.ToLower(s) {
		case "yes", "true":
			return true, nil
		case "no", "false":
			return false, nil
		}
		return false, fmt.Errorf("%q is neither yes nor no", clip(s))
	})
}

// List returns the values of a field separated by semicolons or blanks.
func List(r *Row, col string) []string {
	return strings.FieldsFunc(r.Text(col), func(c rune) bool { return c == ';' || c == ' ' })
}
