package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
)

const parcelDir = "../../examples/us-parcel"

// BenchmarkDecide decides the orders of each field that the solvers are put beside, and no others: orders whose cheapest plan
// has several shipments. It reports processor time, which other work on the machine does not lengthen.
func BenchmarkDecide(b *testing.B) {
	sparse := usualWorld
	sparse.Stocked = scarce
	for _, made := range []struct {
		name string
		cfg  enginetest.Config
	}{{"stocked=50", usualWorld}, {"stocked=15", sparse}} {
		b.Run(made.name, func(b *testing.B) {
			f := drawn(b, made.cfg, 200)
			defer f.close()
			benchmarkField(b, f)
		})
	}
	b.Run("us-parcel", func(b *testing.B) {
		if !exists(parcelDir) {
			b.Skip("there is no directory " + parcelDir)
		}
		f, err := parcel()
		if err != nil {
			b.Fatal(err)
		}
		benchmarkField(b, f)
	})
}

// parcel reads us-parcel once for all runs: it takes longer than they do.
var parcel = sync.OnceValues(func() (*field, error) { return newParcel(context.Background(), parcelDir, 200) })

// drawn is newMade without prices for others.
func drawn(b *testing.B, cfg enginetest.Config, orders int) *field {
	b.Helper()
	w := enginetest.New(cfg)
	f := &field{engine: w.Engine, scratch: w.Engine.NewScratch(), stock: w.Stock, close: w.Close}
	rng := rand.New(rand.NewPCG(cfg.Seed, 3))
	var d engine.Decision
	for i := 0; len(f.orders) < orders; i++ {
		if i == 1_000*(orders+1) {
			b.Fatalf("only %d of %d orders need a split", len(f.orders), i)
		}
		o, now := w.Order(rng, i)
		if err := w.Engine.Decide(w.Stock, &o, now, f.scratch, &d); err != nil {
			b.Fatal(err)
		}
		if d.Outcome == engine.Planned && len(d.Shipments) > 1 {
			f.orders, f.nows = append(f.orders, o), append(f.nows, now)
		}
	}
	return f
}

func benchmarkField(b *testing.B, f *field) {
	var d engine.Decision
	for range 3 {
		for i := range f.orders {
			f.decide(i, &d)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	b.ResetTimer()
	began, states, scored := cputime.Thread(), int64(0), int64(0)
	for i := range b.N {
		f.decide(i%len(f.orders), &d)
		states, scored = states+d.Certificate.States, scored+d.Certificate.Scored
	}
	b.ReportMetric(float64((cputime.Thread()-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(states)/float64(b.N), "states/op")
	b.ReportMetric(float64(scored)/float64(b.N), "scored/op")
}
