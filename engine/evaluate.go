package engine

import (
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// An evaluation is what one warehouse and one service make of a content: the terms of its cost, or what rules it out.
type evaluation struct {
	killed  Constraint
	detail  string // of the constraint, in words
	terms   []Term // they sum to cost
	cost    units.Money
	ship    units.Date
	day     units.Date // of delivery
	arrival int64
	late    int32 // days
	lane    lane
	parcels []ParcelCharges
}

// ParcelCharges is how the carrier's card prices one parcel.
type ParcelCharges struct {
	Parcel Parcel
	Rating ratecards.Rating
}

// A question is what evaluate is asked beside the content.
type question struct {
	now       units.Instant // when the order comes
	unlimited bool          // as if every warehouse had the stock
}

// evaluate states, slowly and in the open, what Decide works out in pieces: the constraints in their order, then every
// term. It is the specification of the scoring.
func (sc *Scratch) evaluate(w, s int32, items []Item, q question) evaluation {
	e, snap := sc.e, sc.e.snap
	wh, svc := &snap.Warehouses[w], &snap.Services[s]
	profile := &snap.Profiles[wh.Profile]
	var c content
	c.fill(0, items, snap)

	var ev evaluation
	kill := func(c Constraint, detail string) evaluation {
		ev.killed, ev.detail = c, detail
		return ev
	}
	if wh.Closed {
		return kill(WarehouseClosed, "")
	}
	for _, it := range items {
		if sc.stock.available(it.SKU, w) < it.Quantity && !q.unlimited {
			return kill(NoStock, snap.SKUs.IDs[it.SKU])
		}
	}
	if c.classes&^wh.Classes != 0 {
		return kill(WarehouseClass, className(snap, c.classes&^wh.Classes))
	}
	if wh.Services>>s&1 == 0 {
		return kill(NoHandover, "")
	}
	if sc.services>>s&1 == 0 || sc.only >= 0 && sc.only != w {
		return kill(ServiceExcluded, "")
	}
	if c.classes&^svc.Classes != 0 {
		return kill(ServiceClass, className(snap, c.classes&^svc.Classes))
	}
	l, why := e.lane(sc.place, w, s)
	if why != None {
		return kill(why, "")
	}
	ev.lane = l

	// When it leaves: ready on the warehouse's days, then the first pickup whose day has room.
	day, at, _, ok := profile.Dock.Ready(q.now)
	pickups := &profile.Pickups[s]
	if !ok || pickups.Calendar == nil {
		return kill(NoPickup, "")
	}
	ship, _, ok := pickups.Next(day, at)
	full := None
	for ok && ship <= sc.horizon {
		if full = sc.capacityOf(w, s, ship); full == None {
			break
		}
		ship, _, ok = pickups.Next(ship+1, 0)
	}
	if full != None {
		return kill(full, "")
	}
	if !ok || ship > sc.horizon {
		return kill(NoPickup, "")
	}
	ev.ship = ship

	// When it arrives.
	ev.day, ok = calendar.Arrive(ship, int(l.transit), svc.Linehaul, sc.row.delivery[s])
	if !ok || ev.day > sc.horizon {
		return kill(TooLate, "")
	}
	ev.arrival = int64(ev.day)*secondsADay + int64(svc.DeliverBy)
	if ev.day > sc.deadline[s] {
		ev.late = int32(ev.day - sc.deadline[s])
		if !sc.late {
			return kill(TooLate, "")
		}
	}

	// What it costs.
	term := func(name string, amount units.Money) {
		ev.cost += amount
		for i := range ev.terms {
			if ev.terms[i].Name == name {
				ev.terms[i].Amount += amount
				return
			}
		}
		if amount != 0 {
			ev.terms = append(ev.terms, Term{Name: name, Amount: amount})
		}
	}
	var pack packing
	sc.packer.pack(&pack, items, &e.limits[e.limitOf[s]])
	if !pack.ok {
		return kill(OverLimit, "")
	}
	card := svc.Tariff.At(ship)
	if card == nil {
		return kill(NoCard, ship.String())
	}
	for _, p := range pack.parcels {
		rating := card.Rate(&p.Parcel, l.of(card.IsLight(p.Weight)), sc.attrs[s], ship)
		ev.parcels = append(ev.parcels, ParcelCharges{Parcel: p, Rating: rating})
		if rating.Reason != ratecards.Priced {
			return kill(NoPrice, rating.Reason.String())
		}
		for _, charge := range rating.Charges {
			term(charge.Name, charge.Amount)
		}
	}
	term("cartons", pack.boxes)
	term("per_shipment", svc.PerShipment)
	term("handling_order", wh.PerOrder)
	term("handling_lines", wh.PerLine*units.Money(c.lines))
	term("handling_units", wh.PerUnit*units.Money(c.units))
	if wh.PerKilogram != 0 {
		term("handling_weight", wh.PerKilogram.Times(int64(c.weight), int64(units.Kilogram)))
	}
	term("carbon", e.carbonCost(&c, w, s, sc.place))
	term("lateness", snap.Policy.LateCost*units.Money(ev.late))
	if sc.shadow != nil {
		term("stock_price", sc.shadow.units(items, w))
		term("capacity_price", sc.shadow.Shipment(w, s, ship))
	}
	return ev
}

func className(snap *network.Snapshot, classes uint32) string {
	for bit, name := range snap.Classes {
		if classes>>bit&1 == 1 {
			return name
		}
	}
	return ""
}
