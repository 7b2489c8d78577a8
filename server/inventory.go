package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ledger"
)

// Ceilings of stock answers.
const (
	maxStockAnswers   = 50_000
	maxShortfallHolds = 100
)

// A cell is where a stock counter is.
type cell struct {
	warehouse ledger.Warehouse
	sku       ledger.SKU
}

// compareCells puts cells in the order of their SKUs, then of their warehouses.
func compareCells(a, b cell) int {
	return cmp.Or(cmp.Compare(a.sku, b.sku), cmp.Compare(a.warehouse, b.warehouse))
}

// cellOf finds the counter that a request names, or adds what is wrong to fl.
func cellOf(snap *network.Snapshot, fl *faults.List, field, warehouse, sku string) cell {
	return cell{warehouseOf(snap, fl, field+".warehouse", warehouse), skuOf(snap, fl, field+".sku", sku)}
}

func warehouseOf(snap *network.Snapshot, fl *faults.List, field, id string) ledger.Warehouse {
	row, ok := snap.Warehouse(id)
	if !ok && id != "" {
		fl.Addf("", 0, 0, field, meant(fl.Len(), id, snap.Rows().Warehouses, "name a warehouse of the network"), "unknown warehouse %.100q", id)
	}
	return ledger.Warehouse(row)
}

func skuOf(snap *network.Snapshot, fl *faults.List, field, id string) ledger.SKU {
	row, ok := snap.SKUs.Row(id)
	if !ok && id != "" {
		fl.Addf("", 0, 0, field, meant(fl.Len(), id, snap.SKUs.IDs, "name a SKU of the network"), "unknown SKU %.100q", id)
	}
	return ledger.SKU(row)
}

// cellsOf finds the counters that a request's list names, each at most once.
func cellsOf[M interface {
	GetWarehouse() string
	GetSku() string
}](snap *network.Snapshot, fl *faults.List, list string, elements []M) []cell {
	cells := make([]cell, len(elements))
	first := make(map[cell]int, len(elements))
	for i, e := range elements {
		field := fmt.Sprintf("%s[%d]", list, i)
		before := fl.Len()
		cells[i] = cellOf(snap, fl, field, e.GetWarehouse(), e.GetSku())
		if fl.Len() > before || e.GetWarehouse() == "" || e.GetSku() == "" {
			continue
		}
		if at, ok := first[cells[i]]; ok {
			fl.Addf("", 0, 0, field, "name each warehouse and SKU once", "the same as %s[%d]", list, at)
			continue
		}
		first[cells[i]] = i
	}
	return cells
}

// SetStock implements allotv1.InventoryServiceServer.
func (s *Server) SetStock(_ context.Context, request *allotv1.SetStockRequest) (*allotv1.SetStockResponse, error) {
	cut(&request.Levels, maxStock)
	snap := s.network.Load().snap
	var fl faults.List
	violations(request, &fl)
	cells := cellsOf(snap, &fl, "levels", request.GetLevels())
	if err := fl.Err(); err != nil {
		return nil, err
	}
	levels := make([]ledger.StockLevel, len(cells))
	for i, l := range request.GetLevels() {
		levels[i] = ledger.StockLevel{Warehouse: cells[i].warehouse, SKU: cells[i].sku, OnHand: l.GetOnHand(), Safety: l.GetSafety()}
	}
	r := requestOf(request.GetRequestId(), request)
	result, err := s.ledger.SetStock(s.now(), r, levels)
	if err != nil {
		return nil, stockError(err)
	}
	stock, err := s.stockOf(snap, cells)
	if err != nil {
		return nil, err
	}
	return &allotv1.SetStockResponse{Stock: stock, Shortfalls: writeShortfalls(snap, result.Shortfalls)}, nil
}

// AdjustStock implements allotv1.InventoryServiceServer.
func (s *Server) AdjustStock(_ context.Context, request *allotv1.AdjustStockRequest) (*allotv1.AdjustStockResponse, error) {
	cut(&request.Adjustments, maxStock)
	snap := s.network.Load().snap
	var fl faults.List
	violations(request, &fl)
	cells := cellsOf(snap, &fl, "adjustments", request.GetAdjustments())
	if err := fl.Err(); err != nil {
		return nil, err
	}
	changes := make([]ledger.StockChange, len(cells))
	for i, a := range request.GetAdjustments() {
		changes[i] = ledger.StockChange{Warehouse: cells[i].warehouse, SKU: cells[i].sku, Delta: a.GetChange()}
	}
	r := requestOf(request.GetRequestId(), request)
	result, err := s.ledger.AdjustStock(s.now(), r, changes)
	if err != nil {
		return nil, stockError(err)
	}
	stock, err := s.stockOf(snap, cells)
	if err != nil {
		return nil, err
	}
	return &allotv1.AdjustStockResponse{Stock: stock, Shortfalls: writeShortfalls(snap, result.Shortfalls)}, nil
}

// stockError puts what the ledger found wrong with a change of stock into the words of the contract.
func stockError(err error) error {
	invalid, ok := errors.AsType[*ledger.InvalidError](err)
	if !ok {
		return err
	}
	var fl faults.List
	words := strings.NewReplacer("changes[", "adjustments[", ".delta", ".change")
	for _, f := range invalid.Faults {
		fl.Add(faults.Fault{Field: words.Replace(f.Field), Problem: f.Problem})
	}
	return fl.Err()
}

// GetStock implements allotv1.InventoryServiceServer.
func (s *Server) GetStock(_ context.Context, request *allotv1.GetStockRequest) (*allotv1.GetStockResponse, error) {
	cut(&request.Skus, maxSKUs)
	cut(&request.Warehouses, maxWarehouses)
	snap := s.network.Load().snap
	var fl faults.List
	violations(request, &fl)
	skus := make([]ledger.SKU, len(request.GetSkus()))
	for i, id := range request.GetSkus() {
		skus[i] = skuOf(snap, &fl, fmt.Sprintf("skus[%d]", i), id)
	}
	warehouses := make([]ledger.Warehouse, len(request.GetWarehouses()))
	for i, id := range request.GetWarehouses() {
		warehouses[i] = warehouseOf(snap, &fl, fmt.Sprintf("warehouses[%d]", i), id)
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	all := len(warehouses) == 0
	if all {
		warehouses = byName(snap)
	}
	if err := s.ledger.Advance(s.now()); err != nil {
		return nil, err
	}
	out := &allotv1.GetStockResponse{}
	for _, sku := range skus {
		for _, w := range warehouses {
			stock, err := s.ledger.Stock(w, sku)
			if err != nil {
				return nil, err
			}
			if all && stock == (ledger.Stock{}) {
				continue
			}
			if len(out.Stock) == maxStockAnswers {
				fl.Addf("", 0, 0, "skus", "ask for fewer, or name the warehouses", "more than %d answers", maxStockAnswers)
				return nil, fl.Err()
			}
			out.Stock = append(out.Stock, writeStock(snap.Warehouses[w].ID, snap.SKUs.IDs[sku], stock))
		}
	}
	return out, nil
}

// byName returns every warehouse in the order of their ids.
func byName(snap *network.Snapshot) []ledger.Warehouse {
	rows := make([]ledger.Warehouse, len(snap.Warehouses))
	for i := range rows {
		rows[i] = ledger.Warehouse(i)
	}
	slices.SortFunc(rows, func(a, b ledger.Warehouse) int {
		return cmp.Compare(snap.Warehouses[a].Rank, snap.Warehouses[b].Rank)
	})
	return rows
}

func (s *Server) stockOf(snap *network.Snapshot, cells []cell) ([]*allotv1.Stock, error) {
	out := make([]*allotv1.Stock, len(cells))
	for i, c := range cells {
		stock, err := s.ledger.Stock(c.warehouse, c.sku)
		if err != nil {
			return nil, err
		}
		out[i] = writeStock(snap.Warehouses[c.warehouse].ID, snap.SKUs.IDs[c.sku], stock)
	}
	return out, nil
}

func writeStock(warehouse, sku string, stock ledger.Stock) *allotv1.Stock {
	return &allotv1.Stock{
		Warehouse: warehouse, Sku: sku,
		OnHand: stock.OnHand, Held: stock.Held, Safety: stock.Safety, Available: stock.Available, Inbound: stock.Inbound,
	}
}

func writeShortfalls(snap *network.Snapshot, shortfalls []ledger.Shortfall) []*allotv1.Shortfall {
	var out []*allotv1.Shortfall
	for _, f := range shortfalls {
		m := &allotv1.Shortfall{Warehouse: snap.Warehouses[f.Warehouse].ID, Sku: snap.SKUs.IDs[f.SKU], Units: f.Missing}
		m.HoldCount = int32(len(f.Holds))
		for _, id := range f.Holds[:min(len(f.Holds), maxShortfallHolds)] {
			m.HoldIds = append(m.HoldIds, holdName(id))
		}
		out = append(out, m)
	}
	return out
}
