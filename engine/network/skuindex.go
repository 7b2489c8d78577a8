package network

import "hash/maphash"

// A skuIndex finds SKU rows by id: open addressing over row numbers, a quarter to half full. A Go map keyed by string
// costs 100 to 180 ns a look-up at a million SKUs, mostly cache misses of its own; this table is one int32 a slot, so
// a look-up is one miss in the slots and one in the ids. It is built once and then only read.
type skuIndex struct {
	seed  maphash.Seed
	mask  uint64
	slots []int32 // row + 1; 0 is empty
}

func newSKUIndex(ids []string) skuIndex {
	size := uint64(4)
	for size < 2*uint64(len(ids)) {
		size *= 2
	}
	x := skuIndex{seed: maphash.MakeSeed(), mask: size - 1, slots: make([]int32, size)}
	for row, id := range ids {
		at := maphash.String(x.seed, id) & x.mask
		for x.slots[at] != 0 {
			at = (at + 1) & x.mask
		}
		x.slots[at] = int32(row) + 1
	}
	return x
}

func (x *skuIndex) find(ids []string, id string) (int32, bool) {
	if x.slots == nil {
		return 0, false
	}
	for at := maphash.String(x.seed, id) & x.mask; ; at = (at + 1) & x.mask {
		row := x.slots[at] - 1
		if row < 0 {
			return 0, false
		}
		if ids[row] == id {
			return row, true
		}
	}
}
