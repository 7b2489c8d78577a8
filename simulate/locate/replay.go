package locate

import (
	"cmp"
	"context"
	"maps"
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// replay replays the history on the network as it is, and with each choice.
func (s *search) replay(ctx context.Context, r *Result, choices []choice) error {
	var base []outcome
	run := func(in *simulate.Input, sites int) (*Replay, error) {
		t := &tally{h: s.in.History, orders: make([]outcome, s.in.History.Len())}
		what := "replaying as it is"
		if sites > 0 {
			what = "replaying with " + in.Name
		}
		rep, err := simulate.Run(ctx, in, simulate.Options{
			Workers: s.o.Workers, NoFloor: true, MaxBad: s.in.History.Len(), Progress: func(done, total int) { s.o.Progress(what, done, total) },
		}, t)
		if err != nil {
			return nil, err
		}
		if rep.Stopped {
			return nil, context.Cause(ctx)
		}
		x := t.sum(base)
		x.Hash, x.Net = rep.Hash, x.Saving-s.o.SiteCost*units.Money(sites)
		if base == nil {
			base = t.orders
		}
		return x, nil
	}
	var err error
	if r.Base, err = run(s.in, 0); err != nil {
		return err
	}
	for k, c := range choices {
		in, err := s.with(c, &r.Steps[k])
		if err != nil {
			return err
		}
		if r.Steps[k].Replay, err = run(in, k+1); err != nil {
			return err
		}
	}
	return nil
}

// with is the input with the sites of a choice, and with stock for them.
func (s *search) with(c choice, step *Step) (*simulate.Input, error) {
	var sites []network.WarehouseRow
	for _, i := range c.set {
		sites = append(sites, s.sites[i])
	}
	snap, err := s.compile(sites)
	if err != nil {
		return nil, err
	}
	in := *s.in
	in.Epochs = []simulate.Epoch{{From: s.in.Epochs[0].From, Snapshot: snap}}
	in.Sources = maps.Clone(in.Sources)
	in.Name = ""
	weights, whole := make([]int64, len(sites)), int64(0)
	for i := range sites {
		if i > 0 {
			in.Name += " and "
		}
		in.Name += sites[i].ID
		if weights[i] = step.Sites[i].Ships; s.o.StockShare > 0 {
			weights[i] = int64(s.o.StockShare)
		}
	}
	if whole = int64(len(s.m.now)); s.o.StockShare > 0 {
		whole = int64(units.WholePercent)
	}
	stock, got := shareStock(s.in.Stock, sites, weights, whole)
	in.Stock = stock
	for i := range got {
		step.Sites[i].Stock = got[i]
	}
	in.Moves = shareMoves(s.in, sites, weights, whole)
	return &in, nil
}

// shareStock gives each site its part of the units of each SKU that are on hand, and of those to come on each day. Nothing
// is made: what a site gets other warehouses have less, each in proportion to what it has beyond its safety stock, and what
// does not divide comes from those that have most. It also returns how many units each site gets.
func shareStock(rows []network.StockRow, sites []network.WarehouseRow, weights []int64, whole int64) ([]network.StockRow, []int64) {
	type lot struct {
		sku  string
		from units.Date
	}
	lots := map[lot][]int{}
	for i, r := range rows {
		l := lot{r.SKU, r.AvailableFrom}
		lots[l] = append(lots[l], i)
	}
	out, got := slices.Clone(rows), make([]int64, len(sites))
	order := slices.SortedFunc(maps.Keys(lots), func(a, b lot) int { return cmp.Or(cmp.Compare(a.sku, b.sku), cmp.Compare(a.from, b.from)) })
	for _, l := range order {
		spare := func(i int) int64 { return max(0, int64(out[i].OnHand-out[i].Safety)) }
		total, all := int64(0), int64(0)
		for _, i := range lots[l] {
			total += spare(i)
		}
		for s := range sites {
			if n := part(total, weights[s], whole); n > 0 {
				all += n
				got[s] += n
				out = append(out, network.StockRow{Warehouse: sites[s].ID, SKU: l.sku, OnHand: int32(n), AvailableFrom: l.from})
			}
		}
		left := all
		for _, i := range lots[l] {
			n := part(spare(i), all, max(total, 1))
			out[i].OnHand -= int32(n)
			left -= n
		}
		for ; left > 0; left-- {
			most := lots[l][0]
			for _, i := range lots[l] {
				if spare(i) > spare(most) {
					most = i
				}
			}
			out[most].OnHand--
		}
	}
	return out, got
}

// part is n*weight/whole, rounded down; weight is at most whole.
func part(n, weight, whole int64) int64 {
	if whole == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), uint64(weight))
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(q)
}

// shareMoves are the input's moves and those by which each site gets its part of what comes in: of stock that is added, and of
// receipts. What is set to a number stays what was counted.
func shareMoves(in *simulate.Input, sites []network.WarehouseRow, weights []int64, whole int64) []history.Move {
	out := slices.Clone(in.Moves)
	type due struct {
		site int
		sku  string
	}
	carried := map[due]int64{} // what was too little to be a unit, in parts of whole
	for _, moves := range [][]history.Move{in.History.Moves, in.Moves} {
		for _, m := range moves {
			if m.Kind == history.Set || m.Quantity <= 0 {
				continue
			}
			left := int64(m.Quantity)
			for s := range sites {
				key := due{s, m.SKU}
				carried[key] += int64(m.Quantity) * weights[s]
				n := min(carried[key]/max(whole, 1), left)
				if n == 0 {
					continue
				}
				carried[key] -= n * whole
				left -= n
				to := m
				to.Warehouse, to.Quantity, to.Row = sites[s].ID, int32(n), 0
				less := history.Move{At: max(m.At, m.Due), Kind: history.Adjust, Warehouse: m.Warehouse, SKU: m.SKU, Quantity: -int32(n)}
				out = append(out, to, less)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b history.Move) int { return cmp.Compare(a.At, b.At) })
	return out
}

// An outcome is what became of an order in a replay.
type outcome struct {
	cost         units.Money
	filled, late bool
}

// A tally is a simulate.Sink that keeps what orders cost.
type tally struct {
	h      *history.History
	orders []outcome
}

// Prepare implements simulate.Sink. Blocks have no order in common.
func (t *tally) Prepare(b *simulate.Block) (any, error) {
	for i := range b.Orders {
		o := &b.Orders[i]
		t.orders[b.First+i] = outcome{o.Cost, !o.Malformed && o.Outcome == engine.Planned, o.Late}
	}
	return struct{}{}, nil
}

// Write implements simulate.Sink.
func (t *tally) Write(any) error { return nil }

// sum adds up what became of the orders, against a base; nil is none.
func (t *tally) sum(base []outcome) *Replay {
	x := &Replay{}
	for i, o := range t.orders {
		if !o.filled {
			continue
		}
		x.Filled++
		x.Cost += o.cost
		promised := t.h.Promise[i] != 0
		if !promised && len(t.h.Exact) > 0 {
			_, promised = t.h.Exact[int32(i)]
		}
		if promised {
			x.Promised++
			if !o.late {
				x.OnTime++
			}
		}
		if base == nil {
			x.Paired++
		} else if base[i].filled {
			x.Paired++
			x.Saving += base[i].cost - o.cost
		}
	}
	x.Fill, x.InTime = results.ShareOf(x.Filled, int64(len(t.orders))), results.ShareOf(x.OnTime, x.Promised)
	if x.Filled > 0 {
		x.PerOrder = x.Cost.Times(1, x.Filled)
	}
	return x
}
