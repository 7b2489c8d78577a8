package scenario

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// byShipDate is embedded in operations on rate cards, which know ship dates themselves: such a change is part of the network
// throughout, as a price list that was announced is, and counts for what ships on its days.
type byShipDate struct{}

func (byShipDate) always() bool { return true }

// A which chooses services: by id, by carrier, or all.
type which struct {
	Service Names `yaml:"service"`
	Carrier Names `yaml:"carrier"`
}

// check checks the names, and claims each service for a kind of change.
func (s *which) check(w *world, c *change) {
	if s.Service != nil && s.Carrier != nil {
		w.fault(c, c.at("carrier"), "leave one of the two out", "it is for services and for carriers")
	}
	for i, id := range w.serviceNames(c, "service", s.Service) {
		w.uses(c, element(c, "service", s.Service, i), id)
	}
	w.carrierNames(c, "carrier", s.Carrier)
}

// has tells whether a service is chosen.
func (s *which) has(svc *network.ServiceSource) bool {
	switch {
	case s.Service != nil:
		return slices.Contains(s.Service, svc.ID)
	case s.Carrier != nil:
		return slices.Contains(s.Carrier, svc.Carrier)
	}
	return true
}

// place returns where the choice stands.
func (s *which) place(c *change) string {
	switch {
	case s.Service != nil:
		return c.at("service")
	case s.Carrier != nil:
		return c.at("carrier")
	}
	return c.path
}

// Parts of a rate card that rates may be for alone.
const (
	onlyBase       = "base"
	onlySurcharges = "surcharges"
)

// A rates scales what rate cards charge, or puts other cards in their place.
type rates struct {
	which   `yaml:",inline"`
	Scale   *Scale `yaml:"scale"`
	Only    string `yaml:"only"` // base or surcharges; default both
	Replace Names  `yaml:"replace"`
	Span    `yaml:",inline"`
	byShipDate
}

// idle tells that nothing is changed, as by the +0% of a sweep.
func (o *rates) idle() bool { return o.Scale != nil && *o.Scale == unchanged }

func (o *rates) phase() phase {
	if o.Replace != nil {
		return phaseSet
	}
	return phaseScale
}

func (o *rates) check(w *world, c *change) {
	w.days(c)
	w.oneOf(c, "scale or replace", o.Scale != nil, o.Replace != nil)
	o.which.check(w, c)
	if o.Only != "" && o.Only != onlyBase && o.Only != onlySurcharges {
		w.fault(c, c.at("only"), network.Meant(o.Only, []string{onlyBase, onlySurcharges}, "parts"), "unknown part %q", clip(o.Only))
	}
	if o.Replace != nil {
		if o.Only != "" {
			w.fault(c, c.at("only"), "leave it out", "a card is replaced whole")
		}
		if len(o.Service) != 1 {
			w.fault(c, c.at("replace"), "write service: with the one service that the cards are for", "cards are of one service")
		}
		w.cards(c, "replace", o.Replace)
		for _, id := range o.Service {
			w.claim(c, c.at("replace"), "cards of "+id, "the cards of %s are replaced", id)
		}
		return
	}
	o.priced(w, c, o.place(c), func(*ratecards.Source) bool { return true }, "rate card")
}

// priced adds a fault where no card of the chosen services will do; services that the scenario adds will.
func (s *which) priced(w *world, c *change, at string, will func(*ratecards.Source) bool, what string) {
	for _, svc := range w.services {
		if !s.has(svc) {
			continue
		}
		if w.added[svc.ID] != nil {
			return
		}
		for _, card := range w.b.Source.Cards {
			if card.Service == cmp.Or(svc.Cards, svc.ID) && will(card) {
				return
			}
		}
	}
	if w.sound(c) {
		w.fault(c, at, "name others, or leave the change out", "none of the services has a %s", what)
	}
}

func (o *rates) apply(e *editor, c *change) {
	if o.Replace == nil {
		e.cards(&o.which, c.fromDay(), c.untilDay(), func(card *ratecards.Source) { scaleCard(card, *o.Scale, o.Only) })
		return
	}
	e.own(&o.which)
	name := ""
	for i := range e.src.Settings.Services {
		if s := &e.src.Settings.Services[i]; o.has(s) {
			name = cmp.Or(s.Cards, s.ID)
		}
	}
	if name == "" {
		return // the service is not there at this time
	}
	for _, file := range o.Replace {
		read := e.b.card(file)
		if len(read.faults) > 0 {
			return // told
		}
		card := read.src.Clone()
		card.Service = name
		card.EffectiveFrom = max(card.EffectiveFrom, c.fromDay())
		if until := c.untilDay(); until != 0 && (card.EffectiveTo == 0 || until < card.EffectiveTo) {
			card.EffectiveTo = until
		}
		if card.EffectiveTo != 0 && card.EffectiveTo < card.EffectiveFrom {
			e.fault("change from and until, or the card's own dates", "%s is never in force in this time", file)
			return
		}
		e.src.Cards = revise(e.src.Cards, name, card.EffectiveFrom, card.EffectiveTo, nil)
		e.src.Cards = append(e.src.Cards, card)
	}
}

// revise returns the cards with those of a service changed for ship dates from one day to another, both included; a date of 0
// is without end. What a card says about other days stays, as a card of its own. A nil change takes the days out.
func revise(cards []*ratecards.Source, service string, from, until units.Date, change func(*ratecards.Source)) []*ratecards.Source {
	out := make([]*ratecards.Source, 0, len(cards)+2)
	for _, card := range cards {
		begins := max(card.EffectiveFrom, from)
		ends := card.EffectiveTo
		if until != 0 && (ends == 0 || until < ends) {
			ends = until
		}
		if card.Service != service || ends != 0 && ends < begins {
			out = append(out, card)
			continue
		}
		if begins > card.EffectiveFrom {
			before := card.Clone()
			before.EffectiveTo = begins - 1
			out = append(out, before)
		}
		if change != nil {
			within := card.Clone()
			within.EffectiveFrom, within.EffectiveTo = begins, ends
			change(within)
			out = append(out, within)
		}
		if ends != card.EffectiveTo {
			after := card.Clone()
			after.EffectiveFrom = ends + 1
			out = append(out, after)
		}
	}
	return out
}

// scaleCard multiplies what a card charges; fuel and taxes follow, for they are shares of it. Prices stay multiples of the
// card's minor unit.
func scaleCard(card *ratecards.Source, by Scale, only string) {
	minor := cmp.Or(card.MinorUnit, units.Cent)
	price := func(m units.Money) units.Money { return by.of(m).RoundTo(minor) }
	if only != onlySurcharges {
		for i := range card.Structures {
			st := &card.Structures[i]
			if st.Price != nil {
				*st.Price = price(*st.Price)
			}
			if st.Table == nil {
				continue
			}
			for _, row := range st.Table.Rows {
				for z, m := range row.Prices {
					if m != ratecards.NoPrice {
						row.Prices[z] = price(m)
					}
				}
			}
		}
		if card.Discount != nil {
			card.Discount.MinimumNet = price(card.Discount.MinimumNet)
		}
	}
	if only == onlyBase {
		return
	}
	share := func(p units.Percent) units.Percent { return units.Percent(by.count(int64(p))) }
	for i := range card.Surcharges {
		a := &card.Surcharges[i].Amount
		if a.Flat != nil {
			*a.Flat = price(*a.Flat)
		}
		for zone, m := range a.ByZone {
			a.ByZone[zone] = price(m)
		}
		for j := range a.ByWeight {
			a.ByWeight[j].Amount = price(a.ByWeight[j].Amount)
		}
		a.Minimum = price(a.Minimum)
		a.PercentOfValue = share(a.PercentOfValue)
		if only == onlySurcharges {
			a.PercentOfBase = share(a.PercentOfBase) // otherwise it follows the base price
		}
	}
}

// A fuel changes fuel percentages.
type fuel struct {
	which `yaml:",inline"`
	Set   *units.Percent `yaml:"set"`
	Add   *Points        `yaml:"add"`
	Scale *Scale         `yaml:"scale"`
	Span  `yaml:",inline"`
	byShipDate
}

// idle tells that nothing is changed.
func (o *fuel) idle() bool {
	return o.Add != nil && *o.Add == 0 || o.Scale != nil && *o.Scale == unchanged
}

func (o *fuel) phase() phase { return phaseSet }

func (o *fuel) check(w *world, c *change) {
	w.days(c)
	w.oneOf(c, "set, add or scale", o.Set != nil, o.Add != nil, o.Scale != nil)
	if o.Set != nil && (*o.Set < 0 || *o.Set > maxFuel) {
		w.fault(c, c.at("set"), "write 0% to "+maxFuel.String(), "%v is no fuel percentage", *o.Set)
	}
	o.which.check(w, c)
	for _, id := range w.chosen(&o.which) {
		w.claim(c, o.place(c), "fuel of "+id, "the fuel of %s is changed", id)
	}
	o.priced(w, c, o.place(c), func(card *ratecards.Source) bool { return card.Fuel != nil }, "card with fuel")
}

// maxFuel is the most that a card takes.
const maxFuel = 5 * units.WholePercent

func (o *fuel) apply(e *editor, c *change) {
	to := func(p units.Percent) units.Percent {
		switch {
		case o.Set != nil:
			return *o.Set
		case o.Add != nil:
			p += units.Percent(*o.Add)
		default:
			p = units.Percent(o.Scale.count(int64(p)))
		}
		if p < 0 || p > maxFuel {
			e.fault("change it by less", "it would make a fuel of %v", p)
			return 0
		}
		return p
	}
	e.cards(&o.which, 0, 0, func(card *ratecards.Source) {
		if card.Fuel == nil {
			return
		}
		var weeks []ratecards.FuelWeek
		for _, week := range card.Fuel.Weeks {
			within := week
			within.From = max(week.From, c.fromDay())
			if until := c.untilDay(); until != 0 && (week.To == 0 || until < week.To) {
				within.To = until
			}
			if within.To != 0 && within.To < within.From {
				weeks = append(weeks, week)
				continue
			}
			if within.From > week.From {
				before := week
				before.To = within.From - 1
				weeks = append(weeks, before)
			}
			within.Percent = to(within.Percent)
			weeks = append(weeks, within)
			if within.To != week.To {
				after := week
				after.From = within.To + 1
				weeks = append(weeks, after)
			}
		}
		card.Fuel.Weeks = weeks
	})
}

// A peak moves the days on which surcharges that have such are charged.
type peak struct {
	which     `yaml:",inline"`
	Surcharge Names `yaml:"surcharge"` // default every one that has dates
	Span      `yaml:",inline"`
	byShipDate
}

func (o *peak) phase() phase { return phaseSet }

func (o *peak) check(w *world, c *change) {
	w.days(c)
	if !c.from.Given && !c.until.Given {
		w.fault(c, c.path, "write from: with the first day of the peak, or until: with its last", "it changes nothing")
		return
	}
	o.which.check(w, c)
	for _, id := range w.chosen(&o.which) {
		w.claimWhole(c, o.place(c), "peak of "+id, "the peak of %s is moved", id)
	}
	var names []string
	for _, card := range w.b.Source.Cards {
		for _, s := range card.Surcharges {
			if len(s.Windows) > 0 {
				names = append(names, s.Name)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range o.Surcharge {
		if !slices.Contains(names, name) {
			w.fault(c, element(c, "surcharge", o.Surcharge, i), network.Meant(name, names, "surcharges with dates"), "no surcharge %q has dates", clip(name))
		}
	}
	o.priced(w, c, o.place(c), func(card *ratecards.Source) bool {
		return slices.ContainsFunc(card.Surcharges, func(s ratecards.Surcharge) bool {
			return o.names(s.Name) && season(s.Windows, c) >= 0
		})
	}, "surcharge whose dates it would move")
}

func (o *peak) names(name string) bool {
	return o.Surcharge == nil || slices.Contains(o.Surcharge, name)
}

// season returns the window that a peak moves: the first that is not over when the new one begins and differs from it; -1
// where there is none.
func season(windows []ratecards.Window, c *change) int {
	at := -1
	for i, win := range windows {
		if win.To >= c.fromDay() && (at < 0 || win.From < windows[at].From) {
			at = i
		}
	}
	if at < 0 || moved(windows[at], c) == windows[at] {
		return -1
	}
	return at
}

func moved(win ratecards.Window, c *change) ratecards.Window {
	if c.from.Given {
		win.From = c.fromDay()
	}
	if c.until.Given {
		win.To = c.untilDay()
	}
	return win
}

func (o *peak) apply(e *editor, c *change) {
	e.cards(&o.which, 0, 0, func(card *ratecards.Source) {
		for i := range card.Surcharges {
			s := &card.Surcharges[i]
			at := season(s.Windows, c)
			if at < 0 || !o.names(s.Name) {
				continue
			}
			win := moved(s.Windows[at], c)
			if win.To < win.From {
				e.fault("write both from and until", "the peak of %s would begin on %v and end on %v", s.Name, win.From, win.To)
				continue
			}
			s.Windows[at] = win
		}
	})
}

// A dropService takes services away.
type dropService []string

// UnmarshalText takes one name.
func (o *dropService) UnmarshalText(b []byte) error { *o = dropService{string(b)}; return nil }

func (o *dropService) span() *Span  { return nil }
func (o *dropService) phase() phase { return phaseClose }
func (o *dropService) always() bool { return false }

func (o *dropService) check(w *world, c *change) {
	for i, id := range w.serviceNames(c, "", Names(*o)) {
		w.claim(c, element(c, "", Names(*o), i), "dropped "+id, "%s is dropped", id)
		w.dropped[id] = append(w.dropped[id], c)
	}
}

func (o *dropService) apply(e *editor, _ *change) {
	e.drop(func(s *network.ServiceSource) bool { return slices.Contains(*o, s.ID) })
}

// A dropCarrier takes all services of carriers away.
type dropCarrier []string

// UnmarshalText takes one name.
func (o *dropCarrier) UnmarshalText(b []byte) error { *o = dropCarrier{string(b)}; return nil }

func (o *dropCarrier) span() *Span  { return nil }
func (o *dropCarrier) phase() phase { return phaseClose }
func (o *dropCarrier) always() bool { return false }

func (o *dropCarrier) check(w *world, c *change) {
	w.carrierNames(c, "", Names(*o))
	for _, id := range w.chosen(&which{Carrier: Names(*o)}) {
		w.claim(c, c.path, "dropped "+id, "%s is dropped", id)
		w.dropped[id] = append(w.dropped[id], c)
	}
}

func (o *dropCarrier) apply(e *editor, _ *change) {
	e.drop(func(s *network.ServiceSource) bool { return slices.Contains(*o, s.Carrier) })
}

// An addService adds a service, with its rate cards.
type addService struct {
	network.ServiceSource `yaml:",inline"`
	CardFiles             Names  `yaml:"card_files"`
	CarrierName           string `yaml:"carrier_name"` // of a carrier that the network does not have
	Warehouses            Names  `yaml:"warehouses"`   // at which it collects; default where its carrier does
	Span                  `yaml:",inline"`
	ofEpoch
}

func (o *addService) phase() phase { return phaseOpen }

func (o *addService) check(w *world, c *change) {
	if o.Carrier == "" {
		w.fault(c, c.at("carrier"), "name the carrier", "the carrier is missing")
	} else if o.CarrierName != "" && w.hasCarrier(o.Carrier) {
		w.fault(c, c.at("carrier_name"), "leave it out, or give the new carrier an id of its own", "the network has a carrier %q", clip(o.Carrier))
	} else if !w.carriers[o.Carrier] {
		w.carrierNames(c, "carrier", Names{o.Carrier})
	}
	w.cards(c, "card_files", o.CardFiles)
	if o.Warehouses != nil {
		w.warehouses(c, "warehouses", o.Warehouses)
	}
}

func (o *addService) apply(e *editor, _ *change) {
	if !slices.ContainsFunc(e.src.Settings.Carriers, func(k network.CarrierSource) bool { return k.ID == o.Carrier }) {
		e.src.Settings.Carriers = append(e.src.Settings.Carriers, network.CarrierSource{ID: o.Carrier, Name: o.CarrierName})
	}
	if e.shut {
		return
	}
	e.src.Settings.Services = append(e.src.Settings.Services, o.ServiceSource)
	for _, file := range o.CardFiles {
		read := e.b.card(file)
		if len(read.faults) > 0 {
			return // told
		}
		card := read.src.Clone()
		card.Service = cmp.Or(o.Cards, o.ID)
		e.src.Cards = append(e.src.Cards, card)
	}
	for i := range e.src.Warehouses {
		r := &e.src.Warehouses[i]
		wanted := o.CarrierName != "" && o.Warehouses == nil || slices.Contains(o.Warehouses, r.ID)
		if wanted && len(r.Carriers) > 0 && !slices.Contains(r.Carriers, o.Carrier) {
			r.Carriers = append(slices.Clone(r.Carriers), o.Carrier)
		}
	}
}

// A delay makes transit longer: known to promises, or a surprise.
type delay struct {
	which     `yaml:",inline"`
	Warehouse Names `yaml:"warehouse"` // of a surprise
	Days      int32 `yaml:"days"`
	Known     *bool `yaml:"known"`
	Span      `yaml:",inline"`
}

// maxDelay bounds the days of a delay.
const maxDelay = 60

func (o *delay) known() bool { return o.Known != nil && *o.Known }

func (o *delay) always() bool { return false }

func (o *delay) phase() phase {
	if o.known() {
		return phaseTransit
	}
	return phaseOutside
}

func (o *delay) check(w *world, c *change) {
	o.which.check(w, c)
	if o.Days < 1 || o.Days > maxDelay {
		w.fault(c, c.at("days"), fmt.Sprintf("write 1 to %d", maxDelay), "%d days are no delay", o.Days)
	}
	if o.Known == nil {
		w.fault(c, c.at("known"), "write known: yes where promises reckon with it, known: no where it surprises", "nothing says whether it is known")
		return
	}
	if o.known() {
		if o.Warehouse != nil {
			w.fault(c, c.at("warehouse"), "leave it out, or write known: no", "transit tables are for all warehouses")
		}
		return
	}
	w.days(c)
	if o.Warehouse != nil {
		w.warehouses(c, "warehouse", o.Warehouse)
	}
}

func (o *delay) apply(e *editor, _ *change) {
	if !o.known() {
		return
	}
	for i := range e.src.Settings.Services {
		s := &e.src.Settings.Services[i]
		if !o.has(s) || s.Kind == network.KindCollect {
			continue
		}
		if s.TransitDays != nil {
			days := *s.TransitDays + o.Days
			s.TransitDays = &days
			continue
		}
		name := cmp.Or(s.Transit, s.ID)
		later := fmt.Sprintf("%s+%dd", name, o.Days)
		if e.src.Transits[later] == nil {
			for _, t := range e.src.Transits[name] {
				e.src.Transits[later] = append(e.src.Transits[later], e.postponed(t, o.Days))
			}
		}
		s.Transit = later
	}
}

// postponed returns a transit table with each time so many days longer.
func (e *editor) postponed(t *lanes.TransitTable, days int32) *lanes.TransitTable {
	out := *t
	out.Rows = slices.Clone(t.Rows)
	for i := range out.Rows {
		h := append(make(lanes.Histogram, days), out.Rows[i].Days...)
		if len(h) > lanes.MaxDays+1 {
			e.fault("delay it by less", "transit would take %d days", len(h)-1)
			return t
		}
		out.Rows[i].Days = h
	}
	return &out
}

// A lose loses a share of shipments, a surprise.
type lose struct {
	which     `yaml:",inline"`
	Warehouse Names             `yaml:"warehouse"`
	Share     units.Probability `yaml:"share"`
	Span      `yaml:",inline"`
}

func (o *lose) always() bool           { return false }
func (o *lose) phase() phase           { return phaseOutside }
func (o *lose) apply(*editor, *change) {}
func (o *lose) check(w *world, c *change) {
	w.days(c)
	o.which.check(w, c)
	if o.Share < 1 || o.Share > units.Certain {
		w.fault(c, c.at("share"), "write 0.01% to 100%", "%v is no share to lose", o.Share)
	}
	if o.Warehouse != nil {
		w.warehouses(c, "warehouse", o.Warehouse)
	}
}
