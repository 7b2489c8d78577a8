package engine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/engine/network"
)

// slowTakes are the takes of items of so many pieces, in the order of a grid's numbers: the first item's pieces count on first.
func slowTakes(pieces []uint8) [][]uint8 {
	takes := [][]uint8{{}}
	for _, n := range pieces {
		var longer [][]uint8
		for digit := range n + 1 {
			for _, t := range takes {
				longer = append(longer, append(slices.Clone(t), digit))
			}
		}
		takes = longer
	}
	return takes
}

// slowHolds tells whether a take has all that another has.
func slowHolds(has, take []uint8) bool {
	for i, n := range take {
		if has[i] < n {
			return false
		}
	}
	return true
}

func slowLowest(take []uint8) int { return slices.IndexFunc(take, func(n uint8) bool { return n > 0 }) }

// checkGrid compares a grid with what its comments say, worked out take by take.
func checkGrid(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, g *grid, pieces []uint8) {
	t.Helper()
	takes := slowTakes(pieces)
	if g.takes != len(takes) {
		t.Fatalf("%v: %d takes, want %d", pieces, g.takes, len(takes))
	}
	for v, take := range takes {
		packed := uint64(0)
		for i, n := range take {
			packed |= uint64(n) << (8 * i)
		}
		if !slices.Equal(g.digits[v][:len(take)], take) || g.packed[v] != packed {
			t.Fatalf("%v: take %d is %v, %x; want %v", pieces, v, g.digits[v], g.packed[v], take)
		}
		for other := range takes {
			if want := slowHolds(take, takes[other]); g.holds(packed, other) != want {
				t.Fatalf("%v: %v holds %v: %v", pieces, take, takes[other], !want)
			}
		}
		if v == 0 {
			continue
		}
		lowest := slowLowest(take)
		without := slices.Clone(take)
		without[lowest]--
		if int(g.lowest[v]) != lowest || !slices.Equal(takes[g.rest[v]], without) {
			t.Fatalf("%v: %v begins with %d, and leaves %v", pieces, take, g.lowest[v], takes[g.rest[v]])
		}
		var want []uint8
		for one := v; one > 0; one-- {
			if slowHolds(take, takes[one]) && takes[one][lowest] > 0 {
				want = append(want, uint8(one))
			}
		}
		if got := g.parts[g.start[v]:g.start[v+1]]; !slices.Equal(got, want) {
			t.Fatalf("%v: parts of %v are %v, want %v", pieces, take, got, want)
		}
		for _, one := range want {
			left := make([]uint8, len(take))
			for i := range take {
				left[i] = take[i] - takes[one][i]
			}
			if !slices.Equal(takes[v-int(one)], left) {
				t.Fatalf("%v: %v without %v is %v", pieces, take, takes[one], takes[v-int(one)])
			}
		}
	}
}

// scratchOf is as much of a Scratch as grids need, with items of so many units.
func scratchOf(split bool, quantities ...int32) *Scratch {
	sc := &Scratch{e: &Engine{snap: &network.Snapshot{Policy: network.Policy{SplitLines: split}}}}
	for i, q := range quantities {
		sc.items = append(sc.items, Item{SKU: int32(i), Quantity: q})
	}
	return sc
}

func TestGridLimits(t *testing.T) {
	for _, c := range []struct {
		name       string
		split      bool
		quantities []int32
		pieces     []uint8 // nil: too many to look at each
	}{
		{"one unit", true, []int32{1}, []uint8{1}},
		{"a line is one piece", false, []int32{1_000_000}, []uint8{1}},
		{"and none where nothing of it is wanted", false, []int32{3, 0, 2}, []uint8{1, 0, 1}},
		{"a unit is one where lines may be split", true, []int32{3, 0, 2}, []uint8{3, 0, 2}},
		{"six lines", false, []int32{9, 9, 9, 9, 9, 9}, []uint8{1, 1, 1, 1, 1, 1}},
		{"seven lines", false, []int32{1, 1, 1, 1, 1, 1, 1}, nil},
		{"six units", true, []int32{1, 1, 1, 1, 1, 1}, []uint8{1, 1, 1, 1, 1, 1}},
		{"seven units of six lines", true, []int32{2, 1, 1, 1, 1, 1}, nil},
		{"990 parts", true, []int32{43}, []uint8{43}},
		{"1,035 parts", true, []int32{44}, nil},
		{"64 takes", true, []int32{7, 7}, nil}, // of 1,296 parts
		{"63 takes", true, []int32{2, 2, 6}, []uint8{2, 2, 6}},
		{"64 takes of 900 parts", true, []int32{3, 3, 1, 1}, []uint8{3, 3, 1, 1}},
		{"72 takes", true, []int32{2, 2, 7}, nil},
		{"more units than a digit holds", true, []int32{127}, nil},
		{"more units than a byte holds", true, []int32{256}, nil},
		{"more than a number holds", true, []int32{1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30}, nil},
		{"as many as are just looked at", true, []int32{63, 63, 63, 63, 63, 63}, nil},
	} {
		sc := scratchOf(c.split, c.quantities...)
		if got := sc.setGrid(); got != (c.pieces != nil) {
			t.Errorf("%s: bounded %v", c.name, got)
			continue
		}
		if c.pieces == nil {
			continue
		}
		checkGrid(t, sc.grid, c.pieces)
		for v, take := range slowTakes(c.pieces) {
			vector := make([]int32, len(take))
			for i, n := range take {
				if vector[i] = int32(n); !c.split {
					vector[i] *= c.quantities[i]
				}
				if got := sc.units(v, i); got != vector[i] {
					t.Errorf("%s: take %v has %d units of item %d, want %d", c.name, take, got, i, vector[i])
				}
			}
			if got := sc.takeOf(vector); got != v {
				t.Errorf("%s: %v is take %d, want %d", c.name, vector, got, v)
			}
		}
	}
}

// A Scratch keeps some grids and makes the others in their room: whatever orders come, each finds its own.
func TestGridsAreCapped(t *testing.T) {
	made := map[*grid]bool{}
	rapid.Check(t, func(t *rapid.T) {
		sc := scratchOf(true)
		clear(made)
		for range rapid.IntRange(1, 300).Draw(t, "orders") {
			sc.items = sc.items[:0]
			var pieces []uint8
			for _, n := range rapid.SliceOfN(rapid.Uint8Range(0, 8), 1, 6).Draw(t, "pieces") {
				sc.items, pieces = append(sc.items, Item{Quantity: int32(n)}), append(pieces, n)
			}
			if sc.setGrid() {
				made[sc.grid] = true
				if !slices.Equal(sc.grid.digits[sc.grid.takes-1][:len(pieces)], pieces) {
					t.Fatalf("the grid of %v is that of %v", pieces, sc.grid.digits[sc.grid.takes-1])
				}
			}
		}
		if len(made) > maxGrids {
			t.Fatalf("%d grids", len(made))
		}
	})

	// Far more shapes than are kept, over and over: no more room is taken, and every grid is right in the room of another.
	sc := scratchOf(true)
	var shapes [][]uint8
	for a := range uint8(64) {
		for b := range uint8(8) {
			for c := range uint8(8) {
				shapes = append(shapes, []uint8{a, b, c})
			}
		}
	}
	pass := func() (bounded int) {
		for _, s := range shapes {
			sc.items = sc.items[:0]
			for _, n := range s {
				sc.items = append(sc.items, Item{Quantity: int32(n)})
			}
			if sc.setGrid() {
				bounded++
			}
		}
		return bounded
	}
	if n := pass(); n <= maxGrids {
		t.Fatalf("%d shapes, which are no more than may be kept", n)
	}
	for range 4 {
		pass()
	}
	if n := testing.AllocsPerRun(2, func() { pass() }); n > 0 {
		t.Errorf("%v allocations once %d grids are kept", n, maxGrids)
	}
	for _, s := range shapes {
		sc.items = sc.items[:0]
		for _, n := range s {
			sc.items = append(sc.items, Item{Quantity: int32(n)})
		}
		if sc.setGrid() {
			checkGrid(t, sc.grid, s)
		}
	}
}

// Grids are what the slow version says, in whatever room they are made.
func TestGridMatchesSlow(t *testing.T) {
	g := new(grid)
	rapid.Check(t, func(t *rapid.T) {
		takes := 1
		var pieces []uint8
		for i := range rapid.IntRange(1, maxPartedItems).Draw(t, "items") {
			n := rapid.IntRange(0, min(43, maxTakes/takes-1)).Draw(t, "pieces")
			if i > 0 && pieces[0] > 30 {
				n = 0
			}
			takes *= n + 1
			pieces = append(pieces, uint8(n))
		}
		sc := scratchOf(true)
		for _, n := range pieces {
			sc.items = append(sc.items, Item{Quantity: int32(n)})
		}
		if !sc.setGrid() {
			return // too many parts
		}
		checkGrid(t, sc.grid, pieces)
		g.set(sc.grid.key, pieces)
		checkGrid(t, g, pieces)
	})
}
