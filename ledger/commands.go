package ledger

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/allot-engine/allot/units"
)

// Extend gives rows to names that have none yet, in the given order, after all rows given before, and numbers to versions
// of networks. Known names keep their rows. It refuses empty, overlong and malformed names, and more than MaxCells counters.
func (s *State) Extend(at units.Instant, warehouses, skus, services, networks []string) error {
	var f faults
	checkInstant(&f, "at", at)
	e := Event{Kind: Extended}
	e.Warehouses = unknown(&f, "warehouses", warehouses, &s.warehouses)
	e.SKUs = unknown(&f, "skus", skus, &s.skus)
	e.Services = unknown(&f, "services", services, &s.services)
	e.Networks = unknown(&f, "networks", networks, &s.networks)
	if !s.fitsMemory(&e) {
		f.addf("skus", "and warehouses make more than %d counters; a ledger has at most that", MaxCells)
	}
	if err := f.err(); err != nil {
		return err
	}
	s.advance(at)
	if len(e.Warehouses)+len(e.SKUs)+len(e.Services)+len(e.Networks) > 0 {
		s.emit(e)
	}
	return nil
}

// fitsMemory reports whether there is room for the names of an Extended event.
func (s *State) fitsMemory(e *Event) bool {
	return fitsMemory(s.warehouses.len()+len(e.Warehouses), s.skus.len()+len(e.SKUs), s.services.len()+len(e.Services))
}

// unknown returns the ids that have no row, each once.
func unknown(f *faults, field string, ids []string, known *names) []string {
	var fresh []string
	seen := make(map[string]bool)
	for i, id := range ids {
		if id == "" {
			f.addf(element(field, i, ""), "is empty; write a name")
		}
		checkText(f, element(field, i, ""), id)
		if _, ok := known.rows[id]; !ok && !seen[id] {
			seen[id] = true
			fresh = append(fresh, id)
		}
	}
	return fresh
}

// Warehouse returns the row of a warehouse.
func (s *State) Warehouse(id string) (Warehouse, bool) {
	r, ok := s.warehouses.rows[id]
	return Warehouse(r), ok
}

// SKU returns the row of a SKU.
func (s *State) SKU(id string) (SKU, bool) { r, ok := s.skus.rows[id]; return SKU(r), ok }

// Service returns the row of a service.
func (s *State) Service(id string) (Service, bool) {
	r, ok := s.services.rows[id]
	return Service(r), ok
}

// Network returns the number of a version of a network.
func (s *State) Network(version string) (Network, bool) {
	r, ok := s.networks.rows[version]
	return Network(r + 1), ok
}

// Names returns the names of all rows, in their order. The slices are shared and must not be changed.
func (s *State) Names() (warehouses, skus, services, networks []string) {
	return s.warehouses.list, s.skus.list, s.services.list, s.networks.list
}

// Allocate grants a hold on all claims or none. For a repeated request it returns the hold of the first one, as it is
// now, with its answer.
//
// Errors: InvalidError, ErrRequestReused, ErrFull, and ConflictError when a claim does not fit; nothing is held then.
func (s *State) Allocate(a *Allocation) (Hold, error) {
	r, err := newRecord(a)
	if err != nil {
		return Hold{}, err
	}
	return s.grant(a, r)
}

// Decline remembers the answer to an order that could not be filled, and holds nothing; of the allocation it takes what
// says so. So does Allocate where the allocation is refused. The result has status Refused and no ID. A repeated request gets its first answer, granted or refused.
//
// Errors: InvalidError, ErrRequestReused, ErrFull.
func (s *State) Decline(a *Allocation) (Hold, error) {
	refused := *a
	refused.Refused = true
	if _, err := newRecord(&refused); err != nil {
		return Hold{}, err
	}
	return s.decline(a)
}

// newRecord checks what can be checked without a state, and copies the allocation. Claims on the same counter are
// merged and sorted, so that each counter is checked once. There is no record of what is refused.
func newRecord(a *Allocation) (*record, error) {
	var f faults
	checkInstant(&f, "at", a.At)
	if a.Refused {
		checkText(&f, "request id", a.Request.ID)
		checkText(&f, "order", a.Order)
		return nil, f.err()
	}
	if a.TTL < 1 || a.TTL >= YearSeconds {
		f.addf("ttl", "is %d s; a hold lives for at least 1 s and less than a year (%d s)", a.TTL, YearSeconds)
	}
	checkText(&f, "request id", a.Request.ID)
	checkText(&f, "order", a.Order)
	if len(a.Stock) == 0 {
		f.addf("stock", "is empty; a hold claims stock")
	}
	if n := len(a.Stock) + len(a.Shipments); n > MaxClaims {
		f.addf("stock", "and shipments have %d claims; a hold has at most %d", n, MaxClaims)
		return nil, f.err()
	}
	r := emptyRecord(a)
	r.Hold = Hold{
		Request: a.Request.sound(), Order: a.Order, Status: Pending, Granted: a.At, Expires: a.At + units.Instant(a.TTL), Changed: a.At,
		Stock: r.Stock, Shipments: append(r.Shipments, a.Shipments...), Answer: a.Answer,
	}
	r.heap = -1
	for _, c := range a.Stock {
		r.Stock = append(r.Stock, Claim{StockClaim: c})
	}
	for i, c := range r.Stock {
		if c.Quantity < 1 || c.Quantity > MaxQuantity {
			f.addf(element("stock", i, ".quantity"), "is %d; write 1 to %d", c.Quantity, MaxQuantity)
		}
	}
	for i, c := range r.Shipments {
		if c.Shipments < 1 || c.Shipments > MaxQuantity {
			f.addf(element("shipments", i, ".shipments"), "is %d; write 1 to %d", c.Shipments, MaxQuantity)
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if !merge(&r.Stock, func(a, b Claim) int { return compareStock(a.StockClaim, b.StockClaim) }, func(c *Claim) *int32 { return &c.Quantity }) {
		f.addf("stock", "claims more than %d of one SKU in one warehouse", MaxQuantity)
	}
	if !merge(&r.Shipments, compareShipment, func(c *ShipmentClaim) *int32 { return &c.Shipments }) {
		f.addf("shipments", "claims more than %d of one day", MaxQuantity)
	}
	return r, f.err()
}

// emptyRecord returns a record that has only room for the claims of an allocation.
func emptyRecord(a *Allocation) *record {
	if room := a.Room; room != nil {
		r := &room.records.take(1, roomRecords)[0]
		r.Stock, r.Shipments = room.claims.take(len(a.Stock), roomClaims)[:0], room.shipments.take(len(a.Shipments), roomClaims)[:0]
		return r
	}
	roomy := &roomyRecord{}
	r := &roomy.record
	r.Stock, r.Shipments = roomy.stock[:0], roomy.shipments[:0]
	return r
}

func compareStock(a, b StockClaim) int {
	return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Warehouse, b.Warehouse))
}

// compareShipment puts the claims on one warehouse's day next to each other.
func compareShipment(a, b ShipmentClaim) int {
	return cmp.Or(cmp.Compare(a.Warehouse, b.Warehouse), cmp.Compare(a.Date, b.Date), cmp.Compare(a.Service, b.Service))
}

// merge sorts claims and adds those on the same counter. It reports false when a sum exceeds MaxQuantity.
func merge[C any](claims *[]C, compare func(a, b C) int, amount func(*C) *int32) bool {
	slices.SortFunc(*claims, compare)
	out := (*claims)[:0]
	for i := range *claims {
		c := &(*claims)[i]
		if n := len(out); n > 0 && compare(out[n-1], *c) == 0 {
			sum, more := amount(&out[n-1]), *amount(c)
			if int64(*sum)+int64(more) > MaxQuantity {
				return false
			}
			*sum += more
			continue
		}
		out = append(out, *c)
	}
	*claims = out
	return true
}

func (s *State) checkBasis(f *faults, b Basis) {
	if b.Sequence > s.sequence {
		f.addf("basis.sequence", "is %d; the latest event is %d", b.Sequence, s.sequence)
	}
	if b.At < 0 || b.At > s.now {
		f.addf("basis.at", "is %d, not an instant from 1970 to now (%d)", int64(b.At), int64(s.now))
	}
	if n := s.networks.len(); b.Network < 0 || int(b.Network) > n {
		f.addf("basis.network", "is %d; there are %d", b.Network, n)
	}
}

func (s *State) decline(a *Allocation) (Hold, error) {
	s.advance(a.At)
	if h, ok, err := s.Answered(a.Request); ok || err != nil {
		return h, err
	}
	var f faults
	s.checkBasis(&f, a.Basis)
	if err := f.err(); err != nil {
		return Hold{}, err
	}
	if s.full(1) {
		return Hold{}, ErrFull
	}
	return s.emitDeclined(a, false), nil
}

// emitDeclined remembers a refusal that was checked. more tells that an event of the same command follows.
func (s *State) emitDeclined(a *Allocation, more bool) Hold {
	n := s.sequence + 1
	r := &record{Hold: Hold{
		Request: a.Request.sound(), Order: a.Order, Status: Refused, Granted: s.now, Changed: s.now, Sequence: n, Latest: n, Answer: a.Answer,
	}, heap: -1}
	s.granting = r
	s.emit(Event{Kind: Declined, Request: r.Request, Status: Refused, Hold: &r.Hold, Basis: a.Basis, Question: a.Question, More: more})
	return r.Hold
}

// full reports whether not so many more can be remembered.
func (s *State) full(more int) bool { return s.holds.len()+s.refused.len()+more > s.maxHolds }

// grant allocates, or declines what is refused.
func (s *State) grant(a *Allocation, r *record) (Hold, error) {
	if a.Refused {
		return s.decline(a)
	}
	return s.allocate(a, r)
}

func (s *State) allocate(a *Allocation, r *record) (Hold, error) {
	s.advance(r.Granted)
	if h, ok, err := s.Answered(a.Request); ok || err != nil {
		return h, err
	}
	var f faults
	s.checkClaims(&f, r)
	s.checkBasis(&f, a.Basis)
	if err := f.err(); err != nil {
		return Hold{}, err
	}
	if err := s.fits(r); err != nil {
		return Hold{}, err
	}
	if s.full(1) {
		return Hold{}, ErrFull
	}
	return s.emitHeld(a, r, false), nil
}

// checkClaims checks that what is claimed is there to be claimed.
func (s *State) checkClaims(f *faults, r *record) {
	base := s.columns.base
	for i, c := range r.Stock {
		s.checkCell(f, "stock", i, c.Warehouse, c.SKU)
	}
	for i, c := range r.Shipments {
		s.checkSite(f, "shipments", i, c.Warehouse, c.Service)
		if c.Date < base || c.Date >= base+Horizon {
			f.addf(element("shipments", i, ".date"), "is %v; shipments can be held for %v to %v", c.Date, base, base+Horizon-1)
		}
		if c.Service < 0 {
			f.addf(element("shipments", i, ".service"), "is missing; a shipment leaves by one service")
		}
	}
}

// emitHeld grants what was checked. more tells that an event of the same command follows.
func (s *State) emitHeld(a *Allocation, r *record, more bool) Hold {
	r.Expires += s.now - r.Granted // an earlier clock does not shorten its life
	r.Granted, r.Changed = s.now, s.now
	r.ID, r.Sequence, r.Latest = s.nextHold, s.sequence+1, s.sequence+1
	s.granting = r
	s.emit(Event{
		Kind: Held, Request: r.Request, HoldID: r.ID, Status: Pending, Hold: &r.Hold, Basis: a.Basis, Question: a.Question, More: more,
	})
	return r.Hold
}

// fits checks a record's merged claims against the counters.
func (s *State) fits(r *record) error {
	var short []Counter
	for _, c := range r.Stock {
		if left := s.available(c.Warehouse, c.SKU); left < c.Quantity {
			short = append(short, Counter{
				Warehouse: c.Warehouse, SKU: c.SKU, Service: AnyService, Wanted: c.Quantity, Left: left,
			})
		}
	}
	check := func(c *ShipmentClaim, service Service, wanted int64) {
		row := s.limitRow(c.Warehouse, service)
		if row < 0 {
			return
		}
		if left := s.columns.left[row*Horizon+ring(c.Date)]; left != Unlimited && int64(left) < wanted {
			short = append(short, Counter{
				Warehouse: c.Warehouse, SKU: -1, Service: service, Date: c.Date,
				Wanted: int32(min(wanted, MaxQuantity)), Left: left,
			})
		}
	}
	var day int64 // of one warehouse, over its services
	for i := range r.Shipments {
		c := &r.Shipments[i]
		check(c, c.Service, int64(c.Shipments))
		day += int64(c.Shipments)
		if i+1 < len(r.Shipments) && r.Shipments[i+1].Warehouse == c.Warehouse && r.Shipments[i+1].Date == c.Date {
			continue
		}
		check(c, AnyService, day)
		day = 0
	}
	if len(short) == 0 {
		return nil
	}
	for i := range short {
		c := &short[i]
		c.WarehouseName = s.warehouses.list[c.Warehouse]
		if c.SKU >= 0 {
			c.SKUName = s.skus.list[c.SKU]
		}
		if c.Service >= 0 {
			c.ServiceName = s.services.list[c.Service]
		}
	}
	return &ConflictError{Counters: short}
}

// Confirm makes a pending hold lasting. The result is the hold after it.
//
// Errors of Confirm, Release, Cancel, Ship and ShortPick: InvalidError, ErrRequestReused, ErrNoHold, TransitionError.
func (s *State) Confirm(at units.Instant, id HoldID, r Request) (Hold, error) {
	return s.move(at, id, r, HoldConfirmed, nil)
}

// Release gives a pending hold up, or only items of it. No items are all that are left, here and in the others.
func (s *State) Release(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	return s.move(at, id, r, HoldReleased, items)
}

// Cancel gives a confirmed hold up, or only items of it. What has left stays so: the hold then ends as shipped.
func (s *State) Cancel(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	return s.move(at, id, r, HoldCancelled, items)
}

// Ship records that items of a confirmed hold have left: they are no longer held and no longer on hand.
func (s *State) Ship(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	return s.move(at, id, r, HoldShipped, items)
}

// ShortPick records that items of a confirmed hold were not where they should be: they are no longer held and no longer
// on hand, and the order has to get them from elsewhere.
func (s *State) ShortPick(at units.Instant, id HoldID, r Request, items []StockClaim) (Hold, error) {
	return s.move(at, id, r, HoldShort, items)
}

func (s *State) move(at units.Instant, id HoldID, req Request, kind Kind, items []StockClaim) (Hold, error) {
	var f faults
	for i, it := range items {
		if it.Quantity < 1 || it.Quantity > MaxQuantity {
			f.addf(element("items", i, ".quantity"), "is %d; write 1 to %d", it.Quantity, MaxQuantity)
		}
	}
	known, err := s.begin(at, req, f)
	if err != nil {
		return Hold{}, err
	}
	r := s.holds.get(id)
	if known != nil {
		if known.item.hold != id || known.item.kind != kind {
			return Hold{}, ErrRequestReused
		}
		if r == nil {
			return Hold{}, ErrNoHold
		}
		h := r.Hold // the answer given then
		h.Status, h.Changed, h.Latest, h.Stock = known.item.status, known.at, known.item.latest, known.item.claims
		return h, nil
	}
	if r == nil {
		return Hold{}, ErrNoHold
	}
	if r.Status != kind.from() {
		return Hold{}, &TransitionError{Hold: id, From: r.Status, Move: kind}
	}
	if items, err = r.take(items); err != nil {
		return Hold{}, err
	}
	var room []Claim
	if kind != HoldConfirmed { // which leaves the claims as they are
		room = make([]Claim, len(r.Stock))
	}
	m, ok := r.moved(kind, items, room)
	if !ok {
		panic("ledger: items that were checked cannot be moved")
	}
	s.moving = m
	s.emit(Event{Kind: kind, Request: req, HoldID: id, Status: m.status, Items: items})
	return r.Hold, nil
}

// take checks that a hold has so many items left, and returns them merged and sorted.
func (r *record) take(items []StockClaim) ([]StockClaim, error) {
	if len(items) == 0 {
		return nil, nil
	}
	var f faults
	wanted := make(map[[2]int32]int64, len(items))
	for i, it := range items {
		cell := [2]int32{int32(it.Warehouse), int32(it.SKU)}
		wanted[cell] += int64(it.Quantity)
		at := slices.IndexFunc(r.Stock, func(c Claim) bool { return c.Warehouse == it.Warehouse && c.SKU == it.SKU })
		if at < 0 {
			f.addf(element("items", i, ""), "is nothing that the hold claims")
		} else if left := r.Stock[at].Left(); wanted[cell] > int64(left) {
			f.addf(element("items", i, ".quantity"), "makes %d; the hold has %d left there", wanted[cell], left)
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	merge(&items, compareStock, func(c *StockClaim) *int32 { return &c.Quantity })
	return items, nil
}

// begin starts a command other than an allocation: it advances the clock and looks for an answer already given.
func (s *State) begin(at units.Instant, req Request, f faults) (*timed[answer], error) {
	checkInstant(&f, "at", at)
	checkText(&f, "request id", req.ID)
	if err := f.err(); err != nil {
		return nil, err
	}
	s.advance(at)
	ref := s.request(req.ID)
	if ref == 0 {
		return nil, nil
	}
	if ref.kind() != usedForAnswer || s.usedBy(ref).Body != req.Body {
		return nil, ErrRequestReused
	}
	return s.answered.at(ref.number()), nil
}

// SetStock sets what is on hand and safety of any number of counters, all or nothing, and reports the holds that no
// longer fit.
//
// Errors of SetStock and AdjustStock: InvalidError, ErrRequestReused.
func (s *State) SetStock(at units.Instant, req Request, levels []StockLevel) (StockResult, error) {
	return s.setStock(at, req, func(f *faults) []StockLevel {
		for i, l := range levels {
			if !s.checkCell(f, "levels", i, l.Warehouse, l.SKU) {
				continue
			}
			if l.Safety < 0 || l.Safety > MaxQuantity {
				f.addf(element("levels", i, ".safety"), "is %d; write 0 to %d", l.Safety, MaxQuantity)
			}
			s.checkOnHand(f, "levels", i, ".on_hand", l.Warehouse, l.SKU, int64(l.OnHand))
		}
		return slices.Clone(levels)
	})
}

// AdjustStock changes what is on hand of any number of counters, all or nothing, and reports the holds that no longer
// fit. What is on hand cannot become negative.
func (s *State) AdjustStock(at units.Instant, req Request, changes []StockChange) (StockResult, error) {
	return s.setStock(at, req, func(f *faults) []StockLevel {
		type cell struct {
			w   Warehouse
			sku SKU
		}
		place := make(map[cell]int, len(changes))
		var levels []StockLevel
		for i, c := range changes {
			if !s.checkCell(f, "changes", i, c.Warehouse, c.SKU) {
				continue
			}
			at, ok := place[cell{c.Warehouse, c.SKU}]
			if !ok {
				at = len(levels)
				place[cell{c.Warehouse, c.SKU}] = at
				now := s.Stock(c.Warehouse, c.SKU)
				levels = append(levels, StockLevel{Warehouse: c.Warehouse, SKU: c.SKU, OnHand: now.OnHand, Safety: now.Safety})
			}
			next := int64(levels[at].OnHand) + int64(c.Delta)
			if s.checkOnHand(f, "changes", i, ".delta", c.Warehouse, c.SKU, next) {
				levels[at].OnHand = int32(next)
			}
		}
		return levels
	})
}

// setStock runs a change of stock; plan checks it, after the clock has moved, and returns the levels to set.
func (s *State) setStock(at units.Instant, req Request, plan func(*faults) []StockLevel) (StockResult, error) {
	known, err := s.begin(at, req, nil)
	if err != nil {
		return StockResult{}, err
	}
	if known != nil {
		if known.item.kind != StockSet {
			return StockResult{}, ErrRequestReused
		}
		return *known.item.stock, nil
	}
	var f faults
	levels := plan(&f)
	if err := f.err(); err != nil {
		return StockResult{}, err
	}
	s.emit(Event{Kind: StockSet, Request: req, Levels: levels})
	return s.stockResult, nil
}

// checkOnHand checks what a counter is to have on hand, together with what is inbound.
func (s *State) checkOnHand(f *faults, list string, i int, field string, w Warehouse, sku SKU, n int64) bool {
	switch inbound := s.Stock(w, sku).Inbound; {
	case n < 0:
		f.addf(element(list, i, field), "makes %d units on hand; there cannot be fewer than 0", n)
	case n+int64(inbound) > MaxQuantity:
		f.addf(element(list, i, field), "makes %d units on hand and %d inbound; there can be at most %d", n, inbound, MaxQuantity)
	default:
		return true
	}
	return false
}

// shortfalls returns the counters among levels whose holds exceed what is there, with those holds.
func (s *State) shortfalls(levels []StockLevel) []Shortfall {
	var short []Shortfall
	for _, l := range levels {
		if left := s.available(l.Warehouse, l.SKU); left < 0 && s.held(l.Warehouse, l.SKU) > 0 {
			short = append(short, Shortfall{Warehouse: l.Warehouse, SKU: l.SKU, Missing: -left})
		}
	}
	if len(short) == 0 {
		return nil
	}
	slices.SortFunc(short, func(a, b Shortfall) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Warehouse, b.Warehouse))
	})
	short = slices.CompactFunc(short, func(a, b Shortfall) bool { return a.SKU == b.SKU && a.Warehouse == b.Warehouse })
	for rest := short; len(rest) > 0; {
		of := rest // all of one SKU
		if end := slices.IndexFunc(rest, func(sh Shortfall) bool { return sh.SKU != of[0].SKU }); end > 0 {
			of = rest[:end]
		}
		rest = rest[len(of):]
		for l := range s.claims.of(of[0].SKU) {
			i, ok := slices.BinarySearchFunc(of, l.warehouse, func(sh Shortfall, w Warehouse) int { return cmp.Compare(sh.Warehouse, w) })
			if ok && s.holds.get(l.hold).has(l.warehouse, of[0].SKU) {
				of[i].Holds = append(of[i].Holds, l.hold)
			}
		}
	}
	for i := range short {
		slices.Sort(short[i].Holds)
	}
	return short
}

// has reports whether units of a SKU are held in a warehouse.
func (r *record) has(w Warehouse, sku SKU) bool {
	i, ok := slices.BinarySearchFunc(r.Stock, StockClaim{Warehouse: w, SKU: sku}, func(c Claim, to StockClaim) int {
		return compareStock(c.StockClaim, to)
	})
	return ok && r.Stock[i].Left() > 0
}

// AddReceipts plans inbound stock, all or nothing. A receipt whose time has come is on hand at once.
//
// Errors: InvalidError, ErrRequestReused.
func (s *State) AddReceipts(at units.Instant, req Request, receipts []Receipt) error {
	var f faults
	for i, r := range receipts {
		checkInstant(&f, element("receipts", i, ".from"), r.From)
		if r.Quantity < 1 || r.Quantity > MaxQuantity {
			f.addf(element("receipts", i, ".quantity"), "is %d; write 1 to %d", r.Quantity, MaxQuantity)
		}
	}
	known, err := s.begin(at, req, f)
	if err != nil {
		return err
	}
	if known != nil {
		if known.item.kind != Planned {
			return ErrRequestReused
		}
		return nil
	}
	s.checkReceipts(&f, receipts)
	if err := f.err(); err != nil {
		return err
	}
	if len(receipts) > 0 {
		s.emit(Event{Kind: Planned, Request: req, Receipts: slices.Clone(receipts)})
		s.advance(s.now)
	}
	return nil
}

// checkReceipts checks that counters can take receipts, all together.
func (s *State) checkReceipts(f *faults, receipts []Receipt) {
	sum := make(map[[2]int32]int64, len(receipts))
	for i, r := range receipts {
		if !s.checkCell(f, "receipts", i, r.Warehouse, r.SKU) {
			continue
		}
		cell := [2]int32{int32(r.Warehouse), int32(r.SKU)}
		sum[cell] += int64(r.Quantity)
		s.checkOnHand(f, "receipts", i, ".quantity", r.Warehouse, r.SKU, int64(s.Stock(r.Warehouse, r.SKU).OnHand)+sum[cell])
	}
}

// SetCapacity limits how many shipments may leave, all or nothing; a limit for one date wins over that for every day.
// Limits below what is already claimed are allowed: nothing more is granted then.
//
// Errors: InvalidError.
func (s *State) SetCapacity(at units.Instant, limits []CapacityLimit) error {
	if _, err := s.begin(at, Request{}, nil); err != nil {
		return err
	}
	var f faults
	base := s.columns.base
	for i, l := range limits {
		s.checkSite(&f, "limits", i, l.Warehouse, l.Service)
		if l.Shipments < 0 || l.Shipments > MaxQuantity && l.Shipments != Unlimited {
			f.addf(element("limits", i, ".shipments"), "is %d; write 0 to %d, or leave it unlimited", l.Shipments, MaxQuantity)
		}
		if l.Date != EveryDay && (l.Date < base || l.Date > units.Date(maxInstant/86_400)) {
			f.addf(element("limits", i, ".date"), "is %v, which is over; limits start on %v", l.Date, base)
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	if len(limits) > 0 {
		s.emit(Event{Kind: LimitSet, Limits: slices.Clone(limits)})
	}
	return nil
}

// Get returns a hold as it is after the latest command; errors: ErrNoHold.
func (s *State) Get(id HoldID) (Hold, error) {
	if r := s.holds.get(id); r != nil {
		return r.Hold, nil
	}
	return Hold{}, ErrNoHold
}

// Holds yields the holds that are remembered, by id, as Get returns them; refusals are none. No command may come in between.
func (s *State) Holds() iter.Seq[Hold] {
	return func(yield func(Hold) bool) {
		for r := range s.holds.all() {
			if !yield(r.Hold) {
				return
			}
		}
	}
}

// Answered returns what an allocation's request was answered, as Allocate would; ok is false when the request is new. Ask
// where a repeated request should be answered without work. Errors: ErrRequestReused.
func (s *State) Answered(r Request) (h Hold, ok bool, err error) {
	ref := s.request(r.ID)
	if ref == 0 {
		return Hold{}, false, nil
	}
	known := s.granted(ref)
	if known == nil || known.Request.Body != r.Body {
		return Hold{}, false, ErrRequestReused
	}
	return known.Hold, true, nil
}

// Stock returns a stock counter. Rows must be known.
func (s *State) Stock(w Warehouse, sku SKU) Stock {
	out := Stock{Available: s.available(w, sku)}
	if c := s.counted(w, sku); c != nil {
		out.OnHand, out.Safety, out.Inbound = c.onHand, c.safety, c.inbound
		out.Held = c.onHand - c.safety - out.Available
	}
	return out
}

// Open returns the number of holds that have their claims.
func (s *State) Open() int { return s.open }

// Remembered returns the number of holds, refusals and answers to other commands that are remembered: what Write writes grows with it.
func (s *State) Remembered() int { return s.holds.len() + s.refused.len() + s.answered.len() }

func checkText(f *faults, field, text string) {
	if len(text) > MaxIDLength {
		f.addf(field, "has %d bytes; write at most %d", len(text), MaxIDLength)
	} else if !utf8.ValidString(text) {
		f.addf(field, "is not valid UTF-8")
	}
}

// checkCell checks the rows of a stock counter; i is -1 where field is not a list.
func (s *State) checkCell(f *faults, field string, i int, w Warehouse, sku SKU) bool {
	ok := s.checkWarehouse(f, field, i, w)
	if sku < 0 || int(sku) >= s.columns.skus {
		f.addf(element(field, i, ".sku"), "is row %d; there are %d", sku, s.columns.skus)
		ok = false
	}
	return ok
}

// checkSite checks the rows of a capacity counter.
func (s *State) checkSite(f *faults, field string, i int, w Warehouse, service Service) {
	s.checkWarehouse(f, field, i, w)
	if service < AnyService || int(service) >= s.columns.services {
		f.addf(element(field, i, ".service"), "is row %d; there are %d", service, s.columns.services)
	}
}

func (s *State) checkWarehouse(f *faults, field string, i int, w Warehouse) bool {
	if w < 0 || int(w) >= s.columns.warehouses {
		f.addf(element(field, i, ".warehouse"), "is row %d; there are %d", w, s.columns.warehouses)
		return false
	}
	return true
}

// element names a field of an element of a list, as in stock[2].quantity.
func element(list string, i int, field string) string {
	if i < 0 {
		return list + field
	}
	return list + "[" + strconv.Itoa(i) + "]" + field
}
