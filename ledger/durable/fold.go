package durable

import (
	"fmt"
	"io"
	"log/slog"
	"math"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// errStopped ends work in the background when the store closes.
var errStopped = fmt.Errorf("the store closes: %w", journal.ErrClosed)

const mendDamage = "restore a dump made before, or look at what ledger verify says"

// base returns the state of the newest snapshot at or before a sequence that reads back, or the empty state at the
// beginning. Snapshots that do not read back are passed over with a warning, as long as the records behind an older one are
// there.
func base(j journal.Journal, c ledger.Config, sequence uint64, log *slog.Logger) (*ledger.State, journal.Position, error) {
	snapshots, err := j.Snapshots()
	if err != nil {
		return nil, journal.Position{}, fmt.Errorf("listing snapshots: %w", err)
	}
	start, _ := j.Bounds()
	var bad error
	for i := len(snapshots) - 1; i >= 0; i-- {
		at := snapshots[i]
		if at.Sequence > sequence {
			continue
		}
		if at.Sequence < start.Sequence {
			break // the records behind it are gone
		}
		state, err := readSnapshot(j, c, at.Sequence)
		if err == nil {
			return state, at.Position, nil
		}
		log.Warn("a snapshot does not read back; an older one and the records behind it take its place", "sequence", at.Sequence, "error", err)
		if bad == nil {
			bad = err
		} else {
			bad = fmt.Errorf("%w; %w", bad, err)
		}
	}
	if start.Sequence == 0 {
		return ledger.NewState(c), journal.Position{}, nil
	}
	if bad == nil {
		return nil, journal.Position{}, fmt.Errorf("%w: there is no snapshot at %d or before, and the records up to %d are gone", journal.ErrTrimmed, sequence, start.Sequence)
	}
	return nil, journal.Position{}, fmt.Errorf("no snapshot reads back, and the records up to %d are gone: %w; %s", start.Sequence, bad, mendDamage)
}

// readSnapshot reads the snapshot at a sequence back.
func readSnapshot(j journal.Journal, c ledger.Config, sequence uint64) (*ledger.State, error) {
	r, err := j.OpenSnapshot(sequence)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	ahead := newStreamAhead(r)
	defer ahead.close()
	state, err := ledger.ReadState(ahead, c)
	rest, end := io.Copy(io.Discard, ahead) // the digest is verified with the last byte
	switch {
	case end != nil: // of the journal, which knows better than who reads
		return nil, end
	case err == nil && rest > 0:
		return nil, &journal.DamageError{Sequence: sequence, What: fmt.Sprintf("the snapshot there has %d bytes too many", rest)}
	case err != nil:
		return nil, &journal.DamageError{Sequence: sequence, What: fmt.Sprintf("the snapshot there is none: %v", err)}
	case state.Sequence() != sequence:
		return nil, &journal.DamageError{Sequence: sequence, What: fmt.Sprintf("the snapshot there is of event %d", state.Sequence())}
	}
	return state, nil
}

// A fold applies the records of a journal to a state.
type fold struct {
	journal journal.Journal
	state   *ledger.State
	at      journal.Position // of the state; only its sequence is known inside a group
	stop    <-chan struct{}  // ends it with errStopped when closed; may be nil
	each    func(e *ledger.Event)
	group   func(at journal.Position) error // called between groups, from the beginning on
}

// run applies the records up to and including a sequence, or to the end of the journal when there are fewer. Reading,
// verifying and decoding the next records goes on while those before are applied, so that it takes two cores.
func (f *fold) run(to uint64) error {
	if f.group != nil {
		if err := f.group(f.at); err != nil {
			return err
		}
	}
	_, end := f.journal.Bounds()
	if to = min(to, end.Sequence); f.at.Sequence >= to {
		return nil
	}
	r := readAhead(f.journal, f.at.Sequence, to)
	defer r.close()
	for b := range r.full {
		select {
		case <-f.stop:
			return errStopped
		default:
		}
		if err := f.apply(b, to); err != nil {
			return err
		}
		if b.err != nil {
			return fmt.Errorf("reading the records behind %d: %w; %s", f.at.Sequence, b.err, mendDamage)
		}
		r.free <- b
	}
	if f.at.Sequence < to {
		return fmt.Errorf("%w; %s", &journal.DamageError{Sequence: f.at.Sequence, What: fmt.Sprintf("the records up to %d are missing", to)}, mendDamage)
	}
	return nil
}

// apply applies a batch, up to and including a sequence.
func (f *fold) apply(b *batch, to uint64) error {
	events, foreseen := b.events, 0
	for _, g := range b.groups {
		for i := range events[:g.events] {
			e := &events[i]
			if e.Sequence > to {
				return nil
			}
			if foreseen == 0 {
				foreseen = min(foresight, len(events)-i)
				f.state.Foresee(events[i:][:foreseen])
			}
			foreseen--
			if err := f.state.Replay(e); err != nil {
				return fmt.Errorf("%w; %s", damage(e.Sequence, "it does not follow those before it: %w", err), mendDamage)
			}
			f.at = journal.Position{Sequence: e.Sequence}
			if f.each != nil {
				f.each(e)
			}
		}
		events = events[g.events:]
		if g.end == (journal.Position{}) {
			continue // it is not whole
		}
		f.at = g.end
		if f.group != nil {
			if err := f.group(f.at); err != nil {
				return err
			}
		}
	}
	return nil
}

// decode decodes the record of a sequence.
func decode(e *ledger.Event, record []byte, sequence uint64) error {
	if err := ledger.ReadEvent(record, e); err != nil {
		return damage(sequence, "it is no event: %w", err)
	}
	if e.Sequence != sequence {
		return damage(sequence, "it is event %d", e.Sequence)
	}
	return nil
}

// damage says what is wrong with a record whose bytes are those that were written.
func damage(sequence uint64, format string, args ...any) error {
	what := fmt.Errorf("record %d is no part of this ledger: "+format, append([]any{sequence}, args...)...)
	return &eventError{DamageError: journal.DamageError{Sequence: sequence - 1, What: what.Error()}, cause: what}
}

// An eventError is a DamageError with its cause, as ledger.ErrReplay.
type eventError struct {
	journal.DamageError
	cause error
}

// Unwrap makes it be journal.ErrDamaged, a journal.DamageError, and its cause.
func (e *eventError) Unwrap() []error { return []error{&e.DamageError, e.cause} }

// A batch is the events of some groups or parts of groups, and the error that ended reading behind them.
type batch struct {
	events []ledger.Event // the memory of all that ever were is used again
	groups []span
	err    error
}

// A span is a group of a batch, or a part of one.
type span struct {
	events int
	end    journal.Position // zero when more of the group follows
}

// A reader reads groups ahead of their use.
type reader struct {
	full chan *batch // closed at the end
	free chan *batch
	quit chan struct{}
	b    *batch // being filled
}

const (
	batchEvents = 1024 // so many that the hand-over is cheap, which wakes a goroutine
	batches     = 4
	foresight   = 256 // events that the caches have room for
)

// readAhead reads the groups behind a sequence, up to one that holds the last record wanted.
func readAhead(j journal.Journal, after, last uint64) *reader {
	r := &reader{full: make(chan *batch, batches), free: make(chan *batch, batches), quit: make(chan struct{})}
	for range batches {
		r.free <- new(batch)
	}
	go func() {
		defer close(r.full)
		r.read(j, after, last)
	}()
	return r
}

// close stops reading and waits until it did.
func (r *reader) close() {
	close(r.quit)
	for range r.full { // until the reader has returned
	}
}

// take gets a batch to fill; false when reading is to stop.
func (r *reader) take() bool {
	select {
	case r.b = <-r.free:
		r.b.events, r.b.groups = r.b.events[:0], r.b.groups[:0]
		return true
	case <-r.quit:
		return false
	}
}

// give hands the batch over; false when reading is to stop.
func (r *reader) give() bool {
	select {
	case r.full <- r.b:
		return true
	case <-r.quit:
		return false
	}
}

func (r *reader) read(j journal.Journal, after, last uint64) {
	if !r.take() {
		return
	}
	for g, err := range j.Read(after) {
		if err == nil {
			var going bool
			if going, err = r.decode(&g); !going {
				return
			}
		}
		if err != nil {
			r.b.err = err
			r.give()
			return
		}
		if g.End.Sequence >= last {
			break
		}
		if len(r.b.events) >= batchEvents && (!r.give() || !r.take()) {
			return
		}
	}
	r.give()
}

// decode puts the events of a group into the batch, and hands it over when it is full. It is false when reading is to stop.
func (r *reader) decode(g *journal.Group) (going bool, err error) {
	begun := len(r.b.events) // of the group in this batch
	for i, record := range g.Records {
		if len(r.b.events) >= 2*batchEvents { // a long group
			r.b.groups = append(r.b.groups, span{events: len(r.b.events) - begun})
			if !r.give() || !r.take() {
				return false, nil
			}
			begun = 0
		}
		n := len(r.b.events)
		if n == cap(r.b.events) {
			r.b.events = append(r.b.events, ledger.Event{})
		}
		r.b.events = r.b.events[:n+1]
		if err := decode(&r.b.events[n], record, g.First+uint64(i)); err != nil {
			r.b.events = r.b.events[:n]
			r.b.groups = append(r.b.groups, span{events: n - begun})
			return true, err
		}
	}
	r.b.groups = append(r.b.groups, span{len(r.b.events) - begun, g.End})
	return true, nil
}

// everything is the sequence to fold to the end.
const everything = math.MaxUint64

// A streamAhead reads a stream ahead of its use, so that fetching and verifying it takes a core of its own.
type streamAhead struct {
	full chan []byte // closed at the end
	free chan []byte
	quit chan struct{}
	err  error // of the stream, other than io.EOF; to be read when full is closed
	last []byte
	rest []byte // of last
}

const streamBytes = 256 << 10

func newStreamAhead(r io.Reader) *streamAhead {
	a := &streamAhead{full: make(chan []byte, batches), free: make(chan []byte, batches), quit: make(chan struct{})}
	for range batches {
		a.free <- nil
	}
	go func() {
		defer close(a.full)
		for {
			var b []byte
			select {
			case b = <-a.free:
			case <-a.quit:
				return
			}
			if b == nil { // a short stream needs only one
				b = make([]byte, streamBytes)
			}
			n, err := io.ReadFull(r, b)
			a.full <- b[:n] // there is room for all
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF {
					a.err = err
				}
				return
			}
		}
	}()
	return a
}

// Read is io.Reader's.
func (a *streamAhead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.last != nil {
			a.free <- a.last[:cap(a.last)]
		}
		b, ok := <-a.full
		if a.last = b; !ok {
			if a.err != nil {
				return 0, a.err
			}
			return 0, io.EOF
		}
		a.rest = b
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close stops reading and waits until it did.
func (a *streamAhead) close() {
	close(a.quit)
	for range a.full { // until the reading has ended
	}
}
