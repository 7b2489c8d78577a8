package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"google.golang.org/protobuf/proto"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/rounds"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// restarts is how often replay and restart are measured: each takes seconds.
const restarts = 5

// groupRecords is how many events one commit of 64 callers brings at most.
const groupRecords = bench.Callers

// measureReplay measures how fast events of a journal make a state, and how long a ledger takes to be back.
func measureReplay(ctx context.Context, m *measurement) error {
	world := enginetest.New(bench.ServiceWorld)
	defer world.Close()
	orders, err := decided(world)
	if err != nil {
		return err
	}
	for _, life := range []struct {
		name     string
		complete bool
	}{{"grants, confirmations and shipments", true}, {"grants of holds that stay open", false}} {
		dir := filepath.Join(m.dir, fmt.Sprint("complete-", life.complete))
		m.tellf("writing a journal of %s", life.name)
		events, err := write(ctx, dir, world, orders, m.holds, life.complete)
		if err != nil {
			return err
		}
		var rates, cpu []float64
		for range restarts {
			spent := cputime.Process()
			rate, err := replay(dir, events)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			rates, cpu = append(rates, rate), append(cpu, float64(cputime.Process()-spent)/float64(events))
		}
		m.report("replay of "+life.name, "cpu ns/event", cpu)
		m.atLeast("events replayed a second, "+life.name, 1e6, rates)
		if life.complete {
			continue
		}
		m.tellf("making a snapshot, and starting from it")
		if err := snapshot(dir); err != nil {
			return err
		}
		var seconds, used []float64
		for range restarts {
			spent := cputime.Process()
			took, err := restart(dir, m.holds)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			seconds, used = append(seconds, took.Seconds()), append(used, (cputime.Process()-spent).Seconds())
		}
		m.report("restart from a snapshot, and closing again", "cpu s", used)
		m.atMost(fmt.Sprintf("seconds to be back with %d open holds, from a snapshot", m.holds), 5, seconds)
	}
	return nil
}

// decided returns what the ledger is told of orders of a world that were decided.
func decided(world *enginetest.World) ([]ledger.Allocation, error) {
	rng := rand.New(rand.NewPCG(7, 7))
	var all []ledger.Allocation
	scratch := world.Engine.NewScratch()
	var d engine.Decision
	questions := bench.SampleOrders(world, rounds.SampleOrders)
	for i := range questions {
		o, now := world.Order(rng, i)
		if err := world.Engine.Decide(world.Stock, &o, now, scratch, &d); err != nil {
			return nil, err
		}
		if d.Outcome != engine.Planned {
			continue
		}
		answer, err := proto.Marshal(server.WriteDecision(world.Snapshot, &d))
		if err != nil {
			return nil, err
		}
		question, err := proto.Marshal(questions[i])
		if err != nil {
			return nil, err
		}
		a := ledger.Allocation{Order: o.ID, TTL: ledger.YearSeconds - 1, Question: question, Answer: answer}
		for _, s := range d.Shipments {
			for _, it := range s.Items {
				a.Stock = append(a.Stock, ledger.StockClaim{Warehouse: ledger.Warehouse(s.Warehouse), SKU: ledger.SKU(it.SKU), Quantity: it.Quantity})
			}
			a.Shipments = append(a.Shipments, ledger.ShipmentClaim{
				Warehouse: ledger.Warehouse(s.Warehouse), Service: ledger.Service(s.Service), Date: s.ShipDate, Shipments: 1,
			})
		}
		all = append(all, a)
	}
	return all, nil
}

// write makes a journal of so many events, or a few more: complete lives of holds, or only their grants. They come in
// groups as 64 callers would bring them.
func write(ctx context.Context, dir string, world *enginetest.World, orders []ledger.Allocation, events int, complete bool) (uint64, error) {
	if err := closed(openStore(dir)); err != nil { // makes a data directory
		return 0, err
	}
	j, err := rounds.OpenJournal(dir)
	if err != nil {
		return 0, err
	}
	epoch, err := j.Begin()
	if err != nil {
		return 0, errors.Join(err, j.Close())
	}
	w := &writer{journal: j, epoch: epoch}
	w.state = ledger.NewState(ledger.Config{Sink: w.take})
	err = errors.Join(w.stock(world), w.live(ctx, orders, events, complete), w.flush(), j.Close())
	return w.state.Sequence(), err
}

// A writer is a ledger whose events go to a journal in groups.
type writer struct {
	journal journal.Journal
	epoch   uint64
	state   *ledger.State
	records [][]byte
	end     uint64
	failed  error
}

func (w *writer) take(e *ledger.Event) {
	w.records = append(w.records, ledger.AppendEvent(nil, e))
	if len(w.records) == groupRecords {
		w.failed = errors.Join(w.failed, w.flush())
	}
}

func (w *writer) flush() error {
	if len(w.records) == 0 || w.failed != nil {
		return w.failed
	}
	end, err := w.journal.Append(w.epoch, w.end, w.records)
	w.end, w.records = end.Sequence, w.records[:0]
	return err
}

// stock gives the ledger a world's names and stock that never runs out.
func (w *writer) stock(world *enginetest.World) error {
	rows := world.Snapshot.Rows()
	if err := w.state.Extend(enginetest.Start, rows.Warehouses, rows.SKUs, rows.Services, []string{world.Snapshot.Version}); err != nil {
		return err
	}
	var levels []ledger.StockLevel
	for sku := range rows.SKUs {
		for wh := range rows.Warehouses {
			if world.Stock.Available[sku*world.Stock.Stride+wh] > 0 {
				levels = append(levels, ledger.StockLevel{Warehouse: ledger.Warehouse(wh), SKU: ledger.SKU(sku), OnHand: 100_000_000})
			}
		}
	}
	_, err := w.state.SetStock(enginetest.Start, ledger.Request{}, levels)
	return err
}

func (w *writer) live(ctx context.Context, orders []ledger.Allocation, events int, complete bool) error {
	for i := 0; w.state.Sequence() < uint64(events)+2; i++ { // 2 were the names and the stock
		at := enginetest.Start + units.Instant(i/1_000)
		a := orders[i%len(orders)]
		a.Request, a.At = request("allocate", i), at
		a.Basis = ledger.Basis{Network: 1, Sequence: w.state.Sequence(), At: at}
		h, err := w.state.Allocate(&a)
		if complete && err == nil {
			_, err = w.state.Confirm(at, h.ID, request("confirm", i))
			if err == nil {
				_, err = w.state.Ship(at, h.ID, request("ship", i), nil)
			}
		}
		if err := errors.Join(err, w.failed, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

func request(verb string, i int) ledger.Request {
	return ledger.Request{ID: fmt.Sprintf("%s-%08d", verb, i), Body: ledger.BodyHash{1: byte(i), 2: byte(i >> 8)}}
}

// replay makes the state at the end of a journal without snapshots, and returns the events a second.
func replay(dir string, events uint64) (float64, error) {
	runtime.GC()
	j, err := rounds.OpenJournal(dir)
	if err != nil {
		return 0, err
	}
	h, err := durable.OpenReadOnly(j, durable.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, errors.Join(err, j.Close())
	}
	began := time.Now()
	state, err := h.StateAt(events)
	took := time.Since(began)
	if err == nil && state.Sequence() != events {
		err = fmt.Errorf("the state is after event %d, not %d", state.Sequence(), events)
	}
	return float64(events) / took.Seconds(), errors.Join(err, j.Close())
}

func openStore(dir string) (*durable.Store, error) {
	j, err := rounds.OpenJournal(dir)
	if err != nil {
		return nil, err
	}
	return durable.Open(j, durable.Options{Network: "bench", SnapshotEvery: 1 << 40, Log: slog.New(slog.DiscardHandler)})
}

func closed(s *durable.Store, err error) error {
	if err != nil {
		return err
	}
	return s.Close()
}

// snapshot makes one at the end of a journal.
func snapshot(dir string) error {
	s, err := openStore(dir)
	if err != nil {
		return err
	}
	return errors.Join(s.Snapshot(), s.Close())
}

// restart opens a data directory that the system had to forget, and returns how long that took.
func restart(dir string, open int) (time.Duration, error) {
	if err := forgetAll(dir); err != nil {
		return 0, err
	}
	runtime.GC()
	began := time.Now()
	s, err := openStore(dir)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if n := s.Ledger().Open(); n < open {
		err = fmt.Errorf("%d open holds came back, of at least %d", n, open)
	}
	return took, errors.Join(err, s.Close())
}

// forgetAll lets the system drop what it keeps of a directory's files in memory.
func forgetAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), rounds.Forget(f), f.Close())
	})
}
