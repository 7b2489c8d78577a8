package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// parquet sends the row groups of a file.
func (r *reading) parquet(file int, in io.ReadCloser) bool {
	r.opened = append(r.opened, in)
	at, size, err := inPlace(in)
	if err != nil {
		r.send(&task{file: file, err: fmt.Errorf("reading %s: %w", r.files[file].Name, err)})
		return false
	}
	t := &task{file: file, first: true, row: 1}
	f, err := openParquet(at, size)
	if err != nil {
		t.fault = &faults.Fault{Problem: fmt.Sprintf("it is no Parquet file, or is cut off: %v", err), Mend: "write it again whole"}
		return r.send(t)
	}
	readers, fl, err := parquetColumns(f)
	if err != nil {
		t.fault = &faults.Fault{Problem: fmt.Sprintf("its columns cannot be read: %v", err), Mend: "write it again"}
		return r.send(t)
	}
	if len(fl) > 0 {
		t.fault, t.faults = &fl[0], fl[1:]
		return r.send(t)
	}
	names := make([]string, 0, len(readers))
	for _, c := range f.Schema().Fields() {
		names = append(names, c.Name())
	}
	h, fault := newHeader(names)
	if fault != nil {
		t.fault = fault
		return r.send(t)
	}
	groups := f.RowGroups()
	row := 1
	for i, g := range groups {
		if t == nil {
			t = &task{file: file, row: row}
		}
		first := row
		t.header = h
		t.parse = func(p *parser, out *part) { p.rowGroup(g, h, readers, first, out) }
		t.last = i == len(groups)-1
		row += int(g.NumRows())
		r.read += size / int64(len(groups))
		if !r.send(t) {
			return false
		}
		t = nil
	}
	return true
}

// inPlace returns what can be read anywhere: the file itself, or all of it in memory.
func inPlace(in io.Reader) (io.ReaderAt, int64, error) {
	at, isAt := in.(io.ReaderAt)
	seeker, canSeek := in.(io.Seeker)
	if isAt && canSeek {
		if size, err := seeker.Seek(0, io.SeekEnd); err == nil {
			return at, size, nil
		}
	}
	all, err := io.ReadAll(in)
	return bytes.NewReader(all), int64(len(all)), err
}

// openParquet opens a file. What the library cannot bear in a broken one is an error.
func openParquet(at io.ReaderAt, size int64) (f *parquet.File, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("%v", broken)
		}
	}()
	return parquet.OpenFile(at, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// A cellReader reads one value that is not null.
type cellReader func(p *parser, e *entry, v parquet.Value, fault func(mend, format string, args ...any))

// parquetColumns returns how to read each column, or what is wrong with them.
func parquetColumns(f *parquet.File) (readers []cellReader, fl []faults.Fault, err error) {
	defer func() { // as openParquet
		if broken := recover(); broken != nil {
			err = fmt.Errorf("%v", broken)
		}
	}()
	for i, field := range f.Schema().Fields() {
		c := slices.Index(columnNames[:], strings.TrimSpace(field.Name()))
		if c < 0 {
			_, fault := newHeader([]string{field.Name()}) // which says what was meant
			fault.Column = i + 1
			fl = append(fl, *fault)
			continue
		}
		if !field.Leaf() || field.Repeated() {
			fl = append(fl, faults.Fault{Column: i + 1, Field: field.Name(), Problem: "the column is nested or repeated", Mend: "write one row a line of an order, and plain columns"})
			continue
		}
		read, mend := readerOf(column(c), field.Type())
		if read == nil {
			fl = append(fl, faults.Fault{Column: i + 1, Field: field.Name(), Problem: fmt.Sprintf("the column cannot be read from %v", field.Type()), Mend: mend})
		}
		readers = append(readers, read)
	}
	return readers, fl, nil
}

// readerOf returns how to read a column of a type, or what else to write.
func readerOf(c column, t parquet.Type) (read cellReader, mend string) {
	kind := t.Kind()
	var logical format.LogicalTypeValue
	if l := t.LogicalType(); l != nil {
		logical = l.Value
	}
	dec, decimal := logical.(*format.DecimalType)
	if kind == parquet.ByteArray && !decimal {
		return func(p *parser, e *entry, v parquet.Value, fault func(mend, format string, args ...any)) {
			text := string(v.ByteArray())
			if !utf8.ValidString(text) {
				fault("write UTF-8", "%.60q is not UTF-8 text", text)
				return
			}
			p.field(e, c, text, fault)
		}, ""
	}
	whole := kind == parquet.Int32 || kind == parquet.Int64
	_, integer := logical.(*format.IntType)
	plain := whole && (logical == nil || integer)
	float := kind == parquet.Float || kind == parquet.Double
	switch c {
	case colQuantity:
		mend = "write a 32-bit or 64-bit integer"
		if plain || float {
			return readQuantity, ""
		}
		if decimal {
			return readDecimal(c, int(dec.Scale)), ""
		}
	case colValue, colLatitude, colLongitude:
		mend = "write a decimal or a double"
		if plain || float {
			return readNumber(c), ""
		}
		if decimal {
			return readDecimal(c, int(dec.Scale)), ""
		}
	case colCommercial:
		mend = "write a boolean"
		if kind == parquet.Boolean {
			return func(_ *parser, e *entry, v parquet.Value, _ func(mend, format string, args ...any)) {
				e.commercial = v.Boolean()
			}, ""
		}
	case colPromiseDate:
		mend = "write a date, or text as 2026-11-27"
		if _, day := logical.(*format.DateType); day && kind == parquet.Int32 {
			return func(_ *parser, e *entry, v parquet.Value, _ func(mend, format string, args ...any)) {
				if e.date = units.Date(v.Int32()); e.date == 0 {
					e.date = -1 // 0 is no promise; this one is refused as all of before
				}
			}, ""
		}
	case colOrdered, colPromiseAt, colDue:
		mend = "write a timestamp, or text as 2026-11-27T17:00:00-05:00"
		if kind == parquet.Int96 {
			return func(_ *parser, e *entry, v parquet.Value, _ func(mend, format string, args ...any)) {
				const julian1970 = 2_440_588
				t := v.Int96() // nanoseconds of the day, then the day
				nanos := int64(uint64(t[1])<<32 | uint64(t[0]))
				e.instant(c, units.Instant((int64(t[2])-julian1970)*86_400+nanos/1_000_000_000))
			}, ""
		}
		if stamp, ok := logical.(*format.TimestampType); ok && kind == parquet.Int64 && stamp.Unit.Value != nil {
			per := int64(time.Second / stamp.Unit.Value.Duration())
			return func(_ *parser, e *entry, v parquet.Value, _ func(mend, format string, args ...any)) {
				n := v.Int64()
				at := n / per
				if n%per < 0 {
					at--
				}
				e.instant(c, units.Instant(at))
			}, ""
		}
	case colPostal:
		mend = "write text: as a number 02139 loses its zero"
	default:
		mend = "write text"
	}
	return nil, mend
}

func readQuantity(_ *parser, e *entry, v parquet.Value, fault func(mend, format string, args ...any)) {
	switch v.Kind() {
	case parquet.Int32:
		e.quantity = int64(v.Int32())
	case parquet.Int64:
		e.quantity = v.Int64()
	default:
		n := float(v)
		if n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			fault("", "%v is no whole number", n)
			return
		}
		e.quantity = int64(n)
	}
}

func float(v parquet.Value) float64 {
	switch v.Kind() {
	case parquet.Float:
		n, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v.Float()), 'g', -1, 32), 64) // what it prints as; prints always read
		return n
	case parquet.Double:
		return v.Double()
	case parquet.Int32:
		return float64(v.Int32())
	default:
		return float64(v.Int64())
	}
}

// readNumber reads an amount or degrees from integers and floats.
func readNumber(c column) cellReader {
	return func(p *parser, e *entry, v parquet.Value, fault func(mend, format string, args ...any)) {
		n := float(v)
		if c != colValue {
			e.degrees(c, n)
			return
		}
		p.field(e, c, strconv.FormatFloat(n, 'f', -1, 64), fault)
	}
}

// readDecimal reads whatever a decimal may stand in.
func readDecimal(c column, scale int) cellReader {
	return func(p *parser, e *entry, v parquet.Value, fault func(mend, format string, args ...any)) {
		var n *big.Int
		switch v.Kind() {
		case parquet.Int32:
			n = big.NewInt(int64(v.Int32()))
		case parquet.Int64:
			if scale == 6 && c == colValue { // as WriteParquet and the tables of results have it
				if e.value = units.Money(v.Int64()); e.value > units.MaxMoney || e.value < -units.MaxMoney {
					fault("", "%v is too large", e.value)
				}
				return
			}
			n = big.NewInt(v.Int64())
		default: // big-endian, two's complement
			b := v.ByteArray()
			n = new(big.Int).SetBytes(b)
			if len(b) > 0 && b[0] >= 0x80 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
			}
		}
		text := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(max(scale, 0))
		if strings.Contains(text, ".") {
			text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
		}
		p.field(e, c, text, fault)
	}
}

// rowGroup parses the rows of a row group.
func (p *parser) rowGroup(rows parquet.RowGroup, h *header, readers []cellReader, first int, out *part) {
	g := &p.group
	g.begin(p, out, h)
	row := first
	defer func() {
		if broken := recover(); broken != nil {
			out.broken = &faults.Fault{Row: row, Problem: fmt.Sprintf("the file is broken: %v", broken), Mend: "write it again"}
		}
	}()
	in := rows.Rows()
	defer func() { _ = in.Close() }() // it is only read
	var (
		buf [256]parquet.Row
		e   entry
		i   int
		c   column
	)
	fault := func(mend, format string, args ...any) {
		e.bad = true
		out.fault(faults.Fault{Row: e.row, Column: i + 1, Field: columnNames[c], Problem: fmt.Sprintf(format, args...), Mend: mend})
	}
	for {
		n, err := in.ReadRows(buf[:])
		for _, cells := range buf[:n] {
			e = entry{row: row}
			row++
			for _, v := range cells {
				if v.IsNull() {
					continue
				}
				i = v.Column()
				c = h.col[i]
				if v.Kind() == parquet.ByteArray && len(v.ByteArray()) == 0 {
					continue // empty text says nothing, as in CSV
				}
				e.has |= 1 << c
				readers[i](p, &e, v, fault)
			}
			g.add(&e)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			out.broken = &faults.Fault{Row: row, Problem: fmt.Sprintf("the file is broken: %v", err), Mend: "write it again"}
			break
		}
		if n == 0 {
			out.broken = &faults.Fault{Row: row, Problem: "the file is broken: a row group ends early", Mend: "write it again"}
			break
		}
	}
	if want := int(rows.NumRows()); out.broken == nil && row-first != want {
		out.broken = &faults.Fault{Row: row, Problem: fmt.Sprintf("the file is broken: a row group has %d rows of %d", row-first, want), Mend: "write it again"}
	}
	g.end()
}
