package network

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

func load(t testing.TB, files fstest.MapFS, prev *Rows) *Snapshot {
	t.Helper()
	snap, _, err := LoadFS(files, prev)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// TestSmall looks at everything that the small network says, as the engine sees it.
func TestSmall(t *testing.T) {
	s, stock, err := Load("testdata/small")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "small" || s.Currency != "USD" || s.Minor != units.Cent || s.Places != geo.US() {
		t.Errorf("head: %q %q %v", s.Name, s.Currency, s.Minor)
	}
	want := Policy{
		SplitCost: 1_500_000, MaxShipments: 3, SplitLines: true, OnTime: 9_500, Late: LateAllow, LateCost: 5_000_000, Partial: PartialFill,
		CarbonPrice: 100_000, HoldSeconds: 900, MaxLines: 50, MaxUnits: 5_000, PromiseHorizon: 45, GuessZones: true, PackingFill: 8_500,
	}
	if s.Policy != want {
		t.Errorf("policy: %+v", s.Policy)
	}
	if got := strings.Join(s.Classes, " ") + "|" + strings.Join(s.Carriers, " "); got != "plain fragile hazmat|bolt counter fedex usps" {
		t.Errorf("classes and carriers: %s", got)
	}

	row := func(id string) *Warehouse {
		r, ok := s.Warehouse(id)
		if !ok {
			t.Fatalf("no warehouse %q", id)
		}
		return &s.Warehouses[r]
	}
	svc := func(id string) (*Service, uint64) {
		r, ok := s.Service(id)
		if !ok {
			t.Fatalf("no service %q", id)
		}
		return &s.Services[r], 1 << r
	}
	usps, uspsBit := svc("usps-ground")
	fedex, fedexBit := svc("fedex-ground")
	bolt, boltBit := svc("bolt-today")
	pickup, pickupBit := svc("pickup")

	reno, columbus, soho := row("reno"), row("columbus"), row("soho")
	if reno.Services != uspsBit|fedexBit|boltBit || columbus.Services != uspsBit|fedexBit|boltBit || soho.Services != uspsBit|pickupBit {
		t.Errorf("services: %b %b %b", reno.Services, columbus.Services, soho.Services)
	}
	if reno.Postal != "89502" || reno.TimeZone != "America/Los_Angeles" || columbus.TimeZone != "America/New_York" || soho.Postal != "" ||
		soho.Region != lanes.RegionOf("US", "10012") || soho.Point != (geo.Point{Lat: 40.7233, Lng: -74.003}) || soho.Kind != "store" {
		t.Errorf("places: %+v %+v", reno, soho)
	}
	if at, _ := geo.US().AreaCentreOf("US", "895"); geo.KilometresOfDot(reno.Centre.Dot(at.Unit())) > 0.1 {
		t.Errorf("reno's centre is %v, not %v", reno.Centre.Point(), at)
	}
	if reno.PerOrder != 1_100_000 || reno.PerLine != 300_000 || reno.PerUnit != 50_000 || reno.PerKilogram != 20_000 || reno.DailyCapacity != 1200 ||
		columbus.DailyCapacity != -1 {
		t.Errorf("handling: %+v", reno)
	}
	if reno.Classes != 0b111 || columbus.Classes != 0b011 {
		t.Errorf("classes: %b %b", reno.Classes, columbus.Classes)
	}
	if columbus.Rank != 0 || reno.Rank != 1 || soho.Rank != 2 {
		t.Error("ranks are not those of the ids")
	}

	day := func(s string) units.Date {
		d, err := units.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	dock := s.Profiles[reno.Profile].Dock
	if dock.Cutoff != 15*units.Hour || dock.Processing != 120 || !dock.Work.IsOpen(day("2026-11-28")) || dock.Work.IsOpen(day("2026-11-26")) {
		t.Errorf("reno's dock: %+v", dock)
	}
	if dock := s.Profiles[columbus.Profile].Dock; dock.Cutoff != 14*units.Hour || dock.Processing != 270 || dock.Work.IsOpen(day("2026-11-28")) {
		t.Errorf("columbus's dock: %+v", dock)
	}
	if dock := s.Profiles[soho.Profile].Dock; !dock.Work.IsOpen(day("2026-11-26")) {
		t.Error("soho rests on a holiday it has not")
	}
	pickups := func(w *Warehouse, id string) string {
		r, _ := s.Service(id)
		p := s.Profiles[w.Profile].Pickups[r]
		if p.Calendar == nil {
			return "none"
		}
		return fmt.Sprint(p.Times, p.Calendar.IsOpen(day("2026-11-27")), p.Calendar.IsOpen(day("2026-11-28")), p.Calendar.IsOpen(day("2026-11-26")))
	}
	for _, c := range []struct {
		at      *Warehouse
		service string
		want    string // times; open on Friday, Saturday, Thanksgiving
	}{
		{reno, "usps-ground", "[10:00 16:00] false true false"},
		{reno, "fedex-ground", "[19:30] true false false"},
		{columbus, "fedex-ground", "[12:00 18:00] true false false"},
		{columbus, "bolt-today", "[11:00 15:00] true false false"},
		{reno, "bolt-today", "[11:00 15:00] true true false"},
		{soho, "usps-ground", "[13:30] true true false"},
		{soho, "pickup", "[18:00] true true true"},
		{soho, "bolt-today", "none"},
	} {
		if got := pickups(c.at, c.service); got != c.want {
			t.Errorf("%s at %s: %s, want %s", c.service, c.at.ID, got, c.want)
		}
	}

	// Services.
	at, _ := s.Warehouse("reno")
	if zone, ok := usps.Zones.Lookup(usps.Origins[at], "US", "10001", usps.Scope); !ok || usps.Zones.Name(zone) != "8" {
		t.Error("the chart's zone of New York from Reno is not 8")
	}
	at, _ = s.Warehouse("columbus")
	if usps.Origins[at] != lanes.NoOrigin || !usps.Zones.Guesses() || fedex.Origins[at] == lanes.NoOrigin || fedex.TransitOrigins[at] == lanes.NoOrigin {
		t.Error("origins")
	}
	if len(usps.Tariff.Cards()) != 2 || usps.Tariff.At(day("2026-07-01")) == usps.Tariff.At(day("2026-06-30")) {
		t.Error("the cards do not change on 1 July")
	}
	eight, _ := usps.Zones.Zone("8")
	h := usps.Transit.Histogram(usps.Transit.Lookup(lanes.NoOrigin, usps.Transit.Dest("US", "10001"), usps.TransitScope, eight))
	if h.String() != "4:9000 5:700 6:300" {
		t.Errorf("transit to zone 8: %v", h)
	}
	if fedex.DeliverBy != 19*units.Hour || !fedex.CommercialOnly || fedex.DailyCapacity != 500 || fedex.PerShipment != 250_000 || len(fedex.ByArea) != 1 ||
		!fedex.ByArea[0].Calendar.IsOpen(day("2026-11-28")) || fedex.ByArea[0].Mask != fedex.Attrs.Of("US", "89045")&^fedex.Attrs.Of("US", "89001")&^must(fedex.Attrs.Bit("commercial_das_remote")) {
		t.Errorf("fedex: %+v", fedex)
	}
	if bolt.Zones != nil || bolt.OnlyZone != 1 || len(bolt.Served) != 1 || !bolt.ResidentialOnly || bolt.DeliverBy != 20*units.Hour || bolt.Classes != 0b111 ||
		usps.Classes != 0b011 {
		t.Errorf("bolt: %+v", bolt)
	}
	mug := &ratecards.Parcel{Weight: 14 * units.Ounce}
	if r := bolt.Tariff.At(day("2026-11-02")).Rate(mug, bolt.OnlyZone, 0, day("2026-11-02")); r.Total != 12*units.Currency {
		t.Errorf("bolt costs %v", r.Total)
	}
	if r := pickup.Tariff.At(day("2026-11-02")).Rate(mug, pickup.OnlyZone, 0, day("2026-11-02")); r.Total != 0 || pickup.Kind != Collect {
		t.Errorf("collection costs %v", r.Total)
	}
	if n, ok := pickup.Transit.Days(pickup.Transit.Lookup(pickup.TransitOrigins[0], pickup.Transit.Dest("US", "10012"), pickup.TransitScope, pickup.OnlyZone), 9_500); !ok || n != 0 {
		t.Errorf("collection takes %d days, %v", n, ok)
	}

	// SKUs, boxes, stock.
	r, ok := s.SKUs.Row("paint")
	if !ok || s.SKUs.Class[r] != 0b100 || s.SKUs.Flags[r] != ratecards.Hazmat|ratecards.Nonstandard || s.SKUs.Sides[r] != [3]units.Length{8 * units.Inch, 7 * units.Inch, 7 * units.Inch} ||
		s.SKUs.Value[r] != 31*units.Currency || s.SKUs.ShipsAlone[r] || s.SKUs.Gone[r] {
		t.Error("paint")
	}
	if r, _ = s.SKUs.Row("sofa pillow"); !s.SKUs.ShipsAlone[r] || s.SKUs.Flags[r] != ratecards.Nonrectangular {
		t.Error("sofa pillow")
	}
	if len(s.Boxes) != 2 || s.Boxes[0].ID != "small" || s.Boxes[1].Outside != s.Boxes[1].Inside || s.Boxes[0].MaxWeight != 20*units.Pound {
		t.Errorf("boxes: %+v", s.Boxes)
	}
	if len(stock.Rows) != 5 || stock.Rows[3] != (StockRow{Warehouse: "columbus", SKU: "mug", OnHand: 300, AvailableFrom: day("2026-12-01"), Line: 5}) {
		t.Errorf("stock: %+v", stock.Rows)
	}
}

func must[T any](v T, ok bool) T {
	if !ok {
		panic("not there")
	}
	return v
}

// TestDefaults compiles the least network there can be.
func TestDefaults(t *testing.T) {
	noon := 12 * units.Hour
	src := &Source{
		Settings: Settings{
			Name: "least", Currency: "JPY",
			Carriers: []CarrierSource{{ID: "counter"}},
			Services: []ServiceSource{{ID: "collect", Carrier: "counter", Kind: KindCollect}},
		},
		Warehouses: []WarehouseRow{{ID: "w", Postal: "10001", Cutoff: &noon, Carriers: []string{"counter"}}},
		SKUs:       []SKURow{{ID: "s", Weight: units.Gram}},
	}
	s, err := Compile(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Policy{MaxShipments: 1, OnTime: 9_500, HoldSeconds: 900, MaxLines: 100, MaxUnits: 100_000, PromiseHorizon: 60, PackingFill: units.WholePercent}
	if s.Policy != want || s.Minor != units.Currency {
		t.Errorf("policy %+v, minor %v", s.Policy, s.Minor)
	}
	again, err := Compile(src, nil)
	if err != nil || again.Version != s.Version {
		t.Errorf("compiled again: %v, %v", again, err)
	}
}

// TestCompileFaults covers what only a program can get wrong: the files' types would not let it through.
func TestCompileFaults(t *testing.T) {
	late := 25 * units.Hour
	base := func() *Source {
		src, err := Read(os.DirFS("testdata/small"))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	for _, c := range []struct {
		name  string
		spoil func(*Source)
		want  string
	}{
		{"capacity", func(s *Source) { s.Warehouses[0].Capacity = -1 }, "warehouses.csv:2:13 daily_capacity: -1 is no capacity"},
		{"cutoff", func(s *Source) { s.Warehouses[0].Cutoff = &late }, "warehouses.csv:2:9 cutoff: 90000 seconds are no time of day"},
		{"processing", func(s *Source) { s.Warehouses[0].Processing = -1 }, "warehouses.csv:2:10 processing_hours: -1 minutes are out of range"},
		{"point", func(s *Source) { s.Warehouses[0].Point = &geo.Point{Lat: 91} }, "warehouses.csv:2:5 lat: "},
		{"name", func(s *Source) { s.Warehouses[0].Name = strings.Repeat("x", 101) }, "warehouses.csv:2:2 name: the name has 101 bytes"},
		{"id", func(s *Source) { s.Warehouses[0].ID = "a b" }, `warehouses.csv:2:1 id: "a b" is no id; write letters and digits without blanks, as "a-b"`},
		{"long id", func(s *Source) { s.Warehouses[0].ID = strings.Repeat("x", 101) }, "warehouses.csv:2:1 id: "},
		{"sku", func(s *Source) { s.SKUs[0].ID = "a\x00b" }, "skus.csv:2:1 sku: "},
		{"long sku", func(s *Source) { s.SKUs[0].ID = strings.Repeat("x", 101) }, "skus.csv:2:1 sku: "},
		{"side", func(s *Source) { s.SKUs[0].Sides[1] = -1 }, "skus.csv:2:4 width: -0.001 mm is out of range"},
		{"on hand", func(s *Source) { s.Stock[0].OnHand = -1 }, "stock.csv:2:3 on_hand: -1 units are out of range"},
		{"safety", func(s *Source) { s.Stock[0].Safety = -1 }, "stock.csv:2:4 safety: -1 units are out of range"},
		{"boxes", func(s *Source) {
			for i := range 65 {
				s.Settings.Boxes = append(s.Settings.Boxes, BoxSource{ID: fmt.Sprint(i), Inside: Dims{1, 1, 1}})
			}
		}, "network.yaml:91:3 boxes: there are 67 boxes"},
		{"classes", func(s *Source) {
			for i := range 40 {
				s.Settings.Classes[fmt.Sprint(i)] = ClassSource{}
			}
		}, "network.yaml:43:3 classes: there are 43 classes"},
		{"services", func(s *Source) {
			for i := range 70 {
				v := s.Settings.Services[3]
				v.ID = fmt.Sprint(i)
				s.Settings.Services = append(s.Settings.Services, v)
			}
		}, "network.yaml:53:3 services: there are 74 services"},
		{"bands", func(s *Source) {
			s.Settings.Zones["fedex"] = ZoneSetSource{Bands: make([]BandSource, 65)}
		}, "network.yaml:38:7 zones.fedex.bands: the rule has 65 bands"},
		{"pickups", func(s *Source) {
			s.Settings.Services[0].Pickup.Times = nil
			for i := range 49 {
				s.Settings.Services[0].Pickup.Times = append(s.Settings.Services[0].Pickup.Times, units.Clock(i))
			}
		}, "network.yaml:59:37 services[0].pickup.times: 49 pickups a day"},
		{"no calendar", func(s *Source) { s.Settings.Services[1].DeliveryByArea = make([]AreaDeliverySource, 2) }, "network.yaml:72:7 services[1].delivery_by_area[1].areas: the attributes are missing"},
		{"no area list", func(s *Source) {
			s.Settings.Services[1].Areas = ""
			s.Cards = slices.DeleteFunc(s.Cards, func(c *ratecards.Source) bool { return c.Service == "fedex-ground" })
		}, "network.yaml:72:18 services[1].delivery_by_area[0].areas[0]: the service has no area list"},
		{"zone set name", func(s *Source) { s.Charts["a b"] = s.Charts["usps"] }, `zones/a b: "a b" is no id`},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := base()
			c.spoil(src)
			_, err := Compile(src, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	src, err := Read(edited(t, edit{"stock.csv", "120", "many"}))
	if err == nil {
		t.Fatal("stock of many")
	}
	if _, err := Compile(src, nil); err == nil {
		t.Error("a source with faults was compiled")
	}
}

// TestManyFaults bounds what is said of a file in which every row is wrong.
func TestManyFaults(t *testing.T) {
	var stock bytes.Buffer
	stock.WriteString("warehouse,sku,on_hand\n")
	for i := range 20_000 {
		fmt.Fprintf(&stock, "reno,sku-%d,1\n", i)
	}
	got := Check(edited(t, edit{"stock.csv", "", stock.String()}))
	if len(got) != maxFaults+1 || got[0].Problem != "more than 1000 faults; the others are not listed" {
		t.Errorf("%d faults, the first %v", len(got), got[0])
	}
	got = Check(edited(t, edit{"stock.csv", "", strings.ReplaceAll(stock.String(), ",1\n", ",one\n")}))
	if len(got) != maxFaults+1 || got[0].Problem != "more than 1000 faults; the others are not listed" {
		t.Errorf("%d faults, the first %v", len(got), got[0])
	}
}

// TestLineage compiles a network after another: what both have keeps its row, what is gone stays as a closed one.
func TestLineage(t *testing.T) {
	first := load(t, small(t), nil)
	next := load(t, edited(t,
		edit{"warehouses.csv", "columbus,Columbus DC", "austin,Austin DC"}, edit{"warehouses.csv", "43215", "78701"},
		edit{"stock.csv", "columbus,mug,5,8,", "austin,mug,5,8,"}, edit{"stock.csv", "columbus,mug,300,,2026-12-01\n", ""},
		edit{"skus.csv", "paint,4.07 lb", "clay,4.07 lb"}, edit{"stock.csv", "paint", "clay"},
		edit{"network.yaml", "  - id: fedex-ground\n", "  - id: ground\n    cards: fedex-ground\n    transit: fedex-ground\n"},
		edit{"pickups.csv", "reno,,fedex-ground", "reno,,ground"},
	), first.Rows())
	for _, c := range []struct {
		id        string
		was, now  int32
		closed    bool
		mustExist bool
	}{{id: "columbus", was: 0, now: 0, closed: true}, {id: "reno", was: 1, now: 1}, {id: "soho", was: 2, now: 2}} {
		was, _ := first.Warehouse(c.id)
		now, ok := next.Warehouse(c.id)
		if was != c.was || now != c.now || !ok || next.Warehouses[now].Closed != c.closed || next.Warehouses[now].ID != c.id {
			t.Errorf("%s: %d, then %d", c.id, was, now)
		}
	}
	if row, ok := next.Warehouse("austin"); !ok || row != 3 || next.Warehouses[3].Rank != 0 || next.Warehouses[0].Rank != 1 {
		t.Errorf("austin is in row %d with rank %d", row, next.Warehouses[3].Rank)
	}
	gone := &next.Warehouses[0]
	if gone.Services != 0 || gone.DailyCapacity != -1 || next.Profiles[gone.Profile].Dock.Zone == nil || next.Profiles[gone.Profile].Dock.Work == nil {
		t.Errorf("columbus can still ship: %+v", gone)
	}
	paint, _ := next.SKUs.Row("paint")
	clay, _ := next.SKUs.Row("clay")
	if was, _ := first.SKUs.Row("paint"); paint != was || !next.SKUs.Gone[paint] || next.SKUs.Gone[clay] || clay != int32(len(first.SKUs.IDs)) {
		t.Errorf("paint %d, clay %d", paint, clay)
	}
	old, _ := next.Service("fedex-ground")
	if was, _ := first.Service("fedex-ground"); old != was || next.Services[old].Tariff == nil || next.Carriers[next.Services[old].Carrier] != "" || len(next.Services) != 5 {
		t.Errorf("fedex-ground: %+v", next.Services[old])
	}
	for i := range next.Services {
		if s := &next.Services[i]; len(s.Origins) != 4 || len(s.TransitOrigins) != 4 || s.Transit == nil || s.Linehaul == nil || s.Delivery == nil {
			t.Errorf("service %q has not all its columns", s.ID)
		}
	}

	// A third that has all again, in the rows they had.
	third := load(t, small(t), next.Rows())
	for i := range first.Warehouses {
		if third.Warehouses[i].ID != first.Warehouses[i].ID || third.Warehouses[i].Closed {
			t.Errorf("row %d is %+v", i, third.Warehouses[i])
		}
	}
	if third.Version != first.Version || next.Version == first.Version {
		t.Error("a version depends on the lineage, or not on the network")
	}
	// Stock of what only the lineage has is of something unknown.
	_, _, err := LoadFS(edited(t, edit{"stock.csv", "reno,mug,120", "austin,clay,120"}), next.Rows())
	if err == nil || !strings.Contains(err.Error(), `unknown warehouse "austin"`) || !strings.Contains(err.Error(), `unknown SKU "clay"`) {
		t.Errorf("stock of removed things: %v", err)
	}
}

// TestVersion tells what changes a version and what does not.
func TestVersion(t *testing.T) {
	base := load(t, small(t), nil).Version
	if len(base) != 32 {
		t.Errorf("version %q is no half of SHA-256 in hex", base)
	}
	for _, c := range []struct {
		name  string
		edits []edit
		same  bool
	}{
		{"stock", []edit{{"stock.csv", "120", "121"}}, true},
		{"no stock file", []edit{{"stock.csv", "", ""}}, true},
		{"comments", []edit{{"network.yaml", "# A small network", "# The small network"}, {"zones/usps.csv", "# source: made up for this test\n", ""}, {"warehouses.csv", "reno,", "# note\nreno,"}}, true},
		{"row order", []edit{{"skus.csv", "sticker,5 g,,,,plain,,,1.00\n", ""}, {"skus.csv", "mug,", "sticker,5 g,,,,plain,,,1.00\nmug,"},
			{"zones/usps.csv", "895,100-149,8,,\n895,894-897,1,,*", "895,894-897,1,,*\n895,100-149,8,,"}}, true},
		{"file order", []edit{{"cards/usps-ground-2.yaml", "", ""}, {"cards/a.yaml", "", `carrier: USPS
service: usps-ground
currency: USD
effective_from: 2026-07-01
source: {text: made up for this test}
structures:
  - {name: package, kind: weight, prices: usps-ground.csv}
`}}, true},
		{"list order", []edit{{"network.yaml", "  - {id: bolt}\n  - {id: counter, name: Our counter}\n", "  - {id: counter, name: Our counter}\n  - {id: bolt}\n"}, {"warehouses.csv", "usps;fedex;bolt", "bolt usps fedex"}}, true},
		{"the same written otherwise", []edit{{"skus.csv", "14 oz", "396.89332375 g"}, {"skus.csv", "24\n", "24.00\n"}, {"network.yaml", "week: mon-sat", "week: \"sat,mon-fri\""}, {"warehouses.csv", "mon-sat,,", "mon-sat,us,"}}, true},
		{"defaults spelled out", []edit{{"network.yaml", "    carrier: counter\n", "    carrier: counter\n    name: pickup\n    linehaul: \"\"\n"}, {"warehouses.csv", "columbus,Columbus DC,,", "columbus,Columbus DC,dc,"}, {"skus.csv", "sofa pillow,2 lb,20 in,20 in,6 in,,", "sofa pillow,2 lb,20 in,20 in,6 in,plain,"}}, true},
		{"another file of the set", []edit{{"zones/usps.csv", "895,894-897,1,,*\n", ""}, {"zones/usps/more.csv", "", "origin,destination,zone,notes\n895,894-897,1,*\n"}}, true},
		{"what nothing uses", []edit{{"zones/dhl.csv", "", "origin,destination,zone\n1,2,3\n"}, {"areas/cities.geojson", "\"soho\"", "\"tribeca\""}, {"calendars/uk.csv", "", "calendar,date\nuk,2026-12-26\n"}}, true},

		{"name", []edit{{"network.yaml", "name: small", "name: tiny"}}, false},
		{"policy", []edit{{"network.yaml", "split_cost: 1.50", "split_cost: 1.51"}}, false},
		{"class flags", []edit{{"network.yaml", "flags: [hazmat]", "flags: [hazmat, tube]"}}, false},
		{"box", []edit{{"network.yaml", "cost: 1.10", "cost: 1.11"}}, false},
		{"holiday", []edit{{"calendars/us.csv", "2026-11-26", "2026-11-27"}}, false},
		{"cut-off", []edit{{"network.yaml", "cutoff: 14:00", "cutoff: 14:01"}}, false},
		{"service", []edit{{"network.yaml", "deliver_by: \"19:00\"", "deliver_by: \"18:00\""}}, false},
		{"delivery calendar", []edit{{"network.yaml", "calendar: weekends", "calendar: usps"}}, false},
		{"pickup time", []edit{{"network.yaml", "\"17:00\"", "\"17:01\""}}, false},
		{"pickup exception", []edit{{"pickups.csv", "13:30", "13:31"}}, false},
		{"warehouse", []edit{{"warehouses.csv", "1.10,0.30", "1.10,0.31"}}, false},
		{"carriers of a warehouse", []edit{{"warehouses.csv", "usps counter", "counter"}, {"pickups.csv", "soho,usps,,,13:30\n", ""}}, false},
		{"SKU", []edit{{"skus.csv", "14 oz", "15 oz"}}, false},
		{"price", []edit{{"cards/usps-ground.csv", "5.70", "5.71"}}, false},
		{"fuel", []edit{{"cards/fedex-fuel.csv", "18%", "18.25%"}}, false},
		{"surcharge", []edit{{"cards/fedex-ground.yaml", "4.45", "4.46"}}, false},
		{"zone", []edit{{"zones/usps.csv", "895,100-149,8", "895,100-149,7"}}, false},
		{"distance rule", []edit{{"network.yaml", "miles: 150", "miles: 151"}}, false},
		{"region", []edit{{"network.yaml", "AK: \"8\"", "AK: \"7\""}}, false},
		{"area attribute", []edit{{"areas/fedex.csv", "89001,das,,", "89001,das,,das_remote"}}, false},
		{"service area", []edit{{"areas/cities.geojson", "[-119.7, 39.45], [-119.7, 39.6]", "[-119.6, 39.45], [-119.6, 39.6]"}}, false},
		{"transit", []edit{{"transit/fedex-ground.csv", "430-432,430-449,,1", "430-432,430-449,,2"}}, false},
		{"transit by zone", []edit{{"transit/usps.csv", "1,ground,2", "1,ground,3"}}, false},
		{"places", []edit{{"places/de.txt", "", "DE\t10115\tBerlin\tBerlin\tBE\t\t\t\t\t52.5323\t13.3846\t4\n"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := load(t, edited(t, c.edits...), nil).Version; (got == base) != c.same {
				t.Errorf("the version is the same: %v, want %v", got == base, c.same)
			}
		})
	}
}

// TestVersionSeesEveryField changes every field of the settings, one at a time, in a network built in code.
func TestVersionSeesEveryField(t *testing.T) {
	src := func() *Source {
		s, err := Read(os.DirFS("testdata/small"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	snap, err := Compile(src(), nil)
	if err != nil {
		t.Fatal(err)
	}
	numeric := func(v reflect.Value) bool { return v.Kind() >= reflect.Int && v.Kind() <= reflect.Int64 }
	policy := reflect.TypeFor[PolicySource]()
	for i := range policy.NumField() {
		s := src()
		f := reflect.ValueOf(&s.Settings.Policy).Elem().Field(i)
		switch {
		case f.Kind() == reflect.Bool:
			f.SetBool(!f.Bool())
		case numeric(f):
			f.SetInt(f.Int() - 1)
		case f.String() == "allow":
			s.Settings.Policy.LateCost = 0
			f.SetString("refuse")
		default:
			f.SetString("refuse")
		}
		changed, err := Compile(s, nil)
		if err != nil || changed.Version == snap.Version {
			t.Errorf("%s: %v, version unchanged", policy.Field(i).Name, err)
		}
	}
}

// TestConfined checks that nothing outside the directory is read, be it by a link or by a name.
func TestConfined(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(outside, []byte("not_over,1\n1 lb,5.00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, small(t)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "cards/usps-ground.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "cards/usps-ground.csv")); err != nil {
		t.Skip("no symbolic links here")
	}
	_, _, err := Load(dir)
	if fe, ok := errors.AsType[*faults.Error](err); !ok || !strings.Contains(fe.Error(), "cards/usps-ground.csv") {
		t.Errorf("a link out of the directory was followed: %v", err)
	}
	got := Check(edited(t, edit{"cards/fedex-ground.yaml", "prices: fedex-ground.csv", "prices: ../../secret.csv"}))
	if len(got) == 0 || !strings.Contains(got[0].String(), "cannot be read") {
		t.Errorf("a name out of the directory: %v", got)
	}
	if _, _, err := Load(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a directory that is not there was loaded")
	}
}

func TestWarnings(t *testing.T) {
	src, err := Read(edited(t,
		edit{"stocks.csv", "", "x\n"}, edit{"orders.csv", "", "x\n"}, edit{"stock.csv", "", ""},
		edit{"zones/dhl.csv", "", "origin,destination,zone\n1,2,3\n"}, edit{"areas/dhl.csv", "", "postal,attributes\n1,far\n"},
		edit{"transit/dhl.csv", "", "days\n3\n"}, edit{"network.yaml", "calendars:\n", "calendars:\n  spare: {week: daily}\n"},
		edit{"cards/dhl.yaml", "", "carrier: DHL\nservice: dhl\ncurrency: USD\neffective_from: 2026-01-01\nsource: {text: x}\nstructures: [{name: a, kind: flat, price: 1.00}]\n"},
		edit{"cards/bolt-today.yaml", "effective_from: 2026-01-01", "effective_from: 2026-01-01\neffective_to: 2026-11-30"},
	))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(src, nil); err != nil {
		t.Errorf("warnings keep the network from being compiled: %v", err)
	}
	src.Stock = []StockRow{{Warehouse: "reno", SKU: "mug", OnHand: 5, Safety: 8, Line: 7}, {Warehouse: "reno", SKU: "paint", OnHand: 8, Safety: 8}}
	want := `areas/dhl: no service uses it; name it in a service, or remove it
cards/dhl.yaml service: no service of the network is priced by the card of "dhl"; add a service that is priced by it, or remove the card
network.yaml:28:10 calendars.spare: no service uses the calendar; name it in a service, or leave it out
network.yaml:78:5 services[2]: service "bolt-today" has no rate card in force on 2026-12-10; add the card that holds then
stock.csv:7 on_hand: 5 of SKU "mug" at "reno" are below the safety of 8: none can be promised; check both numbers
stocks.csv: the file is no part of a network, but nearly has the name of one; rename it if it is meant to be read
transit/dhl: no service uses it; name it in a service, or remove it
zones/dhl: no service uses it; name it in a service, or remove it`
	if got := strings.Join(lines(Warnings(src, units.DateOf(2026, 11, 10))), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	src.Stock = slices.Repeat(src.Stock[:1], 5_000)
	if n := len(Warnings(src, units.DateOf(2026, 11, 10))); n > maxFaults+20 {
		t.Errorf("%d warnings", n)
	}
	in := &Source{Settings: Settings{Services: []ServiceSource{{ID: "a"}}}}
	if got := Warnings(in, 0); len(got) != 1 || got[0].Row != 0 {
		t.Errorf("a service built in code without a card: %v", got)
	}
}

func TestMinorUnit(t *testing.T) {
	for code, want := range map[string]units.Money{"USD": 10_000, "EUR": 10_000, "JPY": 1_000_000, "KWD": 1_000, "usd": 0, "": 0, "XXX": 0} {
		if got, ok := MinorUnit(code); got != want || ok != (want != 0) {
			t.Errorf("MinorUnit(%q) = %v, %v", code, got, ok)
		}
	}
	for _, code := range currencies() {
		if len(code) != 3 || strings.ToUpper(code) != code {
			t.Errorf("%q is no ISO 4217 code", code)
		}
	}
}

// TestRegions compares the regions with those that package lanes takes.
func TestRegions(t *testing.T) {
	zones := map[string]string{}
	for _, r := range regions {
		zones[r] = "1"
	}
	var fl faults.List
	lanes.Compile(nil, &lanes.Fallback{Zones: []string{"1"}, Regions: zones}, "", &fl)
	if fl.Len() > 0 {
		t.Error(fl.Err())
	}
	lanes.Compile(nil, &lanes.Fallback{Zones: []string{"1"}, Regions: map[string]string{"": "1", "XX": "1"}}, "", &fl)
	if fl.Len() != 2 || !strings.Contains(fl.Err().Error(), fmt.Sprint(regions)) {
		t.Errorf("package lanes has other regions: %v", fl.Err())
	}
}

func TestDimsText(t *testing.T) {
	d := Dims{12 * units.Inch, 9*units.Inch + 1, 0}
	text, err := d.MarshalText()
	if err != nil || string(text) != "304.800x228.601x0.000 mm" {
		t.Errorf("%s, %v", text, err)
	}
	var back Dims
	if err := back.UnmarshalText(text); err != nil || back != d {
		t.Errorf("%v comes back as %v, %v", d, back, err)
	}
}
