package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
)

// Messages that cannot be decoded are the caller's fault, and the answer names the field. grpc-go would call them
// INTERNAL, connectrpc INVALID_ARGUMENT without a detail, and neither lets a handler say otherwise. So the decoders here
// never fail on a message of the contract: they empty it and leave a mark in it, which is looked for when the call
// begins.

// malformed is the refusal of bytes that are no message of the expected type.
type malformed struct{ *errdetails.BadRequest }

func (m malformed) Error() string {
	return "malformed message: " + m.GetFieldViolations()[0].GetDescription()
}

func (m malformed) status() *status.Status {
	return refusef(codes.InvalidArgument, ReasonMalformed, "%s", m.Error()).status(m.BadRequest)
}

// markField is the number of the field that a mark is; no message has it. A caller who sends it is told that the
// message is malformed, and it is.
const markField = protowire.MaxValidNumber

// mark empties a message and leaves in it why it could not be decoded.
func mark(m proto.Message, violations []*errdetails.BadRequest_FieldViolation) {
	proto.Reset(m)
	raw, err := proto.Marshal(&errdetails.BadRequest{FieldViolations: violations[:min(len(violations), maxViolations)]})
	if err != nil {
		panic("server: " + err.Error()) // text that is not UTF-8, which decoders do not say
	}
	b := protowire.AppendTag(nil, markField, protowire.BytesType)
	m.ProtoReflect().SetUnknown(protowire.AppendBytes(b, raw))
}

// marked returns the error of a message that was marked, nil for all others.
func marked(m proto.Message) error {
	unknown := m.ProtoReflect().GetUnknown()
	if len(unknown) == 0 {
		return nil
	}
	number, kind, n := protowire.ConsumeTag(unknown)
	if number != markField || kind != protowire.BytesType {
		return nil
	}
	raw, _ := protowire.ConsumeBytes(unknown[n:])
	out := &errdetails.BadRequest{}
	if proto.Unmarshal(raw, out) != nil || len(out.GetFieldViolations()) == 0 {
		out.FieldViolations = []*errdetails.BadRequest_FieldViolation{{Description: "no such field"}}
	}
	return malformed{out}
}

// ours tells that a message is of the contract, not of health or reflection.
func ours(m proto.Message) bool {
	return strings.HasPrefix(string(m.ProtoReflect().Descriptor().FullName()), "allot.")
}

// explainBinary says what is wrong with bytes that protobuf could not decode. For text that is not UTF-8 protobuf names
// no field, so they are looked for here, all of them.
func explainBinary(err error, raw []byte, m proto.Message) []*errdetails.BadRequest_FieldViolation {
	var out []*errdetails.BadRequest_FieldViolation
	if strings.Contains(err.Error(), "UTF-8") {
		badText(raw, m.ProtoReflect().Descriptor(), "", &out)
	}
	if len(out) == 0 {
		out = append(out, &errdetails.BadRequest_FieldViolation{
			Description: "the bytes are no " + string(m.ProtoReflect().Descriptor().FullName()) + "; send what the contract says",
		})
	}
	return out
}

// badText adds every string field in a message's bytes that is not UTF-8. What cannot be parsed ends the search.
func badText(raw []byte, d protoreflect.MessageDescriptor, path string, out *[]*errdetails.BadRequest_FieldViolation) {
	count := map[protowire.Number]int{}
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return
		}
		raw = raw[n:]
		if n = protowire.ConsumeFieldValue(number, kind, raw); n < 0 {
			return
		}
		value, f := raw[:n], d.Fields().ByNumber(number)
		raw = raw[n:]
		if f == nil || kind != protowire.BytesType {
			continue
		}
		name := path + string(f.Name())
		if f.IsList() {
			name += fmt.Sprintf("[%d]", count[number])
			count[number]++
		}
		content, _ := protowire.ConsumeBytes(value)
		switch {
		case f.Kind() == protoreflect.StringKind && !utf8.Valid(content):
			*out = append(*out, &errdetails.BadRequest_FieldViolation{Field: name, Description: "invalid UTF-8; send text in UTF-8"})
		case f.Kind() == protoreflect.MessageKind:
			badText(content, f.Message(), name+".", out)
		}
	}
}

var (
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
	jsonField    = regexp.MustCompile(`for (?:\w+ )?field ([\w.]+)`)
)

// explainJSON says what is wrong with JSON that protojson could not decode, by what it said.
func explainJSON(err error, _ []byte, m proto.Message) []*errdetails.BadRequest_FieldViolation {
	// protojson puts a no-break space after its prefix in some builds, so that nobody relies on its texts; where it
	// says something else one day, the field goes unnamed and the text stays.
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\u00a0", " "), "\uFFFD")
	text = strings.TrimPrefix(text, "proto: ")
	if len(text) > 200 { // it may quote a value of any length
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	out := &errdetails.BadRequest_FieldViolation{Description: text}
	if found := unknownField.FindStringSubmatch(text); found != nil {
		out.Field = found[1]
		if mend := faults.DidYouMean(out.Field, fieldNames(m)); mend != "" {
			out.Description += "; " + mend
		}
	} else if found := jsonField.FindStringSubmatch(text); found != nil {
		out.Field = found[1]
	}
	return []*errdetails.BadRequest_FieldViolation{out}
}

// fieldNames returns the JSON names of every field within a message, sorted.
func fieldNames(m proto.Message) []string {
	seen := map[protoreflect.FullName]bool{}
	var names []string
	var walk func(d protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] || !strings.HasPrefix(string(d.FullName()), "allot.") {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			names = append(names, f.JSONName())
			if f.Message() != nil {
				walk(f.Message())
			}
		}
	}
	walk(m.ProtoReflect().Descriptor())
	slices.Sort(names)
	return slices.Compact(names)
}

// grpcCodec is the protobuf wire format for the first port.
type grpcCodec struct{ encoding.CodecV2 }

func newGRPCCodec() grpcCodec { return grpcCodec{encoding.GetCodecV2("proto")} }

// Marshal implements encoding.CodecV2.
func (c grpcCodec) Marshal(v any) (mem.BufferSlice, error) {
	if groups, ok := v.(answeredGroups); ok {
		return groups.buffers(), nil
	}
	a, ok := v.(*answer)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	pool := mem.DefaultBufferPool()
	room := pool.Get(len(a.decision) + len(a.order) + 64) // tags, lengths, the hold's id and time
	wire := a.appendTo((*room)[:0])
	return mem.BufferSlice{mem.NewBuffer(&wire, pool)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c grpcCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*wireRequest); ok {
		buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
		defer buf.Free()
		r.wire = string(buf.ReadOnlyData())
		return nil
	}
	if r, ok := v.(*wireStreamRequest); ok {
		var whole strings.Builder
		whole.Grow(data.Len())
		for _, part := range data {
			whole.Write(part.ReadOnlyData())
		}
		r.wire = whole.String()
		return nil
	}
	err := c.CodecV2.Unmarshal(data, v)
	if m, ok := v.(proto.Message); ok && err != nil && ours(m) {
		mark(m, explainBinary(err, data.Materialize(), m))
		return nil
	}
	return err
}

// A connectCodec decodes for the second port.
type connectCodec struct {
	name    string
	decode  func([]byte, proto.Message) error
	marshal func([]byte, proto.Message) ([]byte, error)
	explain func(error, []byte, proto.Message) []*errdetails.BadRequest_FieldViolation
}

// binaryCodec is the protobuf wire format.
func binaryCodec() connectCodec {
	return connectCodec{name: "proto", decode: proto.Unmarshal, marshal: proto.MarshalOptions{}.MarshalAppend, explain: explainBinary}
}

// jsonCodec is the protobuf JSON mapping. A field it does not know is refused: a promise that is misspelt must not be
// an order without a promise. Other servers of the Connect protocol let such fields pass.
func jsonCodec(name string) connectCodec {
	return connectCodec{name: name, decode: protojson.Unmarshal, marshal: protojson.MarshalOptions{}.MarshalAppend, explain: explainJSON}
}

// Name implements connect.Codec.
func (c connectCodec) Name() string { return c.name }

// Marshal implements connect.Codec.
func (c connectCodec) Marshal(v any) ([]byte, error) { return c.MarshalAppend(nil, v) }

// MarshalAppend lets connectrpc reuse its buffers.
func (c connectCodec) MarshalAppend(dst []byte, v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("server: %T is no protobuf message", v)
	}
	return c.marshal(dst, m)
}

// Unmarshal implements connect.Codec.
func (c connectCodec) Unmarshal(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("server: %T is no protobuf message", v)
	}
	err := c.decode(data, m)
	if stream, ok := m.(*allotv1.AllocateStreamRequest); ok && err != nil && c.name == "proto" && decodeItems(data, stream) {
		return nil // what is wrong with a request is told in its answer
	}
	if err != nil && ours(m) {
		mark(m, c.explain(err, data, m))
		return nil
	}
	return err
}
