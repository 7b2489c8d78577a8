package engine_test

import (
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/units"
)

// An engine whose cache of lanes holds nothing decides as one that holds everything, and keeps nothing beside it.
func TestFullLaneCache(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, SKUs: 50, Places: 20})
	defer w.Close()
	sc := w.Engine.NewScratch()
	full, err := engine.New(w.Snapshot, engine.Options{LaneCacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	other := full.NewScratch()
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 200 {
		o, now := w.Order(rng, i)
		var a, b engine.Decision
		if err := w.Engine.Decide(w.Stock, &o, now, sc, &a); err != nil {
			t.Fatal(err)
		}
		if err := full.Decide(w.Stock, &o, now, other, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("order %d: %+v, with a full cache %+v", i, a, b)
		}
	}
	if n := w.Engine.SeenPlaces(); n == 0 || n > 20 {
		t.Errorf("%d places of 20 are at hand", n)
	}
	if n := full.SeenPlaces(); n != -1 {
		t.Errorf("%d places are at hand that the cache turned away", n)
	}
}

// Several who ask for the same place at once all work it out, and the cache takes one of them: that is no sign of being full.
func TestPlacesSeenAtOnce(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 2, SKUs: 50, Places: 200})
	defer w.Close()
	rng := rand.New(rand.NewPCG(2, 1))
	orders := make([]engine.Order, 300)
	var now units.Instant
	for i := range orders {
		orders[i], now = w.Order(rng, i)
		orders[i].Promise = engine.Promise{}
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			sc := w.Engine.NewScratch()
			var d engine.Decision
			for i := range orders {
				if err := w.Engine.Decide(w.Stock, &orders[i], now, sc, &d); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := w.Engine.SeenPlaces(); n < 1 || n > 200 {
		t.Errorf("%d places of 200 are at hand", n)
	}
}
