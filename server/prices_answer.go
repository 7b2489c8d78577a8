package server

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
)

// Prices implements allotv1.NetworkServiceServer.
func (s *Server) Prices(_ context.Context, request *allotv1.PricesRequest) (*allotv1.PricesResponse, error) {
	cut(&request.Skus, maxSKUs)
	cut(&request.Warehouses, maxWarehouses)
	n := s.network.Load()
	var fl faults.List
	violations(request, &fl)
	skus, warehouses := map[int32]bool{}, map[int32]bool{}
	for i, id := range request.GetSkus() {
		skus[int32(skuOf(n.snap, &fl, fmt.Sprintf("skus[%d]", i), id))] = true
	}
	for i, id := range request.GetWarehouses() {
		warehouses[int32(warehouseOf(n.snap, &fl, fmt.Sprintf("warehouses[%d]", i), id))] = true
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	p := n.prices.Load()
	if asked := request.GetVersion(); asked != "" && asked != p.version() {
		r := refusef(codes.Aborted, ReasonPricesChanged, "the prices %.64q are not in force any more; begin again with those that are", asked)
		r.metadata = map[string]string{"version": p.version()}
		return nil, r
	}
	out := &allotv1.PricesResponse{Version: p.version(), Currency: n.snap.Currency}
	if p == nil {
		return out, nil
	}
	out.LoadedAt = instant(&timestamppb.Timestamp{}, p.since)
	top := int(request.GetTop())
	if top == 0 {
		top = maxPrices
	}
	for _, row := range p.ranked() {
		if len(skus) > 0 && !skus[row.SKU] || len(warehouses) > 0 && !warehouses[row.Warehouse] {
			continue
		}
		if out.Count >= request.GetSkip() && len(out.Prices) < top {
			out.Prices = append(out.Prices, writePrice(n.snap, &row))
		}
		out.Count++
	}
	return out, nil
}

func writePrice(snap *network.Snapshot, row *engine.PriceRow) *allotv1.Price {
	m := &allotv1.Price{PriceMicros: int64(row.Price)}
	m.Warehouse, m.Sku, m.Service, m.From, m.Until = row.Names(snap)
	return m
}
