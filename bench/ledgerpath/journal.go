package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
)

// recordBytes is about the size of the event that grants a hold on an order with 2 lines.
const recordBytes = 600

// rawBytes is the size of the file of raw appends. It was filled before, so that nothing but its blocks is written.
const rawBytes = 64 << 20

// A raw is the least that keeps records on a disk: the bytes of every group at the end of a file, and then fdatasync. It
// hashes nothing, and cannot be opened again.
type raw struct {
	*journal.Memory // for what is not called

	file *os.File
	at   int64
	buf  []byte
}

func newRaw(dir string) (*raw, error) {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, rawBytes)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &raw{file: f}, nil
}

// Append writes the records with what a group adds to them: a header and the lengths.
func (r *raw) Append(_, expected uint64, records [][]byte) (journal.Position, error) {
	r.buf = append(r.buf[:0], make([]byte, 84+4*len(records))...)
	for _, b := range records {
		r.buf = append(r.buf, b...)
	}
	if r.at+int64(len(r.buf)) > rawBytes {
		r.at = 0 // what the file holds does not matter here
	}
	n, err := r.file.WriteAt(r.buf, r.at)
	r.at += int64(n)
	return journal.Position{Sequence: expected + uint64(len(records))}, errors.Join(err, fdatasync(r.file))
}

// commit lets every caller add records and wait for each, for a time and at least once, and returns the records a second.
func commit(c *journal.Committer, d time.Duration) (float64, error) {
	var total atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began := time.Now()
	deadline := began.Add(d)
	for i := range bench.Callers {
		wg.Go(func() {
			record := make([]byte, recordBytes)
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for k := range record {
				record[k] = byte(random.Uint32()) & 63 // not quite incompressible
			}
			n := int64(0)
			for first := true; first || time.Now().Before(deadline); first = false {
				record[random.IntN(len(record))]++
				if err := c.Wait(c.Add(record)); err != nil {
					failed.Store(&err)
					return
				}
				n++
			}
			total.Add(n)
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(total.Load()) / time.Since(began).Seconds(), nil
}

// measureJournal compares the journal with raw appends of the same bytes, from the same number of committers, in the same
// groups.
func measureJournal(ctx context.Context, m *measurement) (err error) {
	m.tellf("journal beside raw appends")
	j, err := openJournal(filepath.Join(m.dir, "journal"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	epoch, err := j.Begin()
	if err != nil {
		return err
	}
	r, err := newRaw(m.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.file.Close()) }()
	committers := []*journal.Committer{journal.NewCommitter(j, epoch, 0, nil), journal.NewCommitter(r, epoch, 0, nil)}
	for _, c := range committers {
		defer func() { err = errors.Join(err, c.Close()) }()
		if _, err := commit(c, 3*m.slice); err != nil { // until logs and tables have their usual sizes
			return err
		}
	}
	rates := make([][]float64, len(committers))
	for range m.rounds {
		for i, c := range committers {
			rate, err := commit(c, m.slice)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			rates[i] = append(rates[i], rate)
		}
	}
	m.report("journal, 64 committers", "records/s", rates[0])
	m.report("raw appends with fdatasync", "records/s", rates[1])
	m.atLeast("journal / raw appends, 64 committers, 600 bytes", 0.5, bench.Ratios(rates[0], rates[1]))
	return nil
}

// openJournal opens the journal in a directory, or makes one.
func openJournal(dir string) (*pebblejournal.Journal, error) {
	return pebblejournal.Open(dir, pebblejournal.Options{Log: slog.New(slog.DiscardHandler)})
}
