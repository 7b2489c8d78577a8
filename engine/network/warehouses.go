package network

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// kinds are what a warehouse may be; the first is the default.
var kinds = []string{"dc", "store", "third-party", "drop-shipper"}

func (c *compiler) readWarehouses() {
	list := c.src.Warehouses
	if len(list) == 0 && !c.src.broken[WarehousesFile] {
		c.row(WarehousesFile, 0, "", "add a row for each", "the network has no warehouses")
	}
	ids := make([]string, 0, len(list))
	for i := range list {
		w := &list[i]
		if w.ID == "" && w.bad {
			continue
		}
		if err := named(w.ID); err != nil {
			c.row(WarehousesFile, w.Line, "id", "", "%v", err)
		} else if other := c.here[w.ID]; other != nil {
			c.row(WarehousesFile, w.Line, "id", "give each an id of its own", "%q is the id of line %d too", w.ID, other.Line)
		} else {
			c.here[w.ID] = w
			ids = append(ids, w.ID)
		}
	}
	rows, at := lineage(c.prev.Warehouses, ids)
	c.snap.warehouseRows = at
	if len(rows) > MaxWarehouses {
		c.row(WarehousesFile, 0, "", fmt.Sprintf("use at most %d; those that were removed count until the next start", MaxWarehouses), "there are %d warehouses", len(rows))
		return
	}
	c.snap.Warehouses = make([]Warehouse, len(rows))
	c.work = make([]*week, len(rows))
	rank := ranks(rows)
	for r, id := range rows {
		w := &c.snap.Warehouses[r]
		row := c.here[id]
		switch {
		case row == nil: // removed since: its row stays, for stock and holds that name it
			*w = Warehouse{ID: id, Name: id, Kind: kinds[0], Country: defaultCountry, TimeZone: "UTC", Unit: geo.Point{}.Unit(), DailyCapacity: -1, Closed: true}
			c.work[r] = c.week
		default:
			c.work[r] = c.warehouse(row, w)
		}
		w.Rank = rank[r]
	}
}

// warehouse compiles one row and returns its work days.
func (c *compiler) warehouse(s *WarehouseRow, w *Warehouse) *week {
	at := func(col string) func(mend, format string, args ...any) {
		return func(mend, format string, args ...any) { c.row(WarehousesFile, s.Line, col, mend, format, args...) }
	}
	d := &c.src.Settings.Defaults
	*w = Warehouse{
		ID: s.ID, Name: cmp.Or(s.Name, s.ID), Kind: cmp.Or(s.Kind, kinds[0]), Postal: strings.ToUpper(strings.TrimSpace(s.Postal)),
		Country: strings.ToUpper(cmp.Or(s.Country, d.Country, defaultCountry)), Closed: s.Closed, DailyCapacity: -1,
		PerOrder: s.PerOrder, PerLine: s.PerLine, PerUnit: s.PerUnit, PerKilogram: s.PerKilogram,
	}
	if !slices.Contains(kinds, w.Kind) {
		at("kind")(Meant(w.Kind, kinds, "kinds"), "unknown kind %q", clip(w.Kind))
	}
	if len(w.Name) > MaxName {
		at("name")(fmt.Sprintf("shorten it to %d bytes", MaxName), "the name has %d bytes", len(w.Name))
	}
	if s.Capacity < 0 {
		at("daily_capacity")("write a number from 1, or leave it out where there is no limit", "%d is no capacity", s.Capacity)
	} else if s.Capacity > 0 {
		w.DailyCapacity = s.Capacity
	}
	for _, m := range []struct {
		col    string
		amount units.Money
	}{{"cost_per_order", s.PerOrder}, {"cost_per_line", s.PerLine}, {"cost_per_unit", s.PerUnit}, {"cost_per_kg", s.PerKilogram}} {
		if m.amount < 0 || m.amount > MaxCost {
			at(m.col)(fmt.Sprintf("write an amount from 0 to %v", MaxCost), "%v is out of range", m.amount)
		}
	}
	if !s.bad || s.Point == nil {
		c.locate(s, w, at)
	}
	c.handover(s, w)
	w.Classes = c.classMask(s.Classes, func(_ int, mend, format string, args ...any) { at("classes")(mend, format, args...) })
	if s.Processing < 0 || s.Processing > MaxProcessing {
		at("processing_hours")(fmt.Sprintf("write 0 to %d hours", MaxProcessing/60), "%d minutes are out of range", s.Processing)
	}
	if s.Cutoff == nil && d.Cutoff == nil && !c.given("defaults.cutoff") && !s.bad {
		at("cutoff")("write a time of day, as 14:00, here or under defaults in "+SettingsFile, "the cut-off is missing")
	}
	if s.Cutoff != nil && (*s.Cutoff < 0 || *s.Cutoff > units.EndOfDay) {
		at("cutoff")("write a time of day, as 14:00", "%d seconds are no time of day", *s.Cutoff)
	}
	holidays := s.Holidays
	switch {
	case len(holidays) == 0:
		holidays = d.Holidays
	case len(holidays) == 1 && holidays[0] == noHolidays:
		holidays = nil
	}
	known := slices.Sorted(maps.Keys(c.holidays))
	return c.weekOf(cmp.Or(s.Workdays, d.Workdays, units.MondayToFriday), holidays, nil, func(i int, name string) {
		if len(s.Holidays) > 0 {
			at("holidays")(c.meant(name, known, "holiday lists"), "unknown holiday list %q", clip(name))
		} else if path := fmt.Sprintf("defaults.holidays[%d]", i); c.told[path] == 0 { // once, not for each warehouse
			c.told[path]++
			c.set(path, c.meant(name, known, "holiday lists"), "unknown holiday list %q", clip(name))
		}
	})
}

// locate finds where a warehouse is: its point, region and time zone.
func (c *compiler) locate(s *WarehouseRow, w *Warehouse, at func(col string) func(mend, format string, args ...any)) {
	if !isCountry(w.Country) {
		at("country")("write an ISO 3166-1 code of two letters, as US", "%q is no country", clip(w.Country))
		return
	}
	place, found := geo.Row(0), false
	if w.Postal != "" {
		place, found = c.snap.Places.Lookup(w.Country, w.Postal)
		w.Region = lanes.RegionOf(w.Country, w.Postal)
	}
	switch {
	case s.Point != nil:
		if err := s.Point.Check(); err != nil {
			at("lat")("write degrees, -90 to 90 and -180 to 180", "%v", err)
			return
		}
		w.Point = *s.Point
		if w.Postal == "" {
			if near, ok := c.snap.Places.Nearest(w.Point); ok {
				w.Region = lanes.RegionOf(c.snap.Places.Country(near), c.snap.Places.Postal(near))
			}
		}
	case found:
		w.Point = c.snap.Places.Point(place)
	case w.Postal == "":
		at("postal_code")("write its postal code, or lat and lng", "nothing says where the warehouse is")
		return
	default:
		mend := "write one that exists, or lat and lng beside it"
		if w.Country != defaultCountry {
			mend += fmt.Sprintf("; or add the postal file of %s to %s", w.Country, PlacesDir)
		}
		at("postal_code")(mend, "no place of %s has the postal code %q", w.Country, clip(s.Postal))
		return
	}
	w.Unit = w.Point.Unit()
	w.Centre = w.Unit
	switch {
	case found:
		w.Centre = c.snap.Places.AreaCentre(place).Unit()
	case w.Postal == "":
		if near, ok := c.snap.Places.Nearest(w.Point); ok {
			w.Centre = c.snap.Places.AreaCentre(near).Unit()
		}
	}

	w.TimeZone = s.TimeZone
	if w.TimeZone == "" && found {
		w.TimeZone = c.snap.Places.TimeZone(place)
	}
	if w.TimeZone == "" {
		zone, ok := c.snap.Places.TimeZoneAt(w.Point)
		if !ok {
			at("timezone")("write its IANA zone, as America/New_York", "the time zone of %v is not known", w.Point)
			return
		}
		w.TimeZone = zone
	}
	if _, ok := c.timeZones[w.TimeZone]; !ok {
		zone, err := calendar.LoadZone(w.TimeZone)
		if err != nil {
			at("timezone")("write an IANA name, as America/New_York", "unknown time zone %q", clip(w.TimeZone))
		}
		c.timeZones[w.TimeZone] = zone // nil for an unknown one
		return
	}
	if c.timeZones[w.TimeZone] == nil {
		at("timezone")("write an IANA name, as America/New_York", "unknown time zone %q", clip(w.TimeZone))
	}
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// handover sets the services that a warehouse hands parcels to.
func (c *compiler) handover(s *WarehouseRow, w *Warehouse) {
	if len(s.Carriers) == 0 {
		for _, svc := range c.services {
			if svc.out.Kind == Ship {
				w.Services |= 1 << svc.row
			}
		}
		return
	}
	for _, id := range s.Carriers {
		if _, ok := c.carriers[id]; !ok {
			c.misnamed = true
			c.row(WarehousesFile, s.Line, "carriers", c.meant(id, c.snap.Carriers, "carriers"), "unknown carrier %q", clip(id))
		}
		for _, svc := range c.byCarrier[id] {
			w.Services |= 1 << svc.row
		}
	}
}

// pickupKey is one cell of the exceptions in pickups.csv.
type pickupKey struct{ warehouse, service int32 }

// exceptions returns the rows of pickups.csv by warehouse and service. A row for the service wins over one for its
// carrier.
func (c *compiler) exceptions() map[pickupKey]*PickupRow {
	rows := map[pickupKey]*PickupRow{}
	list := c.src.Pickups
	warehouses := slices.Sorted(maps.Keys(c.here))
	var services []string
	for _, s := range c.services {
		services = append(services, s.ID)
	}
	for _, forService := range []bool{false, true} {
		own := map[pickupKey]*PickupRow{}
		for i := range list {
			p := &list[i]
			if forService != (p.Service != "") {
				continue
			}
			at := func(col, mend, format string, args ...any) { c.row(PickupsFile, p.Line, col, mend, format, args...) }
			wh := c.snap.warehouseRows[p.Warehouse]
			ok := c.here[p.Warehouse] != nil
			if !ok && c.judges(WarehousesFile, len(c.here)) && p.Warehouse != "" {
				at("warehouse", c.meant(p.Warehouse, warehouses, "warehouses"), "unknown warehouse %q", clip(p.Warehouse))
			}
			var on []*service
			switch {
			case p.Carrier != "" && p.Service != "":
				at("carrier", "leave one of the two out", "the row is for a carrier and for a service")
			case forService:
				on = slices.DeleteFunc(slices.Clone(c.services), func(s *service) bool { return s.ID != p.Service })
				if len(on) == 0 {
					at("service", c.meant(p.Service, services, "services"), "unknown service %q", clip(p.Service))
				}
			case p.Carrier == "":
				at("carrier", "name a carrier or a service", "the row is for no carrier and no service")
			default:
				on = c.byCarrier[p.Carrier]
				if _, known := c.carriers[p.Carrier]; !known {
					at("carrier", c.meant(p.Carrier, c.snap.Carriers, "carriers"), "unknown carrier %q", clip(p.Carrier))
				}
			}
			if p.Calendar == "" && len(p.Times) == 0 && !p.bad {
				at("times", "write when it collects, as 11:00;17:00, or leave the row out", "the row changes nothing")
			}
			if len(p.Times) > MaxPickups {
				at("times", fmt.Sprintf("write at most %d", MaxPickups), "%d pickups a day", len(p.Times))
			}
			c.calendar(p.Calendar, nil, func(mend, format string, args ...any) { at("calendar", mend, format, args...) })
			for _, s := range on {
				if !ok {
					continue
				}
				k := pickupKey{wh, s.row}
				if other := own[k]; other != nil {
					at("warehouse", "leave one of the two out", "line %d is for service %q at %q too", other.Line, s.ID, p.Warehouse)
					continue
				}
				own[k] = p
			}
		}
		maps.Copy(rows, own)
	}
	return rows
}

// readProfiles gives each warehouse the profile of its working day.
func (c *compiler) readProfiles() {
	rows := c.exceptions()
	untimed := map[*service][]string{}
	bad := c.fl.Len() > 0
	var key []byte
	for r := range c.snap.Warehouses {
		w := &c.snap.Warehouses[r]
		dock := calendar.Dock{}
		if s := c.here[w.ID]; s != nil {
			dock.Processing = s.Processing
			if cutoff := cmp.Or(s.Cutoff, c.src.Settings.Defaults.Cutoff); cutoff != nil {
				dock.Cutoff = *cutoff
			}
		} else {
			dock.Cutoff = units.EndOfDay
			c.timeZones[w.TimeZone] = utc(c.timeZones[w.TimeZone])
		}
		pickups := make([]calendar.Pickups, len(c.snap.Services))
		key = fmt.Appendf(key[:0], "%s|%d|%v|%d", w.TimeZone, weekID(c.work[r]), dock.Cutoff, dock.Processing)
		for _, s := range c.services {
			if w.Services>>s.row&1 == 0 {
				continue
			}
			days, times := s.pickup, s.times
			if p := rows[pickupKey{int32(r), s.row}]; p != nil {
				if len(p.Times) > 0 {
					times = slices.Compact(slices.Sorted(slices.Values(p.Times)))
				}
				if own := c.calendars[p.Calendar]; own != nil {
					days = own
				}
			}
			if days == nil {
				days = c.work[r]
			}
			if len(times) == 0 {
				untimed[s] = append(untimed[s], w.ID)
				continue
			}
			key = fmt.Appendf(key, "|%d %d %v", s.row, weekID(days), times)
			if days != nil {
				pickups[s.row] = calendar.Pickups{Calendar: days.Calendar, Times: times}
			}
		}
		p, ok := c.profiles[string(key)]
		if !ok && !bad {
			dock.Zone, dock.Work = c.timeZones[w.TimeZone], c.work[r].Calendar
			p = int32(len(c.snap.Profiles))
			c.profiles[string(key)] = p
			c.snap.Profiles = append(c.snap.Profiles, Profile{Dock: dock, Pickups: pickups})
		}
		w.Profile = p
	}
	for _, s := range c.services {
		if at := untimed[s]; len(at) > 0 && !c.given(s.path+".pickup.times") {
			c.set(s.path+".pickup.times", fmt.Sprintf("write when it collects, as [\"17:00\"], or a row for each warehouse in %s", PickupsFile),
				"nothing says when the service collects at %d of the warehouses that hand it parcels, %q first", len(at), at[0])
		}
	}
}

// weekID returns a week's id; a warehouse with faults has no week.
func weekID(w *week) int {
	if w == nil {
		return -1
	}
	return w.id
}

// utc returns the zone, or that of UTC, in which removed warehouses stand.
func utc(zone *calendar.Zone) *calendar.Zone {
	if zone == nil {
		zone, _ = calendar.LoadZone("UTC") // it is in every zone table
	}
	return zone
}

// joinServices puts the services into their rows and fills what depends on the warehouses.
func (c *compiler) joinServices() {
	var handed uint64
	for r := range c.snap.Warehouses {
		handed |= c.snap.Warehouses[r].Services
	}
	ids := make([]string, len(c.snap.Services))
	for id, row := range c.snap.serviceRows {
		if int(row) < len(ids) {
			ids[row] = id
		}
	}
	rank := ranks(ids)
	gone := false
	for row, id := range ids {
		out := &c.snap.Services[row]
		at := slices.IndexFunc(c.services, func(s *service) bool { return s.ID == id })
		if at < 0 {
			*out = c.removed(id)
			gone = true
			out.Origins, out.TransitOrigins = c.origins(nil), c.origins(nil)
		} else {
			s := c.services[at]
			*out = s.out
			if handed>>row&1 == 0 && len(c.snap.Warehouses) > 0 && !c.src.broken[WarehousesFile] && !c.misnamed {
				c.set(s.path+".carrier", fmt.Sprintf("add %q to the carriers of a warehouse, or leave the service out", s.Carrier),
					"no warehouse hands parcels to the service")
			}
			out.Origins, out.TransitOrigins = c.origins(nil), c.origins(nil)
			if s.out.Zones != nil {
				out.Origins = c.origins(s.out.Zones.Origin)
			}
			if s.out.Transit != nil {
				out.TransitOrigins = c.origins(s.out.Transit.Origin)
			}
		}
		out.Rank = rank[row]
	}
	if gone { // what was removed has a carrier without a name
		for row := range c.snap.Services {
			if c.snap.Services[row].Carrier < 0 {
				c.snap.Services[row].Carrier = int32(len(c.snap.Carriers))
			}
		}
		c.snap.Carriers = append(c.snap.Carriers, "")
	}
}

// origins returns the origin of every warehouse in a table; none has one for nil.
func (c *compiler) origins(find func(country, postal string) (lanes.Origin, bool)) []lanes.Origin {
	all := make([]lanes.Origin, len(c.snap.Warehouses))
	for r := range all {
		all[r] = lanes.NoOrigin
		if w := &c.snap.Warehouses[r]; find != nil && w.Postal != "" {
			if o, ok := find(w.Country, w.Postal); ok {
				all[r] = o
			}
		}
	}
	return all
}

// removed returns the row of a service that is no longer there. No warehouse hands it anything.
func (c *compiler) removed(id string) Service {
	s := &service{ServiceSource: &ServiceSource{ID: id, Carrier: "removed"}}
	card := free(s, "USD", units.Cent).Compile([]string{"", ratecards.AnyZone}, nil, c.fl)
	return Service{
		ID: id, Name: id, Carrier: -1, OnlyZone: 1, Tariff: ratecards.NewTariff([]*ratecards.Card{card}, c.fl),
		Transit: lanes.CompileTransit(nil, nil, c.fl), Linehaul: c.week.Calendar, Delivery: c.week.Calendar, DailyCapacity: -1,
	}
}
