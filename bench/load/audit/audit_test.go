package audit

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/ledger"
)

// day is a history with all that can happen: orders until nothing is left, what becomes of them, deliveries, repeats, lost calls.
func day(c *caller) {
	var mugs []int64
	for range 12 {
		mugs = append(mugs, c.order("mug", 10, "2026-11-30", arrives))
	}
	for i, fate := range []int{arrives, lostRequest, lostResponse} {
		c.order("poster", 3, "2026-11-30", fate)
		c.restock("lamp", int32(i+1), fate)
	}
	for range 14 {
		c.order("lamp", 1, "", arrives) // the last ones are refused
	}
	time.Sleep(time.Minute)
	for i, n := range mugs {
		c.about(workload.Repeat, n, arrives)
		switch i {
		case 0, 1, 2, 3, 4:
			c.about(workload.Confirm, n, arrives)
		case 5:
			c.about(workload.Confirm, n, lostResponse)
		case 6:
			c.about(workload.Confirm, n, lostRequest)
		case 7:
			c.about(workload.Release, n, arrives)
		case 8:
			c.about(workload.Release, n, lostResponse)
		}
	}
	time.Sleep(time.Minute)
	c.about(workload.Ship, mugs[0], arrives)
	c.about(workload.Ship, mugs[1], lostResponse)
	c.about(workload.Cancel, mugs[2], arrives)
	c.about(workload.Cancel, mugs[3], lostRequest)
	c.about(workload.Cancel, mugs[7], arrives) // in vain: it was released
	time.Sleep(time.Minute)
	c.order("mug", 1, "2026-11-30", arrives)
}

// TestTrueServer: a server that does what it says is found to.
func TestTrueServer(t *testing.T) {
	for _, f := range []struct {
		name             string
		wait             time.Duration
		holds, decisions int64
	}{
		{"at once", 0, 25, 16},
		{"while holds expire", holdFor - 150*time.Second, 25, 16},
		{"long after", 10 * 24 * time.Hour, 23, 14}, // when the promise of what had no answer cannot be kept any more
	} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, Options{}, ledger.Config{})
				day(c)
				time.Sleep(f.wait)
				got := c.finish(t)
				if n := got.Failures(); n != 0 || got.Skipped != "" {
					t.Errorf("%d failures, skipped %q: %q", n, got.Skipped, got.Examples)
				}
				// 13 orders of mugs, 3 of posters, and of lamps the 5 and the 4 that were delivered before they were asked for.
				if got.Repeats != 12 || got.Cells != 5 || got.Holds != f.holds || got.Decisions != f.decisions {
					t.Errorf("checked %+v, want %+v", got, f)
				}
			})
		})
	}
}

// TestFaultyServer: whatever a server does wrong is noticed, by the right name.
func TestFaultyServer(t *testing.T) {
	type proxy = func(request proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error)
	once := func(done *bool) bool { was := *done; *done = true; return !was }
	oversells := func(c *load.Correctness) int64 { return c.Oversells }
	duplicates := func(c *load.Correctness) int64 { return c.DuplicateEffects }
	losses := func(c *load.Correctness) int64 { return c.LostAcks }
	lates := func(c *load.Correctness) int64 { return c.LateOnTime }
	for _, f := range []struct {
		name  string
		count func(*load.Correctness) int64
		says  string
		make  func(p *shop) proxy
	}{
		{"oversells", oversells, "of lamp in columbus", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				if _, ok := r.(*allotv1.AllocateRequest); !ok {
					return next(r)
				}
				p.adjust("lamp", 50)
				defer p.adjust("lamp", -50)
				return next(r)
			}
		}},
		{"forgets a hold", losses, "and is not there", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				if g, ok := r.(*allotv1.GetRequest); ok && g.GetHoldId() == "4" {
					return nil, status.Error(codes.NotFound, "no such hold")
				}
				return next(r)
			}
		}},
		{"gives a hold back by itself", losses, "and is released", func(p *shop) proxy {
			var done bool
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				out, err := next(r)
				if a, ok := out.(*allotv1.AllocateResponse); ok && once(&done) {
					p.must(&allotv1.ReleaseRequest{RequestId: p.secretID(), HoldId: a.GetHold().GetId()})
				}
				return out, err
			}
		}},
		{"answers a repeat with another hold", duplicates, "and when it was repeated with hold", func(p *shop) proxy {
			seen := map[string]bool{}
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				a, ok := r.(*allotv1.AllocateRequest)
				if ok && seen[a.GetRequestId()] && p.secret == 0 {
					a = proto.CloneOf(a)
					a.RequestId, r = p.secretID(), a
				}
				if ok {
					seen[a.GetRequestId()] = true
				}
				return next(r)
			}
		}},
		{"answers a repeat with another plan", duplicates, ", by another plan", func(p *shop) proxy {
			seen := map[string]bool{}
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				out, err := next(r)
				if a, ok := r.(*allotv1.AllocateRequest); ok {
					if seen[a.GetRequestId()] {
						out.(*allotv1.AllocateResponse).Decision.CostMicros++
					}
					seen[a.GetRequestId()] = true
				}
				return out, err
			}
		}},
		{"holds twice", duplicates, "all requests together account for", func(p *shop) proxy {
			var done bool
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				if a, ok := r.(*allotv1.AllocateRequest); ok && once(&done) {
					a = proto.CloneOf(a)
					a.RequestId = p.secretID()
					h := p.must(a).(*allotv1.AllocateResponse).GetHold().GetId()
					p.must(&allotv1.ConfirmRequest{RequestId: p.secretID(), HoldId: h})
				}
				return next(r)
			}
		}},
		{"labels a late plan as on time", lates, "on time by its label", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				out, err := next(r)
				if a, ok := out.(*allotv1.AllocateResponse); ok {
					for _, s := range a.GetDecision().GetShipments() {
						s.DeliveryDate = "2026-12-01"
						s.ArrivesAt = &timestamppb.Timestamp{Seconds: time.Date(2026, 12, 1, 20, 0, 0, 0, time.UTC).Unix()}
						a.Decision.ArrivesAt = s.GetArrivesAt()
					}
				}
				return out, err
			}
		}},
		{"labels by a date that is not the instant's", lates, "which is another day", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				out, err := next(r)
				if a, ok := out.(*allotv1.AllocateResponse); ok {
					for _, s := range a.GetDecision().GetShipments() {
						s.ArrivesAt.Seconds += 7 * 86_400
					}
				}
				return out, err
			}
		}},
		{"loses a release", losses, "acknowledged, and released, and is", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				if m, ok := r.(*allotv1.ReleaseRequest); ok {
					return &allotv1.ReleaseResponse{Hold: &allotv1.Hold{Id: m.GetHoldId(), State: allotv1.HoldState_HOLD_STATE_RELEASED}}, nil
				}
				return next(r)
			}
		}},
		{"loses a shipment", losses, "acknowledged, and confirmed and shipped, and is confirmed", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				if m, ok := r.(*allotv1.ShipRequest); ok {
					return &allotv1.ShipResponse{Hold: &allotv1.Hold{Id: m.GetHoldId(), State: allotv1.HoldState_HOLD_STATE_SHIPPED}}, nil
				}
				return next(r)
			}
		}},
		{"loses a delivery", losses, "units are on hand", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				if _, ok := r.(*allotv1.AdjustStockRequest); ok {
					return &allotv1.AdjustStockResponse{}, nil
				}
				return next(r)
			}
		}},
		{"takes a delivery twice", duplicates, "units are on hand", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				if m, ok := r.(*allotv1.AdjustStockRequest); ok {
					p.adjust(m.GetAdjustments()[0].GetSku(), m.GetAdjustments()[0].GetChange())
				}
				return next(r)
			}
		}},
		{"holds less than it says", losses, "units less are held than were acknowledged", func(p *shop) proxy {
			return func(r proto.Message, next func(proto.Message) (proto.Message, error)) (proto.Message, error) {
				out, err := next(r)
				if g, ok := out.(*allotv1.GetResponse); ok {
					g.Hold.Lines[0].Quantity--
				}
				return out, err
			}
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, Options{}, ledger.Config{})
				c.proxy = f.make(c.shop)
				day(c)
				got := c.finish(t)
				if f.count(&got) == 0 || !says(&got, f.says) {
					t.Errorf("not noticed by %q: %+v", f.says, got)
				}
			})
		})
	}
}

// TestOversoldForAWhile: units that were promised twice for some minutes are noticed, though all is well at the end.
func TestOversoldForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Options{}, ledger.Config{})
		first := c.order("lamp", 5, "", arrives)
		time.Sleep(time.Second)
		c.adjust("lamp", 3)
		second := c.order("lamp", 3, "", arrives)
		time.Sleep(time.Second)
		c.about(workload.Release, first, arrives)
		c.about(workload.Release, second, arrives)
		c.adjust("lamp", -3)
		if got := c.finish(t); got.Oversells != 3 || got.Failures() != 3 || !says(&got, "of lamp in columbus 8 units were promised at once, 3 more than there were") {
			t.Errorf("%+v", got)
		}
	})
}

// TestWhatIsNotChecked: what the books leave out is said, and not taken for a fault.
func TestWhatIsNotChecked(t *testing.T) {
	for _, f := range []struct {
		name string
		o    Options
		says string
	}{
		{"others move the stock", Options{Shared: true}, "others move the stock of this target"},
		{"too many orders", Options{MaxHolds: 7}, "orders beyond the first 7"},
		{"too many holds to read", Options{MaxGets: 6}, "holds were not read one by one"},
		{"SKUs that nobody knew of", Options{SKUs: []string{"mug"}}, "oversells of 2 of 3 SKUs, whose stock was not read before the run"},
	} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, f.o, ledger.Config{})
				if f.o.Shared {
					c.adjust("mug", -3)
					other := c.must(&allotv1.AllocateRequest{RequestId: c.secretID(), Order: &allotv1.Order{
						Lines: []*allotv1.Line{{Sku: "mug", Quantity: 2}}, To: &allotv1.Destination{PostalCode: "10001"},
					}}).(*allotv1.AllocateResponse)
					c.must(&allotv1.ConfirmRequest{RequestId: c.secretID(), HoldId: other.GetHold().GetId()})
				}
				day(c)
				got := c.finish(t)
				if got.Failures() != 0 || !says(&load.Correctness{Examples: []string{got.Skipped}}, f.says) {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// TestForgottenRequests: a server that forgets what ended long ago, as it may, decides a repeated request anew.
func TestForgottenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Options{Retention: time.Hour, Refusals: time.Hour}, ledger.Config{Retention: 3600, RefusalRetention: 3600})
		released, expired := c.order("mug", 1, "", arrives), c.order("mug", 2, "", arrives)
		full, refused := c.order("lamp", 5, "", arrives), c.order("lamp", 1, "", arrives)
		c.about(workload.Release, released, arrives)
		c.about(workload.Release, full, arrives)
		time.Sleep(2 * time.Hour)
		for _, n := range []int64{released, expired, full, refused} {
			c.about(workload.Repeat, n, arrives)
		}
		if got := c.finish(t); got.Failures() != 0 || c.holds[refused] != "" {
			t.Errorf("%+v", got)
		}
	})
}

// TestUnreachable: a server that is gone at the end makes an error, with what was found by then.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Options{}, ledger.Config{})
		day(c)
		c.proxy = func(proto.Message, func(proto.Message) (proto.Message, error)) (proto.Message, error) {
			return nil, status.Error(codes.Unavailable, "gone")
		}
		if got, err := c.book.Finish(t.Context(), c.shop); status.Code(err) != codes.Unavailable || got.Repeats != 12 {
			t.Errorf("%v, %+v", err, got)
		}
	})
}
