package server

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger/journal"
)

// TestSimulationOfRecordedOrders replays what the server decided itself since a moment, with the stock that it had then and the
// corrections that it was told of: as many are filled as were, at the same cost.
func TestSimulationOfRecordedOrders(t *testing.T) {
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	s, clock := newServer(t, func(c *Config) {
		stored(t, journal.NewMemory(), nil)(c)
		simulating(t, nil)(c)
	})
	defer s.stop(t)
	ctx := t.Context()
	var filled, refused, cost int64
	for day := range 2 {
		filled, refused, cost = 0, 0, 0
		for i := range 60 {
			clock.advance(time.Minute)
			if i%10 == 4 {
				count := stockOf(t, s, "reno", "poster").GetHeld() + rng.Int32N(20) // a shortfall is no part of the stock that a replay begins with
				if _, err := s.SetStock(ctx, setStock(fmt.Sprint("set", day, i), "reno", "poster", count)); err != nil {
					t.Fatal(err)
				}
				clock.advance(time.Second)
			}
			o := order([]string{"10001", "94103", "60601"}[rng.IntN(3)], []string{"mug", "poster", "lamp"}[rng.IntN(3)], 1+rng.IntN(2))
			o.Id = []string{"", "again", fmt.Sprint("o", i)}[rng.IntN(3)]
			a, err := s.Allocate(ctx, allocate(fmt.Sprint("a", day, i), o))
			if err != nil {
				t.Fatal(err)
			}
			if a.GetHold() == nil {
				refused++
				continue
			}
			filled++
			cost += a.GetDecision().GetCostMicros()
			if _, err := s.Confirm(ctx, &allotv1.ConfirmRequest{RequestId: fmt.Sprint("c", day, i), HoldId: a.GetHold().GetId()}); err != nil {
				t.Fatal(err)
			}
		}
		clock.advance(30 * time.Minute)
	}
	begin := clock.now().Add(-90*time.Minute - 6*time.Second)
	request := &allotv1.SimulationServiceRunRequest{
		RequestId: "r", Stock: allotv1.SimulationStock_SIMULATION_STOCK_RECORDED,
		Orders: &allotv1.SimulationServiceRunRequest_Recorded{Recorded: &allotv1.RecordedOrders{Since: timestamppb.New(begin)}},
	}
	got := s.runToEnd(t, request).GetSummary()
	if o := got.GetOrders(); o.GetDone() != 60 || o.GetFilled() != filled || o.GetRefused() != refused || got.GetCost().GetTotalMicros() != cost {
		t.Errorf("live %d filled, %d refused at %d; again %v at %d", filled, refused, cost, o, got.GetCost().GetTotalMicros())
	}
	request.RequestId, request.Orders.(*allotv1.SimulationServiceRunRequest_Recorded).Recorded.Until = "u", timestamppb.New(begin.Add(30*time.Minute))
	if some := s.runToEnd(t, request).GetSummary(); some.GetOrders().GetDone() == 0 || some.GetOrders().GetDone() >= 60 {
		t.Errorf("of the first half hour %v", some.GetOrders())
	}
	for field, change := range map[string]func(*allotv1.SimulationServiceRunRequest){
		"recorded.until": func(r *allotv1.SimulationServiceRunRequest) { r.GetRecorded().Until = r.GetRecorded().GetSince() },
		"recorded.since": func(r *allotv1.SimulationServiceRunRequest) { r.GetRecorded().Since = nil },
		"stock":          func(r *allotv1.SimulationServiceRunRequest) { r.Orders = simulated("", bought(1)).GetOrders() },
	} {
		bad := &allotv1.SimulationServiceRunRequest{
			RequestId: field, Stock: request.GetStock(),
			Orders: &allotv1.SimulationServiceRunRequest_Recorded{Recorded: &allotv1.RecordedOrders{Since: timestamppb.New(begin)}},
		}
		change(bad)
		if _, err := s.runs(ctx, bad); violationsOf(statusOf(err))[field] == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
}
