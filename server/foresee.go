package server

import (
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// An outlook is the working memory of foresee.
type outlook struct {
	orders   []engine.Order
	requests []string
	skus     []ledger.SKU
}

// foresee brings what deciding and holding the orders of a group will look at close to the processor, all of it at once. It
// changes nothing. Orders that were decoded came by the second port, which is not for those in a hurry, and are left out.
func (s *Server) foresee(n *served, d *desk, items []streamItem, now units.Instant) {
	o := &d.outlook
	o.requests, o.skus = o.requests[:0], o.skus[:0]
	for len(o.orders) < len(items) {
		o.orders = append(o.orders, engine.Order{})
	}
	for i := range items {
		if wire := items[i].wire; wire != "" {
			o.requests = append(o.requests, glance(wire, &o.orders[len(o.requests)]))
		}
	}
	d.look(n, s.ledger, now)
	orders := o.orders[:len(o.requests)]
	n.engine.Foresee(&d.stock, orders, d.scratch)
	for _, sku := range d.scratch.Foreseen() {
		o.skus = append(o.skus, ledger.SKU(sku))
	}
	s.ledger.Foresee(o.requests, o.skus)
	for i := range orders { // the texts are parts of the message, which need not stay for them
		clear(orders[i].Lines)
		orders[i].To = engine.Destination{}
	}
	clear(o.requests)
}

// glance reads of an AllocateRequest what tells where its decision will look: the request id, the lines, and the postal code. It
// takes 0.1 µs, a fifth of readPlain, and checks nothing: of what is no such request it reads anything.
func glance(wire string, o *engine.Order) (request string) {
	o.Lines, o.To = o.Lines[:0], engine.Destination{}
	for r := (reader{rest: wire}); r.next(); {
		switch {
		case r.is(1, textual):
			request = r.field
		case r.is(2, textual):
			glanceOrder(r.field, o)
		}
	}
	return request
}

func glanceOrder(wire string, o *engine.Order) {
	for r := (reader{rest: wire}); r.next(); {
		switch {
		case r.is(2, textual) && len(o.Lines) < maxLines:
			if line, ok := readPlainLine(r.field); ok {
				o.Lines = append(o.Lines, line)
			}
		case r.is(3, textual):
			for to := (reader{rest: r.field}); to.next(); {
				switch {
				case to.is(1, textual):
					o.To.Country = to.field
				case to.is(2, textual):
					o.To.Postal = to.field
				}
			}
		}
	}
}
