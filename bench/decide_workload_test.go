package bench

import (
	"runtime"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// BenchmarkDecideWorkload decides the orders of the workloads that the load generator sends, on their own networks with the stock
// that they begin with. Unlike those of BenchmarkDecide they go to any place by population; all their lanes are in the cache before
// the clock starts. No stock is taken. Of large the view of the stock alone has 4 GB: it is left out.
func BenchmarkDecideWorkload(b *testing.B) {
	for _, name := range workload.Builtins() {
		if name == "large" {
			continue
		}
		var orders []engine.Order
		var nows []units.Instant
		var eng *engine.Engine
		var view *engine.StockView
		b.Run(name, func(b *testing.B) {
			if eng == nil {
				spec, _ := workload.Builtin(name)
				w, err := workload.New(spec, 1)
				if err != nil {
					b.Fatal(err)
				}
				snap, err := network.Compile(w.Source(), nil)
				if err != nil {
					b.Fatal(err)
				}
				if eng, err = engine.New(snap, engine.Options{LaneCacheBytes: laneCacheBytes}); err != nil {
					b.Fatal(err)
				}
				view = engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
				for _, r := range w.Source().Stock {
					sku, _ := snap.SKUs.Row(r.SKU)
					at, _ := snap.Warehouse(r.Warehouse)
					view.Set(sku, at, r.OnHand)
				}
				s := w.Events(w.Arrivals())
				for e := (workload.Event{}); len(orders) < 10_000 && s.Next(&e); {
					if e.Kind == workload.Allocate {
						o := e.Order
						o.Lines = append([]engine.Line(nil), e.Order.Lines...)
						orders, nows = append(orders, o), append(nows, w.Start()+units.Instant(e.Due/time.Second))
					}
				}
			}
			scratch := eng.NewScratch()
			var d engine.Decision
			for range 2 { // until the lanes of all their places are in the cache
				for i := range orders {
					if err := eng.Decide(view, &orders[i], nows[i], scratch, &d); err != nil {
						b.Fatal(err)
					}
				}
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			i, planned := 0, 0
			b.ReportAllocs()
			cpu := cputime.Thread()
			for b.Loop() {
				if err := eng.Decide(view, &orders[i], nows[i], scratch, &d); err != nil {
					b.Fatal(err)
				}
				if d.Outcome == engine.Planned {
					planned++
				}
				if i++; i == len(orders) {
					i = 0
				}
			}
			b.ReportMetric(float64(cputime.Thread()-cpu)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(100*float64(planned)/float64(b.N), "%planned")
		})
		if eng != nil {
			eng.Close()
		}
	}
}
