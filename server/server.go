package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/server/metrics"
	"github.com/allot-engine/allot/units"
)

// A Server serves one network at a time. It implements three services of allot.v1, and Simulations returns the fourth; Serve
// puts them on two ports.
// Its methods are safe for concurrent use.
type Server struct {
	allotv1.UnsafeAllocationServiceServer
	allotv1.UnsafeInventoryServiceServer
	allotv1.UnsafeNetworkServiceServer

	cfg         Config
	ledger      *ledger.Ledger
	network     atomic.Pointer[served]
	loading     sync.Mutex // one Load at a time
	gate        *gate
	limits      *limiter
	doors       *doors
	unready     atomic.Bool // health says so for overload
	batches     *gate
	streams     streamCounts
	health      *health.Server
	tooLarge    *refusal
	draining    context.Context // ends when streams must
	drained     context.CancelFunc
	simulations *simulations
	delay       func(time.Duration)                 // time.Sleep, but for tests
	tracer      trace.Tracer                        // nil for none
	recorder    *metrics.Recorder                   // of batches
	decided     func()                              // for tests: called between deciding a batch and holding its stock; may be nil
	replayed    func(ctx context.Context, done int) // for tests: called when so many orders of a simulation are replayed; may be nil
}

// New reads the network, puts its stock into a new ledger, and returns a server ready to serve it. The error is a
// *faults.Error where the configuration or the network has faults.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &Server{cfg: cfg, gate: newGate(cfg.MaxInFlight), batches: newBatchGate(cfg.MaxBatches), health: health.NewServer(), delay: time.Sleep}
	s.limits = newLimiter(&s.cfg)
	s.doors = newDoors(s.limits, &s.cfg)
	s.draining, s.drained = context.WithCancel(context.Background())
	if cfg.Store != nil {
		s.ledger = cfg.Store.Ledger()
	} else {
		s.ledger = ledger.New(cfg.Ledger)
	}
	s.tooLarge = refusef(codes.ResourceExhausted, ReasonTooLarge,
		"the message is larger than the %d bytes that the server takes; send less at once", cfg.MaxMessage)
	for _, name := range serviceNames {
		s.health.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	}
	if err := s.load(s.own(), false); err != nil {
		return nil, err
	}
	if s.simulations, err = newSimulations(s); err != nil {
		s.network.Load().close()
		return nil, err
	}
	s.watched()
	return s, nil
}

// Close cancels simulations and releases the memory of the network. Nothing may be called afterwards. A Store is its caller's to close.
func (s *Server) Close() {
	s.drained()
	s.simulations.close()
	s.network.Load().close()
}

// now returns the time in the ledger's and the engine's measure.
func (s *Server) now() units.Instant { return units.Instant(s.cfg.Now().Unix()) }

// Serve answers gRPC on rpc and HTTP (JSON, Connect, gRPC-Web) on web until the context ends, and then drains: health
// turns NOT_SERVING, after DrainDelay new calls are no longer taken, and calls in flight have DrainTimeout to end.
// It closes both listeners. web may be nil. The error is nil after a drain in which every call ended by itself. Streams
// are told to come back, and end when new calls are no longer taken.
//
// When the Store can no longer be written, Serve returns ErrJournal at once: nothing more is answered, and the process
// is to end.
func (s *Server) Serve(ctx context.Context, rpc, web net.Listener) error {
	g, h := s.newGRPC(), s.newWeb()
	ended := make(chan error, 2)
	go func() { ended <- g.Serve(s.doors.guarded(rpc, s.cfg.WriteTimeout)) }()
	if web != nil {
		go func() {
			if err := h.Serve(s.doors.guarded(web, 0)); !errors.Is(err, http.ErrServerClosed) {
				ended <- err
			}
		}()
	}
	expiring, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.expire(expiring) })
	background.Go(func() { s.oversee(expiring) })
	defer background.Wait()
	defer stop()

	defer s.cfg.Admin.serve(s)()
	s.cfg.Log.Info("serving", "grpc", rpc.Addr().String(), "http", address(web), "admin", s.cfg.Admin.address(), "network", s.network.Load().snap.Version)
	select {
	case err := <-ended:
		g.Stop()
		_ = h.Close() // the error that ended it all is the other
		return fmt.Errorf("server: %w", err)
	case <-s.failed():
		s.health.Shutdown()
		g.Stop()
		_ = h.Close()
		return s.journalError()
	case <-ctx.Done():
	}
	err := s.drain(g, h)
	if lost := s.journalError(); lost != nil {
		return lost
	}
	return err
}

// ErrJournal reports that what was done can no longer be written to disk.
var ErrJournal = errors.New("server: the journal cannot be written any more")

// failed returns a channel that is closed when the journal can no longer be written.
func (s *Server) failed() <-chan struct{} {
	if s.cfg.Store == nil {
		return nil
	}
	return s.cfg.Store.Done()
}

func (s *Server) journalError() error {
	if s.cfg.Store == nil || s.cfg.Store.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w: nothing is answered any more, and what was answered is safe; mend the disk and start again, callers then repeat what got no answer: %w",
		ErrJournal, s.cfg.Store.Err())
}

func address(l net.Listener) string {
	if l == nil {
		return "none"
	}
	return l.Addr().String()
}

// drain ends both servers without losing a call that they took.
func (s *Server) drain(g *grpc.Server, h *http.Server) error {
	s.health.Shutdown()
	s.cfg.Log.Info("draining", "in_flight", s.gate.inFlight.Load(), "delay", s.cfg.DrainDelay, "timeout", s.cfg.DrainTimeout)
	s.delay(s.cfg.DrainDelay)
	s.drained()
	bounded, cancel := context.WithTimeoutCause(context.Background(), s.cfg.DrainTimeout, errDrain)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		stopped := make(chan struct{})
		go func() { g.GracefulStop(); close(stopped) }()
		select {
		case <-stopped:
		case <-bounded.Done():
			g.Stop()
			<-stopped
		}
	})
	both.Go(func() {
		if err := h.Shutdown(bounded); err != nil {
			_ = h.Close()
		}
	})
	both.Go(func() { s.simulations.cancelAll(bounded) })
	both.Wait()
	if bounded.Err() != nil {
		left := s.gate.inFlight.Load()
		s.cfg.Log.Warn("cut off", "in_flight", left)
		return fmt.Errorf("%w: %d calls cut off", context.Cause(bounded), left)
	}
	s.cfg.Log.Info("drained")
	return nil
}

// errDrain reports that calls in flight did not end within Config.DrainTimeout.
var errDrain = errors.New("server: drain timed out")

// expire gives back the stock of holds that outlived their time, while no other command moves the ledger's clock.
func (s *Server) expire(ctx context.Context) {
	tick := time.NewTicker(s.cfg.ExpireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.ledger.Advance(s.now()); err != nil && s.journalError() == nil {
				s.cfg.Log.Error("holds not expired", "error", err)
			}
		}
	}
}

// panicked logs a panic with its stack and returns what the caller gets for it.
func (s *Server) panicked(method string, p any) error {
	s.cfg.Log.Error("panic", "method", method, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return refusef(codes.Internal, ReasonInternal, "internal error")
}

// outward is statusOf, and logs what callers are not told.
func (s *Server) outward(method string, err error) *status.Status {
	st := statusOf(err)
	if st.Code() == codes.Internal && s.journalError() != nil {
		st = errJournalFailed.status() // whatever it is called on the way
	}
	if _, told := errors.AsType[*refusal](err); st.Code() == codes.Internal && !told {
		s.cfg.Log.Error("internal error", "method", method, "error", err)
	}
	return st
}
