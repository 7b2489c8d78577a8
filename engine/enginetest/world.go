// Package enginetest builds networks, stock and orders from a seed, for tests and benchmarks of whatever decides.
//
// A World is synthetic but shaped like a merchant's: warehouses at real postal places, carriers with ground and
// faster services, zones by distance, dimensional weight, delivery-area and handling surcharges, weekly fuel, cut-offs in
// four time zones. The same Config gives the same World.
package enginetest

import (
	"fmt"
	"math/rand/v2"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A Config says how large a world is and what its policy allows. Zero fields take the defaults in their comments.
type Config struct {
	Seed       uint64
	Warehouses int // default 50
	Services   int // default 12, at most 24
	SKUs       int // default 1,000
	Stocked    int // percent of SKU and warehouse pairs with stock; default 50
	Lines      int // most lines of an order, of 1 to Lines; default 2. Negative: exactly -Lines
	Places     int // different destinations of orders; default 2,000
	Promised   int // percent of orders with a promise; default 70

	Policy   network.PolicySource
	Capacity bool // some warehouses and services have a daily capacity
	Carbon   bool // emissions cost something
	Classes  bool // some SKUs are hazmat, some ship alone
	Prices   bool // stock and capacity have the shadow prices of PriceRows
}

// A World is a network with stock, and a source of orders for it.
type World struct {
	Config   Config
	Source   *network.Source
	Snapshot *network.Snapshot
	Engine   *engine.Engine
	Stock    *engine.StockView

	places []geo.Row
}

// Start is the moment from which a world's orders come: a Monday in October 2026.
var Start = units.Instant(units.DateOf(2026, 10, 5)) * 86_400

// New builds a world. It panics where the configuration does not compile: that is the caller's bug.
func New(cfg Config) *World {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&cfg.Warehouses, 50)
	def(&cfg.Services, 12)
	def(&cfg.SKUs, 1_000)
	def(&cfg.Stocked, 50)
	def(&cfg.Lines, 2)
	def(&cfg.Places, 2_000)
	def(&cfg.Promised, 70)
	w := &World{Config: cfg}
	rng := rand.New(rand.NewPCG(cfg.Seed, 1))
	w.Source = source(cfg, rng)
	snap, err := network.Compile(w.Source, nil)
	if err != nil {
		panic(fmt.Sprintf("enginetest: %v", err))
	}
	w.Snapshot = snap
	if w.Engine, err = engine.New(snap, engine.Options{}); err != nil {
		panic(fmt.Sprintf("enginetest: %v", err))
	}
	w.Stock = engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	for sku := range snap.SKUs.IDs {
		for wh := range snap.Warehouses {
			if rng.IntN(100) < cfg.Stocked {
				w.Stock.Set(int32(sku), int32(wh), 1+int32(rng.IntN(20)))
			}
		}
	}
	for range cfg.Places {
		w.places = append(w.places, contiguous(rng))
	}
	if cfg.Prices {
		w.Stock.Prices = must(engine.NewPrices(snap, w.PriceRows(rand.New(rand.NewPCG(cfg.Seed, 5)))))
	}
	return w
}

// Close releases the world's engine.
func (w *World) Close() { w.Engine.Close() }

// contiguous draws a postal place of the contiguous United States.
func contiguous(rng *rand.Rand) geo.Row {
	us := geo.US()
	for {
		row := geo.Row(rng.IntN(us.Len()))
		if p := us.Point(row); p.Lat > 24.5 && p.Lat < 49.5 && p.Lng > -125 && p.Lng < -66 && !us.Approximate(row) {
			return row
		}
	}
}

// Order draws the i-th order of a stream that starts at Start and brings one a second.
func (w *World) Order(rng *rand.Rand, i int) (engine.Order, units.Instant) {
	now := Start + units.Instant(i)
	us := geo.US()
	o := engine.Order{ID: fmt.Sprintf("o%d", i), To: engine.Destination{Country: "US", Postal: us.Postal(w.places[rng.IntN(len(w.places))])}}
	lines := -w.Config.Lines
	if lines < 0 {
		lines = 1 + rng.IntN(w.Config.Lines)
	}
	for range lines {
		q := int64(1)
		if rng.IntN(5) == 0 {
			q += int64(rng.IntN(3))
		}
		o.Lines = append(o.Lines, engine.Line{SKU: w.Source.SKUs[rng.IntN(len(w.Source.SKUs))].ID, Quantity: q})
	}
	if rng.IntN(100) < w.Config.Promised {
		o.Promise.Date = units.Date(int64(now)/86_400) + 1 + units.Date(rng.IntN(7))
	}
	o.To.Commercial = rng.IntN(10) == 0
	return o, now
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func cents(n int) units.Money { return units.Money(n) * units.Cent }

func source(cfg Config, rng *rand.Rand) *network.Source {
	src := &network.Source{
		Settings: network.Settings{
			Name: fmt.Sprintf("world %d", cfg.Seed), Currency: "USD", Policy: cfg.Policy,
			Calendars: map[string]network.CalendarSource{
				"weekdays":      {Week: units.MondayToFriday, Holidays: []string{"us"}},
				"monday-to-sat": {Week: units.MondayToFriday | 1<<5, Holidays: []string{"us"}},
			},
			Zones:    map[string]network.ZoneSetSource{},
			Defaults: network.Defaults{Workdays: units.MondayToFriday, Holidays: []string{"us"}},
			Boxes: []network.BoxSource{
				{ID: "small", Inside: inches(9, 6, 3), Tare: 4 * units.Ounce, Cost: cents(25)},
				{ID: "medium", Inside: inches(14, 10, 6), Tare: 9 * units.Ounce, Cost: cents(60)},
				{ID: "large", Inside: inches(24, 18, 16), Tare: 24 * units.Ounce, Cost: cents(120)},
			},
		},
		Holidays:  calendar.Holidays{{Calendar: "us", Date: units.DateOf(2026, 10, 12), Name: "Columbus Day"}, {Calendar: "us", Date: units.DateOf(2026, 11, 26), Name: "Thanksgiving"}},
		AreaLists: map[string][]*lanes.AreaList{},
		Transits:  map[string][]*lanes.TransitTable{},
	}
	src.Settings.Policy.GuessZones = true
	if src.Settings.Policy.MaxShipments == 0 {
		src.Settings.Policy.MaxShipments = 3
	}
	if src.Settings.Policy.SplitCost == 0 && src.Settings.Policy.MaxShipments > 1 {
		src.Settings.Policy.SplitCost = cents(100)
	}
	if cfg.Carbon {
		src.Settings.Policy.CarbonPrice = cents(9)
	}
	if cfg.Classes {
		src.Settings.Classes = map[string]network.ClassSource{"hazmat": {Flags: []string{"hazmat"}}}
	}
	carriers := []string{"a", "b", "c"}
	miles := [][]int32{{150, 300, 600, 1000, 1400, 1800}, {120, 350, 650, 1100, 1500, 1900}, {100, 250, 500, 900, 1300, 1700}}
	for i, id := range carriers {
		src.Settings.Carriers = append(src.Settings.Carriers, network.CarrierSource{ID: id})
		var bands []network.BandSource
		for z, m := range miles[i] {
			bands = append(bands, network.BandSource{Miles: m, Zone: fmt.Sprint(z + 2)})
		}
		src.Settings.Zones[id] = network.ZoneSetSource{Bands: append(bands, network.BandSource{Zone: "8"})}
		list := &lanes.AreaList{}
		for zip3 := range 1000 {
			if rng.IntN(6) == 0 {
				code := fmt.Sprintf("%03d", zip3)
				list.Rows = append(list.Rows, lanes.AreaRow{Country: "US", Postal: lanes.Range{Lo: code, Hi: code}, Attributes: []string{pick(rng, "das", "das_extended")}})
			}
		}
		src.AreaLists[id] = []*lanes.AreaList{list}
	}
	for s := range cfg.Services {
		addService(src, cfg, rng, s, carriers[s%len(carriers)])
	}
	for i := range cfg.Warehouses {
		us := geo.US()
		at := contiguous(rng)
		cutoff := pick[units.Clock](rng, 12, 14, 16) * units.Hour
		row := network.WarehouseRow{
			ID: fmt.Sprintf("w%05d", i), Country: "US", Postal: us.Postal(at), Cutoff: &cutoff, Processing: pick[int32](rng, 60, 120, 24*60),
			PerOrder: cents(150 + 5*rng.IntN(40)), PerLine: cents(pick(rng, 20, 25, 30)), PerUnit: cents(pick(rng, 5, 8, 10)),
		}
		if rng.IntN(10) == 0 && i > 0 { // somebody has to hand over to each
			row.Carriers = carriers[:2]
		}
		if cfg.Classes && rng.IntN(4) == 0 {
			row.Classes = []string{"plain"}
		}
		if cfg.Capacity && rng.IntN(2) == 0 {
			row.Capacity = 1 + int32(rng.IntN(50))
		}
		src.Warehouses = append(src.Warehouses, row)
	}
	for i := range cfg.SKUs {
		row := network.SKURow{
			ID:     fmt.Sprintf("s%07d", i),
			Weight: units.Weight(1+rng.IntN(64)) * units.Ounce,
			Sides:  [3]units.Length{units.Length(4+rng.IntN(50)) * units.Inch / 5, units.Length(3+rng.IntN(25)) * units.Inch / 5, units.Length(1+rng.IntN(20)) * units.Inch / 5},
			Value:  cents(500 + rng.IntN(20_000)),
		}
		if rng.IntN(20) == 0 {
			row.Weight *= 10
		}
		if cfg.Classes {
			if rng.IntN(15) == 0 {
				row.Class = "hazmat"
			}
			row.ShipsAlone = rng.IntN(15) == 0
		}
		src.SKUs = append(src.SKUs, row)
	}
	return src
}

func inches(l, w, h int) network.Dims {
	return network.Dims{units.Length(l) * units.Inch, units.Length(w) * units.Inch, units.Length(h) * units.Inch}
}

// addService adds the s-th service: speeds repeat from ground to overnight, each dearer than the one before.
func addService(src *network.Source, cfg Config, rng *rand.Rand, s int, carrier string) {
	speed := s / 3 % 4 // ground, three days, two days, overnight
	id := fmt.Sprintf("%s-%d-%02d", carrier, speed, s)
	svc := network.ServiceSource{
		ID: id, Carrier: carrier, Zones: carrier, Areas: carrier, Transit: id,
		Pickup:   network.PickupSource{Calendar: pick(rng, "weekdays", "monday-to-sat"), Times: []units.Clock{pick[units.Clock](rng, 15, 16) * units.Hour, 19 * units.Hour}},
		Linehaul: pick(rng, "weekdays", "monday-to-sat"), Delivery: pick(rng, "weekdays", "monday-to-sat"), GramsPerTonneKm: int64(80 + 200*speed),
	}
	if cfg.Capacity && rng.IntN(4) == 0 {
		svc.DailyCapacity = 1 + int32(rng.IntN(20))
	}
	if cfg.Classes && rng.IntN(3) == 0 {
		svc.Classes = []string{"plain"}
	}
	if s == 4 {
		svc.Only = "residential"
	}
	src.Settings.Services = append(src.Settings.Services, svc)

	transit := &lanes.TransitTable{}
	for z := 2; z <= 8; z++ {
		var h lanes.Histogram
		switch speed {
		case 0: // ground: one to five days, sometimes one more
			h = append(make(lanes.Histogram, 1+(z-1)*4/7), 9_300, 700)
		default:
			h = append(make(lanes.Histogram, 4-speed), units.Certain)
		}
		transit.Rows = append(transit.Rows, lanes.TransitRow{Zone: fmt.Sprint(z), Days: h})
	}
	src.Transits[id] = []*lanes.TransitTable{transit}

	card := &ratecards.Source{
		Carrier: carrier, Service: id, Currency: "USD", EffectiveFrom: units.DateOf(2026, 1, 1), Source: ratecards.Citation{Text: "made from a seed"},
		Limits: ratecards.Limits{Weight: 150 * units.Pound},
		Dimensional: []ratecards.Dimension{{
			Divisor: must(ratecards.ParseDivisor(pick(rng, "139 in3/lb", "166 in3/lb"))),
			Sides:   &ratecards.SideRounding{Round: "up", To: units.Inch}, Round: &ratecards.WeightRounding{Round: "up", To: units.Pound},
		}},
		WeightSteps: []ratecards.WeightStep{{To: units.Pound}},
		Surcharges: []ratecards.Surcharge{
			{Name: "das", When: []ratecards.Condition{{Areas: []string{"das"}}}, Amount: flat(310 + rng.IntN(100)), Group: "das", Priority: 1, Fuelable: true},
			{Name: "das_extended", When: []ratecards.Condition{{Areas: []string{"das_extended"}}}, Amount: flat(520 + rng.IntN(100)), Group: "das", Priority: 2, Fuelable: true},
			{Name: "additional_handling", When: []ratecards.Condition{{WeightOver: 50 * units.Pound}, {LongestOver: 48 * units.Inch}}, Amount: flat(2_500)},
		},
		Structures: []ratecards.Structure{{Name: "package", Kind: ratecards.KindWeight, Prices: "made", Table: &ratecards.PriceTable{}}},
	}
	if carrier != "a" {
		card.Fuel = &ratecards.Fuel{Table: "made", Weeks: []ratecards.FuelWeek{
			{From: units.DateOf(2026, 1, 1), To: units.DateOf(2026, 10, 7), Percent: units.Percent(1_000 + rng.IntN(900))},
			{From: units.DateOf(2026, 10, 8), Percent: units.Percent(1_000 + rng.IntN(900))},
		}}
	}
	base, zone, pound := 600+rng.IntN(200)+speed*speed*450, 40+rng.IntN(40)+speed*60, 20+rng.IntN(30)+speed*25
	t := card.Structures[0].Table
	for z := 2; z <= 8; z++ {
		t.Zones = append(t.Zones, fmt.Sprint(z))
	}
	for lb := 1; lb <= 150; lb++ {
		row := ratecards.PriceRow{NotOver: units.Weight(lb) * units.Pound}
		for z := range t.Zones {
			row.Prices = append(row.Prices, cents(base+zone*z+pound*lb+lb*z*(8+speed*6)))
		}
		t.Rows = append(t.Rows, row)
	}
	src.Cards = append(src.Cards, card)
}

func flat(n int) ratecards.Amount {
	m := cents(n)
	return ratecards.Amount{Flat: &m}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
