package engine

// A grid is the ways to take some of the pieces of an order, numbered: of every item, from none of its pieces to all of
// them. The number of a take is the sum of its digits, the pieces of each item, times the items' strides; that of what
// a take leaves of another is the difference of their numbers, and a take has a higher number than any that it holds. Of an
// order whose items are one piece each, numbers are bit sets.
type grid struct {
	key    uint64 // the pieces of the items, one a byte, and how many items in the last
	takes  int
	stride [maxPartedItems]int32
	digits [maxTakes][maxPartedItems]uint8
	packed [maxTakes]uint64 // the digits, one a byte
	lowest [maxTakes]uint8  // the first item of which there is a piece
	rest   [maxTakes]uint8  // the take without one such piece
	parts  []uint8          // takes in the take, with a piece of its lowest item, in descending order
	start  [maxTakes + 1]int32
}

const (
	maxPartedItems = 6
	maxTakes       = 1 << maxPartedItems // that the parts of an order are bounded one by one, the whole order and nothing among them
	maxDivisions   = 1 << 10             // parts of all takes together; six lines have 665
	byteGuard      = 0x8080808080808080

	// maxGrids is how many grids are kept, of 2 KB each. Most orders are of a few dozen shapes; where there are more, a grid
	// that takes the place of another is made in its room.
	gridBits = 7
	maxGrids = 1 << gridBits
)

// set makes g the grid of items of so many pieces each. It forgets what g was.
func (g *grid) set(key uint64, pieces []uint8) {
	*g = grid{key: key, takes: 1, parts: g.parts[:0]}
	for i, n := range pieces {
		g.stride[i] = int32(g.takes)
		g.takes *= int(n) + 1
	}
	for v := 1; v < g.takes; v++ {
		g.lowest[v] = maxPartedItems
		for i, n := range pieces {
			digit := v / int(g.stride[i]) % (int(n) + 1)
			g.digits[v][i] = uint8(digit)
			g.packed[v] |= uint64(digit) << (8 * i)
			if digit > 0 {
				g.lowest[v] = min(g.lowest[v], uint8(i))
			}
		}
		g.rest[v] = uint8(v - int(g.stride[g.lowest[v]]))
		for one := v; one > 0; one-- {
			if g.holds(g.packed[v], one) && g.digits[one][g.lowest[v]] > 0 {
				g.parts = append(g.parts, uint8(one))
			}
		}
		g.start[v+1] = int32(len(g.parts))
	}
}

// holds tells whether packed digits are enough for a take.
func (g *grid) holds(packed uint64, take int) bool {
	return ((packed|byteGuard)-g.packed[take])&byteGuard == byteGuard
}

// setGrid makes sc.grid that of sc.items, and tells whether there are few enough takes to look at each.
func (sc *Scratch) setGrid() bool {
	if len(sc.items) > maxPartedItems || sc.partless {
		return false
	}
	var pieces [maxPartedItems]uint8
	takes, divisions, key := int64(1), int64(1), uint64(0)
	for i, it := range sc.items {
		n := int64(1)
		if sc.e.snap.Policy.SplitLines {
			n = int64(it.Quantity)
		} else if it.Quantity == 0 {
			n = 0
		}
		if n >= maxTakes {
			return false
		}
		takes, divisions = takes*(n+1), divisions*(n+1)*(n+2)/2
		pieces[i], key = uint8(n), key|uint64(n)<<(8*i)
	}
	if takes > maxTakes || divisions > maxDivisions {
		return false
	}
	key |= uint64(len(sc.items)) << 56
	sc.grid = sc.gridOf(key, pieces[:len(sc.items)])
	return true
}

// gridOf returns the grid of a key, made of pieces where it is not kept. It is good until the next call.
func (sc *Scratch) gridOf(key uint64, pieces []uint8) *grid {
	at := &sc.grids[key*0x9e3779b97f4a7c15>>(64-gridBits)]
	if *at == nil {
		*at = new(grid)
	}
	if (*at).key != key {
		(*at).set(key, pieces)
	}
	return *at
}

// units returns how many units of an item a take has.
func (sc *Scratch) units(take int, item int) int32 {
	n := int32(sc.grid.digits[take][item])
	if !sc.e.snap.Policy.SplitLines {
		n *= sc.items[item].Quantity
	}
	return n
}

// takeOf returns the number of a take vector.
func (sc *Scratch) takeOf(take []int32) int {
	at := int32(0)
	for i, q := range take {
		if q > 0 && !sc.e.snap.Policy.SplitLines {
			q = 1
		}
		at += q * sc.grid.stride[i]
	}
	return int(at)
}
