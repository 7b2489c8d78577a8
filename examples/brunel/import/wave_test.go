package main

import (
	"cmp"
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// penalty is what leaving an order costs: more than any of them costs from any plant.
const penalty = 1_000_000 * units.Currency

// A transport is the model as a hand would solve it: orders, plants with places a day, and what each order costs at
// each plant.
type transport struct {
	cost   [][]units.Money // [order][plant]; -1: it cannot
	places []int           // [plant] of a day
}

func (h *hand) transport(orders int) *transport {
	var plants []string
	for name := range h.capacity {
		plants = append(plants, name)
	}
	slices.Sort(plants)
	x := &transport{}
	for _, name := range plants {
		x.places = append(x.places, h.capacity[name])
	}
	for _, o := range h.orders[:orders] {
		var row []units.Money
		for _, name := range plants {
			row = append(row, h.cost(name, o))
		}
		x.cost = append(x.cost, row)
	}
	return x
}

// optimum returns the least cost by cancelling cycles: from any assignment, as long as moving some orders around a ring
// of plants saves, they are moved. Leaving an order is a plant with places for all, where each costs left; where left
// is 0 there is none, and every order that waits for a day of its plant pays wait for it. It takes long, needs no
// prices, and shares nothing with the solver.
func (x *transport) optimum(left, wait units.Money) (cost units.Money, unfilled int) {
	const none = units.Money(1) << 60
	type node struct {
		places int
		waited units.Money
		plant  int
	}
	var nodes []node // a plant's day each
	for p, n := range x.places {
		days, users := 1, 0
		for _, row := range x.cost {
			if row[p] >= 0 {
				users++
			}
		}
		if left == 0 {
			days = (users + n - 1) / n
		}
		for d := range days {
			nodes = append(nodes, node{n, wait * units.Money(d), p})
		}
	}
	if left > 0 {
		nodes = append(nodes, node{len(x.cost), left, -1})
	}
	price := func(o, at int) units.Money {
		n := &nodes[at]
		switch {
		case n.plant < 0:
			return n.waited
		case x.cost[o][n.plant] < 0:
			return none
		}
		return x.cost[o][n.plant] + n.waited
	}
	// The start: each order where it costs least among what is free.
	room := make([]int, len(nodes))
	for i := range nodes {
		room[i] = nodes[i].places
	}
	at := make([]int, len(x.cost))
	for o := range x.cost {
		at[o] = -1
		for i := range nodes {
			if room[i] > 0 && price(o, i) < none && (at[o] < 0 || price(o, i) < price(o, at[o])) {
				at[o] = i
			}
		}
		room[at[o]]--
	}
	// One more node stands for free places: from it one can go to any node with room, to it from any node.
	free := len(nodes)
	for {
		type edge struct {
			cost  units.Money
			order int
		}
		best := make([][]edge, free+1)
		for i := range best {
			best[i] = slices.Repeat([]edge{{none, -1}}, free+1)
		}
		for o := range at {
			here := price(o, at[o])
			for i := range nodes {
				if p := price(o, i); i != at[o] && p < none && p-here < best[at[o]][i].cost {
					best[at[o]][i] = edge{p - here, o}
				}
			}
		}
		for i := range nodes {
			best[free][i] = edge{0, -1}
			if room[i] > 0 {
				best[i][free] = edge{0, -1}
			}
		}
		dist, from := make([]units.Money, free+1), make([]int, free+1)
		end := -1
		for range free + 2 { // Bellman and Ford: what still falls in the last round hangs on a ring that saves
			end = -1
			for i := range best {
				for j := range best {
					if e := best[i][j]; e.cost < none && dist[i]+e.cost < dist[j] {
						dist[j], from[j], end = dist[i]+e.cost, i, j
					}
				}
			}
			if end < 0 {
				break
			}
		}
		if end < 0 {
			break
		}
		for range free + 1 {
			end = from[end]
		}
		for j := end; ; {
			i := from[j]
			if o := best[i][j].order; o >= 0 {
				at[o] = j
			}
			if i == free {
				room[j]--
			}
			if j == free {
				room[i]++
			}
			if j = i; j == end {
				break
			}
		}
		// Places are counted anew: moves around the ring keep them but for the free ones.
		for i := range room {
			room[i] = nodes[i].places
		}
		for _, i := range at {
			room[i]--
		}
	}
	for o, i := range at {
		cost += price(o, i)
		if nodes[i].plant < 0 {
			unfilled++
		}
	}
	return cost, unfilled
}

// decideAll imports the dataset, decides the first orders together and checks that all plants keep their places.
func decideAll(t *testing.T, data string, orders int, args ...string) *engine.Wave {
	t.Helper()
	dir := importFrom(t, data, args...)
	snap, stock := load(t, dir)
	e := newEngine(t, snap)
	var list []engine.Order
	for _, o := range ordersOf(t, dir)[:orders] {
		list = append(list, *o)
	}
	w, err := e.DecideWave(stockOf(snap, stock), list, noon, engine.WaveOptions{Unfilled: penalty})
	if err != nil {
		t.Fatal(err)
	}
	type day struct {
		warehouse int32
		ship      units.Date
	}
	used := map[day]int32{}
	var cost units.Money
	for i := range w.Decisions {
		cost += w.Decisions[i].Cost
		for _, s := range w.Decisions[i].Shipments {
			at := day{s.Warehouse, s.ShipDate}
			if used[at]++; used[at] > snap.Warehouses[s.Warehouse].DailyCapacity {
				t.Fatalf("%s ships more than %d on %s", snap.Warehouses[s.Warehouse].ID, snap.Warehouses[s.Warehouse].DailyCapacity, s.ShipDate)
			}
			if len(args) == 0 && s.ShipDate != defaultDate {
				t.Fatalf("order %s leaves on %s", list[i].ID, s.ShipDate)
			}
		}
	}
	if cost+w.UnfilledCost != w.Cost {
		t.Errorf("decisions cost %s and what is left %s, the wave says %s", cost, w.UnfilledCost, w.Cost)
	}
	return w
}

// What the engine decides together costs, to the cent, what the model's optimum costs, today and day after day.
func TestWaveIsTheOptimum(t *testing.T) {
	data := published(t)
	orders := 1_800
	if testing.Short() {
		orders = 1_100
	}
	x := readByHand(t, data).transport(orders)
	for _, tc := range []struct {
		name string
		left units.Money
		wait units.Money
		args []string
	}{{"one day", penalty, 0, nil}, {"day after day", 0, 25 * units.Currency, []string{"-wait", "25"}}} {
		if testing.Short() && tc.wait > 0 {
			continue // many days are many places
		}
		cost, unfilled := x.optimum(tc.left, tc.wait)
		w := decideAll(t, data, orders, tc.args...)
		t.Logf("%s: %d orders for %s, %d left", tc.name, orders, w.Cost, w.Unfilled)
		if w.Cost != cost || w.Unfilled != unfilled {
			t.Errorf("%s: cost %s with %d left, the optimum is %s with %d", tc.name, w.Cost, w.Unfilled, cost, unfilled)
		}
		if w.Status != engine.Optimal || cmp.Compare(w.Bound, cost) > 0 {
			t.Errorf("%s: status %v, bound %s, the optimum is %s", tc.name, w.Status, w.Bound, cost)
		}
	}
}

// The whole of it, as HiGHS has proven: bench/brunel says how.
func TestWaveAgreesWithHiGHS(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole takes too long under the race detector")
	}
	data := published(t)
	for _, tc := range []struct {
		cost     string
		unfilled int
		args     []string
	}{{"6772247142.48", 6_771, nil}, {"16218831.61", 0, []string{"-wait", "25"}}} {
		w := decideAll(t, data, 9_215, tc.args...)
		if w.Cost.String() != tc.cost || w.Bound != w.Cost || w.Unfilled != tc.unfilled {
			t.Errorf("%v: cost %s, bound %s, %d left; want %s and %d", tc.args, w.Cost, w.Bound, w.Unfilled, tc.cost, tc.unfilled)
		}
	}
}
