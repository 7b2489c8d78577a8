package engine

import "math/bits"

// An offerTable finds offers by number. It is a map that is emptied at no cost: a decision on an order that needs a split asks it
// some hundred times, and each begins with an empty one.
type offerTable struct {
	slots []offerSlot // 1 << width of them, of which at least half are free
	width int
	used  int
	epoch uint32 // of the slots in use
}

type offerSlot struct {
	key   uint64
	epoch uint32
	offer *offer
}

// forget empties the table.
func (t *offerTable) forget() {
	t.used = 0
	if t.epoch++; t.epoch == 0 { // after 2^32 times old slots would look used
		clear(t.slots)
		t.epoch = 1
	}
}

// at returns the place of a key's offer, and whether there is one. Where there is none it is for the caller to write it; the
// place is good until the next call.
func (t *offerTable) at(key uint64) (place **offer, known bool) {
	if 2*t.used >= len(t.slots) {
		t.grow()
	}
	s := t.find(key)
	if s.epoch == t.epoch {
		return &s.offer, true
	}
	s.key, s.epoch = key, t.epoch
	t.used++
	return &s.offer, false
}

// find returns the slot that has a key, or the one where it goes.
func (t *offerTable) find(key uint64) *offerSlot {
	for i := key * 0x9e3779b97f4a7c15 >> (64 - t.width); ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if s.epoch != t.epoch || s.key == key {
			return s
		}
	}
}

func (t *offerTable) grow() {
	old := t.slots
	t.slots = make([]offerSlot, max(256, 2*len(old)))
	t.width = bits.Len(uint(len(t.slots))) - 1
	for i := range old {
		if old[i].epoch == t.epoch {
			*t.find(old[i].key) = old[i]
		}
	}
}
