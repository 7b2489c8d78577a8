package main

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// scrape reads the metrics of a server.
func (s *serving) scrape(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	return answered(t, request)
}

// TestAdminPortInUse tells who asks for an admin port that another has, and how to do without.
func TestAdminPortInUse(t *testing.T) {
	s := startServe(t, wednesday, "testdata/network")
	defer s.stop()
	code, _, errs := allot(t, wednesday, "", "serve", "testdata/network", "--grpc", "127.0.0.1:0", "--http", "none", "--admin", s.admin)
	if code != exitFailed || !strings.Contains(errs, "--admin: ") || !strings.Contains(errs, "address already in use") || !strings.Contains(errs, "--admin none does without") {
		t.Errorf("code %d, %s", code, errs)
	}
}

// TestDiskIsWatched wants the disk of the data directory among the metrics, and of a server without one no such thing.
func TestDiskIsWatched(t *testing.T) {
	kept := startServe(t, wednesday, "testdata/network", "--data", t.TempDir())
	defer kept.stop()
	forgotten := startServe(t, wednesday, "testdata/network")
	defer forgotten.stop()
	for _, name := range []string{"allot_data_disk_free_bytes ", "allot_data_disk_bytes "} {
		if !strings.Contains(kept.scrape(t), "\n"+name) {
			t.Errorf("%s is not told", name)
		}
		if strings.Contains(forgotten.scrape(t), "\n"+name) {
			t.Errorf("%s is told without a data directory", name)
		}
	}
	if !strings.Contains(kept.scrape(t), "\nallot_journal_group_records_count ") {
		t.Error("the journal is not watched")
	}
}

// A collecting is an OpenTelemetry collector that keeps the names of the spans it is sent.
type collecting struct {
	collector.UnimplementedTraceServiceServer
	spans chan string
}

// Export implements collector.TraceServiceServer.
func (c *collecting) Export(_ context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	for _, of := range r.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans <- span.GetName()
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// TestTracesAreDelivered sends the spans of a call to a collector by OTLP.
func TestTracesAreDelivered(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10") // milliseconds
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := &collecting{spans: make(chan string, 1000)}
	g := grpc.NewServer()
	collector.RegisterTraceServiceServer(g, to)
	go func() { _ = g.Serve(l) }() // ends with Stop
	defer g.Stop()
	s := startServe(t, wednesday, "testdata/network", "--trace-endpoint", l.Addr().String(), "--trace-sample", "1")
	defer s.stop()
	s.post(t, "allot.v1.AllocationService/Allocate", s.body)
	hang := time.After(time.Minute)
	want := []string{"allot.v1.AllocationService/Allocate", "order", "parse", "decide", "encode", "hold", "journal"}
	for len(want) > 0 {
		select {
		case name := <-to.spans:
			want = slices.DeleteFunc(want, func(w string) bool { return w == name })
		case <-hang:
			t.Fatalf("these spans never came: %v; %s", want, s.log())
		}
	}
}
