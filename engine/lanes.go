package engine

import (
	"cmp"
	"math"
	"slices"
	"unsafe"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A place is a destination as lanes see it.
type place struct {
	zone            *calendar.Zone
	country, postal string
	point           geo.Point
	unit            geo.Unit
	centre          geo.Unit // of its postal area, which the distance rule measures to
	region          lanes.Region
	guessed         bool // the postal code was taken from the nearest place
}

// A destination is a place with its lanes, which places that look alike from every warehouse share.
type destination struct {
	row *laneRow
	place
}

// A lane is what one service makes of the way from a group of warehouses to a place.
type lane struct {
	zone, light lanes.Zone // light holds for parcels below the card's light weight
	transit     uint8      // days within which it arrives with the policy's probability
	guessed     bool
}

// of returns the zone that prices a parcel, light or not.
func (l *lane) of(light bool) lanes.Zone {
	if light {
		return l.light
	}
	return l.zone
}

// noTransit marks a lane whose service does not go there; Explain says why.
const noTransit = math.MaxUint8

// A view is how some warehouses see a place: the services that go there from them, each with its lane. Warehouses near
// each other share one.
type view struct {
	services    uint64   // that go from them to the place
	first, last int32    // its groups, a run in laneRow.groups
	handling    handling // the least of each part among its warehouses
}

// A group is the warehouses of a view whose days run alike. They differ in stock and handling cost only.
type group struct {
	first, last int32    // their run in laneRow.members
	view        int32    // position in laneRow.views
	profile     int32    // of the network
	handling    handling // the least of each part among them
}

// tiers are the weights at which floors are known. A parcel's floor is that of the last tier not above its weight, or above it by
// less than makes a difference to any price: see Engine.tierFrom. With
// twelve of them floors took a third less room, but most lay a pound below their parcels and let through two more offers for
// every three orders, 8 % of a decision; twenty-four gained less than 1 % over these.
const tiers = 18

var tierWeights = func() (w [tiers]units.Weight) {
	for i, ounces := range [tiers]units.Weight{0, 4, 8, 16, typicalPounds * 16, 3 * 16, 4 * 16, 5 * 16, 6 * 16, 7 * 16, 8 * 16, 10 * 16, 15 * 16, 20 * 16, 30 * 16, 40 * 16, 50 * 16, 70 * 16} {
		w[i] = ounces * units.Ounce
	}
	return w
}()

// The tier by which views are put in order.
const (
	typicalTier   = 4
	typicalPounds = 2
)

// speeds are how fast services must be for a floor to count them: those with a transit of at most 0 to speeds-2 days,
// and, the last, all. When ground is too slow for an order, its price says nothing about it.
const speeds = 6

const anySpeed = speeds - 1

// A floor is a lower bound of a price, rounded down to a multiple of two to the power of laneRow.floorUnit. Two bytes,
// because the floors of a place are most of what a decision reads that no other one has just read, and so fine because each
// offer that a floor rules out costs as much as reading all of them.
type floor int16

// noFloor is the floor where nothing goes.
const noFloor floor = math.MaxInt16

func (r *laneRow) floorOf(m units.Money) floor {
	if m >= unreachable {
		return noFloor
	}
	return floor(min(m>>(r.floorUnit&63), units.Money(noFloor-1)))
}

// money returns what a floor stands for.
func (r *laneRow) money(f floor) units.Money {
	if f == noFloor {
		return unreachable
	}
	return units.Money(f) << (r.floorUnit & 63)
}

// tierOf returns the last tier whose floors hold for every parcel of at least a weight.
func (e *Engine) tierOf(w units.Weight) int {
	t := 0
	for t+1 < tiers && e.tierFrom[t+1] <= w {
		t++
	}
	return t
}

// A laneRow is everything about a place that does not depend on the order: one lane for each view of it and service. It
// is immutable and shared.
//
// Few rows are in the processor's caches when they are asked for, so what every order reads stands first and close
// together: viewOf, one run of byView, and a run of lanes for each view that is priced.
type laneRow struct {
	viewOf    []int16               // by warehouse row: its view, -1 for one that no service leaves for here
	byView    []floor               // [(speed*tiers+tier)*views + view]: what any parcel at least so heavy costs at least from a view
	lanes     []lane                // [view*services + service]
	services  uint64                // that deliver here at all
	floorUnit uint8                 // of money: see floor
	otherDays uint64                // services that deliver here on other days than elsewhere: those of delivery
	handling  units.Money           // least handling of any shipment from anywhere
	floors    [speeds * tiers]floor // the least of byView for each speed and tier
	extra     []units.Money         // by service: what the place's attributes add to any price at least
	attrs     [2][]lanes.Mask       // by service, for residences and for businesses
	delivery  []*calendar.Calendar  // by service: the days it delivers here
	views     []view                // the cheapest floors first
	groups    []group               // view by view
	members   []int32               // warehouse rows, group by group, the cheapest handling first
}

// bytes is what a destination takes at most: lanes that others share count in full, for it may outlive them.
func (to *destination) bytes() int64 {
	r := to.row
	return int64(unsafe.Sizeof(*to)+unsafe.Sizeof(*r)) + 2*int64(len(r.viewOf)) + 4*int64(len(r.members)) + 2*int64(len(r.byView)) + int64(len(r.groups))*int64(unsafe.Sizeof(group{})) +
		int64(len(r.views))*int64(unsafe.Sizeof(view{})) +
		int64(len(r.lanes))*int64(unsafe.Sizeof(lane{})) + 24*int64(len(r.extra))
}

// lane works out one lane. It returns the constraint that rules it out, or None.
func (e *Engine) lane(p *place, warehouse, service int32) (lane, Constraint) {
	svc := &e.snap.Services[service]
	if !e.delivers(svc, p) {
		return lane{transit: noTransit}, NotInArea
	}
	km := geo.KilometresOfDot(e.snap.Warehouses[warehouse].Centre.Dot(p.centre))
	return e.laneBetween(p, svc, destsOf(svc, p), warehouse, km)
}

// dests is a place as the tables of one service know it.
type dests struct{ zones, transit lanes.Dest }

func destsOf(svc *network.Service, p *place) (d dests) {
	if svc.Zones != nil {
		d.zones = svc.Zones.Dest(p.country, p.postal)
	}
	d.transit = svc.Transit.Dest(p.country, p.postal)
	return d
}

func (e *Engine) laneBetween(p *place, svc *network.Service, to dests, warehouse int32, km float64) (lane, Constraint) {
	l := lane{transit: noTransit}
	if svc.Zones == nil {
		l.zone, l.light = svc.OnlyZone, svc.OnlyZone
	} else {
		from := e.snap.Warehouses[warehouse].Region
		var basis lanes.Basis
		l.zone, basis = svc.Zones.Resolve(svc.Origins[warehouse], to.zones, svc.Scope, km, from, p.region)
		l.light = l.zone
		if svc.Light != svc.Scope {
			l.light, _ = svc.Zones.Resolve(svc.Origins[warehouse], to.zones, svc.Light, km, from, p.region)
		}
		l.guessed = basis == lanes.Guessed || p.guessed && l.zone != 0
		if basis == lanes.Guessed && !e.snap.Policy.GuessZones {
			return lane{transit: noTransit}, NoZone
		}
	}
	if l.zone == 0 && l.light == 0 {
		return l, NoZone
	}
	at := svc.Transit.Lookup(svc.TransitOrigins[warehouse], to.transit, svc.TransitScope, l.zone)
	days, ok := svc.Transit.Days(at, e.snap.Policy.OnTime)
	if !ok {
		return l, NoTransit
	}
	l.transit = uint8(min(days, noTransit-1))
	return l, None
}

func (e *Engine) delivers(svc *network.Service, p *place) bool {
	if svc.Served == nil {
		return true
	}
	for i := range svc.Served {
		if svc.Served[i].Contains(p.point) {
			return true
		}
	}
	return false
}

// newLaneRow works out all lanes to a place.
func (e *Engine) newLaneRow(p place) *laneRow {
	snap := e.snap
	services := len(snap.Services)
	r := &laneRow{
		viewOf: make([]int16, len(snap.Warehouses)), delivery: make([]*calendar.Calendar, services), handling: unreachable, floorUnit: e.floorUnit,
	}
	for s := range snap.Services {
		svc := &snap.Services[s]
		var attrs lanes.Mask
		if svc.Attrs != nil {
			attrs = svc.Attrs.Of(p.country, p.postal)
		}
		r.extra = append(r.extra, svc.Tariff.AreaFloor(attrs&^e.forBusiness[s]&^e.forHomes[s]))
		r.attrs[0], r.attrs[1] = append(r.attrs[0], attrs&^e.forBusiness[s]), append(r.attrs[1], attrs&^e.forHomes[s])
		r.delivery[s] = svc.Delivery
		for _, by := range svc.ByArea {
			if by.Mask&attrs != 0 {
				r.delivery[s] = by.Calendar
				r.otherDays |= 1 << s
				break
			}
		}
		if e.delivers(svc, &p) {
			r.services |= 1 << s
		}
	}

	to := make([]dests, services)
	for s := range to {
		to[s] = destsOf(&snap.Services[s], &p)
	}
	views, groups := map[string]int32{}, map[[2]int32]int32{} // lanes to view; view and profile to group
	row := make([]lane, services)
	key := make([]byte, 0, 4*services)
	var of [][]int32 // members by group
	for w := range snap.Warehouses {
		r.viewOf[w] = -1
		wh := &snap.Warehouses[w]
		if wh.Closed {
			continue
		}
		var reach uint64
		km := geo.KilometresOfDot(wh.Centre.Dot(p.centre))
		key = key[:0]
		for s := range services {
			row[s] = lane{transit: noTransit}
			if (wh.Services&r.services)>>s&1 == 1 {
				l, why := e.laneBetween(&p, &snap.Services[s], to[s], int32(w), km)
				if why == None {
					reach |= 1 << s
					row[s] = l
				}
			}
			key = append(key, byte(row[s].zone), byte(row[s].light), row[s].transit, flag(row[s].guessed))
		}
		if reach == 0 {
			continue
		}
		v, ok := views[string(key)]
		if !ok {
			v = int32(len(r.views))
			views[string(key)] = v
			r.views = append(r.views, view{services: reach, handling: e.sites[w].handling})
			r.lanes = append(r.lanes, row...)
		}
		g, ok := groups[[2]int32{v, wh.Profile}]
		if !ok {
			g = int32(len(r.groups))
			groups[[2]int32{v, wh.Profile}] = g
			r.groups = append(r.groups, group{view: v, profile: wh.Profile, handling: e.sites[w].handling})
			of = append(of, nil)
		}
		of[g] = append(of[g], int32(w))
		r.groups[g].handling.lower(&e.sites[w].handling)
		r.views[v].handling.lower(&e.sites[w].handling)
	}
	r.order(e, of)
	return r
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// order sorts views by what they cost at least, groups by view, and members by handling, and works out the floors.
func (r *laneRow) order(e *Engine, of [][]int32) {
	n := len(r.views)
	least := make([]floor, speeds*tiers*n)
	for i := range r.views {
		r.viewFloors(e, i, least)
	}
	for at := range r.floors {
		r.floors[at] = noFloor
		for _, f := range least[at*n:][:n] {
			r.floors[at] = min(r.floors[at], f)
		}
	}
	typical := least[(anySpeed*tiers+typicalTier)*n:]
	viewAt := sortedBy(n, func(a, b int) int {
		return cmp.Compare(r.money(typical[a])+r.views[a].handling.base, r.money(typical[b])+r.views[b].handling.base)
	})
	views, place := make([]view, n), make([]int32, n)
	r.byView = make([]floor, len(least))
	services := len(e.snap.Services)
	lanes := make([]lane, 0, len(r.lanes))
	for at, from := range viewAt {
		views[at], place[from] = r.views[from], int32(at)
		lanes = append(lanes, r.lanes[from*services:][:services]...)
		r.handling = min(r.handling, views[at].handling.base)
		for t := range speeds * tiers {
			r.byView[t*n+at] = least[t*n+from]
		}
	}
	r.views, r.lanes = views, lanes

	groupAt := sortedBy(len(r.groups), func(a, b int) int {
		ga, gb := &r.groups[a], &r.groups[b]
		return cmp.Or(cmp.Compare(place[ga.view], place[gb.view]), cmp.Compare(ga.handling.base, gb.handling.base))
	})
	groups := make([]group, len(r.groups))
	for at, from := range groupAt {
		g := &groups[at]
		*g = r.groups[from]
		g.view = place[g.view]
		v := &r.views[g.view]
		if v.last == 0 {
			v.first = int32(at)
		}
		v.last = int32(at) + 1
		slices.SortFunc(of[from], func(a, b int32) int {
			return cmp.Or(cmp.Compare(e.sites[a].base, e.sites[b].base), cmp.Compare(e.snap.Warehouses[a].Rank, e.snap.Warehouses[b].Rank))
		})
		g.first = int32(len(r.members))
		r.members = append(r.members, of[from]...)
		g.last = int32(len(r.members))
		for _, w := range of[from] {
			r.viewOf[w] = int16(g.view)
		}
	}
	r.groups = groups
}

// sortedBy returns 0 to n-1 in the order of compare; what compares equal stays in its order.
func sortedBy(n int, compare func(a, b int) int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, compare)
	return at
}

// lanesOf returns the lanes of a view by service.
func (r *laneRow) lanesOf(view, services int) []lane { return r.lanes[view*services:][:services] }

// floorsOf returns the floors of every view for a speed and a weight tier.
func (r *laneRow) floorsOf(speed, tier int) []floor {
	n := len(r.byView) / (speeds * tiers)
	return r.byView[(speed*tiers+tier)*n:][:n]
}

// viewFloors works out the floors of the i-th view.
func (r *laneRow) viewFloors(e *Engine, i int, least []floor) {
	n, v := len(r.views), &r.views[i]
	for at := range speeds * tiers {
		least[at*n+i] = noFloor
	}
	for s := range e.snap.Services {
		if v.services>>s&1 == 0 {
			continue
		}
		l := &r.lanes[i*len(e.snap.Services)+s]
		for t := range tiers {
			f := &least[(min(int(l.transit), anySpeed)*tiers+t)*n+i]
			*f = min(*f, r.floorOf(r.extra[s]+min(e.zoneFloor(int32(s), l.zone, t), e.zoneFloor(int32(s), l.light, t))))
		}
	}
	for at := tiers; at < speeds*tiers; at++ { // what is faster is fast enough
		least[at*n+i] = min(least[at*n+i], least[(at-tiers)*n+i])
	}
}

// handling is a warehouse's own cost of a shipment.
type handling struct {
	base                 units.Money // of the least content: one unit of one line that weighs nothing
	line, unit, kilogram units.Money // of each further line and unit, and of each kilogram
}

func (h *handling) lower(o *handling) {
	h.base, h.line = min(h.base, o.base), min(h.line, o.line)
	h.unit, h.kilogram = min(h.unit, o.unit), min(h.kilogram, o.kilogram)
}

// of returns the cost of handling a content.
func (h *handling) of(c *content) units.Money {
	cost := h.base + h.line*units.Money(c.lines-1) + h.unit*units.Money(c.units-1)
	if h.kilogram != 0 {
		cost += h.kilogram.Times(int64(c.weight), int64(units.Kilogram))
	}
	return cost
}
