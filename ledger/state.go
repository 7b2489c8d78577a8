package ledger

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/allot-engine/allot/units"
)

// A Config configures a State. A zero field takes the default in its comment.
type Config struct {
	MaxHolds  int          // holds remembered at once; default 16,777,216
	Retention int64        // seconds that an ended hold and its request id are remembered; default 7 days
	Sink      func(*Event) // gets every event in order, within the command that caused it; default none
}

// A State is a ledger as a pure state machine. It is not safe for concurrent use, except that views taken from it may
// be read at any time; [Ledger] is.
type State struct {
	maxHolds  int
	retention int64
	sink      func(*Event)

	now         units.Instant
	sequence    uint64
	event       Event       // reused: events are handed out by pointer
	stockResult StockResult // of the latest StockSet
	granting    *record     // the record of the event being applied, when a command made it

	warehouses, skus, services names

	columns *columns
	counts  [][]count // [sku][warehouse], nil until the SKU is first stocked
	limits  []limit   // [capacity row]

	nextHold HoldID
	holds    map[HoldID]*record
	open     int // holds that have their claims
	expiry   expiryHeap
	receipts receiptHeap
	requests map[string]request
	ended    queue[HoldID] // ended holds, oldest first
	answered queue[string] // requests other than allocations, oldest first
}

// A count is the cold part of a stock counter. Held is not stored: it is onHand - safety - available.
type count struct{ onHand, safety, inbound int32 }

// A limit is one limited capacity: its limit by day, and what is used on the days of the horizon.
type limit struct {
	warehouse Warehouse
	service   Service
	every     int32                // of dates without their own limit
	own       map[units.Date]int32 // nil until the first
	used      [Horizon]int32       // [date mod Horizon]
}

func (l *limit) on(d units.Date) int32 {
	if n, ok := l.own[d]; ok {
		return n
	}
	return l.every
}

// A record is a hold as the ledger keeps it, with room for the claims of common orders.
type record struct {
	Hold
	heap      int // position in the expiry heap, -1 when not pending
	stock     [4]StockClaim
	shipments [2]ShipmentClaim
}

// A request is what a request id was used for: hold for an allocation, the rest for another command.
type request struct {
	hold  *record
	other *answer
}

type answer struct {
	body    [32]byte
	hold    HoldID // of a transition; 0 for a change of stock
	status  Status
	changed units.Instant
	stock   StockResult
}

// NewState returns an empty state.
func NewState(c Config) *State {
	s := &State{
		maxHolds:  c.MaxHolds,
		retention: c.Retention,
		sink:      c.Sink,
		columns:   &columns{base: new(atomic.Int32)},
		nextHold:  1,
		holds:     make(map[HoldID]*record),
		requests:  make(map[string]request),
	}
	if s.maxHolds <= 0 {
		s.maxHolds = 1 << 24
	}
	if s.retention <= 0 {
		s.retention = 7 * 24 * 3600
	}
	s.columns = newColumns(0, 0, 0, s.columns)
	s.columns.base.Store(firstBase)
	return s
}

// View returns the counters for reading.
func (s *State) View() View {
	return view(s.columns, s.sequence)
}

func view(c *columns, sequence uint64) View {
	return View{
		Sequence:   sequence,
		Warehouses: c.warehouses, SKUs: c.skus, Services: c.services,
		Stride: c.stride, Words: c.words,
		Available: c.available, Stocked: c.stocked,
		c: c,
	}
}

// Now returns the time of the latest command.
func (s *State) Now() units.Instant { return s.now }

// Sequence returns the number of the latest event.
func (s *State) Sequence() uint64 { return s.sequence }

// Advance lets everything happen that falls due by an instant: holds expire, inbound receipts arrive. Every command
// does so first; call it where time passes without commands.
func (s *State) Advance(at units.Instant) error {
	var f faults
	checkInstant(&f, "at", at)
	if err := f.err(); err != nil {
		return err
	}
	s.advance(at)
	return nil
}

func checkInstant(f *faults, field string, at units.Instant) {
	if at < 0 || at > maxInstant {
		f.addf(field, "is %d, not an instant from 1970 to 9999", int64(at))
	}
}

func (s *State) advance(at units.Instant) {
	at = max(at, s.now)
	for {
		r, h := s.receipts.first(), s.expiry.first()
		switch {
		case r != nil && r.From <= at && (h == nil || r.From <= h.Expires):
			s.roll(max(r.From, s.now))
			s.emit(Event{Kind: Arrived, Receipt: r.Receipt})
		case h != nil && h.Expires <= at:
			s.roll(max(h.Expires, s.now))
			s.emit(Event{Kind: HoldMoved, HoldID: h.ID, Status: Expired})
		default:
			s.roll(at)
			return
		}
	}
}

// roll moves the clock: the days of the capacity horizon, and what is old enough to be forgotten.
func (s *State) roll(at units.Instant) {
	s.now = at
	day := units.Date(int64(at) / 86_400)
	base, next := units.Date(s.columns.base.Load()), day-2
	if next > base {
		s.columns.base.Store(int32(next))
		from := max(base, next-Horizon)
		for row := range s.limits {
			l := &s.limits[row]
			maps.DeleteFunc(l.own, func(d units.Date, _ int32) bool { return d < next })
			for d := from; d < next; d++ {
				l.used[ring(d)] = 0
				s.publish(row, d+Horizon)
			}
		}
	}
	for id, ok := s.ended.pop(at, s.retention); ok; id, ok = s.ended.pop(at, s.retention) {
		if r := s.holds[id]; r.Request.ID != "" {
			delete(s.requests, r.Request.ID)
		}
		delete(s.holds, id)
	}
	for id, ok := s.answered.pop(at, s.retention); ok; id, ok = s.answered.pop(at, s.retention) {
		delete(s.requests, id)
	}
}

// publish shows what is left of a limited capacity on a date of the horizon.
func (s *State) publish(row int, d units.Date) {
	l := &s.limits[row]
	left := Unlimited
	if n := l.on(d); n != Unlimited {
		left = n - l.used[ring(d)]
	}
	atomic.StoreInt32(&s.columns.left[row*Horizon+ring(d)], left)
}

// emit numbers an event, applies it, and hands it to the sink. It happens now.
func (s *State) emit(e Event) {
	e.Sequence, e.At = s.sequence+1, s.now
	s.event = e
	s.apply(&s.event)
	if s.sink != nil {
		s.sink(&s.event)
	}
}

// Replay applies an event that another state with the same past has put out. It returns ErrReplay when the event
// does not follow; the state is unchanged then. The events' claims were checked when they were put out; Replay does
// not check them again.
func (s *State) Replay(e *Event) error {
	if e.Sequence != s.sequence+1 || e.At < s.now || e.At > maxInstant || !s.follows(e) {
		return ErrReplay
	}
	s.roll(e.At)
	s.apply(e)
	return nil
}

// follows reports whether everything that an event names is there.
func (s *State) follows(e *Event) bool {
	var f faults
	switch e.Kind {
	case Extended:
		return true
	case StockSet:
		for i := range e.Levels {
			s.checkCell(&f, "", i, e.Levels[i].Warehouse, e.Levels[i].SKU)
		}
	case Planned, Arrived:
		s.checkCell(&f, "", 0, e.Receipt.Warehouse, e.Receipt.SKU)
		if r := s.receipts.first(); e.Kind == Arrived && (r == nil || r.Receipt != e.Receipt) {
			return false
		}
	case LimitSet:
		s.checkSite(&f, "", 0, e.Limit.Warehouse, e.Limit.Service)
	case Held:
		if e.Hold == nil || e.Hold.ID != s.nextHold {
			return false
		}
		for i, c := range e.Hold.Stock {
			s.checkCell(&f, "", i, c.Warehouse, c.SKU)
		}
		for i, c := range e.Hold.Shipments {
			s.checkSite(&f, "", i, c.Warehouse, c.Service)
		}
	case HoldMoved:
		r := s.holds[e.HoldID]
		return r != nil && r.Status.may(e.Status)
	default:
		return false
	}
	return len(f) == 0
}

// apply changes the state. It is the only place that does, besides roll. It cannot fail.
func (s *State) apply(e *Event) {
	s.sequence = e.Sequence
	switch e.Kind {
	case Extended:
		s.warehouses.add(e.Warehouses)
		s.skus.add(e.SKUs)
		s.services.add(e.Services)
		s.columns = newColumns(s.warehouses.len(), s.skus.len(), s.services.len(), s.columns)
		for range s.skus.len() - len(s.counts) {
			s.counts = append(s.counts, nil)
		}
	case StockSet:
		for _, l := range e.Levels {
			c := s.count(l.Warehouse, l.SKU)
			held := s.held(l.Warehouse, l.SKU)
			c.onHand, c.safety = l.OnHand, l.Safety
			s.columns.setAvailable(l.Warehouse, l.SKU, l.OnHand-l.Safety-held)
		}
		s.stockResult = StockResult{Sequence: e.Sequence, Shortfalls: s.shortfalls(e.Levels)}
		s.answer(e, answer{stock: s.stockResult})
	case Planned:
		s.count(e.Receipt.Warehouse, e.Receipt.SKU).inbound += e.Receipt.Quantity
		s.receipts.push(planned{e.Receipt, e.Sequence})
	case Arrived:
		r := s.receipts.pop()
		c := s.count(r.Warehouse, r.SKU)
		c.inbound -= r.Quantity
		c.onHand += r.Quantity
		s.add(r.Warehouse, r.SKU, r.Quantity)
	case LimitSet:
		s.applyLimit(e.Limit)
	case Held:
		s.applyHeld(e)
	case HoldMoved:
		s.applyMoved(e)
	}
}

func (s *State) applyHeld(e *Event) {
	r := s.granting
	if s.granting = nil; r == nil { // a replay: keep nothing of the event but what never changes
		r = &record{Hold: *e.Hold}
		r.Hold.Stock, r.Hold.Shipments = slices.Clone(r.Hold.Stock), slices.Clone(r.Hold.Shipments)
	}
	s.nextHold = r.ID + 1
	s.holds[r.ID] = r
	s.open++
	if r.Request.ID != "" {
		s.requests[r.Request.ID] = request{hold: r}
	}
	s.expiry.push(r)
	s.claim(&r.Hold, 1)
}

func (s *State) applyMoved(e *Event) {
	r := s.holds[e.HoldID]
	s.expiry.remove(r)
	r.Status, r.Changed = e.Status, e.At
	s.answer(e, answer{hold: r.ID, status: e.Status, changed: e.At})
	if e.Status.Holding() {
		return
	}
	s.open--
	s.claim(&r.Hold, -1)
	s.ended.push(e.At, r.ID)
}

// answer remembers what the request of an event other than a grant is to be answered when it comes again.
func (s *State) answer(e *Event, a answer) {
	if e.Request.ID == "" {
		return
	}
	kept := a
	kept.body = e.Request.Body
	s.requests[e.Request.ID] = request{other: &kept}
	s.answered.push(e.At, e.Request.ID)
}

// claim takes a hold's claims from the counters, or gives them back with sign -1.
func (s *State) claim(h *Hold, sign int32) {
	for _, c := range h.Stock {
		s.add(c.Warehouse, c.SKU, -sign*c.Quantity)
	}
	base := units.Date(s.columns.base.Load())
	for _, c := range h.Shipments {
		if c.Date < base || c.Date >= base+Horizon {
			continue // over, and no longer counted
		}
		for _, service := range [2]Service{AnyService, c.Service} {
			if row := s.limitRow(c.Warehouse, service); row >= 0 {
				s.limits[row].used[ring(c.Date)] += sign * c.Shipments
				s.publish(row, c.Date)
			}
		}
	}
}

func (s *State) add(w Warehouse, sku SKU, n int32) {
	s.columns.setAvailable(w, sku, s.available(w, sku)+n)
}

func (s *State) available(w Warehouse, sku SKU) int32 {
	return s.columns.available[int(sku)*s.columns.stride+int(w)]
}

// held returns the units of a SKU that holds have in a warehouse.
func (s *State) held(w Warehouse, sku SKU) int32 {
	row := s.counts[sku]
	if int(w) >= len(row) {
		return 0 // never stocked, so never held
	}
	return row[w].onHand - row[w].safety - s.available(w, sku)
}

// count returns the cold counter of a cell, to be changed by an event.
func (s *State) count(w Warehouse, sku SKU) *count {
	row := s.counts[sku]
	if int(w) >= len(row) {
		row = append(row, make([]count, s.columns.warehouses-len(row))...)
		s.counts[sku] = row
	}
	return &row[w]
}

func (s *State) limitRow(w Warehouse, service Service) int {
	return int(s.columns.limits[int(w)*s.columns.perSite+int(service)+1])
}

// applyLimit sets a limit. The first of its kind begins to count, and so looks at the holds there are.
func (s *State) applyLimit(c CapacityLimit) {
	row := s.limitRow(c.Warehouse, c.Service)
	base := units.Date(s.columns.base.Load())
	if row < 0 {
		row = len(s.limits)
		l := limit{warehouse: c.Warehouse, service: c.Service, every: Unlimited}
		for _, r := range s.holds {
			if !r.Status.Holding() {
				continue
			}
			for _, sc := range r.Shipments {
				if sc.Warehouse == c.Warehouse && (c.Service == AnyService || c.Service == sc.Service) &&
					sc.Date >= base && sc.Date < base+Horizon {
					l.used[ring(sc.Date)] += sc.Shipments
				}
			}
		}
		s.limits = append(s.limits, l)
		next := *s.columns // readers of the old one keep their length
		next.left = append(next.left, make([]int32, Horizon)...)
		s.columns = &next
		for d := base; d < base+Horizon; d++ {
			s.publish(row, d)
		}
		atomic.StoreInt32(&next.limits[int(c.Warehouse)*next.perSite+int(c.Service)+1], int32(row))
	}
	l := &s.limits[row]
	if c.Date != EveryDay {
		if l.own == nil {
			l.own = make(map[units.Date]int32)
		}
		l.own[c.Date] = c.Shipments
		if c.Date < base+Horizon {
			s.publish(row, c.Date)
		}
		return
	}
	l.every = c.Shipments
	for d := base; d < base+Horizon; d++ {
		s.publish(row, d)
	}
}
