package ledger

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/allot-engine/allot/units"
)

// eventVersion is the first byte of an event; the second is its kind.
const eventVersion = 2

// wideVersion is the version of events that have all of SHA-256 for the hash of a request's body. They are read, not written.
const wideVersion = 1

// AppendEvent appends an event in the ledger's own format. Equal events give equal bytes. Rows stay rows: the Extended
// events before it tell their names. What follows from the rest is left out: of a hold, all that its grant sets.
//
// The event is one that a State has put out.
func AppendEvent(b []byte, e *Event) []byte {
	b = append(b, eventVersion, byte(e.Kind))
	b = binary.AppendUvarint(b, e.Sequence)
	b = binary.AppendUvarint(b, uint64(e.At))
	b = appendRequest(b, e.Request)
	switch e.Kind {
	case Extended:
		for _, names := range [][]string{e.Warehouses, e.SKUs, e.Services, e.Networks} {
			b = binary.AppendUvarint(b, uint64(len(names)))
			for _, name := range names {
				b = appendText(b, name)
			}
		}
	case StockSet:
		b = binary.AppendUvarint(b, uint64(len(e.Levels)))
		for _, l := range e.Levels {
			b = appendNumbers(b, int32(l.Warehouse), int32(l.SKU), l.OnHand, l.Safety)
		}
	case Planned, Arrived:
		b = binary.AppendUvarint(b, uint64(len(e.Receipts)))
		for _, r := range e.Receipts {
			b = appendNumbers(b, int32(r.Warehouse), int32(r.SKU), r.Quantity)
			b = binary.AppendUvarint(b, uint64(r.From))
		}
	case LimitSet:
		b = binary.AppendUvarint(b, uint64(len(e.Limits)))
		for _, l := range e.Limits {
			b = appendNumbers(b, int32(l.Warehouse), int32(l.Service)+1)
			b = binary.AppendVarint(b, int64(l.Date))
			b = appendNumbers(b, l.Shipments)
		}
	case Held:
		h := e.Hold
		b = binary.AppendUvarint(b, uint64(h.ID))
		b = binary.AppendUvarint(b, uint64(h.Expires-h.Granted))
		b = binary.AppendUvarint(b, uint64(len(h.Stock)))
		for i := range h.Stock {
			b = appendItem(b, &h.Stock[i].StockClaim)
		}
		b = appendShipments(b, h.Shipments)
		b = appendDecided(b, e)
	case Declined:
		b = appendDecided(b, e)
	default:
		b = binary.AppendUvarint(b, uint64(e.HoldID))
		b = append(b, byte(e.Status))
		b = binary.AppendUvarint(b, uint64(len(e.Items)))
		for i := range e.Items {
			b = appendItem(b, &e.Items[i])
		}
	}
	return b
}

// appendDecided appends what Held and Declined have in common.
func appendDecided(b []byte, e *Event) []byte {
	b = appendText(b, e.Hold.Order)
	b = binary.AppendUvarint(b, uint64(e.Basis.Network))
	b = binary.AppendUvarint(b, e.Basis.Sequence)
	b = binary.AppendUvarint(b, uint64(e.Basis.At))
	b = appendText(b, e.Question)
	return appendText(b, e.Hold.Answer)
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendRequest appends a request id and, when there is one, the body's hash.
func appendRequest(b []byte, r Request) []byte {
	b = appendText(b, r.ID)
	if r.ID != "" {
		b = append(b, r.Body[:]...)
	}
	return b
}

func appendNumbers(b []byte, numbers ...int32) []byte {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, uint64(uint32(n)))
	}
	return b
}

func appendItem(b []byte, c *StockClaim) []byte {
	b = binary.AppendUvarint(b, uint64(uint32(c.Warehouse)))
	b = binary.AppendUvarint(b, uint64(uint32(c.SKU)))
	return binary.AppendUvarint(b, uint64(uint32(c.Quantity)))
}

func appendShipments(b []byte, shipments []ShipmentClaim) []byte {
	b = binary.AppendUvarint(b, uint64(len(shipments)))
	for _, c := range shipments {
		b = appendNumbers(b, int32(c.Warehouse), int32(c.Service))
		b = binary.AppendVarint(b, int64(c.Date))
		b = appendNumbers(b, c.Shipments)
	}
	return b
}

// ReadEvent reads what AppendEvent has written, all of b, and refuses everything else with ErrFormat; e is undefined
// then. Nothing of e aliases b. The memory that e's slices and e.Hold had is used again, so an event that is to outlast
// the next ReadEvent into the same e must be cloned; lists that the kind does not fill are empty.
func ReadEvent(b []byte, e *Event) error {
	d := decoder{b: b, texts: &e.texts}
	switch version := d.byte(); version {
	case eventVersion:
	case wideVersion:
		d.wide = true
	default:
		return fmt.Errorf("%w: an event of version %d; this ledger knows versions up to %d", ErrFormat, version, eventVersion)
	}
	if e.Hold != nil {
		e.spare = e.Hold
	}
	e.Hold, e.HoldID, e.Status, e.Basis = nil, 0, 0, Basis{}
	again(&e.Question)
	again(&e.Items)
	again(&e.Levels)
	again(&e.Receipts)
	again(&e.Limits)
	again(&e.Warehouses)
	again(&e.SKUs)
	again(&e.Services)
	again(&e.Networks)
	e.Kind = Kind(d.byte())
	e.Sequence = d.uvarint(math.MaxUint64)
	e.At = d.instant()
	e.Request = d.request()
	switch {
	case e.Kind == Extended:
		for _, names := range []*[]string{&e.Warehouses, &e.SKUs, &e.Services, &e.Networks} {
			for range d.count(2) {
				*names = append(*names, d.name())
			}
		}
	case e.Kind == StockSet:
		for range d.count(4) {
			e.Levels = append(e.Levels, StockLevel{
				Warehouse: Warehouse(d.row()), SKU: SKU(d.row()), OnHand: d.quantity(0), Safety: d.quantity(0),
			})
		}
	case e.Kind == Planned, e.Kind == Arrived:
		for range d.count(4) {
			e.Receipts = append(e.Receipts, Receipt{
				Warehouse: Warehouse(d.row()), SKU: SKU(d.row()), Quantity: d.quantity(1), From: d.instant(),
			})
		}
	case e.Kind == LimitSet:
		for range d.count(4) {
			e.Limits = append(e.Limits, CapacityLimit{
				Warehouse: Warehouse(d.row()), Service: Service(d.row() - 1), Date: d.date(), Shipments: d.limit(),
			})
		}
	case e.Kind == Held:
		h := d.granted(e, Pending)
		h.ID = HoldID(d.uvarint(math.MaxUint64 - 1))
		h.Expires = e.At + units.Instant(d.uvarint(YearSeconds-1))
		e.HoldID = h.ID
		for range d.count(3) {
			h.Stock = append(h.Stock, Claim{StockClaim: d.item()})
		}
		h.Shipments = d.shipments(h.Shipments)
		d.decided(e)
		if h.ID == 0 || h.Expires == e.At || len(h.Stock) == 0 || len(h.Stock)+len(h.Shipments) > MaxClaims {
			d.bad = true
		}
		for i := 1; i < len(h.Stock); i++ {
			d.bad = d.bad || compareStock(h.Stock[i-1].StockClaim, h.Stock[i].StockClaim) >= 0
		}
	case e.Kind == Declined:
		d.granted(e, Refused)
		d.decided(e)
	case e.Kind.OfHold():
		e.HoldID = HoldID(d.uvarint(math.MaxUint64 - 1))
		e.Status = Status(d.byte())
		for range d.count(3) {
			e.Items = append(e.Items, d.item())
		}
		if e.Status < Pending || e.Status > Shipped || len(e.Items) > MaxClaims ||
			len(e.Items) > 0 && (e.Kind == HoldConfirmed || e.Kind == HoldExpired) {
			d.bad = true
		}
		for i := 1; i < len(e.Items); i++ {
			d.bad = d.bad || compareStock(e.Items[i-1], e.Items[i]) >= 0
		}
	default:
		d.bad = true
	}
	if d.bad || d.left() > 0 {
		return fmt.Errorf("%w: no event", ErrFormat)
	}
	return nil
}

// again empties a list, to be filled again. It writes only where it has to: another processor may just have read there.
func again[T any](list *[]T) {
	if len(*list) > 0 {
		*list = (*list)[:0]
	}
}

// granted gives an event its hold, with all that does not have to be read.
func (d *decoder) granted(e *Event, status Status) *Hold {
	if e.spare == nil {
		e.spare = new(Hold)
	}
	h := e.spare
	e.Hold, e.spare, e.Status = h, nil, status
	*h = Hold{
		Request: e.Request, Status: status, Granted: e.At, Changed: e.At, Sequence: e.Sequence, Latest: e.Sequence,
		Stock: h.Stock[:0], Shipments: h.Shipments[:0], Answer: h.Answer[:0],
	}
	return h
}

func (d *decoder) decided(e *Event) {
	e.Hold.Order = d.id()
	e.Basis = Basis{Network: Network(d.row()), Sequence: d.uvarint(math.MaxUint64), At: d.instant()}
	e.Question = append(e.Question, d.bytes()...)
	e.Hold.Answer = append(e.Hold.Answer, d.bytes()...)
}

// A decoder takes values off b, from at on. After the first that is not as the ledger writes it, bad is set and what it
// returns means nothing, but never exceeds what b had.
type decoder struct {
	b     []byte
	at    int
	bad   bool
	wide  bool   // hashes of bodies have twice the bytes, of which the first half counts
	texts *arena // of all strings
}

// left returns how many bytes there are.
func (d *decoder) left() int { return len(d.b) - d.at }

// fail ends the decoding.
func (d *decoder) fail() { d.bad, d.at = true, len(d.b) }

func (d *decoder) byte() byte {
	if d.at == len(d.b) {
		d.bad = true
		return 0
	}
	d.at++
	return d.b[d.at-1]
}

// uvarint takes a number in its shortest form.
func (d *decoder) uvarint(limit uint64) uint64 {
	if d.at < len(d.b) {
		if c := d.b[d.at]; c < 0x80 && uint64(c) <= limit {
			d.at++
			return uint64(c)
		}
	}
	return d.long(limit)
}

func (d *decoder) long(limit uint64) uint64 {
	v, n := binary.Uvarint(d.b[d.at:])
	if n <= 0 || n > 1 && d.b[d.at+n-1] == 0 || v > limit {
		d.fail()
		return 0
	}
	d.at += n
	return v
}

// count takes the length of a list whose elements have at least so many bytes each.
func (d *decoder) count(size int) int {
	n := d.uvarint(math.MaxUint64)
	if n > uint64(d.left()/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) bytes() []byte {
	n := d.count(1)
	d.at += n
	return d.b[d.at-n : d.at]
}

// id takes a text that may be empty.
func (d *decoder) id() string {
	b := d.bytes()
	if len(b) > MaxIDLength || !utf8.Valid(b) {
		d.bad = true
		return ""
	}
	return d.texts.keep(b)
}

func (d *decoder) name() string {
	s := d.id()
	d.bad = d.bad || s == ""
	return s
}

func (d *decoder) request() (r Request) {
	r.ID = d.id()
	if r.ID == "" {
		return r
	}
	size := len(r.Body)
	if d.wide {
		size *= 2
	}
	if d.left() < size {
		d.fail()
		return r
	}
	copy(r.Body[:], d.b[d.at:])
	d.at += size
	return r
}

func (d *decoder) row() int32 { return int32(d.uvarint(math.MaxInt32)) }

// quantity takes a number from least to MaxQuantity.
func (d *decoder) quantity(least int32) int32 {
	n := int32(d.uvarint(MaxQuantity))
	d.bad = d.bad || n < least
	return n
}

// limit takes a capacity.
func (d *decoder) limit() int32 {
	n := d.row()
	d.bad = d.bad || n > MaxQuantity && n != Unlimited
	return n
}

func (d *decoder) instant() units.Instant { return units.Instant(d.uvarint(uint64(maxInstant))) }

func (d *decoder) date() units.Date {
	zigzag := d.uvarint(math.MaxUint32)
	return units.Date(int64(zigzag>>1) ^ -int64(zigzag&1))
}

func (d *decoder) item() StockClaim {
	return StockClaim{Warehouse: Warehouse(d.row()), SKU: SKU(d.row()), Quantity: d.quantity(1)}
}

// shipments appends claims, each on another day of a service.
func (d *decoder) shipments(out []ShipmentClaim) []ShipmentClaim {
	for i := range d.count(4) {
		out = append(out, ShipmentClaim{
			Warehouse: Warehouse(d.row()), Service: Service(d.row()), Date: d.date(), Shipments: d.quantity(1),
		})
		d.bad = d.bad || i > 0 && compareShipment(out[len(out)-2], out[len(out)-1]) >= 0
	}
	return out
}
