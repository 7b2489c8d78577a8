package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	dto "github.com/prometheus/client_model/go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/server/metrics"
)

var update = flag.Bool("update", false, "write the list of metrics in docs/metrics.md")

// scraped returns the values of all metrics by name and labels, as name{label=value,…}; of histograms the count.
func scraped(t testing.TB, m *metrics.Set) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, f := range families(t, m) {
		for _, one := range f.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				out[name] = one.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				out[name] = one.GetGauge().GetValue()
			default:
				out[name] = float64(one.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}

func families(t testing.TB, m *metrics.Set) []*dto.MetricFamily {
	t.Helper()
	out, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMetricsCount makes known calls on both ports and wants exactly them to be counted.
func TestMetricsCount(t *testing.T) {
	m := metrics.New()
	m.StageEvery(1)
	s := serve(t, func(c *Config) { c.Metrics = m })
	for i, request := range []*allotv1.AllocateRequest{
		allocate("a", order("43004", "mug", 1)), allocate("a", order("43004", "mug", 1)), allocate("b", order("43004", "mug", 1_000)),
		allocate("c", order("43004", "no such sku", 1)), allocate("a", order("43004", "mug", 2)),
	} {
		_, err := s.allocation.Allocate(t.Context(), request)
		if want := []codes.Code{0, 0, 0, codes.InvalidArgument, codes.AlreadyExists}[i]; status.Code(err) != want {
			t.Fatalf("call %d: %v, want %v", i, err, want)
		}
	}
	if _, err := s.connect.Allocate(t.Context(), allocate("d", order("43004", "mug", 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.connect.Allocate(t.Context(), allocate("", order("43004", "mug", 1))); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil { // the transport may answer before a call has ended
		t.Fatal(err)
	}
	got := scraped(t, m)
	const call = "method=AllocationService/Allocate,port="
	for name, want := range map[string]float64{
		"allot_calls_total{code=OK," + call + "grpc}":                    3,
		"allot_calls_total{code=INVALID_ARGUMENT," + call + "grpc}":      1,
		"allot_calls_total{code=ALREADY_EXISTS," + call + "grpc}":        1,
		"allot_calls_total{code=OK," + call + "http}":                    1,
		"allot_calls_total{code=INVALID_ARGUMENT," + call + "http}":      1,
		"allot_call_duration_seconds{method=AllocationService/Allocate}": 7,
		"allot_decisions_total{outcome=planned_on_time}":                 2,
		"allot_decisions_total{outcome=repeated}":                        1,
		"allot_decisions_total{outcome=out_of_stock}":                    1,
		"allot_decisions_total{outcome=error}":                           3,
		"allot_decisions_again_total":                                    0,
		"allot_ledger_open_holds":                                        2,
		"allot_calls_in_flight":                                          0,
		"allot_stage_duration_seconds{stage=wait}":                       0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, want)
		}
	}
	for _, stage := range []string{"decide", "encode", "hold", "journal"} {
		if got["allot_stage_duration_seconds{stage="+stage+"}"] == 0 {
			t.Errorf("stage %s was not measured", stage)
		}
	}
	if hits, misses := got["allot_lane_cache_hits_total"], got["allot_lane_cache_misses_total"]; misses < 1 || hits+misses < 4 {
		t.Errorf("%v hits and %v misses of lanes", hits, misses)
	}
}

// TestMetricsCountAtOnce counts from many goroutines while others scrape.
func TestMetricsCountAtOnce(t *testing.T) {
	m := metrics.New()
	s, _ := newServer(t, func(c *Config) { c.Metrics = m })
	defer s.Close()
	const callers, calls = 8, 25
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range calls {
				if _, err := s.Allocate(t.Context(), allocate(fmt.Sprint(i, "-", j), order("43004", "mug", 1_000))); err != nil {
					t.Error(err)
				}
				if j%10 == 0 {
					if _, err := m.Gatherer().Gather(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if got := scraped(t, m)["allot_decisions_total{outcome=out_of_stock}"]; got != callers*calls {
		t.Errorf("%v decisions are counted, and there were %d", got, callers*calls)
	}
}

// TestLabelsAreBounded wants no label but these, none that a caller can fill, and no more series than are known.
func TestLabelsAreBounded(t *testing.T) {
	m := metrics.New()
	s := serve(t, func(c *Config) { c.Metrics = m })
	series := func() (n int) {
		for _, f := range families(t, m) {
			if strings.HasPrefix(f.GetName(), "allot_") {
				n += len(f.GetMetric())
			}
		}
		return n
	}
	ask := func(i int) {
		o := order(fmt.Sprintf("%05d", 43004+i), fmt.Sprint("secret-", i), 1)
		o.Id = fmt.Sprint("secret-order-", i)
		_, _ = s.allocation.Allocate(t.Context(), allocate(fmt.Sprint("secret-request-", i), o))
		if answer, err := http.Post(s.web+"/allot.v1.AllocationService/Secret"+fmt.Sprint(i), "application/json", strings.NewReader("{}")); err == nil {
			answer.Body.Close()
		}
	}
	ask(0)
	before := series()
	for i := range 20 {
		ask(i)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if after := series(); after > before+1 { // the first call may not have been counted then
		t.Errorf("20 calls made %d series of %d", after, before)
	}
	allowed := []string{"method", "code", "port", "outcome", "stage", "reason", "version", "commit", "go_version"}
	for _, f := range families(t, m) {
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				if strings.HasPrefix(f.GetName(), "allot_") && !slices.Contains(allowed, l.GetName()) {
					t.Errorf("%s has the label %s", f.GetName(), l.GetName())
				}
				if strings.Contains(strings.ToLower(l.GetValue()), "secret") {
					t.Errorf("%s tells %s of a caller", f.GetName(), l.GetValue())
				}
			}
		}
	}
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(raw)
}

// TestAdminPort looks at the admin port before a server takes calls and while it does, and for its pages on the others.
func TestAdminPort(t *testing.T) {
	m := metrics.New()
	a := NewAdmin(listen(t), m, slog.New(slog.DiscardHandler))
	defer a.Close()
	at := "http://" + a.Addr().String()
	if code, _ := get(t, at+"/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("ready before there is a server: %d", code)
	}
	if code, body := get(t, at+"/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("alive: %d %s", code, body)
	}
	s := serve(t, func(c *Config) { c.Metrics, c.Admin = m, a })
	if _, err := s.allocation.Quote(t.Context(), &allotv1.QuoteRequest{Order: order("43004", "mug", 1)}); err != nil { // it serves
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/readyz": "ok\n", "/": "/debug/pprof/", "/metrics": "allot_build_info{", "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		if code, body := get(t, at+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %.200s", path, code, body)
		}
		if path == "/" || path == "/readyz" {
			continue
		}
		if code, _ := get(t, s.web+path); code != http.StatusNotFound {
			t.Errorf("%s is on the public port as well: %d", path, code)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error("the admin port is there after the server")
	}
}

// TestStuckScrape holds a scrape up for good, and calls are answered none the less.
func TestStuckScrape(t *testing.T) {
	m := metrics.New()
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	m.GaugeFunc("allot_test_stuck", "Stuck.", nil, func() float64 { once.Do(func() { close(entered) }); <-release; return 0 })
	s := serve(t, func(c *Config) { c.Metrics = m })
	done := make(chan struct{})
	go func() { defer close(done); _, _ = m.Gatherer().Gather() }()
	<-entered
	for i := range 10 {
		if _, err := s.allocation.Allocate(t.Context(), allocate(fmt.Sprint(i), order("43004", "mug", 1))); err != nil {
			t.Error(err)
		}
		if _, err := s.connect.Allocate(t.Context(), allocate(fmt.Sprint("web-", i), order("43004", "mug", 1))); err != nil {
			t.Error(err)
		}
	}
	close(release)
	<-done
}

// TestTraces follows the caller's trace on both ports, and finds the stages in it and nothing of the order.
func TestTraces(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	s := serve(t, func(c *Config) { c.Tracer = provider })
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	o := order("43004", "mug", 1)
	o.Id = "secret-order"
	if _, err := s.allocation.Allocate(t.Context(), allocate("untraced", o)); err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", parent)
	if _, err := s.allocation.Allocate(ctx, allocate("secret-1", o)); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+"/allot.v1.AllocationService/Allocate",
		strings.NewReader(`{"requestId":"secret-2","order":{"id":"secret-order","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"43004"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("traceparent", parent)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, span := range kept.GetSpans() {
		names[span.Name]++
		if got := span.SpanContext.TraceID().String(); got != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("%s is in the trace %s", span.Name, got)
		}
		if raw := fmt.Sprint(span.Attributes, span.Events, span.Status); strings.Contains(raw, "secret") || strings.Contains(raw, "mug") || strings.Contains(raw, "43004") {
			t.Errorf("%s tells of the order: %s", span.Name, raw)
		}
	}
	for _, name := range []string{"allot.v1.AllocationService/Allocate", "order", "parse", "decide", "encode", "hold", "journal"} {
		if names[name] != 2 {
			t.Errorf("%d spans %s, want 2 of %v", names[name], name, names)
		}
	}
	_ = provider.Shutdown(context.Background())
}

// known returns all metrics of a server.
func known(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	m := metrics.New()
	m.Disk(t.TempDir())
	s, _ := newServer(t, func(c *Config) { c.Metrics = m })
	defer s.Close()
	return families(t, m)
}

const listBegin, listEnd = "<!-- metrics: written by `go test ./server -run TestMetricsList -update` -->\n", "<!-- end of metrics -->\n"

// TestMetricsList holds docs/metrics.md to the metrics that there are.
func TestMetricsList(t *testing.T) {
	var list strings.Builder
	list.WriteString("\n| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n")
	for _, f := range known(t) {
		if !strings.HasPrefix(f.GetName(), "allot_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		fmt.Fprintf(&list, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	list.WriteString("\n")
	const file = "../docs/metrics.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(raw), listBegin)
	got, after, ended := strings.Cut(rest, listEnd)
	if !begun || !ended {
		t.Fatalf("%s has no list of metrics", file)
	}
	if got == list.String() {
		return
	}
	if !*update {
		t.Fatalf("%s lists other metrics than there are; run go test ./server -run TestMetricsList -update", file)
	}
	if err := os.WriteFile(file, []byte(before+listBegin+list.String()+listEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkObserved is what it costs to watch: an Allocate from its bytes to those of its answer, without a transport, and with
// nothing watched, metrics, all stages measured, and a tracer that samples none.
func BenchmarkObserved(b *testing.B) {
	for _, way := range []string{"none", "metrics", "every-stage", "tracer-unsampled"} {
		b.Run(way, func(b *testing.B) {
			s, _ := newServer(b, func(c *Config) {
				switch way {
				case "metrics", "every-stage":
					c.Metrics = metrics.New()
					if way == "every-stage" {
						c.Metrics.StageEvery(1)
					}
				case "tracer-unsampled":
					c.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
				}
			})
			defer s.Close()
			call := s.guard(allotv1.AllocationService_Allocate_FullMethodName, allocateOnWire)
			var wires []string
			for i := range b.N {
				raw, err := binaryCodec().Marshal(allocate(fmt.Sprint(i), order("43004", "lamp", 6))) // refused: all of the way but claims
				if err != nil {
					b.Fatal(err)
				}
				wires = append(wires, string(raw))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if _, err := call(s, b.Context(), func(m any) error { m.(*wireRequest).wire = wires[i]; return nil }, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
