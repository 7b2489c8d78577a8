package engine_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

const examplePath = "../examples/us-parcel"

// example is the example network with its stock, and its orders over and over.
func example(tb testing.TB, orders int) (*engine.Engine, *engine.StockView, []engine.Order, units.Instant) {
	tb.Helper()
	snap, stock, err := network.Load(examplePath)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Close)
	view := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	for _, s := range stock.Rows {
		if s.AvailableFrom == 0 {
			w, _ := snap.Warehouse(s.Warehouse)
			sku, _ := snap.SKUs.Row(s.SKU)
			view.Set(sku, w, s.OnHand-s.Safety)
		}
	}
	file, err := os.Open(examplePath + "/orders.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var list []engine.Order
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct {
			ID    string
			Lines []struct {
				SKU      string
				Quantity int64
			}
			To struct {
				PostalCode, Country string
				Commercial          bool
				Point               *struct{ Latitude, Longitude float64 }
			}
			PromiseDate, CollectAt string
			Services               []string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			tb.Fatal(err)
		}
		o := engine.Order{ID: line.ID, CollectAt: line.CollectAt, Services: line.Services}
		o.To = engine.Destination{Country: line.To.Country, Postal: line.To.PostalCode, Commercial: line.To.Commercial}
		if p := line.To.Point; p != nil {
			o.To.Point = &geo.Point{Lat: p.Latitude, Lng: p.Longitude}
		}
		for _, l := range line.Lines {
			o.Lines = append(o.Lines, engine.Line{SKU: l.SKU, Quantity: l.Quantity})
		}
		if line.PromiseDate != "" {
			if o.Promise.Date, err = units.ParseDate(line.PromiseDate); err != nil {
				tb.Fatal(err)
			}
		}
		list = append(list, o)
	}
	made := make([]engine.Order, orders)
	for i := range made {
		made[i] = list[i%len(list)]
	}
	now, err := units.ParseInstant("2026-11-23T15:00:00Z")
	if err != nil {
		tb.Fatal(err)
	}
	return e, view, made, now
}

// BenchmarkDecideWave decides waves of the example's orders with all its stock, and with so much less of it that orders
// contend as much in small waves as in great ones.
func BenchmarkDecideWave(b *testing.B) {
	for _, n := range []int{100, 1_000, 5_000} {
		for _, tight := range []bool{false, true} {
			b.Run(fmt.Sprintf("orders=%d/tight=%v", n, tight), func(b *testing.B) {
				e, view, orders, now := example(b, n)
				if tight {
					for i, have := range view.Available {
						view.Set(int32(i/view.Stride), int32(i%view.Stride), int32(int64(have)*int64(n)/12_000))
					}
				}
				var w *engine.Wave
				for b.Loop() {
					var err error
					if w, err = e.DecideWave(view, orders, now, engine.WaveOptions{Seed: 1}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "orders/s")
				b.ReportMetric(100*float64(w.Gap)/float64(max(1, w.Cost-w.UnfilledCost)), "gap%")
				b.ReportMetric(float64(w.Unfilled), "unfilled")
			})
		}
	}
}
