package engine

import (
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// An Outcome is what became of an order.
type Outcome uint8

// The outcomes of a decision. All but Planned are refusals, which are results, not errors.
const (
	Planned       Outcome = iota + 1 // a plan fills the order, or what the partial rule asks of it
	OutOfStock                       // no set of warehouses has the units
	PromiseMissed                    // the units are there, but nothing arrives in time
	NotServed                        // the units are there, but no service takes them to the destination
	TooManySplits                    // the units are there, but not within the policy's max_shipments
	LeftOut                          // a wave leaves it, though its units are there: it costs more than leaving it, or all were asked and another cannot be filled
)

// String returns the outcome's name as the API and the files write it.
func (o Outcome) String() string {
	switch o {
	case Planned:
		return "PLANNED"
	case OutOfStock:
		return "OUT_OF_STOCK"
	case PromiseMissed:
		return "PROMISE_MISSED"
	case NotServed:
		return "NOT_SERVED"
	case TooManySplits:
		return "TOO_MANY_SPLITS"
	case LeftOut:
		return "LEFT_OUT"
	}
	return "UNKNOWN"
}

// A Decision is what Decide says of one order. Its slices are reused by the next Decide into it: copy what must stay.
type Decision struct {
	Outcome     Outcome
	Cost        units.Money   // all terms of all shipments and the split cost
	SplitCost   units.Money   // part of Cost
	Arrival     units.Instant // of the last shipment
	Late        bool          // some shipment arrives after the promise, as the policy allows
	Shipments   []Shipment
	Unfilled    []Item // what the partial rule left out
	Certificate Certificate
}

// A Shipment is the parcels of one order that one warehouse hands to one service.
type Shipment struct {
	Warehouse, Service int32 // rows in the snapshot
	Items              []Item
	Parcels            []Parcel
	Freight            units.Money // all charges of the service for the parcels
	Handling           units.Money // the warehouse's own cost
	Other              units.Money // boxes, carbon, lateness, shadow prices, less clearance
	StockPrice         units.Money // part of Other: the shadow prices of the units
	CapacityPrice      units.Money // part of Other: the shadow prices of the warehouse's day and of the service's there
	Zone               lanes.Zone
	Guessed            bool // the zone is from the distance rule, not from the carrier's chart
	Ready              units.Instant
	Pickup             units.Instant
	ShipDate           units.Date // at the warehouse
	DeliveryDate       units.Date // at the destination
	Arrival            units.Instant
	LatestOrder        units.Instant // the last moment at which the same shipment still keeps the promise; 0 without one
	DaysLate           int32
}

// Prices returns the shadow prices that the cost of the decision includes. Cost less Prices is what is really paid.
func (d *Decision) Prices() (sum units.Money) {
	for i := range d.Shipments {
		sum += d.Shipments[i].StockPrice + d.Shipments[i].CapacityPrice
	}
	return sum
}

// Cost returns what the shipment costs in all.
func (s *Shipment) Cost() units.Money { return s.Freight + s.Handling + s.Other }

// An Item is a quantity of one SKU.
type Item struct {
	SKU      int32 // row in the snapshot
	Quantity int32
}

// A Parcel is what a carrier weighs.
type Parcel struct {
	ratecards.Parcel
	Box   int32 // position in Snapshot.Boxes, or -1 for goods that ship as they are
	Units int32
}

// A Status tells how good a plan is known to be.
type Status uint8

// The certificates a decision can carry. A plan is compared with plans that fill the same items, and, where it is on time,
// with plans that are.
const (
	Optimal    Status = iota + 1 // no plan is better
	Bounded                      // the bound below is proven, and a better plan may lie between; or see Certificate.Bound
	Infeasible                   // proven: no plan keeps the constraints
)

// String returns the status's name as the API and the files write it.
func (s Status) String() string {
	switch s {
	case Optimal:
		return "OPTIMAL"
	case Bounded:
		return "BOUNDED"
	case Infeasible:
		return "INFEASIBLE"
	}
	return "UNKNOWN"
}

// A Certificate says what was proven about a decision and how much was searched.
type Certificate struct {
	Status Status

	// Bound: no plan costs less. A plan that is Bounded without a gap is the cheapest, but another as cheap may come
	// before it, or it is not settled whether more of the order, or all of it on time, could have been filled. Of a
	// refusal that is Bounded no more is said: no plan was met, and none was ruled out.
	Bound units.Money

	Gap        units.Money // Cost - Bound; 0 for a refusal
	Candidates int32       // warehouses that could ship the whole order
	Scored     int64       // shipments whose cost was worked out
	States     int64       // states of the split search; 0 where none was needed, because bounds alone proved the plan
	Stopped    bool        // Scratch.Stop ended the search, so that the decision depends on when it did
}

// A Constraint is what rules a candidate out.
type Constraint uint8

// The constraints, in the order in which they are looked at: a candidate is killed by the first that fails.
const (
	None            Constraint = iota
	WarehouseClosed            // the warehouse ships nothing
	NoStock                    // not all the units are available there
	WarehouseClass             // the warehouse may not ship a class in the order
	NoHandover                 // the warehouse does not hand parcels to the service
	ServiceExcluded            // the order names other services, or the service is of another kind
	ServiceClass               // the service does not carry a class in the order
	NotInArea                  // the service does not deliver at the destination
	NoZone                     // no chart has the lane, and no rule may guess it
	NoCard                     // no rate card is in force on the ship date
	NoTransit                  // the transit of the lane is not known
	OverLimit                  // a parcel is over the service's weight or size limits
	NoPrice                    // the card has no price for the parcel in the zone
	NoPickup                   // no pickup within the horizon
	WarehouseFull              // the warehouse's capacity of every day that would be in time is used up
	ServiceFull                // the service's capacity there of every day that would be in time is used up
	TooLate                    // it would arrive after the promise
)

// A Term is one named part of a cost. Amounts may be negative: discounts and bonuses are terms of their own.
type Term struct {
	Name   string
	Amount units.Money
}

var constraintNames = [...]string{
	"none", "warehouse_closed", "no_stock", "warehouse_class", "no_handover", "service_excluded", "service_class", "not_in_area", "no_zone",
	"no_card", "no_transit", "over_limit", "no_price", "no_pickup", "warehouse_full", "service_full", "too_late",
}

// String returns the constraint's name as the API and the files write it.
func (c Constraint) String() string { return constraintNames[c] }
