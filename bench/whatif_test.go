package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// latest returns the order that was decided last.
func (r *Runner) latest() int { return (r.next + len(r.f.orders) - 1) % len(r.f.orders) }

// BenchmarkWhatIf measures what a replay asks of the engine beside each decision, on the orders of BenchmarkDecide, half
// stocked: what is asked takes cpu-ns/asked, and the decision that it follows, measured in between, cpu-ns/decided. An op is
// every order decided twice, and asked about once.
func BenchmarkWhatIf(b *testing.B) {
	asked := []struct {
		name string
		of   func(r *Runner) func()
	}{
		{"runnerup", func(r *Runner) func() {
			return func() { r.scratch.RunnerUp(&r.d) }
		}},
		{"itemise", func(r *Runner) func() {
			var costs []units.Money
			return func() {
				i := r.latest()
				costs = must(r.f.engine.Itemise(&r.f.orders[i], &r.d, r.scratch, costs[:0]))
			}
		}},
		{"facts", func(r *Runner) func() {
			var facts []engine.Facts
			return func() {
				i := r.latest()
				facts = must(r.f.engine.Facts(&r.f.orders[i], &r.d, r.scratch, facts[:0]))
			}
		}},
		{"account", func(r *Runner) func() {
			var costs []units.Money
			var facts []engine.Facts
			return func() {
				i := r.latest()
				var err error
				if costs, facts, err = r.f.engine.Account(&r.f.orders[i], &r.d, r.f.nows[i], r.scratch, costs[:0], facts[:0]); err != nil {
					panic(err)
				}
			}
		}},
		{"unlimited", func(r *Runner) func() {
			free := engine.Unlimited(r.f.engine.Snapshot())
			var d engine.Decision
			return func() {
				i := r.latest()
				must(0, r.f.engine.Decide(free, &r.f.orders[i], r.f.nows[i], r.scratch, &d))
			}
		}},
	}
	for _, warehouses := range []int{50, 1_000} {
		f := NewField(1, warehouses, false)
		for _, a := range asked {
			b.Run(fmt.Sprintf("%s/warehouses=%d", a.name, warehouses), func(b *testing.B) {
				r := f.Runner(1, 50)
				ask := a.of(r)
				b.ReportAllocs()
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				var alone, both time.Duration
				spend := func(f func()) time.Duration {
					cpu := cputime.Thread()
					for range Orders {
						f()
					}
					return cputime.Thread() - cpu
				}
				for b.Loop() {
					alone += spend(r.Decide)
					both += spend(func() { r.Decide(); ask() })
				}
				n := float64(b.N) * Orders
				b.ReportMetric(float64(both-alone)/n, "cpu-ns/asked")
				b.ReportMetric(float64(alone)/n, "cpu-ns/decided")
			})
		}
		f.Close()
	}
}
