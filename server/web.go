package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"

	"connectrpc.com/connect"
	connectcors "connectrpc.com/cors"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/rs/cors"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
	"github.com/allot-engine/allot/server/metrics"
)

// newWeb returns the server of the second port.
func (s *Server) newWeb() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // gRPC and Connect clients may multiplex
	return &http.Server{
		Handler:           s.handler(),
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: int(s.cfg.MaxStreams), WriteByteTimeout: s.cfg.WriteTimeout},
		ConnContext:       withClient,
		MaxHeaderBytes:    s.cfg.MaxHeader,
		ReadHeaderTimeout: s.cfg.ReadTimeout,
		ReadTimeout:       s.cfg.ReadTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
}

// handler answers the second port: the four services, health and reflection.
func (s *Server) handler() http.Handler {
	options := []connect.HandlerOption{
		connect.WithCodec(binaryCodec()), connect.WithCodec(jsonCodec("json")), connect.WithCodec(jsonCodec("json; charset=utf-8")),
		connect.WithReadMaxBytes(s.cfg.MaxMessage),
		connect.WithCompressMinBytes(16 << 10), // gzip doubles the cost of a small answer and saves nothing
		connect.WithInterceptors(interceptor{s}),
	}
	calls := http.NewServeMux()
	calls.Handle(allotv1connect.NewAllocationServiceHandler(webAllocation{s}, options...))
	calls.Handle(allotv1connect.NewInventoryServiceHandler(webInventory{s}, options...))
	calls.Handle(allotv1connect.NewNetworkServiceHandler(s, options...))
	calls.Handle(allotv1connect.NewSimulationServiceHandler(webSimulation{simulationService{s: s}}, options...))

	mux := http.NewServeMux()
	mux.Handle("/allot.v1.", http.NotFoundHandler())
	for _, name := range serviceNames {
		mux.Handle("/"+name+"/", s.entrance(calls, connect.NewErrorWriter(options...)))
	}
	mux.Handle(grpchealth.NewHandler(checker{s}))
	reflector := grpcreflect.NewStaticReflector(append(serviceNames, grpchealth.HealthV1ServiceName)...)
	mux.Handle(grpcreflect.NewHandlerV1(reflector))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.healthz)
	mux.HandleFunc("GET /v1/events", s.events)
	if len(s.cfg.AllowOrigins) == 0 {
		return mux
	}
	return cors.New(cors.Options{
		AllowedOrigins: s.cfg.AllowOrigins,
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: connectcors.AllowedHeaders(),
		ExposedHeaders: connectcors.ExposedHeaders(),
		MaxAge:         7200,
	}).Handler(mux)
}

var serviceNames = []string{
	allotv1.AllocationService_ServiceDesc.ServiceName,
	allotv1.InventoryService_ServiceDesc.ServiceName,
	allotv1.NetworkService_ServiceDesc.ServiceName,
	allotv1.SimulationService_ServiceDesc.ServiceName,
}

// streams are the procedures that may go on for long, and whose requests may be of any length: their messages are bounded.
var streams = map[string]bool{
	allotv1connect.AllocationServiceAllocateStreamProcedure: true,
	allotv1connect.AllocationServiceWatchDecisionsProcedure: true,
	allotv1connect.InventoryServiceWatchStockProcedure:      true,
	allotv1connect.InventoryServiceImportStockProcedure:     true,
	allotv1connect.SimulationServiceRunProcedure:            true,
}

// clientKey is the key under which contexts of the second port have the client of their connection.
type clientKey struct{}

// withClient puts the client of a connection into the contexts of its requests.
func withClient(ctx context.Context, c net.Conn) context.Context {
	if d, ok := c.(*doorConn); ok {
		return context.WithValue(ctx, clientKey{}, d.addr.client)
	}
	return ctx
}

// enterWeb waits for the turn of a request, and returns it with its place in its context. Deadlines are read from headers later, by
// connectrpc; what has passed its own is dropped then.
func (s *Server) enterWeb(r *http.Request) (pass, *http.Request, error) {
	k, limited := classOf[r.URL.Path]
	if !limited {
		k = unlimited
	}
	of, _ := r.Context().Value(clientKey{}).(*client)
	c := &job{client: s.limits.named(r.Header.Get(clientHeader), of), checked: true}
	s.limits.prepare(c, r.Context(), k)
	if limited {
		if err := s.limits.arrive(c); err != nil {
			return pass{}, r, err
		}
		if err := s.limits.begin(c); err != nil {
			return pass{}, r, err
		}
	}
	return pass{c}, r.WithContext(c), nil
}

// entrance counts a request as in flight and refuses one that says it is too large, before anything is read of it.
func (s *Server) entrance(next http.Handler, errors *connect.ErrorWriter) http.Handler {
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		s.cfg.Metrics.Call(metrics.HTTP, s.cfg.Metrics.Method(r.URL.Path), statusOf(err).Code(), -1)
		if werr := errors.Write(w, r, connectError(statusOf(err))); werr != nil {
			s.cfg.Log.Debug("refusal not delivered", "error", werr)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := streams[r.URL.Path]
		if !stream && r.ContentLength > int64(s.cfg.MaxMessage)+framing {
			w.Header().Set("Connection", "close") // instead of reading the rest
			refuse(w, r, s.tooLarge)
			return
		}
		if err := s.gate.enter(); err != nil {
			refuse(w, r, err)
			return
		}
		defer s.gate.leave()
		place, r, err := s.enterWeb(r)
		if err != nil {
			refuse(w, r, err)
			return
		}
		defer place.leave()
		if stream {
			patient, request, end, err := s.patient(w, r)
			if err != nil {
				refuse(w, r, err)
				return
			}
			defer end()
			w, r = patient, request
		}
		if s.cfg.Metrics == nil {
			next.ServeHTTP(w, r)
			return
		}
		seen := &refusals{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		if !place.c.counted {
			s.cfg.Metrics.Call(metrics.HTTP, s.cfg.Metrics.Method(r.URL.Path), seen.code(), -1)
		}
	})
}

// framing is what gRPC and gRPC-Web put before a message.
const framing = 5

// intercept gives calls of the second port what guarded gives those of the first.
func (s *Server) intercept(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (answer connect.AnyResponse, err error) {
		name := request.Spec().Procedure
		ctx, seen := s.arrivedWeb(ctx, name, request.Header())
		seen.waited(ctx, passOf(ctx))
		defer func() { seen.end(err) }()
		defer func() {
			if p := recover(); p != nil {
				answer, err = nil, s.panicked(name, p)
			}
			if err != nil {
				err = connectError(s.outward(name, err))
			}
		}()
		if err := ctx.Err(); err != nil { // its deadline passed while it was read
			s.limits.dropped.Add(1)
			return nil, context.Cause(ctx)
		}
		if err := passOf(ctx).decides(); err != nil {
			return nil, err
		}
		if m, ok := request.Any().(proto.Message); ok {
			if err := marked(m); err != nil {
				return nil, err
			}
		}
		return next(ctx, request)
	}
}

// healthz answers 200 while the server takes calls and 503 when it does not, for balancers that speak plain HTTP.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := s.health.Check(r.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not serving\n") // the caller may be gone
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// checker answers health on the second port with what the first port answers.
type checker struct{ s *Server }

// Check implements grpchealth.Checker.
func (c checker) Check(ctx context.Context, r *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	answer, err := c.s.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: r.Service})
	if err != nil {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("unknown service "+r.Service))
	}
	if answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
}
