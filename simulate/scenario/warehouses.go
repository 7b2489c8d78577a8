package scenario

import (
	"cmp"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// ofEpoch is embedded in operations that change the network from a moment on.
type ofEpoch struct{}

func (ofEpoch) always() bool { return false }

// A closing closes warehouses: nothing is shipped from them, and their stock stays where it is.
type closing []string

// UnmarshalText takes one name.
func (o *closing) UnmarshalText(b []byte) error { *o = closing{string(b)}; return nil }

func (o *closing) span() *Span  { return nil }
func (o *closing) phase() phase { return phaseClose }
func (o *closing) always() bool { return false }

func (o *closing) check(w *world, c *change) {
	for i, id := range w.warehouses(c, "", Names(*o)) {
		if w.shut[id] && !w.reopened(id) {
			w.fault(c, element(c, "", Names(*o), i), "leave it out", "the network has %q closed already", clip(id))
		}
		w.claim(c, element(c, "", Names(*o), i), "closed "+id, "%s is closed", id)
		w.closed[id] = append(w.closed[id], c)
	}
}

func (o *closing) apply(e *editor, _ *change) {
	for _, id := range *o {
		e.warehouse(id).Closed = true
	}
}

// A reopening opens warehouses that the network has closed.
type reopening []string

// UnmarshalText takes one name.
func (o *reopening) UnmarshalText(b []byte) error { *o = reopening{string(b)}; return nil }

func (o *reopening) span() *Span  { return nil }
func (o *reopening) phase() phase { return phaseSet }
func (o *reopening) always() bool { return false }

func (o *reopening) check(w *world, c *change) {
	for i, id := range w.warehouses(c, "", Names(*o)) {
		if !w.shut[id] {
			w.fault(c, element(c, "", Names(*o), i), "leave it out", "the network does not have %q closed", clip(id))
		}
		w.claim(c, element(c, "", Names(*o), i), "closed "+id, "%s is opened or closed", id)
	}
}

func (o *reopening) apply(e *editor, _ *change) {
	for _, id := range *o {
		e.warehouse(id).Closed = false
	}
}

// A site is what a row of warehouses.csv says beside its id, by the names of its columns.
type site struct {
	Name       *string         `yaml:"name"`
	Kind       *string         `yaml:"kind"`
	Postal     *string         `yaml:"postal_code"`
	Lat        *degree         `yaml:"lat"`
	Lng        *degree         `yaml:"lng"`
	Country    *string         `yaml:"country"`
	TimeZone   *string         `yaml:"timezone"`
	Cutoff     *units.Clock    `yaml:"cutoff"`
	Processing *Hours          `yaml:"processing_hours"`
	Workdays   *units.Weekdays `yaml:"workdays"`
	Holidays   Names           `yaml:"holidays"`
	Capacity   *Limit          `yaml:"daily_capacity"`
	PerOrder   *units.Money    `yaml:"cost_per_order"`
	PerLine    *units.Money    `yaml:"cost_per_line"`
	PerUnit    *units.Money    `yaml:"cost_per_unit"`
	PerKg      *units.Money    `yaml:"cost_per_kg"`
	Carriers   Names           `yaml:"carriers"`
	Classes    Names           `yaml:"classes"`
}

// check checks what can be told of a site before the network is compiled.
func (s *site) check(w *world, c *change) {
	if (s.Lat == nil) != (s.Lng == nil) {
		w.fault(c, c.at("lat"), "give both, or a postal_code", "lat and lng stand one without the other")
	}
	if s.Lat != nil && (s.Lat.Lat < -90 || s.Lat.Lat > 90) {
		w.fault(c, c.at("lat"), "write degrees north from -90 to 90", "%v is no latitude", s.Lat.Lat)
	}
	if s.Workdays != nil && *s.Workdays == 0 {
		w.fault(c, c.at("workdays"), "write days as mon-fri", "the warehouse never works")
	}
	w.carrierNames(c, "carriers", s.Carriers)
	w.holidayLists(c, "holidays", s.Holidays)
	for i, name := range s.Classes {
		if !slices.Contains(w.classes, name) {
			w.fault(c, element(c, "classes", s.Classes, i), network.Meant(name, w.classes, "classes"), "unknown class %q", clip(name))
		}
	}
}

// on writes what the site says over a row.
func (s *site) on(r *network.WarehouseRow) {
	if s.Postal != nil || s.Lat != nil {
		r.Postal, r.Point, r.TimeZone = "", nil, "" // those of the place it was copied from
	}
	put(&r.Name, s.Name)
	put(&r.Kind, s.Kind)
	put(&r.Postal, s.Postal)
	if s.Lat != nil && s.Lng != nil {
		r.Point = &geo.Point{Lat: s.Lat.Lat, Lng: s.Lng.Lat}
	}
	put(&r.Country, s.Country)
	put(&r.TimeZone, s.TimeZone)
	if s.Cutoff != nil {
		r.Cutoff = s.Cutoff
	}
	if s.Processing != nil {
		r.Processing = int32(*s.Processing)
	}
	put(&r.Workdays, s.Workdays)
	put(&r.PerOrder, s.PerOrder)
	put(&r.PerLine, s.PerLine)
	put(&r.PerUnit, s.PerUnit)
	put(&r.PerKilogram, s.PerKg)
	if s.Capacity != nil {
		r.Capacity = s.Capacity.N
	}
	for _, l := range []struct {
		into *[]string
		from Names
	}{{&r.Holidays, s.Holidays}, {&r.Carriers, s.Carriers}, {&r.Classes, s.Classes}} {
		if l.from != nil {
			*l.into = l.from
		}
	}
}

func put[T any](into, from *T) {
	if from != nil {
		*into = *from
	}
}

// An opening opens a warehouse that the network does not have.
type opening struct {
	ID    string        `yaml:"warehouse"`
	Stock *openingStock `yaml:"stock"`
	site  `yaml:",inline"`
	Span  `yaml:",inline"`
	ofEpoch
}

// An openingStock is what a new warehouse has on hand: one of the three.
type openingStock struct {
	CopyOf  string        `yaml:"copy_of"`  // as much as another warehouse has
	ShareOf string        `yaml:"share_of"` // a part of what another has, which it gives away
	Share   units.Percent `yaml:"share"`
	Rows    []openingRow  `yaml:"rows"`
}

// An openingRow is a row of stock.csv without its warehouse.
type openingRow struct {
	SKU           string     `yaml:"sku"`
	OnHand        int32      `yaml:"on_hand"`
	Safety        int32      `yaml:"safety"`
	AvailableFrom units.Date `yaml:"available_from"`
}

func (o *opening) phase() phase { return phaseOpen }

func (o *opening) check(w *world, c *change) {
	o.site.check(w, c)
	if o.Postal == nil && o.Lat == nil {
		w.fault(c, c.at("postal_code"), "write its postal code, or lat and lng", "nothing says where the warehouse is")
	}
	s := o.Stock
	if s == nil {
		return
	}
	ways := 0
	for _, given := range []bool{s.CopyOf != "", s.ShareOf != "", s.Rows != nil} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		w.fault(c, c.at("stock"), "write one of copy_of, share_of with share, and rows", "the stock is said in %d ways", ways)
	}
	w.baseWarehouse(c, "stock.copy_of", s.CopyOf)
	w.baseWarehouse(c, "stock.share_of", s.ShareOf)
	if (s.ShareOf != "") != (s.Share != 0) || s.Share < 0 || s.Share > units.WholePercent {
		w.fault(c, c.at("stock.share"), "write share_of: WAREHOUSE and share: 50%", "%v is no share to take", s.Share)
	}
	type cell struct {
		sku string
		day units.Date
	}
	seen := map[cell]bool{}
	for i, row := range s.Rows {
		at := element(c, "stock.rows", make(Names, 2), i)
		switch {
		case !w.sku(row.SKU):
			w.fault(c, at+".sku", w.meantSKU(row.SKU), "unknown SKU %q", clip(row.SKU))
		case row.OnHand < 0 || row.OnHand > network.MaxUnitsOnHand || row.Safety < 0 || row.Safety > network.MaxUnitsOnHand:
			w.fault(c, at+".on_hand", "write a number from 0", "%d on hand and %d to keep are out of range", row.OnHand, row.Safety)
		case seen[cell{row.SKU, row.AvailableFrom}]:
			w.fault(c, at+".sku", "leave one of the two out", "%q stands twice", clip(row.SKU))
		}
		seen[cell{row.SKU, row.AvailableFrom}] = true
	}
}

func (o *opening) apply(e *editor, _ *change) {
	r := network.WarehouseRow{ID: o.ID}
	o.on(&r)
	e.add(r)
}

// A copying opens a warehouse that is like another as the network has it, but for its place and what else is said.
type copying struct {
	Warehouse string       `yaml:"warehouse"`
	As        string       `yaml:"as"`
	Stock     *stockSource `yaml:"stock"`
	site      `yaml:",inline"`
	Span      `yaml:",inline"`
	ofEpoch
}

func (o *copying) phase() phase { return phaseCopy }

func (o *copying) check(w *world, c *change) {
	o.site.check(w, c)
	if o.Warehouse == "" {
		w.fault(c, c.at("warehouse"), "name the warehouse that it is to be like", "the warehouse is missing")
	}
	w.baseWarehouse(c, "warehouse", o.Warehouse)
	if o.Stock == nil {
		w.fault(c, c.at("stock"), `write copy, none, or "share 50%" of what the other has`, "nothing says what stock it has")
	}
}

func (o *copying) apply(e *editor, _ *change) {
	r := *e.warehouse(o.Warehouse)
	r.ID, r.Name, r.Line, r.Closed = o.As, "", 0, false
	o.on(&r)
	e.add(r)
	for _, p := range slices.Clone(e.src.Pickups) {
		if p.Warehouse == o.Warehouse {
			p.Warehouse, p.Line = o.As, 0
			e.src.Pickups = append(e.src.Pickups, p)
		}
	}
}

// A cutoff sets the local time by which an order must be in, or moves it.
type cutoff struct {
	Warehouse Names        `yaml:"warehouse"`
	At        *units.Clock `yaml:"at"`
	By        *Minutes     `yaml:"by"`
	Span      `yaml:",inline"`
	ofEpoch
}

func (o *cutoff) phase() phase { return phaseSet }

func (o *cutoff) check(w *world, c *change) {
	w.oneOf(c, "at or by", o.At != nil, o.By != nil)
	for i, id := range w.warehouses(c, "warehouse", o.Warehouse) {
		at := element(c, "warehouse", o.Warehouse, i)
		w.alters(c, at, id, "cutoff")
		row, ok := w.rows[id]
		if o.By == nil || !ok {
			continue
		}
		if to := cutoffOf(w.b.Source, &row) + units.Clock(*o.By)*units.Minute; to < 0 || to > units.EndOfDay {
			w.fault(c, c.at("by"), "keep it within the day", "the cut-off of %s would leave its day", clip(id))
		}
	}
}

func cutoffOf(src *network.Source, row *network.WarehouseRow) units.Clock {
	if at := cmp.Or(row.Cutoff, src.Settings.Defaults.Cutoff); at != nil {
		return *at
	}
	return 0
}

func (o *cutoff) apply(e *editor, _ *change) {
	for _, id := range o.Warehouse {
		r := e.warehouse(id)
		if o.At != nil {
			r.Cutoff = o.At
			continue
		}
		at := cutoffOf(e.src, r) + units.Clock(*o.By)*units.Minute
		r.Cutoff = &at
	}
}

// A process sets the time from the cut-off until parcels can be collected.
type process struct {
	Warehouse Names  `yaml:"warehouse"`
	Hours     *Hours `yaml:"hours"`
	Span      `yaml:",inline"`
	ofEpoch
}

func (o *process) phase() phase { return phaseSet }

func (o *process) check(w *world, c *change) {
	w.oneOf(c, "hours", o.Hours != nil)
	for i, id := range w.warehouses(c, "warehouse", o.Warehouse) {
		w.alters(c, element(c, "warehouse", o.Warehouse, i), id, "processing")
	}
}

func (o *process) apply(e *editor, _ *change) {
	for _, id := range o.Warehouse {
		e.warehouse(id).Processing = int32(*o.Hours)
	}
}

// A capacity sets or scales the shipments a day of warehouses, or of services at each warehouse.
type capacity struct {
	Warehouse Names  `yaml:"warehouse"`
	Service   Names  `yaml:"service"`
	Set       *Limit `yaml:"set"`
	Scale     *Scale `yaml:"scale"`
	Span      `yaml:",inline"`
	ofEpoch
}

// idle tells that nothing is changed.
func (o *capacity) idle() bool { return o.Scale != nil && *o.Scale == unchanged }

func (o *capacity) phase() phase {
	if o.Scale != nil {
		return phaseScale
	}
	return phaseSet
}

func (o *capacity) check(w *world, c *change) {
	w.oneOf(c, "set or scale", o.Set != nil, o.Scale != nil)
	if (o.Warehouse == nil) == (o.Service == nil) {
		w.fault(c, c.path, "write warehouse: or service:", "a capacity is that of a warehouse or that of a service")
		return
	}
	unlimited := func(at string, n int32, id string) {
		if o.Scale != nil && n == 0 {
			w.fault(c, at, "write set: with a number", "%s has no limit that can be scaled", clip(id))
		}
	}
	if o.Warehouse != nil {
		for i, id := range w.warehouses(c, "warehouse", o.Warehouse) {
			at := element(c, "warehouse", o.Warehouse, i)
			if row, ok := w.rows[id]; ok {
				unlimited(at, row.Capacity, id)
			}
			w.alters(c, at, id, "capacity")
		}
		return
	}
	for i, id := range w.serviceNames(c, "service", o.Service) {
		at := element(c, "service", o.Service, i)
		if s, ok := w.services[id]; ok {
			unlimited(at, s.DailyCapacity, id)
		}
		w.altersService(c, at, id, "capacity")
	}
}

func (o *capacity) apply(e *editor, _ *change) {
	to := func(n int32) int32 {
		if o.Set != nil {
			return o.Set.N
		}
		return int32(min(max(o.Scale.count(int64(n)), 1), maxDaily)) // 0 would be no limit
	}
	for _, id := range o.Warehouse {
		r := e.warehouse(id)
		r.Capacity = to(r.Capacity)
	}
	for _, id := range o.Service {
		if s := e.service(id); s != nil {
			s.DailyCapacity = to(s.DailyCapacity)
		}
	}
}

const maxDaily = 1<<31 - 1

// A workdays sets the days of the week on which warehouses work.
type workdays struct {
	Warehouse Names           `yaml:"warehouse"`
	Set       *units.Weekdays `yaml:"set"`
	Span      `yaml:",inline"`
	ofEpoch
}

func (o *workdays) phase() phase { return phaseSet }

func (o *workdays) check(w *world, c *change) {
	w.oneOf(c, "set", o.Set != nil)
	if o.Set != nil && *o.Set == 0 {
		w.fault(c, c.at("set"), "write days as mon-sat, or close the warehouse", "the warehouse never works")
	}
	for i, id := range w.warehouses(c, "warehouse", o.Warehouse) {
		w.alters(c, element(c, "warehouse", o.Warehouse, i), id, "workdays")
	}
}

func (o *workdays) apply(e *editor, _ *change) {
	for _, id := range o.Warehouse {
		e.warehouse(id).Workdays = *o.Set
	}
}

// A holidays sets the lists of calendars/*.csv on whose days warehouses rest.
type holidays struct {
	Warehouse Names `yaml:"warehouse"`
	Set       Names `yaml:"set"`
	Span      `yaml:",inline"`
	ofEpoch
}

func (o *holidays) phase() phase { return phaseSet }

func (o *holidays) check(w *world, c *change) {
	w.oneOf(c, "set", len(o.Set) > 0)
	w.holidayLists(c, "set", o.Set)
	for i, id := range w.warehouses(c, "warehouse", o.Warehouse) {
		w.alters(c, element(c, "warehouse", o.Warehouse, i), id, "holidays")
	}
}

func (o *holidays) apply(e *editor, _ *change) {
	for _, id := range o.Warehouse {
		e.warehouse(id).Holidays = o.Set
	}
}

// A handover changes which carriers collect at warehouses.
type handover struct {
	Warehouse Names `yaml:"warehouse"`
	Add       Names `yaml:"add"`
	Drop      Names `yaml:"drop"`
	Span      `yaml:",inline"`
	ofEpoch
}

func (o *handover) phase() phase { return phaseSet }

func (o *handover) check(w *world, c *change) {
	if len(o.Add) == 0 && len(o.Drop) == 0 {
		w.fault(c, c.path, "write add: or drop: with carriers", "it changes nothing")
	}
	w.carrierNames(c, "add", o.Add)
	w.carrierNames(c, "drop", o.Drop)
	for i, id := range w.warehouses(c, "warehouse", o.Warehouse) {
		at := element(c, "warehouse", o.Warehouse, i)
		w.alters(c, at, id, "")
		row, known := w.rows[id]
		for _, l := range []struct {
			field string
			names Names
			has   bool
		}{{"add", o.Add, true}, {"drop", o.Drop, false}} {
			for j, name := range l.names {
				w.claim(c, element(c, l.field, l.names, j), "carrier "+name+" at "+id, "whether %s collects at %s is set", name, id)
				if known && w.carriers[name] && w.collects(&row, name) == l.has {
					word := "does not collect"
					if l.has {
						word = "collects"
					}
					w.fault(c, element(c, l.field, l.names, j), "leave it out", "%s %s at %s as it is", clip(name), word, clip(id))
				}
			}
		}
	}
}

func (o *handover) apply(e *editor, _ *change) {
	for _, id := range o.Warehouse {
		r := e.warehouse(id)
		list := slices.Clone(r.Carriers)
		if len(list) == 0 {
			list = e.shipping()
		}
		list = slices.DeleteFunc(list, func(name string) bool { return slices.Contains(o.Drop, name) })
		for _, name := range o.Add {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
		if len(list) == 0 {
			e.fault("close the warehouse instead", "no carrier is left at %s", clip(id))
			continue
		}
		slices.Sort(list)
		r.Carriers = list
	}
}

// A costs changes what handling costs at warehouses.
type costs struct {
	Warehouse Names   `yaml:"warehouse"`
	PerOrder  *Amount `yaml:"per_order"`
	PerLine   *Amount `yaml:"per_line"`
	PerUnit   *Amount `yaml:"per_unit"`
	PerKg     *Amount `yaml:"per_kg"`
	Span      `yaml:",inline"`
	ofEpoch
}

// idle tells that nothing is changed.
func (o *costs) idle() bool {
	for _, f := range o.fields(&network.WarehouseRow{}) {
		if f.to != nil && (!f.to.Of || f.to.Scale != unchanged) {
			return false
		}
	}
	return true
}

// phase is the same for amounts and changes: no two may be of one value.
func (o *costs) phase() phase { return phaseSet }

func (o *costs) fields(r *network.WarehouseRow) []costField {
	return []costField{
		{"per_order", o.PerOrder, &r.PerOrder}, {"per_line", o.PerLine, &r.PerLine}, {"per_unit", o.PerUnit, &r.PerUnit},
		{"per_kg", o.PerKg, &r.PerKilogram},
	}
}

type costField struct {
	name string
	to   *Amount
	of   *units.Money
}

func (o *costs) check(w *world, c *change) {
	says := false
	for _, f := range o.fields(&network.WarehouseRow{}) {
		says = says || f.to != nil
		if f.to != nil && !f.to.Of && (f.to.Set < 0 || f.to.Set > network.MaxCost) {
			w.fault(c, c.at(f.name), "write an amount from 0 to "+network.MaxCost.String(), "%v is out of range", f.to.Set)
		}
	}
	if !says {
		w.fault(c, c.path, "write per_order, per_line, per_unit or per_kg", "it changes nothing")
	}
	for i, id := range w.warehouses(c, "warehouse", o.Warehouse) {
		for _, f := range o.fields(&network.WarehouseRow{}) {
			if f.to != nil {
				w.alters(c, element(c, "warehouse", o.Warehouse, i), id, "cost "+strings.TrimPrefix(f.name, "per_"))
			}
		}
	}
}

func (o *costs) apply(e *editor, _ *change) {
	for _, id := range o.Warehouse {
		for _, f := range o.fields(e.warehouse(id)) {
			if f.to != nil {
				*f.of = f.to.from(*f.of)
			}
		}
	}
}
