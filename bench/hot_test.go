package bench

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/engine/enginetest"
)

// What the benchmarks sweep. The naive version stops at naiveUpTo warehouses, where a decision takes it milliseconds.
var (
	sizes     = []int{10, 50, 100, 1_000, 10_000}
	stockings = []int{5, 30, 50, 100}
	naiveUpTo = 1_000
)

// BenchmarkDecide measures one decision of the engine: 2 lines, 12 services, a warm lane cache, orders that come a
// second apart and go to 2,000 places.
func BenchmarkDecide(b *testing.B) {
	sweep(b, 10_000, func(r *Runner) func() { return r.Decide })
}

// BenchmarkNaive measures the naive version on the same orders.
func BenchmarkNaive(b *testing.B) {
	sweep(b, naiveUpTo, func(r *Runner) func() {
		r.PrepareNaive()
		return r.DecideNaively
	})
}

// sweep measures what prepare returns for every size and stock level.
func sweep(b *testing.B, upTo int, prepare func(*Runner) func()) {
	for _, warehouses := range sizes {
		if warehouses > upTo {
			return
		}
		var f *Field
		for _, stocked := range stockings {
			b.Run(fmt.Sprintf("warehouses=%d/stocked=%d", warehouses, stocked), func(b *testing.B) {
				if f == nil { // not for sizes that -bench leaves out
					f = NewField(1, warehouses, false)
				}
				r := f.Runner(1, stocked)
				decide := prepare(r)
				b.ReportAllocs()
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				cpu := cputime.Thread()
				for b.Loop() {
					decide()
				}
				spent, n := cputime.Thread()-cpu, float64(b.N)
				b.ReportMetric(float64(spent)/n, "cpu-ns/op")
				b.ReportMetric(n/spent.Seconds(), "orders/cpu-s")
				b.ReportMetric(float64(r.Splits)/n, "split/op") // 0 for the naive version, which always tries
			})
		}
		if f != nil {
			f.Close()
		}
	}
}

// TestDecideAllocatesNothing holds the promise that the benchmarks measure: in steady state a decision of the engine
// allocates nothing, whether one warehouse ships the order or several do. What is let pass is one allocation in 256
// decisions: the lane cache notes its hits in buffers of 512, and allocates a new one when it has taken one over.
func TestDecideAllocatesNothing(t *testing.T) {
	if enginetest.RaceDetector {
		t.Skip("the race detector makes pools forget, and those of the lane cache then allocate")
	}
	for _, size := range []struct{ warehouses, stocked int }{{50, 50}, {50, 5}, {200, 30}} {
		f := NewField(1, size.warehouses, false)
		r := f.Runner(1, size.stocked)
		all := func() {
			for range Orders {
				r.Decide()
			}
		}
		for range 3 {
			all()
		}
		if n := testing.AllocsPerRun(3, all); n > Orders/256 {
			t.Errorf("%d warehouses, %d %% stocked: %v allocations in %d decisions", size.warehouses, size.stocked, n, Orders)
		}
		if r.Splits == 0 {
			t.Errorf("%d warehouses, %d %% stocked: no plan has several shipments", size.warehouses, size.stocked)
		}
		f.Close()
	}
}
