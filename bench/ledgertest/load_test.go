package ledgertest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// What a run is of can be told, to repeat one or to make it shorter or longer.
var (
	seedFlag        = flag.Uint64("seed", 0, "repeat a run under this seed, as far as the scheduler lets it; 0 draws one")
	allocationsFlag = flag.Int("allocations", 0, "orders of TestLoad; 0 is 20,000, or 1,000,000 with ALLOT_LONG")
	killsFlag       = flag.Int("kills", 0, "rounds of TestKill; 0 is 10, or 100 with ALLOT_LONG")
	historiesFlag   = flag.Int("histories", 0, "histories of each kind of TestLinearizable; 0 is 6, or 200 with ALLOT_LONG")
)

// seeded returns the seed of a run.
func seeded(tb testing.TB) uint64 {
	tb.Helper()
	return cmp.Or(*seedFlag, seeds.New(tb))
}

// size returns how much is to be done: what a flag says, or so much by default, with ALLOT_LONG, and with -short.
func size(told, usual, long, short int) int {
	switch {
	case told > 0:
		return told
	case os.Getenv("ALLOT_LONG") != "":
		return long
	case testing.Short():
		return short
	}
	return usual
}

// A clock moves by a step each time it is read.
type clock struct {
	step  time.Duration
	reads atomic.Int64
	still atomic.Bool
}

func (c *clock) now() time.Time {
	if c.still.Load() {
		return began.Add(time.Duration(c.reads.Load()) * c.step)
	}
	return began.Add(time.Duration(c.reads.Add(1)) * c.step)
}

// A site is a server on a loopback port that keeps its ledger in a directory.
type site struct {
	store   *durable.Store
	address string
	stop    func() error
}

// open serves a network from a data directory.
func open(dir string, s *shape, now func() time.Time, options durable.Options) (*site, error) {
	quiet := slog.New(slog.DiscardHandler)
	j, err := pebblejournal.Open(dir, pebblejournal.Options{Log: quiet})
	if err != nil {
		return nil, err
	}
	options.Network, options.Log = "load test", quiet
	store, err := durable.Open(j, options)
	if err != nil {
		return nil, err
	}
	srv, err := server.New(server.Config{Files: s.directory(), Store: store, Now: now, Log: quiet})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, l, nil) }()
	return &site{store: store, address: l.Addr().String(), stop: sync.OnceValue(func() error {
		cancel()
		err := <-ended
		srv.Close()
		return errors.Join(err, store.Close())
	})}, nil
}

// TestLoad is the promise that nothing is oversold and no answer lost: 64 clients over gRPC allocate, confirm, release,
// ship, cancel and pick short, let holds expire, correct stock, and repeat requests, some of them at once. At the end
// the journal is added up by an accounting that shares nothing with the ledger.
func TestLoad(t *testing.T) {
	allocations, seed := size(*allocationsFlag, 20_000, 1_000_000, 2_500), seeded(t)
	t.Logf("seed %d, %d allocations", seed, allocations)
	// Ten days pass, whatever the number of allocations, so that holds expire and days fill up. An answer is remembered for
	// longer than a request is repeated.
	const days, clients = 10, bench.Callers
	c := &clock{step: days * 24 * time.Hour / time.Duration(allocations*3)}
	s := &shape{warehouses: 8, skus: 200, onHand: 12, safety: 1, daily: max(20, allocations/days/20)}
	s.holdMinutes = max(1, int(1_200*c.step.Minutes()))
	remember := int64(max(remembered*8*c.step.Seconds(), 7_200))
	dir := filepath.Join(t.TempDir(), "data")
	site, err := open(dir, s, c.now, durable.Options{
		Ledger: ledger.Config{Retention: 5 * 86_400, RefusalRetention: remember}, SnapshotEvery: allocations / 2, Keep: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = site.stop() })
	j := newJournalist(remembered)
	var left atomic.Int64
	left.Store(int64(allocations))
	var shoppers sync.WaitGroup
	wall := time.Now()
	var first *client
	for i := range clients {
		cl, err := dial(site.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cl.conn.Close() })
		first = cl
		shoppers.Go(func() {
			sh := newShopper(cl, j, s, fmt.Sprint("c", i), seed, i)
			sh.orders = func() { left.Add(-1) }
			for n := 0; left.Load() > 0; n++ {
				sh.step(t.Context())
				if n%64 == 0 && j.fault() != nil {
					return
				}
			}
		})
	}
	shoppers.Wait()
	c.still.Store(true)
	t.Logf("after %v: %s", time.Since(wall).Round(time.Millisecond), j.report())
	if err := j.fault(); err != nil {
		t.Fatal(err)
	}

	if _, err := first.inventory.GetStock(t.Context(), &allotv1.GetStockRequest{Skus: []string{skuID(0)}}); err != nil { // all that is due happens now
		t.Fatal(err)
	}
	last := site.store.Last()
	a, err := account(site.store.Events(0))
	if err == nil {
		err = errors.Join(j.compare(a), a.checkForgotten(j.gone, units.Instant(c.now().Unix())-5*86_400))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events: %d granted, %d refused, %d expired; %d days filled up", last, a.granted, a.refused, a.expired, len(a.reached))
	if a.granted < allocations/4 || a.refused == 0 || a.expired == 0 || len(a.reached) == 0 || j.tally["answered again"] == 0 {
		t.Error("the load does not have everything that it should")
	}
	check := func(cl *client) {
		t.Helper()
		stock, err := a.stockOf(t.Context(), cl)
		if err == nil {
			err = a.differs(stock)
		}
		if err != nil {
			t.Error(err)
		}
		asked, err := a.checkHolds(t.Context(), cl, max(1, len(a.holds)/5_000), units.Instant(c.now().Unix())-5*86_400)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%d holds are as the events have them", asked)
	}
	check(first)
	n, err := replayAll(t.Context(), site.store)
	if err != nil {
		t.Error(err)
	}
	if n != a.granted+a.refused {
		t.Errorf("%d decisions were made again, of %d", n, a.granted+a.refused)
	}
	t.Logf("%d decisions replay to the same bytes; all in %v", n, time.Since(wall).Round(time.Millisecond))

	if err := site.stop(); err != nil {
		t.Fatal(err)
	}
	if site, err = open(dir, s, c.now, durable.Options{Ledger: ledger.Config{Retention: 5 * 86_400, RefusalRetention: remember}, Keep: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = site.stop() })
	cl, err := dial(site.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.conn.Close() })
	for e, err := range site.store.Events(last) { // a start sets the capacities of the network
		if err == nil {
			err = a.apply(e)
		}
		if err != nil || e.Kind != ledger.LimitSet {
			t.Errorf("after a restart there is event %+v, %v", e, err)
		}
	}
	check(cl)
}
