package workload

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/strictyaml"
	"github.com/allot-engine/allot/units"
)

// Ceilings of a spec.
const (
	MaxWarehouses = 10_000
	MaxSKUs       = 1_000_000
	MaxServices   = 24
	MaxLines      = 50         // of an order
	MaxUnits      = 1_000      // of a line
	MaxCells      = 50_000_000 // pairs of SKU and warehouse with stock
	MaxFlashes    = 16
)

// A Spec says what a workload is like. Read fills in what a file leaves out; a program that builds one in code does so by
// Default. Shares are parts of the whole named in their comments.
type Spec struct {
	Name         string           `yaml:"name"`        // required
	Description  string           `yaml:"description"` // in a sentence
	Start        units.Instant    `yaml:"start"`       // the moment at which it begins; default 2026-10-05T00:00:00Z, a Monday
	Network      NetworkSpec      `yaml:"network"`
	SKUs         SKUSpec          `yaml:"skus"`
	Orders       OrderSpec        `yaml:"-"`
	Destinations DestinationsSpec `yaml:"destinations"`
	Holds        HoldSpec         `yaml:"holds"`
	Restock      RestockSpec      `yaml:"restock"`
	Arrivals     ArrivalSpec      `yaml:"arrivals"`
	Flash        []FlashSpec      `yaml:"flash"` // sales that pass

	text []byte // of the file
}

// A NetworkSpec says on which network: that of a directory, or one that is made from the seed.
type NetworkSpec struct {
	Directory string `yaml:"directory"` // a network directory, beside the spec; nothing else of the network is then said

	Warehouses   int           `yaml:"warehouses"`    // 1 to MaxWarehouses; default 50
	Services     int           `yaml:"services"`      // of three carriers, 1 to MaxServices; default 12
	SKUs         int           `yaml:"skus"`          // 1 to MaxSKUs; default 10,000
	Stocked      units.Percent `yaml:"stocked"`       // share of the warehouses that have a SKU, in the mean; each SKU is in one at least. Default 20 %
	Spread       string        `yaml:"spread"`        // "even" (the default): every SKU is in as many; "popular": what sells well is in more
	Stock        StockLevel    `yaml:"stock"`         // "plenty" (the default), "30 days", "500000 orders"
	MaxShipments int32         `yaml:"max_shipments"` // of one order; default 3
	Late         string        `yaml:"late"`          // "allow" (the default), at 3.00 a day; or "refuse"
}

// A SKUSpec says what is bought.
type SKUSpec struct {
	Zipf   Decimal    `yaml:"zipf"` // the k-th best SKU sells in proportion to k^-zipf; 0 to 3, default 0.8
	Basket BasketSpec `yaml:"basket"`
}

// A BasketSpec says what is bought together: SKUs form groups of neighbours in rank.
type BasketSpec struct {
	Size  int           `yaml:"size"`  // SKUs of a group; default 8
	Share units.Percent `yaml:"share"` // of the lines after an order's first that are of the first one's group; default 0 %
}

// An OrderSpec says what orders are like.
type OrderSpec struct {
	Lines        Shares        `yaml:"-"`             // orders by number of lines; default 1
	Units        Shares        `yaml:"-"`             // lines by number of units; default 1
	Promise      Shares        `yaml:"-"`             // orders by days from their own to the promised one, 0 for none; default none
	Commercial   units.Percent `yaml:"commercial"`    // orders to business addresses
	Quotes       Decimal       `yaml:"quotes"`        // quotes that come for an order, up to 100
	QuotedBefore Duration      `yaml:"quoted_before"` // how long before the order at most; default 1s
	Repeats      FateSpec      `yaml:"repeats"`       // orders that are sent twice
}

// A Share is one value of a distribution.
type Share struct {
	Value int
	Share units.Percent
}

// Shares are a distribution by rising value. They add up to 100 %.
type Shares []Share

// Mean returns the mean value.
func (s Shares) Mean() float64 {
	sum := 0
	for _, v := range s {
		sum += v.Value * int(v.Share)
	}
	return float64(sum) / float64(units.WholePercent)
}

// A DestinationsSpec says where orders go.
type DestinationsSpec struct {
	Places int `yaml:"places"` // so many draws of a place by population, to which the orders then go alike; 0 (the default): to any place, by population
}

// A HoldSpec says what becomes of holds. A hold that is neither confirmed nor released expires.
type HoldSpec struct {
	Confirm FateSpec `yaml:"confirm"` // of the holds
	Release FateSpec `yaml:"release"` // of the holds, instead
	Ship    FateSpec `yaml:"ship"`    // of the confirmed ones
	Cancel  FateSpec `yaml:"cancel"`  // of the confirmed ones, instead
}

// A FateSpec is a share of what something happens to, and after how long: each from half of After to half as much again,
// evenly.
type FateSpec struct {
	Share units.Percent `yaml:"share"`
	After Duration      `yaml:"after"`
}

// A RestockSpec says what comes back on the shelves.
type RestockSpec struct {
	PerOrder Decimal `yaml:"per_order"` // restocks for an order, up to 10: of SKUs as they sell, in a warehouse that has them
	Units    int     `yaml:"units"`     // of one restock; default 1
}

// Kinds of ArrivalSpec.
const (
	KindConstant = "constant" // evenly spaced
	KindPoisson  = "poisson"  // each without regard to the others
	KindDay      = "day"      // poisson, by the hours of a day that comes again and again
	KindRecorded = "recorded" // as many in each second as a file says
)

// An ArrivalSpec says when orders come.
type ArrivalSpec struct {
	Kind  string    `yaml:"kind"`  // default poisson
	Rate  Rate      `yaml:"rate"`  // orders, the mean of a day for kind day; required but for recorded
	Peak  PeakSpec  `yaml:"peak"`  // of kind day
	Hours []Decimal `yaml:"hours"` // of kind day: how the 24 hours compare; default what a shop sees
	File  string    `yaml:"file"`  // of kind recorded, beside the spec: orders as .csv, .jsonl or .parquet, or .txt with the orders of a second on each line
	Speed Decimal   `yaml:"speed"` // of kind recorded: how many recorded seconds pass in one; default 1
	Again bool      `yaml:"again"` // of kind recorded: begin again at the end
}

// A PeakSpec is the top of a day: the rate rises to Times that of its hours, and falls again.
type PeakSpec struct {
	At    Duration `yaml:"at"`    // since the beginning of the day
	For   Duration `yaml:"for"`   // from the first rise to the last fall; default 4h
	Times Decimal  `yaml:"times"` // 1 to 1,000; 0: no peak
}

// A FlashSpec is a sale of one SKU.
type FlashSpec struct {
	Rank  int           `yaml:"rank"`  // of the SKU in popularity, from 1; default 1
	At    Duration      `yaml:"at"`    // since the beginning
	For   Duration      `yaml:"for"`   // required
	Share units.Percent `yaml:"share"` // of the orders that come then which are for that SKU alone; required
	Surge Decimal       `yaml:"surge"` // by which the rate is multiplied; default 1
}

// file is a Spec with what strictyaml cannot read by itself.
type file struct {
	Spec   `yaml:",inline"`
	Orders orderFile `yaml:"orders"`
}

type orderFile struct {
	OrderSpec `yaml:",inline"`
	Lines     map[string]units.Percent `yaml:"lines"`
	Units     map[string]units.Percent `yaml:"units"`
	Promise   map[string]units.Percent `yaml:"promise"`
}

// Default returns a spec with the defaults of Spec's comments.
func Default() Spec {
	return Spec{
		Start:   units.Instant(units.DateOf(2026, 10, 5)) * 86_400,
		Network: NetworkSpec{Warehouses: 50, Services: 12, SKUs: 10_000, Stocked: 2_000, Spread: SpreadEven, MaxShipments: 3, Late: LateAllow},
		SKUs:    SKUSpec{Zipf: 800, Basket: BasketSpec{Size: 8}},
		Orders: OrderSpec{
			Lines: Shares{{1, units.WholePercent}}, Units: Shares{{1, units.WholePercent}}, Promise: Shares{{0, units.WholePercent}},
			QuotedBefore: Duration(time.Second),
		},
		Restock:  RestockSpec{Units: 1},
		Arrivals: ArrivalSpec{Kind: KindPoisson, Peak: PeakSpec{For: Duration(4 * time.Hour)}, Speed: One},
	}
}

// Values of NetworkSpec.Spread and NetworkSpec.Late.
const (
	SpreadEven    = "even"
	SpreadPopular = "popular"
	LateAllow     = "allow"
	LateRefuse    = "refuse"
)

// Read reads a spec. file is its path: faults are told by it, and what the spec names lies beside it. The error is a
// *faults.Error with everything that is wrong, each with line and column. Whether the network and the record that it names are
// sound is for New.
func Read(name string, data []byte) (*Spec, error) {
	var fl faults.List
	f := file{Spec: Default()}
	f.Orders.OrderSpec = f.Spec.Orders
	doc := strictyaml.Decode(name, data, &f, &fl)
	if doc.Has("") {
		r := &reader{fl: &fl, doc: doc, file: name}
		s := &f.Spec
		s.Orders = f.Orders.OrderSpec
		s.Orders.Lines = r.shares("orders.lines", f.Orders.Lines, s.Orders.Lines, 1, MaxLines, "")
		s.Orders.Units = r.shares("orders.units", f.Orders.Units, s.Orders.Units, 1, MaxUnits, "")
		s.Orders.Promise = r.shares("orders.promise", f.Orders.Promise, s.Orders.Promise, 1, 60, "none")
		r.spec(s)
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	beside := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(filepath.Dir(name), *path)
		}
	}
	beside(&f.Network.Directory)
	beside(&f.Arrivals.File)
	f.text = slices.Clone(data)
	return &f.Spec, nil
}

// A reader checks a spec. Without a document it checks one that was built in code.
type reader struct {
	fl   *faults.List
	doc  *strictyaml.Document
	file string
}

func (r *reader) fault(path, mend, format string, args ...any) {
	line, column := 0, 0
	if r.doc != nil {
		line, column = r.doc.Place(path)
	}
	r.fl.Addf(r.file, line, column, path, mend, format, args...)
}

func (r *reader) has(path string) bool { return r.doc != nil && r.doc.Has(path) }

// shares reads a distribution over whole numbers in [lo, hi], and zero, the word for 0, where it has one.
func (r *reader) shares(path string, m map[string]units.Percent, or Shares, lo, hi int, zero string) Shares {
	if len(m) == 0 {
		if r.has(path) {
			r.fault(path, "give at least one value its share", "there is no share")
		}
		return or
	}
	var out Shares
	sum := units.Percent(0)
	sound := true
	for key, p := range m {
		n, err := strconv.Atoi(key)
		switch {
		case zero != "" && key == zero:
			n = 0
		case err != nil || n < lo || n > hi || strconv.Itoa(n) != key:
			mend := "write a whole number from " + strconv.Itoa(lo) + " to " + strconv.Itoa(hi)
			if zero != "" {
				mend += ", or " + zero
				mend = cmp.Or(faults.DidYouMean(key, []string{zero}), mend)
			}
			r.fault(path+"."+key, mend, "%q cannot be given a share", key)
			sound = false
		}
		if p < 0 || p > units.WholePercent {
			r.fault(path+"."+key, "write 0% to 100%", "%s is no share", p)
			sound = false
		}
		sum += p
		out = append(out, Share{n, p})
	}
	slices.SortFunc(out, func(a, b Share) int { return cmp.Compare(a.Value, b.Value) })
	if sound && sum != units.WholePercent {
		r.fault(path, "let them add up to 100%", "the shares add up to %s", sum)
	}
	return out
}

func (r *reader) within(path string, v, lo, hi int64, what string) {
	if v < lo || v > hi {
		r.fault(path, "write "+strconv.FormatInt(lo, 10)+" to "+strconv.FormatInt(hi, 10), "%d is no number of %s", v, what)
	}
}

func (r *reader) part(path string, p units.Percent) {
	if p < 0 || p > units.WholePercent {
		r.fault(path, "write 0% to 100%", "%s is no share", p)
	}
}

func (r *reader) oneOf(path, v string, of ...string) {
	if !slices.Contains(of, v) {
		r.fault(path, cmp.Or(faults.DidYouMean(v, of), "write "+strings.Join(of, " or ")), "%q is not known", v)
	}
}

func (r *reader) atMost(path string, v, most Decimal) {
	if v < 0 || v > most {
		r.fault(path, "write 0 to "+most.String(), "%s is too much", v)
	}
}

func (r *reader) spec(s *Spec) {
	if s.Name == "" {
		r.fault("name", "give it one", "the workload has no name")
	}
	if len(s.Name) > 100 || strings.ContainsFunc(s.Name, func(c rune) bool { return c < ' ' || c == '/' || c == '\\' }) {
		r.fault("name", "write up to 100 letters, digits, blanks and hyphens", "%q is no name", s.Name)
	}
	if s.Start < 0 || s.Start > units.Instant(units.DateOf(2200, 1, 1))*86_400 {
		r.fault("start", "write a moment from 1970 to 2199", "%s is too far off", s.Start)
	}
	r.network(&s.Network)
	r.atMost("skus.zipf", s.SKUs.Zipf, 3*One)
	r.within("skus.basket.size", int64(s.SKUs.Basket.Size), 2, 1_000, "SKUs of a basket")
	r.part("skus.basket.share", s.SKUs.Basket.Share)
	r.part("orders.commercial", s.Orders.Commercial)
	r.atMost("orders.quotes", s.Orders.Quotes, 100*One)
	r.fate("orders.repeats", s.Orders.Repeats)
	r.within("destinations.places", int64(s.Destinations.Places), 0, 1_000_000, "places")
	r.fate("holds.confirm", s.Holds.Confirm)
	r.fate("holds.release", s.Holds.Release)
	r.fate("holds.ship", s.Holds.Ship)
	r.fate("holds.cancel", s.Holds.Cancel)
	r.together("holds.release.share", s.Holds.Confirm.Share, s.Holds.Release.Share, "confirmed and released")
	r.together("holds.cancel.share", s.Holds.Ship.Share, s.Holds.Cancel.Share, "shipped and cancelled")
	r.atMost("restock.per_order", s.Restock.PerOrder, 10*One)
	r.within("restock.units", int64(s.Restock.Units), 1, 1_000_000, "units")
	r.arrivals(&s.Arrivals)
	r.flashes(s)
}

func (r *reader) network(n *NetworkSpec) {
	if n.Directory != "" {
		for _, key := range []string{"warehouses", "services", "skus", "stocked", "spread", "stock", "max_shipments", "late"} {
			if r.has("network." + key) {
				r.fault("network."+key, "leave it out, or leave out directory", "the network of a directory has its own")
			}
		}
		return
	}
	r.within("network.warehouses", int64(n.Warehouses), 1, MaxWarehouses, "warehouses")
	r.within("network.services", int64(n.Services), 1, MaxServices, "services")
	r.within("network.skus", int64(n.SKUs), 1, MaxSKUs, "SKUs")
	r.part("network.stocked", n.Stocked)
	r.oneOf("network.spread", n.Spread, SpreadEven, SpreadPopular)
	r.within("network.max_shipments", int64(n.MaxShipments), 1, 16, "shipments")
	r.oneOf("network.late", n.Late, LateAllow, LateRefuse)
	if cells := int64(n.Warehouses) * int64(n.SKUs) / int64(units.WholePercent) * int64(n.Stocked); cells > MaxCells {
		r.fault("network.stocked", "lower it", "%d pairs of SKU and warehouse would have stock, more than %d", cells, MaxCells)
	}
}

func (r *reader) fate(path string, f FateSpec) { r.part(path+".share", f.Share) }

func (r *reader) together(path string, a, b units.Percent, what string) {
	if a <= units.WholePercent && b <= units.WholePercent && a+b > units.WholePercent {
		r.fault(path, "let both be at most 100% together", "%s of them are %s", a+b, what)
	}
}

func (r *reader) arrivals(a *ArrivalSpec) {
	kinds := []string{KindConstant, KindPoisson, KindDay, KindRecorded}
	r.oneOf("arrivals.kind", a.Kind, kinds...)
	if !slices.Contains(kinds, a.Kind) {
		return
	}
	only := func(kind string, keys ...string) {
		for _, key := range keys {
			if a.Kind != kind && r.has("arrivals."+key) {
				r.fault("arrivals."+key, "leave it out, or write kind: "+kind, "kind %s has no such key", a.Kind)
			}
		}
	}
	only(KindDay, "peak", "hours")
	only(KindRecorded, "file", "speed", "again")
	switch {
	case a.Kind == KindRecorded && a.File == "":
		r.fault("arrivals.file", "name the file that has them", "recorded arrivals need a record")
	case a.Kind == KindRecorded && a.Rate != 0:
		r.fault("arrivals.rate", "leave it out; the record has its own", "kind recorded has no rate")
	case a.Kind != KindRecorded && a.Rate <= 0:
		r.fault("arrivals.rate", "write how many orders come, as 500/s", "there is no rate")
	}
	if a.Speed < 1 || a.Speed > 100_000*One {
		r.fault("arrivals.speed", "write 0.001 to 100000", "%s is no speed", a.Speed)
	}
	if a.Kind != KindDay {
		return
	}
	if p := a.Peak; p.Times != 0 {
		if p.Times < One || p.Times > 1_000*One {
			r.fault("arrivals.peak.times", "write 1 to 1000", "%s is no peak", p.Times)
		}
		if p.For <= 0 || p.At < p.For/2 || p.At+p.For/2 > Duration(24*time.Hour) {
			r.fault("arrivals.peak.at", "let all of it lie within the day", "a peak of %s around %s does not", p.For, p.At)
		}
	} else if r.has("arrivals.peak") {
		r.fault("arrivals.peak", "write times: how many times the usual rate it is", "the peak has no height")
	}
	if a.Hours == nil {
		return
	}
	if len(a.Hours) != 24 {
		r.fault("arrivals.hours", "write 24", "there are %d hours", len(a.Hours))
		return
	}
	if slices.Max(a.Hours) <= 0 {
		r.fault("arrivals.hours", "give at least one a weight", "nothing comes in any hour")
	}
}

func (r *reader) flashes(s *Spec) {
	if len(s.Flash) > MaxFlashes {
		r.fault("flash", "leave some out", "there are %d sales, more than %d", len(s.Flash), MaxFlashes)
	}
	for i := range s.Flash {
		f, path := &s.Flash[i], "flash["+strconv.Itoa(i)+"]"
		if f.Rank == 0 && !r.has(path+".rank") {
			f.Rank = 1
		}
		if f.Surge == 0 && !r.has(path+".surge") {
			f.Surge = One
		}
		hi := int64(MaxSKUs)
		if s.Network.Directory == "" {
			hi = int64(s.Network.SKUs)
		}
		r.within(path+".rank", int64(f.Rank), 1, max(hi, 1), "a SKU in popularity")
		if f.For <= 0 {
			r.fault(path+".for", "write how long it lasts, as 10m", "the sale has no length")
		}
		if f.Share <= 0 || f.Share > units.WholePercent {
			r.fault(path+".share", "write over 0% to 100%", "%s is no share of a sale", f.Share)
		}
		if f.Surge <= 0 || f.Surge > 1_000*One {
			r.fault(path+".surge", "write over 0 to 1000", "%s is no surge", f.Surge)
		}
		for j := range i {
			if o := &s.Flash[j]; f.At < o.At+o.For && o.At < f.At+f.For {
				r.fault(path+".at", "let sales follow each other", "the sale overlaps flash[%d]", j)
			}
		}
	}
}

// check returns what is wrong with a spec that was built in code.
func (s *Spec) check() error {
	var fl faults.List
	r := &reader{fl: &fl, file: s.Name}
	for _, d := range []struct {
		path   string
		shares Shares
		lo, hi int
	}{{"orders.lines", s.Orders.Lines, 1, MaxLines}, {"orders.units", s.Orders.Units, 1, MaxUnits}, {"orders.promise", s.Orders.Promise, 0, 60}} {
		sum, last := units.Percent(0), d.lo-1
		for _, v := range d.shares {
			if v.Value <= last || v.Value > d.hi || v.Share < 0 || v.Share > units.WholePercent {
				r.fault(d.path, "give rising values and shares from 0% to 100%", "%v is no distribution", d.shares)
			}
			sum, last = sum+v.Share, v.Value
		}
		if sum != units.WholePercent {
			r.fault(d.path, "let them add up to 100%", "the shares add up to %s", sum)
		}
	}
	r.spec(s)
	return fl.Err()
}
