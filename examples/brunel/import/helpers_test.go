package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// noon is when the orders are decided.
var noon = units.Instant(int64(defaultDate)*86_400 + 12*3_600)

// nowhere is where everything lies: the dataset does not tell.
var nowhere geo.Point

// stockOf returns what the network says is on hand.
func stockOf(snap *network.Snapshot, stock *network.Stock) *engine.StockView {
	view := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	for _, s := range stock.Rows {
		w, _ := snap.Warehouse(s.Warehouse)
		sku, _ := snap.SKUs.Row(s.SKU)
		view.Set(sku, w, s.OnHand)
	}
	return view
}

// ordersOf reads a network's orders.
func ordersOf(t *testing.T, dir string) []*engine.Order {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "orders.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var list []*engine.Order
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		m := &allotv1.Order{}
		if err := protojson.Unmarshal(lines.Bytes(), m); err != nil {
			t.Fatalf("order %d: %v", len(list)+1, err)
		}
		o, err := server.ReadOrder(m)
		if err != nil {
			t.Fatalf("order %d: %v", len(list)+1, err)
		}
		list = append(list, o)
	}
	return list
}
