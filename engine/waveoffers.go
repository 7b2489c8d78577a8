package engine

import (
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/solver/wave"
	"github.com/allot-engine/allot/units"
)

// MaxWavePickups bounds how many pickups of a service a wave looks ahead for room, where days have a capacity. It looks
// no further than to the pickup by which the days' room exceeds the orders that could want it, which mostly is the first.
const MaxWavePickups = 32

// A waveDay is a day on which a warehouse hands over to a service, and what a shipment then takes capacity of.
type waveDay struct {
	ship  units.Date
	class int32 // row of wave.Problem.Classes; -1: neither the warehouse nor the service has a capacity
}

// A waveSite is a warehouse as a column of a wave.
type waveSite struct {
	warehouse int32
	days      [][]waveDay // by service; nil where the warehouse has no capacity to count
}

// A limiter numbers the capacities that a wave counts: one for each day of a warehouse, one for each day of a service there.
type limiter struct {
	limits  []int64
	kinds   []Constraint // [counter] WarehouseFull or ServiceFull: what its exhaustion means
	classes [][]int32
}

// days lists the days on which a warehouse with a daily capacity ships by each service, as far as the orders of the wave
// could need them: users is how many may ship from it. A shipment keeps at most one from each earlier day with room, so
// where the days up to one have room for all, nobody need wait longer.
func (l *limiter) days(sc *Scratch, w int32, users int64, last units.Date) [][]waveDay {
	snap := sc.e.snap
	wh := &snap.Warehouses[w]
	profile := &snap.Profiles[wh.Profile]
	today := sc.daysOf(wh.Profile)
	days := make([][]waveDay, len(snap.Services))
	if !today.ok {
		return days
	}
	ofWarehouse := map[units.Date]int32{} // counter of the day
	plain := map[units.Date]int32{}       // class of services without a capacity
	counter := func(kind Constraint, left int32) int32 {
		l.limits, l.kinds = append(l.limits, int64(max(0, left))), append(l.kinds, kind)
		return int32(len(l.limits) - 1)
	}
	class := func(counters ...int32) int32 {
		l.classes = append(l.classes, counters)
		return int32(len(l.classes) - 1)
	}
	for s := range snap.Services {
		pickups := &profile.Pickups[s]
		if wh.Services>>s&1 == 0 || pickups.Calendar == nil {
			continue
		}
		limited := snap.Services[s].DailyCapacity >= 0
		ship, _, ok := pickups.Next(today.day, today.at)
		for room, n := int64(0), 0; ok && ship <= last && room < users && n < MaxWavePickups; n++ {
			day, most := waveDay{ship, -1}, int64(math.MaxInt64)
			at := int32(-1)
			if wh.DailyCapacity >= 0 {
				known := false
				if at, known = ofWarehouse[ship]; !known {
					at = counter(WarehouseFull, sc.stock.warehouseLeft(snap, w, ship))
					ofWarehouse[ship] = at
				}
				most = l.limits[at]
			}
			switch {
			case limited && at >= 0:
				of := counter(ServiceFull, sc.stock.serviceLeft(snap, w, int32(s), ship))
				most = min(most, l.limits[of])
				day.class = class(at, of)
			case limited:
				of := counter(ServiceFull, sc.stock.serviceLeft(snap, w, int32(s), ship))
				most = l.limits[of]
				day.class = class(of)
			case at >= 0:
				known := false
				if day.class, known = plain[ship]; !known {
					day.class = class(at)
					plain[ship] = day.class
				}
			}
			if most > 0 {
				days[s] = append(days[s], day)
				room = min(room+most, math.MaxInt32)
			}
			ship, _, ok = pickups.Next(ship+1, 0)
		}
	}
	return days
}

// A waveOffer is a way to ship a content with what the solver does not see of it.
type waveOffer struct {
	offer
	cost  units.Money // with handling
	class int32
	day   int32 // position among the days of its service; 0 where the warehouse has none
}

// mark is what tells the offers of a content apart.
func (o *waveOffer) mark() int32 { return o.day<<6 | o.service }

// waveOffers appends the ways in which the warehouse of a column can ship a content: the best one of those that take no
// capacity, and of each day's capacity, and each service's on that day, the best one that takes it. Between offers that
// take the same, what decides is what decides in Decide: cost, arrival, rank.
func (sc *Scratch) waveOffers(dst []waveOffer, c *content, site *waveSite) []waveOffer {
	w := site.warehouse
	if site.days == nil {
		if o, cost := sc.offerAt(c, w, unreachable-1); o != nil {
			dst = append(dst, waveOffer{offer: *o, cost: cost, class: -1})
		}
		return dst
	}
	view := sc.row.viewOf[w]
	if view < 0 || sc.only >= 0 && sc.only != w || c.classes&^sc.e.sites[w].classes != 0 {
		return dst
	}
	start := len(dst)
	services := sc.e.snap.Services
	row := sc.row.lanesOf(int(view), len(services))
	own := sc.e.sites[w].of(c) + sc.shadow.units(c.items, w)
	sc.scored++
	sc.daysOf(sc.e.sites[w].profile) // which a description of the shipment asks for
	for set := sc.row.views[view].services & sc.services; set != 0; set &= set - 1 {
		s := int32(bits.TrailingZeros64(set))
		svc := &services[s]
		for i, day := range site.days[s] {
			if !sc.late && int(row[s].transit) > calendar.MaxTransit(day.ship, sc.deadline[s], svc.Linehaul, sc.delivery(s)) {
				break // later ones are later
			}
			made := waveOffer{class: day.class, day: int32(i)}
			made.price = unreachable - 1 - own
			sc.offerBy(&made.offer, c, s, day.ship, &row[s])
			if !made.ok {
				continue
			}
			made.price += sc.e.carbonCost(c, w, s, sc.place) + sc.shadow.Shipment(w, s, day.ship)
			made.cost = made.price + own
			if made.cost >= unreachable {
				continue
			}
			at := slices.IndexFunc(dst[start:], func(o waveOffer) bool { return o.class == made.class })
			if at < 0 {
				dst = append(dst, made)
			} else if have := &dst[start+at]; sc.e.precedes(&made.offer, &have.offer) { // both ask the same for handling
				*have = made
			}
		}
	}
	return dst
}

// patience is how many questions to Stop the search for an order of a wave goes on for in any case: an ordinary order is
// through by then, and where a wave is stopped early that is all that is done for it.
const patience = 32

// A seat is the working memory in which one order of a wave is resolved.
type seat struct {
	sc     *Scratch
	order  int // -1: none
	used   uint64
	asked  int // by the search for the order at hand
	offers []waveOffer
}

// seats lend their memory to whoever asks for an order's offers. An order mostly comes back to the seat that it has, where
// it is resolved already.
type seats struct {
	sync.Mutex
	free []*seat
	turn uint64
}

func newSeats(e *Engine, n int, stop func() bool) *seats {
	s := &seats{}
	for range n {
		made := &seat{sc: e.NewScratch(), order: -1}
		if stop != nil {
			made.sc.Stop = func() bool {
				made.asked++
				return made.asked > patience && stop()
			}
		}
		s.free = append(s.free, made)
	}
	return s
}

// take lends the seat that has the order, or else the one that has not been used for longest, so that another worker's
// order keeps its seat.
func (s *seats) take(order int) *seat {
	s.Lock()
	defer s.Unlock()
	at := 0
	for i, seat := range s.free {
		if seat.order == order && order >= 0 {
			at = i
			break
		}
		if seat.used < s.free[at].used {
			at = i
		}
	}
	seat, last := s.free[at], len(s.free)-1
	s.free[at] = s.free[last]
	s.free = s.free[:last]
	return seat
}

func (s *seats) give(seat *seat) {
	s.Lock()
	defer s.Unlock()
	s.turn++
	seat.used = s.turn
	s.free = append(s.free, seat)
}

// offersOf answers the solver: the ways in which a column ships what it takes of an order's lines.
func (r *waveRun) offersOf(order, column int, take []int32, dst []wave.Offer) []wave.Offer {
	s := r.seats.take(order)
	r.sit(s, order)
	s.offers = s.sc.waveOffers(s.offers[:0], s.sc.contentTaken(take), &r.sites[column])
	for i := range s.offers {
		o := &s.offers[i]
		dst = append(dst, wave.Offer{Cost: int64(o.cost), Class: o.class, Parcels: 1, Service: o.mark()})
	}
	r.seats.give(s)
	return dst
}

// floorOf bounds from below what a column asks for a content that holds at least so much.
func (r *waveRun) floorOf(order, column int, take []int32) (int64, bool) {
	s := r.seats.take(order)
	defer r.seats.give(s)
	r.sit(s, order)
	sc, w := s.sc, r.sites[column].warehouse
	view := sc.row.viewOf[w]
	if view < 0 {
		return 0, true
	}
	c := sc.contentTaken(take)
	return int64(sc.row.money(sc.row.floorsOf(sc.speed, 0)[view]) + sc.e.sites[w].of(c)), true
}

// contentTaken is contentOf for a take of which the whole order is one.
func (sc *Scratch) contentTaken(take []int32) *content {
	for l, n := range take {
		if n != sc.items[l].Quantity {
			return sc.contentOf(take)
		}
	}
	return &sc.whole
}

// sit resolves an order in a seat unless it is there already.
func (r *waveRun) sit(s *seat, order int) {
	if s.order == order {
		return
	}
	s.order = order
	sc := s.sc
	if err := sc.resolve(r.stock, &r.asked[order], r.now); err != nil {
		panic("engine: an order of a wave changed while it was decided: " + err.Error())
	}
	if fill := r.orders[order].fill; fill != nil {
		sc.items = append(sc.items[:0], fill...)
	}
	sc.beginWave()
}

// beginWave makes the scratch ready for the offers of the order that is resolved in it.
func (sc *Scratch) beginWave() {
	sc.late = sc.mayBeLate()
	sc.begin()
	sc.forgetParts()
}
