package durable

import (
	"fmt"
	"slices"
	"time"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// Names are the names of a ledger's rows, each list in the order of the rows. The zero value knows none, as a ledger at its
// beginning.
type Names struct {
	Warehouses, SKUs, Services, Networks []string
}

// NamesOf returns the names that a state knows. They do not change with it.
func NamesOf(s *ledger.State) *Names {
	w, k, v, n := s.Names()
	return &Names{slices.Clip(w), slices.Clip(k), slices.Clip(v), slices.Clip(n)}
}

// Learn takes the names that an event gives rows to. Call it for every event, in order, before EventJSON.
func (n *Names) Learn(e *ledger.Event) {
	if e.Kind == ledger.Extended {
		n.Warehouses = append(n.Warehouses, e.Warehouses...)
		n.SKUs = append(n.SKUs, e.SKUs...)
		n.Services = append(n.Services, e.Services...)
		n.Networks = append(n.Networks, e.Networks...)
	}
}

// name returns the name of a row; one that nobody named shows its number.
func name(names []string, row int32) string {
	if row < 0 || int(row) >= len(names) {
		return fmt.Sprintf("#%d", row)
	}
	return names[row]
}

// Warehouse returns the name of a warehouse.
func (n *Names) Warehouse(w ledger.Warehouse) string { return name(n.Warehouses, int32(w)) }

// SKU returns the name of a SKU.
func (n *Names) SKU(s ledger.SKU) string { return name(n.SKUs, int32(s)) }

// Service returns the name of a service; AnyService has none.
func (n *Names) Service(s ledger.Service) string {
	if s == ledger.AnyService {
		return ""
	}
	return name(n.Services, int32(s))
}

// Network returns the version of a network; that of none is empty.
func (n *Names) Network(number ledger.Network) string {
	if number == 0 {
		return ""
	}
	return name(n.Networks, int32(number)-1)
}

// An EventJSON is an event as people and jq read it: names instead of rows, times in RFC 3339, and only the fields that its
// kind fills. The question and the answer are left out: their bytes are not text.
type EventJSON struct {
	Sequence uint64 `json:"sequence"`
	At       string `json:"at"`
	Kind     string `json:"kind"`
	Request  string `json:"request_id,omitempty"`

	// Of holds and refusals.
	Hold      uint64         `json:"hold,omitempty"`
	Order     string         `json:"order,omitempty"`
	Status    string         `json:"status,omitempty"` // after the event
	Expires   string         `json:"expires,omitempty"`
	Basis     *BasisJSON     `json:"basis,omitempty"`
	Items     []ItemJSON     `json:"items,omitempty"` // that are held or move; none are all that are left
	Shipments []ShipmentJSON `json:"shipments,omitempty"`

	// Of stock and capacity.
	Levels   []LevelJSON   `json:"levels,omitempty"`
	Receipts []ReceiptJSON `json:"receipts,omitempty"`
	Limits   []LimitJSON   `json:"limits,omitempty"`

	// Names that got the next rows.
	Warehouses []string `json:"warehouses,omitempty"`
	SKUs       []string `json:"skus,omitempty"`
	Services   []string `json:"services,omitempty"`
	Networks   []string `json:"networks,omitempty"`
}

// A BasisJSON is what a decision was made on.
type BasisJSON struct {
	Network  string `json:"network,omitempty"` // its version
	Sequence uint64 `json:"sequence"`          // of the event after which the stock was as the decision saw it
	At       string `json:"at"`
}

// An ItemJSON is units of a SKU in a warehouse.
type ItemJSON struct {
	Warehouse string `json:"warehouse"`
	SKU       string `json:"sku"`
	Quantity  int32  `json:"quantity"`
}

// A ShipmentJSON is a claim on the capacity of a day.
type ShipmentJSON struct {
	Warehouse string `json:"warehouse"`
	Service   string `json:"service"`
	Date      string `json:"date"`
	Shipments int32  `json:"shipments"`
}

// A LevelJSON is what is on hand and kept back.
type LevelJSON struct {
	Warehouse string `json:"warehouse"`
	SKU       string `json:"sku"`
	OnHand    int32  `json:"on_hand"`
	Safety    int32  `json:"safety"`
}

// A ReceiptJSON is inbound stock.
type ReceiptJSON struct {
	Warehouse string `json:"warehouse"`
	SKU       string `json:"sku"`
	Quantity  int32  `json:"quantity"`
	From      string `json:"from"`
}

// A LimitJSON is a capacity: of all services when Service is empty, of every day when Date is, and unlimited when Shipments
// is nil.
type LimitJSON struct {
	Warehouse string `json:"warehouse"`
	Service   string `json:"service,omitempty"`
	Date      string `json:"date,omitempty"`
	Shipments *int32 `json:"shipments"`
}

func instant(at units.Instant) string { return time.Unix(int64(at), 0).UTC().Format(time.RFC3339) }

// EventJSON returns an event with names. It shares the event's lists of names.
func (n *Names) EventJSON(e *ledger.Event) EventJSON {
	v := EventJSON{
		Sequence: e.Sequence, At: instant(e.At), Kind: e.Kind.String(), Request: e.Request.ID, Hold: uint64(e.HoldID),
		Warehouses: e.Warehouses, SKUs: e.SKUs, Services: e.Services, Networks: e.Networks,
	}
	if e.Kind == ledger.Held || e.Kind == ledger.Declined || e.Kind.OfHold() {
		v.Status = e.Status.String()
	}
	if h := e.Hold; h != nil {
		v.Order = h.Order
		v.Basis = &BasisJSON{Network: n.Network(e.Basis.Network), Sequence: e.Basis.Sequence, At: instant(e.Basis.At)}
		if e.Kind == ledger.Held {
			v.Expires = instant(h.Expires)
		}
		for _, c := range h.Stock {
			v.Items = append(v.Items, n.item(c.StockClaim))
		}
		for _, c := range h.Shipments {
			v.Shipments = append(v.Shipments, ShipmentJSON{n.Warehouse(c.Warehouse), n.Service(c.Service), c.Date.String(), c.Shipments})
		}
	}
	for _, it := range e.Items {
		v.Items = append(v.Items, n.item(it))
	}
	for _, l := range e.Levels {
		v.Levels = append(v.Levels, LevelJSON{n.Warehouse(l.Warehouse), n.SKU(l.SKU), l.OnHand, l.Safety})
	}
	for _, r := range e.Receipts {
		v.Receipts = append(v.Receipts, ReceiptJSON{n.Warehouse(r.Warehouse), n.SKU(r.SKU), r.Quantity, instant(r.From)})
	}
	for _, l := range e.Limits {
		limit := LimitJSON{Warehouse: n.Warehouse(l.Warehouse), Service: n.Service(l.Service)}
		if l.Date != ledger.EveryDay {
			limit.Date = l.Date.String()
		}
		if l.Shipments != ledger.Unlimited {
			limit.Shipments = &l.Shipments
		}
		v.Limits = append(v.Limits, limit)
	}
	return v
}

func (n *Names) item(c ledger.StockClaim) ItemJSON {
	return ItemJSON{n.Warehouse(c.Warehouse), n.SKU(c.SKU), c.Quantity}
}
