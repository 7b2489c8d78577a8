// Package naive decides one order the way a capable developer would write it first: maps keyed by names, float64
// dollars, pounds, inches and miles, time.Time and walks from day to day, a haversine for every warehouse, and loops
// over all warehouses, services and splits.
//
// It serves two ends. It is what the engine's speed is measured against, so it is written without traps: what an
// ordinary eye sees to be the same for all services, warehouses or contents of an order is worked out once, and maps
// are built once a network. And it is a second opinion on the engine's answers: it shares none of the code that
// computes them. It reads the same network.Source, and from other packages it takes types, never arithmetic.
//
// It knows the rules that networks made by enginetest use. New refuses a network that uses any other, so a plan it
// returns is never wrong for a rule it did not know.
//
// # Floats
//
// Its answers are to be the same as exact ones, to the micro. Every amount in a tariff is a whole number of cents,
// every percentage of basis points, so the exact value of any sum here is a multiple of a micro, and below a million
// dollars a float64 is within 1e-9 dollars of it. Rounding therefore adds a tenth of a micro before it cuts: too little
// to lift a value that is under a half, and more than a value at the half may have lost. Amounts are compared only
// after they were put to the nearest micro, where equal amounts are equal floats. Weights are multiples of an ounce
// in pounds, exact as floats; sides in inches are compared and rounded with a billionth of an inch to spare.
package naive

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// An Outcome is what became of an order, in the words of the engine.
type Outcome string

// The outcomes of Decide.
const (
	Planned       Outcome = "PLANNED"
	OutOfStock    Outcome = "OUT_OF_STOCK"
	PromiseMissed Outcome = "PROMISE_MISSED"
	NotServed     Outcome = "NOT_SERVED"
	TooManySplits Outcome = "TOO_MANY_SPLITS"
)

// MaxLines bounds the different SKUs of an order: every subset of them is priced from every warehouse.
const MaxLines = 8

// An Order is what a buyer wants, where and by when.
type Order struct {
	Lines      []Line
	Postal     string // of the United States
	Commercial bool
	Promise    time.Time // the last day of delivery, as midnight UTC; zero without a promise
}

// A Line is a quantity of one SKU.
type Line struct {
	SKU      string
	Quantity int
}

// A Decision is the cheapest plan for an order, or why there is none.
type Decision struct {
	Outcome   Outcome
	Cost      float64 // dollars, to the nearest micro
	Shipments []Shipment
}

// A Shipment is what one warehouse hands to one service.
type Shipment struct {
	Warehouse, Service string
	Lines              []Line
	Cost               float64   // dollars
	Arrival            time.Time // on the destination's own clock, as if that were UTC
	subset             int       // the lines of the order, a bit each
}

// Stock is what can be promised and what is used of daily capacities.
type Stock struct {
	Units map[string]map[string]int // by SKU, then by warehouse
	Used  map[Slot]int              // shipments already handed over

	// What decisions weigh beside what is paid, in dollars: a unit by SKU, then by warehouse, and a shipment on a day, or
	// on every day where a slot names none. A shipment pays the warehouse's and the service's.
	UnitPrices map[string]map[string]float64
	SlotPrices map[Slot]float64
}

// A Slot is a warehouse's day, or, with a service, that service's day there.
type Slot struct {
	Warehouse, Service string
	Ship               time.Time // midnight UTC
}

// Decide returns the cheapest plan for an order that comes at a moment. Of plans that cost the same the one that
// arrives earlier wins, then the one with fewer shipments, then the one with the smaller warehouses, in their order,
// then the one that takes less of the first line from the first of them. The error is for an order that names what
// the network does not have.
func (n *Network) Decide(o *Order, now time.Time) (Decision, error) {
	t, err := n.open(o, now)
	if err != nil {
		return Decision{}, err
	}
	if best := t.search(n.maxShipments, false); best != nil {
		return *best, nil
	}
	if t.promised && n.lateAllowed {
		if best := t.search(n.maxShipments, true); best != nil {
			return *best, nil
		}
	}
	for _, ln := range t.lines {
		if !slices.ContainsFunc(n.warehouses, func(w *warehouse) bool { return !w.closed && n.stock.Units[ln.SKU][w.id] >= ln.Quantity }) {
			return Decision{Outcome: OutOfStock}, nil
		}
	}
	if t.search(len(t.lines), false) != nil {
		return Decision{Outcome: TooManySplits}, nil
	}
	if t.promised && t.search(len(t.lines), true) != nil {
		return Decision{Outcome: PromiseMissed}, nil
	}
	return Decision{Outcome: NotServed}, nil
}

// A task is one order while it is decided.
type task struct {
	n          *Network
	lines      []Line // one a SKU
	to         place
	commercial bool
	areas      map[string]map[string]bool // attributes of the destination, by area list
	now        time.Time
	deadline   time.Time
	horizon    time.Time
	promised   bool
	ways       map[string][]way // by warehouse
}

func (n *Network) open(o *Order, now time.Time) (*task, error) {
	t := &task{n: n, commercial: o.Commercial, now: now, areas: map[string]map[string]bool{}, ways: map[string][]way{}}
	for _, ln := range o.Lines {
		if _, ok := n.skus[ln.SKU]; !ok {
			return nil, fmt.Errorf("naive: unknown SKU %q", ln.SKU)
		}
		if ln.Quantity < 1 {
			return nil, fmt.Errorf("naive: %d units of %q", ln.Quantity, ln.SKU)
		}
		if i := slices.IndexFunc(t.lines, func(m Line) bool { return m.SKU == ln.SKU }); i >= 0 {
			t.lines[i].Quantity += ln.Quantity
		} else {
			t.lines = append(t.lines, ln)
		}
	}
	if len(t.lines) == 0 || len(t.lines) > MaxLines {
		return nil, fmt.Errorf("naive: %d lines; order 1 to %d", len(t.lines), MaxLines)
	}
	to, ok := n.places[o.Postal]
	if !ok {
		return nil, fmt.Errorf("naive: unknown postal code %q", o.Postal)
	}
	t.to = to
	for list, zips := range n.areas {
		t.areas[list] = map[string]bool{}
		for _, name := range zips[o.Postal[:3]] {
			if strings.HasPrefix(name, "commercial_") && !o.Commercial || strings.HasPrefix(name, "residential_") && o.Commercial {
				continue
			}
			t.areas[list][name] = true
		}
	}
	t.horizon = midnight(now.In(to.zone)).AddDate(0, 0, n.horizonDays)
	t.deadline = t.horizon
	if !o.Promise.IsZero() {
		t.promised = true
		if o.Promise.Before(t.deadline) {
			t.deadline = o.Promise
		}
	}
	return t, nil
}

// An offer is the best that one warehouse makes of some lines.
type offer struct {
	warehouse *warehouse
	service   *service
	cost      float64
	arrival   time.Time
}

// search returns the best plan of at most so many shipments, or nil. With late set they may be late.
func (t *task) search(maxShipments int, late bool) *Decision {
	s := &splits{task: t, most: maxShipments, offers: make([][]offer, 1<<len(t.lines))}
	for subset := 1; subset < len(s.offers); subset++ {
		if maxShipments == 1 && subset != len(s.offers)-1 {
			continue
		}
		c := t.content(subset)
		for _, w := range t.n.warehouses {
			if o, ok := t.offer(w, c, late); ok {
				s.offers[subset] = append(s.offers[subset], o)
			}
		}
	}
	s.place(len(s.offers)-1, nil, 0)
	return s.best
}

// A pick is one shipment of a plan in the making: some lines and how they go.
type pick struct {
	*offer
	subset int
}

// splits is the search for the best way to divide an order's lines among warehouses.
type splits struct {
	*task
	most   int
	offers [][]offer // by set of lines
	best   *Decision
}

// place tries every way to ship the lines in rest beside the shipments chosen so far. Each shipment takes the first line
// that is left and any of the others, so no plan comes up twice.
func (s *splits) place(rest int, chosen []pick, cost float64) {
	if rest == 0 {
		s.consider(chosen, cost)
		return
	}
	if len(chosen) == s.most {
		return
	}
	if len(chosen) > 0 {
		cost += s.n.splitCost
	}
	first := rest & -rest
	for subset := rest; subset > 0; subset = (subset - 1) & rest {
		if subset&first == 0 {
			continue
		}
		for i := range s.offers[subset] {
			o := &s.offers[subset][i]
			if s.best != nil && cost+o.cost > s.best.Cost+micro {
				continue // dearer already than the best plan
			}
			if slices.ContainsFunc(chosen, func(c pick) bool { return c.warehouse == o.warehouse }) {
				continue
			}
			s.place(rest&^subset, append(chosen, pick{o, subset}), cost+o.cost)
		}
	}
}

// consider puts a plan in the best one's place where it comes before it.
func (s *splits) consider(chosen []pick, cost float64) {
	cost = nearestMicro(cost)
	if s.best != nil && cost > s.best.Cost {
		return
	}
	plan := &Decision{Outcome: Planned, Cost: cost}
	for _, c := range chosen {
		sh := Shipment{Warehouse: c.warehouse.id, Service: c.service.id, Cost: c.cost, Arrival: c.arrival, subset: c.subset}
		for i, ln := range s.lines {
			if c.subset>>i&1 == 1 {
				sh.Lines = append(sh.Lines, ln)
			}
		}
		plan.Shipments = append(plan.Shipments, sh)
	}
	slices.SortFunc(plan.Shipments, func(a, b Shipment) int { return strings.Compare(a.Warehouse, b.Warehouse) })
	if s.best == nil || s.before(plan, s.best) {
		s.best = plan
	}
}

// before tells whether plan a comes before plan b.
func (s *splits) before(a, b *Decision) bool {
	if a.Cost != b.Cost {
		return a.Cost < b.Cost
	}
	if x, y := lastArrival(a), lastArrival(b); !x.Equal(y) {
		return x.Before(y)
	}
	if len(a.Shipments) != len(b.Shipments) {
		return len(a.Shipments) < len(b.Shipments)
	}
	for i := range a.Shipments {
		if v, w := a.Shipments[i].Warehouse, b.Shipments[i].Warehouse; v != w {
			return v < w
		}
	}
	for i := range a.Shipments {
		for l := range s.lines { // the first line that one of the two takes and the other leaves
			if x, y := a.Shipments[i].subset>>l&1, b.Shipments[i].subset>>l&1; x != y {
				return x < y
			}
		}
	}
	return false
}

func lastArrival(d *Decision) (last time.Time) {
	for i := range d.Shipments {
		if a := d.Shipments[i].Arrival; a.After(last) {
			last = a
		}
	}
	return last
}

// offer returns the best that a warehouse makes of a content: the cheapest service, of equals the one that arrives
// first, of those the one with the smaller id.
func (t *task) offer(w *warehouse, c *content, late bool) (best offer, found bool) {
	ways, own, ok := t.waysOf(w, c)
	if !ok {
		return best, false
	}
	for i := range ways {
		way := &ways[i]
		cost, ok := t.cost(w, c, way, own, late)
		if !ok {
			continue
		}
		if !found || cost < best.cost || cost == best.cost && way.arrival.Before(best.arrival) {
			best, found = offer{warehouse: w, service: way.service, cost: cost, arrival: way.arrival}, true // services come in order of id
		}
	}
	return best, found
}

// waysOf returns the ways from a warehouse and its own cost of a content, unless it does not ship that. Whether it has the
// stock is looked at first.
func (t *task) waysOf(w *warehouse, c *content) (ways []way, own float64, ok bool) {
	if w.closed || !allowed(w.classes, c.classes) {
		return nil, 0, false
	}
	for _, ln := range c.lines {
		if t.n.stock.Units[ln.SKU][w.id] < ln.Quantity {
			return nil, 0, false
		}
	}
	ways, known := t.ways[w.id]
	if !known {
		ways = t.waysFrom(w)
		t.ways[w.id] = ways
	}
	own = w.perOrder + w.perLine*float64(len(c.lines)) + w.perUnit*float64(c.units)
	for _, ln := range c.lines {
		own += t.n.stock.UnitPrices[ln.SKU][w.id] * float64(ln.Quantity)
	}
	return ways, own, true
}

// cost returns what a content costs on a way from a warehouse, whose own cost of it is given.
func (t *task) cost(w *warehouse, c *content, way *way, own float64, late bool) (float64, bool) {
	if way.daysLate > 0 && !late || !allowed(way.service.classes, c.classes) {
		return 0, false
	}
	freight, ok := t.freight(c, way)
	if !ok {
		return 0, false
	}
	cost := own + freight + way.service.perShipment + t.n.lateCost*float64(way.daysLate)
	if t.n.carbonPrice > 0 {
		kilometres := math.Round(way.miles * kilometresPerMile)
		grams := math.Floor(way.service.gramsPerTonneKm*kilometres*c.pounds*kilogramsPerPound/1000 + 0.5 + 1e-10)
		cost += t.n.carbonPrice * grams / 1000
	}
	for _, service := range []string{"", way.service.id} {
		cost += t.n.stock.SlotPrices[Slot{w.id, service, way.ship}] + t.n.stock.SlotPrices[Slot{w.id, service, time.Time{}}]
	}
	return nearestMicro(cost), true
}

// allowed tells whether every class is among those allowed; a nil set allows all.
func allowed(set, classes map[string]bool) bool {
	if set == nil {
		return true
	}
	for class := range classes {
		if !set[class] {
			return false
		}
	}
	return true
}
