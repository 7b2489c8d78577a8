package server

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// A group is orders that are decided one after the other and answered together.
type group struct {
	wire   []byte // the answers, as an AllocateStreamResponse goes over the wire
	orders int
	kept   uint64 // the event that has to be kept before anybody is told
	texts  strings.Builder
	bodies []byte
}

// What the ledger keeps of a group's orders lies together, in pieces of these sizes: one allocation for a few dozen. The price
// is that the last hold of them keeps the memory of all.
const (
	textsRoom  = 2 << 10
	bodiesRoom = 16 << 10
)

// text returns a copy of a text for the ledger to keep.
func (g *group) text(s string) string {
	if s == "" {
		return ""
	}
	if g.texts.Cap()-g.texts.Len() < len(s) {
		g.texts = strings.Builder{}
		g.texts.Grow(max(textsRoom, len(s)))
	}
	start := g.texts.Len()
	g.texts.WriteString(s)
	return g.texts.String()[start:]
}

// room returns memory to write an answer behind, which keep then gives to the ledger.
func (d *desk) room() []byte {
	g := d.group
	if g == nil {
		return d.body[:0]
	}
	if cap(g.bodies)-len(g.bodies) < bodiesRoom/8 {
		g.bodies = make([]byte, 0, bodiesRoom)
	}
	return g.bodies
}

// keep returns what was written from a place on, for the ledger to keep.
func (d *desk) keep(body []byte, from int) []byte {
	g := d.group
	switch {
	case g == nil:
		d.body = body
		return bytes.Clone(body)
	case cap(body) > bodiesRoom: // there was no room, and it was copied with all before
		return bytes.Clone(body[from:])
	}
	g.bodies = body
	return body[from:len(body):len(body)]
}

// add appends what became of an order.
func (g *group) add(tag uint64, a *answer, failure *status.Status) {
	g.orders++
	b, item := beginLong(g.wire, 1)
	b = appendUint(b, 1, tag)
	if failure == nil {
		var at int
		b, at = beginLong(b, 2)
		b = endLong(a.appendTo(b), at)
	} else {
		var at int
		b, at = begin(b, 3)
		b = end(appendMessage(b, failure.Proto()), at)
	}
	g.wire = endLong(b, item)
}

func appendMessage(b []byte, m proto.Message) []byte {
	b, err := proto.MarshalOptions{}.MarshalAppend(b, m)
	if err != nil {
		panic("server: an error that cannot be encoded: " + err.Error())
	}
	return b
}

// answeredGroups are groups whose answers are sent in one message.
type answeredGroups []*group

// buffers returns the message for grpc-go to send.
func (groups answeredGroups) buffers() mem.BufferSlice {
	out := make(mem.BufferSlice, len(groups))
	for i, g := range groups {
		wire := g.wire
		out[i], g.wire = mem.NewBuffer(&wire, wires), nil
	}
	return out
}

// message returns the message decoded.
func (groups answeredGroups) message() (*allotv1.AllocateStreamResponse, error) {
	out := &allotv1.AllocateStreamResponse{}
	for _, g := range groups {
		if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(g.wire, out); err != nil {
			return nil, fmt.Errorf("server: reading its own answer: %w", err)
		}
		wires.Put(&g.wire)
	}
	return out, nil
}

// newGroup returns an empty group.
func newGroup() *group { return &group{wire: (*wires.Get(0))[:0]} }

// wires is the memory for answers on their way. grpc-go's own pool wipes it before each use, a megabyte at a time for anything
// over 32 KiB.
var wires = &wirePool{}

// maxPooled bounds what stays in the pool.
const maxPooled = 1 << 20

type wirePool struct{ pool sync.Pool }

// Get implements mem.BufferPool. What it returns may have any content.
func (p *wirePool) Get(length int) *[]byte {
	b, ok := p.pool.Get().(*[]byte)
	if !ok || cap(*b) < length {
		room := make([]byte, length, max(length, 64<<10))
		return &room
	}
	*b = (*b)[:length]
	return b
}

// Put implements mem.BufferPool.
func (p *wirePool) Put(b *[]byte) {
	if cap(*b) <= maxPooled {
		p.pool.Put(b)
	}
}
