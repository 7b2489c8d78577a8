package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
)

// A blockade makes the server's clock stand in the way: the first calls after close wait until open.
type blockade struct {
	*clock
	closed  atomic.Bool
	reached chan struct{}
	open    chan struct{}
}

func newBlockade() *blockade {
	return &blockade{clock: &clock{at: wednesday}, reached: make(chan struct{}, 100), open: make(chan struct{})}
}

func (b *blockade) now() time.Time {
	if b.closed.Load() {
		b.reached <- struct{}{}
		<-b.open
	}
	return b.clock.now()
}

func TestTooManyCallsInFlight(t *testing.T) {
	b := newBlockade()
	s := serve(t, func(c *Config) { c.MaxInFlight = 2; c.Now = b.now; c.ExpireEvery = time.Hour })
	b.closed.Store(true)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if _, err := s.allocation.Allocate(t.Context(), allocate(fmt.Sprint(i), order("10001", "mug", 1))); err != nil {
				t.Error(err)
			}
		})
		<-b.reached
	}
	_, err := s.allocation.Allocate(t.Context(), allocate("2", order("10001", "mug", 1)))
	want := status.Convert(err)
	if want.Code() != codes.ResourceExhausted || reasonOf(want) != ReasonTooManyCalls || retryOf(want) != busyRetry {
		t.Errorf("gRPC: %v %v", err, want.Details())
	}
	_, err = s.connect.Allocate(t.Context(), allocate("3", order("10001", "mug", 1)))
	if got := statusOfConnect(t, err); !sameStatus(got, want) {
		t.Errorf("connect: %v", got.Proto())
	}
	web := allotv1connect.NewAllocationServiceClient(http.DefaultClient, s.web, connect.WithGRPCWeb())
	_, err = web.Allocate(t.Context(), allocate("4", order("10001", "mug", 1)))
	if got := statusOfConnect(t, err); !sameStatus(got, want) {
		t.Errorf("gRPC-Web: %v", got.Proto())
	}
	b.closed.Store(false)
	close(b.open)
	wg.Wait()
	if _, err := s.allocation.Allocate(t.Context(), allocate("5", order("10001", "mug", 1))); err != nil {
		t.Errorf("when calls have ended: %v", err)
	}
}

func TestDrainLosesNothing(t *testing.T) {
	b := newBlockade()
	s := serve(t, func(c *Config) { c.Now = b.now; c.ExpireEvery = time.Hour; c.DrainDelay = time.Hour })
	noticed := make(chan struct{}) // by the balancers, for whom the delay is
	s.delay = func(time.Duration) { <-noticed }
	health := grpc_health_v1.NewHealthClient(s.conn)
	serving := func() grpc_health_v1.HealthCheckResponse_ServingStatus {
		out, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "allot.v1.AllocationService"})
		if err != nil {
			t.Fatal(err)
		}
		return out.GetStatus()
	}
	healthz := func() int {
		resp, err := http.Get(s.web + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if serving() != grpc_health_v1.HealthCheckResponse_SERVING || healthz() != http.StatusOK {
		t.Fatal("not serving")
	}
	b.closed.Store(true)
	answers := make(chan error, 2)
	go func() {
		_, err := s.allocation.Allocate(t.Context(), allocate("1", order("10001", "mug", 1)))
		answers <- err
	}()
	go func() {
		_, err := s.connect.Allocate(t.Context(), allocate("2", order("10001", "mug", 1)))
		answers <- err
	}()
	<-b.reached
	<-b.reached
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for serving() == grpc_health_v1.HealthCheckResponse_SERVING { // it says so before it refuses calls
		time.Sleep(time.Millisecond)
	}
	if healthz() != http.StatusServiceUnavailable {
		t.Error("healthz says that it serves")
	}
	close(noticed)
	for { // until it takes no more
		conn, err := net.Dial("tcp", s.rpc)
		if err != nil {
			break
		}
		_ = conn.Close()
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-stopped:
		t.Fatalf("drained with calls in flight: %v", err)
	default:
	}
	b.closed.Store(false)
	close(b.open)
	for range 2 {
		if err := <-answers; err != nil {
			t.Errorf("a call in flight was lost: %v", err)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("drain: %v", err)
	}
	if n := s.ledger.Open(); n != 2 {
		t.Errorf("%d holds of 2 answers", n)
	}
}

func TestDrainIsBounded(t *testing.T) {
	b := newBlockade()
	srv, _ := newServer(t, func(c *Config) { c.Now = b.now; c.ExpireEvery = time.Hour; c.DrainTimeout = 50 * time.Millisecond })
	rpc, web := listen(t), listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, rpc, web) }()
	b.closed.Store(true)
	client := allotv1connect.NewAllocationServiceClient(http.DefaultClient, "http://"+web.Addr().String())
	answer := make(chan error, 1)
	go func() {
		_, err := client.Allocate(t.Context(), allocate("1", order("10001", "mug", 1)))
		answer <- err
	}()
	<-b.reached
	cancel()
	if err := <-answer; err == nil {
		t.Error("a call that hangs was answered")
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "drain timed out: 1 calls cut off") {
		t.Errorf("%v", err)
	}
	b.closed.Store(false)
	close(b.open)
}

func TestServeFailsWithItsListener(t *testing.T) {
	srv, _ := newServer(t, nil)
	defer srv.Close()
	rpc, web := listen(t), listen(t)
	_ = rpc.Close()
	if err := srv.Serve(t.Context(), rpc, web); err == nil {
		t.Error("served on a closed listener")
	}
}

// TestPanicIsInternal makes the clock panic, as a defect would.
func TestPanicIsInternal(t *testing.T) {
	var log bytes.Buffer
	var broken atomic.Bool
	s := serve(t, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(&log, nil))
		c.ExpireEvery = time.Hour
		c.Now = func() time.Time {
			if broken.Load() {
				panic("the clock fell off the wall")
			}
			return wednesday
		}
	})
	broken.Store(true)
	_, err := s.allocation.Allocate(t.Context(), allocate("1", order("10001", "mug", 1)))
	want := status.Convert(err)
	if want.Code() != codes.Internal || reasonOf(want) != ReasonInternal || strings.Contains(want.Message(), "clock") {
		t.Errorf("gRPC: %v %v", err, want.Details())
	}
	_, err = s.connect.Allocate(t.Context(), allocate("1", order("10001", "mug", 1)))
	if got := statusOfConnect(t, err); !sameStatus(got, want) {
		t.Errorf("connect: %v", got.Proto())
	}
	broken.Store(false)
	if _, err := s.allocation.Allocate(t.Context(), allocate("1", order("10001", "mug", 1))); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "the clock fell off the wall"); n != 2 || !strings.Contains(log.String(), "TestPanicIsInternal") {
		t.Errorf("%d panics logged with their stacks:\n%s", n, log.String())
	}
}

func TestReflectionListsServices(t *testing.T) {
	s := serve(t, nil)
	stream, err := grpc_reflection_v1.NewServerReflectionClient(s.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		listed = append(listed, service.GetName())
	}
	for _, want := range append(slices.Clone(serviceNames), "grpc.health.v1.Health") {
		if !slices.Contains(listed, want) {
			t.Errorf("gRPC reflection lists %v, not %s", listed, want)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}

	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	h2c := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	web := grpcreflect.NewClient(h2c, s.web, connect.WithGRPC()).NewStream(t.Context())
	names, err := web.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range serviceNames {
		if !slices.ContainsFunc(names, func(n protoreflect.FullName) bool { return string(n) == want }) {
			t.Errorf("the second port's reflection lists %v, not %s", names, want)
		}
	}
	if _, err := web.Close(); err != nil {
		t.Error(err)
	}
}

func TestHealthOnTheSecondPort(t *testing.T) {
	s := serve(t, nil)
	for service, want := range map[string]string{
		"":                             "SERVING",
		"allot.v1.AllocationService":   "SERVING",
		"allot.v1.NoSuchThingAnywhere": "not_found",
	} {
		_, body := s.post(t, "/grpc.health.v1.Health/Check", fmt.Sprintf(`{"service": %q}`, service))
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("%q: %s", service, body)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	ask := func(s *site, origin string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.web+allotv1connect.AllocationServiceQuoteProcedure, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "content-type")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.Header.Get("Access-Control-Allow-Origin")
	}
	if got := ask(serve(t, nil), "https://shop.example"); got != "" {
		t.Errorf("allowed by default: %q", got)
	}
	s := serve(t, func(c *Config) { c.AllowOrigins = []string{"https://shop.example"} })
	if got := ask(s, "https://shop.example"); got != "https://shop.example" {
		t.Errorf("allowed %q", got)
	}
	if got := ask(s, "https://evil.example"); got != "" {
		t.Errorf("allowed %q", got)
	}
}

func TestHeadersTooLarge(t *testing.T) {
	s := serve(t, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.web+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestConfigFaults(t *testing.T) {
	_, err := New(Config{
		MaxMessage: -1, MaxHeader: -1, MaxInFlight: -1, MaxAttempts: -1, ExpireEvery: -1, DrainDelay: -1, DrainTimeout: -1,
		ReadTimeout: -1, WriteTimeout: -1, IdleTimeout: -1, AllowOrigins: []string{"*", "shop.example"},
	})
	bad, ok := asFaults(err)
	if !ok || len(bad) != 12 {
		t.Errorf("%d faults: %v", len(bad), err)
	}
	if _, err := New(Config{Load: edited("network.yaml", "currency: USD", "currency: gold")}); err == nil {
		t.Error("a network with a fault is served")
	}
}
