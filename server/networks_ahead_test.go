package server

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger/journal"
)

// grown is the corner shop with so many more warehouses in Ohio, which ship for less than any other and have everything.
func grown(t testing.TB, more int) []*allotv1.NetworkFile {
	t.Helper()
	var rows, stock strings.Builder
	for i := range more {
		fmt.Fprintf(&rows, "\nohio%d,43215,14:00,2,1000,0.01,0.01,roads counter", i)
		for _, sku := range []string{"mug", "lamp", "poster"} {
			fmt.Fprintf(&stock, "\nohio%d,%s,1000,0,", i, sku)
		}
	}
	files := shopFiles("warehouses.csv", "roads\n", "roads"+rows.String()+"\n")
	for _, f := range files {
		if f.GetName() == "stock.csv" {
			f.Content = append([]byte(strings.TrimRight(string(f.GetContent()), "\n")+stock.String()), '\n')
		}
	}
	return files
}

// TestDecisionsWhileANetworkIsEntered decides on the network before at the very moment at which the ledger has the names and the
// stock of the one that is loaded, and it is not yet in service: the warehouses to come are none, and nothing falls over them.
func TestDecisionsWhileANetworkIsEntered(t *testing.T) {
	for _, more := range []int{1, 70} { // in the word of bits that has the others, and in one of their own
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			s, _ := newServer(t, stored(t, journal.NewMemory(), nil))
			defer s.stop(t)
			ctx := t.Context()
			asked := order("43004", "mug", 2, "lamp", 1)
			dir := fstest.MapFS{}
			for _, f := range grown(t, more) {
				dir[f.GetName()] = &fstest.MapFile{Data: f.GetContent()}
			}
			from := sourceIn(dir)
			before, kept, met := s.network.Load(), from.kept, 0
			from.kept = func() fs.FS {
				if warehouses, _, _, _ := s.ledger.Names(); !slices.Contains(warehouses, "ohio0") || s.network.Load() != before {
					t.Fatal("this is not the moment that the test is about")
				}
				met++
				check := func(what string, shipments []*allotv1.Shipment, err error) {
					t.Helper()
					if err != nil || len(shipments) == 0 {
						t.Fatalf("%s: %v, %v", what, shipments, err)
					}
					for _, m := range shipments {
						if strings.HasPrefix(m.GetWarehouse(), "ohio") {
							t.Errorf("%s: %v leaves a warehouse to come", what, m)
						}
					}
				}
				quoted, err := s.Quote(ctx, &allotv1.QuoteRequest{Order: asked})
				if err != nil || len(quoted.GetOptions()) == 0 {
					t.Fatalf("quote: %v, %v", quoted, err)
				}
				explained, err := s.Explain(ctx, &allotv1.ExplainRequest{Order: asked})
				check("explain", explained.GetDecision().GetShipments(), err)
				held, err := s.Allocate(ctx, allocate("held", asked))
				check("allocate", held.GetDecision().GetShipments(), err)
				batch, err := s.AllocateBatch(ctx, batchOf("batch", batchEach, order("43004", "mug", 1), order("94103", "mug", 2, "poster", 1)))
				if err != nil || len(batch.GetAnswers()) != 2 {
					t.Fatalf("batch: %v, %v", batch, err)
				}
				for _, a := range batch.GetAnswers() {
					check("batch", a.GetAnswer().GetDecision().GetShipments(), nil)
				}
				_, err = s.SetStock(ctx, &allotv1.SetStockRequest{RequestId: "early", Levels: []*allotv1.StockLevel{{Warehouse: "ohio0", Sku: "mug", OnHand: 1}}})
				if bad, ok := asFaults(err); !ok || !strings.Contains(bad[0].String(), "ohio0") {
					t.Errorf("stock of a warehouse to come: %v", err)
				}
				if _, err := s.GetStock(ctx, &allotv1.GetStockRequest{Skus: []string{"mug"}}); err != nil {
					t.Error(err)
				}
				return kept()
			}
			if err := s.load(from, true); err != nil {
				t.Fatal(err)
			}
			if met != 1 {
				t.Fatalf("the moment came %d times", met)
			}
			after, err := s.Allocate(ctx, allocate("after", asked))
			if err != nil || !strings.HasPrefix(after.GetDecision().GetShipments()[0].GetWarehouse(), "ohio") {
				t.Errorf("the network that was loaded does not use its warehouses: %v, %v", after.GetDecision(), err)
			}
		})
	}
}

// TestLoadMoreWarehousesUnderTraffic loads networks with ever more warehouses and their stock, and sets stock in the newest,
// while orders are quoted and allocated: none fails.
func TestLoadMoreWarehousesUnderTraffic(t *testing.T) {
	s, _ := newServer(t, nil)
	defer s.Close()
	ctx := t.Context()
	var done atomic.Bool
	var wg sync.WaitGroup
	for caller := range 3 {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				asked := order([]string{"43004", "94103"}[i%2], "mug", 2, "poster", 1)
				if caller == 0 {
					if _, err := s.Quote(ctx, &allotv1.QuoteRequest{Order: asked}); err != nil {
						t.Errorf("quote: %v", err)
						return
					}
					continue
				}
				id := fmt.Sprintf("%d/%d", caller, i)
				out, err := s.Allocate(ctx, allocate(id, asked))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				if _, err := s.Release(ctx, &allotv1.ReleaseRequest{RequestId: "back " + id, HoldId: out.GetHold().GetId()}); err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
			}
		})
	}
	for _, more := range []int{1, 2, 5, 61, 62, 63, 64, 130} {
		if _, err := s.Load(ctx, &allotv1.LoadRequest{RequestId: fmt.Sprint("load ", more), Files: grown(t, more), SetStock: true}); err != nil {
			t.Error(err)
			break
		}
		newest := fmt.Sprintf("ohio%d", more-1)
		if _, err := s.SetStock(ctx, &allotv1.SetStockRequest{RequestId: newest, Levels: []*allotv1.StockLevel{{Warehouse: newest, Sku: "mug", OnHand: 500}}}); err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	wg.Wait()
}
