package simulate

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// anyDesign draws a small input of any kind.
func anyDesign(t *rapid.T) design {
	d := design{
		seed: rapid.Uint64().Draw(t, "seed"), orders: rapid.IntRange(1, 120).Draw(t, "orders"), warehouses: rapid.IntRange(1, 6).Draw(t, "warehouses"),
		epochs: rapid.IntRange(1, 4).Draw(t, "epochs"), seconds: rapid.SampledFrom([]int{1, 600, 7_200}).Draw(t, "seconds"),
		bad: rapid.SampledFrom([]int{0, 0, 10}).Draw(t, "bad"), mishaps: rapid.Bool().Draw(t, "mishaps"),
		tight: rapid.Bool().Draw(t, "tight"),
		config: enginetest.Config{
			Capacity: rapid.Bool().Draw(t, "capacity"), Classes: rapid.Bool().Draw(t, "classes"), Prices: rapid.Bool().Draw(t, "prices"),
			Carbon: rapid.Bool().Draw(t, "carbon"),
			Policy: network.PolicySource{
				SplitLines: rapid.Bool().Draw(t, "split lines"), Late: rapid.SampledFrom([]string{"refuse", "allow"}).Draw(t, "late"),
				Partial: rapid.SampledFrom([]string{"refuse", "fill"}).Draw(t, "partial"),
			},
		},
	}
	if d.config.Policy.Late == "allow" {
		d.config.Policy.LateCost = units.Currency
	}
	return d
}

func TestRunIsThePlainReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyDesign(t).make()
		p, state := replayPlainly(in)
		want := (&keeper{blocks: []*Block{&p.block}}).text()
		var shared *Floors
		if rapid.Bool().Draw(t, "shared") {
			shared = &Floors{}
			defer shared.Close()
		}
		for _, workers := range []int{1, 2, 5} {
			var sink keeper
			var said []string
			rep, err := Run(t.Context(), in, Options{
				Workers: workers, Floors: shared, MaxBad: len(in.History.At), size: rapid.SampledFrom([]int{1, 7, 64, 256}).Draw(t, "size"),
				piece: rapid.SampledFrom([]int{1, 5, 32, 256}).Draw(t, "piece"),
				Decided: func(i int, _ *engine.Order, _ units.Instant, d *engine.Decision) {
					said = append(said, fmt.Sprintf("%d %+v", i, *d))
				},
			}, &sink)
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("%d workers", workers), sink.text(), want)
			same(t, "decisions", said, p.said)
			if rep.State != state || rep.Done != rep.Orders || rep.Stopped || rep.Clamped != p.clamped {
				t.Fatalf("%d workers: %+v, and not state %s and %d clamped", workers, rep, state, p.clamped)
			}
		}
	})
}

// The control: what happens a second later than it should is noticed, at the latest where an order comes at that moment.
func TestThePlainReplayNotices(t *testing.T) {
	for seed := range uint64(50) {
		d := design{seed: seed, orders: 60, warehouses: 3, epochs: 2, seconds: 600}
		in := d.make()
		p, _ := replayPlainly(in)
		later := *in
		h := *in.History
		h.Moves, later.History, later.Moves = slices.Clone(h.Moves), &h, slices.Clone(in.Moves)
		for i := range h.Moves {
			h.Moves[i].At++
		}
		for i := range later.Moves {
			later.Moves[i].At++
		}
		var sink keeper
		must(Run(t.Context(), &later, Options{}, &sink))
		if !slices.Equal(sink.text(), (&keeper{blocks: []*Block{&p.block}}).text()) {
			return
		}
	}
	t.Error("moves of stock a second later change nothing in 50 inputs")
}

// What a run keeps depends on how much is under way, and not on how much there was: a history ten times as long leaves no more
// open holds, pickups and remembered holds behind.
func TestMemoryIsThatOfOpenHolds(t *testing.T) {
	kept := func(orders int) (open, remembered, moments int) {
		d := design{seed: 9, orders: orders, warehouses: 3, epochs: 1, seconds: 300}
		in := d.make()
		for i := range in.Stock {
			in.Stock[i].OnHand = 1_000_000
		}
		shared := &Floors{}
		defer shared.Close()
		w := must(newWorld(in, shared))
		defer w.close()
		r := newReplay(w, nil, func() bool { return false })
		check(r.begin())
		var b block
		b.begin(0, orders, orders)
		newPreparer(w, &Options{NoFloor: true}, &r.outlook, r.stop).begin(&b, 0, orders)
		check(r.block(&b, 0, orders, false))
		for range r.state.Holds() {
			remembered++
		}
		return r.state.Open(), remembered, len(r.pickups.at)
	}
	open, remembered, moments := kept(1_500)
	open10, remembered10, moments10 := kept(15_000)
	t.Logf("open %d and %d, remembered %d and %d, pickups %d and %d", open, open10, remembered, remembered10, moments, moments10)
	if open10 > 5*open || remembered10 > 5*remembered || moments10 > 5*moments {
		t.Errorf("open %d and %d, remembered %d and %d, pickups %d and %d", open, open10, remembered, remembered10, moments, moments10)
	}
}

// Runs that share floors, at once and one after the other, decide what they decide alone, and keep no more networks than they
// say.
func TestSharedFloors(t *testing.T) {
	d := design{seed: 4, orders: 200, warehouses: 4, epochs: 3, seconds: 600}
	in := d.make()
	alone := must(Run(t.Context(), in, Options{size: 16}, &keeper{}))
	shared := &Floors{}
	for range 2 {
		var runs sync.WaitGroup
		for range 3 {
			runs.Go(func() {
				rep, err := Run(t.Context(), in, Options{Workers: 2, Floors: shared, size: 16}, &keeper{})
				if err != nil || rep.Hash != alone.Hash || rep.State != alone.State {
					t.Errorf("%+v, and not %+v; %v", rep, alone, err)
				}
			})
		}
		runs.Wait()
	}
	for seed := range uint64(keptNetworks + 2) {
		d.seed = seed
		must(Run(t.Context(), d.make(), Options{Floors: shared}, &keeper{}))
	}
	if len(shared.known) != keptNetworks {
		t.Errorf("%d networks are kept, and not %d", len(shared.known), keptNetworks)
	}
	shared.Close()
	if len(shared.known) != 0 {
		t.Errorf("%d networks are kept after Close", len(shared.known))
	}
	// What is known is taken: a floor that was put there is told.
	w := must(newWorld(in, shared))
	defer w.close()
	w.keepFloors()
	f := w.epochs[0].floors
	for _, row := range []OrderRow{{Floor: 1, FloorOutcome: engine.Planned}, {Floor: 1<<56 - 1, FloorOutcome: engine.Planned, FloorLate: true}, {FloorOutcome: engine.NotServed}} {
		f.put(7, &row)
		var got OrderRow
		if !f.get(7, &got) || got != row {
			t.Errorf("%+v, and not %+v", got, row)
		}
	}
	if f.get(8, &OrderRow{}) || f.get(199, &OrderRow{}) {
		t.Error("a floor is known that was never put there")
	}
}
