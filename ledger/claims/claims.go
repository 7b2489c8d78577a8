// Package claims is where the engine and the ledger meet: the capacities of a network become limits of the ledger, a view of
// the ledger tells the engine what is left of days, and a decision becomes claims. A live server and a replay share it, since a
// replay has to decide what the server did.
//
// Rows of the ledger are rows of the snapshot.
package claims

import (
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// Of writes what a decision takes into an allocation: its units, and one shipment of each of its days. A refusal takes nothing, and
// the allocation says that it is one.
func Of(c *ledger.Allocation, d *engine.Decision) {
	c.Stock, c.Shipments = c.Stock[:0], c.Shipments[:0]
	if c.Refused = d.Outcome != engine.Planned; c.Refused {
		return
	}
	for i := range d.Shipments {
		s := &d.Shipments[i]
		for _, it := range s.Items {
			c.Stock = append(c.Stock, ledger.StockClaim{
				Warehouse: ledger.Warehouse(s.Warehouse), SKU: ledger.SKU(it.SKU), Quantity: it.Quantity,
			})
		}
		c.Shipments = append(c.Shipments, ledger.ShipmentClaim{
			Warehouse: ledger.Warehouse(s.Warehouse), Service: ledger.Service(s.Service), Date: s.ShipDate, Shipments: 1,
		})
	}
}

// Limits returns the limits that a ledger, which knows the names of a snapshot, is to have for it: the daily capacity of every
// warehouse and of every service where it is handed over, and no limit where the view has one that the snapshot has not.
func Limits(snap *network.Snapshot, view ledger.View) []ledger.CapacityLimit {
	var limits []ledger.CapacityLimit
	limit := func(w, service int, shipments int32) {
		l := ledger.CapacityLimit{
			Warehouse: ledger.Warehouse(w), Service: ledger.Service(service), Date: ledger.EveryDay, Shipments: shipments,
		}
		if shipments < 0 {
			if !view.Limited(l.Warehouse, l.Service) {
				return
			}
			l.Shipments = ledger.Unlimited // which it was not before
		}
		limits = append(limits, l)
	}
	for w := range snap.Warehouses {
		limit(w, int(ledger.AnyService), snap.Warehouses[w].DailyCapacity)
		for i := range snap.Services {
			if snap.Warehouses[w].Services>>i&1 == 1 {
				limit(w, i, snap.Services[i].DailyCapacity)
			}
		}
	}
	return limits
}

// Days is what a view of a ledger leaves of capacity, as the engine asks for it.
type Days struct {
	View ledger.View
	End  units.Date // the first ship date that counts as used up; see EndOf
}

// EndOf returns the first day whose capacity counts as used up for a decision at a moment. The ledger's own end of the days
// that it counts moves with its clock, which no event tells; a week before it does not depend on that.
func EndOf(now units.Instant) units.Date {
	const secondsADay = 86_400
	return units.Date(int64(now)/secondsADay) + ledger.Horizon - 9
}

// WarehouseLeft implements engine.Capacity.
func (d *Days) WarehouseLeft(warehouse int32, ship units.Date) int32 {
	return d.Left(ledger.Warehouse(warehouse), ledger.AnyService, ship)
}

// ServiceLeft implements engine.Capacity.
func (d *Days) ServiceLeft(warehouse, service int32, ship units.Date) int32 {
	return d.Left(ledger.Warehouse(warehouse), ledger.Service(service), ship)
}

// Left returns how many more shipments leave a warehouse on a ship date, by a service or, with ledger.AnyService, by all.
func (d *Days) Left(warehouse ledger.Warehouse, service ledger.Service, ship units.Date) int32 {
	if ship >= d.End {
		return 0
	}
	return d.View.CapacityLeft(warehouse, service, ship)
}
