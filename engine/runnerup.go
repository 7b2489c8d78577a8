package engine

import (
	"github.com/allot-engine/allot/units"
)

// A RunnerUp is the best way to ship the whole order by one warehouse and service that the plan does not use.
type RunnerUp struct {
	Warehouse, Service int32       // rows in the snapshot
	Gap                units.Money // what it costs more than the plan; below 0 where the plan's certificate leaves room for it, or fills only a part

	// Why is what the plan is cheaper by most at: "freight" (all that carriers charge), "cartons", "per_shipment",
	// "handling", "carbon", "lateness", "stock_price", "capacity_price" or "split_cost"; of equals the first of these, and ""
	// where it is cheaper at nothing.
	Why string
}

// RunnerUp returns the runner-up of a plan: the one that Explain names, with the same gap. It must directly follow the
// Decide that wrote d, with the same scratch, and tells of the stock and capacity as they are now; ok is false where there
// is no other candidate, or no plan. It works by the same bounds as Decide, takes about half as long, and allocates nothing
// in steady state.
func (sc *Scratch) RunnerUp(d *Decision) (r RunnerUp, ok bool) {
	if d.Outcome != Planned {
		return r, false
	}
	if len(d.Unfilled) > 0 || sc.late != d.Late { // the latest search was for a part, or under another rule
		sc.allItems(d)
		sc.late = d.Late
		sc.begin()
	}
	c := &sc.whole
	candidates := sc.intersect(c.items)
	best := chosen{cost: unreachable}
	found := false
	if len(d.Shipments) == 1 {
		s := &d.Shipments[0]
		if bit := uint64(1) << (s.Warehouse % 64); sc.cand[s.Warehouse/64]&bit != 0 {
			sc.cand[s.Warehouse/64] &^= bit
			candidates--
			found = sc.hasAll(c, s.Warehouse) && sc.considerOthers(&best, c, s.Warehouse, s.Service)
		}
	}
	found = sc.singleOf(&best, c, candidates) || found
	if !found {
		return r, false
	}
	r = RunnerUp{Warehouse: best.warehouse, Service: best.offer.service, Gap: best.cost - d.Cost}
	theirs := sc.partsOf(&best)
	ours := sc.e.partsOf(d)
	most := units.Money(0)
	for i := range theirs {
		if by := theirs[i] - ours[i]; by > most {
			most, r.Why = by, partNames[i]
		}
	}
	return r, true
}

// considerOthers is consider for all services of a warehouse but one.
func (sc *Scratch) considerOthers(best *chosen, c *content, w, service int32) bool {
	own, site := sc.own(c, w), &sc.e.sites[w]
	if c.classes&^site.classes != 0 {
		return false // the plan is for a part of the order
	}
	services := sc.services
	sc.services &^= 1 << service
	var o *offer
	if sc.ownOffers(w) {
		o = sc.offerOwn(c, w, best.cost-own)
	} else { // what is remembered of the group is of all services
		o = sc.newOffer()
		sc.offerFrom(o, c, int32(sc.row.viewOf[w]), sc.daysOf(site.profile), best.cost-own)
	}
	sc.services = services
	if !o.ok || o.price > best.cost-own {
		return false
	}
	best.warehouse, best.content, best.offer, best.cost = w, c, o, o.price+own
	return true
}

// allItems makes sc.items all that the order asks for, where d fills only a part of it.
func (sc *Scratch) allItems(d *Decision) {
	sc.items = sc.items[:0]
	for _, sku := range sc.skus {
		it := Item{SKU: sku}
		for i := range d.Shipments {
			for _, part := range d.Shipments[i].Items {
				if part.SKU == sku {
					it.Quantity += part.Quantity
				}
			}
		}
		for _, part := range d.Unfilled {
			if part.SKU == sku {
				it.Quantity += part.Quantity
			}
		}
		sc.items = append(sc.items, it)
	}
}

// The parts of a cost that RunnerUp.Why tells apart.
const (
	partFreight = iota
	partCartons
	partPerShipment
	partHandling
	partCarbon
	partLateness
	partStockPrice
	partCapacityPrice
	partSplit
	partCount
)

var partNames = [partCount]string{
	"freight", "cartons", "per_shipment", "handling", "carbon", "lateness", "stock_price", "capacity_price", "split_cost",
}

type parts [partCount]units.Money

// partsOf returns what the cost of a plan is made of.
func (e *Engine) partsOf(d *Decision) (p parts) {
	p[partSplit] = d.SplitCost
	for i := range d.Shipments {
		s := &d.Shipments[i]
		cartons := e.cartons(s)
		perShipment, lateness := e.snap.Services[s.Service].PerShipment, e.snap.Policy.LateCost*units.Money(s.DaysLate)
		p[partFreight] += s.Freight
		p[partCartons] += cartons
		p[partPerShipment] += perShipment
		p[partHandling] += s.Handling
		p[partLateness] += lateness
		p[partStockPrice] += s.StockPrice
		p[partCapacityPrice] += s.CapacityPrice
		p[partCarbon] += s.Other - cartons - perShipment - lateness - s.StockPrice - s.CapacityPrice
	}
	return p
}

// partsOf returns what a shipment of the whole order is made of.
func (sc *Scratch) partsOf(b *chosen) (p parts) {
	e, o := sc.e, b.offer
	svc := &e.snap.Services[o.service]
	p[partCartons] = sc.packFor(b.content, o.service).boxes
	p[partFreight] = o.freight - p[partCartons]
	p[partPerShipment] = svc.PerShipment
	p[partHandling] = e.sites[b.warehouse].of(b.content)
	p[partCarbon] = e.carbonCost(b.content, b.warehouse, o.service, sc.place)
	if day := units.Date((o.arrival - int64(svc.DeliverBy)) / secondsADay); day > sc.deadline[o.service] {
		p[partLateness] = e.snap.Policy.LateCost * units.Money(day-sc.deadline[o.service])
	}
	if sc.shadow != nil {
		p[partStockPrice] = sc.shadow.units(b.content.items, b.warehouse)
		p[partCapacityPrice] = sc.shadow.Shipment(b.warehouse, o.service, o.ship)
	}
	return p
}

// cartons returns what the cartons of a shipment cost.
func (e *Engine) cartons(s *Shipment) (sum units.Money) {
	for i := range s.Parcels {
		if box := s.Parcels[i].Box; box >= 0 {
			sum += e.snap.Boxes[box].Cost
		}
	}
	return sum
}
