package lookahead_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/lookahead"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/units"
)

// corner is a world with one SKU that everybody in New York orders, of which there are few units in one warehouse near and
// many in one far.
type corner struct {
	*enginetest.World
	near, far int32
	forecast  *lookahead.Forecast
}

func newCorner(t *testing.T, here int32, change func(*network.Source)) *corner {
	t.Helper()
	w := enginetest.New(enginetest.Config{Seed: 21, Warehouses: 6, SKUs: 3, Places: 4})
	w.Close()
	for i, postal := range []string{"07102", "10451", "90012", "94102", "89501", "98101"} {
		w.Source.Warehouses[i].Postal, w.Source.Warehouses[i].Carriers = postal, nil
		w.Source.Warehouses[i].Capacity = 0
	}
	if change != nil {
		change(w.Source)
	}
	snap, err := network.Compile(w.Source, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &corner{World: w, near: 0, far: 2}
	w.Snapshot = snap
	if w.Engine, err = engine.New(snap, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Engine.Close)
	w.Stock = engine.NewStockView(3, 6)
	w.Stock.Set(0, c.near, here)
	w.Stock.Set(0, c.far, 500)
	c.forecast = &lookahead.Forecast{
		Orders: 10_000_000, Usual: 15 * units.Hour, Types: []lookahead.Type{{SKUs: []string{"s0000000"}, Weight: 1}},
		Regions: []lookahead.Region{{Country: "US", Prefix: "100", Postal: "10001", Weight: 1}},
		Every:   10, Next: units.Date(enginetest.Start / day), Cycles: 1,
	}
	return c
}

func (c *corner) refresh(t *testing.T, inbound ...lookahead.Supply) (near, far units.Money, p *engine.Prices) {
	t.Helper()
	r, err := lookahead.New(c.Engine, c.forecast, lookahead.Options{Seed: 1, First: 300})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err = r.Refresh(c.Stock, enginetest.Start, inbound)
	if err != nil {
		t.Fatal(err)
	}
	return p.Unit(0, c.near), p.Unit(0, c.far), p
}

// A unit near is worth what it spares the way from afar, where there are too few near; nothing, where there are enough, or
// where more comes in time.
func TestWhatIsScarceHasAPrice(t *testing.T) {
	t.Parallel()
	c := newCorner(t, 40, nil) // for about 100 orders
	near, far, _ := c.refresh(t)
	order := engine.Order{Lines: []engine.Line{{SKU: "s0000000", Quantity: 1}}, To: engine.Destination{Postal: "10001"}}
	bids, err := c.Engine.AppendBids(nil, &order, []uint32{1}, enginetest.Start+day, c.Engine.NewScratch())
	if err != nil {
		t.Fatal(err)
	}
	spared := bids[c.far].Cost - bids[c.near].Cost
	if near < spared*8/10 || near > spared*12/10 || far > spared/10 || spared <= 0 {
		t.Errorf("near %v, far %v; shipping from near spares %v", near, far, spared)
	}
	c.Stock.Set(0, c.near, 400)
	if near, far, _ := c.refresh(t); near > 0 || far > 0 {
		t.Errorf("prices of what there is plenty of: %v, %v", near, far)
	}
	c.Stock.Set(0, c.near, 40)
	today := units.Date(enginetest.Start / day)
	soon := lookahead.Supply{Date: today + 3, Warehouse: c.Snapshot.Warehouses[c.near].ID, SKU: "s0000000", Units: 400}
	if near, _, _ := c.refresh(t, soon); near > spared/10 {
		t.Errorf("a unit is priced at %v though more comes in three days", near)
	}
	soon.SKU = "nothing"
	if near, _, _ := c.refresh(t, soon); near < spared*8/10 {
		t.Errorf("a unit is priced at %v", near)
	}
	// Supply after the cycle makes no difference to what is left for the present one; more orders after it do.
	c.Stock.Set(0, c.near, 110)
	if near, _, _ = c.refresh(t); near > spared/3 {
		t.Errorf("about enough until supply comes, and a price of %v", near)
	}
	c.forecast.Supply = []lookahead.Supply{{Warehouse: soon.Warehouse, SKU: "s0000000", Units: 10}}
	if near, _, _ = c.refresh(t); near < spared/2 {
		t.Errorf("too little comes for the next cycle, and a price of %v", near)
	}
	// So do busy days.
	c.forecast.Supply, c.forecast.Seasons = nil, []lookahead.Season{{From: today + 2, Until: today + 6, Factor: 3 * units.WholePercent}}
	if near, _, _ = c.refresh(t); near < spared/2 {
		t.Errorf("twice the orders, and a price of %v", near)
	}
}

// A warehouse whose days are too short for all who want it has a price for a shipment, until supply comes.
func TestCapacityHasAPrice(t *testing.T) {
	t.Parallel()
	c := newCorner(t, 500, func(src *network.Source) { src.Warehouses[0].Capacity = 5 })
	_, _, p := c.refresh(t)
	today := units.Date(enginetest.Start / day)
	price := p.Shipment(c.near, 0, today+1)
	if price <= 0 || p.Shipment(c.far, 0, today+1) > 0 {
		t.Errorf("a shipment is priced at %v near, %v far", price, p.Shipment(c.far, 0, today+1))
	}
	if p.Shipment(c.near, 0, today+9) != price || p.Shipment(c.near, 0, today+10) != 0 {
		t.Errorf("then at %v, %v", p.Shipment(c.near, 0, today+9), p.Shipment(c.near, 0, today+10))
	}
	c = newCorner(t, 500, func(src *network.Source) { src.Warehouses[0].Capacity = 50 })
	if _, _, p := c.refresh(t); p.Shipment(c.near, 0, today+1) > 0 {
		t.Errorf("there is room enough, and a price of %v", p.Shipment(c.near, 0, today+1))
	}
}

// A forecast that expects too little is put right by the orders that come, seen from any number of goroutines.
func TestRefresherLearns(t *testing.T) {
	t.Parallel()
	c := newCorner(t, 20, nil)
	c.forecast.Orders = 1_000_000 // a tenth of what comes
	r, err := lookahead.New(c.Engine, c.forecast, lookahead.Options{Seed: 1, First: 300, Iterations: 100})
	if err != nil {
		t.Fatal(err)
	}
	p, report, err := r.Refresh(c.Stock, enginetest.Start, nil)
	if err != nil || p.Unit(0, c.near) > 0 || report.Volume != 1 || report.Learned != 0 {
		t.Errorf("%v: price %v, %+v", err, p.Unit(0, c.near), report)
	}
	order := engine.Order{Lines: []engine.Line{{SKU: "s0000000", Quantity: 1}, {SKU: "nothing", Quantity: 1}}, To: engine.Destination{Postal: "10002"}}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range 25 {
				r.See(&order, enginetest.Start+units.Instant(i)*day/5)
			}
		})
	}
	wg.Wait()
	r.See(&engine.Order{To: engine.Destination{Postal: "nowhere"}}, enginetest.Start) // is no reason to fall over
	now := enginetest.Start + 5*day
	p, report, err = r.Refresh(c.Stock, now, nil)
	if err != nil || p.Unit(0, c.near) < units.Currency || report.Learned != 51 || report.Volume < 2 {
		t.Errorf("%v: price %v, %+v", err, p.Unit(0, c.near), report)
	}
	if _, report, err = r.Refresh(c.Stock, now+20*day, nil); err != nil || report.Cycles != 1 { // two cycles later
		t.Errorf("%v, %+v", err, report)
	}
}

func TestWhatTheNetworkDoesNotHave(t *testing.T) {
	t.Parallel()
	c := newCorner(t, 40, nil)
	c.forecast.Types = append(c.forecast.Types, lookahead.Type{SKUs: []string{"gone", "s0000001"}, Weight: 1}, lookahead.Type{SKUs: []string{"gone"}, Weight: 1})
	c.forecast.Regions = append(c.forecast.Regions, lookahead.Region{CollectAt: "closed", Weight: 1}, lookahead.Region{Country: "US", Postal: "00000", Weight: 1})
	r, err := lookahead.New(c.Engine, c.forecast, lookahead.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"SKU gone", "warehouse closed, where buyers collect", "postal code 00000 of US"}
	if got := r.LeftOut(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	c.forecast.Types, c.forecast.Regions = c.forecast.Types[2:], c.forecast.Regions[1:]
	_, err = lookahead.New(c.Engine, c.forecast, lookahead.Options{})
	if err == nil || !strings.Contains(err.Error(), "types: ") || !strings.Contains(err.Error(), "regions: ") {
		t.Errorf("%v", err)
	}
	if _, err := lookahead.New(c.Engine, &lookahead.Forecast{}, lookahead.Options{}); err == nil {
		t.Error("an empty forecast is none")
	}
}

// A refresh that is told to stop returns what it has.
func TestRefreshStops(t *testing.T) {
	t.Parallel()
	c := newCorner(t, 40, nil)
	asked := 0
	r, err := lookahead.New(c.Engine, c.forecast, lookahead.Options{Workers: 1, Stop: func() bool { asked++; return asked > 3 }})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Refresh(c.Stock, enginetest.Start, nil); err != nil || asked < 3 || asked > 20 {
		t.Errorf("%v after %d questions", err, asked)
	}
}

// Refreshing for 50 warehouses takes time by the number of SKUs, not by its square.
func BenchmarkRefresh(b *testing.B) {
	for _, skus := range []int{250, 1_000, 4_000} {
		w := enginetest.New(enginetest.Config{Seed: 1, SKUs: skus, Stocked: 20, Lines: 3})
		f := lookahead.NewFitter(w.Snapshot)
		orders := 20 * skus
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range orders {
			o, _ := w.Order(rng, i)
			when := enginetest.Start + units.Instant(i)*month*day/units.Instant(orders)
			if o.Promise.Date != 0 {
				o.Promise.Date = units.Date(when/day) + units.Date(rng.IntN(7))
			}
			f.See(&o, when)
		}
		forecast, _, err := f.Forecast(lookahead.FitOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for _, later := range []bool{false, true} {
			name := map[bool]string{false: "first", true: "later"}[later]
			b.Run(fmt.Sprintf("%s/skus=%d", name, skus), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					r, err := lookahead.New(w.Engine, forecast, lookahead.Options{Seed: 1})
					if err != nil {
						b.Fatal(err)
					}
					if later {
						_, _, _ = r.Refresh(w.Stock, enginetest.Start+month*day, nil)
					}
					b.StartTimer()
					if _, _, err := r.Refresh(w.Stock, enginetest.Start+month*day+3_600, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		w.Close()
	}
}
