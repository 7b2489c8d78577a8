package ledger

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
)

// The table finds what a map finds, over many rounds of splitting, and while entries go again.
func TestRequestTableIsAMap(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	table := requestTable{seed: maphash.MakeSeed()}
	want := map[string]requestRef{}
	ids := map[requestRef]string{}
	var there []string
	check := func(id string) {
		t.Helper()
		if got := table.get(table.hash(id), func(r requestRef) bool { return ids[r] == id }); got != want[id] {
			t.Fatalf("%s: %d, not %d", id, got, want[id])
		}
	}
	next := requestRef(1)
	for step := range 60_000 {
		grow := step < 30_000 || step%3 == 0
		if grow || len(there) == 0 {
			id := fmt.Sprint("request ", next)
			check(id)
			ref := next<<34 | next<<2 | usedForAnswer // both halves
			next++
			want[id], ids[ref] = ref, id
			there = append(there, id)
			table.put(table.hash(id), ref)
		} else {
			i := rng.IntN(len(there))
			id := there[i]
			there[i] = there[len(there)-1]
			there = there[:len(there)-1]
			table.remove(table.hash(id), want[id])
			delete(ids, want[id])
			delete(want, id)
			check(id)
		}
		if len(there) > 0 {
			check(there[rng.IntN(len(there))])
		}
		if table.len() != len(want) {
			t.Fatalf("%d entries, not %d", table.len(), len(want))
		}
	}
	for _, id := range there {
		check(id)
	}
	n := 0
	for i := range table.pages {
		n += table.pages[i].n
	}
	filled := float64(30_000) / float64(len(table.pages)*slotsInPage)
	if n != len(want) || filled < 0.35 {
		t.Errorf("%d entries in %d pages, of %d; at their most they were filled to %.2f", n, len(table.pages), len(want), filled)
	}
}

// Entries that follow each other around the end of a page are found when others before them go.
func TestRequestTableClosesGaps(t *testing.T) {
	last := uint32(slotsInPage-1) << (32 - slotBits)
	for gone := range 4 {
		var table requestTable
		hashes := []uint32{last, last + 1, last + 2, 0} // three that want the last slot, and one that wants the first
		for i, h := range hashes {
			table.put(h, requestRef(i+1)<<2|usedForHold)
		}
		table.remove(hashes[gone], requestRef(gone+1)<<2|usedForHold)
		for i, h := range hashes {
			want := requestRef(i+1)<<2 | usedForHold
			if i == gone {
				want = 0
			}
			if got := table.get(h, func(requestRef) bool { return true }); got != want {
				t.Errorf("without %d: %d is %d, not %d", gone, i, got, want)
			}
		}
	}
}

// Foreseeing any events and grants leaves a state as it is, and comes to no harm.
func TestForeseeChangesNothing(t *testing.T) {
	s := NewState(Config{})
	events := []Event{
		{Kind: Held, Request: Request{ID: "a"}, Hold: &Hold{Stock: []Claim{
			{StockClaim: StockClaim{0, 0, 1}}, {StockClaim: StockClaim{-1, 0, 1}}, {StockClaim: StockClaim{0, -1, 1}}, {StockClaim: StockClaim{1 << 30, 1 << 30, 1}},
		}}},
		{Kind: Declined, Request: Request{ID: "b"}, Hold: &Hold{}},
		{Kind: HoldShipped, HoldID: 1}, {Kind: HoldShipped, HoldID: 1 << 60}, {Kind: Extended}, {},
	}
	look := func() {
		t.Helper()
		before := dump(s)
		s.Foresee(events)
		s.foreseeGrants([]string{"a", "", "c"}, []SKU{0, 1, -1, 1 << 30, 0})
		if after := dump(s); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
	}
	look()
	if err := s.Extend(10, []string{"w"}, []string{"k"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	look()
	if _, err := s.SetStock(10, Request{}, []StockLevel{{0, 0, 5, 0}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Allocate(&Allocation{At: 10, TTL: 5, Request: Request{ID: "a"}, Stock: []StockClaim{{0, 0, 2}}}); err != nil {
		t.Fatal(err)
	}
	look()
}
