package naive

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A Network is a network and its stock in maps. It may be used by several goroutines as long as nobody changes the
// stock.
type Network struct {
	stock      Stock
	warehouses []*warehouse // by id
	services   []*service   // by id
	skus       map[string]*sku
	boxes      []box // by volume, then id
	places     map[string]place
	bands      map[string][]band              // by zone set
	areas      map[string]map[string][]string // by list and first three digits of the postal code: attributes

	splitCost, lateCost, carbonPrice float64 // dollars; for a day; for a kilogram
	maxShipments, horizonDays        int
	onTime                           float64
	lateAllowed                      bool
}

type place struct {
	lat, lng         float64
	areaLat, areaLng float64 // the middle of its postal area, which zones are measured between
	zone             *time.Location
}

type warehouse struct {
	id                         string
	at                         place
	work                       *openDays
	cutoff, processing         time.Duration
	perOrder, perLine, perUnit float64
	capacity                   int             // 0: unlimited
	carriers, classes          map[string]bool // nil: all
	closed                     bool
}

type service struct {
	id, carrier, zones, areas, only string
	transit                         map[string][]float64 // by zone: share by days
	pickup, linehaul, delivery      *openDays
	pickups                         []time.Duration
	deliverBy                       time.Duration
	classes                         map[string]bool
	capacity                        int
	perShipment                     float64
	gramsPerTonneKm                 float64
	cards                           []*card
	limits                          limits // what all of its cards take
}

type card struct {
	from, to                           time.Time // to is zero until further notice
	limits                             limits
	divisor, sideStep, dimensionalStep float64 // in³/lb, in, lb; divisor 0: no dimensional weight
	steps                              []struct{ notOver, to float64 }
	weights                            []float64            // ends of the steps, lb
	prices                             map[string][]float64 // by zone, a price a step; negative: not served
	surcharges                         []*surcharge
	fuel                               []fuelWeek // nil: no fuel charge
}

type fuelWeek struct {
	from, to time.Time
	share    float64
}

type surcharge struct {
	name, group     string
	priority        int
	amount          float64
	fuelable        bool
	minimumBillable float64
	when            []condition
}

type condition struct {
	poundsOver, longestOver, secondOver, girthOver float64
	areas                                          []string
}

type sku struct {
	pounds     float64
	sides      [3]float64 // inches, longest first
	volume     float64    // mm³
	class      string
	shipsAlone bool
}

type box struct {
	id              string
	inside, outside [3]float64
	room            float64 // mm³ that may be filled
	tare, maxPounds float64
	cost            float64
}

type band struct {
	miles float64 // 0: no end
	zone  string
}

func dollars(m units.Money) float64        { return float64(m) / float64(units.Currency) }
func pounds(w units.Weight) float64        { return float64(w) / float64(units.Pound) }
func inches(l units.Length) float64        { return float64(l) / float64(units.Inch) }
func duration(c units.Clock) time.Duration { return time.Duration(c) * time.Second }
func threeInches(s [3]units.Length) [3]float64 {
	return [3]float64{inches(s[0]), inches(s[1]), inches(s[2])}
}

// dayOf returns a date as midnight UTC, and the zero date as the zero time.
func dayOf(d units.Date) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Unix(int64(d)*86_400, 0).UTC()
}

func setOf(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// A reader turns a network.Source into a Network and remembers every rule that it does not know.
type reader struct {
	src     *network.Source
	n       *Network
	refused []error
}

func (r *reader) refuse(unknown bool, format string, args ...any) {
	if unknown {
		r.refused = append(r.refused, fmt.Errorf("naive: "+format, args...))
	}
}

// New reads a network, which must compile, and takes its stock. The error lists every rule in it that the package
// does not know.
func New(src *network.Source, stock Stock) (*Network, error) {
	r := &reader{src: src, n: &Network{stock: stock, skus: map[string]*sku{}, places: map[string]place{}, bands: map[string][]band{},
		areas: map[string]map[string][]string{}}}
	r.refuse(len(src.Charts) > 0 || len(src.ServiceAreas) > 0 || len(src.Pickups) > 0 || src.Places != nil,
		"zone charts, service areas, pickups.csv and places of other countries are not known")
	r.policy()
	if err := r.places(); err != nil {
		return nil, err
	}
	for name, set := range src.Settings.Zones {
		r.refuse(set.Distance != "" || len(set.Regions) > 0, "zone set %q is not made of bands alone", name)
		for _, b := range set.Bands {
			r.n.bands[name] = append(r.n.bands[name], band{float64(b.Miles), b.Zone})
		}
	}
	for name, lists := range src.AreaLists {
		r.areaList(name, lists)
	}
	for i := range src.Settings.Services {
		r.service(&src.Settings.Services[i])
	}
	for i := range src.Warehouses {
		r.warehouse(&src.Warehouses[i])
	}
	for i := range src.SKUs {
		s := &src.SKUs[i]
		r.refuse(s.Weight%units.Ounce != 0, "SKU %q weighs parts of an ounce", s.ID)
		sides := longestFirst(threeInches(s.Sides))
		r.n.skus[s.ID] = &sku{pounds: pounds(s.Weight), sides: sides, volume: cubicMillimetres(sides), class: cmp.Or(s.Class, "plain"), shipsAlone: s.ShipsAlone}
	}
	for _, b := range src.Settings.Boxes {
		r.refuse(b.Tare%units.Ounce != 0 || b.Cost%units.Cent != 0, "box %q weighs parts of an ounce or costs parts of a cent", b.ID)
		inside := longestFirst(threeInches(b.Inside))
		outside := inside
		if b.Outside != nil {
			outside = longestFirst(threeInches(*b.Outside))
		}
		fill := float64(cmp.Or(src.Settings.Policy.PackingFill, units.WholePercent)) / float64(units.WholePercent)
		r.n.boxes = append(r.n.boxes, box{id: b.ID, inside: inside, outside: outside, room: cubicMillimetres(inside) * fill,
			tare: pounds(b.Tare), maxPounds: pounds(b.MaxWeight), cost: dollars(b.Cost)})
	}
	slices.SortFunc(r.n.boxes, func(a, b box) int {
		return cmp.Or(cmp.Compare(a.inside[0]*a.inside[1]*a.inside[2], b.inside[0]*b.inside[1]*b.inside[2]), strings.Compare(a.id, b.id))
	})
	slices.SortFunc(r.n.services, func(a, b *service) int { return strings.Compare(a.id, b.id) })
	slices.SortFunc(r.n.warehouses, func(a, b *warehouse) int { return strings.Compare(a.id, b.id) })
	if err := errors.Join(r.refused...); err != nil {
		return nil, err
	}
	return r.n, nil
}

func (r *reader) policy() {
	p := &r.src.Settings.Policy
	r.refuse(p.SplitLines, "lines are not split")
	r.refuse(p.Partial == "fill", "orders are filled whole")
	r.refuse(!p.GuessZones, "zones are guessed")
	r.refuse(p.CarbonPrice%1_000 != 0 || p.SplitCost%units.Cent != 0 || p.LateCost%units.Cent != 0, "carbon costs tenths of cents, the rest cents")
	r.n.splitCost, r.n.lateCost, r.n.carbonPrice = dollars(p.SplitCost), dollars(p.LateCost), dollars(p.CarbonPrice)
	r.n.maxShipments, r.n.horizonDays = int(cmp.Or(p.MaxShipments, 1)), int(cmp.Or(p.PromiseHorizon, 60))
	r.n.onTime = float64(cmp.Or(p.OnTime, 9_500)) / float64(units.Certain)
	r.n.lateAllowed = p.Late == "allow"
}

func (r *reader) places() error {
	us := geo.US()
	zones := map[string]*time.Location{}
	for row := range geo.Row(us.Len()) {
		p, area := us.Point(row), us.AreaCentre(row)
		if p.Lat < 24 || p.Lat > 50 || p.Lng < -125 || p.Lng > -66 {
			continue // the distance rule holds within the contiguous states
		}
		name := us.TimeZone(row)
		if zones[name] == nil {
			zone, err := time.LoadLocation(name)
			if err != nil {
				return fmt.Errorf("naive: time zone of %s: %w", us.Postal(row), err)
			}
			zones[name] = zone
		}
		r.n.places[us.Postal(row)] = place{p.Lat, p.Lng, area.Lat, area.Lng, zones[name]}
	}
	return nil
}

func (r *reader) areaList(name string, lists []*lanes.AreaList) {
	zips := map[string][]string{}
	for _, l := range lists {
		for _, row := range l.Rows {
			r.refuse(row.Country != "" && row.Country != "US" || row.Postal.Lo != row.Postal.Hi || len(row.Postal.Lo) != 3,
				"area list %q has rows for other than three digits", name)
			zips[row.Postal.Lo] = append(zips[row.Postal.Lo], row.Attributes...)
		}
	}
	r.n.areas[name] = zips
}

func (r *reader) calendar(week units.Weekdays, lists []string, closed []units.Date) *openDays {
	c := &openDays{week: map[time.Weekday]bool{}, closed: map[date]bool{}}
	for d := range 7 { // bit 0 is Monday, and Sunday is time's 0
		c.week[time.Weekday((d+1)%7)] = week>>d&1 == 1
	}
	shut := func(d units.Date) {
		y, m, dd := dayOf(d).Date()
		c.closed[date{y, m, dd}] = true
	}
	for _, d := range closed {
		shut(d)
	}
	for _, h := range r.src.Holidays {
		if slices.Contains(lists, h.Calendar) {
			shut(h.Date)
		}
	}
	return c
}

// named returns the calendar of a name; without one every day is open.
func (r *reader) named(name string) *openDays {
	if name == "" {
		return r.calendar(units.EveryDay, nil, nil)
	}
	s := r.src.Settings.Calendars[name]
	return r.calendar(s.Week, s.Holidays, s.Closed)
}

func (r *reader) warehouse(s *network.WarehouseRow) {
	d := &r.src.Settings.Defaults
	at, ok := r.n.places[s.Postal]
	r.refuse(!ok || s.Point != nil || s.TimeZone != "" || s.Country != "" && s.Country != "US",
		"warehouse %q is not placed by a postal code of the contiguous United States", s.ID)
	r.refuse(s.PerKilogram != 0 || s.PerOrder%units.Cent != 0 || s.PerLine%units.Cent != 0 || s.PerUnit%units.Cent != 0,
		"warehouse %q handles by the kilogram, or for parts of cents", s.ID)
	w := &warehouse{
		id: s.ID, at: at, processing: time.Duration(s.Processing) * time.Minute,
		perOrder: dollars(s.PerOrder), perLine: dollars(s.PerLine), perUnit: dollars(s.PerUnit),
		capacity: int(s.Capacity), carriers: setOf(s.Carriers), classes: setOf(s.Classes), closed: s.Closed,
	}
	if cutoff := cmp.Or(s.Cutoff, d.Cutoff); cutoff != nil {
		w.cutoff = duration(*cutoff)
	}
	holidays := s.Holidays
	if len(holidays) == 0 {
		holidays = d.Holidays
	}
	w.work = r.calendar(cmp.Or(s.Workdays, d.Workdays, units.MondayToFriday), holidays, nil)
	r.n.warehouses = append(r.n.warehouses, w)
}

func (r *reader) service(s *network.ServiceSource) {
	r.refuse(s.Kind != "" && s.Kind != network.KindShip || s.Zones == "" || s.TransitDays != nil || s.TransitScope != "" ||
		len(s.DeliveryByArea) > 0 || len(s.ServiceAreas) > 0 || s.Pickup.Calendar == "" || len(s.Pickup.Times) == 0 || s.PerShipment%units.Cent != 0,
		"service %q is not a plain one with a zone set, a transit table and a pickup calendar", s.ID)
	out := &service{
		id: s.ID, carrier: s.Carrier, zones: s.Zones, areas: s.Areas, only: s.Only, transit: map[string][]float64{},
		pickup: r.named(s.Pickup.Calendar), linehaul: r.named(s.Linehaul), delivery: r.named(s.Delivery),
		deliverBy: 20 * time.Hour, classes: setOf(s.Classes), capacity: int(s.DailyCapacity), perShipment: dollars(s.PerShipment),
		gramsPerTonneKm: float64(s.GramsPerTonneKm),
	}
	if s.DeliverBy != nil {
		out.deliverBy = duration(*s.DeliverBy)
	}
	for _, t := range s.Pickup.Times {
		out.pickups = append(out.pickups, duration(t))
	}
	slices.Sort(out.pickups)
	for _, table := range r.src.Transits[cmp.Or(s.Transit, s.ID)] {
		for _, row := range table.Rows {
			r.refuse(row.Pair || row.Zone == "" || row.Scope != "", "service %q has transit by other than its zones", s.ID)
			for _, p := range row.Days {
				out.transit[row.Zone] = append(out.transit[row.Zone], float64(p)/float64(units.Certain))
			}
		}
	}
	for _, c := range r.src.Cards {
		if c.Service == cmp.Or(s.Cards, s.ID) {
			out.cards = append(out.cards, r.card(c))
		}
	}
	for _, c := range out.cards {
		l := &out.limits
		l.pounds, l.longest = tighter(l.pounds, c.limits.pounds), tighter(l.longest, c.limits.longest)
		l.second, l.girth = tighter(l.second, c.limits.second), tighter(l.girth, c.limits.girth)
	}
	r.n.services = append(r.n.services, out)
}

// tighter returns the smaller of two limits, of which 0 is none.
func tighter(a, b float64) float64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (r *reader) card(s *ratecards.Source) *card {
	r.refuse(s.Rounding != "" && s.Rounding != ratecards.RoundTotal || s.MinorUnit != 0 && s.MinorUnit != units.Cent || s.Zones != ratecards.Zones{} ||
		len(s.Refuses) > 0 || s.Discount != nil || s.Tax != nil || len(s.Structures) != 1 || len(s.Dimensional) > 1 || !s.Limits.Volume.IsZero(),
		"card of %q has more than a price table, one dimensional rule, surcharges and fuel", s.Service)
	c := &card{from: dayOf(s.EffectiveFrom), to: dayOf(s.EffectiveTo), prices: map[string][]float64{}, limits: limits{
		pounds: pounds(s.Limits.Weight), longest: inches(s.Limits.Longest), second: inches(s.Limits.Second), girth: inches(s.Limits.LengthPlusGirth)}}
	for _, d := range s.Dimensional {
		r.refuse(d.ShipFrom != 0 || d.ShipTo != 0 || !d.AboveVolume.IsZero() || d.ExemptUpTo != 0 || d.Sides == nil || d.Sides.Round != ratecards.RoundUp ||
			d.Sides.Surcharges || d.Round == nil || d.Round.Round != ratecards.RoundUp || d.Divisor.Volume.Hi != 0,
			"dimensional rule of %q is not a divisor with sides and weight rounded up", s.Service)
		if d.Sides != nil && d.Round != nil {
			cubicInch := float64(units.Inch) * float64(units.Inch) * float64(units.Inch)
			c.divisor = float64(d.Divisor.Volume.Lo) / cubicInch / pounds(d.Divisor.Weight)
			c.sideStep, c.dimensionalStep = inches(d.Sides.To), pounds(d.Round.To)
		}
	}
	for _, step := range s.WeightSteps {
		c.steps = append(c.steps, struct{ notOver, to float64 }{pounds(step.NotOver), pounds(step.To)})
	}
	for _, st := range s.Structures {
		r.refuse(st.Kind != ratecards.KindWeight || st.Table == nil || len(st.When) > 0 || st.Limits != ratecards.Limits{},
			"structure %q of %q is not a table by weight", st.Name, s.Service)
		if st.Table != nil {
			r.prices(c, s.Service, st.Table)
		}
	}
	for i := range s.Surcharges {
		c.surcharges = append(c.surcharges, r.surcharge(s.Service, &s.Surcharges[i]))
	}
	if s.Fuel != nil {
		r.refuse(s.Fuel.On != "" && s.Fuel.On != ratecards.FuelOnNet, "fuel of %q is not on the net price", s.Service)
		c.fuel = []fuelWeek{}
		for _, w := range s.Fuel.Weeks {
			c.fuel = append(c.fuel, fuelWeek{dayOf(w.From), dayOf(w.To), float64(w.Percent) / float64(units.WholePercent)})
		}
	}
	return c
}

func (r *reader) prices(c *card, service string, t *ratecards.PriceTable) {
	for _, row := range t.Rows {
		r.refuse(row.Basis != ratecards.BasisEach || row.NotOver == 0, "the table of %q has prices by the unit or without an end", service)
		c.weights = append(c.weights, pounds(row.NotOver))
		for z, price := range row.Prices {
			r.refuse(t.Zones[z] == ratecards.AnyZone || price%units.Cent != 0 && price != ratecards.NoPrice, "the table of %q has prices for any zone, or parts of cents", service)
			c.prices[t.Zones[z]] = append(c.prices[t.Zones[z]], dollars(price))
		}
	}
}

func (r *reader) surcharge(service string, s *ratecards.Surcharge) *surcharge {
	r.refuse(len(s.DependsOn) > 0 || len(s.Windows) > 0 || s.Amount.Flat == nil || *s.Amount.Flat%units.Cent != 0,
		"surcharge %q of %q is not a flat one in cents for the whole period", s.Name, service)
	out := &surcharge{name: s.Name, group: s.Group, priority: s.Priority, fuelable: s.Fuelable, minimumBillable: pounds(s.MinimumBillable)}
	if s.Amount.Flat != nil {
		out.amount = dollars(*s.Amount.Flat)
	}
	for _, w := range s.When {
		r.refuse(!w.VolumeOver.IsZero() || w.ValueOver != 0 || len(w.Flags) > 0, "surcharge %q of %q asks for volume, value or flags", s.Name, service)
		out.when = append(out.when, condition{poundsOver: pounds(w.WeightOver), longestOver: inches(w.LongestOver),
			secondOver: inches(w.SecondOver), girthOver: inches(w.LengthPlusGirthOver), areas: w.Areas})
	}
	return out
}
