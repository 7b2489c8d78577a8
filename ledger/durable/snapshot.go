package durable

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/allot-engine/allot/ledger/journal"
)

// snapshooter makes snapshots when they are due, until the store closes.
func (s *Store) snapshooter() {
	for {
		select {
		case <-s.stop:
			return
		case <-s.due:
		}
		if s.Err() != nil || max(s.appender.last.Load(), s.Durable()) < s.next.Load() {
			continue // it failed, or somebody made one meanwhile
		}
		err := s.Snapshot()
		if err == nil {
			continue
		}
		s.next.Store(s.Durable() + uint64(s.options.SnapshotEvery)) // the next occasion
		if !errors.Is(err, errStopped) && s.Err() == nil {
			s.log.Error("a snapshot failed; the journal grows until one succeeds, which is tried again", "error", err, "next", s.next.Load())
		}
	}
}

// Snapshot makes a snapshot of what is durable now, unless there is one, and drops what is then no longer kept. It also
// happens in the background, see Options. It costs the memory of a second state. The ledger does not wait for it.
func (s *Store) Snapshot() error {
	s.snapshots.Lock()
	defer s.snapshots.Unlock()
	select {
	case <-s.stop:
		return errStopped
	default:
	}
	at, remembered, err := s.fold()
	if err != nil {
		return err
	}
	s.next.Store(at.Sequence + s.options.interval(remembered))
	return s.retire()
}

// interval returns how many records after a snapshot of so many holds and answers the next one is due. A snapshot writes all of
// them, so where they are many it is made less often, half as many records apart as it has items: otherwise a ledger of ten
// million holds would write each of them for every tenth record. A restart reads them all anyway, and so takes up to half as long
// again; at most eight times SnapshotEvery records are between two snapshots.
func (o *Options) interval(remembered int) uint64 {
	most := min(o.SnapshotEvery, math.MaxInt/8) * 8
	return uint64(max(o.SnapshotEvery, min(remembered/2, most)))
}

// fold makes a snapshot at the end of the journal from the one before and the records since. It returns where it is, and how much
// it remembers.
func (s *Store) fold() (journal.Position, int, error) {
	state, from, err := base(s.journal, s.config, everything, s.log)
	if err != nil {
		return from, 0, err
	}
	s.verified[from.Sequence] = true
	f := fold{journal: s.journal, state: state, at: from, stop: s.stop}
	if err := f.run(everything); err != nil {
		return from, 0, err
	}
	if f.at == from {
		return from, state.Remembered(), nil
	}
	written, err := s.journal.WriteSnapshot(s.epoch, f.at, func(w io.Writer) error { return state.Write(&stoppable{w, s.stop}) })
	if err != nil {
		return from, 0, fmt.Errorf("writing a snapshot at %d: %w", f.at.Sequence, err)
	}
	delete(s.verified, f.at.Sequence)
	s.log.Info("snapshot", "sequence", f.at.Sequence, "bytes", written.Size, "events", f.at.Sequence-from.Sequence)
	return f.at, state.Remembered(), nil
}

// A stoppable is a writer that fails when something stops.
type stoppable struct {
	io.Writer
	stop <-chan struct{}
}

// Write is io.Writer's.
func (w *stoppable) Write(p []byte) (int, error) {
	select {
	case <-w.stop:
		return 0, errStopped
	default:
		return w.Writer.Write(p)
	}
}

// retire drops what is older than the snapshots to be kept. Only those that read back count.
func (s *Store) retire() error {
	if s.options.Keep < 0 {
		return nil
	}
	snapshots, err := s.journal.Snapshots()
	if err != nil {
		return fmt.Errorf("listing snapshots: %w", err)
	}
	good := 0
	for i := len(snapshots) - 1; i >= 0; i-- {
		// All but the newest one are a base that was read back or a leftover. The newest needs it only when nothing older is kept.
		at := snapshots[i].Sequence
		if newest := i == len(snapshots)-1; !s.verified[at] && (!newest || s.options.Keep == 1) {
			if _, err := readSnapshot(s.journal, s.config, at); err != nil {
				if !errors.Is(err, journal.ErrDamaged) {
					return fmt.Errorf("reading the snapshot at %d back: %w", at, err)
				}
				s.log.Warn("a snapshot does not read back and is not counted", "sequence", at, "error", err)
				continue
			}
			s.verified[at] = true
		}
		if good++; good == s.options.Keep {
			return s.dropBefore(at)
		}
	}
	return nil
}

// dropBefore drops the records and snapshots before a snapshot that was read back, and the networks that only they name.
func (s *Store) dropBefore(sequence uint64) error {
	if err := s.dropRecords(sequence); err != nil {
		return err
	}
	return s.dropNetworks()
}

func (s *Store) dropRecords(sequence uint64) error {
	s.trim.Lock()
	defer s.trim.Unlock()
	if err := s.journal.Trim(s.epoch, sequence); err != nil {
		return fmt.Errorf("trimming the records up to %d: %w", sequence, err)
	}
	snapshots, err := s.journal.Snapshots()
	if err != nil {
		return fmt.Errorf("listing snapshots: %w", err)
	}
	for _, old := range snapshots {
		if old.Sequence >= sequence {
			break
		}
		if err := s.journal.DeleteSnapshot(s.epoch, old.Sequence); err != nil {
			return fmt.Errorf("deleting the snapshot at %d: %w", old.Sequence, err)
		}
		delete(s.verified, old.Sequence)
	}
	return nil
}
