package engine_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

func TestPricesAnswerWhatTheRowsSay(t *testing.T) {
	w := small(t, enginetest.Config{})
	p, err := engine.NewPrices(w.Snapshot, []engine.PriceRow{
		{Warehouse: 2, SKU: 1, Service: -1, Price: 30},
		{Warehouse: 0, SKU: 1, Service: -1, Price: 10},
		{Warehouse: 3, SKU: 4, Service: -1, Price: 0},
		{Warehouse: 1, SKU: -1, Service: -1, Price: 100},
		{Warehouse: 1, SKU: -1, Service: 5, From: 20_000, Until: 20_003, Price: 7},
		{Warehouse: 1, SKU: -1, Service: 5, From: 20_004, Until: 20_004, Price: 9},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sku, warehouse int32
		want           units.Money
	}{{1, 2, 30}, {1, 0, 10}, {1, 1, 0}, {4, 3, 0}, {0, 0, 0}, {1_000, 0, 0}, {1, 1_000, 0}, {-1, 0, 0}, {1, -1, 0}} {
		if got := p.Unit(c.sku, c.warehouse); got != c.want {
			t.Errorf("Unit(%d, %d) = %d, want %d", c.sku, c.warehouse, got, c.want)
		}
	}
	for _, c := range []struct {
		warehouse, service int32
		ship               units.Date
		want               units.Money
	}{
		{1, 0, 20_000, 100}, {1, 5, 19_999, 100}, {1, 5, 20_000, 107}, {1, 5, 20_003, 107}, {1, 5, 20_004, 109}, {1, 5, 20_005, 100},
		{0, 5, 20_000, 0}, {99, 5, 20_000, 0}, {-1, 5, 20_000, 0},
	} {
		if got := p.Shipment(c.warehouse, c.service, c.ship); got != c.want {
			t.Errorf("Shipment(%d, %d, %d) = %d, want %d", c.warehouse, c.service, c.ship, got, c.want)
		}
	}
	if p.Len() != 5 {
		t.Errorf("%d rows, the one of price 0 among them", p.Len())
	}
	var none *engine.Prices
	if none.Unit(0, 0) != 0 || none.Shipment(0, 0, 0) != 0 || none.Version() != "" || none.Len() != 0 || len(slices.Collect(none.Rows())) != 0 {
		t.Error("no prices answer something")
	}
}

// somePrices draws prices for a world: units of about a share of the pairs, and days of shipments.
func somePrices(t testing.TB, w *enginetest.World, rng *rand.Rand) *engine.Prices {
	t.Helper()
	p, err := engine.NewPrices(w.Snapshot, w.PriceRows(rng))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPricesOutliveTheirFile(t *testing.T) {
	for _, warehouses := range []int{3, 40} {
		w := enginetest.New(enginetest.Config{Seed: 5, Warehouses: warehouses, Services: 6, SKUs: 30, Places: 5})
		defer w.Close()
		rng := rand.New(rand.NewPCG(1, 2))
		rows := w.PriceRows(rng)
		p, err := engine.NewPrices(w.Snapshot, rows)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := p.Write(&file, w.Snapshot); err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(file.Bytes()); hex.EncodeToString(sum[:]) != p.Version() {
			t.Errorf("the version %s is not the file's", p.Version())
		}
		again, err := engine.ReadPrices(bytes.NewReader(file.Bytes()), "prices.csv", w.Snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if again.Version() != p.Version() || !slices.Equal(slices.Collect(again.Rows()), slices.Collect(p.Rows())) {
			t.Error("what was read is not what was written")
		}
		for _, r := range rows {
			if r.SKU >= 0 && again.Unit(r.SKU, r.Warehouse) != r.Price {
				t.Fatalf("%+v reads %v", r, again.Unit(r.SKU, r.Warehouse))
			}
		}
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if shuffled, err := engine.NewPrices(w.Snapshot, rows); err != nil || shuffled.Version() != p.Version() {
			t.Errorf("the order of rows counts: %v", err)
		}
		rows[0].Price++
		if other, err := engine.NewPrices(w.Snapshot, rows); err != nil || other.Version() == p.Version() {
			t.Errorf("another price, the same version: %v", err)
		}
	}
}

func TestPricesListEveryFault(t *testing.T) {
	w := small(t, enginetest.Config{})
	_, err := engine.NewPrices(w.Snapshot, []engine.PriceRow{
		{Warehouse: 9, SKU: 0, Service: -1, Price: 1},
		{Warehouse: 0, SKU: 99, Service: -1, Price: 1},
		{Warehouse: 0, SKU: -1, Service: 99, Price: 1},
		{Warehouse: 0, SKU: 0, Service: 1, Price: 1},
		{Warehouse: 0, SKU: -1, Service: -1, From: 5, Until: 4, Price: 1},
		{Warehouse: 0, SKU: 0, Service: -1, Price: -1},
		{Warehouse: 0, SKU: 0, Service: -1, Price: engine.MaxPrice},
		{Warehouse: 1, SKU: 1, Service: -1, Price: 5},
		{Warehouse: 1, SKU: 1, Service: -1, Price: 5},
		{Warehouse: 1, SKU: -1, Service: -1, From: 10, Until: 12, Price: 5},
		{Warehouse: 1, SKU: -1, Service: -1, From: 12, Until: 14, Price: 5},
		{Warehouse: 1, SKU: -1, Service: 0, From: 12, Until: 14, Price: 5},
	})
	fe, ok := errors.AsType[*faults.Error](err)
	if !ok || len(fe.Faults) != 9 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"rows[0].warehouse", "rows[1].sku", "rows[2].service", "rows[3].sku", "rows[4].until", "rows[5].price", "rows[6].price", "rows[8].sku", "rows[10].from"} {
		if !strings.Contains(err.Error(), want+": ") {
			t.Errorf("missing %s in\n%v", want, err)
		}
	}

	file := "warehouse,sku,service,from,until,price\n" +
		"w0000,s0000001,,,,1.00\n" + // no such warehouse
		"w00000,s1,,,,1.00\n" +
		"w00000,,a-0-0,,,1.00\n" +
		"w00000,s0000001,a-0-00,,,1.00\n" +
		"w00000,,,2026-10-05,,1.00\n" +
		"w00000,,,2026-10-05,2026-10-04,1.00\n" +
		"w00000,s0000001,,,,-1.00\n" +
		"w00000,s0000001,,,,a lot\n" +
		",s0000001,,,,1000000\n" +
		"w00000,s0000002,,,,\n" +
		"w00000,s0000003,,,,2.00\n" +
		"w00000,s0000003,,,,2.00\n" +
		"w00000,,,1970-01-01,1970-01-01,2.00\n"
	_, err = engine.ReadPrices(strings.NewReader(file), "prices.csv", w.Snapshot)
	if fe, ok = errors.AsType[*faults.Error](err); !ok {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		`prices.csv:2:1 warehouse: unknown warehouse "w0000"; did you mean`, `prices.csv:3:2 sku: unknown SKU "s1"`, `prices.csv:4:3 service: unknown service "a-0-0"; did you mean "a-0-00"`,
		"prices.csv:5:2 sku: a unit of stock has one price", "prices.csv:6:4 from: a first day without a last", "prices.csv:7:5 until: 2026-10-04 is before 2026-10-05",
		"prices.csv:8:6 price: the price -1.00 is out of range", "prices.csv:9:6 price: ", "prices.csv:10:1 warehouse: ", "prices.csv:11:6 price: ",
		"prices.csv:13:2 sku: this and another row price the same", "prices.csv:14:4 from: prices begin after 1970-01-01",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in\n%v", want, err)
		}
	}
	if len(fe.Faults) != 12 {
		t.Errorf("%d faults:\n%v", len(fe.Faults), err)
	}
}

func FuzzReadPrices(f *testing.F) {
	f.Add("warehouse,sku,service,from,until,price\nw00000,s0000001,,,,1.25\nw00001,,a-0-00,2026-10-05,2026-10-09,0.5\nw00001,,,,,3\n")
	f.Add("price,warehouse\n1,w00000\n")
	f.Add("warehouse,sku,price\nw00000,s0000001,999999.999999\nw00000,s0000001,1\n")
	f.Add("warehouse,from,until,price\nw00000,1970-01-01,1970-01-01,1\nw00000,2026-01-02,2026-01-01,1\n")
	w := enginetest.New(enginetest.Config{Seed: 7, Warehouses: 4, Services: 12, SKUs: 6, Places: 10})
	defer w.Close()
	f.Fuzz(func(t *testing.T, file string) {
		p, err := engine.ReadPrices(strings.NewReader(file), "prices.csv", w.Snapshot)
		if err != nil {
			fe, ok := errors.AsType[*faults.Error](err)
			if !ok || p != nil {
				t.Fatalf("%v and %v", p, err)
			}
			for _, one := range fe.Faults {
				if one.File != "prices.csv" || one.Problem == "" {
					t.Fatalf("a fault without a place or a problem: %+v", one)
				}
			}
			return
		}
		var out bytes.Buffer
		if err := p.Write(&out, w.Snapshot); err != nil {
			t.Fatal(err)
		}
		again, err := engine.ReadPrices(&out, "prices.csv", w.Snapshot)
		if err != nil || again.Version() != p.Version() {
			t.Fatalf("what was written is not read: %v", err)
		}
		for r := range p.Rows() {
			switch {
			case r.Price <= 0 || r.Price >= engine.MaxPrice:
				t.Fatalf("%+v", r)
			case r.SKU >= 0 && p.Unit(r.SKU, r.Warehouse) != r.Price:
				t.Fatalf("%+v answers %v", r, p.Unit(r.SKU, r.Warehouse))
			case r.SKU < 0 && p.Shipment(r.Warehouse, max(r.Service, 0), r.From) < r.Price:
				t.Fatalf("%+v answers less", r)
			}
		}
	})
}

// Prices choose where, never whether: outcome, lines that are filled and lateness are those of the same order without
// prices, whatever the prices; and the plan, its prices aside, costs no less than without.
func TestPricesNeverChooseWhetherAnOrderIsFilled(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	moved, partial, late := 0, 0, 0
	for round := uint64(0); round < 1 || moved == 0 || partial == 0 || late == 0; round++ { // few orders may all be alike
		if round == 100 {
			t.Fatalf("%d orders moved, %d filled in part, %d late: the test says nothing", moved, partial, late)
		}
		a, b, c := pricesChooseWhere(t, seed+round)
		moved, partial, late = moved+a, partial+b, late+c
	}
	t.Logf("%d orders moved, %d filled in part, %d late", moved, partial, late)
}

// pricesChooseWhere decides the orders of a seed with prices and without, and counts those that moved, were filled in part and
// were late.
func pricesChooseWhere(t *testing.T, seed uint64) (moved, partial, late int) {
	t.Helper()
	for i, policy := range []network.PolicySource{
		{Partial: "fill", MaxShipments: 2},
		{Partial: "fill", MaxShipments: 1, Late: "allow", LateCost: units.Cent},
		{Partial: "fill", SplitLines: true, MaxShipments: 2},
		{MaxShipments: 3},
	} {
		w := enginetest.New(enginetest.Config{Seed: seed, Warehouses: 6, Services: 5, SKUs: 14, Stocked: 25, Lines: 4, Places: 40, Capacity: i%2 == 0, Policy: policy})
		defer w.Close()
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		prices := somePrices(t, w, rng)
		sc := w.Engine.NewScratch()
		for n := range 150 {
			order, now := w.Order(rng, n*7_919)
			var without, with engine.Decision
			w.Stock.Prices = nil
			if err := w.Engine.Decide(w.Stock, &order, now, sc, &without); err != nil {
				t.Fatal(err)
			}
			w.Stock.Prices = prices
			if err := w.Engine.Decide(w.Stock, &order, now, sc, &with); err != nil {
				t.Fatal(err)
			}
			if with.Outcome != without.Outcome || !slices.Equal(with.Unfilled, without.Unfilled) || with.Late && !without.Late {
				t.Fatalf("policy %d, order %d: %v without %v, late %v; with prices %v without %v, late %v", i, n,
					without.Outcome, without.Unfilled, without.Late, with.Outcome, with.Unfilled, with.Late)
			}
			if with.Outcome != engine.Planned {
				continue
			}
			if with.Cost-with.Prices() < without.Cost || with.Cost > without.Cost+pricesOf(prices, &without) {
				t.Fatalf("policy %d, order %d: %v of which %v prices; without prices %v, at them %v", i, n, with.Cost, with.Prices(), without.Cost, pricesOf(prices, &without))
			}
			if with.Certificate.Status != engine.Optimal || with.Certificate.Bound != with.Cost {
				t.Fatalf("policy %d, order %d: %+v for %v", i, n, with.Certificate, with.Cost)
			}
			if with.Prices() != pricesOf(prices, &with) {
				t.Fatalf("the decision says its prices are %v, they are %v", with.Prices(), pricesOf(prices, &with))
			}
			if with.Shipments[0].Warehouse != without.Shipments[0].Warehouse {
				moved++
			}
			if len(with.Unfilled) > 0 {
				partial++
			}
			if with.Late {
				late++
			}
		}
	}
	return moved, partial, late
}

func pricesOf(p *engine.Prices, d *engine.Decision) (sum units.Money) {
	for _, s := range d.Shipments {
		for _, it := range s.Items {
			sum += p.Unit(it.SKU, s.Warehouse) * units.Money(it.Quantity)
		}
		sum += p.Shipment(s.Warehouse, s.Service, s.ShipDate)
	}
	return sum
}

func TestPricesAreTermsOfTheirOwn(t *testing.T) {
	w := enginetest.New(enginetest.Config{Seed: 9, Warehouses: 8, Services: 6, SKUs: 20, Stocked: 50, Lines: 3, Places: 20, Prices: true})
	defer w.Close()
	rng := rand.New(rand.NewPCG(2, 2))
	sc := w.Engine.NewScratch()
	stock, capacity, none := 0, 0, 0
	for i := range 60 {
		o, now := w.Order(rng, i*20_011)
		x, err := w.Engine.Explain(w.Stock, &o, now, sc)
		if err != nil {
			t.Fatal(err)
		}
		checkExplanation(t, w, x)
		for j, b := range x.Shipments {
			terms := map[string]units.Money{}
			for _, term := range b.Terms {
				terms[term.Name] = term.Amount
			}
			s := &x.Decision.Shipments[j]
			if terms["stock_price"] != s.StockPrice || terms["capacity_price"] != s.CapacityPrice {
				t.Errorf("order %d: terms %v, the shipment has %v and %v", i, b.Terms, s.StockPrice, s.CapacityPrice)
			}
			if _, named := terms["stock_price"]; named != (s.StockPrice != 0) {
				t.Errorf("order %d: a price of nothing is a term: %v", i, b.Terms)
			}
			if s.StockPrice != 0 {
				stock++
			}
			if s.CapacityPrice != 0 {
				capacity++
			}
			if s.StockPrice == 0 && s.CapacityPrice == 0 {
				none++
			}
		}
	}
	if stock == 0 || capacity == 0 || none == 0 {
		t.Errorf("%d shipments pay for stock, %d for capacity, %d for neither", stock, capacity, none)
	}
}

// The highest prices there may be, for the most units, forbid nothing and overflow nothing.
func TestTheHighestPricesForbidNothing(t *testing.T) {
	w := small(t, enginetest.Config{Policy: network.PolicySource{SplitLines: true, MaxShipments: 4}})
	var rows []engine.PriceRow
	for wh := range int32(4) {
		rows = append(rows, engine.PriceRow{Warehouse: wh, SKU: 0, Service: -1, Price: engine.MaxPrice - 1}, engine.PriceRow{Warehouse: wh, SKU: -1, Service: -1, Price: engine.MaxPrice - 1})
		w.Stock.Set(0, wh, 600)
	}
	o := order(engine.Line{SKU: sku(w, 0), Quantity: 900})
	if d := decide(t, w, o); d.Outcome != engine.Planned {
		t.Fatalf("without prices %v", d.Outcome)
	}
	w.Stock.Prices, _ = engine.NewPrices(w.Snapshot, rows)
	d := decide(t, w, o)
	if d.Outcome != engine.Planned || d.Cost <= 0 || d.Prices() <= 0 {
		t.Errorf("%v at %v, of which %v prices", d.Outcome, d.Cost, d.Prices())
	}
}
