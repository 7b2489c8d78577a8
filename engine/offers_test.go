package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// A bid is what Explain says of a warehouse's best service for the same lines, of an order for those alone.
func TestBidsAreWhatExplainSays(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for _, policy := range []network.PolicySource{{}, {Late: "allow", LateCost: 5_000_000}} {
		w := enginetest.New(enginetest.Config{
			Seed: seed, Warehouses: 12, SKUs: 40, Lines: 4, Places: 30, Classes: true, Capacity: true, Carbon: rng.IntN(2) == 0, Policy: policy,
		})
		for sku := range w.Snapshot.SKUs.IDs {
			for wh := range w.Snapshot.Warehouses {
				w.Stock.Set(int32(sku), int32(wh), 100)
			}
		}
		sc, again := w.Engine.NewScratch(), w.Engine.NewScratch()
		late := 0
		for i := range 24 {
			o, now := w.Order(rng, i*3600)
			if i%10 == 0 {
				o.CollectAt, o.To = w.Snapshot.Warehouses[3].ID, engine.Destination{}
			}
			if i%4 == 1 {
				o.Promise = engine.Promise{Date: units.Date(int64(now) / 86_400)} // today: nothing is in time
			}
			whole := join(o.Lines)
			o.Lines = whole
			var sets []uint32
			for set := uint32(0); set <= 1<<len(whole); set++ { // the last names a line too many
				sets = append(sets, set)
			}
			bids, err := w.Engine.AppendBids(nil, &o, sets, now, sc)
			if err != nil {
				t.Fatal(err)
			}
			got := map[uint32]map[int32]engine.Bid{}
			for _, b := range bids {
				if got[b.Lines] == nil {
					got[b.Lines] = map[int32]engine.Bid{}
				}
				got[b.Lines][b.Warehouse] = b
			}
			if len(got[0])+len(got[1<<len(whole)]) > 0 {
				t.Fatalf("bids for no lines: %v", bids)
			}
			anyLate := false
			for set := uint32(1); set < 1<<len(whole); set++ {
				part := o
				part.Lines = nil
				for l := range whole {
					if set>>l&1 == 1 {
						part.Lines = append(part.Lines, whole[l])
					}
				}
				x, err := w.Engine.Explain(w.Stock, &part, now, again)
				if err != nil {
					t.Fatal(err)
				}
				anyLate = anyLate || x.Decision.Late
				best := map[int32]engine.Candidate{}
				for _, c := range x.Candidates {
					if _, ok := best[c.Warehouse]; !ok && c.Killed == engine.None {
						best[c.Warehouse] = c
					}
				}
				if x.Decision.Late && len(got[set]) == 0 {
					continue // other sets are in time
				}
				if len(best) != len(got[set]) {
					t.Fatalf("order %d, set %b: %d bids, Explain has %d", i, set, len(got[set]), len(best))
				}
				for warehouse, c := range best {
					if b := got[set][warehouse]; b.Cost != c.Cost {
						t.Fatalf("order %d, set %b, warehouse %d: bid %v, Explain says %v", i, set, warehouse, b.Cost, c.Cost)
					}
				}
			}
			if anyLate && len(bids) > 0 {
				late++
			}
		}
		if (late > 0) != (policy.Late == "allow") {
			t.Errorf("%d orders with late bids where lateness is %q", late, policy.Late)
		}
		w.Close()
	}
}

// join makes one line of those of one SKU.
func join(lines []engine.Line) (out []engine.Line) {
next:
	for _, l := range lines {
		for i := range out {
			if out[i].SKU == l.SKU {
				out[i].Quantity += l.Quantity
				continue next
			}
		}
		out = append(out, l)
	}
	return out
}

func TestBidsOfAMalformedOrder(t *testing.T) {
	w := small(t, enginetest.Config{})
	bad := &engine.Order{Lines: []engine.Line{{SKU: "nothing", Quantity: 1}}}
	if bids, err := w.Engine.AppendBids(nil, bad, []uint32{1}, enginetest.Start, w.Engine.NewScratch()); err == nil || len(bids) > 0 {
		t.Errorf("%v, %v", bids, err)
	}
}

func BenchmarkAppendBids(b *testing.B) {
	w := enginetest.New(enginetest.Config{Seed: 1, Lines: -2})
	defer w.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	var orders []engine.Order
	for i := range 512 {
		o, _ := w.Order(rng, i)
		orders = append(orders, o)
	}
	sc := w.Engine.NewScratch()
	var bids []engine.Bid
	i := 0
	for b.Loop() {
		bids, _ = w.Engine.AppendBids(bids[:0], &orders[i%len(orders)], []uint32{1, 2, 3}, enginetest.Start, sc)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(3*b.N), "ns/set")
}
