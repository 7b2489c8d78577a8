package durable

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// A Report says what Verify has looked at and found good.
type Report struct {
	Network   string // name
	After     uint64 // records behind this one are kept
	Last      uint64 // record that was good, with all before it
	Events    map[ledger.Kind]uint64
	Snapshots int // that read back and equal what the records before them make
	Networks  int // versions whose files are kept
	Prices    int // versions that are kept
	Open      int // holds that have their claims, after the last record
	State     [32]byte
}

// Verify checks everything that a journal holds: the chain of all records, that each is an event and follows those before
// it, that every snapshot reads back and equals byte for byte what the records before it make of the one before, and that
// the networks that are kept read back. Of the first snapshot after trimming only the digest can be checked.
//
// The error joins all that is wrong, with journal.ErrDamaged; the report then is of what was good. progress, if not nil,
// hears now and then how many of the records are done. It changes nothing. It costs a state's memory.
func Verify(j journal.Journal, progress func(done, total uint64)) (*Report, error) {
	h, err := OpenReadOnly(j, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	v := verification{History: h, report: &Report{Network: h.network, Events: map[ledger.Kind]uint64{}}, progress: progress}
	v.run()
	return v.report, errors.Join(v.wrong...)
}

type verification struct {
	*History
	report   *Report
	progress func(done, total uint64)
	wrong    []error
}

func (v *verification) run() {
	snapshots, err := v.journal.Snapshots()
	if err != nil {
		v.wrong = append(v.wrong, fmt.Errorf("listing snapshots: %w", err))
		return
	}
	start, end := v.journal.Bounds()
	v.report.After, v.report.Last = start.Sequence, start.Sequence
	state, at := ledger.NewState(v.config), start
	if start.Sequence > 0 {
		if state, at = v.first(snapshots, start); state == nil {
			return
		}
	}
	at0 := at.Sequence
	f := fold{journal: v.journal, state: state, at: at}
	f.each = func(e *ledger.Event) {
		v.report.Events[e.Kind]++
		if done := e.Sequence - at0; v.progress != nil && (done%(1<<14) == 0 || e.Sequence == end.Sequence) {
			v.progress(done, end.Sequence-at0)
		}
	}
	f.group = func(p journal.Position) error {
		for len(snapshots) > 0 && snapshots[0].Sequence <= p.Sequence {
			if s := snapshots[0]; s.Sequence >= at0 {
				v.snapshot(&s, p, state)
			}
			snapshots = snapshots[1:]
		}
		v.report.Last = p.Sequence
		return nil
	}
	if err := f.run(everything); err != nil {
		v.wrong = append(v.wrong, err)
	}
	v.report.Open, v.report.State = state.Open(), digest(state)
	v.archive()
}

// first returns the oldest snapshot that reads back, and reads the records before it.
func (v *verification) first(snapshots []journal.Snapshot, start journal.Position) (*ledger.State, journal.Position) {
	for _, s := range snapshots {
		if s.Sequence < start.Sequence {
			continue
		}
		state, err := readSnapshot(v.journal, v.config, s.Sequence)
		if err != nil {
			v.wrong = append(v.wrong, fmt.Errorf("the snapshot at %d: %w", s.Sequence, err))
			continue
		}
		for g, err := range v.journal.Read(start.Sequence) {
			if err != nil {
				v.wrong = append(v.wrong, fmt.Errorf("%w; %s", err, mendDamage))
				break
			}
			if g.End.Sequence >= s.Sequence {
				break
			}
		}
		return state, s.Position
	}
	v.wrong = append(v.wrong, fmt.Errorf("%w: no snapshot reads back, and the records up to %d are gone; %s", journal.ErrDamaged, start.Sequence, mendDamage))
	return nil, start
}

// snapshot checks a snapshot against the state at a place.
func (v *verification) snapshot(s *journal.Snapshot, at journal.Position, state *ledger.State) {
	fault := func(format string, args ...any) {
		v.wrong = append(v.wrong, fmt.Errorf("%w", &journal.DamageError{Sequence: s.Sequence, What: fmt.Sprintf("the snapshot there "+format, args...)}))
	}
	if s.Position != at {
		fault("is of %v and the chain has %v", s.Position, at)
		return
	}
	if got := digest(state); got != s.Digest {
		fault("is not what the records before it make: digest %x instead of %x", s.Digest[:6], got[:6])
		return
	}
	r, err := v.journal.OpenSnapshot(s.Sequence)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
	}
	if err != nil {
		v.wrong = append(v.wrong, fmt.Errorf("the snapshot at %d: %w", s.Sequence, err))
		return
	}
	v.report.Snapshots++
}

// digest returns the SHA-256 of a state.
func digest(s *ledger.State) [32]byte {
	h := sha256.New()
	if err := s.Write(h); err != nil {
		panic("durable: a hash does not fail: " + err.Error())
	}
	return [32]byte(h.Sum(nil))
}

// archive checks the networks and the prices that are kept.
func (v *verification) archive() {
	for _, of := range []struct {
		*shelf
		count *int
	}{{networkShelf, &v.report.Networks}, {pricesShelf, &v.report.Prices}} {
		versions, err := v.versions(of.shelf)
		if err != nil {
			v.wrong = append(v.wrong, err)
			continue
		}
		for _, version := range versions {
			if _, err := v.files(of.shelf, version); err != nil {
				v.wrong = append(v.wrong, err)
				continue
			}
			*of.count++
		}
	}
}
