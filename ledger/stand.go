package ledger

import (
	"maps"
	"slices"

	"github.com/allot-engine/allot/units"
)

// A Stand is what a ledger has in stock and what is on its way, as it was after one event.
type Stand struct {
	Sequence uint64        // of the event
	Now      units.Instant // of the ledger's clock
	// Levels are the counters with anything on them, by SKU, then by warehouse. OnHand is what lies there and no hold has; it is 0
	// where holds have more than there is.
	Levels   []StockLevel
	Receipts []Receipt // that have not arrived, by when they will
}

// standAtOnce is how many SKUs are read while commands wait: microseconds.
const standAtOnce = 64

// maxStandRounds is how often SKUs that changed meanwhile are read again in parts; after that all are read at once.
const maxStandRounds = 20

// Stand returns what is in stock as it was after one event. Commands wait for a few SKUs at a time: the ledger goes on while it
// is read, and what changed meanwhile is read again, until that is so little that it can be read at once.
func (l *Ledger) Stand() (*Stand, error) {
	levels := map[SKU][]StockLevel{}
	var read []uint64 // [sku] the event after which it was, and one more; 0 never
	for range maxStandRounds {
		l.mu.Lock()
		stale := l.state.stale(read)
		l.mu.Unlock()
		if len(read) > 0 && len(stale) <= standAtOnce {
			break
		}
		for part := range slices.Chunk(stale, standAtOnce) {
			l.mu.Lock()
			read = l.state.readLevels(part, levels, read)
			l.mu.Unlock()
		}
	}
	l.mu.Lock()
	l.state.readLevels(l.state.stale(read), levels, read)
	sequence, now, receipts := l.state.sequence, l.state.now, slices.Clone(l.state.receipts.items)
	l.mu.Unlock()
	return newStand(sequence, now, levels, receipts), l.wait(sequence)
}

// Stand returns what is in stock now.
func (s *State) Stand() *Stand {
	levels := map[SKU][]StockLevel{}
	s.readLevels(s.stale(nil), levels, nil)
	return newStand(s.sequence, s.now, levels, slices.Clone(s.receipts.items))
}

// newStand puts in order what was read.
func newStand(sequence uint64, now units.Instant, levels map[SKU][]StockLevel, receipts []planned) *Stand {
	out := &Stand{Sequence: sequence, Now: now}
	slices.SortFunc(receipts, comparePlanned)
	for i := range receipts {
		out.Receipts = append(out.Receipts, receipts[i].Receipt)
	}
	for _, sku := range slices.Sorted(maps.Keys(levels)) {
		out.Levels = append(out.Levels, levels[sku]...)
	}
	return out
}

// stale returns the SKUs that were never read, and those that changed since.
func (s *State) stale(read []uint64) []SKU {
	var out []SKU
	for sku := range s.skus.len() {
		if sku >= len(read) || read[sku] == 0 || s.columns.changed[sku] >= read[sku] {
			out = append(out, SKU(sku))
		}
	}
	return out
}

// readLevels reads the counters of SKUs, and notes when.
func (s *State) readLevels(skus []SKU, into map[SKU][]StockLevel, read []uint64) []uint64 {
	read = append(read, make([]uint64, max(0, s.skus.len()-len(read)))...)
	for _, sku := range skus {
		levels := into[sku][:0]
		for _, c := range s.counts[sku] {
			l := StockLevel{Warehouse: c.warehouse, SKU: sku, OnHand: max(0, s.available(c.warehouse, sku)+c.safety), Safety: c.safety}
			if l.OnHand > 0 || l.Safety > 0 {
				levels = append(levels, l)
			}
		}
		if len(levels) > 0 || into[sku] != nil {
			into[sku] = levels
		}
		read[sku] = s.sequence + 1
	}
	return read
}
