package enginetest

import (
	"math/rand/v2"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// PriceRows draws shadow prices that matter to a world's orders: about half of the SKUs have them, in all warehouses or
// in a few, of up to 3.00 a unit, and so have the days of about half of the warehouses and some services there in the
// weeks after Start, of up to 2.00 a shipment. Some prices are equal, so that ties remain.
func (w *World) PriceRows(rng *rand.Rand) (rows []engine.PriceRow) {
	price := func(most int) units.Money {
		if rng.IntN(3) == 0 {
			return units.Currency
		}
		return units.Money(1+rng.IntN(most*100)) * units.Cent
	}
	for sku := range w.Snapshot.SKUs.IDs {
		if rng.IntN(2) == 0 {
			continue
		}
		share := pick(rng, 10, 50, 100)
		for wh := range w.Snapshot.Warehouses {
			if rng.IntN(100) < share {
				rows = append(rows, engine.PriceRow{Warehouse: int32(wh), SKU: int32(sku), Service: -1, Price: price(3)})
			}
		}
	}
	first := units.Date(int64(Start) / 86_400)
	for wh := range w.Snapshot.Warehouses {
		if rng.IntN(2) == 0 {
			continue
		}
		for service := range int32(1 + len(w.Snapshot.Services)) {
			if service > 0 && rng.IntN(5) > 0 {
				continue
			}
			if rng.IntN(4) == 0 {
				rows = append(rows, engine.PriceRow{Warehouse: int32(wh), SKU: -1, Service: service - 1, Price: price(2)})
				continue
			}
			for day := first; day < first+40; day++ {
				until := day + units.Date(rng.IntN(3))
				if rng.IntN(3) > 0 {
					rows = append(rows, engine.PriceRow{Warehouse: int32(wh), SKU: -1, Service: service - 1, From: day, Until: until, Price: price(2)})
				}
				day = until
			}
		}
	}
	return rows
}
