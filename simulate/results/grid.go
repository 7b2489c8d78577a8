package results

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/units"
)

// A mark is what the grid needs of a shipment.
type mark struct {
	warehouse, service, region, units int32
	ordered, ship                     units.Date
	weight                            units.Weight
	freight, cost                     units.Money
	metres                            int64
}

// A dayMark is what the grid needs of an order.
type dayMark struct {
	date                              units.Date // in UTC
	region                            int32
	filled, refused, promised, onTime bool
	cost                              units.Money
}

// A cell is what a warehouse hands to a service on a date there.
type cell struct {
	shipments, held int64 // that leave on the date, and that were ordered on it
	units           int64
	weight          units.Weight
	freight, cost   units.Money
}

// A regionSum is what is added up of a region of the map.
type regionSum struct {
	orders, filled, promised, onTime, shipments, metres int64
	cost                                                units.Money
	by                                                  []int32 // shipments by warehouse row
}

// An orderDay is what was ordered on a date.
type orderDay struct {
	orders, filled, refused int64
	cost                    units.Money
}

// A soldOut is what is known of a SKU that ran out.
type soldOut struct {
	events            int64
	first, everywhere units.Instant
}

// grid is what is added up by day, warehouse, service, region and SKU, block after block.
type grid struct {
	base     units.Date // before every date
	services int
	cells    [][]cell // [warehouse*services + service][date - base]
	days     []orderDay
	areas    []regionSum // by number of the map's cell
	skus     map[int32]*soldOut
	gone     []int32 // SKUs whose last unit anywhere went, in that order
	outs     int64
}

func (g *grid) begin(r *Recorder) {
	if r.in.History.Len() > 0 {
		g.base = day(r.in.History.At[0]) - 2
	}
	g.services = len(r.snap.Services)
	g.cells = make([][]cell, len(r.snap.Warehouses)*g.services)
	g.areas = make([]regionSum, len(r.where.cells))
	for i := range g.areas {
		g.areas[i].by = nil
	}
	g.skus = map[int32]*soldOut{}
}

// at is the cell of a date, which it makes room for.
func (g *grid) at(warehouse, service int32, date units.Date) *cell {
	row := &g.cells[int(warehouse)*g.services+int(service)]
	i := int(max(date-g.base, 0))
	if i >= len(*row) {
		*row = append(*row, make([]cell, max(i+1-len(*row), 32))...)
	}
	return &(*row)[i]
}

// add adds a block.
func (g *grid) add(b *block) {
	for i := range b.orders {
		m := &b.orders[i]
		d := int(max(m.date-g.base, 0))
		for len(g.days) <= d {
			g.days = append(g.days, orderDay{})
		}
		day, a := &g.days[d], &g.areas[m.region]
		day.orders++
		a.orders++
		day.cost += m.cost
		a.cost += m.cost
		switch {
		case m.filled:
			day.filled++
			a.filled++
			if m.promised {
				a.promised++
			}
			if m.onTime {
				a.onTime++
			}
		case m.refused:
			day.refused++
		}
	}
	for i := range b.marks {
		m := &b.marks[i]
		g.at(m.warehouse, m.service, m.ordered).held++
		c := g.at(m.warehouse, m.service, m.ship)
		c.shipments++
		c.units += int64(m.units)
		c.weight += m.weight
		c.freight += m.freight
		c.cost += m.cost
		a := &g.areas[m.region]
		a.shipments++
		a.metres += m.metres
		if a.by == nil {
			a.by = make([]int32, len(g.cells)/g.services)
		}
		a.by[m.warehouse]++
	}
	for i := range b.outs {
		g.out(&b.outs[i])
	}
}

// out adds a stock-out.
func (g *grid) out(o *simulate.StockOut) {
	s := g.skus[o.SKU]
	if s == nil {
		s = &soldOut{}
		g.skus[o.SKU] = s
	}
	if s.events == 0 && s.everywhere == 0 {
		s.first = o.At
	}
	if o.Warehouse >= 0 {
		s.events++
		g.outs++
	} else if s.everywhere == 0 {
		s.everywhere = o.At
		g.gone = append(g.gone, o.SKU)
	}
}

// network is the network in force when a date ends in UTC.
func (r *Recorder) network(date units.Date) *network.Snapshot {
	end := (units.Instant(date) + 1) * secondsADay
	at := r.in.Epochs[0].Snapshot
	for _, e := range r.in.Epochs[1:] {
		if e.From < end {
			at = e.Snapshot
		}
	}
	return at
}

// capacity is how many shipments may leave a warehouse on a date, -1 without limit; service is -1 for all.
func (r *Recorder) capacity(warehouse, service int32, date units.Date) int64 {
	snap := r.network(date)
	if int(warehouse) >= len(snap.Warehouses) {
		return 0
	}
	if service < 0 {
		return int64(snap.Warehouses[warehouse].DailyCapacity)
	}
	if int(service) >= len(snap.Services) {
		return 0
	}
	return int64(snap.Services[service].DailyCapacity)
}

// byID returns the positions of names in the order of the names.
func byID(names []string) []int32 {
	order := make([]int32, len(names))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(names[a], names[b]) })
	return order
}

// daily returns the rows of the daily table: by date, warehouse, and service, all services first.
func (r *Recorder) daily() []Day {
	g := &r.grid
	rows := r.snap.Rows()
	warehouses, services := byID(rows.Warehouses), byID(rows.Services)
	length := 0
	for _, row := range g.cells {
		length = max(length, len(row))
	}
	backlog := make([]int64, len(g.cells))
	var out []Day
	for d := range length {
		date := g.base + units.Date(d)
		for _, w := range warehouses {
			all := Day{Date: date, Warehouse: rows.Warehouses[w]}
			first := len(out)
			out = append(out, all)
			for _, s := range services {
				i := int(w)*g.services + int(s)
				if d >= len(g.cells[i]) {
					continue
				}
				c := &g.cells[i][d]
				backlog[i] += c.held - c.shipments
				if c.shipments == 0 && backlog[i] == 0 {
					continue
				}
				out = append(out, Day{
					Date: date, Warehouse: all.Warehouse, Service: rows.Services[s], Shipments: c.shipments, Units: c.units,
					Weight: c.weight, Freight: c.freight, Cost: c.cost, Capacity: r.capacity(w, s, date), Backlog: backlog[i],
				})
				all.Shipments += c.shipments
				all.Units += c.units
				all.Weight += c.weight
				all.Freight += c.freight
				all.Cost += c.cost
				all.Backlog += backlog[i]
			}
			if len(out) == first+1 {
				out = out[:first]
				continue
			}
			all.Capacity = r.capacity(w, -1, date)
			out[first] = all
		}
	}
	return out
}

// regions returns the rows of the map, by cell.
func (r *Recorder) regions() ([]Region, error) {
	g := &r.grid
	ids := r.snap.Rows().Warehouses
	order := byID(r.where.cells)
	var out []Region
	for _, i := range order {
		a := &g.areas[i]
		if i == 0 || a.orders == 0 {
			continue
		}
		centre, err := r.where.index[i].LatLng()
		if err != nil {
			return nil, err
		}
		x := Region{
			Cell: r.where.cells[i], Latitude: degrees(centre.Lat), Longitude: degrees(centre.Lng), Orders: a.orders, Filled: a.filled, Cost: a.cost,
			Promised: a.promised, OnTime: a.onTime, OnTimeShare: ShareOf(a.onTime, a.promised), Shipments: a.shipments,
		}
		if a.filled > 0 {
			x.PerOrder = a.cost.Times(1, a.filled)
		}
		if a.shipments > 0 {
			x.MeanMetres = mean(a.metres, a.shipments)
			best := -1
			for w, n := range a.by {
				if n > 0 && (best < 0 || n > a.by[best] || n == a.by[best] && ids[w] < ids[best]) {
					best = w
				}
			}
			x.Warehouse, x.WarehouseShare = ids[best], ShareOf(int64(a.by[best]), a.shipments)
		}
		out = append(out, x)
	}
	return out, nil
}

func degrees(d float64) string { return strconv.FormatFloat(d, 'f', 6, 64) }

// mean is sum/n rounded half away from zero, 0 where there is nothing to take the mean of.
func mean(sum, n int64) int64 {
	if n == 0 {
		return 0
	}
	return int64(units.Money(sum).Times(1, n))
}
