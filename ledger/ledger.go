package ledger

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/units"
)

// A Log keeps a ledger's events.
type Log interface {
	// Append takes an event, in order, while the ledger waits: it must not block, and must copy what it keeps. Where
	// Event.More says so, it is kept together with the next one or not at all.
	Append(e *Event)
	// Wait returns when the event with a number and all before it are kept for good, or the error why they may not be.
	Wait(sequence uint64) error
	// Flush begins to keep what was appended, without waiting. What nobody waits for need not be kept before.
	Flush()
}

// A Ledger is a [State] for any number of goroutines: a mutex is its sequencer, and readers of views do not take it.
// The order in which commands get the mutex is the order of their events.
//
// Its methods are those of State, which documents them. With a log, each returns only when all that its answer tells is
// kept for good, and its error may be that of the log: then nobody knows whether the command was done.
type Ledger struct {
	mu       sync.Mutex
	state    *State
	log      Log
	columns  atomic.Pointer[columns]
	sequence atomic.Uint64
}

// New returns an empty ledger without a log.
func New(c Config) *Ledger { return Of(NewState(c), nil) }

// Of returns a ledger that goes on from a state, which it owns from now on, and gives its events to a log, if not nil.
func Of(s *State, log Log) *Ledger {
	l := &Ledger{state: s, log: log}
	if log != nil {
		s.sink = log.Append
	}
	l.publish()
	return l
}

// publish shows readers what a command did. The sequence goes last, so that a view never claims too much.
func (l *Ledger) publish() {
	if l.columns.Load() != l.state.columns {
		l.columns.Store(l.state.columns)
	}
	l.sequence.Store(l.state.sequence)
}

// done ends a command: readers see what it did, the next one begins, and all so far is waited for, since a refusal tells
// of others' commands, too.
func (l *Ledger) done(err error) error {
	l.publish()
	sequence := l.state.sequence
	l.mu.Unlock()
	if lost := l.wait(sequence); lost != nil {
		return lost
	}
	return err
}

func (l *Ledger) wait(sequence uint64) error {
	if l.log == nil {
		return nil
	}
	return l.log.Wait(sequence)
}

// Flush begins to keep what was begun, without waiting for it.
func (l *Ledger) Flush() {
	if l.log != nil {
		l.log.Flush()
	}
}

// View returns the counters for reading, without waiting for anybody.
func (l *Ledger) View() View {
	sequence := l.sequence.Load() // first: what is read later is at least this new
	return view(l.columns.Load(), sequence)
}

// Extend is State.Extend.
func (l *Ledger) Extend(at units.Instant, warehouses, skus, services, networks []string) error {
	l.mu.Lock()
	return l.done(l.state.Extend(at, warehouses, skus, services, networks))
}

// Names is State.Names.
func (l *Ledger) Names() (warehouses, skus, services, networks []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Names()
}

// Network is State.Network.
func (l *Ledger) Network(version string) (Network, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Network(version)
}

// Allocate is State.Allocate.
func (l *Ledger) Allocate(a *Allocation) (Hold, error) {
	r, err := newRecord(a) // outside of the mutex: it is held for the counters only
	if err != nil {
		return Hold{}, err
	}
	l.mu.Lock()
	h, err := l.state.grant(a, r)
	return h, l.done(err)
}

// Begin is Allocate, or Decline where the allocation is refused, without waiting: what it returns, also an error, may be told
// only after Wait with the sequence that it returns. Many allocations are so kept with one wait.
func (l *Ledger) Begin(a *Allocation) (h Hold, sequence uint64, err error) {
	r, err := newRecord(a)
	if err != nil {
		return Hold{}, 0, err
	}
	l.mu.Lock()
	h, err = l.state.grant(a, r)
	l.publish()
	sequence = l.state.sequence
	l.mu.Unlock()
	return h, sequence, err
}

// A Granted is what became of an allocation: a hold or, as of Begin, an error.
type Granted struct {
	Hold   Hold
	Err    error
	record *record
}

// BeginEach is Begin for each of some allocations, one after the other, up to the first that gets ErrConflict. It returns how many that
// were, that one included, and writes into out what became of each. Nobody else's command comes in between, so that what they all
// change moves to this processor once: where two processors took turns at each, that was an eighth of what an order in a stream costs.
func (l *Ledger) BeginEach(batch []Allocation, out []Granted) (done int, sequence uint64) {
	for i := range batch {
		out[i].record, out[i].Err = newRecord(&batch[i])
	}
	l.mu.Lock()
	for conflict := false; done < len(batch) && !conflict; done++ {
		g := &out[done]
		if g.Err != nil {
			continue
		}
		g.Hold, g.Err = l.state.grant(&batch[done], g.record)
		g.record = nil
		l.publish() // each, so that nobody who decides meanwhile sees changes of an event that is none yet
		conflict = errors.Is(g.Err, ErrConflict)
	}
	sequence = l.state.sequence
	l.mu.Unlock()
	return done, sequence
}

// Foresee brings what Begin will look at for these request ids and SKUs close to the processor, all of it at once; see
// State.Foresee. It changes nothing that can be seen, and any ids and SKUs will do.
func (l *Ledger) Foresee(requests []string, skus []SKU) {
	l.mu.Lock()
	l.state.foreseeGrants(requests, skus)
	l.mu.Unlock()
}

// Wait returns when the event with a number and all before it are kept for good, or the error why nobody knows whether they
// are. 0 is kept.
func (l *Ledger) Wait(sequence uint64) error { return l.wait(sequence) }

// AllocateAll is State.AllocateAll. The command holds the mutex for 1 to 2 µs an allocation.
func (l *Ledger) AllocateAll(batch []*Allocation) ([]Hold, error) {
	records, err := newRecords(batch)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	holds, err := l.state.allocateAll(batch, records)
	return holds, l.done(err)
}

// eachAtOnce is how many allocations AllocateEach grants before it lets others have their turn.
const eachAtOnce = 32

// AllocateEach grants or declines allocations one by one, in their order, and waits once until all is kept. Others' commands
// may come in between. For each it returns the hold or the error that Allocate, or Decline where it is refused, would. The last error is
// that of the log: then nobody knows what was done.
func (l *Ledger) AllocateEach(batch []*Allocation) (holds []Hold, errs []error, lost error) {
	holds, errs = make([]Hold, len(batch)), make([]error, len(batch))
	records := make([]*record, len(batch))
	for i, a := range batch {
		records[i], errs[i] = newRecord(a)
	}
	var last uint64
	for from := 0; from < len(batch); from += eachAtOnce {
		l.mu.Lock()
		for i := from; i < min(from+eachAtOnce, len(batch)); i++ {
			if errs[i] == nil {
				holds[i], errs[i] = l.state.grant(batch[i], records[i])
			}
		}
		l.publish()
		last = l.state.sequence
		l.mu.Unlock()
	}
	return holds, errs, l.wait(last)
}

// Decline is State.Decline.
func (l *Ledger) Decline(a *Allocation) (Hold, error) {
	l.mu.Lock()
	h, err := l.state.Decline(a)
	return h, l.done(err)
}

// Confirm is State.Confirm.
func (l *Ledger) Confirm(at units.Instant, id HoldID, r Request) (Hold, error) {
	l.mu.Lock()
	h, err := l.state.Confirm(at, id, r)
	return h, l.done(err)
}

// Release is State.Release.
func (l *Ledger) Release(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	l.mu.Lock()
	h, err := l.state.Release(at, id, r, items)
	return h, l.done(err)
}

// Cancel is State.Cancel.
func (l *Ledger) Cancel(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	l.mu.Lock()
	h, err := l.state.Cancel(at, id, r, items)
	return h, l.done(err)
}

// Ship is State.Ship.
func (l *Ledger) Ship(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	l.mu.Lock()
	h, err := l.state.Ship(at, id, r, items)
	return h, l.done(err)
}

// ShortPick is State.ShortPick.
func (l *Ledger) ShortPick(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	l.mu.Lock()
	h, err := l.state.ShortPick(at, id, r, items)
	return h, l.done(err)
}

// SetStock is State.SetStock.
func (l *Ledger) SetStock(at units.Instant, r Request, levels []StockLevel) (StockResult, error) {
	l.mu.Lock()
	out, err := l.state.SetStock(at, r, levels)
	return out, l.done(err)
}

// AdjustStock is State.AdjustStock.
func (l *Ledger) AdjustStock(at units.Instant, r Request, changes []StockChange) (StockResult, error) {
	l.mu.Lock()
	out, err := l.state.AdjustStock(at, r, changes)
	return out, l.done(err)
}

// AddReceipts is State.AddReceipts.
func (l *Ledger) AddReceipts(at units.Instant, r Request, receipts []Receipt) error {
	l.mu.Lock()
	return l.done(l.state.AddReceipts(at, r, receipts))
}

// SetCapacity is State.SetCapacity.
func (l *Ledger) SetCapacity(at units.Instant, limits []CapacityLimit) error {
	l.mu.Lock()
	return l.done(l.state.SetCapacity(at, limits))
}

// Advance is State.Advance.
func (l *Ledger) Advance(at units.Instant) error {
	l.mu.Lock()
	return l.done(l.state.Advance(at))
}

// Get is State.Get.
func (l *Ledger) Get(id HoldID) (Hold, error) {
	l.mu.Lock()
	h, err := l.state.Get(id)
	l.mu.Unlock()
	if lost := l.wait(h.Latest); lost != nil {
		return Hold{}, lost
	}
	return h, err
}

// Answered is State.Answered.
func (l *Ledger) Answered(r Request) (Hold, bool, error) {
	l.mu.Lock()
	h, ok, err := l.state.Answered(r)
	if err != nil {
		return h, ok, l.done(err)
	}
	l.mu.Unlock()
	return h, ok, l.wait(h.Latest)
}

// Stock is State.Stock.
func (l *Ledger) Stock(w Warehouse, sku SKU) (Stock, error) {
	l.mu.Lock()
	out := l.state.Stock(w, sku)
	changed := l.state.columns.changed[sku]
	l.mu.Unlock()
	return out, l.wait(changed)
}

// Open is State.Open.
func (l *Ledger) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Open()
}
