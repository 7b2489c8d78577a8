package simulate

import (
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/units"
)

// Most orders are decided ahead of their turn, by any worker, on the stock as it is while those before them are still being
// decided and held. When an order's turn comes its decision holds if nothing that it could have seen is different: the epoch,
// what is available of its SKUs as far as it wants them, and which days have room. That is known from the ledger, whose view
// was noted before anything was read. Where something is different the order is decided again, by the same code.
//
// Few are. What makes a difference is that units run short in some warehouse, come back, or a day fills up, and only to the
// few dozen orders that are ahead then.

// An outlook is the ledger after some order.
type outlook struct {
	view  ledger.View
	epoch int
}

// outlookEvery is after how many orders there is a new outlook: the older it is the more decisions made on it do not hold.
const outlookEvery = 8

// foresee has those who decide ahead begin with the ledger as it now is.
func (r *replay) foresee() { r.outlook.Store(&outlook{view: r.state.View(), epoch: r.epoch}) }

// An unchanged tells whether what was decided of an order ahead of its turn is what would be decided now. The order's epoch is
// that of both.
type unchanged func(now *ledger.View, s *slot) bool

// sameAll looks at everything that a decision depends on. Of the stock that is the lesser of what is available and what the order
// asks for, everywhere, which is all that the engine looks at; of capacity whether there is any.
func sameAll(now *ledger.View, s *slot) bool { return sameDays(now, s) && sameStock(now, s) }

func sameDays(now *ledger.View, s *slot) bool { return now.SameRoom(&s.ahead.view) }

func sameStock(now *ledger.View, s *slot) bool {
	for _, it := range s.asked {
		if !now.SameStock(s.ahead.view.Sequence, ledger.SKU(it.SKU), it.Quantity) {
			return false
		}
	}
	return true
}

// decideAhead decides an order on the outlook at hand, if that has its network, and tells whether it did.
func (p *preparer) decideAhead(s *slot, epoch int, now units.Instant) bool {
	s.ahead = nil
	look := p.outlook.Load()
	if look.epoch != epoch {
		return false
	}
	v := &look.view
	p.days.Days = claims.Days{View: *v, End: claims.EndOf(now)}
	if len(p.days.known) > 0 {
		clear(p.days.known)
	}
	p.stock.Available, p.stock.Stocked, p.stock.Stride, p.stock.Words = v.Available, v.Stocked, v.Stride, v.Words
	p.stock.Capacity, p.stock.Prices = &p.days, p.w.in.Prices
	sc, d := p.scratch(epoch), &s.decision
	if err := p.w.epochs[epoch].engine.Decide(&p.stock, &s.order, now, sc, d); err != nil || d.Certificate.Stopped {
		return false
	}
	s.runnerUp = runnerUp(sc, d)
	s.asked = append(s.asked[:0], sc.Asked()...)
	s.ahead = look
	return true
}

// runnerUp returns the runner-up of what was just decided.
func runnerUp(sc *engine.Scratch, d *engine.Decision) RunnerUp {
	if d.Outcome == engine.Planned {
		if up, ok := sc.RunnerUp(d); ok {
			return RunnerUp(up)
		}
	}
	return RunnerUp{Warehouse: -1}
}

// knownDays are days whose capacity may be used up while an order is decided: what was once said of one is said again, for a
// plan that was found must still be one when it is written down.
type knownDays struct {
	claims.Days
	known map[day]int32
}

// A day is a ship date of a warehouse, or of a service there.
type day struct {
	warehouse int32
	service   ledger.Service
	ship      units.Date
}

// WarehouseLeft implements engine.Capacity.
func (k *knownDays) WarehouseLeft(warehouse int32, ship units.Date) int32 {
	return k.left(day{warehouse, ledger.AnyService, ship})
}

// ServiceLeft implements engine.Capacity.
func (k *knownDays) ServiceLeft(warehouse, service int32, ship units.Date) int32 {
	return k.left(day{warehouse, ledger.Service(service), ship})
}

func (k *knownDays) left(of day) int32 {
	left, known := k.known[of]
	if !known {
		left = k.Left(ledger.Warehouse(of.warehouse), of.service, of.ship)
		k.known[of] = left
	}
	return left
}
