package simulate

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	_ "github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// A market is a random network with orders for it, and what it takes to replay them on a changed one.
type market struct {
	in  *Input
	src *network.Source
}

// anyMarket draws one whose stock is short, so that what is decided is not what would be lowest.
func anyMarket(t *rapid.T, policy network.PolicySource) market {
	d := design{
		seed: rapid.Uint64().Draw(t, "seed"), orders: rapid.IntRange(5, 60).Draw(t, "orders"), warehouses: rapid.IntRange(2, 7).Draw(t, "warehouses"),
		epochs: 1, seconds: 3_600,
		config: enginetest.Config{Capacity: rapid.Bool().Draw(t, "capacity"), Classes: rapid.Bool().Draw(t, "classes"), Policy: policy},
	}
	d.config.Policy.SplitLines = rapid.Bool().Draw(t, "split lines")
	if rapid.Bool().Draw(t, "late") {
		d.config.Policy.Late, d.config.Policy.LateCost = "allow", 2*units.Currency
	}
	in, src := d.build()
	return market{in: in, src: src}
}

// on returns the replay on a changed network.
func (m market) on(src *network.Source) *Input {
	in := *m.in
	in.Epochs = []Epoch{{Snapshot: must(network.Compile(src, m.in.Epochs[0].Snapshot.Rows()))}}
	return &in
}

// rows returns all rows of a replay in one block.
func rows(t *rapid.T, in *Input) (*Block, *Report) {
	var sink keeper
	rep, err := Run(t.Context(), in, Options{MaxBad: len(in.History.At)}, &sink)
	if err != nil {
		t.Fatal(err)
	}
	return sink.blocks[0], rep
}

// worse compares the lowest possible of an order in two runs: 1 where a is worse than b, -1 where it is better. What is
// filled comes before what is on time, and that before the cost.
func worse(a, b *OrderRow) int {
	rank := func(o *OrderRow) int {
		switch {
		case o.FloorOutcome != engine.Planned:
			return 2
		case o.FloorLate:
			return 1
		}
		return 0
	}
	switch ra, rb := rank(a), rank(b); {
	case ra != rb && ra > rb, ra == rb && a.Floor > b.Floor:
		return 1
	case ra != rb || a.Floor < b.Floor:
		return -1
	}
	return 0
}

// long skips a test of what is decided where the race detector is to look at how: the plain replay's test has it do so.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("the race detector takes minutes for it")
	}
}

func TestClosingNeverLowersTheLowestPossibleAndAddingNeverRaisesIt(t *testing.T) {
	long(t)
	rapid.Check(t, func(t *rapid.T) {
		m := anyMarket(t, network.PolicySource{})
		at := rapid.IntRange(1, len(m.src.Warehouses)-1).Draw(t, "closed")
		fewer := *m.src
		fewer.Warehouses = slices.Clone(fewer.Warehouses)
		fewer.Warehouses[at].Closed = true
		more := *m.src
		added := more.Warehouses[at]
		added.ID, added.Postal, added.Carriers = "added", m.src.Warehouses[0].Postal, nil
		more.Warehouses = append(slices.Clone(more.Warehouses), added)

		base, _ := rows(t, m.in)
		without, _ := rows(t, m.on(&fewer))
		with, _ := rows(t, m.on(&more))
		for i := range base.Orders {
			if b, w := &base.Orders[i], &without.Orders[i]; worse(w, b) < 0 {
				t.Fatalf("order %d: without %s its lowest possible cost is lower:\n%+v\n%+v", i, fewer.Warehouses[at].ID, *b, *w)
			}
			if b, w := &base.Orders[i], &with.Orders[i]; worse(w, b) > 0 {
				t.Fatalf("order %d: with one more its lowest possible cost is higher:\n%+v\n%+v", i, *b, *w)
			}
		}
	})
}

// What is decided has no such property: the control shows that the test above would notice if the floor were the cost.
func TestClosingDoesLowerCosts(t *testing.T) {
	for seed := range uint64(200) {
		d := design{seed: seed, orders: 60, warehouses: 4, epochs: 1, seconds: 3_600}
		in, src := d.build()
		fewer := *src
		fewer.Warehouses = slices.Clone(fewer.Warehouses)
		fewer.Warehouses[1].Closed = true
		m := market{in: in}
		var base, without keeper
		must(Run(t.Context(), m.in, Options{}, &base))
		must(Run(t.Context(), m.on(&fewer), Options{}, &without))
		for i := range base.blocks[0].Orders {
			a, b := base.blocks[0].Orders[i], without.blocks[0].Orders[i]
			if a.Outcome == engine.Planned && b.Outcome == engine.Planned && b.Cost < a.Cost {
				return
			}
		}
	}
	t.Error("in 200 worlds no order got cheaper by closing a warehouse, which takes stock from others first")
}

func TestEnoughOfEverythingIsTheLowestPossible(t *testing.T) {
	long(t)
	rapid.Check(t, func(t *rapid.T) {
		m := anyMarket(t, network.PolicySource{})
		m.plenty()
		base, _ := rows(t, m.in)
		for i := range base.Orders {
			if o := &base.Orders[i]; o.Outcome != o.FloorOutcome || o.Late != o.FloorLate || o.Cost != o.Floor {
				t.Fatalf("order %d: with stock and capacity for all it is not at its lowest possible: %+v", i, *o)
			}
		}
		for i := range base.StockOuts {
			t.Fatalf("a stock-out where there is enough: %+v", base.StockOuts[i])
		}
	})
}

// plenty gives the market stock and capacity for everything.
func (m *market) plenty() {
	src := *m.src
	src.Warehouses = slices.Clone(src.Warehouses)
	for i := range src.Warehouses {
		src.Warehouses[i].Capacity = 0
	}
	src.Settings.Services = slices.Clone(src.Settings.Services)
	for i := range src.Settings.Services {
		src.Settings.Services[i].DailyCapacity = 0
	}
	in := m.on(&src)
	in.Moves, in.Stock = nil, nil
	h := *in.History
	h.Moves, in.History = nil, &h
	for _, w := range src.Warehouses {
		for _, s := range src.SKUs {
			in.Stock = append(in.Stock, network.StockRow{Warehouse: w.ID, SKU: s.ID, OnHand: 1_000_000})
		}
	}
	m.in, m.src = in, &src
}

// times returns a network all of whose prices are k times those of another.
func times(src *network.Source, k units.Money) *network.Source {
	out := *src
	p := &out.Settings.Policy
	p.SplitCost, p.LateCost, p.CarbonPrice = p.SplitCost*k, p.LateCost*k, p.CarbonPrice*k
	out.Settings.Boxes = slices.Clone(out.Settings.Boxes)
	for i := range out.Settings.Boxes {
		out.Settings.Boxes[i].Cost *= k
	}
	out.Settings.Services = slices.Clone(out.Settings.Services)
	for i := range out.Settings.Services {
		out.Settings.Services[i].PerShipment *= k
	}
	out.Warehouses = slices.Clone(out.Warehouses)
	for i := range out.Warehouses {
		w := &out.Warehouses[i]
		w.PerOrder, w.PerLine, w.PerUnit, w.PerKilogram = w.PerOrder*k, w.PerLine*k, w.PerUnit*k, w.PerKilogram*k
	}
	out.Cards = nil
	for _, c := range src.Cards {
		card := *c
		card.Surcharges = slices.Clone(card.Surcharges)
		for i := range card.Surcharges {
			if flat := card.Surcharges[i].Amount.Flat; flat != nil {
				amount := *flat * k
				card.Surcharges[i].Amount.Flat = &amount
			}
		}
		card.Structures = slices.Clone(card.Structures)
		for i := range card.Structures {
			table := *card.Structures[i].Table
			table.Rows = slices.Clone(table.Rows)
			for r := range table.Rows {
				table.Rows[r].Prices = slices.Clone(table.Rows[r].Prices)
				for z := range table.Rows[r].Prices {
					if table.Rows[r].Prices[z] != ratecards.NoPrice {
						table.Rows[r].Prices[z] *= k
					}
				}
			}
			card.Structures[i].Table = &table
		}
		out.Cards = append(out.Cards, &card)
	}
	return &out
}

func TestPricesTimesKMakeFreightTimesK(t *testing.T) {
	long(t)
	rapid.Check(t, func(t *rapid.T) {
		m := anyMarket(t, network.PolicySource{})
		m.plenty()
		k := units.Money(rapid.SampledFrom([]int{2, 3, 7, 10}).Draw(t, "k"))
		base, rep := rows(t, m.in)
		scaled, _ := rows(t, m.on(times(m.src, k)))
		if off := scaledBy(base, scaled, k, len(rep.Terms)); off != "" {
			t.Fatal(off)
		}
	})
}

// The control: half a per cent more is found.
func TestPricesTimesKNotices(t *testing.T) {
	d := design{seed: 3, orders: 60, warehouses: 4, epochs: 1, seconds: 3_600}
	in, src := d.build()
	m := market{in: in, src: src}
	m.plenty()
	base, scaled := keeper{}, keeper{}
	rep := must(Run(t.Context(), m.in, Options{}, &base))
	must(Run(t.Context(), m.on(times(m.src, 3)), Options{}, &scaled))
	a, b := base.blocks[0], scaled.blocks[0]
	if off := scaledBy(a, b, 3, len(rep.Terms)); off != "" {
		t.Fatal(off)
	}
	for i := range b.Costs {
		b.Costs[i] += b.Costs[i] / 200
	}
	if off := scaledBy(a, b, 3, len(rep.Terms)); off == "" {
		t.Error("terms that are half a per cent off were not noticed")
	}
}

// scaledBy tells where the costs of one run are not k times those of another, up to rounding: half a cent for each charge of a
// parcel, in either run. Where the plans differ, what they cost must be as near, for then rounding has chosen.
func scaledBy(base, scaled *Block, k units.Money, terms int) string {
	for i := range base.Orders {
		a, b := &base.Orders[i], &scaled.Orders[i]
		if a.Outcome != b.Outcome || a.Late != b.Late {
			return fmt.Sprintf("order %d: %+v, but scaled %+v", i, *a, *b)
		}
		parcels := units.Money(0)
		for _, s := range base.Shipments[a.Shipments[0]:a.Shipments[1]] {
			parcels += units.Money(s.Parcels)
		}
		for _, s := range scaled.Shipments[b.Shipments[0]:b.Shipments[1]] {
			parcels += units.Money(s.Parcels)
		}
		most := parcels * (k + 1) * units.Cent / 2 * 4 // charges of a parcel that are rounded: base, surcharges, fuel, the total
		if off := b.Cost - k*a.Cost; off > most || off < -most {
			return fmt.Sprintf("order %d: %v times %d is not %v", i, a.Cost, k, b.Cost)
		}
		if a.Shipments[1]-a.Shipments[0] != b.Shipments[1]-b.Shipments[0] {
			continue
		}
		for n := range a.Shipments[1] - a.Shipments[0] {
			x, y := a.Shipments[0]+n, b.Shipments[0]+n
			s, z := &base.Shipments[x], &scaled.Shipments[y]
			if s.Warehouse != z.Warehouse || s.Service != z.Service || s.Parcels != z.Parcels {
				continue
			}
			most := units.Money(s.Parcels) * (k + 1) * units.Cent / 2
			for t := range terms {
				p, q := base.Costs[int(x)*terms+t], scaled.Costs[int(y)*terms+t]
				if off := q - k*p; off > most || off < -most {
					return fmt.Sprintf("order %d, shipment %d, term %d: %v times %d is not %v", i, n, t, p, k, q)
				}
			}
		}
	}
	return ""
}
