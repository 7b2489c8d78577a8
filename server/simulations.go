package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
)

// maxSimulationFaults bounds the faults that are kept of a simulation.
const maxSimulationFaults = 100

// What lies in the directory of simulations: for each a directory of its id, in which one file tells of it, and its results.
const (
	simulationFile   = "simulation.json"
	simulationFolder = "results"
	simulationsLock  = "LOCK"
)

// A simulations runs simulations in the background, few at a time, and keeps what came of them in a directory.
type simulations struct {
	s    *Server
	line *line

	mu     sync.Mutex
	dir    string    // "" until the first, where it is a temporary one
	lock   io.Closer // of the directory
	byID   map[string]*simulation
	byCall map[string]*simulation // the latest with a request_id
	all    []*simulation          // the oldest first
	closed bool
	work   sync.WaitGroup
}

// A simulation is one that is kept. All but id, body, dir and work is guarded by the mutex of all of them.
type simulation struct {
	id      string
	body    ledger.BodyHash // hash of the request
	dir     string
	work    simulationWork
	ctx     context.Context         // of the work; no call lives as long
	cancel  context.CancelCauseFunc // with why
	told    *allotv1.Simulation     // as it is; replaced, and never changed
	err     error                   // why it has no result
	changed chan struct{}           // closed when told is replaced
	callers int                     // that wait for its end
	detach  bool                    // it goes on without any
	users   int                     // comparisons that read its results
}

// A keptSimulation is the file that tells of a simulation.
type keptSimulation struct {
	Request    []byte          `json:"request"` // hash of it
	Simulation json.RawMessage `json:"simulation"`
}

// A simulationWork does the work of a simulation: it tells how far it is, writes results into a directory that is not there yet,
// and returns their summary, which says whether it is partial. Where the context ends before there is anything to tell of, the
// error is why it did.
type simulationWork func(ctx context.Context, dir string, tell func(stage allotv1.SimulationStage, done, total int64)) (*allotv1.SimulationSummary, error)

// Why simulations are cancelled.
var (
	errSimulationCancelled = errors.New("cancelled by a call")
	errSimulationLeft      = errors.New("the caller went away")
	errSimulationShutdown  = errors.New("the server shut down")
)

// newSimulations opens the directory of simulations and lists what is in it.
func newSimulations(s *Server) (*simulations, error) {
	all := &simulations{
		s: s, line: newLine(s.cfg.MaxSimulations, s.cfg.MaxSimulationsQueued),
		byID: map[string]*simulation{}, byCall: map[string]*simulation{},
	}
	if s.cfg.Simulations == "" {
		return all, nil
	}
	if err := all.open(s.cfg.Simulations); err != nil {
		var fl faults.List
		fl.Addf("", 0, 0, "Simulations", "name a directory that can be written and that no other server has", "%v", err)
		return nil, fl.Err()
	}
	return all, nil
}

// open takes a directory for its own and reads what earlier servers kept there.
func (all *simulations) open(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, simulationsLock))
	if err != nil {
		return fmt.Errorf("the directory %s cannot be locked: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		raw, err := os.ReadFile(filepath.Join(path, simulationFile))
		if err != nil {
			continue // not ours
		}
		one := &simulation{id: entry.Name(), dir: path, told: &allotv1.Simulation{}}
		var kept keptSimulation
		if err = json.Unmarshal(raw, &kept); err == nil {
			err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(kept.Simulation, one.told)
		}
		copy(one.body[:], kept.Request)
		switch {
		case err != nil || one.told.GetId() != one.id:
			all.s.cfg.Log.Warn("not a simulation of this server", "file", filepath.Join(path, simulationFile), "error", err)
		case !hasEnded(one.told): // its server was lost, and what it wrote has no end
			if err := os.RemoveAll(path); err != nil {
				return errors.Join(err, lock.Close())
			}
		default:
			all.all = append(all.all, one)
			all.byID[one.id] = one
		}
	}
	slices.SortFunc(all.all, func(a, b *simulation) int {
		return cmp.Or(a.told.GetCreatedAt().AsTime().Compare(b.told.GetCreatedAt().AsTime()), strings.Compare(a.id, b.id))
	})
	for _, one := range all.all {
		all.byCall[one.told.GetRequestId()] = one // the latest
	}
	all.dir, all.lock = dir, lock
	return nil
}

// close ends all simulations and waits for them. A temporary directory goes.
func (all *simulations) close() {
	all.end()
	if all.lock == nil {
		return
	}
	if err := all.lock.Close(); err != nil {
		all.s.cfg.Log.Warn("simulations not unlocked", "error", err)
	}
	if all.s.cfg.Simulations == "" {
		if err := os.RemoveAll(all.dir); err != nil {
			all.s.cfg.Log.Warn("simulations not removed", "error", err)
		}
	}
}

// cancelAll cancels every simulation, since the server shuts down, and returns when they have ended or the context has.
func (all *simulations) cancelAll(ctx context.Context) {
	ended := make(chan struct{})
	go func() { all.end(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// end cancels every simulation, takes no more, and waits for those there were.
func (all *simulations) end() {
	all.mu.Lock()
	all.closed = true
	for _, one := range all.all {
		if one.cancel != nil {
			one.cancel(errSimulationShutdown)
		}
	}
	all.mu.Unlock()
	all.work.Wait()
}

func hasEnded(told *allotv1.Simulation) bool {
	switch told.GetState() {
	case allotv1.SimulationState_SIMULATION_STATE_COMPLETE, allotv1.SimulationState_SIMULATION_STATE_CANCELLED, allotv1.SimulationState_SIMULATION_STATE_FAILED:
		return true
	}
	return false
}

// known returns the simulation that a request began before, nil for none. One that was cancelled or failed is begun anew.
func (all *simulations) known(id string, body ledger.BodyHash) (*simulation, error) {
	one := all.byCall[id]
	if one == nil {
		return nil, nil
	}
	if one.body != body {
		return nil, ledger.ErrRequestReused
	}
	if hasEnded(one.told) && one.told.GetState() != allotv1.SimulationState_SIMULATION_STATE_COMPLETE {
		return nil, nil
	}
	return one, nil
}

// begin begins a simulation, or joins that which the same request began before, for a caller who follows or detaches it.
func (all *simulations) begin(r ledger.Request, name string, detach bool, work simulationWork) (*simulation, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.closed {
		return nil, errShutting
	}
	one, err := all.known(r.ID, r.Body)
	if err != nil {
		return nil, err
	}
	if one == nil {
		if one, err = all.create(r, name, work); err != nil {
			return nil, err
		}
	}
	if one.detach = one.detach || detach; !detach {
		one.callers++
	}
	return one, nil
}

// create makes a simulation and lets it wait for its turn.
func (all *simulations) create(r ledger.Request, name string, work simulationWork) (*simulation, error) {
	if all.dir == "" {
		dir, err := os.MkdirTemp("", "allot-simulations-")
		if err == nil {
			err = all.open(dir)
		}
		if err != nil {
			return nil, notKept(err)
		}
	}
	place, err := all.line.enter()
	if err != nil {
		return nil, err
	}
	one := &simulation{id: strings.ToLower(rand.Text()), body: r.Body, work: work, changed: make(chan struct{})}
	one.dir = filepath.Join(all.dir, one.id)
	one.told = &allotv1.Simulation{
		Id: one.id, RequestId: r.ID, Name: name, State: allotv1.SimulationState_SIMULATION_STATE_QUEUED, CreatedAt: all.timestamp(),
	}
	if err := all.write(one); err != nil {
		place.leave()
		return nil, errors.Join(notKept(err), os.RemoveAll(one.dir))
	}
	one.ctx, one.cancel = context.WithCancelCause(context.Background())
	all.all = append(all.all, one)
	all.byID[one.id], all.byCall[r.ID] = one, one
	all.work.Go(func() { all.run(one, place) })
	return one, nil
}

// notKept is what callers get where results cannot be written.
func notKept(err error) error {
	text := err.Error()
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		text = p.Err.Error() // where it is, is nobody's business
	}
	r := refusef(codes.Unavailable, ReasonNotKept, "the results cannot be written: %s; the server's operator has to mend that", text)
	r.cause = err
	return r
}

func (all *simulations) timestamp() *timestamppb.Timestamp { return timestamppb.New(all.s.cfg.Now()) }

// write writes the file that tells of a simulation.
func (all *simulations) write(one *simulation) error {
	if err := os.MkdirAll(one.dir, 0o755); err != nil {
		return err
	}
	told, err := protojson.Marshal(one.told)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(keptSimulation{Request: one.body[:], Simulation: told})
	if err != nil {
		return err
	}
	file := filepath.Join(one.dir, simulationFile)
	if err := os.WriteFile(file+".new", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// update replaces what is told of a simulation. The mutex is held.
func (one *simulation) update(change func(*allotv1.Simulation)) {
	next := proto.CloneOf(one.told)
	change(next)
	one.told = next
	close(one.changed)
	one.changed = make(chan struct{})
}

// run does the work of a simulation when it is its turn, gives its place to the next, and keeps what came of it.
func (all *simulations) run(one *simulation, place *ticket) {
	summary, err := (*allotv1.SimulationSummary)(nil), place.turn(one.ctx)
	if err == nil {
		all.mu.Lock()
		one.update(func(m *allotv1.Simulation) {
			m.State, m.StartedAt = allotv1.SimulationState_SIMULATION_STATE_RUNNING, all.timestamp()
		})
		all.mu.Unlock()
		if summary, err = all.do(one); err != nil {
			summary = nil
		}
	}
	size := int64(0)
	if summary == nil {
		_ = os.RemoveAll(filepath.Join(one.dir, simulationFolder)) // nobody can read it
	} else {
		size = sizeOf(one.dir)
	}
	cancelled := context.Cause(one.ctx)
	place.leave() // before it is told that this one ended: whoever reads that may count on the place
	all.mu.Lock()
	one.update(func(m *allotv1.Simulation) {
		m.Progress, m.EndedAt, m.Summary, m.Bytes = nil, all.timestamp(), summary, size
		switch {
		case summary != nil && !summary.GetPartial():
			m.State = allotv1.SimulationState_SIMULATION_STATE_COMPLETE
		case cancelled != nil && (err == nil || errors.Is(err, cancelled) || errors.Is(err, context.Canceled)):
			m.State, m.Problem, err = allotv1.SimulationState_SIMULATION_STATE_CANCELLED, cancelled.Error(), nil
		default:
			m.State = allotv1.SimulationState_SIMULATION_STATE_FAILED
			m.Problem = all.s.outward(allotv1.SimulationService_Run_FullMethodName, err).Message()
			bad, _ := asFaults(err)
			for _, f := range bad[:min(len(bad), maxSimulationFaults)] {
				m.Faults = append(m.Faults, writeFault(f))
			}
		}
	})
	one.err = err
	told := one.told
	if err := all.write(one); err != nil {
		all.s.cfg.Log.Error("a simulation is not kept", "simulation", one.id, "error", err)
	}
	one.cancel(nil)
	one.work = nil // with the orders that it has
	gone := all.retire(one)
	all.mu.Unlock()
	for _, dir := range gone {
		if err := os.RemoveAll(dir); err != nil {
			all.s.cfg.Log.Warn("a simulation is not removed", "error", err)
		}
	}
	all.s.cfg.Log.Info("simulation ended", "simulation", one.id, "name", told.GetName(), "state", told.GetState().String(), "problem", told.GetProblem(),
		"orders", summary.GetOrders().GetDone(), "took", told.GetEndedAt().AsTime().Sub(told.GetCreatedAt().AsTime()).Round(time.Millisecond))
}

// do does the work, and makes an error of its panic: a simulation is worth less than the server.
func (all *simulations) do(one *simulation) (summary *allotv1.SimulationSummary, err error) {
	defer func() {
		if p := recover(); p != nil {
			all.s.cfg.Log.Error("panic", "simulation", one.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			summary, err = nil, refusef(codes.Internal, ReasonInternal, "internal error")
		}
	}()
	return one.work(one.ctx, filepath.Join(one.dir, simulationFolder), func(stage allotv1.SimulationStage, done, total int64) {
		all.mu.Lock()
		defer all.mu.Unlock()
		one.update(func(m *allotv1.Simulation) {
			m.Progress = &allotv1.SimulationProgress{Stage: stage, Done: done, Total: total}
		})
	})
}

// sizeOf returns the bytes of the files in a directory.
func sizeOf(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error { // as far as it can be read
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}

// retire forgets the oldest simulations that ended, beyond as many or as large as are kept, but not the one at hand. It returns
// their directories.
func (all *simulations) retire(one *simulation) (gone []string) {
	kept, bytes := 0, int64(0)
	for _, o := range all.all {
		if hasEnded(o.told) {
			kept++
			bytes += o.told.GetBytes()
		}
	}
	all.all = slices.DeleteFunc(all.all, func(o *simulation) bool {
		if kept <= all.s.cfg.KeepSimulations && bytes <= all.s.cfg.KeepSimulationBytes {
			return false
		}
		if o == one || o.users > 0 || !hasEnded(o.told) {
			return false
		}
		kept--
		bytes -= o.told.GetBytes()
		delete(all.byID, o.id)
		if call := o.told.GetRequestId(); all.byCall[call] == o {
			delete(all.byCall, call)
		}
		gone = append(gone, o.dir)
		return true
	})
	return gone
}

// now returns what is told of a simulation, a channel that is closed when that is no longer so, and, when it has ended, why it
// has no result.
func (all *simulations) now(one *simulation) (told *allotv1.Simulation, changed <-chan struct{}, err error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	return one.told, one.changed, one.err
}

// leave ends a caller's interest in a simulation: the last one who waits for it cancels it, unless it goes on without any.
func (all *simulations) leave(one *simulation) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if one.callers--; one.callers == 0 && !one.detach && !hasEnded(one.told) {
		one.cancel(errSimulationLeft)
	}
}

// find returns a simulation by its id.
func (all *simulations) find(id string) (*simulation, error) {
	if one := all.byID[id]; one != nil {
		return one, nil
	}
	return nil, refusef(codes.NotFound, ReasonNoSimulation, "no simulation %.128q, or it is no longer kept", id)
}

// use returns the results of simulations, which stay until they are released.
func (all *simulations) use(ids []string) (used []*simulation, release func(), err error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, id := range ids {
		one, err := all.find(id)
		if err != nil {
			return nil, nil, err
		}
		if one.told.GetSummary() == nil {
			return nil, nil, refusef(codes.FailedPrecondition, ReasonNoResult, "simulation %s has no result: it is %s", id, stateName(one.told.GetState()))
		}
		used = append(used, one)
	}
	for _, one := range used {
		one.users++
	}
	return used, func() {
		all.mu.Lock()
		defer all.mu.Unlock()
		for _, one := range used {
			one.users--
		}
	}, nil
}

// stateName is a state in words.
func stateName(state allotv1.SimulationState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "SIMULATION_STATE_"))
}
