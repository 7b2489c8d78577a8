package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/server/metrics"
)

func wantMetrics(t *testing.T, m *metrics.Set, want map[string]float64) {
	t.Helper()
	got := scraped(t, m)
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, value)
		}
	}
}

// TestRefusalsAreCounted refuses calls on both ports for memory, one of them before there is a handler for it.
func TestRefusalsAreCounted(t *testing.T) {
	m := metrics.New()
	runtime.GC() // something lives on the heap from now on, however often anybody looks
	s := serve(t, func(c *Config) { c.Metrics, c.MemoryLimit = m, 1 })
	s.observe(1 << 30)
	if _, err := s.allocation.Allocate(t.Context(), allocate("a", order("43004", "mug", 1))); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("gRPC: %v", err)
	}
	if _, err := s.connect.Allocate(t.Context(), allocate("b", order("43004", "mug", 1))); codeOf(err) != codes.ResourceExhausted {
		t.Errorf("HTTP: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	const call = "allot_calls_total{code=RESOURCE_EXHAUSTED,method=AllocationService/Allocate,port="
	wantMetrics(t, m, map[string]float64{
		"allot_limit_refused_total{reason=memory}": 2, "allot_limit_refused_total{reason=busy}": 0, call + "grpc}": 1, call + "http}": 1,
		"allot_limit_calls_inside": 0, "allot_limit_calls_waiting": 0,
	})
	if got := scraped(t, m)["allot_limit_calls"]; got != float64(s.Limits().Limit) || got < 1 {
		t.Errorf("a limit of %v", got)
	}
}

// TestWaitIsMeasured lets a call wait for another, and measures that; a call that need not wait has no such stage.
func TestWaitIsMeasured(t *testing.T) {
	m := metrics.New()
	s, _ := newServer(t, func(c *Config) { c.Metrics = m })
	defer s.Close()
	l := s.limits
	l.mu.Lock()
	l.o.limit = 1
	l.mu.Unlock()
	first, second := &job{client: &l.o.others}, &job{client: &l.o.others}
	for _, c := range []*job{first, second} {
		l.prepare(c, t.Context(), classAllocate)
		c.kept, c.checked = true, true
		if err := l.arrive(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.begin(first); err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, m, map[string]float64{
		"allot_limit_calls": 1, "allot_limit_calls_inside": 1, "allot_limit_calls_waiting": 1, "allot_stage_duration_seconds{stage=wait}": 0,
	})
	l.leave(first)
	if err := l.begin(second); err != nil {
		t.Fatal(err)
	}
	if second.waited <= 0 {
		t.Errorf("it waited %v", second.waited)
	}
	wantMetrics(t, m, map[string]float64{
		"allot_limit_calls_inside": 1, "allot_limit_calls_waiting": 0, "allot_stage_duration_seconds{stage=wait}": 1,
	})
	l.leave(second)
}

// TestStreamsAreMeasured sends orders in a stream, and looks while none is answered, and after all are. The journal is waited for once.
func TestStreamsAreMeasured(t *testing.T) {
	const orders = 5
	m := metrics.New()
	m.StageEvery(1)
	keep := stored(t, newTape(), nil)
	s, _ := newServer(t, func(c *Config) { keep(c); c.Metrics = m })
	defer s.Close()
	message := &allotv1.AllocateStreamRequest{}
	for i := range orders {
		message.Requests = append(message.Requests, &allotv1.TaggedAllocateRequest{Tag: uint64(i), Request: allocate(fmt.Sprint(i), order("43004", "mug", 1))})
	}
	sc := &script{messages: []*allotv1.AllocateStreamRequest{message}}
	err := s.allocateStream(t.Context(), sc.onWire, func(groups answeredGroups) error {
		wantMetrics(t, m, map[string]float64{"allot_streams_open": 1, "allot_stream_orders_open": orders})
		out, err := groups.message()
		if err != nil {
			return err
		}
		return sc.send(out)
	})
	if err != nil || len(sc.answers) != orders {
		t.Fatalf("%d answers, %v", len(sc.answers), err)
	}
	wantMetrics(t, m, map[string]float64{
		"allot_streams_open": 0, "allot_stream_orders_open": 0, "allot_decisions_total{outcome=planned_on_time}": orders,
		"allot_stage_duration_seconds{stage=parse}": orders, "allot_stage_duration_seconds{stage=hold}": orders,
		"allot_stage_duration_seconds{stage=journal}": 1, // of the group
	})
	if _, err := s.Allocate(t.Context(), allocate("alone", order("43004", "mug", 1))); err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, m, map[string]float64{"allot_stage_duration_seconds{stage=hold}": orders + 1, "allot_stage_duration_seconds{stage=journal}": 2})
}

// TestStreamsThatEndEarlyAreForgotten ends a stream before its orders are answered.
func TestStreamsThatEndEarlyAreForgotten(t *testing.T) {
	m := metrics.New()
	s, _ := newServer(t, func(c *Config) { c.Metrics = m })
	defer s.Close()
	sc := &script{messages: []*allotv1.AllocateStreamRequest{{Requests: []*allotv1.TaggedAllocateRequest{
		{Tag: 1, Request: allocate("a", order("43004", "mug", 1))}, {Tag: 2, Request: allocate("b", order("43004", "mug", 1))},
	}}}}
	if err := s.allocateStream(t.Context(), sc.onWire, func(answeredGroups) error { return errDisk }); err == nil {
		t.Fatal("answers that cannot be sent are no error")
	}
	wantMetrics(t, m, map[string]float64{"allot_streams_open": 0, "allot_stream_orders_open": 0})
}

// TestWebRefusalsBeforeTheInterceptor makes calls of the second port that connectrpc refuses by itself, and wants each to be counted, once.
func TestWebRefusalsBeforeTheInterceptor(t *testing.T) {
	m := metrics.New()
	s := serve(t, func(c *Config) { c.Metrics = m })
	send := func(method, path string, header ...string) int {
		request, err := http.NewRequestWithContext(t.Context(), method, s.web+path, strings.NewReader("no gzip"))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	const path = "/allot.v1.AllocationService/Allocate"
	if got := send(http.MethodPost, path, "Content-Type", "text/plain"); got != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d", got)
	}
	if got := send(http.MethodDelete, path); got != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", got)
	}
	if got := send(http.MethodPost, path, "Content-Type", "application/json", "Content-Encoding", "gzip"); got != http.StatusBadRequest {
		t.Errorf("broken compression: %d", got)
	}
	send(http.MethodPost, "/allot.v1.AllocationService/Nobody", "Content-Type", "application/json")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	const call = ",method=AllocationService/Allocate,port=http}"
	wantMetrics(t, m, map[string]float64{
		"allot_calls_total{code=UNIMPLEMENTED" + call: 2, "allot_calls_total{code=INVALID_ARGUMENT" + call: 1, "allot_calls_total{code=OK" + call: 0,
	})
}

// TestReadyWhileSheddingAndDraining asks the admin port while the limiter sends balancers elsewhere, after that, and in a drain.
func TestReadyWhileSheddingAndDraining(t *testing.T) {
	m := metrics.New()
	a := NewAdmin(listen(t), m, slog.New(slog.DiscardHandler))
	defer a.Close()
	s, _ := newServer(t, func(c *Config) { c.Metrics, c.Admin, c.UnreadyAfter, c.DrainDelay = m, a, time.Hour, time.Hour })
	defer s.Close()
	a.server.Store(s) // nobody but this test observes it yet
	at := "http://" + a.Addr().String()
	ready := func(when string, want bool, metric float64) {
		t.Helper()
		code, _ := get(t, at+"/readyz")
		if (code == http.StatusOK) != want || !want && code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", when, code)
		}
		if code, _ := get(t, at+"/healthz"); code != http.StatusOK {
			t.Errorf("%s it does not live: %d", when, code)
		}
		wantMetrics(t, m, map[string]float64{"allot_ready": map[bool]float64{true: 1}[want], "allot_limit_unready": metric})
	}
	shed := func(unready bool) {
		s.limits.mu.Lock()
		s.limits.o.unready = unready
		s.limits.mu.Unlock()
		s.observe(0)
	}
	ready("at rest", true, 0)
	shed(true)
	ready("while it sheds", false, 1)
	shed(false)
	ready("later", true, 0)

	rpc := listen(t)
	drains := make(chan struct{})
	s.delay = func(time.Duration) { ready("while it drains", false, 0); close(drains) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, rpc, nil) }()
	conn := dial(t, rpc.Addr().String())
	if _, err := allotv1.NewAllocationServiceClient(conn).Quote(t.Context(), &allotv1.QuoteRequest{Order: order("43004", "mug", 1)}); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-drains
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
