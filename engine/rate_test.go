package engine_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// TestRateIsWhatDecisionsPay rates every parcel of random decisions anew: price, zone, days and delivery are those that
// were decided.
func TestRateIsWhatDecisionsPay(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 12, Services: 8, SKUs: 30, Lines: 3, Places: 60, Classes: true})
	defer w.Close()
	rng := rand.New(rand.NewPCG(seed, 1))
	sc := w.Engine.NewScratch()
	parcels := 0
	for n := 0; parcels < 100 && n < 5_000; n++ {
		order, now := w.Order(rng, n*7_919%2_000_000)
		x, err := w.Engine.Explain(w.Stock, &order, now, sc)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Shipments {
			s := &x.Decision.Shipments[i]
			for _, p := range x.Shipments[i].Parcels {
				parcels++
				r, err := w.Engine.Rate(s.Warehouse, s.Service, &order.To, &p.Parcel.Parcel, s.ShipDate)
				if err != nil {
					t.Fatal(err)
				}
				if r.Killed != engine.None || r.Rating.Total != p.Rating.Total || r.Rating.Zone != p.Rating.Zone ||
					r.Guessed != s.Guessed || r.DeliveryDate != s.DeliveryDate {
					t.Fatalf("order %+v, parcel %+v: rated %+v, decided %+v of %+v", order, p.Parcel, r, p.Rating, s)
				}
			}
		}
	}
	if parcels < 100 {
		t.Errorf("only %d parcels", parcels)
	}
}

func TestRateSaysWhyNot(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 4, Services: 4, SKUs: 5, Places: 10})
	defer w.Close()
	day := units.Date(enginetest.Start / 86_400)
	parcel := &ratecards.Parcel{Weight: 2 * units.Pound}
	to := &engine.Destination{Postal: "10001"}
	counts := map[engine.Constraint]int{}
	for wh := range w.Snapshot.Warehouses {
		for s := range w.Snapshot.Services {
			for _, q := range []struct {
				weight units.Weight
				ship   units.Date
			}{{2 * units.Pound, day}, {2 * units.Pound, units.DateOf(1999, 1, 1)}, {5_000 * units.Pound, day}} {
				parcel.Weight = q.weight
				r, err := w.Engine.Rate(int32(wh), int32(s), to, parcel, q.ship)
				if err != nil {
					t.Fatal(err)
				}
				if (r.Killed == engine.None) != (r.Rating.Total > 0) {
					t.Errorf("warehouse %d by %d: %v and %v", wh, s, r.Killed, r.Rating.Total)
				}
				counts[r.Killed]++
			}
		}
	}
	if counts[engine.None] == 0 || counts[engine.NoCard] == 0 || counts[engine.NoPrice] == 0 {
		t.Errorf("reasons: %v", counts)
	}
}

func TestRateOfNowhere(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 1, Warehouses: 2, Services: 2, SKUs: 5, Places: 10})
	defer w.Close()
	for field, to := range map[string]engine.Destination{
		"to": {}, "to.postal_code": {Postal: "00000"}, "to.time_zone": {Postal: "10001", TimeZone: "Mars/Olympus"},
	} {
		_, err := w.Engine.Rate(0, 0, &to, &ratecards.Parcel{Weight: units.Pound}, units.Date(enginetest.Start/86_400))
		bad, ok := errors.AsType[*faults.Error](err)
		if !ok || len(bad.Faults) != 1 || bad.Faults[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
