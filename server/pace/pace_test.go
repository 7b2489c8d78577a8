package pace

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-engine/allot/internal/seeds"
)

// Work within a share takes as many times longer, goes on in slices, and ends at once when it is told to.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := New(ctx, 0.25)
		began := time.Now()
		longest := time.Duration(0)
		at := began
		for range 1_000 {
			time.Sleep(3 * time.Millisecond) // work
			before := time.Now()
			if p.Stop() {
				t.Fatal("nobody told it to stop")
			}
			if time.Now() != before {
				longest = max(longest, before.Sub(at))
				at = time.Now()
			}
		}
		if took := time.Since(began); took < 11*time.Second || took > 13*time.Second {
			t.Errorf("3 s of work took %v", took)
		}
		if longest > Slice+3*time.Millisecond {
			t.Errorf("it worked for %v at a stretch", longest)
		}
		if p.Worked() < 2900*time.Millisecond || p.Worked() > 3*time.Second {
			t.Errorf("it counts %v of work", p.Worked())
		}
		time.AfterFunc(time.Millisecond, cancel)
		time.Sleep(time.Second) // a long slice, whose rest would be 3 s
		began = time.Now()
		if !p.Stop() || time.Since(began) > 0 {
			t.Errorf("it rests %v after it was told to stop", time.Since(began))
		}
	})
}

// However long the pieces of work are, from the first rest on any stretch of time that ends with a rest has at most the share
// of work, and no less than that without the slice that is under way.
func TestShareOfAnyPieces(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, share := range []float64{0.01, 0.125, 0.25, 0.5, 0.9, 1, 3} {
		synctest.Test(t, func(t *testing.T) {
			p := New(t.Context(), share)
			began, worked := time.Now(), time.Duration(0)
			for range 500 {
				piece := time.Duration(rng.Int64N(int64(time.Millisecond) << rng.IntN(10)))
				time.Sleep(piece)
				worked += piece
				before := time.Now()
				p.Stop()
				if time.Now() == before {
					continue
				}
				of := time.Since(began)
				if got := float64(worked) / float64(of); got > share*1.000001 || got < share*0.999999 {
					t.Fatalf("share %v: %v of work in %v", share, worked, of)
				}
			}
			if took := time.Since(began); share >= 1 && took != worked {
				t.Errorf("share %v: %v of work took %v", share, worked, took)
			}
		})
	}
}

// What is spent waiting is not rested for.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(t.Context(), 0.5)
		time.Sleep(time.Hour)
		p.Idle()
		began := time.Now()
		if p.Stop(); time.Since(began) != 0 {
			t.Errorf("it rests %v for nothing", time.Since(began))
		}
		time.Sleep(time.Second)
		began = time.Now()
		if p.Stop(); time.Since(began) != time.Second {
			t.Errorf("it rests %v for a second of work", time.Since(began))
		}
	})
}
