package server

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
)

// maxStreamItems is how many requests a message of a stream may have, as the rules of the contract say.
const maxStreamItems = 1_000

// A streamItem is a request of a stream.
type streamItem struct {
	tag     uint64
	wire    string                   // the AllocateRequest as it came, where request is nil and err, too
	request *allotv1.AllocateRequest // decoded
	err     error                    // why it could not be
}

// readItems appends the requests of an AllocateStreamRequest as it came. Only what is around them is read: each may still be
// malformed.
func readItems(items []streamItem, wire string) ([]streamItem, error) {
	r := reader{rest: wire}
	for r.next() && r.is(1, textual) {
		items = append(items, readItem(r.field))
		if len(items) > maxStreamItems {
			return items, checkItems(items)
		}
	}
	if r.rest == "" && (wire == "" || r.ok() && r.is(1, textual)) {
		return items, nil
	}
	items = items[:0] // fields that we do not know, or no message
	if !splitMessage([]byte(wire), func(field []byte) { items = append(items, decodeItem(field)) }) {
		m := &allotv1.AllocateStreamRequest{}
		mark(m, explainBinary(proto.Error, nil, m))
		return items, marked(m)
	}
	return items, checkItems(items)
}

// readItem reads a TaggedAllocateRequest as far as its parts.
func readItem(wire string) (it streamItem) {
	r := reader{rest: wire}
	if r.next() && r.is(1, integral) {
		it.tag = r.number
		r.next()
	}
	if r.ok() && r.is(2, textual) { // in the order in which all encoders write them
		it.wire = r.field
		return it
	}
	return decodeItem([]byte(wire))
}

// splitMessage calls each with every field 1 of a message that has a content; false where the bytes are no message.
func splitMessage(raw []byte, each func([]byte)) bool {
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return false
		}
		size := protowire.ConsumeFieldValue(number, kind, raw[n:])
		if size < 0 {
			return false
		}
		if number == 1 && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(raw[n:])
			each(content)
		}
		raw = raw[n+size:]
	}
	return true
}

// decodeItem reads any TaggedAllocateRequest. What is wrong with it is told in its answer.
func decodeItem(raw []byte) streamItem {
	m := &allotv1.TaggedAllocateRequest{}
	if err := binaryCodec().Unmarshal(raw, m); err != nil {
		return streamItem{err: err}
	}
	if marked(m) != nil {
		m.Tag = tagOf(raw)
	}
	return messageItem(m)
}

// tagOf returns the tag of a TaggedAllocateRequest that is malformed, if that comes before what is wrong.
func tagOf(raw []byte) (tag uint64) {
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			break
		}
		raw = raw[n:]
		if number == 1 && kind == protowire.VarintType {
			tag, _ = protowire.ConsumeVarint(raw)
		}
		if n = protowire.ConsumeFieldValue(number, kind, raw); n < 0 {
			break
		}
		raw = raw[n:]
	}
	return tag
}

// messageItem is a request that was decoded.
func messageItem(m *allotv1.TaggedAllocateRequest) streamItem {
	it := streamItem{tag: m.GetTag(), request: m.GetRequest()}
	if bad, ok := errors.AsType[malformed](marked(m)); ok {
		for _, v := range bad.GetFieldViolations() {
			v.Field = strings.TrimPrefix(v.GetField(), "request.") // as of a call of Allocate
		}
		it.err = bad
	}
	if it.request == nil {
		it.request = &allotv1.AllocateRequest{} // in which all that is required is missing
	}
	return it
}

// messageItems appends the requests of a message that was decoded.
func messageItems(items []streamItem, m *allotv1.AllocateStreamRequest) ([]streamItem, error) {
	for _, r := range m.GetRequests() {
		items = append(items, messageItem(r))
		if len(items) > maxStreamItems {
			break
		}
	}
	return items, checkItems(items)
}

// checkItems refuses a message with more requests than the contract allows.
func checkItems(items []streamItem) error {
	if len(items) <= maxStreamItems {
		return nil
	}
	var fl faults.List
	fl.Addf("", 0, 0, "requests", "send the rest in the next message", "more than %d requests in one message", maxStreamItems)
	return fl.Err()
}

// decodeItems decodes an AllocateStreamRequest of which a part is malformed, and marks only the requests that are. It reports
// false where that cannot be said.
func decodeItems(raw []byte, m *allotv1.AllocateStreamRequest) bool {
	proto.Reset(m)
	return splitMessage(raw, func(field []byte) {
		it := &allotv1.TaggedAllocateRequest{}
		if binaryCodec().Unmarshal(field, it) == nil && marked(it) != nil {
			it.Tag = tagOf(field)
		}
		m.Requests = append(m.Requests, it)
	})
}
