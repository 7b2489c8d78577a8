package claims_test

import (
	"math"
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/units"
)

// What a decision takes is held, and a network's days are what the ledger then counts, for the engine too.
func TestDecisionsAreHeld(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 3, Services: 2, SKUs: 5, Stocked: 100, Lines: 2})
	defer w.Close()
	snap := *w.Snapshot
	snap.Warehouses = slices.Clone(snap.Warehouses)
	for i := range snap.Warehouses {
		snap.Warehouses[i].DailyCapacity = int32(i) - 1 // without limit, closed, one a day
	}
	state := ledger.NewState(ledger.Config{})
	at := enginetest.Start
	rows := snap.Rows()
	if err := state.Extend(at, rows.Warehouses, rows.SKUs, rows.Services, nil); err != nil {
		t.Fatal(err)
	}
	if err := state.SetCapacity(at, claims.Limits(&snap, state.View())); err != nil {
		t.Fatal(err)
	}
	ship := units.Date(int64(at)/86_400) + 2
	days := claims.Days{View: state.View(), End: claims.EndOf(at)}
	for warehouse, want := range []int32{math.MaxInt32, 0, 1} {
		if got := days.WarehouseLeft(int32(warehouse), ship); got != want {
			t.Errorf("warehouse %d: %d left, want %d", warehouse, got, want)
		}
		if got := days.WarehouseLeft(int32(warehouse), days.End); got != 0 {
			t.Errorf("warehouse %d: %d left on the day that is the end", warehouse, got)
		}
	}

	if _, err := state.SetStock(at, ledger.Request{}, []ledger.StockLevel{{Warehouse: 2, SKU: 1, OnHand: 5}}); err != nil {
		t.Fatal(err)
	}
	d := engine.Decision{Outcome: engine.Planned, Shipments: []engine.Shipment{
		{Warehouse: 2, Service: 1, ShipDate: ship, Items: []engine.Item{{SKU: 1, Quantity: 3}}},
	}}
	a := ledger.Allocation{At: at, TTL: 60, Stock: []ledger.StockClaim{{SKU: 4, Quantity: 9}}} // of the decision before
	claims.Of(&a, &d)
	if _, err := state.Allocate(&a); err != nil {
		t.Fatal(err)
	}
	if got := state.Stock(2, 1); got.Held != 3 || got.Available != 2 {
		t.Errorf("%+v", got)
	}
	days.View = state.View()
	if got := days.WarehouseLeft(2, ship); got != 0 {
		t.Errorf("%d left of the day that the shipment took", got)
	}

	// A network without limits takes them away.
	for i := range snap.Warehouses {
		snap.Warehouses[i].DailyCapacity = -1
	}
	limits := claims.Limits(&snap, state.View())
	if !slices.ContainsFunc(limits, func(l ledger.CapacityLimit) bool { return l.Warehouse == 1 && l.Shipments == ledger.Unlimited }) ||
		slices.ContainsFunc(limits, func(l ledger.CapacityLimit) bool { return l.Warehouse == 0 && l.Service == ledger.AnyService }) {
		t.Errorf("%+v", limits)
	}
}
