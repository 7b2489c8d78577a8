package server

import (
	"context"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/api/allot/v1/allotv1connect"
)

// tellEvery is how long at least a caller is not told again how far a simulation is.
const tellEvery = 200 * time.Millisecond

// simulationService and webSimulation are SimulationService on the two ports. It has types of its own since it shares the names
// of methods with AllocationService.
type (
	simulationService struct {
		allotv1.UnsafeSimulationServiceServer
		s *Server
	}
	webSimulation struct{ simulationService }
)

var (
	_ allotv1.SimulationServiceServer         = simulationService{}
	_ allotv1connect.SimulationServiceHandler = webSimulation{}
)

// Simulations returns SimulationService as the first port serves it.
func (s *Server) Simulations() allotv1.SimulationServiceServer { return simulationService{s: s} }

// Run implements allotv1.SimulationServiceServer.
func (v simulationService) Run(request *allotv1.SimulationServiceRunRequest, stream grpc.ServerStreamingServer[allotv1.SimulationServiceRunResponse]) error {
	return v.s.runSimulation(stream.Context(), request, stream.Send)
}

// Run implements allotv1connect.SimulationServiceHandler.
func (v webSimulation) Run(ctx context.Context, request *allotv1.SimulationServiceRunRequest, stream *connect.ServerStream[allotv1.SimulationServiceRunResponse]) error {
	return v.s.runSimulation(ctx, request, stream.Send)
}

// runSimulation begins a simulation, or joins the one that the same request began before, and tells how far it is.
func (s *Server) runSimulation(ctx context.Context, request *allotv1.SimulationServiceRunRequest, tell func(*allotv1.SimulationServiceRunResponse) error) error {
	job, err := s.simulationJob(request)
	if err != nil {
		return err
	}
	all, detach := s.simulations, request.GetDetach()
	request.Detach = false // it is no part of what a request_id stands for
	one, err := all.begin(requestOf(request.GetRequestId(), request), job.name, detach, job.run)
	if err != nil {
		return err
	}
	if detach {
		told, _, err := all.now(one)
		if err != nil {
			return err
		}
		return tell(&allotv1.SimulationServiceRunResponse{Simulation: told})
	}
	defer all.leave(one)
	for {
		told, changed, failed := all.now(one)
		if failed != nil {
			return failed
		}
		if hasEnded(told) && s.draining.Err() != nil && told.GetState() == allotv1.SimulationState_SIMULATION_STATE_CANCELLED {
			return errShutting
		}
		if err := tell(&allotv1.SimulationServiceRunResponse{Simulation: told}); err != nil || hasEnded(told) {
			return err
		}
		if err := all.await(ctx, one, changed); err != nil {
			return err
		}
	}
}

// await returns when there is something new to tell of a simulation, but not too often.
func (all *simulations) await(ctx context.Context, one *simulation, changed <-chan struct{}) error {
	quiet := time.NewTimer(tellEvery)
	defer quiet.Stop()
	over, news := false, false
	for !over || !news {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-quiet.C:
			over = true
		case <-changed:
			var told *allotv1.Simulation
			if told, changed, _ = all.now(one); hasEnded(told) {
				return nil
			}
			news = true
		}
	}
	return nil
}

// List implements allotv1.SimulationServiceServer.
func (v simulationService) List(context.Context, *allotv1.SimulationServiceListRequest) (*allotv1.SimulationServiceListResponse, error) {
	all := v.s.simulations
	all.mu.Lock()
	defer all.mu.Unlock()
	out := &allotv1.SimulationServiceListResponse{}
	for _, one := range slices.Backward(all.all) {
		m := proto.CloneOf(one.told)
		m.Summary = nil
		out.Simulations = append(out.Simulations, m)
	}
	return out, nil
}

// Get implements allotv1.SimulationServiceServer.
func (v simulationService) Get(_ context.Context, request *allotv1.SimulationServiceGetRequest) (*allotv1.SimulationServiceGetResponse, error) {
	if err := check(request); err != nil {
		return nil, err
	}
	all := v.s.simulations
	all.mu.Lock()
	defer all.mu.Unlock()
	one, err := all.find(request.GetSimulationId())
	if err != nil {
		return nil, err
	}
	return &allotv1.SimulationServiceGetResponse{Simulation: one.told}, nil
}

// Cancel implements allotv1.SimulationServiceServer.
func (v simulationService) Cancel(ctx context.Context, request *allotv1.SimulationServiceCancelRequest) (*allotv1.SimulationServiceCancelResponse, error) {
	if err := check(request); err != nil {
		return nil, err
	}
	all := v.s.simulations
	all.mu.Lock()
	one, err := all.find(request.GetSimulationId())
	if err == nil && !hasEnded(one.told) {
		one.cancel(errSimulationCancelled)
	}
	all.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for {
		told, changed, _ := all.now(one)
		if hasEnded(told) {
			return &allotv1.SimulationServiceCancelResponse{Simulation: told}, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-changed:
		}
	}
}
