package ledger

import (
	"sync/atomic"

	"github.com/allot-engine/allot/units"
)

// columns are the counters that scoring reads while the sequencer writes. They are laid out by SKU, since an order
// asks for few SKUs and for every warehouse of each: one row of available holds Stride int32 and one row of stocked a
// bit per warehouse. At 200 warehouses that is 4.3 bytes a cell, with changed and crossed.
//
// Writers and readers use atomic loads and stores of single cells, so a reader may see a claim half made, and scores on
// what may be gone anyway: the sequencer checks again. Whether what it saw was all of one moment tells View.Still.
type columns struct {
	warehouses, skus, services int
	stride                     int // cells per SKU, a multiple of 8
	words                      int // words per SKU
	available                  []int32
	stocked                    []uint64
	changed                    []uint64 // [sku] the latest event that changed the SKU's stock
	crossed                    []uint64 // [sku*crossings + n-1] the latest event that changed min(available, n) in some warehouse

	limits  []int32 // [warehouse*(services of this layout+1) + service+1] capacity row, or -1 where nothing is limited
	perSite int
	left    []int32        // [capacity row*Horizon + date mod Horizon]
	base    units.Date     // the first of the horizon
	first   *atomic.Int32  // the same for the latest columns; the places of the days before it go to new ones
	turned  *atomic.Uint64 // the latest event that filled up a capacity, made room in one that was full, or brought warehouses
}

// crossings is up to how many units the changes of a SKU are told apart by the units that are left.
const crossings = 4

// newColumns returns columns for so many names, with old's content.
func newColumns(warehouses, skus, services int, old *columns) *columns {
	c := &columns{warehouses: warehouses, skus: skus, services: services}
	c.stride = (warehouses + 7) &^ 7
	c.words = (warehouses + 63) / 64
	c.perSite = services + 1
	c.left, c.base, c.first, c.turned = old.left, old.base, old.first, old.turned
	if c.stride == old.stride && c.words == old.words && c.skus*c.stride <= cap(old.available) && c.skus*c.words <= cap(old.stocked) &&
		c.skus <= cap(old.changed) {
		c.available, c.stocked = old.available[:c.skus*c.stride], old.stocked[:c.skus*c.words]
		c.changed, c.crossed = old.changed[:c.skus], old.crossed[:c.skus*crossings]
	} else {
		room := skus
		if old.skus > 0 {
			room += skus / 4 // more will come
		}
		c.available = make([]int32, skus*c.stride, room*c.stride)
		c.stocked = make([]uint64, skus*c.words, room*c.words)
		c.changed = append(make([]uint64, 0, room), old.changed...)[:skus]
		c.crossed = append(make([]uint64, 0, cap(c.changed)*crossings), old.crossed...)[:skus*crossings]
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

// turn begins the horizon on a date. The places of the days before it are to be filled anew, with views of these columns
// no longer still.
func (c *columns) turn(base units.Date) {
	c.base = base
	c.first.Store(int32(base))
}

// site returns the place in limits of a service in a warehouse, or of AnyService.
func (c *columns) site(w Warehouse, service Service) int { return int(w)*c.perSite + int(service) + 1 }

// fitsMemory reports whether columns can be made for so many names.
func fitsMemory(warehouses, skus, services int) bool {
	return warehouses <= MaxCells && skus <= MaxCells && services < MaxCells &&
		warehouses*skus <= MaxCells && warehouses*(services+1) <= MaxCells
}

// touch marks a SKU as changed by an event, before its stock is.
func (c *columns) touch(sku SKU, event uint64) { atomic.StoreUint64(&c.changed[sku], event) }

// setAvailable stores a counter and its bit, for an event.
func (c *columns) setAvailable(w Warehouse, sku SKU, n int32, event uint64) {
	c.touch(sku, event)
	at := &c.available[int(sku)*c.stride+int(w)]
	if was := *at; was != n { // the sequencer is the only writer
		for k := max(min(was, n), 0); k < crossings; k++ {
			atomic.StoreUint64(&c.crossed[int(sku)*crossings+int(k)], event)
		}
	}
	atomic.StoreInt32(at, n)
	word := &c.stocked[int(sku)*c.words+int(w)>>6]
	bits := *word &^ (1 << (w & 63))
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

// Still reports whether all that was read of these SKUs and of the capacities since the view was taken is as it was after
// event Sequence: no later event changed the stock of one of them, or filled up or freed a day's capacity, and no day has
// ended. A decision that looks only at those, and of capacity only whether there is any, is then the one that this event
// alone makes. Call it after the last read. The days at both ends of the horizon come and go with the clock, and not with
// an event: the decision has to leave them alone.
//
// Why that holds: who changes a counter marks it with the event first, and a view's sequence is of a command that is done.
// So what was read is from an event up to Sequence, or else its mark was there before it was read, and is seen now. An old
// view reads columns that later events may not reach; those stay as they were, and so do their marks.
func (v *View) Still(skus []SKU) bool {
	if v.c.turned.Load() > v.Sequence || v.c.first.Load() != int32(v.c.base) {
		return false
	}
	for _, sku := range skus {
		if atomic.LoadUint64(&v.c.changed[sku]) > v.Sequence {
			return false
		}
	}
	return true
}

// SameStock reports whether no event after one, up to those that the view shows, changed what matters of a SKU to somebody who
// wants so many units of it, 1 or more: in every warehouse the available units, or those wanted where these are fewer, are what they were
// after that event and at every moment since. It may say no where they are. Ask a view that was taken after everything
// in question was read.
func (v *View) SameStock(after uint64, sku SKU, wanted int32) bool {
	if wanted > crossings {
		return atomic.LoadUint64(&v.c.changed[sku]) <= after
	}
	return atomic.LoadUint64(&v.c.crossed[int(sku)*crossings+int(wanted)-1]) <= after
}

// SameRoom reports whether no event between an earlier view of the same ledger and this one filled up or freed a day's capacity,
// brought warehouses or ended a day: whether there was any room was always what it is now. It may say no where it was.
func (v *View) SameRoom(earlier *View) bool {
	return v.c.turned.Load() <= earlier.Sequence && v.c.base == earlier.c.base
}

// CapacityLeft returns how many more shipments may leave on a date: Unlimited when nobody limits them, 0 when the
// date is not within the ledger's horizon. Service may be AnyService. It may be negative after a limit was lowered.
func (v *View) CapacityLeft(w Warehouse, service Service, date units.Date) int32 {
	return v.c.capacityLeft(w, service, date)
}

// Limited reports whether anybody ever limited the capacity of the warehouse or of the service there.
func (v *View) Limited(w Warehouse, service Service) bool {
	return atomic.LoadInt32(&v.c.limits[v.c.site(w, service)]) >= 0
}

func (c *columns) capacityLeft(w Warehouse, service Service, date units.Date) int32 {
	row := atomic.LoadInt32(&c.limits[c.site(w, service)])
	if row < 0 || int(row)*Horizon >= len(c.left) { // or limited after this view was taken
		return Unlimited
	}
	if date < c.base || date >= c.base+Horizon {
		return 0
	}
	return atomic.LoadInt32(&c.left[int(row)*Horizon+ring(date)])
}
