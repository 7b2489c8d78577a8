package network

import (
	"maps"
	"slices"
)

// Clone returns a copy of a Source, to be changed without changing src: its lists of rows, services, cards and so on are its
// own, and so are its maps. What an entry of them holds is shared (the lists within a service, a rate card, a chart): put
// another in its place instead of writing into it. The network it compiles to has the same version; faults of it name
// no lines of network.yaml, which may no longer be those meant.
func (src *Source) Clone() *Source {
	c := *src
	c.doc = nil
	c.Warehouses = slices.Clone(src.Warehouses)
	c.SKUs = slices.Clone(src.SKUs)
	c.Stock = slices.Clone(src.Stock)
	c.Pickups = slices.Clone(src.Pickups)
	c.Cards = slices.Clone(src.Cards)
	c.Charts = maps.Clone(src.Charts)
	c.AreaLists = maps.Clone(src.AreaLists)
	c.Transits = maps.Clone(src.Transits)
	c.ServiceAreas = slices.Clone(src.ServiceAreas)
	c.Holidays = slices.Clone(src.Holidays)
	set := &c.Settings
	set.Defaults.Holidays = slices.Clone(set.Defaults.Holidays)
	set.Calendars = maps.Clone(set.Calendars)
	set.Zones = maps.Clone(set.Zones)
	set.Classes = maps.Clone(set.Classes)
	set.Carriers = slices.Clone(set.Carriers)
	set.Services = slices.Clone(set.Services)
	set.Boxes = slices.Clone(set.Boxes)
	return &c
}
