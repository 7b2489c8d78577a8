package compare

import (
	"math"
	"math/big"

	"github.com/allot-engine/allot/simulate/results"
)

// Columns of what is summed of every pair, for one of the two runs. What is of orders filled in both runs says so. Terms
// follow, then the split cost.
const (
	colCost       = iota // of the plan, 0 of a refusal
	colFilled            //
	colPromised          // of those filled
	colOnTime            // of those promised
	colPlanned           // of those promised, those whose plan is in time
	colLateChance        // of those promised, in parts of lateScale
	colLost              // of those filled
	colFloored           // where a floor is known in both runs
	colFloor             // there
	colCostBoth          // filled in both, as all that follow
	colFreight           //
	colSplit             // orders of more than one shipment
	colShipments         //
	colMetres            //
	colGrams             //
	colTransit           // days between ship date and delivery
	colTerms             // one a term, then the split cost and what no term says
)

// Columns of what is summed of every pair, once. They come before those of the two runs.
const (
	colPairs = iota
	colBoth
	colBothFloors
	sharedColumns
)

// lateScale is what a certain delay counts in colLateChance.
const lateScale = 100_000_000

func sideColumns(terms int) int { return colTerms + terms + 2 }

// ratio is a quotient of integers times a rational: (sum * times) / (of * scale). It has no value where of is 0.
type ratio struct{ sum, of, times, scale int64 }

func (r ratio) value() float64 {
	if r.of == 0 {
		return math.NaN()
	}
	return float64(r.sum) / float64(r.of) * (float64(r.times) / float64(r.scale))
}

// exact returns the value without rounding; nil where there is none.
func (r ratio) exact() *big.Rat {
	if r.of == 0 {
		return nil
	}
	n := new(big.Int).Mul(big.NewInt(r.sum), big.NewInt(r.times))
	return new(big.Rat).SetFrac(n, new(big.Int).Mul(big.NewInt(r.of), big.NewInt(r.scale)))
}

// A spec is how a figure is made of columns.
type spec struct {
	name, label, among string
	unit               Unit
	better             int
	sum                int   // column of a run
	of                 int   // column: of a run, or shared where ofShared
	ofShared           bool  // else the denominator is each run's own
	total              bool  // the sum over all pairs and no mean
	scale              int64 // of the sum: how many make one of the unit
}

const (
	amongBoth     = "orders filled in both runs"
	amongPairs    = "orders of both runs"
	amongFilled   = "orders that the run fills"
	amongPromised = "orders with a promise that the run fills"
	amongFloors   = "orders with a lowest possible cost in both runs"
)

const micros = 1_000_000

// specs returns the figures in the order in which they are shown: the fixed ones, then one a term.
func specs(terms []string) []spec {
	s := []spec{
		{name: "cost_per_order", label: "Cost per order", among: amongBoth, unit: MoneyUnit, better: -1, sum: colCostBoth, of: colBoth, ofShared: true, scale: micros},
		{name: "total_cost", label: "Total cost", among: amongPairs, unit: MoneyUnit, better: -1, sum: colCost, of: colPairs, ofShared: true, total: true, scale: micros},
		{name: "filled_share", label: "Filled", among: amongPairs, unit: Share, better: 1, sum: colFilled, of: colPairs, ofShared: true, scale: 1},
		{name: "on_time_share", label: "On time", among: amongPromised, unit: Share, better: 1, sum: colOnTime, of: colPromised, scale: 1},
		{name: "planned_on_time_share", label: "Planned on time", among: amongPromised, unit: Share, better: 1, sum: colPlanned, of: colPromised, scale: 1},
		{name: "late_share", label: "Expected late", among: amongPromised, unit: Share, better: -1, sum: colLateChance, of: colPromised, scale: lateScale},
		{name: "lost_share", label: "Lost", among: amongFilled, unit: Share, better: -1, sum: colLost, of: colFilled, scale: 1},
		{name: "split_share", label: "Split", among: amongBoth, unit: Share, better: -1, sum: colSplit, of: colBoth, ofShared: true, scale: 1},
		{name: "shipments_per_order", label: "Shipments per order", among: amongBoth, unit: Plain, better: -1, sum: colShipments, of: colBoth, ofShared: true, scale: 1},
		{name: "km_per_order", label: "Distance per order", among: amongBoth, unit: Km, better: -1, sum: colMetres, of: colBoth, ofShared: true, scale: 1000},
		{name: "co2_per_order", label: "CO2e per order", among: amongBoth, unit: Grams, better: -1, sum: colGrams, of: colBoth, ofShared: true, scale: 1},
		{name: "transit_days", label: "Days in transit", among: amongBoth, unit: DaysUnit, better: -1, sum: colTransit, of: colShipments, scale: 1},
		{name: "floor_per_order", label: "Lowest possible cost per order", among: amongFloors, unit: MoneyUnit, better: -1, sum: colFloor, of: colBothFloors, ofShared: true, scale: micros},
		{name: "freight_per_order", label: "Freight per order", among: amongBoth, unit: MoneyUnit, better: -1, sum: colFreight, of: colBoth, ofShared: true, scale: micros},
	}
	for i, t := range terms {
		s = append(s, spec{name: "cost_" + t, label: t, among: amongBoth, unit: MoneyUnit, better: -1, sum: colTerms + i, of: colBoth, ofShared: true, scale: micros})
	}
	return append(s, spec{name: "cost_split", label: "split cost", among: amongBoth, unit: MoneyUnit, better: -1, sum: colTerms + len(terms), of: colBoth, ofShared: true, scale: micros})
}

// ratio returns the figure of one run, whose columns begin at side.
func (s *spec) ratio(sums []int64, side int, pairs int64) ratio {
	of := side + s.of
	if s.ofShared {
		of = s.of
	}
	r := ratio{sum: sums[side+s.sum], of: sums[of], times: 1, scale: s.scale}
	if s.total {
		r.times = pairs
	}
	return r
}

// promised says whether a run fills an order that has a promise, and onTime whether it is kept, mishaps included.
func promised(o *results.Order) bool { return filled(o) && o.Promised }

func onTime(o *results.Order) bool { return promised(o) && !o.Missed }

// lateChance returns the chance that some shipment of a filled order misses the promise, in parts of lateScale, if shipments
// are late independently of each other.
func lateChance(o *results.Order) int64 {
	inTime := int64(lateScale)
	for i := range o.Shipments {
		inTime = (inTime*int64(o.Shipments[i].InTime) + 5_000) / 10_000
	}
	return lateScale - inTime
}

func lost(o *results.Order) bool {
	for i := range o.Shipments {
		if o.Shipments[i].Lost {
			return true
		}
	}
	return false
}

const planned = "PLANNED" // engine.Planned as files write it

func filled(o *results.Order) bool { return o != nil && o.Outcome == planned }

// fill writes a run's columns of a pair. both: the other run fills it, too; floors: both have one.
func fill(dst []int64, o *results.Order, both, floors bool, terms []int) {
	if filled(o) {
		dst[colCost] = int64(o.Cost)
		dst[colFilled] = 1
		if o.Promised {
			dst[colPromised] = 1
			dst[colLateChance] = lateChance(o)
			if onTime(o) {
				dst[colOnTime] = 1
			}
			if !o.Late {
				dst[colPlanned] = 1
			}
		}
		if lost(o) {
			dst[colLost] = 1
		}
	}
	if floors {
		dst[colFloored], dst[colFloor] = 1, int64(o.Floor)
	}
	if !both {
		return
	}
	dst[colCostBoth] = int64(o.Cost)
	if len(o.Shipments) > 1 {
		dst[colSplit] = 1
	}
	dst[colShipments] = int64(len(o.Shipments))
	split := len(dst) - 2
	dst[split] = int64(o.SplitCost)
	rest := int64(o.Cost - o.SplitCost)
	for i := range o.Shipments {
		s := &o.Shipments[i]
		dst[colFreight] += int64(s.Freight)
		dst[colMetres] += s.Metres
		dst[colGrams] += s.CO2Grams
		dst[colTransit] += int64(s.DeliveryDate-s.ShipDate) + int64(s.Delayed)
		for t, c := range s.Costs {
			dst[colTerms+terms[t]] += int64(c)
			rest -= int64(c)
		}
	}
	dst[split+1] = rest
}

// figures makes the figures of what was summed.
func (a *tally) figures(o Options) []Figure {
	list := specs(a.terms)
	left, right := sharedColumns, sharedColumns+sideColumns(len(a.terms))
	total := a.blocks.total
	pairs := total[colPairs]
	if total[right-1] == 0 && total[len(total)-1] == 0 { // no cost outside the terms, as it should be
	} else {
		list = append(list, spec{name: "cost_other", label: "other", among: amongBoth, unit: MoneyUnit, better: -1, sum: colTerms + len(a.terms) + 1, of: colBoth, ofShared: true, scale: micros})
	}
	var statistics []statistic
	for i := range list {
		s := &list[i]
		base := func(sums []int64) float64 { return s.ratio(sums, left, pairs).value() }
		run := func(sums []int64) float64 { return s.ratio(sums, right, pairs).value() }
		statistics = append(statistics, base, run,
			func(sums []int64) float64 { return run(sums) - base(sums) },
			func(sums []int64) float64 { return over(run(sums)-base(sums), base(sums)) })
	}
	intervals := a.blocks.intervals(statistics, o)
	figures := make([]Figure, len(list))
	for i := range list {
		s := &list[i]
		f := Figure{Name: s.name, Label: s.label, Unit: s.unit, Better: s.better, Among: s.among,
			base: s.ratio(total, left, pairs), run: s.ratio(total, right, pairs)}
		for e, into := range []*Estimate{&f.Base, &f.Run, &f.Change, &f.Relative} {
			*into = Estimate{Value: Number(statistics[4*i+e](total)), Interval: intervals[4*i+e]}
		}
		figures[i] = f
	}
	return figures
}

func over(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}
