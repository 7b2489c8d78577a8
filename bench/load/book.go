package load

import (
	"sync"

	"github.com/allot-engine/allot/bench/workload"
)

// What is remembered of earlier orders, for the operations about them. An operation about an order that was forgotten
// falls away, and is counted as moot.
const (
	mostHolds  = 1 << 20 // granted, and neither released, shipped nor cancelled; the oldest are forgotten
	mostOrders = 1 << 18 // as they were sent, to be sent again
)

// A book remembers what became of orders. What is done with a hold is done one after the other, as by a shop that waits for
// each answer: an operation on a hold that is asked for or about is parked, and is due when that is over.
type book struct {
	mu      sync.Mutex
	entries map[int64]*entry
	oldest  []int64 // numbers of entries in the order of their beginning, from first on; some of them are gone
	first   int

	sent []savedOrder // by number modulo mostOrders
}

type entry struct {
	hold    string
	busy    bool // an operation on it, or the Allocate itself, is on its way
	waiting []*op
}

type savedOrder struct {
	number  int64
	request []byte
}

func newBook() *book { return &book{entries: map[int64]*entry{}} }

// begin tells that an order is about to be asked for.
func (b *book) begin(number int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[number] = &entry{busy: true}
	b.oldest = append(b.oldest, number)
	for len(b.entries) > mostHolds && b.first < len(b.oldest) {
		old := b.oldest[b.first]
		if e := b.entries[old]; e != nil && e.busy {
			break // it is about to be needed
		}
		delete(b.entries, old)
		b.first++
	}
	if b.first > mostHolds {
		b.oldest, b.first = append(b.oldest[:0], b.oldest[b.first:]...), 0
	}
}

// end tells which hold an order got, "" for none. Its next operation, if any, is due; those that moot has fall away.
func (b *book) end(number int64, hold string) (next *op, moot []*op) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[number]
	if e == nil {
		return nil, nil
	}
	e.hold = hold
	return b.free(number, e, hold != "")
}

// free takes the next of what waits for an entry, or forgets an entry that does not live on.
func (b *book) free(number int64, e *entry, lives bool) (next *op, moot []*op) {
	e.busy = false
	if !lives {
		delete(b.entries, number)
		return nil, e.waiting
	}
	if len(e.waiting) > 0 {
		next, e.waiting = e.waiting[0], e.waiting[1:]
		next.call.HoldID = e.hold
		e.busy = true
	}
	return next, nil
}

// ask tells what of an operation on a hold: it can be sent now, it is parked until its turn comes, or it falls away.
func (b *book) ask(o *op) (now, parked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := b.entries[o.event.Of]; {
	case e == nil:
		return false, false
	case e.busy:
		e.waiting = append(e.waiting, o)
		return false, true
	default:
		e.busy = true
		o.call.HoldID = e.hold
		return true, false
	}
}

// done tells that an operation on a hold is over. Only a confirmed hold lives on.
func (b *book) done(o *op, ok bool) (next *op, moot []*op) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[o.event.Of]
	if e == nil {
		return nil, nil
	}
	return b.free(o.event.Of, e, ok && o.event.Kind == workload.Confirm)
}

// save keeps the request of an order.
func (b *book) save(number int64, request []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := int(number % mostOrders)
	for len(b.sent) <= at {
		b.sent = append(b.sent, savedOrder{number: -1})
	}
	s := &b.sent[at]
	s.number, s.request = number, append(s.request[:0], request...)
}

// saved appends the request of an order, and tells whether it is there.
func (b *book) saved(number int64, to []byte) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := int(number % mostOrders)
	if number < 0 || at >= len(b.sent) || b.sent[at].number != number {
		return to, false
	}
	return append(to, b.sent[at].request...), true
}
