package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/engine/enginetest"
)

// sampleOrders is how many different orders are sent, over and over.
const sampleOrders = 4_096

// A measurement is what is to be measured, and where it is reported to.
type measurement struct {
	dir    string
	rounds int
	slice  time.Duration
	record string

	wanted []string // the parts that are measured

	stderr *shared
	result *result

	memory, durable, echo, roomy *child
}

// The subjects, in the order of the report.
const (
	unaryEcho = iota
	unaryMemory
	unaryDurable
	streamEcho
	streamBytes
	streamRoomy
	streamMemory
	streamDurable
	batchMemory
	batchDurable
	subjects
)

// partOf is the part that a subject belongs to.
func partOf(subject int) string {
	switch {
	case subject < streamEcho:
		return partCalls
	case subject < batchMemory:
		return partStreams
	}
	return partBatches
}

// A load is a subject and how it is called.
type load struct {
	name   string
	server *child
	run    func(context.Context, time.Duration) (bench.Window, error)
}

func (m *measurement) run(ctx context.Context) error {
	world := enginetest.New(bench.ServiceWorld)
	orders := bench.SampleOrders(world, sampleOrders)
	world.Close()
	m.result.Subjects = make([]*subject, subjects)
	for i := range m.result.Subjects {
		m.result.Subjects[i] = &subject{}
	}
	for _, part := range parts {
		if slices.Contains(m.wanted, part) {
			if err := m.runPart(ctx, part, orders); err != nil {
				return err
			}
		}
	}
	m.promise()
	return nil
}

// runPart measures a part, with servers of its own: what the others have left in a ledger would cost it collections.
func (m *measurement) runPart(ctx context.Context, part string, orders []*allotv1.Order) (err error) {
	var next atomic.Int64
	dir := filepath.Join(m.dir, part)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	m.memory, m.durable, m.echo, m.roomy = nil, nil, nil, nil
	defer func() {
		for _, c := range []*child{m.memory, m.durable, m.echo, m.roomy} {
			if c != nil {
				err = errors.Join(err, c.close())
			}
		}
	}()
	for _, c := range []struct {
		at   **child
		kind string
	}{{&m.memory, "memory"}, {&m.durable, "durable"}} {
		if *c.at, err = start(ctx, c.kind, dir, m.stderr); err != nil {
			return err
		}
	}
	loads := make([]load, subjects)
	for i, of := range []struct {
		name   string
		server *child
	}{unaryMemory: {"calls in memory", m.memory}, unaryDurable: {"calls, durable", m.durable}} {
		if of.server == nil {
			continue
		}
		c, err := bench.AllocateCaller(of.server.conn, &next, orders)
		if err != nil {
			return err
		}
		loads[i] = load{of.name, of.server, c.Run}
		if m.result.Request, m.result.Answer, err = c.Sizes(ctx, sampleOrders); err != nil {
			return err
		}
	}
	var answer []byte
	for i, of := range map[int]load{streamMemory: {name: "streams in memory", server: m.memory}, streamDurable: {name: "streams, durable", server: m.durable}} {
		c, err := bench.AllocateStreamCaller(of.server.conn, &next, orders)
		if err != nil {
			return err
		}
		if _, answer, err = c.Message(ctx); err != nil {
			return err
		}
		loads[i] = load{of.name, of.server, c.Run}
	}
	loads[batchMemory] = load{"batches in memory", m.memory, bench.AllocateBatchCaller(m.memory.conn, &next, orders).Run}
	loads[batchDurable] = load{"batches, durable", m.durable, bench.AllocateBatchCaller(m.durable.conn, &next, orders).Run}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, unaryAnswer), make([]byte, m.result.Answer), 0o600),
		os.WriteFile(filepath.Join(dir, streamAnswer), answer, 0o600),
	); err != nil {
		return err
	}
	if m.echo, err = start(ctx, "echo", dir, m.stderr); err != nil {
		return err
	}
	if part == partStreams { // which alone it stands beside
		if m.roomy, err = start(ctx, "roomy echo", dir, m.stderr); err != nil {
			return err
		}
	}
	loads[unaryEcho] = load{"echo of calls", m.echo, bench.EchoCaller(m.echo.conn, m.result.Request).Run}
	for i, of := range map[int]load{
		streamEcho:  {name: "echo of streams", server: m.echo},
		streamBytes: {name: "echo of streams, as bytes", server: m.echo},
		streamRoomy: {name: "echo of streams, with memory reserved", server: m.roomy},
	} {
		if of.server == nil {
			continue
		}
		c, err := bench.EchoStreamCaller(of.server.conn, i != streamBytes, orders)
		if err != nil {
			return err
		}
		loads[i] = load{of.name, of.server, c.Run}
	}
	return m.measure(ctx, part, loads)
}

// measure calls every subject of a part once a round, in turns.
func (m *measurement) measure(ctx context.Context, part string, loads []load) error {
	all := m.result.Subjects
	for i := range loads {
		if partOf(i) == part {
			all[i].Name = loads[i].name
		}
	}
	for round := range m.rounds + 1 {
		if round == 1 {
			if err := m.profile(part); err != nil {
				return err
			}
		}
		for i := range loads {
			at := (i + round) % len(loads)
			if partOf(at) != part {
				continue
			}
			l, s := &loads[at], all[at]
			before, err := l.server.cpu()
			if err != nil {
				return err
			}
			w, err := l.run(ctx, m.slice)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			after, err := l.server.cpu()
			if err != nil {
				return err
			}
			if w.Answers == 0 {
				return fmt.Errorf("%s: nothing was answered in %v", l.name, m.slice)
			}
			if round > 0 { // the first warms
				s.Rate = append(s.Rate, w.Rate)
				s.Client = append(s.Client, w.CPU)
				s.Server = append(s.Server, float64((after-before).Nanoseconds())/1e3/float64(w.Answers))
			}
		}
		fmt.Fprintf(m.stderr, "%s: round %d of %d\n", part, round, m.rounds)
	}
	return m.profiled()
}

// promise holds the subjects against each other.
func (m *measurement) promise() {
	all := m.result.Subjects
	atLeast := func(name string, target float64, rounds []float64) {
		m.result.Promises = append(m.result.Promises, bench.AtLeast(name, target, rounds))
	}
	perSecond := func(i int) []float64 { // of the server's processor time
		out := make([]float64, len(all[i].Server))
		for r, us := range all[i].Server {
			out[r] = 1e6 / us
		}
		return out
	}
	if slices.Contains(m.wanted, partCalls) {
		atLeast("calls in memory / echo, calls a second", 0.85, bench.Ratios(all[unaryMemory].Rate, all[unaryEcho].Rate))
		atLeast("calls, durable / echo, calls a second", 0.6, bench.Ratios(all[unaryDurable].Rate, all[unaryEcho].Rate))
	}
	if !slices.Contains(m.wanted, partStreams) {
		return
	}
	atLeast("streams in memory / echo, orders per second of server", 0.6, bench.Ratios(perSecond(streamMemory), perSecond(streamEcho)))
	atLeast("streams, durable / echo, orders per second of server", 0.5, bench.Ratios(perSecond(streamDurable), perSecond(streamEcho)))
	atLeast("streams, durable, orders a second of a server's core", 100_000, perSecond(streamDurable))
	m.result.Promises = append(m.result.Promises,
		bench.Told("streams in memory / echo with memory reserved", bench.Ratios(perSecond(streamMemory), perSecond(streamRoomy))),
		bench.Told("streams, durable / echo with memory reserved", bench.Ratios(perSecond(streamDurable), perSecond(streamRoomy))))
}

// profile begins to record.
func (m *measurement) profile(part string) error {
	if m.record == "" {
		return nil
	}
	if err := os.MkdirAll(m.record, 0o755); err != nil {
		return err
	}
	for _, c := range []*child{m.memory, m.durable} {
		file, err := filepath.Abs(filepath.Join(m.record, part+"-"+c.kind+".pprof"))
		if err != nil {
			return err
		}
		if _, err := c.ask("profile " + file); err != nil {
			return err
		}
	}
	return nil
}

func (m *measurement) profiled() error {
	if m.record == "" {
		return nil
	}
	for _, c := range []*child{m.memory, m.durable} {
		if _, err := c.ask("profiled"); err != nil {
			return err
		}
	}
	return nil
}
