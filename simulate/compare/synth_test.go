package compare

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

const testDay = units.Instant(1_796_083_200) // 2026-12-01

// source makes a run of orders. Each reading gives the one Order again, as the reader of results does.
func source(name string, terms []string, orders []results.Order) Source {
	return Source{Name: name, Currency: "USD", Terms: terms, Orders: func() iter.Seq2[*results.Order, error] {
		return func(yield func(*results.Order, error) bool) {
			var reused results.Order
			var shipments []results.Shipment
			for i := range orders {
				shipments = append(shipments[:0], orders[i].Shipments...)
				reused = orders[i]
				reused.Shipments = shipments
				if !yield(&reused, nil) {
					return
				}
			}
		}
	}}
}

// randomRun makes the answers of a run to orders 0 to n-1, of which it leaves out what skip says. Seed history makes orders the
// same in runs; seed answers makes what became of them.
func randomRun(name string, n int, history, answers uint64, terms []string, skip func(i int) bool) Source {
	past, rng := rand.New(rand.NewPCG(history, 1)), rand.New(rand.NewPCG(answers, 2))
	warehouses, services := []string{"atl", "reno", "ewr", "dfw"}, []string{"ground", "air"}
	outcomes := []string{"OUT_OF_STOCK", "PROMISE_MISSED", "NOT_SERVED", "malformed"}
	at := testDay
	var orders []results.Order
	for i := range n {
		at += units.Instant(past.IntN(3) * 1800) // several in one moment
		o := results.Order{Position: i, ID: fmt.Sprintf("o%d", i), At: at, State: []string{"CA", "NY", "TX", ""}[past.IntN(4)]}
		o.Cell = fmt.Sprintf("8%02d", past.IntN(9))
		var items []string
		for _, k := range past.Perm(6)[:1+past.IntN(3)] {
			items = append(items, fmt.Sprintf("sku%d:%d", k, 1+past.IntN(3)))
		}
		o.Items = strings.Join(items, ";")
		if skip != nil && skip(i) {
			continue
		}
		if rng.IntN(10) == 0 {
			o.Outcome = outcomes[rng.IntN(len(outcomes))]
			orders = append(orders, o)
			continue
		}
		o.Outcome, o.Promised = planned, rng.IntN(4) > 0
		if o.Promised {
			o.Late = rng.IntN(20) == 0
			o.Missed = o.Late || rng.IntN(30) == 0
		}
		if rng.IntN(3) > 0 {
			o.FloorOutcome, o.Floor = planned, units.Money(rng.IntN(5_000_000))
		}
		parts := [][]string{items}
		if len(items) > 1 && rng.IntN(3) == 0 {
			parts = [][]string{items[:1], items[1:]}
		}
		places := rng.Perm(len(warehouses))
		for k, part := range parts {
			s := results.Shipment{Warehouse: warehouses[places[k]], Carrier: "usps", Service: services[rng.IntN(2)], Items: strings.Join(part, ";"),
				Units: 1, Parcels: 1, ShipDate: 20_788, DeliveryDate: 20_788 + units.Date(rng.IntN(6)), Metres: rng.Int64N(4_000_000), CO2Grams: rng.Int64N(900),
				InTime: units.Probability(rng.IntN(10_001)), Lost: rng.IntN(50) == 0}
			for range terms {
				c := units.Money(0)
				if rng.IntN(3) > 0 {
					c = units.Money(rng.IntN(7_654_321))
				}
				s.Costs = append(s.Costs, c)
				s.Cost += c
			}
			s.Freight = s.Cost / 2
			o.Cost += s.Cost
			o.Shipments = append(o.Shipments, s)
		}
		o.SplitCost = units.Money(len(parts)-1) * 1_234_567
		o.Cost += o.SplitCost
		o.RunnerUpWarehouse, o.RunnerUpService, o.Why = warehouses[rng.IntN(4)], services[rng.IntN(2)], "fuel"
		orders = append(orders, o)
	}
	return source(name, terms, orders)
}

func collect(s Source) []results.Order {
	var list []results.Order
	for o, err := range s.Orders() {
		if err != nil {
			panic(err)
		}
		c := *o
		c.Shipments = slices.Clone(o.Shipments)
		list = append(list, c)
	}
	return list
}
