package server

import (
	"context"
	"net/http"
	"net/textproto"
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

// incoming returns the headers of a gRPC call that carry the caller's trace.
func incoming(ctx context.Context) http.Header {
	out := http.Header{}
	for _, key := range (propagation.TraceContext{}).Fields() {
		if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
			out[textproto.CanonicalMIMEHeaderKey(key)] = values
		}
	}
	return out
}

// A callSpan is the span of a call; the zero value is none.
type callSpan struct{ trace.Span }

// startSpan begins the span of a call in the trace of its caller, if that has one.
func (s *Server) startSpan(ctx context.Context, header http.Header, name, system string) (context.Context, callSpan) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	name = strings.TrimPrefix(name, "/")
	service, method, _ := strings.Cut(name, "/")
	ctx, span := s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("rpc.system", system), attribute.String("rpc.service", service), attribute.String("rpc.method", method),
	))
	return ctx, callSpan{span}
}

// end ends the span with the status of the call, and nothing of its text: that may have what the order is about.
func (c callSpan) end(err error) {
	if c.Span == nil {
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

// An orderSpan is the span of one order, with those of its stages inside of it.
type orderSpan struct {
	ctx    context.Context
	span   trace.Span // nil for none
	tracer trace.Tracer
}

// start begins to watch the order at a desk. Its stages are measured where it is sampled or its call is traced.
func (d *desk) start(ctx context.Context, tracer trace.Tracer) {
	d.on, d.attempts, d.laps = d.record.Sample(), 0, d.laps[:0]
	if tracer != nil && trace.SpanFromContext(ctx).IsRecording() {
		d.on = true
		d.traced.tracer = tracer
		d.traced.ctx, d.traced.span = tracer.Start(ctx, "order")
	}
	if d.on {
		d.last = time.Now()
	}
}

// end ends the span and tells the stages.
func (o *orderSpan) end(laps []lap) {
	for _, l := range laps {
		_, span := o.tracer.Start(o.ctx, l.stage.String(), trace.WithTimestamp(l.from))
		span.End(trace.WithTimestamp(l.til))
	}
	o.span.End()
}
