package server

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/units"
)

// pricesOf reads a file of prices for the network that a server has; each row is "warehouse,sku,service,from,until,price".
func pricesOf(t testing.TB, s *Server, rows ...string) *engine.Prices {
	t.Helper()
	p, err := engine.ReadPrices(strings.NewReader("warehouse,sku,service,from,until,price\n"+strings.Join(rows, "\n")+"\n"), "prices.csv", s.network.Load().snap)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func setPrices(t testing.TB, s *Server, rows ...string) *engine.Prices {
	t.Helper()
	p := pricesOf(t, s, rows...)
	if err := s.SetPrices(p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPricesChooseWhere makes mugs in Columbus dear for later orders: those that weigh that go to Reno, and say by what prices.
func TestPricesChooseWhere(t *testing.T) {
	s, _ := newServer(t, stored(t, newTape(), nil))
	defer s.stop(t)
	ctx := t.Context()
	plain, err := s.Allocate(ctx, allocate("plain", order("10001", "mug", 2)))
	if err != nil || plain.GetDecision().GetShipments()[0].GetWarehouse() != "columbus" || plain.GetDecision().GetPricesVersion() != "" {
		t.Fatal(plain, err)
	}
	p := setPrices(t, s, "columbus,mug,,,,2.25", "reno,mug,,,,0.05", "reno,,ground,2026-11-01,2026-12-31,0.10")
	out, err := s.Allocate(ctx, allocate("priced", order("10001", "mug", 2)))
	if err != nil {
		t.Fatal(err)
	}
	d := out.GetDecision()
	sh := d.GetShipments()[0]
	if sh.GetWarehouse() != "reno" || d.GetPricesVersion() != p.Version() || d.GetPricesMicros() != 200_000 || sh.GetStockPriceMicros() != 100_000 || sh.GetCapacityPriceMicros() != 100_000 {
		t.Errorf("%v", d)
	}
	if sh.GetFreightMicros()+sh.GetHandlingMicros()+sh.GetOtherMicros() != d.GetCostMicros() || d.GetCostMicros() != 15_700_000 {
		t.Errorf("%v", d)
	}
	x, err := s.Explain(ctx, &allotv1.ExplainRequest{Order: order("10001", "mug", 2)})
	if err != nil || x.GetDecision().GetPricesVersion() != p.Version() {
		t.Fatal(x, err)
	}
	term := func(terms []*allotv1.Term, name string) (amount int64) {
		for _, one := range terms {
			if one.GetName() == name {
				amount += one.GetAmountMicros()
			}
		}
		return amount
	}
	if terms := x.GetExplanation().GetShipments()[0].GetTerms(); term(terms, "stock_price") != 100_000 || term(terms, "capacity_price") != 100_000 {
		t.Errorf("%v", terms)
	}
	if c := x.GetExplanation().GetRunnerUp(); c.GetWarehouse() != "columbus" || term(c.GetTerms(), "stock_price") != 4_500_000 {
		t.Errorf("%v", c)
	}
	q, err := s.Quote(ctx, &allotv1.QuoteRequest{Order: order("10001", "mug", 2)})
	if err != nil || q.GetPricesVersion() != p.Version() || q.GetOptions()[len(q.GetOptions())-1].GetDecision().GetPricesVersion() != p.Version() {
		t.Errorf("%v, %v", q, err)
	}

	// Each can leave them aside, and then decides as if there were none.
	ignoring := allocate("ignoring", order("10001", "mug", 2))
	ignoring.IgnorePrices = true
	out, err = s.Allocate(ctx, ignoring)
	if err != nil || !proto.Equal(out.GetDecision(), plain.GetDecision()) {
		t.Errorf("%v, %v", out, err)
	}
	ignoring.IgnorePrices = false
	if _, err = s.Allocate(ctx, ignoring); reasonOf(statusOf(err)) != ReasonRequestReused {
		t.Errorf("the same id with prices: %v", err)
	}
	x, err = s.Explain(ctx, &allotv1.ExplainRequest{Order: order("10001", "mug", 2), IgnorePrices: true})
	if err != nil || x.GetDecision().GetPricesVersion() != "" || x.GetDecision().GetCostMicros() != plain.GetDecision().GetCostMicros() || term(x.GetExplanation().GetShipments()[0].GetTerms(), "stock_price") != 0 {
		t.Errorf("%v, %v", x, err)
	}
	q, err = s.Quote(ctx, &allotv1.QuoteRequest{Order: order("10001", "mug", 2), IgnorePrices: true})
	if err != nil || q.GetPricesVersion() != "" || q.GetOptions()[0].GetDecision().GetPricesMicros() != 0 {
		t.Errorf("%v, %v", q, err)
	}
	batch := batchOf("b", batchEach, order("10001", "mug", 2))
	joint, err := s.AllocateBatch(ctx, batch)
	if err != nil || joint.GetPricesVersion() != p.Version() || joint.GetAnswers()[0].GetAnswer().GetDecision().GetShipments()[0].GetWarehouse() != "reno" {
		t.Errorf("%v, %v", joint, err)
	}
	batch = batchOf("c", batchEach, order("10001", "mug", 2))
	batch.Requests[0].IgnorePrices = true
	if joint, err = s.AllocateBatch(ctx, batch); err != nil || joint.GetPricesVersion() != "" || joint.GetAnswers()[0].GetAnswer().GetDecision().GetShipments()[0].GetWarehouse() != "columbus" {
		t.Errorf("%v, %v", joint, err)
	}

	if err := s.SetPrices(nil); err != nil {
		t.Fatal(err)
	}
	if out, err = s.Allocate(ctx, allocate("after", order("10001", "mug", 2))); err != nil || !proto.Equal(out.GetDecision(), plain.GetDecision()) {
		t.Errorf("%v, %v", out, err)
	}
	want := map[string]string{"plain": "", "priced": p.Version(), "ignoring": "", "b/0": p.Version(), "c/0": "", "after": ""}
	for one, err := range Replay(ctx, s.cfg.Store, ReplayOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		version, asked := want[one.Request]
		if !asked || one.PricesVersion != version || one.NetworkVersion != s.network.Load().snap.Version || one.Joint != strings.Contains(one.Request, "/") || !one.Joint && !one.Same() {
			t.Errorf("%s by prices %s: %+v", one.Request, one.PricesVersion, one)
		}
		delete(want, one.Request)
	}
	if len(want) > 0 {
		t.Errorf("not replayed: %v", want)
	}
}

// repriced is a past in which all versions of prices are the same file.
type repriced struct {
	*durable.Store
	file []byte
}

func (r repriced) Prices(string) ([]byte, error) { return r.file, nil }

// TestDecisionsWithPricesReplay swaps prices again and again while a concurrent load goes on with networks that change. Every
// decision comes out byte for byte with the prices that it names. The controls: other prices under the same version are
// noticed, and without prices some come out otherwise.
func TestDecisionsWithPricesReplay(t *testing.T) {
	seed := seed(t)
	calls, swaps := 200, 40
	if testing.Short() || enginetest.RaceDetector {
		calls, swaps = 40, 10
	}
	j := newTape()
	s, clock := newServer(t, func(c *Config) {
		stored(t, j, nil)(c)
		c.Files = shopFS("warehouses.csv", "reno,89502,15:00,2,1000", "reno,89502,15:00,2,60")
	})
	l := cornerLoad(t, s, clock)
	l.networks = l.networks[:2]
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() { l.call(t, rand.New(rand.NewPCG(seed, uint64(caller))), caller, calls) })
	}
	wg.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 99))
		for range swaps {
			var rows []engine.PriceRow
			for w := range int32(2) {
				for sku := range int32(3) {
					rows = append(rows, engine.PriceRow{Warehouse: w, SKU: sku, Service: -1, Price: units.Money(rng.Int64N(20)) * units.Currency / 2})
				}
				rows = append(rows, engine.PriceRow{Warehouse: w, SKU: -1, Service: -1, Price: units.Money(rng.Int64N(5_000_000))})
			}
			p, err := engine.NewPrices(s.Outlook().served.snap, rows)
			if err == nil && rng.IntN(8) == 0 {
				p = nil
			}
			if err == nil {
				err = s.SetPrices(p)
			}
			if err != nil {
				t.Error(err)
			}
			// A decision with these prices, whoever is quicker.
			if _, err := s.Allocate(t.Context(), allocate(fmt.Sprint("swapped", rng.Uint64()), l.order(rng))); err == nil {
				l.granted.Add(1) // or refused; it is counted all the same
			}
		}
	})
	wg.Wait()
	s.stop(t)
	store := openStore(t, j, nil) // another process
	same, different, unknown, first := replays(t, store, ReplayOptions{}, false)
	if different > 0 {
		t.Fatalf("after %d that are the same: %s", same, first.describe(t))
	}
	if want := l.granted.Load() + l.refused.Load(); int64(same) != want || unknown > 0 {
		t.Errorf("%d decisions replay, %d are unknown, want %d", same, unknown, want)
	}
	versions := map[string]bool{}
	for one, err := range Replay(t.Context(), store, ReplayOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		versions[one.PricesVersion] = true
	}
	if len(versions) < swaps/3 {
		t.Errorf("decisions name only %d prices", len(versions))
	}
	noticed := false
	for _, err := range Replay(t.Context(), repriced{store, []byte("warehouse,sku,service,from,until,price\ncolumbus,mug,,,,1.00\n")}, ReplayOptions{}) {
		noticed = noticed || err != nil && strings.Contains(err.Error(), "come out as")
	}
	if !noticed {
		t.Error("nobody notices other prices under a version")
	}
	without := 0
	for one, err := range Replay(t.Context(), unpriced{store}, ReplayOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if !one.Same() {
			without++
		}
	}
	t.Logf("%d decisions by %d prices; without, %d differ", same, len(versions), without)
	if without == 0 {
		t.Error("prices do not matter: the test says nothing")
	}
}

// unpriced is a past in which decisions name networks without prices.
type unpriced struct{ *durable.Store }

func (u unpriced) Events(after uint64) iter.Seq2[*ledger.Event, error] {
	_, _, _, names := u.Ledger().Names()
	return func(yield func(*ledger.Event, error) bool) {
		for e, err := range u.Store.Events(after) {
			if err == nil && e.Hold != nil {
				network, _ := durable.SplitVersion(names[e.Basis.Network-1])
				e.Basis.Network, _ = u.Ledger().Network(network)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestLoadKeepsPricesThatApply loads networks beside prices.
func TestLoadKeepsPricesThatApply(t *testing.T) {
	s, _ := newServer(t, stored(t, newTape(), nil))
	defer s.stop(t)
	p := setPrices(t, s, "columbus,mug,,,,2.25")
	version := func() string {
		t.Helper()
		out, err := s.Explain(t.Context(), &allotv1.ExplainRequest{Order: order("10001", "mug", 2)})
		if err != nil {
			t.Fatal(err)
		}
		return out.GetDecision().GetPricesVersion()
	}
	load := func(files []*allotv1.NetworkFile) {
		t.Helper()
		if _, err := s.Load(t.Context(), &allotv1.LoadRequest{RequestId: "l", Files: files}); err != nil {
			t.Fatal(err)
		}
	}
	load(shopFiles("skus.csv", "lamp,", "candle,1 lb,4 in,4 in,4 in\nlamp,"))
	if version() != p.Version() {
		t.Errorf("with one more SKU the prices are %q", version())
	}
	stale := pricesOf(t, s, "columbus,candle,,,,1.00")
	load(shopFiles("", "", ""))
	if version() != p.Version() {
		t.Errorf("back again the prices are %q", version())
	}
	if err := s.SetPrices(stale); err == nil || !strings.Contains(err.Error(), "candle") || version() != p.Version() {
		t.Errorf("prices of what is no longer sold: %v, and then %q", err, version())
	}
	files := shopFiles("skus.csv", "mug,", "cup,")
	load(slices.DeleteFunc(files, func(f *allotv1.NetworkFile) bool { return f.GetName() == "stock.csv" }))
	if s.network.Load().prices.Load() != nil {
		t.Error("prices of mugs stay where there are none")
	}
}

// TestOutlookIsWhatPricesComeFrom works out prices from an outlook, beside a network that is replaced.
func TestOutlookIsWhatPricesComeFrom(t *testing.T) {
	s, clock := newServer(t, nil)
	setPrices(t, s, "columbus,mug,,,,2.25")
	o := s.Outlook()
	if o.Now != units.Instant(clock.now().Unix()) || o.Stock.Prices != nil || o.Stock.Capacity == nil {
		t.Errorf("%+v", o)
	}
	if _, err := s.Load(t.Context(), &allotv1.LoadRequest{RequestId: "l", Files: shopFiles("warehouses.csv", "1.00,0.10", "2.00,0.10")}); err != nil {
		t.Fatal(err)
	}
	var d engine.Decision
	back, err := ReadOrder(order("10001", "mug", 2))
	if err == nil {
		err = o.Engine.Decide(o.Stock, back, o.Now, o.Engine.NewScratch(), &d)
	}
	if err != nil || d.Cost != 11_500_000 {
		t.Errorf("%+v, %v", d, err)
	}
	var file bytes.Buffer
	if err := setPrices(t, s, "reno,mug,,,,1.00").Write(&file, s.network.Load().snap); err != nil {
		t.Fatal(err)
	}
}
