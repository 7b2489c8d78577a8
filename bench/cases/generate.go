package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// runGenerate writes fresh cases of every kind. The same seed gives the same bytes. Nothing is proven about them yet:
// their status is "unproven".
func runGenerate(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("cases generate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seed := flags.Uint64("seed", 1, "of everything")
	orders := flags.Int("orders", 200, "orders of up to 12 lines")
	large := flags.Int("large", 20, "orders of 16 to 50 lines")
	batches := flags.Int("batches", 10, "waves of 15 to 60 orders")
	wide := flags.Int("batches-large", 2, "waves of 500 and 5,000 orders")
	seasons := flags.Int("seasons", 1, "seasons")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("give the directory to write to")
	}
	dir := flags.Arg(0)
	write := func(name string, value any) error {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		if err := e.Encode(value); err != nil {
			return err
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, b.Bytes(), 0o644)
	}
	if err := write("ratecard.json", generateCard()); err != nil {
		return err
	}
	kinds := []struct {
		folder, name string
		count        int
		make         func(*world, int) any
	}{
		{"order", "random_o", *orders, func(w *world, i int) any { return w.order(i) }},
		{"order_large", "large_L", *large, func(w *world, i int) any { return w.largeOrder(i) }},
		{"batch", "s_b", *batches, func(w *world, i int) any { return w.batch(fmt.Sprintf("s_b%03d", i), []int{15, 25, 40, 60}[i%4]) }},
		{"batch_large", "b", *wide, func(w *world, i int) any { return w.batch(fmt.Sprintf("b%03d", i), []int{500, 5000}[i%2]) }},
		{"season", "season_", *seasons, func(w *world, i int) any { return w.season(*seed, i) }},
	}
	for kind, k := range kinds {
		for i := range k.count {
			w := &world{rand.New(rand.NewPCG(*seed, uint64(kind)<<32|uint64(i)))}
			if err := write(fmt.Sprintf("%s/%s%04d.json", k.folder, k.name, i), k.make(w, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// generateCard makes a card of three carriers whose prices are formulas. It needs no randomness.
func generateCard() *rateCard {
	r := &rateCard{MoneyUnit: "1e-4 USD", Steps: []int64{113, 226, 340, 453}}
	for pound := 2; pound <= 70; pound++ {
		r.Steps = append(r.Steps, int64(math.Floor(float64(pound)*453.59237)))
	}
	add := func(id, carrier string, divisor int64, pounds, zones int, ounces bool, transit []int64, base, byZone, pound, poundByZone float64) {
		s := service{ID: id, Carrier: carrier, Divisor: divisor, Transit: map[int]int64{}, Rates: map[int][]int64{}}
		steps := pounds + 3
		s.MaxG = r.Steps[steps-1]
		for zone := 1; zone <= zones; zone++ {
			s.Transit[zone] = transit[zone-1]
			for step := range steps {
				weight := float64(max(step-2, 1))
				if ounces && step < 3 {
					weight = 0.25 * float64(step+1)
				}
				z := float64(zone - 1)
				price := base + byZone*z + (pound+poundByZone*z)*math.Pow(weight, 0.94)
				s.Rates[zone] = append(s.Rates[zone], int64(math.Round(price/100))*100)
			}
		}
		r.Services = append(r.Services, s)
	}
	add("P-GROUND", "postal", 6, 70, 8, true, []int64{2, 2, 2, 3, 3, 4, 5, 5}, 43500, 2300, 4700, 800)
	add("P-PRIORITY", "postal", 6, 70, 8, true, []int64{1, 1, 2, 2, 2, 3, 3, 3}, 71000, 4000, 6900, 1400)
	add("P-EXPRESS", "postal", 6, 70, 8, true, []int64{1, 1, 1, 1, 1, 2, 2, 2}, 242000, 20000, 18000, 4000)
	add("U-GROUND", "integrator", 5, 70, 8, false, []int64{1, 1, 2, 3, 4, 4, 5, 5}, 74500, 2000, 3700, 520)
	add("U-2DAY", "integrator", 5, 70, 8, false, []int64{1, 1, 2, 2, 2, 2, 2, 2}, 125000, 9600, 10700, 2200)
	add("U-NEXTDAY", "integrator", 5, 70, 8, false, []int64{1, 1, 1, 1, 1, 1, 1, 1}, 210000, 21000, 20000, 4200)
	add("R-SAVER", "regional", 5, 20, 5, true, []int64{2, 2, 3, 4, 5}, 38000, 1900, 4200, 600)
	add("R-GROUND", "regional", 5, 50, 5, false, []int64{1, 1, 2, 2, 3}, 51500, 2700, 4400, 700)
	add("R-SAMEDAY", "regional", 5, 50, 3, false, []int64{0, 0, 1}, 103000, 9000, 9200, 1100)
	return r
}

// A world makes the pieces of cases.
type world struct{ *rand.Rand }

type place struct{ lat, lon, weight float64 }

// metros are places where people live: a grid of the contiguous United States, weighted as if by population.
func (w *world) metros(n int) []place {
	out := make([]place, n)
	for i := range out {
		out[i] = place{
			lat: 26 + 22*w.Float64(), lon: -122 + 50*w.Float64(), weight: math.Round(10*math.Exp(1.1*w.NormFloat64())) / 10,
		}
	}
	return out
}

// zone is 1 to 8, by distance.
func zone(aLat, aLon, bLat, bLon float64) int {
	const rad = math.Pi / 180
	s, c := math.Sin((bLat-aLat)*rad/2), math.Sin((bLon-aLon)*rad/2)
	miles := 2 * 3959 * math.Asin(math.Sqrt(s*s+math.Cos(aLat*rad)*math.Cos(bLat*rad)*c*c))
	for z, most := range []float64{50, 150, 300, 600, 1000, 1400, 1800} {
		if miles <= most {
			return z + 1
		}
	}
	return 8
}

// generatedWarehouse is what all kinds of cases say about a warehouse.
type generatedWarehouse struct {
	ID          string   `json:"id"`
	Lat         float64  `json:"lat"`
	Lon         float64  `json:"lon"`
	Processing  int64    `json:"processing_days"`
	Carriers    []string `json:"carriers,omitempty"`
	PerShipment int64    `json:"cost_per_shipment"`
	PerLine     int64    `json:"cost_per_line"`
	PerUnit     int64    `json:"cost_per_unit"`
}

func (w *world) warehouse(i int, metros []place) generatedWarehouse {
	near := metros[w.IntN(len(metros))]
	carriers := []string{"postal", "integrator", "regional"}
	switch w.IntN(4) {
	case 0:
		carriers = []string{"postal", "integrator"}
	case 1:
		carriers = []string{"postal", "regional"}
	}
	processing := int64(0)
	if w.IntN(10) < 3 {
		processing = 1
	}
	return generatedWarehouse{
		ID: fmt.Sprintf("W%02d", i), Lat: near.lat + w.NormFloat64(), Lon: near.lon + w.NormFloat64(), Processing: processing,
		Carriers: carriers, PerShipment: 8000 + 100*w.Int64N(120), PerLine: 2000 + 100*w.Int64N(40), PerUnit: 500 + 100*w.Int64N(15),
	}
}

// article returns the weight and the volume of a unit.
func (w *world) article() (grams, cm3 int64) {
	g := min(max(math.Exp(6+0.85*w.NormFloat64()), 20), 7000)
	return int64(g), int64(g * (1.5 + 6*w.Float64()))
}

func (w *world) quantity() int32 {
	switch n := w.IntN(100); {
	case n < 77:
		return 1
	case n < 94:
		return 2
	case n < 98:
		return 3
	}
	return 4
}

// generatedOrder is a file of order and order_large.
type generatedOrder struct {
	Name       string        `json:"name"`
	MaySplit   bool          `json:"allow_quantity_split"`
	Dest       [2]float64    `json:"dest"`
	Promise    int64         `json:"promise_days"`
	SplitCost  int64         `json:"split_penalty_per_extra_shipment"`
	Lines      []orderLine   `json:"lines"`
	Warehouses []orderedFrom `json:"warehouses"`
	Status     string        `json:"status"`
	Optimum    *int64        `json:"optimal_cost"`
	Proof      string        `json:"proof,omitempty"`
}

type orderedFrom struct {
	generatedWarehouse
	Zone      int     `json:"zone"`
	UnitsLeft int64   `json:"unit_capacity_left"`
	Stock     []int32 `json:"stock_by_line"`
}

// order makes an order of 1 to 12 lines; every fourth lets quantities be split.
func (w *world) order(i int) *generatedOrder {
	o := &generatedOrder{Name: fmt.Sprintf("random_o%04d", i), SplitCost: 15000, Status: "unproven", MaySplit: i%4 == 3}
	lines, warehouses, density := []int{1, 2, 3, 5, 8, 12}[w.IntN(6)], []int{10, 50}[w.IntN(2)], []float64{0.15, 0.3, 0.5}[w.IntN(3)]
	if o.MaySplit {
		lines, warehouses = 1+w.IntN(4), []int{8, 30}[w.IntN(2)]
	}
	w.fill(o, lines, warehouses, density, true)
	return o
}

// largeOrder makes an order of 16 to 50 lines over 50 warehouses, whose lines come whole.
func (w *world) largeOrder(i int) *generatedOrder {
	o := &generatedOrder{Name: fmt.Sprintf("large_L%04d", i), SplitCost: 15000, Status: "unproven"}
	w.fill(o, []int{16, 20, 30, 30, 50}[i%5], 50, []float64{0.2, 0.5}[i/5%2], false)
	return o
}

func (w *world) fill(o *generatedOrder, lines, warehouses int, density float64, limits bool) {
	metros := w.metros(60)
	at := metros[w.IntN(len(metros))]
	o.Dest = [2]float64{at.lat + 0.5*w.NormFloat64(), at.lon + 0.5*w.NormFloat64()}
	o.Promise = []int64{2, 3, 4, 4, 5, 5, 7}[w.IntN(7)]
	if lines > 12 {
		o.Promise = max(o.Promise, 3)
	}
	for range lines {
		l := orderLine{Quantity: w.quantity()}
		if o.MaySplit {
			l.Quantity = 1 + w.Int32N(4)
		}
		l.UnitG, l.UnitCM3 = w.article()
		o.Lines = append(o.Lines, l)
	}
	for i := range warehouses {
		from := orderedFrom{generatedWarehouse: w.warehouse(i, metros), UnitsLeft: -1}
		from.Zone = zone(from.Lat, from.Lon, o.Dest[0], o.Dest[1])
		if limits && w.IntN(6) == 0 {
			from.UnitsLeft = w.Int64N(4)
		}
		breadth := density * (0.6 + 0.8*w.Float64()) // some carry more than others
		for range lines {
			have := int32(0)
			if w.Float64() < breadth {
				have = 1 + w.Int32N(30)
				if o.MaySplit {
					have = 1 + w.Int32N(4)
				}
			}
			from.Stock = append(from.Stock, have)
		}
		o.Warehouses = append(o.Warehouses, from)
	}
	if lines <= 12 {
		return // infeasible orders are cases too
	}
	for l := range lines { // every line lies somewhere
		if !slices.ContainsFunc(o.Warehouses, func(f orderedFrom) bool { return f.Stock[l] >= o.Lines[l].Quantity }) {
			o.Warehouses[w.IntN(warehouses)].Stock[l] = 30
		}
	}
}

// generatedBatch is a file of batch and batch_large.
type generatedBatch struct {
	Name       string          `json:"name"`
	MaySplit   bool            `json:"allow_quantity_split"`
	SplitCost  int64           `json:"split_penalty_per_extra_shipment"`
	Orders     []batchOrder    `json:"orders"`
	Warehouses []batchSupplier `json:"warehouses"`
	Status     string          `json:"status"`
	Optimum    *int64          `json:"optimal_cost"`
}

type batchOrder struct {
	ID      string      `json:"id"`
	Promise int64       `json:"promise_days"`
	Zones   []int       `json:"zone_by_warehouse"`
	Lines   []batchLine `json:"lines"`
}

type batchLine struct {
	SKU string `json:"sku"`
	orderLine
	Unfilled int64 `json:"unfilled_penalty_per_unit"`
}

type batchSupplier struct {
	generatedWarehouse
	UnitCapacity int64            `json:"unit_capacity"`
	Parcels      map[string]int64 `json:"carrier_parcel_capacity"`
	Stock        map[string]int32 `json:"stock"`
}

// batch makes a wave of so many orders, of which the stock is short in places, and three times of four the capacity.
func (w *world) batch(name string, orders int) *generatedBatch {
	b, units := w.wave(name, orders, max(int(4*math.Pow(float64(orders), 0.62)), 8))
	capacity := w.IntN(4) > 0
	w.limit(b, units, capacity, w.IntN(2) == 0)
	return b
}

// wave makes the orders and the stock of a wave, and counts the units wanted.
func (w *world) wave(name string, orders, skus int) (*generatedBatch, int32) {
	b := &generatedBatch{Name: name, SplitCost: 15000, Status: "unproven"}
	warehouses := min(max(orders/5, 5), 20)
	metros := w.metros(60)
	articles := make([][2]int64, skus)
	popular := make([]float64, skus)
	for i := range articles {
		articles[i][0], articles[i][1] = w.article()
		popular[i] = 1 / math.Pow(float64(i+3), 0.8)
	}
	for i := range warehouses {
		b.Warehouses = append(b.Warehouses, batchSupplier{
			generatedWarehouse: w.warehouse(i, metros), UnitCapacity: -1, Parcels: map[string]int64{}, Stock: map[string]int32{},
		})
	}
	demand := make([]int32, skus)
	var units int32
	for i := range orders {
		at := metros[w.pick(metros)]
		o := batchOrder{ID: fmt.Sprintf("O%05d", i), Promise: []int64{3, 4, 5, 7}[w.IntN(4)]}
		for j := range b.Warehouses {
			o.Zones = append(o.Zones, zone(b.Warehouses[j].Lat, b.Warehouses[j].Lon, at.lat, at.lon))
		}
		for range 1 + min(w.IntN(4), w.IntN(4)) {
			s := weighted(w.Rand, popular)
			sku := fmt.Sprintf("S%04d", s)
			if slices.ContainsFunc(o.Lines, func(l batchLine) bool { return l.SKU == sku }) {
				continue
			}
			l := batchLine{SKU: sku, Unfilled: 250000, orderLine: orderLine{Quantity: 1, UnitG: articles[s][0], UnitCM3: articles[s][1]}}
			if w.IntN(8) == 0 {
				l.Quantity = 2
			}
			demand[s] += l.Quantity
			units += l.Quantity
			o.Lines = append(o.Lines, l)
		}
		b.Orders = append(b.Orders, o)
	}
	for s, n := range demand {
		carried := 1 + w.IntN(max(warehouses/3, 2))
		for left := n + n/5 + 1; left > 0; {
			from := &b.Warehouses[w.IntN(warehouses)]
			give := min(left, max((n+int32(carried)-1)/int32(carried), 1))
			from.Stock[fmt.Sprintf("S%04d", s)] += give
			left -= give
		}
	}
	return b, units
}

// limit gives a wave its capacities.
func (w *world) limit(b *generatedBatch, units int32, capacity, parcels bool) {
	orders, warehouses := len(b.Orders), len(b.Warehouses)
	for i := range b.Warehouses {
		from := &b.Warehouses[i]
		if capacity {
			from.UnitCapacity = int64(float64(units) / float64(warehouses) * (1 + 0.6*w.Float64()))
		}
		for _, c := range from.Carriers {
			from.Parcels[c] = -1
			if parcels && w.IntN(2) == 0 {
				from.Parcels[c] = max(int64(float64(orders)/float64(warehouses)*(0.2+0.6*w.Float64())), 1)
			}
		}
		from.Carriers = nil // the capacities name them
	}
}

// pick draws a place by its weight.
func (w *world) pick(places []place) int {
	weights := make([]float64, len(places))
	for i := range places {
		weights[i] = places[i].weight
	}
	return weighted(w.Rand, weights)
}

func weighted(rng *rand.Rand, weights []float64) int {
	var sum float64
	for _, x := range weights {
		sum += x
	}
	at := rng.Float64() * sum
	for i, x := range weights {
		if at -= x; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// generatedSeason is a file of season.
type generatedSeason struct {
	Seed         uint64               `json:"seed"`
	SplitCost    int64                `json:"split_penalty_per_extra_shipment"`
	Unfilled     int64                `json:"unfilled_penalty_per_unit"`
	Promises     []int64              `json:"promise_days"`
	PromiseParts []float64            `json:"promise_weights"`
	Metros       []seasonMetro        `json:"metros"`
	Warehouses   []generatedWarehouse `json:"warehouses"`
	SKUs         [][2]int64           `json:"sku_unit_g_cm3"`
	Types        [][]int              `json:"order_types"`
	TypeWeights  []float64            `json:"order_type_weights"`
	Cycles       []seasonCycle        `json:"cycles"`
}

type seasonMetro struct {
	Lat    float64 `json:"lat"`
	Lon    float64 `json:"lon"`
	Weight float64 `json:"weight"`
	Zones  []int   `json:"zone_by_warehouse"`
}

type seasonCycle struct {
	Supply [][3]int `json:"supply_sku_wh_units"`
	Orders [][3]any `json:"orders_metro_days_lines"`
}

// season makes cycles of supply, placed near where demand is expected, and of the orders that come. The first season
// is small; later ones have 20 warehouses and 300 SKUs.
func (w *world) season(seed uint64, i int) *generatedSeason {
	warehouses, skus, types, cycles, orders := 10, 80, 400, 4, 1500
	if i > 0 {
		warehouses, skus, types, cycles, orders = 20, 300, 2000, 6, 4000
	}
	s := &generatedSeason{
		Seed: seed, SplitCost: 15000, Unfilled: 250000, Promises: []int64{3, 4, 5, 7}, PromiseParts: []float64{0.25, 0.25, 0.3, 0.2},
	}
	metros := w.metros(60)
	for i := range warehouses {
		s.Warehouses = append(s.Warehouses, w.warehouse(i, metros))
	}
	near := make([]float64, warehouses) // people nearest to each
	for _, m := range metros {
		out := seasonMetro{Lat: m.lat, Lon: m.lon, Weight: m.weight}
		for i := range s.Warehouses {
			out.Zones = append(out.Zones, zone(s.Warehouses[i].Lat, s.Warehouses[i].Lon, m.lat, m.lon))
		}
		s.Metros = append(s.Metros, out)
		near[slices.Index(out.Zones, slices.Min(out.Zones))] += m.weight
	}
	popular := make([]float64, skus)
	for i := range skus {
		g, v := w.article()
		s.SKUs = append(s.SKUs, [2]int64{g, v})
		popular[i] = 1 / math.Pow(float64(i+3), 0.8)
	}
	rate := make([]float64, skus) // units an order
	var sum float64
	for range types {
		var t []int
		for range 1 + min(w.IntN(5), w.IntN(5)) {
			if sku := weighted(w.Rand, popular); !slices.Contains(t, sku) {
				t = append(t, sku)
			}
		}
		weight := math.Exp(0.8 * w.NormFloat64())
		s.Types, s.TypeWeights = append(s.Types, t), append(s.TypeWeights, weight)
		sum += weight
		for _, sku := range t {
			rate[sku] += 1.08 * weight
		}
	}
	for range cycles {
		var c seasonCycle
		for sku := range skus {
			expected := rate[sku] / sum * float64(orders)
			holders := w.Perm(warehouses)[:1+w.IntN(max(warehouses/2, 2))]
			var people float64
			for _, h := range holders {
				people += near[h] + 0.01
			}
			slices.Sort(holders)
			for _, h := range holders {
				if units := int(math.Round((expected + math.Sqrt(expected)/2) * (near[h] + 0.01) / people)); units > 0 {
					c.Supply = append(c.Supply, [3]int{sku, h, units})
				}
			}
		}
		for range orders {
			var lines [][2]int
			for _, sku := range s.Types[weighted(w.Rand, s.TypeWeights)] {
				units := 1
				if w.Float64() < 0.08 {
					units = 2
				}
				lines = append(lines, [2]int{sku, units})
			}
			c.Orders = append(c.Orders, [3]any{w.pick(metros), s.Promises[weighted(w.Rand, s.PromiseParts)], lines})
		}
		s.Cycles = append(s.Cycles, c)
	}
	return s
}
