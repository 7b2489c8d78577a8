package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// Prices are what using up stock and capacity now is expected to cost later: shadow prices of a unit of a SKU in a
// warehouse, and of a shipment that a warehouse, or a service there, hands over on a day. A decision adds them to what
// it compares, so that they choose where an order is filled from; they never choose whether it is.
//
// They are immutable and shared by any number of goroutines, and belong to the lineage of snapshots for whose rows they
// were made. A SKU without prices costs four bytes. A nil *Prices is no prices at all.
type Prices struct {
	version string
	rows    []PriceRow // in canonical order

	stockOf []int32 // by SKU: position in stock, -1 for one without prices
	stock   []stockPrices

	days     []dayPrice // of shipments, by warehouse, service and date
	daysFrom []int32    // by warehouse, and one more: its first in days
}

// A PriceRow is one price: of a unit of stock where SKU is 0 or more, or of a shipment where SKU is -1.
type PriceRow struct {
	Warehouse   int32       // row in the snapshot
	SKU         int32       // row in the snapshot, or -1
	Service     int32       // row in the snapshot, or -1 for a shipment by any service; -1 where SKU is not
	From, Until units.Date  // first and last ship date; both 0: every day; both 0 where SKU is not -1
	Price       units.Money // at least 0 and below MaxPrice
}

// MaxPrice bounds a price from above: a million units of currency.
const MaxPrice = 1_000_000 * units.Currency

// maxStockPrice is the most that one shipment pays for its units, which no order with sensible prices reaches. It keeps
// the cost of the largest order at the highest prices well below unreachable, for prices must not forbid anything.
const maxStockPrice = units.Money(1) << 47

// stockPrices are what units of one SKU cost. Where a quarter of the warehouses have a price there is a price for each
// warehouse; otherwise warehouses lists those that have.
type stockPrices struct {
	warehouses []int32 // ascending; nil: price is by warehouse row
	price      []units.Money
}

// A dayPrice is what a shipment costs on some days.
type dayPrice struct {
	service     int32
	from, until units.Date
	price       units.Money
}

// NewPrices returns the prices that rows hold for the rows of a snapshot. Rows that price nothing are passed over: those
// whose price is 0, whose SKU is gone or whose warehouse is closed. The error is a *faults.Error that names every row
// that is out of range, and every one that prices what an earlier one does; the same day of the same warehouse by any
// service and by one service are two things, and a shipment pays both.
func NewPrices(snap *network.Snapshot, rows []PriceRow) (*Prices, error) {
	var fl faults.List
	p := newPrices(snap, rows, func(i int, field, mend, format string, args ...any) {
		fl.Addf("", 0, 0, fmt.Sprintf("rows[%d].%s", i, field), mend, format, args...)
	})
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// newPrices is NewPrices that tells what is wrong with the i-th row to fault.
func newPrices(snap *network.Snapshot, rows []PriceRow, fault func(i int, field, mend, format string, args ...any)) *Prices {
	p := &Prices{}
	order := make([]int32, 0, len(rows))
	for i := range rows {
		if checkPrice(snap, &rows[i], func(field, mend, format string, args ...any) { fault(i, field, mend, format, args...) }) {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return canonical(snap, &rows[a], &rows[b]) })
	for at, i := range order {
		r := &rows[i]
		if at > 0 {
			if before := &rows[order[at-1]]; r.prices(before) {
				field := "from"
				if r.SKU >= 0 {
					field = "sku"
				}
				fault(int(i), field, "leave one of them", "this and another row price the same")
				continue
			}
		}
		if r.Price > 0 && !snap.Warehouses[r.Warehouse].Closed && (r.SKU < 0 || !snap.SKUs.Gone[r.SKU]) {
			p.rows = append(p.rows, *r)
		}
	}
	p.index(snap)
	hash := sha256.New()
	_ = p.Write(hash, snap) // a hash does not fail
	p.version = hex.EncodeToString(hash.Sum(nil))
	return p
}

// checkPrice tells whether a row is one, and whatever is wrong with it to fault.
func checkPrice(snap *network.Snapshot, r *PriceRow, fault func(field, mend, format string, args ...any)) bool {
	ok := true
	refuse := func(field, mend, format string, args ...any) {
		ok = false
		fault(field, mend, format, args...)
	}
	if r.Warehouse < 0 || int(r.Warehouse) >= len(snap.Warehouses) {
		refuse("warehouse", fmt.Sprintf("give one of the snapshot's %d", len(snap.Warehouses)), "no warehouse has row %d", r.Warehouse)
	}
	if r.SKU < -1 || int(r.SKU) >= len(snap.SKUs.IDs) {
		refuse("sku", fmt.Sprintf("give one of the snapshot's %d, or -1", len(snap.SKUs.IDs)), "no SKU has row %d", r.SKU)
	}
	if r.Service < -1 || int(r.Service) >= len(snap.Services) {
		refuse("service", fmt.Sprintf("give one of the snapshot's %d, or -1", len(snap.Services)), "no service has row %d", r.Service)
	}
	if r.SKU >= 0 && (r.Service != -1 || r.From != 0 || r.Until != 0) {
		refuse("sku", "leave service and dates out, or the SKU", "a unit of stock has one price, whoever takes it and when")
	}
	if r.From > r.Until {
		refuse("until", "end on the first day or later", "%v is before %v", r.Until, r.From)
	}
	if r.Price < 0 || r.Price >= MaxPrice {
		refuse("price", fmt.Sprintf("give an amount from 0 to below %v", MaxPrice), "the price %v is out of range", r.Price)
	}
	return ok
}

// canonical compares rows: stock by SKU and warehouse, then shipments by warehouse, service (any service first) and
// first day. Names are compared, not rows, so that the order is that of any snapshot of the same network.
func canonical(snap *network.Snapshot, a, b *PriceRow) int {
	if (a.SKU < 0) != (b.SKU < 0) {
		return cmp.Compare(flag(a.SKU < 0), flag(b.SKU < 0))
	}
	if a.SKU != b.SKU {
		return cmp.Compare(snap.SKUs.IDs[a.SKU], snap.SKUs.IDs[b.SKU])
	}
	rank := func(service int32) int32 {
		if service < 0 {
			return -1
		}
		return snap.Services[service].Rank
	}
	return cmp.Or(cmp.Compare(snap.Warehouses[a.Warehouse].Rank, snap.Warehouses[b.Warehouse].Rank),
		cmp.Compare(rank(a.Service), rank(b.Service)), cmp.Compare(a.first(), b.first()))
}

// Names returns what a row names in the words of the snapshot, "" for what it does not name: a shipment has no SKU, any
// service no name, and every day no dates.
func (r *PriceRow) Names(snap *network.Snapshot) (warehouse, sku, service, from, until string) {
	warehouse = snap.Warehouses[r.Warehouse].ID
	if r.SKU >= 0 {
		sku = snap.SKUs.IDs[r.SKU]
	}
	if r.Service >= 0 {
		service = snap.Services[r.Service].ID
	}
	if !r.everyDay() {
		from, until = r.From.String(), r.Until.String()
	}
	return warehouse, sku, service, from, until
}

// everyDay tells that a row of a shipment holds whatever the date.
func (r *PriceRow) everyDay() bool { return r.From == 0 && r.Until == 0 }

func (r *PriceRow) first() units.Date {
	if r.everyDay() {
		return math.MinInt32
	}
	return r.From
}

func (r *PriceRow) last() units.Date {
	if r.everyDay() {
		return math.MaxInt32
	}
	return r.Until
}

// prices tells whether a row prices something that the one before it in canonical order does.
func (r *PriceRow) prices(before *PriceRow) bool {
	return r.SKU == before.SKU && r.Warehouse == before.Warehouse && r.Service == before.Service &&
		(r.SKU >= 0 || r.first() <= before.last())
}

// index makes the columns that Unit and Shipment read.
func (p *Prices) index(snap *network.Snapshot) {
	p.stockOf = make([]int32, len(snap.SKUs.IDs))
	for i := range p.stockOf {
		p.stockOf[i] = -1
	}
	from := 0
	for from < len(p.rows) && p.rows[from].SKU >= 0 {
		sku, to := p.rows[from].SKU, from
		for to < len(p.rows) && p.rows[to].SKU == sku {
			to++
		}
		p.stockOf[sku] = int32(len(p.stock))
		p.stock = append(p.stock, stockOf(p.rows[from:to], len(snap.Warehouses)))
		from = to
	}
	rows := slices.Clone(p.rows[from:])
	slices.SortFunc(rows, func(a, b PriceRow) int {
		return cmp.Or(cmp.Compare(a.Warehouse, b.Warehouse), cmp.Compare(a.Service, b.Service), cmp.Compare(a.first(), b.first()))
	})
	if len(rows) == 0 {
		return
	}
	p.daysFrom = make([]int32, len(snap.Warehouses)+1)
	for _, r := range rows {
		p.days = append(p.days, dayPrice{service: r.Service, from: r.first(), until: r.last(), price: r.Price})
		p.daysFrom[r.Warehouse+1]++
	}
	for w := range snap.Warehouses {
		p.daysFrom[w+1] += p.daysFrom[w]
	}
}

func stockOf(rows []PriceRow, warehouses int) (s stockPrices) {
	if 4*len(rows) >= warehouses {
		s.price = make([]units.Money, warehouses)
		for i := range rows {
			s.price[rows[i].Warehouse] = rows[i].Price
		}
		return s
	}
	byRow := slices.Clone(rows)
	slices.SortFunc(byRow, func(a, b PriceRow) int { return cmp.Compare(a.Warehouse, b.Warehouse) })
	for i := range byRow {
		s.warehouses, s.price = append(s.warehouses, byRow[i].Warehouse), append(s.price, byRow[i].Price)
	}
	return s
}

// Unit returns the price of a unit of a SKU in a warehouse, by their rows: 0 where there is none.
func (p *Prices) Unit(sku, warehouse int32) units.Money {
	if p == nil || uint(sku) >= uint(len(p.stockOf)) || p.stockOf[sku] < 0 {
		return 0
	}
	s := &p.stock[p.stockOf[sku]]
	at := int(warehouse)
	if s.warehouses != nil {
		var found bool
		if at, found = slices.BinarySearch(s.warehouses, warehouse); !found {
			return 0
		}
	}
	if uint(at) >= uint(len(s.price)) {
		return 0
	}
	return s.price[at]
}

// units returns what all units of items cost in a warehouse.
func (p *Prices) units(items []Item, warehouse int32) (sum units.Money) {
	for _, it := range items {
		sum += p.of(it.SKU, warehouse, it.Quantity)
	}
	return min(sum, maxStockPrice)
}

// of returns what a number of units of one SKU cost in a warehouse.
func (p *Prices) of(sku, warehouse, n int32) units.Money {
	return min(p.Unit(sku, warehouse)*units.Money(n), maxStockPrice)
}

// Shipment returns the price of a shipment that a warehouse hands to a service on a ship date, by their rows: the
// warehouse's and the service's there, 0 where there is none.
func (p *Prices) Shipment(warehouse, service int32, ship units.Date) (price units.Money) {
	for _, d := range p.daysOf(warehouse) {
		if (d.service == service || d.service < 0) && d.from <= ship && ship <= d.until {
			price += d.price
		}
	}
	return price
}

// daysOf returns the prices of shipments from a warehouse.
func (p *Prices) daysOf(warehouse int32) []dayPrice {
	if p == nil || warehouse < 0 || int(warehouse) >= len(p.daysFrom)-1 {
		return nil
	}
	return p.days[p.daysFrom[warehouse]:p.daysFrom[warehouse+1]]
}

// Version names the prices by what they are: the SHA-256, in hexadecimal, of what Write writes. Prices of the same
// amounts for the same names have the same version. It is "" for nil.
func (p *Prices) Version() string {
	if p == nil {
		return ""
	}
	return p.version
}

// Len returns the number of rows.
func (p *Prices) Len() int {
	if p == nil {
		return 0
	}
	return len(p.rows)
}

// Rows yields the rows in canonical order: units of stock by the names of SKU and warehouse, then shipments by the names
// of warehouse and service, any service first, and by date.
func (p *Prices) Rows() iter.Seq[PriceRow] {
	return func(yield func(PriceRow) bool) {
		for i := range p.Len() {
			if !yield(p.rows[i]) {
				return
			}
		}
	}
}

// Ranked returns the rows by price, the highest first, equal ones in canonical order.
func (p *Prices) Ranked() []PriceRow {
	return slices.SortedStableFunc(p.Rows(), func(a, b PriceRow) int { return cmp.Compare(b.Price, a.Price) })
}
