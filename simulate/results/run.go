package results

import (
	"github.com/allot-engine/allot/units"
)

// An Order is what became of one order in a run, read back from the tables.
type Order struct {
	Position int // in the run's history
	ID       string
	At       units.Instant
	Outcome  string // as the API writes outcomes; "malformed" where it could not be decided
	Late     bool   // planned after its promise
	Promised bool   // it has a promise
	Missed   bool   // it was filled and missed its promise, by plan or by mishaps
	Postal   string // of the destination; "" where it is a point
	State    string // region of the destination, as "CA"; "" where none is known
	Cell     string // H3 cell of the destination in hexadecimal, at the resolution of the run's map

	Value           units.Money // of the goods; 0 where the history has none
	Cost, SplitCost units.Money
	Status          string      // of the certificate, as the API writes it; "" of an order that could not be decided
	Gap             units.Money // of the certificate
	Floor           units.Money // the lowest possible; 0 where FloorOutcome is no plan
	FloorOutcome    string
	Items           string // what was ordered, as "mug:2;skillet:1", by SKU
	Shipments       []Shipment

	RunnerUpWarehouse, RunnerUpService string
	RunnerUpGap                        units.Money
	Why                                string
}

// A Shipment is one shipment of an Order.
type Shipment struct {
	Warehouse, Carrier, Service string
	Items                       string
	Units, Parcels              int32
	Weight                      units.Weight // to the milligram
	Zone                        string
	Cost, Freight               units.Money
	Costs                       []units.Money // [term] of Run.Terms; they sum to Cost
	ShipDate, DeliveryDate      units.Date
	DaysLate                    int32
	Metres, CO2Grams            int64
	InTime                      units.Probability
	Delayed                     int32
	Lost                        bool
}
