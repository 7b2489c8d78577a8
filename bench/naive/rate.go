package naive

import (
	"math"
	"slices"
	"sort"
)

const (
	micro = 1e-6 // dollars
	tiny  = 1e-9 // of an inch or a pound: far below the least difference between any two, far above what floats lose
)

// nearestMicro returns the amount as the float nearest to its micros, so that equal amounts are equal.
func nearestMicro(dollars float64) float64 { return math.Round(dollars*1e6) / 1e6 }

// nearestCent rounds half-up to the cent; see the package comment for what it adds.
func nearestCent(dollars float64) float64 { return math.Floor(dollars*100+0.5+1e-5) / 100 }

// roundUp returns the least multiple of step that is not below x.
func roundUp(x, step float64) float64 { return math.Ceil(x/step-tiny) * step }

// freight returns the price of a content's parcels on a way, cartons included.
func (t *task) freight(c *content, w *way) (float64, bool) {
	card := cardOn(w.service.cards, w)
	if card == nil {
		return 0, false
	}
	pack := c.packedFor(t.n, w.service.limits)
	if !pack.ok {
		return 0, false
	}
	sum := pack.cartons
	for i := range pack.parcels {
		price, ok := card.price(&pack.parcels[i], w, t.areas[w.service.areas])
		if !ok {
			return 0, false
		}
		sum += price
	}
	return sum, true
}

// cardOn returns the card in force on the way's ship day.
func cardOn(cards []*card, w *way) *card {
	for _, c := range cards {
		if !w.ship.Before(c.from) && (c.to.IsZero() || !w.ship.After(c.to)) {
			return c
		}
	}
	return nil
}

// price returns what a parcel costs on a way, in the order in which carriers rate.
func (c *card) price(p *parcel, w *way, areas map[string]bool) (float64, bool) {
	if !c.limits.take(p.pounds, p.sides) {
		return 0, false
	}
	fuel := 0.0
	if c.fuel != nil {
		found := false
		for _, week := range c.fuel {
			if !w.ship.Before(week.from) && (week.to.IsZero() || !w.ship.After(week.to)) {
				fuel, found = week.share, true
				break
			}
		}
		if !found {
			return 0, false
		}
	}

	// Dimensional weight: sides first, then the volume by the divisor, then up.
	billable := p.pounds
	if c.divisor > 0 && p.sides[2] > 0 {
		volume := 1.0
		for _, side := range p.sides {
			volume *= roundUp(side, c.sideStep)
		}
		billable = max(billable, roundUp(volume/c.divisor, c.dimensionalStep))
	}

	// Surcharges: of an exclusive group the one with the highest priority.
	var fired []*surcharge
	for _, s := range c.surcharges {
		if s.applies(p, areas) {
			fired = append(fired, s)
		}
	}
	plain, fuelable := 0.0, 0.0
	for _, s := range fired {
		if s.group != "" && slices.ContainsFunc(fired, func(o *surcharge) bool { return o.group == s.group && o.priority > s.priority }) {
			continue
		}
		billable = max(billable, s.minimumBillable)
		if s.fuelable {
			fuelable += s.amount
		} else {
			plain += s.amount
		}
	}

	for _, step := range c.steps {
		if step.notOver == 0 {
			billable = roundUp(billable, step.to)
			break
		}
		if billable <= step.notOver+tiny {
			billable = math.Min(roundUp(billable, step.to), step.notOver)
			break
		}
	}

	// A price holds up to its weight, and that included.
	at := sort.Search(len(c.weights), func(i int) bool { return c.weights[i] >= billable-tiny })
	prices := c.prices[w.zone]
	if prices == nil || at == len(c.weights) || prices[at] < 0 {
		return 0, false
	}
	base := prices[at]
	total := base + plain + fuelable
	total += nearestMicro(fuel * (base + fuelable))
	return nearestCent(total), true
}

func (s *surcharge) applies(p *parcel, areas map[string]bool) bool {
	if len(s.when) == 0 {
		return true
	}
	for _, w := range s.when {
		if w.poundsOver > 0 && p.pounds <= w.poundsOver+tiny || w.longestOver > 0 && p.sides[0] <= w.longestOver+tiny ||
			w.secondOver > 0 && p.sides[1] <= w.secondOver+tiny || w.girthOver > 0 && p.sides[0]+2*(p.sides[1]+p.sides[2]) <= w.girthOver+tiny {
			continue
		}
		if len(w.areas) == 0 {
			return true
		}
		for _, a := range w.areas {
			if areas[a] {
				return true
			}
		}
	}
	return false
}

// limits are the most a service takes of one parcel; 0 does not limit.
type limits struct{ pounds, longest, second, girth float64 }

func (l *limits) take(pounds float64, sides [3]float64) bool {
	return (l.pounds == 0 || pounds <= l.pounds+tiny) && (l.longest == 0 || sides[0] <= l.longest+tiny) &&
		(l.second == 0 || sides[1] <= l.second+tiny) && (l.girth == 0 || sides[0]+2*(sides[1]+sides[2]) <= l.girth+tiny)
}
