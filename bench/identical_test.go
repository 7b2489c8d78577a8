package bench

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-engine/allot/bench/naive"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

var seedFlag = flag.Uint64("seed", 0, "repeat the comparison with the naive version under this seed; 0 draws one")

// rivals are ten worlds in which the engine and the naive version decide the same orders. Together they use every rule
// that both know, from few candidates to many, from orders that one warehouse fills to orders that nothing fills.
var rivals = []struct {
	name   string
	config enginetest.Config
	coarse bool // whole dollars everywhere, so that many plans cost the same
}{
	{"small", enginetest.Config{Warehouses: 5, Services: 3, SKUs: 12, Stocked: 60, Lines: 3, Prices: true}, false},
	{"late", enginetest.Config{Warehouses: 8, Services: 6, SKUs: 40, Stocked: 35, Lines: 3, Promised: 100,
		Policy: network.PolicySource{Late: "allow", LateCost: 2 * units.Currency}}, false},
	{"full days", enginetest.Config{Warehouses: 12, Services: 8, SKUs: 30, Stocked: 50, Lines: 3, Capacity: true, Classes: true, Prices: true}, false},
	{"carbon", enginetest.Config{Warehouses: 20, Services: 12, SKUs: 100, Stocked: 40, Lines: 2, Carbon: true}, false},
	{"cheap splits", enginetest.Config{Warehouses: 15, Services: 9, SKUs: 30, Stocked: 30, Lines: 3, Classes: true, Carbon: true, Prices: true,
		Policy: network.PolicySource{MaxShipments: 2, SplitCost: units.Cent}}, false},
	{"scarce", enginetest.Config{Warehouses: 40, Services: 12, SKUs: 200, Stocked: 5, Lines: 3}, false},
	{"usual", enginetest.Config{Warehouses: 50, Services: 12, SKUs: 500, Stocked: 50, Lines: 2}, false},
	{"many", enginetest.Config{Warehouses: 60, Services: 12, SKUs: 100, Stocked: 100, Lines: 1, Capacity: true, Classes: true, Prices: true}, false},
	{"ties", enginetest.Config{Warehouses: 25, Services: 12, SKUs: 60, Stocked: 40, Lines: 2,
		Policy: network.PolicySource{OnTime: 5_000, SplitCost: units.Currency}}, true},
	{"late ties", enginetest.Config{Warehouses: 18, Services: 9, SKUs: 60, Stocked: 20, Lines: 3, Classes: true, Prices: true,
		Policy: network.PolicySource{OnTime: 10_000, Late: "allow", LateCost: units.Currency, SplitCost: units.Currency}}, true},
}

// span is the time over which orders come, from early October to early December 2026: it has two holidays, a change of the
// fuel table and the end of daylight saving time.
const span = 60 * 24 * 60 * 60

// TestIdenticalToNaive decides 100,000 random orders twice, exactly and the naive way: outcome, cost to the micro,
// and the warehouse, service and lines of every shipment must be the same.
func TestIdenticalToNaive(t *testing.T) {
	t.Parallel()
	seed := cmp.Or(*seedFlag, seeds.New(t))
	t.Logf("seed %d", seed)
	orders := 10_000
	if testing.Short() {
		orders = 500
	}
	for i, r := range rivals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, r.config, seed+uint64(i), r.coarse, nil)
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := range orders {
				if diff := p.compare(t, rng, n); diff != "" {
					t.Fatalf("order %d of world %q, seed %d: %s", n, r.name, seed, diff)
				}
			}
			t.Log(p.tally)
			if p.tally.planned == 0 {
				t.Error("no order was planned: the comparison says little")
			}
		})
	}
}

// TestNaiveComparisonCanFail tells the naive version of one small thing in another way than the engine, one at a time,
// and wants the comparison to notice.
func TestNaiveComparisonCanFail(t *testing.T) {
	t.Parallel()
	base := enginetest.Config{Warehouses: 12, Services: 9, SKUs: 400, Stocked: 50, Lines: 2, Classes: true,
		Policy: network.PolicySource{Late: "allow", LateCost: units.Currency}}
	slips := []struct {
		name string
		make func(src *network.Source)
	}{
		{"weight steps are [lo, hi)", func(src *network.Source) {
			for _, c := range src.Cards {
				rows := c.Structures[0].Table.Rows
				for i := range rows {
					rows[i].NotOver -= units.Gram / 100 // what weighs just as much goes one step up
				}
			}
		}},
		{"the surcharge of a remote area is a cent more", func(src *network.Source) {
			for _, c := range src.Cards {
				more := *c.Surcharges[1].Amount.Flat + units.Cent
				c.Surcharges[1].Amount.Flat = &more
			}
		}},
		{"both delivery-area surcharges are charged", func(src *network.Source) {
			for _, c := range src.Cards {
				c.Surcharges[0].Group = ""
				c.Surcharges[0].When = append(c.Surcharges[0].When, ratecards.Condition{Areas: []string{"das_extended"}})
			}
		}},
		{"the fuel week begins a day early", func(src *network.Source) {
			for _, c := range src.Cards {
				if c.Fuel != nil {
					c.Fuel.Weeks[0].To--
					c.Fuel.Weeks[1].From--
				}
			}
		}},
		{"sides are not rounded before the volume", func(src *network.Source) {
			for _, c := range src.Cards {
				c.Dimensional[0].Sides.To = units.Millimetre
			}
		}},
		{"nobody rests on Columbus Day", func(src *network.Source) { src.Holidays = src.Holidays[1:] }},
		{"the cut-off is half an hour later", func(src *network.Source) {
			for i := range src.Warehouses {
				later := *src.Warehouses[i].Cutoff + 30*units.Minute
				src.Warehouses[i].Cutoff = &later
			}
		}},
		{"a promise is kept by the mean", func(src *network.Source) { src.Settings.Policy.OnTime = 5_000 }},
		{"bands end two miles early", func(src *network.Source) {
			for _, set := range src.Settings.Zones {
				for i := range set.Bands[:len(set.Bands)-1] {
					set.Bands[i].Miles -= 2
				}
			}
		}},
		{"a second shipment costs a cent more", func(src *network.Source) { src.Settings.Policy.SplitCost += units.Cent }},
		{"a carton weighs nothing", func(src *network.Source) {
			for i := range src.Settings.Boxes {
				src.Settings.Boxes[i].Tare = 0
			}
		}},
	}
	for _, slip := range slips {
		t.Run(slip.name, func(t *testing.T) {
			t.Parallel()
			noticed(t, newPair(t, base, 1, false, slip.make)) // a seed under which the rounding of sides matters to some SKUs
		})
	}
	for name, leaveOut := range map[string]func(*naive.Stock){
		"units have no prices": func(s *naive.Stock) { s.UnitPrices = nil },
		"a shipment pays by the warehouse alone": func(s *naive.Stock) {
			maps.DeleteFunc(s.SlotPrices, func(at naive.Slot, _ float64) bool { return at.Service != "" })
		},
		"a shipment pays by the service alone": func(s *naive.Stock) {
			maps.DeleteFunc(s.SlotPrices, func(at naive.Slot, _ float64) bool { return at.Service == "" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := base
			cfg.Prices = true
			p := newPair(t, cfg, 1, false, nil)
			stock := NaiveStock(p.world, p.world.Stock)
			leaveOut(&stock)
			p.naive = must(naive.New(p.world.Source, stock))
			noticed(t, p)
		})
	}
	t.Run("of equal warehouses the last wins", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, base, 1, true, nil)
		src, stock := p.world.Source, NaiveStock(p.world, p.world.Stock)
		for i := range src.Warehouses { // the naive version knows them by ids that sort the other way round
			w := &src.Warehouses[i]
			for _, at := range stock.Units {
				at[mirrored(w.ID)] = at[w.ID]
			}
			w.ID = mirrored(w.ID)
		}
		p.naive, p.rename = must(naive.New(src, stock)), mirrored
		noticed(t, p)
	})
}

// noticed wants the two to differ within a few thousand orders.
func noticed(t *testing.T, p *pair) {
	t.Helper()
	const orders = 20_000
	rng := rand.New(rand.NewPCG(1, 9))
	for n := range orders {
		if diff := p.compare(t, rng, n); diff != "" {
			t.Logf("noticed at order %d: %s", n, diff)
			return
		}
	}
	t.Errorf("%d orders did not tell the difference", orders)
}

// mirrored turns every digit of an id into what it lacks of nine: done twice, it gives the id back.
func mirrored(id string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return '9' - c + '0'
		}
		return c
	}, id)
}

// A pair is one world with both deciders.
type pair struct {
	world   *enginetest.World
	engine  *engine.Engine
	scratch *engine.Scratch
	naive   *naive.Network
	d       engine.Decision
	rename  func(string) string // from the naive version's ids of warehouses to the engine's; nil: they are the same
	tally   tally
}

// A tally counts what a comparison met.
type tally struct{ orders, planned, split, late int }

func (y tally) String() string {
	return fmt.Sprintf("%d orders: %d planned, %d of them in several shipments and %d late", y.orders, y.planned, y.split, y.late)
}

// newPair builds a world. slip, unless nil, changes what the naive version is told of the network.
func newPair(t *testing.T, cfg enginetest.Config, seed uint64, coarse bool, slip func(*network.Source)) *pair {
	t.Helper()
	cfg.Seed, cfg.Places = seed, 400
	p := &pair{world: enginetest.New(cfg)}
	t.Cleanup(p.world.Close)
	src := p.world.Source
	if coarse {
		coarsen(src)
	}
	snap, err := network.Compile(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.engine, err = engine.New(snap, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.engine.Close)
	p.scratch = p.engine.NewScratch()
	stock := NaiveStock(p.world, p.world.Stock)
	if cfg.Capacity {
		used := useCapacity(rand.New(rand.NewPCG(seed, 3)), snap)
		stock.Used = used.used
		p.world.Stock.Capacity = used
	}
	if slip != nil {
		told := enginetest.New(cfg) // a second one, so that the engine's stays as it is
		told.Close()
		src = told.Source
		slip(src)
	}
	if p.naive, err = naive.New(src, stock); err != nil {
		t.Fatal(err)
	}
	return p
}

// compare decides one random order both ways and returns how the answers differ, "" where they do not.
func (p *pair) compare(t *testing.T, rng *rand.Rand, n int) string {
	t.Helper()
	order, now := p.world.Order(rng, rng.IntN(span))
	if err := p.engine.Decide(p.world.Stock, &order, now, p.scratch, &p.d); err != nil {
		t.Fatalf("order %d: engine: %v", n, err)
	}
	o := NaiveOrder(&order)
	d, err := p.naive.Decide(&o, Moment(now))
	if err != nil {
		t.Fatalf("order %d: %v", n, err)
	}
	p.tally.orders++
	if p.d.Outcome == engine.Planned {
		p.tally.planned++
		if len(p.d.Shipments) > 1 {
			p.tally.split++
		}
		if p.d.Late {
			p.tally.late++
		}
	}
	if p.rename != nil {
		for i := range d.Shipments {
			d.Shipments[i].Warehouse = p.rename(d.Shipments[i].Warehouse)
		}
		slices.SortFunc(d.Shipments, func(a, b naive.Shipment) int { return strings.Compare(a.Warehouse, b.Warehouse) })
	}
	got, want := p.ofEngine(), ofNaive(&d)
	if got == want {
		return ""
	}
	return fmt.Sprintf("%+v at %v\nengine %s\nnaive  %s\ncertificate %+v", order, Moment(now).Format(time.RFC3339), got, want, p.d.Certificate)
}

// ofEngine and ofNaive write a decision in the same words: outcome, cost in micros, then each shipment with its
// warehouse, service, items and cost.
func (p *pair) ofEngine() string {
	snap := p.engine.Snapshot()
	if p.d.Outcome != engine.Planned {
		return p.d.Outcome.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v %d", p.d.Outcome, p.d.Cost)
	for i := range p.d.Shipments {
		s := &p.d.Shipments[i]
		var items []string
		for _, it := range s.Items {
			items = append(items, fmt.Sprintf("%d %s", it.Quantity, snap.SKUs.IDs[it.SKU]))
		}
		slices.Sort(items)
		fmt.Fprintf(&b, " [%s by %s: %s for %d]", snap.Warehouses[s.Warehouse].ID, snap.Services[s.Service].ID, strings.Join(items, ", "), s.Cost())
	}
	return b.String()
}

func ofNaive(d *naive.Decision) string {
	if d.Outcome != naive.Planned {
		return string(d.Outcome)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v %d", d.Outcome, micros(d.Cost))
	for i := range d.Shipments {
		s := &d.Shipments[i]
		var items []string
		for _, ln := range s.Lines {
			items = append(items, fmt.Sprintf("%d %s", ln.Quantity, ln.SKU))
		}
		slices.Sort(items)
		fmt.Fprintf(&b, " [%s by %s: %s for %d]", s.Warehouse, s.Service, strings.Join(items, ", "), micros(s.Cost))
	}
	return b.String()
}

func micros(dollars float64) units.Money { return units.Money(math.Round(dollars * 1e6)) }

// coarsen rounds every amount of a network up to whole dollars and takes fuel off, so that many plans cost the same and
// the tie rules decide.
func coarsen(src *network.Source) {
	up := func(m *units.Money) { *m = (*m + units.Currency - 1) / units.Currency * units.Currency }
	for _, c := range src.Cards {
		c.Fuel = nil
		for i := range c.Structures[0].Table.Rows {
			prices := c.Structures[0].Table.Rows[i].Prices
			for z := range prices {
				up(&prices[z])
			}
		}
		for i := range c.Surcharges {
			amount := *c.Surcharges[i].Amount.Flat
			up(&amount)
			c.Surcharges[i].Amount.Flat = &amount
		}
	}
	for i := range src.Warehouses {
		w := &src.Warehouses[i]
		up(&w.PerOrder)
		up(&w.PerLine)
		up(&w.PerUnit)
	}
	for i := range src.Settings.Boxes {
		up(&src.Settings.Boxes[i].Cost)
	}
}

// usedCapacity is what was handed over already on each day: an engine.Capacity, and what the naive version reads.
type usedCapacity struct {
	snap *network.Snapshot
	used map[naive.Slot]int
}

// useCapacity fills about two thirds of the days of warehouses and services that have a daily capacity.
func useCapacity(rng *rand.Rand, snap *network.Snapshot) *usedCapacity {
	u := &usedCapacity{snap: snap, used: map[naive.Slot]int{}}
	first := units.Date(int64(enginetest.Start) / int64(units.EndOfDay))
	for w := range snap.Warehouses {
		wh := &snap.Warehouses[w]
		for ship := first; ship < first+150; ship++ {
			if n := wh.DailyCapacity; n > 0 && rng.IntN(3) > 0 {
				u.used[naive.Slot{Warehouse: wh.ID, Ship: midnight(ship)}] = int(n) - rng.IntN(2)*rng.IntN(2)
			}
			for s := range snap.Services {
				if n := snap.Services[s].DailyCapacity; n > 0 && rng.IntN(3) > 0 {
					u.used[naive.Slot{Warehouse: wh.ID, Service: snap.Services[s].ID, Ship: midnight(ship)}] = int(n) - rng.IntN(2)
				}
			}
		}
	}
	return u
}

// WarehouseLeft implements engine.Capacity.
func (u *usedCapacity) WarehouseLeft(w int32, ship units.Date) int32 {
	wh := &u.snap.Warehouses[w]
	return wh.DailyCapacity - int32(u.used[naive.Slot{Warehouse: wh.ID, Ship: midnight(ship)}])
}

// ServiceLeft implements engine.Capacity.
func (u *usedCapacity) ServiceLeft(w, s int32, ship units.Date) int32 {
	svc := &u.snap.Services[s]
	return svc.DailyCapacity - int32(u.used[naive.Slot{Warehouse: u.snap.Warehouses[w].ID, Service: svc.ID, Ship: midnight(ship)}])
}
