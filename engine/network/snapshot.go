package network

import (
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// Ceilings of one network. They bound what a snapshot can cost and size the columns of the hot path.
const (
	MaxWarehouses = 20_000
	MaxServices   = 64 // a warehouse's services are one uint64
	MaxClasses    = 32 // a SKU's class is one bit of a uint32
	MaxSKUs       = 2_000_000
	MaxBoxes      = 64
)

// A Snapshot is a compiled network: immutable, shared by any number of goroutines, replaced whole.
//
// Rows (positions in Warehouses, SKUs and Services) belong to one lineage of snapshots: a snapshot compiled after
// another keeps the rows of what both have, so that stock columns stay valid; what was removed stays as a closed row.
// Rows are never stored and never sent.
type Snapshot struct {
	Version  string // content hash of the network, hex; equal networks have equal versions
	Name     string
	Currency string      // ISO 4217
	Minor    units.Money // the smallest amount the currency pays, 10,000 micros for cents

	Policy     Policy
	Warehouses []Warehouse
	Profiles   []Profile // distinct working days of warehouses
	Carriers   []string
	Services   []Service
	SKUs       SKUs
	Classes    []string // class names by bit; bit 0 is "plain"
	Boxes      []Box    // by volume, then id; empty: every parcel is as large as what is in it
	Places     *geo.Places

	warehouseRows map[string]int32
	serviceRows   map[string]int32
}

// Warehouse returns the row of the warehouse with this id. Closed warehouses are found too.
func (s *Snapshot) Warehouse(id string) (int32, bool) { r, ok := s.warehouseRows[id]; return r, ok }

// Service returns the row of the service with this id.
func (s *Snapshot) Service(id string) (int32, bool) { r, ok := s.serviceRows[id]; return r, ok }

// A Policy is what the merchant allows and how the merchant weighs it.
type Policy struct {
	SplitCost      units.Money // added for every shipment beyond the first
	MaxShipments   int32       // of one order; at least 1
	SplitLines     bool        // the units of one line may come from several warehouses
	OnTime         units.Probability
	Late           LateRule
	LateCost       units.Money // for each day late, of each late shipment
	Partial        PartialRule
	CarbonPrice    units.Money   // for a kilogram of CO2e
	HoldSeconds    int64         // life of a pending hold; default 900
	MaxLines       int32         // of one order; default 100
	MaxUnits       int64         // of one order; default 100,000
	PromiseHorizon int32         // days after now within which a promise may lie and a shipment must arrive; default 60
	GuessZones     bool          // fall back on the distance rule where no chart has the lane
	PackingFill    units.Percent // share of a box's volume that may be filled; default 100 %
}

// LateRule says what happens when nothing arrives by the promise.
type LateRule uint8

// The rules for orders that nothing serves in time.
const (
	LateRefuse LateRule = iota // refuse the order
	LateAllow                  // take the cheapest plan, each day late priced at LateCost
)

// PartialRule says what happens when not every line can be filled.
type PartialRule uint8

// The rules for orders that cannot be filled whole.
const (
	PartialRefuse PartialRule = iota // refuse the order
	PartialFill                      // fill as many units as can be, then as cheaply as can be
)

// A Warehouse is anything that ships.
type Warehouse struct {
	ID       string
	Name     string
	Kind     string // dc, store, third-party, drop-shipper
	Country  string // ISO 3166-1 alpha-2
	Postal   string // "" where only a point is given
	Point    geo.Point
	Unit     geo.Unit
	TimeZone string
	Region   lanes.Region // of the postal code, for the distance rule
	Centre   geo.Unit     // of the postal area (the 3-digit ZIP area), which the distance rule measures from
	Profile  int32        // position in Snapshot.Profiles

	PerOrder, PerLine, PerUnit, PerKilogram units.Money // handling; each >= 0
	DailyCapacity                           int32       // shipments a day; -1 is unlimited
	Services                                uint64      // bit per service row it can hand parcels to
	Classes                                 uint32      // bit per SKU class it may ship
	Closed                                  bool        // ships nothing
	Rank                                    int32       // position of ID among all ids in ascending order; ties break by it
}

// A Profile is how a warehouse's day runs: its dock and each service's pickups there. Warehouses that run alike share
// one, and what a moment means for them is worked out once.
type Profile struct {
	Dock    calendar.Dock
	Pickups []calendar.Pickups // by service row; nil Calendar where the service is not handed over
}

// ServiceKind tells how a service reaches the buyer.
type ServiceKind uint8

// The kinds of service.
const (
	Ship    ServiceKind = iota // a carrier brings it
	Collect                    // the buyer collects it from the warehouse; only for orders that say where
)

// A Service is one carrier's product.
type Service struct {
	ID      string
	Name    string
	Carrier int32 // position in Snapshot.Carriers
	Kind    ServiceKind

	Tariff                          *ratecards.Tariff // never nil: a service without cards has one that is free
	Zones                           *lanes.ZoneSet    // nil: the one zone OnlyZone applies wherever the service delivers
	OnlyZone                        lanes.Zone        // used when Zones is nil
	Origins                         []lanes.Origin    // by warehouse row, in Zones; lanes.NoOrigin where no chart covers the warehouse
	Scope, Light                    lanes.Scope       // of Zones: for every parcel, and for parcels lighter than the card's limit for them
	Attrs                           *lanes.Areas      // destination attributes; nil: none
	Served                          []geo.Area        // where it delivers; nil: wherever its zones say
	Transit                         *lanes.Transit
	TransitScope                    lanes.Scope    // of Transit
	TransitOrigins                  []lanes.Origin // by warehouse row, in Transit
	PerShipment                     units.Money    // duty and other charges of every shipment, beside the prices of its parcels
	Linehaul                        *calendar.Calendar
	Delivery                        *calendar.Calendar
	ByArea                          []AreaDelivery // delivery calendars of destinations with an attribute; the first that matches
	DeliverBy                       units.Clock    // local time of day by which it arrives on its day
	Classes                         uint32         // bit per SKU class it carries
	DailyCapacity                   int32          // shipments a day from each warehouse; -1 is unlimited
	GramsPerTonneKm                 int64          // CO2e
	ResidentialOnly, CommercialOnly bool
	Rank                            int32 // position of ID among all ids in ascending order
}

// AreaDelivery is the delivery calendar of destinations that have an attribute of Mask.
type AreaDelivery struct {
	Mask     lanes.Mask
	Calendar *calendar.Calendar
}

// SKUs are the columns of what is sold, by SKU row.
type SKUs struct {
	IDs        []string
	Weight     []units.Weight
	Sides      [][3]units.Length // longest first
	Class      []uint32          // one bit of Snapshot.Classes
	Flags      []ratecards.ParcelFlags
	ShipsAlone []bool
	Value      []units.Money
	Gone       []bool // no longer sold; the row is kept for its stock
	index      skuIndex
}

// Row returns the row of a SKU. It does not allocate.
func (s *SKUs) Row(id string) (int32, bool) { return s.index.find(s.IDs, id) }

// A Box is a carton that lines are packed into.
type Box struct {
	ID        string
	Inside    [3]units.Length // longest first
	Outside   [3]units.Length // longest first
	Tare      units.Weight
	MaxWeight units.Weight // of the contents; 0 is no limit
	Cost      units.Money
}
