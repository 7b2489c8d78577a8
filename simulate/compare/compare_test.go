package compare

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	_ "github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

func mustCompare(t testing.TB, base, run Source, o Options) *Comparison {
	t.Helper()
	c, err := Sources(context.Background(), base, []Source{run}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Everything that is said to add up does, on runs that differ in all they can: orders, terms, what is filled, from where.
func TestEverythingAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history, n := rapid.Uint64().Draw(t, "history"), rapid.IntRange(0, 120).Draw(t, "orders")
		rare := rapid.IntRange(2, 30).Draw(t, "one in")
		base := randomRun("base", n, history, 1, []string{"freight", "fuel"}, func(i int) bool { return (i*7)%rare == 1 })
		run := randomRun("run", n, history, 2, []string{"fuel", "handling", "carbon"}, func(i int) bool { return (i*5)%rare == 1 })
		c, err := Sources(t.Context(), base, []Source{run}, Options{Replicates: 10, Rows: rapid.IntRange(0, 5).Draw(t, "rows")})
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, c, base, run)
	})
}

// addsUp computes in the plain way what a comparison should say, and looks whether its tables sum to it.
func addsUp(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *Comparison, base, run Source) {
	t.Helper()
	total := func(s Source) (sum units.Money, filled int64) {
		for o, err := range s.Orders() {
			if err != nil {
				panic(err)
			}
			if o.Outcome == planned {
				sum += o.Cost
				filled++
			}
		}
		return sum, filled
	}
	left, leftFilled := total(base)
	right, rightFilled := total(run)
	a := &c.Runs[0]
	if c.Base.Cost != left || a.Run.Cost != right || c.Base.Filled != leftFilled || a.Run.Filled != rightFilled || a.Change != right-left {
		t.Fatalf("totals %v %v (%d, %d filled), change %v; want %v %v (%d, %d)", c.Base.Cost, a.Run.Cost, c.Base.Filled, a.Run.Filled, a.Change, left, right, leftFilled, rightFilled)
	}
	// Paired by id in the plain way.
	byID := map[string]results.Order{}
	for o, err := range base.Orders() {
		if err != nil {
			panic(err)
		}
		byID[o.ID] = *o
	}
	var paired, onlyRun units.Money
	pairs := int64(0)
	for o, err := range run.Orders() {
		if err != nil {
			panic(err)
		}
		b, ok := byID[o.ID]
		if !ok {
			onlyRun += cost(o)
			continue
		}
		pairs++
		paired += cost(o) - cost(&b)
		delete(byID, o.ID)
	}
	onlyBase := units.Money(0)
	for _, b := range byID {
		onlyBase += cost(&b)
	}
	if a.Pairing.Paired != pairs || paired+onlyRun-onlyBase != a.Change {
		t.Fatalf("%d pairs whose differences sum to %v, with %v and %v of the unpaired; comparison has %d and %v", pairs, paired, onlyRun, -onlyBase, a.Pairing.Paired, a.Change)
	}
	if a.Moves.Change != paired || a.Services.Change != paired || a.Moves.Moved+a.Moves.Stayed != pairs || a.Services.Moved+a.Services.Stayed != pairs {
		t.Fatalf("moves sum to %v and %v, want %v; %+v", a.Moves.Change, a.Services.Change, paired, a.Moves)
	}
	sum := units.Money(0)
	for i, s := range a.Waterfall {
		if i > 0 && i < len(a.Waterfall)-1 {
			sum += s.Amount
			if s.Amount == 0 || s.Level != left+sum {
				t.Fatalf("step %+v stands at %v", s, left+sum)
			}
		}
	}
	if last := a.Waterfall[len(a.Waterfall)-1]; sum != a.Change || last.Level != right || last.Amount != right {
		t.Fatalf("waterfall sums to %v and ends at %+v; want %v and %v", sum, last, a.Change, right)
	}
	whole := func(name string, rows []Part, rest *Part, orders bool) {
		t.Helper()
		p := Part{}
		for i := range rows {
			p.plus(&rows[i])
		}
		if rest != nil {
			p.plus(rest)
		}
		if p.Base != left || p.Run != right || p.Change != a.Change || p.Alike+p.Filling+p.Unpaired != p.Change || p.Unpaired != onlyRun-onlyBase {
			t.Fatalf("%s sum to %+v, want %v to %v", name, p, left, right)
		}
		if orders && (p.BaseOrders != c.Base.Orders || p.RunOrders != a.Run.Orders || p.BaseFilled != leftFilled || p.RunFilled != rightFilled || p.Both != a.Pairing.Both) {
			t.Fatalf("%s count %+v", name, p)
		}
	}
	whole("states", a.States.Rows, a.States.Rest, true)
	whole("cells", a.Cells.Rows, a.Cells.Rest, true)
	whole("SKUs", a.SKUs.Rows, a.SKUs.Rest, false)
	var days []Part
	for _, d := range a.Days {
		days = append(days, d.Part)
	}
	whole("days", days, nil, true)
	shipments := int64(0)
	for o, err := range run.Orders() {
		if err != nil {
			panic(err)
		}
		shipments += int64(len(o.Shipments))
	}
	for _, l := range a.Loads {
		shipments -= l.Run
	}
	if shipments != 0 {
		t.Fatalf("loads of the run miss %d shipments", shipments)
	}
	// Terms of cost, per order filled in both, sum to the cost per order.
	terms, per := 0.0, 0.0
	for _, f := range a.Figures {
		switch {
		case f.Name == "cost_per_order":
			per = float64(f.Change.Value)
		case strings.HasPrefix(f.Name, "cost_"):
			terms += float64(f.Change.Value)
		}
	}
	if a.Pairing.Both > 0 && math.Abs(terms-per) > 1e-9 {
		t.Fatalf("terms change by %v an order, and the cost by %v", terms, per)
	}
}

// Figures are what counting says, in the plain way.
func TestFigures(t *testing.T) {
	base := randomRun("base", 800, 3, 4, []string{"freight", "fuel"}, nil)
	run := randomRun("run", 800, 3, 5, []string{"freight", "fuel"}, nil)
	c := mustCompare(t, base, run, Options{Replicates: 10})
	orders := [2][]results.Order{collect(base), collect(run)}
	for side := range orders {
		sums := map[string]float64{}
		add := func(name string, v float64) { sums[name] += v }
		for i, o := range orders[side] {
			if orders[0][i].FloorOutcome == planned && orders[1][i].FloorOutcome == planned {
				add("floored", 1)
				add("floor_per_order", float64(o.Floor)/1e6)
			}
			if o.Outcome != planned {
				continue
			}
			add("filled_share", 1)
			add("total_cost", float64(o.Cost)/1e6)
			chance, lost := 1.0, 0.0
			for _, s := range o.Shipments {
				chance *= float64(s.InTime) / 10_000
				if s.Lost {
					lost = 1
				}
			}
			add("lost_share", lost)
			if o.Promised {
				add("promised", 1)
				add("late_share", 1-chance)
				if !o.Missed {
					add("on_time_share", 1)
				}
				if !o.Late {
					add("planned_on_time_share", 1)
				}
			}
			if orders[1-side][i].Outcome != planned {
				continue
			}
			add("both", 1)
			add("cost_per_order", float64(o.Cost)/1e6)
			add("cost_split", float64(o.SplitCost)/1e6)
			add("shipments_per_order", float64(len(o.Shipments)))
			if len(o.Shipments) > 1 {
				add("split_share", 1)
			}
			for _, s := range o.Shipments {
				add("freight_per_order", float64(s.Freight)/1e6)
				add("km_per_order", float64(s.Metres)/1e3)
				add("co2_per_order", float64(s.CO2Grams))
				add("transit_days", float64(s.DeliveryDate-s.ShipDate)+float64(s.Delayed))
				add("cost_freight", float64(s.Costs[0])/1e6)
				add("cost_fuel", float64(s.Costs[1])/1e6)
			}
		}
		of := map[string]float64{"total_cost": 1, "filled_share": 800, "lost_share": sums["filled_share"], "late_share": sums["promised"], "on_time_share": sums["promised"],
			"planned_on_time_share": sums["promised"], "floor_per_order": sums["floored"], "transit_days": sums["shipments_per_order"]}
		for _, f := range c.Runs[0].Figures {
			n, ok := of[f.Name]
			if !ok {
				n = sums["both"]
			}
			got, want := float64([]Estimate{f.Base, f.Run}[side].Value), sums[f.Name]/n
			if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) || want == 0 {
				t.Errorf("%s of run %d is %v, want %v", f.Name, side, got, want)
			}
		}
	}
}

// A run against itself: nothing changes, nothing moves, and every interval of a change is zero.
func TestRunAgainstItself(t *testing.T) {
	run := randomRun("base", 500, 3, 4, []string{"freight", "fuel"}, nil)
	thresholds, err := ParseThresholds("cost<=+0%, on-time>=-0pp surely, filled>=-0%, total<=+0")
	if err != nil {
		t.Fatal(err)
	}
	c := mustCompare(t, run, run, Options{Replicates: 50, Thresholds: thresholds})
	a := c.Runs[0]
	if a.Change != 0 || a.Moves.Moved != 0 || a.Services.Moved != 0 || a.Pairing.Paired != 500 || !c.Go || len(a.Waterfall) != 2 {
		t.Fatalf("%+v %+v %+v", a.Pairing, a.Waterfall, a.Verdict)
	}
	for _, f := range a.Figures {
		if f.Change.Value != 0 || *f.Change.Interval != (Interval{}) || f.Change.Clear() {
			t.Errorf("%s changes by %+v", f.Name, f.Change)
		}
	}
	one, err := One(t.Context(), run, Options{Replicates: 50, Thresholds: thresholds})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(one.Runs[0].States.Rows, func(a, b Part) int { return int(b.Run - a.Run) }) {
		t.Error("states of one run are not by cost")
	}
	one.Single = false
	if got, want := encode(t, one), encode(t, c); got != want {
		t.Error("One tells something else of a run than comparing it with itself")
	}
}

// Control of the two tests above: another run does differ, and the sums would show an order that is lost.
func TestSumsShowALostOrder(t *testing.T) {
	base := randomRun("base", 200, 5, 6, []string{"freight"}, nil)
	run := randomRun("run", 200, 5, 7, []string{"freight"}, nil)
	c := mustCompare(t, base, run, Options{Replicates: 10})
	if c.Runs[0].Change == 0 || c.Runs[0].Moves.Moved == 0 {
		t.Fatal("random runs do not differ")
	}
	fewer := collect(run)
	at := slices.IndexFunc(fewer, func(o results.Order) bool { return o.Cost > 0 })
	fewer = slices.Delete(fewer, at, at+1)
	failed := &recorder{}
	func() {
		defer func() { _ = recover() }()
		addsUp(failed, c, base, source("run", run.Terms, fewer))
	}()
	if failed.text == "" {
		t.Error("an order less goes unnoticed")
	}
}

type recorder struct{ text string }

func (*recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.text = fmt.Sprintf(format, args...)
	panic(r.text)
}

func encode(t testing.TB, c *Comparison) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// One core and four give the same bytes, and so does another order of the runs.
func TestDeterministic(t *testing.T) {
	n := 6000 // more than there are blocks
	if testing.Short() {
		n = 600
	}
	base := randomRun("base", n, 8, 9, []string{"freight", "fuel"}, nil)
	runs := []Source{randomRun("a", n, 8, 10, []string{"freight"}, nil), randomRun("b", n, 8, 11, []string{"fuel"}, nil)}
	var first string
	for _, workers := range []int{1, 4} {
		c, err := Sources(t.Context(), base, runs, Options{Replicates: 40, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if got := encode(t, c); first == "" {
			first = got
		} else if got != first {
			t.Errorf("%d workers give other bytes", workers)
		}
	}
	other := mustCompare(t, base, runs[0], Options{Replicates: 40, Seed: 7})
	if encode(t, other) == encode(t, mustCompare(t, base, runs[0], Options{Replicates: 40})) {
		t.Error("control: another seed gives the same intervals")
	}
}

// Orders are paired by id within a moment, whatever their order in it and whatever stands between them.
func TestPairing(t *testing.T) {
	order := func(id string, at int, items string) results.Order {
		return results.Order{ID: id, At: testDay + units.Instant(at), Items: items, Outcome: "OUT_OF_STOCK"}
	}
	base := source("base", nil, []results.Order{order("a", 0, "x:1"), order("b", 0, "x:1"), order("c", 0, "x:1"), order("d", 5, "x:1"), order("e", 6, "x:1"), order("g", 9, "x:1"), order("g", 9, "x:1")})
	run := source("run", nil, []results.Order{order("c", 0, "x:1"), order("b+2", 0, "x:1"), order("a", 0, "x:1"), order("b", 0, "x:2"), order("e", 6, "x:1"), order("f", 7, "x:1"), order("g", 9, "x:1"), order("h", 99, "x:1")})
	p := mustCompare(t, base, run, Options{}).Runs[0].Pairing
	want := Pairing{Paired: 4, OnlyBase: 3, OnlyRun: 4, Altered: 1} // a c e g; b d g; b b+2 f h; b
	if p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}

	_, err := Sources(t.Context(), base, []Source{source("run", nil, []results.Order{order("a", 3, ""), order("b", 2, "")})}, Options{})
	if err == nil || !strings.Contains(err.Error(), `run is not in time order: order "b"`) {
		t.Errorf("out of order: %v", err)
	}
	broken := errors.New("disk gone")
	bad := base
	bad.Orders = func() iter.Seq2[*results.Order, error] {
		return func(yield func(*results.Order, error) bool) { yield(nil, broken) }
	}
	for _, pair := range [][2]Source{{bad, run}, {base, bad}} {
		if _, err := Sources(t.Context(), pair[0], []Source{pair[1]}, Options{}); !errors.Is(err, broken) {
			t.Errorf("broken run: %v", err)
		}
	}
	euro := run
	euro.Currency = "EUR"
	if _, err := Sources(t.Context(), base, []Source{euro}, Options{}); err == nil {
		t.Error("dollars are compared with euros")
	}
}

func TestCancelled(t *testing.T) {
	base := randomRun("base", 9000, 8, 9, []string{"freight"}, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := Sources(ctx, base, []Source{base}, Options{}); !errors.Is(err, stop) {
		t.Errorf("comparison: %v", err)
	}
	if _, err := One(ctx, base, Options{}); !errors.Is(err, stop) {
		t.Errorf("one run: %v", err)
	}
}

// Of many samples whose true effect is known, the intervals hold it in about as many as they say: 95 %. Seeds are fixed, so
// the count is, too; the band is the binomial's at four standard deviations.
func TestIntervalsCover(t *testing.T) {
	samples, orders := 200, 200
	if testing.Short() {
		samples = 20
	}
	for _, percentile := range []bool{false, true} {
		held, wide := 0, 0
		for s := range samples {
			rng := rand.New(rand.NewPCG(uint64(s), 77))
			base, run := make([]results.Order, orders), make([]results.Order, orders)
			for i := range base {
				o := results.Order{ID: fmt.Sprint(i), At: testDay + units.Instant(i), Outcome: planned, Items: "x:1"}
				c := units.Money(5_000_000 + rng.ExpFloat64()*3_000_000) // orders differ by dollars,
				d := units.Money(250_000 + (rng.ExpFloat64()-1)*500_000) // and the run is 0.25 dearer in the mean, skewed
				for k, cost := range []units.Money{c, c + d} {
					o.Cost = cost
					o.Shipments = []results.Shipment{{Warehouse: "w", Service: "s", Cost: cost, Costs: []units.Money{cost}, InTime: units.Certain}}
					[]*results.Order{&base[i], &run[i]}[k].ID = o.ID
					*[]*results.Order{&base[i], &run[i]}[k] = o
				}
			}
			c := mustCompare(t, source("base", []string{"t"}, base), source("run", []string{"t"}, run), Options{Replicates: 300, Seed: uint64(s) + 1, Percentile: percentile})
			e := c.Runs[0].Figures[0].Change
			if e.Interval.Low <= 0.25 && 0.25 <= e.Interval.High {
				held++
			}
			if level := c.Runs[0].Figures[0].Run.Interval; level.High-level.Low > 2*(e.Interval.High-e.Interval.Low) {
				wide++
			}
		}
		band := 4 * math.Sqrt(float64(samples)*0.95*0.05)
		t.Logf("percentile %v: %d of %d hold the effect", percentile, held, samples)
		if math.Abs(float64(held)-0.95*float64(samples)) > band {
			t.Errorf("percentile %v: %d of %d intervals hold the true effect", percentile, held, samples)
		}
		if wide < samples*9/10 {
			t.Errorf("control: in only %d of %d samples are levels much wider than paired changes; orders differ far more than runs do", wide, samples)
		}
	}
}

// Hashed blocks tell the same interval as orders by themselves, up to what a few thousand blocks can.
func TestBlocksMatchOrders(t *testing.T) {
	if testing.Short() {
		t.Skip("many draws")
	}
	rng := rand.New(rand.NewPCG(5, 5))
	hashed, plain := newBlocks(2), newBlocks(2)
	for i := range 20_000 {
		v := []int64{int64(rng.ExpFloat64() * 1_000_000), 1}
		hashed.add(blockOf(int64(i)), v)
		plain.add(i, v)
	}
	if hashed.len() != MaxBlocks || plain.len() != 20_000 {
		t.Fatal(hashed.len(), plain.len())
	}
	mean := []statistic{func(s []int64) float64 { return float64(s[0]) / float64(s[1]) }}
	o, err := Options{Replicates: 800, Workers: 2}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	h, p := hashed.intervals(mean, o)[0], plain.intervals(mean, o)[0]
	ratio := (h.High - h.Low) / (p.High - p.Low)
	theory := 2 * 1.96 * 1_000_000 / math.Sqrt(20_000)
	t.Logf("hashed %v, plain %v, ratio %.3f; theory's width %.0f", *h, *p, ratio, theory)
	if ratio < 0.9 || ratio > 1.1 || math.Abs((p.High-p.Low)/theory-1) > 0.1 {
		t.Errorf("widths differ by a factor %v", ratio)
	}
}

// The treated mice of Efron and Tibshirani's table 2.1: seven survival times, skewed to the right, so the interval is moved that way.
func TestBCaFollowsSkew(t *testing.T) {
	b := newBlocks(2)
	for i, v := range []int64{94, 197, 16, 38, 99, 141, 23} {
		b.add(i, []int64{v, 1})
	}
	mean := []statistic{func(s []int64) float64 { return float64(s[0]) / float64(s[1]) }}
	o, _ := Options{Replicates: 20_000, Workers: 2}.withDefaults()
	bca := b.intervals(mean, o)[0]
	o.Percentile = true
	plain := b.intervals(mean, o)[0]
	t.Logf("BCa %v, percentile %v", *bca, *plain)
	if bca.Low <= plain.Low || bca.High <= plain.High {
		t.Errorf("BCa %v is not to the right of %v", *bca, *plain)
	}
	// The standard error of a mean is known without drawing: 25.24 by their formula 2.2, and 23.36 with n in the place of n-1, as a draw has it.
	if width := (plain.High - plain.Low) / (2 * 1.96); math.Abs(width-23.36) > 1 {
		t.Errorf("half a percentile interval is %v standard errors", width)
	}
}

func TestReasons(t *testing.T) {
	ship := func(id string, at int, warehouse string, runnerUp string) results.Order {
		o := results.Order{ID: id, At: testDay + units.Instant(at), Items: "x:1", Outcome: planned, Cost: 10, RunnerUpWarehouse: runnerUp, Why: "fuel"}
		o.Shipments = []results.Shipment{{Warehouse: warehouse, Carrier: "c", Service: "s", Cost: 10, Costs: []units.Money{4, 6}}}
		return o
	}
	refused := func(id string, at int) results.Order {
		return results.Order{ID: id, At: testDay + units.Instant(at), Items: "x:1", Outcome: "OUT_OF_STOCK"}
	}
	var base, run []results.Order
	for i := range 100 {
		id := fmt.Sprintf("%02d", i)
		base = append(base, ship(id, i, "reno", "atl"))
		switch {
		case i < 20: // still there
			run = append(run, ship(id, i, "reno", "atl"))
		case i < 30: // dearer
			run = append(run, ship(id, i, "atl", "reno"))
		case i < 35: // not offered, though it is used later
			run = append(run, ship(id, i, "atl", "dfw"))
		case i == 35:
			run = append(run, ship(id, i, "reno", "atl"))
		case i < 40:
			run = append(run, refused(id, i))
		default: // closed
			o := ship(id, i, "atl", "dfw")
			o.Shipments[0].Costs = []units.Money{9, 6}
			o.Shipments[0].Cost, o.Cost = 15, 15
			run = append(run, o)
		}
	}
	moves := mustCompare(t, source("base", []string{"freight", "fuel"}, base), source("run", []string{"freight", "fuel"}, run), Options{Replicates: 10}).Runs[0].Moves
	want := []Move{
		{From: "reno", To: "atl", Orders: 75, Base: 750, Run: 1050, Change: 300, Term: "freight", TermChange: 300, Reasons: []Count{
			{"reno closed or empty: it ships nothing any more", 60}, {"now cheaper by fuel", 10}, {"reno lacked stock or capacity, was too late or too dear", 5}}},
		{From: "reno", To: "reno", Orders: 21, Base: 210, Run: 210, Reasons: []Count{}},
		{From: "reno", To: "OUT_OF_STOCK", Orders: 4, Base: 40, Change: -40, Reasons: []Count{{"refused: OUT_OF_STOCK", 4}}},
	}
	if !reflect.DeepEqual(moves.Rows, want) {
		t.Errorf("got  %+v\nwant %+v", moves.Rows, want)
	}
}

// What the JSON says the CSV files say, too, and reading it back gives the same.
func TestFiles(t *testing.T) {
	base := randomRun("base", 300, 5, 6, []string{"freight", "fuel"}, nil)
	run := randomRun("=run,\"1\"", 300, 5, 7, []string{"freight"}, func(i int) bool { return i%50 == 0 })
	thresholds, err := ParseThresholds("cost<=+1%,on-time>=-0.5pp surely")
	if err != nil {
		t.Fatal(err)
	}
	limited := base
	limited.Capacities = func() ([]Capacity, error) { return []Capacity{{20_788, "reno", 40}}, nil }
	c := mustCompare(t, limited, run, Options{Replicates: 20, Thresholds: thresholds, Rows: 3})
	dir := t.TempDir()
	names, err := c.WriteFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "compare.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Comparison
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if got := encode(t, &back); got != string(text) {
		t.Error("compare.json read back is another")
	}
	rows := map[string][][]string{}
	for _, name := range names[1:] {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if rows[name], err = csv.NewReader(f).ReadAll(); err != nil || len(rows[name]) < 2 {
			t.Errorf("%s: %d rows, %v", name, len(rows[name]), err)
		}
		f.Close()
	}
	if got := len(rows["compare_skus.csv"]) - 1; got != c.Runs[0].SKUs.Count || got <= 3 || len(back.Runs[0].SKUs.Rows) != 3 || back.Runs[0].SKUs.Rest == nil {
		t.Errorf("%d rows of SKUs in the table, %d there are, %d in the JSON", got, c.Runs[0].SKUs.Count, len(back.Runs[0].SKUs.Rows))
	}
	if l := back.Runs[0].Loads; !slices.ContainsFunc(l, func(l Load) bool { return l.BaseCapacity != nil && *l.BaseCapacity == 40 && l.RunCapacity == nil }) {
		t.Errorf("no capacity in %+v", l)
	}
	if _, err := c.WriteFiles(filepath.Join(dir, "none")); err == nil {
		t.Error("wrote into a directory that is not there")
	}
}

func TestThresholds(t *testing.T) {
	f := Figure{Name: "cost_per_order", Label: "Cost per order", Unit: MoneyUnit, base: ratio{800, 100, 1, 1}, run: ratio{808, 100, 1, 1},
		Base: Estimate{8, nil}, Run: Estimate{8.08, &Interval{8, 8.2}}, Change: Estimate{0.08, &Interval{0.05, 0.1}}, Relative: Estimate{0.01, &Interval{0.00625, 0.0125}}}
	s := Figure{Name: "on_time_share", Label: "On time", Unit: Share, base: ratio{950, 1000, 1, 1}, run: ratio{945, 1000, 1, 1},
		Base: Estimate{0.95, nil}, Run: Estimate{0.945, &Interval{0.94, 0.95}}, Change: Estimate{-0.005, &Interval{-0.006, -0.004}}, Relative: Estimate{-0.00526, &Interval{-0.0063, -0.0042}}}
	none := Figure{Name: "floor_per_order", Label: "Floor", Unit: MoneyUnit, Run: Estimate{Value: Number(math.NaN())}}
	fuel := Figure{Name: "cost_fuel", Label: "fuel", Unit: MoneyUnit, base: ratio{0, 100, 1, 1}, run: ratio{1, 100, 1, 1}}
	for text, pass := range map[string]bool{
		"cost<=+1%": true, "cost<+1%": false, "cost <= +1% surely": false, "cost<=+1.25% surely": true, "cost<=8.08": true, "cost<8.08": false,
		"cost>=+0.08": true, "cost>+0.08": false, "cost_per_order<=+0.07": false, "cost-per-order<=8": false, "Cost<=+1%": true,
		"on-time>=-0.5pp": true, "on-time>-0.5pp": false, "on-time>=-0.5pp surely": false, "on-time>=94.5%": true, "on-time>=94.5% surely": false,
		"on-time>=94% surely": true, "on-time>=-0.5%": false, "on-time>=\u22120.6%": true, "on-time>=0pp": false,
		"floor<=8": false, "floor<=+1%": false, "cost_fuel<=+1%": false, "cost_fuel<=0.01": true, "cost_fuel<=0.01 surely": false,
	} {
		list, err := ParseThresholds(text)
		if err != nil || len(list) != 1 {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, err := list.judge([]Figure{f, s, none, fuel})
		if err != nil || v.Go != pass {
			t.Errorf("%s: %+v, %v", text, v, err)
		}
	}
	if list, err := ParseThresholds(" cost<=+1% ,; on-time>=-1pp;"); err != nil || len(list) != 2 || list[1].String() != "on-time>=-1pp" {
		t.Errorf("%v %v", list, err)
	}
	_, err := ParseThresholds("cots<=+1%, cost<=1%, cost<=x, cost=1, on-time>=1pp, cost<=+1pp, on-time>=0.9, on-time>=-0.1, what, cost<=1/3")
	want := `thresholds:1:1: there is no figure "cots"; did you mean "cost"?
thresholds:1:11: "1%" has no sign; write +1% or -1% for a change from the base
thresholds:1:21: "x" is no limit; write a number, as +1%, -0.5pp or 0.25
thresholds:1:30: "cost=1" asks for equality; use <= or >=
thresholds:1:38: "1pp" has no sign; write +1pp or -1pp, since percentage points are a change
thresholds:1:52: cost is no share, so it has no percentage points; bound its change with %, as +1%
thresholds:1:64: "0.9" says no unit; write 0.9%
thresholds:1:78: "-0.1" says no unit; write -0.1pp for percentage points, or -0.1% of the base's share
thresholds:1:93: "what" is no threshold; write a figure, <= or >=, and a limit, as cost<=+1%
thresholds:1:99: "1/3" is no limit; write a number, as +1%, -0.5pp or 0.25`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	list, _ := ParseThresholds("cost_fule<=+1%")
	if _, err := list.judge([]Figure{f, fuel}); err == nil || !strings.Contains(err.Error(), `did you mean "cost_fuel"?`) {
		t.Errorf("unknown term: %v", err)
	}
}

func FuzzParseThresholds(f *testing.F) {
	f.Add("cost<=+1%, on-time>=-0.5pp surely;late<=5%")
	f.Add("cost<=,,=<%")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseThresholds(text)
		if err != nil {
			return
		}
		for _, one := range list {
			again, err := ParseThresholds(one.String())
			if err != nil || len(again) != 1 || again[0].Limit.Cmp(one.Limit) != 0 || again[0].Kind != one.Kind || again[0].Figure != one.Figure {
				t.Fatalf("%q read again: %v %v", one, again, err)
			}
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	base := randomRun("base", 100_000, 8, 9, []string{"freight", "fuel"}, nil)
	run := randomRun("run", 100_000, 8, 10, []string{"freight", "fuel"}, nil)
	for b.Loop() {
		mustCompare(b, base, run, Options{})
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "orders/s")
}

// Where all orders of a day change alike, drawing days tells how little a few weeks say, which drawing orders hides.
func TestDrawingDays(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	base, run := make([]results.Order, 3000), make([]results.Order, 3000)
	effect := units.Money(0)
	for i := range base {
		if i%100 == 0 { // a day
			effect = units.Money(rng.NormFloat64() * 1_000_000)
		}
		for k, cost := range []units.Money{9_000_000, 9_000_000 + effect + units.Money(rng.NormFloat64()*100_000)} {
			o := results.Order{ID: fmt.Sprint(i), At: testDay + units.Instant(i/100*86_400+i%100), Outcome: planned, Items: "x:1", Cost: cost}
			o.Shipments = []results.Shipment{{Warehouse: "w", Service: "s", Cost: cost, Costs: []units.Money{cost}, InTime: units.Certain}}
			[][]results.Order{base, run}[k][i] = o
		}
	}
	width := func(days bool) float64 {
		c := mustCompare(t, source("base", []string{"t"}, base), source("run", []string{"t"}, run), Options{Replicates: 200, Days: days})
		e := c.Runs[0].Figures[0].Change.Interval
		return e.High - e.Low
	}
	orders, days := width(false), width(true)
	// In theory 2 · 1.96 · 1.00 / sqrt(3000) = 0.07, and / sqrt(30) = 0.72.
	if orders > 0.12 || days < 0.4 || days > 1.1 {
		t.Errorf("intervals of %.3f by orders and %.3f by days", orders, days)
	}
}
