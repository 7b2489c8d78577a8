package results

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A made run is an input and blocks that anybody might have decided: amounts and choices are drawn, and only what every
// run keeps to (rows of shipments, sums of terms) holds.
type made struct {
	in     *simulate.Input
	blocks []*simulate.Block
	rep    *simulate.Report
	terms  []string
}

var testTerms = []string{"base", "fuel, weekly", "fuel. weekly", `"odd"`, "clearance"}

// random draws a run of blocks of so many orders.
func random(seed uint64, orders, blockOrders int) *made {
	rng := rand.New(rand.NewPCG(seed, 21))
	w := enginetest.New(enginetest.Config{Seed: 7, Warehouses: 5, Services: 4, SKUs: 12, Places: 30, Capacity: true})
	defer w.Close()
	snap := w.Snapshot
	h := &history.History{From: []uint32{0}, IDFrom: []uint64{0}, Exact: map[int32]units.Instant{}, SKUs: snap.SKUs.IDs, Warehouses: []string{snap.Warehouses[1].ID, "gone"}}
	if rng.IntN(4) > 0 {
		h.Value = []units.Money{}
	}
	us := geo.US()
	for range 1 + rng.IntN(40) {
		to := engine.Destination{Country: "US", Postal: us.Postal(geo.Row(rng.IntN(us.Len())))}
		switch rng.IntN(8) {
		case 0:
			to = engine.Destination{Point: &geo.Point{Lat: 40 + rng.Float64(), Lng: -100 + rng.Float64()}}
		case 1:
			to = engine.Destination{Point: &geo.Point{Lat: -17 + 2*rng.Float64(), Lng: 179.5 + 0.5*rng.Float64()}} // Fiji
		case 2:
			to = engine.Destination{Country: "US", Postal: "00000"}
		}
		h.Destinations = append(h.Destinations, to)
	}
	m := &made{in: &simulate.Input{
		Name: "made, by hand", Seed: seed, History: h, Epochs: []simulate.Epoch{{Snapshot: snap}},
		Sources: map[string]string{"orders": "abc", "network": snap.Version},
	}, terms: testTerms}
	at := enginetest.Start
	money := func() units.Money {
		if rng.IntN(3) == 0 {
			return units.Money(rng.Int64N(30_000_000))
		}
		return units.Money(rng.IntN(3_000)) * units.Cent
	}
	whys := []string{"", "freight", "only candidate"}
	var b *simulate.Block
	for i := range orders {
		at += units.Instant(rng.IntN(2_000))
		h.At = append(h.At, at)
		promise := units.Date(0)
		switch rng.IntN(4) {
		case 0:
			h.Exact[int32(i)] = at + units.Instant(rng.IntN(500_000))
		case 1, 2:
			promise = day(at) + units.Date(rng.IntN(6))
		}
		h.Promise = append(h.Promise, promise)
		h.Dest, h.Collect, h.Allowed = append(h.Dest, int32(rng.IntN(len(h.Destinations)))), append(h.Collect, -1), append(h.Allowed, -1)
		if rng.IntN(10) == 0 {
			h.Dest[i], h.Collect[i] = -1, int32(rng.IntN(2))
		}
		if h.Value != nil {
			h.Value = append(h.Value, money())
		}
		for range 1 + rng.IntN(3) {
			h.SKU, h.Units = append(h.SKU, int32(rng.IntN(12))), append(h.Units, int32(1+rng.IntN(30)))
		}
		h.From = append(h.From, uint32(len(h.SKU)))
		h.IDText += []string{fmt.Sprintf("o%d", i), fmt.Sprintf("o, %d", i), fmt.Sprintf("\"%d\"\nx", i), " é"}[rng.IntN(4)]
		h.IDFrom = append(h.IDFrom, uint64(len(h.IDText)))

		if b == nil || len(b.Orders) == blockOrders {
			b = &simulate.Block{First: i}
			m.blocks = append(m.blocks, b)
		}
		n := int32(len(b.Shipments))
		o := simulate.OrderRow{Shipments: [2]int32{n, n}, RunnerUp: simulate.RunnerUp{Warehouse: -1, Why: whys[rng.IntN(3)]}}
		switch rng.IntN(8) {
		case 0:
			o.Malformed = true
		case 1:
			o.Outcome = engine.OutOfStock + engine.Outcome(rng.IntN(4))
			o.Status = engine.Infeasible
		default:
			o.Outcome, o.Status = engine.Planned, engine.Optimal
			o.Late = rng.IntN(5) == 0
			for k := range 1 + rng.IntN(3)*rng.IntN(2) {
				s := simulate.ShipmentRow{
					Order: int32(len(b.Orders)), Warehouse: int32(rng.IntN(5)), Service: int32(rng.IntN(4)), Units: rng.Int32N(40), Parcels: 1 + rng.Int32N(3),
					Weight: units.Weight(rng.Int64N(30_000_000_000_000)), ShipDate: day(at) + units.Date(rng.IntN(4)), Zone: fmt.Sprint(rng.IntN(9)),
					Guessed: rng.IntN(6) == 0, Metres: rng.Int64N(4_000_000), CO2Grams: rng.Int64N(9_000), InTime: units.Probability(rng.IntN(10_001)),
					Delayed: max(0, rng.Int32N(9)-5), Lost: rng.IntN(20) == 0,
				}
				s.DeliveryDate = s.ShipDate + units.Date(rng.IntN(6))
				s.Arrival = units.Instant(s.DeliveryDate)*secondsADay + units.Instant(rng.IntN(secondsADay))
				if o.Late && k == 0 {
					s.DaysLate = 1 + rng.Int32N(3)
				}
				first := int32(len(b.Items))
				for range 1 + rng.IntN(2) {
					b.Items = append(b.Items, engine.Item{SKU: int32(rng.IntN(12)), Quantity: 1 + rng.Int32N(12)})
				}
				s.Items = [2]int32{first, int32(len(b.Items))}
				for t := range testTerms {
					c := money()
					if t == 4 {
						c = -c / 3
					}
					b.Costs = append(b.Costs, c)
					s.Cost += c
				}
				s.Freight = s.Cost / 2
				o.Cost += s.Cost
				b.Shipments = append(b.Shipments, s)
			}
			o.Shipments[1] = int32(len(b.Shipments))
			if n := o.Shipments[1] - o.Shipments[0]; n > 1 {
				o.SplitCost = units.Money(n-1) * 500_000
				o.Cost += o.SplitCost
			}
			if rng.IntN(3) > 0 {
				o.RunnerUp = simulate.RunnerUp{Warehouse: int32(rng.IntN(5)), Service: int32(rng.IntN(4)), Gap: money() - 1_000_000, Why: "freight"}
			}
		}
		if !o.Malformed && seed%3 > 0 { // else without floors
			o.FloorOutcome = engine.Planned
			o.Floor = o.Cost * 9 / 10
			if rng.IntN(9) == 0 {
				o.FloorOutcome, o.Floor = engine.NotServed, 0
			}
		}
		b.Orders = append(b.Orders, o)
		if rng.IntN(6) == 0 {
			out := simulate.StockOut{At: at, SKU: int32(rng.IntN(12)), Warehouse: int32(rng.IntN(5))}
			b.StockOuts = append(b.StockOuts, out)
			if rng.IntN(3) == 0 {
				out.Warehouse = -1
				b.StockOuts = append(b.StockOuts, out)
			}
		}
	}
	m.rep = &simulate.Report{Orders: orders, Done: orders, Terms: testTerms, Hash: fmt.Sprintf("%064x", seed), State: "state"}
	for _, b := range m.blocks {
		for i := range b.Orders {
			if b.Orders[i].Malformed {
				m.rep.Malformed++
			}
		}
	}
	return m
}

// record writes a run with so many goroutines.
func (m *made) record(t testing.TB, dir string, o Options, workers int) *Summary {
	t.Helper()
	o.Terms = m.terms
	r, err := Create(dir, m.in, o)
	if err != nil {
		t.Fatal(err)
	}
	prepared := make([]any, len(m.blocks))
	errs := make([]error, len(m.blocks))
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := len(m.blocks) - 1 - w; i >= 0; i -= workers { // the last first
				prepared[i], errs[i] = r.Prepare(m.blocks[i])
			}
		})
	}
	wait.Wait()
	for i := range prepared {
		if errs[i] == nil {
			errs[i] = r.Write(prepared[i])
		}
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
	}
	s, err := r.Finish(m.rep)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
