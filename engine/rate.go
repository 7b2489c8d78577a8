package engine

import (
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/units"
)

// A Rate is what one service makes of one parcel on its way from a warehouse to a destination.
type Rate struct {
	Killed       Constraint // None: it has a price
	Detail       string     // of the constraint; may be ""
	Guessed      bool       // the zone is from the distance rule, not from the carrier's chart
	Days         int        // in transit, with the policy's probability; 0 where Killed tells of it
	DeliveryDate units.Date // at the destination; 0 where it is not known
	Areas        []string   // attributes of the destination that the card may charge for
	Rating       ratecards.Rating
}

// Rate prices a parcel that leaves a warehouse by a service on a date. It looks at neither stock nor capacity nor
// the goods' classes, and at pickups neither: it answers what the parcel would cost, whatever is in it. Where there is
// no price, the Rate says why. The error is a *faults.Error about the destination, its fields named as in Decide's.
func (e *Engine) Rate(warehouse, service int32, to *Destination, parcel *ratecards.Parcel, ship units.Date) (Rate, error) {
	sc := e.NewScratch()
	sc.faults = faults.List{}
	sc.resolveDestination(to)
	sc.resolveServices(&Order{To: *to})
	if err := sc.faults.Err(); err != nil {
		return Rate{}, err
	}
	wh, svc := &e.snap.Warehouses[warehouse], &e.snap.Services[service]
	var r Rate
	kill := func(c Constraint, detail string) (Rate, error) {
		r.Killed, r.Detail = c, detail
		return r, nil
	}
	if wh.Closed {
		return kill(WarehouseClosed, "")
	}
	if wh.Services>>service&1 == 0 {
		return kill(NoHandover, "")
	}
	switch {
	case svc.Kind == network.Collect:
		return kill(ServiceExcluded, "the buyer collects it")
	case sc.services>>service&1 == 0 && to.Commercial:
		return kill(ServiceExcluded, "it delivers to residences only")
	case sc.services>>service&1 == 0:
		return kill(ServiceExcluded, "it delivers to businesses only")
	}
	l, why := e.lane(sc.place, warehouse, service)
	if why != None {
		return kill(why, "")
	}
	r.Guessed, r.Days = l.guessed, int(l.transit)
	if svc.Attrs != nil {
		r.Areas = svc.Attrs.Describe(sc.attrs[service])
	}
	if day, ok := calendar.Arrive(ship, r.Days, svc.Linehaul, sc.row.delivery[service]); ok {
		r.DeliveryDate = day
	}
	card := svc.Tariff.At(ship)
	if card == nil {
		return kill(NoCard, ship.String())
	}
	r.Rating = card.Rate(parcel, l.of(card.IsLight(parcel.Weight)), sc.attrs[service], ship)
	if r.Rating.Reason != ratecards.Priced {
		return kill(NoPrice, r.Rating.Reason.String())
	}
	return r, nil
}
