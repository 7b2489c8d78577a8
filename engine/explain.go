package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/allot-engine/allot/units"
)

// An Explanation says why a decision is what it is.
type Explanation struct {
	Decision   Decision
	Shipments  []Breakdown // the terms of each shipment of the plan, in its order
	Candidates []Candidate // every warehouse and service for the whole order: the cheapest first, ties as in decisions, then those ruled out
	RunnerUp   *Candidate  // the best candidate the plan does not use; nil where there is none
	Gap        units.Money // what the runner-up costs more
	WhatIf     []WhatIf    // what would have to change for another warehouse to win
}

// A Breakdown is the cost of a shipment term by term. The terms sum to its cost.
type Breakdown struct {
	Terms   []Term
	Parcels []ParcelCharges
}

// A Candidate is one warehouse and service for the whole order.
type Candidate struct {
	Warehouse, Service int32
	Killed             Constraint // None: it could ship the order
	Detail             string     // of the constraint; may be ""
	Cost               units.Money
	Terms              []Term
	ShipDate           units.Date
	DeliveryDate       units.Date
	Guessed            bool // the zone is from the distance rule
	arrival            int64
}

// A WhatIf is a change by which a warehouse would ship the order for less than the plan.
type WhatIf struct {
	Warehouse, Service int32
	Change             Change
	Minutes            int64       // CutoffLater: by how many at least
	Cheaper            units.Money // Cheaper: by more than this
	SKU                int32       // MoreStock: of which,
	Units              int32       // and how many more at least
}

// A Change is a kind of WhatIf.
type Change uint8

// The changes that are looked for.
const (
	Cheaper     Change = iota + 1 // the shipment costs less
	CutoffLater                   // the warehouse's cut-off is later in the day
	MoreStock                     // the warehouse has more units of one SKU
)

// maxCutoffMinutes bounds the cut-offs that WhatIf considers: half a day later is another way to run a warehouse.
const maxCutoffMinutes = 12 * 60

// Explain decides the order and says why. Errors are those of Decide. It works out every warehouse and service by the
// open road, which takes about a microsecond for each.
func (e *Engine) Explain(stock *StockView, order *Order, now units.Instant, sc *Scratch) (*Explanation, error) {
	x := &Explanation{}
	if err := e.Decide(stock, order, now, sc, &x.Decision); err != nil {
		return nil, err
	}
	if err := sc.resolve(stock, order, now); err != nil {
		return nil, err
	}
	sc.late = x.Decision.Late
	for i := range x.Decision.Shipments {
		s := &x.Decision.Shipments[i]
		ev := sc.evaluate(s.Warehouse, s.Service, s.Items, question{now: now})
		x.Shipments = append(x.Shipments, Breakdown{Terms: ev.terms, Parcels: ev.parcels})
	}
	sc.begin()
	for w := range e.snap.Warehouses {
		for s := range e.snap.Services {
			ev := sc.evaluate(int32(w), int32(s), sc.items, question{now: now})
			x.Candidates = append(x.Candidates, Candidate{
				Warehouse: int32(w), Service: int32(s), Killed: ev.killed, Detail: ev.detail, Cost: ev.cost, Terms: ev.terms,
				ShipDate: ev.ship, DeliveryDate: ev.day, Guessed: ev.lane.guessed, arrival: ev.arrival,
			})
		}
	}
	slices.SortFunc(x.Candidates, func(a, b Candidate) int {
		if (a.Killed == None) != (b.Killed == None) {
			return cmp.Compare(flag(a.Killed != None), flag(b.Killed != None))
		}
		if a.Killed == None {
			if c := cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(a.arrival, b.arrival)); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(e.snap.Warehouses[a.Warehouse].Rank, e.snap.Warehouses[b.Warehouse].Rank),
			cmp.Compare(e.snap.Services[a.Service].Rank, e.snap.Services[b.Service].Rank))
	})
	if x.Decision.Outcome == Planned {
		sc.runnerUp(x)
	}
	sc.whatIf(x)
	return x, nil
}

// runnerUp names the best candidate that is not the plan itself.
func (sc *Scratch) runnerUp(x *Explanation) {
	for i := range x.Candidates {
		c := &x.Candidates[i]
		if c.Killed != None {
			return
		}
		if len(x.Decision.Shipments) == 1 && c.Warehouse == x.Decision.Shipments[0].Warehouse && c.Service == x.Decision.Shipments[0].Service {
			continue
		}
		x.RunnerUp, x.Gap = c, c.Cost-x.Decision.Cost
		return
	}
}

// whatIf looks, for every warehouse the plan does not use, for the changes by which it would win.
func (sc *Scratch) whatIf(x *Explanation) {
	toBeat := units.Money(math.MaxInt64)
	if x.Decision.Outcome == Planned {
		toBeat = x.Decision.Cost
	}
	for w := range sc.e.snap.Warehouses {
		if uses(&x.Decision, int32(w)) || sc.e.snap.Warehouses[w].Closed {
			continue
		}
		sc.whatIfCheaper(x, int32(w))
		sc.whatIfLaterCutoff(x, int32(w), toBeat)
		sc.whatIfMoreStock(x, int32(w), toBeat)
	}
}

func uses(d *Decision, w int32) bool {
	return slices.ContainsFunc(d.Shipments, func(s Shipment) bool { return s.Warehouse == w })
}

func (sc *Scratch) whatIfCheaper(x *Explanation, w int32) {
	for _, c := range x.Candidates { // the first of the warehouse is its cheapest
		if c.Warehouse == w && c.Killed == None && x.Decision.Outcome == Planned {
			x.WhatIf = append(x.WhatIf, WhatIf{Warehouse: w, Service: c.Service, Change: Cheaper, Cheaper: c.Cost - x.Decision.Cost})
			return
		}
	}
}

// bestOf returns the warehouse's best service under a question.
func (sc *Scratch) bestOf(w int32, q question) (service int32, cost units.Money, ok bool) {
	cost = math.MaxInt64
	for s := range sc.e.snap.Services {
		if ev := sc.evaluate(w, int32(s), sc.items, q); ev.killed == None && ev.cost < cost {
			service, cost, ok = int32(s), ev.cost, true
		}
	}
	return service, cost, ok
}

func (sc *Scratch) whatIfLaterCutoff(x *Explanation, w int32, toBeat units.Money) {
	dock := &sc.e.snap.Profiles[sc.e.snap.Warehouses[w].Profile].Dock
	day, _, _, ok := dock.Ready(sc.now)
	if !ok {
		return
	}
	missed, ok := dock.Latest(day-1, units.EndOfDay)
	if !ok || missed >= sc.now || int64(sc.now-missed) > maxCutoffMinutes*60 {
		return
	}
	if s, cost, ok := sc.bestOf(w, question{now: missed}); ok && cost < toBeat {
		x.WhatIf = append(x.WhatIf, WhatIf{Warehouse: w, Service: s, Change: CutoffLater, Minutes: (int64(sc.now-missed) + 59) / 60})
	}
}

func (sc *Scratch) whatIfMoreStock(x *Explanation, w int32, toBeat units.Money) {
	short, by := int32(-1), int32(0)
	for _, it := range sc.items {
		if have := sc.stock.available(it.SKU, w); have < it.Quantity {
			if short >= 0 {
				return // more than one SKU would have to be there
			}
			short, by = it.SKU, it.Quantity-max(have, 0)
		}
	}
	if short < 0 {
		return
	}
	if s, cost, ok := sc.bestOf(w, question{now: sc.now, unlimited: true}); ok && cost < toBeat {
		x.WhatIf = append(x.WhatIf, WhatIf{Warehouse: w, Service: s, Change: MoreStock, SKU: short, Units: by})
	}
}

// Describe says the change in a sentence, with the network's names.
func (e *Engine) Describe(c WhatIf) string {
	name := e.snap.Warehouses[c.Warehouse].ID
	service := e.snap.Services[c.Service].ID
	switch c.Change {
	case Cheaper:
		return fmt.Sprintf("%s wins by %s if it were more than %s %s cheaper", name, service, c.Cheaper, e.snap.Currency)
	case CutoffLater:
		return fmt.Sprintf("%s wins by %s if its cut-off were %d minutes later", name, service, c.Minutes)
	case MoreStock:
		return fmt.Sprintf("%s wins by %s if it had %d more of %s", name, service, c.Units, e.snap.SKUs.IDs[c.SKU])
	}
	return ""
}
