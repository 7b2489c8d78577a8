package cutoffs_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/simulate/cutoffs"
	"github.com/allot-engine/allot/units"
)

// somewhere is n places of the United States, near each other and far apart, some of them twice.
func somewhere(rng *rand.Rand, n int) (places []cutoffs.Place) {
	us := geo.US()
	for len(places) < n {
		at := rng.IntN(us.Len())
		for range 1 + rng.IntN(4) {
			row := geo.Row(min(at+rng.IntN(8), us.Len()-1))
			places = append(places, cutoffs.Place{Country: "US", Postal: us.Postal(row), Orders: 1 + rng.Int64N(9)})
		}
	}
	return places
}

// TestRowsAreWhatTheEngineSays works every row out again: for each region, service and warehouse by going through all cut-offs of
// all of its places.
func TestRowsAreWhatTheEngineSays(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 5, Services: 6, SKUs: 5, Places: 5})
	defer w.Close()
	us, sc := geo.US(), w.Engine.NewScratch()
	q := &cutoffs.Question{
		Lines: []engine.Line{{SKU: w.Source.SKUs[0].ID, Quantity: 2}}, By: units.DateOf(2026, 10, 20), Places: somewhere(rng, 60), EachPlace: true,
	}
	a, err := cutoffs.Work(t.Context(), w.Engine, q)
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string]int64{}
	for _, p := range q.Places {
		weights[p.Postal] += p.Orders
	}
	by := map[string][]engine.Cutoff{}
	for postal := range weights {
		order := engine.Order{Lines: q.Lines, Promise: engine.Promise{Date: q.By}, To: engine.Destination{Postal: postal}}
		if by[postal], err = w.Engine.AppendCutoffs(nil, &order, sc); err != nil {
			t.Fatal(err)
		}
	}
	within := func(r *cutoffs.Row, postal string) bool {
		row, _ := us.Lookup("US", postal)
		switch r.Level {
		case cutoffs.LevelState:
			return us.Region(row) == r.Region
		case cutoffs.LevelArea:
			return postal[:3] == r.Region
		case cutoffs.LevelPlace:
			return postal == r.Region
		}
		return true
	}
	kinds := map[string]int{}
	for i := range a.Rows {
		r := &a.Rows[i]
		kinds[r.Level]++
		places, served, orders, weight := 0, 0, int64(0), int64(0)
		var all, some units.Instant
		least, most, sum := units.Money(0), units.Money(0), units.Money(0)
		for postal, list := range by {
			if !within(r, postal) {
				continue
			}
			places++
			orders += weights[postal]
			var best *engine.Cutoff
			for j := range list {
				c := &list[j]
				if r.Service != "" && w.Snapshot.Services[c.Service].ID != r.Service || r.Warehouse != "" && w.Snapshot.Warehouses[c.Warehouse].ID != r.Warehouse {
					continue
				}
				if best == nil || c.At > best.At || c.At == best.At && c.Cost < best.Cost {
					best = c
				}
			}
			if best == nil {
				continue
			}
			if served++; served == 1 {
				all, some, least, most = best.At, best.At, best.Cost, best.Cost
			}
			weight += weights[postal]
			all, some, least, most = min(all, best.At), max(some, best.At), min(least, best.Cost), max(most, best.Cost)
			sum += best.Cost * units.Money(weights[postal])
		}
		if r.Places != places || r.Served != served || r.Orders != orders || r.Weight != weight {
			t.Fatalf("%v: %d of %d places, %d of %d orders, not %+v", r, served, places, weight, orders, *r)
		}
		if served == 0 {
			continue
		}
		off := r.Mean*units.Money(weight) - sum
		if r.All.At != all || r.Some.At != some || r.Least != least || r.Most != most || max(off, -off) > units.Cent*units.Money(weight) {
			t.Fatalf("%v until %v, some until %v, %v to %v, %v in all, not %+v", r, all, some, least, most, sum, *r)
		}
	}
	if kinds[cutoffs.LevelAll] == 0 || kinds[cutoffs.LevelState] == 0 || kinds[cutoffs.LevelArea] == 0 || kinds[cutoffs.LevelPlace] == 0 {
		t.Errorf("rows: %v", kinds)
	}
}

// The answer is the same, to the byte, whatever the number of goroutines and the order of the places.
func TestAnswersAreTheSameOnAllCores(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	w := enginetest.New(enginetest.Config{Seed: 2, Warehouses: 5, Services: 6, SKUs: 5, Places: 5})
	defer w.Close()
	places := somewhere(rng, 40)
	var want []byte
	for _, workers := range []int{1, 2, 7} {
		q := &cutoffs.Question{
			Lines: []engine.Line{{SKU: w.Source.SKUs[0].ID, Quantity: 1}}, By: units.DateOf(2026, 10, 20), Places: slices.Clone(places), Workers: workers,
		}
		rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		told := 0
		q.Progress = func(done, _ int) { told = done }
		a, err := cutoffs.Work(t.Context(), w.Engine, q)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := a.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		if err := a.WriteJSON(&b, "v", "1 thing"); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = b.Bytes()
		}
		if !bytes.Equal(b.Bytes(), want) || told != a.Places {
			t.Errorf("%d workers give another answer; %d of %d places told of", workers, told, a.Places)
		}
	}
}

// TestChristmasOfTheExample decides orders at the cut-offs of the example network, and a second later.
func TestChristmasOfTheExample(t *testing.T) {
	src, err := network.Read(os.DirFS("../../examples/us-parcel"))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := network.Compile(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(snap, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	q := &cutoffs.Question{Lines: []engine.Line{{SKU: src.SKUs[0].ID, Quantity: 1}}, By: units.DateOf(2026, 12, 24), EachPlace: true}
	for _, postal := range []string{"10001", "60602", "99501", "96799", "83712", "09001"} {
		q.Places = append(q.Places, cutoffs.Place{Postal: postal, Orders: 1})
	}
	a, err := cutoffs.Work(t.Context(), e, q)
	if err != nil {
		t.Fatal(err)
	}
	sc := e.NewScratch()
	decided := 0
	for i := range a.Rows {
		r := &a.Rows[i]
		if r.Level != cutoffs.LevelPlace || r.Service == "" || r.Warehouse == "" {
			continue
		}
		if r.All != r.Some || r.Least != r.Most || r.Served != 1 || r.All.Service != r.Service || r.All.Warehouse != r.Warehouse {
			t.Fatalf("%+v is of one lane to one place", *r)
		}
		only := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
		wh, _ := snap.Warehouse(r.Warehouse)
		sku, _ := snap.SKUs.Row(src.SKUs[0].ID)
		only.Set(sku, wh, 1)
		o := engine.Order{Lines: q.Lines, To: engine.Destination{Postal: r.Region}, Promise: engine.Promise{Date: q.By}, Services: []string{r.Service}}
		for later := range units.Instant(2) {
			var d engine.Decision
			if err := e.Decide(only, &o, r.All.At+later, sc, &d); err != nil {
				t.Fatal(err)
			}
			if (d.Outcome == engine.Planned) != (later == 0) {
				t.Fatalf("%v, %d s after the cut-off: %v", r, later, d.Outcome)
			}
			if later == 0 && (d.Cost != r.Least || d.Shipments[0].ShipDate != r.All.ShipDate || d.Shipments[0].DeliveryDate != r.All.DeliveryDate || r.All.DeliveryDate > q.By) {
				t.Fatalf("%v: %+v", r, d)
			}
		}
		decided++
	}
	if decided < 200 {
		t.Errorf("only %d lanes", decided)
	}
}

func TestWhatIsWritten(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 2, Warehouses: 3, Services: 3, SKUs: 5, Places: 5})
	defer w.Close()
	q := &cutoffs.Question{Lines: []engine.Line{{SKU: w.Source.SKUs[0].ID, Quantity: 1}}, By: units.DateOf(2026, 10, 20), Places: []cutoffs.Place{{Postal: "10001"}, {Postal: "99501"}}}
	a, err := cutoffs.Work(t.Context(), w.Engine, q)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := a.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(table) != len(a.Rows)+1 {
		t.Fatalf("%d lines for %d rows: %v", len(table), len(a.Rows), err)
	}
	if err := a.WriteJSON(&b, "v1", "one"); err != nil {
		t.Fatal(err)
	}
	var back struct {
		NetworkVersion, DeliverBy, Content string
		Rows                               []struct {
			Level, Region string
			Served        int
			AllUntil      *struct{ Local, UTC string }
		}
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.NetworkVersion != "v1" || back.DeliverBy != "2026-10-20" || back.Content != "one" || len(back.Rows) != len(a.Rows) {
		t.Fatalf("%+v: %v", back, err)
	}
	unreached := 0
	for i, r := range back.Rows {
		row := table[i+1]
		if row[0] != r.Level || row[1] != r.Region || row[6] != strconv.Itoa(r.Served) || (r.AllUntil == nil) != (r.Served == 0) {
			t.Errorf("%v is %+v in JSON", row, r)
		}
		if r.AllUntil == nil {
			unreached++
			continue
		}
		if row[9] != r.AllUntil.UTC || row[10] != r.AllUntil.Local || row[10] == row[9] {
			t.Errorf("%v is %+v in JSON", row, *r.AllUntil)
		}
	}
	if unreached == 0 {
		t.Error("Alaska, which these zones do not tell of, is reached")
	}
}

func TestWorkFails(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 2, Warehouses: 3, Services: 3, SKUs: 5, Places: 5})
	defer w.Close()
	q := &cutoffs.Question{Lines: []engine.Line{{SKU: w.Source.SKUs[0].ID, Quantity: 1}}, By: units.DateOf(2026, 10, 20), Places: []cutoffs.Place{{Postal: "00000"}, {Postal: "10001"}}}
	if _, err := cutoffs.Work(t.Context(), w.Engine, q); err == nil {
		t.Error("no such place, and no error")
	} else if _, ok := errors.AsType[*faults.Error](err); !ok {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cutoffs.Work(ctx, w.Engine, q); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
