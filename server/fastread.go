package server

import (
	"unicode/utf8"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// A plain AllocateRequest is read from the wire straight into the engine's order: the protobuf library makes 14 pieces
// of memory of it and takes 2 µs. Plain means made of the common fields only, sound by the rules of the contract, and
// encoded as every encoder does. All else, and whatever is doubtful, goes the long way through the messages. A test
// holds the two against each other.

// readPlain reads an AllocateRequest into o, whose slices it reuses, and returns its request_id. It reports false for
// any request that is not plain. The texts of the result are parts of wire.
func readPlain(wire string, o *engine.Order) (id string, ok bool) {
	*o = engine.Order{Lines: o.Lines[:0], Services: o.Services[:0]}
	r := reader{rest: wire}
	order := false
	for r.next() {
		switch {
		case r.is(1, textual):
			id = r.text()
		case r.is(2, textual) && !order: // twice would mean merging
			order = true
			if !readPlainOrder(r.field, o) {
				return "", false
			}
		default:
			return "", false
		}
	}
	return id, r.ok() && order && soundRequestID(id)
}

func readPlainOrder(wire string, o *engine.Order) bool {
	to := false
	r := reader{rest: wire}
	for r.next() {
		switch {
		case r.is(1, textual):
			o.ID = r.text()
		case r.is(2, textual):
			line, ok := readPlainLine(r.field)
			if !ok || len(o.Lines) == maxLines {
				return false
			}
			o.Lines = append(o.Lines, line)
		case r.is(3, textual) && !to:
			to = true
			if !readPlainDestination(r.field, &o.To) {
				return false
			}
		case r.is(4, textual):
			date, ok := plainDate(r.field)
			if !ok {
				return false
			}
			o.Promise.Date = date
		case r.is(6, textual):
			o.CollectAt = r.text()
		case r.is(7, textual):
			if len(r.field) < 1 || len(r.field) > maxName || len(o.Services) == maxServices {
				return false
			}
			o.Services = append(o.Services, r.text())
		default:
			return false
		}
	}
	return r.ok() && len(o.Lines) > 0 && len(o.ID) <= maxName && len(o.CollectAt) <= maxName
}

func readPlainLine(wire string) (line engine.Line, ok bool) {
	r := reader{rest: wire}
	for r.next() {
		switch {
		case r.is(1, textual):
			line.SKU = r.text()
		case r.is(2, integral):
			line.Quantity = int64(int32(r.number))
		default:
			return line, false
		}
	}
	return line, r.ok() && len(line.SKU) >= 1 && len(line.SKU) <= maxName && line.Quantity > 0
}

func readPlainDestination(wire string, to *engine.Destination) bool {
	r := reader{rest: wire}
	for r.next() {
		switch {
		case r.is(1, textual):
			to.Country = r.text()
		case r.is(2, textual):
			to.Postal = r.text()
		case r.is(4, textual):
			to.TimeZone = r.text()
		case r.is(5, integral):
			to.Commercial = r.number != 0
		default:
			return false
		}
	}
	return r.ok() && len(to.Postal) <= maxPostal && len(to.TimeZone) <= maxTimeZone && soundCountry(to.Country)
}

// plainDate is units.ParseDate in a tenth of the time, for dates of this and the next centuries.
func plainDate(s string) (units.Date, bool) {
	if !soundDate(s) {
		return 0, false
	}
	digits := func(from, to int) (n int) {
		for _, c := range []byte(s[from:to]) {
			n = 10*n + int(c-'0')
		}
		return n
	}
	year, month, day := digits(0, 4), digits(5, 7), digits(8, 10)
	date := units.DateOf(year, month, day)
	y, m, d := date.Civil() // another day where there is none such
	return date, y == year && m == month && d == day && 2000 <= year && year < 3000
}

// A reader goes through the fields of a message in the wire format, of which it knows the two types that plain
// requests have.
type reader struct {
	rest   string
	tag    uint64
	number uint64 // of an integral field
	field  string // content of a textual field
	broken bool
}

// Types of fields on the wire.
const (
	integral = 0 // VARINT
	textual  = 2 // LEN: text, or a message
)

// next reads a field; false at the end and where nothing can be read any more.
func (r *reader) next() bool {
	if r.rest == "" {
		return false
	}
	r.tag = r.varint()
	switch r.tag & 7 {
	case integral:
		r.number = r.varint()
	case textual:
		n := r.varint()
		if n > uint64(len(r.rest)) {
			r.broken = true
			return false
		}
		r.field, r.rest = r.rest[:n], r.rest[n:]
	default:
		r.broken = true
	}
	return !r.broken
}

// is tells that the field has a number and a type.
func (r *reader) is(number, kind uint64) bool { return r.tag == number<<3|kind }

// text returns the content of a textual field that is text, in UTF-8.
func (r *reader) text() string {
	r.broken = r.broken || !utf8.ValidString(r.field)
	return r.field
}

// ok tells that every field was read to its end.
func (r *reader) ok() bool { return !r.broken && r.rest == "" }

func (r *reader) varint() uint64 {
	var v uint64
	for i := 0; i < len(r.rest) && i < 9; i++ {
		c := r.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.broken = true // cut off, or as long as only negative numbers are
	return 0
}
