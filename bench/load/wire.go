package load

import (
	"math"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
)

// The generator shares processors with what it measures, so it writes requests straight in the wire format, and reads of
// an answer what it needs: whether there is a hold, and its id. What proto.Marshal and proto.Unmarshal make of a message
// costs the generator several times as much. A test holds both against the generated code.

// RawCodec sends and receives *[]byte as they are.
type RawCodec struct{}

// Name implements encoding.CodecV2.
func (RawCodec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2. It copies, so that the caller may write its next request into the same memory.
func (RawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.Copy(*v.(*[]byte), mem.DefaultBufferPool())}, nil
}

// Unmarshal implements encoding.CodecV2.
func (RawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	out := v.(*[]byte)
	n := data.Len()
	if cap(*out) < n {
		*out = make([]byte, n)
	}
	*out = (*out)[:n]
	data.CopyTo(*out)
	return nil
}

// methods are what kinds of events call. An Allocate has others in the modes of many orders.
var methods = [...]string{
	workload.Allocate: allotv1.AllocationService_Allocate_FullMethodName,
	workload.Quote:    allotv1.AllocationService_Quote_FullMethodName,
	workload.Repeat:   allotv1.AllocationService_Allocate_FullMethodName,
	workload.Confirm:  allotv1.AllocationService_Confirm_FullMethodName,
	workload.Release:  allotv1.AllocationService_Release_FullMethodName,
	workload.Ship:     allotv1.AllocationService_Ship_FullMethodName,
	workload.Cancel:   allotv1.AllocationService_Cancel_FullMethodName,
	workload.Restock:  allotv1.InventoryService_AdjustStock_FullMethodName,
}

// operations are the names of kinds in a result.
var operations = [...]string{
	0: "all", workload.Allocate: "allocate", workload.Quote: "quote", workload.Repeat: "repeat", workload.Confirm: "confirm",
	workload.Release: "release", workload.Ship: "ship", workload.Cancel: "cancel", workload.Restock: "restock",
}

// Operations returns the names of all operations, "all" first.
func Operations() []string { return append([]string(nil), operations[:]...) }

func appendText(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendInt(b []byte, field protowire.Number, n int64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
}

func appendDouble(b []byte, field protowire.Number, x float64) []byte {
	if x == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(x))
}

// appendNested appends a message whose content add appends. It moves the content when its length turns out to need more
// than a byte.
func appendNested(b []byte, field protowire.Number, add func([]byte) []byte) []byte {
	b = append(protowire.AppendTag(b, field, protowire.BytesType), 0)
	at := len(b)
	b = add(b)
	n := len(b) - at
	if n < 0x80 {
		b[at-1] = byte(n)
		return b
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	for range more {
		b = append(b, 0)
	}
	copy(b[at+more:], b[at:at+n])
	protowire.AppendVarint(b[:at-1], uint64(n))
	return b
}

// appendOrder appends an allot.v1.Order.
func appendOrder(b []byte, o *engine.Order) []byte {
	b = appendText(b, 1, o.ID)
	for i := range o.Lines {
		b = appendNested(b, 2, func(b []byte) []byte {
			return appendInt(appendText(b, 1, o.Lines[i].SKU), 2, o.Lines[i].Quantity)
		})
	}
	if to := &o.To; *to != (engine.Destination{}) {
		b = appendNested(b, 3, func(b []byte) []byte {
			b = appendText(b, 1, to.Country)
			b = appendText(b, 2, to.Postal)
			if to.Point != nil {
				b = appendNested(b, 3, func(b []byte) []byte {
					return appendDouble(appendDouble(b, 1, to.Point.Lat), 2, to.Point.Lng)
				})
			}
			b = appendText(b, 4, to.TimeZone)
			if to.Commercial {
				b = appendInt(b, 5, 1)
			}
			return b
		})
	}
	switch {
	case o.Promise.Date != 0:
		b = appendText(b, 4, o.Promise.Date.String())
	case o.Promise.Instant != 0:
		b = appendNested(b, 5, func(b []byte) []byte { return appendInt(b, 1, int64(o.Promise.Instant)) })
	}
	b = appendText(b, 6, o.CollectAt)
	for _, s := range o.Services {
		b = protowire.AppendString(protowire.AppendTag(b, 7, protowire.BytesType), s)
	}
	return b
}

// appendAllocate appends an AllocateRequest.
func appendAllocate(b []byte, c *Call) []byte {
	b = appendText(b, 1, c.RequestID)
	return appendNested(b, 2, func(b []byte) []byte { return appendOrder(b, &c.Event.Order) })
}

// appendRequest appends the request of a unary call.
func appendRequest(b []byte, c *Call) []byte {
	switch e := c.Event; e.Kind {
	case workload.Allocate, workload.Repeat:
		return appendAllocate(b, c)
	case workload.Quote:
		return appendNested(b, 1, func(b []byte) []byte { return appendOrder(b, &e.Order) })
	case workload.Restock:
		b = appendText(b, 1, c.RequestID)
		return appendNested(b, 2, func(b []byte) []byte {
			return appendInt(appendText(appendText(b, 1, e.Warehouse), 2, e.SKU), 3, int64(e.Quantity))
		})
	default: // of a hold, all of it
		return appendText(appendText(b, 1, c.RequestID), 2, c.HoldID)
	}
}

// appendBatch appends what follows the requests of an AllocateBatchRequest.
func appendBudget(b []byte, d time.Duration) []byte {
	return appendNested(b, 4, func(b []byte) []byte {
		return appendInt(appendInt(b, 1, int64(d/time.Second)), 2, int64(d%time.Second))
	})
}

// eachField calls f for every field of a message with its content where it is of bytes and its number where it is a
// varint, and tells whether the message is whole.
func eachField(raw []byte, f func(field protowire.Number, content []byte, number uint64)) bool {
	for len(raw) > 0 {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return false
		}
		raw = raw[n:]
		var content []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			content, n = protowire.ConsumeBytes(raw)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(raw)
		default:
			n = protowire.ConsumeFieldValue(field, kind, raw)
		}
		if n < 0 {
			return false
		}
		raw = raw[n:]
		f(field, content, number)
	}
	return true
}

// heldBy returns the id of the hold in an AllocateResponse, empty where there is none, and whether the bytes are a message.
func heldBy(raw []byte) (id string, ok bool) {
	whole := true
	ok = eachField(raw, func(field protowire.Number, content []byte, _ uint64) {
		if field == 2 {
			whole = eachField(content, func(field protowire.Number, content []byte, _ uint64) {
				if field == 1 {
					id = string(content)
				}
			})
		}
	})
	return id, ok && whole
}

// hasField tells whether a message has a field, and whether the bytes are a message.
func hasField(raw []byte, wanted protowire.Number) (has, ok bool) {
	ok = eachField(raw, func(field protowire.Number, _ []byte, _ uint64) { has = has || field == wanted })
	return has, ok
}
