package ledger

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/allot-engine/allot/units"
)

// Extend gives rows to names that have none yet, in the given order, after all rows given before. Known names keep
// their rows. It refuses empty, overlong and malformed names.
func (s *State) Extend(at units.Instant, warehouses, skus, services []string) error {
	var f faults
	checkInstant(&f, "at", at)
	e := Event{Kind: Extended}
	e.Warehouses = unknown(&f, "warehouses", warehouses, &s.warehouses)
	e.SKUs = unknown(&f, "skus", skus, &s.skus)
	e.Services = unknown(&f, "services", services, &s.services)
	if err := f.err(); err != nil {
		return err
	}
	s.advance(at)
	if len(e.Warehouses)+len(e.SKUs)+len(e.Services) > 0 {
		s.emit(e)
	}
	return nil
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

// Allocate grants a hold on all claims or none. For a repeated request it returns the hold of the first one, as it is
// now, with its answer.
//
// Errors: InvalidError, ErrRequestReused, ErrFull, and ConflictError when a claim does not fit; nothing is held then.
func (s *State) Allocate(a *Allocation) (Hold, error) {
	r, err := newRecord(a)
	if err != nil {
		return Hold{}, err
	}
	return s.allocate(r)
}

// newRecord checks what can be checked without a state, and copies the allocation. Claims on the same counter are
// merged and sorted, so that each counter is checked once.
func newRecord(a *Allocation) (*record, error) {
	var f faults
	checkInstant(&f, "at", a.At)
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
	r := &record{Hold: Hold{
		Request: a.Request, Order: a.Order, Status: Pending, Granted: a.At, Expires: a.At + units.Instant(a.TTL), Changed: a.At,
		Answer: a.Answer,
	}, heap: -1}
	r.Stock = append(r.stock[:0], a.Stock...)
	r.Shipments = append(r.shipments[:0], a.Shipments...)
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
	if !merge(&r.Stock, compareStock, func(c *StockClaim) *int32 { return &c.Quantity }) {
		f.addf("stock", "claims more than %d of one SKU in one warehouse", MaxQuantity)
	}
	if !merge(&r.Shipments, compareShipment, func(c *ShipmentClaim) *int32 { return &c.Shipments }) {
		f.addf("shipments", "claims more than %d of one day", MaxQuantity)
	}
	return r, f.err()
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

func (s *State) allocate(r *record) (Hold, error) {
	s.advance(r.Granted)
	if r.Request.ID != "" {
		if known, ok := s.requests[r.Request.ID]; ok {
			if known.hold == nil || known.hold.Request.Body != r.Request.Body {
				return Hold{}, ErrRequestReused
			}
			return known.hold.Hold, nil
		}
	}
	var f faults
	base := units.Date(s.columns.base.Load())
	for i, c := range r.Stock {
		s.checkCell(&f, "stock", i, c.Warehouse, c.SKU)
	}
	for i, c := range r.Shipments {
		s.checkSite(&f, "shipments", i, c.Warehouse, c.Service)
		if c.Date < base || c.Date >= base+Horizon {
			f.addf(element("shipments", i, ".date"), "is %v; shipments can be held for %v to %v", c.Date, base, base+Horizon-1)
		}
		if c.Service < 0 {
			f.addf(element("shipments", i, ".service"), "is missing; a shipment leaves by one service")
		}
	}
	if err := f.err(); err != nil {
		return Hold{}, err
	}
	if err := s.fits(r); err != nil {
		return Hold{}, err
	}
	if len(s.holds) >= s.maxHolds {
		return Hold{}, ErrFull
	}
	r.Expires += s.now - r.Granted // an earlier clock does not shorten its life
	r.Granted, r.Changed = s.now, s.now
	r.ID, r.Sequence = s.nextHold, s.sequence+1
	s.granting = r
	s.emit(Event{Kind: Held, Request: r.Request, HoldID: r.ID, Status: Pending, Hold: &r.Hold})
	return r.Hold, nil
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
// Errors of Confirm, Release and Cancel: InvalidError, ErrRequestReused, ErrNoHold, TransitionError.
func (s *State) Confirm(at units.Instant, id HoldID, r Request) (Hold, error) {
	return s.move(at, id, r, Confirmed)
}

// Release gives a pending hold up.
func (s *State) Release(at units.Instant, id HoldID, r Request) (Hold, error) {
	return s.move(at, id, r, Released)
}

// Cancel gives a confirmed hold up.
func (s *State) Cancel(at units.Instant, id HoldID, r Request) (Hold, error) {
	return s.move(at, id, r, Cancelled)
}

func (s *State) move(at units.Instant, id HoldID, req Request, to Status) (Hold, error) {
	known, err := s.begin(at, req, nil)
	if err != nil {
		return Hold{}, err
	}
	r := s.holds[id]
	if known != nil {
		if known.hold != id || known.status != to {
			return Hold{}, ErrRequestReused
		}
		if r == nil {
			return Hold{}, ErrNoHold
		}
		h := r.Hold // the answer given then
		h.Status, h.Changed = known.status, known.changed
		return h, nil
	}
	if r == nil {
		return Hold{}, ErrNoHold
	}
	if !r.Status.may(to) {
		return Hold{}, &TransitionError{Hold: id, From: r.Status, To: to}
	}
	s.emit(Event{Kind: HoldMoved, Request: req, HoldID: id, Status: to})
	return r.Hold, nil
}

// begin starts a command other than an allocation: it advances the clock and looks for an answer already given.
func (s *State) begin(at units.Instant, req Request, f faults) (*answer, error) {
	checkInstant(&f, "at", at)
	checkText(&f, "request id", req.ID)
	if err := f.err(); err != nil {
		return nil, err
	}
	s.advance(at)
	if known, ok := s.requests[req.ID]; ok && req.ID != "" {
		if known.other == nil || known.other.body != req.Body {
			return nil, ErrRequestReused
		}
		return known.other, nil
	}
	return nil, nil
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
		if known.hold != 0 {
			return StockResult{}, ErrRequestReused
		}
		return known.stock, nil
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
	type cell struct {
		w   Warehouse
		sku SKU
	}
	slices.SortFunc(short, func(a, b Shortfall) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Warehouse, b.Warehouse))
	})
	short = slices.CompactFunc(short, func(a, b Shortfall) bool { return a.SKU == b.SKU && a.Warehouse == b.Warehouse })
	place := make(map[cell]int, len(short))
	for i, sh := range short {
		place[cell{sh.Warehouse, sh.SKU}] = i
	}
	for id, r := range s.holds {
		if !r.Status.Holding() {
			continue
		}
		for _, c := range r.Stock {
			if i, ok := place[cell{c.Warehouse, c.SKU}]; ok {
				short[i].Holds = append(short[i].Holds, id)
			}
		}
	}
	for i := range short {
		slices.Sort(short[i].Holds) // the map's order must not show
	}
	return short
}

// AddReceipt plans inbound stock. A receipt whose time has come is on hand at once.
//
// Errors: InvalidError.
func (s *State) AddReceipt(at units.Instant, r Receipt) error {
	var f faults
	checkInstant(&f, "receipt.from", r.From)
	if r.Quantity < 1 || r.Quantity > MaxQuantity {
		f.addf("receipt.quantity", "is %d; write 1 to %d", r.Quantity, MaxQuantity)
	}
	if _, err := s.begin(at, Request{}, f); err != nil {
		return err
	}
	if s.checkCell(&f, "receipt", -1, r.Warehouse, r.SKU) {
		s.checkOnHand(&f, "receipt", -1, ".quantity", r.Warehouse, r.SKU, int64(s.Stock(r.Warehouse, r.SKU).OnHand)+int64(r.Quantity))
	}
	if err := f.err(); err != nil {
		return err
	}
	s.emit(Event{Kind: Planned, Receipt: r})
	s.advance(s.now)
	return nil
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
	base := units.Date(s.columns.base.Load())
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
	for _, l := range limits {
		s.emit(Event{Kind: LimitSet, Limit: l})
	}
	return nil
}

// Get returns a hold as it is after the latest command; errors: ErrNoHold.
func (s *State) Get(id HoldID) (Hold, error) {
	if r := s.holds[id]; r != nil {
		return r.Hold, nil
	}
	return Hold{}, ErrNoHold
}

// Granted returns the hold that an allocation's request made; ok is false when the request is new. Ask before scoring,
// to answer a repeated request without work. Errors: ErrRequestReused.
func (s *State) Granted(r Request) (h Hold, ok bool, err error) {
	known, ok := s.requests[r.ID]
	switch {
	case !ok || r.ID == "":
		return Hold{}, false, nil
	case known.hold == nil || known.hold.Request.Body != r.Body:
		return Hold{}, false, ErrRequestReused
	default:
		return known.hold.Hold, true, nil
	}
}

// Stock returns a stock counter. Rows must be known.
func (s *State) Stock(w Warehouse, sku SKU) Stock {
	out := Stock{Available: s.available(w, sku)}
	if row := s.counts[sku]; int(w) < len(row) {
		c := row[w]
		out.OnHand, out.Safety, out.Inbound = c.onHand, c.safety, c.inbound
		out.Held = c.onHand - c.safety - out.Available
	}
	return out
}

// Open returns the number of holds that have their claims.
func (s *State) Open() int { return s.open }

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
