package network

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// Ceilings of what a service may say.
const (
	MaxPickups = 48 // times a day
	maxGrams   = 10_000
)

// regions are those of lanes.Fallback.
var regions = []string{"AK", "HI", "PR", "VI", "GU", "AS", "MP", "FM", "MH", "PW", "AA", "AE", "AP"}

// A service is one that is being compiled.
type service struct {
	*ServiceSource
	path     string
	named    bool // its id is one
	row      int32
	out      Service
	pickup   *week         // nil: the warehouse's own work days
	times    []units.Clock // ascending; nil: given by each warehouse
	linehaul *week
	delivery *week
	byArea   []*week
	cards    []*ratecards.Source // by effective date
	zones    string              // what zone set or zone it reads, for the version
	transit  []*lanes.TransitTable
}

func (c *compiler) readZoneSets() {
	sets := map[string]bool{}
	for name := range c.src.Charts {
		sets[name] = true
	}
	for name := range c.src.Settings.Zones {
		sets[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		if err := named(name); err != nil {
			c.fl.Addf(ZonesDir+"/"+name, 0, 0, "", "", "%v", err)
		}
		fallback := c.fallback(name)
		if len(c.src.Charts[name]) == 0 && fallback == nil {
			continue // faults of the rule have been told
		}
		c.zoneSets[name] = lanes.Compile(c.src.Charts[name], fallback, SettingsFile, c.fl)
	}
}

// fallback returns the distance rule of a zone set, nil where it has none or a broken one.
func (c *compiler) fallback(name string) *lanes.Fallback {
	s, ok := c.src.Settings.Zones[name]
	if !ok {
		return nil
	}
	path := "zones." + name
	before := c.fl.Len()
	f := &lanes.Fallback{Regions: s.Regions}
	switch {
	case s.Distance != "" && len(s.Bands) > 0:
		c.set(path+".bands", "leave one of the two out", "the zone set has both a distance rule and bands of its own")
	case s.Distance == "usps":
		f.Miles = geo.USPSBands().LimitsMiles()
		for i := range geo.USPSBands().Len() {
			f.Zones = append(f.Zones, fmt.Sprint(i+1))
		}
	case s.Distance != "":
		c.set(path+".distance", Meant(s.Distance, []string{"usps"}, "distance rules"), "unknown distance rule %q", clip(s.Distance))
	case len(s.Bands) == 0:
		c.set(path, "write distance: usps, or bands, or leave it out where there are charts", "the zone set has no rule")
	}
	if len(s.Bands) > geo.MaxBands {
		c.set(path+".bands", fmt.Sprintf("write at most %d", geo.MaxBands), "the rule has %d bands", len(s.Bands))
		return nil
	}
	last := int32(0)
	for i, b := range s.Bands {
		at := fmt.Sprintf("%s.bands[%d]", path, i)
		c.zoneName(at+".zone", b.Zone)
		f.Zones = append(f.Zones, b.Zone)
		if i == len(s.Bands)-1 {
			if b.Miles != 0 {
				// Beyond the last limit nothing is served.
				f.Miles = append(f.Miles, float64(b.Miles))
				f.Zones = append(f.Zones, lanes.NotServed)
			} else {
				continue
			}
		} else {
			f.Miles = append(f.Miles, float64(b.Miles))
		}
		if b.Miles <= last {
			c.set(at+".miles", fmt.Sprintf("write more than %d; only the last band may leave it out", last), "the band ends at %d miles, where it begins or before", b.Miles)
		}
		last = max(last, b.Miles)
	}
	for _, region := range slices.Sorted(maps.Keys(s.Regions)) {
		at := path + ".regions." + region
		c.zoneName(at, s.Regions[region])
		if !slices.Contains(regions, region) {
			c.set(at, Meant(region, regions, "regions"), "unknown region %q", clip(region))
		}
	}
	if c.fl.Len() > before {
		return nil
	}
	return f
}

func (c *compiler) zoneName(path, name string) {
	if name == "" || len(name) > lanes.MaxName {
		c.set(path, fmt.Sprintf("write the zone's name, of at most %d bytes", lanes.MaxName), "%q is no zone", clip(name))
	}
}

func (c *compiler) readAreaLists() {
	for _, name := range slices.Sorted(maps.Keys(c.src.AreaLists)) {
		if len(c.src.AreaLists[name]) > 0 {
			c.areaLists[name] = lanes.CompileAreas(c.src.AreaLists[name], c.fl)
		}
	}
}

// readServices compiles what of a service does not depend on the warehouses.
func (c *compiler) readServices() {
	list := c.src.Settings.Services
	if len(list) == 0 && !c.given("services") {
		c.set("services", "name at least one", "the network has no services")
	}
	seen := map[string]int{}
	var ids []string
	for i := range list {
		s := &service{ServiceSource: &list[i], path: fmt.Sprintf("services[%d]", i)}
		s.named = c.id(s.path, s.ID, seen, i)
		c.readService(s)
		if s.named {
			ids = append(ids, s.ID)
			c.services = append(c.services, s)
			c.byCarrier[s.Carrier] = append(c.byCarrier[s.Carrier], s)
		}
	}
	rows, at := lineage(c.prev.Services, ids)
	if len(rows) > MaxServices {
		c.set("services", fmt.Sprintf("use at most %d; those that were removed count until the next start", MaxServices), "there are %d services", len(rows))
		rows = rows[:MaxServices]
	}
	c.snap.serviceRows = at
	c.snap.Services = make([]Service, len(rows))
	for _, s := range c.services {
		s.row = at[s.ID]
	}
	c.services = slices.DeleteFunc(c.services, func(s *service) bool { return int(s.row) >= len(rows) })
}

func (c *compiler) readService(s *service) {
	at := func(field string) func(mend, format string, args ...any) {
		return func(mend, format string, args ...any) { c.set(s.path+"."+field, mend, format, args...) }
	}
	out := &s.out
	out.ID, out.Name = s.ID, cmp.Or(s.Name, s.ID)
	if carrier, ok := c.carriers[s.Carrier]; ok {
		out.Carrier = carrier
	} else if s.Carrier != "" || !c.given(s.path+".carrier") {
		at("carrier")(c.meant(s.Carrier, c.snap.Carriers, "carriers"), "unknown carrier %q", clip(s.Carrier))
	}
	kind := c.one(s.path+".kind", s.Kind, KindShip, KindCollect)
	out.Kind = ServiceKind(max(0, kind))
	if out.Kind == Collect {
		c.collected(s)
	}
	only := c.one(s.path+".only", s.Only, "residential", "commercial")
	out.ResidentialOnly, out.CommercialOnly = only == 0, only == 1
	out.DailyCapacity = -1
	if s.DailyCapacity != 0 || c.given(s.path+".daily_capacity") {
		out.DailyCapacity = within(c, s.path+".daily_capacity", s.DailyCapacity, -1, 1, maxDailyOrders)
	}
	out.GramsPerTonneKm = within(c, s.path+".co2_grams_per_tonne_km", s.GramsPerTonneKm, 0, 0, maxGrams)
	out.PerShipment = within(c, s.path+".per_shipment", s.PerShipment, 0, 0, MaxCost)
	out.Classes = c.classMask(s.Classes, func(i int, mend, format string, args ...any) {
		at(fmt.Sprintf("classes[%d]", i))(mend, format, args...)
	})
	out.DeliverBy = defaultDeliverBy
	if s.DeliverBy != nil {
		out.DeliverBy = *s.DeliverBy
	}

	s.pickup = c.calendar(s.Pickup.Calendar, nil, at("pickup.calendar"))
	s.times = slices.Compact(slices.Sorted(slices.Values(s.Pickup.Times)))
	if len(s.times) > MaxPickups {
		at("pickup.times")(fmt.Sprintf("write at most %d", MaxPickups), "%d pickups a day", len(s.times))
	}
	if out.Kind == Collect && len(s.times) == 0 && !c.given(s.path+".pickup.times") {
		s.times = []units.Clock{out.DeliverBy}
	}
	s.linehaul = c.calendar(s.Linehaul, c.week, at("linehaul"))
	s.delivery = c.calendar(s.Delivery, c.week, at("delivery"))
	out.Linehaul, out.Delivery = s.linehaul.Calendar, s.delivery.Calendar

	if kind < 0 && s.Kind != "" {
		s.pickup = c.week // what the service must say depends on its kind, so nothing is said of what it does not
		s.times = []units.Clock{out.DeliverBy}
		return
	}
	c.served(s)
	names := c.zonesOf(s)
	if s.Areas != "" {
		if out.Attrs = c.areaLists[s.Areas]; out.Attrs == nil && !c.src.broken[AreasDir+"/"+s.Areas] {
			at("areas")(c.meant(s.Areas, slices.Sorted(maps.Keys(c.areaLists)), "area lists"), "unknown area list %q", clip(s.Areas))
		}
	}
	c.deliveryByArea(s)
	c.transitOf(s)
	c.tariffOf(s, names)
}

// collected adds a fault for each field that tells how to carry what the buyer collects.
func (c *compiler) collected(s *service) {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"zones", s.Zones != ""}, {"service_areas", len(s.ServiceAreas) > 0}, {"areas", s.Areas != ""},
		{"delivery_by_area", len(s.DeliveryByArea) > 0}, {"transit", s.Transit != ""}, {"transit_days", s.TransitDays != nil},
	} {
		if f.given {
			c.set(s.path+"."+f.name, "leave it out", "what the buyer collects goes nowhere")
		}
	}
}

func (c *compiler) served(s *service) {
	var names []string
	for i := range c.src.ServiceAreas {
		names = append(names, c.src.ServiceAreas[i].Name)
	}
	slices.Sort(names)
	seen := map[string]bool{}
	for i, name := range s.ServiceAreas {
		at := slices.IndexFunc(c.src.ServiceAreas, func(a geo.Area) bool { return a.Name == name })
		switch {
		case at < 0 && c.src.broken[AreasDir]: // it may be the one that could not be read
		case at < 0:
			c.set(fmt.Sprintf("%s.service_areas[%d]", s.path, i), c.meant(name, names, "service areas"), "unknown service area %q", clip(name))
		case !seen[name]:
			s.out.Served = append(s.out.Served, c.src.ServiceAreas[at])
		}
		seen[name] = true
	}
}

// zonesOf finds the service's zones and returns their names by lanes.Zone, nil where they are not known.
func (c *compiler) zonesOf(s *service) []string {
	switch {
	case s.Zones != "" && s.Zone != "":
		c.set(s.path+".zone", "leave one of the two out", "the service has a zone set and a zone of its own")
		return nil
	case s.Zones != "":
		set, ok := c.zoneSets[s.Zones]
		if !ok {
			_, broken := c.src.Settings.Zones[s.Zones]
			if !broken && !c.src.broken[ZonesDir+"/"+s.Zones] {
				c.set(s.path+".zones", c.meant(s.Zones, slices.Sorted(maps.Keys(c.zoneSets)), "zone sets"), "unknown zone set %q", clip(s.Zones))
			}
			return nil
		}
		s.out.Zones, s.zones = set, "set "+s.Zones
		return append([]string{""}, set.Names()...)
	case s.Zone == "" && s.out.Kind == Ship:
		if !c.given(s.path + ".zones") {
			c.set(s.path+".zones", "name a zone set, or write zone: with the one zone of its cards", "the service has no zones")
		}
		return nil
	}
	name := cmp.Or(s.Zone, ratecards.AnyZone)
	s.out.OnlyZone, s.zones = 1, "zone "+name
	return []string{"", name}
}

func (c *compiler) deliveryByArea(s *service) {
	for i, by := range s.DeliveryByArea {
		path := fmt.Sprintf("%s.delivery_by_area[%d]", s.path, i)
		if by.Calendar == "" && !c.given(path+".calendar") {
			c.set(path+".calendar", "name one of the calendars", "the calendar is missing")
		}
		days := c.calendar(by.Calendar, c.week, func(mend, format string, args ...any) { c.set(path+".calendar", mend, format, args...) })
		if len(by.Areas) == 0 && !c.given(path+".areas") {
			c.set(path+".areas", "name the attributes it is for", "the attributes are missing")
		}
		var mask lanes.Mask
		for j, name := range by.Areas {
			at := fmt.Sprintf("%s.areas[%d]", path, j)
			if s.Areas == "" {
				c.set(at, "name the list it is in as the service's areas", "the service has no area list")
				break
			}
			if s.out.Attrs == nil {
				break // told
			}
			bit, ok := s.out.Attrs.Bit(name)
			if !ok {
				c.set(at, c.meant(name, s.out.Attrs.Names(), "attributes of the list"), "unknown attribute %q", clip(name))
			}
			mask |= bit
		}
		s.out.ByArea = append(s.out.ByArea, AreaDelivery{mask, days.Calendar})
		s.byArea = append(s.byArea, days)
	}
}

// transitKey is what a compiled transit table depends on.
type transitKey struct {
	name string // of the tables, or the number of days
	set  string // zone set
}

func (c *compiler) transitOf(s *service) {
	days := int32(-1)
	switch {
	case s.TransitDays != nil && s.Transit != "":
		c.set(s.path+".transit_days", "leave one of the two out", "the service has transit tables and a number of days of its own")
		return
	case s.TransitDays != nil:
		days = within(c, s.path+".transit_days", *s.TransitDays, 0, 0, lanes.MaxDays)
	case s.out.Kind == Collect:
		days = 0
	}
	key := transitKey{cmp.Or(s.Transit, s.ID), s.zones}
	s.transit = c.src.Transits[key.name]
	if days >= 0 {
		key.name = fmt.Sprintf("%d days", days) // no file can have the name: it has a blank
		all := make(lanes.Histogram, days+1)
		all[days] = units.Certain
		s.transit = []*lanes.TransitTable{{Rows: []lanes.TransitRow{{Days: all}}}}
	}
	if len(s.transit) == 0 {
		if !c.src.broken[TransitDir+"/"+key.name] {
			c.set(s.path+".transit", or(c.meant(key.name, slices.Sorted(maps.Keys(c.src.Transits)), "transit tables"),
				fmt.Sprintf("write %s/%s.csv, or transit_days", TransitDir, key.name)), "no transit table %q", clip(key.name))
		}
		return
	}
	if s.zones == "" {
		return // its zones are at fault, and so would be every row for a zone
	}
	t := c.transits[key]
	if t == nil {
		t = lanes.CompileTransit(s.transit, s.out.Zones, c.fl)
		c.transits[key] = t
	}
	scope, ok := t.Scope(s.TransitScope)
	if !ok {
		c.set(s.path+".transit_scope", "write a scope of the tables, or leave it out", "no row of the transit tables has the scope %q", clip(s.TransitScope))
	}
	s.out.Transit, s.out.TransitScope = t, scope
}

// tariffOf compiles the service's cards; zones are the names of its zones.
func (c *compiler) tariffOf(s *service, zones []string) {
	name := cmp.Or(s.Cards, s.ID)
	for _, card := range c.src.Cards {
		if card.Service == name {
			s.cards = append(s.cards, card)
		}
	}
	slices.SortStableFunc(s.cards, func(a, b *ratecards.Source) int { return cmp.Compare(a.EffectiveFrom, b.EffectiveFrom) })
	if len(s.cards) == 0 {
		if !s.named && s.Cards == "" {
			return
		}
		if s.out.Kind == Collect && s.Cards == "" {
			s.cards = []*ratecards.Source{free(s, c.snap.Currency, c.snap.Minor)}
		} else {
			if !c.src.broken[CardsDir] {
				var known []string
				for _, card := range c.src.Cards {
					known = append(known, card.Service)
				}
				slices.Sort(known)
				field := ".id"
				if s.Cards != "" {
					field = ".cards"
				}
				c.set(s.path+field, or(c.meant(name, slices.Compact(known), "services with cards"), fmt.Sprintf("write %s/%s.yaml", CardsDir, name)),
					"no rate card is for service %q", clip(name))
			}
			return
		}
	}
	var areas []string
	if s.out.Attrs != nil {
		areas = s.out.Attrs.Names()
	} else if s.Areas != "" {
		return // told; what the cards ask of it is not known
	}
	if zones == nil {
		return
	}
	for _, card := range s.cards {
		c.checkCard(s, card)
	}
	key := fmt.Sprintf("%q %q %q", name, zones, areas)
	if _, ok := c.tariffs[key]; !ok || s.out.Kind == Collect {
		c.tariffs[key] = c.tariff(s.cards, zones, areas)
	}
	s.out.Tariff = c.tariffs[key]
	c.scopes(s)
}

// tariff compiles cards, or returns nil where one has a fault.
func (c *compiler) tariff(cards []*ratecards.Source, zones, areas []string) *ratecards.Tariff {
	var compiled []*ratecards.Card
	for _, card := range cards {
		if ready := card.Compile(zones, areas, c.fl); ready != nil {
			compiled = append(compiled, ready)
		}
	}
	if len(compiled) < len(cards) {
		return nil
	}
	return ratecards.NewTariff(compiled, c.fl)
}

// card adds a fault of a card file.
func (c *compiler) card(card *ratecards.Source, path, mend, format string, args ...any) {
	line, column := 0, 0
	if doc := c.src.cardDocs[card.File]; doc != nil {
		line, column = doc.Place(path)
	}
	c.fault(card.File, line, column, path, mend, format, args...)
}

// sameWords tells whether two names differ in case and in what stands between their words only.
func sameWords(a, b string) bool {
	plain := strings.NewReplacer(" ", "", "-", "", "_", "", ".", "")
	return strings.EqualFold(plain.Replace(a), plain.Replace(b))
}

// checkCard checks that a card belongs to the service.
func (c *compiler) checkCard(s *service, card *ratecards.Source) {
	if card.Currency != "" && card.Currency != c.snap.Currency && c.snap.Currency == c.src.Settings.Currency {
		c.card(card, "currency", "write the card in the network's currency", "the card is in %q and the network in %q",
			clip(card.Currency), c.snap.Currency)
	}
	i := slices.IndexFunc(c.src.Settings.Carriers, func(k CarrierSource) bool { return k.ID == s.Carrier })
	if i < 0 || card.Carrier == "" {
		return
	}
	carrier := c.src.Settings.Carriers[i]
	known := []string{carrier.ID, cmp.Or(carrier.Name, carrier.ID)}
	if !slices.ContainsFunc(known, func(k string) bool { return sameWords(k, card.Carrier) }) {
		mend := faults.DidYouMean(card.Carrier, known)
		if mend == "" {
			mend = fmt.Sprintf("write %q, the carrier of service %q", known[1], s.ID)
		}
		c.card(card, "carrier", mend, "the card is of carrier %q", clip(card.Carrier))
	}
}

// scopes sets the scopes of the zone chart that the service's cards read, which must be the same for all.
func (c *compiler) scopes(s *service) {
	if s.out.Zones == nil {
		return
	}
	for _, card := range s.cards[1:] {
		if a, b := s.cards[0].Zones, card.Zones; a != b {
			c.card(card, "zones", "write the same in all cards of the service, or make it two services",
				"the card reads other zones of the chart than %s does", cmp.Or(s.cards[0].File, "the card before"))
		}
	}
	z := s.cards[0].Zones
	// A scope that no row has answers as the general zones do: charts of some origins have exceptions, others none.
	s.out.Scope, _ = s.out.Zones.Scope(z.Scope)
	s.out.Light = s.out.Scope
	if z.LightScope != "" {
		s.out.Light, _ = s.out.Zones.Scope(z.LightScope)
	}
}

// free returns the card of a service that costs nothing: collection at the warehouse.
func free(s *service, currency string, minor units.Money) *ratecards.Source {
	nothing := units.Money(0)
	return &ratecards.Source{
		Carrier: s.Carrier, Service: s.ID, Currency: currency, MinorUnit: minor, EffectiveFrom: units.DateOf(2000, 1, 1),
		Source:     ratecards.Citation{Text: "collected at the warehouse, free of charge"},
		Structures: []ratecards.Structure{{Name: "collected", Kind: ratecards.KindFlat, Price: &nothing}},
	}
}
