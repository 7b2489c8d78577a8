package simulate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

const secondsADay = 86_400

// Check returns nil or a *faults.Error with everything that is wrong with an input, orders and moves of stock placed by
// their file and row: SKUs, places, warehouses and services that the network of their time does not know, promises before their
// order, quantities out of range, and whatever else the engine refuses to decide; epochs, stock and mishaps that contradict
// the networks; orders and moves out of the order of their time.
func Check(in *Input) error {
	shared := &Floors{}
	defer shared.Close()
	w, err := newWorld(in, shared)
	if err != nil {
		return err
	}
	defer w.close()
	return w.check(func() bool { return false }).err()
}

// bad is what is wrong with an input.
type bad struct {
	orders int         // that are malformed
	of     faults.List // what is wrong with them, in their order
	other  faults.List // what else is wrong, which is not tolerated
}

func (b *bad) err() error {
	var all faults.List
	for _, f := range b.other.Faults() {
		all.Add(f)
	}
	for _, f := range b.of.Faults() {
		all.Add(f)
	}
	return all.Err()
}

// first returns the first faults of orders.
func (b *bad) first(n int) []faults.Fault {
	all := b.of.Faults()
	return all[:min(n, len(all))]
}

// maxInstant is the last moment that a ledger takes: the end of the year 9999.
const maxInstant = units.Instant(253_402_300_799)

// check finds everything that is wrong, unless it is stopped.
func (w *world) check(stop func() bool) *bad {
	b := &bad{}
	w.checkTimes(b)
	for i := range w.in.History.Moves {
		w.checkMove(b, &w.in.History.Moves[i], "moves", i)
	}
	for i := range w.in.Moves {
		w.checkMove(b, &w.in.Moves[i], "stock moves", i)
	}
	w.checkStock(b)
	w.checkMishaps(b)
	h := w.in.History
	for e := range w.epochs { // orders that are out of order are asked about the networks of their own times
		from, until := w.times(e)
		first, end := h.Len(), 0
		for i, at := range h.At {
			if at >= from && at < until {
				first, end = min(first, i), i+1
			}
		}
		if first < end {
			w.checkOrders(b, e, first, end, stop)
		}
	}
	return b
}

// times returns from when until when orders belong to an epoch. Those of impossible times belong to none.
func (w *world) times(epoch int) (from, until units.Instant) {
	if epoch > 0 {
		from = max(0, w.epochs[epoch].from)
	}
	return from, min(w.until(epoch), maxInstant+1)
}

// place returns where an order was read.
func (w *world) place(i int) (file string, row int) {
	h := w.in.History
	if i >= len(h.Row) || h.Row[i] == 0 || int(h.File[i]) >= len(h.Files) {
		return "", 0
	}
	return h.Files[h.File[i]], int(h.Row[i])
}

func (w *world) checkTimes(b *bad) {
	h := w.in.History
	latest := 0
	for i, at := range h.At {
		switch {
		case at < 0 || at > maxInstant:
			file, row := w.place(i)
			b.other.Addf(file, row, 0, "", "give a time from 1970 to 9999", "order %s came at second %d", h.ID(i), int64(at))
		case at < h.At[latest]:
			file, row := w.place(i)
			b.other.Addf(file, row, 0, "", "sort the orders by their time", "order %s came %v, before order %s of %v", h.ID(i), at, h.ID(latest), h.At[latest])
		default:
			latest = i
		}
	}
	for _, list := range []struct {
		name  string
		moves []history.Move
	}{{"moves", h.Moves}, {"stock moves", w.in.Moves}} {
		for i := 1; i < len(list.moves); i++ {
			if m, before := &list.moves[i], &list.moves[i-1]; m.At < before.At {
				w.moveFault(b, m, list.name, i, "sort them by their time", "the move comes %v, before the one in front of it, of %v", m.At, before.At)
			}
		}
	}
}

func (w *world) moveFault(b *bad, m *history.Move, list string, i int, mend, format string, args ...any) {
	if files := w.in.History.Files; m.Row > 0 && int(m.File) < len(files) {
		b.other.Addf(files[m.File], int(m.Row), 0, "", mend, format, args...)
		return
	}
	b.other.Addf("", 0, 0, fmt.Sprintf("%s[%d]", list, i), mend, format, args...)
}

// checkMove looks at one move. Names may be of any epoch from its own on: what comes to a warehouse before it is there
// waits for it.
func (w *world) checkMove(b *bad, m *history.Move, list string, i int) {
	fault := func(mend, format string, args ...any) { w.moveFault(b, m, list, i, mend, format, args...) }
	last := w.epochs[len(w.epochs)-1].snap // has all the rows
	if m.At < 0 || m.At > maxInstant {
		fault("give a time from 1970 to 9999", "the move comes at second %d", int64(m.At))
	}
	if _, ok := last.Warehouse(m.Warehouse); !ok {
		fault(meant(m.Warehouse, last.Rows().Warehouses, "name a warehouse of the network"), "unknown warehouse %.100q", m.Warehouse)
	}
	if _, ok := last.SKUs.Row(m.SKU); !ok {
		fault(meant(m.SKU, last.SKUs.IDs, "add it to skus.csv, or check the spelling"), "unknown SKU %.100q", m.SKU)
	}
	least := int32(0)
	switch m.Kind {
	case history.Adjust:
		least = -ledger.MaxQuantity
	case history.Set:
	case history.Inbound:
		least = 1
		if m.Due < 0 || m.Due > maxInstant {
			fault("give a time from 1970 to 9999", "the units are due at second %d", int64(m.Due))
		}
	default:
		fault("give one of adjust, set and inbound", "the move is of kind %d", m.Kind)
	}
	if m.Quantity < least || m.Quantity > ledger.MaxQuantity {
		fault(fmt.Sprintf("give %d to %d", least, ledger.MaxQuantity), "%d units", m.Quantity)
	}
}

func meant(got string, known []string, otherwise string) string {
	if len(known) <= 10_000 {
		if s := faults.DidYouMean(got, known); s != "" {
			return s
		}
	}
	return otherwise
}

func (w *world) checkStock(b *bad) {
	last := w.epochs[len(w.epochs)-1].snap
	for i := range w.in.Stock {
		s := &w.in.Stock[i]
		fault := func(mend, format string, args ...any) {
			if s.Line > 0 {
				b.other.Addf("stock.csv", s.Line, 0, "", mend, format, args...)
			} else {
				b.other.Addf("", 0, 0, fmt.Sprintf("stock[%d]", i), mend, format, args...)
			}
		}
		if _, ok := last.Warehouse(s.Warehouse); !ok {
			fault(meant(s.Warehouse, last.Rows().Warehouses, "name a warehouse of the network"), "unknown warehouse %.100q", s.Warehouse)
		}
		if _, ok := last.SKUs.Row(s.SKU); !ok {
			fault(meant(s.SKU, last.SKUs.IDs, "add it to skus.csv, or check the spelling"), "unknown SKU %.100q", s.SKU)
		}
		if s.OnHand < 0 || s.OnHand > ledger.MaxQuantity || s.Safety < 0 || s.Safety > ledger.MaxQuantity {
			fault(fmt.Sprintf("give 0 to %d", ledger.MaxQuantity), "%d units on hand and %d of safety", s.OnHand, s.Safety)
		}
	}
}

// carrier returns the carrier of a service in the last network that has it.
func (w *world) carrier(service string) (carrier string, known bool) {
	for i := len(w.epochs) - 1; i >= 0; i-- {
		snap := w.epochs[i].snap
		if s, ok := snap.Service(service); ok && int(snap.Services[s].Carrier) < len(snap.Carriers) {
			return snap.Carriers[snap.Services[s].Carrier], true
		}
	}
	return "", false
}

func (w *world) checkMishaps(b *bad) {
	rows := w.epochs[len(w.epochs)-1].snap.Rows()
	var carriers []string
	for i := range w.epochs {
		for _, c := range w.epochs[i].snap.Carriers {
			if !slices.Contains(carriers, c) {
				carriers = append(carriers, c)
			}
		}
	}
	for i := range w.in.Mishaps {
		m := &w.in.Mishaps[i]
		fault := func(field, mend, format string, args ...any) {
			b.other.Addf("", 0, 0, fmt.Sprintf("mishaps[%d].%s", i, field), mend, format, args...)
		}
		if m.Warehouse != "" && !slices.Contains(rows.Warehouses, m.Warehouse) {
			fault("warehouse", meant(m.Warehouse, rows.Warehouses, "name a warehouse of the network"), "unknown warehouse %.100q", m.Warehouse)
		}
		known := m.Carrier == "" || slices.Contains(carriers, m.Carrier)
		if !known {
			fault("carrier", meant(m.Carrier, carriers, "name a carrier of the network"), "unknown carrier %.100q", m.Carrier)
		}
		if m.Service != "" {
			if of, ok := w.carrier(m.Service); !ok {
				fault("service", meant(m.Service, rows.Services, "name a service of the network"), "unknown service %.100q", m.Service)
			} else if known && m.Carrier != "" && m.Carrier != of {
				fault("service", "leave the carrier out, or name one of its services", "service %s is of carrier %s, not of %s", m.Service, of, m.Carrier)
			}
		}
		if m.Until != 0 && m.Until < m.From {
			fault("until", "end on the first day or later", "%v is before %v", m.Until, m.From)
		}
		if m.Days < 0 || m.Days > maxDelay {
			fault("days", fmt.Sprintf("give 0 to %d", maxDelay), "%d days", m.Days)
		}
		if m.Lost < 0 || m.Lost > units.Certain {
			fault("lost", "give 0 to 100 %", "a chance of %v", m.Lost)
		}
	}
}

// maxDelay is the longest delay of a Mishap in days.
const maxDelay = 365

// checkOrders asks the engine of an epoch about those of its orders, in [first, end), that may be malformed. Whatever the columns rule out needs no
// asking: that is nearly all of a history that is sound.
func (w *world) checkOrders(b *bad, epoch, first, end int, stop func() bool) {
	h, era := w.in.History, &w.epochs[epoch]
	from, until := w.times(epoch)
	snap := era.snap
	policy := &snap.Policy
	weights := make([]units.Weight, len(h.SKUs)) // of a unit; 0 where the SKU is not sold
	for i, id := range h.SKUs {
		if row, ok := snap.SKUs.Row(id); ok && !snap.SKUs.Gone[row] {
			weights[i] = snap.SKUs.Weight[row]
		}
	}
	places := make([]bool, len(h.Destinations))
	zones := map[string]bool{"": true} // in which the engine has decided an order
	for i := range h.Destinations {
		to := &h.Destinations[i]
		country := to.Country
		if country == "" {
			country = "US"
		}
		_, places[i] = snap.Places.Lookup(country, to.Postal)
		if to.Postal == "" && to.Point != nil {
			_, err := geo.CellOf(*to.Point)
			places[i] = err == nil
		}
	}
	sets := make([]bool, len(h.ServiceSets))
	for i, ids := range h.ServiceSets {
		sets[i] = !slices.ContainsFunc(ids, func(id string) bool { _, ok := snap.Service(id); return !ok })
	}
	sound := func(i int) bool {
		lines := h.From[i+1] - h.From[i]
		if lines < 1 || int64(lines) > int64(policy.MaxLines) || h.Collect[i] >= 0 || h.Dest[i] < 0 || !places[h.Dest[i]] || !zones[h.Destinations[h.Dest[i]].TimeZone] {
			return false
		}
		total, weight := int64(0), units.Weight(0)
		for l := h.From[i]; l < h.From[i+1]; l++ {
			each, n := weights[h.SKU[l]], h.Units[l]
			if each == 0 || n < 1 || int64(n) > math.MaxInt32/8 {
				return false
			}
			if total += int64(n); each > (engine.MaxOrderWeight-weight)/units.Weight(n) {
				return false
			}
			weight += each * units.Weight(n)
		}
		if s := h.Allowed[i]; total > policy.MaxUnits || s >= 0 && !sets[s] {
			return false
		}
		if _, exact := h.Exact[int32(i)]; exact {
			return false
		}
		// It is at most a day later at the destination than in UTC.
		return h.Promise[i] == 0 || int64(h.Promise[i]) > int64(h.At[i])/secondsADay
	}
	var sc *engine.Scratch
	var d engine.Decision
	var order engine.Order
	for i := first; i < end; i++ {
		if i%BlockOrders == 0 && stop() {
			return
		}
		if h.At[i] < from || h.At[i] >= until || sound(i) {
			continue
		}
		if sc == nil {
			sc = era.engine.NewScratch()
			sc.Stop = stop
		}
		h.Order(i, &order)
		err := era.engine.Decide(era.unlimited, &order, h.At[i], sc, &d)
		if err == nil {
			zones[order.To.TimeZone] = true
			continue
		}
		b.orders++
		file, row := w.place(i)
		list, ok := errors.AsType[*faults.Error](err)
		if !ok {
			b.of.Addf(file, row, 0, "", "", "order %s: %v", order.ID, err)
			continue
		}
		for _, f := range list.Faults {
			f.File, f.Row = file, row
			if row == 0 {
				f.Field = "order " + order.ID + " " + f.Field
			}
			b.of.Add(f)
		}
	}
}
