package server

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // callers may compress
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/server/metrics"
)

// How connections of the first port are kept.
const (
	keepaliveAfter = time.Minute      // without a frame the server asks whether anybody is there
	keepaliveFor   = 20 * time.Second // it waits for the answer
	leastPing      = 10 * time.Second // between pings of a caller that has nothing else to say; more often ends its connection
)

// newGRPC returns the server of the first port.
func (s *Server) newGRPC() *grpc.Server {
	g := grpc.NewServer(
		grpc.ForceServerCodecV2(newGRPCCodec()),
		grpc.MaxRecvMsgSize(s.cfg.MaxMessage),
		// Without workers every call grows the stack of a new goroutine anew: 45.4 µs of processor time an Allocate,
		// client and transport included, against 40.4 with 64 workers. 16 are too few for as many callers, 256 no
		// better. Larger or shared buffers and fixed windows made no difference.
		grpc.NumStreamWorkers(64),
		grpc.MaxHeaderListSize(uint32(s.cfg.MaxHeader)),
		grpc.MaxConcurrentStreams(s.cfg.MaxStreams),
		grpc.InTapHandle(s.arriving),
		grpc.ConnectionTimeout(s.cfg.ReadTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: s.cfg.IdleTimeout, Time: keepaliveAfter, Timeout: keepaliveFor}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
	)
	for _, desc := range []*grpc.ServiceDesc{
		&allotv1.AllocationService_ServiceDesc, &allotv1.InventoryService_ServiceDesc, &allotv1.NetworkService_ServiceDesc,
	} {
		g.RegisterService(s.guarded(desc), s)
	}
	g.RegisterService(s.guarded(&allotv1.SimulationService_ServiceDesc), s.Simulations())
	grpc_health_v1.RegisterHealthServer(g, s.health)
	reflection.Register(g)
	return g
}

// A method is the type of generated handlers.
type method = func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error)

// guarded returns the description of a service whose methods count as in flight, end in a status when they panic, and
// refuse what cannot be decoded as the caller's fault. It wraps the generated handlers instead of adding interceptors:
// those run after decoding, and cost a closure a call.
func (s *Server) guarded(desc *grpc.ServiceDesc) *grpc.ServiceDesc {
	out := *desc
	out.Methods = slices.Clone(desc.Methods)
	for i := range out.Methods {
		m := &out.Methods[i]
		name := "/" + desc.ServiceName + "/" + m.MethodName
		if name == allotv1.AllocationService_Allocate_FullMethodName {
			m.Handler = s.guard(name, allocateOnWire)
		} else {
			m.Handler = s.guard(name, unmarked(m.Handler))
		}
	}
	out.Streams = slices.Clone(desc.Streams)
	for i := range out.Streams {
		st := &out.Streams[i]
		name := "/" + desc.ServiceName + "/" + st.StreamName
		if name == allotv1.AllocationService_AllocateStream_FullMethodName {
			st.Handler = allocateStreamOnWire
		}
		st.Handler = s.guardStream(name, st.Handler)
	}
	return &out
}

func (s *Server) guard(name string, handle method) method {
	number := s.cfg.Metrics.Method(name)
	return func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (answer any, err error) {
		ctx, seen := s.arrived(ctx, metrics.GRPC, number, name)
		defer func() { seen.end(err) }()
		place, err := s.begun(ctx)
		seen.waited(ctx, place)
		if err != nil {
			return nil, statusOf(err).Err()
		}
		if err := s.gate.enter(); err != nil {
			place.leave()
			return nil, statusOf(err).Err()
		}
		defer func() {
			place.leave()
			s.gate.leave()
			if p := recover(); p != nil {
				answer, err = nil, s.panicked(name, p)
			}
			if err != nil {
				err = s.outward(name, err).Err()
			}
		}()
		return handle(srv, ctx, decode, nil)
	}
}

// unmarked returns a handler that refuses messages which the codec has marked.
func unmarked(handle method) method {
	return func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		return handle(srv, ctx, func(m any) error {
			if err := decode(m); err != nil {
				return err
			}
			if err := passOf(ctx).decides(); err != nil {
				return err
			}
			return marked(m.(proto.Message))
		}, nil)
	}
}

// A wireRequest is an AllocateRequest as it came; the codec leaves it to the handler.
type wireRequest struct{ wire string }

// allocateOnWire is the generated handler of Allocate with a short way for plain requests. It returns an *answer for
// the codec to write.
//
//nolint:revive // the context comes second in grpc-go's type of handlers
func allocateOnWire(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	s := srv.(*Server)
	var raw wireRequest
	if err := decode(&raw); err != nil {
		return nil, err
	}
	if err := passOf(ctx).decides(); err != nil {
		return nil, err
	}
	a, ok, err := s.allocatePlain(ctx, raw.wire)
	if !ok {
		request := &allotv1.AllocateRequest{}
		if err := binaryCodec().Unmarshal([]byte(raw.wire), request); err != nil {
			return nil, err
		}
		if err := marked(request); err != nil {
			return nil, err
		}
		a, err = s.allocate(ctx, request)
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}
