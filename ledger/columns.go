package ledger

import (
	"sync/atomic"

	"github.com/allot-engine/allot/units"
)

// columns are the counters that scoring reads while the sequencer writes. They are laid out by SKU, since an order
// asks for few SKUs and for every warehouse of each: one row of available holds Stride int32 and one row of stocked a
// bit per warehouse. At 200 warehouses that is 4.2 bytes a cell.
//
// Writers and readers use atomic loads and stores of single cells, so a reader may see a claim half made. That is no
// harm: it scores on what may be gone anyway, and the sequencer checks again.
type columns struct {
	warehouses, skus, services int
	stride                     int // cells per SKU, a multiple of 8
	words                      int // words per SKU
	available                  []int32
	stocked                    []uint64

	limits  []int32 // [warehouse*(services of this layout+1) + service+1] capacity row, or -1 where nothing is limited
	perSite int
	left    []int32 // [capacity row*Horizon + date mod Horizon]
	base    *atomic.Int32
}

// newColumns returns columns for so many names, with old's content.
func newColumns(warehouses, skus, services int, old *columns) *columns {
	c := &columns{warehouses: warehouses, skus: skus, services: services}
	c.stride = (warehouses + 7) &^ 7
	c.words = (warehouses + 63) / 64
	c.perSite = services + 1
	c.left, c.base = old.left, old.base
	if c.stride == old.stride && c.words == old.words && c.skus*c.stride <= cap(old.available) && c.skus*c.words <= cap(old.stocked) {
		c.available, c.stocked = old.available[:c.skus*c.stride], old.stocked[:c.skus*c.words]
	} else {
		room := skus
		if old.skus > 0 {
			room += skus / 4 // more will come
		}
		c.available = make([]int32, skus*c.stride, room*c.stride)
		c.stocked = make([]uint64, skus*c.words, room*c.words)
		for sku := range old.skus {
			copy(c.available[sku*c.stride:], old.available[sku*old.stride:][:old.stride])
			copy(c.stocked[sku*c.words:], old.stocked[sku*old.words:][:old.words])
		}
	}
	if warehouses == old.warehouses && services == old.services {
		c.limits = old.limits
		return c
	}
	c.limits = make([]int32, warehouses*c.perSite)
	for i := range c.limits {
		c.limits[i] = -1
	}
	for w := range old.warehouses {
		copy(c.limits[w*c.perSite:], old.limits[w*old.perSite:][:old.perSite])
	}
	return c
}

// setAvailable stores a counter and its bit.
func (c *columns) setAvailable(w Warehouse, sku SKU, n int32) {
	atomic.StoreInt32(&c.available[int(sku)*c.stride+int(w)], n)
	word := &c.stocked[int(sku)*c.words+int(w)>>6]
	bits := *word &^ (1 << (w & 63)) // the sequencer is the only writer
	if n > 0 {
		bits |= 1 << (w & 63)
	}
	if bits != *word {
		atomic.StoreUint64(word, bits)
	}
}

// ring returns the place of a date in a row of left.
func ring(d units.Date) int { return int(d) & (Horizon - 1) }

// A View is what scoring reads: the counters as they are or were a moment ago, changing while it is read. Take one
// for every decision; an old one stays safe to read but may miss rows and changes.
//
// Elements of Available and Stocked must be read with sync/atomic, as Units and Word do.
type View struct {
	// Sequence: the view shows every event up to this one, and maybe later ones.
	Sequence                   uint64
	Warehouses, SKUs, Services int
	Stride                     int      // of Available
	Words                      int      // of Stocked
	Available                  []int32  // [sku*Stride + warehouse]; may be negative
	Stocked                    []uint64 // [sku*Words + warehouse/64], bit warehouse%64: available > 0

	c *columns
}

// Units returns the units of a SKU available in a warehouse.
func (v *View) Units(w Warehouse, sku SKU) int32 {
	return atomic.LoadInt32(&v.Available[int(sku)*v.Stride+int(w)])
}

// Word returns the i-th word of a SKU's bit set of warehouses with units available.
func (v *View) Word(sku SKU, i int) uint64 {
	return atomic.LoadUint64(&v.Stocked[int(sku)*v.Words+i])
}

// CapacityLeft returns how many more shipments may leave on a date: Unlimited when nobody limits them, 0 when the
// date is not within the ledger's horizon. Service may be AnyService. It may be negative after a limit was lowered.
func (v *View) CapacityLeft(w Warehouse, service Service, date units.Date) int32 {
	return v.c.capacityLeft(w, service, date)
}

// Limited reports whether anybody ever limited the capacity of the warehouse or of the service there.
func (v *View) Limited(w Warehouse, service Service) bool {
	return atomic.LoadInt32(&v.c.limits[int(w)*v.c.perSite+int(service)+1]) >= 0
}

func (c *columns) capacityLeft(w Warehouse, service Service, date units.Date) int32 {
	row := atomic.LoadInt32(&c.limits[int(w)*c.perSite+int(service)+1])
	if row < 0 || int(row)*Horizon >= len(c.left) { // or limited after this view was taken
		return Unlimited
	}
	base := units.Date(c.base.Load())
	if date < base || date >= base+Horizon {
		return 0
	}
	return atomic.LoadInt32(&c.left[int(row)*Horizon+ring(date)])
}
