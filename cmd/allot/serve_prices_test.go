package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

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
