package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal"
)

// A tape is a journal that outlives its store, as a directory does. It can be told to fail.
type tape struct {
	*journal.Memory
	broken atomic.Bool
	left   atomic.Int64 // appends until it breaks; below 0 never
}

func newTape() *tape {
	t := &tape{Memory: journal.NewMemory()}
	t.left.Store(-1)
	return t
}

func (t *tape) Close() error { return nil }

var errDisk = errors.New("the disk is full")

func (t *tape) Append(epoch, expected uint64, records [][]byte) (journal.Position, error) {
	if t.broken.Load() || t.left.Load() >= 0 && t.left.Add(-1) < 0 {
		return journal.Position{}, errDisk
	}
	return t.Memory.Append(epoch, expected, records)
}

func openStore(t testing.TB, j journal.Journal, change func(*durable.Options)) *durable.Store {
	t.Helper()
	o := durable.Options{Network: "corner shop", Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	store, err := durable.Open(j, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // a test of failures has closed it
	return store
}

// stored makes servers keep everything in a journal, and read the corner shop from its directory.
func stored(t testing.TB, j journal.Journal, change func(*durable.Options)) func(*Config) {
	t.Helper()
	store := openStore(t, j, change)
	return func(c *Config) { c.Store, c.Load, c.Files = store, nil, os.DirFS("testdata/network") }
}

// stop ends a server and its store, as the end of the process does.
func (s *Server) stop(t testing.TB) {
	t.Helper()
	store := s.cfg.Store
	s.Close()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	j := newTape()
	s, clock := newServer(t, stored(t, j, nil))
	ctx := t.Context()
	lamps, err := s.Allocate(ctx, allocate("a1", order("10001", "lamp", 2)))
	if err != nil {
		t.Fatal(err)
	}
	mugs, err := s.Allocate(ctx, allocate("a2", order("10001", "mug", 3)))
	if err != nil {
		t.Fatal(err)
	}
	refused, err := s.Allocate(ctx, allocate("a3", order("10001", "lamp", 6)))
	if err != nil || refused.GetHold() != nil {
		t.Fatal(refused, err)
	}
	confirm := &allotv1.ConfirmRequest{RequestId: "c1", HoldId: mugs.GetHold().GetId()}
	confirmed, err := s.Confirm(ctx, confirm)
	if err != nil {
		t.Fatal(err)
	}
	set, err := s.SetStock(ctx, setStock("s1", "columbus", "lamp", 1)) // of which two are held
	if err != nil || len(set.GetShortfalls()) != 1 {
		t.Fatal(set, err)
	}
	adjust := adjustStock("s2", "reno", "mug", 7)
	adjusted, err := s.AdjustStock(ctx, adjust)
	if err != nil {
		t.Fatal(err)
	}
	everything := &allotv1.GetStockRequest{Skus: []string{"mug", "lamp", "poster"}}
	before, err := s.GetStock(ctx, everything)
	if err != nil {
		t.Fatal(err)
	}
	s.stop(t)

	for range 2 { // the second start finds what the first one left
		s, after := newServer(t, stored(t, j, nil))
		after.advance(clock.now().Sub(after.now()))
		if got, err := s.GetStock(ctx, everything); err != nil || !proto.Equal(got, before) {
			t.Fatalf("stock: %v, %v; want %v", got, err, before)
		}
		for _, again := range []struct {
			request *allotv1.AllocateRequest
			want    *allotv1.AllocateResponse
		}{
			{allocate("a1", order("10001", "lamp", 2)), lamps}, {allocate("a2", order("10001", "mug", 3)), mugs},
			{allocate("a3", order("10001", "lamp", 6)), refused},
		} {
			if got, err := s.Allocate(ctx, again.request); err != nil || !proto.Equal(got, again.want) {
				t.Errorf("%v: %v, %v", again.request, got, err)
			}
		}
		if got, err := s.Confirm(ctx, confirm); err != nil || !proto.Equal(got, confirmed) {
			t.Errorf("confirmed: %v, %v", got, err)
		}
		if got, err := s.SetStock(ctx, setStock("s1", "columbus", "lamp", 1)); err != nil || !proto.Equal(got, set) {
			t.Errorf("set: %v, %v", got, err)
		}
		if got, err := s.AdjustStock(ctx, adjust); err != nil || !proto.Equal(got, adjusted) {
			t.Errorf("adjusted: %v, %v", got, err)
		}
		if _, err := s.Allocate(ctx, allocate("a1", order("10001", "lamp", 3))); statusOf(err).Code() != codes.AlreadyExists {
			t.Errorf("another order under a known id: %v", err)
		}
		s.stop(t)
	}

	s, after := newServer(t, stored(t, j, nil))
	after.advance(11 * time.Minute)
	if got, err := s.Get(ctx, &allotv1.GetRequest{HoldId: lamps.GetHold().GetId()}); err != nil || got.GetHold().GetState() != allotv1.HoldState_HOLD_STATE_EXPIRED {
		t.Errorf("a hold whose time ended while the server was down: %v, %v", got, err)
	}
	s.stop(t)
}

// TestFirstStartCutOff lets the disk fail at every append of a first start: the next one has the stock of a start that
// was not disturbed, with nothing twice.
func TestFirstStartCutOff(t *testing.T) {
	skus := &allotv1.GetStockRequest{Skus: []string{"mug", "lamp", "poster"}}
	stockAfter := func(j *tape) *allotv1.GetStockResponse {
		s, _ := newServer(t, stored(t, j, nil))
		defer s.stop(t)
		out, err := s.GetStock(t.Context(), skus)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := stockAfter(newTape())
	cut := 0
	for ; cut < 100; cut++ {
		j := newTape()
		j.left.Store(int64(cut))
		cfg := Config{Now: func() time.Time { return wednesday }, Log: slog.New(slog.DiscardHandler)}
		stored(t, j, nil)(&cfg)
		s, err := New(cfg)
		if err == nil {
			s.Close()
			break
		}
		if !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		j.left.Store(-1)
		if got := stockAfter(j); !proto.Equal(got, want) {
			t.Fatalf("cut off at append %d: %v, want %v", cut, got, want)
		}
		if got := stockAfter(j); !proto.Equal(got, want) {
			t.Fatalf("cut off at append %d, started twice: %v, want %v", cut, got, want)
		}
	}
	t.Logf("%d appends", cut)
	if cut < 3 {
		t.Error("a first start makes fewer appends than it has parts")
	}
}

func TestFirstStartCutOffWithOtherStock(t *testing.T) {
	j := newTape()
	j.left.Store(3) // names, capacities and stock
	cfg := Config{Now: func() time.Time { return wednesday }, Log: slog.New(slog.DiscardHandler)}
	stored(t, j, nil)(&cfg)
	if _, err := New(cfg); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	j.left.Store(-1)
	stored(t, j, nil)(&cfg)
	cfg.Files = shopFS("stock.csv", "columbus,mug,100", "columbus,mug,90")
	if s, err := New(cfg); err == nil {
		t.Errorf("started with %v", stockOf(t, s, "columbus", "mug"))
	} else {
		t.Log(err)
	}
}

// shopFS is the directory of the corner shop with a text in one of its files replaced.
func shopFS(file, old, new string) fs.FS {
	dir := fstest.MapFS{}
	for _, f := range shopFiles(file, old, new) {
		dir[f.GetName()] = &fstest.MapFile{Data: f.GetContent()}
	}
	return dir
}

// TestNetworksAreKept serves one network after the other, over restarts: the files of each are kept, without the stock,
// and rows go on.
func TestNetworksAreKept(t *testing.T) {
	j := newTape()
	s, _ := newServer(t, stored(t, j, nil))
	first := s.network.Load().snap.Version
	if _, err := s.Load(t.Context(), &allotv1.LoadRequest{RequestId: "l1", Files: shopFiles("warehouses.csv", "columbus,43215,14:00,2,1000,1.00", "columbus,43215,14:00,2,1000,9.00")}); err != nil {
		t.Fatal(err)
	}
	second := s.network.Load().snap.Version
	s.stop(t)

	s, _ = newServer(t, func(c *Config) {
		stored(t, j, nil)(c)
		c.Files = shopFS("skus.csv", "lamp,", "candle,1 lb,4 in,4 in,4 in\nlamp,")
	})
	third := s.network.Load().snap
	if row, _ := third.SKUs.Row("candle"); int(row) != len(third.SKUs.IDs)-1 {
		t.Errorf("a new SKU has row %d of %d", row, len(third.SKUs.IDs))
	}
	if out, err := s.Allocate(t.Context(), allocate("a", order("10001", "mug", 1))); err != nil || out.GetDecision().GetNetworkVersion() != third.Version {
		t.Errorf("%v, %v", out, err)
	}
	for _, version := range []string{first, second, third.Version} {
		files, err := s.cfg.Store.Network(version)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		if _, err := fs.Stat(files, "stock.csv"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the stock is kept: %v", err)
		}
		if snap, _, err := sourceIn(files).read(nil); err != nil || snap.Version != version {
			t.Errorf("%s reads back as %v, %v", version, snap, err)
		}
	}
	s.stop(t)
}

// TestJournalFailureEndsTheServer fails the disk under load. Every call that was answered is there after a restart, every
// other one got UNAVAILABLE, and Serve has returned.
func TestJournalFailureEndsTheServer(t *testing.T) {
	j := newTape()
	store := openStore(t, j, nil)
	s, _ := newServer(t, func(c *Config) { c.Store, c.Load, c.Files = store, nil, os.DirFS("testdata/network") })
	rpc, web := listen(t), listen(t)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(context.Background(), rpc, web) }()
	conn := dial(t, rpc.Addr().String())
	client := allotv1.NewAllocationServiceClient(conn)

	var mu sync.Mutex
	var answered []*allotv1.AllocateResponse
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := 0; ; i++ {
				out, err := client.Allocate(t.Context(), allocate(fmt.Sprint(c, "/", i), order("10001", "poster", 1)))
				if err != nil {
					if st := status.Convert(err); st.Code() != codes.Unavailable {
						t.Errorf("%v", err)
					}
					return
				}
				mu.Lock()
				if answered = append(answered, out); len(answered) == 25 {
					j.broken.Store(true)
				}
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	err := <-ended
	if !errors.Is(err, ErrJournal) || !errors.Is(err, errDisk) || !errors.Is(err, journal.ErrFailed) {
		t.Errorf("Serve: %v", err)
	}
	t.Log(err)
	if _, err := s.Get(t.Context(), &allotv1.GetRequest{HoldId: "1"}); reasonOf(statusOf(err)) != ReasonJournal {
		t.Errorf("Get after it: %v", err)
	}
	s.Close()
	_ = store.Close() // which failed

	j.broken.Store(false)
	s, _ = newServer(t, stored(t, j, nil))
	defer s.stop(t)
	if n := len(answered); n < 25 {
		t.Fatalf("%d answers", n)
	}
	for _, a := range answered {
		if a.GetHold() == nil {
			continue
		}
		if got, err := s.Get(t.Context(), &allotv1.GetRequest{HoldId: a.GetHold().GetId()}); err != nil || !proto.Equal(got.GetDecision(), a.GetDecision()) {
			t.Errorf("hold %s: %v, %v", a.GetHold().GetId(), got, err)
		}
	}
	if !slices.ContainsFunc(answered, func(a *allotv1.AllocateResponse) bool { return a.GetHold() != nil }) {
		t.Error("nothing was held: the test says little")
	}
}
