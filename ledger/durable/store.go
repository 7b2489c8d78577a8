package durable

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// A Store is a ledger and the journal that it is kept in.
type Store struct {
	*History
	options   Options
	epoch     uint64
	ledger    *ledger.Ledger
	committer *journal.Committer
	appender  *appender

	failing sync.Once
	failure atomic.Pointer[error]
	done    chan struct{} // closed after failure is set

	snapshots  sync.Mutex      // one snapshot at a time
	verified   map[uint64]bool // under snapshots: those that were read back
	next       atomic.Uint64   // the event that makes a snapshot due
	due        chan struct{}   // wakes the background
	stop       chan struct{}   // closed by Close
	background sync.WaitGroup
	closing    sync.Once
	closed     error
	archiving  sync.Mutex     // of put, and of the archive
	put        map[string]int // how often this process has put a version into the archive, by its name there
}

// Open recovers the ledger that a journal holds, or makes a new one in an empty journal, and goes on with it. It owns the
// journal from then on: Store.Close closes it, and so does an error.
//
// Errors: ErrNetwork, ErrUnfinished, journal.ErrFormat, journal.ErrForeign, journal.ErrDamaged with the place (a
// journal.DamageError; also ledger.ErrReplay when an event does not follow), and those of the journal. Each says what to do.
func Open(j journal.Journal, o Options) (*Store, error) {
	s, err := open(j, o)
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return s, nil
}

func open(j journal.Journal, o Options) (*Store, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if o.Network == "" {
		return nil, errors.New("the options name no network; write the name of the one that the ledger serves")
	}
	wanted := format{Format: formatNumber, Network: o.Network, Retention: o.Ledger.Retention, RefusalRetention: o.Ledger.RefusalRetention}
	kept, ok, err := readFormat(j)
	if err != nil {
		return nil, err
	}
	if !ok {
		kept = wanted
	}
	if err := checkNetwork(&kept, o.Network); err != nil {
		return nil, err
	}
	epoch, err := j.Begin()
	if err != nil {
		return nil, fmt.Errorf("taking the journal over: %w", err)
	}
	if !ok {
		if err := kept.write(j, epoch); err != nil {
			return nil, fmt.Errorf("writing the format: %w", err)
		}
	}
	s := &Store{
		History: &History{journal: j, network: o.Network, config: kept.config(o.Ledger), log: o.Log},
		options: o, epoch: epoch,
		done: make(chan struct{}), due: make(chan struct{}, 1), stop: make(chan struct{}),
		verified: map[uint64]bool{}, put: map[string]int{},
	}
	state, at, err := s.recover()
	if err != nil {
		return nil, err
	}
	if kept != wanted {
		if state, err = s.remember(state, at, &wanted); err != nil {
			return nil, err
		}
	}
	s.appender = &appender{store: s}
	s.committer = journal.NewCommitter(j, epoch, at.Sequence, s.fail)
	s.ledger = ledger.Of(state, s.appender)
	s.background.Go(s.snapshooter)
	if at.Sequence >= s.next.Load() {
		s.due <- struct{}{}
	}
	return s, nil
}

// recover returns the state at the end of the journal.
func (s *Store) recover() (*ledger.State, journal.Position, error) {
	state, at, err := base(s.journal, s.config, everything, s.log)
	if err != nil {
		return nil, at, err
	}
	s.verified[at.Sequence] = true
	s.next.Store(at.Sequence + s.options.interval(state.Remembered()))
	f := fold{journal: s.journal, state: state, at: at}
	if err := f.run(everything); err != nil {
		return nil, at, err
	}
	if _, end := s.journal.Bounds(); f.at != end {
		return nil, at, fmt.Errorf("%w; %s", &journal.DamageError{Sequence: f.at.Sequence, What: fmt.Sprintf("the chain ends at %v, the journal at %v", f.at, end)}, mendDamage)
	}
	return state, f.at, nil
}

// remember changes how long the ledger remembers. What was forgotten under the old times and what would be under the new
// ones differ, so no state is made across the change: it begins with a snapshot, and what was before it is dropped. Cut
// short, it leaves the old times and is done again.
func (s *Store) remember(state *ledger.State, at journal.Position, wanted *format) (*ledger.State, error) {
	s.log.Warn("the time that ended holds and answers are remembered changes; the journal begins anew with a snapshot",
		"retention", wanted.Retention, "refusal_retention", wanted.RefusalRetention, "sequence", at.Sequence)
	if at.Sequence > 0 {
		if _, err := s.journal.WriteSnapshot(s.epoch, at, state.Write); err != nil {
			return nil, fmt.Errorf("writing a snapshot at %d: %w", at.Sequence, err)
		}
		if err := s.dropBefore(at.Sequence); err != nil {
			return nil, err
		}
	}
	if err := wanted.write(s.journal, s.epoch); err != nil {
		return nil, fmt.Errorf("writing the format: %w", err)
	}
	s.config = wanted.config(s.options.Ledger)
	state, _, err := s.recover()
	return state, err
}

// An appender is the ledger's log.
type appender struct {
	store  *Store
	buffer []byte        // under the ledger's mutex
	last   atomic.Uint64 // record that was added
	ended  atomic.Pointer[error]
}

// Append is ledger.Log's.
func (a *appender) Append(e *ledger.Event) {
	s := a.store
	a.buffer = ledger.AppendEvent(a.buffer[:0], e)
	n := s.committer.AddBound(a.buffer, e.More)
	if cap(a.buffer) > 1<<20 {
		a.buffer = nil // one giant must not stay
	}
	if n != e.Sequence {
		s.fail(fmt.Errorf("event %d would become record %d; this is a fault of the program, start it again", e.Sequence, n))
	}
	a.last.Store(n)
	if n >= s.next.Load() {
		select {
		case s.due <- struct{}{}:
		default:
		}
	}
}

// Wait is ledger.Log's. After a failure or Close nothing is answered any more, not even what is durable.
func (a *appender) Wait(sequence uint64) error {
	if err := a.ended.Load(); err != nil {
		return *err
	}
	return a.store.committer.Wait(sequence)
}

// Flush is ledger.Log's.
func (a *appender) Flush() { a.store.committer.Flush() }

// fail ends the store, once.
func (s *Store) fail(err error) {
	s.failing.Do(func() {
		s.failure.Store(&err)
		s.appender.ended.Store(&err)
		s.log.Error("the journal cannot be written any more; nothing more is answered", "error", err)
		close(s.done)
		if s.options.Failed != nil {
			s.options.Failed(err)
		}
	})
}

// Ledger returns the ledger. Its methods return when what they answer is durable, or the error why nobody knows.
func (s *Store) Ledger() *ledger.Ledger { return s.ledger }

// Fresh reports whether no network was taken into service yet, so that its stock has to be loaded.
func (s *Store) Fresh() bool {
	_, _, _, networks := s.ledger.Names()
	return len(networks) == 0
}

// Done returns a channel that is closed when the journal can no longer be written; Err then says why. Close does not close
// it.
func (s *Store) Done() <-chan struct{} { return s.done }

// Err returns why the journal can no longer be written, or nil.
func (s *Store) Err() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Durable returns the number of the latest event that is durable.
func (s *Store) Durable() uint64 { return s.committer.Durable() }

// Changed returns a channel that is closed when Durable grows, or when the store ends. Take it before looking at Durable,
// so that nothing is missed in between.
func (s *Store) Changed() <-chan struct{} { return s.committer.Changed() }

// Close makes durable what the ledger has done, gives up a snapshot that is being made, waits until loops over Events and
// calls of StateAt have ended, and closes the journal. Commands get errors from then on. It returns why not all is durable.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.stop)
		err := s.committer.Close()
		s.appender.ended.CompareAndSwap(nil, &errStopped)
		s.background.Wait()
		s.snapshots.Lock() // of others than the background; they were told to stop, too
		defer s.snapshots.Unlock()
		s.trim.Lock() // readers of states end first
		defer s.trim.Unlock()
		s.closed = errors.Join(err, s.journal.Close())
	})
	return s.closed
}
