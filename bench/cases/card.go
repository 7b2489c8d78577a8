package main

import (
	"fmt"
	"slices"

	"github.com/allot-engine/allot/solver"
)

// A card is a rate card compiled for the solver: for every carrier, zone and number of days that transit may take,
// the cheapest service by step of weight.
type card struct {
	rates    *rateCard
	carriers map[string]int
	names    []string // of the carriers
	steps    []int64
	divisors []int64
	zones    int
	days     int64            // transit takes at most days-1
	tables   [][]solver.Rates // [(carrier*zones+zone)*days+most days] one for every divisor
}

func compile(r *rateCard) (*card, error) {
	c := &card{rates: r, carriers: map[string]int{}, steps: slices.Clone(r.Steps), days: 1}
	for i := range r.Services {
		s := &r.Services[i]
		if _, ok := c.carriers[s.Carrier]; !ok {
			c.carriers[s.Carrier] = len(c.carriers)
			c.names = append(c.names, s.Carrier)
		}
		if !slices.Contains(c.divisors, s.Divisor) {
			c.divisors = append(c.divisors, s.Divisor)
		}
		c.steps = append(c.steps, s.MaxG) // a limit inside a step cuts it in two
		for zone, days := range s.Transit {
			if zone < 0 || zone > 1000 || days < 0 || days > 1000 {
				return nil, fmt.Errorf("rate card: service %s: zone %d in %d days", s.ID, zone, days)
			}
			c.zones, c.days = max(c.zones, zone+1), max(c.days, days+1)
		}
	}
	slices.Sort(c.steps)
	c.steps = slices.Compact(c.steps)
	c.tables = make([][]solver.Rates, int64(len(c.carriers)*c.zones)*c.days)
	for name, carrier := range c.carriers {
		for zone := range c.zones {
			for days := range c.days {
				c.tables[int64(carrier*c.zones+zone)*c.days+days] = c.cheapest(name, zone, days)
			}
		}
	}
	return c, nil
}

// cheapest returns a carrier's cheapest rates to a zone within so many days, by divisor.
func (c *card) cheapest(carrier string, zone int, days int64) []solver.Rates {
	var out []solver.Rates
	for d, divisor := range c.divisors {
		var best []solver.Offer
		for i := range c.rates.Services {
			s := &c.rates.Services[i]
			rates := s.Rates[zone]
			if s.Carrier != carrier || s.Divisor != divisor || len(rates) == 0 || s.Transit[zone] > days {
				continue
			}
			for step, upper := range c.steps {
				at, _ := slices.BinarySearch(c.rates.Steps, upper)
				if upper > s.MaxG || at >= len(rates) {
					break
				}
				if step == len(best) {
					best = append(best, solver.Offer{Cost: solver.Refused})
				}
				if o := (solver.Offer{Cost: rates[at], Arrival: s.Transit[zone], Service: int32(i)}); o.Cost < best[step].Cost ||
					o.Cost == best[step].Cost && o.Arrival < best[step].Arrival {
					best[step] = o
				}
			}
		}
		if best != nil {
			out = append(out, solver.Rates{Divisor: int32(d), Steps: best})
		}
	}
	return out
}

// on returns a carrier's rates to a zone within so many days.
func (c *card) on(carrier, zone int, days int64) []solver.Rates {
	if days < 0 || zone < 0 || zone >= c.zones {
		return nil
	}
	return c.tables[int64(carrier*c.zones+zone)*c.days+min(days, c.days-1)]
}

// An orderSolver turns cases into columns and solves them; its memory serves one case after another.
type orderSolver struct {
	card    *card
	problem solver.Problem
	columns solver.Columns
	rates   []solver.Rates
	scratch solver.Scratch
}

// solve prepares the columns of a case and solves it. carriers are the carriers of every warehouse by number.
func (s *orderSolver) solve(o *orderCase, carriers [][]int) (solver.Plan, solver.Certificate) {
	p, c := &s.problem, &s.columns
	p.Warehouses, p.Lines, p.SplitCost = len(o.Warehouses), len(o.Lines), o.SplitCost
	p.Quantity, p.Available, p.MaySplit = p.Quantity[:0], p.Available[:0], p.MaySplit[:0]
	c.Exact, c.Steps, c.Divisors = true, s.card.steps, s.card.divisors
	c.Weight, c.Volume, c.Sites, s.rates = c.Weight[:0], c.Volume[:0], c.Sites[:0], s.rates[:0]
	p.Available = slices.Grow(p.Available, p.Lines*p.Warehouses)[:p.Lines*p.Warehouses]
	for l, line := range o.Lines {
		p.Quantity = append(p.Quantity, line.Quantity)
		p.MaySplit = append(p.MaySplit, o.MaySplit && line.Quantity > 1)
		c.Weight = append(c.Weight, line.UnitG)
		c.Volume = append(c.Volume, line.UnitCM3)
		row := p.Available[l*p.Warehouses:][:p.Warehouses]
		for w := range o.Warehouses {
			row[w] = o.Warehouses[w].Stock[l]
		}
	}
	s.rates = slices.Grow(s.rates, len(o.Warehouses)*len(s.card.carriers)*len(s.card.divisors))
	for i := range o.Warehouses {
		w := &o.Warehouses[i]
		first := len(s.rates)
		for _, carrier := range carriers[i] {
			s.rates = append(s.rates, s.card.on(carrier, w.Zone, o.Promise-w.Processing)...)
		}
		c.Sites = append(c.Sites, solver.Site{
			Fixed: w.PerShipment, PerLine: w.PerLine, PerUnit: w.PerUnit, Units: w.UnitsLeft, Arrival: w.Processing,
			Rates: s.rates[first:len(s.rates):len(s.rates)],
		})
	}
	p.Columns = c
	return solver.Split(p, &s.scratch)
}

// carriersOf resolves the carriers of every warehouse of a case.
func (c *card) carriersOf(o *orderCase) [][]int {
	out := make([][]int, len(o.Warehouses))
	for i := range o.Warehouses {
		for _, name := range o.Warehouses[i].Carriers {
			if n, ok := c.carriers[name]; ok { // a carrier without services ships nothing
				out[i] = append(out[i], n)
			}
		}
	}
	return out
}

// verify works out from the case alone what a plan costs, and checks that it keeps every rule.
func verify(o *orderCase, r *rateCard, plan *solver.Plan) error {
	left := make([]int32, len(o.Lines))
	for l := range left {
		left[l] = o.Lines[l].Quantity
	}
	cost := -o.SplitCost
	seen := map[int32]bool{}
	for _, s := range plan.Shipments {
		if seen[s.Warehouse] {
			return fmt.Errorf("warehouse %d ships twice", s.Warehouse)
		}
		seen[s.Warehouse] = true
		w := &o.Warehouses[s.Warehouse]
		var grams, cm3, units int64
		for l, n := range s.Take {
			if n < 0 || n > w.Stock[l] || n > left[l] || n > 0 && n < o.Lines[l].Quantity && !o.MaySplit {
				return fmt.Errorf("warehouse %d ships %d of line %d", s.Warehouse, n, l)
			}
			if n == 0 {
				continue
			}
			left[l] -= n
			grams += int64(n) * o.Lines[l].UnitG
			cm3 += int64(n) * o.Lines[l].UnitCM3
			units += int64(n)
			cost += w.PerLine
		}
		if w.UnitsLeft >= 0 && units > w.UnitsLeft || units == 0 {
			return fmt.Errorf("warehouse %d ships %d units", s.Warehouse, units)
		}
		rate, ok := cheapestRate(r, w.Carriers, w.Zone, o.Promise-w.Processing, grams, cm3)
		if !ok {
			return fmt.Errorf("warehouse %d has no service for %d g", s.Warehouse, grams)
		}
		cost += w.PerShipment + w.PerUnit*units + rate + o.SplitCost
	}
	if slices.Max(left) > 0 {
		return fmt.Errorf("%v units are left", left)
	}
	if cost != plan.Cost {
		return fmt.Errorf("the plan costs %d and says %d", cost, plan.Cost)
	}
	return nil
}

// cheapestRate looks for the cheapest service in the card as it was read.
func cheapestRate(r *rateCard, carriers []string, zone int, days, grams, cm3 int64) (int64, bool) {
	best, ok := int64(0), false
	for i := range r.Services {
		s := &r.Services[i]
		rates := s.Rates[zone]
		if !slices.Contains(carriers, s.Carrier) || len(rates) == 0 || s.Transit[zone] > days {
			continue
		}
		billable := max(grams, (cm3+s.Divisor-1)/s.Divisor)
		step, _ := slices.BinarySearch(r.Steps, billable)
		if billable <= s.MaxG && step < len(rates) && (!ok || rates[step] < best) {
			best, ok = rates[step], true
		}
	}
	return best, ok
}
