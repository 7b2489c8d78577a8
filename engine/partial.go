package engine

import (
	"cmp"
	"math"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// searchPart applies PartialFill. What no warehouse can ship is taken off; if the rest still cannot be planned, whole
// lines go, as few units as possible, and of equal units those that leave the cheaper plan.
func (sc *Scratch) searchPart(d *Decision) bool {
	policy := &sc.e.snap.Policy
	sc.late = sc.promised && policy.Late == network.LateAllow
	wanted := slices.Clone(sc.items)
	sc.begin()
	rest := make([]Item, 0, len(wanted))
	for _, it := range wanted {
		if n := sc.obtainable(it); n > 0 {
			rest = append(rest, Item{SKU: it.SKU, Quantity: n})
		}
	}
	restore := sc.leavePricesAside() // they do not choose what is filled
	found := sc.searchSubsets(d, rest)
	restore()
	if !found {
		sc.items = wanted
		return false
	}
	if sc.shadow != nil {
		sc.late = d.Late // nor whether it is late
		if certificate := d.Certificate; !sc.search(d, policy.MaxShipments) {
			d.Certificate = certificate
		}
	}
	for _, it := range wanted {
		left := it.Quantity
		for i := range sc.items {
			if sc.items[i].SKU == it.SKU {
				left -= sc.items[i].Quantity
			}
		}
		if left > 0 {
			d.Unfilled = append(d.Unfilled, Item{SKU: it.SKU, Quantity: left})
		}
	}
	return true
}

// obtainable returns how many units of an item can be had at most, other items aside.
func (sc *Scratch) obtainable(it Item) int32 {
	total, most := int32(0), int32(0)
	unit := &content{}
	sc.setContent(unit, math.MaxInt32, []Item{{SKU: it.SKU, Quantity: 1}})
	sc.split.forget()
	for w := range int32(len(sc.e.snap.Warehouses)) {
		have := min(it.Quantity, sc.stock.available(it.SKU, w))
		if have <= 0 {
			continue
		}
		if o, _ := sc.offerAt(unit, w, unreachable); o == nil {
			continue
		}
		total, most = min(it.Quantity, total+have), max(most, have)
	}
	sc.split.forget()
	if sc.e.snap.Policy.SplitLines {
		return total
	}
	return most
}

// maxSubsetLines bounds the lines of which searchSubsets tries every subset. Beyond it lines go one at a time, the one
// with the fewest units first.
const maxSubsetLines = 8

// searchSubsets plans as many units of rest as whole lines allow and leaves them in sc.items. Prices must have been left
// aside.
func (sc *Scratch) searchSubsets(d *Decision, rest []Item) bool {
	most := sc.e.snap.Policy.MaxShipments
	if len(rest) > maxSubsetLines {
		for len(rest) > 0 {
			sc.items = append(sc.items[:0], rest...)
			if sc.search(d, most) {
				return true
			}
			sc.unsettled = sc.unsettled || sc.unknown
			fewest := 0
			for i := range rest {
				if rest[i].Quantity <= rest[fewest].Quantity {
					fewest = i
				}
			}
			rest = slices.Delete(rest, fewest, fewest+1)
		}
		return false
	}
	masks := make([]uint32, 0, 1<<len(rest))
	count := func(mask uint32) (units int64) {
		for i := range rest {
			if mask>>i&1 == 1 {
				units += int64(rest[i].Quantity)
			}
		}
		return units
	}
	for mask := uint32(1); mask < 1<<len(rest); mask++ {
		masks = append(masks, mask)
	}
	slices.SortStableFunc(masks, func(a, b uint32) int { return cmp.Compare(count(b), count(a)) })
	set := func(mask uint32) {
		sc.items = sc.items[:0]
		for i := range rest {
			if mask>>i&1 == 1 {
				sc.items = append(sc.items, rest[i])
			}
		}
	}
	best, cost := uint32(0), units.Money(math.MaxInt64)
	for _, mask := range masks {
		if best != 0 && count(mask) < count(best) {
			break
		}
		set(mask)
		if sc.search(d, most) && d.Cost-d.Prices() < cost {
			best, cost = mask, d.Cost-d.Prices()
		}
		sc.unsettled = sc.unsettled || sc.unknown
	}
	if best == 0 {
		return false
	}
	set(best)
	return sc.search(d, most)
}
