package history

import (
	"bytes"
	"cmp"
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

// A cellReader reads one value that is not null; nil reads text.
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
		read, text, mend := readerOf(column(c), field.Type())
		if read == nil && !text {
			fl = append(fl, faults.Fault{Column: i + 1, Field: field.Name(), Problem: fmt.Sprintf("the column cannot be read from %v", field.Type()), Mend: mend})
		}
		readers = append(readers, read)
	}
	return readers, fl, nil
}

// readerOf returns how to read a column of a type, or what else to write. Text is read without a reader.
func readerOf(c column, t parquet.Type) (read cellReader, text bool, mend string) {
	kind := t.Kind()
	var logical format.LogicalTypeValue
	if l := t.LogicalType(); l != nil {
		logical = l.Value
	}
	dec, decimal := logical.(*format.DecimalType)
	if kind == parquet.ByteArray && !decimal {
		return nil, true, ""
	}
	whole := kind == parquet.Int32 || kind == parquet.Int64
	_, integer := logical.(*format.IntType)
	plain := whole && (logical == nil || integer)
	float := kind == parquet.Float || kind == parquet.Double
	switch c {
	case colQuantity:
		mend = "write a 32-bit or 64-bit integer"
		if plain || float {
			return readQuantity, false, ""
		}
		if decimal {
			return readDecimal(c, int(dec.Scale)), false, ""
		}
	case colValue, colLatitude, colLongitude:
		mend = "write a decimal or a double"
		if plain || float {
			return readNumber(c), false, ""
		}
		if decimal {
			return readDecimal(c, int(dec.Scale)), false, ""
		}
	case colCommercial:
		mend = "write a boolean"
		if kind == parquet.Boolean {
			return func(_ *parser, e *entry, v parquet.Value, _ func(mend, format string, args ...any)) {
				e.commercial = v.Boolean()
			}, false, ""
		}
	case colPromiseDate:
		mend = "write a date, or text as 2026-11-27"
		if _, day := logical.(*format.DateType); day && kind == parquet.Int32 {
			return func(_ *parser, e *entry, v parquet.Value, _ func(mend, format string, args ...any)) {
				if e.date = units.Date(v.Int32()); e.date == 0 {
					e.date = -1 // 0 is no promise; this one is refused as all of before
				}
			}, false, ""
		}
	case colOrdered, colPromiseAt, colDue:
		mend = "write a timestamp, or text as 2026-11-27T17:00:00-05:00"
		if kind == parquet.Int96 {
			return func(_ *parser, e *entry, v parquet.Value, _ func(mend, format string, args ...any)) {
				const julian1970 = 2_440_588
				t := v.Int96() // nanoseconds of the day, then the day
				nanos := int64(uint64(t[1])<<32 | uint64(t[0]))
				e.instant(c, units.Instant((int64(t[2])-julian1970)*86_400+nanos/1_000_000_000))
			}, false, ""
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
			}, false, ""
		}
	case colPostal:
		mend = "write text: as a number 02139 loses its zero"
	default:
		mend = "write text"
	}
	return nil, false, mend
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

// batch is how many rows of a row group are read at a time, column by column.
const batch = 128

// A cursor reads a column of a row group from its first value to its last.
type cursor struct {
	pages parquet.Pages
	page  parquet.Page
	left  int        // values of the page that are not read, nulls too
	read  cellReader // nil: it is text
	nulls bool       // all of the page is null

	// Of text: what the page or the dictionary has, and of a dictionary which of it each value is. A row takes its text
	// from there, so that a dictionary's is made once and not once a row.
	dictionary parquet.Dictionary
	texts      []string
	wrong      bool    // some text is not UTF-8
	index      []int32 // nil without a dictionary
	present    []byte  // definition levels of the values that are left; nil where none can be null
	next       int     // value that is not null

	values parquet.ValueReader // of anything else
	buf    [batch]parquet.Value
}

// turn goes on to the next page that has values. The error is io.EOF after the last.
func (c *cursor) turn() error {
	for c.left == 0 {
		parquet.Release(c.page)
		var err error
		if c.page, err = c.pages.ReadPage(); err != nil {
			c.page = nil
			return err
		}
		c.left = int(c.page.NumValues())
	}
	if c.nulls = c.page.NumNulls() == c.page.NumValues(); c.nulls {
		return nil
	}
	if c.read != nil {
		c.values = c.page.Values()
		return nil
	}
	c.next, c.present = 0, c.page.DefinitionLevels()
	data := c.page.Data()
	if d := c.page.Dictionary(); d != nil {
		c.index = data.Int32()
		if d != c.dictionary {
			c.dictionary = d
			all := d.Page().Data()
			c.take(all.ByteArray())
		}
		return nil
	}
	c.index, c.dictionary = nil, nil
	c.take(data.ByteArray())
	return nil
}

// take makes strings of byte arrays that stand one after the other.
func (c *cursor) take(data []byte, offsets []uint32) {
	all := string(data)
	c.texts, c.wrong = c.texts[:0], false
	for i := range len(offsets) - 1 {
		text := all[offsets[i]:offsets[i+1]]
		c.wrong = c.wrong || !utf8.ValidString(text)
		c.texts = append(c.texts, text)
	}
}

// text returns the next value of a page of text; ok is false where it is null.
func (c *cursor) text() (text string, ok bool) {
	if len(c.present) > 0 {
		level := c.present[0]
		if c.present = c.present[1:]; level == 0 {
			return "", false
		}
	}
	at := c.next
	c.next++
	if c.index != nil {
		at = int(c.index[at])
	}
	return c.texts[at], true
}

// A tableReader reads a row group.
type tableReader struct {
	p       *parser
	h       *header
	cursors []cursor
	rows    [batch]entry
	faults  []faults.Fault // of the batch
	i       int            // column that is being read
	e       *entry         // and row
	fault   func(mend, format string, args ...any)
}

// column reads the values of a column in the next n rows, and returns how many of them there are when something is wrong.
func (t *tableReader) column(i, n int) (int, error) {
	cur, c := &t.cursors[i], t.h.col[i]
	t.i = i
	for done := 0; done < n; {
		if cur.left == 0 {
			if err := cur.turn(); err != nil {
				return done, err
			}
		}
		some := min(n-done, cur.left)
		rows := t.rows[done : done+some]
		switch {
		case cur.nulls:
		case cur.read == nil:
			for k := range rows {
				text, ok := cur.text()
				if !ok || text == "" {
					continue // empty text says nothing, as in CSV
				}
				t.e = &rows[k]
				t.e.has |= 1 << c
				if cur.wrong && !utf8.ValidString(text) {
					t.fault("write UTF-8", "%.60q is not UTF-8 text", text)
					continue
				}
				t.p.field(t.e, c, text, t.fault)
			}
		default:
			got, err := cur.values.ReadValues(cur.buf[:some])
			for k, v := range cur.buf[:got] {
				if v.IsNull() || v.Kind() == parquet.ByteArray && len(v.ByteArray()) == 0 {
					continue
				}
				t.e = &rows[k]
				t.e.has |= 1 << c
				cur.read(t.p, t.e, v, t.fault)
			}
			if got < some {
				if err == nil {
					err = io.ErrNoProgress
				}
				return done + got, err
			}
		}
		done += some
		cur.left -= some
	}
	return n, nil
}

func (t *tableReader) close() {
	for i := range t.cursors {
		parquet.Release(t.cursors[i].page)
		_ = t.cursors[i].pages.Close() // it is only read
	}
}

// rowGroup parses the rows of a row group. It reads column by column, some rows of each, and makes orders of them row by row.
func (p *parser) rowGroup(rows parquet.RowGroup, h *header, readers []cellReader, first int, out *part) {
	g := &p.group
	g.begin(p, out, h)
	row := first
	broken := func(format string, args ...any) {
		out.broken = &faults.Fault{Row: row, Problem: "the file is broken: " + fmt.Sprintf(format, args...), Mend: "write it again"}
	}
	defer func() {
		if what := recover(); what != nil {
			broken("%v", what)
		}
	}()
	t := &tableReader{p: p, h: h}
	t.fault = func(mend, format string, args ...any) {
		t.e.bad = true
		t.faults = append(t.faults, faults.Fault{Row: t.e.row, Column: t.i + 1, Field: columnNames[h.col[t.i]], Problem: fmt.Sprintf(format, args...), Mend: mend})
	}
	defer t.close()
	for i, chunk := range rows.ColumnChunks() {
		t.cursors = append(t.cursors, cursor{pages: chunk.Pages(), read: readers[i]})
	}
	want := int(rows.NumRows())
	for left := want; left > 0 && out.broken == nil; {
		n := min(left, batch)
		for k := range n {
			t.rows[k] = entry{row: row + k}
		}
		t.faults = t.faults[:0]
		var failed error
		for i := range t.cursors {
			got, err := t.column(i, n)
			if err != nil {
				n, failed = got, err // the columns before have these rows
			}
		}
		slices.SortStableFunc(t.faults, func(a, b faults.Fault) int { return cmp.Compare(a.Row, b.Row) })
		next := 0
		for k := range n {
			e := &t.rows[k]
			for ; next < len(t.faults) && t.faults[next].Row == e.row; next++ {
				out.fault(t.faults[next])
			}
			g.add(e)
		}
		row, left = row+n, left-n
		switch {
		case errors.Is(failed, io.EOF):
			broken("a row group has %d rows of %d", row-first, want)
		case failed != nil:
			broken("%v", failed)
		}
	}
	for i := range t.cursors {
		if c := &t.cursors[i]; out.broken == nil && (c.left > 0 || !errors.Is(c.turn(), io.EOF)) {
			broken("a row group has more than its %d rows in column %s", want, columnNames[h.col[i]])
		}
	}
	g.end()
}
