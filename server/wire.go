package server

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// The answer of Allocate is written straight to the wire format, once: the ledger keeps it, and gRPC sends it.
// Building the messages that WriteDecision builds and marshalling them for both costs 20 allocations and 6 µs more,
// a seventh of a whole call. WriteDecision stays the plain statement of the same; a test compares their bytes.

// appendDecision appends a decision in the wire format of allot.v1.Decision.
func appendDecision(b []byte, snap *network.Snapshot, d *engine.Decision, with told) []byte {
	b = appendInt(b, 1, int64(d.Outcome))
	b = appendInt(b, 2, int64(d.Cost))
	b = appendText(b, 3, snap.Currency)
	b = appendInt(b, 4, int64(d.SplitCost))
	b = appendInstant(b, 5, d.Arrival)
	b = appendBool(b, 6, d.Late)
	for i := range d.Shipments {
		b = appendShipment(b, 7, snap, &d.Shipments[i])
	}
	b = appendItems(b, 8, snap, d.Unfilled)
	b, at := begin(b, 9)
	c := &d.Certificate
	b = appendInt(b, 1, int64(c.Status))
	b = appendInt(b, 2, int64(c.Bound))
	b = appendInt(b, 3, int64(c.Gap))
	b = appendInt(b, 4, int64(c.Candidates))
	b = appendInt(b, 5, c.Scored)
	b = appendInt(b, 6, c.States)
	b = appendBool(b, 7, c.Stopped)
	b = appendBool(b, 8, with.joint)
	b = end(b, at)
	b = appendText(b, 10, snap.Version)
	b = appendText(b, 11, with.prices)
	return appendInt(b, 12, int64(d.Prices()))
}

func appendShipment(b []byte, field protowire.Number, snap *network.Snapshot, s *engine.Shipment) []byte {
	b, at := beginLong(b, field)
	service := &snap.Services[s.Service]
	b = appendText(b, 1, snap.Warehouses[s.Warehouse].ID)
	b = appendText(b, 2, snap.Carriers[service.Carrier])
	b = appendText(b, 3, service.ID)
	b = appendItems(b, 4, snap, s.Items)
	for i := range s.Parcels {
		b = appendParcel(b, 5, snap, &s.Parcels[i])
	}
	b = appendInt(b, 6, int64(s.Freight))
	b = appendInt(b, 7, int64(s.Handling))
	b = appendInt(b, 8, int64(s.Other))
	b = appendText(b, 9, zoneName(service, s))
	b = appendBool(b, 10, s.Guessed)
	b = appendInstant(b, 11, s.Ready)
	b = appendInstant(b, 12, s.Pickup)
	b = appendDate(b, 13, s.ShipDate)
	b = appendDate(b, 14, s.DeliveryDate)
	b = appendInstant(b, 15, s.Arrival)
	b = appendInstant(b, 16, s.LatestOrder)
	b = appendInt(b, 17, int64(s.DaysLate))
	b = appendInt(b, 18, int64(s.StockPrice))
	b = appendInt(b, 19, int64(s.CapacityPrice))
	return endLong(b, at)
}

func appendItems(b []byte, field protowire.Number, snap *network.Snapshot, items []engine.Item) []byte {
	for _, it := range items {
		var at int
		b, at = begin(b, field)
		b = appendText(b, 1, snap.SKUs.IDs[it.SKU])
		b = appendInt(b, 2, int64(it.Quantity))
		b = end(b, at)
	}
	return b
}

func appendParcel(b []byte, field protowire.Number, snap *network.Snapshot, p *engine.Parcel) []byte {
	b, at := begin(b, field)
	if p.Box >= 0 {
		b = appendText(b, 1, snap.Boxes[p.Box].ID)
	}
	b = appendInt(b, 2, int64(p.Units))
	b = appendInt(b, 3, int64(p.Weight))
	b, sides := begin(b, 4)
	for _, side := range p.Sides {
		b = protowire.AppendVarint(b, uint64(side))
	}
	b = end(b, sides)
	return end(b, at)
}

// appendHold appends a pending hold in the wire format of allot.v1.Hold.
func appendHold(b []byte, field protowire.Number, id ledger.HoldID, order string, expires units.Instant) []byte {
	b, at := begin(b, field)
	b = appendNumber(b, 1, uint64(id))
	b = appendText(b, 2, order)
	b = appendInt(b, 3, int64(allotv1.HoldState_HOLD_STATE_PENDING))
	b = appendInstant(b, 4, expires)
	return end(b, at)
}

// appendNumber appends a number as decimal text.
func appendNumber(b []byte, field protowire.Number, v uint64) []byte {
	digits := 1
	for p := uint64(10); digits < 20 && v >= p; p *= 10 {
		digits++
	}
	b = append(appendTag(b, field, protowire.BytesType), byte(digits))
	at := len(b)
	b = append(b, "00000000000000000000"[:digits]...)
	for i := at + digits - 1; v > 0; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

// appendTag is protowire.AppendTag for the numbers that our fields have, up to 2,047. It is there, with appendVarint, since the compiler
// puts it where it is called: most of the time of an answer went into calls for one or two bytes.
func appendTag(b []byte, field protowire.Number, kind protowire.Type) []byte {
	tag := uint(field)<<3 | uint(kind)
	if tag < 1<<7 {
		return append(b, byte(tag))
	}
	return append(b, byte(tag)|1<<7, byte(tag>>7))
}

// appendVarint is protowire.AppendVarint, quick for what takes one byte.
func appendVarint(b []byte, v uint64) []byte {
	if v < 1<<7 {
		return append(b, byte(v))
	}
	return protowire.AppendVarint(b, v)
}

// begin opens a field of a message; end, given where it began, closes it. The length is given one byte, and room is
// made where it takes more.
func begin(b []byte, field protowire.Number) ([]byte, int) {
	b = append(appendTag(b, field, protowire.BytesType), 0)
	return b, len(b)
}

func end(b []byte, at int) []byte {
	n := len(b) - at
	if n < 1<<7 {
		b[at-1] = byte(n)
		return b
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	b = append(b, make([]byte, more)...)
	copy(b[at+more:], b[at:at+n])
	protowire.AppendVarint(b[:at-1], uint64(n))
	return b
}

// beginLong and endLong do so for what mostly has 128 bytes or more: two are given to the length, and what follows is moved only where
// it takes another number of them.
func beginLong(b []byte, field protowire.Number) ([]byte, int) {
	b = append(appendTag(b, field, protowire.BytesType), 0, 0)
	return b, len(b)
}

func endLong(b []byte, at int) []byte {
	n := len(b) - at
	if n>>7 != 0 && n>>14 == 0 {
		b[at-2], b[at-1] = byte(n)|1<<7, byte(n>>7)
		return b
	}
	return end(append(b[:at-1], b[at:]...), at-1)
}

func appendInt(b []byte, field protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return appendVarint(appendTag(b, field, protowire.VarintType), uint64(v))
}

func appendUint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendVarint(appendTag(b, field, protowire.VarintType), v)
}

func appendFloat(b []byte, field protowire.Number, v float64) []byte {
	bits := math.Float64bits(v)
	if bits == 0 {
		return b
	}
	return protowire.AppendFixed64(appendTag(b, field, protowire.Fixed64Type), bits)
}

func appendBool(b []byte, field protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	return append(appendTag(b, field, protowire.VarintType), 1)
}

func appendText(b []byte, field protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return append(appendVarint(appendTag(b, field, protowire.BytesType), uint64(len(v))), v...)
}

// appendInstant appends a Timestamp, or nothing where there is no instant.
func appendInstant(b []byte, field protowire.Number, v units.Instant) []byte {
	if v == 0 {
		return b
	}
	b = appendTag(b, field, protowire.BytesType)
	const tag = 1<<3 | byte(protowire.VarintType)
	if u := uint64(v); u>>28 != 0 && u>>35 == 0 { // from 1978 to 3058, in five bytes
		return append(b, 6, tag, byte(u)|1<<7, byte(u>>7)|1<<7, byte(u>>14)|1<<7, byte(u>>21)|1<<7, byte(u>>28))
	}
	b = append(b, byte(1+protowire.SizeVarint(uint64(v))), tag)
	return protowire.AppendVarint(b, uint64(v))
}

// appendDate appends a date as yyyy-mm-dd.
func appendDate(b []byte, field protowire.Number, v units.Date) []byte {
	b = appendTag(b, field, protowire.BytesType)
	year, month, day := v.Civil()
	return append(b, 10,
		byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-',
		byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10))
}
