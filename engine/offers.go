package engine

import (
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// A Bid is what a warehouse ships some of an order's lines for, in one shipment by its best service.
type Bid struct {
	Warehouse, Service int32       // rows in the snapshot
	Lines              uint32      // bit l: the l-th SKU that the order names, all units of it
	Cost               units.Money // of the shipment, all terms but prices; split cost is not of a shipment
}

// MaxBidLines is the most SKUs of an order whose sets can be asked for.
const MaxBidLines = 32

// AppendBids appends to dst what every warehouse ships each of the sets of an order's lines for, as if it had the stock
// and the day were young: no unit is taken and no capacity used. Bids are in time; only where not one of them all is, and
// the policy allows lateness, are they late and cost so. Sets are of the SKUs in the order in which lines first name them;
// those that are empty or name more than the order has get no bids. Bids of a set are by warehouse row.
//
// Their costs are those that Decide finds, worked out by the same code: this is for whoever weighs many orders that may
// come, whose stock is not the present one's. A set costs about as much as a decision on an order with many
// candidates. The error is that of Decide, beside which an order of more than MaxBidLines SKUs is the caller's bug and
// panics.
func (e *Engine) AppendBids(dst []Bid, order *Order, sets []uint32, now units.Instant, sc *Scratch) ([]Bid, error) {
	if sc.e != e {
		panic("engine: scratch of another engine")
	}
	if err := sc.resolve(&StockView{}, order, now); err != nil {
		return dst, err
	}
	n := len(sc.items)
	if n > MaxBidLines {
		panic("engine: bids for an order of too many lines")
	}
	sc.late, sc.scored = false, 0
	before := len(dst)
	dst = sc.appendBids(dst, sets)
	if len(dst) == before && sc.promised && e.snap.Policy.Late == network.LateAllow {
		sc.late = true
		dst = sc.appendBids(dst, sets)
	}
	return dst, nil
}

func (sc *Scratch) appendBids(dst []Bid, sets []uint32) []Bid {
	sc.begin()
	sc.forgetParts()
	n := len(sc.items)
	full := uint32(uint64(1)<<n - 1)
	for _, set := range sets {
		if set == 0 || set&^full != 0 {
			continue
		}
		c := &sc.whole
		if set != full {
			sc.take = slices.Grow(sc.take[:0], n)[:n]
			clear(sc.take)
			for rest := set; rest != 0; rest &= rest - 1 {
				l := bits.TrailingZeros32(rest)
				sc.take[l] = sc.items[l].Quantity
			}
			c = sc.contentOf(sc.take)
		}
		for w := range sc.e.snap.Warehouses {
			if o, cost := sc.offerAt(c, int32(w), unreachable); o != nil {
				dst = append(dst, Bid{Warehouse: int32(w), Service: o.service, Lines: set, Cost: cost})
			}
		}
	}
	return dst
}
