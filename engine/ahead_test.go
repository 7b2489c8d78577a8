package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// ahead is the stock of a ledger that has got a network with more warehouses and SKUs, all of which have everything, while
// the one at hand is still in service.
func ahead(w *enginetest.World, more int) *engine.StockView {
	skus, warehouses := len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses)
	v := engine.NewStockView(skus+3, warehouses+more)
	for sku := range skus + 3 {
		for wh := range warehouses + more {
			n := int32(1 << 20)
			if sku < skus && wh < warehouses {
				n = w.Stock.Available[sku*w.Stock.Stride+wh]
			}
			v.Set(int32(sku), int32(wh), n)
		}
	}
	v.Capacity, v.Prices = w.Stock.Capacity, w.Stock.Prices
	return v
}

// TestStockOfWarehousesToCome decides on stock of which some is in warehouses that the network does not know yet: everything
// is as without them, whether they are few in a word of bits that has others, or words of their own.
func TestStockOfWarehousesToCome(t *testing.T) {
	const seed = 17
	sizes, count := []int{3, 50, 63, 64, 65, 130}, 15
	if testing.Short() {
		sizes, count = []int{3, 64, 65}, 6
	}
	for _, warehouses := range sizes {
		w := enginetest.New(enginetest.Config{
			Seed: seed, Warehouses: warehouses, Services: 4, SKUs: 8, Stocked: 30, Lines: 3, Places: 30,
			Policy: network.PolicySource{SplitLines: true, Partial: "fill", MaxShipments: 3},
		})
		for _, more := range []int{1, 14, 100} {
			t.Run(fmt.Sprintf("%d+%d", warehouses, more), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, uint64(warehouses)))
				sc, stock := w.Engine.NewScratch(), ahead(w, more)
				var orders []engine.Order
				var now units.Instant
				for n := range count {
					var order engine.Order
					order, now = w.Order(rng, n*7_919%2_000_000)
					if errors.As(w.Engine.Decide(w.Stock, &order, now, sc, &engine.Decision{}), new(*faults.Error)) {
						continue // its promise is past at the destination
					}
					orders = append(orders, order)
					decide := func(v *engine.StockView) (d engine.Decision, up engine.RunnerUp, x *engine.Explanation) {
						if err := w.Engine.Decide(v, &order, now, sc, &d); err != nil {
							t.Fatal(err)
						}
						up, _ = sc.RunnerUp(&d)
						x, err := w.Engine.Explain(v, &order, now, sc)
						if err != nil {
							t.Fatal(err)
						}
						// How much work it is depends on how many words of bits there are.
						d.Certificate.States, d.Certificate.Scored = 0, 0
						x.Decision.Certificate.States, x.Decision.Certificate.Scored = 0, 0
						return d, up, x
					}
					want, wantUp, wantX := decide(w.Stock)
					got, gotUp, gotX := decide(stock)
					if !reflect.DeepEqual(got, want) || gotUp != wantUp || !reflect.DeepEqual(gotX, wantX) {
						t.Fatalf("order %d: %+v, runner-up %+v\nand without the warehouses to come %+v, runner-up %+v", n, got, gotUp, want, wantUp)
					}
				}
				if len(orders) < count/2 {
					t.Fatalf("%d orders", len(orders))
				}
				_, now = w.Order(rng, 0)
				for i := range orders {
					orders[i].Promise = engine.Promise{}
				}
				want, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{})
				if err != nil {
					t.Fatal(err)
				}
				got, err := w.Engine.DecideWave(stock, orders, now, engine.WaveOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if got.Cost != want.Cost || got.Bound != want.Bound || got.Unfilled != want.Unfilled {
					t.Fatalf("a wave costs %v and leaves %d, and without the warehouses to come %v and %d", got.Cost, got.Unfilled, want.Cost, want.Unfilled)
				}
			})
		}
		w.Close()
	}
}
