package server

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// tracerName is what makes the spans.
const tracerName = "github.com/allot-engine/allot/server"

// incoming is the headers of a gRPC call that carry the caller's trace.
type incoming struct{ ctx context.Context } //nolint:containedctx // it is read and forgotten

// Get implements propagation.TextMapCarrier.
func (c incoming) Get(key string) string {
	if values := metadata.ValueFromIncomingContext(c.ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements propagation.TextMapCarrier; nobody calls it.
func (incoming) Set(string, string) {}

// Keys implements propagation.TextMapCarrier; nobody calls it.
func (incoming) Keys() []string { return nil }

// A callSpan is the span of a call; the zero value is none.
type callSpan struct{ trace.Span }

// servedSpan is the options of the spans of calls.
var servedSpan = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

// startSpan begins the span of a call in the trace of its caller, if that has one. What it is told of the call it is told only where
// the span is sampled.
func (s *Server) startSpan(ctx context.Context, header propagation.TextMapCarrier, name, system string) (context.Context, callSpan) {
	if header.Get("traceparent") != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, header)
	}
	name = strings.TrimPrefix(name, "/")
	ctx, span := s.tracer.Start(ctx, name, servedSpan...)
	if span.IsRecording() {
		service, method, _ := strings.Cut(name, "/")
		span.SetAttributes(attribute.String("rpc.system", system), attribute.String("rpc.service", service), attribute.String("rpc.method", method))
	}
	return ctx, callSpan{span}
}

// end ends the span with the status of the call, and nothing of its text: that may have what the order is about.
func (c callSpan) end(err error) {
	if c.Span == nil {
		return
	}
	if !c.IsRecording() {
		c.Span.End()
		return
	}
	code := codeOf(err)
	c.SetAttributes(attribute.Int("rpc.grpc.status_code", int(code)))
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss: // the server's
		c.SetStatus(otelcodes.Error, code.String())
	}
	c.Span.End()
}

// An orderSpan is the span of one order to be made, with those of its stages inside of it. The zero value is none.
type orderSpan struct {
	ctx    context.Context //nolint:containedctx // of the call, for as long as the order is at the desk
	tracer trace.Tracer
}

// start begins to watch the order at a desk. Its stages are measured where it is sampled or its call is traced.
func (d *desk) start(ctx context.Context, tracer trace.Tracer) {
	d.sampled = d.record.Sample()
	d.on, d.attempts, d.laps, d.traced = d.sampled, 0, d.laps[:0], orderSpan{}
	if tracer != nil && trace.SpanFromContext(ctx).IsRecording() {
		d.on, d.traced = true, orderSpan{ctx, tracer}
	}
	if d.on {
		d.began = time.Now()
		d.last = d.began
	}
}

// readBefore tells that the order was read before start, in so much time.
func (w *watch) readBefore(took time.Duration) {
	if w.on {
		w.began, w.last = w.began.Add(-took), w.last.Add(-took)
	}
}

// end makes the spans.
func (o *orderSpan) end(began time.Time, laps []lap, about ...attribute.KeyValue) {
	ctx, span := o.tracer.Start(o.ctx, "order", trace.WithTimestamp(began), trace.WithAttributes(about...))
	for _, l := range laps {
		stageSpan(ctx, o.tracer, l)
	}
	span.End()
}

// stageSpan makes the span of a stage that is over, inside of the context's.
func stageSpan(ctx context.Context, tracer trace.Tracer, l lap) {
	_, span := tracer.Start(ctx, l.stage.String(), trace.WithTimestamp(l.from))
	span.End(trace.WithTimestamp(l.til))
}
