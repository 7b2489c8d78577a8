package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/solver"
	"github.com/allot-engine/allot/solver/wave"
)

// A batchCase is one file of batch or batch_large.
type batchCase struct {
	Name      string `json:"name"`
	MaySplit  bool   `json:"allow_quantity_split"`
	SplitCost int64  `json:"split_penalty_per_extra_shipment"`
	Orders    []struct {
		ID      string `json:"id"`
		Promise int64  `json:"promise_days"`
		Zones   []int  `json:"zone_by_warehouse"`
		Lines   []struct {
			SKU string `json:"sku"`
			orderLine
			Unfilled int64 `json:"unfilled_penalty_per_unit"`
		} `json:"lines"`
	} `json:"orders"`
	Warehouses []struct {
		ID           string           `json:"id"`
		Processing   int64            `json:"processing_days"`
		PerShipment  int64            `json:"cost_per_shipment"`
		PerLine      int64            `json:"cost_per_line"`
		PerUnit      int64            `json:"cost_per_unit"`
		UnitCapacity int64            `json:"unit_capacity"`
		Parcels      map[string]int64 `json:"carrier_parcel_capacity"`
		Stock        map[string]int32 `json:"stock"`
	} `json:"warehouses"`
	Status    string `json:"status"`
	Optimum   *int64 `json:"optimal_cost"`
	Reference struct {
		Bound     *int64 `json:"lagrangian_lower_bound"`
		BestKnown *int64 `json:"best_known_cost"`
	} `json:"reference"`
}

// A batchProblem is a case as columns.
type batchProblem struct {
	wave.Problem
	card     *card
	batch    *batchCase
	carriers [][]int   // [warehouse] the carriers that it has, by number
	class    [][]int32 // [warehouse][carrier] the class that counts its parcels; -1: none
}

// wave turns a case into columns. Its carriers are those whose parcels it counts.
func (c *card) wave(b *batchCase) (*batchProblem, error) {
	p := &batchProblem{card: c, batch: b}
	p.Warehouses, p.SplitCost = len(b.Warehouses), b.SplitCost
	rows := map[string]int32{}
	for i := range b.Orders {
		o := &b.Orders[i]
		if len(o.Zones) != len(b.Warehouses) {
			return nil, fmt.Errorf("order %s: %d zones for %d warehouses", o.ID, len(o.Zones), len(b.Warehouses))
		}
		var order wave.Order
		for _, l := range o.Lines {
			row, ok := rows[l.SKU]
			if !ok {
				row = int32(len(rows))
				rows[l.SKU] = row
			}
			order.Lines = append(order.Lines, wave.Line{
				SKU: row, Quantity: l.Quantity, MaySplit: b.MaySplit && l.Quantity > 1, Unfilled: l.Unfilled * int64(l.Quantity),
			})
		}
		p.Orders = append(p.Orders, order)
	}
	p.SKUs = len(rows)
	p.Stock = make([]int32, p.SKUs*p.Warehouses)
	for i := range b.Warehouses {
		w := &b.Warehouses[i]
		for sku, units := range w.Stock {
			if row, ok := rows[sku]; ok {
				p.Stock[int(row)*p.Warehouses+i] = units
			}
		}
		counter := int32(-1)
		if w.UnitCapacity >= 0 {
			counter = int32(len(p.Limits))
			p.Limits = append(p.Limits, w.UnitCapacity)
		}
		p.Units = append(p.Units, counter)
		var carriers []int
		class := make([]int32, len(c.carriers))
		for number, name := range c.names {
			class[number] = -1
			most, ok := w.Parcels[name]
			if !ok {
				continue
			}
			carriers = append(carriers, number)
			if most >= 0 {
				class[number] = int32(len(p.Limits)) // class and counter have one number
				p.Limits = append(p.Limits, most)
			}
		}
		p.carriers, p.class = append(p.carriers, carriers), append(p.class, class)
	}
	for counter := range p.Limits {
		p.Classes = append(p.Classes, []int32{int32(counter)})
	}
	p.Offers = p.offers
	return p, nil
}

// offers lists, for every carrier, the cheapest service for a content.
func (p *batchProblem) offers(order, w int, take []int32, dst []wave.Offer) []wave.Offer {
	o, from := &p.batch.Orders[order], &p.batch.Warehouses[w]
	var grams, cm3, units, lines int64
	for l, n := range take {
		if n > 0 {
			grams += int64(n) * o.Lines[l].UnitG
			cm3 += int64(n) * o.Lines[l].UnitCM3
			units += int64(n)
			lines++
		}
	}
	for _, carrier := range p.carriers[w] {
		best := solver.Offer{Cost: solver.Refused}
		for _, r := range p.card.on(carrier, o.Zones[w], o.Promise-from.Processing) {
			divisor := p.card.divisors[r.Divisor]
			step, _ := slices.BinarySearch(p.card.steps, max(grams, (cm3+divisor-1)/divisor))
			if step < len(r.Steps) && r.Steps[step].Cost < best.Cost {
				best = r.Steps[step]
			}
		}
		if best.Cost < solver.Refused {
			dst = append(dst, wave.Offer{
				Cost: from.PerShipment + best.Cost + from.PerLine*lines + from.PerUnit*units, Class: p.class[w][carrier], Parcels: 1,
				Service: best.Service,
			})
		}
	}
	return dst
}

// batch solves a wave and holds what is claimed against what the case states.
func (r *runner) batch(f *file, c *card) (result, error) {
	var b batchCase
	if err := decode(f, &b); err != nil {
		return result{}, err
	}
	start, busy := time.Now(), cputime.Process()
	p, err := c.wave(&b)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", f.name, err)
	}
	solved := wave.Solve(&p.Problem, wave.Options{})
	took, cpu := time.Since(start), cputime.Process()-busy
	res := result{
		Orders: len(b.Orders), Warehouses: len(b.Warehouses), Status: solver.Bounded.String(), Cost: &solved.Cost, Bound: &solved.Bound,
		Microseconds: microseconds(took), CPU: microseconds(cpu),
	}
	if solved.Optimal() {
		res.Status = solver.Optimal.String()
	}
	if err := verifyBatch(&b, c.rates, &solved); err != nil {
		res.Contradicted = err.Error()
	}
	res.compare(b.Status, b.Optimum)
	if known := b.Reference.BestKnown; known != nil {
		res.BestKnown = known
		res.AboveKnown = excess(res.Cost, known)
		if solved.Bound > *known && res.Contradicted == "" {
			res.Contradicted = "a bound above the best known cost"
		}
	}
	if least := b.Reference.Bound; least != nil && solved.Cost < *least && res.Contradicted == "" {
		res.Contradicted = "cheaper than the stated bound"
	}
	return res, nil
}

// verifyBatch works out from the case alone what the plans cost, and checks that they keep every rule together.
func verifyBatch(b *batchCase, r *rateCard, solved *wave.Result) error {
	type cell struct {
		warehouse int32
		what      string
	}
	stock, parcels := map[cell]int64{}, map[cell]int64{}
	units := make([]int64, len(b.Warehouses))
	var cost int64
	for i := range b.Orders {
		o, plan := &b.Orders[i], &solved.Plans[i]
		left := make([]int32, len(o.Lines))
		for l := range left {
			left[l] = o.Lines[l].Quantity
		}
		for _, l := range plan.Unfilled {
			cost += o.Lines[l].Unfilled * int64(left[l])
			left[l] = 0
		}
		seen := map[int32]bool{}
		for n, s := range plan.Shipments {
			w := &b.Warehouses[s.Warehouse]
			if seen[s.Warehouse] {
				return fmt.Errorf("order %s: warehouse %s ships twice", o.ID, w.ID)
			}
			seen[s.Warehouse] = true
			if n > 0 {
				cost += b.SplitCost
			}
			var grams, cm3 int64
			for l, n := range s.Take {
				if n < 0 || n > left[l] || n > 0 && n < o.Lines[l].Quantity && !b.MaySplit {
					return fmt.Errorf("order %s: warehouse %s ships %d of line %d", o.ID, w.ID, n, l)
				}
				if n == 0 {
					continue
				}
				left[l] -= n
				grams += int64(n) * o.Lines[l].UnitG
				cm3 += int64(n) * o.Lines[l].UnitCM3
				stock[cell{s.Warehouse, o.Lines[l].SKU}] += int64(n)
				units[s.Warehouse] += int64(n)
				cost += w.PerLine + w.PerUnit*int64(n)
			}
			carrier := r.Services[s.Offer.Service].Carrier
			rate, ok := cheapestRate(r, []string{carrier}, o.Zones[s.Warehouse], o.Promise-w.Processing, grams, cm3)
			if _, has := w.Parcels[carrier]; !ok || !has {
				return fmt.Errorf("order %s: warehouse %s has no service of %s", o.ID, w.ID, carrier)
			}
			parcels[cell{s.Warehouse, carrier}]++
			cost += w.PerShipment + rate
		}
		if len(left) > 0 && slices.Max(left) > 0 {
			return fmt.Errorf("order %s: %v units are left", o.ID, left)
		}
	}
	for c, n := range stock {
		if have := b.Warehouses[c.warehouse].Stock[c.what]; n > int64(have) {
			return fmt.Errorf("warehouse %d ships %d of %s and has %d", c.warehouse, n, c.what, have)
		}
	}
	for c, n := range parcels {
		if most := b.Warehouses[c.warehouse].Parcels[c.what]; most >= 0 && n > most {
			return fmt.Errorf("warehouse %d ships %d parcels by %s of at most %d", c.warehouse, n, c.what, most)
		}
	}
	for w, n := range units {
		if most := b.Warehouses[w].UnitCapacity; most >= 0 && n > most {
			return fmt.Errorf("warehouse %d ships %d units of at most %d", w, n, most)
		}
	}
	if cost != solved.Cost {
		return fmt.Errorf("the plans cost %d and say %d", cost, solved.Cost)
	}
	return nil
}
