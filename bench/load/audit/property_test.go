package audit

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
	_ "github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger"
)

// A step is a call of a random history.
type step struct {
	pause    time.Duration // before it
	kind     workload.Kind
	of       int // of the orders so far, counted back from the latest
	sku      string
	quantity int64
	fate     int
}

func steps() *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			pause: rapid.SampledFrom([]time.Duration{0, 0, 0, time.Millisecond, time.Second, time.Minute, 4 * time.Minute}).Draw(t, "pause"),
			kind: rapid.SampledFrom([]workload.Kind{
				workload.Allocate, workload.Allocate, workload.Allocate, workload.Repeat, workload.Confirm, workload.Confirm,
				workload.Release, workload.Ship, workload.Cancel, workload.Restock,
			}).Draw(t, "kind"),
			of: rapid.IntRange(0, 4).Draw(t, "of"), sku: rapid.SampledFrom(skus).Draw(t, "sku"),
			quantity: rapid.Int64Range(1, 9).Draw(t, "quantity"),
			fate:     rapid.SampledFrom([]int{arrives, arrives, arrives, arrives, lostRequest, lostResponse}).Draw(t, "fate"),
		}
	}), 1, 60)
}

// play sends a history.
func play(c *caller, history []step) {
	var orders []int64
	for _, s := range history {
		time.Sleep(s.pause)
		switch {
		case s.kind == workload.Allocate:
			orders = append(orders, c.order(s.sku, s.quantity, "2026-12-15", s.fate))
		case s.kind == workload.Restock:
			c.restock(s.sku, int32(s.quantity), s.fate)
		case s.of < len(orders):
			c.about(s.kind, orders[len(orders)-1-s.of], s.fate)
		}
	}
}

// audited plays a history in a bubble and returns what is found.
func audited(t *testing.T, history []step, o Options, proxy func(c *caller) bool) (found load.Correctness) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, o, ledger.Config{Retention: int64(o.Retention / time.Second)})
		if proxy != nil {
			proxy(c)
		}
		play(c, history)
		found = c.finish(t)
	})
	return found
}

// TestTrueServerProperty: whatever is sent, lost and left unanswered, a true server is found to be true.
func TestTrueServerProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		history := steps().Draw(rt, "history")
		o := Options{
			Retention: rapid.SampledFrom([]time.Duration{0, 10 * time.Minute}).Draw(rt, "retention"),
			MaxGets:   rapid.SampledFrom([]int{0, 0, 3}).Draw(rt, "gets"),
			MaxHolds:  rapid.SampledFrom([]int{0, 0, 5}).Draw(rt, "holds"),
			Shared:    rapid.Bool().Draw(rt, "shared"),
		}
		if got := audited(t, history, o, nil); got.Failures() != 0 {
			rt.Fatalf("%d failures: %q", got.Failures(), got.Examples)
		}
	})
}

// TestFaultProperty: whatever happens beside it, a unit that is held, forgotten or sold on the sly is noticed.
func TestFaultProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		history := steps().Draw(rt, "history")
		kind := rapid.SampledFrom([]string{"a second hold", "a hold given back", "a unit lost"}).Draw(rt, "fault")
		after := rapid.IntRange(0, 10).Draw(rt, "after")
		happened := false
		got := audited(t, history, Options{}, func(c *caller) bool {
			calls := 0
			c.proxy = func(request proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				out, err := next(request)
				a, ok := out.(*allotv1.AllocateResponse)
				if calls++; !ok || happened || calls <= after || a.GetHold() == nil {
					return out, err
				}
				switch kind {
				case "a second hold":
					again := proto.CloneOf(request.(*allotv1.AllocateRequest))
					again.RequestId = c.secretID()
					second := c.must(again).(*allotv1.AllocateResponse)
					if second.GetHold() == nil {
						return out, err
					}
					c.must(&allotv1.ConfirmRequest{RequestId: c.secretID(), HoldId: second.GetHold().GetId()})
				case "a hold given back":
					h := c.must(&allotv1.GetRequest{HoldId: a.GetHold().GetId()}).(*allotv1.GetResponse)
					if h.GetHold().GetState() != allotv1.HoldState_HOLD_STATE_PENDING {
						return out, err // a repeat of what has gone on
					}
					c.must(&allotv1.ReleaseRequest{RequestId: c.secretID(), HoldId: a.GetHold().GetId()})
				case "a unit lost":
					sku := a.GetDecision().GetShipments()[0].GetItems()[0].GetSku()
					stock := c.must(&allotv1.GetStockRequest{Skus: []string{sku}, Warehouses: []string{"columbus"}}).(*allotv1.GetStockResponse)
					if stock.GetStock()[0].GetOnHand() == 0 {
						return out, err
					}
					c.adjust(sku, -1)
				}
				happened = true
				return out, err
			}
			return true
		})
		if (got.Failures() != 0) != happened {
			rt.Fatalf("%s happened: %v, found %d: %q", kind, happened, got.Failures(), got.Examples)
		}
	})
}
