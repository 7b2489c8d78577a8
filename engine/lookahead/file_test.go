package lookahead_test

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-engine/allot/engine/lookahead"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

const (
	someYAML = `# by hand
orders_per_day: 812.5
usual_time: "17:30"
weekdays: {mon: 120%, sun: 50%}
seasons:
  - {from: 2026-11-20, until: 2026-12-24, factor: 180%}
unfilled: 25
quantities: [90, 8, 2]
promises:
  - {orders: 3}
  - {days: 2, orders: 10}
replenishment:
  every: 7
  next: 2026-11-30
  cycles: 1
types: some.types.csv
regions: some.regions.csv
supply: some.supply.csv
`
	someTypes   = "orders,skus\n40,mug\n9,mug;lamp shade\n"
	someRegions = "orders,country,prefix,postal_code,collect_at\n12,US,100,10001,\n3,,,,shop\n"
	someSupply  = "date,warehouse,sku,units\n,reno,mug,30\n2026-12-02,reno,lamp shade,5\n"
)

func some(yaml, types, regions, supply string) fstest.MapFS {
	return fstest.MapFS{
		"some.yaml": {Data: []byte(yaml)}, "some.types.csv": {Data: []byte(types)}, "some.regions.csv": {Data: []byte(regions)},
		"some.supply.csv": {Data: []byte(supply)},
	}
}

func filesOf(f *lookahead.Forecast, name string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, data := range f.Files(name) {
		out[name] = &fstest.MapFile{Data: data}
	}
	return out
}

func TestReadForecast(t *testing.T) {
	t.Parallel()
	got, err := lookahead.Read(some(someYAML, someTypes, someRegions, someSupply), "some.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := units.WholePercent
	want := &lookahead.Forecast{
		Orders: 812_500_000, Usual: 17*units.Hour + 30*units.Minute, Weekdays: [7]units.Percent{12_000, all, all, all, all, all, 5_000},
		Seasons:  []lookahead.Season{{From: units.DateOf(2026, 11, 20), Until: units.DateOf(2026, 12, 24), Factor: 18_000}},
		Unfilled: 25 * units.Currency, Quantities: []int64{90, 8, 2},
		Promises: []lookahead.Promise{{Days: lookahead.NoPromise, Weight: 3}, {Days: 2, Weight: 10}},
		Types:    []lookahead.Type{{SKUs: []string{"mug"}, Weight: 40}, {SKUs: []string{"mug", "lamp shade"}, Weight: 9}},
		Regions:  []lookahead.Region{{Country: "US", Prefix: "100", Postal: "10001", Weight: 12}, {CollectAt: "shop", Weight: 3}},
		Every:    7, Next: units.DateOf(2026, 11, 30), Cycles: 1,
		Supply: []lookahead.Supply{{Warehouse: "reno", SKU: "mug", Units: 30}, {Date: units.DateOf(2026, 12, 2), Warehouse: "reno", SKU: "lamp shade", Units: 5}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	again, err := lookahead.Read(filesOf(got, "dir/other.yaml"), "other.yaml")
	if err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("written and read again: %v, %+v", err, again)
	}
}

// Every fault is told at once, with its place.
func TestReadForecastListsEveryFault(t *testing.T) {
	t.Parallel()
	broken := strings.NewReplacer("812.5", "many", "120%", "x", "every: 7", "evry: 7").Replace(someYAML)
	_, err := lookahead.Read(some(broken, "orders,skus\nten,mug\n", "orders,country\n1,US,1\n", "date,sku\n"), "some.yaml")
	contradictory := strings.NewReplacer("days: 2, orders: 10", "orders: 10", "orders: 3", "orders: -3", "cycles: 1", "cycles: 9", "until: 2026-12-24", "until: 2026-10-24", "next: 2026-11-30", "").Replace(someYAML)
	_, second := lookahead.Read(some(contradictory, "orders,skus\n0,mug;mug\n0,a;;b\n",
		"orders,country,prefix,postal_code,collect_at\n0,US,100,10001,\n0,US,100,10002,shop\n0,US,200,,\n", "date,warehouse,sku,units\n2026-12-01,reno,mug,3\n"), "some.yaml")
	_, missing := lookahead.Read(fstest.MapFS{"some.yaml": {Data: []byte("types: ../out.csv\nsupply: none.csv\n")}}, "some.yaml")
	for _, c := range []struct {
		err  error
		want []string
	}{
		{err, []string{
			"some.yaml:2:", "some.yaml:4:", "some.yaml:13:", `some.types.csv:2:1 orders: "ten"`, "some.regions.csv:2:", "some.supply.csv:1",
		}},
		{second, []string{
			"some.yaml:6:", "seasons[0].until", "promises[0].orders: -3", "promises[1].days: orders without a promise are given twice", "replenishment.next", "replenishment.cycles: 9",
			`some.types.csv:2:2 skus: "mug" is named twice`, "some.types.csv:3:2 skus: \"\" is no name", "types: no order type has a weight",
			"some.regions.csv:3:5 collect_at: both", "some.regions.csv:4:4 postal_code: missing", "regions: no region has a weight",
		}},
		{missing, []string{"orders_per_day: missing", `types: "../out.csv" is none`, "regions: missing", "supply: there is no none.csv"}},
	} {
		if _, ok := c.err.(*faults.Error); !ok { //nolint:errorlint // it must be one itself, for the list to be printed
			t.Errorf("no list of faults: %v", c.err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(c.err.Error(), want) {
				t.Errorf("missing %q in\n%v", want, c.err)
			}
		}
	}
	if _, err := lookahead.Read(fstest.MapFS{}, "some.yaml"); err == nil {
		t.Error("a forecast that is not there was read")
	}
}

// Whatever can be read is written so that the same is read again.
func FuzzReadForecast(f *testing.F) {
	f.Add(someYAML, someTypes, someRegions, someSupply)
	f.Add("orders_per_day: 1\nreplenishment: {dates: [2026-11-30, 2026-12-30]}\ntypes: some.types.csv\nregions: some.regions.csv\n", "skus,orders\na,1\n", "orders,postal_code\n1,\"a \"\"b\"\n", "")
	f.Fuzz(func(t *testing.T, yaml, types, regions, supply string) {
		got, err := lookahead.Read(some(yaml, types, regions, supply), "some.yaml")
		if err != nil {
			return
		}
		again, err := lookahead.Read(filesOf(got, "some.yaml"), "some.yaml")
		if err != nil {
			t.Fatalf("%v\n%q", err, got.Files("some.yaml"))
		}
		normal := *got // without what is not written: where no supply comes by cycles it does not matter when
		if len(normal.Dates) > 0 {
			normal.Every, normal.Next = 0, 0
		}
		if normal.Seen == 0 {
			normal.From, normal.Until = 0, 0
		}
		if a, b := normal.Files("some.yaml"), again.Files("some.yaml"); !maps.EqualFunc(a, b, func(x, y []byte) bool { return string(x) == string(y) }) {
			t.Fatalf("got\n%q\nthen\n%q", a, b)
		}
	})
}

func TestRate(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 10_000 {
		want := lookahead.Rate(rng.Int64N(1 << rng.Uint64N(45)))
		var got lookahead.Rate
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%v: %v, %v", want, got, err)
		}
	}
	var r lookahead.Rate
	if r.UnmarshalText([]byte("many")) == nil {
		t.Error("many is no number")
	}
}
