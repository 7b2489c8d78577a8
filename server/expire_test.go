package server

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// TestHoldsExpireByThemselves lets time pass without any call: the server gives the stock back.
func TestHoldsExpireByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := time.Until(wednesday) // a bubble's clock starts in 2000
		s, err := New(Config{
			Load: cornerShop, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(ahead) },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var rpc, web net.Listener = bufconn.Listen(1 << 10), bufconn.Listen(1 << 10)
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, rpc, web) }()

		out, err := s.Allocate(ctx, allocate("r1", order("10001", "mug", 2)))
		if err != nil || out.GetHold().GetState() != allotv1.HoldState_HOLD_STATE_PENDING {
			t.Fatal(out, err)
		}
		time.Sleep(9*time.Minute + 59*time.Second)
		synctest.Wait()
		if n := s.ledger.Open(); n != 1 {
			t.Errorf("%d holds before their time is over", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := s.ledger.Open(); n != 0 {
			t.Errorf("%d holds after their time is over", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
