package workload

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// History returns what the workload's own arrivals bring from the beginning to d as a season for simulate: the orders of the stream,
// with their ids, each in the second in which it is due, and its restocks as moves of stock. Quotes, and what becomes of holds, are
// no part of a season. It takes about 100 bytes an order. d is over 0; it fails where nothing comes in it.
func (w *Workload) History(d time.Duration) (*history.History, error) {
	if d <= 0 {
		return nil, fmt.Errorf("workload: a season of %s has no orders", d)
	}
	h := &history.History{Files: []string{w.spec.Name}, From: []uint32{0}, IDFrom: []uint64{0}}
	skus := make(map[string]int32, len(w.byRank))
	for k, id := range w.byRank {
		skus[id] = int32(k)
	}
	h.SKUs = append(h.SKUs, w.byRank...)
	places := map[engine.Destination]int32{}
	var ids strings.Builder
	s := w.Events(w.Arrivals())
	for e := (Event{}); s.Next(&e) && e.Due < d; {
		at := w.start + units.Instant(e.Due/time.Second)
		switch e.Kind {
		case Restock:
			h.Moves = append(h.Moves, history.Move{At: at, Kind: history.Adjust, Warehouse: e.Warehouse, SKU: e.SKU, Quantity: e.Quantity})
		case Allocate:
			if len(h.SKU)+len(e.Order.Lines) > math.MaxUint32 {
				return nil, fmt.Errorf("workload: a season of %s has more than %d lines of orders", d, uint32(math.MaxUint32))
			}
			to, ok := places[e.Order.To]
			if !ok {
				to = int32(len(h.Destinations))
				places[e.Order.To] = to
				h.Destinations = append(h.Destinations, e.Order.To)
			}
			for _, ln := range e.Order.Lines {
				h.SKU, h.Units = append(h.SKU, skus[ln.SKU]), append(h.Units, int32(ln.Quantity))
			}
			h.At, h.Promise, h.Dest = append(h.At, at), append(h.Promise, e.Order.Promise.Date), append(h.Dest, to)
			h.Collect, h.Allowed = append(h.Collect, -1), append(h.Allowed, -1)
			h.From = append(h.From, uint32(len(h.SKU)))
			h.Row, h.File = append(h.Row, 0), append(h.File, 0)
			ids.WriteString(e.Order.ID)
			h.IDFrom = append(h.IDFrom, uint64(ids.Len()))
		}
	}
	if h.IDText = ids.String(); h.Len() == 0 {
		return nil, fmt.Errorf("workload: no order comes in %s", d)
	}
	h.Seal()
	return h, nil
}
