package ledger

import (
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/allot-engine/allot/units"
)

// A Warehouse is the row of a warehouse. Rows are dense positions that one ledger gave to names, in the order in which it
// met them. They never change while the ledger lives, and mean nothing to another ledger.
type Warehouse int32

// A SKU is the row of a SKU.
type SKU int32

// A Service is the row of a carrier's service.
type Service int32

// A Network is the number that a ledger gave to a version of a network: 1, 2, 3 and so on; 0 is none.
type Network int32

// AnyService marks the capacity of a warehouse over all its services.
const AnyService Service = -1

// Limits that the ledger refuses to go beyond.
const (
	MaxQuantity = 1_000_000_000   // units in one counter, or shipments in one day
	MaxClaims   = 100_000         // claims of one hold
	MaxBatch    = 100_000         // allocations granted together
	MaxTogether = 32 << 20        // bytes that they and their answers take in the journal, about
	MaxCells    = 1 << 30         // counters of stock, and so warehouses x SKUs; 5 bytes each
	MaxIDLength = 256             // bytes of a name, an order or a request id
	YearSeconds = 365 * 24 * 3600 // a hold lives for less

	// Horizon is the number of days, from two days before the latest command (UTC), whose capacity is counted.
	Horizon = 128

	// Unlimited is the capacity of a day that nobody limited.
	Unlimited int32 = math.MaxInt32

	// EveryDay sets a capacity for all dates that have no limit of their own.
	EveryDay units.Date = math.MinInt32

	firstBase  = -2                             // the horizon's first day at the beginning of time
	maxInstant = units.Instant(253_402_300_799) // the end of year 9999
)

// A HoldID names a hold in its ledger: 1, 2, 3 and so on.
type HoldID uint64

// A Status is where a hold is in its life.
type Status uint8

// The statuses of a hold.
const (
	Pending   Status = iota + 1 // holds its claims until it expires
	Confirmed                   // holds its claims until it is cancelled
	Released                    // given up while pending
	Expired                     // not confirmed in time
	Cancelled                   // given up after it was confirmed
	Shipped                     // nothing of it is held any more, and some of it has left
	Refused                     // never held anything: the answer to an order that could not be filled
)

// String returns the status in lower case.
func (s Status) String() string {
	switch s {
	case Pending:
		return "pending"
	case Confirmed:
		return "confirmed"
	case Released:
		return "released"
	case Expired:
		return "expired"
	case Cancelled:
		return "cancelled"
	case Shipped:
		return "shipped"
	case Refused:
		return "refused"
	default:
		return "unknown"
	}
}

// Holding reports whether a hold in this status has its claims.
func (s Status) Holding() bool { return s == Pending || s == Confirmed }

// A StockClaim is a claim on units of a SKU in a warehouse. Quantity is 1..MaxQuantity.
type StockClaim struct {
	Warehouse Warehouse
	SKU       SKU
	Quantity  int32
}

// A Claim is what became of a StockClaim that was granted.
type Claim struct {
	StockClaim
	Shipped  int32 // units that have left
	Short    int32 // units that were not there when they were to be picked
	Returned int32 // units that were given back
}

// Left returns how many units are still held.
func (c *Claim) Left() int32 { return c.Quantity - c.Shipped - c.Short - c.Returned }

// A ShipmentClaim is a claim on the capacity of a day. It counts against the warehouse's day and against the service's
// day in that warehouse. Date is the day the shipments leave, where the warehouse is, and lies within the horizon. Shipments is 1..MaxQuantity.
type ShipmentClaim struct {
	Warehouse Warehouse
	Service   Service
	Date      units.Date
	Shipments int32
}

// A Request makes a command idempotent. The same ID with the same body gets the first answer again; with another
// body it is refused with ErrRequestReused. A refused command is not remembered. An empty ID turns this off.
type Request struct {
	ID   string
	Body BodyHash
}

// A BodyHash is a hash of everything the caller asked for, XXH3 of 128 bits: it only has to tell apart what one caller sends under
// one id. Whoever makes two requests that it does not tell apart gets the answer to the first of them again. SHA-256 would guard
// against that, too, and costs eight times as much for every order.
type BodyHash [16]byte

// HashBody returns the hash of what a caller asked for. It is the same everywhere and always: holds are kept with it.
func HashBody(asked []byte) BodyHash { return xxh3.Hash128(asked).Bytes() }

// sound returns a request whose body says nothing without an id.
func (r Request) sound() Request {
	if r.ID == "" {
		return Request{}
	}
	return r
}

// A Basis is what a decision was made on, so that it can be made again.
type Basis struct {
	Network  Network       // the network that was decided on
	Sequence uint64        // the stock that was seen: as it is after this event
	At       units.Instant // what was taken for now
}

// An Allocation is the command to hold a plan's claims.
type Allocation struct {
	Request   Request
	At        units.Instant
	Order     string // the caller's name for what it holds for; may be empty
	TTL       int64  // seconds until a pending hold expires: at least 1, less than YearSeconds
	Stock     []StockClaim
	Shipments []ShipmentClaim
	Basis     Basis
	Question  []byte // what was asked; told in the event and then forgotten
	Answer    []byte // the ledger's from then on: kept and returned to repeated requests, not looked into
	Refused   bool   // the order cannot be filled: it is declined, and claims nothing
	Room      *Room  // memory for the hold, together with others; nil for memory of its own
}

// A Hold is a granted allocation. Its slices are shared and must not be changed.
type Hold struct {
	ID        HoldID
	Request   Request
	Order     string
	Status    Status
	Granted   units.Instant
	Expires   units.Instant // when it expires if it is still pending
	Changed   units.Instant // when it got its status, or when units of it last moved
	Sequence  uint64        // of the event that granted it
	Latest    uint64        // of the latest event that changed it
	Stock     []Claim       // by SKU, then warehouse
	Shipments []ShipmentClaim
	Answer    []byte
}

// A StockLevel sets what is on hand and what is kept back as safety. Both are 0..MaxQuantity.
type StockLevel struct {
	Warehouse      Warehouse
	SKU            SKU
	OnHand, Safety int32
}

// A StockChange adds units to what is on hand, or takes them off when Delta is negative.
type StockChange struct {
	Warehouse Warehouse
	SKU       SKU
	Delta     int32
}

// A Receipt is inbound stock: Quantity units that are on hand from an instant on.
type Receipt struct {
	Warehouse Warehouse
	SKU       SKU
	Quantity  int32 // 1..MaxQuantity
	From      units.Instant
}

// A CapacityLimit sets how many shipments may leave on a day: of a warehouse, or of one service there.
type CapacityLimit struct {
	Warehouse Warehouse
	Service   Service    // AnyService for the warehouse as a whole
	Date      units.Date // or EveryDay
	Shipments int32      // 0..MaxQuantity, or Unlimited
}

// Stock is the state of one counter. Available = OnHand - Held - Safety, which a correction may have made negative.
type Stock struct {
	OnHand, Held, Safety, Available int32
	Inbound                         int32 // of receipts still to come
}

// A Shortfall is a stock counter whose holds exceed what is left after a correction: on hand - safety < held.
type Shortfall struct {
	Warehouse Warehouse
	SKU       SKU
	Missing   int32    // held + safety - on hand
	Holds     []HoldID // every hold with units held there, in ascending order
}

// A StockResult answers a change of stock.
type StockResult struct {
	Sequence   uint64 // of the event
	Shortfalls []Shortfall
}

// A Kind says what an event is about.
type Kind uint8

// The kinds of events, each with the fields of Event that it fills besides Sequence, At, Kind and Request. Where units of
// a hold move, Items says which; no items are all that are left.
const (
	Extended      Kind = iota + 1 // Warehouses, SKUs, Services, Networks: names that got the next rows
	StockSet                      // Levels: what is on hand and safety from now on
	Planned                       // Receipts
	Arrived                       // Receipts: the one that is on hand from now on
	LimitSet                      // Limits
	Held                          // Hold, HoldID, Status, Basis, Question
	Declined                      // Hold, Status, Basis, Question: an order was refused
	HoldConfirmed                 // HoldID, Status
	HoldReleased                  // HoldID, Status, Items: given back
	HoldExpired                   // HoldID, Status: given back
	HoldCancelled                 // HoldID, Status, Items: given back
	HoldShipped                   // HoldID, Status, Items: off what is held and on hand
	HoldShort                     // HoldID, Status, Items: were not there, so off what is held and on hand
)

// String returns the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return kinds[0]
}

var kinds = [...]string{
	"unknown", Extended: "extended", StockSet: "stock set", Planned: "receipts planned", Arrived: "receipt arrived", LimitSet: "capacity set",
	Held: "held", Declined: "declined", HoldConfirmed: "confirmed", HoldReleased: "released", HoldExpired: "expired",
	HoldCancelled: "cancelled", HoldShipped: "shipped", HoldShort: "picked short",
}

// OfHold reports whether events of this kind change a hold that was there before.
func (k Kind) OfHold() bool { return k >= HoldConfirmed && k <= HoldShort }

// from returns the status that a hold must have for events of this kind.
func (k Kind) from() Status {
	if k == HoldConfirmed || k == HoldReleased || k == HoldExpired {
		return Pending
	}
	return Confirmed
}

// An Event is one change of state. Whatever it points to belongs to the ledger: a sink that wants it later copies it.
type Event struct {
	Sequence   uint64 // 1, 2, 3 and so on
	At         units.Instant
	Kind       Kind
	Request    Request // of the command that caused it
	HoldID     HoldID
	Status     Status // of the hold after the event
	Hold       *Hold
	Basis      Basis
	Question   []byte
	Items      []StockClaim
	Levels     []StockLevel
	Receipts   []Receipt
	Limits     []CapacityLimit
	Warehouses []string
	SKUs       []string
	Services   []string
	Networks   []string

	// More tells that the same command makes the next event, too, and that both are to be kept or neither. It is not part of
	// the form in which events are kept: whoever reads one knows that it was.
	More bool

	spare *Hold // that ReadEvent has no use for now
	texts arena // of what ReadEvent reads
}

// Clone returns a copy that lasts, for a sink that keeps events.
func (e *Event) Clone() Event {
	c := *e
	c.spare, c.texts = nil, arena{}
	if e.Hold != nil {
		h := *e.Hold
		h.Stock, h.Shipments, h.Answer = slices.Clone(h.Stock), slices.Clone(h.Shipments), slices.Clone(h.Answer)
		c.Hold = &h
	}
	c.Question, c.Items = slices.Clone(e.Question), slices.Clone(e.Items)
	c.Levels, c.Receipts, c.Limits = slices.Clone(e.Levels), slices.Clone(e.Receipts), slices.Clone(e.Limits)
	c.Warehouses, c.SKUs = slices.Clone(e.Warehouses), slices.Clone(e.SKUs)
	c.Services, c.Networks = slices.Clone(e.Services), slices.Clone(e.Networks)
	return c
}
