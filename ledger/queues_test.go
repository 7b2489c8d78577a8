package ledger

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// TestExpiryHeapOverPages fills and empties a heap over several pages, and holds its first against a sorted list.
func TestExpiryHeapOverPages(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var h expiryHeap
	var want []*record
	earlier := func(a, b *record) int {
		if a.Expires != b.Expires {
			return int(a.Expires - b.Expires)
		}
		return int(a.ID) - int(b.ID)
	}
	most := 0
	for id := HoldID(1); id <= 20_000; id++ {
		if growing := id < 10_000; len(want) == 0 || rng.IntN(100) < map[bool]int{true: 80, false: 20}[growing] {
			r := &record{Hold: Hold{ID: id, Expires: units.Instant(rng.IntN(500))}, heap: -1}
			at, _ := slices.BinarySearchFunc(want, r, earlier)
			want = slices.Insert(want, at, r)
			h.push(r)
		} else {
			at := rng.IntN(len(want)) * rng.IntN(2) // the first, as when time passes, or any
			h.remove(want[at])
			if want[at].heap != -1 {
				t.Fatal("a hold that was taken out has a place")
			}
			want = slices.Delete(want, at, at+1)
		}
		if most = max(most, len(want)); h.n != len(want) || len(want) > 0 && h.first() != want[0] || len(want) == 0 && h.first() != nil {
			t.Fatalf("%d of %d, the first %+v", h.n, len(want), h.first())
		}
		if pages := h.n/expiringInPage + 2; len(h.pages) > pages {
			t.Fatalf("%d pages for %d holds", len(h.pages), h.n)
		}
	}
	if most < 3*expiringInPage {
		t.Errorf("at most %d holds at once, which is less than three pages", most)
	}
}
