package naive

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// The network by hand: east in Newark and west in Reno, one service, prices of 4 + pounds in zone 2, 6 + 2 x pounds
// in zone 5 and 8 + 3 x pounds in zone 8, 10 % fuel until Wednesday 7 October 2026 and 20 % from the 8th.
func byHand() *network.Source {
	cutoff, das, divisor := 14*units.Hour, units.Currency, must(ratecards.ParseDivisor("139 in3/lb"))
	table := &ratecards.PriceTable{Zones: []string{"2", "5", "8"}}
	for lb := 1; lb <= 20; lb++ {
		table.Rows = append(table.Rows, ratecards.PriceRow{NotOver: units.Weight(lb) * units.Pound,
			Prices: []units.Money{units.Money(4+lb) * units.Currency, units.Money(6+2*lb) * units.Currency, units.Money(8+3*lb) * units.Currency}})
	}
	return &network.Source{
		Settings: network.Settings{
			Name: "by hand", Currency: "USD",
			Policy:    network.PolicySource{GuessZones: true, MaxShipments: 2, SplitCost: units.Currency},
			Calendars: map[string]network.CalendarSource{"weekdays": {Week: units.MondayToFriday, Holidays: []string{"us"}, Closed: []units.Date{units.DateOf(2026, 10, 20)}}},
			Zones: map[string]network.ZoneSetSource{"c": {Bands: []network.BandSource{
				{Miles: 300, Zone: "2"}, {Miles: 1_000, Zone: "5"}, {Zone: "8"}}}},
			Classes:  map[string]network.ClassSource{"cold": {}},
			Defaults: network.Defaults{Holidays: []string{"us"}},
			Carriers: []network.CarrierSource{{ID: "c"}},
			Services: []network.ServiceSource{{ID: "ground", Carrier: "c", Zones: "c", Areas: "c", Classes: []string{"plain"},
				Pickup: network.PickupSource{Calendar: "weekdays", Times: []units.Clock{17 * units.Hour}}, Linehaul: "weekdays", Delivery: "weekdays"}},
			Boxes: []network.BoxSource{{ID: "small", Inside: network.Dims{9 * units.Inch, 6 * units.Inch, 3 * units.Inch}, Tare: 4 * units.Ounce, Cost: 25 * units.Cent}},
		},
		Holidays: calendar.Holidays{{Calendar: "us", Date: units.DateOf(2026, 10, 12)}},
		Warehouses: []network.WarehouseRow{
			{ID: "east", Postal: "07102", Cutoff: &cutoff, Processing: 60, PerOrder: units.Currency, PerLine: 20 * units.Cent, PerUnit: 10 * units.Cent},
			{ID: "west", Postal: "89501", Cutoff: &cutoff, Processing: 24 * 60, PerOrder: units.Currency, PerLine: 20 * units.Cent, PerUnit: 10 * units.Cent},
		},
		SKUs: []network.SKURow{
			{ID: "mug", Weight: 20 * units.Ounce, Sides: [3]units.Length{5 * units.Inch, 4 * units.Inch, 2 * units.Inch}},
			{ID: "book", Weight: 28 * units.Ounce, Sides: [3]units.Length{2 * units.Inch, 9 * units.Inch, 6 * units.Inch}},
			{ID: "tome", Weight: 29 * units.Ounce, Sides: [3]units.Length{2 * units.Inch, 9 * units.Inch, 6 * units.Inch}},
			{ID: "pole", Weight: 10 * units.Ounce, Sides: [3]units.Length{482 * units.Inch / 10, units.Inch, units.Inch}, ShipsAlone: true},
			{ID: "anvil", Weight: 30 * units.Pound},
			{ID: "fish", Weight: units.Pound, Class: "cold"},
		},
		AreaLists: map[string][]*lanes.AreaList{"c": {{Rows: []lanes.AreaRow{
			{Postal: lanes.Range{Lo: "128", Hi: "128"}, Attributes: []string{"das", "residential_far"}}}}}},
		Transits: map[string][]*lanes.TransitTable{"ground": {{Rows: []lanes.TransitRow{
			{Zone: "2", Days: lanes.Histogram{0, 9_500, 500}}, {Zone: "5", Days: lanes.Histogram{0, 0, 0, 10_000}}, {Zone: "8", Days: lanes.Histogram{0, 0, 0, 0, 9_400, 600}}}}}},
		Cards: []*ratecards.Source{{
			Carrier: "c", Service: "ground", Currency: "USD", EffectiveFrom: units.DateOf(2026, 1, 1), Source: ratecards.Citation{Text: "by hand"},
			Limits: ratecards.Limits{Weight: 25 * units.Pound},
			Dimensional: []ratecards.Dimension{{Divisor: divisor, Sides: &ratecards.SideRounding{Round: "up", To: units.Inch},
				Round: &ratecards.WeightRounding{Round: "up", To: units.Pound}}},
			WeightSteps: []ratecards.WeightStep{{To: units.Pound}},
			Fuel: &ratecards.Fuel{Table: "f", Weeks: []ratecards.FuelWeek{
				{From: units.DateOf(2026, 1, 1), To: units.DateOf(2026, 10, 7), Percent: 1_000}, {From: units.DateOf(2026, 10, 8), Percent: 2_000}}},
			Surcharges: []ratecards.Surcharge{
				{Name: "das", When: []ratecards.Condition{{Areas: []string{"das"}}}, Amount: ratecards.Amount{Flat: &das}, Group: "das", Priority: 1, Fuelable: true},
				{Name: "far", When: []ratecards.Condition{{Areas: []string{"residential_far"}}}, Amount: ratecards.Amount{Flat: times(&das, 3)}, Group: "das", Priority: 2, Fuelable: true},
				{Name: "long", When: []ratecards.Condition{{LongestOver: 48 * units.Inch}}, Amount: ratecards.Amount{Flat: times(&das, 5)}},
			},
			Structures: []ratecards.Structure{{Name: "package", Kind: ratecards.KindWeight, Prices: "p", Table: table}},
		}},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func times(m *units.Money, n units.Money) *units.Money { n *= *m; return &n }

func everything() Stock {
	s := Stock{Units: map[string]map[string]int{}, UnitPrices: map[string]map[string]float64{}, SlotPrices: map[Slot]float64{}}
	for _, sku := range []string{"mug", "book", "tome", "pole", "anvil", "fish"} {
		s.Units[sku] = map[string]int{"east": 10, "west": 10}
	}
	return s
}

func TestDecideByHand(t *testing.T) {
	if _, err := network.Compile(byHand(), nil); err != nil {
		t.Fatalf("the network by hand is none: %v", err)
	}
	at := func(s string) time.Time { return must(time.Parse(time.RFC3339, s)) }
	day := func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, time.UTC) }
	monday := at("2026-10-05T11:00:00-04:00")
	only := func(s Stock, sku, warehouse string) {
		s.Units[sku] = map[string]int{warehouse: s.Units[sku][warehouse]}
	}
	for _, c := range []struct {
		name   string
		order  Order
		now    time.Time
		policy func(*network.PolicySource)
		stock  func(Stock)
		want   string
	}{
		// 20 oz and a carton of 4 oz are 1.5 lb; the carton's 162 in³ weigh 1.17 lb: 2 lb, 6.00. Fuel 0.60, carton 0.25, handling 1.30.
		{"from the near one the next day", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, monday, nil, nil,
			"PLANNED 8.15 [east by ground: 1 mug, 8.15, Tue 6 20:00]"},
		{"at the cut-off", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, at("2026-10-05T14:00:00-04:00"), nil, nil,
			"PLANNED 8.15 [east by ground: 1 mug, 8.15, Tue 6 20:00]"},
		{"after the cut-off", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, at("2026-10-05T14:00:01-04:00"), nil, nil,
			"PLANNED 8.15 [east by ground: 1 mug, 8.15, Wed 7 20:00]"},
		// Ready and picked up on Thursday the 8th: fuel 1.20.
		{"in the next fuel week", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, at("2026-10-08T09:00:00-04:00"), nil, nil,
			"PLANNED 8.75 [east by ground: 1 mug, 8.75, Fri 9 20:00]"},
		{"over a weekend and a holiday", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, at("2026-10-09T15:00:00-04:00"), nil, nil,
			"PLANNED 8.75 [east by ground: 1 mug, 8.75, Wed 14 20:00]"},
		// East works on Tuesday the 20th, but nobody picks up, carries or delivers.
		{"over a day that the carrier rests", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, at("2026-10-19T15:00:00-04:00"), nil, nil,
			"PLANNED 8.75 [east by ground: 1 mug, 8.75, Thu 22 20:00]"},
		// West takes a work day: picked up on Tuesday, five days under way.
		{"from the far one", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, monday, nil, func(s Stock) { only(s, "mug", "west") },
			"PLANNED 16.95 [west by ground: 1 mug, 16.95, Wed 14 20:00]"},
		// 28 and 4 oz are 2 lb and not over; 29 and 4 are over.
		{"on a step", Order{Lines: []Line{{"book", 1}}, Postal: "10001"}, monday, nil, nil, "PLANNED 8.15 [east by ground: 1 book, 8.15, Tue 6 20:00]"},
		{"over a step", Order{Lines: []Line{{"tome", 1}}, Postal: "10001"}, monday, nil, nil, "PLANNED 9.25 [east by ground: 1 tome, 9.25, Tue 6 20:00]"},
		// East's unit is worth 10.00 to orders to come: west, at 16.95, is cheaper than 18.15.
		{"a unit has a price", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, monday, nil, func(s Stock) { s.UnitPrices["mug"] = map[string]float64{"east": 10} },
			"PLANNED 16.95 [west by ground: 1 mug, 16.95, Wed 14 20:00]"},
		// East's Monday is worth 1.00, and ground's there 0.50.
		{"a day has a price", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, monday, nil, func(s Stock) {
			s.SlotPrices[Slot{"east", "", day(5)}], s.SlotPrices[Slot{"east", "ground", time.Time{}}], s.SlotPrices[Slot{"east", "", day(6)}] = 1, 0.5, 100
		}, "PLANNED 9.65 [east by ground: 1 mug, 9.65, Tue 6 20:00]"},
		// Two mugs are 44 oz, 3 lb: 7.00 and 0.70 fuel, 0.25, handling 1.40. Lines of one SKU are one.
		{"one carton for two", Order{Lines: []Line{{"mug", 1}, {"mug", 1}}, Postal: "10001"}, monday, nil, nil, "PLANNED 9.35 [east by ground: 2 mug, 9.35, Tue 6 20:00]"},
		// Five mugs take 200 of 162 in³: one carton of four (84 oz: 6 lb, 10.00) and one of one.
		{"two cartons for five", Order{Lines: []Line{{"mug", 5}}, Postal: "10001"}, monday, nil, nil,
			"PLANNED 19.80 [east by ground: 5 mug, 19.80, Tue 6 20:00]"},
		// 48.2 x 1 x 1 in: rounded to 49, under a pound: 5.00 and 0.50 fuel and 5.00 for the length; no carton.
		{"ships alone, and long", Order{Lines: []Line{{"pole", 1}}, Postal: "10001"}, monday, nil, nil, "PLANNED 11.80 [east by ground: 1 pole, 11.80, Tue 6 20:00]"},
		// 3.00 more and fuel on it; for a business 1.00.
		{"far away", Order{Lines: []Line{{"mug", 1}}, Postal: "12801"}, monday, nil, nil, "PLANNED 11.45 [east by ground: 1 mug, 11.45, Tue 6 20:00]"},
		{"a business far away", Order{Lines: []Line{{"mug", 1}}, Postal: "12801", Commercial: true}, monday, nil, nil, "PLANNED 9.25 [east by ground: 1 mug, 9.25, Tue 6 20:00]"},
		{"in two shipments", Order{Lines: []Line{{"mug", 1}, {"book", 1}}, Postal: "10001"}, monday, nil,
			func(s Stock) { only(s, "mug", "west"); only(s, "book", "east") },
			"PLANNED 26.10 [east by ground: 1 book, 8.15, Tue 6 20:00] [west by ground: 1 mug, 16.95, Wed 14 20:00]"},
		{"too many shipments", Order{Lines: []Line{{"mug", 1}, {"book", 1}}, Postal: "10001"}, monday, func(p *network.PolicySource) { p.MaxShipments = 1 },
			func(s Stock) { only(s, "mug", "west"); only(s, "book", "east") }, "TOO_MANY_SPLITS"},
		{"in time", Order{Lines: []Line{{"mug", 1}}, Postal: "10001", Promise: day(6)}, monday, nil, nil, "PLANNED 8.15 [east by ground: 1 mug, 8.15, Tue 6 20:00]"},
		{"not in time", Order{Lines: []Line{{"mug", 1}}, Postal: "10001", Promise: day(6)}, at("2026-10-05T15:00:00-04:00"), nil, nil, "PROMISE_MISSED"},
		{"late at a price", Order{Lines: []Line{{"mug", 1}}, Postal: "10001", Promise: day(6)}, at("2026-10-05T15:00:00-04:00"),
			func(p *network.PolicySource) { p.Late, p.LateCost = "allow", 2*units.Currency }, nil, "PLANNED 10.15 [east by ground: 1 mug, 10.15, Wed 7 20:00]"},
		{"the day is full", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, monday, nil,
			func(s Stock) { s.Units["mug"]["west"] = 0; s.Used[Slot{Warehouse: "east", Ship: day(5)}] = 7 }, "PLANNED 8.15 [east by ground: 1 mug, 8.15, Wed 7 20:00]"},
		{"the service's day is full", Order{Lines: []Line{{"mug", 1}}, Postal: "10001"}, monday, nil,
			func(s Stock) { s.Used[Slot{Warehouse: "east", Service: "ground", Ship: day(5)}] = 3 }, "PLANNED 8.15 [east by ground: 1 mug, 8.15, Wed 7 20:00]"},
		{"out of stock", Order{Lines: []Line{{"mug", 11}}, Postal: "10001"}, monday, nil, nil, "OUT_OF_STOCK"},
		{"too heavy", Order{Lines: []Line{{"anvil", 1}}, Postal: "10001"}, monday, nil, nil, "NOT_SERVED"},
		{"too cold", Order{Lines: []Line{{"fish", 1}}, Postal: "10001"}, monday, nil, nil, "NOT_SERVED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, stock := byHand(), everything()
			src.Warehouses[0].Capacity, src.Settings.Services[0].DailyCapacity = 7, 3
			stock.Used = map[Slot]int{}
			if c.policy != nil {
				c.policy(&src.Settings.Policy)
			}
			if c.stock != nil {
				c.stock(stock)
			}
			n, err := New(src, stock)
			if err != nil {
				t.Fatal(err)
			}
			d, err := n.Decide(&c.order, c.now)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(&d); got != c.want {
				t.Errorf("decided\n%s, want\n%s", got, c.want)
			}
		})
	}
}

func told(d *Decision) string {
	if d.Outcome != Planned {
		return string(d.Outcome)
	}
	var text strings.Builder
	text.WriteString(fmt.Sprintf("%s %.2f", d.Outcome, d.Cost))
	for _, s := range d.Shipments {
		var lines []string
		for _, ln := range s.Lines {
			lines = append(lines, fmt.Sprintf("%d %s", ln.Quantity, ln.SKU))
		}
		text.WriteString(fmt.Sprintf(" [%s by %s: %s, %.2f, %s]", s.Warehouse, s.Service, strings.Join(lines, ", "), s.Cost, s.Arrival.Format("Mon 2 15:04")))
	}
	return text.String()
}

func TestUnknownRulesAreRefused(t *testing.T) {
	for _, c := range []struct {
		about string
		make  func(*network.Source)
	}{
		{"pickups.csv", func(s *network.Source) { s.Pickups = []network.PickupRow{{}} }},
		{"lines are not split", func(s *network.Source) { s.Settings.Policy.SplitLines = true }},
		{"filled whole", func(s *network.Source) { s.Settings.Policy.Partial = "fill" }},
		{"zones are guessed", func(s *network.Source) { s.Settings.Policy.GuessZones = false }},
		{"tenths of cents", func(s *network.Source) { s.Settings.Policy.CarbonPrice = 1 }},
		{"not made of bands", func(s *network.Source) { s.Settings.Zones["d"] = network.ZoneSetSource{Distance: "usps"} }},
		{"three digits", func(s *network.Source) { s.AreaLists["c"][0].Rows[0].Postal.Hi = "129" }},
		{"contiguous", func(s *network.Source) { s.Warehouses[0].Postal = "99501" }},
		{"by the kilogram", func(s *network.Source) { s.Warehouses[0].PerKilogram = units.Cent }},
		{"parts of an ounce", func(s *network.Source) { s.SKUs[0].Weight = units.Gram }},
		{"box", func(s *network.Source) { s.Settings.Boxes[0].Tare = units.Gram }},
		{"plain one", func(s *network.Source) { s.Settings.Services[0].Kind = network.KindCollect }},
		{"other than its zones", func(s *network.Source) { s.Transits["ground"][0].Rows[0].Zone = "" }},
		{"more than a price table", func(s *network.Source) { s.Cards[0].Tax = &ratecards.Tax{Percent: 700} }},
		{"dimensional rule", func(s *network.Source) { s.Cards[0].Dimensional[0].ExemptUpTo = units.Kilogram }},
		{"not a table by weight", func(s *network.Source) { s.Cards[0].Structures[0].Kind = ratecards.KindCubic }},
		{"by the unit", func(s *network.Source) { s.Cards[0].Structures[0].Table.Rows[0].Basis = ratecards.BasisPerUnit }},
		{"for any zone", func(s *network.Source) { s.Cards[0].Structures[0].Table.Zones[0] = ratecards.AnyZone }},
		{"fuel", func(s *network.Source) { s.Cards[0].Fuel.On = ratecards.FuelOnList }},
		{"not a flat one", func(s *network.Source) { s.Cards[0].Surcharges[0].Amount = ratecards.Amount{PercentOfBase: 100} }},
		{"volume, value or flags", func(s *network.Source) { s.Cards[0].Surcharges[0].When[0].Flags = []string{"hazmat"} }},
	} {
		src := byHand()
		c.make(src)
		if _, err := New(src, everything()); err == nil || !strings.Contains(err.Error(), c.about) {
			t.Errorf("New accepts what it does not know, or tells of something else than %q: %v", c.about, err)
		}
	}
}

func TestFaultyOrders(t *testing.T) {
	n := must(New(byHand(), everything()))
	many := Order{Postal: "10001"}
	for i := range MaxLines + 1 {
		id := fmt.Sprint("extra", i)
		n.skus[id] = n.skus["mug"]
		many.Lines = append(many.Lines, Line{id, 1})
	}
	for about, o := range map[string]Order{
		"unknown SKU":         {Lines: []Line{{"mugg", 1}}, Postal: "10001"},
		"0 units":             {Lines: []Line{{"mug", 0}}, Postal: "10001"},
		"0 lines":             {Postal: "10001"},
		"9 lines":             many,
		"unknown postal code": {Lines: []Line{{"mug", 1}}, Postal: "00000"},
	} {
		if _, err := n.Decide(&o, time.Unix(1_790_000_000, 0)); err == nil || !strings.Contains(err.Error(), about) {
			t.Errorf("%+v: %v, want %q", o, err, about)
		}
	}
}

func TestBefore(t *testing.T) {
	s := &splits{task: &task{lines: []Line{{"a", 1}, {"b", 1}, {"c", 1}}}}
	early, late := time.Unix(0, 0), time.Unix(100, 0)
	ship := func(w string, subset int, at time.Time) Shipment {
		return Shipment{Warehouse: w, subset: subset, Arrival: at}
	}
	plans := []Decision{ // each comes before the next
		{Cost: 1, Shipments: []Shipment{ship("z", 7, late)}},
		{Cost: 2, Shipments: []Shipment{ship("y", 1, early), ship("z", 6, early)}},
		{Cost: 2, Shipments: []Shipment{ship("z", 7, late)}},
		{Cost: 2, Shipments: []Shipment{ship("a", 2, early), ship("b", 5, late)}}, // the first line from b
		{Cost: 2, Shipments: []Shipment{ship("a", 1, early), ship("b", 6, late)}},
		{Cost: 2, Shipments: []Shipment{ship("a", 1, early), ship("c", 6, late)}},
	}
	for i := range plans {
		for j := range plans {
			if got := s.before(&plans[i], &plans[j]); got != (i < j) {
				t.Errorf("plan %d before plan %d: %v", i, j, got)
			}
		}
	}
}

func TestHaversine(t *testing.T) {
	us := geo.US()
	for _, c := range []struct {
		from, to string
		miles    float64
	}{{"10001", "10001", 0}, {"10001", "90001", 2450}, {"07102", "12801", 180}} {
		a, _ := us.Lookup("US", c.from)
		b, _ := us.Lookup("US", c.to)
		p, q := us.Point(a), us.Point(b)
		got := haversine(p.Lat, p.Lng, q.Lat, q.Lng)
		if math.Abs(got-c.miles) > 15 || math.Abs(got*kilometresPerMile-geo.Kilometres(p, q)) > 1e-6 {
			t.Errorf("from %s to %s: %v miles, about %v by the map and %v km by geo", c.from, c.to, got, c.miles, geo.Kilometres(p, q))
		}
	}
}
