package results

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/allot-engine/allot/units"
)

// Format is the version of the files' layout. It goes up when a reader of the layout before would misread them.
const Format = 1

// A Share is a part of a whole in millionths: 1 is 1,000,000. JSON and CSV have it as a plain number, as 0.9731.
type Share int64

// Whole is all of something.
const Whole Share = 1_000_000

// ShareOf is n/d rounded half-up, and 0 where there is nothing to have a share of. n and d are counts or sums of
// non-negative amounts.
func ShareOf(n, d int64) Share {
	if d == 0 {
		return 0
	}
	return Share(units.Money(n).Times(int64(Whole), d))
}

// String prints the share as a plain number.
func (s Share) String() string {
	sign, n := "", int64(s)
	if n < 0 {
		sign, n = "-", -n
	}
	text := sign + strconv.FormatInt(n/int64(Whole), 10)
	if n %= int64(Whole); n == 0 {
		return text
	}
	digits := fmt.Sprintf("%06d", n)
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return text + "." + digits
}

// MarshalJSON implements json.Marshaler.
func (s Share) MarshalJSON() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalJSON implements json.Unmarshaler. It takes a number with at most six decimals.
func (s *Share) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	m, err := units.ParseMoney(n.String())
	if err != nil {
		return fmt.Errorf("share %.40q: %w", b, err)
	}
	*s = Share(m)
	return nil
}

// A Summary is what a run comes to. Amounts of money are decimal text in JSON and whole micros in Go; everything is added
// up from integers, so that equal runs have equal summaries to the byte. The order of fields is that of the file.
type Summary struct {
	Format  int    `json:"format"`
	Version string `json:"version"` // of the program that wrote it; "" where it was not said
	Name    string `json:"name"`    // of the run
	Partial bool   `json:"partial"` // the run was stopped: what follows is about its first Orders.Done orders
	Hash    string `json:"hash"`    // of everything that was decided, in order
	State   string `json:"state"`   // of the ledger at the end

	Seed       uint64            `json:"seed"`
	Sources    map[string]string `json:"sources"`    // content hashes of what went in, by name
	Networks   []string          `json:"networks"`   // versions of the networks, by time
	Currency   string            `json:"currency"`   // ISO 4217
	Terms      []string          `json:"terms"`      // every cost term, in the order of the columns cost_TERM
	Resolution int               `json:"resolution"` // of the map's H3 cells

	Skipped    SkippedTotals    `json:"skipped"`
	Orders     OrderCounts      `json:"orders"`
	Cost       CostTotals       `json:"cost"`
	Floor      FloorTotals      `json:"floor"`
	OnTime     OnTimeTotals     `json:"on_time"`
	Mishaps    MishapTotals     `json:"mishaps"`
	Splits     []SplitCount     `json:"splits"` // by number of shipments, 1 first
	Shipping   ShippingTotals   `json:"shipping"`
	Transit    DaysTotals       `json:"transit"`  // from ship date to planned delivery date, by shipment
	Delivery   DaysTotals       `json:"delivery"` // from the day of the order at the warehouse to the planned delivery date, by shipment
	Warehouses []WarehouseTotal `json:"warehouses"`
	Carriers   []CarrierTotal   `json:"carriers"`
	Services   []ServiceTotal   `json:"services"`
	StockOuts  StockOutTotals   `json:"stock_outs"`
	Days       []DayTotal       `json:"days"`
	Faults     []string         `json:"faults"` // of malformed orders, the first 100
}

// SkippedTotals are what the files of orders had that could not be read, and that is in nothing else of the summary.
type SkippedTotals struct {
	Rows   int64    `json:"rows"`   // orders and moves of stock left out
	Of     int64    `json:"of"`     // those in the files, with the ones left out
	Share  Share    `json:"share"`  // Rows of Of
	Faults []string `json:"faults"` // the first 100
}

// OrderCounts count orders by what became of them.
type OrderCounts struct {
	History   int64        `json:"history"`   // orders in the history
	Done      int64        `json:"done"`      // of them, replayed; all, unless the run was stopped
	Filled    int64        `json:"filled"`    // of Done
	Refused   int64        `json:"refused"`   // of Done
	Malformed int64        `json:"malformed"` // of Done, those that could not be decided; they count as neither filled nor refused
	Unusable  Share        `json:"unusable"`  // Malformed of Done
	Refusals  []Outcomes   `json:"refusals"`  // Refused by reason, in the order of the engine's outcomes; only those that occur
	Fill      Share        `json:"fill"`      // Filled of Done
	Units     int64        `json:"units"`     // shipped
	Value     *units.Money `json:"value"`     // of filled orders, from the history; null where it has none
	Lost      *units.Money `json:"lost"`      // value of refused orders
	First     string       `json:"first"`     // time of the first order replayed, RFC 3339 in UTC
	Last      string       `json:"last"`
}

// Outcomes are how many orders were refused for one reason.
type Outcomes struct {
	Outcome string `json:"outcome"` // as the API writes it
	Orders  int64  `json:"orders"`
}

// CostTotals are what filled orders cost.
type CostTotals struct {
	Total    units.Money `json:"total"`
	PerOrder units.Money `json:"per_order"` // Total over filled orders, rounded to the micro
	Freight  units.Money `json:"freight"`   // part of Total: what carriers are paid
	Split    units.Money `json:"split"`     // part of Total: the policy's split cost
	Terms    []TermTotal `json:"terms"`     // with Split they sum to Total
}

// A TermTotal is what one cost term comes to.
type TermTotal struct {
	Term  string      `json:"term"`
	Total units.Money `json:"total"`
	Share Share       `json:"share"` // of CostTotals.Total; below 0 for a bonus
}

// FloorTotals hold costs against the lowest possible: what the same engine decides for each order alone as if every
// warehouse had every SKU and no day a capacity. It is not known where the run was made without it; Orders is 0 then.
type FloorTotals struct {
	Orders   int64       `json:"orders"` // filled both in the run and without limits; all below is about them
	Cost     units.Money `json:"cost"`   // in the run
	Total    units.Money `json:"total"`  // the lowest possible
	PerOrder units.Money `json:"per_order"`
	Gap      units.Money `json:"gap"`     // Cost less Total: the price of limited stock and capacity
	Share    Share       `json:"share"`   // Gap of Total
	Refused  int64       `json:"refused"` // orders that not even that would fill
}

// OnTimeTotals are about filled orders with a promise.
type OnTimeTotals struct {
	Promised     int64 `json:"promised"`
	Planned      int64 `json:"planned"`       // of Promised, those whose plan is in time
	Share        Share `json:"share"`         // Planned of Promised
	ExpectedLate Share `json:"expected_late"` // mean chance that an order is late, by the transit histograms; the shipments of one are taken as independent
	Realised     int64 `json:"realised"`      // of Promised, those that arrived in time after all mishaps
	RealisedLate Share `json:"realised_late"` // 1 - Realised of Promised
}

// MishapTotals are what went wrong between warehouse and buyer.
type MishapTotals struct {
	Delayed int64 `json:"delayed"` // shipments
	Days    int64 `json:"days"`    // that they came later, in all
	Lost    int64 `json:"lost"`    // shipments
	Orders  int64 `json:"orders"`  // with a delayed or lost shipment
}

// A SplitCount is how many filled orders went in so many shipments.
type SplitCount struct {
	Shipments int64 `json:"shipments"`
	Orders    int64 `json:"orders"`
	Share     Share `json:"share"` // of filled orders
}

// ShippingTotals are what was sent how far.
type ShippingTotals struct {
	Shipments    int64  `json:"shipments"`
	PerOrder     Share  `json:"per_order"` // shipments for each filled order
	Parcels      int64  `json:"parcels"`
	Weight       string `json:"weight_kg"`
	Metres       int64  `json:"metres"`      // great circles, in all
	MeanMetres   int64  `json:"mean_metres"` // of a shipment
	CO2Grams     int64  `json:"co2_grams"`
	CO2PerOrder  int64  `json:"co2_grams_per_order"`
	GuessedZones int64  `json:"guessed_zones"` // shipments priced by the distance rule
}

// DaysTotals are whole days.
type DaysTotals struct {
	Mean Share       `json:"mean"`
	Days []DaysCount `json:"days"` // ascending; only those that occur
}

// A DaysCount is how many shipments took so many days.
type DaysCount struct {
	Days      int32 `json:"days"`
	Shipments int64 `json:"shipments"`
	Share     Share `json:"share"`
}

// A WarehouseTotal is what one warehouse did. Warehouses that shipped nothing are listed, too, unless they are closed
// throughout.
type WarehouseTotal struct {
	Warehouse string      `json:"warehouse"`
	Shipments int64       `json:"shipments"`
	Share     Share       `json:"share"` // of all shipments
	Units     int64       `json:"units"`
	Cost      units.Money `json:"cost"`
	Freight   units.Money `json:"freight"`
	PeakDay   string      `json:"peak_day"` // ship date with the most shipments, the first of equals; "" without any
	Peak      int64       `json:"peak"`     // shipments on that day
	Capacity  int64       `json:"capacity"` // over the days on which it shipped; -1 without limit
	Used      Share       `json:"used"`     // of Capacity; 0 without limit
	FullDays  int64       `json:"full_days"`
	Backlog   int64       `json:"backlog"` // most shipments held and not yet left at the end of a day
	BacklogOn string      `json:"backlog_on"`
}

// A CarrierTotal is what one carrier did.
type CarrierTotal struct {
	Carrier   string      `json:"carrier"`
	Shipments int64       `json:"shipments"`
	Share     Share       `json:"share"` // of all shipments
	Spend     units.Money `json:"spend"` // freight
	OfSpend   Share       `json:"share_of_spend"`
	Units     int64       `json:"units"`
	Weight    string      `json:"weight_kg"`
}

// A ServiceTotal is what one carrier service did.
type ServiceTotal struct {
	Service string `json:"service"`
	CarrierTotal
}

// StockOutTotals are about moments at which the last available unit went.
type StockOutTotals struct {
	Events     int64          `json:"events"`     // at a warehouse
	SKUs       int64          `json:"skus"`       // that ran out at some warehouse
	Everywhere int64          `json:"everywhere"` // SKUs whose last unit anywhere went
	First      []StockOutRow  `json:"first"`      // SKUs whose last unit anywhere went first, at most 20
	Top        []StockOutRank `json:"top"`        // SKUs that ran out most often, at most 20
}

// A StockOutRow is when a SKU was gone everywhere for the first time.
type StockOutRow struct {
	SKU string `json:"sku"`
	At  string `json:"at"` // RFC 3339
}

// A StockOutRank is how often a SKU ran out at some warehouse.
type StockOutRank struct {
	SKU        string `json:"sku"`
	Events     int64  `json:"events"`
	First      string `json:"first"`      // RFC 3339
	Everywhere string `json:"everywhere"` // when the last unit anywhere went; "" if it never did
}

// A DayTotal is one day of orders, by the date in UTC at which they were placed, and of shipments, by ship date at the warehouse.
type DayTotal struct {
	Date      units.Date  `json:"date"`
	Orders    int64       `json:"orders"`
	Filled    int64       `json:"filled"`
	Refused   int64       `json:"refused"`
	Cost      units.Money `json:"cost"` // of the orders placed that day
	Shipments int64       `json:"shipments"`
	Units     int64       `json:"units"`
	Freight   units.Money `json:"freight"` // of the shipments that leave that day
}

// A Day is one row of the daily table: what one warehouse handed to one service on one date there, or to all of them.
type Day struct {
	Date      units.Date
	Warehouse string
	Service   string // "" for all
	Shipments int64
	Units     int64
	Weight    units.Weight
	Freight   units.Money
	Cost      units.Money
	Capacity  int64 // shipments that may leave that day; -1 without limit
	Backlog   int64 // shipments held and not yet left at the end of the day
}

// A Region is one H3 cell of the map.
type Region struct {
	Cell             string // hexadecimal
	Latitude         string // of its centre, in degrees
	Longitude        string
	Orders           int64 // to it
	Filled           int64
	Cost             units.Money
	PerOrder         units.Money // Cost over Filled
	Promised, OnTime int64       // filled orders with a promise, and those planned in time
	OnTimeShare      Share
	Shipments        int64
	MeanMetres       int64  // of a shipment
	Warehouse        string // that ships most of its shipments, the smaller id of equals; "" without any
	WarehouseShare   Share
}
