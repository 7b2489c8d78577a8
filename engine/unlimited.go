package engine

import (
	"math"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// Unlimited returns a view in which every warehouse of the snapshot has every SKU and days take shipments without limit:
// what Decide says on it is the least that an order could cost whatever the stock. It has no prices. All SKUs share one
// column, so that it takes a few bytes a warehouse; it can be read by any number of goroutines and must not be Set. It is
// for orders one at a time: a wave on it has nothing to share out, and DecideWave panics.
func Unlimited(snap *network.Snapshot) *StockView {
	n := len(snap.Warehouses)
	v := &StockView{Available: make([]int32, n), Stocked: make([]uint64, (n+63)/64), Capacity: endless{}}
	for w := range n {
		v.Available[w] = math.MaxInt32
		v.Stocked[w/64] |= 1 << (w % 64)
	}
	return v
}

// endless is days that never fill up.
type endless struct{}

func (endless) WarehouseLeft(int32, units.Date) int32      { return math.MaxInt32 }
func (endless) ServiceLeft(int32, int32, units.Date) int32 { return math.MaxInt32 }
