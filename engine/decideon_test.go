package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/units"
)

// sparse is a view with fewer units than another, some of the time none at all.
func sparse(of *engine.StockView, w *enginetest.World, rng *rand.Rand) *engine.StockView {
	v := engine.NewStockView(len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses))
	for sku := range w.Snapshot.SKUs.IDs {
		for wh := range w.Snapshot.Warehouses {
			if have := of.Available[sku*of.Stride+wh]; have > 0 {
				v.Set(int32(sku), int32(wh), rng.Int32N(have+1)*rng.Int32N(2))
			}
		}
	}
	v.Prices = of.Prices
	if rng.IntN(2) == 0 {
		v.Capacity = usedUp(rng.IntN(2))
	}
	return v
}

// saidOf is all of a decision, but for what was priced anew for it.
func saidOf(d *engine.Decision) string {
	c := *d
	c.Certificate.Scored = 0
	return fmt.Sprintf("%+v", c)
}

// TestDecideOnIsDecide decides orders on one view after another, each for the second time, and holds what is said against
// Decide with a scratch that knows nothing.
func TestDecideOnIsDecide(t *testing.T) {
	var first, again, fresh engine.Decision
	spared := 0
	explained(t, 60, func(w *enginetest.World, sc *engine.Scratch, order *engine.Order, now units.Instant, x *engine.Explanation) {
		rng := rand.New(rand.NewPCG(uint64(now), 5))
		views := []*engine.StockView{w.Stock, engine.Unlimited(w.Snapshot), sparse(w.Stock, w, rng), sparse(w.Stock, w, rng)}
		rng.Shuffle(len(views), func(i, j int) { views[i], views[j] = views[j], views[i] })
		if err := w.Engine.Decide(views[0], order, now, sc, &first); err != nil {
			t.Fatal(err)
		}
		for i, view := range append(views[1:], views[0]) {
			if rng.IntN(2) == 0 {
				before := &again
				if i == 0 {
					before = &first
				}
				sc.RunnerUp(before)
			}
			w.Engine.DecideOn(view, sc, &again)
			if err := w.Engine.Decide(view, order, now, w.Engine.NewScratch(), &fresh); err != nil {
				t.Fatal(err)
			}
			if saidOf(&again) != saidOf(&fresh) || again.Certificate.Scored > fresh.Certificate.Scored {
				t.Fatalf("view %d: %+v, and with Decide %+v", i, again, fresh)
			}
			spared += int(fresh.Certificate.Scored - again.Certificate.Scored)
			want, ok := sc.RunnerUp(&again)
			other := w.Engine.NewScratch()
			if err := w.Engine.Decide(view, order, now, other, &fresh); err != nil {
				t.Fatal(err)
			}
			if got, has := other.RunnerUp(&fresh); got != want || has != ok {
				t.Fatalf("view %d: runner-up %+v %v, and after Decide %+v %v", i, want, ok, got, has)
			}
		}
		asked := map[int32]int32{}
		for _, l := range order.Lines {
			row, _ := w.Snapshot.SKUs.Row(l.SKU)
			asked[row] += int32(l.Quantity)
		}
		for _, it := range sc.Asked() {
			if asked[it.SKU] != it.Quantity {
				t.Fatalf("asked %+v, and not %v", sc.Asked(), asked)
			}
			delete(asked, it.SKU)
		}
		if len(asked) > 0 {
			t.Fatalf("not asked: %v", asked)
		}
	})
	if !t.Failed() && spared == 0 {
		t.Error("nothing was ever known from the first time")
	}
}

// What a decision sees of the stock is no more than the order asks for, which those rely on who keep a decision while
// stock moves.
func TestOnlyWhatIsAskedForIsSeen(t *testing.T) {
	var d, same engine.Decision
	explained(t, 60, func(w *enginetest.World, sc *engine.Scratch, order *engine.Order, now units.Instant, x *engine.Explanation) {
		if err := w.Engine.Decide(w.Stock, order, now, sc, &d); err != nil {
			t.Fatal(err)
		}
		up, ok := sc.RunnerUp(&d)
		rng := rand.New(rand.NewPCG(uint64(now), 6))
		v := engine.NewStockView(len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses))
		asked := sc.Asked()
		for sku := range w.Snapshot.SKUs.IDs {
			of := slices.IndexFunc(asked, func(it engine.Item) bool { return it.SKU == int32(sku) })
			for wh := range w.Snapshot.Warehouses {
				n := rng.Int32N(5)
				if of >= 0 {
					if n = w.Stock.Available[sku*w.Stock.Stride+wh]; n >= asked[of].Quantity {
						n = asked[of].Quantity + rng.Int32N(3)*rng.Int32N(1_000)
					}
				}
				v.Set(int32(sku), int32(wh), n)
			}
		}
		v.Prices, v.Capacity = w.Stock.Prices, w.Stock.Capacity
		if left, limited := w.Stock.Capacity.(usedUp); limited && left > 0 {
			v.Capacity = left + usedUp(rng.IntN(100))
		}
		other := w.Engine.NewScratch()
		if err := w.Engine.Decide(v, order, now, other, &same); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", d) != fmt.Sprintf("%+v", same) {
			t.Fatalf("%+v, and with more of what is there %+v", d, same)
		}
		if theirs, has := other.RunnerUp(&same); theirs != up || has != ok {
			t.Fatalf("runner-up %+v, and with more of what is there %+v", up, theirs)
		}
	})
}

func TestDecideOnWithoutAnOrder(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 2, SKUs: 3, Places: 2})
	defer w.Close()
	sc := w.Engine.NewScratch()
	var d engine.Decision
	if err := w.Engine.Decide(w.Stock, &engine.Order{}, 0, sc, &d); err == nil {
		t.Fatal("an order of nothing is decided")
	}
	defer func() {
		if recover() == nil {
			t.Error("an order that was not decided is decided again")
		}
	}()
	w.Engine.DecideOn(w.Stock, sc, &d)
}
