package shipping

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// a16 is the 16th of November 2026, 15:00 in New York.
const a16 units.Instant = 1_794_859_200

func yield(orders []results.Order) iter.Seq2[*results.Order, error] {
	return func(yield func(*results.Order, error) bool) {
		for i := range orders {
			if !yield(&orders[i], nil) {
				return
			}
		}
	}
}

// random draws what a replay decided.
func random(rng *rand.Rand, n int) []results.Order {
	orders := make([]results.Order, n)
	for i := range orders {
		o := &orders[i]
		o.Position, o.ID, o.At, o.Outcome, o.Postal = i, "o-"+strconv.Itoa(i), a16+units.Instant(i), "PLANNED", "10001"
		if rng.IntN(10) == 0 {
			o.Outcome = "OUT_OF_STOCK"
			continue
		}
		if rng.IntN(5) > 0 {
			o.Value = units.Money(1+rng.IntN(15_000)) * units.Cent
		}
		for range 1 + rng.IntN(2) {
			s := results.Shipment{Freight: units.Money(rng.IntN(2_000)) * units.Cent}
			s.Cost = s.Freight + units.Money(rng.IntN(300))*units.Cent
			s.DeliveryDate = units.DateOf(2026, 11, 17+rng.IntN(5))
			o.Cost += s.Cost
			o.Shipments = append(o.Shipments, s)
		}
		o.SplitCost = units.Money(len(o.Shipments)-1) * units.Currency
		o.Cost += o.SplitCost
	}
	return orders
}

func study(t testing.TB, orders []results.Order, o Options) *Report {
	t.Helper()
	r := &Report{Basis: ByPlan, Cost: o.Cost, FastDays: o.FastDays, Standard: o.Standard, Fast: o.Fast, Currency: "USD"}
	if r.Cost == "" {
		r.Cost = Freight
	}
	if err := r.study(yield(orders), o); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStudy adds up again, order by order.
func TestStudy(t *testing.T) {
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		orders := random(rng, 1+rng.IntN(200))
		orders = append(orders, results.Order{Position: len(orders), ID: "last", At: a16 + 1000, Outcome: "PLANNED", Value: units.Currency, Postal: "10001"}) // one has a value
		o := Options{
			Standard: units.Money(rng.IntN(1_000)) * units.Cent, Fast: units.Money(rng.IntN(2_000)) * units.Cent, FastDays: rng.IntN(4),
			FreeOver: []units.Money{75 * units.Currency, 35 * units.Currency, 35 * units.Currency}, Bands: []units.Money{50 * units.Currency}, Cost: []Cost{"", All}[rng.IntN(2)],
		}
		r := study(t, orders, o)
		if len(r.Policies) != 3 {
			t.Fatalf("%d policies", len(r.Policies))
		}
		for i := range r.Policies {
			p := &r.Policies[i]
			var want Band
			for k := range orders {
				x := &orders[k]
				if x.Outcome != "PLANNED" {
					continue
				}
				want.Orders++
				fast := len(x.Shipments) > 0
				for _, s := range x.Shipments {
					fast = fast && s.DeliveryDate <= units.DateOf(2026, 11, 16)+units.Date(o.FastDays)
					if o.Cost != All {
						want.Cost += s.Freight
					}
				}
				if o.Cost == All {
					want.Cost += x.Cost
				}
				switch {
				case fast:
					want.Fast++
					want.Revenue += o.Fast
				case p.HasFree && x.Value >= p.Free && x.Value > 0:
					want.Free++
				default:
					want.Revenue += o.Standard
				}
			}
			if p.Total != want {
				t.Fatalf("free over %v %v: %+v, want %+v", p.HasFree, p.Free, p.Total, want)
			}
			var sum Band
			for k := range p.Bands {
				b := &p.Bands[k]
				sum.Orders, sum.Fast, sum.Free = sum.Orders+b.Orders, sum.Fast+b.Fast, sum.Free+b.Free
				sum.Cost, sum.Revenue = sum.Cost+b.Cost, sum.Revenue+b.Revenue
				if b.Orders == 0 || !b.Unknown && b.Until != 0 && b.Until <= b.From {
					t.Fatalf("a band %+v", b)
				}
			}
			if sum != want {
				t.Fatalf("the bands sum to %+v, want %+v", sum, want)
			}
		}
		// A lower threshold never brings in more; no threshold brings in most.
		if a, b, c := r.Policies[0].Total.Revenue, r.Policies[1].Total.Revenue, r.Policies[2].Total.Revenue; b > c || c > a || r.Policies[1].Free != 35*units.Currency {
			t.Fatalf("revenues %v, %v, %v", a, b, c)
		}
		// The break-even rates pay for everything, up to rounding to the micro.
		o.Standard, o.Fast = r.ClassOf[0].BreakEven, r.ClassOf[1].BreakEven
		even := study(t, orders, o)
		if s := even.Policies[0].Total.Subsidy(); s > units.Money(even.Orders) || s < -units.Money(even.Orders) {
			t.Fatalf("at the break-even rates %v is left", s)
		}
		files(t, r)
	}
}

// files checks that CSV and JSON tell what the report does.
func files(t *testing.T, r *Report) {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	for i := range r.Policies {
		p := &r.Policies[i]
		n += len(p.Bands) + 1
		if row := rows[n-1]; row[1] != "total" || row[8] != p.Total.Subsidy().String() || row[3] != fmt.Sprint(p.Total.Orders) {
			t.Fatalf("row %v of %+v", row, p.Total)
		}
	}
	if len(rows) != n || strings.Join(rows[0], ",") != strings.Join(Columns, ",") {
		t.Fatalf("%d rows, want %d", len(rows), n)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Policies []struct {
			FreeOver *string
			Total    struct{ Revenue, Subsidy string }
			Bands    []struct{ ValueFrom, ValueUntil *string }
		}
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		if j := back.Policies[i]; (j.FreeOver != nil) != p.HasFree || j.Total.Revenue != p.Total.Revenue.String() || len(j.Bands) != len(p.Bands) {
			t.Fatalf("JSON %s", text)
		}
	}
}

// TestPromises tells fast orders by what was promised, in the time zone of where they go.
func TestPromises(t *testing.T) {
	const lines = `{"id":"a","orderedAt":"2026-11-17T04:30:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"},"promiseDate":"2026-11-18"}
{"id":"b","orderedAt":"2026-11-17T04:30:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"},"promiseDate":"2026-11-19"}
{"id":"c","orderedAt":"2026-11-17T04:30:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"},"promiseAt":"2026-11-19T04:59:00Z"}
{"id":"d","orderedAt":"2026-11-17T04:30:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"},"promiseAt":"2026-11-19T05:01:00Z"}
{"id":"e","orderedAt":"2026-11-17T04:30:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"postalCode":"10001"}}
{"id":"f","orderedAt":"2026-11-17T04:30:00Z","lines":[{"sku":"mug","quantity":1}],"collectAt":"shop"}
{"id":"g","orderedAt":"2026-11-17T04:30:00Z","lines":[{"sku":"mug","quantity":1}],"to":{"point":{"latitude":40.75,"longitude":-73.99},"timeZone":"Asia/Tokyo"},"promiseDate":"2026-11-19"}
`
	h, _, err := history.Read(t.Context(), []history.File{history.Bytes("o.jsonl", []byte(lines))}, history.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var orders []results.Order
	for i := range h.Len() {
		orders = append(orders, results.Order{Position: i, ID: h.ID(i), At: h.At[i], Outcome: "PLANNED"})
	}
	// It is still the 16th in New York and the 17th in Tokyo: a, c and g are promised within two days, b and d on the third.
	r := study(t, orders, Options{Standard: units.Currency, Fast: 2 * units.Currency, FastDays: 2, History: h})
	if r.Basis != ByPromise || r.ClassOf[1].Orders != 3 || r.Collected != 1 || r.Policies[0].Total.Revenue != 3*2*units.Currency+3*units.Currency {
		t.Errorf("%+v", r)
	}
	orders[2].ID = "x"
	if err := (&Report{Cost: Freight}).study(yield(orders), Options{History: h}); err == nil || !strings.Contains(err.Error(), `order "x" of the run is not order 3`) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedOptions(t *testing.T) {
	one := []results.Order{{Outcome: "PLANNED", ID: "a", At: a16}}
	for _, o := range []Options{{Standard: -1}, {Fast: -1}, {FastDays: -1}, {FreeOver: []units.Money{-1}}, {Bands: []units.Money{-1}}} {
		if err := (&Report{Cost: Freight}).study(yield(one), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	if err := (&Report{Cost: "some"}).study(yield(one), Options{}); err == nil {
		t.Error("an unknown cost is accepted")
	}
	if err := (&Report{Cost: Freight}).study(yield(one), Options{FreeOver: []units.Money{0}}); !errors.Is(err, ErrNoValues) {
		t.Errorf("got %v", err)
	}
	gone := errors.New("the disk is gone")
	if err := (&Report{Cost: Freight}).study(func(yield func(*results.Order, error) bool) { yield(nil, gone) }, Options{}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if err := (&Report{Cost: Freight}).study(yield(nil), Options{FreeOver: []units.Money{1}}); err != nil {
		t.Errorf("nothing at all: %v", err)
	}
}
