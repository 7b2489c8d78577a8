package network

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// cardNotice is how many days before the last card of a service ends Warnings says so.
const cardNotice = 30

// Warnings returns what a network may mean but most do not, by file and place, on a day today. None keeps it from
// being compiled:
//
//   - stock on hand below its safety, which is stock that cannot be promised
//   - a service that has no card in force today, or none in 30 days; on those days it refuses
//   - cards, zone sets, area lists, transit tables and calendars that no service uses
//   - a file at the top whose name is nearly that of a part
func Warnings(src *Source, today units.Date) []faults.Fault {
	var fl faults.List
	for i := range src.Stock {
		if s := &src.Stock[i]; !s.bad && s.OnHand < s.Safety {
			fl.Addf(StockFile, s.Line, src.columns[StockFile]["on_hand"], "on_hand", "check both numbers",
				"%d of SKU %q at %q are below the safety of %d: none can be promised", s.OnHand, clip(s.SKU), clip(s.Warehouse), s.Safety)
			if fl.Len() == maxFaults {
				fl.Addf(StockFile, 0, 0, "", "", "more than %d such rows; the others are not listed", maxFaults)
				break
			}
		}
	}
	src.warnCards(today, &fl)
	src.warnUnused(&fl)
	for _, name := range src.strange {
		fl.Addf(name, 0, 0, "", "rename it if it is meant to be read", "the file is no part of a network, but nearly has the name of one")
	}
	return fl.Faults()
}

func (src *Source) warnCards(today units.Date, fl *faults.List) {
	wanted := map[string]bool{}
	for i, s := range src.Settings.Services {
		name := cmp.Or(s.Cards, s.ID)
		wanted[name] = true
		path := fmt.Sprintf("services[%d]", i)
		has := func(day units.Date) bool {
			return slices.ContainsFunc(src.Cards, func(c *ratecards.Source) bool {
				return c.Service == name && c.EffectiveFrom <= day && (c.EffectiveTo == 0 || day <= c.EffectiveTo)
			})
		}
		if s.Kind == KindCollect && !slices.ContainsFunc(src.Cards, func(c *ratecards.Source) bool { return c.Service == name }) {
			continue
		}
		for _, day := range []units.Date{today, today + cardNotice} {
			if !has(day) {
				line, column := src.place(path)
				fl.Addf(SettingsFile, line, column, path, "add the card that holds then", "service %q has no rate card in force on %v", clip(s.ID), day)
				break
			}
		}
	}
	for _, card := range src.Cards {
		if card.Service != "" && !wanted[card.Service] {
			fl.Addf(card.File, 0, 0, "service", "add a service that is priced by it, or remove the card", "no service of the network is priced by the card of %q", clip(card.Service))
		}
	}
}

// place returns where a value of network.yaml stood, 0 where it was built in code.
func (src *Source) place(path string) (line, column int) {
	if src.doc == nil {
		return 0, 0
	}
	return src.doc.Place(path)
}

func (src *Source) warnUnused(fl *faults.List) {
	zones, areas, transits, calendars := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range src.Settings.Services {
		zones[s.Zones], areas[s.Areas] = true, true
		transits[cmp.Or(s.Transit, s.ID)] = true
		calendars[s.Pickup.Calendar], calendars[s.Linehaul], calendars[s.Delivery] = true, true, true
		for _, by := range s.DeliveryByArea {
			calendars[by.Calendar] = true
		}
	}
	for i := range src.Pickups {
		calendars[src.Pickups[i].Calendar] = true
	}
	unused(fl, ZonesDir, src.Charts, zones)
	unused(fl, AreasDir, src.AreaLists, areas)
	unused(fl, TransitDir, src.Transits, transits)
	for name := range src.Settings.Calendars {
		if !calendars[name] {
			line, column := src.place("calendars." + name)
			fl.Addf(SettingsFile, line, column, "calendars."+name, "name it in a service, or leave it out", "no service uses the calendar")
		}
	}
}

func unused[T any](fl *faults.List, dir string, tables map[string]T, used map[string]bool) {
	for name := range tables {
		if !used[name] {
			fl.Addf(dir+"/"+name, 0, 0, "", "name it in a service, or remove it", "no service uses it")
		}
	}
}
