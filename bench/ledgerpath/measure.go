package main

import (
	"context"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/rounds"
)

// measureJournal compares the journal with raw appends of the same bytes.
func measureJournal(ctx context.Context, m *measurement) error {
	m.tellf("journal beside raw appends")
	kept, appended, err := rounds.Journal(ctx, m.dir, m.rounds, m.slice)
	if err != nil {
		return err
	}
	m.report("journal, 64 committers", "records/s", kept)
	m.report("raw appends with fdatasync", "records/s", appended)
	m.atLeast("journal / raw appends, 64 committers, 600 bytes", 0.5, bench.Ratios(kept, appended))
	return nil
}

// measureService compares durable Allocate with an empty echo, with the same in memory, and orders for one SKU with
// orders for all.
func measureService(ctx context.Context, m *measurement) error {
	m.tellf("Allocate beside an empty echo")
	all, err := rounds.Service(ctx, m.dir, m.rounds, m.slice, nil, m.tellf)
	if err != nil {
		return err
	}
	for i := range all {
		s := &all[i]
		m.report(s.Name, "calls/s", s.Rate)
		m.report("", "cpu µs/call", s.CPU)
		if s.AnyAborted() {
			m.report("", "% ABORTED", s.Aborted)
		}
	}
	m.atLeast("durable Allocate / echo, 64 callers", 0.6, bench.Ratios(all[rounds.Durable].Rate, all[rounds.Echo].Rate))
	m.atLeast("Allocate in memory / echo, 64 callers", 0.85, bench.Ratios(all[rounds.Memory].Rate, all[rounds.Echo].Rate))
	m.atLeast("one hot SKU / uniform, durable, 2 lines", 0.8, bench.Ratios(all[rounds.HotTwo].Rate, all[rounds.Durable].Rate))
	m.atLeast("one hot SKU / uniform, durable, 1 line", 0.8, bench.Ratios(all[rounds.HotOne].Rate, all[rounds.UniformOne].Rate))
	return nil
}
