package solver

import (
	"math/bits"
	"slices"
)

// infinite marks what cannot be had. Two of them add up without overflow.
const infinite = int64(1) << 61

// A grid numbers the contents that a warehouse can ship and, likewise, what is left to place: vectors with one digit
// per line, 0 or 1 for a line that must come whole and 0..quantity for one that may be split. Line 0 is the most
// significant digit, so the order of the numbers is the lexicographic order of the vectors, and the number of a
// difference is the difference of the numbers.
type grid struct {
	line   []int32 // the lines of the problem that take part
	radix  []int32
	stride []int32
	unit   []int32 // units that one step of the digit stands for
	states int     // product of the radices
	pairs  int64   // pairs of a vector and one below it in every digit
	binary bool    // every radix is 2
}

// set numbers the vectors over the given lines and reports whether there are at most limit of them.
func (g *grid) set(p *Problem, lines []int32, limit int64) bool {
	n := len(lines)
	g.line = append(g.line[:0], lines...)
	g.radix = slices.Grow(g.radix[:0], n)[:n]
	g.unit = slices.Grow(g.unit[:0], n)[:n]
	g.stride = slices.Grow(g.stride[:0], n)[:n]
	states, pairs := int64(1), int64(1)
	g.binary = true
	for i := n - 1; i >= 0; i-- {
		q := p.Quantity[lines[i]]
		g.radix[i], g.unit[i], g.stride[i] = 2, q, int32(states)
		if p.maySplit(int(lines[i])) {
			g.unit[i] = 1
			if int64(q) >= limit {
				return false
			}
			g.radix[i] = q + 1
			g.binary = g.binary && q == 1
		}
		states *= int64(g.radix[i])
		if states > limit {
			return false
		}
		pairs *= int64(g.radix[i]) * int64(g.radix[i]+1) / 2 // below 2*states², which fits
	}
	g.states, g.pairs = int(states), pairs
	return true
}

// below writes into digit the most that warehouse w can add on every line and returns how many vectors that makes.
func (g *grid) below(p *Problem, w int, digit []int32) int {
	n := 1
	for i, l := range g.line {
		digit[i] = p.usable(int(l), w) / g.unit[i]
		n *= int(digit[i]) + 1
	}
	return n
}

// step moves digit to the next vector within top, returns the number's change, and keeps take, the same vector in
// units of the problem's lines. It must not be called on the last vector.
func (g *grid) step(digit, top, take []int32) int {
	change := 0
	for i := len(digit) - 1; ; i-- {
		l := g.line[i]
		if digit[i] < top[i] {
			digit[i]++
			take[l] += g.unit[i]
			return change + int(g.stride[i])
		}
		change -= int(digit[i]) * int(g.stride[i])
		digit[i], take[l] = 0, 0
	}
}

// appendParts appends the numbers of the vectors that are at most digit everywhere and above 0 on the first line
// where digit is. Every way to cut digit into parts has exactly one part like that, so a search may place that first.
func (g *grid) appendParts(dst []int32, digit []int32) []int32 {
	for i, d := range digit {
		stride := g.stride[i]
		n := len(dst)
		if n == 0 {
			for x := int32(1); x <= d; x++ {
				dst = append(dst, x*stride)
			}
			continue
		}
		for x := int32(1); x <= d; x++ {
			for _, part := range dst[:n] {
				dst = append(dst, part+x*stride)
			}
		}
	}
	return dst
}

// fields packs every vector of the grid into one word, a field per line with a spare top bit, so that one
// subtraction compares all digits: a <= b everywhere exactly when ((b|guard)-a)&guard == guard.
func (g *grid) fields(dst []uint64) (packed []uint64, guard uint64) {
	packed = slices.Grow(dst[:0], g.states)[:g.states]
	shift := 0
	packed[0] = 0
	for i := len(g.line) - 1; i >= 0; i-- {
		// The vectors below stride are done; repeat them under every further digit of this line.
		stride, width := int(g.stride[i]), bits.Len32(uint32(g.radix[i]-1))
		for d := 1; d < int(g.radix[i]); d++ {
			for r := range stride {
				packed[d*stride+r] = packed[r] | uint64(d)<<shift
			}
		}
		shift += width
		guard |= 1 << shift
		shift++
	}
	return packed, guard
}

// pack returns one vector of the grid as fields does.
func (g *grid) pack(digit []int32) uint64 {
	var packed uint64
	shift := 0
	for i := len(g.line) - 1; i >= 0; i-- {
		packed |= uint64(digit[i]) << shift
		shift += bits.Len32(uint32(g.radix[i]-1)) + 1
	}
	return packed
}

// relax fills cheapest[j][r], for j < rows, with a lower bound on the least cost at which at most j shipments place
// exactly r when a warehouse may ship more than once and give its stock more than once; the last row holds for more
// shipments too. On entry cheapest[1] holds the cheapest single shipment of every content, and 0 for the empty one.
// It returns such a bound for everything with at most `most` shipments.
func (s *Scratch) relax(most int) int64 {
	full := s.grid.states - 1
	none := s.row(0)
	for r := range none {
		none[r] = infinite
	}
	none[0] = 0
	if most > 3 {
		// The number of shipments seldom binds, and one row without it costs less than one for every number.
		shipments := s.relaxUnlimited()
		if least := s.cheapest[2][full]; shipments <= most || least == infinite {
			return least
		}
	}
	return s.relaxRows(most)
}

// relaxRows fills one row for every number of shipments, and stops early where one more changes nothing.
func (s *Scratch) relaxRows(most int) int64 {
	g := &s.grid
	full := g.states - 1
	one := s.cheapest[1]
	rows := 2
	for ; rows < most; rows++ {
		row := s.row(rows)
		prev := s.cheapest[rows-1]
		copy(row, prev)
		digit := zeroed(&s.digit, len(g.line))
		changed := false
		for r := 1; r <= full; r++ {
			var best int64
			if g.binary {
				best, _ = cheapestSubset(one, prev, r)
			} else {
				g.next(digit)
				s.parts = g.appendParts(s.parts[:0], digit)
				best, _ = cheapestPart(one, prev, s.parts, r)
			}
			if best < row[r] {
				row[r] = best
				changed = true
			}
		}
		s.cert.States += int64(full)
		if !changed {
			break
		}
	}
	s.rows = rows
	digit := zeroed(&s.digit, len(g.line))
	for i := range digit {
		digit[i] = g.radix[i] - 1
	}
	s.parts = g.appendParts(s.parts[:0], digit)
	last := s.cheapest[rows-1]
	best, _ := cheapestPart(one, last, s.parts, full)
	return min(last[full], best)
}

// relaxUnlimited fills cheapest[2] for any number of shipments and returns how many the cheapest way to place
// everything takes.
func (s *Scratch) relaxUnlimited() int {
	g := &s.grid
	full := g.states - 1
	one, row := s.cheapest[1], s.row(2)
	s.rows = 3
	s.cert.States += int64(full)
	s.count = slices.Grow(s.count[:0], g.states)[:g.states]
	row[0], s.count[0] = 0, 0
	digit := zeroed(&s.digit, len(g.line))
	for r := 1; r <= full; r++ {
		var part int
		if g.binary {
			row[r], part = cheapestSubset(one, row, r)
		} else {
			g.next(digit)
			s.parts = g.appendParts(s.parts[:0], digit)
			row[r], part = cheapestPart(one, row, s.parts, r)
		}
		s.count[r] = s.count[r-part] + 1
	}
	return int(s.count[full])
}

// next moves digit to the next vector of the whole grid.
func (g *grid) next(digit []int32) {
	for i := len(digit) - 1; ; i-- {
		if digit[i]++; digit[i] < g.radix[i] {
			return
		}
		digit[i] = 0
	}
}

// cheapestPart returns the least cost of one shipment of a part and of the rest of r at rest's cost, and the part.
func cheapestPart(one, rest []int64, parts []int32, r int) (int64, int) {
	best, part := infinite, r
	for _, t := range parts {
		a, b := one[t], rest[r-int(t)]
		if a < infinite && b < infinite && a+b < best {
			best, part = a+b, int(t)
		}
	}
	return best, part
}

// cheapestSubset is cheapestPart for a grid of whole lines, whose vectors are sets of bits: the part has r's highest.
func cheapestSubset(one, rest []int64, r int) (int64, int) {
	high := 1 << (bits.Len(uint(r)) - 1)
	others := r ^ high
	best, part := infinite, r
	with, without := one[high:][:high], rest[:high]
	for t := others; ; t = (t - 1) & others {
		if c := with[t] + without[others^t]; c < best {
			best, part = c, t|high
		}
		if t == 0 {
			break
		}
	}
	if best > infinite/2 { // a sum with what cannot be had, less a negative cost
		return infinite, r
	}
	return best, part
}

// row returns row j of cheapest with room for every vector, whatever it held before.
func (s *Scratch) row(j int) []int64 {
	for len(s.cheapest) <= j {
		s.cheapest = append(s.cheapest, nil)
	}
	s.cheapest[j] = slices.Grow(s.cheapest[j][:0], s.grid.states)[:s.grid.states]
	return s.cheapest[j]
}

// zeroed resizes *buf to n zeros and returns it.
func zeroed(buf *[]int32, n int) []int32 {
	*buf = slices.Grow((*buf)[:0], n)[:n]
	clear(*buf)
	return *buf
}
