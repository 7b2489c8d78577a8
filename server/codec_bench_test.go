package server

import (
	"testing"

	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// BenchmarkCodec measures the candidates for the codec of Allocate, unary and streamed, on a request and its answer: the protobuf
// library, as it is and with memory that is used again, and the reading and writing by hand that the server does. ARCHITECTURE.md
// says which was chosen, and why.
func BenchmarkCodec(b *testing.B) {
	s, _ := newServer(b, nil)
	defer s.Close()
	n := s.network.Load()
	request := allocate("request-00000001", order("10001", "mug", 2, "lamp", 1))
	raw, err := proto.Marshal(request)
	if err != nil {
		b.Fatal(err)
	}
	wire := string(raw)
	d := n.take()
	if _, _, ok := readPlain(wire, &d.order); !ok {
		b.Fatal("not plain")
	}
	now := units.Instant(wednesday.Unix())
	d.look(n, s.ledger, now)
	if err := n.engine.Decide(&d.stock, &d.order, now, d.scratch, &d.decision); err != nil || d.decision.Outcome != engine.Planned {
		b.Fatalf("%v, %v", err, d.decision.Outcome)
	}
	decoded := writeDecision(n.snap, &d.decision, told{})
	encoded := appendDecision(nil, n.snap, &d.decision, told{})

	run := func(name string, do func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("read/protobuf", func() error { return proto.Unmarshal(raw, &allotv1.AllocateRequest{}) })
	again := &allotv1.AllocateRequest{}
	run("read/protobuf, the same message again", func() error { return proto.Unmarshal(raw, again) })
	run("read/by hand", func() error { _, _, _ = readPlain(wire, &d.order); return nil })

	room := make([]byte, 0, 4096)
	run("write/protobuf", func() error {
		_, err := proto.Marshal(writeDecision(n.snap, &d.decision, told{}))
		return err
	})
	run("write/protobuf, message at hand, into the same memory", func() error {
		_, err := proto.MarshalOptions{}.MarshalAppend(room, decoded)
		return err
	})
	run("write/protobuf, message at hand, deterministic", func() error {
		_, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(room, decoded)
		return err
	})
	run("write/by hand", func() error { room = appendDecision(room[:0], n.snap, &d.decision, told{}); return nil })
	if len(room) != len(encoded) {
		b.Errorf("%d bytes, then %d", len(encoded), len(room))
	}
}
