package simulate

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// Floors are what runs share that do not change the same things: the lowest possible costs of orders that have the same
// network, and the engines of networks, which know the lanes to all places once a run is over. They are known by their
// pointers: two runs share what belongs to a snapshot that both have, and the costs where both have the history, too.
// Floors keep what they have of the few snapshots that were last used.
//
// The lowest possible cost of an order says what the order would cost if every warehouse of the network had every SKU and no
// day was full: it is the cost of the plan that the engine makes of it then, without shadow prices. What it is lowest among are
// the plans that the network and its policy allow at that time; of these it is the best in the engine's order, which fills as
// much as can be, then keeps the promise, then costs least. So a warehouse that closes cannot make an order that was
// refused one that is filled, nor one that was late one that is on time, and where neither changes it cannot make it cost
// less. It can make it cost less where it makes it late, for keeping a promise may cost more than breaking it.
//
// A zero Floors is ready. It may be used by runs at the same time.
type Floors struct {
	mu    sync.Mutex
	known []*shared // the latest first
}

// A shared is what runs on one snapshot share.
type shared struct {
	snap   *network.Snapshot
	engine *engine.Engine
	costs  map[*history.History]*floors
	users  int
}

// keptNetworks is how many snapshots that no run uses are kept.
const keptNetworks = 4

// take returns what is shared on a snapshot; it stays until give.
func (f *Floors) take(snap *network.Snapshot) (*shared, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.known, func(s *shared) bool { return s.snap == snap })
	if at < 0 {
		e, err := engine.New(snap, engine.Options{})
		if err != nil {
			return nil, err
		}
		f.known = append(f.known, &shared{snap: snap, engine: e, costs: map[*history.History]*floors{}})
		at = len(f.known) - 1
	}
	s := f.known[at]
	f.known = slices.Insert(slices.Delete(f.known, at, at+1), 0, s)
	s.users++
	return s, nil
}

// give tells that a run no longer uses what it took.
func (f *Floors) give(s *shared) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.users--
	f.drop(keptNetworks)
}

// drop closes all but the latest few that nobody uses.
func (f *Floors) drop(keep int) {
	f.known = slices.DeleteFunc(f.known, func(s *shared) bool {
		if s.users > 0 {
			return false
		}
		if keep--; keep >= 0 {
			return false
		}
		s.engine.Close()
		return true
	})
}

// Close lets go of everything that no run uses.
func (f *Floors) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(0)
}

// of returns the costs of a history's orders.
func (f *Floors) of(s *shared, h *history.History) *floors {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.costs[h] == nil {
		s.costs[h] = &floors{blocks: make([]atomic.Pointer[[BlockOrders]atomic.Uint64], (h.Len()+BlockOrders-1)/BlockOrders)}
	}
	return s.costs[h]
}

// floors are the lowest possible costs of a history's orders on one snapshot, as far as they are known.
type floors struct {
	blocks []atomic.Pointer[[BlockOrders]atomic.Uint64] // cost<<8 | late<<7 | outcome; 0 where it is not known
}

const floorLate = 1 << 7

// get writes what is known of an order to its row.
func (f *floors) get(i int, row *OrderRow) bool {
	if f == nil {
		return false
	}
	b := f.blocks[i/BlockOrders].Load()
	if b == nil {
		return false
	}
	n := b[i%BlockOrders].Load()
	if n == 0 {
		return false
	}
	row.Floor, row.FloorLate, row.FloorOutcome = units.Money(n>>8), n&floorLate != 0, engine.Outcome(n&^floorLate)
	return true
}

// put keeps what a row says of its order.
func (f *floors) put(i int, row *OrderRow) {
	if f == nil || row.Floor < 0 || row.Floor >= 1<<56 {
		return
	}
	at := &f.blocks[i/BlockOrders]
	b := at.Load()
	if b == nil {
		at.CompareAndSwap(nil, new([BlockOrders]atomic.Uint64))
		b = at.Load()
	}
	n := uint64(row.Floor)<<8 | uint64(row.FloorOutcome)
	if row.FloorLate {
		n |= floorLate
	}
	b[i%BlockOrders].Store(n)
}
