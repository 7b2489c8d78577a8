package load

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
)

// days are samples of a heap of 200 MB that goes up and down by a fifth with the hour, with some noise, and leaks.
func days(leak float64, hours int) []HeapSample {
	rng := rand.New(rand.NewPCG(7, 7))
	var out []HeapSample
	for at := time.Duration(0); at < time.Duration(hours)*time.Hour; at += 20 * time.Minute {
		daily := 0.2 * math.Pow(math.Sin(math.Pi*at.Hours()/24), 2)
		heap := 200e6 * (1 + daily + leak*at.Hours()/24 + 0.001*(2*rng.Float64()-1))
		out = append(out, HeapSample{At: at, Bytes: int64(heap)})
	}
	return out
}

// TestJudgeHeap: a heap that goes up and down with the load does not grow, and one that leaks 2 % a day does.
func TestJudgeHeap(t *testing.T) {
	for _, c := range []struct {
		leak  float64
		holds bool
	}{{0, true}, {0.005, true}, {0.02, false}, {0.5, false}, {-0.1, true}} {
		g := HeapGrowth{Samples: days(c.leak, 50), Limit: 0.01}
		if err := judgeHeap(&g, 24*time.Hour, 24*time.Hour, 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		want := c.leak / (1 + c.leak*25/24) // of what it is in the middle of the first window
		if g.Holds != c.holds || math.Abs(g.Growth-want) > 0.003 || g.Before == 0 || g.How == "" {
			t.Errorf("a leak of %v a day: %+v", c.leak, g.Growth)
		}
	}
	g := HeapGrowth{Samples: days(0, 49), Limit: 0.01}
	if err := judgeHeap(&g, 24*time.Hour, 25*time.Hour, 2*time.Hour); !errors.Is(err, errFewSamples) || g.Holds {
		t.Errorf("with no sample in the second window: %v", err)
	}
}

// TestSoakOptions: what is worked out from the speed.
func TestSoakOptions(t *testing.T) {
	o := SoakOptions{Speed: 300}
	if err := o.defaults(); err != nil || o.Options.WarmUp+o.Duration != 648*time.Second || o.Every != 2400*time.Millisecond || o.Kind != "soak" {
		t.Errorf("%v: %+v", err, o)
	}
	if err := new(SoakOptions).defaults(); err == nil {
		t.Error("no speed is a speed")
	}
}

// TestTouring: every place is quoted once, at its time, among the events of the source, which are as they were.
func TestTouring(t *testing.T) {
	spec, ok := workload.Builtin("peak-day-churn")
	if !ok {
		t.Fatal("there is no workload peak-day-churn")
	}
	w, err := workload.New(spec, 3)
	if err != nil {
		t.Fatal(err)
	}
	const every = 10 * time.Second
	places := w.Destinations()[:300]
	plain := w.Events(w.Arrivals())
	s := touring(Source{Next: w.Events(w.Arrivals()).Next}, places, "the SKU", every)
	var got, want workload.Event
	asked, last := 0, time.Duration(0)
	for n := 0; n < 5_000 || asked < len(places); n++ {
		if !s.Next(&got) {
			t.Fatalf("it ends after %d events", n)
		}
		if got.Due < last {
			t.Fatalf("event %d is due at %v, after one of %v", n, got.Due, last)
		}
		last = got.Due
		if got.Number >= 0 {
			if !plain.Next(&want) || !reflect.DeepEqual(got, want) {
				t.Fatalf("event %d of the source is %+v, want %+v", n, got, want)
			}
			continue
		}
		o := engine.Order{Lines: []engine.Line{{SKU: "the SKU", Quantity: 1}}, To: places[asked]}
		asked++
		if got.Kind != workload.Quote || got.Due != time.Duration(asked)*every || !reflect.DeepEqual(got.Order, o) {
			t.Fatalf("quote %d is %+v", asked, got)
		}
	}
	if asked != len(places) {
		t.Errorf("%d of %d places", asked, len(places))
	}
}

// TestCompressed: events are due as many times as early.
func TestCompressed(t *testing.T) {
	due := time.Duration(0)
	s := compressed(Source{Next: func(e *workload.Event) bool { due += time.Hour; e.Due = due; return due < 3*time.Hour }}, 3600)
	var e workload.Event
	for i, want := range []bool{true, true, false} {
		if ok := s.Next(&e); ok != want || e.Due != time.Duration(i+1)*time.Second {
			t.Errorf("event %d is due at %v, %v", i, e.Due, ok)
		}
	}
}
