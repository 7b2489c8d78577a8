package ledger

import (
	"cmp"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"sync/atomic"

	"github.com/allot-engine/allot/units"
)

// A Config configures a State. A zero field takes the default in its comment.
type Config struct {
	MaxHolds         int          // holds and refusals remembered at once; default 16,777,216
	Retention        int64        // seconds that an ended hold and its request id are remembered; default 7 days
	RefusalRetention int64        // seconds that the answer to a refused order is remembered; default 1 hour
	Sink             func(*Event) // gets every event in order, within the command that caused it; default none
}

// A State is a ledger as a pure state machine. It is not safe for concurrent use, except that views taken from it may
// be read at any time; [Ledger] is.
type State struct {
	maxHolds  int
	retention int64
	refusals  int64 // retention of refusals
	sink      func(*Event)

	now         units.Instant
	sequence    uint64
	event       Event       // reused: events are handed out by pointer
	stockResult StockResult // of the latest StockSet
	granting    *record     // the record of the event being applied, when a command made it
	moving      moved       // what the event being applied makes of a hold, when that was worked out before
	room        *Room       // for what Replay keeps; nil until the first
	foreseen    uint64      // means nothing, see Foresee

	warehouses, skus, services, networks names

	columns *columns
	counts  [][]count // [sku], by warehouse; of those that were ever stocked
	limits  []limit   // [capacity row]

	nextHold HoldID
	holds    holdTable
	claims   claimants // of open holds
	open     int       // holds that have their claims
	expiry   expiryHeap
	receipts receiptHeap
	requests requestTable
	ended    queue[HoldID]  // ended holds, oldest first
	answered queue[answer]  // of requests other than allocations, oldest first
	refused  queue[*record] // orders with a request, oldest first
}

// A count is the cold part of a stock counter. Held is not stored: it is onHand - safety - available. Most SKUs lie in few of the
// warehouses, so a count has its place in a short list and not in a dense row: a thousand warehouses and a million SKUs would take 12 GB.
type count struct {
	warehouse               Warehouse
	onHand, safety, inbound int32
}

// A limit is one limited capacity: its limit by day, and what is used on the days of the horizon.
type limit struct {
	warehouse Warehouse
	service   Service
	every     int32                // of dates without their own limit
	own       map[units.Date]int32 // nil until the first
	used      [Horizon]int64       // [date mod Horizon]; days without a limit have no bound
}

func (l *limit) on(d units.Date) int32 {
	if n, ok := l.own[d]; ok {
		return n
	}
	return l.every
}

// A record is a hold as the ledger keeps it.
type record struct {
	Hold
	heap int32  // position in the expiry heap, -1 when not pending
	link uint32 // of the first claim, while the hold is open
}

// A roomyRecord is a record with room for the claims of common orders.
type roomyRecord struct {
	record
	stock     [4]Claim
	shipments [2]ShipmentClaim
}

// A moved is what becomes of a hold. A zero status is none.
type moved struct {
	claims []Claim
	status Status
}

// A Room is memory for what is kept of many holds, some dozens at a time: where holds come by the million, allocations are what
// costs. The price is that the last of some dozens keeps the memory of all. The zero Room is ready; one goroutine at a time may
// use it.
type Room struct {
	records   slab[record]
	claims    slab[Claim]
	shipments slab[ShipmentClaim]
	bytes     slab[byte]
}

func (r *Room) keep(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	out := r.bytes.take(len(b), roomBytes)
	copy(out, b)
	return out
}

// An answer is what a command other than an allocation was answered: the hold as it became when the answer was queued, or a
// change of stock.
type answer struct {
	kind   Kind
	status Status
	Request
	hold   HoldID
	latest uint64
	claims []Claim
	stock  *StockResult
}

// NewState returns an empty state.
func NewState(c Config) *State {
	s := &State{
		maxHolds:  c.MaxHolds,
		retention: c.Retention,
		refusals:  c.RefusalRetention,
		sink:      c.Sink,
		columns:   &columns{base: firstBase, first: new(atomic.Int32), turned: new(atomic.Uint64)},
		nextHold:  1,
		requests:  requestTable{seed: maphash.MakeSeed()},
	}
	if s.maxHolds <= 0 {
		s.maxHolds = 1 << 24
	}
	if s.retention <= 0 {
		s.retention = 7 * 24 * 3600
	}
	if s.refusals <= 0 {
		s.refusals = 3600
	}
	s.columns = newColumns(0, 0, 0, s.columns)
	s.columns.turn(firstBase)
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
			s.emit(Event{Kind: Arrived, Receipts: []Receipt{r.Receipt}})
		case h != nil && h.Expires <= at:
			s.roll(max(h.Expires, s.now))
			s.emit(Event{Kind: HoldExpired, HoldID: h.ID, Status: Expired})
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
	base, next := s.columns.base, day+firstBase
	if next > base {
		columns := *s.columns // a view keeps the days that it began with
		columns.turn(next)
		s.columns = &columns
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
	for id, _, ok := s.ended.pop(at, s.retention); ok; id, _, ok = s.ended.pop(at, s.retention) {
		if r := s.holds.get(id); r.Request.ID != "" {
			s.requests.remove(s.requests.hash(r.Request.ID), requestRef(id)<<2|usedForHold)
		}
		s.holds.remove(id)
	}
	for a, n, ok := s.answered.pop(at, s.retention); ok; a, n, ok = s.answered.pop(at, s.retention) {
		s.requests.remove(s.requests.hash(a.ID), requestRef(n)<<2|usedForAnswer)
	}
	for r, n, ok := s.refused.pop(at, s.refusals); ok; r, n, ok = s.refused.pop(at, s.refusals) {
		s.requests.remove(s.requests.hash(r.Request.ID), requestRef(n)<<2|usedForRefusal)
	}
}

// publish shows what is left of a limited capacity on a date of the horizon.
func (s *State) publish(row int, d units.Date) {
	l := &s.limits[row]
	left := Unlimited
	if n := l.on(d); n != Unlimited {
		left = int32(max(int64(n)-l.used[ring(d)], math.MinInt32))
	}
	at := &s.columns.left[row*Horizon+ring(d)]
	if (left > 0) != (*at > 0) { // the sequencer is the only writer
		s.columns.turned.Store(s.sequence)
	}
	atomic.StoreInt32(at, left)
}

// emit numbers an event, applies it, and hands it to the sink. It happens now.
func (s *State) emit(e Event) {
	e.Sequence, e.At = s.sequence+1, s.now
	e.Request = e.Request.sound()
	s.event = e
	s.apply(&s.event)
	if s.sink != nil {
		s.sink(&s.event)
	}
}

// Replay applies an event that another state with the same past has put out, and keeps nothing of its memory. It returns
// ErrReplay when the event does not follow; the state is unchanged then, but for the clock. What an event leaves out,
// Basis and Question do not matter. Capacities were checked when the event was put out; Replay does not check them again.
func (s *State) Replay(e *Event) error {
	if s.room == nil {
		s.room = new(Room)
	}
	if e.Sequence != s.sequence+1 || e.At < s.now || e.At > maxInstant || !s.follows(e) {
		s.moving = moved{}
		return ErrReplay
	}
	s.roll(e.At)
	if s.request(e.Request.ID) != 0 { // which the clock may have made forgotten
		s.moving = moved{}
		return ErrReplay
	}
	s.apply(e)
	return nil
}

// Foresee brings what Replay of these events will look at close to the processor, all of it at once, where Replay would wait
// for one after the other. It changes nothing that can be seen, and any events will do; a few hundred at a time are best.
func (s *State) Foresee(events []Event) {
	seen := s.foreseen
	cell := func(c *StockClaim) {
		if uint(c.SKU) < uint(s.columns.skus) && uint(c.Warehouse) < uint(s.columns.stride) {
			seen += uint64(s.available(c.Warehouse, c.SKU)) + s.columns.changed[c.SKU] + uint64(s.claims.at(s.claims.heads[c.SKU]).prev)
		}
	}
	for i := range events {
		e := &events[i]
		if e.Request.ID != "" && s.requests.len() > 0 {
			seen += uint64(s.requests.at(s.requests.hash(e.Request.ID)).hash)
		}
		switch {
		case e.Hold != nil && len(s.claims.pages) > 0:
			for i := range e.Hold.Stock {
				cell(&e.Hold.Stock[i].StockClaim)
			}
		case e.Kind.OfHold():
			if r := s.holds.get(e.HoldID); r != nil {
				seen += r.Latest + uint64(r.link)
			}
		}
	}
	s.foreseen = seen // else the compiler could leave it all out
}

// foreseeGrants is Foresee for grants that are yet to be decided.
func (s *State) foreseeGrants(requests []string, skus []SKU) {
	seen := s.foreseen
	if s.requests.len() > 0 {
		for _, id := range requests {
			seen += uint64(s.requests.at(s.requests.hash(id)).hash)
		}
	}
	for _, sku := range skus {
		if uint(sku) < uint(s.columns.skus) {
			seen += s.columns.changed[sku] + s.columns.crossed[int(sku)*crossings]
			if head := s.claims.heads[sku]; head != 0 {
				seen += uint64(s.claims.at(head).prev)
			}
		}
	}
	s.foreseen = seen
}

// follows reports whether everything that an event names is there.
func (s *State) follows(e *Event) bool {
	var f faults
	switch e.Kind {
	case Extended:
		return s.fitsMemory(e) && s.warehouses.lack(e.Warehouses) && s.skus.lack(e.SKUs) && s.services.lack(e.Services) && s.networks.lack(e.Networks)
	case StockSet:
		for i, l := range e.Levels {
			if s.checkCell(&f, "", i, l.Warehouse, l.SKU) {
				s.checkOnHand(&f, "", i, "", l.Warehouse, l.SKU, int64(l.OnHand))
			}
		}
	case Planned:
		s.checkReceipts(&f, e.Receipts)
	case Arrived:
		r := s.receipts.first()
		return r != nil && len(e.Receipts) == 1 && r.Receipt == e.Receipts[0] && r.From <= e.At
	case LimitSet:
		for i, l := range e.Limits {
			s.checkSite(&f, "", i, l.Warehouse, l.Service)
			if l.Date != EveryDay && (l.Date < units.Date(e.At/86_400)+firstBase || l.Date > units.Date(maxInstant/86_400)) {
				return false
			}
		}
	case Held, Declined:
		if e.Hold == nil || e.Kind == Held && e.Hold.ID != s.nextHold || e.Kind == Declined && e.Hold.ID != 0 {
			return false
		}
		for i, c := range e.Hold.Stock {
			if s.checkCell(&f, "", i, c.Warehouse, c.SKU) && s.available(c.Warehouse, c.SKU) < c.Quantity {
				return false
			}
		}
		for i, c := range e.Hold.Shipments {
			s.checkSite(&f, "", i, c.Warehouse, c.Service)
		}
	default:
		r := s.holds.get(e.HoldID)
		if !e.Kind.OfHold() || r == nil || r.Status != e.Kind.from() || e.Kind == HoldExpired && r.Expires > e.At {
			return false
		}
		m, ok := r.moved(e.Kind, e.Items, s.room.claims.take(len(r.Stock), roomClaims))
		s.moving = m
		return ok && m.status == e.Status
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
		s.networks.add(e.Networks)
		if len(e.Warehouses) > 0 { // a view may have the columns of this event and the number of the one before
			s.columns.turned.Store(s.sequence)
		}
		s.columns = newColumns(s.warehouses.len(), s.skus.len(), s.services.len(), s.columns)
		for range s.skus.len() - len(s.counts) {
			s.counts = append(s.counts, nil)
			s.claims.heads = append(s.claims.heads, 0)
		}
	case StockSet:
		for _, l := range e.Levels {
			c := s.count(l.Warehouse, l.SKU)
			held := s.held(l.Warehouse, l.SKU)
			c.onHand, c.safety = l.OnHand, l.Safety
			s.columns.setAvailable(l.Warehouse, l.SKU, l.OnHand-l.Safety-held, s.sequence)
		}
		s.stockResult = StockResult{Sequence: e.Sequence, Shortfalls: s.shortfalls(e.Levels)}
		if e.Request.ID != "" {
			kept := s.stockResult
			s.answer(e, answer{stock: &kept})
		}
	case Planned:
		for i, r := range e.Receipts {
			s.count(r.Warehouse, r.SKU).inbound += r.Quantity
			s.columns.touch(r.SKU, s.sequence)
			s.receipts.push(planned{r, e.Sequence, i})
		}
		s.answer(e, answer{})
	case Arrived:
		r := s.receipts.pop()
		c := s.count(r.Warehouse, r.SKU)
		c.inbound -= r.Quantity
		c.onHand += r.Quantity
		s.add(r.Warehouse, r.SKU, r.Quantity)
	case LimitSet:
		for _, l := range e.Limits {
			s.applyLimit(l)
		}
	case Held, Declined:
		s.applyHeld(e)
	default:
		s.applyMoved(e)
	}
}

func (s *State) applyHeld(e *Event) {
	r := s.granting
	if s.granting = nil; r == nil { // a replay: the event's memory is used again
		r = &s.room.records.take(1, roomRecords)[0]
		r.Hold, r.heap = *e.Hold, -1
		r.Stock = s.room.claims.take(len(e.Hold.Stock), roomClaims)
		copy(r.Stock, e.Hold.Stock)
		r.Shipments = s.room.shipments.take(len(e.Hold.Shipments), roomClaims)
		copy(r.Shipments, e.Hold.Shipments)
		r.Answer = s.room.keep(e.Hold.Answer)
	}
	if e.Kind == Declined {
		if r.Request.ID != "" {
			s.remember(r.Request.ID, requestRef(s.refused.push(e.At, r))<<2|usedForRefusal)
		}
		return
	}
	if r.Request.ID != "" {
		s.remember(r.Request.ID, requestRef(r.ID)<<2|usedForHold)
	}
	s.nextHold = r.ID + 1
	s.holds.put(r)
	s.claims.add(r)
	s.open++
	s.expiry.push(r)
	for _, c := range r.Stock {
		s.add(c.Warehouse, c.SKU, -c.Quantity)
	}
	for _, c := range r.Shipments {
		s.use(c, 1)
	}
}

// applyMoved moves units of a hold, or all that are left, and the hold with them.
func (s *State) applyMoved(e *Event) {
	r, m := s.holds.get(e.HoldID), s.moving
	if s.moving = (moved{}); m.status == 0 {
		m, _ = r.moved(e.Kind, e.Items, make([]Claim, len(r.Stock)))
	}
	claims, status := m.claims, m.status
	if e.Kind != HoldConfirmed {
		before := r.Stock
		for i, c := range claims {
			gone := before[i].Left() - c.Left()
			if gone == 0 {
				continue
			}
			back := gone // to what is available
			if e.Kind == HoldShipped || e.Kind == HoldShort {
				cell := s.count(c.Warehouse, c.SKU)
				off := min(gone, cell.onHand) // a correction may have left less
				cell.onHand -= off
				back -= off
			}
			s.add(c.Warehouse, c.SKU, back)
		}
		for _, c := range r.Shipments {
			if uses(before, c.Warehouse) && !uses(claims, c.Warehouse) {
				s.use(c, -1)
			}
		}
	}
	r.Stock, r.Status, r.Changed, r.Latest = claims, status, e.At, e.Sequence
	if status != Pending {
		s.expiry.remove(r)
	}
	s.answer(e, answer{hold: r.ID, status: status, latest: e.Sequence, claims: claims})
	if !status.Holding() {
		s.open--
		s.claims.remove(r)
		s.ended.push(e.At, r.ID)
	}
}

// moved returns what becomes of a hold when items of it move. It is false when there are not so many left. The claims are
// a copy, in room, for others may look at those that there were.
func (r *record) moved(k Kind, items []StockClaim, room []Claim) (moved, bool) {
	if k == HoldConfirmed {
		return moved{r.Stock, Confirmed}, true
	}
	claims := room[:copy(room, r.Stock)]
	move := func(c *Claim, n int32) bool {
		if n < 1 || n > c.Left() {
			return false
		}
		switch k {
		case HoldShipped:
			c.Shipped += n
		case HoldShort:
			c.Short += n
		default:
			c.Returned += n
		}
		return true
	}
	for _, it := range items {
		i := slices.IndexFunc(claims, func(c Claim) bool { return c.Warehouse == it.Warehouse && c.SKU == it.SKU })
		if i < 0 || !move(&claims[i], it.Quantity) {
			return moved{}, false
		}
	}
	if len(items) == 0 {
		for i := range claims {
			move(&claims[i], claims[i].Left())
		}
	}
	left, shipped := false, false
	for i := range claims {
		left = left || claims[i].Left() > 0
		shipped = shipped || claims[i].Shipped > 0
	}
	switch {
	case left:
		return moved{claims, r.Status}, true
	case shipped:
		return moved{claims, Shipped}, true
	case k == HoldReleased:
		return moved{claims, Released}, true
	case k == HoldExpired:
		return moved{claims, Expired}, true
	default:
		return moved{claims, Cancelled}, true
	}
}

// uses reports whether claims use the shipment from a warehouse: units are held for it, or have left in it. A shipment
// for which the hold claims no stock lasts as long as all of it.
func uses(claims []Claim, w Warehouse) bool {
	none, all := true, false
	for i := range claims {
		c := &claims[i]
		in := c.Left() > 0 || c.Shipped > 0
		if c.Warehouse == w {
			if none = false; in {
				return true
			}
		}
		all = all || in
	}
	return none && all
}

// answer remembers what the request of an event other than a grant is to be answered when it comes again.
func (s *State) answer(e *Event, a answer) {
	if e.Request.ID == "" {
		return
	}
	a.kind, a.Request = e.Kind, e.Request
	s.remember(a.ID, requestRef(s.answered.push(e.At, a))<<2|usedForAnswer)
}

// remember notes what the id of a request that is not known was used for.
func (s *State) remember(id string, ref requestRef) { s.requests.put(s.requests.hash(id), ref) }

// request returns what the id of a request was used for, or 0.
func (s *State) request(id string) requestRef {
	if id == "" {
		return 0
	}
	return s.requests.get(s.requests.hash(id), func(r requestRef) bool { return s.usedBy(r).ID == id })
}

// usedBy returns the request that was used for something.
func (s *State) usedBy(r requestRef) *Request {
	if r.kind() == usedForAnswer {
		return &s.answered.at(r.number()).item.Request
	}
	return &s.granted(r).Request
}

// granted returns the hold or the refusal that a request was used for, or nil if it was used for something else.
func (s *State) granted(r requestRef) *record {
	switch r.kind() {
	case usedForHold:
		return s.holds.get(HoldID(r.number()))
	case usedForRefusal:
		return s.refused.at(r.number()).item
	default:
		return nil
	}
}

// use takes a shipment's day from the capacities that are limited, or gives it back with sign -1.
func (s *State) use(c ShipmentClaim, sign int64) {
	base := s.columns.base
	if c.Date < base || c.Date >= base+Horizon {
		return // over, and no longer counted
	}
	for _, service := range [2]Service{AnyService, c.Service} {
		if row := s.limitRow(c.Warehouse, service); row >= 0 {
			s.limits[row].used[ring(c.Date)] += sign * int64(c.Shipments)
			s.publish(row, c.Date)
		}
	}
}

func (s *State) add(w Warehouse, sku SKU, n int32) {
	s.columns.setAvailable(w, sku, s.available(w, sku)+n, s.sequence)
}

func (s *State) available(w Warehouse, sku SKU) int32 {
	return s.columns.available[int(sku)*s.columns.stride+int(w)]
}

// held returns the units of a SKU that holds have in a warehouse.
func (s *State) held(w Warehouse, sku SKU) int32 {
	c := s.counted(w, sku) // what was never stocked was never held
	if c == nil {
		return 0
	}
	return c.onHand - c.safety - s.available(w, sku)
}

// count returns the cold counter of a cell, to be changed by an event. It is good until the next call.
func (s *State) count(w Warehouse, sku SKU) *count {
	i, found := s.findCount(w, sku)
	if !found {
		s.counts[sku] = slices.Insert(s.counts[sku], i, count{warehouse: w})
	}
	return &s.counts[sku][i]
}

// counted returns the cold counter of a cell, or nil where there is none.
func (s *State) counted(w Warehouse, sku SKU) *count {
	if i, found := s.findCount(w, sku); found {
		return &s.counts[sku][i]
	}
	return nil
}

// findCount returns where in its SKU's list the cold counter of a cell is, or belongs.
func (s *State) findCount(w Warehouse, sku SKU) (int, bool) {
	row := s.counts[sku]
	if i := int(w); i < len(row) && row[i].warehouse == w {
		return i, true // of what lies everywhere; six steps of a search there took a third of a replay
	}
	return slices.BinarySearchFunc(row, w, func(c count, w Warehouse) int { return cmp.Compare(c.warehouse, w) })
}

func (s *State) limitRow(w Warehouse, service Service) int {
	return int(s.columns.limits[s.columns.site(w, service)])
}

// applyLimit sets a limit. The first of its kind begins to count, and so looks at the holds there are.
func (s *State) applyLimit(c CapacityLimit) {
	row := s.limitRow(c.Warehouse, c.Service)
	base := s.columns.base
	if row < 0 {
		row = len(s.limits)
		l := limit{warehouse: c.Warehouse, service: c.Service, every: Unlimited}
		for r := range s.holds.all() {
			for _, sc := range r.Shipments {
				if sc.Warehouse == c.Warehouse && uses(r.Stock, c.Warehouse) && (c.Service == AnyService || c.Service == sc.Service) &&
					sc.Date >= base && sc.Date < base+Horizon {
					l.used[ring(sc.Date)] += int64(sc.Shipments)
				}
			}
		}
		s.limits = append(s.limits, l)
		next := *s.columns // readers of the old one keep their length
		next.left = append(next.left, make([]int32, Horizon)...)
		s.columns = &next
		next.turned.Store(s.sequence)
		for d := base; d < base+Horizon; d++ {
			s.publish(row, d)
		}
		atomic.StoreInt32(&next.limits[next.site(c.Warehouse, c.Service)], int32(row))
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
