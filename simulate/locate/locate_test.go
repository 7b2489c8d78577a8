package locate

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// season is a history on a world whose orders ship in one piece.
func season(seed uint64, orders int) (*network.Source, *simulate.Input) {
	return seasonOf(seed, orders, 3, network.PolicySource{MaxShipments: 1})
}

// seasonOf is season with a policy, and promises of at least so many days.
func seasonOf(seed uint64, orders, soonest int, policy network.PolicySource) (*network.Source, *simulate.Input) {
	w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 3, Services: 4, SKUs: 12, Places: 40, Lines: 3, Policy: policy})
	defer w.Close()
	rng := rand.New(rand.NewPCG(seed, 3))
	h := &history.History{From: []uint32{0}, IDFrom: []uint64{0}, SKUs: w.Snapshot.SKUs.IDs, Files: []string{"orders.jsonl"}}
	rows := map[string]int32{}
	for i, id := range h.SKUs {
		rows[id] = int32(i)
	}
	for i := range orders {
		o, _ := w.Order(rng, i)
		at := enginetest.Start + units.Instant(i*600)
		if o.Promise.Date != 0 {
			o.Promise.Date = units.Date(int64(at)/86_400) + units.Date(soonest+rng.IntN(6))
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
	for range orders / 10 {
		m := history.Move{
			At: h.At[rng.IntN(orders)], Kind: history.Kind(1 + rng.IntN(3)), Warehouse: w.Snapshot.Warehouses[rng.IntN(3)].ID, SKU: h.SKUs[rng.IntN(12)],
			Quantity: 1 + rng.Int32N(20),
		}
		if m.Kind == history.Inbound {
			m.Due = m.At + units.Instant(rng.IntN(200_000))
		}
		h.Moves = append(h.Moves, m)
	}
	slices.SortStableFunc(h.Moves, func(a, b history.Move) int { return int(a.At - b.At) })
	in := &simulate.Input{Name: "base", Epochs: []simulate.Epoch{{Snapshot: w.Snapshot}}, History: h}
	for _, wh := range w.Snapshot.Warehouses {
		for _, sku := range h.SKUs {
			in.Stock = append(in.Stock, network.StockRow{Warehouse: wh.ID, SKU: sku, OnHand: rng.Int32N(int32(20 + orders)), Safety: rng.Int32N(3)})
		}
	}
	return w.Source, in
}

// TestSavingsAreTheEngines: what a choice is said to save is what Decide says on the network with those sites, every
// warehouse having everything.
func TestSavingsAreTheEngines(t *testing.T) {
	sd := seed(t)
	orders := 400
	if testing.Short() {
		orders = 100
	}
	src, in := season(sd, orders)
	r, err := Find(t.Context(), src, in, Options{Add: 3, Candidates: 12, Resolution: 2, Template: src.Warehouses[0].ID, NoReplay: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Weighed+r.Unweighed != orders || r.Weighed == 0 || len(r.Steps) != 3 {
		t.Fatalf("%+v", r)
	}
	costs := func(sites []Site) ([]units.Money, []bool) {
		sum, ok, _ := costsWith(t, src, in, r, sites)
		return sum, ok
	}
	base, filled := costs(nil)
	total := units.Money(0)
	for i := range base {
		if filled[i] {
			total += base[i]
		}
	}
	if total != r.Cost {
		t.Errorf("orders cost %v, told %v", total, r.Cost)
	}
	for _, step := range r.Steps {
		with, _ := costs(step.Sites)
		saving := units.Money(0)
		for i := range with {
			if filled[i] {
				saving += base[i] - with[i]
			}
		}
		if saving != step.Saving {
			t.Errorf("%+v save %v, told %v", step.Sites, saving, step.Saving)
		}
		if step.Saving > step.Bound {
			t.Errorf("%+v", step)
		}
	}
	if r.Steps[0].Saving != r.Candidates[0].Saving {
		t.Errorf("one site saves %v, the best candidate %v", r.Steps[0].Saving, r.Candidates[0].Saving)
	}
	for k := 1; k < 3; k++ {
		if r.Steps[k].Saving < r.Steps[k-1].Saving {
			t.Errorf("%d sites save less than %d", k+1, k)
		}
	}
}

// costsWith is what Decide says of each order on the network with sites, every warehouse having everything.
func costsWith(t *testing.T, src *network.Source, in *simulate.Input, r *Result, sites []Site) (sum []units.Money, ok, late []bool) {
	t.Helper()
	wider := *src
	wider.Warehouses = slices.Clone(src.Warehouses)
	for _, s := range sites {
		row := src.Warehouses[0]
		c := r.Candidates[slices.IndexFunc(r.Candidates, func(c Candidate) bool { return c.ID == s.ID })]
		row.ID, row.Postal, row.Country, row.Point, row.TimeZone, row.Closed = s.ID, c.Postal, c.Country, nil, "", false
		wider.Warehouses = append(wider.Warehouses, row)
		for _, p := range src.Pickups {
			if p.Warehouse == src.Warehouses[0].ID {
				p.Warehouse = s.ID
				wider.Pickups = append(slices.Clone(wider.Pickups), p)
			}
		}
	}
	snap, err := network.Compile(&wider, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	scratch, view := e.NewScratch(), engine.Unlimited(snap)
	var o engine.Order
	var d engine.Decision
	for i := range in.History.Len() {
		in.History.Order(i, &o)
		if err := e.Decide(view, &o, in.History.At[i], scratch, &d); err != nil {
			t.Fatal(err)
		}
		sum, ok, late = append(sum, d.Cost), append(ok, d.Outcome == engine.Planned), append(late, d.Late)
	}
	return sum, ok, late
}

// TestSavingsWhereLatenessIsAllowed: an order that comes late now, and that some candidate would bring in time, counts at what it
// costs late. A site saves on it what it costs less in time, and nothing where being in time costs more, though Decide then
// pays that. Where no candidate is in time either, the cheapest late one counts.
func TestSavingsWhereLatenessIsAllowed(t *testing.T) {
	src, in := seasonOf(11, 300, 1, network.PolicySource{MaxShipments: 1, Late: "allow", LateCost: units.Currency})
	r, err := Find(t.Context(), src, in, Options{Add: 2, Candidates: 12, Resolution: 2, Template: src.Warehouses[0].ID, NoReplay: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []Site
	for _, c := range r.Candidates {
		all = append(all, Site{ID: c.ID})
	}
	base, filled, late := costsWith(t, src, in, r, nil)
	_, _, still := costsWith(t, src, in, r, all)
	total := units.Money(0)
	for i := range base {
		if filled[i] {
			total += base[i]
		}
	}
	if total != r.Cost {
		t.Errorf("orders cost %v, told %v", total, r.Cost)
	}
	mended, dearer, lateAnyway := 0, 0, 0
	for _, step := range r.Steps {
		with, _, lateWith := costsWith(t, src, in, r, step.Sites)
		saving := units.Money(0)
		for i := range with {
			switch less := base[i] - with[i]; {
			case !filled[i]:
			case !late[i]:
				saving += less
			case !lateWith[i]:
				mended++
				if saving += max(0, less); less < 0 {
					dearer++
				}
			case still[i]:
				lateAnyway++
				saving += less
			}
		}
		if saving != step.Saving {
			t.Errorf("%+v save %v, told %v", step.Sites, saving, step.Saving)
		}
	}
	if t.Logf("%d in time by a site, of which %d cost more; %d late anyway", mended, dearer, lateAnyway); mended == 0 || dearer == 0 || lateAnyway == 0 {
		t.Error("the orders show too little")
	}
}

// TestReplays: sites get stock that others have less of, and any number of goroutines finds the same.
func TestReplays(t *testing.T) {
	src, in := season(seed(t), 300)
	var want *Result
	for _, workers := range []int{1, 3} {
		for _, share := range []units.Percent{0, 1_000} {
			told := 0
			r, err := Find(t.Context(), src, in, Options{
				Add: 2, Candidates: 6, Resolution: 2, SiteCost: 5 * units.Currency, StockShare: share, Workers: workers,
				Progress: func(string, int, int) { told++ },
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Base == nil || r.Base.Filled == 0 || r.Base.Paired != r.Base.Filled || r.Base.Saving != 0 || told == 0 {
				t.Errorf("%+v", r.Base)
			}
			for _, s := range r.Steps {
				if s.Replay == nil || s.Replay.Net != s.Replay.Saving-units.Money(s.Add)*5*units.Currency || s.Net != s.Saving-units.Money(s.Add)*5*units.Currency {
					t.Errorf("%+v", s)
				}
				for _, site := range s.Sites {
					if share > 0 && site.Stock == 0 {
						t.Errorf("%+v has no stock", site)
					}
				}
			}
			switch {
			case share > 0:
			case want == nil:
				want = r
			case !reflect.DeepEqual(r, want):
				t.Errorf("%d goroutines find\n%+v\nnot\n%+v", workers, r, want)
			}
		}
	}
}

// TestSharing: no unit is made and none lost, and safety stock stays.
func TestSharing(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	for range 200 {
		sites := make([]network.WarehouseRow, 1+rng.IntN(3))
		weights, whole := make([]int64, len(sites)), int64(0)
		for i := range sites {
			sites[i].ID = string(rune('x' + i))
			weights[i] = rng.Int64N(5)
			whole += weights[i]
		}
		whole += rng.Int64N(10)
		var rows []network.StockRow
		for _, w := range []string{"a", "b", "c"} {
			for _, sku := range []string{"s", "t"} {
				rows = append(rows, network.StockRow{Warehouse: w, SKU: sku, OnHand: rng.Int32N(30), Safety: rng.Int32N(4), AvailableFrom: units.Date(rng.IntN(2))})
			}
		}
		out, got := shareStock(rows, sites, weights, whole)
		sum := map[string]int64{}
		for _, r := range rows {
			sum[r.SKU] += int64(r.OnHand)
		}
		for i, r := range out {
			sum[r.SKU] -= int64(r.OnHand)
			if i < len(rows) && (r.OnHand > rows[i].OnHand || r.OnHand < min(rows[i].OnHand, rows[i].Safety)) {
				t.Fatalf("%+v has become %+v", rows[i], r)
			}
			if i >= len(rows) {
				got[slices.IndexFunc(sites, func(w network.WarehouseRow) bool { return w.ID == r.Warehouse })] -= int64(r.OnHand)
			}
		}
		for sku, n := range sum {
			if n != 0 {
				t.Fatalf("%d units of %s are lost", n, sku)
			}
		}
		for _, n := range got {
			if n != 0 {
				t.Fatalf("a site got %d units more than its rows say", n)
			}
		}
	}
}

// TestShareOfMoves: what comes in is shared out, too, and nothing is made of it.
func TestShareOfMoves(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	for range 100 {
		h := &history.History{}
		sum := int32(0)
		for i := range 40 {
			m := history.Move{At: units.Instant(1_000 + i*50), Kind: history.Kind(1 + rng.IntN(3)), Warehouse: "a", SKU: "s", Quantity: rng.Int32N(40)}
			if m.Kind == history.Inbound {
				m.Due = m.At + units.Instant(rng.IntN(500)) - 100
			}
			h.Moves = append(h.Moves, m)
		}
		sites := []network.WarehouseRow{{ID: "x"}, {ID: "y"}}
		weights := []int64{rng.Int64N(4), rng.Int64N(4)}
		out := shareMoves(&simulate.Input{History: h}, sites, weights, 10)
		in := int64(0)
		for i, m := range out {
			sum += m.Quantity
			if i > 0 && m.At < out[i-1].At {
				t.Fatal("moves are not in the order of time")
			}
			if m.Warehouse != "a" {
				in += int64(m.Quantity)
			}
		}
		all := int64(0)
		for _, m := range h.Moves {
			if m.Kind != history.Set {
				all += int64(m.Quantity)
			}
		}
		if sum != 0 || in > all*(weights[0]+weights[1])/10 || in < all*(weights[0]+weights[1])/10-4 {
			t.Fatalf("sites get %d of %d with weights %v of 10; %d are made", in, all, weights, sum)
		}
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	src, in := season(1, 20)
	_, err := Find(t.Context(), src, in, Options{Add: MaxAdd + 1, Candidates: -1, Resolution: 9, Template: "nowhere", SiteCost: -1})
	bad, ok := errors.AsType[*faults.Error](err)
	if !ok || len(bad.Faults) != 5 {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, src, in, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
