// Package bench measures the hot path: what one decision costs by Engine.Decide, and by the naive version of the same
// function in bench/naive. Its tests hold the two against each other on random orders, its benchmarks run under
// go test -bench, and the command bench/hotpath prints the ratios that are promised of the engine, with their spread.
// README.md says what is measured and what is left out.
package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/bench/naive"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// The workload of the hot path, the same for every size.
const (
	Services = 12
	Lines    = 2
	SKUs     = 500
	Places   = 2_000
	Orders   = 4_000
)

// laneCacheBytes leaves room for the lanes of every place of the largest workload, about 200 MB, so that the cache stays
// warm.
const laneCacheBytes = 4 << 30

// A Field is a network of one size with the stock levels it is measured at, and a stream of orders: each has exactly
// Lines lines, comes a second after the one before and goes to one of Places places, all of which the lane cache holds.
type Field struct {
	Warehouses int

	world   *enginetest.World
	engine  *engine.Engine
	orders  []engine.Order
	nows    []units.Instant
	naives  []naive.Order
	moments []time.Time
}

// NewField builds a network of a number of warehouses and its orders, the same for the same seed. With whole set, its
// policy is that one warehouse ships an order. It panics where the network does not compile, which is a fault of this
// package.
func NewField(seed uint64, warehouses int, whole bool) *Field {
	f := &Field{Warehouses: warehouses, world: enginetest.New(enginetest.Config{
		Seed: seed, Warehouses: warehouses, Services: Services, SKUs: SKUs, Lines: -Lines, Places: Places, Stocked: 1,
	})}
	snap := f.world.Snapshot
	if whole {
		f.world.Source.Settings.Policy.MaxShipments, f.world.Source.Settings.Policy.SplitCost = 1, 0
		snap = must(network.Compile(f.world.Source, nil))
	}
	f.engine = must(engine.New(snap, engine.Options{LaneCacheBytes: laneCacheBytes}))
	rng := rand.New(rand.NewPCG(seed, 2))
	for i := range Orders {
		o, now := f.world.Order(rng, i)
		f.orders, f.nows = append(f.orders, o), append(f.nows, now)
		f.naives, f.moments = append(f.naives, NaiveOrder(&o)), append(f.moments, Moment(now))
	}
	return f
}

// Close releases what the field holds.
func (f *Field) Close() {
	f.engine.Close()
	f.world.Close()
}

// A Runner decides the orders of a field at one stock level, over and over.
type Runner struct {
	f       *Field
	stock   *engine.StockView
	scratch *engine.Scratch
	naive   *naive.Network
	d       engine.Decision
	next    int // order of the engine
	nextN   int // of the naive version

	Splits, Refused int // decisions of the engine whose plan has several shipments, and that refused the order
}

// Runner stocks a percentage of the pairs of SKU and warehouse and decides every order once, until the lanes of all
// places are in the cache, which takes them in its own time.
func (f *Field) Runner(seed uint64, stocked int) *Runner {
	r := &Runner{f: f, stock: engine.NewStockView(SKUs, f.Warehouses), scratch: f.engine.NewScratch()}
	rng := rand.New(rand.NewPCG(seed, uint64(stocked)))
	for sku := range int32(SKUs) {
		for w := range int32(f.Warehouses) {
			if rng.IntN(100) < stocked {
				r.stock.Set(sku, w, 1+rng.Int32N(20))
			}
		}
	}
	for range 3 {
		for range f.orders {
			r.Decide()
		}
	}
	r.Splits, r.Refused = 0, 0
	return r
}

// Decide decides the next order by the engine.
func (r *Runner) Decide() {
	i := r.next
	if r.next++; r.next == len(r.f.orders) {
		r.next = 0
	}
	if err := r.f.engine.Decide(r.stock, &r.f.orders[i], r.f.nows[i], r.scratch, &r.d); err != nil {
		panic(fmt.Sprintf("bench: %v", err)) // the orders are well formed
	}
	if len(r.d.Shipments) > 1 {
		r.Splits++
	}
	if r.d.Outcome != engine.Planned {
		r.Refused++
	}
}

// PrepareNaive builds the naive version for the same network and stock.
func (r *Runner) PrepareNaive() {
	r.naive = must(naive.New(r.f.world.Source, NaiveStock(r.f.world, r.stock)))
}

// DecideNaively decides the next order by the naive version, which PrepareNaive must have built.
func (r *Runner) DecideNaively() {
	i := r.nextN
	if r.nextN++; r.nextN == len(r.f.naives) {
		r.nextN = 0
	}
	if _, err := r.naive.Decide(&r.f.naives[i], r.f.moments[i]); err != nil {
		panic(fmt.Sprintf("bench: %v", err))
	}
}

// A Spent is what a number of decisions took.
type Spent struct {
	Wall, CPU time.Duration // CPU is that of the thread
	Allocs    uint64
}

// Measure runs decide n times on one thread of the operating system. The processor time is that of the thread, which a
// busy machine stretches far less than the wall time.
func Measure(n int, decide func()) Spent {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, cpu := time.Now(), cputime.Thread()
	for range n {
		decide()
	}
	s := Spent{CPU: cputime.Thread() - cpu, Wall: time.Since(start)}
	runtime.ReadMemStats(&after)
	s.Allocs = after.Mallocs - before.Mallocs
	return s
}

// Report turns the totals of n decisions into the time and allocations of one: nanoseconds of wall time, of processor
// time, and a count.
func (s Spent) Report(n int) (wall, cpu, allocs float64) {
	of := float64(n)
	return float64(s.Wall) / of, float64(s.CPU) / of, float64(s.Allocs) / of
}

// NaiveOrder returns an order in the words of the naive version.
func NaiveOrder(o *engine.Order) naive.Order {
	n := naive.Order{Postal: o.To.Postal, Commercial: o.To.Commercial}
	if o.Promise.Date != 0 {
		n.Promise = midnight(o.Promise.Date)
	}
	for _, ln := range o.Lines {
		n.Lines = append(n.Lines, naive.Line{SKU: ln.SKU, Quantity: int(ln.Quantity)})
	}
	return n
}

// Moment returns an instant as the naive version takes it.
func Moment(t units.Instant) time.Time { return time.Unix(int64(t), 0).UTC() }

func midnight(d units.Date) time.Time { return time.Unix(int64(d)*int64(units.EndOfDay), 0).UTC() }

// NaiveStock returns a view of the stock of a world as the naive version takes it.
func NaiveStock(w *enginetest.World, view *engine.StockView) naive.Stock {
	stock := naive.Stock{Units: map[string]map[string]int{}}
	for sku, id := range w.Snapshot.SKUs.IDs {
		at := map[string]int{}
		for row := range w.Snapshot.Warehouses {
			if n := view.Available[sku*view.Stride+row]; n > 0 {
				at[w.Snapshot.Warehouses[row].ID] = int(n)
			}
		}
		stock.Units[id] = at
	}
	pricesToNaive(&stock, w.Snapshot, view.Prices)
	return stock
}

// pricesToNaive writes shadow prices as the naive version takes them: in dollars, by name, every day by itself.
func pricesToNaive(stock *naive.Stock, snap *network.Snapshot, prices *engine.Prices) {
	stock.UnitPrices, stock.SlotPrices = map[string]map[string]float64{}, map[naive.Slot]float64{}
	for r := range prices.Rows() {
		warehouse, dollars := snap.Warehouses[r.Warehouse].ID, float64(r.Price)/float64(units.Currency)
		if r.SKU >= 0 {
			sku := snap.SKUs.IDs[r.SKU]
			if stock.UnitPrices[sku] == nil {
				stock.UnitPrices[sku] = map[string]float64{}
			}
			stock.UnitPrices[sku][warehouse] = dollars
			continue
		}
		slot := naive.Slot{Warehouse: warehouse}
		if r.Service >= 0 {
			slot.Service = snap.Services[r.Service].ID
		}
		if r.From == 0 && r.Until == 0 {
			stock.SlotPrices[slot] = dollars
			continue
		}
		for day := r.From; day <= r.Until; day++ {
			slot.Ship = midnight(day)
			stock.SlotPrices[slot] = dollars
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("bench: %v", err))
	}
	return v
}
