package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/rounds"
)

// sortCells sorts by two strings.
func sortCells[T any](of []T, key func(T) (string, string)) {
	slices.SortFunc(of, func(a, b T) int {
		a1, a2 := key(a)
		b1, b2 := key(b)
		return cmp.Or(cmp.Compare(a1, b1), cmp.Compare(a2, b2))
	})
}

// reserveRounds is how many rounds of reservations there are for one of decisions: calls that wait for a disk vary more.
const reserveRounds = 3

// measureReserve compares calls of Allocate with an empty echo and with reservations of the same orders in PostgreSQL.
func measureReserve(ctx context.Context, m *measurement) (err error) {
	m.tellf("reservations: Allocate, an empty echo, PostgreSQL")
	var p *postgres
	t, err := m.tools.postgres(ctx)
	if err == nil {
		p, err = newPostgres(ctx, t, m.dir)
	}
	if err != nil {
		m.leaveOut("PostgreSQL", err.Error())
		p = nil
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	var also func(*rounds.Sample) ([]rounds.Also, error)
	if p != nil {
		defer func() { err = errors.Join(err, p.close()) }()
		m.version("PostgreSQL", p.version)
		also = func(s *rounds.Sample) ([]rounds.Also, error) {
			if err := p.stock(ctx, s.World); err != nil {
				return nil, err
			}
			return p.reservers(s)
		}
	}
	all, err := rounds.Service(ctx, m.dir, reserveRounds*m.rounds, m.slice, also, m.tellf)
	if err != nil {
		return err
	}
	part := &table{
		Title: "Reservations, 64 callers",
		Note: fmt.Sprintf("%d rounds. ", reserveRounds*m.rounds) + "Allot and the echo over gRPC on loopback; Allot also reads the order, decides it, and answers with the plan. PostgreSQL over a socket, one call of a " +
			"function: a conditional update of each line, and an insert, with fsync and synchronous_commit on; it is told what Allot's engine takes of the same orders. " +
			"The hot SKU lies in half of the warehouses. A round runs each twice, in an order and back; of what is compared neighbours run in turn.",
	}
	for i := range all {
		part.row(all[i].Name, "a second", all[i].Rate)
		if all[i].AnyAborted() {
			part.row(all[i].Name+", ABORTED", "%", all[i].Aborted)
		}
	}
	ratio := func(name string, a, b int) []float64 {
		of := bench.Ratios(all[a].Rate, all[b].Rate)
		part.row(name, "times", of)
		return of
	}
	m.atLeast("Allocate in memory / echo, 64 callers", 0.85, ratio("Allocate in memory / echo", rounds.Memory, rounds.Echo))
	m.atLeast("durable Allocate / echo, 64 callers", 0.6, ratio("durable Allocate / echo", rounds.Durable, rounds.Echo))
	cpu := func(name string, hot, uniform int) {
		part.row(name, "times", bench.Ratios(all[hot].CPU, all[uniform].CPU))
	}
	m.atLeast("Allot: one hot SKU / uniform, durable, 2 lines", 0.8, ratio("Allot: one hot SKU / uniform, 2 lines", rounds.HotTwo, rounds.Durable))
	m.atLeast("Allot: one hot SKU / uniform, durable, 1 line", 0.8, ratio("Allot: one hot SKU / uniform, 1 line", rounds.HotOne, rounds.UniformOne))
	cpu("Allot, processor time of a call: one hot SKU / uniform, 2 lines", rounds.HotTwo, rounds.Durable)
	cpu("Allot, processor time of a call: one hot SKU / uniform, 1 line", rounds.HotOne, rounds.UniformOne)
	if p != nil {
		two := slices.IndexFunc(all, func(s rounds.Series) bool { return s.Name == reserverNames[0] })
		ratio("PostgreSQL: one hot SKU / uniform, 2 lines", two+1, two)
		ratio("PostgreSQL: one hot SKU / uniform, 1 line", two+3, two+2)
		ratio("PostgreSQL: one row / uniform, 1 line", two+4, two+2)
		ratio("durable Allocate / PostgreSQL, 2 lines", rounds.Durable, two)
		ratio("durable Allocate / PostgreSQL, 2 lines, one of them hot", rounds.HotTwo, two+1)
		ratio("durable Allocate / PostgreSQL, 1 line", rounds.UniformOne, two+2)
		ratio("durable Allocate / PostgreSQL, 1 line, hot", rounds.HotOne, two+3)
		if err := p.check(ctx); err != nil {
			return err
		}
	}
	m.add(part)
	return nil
}

// measureJournal compares the journal with raw appends.
func measureJournal(ctx context.Context, m *measurement) error {
	m.tellf("the journal beside raw appends")
	kept, appended, err := rounds.Journal(ctx, m.dir, m.rounds, m.slice)
	if err != nil {
		return err
	}
	part := &table{Title: "The journal, 64 committers, records of 600 bytes", Note: "Both get the same groups. Raw appends write their bytes into a file that was filled before, and call fdatasync."}
	part.row("journal", "records/s", kept)
	part.row("raw appends with fdatasync", "records/s", appended)
	of := bench.Ratios(kept, appended)
	part.row("journal / raw appends", "times", of)
	m.atLeast("journal / raw appends, 64 committers, 600 bytes", 0.5, of)
	m.add(part)
	return nil
}
