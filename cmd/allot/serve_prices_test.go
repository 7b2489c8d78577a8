package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A long search within a share of a quarter takes four times as long, works in slices, and ends soon after it is told to.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &pacer{share: 0.25}
		p.begin(ctx)
		began := time.Now()
		longest := time.Duration(0)
		at := began
		for range 1_000 {
			time.Sleep(3 * time.Millisecond) // work
			before := time.Now()
			if p.stop() {
				t.Fatal("nobody told it to stop")
			}
			if time.Now() != before {
				longest = max(longest, before.Sub(at))
				at = time.Now()
			}
		}
		took := time.Since(began)
		if took < 11*time.Second || took > 13*time.Second {
			t.Errorf("3 s of work took %v", took)
		}
		if longest > slice+3*time.Millisecond {
			t.Errorf("it worked for %v at a stretch", longest)
		}
		if p.worked < 2900*time.Millisecond || p.worked > 3*time.Second {
			t.Errorf("it counts %v of work", p.worked)
		}
		time.AfterFunc(time.Millisecond, cancel)
		time.Sleep(time.Second) // a long slice, whose rest would be 3 s
		began = time.Now()
		if !p.stop() || time.Since(began) > 0 {
			t.Errorf("it rests %v after it was told to stop", time.Since(began))
		}
	})
}

// Prices are made at once and then on schedule; one that takes longer than that is followed by the next at once.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour-time.Minute)
		defer cancel()
		zero := time.Now()
		var began []time.Duration
		takes := []time.Duration{time.Minute, 0, 150 * time.Minute, time.Minute}
		schedule(ctx, time.Hour, func(context.Context) {
			began = append(began, time.Since(zero))
			if n := len(began) - 1; n < len(takes) {
				time.Sleep(takes[n])
			}
		})
		want := []int{0, 60, 120, 270, 330, 390, 450, 510, 570} // minutes
		if len(began) != len(want) {
			t.Fatalf("it began at %v", began)
		}
		for i := range want {
			if minutes := int(began[i] / time.Minute); minutes != want[i] {
				t.Errorf("number %d began after %v, want %d minutes", i, began[i], want[i])
			}
		}
		if time.Since(zero) != 10*time.Hour-time.Minute {
			t.Errorf("it ended after %v", time.Since(zero))
		}
	})
}
