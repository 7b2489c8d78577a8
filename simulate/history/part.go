package history

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// A part is what one task parsed: columns as those of a History, whose numbers mean the worker's own tables.
type part struct {
	worker  int
	at      []units.Instant
	promise []units.Date
	dest    []int32
	collect []int32
	allowed []int32
	value   []units.Money
	idLen   []uint8
	ids     []byte
	lines   []uint16
	sku     []int32
	units   []int32
	row     []uint32
	exact   map[int32]units.Instant
	valued  bool // any value is not 0

	moves []Move
	pos   []int32 // [move] orders of the part before it

	// What the worker met first here, in the order of its numbers.
	skus, warehouses []string
	dests            []engine.Destination
	sets             [][]string
	destKeys         []string // [dests] what tells them apart
	setKeys          []string // [sets]

	// Rows of the first order and of the last, which may go on in the neighbours; whole tells that all rows are in head.
	head, tail []entry
	whole      bool

	bad    int // orders and moves left out
	faults []faults.Fault
	more   int           // faults beyond MaxFaults
	broken *faults.Fault // the file is, from there on
}

// Ceilings, as the API has them.
const (
	maxName     = 128
	maxPostal   = 16
	maxZone     = 64
	maxLines    = 10_000
	maxServices = 64
)

// A parser turns text into parts. Its tables live as long as the reading: each name becomes a number once.
type parser struct {
	worker     int
	skus       map[string]int32
	warehouses map[string]int32
	dests      map[string]int32
	sets       map[string]int32
	dates      map[string]units.Date
	texts      map[string]string // of moves

	decoder *jsontext.Decoder
	text    bytes.Buffer
	scratch []byte
	record  record
	group   group

	orders, lines, ids int // of the part before
}

func newParser(worker int) *parser {
	return &parser{
		worker: worker, skus: map[string]int32{}, warehouses: map[string]int32{}, dests: map[string]int32{}, sets: map[string]int32{},
		dates: map[string]units.Date{}, texts: map[string]string{}, decoder: jsontext.NewDecoder(bytes.NewReader(nil)),
	}
}

// A record is one order or move before it is numbered.
type record struct {
	row       uint32
	id        []byte
	at        units.Instant
	date      units.Date
	by        units.Instant // the promise is an instant
	point     geo.Point
	postal    []byte
	country   []byte
	zone      []byte
	collect   []byte
	services  []string
	value     units.Money
	skus      []byte // one after the other
	skuEnds   []int32
	units     []int32
	kind      Kind
	warehouse []byte
	due       units.Instant
	quantity  int64

	hasAt, hasPoint, commercial bool
	faults                      int  // found in it
	partial                     bool // part of it could not be read: what is not there may be just that
}

// reserve makes room for about as many orders as the part before had, so that columns do not grow step by step.
func (p *parser) reserve(out *part) {
	n := p.orders + p.orders/16 + 8
	lines := p.lines + p.lines/16 + 8
	out.at, out.promise, out.value = make([]units.Instant, 0, n), make([]units.Date, 0, n), make([]units.Money, 0, n)
	out.dest, out.collect, out.allowed = make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n)
	out.idLen, out.lines, out.row = make([]uint8, 0, n), make([]uint16, 0, n), make([]uint32, 0, n)
	out.sku, out.units = make([]int32, 0, lines), make([]int32, 0, lines)
	out.ids = make([]byte, 0, p.ids+p.ids/16+64)
}

// parsed remembers how much a part had.
func (p *parser) parsed(out *part) {
	p.orders, p.lines, p.ids = len(out.at), len(out.sku), len(out.ids)
}

func (r *record) reset(row int) {
	*r = record{
		row: uint32(row), id: r.id[:0], postal: r.postal[:0], country: r.country[:0], zone: r.zone[:0], collect: r.collect[:0],
		services: nil, skus: r.skus[:0], skuEnds: r.skuEnds[:0], units: r.units[:0], warehouse: r.warehouse[:0],
	}
}

func (r *record) line(i int) []byte {
	from := int32(0)
	if i > 0 {
		from = r.skuEnds[i-1]
	}
	return r.skus[from:r.skuEnds[i]]
}

// fault adds a fault; the file is filled in by whoever gathers parts.
func (p *part) fault(f faults.Fault) {
	if len(p.faults) < MaxFaults {
		p.faults = append(p.faults, f)
	} else {
		p.more++
	}
}

// order numbers an order that has no fault and appends it.
func (p *parser) order(out *part, r *record) {
	for i := range r.units {
		out.sku = append(out.sku, intern(p.skus, r.line(i), &out.skus))
	}
	out.units = append(out.units, r.units...)
	out.lines = append(out.lines, uint16(len(r.units)))
	out.at = append(out.at, r.at)
	if r.by != 0 {
		if out.exact == nil {
			out.exact = map[int32]units.Instant{}
		}
		out.exact[int32(len(out.promise))] = r.by
	}
	out.promise = append(out.promise, r.date)
	out.dest = append(out.dest, p.destination(out, r))
	collect := int32(-1)
	if len(r.collect) > 0 {
		collect = intern(p.warehouses, r.collect, &out.warehouses)
	}
	out.collect = append(out.collect, collect)
	out.allowed = append(out.allowed, p.services(out, r.services))
	out.value = append(out.value, r.value)
	out.valued = out.valued || r.value != 0
	out.idLen = append(out.idLen, uint8(len(r.id)))
	out.ids = append(out.ids, r.id...)
	out.row = append(out.row, r.row)
}

func (p *parser) move(out *part, r *record) {
	out.moves = append(out.moves, Move{
		At: r.at, Kind: r.kind, Warehouse: p.shared(r.warehouse), SKU: p.shared(r.skus),
		Quantity: int32(r.quantity), Due: r.due, Row: r.row,
	})
	out.pos = append(out.pos, int32(len(out.at)))
}

// shared returns one string for all that are alike.
func (p *parser) shared(b []byte) string {
	s, ok := p.texts[string(b)]
	if !ok {
		s = string(b)
		p.texts[s] = s
	}
	return s
}

func intern(table map[string]int32, b []byte, fresh *[]string) int32 {
	n, ok := table[string(b)]
	if !ok {
		s := string(b)
		n = int32(len(table))
		table[s] = n
		*fresh = append(*fresh, s)
	}
	return n
}

// destination numbers where an order goes, -1 where that is not said.
func (p *parser) destination(out *part, r *record) int32 {
	k := p.scratch[:0]
	k = append(append(k, r.country...), 0)
	k = append(append(k, r.postal...), 0)
	k = append(append(k, r.zone...), 0)
	flags := byte(0)
	if r.commercial {
		flags |= 1
	}
	if r.hasPoint {
		flags |= 2
		k = binary.LittleEndian.AppendUint64(k, math.Float64bits(r.point.Lat))
		k = binary.LittleEndian.AppendUint64(k, math.Float64bits(r.point.Lng))
	}
	k = append(k, flags)
	p.scratch = k
	if len(k) == 4 && flags == 0 {
		return -1
	}
	n, ok := p.dests[string(k)]
	if !ok {
		n = int32(len(p.dests))
		key := string(k)
		p.dests[key] = n
		out.destKeys = append(out.destKeys, key)
		// Of countries and time zones there are few: whoever reads many destinations finds these in memory at hand.
		d := engine.Destination{Country: p.shared(r.country), Postal: string(r.postal), TimeZone: p.shared(r.zone), Commercial: r.commercial}
		if r.hasPoint {
			point := r.point
			d.Point = &point
		}
		out.dests = append(out.dests, d)
	}
	return n
}

func (p *parser) services(out *part, set []string) int32 {
	if len(set) == 0 {
		return -1
	}
	k := p.scratch[:0]
	for _, s := range set {
		k = append(append(k, s...), 0)
	}
	p.scratch = k
	n, ok := p.sets[string(k)]
	if !ok {
		n = int32(len(p.sets))
		key := string(k)
		p.sets[key] = n
		out.setKeys = append(out.setKeys, key)
		out.sets = append(out.sets, set)
	}
	return n
}

// check faults what an order or a move may not be, beyond what its reader saw. field names a field as the file does.
func (r *record) check(fault func(field, mend, format string, args ...any)) {
	long := func(field string, b []byte, limit int) {
		if len(b) > limit {
			fault(field, fmt.Sprintf("write at most %d bytes", limit), "%.40q… is %d bytes long", b, len(b))
		}
	}
	missing := func(field, mend, problem string) {
		if !r.partial {
			fault(field, mend, "%s", problem)
		}
	}
	if r.kind != 0 {
		r.checkMove(fault, missing)
		long("warehouse", r.warehouse, maxName)
		long("sku", r.skus, maxName)
		return
	}
	if len(r.id) == 0 {
		missing("id", "name the order", "the order has no id")
	}
	long("id", r.id, maxName)
	switch {
	case !r.hasAt:
		missing("orderedAt", `say when the order came, as "2026-11-02T15:04:05Z"`, "the order has no time")
	case r.at <= 0:
		fault("orderedAt", "", "%v is before 1970", r.at)
	}
	switch {
	case len(r.units) == 0:
		missing("lines", "", "the order has no lines")
	case len(r.units) > maxLines:
		fault("lines", fmt.Sprintf("split the order; %d is the most", maxLines), "the order has %d lines", len(r.units))
	}
	switch {
	case r.date != 0 && r.by != 0:
		fault("promiseAt", "give one of the two", "both a date and an instant are promised")
	case r.date < 0:
		fault("promiseDate", "", "%v is before 1970", r.date)
	case r.by < 0:
		fault("promiseAt", "", "%v is before 1970", r.by)
	}
	if r.hasPoint {
		if err := r.point.Check(); err != nil {
			fault("to.point", "", "%v", err)
		}
	}
	if len(r.postal) == 0 && !r.hasPoint && len(r.collect) == 0 {
		missing("to", "give a postal code, or latitude and longitude", "the order has no destination")
	}
	if c := r.country; len(c) > 0 && (len(c) != 2 || c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z') {
		fault("to.country", "write ISO 3166-1 alpha-2 in capitals, as US", "%.20q is no country", c)
	}
	long("to.postalCode", r.postal, maxPostal)
	long("to.timeZone", r.zone, maxZone)
	long("collectAt", r.collect, maxName)
	if len(r.services) > maxServices {
		fault("services", fmt.Sprintf("name at most %d", maxServices), "%d services", len(r.services))
	}
	for _, s := range r.services {
		if s == "" || len(s) > maxName {
			fault("services", "", "%.40q is no name of a service", s)
		} else if strings.ContainsRune(s, 0) {
			fault("services", "", "%.40q has a zero byte", s)
		}
	}
	if r.value < 0 {
		fault("value", "write what the buyer paid for the goods, 0 or more", "%v is negative", r.value)
	}
	for _, b := range [...][]byte{r.postal, r.zone} {
		if bytes.IndexByte(b, 0) >= 0 {
			fault("to", "", "%.40q has a zero byte", b)
		}
	}
	if len(r.postal) > 0 {
		r.hasPoint = false // the engine goes by the code
	}
}

func (r *record) checkMove(fault func(field, mend, format string, args ...any), missing func(field, mend, problem string)) {
	switch {
	case !r.hasAt:
		missing("at", `say when it happened, as "2026-11-02T15:04:05Z"`, "the move of stock has no time")
	case r.at <= 0:
		fault("at", "", "%v is before 1970", r.at)
	}
	if len(r.warehouse) == 0 {
		missing("warehouse", "name the warehouse", "the move of stock has no warehouse")
	}
	if len(r.skus) == 0 {
		missing("sku", "name the article", "the move of stock has no SKU")
	}
	q := r.quantity
	switch {
	case q > math.MaxInt32 || q < math.MinInt32:
		fault("quantity", "", "%d units are more than a warehouse holds", q)
	case r.partial && q == 0:
	case r.kind == Adjust && q == 0:
		fault("quantity", "say how many units more, or fewer with a minus", "adjusting by 0 units does nothing")
	case r.kind == Set && q < 0:
		fault("quantity", "write 0 or more", "%d units cannot be on hand", q)
	case r.kind == Inbound && q < 1:
		fault("quantity", "write 1 or more", "%d units cannot come in", q)
	}
	switch {
	case r.kind == Inbound && r.due == 0:
		missing("due", `say when it will be on hand, as "2026-11-09T08:00:00Z"`, "the inbound stock has no time")
	case r.kind != Inbound && r.due != 0:
		fault("due", `leave it out, or write inbound`, "only inbound stock is due")
	case r.due < 0:
		fault("due", "", "%v is before 1970", r.due)
	case r.kind == Inbound && r.due < r.at:
		fault("due", "write adjust for what is there already", "%v is before %v, when it was announced", r.due, r.at)
	}
}

// checkQuantity faults what a line cannot order.
func checkQuantity(n int64) (mend, problem string) {
	if n < 1 || n > math.MaxInt32 {
		return fmt.Sprintf("write 1 to %d", math.MaxInt32), fmt.Sprintf("%d units cannot be ordered", n)
	}
	return "", ""
}

// date reads a date; those that were read before cost a look into a map.
func (p *parser) date(b []byte) (units.Date, error) {
	if d, ok := p.dates[string(b)]; ok {
		return d, nil
	}
	s := string(b)
	d, err := units.ParseDate(s)
	if err == nil && len(p.dates) < 100_000 {
		p.dates[s] = d
	}
	if err == nil && d == 0 {
		d = -1 // 0 is no date; this one is refused as the days before it
	}
	return d, err
}
