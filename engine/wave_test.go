package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// tinyWorlds are so small that every joint decision can be tried.
func tinyWorlds(seed uint64) []enginetest.Config {
	late := network.PolicySource{Late: "allow", LateCost: 2 * units.Currency, MaxShipments: 2}
	return []enginetest.Config{
		{Seed: seed, Warehouses: 3, Services: 3, SKUs: 3, Stocked: 70, Lines: 2, Places: 10},
		{Seed: seed + 1, Warehouses: 3, Services: 3, SKUs: 3, Stocked: 70, Lines: 2, Places: 10, Policy: network.PolicySource{SplitLines: true}},
		{Seed: seed + 2, Warehouses: 3, Services: 3, SKUs: 2, Stocked: 90, Lines: 1, Places: 10, Capacity: true},
		{Seed: seed + 3, Warehouses: 2, Services: 5, SKUs: 2, Stocked: 100, Lines: 1, Places: 10, Capacity: true, Policy: late},
		{Seed: seed + 4, Warehouses: 3, Services: 3, SKUs: 3, Stocked: 80, Lines: 2, Places: 10, Carbon: true, Classes: true},
		{Seed: seed + 5, Warehouses: 2, Services: 5, SKUs: 2, Stocked: 100, Lines: -2, Places: 5, Capacity: true, Carbon: true},
	}
}

// use is what decisions take: units of [warehouse, SKU], shipments of [warehouse, -1, day] and [warehouse, service, day].
type use struct {
	stock map[[2]int32]int64
	days  map[[3]int32]int64
}

func newUse() *use { return &use{map[[2]int32]int64{}, map[[3]int32]int64{}} }

func (u *use) add(w, service int32, ship units.Date, items []engine.Item, sign int64) {
	for _, it := range items {
		u.stock[[2]int32{w, it.SKU}] += sign * int64(it.Quantity)
	}
	u.days[[3]int32{w, -1, int32(ship)}] += sign
	u.days[[3]int32{w, service, int32(ship)}] += sign
}

// over names the first thing of which more is taken than there is, or "".
func (u *use) over(snap *network.Snapshot, stock *engine.StockView) string {
	for at, n := range u.stock {
		if n > int64(max(0, stock.Available[int(at[1])*stock.Stride+int(at[0])])) {
			return fmt.Sprintf("%d of SKU %d from %d", n, at[1], at[0])
		}
	}
	for at, n := range u.days {
		w, s, ship := at[0], at[1], units.Date(at[2])
		most := int64(1 << 40)
		switch {
		case s < 0 && snap.Warehouses[w].DailyCapacity >= 0:
			most = int64(snap.Warehouses[w].DailyCapacity)
			if stock.Capacity != nil {
				most = int64(stock.Capacity.WarehouseLeft(w, ship))
			}
		case s >= 0 && snap.Services[s].DailyCapacity >= 0:
			most = int64(snap.Services[s].DailyCapacity)
			if stock.Capacity != nil {
				most = int64(stock.Capacity.ServiceLeft(w, s, ship))
			}
		}
		if n > most {
			return fmt.Sprintf("%d shipments from %d by %d on %v", n, w, s, ship)
		}
	}
	return ""
}

// checkWave holds a wave to what must be true of every wave.
func checkWave(t *testing.T, e *engine.Engine, stock *engine.StockView, orders []engine.Order, w *engine.Wave) {
	t.Helper()
	snap, taken := e.Snapshot(), newUse()
	cost, unfilled := w.UnfilledCost, 0
	for o := range w.Decisions {
		d := &w.Decisions[o]
		cost += d.Cost
		if d.Outcome != engine.Planned || len(d.Unfilled) > 0 {
			unfilled++
		}
		if d.Outcome != engine.Planned {
			if len(d.Shipments) > 0 || d.Cost != 0 {
				t.Errorf("order %d is refused (%v) and costs %v", o, d.Outcome, d.Cost)
			}
			continue
		}
		want := map[int32]int64{}
		for _, l := range orders[o].Lines {
			row, _ := snap.SKUs.Row(l.SKU)
			want[row] += l.Quantity
		}
		sum := d.SplitCost
		from := map[int32]bool{}
		for i := range d.Shipments {
			s := &d.Shipments[i]
			taken.add(s.Warehouse, s.Service, s.ShipDate, s.Items, 1)
			sum += s.Cost()
			for _, it := range s.Items {
				want[it.SKU] -= int64(it.Quantity)
			}
			if from[s.Warehouse] {
				t.Errorf("order %d has two shipments from %d", o, s.Warehouse)
			}
			from[s.Warehouse] = true
			if s.DaysLate > 0 && snap.Policy.Late != network.LateAllow {
				t.Errorf("order %d is late", o)
			}
		}
		for _, it := range d.Unfilled {
			want[it.SKU] -= int64(it.Quantity)
		}
		for sku, n := range want {
			if n != 0 {
				t.Errorf("order %d: %d units of SKU %d are not accounted for", o, n, sku)
			}
		}
		if sum != d.Cost || d.SplitCost != snap.Policy.SplitCost*units.Money(len(d.Shipments)-1) || len(d.Shipments) > int(snap.Policy.MaxShipments) {
			t.Errorf("order %d: %d shipments sum to %v with %v for the split, the decision costs %v", o, len(d.Shipments), sum, d.SplitCost, d.Cost)
		}
		if c := d.Certificate; c.Bound > d.Cost || c.Gap != d.Cost-c.Bound || (c.Status == engine.Optimal) != (c.Gap == 0) {
			t.Errorf("order %d: certificate %+v of cost %v", o, c, d.Cost)
		}
	}
	if over := taken.over(snap, stock); over != "" {
		t.Errorf("the wave takes %s", over)
	}
	if cost != w.Cost || w.Gap != w.Cost-w.Bound || w.Gap < 0 || (w.Status == engine.Optimal) != (w.Gap == 0) || unfilled != w.Unfilled || w.Filled != (unfilled == 0) {
		t.Errorf("cost %v (sum %v), bound %v, gap %v, %v, %d unfilled (count %d)", w.Cost, cost, w.Bound, w.Gap, w.Status, w.Unfilled, unfilled)
	}
}

// bruteWave returns the least cost of all joint decisions in which an order that is left costs unfilled.
func bruteWave(t *testing.T, w *enginetest.World, orders []engine.Order, now units.Instant, unfilled units.Money, days int) units.Money {
	t.Helper()
	items, plans := make([][]engine.Item, len(orders)), make([][]engine.WavePlan, len(orders))
	for o := range orders {
		var err error
		if items[o], plans[o], err = w.Engine.WavePlans(w.Stock, &orders[o], now, days); err != nil {
			t.Fatal(err)
		}
		slices.SortStableFunc(plans[o], func(a, b engine.WavePlan) int { return int(a.Cost - b.Cost) })
	}
	taken := newUse()
	best := unfilled*units.Money(len(orders)) + 1
	spend := func(o int, p *engine.WavePlan, sign int64) {
		for _, s := range p.Shipments {
			var content []engine.Item
			for l, n := range s.Take {
				if n > 0 {
					content = append(content, engine.Item{SKU: items[o][l].SKU, Quantity: n})
				}
			}
			taken.add(s.Warehouse, s.Service, s.Ship, content, sign)
		}
	}
	var order func(o int, cost units.Money)
	order = func(o int, cost units.Money) {
		if o == len(orders) {
			best = min(best, cost)
			return
		}
		for i := range plans[o] {
			p := &plans[o][i]
			if cost+p.Cost >= best {
				break
			}
			if spend(o, p, 1); taken.over(w.Snapshot, w.Stock) == "" {
				order(o+1, cost+p.Cost)
			}
			spend(o, p, -1)
		}
		if cost+unfilled < best {
			order(o+1, cost+unfilled)
		}
	}
	order(0, 0)
	return best
}

// scarce takes most of a world's stock away, so that orders contend.
func scarce(w *enginetest.World, rng *rand.Rand, most int32) {
	for sku := range w.Snapshot.SKUs.IDs {
		for wh := range w.Snapshot.Warehouses {
			if have := w.Stock.Available[sku*w.Stock.Stride+wh]; have > 0 {
				w.Stock.Set(int32(sku), int32(wh), min(have, 1+rng.Int32N(most)))
			}
		}
	}
}

// rooms is what is left of days: 0 to 2 shipments, the same for the same day.
type rooms struct{ seed uint64 }

func (r rooms) WarehouseLeft(w int32, ship units.Date) int32 {
	return rand.New(rand.NewPCG(r.seed+uint64(w), uint64(ship))).Int32N(3)
}

func (r rooms) ServiceLeft(w, s int32, ship units.Date) int32 {
	return rand.New(rand.NewPCG(r.seed+uint64(w)<<8+uint64(s)<<20, uint64(ship))).Int32N(3)
}

// tinyWave draws orders of a tiny world for the n-th wave.
func tinyWave(w *enginetest.World, rng *rand.Rand, capacity bool, n int) (orders []engine.Order, now units.Instant) {
	for range 2 + rng.IntN(3) {
		o, at := w.Order(rng, 300_000+n*7_919%2_000_000) // after the week in which fuel changes
		if o.Promise.Date == 0 && capacity {             // else days go on until the horizon
			o.Promise.Date = units.Date(int64(at)/86_400) + 5
		}
		if len(o.Lines) == 2 && o.Lines[0].SKU == o.Lines[1].SKU {
			o.Lines = o.Lines[:1]
		}
		orders, now = append(orders, o), at
	}
	return orders, now
}

func TestDecideWaveMatchesBruteForce(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	waves := 20
	switch {
	case testing.Short():
		waves = 2
	case os.Getenv("ALLOT_LONG") != "":
		waves = 400
	}
	optimal, above, tried := 0, 0, 0
	for i, cfg := range tinyWorlds(seed) {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		scarce(w, rng, 3)
		if i%2 == 1 {
			// Where days have a capacity, days of different prices would make it pay to wait longer than a wave looks.
			rows := slices.DeleteFunc(w.PriceRows(rng), func(r engine.PriceRow) bool { return cfg.Capacity && r.From != 0 })
			prices, err := engine.NewPrices(w.Snapshot, rows)
			if err != nil {
				t.Fatal(err)
			}
			w.Stock.Prices = prices
		}
		for n := range waves {
			if cfg.Capacity {
				w.Stock.Capacity = rooms{seed + uint64(n)}
			}
			orders, now := tinyWave(w, rng, cfg.Capacity, n)
			opt := engine.WaveOptions{Unfilled: 60 * units.Currency, Seed: seed, Workers: 1 + n%2}
			if n%4 == 3 {
				opt.Unfilled = 9 * units.Currency // now and then less than filling it
			}
			got, err := w.Engine.DecideWave(w.Stock, orders, now, opt)
			if err != nil {
				t.Fatal(err)
			}
			checkWave(t, w.Engine, w.Stock, orders, got)
			best := bruteWave(t, w, orders, now, opt.Unfilled, 60)
			if got.Bound > best || got.Cost < best {
				t.Errorf("world %d, wave %d: bound %v <= optimum %v <= cost %v does not hold; %+v", i, n, got.Bound, best, got.Cost, orders)
			}
			tried++
			if got.Cost == best {
				optimal++
			} else {
				above++
				t.Logf("world %d, wave %d: cost %v, optimum %v", i, n, got.Cost, best)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
		w.Close()
	}
	t.Logf("%d waves, %d optimal, %d above", tried, optimal, above)
	if !testing.Short() && above*20 > tried {
		t.Errorf("%d of %d waves cost more than the optimum", above, tried)
	}
}

func TestDecideWaveDoesNotDependOnWorkers(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 3, Warehouses: 12, Services: 6, SKUs: 30, Lines: 3, Places: 60, Capacity: true})
	defer w.Close()
	rng := rand.New(rand.NewPCG(3, 3))
	scarce(w, rng, 2)
	n := 150
	if testing.Short() {
		n = 30
	}
	orders, now := drawOrders(w, rng, n)
	var first *engine.Wave
	for _, workers := range []int{1, 4, 4} {
		got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{Workers: workers, Iterations: 60, Rounds: 4, Seed: 9})
		if err != nil {
			t.Fatal(err)
		}
		checkWave(t, w.Engine, w.Stock, orders, got)
		if first == nil {
			first = got
			t.Logf("cost %v, bound %v, %d unfilled", got.Cost, got.Bound, got.Unfilled)
		} else if !reflect.DeepEqual(first, got) {
			t.Errorf("%d workers decide otherwise than one: cost %v and %v", workers, got.Cost, first.Cost)
		}
	}
}

// leftView is a view from which decisions are taken one after the other.
type leftView struct {
	snap  *network.Snapshot
	taken *use
}

func (l *leftView) WarehouseLeft(w int32, ship units.Date) int32 {
	return l.snap.Warehouses[w].DailyCapacity - int32(l.taken.days[[3]int32{w, -1, int32(ship)}])
}

func (l *leftView) ServiceLeft(w, s int32, ship units.Date) int32 {
	return l.snap.Services[s].DailyCapacity - int32(l.taken.days[[3]int32{w, s, int32(ship)}])
}

// inTurn decides orders one after the other, each taking what it needs from those after it.
func inTurn(t *testing.T, w *enginetest.World, orders []engine.Order, now units.Instant, unfilled units.Money) (cost units.Money, left int) {
	t.Helper()
	view := engine.NewStockView(len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses))
	for i, n := range w.Stock.Available {
		view.Set(int32(i/view.Stride), int32(i%view.Stride), n)
	}
	taken := newUse()
	view.Capacity = &leftView{w.Snapshot, taken}
	sc := w.Engine.NewScratch()
	var d engine.Decision
	for i := range orders {
		if err := w.Engine.Decide(view, &orders[i], now, sc, &d); err != nil {
			t.Fatal(err)
		}
		if cost += d.Cost; d.Outcome != engine.Planned {
			cost += unfilled
			left++
		}
		for _, s := range d.Shipments {
			taken.add(s.Warehouse, s.Service, s.ShipDate, s.Items, 1)
			for _, it := range s.Items {
				view.Set(it.SKU, s.Warehouse, view.Available[int(it.SKU)*view.Stride+int(s.Warehouse)]-it.Quantity)
			}
		}
	}
	return cost, left
}

func TestAWaveCostsNoMoreThanOrdersInTurn(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	n := 120
	if testing.Short() {
		n = 40
	}
	configs := []enginetest.Config{
		{Seed: seed, Warehouses: 12, Services: 6, SKUs: 40, Stocked: 60, Lines: 3, Places: 60},
		{Seed: seed + 1, Warehouses: 12, Services: 6, SKUs: 40, Stocked: 60, Lines: 3, Places: 60, Policy: network.PolicySource{SplitLines: true}},
		{Seed: seed + 2, Warehouses: 12, Services: 6, SKUs: 40, Stocked: 60, Lines: 2, Places: 60, Capacity: true},
		{Seed: seed + 3, Warehouses: 12, Services: 6, SKUs: 40, Stocked: 60, Lines: 2, Places: 60, Capacity: true, Classes: true,
			Policy: network.PolicySource{Late: "allow", LateCost: units.Currency}},
		{Seed: seed + 4, Warehouses: 12, Services: 6, SKUs: 200, Stocked: 60, Lines: 9, Places: 60, Policy: network.PolicySource{SplitLines: true}},
	}
	for i, cfg := range configs {
		w := enginetest.New(cfg)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		scarce(w, rng, 4)
		orders, now := drawOrders(w, rng, n/max(1, cfg.Lines/2))
		const unfilled = 80 * units.Currency
		got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{Unfilled: unfilled, Seed: seed, Iterations: 120, Rounds: 30})
		if err != nil {
			t.Fatal(err)
		}
		checkWave(t, w.Engine, w.Stock, orders, got)
		cost, left := inTurn(t, w, orders, now, unfilled)
		t.Logf("world %d: in turn %v with %d left, jointly %v with %d left, bound %v", i, cost, left, got.Cost, got.Unfilled, got.Bound)
		if got.Cost > cost || got.Bound > cost {
			t.Errorf("world %d: jointly %v (bound %v), in turn %v", i, got.Cost, got.Bound, cost)
		}
		w.Close()
	}
}

// TestABrokenWaveIsNoticed is the control of checkWave: a wave that takes a unit or a day's place too many must not pass.
func TestABrokenWaveIsNoticed(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 8, Warehouses: 5, Services: 4, SKUs: 10, Stocked: 80, Lines: 2, Places: 30, Capacity: true})
	defer w.Close()
	rng := rand.New(rand.NewPCG(8, 8))
	scarce(w, rng, 3)
	for i := range w.Snapshot.Warehouses {
		if at := &w.Snapshot.Warehouses[i].DailyCapacity; *at > 0 {
			*at = 2
		}
	}
	orders, now := drawOrders(w, rng, 40)
	decide := func() *engine.Wave {
		got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{Iterations: 60, Rounds: 4})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	taken := newUse()
	got := decide()
	checkWave(t, w.Engine, w.Stock, orders, got)
	for _, d := range got.Decisions {
		for _, s := range d.Shipments {
			taken.add(s.Warehouse, s.Service, s.ShipDate, s.Items, 1)
		}
	}
	if over := taken.over(w.Snapshot, w.Stock); over != "" {
		t.Fatal(over)
	}
	binding := 0 // things of which one less breaks the wave
	for at, n := range taken.stock {
		cell := int(at[1])*w.Stock.Stride + int(at[0])
		have := w.Stock.Available[cell]
		w.Stock.Available[cell] = int32(n) - 1
		if taken.over(w.Snapshot, w.Stock) == "" {
			t.Errorf("SKU %d from %d: %d units of %d are not too many", at[1], at[0], n, n-1)
		}
		w.Stock.Available[cell] = have
	}
	for at, n := range taken.days {
		capacity := &w.Snapshot.Warehouses[at[0]].DailyCapacity
		if at[1] >= 0 {
			capacity = &w.Snapshot.Services[at[1]].DailyCapacity
		}
		if *capacity < 0 {
			continue
		}
		had := *capacity
		*capacity = int32(n) - 1
		if taken.over(w.Snapshot, w.Stock) == "" {
			t.Errorf("day %v: %d shipments of %d are not too many", at, n, n-1)
		}
		if int64(had) == n {
			binding++
			if now := decide(); slices.ContainsFunc(now.Decisions, func(d engine.Decision) bool { return d.Outcome == engine.Planned }) {
				checkWave(t, w.Engine, w.Stock, orders, now) // and with one less, the wave keeps to it
			}
		}
		*capacity = had
	}
	if t.Logf("%d days are full", binding); binding == 0 {
		t.Error("no day is full: the test says nothing")
	}
}

func TestAllOrNone(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 4, Warehouses: 3, Services: 3, SKUs: 2, Stocked: 100, Lines: -1, Places: 10})
	defer w.Close()
	rng := rand.New(rand.NewPCG(4, 4))
	orders, now := drawOrders(w, rng, 6)
	for i := range orders {
		orders[i].Lines = []engine.Line{{SKU: w.Source.SKUs[0].ID, Quantity: 1}}
		orders[i].Promise = engine.Promise{}
	}
	for _, have := range []int32{2, 1} { // six units, then three
		for wh := range int32(3) {
			w.Stock.Set(0, wh, have)
		}
		got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{All: true})
		if err != nil {
			t.Fatal(err)
		}
		if want := have == 2; got.Filled != want {
			t.Errorf("%d units each: filled is %v", have, got.Filled)
		}
		if have == 2 {
			checkWave(t, w.Engine, w.Stock, orders, got)
			continue
		}
		outcomes := map[engine.Outcome]int{}
		for o, d := range got.Decisions {
			outcomes[d.Outcome]++
			if (d.Outcome == engine.OutOfStock) != (got.Exhausted[o] == engine.NoStock) {
				t.Errorf("order %d: %v for %v", o, d.Outcome, got.Exhausted[o])
			}
		}
		if outcomes[engine.OutOfStock] != 3 || outcomes[engine.LeftOut] != 3 || got.Unfilled != 6 || got.Cost != 0 {
			t.Errorf("outcomes %v, %d unfilled, cost %v", outcomes, got.Unfilled, got.Cost)
		}
	}
	orders[2].Lines[0].Quantity = 9 // more than there is, even alone
	got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{All: true})
	if err != nil || got.Filled || got.Status != engine.Infeasible || got.Decisions[2].Outcome != engine.OutOfStock || got.Decisions[1].Outcome != engine.LeftOut {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPartOfAnOrderInAWave(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 6, Warehouses: 3, Services: 3, SKUs: 3, Stocked: 100, Lines: -1, Places: 10,
		Policy: network.PolicySource{Partial: "fill"}})
	defer w.Close()
	rng := rand.New(rand.NewPCG(6, 6))
	orders, now := drawOrders(w, rng, 2)
	for sku := range int32(3) {
		for wh := range int32(3) {
			w.Stock.Set(sku, wh, 0)
		}
	}
	id := func(i int) string { return w.Source.SKUs[i].ID }
	for i := range orders {
		orders[i].Promise = engine.Promise{}
	}
	w.Stock.Set(0, 0, 1) // one of the two orders gets it
	w.Stock.Set(1, 0, 5)
	w.Stock.Set(2, 0, 2) // three are wanted
	orders[0].Lines = []engine.Line{{SKU: id(0), Quantity: 1}, {SKU: id(1), Quantity: 1}}
	orders[1].Lines = []engine.Line{{SKU: id(0), Quantity: 1}, {SKU: id(2), Quantity: 3}}
	got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkWave(t, w.Engine, w.Stock, orders, got)
	left := int32(0)
	for _, d := range got.Decisions {
		for _, it := range d.Unfilled {
			left += it.Quantity
		}
	}
	if left != 2 || got.Unfilled < 1 || got.Filled {
		t.Errorf("%d units are left, %d orders are not filled whole", left, got.Unfilled)
	}
}

func TestFaultsOfAWave(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 2, Warehouses: 3, Services: 3, SKUs: 3, Places: 10})
	defer w.Close()
	rng := rand.New(rand.NewPCG(2, 2))
	orders, now := drawOrders(w, rng, 5)
	orders[1].Lines[0].SKU = "nonesuch"
	orders[3].Lines[0].Quantity, orders[3].To.Postal = 0, "x"
	_, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{})
	bad, ok := errors.AsType[*faults.Error](err)
	if !ok {
		t.Fatal(err)
	}
	var fields []string
	for _, f := range bad.Faults {
		fields = append(fields, f.Field)
	}
	if want := []string{"orders[1].lines[0].sku", "orders[3].lines[0].quantity", "orders[3].to.postal_code"}; !slices.Equal(fields, want) {
		t.Errorf("faults at %v, want %v", fields, want)
	}
	if got, err := w.Engine.DecideWave(w.Stock, nil, now, engine.WaveOptions{}); err != nil || !got.Filled || got.Status != engine.Optimal {
		t.Errorf("a wave of nothing: %+v, %v", got, err)
	}
}

func TestAWaveStops(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 3, Warehouses: 12, Services: 6, SKUs: 30, Lines: 3, Places: 60, Capacity: true})
	defer w.Close()
	rng := rand.New(rand.NewPCG(3, 3))
	scarce(w, rng, 2)
	orders, now := drawOrders(w, rng, 60)
	for _, after := range []int64{0, 1, 10, 100} {
		var asked atomic.Int64
		got, err := w.Engine.DecideWave(w.Stock, orders, now, engine.WaveOptions{Stop: func() bool { return asked.Add(1) > after }})
		if err != nil {
			t.Fatal(err)
		}
		checkWave(t, w.Engine, w.Stock, orders, got)
		if t.Logf("stopped after %d: cost %v, bound %v, %d price steps", after, got.Cost, got.Bound, got.Iterations); !got.Stopped {
			t.Errorf("after %d: it does not say that it was stopped", after)
		}
	}
}

// drawOrders returns orders of a world that come at one moment.
func drawOrders(w *enginetest.World, rng *rand.Rand, n int) (orders []engine.Order, now units.Instant) {
	for i := range n {
		o, at := w.Order(rng, 0)
		o.ID = fmt.Sprintf("o%d", i)
		orders, now = append(orders, o), at
	}
	return orders, now
}
