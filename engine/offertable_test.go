package engine

import (
	"testing"

	"pgregory.net/rapid"
)

// A table of offers is a map that forgets.
func TestOfferTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, slow := offerTable{epoch: rapid.SampledFrom([]uint32{1, 1<<32 - 2}).Draw(t, "epoch")}, map[uint64]*offer{}
		for range rapid.IntRange(1, 2_000).Draw(t, "calls") {
			if rapid.IntRange(0, 400).Draw(t, "forget") == 0 {
				table.forget()
				clear(slow)
			}
			key := rapid.Uint64Range(0, 50).Draw(t, "content")<<32 | rapid.Uint64Range(0, 20).Draw(t, "view")
			place, known := table.at(key)
			want, ok := slow[key]
			if known != ok || known && *place != want {
				t.Fatalf("%x: %v %p, want %v %p", key, known, *place, ok, want)
			}
			if !known {
				*place = new(offer)
				slow[key] = *place
			}
		}
		for key, want := range slow {
			if place, known := table.at(key); !known || *place != want {
				t.Fatalf("%x is lost", key)
			}
		}
	})
}

// A table that has grown allocates nothing.
func TestOfferTableAllocatesNothing(t *testing.T) {
	table, one := offerTable{epoch: 1}, new(offer)
	fill := func() {
		table.forget()
		for key := range uint64(1_000) {
			place, _ := table.at(key << 20)
			*place = one
		}
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
