package load

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// searches are random ways to look for a limit.
func searches(t *rapid.T) Search {
	return Search{
		From: rapid.Float64Range(1, 50_000).Draw(t, "from"), Tolerance: rapid.Float64Range(0.01, 0.3).Draw(t, "tolerance"),
		Windows: rapid.IntRange(1, 5).Draw(t, "windows"),
	}
}

// TestSaturateFindsLimit: a server that holds up to a rate and not above it is found to, from below and within the tolerance.
func TestSaturateFindsLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := searches(t)
		limit := math.Exp(rapid.Float64Range(math.Log(o.From/500), math.Log(1e6)).Draw(t, "limit"))
		got, err := Saturate(t.Context(), o, func(_ context.Context, rate float64) (Window, error) {
			return Window{Holds: rate <= limit}, nil
		})
		if err != nil || got.Rate > limit || got.Rate*(1+o.Tolerance) < limit {
			t.Fatalf("found %v of %v, %v", got.Rate, limit, err)
		}
		if b := got.Windows[got.Best]; !b.Holds || b.Rate != got.Rate || got.Bottleneck || got.Why != "" {
			t.Errorf("best %+v, %q", b, got.Why)
		}
	})
}

// TestSaturateNoise: where windows differ, so that a limit is anywhere within a band, the answer is in the band too.
func TestSaturateNoise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := searches(t)
		limit := math.Exp(rapid.Float64Range(math.Log(o.From/400), math.Log(1e6)).Draw(t, "limit"))
		band := rapid.Float64Range(0, 0.2).Draw(t, "band")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		got, err := Saturate(t.Context(), o, func(_ context.Context, rate float64) (Window, error) {
			return Window{Holds: rate <= limit*math.Exp(band*(2*rng.Float64()-1))}, nil
		})
		low, high := limit*math.Exp(-band)/(1+o.Tolerance), limit*math.Exp(band)
		if err != nil || got.Rate < low*(1-1e-9) || got.Rate > high {
			t.Fatalf("found %v, not in %v to %v: %v", got.Rate, low, high, err)
		}
	})
}

// TestSaturateEnds: what the answer says where there is no limit to be found.
func TestSaturateEnds(t *testing.T) {
	always := func(holds, choked bool) func(context.Context, float64) (Window, error) {
		return func(_ context.Context, rate float64) (Window, error) {
			return Window{Holds: holds || choked && rate <= 3000, Bottleneck: choked}, nil
		}
	}
	for _, c := range []struct {
		name       string
		measure    func(context.Context, float64) (Window, error)
		low, high  float64
		bottleneck bool
		why        string
	}{
		{"nothing holds", always(false, false), 0, 0, false, "not even 0.976562/s holds"},
		{"all hold", always(true, false), 8000, 8000, false, "no higher rate than 8000/s was to be tried"},
		{"the generator", always(false, true), 2850, 3000, true, "above this rate the generator was the bottleneck; the server may take more"},
	} {
		got, err := Saturate(t.Context(), Search{From: 1000, Most: 8000}, c.measure)
		if err != nil || got.Rate < c.low || got.Rate > c.high || got.Bottleneck != c.bottleneck || got.Why != c.why || (got.Best < 0) != (got.Rate == 0) {
			t.Errorf("%s: %v, %+v", c.name, err, got)
		}
	}

	broken, n := errors.New("broken"), 0
	got, err := Saturate(t.Context(), Search{}, func(context.Context, float64) (Window, error) {
		if n++; n == 3 {
			return Window{}, broken
		}
		return Window{Holds: true}, nil
	})
	if !errors.Is(err, broken) || len(got.Windows) != 2 {
		t.Errorf("%v after %d windows", err, len(got.Windows))
	}
}
