package results

import (
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/units"
)

// certain is a probability in the fine steps in which those of several shipments are multiplied.
const certain = int64(units.Certain) * int64(units.Certain)

// totals are sums over orders. Those of blocks are added in any order to the same.
type totals struct {
	orders, filled, malformed, late int64
	byOutcome                       [16]int64
	units, parcels                  int64
	weight                          units.Weight
	value, lostValue                units.Money
	cost, split, freight            units.Money
	terms                           []units.Money
	shipments                       int64
	splits                          []int64 // orders by number of shipments

	floorOrders, floorRefused int64
	floorCost, floor          units.Money

	promised, planned, realised int64
	expectedLate                int64 // sum of chances, Certain is certain

	delayed, delayDays, lost, mishapOrders int64
	metres, grams                          int64
	guessed                                int64
	transit, delivery                      []int64 // shipments by days
}

func (t *totals) begin(r *Recorder) { t.terms = make([]units.Money, len(r.terms)) }

// reset makes the totals of a block nothing.
func (t *totals) reset(r *Recorder) {
	terms, splits, transit, delivery := t.terms, t.splits, t.transit, t.delivery
	if terms == nil {
		terms = make([]units.Money, len(r.terms))
	}
	clear(terms)
	clear(splits)
	clear(transit)
	clear(delivery)
	*t = totals{terms: terms, splits: splits, transit: transit, delivery: delivery}
}

// bump adds to a counter by number, however large the number is.
func bump(counts []int64, i int, by int64) []int64 {
	for len(counts) <= i {
		counts = append(counts, 0)
	}
	counts[i] += by
	return counts
}

// add adds the totals of a block.
func (t *totals) add(b *totals) {
	for _, p := range [...]struct{ to, from *int64 }{
		{&t.orders, &b.orders}, {&t.filled, &b.filled}, {&t.malformed, &b.malformed}, {&t.late, &b.late},
		{&t.units, &b.units}, {&t.parcels, &b.parcels}, {(*int64)(&t.weight), (*int64)(&b.weight)},
		{(*int64)(&t.value), (*int64)(&b.value)}, {(*int64)(&t.lostValue), (*int64)(&b.lostValue)},
		{(*int64)(&t.cost), (*int64)(&b.cost)}, {(*int64)(&t.split), (*int64)(&b.split)}, {(*int64)(&t.freight), (*int64)(&b.freight)},
		{&t.shipments, &b.shipments}, {&t.floorOrders, &b.floorOrders}, {&t.floorRefused, &b.floorRefused},
		{(*int64)(&t.floorCost), (*int64)(&b.floorCost)}, {(*int64)(&t.floor), (*int64)(&b.floor)},
		{&t.promised, &b.promised}, {&t.planned, &b.planned}, {&t.realised, &b.realised}, {&t.expectedLate, &b.expectedLate},
		{&t.delayed, &b.delayed}, {&t.delayDays, &b.delayDays}, {&t.lost, &b.lost}, {&t.mishapOrders, &b.mishapOrders},
		{&t.metres, &b.metres}, {&t.grams, &b.grams}, {&t.guessed, &b.guessed},
	} {
		*p.to += *p.from
	}
	for i := range t.byOutcome {
		t.byOutcome[i] += b.byOutcome[i]
	}
	for i := range t.terms {
		t.terms[i] += b.terms[i]
	}
	for i, n := range b.splits {
		t.splits = bump(t.splits, i, n)
	}
	for i, n := range b.transit {
		t.transit = bump(t.transit, i, n)
	}
	for i, n := range b.delivery {
		t.delivery = bump(t.delivery, i, n)
	}
}

// count adds a block up, and notes what the grid of days and regions needs of it.
func (r *Recorder) count(p *preparer, b *simulate.Block) {
	t, h := &p.b.totals, r.in.History
	p.b.marks, p.b.orders = p.b.marks[:0], p.b.orders[:0]
	p.b.outs = append(p.b.outs[:0], b.StockOuts...)
	for i := range b.Orders {
		o := &b.Orders[i]
		order := b.First + i
		at := h.At[order]
		region := r.where.cell[r.place(order)]
		m := dayMark{date: day(at), region: region}
		t.orders++
		promised, _ := r.promise(order)
		switch {
		case o.Malformed:
			t.malformed++
		case o.Outcome != engine.Planned:
			m.refused = true
			t.byOutcome[o.Outcome]++
			t.lostValue += r.value(order)
		default:
			m.filled, m.cost, m.promised = true, o.Cost, promised
			t.filled++
			t.value += r.value(order)
			t.cost += o.Cost
			t.split += o.SplitCost
			if o.Late {
				t.late++
			}
			if o.FloorOutcome == engine.Planned {
				t.floorOrders++
				t.floorCost += o.Cost
				t.floor += o.Floor
			}
		}
		if o.FloorOutcome > engine.Planned {
			t.floorRefused++
		}
		if m.filled {
			ships := b.Shipments[o.Shipments[0]:o.Shipments[1]]
			t.splits = bump(t.splits, len(ships), 1)
			mishap := false
			chance := certain
			for k := range ships {
				s := &ships[k]
				r.countShipment(p, s, at, region)
				chance = chance * int64(s.InTime) / int64(units.Certain)
				mishap = mishap || s.Delayed > 0 || s.Lost
			}
			if mishap {
				t.mishapOrders++
			}
			if promised {
				t.promised++
				t.expectedLate += certain - chance
				if !o.Late {
					m.onTime = true
					t.planned++
				}
				if !r.missed(b, i) {
					t.realised++
				}
			}
		}
		p.b.orders = append(p.b.orders, m)
	}
	n := len(r.terms)
	for at := 0; at < len(b.Costs); at += n {
		for i, c := range b.Costs[at : at+n] {
			t.terms[i] += c
		}
	}
}

// promise says whether an order has a promise, and its instant; 0 where it is a date.
func (r *Recorder) promise(order int) (promised bool, at units.Instant) {
	h := r.in.History
	if h.Promise[order] != 0 {
		return true, 0
	}
	if len(h.Exact) > 0 {
		at, promised = h.Exact[int32(order)]
	}
	return promised, at
}

// missed says whether an order of a block was filled and missed its promise: by plan, or by what happened on the way.
func (r *Recorder) missed(b *simulate.Block, i int) bool {
	o := &b.Orders[i]
	if o.Malformed || o.Outcome != engine.Planned {
		return false
	}
	promised, instant := r.promise(b.First + i)
	if !promised {
		return false
	}
	if o.Late {
		return true
	}
	for k := o.Shipments[0]; k < o.Shipments[1]; k++ {
		s := &b.Shipments[k]
		switch {
		case s.Lost:
			return true
		case s.Delayed == 0:
		case instant != 0 && s.Arrival+units.Instant(s.Delayed)*secondsADay > instant:
			return true
		case instant == 0 && s.DeliveryDate+units.Date(s.Delayed) > r.in.History.Promise[b.First+i]:
			return true
		}
	}
	return false
}

func (r *Recorder) countShipment(p *preparer, s *simulate.ShipmentRow, at units.Instant, region int32) {
	t := &p.b.totals
	w := &r.snap.Warehouses[s.Warehouse]
	ordered, _ := r.snap.Profiles[w.Profile].Dock.Zone.Local(at)
	t.shipments++
	t.units += int64(s.Units)
	t.parcels += int64(s.Parcels)
	t.weight += s.Weight
	t.freight += s.Freight
	t.metres += s.Metres
	t.grams += s.CO2Grams
	if s.Guessed {
		t.guessed++
	}
	if s.Delayed > 0 {
		t.delayed++
		t.delayDays += int64(s.Delayed)
	}
	if s.Lost {
		t.lost++
	}
	t.transit = bump(t.transit, int(max(s.DeliveryDate-s.ShipDate, 0)), 1)
	t.delivery = bump(t.delivery, int(max(s.DeliveryDate-ordered, 0)), 1)
	p.b.marks = append(p.b.marks, mark{
		warehouse: s.Warehouse, service: s.Service, region: region, ordered: ordered, ship: s.ShipDate,
		units: s.Units, weight: s.Weight, freight: s.Freight, cost: s.Cost, metres: s.Metres,
	})
}

// day is the date in UTC.
func day(at units.Instant) units.Date {
	d := int64(at) / secondsADay
	if int64(at)%secondsADay < 0 {
		d--
	}
	return units.Date(d)
}
