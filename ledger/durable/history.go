package durable

import (
	"fmt"
	"iter"
	"log/slog"
	"sync"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
)

// A History is the past of a ledger, as its journal has it. Any number of goroutines may use it.
type History struct {
	journal journal.Journal
	network string
	config  ledger.Config
	log     *slog.Logger
	trim    sync.RWMutex // held to read by those who would miss what is trimmed meanwhile
}

// OpenReadOnly returns the past of the ledger that a journal holds, and changes nothing. Of the options it takes Network,
// where empty means any, and Log. The journal stays its caller's. Errors are those of Open, but for damage behind the
// format, which shows when it is read.
func OpenReadOnly(j journal.Journal, o Options) (*History, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	f, ok, err := readFormat(j)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: it is empty; name the data directory of a ledger", journal.ErrForeign)
	}
	if err := checkNetwork(&f, o.Network); err != nil {
		return nil, err
	}
	return &History{journal: j, network: f.Network, config: f.config(o.Ledger), log: o.Log}, nil
}

func checkNetwork(f *format, network string) error {
	if network != "" && network != f.Network {
		return fmt.Errorf("%w: it is of %q, not of %q; name the data directory of %q, or a new one", ErrNetwork, f.Network, network, network)
	}
	return nil
}

// NetworkName returns the name of the network that the journal is of.
func (h *History) NetworkName() string { return h.network }

// Last returns the number of the latest event in the journal; it is durable.
func (h *History) Last() uint64 {
	_, end := h.journal.Bounds()
	return end.Sequence
}

// Oldest returns the lowest number that StateAt can make the state of. Events are there behind it.
func (h *History) Oldest() uint64 {
	start, _ := h.journal.Bounds()
	return start.Sequence
}

// Events yields the durable events after a number, in order, up to the latest one at the time of the call. An event is
// valid until the next. An error is the last thing it yields: journal.ErrTrimmed when after is before Oldest,
// journal.ErrSequence when it is behind the latest, journal.ErrDamaged.
func (h *History) Events(after uint64) iter.Seq2[*ledger.Event, error] {
	groups := h.journal.Read(after)
	return func(yield func(*ledger.Event, error) bool) {
		var e ledger.Event
		for g, err := range groups {
			if err != nil {
				yield(nil, fmt.Errorf("events after %d: %w", after, err))
				return
			}
			for i, record := range g.Records {
				if err := decode(&e, record, g.First+uint64(i)); err != nil {
					yield(nil, fmt.Errorf("%w; %s", err, mendDamage))
					return
				}
				if !yield(&e, nil) {
					return
				}
			}
		}
	}
}

// StateAt returns the state as it was after an event; 0 is the beginning. The caller owns it. It is made from the nearest
// snapshot before, so it costs a second state's memory, reading that snapshot, and up to a microsecond for each event
// between. Errors: journal.ErrTrimmed before Oldest, journal.ErrSequence behind the latest durable event,
// journal.ErrDamaged.
func (h *History) StateAt(sequence uint64) (*ledger.State, error) {
	h.trim.RLock()
	defer h.trim.RUnlock()
	start, end := h.journal.Bounds()
	switch {
	case sequence < start.Sequence:
		return nil, fmt.Errorf("the state after event %d: %w: up to %d", sequence, journal.ErrTrimmed, start.Sequence)
	case sequence > end.Sequence:
		return nil, fmt.Errorf("the state after event %d: %w", sequence, &journal.SequenceError{Expected: sequence, Found: end.Sequence})
	}
	state, at, err := base(h.journal, h.config, sequence, h.log)
	if err != nil {
		return nil, err
	}
	f := fold{journal: h.journal, state: state, at: at}
	if err := f.run(sequence); err != nil {
		return nil, err
	}
	return state, nil
}
