package compare

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
)

// MaxBlocks is how many blocks of orders are drawn from, unless whole days are.
const MaxBlocks = 4096

// blocks are sums over blocks of orders: [block*columns + column]. Integers, so that no order of summing matters.
type blocks struct {
	columns int
	sums    []int64
	total   []int64
}

func newBlocks(columns int) *blocks { return &blocks{columns: columns, total: make([]int64, columns)} }

func (b *blocks) len() int { return len(b.sums) / b.columns }

func (b *blocks) row(i int) []int64 { return b.sums[i*b.columns : (i+1)*b.columns] }

// add adds an order's columns to a block, which is at most one beyond those there are.
func (b *blocks) add(block int, values []int64) {
	if block == b.len() {
		b.sums = append(b.sums, make([]int64, b.columns)...)
	}
	row := b.row(block)
	for i, v := range values {
		row[i] += v
		b.total[i] += v
	}
}

// blockOf returns the block of the i-th pair: its own while there is room, then one by its hash.
func blockOf(i int64) int {
	if i < MaxBlocks {
		return int(i)
	}
	x := uint64(i) // splitmix64: S. Vigna's mixing of a counter, https://prng.di.unimi.it/splitmix64.c
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % MaxBlocks)
}

// A statistic is a number made of sums; NaN where it has no value.
type statistic func(sums []int64) float64

// intervals returns for every statistic the bootstrap interval at the options' confidence, nil where there is none: fewer
// than two blocks, or a statistic without a value.
func (b *blocks) intervals(statistics []statistic, o Options) []*Interval {
	n := b.len()
	found := make([]*Interval, len(statistics))
	if n < 2 || len(statistics) == 0 {
		return found
	}
	draws := make([][]float64, len(statistics)) // [statistic][replicate]
	for s := range draws {
		draws[s] = make([]float64, o.Replicates)
	}
	var work sync.WaitGroup
	workers := min(o.Workers, o.Replicates)
	for w := range workers {
		work.Go(func() {
			sums := make([]int64, b.columns)
			for r := w; r < o.Replicates; r += workers {
				b.draw(rand.NewPCG(o.Seed, uint64(r)), sums)
				for s, f := range statistics {
					draws[s][r] = f(sums)
				}
			}
		})
	}
	work.Wait()

	var left [][]float64 // [statistic][block]: the jackknife, without the block
	if !o.Percentile {
		left = b.jackknife(statistics)
	}
	for s, f := range statistics {
		at := f(b.total)
		if math.IsNaN(at) {
			continue
		}
		values := slices.DeleteFunc(draws[s], math.IsNaN)
		if len(values) < (o.Replicates+1)/2 {
			continue
		}
		slices.Sort(values)
		low, high := (1-o.Confidence)/2, (1+o.Confidence)/2
		if !o.Percentile {
			low, high = bca(values, at, left[s], low, high)
		}
		found[s] = &Interval{Low: quantile(values, low), High: quantile(values, high)}
	}
	return found
}

// draw sums as many blocks as there are, drawn with replacement.
func (b *blocks) draw(source *rand.PCG, sums []int64) {
	clear(sums)
	n := uint64(b.len())
	for range n {
		i, _ := bits.Mul64(source.Uint64(), n)
		for c, v := range b.row(int(i)) {
			sums[c] += v
		}
	}
}

func (b *blocks) jackknife(statistics []statistic) [][]float64 {
	left := make([][]float64, len(statistics))
	sums := make([]int64, b.columns)
	for i := range b.len() {
		for c, v := range b.row(i) {
			sums[c] = b.total[c] - v
		}
		for s, f := range statistics {
			if v := f(sums); !math.IsNaN(v) {
				left[s] = append(left[s], v)
			}
		}
	}
	return left
}

// bca moves the tails of a percentile interval for bias and skewness: BCa, Efron and Tibshirani 1993, section 14.3, formulas
// 14.9 to 14.15. values are sorted.
func bca(values []float64, at float64, left []float64, low, high float64) (newLow, newHigh float64) {
	n := float64(len(values))
	below, _ := slices.BinarySearch(values, at)
	above := below
	for above < len(values) && values[above] == at {
		above++
	}
	share := (float64(below) + float64(above-below)/2) / n // ties count by half, so that a constant has no bias
	share = min(max(share, 0.5/n), 1-0.5/n)
	bias := normalQuantile(share)

	mean := 0.0
	for _, v := range left {
		mean += v / float64(len(left))
	}
	squares, cubes := 0.0, 0.0
	for _, v := range left {
		d := mean - v
		squares += d * d
		cubes += d * d * d
	}
	acceleration := 0.0
	if squares > 0 {
		if a := cubes / (6 * math.Pow(squares, 1.5)); !math.IsNaN(a) && !math.IsInf(a, 0) {
			acceleration = a
		}
	}
	move := func(p float64) float64 {
		z := bias + normalQuantile(p)
		// The correction breaks down far out in the tails, which only a handful of skewed blocks reach.
		return normalShare(bias + z/max(1-acceleration*z, 0.1))
	}
	return move(low), move(high)
}

// quantile interpolates between sorted values (Hyndman and Fan's type 7, the usual one).
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := min(max(int(at), 0), len(sorted)-1)
	if i+1 >= len(sorted) || sorted[i] == sorted[i+1] {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

func normalShare(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
