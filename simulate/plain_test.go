package simulate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// A plain replay is the specification of Run: one order after the other, everything copied, searched and worked out by the
// open road.
type plain struct {
	in      *Input
	state   *ledger.State
	engines []*engine.Engine
	terms   []string

	epoch   int
	past    [2]int // moves that have happened, of the history and beside it
	waiting []history.Move
	stock   []network.StockRow
	leaving []leaving
	block   Block
	clamped int
	said    []string // the decisions themselves
}

// A leaving is units that are to be picked up.
type leaving struct {
	at    units.Instant
	n     int // in the order in which they were held
	hold  ledger.HoldID
	items []ledger.StockClaim
}

// replayPlainly returns what a sink is given, in one block, and the state's hash.
func replayPlainly(in *Input) (p *plain, hash string) {
	p = &plain{in: in, stock: in.Stock, state: ledger.NewState(ledger.Config{Retention: 1, RefusalRetention: 1})}
	for _, e := range in.Epochs {
		eng := must(engine.New(e.Snapshot, engine.Options{}))
		defer eng.Close()
		p.engines = append(p.engines, eng)
		for _, name := range eng.TermNames() {
			if !slices.Contains(p.terms, name) {
				p.terms = append(p.terms, name)
			}
		}
	}
	h := in.History
	start, end := h.At[0], h.At[h.Len()-1]
	for _, moves := range [][]history.Move{h.Moves, in.Moves} {
		for _, m := range moves {
			start, end = min(start, m.At), max(end, m.At)
		}
	}
	p.enter(0, start)
	for i := range h.Len() {
		p.until(h.At[i])
		p.decide(i)
	}
	p.until(end)
	sum := sha256.New()
	if err := p.state.Write(sum); err != nil {
		panic(err)
	}
	return p, hex.EncodeToString(sum.Sum(nil))
}

// A thing that happens at a moment.
type thing struct {
	at   units.Instant
	kind int // pickups first, then networks, then moves
	n    int
	do   func()
}

// until makes a list of all that is to happen up to a moment, and does the first of it, over and over.
func (p *plain) until(at units.Instant) {
	for {
		var things []thing
		for i, l := range p.leaving {
			things = append(things, thing{l.at, 0, l.n, func() {
				p.leaving = slices.Delete(p.leaving, i, i+1)
				must(p.state.Ship(l.at, l.hold, ledger.Request{}, l.items))
			}})
		}
		if next := p.epoch + 1; next < len(p.in.Epochs) {
			from := p.in.Epochs[next].From
			things = append(things, thing{from, 1, 0, func() { p.enter(next, from) }})
		}
		for list, moves := range [][]history.Move{p.in.History.Moves, p.in.Moves} {
			for i := p.past[list]; i < len(moves); i++ {
				m := moves[i]
				things = append(things, thing{m.At, 2 + list, i, func() { p.move(m, m.At) }})
			}
		}
		things = slices.DeleteFunc(things, func(t thing) bool { return t.at > at })
		if len(things) == 0 {
			if err := p.state.Advance(at); err != nil {
				panic(err)
			}
			return
		}
		first := slices.MinFunc(things, func(a, b thing) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind), cmp.Compare(a.n, b.n))
		})
		first.do()
		if first.kind >= 2 {
			p.past[first.kind-2]++
		}
	}
}

func (p *plain) enter(epoch int, at units.Instant) {
	snap := p.in.Epochs[epoch].Snapshot
	rows := snap.Rows()
	limited := map[[2]int]bool{}
	for e := range epoch {
		for w := range p.in.Epochs[e].Snapshot.Warehouses {
			for s := -1; s < len(p.in.Epochs[e].Snapshot.Services); s++ {
				limited[[2]int{w, s}] = limited[[2]int{w, s}] || capacity(p.in.Epochs[e].Snapshot, w, s) >= 0
			}
		}
	}
	check(p.state.Extend(at, rows.Warehouses, rows.SKUs, rows.Services, nil))
	var limits []ledger.CapacityLimit
	for w := range snap.Warehouses {
		for s := -1; s < len(snap.Services); s++ {
			n := capacity(snap, w, s)
			if s >= 0 && snap.Warehouses[w].Services>>s&1 == 0 {
				continue
			}
			if n < 0 {
				n = ledger.Unlimited
				if !limited[[2]int{w, s}] {
					continue
				}
			}
			limits = append(limits, ledger.CapacityLimit{Warehouse: ledger.Warehouse(w), Service: ledger.Service(s), Date: ledger.EveryDay, Shipments: n})
		}
	}
	check(p.state.SetCapacity(at, limits))
	check(p.state.Extend(at, nil, nil, nil, []string{snap.Version}))
	p.epoch = epoch
	var levels []ledger.StockLevel
	var receipts []ledger.Receipt
	var rest []network.StockRow
	for _, row := range p.stock {
		w, known := snap.Warehouse(row.Warehouse)
		sku, sold := snap.SKUs.Row(row.SKU)
		switch {
		case !known || !sold:
			rest = append(rest, row)
		case row.AvailableFrom == 0:
			levels = append(levels, ledger.StockLevel{Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), OnHand: row.OnHand, Safety: row.Safety})
		case row.OnHand > 0:
			begins := snap.Profiles[snap.Warehouses[w].Profile].Dock.Zone.Instant(row.AvailableFrom, 0)
			receipts = append(receipts, ledger.Receipt{Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), Quantity: row.OnHand, From: begins})
		}
	}
	p.stock = rest
	if len(levels) > 0 {
		must(p.state.SetStock(at, ledger.Request{}, levels))
	}
	check(p.state.AddReceipts(at, ledger.Request{}, receipts))
	waiting := p.waiting
	p.waiting = nil
	for _, m := range waiting {
		p.move(m, at)
	}
}

// capacity returns the limit of a warehouse's day, or with a service of that service's there; -1 is none.
func capacity(snap *network.Snapshot, w, service int) int32 {
	if service < 0 {
		return snap.Warehouses[w].DailyCapacity
	}
	if snap.Warehouses[w].Services>>service&1 == 0 {
		return -1
	}
	return snap.Services[service].DailyCapacity
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func (p *plain) move(m history.Move, at units.Instant) {
	snap := p.in.Epochs[p.epoch].Snapshot
	w, known := snap.Warehouse(m.Warehouse)
	sku, sold := snap.SKUs.Row(m.SKU)
	if !known || !sold {
		p.waiting = append(p.waiting, m)
		return
	}
	if m.Kind == history.Inbound {
		check(p.state.AddReceipts(at, ledger.Request{}, []ledger.Receipt{{Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), Quantity: m.Quantity, From: m.Due}}))
		return
	}
	check(p.state.Advance(at))
	before := p.state.Stock(ledger.Warehouse(w), ledger.SKU(sku))
	next := m.Quantity
	if m.Kind == history.Adjust {
		next += before.OnHand
	}
	if next < 0 {
		next = 0
		p.clamped++
	}
	must(p.state.SetStock(at, ledger.Request{}, []ledger.StockLevel{{Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), OnHand: next, Safety: before.Safety}}))
	if before.Available > 0 {
		p.out(at, w, sku)
	}
}

func (p *plain) out(at units.Instant, w, sku int32) {
	if p.state.Stock(ledger.Warehouse(w), ledger.SKU(sku)).Available > 0 {
		return
	}
	p.block.StockOuts = append(p.block.StockOuts, StockOut{At: at, SKU: sku, Warehouse: w})
	for row, wh := range p.in.Epochs[p.epoch].Snapshot.Warehouses {
		if !wh.Closed && p.state.Stock(ledger.Warehouse(row), ledger.SKU(sku)).Available > 0 {
			return
		}
	}
	p.block.StockOuts = append(p.block.StockOuts, StockOut{At: at, SKU: sku, Warehouse: -1})
}

// left answers for the capacity of days.
type left struct {
	state *ledger.State
	clip  units.Date
}

func (l left) WarehouseLeft(w int32, ship units.Date) int32 {
	return l.ServiceLeft(w, int32(ledger.AnyService), ship)
}

func (l left) ServiceLeft(w, service int32, ship units.Date) int32 {
	if ship >= l.clip {
		return 0
	}
	v := l.state.View()
	return v.CapacityLeft(ledger.Warehouse(w), ledger.Service(service), ship)
}

func (p *plain) decide(i int) {
	in, h := p.in, p.in.History
	snap, eng, now := in.Epochs[p.epoch].Snapshot, p.engines[p.epoch], h.At[i]
	var o engine.Order
	h.Order(i, &o)
	view := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	view.Prices, view.Capacity = in.Prices, left{p.state, units.Date(now/86_400) + ledger.Horizon - 9}
	full := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	for sku := range snap.SKUs.IDs {
		for w := range snap.Warehouses {
			view.Set(int32(sku), int32(w), p.state.Stock(ledger.Warehouse(w), ledger.SKU(sku)).Available)
			full.Set(int32(sku), int32(w), math.MaxInt32)
		}
	}
	first := int32(len(p.block.Shipments))
	row := OrderRow{Epoch: int32(p.epoch), RunnerUp: RunnerUp{Warehouse: -1}, Shipments: [2]int32{first, first}}
	sc := eng.NewScratch()
	var d, floor engine.Decision
	if err := eng.Decide(view, &o, now, sc, &d); err != nil {
		row.Malformed = true
		p.block.Orders = append(p.block.Orders, row)
		return
	}
	p.said = append(p.said, fmt.Sprintf("%d %+v", i, d))
	check(eng.Decide(full, &o, now, sc, &floor))
	row.Outcome, row.Late, row.Cost, row.SplitCost, row.Arrival = d.Outcome, d.Late, d.Cost, d.SplitCost, d.Arrival
	row.Status, row.Gap = d.Certificate.Status, d.Certificate.Gap
	row.FloorOutcome, row.FloorLate, row.Floor = floor.Outcome, floor.Late, floor.Cost
	if d.Outcome == engine.Planned {
		p.hold(i, &o, view, &d, &row)
	}
	p.block.Orders = append(p.block.Orders, row)
}

func (p *plain) hold(i int, o *engine.Order, view *engine.StockView, d *engine.Decision, row *OrderRow) {
	snap, eng, now := p.in.Epochs[p.epoch].Snapshot, p.engines[p.epoch], p.in.History.At[i]
	sc := eng.NewScratch()
	x := must(eng.Explain(view, o, now, sc))
	if up := x.RunnerUp; up != nil {
		row.RunnerUp = RunnerUp{Warehouse: up.Warehouse, Service: up.Service, Gap: x.Gap}
	}
	var again engine.Decision
	check(eng.Decide(view, o, now, sc, &again))
	if up, ok := sc.RunnerUp(&again); ok {
		row.RunnerUp.Why = up.Why // for which there is no other road
	}
	facts := must(eng.Facts(o, d, sc, nil))
	a := ledger.Allocation{At: now, Order: o.ID, TTL: snap.Policy.HoldSeconds}
	for n := range d.Shipments {
		s := &d.Shipments[n]
		r := ShipmentRow{
			Order: int32(i), Warehouse: s.Warehouse, Service: s.Service, Items: [2]int32{int32(len(p.block.Items)), int32(len(p.block.Items) + len(s.Items))},
			Parcels: int32(len(s.Parcels)), Cost: s.Cost(), Freight: s.Freight, ShipDate: s.ShipDate, DeliveryDate: s.DeliveryDate, DaysLate: s.DaysLate,
			Arrival: s.Arrival, Pickup: s.Pickup, Guessed: s.Guessed, Metres: facts[n].Metres, CO2Grams: facts[n].CO2Grams, InTime: facts[n].InTime,
		}
		if z := snap.Services[s.Service].Zones; z != nil {
			r.Zone = z.Name(s.Zone)
		}
		for _, it := range s.Items {
			r.Units += it.Quantity
			a.Stock = append(a.Stock, ledger.StockClaim{Warehouse: ledger.Warehouse(s.Warehouse), SKU: ledger.SKU(it.SKU), Quantity: it.Quantity})
		}
		for _, parcel := range s.Parcels {
			r.Weight += parcel.Weight
		}
		for number, m := range p.in.Mishaps {
			svc := &snap.Services[s.Service]
			if (m.Carrier == "" || m.Carrier == snap.Carriers[svc.Carrier]) && (m.Service == "" || m.Service == svc.ID) &&
				(m.Warehouse == "" || m.Warehouse == snap.Warehouses[s.Warehouse].ID) && s.ShipDate >= m.From && (m.Until == 0 || s.ShipDate <= m.Until) {
				r.Delayed += m.Days
				r.Lost = r.Lost || draw(p.in.Seed, o.ID, n, number) < m.Lost
			}
		}
		costs := make([]units.Money, len(p.terms))
		for _, term := range x.Shipments[n].Terms {
			costs[slices.Index(p.terms, term.Name)] += term.Amount
		}
		p.block.Costs = append(p.block.Costs, costs...)
		p.block.Items = append(p.block.Items, s.Items...)
		p.block.Shipments = append(p.block.Shipments, r)
		a.Shipments = append(a.Shipments, ledger.ShipmentClaim{
			Warehouse: ledger.Warehouse(s.Warehouse), Service: ledger.Service(s.Service), Date: s.ShipDate, Shipments: 1,
		})
	}
	row.Shipments[1] = int32(len(p.block.Shipments))
	held := must(p.state.Allocate(&a))
	must(p.state.Confirm(now, held.ID, ledger.Request{}))
	for n := range d.Shipments {
		s := &d.Shipments[n]
		l := leaving{at: s.Pickup, n: len(p.block.Shipments)*1000 + n, hold: held.ID}
		for _, c := range held.Stock {
			if c.Warehouse == ledger.Warehouse(s.Warehouse) {
				l.items = append(l.items, c.StockClaim)
			}
		}
		if len(d.Shipments) == 1 {
			l.items = nil // all of them
		}
		p.leaving = append(p.leaving, l)
		for _, it := range s.Items {
			p.out(now, s.Warehouse, it.SKU)
		}
	}
}
