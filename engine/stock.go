package engine

import (
	"sync/atomic"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// A StockView is what can be promised, in columns as the ledger lays them out: read by any number of goroutines while
// the ledger writes. It may be stale; whoever grants a claim checks it again.
type StockView struct {
	Available []int32  // units of a SKU in a warehouse: [sku*Stride + warehouse]; read atomically
	Stocked   []uint64 // bit warehouse%64 of [sku*Words + warehouse/64] is set where Available > 0; read atomically
	Stride    int      // warehouses per SKU in Available; 0: all SKUs have one column, see Unlimited
	Words     int      // words per SKU in Stocked; 0 likewise

	Capacity Capacity // what is left of the days; nil: nothing of any day is used yet
	Prices   *Prices  // what stock and capacity are worth for orders to come; nil: nothing
}

// Capacity answers how many more shipments a day takes. It is asked only about warehouses and services that have a
// daily capacity, and must be safe for concurrent use.
type Capacity interface {
	// WarehouseLeft returns how many more shipments the warehouse can hand over on the ship date.
	WarehouseLeft(warehouse int32, ship units.Date) int32
	// ServiceLeft returns how many more shipments the service takes from the warehouse on the ship date.
	ServiceLeft(warehouse, service int32, ship units.Date) int32
}

// warehouseLeft returns how many more shipments a warehouse that has a daily capacity hands over on a ship date.
func (v *StockView) warehouseLeft(snap *network.Snapshot, w int32, ship units.Date) int32 {
	if v.Capacity == nil {
		return snap.Warehouses[w].DailyCapacity
	}
	return v.Capacity.WarehouseLeft(w, ship)
}

// serviceLeft returns how many more shipments a service that has a daily capacity takes from a warehouse on a ship date.
func (v *StockView) serviceLeft(snap *network.Snapshot, w, service int32, ship units.Date) int32 {
	if v.Capacity == nil {
		return snap.Services[service].DailyCapacity
	}
	return v.Capacity.ServiceLeft(w, service, ship)
}

func (v *StockView) available(sku, warehouse int32) int32 {
	return atomic.LoadInt32(&v.Available[int(sku)*v.Stride+int(warehouse)])
}

// words returns how many words hold a SKU's bits.
func (v *StockView) words() int {
	if v.Words == 0 {
		return len(v.Stocked)
	}
	return v.Words
}

// stocked returns the words that tell which warehouses have some of a SKU.
func (v *StockView) stocked(sku int32) []uint64 {
	return v.Stocked[int(sku)*v.Words:][:v.words()]
}

// NewStockView returns a view of fresh columns, all zero, for a number of SKUs and warehouses. It serves where there
// is no ledger: files of orders, tests and benchmarks.
func NewStockView(skus, warehouses int) *StockView {
	words := (warehouses + 63) / 64
	return &StockView{
		Available: make([]int32, skus*warehouses), Stride: warehouses,
		Stocked: make([]uint64, skus*words), Words: words,
	}
}

// Set writes one cell of the view and its bit. It must not run beside readers.
func (v *StockView) Set(sku, warehouse, units int32) {
	v.Available[int(sku)*v.Stride+int(warehouse)] = units
	word, bit := &v.Stocked[int(sku)*v.Words+int(warehouse)/64], uint64(1)<<(warehouse%64)
	if units > 0 {
		*word |= bit
	} else {
		*word &^= bit
	}
}
