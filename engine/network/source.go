package network

import (
	"fmt"
	"strings"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/ratecards/strictyaml"
	"github.com/allot-engine/allot/units"
)

// Where the parts of a network lie in its directory. An importer writes to the same places.
const (
	SettingsFile   = "network.yaml"
	WarehousesFile = "warehouses.csv"
	SKUsFile       = "skus.csv"
	StockFile      = "stock.csv"   // may be absent
	PickupsFile    = "pickups.csv" // may be absent
	CardsDir       = "cards"       // cards/NAME.yaml and the tables it names
	ZonesDir       = "zones"       // zones/SET.csv, or several charts of one set as zones/SET/ANY.csv
	AreasDir       = "areas"       // areas/LIST.csv, and service areas in areas/ANY.geojson
	TransitDir     = "transit"     // transit/NAME.csv, or several tables of one name as transit/NAME/ANY.csv
	CalendarsDir   = "calendars"   // calendars/ANY.csv, lists of holidays
	PlacesDir      = "places"      // places/ANY.txt, postal places of GeoNames for countries other than the US
)

// A Source is a network as its files say it: what Read reads, and what a program may build in code. Names are those
// of the files; nothing is checked yet. A zero field was left out and means what its comment says.
type Source struct {
	Settings   Settings
	Warehouses []WarehouseRow
	SKUs       []SKURow
	Stock      []StockRow  // not part of the network, and not in its version: where the ledger begins
	Pickups    []PickupRow // exceptions to the services' own pickups

	Cards        []*ratecards.Source              // any number of a service, one a period
	Charts       map[string][]*lanes.Chart        // zone charts by zone set
	AreaLists    map[string][]*lanes.AreaList     // destination attributes by list
	Transits     map[string][]*lanes.TransitTable // days in transit by name
	ServiceAreas []geo.Area                       // by name, which services refer to
	Holidays     calendar.Holidays                // lists by name, which calendars refer to
	Places       *geo.Places                      // nil: geo.US()

	doc      *strictyaml.Document            // where the settings stood; nil where they were built in code
	cardDocs map[string]*strictyaml.Document // where the heads of the cards stood, by file
	columns  map[string]map[string]int       // position from 1 by file and column, for faults
	broken   map[string]bool                 // files and directories that could not be read: what refers into them is not judged
	faulty   bool                            // Read had faults
	strange  []string                        // files that are not of a network but nearly named so
}

// Settings are network.yaml.
type Settings struct {
	Name      string                    `yaml:"name"`     // required
	Currency  string                    `yaml:"currency"` // ISO 4217, of every amount in the network; required
	Policy    PolicySource              `yaml:"policy,omitempty"`
	Defaults  Defaults                  `yaml:"defaults,omitempty"`
	Calendars map[string]CalendarSource `yaml:"calendars,omitempty"` // by name
	Zones     map[string]ZoneSetSource  `yaml:"zones,omitempty"`     // zone sets that have more than charts, by name
	Classes   map[string]ClassSource    `yaml:"classes,omitempty"`   // of SKUs, by name; "plain" is always there
	Carriers  []CarrierSource           `yaml:"carriers"`            // at least one
	Services  []ServiceSource           `yaml:"services"`            // 1 to MaxServices
	Boxes     []BoxSource               `yaml:"boxes,omitempty"`     // at most MaxBoxes; none: parcels are as large as what is in them
}

// A PolicySource is the policy in network.yaml.
type PolicySource struct {
	SplitCost      units.Money       `yaml:"split_cost,omitempty"`           // added for every shipment beyond the first
	MaxShipments   int32             `yaml:"max_shipments,omitempty"`        // of one order, 1 to MaxShipments; default 1
	SplitLines     bool              `yaml:"split_lines,omitempty"`          // the units of one line may come from several warehouses
	OnTime         units.Probability `yaml:"on_time,omitempty"`              // chance with which a promise is kept where transit has a histogram; default 95 %
	Late           string            `yaml:"late,omitempty"`                 // "refuse" (the default) or "allow"
	LateCost       units.Money       `yaml:"late_cost,omitempty"`            // for each day late, of each late shipment
	Partial        string            `yaml:"partial,omitempty"`              // "refuse" (the default) or "fill"
	CarbonPrice    units.Money       `yaml:"carbon_price,omitempty"`         // for a kilogram of CO2e
	HoldMinutes    int64             `yaml:"hold_minutes,omitempty"`         // life of a pending hold; default 15
	MaxLines       int32             `yaml:"max_lines,omitempty"`            // of one order; default 100
	MaxUnits       int64             `yaml:"max_units,omitempty"`            // of one order; default 100,000
	PromiseHorizon int32             `yaml:"promise_horizon_days,omitempty"` // within which a promise may lie; default 60
	GuessZones     bool              `yaml:"guess_zones,omitempty"`          // fall back on the distance rule where no chart has the lane
	PackingFill    units.Percent     `yaml:"packing_fill,omitempty"`         // share of a box's volume that may be filled; default 100 %
}

// Defaults stand in for what a row of warehouses.csv leaves out.
type Defaults struct {
	Country  string         `yaml:"country,omitempty"`  // default "US"
	Cutoff   *units.Clock   `yaml:"cutoff,omitempty"`   // without it every warehouse gives its own
	Workdays units.Weekdays `yaml:"workdays,omitempty"` // default mon-fri
	Holidays []string       `yaml:"holidays,omitempty"` // lists of calendars/*.csv
}

// A CalendarSource is a week without some days.
type CalendarSource struct {
	Week     units.Weekdays `yaml:"week"`               // required
	Holidays []string       `yaml:"holidays,omitempty"` // lists of calendars/*.csv on whose days it rests
	Closed   []units.Date   `yaml:"closed,omitempty"`   // further days on which it rests
}

// A ZoneSetSource is what a zone set has beside its charts: the rule by which zones are guessed from the distance
// where no chart covers a warehouse and the policy allows it.
type ZoneSetSource struct {
	Distance string            `yaml:"distance,omitempty"` // "usps": zones 1 to 8 as geo.USPSBands has them
	Bands    []BandSource      `yaml:"bands,omitempty"`    // in place of Distance, a rule of one's own
	Regions  map[string]string `yaml:"regions,omitempty"`  // zone from elsewhere to AK, HI, PR …, as lanes.Fallback has them
}

// A BandSource is one step of a distance rule.
type BandSource struct {
	Miles int32  `yaml:"miles,omitempty"` // upper end, included; only the last leaves it out
	Zone  string `yaml:"zone"`
}

// A ClassSource says what a class of SKUs is to carriers.
type ClassSource struct {
	Flags []string `yaml:"flags,omitempty"` // parcel flags that every SKU of the class has
}

// A CarrierSource is a company that collects parcels, or the merchant's own counter.
type CarrierSource struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name,omitempty"` // default ID
}

// Kinds of ServiceSource.
const (
	KindShip    = "ship"    // a carrier brings it
	KindCollect = "collect" // the buyer collects it from the warehouse
)

// A ServiceSource is one product of a carrier.
type ServiceSource struct {
	ID      string `yaml:"id"`
	Name    string `yaml:"name,omitempty"` // default ID
	Carrier string `yaml:"carrier"`
	Kind    string `yaml:"kind,omitempty"`  // "ship" (the default) or "collect"
	Cards   string `yaml:"cards,omitempty"` // the service named in the cards it is priced by; default ID. A collect service may have none and is then free

	Zones        string   `yaml:"zones,omitempty"`         // zone set
	Zone         string   `yaml:"zone,omitempty"`          // in place of Zones: the one zone of its cards, wherever it delivers
	Areas        string   `yaml:"areas,omitempty"`         // list of destination attributes
	ServiceAreas []string `yaml:"service_areas,omitempty"` // it delivers in these only; default wherever its zones say

	Transit      string `yaml:"transit,omitempty"`       // transit tables; default ID, where there are such tables
	TransitScope string `yaml:"transit_scope,omitempty"` // scope to read in them; default the general one
	TransitDays  *int32 `yaml:"transit_days,omitempty"`  // in place of Transit: the same number of days everywhere

	Pickup         PickupSource         `yaml:"pickup,omitempty"`           // when parcels leave a warehouse; required but for collect
	Linehaul       string               `yaml:"linehaul,omitempty"`         // calendar by which days in transit count; default daily
	Delivery       string               `yaml:"delivery,omitempty"`         // calendar of days on which it delivers; default daily
	DeliveryByArea []AreaDeliverySource `yaml:"delivery_by_area,omitempty"` // the first that matches, before Delivery
	DeliverBy      *units.Clock         `yaml:"deliver_by,omitempty"`       // local time of day by which it is there; default 20:00

	Classes         []string    `yaml:"classes,omitempty"`                // classes it carries; default all
	Only            string      `yaml:"only,omitempty"`                   // "residential" or "commercial" addresses only
	DailyCapacity   int32       `yaml:"daily_capacity,omitempty"`         // shipments a day from each warehouse; default unlimited
	PerShipment     units.Money `yaml:"per_shipment,omitempty"`           // duty and other charges of every shipment, beside the prices of its parcels
	GramsPerTonneKm int64       `yaml:"co2_grams_per_tonne_km,omitempty"` // CO2e of carriage
}

// A PickupSource is when a service collects at a warehouse.
type PickupSource struct {
	Calendar string        `yaml:"calendar,omitempty"` // default the warehouse's own work days
	Times    []units.Clock `yaml:"times,omitempty"`    // local
}

// An AreaDeliverySource is the delivery calendar of destinations with an attribute.
type AreaDeliverySource struct {
	Areas    []string `yaml:"areas"` // attributes, any of which will do
	Calendar string   `yaml:"calendar"`
}

// A BoxSource is a carton.
type BoxSource struct {
	ID        string       `yaml:"id"`
	Inside    Dims         `yaml:"inside"`               // as "12x9x4 in"
	Outside   *Dims        `yaml:"outside,omitempty"`    // default Inside
	Tare      units.Weight `yaml:"tare,omitempty"`       // weight of the box itself
	MaxWeight units.Weight `yaml:"max_weight,omitempty"` // of the contents; default no limit
	Cost      units.Money  `yaml:"cost,omitempty"`
}

// Dims are three sides as written: "12x9x4 in".
type Dims [3]units.Length

// MarshalText implements encoding.TextMarshaler.
func (d Dims) MarshalText() ([]byte, error) {
	text := make([]string, len(d))
	for i, side := range d {
		text[i] = fmt.Sprintf("%d.%03d", side/units.Millimetre, side%units.Millimetre)
	}
	return []byte(strings.Join(text, "x") + " mm"), nil
}

// UnmarshalText implements encoding.TextUnmarshaler; see units.ParseDims.
func (d *Dims) UnmarshalText(b []byte) error {
	sides, err := units.ParseDims(string(b))
	*d = sides
	return err
}

// A WarehouseRow is one row of warehouses.csv.
type WarehouseRow struct {
	ID         string         // id
	Name       string         // name; default ID
	Kind       string         // kind: dc (the default), store, third-party, drop-shipper
	Country    string         // country, ISO 3166-1 alpha-2; default Settings.Defaults
	Postal     string         // postal_code; may be left out where a point is given
	Point      *geo.Point     // lat and lng; default the middle of the postal area
	TimeZone   string         // timezone, IANA; default that of the place
	Cutoff     *units.Clock   // cutoff, local time of day; default Settings.Defaults
	Processing int32          // processing_hours, here in minutes, from the cut-off to ready
	Workdays   units.Weekdays // workdays; default Settings.Defaults
	Holidays   []string       // holidays, lists of calendars/*.csv on whose days it rests; default Settings.Defaults. "none" for none
	Capacity   int32          // daily_capacity, shipments a day; 0, or left out, is unlimited

	PerOrder, PerLine, PerUnit, PerKilogram units.Money // cost_per_order, cost_per_line, cost_per_unit, cost_per_kg

	Carriers []string // carriers that collect here; default every carrier's ship services
	Classes  []string // classes it may ship; default all
	Closed   bool     // closed: yes while it ships nothing

	Line int  // in its file; 0 where it was not read from one
	bad  bool // the row has a fault already: its id is known, nothing else is judged
}

// A SKURow is one row of skus.csv.
type SKURow struct {
	ID         string          // sku
	Weight     units.Weight    // weight; over 0
	Sides      [3]units.Length // length, width, height, in any order; all 0 where they are not known: then only weight counts
	Class      string          // class; default "plain"
	Flags      []string        // flags of the parcel it travels in, beside its class's
	ShipsAlone bool            // ships_alone: yes when it is a parcel of its own
	Value      units.Money     // value of a unit, declared to carriers
	Line       int
	bad        bool
}

// A StockRow is one row of stock.csv: units of one SKU in one warehouse, from now on or from a day on.
type StockRow struct {
	Warehouse, SKU string
	OnHand         int32      // on_hand; 0 or more
	Safety         int32      // safety: units not to be promised
	AvailableFrom  units.Date // available_from, an inbound receipt; 0 is now
	Line           int
	bad            bool
}

// A PickupRow is one row of pickups.csv: when a service, or all of a carrier, collects at one warehouse.
type PickupRow struct {
	Warehouse string
	Carrier   string        // either this
	Service   string        // or this, which wins
	Calendar  string        // default the service's
	Times     []units.Clock // default the service's
	Line      int
	bad       bool
}
