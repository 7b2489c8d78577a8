package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/bench/naive"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A field is a network with orders that need a split, priced for those who cannot price themselves.
type field struct {
	name, prices string // what it is, and whose prices its problems have
	promised     bool   // whether what is promised is promised of it

	engine  *engine.Engine
	scratch *engine.Scratch
	stock   *engine.StockView
	orders  []engine.Order
	nows    []units.Instant

	naive   *naive.Network // nil where it does not know the network's rules
	naives  []naive.Order
	moments []time.Time

	problems []*problem // by order
	close    func()
}

// decide decides an order by the engine and returns the cost of the plan.
func (f *field) decide(i int, d *engine.Decision) int64 {
	if err := f.engine.Decide(f.stock, &f.orders[i], f.nows[i], f.scratch, d); err != nil {
		panic(fmt.Sprintf("peers: %v", err)) // the orders are well formed
	}
	if d.Outcome != engine.Planned {
		return infeasible
	}
	return int64(d.Cost)
}

// decideNaively does the same by the naive version.
func (f *field) decideNaively(i int) int64 {
	d, err := f.naive.Decide(&f.naives[i], f.moments[i])
	if err != nil {
		panic(fmt.Sprintf("peers: %v", err))
	}
	if d.Outcome != naive.Planned {
		return infeasible
	}
	return micros(d.Cost)
}

// usualWorld is the network whose orders are compared: the usual one of the benchmarks, with orders of 1 to 4 lines.
var usualWorld = enginetest.Config{Seed: 1, Warehouses: 50, Services: 12, SKUs: 500, Stocked: 50, Lines: 4}

// scarce is the percentage stocked of another: most of its orders of several lines need a split, and there is little to
// choose from.
const scarce = 15

// newMade makes a world and draws orders until so many need a split: the cheapest plan of the naive version has several
// shipments. Their prices are the naive version's.
func newMade(cfg enginetest.Config, orders int) (*field, error) {
	w := enginetest.New(cfg)
	f := &field{
		name: fmt.Sprintf("made from a seed: %d warehouses, %d services, %d %% stocked", cfg.Warehouses, cfg.Services, cfg.Stocked), prices: "the naive version's",
		engine: w.Engine, scratch: w.Engine.NewScratch(), stock: w.Stock, close: w.Close,
	}
	var err error
	if f.naive, err = naive.New(w.Source, bench.NaiveStock(w, w.Stock)); err != nil {
		w.Close()
		return nil, err
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 3))
	policy := w.Source.Settings.Policy
	for drawn := 0; len(f.orders) < orders; drawn++ {
		if drawn == 1_000*(orders+1) {
			w.Close()
			return nil, fmt.Errorf("only %d of %d orders need a split", len(f.orders), drawn)
		}
		o, now := w.Order(rng, drawn)
		n, moment := bench.NaiveOrder(&o), bench.Moment(now)
		d, err := f.naive.Decide(&n, moment)
		if err != nil {
			w.Close()
			return nil, err
		}
		if d.Outcome != naive.Planned || len(d.Shipments) < 2 {
			continue
		}
		p, err := f.naivePrices(w, &n, moment)
		if err != nil {
			w.Close()
			return nil, err
		}
		p.most, p.splitCost = int(policy.MaxShipments), int64(policy.SplitCost)
		f.orders, f.nows = append(f.orders, o), append(f.nows, now)
		f.naives, f.moments, f.problems = append(f.naives, n), append(f.moments, moment), append(f.problems, p)
	}
	return f, nil
}

// naivePrices poses an order at the prices of the naive version.
func (f *field) naivePrices(w *enginetest.World, o *naive.Order, now time.Time) (*problem, error) {
	candidates, err := f.naive.Candidates(o, now)
	if err != nil {
		return nil, err
	}
	p := &problem{}
	at := map[string]int{}
	for _, ln := range o.Lines {
		if i, ok := at[ln.SKU]; ok {
			p.quantity[i] += ln.Quantity
			continue
		}
		at[ln.SKU] = len(p.quantity)
		p.quantity = append(p.quantity, ln.Quantity)
	}
	for _, c := range candidates {
		warehouse, _ := w.Snapshot.Warehouse(c.Warehouse)
		service, _ := w.Snapshot.Service(c.Service)
		take := make([]int, len(p.quantity))
		for l := range take {
			if c.Lines>>l&1 == 1 {
				take[l] = p.quantity[l]
			}
		}
		p.candidates = append(p.candidates, candidate{warehouse: int(warehouse), service: int(service), take: take, cost: micros(c.Cost)})
	}
	p.sort()
	return p, nil
}

// mostTakes bounds the ways to take some of an order's units whose shipments are priced: orders with more are left out.
const mostTakes = 48

// newParcel reads a network directory with a season and takes up to so many of its orders whose cheapest plan has
// several shipments. Their prices are those of Explain, which states scoring in the open, of one warehouse and
// one service at a time, where Decide works it out in pieces.
func newParcel(ctx context.Context, dir string, orders int) (*field, error) {
	snap, stock, err := network.Load(dir)
	if err != nil {
		return nil, err
	}
	h, _, err := history.Read(ctx, []history.File{history.OSFile(filepath.Join(dir, "season.parquet"))}, history.ReadOptions{})
	if err != nil {
		return nil, err
	}
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		return nil, err
	}
	f := &field{
		name:   fmt.Sprintf("%s: %d warehouses, %d services, published tariffs, lines may be split", filepath.Base(dir), len(snap.Warehouses), len(snap.Services)),
		prices: "of Explain", engine: e, scratch: e.NewScratch(), close: e.Close,
		stock: engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses)),
	}
	for _, s := range stock.Rows {
		if s.AvailableFrom == 0 {
			w, _ := snap.Warehouse(s.Warehouse)
			sku, _ := snap.SKUs.Row(s.SKU)
			f.stock.Set(sku, w, s.OnHand-s.Safety)
		}
	}
	var d engine.Decision
	for i := 0; i < h.Len() && len(f.orders) < orders && ctx.Err() == nil; i++ {
		var o engine.Order
		h.Order(i, &o)
		if e.Decide(f.stock, &o, h.At[i], f.scratch, &d) != nil || d.Outcome != engine.Planned || d.Late || len(d.Shipments) < 2 {
			continue
		}
		p, err := f.explained(&o, h.At[i])
		if err != nil {
			e.Close()
			return nil, err
		}
		if p != nil {
			f.orders, f.nows, f.problems = append(f.orders, o), append(f.nows, h.At[i]), append(f.problems, p)
		}
	}
	if len(f.orders) == 0 {
		e.Close()
		return nil, fmt.Errorf("no order of %s needs a split", dir)
	}
	return f, ctx.Err()
}

// explained poses an order at the prices of Explain, or returns nil where there are too many ways to take its units.
func (f *field) explained(o *engine.Order, now units.Instant) (*problem, error) {
	snap := f.engine.Snapshot()
	p := &problem{most: int(snap.Policy.MaxShipments), splitCost: int64(snap.Policy.SplitCost)}
	part := *o
	part.Lines = nil
	at := map[string]int{}
	for _, ln := range o.Lines { // one a SKU
		if i, ok := at[ln.SKU]; ok {
			part.Lines[i].Quantity += ln.Quantity
			continue
		}
		at[ln.SKU] = len(part.Lines)
		part.Lines = append(part.Lines, ln)
	}
	all := part.Lines
	for _, ln := range all {
		p.quantity = append(p.quantity, int(ln.Quantity))
	}
	takes := takesOf(p.quantity, snap.Policy.SplitLines, mostTakes)
	for _, take := range takes {
		part.Lines = nil
		for l, n := range take {
			if n > 0 {
				part.Lines = append(part.Lines, engine.Line{SKU: all[l].SKU, Quantity: int64(n)})
			}
		}
		x, err := f.engine.Explain(f.stock, &part, now, f.scratch)
		if err != nil {
			return nil, err
		}
		for _, c := range x.Candidates {
			if c.Killed == engine.None {
				p.candidates = append(p.candidates, candidate{warehouse: int(c.Warehouse), service: int(c.Service), take: take, cost: int64(c.Cost)})
			}
		}
	}
	if takes == nil {
		return nil, nil
	}
	p.sort()
	return p, nil
}

// takesOf returns every way to take some of the units of lines, whole lines or, where lines may be split, any; nil where
// there are more than most.
func takesOf(quantity []int, split bool, most int) [][]int {
	takes := [][]int{nil}
	for _, q := range quantity {
		var next [][]int
		for _, t := range takes {
			for n := 0; n <= q; n++ {
				if n == 0 || n == q || split {
					next = append(next, append(slices.Clip(t), n))
				}
			}
		}
		if takes = next; len(takes) > most+1 {
			return nil
		}
	}
	return takes[1:] // the first takes nothing
}

// A pass is what deciding some orders took.
type pass struct {
	cpu   float64   // microseconds of processor time of an order, on average
	each  []float64 // microseconds of each of them
	costs []int64
}

// timed runs decide on some orders, over and over for at least a slice, on one thread of the system. What each order took is
// the least of the runs, of the wall.
func timed(which []int, slice time.Duration, decide func(i int) int64) pass {
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := pass{each: make([]float64, len(which)), costs: make([]int64, len(which))}
	began, cpu, passes := time.Now(), cputime.Thread(), 0
	for passes == 0 || time.Since(began) < slice {
		passes++
		last := time.Now()
		for k, i := range which {
			p.costs[k] = decide(i)
			at := time.Now()
			if took := float64(at.Sub(last).Nanoseconds()) / 1e3; passes == 1 || took < p.each[k] {
				p.each[k] = took
			}
			last = at
		}
	}
	p.cpu = float64((cputime.Thread() - cpu).Nanoseconds()) / 1e3 / float64(len(which)*passes)
	return p
}

// exists tells whether there is a directory.
func exists(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}
