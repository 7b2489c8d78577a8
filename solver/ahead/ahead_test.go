package ahead

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/solver"
)

// tiny is a random problem of few warehouses and SKUs, whose offers cost what a table says.
func tiny(rng *rand.Rand, periods int) (*Problem, *Forecast) {
	p := &Problem{Warehouses: 1 + rng.IntN(3), SKUs: 1 + rng.IntN(3), SplitCost: rng.Int64N(20)}
	f := &Forecast{Regions: []float64{1, 2}, Promises: []float64{1}, Quantities: []float64{3, 1}, Unfilled: 400}
	for range p.cells() {
		p.Stock = append(p.Stock, rng.Int32N(4))
	}
	for range periods {
		r := Period{Orders: float64(1 + rng.IntN(6)), Limits: []int64{rng.Int64N(8), rng.Int64N(8)}}
		for range p.cells() {
			r.Supply = append(r.Supply, rng.Int32N(2))
		}
		p.Periods = append(p.Periods, r)
	}
	if rng.IntN(2) == 0 {
		for range p.Warehouses {
			p.Units, p.Shipments = append(p.Units, rng.Int32N(2)-1), append(p.Shipments, 2*rng.Int32N(2)-1)
		}
	}
	for range 1 + rng.IntN(4) {
		var t Type
		for sku := range p.SKUs {
			if rng.IntN(2) == 0 {
				t.SKUs = append(t.SKUs, int32(sku))
			}
		}
		t.Weight = 0.5 + rng.Float64()
		f.Types = append(f.Types, t)
	}
	fixed := make([]int64, 2*p.Warehouses)
	for i := range fixed {
		fixed[i] = 20 + rng.Int64N(80)
	}
	p.Offers = func(o *Order, can []uint32, dst []Offer) []Offer {
		for w, lines := range can {
			for set := lines; set != 0; set = (set - 1) & lines {
				dst = append(dst, Offer{Warehouse: int32(w), Lines: set, Cost: fixed[int(o.Region)*p.Warehouses+w] + 5*units(o, set)})
			}
		}
		return dst
	}
	return p, f
}

// rounds returns how many random problems are tried.
func rounds(n int) int {
	if testing.Short() {
		return max(n/10, 1)
	}
	return n
}

// drawn returns some orders by period.
func drawn(rng *rand.Rand, p *Problem, f *Forecast) [][]Counted {
	s := newSampler(f)
	out := make([][]Counted, len(p.Periods))
	for i := range out {
		for range 1 + rng.IntN(3) {
			var o Order
			s.draw(rng, &o)
			out[i] = append(out[i], Counted{o, 1})
		}
	}
	return out
}

// ways returns how many plans least tries at the most.
func ways(p *Problem, orders [][]Counted) float64 {
	lines := 0
	for _, list := range orders {
		for i := range list {
			lines += len(list[i].Lines)
		}
	}
	return math.Pow(float64(1+p.Warehouses), float64(lines))
}

// least tries everything: every line of every order from every warehouse, or not at all.
func least(p *Problem, orders [][]Counted, unfilled int64) int64 {
	stock := make([]int32, p.cells())
	for c := range stock {
		stock[c] = max(p.Stock[c], 0)
	}
	best := int64(math.MaxInt64)
	var period func(i int, cost int64)
	period = func(i int, cost int64) {
		if i == len(orders) {
			best = min(best, cost)
			return
		}
		for c := range stock {
			stock[c] += p.Periods[i].Supply[c]
		}
		limits := slices.Clone(p.Periods[i].Limits)
		var order func(j int, cost int64)
		order = func(j int, cost int64) {
			if j == len(orders[i]) {
				period(i+1, cost)
				return
			}
			o := &orders[i][j].Order
			sets := make([]uint32, p.Warehouses)
			var line func(l int, cost int64)
			line = func(l int, cost int64) {
				if l == len(o.Lines) {
					all := make([]uint32, p.Warehouses)
					for w := range all {
						all[w] = 1<<len(o.Lines) - 1
					}
					offers := p.Offers(o, all, nil)
					shipments := int64(-1)
					fits := true
					take := func(sign int64) {
						for w, set := range sets {
							if set == 0 {
								continue
							}
							if p.Shipments != nil && p.Shipments[w] >= 0 {
								limits[p.Shipments[w]] -= sign
							}
							if p.Units != nil && p.Units[w] >= 0 {
								limits[p.Units[w]] -= sign * units(o, set)
							}
						}
					}
					for w, set := range sets {
						if set == 0 {
							continue
						}
						at := slices.IndexFunc(offers, func(f Offer) bool { return f.Warehouse == int32(w) && f.Lines == set })
						cost += offers[at].Cost
						shipments++
					}
					cost += p.SplitCost * max(shipments, 0)
					take(1)
					for _, x := range limits {
						fits = fits && x >= 0
					}
					if fits {
						order(j+1, cost)
					}
					take(-1)
					return
				}
				x := o.Lines[l]
				line(l+1, cost+unfilled*int64(x.Quantity))
				for w := range p.Warehouses {
					c := int(x.SKU)*p.Warehouses + w
					if stock[c] < x.Quantity {
						continue
					}
					stock[c] -= x.Quantity
					sets[w] |= 1 << l
					line(l+1, cost)
					sets[w] &^= 1 << l
					stock[c] += x.Quantity
				}
			}
			line(0, cost)
		}
		order(0, cost)
		for c := range stock {
			stock[c] -= p.Periods[i].Supply[c]
		}
	}
	period(0, 0)
	return best
}

// The bound is never above what the best decision costs, and on the whole not far below.
func TestBoundIsBelowTheOptimum(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var bounds, optima, nothing int64
	for range rounds(120) {
		p, f := tiny(rng, 1+rng.IntN(2))
		orders := drawn(rng, p, f)
		for ways(p, orders) > 20_000 {
			orders = drawn(rng, p, f)
		}
		optimum := least(p, orders, f.Unfilled)
		bound := Bound(p, orders, f.Unfilled, 2000, nil)
		if bound > optimum {
			t.Fatalf("bound %d above the optimum %d of %+v, orders %+v", bound, optimum, p, orders)
		}
		bounds, optima = bounds+bound, optima+optimum
		nothing += Bound(p, orders, f.Unfilled, 0, func() bool { return true })
	}
	if testing.Short() {
		return // of few problems the bounds may all be poor
	}
	if float64(bounds) < 0.8*float64(optima) { // mostly 0.9, by the seed
		t.Errorf("the bounds come to %d of %d", bounds, optima)
	}
	if nothing >= bounds {
		t.Errorf("prices improve nothing: %d, %d", nothing, bounds)
	}
}

// The oracle answers what trying every way to share the lines among warehouses does.
func TestOracleMatchesTrying(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range rounds(2000) {
		p, f := tiny(rng, 1)
		for c := range p.Stock {
			p.Stock[c] = 9
		}
		p.Periods[0].Limits = []int64{99, 99}
		order := drawn(rng, p, f)[0][:1]
		prices := make([]int64, p.cells()+2)
		for c := range prices {
			prices[c] = rng.Int64N(60)
		}
		var r oracle
		got := r.solve(p, &order[0].Order, prices, f.Unfilled)
		// The same order where prices are part of the offers.
		q := *p
		q.Offers = func(o *Order, can []uint32, dst []Offer) []Offer {
			dst = p.Offers(o, can, dst)
			for i := range dst {
				use := make([]int64, len(prices))
				one := oracle{offers: dst[i : i+1], picks: []int32{0}}
				one.spend(p, o, use, 1)
				for c, n := range use {
					dst[i].Cost += n * prices[c]
				}
			}
			return dst
		}
		if want := least(&q, [][]Counted{order}, f.Unfilled); got != want {
			t.Fatalf("%d, want %d: %+v", got, want, order)
		}
	}
}

// crowd is a place near and one far from everyone in region 0, where region 1 can only be served from near.
func crowd(near, far int32) (*Problem, *Forecast) {
	p := &Problem{
		Warehouses: 2, SKUs: 1, Stock: []int32{near, far}, Periods: []Period{{Orders: 40}},
		Offers: func(o *Order, can []uint32, dst []Offer) []Offer {
			cost := [][2]int64{{100, 120}, {100, 900}}[o.Region]
			for w := range 2 {
				if can[w] != 0 {
					dst = append(dst, Offer{Warehouse: int32(w), Lines: can[w], Cost: cost[w]})
				}
			}
			return dst
		},
	}
	return p, &Forecast{Types: []Type{{SKUs: []int32{0}, Weight: 1}}, Regions: []float64{1, 1}, Unfilled: 1000}
}

// A unit near is worth more than one far where those who need it outnumber the units, and nothing is worth anything
// where there is plenty.
func TestPricesKeepWhatIsNeeded(t *testing.T) {
	t.Parallel()
	p, f := crowd(22, 40)
	got := New(Options{Seed: 1}).Refresh(p, f)
	if d := got.Stock[0] - got.Stock[1]; d < 15 || d > 700 {
		t.Errorf("prices %v: whoever can be served from afar is worth no unit near", got.Stock)
	}
	p, f = crowd(80, 80)
	if got := New(Options{Seed: 1}).Refresh(p, f); got.Stock[0] > 1 || got.Stock[1] > 1 {
		t.Errorf("prices %v where there is plenty", got.Stock)
	}
	// What arrives in the next period counts for it, not for this one.
	p, f = crowd(22, 40)
	p.Periods = append(p.Periods, Period{Orders: 40, Supply: []int32{300, 300}})
	later := New(Options{Seed: 1}).Refresh(p, f)
	if d := later.Stock[0] - later.Stock[1]; d < 15 {
		t.Errorf("prices %v with supply to come", later.Stock)
	}
	p.Stock = []int32{22, 40}
	p.Periods[0].Supply = []int32{300, 300}
	if got := New(Options{Seed: 1}).Refresh(p, f); got.Stock[0] > 1 {
		t.Errorf("prices %v with supply at once", got.Stock)
	}
}

// Demand that there will be no stock for raises no price: it is left wherever the stock goes, since orders are filled as
// long as there is any. The control is the demand that the stock is just enough for, with some luck.
func TestShortageRaisesNoPrice(t *testing.T) {
	t.Parallel()
	price := func(orders float64) int64 {
		p, f := crowd(40, 0)
		f.Regions = []float64{1, 0}
		p.Periods[0].Orders = orders
		return New(Options{Seed: 1}).Refresh(p, f).Stock[0]
	}
	enough, short := price(40), price(4000)
	if short > enough+100 {
		t.Errorf("a unit is worth %d where 4,000 orders are expected, and %d where 40 are", short, enough)
	}
	p, f := crowd(40, 0)
	p.Periods = append(p.Periods, Period{Orders: 20, Supply: []int32{5, 5}})
	p.Periods[0].Orders = 60
	got := fills(p, newSampler(f), capacities(p))
	if math.Abs(got[0][0]-40.0/60) > 1e-9 || math.Abs(got[1][0]-0.5) > 1e-9 {
		t.Errorf("filled %v", got)
	}
}

// A place whose stock is just what is wanted there prices its last unit, though one more would be worth nothing: it
// asks what it costs to serve one order from afar. The control does not hold the half unit back.
func TestLastUnitIsPriced(t *testing.T) {
	t.Parallel()
	p, f := crowd(20, 50)
	orders := [][]Counted{{{Order{Lines: []Line{{0, 1}}}, 20}}}
	price := func(reserve float64) float64 {
		var u multipliers
		var r oracle
		u.adapt(1, p.cells())
		u.room = capacities(p)
		u.activate()
		for k := range 400 {
			u.sums(p.cells())
			clear(u.rows[0].use)
			r.solve(p, &orders[0][0].Order, u.rows[0].sum, f.Unfilled)
			r.spend(p, &orders[0][0].Order, u.rows[0].use, orders[0][0].Times)
			at, tail := 10*math.Pow(0.01, float64(k)/400), max(0, k-299)
			u.step(p.cells(), at, k+1, tail, reserve, func(i int, c int32) float64 { return float64(u.rows[i].use[c]) })
		}
		return u.rows[0].mean[0] - u.rows[0].mean[1]
	}
	if with, without := price(lastHalf), price(0); with < 15 || with > 25 || without > 5 {
		t.Errorf("price %.1f, without a reserve %.1f; want 20 and 0", with, without)
	}
}

// Nothing expected, nothing is worth anything, whatever was before.
func TestNothingExpected(t *testing.T) {
	t.Parallel()
	p, f := crowd(22, 40)
	r := New(Options{Seed: 1, First: 50})
	if got := r.Refresh(p, f); got.Stock[0] == 0 {
		t.Errorf("prices %v", got)
	}
	p.Periods[0].Orders = 0
	if got := r.Refresh(p, f); got.Stock[0] != 0 || len(got.Stock) != 2 {
		t.Errorf("prices %v without orders", got)
	}
	p.Periods[0].Orders = 9
	if got := r.Refresh(p, &Forecast{Unfilled: 5}); got.Stock[0] != 0 {
		t.Errorf("prices %v without types", got)
	}
}

// Weights are drawn as often as they say, also where most of them are 0.
func TestDraw(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 6))
	for _, weights := range [][]float64{{1}, {0, 3}, {3, 0}, {1, 2, 3, 4}, {0, 0, 1e-9, 0, 1e-9, 0}, {1e9, 1, 1, 1, 1e9}} {
		c := accumulate(len(weights), func(i int) float64 { return weights[i] })
		const draws = 20000
		seen := make([]float64, len(weights))
		for range draws {
			seen[c.draw(rng)]++
		}
		for i, n := range seen {
			want := draws * weights[i] / c.all()
			if math.Abs(n-want) > 6*math.Sqrt(want)+0.1 {
				t.Errorf("%v: %v drawn %v times, want about %.0f", weights, weights[i], n, want)
			}
		}
	}
}

// Problems that contradict themselves, and orders that are too long for a bound, are the caller's bug.
func TestPanics(t *testing.T) {
	t.Parallel()
	long := Order{Lines: make([]Line, MaxLines+1)}
	for name, call := range map[string]func(p *Problem, f *Forecast){
		"stock":    func(p *Problem, f *Forecast) { p.Stock = nil; New(Options{}).Refresh(p, f) },
		"periods":  func(p *Problem, f *Forecast) { p.Periods = nil; New(Options{}).Refresh(p, f) },
		"offers":   func(p *Problem, f *Forecast) { p.Offers = nil; New(Options{}).Refresh(p, f) },
		"counter":  func(p *Problem, f *Forecast) { p.Units = []int32{0, 1}; New(Options{}).Refresh(p, f) },
		"limits":   func(p *Problem, f *Forecast) { p.Periods[0].Orders = math.NaN(); New(Options{}).Refresh(p, f) },
		"SKU":      func(p *Problem, f *Forecast) { f.Types[0].SKUs = []int32{1}; New(Options{}).Refresh(p, f) },
		"split":    func(p *Problem, f *Forecast) { p.SplitCost = CostLimit; New(Options{}).Refresh(p, f) },
		"orders":   func(p *Problem, _ *Forecast) { Bound(p, nil, 1, 1, nil) },
		"too long": func(p *Problem, _ *Forecast) { Bound(p, [][]Counted{{{long, 1}}}, 1, 1, nil) },
	} {
		p, f := crowd(5, 5)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call(p, f)
		}()
	}
}

// The price of a capacity that is short is what going elsewhere costs.
func TestCapacityHasAPrice(t *testing.T) {
	t.Parallel()
	p, f := crowd(500, 500)
	f.Regions = []float64{1, 0}
	p.Units = []int32{0, -1}
	p.Periods[0].Limits = []int64{10}
	got := New(Options{Seed: 1}).Refresh(p, f)
	if got.Limits[0] < 15 || got.Limits[0] > 25 {
		t.Errorf("prices %+v, want about 20", got)
	}
	p.Periods[0].Limits = []int64{100}
	if got := New(Options{Seed: 1}).Refresh(p, f); got.Limits[0] != 0 {
		t.Errorf("prices %+v where there is plenty", got)
	}
}

// The answer depends on the seed, not on the number of workers, and a refresh that is stopped at once still answers.
func TestPricesAreDeterministic(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	p, f := tiny(rand.New(rand.NewPCG(seed, 3)), 2)
	refresh := func(o Options) []Prices {
		r := New(o)
		out := []Prices{r.Refresh(p, f), r.Refresh(p, f)}
		r.Advance()
		return append(out, r.Refresh(p, f))
	}
	want := refresh(Options{Workers: 1, Seed: 5})
	for _, workers := range []int{2, 3, 16} {
		for i, got := range refresh(Options{Workers: workers, Seed: 5}) {
			if !slices.Equal(got.Stock, want[i].Stock) || !slices.Equal(got.Limits, want[i].Limits) {
				t.Fatalf("%d workers: refresh %d is %v, want %v", workers, i, got, want[i])
			}
		}
	}
	q, g := crowd(22, 40)
	a, b := New(Options{Seed: 1}).Refresh(q, g), New(Options{Seed: 2}).Refresh(q, g)
	if slices.Equal(a.Stock, b.Stock) {
		t.Error("the seed changes nothing")
	}
	if got := refresh(Options{Stop: func() bool { return true }}); len(got[0].Stock) != len(p.Stock) {
		t.Errorf("stopped: %v", got)
	}
}

// Prices go into the solver's columns by line.
func TestAppendUnitCost(t *testing.T) {
	t.Parallel()
	p := Prices{Stock: []int64{1, 2, 3, 4, 5, 6}}
	c := solver.Columns{UnitCost: p.AppendUnitCost(nil, 2, 2, 0)}
	if !slices.Equal(c.UnitCost, []int64{5, 6, 1, 2}) {
		t.Errorf("%v", c.UnitCost)
	}
}

// learned sees orders of a true forecast and returns what a wrong one becomes.
func learned(rng *rand.Rand, truth, wrong *Forecast, skus, orders int, volume float64) (*Forecast, float64) {
	l := NewLearner(wrong, volume, skus)
	s := newSampler(truth)
	var o Order
	for range orders {
		s.draw(rng, &o)
		l.See(&o, 1/1000.0)
	}
	return l.Forecast()
}

// distance is how far the shares of types are from the truth.
func distance(truth, f *Forecast) float64 {
	var a, b, d float64
	for t := range truth.Types {
		a, b = a+truth.Types[t].Weight, b+f.Types[t].Weight
	}
	for t := range truth.Types {
		d += math.Abs(truth.Types[t].Weight/a - f.Types[t].Weight/b)
	}
	return d
}

// A wrong forecast comes nearer to the truth with what is seen, and a right one is left nearly as it is.
func TestLearning(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	const skus = 40
	truth := &Forecast{Regions: []float64{1, 2, 3}, Promises: []float64{1}, Unfilled: 1}
	wrong := &Forecast{Regions: []float64{3, 2, 1}, Promises: []float64{1}, Unfilled: 1}
	factor := make([]float64, skus)
	for i := range factor {
		factor[i] = math.Exp(rng.NormFloat64())
	}
	for range 200 {
		y := Type{Weight: rng.ExpFloat64() + 0.1}
		for _, sku := range rng.Perm(skus)[:1+rng.IntN(3)] {
			y.SKUs = append(y.SKUs, int32(sku))
		}
		truth.Types = append(truth.Types, y)
		for _, sku := range y.SKUs {
			y.Weight *= factor[sku]
		}
		wrong.Types = append(wrong.Types, y)
	}
	got, volume := learned(rng, truth, wrong, skus, 3000, 500)
	if before, after := distance(truth, wrong), distance(truth, got); after > before/2 {
		t.Errorf("types are off by %.3f, before by %.3f", after, before)
	}
	if share := got.Regions[2] / (got.Regions[0] + got.Regions[1] + got.Regions[2]); share < 0.42 || share > 0.58 {
		t.Errorf("regions %v", got.Regions)
	}
	if volume < 950 || volume > 1050 {
		t.Errorf("%.0f orders a cycle, of 1,000", volume)
	}
	got, _ = learned(rng, truth, truth, skus, 3000, 1000)
	if d := distance(truth, got); d > 0.1 {
		t.Errorf("a right forecast is changed by %.3f", d)
	}
	if got, volume := NewLearner(wrong, 500, skus).Forecast(); volume != 500 || distance(wrong, got) > 1e-9 {
		t.Error("changed before anything was seen")
	}
}

// A forecast fitted to orders draws orders like them.
func TestFit(t *testing.T) {
	t.Parallel()
	orders := []Order{
		{Region: 1, Lines: []Line{{SKU: 4, Quantity: 2}, {SKU: 2, Quantity: 1}}},
		{Region: 0, Promise: 1, Lines: []Line{{SKU: 2, Quantity: 1}, {SKU: 4, Quantity: 1}}},
		{Region: 1, Lines: []Line{{SKU: 3, Quantity: 1}}},
		{Region: 1},
	}
	f := Fit(orders, 3, 2, 100)
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	if len(f.Types) != 2 || !slices.Equal(f.Types[0].SKUs, []int32{2, 4}) || f.Types[0].Weight != 2 || f.Types[1].Weight != 1 {
		t.Errorf("types %+v", f.Types)
	}
	if f.Regions[1] <= f.Regions[0] || f.Regions[0] <= f.Regions[2] || f.Regions[2] <= 0 {
		t.Errorf("regions %v: seen more often must weigh more, and never seen a little", f.Regions)
	}
	if !slices.Equal(f.Quantities, []float64{4, 1}) || f.Unfilled != 100 {
		t.Errorf("%+v", f)
	}
	if got := newSampler(f).rates(5); math.Abs(got[4]-1.2*2/3) > 1e-9 {
		t.Errorf("rates %v", got)
	}
}

// Check names what is wrong.
func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Forecast{
		"negative weight":   {Types: []Type{{SKUs: []int32{1}, Weight: -1}}},
		"weight not a sum":  {Regions: []float64{math.NaN()}},
		"endless weight":    {Promises: []float64{math.Inf(1)}},
		"named twice":       {Types: []Type{{SKUs: []int32{1, 1}, Weight: 1}}},
		"penalty too great": {Unfilled: CostLimit},
		"too many units":    {Quantities: make([]float64, MaxQuantity+1)},
	} {
		if f.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (&Forecast{}).Check(); err != nil {
		t.Error(err)
	}
}
