package server

import (
	"math"
	"unicode/utf8"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// A plain AllocateRequest is read from the wire straight into the engine's order: the protobuf library makes 14 pieces
// of memory of it and takes 2 µs. Plain means made of the common fields only, sound by the rules of the contract, and
// encoded as every encoder does. All else, and whatever is doubtful, goes the long way through the messages. A test
// holds the two against each other.

// readPlain reads an AllocateRequest into o, whose slices it reuses, and returns its request_id. It reports false for
// any request that is not plain. The texts of the result are parts of wire, and so is the question: the order, where it came in
// the very bytes that appendOrder writes, as from most clients; else it is empty.
func readPlain(wire string, o *engine.Order) (id, question string, ok bool) {
	*o = engine.Order{Lines: o.Lines[:0], Services: o.Services[:0]}
	r := reader{rest: wire}
	order := false
	for r.next() {
		switch {
		case r.is(1, textual):
			id = r.text()
		case r.is(2, textual) && !order: // twice would mean merging
			order = true
			canonical, ok := readPlainOrder(r.field, o)
			if !ok {
				return "", "", false
			}
			if canonical {
				question = r.field
			}
		default:
			return "", "", false
		}
	}
	return id, question, r.ok() && order && soundRequestID(id)
}

// orderLists are the fields of an order that may come several times.
const orderLists = 1<<2 | 1<<7

func readPlainOrder(wire string, o *engine.Order) (canonical, ok bool) {
	to := false
	r := reader{rest: wire, lists: orderLists}
	for r.next() {
		switch {
		case r.is(1, textual):
			o.ID = r.text()
		case r.is(2, textual):
			line, canonical, ok := readPlainLine(r.field)
			if !ok || len(o.Lines) == maxLines {
				return false, false
			}
			r.odd = r.odd || !canonical
			o.Lines = append(o.Lines, line)
		case r.is(3, textual) && !to:
			to = true
			canonical, ok := readPlainDestination(r.field, &o.To)
			if !ok {
				return false, false
			}
			r.odd = r.odd || !canonical
		case r.is(4, textual):
			date, ok := plainDate(r.field)
			if !ok {
				return false, false
			}
			o.Promise.Date = date
		case r.is(6, textual):
			o.CollectAt = r.text()
		case r.is(7, textual):
			if len(r.field) < 1 || len(r.field) > maxName || len(o.Services) == maxServices {
				return false, false
			}
			o.Services = append(o.Services, r.text())
		default:
			return false, false
		}
	}
	return !r.odd, r.ok() && len(o.Lines) > 0 && len(o.ID) <= maxName && len(o.CollectAt) <= maxName
}

func readPlainLine(wire string) (line engine.Line, canonical, ok bool) {
	r := reader{rest: wire}
	for r.next() {
		switch {
		case r.is(1, textual):
			line.SKU = r.text()
		case r.is(2, integral):
			line.Quantity = int64(int32(r.number))
			r.odd = r.odd || r.number > math.MaxInt32
		default:
			return line, false, false
		}
	}
	return line, !r.odd, r.ok() && len(line.SKU) >= 1 && len(line.SKU) <= maxName && line.Quantity > 0
}

func readPlainDestination(wire string, to *engine.Destination) (canonical, ok bool) {
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
			r.odd = r.odd || r.number > 1
		default:
			return false, false
		}
	}
	return !r.odd, r.ok() && len(to.Postal) <= maxPostal && len(to.TimeZone) <= maxTimeZone && soundCountry(to.Country)
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
	lists  uint64 // bit by number of the fields that may come several times in a row in a canonical message
	broken bool

	// The message is not what our own writing makes of its content: fields by their numbers, each once but lists, none that is
	// empty, numbers in no more bytes than they need.
	odd bool
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
	before := r.tag
	r.tag = r.varint()
	r.odd = r.odd || r.tag < before || r.tag == before && r.lists>>(r.tag>>3)&1 == 0
	switch r.tag & 7 {
	case integral:
		r.number = r.varint()
		r.odd = r.odd || r.number == 0
	case textual:
		n := r.varint()
		if n > uint64(len(r.rest)) {
			r.broken = true
			return false
		}
		r.field, r.rest = r.rest[:n], r.rest[n:]
		r.odd = r.odd || n == 0
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
			r.odd = r.odd || c == 0 && i > 0
			return v
		}
	}
	r.broken = true // cut off, or as long as only negative numbers are
	return 0
}
