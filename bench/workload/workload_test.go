package workload

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/bench/cputime"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/internal/census"
	_ "github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// long tells that tests that take more than seconds are wanted.
func long() bool { return os.Getenv("ALLOT_LONG") != "" }

// tiny is a small spec with some of everything.
const tiny = `
name: tiny
network: {warehouses: 5, services: 6, skus: 300, stocked: 40%}
skus: {zipf: 0.7, basket: {share: 30%, size: 4}}
orders:
  lines: {1: 40%, 2: 35%, 4: 25%}
  units: {1: 80%, 3: 20%}
  promise: {none: 50%, 4: 30%, 9: 20%}
  commercial: 15%
  quotes: 1.5
  repeats: {share: 10%, after: 300ms}
holds:
  confirm: {share: 70%, after: 1s}
  release: {share: 20%, after: 2s}
  ship: {share: 50%, after: 4s}
  cancel: {share: 25%, after: 3s}
restock: {per_order: 0.4, units: 3}
arrivals: {kind: poisson, rate: 100/s}
flash: [{rank: 2, at: 30s, for: 10s, share: 50%}]
`

func read(t testing.TB, text string) *Spec {
	t.Helper()
	s, err := Read("spec.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func made(t testing.TB, text string, seed uint64) *Workload {
	t.Helper()
	w, err := New(read(t, text), seed)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// clone returns an event with memory of its own.
func clone(e *Event) Event {
	c := *e
	c.Order.Lines = slices.Clone(e.Order.Lines)
	return c
}

func TestBuiltins(t *testing.T) {
	for _, want := range []string{"churn", "hot-sku", "large", "peak-day", "splits", "steady"} {
		if !slices.Contains(Builtins(), want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, name := range Builtins() {
		s, ok := Builtin(name)
		if !ok || s.Name != name || s.Description == "" || s.Arrivals.Rate == 0 {
			t.Errorf("%s: %+v", name, s)
		}
		if named, err := Open(name); err != nil || !reflect.DeepEqual(named, s) {
			t.Errorf("Open(%q) = %v, %v", name, named, err)
		}
	}
	if _, ok := Builtin("../workload"); ok {
		t.Error("a spec outside of the directory was found")
	}
	if _, err := Open("staedy"); err == nil || !strings.Contains(err.Error(), `did you mean "steady"?`) {
		t.Errorf("Open of an unknown name: %v", err)
	}
	if _, err := Open("nowhere/spec.yaml"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("Open of an unknown file: %v", err)
	}
}

// TestNetworkRoundTrip reads back what is written: the same network, the same stock.
func TestNetworkRoundTrip(t *testing.T) {
	texts := map[string]string{
		"tiny":    tiny,
		"least":   "name: least\nnetwork: {warehouses: 1, services: 1, skus: 1, stocked: 0%}\narrivals: {rate: 1/s}",
		"most":    "name: \"the \\\"most\\\"\"\nnetwork: {warehouses: 40, services: 24, skus: 2000, spread: popular, stock: 30 days, late: refuse, max_shipments: 1}\narrivals: {rate: 5/s}",
		"popular": "name: popular\nnetwork: {warehouses: 9, skus: 40, stocked: 30%, spread: popular, stock: 1000 orders}\norders: {lines: {1: 50%, 2: 50%}}\narrivals: {rate: 5/s}",
	}
	if long() {
		for _, name := range Builtins() {
			s, _ := Builtin(name)
			texts[name] = string(s.Text())
		}
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			w := made(t, text, 3)
			snap, err := network.Compile(w.Source(), nil)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "network")
			if err := w.WriteNetwork(dir); err != nil {
				t.Fatal(err)
			}
			back, stock, err := network.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if back.Version != snap.Version {
				t.Errorf("version %s was written as %s", snap.Version, back.Version)
			}
			want := w.Source().Stock
			same := slices.EqualFunc(stock.Rows, want, func(a, b network.StockRow) bool {
				return a.Warehouse == b.Warehouse && a.SKU == b.SKU && a.OnHand == b.OnHand
			})
			if !same || len(want) != w.Cells() {
				t.Errorf("%d rows of stock were written as %d, of %d cells, or others", len(want), len(stock.Rows), w.Cells())
			}
			if err := w.WriteNetwork(dir); err == nil {
				t.Error("a directory that is not empty was written into")
			}
			s := w.Spec()
			if len(snap.Warehouses) != s.Network.Warehouses || len(snap.SKUs.IDs) != s.Network.SKUs || len(snap.Services) != s.Network.Services {
				t.Errorf("%d warehouses, %d SKUs, %d services", len(snap.Warehouses), len(snap.SKUs.IDs), len(snap.Services))
			}
		})
	}
}

// TestStock checks how stock is spread: every SKU is somewhere and nowhere twice, as many cells as were asked for, and as many units
// as the demand.
func TestStock(t *testing.T) {
	for _, tc := range []struct {
		network string
		cells   [2]int
	}{
		{"warehouses: 20, skus: 1000, stocked: 25%", [2]int{5_000, 5_000}},
		{"warehouses: 20, skus: 1000, stocked: 1%", [2]int{1_000, 1_000}},
		{"warehouses: 20, skus: 1000, stocked: 100%", [2]int{20_000, 20_000}},
		{"warehouses: 20, skus: 1000, stocked: 25%, spread: popular", [2]int{4_950, 5_000}},
		{"warehouses: 20, skus: 1000, stocked: 100%, spread: popular", [2]int{20_000, 20_000}},
		{"warehouses: 300, skus: 1000, stocked: 2%, spread: popular", [2]int{5_900, 6_000}},
	} {
		w := made(t, "name: x\nnetwork: {"+tc.network+", stock: 50000 orders}\norders: {lines: {1: 50%, 3: 50%}, units: {1: 75%, 5: 25%}}\narrivals: {rate: 1/s}", 9)
		if n := w.Cells(); n < tc.cells[0] || n > tc.cells[1] {
			t.Errorf("%s: %d cells, want %d", tc.network, n, tc.cells)
		}
		of := map[string]int{}
		seen := map[[2]string]bool{}
		units := 0
		for _, r := range w.Source().Stock {
			if of[r.SKU]++; seen[[2]string{r.SKU, r.Warehouse}] || r.OnHand < 1 {
				t.Fatalf("%s: %+v", tc.network, r)
			}
			seen[[2]string{r.SKU, r.Warehouse}] = true
			units += int(r.OnHand)
		}
		if len(of) != 1_000 {
			t.Errorf("%s: %d SKUs have stock", tc.network, len(of))
		}
		for k := 1; k < len(w.SKUs()); k++ {
			if strings.Contains(tc.network, "popular") && of[w.SKUs()[k]] > of[w.SKUs()[k-1]] {
				t.Errorf("%s: rank %d is in %d warehouses, and the one before in %d", tc.network, k, of[w.SKUs()[k]], of[w.SKUs()[k-1]])
			}
		}
		demand := 50_000 * 2 * 2
		if units < demand || units > demand+w.Cells()+1_000 {
			t.Errorf("%s: %d units for a demand of %d", tc.network, units, demand)
		}
	}
	w := made(t, strings.Replace(tiny, "stocked: 40%", "stocked: 40%, stock: plenty", 1), 1)
	for _, r := range w.Source().Stock {
		if r.OnHand != plenty {
			t.Fatalf("%+v is not plenty", r)
		}
	}
}

// TestSameSeed makes a workload twice, and others from another seed and from specs that differ in one thing.
func TestSameSeed(t *testing.T) {
	a, b := made(t, tiny, 7), made(t, tiny, 7)
	if a.Hash() != b.Hash() || !reflect.DeepEqual(a.Source(), b.Source()) {
		t.Error("the same spec and seed are different workloads")
	}
	x, y := a.Events(a.Arrivals()), b.Events(b.Arrivals())
	var e, f Event
	for range 20_000 {
		if x.Next(&e); !y.Next(&f) || !reflect.DeepEqual(e, f) {
			t.Fatalf("%+v and %+v", e, f)
		}
	}
	seen := map[string]string{a.Hash(): "the spec"}
	for name, text := range map[string]string{
		"rate": strings.Replace(tiny, "100/s", "101/s", 1), "zipf": strings.Replace(tiny, "0.7", "0.701", 1), "stock": strings.Replace(tiny, "40%}", "40%, stock: 9 days}", 1),
		"ship": strings.Replace(tiny, "ship: {share: 50%", "ship: {share: 50.01%", 1), "flash": strings.Replace(tiny, "at: 30s", "at: 3000s", 1),
		"start": tiny + "start: 2026-10-06T00:00:00Z\n",
	} {
		h := made(t, text, 7).Hash()
		if was, ok := seen[h]; ok {
			t.Errorf("%s has the hash of %s", name, was)
		}
		seen[h] = name
	}
	if made(t, tiny, 8).Hash() == a.Hash() {
		t.Error("another seed has the same hash")
	}
	if s := strings.Replace(tiny, "name: tiny", "# a remark\nname:   tiny", 1); made(t, s, 7).Hash() != a.Hash() {
		t.Error("a remark changes the hash")
	}
}

// TestPinned holds the events of one workload against those of the day on which this was written. What fails here breaks the promise
// that a workload is the same on any machine and in any version; change it only on purpose, and say so in the change log.
func TestPinned(t *testing.T) {
	w := made(t, tiny, 7)
	h := fnv.New64a()
	s := w.Events(w.Arrivals())
	for e := (Event{}); e.Number < 20_000 && s.Next(&e); {
		fmt.Fprintf(h, "%d %d %s %d %q %v %+v %v %q %q %d\n", e.Number, e.Due, e.Kind, e.Of, e.Order.ID, e.Order.Lines, e.Order.To, e.Order.Promise, e.Warehouse, e.SKU, e.Quantity)
	}
	for _, r := range w.Source().Stock {
		fmt.Fprintln(h, r.Warehouse, r.SKU, r.OnHand)
	}
	if got := fmt.Sprintf("%016x", h.Sum64()); got != "e998a1cbe42d49b1" {
		t.Errorf("the workload is another one: %s", got)
	}
}

// TestWorkers draws streams of one workload side by side.
func TestWorkers(t *testing.T) {
	w := made(t, tiny, 7)
	var sums [4]uint64
	var wg sync.WaitGroup
	for i := range sums {
		wg.Go(func() {
			h := fnv.New64a()
			s := w.Events(w.Arrivals())
			for e := (Event{}); e.Number < 5_000 && s.Next(&e); {
				fmt.Fprintf(h, "%+v\n", e)
			}
			sums[i] = h.Sum64()
		})
	}
	wg.Wait()
	if slices.Min(sums[:]) != slices.Max(sums[:]) {
		t.Errorf("streams differ: %x", sums)
	}
}

// TestOrdersDoNotDependOnTheRate draws the same orders at two rates, with other things between them.
func TestOrdersDoNotDependOnTheRate(t *testing.T) {
	text := strings.Replace(strings.Replace(tiny, "promise: {none: 50%, 4: 30%, 9: 20%}", "", 1), "flash: [{rank: 2, at: 30s, for: 10s, share: 50%}]", "", 1)
	orders := func(text string, a func(*Workload) Arrivals) (out []engine.Order) {
		w := made(t, text, 5)
		s := w.Events(a(w))
		for e := (Event{}); len(out) < 2_000 && s.Next(&e); {
			if e.Kind == Allocate {
				out = append(out, clone(&e).Order)
			}
		}
		return out
	}
	want := orders(text, func(w *Workload) Arrivals { return w.Arrivals() })
	for name, got := range map[string][]engine.Order{
		"constant":   orders(text, func(*Workload) Arrivals { return Constant(3) }),
		"other fate": orders(strings.Replace(text, "confirm: {share: 70%, after: 1s}", "confirm: {share: 10%, after: 9s}", 1), func(w *Workload) Arrivals { return Scaled(w.Arrivals(), 40) }),
		"no quotes":  orders(strings.Replace(text, "quotes: 1.5", "quotes: 0", 1), func(*Workload) Arrivals { return Poisson(1e6, 3) }),
	} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the orders are others", name)
		}
	}
}

// TestStreamProperties checks what holds for the events of any workload.
func TestStreamProperties(t *testing.T) {
	top := int(15e6)
	if testing.Short() {
		top = 2e6
	}
	rapid.Check(t, func(t *rapid.T) {
		percent := func(name string, most int) units.Percent {
			return units.Percent(rapid.IntRange(0, most).Draw(t, name))
		}
		after := func(name string) Duration {
			return Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, name))
		}
		s := Default()
		s.Name = "x"
		s.Network.Warehouses, s.Network.SKUs = rapid.IntRange(1, 6).Draw(t, "warehouses"), rapid.IntRange(1, 60).Draw(t, "skus")
		s.SKUs.Zipf = Decimal(rapid.IntRange(0, 3_000).Draw(t, "zipf"))
		s.SKUs.Basket = BasketSpec{Size: rapid.IntRange(2, 9).Draw(t, "size"), Share: percent("basket", 10_000)}
		one := percent("one", 10_000)
		s.Orders.Lines = Shares{{1, one}, {rapid.IntRange(2, MaxLines).Draw(t, "lines"), 10_000 - one}}
		s.Orders.Quotes, s.Orders.QuotedBefore = Decimal(rapid.IntRange(0, 4_000).Draw(t, "quotes")), after("quoted")
		s.Orders.Repeats = FateSpec{percent("repeats", 10_000), after("repeated")}
		confirm, ship := percent("confirm", 10_000), percent("ship", 10_000)
		s.Holds = HoldSpec{FateSpec{confirm, after("a")}, FateSpec{10_000 - confirm, after("b")}, FateSpec{ship, after("c")}, FateSpec{10_000 - ship, after("d")}}
		s.Restock.PerOrder = Decimal(rapid.IntRange(0, 2_000).Draw(t, "restock"))
		s.Arrivals.Rate = 1e6
		w, err := New(&s, rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		profile := &Profile{Kind: rapid.SampledFrom([]string{KindPoisson, KindConstant}).Draw(t, "kind")}
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			from := &Level{Rate: Rate(rapid.IntRange(0, top).Draw(t, "from"))}
			to := &Level{Rate: Rate(rapid.IntRange(0, top).Draw(t, "to"))}
			profile.Steps = append(profile.Steps, Step{Duration(rapid.IntRange(1, 3e9).Draw(t, "for")), from, to})
		}
		a, err := profile.Arrivals(0, 1)
		if err != nil {
			t.Fatal(err)
		}
		check(t, w, w.Events(a))
	})
}

// fatalf is what check tells by.
type fatalf interface {
	Fatalf(format string, args ...any)
}

// check runs a stream to its end.
func check(t fatalf, w *Workload, s *Stream) {
	known := map[string]bool{}
	for _, id := range w.SKUs() {
		known[id] = true
	}
	stocked := map[[2]string]bool{}
	for k, sku := range w.SKUs() {
		for _, at := range w.cells.warehouse[w.cells.from[k]:w.cells.from[k+1]] {
			stocked[[2]string{w.warehouses[at], sku}] = true
		}
	}
	due := map[int64]time.Duration{} // of Allocates and of their confirmations
	confirmed := map[int64]time.Duration{}
	ends := map[int64]Kind{}
	repeated := map[int64]bool{}
	ids := map[string]bool{}
	n := map[Kind]int{}
	last := time.Duration(0)
	var e Event
	for number := int64(0); s.Next(&e); number++ {
		if e.Number != number || e.Due < last {
			t.Fatalf("event %d, due %s, is number %d and comes after %s", e.Number, e.Due, number, last)
		}
		last = e.Due
		n[e.Kind]++
		began, allocated := due[e.Of]
		switch e.Kind {
		case Allocate, Quote:
			if e.Of != -1 || e.Order.ID == "" || ids[e.Order.ID] || len(e.Order.Lines) == 0 || e.Order.To.Postal == "" {
				t.Fatalf("%+v", e)
			}
			ids[e.Order.ID] = true
			seen := map[string]bool{}
			for _, ln := range e.Order.Lines {
				if !known[ln.SKU] || seen[ln.SKU] || ln.Quantity < 1 {
					t.Fatalf("%+v", e)
				}
				seen[ln.SKU] = true
			}
			if e.Kind == Allocate {
				due[e.Number] = e.Due
			}
		case Restock:
			if e.Of != -1 || e.Quantity < 1 || !stocked[[2]string{e.Warehouse, e.SKU}] {
				t.Fatalf("%+v", e)
			}
		case Repeat:
			if !allocated || repeated[e.Of] || !within(e.Due-began, w.Spec().Orders.Repeats) {
				t.Fatalf("%+v of an order due at %s", e, began)
			}
			repeated[e.Of] = true
		case Confirm, Release:
			f := w.Spec().Holds.Confirm
			if e.Kind == Release {
				f = w.Spec().Holds.Release
			}
			if !allocated || ends[e.Of] != 0 || !within(e.Due-began, f) {
				t.Fatalf("%+v of an order due at %s, after %s", e, began, ends[e.Of])
			}
			if ends[e.Of] = e.Kind; e.Kind == Confirm {
				confirmed[e.Of] = e.Due
			}
		case Ship, Cancel:
			f := w.Spec().Holds.Ship
			if e.Kind == Cancel {
				f = w.Spec().Holds.Cancel
			}
			at, ok := confirmed[e.Of]
			if !ok || ends[e.Of] != Confirm || !within(e.Due-at, f) {
				t.Fatalf("%+v of a hold confirmed at %s, after %s", e, at, ends[e.Of])
			}
			ends[e.Of] = e.Kind
		}
		if e.Kind != Restock && (e.SKU != "" || e.Warehouse != "" || e.Quantity != 0) || e.Kind > Quote && (e.Order.ID != "" || len(e.Order.Lines) > 0) {
			t.Fatalf("%+v has what an event before it had", e)
		}
	}
	if s.InFlight() != 0 || s.Next(&e) {
		t.Fatalf("after the end %d events wait, or one comes", s.InFlight())
	}
	// Here every hold is confirmed or released, and every confirmed one shipped or cancelled.
	h := &w.Spec().Holds
	if h.Confirm.Share+h.Release.Share == units.WholePercent && n[Confirm]+n[Release] != n[Allocate] {
		t.Fatalf("of %d holds %d are confirmed and %d released", n[Allocate], n[Confirm], n[Release])
	}
	if h.Ship.Share+h.Cancel.Share == units.WholePercent && n[Ship]+n[Cancel] != n[Confirm] {
		t.Fatalf("of %d confirmed holds %d are shipped and %d cancelled", n[Confirm], n[Ship], n[Cancel])
	}
}

func within(d time.Duration, f FateSpec) bool {
	return d >= time.Duration(f.After)/2-time.Second/1e6 && d <= time.Duration(f.After)*3/2
}

// TestCheckNotices is the control of check: it sees orders that come twice.
func TestCheckNotices(t *testing.T) {
	w := made(t, tiny, 1)
	s := w.Events(Constant(10))
	s.order = 5
	s.lanes[laneOrders].push(pending{order: 5})
	s.heap = append(s.heap, laneOrders)
	s.times = &pacedTimes{p: newPaced(paced{}), done: true}
	var r recorder
	func() {
		defer func() { _ = recover() }()
		check(&r, w, s)
	}()
	if r.told == "" {
		t.Error("an order that comes twice was not noticed")
	}
}

// A recorder keeps what check tells and stops it.
type recorder struct{ told string }

func (r *recorder) Fatalf(format string, args ...any) {
	r.told = fmt.Sprintf(format, args...)
	panic(r.told)
}

// TestShares counts a large sample of one seed and holds it against the spec, by six standard deviations of what a fair draw
// does. The seed is fixed, so that the answer is too.
func TestShares(t *testing.T) {
	orders := 120_000
	if testing.Short() {
		orders = 20_000
	}
	w := made(t, strings.Replace(tiny, "flash: [{rank: 2, at: 30s, for: 10s, share: 50%}]", "", 1), 42)
	s := w.Events(Constant(1_000))
	n := map[Kind]int{}
	got := map[string]int{}
	lines := 0
	for e := (Event{}); n[Allocate] < orders && s.Next(&e); {
		if n[e.Kind]++; e.Kind != Allocate {
			continue
		}
		got[fmt.Sprintf("lines %d", len(e.Order.Lines))]++
		if e.Order.To.Commercial {
			got["commercial"]++
		}
		days := 0
		if e.Order.Promise.Date != 0 {
			days = int(e.Order.Promise.Date) - int((int64(w.Start())+int64(e.Due/time.Second))/86_400)
		}
		got[fmt.Sprintf("promise %d", days)]++
		for _, ln := range e.Order.Lines {
			got[fmt.Sprintf("units %d", ln.Quantity)]++
			lines++
		}
	}
	near := func(name string, got, of int, share float64) {
		t.Helper()
		// What is on its way at the end of the sample counts as missing: 1,000 orders a second for at most 12 seconds.
		late := map[string]float64{"confirm": 1_500, "release": 3_000, "repeat": 450, "ship": 7_500, "cancel": 6_000, "quote": 0}[name] * share
		if tolerance := 6*math.Sqrt(float64(of)*share*(1-share)) + late; math.Abs(float64(got)-share*float64(of)) > tolerance {
			t.Errorf("%s: %d of %d, want %.1f", name, got, of, share*float64(of))
		}
	}
	for name, share := range map[string]float64{"lines 1": 0.4, "lines 2": 0.35, "lines 4": 0.25, "commercial": 0.15, "promise 0": 0.5, "promise 4": 0.3, "promise 9": 0.2} {
		near(name, got[name], orders, share)
	}
	near("units 1", got["units 1"], lines, 0.8)
	near("units 3", got["units 3"], lines, 0.2)
	near("repeat", n[Repeat], orders, 0.1)
	near("confirm", n[Confirm], orders, 0.7)
	near("release", n[Release], orders, 0.2)
	near("ship", n[Ship], n[Confirm], 0.5)
	near("cancel", n[Cancel], n[Confirm], 0.25)
	near("restock", n[Restock], orders, 0.4)
	near("half a quote", n[Quote]-orders, orders, 0.5) // as many of later orders as came before the beginning
	if sum := got["units 1"] + got["units 3"]; sum != lines {
		t.Errorf("%d of %d lines have other numbers of units", lines-sum, lines)
	}
}

// TestQuotesBegin: quotes come at their rate from the beginning, however long they come before orders; those that would have come before
// the beginning do not come all at once.
func TestQuotesBegin(t *testing.T) {
	w := made(t, "name: x\nnetwork: {skus: 1000, warehouses: 2}\norders: {quotes: 2, quoted_before: 2m}\narrivals: {kind: constant, rate: 100/s}", 5)
	n := map[int]int{}
	s := w.Events(w.Arrivals())
	for e := (Event{}); s.Next(&e) && e.Due < 40*time.Second; {
		if e.Kind == Quote {
			n[int(e.Due/(10*time.Second))]++
		}
	}
	for i := range 4 {
		if n[i] < 1_800 || n[i] > 2_200 {
			t.Errorf("%d quotes in the %d. ten seconds, want 2,000", n[i], i+1)
		}
	}
}

// TestZipf counts the first lines of orders by rank.
func TestZipf(t *testing.T) {
	w := made(t, "name: x\nnetwork: {skus: 1000, warehouses: 2}\nskus: {zipf: 1.1}\narrivals: {rate: 1000/s}", 11)
	rank := map[string]int{}
	for k, id := range w.SKUs() {
		rank[id] = k
	}
	if len(rank) != 1_000 || rank["s0000000"] == 0 && rank["s0000001"] == 1 && rank["s0000002"] == 2 {
		t.Errorf("ranks are not shuffled: %d SKUs", len(rank))
	}
	const orders = 100_000
	count := make([]int, 1_000)
	s := w.Events(w.Arrivals())
	for e := (Event{}); e.Number < orders-1 && s.Next(&e); {
		count[rank[e.Order.Lines[0].SKU]]++
	}
	sum := 0.0
	for k := range count {
		sum += math.Pow(float64(k+1), -1.1)
	}
	// Of all ranks together, by the chi-square test; 1,239 is passed by one fair sample in ten million.
	chi, pooled, expected := 0.0, 0, 0.0
	for k, n := range count {
		pooled, expected = pooled+n, expected+orders*math.Pow(float64(k+1), -1.1)/sum
		if expected >= 10 {
			chi += (float64(pooled) - expected) * (float64(pooled) - expected) / expected
			pooled, expected = 0, 0
		}
	}
	if chi > 1_239 {
		t.Errorf("chi-square is %.0f", chi)
	}
	if want := w.Demand(1); math.Abs(want-1/sum) > 1e-9 || math.Abs(w.Demand(1_000)-1) > 1e-12 {
		t.Errorf("the best has %v of the demand, want %v", want, 1/sum)
	}
}

// TestBaskets counts lines of the group of an order's first line, with baskets and without.
func TestBaskets(t *testing.T) {
	share := func(basket string) float64 {
		w := made(t, "name: x\nnetwork: {skus: 5000, warehouses: 2}\nskus: {zipf: 0.5, basket: {size: 10, share: "+basket+"}}\norders: {lines: {3: 100%}}\narrivals: {rate: 1000/s}", 11)
		rank := map[string]int{}
		for k, id := range w.SKUs() {
			rank[id] = k
		}
		s, same, lines := w.Events(w.Arrivals()), 0, 0
		for e := (Event{}); e.Number < 20_000 && s.Next(&e); {
			first := rank[e.Order.Lines[0].SKU] / 10
			for _, ln := range e.Order.Lines[1:] {
				if lines++; rank[ln.SKU]/10 == first {
					same++
				}
			}
		}
		return float64(same) / float64(lines)
	}
	// A line of the group that repeats one of the order is drawn anew from all: a tenth to a fifth of them.
	if got := share("60%"); got < 0.48 || got > 0.57 {
		t.Errorf("%.3f of the lines are of the basket of the first, of 60%% that are to be", got)
	}
	if got := share("0%"); got > 0.02 {
		t.Errorf("without baskets %.3f are", got)
	}
}

// TestPopulation counts orders by state.
func TestPopulation(t *testing.T) {
	w := made(t, "name: x\nnetwork: {skus: 10, warehouses: 2}\narrivals: {rate: 1000/s}", 11)
	of := map[string]int{}
	s := w.Events(w.Arrivals())
	const orders = 60_000
	for e := (Event{}); e.Number < orders-1 && s.Next(&e); {
		row, ok := w.places.Lookup(e.Order.To.Country, e.Order.To.Postal)
		if !ok {
			t.Fatalf("%+v is nowhere", e.Order.To)
		}
		of[w.places.Region(row)]++
	}
	people := int64(0)
	for state := range of {
		people += census.Residents[state]
	}
	if len(of) != 49 || of["AK"]+of["HI"]+of["PR"] > 0 {
		t.Errorf("orders go to %d states", len(of))
	}
	for _, state := range slices.Sorted(maps.Keys(of)) {
		want := float64(orders) * float64(census.Residents[state]) / float64(people)
		if got := float64(of[state]); math.Abs(got-want) > 6*math.Sqrt(want)+1 {
			t.Errorf("%s: %.0f orders, want %.0f", state, got, want)
		}
	}
	few := made(t, "name: x\nnetwork: {skus: 10, warehouses: 2}\ndestinations: {places: 100}\narrivals: {rate: 1000/s}", 11)
	if n := few.Places(); n < 90 || n > 100 {
		t.Errorf("%d places of 100 draws", n)
	}
}

// TestFlash counts what is bought while a sale is on, and before and after it.
func TestFlash(t *testing.T) {
	w := made(t, tiny+"  \n", 3)
	hot := w.SKUs()[1]
	count := func(e *Event, n *[2]int) {
		n[1]++
		if len(e.Order.Lines) == 1 && e.Order.Lines[0].SKU == hot {
			n[0]++
		}
	}
	var during, outside [2]int
	s := w.Events(Constant(1_000))
	for e := (Event{}); e.Due < 45*time.Second && s.Next(&e); {
		switch {
		case e.Kind != Allocate:
		case e.Due >= 30*time.Second && e.Due < 40*time.Second:
			count(&e, &during)
		default:
			count(&e, &outside)
		}
	}
	if during[1] != 10_000 || during[0] < 4_900 || during[0] > 5_300 {
		t.Errorf("during the sale %d", during)
	}
	if outside[0]*50 > outside[1] {
		t.Errorf("outside of it %d", outside)
	}
	surging := made(t, strings.Replace(tiny, "share: 50%}]", "share: 50%, surge: 3}]", 1), 3)
	a := surging.Arrivals()
	for at, want := range map[time.Duration]float64{0: 100, 29 * time.Second: 100, 31 * time.Second: 300, 39 * time.Second: 300, 41 * time.Second: 100} {
		if got := a.Rate(at); math.Abs(got-want) > 1e-6 {
			t.Errorf("at %s %v orders a second, want %v", at, got, want)
		}
	}
}

// TestDirectory takes the network of a directory, and writes a workload that names what lies beside it.
func TestDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("the example is compiled several times")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "net"), os.DirFS("../../examples/us-parcel")); err != nil {
		t.Fatal(err)
	}
	counts := "# orders a second\n3\n0\n\n5\n"
	if err := os.WriteFile(filepath.Join(dir, "counts.txt"), []byte(counts), 0o666); err != nil {
		t.Fatal(err)
	}
	text := "name: us # not a file: or directory: of it\nnetwork: {directory: net}\norders: {quotes: 1}\nrestock: {per_order: 1}\narrivals: {kind: recorded, file: 'counts.txt', again: yes}\n"
	text = strings.Replace(text, "yes", "true", 1)
	file := filepath.Join(dir, "spec.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	spec, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	snap, stock, err := network.Load(filepath.Join(dir, "net"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := network.Compile(w.Source(), nil); err != nil || got.Version != snap.Version || len(w.Source().Stock) != len(stock.Rows) {
		t.Errorf("the network is another one: %v", err)
	}
	eng, err := engine.New(snap, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	view := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	scratch := eng.NewScratch()
	s := w.Events(w.Arrivals())
	var d engine.Decision
	for e := (Event{}); e.Number < 3_000 && s.Next(&e); {
		if e.Kind == Restock {
			if _, ok := snap.Warehouse(e.Warehouse); !ok {
				t.Fatalf("%+v: no such warehouse", e)
			}
			continue
		}
		if err := eng.Decide(view, &e.Order, w.Start(), scratch, &d); err != nil {
			t.Fatalf("%+v: %v", e.Order, err)
		}
	}
	out := filepath.Join(dir, "out")
	if err := w.Write(out); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "net")); err != nil {
		t.Fatal(err)
	}
	if spec, err = Open(filepath.Join(out, "workload.yaml")); err != nil {
		t.Fatal(err)
	}
	again, err := New(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != w.Hash() {
		t.Error("what was written is another workload")
	}
	if _, err := New(read(t, "name: x\nnetwork: {directory: nowhere}\narrivals: {rate: 1/s}"), 1); err == nil {
		t.Error("a directory that is not there was read")
	}
	if _, err := New(read(t, "name: x\narrivals: {kind: recorded, file: nowhere.txt}"), 1); err == nil {
		t.Error("a record that is not there was read")
	}
}

// TestStreamAllocates counts allocations: those of names, which 256 events share, and of queues that grow.
func TestStreamAllocates(t *testing.T) {
	if enginetest.RaceDetector {
		t.Skip("allocations are not counted under the race detector")
	}
	w := made(t, tiny, 1)
	s := w.Events(w.Arrivals())
	var e Event
	for range 50_000 {
		s.Next(&e)
	}
	if n := testing.AllocsPerRun(20_000, func() { s.Next(&e) }); n >= 1 {
		t.Errorf("%v allocations an event", n)
	}
}

// spent measures the processor time of a benchmark's loop, which a busy machine stretches least.
func spent(b *testing.B, loop func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	cpu := cputime.Thread()
	loop()
	b.ReportMetric(float64(b.N)/(cputime.Thread()-cpu).Seconds(), "events/cpu-s")
}

// BenchmarkStream draws events: of the specs that come with the package, and of one with more and more SKUs.
func BenchmarkStream(b *testing.B) {
	run := func(name string, s *Spec) {
		var w *Workload
		b.Run(name, func(b *testing.B) {
			if w == nil {
				var err error
				if w, err = New(s, 1); err != nil {
					b.Fatal(err)
				}
			}
			stream := w.Events(w.Arrivals())
			var e Event
			spent(b, func() {
				for b.Loop() {
					stream.Next(&e)
				}
			})
		})
	}
	for _, name := range Builtins() {
		s, _ := Builtin(name)
		run(name, s)
	}
	for _, skus := range []int{10_000, 100_000, 1_000_000} {
		s, _ := Builtin("steady")
		s.Network.SKUs, s.Network.Stocked = skus, 400
		run(fmt.Sprintf("skus=%d", skus), s)
	}
}

// BenchmarkNew makes the largest workload.
func BenchmarkNew(b *testing.B) {
	s, _ := Builtin("large")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(s, 1); err != nil {
			b.Fatal(err)
		}
	}
}
