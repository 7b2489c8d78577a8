package ledger

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/allot-engine/allot/units"
)

// stateMagic begins a state that was written, before the byte of the version, which is that of events.
const stateMagic = "allot state"

// A state is written as a sequence of frames, each a length and so many bytes: a head with the number of frames of each
// part, then the parts in the order of sections. What follows from the rest is not written: what is available and
// inbound, the heaps, and all that views need.
type section int

const (
	inWarehouses section = iota
	inSKUs
	inServices
	inNetworks
	inStock    // a SKU with its counters
	inLimits   // in the order in which they were first set
	inReceipts // as they will arrive
	inHolds    // by id
	inAnswered // oldest first
	inRefused  // oldest first
	sections
)

// Write writes everything that the state is made of; ReadState makes it again. Equal states give equal bytes.
func (s *State) Write(w io.Writer) error {
	f := frames{w: bufio.NewWriterSize(w, 1<<16)}
	stocked := make([]SKU, 0, len(s.counts))
	for sku, row := range s.counts {
		if slices.ContainsFunc(row, func(c count) bool { return c.onHand != 0 || c.safety != 0 }) {
			stocked = append(stocked, SKU(sku))
		}
	}
	head := append([]byte(stateMagic), eventVersion)
	head = binary.AppendUvarint(head, uint64(s.now))
	head = binary.AppendUvarint(head, s.sequence)
	head = binary.AppendUvarint(head, uint64(s.nextHold))
	for _, n := range [sections]int{
		s.warehouses.len(), s.skus.len(), s.services.len(), s.networks.len(),
		len(stocked), len(s.limits), len(s.receipts.items), s.holds.len(), s.answered.len(), s.refused.len(),
	} {
		head = binary.AppendUvarint(head, uint64(n))
	}
	f.put(head)
	for _, n := range []*names{&s.warehouses, &s.skus, &s.services, &s.networks} {
		for _, id := range n.list {
			f.put(appendText(f.b[:0], id))
		}
	}
	for _, sku := range stocked {
		f.put(appendCounts(f.b[:0], sku, s.counts[sku]))
	}
	for i := range s.limits {
		f.put(s.limits[i].append(f.b[:0], s.columns.base))
	}
	receipts := slices.Clone(s.receipts.items)
	slices.SortFunc(receipts, comparePlanned)
	for i := range receipts {
		f.put(receipts[i].append(f.b[:0]))
	}
	for r := range s.holds.all() {
		f.put(r.append(f.b[:0]))
	}
	for a := range s.answered.all() {
		f.put(a.item.append(binary.AppendUvarint(f.b[:0], uint64(a.at))))
	}
	for a := range s.refused.all() {
		h := &a.item.Hold
		b := binary.AppendUvarint(f.b[:0], uint64(a.at))
		b = appendText(appendRequest(b, h.Request), h.Order)
		b = binary.AppendUvarint(b, h.Sequence)
		f.put(appendText(b, h.Answer))
	}
	return f.w.Flush() // with the first error of all that was written
}

// frames writes frames. Their bytes are appended to b, which put keeps for the next.
type frames struct {
	w      *bufio.Writer
	b      []byte
	length [binary.MaxVarintLen64]byte
}

func (f *frames) put(b []byte) {
	f.w.Write(binary.AppendUvarint(f.length[:0], uint64(len(b)))) //nolint:errcheck // Flush tells
	f.w.Write(b)                                                  //nolint:errcheck // Flush tells
	f.b = b
}

func appendCounts(b []byte, sku SKU, row []count) []byte {
	b = appendNumbers(b, int32(sku))
	for _, c := range row {
		if c.onHand != 0 || c.safety != 0 {
			b = appendNumbers(b, int32(c.warehouse), c.onHand, c.safety)
		}
	}
	return b
}

func (l *limit) append(b []byte, base units.Date) []byte {
	b = appendNumbers(b, int32(l.warehouse), int32(l.service)+1, l.every, int32(len(l.own)))
	for _, d := range slices.Sorted(maps.Keys(l.own)) {
		b = appendNumbers(b, int32(d-base), l.own[d])
	}
	for i := range units.Date(Horizon) {
		if n := l.used[ring(base+i)]; n != 0 {
			b = appendNumbers(b, int32(i))
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return b
}

func (p *planned) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(p.From))
	b = binary.AppendUvarint(b, p.sequence)
	b = appendNumbers(b, int32(p.place))
	return appendNumbers(b, int32(p.Warehouse), int32(p.SKU), p.Quantity)
}

func (r *record) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.ID))
	b = appendText(appendRequest(b, r.Request), r.Order)
	b = append(b, byte(r.Status))
	b = binary.AppendUvarint(b, uint64(r.Granted))
	b = binary.AppendUvarint(b, uint64(r.Expires-r.Granted))
	b = binary.AppendUvarint(b, uint64(r.Changed-r.Granted))
	b = binary.AppendUvarint(b, r.Sequence)
	b = binary.AppendUvarint(b, r.Latest-r.Sequence)
	b = appendClaims(b, r.Stock)
	b = appendShipments(b, r.Shipments)
	return appendText(b, r.Answer)
}

func appendClaims(b []byte, claims []Claim) []byte {
	b = binary.AppendUvarint(b, uint64(len(claims)))
	for i := range claims {
		c := &claims[i]
		b = appendItem(b, &c.StockClaim)
		b = appendNumbers(b, c.Shipped, c.Short, c.Returned)
	}
	return b
}

func (a *answer) append(b []byte) []byte {
	b = append(appendRequest(b, a.Request), byte(a.kind))
	switch {
	case a.kind == StockSet:
		b = binary.AppendUvarint(b, a.stock.Sequence)
		for _, sh := range a.stock.Shortfalls {
			b = appendNumbers(b, int32(sh.Warehouse), int32(sh.SKU))
			b = binary.AppendUvarint(b, uint64(sh.Missing))
			b = binary.AppendUvarint(b, uint64(len(sh.Holds)))
			for _, id := range sh.Holds {
				b = binary.AppendUvarint(b, uint64(id))
			}
		}
	case a.kind.OfHold():
		b = binary.AppendUvarint(b, uint64(a.hold))
		b = append(b, byte(a.status))
		b = binary.AppendUvarint(b, a.latest)
		b = appendClaims(b, a.claims)
	}
	return b
}

// ReadState reads what Write has written, to the end of r, and returns a state that goes on just as that one. Everything
// else is refused: ErrFormat for what Write does not write, or the error of r.
//
// It needs the state's memory and that of the largest hold, not of all that r gives.
func ReadState(r io.Reader, c Config) (*State, error) {
	s := NewState(c)
	rd := stateReader{s: s, r: r, buf: make([]byte, 0, 1<<18), sku: -1}
	rd.d.texts = &rd.texts
	if err := rd.read(); err != nil {
		return nil, fmt.Errorf("ledger: reading a state: %w", err)
	}
	return s, nil
}

// A stateReader reads frames into a state.
type stateReader struct {
	s      *State
	r      io.Reader
	buf    []byte // read and not yet in a frame: buf[used:]
	used   int
	d      decoder // of one frame
	texts  arena
	room   Room
	days   []ShipmentClaim // used again
	counts [sections]uint64
	sku    SKU // the latest that has stock
	holds  []*record
	at     units.Instant // of the latest answer
}

func (rd *stateReader) read() error {
	if err := rd.next(); err != nil {
		return err
	}
	if !rd.head() || rd.d.left() > 0 || rd.d.bad {
		return fmt.Errorf("%w: no state, or of another version", ErrFormat)
	}
	for part := range sections {
		for i := range rd.counts[part] {
			if err := rd.next(); err != nil {
				return err
			}
			if !rd.element(part, i) || rd.d.bad || rd.d.left() > 0 {
				return fmt.Errorf("%w: part %d, element %d", ErrFormat, part, i)
			}
		}
		if !rd.close(part) {
			return fmt.Errorf("%w: part %d", ErrFormat, part)
		}
	}
	switch more, err := rd.more(); {
	case err != nil:
		return err
	case more || rd.used < len(rd.buf):
		return fmt.Errorf("%w: more than a state", ErrFormat)
	}
	return nil
}

// more reads on, and reports false at the end.
func (rd *stateReader) more() (bool, error) {
	if rd.used > 0 {
		rd.buf = rd.buf[:copy(rd.buf, rd.buf[rd.used:])]
		rd.used = 0
	}
	if len(rd.buf) == cap(rd.buf) {
		rd.buf = slices.Grow(rd.buf, len(rd.buf)) // what is there doubles, whatever a length claims
	}
	for range 100 {
		n, err := rd.r.Read(rd.buf[len(rd.buf):cap(rd.buf)])
		rd.buf = rd.buf[:len(rd.buf)+n]
		switch {
		case n > 0:
			return true, nil
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
	}
	return false, io.ErrNoProgress
}

// next puts a frame into the decoder. It is valid until the next.
func (rd *stateReader) next() error {
	for {
		have := rd.buf[rd.used:]
		size, n := binary.Uvarint(have)
		if n < 0 || n > 1 && have[n-1] == 0 {
			return fmt.Errorf("%w: no frame", ErrFormat)
		}
		if n > 0 && size <= uint64(len(have)-n) {
			end := n + int(size)
			rd.d.b, rd.d.at = have[n:end:end], 0
			rd.used += end
			return nil
		}
		if more, err := rd.more(); err != nil {
			return err
		} else if !more {
			return fmt.Errorf("%w: %w", ErrFormat, io.ErrUnexpectedEOF)
		}
	}
}

func (rd *stateReader) head() bool {
	d, s := &rd.d, rd.s
	if len(d.b) < len(stateMagic) || string(d.b[:len(stateMagic)]) != stateMagic {
		return false
	}
	d.at = len(stateMagic)
	switch d.byte() {
	case eventVersion:
	case wideVersion:
		d.wide = true
	default:
		return false
	}
	s.now = d.instant()
	s.columns.turn(units.Date(s.now/86_400) + firstBase)
	s.sequence = d.uvarint(math.MaxUint64)
	s.nextHold = HoldID(d.uvarint(math.MaxUint64))
	for i := range rd.counts {
		rd.counts[i] = d.uvarint(math.MaxInt32)
	}
	return s.nextHold > 0 && fitsMemory(int(rd.counts[inWarehouses]), int(rd.counts[inSKUs]), int(rd.counts[inServices]))
}

// element reads one element of a part.
func (rd *stateReader) element(part section, i uint64) bool {
	switch part {
	case inWarehouses:
		return rd.name(&rd.s.warehouses)
	case inSKUs:
		return rd.name(&rd.s.skus)
	case inServices:
		return rd.name(&rd.s.services)
	case inNetworks:
		return rd.name(&rd.s.networks)
	case inStock:
		return rd.stock()
	case inLimits:
		return rd.limit(i)
	case inReceipts:
		return rd.receipt()
	case inHolds:
		return rd.hold()
	case inAnswered:
		return rd.answered()
	default:
		return rd.refused()
	}
}

// close does what can be done when all of a part is known.
func (rd *stateReader) close(part section) bool {
	s := rd.s
	switch part {
	case inNetworks:
		for _, n := range []*names{&s.warehouses, &s.skus, &s.services, &s.networks} {
			if !n.index() {
				return false
			}
		}
		s.columns = newColumns(s.warehouses.len(), s.skus.len(), s.services.len(), s.columns)
		s.counts = make([][]count, s.skus.len())
		s.claims.heads = make([]uint32, s.skus.len())
	case inHolds:
		return rd.finishHolds()
	case inAnswered:
		rd.at = 0 // the refused begin anew
	}
	return true
}

func (rd *stateReader) name(n *names) bool {
	n.list = append(n.list, rd.d.name())
	return true
}

func (rd *stateReader) stock() bool {
	d, s := &rd.d, rd.s
	sku := SKU(d.row())
	if int(sku) >= s.skus.len() || sku <= rd.sku || d.left() == 0 {
		return false
	}
	rd.sku = sku
	for last := Warehouse(-1); d.left() > 0; {
		w, onHand, safety := Warehouse(d.row()), d.quantity(0), d.quantity(0)
		if int(w) >= s.warehouses.len() || w <= last || onHand == 0 && safety == 0 {
			return false
		}
		last = w
		c := s.count(w, sku)
		c.onHand, c.safety = onHand, safety
		s.columns.setAvailable(w, sku, onHand-safety, 0)
	}
	return true
}

func (rd *stateReader) limit(i uint64) bool {
	d, s := &rd.d, rd.s
	base := s.columns.base
	l := limit{warehouse: Warehouse(d.row()), service: Service(d.row() - 1), every: d.limit()}
	if int(l.warehouse) >= s.warehouses.len() || int(l.service) >= s.services.len() || s.limitRow(l.warehouse, l.service) >= 0 {
		return false
	}
	last := int64(-1)
	for range d.count(2) {
		n := int64(d.row())
		if n <= last || int64(base)+n > int64(maxInstant/86_400) {
			return false
		}
		if last = n; l.own == nil {
			l.own = make(map[units.Date]int32)
		}
		l.own[base+units.Date(n)] = d.limit()
	}
	for last = -1; d.left() > 0; {
		n, used := int64(d.row()), int64(d.uvarint(math.MaxInt64))
		if n <= last || n >= Horizon || used == 0 {
			return false
		}
		last = n
		l.used[ring(base+units.Date(n))] = used
	}
	s.limits = append(s.limits, l)
	s.columns.left = append(s.columns.left, make([]int32, Horizon)...)
	s.columns.limits[s.columns.site(l.warehouse, l.service)] = int32(i)
	for n := range units.Date(Horizon) {
		s.publish(int(i), base+n)
	}
	return true
}

func (rd *stateReader) receipt() bool {
	d, s := &rd.d, rd.s
	p := planned{Receipt: Receipt{From: d.instant()}, sequence: d.uvarint(s.sequence), place: int(d.row())}
	p.Warehouse, p.SKU, p.Quantity = Warehouse(d.row()), SKU(d.row()), d.quantity(1)
	n := len(s.receipts.items)
	if int(p.Warehouse) >= s.warehouses.len() || int(p.SKU) >= s.skus.len() || p.sequence == 0 ||
		n > 0 && comparePlanned(s.receipts.items[n-1], p) >= 0 {
		return false
	}
	c := s.count(p.Warehouse, p.SKU)
	if int64(c.onHand)+int64(c.inbound)+int64(p.Quantity) > MaxQuantity {
		return false
	}
	c.inbound += p.Quantity
	s.receipts.items = append(s.receipts.items, p) // in order: a heap
	return true
}

func (rd *stateReader) hold() bool {
	d, s := &rd.d, rd.s
	r := &rd.room.records.take(1, roomRecords)[0]
	r.heap = -1
	r.ID = HoldID(d.uvarint(uint64(s.nextHold) - 1))
	r.Request, r.Order, r.Status = d.request(), d.id(), Status(d.byte())
	r.Granted = d.instant()
	ttl := units.Instant(d.uvarint(YearSeconds - 1))
	r.Expires = r.Granted + ttl
	r.Changed = r.Granted + d.instant()
	r.Sequence = d.uvarint(s.sequence)
	r.Latest = r.Sequence + d.uvarint(s.sequence-r.Sequence)
	r.Stock = rd.takeClaims()
	r.Shipments = rd.takeShipments()
	r.Answer = rd.room.keep(d.bytes())
	if d.bad || len(r.Stock) == 0 || len(r.Stock)+len(r.Shipments) > MaxClaims || ttl == 0 || r.Changed > s.now ||
		r.Status < Pending || r.Status > Shipped {
		return false
	}
	if n := len(rd.holds); n > 0 && (r.ID <= rd.holds[n-1].ID || r.Sequence <= rd.holds[n-1].Sequence) || r.ID == 0 || r.Sequence == 0 {
		return false
	}
	for _, c := range r.Shipments {
		if int(c.Warehouse) >= s.warehouses.len() || int(c.Service) >= s.services.len() {
			return false
		}
	}
	holds := false
	for i := range r.Stock {
		c := &r.Stock[i]
		left := c.Left()
		if left == 0 {
			continue
		}
		holds = true
		available := s.available(c.Warehouse, c.SKU)
		if available == 0 { // else there is one
			s.count(c.Warehouse, c.SKU) // for what is held is what its counters do not have
		}
		n := int64(available) - int64(left)
		if n < -2*MaxQuantity {
			return false
		}
		s.columns.setAvailable(c.Warehouse, c.SKU, int32(n), 0)
	}
	if holds != r.Status.Holding() {
		return false
	}
	rd.holds = append(rd.holds, r)
	if holds {
		s.open++
	}
	if r.Status == Pending {
		s.expiry.push(r)
	}
	return true
}

// takeShipments reads the claims of a hold on days.
func (rd *stateReader) takeShipments() []ShipmentClaim {
	rd.days = rd.d.shipments(rd.days[:0])
	out := rd.room.shipments.take(len(rd.days), roomClaims)
	copy(out, rd.days)
	return out
}

// takeClaims reads the claims of a hold.
func (rd *stateReader) takeClaims() []Claim {
	d, s := &rd.d, rd.s
	n := d.count(6)
	room := rd.room.claims.take(n, roomClaims)[:0]
	for range n {
		c := Claim{StockClaim: d.item(), Shipped: d.quantity(0), Short: d.quantity(0), Returned: d.quantity(0)}
		if int(c.Warehouse) >= s.warehouses.len() || int(c.SKU) >= s.skus.len() ||
			int64(c.Shipped)+int64(c.Short)+int64(c.Returned) > int64(c.Quantity) ||
			len(room) > 0 && compareStock(room[len(room)-1].StockClaim, c.StockClaim) >= 0 {
			d.bad = true
		}
		room = append(room, c)
	}
	return room
}

// finishHolds makes what finds holds, when all are known.
func (rd *stateReader) finishHolds() bool {
	s := rd.s
	var ended []*record
	for _, r := range rd.holds {
		s.holds.put(r)
		if r.Request.ID != "" && !rd.use(r.Request.ID, requestRef(r.ID)<<2|usedForHold) {
			return false
		}
		if r.Status.Holding() {
			s.claims.add(r)
		} else {
			ended = append(ended, r)
		}
	}
	slices.SortFunc(ended, func(a, b *record) int { return cmp.Compare(a.Latest, b.Latest) })
	for i, r := range ended {
		if i > 0 && (ended[i-1].Latest == r.Latest || ended[i-1].Changed > r.Changed) {
			return false
		}
		s.ended.push(r.Changed, r.ID)
	}
	rd.holds = nil
	return true
}

// use notes what a request id was used for; false when it was used before.
func (rd *stateReader) use(id string, r requestRef) bool {
	if rd.s.request(id) != 0 {
		return false
	}
	rd.s.remember(id, r)
	return true
}

func (rd *stateReader) answered() bool {
	d, s := &rd.d, rd.s
	at := d.instant()
	a := answer{Request: d.request(), kind: Kind(d.byte())}
	switch {
	case a.kind == StockSet:
		a.stock = &StockResult{Sequence: d.uvarint(s.sequence)}
		for d.left() > 0 && !d.bad {
			sh := Shortfall{Warehouse: Warehouse(d.row()), SKU: SKU(d.row()), Missing: d.row()}
			for range d.count(1) {
				sh.Holds = append(sh.Holds, HoldID(d.uvarint(uint64(s.nextHold)-1)))
			}
			if int(sh.Warehouse) >= s.warehouses.len() || int(sh.SKU) >= s.skus.len() {
				return false
			}
			a.stock.Shortfalls = append(a.stock.Shortfalls, sh)
		}
	case a.kind == Planned:
	case a.kind.OfHold() && a.kind != HoldExpired:
		a.hold, a.status, a.latest = HoldID(d.uvarint(uint64(s.nextHold)-1)), Status(d.byte()), d.uvarint(s.sequence)
		a.claims = rd.takeClaims()
		if a.status < Pending || a.status > Shipped {
			return false
		}
	default:
		return false
	}
	if d.bad || a.ID == "" || at > s.now || at < rd.at || !rd.use(a.ID, requestRef(s.answered.next)<<2|usedForAnswer) {
		return false
	}
	rd.at = at
	s.answered.push(at, a)
	return true
}

func (rd *stateReader) refused() bool {
	d, s := &rd.d, rd.s
	at := d.instant()
	r := &record{Hold: Hold{Request: d.request(), Order: d.id(), Status: Refused, Granted: at, Changed: at}, heap: -1}
	r.Sequence = d.uvarint(s.sequence)
	r.Latest = r.Sequence
	r.Answer = rd.room.keep(d.bytes())
	if d.bad || r.Request.ID == "" || at > s.now || at < rd.at || !rd.use(r.Request.ID, requestRef(s.refused.next)<<2|usedForRefusal) {
		return false
	}
	rd.at = at
	s.refused.push(at, r)
	return true
}
