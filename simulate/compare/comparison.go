package compare

import (
	"math"
	"strconv"

	"github.com/allot-engine/allot/units"
)

// Format is the version of a Comparison's JSON.
const Format = 1

// A Comparison is what runs have in common with a base and what not. Written as JSON it is compare.json: money is a
// decimal in text, statistics are numbers (null where there is none).
type Comparison struct {
	Format     int       `json:"format"` // Format
	Single     bool      `json:"single"` // one run described by itself; there is nothing to compare
	Currency   string    `json:"currency"`
	Method     Method    `json:"method"`
	Thresholds []string  `json:"thresholds"`
	Go         bool      `json:"go"` // every run is a go
	Base       Totals    `json:"base"`
	Runs       []Against `json:"runs"`
}

// Method says how intervals were made.
type Method struct {
	Interval   string  `json:"interval"` // "BCa" or "percentile"
	Confidence float64 `json:"confidence"`
	Replicates int     `json:"replicates"`
	Seed       uint64  `json:"seed"`
	Draws      string  `json:"draws"` // "orders" or "days"
}

func (m *Method) fill(o Options) {
	*m = Method{Interval: "BCa", Confidence: o.Confidence, Replicates: o.Replicates, Seed: o.Seed, Draws: "orders"}
	if o.Percentile {
		m.Interval = "percentile"
	}
	if o.Days {
		m.Draws = "days"
	}
}

// Totals are of all orders of a run.
type Totals struct {
	Name     string            `json:"name"`
	Partial  bool              `json:"partial"` // the run was stopped before its end
	Sources  map[string]string `json:"sources,omitempty"`
	Orders   int64             `json:"orders"`
	Filled   int64             `json:"filled"`
	Promised int64             `json:"promised"` // of those filled, with a promise
	OnTime   int64             `json:"on_time"`  // of those promised, as the promise was kept, mishaps included
	Late     int64             `json:"late"`     // of those filled, planned after their promise
	Lost     int64             `json:"lost"`     // of those filled, with a shipment lost
	Cost     units.Money       `json:"cost"`
	Freight  units.Money       `json:"freight"` // part of Cost
	Split    units.Money       `json:"split_cost"`
	Outcomes []Count           `json:"outcomes"` // by name; they sum to Orders
}

// A Count is how many there are of something.
type Count struct {
	Name   string `json:"name"`
	Orders int64  `json:"orders"`
}

// Against is one run held against the base. Changes are run less base.
type Against struct {
	Run       Totals      `json:"run"`
	Pairing   Pairing     `json:"pairing"`
	Change    units.Money `json:"change"` // of the total cost of all orders
	Figures   []Figure    `json:"figures"`
	Waterfall []Step      `json:"waterfall"`
	Moves     Moves       `json:"moves"`    // by warehouse
	Services  Moves       `json:"services"` // by service
	States    Parts       `json:"states"`   // by region of the destination
	Cells     Parts       `json:"cells"`    // by H3 cell of the destination
	SKUs      Parts       `json:"skus"`     // by SKU: a shipment's cost goes to its items by units, the split cost to all of the order
	Days      []Day       `json:"days"`     // by day of ordering, UTC
	Loads     []Load      `json:"loads"`    // by warehouse and ship date
	Sites     []Site      `json:"sites"`    // by warehouse
	Verdict   Verdict     `json:"verdict"`
}

// Pairing says which orders were compared.
type Pairing struct {
	Paired   int64 `json:"paired"`    // orders of both runs
	Both     int64 `json:"both"`      // of these, filled in both
	Gained   int64 `json:"gained"`    // of these, filled by the run only
	Dropped  int64 `json:"dropped"`   // of these, filled by the base only
	OnlyBase int64 `json:"only_base"` // orders that the run does not have
	OnlyRun  int64 `json:"only_run"`
	Altered  int64 `json:"altered"` // of one id and time but with other contents or another destination; they count in OnlyBase and OnlyRun
}

// An Interval is a confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// A Number is a statistic; NaN, which is null in JSON, where it has no value.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	*n = Number(f)
	return err
}

// Defined says whether the statistic has a value.
func (n Number) Defined() bool { return !math.IsNaN(float64(n)) }

// An Estimate is a statistic with its interval, nil where there is too little to tell.
type Estimate struct {
	Value    Number    `json:"value"`
	Interval *Interval `json:"interval"`
}

// Clear says that the interval lies on one side of zero.
func (e Estimate) Clear() bool {
	return e.Interval != nil && (e.Interval.Low > 0 || e.Interval.High < 0)
}

// A Figure is a statistic of the paired orders in both runs.
type Figure struct {
	Name     string   `json:"name"`  // as thresholds name it: "cost_per_order"
	Label    string   `json:"label"` // for people
	Unit     Unit     `json:"unit"`
	Better   int      `json:"better"` // 1: more is better; -1: less; 0: neither
	Among    string   `json:"among"`  // which orders it is about
	Base     Estimate `json:"base"`
	Run      Estimate `json:"run"`
	Change   Estimate `json:"change"`   // run less base
	Relative Estimate `json:"relative"` // change over base, as a share: 0.01 is 1 %

	base, run ratio // exact
}

// A Unit is what a figure is counted in.
type Unit string

// The units of figures.
const (
	MoneyUnit Unit = "money" // of the comparison's currency
	Share     Unit = "share" // 0 to 1
	Km        Unit = "km"
	Grams     Unit = "g"
	DaysUnit  Unit = "days"
	Plain     Unit = "" // a number
)

// A Step is one step of the way from the base's total cost to the run's. The first is the base's total and the last the run's;
// those between sum to the difference exactly. Terms come first, the largest change of either sign before the others.
type Step struct {
	Name   string      `json:"name"`
	Kind   string      `json:"kind"` // base, term, split, other, gained, dropped, only_base, only_run or run
	Amount units.Money `json:"amount"`
	Level  units.Money `json:"level"` // the total after the step
}

// Moves are the orders of both runs by what filled them: rows from the base's answer to the run's. The names of an order that
// ships from several places are joined by " + ", that of an order not filled is its outcome. Changes of the rows sum to that of the
// paired orders.
type Moves struct {
	Moved  int64       `json:"moved"` // orders whose answer changed
	Stayed int64       `json:"stayed"`
	Rows   []Move      `json:"rows"` // most orders first; orders that stayed are rows, too
	Rest   int64       `json:"rest"` // orders in rows that are left out
	Change units.Money `json:"change"`

	all []Move
}

// A Move is what became of the orders that one answer of the base filled.
type Move struct {
	From       string      `json:"from"`
	To         string      `json:"to"`
	Orders     int64       `json:"orders"`
	Base       units.Money `json:"base"` // their cost
	Run        units.Money `json:"run"`
	Change     units.Money `json:"change"`
	Term       string      `json:"term"`        // the term of cost that changed most; "" none
	TermChange units.Money `json:"term_change"` // by how much
	Reasons    []Count     `json:"reasons"`     // why, most orders first; none for orders that stayed
}

// Parts are the rows of an attribution: to each place or SKU its part of the change of the total cost of all orders. All rows sum
// to it exactly.
type Parts struct {
	Count int    `json:"count"` // rows there are
	Rows  []Part `json:"rows"`  // the largest change, of either sign, first; of equals what costs more in the run
	Rest  *Part  `json:"rest"`  // the sum of rows left out; null where there are none

	all []Part
}

// A Part is what one place or SKU is of a change.
type Part struct {
	Key          string      `json:"key"` // "" where it is not known
	BaseOrders   int64       `json:"base_orders"`
	RunOrders    int64       `json:"run_orders"`
	BaseFilled   int64       `json:"base_filled"`
	RunFilled    int64       `json:"run_filled"`
	BasePromised int64       `json:"base_promised"` // of those filled, with a promise
	RunPromised  int64       `json:"run_promised"`
	BaseOnTime   int64       `json:"base_on_time"` // of those promised, as the promise was kept
	RunOnTime    int64       `json:"run_on_time"`
	Base         units.Money `json:"base"` // cost
	Run          units.Money `json:"run"`
	Change       units.Money `json:"change"`   // the sum of the next three
	Alike        units.Money `json:"alike"`    // of orders filled in both runs
	Filling      units.Money `json:"filling"`  // of orders filled in one of the runs only
	Unpaired     units.Money `json:"unpaired"` // of orders that one of the runs does not have
	Both         int64       `json:"both"`     // orders filled in both runs
	AlikeBase    units.Money `json:"alike_base"`
	Share        Number      `json:"share"` // of the whole change, 1 is all of it; null where nothing changed

	// Of these, rounded to the micro, or to a float.
	AlikeEach       units.Money `json:"alike_per_order"`    // Alike over Both; 0 where there is none
	RunEach         units.Money `json:"run_per_order"`      // Run over RunFilled
	BaseOnTimeShare Number      `json:"base_on_time_share"` // of BasePromised
	RunOnTimeShare  Number      `json:"run_on_time_share"`
}

// A Day is a day of ordering.
type Day struct {
	Date units.Date `json:"date"`
	Part
}

// A Load is what a warehouse ships on a day.
type Load struct {
	Date         units.Date `json:"date"`
	Warehouse    string     `json:"warehouse"`
	Base         int64      `json:"base"` // shipments
	Run          int64      `json:"run"`
	BaseCapacity *int64     `json:"base_capacity"` // null: without limit, or not known
	RunCapacity  *int64     `json:"run_capacity"`
}

// A Site is what a warehouse ships in all.
type Site struct {
	Warehouse    string      `json:"warehouse"`
	Base         int64       `json:"base"` // shipments
	Run          int64       `json:"run"`
	Change       int64       `json:"change"`
	BaseCost     units.Money `json:"base_cost"` // of its shipments
	RunCost      units.Money `json:"run_cost"`
	BasePeak     int64       `json:"base_peak"` // shipments on the day that has most
	RunPeak      int64       `json:"run_peak"`
	BaseFullDays int64       `json:"base_full_days"` // days with as many shipments as capacity, where it is known
	RunFullDays  int64       `json:"run_full_days"`
}

// A Verdict says whether a run is a go.
type Verdict struct {
	Go       bool       `json:"go"` // no threshold fails
	Judgings []Judgment `json:"judgings"`
}

// A Judgment is what a threshold makes of a run.
type Judgment struct {
	Threshold string `json:"threshold"`
	Figure    string `json:"figure"`
	Observed  Number `json:"observed"` // what was held against the limit; null where the figure has no value
	Limit     Number `json:"limit"`
	Pass      bool   `json:"pass"`
	Reason    string `json:"reason"` // in a sentence
}
