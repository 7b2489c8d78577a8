package ratecards

import (
	"github.com/allot-engine/allot/ratecards/strictyaml"
	"github.com/allot-engine/allot/units"
)

// A Source is one card file, cards/SERVICE.yaml, with the tables it names. The package comment has a whole example.
// A zero field was left out of the file and means what its comment says.
type Source struct {
	Carrier       string       `yaml:"carrier"`                // who carries; required
	Service       string       `yaml:"service"`                // the carrier's product; joins the periods of a tariff; required
	Name          string       `yaml:"name,omitempty"`         // what people call it; default Service
	Currency      string       `yaml:"currency"`               // ISO 4217 code, as "USD"; required
	MinorUnit     units.Money  `yaml:"minor_unit,omitempty"`   // what prices are multiples of and totals round to; default 0.01
	Rounding      string       `yaml:"rounding,omitempty"`     // "none", "total" or "each_charge", half-up to the minor unit; default "total"
	EffectiveFrom units.Date   `yaml:"effective_from"`         // first ship date; required
	EffectiveTo   units.Date   `yaml:"effective_to,omitempty"` // last ship date; default until further notice
	Source        Citation     `yaml:"source"`                 // where the figures were published; required
	Zones         Zones        `yaml:"zones,omitempty"`        // which scope of the zone chart the card reads
	Limits        Limits       `yaml:"limits,omitempty"`       // what the service takes at most
	Refuses       []string     `yaml:"refuses,omitempty"`      // parcel flags it does not carry
	Dimensional   []Dimension  `yaml:"dimensional,omitempty"`  // dimensional weight; none: the scale alone counts
	WeightSteps   []WeightStep `yaml:"weight_steps,omitempty"` // rounding of the billable weight; none: not rounded
	Structures    []Structure  `yaml:"structures"`             // ways to price; the cheapest open to the parcel wins; 1 to MaxStructures
	Discount      *Discount    `yaml:"discount,omitempty"`     // off the base price
	Fuel          *Fuel        `yaml:"fuel,omitempty"`         // none: no fuel charge
	Surcharges    []Surcharge  `yaml:"surcharges,omitempty"`   // at most MaxSurcharges
	Tax           *Tax         `yaml:"tax,omitempty"`          // none: no tax

	File  string `yaml:"-"` // the file's path, for faults; set by Read
	doc   *strictyaml.Document
	state state
}

// A state tells what is known of a Source.
type state uint8

const (
	stateUnchecked state = iota // made by a program
	stateSound
	stateFaulty
)

// Ceilings of one card. They bound what Prepare keeps for a parcel, so that it needs no allocation.
const (
	MaxStructures = 8
	MaxSurcharges = 64
	MaxSteps      = 5_000     // rows of one price table
	MaxZones      = 255       // zones of one card: a lanes.Zone is a byte and 0 is "not served"
	MaxFileBytes  = 4_000_000 // of a card file or one of its tables
)

// A Citation says where figures were published.
type Citation struct {
	Text string     `yaml:"text"`           // the publication; required
	Date units.Date `yaml:"date,omitempty"` // when it was published or took effect
}

// Zones names the scopes of the zone chart that a card reads. Some charts have exceptions that hold for some
// services only, or only for light parcels: the five-digit exceptions of USPS charts hold for Priority Mail, and for
// Ground Advantage under 16 oz.
type Zones struct {
	Scope      string       `yaml:"scope,omitempty"`       // default the chart's general zones
	LightScope string       `yaml:"light_scope,omitempty"` // for parcels whose own weight is below LightBelow
	LightBelow units.Weight `yaml:"light_below,omitempty"` // strict; given with LightScope
}

// Limits are upper ends that may be reached but not passed, of the parcel's own weight and of its sides as measured.
// A zero field does not limit.
type Limits struct {
	Weight          units.Weight `yaml:"weight,omitempty"`
	Longest         units.Length `yaml:"longest,omitempty"`           // longest side
	Second          units.Length `yaml:"second,omitempty"`            // second-longest side
	LengthPlusGirth units.Length `yaml:"length_plus_girth,omitempty"` // longest + 2 x (second + shortest)
	Volume          Volume       `yaml:"volume,omitempty"`            // product of the sides
}

// A Dimension is one dimensional-weight rule and the ship dates it holds for. Rules must not overlap.
type Dimension struct {
	ShipFrom       units.Date      `yaml:"ship_from,omitempty"`      // included; default without beginning
	ShipTo         units.Date      `yaml:"ship_to,omitempty"`        // included; default without end
	Divisor        Divisor         `yaml:"divisor"`                  // as "139 in3/lb", "6000 cm3/kg" or the density "250 kg/m3"; required
	AboveVolume    Volume          `yaml:"above_volume,omitempty"`   // applies only above this volume, of rounded sides, before the factor
	ExemptUpTo     units.Weight    `yaml:"exempt_up_to,omitempty"`   // a dimensional weight not over this is ignored (Correios: 5 kg)
	Sides          *SideRounding   `yaml:"sides,omitempty"`          // rounding of each side; default not rounded
	Nonrectangular Factor          `yaml:"nonrectangular,omitempty"` // volume factor for parcels flagged nonrectangular or tube (USPS: 0.785); default 1
	Round          *WeightRounding `yaml:"round,omitempty"`          // rounding of the dimensional weight; default not rounded
	Assumed        bool            `yaml:"assumed,omitempty"`        // no source at hand gives these figures
}

// Ways of SideRounding and WeightRounding.
const (
	RoundUp      = "up"
	RoundNearest = "nearest"
	RoundDown    = "down"
)

// Values of Source.Rounding.
const (
	RoundNone       = "none"        // amounts stay exact to the micro
	RoundTotal      = "total"       // the total is rounded
	RoundEachCharge = "each_charge" // every charge is rounded, as a carrier's invoice lists them, and so is the total
)

// A SideRounding rounds each side of a parcel to a multiple of To.
type SideRounding struct {
	Round      string       `yaml:"round,omitempty"`      // "up" (the default), "nearest" (halves up) or "down"
	To         units.Length `yaml:"to"`                   // required
	Surcharges bool         `yaml:"surcharges,omitempty"` // the thresholds of surcharges and structures see the rounded sides too; default the measured ones
}

// A WeightRounding rounds a weight to a multiple of To.
type WeightRounding struct {
	Round string       `yaml:"round,omitempty"` // "up" (the default), "nearest" (halves up) or "down"
	To    units.Weight `yaml:"to"`              // required
}

// A WeightStep rounds billable weights up to multiples of To, but never beyond the end of the band: with bands up to
// 15.999 oz by 1 oz and from there by 1 lb, 15.2 oz is billed as 15.999 oz and not as a pound.
type WeightStep struct {
	NotOver units.Weight `yaml:"not_over,omitempty"` // end of the band; only the last leaves it out
	To      units.Weight `yaml:"to"`                 // required
}

// Kinds of Structure.
const (
	KindWeight = "weight" // prices by billable weight and zone; steps, and from somewhere on perhaps by the unit
	KindCubic  = "cubic"  // prices by volume tier and zone
	KindFlat   = "flat"   // one price, or one a zone, whatever the weight: a carrier's box, an oversized piece
)

// A Structure is one way to price a parcel. It is open to parcels within its Limits for which When holds and whose
// weight or volume its table reaches.
type Structure struct {
	Name    string        `yaml:"name"`              // required, its own in the card
	Kind    string        `yaml:"kind"`              // weight, cubic or flat
	Prices  string        `yaml:"prices,omitempty"`  // its CSV, beside the card; see the package comment
	Price   *units.Money  `yaml:"price,omitempty"`   // in place of Prices, for kind flat: the price in every zone
	Unit    units.Weight  `yaml:"unit,omitempty"`    // what per_unit and beyond count; required where the table has such rows
	Sides   *SideRounding `yaml:"sides,omitempty"`   // kind cubic: rounding of the sides before the tier (USPS: down to 0.25 in)
	Limits  Limits        `yaml:"limits,omitempty"`  // beside the card's own
	When    []Condition   `yaml:"when,omitempty"`    // any of these; default always. An oversized price: [{length_plus_girth_over: 108 in}]
	Assumed bool          `yaml:"assumed,omitempty"` // no source at hand gives these figures

	Table *PriceTable `yaml:"-"` // what Prices holds; set by Read
}

// A Condition holds for a parcel when everything it names does. Thresholds are strict: a side of 48 in is not over
// 48 in. A zero field asks nothing.
type Condition struct {
	WeightOver          units.Weight `yaml:"weight_over,omitempty"`            // of the parcel's own weight
	LongestOver         units.Length `yaml:"longest_over,omitempty"`           // longest side
	SecondOver          units.Length `yaml:"second_over,omitempty"`            // second-longest side
	LengthPlusGirthOver units.Length `yaml:"length_plus_girth_over,omitempty"` // longest + 2 x (second + shortest)
	VolumeOver          Volume       `yaml:"volume_over,omitempty"`            // product of the sides
	ValueOver           units.Money  `yaml:"value_over,omitempty"`             // declared value
	Flags               []string     `yaml:"flags,omitempty"`                  // the parcel has one of these flags
	Areas               []string     `yaml:"areas,omitempty"`                  // the destination has one of these attributes
}

// A Discount is taken off the base price only; it touches neither surcharges nor fuel percentages.
type Discount struct {
	Percent    units.Percent `yaml:"percent,omitempty"`     // 0 % to 100 %
	MinimumNet units.Money   `yaml:"minimum_net,omitempty"` // the discounted base price is never below this
	Assumed    bool          `yaml:"assumed,omitempty"`     // no source at hand gives these figures
}

// What a fuel percentage is taken of, besides the fuelable surcharges.
const (
	FuelOnNet  = "net"  // the base price after discount and minimum (the default)
	FuelOnList = "list" // the base price before discount
	FuelOnNone = "none" // the surcharges only
)

// Fuel is a percentage of the fuelable part, by ship date.
type Fuel struct {
	Table string `yaml:"table"`        // its CSV, beside the card; required
	On    string `yaml:"on,omitempty"` // "net", "list" or "none"

	Weeks []FuelWeek `yaml:"-"` // what Table holds, in order of date; set by Read
}

// A FuelWeek is the fuel percentage of a period of ship dates, both ends included.
type FuelWeek struct {
	From, To units.Date // To 0: until further notice
	Percent  units.Percent
	Assumed  bool // no source at hand gives this figure
}

// A Surcharge is charged on top of the base price when it fires: on a ship date within one of its windows, for a parcel
// for which When holds, and, where DependsOn names others, only when one of them is charged. A surcharge that depends on
// another cannot be depended upon.
type Surcharge struct {
	Name            string       `yaml:"name"`                       // required, its own in the card
	When            []Condition  `yaml:"when,omitempty"`             // any of these; default always
	DependsOn       []string     `yaml:"depends_on,omitempty"`       // names of surcharges, one of which must be charged
	Windows         []Window     `yaml:"windows,omitempty"`          // ship dates; default all
	Amount          Amount       `yaml:"amount"`                     // required
	Group           string       `yaml:"group,omitempty"`            // exclusive group: only the fired one with the highest Priority is charged
	Priority        int          `yaml:"priority,omitempty"`         // within Group, where each has its own
	MinimumBillable units.Weight `yaml:"minimum_billable,omitempty"` // raises the billable weight when charged; not with DependsOn
	Fuelable        bool         `yaml:"fuelable,omitempty"`         // fuel is charged on it
	Assumed         bool         `yaml:"assumed,omitempty"`          // no source at hand gives these figures
	Source          string       `yaml:"source,omitempty"`           // where the figures were published, if not where the card's were
}

// A Window is a period of ship dates, both ends included.
type Window struct {
	From units.Date `yaml:"from"`
	To   units.Date `yaml:"to"`
}

// OtherZones is the key of Amount.ByZone for zones it does not name.
const OtherZones = "other"

// An Amount is what a surcharge costs: exactly one of Flat, ByZone, ByWeight, PercentOfBase and PercentOfValue. None
// is negative.
type Amount struct {
	Flat           *units.Money           `yaml:"flat,omitempty"`
	ByZone         map[string]units.Money `yaml:"by_zone,omitempty"`          // every zone the card has prices for, or "other" for the rest; write 0 for no charge
	ByWeight       []WeightAmount         `yaml:"by_weight,omitempty"`        // by the billable weight
	PercentOfBase  units.Percent          `yaml:"percent_of_base,omitempty"`  // of the base price after discount and minimum
	PercentOfValue units.Percent          `yaml:"percent_of_value,omitempty"` // of the declared value
	Minimum        units.Money            `yaml:"minimum,omitempty"`          // least amount, with the percentages
}

// A WeightAmount is the amount for billable weights not over NotOver and over the band before.
type WeightAmount struct {
	NotOver units.Weight `yaml:"not_over,omitempty"` // only the last band leaves it out
	Amount  units.Money  `yaml:"amount"`
}

// A Tax is a percentage of everything before it.
type Tax struct {
	Percent units.Percent `yaml:"percent"`           // 0 % to 100 %
	Assumed bool          `yaml:"assumed,omitempty"` // no source at hand gives this figure
}

// Bases of a PriceRow.
const (
	BasisEach    = ""         // the price of the parcel
	BasisPerUnit = "per_unit" // of each started unit of the billable weight
	BasisBeyond  = "beyond"   // of each started unit above the row before, added to that row's price
	BasisMinimum = "minimum"  // least charge of the per_unit row that follows
)

// AnyZone is the column of a PriceTable that holds for every zone without a column of its own.
const AnyZone = "any"

// A PriceTable is the price table of a Structure.
type PriceTable struct {
	Zones []string // column names, each its own
	Rows  []PriceRow

	columns []int // where each zone stood in its file, from 1; empty where it was not read from one
}

// A PriceRow is one step of a PriceTable: prices hold above the step before and up to NotOver.
type PriceRow struct {
	NotOver units.Weight  // kind weight; 0 in the last row: no upper end
	Tier    Volume        // kind cubic
	Basis   string        // BasisEach, BasisPerUnit, BasisBeyond or BasisMinimum
	Prices  []units.Money // one a zone; NoPrice where the service does not go
	Line    int           // in its file; 0 where it was not read from one
}

// NoPrice is an empty cell of a PriceTable: not served.
const NoPrice units.Money = -1
