package server

import (
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// An ahead is the working memory of readAhead.
type ahead struct {
	orders   []orderAhead  // of the group, each at the place of its item
	took     time.Duration // to read one; 0 where nobody wants to know
	plain    []*engine.Order
	requests []string
	skus     []ledger.SKU
}

// An orderAhead is an order that was read before its turn.
type orderAhead struct {
	plain    bool // else the rest is not filled
	request  string
	question string // what appendQuestion would write, where that came; else empty
	order    engine.Order
}

// readAhead reads the plain orders of a group, all before the first is decided, and brings what deciding and holding them will
// look at close to the processor, all of it at once. Orders that are not plain are left out.
func (s *Server) readAhead(n *served, d *desk, items []streamItem, now units.Instant) {
	a := &d.ahead
	for len(a.orders) < len(items) {
		a.orders = append(a.orders, orderAhead{})
	}
	a.plain, a.requests, a.skus, a.took = a.plain[:0], a.requests[:0], a.skus[:0], 0
	var began time.Time
	if d.record != nil || s.tracer != nil {
		began = time.Now()
	}
	for i := range items {
		o := &a.orders[i]
		o.plain = false
		if wire := items[i].wire; wire != "" {
			if o.request, o.question, o.plain = readPlain(wire, &o.order); o.plain {
				a.plain, a.requests = append(a.plain, &o.order), append(a.requests, o.request)
			}
		}
	}
	if !began.IsZero() {
		a.took = time.Since(began) / time.Duration(len(items))
	}
	d.look(n, s.ledger, now)
	n.engine.Foresee(&d.stock, a.plain, d.scratch)
	for _, sku := range d.scratch.Foreseen() {
		a.skus = append(a.skus, ledger.SKU(sku))
	}
	s.ledger.Foresee(a.requests, a.skus)
}

// forget lets go of the texts of the orders, which are parts of the message they came in.
func (a *ahead) forget() {
	if len(a.plain) == 0 {
		return
	}
	for i := range a.orders {
		if read := &a.orders[i]; read.plain {
			o := &read.order
			clear(o.Lines)
			clear(o.Services)
			*read = orderAhead{order: engine.Order{Lines: o.Lines[:0], Services: o.Services[:0]}}
		}
	}
	clear(a.requests)
	a.plain, a.requests = a.plain[:0], a.requests[:0]
}
