package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/units"
)

// A model is the ledger as plainly as it can be written: maps, and every counter summed up from the holds whenever it
// is asked for. It forgets nothing.
type model struct {
	now      units.Instant
	stock    map[[2]int]*modelStock // [warehouse, SKU]
	inbound  []Receipt
	limits   map[modelSite]map[units.Date]int32 // with EveryDay
	holds    map[HoldID]*modelHold
	next     HoldID
	requests map[string]modelRequest
}

type (
	modelStock struct{ onHand, safety int64 }
	modelSite  struct {
		w       Warehouse
		service Service
	}
	modelHold struct {
		status    Status
		expires   units.Instant
		claims    []Claim // by SKU, then warehouse
		shipments []ShipmentClaim
	}
	modelRequest struct {
		body   byte
		what   string // the command and its target
		id     HoldID
		status Status // after a move
		claims string // after a move
		answer string // to an allocation
	}
)

func newModel() *model {
	return &model{
		stock: make(map[[2]int]*modelStock), limits: make(map[modelSite]map[units.Date]int32),
		holds: make(map[HoldID]*modelHold), next: 1, requests: make(map[string]modelRequest),
	}
}

func (m *model) cell(w Warehouse, sku SKU) *modelStock {
	c, ok := m.stock[[2]int{int(w), int(sku)}]
	if !ok {
		c = new(modelStock)
		m.stock[[2]int{int(w), int(sku)}] = c
	}
	return c
}

func (m *model) advance(at units.Instant) {
	m.now = max(m.now, at)
	for _, h := range m.holds {
		if h.status == Pending && h.expires <= m.now {
			m.apply(h, HoldExpired, nil)
		}
	}
	m.inbound = slices.DeleteFunc(m.inbound, func(r Receipt) bool {
		if r.From <= m.now {
			m.cell(r.Warehouse, r.SKU).onHand += int64(r.Quantity)
		}
		return r.From <= m.now
	})
}

func (m *model) held(w Warehouse, sku SKU) (n int64) {
	for _, h := range m.holds {
		for _, c := range h.claims {
			if c.Warehouse == w && c.SKU == sku {
				n += int64(c.Quantity - c.Shipped - c.Short - c.Returned)
			}
		}
	}
	return n
}

// move does what a command asks for, or says why not.
func (m *model) move(id HoldID, kind Kind, items []StockClaim) error {
	h := m.holds[id]
	if h == nil {
		return ErrNoHold
	}
	must := Confirmed
	if kind == HoldConfirmed || kind == HoldReleased {
		must = Pending
	}
	if h.status != must {
		return ErrTransition
	}
	wanted := make(map[[2]int]int32)
	for _, it := range items {
		wanted[[2]int{int(it.Warehouse), int(it.SKU)}] += it.Quantity
	}
	for _, c := range h.claims {
		cell := [2]int{int(c.Warehouse), int(c.SKU)}
		if wanted[cell] <= c.Left() {
			delete(wanted, cell)
		}
	}
	if len(wanted) > 0 {
		return ErrInvalid
	}
	m.apply(h, kind, items)
	return nil
}

// apply moves items of a hold, or everything.
func (m *model) apply(h *modelHold, kind Kind, items []StockClaim) {
	if kind == HoldConfirmed {
		h.status = Confirmed
		return
	}
	left, shipped := int32(0), int32(0)
	for i := range h.claims {
		c := &h.claims[i]
		n := c.Left()
		if len(items) > 0 {
			n = 0
			for _, it := range items {
				if it.Warehouse == c.Warehouse && it.SKU == c.SKU {
					n += it.Quantity
				}
			}
		}
		cell := m.cell(c.Warehouse, c.SKU)
		switch kind {
		case HoldShipped:
			c.Shipped += n
			cell.onHand = max(0, cell.onHand-int64(n))
		case HoldShort:
			c.Short += n
			cell.onHand = max(0, cell.onHand-int64(n))
		default:
			c.Returned += n
		}
		left, shipped = left+c.Left(), shipped+c.Shipped
	}
	switch {
	case left > 0:
	case shipped > 0:
		h.status = Shipped
	case kind == HoldReleased:
		h.status = Released
	case kind == HoldExpired:
		h.status = Expired
	default:
		h.status = Cancelled
	}
}

// leaves reports whether a hold needs its shipment from a warehouse: goods are held for it, or have left with it. Where it
// has no goods in the warehouse, those in all others count.
func (h *modelHold) leaves(w Warehouse) bool {
	here, anywhere, mine := int32(0), int32(0), false
	for _, c := range h.claims {
		anywhere += c.Left() + c.Shipped
		if c.Warehouse == w {
			mine = true
			here += c.Left() + c.Shipped
		}
	}
	return here > 0 || !mine && anywhere > 0
}

func (m *model) available(w Warehouse, sku SKU) int64 {
	c := m.cell(w, sku)
	return c.onHand - c.safety - m.held(w, sku)
}

func (m *model) base() units.Date { return units.Date(m.now/86_400) - 2 }

func (m *model) left(w Warehouse, service Service, d units.Date) int32 {
	limits, ok := m.limits[modelSite{w, service}]
	if !ok {
		return Unlimited
	}
	if d < m.base() || d >= m.base()+Horizon {
		return 0
	}
	n, ok := limits[d]
	if !ok {
		if n, ok = limits[EveryDay]; !ok {
			n = Unlimited
		}
	}
	if n == Unlimited {
		return Unlimited
	}
	for _, h := range m.holds {
		for _, c := range h.shipments {
			if h.leaves(w) && c.Warehouse == w && c.Date == d && (service == AnyService || service == c.Service) {
				n -= c.Shipments
			}
		}
	}
	return n
}

// grants says whether all claims fit together.
func (m *model) grants(a *Allocation) bool {
	stock := make(map[[2]int]int64)
	for _, c := range a.Stock {
		stock[[2]int{int(c.Warehouse), int(c.SKU)}] += int64(c.Quantity)
	}
	for cell, n := range stock {
		if n > m.available(Warehouse(cell[0]), SKU(cell[1])) {
			return false
		}
	}
	type day struct {
		site modelSite
		date units.Date
	}
	days := make(map[day]int32)
	for _, c := range a.Shipments {
		days[day{modelSite{c.Warehouse, AnyService}, c.Date}] += c.Shipments
		days[day{modelSite{c.Warehouse, c.Service}, c.Date}] += c.Shipments
	}
	for d, n := range days {
		if left := m.left(d.site.w, d.site.service, d.date); left != Unlimited && n > left {
			return false
		}
	}
	return true
}

const modelWarehouses, modelSKUs, modelServices = 3, 3, 2

func drawCell(t *rapid.T) (Warehouse, SKU) {
	return Warehouse(rapid.IntRange(0, modelWarehouses-1).Draw(t, "warehouse")), SKU(rapid.IntRange(0, modelSKUs-1).Draw(t, "sku"))
}

// drawRequest makes few ids, so that they come again, with the right body or another one.
func drawRequest(t *rapid.T) Request {
	if rapid.IntRange(0, 2).Draw(t, "with request id") > 0 {
		return Request{}
	}
	return Request{
		ID:   fmt.Sprint("r", rapid.IntRange(0, 12).Draw(t, "request id")),
		Body: BodyHash{byte(rapid.IntRange(0, 1).Draw(t, "body"))},
	}
}

// expect checks the answer to a request that the model has seen; seen is false when it is new.
func (m *model) expect(t *rapid.T, r Request, what string, err error) (known modelRequest, seen bool) {
	known, ok := m.requests[r.ID]
	if r.ID == "" || !ok {
		return known, false
	}
	if same := known.body == r.Body[0] && known.what == what; same && err != nil || !same && !errors.Is(err, ErrRequestReused) {
		t.Fatalf("repeated request %q (%s, first %s): %v", r.ID, what, known.what, err)
	}
	return known, true
}

func (m *model) remember(r Request, known modelRequest) {
	if r.ID != "" {
		known.body = r.Body[0]
		m.requests[r.ID] = known
	}
}

func TestStateMatchesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var events []Event
		config := Config{Retention: 1 << 40, RefusalRetention: 1 << 40, Sink: func(e *Event) { events = append(events, e.Clone()) }}
		s := NewState(config)
		m := newModel()
		if err := s.Extend(0, []string{"a", "b", "c"}, []string{"x", "y", "z"}, []string{"ground", "air"}, []string{"v1"}); err != nil {
			t.Fatal(err)
		}
		at := func() units.Instant { // most commands come within a day, some much later, some from a late clock
			step := rapid.SampledFrom([]int64{0, 0, 1, 10, 100, 86_400, 30 * 86_400, -50}).Draw(t, "step")
			return max(0, m.now+units.Instant(step))
		}
		t.Repeat(map[string]func(*rapid.T){
			"set stock": func(t *rapid.T) {
				w, sku := drawCell(t)
				l := StockLevel{w, sku, rapid.Int32Range(0, 12).Draw(t, "on hand"), rapid.Int32Range(0, 3).Draw(t, "safety")}
				at, r := at(), drawRequest(t)
				res, err := s.SetStock(at, r, []StockLevel{l})
				m.advance(at)
				if _, seen := m.expect(t, r, "stock", err); seen {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m.remember(r, modelRequest{what: "stock"})
				c := m.cell(w, sku)
				c.onHand, c.safety = int64(l.OnHand), int64(l.Safety)
				m.checkShortfalls(t, res, w, sku)
			},
			"adjust stock": func(t *rapid.T) {
				w, sku := drawCell(t)
				d := rapid.Int32Range(-6, 6).Draw(t, "delta")
				at, r := at(), drawRequest(t)
				res, err := s.AdjustStock(at, r, []StockChange{{w, sku, d - 1}, {w, sku, 1}})
				m.advance(at)
				if _, seen := m.expect(t, r, "stock", err); seen {
					return
				}
				c := m.cell(w, sku)
				if c.onHand+int64(d)-1 < 0 {
					if !errors.Is(err, ErrInvalid) {
						t.Fatalf("%d units adjusted by %d - 1 + 1: %v", c.onHand, d, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m.remember(r, modelRequest{what: "stock"})
				c.onHand += int64(d)
				m.checkShortfalls(t, res, w, sku)
			},
			"receive": func(t *rapid.T) {
				at, req := at(), drawRequest(t)
				var receipts []Receipt
				for range rapid.IntRange(1, 3).Draw(t, "receipts") {
					w, sku := drawCell(t)
					from := m.now + units.Instant(rapid.Int64Range(0, 200).Draw(t, "from"))
					receipts = append(receipts, Receipt{w, sku, rapid.Int32Range(1, 5).Draw(t, "quantity"), from})
				}
				err := s.AddReceipts(at, req, receipts)
				m.advance(at)
				if _, seen := m.expect(t, req, "receive", err); seen {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m.remember(req, modelRequest{what: "receive"})
				m.inbound = append(m.inbound, receipts...)
				m.advance(at)
			},
			"limit": func(t *rapid.T) {
				w, _ := drawCell(t)
				at := at()
				m.advance(at)
				c := CapacityLimit{
					Warehouse: w, Service: Service(rapid.IntRange(-1, modelServices-1).Draw(t, "service")),
					Date:      rapid.SampledFrom([]units.Date{EveryDay, m.base(), m.base() + 2, m.base() + 3, m.base() + Horizon + 1}).Draw(t, "date"),
					Shipments: rapid.SampledFrom([]int32{0, 1, 2, 5, Unlimited}).Draw(t, "shipments"),
				}
				if err := s.SetCapacity(at, []CapacityLimit{c}); err != nil {
					t.Fatal(err)
				}
				site := modelSite{c.Warehouse, c.Service}
				if m.limits[site] == nil {
					m.limits[site] = make(map[units.Date]int32)
				}
				m.limits[site][c.Date] = c.Shipments
			},
			"allocate": func(t *rapid.T) {
				a := Allocation{
					Request: drawRequest(t), At: at(), Order: "o",
					TTL: rapid.SampledFrom([]int64{1, 50, 1000, 40 * 86_400}).Draw(t, "ttl"),
				}
				for range rapid.IntRange(1, 5).Draw(t, "claims") {
					w, sku := drawCell(t)
					a.Stock = append(a.Stock, StockClaim{w, sku, rapid.Int32Range(1, 4).Draw(t, "quantity")})
				}
				for range rapid.IntRange(0, 3).Draw(t, "shipments") {
					w, _ := drawCell(t)
					today := units.Date(max(m.now, a.At) / 86_400)
					a.Shipments = append(a.Shipments, ShipmentClaim{
						w, Service(rapid.IntRange(0, modelServices-1).Draw(t, "service")),
						today + rapid.SampledFrom([]units.Date{0, 0, 1, 30}).Draw(t, "days"), 1,
					})
				}
				a.Answer = fmt.Append(nil, "answer ", len(events))
				h, err := s.Allocate(&a)
				m.advance(a.At)
				if known, seen := m.expect(t, a.Request, "allocate", err); seen {
					if err == nil && (h.ID != known.id || string(h.Answer) != known.answer) {
						t.Fatalf("request %q made hold %d, repeated %d", a.Request.ID, known.id, h.ID)
					}
					return
				}
				if fits := m.grants(&a); fits != (err == nil) || !fits && !errors.Is(err, ErrConflict) {
					t.Fatalf("%+v fits: %v, but: %v", a, fits, err)
				}
				if err != nil {
					return
				}
				if h.ID != m.next || h.Status != Pending || h.Expires != m.now+units.Instant(a.TTL) || string(h.Answer) != string(a.Answer) {
					t.Fatalf("hold %+v of %+v", h, a)
				}
				m.next++
				m.holds[h.ID] = m.hold(&a)
				m.remember(a.Request, modelRequest{what: "allocate", id: h.ID, answer: string(a.Answer)})
			},
			"decline": func(t *rapid.T) {
				a := Allocation{Request: drawRequest(t), At: at(), Order: "o", Answer: fmt.Append(nil, "no ", len(events))}
				h, err := s.Decline(&a)
				m.advance(a.At)
				known, seen := m.expect(t, a.Request, "allocate", err)
				if !seen {
					known = modelRequest{what: "allocate", answer: string(a.Answer)}
					m.remember(a.Request, known)
				}
				if err == nil && (h.ID != known.id || string(h.Answer) != known.answer || (h.ID == 0) != (h.Status == Refused)) || err != nil && !seen {
					t.Fatalf("declined: %+v, %v", h, err)
				}
			},
			"move": func(t *rapid.T) {
				id := HoldID(rapid.IntRange(1, int(m.next)).Draw(t, "hold"))
				kind := rapid.SampledFrom([]Kind{HoldConfirmed, HoldConfirmed, HoldReleased, HoldCancelled, HoldShipped, HoldShort}).Draw(t, "kind")
				var items []StockClaim
				if h := m.holds[id]; h != nil && kind != HoldConfirmed {
					for range rapid.IntRange(0, 2).Draw(t, "items") {
						c := rapid.SampledFrom(h.claims).Draw(t, "claim").StockClaim
						c.Quantity = rapid.Int32Range(1, 3).Draw(t, "quantity")
						items = append(items, c)
					}
				}
				at, r := at(), drawRequest(t)
				h, err := moveOf(s, kind)(at, id, r, items)
				m.advance(at)
				what := fmt.Sprint(kind, id)
				if known, seen := m.expect(t, r, what, err); seen {
					if err == nil && (h.ID != id || h.Status != known.status || fmt.Sprint(h.Stock) != known.claims) {
						t.Fatalf("%s answered %+v, repeated %+v", what, known, h)
					}
					return
				}
				want := m.move(id, kind, items)
				if !errors.Is(err, want) {
					t.Fatalf("%s: %v, want %v", what, err, want)
				}
				if te, ok := errors.AsType[*TransitionError](err); ok && *te != (TransitionError{id, m.holds[id].status, kind}) {
					t.Fatalf("%s of a hold that is %v: %v", what, m.holds[id].status, err)
				}
				if err == nil {
					m.remember(r, modelRequest{what: what, id: id, status: h.Status, claims: fmt.Sprint(h.Stock)})
				}
			},
			"wait": func(t *rapid.T) {
				at := at()
				if err := s.Advance(at); err != nil {
					t.Fatal(err)
				}
				m.advance(at)
			},
			"restart": func(t *rapid.T) { // from what was written
				var first, again bytes.Buffer
				if err := s.Write(&first); err != nil {
					t.Fatal(err)
				}
				read, err := ReadState(bytes.NewReader(first.Bytes()), config)
				if err != nil {
					t.Fatal(err)
				}
				if err := read.Write(&again); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
					t.Fatalf("written\n%q\nread and written again\n%q, %v", first.Bytes(), again.Bytes(), err)
				}
				s = read
			},
			"": func(t *rapid.T) { m.check(t, s) },
		})
		// The events alone make the same state.
		other := NewState(Config{Retention: 1 << 40, RefusalRetention: 1 << 40})
		for i := range events {
			if err := other.Replay(&events[i]); err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
		}
		other.advance(s.now)
		if a, b := dump(s), dump(other); a != b {
			t.Fatalf("replay differs:\n%s\nwant\n%s", b, a)
		}
	})
}

// moveOf returns the command that leads to events of a kind.
func moveOf(s *State, k Kind) func(units.Instant, HoldID, Request, []StockClaim) (Hold, error) {
	switch k {
	case HoldReleased:
		return s.Release
	case HoldCancelled:
		return s.Cancel
	case HoldShipped:
		return s.Ship
	case HoldShort:
		return s.ShortPick
	default:
		return func(at units.Instant, id HoldID, r Request, _ []StockClaim) (Hold, error) {
			return s.Confirm(at, id, r)
		}
	}
}

// hold returns what an allocation is granted.
func (m *model) hold(a *Allocation) *modelHold {
	h := &modelHold{status: Pending, expires: m.now + units.Instant(a.TTL), shipments: a.Shipments}
	for sku := range SKU(modelSKUs) {
		for w := range Warehouse(modelWarehouses) {
			n := int32(0)
			for _, c := range a.Stock {
				if c.Warehouse == w && c.SKU == sku {
					n += c.Quantity
				}
			}
			if n > 0 {
				h.claims = append(h.claims, Claim{StockClaim: StockClaim{w, sku, n}})
			}
		}
	}
	return h
}

func (m *model) checkShortfalls(t *rapid.T, res StockResult, w Warehouse, sku SKU) {
	held := m.held(w, sku)
	var want []Shortfall
	if left := m.available(w, sku); left < 0 && held > 0 {
		sh := Shortfall{Warehouse: w, SKU: sku, Missing: int32(-left)}
		for _, id := range slices.Sorted(maps.Keys(m.holds)) {
			if slices.ContainsFunc(m.holds[id].claims, func(c Claim) bool { return c.Warehouse == w && c.SKU == sku && c.Left() > 0 }) {
				sh.Holds = append(sh.Holds, id)
			}
		}
		want = append(want, sh)
	}
	if fmt.Sprint(res.Shortfalls) != fmt.Sprint(want) {
		t.Fatalf("shortfalls %+v, want %+v", res.Shortfalls, want)
	}
}

// check compares every counter and hold.
func (m *model) check(t *rapid.T, s *State) {
	v := s.View()
	open := 0
	for w := range Warehouse(modelWarehouses) {
		for sku := range SKU(modelSKUs) {
			got, left := s.Stock(w, sku), m.available(w, sku)
			var inbound int64
			for _, r := range m.inbound {
				if r.Warehouse == w && r.SKU == sku {
					inbound += int64(r.Quantity)
				}
			}
			c := m.cell(w, sku)
			want := Stock{int32(c.onHand), int32(m.held(w, sku)), int32(c.safety), int32(left), int32(inbound)}
			if got != want {
				t.Fatalf("warehouse %d, SKU %d: %+v, want %+v", w, sku, got, want)
			}
			if v.Units(w, sku) != int32(left) || v.Word(sku, 0)>>w&1 == 1 != (left > 0) {
				t.Fatalf("warehouse %d, SKU %d: view shows %d (%b), want %d", w, sku, v.Units(w, sku), v.Word(sku, 0), left)
			}
		}
		for service := AnyService; service < modelServices; service++ {
			today := units.Date(m.now / 86_400)
			for _, d := range []units.Date{today - 3, today - 2, today, today + 1, today + 2, today + 30, today + Horizon - 3, today + Horizon - 2} {
				if got, want := v.CapacityLeft(w, service, d), m.left(w, service, d); got != want {
					t.Fatalf("capacity of warehouse %d, service %d on %v: %d, want %d", w, service, d, got, want)
				}
			}
			if _, ok := m.limits[modelSite{w, service}]; ok != v.Limited(w, service) {
				t.Fatalf("warehouse %d, service %d limited: %v", w, service, !ok)
			}
		}
	}
	for id, want := range m.holds {
		got, err := s.Get(id)
		if err != nil || got.Status != want.status || !slices.Equal(got.Stock, want.claims) {
			t.Fatalf("hold %d is %+v, want %+v: %v", id, got, want, err)
		}
		if want.status.Holding() {
			open++
		}
	}
	if s.Open() != open || v.Sequence != s.Sequence() || s.Now() != m.now {
		t.Fatalf("open %d, want %d; view at %d, state at %d; now %v, want %v", s.Open(), open, v.Sequence, s.Sequence(), s.Now(), m.now)
	}
}

// dump writes everything that a state remembers.
func dump(s *State) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.now, s.sequence, s.nextHold, s.open, s.warehouses.list, s.skus.list, s.services.list, s.networks.list)
	for sku := range SKU(s.skus.len()) {
		for w := range Warehouse(s.warehouses.len()) {
			fmt.Fprintln(&b, "stock", w, sku, s.Stock(w, sku))
		}
	}
	for i := range s.limits {
		fmt.Fprintln(&b, "limit", s.limits[i], s.columns.left[i*Horizon:(i+1)*Horizon])
	}
	for r := range s.holds.all() {
		fmt.Fprintf(&b, "hold %+v\n", r.Hold)
	}
	var requests []string
	for _, page := range s.requests.pages {
		for _, slot := range page.slots {
			if slot.free() {
				continue
			}
			used := s.usedBy(slot.ref())
			if s.request(used.ID) != slot.ref() {
				requests = append(requests, fmt.Sprintf("request %s is not found", used.ID))
			}
			if r := s.granted(slot.ref()); r != nil {
				requests = append(requests, fmt.Sprintf("request %s %+v", used.ID, r.Hold))
			} else {
				requests = append(requests, fmt.Sprintf("request %s %s", used.ID, dumpAnswer(s.answered.at(slot.ref().number()))))
			}
		}
	}
	slices.Sort(requests)
	fmt.Fprintln(&b, s.requests.len(), strings.Join(requests, "\n"))
	receipts := slices.Clone(s.receipts.items)
	slices.SortFunc(receipts, comparePlanned)
	fmt.Fprintln(&b, "inbound", receipts, "pending", s.expiry.n)
	for e := range s.ended.all() {
		fmt.Fprintln(&b, "ended", *e)
	}
	for a := range s.answered.all() {
		fmt.Fprintln(&b, "answered", dumpAnswer(a))
	}
	for r := range s.refused.all() {
		fmt.Fprintf(&b, "refused %d %+v\n", r.at, r.item.Hold)
	}
	return b.String()
}

func dumpAnswer(a *timed[answer]) string {
	item := a.item
	item.stock = nil
	out := fmt.Sprintf("%d %+v", a.at, item)
	if a.item.stock != nil {
		out += fmt.Sprintf(" %+v", *a.item.stock)
	}
	return out
}
