package simulate

import (
	"container/heap"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A replay is the part of a run that has an order: it decides order after order and holds what they take.
type replay struct {
	w     *world
	told  func(int, *engine.Order, units.Instant, *engine.Decision)
	stop  func() bool
	state *ledger.State

	outlook atomic.Pointer[outlook] // for those who decide ahead
	same    unchanged
	again   int // orders that were decided ahead, and then again

	epoch   int
	era     *era
	scratch *engine.Scratch
	stock   engine.StockView
	days    claims.Days
	claims  ledger.Allocation

	moves   [2][]history.Move // still to come: of the history, and beside it
	waiting []history.Move    // of what the network does not know yet
	stocked []network.StockRow
	pickups pickups
	clamped int
	bad     int         // orders still to come that are known to be malformed
	outs    *[]StockOut // of the block at hand
}

func newReplay(w *world, told func(int, *engine.Order, units.Instant, *engine.Decision), stop func() bool) *replay {
	r := &replay{
		w: w, told: told, stop: stop,
		state: ledger.NewState(ledger.Config{MaxHolds: math.MaxInt, Retention: 1, RefusalRetention: 1}),
		moves: [2][]history.Move{w.in.History.Moves, w.in.Moves},
		same:  sameAll,
	}
	r.stock.Capacity, r.stock.Prices = &r.days, w.in.Prices
	return r
}

// begin makes the ledger what it is before anything happens.
func (r *replay) begin() error {
	at := r.w.in.History.At[0]
	for _, moves := range r.moves {
		if len(moves) > 0 {
			at = min(at, moves[0].At)
		}
	}
	r.stocked = r.w.in.Stock
	if err := r.enter(0, at); err != nil {
		return err
	}
	for r.epoch+1 < len(r.w.epochs) && r.w.until(r.epoch) <= at {
		if err := r.enter(r.epoch+1, at); err != nil {
			return err
		}
	}
	r.foresee()
	return nil
}

// enter goes on with the network of an epoch: the ledger gets its names and capacities, then the stock and the moves that
// have waited for them.
func (r *replay) enter(epoch int, at units.Instant) error {
	if err := r.extend(epoch, at); err != nil {
		return fmt.Errorf("simulate: network %s: %w", r.w.epochs[epoch].snap.Version, err)
	}
	r.epoch, r.era = epoch, &r.w.epochs[epoch]
	r.scratch = r.era.engine.NewScratch()
	r.scratch.Stop = r.stop
	if err := r.stockUp(at); err != nil {
		return err
	}
	waiting := r.waiting
	r.waiting = nil
	for i := range waiting {
		if err := r.move(&waiting[i], at); err != nil {
			return err
		}
	}
	return nil
}

// extend gives the ledger the names and the capacities of a network, as the server does when it loads one. Rows of the ledger
// are rows of the snapshot.
func (r *replay) extend(epoch int, at units.Instant) error {
	snap := r.w.epochs[epoch].snap
	rows := snap.Rows()
	if err := r.state.Extend(at, rows.Warehouses, rows.SKUs, rows.Services, nil); err != nil {
		return err
	}
	if err := r.state.SetCapacity(at, claims.Limits(snap, r.state.View())); err != nil {
		return err
	}
	return r.state.Extend(at, nil, nil, nil, []string{snap.Version})
}

// stockUp puts the stock that the ledger begins with where the network has its warehouse and SKU; the rest goes on waiting.
func (r *replay) stockUp(at units.Instant) error {
	snap := r.era.snap
	var levels []ledger.StockLevel
	var receipts []ledger.Receipt
	var rest []network.StockRow
	for i := range r.stocked {
		row := &r.stocked[i]
		w, known := snap.Warehouse(row.Warehouse)
		sku, sold := snap.SKUs.Row(row.SKU)
		switch {
		case !known || !sold:
			rest = append(rest, *row)
		case row.AvailableFrom == 0:
			levels = append(levels, ledger.StockLevel{
				Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), OnHand: row.OnHand, Safety: row.Safety,
			})
		case row.OnHand > 0:
			receipts = append(receipts, ledger.Receipt{
				Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), Quantity: row.OnHand,
				From: snap.Profiles[snap.Warehouses[w].Profile].Dock.Zone.Instant(row.AvailableFrom, 0),
			})
		}
	}
	r.stocked = rest
	if len(levels) > 0 {
		if _, err := r.state.SetStock(at, ledger.Request{}, levels); err != nil {
			return fmt.Errorf("simulate: the stock to begin with: %w", err)
		}
	}
	if err := r.state.AddReceipts(at, ledger.Request{}, receipts); err != nil {
		return fmt.Errorf("simulate: the stock to begin with: %w", err)
	}
	return nil
}

// until lets everything happen that does up to a moment, and nothing after it.
func (r *replay) until(at units.Instant) error {
	for {
		first, from := 0, units.Instant(math.MaxInt64)
		if len(r.moves[0]) > 0 {
			from = r.moves[0][0].At
		}
		if len(r.moves[1]) > 0 && r.moves[1][0].At < from {
			first, from = 1, r.moves[1][0].At
		}
		network := r.w.until(r.epoch)
		pickup := r.pickups.next()
		switch {
		case pickup <= at && pickup <= network && pickup <= from:
			if err := r.ship(); err != nil {
				return err
			}
		case network <= at && network <= from:
			if err := r.enter(r.epoch+1, network); err != nil {
				return err
			}
		case from <= at:
			m := &r.moves[first][0]
			r.moves[first] = r.moves[first][1:]
			if err := r.move(m, m.At); err != nil {
				return err
			}
		default:
			return r.state.Advance(at)
		}
	}
}

// move changes the stock.
func (r *replay) move(m *history.Move, at units.Instant) error {
	w, known := r.era.snap.Warehouse(m.Warehouse)
	sku, sold := r.era.snap.SKUs.Row(m.SKU)
	if !known || !sold {
		r.waiting = append(r.waiting, *m)
		return nil
	}
	wh, s := ledger.Warehouse(w), ledger.SKU(sku)
	var err error
	if m.Kind == history.Inbound {
		err = r.state.AddReceipts(at, ledger.Request{}, []ledger.Receipt{{Warehouse: wh, SKU: s, Quantity: m.Quantity, From: m.Due}})
	} else {
		if err = r.state.Advance(at); err == nil {
			now := r.state.Stock(wh, s)
			next := int64(m.Quantity)
			if m.Kind == history.Adjust {
				next += int64(now.OnHand)
			}
			if next < 0 {
				next = 0
				r.clamped++
			}
			level := ledger.StockLevel{Warehouse: wh, SKU: s, OnHand: int32(min(next, math.MaxInt32)), Safety: now.Safety}
			if _, err = r.state.SetStock(at, ledger.Request{}, []ledger.StockLevel{level}); err == nil && now.Available > 0 {
				r.out(at, w, sku)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("simulate: the move of %s in %s at %v, %s row %d: %w", m.SKU, m.Warehouse, m.At, r.file(m), m.Row, err)
	}
	return nil
}

func (r *replay) file(m *history.Move) string {
	if files := r.w.in.History.Files; m.Row > 0 && int(m.File) < len(files) {
		return files[m.File]
	}
	return "made up"
}

// out notes that a counter which had units available may have none any more.
func (r *replay) out(at units.Instant, warehouse, sku int32) {
	v := r.state.View()
	if v.Units(ledger.Warehouse(warehouse), ledger.SKU(sku)) > 0 {
		return
	}
	*r.outs = append(*r.outs, StockOut{At: at, SKU: sku, Warehouse: warehouse})
	for i, open := range r.era.open {
		if v.Word(ledger.SKU(sku), i)&open != 0 {
			return
		}
	}
	*r.outs = append(*r.outs, StockOut{At: at, SKU: sku, Warehouse: -1})
}

// block decides the orders of a block from one to before another. last tells that no others come.
func (r *replay) block(b *block, from, to int, last bool) error {
	r.outs = &b.StockOuts
	for k := from; k < to; k++ {
		if err := r.decide(b.First+k, &b.slots[k]); err != nil {
			return err
		}
		if r.stop() {
			return nil
		}
		if k%outlookEvery == 0 || k == to-1 {
			r.foresee()
		}
	}
	if last {
		at := r.state.Now()
		for _, moves := range r.moves {
			if len(moves) > 0 {
				at = max(at, moves[len(moves)-1].At)
			}
		}
		return r.until(at)
	}
	return nil
}

// decide decides an order, unless what was decided ahead holds, and holds what it takes.
func (r *replay) decide(i int, s *slot) error {
	h := r.w.in.History
	at := h.At[i]
	if err := r.until(at); err != nil {
		return err
	}
	r.days = claims.Days{View: r.state.View(), End: claims.EndOf(at)}
	v := &r.days.View
	if s.ahead == nil || !r.same(v, s) {
		if s.ahead != nil {
			r.again++
		}
		r.stock.Available, r.stock.Stocked, r.stock.Stride, r.stock.Words = v.Available, v.Stocked, v.Stride, v.Words
		if err := r.era.engine.Decide(&r.stock, &s.order, at, r.scratch, &s.decision); err != nil {
			if r.bad--; r.bad < 0 {
				return fmt.Errorf("simulate: order %s, in which no fault was found: %w", s.order.ID, err)
			}
			s.malformed, s.runnerUp = true, RunnerUp{Warehouse: -1} // check has told why
			return nil
		}
		if s.decision.Certificate.Stopped {
			return nil // and so is the run
		}
		s.runnerUp = runnerUp(r.scratch, &s.decision)
	}
	s.malformed = false
	d := &s.decision
	if r.told != nil {
		r.told(i, &s.order, at, d)
	}
	if d.Outcome != engine.Planned {
		return nil
	}
	if err := r.hold(at, s); err != nil {
		return fmt.Errorf("simulate: order %s: %w", s.order.ID, err)
	}
	for k := range d.Shipments {
		for _, it := range d.Shipments[k].Items {
			if atomic.LoadInt32(&v.Available[int(it.SKU)*v.Stride+int(d.Shipments[k].Warehouse)]) <= 0 {
				r.out(at, d.Shipments[k].Warehouse, it.SKU)
			}
		}
	}
	return nil
}

// hold claims what a decision takes, for good, until its pickups.
func (r *replay) hold(at units.Instant, s *slot) error {
	c, d := &r.claims, &s.decision
	c.At, c.Order, c.TTL = at, s.order.ID, r.era.snap.Policy.HoldSeconds
	claims.Of(c, d)
	h, err := r.state.Allocate(c)
	if err != nil {
		return err
	}
	if _, err := r.state.Confirm(at, h.ID, ledger.Request{}); err != nil {
		return err
	}
	for i := range d.Shipments {
		p := pickup{hold: h.ID, warehouse: -1}
		if len(d.Shipments) > 1 {
			p.warehouse = ledger.Warehouse(d.Shipments[i].Warehouse)
		}
		r.pickups.add(d.Shipments[i].Pickup, p)
	}
	return nil
}

// ship lets everything go that the next pickup takes.
func (r *replay) ship() error {
	at := r.pickups.next()
	for _, p := range r.pickups.take() {
		var items []ledger.StockClaim // all of them
		if p.warehouse >= 0 {
			h, err := r.state.Get(p.hold)
			if err != nil {
				return fmt.Errorf("simulate: hold %d leaves: %w", p.hold, err)
			}
			for i := range h.Stock {
				if c := &h.Stock[i]; c.Warehouse == p.warehouse {
					items = append(items, ledger.StockClaim{Warehouse: c.Warehouse, SKU: c.SKU, Quantity: c.Left()})
				}
			}
		}
		if _, err := r.state.Ship(at, p.hold, ledger.Request{}, items); err != nil {
			return fmt.Errorf("simulate: hold %d leaves: %w", p.hold, err)
		}
	}
	return nil
}

// A pickup takes a hold, or what it has in one warehouse.
type pickup struct {
	hold      ledger.HoldID
	warehouse ledger.Warehouse // -1: all of it
}

// pickups are what leaves when. Many holds leave at few moments.
type pickups struct {
	at   moments
	of   map[units.Instant][]pickup
	kept [][]pickup // room that is free
}

// next returns the moment of the next pickup.
func (p *pickups) next() units.Instant {
	if len(p.at) == 0 {
		return math.MaxInt64
	}
	return p.at[0]
}

func (p *pickups) add(at units.Instant, one pickup) {
	list, ok := p.of[at]
	if !ok {
		if p.of == nil {
			p.of = map[units.Instant][]pickup{}
		}
		heap.Push(&p.at, at)
		if n := len(p.kept); n > 0 {
			list, p.kept = p.kept[n-1], p.kept[:n-1]
		}
	}
	p.of[at] = append(list, one)
}

// take returns what leaves by the next pickup, which is then over. It is good until the next call of add.
func (p *pickups) take() []pickup {
	at := heap.Pop(&p.at).(units.Instant)
	list := p.of[at]
	delete(p.of, at)
	p.kept = append(p.kept, list[:0])
	return list
}

// moments is a heap of them.
type moments []units.Instant

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i] < m[j] }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)        { *m = append(*m, x.(units.Instant)) }
func (m *moments) Pop() any {
	last := len(*m) - 1
	x := (*m)[last]
	*m = (*m)[:last]
	return x
}
