package server

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/ledger/journal"
)

const (
	batchEach = allotv1.BatchPolicy_BATCH_POLICY_EACH
	batchAll  = allotv1.BatchPolicy_BATCH_POLICY_ALL
)

// batchOf is a batch of orders whose request ids are a name and a number.
func batchOf(name string, policy allotv1.BatchPolicy, orders ...*allotv1.Order) *allotv1.AllocateBatchRequest {
	out := &allotv1.AllocateBatchRequest{Policy: policy}
	for i, o := range orders {
		o.Id = fmt.Sprint(name, "#", i)
		out.Requests = append(out.Requests, allocate(fmt.Sprint(name, "/", i), o))
	}
	return out
}

func outcomes(out *allotv1.AllocateBatchResponse) (all []string) {
	for _, a := range out.GetAnswers() {
		what := strings.TrimPrefix(a.GetAnswer().GetDecision().GetOutcome().String(), "OUTCOME_")
		if a.GetContended() {
			what = "CONTENDED"
		}
		if (a.GetAnswer().GetHold() != nil) != (what == "PLANNED") {
			what += " BUT " + a.GetAnswer().GetHold().String()
		}
		all = append(all, what)
	}
	return all
}

// TestBatchAnswersOnBothPorts sends a batch by gRPC, and again as JSON and by Connect: the answers are those of single orders,
// and the same each time.
func TestBatchAnswersOnBothPorts(t *testing.T) {
	s := serve(t, nil)
	request := batchOf("b", batchEach, order("10001", "mug", 2), order("10001", "lamp", 6), order("94105", "poster", 1, "mug", 1))
	out, err := s.allocation.AllocateBatch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(out); !slices.Equal(got, []string{"PLANNED", "OUT_OF_STOCK", "PLANNED"}) || out.GetDecided() != 3 || out.GetFilled() != 2 || out.GetStopped() {
		t.Errorf("%v, %d decided, %d filled", got, out.GetDecided(), out.GetFilled())
	}
	cost := int64(0)
	for i, a := range out.GetAnswers() {
		d := a.GetAnswer().GetDecision()
		cost += d.GetCostMicros()
		if !d.GetCertificate().GetJoint() || a.GetKnown() || a.GetAnswer().GetHold().GetOrderId() != map[bool]string{true: fmt.Sprint("b#", i)}[i != 1] {
			t.Errorf("order %d: %v", i, a)
		}
	}
	if got := stockOf(t, s.Server, "columbus", "mug").GetHeld() + stockOf(t, s.Server, "reno", "mug").GetHeld(); got != 3 {
		t.Errorf("%d mugs are held", got)
	}
	if out.GetCostMicros() != cost+out.GetUnfilledCostMicros() || out.GetLowerBoundMicros() <= 0 || out.GetLowerBoundMicros() > out.GetCostMicros() ||
		out.GetGapMicros() != out.GetCostMicros()-out.GetLowerBoundMicros() || out.GetStatus() == 0 || out.GetCurrency() != "USD" || out.GetNetworkVersion() == "" {
		t.Errorf("cost %d of which %d are for decisions: %v", out.GetCostMicros(), cost, out)
	}
	if d := out.GetAnswers()[0].GetAnswer().GetDecision(); d.GetCostMicros() != 11_500_000 { // as alone
		t.Errorf("%v", d)
	}
	check := func(port string, again *allotv1.AllocateBatchResponse, err error) {
		t.Helper()
		if err != nil || again.GetDecided() != 0 || len(again.GetAnswers()) != 3 {
			t.Fatalf("%s: %v, %v", port, again, err)
		}
		for i, a := range again.GetAnswers() {
			if !a.GetKnown() || !proto.Equal(a.GetAnswer(), out.GetAnswers()[i].GetAnswer()) {
				t.Errorf("%s: order %d again: %v", port, i, a)
			}
		}
	}
	again, err := s.allocation.AllocateBatch(t.Context(), request)
	check("gRPC", again, err)
	again, err = s.connect.AllocateBatch(t.Context(), request)
	check("Connect", again, err)
	raw, err := protojson.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.Post(s.web+"/allot.v1.AllocationService/AllocateBatch", "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	again = &allotv1.AllocateBatchResponse{}
	check("JSON", again, cmp.Or(err, protojson.Unmarshal(text, again)))
	// One of them alone gets its answer, too, and one that is new is decided beside those that are known.
	alone, err := s.allocation.Allocate(t.Context(), request.GetRequests()[2])
	if err != nil || !proto.Equal(alone, out.GetAnswers()[2].GetAnswer()) {
		t.Errorf("%v, %v", alone, err)
	}
	request.Requests = append(request.Requests, allocate("new", order("10001", "mug", 1)))
	again, err = s.allocation.AllocateBatch(t.Context(), request)
	if err != nil || again.GetDecided() != 1 || again.GetAnswers()[3].GetKnown() || again.GetAnswers()[3].GetAnswer().GetHold() == nil || !again.GetAnswers()[0].GetKnown() {
		t.Errorf("%v, %v", again, err)
	}
}

// TestBatchIsDecidedTogether has two orders of which the first would take the stock that only the second can be filled from.
func TestBatchIsDecidedTogether(t *testing.T) {
	ctx := t.Context()
	one := func() (*allotv1.Order, *allotv1.Order) {
		anywhere := order("10001", "mug", 1)
		there := order("10001", "mug", 1)
		there.To, there.CollectAt = nil, "columbus"
		return anywhere, there
	}
	site := func() *Server {
		s, _ := newServer(t, nil)
		for _, w := range []string{"columbus", "reno"} {
			level := &allotv1.StockLevel{Warehouse: w, Sku: "mug", OnHand: 1}
			if _, err := s.SetStock(ctx, &allotv1.SetStockRequest{RequestId: w, Levels: []*allotv1.StockLevel{level}}); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	s := site()
	filled := 0
	anywhere, there := one()
	for i, o := range []*allotv1.Order{anywhere, there} {
		out, err := s.Allocate(ctx, allocate(fmt.Sprint("single", i), o))
		if err != nil {
			t.Fatal(err)
		}
		if out.GetHold() != nil {
			filled++
		}
	}
	if filled != 1 {
		t.Fatalf("one by one %d are filled: the test says nothing", filled)
	}
	for _, policy := range []allotv1.BatchPolicy{batchEach, batchAll} {
		s := site()
		anywhere, there := one()
		out, err := s.AllocateBatch(ctx, batchOf("b", policy, anywhere, there))
		if err != nil || out.GetFilled() != 2 || out.GetAnswers()[1].GetAnswer().GetDecision().GetShipments()[0].GetWarehouse() != "columbus" {
			t.Errorf("%v: %v, %v", policy, out, err)
		}
	}
}

// TestBatchOfAllIsAll asks for all or nothing where not all can be filled.
func TestBatchOfAllIsAll(t *testing.T) {
	s, _ := newServer(t, nil)
	ctx := t.Context()
	request := batchOf("b", batchAll, order("10001", "mug", 2), order("10001", "lamp", 3), order("60601", "lamp", 3))
	out, err := s.AllocateBatch(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(out)
	if slices.Contains(got, "PLANNED") || !slices.Contains(got, "LEFT_OUT") || out.GetDecided() != 3 || out.GetFilled() != 0 || out.GetCostMicros() != 0 || s.ledger.Open() != 0 {
		t.Errorf("%v: %v, %d holds", got, out, s.ledger.Open())
	}
	if _, err := s.SetStock(ctx, setStock("more", "columbus", "lamp", 6)); err != nil {
		t.Fatal(err)
	}
	again, err := s.AllocateBatch(ctx, request)
	if err != nil || !slices.Equal(outcomes(again), got) || again.GetDecided() != 0 {
		t.Errorf("repeated: %v, %v", again, err)
	}
	request = batchOf("c", batchAll, order("10001", "mug", 2), order("10001", "lamp", 3), order("60601", "lamp", 3))
	if out, err = s.AllocateBatch(ctx, request); err != nil || out.GetFilled() != 3 || s.ledger.Open() != 3 {
		t.Errorf("with stock for all: %v, %v", out, err)
	}
	// A part of it with something new is refused by name.
	request.Requests = append(request.Requests[1:2:2], allocate("new", order("10001", "mug", 1)))
	_, err = s.AllocateBatch(ctx, request)
	if st := statusOf(err); st.Code() != codes.AlreadyExists || reasonOf(st) != ReasonRequestKnown || !strings.Contains(st.Message(), "requests[0]") || s.ledger.Open() != 3 {
		t.Errorf("%v", err)
	}
	request.Policy = batchEach
	if out, err = s.AllocateBatch(ctx, request); err != nil || out.GetDecided() != 1 || s.ledger.Open() != 4 {
		t.Errorf("each for itself: %v, %v", out, err)
	}
}

// TestBatchLeavesWhatCostsMore gives a price for leaving an order that is below what it costs to fill.
func TestBatchLeavesWhatCostsMore(t *testing.T) {
	s, _ := newServer(t, nil)
	request := batchOf("b", batchEach, order("10001", "mug", 2), order("94105", "mug", 20)) // 11.50 and more
	request.UnfilledCostMicros = 12_000_000
	out, err := s.AllocateBatch(t.Context(), request)
	if err != nil || !slices.Equal(outcomes(out), []string{"PLANNED", "LEFT_OUT"}) || out.GetCostMicros() != 23_500_000 || out.GetUnfilledCostMicros() != 12_000_000 ||
		out.GetLowerBoundMicros() > 23_500_000 {
		t.Errorf("%v, %v", out, err)
	}
}

func TestBatchRefusals(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.MaxBatch, c.MaxBatches = 4, 1 })
	ctx := t.Context()
	if _, err := s.Allocate(ctx, allocate("used", order("10001", "mug", 1))); err != nil {
		t.Fatal(err)
	}
	fields := func(request *allotv1.AllocateBatchRequest, want ...string) {
		t.Helper()
		_, err := s.AllocateBatch(ctx, request)
		got := slices.Sorted(maps.Keys(violationsOf(statusOf(err))))
		if slices.Sort(want); statusOf(err).Code() != codes.InvalidArgument || !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", statusOf(err), got, want)
		}
	}
	fields(&allotv1.AllocateBatchRequest{}, "requests")
	twice := batchOf("t", batchEach, order("10001", "mug", 1), order("10001", "mug", 1))
	twice.Requests[1].RequestId = twice.GetRequests()[0].GetRequestId()
	fields(twice, "requests[1].request_id")
	fields(batchOf("f", batchEach, order("10001", "mug", 1), order("10001", "cup", 1), order("00000", "mug", 2, "muk", 1)),
		"requests[1].order.lines[0].sku", "requests[2].order.lines[1].sku", "requests[2].order.to.postal_code")
	broken := batchOf("g", batchAll, order("10001", "mug", 0), order("10001", "cup", 1), order("10001", "mug", 1))
	broken.Requests[2].RequestId = ""
	broken.Requests[2].Order.Promise = &allotv1.Order_PromiseDate{PromiseDate: "2026-02-30"}
	fields(broken, "requests[0].order.lines[0].quantity", "requests[1].order.lines[0].sku", "requests[2].order.promise_date", "requests[2].request_id")
	odd := batchOf("o", batchEach, order("10001", "mug", 1), order("10001", "mug", 1))
	odd.Requests[1].IgnorePrices, odd.UnfilledCostMicros, odd.Policy, odd.TimeBudget = true, -1, 7, &durationpb.Duration{Seconds: -1}
	fields(odd, "policy", "requests[1].ignore_prices", "time_budget", "unfilled_cost_micros")
	missing := batchOf("m", batchEach, order("10001", "mug", 1), order("10001", "mug", 1))
	missing.Requests[0], missing.Requests[1].Order = &allotv1.AllocateRequest{}, nil
	fields(missing, "requests[0].order", "requests[0].request_id", "requests[1].order")

	refused := func(what string, err error, code codes.Code, reason string, texts ...string) {
		t.Helper()
		st := statusOf(err)
		if st.Code() != code || reasonOf(st) != reason {
			t.Errorf("%s: %v %s, want %v %s", what, st, reasonOf(st), code, reason)
		}
		for _, text := range texts {
			if !strings.Contains(st.Message(), text) {
				t.Errorf("%s: %q does not say %q", what, st.Message(), text)
			}
		}
	}
	five := batchOf("five", batchEach, order("10001", "mug", 1), order("10001", "mug", 1), order("10001", "mug", 1), order("10001", "mug", 1), order("10001", "mug", 1))
	_, err := s.AllocateBatch(ctx, five)
	refused("too many", err, codes.ResourceExhausted, ReasonBatchTooLarge, "5 orders", "at most 4")
	reused := batchOf("r", batchEach, order("10001", "mug", 1), order("10001", "mug", 2), order("10001", "mug", 3))
	reused.Requests[1].RequestId = "used"
	_, err = s.AllocateBatch(ctx, reused)
	refused("a known id", err, codes.AlreadyExists, ReasonRequestReused, "requests[1]")
	if s.ledger.Open() != 1 {
		t.Errorf("%d holds after refusals", s.ledger.Open())
	}
	s.decided = func() {
		_, err := s.AllocateBatch(ctx, batchOf("second", batchEach, order("10001", "mug", 1)))
		refused("a second batch", err, codes.ResourceExhausted, ReasonTooManyBatches)
		if retryOf(statusOf(err)) == 0 {
			t.Error("it does not say when to try again")
		}
	}
	if _, err := s.AllocateBatch(ctx, batchOf("first", batchEach, order("10001", "mug", 1))); err != nil {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(ctx)
	s.decided = nil
	cancel()
	_, err = s.AllocateBatch(gone, batchOf("gone", batchEach, order("10001", "mug", 1)))
	if refused("a caller that left", err, codes.Canceled, ReasonCancelled); s.ledger.Open() != 2 {
		t.Errorf("%d holds", s.ledger.Open())
	}
	if _, err := New(Config{Load: cornerShop, MaxBatch: maxBatch + 1}); err == nil || !strings.Contains(err.Error(), "MaxBatch") {
		t.Errorf("%v", err)
	}
}

// TestBatchLosesRaces lets others take stock between deciding and holding, once and then each time.
func TestBatchLosesRaces(t *testing.T) {
	ctx := t.Context()
	for _, policy := range []allotv1.BatchPolicy{batchEach, batchAll} {
		t.Run(policy.String(), func(t *testing.T) {
			s, _ := newServer(t, nil)
			rounds := 0
			s.decided = func() { // Columbus ships New York; its mugs go as soon as they are decided on
				if rounds++; rounds == 1 {
					if _, err := s.SetStock(ctx, setStock("all gone", "columbus", "mug", 0)); err != nil {
						t.Error(err)
					}
				}
			}
			out, err := s.AllocateBatch(ctx, batchOf("b", policy, order("10001", "mug", 2), order("10001", "lamp", 1), order("10001", "mug", 1)))
			if err != nil || out.GetFilled() != 3 || rounds != 2 || out.GetDecided() != 3 || s.ledger.Open() != 3 {
				t.Fatalf("%d rounds: %v, %v", rounds, out, err)
			}
			for i, want := range []string{"reno", "columbus", "reno"} {
				if got := out.GetAnswers()[i].GetAnswer().GetDecision().GetShipments()[0].GetWarehouse(); got != want {
					t.Errorf("order %d ships from %s", i, got)
				}
			}
			if out.GetCostMicros() < out.GetLowerBoundMicros() || out.GetLowerBoundMicros() == 0 ||
				(out.GetStatus() == allotv1.CertificateStatus_CERTIFICATE_STATUS_BOUNDED) != (policy == batchEach) { // of all, the second round decides
				t.Errorf("%v", out)
			}

			from := []string{"columbus", "reno"}
			for _, w := range from {
				if _, err := s.SetStock(ctx, setStock("back "+w, w, "mug", 100)); err != nil {
					t.Fatal(err)
				}
			}
			rounds = 0
			s.decided = func() { // and now wherever they are decided on
				rounds++
				for i, w := range from {
					n := int32(100)
					if i == (rounds+1)%2 {
						n = 0
					}
					if _, err := s.SetStock(ctx, setStock(fmt.Sprint("move ", rounds, w), w, "mug", n)); err != nil {
						t.Error(err)
					}
				}
			}
			out, err = s.AllocateBatch(ctx, batchOf("c", policy, order("10001", "mug", 2), order("10001", "lamp", 1)))
			if rounds != maxBatchRounds {
				t.Errorf("%d rounds", rounds)
			}
			if policy == batchAll {
				if st := statusOf(err); st.Code() != codes.Aborted || reasonOf(st) != ReasonContended || s.ledger.Open() != 3 {
					t.Errorf("%v, %v", out, err)
				}
				return
			}
			if err != nil || !slices.Equal(outcomes(out), []string{"CONTENDED", "PLANNED"}) || out.GetDecided() != 1 || out.GetLowerBoundMicros() != 0 || s.ledger.Open() != 4 {
				t.Errorf("%v, %v", out, err)
			}
			s.decided = nil
			out, err = s.AllocateBatch(ctx, batchOf("c", policy, order("10001", "mug", 2), order("10001", "lamp", 1)))
			if err != nil || out.GetFilled() != 1 || !out.GetAnswers()[1].GetKnown() || out.GetAnswers()[0].GetKnown() {
				t.Errorf("again: %v, %v", out, err)
			}
		})
	}
}

// TestBatchStopsInTime gives no time at all: the answer is what was found, and says so. So it is when the server ends.
func TestBatchStopsInTime(t *testing.T) {
	s, _ := newServer(t, nil)
	orders := func() (out []*allotv1.Order) {
		for i := range 40 {
			out = append(out, order([]string{"10001", "94105", "60601"}[i%3], "mug", 1+i%7, "poster", 1, "lamp", 1))
		}
		return out
	}
	request := batchOf("b", batchEach, orders()...)
	request.TimeBudget = durationpb.New(1)
	out, err := s.AllocateBatch(t.Context(), request)
	if err != nil || !out.GetStopped() || len(out.GetAnswers()) != 40 || out.GetDecided() != 40 || out.GetLowerBoundMicros() > out.GetCostMicros() {
		t.Errorf("%d decided, stopped %v, %v", out.GetDecided(), out.GetStopped(), err)
	}
	fresh, _ := newServer(t, nil)
	few := batchOf("d", batchAll, orders()[:2]...)
	few.TimeBudget = durationpb.New(1)
	if out, err = fresh.AllocateBatch(t.Context(), few); err != nil || !out.GetStopped() || out.GetFilled() != 2 || out.GetIterations() != 0 {
		t.Errorf("of two that both can have: %d filled, stopped %v after %d price steps, %v", out.GetFilled(), out.GetStopped(), out.GetIterations(), err)
	}
	request = batchOf("c", batchEach, orders()...)
	s.drained()
	if out, err = s.AllocateBatch(t.Context(), request); err != nil || !out.GetStopped() {
		t.Errorf("while the server ends: %v, %v", out.GetStopped(), err)
	}
}

func TestBatchKeepsADeadline(t *testing.T) {
	s, _ := newServer(t, nil)
	began := time.Now()
	request := &allotv1.AllocateBatchRequest{TimeBudget: durationpb.New(time.Minute)}
	for _, tt := range []struct {
		deadline, want time.Duration
	}{{0, 20 * time.Second}, {16 * time.Second, 14 * time.Second}, {time.Hour, 20 * time.Second}, {400 * time.Millisecond, 300 * time.Millisecond}, {100 * time.Millisecond, 50 * time.Millisecond}} {
		ctx, cancel := t.Context(), func() {}
		if tt.deadline > 0 {
			ctx, cancel = context.WithDeadline(ctx, began.Add(tt.deadline))
		}
		if got := s.batchDeadline(ctx, request, began).Sub(began); got != tt.want {
			t.Errorf("of %v: %v, want %v", tt.deadline, got, tt.want)
		}
		cancel()
	}
	request.TimeBudget = durationpb.New(time.Second)
	if got := s.batchDeadline(t.Context(), request, began).Sub(began); got != time.Second {
		t.Errorf("%v", got)
	}
}

// TestBatchesBesideSinglesNeverOversell has callers of everything at once on the corner shop. In the end all singles are made
// again byte for byte, and decisions of batches are told as such.
func TestBatchesBesideSinglesNeverOversell(t *testing.T) {
	seed := seed(t)
	calls := 60
	if testing.Short() || enginetest.RaceDetector {
		calls = 15
	}
	if os.Getenv("ALLOT_LONG") != "" {
		calls = 1000
	}
	s, clock := newServer(t, func(c *Config) {
		stored(t, newTape(), nil)(c)
		c.Files = shopFS("warehouses.csv", "reno,89502,15:00,2,1000", "reno,89502,15:00,2,60")
		c.MaxBatches = 8
	})
	defer s.stop(t)
	l := cornerLoad(t, s, clock)
	l.networks = nil
	var wg sync.WaitGroup
	var joint atomic.Int64
	for want, order := range []*allotv1.Order{order("10001", "mug", 500), order("10001", "mug", 1)} { // both outcomes come to pass
		out, err := s.AllocateBatch(t.Context(), batchOf(fmt.Sprint("first ", want), batchAll, order))
		if err != nil || out.GetFilled() != int32(want) {
			t.Fatalf("%v %v", out, err)
		}
		joint.Add(int64(out.GetDecided()))
	}
	for caller := range 4 {
		wg.Go(func() { l.call(t, rand.New(rand.NewPCG(seed, uint64(caller))), caller, 4*calls) })
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(100+caller)))
			for i := range calls {
				var orders []*allotv1.Order
				for range 1 + rng.IntN(8) {
					orders = append(orders, l.order(rng))
				}
				policy := []allotv1.BatchPolicy{batchEach, batchAll}[rng.IntN(2)]
				out, err := s.AllocateBatch(t.Context(), batchOf(fmt.Sprint("batch ", caller, " ", i), policy, orders...))
				if st := statusOf(err); err != nil && st.Code() != codes.Aborted {
					t.Errorf("%v", err)
					return
				}
				joint.Add(int64(out.GetDecided()))
				switch holds := slices.IndexFunc(out.GetAnswers(), func(a *allotv1.BatchAnswer) bool { return a.GetAnswer().GetHold() != nil }); {
				case policy == batchEach || err != nil:
				case out.GetFilled() == int32(len(orders)), out.GetFilled() == 0 && holds < 0:
				default:
					t.Errorf("%d of %d are filled", out.GetFilled(), len(orders))
				}
			}
		})
	}
	wg.Wait()
	for _, w := range l.warehouses {
		for _, sku := range l.skus {
			if n := stockOf(t, s, w, sku); n.GetAvailable() < 0 || n.GetHeld() > n.GetOnHand() {
				t.Errorf("%s in %s: %v", sku, w, n)
			}
		}
	}
	same, together := int64(0), int64(0)
	for one, err := range Replay(t.Context(), s.cfg.Store, ReplayOptions{}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case one.Joint:
			together++
		case one.Same():
			same++
		default:
			t.Fatal(one.describe(t))
		}
	}
	if same != l.granted.Load()+l.refused.Load() || together != joint.Load() {
		t.Errorf("%d singles are the same, want %d; %d were decided together, want %d", same, l.granted.Load()+l.refused.Load(), together, joint.Load())
	}
}

// TestBatchSurvivesWholeOrNotAtAll loses the disk at each write of a batch of all, and starts again.
func TestBatchSurvivesWholeOrNotAtAll(t *testing.T) {
	seen := map[int]bool{} // holds after a restart
	for n := int64(0); ; n++ {
		j := newTape()
		s, _ := newServer(t, stored(t, j, nil))
		request := batchOf("b", batchAll, order("10001", "mug", 2), order("10001", "lamp", 1), order("94105", "poster", 3))
		j.left.Store(n)
		out, err := s.AllocateBatch(t.Context(), request)
		lost := j.left.Load() < 0 || err != nil
		if st := status.Convert(statusOf(err).Err()); err != nil && reasonOf(st) != ReasonJournal {
			t.Fatal(err)
		}
		s.Close()
		_ = s.cfg.Store.Close() // it may be broken
		j.left.Store(-1)
		after, _ := newServer(t, stored(t, j, nil))
		held := after.ledger.Open()
		seen[held] = true
		if held != 0 && held != 3 || err == nil && held != 3 {
			t.Errorf("at write %d: %v, and %d holds are there", n, err, held)
		}
		again, failed := after.AllocateBatch(t.Context(), request)
		if failed != nil || again.GetFilled()+int32(held) != 3 || after.ledger.Open() != 3 {
			t.Errorf("at write %d, again: %v, %v", n, again, failed)
		}
		for i := range out.GetAnswers() {
			if !proto.Equal(out.GetAnswers()[i].GetAnswer(), again.GetAnswers()[i].GetAnswer()) {
				t.Errorf("order %d: %v, first %v", i, again.GetAnswers()[i], out.GetAnswers()[i])
			}
		}
		after.stop(t)
		if !lost {
			break
		}
	}
	if !seen[0] || !seen[3] {
		t.Errorf("after restarts there were %v holds", seen)
	}
}

// A heldTape is a tape whose writes can be held up: each then says that it is there, and goes on when it is let go.
type heldTape struct {
	*tape
	holding  atomic.Bool
	arrived  chan struct{}
	released chan struct{}
}

func (t *heldTape) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	if t.holding.Load() {
		t.arrived <- struct{}{}
		<-t.released
	}
	return t.tape.Append(epoch, expected, records)
}

// TestBatchIsKeptBeforeItIsAnswered holds up the journal: the ledger has granted the orders, and no answer comes until they are
// written.
func TestBatchIsKeptBeforeItIsAnswered(t *testing.T) {
	for _, policy := range []allotv1.BatchPolicy{batchEach, batchAll} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &heldTape{tape: newTape(), arrived: make(chan struct{}), released: make(chan struct{})}
				s, _ := newServer(t, stored(t, j, nil))
				_, before := j.Bounds()
				j.holding.Store(true)
				type reply struct {
					out *allotv1.AllocateBatchResponse
					err error
				}
				answered := make(chan reply, 1)
				request := batchOf("b", policy, order("10001", "mug", 2), order("94105", "poster", 3))
				go func() {
					out, err := s.AllocateBatch(t.Context(), request)
					answered <- reply{out, err}
				}()
				<-j.arrived
				synctest.Wait() // whatever can run has run
				if n := s.ledger.Open(); n != 2 {
					t.Errorf("the ledger has %d holds, want 2", n)
				}
				if len(answered) > 0 {
					t.Error("answered before anything was written")
				}
				if _, end := j.Bounds(); end != before {
					t.Errorf("the journal reaches to %v, and did to %v", end, before)
				}
				j.holding.Store(false)
				close(j.released)
				r := <-answered
				if r.err != nil || r.out.GetFilled() != 2 {
					t.Fatalf("%v, %v", r.out, r.err)
				}
				if _, end := j.Bounds(); end.Sequence < before.Sequence+2 {
					t.Errorf("answered with the journal at %d, and it was at %d before", end.Sequence, before.Sequence)
				}
				s.stop(t)
			})
		})
	}
}
