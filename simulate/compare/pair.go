package compare

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/allot-engine/allot/simulate/results"
)

// stepOrders is after how many orders a comparison looks at its context and tells its progress.
const stepOrders = 4096

// pairs reads two runs in step. Both are ascending in time. The orders of one moment that have one id are pairs, in the order
// in which they come; whatever has no partner goes to visit alone. An order of which the runs say different contents or
// destinations is no pair either, since what it cost says nothing about the networks: altered counts those.
//
// visit gets a nil order for the run that does not have it, and may keep neither.
func pairs(ctx context.Context, base, run Source, p *progress, visit func(b, r *results.Order)) (altered int64, err error) {
	next, stop := iter.Pull2(base.Orders())
	defer stop()
	other, stopOther := iter.Pull2(run.Orders())
	defer stopOther()

	left := &head{name: base.Name, next: next}
	right := &head{name: run.Name, next: other}
	if err := left.advance(); err != nil {
		return 0, err
	}
	if err := right.advance(); err != nil {
		return 0, err
	}
	both := func(b, r *results.Order) {
		if b.Items != r.Items || b.State != r.State || b.Postal != r.Postal || b.Cell != r.Cell {
			altered++
			visit(b, nil)
			visit(nil, r)
			return
		}
		visit(b, r)
	}
	var seen, told int64
	for left.order != nil || right.order != nil {
		if seen++; seen%stepOrders == 0 {
			if ctx.Err() != nil {
				return altered, context.Cause(ctx)
			}
			p.add(left.read + right.read - told)
			told = left.read + right.read
		}
		b, r := left.order, right.order
		switch {
		case r == nil || b != nil && b.At < r.At:
			visit(b, nil)
			err = left.advance()
		case b == nil || r.At < b.At:
			visit(nil, r)
			err = right.advance()
		case b.ID == r.ID:
			both(b, r)
			if err = left.advance(); err == nil {
				err = right.advance()
			}
		default:
			err = moment(left, right, visit, both)
		}
		if err != nil {
			return altered, err
		}
	}
	p.add(left.read + right.read - told)
	return altered, nil
}

// moment pairs what is left of the orders of one moment by their ids. It holds them all.
func moment(left, right *head, visit, both func(b, r *results.Order)) error {
	bs, err := left.rest()
	if err != nil {
		return err
	}
	rs, err := right.rest()
	if err != nil {
		return err
	}
	waiting := map[string][]int{} // id to positions in rs, ascending
	for i, r := range rs {
		waiting[r.ID] = append(waiting[r.ID], i)
	}
	taken := make([]bool, len(rs))
	for _, b := range bs {
		if at := waiting[b.ID]; len(at) > 0 {
			waiting[b.ID], taken[at[0]] = at[1:], true
			both(b, rs[at[0]])
		} else {
			visit(b, nil)
		}
	}
	for i, r := range rs {
		if !taken[i] {
			visit(nil, r)
		}
	}
	return nil
}

// A head is the next order of a run.
type head struct {
	name  string
	next  func() (*results.Order, error, bool)
	order *results.Order // nil at the end; the run's own until it is advanced
	read  int64
}

func (h *head) advance() error {
	at, had := int64(0), h.order != nil
	if had {
		at = int64(h.order.At)
	}
	order, err, ok := h.next()
	if err != nil {
		return fmt.Errorf("compare: reading %s: %w", h.name, err)
	}
	if !ok {
		h.order = nil
		return nil
	}
	if had && int64(order.At) < at {
		return fmt.Errorf("compare: %s is not in time order: order %q of %v comes after a later one", h.name, order.ID, order.At)
	}
	h.order = order
	h.read++
	return nil
}

// rest copies what is left of the moment of the head and goes past it.
func (h *head) rest() ([]*results.Order, error) {
	var rest []*results.Order
	at := h.order.At
	for h.order != nil && h.order.At == at {
		o := *h.order
		o.ID, o.Items, o.State, o.Cell = strings.Clone(o.ID), strings.Clone(o.Items), strings.Clone(o.State), strings.Clone(o.Cell)
		o.Shipments = slices.Clone(o.Shipments)
		for i := range o.Shipments {
			o.Shipments[i].Costs = slices.Clone(o.Shipments[i].Costs)
		}
		rest = append(rest, &o)
		if err := h.advance(); err != nil {
			return nil, err
		}
	}
	return rest, nil
}
