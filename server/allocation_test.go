package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

func TestAllocateHoldsWhatItDecides(t *testing.T) {
	s, _ := newServer(t, nil)
	out, err := s.Allocate(t.Context(), allocate("r1", order("10001", "mug", 2)))
	if err != nil {
		t.Fatal(err)
	}
	d := out.GetDecision()
	if d.GetOutcome() != allotv1.Outcome_OUTCOME_PLANNED || len(d.GetShipments()) != 1 {
		t.Fatalf("decision %v", d)
	}
	// Columbus to New York is zone 4 by distance: 10.00 for 2 lb. The box is 0.30, handling 1.00 and 0.10 a unit.
	sh := d.GetShipments()[0]
	if sh.GetWarehouse() != "columbus" || sh.GetService() != "ground" || sh.GetCarrier() != "roads" || sh.GetZone() != "4" || !sh.GetZoneGuessed() {
		t.Errorf("shipment %v", sh)
	}
	if sh.GetFreightMicros() != 10_000_000 || sh.GetHandlingMicros() != 1_200_000 || sh.GetOtherMicros() != 300_000 || d.GetCostMicros() != 11_500_000 {
		t.Errorf("freight %d, handling %d, other %d, cost %d", sh.GetFreightMicros(), sh.GetHandlingMicros(), sh.GetOtherMicros(), d.GetCostMicros())
	}
	if sh.GetShipDate() != "2026-11-18" || sh.GetDeliveryDate() != "2026-11-24" || sh.GetPickupAt().AsTime() != wednesday.Add(7*time.Hour) {
		t.Errorf("shipped %s at %v, delivered %s", sh.GetShipDate(), sh.GetPickupAt().AsTime(), sh.GetDeliveryDate())
	}
	if p := sh.GetParcels(); len(p) != 1 || p[0].GetBox() != "small" || p[0].GetUnits() != 2 || p[0].GetWeightNg() != int64(2*units.Pound) {
		t.Errorf("parcels %v", p)
	}
	h := out.GetHold()
	if h.GetState() != allotv1.HoldState_HOLD_STATE_PENDING || h.GetOrderId() != "o-1" || h.GetExpiresAt().AsTime() != wednesday.Add(10*time.Minute) {
		t.Errorf("hold %v", h)
	}
	if got := stockOf(t, s, "columbus", "mug"); got.GetHeld() != 2 || got.GetAvailable() != 98 {
		t.Errorf("stock %v", got)
	}
	kept, err := s.Get(t.Context(), &allotv1.GetRequest{HoldId: h.GetId()})
	h.Lines = []*allotv1.HoldLine{{Warehouse: "columbus", Sku: "mug", Quantity: 2}} // which Allocate leaves out
	if err != nil || !proto.Equal(kept.GetDecision(), d) || !proto.Equal(kept.GetHold(), h) {
		t.Errorf("Get = %v, %v", kept, err)
	}
}

func stockOf(t *testing.T, s *Server, warehouse, sku string) *allotv1.Stock {
	t.Helper()
	out, err := s.GetStock(t.Context(), &allotv1.GetStockRequest{Skus: []string{sku}, Warehouses: []string{warehouse}})
	if err != nil {
		t.Fatal(err)
	}
	return out.GetStock()[0]
}

func TestAllocateRefusalHoldsNothing(t *testing.T) {
	s, _ := newServer(t, nil)
	tests := []struct {
		name  string
		order *allotv1.Order
		want  allotv1.Outcome
	}{
		{"too many", order("10001", "lamp", 6), allotv1.Outcome_OUTCOME_OUT_OF_STOCK},
		{"too soon", func() *allotv1.Order {
			o := order("10001", "mug", 1)
			o.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-11-18"}
			return o
		}(), allotv1.Outcome_OUTCOME_PROMISE_MISSED},
		{"to Alaska", order("99501", "mug", 1), allotv1.Outcome_OUTCOME_NOT_SERVED},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := s.Allocate(t.Context(), allocate(tt.name, tt.order))
			if err != nil {
				t.Fatal(err)
			}
			if out.GetDecision().GetOutcome() != tt.want || out.GetHold() != nil {
				t.Errorf("%v", out)
			}
		})
	}
	if n := s.ledger.Open(); n != 0 {
		t.Errorf("%d holds", n)
	}
}

func TestRefusalIsAnAnswer(t *testing.T) {
	s, clock := newServer(t, nil)
	refused, err := s.Allocate(t.Context(), allocate("r1", order("10001", "lamp", 6)))
	if err != nil || refused.GetHold() != nil {
		t.Fatal(refused, err)
	}
	if _, err := s.SetStock(t.Context(), setStock("s1", "columbus", "lamp", 6)); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Allocate(t.Context(), allocate("r1", order("10001", "lamp", 6))); err != nil || !proto.Equal(again, refused) {
		t.Errorf("repeated: %v, %v", again, err)
	}
	if _, err := s.Allocate(t.Context(), allocate("r1", order("10001", "lamp", 5))); !errors.Is(err, ledger.ErrRequestReused) {
		t.Errorf("another order under the id of a refusal: %v", err)
	}
	if _, err := s.SetStock(t.Context(), setStock("r1", "columbus", "lamp", 7)); !errors.Is(err, ledger.ErrRequestReused) {
		t.Errorf("another call under the id of a refusal: %v", err)
	}
	if anew, err := s.Allocate(t.Context(), allocate("r2", order("10001", "lamp", 6))); err != nil || anew.GetHold() == nil {
		t.Errorf("by a new id: %v, %v", anew, err)
	}
	// The promise is past on the next day: a fault of the order now, but it was answered.
	late := order("10001", "mug", 1)
	late.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-11-18"}
	refused, err = s.Allocate(t.Context(), allocate("r3", late))
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(59 * time.Minute)
	if again, err := s.Allocate(t.Context(), allocate("r3", late)); err != nil || !proto.Equal(again, refused) {
		t.Errorf("repeated after 59 minutes: %v, %v", again, err)
	}
	clock.advance(24 * time.Hour)
	stockOf(t, s, "columbus", "mug") // which tells the ledger the time
	if again, err := s.Allocate(t.Context(), allocate("r3", late)); statusOf(err).Code() != codes.InvalidArgument {
		t.Errorf("repeated when it was forgotten: %v, %v", again, err)
	}
}

func TestAllocateRepeated(t *testing.T) {
	s, clock := newServer(t, nil)
	first, err := s.Allocate(t.Context(), allocate("r1", order("10001", "lamp", 5)))
	if err != nil || first.GetHold() == nil {
		t.Fatal(first, err)
	}
	// Nothing is left, a minute has passed: the same request still has its answer.
	clock.advance(time.Minute)
	again, err := s.Allocate(t.Context(), allocate("r1", order("10001", "lamp", 5)))
	if err != nil || !proto.Equal(first, again) {
		t.Errorf("repeated: %v, %v", again, err)
	}
	if _, err := s.Release(t.Context(), &allotv1.ReleaseRequest{RequestId: "r2", HoldId: first.GetHold().GetId()}); err != nil {
		t.Fatal(err)
	}
	if again, err = s.Allocate(t.Context(), allocate("r1", order("10001", "lamp", 5))); err != nil || !proto.Equal(first, again) {
		t.Errorf("repeated after release: %v, %v", again, err)
	}
	if n := s.ledger.Open(); n != 0 {
		t.Errorf("%d holds are open", n)
	}
	for name, other := range map[string]*allotv1.Order{
		"another quantity": order("10001", "lamp", 4),
		"another place":    order("10002", "lamp", 5),
	} {
		if _, err := s.Allocate(t.Context(), allocate("r1", other)); !errors.Is(err, ledger.ErrRequestReused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAllocateSameRequestAtOnce sends one request a hundred times at once, while others move the stock it is decided on.
func TestAllocateSameRequestAtOnce(t *testing.T) {
	for name, change := range map[string]func(*Config){"in memory": nil, "with a store": stored(t, newTape(), nil)} {
		t.Run(name, func(t *testing.T) {
			s, _ := newServer(t, change)
			for kind, quantity := range map[string]int{"granted": 3, "refused": 300} {
				open := s.ledger.Open()
				answers := make([]*allotv1.AllocateResponse, 100)
				var wg sync.WaitGroup
				for i := range answers {
					wg.Go(func() {
						out, err := s.Allocate(t.Context(), allocate(kind, order("10001", "mug", quantity)))
						if err != nil {
							t.Error(err)
						}
						answers[i] = out
					})
					if i%10 == 0 {
						wg.Go(func() {
							if _, err := s.AdjustStock(t.Context(), adjustStock(fmt.Sprint(kind, i), "reno", "mug", 1)); err != nil {
								t.Error(err)
							}
						})
					}
				}
				wg.Wait()
				for _, a := range answers {
					if !proto.Equal(a, answers[0]) {
						t.Fatalf("%v and %v", answers[0], a)
					}
				}
				if n := s.ledger.Open() - open; n > 1 || n == 1 != (kind == "granted") || (answers[0].GetHold() != nil) != (kind == "granted") {
					t.Errorf("%d holds for one request that was %s", n, kind)
				}
			}
		})
	}
}

// TestPartsOfAHold ships, loses, returns and cancels a hold unit by unit.
func TestPartsOfAHold(t *testing.T) {
	s, _ := newServer(t, nil)
	ctx := t.Context()
	out, err := s.Allocate(ctx, allocate("a", order("10001", "mug", 10)))
	if err != nil {
		t.Fatal(err)
	}
	id := out.GetHold().GetId()
	mugs := func(n int32) []*allotv1.HoldItem {
		return []*allotv1.HoldItem{{Warehouse: "columbus", Sku: "mug", Quantity: n}}
	}
	line := func(shipped, short, returned int32) *allotv1.HoldLine {
		return &allotv1.HoldLine{Warehouse: "columbus", Sku: "mug", Quantity: 10, Shipped: shipped, Short: short, Returned: returned}
	}
	for _, step := range []struct {
		name         string
		move         func() (*allotv1.Hold, error)
		state        allotv1.HoldState
		line         *allotv1.HoldLine
		onHand, held int32
	}{
		{"release 2", func() (*allotv1.Hold, error) {
			out, err := s.Release(ctx, &allotv1.ReleaseRequest{RequestId: "r", HoldId: id, Items: mugs(2)})
			return out.GetHold(), err
		}, allotv1.HoldState_HOLD_STATE_PENDING, line(0, 0, 2), 100, 8},
		{"confirm", func() (*allotv1.Hold, error) {
			out, err := s.Confirm(ctx, &allotv1.ConfirmRequest{RequestId: "c", HoldId: id})
			return out.GetHold(), err
		}, allotv1.HoldState_HOLD_STATE_CONFIRMED, line(0, 0, 2), 100, 8},
		{"ship 3", func() (*allotv1.Hold, error) {
			out, err := s.Ship(ctx, &allotv1.ShipRequest{RequestId: "s", HoldId: id, Items: mugs(3)})
			return out.GetHold(), err
		}, allotv1.HoldState_HOLD_STATE_CONFIRMED, line(3, 0, 2), 97, 5},
		{"ship 3 again, by the same request", func() (*allotv1.Hold, error) {
			out, err := s.Ship(ctx, &allotv1.ShipRequest{RequestId: "s", HoldId: id, Items: mugs(3)})
			return out.GetHold(), err
		}, allotv1.HoldState_HOLD_STATE_CONFIRMED, line(3, 0, 2), 97, 5},
		{"pick 1 short", func() (*allotv1.Hold, error) {
			out, err := s.ShortPick(ctx, &allotv1.ShortPickRequest{RequestId: "p", HoldId: id, Items: mugs(1)})
			return out.GetHold(), err
		}, allotv1.HoldState_HOLD_STATE_CONFIRMED, line(3, 1, 2), 96, 4},
		{"cancel 1", func() (*allotv1.Hold, error) {
			out, err := s.Cancel(ctx, &allotv1.CancelRequest{RequestId: "x", HoldId: id, Items: mugs(1)})
			return out.GetHold(), err
		}, allotv1.HoldState_HOLD_STATE_CONFIRMED, line(3, 1, 3), 96, 3},
		{"ship the rest", func() (*allotv1.Hold, error) {
			out, err := s.Ship(ctx, &allotv1.ShipRequest{RequestId: "s2", HoldId: id})
			return out.GetHold(), err
		}, allotv1.HoldState_HOLD_STATE_SHIPPED, line(6, 1, 3), 93, 0},
	} {
		h, err := step.move()
		want := &allotv1.Hold{Id: id, OrderId: "o-1", State: step.state, Lines: []*allotv1.HoldLine{step.line}, ExpiresAt: h.GetExpiresAt()}
		if err != nil || !proto.Equal(h, want) || (h.GetExpiresAt() != nil) != (step.state == allotv1.HoldState_HOLD_STATE_PENDING) {
			t.Errorf("%s: %v, %v; want %v", step.name, h, err, want)
		}
		if got := stockOf(t, s, "columbus", "mug"); got.GetOnHand() != step.onHand || got.GetHeld() != step.held {
			t.Errorf("after %s: %v, want %d on hand and %d held", step.name, got, step.onHand, step.held)
		}
	}
	if got, err := s.Get(ctx, &allotv1.GetRequest{HoldId: id}); err != nil || got.GetHold().GetState() != allotv1.HoldState_HOLD_STATE_SHIPPED || !proto.Equal(got.GetDecision(), out.GetDecision()) {
		t.Errorf("in the end %v, %v", got, err)
	}
	_, err = s.Cancel(ctx, &allotv1.CancelRequest{RequestId: "late", HoldId: id})
	if st := statusOf(err); st.Code() != codes.FailedPrecondition || reasonOf(st) != ReasonTransition {
		t.Errorf("cancelling what was shipped: %v", err)
	}
}

func TestBadItems(t *testing.T) {
	s, _ := newServer(t, nil)
	out, err := s.Allocate(t.Context(), allocate("a", order("10001", "mug", 10)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Confirm(t.Context(), &allotv1.ConfirmRequest{RequestId: "c", HoldId: out.GetHold().GetId()}); err != nil {
		t.Fatal(err)
	}
	item := func(warehouse, sku string, n int32) *allotv1.HoldItem {
		return &allotv1.HoldItem{Warehouse: warehouse, Sku: sku, Quantity: n}
	}
	for name, tt := range map[string]struct {
		items []*allotv1.HoldItem
		field string
	}{
		"none":                   {[]*allotv1.HoldItem{item("columbus", "mug", 0)}, "items[0].quantity"},
		"fewer than none":        {[]*allotv1.HoldItem{item("columbus", "mug", -1)}, "items[0].quantity"},
		"more than there can be": {[]*allotv1.HoldItem{item("columbus", "mug", math.MaxInt32)}, "items[0].quantity"},
		"more than are left":     {[]*allotv1.HoldItem{item("columbus", "mug", 11)}, "items[0].quantity"},
		"no warehouse":           {[]*allotv1.HoldItem{item("", "mug", 1)}, "items[0].warehouse"},
		"an unknown warehouse":   {[]*allotv1.HoldItem{item("columbia", "mug", 1)}, "items[0].warehouse"},
		"an unknown SKU":         {[]*allotv1.HoldItem{item("columbus", "mugs", 1)}, "items[0].sku"},
		"what is not held":       {[]*allotv1.HoldItem{item("reno", "mug", 1)}, "items[0]"},
		"the same twice":         {[]*allotv1.HoldItem{item("columbus", "mug", 1), item("columbus", "mug", 1)}, "items[1]"},
		"a good one and a bad":   {[]*allotv1.HoldItem{item("columbus", "mug", 1), item("columbus", "lamp", 1)}, "items[1]"},
		"too many":               {slices.Repeat([]*allotv1.HoldItem{item("columbus", "mug", 1)}, maxItems+1), "items"},
	} {
		_, err := s.Ship(t.Context(), &allotv1.ShipRequest{RequestId: "r", HoldId: out.GetHold().GetId(), Items: tt.items})
		st := statusOf(err)
		if _, told := violationsOf(st)[tt.field]; st.Code() != codes.InvalidArgument || !told {
			t.Errorf("%s: %v %v, want %s", name, st, violationsOf(st), tt.field)
		}
	}
	if got := stockOf(t, s, "columbus", "mug"); got.GetHeld() != 10 || got.GetOnHand() != 100 {
		t.Errorf("something was done: %v", got)
	}
}

func TestLifeOfAHold(t *testing.T) {
	s, clock := newServer(t, nil)
	next := 0
	id := func() string { next++; return fmt.Sprint("request ", next) }
	hold := func() string {
		out, err := s.Allocate(t.Context(), allocate(id(), order("10001", "mug", 10)))
		if err != nil {
			t.Fatal(err)
		}
		return out.GetHold().GetId()
	}
	confirm := func(h string) (*allotv1.Hold, error) {
		out, err := s.Confirm(t.Context(), &allotv1.ConfirmRequest{RequestId: id(), HoldId: h})
		return out.GetHold(), err
	}
	release := func(h string) (*allotv1.Hold, error) {
		out, err := s.Release(t.Context(), &allotv1.ReleaseRequest{RequestId: id(), HoldId: h})
		return out.GetHold(), err
	}
	cancel := func(h string) (*allotv1.Hold, error) {
		out, err := s.Cancel(t.Context(), &allotv1.CancelRequest{RequestId: id(), HoldId: h})
		return out.GetHold(), err
	}
	held := func(want int32) {
		t.Helper()
		if got := stockOf(t, s, "columbus", "mug").GetHeld(); got != want {
			t.Errorf("%d held, want %d", got, want)
		}
	}

	confirmed, released, expired := hold(), hold(), hold()
	held(30)
	if h, err := confirm(confirmed); err != nil || h.GetState() != allotv1.HoldState_HOLD_STATE_CONFIRMED || h.GetExpiresAt() != nil {
		t.Errorf("confirm: %v, %v", h, err)
	}
	if h, err := release(released); err != nil || h.GetState() != allotv1.HoldState_HOLD_STATE_RELEASED {
		t.Errorf("release: %v, %v", h, err)
	}
	held(20)
	clock.advance(11 * time.Minute)
	if out, err := s.Get(t.Context(), &allotv1.GetRequest{HoldId: expired}); err != nil || out.GetHold().GetState() != allotv1.HoldState_HOLD_STATE_EXPIRED {
		t.Errorf("get: %v, %v", out, err)
	}
	held(10)
	for name, move := range map[string]func() (*allotv1.Hold, error){
		"confirm a released":  func() (*allotv1.Hold, error) { return confirm(released) },
		"confirm an expired":  func() (*allotv1.Hold, error) { return confirm(expired) },
		"release a confirmed": func() (*allotv1.Hold, error) { return release(confirmed) },
		"cancel a released":   func() (*allotv1.Hold, error) { return cancel(released) },
	} {
		if h, err := move(); statusOf(err).Code() != codes.FailedPrecondition {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
	if h, err := cancel(confirmed); err != nil || h.GetState() != allotv1.HoldState_HOLD_STATE_CANCELLED {
		t.Errorf("cancel: %v, %v", h, err)
	}
	held(0)
	for _, unknown := range []string{"99", "0", "007", "+1", "nonsense", "18446744073709551616"} {
		if _, err := confirm(unknown); !errors.Is(err, ledger.ErrNoHold) {
			t.Errorf("confirm %q: %v", unknown, err)
		}
		if _, err := s.Get(t.Context(), &allotv1.GetRequest{HoldId: unknown}); !errors.Is(err, ledger.ErrNoHold) {
			t.Errorf("get %q: %v", unknown, err)
		}
	}
}

func TestMoveRepeated(t *testing.T) {
	s, _ := newServer(t, nil)
	out, err := s.Allocate(t.Context(), allocate("r1", order("10001", "mug", 1)))
	if err != nil {
		t.Fatal(err)
	}
	request := &allotv1.ConfirmRequest{RequestId: "r2", HoldId: out.GetHold().GetId()}
	first, err := s.Confirm(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Confirm(t.Context(), request); err != nil || !proto.Equal(first, again) {
		t.Errorf("%v, %v", again, err)
	}
	_, err = s.Release(t.Context(), &allotv1.ReleaseRequest{RequestId: "r2", HoldId: out.GetHold().GetId()})
	if !errors.Is(err, ledger.ErrRequestReused) {
		t.Errorf("the same id for another move: %v", err)
	}
}

// TestNeverOversold lets many callers fight for little stock while some give theirs back.
func TestNeverOversold(t *testing.T) {
	s := serve(t, func(c *Config) { c.MaxAttempts = 2 })
	var granted, refused, contended atomic.Int32
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			for i := range 25 {
				out, err := s.allocation.Allocate(t.Context(), allocate(fmt.Sprintf("%d/%d", caller, i), order("10001", "lamp", 1)))
				switch {
				case status.Code(err) == codes.Aborted:
					contended.Add(1)
				case err != nil:
					t.Error(err)
				case out.GetHold() == nil:
					refused.Add(1)
				default:
					granted.Add(1)
					if i%2 == 0 {
						continue
					}
					_, err := s.allocation.Release(t.Context(), &allotv1.ReleaseRequest{
						RequestId: fmt.Sprintf("back %d/%d", caller, i), HoldId: out.GetHold().GetId(),
					})
					if err != nil {
						t.Error(err)
					}
					granted.Add(-1)
				}
			}
		})
	}
	wg.Wait()
	stock := stockOf(t, s.Server, "columbus", "lamp")
	if granted.Load() > 5 || stock.GetHeld() != granted.Load() || stock.GetAvailable() != 5-granted.Load() {
		t.Errorf("%d of 5 lamps granted, stock %v", granted.Load(), stock)
	}
	t.Logf("%d granted in the end, %d refused, %d contended", granted.Load(), refused.Load(), contended.Load())
}

// A thief takes mugs that a decision counts on, between the look at the stock and the claim: of one warehouse at each
// look, leaving nine.
type thief struct {
	s    *Server
	d    *desk
	from []string // warehouses, by look
	last uint64   // sequence of the look that was robbed
}

func (th *thief) WarehouseLeft(int32, units.Date) int32 {
	if len(th.from) == 0 || th.last == th.d.days.View.Sequence {
		return 1000
	}
	snap := th.s.network.Load().snap
	w, _ := snap.Warehouse(th.from[0])
	sku, _ := snap.SKUs.Row("mug")
	th.from, th.last = th.from[1:], th.d.days.View.Sequence
	stock, err := th.s.ledger.Stock(ledger.Warehouse(w), ledger.SKU(sku))
	if err != nil {
		panic(err)
	}
	if _, err := th.s.ledger.Allocate(&ledger.Allocation{At: th.s.now(), TTL: 600, Stock: []ledger.StockClaim{{
		Warehouse: ledger.Warehouse(w), SKU: ledger.SKU(sku), Quantity: stock.Available - 9,
	}}}); err != nil {
		panic(err)
	}
	return 1000
}

func (th *thief) ServiceLeft(int32, int32, units.Date) int32 { return 1000 }

func robbed(t *testing.T, attempts int, from ...string) (*Server, *thief) {
	t.Helper()
	s, _ := newServer(t, func(c *Config) { c.MaxAttempts = attempts })
	n := s.network.Load()
	th := &thief{s: s, d: newDesk(n.engine, nil), from: from}
	th.d.stock.Capacity = th
	n.desks.New = func() any { return th.d }
	return s, th
}

func TestAllocateScoresAgainWhenItLosesItsStock(t *testing.T) {
	s, th := robbed(t, 3, "columbus")
	out, err := s.Allocate(t.Context(), allocate("r1", order("10001", "mug", 10)))
	if err != nil {
		t.Fatal(err)
	}
	if len(th.from) > 0 {
		t.Fatal("nothing was stolen: the engine did not ask for the capacity")
	}
	if got := out.GetDecision().GetShipments()[0].GetWarehouse(); got != "reno" {
		t.Errorf("ships from %s, want reno: columbus was robbed", got)
	}
}

func TestAllocateGivesUpWithAborted(t *testing.T) {
	s, _ := robbed(t, 2, "columbus", "reno")
	_, err := s.Allocate(t.Context(), allocate("r1", order("10001", "mug", 10)))
	st := statusOf(err)
	if st.Code() != codes.Aborted || retryOf(st) != contendedRetry || reasonOf(st) != ReasonContended {
		t.Errorf("%v, details %v", err, st.Details())
	}
	if n := s.ledger.Open(); n != 2 {
		t.Errorf("%d holds, want the thief's two", n)
	}
}

func TestAllocateStopsWhenTheCallerIsGone(t *testing.T) {
	s, _ := robbed(t, 2, "columbus")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Allocate(ctx, allocate("r1", order("10001", "mug", 10))); statusOf(err).Code() != codes.Canceled {
		t.Errorf("%v", err)
	}
}

func TestCapacityIsHeld(t *testing.T) {
	s, _ := newServer(t, func(c *Config) {
		c.Load = edited("warehouses.csv", "columbus,43215,14:00,2,1000,", "columbus,43215,14:00,2,2,")
	})
	var days []string
	for i := range 5 {
		out, err := s.Allocate(t.Context(), allocate(fmt.Sprint(i), order("43004", "lamp", 1)))
		if err != nil {
			t.Fatal(err)
		}
		days = append(days, out.GetDecision().GetShipments()[0].GetShipDate())
	}
	want := []string{"2026-11-18", "2026-11-18", "2026-11-19", "2026-11-19", "2026-11-20"}
	if fmt.Sprint(days) != fmt.Sprint(want) {
		t.Errorf("ship dates %v, want %v", days, want)
	}
}

func TestQuoteIsAParetoFront(t *testing.T) {
	s, _ := newServer(t, nil)
	out, err := s.Quote(t.Context(), &allotv1.QuoteRequest{Order: order("10001", "mug", 2)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.GetOptions()) != 2 || out.GetCurrency() != "USD" || out.GetNetworkVersion() == "" {
		t.Fatalf("%v", out)
	}
	fast, slow := out.GetOptions()[0], out.GetOptions()[1]
	if fast.GetDeliveryDate() != "2026-11-19" || slow.GetDeliveryDate() != "2026-11-24" || fast.GetCostMicros() <= slow.GetCostMicros() {
		t.Errorf("%v then %v", fast, slow)
	}
	if cutoff := wednesday.Add(4 * time.Hour); fast.GetLatestOrderAt().AsTime() != cutoff {
		t.Errorf("latest order %v, want the cut-off %v", fast.GetLatestOrderAt().AsTime(), cutoff)
	}
	if s.ledger.Open() != 0 {
		t.Error("a quote holds stock")
	}
}

func TestExplainAddsUp(t *testing.T) {
	s, _ := newServer(t, nil)
	out, err := s.Explain(t.Context(), &allotv1.ExplainRequest{Order: order("10001", "mug", 2, "lamp", 1)})
	if err != nil {
		t.Fatal(err)
	}
	d, x := out.GetDecision(), out.GetExplanation()
	total := d.GetSplitCostMicros()
	for i, b := range x.GetShipments() {
		sum := int64(0)
		for _, term := range b.GetTerms() {
			sum += term.GetAmountMicros()
		}
		sh := d.GetShipments()[i]
		if cost := sh.GetFreightMicros() + sh.GetHandlingMicros() + sh.GetOtherMicros(); sum != cost {
			t.Errorf("terms of shipment %d add up to %d, it costs %d", i, sum, cost)
		}
		total += sum
		for _, p := range b.GetParcels() {
			charges := int64(0)
			for _, c := range p.GetCharges() {
				charges += c.GetAmountMicros()
			}
			if charges != p.GetTotalMicros() || p.GetZone() == "" || p.GetBillableWeightNg() == 0 {
				t.Errorf("parcel %v", p)
			}
		}
	}
	if total != d.GetCostMicros() {
		t.Errorf("all terms add up to %d, the decision costs %d", total, d.GetCostMicros())
	}
	if x.GetCandidateCount() != 6 || len(x.GetCandidates()) != 6 { // two warehouses, three services
		t.Errorf("%d candidates of %d", len(x.GetCandidates()), x.GetCandidateCount())
	}
	for _, c := range x.GetCandidates() {
		if (c.GetConstraint() == allotv1.Constraint_CONSTRAINT_UNSPECIFIED) != (c.GetCostMicros() > 0) {
			t.Errorf("candidate %v", c)
		}
	}
	if x.GetRunnerUp() == nil || x.GetGapMicros() <= 0 {
		t.Errorf("runner-up %v, gap %d", x.GetRunnerUp(), x.GetGapMicros())
	}
	few, err := s.Explain(t.Context(), &allotv1.ExplainRequest{Order: order("10001", "mug", 2), MaxCandidates: 2})
	if err != nil || len(few.GetExplanation().GetCandidates()) != 2 || few.GetExplanation().GetCandidateCount() != 6 {
		t.Errorf("%v, %v", few, err)
	}
	if what := few.GetExplanation().GetWhatIfs(); len(what) == 0 || !strings.HasPrefix(what[0].GetText(), "reno by ") {
		t.Errorf("what-ifs %v", what)
	}
}

func TestWhatIfSentences(t *testing.T) {
	s, _ := newServer(t, nil)
	snap := s.network.Load().snap
	for _, tt := range []struct {
		in   engine.WhatIf
		want string
	}{
		{engine.WhatIf{Warehouse: 1, Service: 2, Change: engine.Cheaper, Cheaper: 840_000}, "reno by ground wins if it costs over 0.84 USD less"},
		{engine.WhatIf{Warehouse: 1, Service: 0, Change: engine.CutoffLater, Minutes: 40}, "reno by air wins if its cut-off is 40 minutes later"},
		{engine.WhatIf{Warehouse: 1, Service: 2, Change: engine.MoreStock, SKU: 0, Units: 3}, "reno by ground wins if it has 3 more of lamp"},
	} {
		if got := writeWhatIf(snap, &tt.in); got.GetText() != tt.want || got.GetChange() == nil {
			t.Errorf("%v, want %q", got, tt.want)
		}
	}
}
