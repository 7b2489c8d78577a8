package geo

import (
	"cmp"
	"slices"
)

// A kdTree finds the nearest of many points: unit vectors split in halves by x, y and z in turn. On the sphere the
// nearest by chord is the nearest by great circle, so plain Euclidean distances do.
//
// gonum's spatial/kdtree would do the same with an interface call for each coordinate, a node allocated for each
// point, and ties left to chance; here a tie goes to the lowest row.
type kdTree struct {
	rows  []Row  // each range's median splits it; the halves follow the same rule
	units []Unit // units[i] belongs to rows[i]
}

// newKDTree builds a tree of rows, at least one; units is indexed by row.
func newKDTree(rows []Row, units []Unit) *kdTree {
	t := &kdTree{rows: rows, units: make([]Unit, len(rows))}
	split(rows, units, 0)
	for i, r := range rows {
		t.units[i] = units[r]
	}
	return t
}

// split sorts rows by one axis around their median, then each half by the next axis.
func split(rows []Row, units []Unit, axis int) {
	if len(rows) < 2 {
		return
	}
	slices.SortFunc(rows, func(a, b Row) int {
		if c := cmp.Compare(units[a][axis], units[b][axis]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	mid, next := len(rows)/2, (axis+1)%3
	split(rows[:mid], units, next)
	split(rows[mid+1:], units, next)
}

// nearest returns the row nearest to u, the lowest of those equally near.
func (t *kdTree) nearest(u Unit) Row {
	best := kdBest{row: -1}
	t.visit(u, 0, len(t.rows), 0, &best)
	return best.row
}

type kdBest struct {
	row    Row // -1 before the first
	square float64
}

func (t *kdTree) visit(u Unit, from, to, axis int, best *kdBest) {
	if from >= to {
		return
	}
	mid := (from + to) / 2
	at, row := t.units[mid], t.rows[mid]
	dx, dy, dz := at[0]-u[0], at[1]-u[1], at[2]-u[2]
	if square := dx*dx + dy*dy + dz*dz; best.row < 0 || square < best.square || square == best.square && row < best.row {
		*best = kdBest{row, square}
	}
	side, next := u[axis]-at[axis], (axis+1)%3
	if side < 0 {
		t.visit(u, from, mid, next, best)
	} else {
		t.visit(u, mid+1, to, next, best)
	}
	if side*side > best.square { // nothing beyond the plane can be as near; equally near may be a lower row
		return
	}
	if side < 0 {
		t.visit(u, mid+1, to, next, best)
	} else {
		t.visit(u, from, mid, next, best)
	}
}
