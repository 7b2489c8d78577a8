package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// A block is a Block in the making.
type block struct {
	Block
	slots     []slot
	malformed int
	hash      [sha256.Size]byte // of what the sink gets
	prepared  any
	given     int  // orders of it that are begun, or about to be
	ready     bool // prepared is what the sink made of it
}

// A slot is an order as it was decided.
type slot struct {
	order     engine.Order
	decision  engine.Decision
	runnerUp  RunnerUp
	malformed bool

	ahead *outlook      // on which it was decided ahead of its turn; nil where it was not
	asked []engine.Item // what it then asked for
}

// A piece is orders of a block, from one to before another, that are begun and decided at a time.
type piece struct {
	b        *block
	from, to int
	begun    bool // its slots have the orders, its rows the lowest possible costs, and most are decided ahead
}

// pieceOrders is the number of orders in a piece; the last of a block may have fewer. Large pieces are decided long before
// their turn, and then again; for small ones workers wait for each other.
const pieceOrders = 32

// begin makes the block one of the orders from first to before end, at most size, and keeps its memory.
func (b *block) begin(first, end, size int) {
	if b.slots == nil {
		b.slots, b.Orders = make([]slot, size), make([]OrderRow, 0, size)
	}
	b.Block = Block{
		First: first, Orders: b.Orders[:end-first], Shipments: b.Shipments[:0], Items: b.Items[:0], Costs: b.Costs[:0], StockOuts: b.StockOuts[:0],
	}
	b.malformed, b.given = 0, 0
}

// A preparer makes rows of what was decided. It is the working memory of one worker.
type preparer struct {
	w         *world
	o         *Options
	stop      func() bool
	outlook   *atomic.Pointer[outlook]
	stock     engine.StockView
	days      knownDays
	scratches []*engine.Scratch // by epoch
	floor     engine.Decision
	costs     []units.Money
	facts     []engine.Facts
	text      []byte
}

func newPreparer(w *world, o *Options, look *atomic.Pointer[outlook], stop func() bool) *preparer {
	p := &preparer{w: w, o: o, outlook: look, stop: stop, scratches: make([]*engine.Scratch, len(w.epochs))}
	p.days.known = map[day]int32{}
	return p
}

// scratch returns working memory for an epoch.
func (p *preparer) scratch(epoch int) *engine.Scratch {
	if p.scratches[epoch] == nil {
		p.scratches[epoch] = p.w.epochs[epoch].engine.NewScratch()
		p.scratches[epoch].Stop = p.stop
	}
	return p.scratches[epoch]
}

// begin reads the orders of a piece and works out what needs no turn: what most are decided to be, and the lowest possible
// costs. It ends early when it is stopped.
func (p *preparer) begin(b *block, from, to int) {
	h := p.w.in.History
	epoch := p.w.epochAt(h.At[b.First+from])
	for k := from; k < to; k++ {
		if p.stop() {
			return
		}
		i := b.First + k
		for p.w.until(epoch) <= h.At[i] {
			epoch++
		}
		b.Orders[k] = OrderRow{Epoch: int32(epoch)}
		h.Order(i, &b.slots[k].order)
		p.beginOrder(b, k, epoch)
	}
}

func (p *preparer) beginOrder(b *block, k, epoch int) {
	s, row, i, era := &b.slots[k], &b.Orders[k], b.First+k, &p.w.epochs[epoch]
	now := p.w.in.History.At[i]
	s.ahead = nil
	floored := p.o.NoFloor || era.floors.get(i, row)
	if floored && p.o.Workers == 1 {
		return // to decide ahead gains nothing
	}
	ahead := p.decideAhead(s, epoch, now)
	switch {
	case floored:
		return
	case ahead:
		era.engine.DecideOn(era.unlimited, p.scratch(epoch), &p.floor)
	default:
		if err := era.engine.Decide(era.unlimited, &s.order, now, p.scratch(epoch), &p.floor); err != nil {
			return // it is malformed
		}
	}
	if p.floor.Certificate.Stopped {
		return // and so is the run
	}
	row.FloorOutcome, row.FloorLate, row.Floor = p.floor.Outcome, p.floor.Late, p.floor.Cost
	era.floors.put(i, row)
}

// prepare fills in the rows of a block. It is false where it was stopped.
func (p *preparer) prepare(b *block) bool {
	for k := range b.Orders {
		if p.stop() {
			return false
		}
		p.prepareOrder(b, k)
	}
	p.text = b.append(p.text[:0])
	b.hash = sha256.Sum256(p.text)
	return true
}

func (p *preparer) prepareOrder(b *block, k int) {
	s, row := &b.slots[k], &b.Orders[k]
	at := int32(len(b.Shipments))
	row.Shipments, row.RunnerUp, row.Malformed = [2]int32{at, at}, s.runnerUp, s.malformed
	if s.malformed {
		b.malformed++
		return
	}
	d := &s.decision
	row.Outcome, row.Late, row.Cost, row.SplitCost, row.Arrival = d.Outcome, d.Late, d.Cost, d.SplitCost, d.Arrival
	row.Status, row.Gap = d.Certificate.Status, d.Certificate.Gap
	if d.Outcome == engine.Planned {
		p.shipments(b, k, int(row.Epoch))
		row.Shipments[1] = int32(len(b.Shipments))
	}
}

// shipments appends what an order is sent in.
func (p *preparer) shipments(b *block, k, epoch int) {
	order, d, era, sc, now := &b.slots[k].order, &b.slots[k].decision, &p.w.epochs[epoch], p.scratch(epoch), p.w.in.History.At[b.First+k]
	var err error
	if p.costs, p.facts, err = era.engine.Account(order, d, now, sc, p.costs[:0], p.facts[:0]); err != nil {
		panic("simulate: an order that was decided cannot be told of: " + err.Error())
	}
	terms := len(era.terms)
	for n := range d.Shipments {
		s := &d.Shipments[n]
		r := ShipmentRow{
			Order: int32(k), Warehouse: s.Warehouse, Service: s.Service, Parcels: int32(len(s.Parcels)), Cost: s.Cost(), Freight: s.Freight,
			ShipDate: s.ShipDate, DeliveryDate: s.DeliveryDate, DaysLate: s.DaysLate, Arrival: s.Arrival, Pickup: s.Pickup, Guessed: s.Guessed,
			Zone: zoneName(&era.snap.Services[s.Service], s), Metres: p.facts[n].Metres, CO2Grams: p.facts[n].CO2Grams, InTime: p.facts[n].InTime,
		}
		from := int32(len(b.Items))
		b.Items = append(b.Items, s.Items...)
		r.Items = [2]int32{from, int32(len(b.Items))}
		for _, it := range s.Items {
			r.Units += it.Quantity
		}
		for i := range s.Parcels {
			r.Weight += s.Parcels[i].Weight
		}
		r.Delayed, r.Lost = mishapsTo(era.mishaps, p.w.in.Seed, order.ID, n, &r)
		b.Shipments = append(b.Shipments, r)
		to := len(b.Costs)
		for range p.w.terms {
			b.Costs = append(b.Costs, 0)
		}
		for t, amount := range p.costs[n*terms : (n+1)*terms] {
			b.Costs[to+int(era.terms[t])] = amount
		}
	}
}

// zoneName returns the carrier's name for the zone of a shipment, "" where a service has one for all.
func zoneName(service *network.Service, s *engine.Shipment) string {
	if service.Zones == nil {
		return ""
	}
	return service.Zones.Name(s.Zone)
}

// append appends the rows of a block in one form, for its hash.
func (b *Block) append(t []byte) []byte {
	number := func(n int64) { t = binary.AppendVarint(t, n) }
	text := func(s string) { t = append(binary.AppendUvarint(t, uint64(len(s))), s...) }
	flags := func(set ...bool) {
		n := byte(0)
		for i, yes := range set {
			if yes {
				n |= 1 << i
			}
		}
		t = append(t, n)
	}
	number(int64(b.First))
	number(int64(len(b.Orders)))
	for i := range b.Orders {
		o := &b.Orders[i]
		flags(o.Late, o.FloorLate, o.Malformed)
		t = append(t, byte(o.Outcome), byte(o.Status), byte(o.FloorOutcome))
		number(int64(o.Epoch))
		number(int64(o.Cost))
		number(int64(o.SplitCost))
		number(int64(o.Arrival))
		number(int64(o.Gap))
		number(int64(o.Floor))
		number(int64(o.RunnerUp.Warehouse))
		number(int64(o.RunnerUp.Service))
		number(int64(o.RunnerUp.Gap))
		text(o.RunnerUp.Why)
		number(int64(o.Shipments[1] - o.Shipments[0]))
	}
	number(int64(len(b.Shipments)))
	for i := range b.Shipments {
		s := &b.Shipments[i]
		flags(s.Guessed, s.Lost)
		number(int64(s.Order))
		number(int64(s.Warehouse))
		number(int64(s.Service))
		number(int64(s.Items[1] - s.Items[0]))
		number(int64(s.Units))
		number(int64(s.Parcels))
		number(int64(s.Weight))
		number(int64(s.Cost))
		number(int64(s.Freight))
		number(int64(s.ShipDate))
		number(int64(s.DeliveryDate))
		number(int64(s.DaysLate))
		number(int64(s.Arrival))
		number(int64(s.Pickup))
		text(s.Zone)
		number(s.Metres)
		number(s.CO2Grams)
		number(int64(s.InTime))
		number(int64(s.Delayed))
	}
	for _, it := range b.Items {
		number(int64(it.SKU))
		number(int64(it.Quantity))
	}
	for _, m := range b.Costs {
		number(int64(m))
	}
	number(int64(len(b.StockOuts)))
	for _, o := range b.StockOuts {
		number(int64(o.At))
		number(int64(o.SKU))
		number(int64(o.Warehouse))
	}
	return t
}
