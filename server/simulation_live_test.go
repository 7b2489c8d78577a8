package server

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/units"
)

// hashOfState is the SHA-256 of a server's live state, all that is durable of it.
func hashOfState(t testing.TB, s *Server) string {
	t.Helper()
	state, err := s.cfg.Store.StateAt(s.cfg.Store.Durable())
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if err := state.Write(h); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestSimulationsLeaveTheLiveStateAlone runs simulations, of the stock of the files and of the stock as it is, with scenarios and
// without, while the server answers: the hash of the live state stays what it is, and so does every answer. The control: an
// allocation changes the hash.
func TestSimulationsLeaveTheLiveStateAlone(t *testing.T) {
	simulations := 40
	if testing.Short() || enginetest.RaceDetector {
		simulations = 16
	}
	if os.Getenv("ALLOT_LONG") != "" {
		simulations = 10_000
	}
	s, _ := newServer(t, func(c *Config) {
		stored(t, journal.NewMemory(), nil)(c)
		simulating(t, func(c *Config) { c.KeepSimulations, c.MaxSimulations, c.MaxSimulationsQueued = 5, 2, 4 })(c)
	})
	defer s.stop(t)
	ctx := t.Context()
	if _, err := s.Allocate(ctx, allocate("before", order("10001", "mug", 2, "lamp", 1))); err != nil {
		t.Fatal(err)
	}
	before := hashOfState(t, s)
	asked := order("94103", "mug", 3, "lamp", 1)
	quoted, err := s.Quote(ctx, &allotv1.QuoteRequest{Order: asked})
	if err != nil {
		t.Fatal(err)
	}
	explained, err := s.Explain(ctx, &allotv1.ExplainRequest{Order: asked})
	if err != nil {
		t.Fatal(err)
	}
	var done, answers atomic.Int64
	stop := make(chan struct{})
	var live, work sync.WaitGroup
	for caller := range 2 {
		live.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if caller == 0 {
					if got, err := s.Quote(ctx, &allotv1.QuoteRequest{Order: asked}); err != nil || !proto.Equal(got, quoted) {
						t.Errorf("quote: %v, %v", got, err)
						return
					}
				} else if got, err := s.Explain(ctx, &allotv1.ExplainRequest{Order: asked}); err != nil || !proto.Equal(got, explained) {
					t.Errorf("explain: %v, %v", got, err)
					return
				}
				answers.Add(1)
				time.Sleep(time.Millisecond) // a load, and room for the rest
			}
		})
	}
	hashes := make([]sync.Map, 4)
	for caller := range 4 {
		work.Go(func() {
			for i := caller; i < simulations; i += 4 {
				request := simulated(fmt.Sprint("s", i), bought(5))
				if i%2 == 1 {
					request.Stock = allotv1.SimulationStock_SIMULATION_STOCK_CURRENT
				}
				if i%4 >= 2 {
					request.Scenario = closeReno
				}
				told, err := s.runs(ctx, request)
				if err != nil || told[len(told)-1].GetState() != allotv1.SimulationState_SIMULATION_STATE_COMPLETE {
					t.Errorf("simulation %d: %v, %v", i, told, err)
					return
				}
				hashes[i%4].Store(told[len(told)-1].GetSummary().GetHash()+told[len(told)-1].GetSummary().GetStateHash(), true)
				done.Add(1)
			}
		})
	}
	work.Wait()
	close(stop)
	live.Wait()
	if done.Load() != int64(simulations) {
		t.Fatalf("%d of %d simulations", done.Load(), simulations)
	}
	if after := hashOfState(t, s); after != before {
		t.Errorf("the live state was %s and is %s", before, after)
	}
	for i := range hashes {
		n := 0
		hashes[i].Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("simulations of kind %d come to %d results", i, n)
		}
	}
	t.Logf("%d simulations beside %d answers", simulations, answers.Load())
	if _, err := s.Allocate(ctx, allocate("after", order("10001", "mug", 1))); err != nil {
		t.Fatal(err)
	}
	if hashOfState(t, s) == before {
		t.Error("an allocation leaves the hash as it is: it shows nothing")
	}
}

// TestSimulationOfCurrentStock begins with what is there and not held, and with what is on its way.
func TestSimulationOfCurrentStock(t *testing.T) {
	s, clock := newServer(t, simulating(t, nil))
	defer s.Close()
	ctx := t.Context()
	// Lamps: 5 in Columbus, of which 3 are held.
	if a, err := s.Allocate(ctx, allocate("a", order("10001", "lamp", 3))); err != nil || a.GetHold() == nil {
		t.Fatal(a, err)
	}
	lamps := &allotv1.SimulatedOrders{}
	for i := range 7 {
		o := order("10001", "lamp", 1)
		o.Id = fmt.Sprint("l", i)
		lamps.Orders = append(lamps.Orders, &allotv1.SimulatedOrder{Order: o, OrderedAt: timestamppb.New(wednesday.Add(time.Duration(i) * time.Hour))})
	}
	filled := func(id string, stock allotv1.SimulationStock) int64 {
		request := simulated(id, lamps)
		request.Stock = stock
		return s.runToEnd(t, request).GetSummary().GetOrders().GetFilled()
	}
	if n := filled("files", allotv1.SimulationStock_SIMULATION_STOCK_NETWORK); n != 5 {
		t.Errorf("of the files' stock %d are filled, want 5", n)
	}
	if n := filled("current", allotv1.SimulationStock_SIMULATION_STOCK_CURRENT); n != 2 {
		t.Errorf("of the stock as it is %d are filled, want 2", n)
	}
	row := func(name string) ledger.SKU { r, _ := s.network.Load().snap.SKUs.Row(name); return ledger.SKU(r) }
	due := units.Instant(clock.now().Add(150 * time.Minute).Unix())
	if err := s.ledger.AddReceipts(s.now(), ledger.Request{}, []ledger.Receipt{{Warehouse: 0, SKU: row("lamp"), Quantity: 2, From: due}}); err != nil {
		t.Fatal(err)
	}
	if n := filled("inbound", allotv1.SimulationStock_SIMULATION_STOCK_CURRENT); n != 4 {
		t.Errorf("with two on their way %d are filled, want 4", n)
	}
	if n := stockOf(t, s, "columbus", "lamp"); n.GetHeld() != 3 || n.GetOnHand() != 5 {
		t.Errorf("the live stock is %v", n)
	}
}
