// Package usparcel_test holds the example network to its word: it loads without a fault, its published figures are
// the published ones, all others say that they are assumed, and its orders can be decided.
package usparcel_test

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// decisionTime is when the orders are decided, as README.md says.
const decisionTime = "2026-11-23T15:00:00Z"

func now(t *testing.T) units.Instant {
	t.Helper()
	at, err := units.ParseInstant(decisionTime)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestNetworkHasNoFault(t *testing.T) {
	for _, f := range network.Check(os.DirFS(".")) {
		t.Error(f)
	}
	src, err := network.Read(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range network.Warnings(src, units.DateOf(2026, 11, 23)) {
		t.Error("warning:", f)
	}
	stores := 0
	for _, w := range src.Warehouses {
		if w.Kind == "store" {
			stores++
		}
	}
	if len(src.Warehouses) != 12 || stores != 3 || len(src.SKUs) != 600 {
		t.Errorf("%d warehouses, %d of them stores, and %d SKUs; want 12, 3 and 600", len(src.Warehouses), stores, len(src.SKUs))
	}
}

// Every figure comes from a source that its card names, or says that it is assumed.
func TestEveryCardCitesItsSource(t *testing.T) {
	src, err := network.Read(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range src.Cards {
		if c.Source.Text == "" || c.Source.Date == 0 {
			t.Errorf("%s: the card names no source or no date: %+v", c.File, c.Source)
		}
		published := c.Carrier == "USPS" // whose price files hold the surcharges too
		for _, s := range c.Surcharges {
			if s.Assumed == published {
				t.Errorf("%s: surcharge %s: assumed is %v", c.File, s.Name, s.Assumed)
			}
		}
		for _, s := range c.Structures {
			if s.Assumed != (c.Carrier == "Metro Courier") {
				t.Errorf("%s: structure %s: assumed is %v", c.File, s.Name, s.Assumed)
			}
		}
		if c.Fuel != nil {
			for _, w := range c.Fuel.Weeks {
				if !w.Assumed {
					t.Errorf("%s: the fuel from %v on is not marked as assumed", c.File, w.From)
				}
			}
		}
		if c.Tax != nil || c.Discount != nil {
			t.Errorf("%s: retail prices have no discount, and carriage of parcels no tax", c.File)
		}
	}
	for name, tables := range src.Transits {
		for _, x := range tables {
			if x.Text == "" || x.Effective == 0 {
				t.Errorf("transit %s: no source or no date", name)
			}
		}
	}
}

// The thresholds are strict and exclude each other as published: 48.1 in is handled by hand, 48 in is not, and what
// is oversize pays for that alone and for 90 lb at least.
func TestHandlingThresholds(t *testing.T) {
	src, err := network.Read(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(src.Cards, func(c *ratecards.Source) bool { return c.Service == "fedex_home_delivery" })
	snap, _, err := network.Load(".")
	if err != nil {
		t.Fatal(err)
	}
	row, _ := snap.Service("fedex_home_delivery")
	svc := &snap.Services[row]
	ship := units.DateOf(2026, 11, 23)
	zone, ok := svc.Zones.Zone("2")
	if !ok || i < 0 {
		t.Fatal("no zone 2 or no card")
	}
	for _, tc := range []struct {
		weight, sides string
		billable      units.Weight
		charges       []string
	}{
		{"50 lb", "48x20x4 in", 50 * units.Pound, nil},
		{"20 lb", "48x30x5 in", 52 * units.Pound, nil},
		{"20 lb", "48.1x20x4 in", 40 * units.Pound, []string{"additional_handling_dimensions", "peak_additional_handling"}},
		{"50.1 lb", "20x20x4 in", 51 * units.Pound, []string{"additional_handling_weight", "peak_additional_handling"}},
		{"60 lb", "60x10x8 in", 60 * units.Pound, []string{"additional_handling_weight", "peak_additional_handling"}},
		{"30 lb", "97x6x6 in", 90 * units.Pound, []string{"oversize", "peak_oversize"}},
	} {
		p := ratecards.Parcel{}
		if p.Weight, err = units.ParseWeight(tc.weight); err != nil {
			t.Fatal(err)
		}
		if p.Sides, err = units.ParseDims(tc.sides); err != nil {
			t.Fatal(err)
		}
		r := svc.Tariff.At(ship).Rate(&p, zone, 0, ship)
		if r.Reason != ratecards.Priced {
			t.Errorf("%s %s: %v", tc.weight, tc.sides, r.Reason)
			continue
		}
		var got []string
		for _, c := range r.Charges {
			if c.Kind == ratecards.ChargeSurcharge && c.Name != "residential" && c.Name != "peak_residential" {
				got = append(got, c.Name)
			}
		}
		if !slices.Equal(got, tc.charges) || r.Billable != tc.billable {
			t.Errorf("%s %s: charged %v for %v, want %v for %v", tc.weight, tc.sides, got, r.Billable, tc.charges, tc.billable)
		}
	}
}

// orders reads orders.jsonl.
func orders(t *testing.T) []*allotv1.Order {
	t.Helper()
	text, err := os.ReadFile("orders.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var list []*allotv1.Order
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		m := &allotv1.Order{}
		if err := protojson.Unmarshal(lines.Bytes(), m); err != nil {
			t.Fatalf("line %d: %v", len(list)+1, err)
		}
		list = append(list, m)
	}
	return list
}

// The orders are what the example says of them, whoever decides them: all kinds of plan and of refusal, each in its
// proportion.
func TestOrdersCanBeDecided(t *testing.T) {
	snap, stock, err := network.Load(".")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	view := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	for _, s := range stock.Rows {
		if s.AvailableFrom == 0 {
			w, _ := snap.Warehouse(s.Warehouse)
			sku, _ := snap.SKUs.Row(s.SKU)
			view.Set(sku, w, s.OnHand-s.Safety)
		}
	}
	list := orders(t)
	var d engine.Decision
	scratch, at := e.NewScratch(), now(t)
	outcomes, services, warehouses := map[engine.Outcome]int{}, map[string]int{}, map[string]int{}
	split, guessed := 0, 0
	for _, m := range list {
		o, err := server.ReadOrder(m)
		if err != nil {
			t.Fatalf("order %s: %v", m.GetId(), err)
		}
		if err := e.Decide(view, o, at, scratch, &d); err != nil {
			t.Errorf("order %s: %v", m.GetId(), err)
			continue
		}
		outcomes[d.Outcome]++
		if len(d.Shipments) > 1 {
			split++
		}
		for _, s := range d.Shipments {
			service := &snap.Services[s.Service]
			services[service.ID]++
			warehouses[snap.Warehouses[s.Warehouse].ID]++
			if s.Guessed {
				guessed++
			}
			if byZone := service.Zones != nil; s.Guessed != byZone {
				t.Errorf("order %s by %s: guessed is %v", m.GetId(), service.ID, s.Guessed)
			}
		}
	}
	t.Logf("outcomes %v, %d split, %d shipments with a guessed zone, services %v, warehouses %v", outcomes, split, guessed, services, warehouses)
	within := func(what string, n, lo, hi int) {
		if n < lo || n > hi {
			t.Errorf("%d orders are %s, want %d to %d", n, what, lo, hi)
		}
	}
	within("there", len(list), 2000, 2000)
	within("planned", outcomes[engine.Planned], 1800, 1960)
	within("split", split, 60, 300)
	within("out of stock", outcomes[engine.OutOfStock], 10, 80)
	within("promised too early", outcomes[engine.PromiseMissed], 5, 80)
	within("for where nothing goes", outcomes[engine.NotServed], 1, 40)
	for _, s := range snap.Services {
		if services[s.ID] == 0 {
			t.Errorf("no order goes by %s", s.ID)
		}
	}
	for _, w := range snap.Warehouses {
		if warehouses[w.ID] == 0 {
			t.Errorf("no order goes from %s", w.ID)
		}
	}
}
