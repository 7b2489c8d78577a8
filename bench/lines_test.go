package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
)

// BenchmarkLines measures decisions of orders of more and more lines: 50 warehouses, 12 services, 50 places, up to six
// shipments. It reports quantiles of the processor time of a decision, the share that is proven optimal, and the mean
// of the gaps, in percent of the cost.
func BenchmarkLines(b *testing.B) {
	for _, stocked := range []int{50, 25} {
		for _, lines := range []int{3, 5, 8, 12, 16, 20, 30, 50} {
			b.Run(fmt.Sprintf("stocked=%d/lines=%d", stocked, lines), func(b *testing.B) {
				w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 50, SKUs: 1_000, Lines: -lines, Places: 50, Stocked: stocked,
					Policy: network.PolicySource{MaxShipments: 6}})
				defer w.Close()
				rng := rand.New(rand.NewPCG(1, uint64(lines)))
				sc := w.Engine.NewScratch()
				var d engine.Decision
				var took []time.Duration
				var gaps, optimal, cost, planned float64
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				decide := func(i int) {
					o, now := w.Order(rng, i*301)
					from := ThreadCPU()
					if err := w.Engine.Decide(w.Stock, &o, now, sc, &d); err != nil {
						b.Fatal(err)
					}
					took = append(took, ThreadCPU()-from)
				}
				for i := range 50 { // until the lanes are warm
					decide(i)
				}
				took = took[:0]
				for i := 0; b.Loop(); i++ {
					decide(i)
					if d.Outcome != engine.Planned {
						continue
					}
					planned++
					cost += float64(d.Cost)
					gaps += float64(d.Certificate.Gap) / float64(d.Cost)
					if d.Certificate.Status == engine.Optimal {
						optimal++
					}
				}
				slices.Sort(took)
				at := func(percent int) float64 {
					return float64(took[min(len(took)*percent/100, len(took)-1)].Microseconds())
				}
				b.ReportMetric(at(50), "p50-µs")
				b.ReportMetric(at(99), "p99-µs")
				b.ReportMetric(100*optimal/max(planned, 1), "optimal-%")
				b.ReportMetric(100*gaps/max(planned, 1), "gap-%")
				b.ReportMetric(cost/max(planned, 1)/1e6, "cost")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
