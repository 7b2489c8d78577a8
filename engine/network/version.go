package network

import (
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
)

// version returns the network's content hash: the first half of SHA-256, in hex, of everything that can change a decision,
// written in one canonical order. So networks have the same version when they differ only in the order of files, rows,
// columns or list entries, in comments, in how a quantity is written, in whether a default is spelled out, or in what no
// service uses; and it does not depend on the lineage of rows. Stock is no part of a network.
//
// Every answer that is sent and kept has it: the half is enough to tell networks apart.
//
// Cards are hashed as they are written, so a card that spells a default out has another version than one that does not.
func (c *compiler) version() string {
	h := sha256.New()
	put := func(format string, args ...any) { fmt.Fprintf(h, format+"\n", args...) } // a hash takes every write
	put("network %q %q %+v", c.snap.Name, c.snap.Currency, c.snap.Policy)
	for i, name := range c.snap.Classes {
		put("class %q %d", name, c.flags[1<<i])
	}
	for _, b := range c.snap.Boxes {
		put("box %q %d %d %d %d %d", b.ID, b.Inside, b.Outside, b.Tare, b.MaxWeight, b.Cost)
	}
	services := slices.SortedFunc(slices.Values(c.services), func(a, b *service) int { return strings.Compare(a.ID, b.ID) })
	for _, s := range services {
		c.putService(h, s)
	}
	c.putWarehouses(h, services)
	var line []byte
	skus := &c.snap.SKUs
	for _, r := range c.skuOrder {
		line = fmt.Appendf(line[:0], "sku %q %d %d %d %d %v %d\n", skus.IDs[r], skus.Weight[r], skus.Sides[r], skus.Class[r], skus.Flags[r],
			skus.ShipsAlone[r], skus.Value[r])
		h.Write(line)
	}
	if p := c.src.Places; p != nil && p != geo.US() {
		for i := range p.Len() {
			r := geo.Row(i)
			put("place %q %q %q %q %v %v", p.Country(r), p.Postal(r), p.Region(r), p.TimeZone(r), p.Point(r), p.Approximate(r))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:sha256.Size/2])
}

func (c *compiler) putService(h io.Writer, s *service) {
	put := func(format string, args ...any) { fmt.Fprintf(h, format+"\n", args...) }
	o := &s.out
	put("service %q %q %q %d %q %d %v %v %d", s.ID, o.Name, s.Carrier, o.Kind, s.TransitScope, o.Classes, o.ResidentialOnly, o.CommercialOnly, o.DailyCapacity)
	put("%d %d %d %q %q", o.GramsPerTonneKm, o.PerShipment, o.DeliverBy, s.linehaul.made, s.delivery.made)
	if s.out.Zones == nil {
		put("%s", s.zones)
	} else {
		c.putZones(h, s.Zones)
	}
	for i, by := range o.ByArea {
		put("by area %q %q", o.Attrs.Describe(by.Mask), s.byArea[i].made)
	}
	if o.Attrs != nil {
		sorted(h, c.src.AreaLists[s.Areas], func(l *lanes.AreaList) int { return len(l.Rows) }, func(l *lanes.AreaList, i int) string {
			r := &l.Rows[i]
			return fmt.Sprintf("area %q %v %q", r.Country, r.Postal, slices.Compact(slices.Sorted(slices.Values(r.Attributes))))
		})
	}
	areas := slices.SortedFunc(slices.Values(o.Served), func(a, b geo.Area) int { return strings.Compare(a.Name, b.Name) })
	for i := range areas {
		put("served %v", areas[i]) // its cells are no one's business, but fmt prints them, and they are all it is
	}
	sorted(h, s.transit, func(t *lanes.TransitTable) int { return len(t.Rows) }, func(t *lanes.TransitTable, i int) string {
		r := &t.Rows[i]
		if !r.Pair {
			return fmt.Sprintf("transit zone %q %q %v", r.Zone, r.Scope, r.Days)
		}
		return fmt.Sprintf("transit %q %v %q %v %q %v", r.OriginCountry, r.Origin, r.Country, r.Destination, r.Scope, r.Days)
	})
	for _, card := range s.cards {
		canon(h, reflect.ValueOf(card).Elem())
		put("")
	}
}

func (c *compiler) putZones(h io.Writer, set string) {
	sorted(h, c.src.Charts[set], func(t *lanes.Chart) int { return len(t.Rows) }, func(t *lanes.Chart, i int) string {
		r := &t.Rows[i]
		return fmt.Sprintf("zone %q %v %q %v %q %q %q", r.OriginCountry, r.Origin, r.Country, r.Destination, r.Zone, r.Scope, r.Notes)
	})
	if f := c.fallback(set); f != nil {
		fmt.Fprintf(h, "distance %v %q %q\n", f.Miles, f.Zones, f.Regions) // fmt prints maps by key
	}
}

// sorted writes every row of some tables as a line, in the order of the lines and each once.
func sorted[T any](h io.Writer, tables []T, rows func(T) int, line func(T, int) string) {
	var lines []string
	for _, t := range tables {
		for i := range rows(t) {
			lines = append(lines, line(t, i))
		}
	}
	slices.Sort(lines)
	for _, l := range slices.Compact(lines) {
		fmt.Fprintln(h, l)
	}
}

func (c *compiler) putWarehouses(h io.Writer, services []*service) {
	order := make([]int32, 0, len(c.here))
	for r := range c.snap.Warehouses {
		if _, ok := c.here[c.snap.Warehouses[r].ID]; ok {
			order = append(order, int32(r))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(c.snap.Warehouses[a].Rank, c.snap.Warehouses[b].Rank) })
	made := map[*calendar.Calendar]string{}
	for _, w := range c.weeks {
		made[w.Calendar] = w.made
	}
	days := make([][]byte, len(c.snap.Profiles)) // each profile in short, for most warehouses share one
	for i := range days {
		p := &c.snap.Profiles[i]
		d := sha256.New()
		fmt.Fprintf(d, "%d %d %q\n", p.Dock.Cutoff, p.Dock.Processing, made[p.Dock.Work])
		for _, s := range services {
			if of := &p.Pickups[s.row]; of.Calendar != nil {
				fmt.Fprintf(d, "%q %d %q\n", s.ID, of.Times, made[of.Calendar])
			}
		}
		days[i] = d.Sum(nil)
	}
	for _, r := range order {
		w := &c.snap.Warehouses[r]
		fmt.Fprintf(h, "warehouse %q %q %q %q %q %v %q %d %d %d %d %d %d %v %x\n", w.ID, w.Name, w.Kind, w.Country, w.Postal, w.Point, w.TimeZone,
			w.PerOrder, w.PerLine, w.PerUnit, w.PerKilogram, w.DailyCapacity, w.Classes, w.Closed, days[w.Profile])
	}
}

// canon writes a value as text in which the same content is the same bytes: fields by name, maps by key, quantities as
// they print, left-out fields left out. Where it stood in which file is no content.
func canon(w io.Writer, v reflect.Value) {
	if t, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok && v.Kind() != reflect.Pointer {
		text, err := t.MarshalText()
		fmt.Fprintf(w, "%q%v", text, err)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			canon(w, v.Elem())
		}
	case reflect.Struct:
		fmt.Fprint(w, "{")
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Name == "File" || f.Name == "Line" || v.Field(i).IsZero() {
				continue
			}
			fmt.Fprintf(w, "%s:", f.Name)
			canon(w, v.Field(i))
			fmt.Fprint(w, ",")
		}
		fmt.Fprint(w, "}")
	case reflect.Slice, reflect.Array:
		fmt.Fprint(w, "[")
		for i := range v.Len() {
			canon(w, v.Index(i))
			fmt.Fprint(w, ",")
		}
		fmt.Fprint(w, "]")
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		fmt.Fprint(w, "{")
		for _, k := range keys {
			fmt.Fprintf(w, "%q:", k.String())
			canon(w, v.MapIndex(k))
			fmt.Fprint(w, ",")
		}
		fmt.Fprint(w, "}")
	default:
		fmt.Fprintf(w, "%#v", v.Interface())
	}
}
