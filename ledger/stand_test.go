package ledger

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// plainStand is Stand of a state, cell by cell.
func plainStand(s *State) *Stand {
	out := &Stand{Sequence: s.Sequence(), Now: s.Now()}
	for sku := range SKU(s.skus.len()) {
		for w := range Warehouse(s.warehouses.len()) {
			at := s.Stock(w, sku)
			l := StockLevel{Warehouse: w, SKU: sku, OnHand: max(0, at.OnHand-at.Held), Safety: at.Safety}
			if l.OnHand > 0 || l.Safety > 0 {
				out.Levels = append(out.Levels, l)
			}
		}
	}
	receipts := slices.Clone(s.receipts.items)
	slices.SortFunc(receipts, comparePlanned)
	for i := range receipts {
		out.Receipts = append(out.Receipts, receipts[i].Receipt)
	}
	return out
}

// Whatever commands came, a stand is what the counters say, less what is held.
func TestStandIsTheStock(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	w := newWorkload(NewState(Config{}), seed)
	l := Of(w.s, nil)
	receipts := 0
	for range 300 {
		w.run(10)
		got, err := l.Stand()
		if err != nil {
			t.Fatal(err)
		}
		want := plainStand(w.s)
		receipts += len(got.Receipts)
		if !reflect.DeepEqual(w.s.Stand(), want) {
			t.Fatalf("the state after event %d:\n%+v, want\n%+v", want.Sequence, w.s.Stand(), want)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("after event %d:\n%+v, want\n%+v", want.Sequence, got, want)
		}
	}
	if receipts == 0 {
		t.Log("nothing was ever on its way: this says little")
	}
}

// While others change the stock, each stand is that after one event: replaying the events up to that one gives it.
func TestStandIsOfOneEvent(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	const warehouses, skus = 5, 3 * standAtOnce
	commands := 4_000
	if testing.Short() {
		commands = 800
	}
	tape := &tape{}
	l := Of(NewState(Config{}), tape)
	must(l.Extend(noon, ids("w", warehouses), ids("s", skus), ids("c", 1), nil))
	var writers, readers sync.WaitGroup
	var over atomic.Bool
	for i := range 2 {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := range commands {
				w, sku := Warehouse(rng.IntN(warehouses)), SKU(rng.IntN(skus))
				switch rng.IntN(8) {
				case 0, 1, 2:
					// Two counters at once, far apart: half of the event must never be seen.
					_, err := l.SetStock(noon, Request{}, []StockLevel{{w, sku, rng.Int32N(9), rng.Int32N(3)}, {w, (sku + skus/2) % skus, rng.Int32N(9), 0}})
					tolerate(err)
				case 3:
					tolerate(l.AddReceipts(noon, Request{}, []Receipt{{w, sku, 1 + rng.Int32N(5), noon + units.Instant(1+n)}}))
				default:
					h, err := l.Allocate(&Allocation{At: noon, TTL: 100, Stock: []StockClaim{{w, sku, 1}}})
					tolerate(err)
					if err == nil && rng.IntN(2) == 0 {
						_, err = l.Confirm(noon, h.ID, Request{})
						tolerate(err)
						_, err = l.Ship(noon, h.ID, Request{}, nil)
						tolerate(err)
					}
				}
				if rng.IntN(3) == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	var stands []*Stand
	readers.Go(func() {
		for last := false; !last; {
			last = over.Load()
			s, err := l.Stand()
			if err != nil {
				t.Error(err)
				return
			}
			stands = append(stands, s)
			runtime.Gosched()
		}
	})
	writers.Wait()
	over.Store(true)
	readers.Wait()
	state, n := NewState(Config{}), 0
	for _, s := range stands {
		for state.Sequence() < s.Sequence {
			var e Event
			if err := ReadEvent(tape.events[n], &e); err != nil {
				t.Fatal(err)
			}
			if err := state.Replay(&e); err != nil {
				t.Fatal(err)
			}
			n++
		}
		want := plainStand(state)
		want.Now = s.Now // the clock moves without events, too
		if !reflect.DeepEqual(s, want) {
			t.Fatalf("the stand after event %d of %d is not that after it", s.Sequence, len(tape.events))
		}
	}
	t.Logf("%d stands while %d events came", len(stands), len(tape.events))
}
