package network

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/table"
	"github.com/allot-engine/allot/units"
)

// Columns of the tables at the top of a network directory.
var (
	warehouseColumns = []table.Column{
		{Name: "id", Required: true}, {Name: "name"}, {Name: "kind"}, {Name: "postal_code"}, {Name: "lat"}, {Name: "lng"}, {Name: "country"},
		{Name: "timezone"}, {Name: "cutoff"}, {Name: "processing_hours"}, {Name: "workdays"}, {Name: "holidays"}, {Name: "daily_capacity"},
		{Name: "cost_per_order"}, {Name: "cost_per_line"}, {Name: "cost_per_unit"}, {Name: "cost_per_kg"},
		{Name: "carriers"}, {Name: "classes"}, {Name: "closed"},
	}
	skuColumns = []table.Column{
		{Name: "sku", Required: true}, {Name: "weight", Required: true}, {Name: "length"}, {Name: "width"}, {Name: "height"},
		{Name: "class"}, {Name: "flags"}, {Name: "ships_alone"}, {Name: "value"},
	}
	stockColumns = []table.Column{
		{Name: "warehouse", Required: true}, {Name: "sku", Required: true}, {Name: "on_hand", Required: true}, {Name: "safety"},
		{Name: "available_from"},
	}
	pickupColumns = []table.Column{
		{Name: "warehouse", Required: true}, {Name: "carrier"}, {Name: "service"}, {Name: "calendar"}, {Name: "times"},
	}
)

// Ceilings of what a row may say. They keep sums of many amounts and quantities within an int64.
const (
	MaxCost        = 1_000_000 * units.Currency // of handling one order, line, unit or kilogram, and of splitting and lateness
	MaxProcessing  = 60 * 24 * 60               // minutes from the cut-off to ready: 60 days
	MaxUnitsOnHand = 1_000_000_000
	MaxName        = 100 // bytes of an id or a name
	maxDailyOrders = math.MaxInt32
	noHolidays     = "none" // in place of holiday lists, where the default is not wanted
	minutesPerHour = 60
)

// named checks an id that stands in lists and in the API: letters, digits and a little punctuation, no blanks.
func named(id string) error {
	if id == "" || len(id) > MaxName {
		return fmt.Errorf("%q is no id; write 1 to %d letters and digits", clip(id), MaxName)
	}
	for _, c := range id {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.:/+@", c) {
			return fmt.Errorf("%q is no id; write letters and digits without blanks, as %q", clip(id), tidied(id))
		}
	}
	return nil
}

// tidied returns an id like s that named accepts.
func tidied(s string) string {
	t := strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.:/+@", c) {
			return '-'
		}
		return c
	}, clip(s))
	return strings.Trim(t, "-")
}

// printable checks a SKU, which may be anything a merchant prints on a label.
func printable(id string) error {
	if id == "" || len(id) > MaxName {
		return fmt.Errorf("%q is no SKU; write 1 to %d bytes", clip(id), MaxName)
	}
	for _, c := range id {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return fmt.Errorf("%q is no SKU; write characters that can be printed", clip(id))
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

func (r *reader) warehouses() {
	readRows(r, WarehousesFile, false, warehouseColumns, &r.src.Warehouses, func(row *table.Row, sound func() bool) WarehouseRow {
		w := WarehouseRow{
			ID: row.Required("id"), Name: row.Text("name"), Kind: row.Text("kind"), Postal: row.Text("postal_code"),
			Country: row.Text("country"), TimeZone: row.Text("timezone"), Workdays: row.Weekdays("workdays", 0),
			PerOrder: row.Money("cost_per_order", 0), PerLine: row.Money("cost_per_line", 0), PerUnit: row.Money("cost_per_unit", 0),
			PerKilogram: row.Money("cost_per_kg", 0), Holidays: table.List(row, "holidays"), Carriers: table.List(row, "carriers"),
			Classes: table.List(row, "classes"), Closed: row.Bool("closed", false), Line: row.Line(),
			Capacity: int32(row.Int("daily_capacity", 0, 1, maxDailyOrders)),
		}
		if row.Has("cutoff") {
			c := row.Clock("cutoff", 0)
			w.Cutoff = &c
		}
		if row.Has("lat") != row.Has("lng") {
			row.Fault("lat", "give both, or a postal_code", "lat and lng stand one without the other")
			w.Point = &geo.Point{} // it was to have one
		} else if row.Has("lat") {
			w.Point = &geo.Point{Lat: row.Float("lat", 0, -90, 90), Lng: row.Float("lng", 0, -180, 180)}
		}
		w.Processing = hours(row)
		if row.Has("workdays") && w.Workdays == 0 && sound() {
			row.Fault("workdays", "write days as mon-fri, or closed: yes", "the warehouse never works")
		}
		w.bad = !sound()
		return w
	})
}

// hours returns processing_hours in minutes.
func hours(row *table.Row) int32 {
	const col = "processing_hours"
	if !row.Has(col) {
		return 0
	}
	// Money is the exact decimal with six places at hand; an hour is 60 minutes and a minute at least is whole.
	n, err := units.ParseMoney(row.Text(col))
	minutes := n * minutesPerHour
	switch {
	case err != nil || n < 0 || n > MaxProcessing/minutesPerHour*units.Currency:
		row.Fault(col, fmt.Sprintf("write hours as 4 or 1.5, at most %d", MaxProcessing/minutesPerHour), "%q are no hours", clip(row.Text(col)))
		return 0
	case minutes%units.Currency != 0:
		row.Fault(col, "write hours that are whole minutes, as 0.25", "%q hours end within a minute", clip(row.Text(col)))
		return 0
	}
	return int32(minutes / units.Currency)
}

func (r *reader) skus() {
	classes := interned{}
	readRows(r, SKUsFile, false, skuColumns, &r.src.SKUs, func(row *table.Row, sound func() bool) SKURow {
		// A clone, so that the text of the whole row need not stay in memory for its id.
		s := SKURow{
			ID: strings.Clone(row.Required("sku")), Weight: row.Weight("weight", 0), Class: classes.of(row.Text("class")),
			ShipsAlone: row.Bool("ships_alone", false), Value: row.Money("value", 0), Line: row.Line(),
			Sides: [3]units.Length{row.Length("length", 0), row.Length("width", 0), row.Length("height", 0)},
		}
		for _, flag := range table.List(row, "flags") {
			s.Flags = append(s.Flags, classes.of(flag))
		}
		s.bad = !sound()
		return s
	})
}

// interned keeps one copy of each of a few words that many rows repeat.
type interned map[string]string

func (m interned) of(s string) string {
	if kept, ok := m[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	m[s] = s
	return s
}

func (r *reader) stock() {
	names := make(interned, len(r.src.SKUs)+len(r.src.Warehouses))
	for i := range r.src.SKUs {
		names[r.src.SKUs[i].ID] = r.src.SKUs[i].ID
	}
	readRows(r, StockFile, true, stockColumns, &r.src.Stock, func(row *table.Row, sound func() bool) StockRow {
		s := StockRow{
			Warehouse: names.of(row.Required("warehouse")), SKU: names.of(row.Required("sku")), Line: row.Line(),
			OnHand: int32(row.Int("on_hand", 0, 0, MaxUnitsOnHand)), Safety: int32(row.Int("safety", 0, 0, MaxUnitsOnHand)),
			AvailableFrom: row.Date("available_from", 0),
		}
		row.Required("on_hand")
		s.bad = !sound()
		return s
	})
}

func (r *reader) pickups() {
	readRows(r, PickupsFile, true, pickupColumns, &r.src.Pickups, func(row *table.Row, sound func() bool) PickupRow {
		p := PickupRow{
			Warehouse: row.Required("warehouse"), Carrier: row.Text("carrier"), Service: row.Text("service"),
			Calendar: row.Text("calendar"), Line: row.Line(),
		}
		for _, text := range table.List(row, "times") {
			c, err := units.ParseClock(text)
			if err != nil {
				row.Fault("times", "", "%v", err)
				continue
			}
			p.Times = append(p.Times, c)
		}
		p.bad = !sound()
		return p
	})
}

// or joins a mend with another way to mend, unless it is a guess at what was meant.
func or(mend, other string) string {
	if strings.HasSuffix(mend, "?") {
		return mend
	}
	return mend + "; or " + other
}

// Meant returns what to write in place of an unknown name of a kind, as "warehouses": the nearest known one, or all of a few.
func Meant(got string, known []string, kind string) string {
	if m := faults.DidYouMean(got, known); m != "" {
		return m
	}
	switch {
	case len(known) == 0:
		return "the network has no " + kind
	case len(known) > 20:
		return "name one of the network's " + kind
	}
	return "the " + kind + " are " + strings.Join(known, ", ")
}
