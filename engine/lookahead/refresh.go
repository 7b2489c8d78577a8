package lookahead

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/solver/ahead"
	"github.com/allot-engine/allot/units"
)

// Options configure a Refresher. A zero field takes the default in its comment.
type Options struct {
	Seed    uint64 // of the orders that are sampled
	Workers int    // goroutines; default GOMAXPROCS. It changes the time, never the prices

	// First and Iterations are the price steps of the first refresh and of later ones, Futures the samples of all that may
	// come, Block the orders looked at in a step; see ahead.Options. The default depends on how much there is to price.
	First, Iterations, Futures, Block int

	Stop func() bool // asked now and then, by any goroutine; once true a refresh ends with the prices so far. Default never
}

// A Refresher makes prices for one engine from one forecast, again and again: it keeps what it found the last time, and
// what each warehouse ships the orders of the forecast for. It is safe for concurrent use, one Refresh at a time.
type Refresher struct {
	f   *Forecast
	e   *engine.Engine
	opt Options

	skus  []int32          // rows in the snapshot
	local map[int32]int32  // row in the snapshot to position in skus
	spots map[Region]int32 // what names a region to its position
	base  *ahead.Forecast
	out   []string // what the network does not know
	parts float64  // orders that are priced, to one that is forecast: long ones are priced in parts

	refreshing sync.Mutex
	book       *book
	pricer     *ahead.Pricer
	counters   []int32         // by warehouse: its counter of shipments, or -1
	limited    []int32         // the warehouses of the counters
	ends       []units.Instant // of the cycles at the latest refresh
	unfilled   int64

	learning sync.Mutex
	atlas    *atlas
	learner  *ahead.Learner
	seen     int64
	latest   units.Instant
	order    ahead.Order
}

// New returns a Refresher that has seen nothing. What the forecast names and the engine's network does not have is left
// out; see LeftOut. The error is a *faults.Error where the forecast is none, or nothing of it is left.
func New(e *engine.Engine, f *Forecast, opt Options) (*Refresher, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	snap := e.Snapshot()
	r := &Refresher{f: f, e: e, opt: opt, local: map[int32]int32{}, spots: map[Region]int32{}, atlas: newAtlas(snap), base: &ahead.Forecast{}}
	var whole, parts float64
	unknown := map[string]bool{}
	for i := range f.Types {
		t := ahead.Type{Weight: float64(f.Types[i].Weight)}
		for _, id := range f.Types[i].SKUs {
			row, ok := snap.SKUs.Row(id)
			if !ok || snap.SKUs.Gone[row] {
				if !unknown[id] {
					unknown[id] = true
					r.leaveOut("SKU %s", id)
				}
				continue
			}
			at, known := r.local[row]
			if !known {
				at = int32(len(r.skus))
				r.local[row] = at
				r.skus = append(r.skus, row)
			}
			t.SKUs = append(t.SKUs, at)
		}
		if len(t.SKUs) == 0 || t.Weight == 0 {
			continue
		}
		whole += t.Weight
		for part := range slices.Chunk(t.SKUs, mostLines) {
			parts += t.Weight
			r.base.Types = append(r.base.Types, ahead.Type{SKUs: part, Weight: t.Weight})
		}
	}
	r.book = newBook(e, r.skus)
	for i := range r.base.Types {
		r.book.stand(r.base.Types[i].SKUs, f.Quantities)
	}
	r.addRegions()
	var fl faults.List
	if len(r.base.Types) == 0 {
		fl.Addf("", 0, 0, "types", "fit it to the orders of this network", "the network has none of the SKUs that are forecast")
	}
	if len(r.book.spots) == 0 {
		fl.Addf("", 0, 0, "regions", "give postal codes that the network knows", "the network knows none of the regions that are forecast")
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	r.book.promises = f.Promises
	if len(f.Promises) == 0 {
		r.book.promises = []Promise{{Days: NoPromise, Weight: 1}}
	}
	for _, p := range r.book.promises {
		r.base.Promises = append(r.base.Promises, float64(p.Weight))
	}
	for _, n := range f.Quantities {
		r.base.Quantities = append(r.base.Quantities, float64(n))
	}
	for w := range snap.Warehouses {
		r.counters = append(r.counters, -1)
		if snap.Warehouses[w].DailyCapacity >= 0 && !snap.Warehouses[w].Closed {
			r.counters[w] = int32(len(r.limited))
			r.limited = append(r.limited, int32(w))
		}
	}
	r.parts = parts / whole
	r.learner = ahead.NewLearner(r.base, r.volume(), len(r.skus))
	return r, nil
}

func (r *Refresher) leaveOut(format string, args ...any) {
	r.out = append(r.out, fmt.Sprintf(format, args...))
}

func (r *Refresher) addRegions() {
	var spots []spot
	for i := range r.f.Regions {
		of := &r.f.Regions[i]
		at, ok := r.atlas.spotOf(of)
		if !ok {
			if of.CollectAt != "" {
				r.leaveOut("warehouse %s, where buyers collect", of.CollectAt)
			} else {
				r.leaveOut("postal code %s of %s", of.Postal, of.Country)
			}
			continue
		}
		name := Region{Country: at.to.Country, Prefix: of.Prefix, CollectAt: of.CollectAt}
		if of.CollectAt == "" {
			named, _, _, _ := r.atlas.regionOf(&engine.Order{To: at.to})
			name.Country = named.Country
			if name.Prefix == "" {
				name.Prefix = named.Prefix
			}
		}
		if _, known := r.spots[name]; known {
			continue
		}
		r.spots[name] = int32(len(spots))
		spots = append(spots, at)
	}
	left, to := gather(spots, mostSpots)
	for name, at := range r.spots {
		r.spots[name] = to[at]
	}
	r.book.spots = left
	for i := range left {
		r.base.Regions = append(r.base.Regions, left[i].weight)
	}
}

// LeftOut lists what the forecast names and the network does not have: "SKU mug-9oz", "postal code 00000 of US".
func (r *Refresher) LeftOut() []string { return r.out }

// volume returns the orders of a mean day.
func (r *Refresher) volume() float64 { return float64(r.f.Orders) / float64(oneOrder) }

// See tells of an order that came at a moment, so that later refreshes forecast better. Orders come in the order of their
// moments. SKUs, regions and promises that are not forecast are not learned.
func (r *Refresher) See(o *engine.Order, at units.Instant) {
	r.learning.Lock()
	defer r.learning.Unlock()
	elapsed := 0.0
	if r.seen > 0 {
		elapsed = r.f.meanDays(r.latest, at)
	}
	r.latest = max(r.latest, at)
	r.seen++
	r.order.Region, r.order.Promise, r.order.Lines = math.MaxInt32, math.MaxInt32, r.order.Lines[:0]
	if name, _, zone, ok := r.atlas.regionOf(o); ok {
		r.order.Promise = r.promiseLike(promiseDays(o, zone, at))
		for n := len(name.Prefix); n >= 0; n-- { // the region may be larger, or smaller, than those that are fitted
			name.Prefix = name.Prefix[:n]
			if at, known := r.spots[name]; known {
				r.order.Region = at
				break
			}
		}
	}
	snap := r.e.Snapshot()
	for i := range o.Lines {
		if row, ok := snap.SKUs.Row(o.Lines[i].SKU); ok {
			if at, known := r.local[row]; known {
				r.order.Lines = append(r.order.Lines, ahead.Line{SKU: at, Quantity: 1})
			}
		}
	}
	r.learner.See(&r.order, elapsed)
}

// promiseLike returns the position of the promise that is nearest to one of so many days.
func (r *Refresher) promiseLike(days int32) int32 {
	best, off := int32(math.MaxInt32), int32(math.MaxInt32)
	for i, p := range r.book.promises {
		if (p.Days == NoPromise) != (days == NoPromise) {
			continue
		}
		if d := max(p.Days-days, days-p.Days); d < off {
			best, off = int32(i), d
		}
	}
	return best
}

// A Report says what a refresh found.
type Report struct {
	Orders     float64     // expected in all the cycles that were looked at
	Cycles     int         // that were looked at
	Learned    int64       // orders that the forecast was corrected by
	Volume     float64     // orders a day after that correction
	StockRows  int         // prices of stock above 0
	ShipRows   int         // prices of shipments above 0
	Highest    units.Money // price of a unit
	Iterations int         // price steps of each future
}

// Refresh returns the prices that the forecast, the stock and what is on its way make at a moment. stock.Prices count for
// nothing, and nor does supply that is not for this network. It takes a second or two for a network of 50 warehouses and
// 1,000 SKUs; see Options for how much is searched.
func (r *Refresher) Refresh(stock *engine.StockView, now units.Instant, inbound []Supply) (*engine.Prices, *Report, error) {
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	r.learning.Lock()
	forecast, volume := r.learner.Forecast()
	report := &Report{Learned: r.seen, Volume: volume}
	r.learning.Unlock()

	r.book.look(r.f, now)
	promises := forecast.Promises
	forecast.Promises = nil
	for i := range r.book.columns {
		weight := 0.0
		for _, p := range r.book.columns[i].of {
			weight += promises[p]
		}
		forecast.Promises = append(forecast.Promises, weight)
	}
	if r.f.Unfilled != 0 {
		r.unfilled = int64(r.f.Unfilled)
	} else if r.unfilled == 0 {
		r.unfilled = r.typical() * unfilledTimes
	}
	forecast.Unfilled = r.unfilled
	p := r.problem(stock, now, volume, inbound)
	report.Cycles = len(p.Periods)
	for i := range p.Periods {
		report.Orders += p.Periods[i].Orders / r.parts
	}
	if r.pricer == nil {
		r.pricer = ahead.New(r.effort(p))
		report.Iterations = r.effort(p).First
	} else {
		report.Iterations = r.effort(p).Iterations
	}
	for len(r.ends) > 0 && r.ends[0] <= now {
		r.ends = r.ends[1:]
		r.pricer.Advance()
	}
	cycles := r.f.cycles(now, len(p.Periods)-1)
	r.ends = r.ends[:0]
	for _, c := range cycles {
		r.ends = append(r.ends, c.until)
	}
	prices := r.pricer.Refresh(p, forecast)
	rows := r.rows(&prices, &cycles[0], report)
	out, err := engine.NewPrices(r.e.Snapshot(), rows)
	if err != nil {
		return nil, nil, fmt.Errorf("lookahead: %w", err) // rows are of the snapshot, prices below the limit
	}
	return out, report, nil
}

// unfilledTimes is how many times the cheapest way to ship a unit it costs not to ship it, where the forecast says
// nothing.
const unfilledTimes = 3

// typical returns what shipping a unit by the cheapest way costs for half of some that are forecast.
func (r *Refresher) typical() int64 {
	const samples = 64
	d := r.book.take()
	defer r.book.give(d)
	var costs []int64
	for i := range samples {
		t := &r.base.Types[i*len(r.base.Types)/samples]
		o := &ahead.Order{
			Region: int32(i * 37 % samples * len(r.book.spots) / samples), Promise: int32(i % len(r.book.columns)),
			Lines: []ahead.Line{{SKU: t.SKUs[0], Quantity: 1}},
		}
		r.book.add(d, o)
		best := int64(-1)
		for _, c := range r.book.ask(d, o, 1) {
			if c >= 0 && (best < 0 || c < best) {
				best = c
			}
		}
		if best >= 0 {
			costs = append(costs, best)
		}
	}
	if len(costs) == 0 {
		return int64(units.Currency)
	}
	slices.Sort(costs)
	return max(min(costs[len(costs)/2], (ahead.CostLimit-1)/unfilledTimes), 1)
}

// problem is what there is and what comes, in columns.
func (r *Refresher) problem(stock *engine.StockView, now units.Instant, volume float64, inbound []Supply) *ahead.Problem {
	snap := r.e.Snapshot()
	width := len(snap.Warehouses)
	p := &ahead.Problem{
		Warehouses: width, SKUs: len(r.skus), Stock: make([]int32, len(r.skus)*width), Offers: r.book.offers,
		SplitCost: min(int64(snap.Policy.SplitCost), ahead.CostLimit-1),
	}
	if snap.Policy.MaxShipments == 1 {
		p.SplitCost = ahead.CostLimit - 1
	}
	for i, row := range r.skus {
		for w := range snap.Warehouses {
			if !snap.Warehouses[w].Closed {
				p.Stock[i*width+w] = atomic.LoadInt32(&stock.Available[int(row)*stock.Stride+w])
			}
		}
	}
	most := int(r.f.Cycles)
	if len(r.f.Supply) == 0 {
		most = 0 // what is on its way now is not all that comes
	}
	for i, c := range r.f.cycles(now, most) {
		period := ahead.Period{Orders: min(volume*r.parts*r.f.meanDays(c.from, c.until), 1e9)}
		add := func(s *Supply) {
			here := c.first <= s.Date && s.Date <= c.last || s.Date == 0 && i > 0
			if i == 0 && s.Date == c.first {
				here = false // what came today is in stock
			}
			row, sold := snap.SKUs.Row(s.SKU)
			w, known := snap.Warehouse(s.Warehouse)
			at, forecast := r.local[row]
			if !here || !sold || !known || !forecast {
				return
			}
			if period.Supply == nil {
				period.Supply = make([]int32, len(p.Stock))
			}
			cell := &period.Supply[int(at)*width+int(w)]
			*cell = int32(min(int64(*cell)+int64(s.Units), math.MaxInt32/8))
		}
		for j := range r.f.Supply {
			add(&r.f.Supply[j])
		}
		for j := range inbound {
			if inbound[j].Date != 0 {
				add(&inbound[j])
			}
		}
		for _, w := range r.limited {
			period.Limits = append(period.Limits, r.room(stock, w, &c))
		}
		p.Periods = append(p.Periods, period)
	}
	if len(r.limited) > 0 {
		p.Shipments = r.counters
	}
	return p
}

// room returns how many shipments a warehouse can still hand over in a cycle.
func (r *Refresher) room(stock *engine.StockView, w int32, c *cycle) int64 {
	snap := r.e.Snapshot()
	wh := &snap.Warehouses[w]
	pickups := snap.Profiles[wh.Profile].Pickups
	sum := int64(0)
	for d := c.first; d <= c.last; d++ {
		open := false
		for s := range pickups {
			open = open || wh.Services>>s&1 == 1 && pickups[s].Calendar != nil && pickups[s].Calendar.IsOpen(d)
		}
		if !open {
			continue
		}
		left := wh.DailyCapacity
		if stock.Capacity != nil {
			left = stock.Capacity.WarehouseLeft(w, d)
		}
		sum += int64(max(left, 0))
	}
	return sum
}

// rows are the prices above 0.
func (r *Refresher) rows(prices *ahead.Prices, present *cycle, report *Report) (rows []engine.PriceRow) {
	width := len(r.e.Snapshot().Warehouses)
	bounded := func(x int64) units.Money { return units.Money(min(max(x, 0), int64(engine.MaxPrice)-1)) }
	for c, x := range prices.Stock {
		if x <= 0 {
			continue
		}
		price := bounded(x)
		rows = append(rows, engine.PriceRow{Warehouse: int32(c % width), SKU: r.skus[c/width], Service: -1, Price: price})
		report.StockRows++
		report.Highest = max(report.Highest, price)
	}
	for i, x := range prices.Limits {
		if x > 0 {
			rows = append(rows, engine.PriceRow{
				Warehouse: r.limited[i], SKU: -1, Service: -1, From: present.first, Until: present.last, Price: bounded(x),
			})
			report.ShipRows++
		}
	}
	return rows
}

// largeProblem is from how many prices on fewer steps must do.
const largeProblem = 30_000

// effort says how much is searched.
func (r *Refresher) effort(p *ahead.Problem) ahead.Options {
	out := ahead.Options{
		Workers: r.opt.Workers, Seed: r.opt.Seed, Stop: r.opt.Stop,
		First: r.opt.First, Iterations: r.opt.Iterations, Futures: r.opt.Futures, Block: r.opt.Block,
	}
	def := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	first, later := ahead.DefaultFirst, ahead.DefaultIterations
	if len(p.Stock)*len(p.Periods) > largeProblem {
		first, later = first*2/3, later*2/3
	}
	def(&out.First, first)
	def(&out.Iterations, later)
	def(&out.Futures, ahead.DefaultFutures)
	def(&out.Block, ahead.DefaultBlock)
	return out
}

// String says what a refresh found in a line.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "prices: %d of stock, %d of days; orders to come: %.0f, cycles: %d", r.StockRows, r.ShipRows, r.Orders, r.Cycles)
	if r.Learned > 0 {
		fmt.Fprintf(&b, ", after %d that came", r.Learned)
	}
	return b.String()
}
