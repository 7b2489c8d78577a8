package engine_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// After however many questions a wave is stopped: what it answers can be carried out, and its bound holds.
func TestAStoppedWaveMatchesBruteForce(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	waves := 16
	if testing.Short() {
		waves = 4
	}
	inTurn, planned, finished, above := 0, 0, 0, 0
	for i, cfg := range tinyWorlds(seed) {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		scarce(w, rng, 3)
		for n := range waves {
			if cfg.Capacity {
				w.Stock.Capacity = rooms{seed + uint64(n)}
			}
			orders, now := tinyWave(w, rng, cfg.Capacity, n)
			after, asked := []int{0, 1, 3, 6, 20, 60, 1000, 100_000}[n%8], 0
			got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{
				Unfilled: 60 * units.Currency, Seed: seed, Workers: 1, Stop: func() bool { asked++; return asked > after },
			})
			if err != nil {
				t.Fatal(err)
			}
			checkWave(t, w.Engine, w.Stock, orders, got)
			best := bruteWave(t, w, orders, now, 60*units.Currency, 60)
			if got.Bound > best || got.Cost < best {
				t.Errorf("world %d, wave %d: bound %v <= optimum %v <= cost %v does not hold; %+v", i, n, got.Bound, best, got.Cost, orders)
			}
			if got.Stopped != (asked > after) || asked > after+1 || got.InTurn && !got.Stopped {
				t.Errorf("world %d, wave %d: asked %d times of %d, stopped is %v, in turn %v", i, n, asked, after, got.Stopped, got.InTurn)
			}
			if got.Cost > best {
				above++
			}
			switch {
			case got.InTurn:
				inTurn++
			case got.Stopped:
				planned++
			default:
				finished++
			}
			if t.Failed() {
				t.FailNow()
			}
		}
		w.Close()
	}
	t.Logf("%d waves decided in turn, %d stopped with plans, %d finished; %d cost more than the optimum", inTurn, planned, finished, above)
	if !testing.Short() && (inTurn == 0 || finished == 0 || planned == 0) { // few waves may all end alike
		t.Error("the waves did not end in every way")
	}
}

// A wave that is stopped at once is one in which orders are decided in turn. Parts of orders are filled where the policy says so.
func TestAWaveThatIsStoppedAtOnceIsDecidedInTurn(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	const unfilled = 80 * units.Currency
	parts := 0
	for i, cfg := range []enginetest.Config{
		{Seed: seed, Warehouses: 12, Services: 6, SKUs: 40, Stocked: 60, Lines: 3, Places: 60},
		{Seed: seed + 1, Warehouses: 12, Services: 6, SKUs: 40, Stocked: 60, Lines: 2, Places: 60, Capacity: true},
		{Seed: seed + 2, Warehouses: 12, Services: 6, SKUs: 20, Stocked: 30, Lines: 4, Places: 60, Policy: network.PolicySource{Partial: "fill", SplitLines: true}},
		{Seed: seed + 3, Warehouses: 12, Services: 6, SKUs: 20, Stocked: 30, Lines: -3, Places: 60, Capacity: true, Policy: network.PolicySource{Partial: "fill"}},
	} {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		scarce(w, rng, 3)
		orders, now := drawOrders(w, rng, 80)
		decide := func(all bool, stop func() bool) *engine.Wave {
			opt := engine.WaveOptions{Unfilled: unfilled, All: all, Iterations: 60, Rounds: 4, Workers: 2, Stop: stop}
			got, err := w.Engine.DecideWave(w.Stock, orders, now, opt)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		atOnce := func() bool { return true }
		got, whole := decide(false, atOnce), decide(false, nil)
		checkWave(t, w.Engine, w.Stock, orders, got)
		if !got.Stopped || !got.InTurn || got.Iterations != 0 || whole.Stopped || whole.InTurn {
			t.Errorf("world %d: stopped %v, in turn %v after %d price steps; left to its end %v, %v", i, got.Stopped, got.InTurn, got.Iterations, whole.Stopped, whole.InTurn)
		}
		if got.Bound > whole.Cost || got.Bound <= 0 {
			t.Errorf("world %d: bound %v, there are plans for %v", i, got.Bound, whole.Cost)
		}
		t.Logf("world %d: stopped cost %v, bound %v, %d unfilled; to its end cost %v, bound %v, %d unfilled", i, got.Cost, got.Bound, got.Unfilled, whole.Cost, whole.Bound, whole.Unfilled)
		if cfg.Policy.Partial == "" {
			if cost, left := inTurn(t, w, orders, now, unfilled); got.Cost > cost {
				t.Errorf("world %d: %v with %d unfilled, one after the other they cost %v with %d", i, got.Cost, got.Unfilled, cost, left)
			}
		}
		for _, d := range got.Decisions {
			if len(d.Unfilled) > 0 {
				parts++
			}
		}
		all := decide(true, atOnce)
		checkWave(t, w.Engine, w.Stock, orders, &engine.Wave{Decisions: all.Decisions, Unfilled: all.Unfilled, Filled: all.Filled, Cost: all.Cost, UnfilledCost: all.UnfilledCost, Bound: all.Cost, Status: engine.Optimal})
		if all.Filled != (all.Unfilled == 0) || !all.Filled && (all.Cost != 0 || all.Unfilled != len(orders)) {
			t.Errorf("world %d, all or none: filled %v, %d unfilled, cost %v", i, all.Filled, all.Unfilled, all.Cost)
		}
		w.Close()
	}
	if t.Logf("%d orders filled in part", parts); parts == 0 {
		t.Error("no order is filled in part: the test says nothing about that")
	}
}

// All is filled in turn too, where there is enough of everything.
func TestAllInTurn(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 5, Warehouses: 5, Services: 4, SKUs: 10, Stocked: 100, Lines: -1, Places: 30})
	defer w.Close()
	orders, now := drawOrders(w, rand.New(rand.NewPCG(5, 5)), 20)
	for i := range orders {
		orders[i].Promise, orders[i].Lines[0].Quantity = engine.Promise{}, 1
		row, _ := w.Snapshot.SKUs.Row(orders[i].Lines[0].SKU)
		for wh := range int32(5) {
			w.Stock.Set(row, wh, 1000)
		}
	}
	got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{All: true, Stop: func() bool { return true }})
	if err != nil || !got.Filled || !got.InTurn || !got.Stopped {
		t.Fatalf("filled %v, in turn %v, stopped %v, %v", got.Filled, got.InTurn, got.Stopped, err)
	}
	checkWave(t, w.Engine, w.Stock, orders, got)
	if got.Status != engine.Optimal { // nothing is short, so that each has what it would have alone
		t.Errorf("cost %v, bound %v", got.Cost, got.Bound)
	}
}

// asking counts what is asked about days.
type asking struct {
	asked atomic.Int64
}

func (a *asking) WarehouseLeft(int32, units.Date) int32 { a.asked.Add(1); return 3 }

func (a *asking) ServiceLeft(int32, int32, units.Date) int32 { a.asked.Add(1); return 3 }

// What a wave does after it was stopped grows as the orders do, and is little beside what it does else.
func TestAStoppedWaveDoesLittle(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 9, Warehouses: 20, Services: 6, SKUs: 30, Lines: 3, Places: 60, Capacity: true})
	defer w.Close()
	rng := rand.New(rand.NewPCG(9, 9))
	scarce(w, rng, 2)
	each := map[int]int64{}
	for _, n := range []int{50, 400} {
		orders, now := drawOrders(w, rng, n)
		room := &asking{}
		w.Stock.Capacity = room
		var asked atomic.Int64
		got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{Workers: 2, Stop: func() bool { asked.Add(1); return true }})
		if err != nil {
			t.Fatal(err)
		}
		checkWave(t, w.Engine, w.Stock, orders, got)
		if asked.Load() > 2 || got.Offers != 0 || got.Iterations != 0 || got.Groups != 0 {
			t.Errorf("%d orders: %d questions, %d offers, %d price steps, %d groups", n, asked.Load(), got.Offers, got.Iterations, got.Groups)
		}
		each[n] = room.asked.Load() / int64(n)
	}
	if t.Logf("days asked about for each order: %v", each); each[400] > 2*each[50] || each[50] == 0 {
		t.Error("a wave of many orders does more for each")
	}
}
