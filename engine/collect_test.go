package engine_test

import (
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// counters is a network of two stores where buyers collect, one known by its ZIP and one by its point alone.
func counters(t *testing.T) *engine.Engine {
	t.Helper()
	noon := 12 * units.Hour
	return engineOf(t, &network.Source{
		Settings: network.Settings{
			Name: "counters", Currency: "USD", Carriers: []network.CarrierSource{{ID: "counter"}},
			Services: []network.ServiceSource{{ID: "collect", Carrier: "counter", Kind: network.KindCollect, DeliverBy: &noon}},
		},
		Warehouses: []network.WarehouseRow{
			{ID: "soho", Postal: "10012", Cutoff: &noon, Carriers: []string{"counter"}},
			{ID: "pier", Point: &geo.Point{Lat: 37.8, Lng: -122.4}, Cutoff: &noon, Carriers: []string{"counter"}},
		},
		SKUs: []network.SKURow{{ID: "mug", Weight: units.Pound}},
	})
}

// What a buyer collects needs no destination: it goes no farther than the counter, whose time zone counts.
func TestCollectedOrdersNeedNoDestination(t *testing.T) {
	e := counters(t)
	stock := engine.NewStockView(1, 2)
	snap := e.Snapshot()
	for w := range snap.Warehouses {
		stock.Set(0, int32(w), 5)
	}
	now, err := units.ParseInstant("2026-11-24T04:00:00Z") // Monday evening in both cities
	if err != nil {
		t.Fatal(err)
	}
	var d engine.Decision
	for _, tc := range []struct{ at, arrival string }{
		{"soho", "2026-11-24T17:00:00Z"},
		{"pier", "2026-11-24T20:00:00Z"},
	} {
		o := &engine.Order{Lines: []engine.Line{{SKU: "mug", Quantity: 1}}, CollectAt: tc.at, Promise: engine.Promise{Date: units.DateOf(2026, 11, 24)}}
		if err := e.Decide(stock, o, now, e.NewScratch(), &d); err != nil {
			t.Errorf("%s: %v", tc.at, err)
			continue
		}
		if d.Outcome != engine.Planned || d.Arrival.String() != tc.arrival || snap.Warehouses[d.Shipments[0].Warehouse].ID != tc.at {
			t.Errorf("%s: %v, there at %v, want %s", tc.at, d.Outcome, d.Arrival, tc.arrival)
		}
	}
	err = e.Decide(stock, &engine.Order{Lines: []engine.Line{{SKU: "mug", Quantity: 1}}, CollectAt: "shoo"}, now, e.NewScratch(), &d)
	if err == nil || !strings.Contains(err.Error(), "collect_at: unknown warehouse") || strings.Contains(err.Error(), "destination") {
		t.Errorf("an unknown counter is told as %v", err)
	}
}
