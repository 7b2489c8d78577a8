package engine

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/units"
)

// Options configure an Engine. A zero field takes the default in its comment.
type Options struct {
	LaneCacheBytes int64 // memory for the lanes of places; default 256 MiB
}

// An Engine decides orders against one snapshot. What it holds beside the snapshot are columns derived from it and a
// cache of lanes, which change how fast it answers and never what. It is safe for concurrent use, each caller with
// a Scratch of its own. Close releases the cache.
type Engine struct {
	snap   *network.Snapshot
	rows   *ristretto.Cache[uint64, *destination]
	seen   atomic.Pointer[[]atomic.Pointer[destination]] // [geo.Row] what rows holds of postal places; nil once it cannot hold everything
	held   atomic.Int64                                  // places in rows
	most   int64                                         // bytes that rows may take
	zones  sync.Map                                      // IANA name to *calendar.Zone
	shared sharedRows

	sites        []site
	words        int     // that hold the bits of all warehouses
	lastWord     uint64  // bits that are warehouses' in the last of them; see intersect
	volume       []int64 // of a unit of each SKU, mm³
	limits       []limit // distinct limits of services
	limitOf      []int32 // by service
	limitService []int32 // by limit: one of its services
	looser       []int32 // by limit: one that takes all that it does and is under no other such; -1 where there is none
	anyLimited   bool
	shapes       map[*ratecards.Card]*shape
	dimensional  []*ratecards.Card // one of each set of dimensional-weight rules that cards have
	carbon       bool              // a gram of CO2e costs something
	ship         uint64            // services of kind Ship
	collect      uint64
	residential  uint64 // services for residences
	commercial   uint64
	zoneFloors   []units.Money // by weight tier, service and zone
	zoneCount    int           // zones of a service in zoneFloors
	floorUnit    uint8         // of lane rows: see floor
	terms        *terms
	forHomes     []lanes.Mask // by service: attributes that hold for residences only
	forBusiness  []lanes.Mask
}

// A site is what scoring reads of a warehouse, together in one cache line.
type site struct {
	handling
	profile int32
	classes uint32
	limited bool // it or one of its services has a daily capacity
}

// New returns an engine for the snapshot.
func New(snap *network.Snapshot, opt Options) (*Engine, error) {
	if opt.LaneCacheBytes == 0 {
		opt.LaneCacheBytes = 256 << 20
	}
	if opt.LaneCacheBytes < 0 {
		return nil, fmt.Errorf("engine: lane cache of %d bytes", opt.LaneCacheBytes)
	}
	e := &Engine{snap: snap, shapes: map[*ratecards.Card]*shape{}, carbon: snap.Policy.CarbonPrice != 0, volume: skuVolumes(&snap.SKUs)}
	rows, err := ristretto.NewCache(&ristretto.Config[uint64, *destination]{
		NumCounters:        10 * 100_000, // ten times the places that may be held, as its authors advise
		MaxCost:            opt.LaneCacheBytes,
		BufferItems:        4096, // hits told at a time; at the usual 64 waking its goroutine cost a tenth of a decision, at 512 a fiftieth
		IgnoreInternalCost: true,
		OnExit:             func(*destination) { e.held.Add(-1) },
		OnEvict:            func(*ristretto.Item[*destination]) { e.seen.Store(nil) },
		OnReject: func(i *ristretto.Item[*destination]) {
			if _, ok := e.rows.Get(i.Key); !ok { // else two had worked it out at the same time, and it is there already
				e.seen.Store(nil)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("engine: lane cache: %w", err)
	}
	e.rows, e.most = rows, opt.LaneCacheBytes
	seen := make([]atomic.Pointer[destination], snap.Places.Len())
	e.seen.Store(&seen)
	for i := range snap.Warehouses {
		wh := &snap.Warehouses[i]
		limited := wh.DailyCapacity >= 0
		for s := range snap.Services {
			limited = limited || wh.Services>>s&1 == 1 && snap.Services[s].DailyCapacity >= 0
		}
		e.sites = append(e.sites, site{
			handling: handling{base: wh.PerOrder + wh.PerLine + wh.PerUnit, line: wh.PerLine, unit: wh.PerUnit, kilogram: wh.PerKilogram},
			profile:  wh.Profile, classes: wh.Classes, limited: limited,
		})
		e.anyLimited = e.anyLimited || limited
	}
	e.words, e.lastWord = (len(snap.Warehouses)+63)/64, ^uint64(0)>>(-len(snap.Warehouses)&63)
	for i := range snap.Services {
		svc := &snap.Services[i]
		bit := uint64(1) << i
		switch svc.Kind {
		case network.Ship:
			e.ship |= bit
		case network.Collect:
			e.collect |= bit
		}
		if !svc.CommercialOnly {
			e.residential |= bit
		}
		if !svc.ResidentialOnly {
			e.commercial |= bit
		}
		var homes, business lanes.Mask
		if svc.Attrs != nil {
			for bit, name := range svc.Attrs.Names() {
				if strings.HasPrefix(name, lanes.Residential) {
					homes |= 1 << bit
				}
				if strings.HasPrefix(name, lanes.Commercial) {
					business |= 1 << bit
				}
			}
		}
		e.forHomes, e.forBusiness = append(e.forHomes, homes), append(e.forBusiness, business)
		e.addDimensional(svc)
		e.limitOf = append(e.limitOf, e.limitClass(limitsOf(svc), int32(i)))
	}
	e.looser = loosest(e.limits)
	e.makeZoneFloors()
	e.terms = newTerms(snap)
	return e, nil
}

// Close releases the lane cache. The engine must not be used after it.
func (e *Engine) Close() { e.rows.Close() }

// LaneCache returns how many places have their lanes in the cache, the bytes that they take, and those that they may take. The
// first two follow what is put in with a moment's delay.
func (e *Engine) LaneCache() (places int, bytes, limit int64) {
	return int(e.held.Load()), e.most - e.rows.RemainingCost(), e.most
}

// Snapshot returns what the engine decides against.
func (e *Engine) Snapshot() *network.Snapshot { return e.snap }

func (e *Engine) limitClass(l limit, service int32) int32 {
	for i := range e.limits {
		if e.limits[i] == l {
			return int32(i)
		}
	}
	e.limits = append(e.limits, l)
	e.limitService = append(e.limitService, service)
	return int32(len(e.limits) - 1)
}

// addDimensional keeps the service's cards whose dimensional-weight rules no card yet has.
func (e *Engine) addDimensional(svc *network.Service) {
	for _, card := range svc.Tariff.Cards() {
		e.shapes[card] = shapeOf(card.Source())
		if !slices.ContainsFunc(e.dimensional, func(c *ratecards.Card) bool {
			return reflect.DeepEqual(c.Source().Dimensional, card.Source().Dimensional)
		}) {
			e.dimensional = append(e.dimensional, card)
		}
	}
}

// limitsOf returns what every card of a service takes: parcels are packed to suit all of them.
func limitsOf(svc *network.Service) limit {
	var l limit
	for _, card := range svc.Tariff.Cards() {
		of := card.Source().Limits
		l.weight = tighter(l.weight, of.Weight)
		l.longest = tighter(l.longest, of.Longest)
		l.second = tighter(l.second, of.Second)
		l.girth = tighter(l.girth, of.LengthPlusGirth)
	}
	return l
}

// tighter returns the smaller of two limits, of which 0 is none.
func tighter[T units.Weight | units.Length](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// zone returns the compiled time zone of an IANA name.
func (e *Engine) zone(name string) (*calendar.Zone, error) {
	if z, ok := e.zones.Load(name); ok {
		return z.(*calendar.Zone), nil
	}
	z, err := calendar.LoadZone(name)
	if err != nil {
		return nil, err
	}
	e.zones.Store(name, z)
	return z, nil
}

// lanesTo returns the lanes to a postal place, or, where at is -1, to the point of the cell, from the cache where they are
// there.
//
// The lookup in the cache is three reads of memory that no core has at hand, and it is told of each use. Neither is worth
// anything as long as everything fits: until the cache first turns something away, postal places are found by their row.
// From then on it alone says what is kept, by how often it was asked for.
//
// found tells that they were there.
func (e *Engine) lanesTo(at geo.Row, cell geo.Cell, point geo.Point) (to *destination, found bool, err error) {
	key := uint64(cell)<<1 | 1
	var seen *atomic.Pointer[destination]
	if at >= 0 {
		key = uint64(at) << 1
		if all := e.seen.Load(); all != nil {
			seen = &(*all)[at]
			if to := seen.Load(); to != nil {
				return to, true, nil
			}
		}
	}
	if to, ok := e.rows.Get(key); ok {
		return to, true, nil
	}
	p, err := e.placeOf(at, point)
	if err != nil {
		return nil, false, err
	}
	to = &destination{row: e.shared.of(e.newLaneRow(p)), place: p}
	if e.rows.Set(key, to, to.bytes()) {
		e.held.Add(1)
		if seen != nil {
			seen.Store(to)
		}
	}
	return to, false, nil
}

// unreachable is a cost above that of any shipment, small enough that a few of them add up.
const unreachable = units.Money(solver.CostLimit)

// zoneFloor returns what a parcel of at least the tier's weight costs at least by a service in a zone, whatever its date.
func (e *Engine) zoneFloor(service int32, zone lanes.Zone, tier int) units.Money {
	return e.zoneFloors[(tier*len(e.snap.Services)+int(service))*e.zoneCount+int(zone)]
}

// makeZoneFloors works zoneFloor out for all zones of all services. The floors of a tier stand together, since an order
// needs no other.
func (e *Engine) makeZoneFloors() {
	services := e.snap.Services
	e.zoneCount = 2 // no zone, and the only one
	for s := range services {
		if z := services[s].Zones; z != nil {
			e.zoneCount = max(e.zoneCount, len(z.Names())+1)
		}
		e.zoneCount = max(e.zoneCount, int(services[s].OnlyZone)+1)
	}
	e.zoneFloors = make([]units.Money, tiers*len(services)*e.zoneCount)
	highest := units.Money(0)
	for t, weight := range tierWeights {
		for s := range services {
			tariff := services[s].Tariff
			for z := range e.zoneCount {
				floor, ok := tariff.ZoneFloor(lanes.Zone(z), weight)
				if ok {
					highest = max(highest, floor)
				} else {
					floor = unreachable
				}
				e.zoneFloors[(t*len(services)+s)*e.zoneCount+z] = floor
			}
		}
	}
	for highest>>e.floorUnit > units.Money(noFloor)*3/4 { // the rest is for what the area adds
		e.floorUnit++
	}
}

// carbonCost prices the emissions of a content's way, by weight and great-circle distance.
func (e *Engine) carbonCost(c *content, w, service int32, p *place) units.Money {
	if !e.carbon {
		return 0
	}
	return e.snap.Policy.CarbonPrice.Times(e.grams(c, w, service, p), 1_000)
}

// grams returns the CO2e of a content's way in grams: tonne-kilometres times the service's grams for one.
func (e *Engine) grams(c *content, w, service int32, p *place) int64 {
	perTonneKm := e.snap.Services[service].GramsPerTonneKm
	if perTonneKm == 0 {
		return 0
	}
	km := int64(math.Round(geo.KilometresOfDot(e.snap.Warehouses[w].Unit.Dot(p.unit))))
	return int64(units.Money(perTonneKm*km).Times(int64(c.weight), 1_000*int64(units.Kilogram)))
}
