package ledger

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/allot-engine/allot/internal/seeds"
)

// shortfallsByScan is the slow twin of State.shortfalls: it looks at every hold there is.
func shortfallsByScan(s *State, levels []StockLevel) []Shortfall {
	var short []Shortfall
	for _, l := range levels {
		known := slices.ContainsFunc(short, func(sh Shortfall) bool { return sh.Warehouse == l.Warehouse && sh.SKU == l.SKU })
		if left := s.available(l.Warehouse, l.SKU); left >= 0 || s.held(l.Warehouse, l.SKU) == 0 || known {
			continue
		}
		sh := Shortfall{Warehouse: l.Warehouse, SKU: l.SKU, Missing: -s.available(l.Warehouse, l.SKU)}
		for r := range s.holds.all() {
			for _, c := range r.Stock {
				if c.Warehouse == l.Warehouse && c.SKU == l.SKU && c.Left() > 0 {
					sh.Holds = append(sh.Holds, r.ID)
				}
			}
		}
		short = append(short, sh)
	}
	slices.SortFunc(short, func(a, b Shortfall) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Warehouse, b.Warehouse))
	})
	return short
}

func TestShortfallsMatchAScan(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	s := NewState(Config{Retention: 3600})
	w := newWorkload(s, seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	found := 0
	for range 400 {
		w.run(20)
		var levels []StockLevel
		for range 1 + rng.IntN(6) {
			wh, sku := w.cell()
			if r := s.holds.get(s.nextHold - 1 - HoldID(rng.Uint64N(min(8, uint64(s.nextHold))))); r != nil {
				wh, sku = r.Stock[0].Warehouse, r.Stock[0].SKU
			}
			levels = append(levels, StockLevel{wh, sku, rng.Int32N(6), rng.Int32N(2)})
		}
		res, err := s.SetStock(s.now, Request{}, levels)
		tolerate(err)
		if err != nil {
			continue
		}
		want := shortfallsByScan(s, levels)
		if !reflect.DeepEqual(res.Shortfalls, want) {
			t.Fatalf("%+v\na scan finds\n%+v", res.Shortfalls, want)
		}
		found += len(want)
		checkClaimants(t, s)
	}
	if found < 20 {
		t.Errorf("only %d shortfalls", found)
	}
	checkClaimants(t, readState(t, written(t, s)))
}

// checkClaimants compares the lists with the holds, and counts that links are used again.
func checkClaimants(t *testing.T, s *State) {
	t.Helper()
	type claim struct {
		hold HoldID
		w    Warehouse
		sku  SKU
	}
	want, got := make(map[claim]int), make(map[claim]int)
	links := 0
	for r := range s.holds.all() {
		for _, c := range r.Stock {
			if r.Status.Holding() {
				want[claim{r.ID, c.Warehouse, c.SKU}]++
				links++
			}
		}
	}
	for sku := range SKU(s.skus.len()) {
		before := uint32(0)
		for l := range s.claims.of(sku) {
			got[claim{l.hold, l.warehouse, sku}]++
			if l.prev != before {
				t.Fatalf("SKU %d: a link's predecessor is %d, want %d", sku, l.prev, before)
			}
			before = s.claims.heads[sku]
			if l.prev != 0 {
				before = s.claims.at(l.prev).next
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("lists have\n%v\nholds have\n%v", got, want)
	}
	free := 0
	for n := s.claims.free; n != 0; n = s.claims.at(n).next {
		free++
	}
	if uint32(links+free) != s.claims.used {
		t.Fatalf("%d links in use and %d free of %d", links, free, s.claims.used)
	}
}

func TestHoldTableMatchesAMap(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var table holdTable
	want := make(map[HoldID]*record)
	next := HoldID(1)
	var ids []HoldID
	for range 20_000 {
		if len(ids) == 0 || rng.IntN(1000) < 520 {
			r := &record{Hold: Hold{ID: next}}
			table.put(r)
			want[next] = r
			ids = append(ids, next)
			next += 1 + HoldID(rng.IntN(3)) // some ids are forgotten already when a state is read
		} else {
			i := rng.IntN(len(ids))
			if rng.IntN(4) > 0 {
				i = 0 // mostly the oldest
			}
			table.remove(ids[i])
			delete(want, ids[i])
			ids = slices.Delete(ids, i, i+1)
		}
		if id := HoldID(rng.Uint64N(uint64(next) + 300)); table.get(id) != want[id] {
			t.Fatalf("hold %d: %p, want %p", id, table.get(id), want[id])
		}
	}
	var got []HoldID
	for r := range table.all() {
		got = append(got, r.ID)
	}
	if slices.Sort(ids); !slices.Equal(got, ids) || table.len() != len(ids) {
		t.Errorf("%d holds %v, want %v", table.len(), got, ids)
	}
	for range table.all() {
		break
	}
	pages := make(map[HoldID]bool)
	for id := range want {
		pages[id/holdsInPage] = true
	}
	if len(table.pages) > len(pages)+1 {
		t.Errorf("%d pages for holds on %d", len(table.pages), len(pages))
	}
}

// TestHoldsAreThoseThatGetFinds asks for every id there may be, refusals among them.
func TestHoldsAreThoseThatGetFinds(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	s := NewState(Config{Retention: 8 * 3600})
	w := newWorkload(s, seed)
	for w.run(400); s.holds.len() < 5 || HoldID(s.holds.len()) >= s.nextHold-1; { // until some are forgotten and some not
		w.run(20)
	}
	if _, err := s.Decline(&Allocation{At: s.now, Request: Request{ID: "declined"}}); err != nil {
		t.Fatal(err)
	}
	var want, got []Hold
	for id := range s.nextHold + 300 {
		if h, err := s.Get(id); err == nil {
			want = append(want, h)
		}
	}
	for h := range s.Holds() {
		got = append(got, h)
	}
	if len(want) != s.holds.len() || s.refused.len() == 0 {
		t.Errorf("%d holds of %d, and %d refusals", len(want), s.holds.len(), s.refused.len())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d holds, want %d", len(got), len(want))
	}
	for h := range s.Holds() {
		if h.ID != want[0].ID {
			t.Errorf("the first is hold %d, want %d", h.ID, want[0].ID)
		}
		break
	}
	for h := range readState(t, written(t, s)).Holds() {
		if !reflect.DeepEqual(h, want[0]) {
			t.Errorf("read back, the first is %+v, want %+v", h, want[0])
		}
		break
	}
}

// A hold of common size is one record and 24 bytes for each claim; the budget is what a million of them may take.
func TestAHoldTakesNoMoreThanItsBudget(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(record{}); n > 352 { // a size class of the allocator
		t.Errorf("a record has %d bytes", n)
	}
	if n := unsafe.Sizeof(link{}); n > 24 {
		t.Errorf("a link has %d bytes", n)
	}
}

// BenchmarkShortfalls corrects a counter with 10 holds below what they have, with few and many other holds.
func BenchmarkShortfalls(b *testing.B) {
	for _, others := range []int{1_000, 300_000} {
		s := openHolds(others)
		at := s.now
		must(s.Extend(at, nil, []string{"few"}, nil, nil))
		sku, _ := s.SKU("few")
		_, err := s.SetStock(at, Request{}, []StockLevel{{3, sku, 20, 0}})
		must(err)
		for range 10 {
			_, err := s.Allocate(&Allocation{At: at, TTL: 9000, Stock: []StockClaim{{3, sku, 2}}})
			must(err)
		}
		levels := []StockLevel{{3, sku, 7, 0}}
		b.Run(fmt.Sprintf("holds=%d/list", others), func(b *testing.B) {
			for b.Loop() {
				if short := s.shortfalls(levels); len(short) > 0 {
					b.Fatal(short)
				}
				_, err := s.SetStock(at, Request{}, levels)
				must(err)
				if len(s.stockResult.Shortfalls[0].Holds) != 10 {
					b.Fatal(s.stockResult)
				}
				_, err = s.SetStock(at, Request{}, []StockLevel{{3, sku, 20, 0}})
				must(err)
			}
		})
		_, err = s.SetStock(at, Request{}, levels)
		must(err)
		b.Run(fmt.Sprintf("holds=%d/scan", others), func(b *testing.B) {
			for b.Loop() {
				if len(shortfallsByScan(s, levels)[0].Holds) != 10 {
					b.Fatal("other holds")
				}
			}
		})
	}
}
