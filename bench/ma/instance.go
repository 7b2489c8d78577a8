package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/solver/ahead"
)

// A place is a city or a centre.
type place struct {
	name       string
	lat, lon   float64
	population float64
}

// A generator makes instances.
type generator struct {
	cities, centres              []place
	items, sizes, types, horizon int
	carry                        float64
}

// small returns the generator of the small network: the ten most populous urban areas of the United States, and five
// centres. Coordinates and populations are those of the data that Ma published with his code.
func small() generator {
	return generator{
		cities: []place{
			{"New York", 40.6943, -73.9249, 18680025},
			{"Los Angeles", 34.1141, -118.4068, 12531334},
			{"Chicago", 41.8375, -87.6866, 8586888},
			{"Miami", 25.784, -80.2101, 6076316},
			{"Dallas", 32.7935, -96.7667, 5910669},
			{"Houston", 29.786, -95.3885, 5724418},
			{"Philadelphia", 40.0077, -75.1339, 5540199},
			{"Atlanta", 33.7628, -84.422, 5151496},
			{"Washington", 38.9047, -77.0163, 5066973},
			{"Boston", 42.3188, -71.0852, 4465966},
		},
		centres: []place{
			{name: "OAK4", lat: 37.7448, lon: -121.3985},
			{name: "IND1", lat: 39.9797, lon: -86.3833},
			{name: "AVP3", lat: 41.2776, lon: -75.4973},
			{name: "CAE1", lat: 33.9114, lon: -81.0501},
			{name: "DFW7", lat: 32.9709, lon: -97.3348},
		},
		items: 20, sizes: 5, types: 5, horizon: 10000, carry: 0.75,
	}
}

// readPlaces reads places from a CSV file without a header; an empty name leaves them as they are.
func readPlaces(name string, into *[]place, columns int) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*into = nil
	for i, row := range rows {
		if len(row) < columns {
			return fmt.Errorf("%s: row %d has %d of %d columns", name, i+1, len(row), columns)
		}
		var x [3]float64
		for j := range columns - 2 {
			if x[j], err = strconv.ParseFloat(row[j+2], 64); err != nil {
				return fmt.Errorf("%s: row %d: %w", name, i+1, err)
			}
		}
		*into = append(*into, place{row[0], x[0], x[1], x[2]})
	}
	if len(*into) == 0 {
		return fmt.Errorf("%s: no places", name)
	}
	return nil
}

// Costs, in dollars: a centre used, an item, an item and mile; what is not filled costs twice as much.
const (
	perCentre = 8.759
	perItem   = 0.423
	perMile   = 0.000541
	micros    = 1e6
)

// An instance is a network with stock and demand. Its last place to ship from is nowhere: unfilled items.
type instance struct {
	cities, width int // width counts nowhere too
	items         int
	horizon       int
	types         [][]int32
	prob          []float64 // [type]
	population    []float64 // [city] parts of all
	empty         float64   // probability of an empty order
	unit          []int64   // [city*width+centre] micros
	fixed         []int64   // [centre]
	nearest       []int32   // [item*cities+city] the nearest centre that carries the item; nowhere where none does
	stock         []int32   // [item*width+centre]
	unfilled      int64
	rng           func(sequence uint64) *rand.Rand
}

// plenty is more than all orders want.
const plenty = int32(1) << 30

func (g *generator) instance(seed, number uint64) *instance {
	rng := rand.New(rand.NewPCG(seed, number<<32))
	in := &instance{
		cities: len(g.cities), width: len(g.centres) + 1, items: g.items, horizon: g.horizon,
		rng: func(sequence uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, number<<32|1+sequence)) },
	}
	nowhere := len(g.centres)
	miles := make([]float64, in.cities*in.width)
	in.unit = make([]int64, len(miles))
	for j, city := range g.cities {
		far := 0.0
		for k, c := range g.centres {
			d := haversine(city, c)
			miles[j*in.width+k] = d
			far = max(far, d)
			in.unit[j*in.width+k] = int64(math.Round(micros * (perItem + perMile*d)))
		}
		none := int64(math.Round(micros * 2 * (perItem + perMile*far)))
		in.unit[j*in.width+nowhere] = none
		in.unfilled = max(in.unfilled, none)
		in.population = append(in.population, city.population)
	}
	in.unfilled += int64(2 * perCentre * micros) // never less than by nowhere
	for range g.centres {
		in.fixed = append(in.fixed, int64(perCentre*micros))
	}
	in.fixed = append(in.fixed, int64(2*perCentre*micros))
	people := 0.0
	for _, p := range in.population {
		people += p
	}
	for j := range in.population {
		in.population[j] /= people
	}
	// Order types, and how likely each is.
	for size := 1; size <= g.sizes; size++ {
		for range g.types {
			var t []int32
			for _, item := range rng.Perm(g.items)[:size] {
				t = append(t, int32(item))
			}
			in.types = append(in.types, t)
		}
	}
	in.empty = rng.Float64()
	all := in.empty
	bySize := make([]float64, g.sizes)
	for i := range bySize {
		bySize[i] = rng.Float64()
		all += bySize[i]
	}
	in.empty /= all
	for _, s := range bySize {
		parts, sum := make([]float64, g.types), 0.0
		for i := range parts {
			parts[i] = rng.Float64()
			sum += parts[i]
		}
		for _, x := range parts {
			in.prob = append(in.prob, s/all*x/sum)
		}
	}
	// Stock: every item at the centres that carry it, for the cities to which they are the nearest such centre.
	in.stock = make([]int32, g.items*in.width)
	in.nearest = make([]int32, g.items*in.cities)
	for i := range g.items {
		carries := make([]bool, len(g.centres))
		for k := range carries {
			carries[k] = rng.Float64() < g.carry
		}
		rate := 0.0
		for t, items := range in.types {
			if slices.Contains(items, int32(i)) {
				rate += in.prob[t]
			}
		}
		demand := make([]float64, len(g.centres))
		for j := range g.cities {
			best := nowhere
			for k := range g.centres {
				if carries[k] && (best == nowhere || miles[j*in.width+k] < miles[j*in.width+best]) {
					best = k
				}
			}
			in.nearest[i*in.cities+j] = int32(best)
			if best != nowhere {
				demand[best] += rate * in.population[j]
			}
		}
		for k, d := range demand {
			n := float64(g.horizon) * d
			in.stock[i*in.width+k] = int32(math.Round(n + 0.5*math.Sqrt(n*(1-d))))
		}
		in.stock[i*in.width+nowhere] = plenty
	}
	return in
}

// haversine returns miles of 1.61 km, on a sphere with a radius of 6,371 km.
func haversine(a, b place) float64 {
	rad := math.Pi / 180
	s := math.Pow(math.Sin((b.lat-a.lat)*rad/2), 2) + math.Cos(a.lat*rad)*math.Cos(b.lat*rad)*math.Pow(math.Sin((b.lon-a.lon)*rad/2), 2)
	return 2 * 6371 * math.Asin(math.Sqrt(s)) / 1.61
}

// offers lists what every centre, and nowhere, asks for every set of items.
func (in *instance) offers(o *ahead.Order, can []uint32, dst []ahead.Offer) []ahead.Offer {
	for k, lines := range can {
		unit := in.unit[int(o.Region)*in.width+k]
		for set := lines; set != 0; set = (set - 1) & lines {
			n := int64(0)
			for s := set; s != 0; s &= s - 1 {
				n++
			}
			dst = append(dst, ahead.Offer{Warehouse: int32(k), Lines: set, Cost: in.fixed[k] + n*unit})
		}
	}
	return dst
}

func (in *instance) forecast() *ahead.Forecast {
	f := &ahead.Forecast{Regions: in.population, Promises: []float64{1}, Unfilled: in.unfilled}
	for t, items := range in.types {
		f.Types = append(f.Types, ahead.Type{SKUs: items, Weight: in.prob[t]})
	}
	return f
}

func (in *instance) order(t, city int) ahead.Order {
	o := ahead.Order{Region: int32(city)}
	for _, item := range in.types[t] {
		o.Lines = append(o.Lines, ahead.Line{SKU: item, Quantity: 1})
	}
	return o
}

func (in *instance) problem(stock []int32, left float64) *ahead.Problem {
	return &ahead.Problem{Warehouses: in.width, SKUs: in.items, Stock: stock, Periods: []ahead.Period{{Orders: left}}, Offers: in.offers}
}

// bound returns the Lagrangian bound, in dollars, for orders that come so often, [type*cities+city]. It counts in
// thousandths, so that expected numbers need no rounding to speak of.
func (in *instance) bound(times []float64, steps int) float64 {
	const parts = 1000
	stock := make([]int32, len(in.stock))
	for c, n := range in.stock {
		if stock[c] = plenty; n < plenty {
			stock[c] = n * parts
		}
	}
	var orders []ahead.Counted
	for at, n := range times {
		if n > 0 {
			orders = append(orders, ahead.Counted{Order: in.order(at/in.cities, at%in.cities), Times: int64(math.Round(n * parts))})
		}
	}
	return float64(ahead.Bound(in.problem(stock, 0), [][]ahead.Counted{orders}, in.unfilled, steps, nil)) / parts / micros
}

// run returns what the policies cost over the linear program, in the mean over sequences.
func (in *instance) run(sequences, refresh, steps int) report {
	times := make([]float64, len(in.types)*in.cities)
	for at := range times {
		times[at] = float64(in.horizon) * in.prob[at/in.cities] * in.population[at%in.cities]
	}
	r := report{Sequences: sequences}
	r.LP = in.bound(times, steps)
	var hindsight, myopic, nearest, duals float64
	for s := range sequences {
		arrivals := in.arrivals(uint64(s))
		clear(times)
		for _, at := range arrivals {
			if at >= 0 {
				times[at]++
			}
		}
		hindsight += in.bound(times, steps/4)
		nearest += in.static(arrivals)
		cost, _ := in.simulate(arrivals, 0, 0)
		myopic += cost
		cost, slowest := in.simulate(arrivals, refresh, uint64(s))
		duals += cost
		r.Slowest = max(r.Slowest, float64(slowest.Microseconds())/1000)
	}
	over := 1 / float64(sequences) / r.LP
	r.Hindsight, r.Myopic, r.Nearest, r.Duals = hindsight*over, myopic*over, nearest*over, duals*over
	r.Closed = (r.Myopic - r.Duals) / (r.Myopic - r.Hindsight)
	return r
}

// arrivals draws a sequence: [type*cities+city], -1 for an empty order.
func (in *instance) arrivals(sequence uint64) []int {
	rng := in.rng(sequence)
	draw := func(weights []float64, x float64) int {
		for i, w := range weights {
			if x -= w; x < 0 {
				return i
			}
		}
		return len(weights) - 1
	}
	out := make([]int, in.horizon)
	for i := range out {
		city := draw(in.population, rng.Float64())
		if x := rng.Float64() - in.empty; x < 0 {
			out[i] = -1
		} else {
			out[i] = draw(in.prob, x)*in.cities + city
		}
	}
	return out
}

// static routes every item to the nearest centre that carries it, and leaves it where that has none left.
func (in *instance) static(arrivals []int) float64 {
	stock := slices.Clone(in.stock)
	total := int64(0)
	used := make([]bool, in.width)
	for _, at := range arrivals {
		if at < 0 {
			continue
		}
		city := at % in.cities
		clear(used)
		for _, item := range in.types[at/in.cities] {
			k := int(in.nearest[int(item)*in.cities+city])
			if stock[int(item)*in.width+k] == 0 {
				k = in.width - 1
			}
			stock[int(item)*in.width+k]--
			used[k] = true
			total += in.unit[city*in.width+k]
		}
		for k, yes := range used {
			if yes {
				total += in.fixed[k]
			}
		}
	}
	return float64(total) / micros
}

// simulate decides a sequence order by order, each at the least cost on what is left, and with prices where refresh is
// above 0. Prices choose where an item is filled, never whether.
func (in *instance) simulate(arrivals []int, refresh int, seed uint64) (float64, time.Duration) {
	stock := slices.Clone(in.stock)
	nowhere := in.width - 1
	pricer := ahead.New(ahead.Options{Workers: 1, Seed: seed, First: tf, Iterations: ti, Futures: tn, Block: tb})
	forecast := in.forecast()
	var prices []int64
	var slowest time.Duration
	var scratch solver.Scratch
	p := solver.Problem{Warehouses: in.width, Columns: &solver.Columns{Exact: true, Steps: []int64{0}, Divisors: []int64{0}}}
	free := []solver.Rates{{Steps: []solver.Offer{{}}}}
	split := func(items []int32, city int, nothing func(line int) bool) solver.Plan {
		c := p.Columns
		p.Lines = len(items)
		p.Quantity, p.Available = p.Quantity[:0], p.Available[:0]
		c.Weight, c.Sites = c.Weight[:0], c.Sites[:0]
		for l, item := range items {
			p.Quantity, c.Weight = append(p.Quantity, 1), append(c.Weight, 0)
			p.Available = append(p.Available, stock[int(item)*in.width:][:in.width]...)
			if row := p.Available[l*in.width:]; nothing != nil && nothing(l) {
				clear(row[:nowhere])
			} else if nothing != nil {
				row[nowhere] = 0
			}
		}
		for k := range in.width {
			c.Sites = append(c.Sites, solver.Site{Fixed: in.fixed[k], PerUnit: in.unit[city*in.width+k], Units: -1, Rates: free})
		}
		plan, cert := solver.Split(&p, &scratch)
		if cert.Status != solver.Optimal {
			panic(fmt.Sprintf("ma: an order is %v", cert.Status))
		}
		return plan
	}
	total := int64(0)
	for i, at := range arrivals {
		if refresh > 0 && i%refresh == 0 {
			left := float64(in.horizon-i) * (1 - in.empty)
			start := time.Now()
			prices = pricer.Refresh(in.problem(stock, left), forecast).Stock
			slowest = max(slowest, time.Since(start))
		}
		if at < 0 {
			continue
		}
		items, city := in.types[at/in.cities], at%in.cities
		p.Columns.UnitCost = nil
		if prices != nil && envFree {
			var each []int64
			for _, item := range items {
				each = append(each, prices[int(item)*in.width:][:in.width]...)
			}
			p.Columns.UnitCost = each
		}
		plan := split(items, city, nil)
		if prices != nil && !envFree {
			var left uint64
			for _, s := range plan.Shipments {
				for l, n := range s.Take {
					if int(s.Warehouse) == nowhere && n > 0 {
						left |= 1 << l
					}
				}
			}
			var each []int64
			for _, item := range items {
				each = append(each, prices[int(item)*in.width:][:in.width]...)
			}
			p.Columns.UnitCost = each
			plan = split(items, city, func(l int) bool { return left>>l&1 != 0 })
		}
		for _, s := range plan.Shipments {
			total += in.fixed[s.Warehouse]
			for l, n := range s.Take {
				if n > 0 {
					total += in.unit[city*in.width+int(s.Warehouse)]
					stock[int(items[l])*in.width+int(s.Warehouse)]--
				}
			}
		}
	}
	return float64(total) / micros, slowest
}
