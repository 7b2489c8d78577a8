package engine

import (
	"math"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// A WavePlan is one way to fill an order, as the brute-force twin of DecideWave sees it.
type WavePlan struct {
	Cost      units.Money
	Shipments []WaveShipment
}

// A WaveShipment is one shipment of a WavePlan.
type WaveShipment struct {
	Warehouse, Service int32
	Ship               units.Date
	Take               []int32 // [line]
}

// WavePlans returns every way to fill an order whole, by the specification alone: every division of its lines among the
// warehouses, every service, and every ship date up to a number of days after the first. It knows nothing of the rest of
// DecideWave. Stock is looked at as far as one order needs it, capacity not at all.
func (e *Engine) WavePlans(stock *StockView, order *Order, now units.Instant, days int) ([]Item, []WavePlan, error) {
	open := &opening{}
	view := *stock
	view.Capacity = open
	sc := e.NewScratch()
	if err := sc.resolve(&view, order, now); err != nil {
		return nil, nil, err
	}
	policy := &e.snap.Policy
	sc.late = sc.promised && policy.Late == network.LateAllow
	items := append([]Item(nil), sc.items...)
	left := make([]int32, len(items))
	for i, it := range items {
		left[i] = it.Quantity
	}
	var plans []WavePlan
	var path []WaveShipment
	var warehouse func(w int32, cost units.Money)
	warehouse = func(w int32, cost units.Money) {
		done := true
		for _, n := range left {
			done = done && n == 0
		}
		if done {
			if n := len(path); n <= int(policy.MaxShipments) {
				plans = append(plans, WavePlan{cost + policy.SplitCost*units.Money(n-1), append([]WaveShipment(nil), path...)})
			}
			return
		}
		if int(w) == len(e.snap.Warehouses) {
			return
		}
		take := make([]int32, len(items))
		var line func(l int)
		line = func(l int) {
			if l < len(items) {
				for n := int32(0); n <= min(left[l], stock.available(items[l].SKU, w)); n++ {
					if n == 0 || n == items[l].Quantity || policy.SplitLines {
						take[l] = n
						line(l + 1)
					}
				}
				take[l] = 0
				return
			}
			var content []Item
			for l, n := range take {
				if n > 0 {
					content = append(content, Item{items[l].SKU, n})
				}
			}
			if content == nil {
				warehouse(w+1, cost)
				return
			}
			for l, n := range take {
				left[l] -= n
			}
			for s := range e.snap.Services {
				before := units.Date(math.MinInt32)
				for first := units.Date(0); ; {
					open.from = before + 1
					ev := sc.evaluate(w, int32(s), content, question{now: now})
					if ev.killed != None || ev.ship <= before {
						break
					}
					if first == 0 {
						first = ev.ship
					}
					if ev.ship > first+units.Date(days) {
						break
					}
					path = append(path, WaveShipment{w, int32(s), ev.ship, append([]int32(nil), take...)})
					warehouse(w+1, cost+ev.cost)
					path = path[:len(path)-1]
					if before = ev.ship; !e.sites[w].limited {
						break // nobody waits where nothing is full
					}
				}
			}
			for l, n := range take {
				left[l] += n
			}
		}
		line(0)
	}
	warehouse(0, 0)
	return items, plans, nil
}

// opening is a capacity without end from a date on.
type opening struct{ from units.Date }

func (o *opening) WarehouseLeft(_ int32, ship units.Date) int32 {
	if ship < o.from {
		return 0
	}
	return math.MaxInt32
}

func (o *opening) ServiceLeft(_, _ int32, ship units.Date) int32 { return o.WarehouseLeft(0, ship) }
