package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/network"
)

func TestCheckListsEveryFault(t *testing.T) {
	s := serve(t, nil)
	out, err := s.networks.Check(t.Context(), &allotv1.CheckRequest{})
	if err != nil || len(out.GetFaults()) != 0 || out.GetNetwork().GetWarehouses() != 2 || out.GetNetwork().GetSkus() != 3 || out.GetNetwork().GetServices() != 3 {
		t.Errorf("the served network: %v, %v", out, err)
	}
	files := shopFiles("stock.csv", "columbus,lamp,5,0,", "columbus,lampp,-5,x,")
	out, err = s.networks.Check(t.Context(), &allotv1.CheckRequest{Files: files})
	if err != nil || len(out.GetFaults()) < 2 || out.GetNetwork() != nil {
		t.Fatalf("%v, %v", out, err)
	}
	for _, f := range out.GetFaults() {
		if f.GetFile() != "stock.csv" || f.GetRow() != 4 || f.GetColumn() == 0 || f.GetField() == "" || f.GetProblem() == "" {
			t.Errorf("fault %v", f)
		}
	}
}

func TestCheckRefusesPathsThatAreNone(t *testing.T) {
	s := serve(t, nil)
	_, err := s.networks.Check(t.Context(), &allotv1.CheckRequest{Files: []*allotv1.NetworkFile{
		{Name: "../escape.csv"}, {Name: "/etc/passwd"}, {Name: ""}, {Name: "skus.csv"}, {Name: "skus.csv"},
	}})
	fields := violationsOf(status.Convert(err))
	for i, say := range []string{"path within", "path within", "1 character", "", "once"} {
		if got := fields[fmt.Sprintf("files[%d].name", i)]; !strings.Contains(got, say) || (say == "") != (got == "") {
			t.Errorf("files[%d]: %q", i, got)
		}
	}
}

func TestLoadIsRefusedWhole(t *testing.T) {
	s := serve(t, nil)
	before, err := s.networks.Current(t.Context(), &allotv1.CurrentRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.networks.Load(t.Context(), &allotv1.LoadRequest{RequestId: "l1", Files: shopFiles("warehouses.csv", "89502", "00000"), SetStock: true})
	st := status.Convert(err)
	if st.Code() != codes.InvalidArgument || len(violationsOf(st)) == 0 {
		t.Fatalf("%v", err)
	}
	for field := range violationsOf(st) {
		if !strings.HasPrefix(field, "warehouses.csv:3:") {
			t.Errorf("violation of %q", field)
		}
	}
	after, err := s.networks.Current(t.Context(), &allotv1.CurrentRequest{})
	if err != nil || !proto.Equal(before, after) {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
}

func TestLoadKeepsStockAndHolds(t *testing.T) {
	s, _ := newServer(t, nil)
	held, err := s.Allocate(t.Context(), allocate("r1", order("10001", "mug", 7)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetStock(t.Context(), setStock("s1", "reno", "mug", 50)); err != nil {
		t.Fatal(err)
	}
	load := func(r *allotv1.LoadRequest) {
		t.Helper()
		r.RequestId = "load"
		if _, err := s.Load(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(warehouse, sku string, onHand, holding int32) {
		t.Helper()
		if got := stockOf(t, s, warehouse, sku); got.GetOnHand() != onHand || got.GetHeld() != holding {
			t.Errorf("%s of %s: %v, want %d on hand and %d held", sku, warehouse, got, onHand, holding)
		}
	}
	// A warehouse before the others by name, a SKU that is no longer sold, and one that is new.
	files := shopFiles("warehouses.csv", "columbus,", "boise,83701,14:00,2,,1.00,0.10,roads\ncolumbus,")
	for _, f := range files {
		if f.GetName() == "skus.csv" {
			f.Content = []byte(strings.Replace(string(f.Content), "lamp,6 lb,18 in,12 in,10 in", "candle,1 lb,4 in,4 in,4 in", 1))
		}
		if f.GetName() == "stock.csv" {
			f.Content = []byte("warehouse,sku,on_hand,safety,available_from\nboise,mug,11,0,\nreno,candle,12,0,\n")
		}
	}
	load(&allotv1.LoadRequest{Files: files})
	expect("columbus", "mug", 100, 7)
	expect("reno", "mug", 50, 0)
	expect("boise", "mug", 0, 0)
	if out, err := s.Get(t.Context(), &allotv1.GetRequest{HoldId: held.GetHold().GetId()}); err != nil || !proto.Equal(out.GetDecision(), held.GetDecision()) {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := s.Current(t.Context(), nil); err != nil || out.GetNetwork().GetWarehouses() != 3 || out.GetNetwork().GetSkus() != 3 {
		t.Errorf("%v, %v", out, err)
	}
	if _, err := s.Allocate(t.Context(), allocate("r2", order("10001", "lamp", 1))); err == nil {
		t.Error("what is no longer sold was allocated")
	}
	// With set_stock the network's stock counts, and other stock stays.
	load(&allotv1.LoadRequest{Files: files, SetStock: true})
	expect("boise", "mug", 11, 0)
	expect("reno", "candle", 12, 0)
	expect("columbus", "mug", 100, 7)
	// Back to the first: rows of what came back are where they were.
	load(&allotv1.LoadRequest{})
	expect("columbus", "lamp", 5, 0)
	if out, err := s.Allocate(t.Context(), allocate("r3", order("10001", "lamp", 1))); err != nil || out.GetHold() == nil {
		t.Errorf("%v, %v", out, err)
	}
	version := s.network.Load()
	load(&allotv1.LoadRequest{})
	if s.network.Load() != version {
		t.Error("loading the same network again made another")
	}
}

func TestLoadLiftsCapacity(t *testing.T) {
	s, _ := newServer(t, func(c *Config) {
		c.Load = edited("warehouses.csv", "columbus,43215,14:00,2,1000,", "columbus,43215,14:00,2,1,")
	})
	shipDate := func(id string) string {
		out, err := s.Allocate(t.Context(), allocate(id, order("43004", "lamp", 1)))
		if err != nil {
			t.Fatal(err)
		}
		return out.GetDecision().GetShipments()[0].GetShipDate()
	}
	if a, b := shipDate("1"), shipDate("2"); a == b {
		t.Errorf("both ship on %s, the day takes one", a)
	}
	files := shopFiles("warehouses.csv", "columbus,43215,14:00,2,1000,", "columbus,43215,14:00,2,,")
	if _, err := s.Load(t.Context(), &allotv1.LoadRequest{RequestId: "l", Files: files}); err != nil {
		t.Fatal(err)
	}
	if got := shipDate("3"); got != "2026-11-18" {
		t.Errorf("ships on %s though nothing limits the day any more", got)
	}
}

// TestLoadUnderTraffic swaps two networks while orders come: each is decided on one of them, none fails, and the stock
// adds up in the end.
func TestLoadUnderTraffic(t *testing.T) {
	s := serve(t, nil)
	dear := shopFiles("cards/ground.csv", "5 lb,7.00,8.00,9.00,10.00", "5 lb,7.00,8.00,9.00,13.00")
	versions := map[string]int64{} // cost of the order by version
	for _, r := range []*allotv1.LoadRequest{{RequestId: "a", Files: dear}, {RequestId: "b"}} {
		out, err := s.networks.Load(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		q, err := s.allocation.Explain(t.Context(), &allotv1.ExplainRequest{Order: order("10001", "mug", 2)})
		if err != nil {
			t.Fatal(err)
		}
		versions[out.GetNetwork().GetVersion()] = q.GetDecision().GetCostMicros()
	}
	if len(versions) != 2 {
		t.Fatalf("versions %v", versions)
	}
	var done atomic.Bool
	var calls, units atomic.Int32
	seen := sync.Map{}
	var wg sync.WaitGroup
	for caller := range 4 {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				id := fmt.Sprintf("%d/%d", caller, i)
				out, err := s.allocation.Allocate(t.Context(), allocate(id, order("10001", "mug", 2)))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				calls.Add(1)
				seen.Store(out.GetDecision().GetNetworkVersion(), true)
				if cost := out.GetDecision().GetCostMicros(); cost != versions[out.GetDecision().GetNetworkVersion()] {
					t.Errorf("costs %d by network %s", cost, out.GetDecision().GetNetworkVersion())
				}
				if i%2 == 0 { // a pending hold or two stay
					units.Add(2)
					if units.Load() < 20 {
						continue
					}
					units.Add(-2)
				}
				if _, err := s.allocation.Release(t.Context(), &allotv1.ReleaseRequest{RequestId: "back " + id, HoldId: out.GetHold().GetId()}); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	for i := range 20 {
		r := &allotv1.LoadRequest{RequestId: fmt.Sprint(i)}
		if i%2 == 0 {
			r.Files = dear
		}
		if _, err := s.networks.Load(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	wg.Wait()
	if got := stockOf(t, s.Server, "columbus", "mug"); got.GetHeld() != units.Load() || got.GetOnHand() != 100 {
		t.Errorf("%v, want %d held", got, units.Load())
	}
	both := 0
	seen.Range(func(any, any) bool { both++; return true })
	t.Logf("%d calls on %d networks", calls.Load(), both)
}

func TestLoadReportsABrokenWorld(t *testing.T) {
	broken := errors.New("disk on fire")
	s, _ := newServer(t, nil)
	s.cfg.Load = func(*network.Rows) (*network.Snapshot, *network.Stock, error) { return nil, nil, broken }
	if _, err := s.Load(t.Context(), &allotv1.LoadRequest{RequestId: "l"}); !errors.Is(err, broken) {
		t.Errorf("Load: %v", err)
	}
	if _, err := s.Check(t.Context(), &allotv1.CheckRequest{}); !errors.Is(err, broken) {
		t.Errorf("Check: %v", err)
	}
	if st := statusOf(broken); st.Code() != codes.Internal || strings.Contains(st.Message(), "fire") {
		t.Errorf("%v", st)
	}
}
