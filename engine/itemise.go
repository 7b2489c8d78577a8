package engine

import (
	"cmp"
	"math"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// The terms of a shipment's cost beside the charges of its service, in the order in which Explain adds them.
const (
	termCartons = iota
	termPerShipment
	termHandlingOrder
	termHandlingLines
	termHandlingUnits
	termHandlingWeight
	termCarbon
	termLateness
	termStockPrice
	termCapacityPrice
	termCount
)

var termNames = [termCount]string{
	"cartons", "per_shipment", "handling_order", "handling_lines", "handling_units", "handling_weight", "carbon", "lateness",
	"stock_price", "capacity_price",
}

// terms is where each term of a shipment's cost stands among all.
type terms struct {
	names []string
	card  map[*ratecards.Card][]int32 // by the card's charge
	own   [termCount]int32
}

// newTerms numbers the terms: base prices by name, discount and minimum, surcharges by name, fuel, tax, rounding, then the
// terms of the engine. What no card can charge is left out.
func newTerms(snap *network.Snapshot) *terms {
	type charge struct {
		name string
		rank int
	}
	var charges []charge
	each := func(do func(card *ratecards.Card, i int, c charge, can bool)) {
		for s := range snap.Services {
			for _, card := range snap.Services[s].Tariff.Cards() {
				source, can := card.Source(), card.CanCharge()
				for i, name := range card.ChargeNames() {
					bases, surcharges := len(source.Structures), len(source.Surcharges)
					rank := 0
					switch {
					case i < bases:
					case i < bases+2:
						rank = 1 + i - bases
					case i < bases+2+surcharges:
						rank = 3
					default:
						rank = 4 + i - (bases + 2 + surcharges)
					}
					do(card, i, charge{name, rank}, can[i])
				}
			}
		}
	}
	each(func(_ *ratecards.Card, _ int, c charge, can bool) {
		if can {
			charges = append(charges, c)
		}
	})
	slices.SortFunc(charges, func(a, b charge) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.name, b.name))
	})
	t := &terms{card: map[*ratecards.Card][]int32{}}
	at := map[string]int32{}
	number := func(name string) int32 {
		i, ok := at[name]
		if !ok {
			i = int32(len(t.names))
			at[name] = i
			t.names = append(t.names, name)
		}
		return i
	}
	for _, c := range charges {
		number(c.name)
	}
	for i, name := range termNames {
		t.own[i] = number(name)
	}
	each(func(card *ratecards.Card, _ int, c charge, _ bool) { // what cannot be charged is always 0, wherever it is added
		t.card[card] = append(t.card[card], at[c.name])
	})
	return t
}

// TermNames returns the names of all terms that the cost of a shipment can have, each once and in the order of Itemise's
// columns: what the cards of all services can charge (base prices, discount and minimum, surcharges, fuel, tax,
// rounding; names of one kind in alphabetical order), then cartons, per_shipment, handling_order, handling_lines,
// handling_units, handling_weight, carbon, lateness, stock_price and capacity_price. Engines of equal networks have equal
// terms; another network's may have others. The slice must not be changed.
func (e *Engine) TermNames() []string { return e.terms.names }

// TermNames returns the TermNames of an engine of the snapshot, without one: an engine has a cache, which costs more than the
// names of a small network.
func TermNames(snap *network.Snapshot) []string { return newTerms(snap).names }

// Itemise appends to dst the cost of every shipment of a decision term by term: len(TermNames()) amounts a shipment, in the
// order of its Shipments. They are those of Explain's Breakdown and sum to the shipment's Cost. order is the one that was
// decided; of its fields only the destination counts. The decision may be one of an earlier moment: neither stock nor clock is
// looked at, and the prices of stock and capacity are those that it paid. Errors are those of Decide about the destination; dst
// is then returned as it was. In steady state nothing is allocated but what dst grows by.
func (e *Engine) Itemise(order *Order, d *Decision, sc *Scratch, dst []units.Money) ([]units.Money, error) {
	dst, _, err := e.account(order, d, sc, dst, nil, ofCosts)
	return dst, err
}

// Account is Itemise and Facts at once, which finds the destination once for both: it appends to costs what Itemise does and
// to facts what Facts does, or, where there is an error, nothing to either.
func (e *Engine) Account(order *Order, d *Decision, _ units.Instant, sc *Scratch, costs []units.Money, facts []Facts) ([]units.Money, []Facts, error) {
	return e.account(order, d, sc, costs, facts, ofCosts|ofFacts)
}

const (
	ofCosts = 1 << iota
	ofFacts
)

func (e *Engine) account(order *Order, d *Decision, sc *Scratch, costs []units.Money, facts []Facts, asked int) ([]units.Money, []Facts, error) {
	if sc.e != e {
		panic("engine: scratch of another engine")
	}
	if err := sc.revisit(order); err != nil {
		return costs, facts, err
	}
	t := e.terms
	n := len(t.names)
	for i := range d.Shipments {
		s := &d.Shipments[i]
		var c content
		c.fill(0, s.Items, e.snap)
		if asked&ofCosts != 0 {
			start := len(costs)
			costs = slices.Grow(costs, n)[:start+n]
			sums := costs[start:]
			clear(sums)
			sc.itemise(t, s, &c, sums)
		}
		if asked&ofFacts != 0 {
			km := geo.KilometresOfDot(e.snap.Warehouses[s.Warehouse].Unit.Dot(sc.place.unit))
			facts = append(facts, Facts{
				Metres:   int64(math.Round(km * 1_000)),
				CO2Grams: e.grams(&c, s.Warehouse, s.Service, sc.place),
				InTime:   sc.inTimeChance(&order.Promise, s),
			})
		}
	}
	return costs, facts, nil
}

// itemise adds up the terms of one shipment.
func (sc *Scratch) itemise(t *terms, s *Shipment, c *content, sums []units.Money) {
	e, snap := sc.e, sc.e.snap
	wh, svc := &snap.Warehouses[s.Warehouse], &snap.Services[s.Service]
	l := &sc.row.lanesOf(int(sc.row.viewOf[s.Warehouse]), len(snap.Services))[s.Service]
	card := svc.Tariff.At(s.ShipDate)
	at := t.card[card]
	for i := range s.Parcels {
		p := &s.Parcels[i]
		card.Prepare(&sc.prepared, &p.Parcel, sc.attrs[s.Service], s.ShipDate)
		sc.prepared.AddCharges(sums, at, &p.Parcel, l.of(sc.prepared.Light))
	}
	sums[t.own[termCartons]] += e.cartons(s)
	sums[t.own[termPerShipment]] += svc.PerShipment
	sums[t.own[termHandlingOrder]] += wh.PerOrder
	sums[t.own[termHandlingLines]] += wh.PerLine * units.Money(c.lines)
	sums[t.own[termHandlingUnits]] += wh.PerUnit * units.Money(c.units)
	if wh.PerKilogram != 0 {
		sums[t.own[termHandlingWeight]] += wh.PerKilogram.Times(int64(c.weight), int64(units.Kilogram))
	}
	sums[t.own[termCarbon]] += e.carbonCost(c, s.Warehouse, s.Service, sc.place)
	sums[t.own[termLateness]] += snap.Policy.LateCost * units.Money(s.DaysLate)
	sums[t.own[termStockPrice]] += s.StockPrice
	sums[t.own[termCapacityPrice]] += s.CapacityPrice
}

// revisit resolves where an order goes.
func (sc *Scratch) revisit(order *Order) error {
	sc.faults = faults.List{}
	sc.row, sc.zone = nil, nil
	to, known := sc.destination(order)
	if !known {
		sc.fault("collect_at", "name a warehouse of the network", "unknown warehouse %.100q", order.CollectAt)
		return sc.faults.Err()
	}
	sc.resolveDestination(&to)
	if sc.row != nil {
		sc.attrs = sc.row.attrs[0]
		if order.To.Commercial {
			sc.attrs = sc.row.attrs[1]
		}
	}
	return sc.faults.Err()
}

// Facts are what a shipment is beside its cost.
type Facts struct {
	Metres   int64 // from the warehouse to the destination, along the great circle
	CO2Grams int64 // of the way, as the carbon price counts them, whether emissions cost something or not

	// InTime is the chance, by the transit histogram of the lane, that a parcel picked up on the ship date arrives by the
	// promise; certain without a promise. Where the carrier tells days without a histogram it is certain or 0.
	InTime units.Probability
}

// Facts appends to dst the facts of every shipment of a decision, in the order of its Shipments. order is the one that was
// decided; its destination and its promise count, and neither stock nor clock does. Errors are those of Decide about the
// destination; dst is then returned as it was. In steady state nothing is allocated but what dst grows by.
func (e *Engine) Facts(order *Order, d *Decision, sc *Scratch, dst []Facts) ([]Facts, error) {
	_, dst, err := e.account(order, d, sc, nil, dst, ofFacts)
	return dst, err
}

// inTimeChance is Facts.InTime of a shipment.
func (sc *Scratch) inTimeChance(p *Promise, s *Shipment) units.Probability {
	if p.IsZero() {
		return units.Certain
	}
	svc := &sc.e.snap.Services[s.Service]
	to := svc.Transit.Dest(sc.place.country, sc.place.postal)
	days := svc.Transit.Histogram(svc.Transit.Lookup(svc.TransitOrigins[s.Warehouse], to, svc.TransitScope, s.Zone))
	return days.Within(calendar.MaxTransit(s.ShipDate, sc.lastDay(p, s.Service), svc.Linehaul, sc.delivery(s.Service)))
}
