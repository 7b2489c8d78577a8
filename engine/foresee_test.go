package engine_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/geo"
)

// TestForeseeChangesNothing looks at orders before they are decided, and at others that no network knows: the decisions are those
// of a scratch that has foreseen nothing.
func TestForeseeChangesNothing(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 70, SKUs: 60, Lines: 3, Places: 20})
	defer w.Close()
	full, err := engine.New(w.Snapshot, engine.Options{LaneCacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	strange := []*engine.Order{
		{},
		{Lines: []engine.Line{{SKU: "nothing that is sold", Quantity: 1}}, To: engine.Destination{Country: "ZZ", Postal: "?"}},
		{Lines: []engine.Line{{SKU: w.Snapshot.SKUs.IDs[0], Quantity: math.MaxInt64}, {SKU: w.Snapshot.SKUs.IDs[1], Quantity: -1}}, To: engine.Destination{Point: &geo.Point{Lat: 91}}},
	}
	for _, e := range []*engine.Engine{w.Engine, full} {
		for _, stock := range []*engine.StockView{w.Stock, engine.Unlimited(w.Snapshot)} {
			rng := rand.New(rand.NewPCG(1, 1))
			foreseeing, plain := e.NewScratch(), e.NewScratch()
			known := 0
			for i := range 200 {
				o, now := w.Order(rng, i)
				e.Foresee(stock, append(strange, &o), foreseeing)
				known += len(foreseeing.Foreseen()) - 2 // of the strange ones
				var a, b engine.Decision
				if errA, errB := e.Decide(stock, &o, now, foreseeing, &a), e.Decide(stock, &o, now, plain, &b); errA != nil || errB != nil {
					t.Fatal(errA, errB)
				}
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("order %d: %+v, without foresight %+v", i, a, b)
				}
			}
			if known < 200 {
				t.Errorf("%d SKUs of 200 orders were found", known)
			}
		}
	}
}

func TestForeseeAllocatesNothing(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, SKUs: 200, Lines: 2, Places: 50})
	defer w.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	orders := make([]*engine.Order, 128)
	for i := range orders {
		o, _ := w.Order(rng, i)
		orders[i] = &o
	}
	sc := w.Engine.NewScratch()
	if n := testing.AllocsPerRun(20, func() { w.Engine.Foresee(w.Stock, orders, sc) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
