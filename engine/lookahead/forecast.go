package lookahead

import (
	"fmt"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/solver/ahead"
	"github.com/allot-engine/allot/units"
)

// Ceilings of a forecast. They bound what reading one and refreshing by it can cost.
const (
	MaxTypes      = 200_000
	MaxTypeSKUs   = 64
	MaxRegions    = 20_000
	MaxPromises   = 64
	MaxQuantities = 100
	MaxSupply     = 2_000_000
	MaxSeasons    = 1_000
	MaxDates      = 1_000
	MaxDays       = 366 // of a cycle, and of a promise
	MaxCycles     = 4
	maxWeight     = int64(1) << 40
	maxRate       = Rate(1e9) * oneOrder
)

// A Forecast says which orders come how often. An order is drawn as a type, the quantity of each of its lines, a region
// and a promise, all independently; how many come on a day follows from the day. Weights are relative to the others of
// their kind; those of a fitted forecast are numbers of orders seen. Days are those of UTC.
type Forecast struct {
	Orders   Rate             // a day, in the mean
	Usual    units.Clock      // time of day, UTC, at which orders come, about
	Weekdays [7]units.Percent // of Orders, from Monday on; all 0 is 100 % each
	Seasons  []Season         // those that hold on a day are multiplied
	Unfilled units.Money      // what a unit costs that cannot be shipped; 0: several times what shipping one costs

	Quantities []int64 // [n] weight of lines of n+1 units; empty: all are of 1
	Promises   []Promise
	Types      []Type
	Regions    []Region

	Every  int32        // days from one supply to the next; 0 where Dates say when it comes
	Next   units.Date   // a day on which supply comes, from which Every counts, backwards too
	Dates  []units.Date // days on which supply comes, ascending
	Cycles int32        // how many cycles after the present one are looked at; at most MaxCycles
	Supply []Supply     // what comes; empty: nothing is known, and only the rest of the present cycle is looked at

	From, Until units.Date // the days that it was fitted from; 0 for none
	Seen        int64      // orders that it was fitted from
}

// A Rate is a number of orders in millionths.
type Rate int64

const oneOrder Rate = 1_000_000

// String writes the number as a decimal.
func (r Rate) String() string {
	m := units.Money(r).String() // the same millionths
	for len(m) > 3 && m[len(m)-1] == '0' && m[len(m)-3] != '.' {
		m = m[:len(m)-1]
	}
	return m
}

// UnmarshalText reads a decimal.
func (r *Rate) UnmarshalText(b []byte) error {
	m, err := units.ParseMoney(string(b))
	if err != nil {
		return fmt.Errorf("%.40q is no number of orders; write a decimal, as 812.5", b)
	}
	*r = Rate(m)
	return nil
}

// A Season makes the days from From to Until, both included, busier or quieter.
type Season struct {
	From, Until units.Date
	Factor      units.Percent
}

// NoPromise stands in Promise.Days for orders without one.
const NoPromise int32 = -1

// A Promise is by how many days after the day of the order it must have arrived.
type Promise struct {
	Days   int32 // at the destination; NoPromise
	Weight int64
}

// A Type is a set of SKUs that are ordered together.
type Type struct {
	SKUs   []string // distinct
	Weight int64
}

// A Region is where orders go: postal codes that begin alike, or a warehouse where buyers collect.
type Region struct {
	Country   string // ISO 3166-1 alpha-2
	Prefix    string // of its postal codes
	Postal    string // the one that stands for all
	CollectAt string // a warehouse id in place of all the others; "" otherwise
	Weight    int64
}

// A Supply is units that come to a warehouse.
type Supply struct {
	Date           units.Date // 0: at the beginning of every cycle after the present one
	Warehouse, SKU string
	Units          int32
}

// Check returns an *faults.Error with all that keeps f from being a forecast, fields named by their paths in its files, or
// nil. Names are for a network to know.
func (f *Forecast) Check() error {
	var fl faults.List
	f.check(func(path, mend, format string, args ...any) { fl.Addf("", 0, 0, path, mend, format, args...) })
	return fl.Err()
}

// check tells fault everything that is wrong. Paths are those of the YAML file, or of a table: types[3].orders.
func (f *Forecast) check(fault func(path, mend, format string, args ...any)) {
	ranged := func(path string, n, least, most int64) {
		if n < least || n > most {
			fault(path, fmt.Sprintf("write a number from %d to %d", least, most), "%d is out of range", n)
		}
	}
	few := func(path string, n, most int) {
		if n > most {
			fault(path, fmt.Sprintf("give at most %d", most), "there are %d", n)
		}
	}
	if f.Orders < 0 || f.Orders > maxRate {
		fault("orders_per_day", "write how many come on a day in the mean", "%v is out of range", f.Orders)
	}
	if f.Usual < 0 || f.Usual >= units.EndOfDay {
		fault("usual_time", "write a time of day as 18:00", "%v is none", f.Usual)
	}
	for i, p := range f.Weekdays {
		ranged(fmt.Sprintf("weekdays[%d]", i), int64(p), 0, mostFactor)
	}
	few("seasons", len(f.Seasons), MaxSeasons)
	for i, s := range f.Seasons {
		ranged(fmt.Sprintf("seasons[%d].factor", i), int64(s.Factor), 0, mostFactor)
		if s.Until < s.From {
			fault(fmt.Sprintf("seasons[%d].until", i), "write the later day here", "%v is before %v", s.Until, s.From)
		}
	}
	if f.Unfilled < 0 || f.Unfilled > units.Money(ahead.CostLimit-1) {
		fault("unfilled", "", "%v is out of range", f.Unfilled)
	}
	few("quantities", len(f.Quantities), MaxQuantities)
	for i, w := range f.Quantities {
		ranged(fmt.Sprintf("quantities[%d]", i), w, 0, maxWeight)
	}
	few("promises", len(f.Promises), MaxPromises)
	for i, p := range f.Promises {
		ranged(fmt.Sprintf("promises[%d].orders", i), p.Weight, 0, maxWeight)
		ranged(fmt.Sprintf("promises[%d].days", i), int64(p.Days), int64(NoPromise), MaxDays)
		if slices.ContainsFunc(f.Promises[:i], func(q Promise) bool { return q.Days == p.Days }) {
			what := fmt.Sprintf("%d days", p.Days)
			if p.Days == NoPromise {
				what = "orders without a promise"
			}
			fault(fmt.Sprintf("promises[%d].days", i), "add their weights", "%s are given twice", what)
		}
	}
	f.checkTables(fault, ranged, few)
	switch {
	case f.Every != 0 && len(f.Dates) > 0:
		fault("replenishment.dates", "give one of the two", "both every and dates are given")
	case len(f.Dates) > 0:
		few("replenishment.dates", len(f.Dates), MaxDates)
		if !slices.IsSorted(f.Dates) {
			fault("replenishment.dates", "put the earliest first", "the days are not in order")
		}
	default:
		ranged("replenishment.every", int64(f.Every), 1, MaxDays)
		if f.Next == 0 {
			fault("replenishment.next", "write a day on which supply comes, as 2026-11-30", "missing")
		}
	}
	ranged("replenishment.cycles", int64(f.Cycles), 0, MaxCycles)
}

// mostFactor is the highest factor of a season: a hundredfold.
const mostFactor = 100 * int64(units.WholePercent)

func (f *Forecast) checkTables(fault func(path, mend, format string, args ...any), ranged func(path string, n, least, most int64), few func(path string, n, most int)) {
	few("types", len(f.Types), MaxTypes)
	sum := int64(0)
	for i := range f.Types {
		t := &f.Types[i]
		sum += max(t.Weight, 0)
		ranged(fmt.Sprintf("types[%d].orders", i), t.Weight, 0, maxWeight)
		path := fmt.Sprintf("types[%d].skus", i)
		few(path, len(t.SKUs), MaxTypeSKUs)
		if len(t.SKUs) == 0 {
			fault(path, "name at least one", "no SKU")
		}
		seen := map[string]bool{}
		for _, sku := range t.SKUs {
			if sku == "" || sku != strings.TrimSpace(sku) || strings.ContainsAny(sku, ";\r\n") {
				fault(path, "name SKUs without blanks around them, separated by semicolons", "%.100q is no name that the file can hold", sku)
			} else if seen[sku] {
				fault(path, "name it once; quantities are drawn by themselves", "%.100q is named twice", sku)
			}
			seen[sku] = true
		}
	}
	if sum == 0 {
		fault("types", "say what is ordered", "no order type has a weight")
	}
	few("regions", len(f.Regions), MaxRegions)
	sum = 0
	type key struct{ country, prefix, collect string }
	seen := map[key]bool{}
	for i := range f.Regions {
		r := &f.Regions[i]
		sum += max(r.Weight, 0)
		ranged(fmt.Sprintf("regions[%d].orders", i), r.Weight, 0, maxWeight)
		switch {
		case r.CollectAt != "" && (r.Prefix != "" || r.Postal != ""):
			fault(fmt.Sprintf("regions[%d].collect_at", i), "give one of the two", "both a warehouse and postal codes")
		case r.CollectAt == "" && r.Postal == "":
			fault(fmt.Sprintf("regions[%d].postal_code", i), "give the postal code that stands for the region", "missing")
		}
		k := key{r.Country, r.Prefix, r.CollectAt}
		if seen[k] && (r.Prefix != "" || r.CollectAt != "") {
			fault(fmt.Sprintf("regions[%d].prefix", i), "add their weights", "the region is given twice")
		}
		seen[k] = true
	}
	if sum == 0 {
		fault("regions", "say where orders go", "no region has a weight")
	}
	few("supply", len(f.Supply), MaxSupply)
	for i := range f.Supply {
		s := &f.Supply[i]
		ranged(fmt.Sprintf("supply[%d].units", i), int64(s.Units), 0, 1<<30)
		if s.Warehouse == "" || s.SKU == "" {
			fault(fmt.Sprintf("supply[%d].warehouse", i), "name both", "the warehouse or the SKU is missing")
		}
	}
}
