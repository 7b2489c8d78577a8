package lookahead_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/lookahead"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

const (
	day   = units.Instant(86_400)
	month = 28
)

// A season is a world, four weeks of orders from which to forecast, and a week of orders of the same kind for which there
// is little more in stock than they want.
type season struct {
	world    *enginetest.World
	forecast *lookahead.Forecast
	orders   []engine.Order
	at       []units.Instant
	stock    []int32 // [sku*warehouses+w] at the beginning of the week
	began    units.Instant
}

// Orders leave out half of the services, so that the promise matters, and what they want is little of much and much of little.
func newSeason(t *testing.T, seed uint64, warehouses, skus, orders int) *season {
	t.Helper()
	w := enginetest.New(enginetest.Config{
		Seed: seed, Warehouses: warehouses, SKUs: skus, Services: 6, Places: 60, Lines: 2, Promised: 50, Policy: network.PolicySource{MaxShipments: 3},
	})
	t.Cleanup(w.Close)
	s := &season{world: w, began: enginetest.Start + month*day}
	rng := rand.New(rand.NewPCG(seed, 5))
	draw := func(at units.Instant) engine.Order {
		o, _ := w.Order(rng, 0)
		for i := range o.Lines {
			x := rng.Float64()
			o.Lines[i].SKU = w.Snapshot.SKUs.IDs[int(x*x*float64(skus))]
		}
		if o.Promise.Date != 0 {
			o.Promise.Date = units.Date(at/day) + 2 + units.Date(rng.IntN(6))
		}
		return o
	}
	f := lookahead.NewFitter(w.Snapshot)
	want := make([]int32, skus)
	for i := range orders * 5 {
		at := enginetest.Start + units.Instant(i)*35*day/units.Instant(orders*5)
		o := draw(at)
		if at < s.began {
			if !f.See(&o, at) {
				t.Fatalf("order %+v is not counted", o)
			}
			for _, l := range o.Lines {
				row, _ := w.Snapshot.SKUs.Row(l.SKU)
				want[row] += int32(l.Quantity)
			}
			continue
		}
		s.orders, s.at = append(s.orders, o), append(s.at, at)
	}
	var err error
	if s.forecast, _, err = f.Forecast(lookahead.FitOptions{Every: 7, Next: units.Date(s.began / day)}); err != nil {
		t.Fatal(err)
	}
	s.stock = make([]int32, skus*warehouses)
	for sku, n := range want {
		n = n/4*11/10 + 2 // a week's, and a tenth more
		for range n {
			s.stock[sku*warehouses+rng.IntN(warehouses)]++
		}
	}
	return s
}

// lost is what an order that cannot be filled counts for.
const lost = 40 * units.Currency

// play decides the week with what prices returns at the beginning of each day, and returns what it truly cost.
func (s *season) play(t *testing.T, prices func(stock *engine.StockView, now units.Instant) *engine.Prices) (cost units.Money, refused int) {
	t.Helper()
	w := s.world
	width := len(w.Snapshot.Warehouses)
	for c, n := range s.stock {
		w.Stock.Set(int32(c/width), int32(c%width), n)
	}
	w.Stock.Prices = nil
	sc := w.Engine.NewScratch()
	var d engine.Decision
	next := s.began
	for i := range s.orders {
		now := s.at[i]
		if now >= next && prices != nil {
			w.Stock.Prices = prices(w.Stock, now)
			next += day
		}
		if err := w.Engine.Decide(w.Stock, &s.orders[i], now, sc, &d); err != nil {
			t.Fatal(err)
		}
		if d.Outcome != engine.Planned {
			cost, refused = cost+lost, refused+1
			continue
		}
		cost += d.Cost - d.Prices()
		for _, sh := range d.Shipments {
			for _, it := range sh.Items {
				w.Stock.Set(it.SKU, sh.Warehouse, w.Stock.Available[int(it.SKU)*w.Stock.Stride+int(sh.Warehouse)]-it.Quantity)
			}
		}
	}
	return cost, refused
}

func (s *season) refresher(t *testing.T, opt lookahead.Options) func(stock *engine.StockView, now units.Instant) *engine.Prices {
	t.Helper()
	r, err := lookahead.New(s.world.Engine, s.forecast, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.LeftOut()) > 0 {
		t.Errorf("left out: %v", r.LeftOut())
	}
	return func(stock *engine.StockView, now units.Instant) *engine.Prices {
		p, _, err := r.Refresh(stock, now, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// shuffled moves the prices of each SKU to other warehouses, at random.
func shuffled(t *testing.T, rng *rand.Rand, snap *network.Snapshot, p *engine.Prices) *engine.Prices {
	t.Helper()
	to := make([]int32, len(snap.Warehouses))
	var rows []engine.PriceRow
	last := int32(-1)
	for r := range p.Rows() {
		if r.SKU != last {
			last = r.SKU
			for i := range to {
				to[i] = int32(i)
			}
			rng.Shuffle(len(to), func(i, j int) { to[i], to[j] = to[j], to[i] })
		}
		r.Warehouse = to[r.Warehouse]
		rows = append(rows, r)
	}
	out, err := engine.NewPrices(snap, rows)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A week decided with prices costs less, truly, than one decided without; with the same prices in the wrong places it does not.
func TestPricesSaveMoney(t *testing.T) {
	t.Parallel()
	seed := uint64(1) // a season is a lot, and some save little; over many it is sure
	var myopic, priced, wrong units.Money
	var refusedMyopic, refusedPriced int
	seasons, orders := 2, 1_000
	if testing.Short() {
		seasons, orders = 1, 700
	} else if os.Getenv("ALLOT_LONG") != "" {
		seed, seasons = seeds.New(t), 8
	}
	t.Logf("seed %d", seed)
	for i := range seasons {
		s := newSeason(t, seed+uint64(i), 8, 30, orders)
		cost, refused := s.play(t, nil)
		myopic, refusedMyopic = myopic+cost, refusedMyopic+refused
		opt := lookahead.Options{Seed: 1, First: 120, Iterations: 30, Futures: 8}
		refresh := s.refresher(t, opt)
		cost, refused = s.play(t, refresh)
		priced, refusedPriced = priced+cost, refusedPriced+refused
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		again := s.refresher(t, opt)
		cost, _ = s.play(t, func(stock *engine.StockView, now units.Instant) *engine.Prices {
			return shuffled(t, rng, s.world.Snapshot, again(stock, now))
		})
		wrong += cost
	}
	t.Logf("myopic %v (%d refused), priced %v (%d), shuffled %v", myopic, refusedMyopic, priced, refusedPriced, wrong)
	if priced > myopic-myopic/200 {
		t.Errorf("prices save %v of %v", myopic-priced, myopic)
	}
	if wrong < myopic-myopic/200 {
		t.Errorf("prices in the wrong places save %v of %v", myopic-wrong, myopic)
	}
}

// The same arguments give the same prices, whatever the number of goroutines.
func TestPricesAreReproducible(t *testing.T) {
	t.Parallel()
	s := newSeason(t, 11, 5, 12, 200)
	var versions []string
	for _, workers := range []int{1, 1, 3} {
		refresh := s.refresher(t, lookahead.Options{Seed: 9, Workers: workers, First: 60, Iterations: 20})
		for i := range s.stock {
			s.world.Stock.Set(int32(i/5), int32(i%5), s.stock[i])
		}
		versions = append(versions, refresh(s.world.Stock, s.began).Version()+refresh(s.world.Stock, s.began+day).Version())
	}
	if slices.ContainsFunc(versions, func(v string) bool { return v != versions[0] }) {
		t.Errorf("%q", versions)
	}
	if other := s.refresher(t, lookahead.Options{Seed: 10, First: 60})(s.world.Stock, s.began).Version(); other == versions[0][:len(other)] {
		t.Error("another seed gives the same prices")
	}
}
