package engine_test

import (
	"testing"

	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/units"
)

// The floors of a weight's tier are none that a parcel of that weight could cost less than, at and about every ounce.
func TestTiersAreFloors(t *testing.T) {
	for _, hard := range []bool{false, true} {
		w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 5, SKUs: 20, Places: 5})
		defer w.Close()
		e := w.Engine
		if hard {
			costlier(w.Source)
			e = engineOf(t, w.Source)
		}
		compared, lighter, step := 0, 0, units.Weight(1)
		if testing.Short() {
			step = 4
		}
		for ounces := units.Weight(0); ounces < 72*16; ounces += step {
			for _, off := range []units.Weight{-1, 0, 1, 2} {
				n, from, wrong := e.CompareTier(max(ounces*units.Ounce+off, 0))
				if wrong != "" {
					t.Fatalf("hard %v: %s", hard, wrong)
				}
				if compared += n; from {
					lighter++
				}
			}
		}
		if compared == 0 || !hard && lighter == 0 {
			t.Errorf("hard %v: %d floors compared, %d weights in tiers named by more", hard, compared, lighter)
		}
	}
}
