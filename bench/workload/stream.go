package workload

import (
	"math"
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// A Stream makes the events of a workload in the order in which they are due. Its memory grows with what is yet to come of
// earlier orders (confirmations, shipments) and with nothing else. It is not for more than one goroutine.
type Stream struct {
	w      *Workload
	times  Times
	lead   time.Duration // orders are drawn so long before they are due, for the quotes before them
	next   time.Duration // when the next order is due
	more   bool          // there is one
	order  int64         // its position among orders
	number int64
	ids    *ids
	quotes *ids
	quote  int64

	lanes [lanes]lane
	heap  []int8 // lanes that are not empty, the one whose head is due first on top
}

// Lanes are queues in which everything waits equally long, so that what is put in first is due first. What a spec says happens
// after about so long waits in one of several.
const (
	waits      = 8 // lanes of a kind: 9/16, 11/16 … 23/16 of the mean
	laneOrders = 0
	laneStock  = 1 // Restock
	laneOwn    = 2 // quotes of what is then ordered
	laneOthers = laneOwn + waits
	laneRepeat = laneOthers + waits
	laneFirst  = laneRepeat + waits // Confirm and Release
	laneLast   = laneFirst + 2*waits
	lanes      = laneLast + 2*waits // Ship and Cancel
)

// A pending is what a lane holds.
type pending struct {
	due   time.Duration
	order int64 // position among orders; of a quote by others, of quotes
	of    int64 // number of the Allocate
}

// A lane is a ring buffer.
type lane struct {
	ring []pending // its length is a power of 2
	head int
	n    int
}

func (l *lane) push(p pending) {
	if l.n == len(l.ring) {
		ring := make([]pending, max(16, 2*len(l.ring)))
		k := copy(ring, l.ring[l.head:])
		copy(ring[k:], l.ring[:l.head])
		l.ring, l.head = ring, 0
	}
	l.ring[(l.head+l.n)&(len(l.ring)-1)] = p
	l.n++
}

func (l *lane) first() *pending { return &l.ring[l.head] }

func (l *lane) pop() pending {
	p := l.ring[l.head]
	l.head = (l.head + 1) & (len(l.ring) - 1)
	l.n--
	return p
}

// Events returns a fresh stream of what is sent when orders come at given times: its first orders are the workload's first.
// After the last order, where there is one, what becomes of the orders follows.
func (w *Workload) Events(a Arrivals) *Stream {
	s := &Stream{w: w, times: a.Times(), ids: newIDs("o", 10), quotes: newIDs("q", 10), heap: make([]int8, 0, lanes)}
	if w.spec.Orders.Quotes > 0 {
		s.lead = time.Duration(w.spec.Orders.QuotedBefore)
	}
	s.next, s.more = s.times.Next()
	return s
}

// Next writes the next event into e, whose memory it uses again: the lines of the order are valid until the call after it. Names
// stay valid. It returns false after the last event.
func (s *Stream) Next(e *Event) bool {
	for s.more && (len(s.heap) == 0 || s.next-s.lead <= s.lanes[s.heap[0]].first().due) {
		s.arrive()
	}
	if len(s.heap) == 0 {
		return false
	}
	at := s.heap[0]
	p := s.pop()
	e.Number, e.Due, e.Of = s.number, p.due, -1
	e.Warehouse, e.SKU, e.Quantity = "", "", 0
	s.number++
	switch lane := int(at); {
	case lane == laneOrders:
		e.Kind = Allocate
		s.w.order(&e.Order, drawOrder, p.order, p.due)
		e.Order.ID = s.ids.id(int(p.order))
		s.afterwards(e, p.order)
	case lane == laneStock:
		e.Kind = Restock
		clearOrder(&e.Order)
		s.w.restock(e, p.order)
	case lane < laneRepeat:
		e.Kind = Quote
		if lane < laneOthers {
			s.w.order(&e.Order, drawOrder, p.order, p.due+s.wait(lane-laneOwn))
		} else {
			s.w.order(&e.Order, drawQuote, p.order, p.due)
		}
		e.Order.ID = s.quotes.id(int(s.quote))
		s.quote++
	default:
		e.Of = p.of
		clearOrder(&e.Order)
		switch {
		case lane < laneFirst:
			e.Kind = Repeat
		case lane < laneFirst+waits:
			e.Kind = Confirm
			s.confirmed(e, p.order)
		case lane < laneLast:
			e.Kind = Release
		case lane < laneLast+waits:
			e.Kind = Ship
		default:
			e.Kind = Cancel
		}
	}
	return true
}

// wait returns how long before an order its quotes of a lane come; as long as that lane says, which is lead for the last.
func (s *Stream) wait(lane int) time.Duration { return s.lead * time.Duration(lane+1) / waits }

// arrive puts the next order and its quotes where they wait.
func (s *Stream) arrive() {
	w, due, k := s.w, s.next, s.order
	s.push(laneOrders, pending{due: due, order: k, of: -1})
	s.order++
	s.next, s.more = s.times.Next()
	if w.spec.Orders.Quotes == 0 && w.spec.Restock.PerOrder == 0 {
		return
	}
	r := rngOf(w.seed, drawFate, uint64(k))
	for i := range r.times(w.spec.Orders.Quotes) {
		lane, order := r.below(waits), k
		before := s.wait(lane)
		if due < before {
			continue // it came before the beginning; all of them at once there would be a peak that no shop has
		}
		if i > 0 {
			order = k<<7 | int64(i) // by someone else
			lane += waits
		}
		s.push(laneOwn+lane, pending{due: due - before, order: order, of: -1})
	}
	for i := range r.times(w.spec.Restock.PerOrder) {
		s.push(laneStock, pending{due: due, order: k<<4 | int64(i), of: -1})
	}
}

// times returns a whole number that is n in the mean: its whole part, or one more.
func (r *rng) times(n Decimal) int {
	out := int(n / One)
	if part := int(n % One); part > 0 && r.below(int(One)) < part {
		out++
	}
	return out
}

// afterwards puts what becomes of an order where it waits.
func (s *Stream) afterwards(e *Event, k int64) {
	o, h := &s.w.spec.Orders, &s.w.spec.Holds
	r := rngOf(s.w.seed, drawFate, uint64(k)|1<<63)
	if r.chance(int32(o.Repeats.Share)) {
		s.later(laneRepeat, e, e.Number, k, o.Repeats, &r)
	}
	s.either(laneFirst, e, e.Number, k, h.Confirm, h.Release, &r)
}

// confirmed puts what becomes of a confirmed hold where it waits.
func (s *Stream) confirmed(e *Event, k int64) {
	h := &s.w.spec.Holds
	r := rngOf(s.w.seed, drawFate, uint64(k)|1<<62)
	s.either(laneLast, e, e.Of, k, h.Ship, h.Cancel, &r)
}

// either puts one of two fates, or none, on its lanes, the second's after the first's.
func (s *Stream) either(lane int, e *Event, of, k int64, a, b FateSpec, r *rng) {
	switch n := int32(r.below(10_000)); {
	case n < int32(a.Share):
		s.later(lane, e, of, k, a, r)
	case n < int32(a.Share+b.Share):
		s.later(lane+waits, e, of, k, b, r)
	}
}

func (s *Stream) later(lane int, e *Event, of, k int64, f FateSpec, r *rng) {
	n := r.below(waits)
	after := time.Duration(f.After) / (2 * waits) * time.Duration(waits+1+2*n)
	s.push(lane+n, pending{due: e.Due + after, order: k, of: of})
}

func clearOrder(o *engine.Order) { *o = engine.Order{Lines: o.Lines[:0]} }

// order writes an order: the k-th of its kind, due at a time.
func (w *Workload) order(o *engine.Order, kind uint64, k int64, due time.Duration) {
	r := rngOf(w.seed, kind, uint64(k))
	lines := o.Lines[:0]
	n := w.spec.Orders.Lines[w.lines.draw(r.next())].Value
	to := w.where.draw(r.next())
	*o = engine.Order{To: w.to[to]}
	o.To.Commercial = r.chance(int32(w.spec.Orders.Commercial))
	if days := w.spec.Orders.Promise[w.promise.draw(r.next())].Value; days > 0 {
		o.Promise.Date = units.Date((int64(w.start)+int64(due/time.Second))/86_400) + units.Date(days)
	}
	if f := w.sale(due); f != nil && r.chance(int32(f.Share)) {
		lines = append(lines, engine.Line{SKU: w.byRank[f.Rank-1], Quantity: w.quantity(&r)})
		o.Lines = lines
		return
	}
	first := int32(0)
	for i := range min(n, len(w.byRank)) {
		rank := w.skus.draw(r.next())
		if i == 0 {
			first = rank
		} else if b := &w.spec.SKUs.Basket; b.Share > 0 && r.chance(int32(b.Share)) {
			begin := first - first%int32(b.Size)
			rank = begin + int32(r.below(min(b.Size, len(w.byRank)-int(begin))))
		}
		for tries := 0; in(lines, w.byRank[rank]); tries++ {
			if rank = w.skus.draw(r.next()); tries >= 8 { // a few SKUs make up nearly all demand
				rank = int32(r.below(len(w.byRank)))
			}
		}
		lines = append(lines, engine.Line{SKU: w.byRank[rank], Quantity: w.quantity(&r)})
	}
	o.Lines = lines
}

func in(lines []engine.Line, sku string) bool {
	for i := range lines {
		if lines[i].SKU == sku {
			return true
		}
	}
	return false
}

func (w *Workload) quantity(r *rng) int64 {
	if len(w.units) == 1 {
		return int64(w.spec.Orders.Units[0].Value)
	}
	return int64(w.spec.Orders.Units[w.units.draw(r.next())].Value)
}

// sale returns the sale that is on, or nil.
func (w *Workload) sale(due time.Duration) *FlashSpec {
	for i := range w.spec.Flash {
		if f := &w.spec.Flash[i]; due >= time.Duration(f.At) && due < time.Duration(f.At+f.For) {
			return f
		}
	}
	return nil
}

// restock writes a restock: of a SKU as they sell, in one of the warehouses that have it from the beginning; where none has it,
// in any.
func (w *Workload) restock(e *Event, k int64) {
	r := rngOf(w.seed, drawRestock, uint64(k))
	rank := w.skus.draw(r.next())
	e.SKU, e.Quantity = w.byRank[rank], int32(w.spec.Restock.Units)
	if here := w.cells.warehouse[w.cells.from[rank]:w.cells.from[rank+1]]; len(here) > 0 {
		e.Warehouse = w.warehouses[here[r.below(len(here))]]
	} else {
		e.Warehouse = w.warehouses[r.below(len(w.warehouses))]
	}
}

// before tells that lane a has something that is due before what lane b has; at the same time the lower lane comes first.
func (s *Stream) before(a, b int8) bool {
	x, y := s.lanes[a].first().due, s.lanes[b].first().due
	return x < y || x == y && a < b
}

// push puts something on a lane, behind all that is there.
func (s *Stream) push(lane int, p pending) {
	l := &s.lanes[lane]
	l.push(p)
	if l.n > 1 {
		return
	}
	s.heap = append(s.heap, int8(lane))
	for i := len(s.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.before(s.heap[i], s.heap[up]) {
			break
		}
		s.heap[i], s.heap[up] = s.heap[up], s.heap[i]
		i = up
	}
}

// pop takes what is due first.
func (s *Stream) pop() pending {
	l := &s.lanes[s.heap[0]]
	p := l.pop()
	if l.n == 0 {
		last := len(s.heap) - 1
		s.heap[0] = s.heap[last]
		s.heap = s.heap[:last]
	}
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(s.heap); c++ {
			if s.before(s.heap[c], s.heap[least]) {
				least = c
			}
		}
		if least == i {
			return p
		}
		s.heap[i], s.heap[least] = s.heap[least], s.heap[i]
		i = least
	}
}

// InFlight returns the number of events that wait.
func (s *Stream) InFlight() int {
	n := 0
	for i := range s.lanes {
		n += s.lanes[i].n
	}
	return n
}

// forever is later than anything.
const forever = time.Duration(math.MaxInt64)
