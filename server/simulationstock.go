package server

import (
	"math"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// fork puts what the server has or had in stock, and what is on its way to it, in place of a network's stock, as far as that has
// the warehouses and SKUs.
func (j *simulationJob) fork(stand *ledger.Stand, src *network.Source, h *history.History) {
	warehouses, skus, _, _ := j.s.ledger.Names() // which may have grown since, and keep their rows
	ships, sold := map[string]bool{}, map[string]bool{}
	for i := range src.Warehouses {
		ships[src.Warehouses[i].ID] = true
	}
	for i := range src.SKUs {
		sold[src.SKUs[i].ID] = true
	}
	src.Stock = nil
	for _, level := range stand.Levels {
		row := network.StockRow{Warehouse: warehouses[level.Warehouse], SKU: skus[level.SKU], OnHand: level.OnHand, Safety: level.Safety}
		if ships[row.Warehouse] && sold[row.SKU] {
			src.Stock = append(src.Stock, row)
		}
	}
	begins := units.Instant(math.MaxInt64)
	if len(h.At) > 0 {
		begins = h.At[0]
	}
	if len(h.Moves) > 0 {
		begins = min(begins, h.Moves[0].At)
	}
	for _, r := range stand.Receipts {
		m := history.Move{At: begins, Kind: history.Inbound, Warehouse: warehouses[r.Warehouse], SKU: skus[r.SKU], Quantity: r.Quantity, Due: r.From}
		if m.Due <= begins {
			m.Kind, m.Due = history.Adjust, 0
		}
		if ships[m.Warehouse] && sold[m.SKU] {
			j.inbound = append(j.inbound, m)
		}
	}
}
