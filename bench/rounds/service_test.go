package rounds

import (
	"slices"
	"testing"
)

// Every round runs each of them twice, as far before its middle as behind it, and what is compared side by side.
func TestThereAndBack(t *testing.T) {
	for _, n := range []int{own, own + 5} {
		begun := map[int]bool{}
		for round := range 2 * n {
			order := thereAndBack(n, round)
			if len(order) != 2*n {
				t.Fatalf("%d runs of %d", len(order), n)
			}
			for i, at := range order[:n] {
				if order[2*n-1-i] != at {
					t.Errorf("round %d does not go back as it came: %v", round, order)
				}
			}
			all := slices.Sorted(slices.Values(order[:n]))
			for i, at := range all {
				if i != at {
					t.Fatalf("round %d leaves %d out: %v", round, i, order)
				}
			}
			for _, pair := range [][2]int{{Durable, HotTwo}, {UniformOne, HotOne}} {
				d := slices.Index(order, pair[0]) - slices.Index(order, pair[1])
				if d != 1 && d != -1 && d != n-1 && d != 1-n {
					t.Errorf("round %d: %d and %d are %d apart: %v", round, pair[0], pair[1], d, order)
				}
			}
			begun[order[0]] = true
		}
		if len(begun) != n {
			t.Errorf("rounds of %d begin with %v", n, begun)
		}
	}
}
