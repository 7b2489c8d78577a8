package server

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"connectrpc.com/connect"
	"github.com/allot-engine/allot/server/metrics"
)

// A seen is a call that is watched from its arrival to its end.
type seen struct {
	s      *Server
	began  time.Time
	method int
	port   metrics.Port
	stream bool // goes on for as long as the caller likes
	span   trace.Span
}

// arrived begins to watch a call of a method, by its number in the metrics and its name. Call end in the end.
func (s *Server) arrived(ctx context.Context, port metrics.Port, number int, name string) (context.Context, seen) {
	out := seen{s: s, method: number, port: port}
	if s.cfg.Metrics != nil {
		out.began = time.Now()
	}
	return ctx, out
}

// arrivedWeb is arrived for the second port.
func (s *Server) arrivedWeb(ctx context.Context, name string, header http.Header) (context.Context, seen) {
	out := seen{s: s, port: metrics.HTTP}
	if s.cfg.Metrics != nil {
		out.began, out.method = time.Now(), s.cfg.Metrics.Method(name)
	}
	return ctx, out
}

// end counts the call with its error, as the caller gets it.
func (c *seen) end(err error) {
	if c.s.cfg.Metrics == nil {
		return
	}
	took := time.Duration(-1)
	if !c.stream {
		took = time.Since(c.began)
	}
	c.s.cfg.Metrics.Call(c.port, c.method, codeOf(err), took)
}

// codeOf returns the status code that a caller of either port gets with an error.
func codeOf(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	if c := connect.CodeOf(err); c != connect.CodeUnknown {
		return codes.Code(c)
	}
	return status.Code(err)
}

// watched puts the states of the server's parts among the metrics.
func (s *Server) watched() {
	m := s.cfg.Metrics
	if m == nil {
		return
	}
	m.GaugeFunc("allot_calls_in_flight", "Calls that are being answered, on both ports together.", nil, func() float64 { return float64(s.gate.inFlight.Load()) })
	m.GaugeFunc("allot_batches_in_flight", "Batches that are being decided.", nil, func() float64 { return float64(s.batches.inFlight.Load()) })
}
