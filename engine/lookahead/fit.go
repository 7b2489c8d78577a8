package lookahead

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// PrefixLength is how many characters of a postal code make a region of a fitted forecast.
const PrefixLength = 3

const day = units.Instant(86_400)

// A Fitter counts orders that came, to forecast those to come. It must not be used by two calls at once.
type Fitter struct {
	atlas      *atlas
	types      map[string]*Type
	regions    map[Region]*counted // by what names one
	promises   map[int32]int64
	quantities []int64
	weekdays   [7]int64
	hours      [24]int64
	first, at  units.Instant // of the earliest and the latest order
	report     FitReport
}

// counted is a region's orders by postal code.
type counted struct {
	orders int64
	postal map[string]int64
}

// A FitReport says what a Fitter saw.
type FitReport struct {
	Orders       int64      // counted
	LeftOut      int64      // not counted, because of the following
	UnknownPlace int64      // orders to where the network knows no place
	UnknownSKU   int64      // lines of SKUs that the network does not have, or has no more; an order of only such lines is left out
	Lines, Units int64      // counted
	From, Until  units.Date // the days that the forecast is of
	Types        int
	Regions      int
}

// NewFitter returns a Fitter for orders in the words of a network.
func NewFitter(snap *network.Snapshot) *Fitter {
	return &Fitter{atlas: newAtlas(snap), types: map[string]*Type{}, regions: map[Region]*counted{}, promises: map[int32]int64{}}
}

// See counts an order that came at a moment, and tells whether it could be counted.
func (f *Fitter) See(o *engine.Order, at units.Instant) bool {
	snap := f.atlas.snap
	region, postal, zone, ok := f.atlas.regionOf(o)
	if !ok {
		f.report.UnknownPlace++
		f.report.LeftOut++
		return false
	}
	total := map[string]int64{}
	for _, l := range o.Lines {
		row, known := snap.SKUs.Row(l.SKU)
		if !known || snap.SKUs.Gone[row] || l.Quantity < 1 {
			f.report.UnknownSKU++
			continue
		}
		total[l.SKU] += l.Quantity
	}
	if len(total) == 0 || len(total) > MaxTypeSKUs {
		f.report.LeftOut++
		return false
	}
	if f.report.Orders == 0 {
		f.first, f.at = at, at
	}
	f.first, f.at = min(f.first, at), max(f.at, at)
	f.report.Orders++
	skus := slices.Sorted(maps.Keys(total))
	key := strings.Join(skus, ";")
	if f.types[key] == nil {
		f.types[key] = &Type{SKUs: skus}
	}
	f.types[key].Weight++
	for _, n := range total {
		f.report.Lines++
		f.report.Units += n
		n = min(n, MaxQuantities)
		for int64(len(f.quantities)) < n {
			f.quantities = append(f.quantities, 0)
		}
		f.quantities[n-1]++
	}
	if f.regions[region] == nil {
		f.regions[region] = &counted{postal: map[string]int64{}}
	}
	f.regions[region].orders++
	f.regions[region].postal[postal]++
	f.promises[promiseDays(o, zone, at)]++
	f.weekdays[dateOf(at).Weekday()]++
	f.hours[(at%day)/3600]++
	return true
}

// dateOf returns the day of a moment in UTC.
func dateOf(at units.Instant) units.Date {
	d := at / day
	if at%day < 0 {
		d--
	}
	return units.Date(d)
}

// promiseDays returns by how many days after an order it was promised, or NoPromise.
func promiseDays(o *engine.Order, zone *calendar.Zone, at units.Instant) int32 {
	today, _ := zone.Local(at)
	due := o.Promise.Date
	switch {
	case o.Promise.Instant != 0:
		due, _ = zone.Local(o.Promise.Instant)
	case due == 0:
		return NoPromise
	}
	return int32(min(max(due-today, 0), MaxDays))
}

// FitOptions say what orders do not tell. A zero field takes the default in its comment.
type FitOptions struct {
	Every, Cycles int32      // of Forecast; default 7 and 2
	Next          units.Date // of Forecast; default the day after the last
	From, Until   units.Date // the days that the orders are all the orders of; default from the first order's day to the last one's

	Share units.Percent // of all orders that were seen; default all
}

// shortHistory is for how many days at least orders tell of the days of the week.
const shortHistory = 14

// Forecast returns the forecast of what was seen, and a report. Counts are exact, and the order in which orders were seen
// changes nothing. The error says why nothing can be forecast.
func (f *Fitter) Forecast(opt FitOptions) (*Forecast, FitReport, error) {
	report := f.report
	if report.Orders == 0 {
		return nil, report, fmt.Errorf("lookahead: there is no order to count; %d were left out", report.LeftOut)
	}
	first, last := cmp.Or(opt.From, dateOf(f.first)), cmp.Or(opt.Until, dateOf(f.at))
	if first > dateOf(f.first) || last < dateOf(f.at) {
		return nil, report, fmt.Errorf("lookahead: orders came from %v to %v, not only from %v to %v", dateOf(f.first), dateOf(f.at), first, last)
	}
	days := int64(last-first) + 1
	out := &Forecast{
		Orders: Rate(units.Money(report.Orders*int64(oneOrder)).Times(int64(units.WholePercent), days*int64(cmp.Or(opt.Share, units.WholePercent)))), Quantities: f.quantities, From: first, Until: last, Seen: report.Orders,
		Every: cmp.Or(opt.Every, 7), Cycles: cmp.Or(opt.Cycles, defaultCycles), Next: cmp.Or(opt.Next, last+1),
	}
	half := int64(0)
	for hour, n := range f.hours {
		if half += n; 2*half >= report.Orders {
			out.Usual = units.Clock(hour)*units.Hour + units.Hour/2
			break
		}
	}
	for i := range out.Weekdays {
		out.Weekdays[i] = units.WholePercent
		if days >= shortHistory {
			of := int64(0)
			for d := first; d <= last; d++ {
				if d.Weekday() == i {
					of++
				}
			}
			// orders of such a day over orders of any day
			out.Weekdays[i] = units.Percent(min(divide(f.weekdays[i]*days*int64(units.WholePercent), of*report.Orders), mostFactor))
		}
	}
	for _, days := range slices.Sorted(maps.Keys(f.promises)) {
		out.Promises = append(out.Promises, Promise{Days: days, Weight: f.promises[days]})
	}
	for _, key := range slices.Sorted(maps.Keys(f.types)) {
		out.Types = append(out.Types, *f.types[key])
	}
	slices.SortStableFunc(out.Types, func(a, b Type) int { return cmp.Compare(b.Weight, a.Weight) })
	for r, c := range f.regions {
		r.Weight = c.orders
		if r.CollectAt == "" {
			most := int64(0)
			for _, postal := range slices.Sorted(maps.Keys(c.postal)) {
				if n := c.postal[postal]; n > most {
					r.Postal, most = postal, n
				}
			}
		}
		out.Regions = append(out.Regions, r)
	}
	slices.SortFunc(out.Regions, func(a, b Region) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Country, b.Country), cmp.Compare(a.Prefix, b.Prefix), cmp.Compare(a.CollectAt, b.CollectAt))
	})
	report.From, report.Until, report.Types, report.Regions = first, last, len(out.Types), len(out.Regions)
	if err := out.Check(); err != nil {
		return nil, report, fmt.Errorf("lookahead: the orders make no forecast: %w", err)
	}
	return out, report, nil
}

// divide rounds half up.
func divide(n, by int64) int64 { return (n + by/2) / by }

// An atlas tells the region of an order.
type atlas struct {
	snap  *network.Snapshot
	zones map[string]*calendar.Zone
}

func newAtlas(snap *network.Snapshot) *atlas {
	return &atlas{snap: snap, zones: map[string]*calendar.Zone{}}
}

// regionOf returns what names the region of an order, with the postal code that it goes to and the time zone there.
func (a *atlas) regionOf(o *engine.Order) (r Region, postal string, zone *calendar.Zone, ok bool) {
	places := a.snap.Places
	if o.CollectAt != "" {
		w, known := a.snap.Warehouse(o.CollectAt)
		if !known {
			return r, "", nil, false
		}
		zone, ok = a.zone(a.snap.Warehouses[w].TimeZone)
		return Region{CollectAt: o.CollectAt}, "", zone, ok
	}
	var at geo.Row
	switch {
	case o.To.Postal != "":
		at, ok = places.Lookup(cmp.Or(o.To.Country, "US"), o.To.Postal)
	case o.To.Point != nil:
		at, ok = places.Nearest(*o.To.Point)
	}
	if !ok {
		return r, "", nil, false
	}
	postal = places.Postal(at)
	zone, ok = a.zone(places.TimeZone(at))
	return Region{Country: places.Country(at), Prefix: postal[:min(PrefixLength, len(postal))]}, postal, zone, ok
}

func (a *atlas) zone(name string) (*calendar.Zone, bool) {
	if z := a.zones[name]; z != nil {
		return z, true
	}
	z, err := calendar.LoadZone(name)
	if err != nil {
		return nil, false
	}
	a.zones[name] = z
	return z, true
}
