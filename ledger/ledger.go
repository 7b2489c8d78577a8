package ledger

import (
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/units"
)

// A Ledger is a [State] for any number of goroutines: a mutex is its sequencer, and readers of views do not take it.
// The order in which commands get the mutex is the order of their events. A sink runs inside it and should be brief.
//
// Its methods are those of State, which documents them.
type Ledger struct {
	mu       sync.Mutex
	state    *State
	columns  atomic.Pointer[columns]
	sequence atomic.Uint64
}

// New returns an empty ledger.
func New(c Config) *Ledger { return Of(NewState(c)) }

// Of returns a ledger that goes on from a state, which it owns from now on.
func Of(s *State) *Ledger {
	l := &Ledger{state: s}
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

func (l *Ledger) unlock() {
	l.publish()
	l.mu.Unlock()
}

// View returns the counters for reading, without waiting for anybody.
func (l *Ledger) View() View {
	sequence := l.sequence.Load() // first: what is read later is at least this new
	return view(l.columns.Load(), sequence)
}

// Extend is State.Extend.
func (l *Ledger) Extend(at units.Instant, warehouses, skus, services []string) error {
	l.mu.Lock()
	defer l.unlock()
	return l.state.Extend(at, warehouses, skus, services)
}

// Rows looks many names up at once; the row of an unknown one is -1.
func (l *Ledger) Rows(warehouses, skus, services []string) ([]Warehouse, []SKU, []Service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return look[Warehouse](&l.state.warehouses, warehouses), look[SKU](&l.state.skus, skus), look[Service](&l.state.services, services)
}

func look[R ~int32](n *names, ids []string) []R {
	rows := make([]R, len(ids))
	for i, id := range ids {
		rows[i] = -1
		if row, ok := n.rows[id]; ok {
			rows[i] = R(row)
		}
	}
	return rows
}

// Allocate is State.Allocate.
func (l *Ledger) Allocate(a *Allocation) (Hold, error) {
	r, err := newRecord(a) // before the mutex: it is held for the counters only
	if err != nil {
		return Hold{}, err
	}
	l.mu.Lock()
	defer l.unlock()
	return l.state.allocate(r)
}

// Confirm is State.Confirm.
func (l *Ledger) Confirm(at units.Instant, id HoldID, r Request) (Hold, error) {
	l.mu.Lock()
	defer l.unlock()
	return l.state.Confirm(at, id, r)
}

// Release is State.Release.
func (l *Ledger) Release(at units.Instant, id HoldID, r Request) (Hold, error) {
	l.mu.Lock()
	defer l.unlock()
	return l.state.Release(at, id, r)
}

// Cancel is State.Cancel.
func (l *Ledger) Cancel(at units.Instant, id HoldID, r Request) (Hold, error) {
	l.mu.Lock()
	defer l.unlock()
	return l.state.Cancel(at, id, r)
}

// SetStock is State.SetStock.
func (l *Ledger) SetStock(at units.Instant, r Request, levels []StockLevel) (StockResult, error) {
	l.mu.Lock()
	defer l.unlock()
	return l.state.SetStock(at, r, levels)
}

// AdjustStock is State.AdjustStock.
func (l *Ledger) AdjustStock(at units.Instant, r Request, changes []StockChange) (StockResult, error) {
	l.mu.Lock()
	defer l.unlock()
	return l.state.AdjustStock(at, r, changes)
}

// AddReceipt is State.AddReceipt.
func (l *Ledger) AddReceipt(at units.Instant, r Receipt) error {
	l.mu.Lock()
	defer l.unlock()
	return l.state.AddReceipt(at, r)
}

// SetCapacity is State.SetCapacity.
func (l *Ledger) SetCapacity(at units.Instant, limits []CapacityLimit) error {
	l.mu.Lock()
	defer l.unlock()
	return l.state.SetCapacity(at, limits)
}

// Advance is State.Advance.
func (l *Ledger) Advance(at units.Instant) error {
	l.mu.Lock()
	defer l.unlock()
	return l.state.Advance(at)
}

// Get is State.Get.
func (l *Ledger) Get(id HoldID) (Hold, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Get(id)
}

// Granted is State.Granted.
func (l *Ledger) Granted(r Request) (Hold, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Granted(r)
}

// Stock is State.Stock.
func (l *Ledger) Stock(w Warehouse, sku SKU) Stock {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Stock(w, sku)
}

// Open is State.Open.
func (l *Ledger) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Open()
}
