// Package cutoffs answers "until when can I order so that it arrives by the 24th?": for every region, service and warehouse
// the last moment at which an order can come and still be in time, and what it costs then.
//
// It asks the engine about each place of a region (engine.AppendCutoffs), so that what it says is what a decision at that
// moment does. Neither stock nor capacity counts, only docks, pickups, carriers' days and rate cards.
package cutoffs

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// A Question is what is to be there when, and where.
type Question struct {
	Lines      []engine.Line // what an order holds; it is shipped from one warehouse
	By         units.Date    // the last local day of delivery
	Services   []string      // ids of the services that may be used; empty: all
	Commercial bool          // places are business addresses; otherwise residences
	Places     []Place
	EachPlace  bool // rows for every place, too

	Workers  int                   // goroutines; 0: GOMAXPROCS. It never changes the answer
	Progress func(done, total int) // told of places, by one goroutine at a time; nil: nobody
}

// A Place is a postal code that orders go to.
type Place struct {
	Country, Postal string
	Orders          int64 // its weight among the others; at least 1
}

// Everywhere returns all places of a country that a network knows, each with a weight of 1.
func Everywhere(places *geo.Places, country string) (all []Place) {
	for r := range geo.Row(places.Len()) {
		if places.Country(r) == country {
			all = append(all, Place{Country: country, Postal: places.Postal(r), Orders: 1})
		}
	}
	return all
}

// The levels of regions, from the largest.
const (
	LevelAll   = "all"   // all places together
	LevelState = "state" // a state, province or, of the United States, a territory or a military region
	LevelArea  = "area"  // all postal codes that begin with the same three characters
	LevelPlace = "place" // one postal code
)

var levels = []string{LevelAll, LevelState, LevelArea, LevelPlace}

// A Row is one region, by one service or any, from one warehouse or any. Where a service or warehouse is any, each place
// counts with the one by which orders can come last, and of equals the cheapest.
type Row struct {
	Level     string
	Region    string // of the level: "CA", "902", "90210", each behind "CC:" outside of the United States; "" for all
	State     string // of an area or place; several with "/" between
	Service   string // id; "" for any
	Warehouse string // id; "" for any

	Places int   // of the region
	Served int   // of them, those that the service reaches in time from the warehouse
	Orders int64 // the weight of the places
	Weight int64 // of those that are served

	All     Moment // until then an order is in time wherever in the region it goes, the places that are not served aside
	Some    Moment // until then it is in time at some place
	Least   units.Money
	Mean    units.Money // over the orders, rounded to what the currency pays
	Most    units.Money
	Guessed bool // some zone is from the distance rule
}

// A Moment is a cut-off and the lane that it is of.
type Moment struct {
	At                 units.Instant
	Service, Warehouse string
	ShipDate           units.Date // at the warehouse, of an order at that moment
	DeliveryDate       units.Date // at the destination
}

// An Answer has the rows by level, region, service and warehouse; any service or warehouse stands before each.
type Answer struct {
	By       units.Date
	Snapshot *network.Snapshot
	Places   int
	Rows     []Row
}

// Work answers a question. Errors are those of Decide about the first place, in the order of countries, postal codes and states,
// that has one, and that of ctx when it ends before.
func Work(ctx context.Context, e *engine.Engine, q *Question) (*Answer, error) {
	w := &work{e: e, snap: e.Snapshot(), q: q}
	w.group()
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	return &Answer{By: q.By, Snapshot: w.snap, Places: len(w.places), Rows: w.rows()}, nil
}

// A work is one question being answered.
type work struct {
	e      *engine.Engine
	snap   *network.Snapshot
	q      *Question
	places []sited
	groups []group
}

type sited struct {
	Place
	state string
}

func (p *sited) area() string { return named(p.Country, p.Postal[:min(3, len(p.Postal))]) }

// named is the name of a region.
func named(country, region string) string {
	if country == "US" {
		return region
	}
	return country + ":" + region
}

// A group is the places of an area that are in one state: what areas and states are made of.
type group struct {
	first, last int // of places
	tally       tally
	each        []tally // by place, where asked for
}

// A tally is what is known about some places.
type tally struct {
	places int
	orders int64
	lanes  map[lane]*sums
}

// A lane is a service from a warehouse, by rank, either -1 for any.
type lane struct{ service, warehouse int32 }

type sums struct {
	served      int
	weight      int64
	cost        units.Money // times weight
	least, most units.Money
	all, some   moment
	guessed     bool
}

// A moment is a Moment by the ranks of service and warehouse.
type moment struct {
	at             units.Instant
	lane           lane
	ship, delivery units.Date
}

// before puts moments in order; of one instant the lane with the smaller ranks, then the earlier day comes first.
func (m moment) before(o moment) int {
	return cmp.Or(cmp.Compare(m.at, o.at), cmp.Compare(m.lane.service, o.lane.service), cmp.Compare(m.lane.warehouse, o.lane.warehouse),
		cmp.Compare(m.delivery, o.delivery))
}

// group sorts the places and cuts them into groups. A place that is named twice counts once, with both weights.
func (w *work) group() {
	known := map[Place]int{}
	for _, p := range w.q.Places {
		orders := max(p.Orders, 1)
		if p.Orders = 0; p.Country == "" {
			p.Country = "US"
		}
		at, ok := known[p]
		if !ok {
			at = len(w.places)
			known[p] = at
			s := sited{Place: p}
			if row, ok := w.snap.Places.Lookup(p.Country, p.Postal); ok {
				s.state = w.snap.Places.Region(row)
			}
			w.places = append(w.places, s)
		}
		w.places[at].Orders += orders
	}
	slices.SortFunc(w.places, func(a, b sited) int {
		return cmp.Or(cmp.Compare(a.Country, b.Country), cmp.Compare(a.area(), b.area()), cmp.Compare(a.state, b.state), cmp.Compare(a.Postal, b.Postal))
	})
	for i := range w.places {
		if p := &w.places[i]; i == 0 || p.Country != w.places[i-1].Country || p.area() != w.places[i-1].area() || p.state != w.places[i-1].state {
			w.groups = append(w.groups, group{first: i})
		}
		w.groups[len(w.groups)-1].last = i + 1
	}
}

// run works out the groups, on some cores.
func (w *work) run(ctx context.Context) error {
	workers := w.q.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	errs := make([]error, len(w.groups))
	var next atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range min(workers, len(w.groups)) {
		wg.Go(func() {
			a := asker{work: w, scratch: w.e.NewScratch()}
			for i := int(next.Add(1)) - 1; i < len(w.groups) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				errs[i] = a.ask(&w.groups[i])
				if w.q.Progress != nil {
					mu.Lock()
					done += w.groups[i].last - w.groups[i].first
					w.q.Progress(done, len(w.places))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// An asker asks the engine for one goroutine.
type asker struct {
	*work
	scratch *engine.Scratch
	cutoffs []engine.Cutoff
	best    []int // by service rank, the last for any: position in cutoffs of the one that counts for any warehouse, or -1
}

// ask works out a group.
func (a *asker) ask(g *group) error {
	g.tally.lanes = map[lane]*sums{}
	for i := g.first; i < g.last; i++ {
		p := &a.places[i]
		order := engine.Order{
			Lines: a.q.Lines, Promise: engine.Promise{Date: a.q.By}, Services: a.q.Services,
			To: engine.Destination{Country: p.Country, Postal: p.Postal, Commercial: a.q.Commercial},
		}
		var err error
		if a.cutoffs, err = a.e.AppendCutoffs(a.cutoffs[:0], &order, a.scratch); err != nil {
			return err
		}
		a.count(&g.tally, p.Orders)
		if a.q.EachPlace {
			one := tally{lanes: map[lane]*sums{}}
			a.count(&one, p.Orders)
			g.each = append(g.each, one)
		}
	}
	return nil
}

// count adds the cut-offs of a place to a tally.
func (a *asker) count(t *tally, orders int64) {
	t.places++
	t.orders += orders
	services := len(a.snap.Services)
	a.best = slices.Grow(a.best[:0], services+1)[:services+1]
	for i := range a.best {
		a.best[i] = -1
	}
	for i := range a.cutoffs {
		c := &a.cutoffs[i]
		service := a.snap.Services[c.Service].Rank
		s := a.sumsOf(c, orders)
		t.add(s.all.lane, &s)
		for _, at := range []int{int(service), services} {
			if b := a.best[at]; b < 0 || a.better(c, &a.cutoffs[b]) {
				a.best[at] = i
			}
		}
	}
	for at, i := range a.best {
		if i >= 0 {
			one := lane{int32(at), -1}
			if at == services {
				one.service = -1
			}
			s := a.sumsOf(&a.cutoffs[i], orders)
			t.add(one, &s)
		}
	}
}

// better tells whether a cut-off counts before another one of the same place.
func (a *asker) better(c, o *engine.Cutoff) bool {
	return cmp.Or(cmp.Compare(o.At, c.At), cmp.Compare(c.Cost, o.Cost), cmp.Compare(a.snap.Warehouses[c.Warehouse].Rank, a.snap.Warehouses[o.Warehouse].Rank),
		cmp.Compare(a.snap.Services[c.Service].Rank, a.snap.Services[o.Service].Rank)) < 0
}

func (a *asker) sumsOf(c *engine.Cutoff, orders int64) sums {
	m := moment{c.At, lane{a.snap.Services[c.Service].Rank, a.snap.Warehouses[c.Warehouse].Rank}, c.ShipDate, c.DeliveryDate}
	return sums{served: 1, weight: orders, cost: c.Cost * units.Money(orders), least: c.Cost, most: c.Cost, all: m, some: m, guessed: c.Guessed}
}

// add adds what is known of other places. Whatever the order, the sum is the same.
func (t *tally) add(l lane, s *sums) {
	have := t.lanes[l]
	if have == nil {
		one := *s
		t.lanes[l] = &one
		return
	}
	have.served += s.served
	have.weight += s.weight
	have.cost += s.cost
	have.least, have.most = min(have.least, s.least), max(have.most, s.most)
	have.guessed = have.guessed || s.guessed
	if s.all.before(have.all) < 0 {
		have.all = s.all
	}
	if s.some.at > have.some.at || s.some.at == have.some.at && s.some.before(have.some) < 0 {
		have.some = s.some
	}
}

func (t *tally) join(o *tally) {
	t.places += o.places
	t.orders += o.orders
	for l, s := range o.lanes {
		t.add(l, s)
	}
}

// rows makes rows of the groups.
func (w *work) rows() (rows []Row) {
	type region struct{ level, name string }
	tallies := map[region]*tally{}
	states := map[region][]string{}
	join := func(level, name, state string, t *tally) {
		at := region{level, name}
		if tallies[at] == nil {
			tallies[at] = &tally{lanes: map[lane]*sums{}}
		}
		tallies[at].join(t)
		if state != "" && !slices.Contains(states[at], state) {
			states[at] = append(states[at], state)
		}
	}
	for i := range w.groups {
		g := &w.groups[i]
		p := &w.places[g.first]
		join(LevelAll, "", "", &g.tally)
		if p.state != "" {
			join(LevelState, named(p.Country, p.state), "", &g.tally)
		}
		join(LevelArea, p.area(), p.state, &g.tally)
		for j := range g.each {
			join(LevelPlace, named(p.Country, w.places[g.first+j].Postal), p.state, &g.each[j])
		}
	}
	services, warehouses := make([]string, len(w.snap.Services)), make([]string, len(w.snap.Warehouses))
	for i := range w.snap.Services {
		services[w.snap.Services[i].Rank] = w.snap.Services[i].ID
	}
	for i := range w.snap.Warehouses {
		warehouses[w.snap.Warehouses[i].Rank] = w.snap.Warehouses[i].ID
	}
	id := func(names []string, rank int32) string {
		if rank < 0 {
			return ""
		}
		return names[rank]
	}
	told := func(m moment) Moment {
		return Moment{At: m.at, Service: id(services, m.lane.service), Warehouse: id(warehouses, m.lane.warehouse), ShipDate: m.ship, DeliveryDate: m.delivery}
	}
	for at, t := range tallies {
		slices.Sort(states[at])
		if len(t.lanes) == 0 { // nothing gets there in time, and that is told
			rows = append(rows, Row{Level: at.level, Region: at.name, State: strings.Join(states[at], "/"), Places: t.places, Orders: t.orders})
		}
		for l, s := range t.lanes {
			rows = append(rows, Row{
				Level: at.level, Region: at.name, State: strings.Join(states[at], "/"), Service: id(services, l.service), Warehouse: id(warehouses, l.warehouse),
				Places: t.places, Served: s.served, Orders: t.orders, Weight: s.weight, All: told(s.all), Some: told(s.some),
				Least: s.least, Mean: mean(s.cost, s.weight, w.snap.Minor), Most: s.most, Guessed: s.guessed,
			})
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(slices.Index(levels, a.Level), slices.Index(levels, b.Level)), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.Service, b.Service), cmp.Compare(a.Warehouse, b.Warehouse))
	})
	return rows
}

// mean returns a mean rounded to what the currency pays.
func mean(sum units.Money, n int64, minor units.Money) units.Money {
	return ((sum + units.Money(n)/2) / units.Money(n)).RoundTo(minor)
}

// String says a row in a line.
func (r *Row) String() string {
	return fmt.Sprintf("%s %q by %q from %q: %d of %d places until %v (some until %v), %v to %v", r.Level, r.Region, r.Service, r.Warehouse,
		r.Served, r.Places, r.All.At, r.Some.At, r.Least, r.Most)
}
