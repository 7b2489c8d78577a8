package export

import (
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/allot-engine/allot/ledger"
)

// A Hold is a row of the table holds, as its columns describe it. Instants are milliseconds since 1970, money is in
// millionths; nil is null in the file.
type Hold struct {
	HoldID     string `parquet:"hold_id"`
	OrderID    string `parquet:"order_id"`
	RequestID  string `parquet:"request_id"`
	Status     string `parquet:"status,dict"`
	GrantedAt  int64  `parquet:"granted_at,timestamp(millisecond)"`
	ExpiresAt  int64  `parquet:"expires_at,timestamp(millisecond)"`
	ChangedAt  int64  `parquet:"changed_at,timestamp(millisecond)"`
	Units      int64  `parquet:"units"`
	Held       int64  `parquet:"held"`
	Shipped    int64  `parquet:"shipped"`
	Short      int64  `parquet:"short"`
	Returned   int64  `parquet:"returned"`
	Warehouses int32  `parquet:"warehouses"`
	Cost       int64  `parquet:"cost,decimal(6:18)"`
	Currency   string `parquet:"currency,dict"`
	ArrivesAt  *int64 `parquet:"arrives_at,optional,timestamp(millisecond)"`
	Late       bool   `parquet:"late"`
	Network    string `parquet:"network_version,dict"`
	GrantedBy  int64  `parquet:"granted_sequence"`
	ChangedBy  int64  `parquet:"changed_sequence"`
}

var holdColumns = []column[Hold]{
	{"hold_id", kindText, "the id that the API gave it", func(r *Hold) string { return r.HoldID }},
	{"order_id", kindText, "the caller's name of the order; may be empty", func(r *Hold) string { return r.OrderID }},
	{"request_id", kindText, "of the call that was granted it", func(r *Hold) string { return r.RequestID }},
	{"status", kindText, "pending, confirmed, released, expired, cancelled or shipped", func(r *Hold) string { return r.Status }},
	{"granted_at", kindTimestamp, "when it was granted", func(r *Hold) string { return timestamp(r.GrantedAt) }},
	{"expires_at", kindTimestamp, "when it expires, or would have, if nobody confirms it", func(r *Hold) string { return timestamp(r.ExpiresAt) }},
	{"changed_at", kindTimestamp, "when its status or its units last changed", func(r *Hold) string { return timestamp(r.ChangedAt) }},
	{"units", kindNumber, "granted; the sum of the next four", func(r *Hold) string { return number(r.Units) }},
	{"held", kindNumber, "units that are still held", func(r *Hold) string { return number(r.Held) }},
	{"shipped", kindNumber, "units that have left", func(r *Hold) string { return number(r.Shipped) }},
	{"short", kindNumber, "units that were not there when they were to be picked", func(r *Hold) string { return number(r.Short) }},
	{"returned", kindNumber, "units that were given back: released, expired or cancelled", func(r *Hold) string { return number(r.Returned) }},
	{"warehouses", kindNumber, "how many warehouses ship it", func(r *Hold) string { return number(r.Warehouses) }},
	{"cost", kindMoney, "of the plan, with the policy's split cost", func(r *Hold) string { return decimal(r.Cost) }},
	{"currency", kindText, "ISO 4217", func(r *Hold) string { return r.Currency }},
	{"arrives_at", kindTimestamp, "when the last shipment of the plan arrives", func(r *Hold) string { return optional(r.ArrivesAt, timestamp) }},
	{"late", kindFlag, "whether the plan misses the promise", func(r *Hold) string { return strconv.FormatBool(r.Late) }},
	{"network_version", kindText, "the network that it was decided on", func(r *Hold) string { return r.Network }},
	{"granted_sequence", kindNumber, "of the event that granted it", func(r *Hold) string { return number(r.GrantedBy) }},
	{"changed_sequence", kindNumber, "of the latest event that changed it", func(r *Hold) string { return number(r.ChangedBy) }},
}

// A Shipment is a row of the table shipments, as its columns describe it. Instants are milliseconds and days are days since
// 1970; nil is null in the file.
type Shipment struct {
	HoldID       string `parquet:"hold_id"`
	OrderID      string `parquet:"order_id"`
	Status       string `parquet:"hold_status,dict"`
	Warehouse    string `parquet:"warehouse,dict"`
	Carrier      string `parquet:"carrier,dict"`
	Service      string `parquet:"service,dict"`
	ShipDate     *int32 `parquet:"ship_date,optional,date"`
	DeliveryDate *int32 `parquet:"delivery_date,optional,date"`
	ArrivesAt    *int64 `parquet:"arrives_at,optional,timestamp(millisecond)"`
	SKU          string `parquet:"sku,dict"`
	Units        int32  `parquet:"units"`
	Held         int32  `parquet:"held"`
	Shipped      int32  `parquet:"shipped"`
	Short        int32  `parquet:"short"`
	Returned     int32  `parquet:"returned"`
}

var shipmentColumns = []column[Shipment]{
	{"hold_id", kindText, "of the hold, as in holds", func(r *Shipment) string { return r.HoldID }},
	{"order_id", kindText, "the caller's name of the order; may be empty", func(r *Shipment) string { return r.OrderID }},
	{"hold_status", kindText, "of the hold, as in holds", func(r *Shipment) string { return r.Status }},
	{"warehouse", kindText, "who ships", func(r *Shipment) string { return r.Warehouse }},
	{"carrier", kindText, "who carries", func(r *Shipment) string { return r.Carrier }},
	{"service", kindText, "the carrier's service", func(r *Shipment) string { return r.Service }},
	{"ship_date", kindDate, "the planned day at the warehouse", func(r *Shipment) string { return optional(r.ShipDate, date) }},
	{"delivery_date", kindDate, "the planned day at the destination", func(r *Shipment) string { return optional(r.DeliveryDate, date) }},
	{"arrives_at", kindTimestamp, "the instant by which it is planned to arrive", func(r *Shipment) string { return optional(r.ArrivesAt, timestamp) }},
	{"sku", kindText, "what ships", func(r *Shipment) string { return r.SKU }},
	{"units", kindNumber, "granted; the sum of the next four", func(r *Shipment) string { return number(r.Units) }},
	{"held", kindNumber, "units that are still held", func(r *Shipment) string { return number(r.Held) }},
	{"shipped", kindNumber, "units that have left", func(r *Shipment) string { return number(r.Shipped) }},
	{"short", kindNumber, "units that were not there when they were to be picked", func(r *Shipment) string { return number(r.Short) }},
	{"returned", kindNumber, "units that were given back", func(r *Shipment) string { return number(r.Returned) }},
}

// A Stock is a row of the table stock, as its columns describe it.
type Stock struct {
	Warehouse string `parquet:"warehouse,dict"`
	SKU       string `parquet:"sku,dict"`
	OnHand    int32  `parquet:"on_hand"`
	Held      int32  `parquet:"held"`
	Safety    int32  `parquet:"safety"`
	Available int32  `parquet:"available"`
	Inbound   int32  `parquet:"inbound"`
}

var stockColumns = []column[Stock]{
	{"warehouse", kindText, "where it is", func(r *Stock) string { return r.Warehouse }},
	{"sku", kindText, "what it is", func(r *Stock) string { return r.SKU }},
	{"on_hand", kindNumber, "units that are there, held ones included", func(r *Stock) string { return number(r.OnHand) }},
	{"held", kindNumber, "units that holds have", func(r *Stock) string { return number(r.Held) }},
	{"safety", kindNumber, "units that are kept back", func(r *Stock) string { return number(r.Safety) }},
	{"available", kindNumber, "on_hand - held - safety; below zero after a correction that holds cannot follow", func(r *Stock) string { return number(r.Available) }},
	{"inbound", kindNumber, "units that are announced and not there yet", func(r *Stock) string { return number(r.Inbound) }},
}

// readPlan reads what a hold was answered.
func readPlan(h *ledger.Hold, o *Options) (*Plan, error) {
	plan, err := o.Plan(h.Answer)
	if err != nil {
		return nil, fmt.Errorf("hold %d: %w", h.ID, err)
	}
	return plan, nil
}

// nullable returns nil for 0. A field that is a value and tagged optional would do in its place, but of many rows the library
// (0.32.0) writes a few nulls of such a field as 0: where within 64 rows there are n nulls first, then n values, and nulls again.
func nullable[T int32 | int64](v T) *T {
	if v == 0 {
		return nil
	}
	return &v
}

// optional returns what is written of a value, and nothing for none.
func optional[T int32 | int64](v *T, text func(T) string) string {
	if v == nil {
		return ""
	}
	return text(*v)
}

func holdName(id ledger.HoldID) string { return strconv.FormatUint(uint64(id), 10) }

func holdRows(s *ledger.State, o *Options) iter.Seq2[*Hold, error] {
	return func(yield func(*Hold, error) bool) {
		var row Hold
		for h := range s.Holds() {
			plan, err := readPlan(&h, o)
			if err != nil {
				yield(nil, err)
				return
			}
			row = Hold{
				HoldID: holdName(h.ID), OrderID: h.Order, RequestID: h.Request.ID, Status: h.Status.String(),
				GrantedAt: milliseconds(h.Granted), ExpiresAt: milliseconds(h.Expires), ChangedAt: milliseconds(h.Changed),
				Cost: int64(plan.Cost), Currency: plan.Currency, ArrivesAt: nullable(milliseconds(plan.ArrivesAt)), Late: plan.Late,
				Network: plan.NetworkVersion, GrantedBy: int64(h.Sequence), ChangedBy: int64(h.Latest),
			}
			var warehouses []ledger.Warehouse
			for i := range h.Stock {
				c := &h.Stock[i]
				row.Units += int64(c.Quantity)
				row.Held += int64(c.Left())
				row.Shipped += int64(c.Shipped)
				row.Short += int64(c.Short)
				row.Returned += int64(c.Returned)
				if !slices.Contains(warehouses, c.Warehouse) {
					warehouses = append(warehouses, c.Warehouse)
				}
			}
			row.Warehouses = int32(len(warehouses))
			if !yield(&row, nil) {
				return
			}
		}
	}
}

func shipmentRows(s *ledger.State, o *Options) iter.Seq2[*Shipment, error] {
	return func(yield func(*Shipment, error) bool) {
		warehouses, skus, _, _ := s.Names()
		var row Shipment
		for h := range s.Holds() {
			plan, err := readPlan(&h, o)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range h.Stock {
				c := &h.Stock[i]
				row = Shipment{
					HoldID: holdName(h.ID), OrderID: h.Order, Status: h.Status.String(), Warehouse: warehouses[c.Warehouse], SKU: skus[c.SKU],
					Units: c.Quantity, Held: c.Left(), Shipped: c.Shipped, Short: c.Short, Returned: c.Returned,
				}
				if err := row.plan(plan); err != nil {
					yield(nil, fmt.Errorf("hold %d: %w", h.ID, err))
					return
				}
				if !yield(&row, nil) {
					return
				}
			}
		}
	}
}

// plan fills in how a SKU travels from a warehouse.
func (r *Shipment) plan(p *Plan) error {
	if len(p.Shipments) == 0 && p.NetworkVersion == "" {
		return nil // nobody reads plans
	}
	at := slices.IndexFunc(p.Shipments, func(s PlannedShipment) bool { return s.Warehouse == r.Warehouse && slices.Contains(s.SKUs, r.SKU) })
	if at < 0 {
		return fmt.Errorf("its plan does not ship %s from %s, which it holds", r.SKU, r.Warehouse)
	}
	s := &p.Shipments[at]
	r.Carrier, r.Service = s.Carrier, s.Service
	r.ShipDate, r.DeliveryDate, r.ArrivesAt = nullable(int32(s.ShipDate)), nullable(int32(s.DeliveryDate)), nullable(milliseconds(s.ArrivesAt))
	return nil
}

func stockRows(s *ledger.State, _ *Options) iter.Seq2[*Stock, error] {
	return func(yield func(*Stock, error) bool) {
		warehouses, skus, _, _ := s.Names()
		var row Stock
		for sku := range skus {
			for w := range warehouses {
				c := s.Stock(ledger.Warehouse(w), ledger.SKU(sku))
				if c == (ledger.Stock{}) {
					continue
				}
				row = Stock{
					Warehouse: warehouses[w], SKU: skus[sku],
					OnHand: c.OnHand, Held: c.Held, Safety: c.Safety, Available: c.Available, Inbound: c.Inbound,
				}
				if !yield(&row, nil) {
					return
				}
			}
		}
	}
}
