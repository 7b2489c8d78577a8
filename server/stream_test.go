package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/server/metrics"
	"github.com/allot-engine/allot/units"
)

// serialStream is what AllocateStream does, said plainly: the requests one after the other, each as a call of Allocate.
func serialStream(
	ctx context.Context, s *Server, receive func() (*allotv1.AllocateStreamRequest, error), send func(*allotv1.AllocateStreamResponse) error,
) error {
	for {
		request, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out := &allotv1.AllocateStreamResponse{}
		for _, r := range request.GetRequests() {
			in := r.GetRequest()
			if in == nil {
				in = &allotv1.AllocateRequest{}
			}
			tagged := &allotv1.TaggedAllocateResponse{Tag: r.GetTag()}
			if answer, err := s.Allocate(ctx, in); err != nil {
				tagged.Outcome = &allotv1.TaggedAllocateResponse_Error{Error: statusOf(err).Proto()}
			} else {
				tagged.Outcome = &allotv1.TaggedAllocateResponse_Answer{Answer: answer}
			}
			out.Answers = append(out.Answers, tagged)
		}
		if err := send(out); err != nil {
			return err
		}
	}
}

// A script is a stream without a network: messages to be read, and the answers.
type script struct {
	messages []*allotv1.AllocateStreamRequest
	answers  []*allotv1.TaggedAllocateResponse
}

func (sc *script) receive() (*allotv1.AllocateStreamRequest, error) {
	if len(sc.messages) == 0 {
		return nil, io.EOF
	}
	m := sc.messages[0]
	sc.messages = sc.messages[1:]
	return m, nil
}

// onWire receives a message as it comes over the wire.
func (sc *script) onWire(items []streamItem) ([]streamItem, error) {
	m, err := sc.receive()
	if err != nil {
		return items, err
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		return items, err
	}
	return readItems(items, string(raw))
}

func (sc *script) send(m *allotv1.AllocateStreamResponse) error {
	sc.answers = append(sc.answers, m.GetAnswers()...)
	return nil
}

func (sc *script) sendGroups(groups answeredGroups) error {
	m, err := groups.message()
	if err != nil {
		return err
	}
	return sc.send(m)
}

func streamOf(items ...*allotv1.TaggedAllocateRequest) *allotv1.AllocateStreamRequest {
	return &allotv1.AllocateStreamRequest{Requests: items}
}

func tagged(tag uint64, r *allotv1.AllocateRequest) *allotv1.TaggedAllocateRequest {
	return &allotv1.TaggedAllocateRequest{Tag: tag, Request: r}
}

// randomAllocate draws a request to the corner shop: mostly sound, often repeated, sometimes an id used for another order.
func randomAllocate(t *rapid.T) *allotv1.AllocateRequest {
	lines := []any{}
	for range rapid.IntRange(1, 2).Draw(t, "lines") {
		sku := rapid.SampledFrom([]string{"mug", "lamp", "lamp", "mug", "teapot"}).Draw(t, "sku")
		lines = append(lines, sku, rapid.IntRange(1, 3).Draw(t, "quantity"))
	}
	o := order(rapid.SampledFrom([]string{"10001", "43004", "94105", "00000"}).Draw(t, "zip"), lines...)
	o.Id = rapid.SampledFrom([]string{"", "o-1", "o-2"}).Draw(t, "order")
	switch rapid.IntRange(0, 15).Draw(t, "kind") {
	case 0:
		o.Lines = nil
	case 1:
		o.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-02-30"}
	case 2:
		o.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-11-19"}
	case 3:
		o.To = nil
	case 4:
		o.Services = []string{"ground"}
	case 5:
		o.Lines[0].Quantity = 100_000
	}
	r := allocate(fmt.Sprintf("r-%d", rapid.IntRange(0, 40).Draw(t, "id")), o)
	r.IgnorePrices = rapid.IntRange(0, 9).Draw(t, "plain") == 0
	if rapid.IntRange(0, 20).Draw(t, "nameless") == 0 {
		r.RequestId = ""
	}
	return r
}

// onAnyStock leaves aside what tells whether an order was decided before or after the orders ahead of it in its bundle were granted:
// how many candidates there were, and of a refusal which wall it ran into. Plans do not differ, for one that needs stock which is
// gone is decided again, and one that does not is still the best where there is less to choose from.
func onAnyStock(a *allotv1.TaggedAllocateResponse) *allotv1.TaggedAllocateResponse {
	a = proto.CloneOf(a)
	d := a.GetAnswer().GetDecision()
	if c := d.GetCertificate(); c != nil {
		c.Candidates, c.Scored, c.States = 0, 0, 0
	}
	if d != nil && a.GetAnswer().GetHold() == nil {
		d.Outcome = allotv1.Outcome_OUTCOME_UNSPECIFIED
	}
	return a
}

// TestStreamIsAllocate holds streams of one worker against calls of Allocate, one after the other: in memory and with a
// journal, from the wire and from messages.
func TestStreamIsAllocate(t *testing.T) {
	for _, kept := range []bool{false, true} {
		t.Run(fmt.Sprintf("kept %v", kept), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				var change func(*Config)
				if kept {
					change = stored(t, newTape(), nil)
				}
				s, _ := newServer(t, change)
				defer s.Close()
				plain, _ := newServer(t, nil)
				defer plain.Close()
				tag := uint64(0)
				var sent []*allotv1.AllocateStreamRequest
				for range rapid.IntRange(0, 4).Draw(rt, "messages") {
					m := streamOf()
					for range rapid.IntRange(0, 20).Draw(rt, "requests") {
						tag += uint64(rapid.IntRange(0, 1).Draw(rt, "tag")) // 0 and the same again are tags, too
						m.Requests = append(m.Requests, tagged(tag, randomAllocate(rt)))
					}
					if rapid.IntRange(0, 5).Draw(rt, "without") == 0 {
						m.Requests = append(m.Requests, tagged(tag, nil))
					}
					sent = append(sent, m)
				}
				want := &script{messages: sent}
				if err := serialStream(t.Context(), plain, want.receive, want.send); err != nil {
					rt.Fatal(err)
				}
				got := &script{messages: sent}
				st := newAllocateStream(t.Context(), s)
				st.most = 1
				var err error
				if rapid.Bool().Draw(rt, "on the wire") {
					err = st.run(got.onWire, got.sendGroups)
				} else {
					err = st.run(func(items []streamItem) ([]streamItem, error) {
						m, err := got.receive()
						if err != nil {
							return items, err
						}
						return messageItems(items, m)
					}, got.sendGroups)
				}
				if err != nil {
					rt.Fatal(err)
				}
				if len(got.answers) != len(want.answers) {
					rt.Fatalf("%d answers, want %d", len(got.answers), len(want.answers))
				}
				for i, g := range got.answers {
					w := want.answers[i]
					same := proto.Equal(onAnyStock(g), onAnyStock(w))
					if g.GetError() != nil && w.GetError() != nil {
						same = g.GetTag() == w.GetTag() && sameStatus(status.FromProto(g.GetError()), status.FromProto(w.GetError()))
					}
					if !same {
						rt.Fatalf("answer %d is\n%v\nwant\n%v", i, g, w)
					}
				}
			})
		})
	}
}

// TestStreamsNeverOversell lets many workers of many streams fight for little stock, with requests that several of them send.
func TestStreamsNeverOversell(t *testing.T) {
	s := serve(t, func(c *Config) { c.StreamWindow = 7 })
	const streams, orders = 6, 30
	answers := make([]map[uint64]*allotv1.TaggedAllocateResponse, streams)
	var wg sync.WaitGroup
	for i := range streams {
		wg.Go(func() {
			stream, err := s.allocation.AllocateStream(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			go func() {
				for from := 0; from < orders; {
					m := streamOf()
					for range min(1+rng.IntN(5), orders-from) {
						from++
						m.Requests = append(m.Requests, tagged(uint64(from), allocate(fmt.Sprintf("%d/%d", i/2, from), order("10001", "lamp", 1))))
					}
					if err := stream.Send(m); err != nil {
						t.Error(err)
					}
				}
				_ = stream.CloseSend()
			}()
			answers[i] = map[uint64]*allotv1.TaggedAllocateResponse{}
			for {
				out, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				for _, a := range out.GetAnswers() {
					if answers[i][a.GetTag()] != nil {
						t.Errorf("stream %d: two answers to %d", i, a.GetTag())
					}
					answers[i][a.GetTag()] = a
				}
			}
		})
	}
	wg.Wait()
	granted := 0
	for i := 0; i < streams; i += 2 {
		for tag := uint64(1); tag <= orders; tag++ {
			a, b := answers[i][tag], answers[i+1][tag]
			if a == nil || b == nil {
				t.Fatalf("streams %d and %d: no answer to %d", i, i+1, tag)
			}
			// ABORTED is no answer that is remembered.
			if a.GetError() == nil && b.GetError() == nil && !proto.Equal(a, b) {
				t.Errorf("the same request was answered %v and %v", a, b)
			}
			if a.GetAnswer().GetHold() != nil || b.GetAnswer().GetHold() != nil {
				granted++
			}
		}
	}
	stock := stockOf(t, s.Server, "columbus", "lamp")
	if granted > 5 || stock.GetHeld() != int32(granted) {
		t.Errorf("%d of 5 lamps granted, stock %v", granted, stock)
	}
}

func TestStreamContended(t *testing.T) {
	s, _ := robbed(t, 2, "columbus", "reno")
	sc := &script{messages: []*allotv1.AllocateStreamRequest{streamOf(tagged(8, allocate("r1", order("10001", "mug", 10))), tagged(9, allocate("r2", order("10001", "lamp", 1))))}}
	st := newAllocateStream(t.Context(), s)
	st.most = 1
	if err := st.run(sc.onWire, sc.sendGroups); err != nil {
		t.Fatal(err)
	}
	if len(sc.answers) != 2 {
		t.Fatal(sc.answers)
	}
	lost := status.FromProto(sc.answers[0].GetError())
	if lost.Code() != codes.Aborted || reasonOf(lost) != ReasonContended || retryOf(lost) != contendedRetry {
		t.Errorf("%v", sc.answers[0])
	}
	if sc.answers[1].GetAnswer().GetHold() == nil {
		t.Errorf("the next order was not held: %v", sc.answers[1])
	}
}

// TestStreamWindow: no more is read while so many orders have no answer. The first answers are held back until the window is
// full, so that a server without one is found out.
func TestStreamWindow(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.StreamWindow = 3 })
	var received, answered atomic.Int64
	full := make(chan struct{})
	messages := 0
	err := s.allocateStream(t.Context(), func(items []streamItem) ([]streamItem, error) {
		if open := received.Load() - answered.Load(); open >= 3 {
			t.Errorf("read with %d orders unanswered", open)
		}
		if messages == 10 {
			return items, io.EOF
		}
		messages++
		if received.Add(2) == 4 {
			close(full)
		}
		for range 2 {
			items = append(items, streamItem{request: allocate(fmt.Sprint(messages, len(items)), order("10001", "mug", 1))})
		}
		return items, nil
	}, func(groups answeredGroups) error {
		<-full
		for _, g := range groups {
			answered.Add(int64(g.orders))
		}
		return nil
	})
	if err != nil || answered.Load() != 20 {
		t.Errorf("%v, %d answers", err, answered.Load())
	}
}

// TestStreamDrains: what was read when the server shuts down is answered, and then the stream ends.
func TestStreamDrains(t *testing.T) {
	s, _ := newServer(t, nil)
	sc := &script{messages: []*allotv1.AllocateStreamRequest{streamOf(tagged(1, allocate("r1", order("10001", "mug", 1))), tagged(2, allocate("r2", order("10001", "mug", 1))))}}
	ended := make(chan struct{})
	defer close(ended)
	err := s.allocateStream(t.Context(), func(items []streamItem) ([]streamItem, error) {
		if len(sc.messages) == 0 {
			s.drained()
			<-ended // as a caller that sends no more and stays
		}
		return sc.onWire(items)
	}, sc.sendGroups)
	if st := statusOf(err); st.Code() != codes.Unavailable || reasonOf(st) != ReasonDraining || retryOf(st) == 0 {
		t.Errorf("%v", err)
	}
	if len(sc.answers) != 2 {
		t.Errorf("%d answers", len(sc.answers))
	}
}

func TestStreamDrainsOnBothPorts(t *testing.T) {
	for _, port := range []string{"grpc", "connect"} {
		t.Run(port, func(t *testing.T) {
			s := serve(t, nil)
			send, receive := openStream(t, s, port)
			if err := send(streamOf(tagged(1, allocate("r1", order("10001", "mug", 1))))); err != nil {
				t.Fatal(err)
			}
			if out, err := receive(); err != nil || len(out.GetAnswers()) != 1 || out.GetAnswers()[0].GetAnswer().GetHold() == nil {
				t.Fatalf("%v, %v", out, err)
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			if _, err := receive(); codeOf(err) != codes.Unavailable {
				t.Errorf("%v", err)
			}
		})
	}
}

// openStream opens a stream on a port.
func openStream(t *testing.T, s *site, port string) (send func(*allotv1.AllocateStreamRequest) error, receive func() (*allotv1.AllocateStreamResponse, error)) {
	t.Helper()
	if port == "grpc" {
		stream, err := s.allocation.AllocateStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stream.Send, stream.Recv
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	stream, err := allotv1connect.NewAllocationServiceClient(&http.Client{Transport: transport}, s.web).AllocateStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.CloseRequest(); _ = stream.CloseResponse() })
	return stream.Send, stream.Receive
}

// TestStreamOverHTTP1: streams in both directions need HTTP/2, and whoever comes without is told.
func TestStreamOverHTTP1(t *testing.T) {
	s := serve(t, nil)
	out, err := http.Post(s.web+allotv1connect.AllocationServiceAllocateStreamProcedure, "application/connect+proto", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_ = out.Body.Close()
	if out.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Errorf("%v", out.Status)
	}
}

// TestStreamMalformed: a request whose bytes are none is told so in its answer, on both ports alike, and the others are decided.
func TestStreamMalformed(t *testing.T) {
	bad, err := proto.Marshal(tagged(7, allocate("r1", order("10001", "mug", 1))))
	if err != nil {
		t.Fatal(err)
	}
	bad = bytes.ReplaceAll(bad, []byte("mug"), []byte("m\xffg"))
	good, err := proto.Marshal(tagged(8, allocate("r2", order("10001", "mug", 1))))
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for _, item := range [][]byte{bad, good} {
		raw = protowire.AppendBytes(protowire.AppendTag(raw, 1, protowire.BytesType), item)
	}
	decoded := &allotv1.AllocateStreamRequest{}
	if err := binaryCodec().Unmarshal(raw, decoded); err != nil || marked(decoded) != nil {
		t.Fatalf("%v, %v", err, marked(decoded))
	}
	for name, receive := range map[string]func([]streamItem) ([]streamItem, error){
		"wire":    func(items []streamItem) ([]streamItem, error) { return readItems(items, string(raw)) },
		"message": func(items []streamItem) ([]streamItem, error) { return messageItems(items, decoded) },
	} {
		s, _ := newServer(t, nil)
		sc, told := &script{}, false
		st := newAllocateStream(t.Context(), s)
		st.most = 1
		err := st.run(func(items []streamItem) ([]streamItem, error) {
			if told {
				return items, io.EOF
			}
			told = true
			return receive(items)
		}, sc.sendGroups)
		if err != nil || len(sc.answers) != 2 {
			t.Fatalf("%s: %v, %v", name, err, sc.answers)
		}
		st0 := status.FromProto(sc.answers[0].GetError())
		if sc.answers[0].GetTag() != 7 || st0.Code() != codes.InvalidArgument || reasonOf(st0) != ReasonMalformed ||
			violationsOf(st0)["order.lines[0].sku"] == "" {
			t.Errorf("%s: %v, %v", name, sc.answers[0], violationsOf(st0))
		}
		if sc.answers[1].GetTag() != 8 || sc.answers[1].GetAnswer().GetHold() == nil {
			t.Errorf("%s: %v", name, sc.answers[1])
		}
	}
}

// TestStreamEndsByItsMessages: a message that is none, or has too many requests, ends the stream, after the answers to those before.
func TestStreamEndsByItsMessages(t *testing.T) {
	large := streamOf()
	for range maxStreamItems + 1 {
		large.Requests = append(large.Requests, tagged(1, nil))
	}
	tooMany, err := proto.Marshal(large)
	if err != nil {
		t.Fatal(err)
	}
	for raw, reason := range map[string]string{"\x0a": ReasonMalformed, "junk": ReasonMalformed, string(tooMany): ReasonInvalid} {
		s, _ := newServer(t, nil)
		sc := &script{messages: []*allotv1.AllocateStreamRequest{streamOf(tagged(1, allocate("r1", order("10001", "mug", 1))))}}
		err := s.allocateStream(t.Context(), func(items []streamItem) ([]streamItem, error) {
			if len(sc.messages) == 0 {
				return readItems(items, raw)
			}
			return sc.onWire(items)
		}, sc.sendGroups)
		if st := statusOf(err); st.Code() != codes.InvalidArgument || reasonOf(st) != reason {
			t.Errorf("%.10q: %v", raw, err)
		}
		if len(sc.answers) != 1 {
			t.Errorf("%.10q: %d answers", raw, len(sc.answers))
		}
	}
}

// TestReadItems holds the reading of the wire against the messages, also for encodings that no encoder makes.
func TestReadItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		unknown := func(b []byte) []byte {
			if rapid.IntRange(0, 5).Draw(t, "unknown") == 0 {
				return protowire.AppendVarint(protowire.AppendTag(b, 9, protowire.VarintType), 5)
			}
			return b
		}
		for range rapid.IntRange(0, 5).Draw(t, "requests") {
			var item []byte
			for range rapid.IntRange(0, 3).Draw(t, "fields") {
				if rapid.Bool().Draw(t, "tag") {
					item = protowire.AppendVarint(protowire.AppendTag(item, 1, protowire.VarintType), rapid.Uint64().Draw(t, "value"))
				} else {
					body, err := proto.Marshal(randomAllocate(t))
					if err != nil {
						t.Fatal(err)
					}
					item = protowire.AppendBytes(protowire.AppendTag(item, 2, protowire.BytesType), body)
				}
				item = unknown(item)
			}
			raw = protowire.AppendBytes(protowire.AppendTag(raw, 1, protowire.BytesType), item)
			raw = unknown(raw)
		}
		m := &allotv1.AllocateStreamRequest{}
		if err := proto.Unmarshal(raw, m); err != nil {
			t.Fatal(err)
		}
		items, err := readItems(nil, string(raw))
		if err != nil || len(items) != len(m.GetRequests()) {
			t.Fatalf("%d items, %v; want %d", len(items), err, len(m.GetRequests()))
		}
		for i, it := range items {
			request := it.request
			if request == nil {
				request = &allotv1.AllocateRequest{}
				if err := proto.Unmarshal([]byte(it.wire), request); err != nil {
					t.Fatal(err)
				}
			}
			want := m.GetRequests()[i].GetRequest()
			if want == nil {
				want = &allotv1.AllocateRequest{}
			}
			if it.tag != m.GetRequests()[i].GetTag() || !proto.Equal(request, want) {
				t.Fatalf("item %d: %d %v, want %v", i, it.tag, request, m.GetRequests()[i])
			}
		}
	})
}

// fragile is a capacity that nobody can ask for.
type fragile struct{}

func (fragile) WarehouseLeft(int32, units.Date) int32      { panic("asked") }
func (fragile) ServiceLeft(int32, int32, units.Date) int32 { panic("asked") }

func TestStreamSurvivesAPanic(t *testing.T) {
	s, _ := newServer(t, nil)
	n := s.network.Load()
	n.desks.New = func() any {
		d := newDesk(n.engine, nil)
		d.stock.Capacity = fragile{}
		return d
	}
	sc := &script{messages: []*allotv1.AllocateStreamRequest{streamOf(tagged(1, allocate("r1", order("10001", "mug", 1))))}}
	err := s.allocateStream(t.Context(), sc.onWire, sc.sendGroups)
	if st := statusOf(err); st.Code() != codes.Internal {
		t.Errorf("%v", err)
	}
}

func TestStreamOfACallerWhoIsGone(t *testing.T) {
	s, _ := newServer(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.allocateStream(ctx, func([]streamItem) ([]streamItem, error) {
		cancel()
		return nil, status.Error(codes.Canceled, "gone")
	}, func(answeredGroups) error { t.Error("answered"); return nil })
	if st := statusOf(err); st.Code() != codes.Canceled {
		t.Errorf("%v", err)
	}
}

// TestStreamIsKept: what a stream answered is known after a restart, to streams and to calls, and nothing is answered that a
// journal does not take.
func TestStreamIsKept(t *testing.T) {
	j := newTape()
	m := streamOf()
	for i := range 50 {
		m.Requests = append(m.Requests, tagged(uint64(i), allocate(fmt.Sprint("r", i), order("10001", "lamp", 1))))
	}
	run := func() []*allotv1.TaggedAllocateResponse {
		store := openStore(t, j, nil)
		s, _ := newServer(t, func(c *Config) { c.Store = store })
		sc := &script{messages: []*allotv1.AllocateStreamRequest{m}}
		st := newAllocateStream(t.Context(), s)
		st.most = 1
		if err := st.run(sc.onWire, sc.sendGroups); err != nil {
			t.Fatal(err)
		}
		one, err := s.Allocate(t.Context(), m.GetRequests()[0].GetRequest())
		if err != nil || !proto.Equal(one, sc.answers[0].GetAnswer()) {
			t.Errorf("%v, %v", one, err)
		}
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		return sc.answers
	}
	first, again := run(), run()
	for i := range first {
		if !proto.Equal(first[i], again[i]) {
			t.Errorf("%v, then %v", first[i], again[i])
		}
	}

	j = newTape()
	store := openStore(t, j, nil)
	s, _ := newServer(t, func(c *Config) { c.Store = store })
	defer s.Close()
	j.broken.Store(true)
	sc := &script{messages: []*allotv1.AllocateStreamRequest{m}}
	err := s.allocateStream(t.Context(), sc.onWire, sc.sendGroups)
	if st := statusOf(err); st.Code() != codes.Unavailable || len(sc.answers) != 0 {
		t.Errorf("%v, %d answers", err, len(sc.answers))
	}
}

// TestStreamRepeats sends one order in a stream again and again: it is held once, and told each time. A stop in a bundle, where
// another order's stock is gone, changes nothing of that.
func TestStreamRepeats(t *testing.T) {
	m := metrics.New()
	s, _ := newServer(t, func(c *Config) { c.Metrics = m })
	message := streamOf()
	const times = bundleOrders + 3
	for tag := range uint64(times) {
		message.Requests = append(message.Requests,
			tagged(2*tag, allocate("again", order("10001", "mug", 1))), tagged(2*tag+1, allocate(fmt.Sprint("lamp ", tag), order("10001", "lamp", 2))))
	}
	sc := &script{messages: []*allotv1.AllocateStreamRequest{message}}
	st := newAllocateStream(t.Context(), s)
	st.most = 1
	if err := st.run(sc.onWire, sc.sendGroups); err != nil {
		t.Fatal(err)
	}
	lamps := 0
	var first *allotv1.AllocateResponse
	for i, a := range sc.answers {
		switch held := a.GetAnswer().GetHold() != nil; {
		case a.GetTag() != uint64(i):
			t.Fatalf("answer %d is of order %d", i, a.GetTag())
		case i%2 == 1 && held:
			lamps += 2
		case i%2 == 1:
		case first == nil:
			first = a.GetAnswer()
		case !proto.Equal(a.GetAnswer(), first):
			t.Errorf("the order was answered %v and %v", first, a)
		}
	}
	if stock := stockOf(t, s, "columbus", "mug"); len(sc.answers) != 2*times || first.GetHold() == nil || stock.GetHeld() != 1 {
		t.Errorf("%d answers, the first %v; stock %v", len(sc.answers), first, stock)
	}
	if stock := stockOf(t, s, "columbus", "lamp"); lamps == 0 || stock.GetHeld() != int32(lamps) {
		t.Errorf("%d lamps told, stock %v", lamps, stock)
	}
	if got := scraped(t, m)["allot_decisions_total{outcome=repeated}"]; got != times-1 {
		t.Errorf("%v orders were counted as repeated, want %d", got, times-1)
	}
}
