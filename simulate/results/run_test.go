package results_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// season is an input that simulate.Run replays.
func season(seed uint64, orders int) *simulate.Input {
	w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 6, Services: 4, SKUs: 20, Places: 50, Lines: 3})
	defer w.Close()
	rng := rand.New(rand.NewPCG(seed, 3))
	h := &history.History{From: []uint32{0}, IDFrom: []uint64{0}, SKUs: w.Snapshot.SKUs.IDs}
	rows := map[string]int32{}
	for i, id := range h.SKUs {
		rows[id] = int32(i)
	}
	for i := range orders {
		o, _ := w.Order(rng, i)
		at := enginetest.Start + units.Instant(i*60)
		if o.Promise.Date != 0 {
			o.Promise.Date = units.Date(int64(at)/86_400) + 1 + units.Date(rng.IntN(7))
		}
		h.At, h.Promise = append(h.At, at), append(h.Promise, o.Promise.Date)
		h.Dest, h.Collect, h.Allowed = append(h.Dest, int32(len(h.Destinations))), append(h.Collect, -1), append(h.Allowed, -1)
		h.Destinations = append(h.Destinations, o.To)
		for _, l := range o.Lines {
			h.SKU, h.Units = append(h.SKU, rows[l.SKU]), append(h.Units, int32(l.Quantity))
		}
		h.From = append(h.From, uint32(len(h.SKU)))
		h.Row, h.File = append(h.Row, uint32(i+1)), append(h.File, 0)
		h.IDText += o.ID
		h.IDFrom = append(h.IDFrom, uint64(len(h.IDText)))
	}
	h.Files = []string{"orders.jsonl"}
	in := &simulate.Input{Name: "base", Seed: seed, Epochs: []simulate.Epoch{{Snapshot: w.Snapshot}}, History: h}
	for _, wh := range w.Snapshot.Warehouses {
		for _, sku := range h.SKUs {
			in.Stock = append(in.Stock, network.StockRow{Warehouse: wh.ID, SKU: sku, OnHand: rng.Int32N(int32(3 + orders/60))})
		}
	}
	return in
}

// TestReplay records a real run: every figure of the tables comes from the engine, and one goroutine and three give the
// same bytes.
func TestReplay(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	orders := 9_000
	if testing.Short() {
		orders = 5_000
	}
	in := season(seed, orders)
	dirs := []string{t.TempDir(), t.TempDir()}
	for i, dir := range dirs {
		r, err := results.Create(dir, in, results.Options{CSV: true, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		rep, err := simulate.Run(t.Context(), in, simulate.Options{Workers: 1 + 2*i}, r)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Finish(rep)
		if err != nil {
			t.Fatal(err)
		}
		if s.Partial || s.Orders.Done != int64(orders) || s.Orders.Filled == 0 || s.Hash != rep.Hash {
			t.Errorf("%+v", s.Orders)
		}
		if s.Floor.Orders != s.Orders.Filled || s.Floor.Gap < 0 {
			t.Errorf("%d orders filled, and %+v", s.Orders.Filled, s.Floor)
		}
	}
	files, err := os.ReadDir(dirs[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		var raw [2]string
		for i, dir := range dirs {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			raw[i] = string(b)
		}
		if raw[0] != raw[1] {
			t.Errorf("%s differs between one goroutine and three", f.Name())
		}
	}
	run, err := results.Open(dirs[1])
	if err != nil {
		t.Fatal(err)
	}
	sum := units.Money(0)
	for o, err := range run.Orders() {
		if err != nil {
			t.Fatal(err)
		}
		total := o.SplitCost
		for _, s := range o.Shipments {
			terms := units.Money(0)
			for _, c := range s.Costs {
				terms += c
			}
			if terms != s.Cost {
				t.Fatalf("%s: terms sum to %v, not %v", o.ID, terms, s.Cost)
			}
			total += s.Cost
		}
		if total != o.Cost {
			t.Fatalf("%s costs %v, its shipments %v", o.ID, o.Cost, total)
		}
		sum += total
	}
	if sum != run.Summary.Cost.Total {
		t.Errorf("orders cost %v, the summary says %v", sum, run.Summary.Cost.Total)
	}
}
