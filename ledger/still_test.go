package ledger

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// A sight is what a reader read from a view, cell by cell.
type sight struct {
	sequence uint64
	still    bool
	skus     []SKU
	units    []int32  // [sku][warehouse]
	words    []uint64 // [sku][word]
	room     []bool   // [warehouse][service from AnyService][day]: whether there is any capacity
	today    units.Date
}

const sightWarehouses, sightServices, sightDays = 70, 1, 3

func look(v *View, skus []SKU, today units.Date, pause func()) *sight {
	o := &sight{sequence: v.Sequence, skus: skus, today: today}
	for _, sku := range skus {
		for w := range Warehouse(sightWarehouses) {
			o.units = append(o.units, v.Units(w, sku))
			pause()
		}
		for i := range 2 {
			o.words = append(o.words, v.Word(sku, i))
		}
	}
	for w := range Warehouse(4) { // the others are not limited
		for service := AnyService; service < sightServices; service++ {
			for day := range units.Date(sightDays) {
				o.room = append(o.room, v.CapacityLeft(w, service, today+day) > 0)
				pause()
			}
		}
	}
	o.still = v.Still(skus)
	return o
}

func (o *sight) equal(other *sight) bool {
	return slices.Equal(o.units, other.units) && slices.Equal(o.words, other.words) && slices.Equal(o.room, other.room)
}

// Whatever readers see while others change everything: when their view says that it was still, they saw the state that
// the events up to its sequence make. Readers that do not ask see other things; without that this would show nothing.
func TestStillViewsShowTheStateAtTheirSequence(t *testing.T) {
	t.Parallel()
	right, wrong := 0, 0
	for try := 0; try < 20 && (right == 0 || wrong == 0); try++ { // one run may see little, on a machine that has no time
		r, w := sights(t, seeds.New(t))
		right, wrong = right+r, wrong+w
	}
	if right == 0 || wrong == 0 {
		t.Errorf("%d still, %d not and wrong: the test shows nothing", right, wrong)
	}
}

// sights has readers beside writers. It returns how many still views there were, which show what the events make, and how many
// others showed something else.
func sights(t *testing.T, seed uint64) (right, wrong int) {
	t.Helper()
	t.Logf("seed %d", seed)
	const skus = 6
	commands := 3000
	if testing.Short() {
		commands = 500
	}
	tape := &tape{}
	l := Of(NewState(Config{}), tape)
	names := func(n int) { // more SKUs, warehouses and services, so that the columns move
		must(l.Extend(noon, ids("w", sightWarehouses+n/20), ids("s", skus+n), ids("c", sightServices+n/40), nil))
	}
	names(0)
	var clock atomic.Int64
	clock.Store(int64(noon))
	var writers, readers sync.WaitGroup
	var over atomic.Bool
	change := func(rng *rand.Rand, sku SKU) {
		at := units.Instant(clock.Add(rng.Int64N(2)))
		w := Warehouse(rng.IntN(4))
		if rng.IntN(4) == 0 {
			w = Warehouse(rng.IntN(sightWarehouses))
		}
		switch n := rng.IntN(200); {
		case n == 0:
			names(1 + rng.IntN(100))
		case n == 1:
			clock.Add(86_400 / 4)
		case n < 40:
			service := Service(rng.IntN(1+sightServices) - 1)
			date := []units.Date{EveryDay, units.Date(at/86_400) + units.Date(rng.IntN(sightDays))}[rng.IntN(2)]
			tolerate(l.SetCapacity(at, []CapacityLimit{{w, service, date, rng.Int32N(3)}}))
		case n < 100:
			_, err := l.SetStock(at, Request{}, []StockLevel{{w, sku, rng.Int32N(9), 0}, {w + 1, SKU(rng.IntN(skus)), rng.Int32N(9), 0}})
			tolerate(err)
		default:
			h, err := l.Allocate(&Allocation{
				At: at, TTL: 1 + rng.Int64N(20), Stock: []StockClaim{{w, sku, 1}, {w, SKU(rng.IntN(skus)), 1}},
				Shipments: []ShipmentClaim{{w, 0, units.Date(at / 86_400), 1}},
			})
			tolerate(err)
			if err == nil && rng.IntN(2) == 0 {
				_, err = l.Release(at, h.ID, Request{}, nil)
				tolerate(err)
			}
		}
	}
	for i := range 2 {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for range commands {
				change(rng, SKU(rng.IntN(skus)))
				if rng.IntN(3) == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	seen := make([][]*sight, 3)
	for i := range seen {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(100+i)))
			for !over.Load() {
				v := l.View()
				mine := []SKU{SKU(rng.IntN(skus)), SKU(rng.IntN(skus))}
				if rng.IntN(8) == 0 {
					change(rng, mine[0])
				}
				yields := rng.IntN(300)
				o := look(&v, mine, units.Date(clock.Load()/86_400), func() {
					if yields--; yields == 0 {
						runtime.Gosched()
					}
				})
				if len(seen[i]) < 20_000 {
					seen[i] = append(seen[i], o)
				}
			}
		})
	}
	writers.Wait()
	over.Store(true)
	readers.Wait()

	all := slices.Concat(seen...)
	slices.SortFunc(all, func(a, b *sight) int { return int(int64(a.sequence) - int64(b.sequence)) })
	s := NewState(Config{})
	var e Event
	for _, o := range all {
		for s.sequence < o.sequence {
			must(ReadEvent(tape.events[s.sequence], &e))
			must(s.Replay(&e))
		}
		v := s.View()
		want := look(&v, o.skus, o.today, func() {})
		switch {
		case o.still && !o.equal(want):
			t.Fatalf("a still view at %d shows\n%+v\nthe events make\n%+v", o.sequence, o, want)
		case o.still:
			right++
		case !o.equal(want):
			wrong++
		}
	}
	t.Logf("%d events; of %d sights %d were still, %d others showed something else", len(tape.events), len(all), right, wrong)
	return right, wrong
}

// A view from before midnight is not still after it, for a place may be another day's then.
func TestViewsAreNotStillOverMidnight(t *testing.T) {
	t.Parallel()
	l := small(t, Config{}, 1, 1, 5)
	must(l.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, 3}}))
	v := l.View()
	must(l.Advance(noon + 3600))
	if !v.Still([]SKU{0}) {
		t.Error("an hour later the view is not still")
	}
	must(l.Advance(noon + 86_400))
	if v.Still([]SKU{0}) {
		t.Error("a day later the view is still")
	}
	if v = l.View(); !v.Still([]SKU{0}) {
		t.Error("a new view is not still")
	}
}

// Each change makes views not still that look at what it changed, and no others.
func TestStillLooksAtWhatWasChanged(t *testing.T) {
	t.Parallel()
	l := small(t, Config{}, 2, 3, 5)
	must(l.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, 2}}))
	for name, c := range map[string]struct {
		change func() error
		still  bool // of a view of SKU 0
	}{
		"stock of it":      {func() error { _, err := l.SetStock(noon, Request{}, []StockLevel{{1, 0, 4, 0}}); return err }, false},
		"stock of another": {func() error { _, err := l.SetStock(noon, Request{}, []StockLevel{{1, 1, 4, 0}}); return err }, true},
		"inbound":          {func() error { return l.AddReceipts(noon, Request{}, []Receipt{{0, 0, 1, noon + 9999}}) }, false},
		"capacity filled":  {func() error { return l.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, 0}}) }, false},
		"names":            {func() error { return l.Extend(noon, nil, []string{"more"}, nil, nil) }, true},
		"nothing":          {func() error { return l.Advance(noon) }, true},
	} {
		v := l.View()
		must(c.change())
		if got := v.Still([]SKU{0}); got != c.still {
			t.Errorf("%s: still %v", name, got)
		}
	}
	for i, limit := range []int32{0, 9, 8, Unlimited, 7, 0} {
		v := l.View()
		before := v.CapacityLeft(0, AnyService, units.Date(noon/86_400)) > 0
		must(l.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, limit}}))
		if got := v.Still([]SKU{0}); got != (before == (limit > 0)) {
			t.Errorf("limit %d, %d: still %v", i, limit, got)
		}
	}
}

// One counter that every event sets to its own number: a still view shows the number of its sequence. This looks at the
// few instructions in which a counter is changed.
func TestStillViewsOfOneCounter(t *testing.T) {
	t.Parallel()
	l := small(t, Config{}, 1, 1, 1)
	changes := 200_000
	if testing.Short() {
		changes = 20_000
	}
	var over atomic.Bool
	var reader sync.WaitGroup
	still, moved, newer := 0, 0, 0
	sku := []SKU{0}
	reader.Go(func() {
		for !over.Load() {
			v := l.View()
			n := uint64(v.Units(0, 0))
			switch ok := v.Still(sku); {
			case ok && n != v.Sequence && v.Sequence > 2:
				t.Errorf("a still view at %d shows event %d", v.Sequence, n)
				return
			case ok:
				still++
			case n != v.Sequence:
				newer++
			default:
				moved++
			}
		}
	})
	level := make([]StockLevel, 1)
	for range changes {
		level[0].OnHand = int32(l.state.sequence + 1)
		must(second(l.SetStock(noon, Request{}, level)))
	}
	over.Store(true)
	reader.Wait()
	t.Logf("%d views still, %d newer, %d moved after they were read", still, newer, moved)
	if still == 0 || newer == 0 {
		t.Log("a machine without time for both at once: this says little")
	}
}
