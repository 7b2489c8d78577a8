package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// The season: so many SKUs, places and days, whatever the number of orders.
const (
	warehouses = 50
	services   = 12
	skus       = 5_000
	places     = 20_000
	days       = 60
	stocked    = 50  // percent of the warehouses that have a SKU
	zipf       = 0.8 // of the SKUs' shares of demand: that of rank k is k^-zipf
	weekly     = 5   // units a week from which a cell is replenished every week
)

// source returns the network of the season.
func source(seed uint64) *network.Source {
	w := enginetest.New(enginetest.Config{
		Seed: seed, Warehouses: warehouses, Services: services, SKUs: skus, Places: 1, Stocked: 1,
		Policy: network.PolicySource{SplitCost: units.Currency, MaxShipments: 3, Late: "allow", LateCost: 3 * units.Currency},
	})
	w.Close()
	return w.Source
}

// unitsAnOrder is what an order has in the mean: so many lines, an eighth of which have 1 to 3 units in place of 1.
const unitsAnOrder = (0.45*1 + 0.30*2 + 0.15*3 + 0.10*4) * (1 + 1.0/8)

// popularity returns the shares of demand of the SKUs, summed up: [k] is that of SKUs 0 to k, the last one the whole.
func popularity() []float64 {
	shares := make([]float64, skus)
	sum := 0.0
	for k := range shares {
		sum += math.Pow(float64(k+1), -zipf)
		shares[k] = sum
	}
	return shares
}

// season draws the orders of a season and its replenishment, the same for the same seed and number.
func season(seed uint64, src *network.Source, orders int) *history.History {
	rng := rand.New(rand.NewPCG(seed, 7))
	h := &history.History{Files: []string{"season"}}
	share := popularity()
	sum := share[skus-1]
	for k := range share {
		h.SKUs = append(h.SKUs, src.SKUs[k].ID)
	}
	for _, w := range src.Warehouses {
		h.Warehouses = append(h.Warehouses, w.ID)
	}
	us := geo.US()
	for len(h.Destinations) < places {
		row := geo.Row(rng.IntN(us.Len()))
		if p := us.Point(row); p.Lat > 24.5 && p.Lat < 49.5 && p.Lng > -125 && p.Lng < -66 && !us.Approximate(row) {
			h.Destinations = append(h.Destinations, engine.Destination{Country: "US", Postal: us.Postal(row), Commercial: rng.IntN(10) == 0})
		}
	}
	start := enginetest.Start
	var ids strings.Builder
	h.From, h.IDFrom = append(h.From, 0), append(h.IDFrom, 0)
	for i := range orders {
		at := start + units.Instant(int64(i)*days*86_400/int64(orders))
		lines := 1
		switch n := rng.IntN(20); {
		case n >= 18:
			lines = 4
		case n >= 15:
			lines = 3
		case n >= 9:
			lines = 2
		}
		for range lines {
			k, _ := slices.BinarySearch(share, rng.Float64()*sum)
			q := int32(1)
			if rng.IntN(8) == 0 {
				q += rng.Int32N(3)
			}
			h.SKU, h.Units = append(h.SKU, int32(min(k, skus-1))), append(h.Units, q)
		}
		promise := units.Date(0)
		if rng.IntN(10) < 7 {
			promise = units.Date(int64(at)/86_400) + 2 + units.Date(rng.IntN(6))
		}
		h.At, h.Promise, h.Dest = append(h.At, at), append(h.Promise, promise), append(h.Dest, rng.Int32N(places))
		h.Collect, h.Allowed = append(h.Collect, -1), append(h.Allowed, -1)
		h.From = append(h.From, uint32(len(h.SKU)))
		h.Row, h.File = append(h.Row, uint32(i+1)), append(h.File, 0)
		fmt.Fprintf(&ids, "o%08d", i)
		h.IDFrom = append(h.IDFrom, uint64(ids.Len()))
	}
	h.IDText = ids.String()

	_, h.Moves = stock(seed, src, orders)
	return h
}

// stock draws what a season with so many orders begins with and how it is replenished: what sells well every week, by about
// what a week takes; the rest never, for it begins with a fifth more than the season takes.
func stock(seed uint64, src *network.Source, orders int) (begin []network.StockRow, moves []history.Move) {
	rng := rand.New(rand.NewPCG(seed, 8))
	share := popularity()
	start := enginetest.Start
	const weeks = days / 7.0
	for k := range skus {
		of := share[k]
		if k > 0 {
			of -= share[k-1]
		}
		aWeek := float64(orders) * unitsAnOrder * of / share[skus-1] / weeks / (warehouses * stocked / 100.0) // in a warehouse that has it
		for w := range src.Warehouses {
			if rng.IntN(100) >= stocked {
				continue
			}
			first := int32(math.Ceil(aWeek * weeks * 1.2))
			if aWeek >= weekly {
				first = int32(aWeek * 1.5)
				for day := 7; day < days; day += 7 {
					moves = append(moves, history.Move{
						At: start + units.Instant(day*86_400+rng.IntN(86_400)), Kind: history.Adjust, Warehouse: src.Warehouses[w].ID, SKU: src.SKUs[k].ID,
						Quantity: int32(math.Ceil(aWeek * (0.7 + 0.6*rng.Float64()))), Row: 1,
					})
				}
			}
			begin = append(begin, network.StockRow{Warehouse: src.Warehouses[w].ID, SKU: src.SKUs[k].ID, OnHand: first})
		}
	}
	slices.SortStableFunc(moves, func(a, b history.Move) int { return cmp.Compare(a.At, b.At) })
	return begin, moves
}
