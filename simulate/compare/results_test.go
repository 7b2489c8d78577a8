package compare_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// season is an input that simulate.Run replays.
func season(seed uint64, orders int) *simulate.Input {
	w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 6, Services: 4, SKUs: 20, Places: 50, Lines: 3})
	defer w.Close()
	rng := rand.New(rand.NewPCG(seed, 3))
	h := &history.History{From: []uint32{0}, IDFrom: []uint64{0}, SKUs: w.Snapshot.SKUs.IDs, Files: []string{"orders.jsonl"}}
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
	in := &simulate.Input{Name: "base", Seed: seed, Epochs: []simulate.Epoch{{Snapshot: w.Snapshot}}, History: h}
	for _, wh := range w.Snapshot.Warehouses {
		for _, sku := range h.SKUs {
			in.Stock = append(in.Stock, network.StockRow{Warehouse: wh.ID, SKU: sku, OnHand: rng.Int32N(int32(3 + orders/30))})
		}
	}
	return in
}

func replay(t *testing.T, in *simulate.Input) *results.Run {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	r, err := results.Create(dir, in, results.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := simulate.Run(t.Context(), in, simulate.Options{}, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Finish(rep); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// Real replays, read back: the totals are those of the summaries, and a warehouse without stock is said to ship nothing.
func TestReplays(t *testing.T) {
	in := season(5, 1500)
	base := replay(t, in)
	busiest := slices.MaxFunc(base.Summary.Warehouses, func(a, b results.WarehouseTotal) int { return int(a.Shipments - b.Shipments) }).Warehouse
	changed := *in
	changed.Stock = slices.Clone(in.Stock)
	for i := range changed.Stock {
		if changed.Stock[i].Warehouse == busiest {
			changed.Stock[i].OnHand = 0
		}
	}
	changed.Name = "base" // a name that is not its own
	changed.Mishaps = []simulate.Mishap{{Days: 1, Lost: 500}}
	run := replay(t, &changed)

	c, err := compare.Compare(t.Context(), base, []*results.Run{run}, compare.Options{Replicates: 50})
	if err != nil {
		t.Fatal(err)
	}
	a := c.Runs[0]
	if a.Pairing.Paired != 1500 || a.Pairing.Altered != 0 || a.Change == 0 || a.Run.Name == c.Base.Name || !strings.HasPrefix(a.Run.Name, "base") {
		t.Errorf("%+v, change %v, %q against %q", a.Pairing, a.Change, a.Run.Name, c.Base.Name)
	}
	for side, s := range []*results.Summary{base.Summary, run.Summary} {
		got := []compare.Totals{c.Base, a.Run}[side]
		if got.Orders != s.Orders.Done || got.Filled != s.Orders.Filled || got.Cost != s.Cost.Total || got.Freight != s.Cost.Freight || got.Split != s.Cost.Split ||
			got.Promised != s.OnTime.Promised || got.OnTime != s.OnTime.Realised {
			t.Errorf("run %d: %+v, and the summary %+v %+v %+v", side, got, s.Orders, s.Cost, s.OnTime)
		}
		for _, f := range a.Figures {
			var want float64
			switch f.Name {
			case "planned_on_time_share":
				want = float64(s.OnTime.Planned) / float64(s.OnTime.Promised)
			case "on_time_share":
				want = float64(s.OnTime.Realised) / float64(s.OnTime.Promised)
			case "filled_share":
				want = float64(s.Orders.Filled) / float64(s.Orders.Done)
			default:
				continue
			}
			if v := float64([]compare.Estimate{f.Base, f.Run}[side].Value); v != want {
				t.Errorf("run %d: %s is %v, by the summary %v", side, f.Name, v, want)
			}
		}
	}
	if a.Run.OnTime == a.Run.Promised || a.Run.Lost == 0 {
		t.Errorf("control: mishaps leave no mark: %+v", a.Run)
	}
	said := slices.ContainsFunc(a.Moves.Rows, func(m compare.Move) bool {
		return m.From == busiest && len(m.Reasons) > 0 && m.Reasons[0].Name == busiest+" closed or empty: it ships nothing in this run"
	})
	if !said {
		t.Errorf("nothing is said of %s: %+v", busiest, a.Moves.Rows[:min(5, len(a.Moves.Rows))])
	}

	one, err := compare.Run(t.Context(), base, compare.Options{Replicates: 50})
	if err != nil || one.Base.Cost != base.Summary.Cost.Total || !one.Single {
		t.Errorf("%+v, %v", one, err)
	}
}
