package engine

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/units"
)

// ReferenceShipment is one shipment of a reference plan.
type ReferenceShipment struct {
	Warehouse, Service int32
	Items              []Item
	Cost               units.Money
	Terms              []Term
}

// Reference decides an order by the specification alone: every warehouse and service by evaluate, every split by
// solver.SplitNaive. It knows no lanes cache, no groups, no floors and no memory of earlier orders.
func (e *Engine) Reference(stock *StockView, order *Order, now units.Instant) (Outcome, units.Money, []ReferenceShipment, error) {
	sc := e.NewScratch()
	if err := sc.resolve(stock, order, now); err != nil {
		return 0, 0, nil, err
	}
	policy := &e.snap.Policy
	most := int(policy.MaxShipments)
	if cost, plan, ok := sc.reference(sc.items, most); ok {
		return Planned, cost, plan, nil
	}
	if sc.promised && policy.Late == network.LateAllow {
		sc.late = true
		if cost, plan, ok := sc.reference(sc.items, most); ok {
			return Planned, cost, plan, nil
		}
	}
	for _, it := range sc.items {
		most, total := int32(0), int32(0)
		for w := range e.snap.Warehouses {
			if have := stock.available(it.SKU, int32(w)); sc.only < 0 || sc.only == int32(w) {
				most, total = max(most, have), total+have
			}
		}
		if most < it.Quantity && !(policy.SplitLines && total >= it.Quantity) {
			return OutOfStock, 0, nil, nil
		}
	}
	sc.late = false
	if _, _, ok := sc.reference(sc.items, math.MaxInt32); ok {
		return TooManySplits, 0, nil, nil
	}
	sc.late = true
	if _, _, ok := sc.reference(sc.items, math.MaxInt32); ok && sc.promised {
		return PromiseMissed, 0, nil, nil
	}
	return NotServed, 0, nil, nil
}

func (sc *Scratch) reference(items []Item, most int) (units.Money, []ReferenceShipment, bool) {
	e := sc.e
	byRank := make([]int32, len(e.snap.Warehouses))
	for w := range byRank {
		byRank[w] = int32(w)
	}
	slices.SortFunc(byRank, func(a, b int32) int {
		return cmp.Compare(e.snap.Warehouses[a].Rank, e.snap.Warehouses[b].Rank)
	})
	bestBy := func(w int32, content []Item) (best evaluation, service int32, ok bool) {
		for s := range e.snap.Services {
			ev := sc.evaluate(w, int32(s), content, question{now: sc.now})
			if ev.killed != None {
				continue
			}
			if !ok || ev.cost < best.cost || ev.cost == best.cost && (ev.arrival < best.arrival ||
				ev.arrival == best.arrival && e.snap.Services[s].Rank < e.snap.Services[service].Rank) {
				best, service, ok = ev, int32(s), true
			}
		}
		return best, service, ok
	}
	contentOf := func(take []int32) (content []Item) {
		for i, q := range take {
			if q > 0 {
				content = append(content, Item{SKU: items[i].SKU, Quantity: q})
			}
		}
		return content
	}
	p := solver.Problem{
		Warehouses: len(byRank), Lines: len(items), SplitCost: int64(e.snap.Policy.SplitCost),
		MaxShipments: most,
		Offer: func(w int, take []int32) (solver.Offer, bool) {
			ev, service, ok := bestBy(byRank[w], contentOf(take))
			return solver.Offer{Cost: int64(ev.cost), Arrival: ev.arrival, Service: service}, ok
		},
	}
	if sc.only >= 0 {
		p.MaxShipments = 1
	}
	for _, it := range items {
		p.Quantity = append(p.Quantity, it.Quantity)
		p.MaySplit = append(p.MaySplit, e.snap.Policy.SplitLines)
		for _, w := range byRank {
			p.Available = append(p.Available, sc.stock.available(it.SKU, w))
		}
	}
	plan, proof := solver.SplitNaive(&p)
	if proof.Status != solver.Optimal {
		return 0, nil, false
	}
	var shipments []ReferenceShipment
	for _, s := range plan.Shipments {
		w, content := byRank[s.Warehouse], contentOf(s.Take)
		ev, service, _ := bestBy(w, content)
		shipments = append(shipments, ReferenceShipment{Warehouse: w, Service: service, Items: content, Cost: ev.cost, Terms: ev.terms})
	}
	return units.Money(plan.Cost), shipments, true
}

// CompareColumns holds the columns of an order against the offers that they stand for, on n random contents. It returns
// for how many there is an offer, for how many of these the columns are exact, and the first that they do not tell, or put
// too high. Without columns all are 0.
func (e *Engine) CompareColumns(stock *StockView, order *Order, now units.Instant, late bool, rng *rand.Rand, n int) (offers, exact int, wrong string, err error) {
	sc := e.NewScratch()
	if err := sc.resolve(stock, order, now); err != nil {
		return 0, 0, "", err
	}
	sc.late = late && sc.promised
	sc.begin()
	sc.forgetParts()
	sc.limit = unreachable - 1
	if !sc.gatherSources(math.MaxInt32) {
		return 0, 0, "", nil
	}
	p := sc.pose(math.MaxInt32)
	c := sc.columnsOf()
	if c == nil {
		return 0, 0, "", nil
	}
	take := make([]int32, p.Lines)
	for range n {
		w := rng.IntN(p.Warehouses)
		clear(take)
		share := 1 + rng.IntN(p.Lines)
		some := int32(0)
		for l, q := range p.Quantity {
			if have := min(q, p.Available[l*p.Warehouses+w]); rng.IntN(p.Lines) < share && have > 0 && (have == q || p.MaySplit[l]) {
				if take[l] = have; p.MaySplit[l] {
					take[l] = 1 + rng.Int32N(have)
				}
			}
			some += take[l]
		}
		if some == 0 {
			continue
		}
		offer, ok := sc.offerTake(w, take)
		if !ok {
			if column, ok := c.Offer(p, w, take); c.Exact && ok && column.Cost <= int64(sc.limit) && some < int32(sc.whole.units) {
				return offers, exact, fmt.Sprintf("warehouse %d offers nothing for %v, the columns say %d", sc.sources[w], take, column.Cost), nil
			}
			continue
		}
		offers++
		column, ok := c.Offer(p, w, take)
		if floor, fine := sc.floorTake(w, take); !fine || floor > offer.Cost {
			return offers, exact, fmt.Sprintf("warehouse %d offers %v for %d, the floor is %d", sc.sources[w], take, offer.Cost, floor), nil
		}
		if !ok || column.Cost > offer.Cost {
			return offers, exact, fmt.Sprintf("warehouse %d offers %v for %d, the columns say %d, %v", sc.sources[w], take, offer.Cost, column.Cost, ok), nil
		}
		if c.Exact && (column.Cost != offer.Cost || column.Arrival != offer.Arrival) {
			return offers, exact, fmt.Sprintf("warehouse %d offers %v for %d by %d, the columns say exactly %d by %d", sc.sources[w], take, offer.Cost, offer.Arrival, column.Cost, column.Arrival), nil
		}
		if c.Exact {
			exact++
		}
	}
	return offers, exact, "", nil
}

// AskOnly has decisions ask for every offer, and make no columns.
func (sc *Scratch) AskOnly() { sc.asksOnly = true }

// Partless has decisions bound no parts: lines one by one, and the solver.
func (sc *Scratch) Partless() { sc.partless = true }

// Parted tells whether the latest split search bounded parts, and whether that settled it.
func (sc *Scratch) Parted() (parted, sole bool) { return sc.parted, sc.sole }

// Columned tells whether the latest split search had columns, and whether they were exact.
func (sc *Scratch) Columned() (columned, exact bool) {
	c := sc.problem.Columns
	return c != nil, c != nil && c.Exact
}

// SharedRows returns how many rows of lanes some places have between them, and the first place, if any, whose row is not
// what it would have had to itself.
func (e *Engine) SharedRows(places []geo.Row) (rows int, wrong string, err error) {
	var shared sharedRows
	distinct := map[*laneRow]bool{}
	for _, at := range places {
		p, err := e.placeOf(at, geo.Point{})
		if err != nil {
			return 0, "", err
		}
		row := shared.of(e.newLaneRow(p))
		if distinct[row] = true; wrong == "" && !reflect.DeepEqual(row, e.newLaneRow(p)) {
			wrong = p.postal
		}
	}
	return len(distinct), wrong, nil
}

// SeenPlaces returns how many postal places are found without the cache of lanes, -1 once the cache has turned one away.
func (e *Engine) SeenPlaces() (n int) {
	e.rows.Wait()
	all := e.seen.Load()
	if all == nil {
		return -1
	}
	for i := range *all {
		if (*all)[i].Load() != nil {
			n++
		}
	}
	return n
}
