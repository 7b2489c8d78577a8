package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server/metrics"
)

// The two ports have different types for streams. The methods of Server are grpc-go's; these are connectrpc's.

// WatchDecisions implements allotv1.AllocationServiceServer.
func (s *Server) WatchDecisions(request *allotv1.WatchDecisionsRequest, stream grpc.ServerStreamingServer[allotv1.WatchDecisionsResponse]) error {
	return s.watchDecisions(stream.Context(), request, stream.Send)
}

// WatchStock implements allotv1.InventoryServiceServer.
func (s *Server) WatchStock(request *allotv1.WatchStockRequest, stream grpc.ServerStreamingServer[allotv1.WatchStockResponse]) error {
	return s.watchStock(stream.Context(), request, stream.Send)
}

// AllocateStream implements allotv1.AllocationServiceServer.
func (s *Server) AllocateStream(stream grpc.BidiStreamingServer[allotv1.AllocateStreamRequest, allotv1.AllocateStreamResponse]) error {
	return s.allocateStream(stream.Context(), stream.Recv, stream.Send)
}

// ImportStock implements allotv1.InventoryServiceServer.
func (s *Server) ImportStock(stream grpc.ClientStreamingServer[allotv1.ImportStockRequest, allotv1.ImportStockResponse]) error {
	out, err := s.importStock(stream.Context(), stream.Recv)
	if err != nil {
		return err
	}
	return stream.SendAndClose(out)
}

// webAllocation and webInventory are the services of the second port.
type (
	webAllocation struct{ *Server }
	webInventory  struct{ *Server }
)

var (
	_ allotv1connect.AllocationServiceHandler = webAllocation{}
	_ allotv1connect.InventoryServiceHandler  = webInventory{}
)

// WatchDecisions implements allotv1connect.AllocationServiceHandler.
func (s webAllocation) WatchDecisions(ctx context.Context, request *allotv1.WatchDecisionsRequest, stream *connect.ServerStream[allotv1.WatchDecisionsResponse]) error {
	return s.watchDecisions(ctx, request, stream.Send)
}

// WatchStock implements allotv1connect.InventoryServiceHandler.
func (s webInventory) WatchStock(ctx context.Context, request *allotv1.WatchStockRequest, stream *connect.ServerStream[allotv1.WatchStockResponse]) error {
	return s.watchStock(ctx, request, stream.Send)
}

// AllocateStream implements allotv1connect.AllocationServiceHandler.
func (s webAllocation) AllocateStream(ctx context.Context, stream *connect.BidiStream[allotv1.AllocateStreamRequest, allotv1.AllocateStreamResponse]) error {
	return s.allocateStream(ctx, stream.Receive, stream.Send)
}

// ImportStock implements allotv1connect.InventoryServiceHandler.
func (s webInventory) ImportStock(ctx context.Context, stream *connect.ClientStream[allotv1.ImportStockRequest]) (*allotv1.ImportStockResponse, error) {
	return s.importStock(ctx, func() (*allotv1.ImportStockRequest, error) {
		if stream.Receive() {
			return stream.Msg(), nil
		}
		if err := stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	})
}

// guardStream is guard for streams.
func (s *Server) guardStream(name string, handle grpc.StreamHandler) grpc.StreamHandler {
	number := s.cfg.Metrics.Method(name)
	return func(srv any, stream grpc.ServerStream) (err error) {
		ctx, seen := s.arrived(stream.Context(), metrics.GRPC, number, name)
		seen.stream = true
		defer func() { seen.end(err) }()
		if err := s.gate.enter(); err != nil {
			return statusOf(err).Err()
		}
		defer func() {
			s.gate.leave()
			if p := recover(); p != nil {
				err = s.panicked(name, p)
			}
			if err != nil {
				err = s.outward(name, err).Err()
			}
		}()
		return handle(srv, unmarkedStream{stream, ctx})
	}
}

// An unmarkedStream refuses messages which the codec has marked.
type unmarkedStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s unmarkedStream) Context() context.Context { return s.ctx }

// RecvMsg implements grpc.ServerStream.
func (s unmarkedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err // grpc-go has told the caller
	}
	return marked(m.(proto.Message))
}

// An interceptor gives calls of the second port what guard gives those of the first.
type interceptor struct{ s *Server }

// WrapUnary implements connect.Interceptor.
func (i interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return i.s.intercept(next) }

// WrapStreamingClient implements connect.Interceptor. There are no clients here.
func (interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (i interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		name := conn.Spec().Procedure
		ctx, seen := i.s.arrivedWeb(ctx, name, conn.RequestHeader())
		seen.stream = true
		defer func() { seen.end(err) }()
		defer func() {
			if p := recover(); p != nil {
				err = i.s.panicked(name, p)
			}
			if err != nil {
				err = connectError(i.s.outward(name, err))
			}
		}()
		return next(ctx, unmarkedConn{conn, i.s})
	}
}

// An unmarkedConn refuses messages which the codec has marked.
type unmarkedConn struct {
	connect.StreamingHandlerConn
	s *Server
}

// Receive implements connect.StreamingHandlerConn.
func (c unmarkedConn) Receive(m any) error {
	if err := c.StreamingHandlerConn.Receive(m); err != nil {
		if ce, ok := errors.AsType[*connect.Error](err); ok && !errors.Is(err, io.EOF) {
			if ce.Code() == connect.CodeResourceExhausted {
				return c.s.tooLarge
			}
			return status.Error(codes.Code(ce.Code()), ce.Message())
		}
		return err
	}
	return marked(m.(proto.Message))
}

// patient lets a request of the second port go on for longer than a call may take, as long as something moves: each read
// and each write has its own deadline.
func (s *Server) patient(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request, error) {
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Time{}); err != nil { // it would end the call, too, when nothing is read any more
		return w, r, err
	}
	out := *r
	out.Body = &patientBody{r.Body, s, c}
	return &patientWriter{w, s, c}, &out, nil
}

// A patientBody is the body of a request that may take long. When the server drains, what is being read ends: the call
// could not end before.
type patientBody struct {
	io.ReadCloser
	s *Server
	c *http.ResponseController
}

// Read implements io.Reader.
func (b *patientBody) Read(p []byte) (n int, err error) {
	if err := b.c.SetReadDeadline(time.Now().Add(b.s.cfg.ReadTimeout)); err != nil {
		return 0, err
	}
	release := context.AfterFunc(b.s.draining, func() { _ = b.c.SetReadDeadline(time.Unix(1, 0)) }) // the read then says so
	n, err = b.ReadCloser.Read(p)
	if release() {
		err = cmp.Or(err, b.c.SetReadDeadline(time.Time{}))
	}
	return n, err
}

type patientWriter struct {
	http.ResponseWriter
	s *Server
	c *http.ResponseController
}

// Write implements http.ResponseWriter.
func (w *patientWriter) Write(p []byte) (int, error) {
	if err := w.c.SetWriteDeadline(time.Now().Add(w.s.cfg.WriteTimeout)); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *patientWriter) Flush() { _ = w.c.Flush() } // the next write has the error

// Unwrap lets http.ResponseController find the writer.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// events answers WatchDecisions to plain HTTP: GET /v1/events?after=N&type=T, one event in JSON a line. Once it has begun,
// an error only ends it; the caller asks again after the last sequence it has.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	ctx, seen := s.arrivedWeb(r.Context(), metrics.Events, r.Header)
	seen.stream = true
	r = r.WithContext(ctx)
	refuse := func(err error) {
		seen.end(statusOf(err).Err())
		if werr := connect.NewErrorWriter().Write(w, r, connectError(s.outward("/v1/events", err))); werr != nil {
			s.cfg.Log.Debug("refusal not delivered", "error", werr)
		}
	}
	if err := s.gate.enter(); err != nil {
		refuse(err)
		return
	}
	defer s.gate.leave()
	request, err := eventsRequest(r)
	if err != nil {
		refuse(err)
		return
	}
	if w, r, err = s.patient(w, r); err != nil {
		refuse(err)
		return
	}
	begun := false
	err = s.watchDecisions(r.Context(), request, func(m *allotv1.WatchDecisionsResponse) error {
		line, err := protojson.Marshal(m)
		if err != nil {
			return fmt.Errorf("server: event %s: %w", m.GetId(), err)
		}
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return context.Canceled // the caller is gone
		}
		return http.NewResponseController(w).Flush()
	})
	if begun {
		seen.end(s.outward("/v1/events", err).Err()) // which logs what is a defect
		return
	}
	refuse(err)
}

// eventsRequest reads the query of /v1/events.
func eventsRequest(r *http.Request) (*allotv1.WatchDecisionsRequest, error) {
	var fl faults.List
	query := r.URL.Query()
	request := &allotv1.WatchDecisionsRequest{Types: query["type"]}
	if text := query.Get("after"); text != "" {
		after, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			fl.Addf("", 0, 0, "after", "write the last sequence that you have dealt with", "%.40q is no sequence", text)
		}
		request.AfterSequence = &after
	}
	for name := range query {
		if name != "after" && name != "type" {
			fl.Addf("", 0, 0, "query", "write after=N and type=T", "unknown parameter %.40q", name)
		}
	}
	return request, fl.Err()
}
