package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// hang is how long a test waits for what must happen.
const hang = 60 * time.Second

// A raw is a connection on which a test writes frames as it likes.
type raw struct {
	net.Conn
	*http2.Framer

	next uint32
}

func rawTo(t testing.TB, address string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	r := &raw{Conn: c, Framer: http2.NewFramer(c, c), next: 1}
	if err := r.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return r
}

// open writes the headers of a call and returns its stream.
func (r *raw) open() (uint32, error) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	all := []string{
		":method", "POST", ":scheme", "http", ":path", allotv1.AllocationService_Allocate_FullMethodName, ":authority", "x",
		"content-type", "application/grpc", "te", "trailers",
	}
	for i := 0; i < len(all); i += 2 {
		if err := e.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]}); err != nil {
			return 0, err
		}
	}
	id := r.next
	r.next += 2
	return id, r.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
}

// closed reads until the server has closed the connection.
func (r *raw) closed(t *testing.T) {
	t.Helper()
	_, err := io.Copy(io.Discard, r.Conn)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		t.Fatal("the server keeps the connection")
	}
}

// ports are both ports of a site.
func (s *site) ports() map[string]string {
	return map[string]string{"gRPC": s.rpc, "web": strings.TrimPrefix(s.web, "http://")}
}

// answers checks that a good client on a connection of its own is served.
func (s *site) answers(t *testing.T) {
	t.Helper()
	if _, err := s.allocation.Quote(t.Context(), &allotv1.QuoteRequest{Order: order("10001", "mug", 1)}); err != nil {
		t.Errorf("a good client: %v", err)
	}
}

func TestRapidResetsEndTheConnection(t *testing.T) {
	for _, port := range []string{"gRPC", "web"} {
		t.Run(port, func(t *testing.T) {
			s := serve(t, func(c *Config) { c.MaxResets = 10; c.ExpelFor = time.Nanosecond })
			s.answers(t)
			r := rawTo(t, s.ports()[port])
			for range 1_000_000 { // it ends with the connection
				id, err := r.open()
				if err == nil {
					err = r.WriteRSTStream(id, http2.ErrCodeCancel)
				}
				if err != nil {
					break
				}
			}
			r.closed(t)
			s.answers(t)
			if got := s.Limits(); got.Abusive < 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestPingFloodsEndTheConnection(t *testing.T) {
	for _, port := range []string{"gRPC", "web"} {
		t.Run(port, func(t *testing.T) {
			s := serve(t, func(c *Config) { c.ExpelFor = time.Nanosecond })
			s.answers(t)
			r := rawTo(t, s.ports()[port])
			go func() {
				for r.WritePing(false, [8]byte{}) == nil { // until it is closed
					continue
				}
			}()
			r.closed(t)
			s.answers(t)
		})
	}
}

// TestSlowReadersKeepNobody opens calls on connections that take no answers, and none of their windows.
func TestSlowReadersKeepNobody(t *testing.T) {
	s := serve(t, nil)
	for _, address := range s.ports() {
		r := rawTo(t, address)
		if err := r.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			id, err := r.open()
			if err != nil {
				t.Fatal(err)
			}
			if err := r.WriteData(id, true, []byte{0, 0, 0, 0, 0}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.answers(t)
}

// TestHalfOpenCallsKeepNobody begins calls whose messages never come.
func TestHalfOpenCallsKeepNobody(t *testing.T) {
	s := serve(t, nil)
	r := rawTo(t, s.rpc)
	for range 100 {
		if _, err := r.open(); err != nil {
			t.Fatal(err)
		}
	}
	s.answers(t)
}

func TestOversizedHeadersAreRefused(t *testing.T) {
	s := serve(t, nil)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-long", strings.Repeat("x", 64<<10))
	if _, err := s.allocation.Quote(ctx, &allotv1.QuoteRequest{Order: order("10001", "mug", 1)}); err == nil {
		t.Error("64 KiB of headers are taken")
	}
	s.answers(t)
}

func TestHalfOpenConnectionsAreClosed(t *testing.T) {
	s := serve(t, func(c *Config) { c.ReadTimeout = 50 * time.Millisecond })
	for port, address := range s.ports() {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(hang)); err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, c)
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			t.Errorf("%s: a connection that says nothing is kept", port)
		}
		_ = c.Close()
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := serve(t, func(c *Config) { c.MaxConnections = 2 })
	first, second := rawTo(t, s.rpc), rawTo(t, s.rpc)
	for _, r := range []*raw{first, second} {
		if _, err := r.ReadFrame(); err != nil { // the server's settings: it is in
			t.Fatal(err)
		}
	}
	for _, address := range s.ports() {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(hang)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", n, err)
		}
		_ = c.Close()
	}
	if got := s.Limits(); got.Connections != 2 || got.Unaccepted != 2 {
		t.Errorf("%+v", got)
	}
}

// TestRefusalsAreTheSameAtBothPorts fills memory, which refuses whatever else goes on.
func TestRefusalsAreTheSameAtBothPorts(t *testing.T) {
	runtime.GC() // else the look that the server takes by itself may find nothing on the heap yet
	s := serve(t, func(c *Config) { c.MemoryLimit = 1 })
	s.observe(1 << 20)
	request := allocate("1", order("10001", "mug", 1))
	_, err := s.allocation.Allocate(t.Context(), request)
	byGRPC := status.Convert(err)
	_, err = s.connect.Allocate(t.Context(), request)
	byConnect := statusOfConnect(t, err)
	for _, st := range []*status.Status{byGRPC, byConnect} {
		if st.Code() != codes.ResourceExhausted || reasonOf(st) != ReasonTooManyCalls || retryOf(st) < busyRetry/2 || retryOf(st) > longestRetry*3/2 {
			t.Errorf("%v %v", st, st.Details())
		}
	}
	if _, err := s.inventory.AdjustStock(t.Context(), adjustStock("a", "columbus", "mug", 1)); err != nil {
		t.Errorf("what settles: %v", err)
	}
	if n := s.ledger.Open(); n != 0 {
		t.Errorf("%d holds", n)
	}
	if got := s.Limits(); got.Heap != 2 || got.Inside != 0 || got.Waiting != 0 {
		t.Errorf("%+v", got)
	}
}

func TestFramesAreCountedHoweverTheyAreCut(t *testing.T) {
	var wire bytes.Buffer
	wire.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&wire, nil)
	for i := range uint32(10) {
		if err := errors.Join(
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: make([]byte, 100), EndHeaders: true}),
			f.WriteData(2*i+1, false, make([]byte, 1000*i)), f.WriteRSTStream(2*i+1, http2.ErrCodeCancel), f.WritePing(i%2 == 0, [8]byte{}),
		); err != nil {
			t.Fatal(err)
		}
	}
	for _, piece := range []int{1, 2, 7, 9, 24, 1000, 1 << 20} {
		var got frames
		for rest := wire.Bytes(); len(rest) > 0; {
			n := min(piece, len(rest))
			got.see(rest[:n])
			rest = rest[n:]
		}
		if got.other || got.opened != 20 || got.reset != 10 || got.control != 5 || got.skip != 0 || got.have != 0 {
			t.Errorf("in pieces of %d: %+v", piece, got)
		}
	}
	var plain frames
	if plain.see([]byte("POST /allot.v1.AllocationService/Allocate HTTP/1.1\r\n")); !plain.other {
		t.Error("HTTP/1 is taken for HTTP/2")
	}
}
