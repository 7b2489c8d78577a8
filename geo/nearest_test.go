package geo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// nearestFirstNaive orders by picking the nearest of the rest again and again.
func nearestFirstNaive(from Unit, units []Unit) (order []int32) {
	taken := make([]bool, len(units))
	for range units {
		best := -1
		for i, u := range units {
			if !taken[i] && (best < 0 || from.Dot(u) > from.Dot(units[best])) {
				best = i
			}
		}
		taken[best] = true
		order = append(order, int32(best))
	}
	return order
}

func TestNearestFirstMatchesNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := anyPoint().Draw(t, "from")
		points := rapid.SliceOfN(anyPoint(), 0, 40).Draw(t, "points")
		if len(points) > 1 {
			points = append(points, points[0]) // equally near: the lower index first
		}
		if rapid.Bool().Draw(t, "many") {
			for len(points) > 0 && len(points) <= nearestOnStack {
				points = append(points, points...)
			}
		}
		units := make([]Unit, len(points))
		for i, p := range points {
			units[i] = p.Unit()
		}
		got := NearestFirst([]int32{-7}, from.Unit(), units)
		if got[0] != -7 || !slices.Equal(got[1:], nearestFirstNaive(from.Unit(), units)) {
			t.Fatalf("got %v, want %v", got, nearestFirstNaive(from.Unit(), units))
		}
		for i := 2; i < len(got); i++ {
			near, far := Kilometres(from, points[got[i-1]]), Kilometres(from, points[got[i]])
			if near > far+0.0005 {
				t.Fatalf("%v km comes before %v km", near, far)
			}
		}
	})
}

// randomUnits returns n vectors in the contiguous United States, more or less.
func randomUnits(n int) []Unit {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	units := make([]Unit, n)
	for i := range units {
		units[i] = Point{25 + 24*rng.Float64(), -124 + 57*rng.Float64()}.Unit()
	}
	return units
}

func TestNearestFirstDoesNotAllocate(t *testing.T) {
	units, dst := randomUnits(nearestOnStack), make([]int32, 0, nearestOnStack)
	from := Point{40, -100}.Unit()
	if n := testing.AllocsPerRun(100, func() { dst = NearestFirst(dst[:0], from, units) }); n != 0 {
		t.Errorf("%v allocations for %d units", n, len(units))
	}
}

func BenchmarkNearestFirst(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("points=%d", n), func(b *testing.B) {
			units, dst := randomUnits(n), make([]int32, 0, n)
			from := Point{40, -100}.Unit()
			b.ReportAllocs()
			for b.Loop() {
				dst = NearestFirst(dst[:0], from, units)
			}
		})
	}
}

// BenchmarkDistance sets haversine beside the dot product of vectors made beforehand.
func BenchmarkDistance(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		units := randomUnits(n)
		points := make([]Point, n)
		for i, u := range units {
			points[i] = u.Point()
		}
		from := Point{40, -100}
		b.Run(fmt.Sprintf("haversine/points=%d", n), func(b *testing.B) {
			sum := 0.0
			for b.Loop() {
				sum += sumKilometres(from, points)
			}
			reportPoints(b, n, sum)
		})
		b.Run(fmt.Sprintf("dot/points=%d", n), func(b *testing.B) {
			sum := 0.0
			for b.Loop() {
				sum += sumDots(from, units)
			}
			reportPoints(b, n, sum)
		})
	}
}

// sumKilometres and sumDots stand apart from the benchmark because calls within b.Loop are not inlined.
func sumKilometres(from Point, points []Point) (sum float64) {
	for _, p := range points {
		sum += Kilometres(from, p)
	}
	return sum
}

func sumDots(from Point, units []Unit) (sum float64) {
	u := from.Unit()
	for i := range units {
		sum += u.Dot(units[i])
	}
	return sum
}

func reportPoints(b *testing.B, n int, sum float64) {
	b.Helper()
	if sum == 0 {
		b.Fatal("no distances")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/point")
}
