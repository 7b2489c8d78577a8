package ledgertest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// An accounting is what the events of a journal come to, worked out in the plainest way and by none of the ledger's code.
// It checks each event against those before it, and whether what is granted was there.
type accounting struct {
	sequence   uint64
	now        units.Instant
	warehouses []string
	skus       []string
	stock      map[cell]counter
	limits     map[day]int64 // with date EveryDay for those without a limit of their own
	used       map[day]int64
	holds      map[ledger.HoldID]*hold
	answered   map[string]allocated // by request id: the answers to orders
	moved      map[string]moved     // by request id: what became of holds
	changed    map[string]uint64    // by request id: events that set stock
	reached    map[day]bool         // limits that were used to the last

	granted, refused, expired int
}

// A cell is a stock counter.
type cell struct {
	warehouse ledger.Warehouse
	sku       ledger.SKU
}

type counter struct{ onHand, safety, held, inbound int64 }

func (c counter) available() int64 { return c.onHand - c.safety - c.held }

// missing is how much of what is held is not there.
func (c counter) missing() int64 { return max(0, c.held+c.safety-c.onHand) }

// A day is a capacity counter.
type day struct {
	warehouse ledger.Warehouse
	service   ledger.Service
	date      units.Date
}

type hold struct {
	status    ledger.Status
	expires   units.Instant
	ended     units.Instant
	lines     []ledger.Claim
	shipments []ledger.ShipmentClaim
}

// An allocated is the answer to an order.
type allocated struct {
	hold     ledger.HoldID // 0 for a refusal
	decision string        // the bytes of the answer
	sequence uint64
}

// A moved is a hold after an event that a call brought about.
type moved struct {
	kind     ledger.Kind
	hold     ledger.HoldID
	status   ledger.Status
	lines    []ledger.Claim
	sequence uint64
}

func newAccounting() *accounting {
	return &accounting{
		stock: map[cell]counter{}, limits: map[day]int64{}, used: map[day]int64{}, holds: map[ledger.HoldID]*hold{},
		answered: map[string]allocated{}, moved: map[string]moved{}, changed: map[string]uint64{}, reached: map[day]bool{},
	}
}

// apply adds an event. The error says what of it cannot be.
func (a *accounting) apply(e *ledger.Event) error {
	if err := a.add(e); err != nil {
		return fmt.Errorf("event %d, %v: %w", e.Sequence, e.Kind, err)
	}
	return nil
}

func (a *accounting) add(e *ledger.Event) error {
	if e.Sequence != a.sequence+1 {
		return fmt.Errorf("comes after %d", a.sequence)
	}
	if e.At < a.now {
		return fmt.Errorf("is at %d, before %d", e.At, a.now)
	}
	a.sequence, a.now = e.Sequence, e.At
	switch e.Kind {
	case ledger.Extended:
		a.warehouses, a.skus = append(a.warehouses, slices.Clone(e.Warehouses)...), append(a.skus, slices.Clone(e.SKUs)...)
		return nil
	case ledger.StockSet:
		for _, l := range e.Levels {
			c := a.stock[cell{l.Warehouse, l.SKU}]
			c.onHand, c.safety = int64(l.OnHand), int64(l.Safety)
			a.stock[cell{l.Warehouse, l.SKU}] = c
			if c.onHand < 0 || c.safety < 0 || int(l.Warehouse) >= len(a.warehouses) || int(l.SKU) >= len(a.skus) {
				return fmt.Errorf("sets %+v", l)
			}
		}
		if e.Request.ID != "" {
			if _, twice := a.changed[e.Request.ID]; twice {
				return fmt.Errorf("request %q was done before", e.Request.ID)
			}
			a.changed[e.Request.ID] = e.Sequence
		}
		return nil
	case ledger.Planned:
		for _, r := range e.Receipts {
			a.change(cell{r.Warehouse, r.SKU}, counter{inbound: int64(r.Quantity)})
		}
		return nil
	case ledger.Arrived:
		for _, r := range e.Receipts {
			a.change(cell{r.Warehouse, r.SKU}, counter{inbound: -int64(r.Quantity), onHand: int64(r.Quantity)})
		}
		return nil
	case ledger.LimitSet:
		for _, l := range e.Limits {
			a.limits[day{l.Warehouse, l.Service, l.Date}] = int64(l.Shipments)
		}
		return nil
	case ledger.Held, ledger.Declined:
		return a.answer(e)
	case ledger.HoldConfirmed, ledger.HoldReleased, ledger.HoldExpired, ledger.HoldCancelled, ledger.HoldShipped, ledger.HoldShort:
		return a.move(e)
	default:
		return fmt.Errorf("is of kind %d", e.Kind)
	}
}

func (a *accounting) change(at cell, by counter) {
	c := a.stock[at]
	a.stock[at] = counter{c.onHand + by.onHand, c.safety + by.safety, c.held + by.held, c.inbound + by.inbound}
}

// limit returns how many shipments may leave on a day.
func (a *accounting) limit(d day) (int64, bool) {
	n, ok := a.limits[d]
	if !ok {
		n, ok = a.limits[day{d.warehouse, d.service, ledger.EveryDay}]
	}
	return n, ok && n != int64(ledger.Unlimited)
}

// answer adds the answer to an order: granted claims must fit, every one.
func (a *accounting) answer(e *ledger.Event) error {
	h := e.Hold
	if _, twice := a.answered[e.Request.ID]; twice && e.Request.ID != "" {
		return fmt.Errorf("request %q was answered before", e.Request.ID)
	}
	if e.Basis.Sequence >= e.Sequence || len(h.Answer) == 0 || len(e.Question) == 0 {
		return fmt.Errorf("has basis %+v, a question of %d bytes and an answer of %d", e.Basis, len(e.Question), len(h.Answer))
	}
	a.answered[e.Request.ID] = allocated{h.ID, string(bytes.Clone(h.Answer)), e.Sequence}
	if e.Kind == ledger.Declined {
		a.refused++
		if h.ID != 0 || len(h.Stock)+len(h.Shipments) > 0 {
			return fmt.Errorf("holds %+v", h)
		}
		return nil
	}
	a.granted++
	if h.ID == 0 || a.holds[h.ID] != nil || e.HoldID != h.ID {
		return fmt.Errorf("grants hold %d again", h.ID)
	}
	if h.Expires <= e.At || len(h.Stock) == 0 {
		return fmt.Errorf("grants %+v", h)
	}
	for _, c := range h.Stock {
		at := cell{c.Warehouse, c.SKU}
		if left := a.stock[at].available(); c.Quantity < 1 || int64(c.Quantity) > left {
			return fmt.Errorf("OVERSOLD: %d of %s in %s, where %d are left", c.Quantity, a.skus[c.SKU], a.warehouses[c.Warehouse], left)
		}
		a.change(at, counter{held: int64(c.Quantity)})
	}
	for _, c := range h.Shipments {
		if err := a.ship(c); err != nil {
			return err
		}
	}
	a.holds[h.ID] = &hold{status: ledger.Pending, expires: h.Expires, lines: slices.Clone(h.Stock), shipments: slices.Clone(h.Shipments)}
	return nil
}

// ship takes a shipment from the days of its warehouse and its service there.
func (a *accounting) ship(c ledger.ShipmentClaim) error {
	for _, service := range []ledger.Service{ledger.AnyService, c.Service} {
		d := day{c.Warehouse, service, c.Date}
		a.used[d] += int64(c.Shipments)
		n, limited := a.limit(d)
		if limited && a.used[d] > n {
			return fmt.Errorf("OVERSOLD: %d shipments of service %d leave %s on %v, where %d may", a.used[d], service, a.warehouses[c.Warehouse], c.Date, n)
		}
		if limited && a.used[d] == n {
			a.reached[d] = true
		}
	}
	return nil
}

// from is the status that holds must have for an event.
var from = map[ledger.Kind]ledger.Status{
	ledger.HoldConfirmed: ledger.Pending, ledger.HoldReleased: ledger.Pending, ledger.HoldExpired: ledger.Pending,
	ledger.HoldCancelled: ledger.Confirmed, ledger.HoldShipped: ledger.Confirmed, ledger.HoldShort: ledger.Confirmed,
}

// ends is the status of a hold with nothing left, of which nothing has left the warehouse.
var ends = map[ledger.Kind]ledger.Status{
	ledger.HoldReleased: ledger.Released, ledger.HoldExpired: ledger.Expired,
	ledger.HoldCancelled: ledger.Cancelled, ledger.HoldShipped: ledger.Shipped, ledger.HoldShort: ledger.Cancelled,
}

// move adds what became of a hold.
func (a *accounting) move(e *ledger.Event) error {
	h := a.holds[e.HoldID]
	switch {
	case h == nil:
		return fmt.Errorf("is of hold %d, which nobody got", e.HoldID)
	case h.status != from[e.Kind]:
		return fmt.Errorf("is of hold %d, which is %v", e.HoldID, h.status)
	case e.Kind == ledger.HoldExpired && e.At < h.expires:
		return fmt.Errorf("ends hold %d at %d, before %d", e.HoldID, e.At, h.expires)
	case h.status == ledger.Pending && e.Kind != ledger.HoldExpired && e.At >= h.expires:
		return fmt.Errorf("moves hold %d at %d, which expired at %d", e.HoldID, e.At, h.expires)
	}
	if e.Kind == ledger.HoldExpired {
		a.expired++
	}
	before := slices.Clone(h.lines)
	if e.Kind == ledger.HoldConfirmed {
		h.status = ledger.Confirmed
	} else if err := a.take(e, h); err != nil {
		return err
	}
	for _, s := range h.shipments {
		if leaves(before, s.Warehouse) && !leaves(h.lines, s.Warehouse) {
			a.used[day{s.Warehouse, ledger.AnyService, s.Date}] -= int64(s.Shipments)
			a.used[day{s.Warehouse, s.Service, s.Date}] -= int64(s.Shipments)
		}
	}
	if e.Status != h.status {
		return fmt.Errorf("makes hold %d %v, and it should be %v", e.HoldID, e.Status, h.status)
	}
	if !h.status.Holding() {
		h.ended = e.At
	}
	if e.Request.ID != "" {
		if _, twice := a.moved[e.Request.ID]; twice {
			return fmt.Errorf("request %q was done before", e.Request.ID)
		}
		a.moved[e.Request.ID] = moved{e.Kind, e.HoldID, h.status, slices.Clone(h.lines), e.Sequence}
	}
	return nil
}

// take moves units of a hold.
func (a *accounting) take(e *ledger.Event, h *hold) error {
	items := e.Items
	if len(items) == 0 {
		for i := range h.lines {
			if h.lines[i].Left() > 0 {
				items = append(items, ledger.StockClaim{Warehouse: h.lines[i].Warehouse, SKU: h.lines[i].SKU, Quantity: h.lines[i].Left()})
			}
		}
	}
	for _, it := range items {
		i := slices.IndexFunc(h.lines, func(c ledger.Claim) bool { return c.Warehouse == it.Warehouse && c.SKU == it.SKU })
		if i < 0 || it.Quantity < 1 || it.Quantity > h.lines[i].Left() {
			return fmt.Errorf("moves %+v of hold %d, which has %+v", it, e.HoldID, h.lines)
		}
		at, n := cell{it.Warehouse, it.SKU}, int64(it.Quantity)
		before := a.stock[at].missing()
		switch e.Kind {
		case ledger.HoldShipped, ledger.HoldShort:
			a.change(at, counter{held: -n, onHand: -min(n, a.stock[at].onHand)}) // a correction may have left less
			if e.Kind == ledger.HoldShipped {
				h.lines[i].Shipped += it.Quantity
			} else {
				h.lines[i].Short += it.Quantity
			}
		default:
			a.change(at, counter{held: -n})
			h.lines[i].Returned += it.Quantity
		}
		if c := a.stock[at]; c.held < 0 || c.onHand < 0 || c.missing() > before {
			return fmt.Errorf("leaves %+v of %s in %s", c, a.skus[it.SKU], a.warehouses[it.Warehouse])
		}
	}
	left, shipped := false, false
	for i := range h.lines {
		left, shipped = left || h.lines[i].Left() > 0, shipped || h.lines[i].Shipped > 0
	}
	switch {
	case left:
	case shipped:
		h.status = ledger.Shipped
	default:
		h.status = ends[e.Kind]
	}
	return nil
}

// leaves reports whether lines have units that leave a warehouse, or left it.
func leaves(lines []ledger.Claim, w ledger.Warehouse) bool {
	return slices.ContainsFunc(lines, func(c ledger.Claim) bool { return c.Warehouse == w && (c.Left() > 0 || c.Shipped > 0) })
}

// settle checks the sums: what every counter holds is what the holds that are open have left of it.
func (a *accounting) settle() error {
	sums, used := map[cell]int64{}, map[day]int64{}
	for _, h := range a.holds {
		for _, c := range h.lines {
			if h.status.Holding() {
				sums[cell{c.Warehouse, c.SKU}] += int64(c.Left())
			} else if c.Left() != 0 {
				return fmt.Errorf("a hold that is %v has %+v", h.status, c)
			}
		}
		for _, s := range h.shipments {
			if leaves(h.lines, s.Warehouse) {
				used[day{s.Warehouse, ledger.AnyService, s.Date}] += int64(s.Shipments)
				used[day{s.Warehouse, s.Service, s.Date}] += int64(s.Shipments)
			}
		}
	}
	for at, c := range a.stock {
		if c.held != sums[at] {
			return fmt.Errorf("%d of %s in %s are held, and holds have %d", c.held, a.skus[at.sku], a.warehouses[at.warehouse], sums[at])
		}
	}
	for d, n := range a.used {
		if n != used[d] {
			return fmt.Errorf("%d shipments are taken from %+v, and holds have %d", n, d, used[d])
		}
	}
	return nil
}

// differs compares the stock with another reading of it, such as a server's, and says how it differs.
func (a *accounting) differs(other map[cell]counter) error {
	cells := map[cell]bool{}
	for at := range maps.Keys(a.stock) {
		cells[at] = true
	}
	for at := range maps.Keys(other) {
		cells[at] = true
	}
	for at := range cells {
		if a.stock[at] != other[at] {
			return fmt.Errorf("%s in %s: the events come to %+v, the server has %+v", a.skus[at.sku], a.warehouses[at.warehouse], a.stock[at], other[at])
		}
	}
	return nil
}
