package ratecards

import (
	"cmp"
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// A Tariff is one service's cards in order of date. It is immutable and safe to share.
type Tariff struct{ cards []*Card } // the latest first, for it prices most parcels

// NewTariff joins the cards of one service. No ship date may have two cards, and all must be in one currency; what is
// wrong goes to fl. A gap between cards is none: on those days the service has no prices.
func NewTariff(cards []*Card, fl *faults.List) *Tariff {
	t := &Tariff{cards: slices.Clone(cards)}
	slices.SortStableFunc(t.cards, func(a, b *Card) int { return cmp.Compare(b.from, a.from) })
	for i, c := range t.cards {
		if i == 0 {
			continue
		}
		later := t.cards[i-1]
		if c.to >= later.from {
			later.source.fault(fl, "effective_from", "end the earlier card with effective_to: "+(later.from-1).String(),
				"the period overlaps that of %s, which ends on %s", c.source.File, c.to)
		}
		if c.source.Currency != later.source.Currency {
			later.source.fault(fl, "currency", "state a service's prices in one currency", "%s is in %s", c.source.File, c.source.Currency)
		}
		if c.source.Carrier != later.source.Carrier {
			later.source.fault(fl, "carrier", "name the same carrier", "%s is of carrier %q", c.source.File, clip(c.source.Carrier))
		}
	}
	return t
}

// At returns the card in force on a ship date, or nil when there is none that day.
func (t *Tariff) At(ship units.Date) *Card {
	for _, c := range t.cards {
		if ship >= c.from {
			if ship <= c.to {
				return c
			}
			return nil
		}
	}
	return nil
}

// Cards returns the cards, the earliest first.
func (t *Tariff) Cards() []*Card {
	cards := slices.Clone(t.cards)
	slices.Reverse(cards)
	return cards
}

// ZoneFloor returns a lower bound of every price of the tariff in zone z for a billable weight of w or more; ok is false
// where no card has one. See Card.ZoneFloor for its cost.
func (t *Tariff) ZoneFloor(z lanes.Zone, w units.Weight) (least units.Money, ok bool) {
	for _, c := range t.cards {
		if m, priced := c.ZoneFloor(z, w); priced && (!ok || m < least) {
			least, ok = m, true
		}
	}
	return least, ok
}

// AreaFloor returns a lower bound of what the attributes of a destination add to any price of the tariff; see
// Card.AreaFloor.
func (t *Tariff) AreaFloor(area lanes.Mask) units.Money {
	if len(t.cards) == 0 {
		return 0
	}
	least := t.cards[0].AreaFloor(area)
	for _, c := range t.cards[1:] {
		least = min(least, c.AreaFloor(area))
	}
	return least
}
