package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A moveStock moves units from one warehouse to another: set aside when the replay begins, there on the day At.
type moveStock struct {
	From  string        `yaml:"from"`
	To    string        `yaml:"to"`
	SKU   Names         `yaml:"sku"` // patterns; default all
	Units int32         `yaml:"units"`
	Share units.Percent `yaml:"share"`
	At    Moment        `yaml:"at"`
}

func (o *moveStock) span() *Span            { return nil }
func (o *moveStock) phase() phase           { return phaseOutside }
func (o *moveStock) always() bool           { return false }
func (o *moveStock) apply(*editor, *change) {}

func (o *moveStock) check(w *world, c *change) {
	w.onDay(c, o.At)
	for _, side := range []struct{ field, id string }{{"from", o.From}, {"to", o.To}} {
		list := Names{side.id}
		if side.id == "" {
			list = nil
		}
		w.warehouses(c, side.field, list)
	}
	if o.From == o.To && o.From != "" {
		w.fault(c, c.at("to"), "name another", "it moves from %s to itself", clip(o.From))
	}
	switch {
	case (o.Units != 0) == (o.Share != 0):
		w.fault(c, c.path, "write units: or share:", "nothing says how much is moved")
	case o.Units < 0 || o.Units > network.MaxUnitsOnHand:
		w.fault(c, c.at("units"), "write a number from 1", "%d units cannot be moved", o.Units)
	case o.Share < 0 || o.Share > units.WholePercent:
		w.fault(c, c.at("share"), "write a share up to 100%", "%v cannot be moved", o.Share)
	}
	w.patterns(c, "sku", o.SKU)
}

// onDay checks when stock is to be moved.
func (w *world) onDay(c *change, at Moment) {
	if at.Given && !at.Day {
		w.fault(c, c.at("at"), "write a date, as "+at.date().String(), "stock comes on a day, and %v is a moment", at.At)
	}
	if c.from.Given || c.until.Given {
		key := ".from"
		if !c.from.Given {
			key = ".until"
		}
		w.fault(c, strings.TrimSuffix(c.path, "."+c.kind)+key, "write at: with the day it is there", "stock is moved once, not for a time")
	}
}

// Ways of rebalance.
const (
	byDemand = "demand"
	equally  = "equal"
)

// A rebalance shares out what warehouses have of a SKU anew among them.
type rebalance struct {
	SKU        Names  `yaml:"sku"` // patterns; default all
	By         string `yaml:"by"`
	Warehouses Names  `yaml:"warehouses"` // default those that have the SKU in stock.csv and are open at first
	At         Moment `yaml:"at"`
}

func (o *rebalance) span() *Span            { return nil }
func (o *rebalance) phase() phase           { return phaseOutside }
func (o *rebalance) always() bool           { return false }
func (o *rebalance) apply(*editor, *change) {}

func (o *rebalance) check(w *world, c *change) {
	w.onDay(c, o.At)
	switch o.By {
	case byDemand, equally:
	case "":
		w.fault(c, c.path, "write by: demand, or by: equal", "nothing says how stock is shared out")
	default:
		w.fault(c, c.at("by"), network.Meant(o.By, []string{byDemand, equally}, "ways"), "unknown way %q", clip(o.By))
	}
	w.patterns(c, "sku", o.SKU)
	if o.Warehouses != nil {
		w.warehouses(c, "warehouses", o.Warehouses)
	}
	for i := range w.b.Source.SKUs {
		if id := w.b.Source.SKUs[i].ID; matchesAny(o.SKU, id) {
			w.claimWhole(c, c.path, "rebalance "+id, "%s is shared out", clip(id))
		}
	}
}

// A cell is the stock of one SKU in one warehouse from a day on; 0 is the beginning.
type cell struct {
	warehouse, sku string
	day            units.Date
}

// An amount is what a cell has.
type amount struct{ onHand, safety int64 }

// A shelf is stock while it is changed: that with which the first order finds the warehouses.
type shelf struct {
	w       *world
	cells   map[cell]amount
	counted map[cell]bool   // cells that moves of the history change before the first order
	begun   map[cell]amount // before any change
	taken   map[cell]int64  // by shares and moves, of the beginning
	moves   []history.Move
}

// newShelf returns the stock of the base when its first order comes: what the network's files say, and what the history counts
// until then.
func newShelf(w *world) *shelf {
	s := &shelf{w: w, cells: make(map[cell]amount, len(w.b.Source.Stock)), counted: map[cell]bool{}, taken: map[cell]int64{}}
	for _, r := range w.b.Source.Stock {
		s.cells[cell{r.Warehouse, r.SKU, r.AvailableFrom}] = amount{int64(r.OnHand), int64(r.Safety)}
	}
	if h := w.b.History; h != nil {
		for _, m := range h.Moves {
			if m.At > w.b.firstOrder() {
				break
			}
			at := cell{m.Warehouse, m.SKU, 0}
			has := s.cells[at]
			switch {
			case m.Kind == history.Set:
				has.onHand = int64(m.Quantity)
			case m.Kind == history.Adjust:
				has.onHand = max(has.onHand+int64(m.Quantity), 0)
			case m.Due <= w.b.firstOrder():
				has.onHand += int64(m.Quantity)
			default:
				continue
			}
			s.cells[at], s.counted[at] = has, true
		}
	}
	s.begun = maps.Clone(s.cells)
	return s
}

// firstOrder returns the moment of the first order; stock that moves until then is there for it. Without orders it is the beginning.
func (b *Base) firstOrder() units.Instant {
	if b.History == nil || len(b.History.At) == 0 {
		return b.beginning()
	}
	return b.History.At[0]
}

// stockOf returns where the ledger begins, and moves beside those of the history. Without a change of stock these are the base's
// own rows, and no moves.
func stockOf(w *world, changes []*change) ([]network.StockRow, []history.Move) {
	stocks := func(c *change) bool {
		switch o := c.op.(type) {
		case *opening:
			return o.Stock != nil
		case *copying:
			return o.Stock.Copy || o.Stock.Share != 0
		case *moveStock, *rebalance:
			return true
		}
		return false
	}
	if !slices.ContainsFunc(changes, stocks) {
		return w.b.Source.Stock, nil
	}
	s := newShelf(w)
	for _, c := range changes {
		switch o := c.op.(type) {
		case *opening:
			if o.Stock == nil {
				continue
			}
			if o.Stock.CopyOf != "" {
				s.fill(c, o.Stock.CopyOf, o.ID, units.WholePercent, false)
			}
			if o.Stock.ShareOf != "" {
				s.fill(c, o.Stock.ShareOf, o.ID, o.Stock.Share, true)
			}
			for _, r := range o.Stock.Rows {
				s.put(cell{o.ID, r.SKU, max(r.AvailableFrom, s.opens(c))}, amount{int64(r.OnHand), int64(r.Safety)})
			}
		case *copying:
			if o.Stock.Copy {
				s.fill(c, o.Warehouse, o.As, units.WholePercent, false)
			} else if o.Stock.Share != 0 {
				s.fill(c, o.Warehouse, o.As, o.Stock.Share, true)
			}
		}
	}
	filled := maps.Clone(s.cells)
	for _, c := range changes {
		if o, ok := c.op.(*moveStock); ok {
			s.move(filled, c, o)
		}
	}
	for _, c := range changes {
		if o, ok := c.op.(*rebalance); ok {
			s.share(c, o, changes)
		}
	}
	rows := s.rows(w.b.Source.Stock)
	slices.SortStableFunc(s.moves, func(a, b history.Move) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Warehouse, b.Warehouse), strings.Compare(a.SKU, b.SKU))
	})
	return rows, s.moves
}

// opens returns the day on which a warehouse that a change opens has its stock; 0 is from the beginning.
func (s *shelf) opens(c *change) units.Date {
	first, _, ok := s.w.b.span()
	if !c.from.Given || ok && c.begin() <= first {
		return 0
	}
	return c.fromDay()
}

func (s *shelf) put(at cell, more amount) {
	was := s.cells[at]
	s.cells[at] = amount{was.onHand + more.onHand, was.safety + more.safety}
}

// fill gives a new warehouse a share of what another has at first and of what comes in there later, taken from it or beside it.
func (s *shelf) fill(c *change, from, to string, share units.Percent, take bool) {
	if take {
		key := cell{warehouse: from}
		if s.taken[key] += int64(share); s.taken[key] > int64(units.WholePercent) {
			s.w.fault(c, c.at("stock"), "share less, or copy the stock", "more than 100%% of the stock of %s is given away", clip(from))
			return
		}
	}
	part := func(n int64) int64 { return n * int64(share) / int64(units.WholePercent) }
	for at, has := range s.begun {
		if at.warehouse != from {
			continue
		}
		some := amount{part(has.onHand), part(has.safety)}
		s.put(cell{to, at.sku, max(at.day, s.opens(c))}, some)
		if take {
			s.put(at, amount{-some.onHand, -some.safety})
		}
	}
	if s.w.b.History == nil {
		return
	}
	for _, m := range s.w.b.History.Moves {
		if m.Warehouse != from || m.At <= s.w.b.firstOrder() && (m.Kind != history.Inbound || m.Due <= s.w.b.firstOrder()) {
			continue // another's, or in what it has at first
		}
		n := int32(part(int64(m.Quantity)))
		if n == 0 && m.Kind != history.Set {
			continue
		}
		m.File, m.Row = 0, 0
		theirs := m
		theirs.Warehouse, theirs.Quantity = to, n
		s.moves = append(s.moves, theirs)
		if !take {
			continue
		}
		switch m.Kind {
		case history.Set:
			m.Quantity -= n
		case history.Adjust:
			m.Quantity = -n
		case history.Inbound: // what was announced comes, and a part of it goes on
			m = history.Move{At: m.Due, Kind: history.Adjust, Warehouse: from, SKU: m.SKU, Quantity: -n}
		}
		s.moves = append(s.moves, m)
	}
}

// move does one moveStock. What it takes is counted against what was there before any did.
func (s *shelf) move(filled map[cell]amount, c *change, o *moveStock) {
	var short []string
	moved := false
	for i := range s.w.b.Source.SKUs {
		id := s.w.b.Source.SKUs[i].ID
		if !matchesAny(o.SKU, id) {
			continue
		}
		at := cell{o.From, id, 0}
		has := filled[at].onHand
		n := int64(o.Units)
		if o.Share != 0 {
			n = has * int64(o.Share) / int64(units.WholePercent)
		}
		if n == 0 {
			continue
		}
		moved = true
		if s.taken[at] += n; s.taken[at] > has {
			short = append(short, fmt.Sprintf("%s has %d of %s", o.From, has, id))
			continue
		}
		s.put(at, amount{onHand: -n})
		s.put(cell{o.To, id, s.day(o.At)}, amount{onHand: n})
	}
	switch {
	case len(short) > 1:
		s.w.fault(c, c.path, "move less, or write share:", "more is moved than there is: %s, and %d more", short[0], len(short)-1)
	case len(short) == 1:
		s.w.fault(c, c.path, "move less, or write share:", "more is moved than there is: %s", short[0])
	case !moved:
		s.w.fault(c, c.path, "check stock.csv", "%s has nothing that could be moved", clip(o.From))
	}
}

// day returns the day on which what is moved is there; 0 where that is when the replay begins.
func (s *shelf) day(at Moment) units.Date {
	first, _, ok := s.w.b.span()
	if !at.Given || ok && at.At <= first {
		return 0
	}
	return at.date()
}

// share does one rebalance.
func (s *shelf) share(c *change, o *rebalance, changes []*change) {
	parts := map[string]Names{}
	for i := range s.w.b.Source.SKUs {
		id := s.w.b.Source.SKUs[i].ID
		if !matchesAny(o.SKU, id) {
			continue
		}
		here := o.Warehouses
		if here == nil {
			here = s.stocking(id, changes)
		}
		if len(here) > 1 {
			parts[id] = slices.Sorted(slices.Values(here))
		}
	}
	if len(parts) == 0 {
		s.w.fault(c, c.path, "name the warehouses", "no two warehouses have what is to be shared out")
		return
	}
	var wanted map[cell]int64
	if o.By == byDemand {
		if s.w.b.History == nil {
			return // a check without orders
		}
		wanted = demandBy(s.w, changes, parts)
	}
	for _, id := range slices.Sorted(maps.Keys(parts)) {
		here := parts[id]
		total := int64(0)
		weights := make([]int64, len(here))
		for j, warehouse := range here {
			total += s.cells[cell{warehouse, id, 0}].onHand
			weights[j] = wanted[cell{warehouse, id, 0}]
		}
		for j, n := range apportion(total, weights) {
			at := cell{here[j], id, 0}
			more := n - s.cells[at].onHand
			if more > 0 {
				at.day = s.day(o.At)
			}
			if more != 0 {
				s.put(at, amount{onHand: more})
			}
		}
	}
}

// stocking returns the warehouses that have rows of a SKU from the beginning and are not closed then.
func (s *shelf) stocking(sku string, changes []*change) Names {
	closed := closedAtFirst(s.w, changes)
	var here Names
	for id := range merged(s.w.rows, s.w.opened) {
		if _, ok := s.cells[cell{id, sku, 0}]; ok && !closed[id] {
			here = append(here, id)
		}
	}
	return here
}

// closedAtFirst returns the warehouses that ship nothing when the replay begins.
func closedAtFirst(w *world, changes []*change) map[string]bool {
	first, _, ok := w.b.span()
	closed := maps.Clone(w.shut)
	for _, c := range changes {
		on := !c.from.Given || ok && c.begin() <= first
		switch o := c.op.(type) {
		case *closing:
			for _, id := range *o {
				closed[id] = closed[id] || on
			}
		case *reopening:
			for _, id := range *o {
				closed[id] = closed[id] && !on
			}
		case *opening:
			closed[o.ID] = !on
		case *copying:
			closed[o.As] = !on
		}
	}
	return closed
}

// apportion shares out a total by weights, to whole units: the largest remainders are rounded up, of equal ones the first. Where
// all weights are 0 they count as equal.
func apportion(total int64, weights []int64) []int64 {
	sum := int64(0)
	for _, w := range weights {
		sum += w
	}
	if sum == 0 {
		weights = slices.Repeat([]int64{1}, len(weights))
		sum = int64(len(weights))
	}
	out := make([]int64, len(weights))
	order := make([]int, len(weights))
	rest := make([]int64, len(weights))
	left := total
	for i, w := range weights {
		out[i] = int64(units.Money(total).Times(w, sum)) // exact in between, but rounded to the nearest
		if rest[i] = remainder(total, w, sum, out[i]); rest[i] < 0 {
			out[i]--
			rest[i] += sum
		}
		left -= out[i]
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}

// remainder returns total*w - n*sum, which is small although its parts may not fit.
func remainder(total, w, sum, n int64) int64 { return total*w - n*sum }

// rows returns the stock as rows: those of the base in their order, then new ones by warehouse, SKU and day. What the history
// counts before the first order is changed by moves at that moment instead.
func (s *shelf) rows(base []network.StockRow) []network.StockRow {
	out := make([]network.StockRow, 0, len(s.cells))
	adjust := func(at cell) {
		if more := s.cells[at].onHand - s.begun[at].onHand; more != 0 {
			s.moves = append(s.moves, history.Move{At: s.w.b.firstOrder(), Kind: history.Adjust, Warehouse: at.warehouse, SKU: at.sku, Quantity: int32(more)})
		}
	}
	for _, r := range base {
		at := cell{r.Warehouse, r.SKU, r.AvailableFrom}
		r.Safety = s.whole(s.cells[at].safety)
		if s.counted[at] {
			adjust(at)
		} else {
			r.OnHand = s.whole(s.cells[at].onHand)
		}
		delete(s.cells, at)
		out = append(out, r)
	}
	fresh := slices.SortedFunc(maps.Keys(s.cells), func(a, b cell) int {
		return cmp.Or(strings.Compare(a.warehouse, b.warehouse), strings.Compare(a.sku, b.sku), cmp.Compare(a.day, b.day))
	})
	for _, at := range fresh {
		if s.counted[at] {
			adjust(at)
			continue
		}
		has := s.cells[at]
		out = append(out, network.StockRow{
			Warehouse: at.warehouse, SKU: at.sku, AvailableFrom: at.day, OnHand: s.whole(has.onHand), Safety: s.whole(has.safety),
		})
	}
	return out
}

func (s *shelf) whole(n int64) int32 { return int32(min(max(n, 0), network.MaxUnitsOnHand)) }

// demandBy returns the units that the orders want of each SKU, by the warehouse that is nearest to where they go among those
// that share it. Orders that are collected count for where they are.
func demandBy(w *world, changes []*change, parts map[string]Names) map[cell]int64 {
	h := historyOf(w, changes, false)
	snap, bad := w.b.compile(w.b.rows(w), acting(changes, w.b.beginning()))
	if bad != nil || h == nil {
		return nil // told
	}
	points := make([]geo.Unit, len(snap.Warehouses))
	rows := map[string]int32{}
	for i := range snap.Warehouses {
		points[i] = snap.Warehouses[i].Unit
		rows[snap.Warehouses[i].ID] = int32(i)
	}
	shares := make([]map[int32]bool, len(h.SKUs)) // which warehouses share it, by SKU of the history
	for i, id := range h.SKUs {
		if parts[id] == nil {
			continue
		}
		shares[i] = map[int32]bool{}
		for _, warehouse := range parts[id] {
			shares[i][rows[warehouse]] = true
		}
	}
	near := make([][]int32, len(h.Destinations)) // warehouses, the nearest first
	nearest := func(dest int32) []int32 {
		if near[dest] == nil {
			near[dest] = []int32{} // for one that is nowhere
			if at, ok := unitOf(snap, &h.Destinations[dest]); ok {
				near[dest] = geo.NearestFirst(nil, at, points)
			}
		}
		return near[dest]
	}
	out := map[cell]int64{}
	for i := range h.At {
		for l := h.From[i]; l < h.From[i+1]; l++ {
			set := shares[h.SKU[l]]
			if set == nil {
				continue
			}
			sku, n := h.SKUs[h.SKU[l]], int64(h.Units[l])
			if at := h.Collect[i]; at >= 0 {
				if row, ok := rows[h.Warehouses[at]]; ok && set[row] {
					out[cell{h.Warehouses[at], sku, 0}] += n
				}
				continue
			}
			if h.Dest[i] < 0 {
				continue
			}
			for _, row := range nearest(h.Dest[i]) {
				if set[row] {
					out[cell{snap.Warehouses[row].ID, sku, 0}] += n
					break
				}
			}
		}
	}
	return out
}

// unitOf returns where a destination is; ok is false where that is not known.
func unitOf(snap *network.Snapshot, to *engine.Destination) (geo.Unit, bool) {
	if to.Point != nil {
		return to.Point.Unit(), to.Point.Check() == nil
	}
	row, ok := snap.Places.Lookup(cmp.Or(to.Country, "US"), to.Postal)
	if !ok {
		return geo.Unit{}, false
	}
	return snap.Places.Point(row).Unit(), true
}
