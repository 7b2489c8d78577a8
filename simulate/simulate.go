package simulate

import (
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// An Input is what one run replays.
type Input struct {
	Name    string // of the run, as "base" or "close reno"
	Epochs  []Epoch
	Stock   []network.StockRow // where the ledger begins
	History *history.History
	Moves   []history.Move // of stock, by time, beside those of the history; of one moment they come after those
	Mishaps []Mishap       // what goes wrong between warehouse and buyer
	Prices  *engine.Prices // shadow prices; nil: none. They belong to the lineage of the epochs
	Seed    uint64         // of whatever is drawn: parcels that are lost

	// Sources says what went in: a name, as "network", "orders" or "scenario", to a content hash. It is copied into results.
	Sources map[string]string
}

// An Epoch is a time from which orders are decided on a network. The epochs of a run have snapshots of one lineage (each
// compiled with the rows of the one before), ascending in From; the first begins before the first order.
type Epoch struct {
	From     units.Instant
	Snapshot *network.Snapshot
}

// A Mishap delays or loses parcels, unknown to the engine when it decides.
type Mishap struct {
	Carrier, Service string            // ids; "" for all
	Warehouse        string            // id; "" for all
	From, Until      units.Date        // ship dates, themselves included; 0: without end
	Days             int32             // each parcel arrives so many days later
	Lost             units.Probability // chance that a shipment is lost, drawn by Seed, order and shipment
}

// A Sink takes what a run decides, block by block.
//
// Prepare is called for each block as soon as it is decided, by several goroutines at once and in any order: the work that
// needs no order (encoding) belongs there. Write gets what Prepare returned, in the order of the blocks, one at a time. The block
// belongs to the run again after Prepare.
type Sink interface {
	Prepare(b *Block) (any, error)
	Write(prepared any) error
}

// A Block is what was decided about consecutive orders of the history.
type Block struct {
	First     int // of its orders, in the history
	Orders    []OrderRow
	Shipments []ShipmentRow
	Items     []engine.Item // of shipments; their SKUs are rows of the snapshots' lineage
	Costs     []units.Money // [shipment*len(terms) + term]: they sum to the shipment's cost
	StockOuts []StockOut
}

// An OrderRow is what became of one order. It is order Block.First plus its position.
type OrderRow struct {
	Outcome   engine.Outcome
	Late      bool        // planned late, as the policy allows
	Epoch     int32       // position in Input.Epochs
	Cost      units.Money // of the plan; 0 of a refusal
	SplitCost units.Money // part of Cost
	Arrival   units.Instant
	Status    engine.Status
	Gap       units.Money // of the certificate
	Shipments [2]int32    // its shipments are [Shipments[0], Shipments[1]) of the block

	RunnerUp RunnerUp // Warehouse is -1 where there is none

	// The lowest possible: what the same engine decides as if every warehouse had every SKU and days had no capacity. What
	// it is the lowest of is said at Floors.
	FloorOutcome engine.Outcome
	FloorLate    bool
	Floor        units.Money // its cost; 0 of a refusal

	Malformed bool // the network does not know a SKU or the place; counted, and not decided
}

// A RunnerUp is the best candidate for the whole order that the plan does not use.
type RunnerUp struct {
	Warehouse, Service int32
	Gap                units.Money // what it costs more than the plan; negative where a split costs more to fill all in time
	Why                string      // what the plan is cheaper by most at, as engine.RunnerUp says
}

// A ShipmentRow is one shipment of a plan.
type ShipmentRow struct {
	Order              int32    // position in Block.Orders
	Warehouse, Service int32    // rows of the snapshots' lineage
	Items              [2]int32 // [Items[0], Items[1]) of Block.Items
	Units, Parcels     int32
	Weight             units.Weight
	Cost               units.Money // all terms
	Freight            units.Money // part of Cost: what the carrier is paid
	ShipDate           units.Date
	DeliveryDate       units.Date    // planned
	DaysLate           int32         // planned
	Arrival            units.Instant // planned
	Pickup             units.Instant
	Guessed            bool
	Zone               string
	Metres             int64 // great circle from the warehouse
	CO2Grams           int64
	InTime             units.Probability // chance that it arrives by the promise, from the transit histogram; certain without a promise

	Delayed int32 // days, by mishaps
	Lost    bool  // by a mishap
}

// A StockOut is the moment at which the last available unit of a SKU went.
type StockOut struct {
	At        units.Instant
	SKU       int32
	Warehouse int32 // -1: the last unit anywhere
}
