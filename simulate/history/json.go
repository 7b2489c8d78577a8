package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// json parses lines.
func (p *parser) json(t *task, out *part) {
	j := jsonReader{p: p, out: out, d: p.decoder, r: &p.record}
	data := t.data
	for row := t.row; len(data) > 0; row++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		j.line(line, row)
	}
}

// A jsonReader reads one line after the other.
type jsonReader struct {
	p    *parser
	out  *part
	d    *jsontext.Decoder
	r    *record
	row  int
	path string // of what is being read: "", "lines" or as "to."

	index int // of the line
}

// The members of an order, a line, a destination, a point and a move, for whoever misspells one.
var (
	orderNames = []string{"id", "orderedAt", "lines", "to", "promiseDate", "promiseAt", "collectAt", "services", "value", "stock"}
	moveNames  = []string{"stock", "at", "warehouse", "sku", "quantity", "due"}
	lineNames  = []string{"sku", "quantity"}
	toNames    = []string{"country", "postalCode", "point", "timeZone", "commercial"}
	pointNames = []string{"latitude", "longitude"}
)

// line reads one order or move.
func (j *jsonReader) line(line []byte, row int) {
	j.p.text = *bytes.NewBuffer(line)
	j.d.Reset(&j.p.text)
	j.row, j.path = row, ""
	r := j.r
	r.reset(row)
	err := j.record()
	if err == nil {
		if _, err = j.d.ReadToken(); err == nil {
			err = errMore
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		j.broken(err)
	} else {
		r.partial = r.faults > 0
		r.check(func(field, mend, format string, args ...any) { j.fault(field, mend, format, args...) })
	}
	switch {
	case r.faults > 0:
		j.out.bad++
	case r.kind != 0:
		j.p.move(j.out, r)
	default:
		j.p.order(j.out, r)
	}
}

var errMore = errors.New("there is more behind the order")

// broken faults what is no JSON.
func (j *jsonReader) broken(err error) {
	f := faults.Fault{Row: j.row, Mend: `write one order a line, as {"id":"o-1","orderedAt":"2026-11-02T15:04:05Z","lines":[{"sku":"mug","quantity":2}],"to":{"postalCode":"10001"}}`}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		f.Column = int(syntax.ByteOffset) + 1
		f.Problem = syntax.Err.Error()
		if errors.Is(syntax.Err, io.ErrUnexpectedEOF) {
			f.Problem = "the line ends within the JSON"
		}
		if errors.Is(syntax.Err, jsontext.ErrDuplicateName) {
			f.Field, f.Problem, f.Mend = syntax.JSONPointer.LastToken(), "it stands twice", "write it once"
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.Problem = "the line ends within the JSON"
	default:
		f.Column, f.Problem = int(j.d.InputOffset())+1, err.Error()
	}
	j.r.faults++
	j.out.fault(f)
}

func (j *jsonReader) fault(field, mend, format string, args ...any) {
	j.r.faults++
	switch j.path {
	case "":
	case "lines":
		field = fmt.Sprintf("lines[%d].%s", j.index, field)
	default:
		field = j.path + field
	}
	j.out.fault(faults.Fault{Row: j.row, Field: field, Mend: mend, Problem: fmt.Sprintf(format, args...)})
}

// open reads the beginning of an object or array; ok is false where it is something else, which is a fault and is passed
// over. null is neither ok nor a fault, as in protobuf.
func (j *jsonReader) open(kind jsontext.Kind, field string) (ok bool, err error) {
	switch got := j.d.PeekKind(); got {
	case kind:
		_, err = j.d.ReadToken()
		return err == nil, err
	case 'n':
		_, err = j.d.ReadToken()
		return false, err
	case 0:
		_, err = j.d.ReadToken()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return false, err
	default:
		v, err := j.d.ReadValue()
		if err == nil {
			what := "an object"
			if kind == '[' {
				what = "a list"
			}
			j.fault(field, "", "%.60s is not %s", v, what)
		}
		return false, err
	}
}

// more tells whether another member or element follows.
func (j *jsonReader) more() bool {
	k := j.d.PeekKind()
	return k != '}' && k != ']' && k != 0
}

// name reads the name of the next member.
func (j *jsonReader) name() ([]byte, error) {
	v, err := j.d.ReadValue()
	if err != nil {
		return nil, err
	}
	return unquote(v)
}

func unquote(v jsontext.Value) ([]byte, error) {
	if len(v) >= 2 && bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	return jsontext.AppendUnquote(nil, v)
}

func (j *jsonReader) close() error {
	_, err := j.d.ReadToken()
	return err
}

func (j *jsonReader) unknown(name []byte, known []string) error {
	mend := faults.DidYouMean(string(name), known)
	if mend == "" {
		mend = "there is"
		for i, k := range known {
			if i > 0 {
				mend += ","
			}
			mend += " " + k
		}
	}
	j.fault(fmt.Sprintf("%.60s", name), mend, "unknown name")
	return j.d.SkipValue()
}

// Bits of the members that were seen, to tell two spellings of one.
const (
	seenDate = 1 << iota
	seenAt
	seenCollect
	seenOrdered
	seenLines
	seenTo
	seenID
	seenServices
	seenValue
	seenStock
	seenMoveAt
	seenWarehouse
	seenSKU
	seenQuantity
	seenDue

	seenOfOrder = seenDate | seenAt | seenCollect | seenOrdered | seenLines | seenTo | seenID | seenServices | seenValue
	seenOfMove  = seenMoveAt | seenWarehouse | seenSKU | seenQuantity | seenDue
)

// memberNames are the names by bit.
var memberNames = [...]string{
	"promiseDate", "promiseAt", "collectAt", "orderedAt", "lines", "to", "id", "services", "value", "stock", "at", "warehouse", "sku", "quantity", "due",
}

// record reads an order or a move.
func (j *jsonReader) record() error {
	r := j.r
	ok, err := j.open('{', "")
	if err != nil || !ok {
		if err == nil && r.faults == 0 {
			j.fault("", "leave the line out", "null is no order")
		}
		return err
	}
	seen := 0
	for j.more() {
		key, err := j.name()
		if err != nil {
			return err
		}
		bit := 0
		switch string(key) {
		case "id":
			bit = seenID
			r.id, err = j.text("id", r.id)
		case "orderedAt", "ordered_at":
			bit = seenOrdered
			var at units.Instant
			if at, ok, err = j.instant("orderedAt"); ok {
				r.at, r.hasAt = at, true
			}
		case "lines":
			bit = seenLines
			err = j.lines()
		case "to":
			bit = seenTo
			err = j.to()
		case "promiseDate", "promise_date":
			bit = seenDate
			err = j.promiseDate()
		case "promiseAt", "promise_at":
			bit = seenAt
			if r.by, ok, err = j.instant("promiseAt"); ok && r.by == 0 {
				r.by = -1
			}
		case "collectAt", "collect_at":
			bit = seenCollect
			r.collect, err = j.text("collectAt", r.collect)
		case "services":
			bit = seenServices
			err = j.services()
		case "value":
			bit = seenValue
			err = j.money("value")
		case "stock":
			bit = seenStock
			err = j.kind()
		case "at":
			bit = seenMoveAt
			var at units.Instant
			if at, ok, err = j.instant("at"); ok {
				r.at, r.hasAt = at, true
			}
		case "warehouse":
			bit = seenWarehouse
			r.warehouse, err = j.text("warehouse", r.warehouse)
		case "sku":
			bit = seenSKU
			r.skus, err = j.text("sku", r.skus)
		case "quantity":
			bit = seenQuantity
			r.quantity, _, err = j.integer("quantity")
		case "due":
			bit = seenDue
			if r.due, ok, err = j.instant("due"); ok && r.due == 0 {
				r.due = -1
			}
		default:
			if err := j.unknownMember(key, seen); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if seen&bit != 0 {
			j.fault(string(key), "write it once", "it stands twice")
		}
		seen |= bit
	}
	if err := j.close(); err != nil {
		return err
	}
	foreign, what := seen&seenOfMove, "an order"
	mend := `leave it out, or say what it moves, as "stock":"adjust"`
	if seen&seenStock != 0 {
		foreign, what, mend = seen&seenOfOrder, "a move of stock", "leave it out, or leave out stock"
	}
	for bit, name := range memberNames {
		if foreign>>bit&1 == 1 {
			j.fault(name, mend, "%s has no such member", what)
		}
	}
	return nil
}

func (j *jsonReader) unknownMember(name []byte, seen int) error {
	known := orderNames
	if seen&(seenStock|seenOfMove) != 0 {
		known = moveNames
	}
	return j.unknown(name, known)
}

// value reads a scalar. ok is false for null; other kinds than those wanted are the caller's to refuse.
func (j *jsonReader) value() (v jsontext.Value, ok bool, err error) {
	v, err = j.d.ReadValue()
	return v, err == nil && v.Kind() != 'n', err
}

// text appends a string to dst.
func (j *jsonReader) text(field string, dst []byte) ([]byte, error) {
	v, ok, err := j.value()
	if !ok {
		return dst, err
	}
	if v.Kind() != '"' {
		j.fault(field, `write it in quotes`, "%.60s is no text", v)
		return dst, nil
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return append(dst, v[1:len(v)-1]...), nil
	}
	return jsontext.AppendUnquote(dst, v)
}

// integer reads a whole number, which may stand in quotes or as 2.0 or 2e0, as in protobuf.
func (j *jsonReader) integer(field string) (n int64, ok bool, err error) {
	v, ok, err := j.value()
	if !ok {
		return 0, false, err
	}
	raw := []byte(v)
	if v.Kind() == '"' {
		if raw, err = unquote(v); err != nil {
			return 0, false, err
		}
	}
	if len(raw) > 0 && len(raw) < 10 {
		for _, c := range raw {
			if c < '0' || c > '9' {
				n = -1
				break
			}
			n = n*10 + int64(c-'0')
		}
		if n >= 0 {
			return n, true, nil
		}
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true, nil
	}
	if k := v.Kind(); k == '0' || k == '"' {
		f, err := strconv.ParseFloat(string(raw), 64)
		if err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f), true, nil
		}
	}
	j.fault(field, "", "%.60s is no whole number", v)
	return 0, false, nil
}

func (j *jsonReader) instant(field string) (at units.Instant, ok bool, err error) {
	v, ok, err := j.value()
	if !ok {
		return 0, false, err
	}
	if v.Kind() == '"' {
		raw, err := unquote(v)
		if err != nil {
			return 0, false, err
		}
		if at, err := units.ParseInstant(string(raw)); err == nil {
			return at, true, nil
		}
	}
	j.fault(field, `write RFC 3339 with an offset, as "2026-11-27T14:00:00-05:00"`, "%.60s is no moment", v)
	return 0, false, nil
}

func (j *jsonReader) promiseDate() error {
	v, ok, err := j.value()
	if !ok {
		return err
	}
	if v.Kind() == '"' {
		raw, err := unquote(v)
		if err != nil {
			return err
		}
		if j.r.date, err = j.p.date(raw); err == nil {
			return nil
		}
	}
	j.r.date = 0
	j.fault("promiseDate", "write an existing day as yyyy-mm-dd", "%.60s is no date", v)
	return nil
}

func (j *jsonReader) money(field string) error {
	v, ok, err := j.value()
	if !ok {
		return err
	}
	raw, k := []byte(v), v.Kind()
	if k == '"' {
		if raw, err = unquote(v); err != nil {
			return err
		}
	}
	if k == '"' || k == '0' {
		if j.r.value, err = units.ParseMoney(string(raw)); err == nil {
			return nil
		}
	}
	j.r.value = 0
	j.fault(field, `write a decimal amount, as "49.90"`, "%.60s is no amount of money", v)
	return nil
}

func (j *jsonReader) kind() error {
	v, ok, err := j.value()
	if !ok {
		return err
	}
	switch string(v) {
	case `"adjust"`:
		j.r.kind = Adjust
	case `"set"`:
		j.r.kind = Set
	case `"inbound"`:
		j.r.kind = Inbound
	default:
		j.r.kind = Adjust
		j.fault("stock", "write adjust, set or inbound", "%.60s is no kind of move", v)
	}
	return nil
}

func (j *jsonReader) services() error {
	ok, err := j.open('[', "services")
	if !ok {
		return err
	}
	for j.more() {
		s, err := j.text("services", j.p.scratch[:0])
		if err != nil {
			return err
		}
		j.p.scratch = s
		j.r.services = append(j.r.services, string(s))
	}
	return j.close()
}

func (j *jsonReader) lines() error {
	ok, err := j.open('[', "lines")
	if !ok {
		return err
	}
	r := j.r
	for i := 0; j.more(); i++ {
		if ok, err := j.open('{', "lines"); !ok {
			if err != nil {
				return err
			}
			if r.faults == 0 {
				j.fault("lines", "", "null is no line")
			}
			continue
		}
		begin, quantity, hasSKU, hasQuantity, before := len(r.skus), int64(0), false, false, r.faults
		for j.more() {
			key, err := j.name()
			if err != nil {
				return err
			}
			switch string(key) {
			case "sku":
				j.path, j.index = "lines", i
				r.skus, err = j.text("sku", r.skus)
				j.path = ""
				hasSKU = len(r.skus) > begin
			case "quantity":
				j.path, j.index = "lines", i
				quantity, hasQuantity, err = j.integer("quantity")
				j.path = ""
			default:
				j.path, j.index = "lines", i
				err = j.unknown(key, lineNames)
				j.path = ""
			}
			if err != nil {
				return err
			}
		}
		if err := j.close(); err != nil {
			return err
		}
		partial := r.faults > before
		if !hasSKU && !partial {
			j.fault(fmt.Sprintf("lines[%d].sku", i), "name the article", "the line has no SKU")
		} else if n := len(r.skus) - begin; n > maxName {
			j.fault(fmt.Sprintf("lines[%d].sku", i), fmt.Sprintf("write at most %d bytes", maxName), "%.40q… is %d bytes long", r.skus[begin:], n)
		}
		if !hasQuantity && !partial {
			j.fault(fmt.Sprintf("lines[%d].quantity", i), "say how many units", "the line has no quantity")
		} else if !hasQuantity {
			continue // which was told
		} else if mend, problem := checkQuantity(quantity); problem != "" {
			j.fault(fmt.Sprintf("lines[%d].quantity", i), mend, "%s", problem)
		}
		r.skuEnds = append(r.skuEnds, int32(len(r.skus)))
		r.units = append(r.units, int32(quantity))
	}
	return j.close()
}

func (j *jsonReader) to() error {
	ok, err := j.open('{', "to")
	if !ok {
		return err
	}
	r := j.r
	seen := [2]int{}
	for j.more() {
		key, err := j.name()
		if err != nil {
			return err
		}
		switch string(key) {
		case "country":
			r.country, err = j.text("to.country", r.country)
		case "postalCode", "postal_code":
			if seen[0]++; seen[0] > 1 {
				j.fault("to."+string(key), "write it once", "it stands twice")
			}
			r.postal, err = j.text("to.postalCode", r.postal[:0])
		case "timeZone", "time_zone":
			if seen[1]++; seen[1] > 1 {
				j.fault("to."+string(key), "write it once", "it stands twice")
			}
			r.zone, err = j.text("to.timeZone", r.zone[:0])
		case "commercial":
			var v jsontext.Value
			if v, ok, err = j.value(); ok {
				switch v.Kind() {
				case 't':
					r.commercial = true
				case 'f':
				default:
					j.fault("to.commercial", "write true or false", "%.60s is neither true nor false", v)
				}
			}
		case "point":
			err = j.point()
		default:
			j.path = "to."
			err = j.unknown(key, toNames)
			j.path = ""
		}
		if err != nil {
			return err
		}
	}
	return j.close()
}

func (j *jsonReader) point() error {
	ok, err := j.open('{', "to.point")
	if !ok {
		return err
	}
	r := j.r
	r.hasPoint = true
	for j.more() {
		key, err := j.name()
		if err != nil {
			return err
		}
		switch string(key) {
		case "latitude":
			r.point.Lat, err = j.degrees("to.point.latitude")
		case "longitude":
			r.point.Lng, err = j.degrees("to.point.longitude")
		default:
			j.path = "to.point."
			err = j.unknown(key, pointNames)
			j.path = ""
		}
		if err != nil {
			return err
		}
	}
	return j.close()
}

func (j *jsonReader) degrees(field string) (float64, error) {
	v, ok, err := j.value()
	if !ok {
		return 0, err
	}
	raw := []byte(v)
	k := v.Kind()
	if k == '"' {
		if raw, err = unquote(v); err != nil {
			return 0, err
		}
	}
	if k == '"' || k == '0' {
		if f, err := strconv.ParseFloat(string(raw), 64); err == nil {
			return f, nil // the point is checked as a whole
		}
	}
	j.fault(field, "write degrees, as 40.75", "%.60s is no number", v)
	return 0, nil
}
