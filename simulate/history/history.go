package history

import (
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// A History is what happened in time order: orders, and moves of stock beside them. It is columns, so that ten million
// orders fit in a gigabyte: what repeats (SKUs, destinations) is interned. It is not changed once it is built, and may be
// read by any number of goroutines.
type History struct {
	// Columns of orders: [order], by time; those of one moment stay in the order in which they were given.
	At      []units.Instant
	Promise []units.Date            // 0: none, or an instant
	Dest    []int32                 // into Destinations; -1 where the buyer collects and nothing else is said
	Collect []int32                 // into Warehouses: where the buyer collects it; -1 for an order that is sent
	Allowed []int32                 // into ServiceSets: the only services that may be used; -1 for any
	Value   []units.Money           // what the buyer pays for the goods; 0 where it is not known; nil where it is for none
	From    []uint32                // [orders+1]: its lines are [From[i], From[i+1])
	SKU     []int32                 // [line] into SKUs
	Units   []int32                 // [line] 1 or more
	Row     []uint32                // row in its file where the order begins, from 1; 0 where it was made up
	File    []uint16                // into Files
	Exact   map[int32]units.Instant // promises that are an instant, by order; rare

	// IDs of orders: [IDFrom[i], IDFrom[i+1]) of IDText.
	IDFrom []uint64
	IDText string

	// What the columns refer to.
	SKUs         []string
	Destinations []engine.Destination
	Warehouses   []string
	ServiceSets  [][]string
	Files        []string

	Moves []Move // of stock, by time; one of the moment of an order comes before it

	Hash string // SHA-256, hexadecimal, of everything above that replaying depends on
}

// A Kind is a kind of move.
type Kind uint8

// The kinds of moves.
const (
	Adjust  Kind = iota + 1 // Quantity more are on hand, or fewer where it is negative
	Set                     // Quantity are on hand from now on
	Inbound                 // Quantity will be on hand from Due on
)

// A Move is a change of stock that no order makes.
type Move struct {
	At             units.Instant
	Kind           Kind
	Warehouse, SKU string
	Quantity       int32
	Due            units.Instant // of Inbound
	File           uint16        // into History.Files
	Row            uint32        // row in its file; 0 where it was made up
}

// Len returns the number of orders.
func (h *History) Len() int { return len(h.At) }

// ID returns the merchant's name of an order.
func (h *History) ID(i int) string { return h.IDText[h.IDFrom[i]:h.IDFrom[i+1]] }

// Order writes order i into o, whose lines it reuses. It allocates nothing once o has room for the lines.
func (h *History) Order(i int, o *engine.Order) {
	lines := o.Lines[:0]
	for l := h.From[i]; l < h.From[i+1]; l++ {
		lines = append(lines, engine.Line{SKU: h.SKUs[h.SKU[l]], Quantity: int64(h.Units[l])})
	}
	*o = engine.Order{ID: h.ID(i), Lines: lines, Promise: engine.Promise{Date: h.Promise[i]}}
	if len(h.Exact) > 0 {
		if at, ok := h.Exact[int32(i)]; ok {
			o.Promise = engine.Promise{Instant: at}
		}
	}
	if d := h.Dest[i]; d >= 0 {
		o.To = h.Destinations[d]
	}
	if w := h.Collect[i]; w >= 0 {
		o.CollectAt = h.Warehouses[w]
	}
	if s := h.Allowed[i]; s >= 0 {
		o.Services = h.ServiceSets[s]
	}
}
