package ahead

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// Options steer a Pricer. The zero value is a good choice.
type Options struct {
	Workers    int         // goroutines; 0 takes GOMAXPROCS. It changes the time, never the answer
	First      int         // price steps of the first refresh; 0 takes DefaultFirst
	Iterations int         // price steps of each later refresh; 0 takes DefaultIterations
	Futures    int         // samples of all that may come, priced each for itself; 0 takes DefaultFutures
	Block      int         // orders of a future looked at in each step; 0 takes DefaultBlock
	Seed       uint64      // of the samples
	Stop       func() bool // asked now and then; once true the prices so far are returned. nil: never
}

// The defaults of Options.
const (
	DefaultFirst      = 300
	DefaultIterations = 100
	DefaultFutures    = 16
	DefaultBlock      = 128
)

// A Pricer keeps the multipliers from one refresh to the next, so that a later one takes few steps. It must not be
// used by two calls at once.
type Pricer struct {
	opt    Options
	cycle  uint64 // periods that are over
	count  uint64 // refreshes
	future []*future
}

// A future is one sample of all orders to come, and the multipliers that it alone would have. Their mean over many
// futures also counts how likely a place is to run out, which those of the expected orders do not: where half a unit
// of five is expected to be left, some futures would have had use for more.
type future struct {
	multipliers
	oracle
	number      uint64
	order, part Order
	pcg         *rand.PCG
	rng         *rand.Rand
}

// New returns a Pricer that knows nothing yet.
func New(opt Options) *Pricer {
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.First <= 0 {
		opt.First = DefaultFirst
	}
	if opt.Iterations <= 0 {
		opt.Iterations = DefaultIterations
	}
	if opt.Futures <= 0 {
		opt.Futures = DefaultFutures
	}
	if opt.Block <= 0 {
		opt.Block = DefaultBlock
	}
	p := &Pricer{opt: opt}
	for i := range opt.Futures {
		pcg := rand.NewPCG(0, 0)
		p.future = append(p.future, &future{number: uint64(i), pcg: pcg, rng: rand.New(pcg)})
	}
	return p
}

// Advance tells that the first period is over: what was known of the next is taken for it.
func (r *Pricer) Advance() {
	r.cycle++
	for _, u := range r.future {
		u.advance()
	}
}

// The steps of the ascent, in parts of what leaving a unit costs: a first refresh begins with stepFirst, a later one,
// whose multipliers are nearly right, with stepWarm, and both end with stepLast. Found by trying on seasons.
const (
	stepFirst = 0.05
	stepWarm  = 0.02
	stepLast  = 0.002
)

// lastHalf is the part of a place's last unit that is not counted on. What is asked is what the last unit is worth, the
// slope between one less and what is there; at what is there exactly, the multipliers may also be those of one more.
const lastHalf = 0.5

// Refresh returns the prices for what p says is there and f says will come; all are 0 where nothing will. A call with
// other numbers of SKUs, warehouses or counters than the one before starts anew. f must pass [Forecast.Check]. Refresh
// panics when p contradicts itself, or f names a SKU that p does not have.
func (r *Pricer) Refresh(p *Problem, f *Forecast) Prices {
	p.check(f)
	s := newSampler(f)
	orders := 0.0
	for i := range p.Periods {
		orders += p.Periods[i].Orders
	}
	if s.types.all() == 0 || orders == 0 {
		return Prices{Stock: make([]int64, p.cells()), Limits: make([]int64, p.limits())}
	}
	room := capacities(p)
	r.count++
	t := &task{Pricer: r, p: p, s: s, room: room, orders: orders, fill: fills(p, s, room)}
	var next atomic.Int64
	run := func() {
		for {
			k := int(next.Add(1)) - 1
			if k >= len(r.future) {
				return
			}
			r.future[k].refresh(t)
		}
	}
	var wg sync.WaitGroup
	for range min(r.opt.Workers, len(r.future)) - 1 {
		wg.Go(run)
	}
	run()
	wg.Wait()
	return r.prices(p)
}

// task is what all futures of a refresh share.
type task struct {
	*Pricer
	p      *Problem
	s      *sampler
	room   [][]int64
	orders float64
	fill   [][]float64 // [period][sku] the part of its demand that there will be stock for
}

// fills returns, by period and SKU, the part of the demand that there will be stock for anywhere. Orders are filled as
// long as there is any (fill first), so which ones find none is not chosen; a price that assumes it is would be wrong.
func fills(p *Problem, s *sampler, room [][]int64) [][]float64 {
	rate := s.rates(p.SKUs)
	out := make([][]float64, len(p.Periods))
	left, had := make([]float64, p.SKUs), make([]float64, p.SKUs)
	for i := range out {
		out[i] = make([]float64, p.SKUs)
		for sku := range out[i] {
			total := 0.0
			for _, x := range room[i][sku*p.Warehouses:][:p.Warehouses] {
				total += float64(x)
			}
			left[sku] += total - had[sku]
			had[sku] = total
			want := rate[sku] * p.Periods[i].Orders
			out[i][sku] = 1
			if want > left[sku] {
				out[i][sku] = left[sku] / want
			}
			left[sku] = max(0, left[sku]-want)
		}
	}
	return out
}

// refresh moves the multipliers of one future to where they belong now.
func (u *future) refresh(t *task) {
	p, opt := t.p, &t.opt
	cells, n := p.cells(), p.cells()+p.limits()
	cold := u.adapt(len(p.Periods), n)
	u.room = t.room
	u.activate()
	steps, begin := opt.Iterations, stepWarm
	tailFrom := steps / 2
	if cold {
		steps, begin = opt.First, stepFirst
		tailFrom = steps * 3 / 4
	}
	// How many orders each period has in this future, and how many of a block are its.
	total, share := make([]int, len(p.Periods)), make([]int, len(p.Periods))
	for i := range p.Periods {
		x := p.Periods[i].Orders
		u.pcg.Seed(opt.Seed^u.number<<32, ^(t.cycle + uint64(i)))
		x += math.Sqrt(x) * u.rng.NormFloat64()
		if total[i] = max(int(math.Round(x)), 0); total[i] > 0 {
			share[i] = min(total[i], max(int(float64(opt.Block)*p.Periods[i].Orders/t.orders), 1+opt.Block/8))
		}
	}
	scale := float64(t.s.f.Unfilled)
	for i := range u.rows {
		clear(u.rows[i].mean)
	}
	tail := 0
	for k := range steps {
		if opt.Stop != nil && opt.Stop() {
			break
		}
		u.sums(cells)
		u.sample(t, total, share, k)
		if k >= tailFrom {
			tail++
		}
		past := 0
		if cold {
			past = k + 1
		}
		u.step(cells, begin*math.Pow(stepLast/begin, float64(k)/float64(steps))*scale, past, tail, lastHalf, func(i int, c int32) float64 {
			if share[i] == 0 {
				return 0
			}
			return float64(u.rows[i].use[c]) * float64(total[i]) / float64(share[i])
		})
	}
	if tail == 0 {
		for i := range u.rows {
			copy(u.rows[i].mean, u.rows[i].price)
		}
	}
}

// capacities returns, by period and counter, what can have been taken up to then.
func capacities(p *Problem) [][]int64 {
	out := make([][]int64, len(p.Periods))
	cells := p.cells()
	for i := range out {
		out[i] = make([]int64, cells+p.limits())
		for c := range cells {
			if i == 0 {
				out[i][c] = int64(max(p.Stock[c], 0))
			} else {
				out[i][c] = out[i-1][c]
			}
			if s := p.Periods[i].Supply; s != nil {
				out[i][c] += int64(max(s[c], 0))
			}
		}
		for l, x := range p.Periods[i].Limits {
			out[i][cells+l] = max(x, 0)
		}
	}
	return out
}

func (r *Pricer) prices(p *Problem) Prices {
	cells := p.cells()
	out := Prices{Stock: make([]int64, cells), Limits: make([]int64, p.limits())}
	for c := range cells + p.limits() {
		x := 0.0
		for _, u := range r.future {
			for i := range u.rows {
				if c < cells || i == 0 {
					x += u.rows[i].mean[c]
				}
			}
		}
		x = math.Round(x / float64(len(r.future)))
		if c < cells {
			out.Stock[c] = int64(x)
		} else {
			out.Limits[c-cells] = int64(x)
		}
	}
	return out
}

// sample adds up by period what a block of the future's orders takes at its prices. Order number j of a cycle is the
// same order whenever it is looked at, as long as the forecast is.
func (u *future) sample(t *task, total, share []int, step int) {
	for i := range u.rows {
		use := u.rows[i].use
		clear(use)
		cycle := t.cycle + uint64(i)
		first := int((t.count*1037389 + uint64(step)) * uint64(share[i]) % uint64(max(total[i], 1)))
		for j := range share[i] {
			u.pcg.Seed(t.opt.Seed^u.number<<32, cycle<<32|uint64((first+j)%total[i]))
			t.s.draw(u.rng, &u.order)
			lines := u.order.Lines[:0]
			for _, l := range u.order.Lines {
				if u.rng.Float64() < t.fill[i][l.SKU] {
					lines = append(lines, l)
				}
			}
			for at := 0; at < len(lines); at += MaxLines {
				u.part = u.order
				u.part.Lines = lines[at:min(at+MaxLines, len(lines))]
				u.solve(t.p, &u.part, u.rows[i].sum, t.s.f.Unfilled)
				u.spend(t.p, &u.part, use, 1)
			}
		}
	}
}
