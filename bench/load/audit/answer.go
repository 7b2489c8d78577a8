package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
)

// An answer is what of an AllocateResponse goes into the books. Its slices are of the wire form that it was read from.
type answer struct {
	hold         []byte
	expires      int64
	outcome      uint64
	cost         uint64
	labelledLate bool
	arrives      int64
	shipments    []shipment
	items        []item
}

type shipment struct {
	warehouse, service, date []byte
	arrives                  int64
	daysLate                 int32
}

type item struct {
	warehouse, sku []byte
	units          int32
	shipment       int
}

// planned is the outcome of an order that has a plan.
const planned = uint64(allotv1.Outcome_OUTCOME_PLANNED)

var errWire = errors.New("audit: that is no AllocateResponse")

// fields tells of every field of a message: v for numbers, sub for texts and messages.
func fields(b []byte, field func(n protowire.Number, v uint64, sub []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errWire
		}
		b = b[size:]
		var v uint64
		var sub []byte
		switch kind {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			sub, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return errWire
		}
		b = b[size:]
		if err := field(n, v, sub); err != nil {
			return err
		}
	}
	return nil
}

// read reads the wire form of an AllocateResponse.
func (a *answer) read(wire []byte) error {
	*a = answer{shipments: a.shipments[:0], items: a.items[:0]}
	return fields(wire, func(n protowire.Number, _ uint64, sub []byte) error {
		switch n {
		case 1:
			return a.readDecision(sub)
		case 2:
			return fields(sub, func(n protowire.Number, _ uint64, sub []byte) error {
				switch n {
				case 1:
					a.hold = sub
				case 4:
					return seconds(sub, &a.expires)
				}
				return nil
			})
		}
		return nil
	})
}

// seconds reads a Timestamp to the second.
func seconds(b []byte, to *int64) error {
	return fields(b, func(n protowire.Number, v uint64, _ []byte) error {
		if n == 1 {
			*to = int64(v)
		}
		return nil
	})
}

func (a *answer) readDecision(b []byte) error {
	return fields(b, func(n protowire.Number, v uint64, sub []byte) error {
		switch n {
		case 1:
			a.outcome = v
		case 2:
			a.cost = v
		case 5:
			return seconds(sub, &a.arrives)
		case 6:
			a.labelledLate = v != 0
		case 7:
			return a.readShipment(sub)
		}
		return nil
	})
}

func (a *answer) readShipment(b []byte) error {
	var s shipment
	first := len(a.items)
	err := fields(b, func(n protowire.Number, v uint64, sub []byte) error {
		switch n {
		case 1:
			s.warehouse = sub
		case 3:
			s.service = sub
		case 4:
			it := item{shipment: len(a.shipments)}
			err := fields(sub, func(n protowire.Number, v uint64, sub []byte) error {
				switch n {
				case 1:
					it.sku = sub
				case 2:
					it.units = int32(v)
				}
				return nil
			})
			a.items = append(a.items, it)
			return err
		case 14:
			s.date = sub
		case 15:
			return seconds(sub, &s.arrives)
		case 17:
			s.daysLate = int32(v)
		}
		return nil
	})
	for i := first; i < len(a.items); i++ {
		a.items[i].warehouse = s.warehouse
	}
	a.shipments = append(a.shipments, s)
	return err
}

// digest is a hash of the decision, the same for any wire form of it.
func (a *answer) digest(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	number := func(v uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		_, _ = h.Write(b[:]) // a maphash takes everything
	}
	text := func(b []byte) { number(uint64(len(b))); _, _ = h.Write(b) }
	number(a.outcome)
	number(a.cost)
	number(uint64(a.arrives))
	if a.labelledLate {
		number(1)
	}
	for i := range a.shipments {
		s := &a.shipments[i]
		text(s.warehouse)
		text(s.service)
		text(s.date)
		number(uint64(s.arrives))
	}
	for i := range a.items {
		it := &a.items[i]
		number(uint64(it.shipment))
		text(it.sku)
		number(uint64(it.units))
	}
	return h.Sum64()
}

// late works out anew whether a plan that is labelled on time is late, and says why: by its own dates and by what was promised.
func (a *answer) late(promise engine.Promise) string {
	if a.outcome != planned || promise.IsZero() {
		return ""
	}
	var last int64
	for i := range a.shipments {
		s := &a.shipments[i]
		last = max(last, s.arrives)
		day, err := time.Parse(time.DateOnly, string(s.date))
		if err != nil {
			return fmt.Sprintf("a shipment from %s arrives on %.20q, which is no day", s.warehouse, s.date)
		}
		// The end of a local day is at most 14 hours before that of the UTC day, and at most 12 hours after it.
		if off := time.Unix(s.arrives, 0).Sub(day); off < -15*time.Hour || off > 37*time.Hour {
			return fmt.Sprintf("a shipment from %s arrives on %s and at %s, which is another day", s.warehouse, s.date, utc(s.arrives))
		}
		if a.labelledLate {
			continue
		}
		switch {
		case promise.Date != 0 && string(s.date) > promise.Date.String():
			return fmt.Sprintf("on time by its label, but a shipment from %s arrives on %s, and %v was promised", s.warehouse, s.date, promise.Date)
		case promise.Instant != 0 && s.arrives > int64(promise.Instant):
			return fmt.Sprintf("on time by its label, but a shipment from %s arrives at %s, and %v was promised", s.warehouse, utc(s.arrives), promise.Instant)
		case s.daysLate > 0:
			return fmt.Sprintf("on time by its label, but a shipment from %s is %d days late by its own", s.warehouse, s.daysLate)
		}
	}
	if a.arrives < last {
		return fmt.Sprintf("it arrives at %s by its label, and a shipment of it at %s", utc(a.arrives), utc(last))
	}
	return ""
}

func utc(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
