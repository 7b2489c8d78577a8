// Package shipping asks what buyers would have to pay for shipping: what flat rates for standard and for fast delivery, and
// free shipping from an order value on, would have brought in against what the shipments of a replay cost.
//
// It answers for the orders that were placed. Buyers who would have ordered more, less or not at all under another
// policy are not in them.
package shipping

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// A Basis is what tells a fast order from a standard one.
type Basis string

// The bases.
const (
	ByPromise Basis = "promise" // the history promises it within FastDays of the local day on which it came
	ByPlan    Basis = "plan"    // all of its shipments are planned to be there within FastDays of that day
)

// A Cost is which cost of an order the rates are held against.
type Cost string

// The costs.
const (
	Freight Cost = "freight" // what carriers are paid
	All     Cost = "all"     // everything that the plan costs: freight, handling, split cost and whatever else has a price
)

// Options are the policies to look at.
type Options struct {
	Standard units.Money   // what a buyer pays for standard shipping; 0 or more
	Fast     units.Money   // what a buyer pays for fast shipping; 0 or more
	FastDays int           // an order is fast that comes within so many days; 2 is the rule for "two-day"
	FreeOver []units.Money // order values from which on standard shipping is free, each a policy of its own beside that of no free shipping
	Bands    []units.Money // order values at which bands begin, beside 0 and those of FreeOver
	Cost     Cost          // "": Freight

	// History is the one that was replayed: its promises tell which orders are fast. nil: the plans do.
	History *history.History
	Places  *geo.Places // where postal codes lie, for local days; nil: geo.US()
}

// A Policy is what flat rates and a threshold come to.
type Policy struct {
	Free    units.Money // standard shipping is free from this order value on
	HasFree bool        // false: it never is
	Bands   []Band      // by order value; those without an order are left out
	Total   Band        // of all
}

// A Band is the orders of a range of values.
type Band struct {
	From    units.Money // [From, Until)
	Until   units.Money // 0: without end
	Unknown bool        // orders whose value is not known, which no threshold makes free
	Orders  int
	Fast    int         // of Orders
	Free    int         // of Orders: those that pay nothing by the threshold
	Cost    units.Money // of shipping them
	Revenue units.Money // what the buyers pay for it
}

// Subsidy is what shipping costs beyond what the buyers pay for it; negative where they pay more.
func (b *Band) Subsidy() units.Money { return b.Cost - b.Revenue }

// PerOrder returns an amount for each of the band's orders, rounded to the micro; 0 without orders.
func (b *Band) PerOrder(sum units.Money) units.Money {
	if b.Orders == 0 {
		return 0
	}
	return sum.Times(1, int64(b.Orders))
}

// A Class is the standard orders or the fast ones.
type Class struct {
	Orders    int
	Cost      units.Money
	BreakEven units.Money // the flat rate that would pay for them: Cost / Orders
}

// A Report is the answer.
type Report struct {
	Run      string // hash of what was decided
	Currency string
	Partial  bool // the run was stopped before its end
	Basis    Basis
	Cost     Cost
	FastDays int
	Standard units.Money // rate
	Fast     units.Money // rate

	Orders    int      // filled: what all below is about
	Unfilled  int      // refused or malformed; they pay nothing and cost nothing
	Collected int      // of Orders: fetched by the buyer, who pays nothing for it; known only by promise
	NoValue   int      // of Orders: of unknown value
	ClassOf   [2]Class // standard, fast
	Policies  []Policy // no free shipping first, then by threshold
}

// ErrNoValues is the error of thresholds for a run none of whose orders has a value.
var ErrNoValues = errors.New("no order of the run has a value; give the orders a value, what the buyer pays for the goods, and replay them, or leave out thresholds")

// Study works out a report from a run's orders. It fails where the options cannot be, where a threshold is given and no order
// has a value (ErrNoValues), where the history is not the one that was replayed, or where the run cannot be read.
func Study(run *results.Run, o Options) (*Report, error) {
	r := &Report{
		Run: run.Summary.Hash, Currency: run.Summary.Currency, Partial: run.Summary.Partial, Basis: ByPlan, Cost: cmp.Or(o.Cost, Freight),
		FastDays: o.FastDays, Standard: o.Standard, Fast: o.Fast,
	}
	return r, r.study(run.Orders(), o)
}

// bucket gathers the orders of a band that are alike in class.
type bucket struct {
	orders, free int // free: collected, which pay nothing
	cost         units.Money
}

func (r *Report) study(orders iter.Seq2[*results.Order, error], o Options) error {
	if o.Standard < 0 || o.Fast < 0 || o.FastDays < 0 {
		return errors.New("a rate or a number of days is negative")
	}
	if r.Cost != Freight && r.Cost != All {
		return fmt.Errorf("unknown cost %q; there is freight and all", r.Cost)
	}
	edges := map[units.Money]bool{0: true}
	for _, list := range [...][]units.Money{o.FreeOver, o.Bands} {
		for _, v := range list {
			if v < 0 {
				return fmt.Errorf("an order value of %v is negative", v)
			}
			edges[v] = true
		}
	}
	from := slices.Sorted(maps.Keys(edges))
	days := newDays(o.Places)
	if o.History != nil {
		r.Basis = ByPromise
	}
	// [band][class]; the last band is that of unknown values.
	buckets := make([][2]bucket, len(from)+1)
	for x, err := range orders {
		if err != nil {
			return err
		}
		fast, collected, err := r.classOf(x, days, &o)
		if err != nil {
			return err
		}
		if x.Outcome != engine.Planned.String() {
			r.Unfilled++
			continue
		}
		r.Orders++
		cost := x.Cost
		if r.Cost == Freight {
			cost = 0
			for i := range x.Shipments {
				cost += x.Shipments[i].Freight
			}
		}
		band := len(from)
		if x.Value > 0 {
			at, exact := slices.BinarySearch(from, x.Value)
			if band = at; !exact {
				band--
			}
		} else {
			r.NoValue++
		}
		class := 0
		if fast {
			class = 1
		}
		b := &buckets[band][class]
		b.orders++
		b.cost += cost
		if collected {
			r.Collected++
			b.free++
		}
		r.ClassOf[class].Orders++
		r.ClassOf[class].Cost += cost
	}
	for i := range r.ClassOf {
		if c := &r.ClassOf[i]; c.Orders > 0 {
			c.BreakEven = c.Cost.Times(1, int64(c.Orders))
		}
	}
	if len(o.FreeOver) > 0 && r.NoValue == r.Orders && r.Orders > 0 {
		return ErrNoValues
	}
	r.policies(from, buckets, &o)
	return nil
}

func (r *Report) policies(from []units.Money, buckets [][2]bucket, o *Options) {
	r.Policies = append(r.Policies, r.policy(from, buckets, 0, false))
	free := slices.Clone(o.FreeOver)
	slices.Sort(free)
	for _, f := range slices.Compact(free) {
		r.Policies = append(r.Policies, r.policy(from, buckets, f, true))
	}
}

// policy adds up what one policy brings in.
func (r *Report) policy(from []units.Money, buckets [][2]bucket, free units.Money, hasFree bool) Policy {
	p := Policy{Free: free, HasFree: hasFree}
	for i := range buckets {
		b := Band{Unknown: i == len(from)}
		if !b.Unknown {
			b.From = from[i]
			if i+1 < len(from) {
				b.Until = from[i+1]
			}
		}
		for class, rate := range [...]units.Money{r.Standard, r.Fast} {
			k := &buckets[i][class]
			b.Orders += k.orders
			b.Cost += k.cost
			paying := k.orders - k.free
			if class == 1 {
				b.Fast += k.orders
			} else if hasFree && !b.Unknown && b.From >= free {
				b.Free += paying
				paying = 0
			}
			b.Revenue += rate * units.Money(paying)
		}
		if b.Orders == 0 {
			continue
		}
		p.Bands = append(p.Bands, b)
		p.Total.Orders += b.Orders
		p.Total.Fast += b.Fast
		p.Total.Free += b.Free
		p.Total.Cost += b.Cost
		p.Total.Revenue += b.Revenue
	}
	return p
}

// classOf tells whether an order is fast, and whether the buyer collects it.
func (r *Report) classOf(x *results.Order, days *localDays, o *Options) (fast, collected bool, err error) {
	if h := o.History; h != nil {
		if x.Position >= h.Len() || h.ID(x.Position) != x.ID || h.At[x.Position] != x.At {
			return false, false, fmt.Errorf("order %.60q of the run is not order %d of the history; give the orders that were replayed, or none", x.ID, x.Position+1)
		}
		i := x.Position
		collected = h.Collect[i] >= 0
		var to engine.Destination
		if d := h.Dest[i]; d >= 0 {
			to = h.Destinations[d]
		}
		promised := h.Promise[i]
		if by, ok := h.Exact[int32(i)]; ok {
			promised = days.of(&to, by)
		}
		return promised != 0 && int(promised-days.of(&to, x.At)) <= o.FastDays, collected, nil
	}
	if len(x.Shipments) == 0 {
		return false, false, nil
	}
	last := x.Shipments[0].DeliveryDate
	for i := range x.Shipments {
		last = max(last, x.Shipments[i].DeliveryDate)
	}
	to := engine.Destination{Postal: x.Postal}
	return int(last-days.of(&to, x.At)) <= o.FastDays, false, nil
}

// localDays tells which day it is at a destination.
type localDays struct {
	places *geo.Places
	zones  map[string]*calendar.Zone
	found  map[engine.Destination]*calendar.Zone // those without a point
}

func newDays(places *geo.Places) *localDays {
	if places == nil {
		places = geo.US()
	}
	return &localDays{places: places, zones: map[string]*calendar.Zone{}, found: map[engine.Destination]*calendar.Zone{}}
}

// of returns the day of a moment at a destination; where nobody knows its zone, that of UTC.
func (d *localDays) of(to *engine.Destination, at units.Instant) units.Date {
	z := d.zone(to)
	if z == nil {
		return units.Date(at / 86_400)
	}
	day, _ := z.Local(at)
	return day
}

func (d *localDays) zone(to *engine.Destination) *calendar.Zone {
	if to.Point == nil {
		if z, ok := d.found[*to]; ok {
			return z
		}
	}
	name := to.TimeZone
	if name == "" && to.Point != nil {
		name, _ = d.places.TimeZoneAt(*to.Point)
	} else if name == "" {
		if row, ok := d.places.Lookup(cmp.Or(to.Country, "US"), to.Postal); ok {
			name = d.places.TimeZone(row)
		}
	}
	z, ok := d.zones[name]
	if !ok {
		z, _ = calendar.LoadZone(name) // nil where there is no such zone
		d.zones[name] = z
	}
	if to.Point == nil {
		d.found[*to] = z
	}
	return z
}

// Columns are those of the table that WriteCSV writes.
var Columns = []string{
	"free_over", "value_from", "value_until", "orders", "fast_orders", "free_orders", "cost", "revenue", "subsidy", "cost_per_order", "revenue_per_order", "subsidy_per_order",
}

// WriteCSV writes a row for each policy and band, and one with total in value_from for each policy. free_over is none where
// nothing is free, value_from is unknown for orders without a value, and value_until is empty for the last band.
func (r *Report) WriteCSV(w io.Writer) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(Columns); err != nil {
		return err
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		free := "none"
		if p.HasFree {
			free = p.Free.String()
		}
		put := func(b *Band, from, until string) error {
			return cw.Write([]string{
				free, from, until, strconv.Itoa(b.Orders), strconv.Itoa(b.Fast), strconv.Itoa(b.Free), b.Cost.String(), b.Revenue.String(), b.Subsidy().String(),
				b.PerOrder(b.Cost).String(), b.PerOrder(b.Revenue).String(), b.PerOrder(b.Subsidy()).String(),
			})
		}
		for k := range p.Bands {
			b := &p.Bands[k]
			from, until := b.From.String(), ""
			if b.Until > 0 {
				until = b.Until.String()
			}
			if b.Unknown {
				from = "unknown"
			}
			if err := put(b, from, until); err != nil {
				return err
			}
		}
		if err := put(&p.Total, "total", ""); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// The JSON of a report.
type (
	jsonReport struct {
		Run       string       `json:"run"`
		Partial   bool         `json:"partial"`
		Currency  string       `json:"currency"`
		Basis     Basis        `json:"fastBy"`
		FastDays  int          `json:"fastDays"`
		Cost      Cost         `json:"cost"`
		Standard  jsonClass    `json:"standard"`
		Fast      jsonClass    `json:"fast"`
		Orders    int          `json:"orders"`
		Unfilled  int          `json:"unfilled"`
		Collected int          `json:"collected"`
		NoValue   int          `json:"withoutValue"`
		Policies  []jsonPolicy `json:"policies"`
	}
	jsonClass struct {
		Rate      units.Money `json:"rate"`
		Orders    int         `json:"orders"`
		Cost      units.Money `json:"cost"`
		BreakEven units.Money `json:"breakEvenRate"`
	}
	jsonPolicy struct {
		Free  *units.Money `json:"freeOver"`
		Bands []jsonBand   `json:"bands"`
		Total jsonBand     `json:"total"`
	}
	jsonBand struct {
		From    *units.Money `json:"valueFrom,omitempty"`
		Until   *units.Money `json:"valueUntil,omitempty"`
		Unknown bool         `json:"valueUnknown,omitempty"`
		Orders  int          `json:"orders"`
		Fast    int          `json:"fastOrders"`
		Free    int          `json:"freeOrders"`
		Cost    units.Money  `json:"cost"`
		Revenue units.Money  `json:"revenue"`
		Subsidy units.Money  `json:"subsidy"`
		Each    units.Money  `json:"subsidyPerOrder"`
	}
)

func bandJSON(b *Band) jsonBand {
	return jsonBand{
		Unknown: b.Unknown, Orders: b.Orders, Fast: b.Fast, Free: b.Free, Cost: b.Cost, Revenue: b.Revenue, Subsidy: b.Subsidy(), Each: b.PerOrder(b.Subsidy()),
	}
}

// MarshalJSON returns the report with amounts as decimal text.
func (r *Report) MarshalJSON() ([]byte, error) {
	class := func(i int, rate units.Money) jsonClass {
		c := r.ClassOf[i]
		return jsonClass{rate, c.Orders, c.Cost, c.BreakEven}
	}
	out := jsonReport{
		Run: r.Run, Partial: r.Partial, Currency: r.Currency, Basis: r.Basis, FastDays: r.FastDays, Cost: r.Cost,
		Standard: class(0, r.Standard), Fast: class(1, r.Fast), Orders: r.Orders, Unfilled: r.Unfilled, Collected: r.Collected, NoValue: r.NoValue,
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		j := jsonPolicy{Bands: []jsonBand{}, Total: bandJSON(&p.Total)}
		if p.HasFree {
			j.Free = &p.Free
		}
		for k := range p.Bands {
			b := bandJSON(&p.Bands[k])
			if !b.Unknown {
				b.From = &p.Bands[k].From
				if p.Bands[k].Until > 0 {
					b.Until = &p.Bands[k].Until
				}
			}
			j.Bands = append(j.Bands, b)
		}
		out.Policies = append(out.Policies, j)
	}
	return json.Marshal(out)
}
