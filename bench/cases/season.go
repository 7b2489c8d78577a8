package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/solver/ahead"
)

// A seasonCase is one file of season.
type seasonCase struct {
	Name         string    `json:"name"`
	SplitCost    int64     `json:"split_penalty_per_extra_shipment"`
	Unfilled     int64     `json:"unfilled_penalty_per_unit"`
	Promises     []int64   `json:"promise_days"`
	PromiseParts []float64 `json:"promise_weights"`
	Metros       []struct {
		Weight float64 `json:"weight"`
		Zones  []int   `json:"zone_by_warehouse"`
	} `json:"metros"`
	Warehouses []struct {
		ID          string   `json:"id"`
		Processing  int64    `json:"processing_days"`
		PerShipment int64    `json:"cost_per_shipment"`
		PerLine     int64    `json:"cost_per_line"`
		PerUnit     int64    `json:"cost_per_unit"`
		Carriers    []string `json:"carriers"`
	} `json:"warehouses"`
	SKUs        [][2]int64    `json:"sku_unit_g_cm3"`
	Types       [][]int32     `json:"order_types"`
	TypeWeights []float64     `json:"order_type_weights"`
	Cycles      []seasonStage `json:"cycles"`
	Bound       *int64        `json:"hindsight_lower_bound"`
	Myopic      *int64        `json:"myopic_reference_cost"`
	Reference   *int64        `json:"stochastic_dual_reference_cost"`
}

type seasonStage struct {
	Supply [][3]int32    `json:"supply_sku_wh_units"`
	Orders []seasonOrder `json:"orders_metro_days_lines"`
}

// A seasonOrder is [metro, promise_days, [[sku, qty], ...]].
type seasonOrder struct {
	Metro int32
	Days  int64
	Lines [][2]int32
}

// A market is a season as columns.
type market struct {
	season *seasonCase
	card   *card
	rates  [][]solver.Rates // [(warehouse*zones+zone)*promises+promise] of all its carriers
	least  [][]int64        // [as rates] the least price by divisor and step: [divisor*steps+step]
	steps  []int32          // [grams] the weight step
	orders [][]ahead.Order  // [cycle]
}

// UnmarshalJSON reads the three parts of an order.
func (o *seasonOrder) UnmarshalJSON(data []byte) error {
	parts := [3]any{&o.Metro, &o.Days, &o.Lines}
	return json.Unmarshal(data, &parts)
}

// market turns a season into columns.
func (c *card) market(s *seasonCase) (*market, error) {
	if len(c.divisors) > mostDivisors {
		return nil, fmt.Errorf("the rate card has %d divisors, and a season at most %d", len(c.divisors), mostDivisors)
	}
	m := &market{season: s, card: c}
	for step, most := range c.steps {
		for int64(len(m.steps)) <= most {
			m.steps = append(m.steps, int32(step))
		}
	}
	m.rates = make([][]solver.Rates, len(s.Warehouses)*c.zones*len(s.Promises))
	m.least = make([][]int64, len(m.rates))
	for i := range s.Warehouses {
		w := &s.Warehouses[i]
		for zone := range c.zones {
			for promise, days := range s.Promises {
				var rates []solver.Rates
				for _, name := range w.Carriers {
					if n, ok := c.carriers[name]; ok {
						rates = append(rates, c.on(n, zone, days-w.Processing)...)
					}
				}
				at := m.at(i, zone, promise)
				m.rates[at] = rates
				least := make([]int64, len(c.divisors)*len(c.steps))
				for j := range least {
					least[j] = solver.Refused
				}
				for _, r := range rates {
					for step, o := range r.Steps {
						x := &least[int(r.Divisor)*len(c.steps)+step]
						*x = min(*x, o.Cost)
					}
				}
				m.least[at] = least
			}
		}
	}
	for i := range s.Metros {
		if len(s.Metros[i].Zones) != len(s.Warehouses) {
			return nil, fmt.Errorf("metro %d: %d zones for %d warehouses", i, len(s.Metros[i].Zones), len(s.Warehouses))
		}
		for _, zone := range s.Metros[i].Zones {
			if zone < 0 || zone >= c.zones {
				return nil, fmt.Errorf("metro %d: zone %d", i, zone)
			}
		}
	}
	for k := range s.Cycles {
		var orders []ahead.Order
		for i, o := range s.Cycles[k].Orders {
			promise := slices.Index(s.Promises, o.Days)
			if len(o.Lines) > ahead.MaxLines {
				return nil, fmt.Errorf("cycle %d, order %d: %d lines", k, i, len(o.Lines))
			}
			if promise < 0 || o.Metro < 0 || int(o.Metro) >= len(s.Metros) {
				return nil, fmt.Errorf("cycle %d, order %d: metro %d in %d days", k, i, o.Metro, o.Days)
			}
			order := ahead.Order{Region: o.Metro, Promise: int32(promise)}
			for _, l := range o.Lines {
				if l[0] < 0 || int(l[0]) >= len(s.SKUs) || l[1] < 1 {
					return nil, fmt.Errorf("cycle %d, order %d: line %v", k, i, l)
				}
				order.Lines = append(order.Lines, ahead.Line{SKU: l[0], Quantity: l[1]})
			}
			orders = append(orders, order)
		}
		m.orders = append(m.orders, orders)
		for _, x := range s.Cycles[k].Supply {
			if x[0] < 0 || int(x[0]) >= len(s.SKUs) || x[1] < 0 || int(x[1]) >= len(s.Warehouses) || x[2] < 0 {
				return nil, fmt.Errorf("cycle %d: supply %v", k, x)
			}
		}
	}
	return m, nil
}

func (m *market) at(w, zone, promise int) int {
	return (w*m.card.zones+zone)*len(m.season.Promises) + promise
}

const mostDivisors = 4

// offers lists what every warehouse asks for every set of lines.
func (m *market) offers(o *ahead.Order, can []uint32, dst []ahead.Offer) []ahead.Offer {
	s, c := m.season, m.card
	full := 1<<len(o.Lines) - 1
	var steps [1 << ahead.MaxLines][mostDivisors]int32
	var count, pieces [1 << ahead.MaxLines]int64
	var grams, cm3 [1 << ahead.MaxLines]int64
	for set := 1; set <= full; set++ {
		l := bits.TrailingZeros(uint(set))
		less := set & (set - 1)
		n := int64(o.Lines[l].Quantity)
		grams[set] = grams[less] + n*s.SKUs[o.Lines[l].SKU][0]
		cm3[set] = cm3[less] + n*s.SKUs[o.Lines[l].SKU][1]
		count[set], pieces[set] = count[less]+1, pieces[less]+n
		for d, divisor := range c.divisors {
			steps[set][d] = m.step(max(grams[set], (cm3[set]+divisor-1)/divisor))
		}
	}
	zones := s.Metros[o.Region].Zones
	for i := range s.Warehouses {
		if can[i] == 0 {
			continue
		}
		w := &s.Warehouses[i]
		least := m.least[m.at(i, zones[i], int(o.Promise))]
		for set := can[i]; set != 0; set = (set - 1) & can[i] {
			rate := solver.Refused
			for d := range c.divisors {
				if step := int(steps[set][d]); step < len(c.steps) {
					rate = min(rate, least[d*len(c.steps)+step])
				}
			}
			if rate < solver.Refused {
				dst = append(dst, ahead.Offer{
					Warehouse: int32(i), Lines: set, Cost: rate + w.PerShipment + w.PerLine*count[set] + w.PerUnit*pieces[set],
				})
			}
		}
	}
	return dst
}

// step returns the weight step of so many grams; that of too many is one that no card has.
func (m *market) step(g int64) int32 {
	if g >= int64(len(m.steps)) {
		return int32(len(m.card.steps))
	}
	return m.steps[g]
}

// forecast returns the demand model of the case.
func (m *market) forecast() *ahead.Forecast {
	s := m.season
	f := &ahead.Forecast{Promises: s.PromiseParts, Quantities: []float64{0.92, 0.08}, Unfilled: s.Unfilled}
	for t, skus := range s.Types {
		f.Types = append(f.Types, ahead.Type{SKUs: skus, Weight: s.TypeWeights[t]})
	}
	for i := range s.Metros {
		f.Regions = append(f.Regions, s.Metros[i].Weight)
	}
	return f
}

// wrong returns a forecast whose SKUs are off by log-normal factors.
func wrong(f *ahead.Forecast, skus int, sigma float64, seed uint64) *ahead.Forecast {
	rng := rand.New(rand.NewPCG(seed, 77))
	factor := make([]float64, skus)
	for i := range factor {
		factor[i] = math.Exp(sigma * rng.NormFloat64())
	}
	out := *f
	out.Types = slices.Clone(f.Types)
	for t := range out.Types {
		for _, sku := range out.Types[t].SKUs {
			out.Types[t].Weight *= factor[sku]
		}
	}
	return &out
}

// A policy says how a season is decided.
type policy struct {
	prices   bool
	every    int // orders from one refresh of the prices to the next
	cycles   int // looked ahead to, besides the present one
	forecast *ahead.Forecast
	volume   float64 // orders a cycle, as forecast
	learn    bool
	options  ahead.Options
}

// A seasonRun is what a policy came to.
type seasonRun struct {
	cost, unfilled int64
	refreshes      int
	slowest        time.Duration
}

// simulate decides every order in turn. What arrives in later cycles is known, as planned receipts are; which orders
// come is not.
func (m *market) simulate(y *policy) (seasonRun, error) {
	s := m.season
	width := len(s.Warehouses)
	d := decider{market: m, stock: make([]int32, width*len(s.SKUs))}
	supply := m.supply()
	pricer := ahead.New(y.options)
	var learner *ahead.Learner
	if y.learn {
		learner = ahead.NewLearner(y.forecast, y.volume, len(s.SKUs))
	}
	var run seasonRun
	for k, orders := range m.orders {
		for c, n := range supply[k] {
			d.stock[c] += n
		}
		if k > 0 {
			pricer.Advance()
		}
		each := 1 / float64(len(orders)) // time passes evenly: how much of a cycle is left is known, not how many orders
		for i := range orders {
			o := &orders[i]
			if y.prices && i%y.every == 0 {
				f, volume := y.forecast, y.volume
				if learner != nil {
					f, volume = learner.Forecast()
				}
				p := &ahead.Problem{Warehouses: width, SKUs: len(s.SKUs), Stock: d.stock, SplitCost: s.SplitCost, Offers: m.offers}
				p.Periods = append(p.Periods, ahead.Period{Orders: volume * (1 - float64(i)*each)})
				for j := k + 1; j < len(m.orders) && j <= k+y.cycles; j++ {
					p.Periods = append(p.Periods, ahead.Period{Orders: volume, Supply: supply[j]})
				}
				start := time.Now()
				d.price = pricer.Refresh(p, f).Stock
				run.refreshes++
				run.slowest = max(run.slowest, time.Since(start))
			}
			cost, unfilled, err := d.decide(o)
			if err != nil {
				return run, fmt.Errorf("cycle %d, order %d: %w", k, i, err)
			}
			run.cost += cost
			run.unfilled += unfilled
			if learner != nil {
				learner.See(o, each)
			}
		}
	}
	return run, nil
}

// supply returns what arrives in every cycle, [sku*warehouses+w].
func (m *market) supply() [][]int32 {
	s := m.season
	out := make([][]int32, len(s.Cycles))
	for k := range out {
		out[k] = make([]int32, len(s.Warehouses)*len(s.SKUs))
		for _, x := range s.Cycles[k].Supply {
			out[k][int(x[0])*len(s.Warehouses)+int(x[1])] += x[2]
		}
	}
	return out
}

// hindsight returns a lower bound for whoever knows all orders beforehand.
func (m *market) hindsight(steps int) int64 {
	s := m.season
	width := len(s.Warehouses)
	p := &ahead.Problem{
		Warehouses: width, SKUs: len(s.SKUs), Stock: make([]int32, width*len(s.SKUs)), SplitCost: s.SplitCost, Offers: m.offers,
	}
	supply := m.supply()
	orders := make([][]ahead.Counted, len(m.orders))
	for k := range m.orders {
		p.Periods = append(p.Periods, ahead.Period{Supply: supply[k]})
		for _, o := range m.orders[k] {
			orders[k] = append(orders[k], ahead.Counted{Order: o, Times: 1})
		}
	}
	return ahead.Bound(p, orders, s.Unfilled, steps, nil)
}

// seasonOptions say how seasons are looked ahead in.
type seasonOptions struct {
	refresh, cycles int
	sigma, volume   float64 // errors of the forecast
	learn           bool
	seed            uint64
}

// runSeason simulates a season, myopic and with prices, and holds both against the hindsight bound.
func (r *runner) runSeason(f *file, c *card) (result, error) {
	var s seasonCase
	if err := decode(f, &s); err != nil {
		return result{}, err
	}
	m, err := c.market(&s)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", f.name, err)
	}
	orders := 0
	for _, list := range m.orders {
		orders += len(list)
	}
	myopic, err := m.simulate(&policy{})
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", f.name, err)
	}
	y := &policy{
		prices: true, every: r.season.refresh, cycles: r.season.cycles, learn: r.season.learn,
		forecast: wrong(m.forecast(), len(s.SKUs), r.season.sigma, r.season.seed),
		volume:   float64(orders) / float64(len(m.orders)) * r.season.volume,
		options:  ahead.Options{Seed: r.season.seed},
	}
	start := time.Now()
	run, err := m.simulate(y)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", f.name, err)
	}
	took := float64(time.Since(start).Nanoseconds()) / 1000
	bound := s.Bound
	if bound == nil {
		const steps = 400
		least := m.hindsight(steps)
		bound = &least
	}
	closed := float64(myopic.cost-run.cost) / float64(myopic.cost-*bound)
	slowest := float64(run.slowest.Nanoseconds()) / 1000
	res := result{
		Orders: orders, Warehouses: len(s.Warehouses), Status: "simulated", Cost: &run.cost, Bound: bound, Microseconds: took,
		Myopic: &myopic.cost, Closed: &closed, Refreshes: run.refreshes, Refresh: slowest, Unfilled: &run.unfilled,
	}
	if s.Myopic != nil {
		stated := float64(*s.Myopic-run.cost) / float64(*s.Myopic-*bound)
		res.ClosedStated = &stated
	}
	res.compare("", nil)
	if myopic.cost < *bound {
		res.Contradicted = "the myopic cost is below the bound"
	}
	return res, nil
}

// A decider decides one order after another, by prices where there are any, and takes its plans off the stock.
type decider struct {
	market  *market
	stock   []int32
	price   []int64
	problem solver.Problem
	columns solver.Columns
	scratch solver.Scratch
	cells   []int32 // of the plan kept, and what it takes of each
	takes   []int32
	prices  []int64
	lines   []int32 // of the order, those in the problem
}

// decide returns what an order costs, without prices, and how many units of it are left.
func (d *decider) decide(o *ahead.Order) (cost, unfilled int64, err error) {
	s := d.market.season
	width := len(s.Warehouses)
	var all uint32 // lines that some warehouse has
	for l, line := range o.Lines {
		if slices.Max(d.stock[int(line.SKU)*width:][:width]) >= line.Quantity {
			all |= 1 << l
		}
	}
	left := func(set uint32) (units int64) {
		for l := range o.Lines {
			if set>>l&1 == 0 {
				units += int64(o.Lines[l].Quantity)
			}
		}
		return units
	}
	// Fill first: which lines are filled is decided without prices.
	cost, filled := s.Unfilled*left(0), uint32(0)
	d.cells, d.takes = d.cells[:0], d.takes[:0]
	for set := all; set != 0; set = (set - 1) & all {
		penalty := s.Unfilled * left(set)
		if penalty >= cost {
			continue
		}
		plan, cert := d.split(o, set, nil)
		if cert.Status != solver.Infeasible && plan.Cost+penalty < cost {
			cost, filled = plan.Cost+penalty, set
			d.keep(&plan)
		}
	}
	if filled != 0 && d.price != nil {
		plan, _ := d.split(o, filled, d.price)
		d.keep(&plan)
		cost = plan.Cost + s.Unfilled*left(filled)
		for _, x := range plan.Shipments {
			for l, n := range x.Take {
				cost -= int64(n) * d.columns.UnitCost[l*width+int(x.Warehouse)]
			}
		}
	}
	if err := d.verify(o, filled, cost-s.Unfilled*left(filled)); err != nil {
		return 0, 0, err
	}
	for i, c := range d.cells {
		d.stock[c] -= d.takes[i]
	}
	return cost, left(filled), nil
}

// verify works out from the case alone what the plan kept costs, and checks that it keeps every rule.
func (d *decider) verify(o *ahead.Order, filled uint32, cost int64) error {
	s, c := d.market.season, d.market.card
	width := int32(len(s.Warehouses))
	var want int64
	for w := range width {
		var grams, cm3, units, lines int64
		for i, cell := range d.cells {
			if cell%width != w {
				continue
			}
			if d.takes[i] > d.stock[cell] {
				return fmt.Errorf("warehouse %d ships %d of SKU %d and has %d", w, d.takes[i], cell/width, d.stock[cell])
			}
			lines++
			units += int64(d.takes[i])
			grams += int64(d.takes[i]) * s.SKUs[cell/width][0]
			cm3 += int64(d.takes[i]) * s.SKUs[cell/width][1]
		}
		if lines == 0 {
			continue
		}
		from := &s.Warehouses[w]
		rate, ok := cheapestRate(c.rates, from.Carriers, s.Metros[o.Region].Zones[w], s.Promises[o.Promise]-from.Processing, grams, cm3)
		if !ok {
			return fmt.Errorf("warehouse %d has no service for %d g", w, grams)
		}
		if want > 0 {
			want += s.SplitCost
		}
		want += from.PerShipment + from.PerLine*lines + from.PerUnit*units + rate
	}
	for l, line := range o.Lines {
		var got int32
		for i, cell := range d.cells {
			if cell/width == line.SKU {
				got += d.takes[i]
			}
		}
		if filled>>l&1 == 0 && got > 0 || filled>>l&1 != 0 && got != line.Quantity {
			return fmt.Errorf("line %d wants %d and gets %d", l, line.Quantity, got)
		}
	}
	if want != cost {
		return fmt.Errorf("the plan costs %d and says %d", want, cost)
	}
	return nil
}

// split solves a set of an order's lines, at prices where there are any.
func (d *decider) split(o *ahead.Order, set uint32, price []int64) (solver.Plan, solver.Certificate) {
	d.columnsOf(o, set, price)
	return solver.Split(&d.problem, &d.scratch)
}

// columnsOf makes the problem of a set of an order's lines.
func (d *decider) columnsOf(o *ahead.Order, set uint32, price []int64) {
	s, c := d.market.season, &d.columns
	p := &d.problem
	width := len(s.Warehouses)
	p.Warehouses, p.SplitCost, p.Columns = width, s.SplitCost, c
	p.Quantity, p.Available = p.Quantity[:0], p.Available[:0]
	c.Exact, c.Steps, c.Divisors = true, d.market.card.steps, d.market.card.divisors
	c.Weight, c.Volume, c.Sites, c.UnitCost = c.Weight[:0], c.Volume[:0], c.Sites[:0], nil
	d.lines = d.lines[:0]
	for ; set != 0; set &= set - 1 {
		l := o.Lines[bits.TrailingZeros32(set)]
		d.lines = append(d.lines, l.SKU)
		p.Quantity = append(p.Quantity, l.Quantity)
		p.Available = append(p.Available, d.stock[int(l.SKU)*width:][:width]...)
		c.Weight, c.Volume = append(c.Weight, s.SKUs[l.SKU][0]), append(c.Volume, s.SKUs[l.SKU][1])
	}
	p.Lines = len(d.lines)
	if price != nil {
		d.prices = d.prices[:0]
		for _, sku := range d.lines {
			d.prices = append(d.prices, price[int(sku)*width:][:width]...)
		}
		c.UnitCost = d.prices
	}
	for i := range s.Warehouses {
		w := &s.Warehouses[i]
		c.Sites = append(c.Sites, solver.Site{
			Fixed: w.PerShipment, PerLine: w.PerLine, PerUnit: w.PerUnit, Units: -1, Arrival: w.Processing,
			Rates: d.market.rates[d.market.at(i, s.Metros[o.Region].Zones[i], int(o.Promise))],
		})
	}
}

// keep remembers what a plan takes.
func (d *decider) keep(plan *solver.Plan) {
	d.cells, d.takes = d.cells[:0], d.takes[:0]
	for _, x := range plan.Shipments {
		for l, n := range x.Take {
			if n > 0 {
				d.cells = append(d.cells, d.lines[l]*int32(len(d.market.season.Warehouses))+x.Warehouse)
				d.takes = append(d.takes, n)
			}
		}
	}
}
