package engine

import (
	"slices"

	"github.com/allot-engine/allot/units"
)

// An Option is a delivery date that can be promised and what it costs.
type Option struct {
	Date        units.Date    // the order is there by the end of this day at the destination
	Cost        units.Money   // of the cheapest plan that keeps it
	LatestOrder units.Instant // until when the order can be placed and this plan still keeps the date
	Decision    Decision      // the plan
}

// MaxOptions bounds what one quote answers.
const MaxOptions = 64

// Quote answers the checkout's question: which delivery dates can be promised for these lines and this destination,
// and what does each cost? The options are the Pareto front of date and cost, the earliest and dearest first: every
// further one arrives later and costs less. A promise in the order bounds the dates. No options mean that Decide
// refuses the order. Errors are those of Decide. It decides about twice for each option.
func (e *Engine) Quote(stock *StockView, order *Order, now units.Instant, sc *Scratch) ([]Option, error) {
	if sc.e != e {
		panic("engine: scratch of another engine")
	}
	if err := sc.resolve(stock, order, now); err != nil {
		return nil, err
	}
	var options []Option
	sc.start()
	most := e.snap.Policy.MaxShipments
	for len(options) < MaxOptions {
		var found Decision
		if !sc.search(&found, most) {
			break
		}
		date := lastDay(&found)
		var o Option
		sc.promiseDay(date) // the same plan, now with the latest order time for its date
		if !sc.search(&o.Decision, most) {
			break
		}
		o.Date, o.Cost = date, o.Decision.Cost
		o.LatestOrder = o.Decision.Shipments[0].LatestOrder
		for _, s := range o.Decision.Shipments {
			o.LatestOrder = min(o.LatestOrder, s.LatestOrder)
		}
		options = append(options, o)
		sc.promiseDay(date - 1)
	}
	slices.Reverse(options)
	return options, nil
}

func lastDay(d *Decision) units.Date {
	day := d.Shipments[0].DeliveryDate
	for _, s := range d.Shipments {
		day = max(day, s.DeliveryDate)
	}
	return day
}

// promiseDay makes the end of a day what is promised, unless a service's deadline is earlier already.
func (sc *Scratch) promiseDay(day units.Date) {
	sc.promised = true
	sc.due.latest = min(sc.due.latest, day)
	for s := range sc.e.snap.Services {
		sc.deadline[s] = min(sc.deadline[s], day)
	}
}
