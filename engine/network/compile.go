package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/ratecards/lanes"
	"github.com/allot-engine/allot/units"
)

// Ceilings and defaults of a policy.
const (
	MaxShipments      = 16
	MaxLines          = 1_000
	MaxUnits          = 1_000_000
	MaxPromiseHorizon = 365 // days
	maxHoldMinutes    = 60 * 24 * 7

	defaultHoldMinutes    = 15
	defaultLines          = 100
	defaultUnits          = 100_000
	defaultPromiseHorizon = 60
	defaultOnTime         = units.Certain / 100 * 95
	defaultDeliverBy      = 20 * units.Hour
	defaultCountry        = "US"
	plain                 = "plain"
)

// Rows are the ids that have had rows in a lineage of snapshots, by row. A snapshot compiled with the Rows of another
// keeps them: what both have stays where it is, what is new comes after, and what is gone stays as a closed row.
type Rows struct{ Warehouses, SKUs, Services []string }

// Rows returns the ids by row, to compile the next snapshot of the lineage with.
func (s *Snapshot) Rows() *Rows {
	rows := &Rows{SKUs: s.SKUs.IDs}
	for i := range s.Warehouses {
		rows.Warehouses = append(rows.Warehouses, s.Warehouses[i].ID)
	}
	for i := range s.Services {
		rows.Services = append(rows.Services, s.Services[i].ID)
	}
	return rows
}

// Compile validates a network whole and compiles it. prev is nil, or the Rows of the snapshot that this one is to
// replace. The error is a *faults.Error with everything that is wrong; a Source that Read returned with an error is
// refused. src is only read, and the snapshot keeps what it needs of it.
func Compile(src *Source, prev *Rows) (*Snapshot, error) {
	var fl faults.List
	if src.faulty {
		fl.Addf("", 0, 0, "", "mend what Read told of first", "the network was read with faults")
		return nil, fl.Err()
	}
	snap := compile(src, prev, &fl)
	if err := fl.Err(); err != nil {
		return nil, err
	}
	return snap, nil
}

// A compiler is one run of compile.
type compiler struct {
	src  *Source
	prev *Rows
	fl   *faults.List
	snap *Snapshot
	told map[string]int // faults by file
	help int            // names that were looked through for suggestions

	week      *week            // of which no day is closed
	weeks     map[string]*week // by what they were made of
	calendars map[string]*week // by name
	holidays  map[string][]units.Date
	timeZones map[string]*calendar.Zone
	zoneSets  map[string]*lanes.ZoneSet
	areaLists map[string]*lanes.Areas
	transits  map[transitKey]*lanes.Transit
	tariffs   map[string]*ratecards.Tariff // by the service their cards name, zones and areas
	classes   map[string]uint32
	flags     map[uint32]ratecards.ParcelFlags // of a class's bit
	carriers  map[string]int32
	services  []*service // by position in the settings; nil where it cannot be used
	byCarrier map[string][]*service
	here      map[string]*WarehouseRow // the rows of this network, by id
	misnamed  bool                     // a warehouse names a carrier that is not known
	work      []*week                  // by warehouse row: its work days
	skuOrder  []int32                  // rows of this network's SKUs, by id
	profiles  map[string]int32
}

// A week is a calendar and what it was made of.
type week struct {
	*calendar.Calendar
	made string
	id   int // its own in one compile
}

func compile(src *Source, prev *Rows, fl *faults.List) *Snapshot {
	if src.broken[SettingsFile] {
		return nil // nothing else can be judged, and the reader has told
	}
	if prev == nil {
		prev = &Rows{}
	}
	c := &compiler{
		src: src, prev: prev, fl: fl, told: map[string]int{}, snap: &Snapshot{Places: src.Places},
		weeks: map[string]*week{}, calendars: map[string]*week{}, holidays: map[string][]units.Date{},
		timeZones: map[string]*calendar.Zone{}, zoneSets: map[string]*lanes.ZoneSet{}, areaLists: map[string]*lanes.Areas{},
		transits: map[transitKey]*lanes.Transit{}, tariffs: map[string]*ratecards.Tariff{}, here: map[string]*WarehouseRow{}, classes: map[string]uint32{}, flags: map[uint32]ratecards.ParcelFlags{},
		carriers: map[string]int32{}, byCarrier: map[string][]*service{}, profiles: map[string]int32{},
	}
	for _, f := range fl.Faults() {
		c.told[f.File]++
	}
	if c.snap.Places == nil {
		c.snap.Places = geo.US()
	}
	c.head()
	c.policy()
	c.readHolidays()
	c.readCalendars()
	c.readClasses()
	c.readBoxes()
	c.readZoneSets()
	c.readAreaLists()
	c.readCarriers()
	c.readServices()
	c.readWarehouses()
	c.readProfiles()
	c.joinServices()
	c.readSKUs()
	c.checkStock()
	if fl.Len() > 0 {
		return nil
	}
	c.snap.Version = c.version()
	return c.snap
}

// maxFaults bounds the faults listed of one file once it can be read: the thousandth says no more than the first.
const maxFaults = 1_000

// fault adds a fault of a file and keeps count.
func (c *compiler) fault(file string, row, column int, field, mend, format string, args ...any) {
	c.told[file]++
	switch n := c.told[file]; {
	case n <= maxFaults:
		c.fl.Addf(file, row, column, field, mend, format, args...)
	case n == maxFaults+1:
		c.fl.Addf(file, 0, 0, "", "mend those first", "more than %d faults; the others are not listed", maxFaults)
	}
}

// set adds a fault of a value in network.yaml.
func (c *compiler) set(path, mend, format string, args ...any) {
	line, column := 0, 0
	if c.src.doc != nil {
		line, column = c.src.doc.Place(path)
	}
	c.fault(SettingsFile, line, column, path, mend, format, args...)
}

// row adds a fault of a row of a table.
func (c *compiler) row(file string, line int, col, mend, format string, args ...any) {
	c.fault(file, line, c.src.columns[file][col], col, mend, format, args...)
}

// judges tells whether what refers to the rows of a table can be judged: the table was read whole and is not empty,
// either of which was told.
func (c *compiler) judges(file string, rows int) bool { return !c.src.broken[file] && rows > 0 }

// given tells whether network.yaml has a value at a path, even one that could not be read, which was told then.
func (c *compiler) given(path string) bool { return c.src.doc != nil && c.src.doc.Has(path) }

// meant is meant, as long as looking through the known names stays cheap.
func (c *compiler) meant(got string, known []string, kind string) string {
	const most = 2_000_000
	if c.help += len(known); c.help > most {
		return "name one of the network's " + kind
	}
	return Meant(got, known, kind)
}

func (c *compiler) head() {
	s := &c.src.Settings
	if s.Name == "" && !c.given("name") || len(s.Name) > MaxName {
		c.set("name", "give the network a name of at most 100 bytes", "%q is no name", clip(s.Name))
	}
	c.snap.Name, c.snap.Currency, c.snap.Minor = s.Name, "USD", units.Cent // so that what follows can be judged
	minor, ok := MinorUnit(s.Currency)
	if !ok && (s.Currency != "" || !c.given("currency")) {
		mend := "write an ISO 4217 code, as USD"
		if m := faults.DidYouMean(s.Currency, currencies()); m != "" && s.Currency != "" {
			mend = m
		}
		c.set("currency", mend, "%q is no currency", clip(s.Currency))
	}
	if ok {
		c.snap.Currency, c.snap.Minor = s.Currency, minor
	}
}

// number is what may be bounded.
type number interface{ ~int32 | ~int64 }

// within checks a number of network.yaml and returns it, or def where it was left out.
func within[T number](c *compiler, path string, n, def, lo, hi T) T {
	if n == 0 && !c.given(path) {
		return def
	}
	if n < lo || n > hi {
		c.set(path, fmt.Sprintf("write a number from %v to %v", lo, hi), "%v is out of range", n)
		return def
	}
	return n
}

// one checks a word of network.yaml and returns its position in words; -1 where it was left out or is at fault.
func (c *compiler) one(path, word string, words ...string) int {
	i := slices.Index(words, word)
	if i < 0 && word != "" {
		mend := faults.DidYouMean(word, words)
		if mend == "" {
			mend = "write " + strings.Join(words, " or ")
		}
		c.set(path, mend, "%q is not among the words for it", clip(word))
	}
	return i
}

func (c *compiler) policy() {
	p := &c.src.Settings.Policy
	c.snap.Policy = Policy{
		SplitCost:      within(c, "policy.split_cost", p.SplitCost, 0, 0, MaxCost),
		MaxShipments:   within(c, "policy.max_shipments", p.MaxShipments, 1, 1, MaxShipments),
		SplitLines:     p.SplitLines,
		OnTime:         within(c, "policy.on_time", p.OnTime, defaultOnTime, 1, units.Certain),
		Late:           LateRule(max(0, c.one("policy.late", p.Late, "refuse", "allow"))),
		LateCost:       within(c, "policy.late_cost", p.LateCost, 0, 0, MaxCost),
		Partial:        PartialRule(max(0, c.one("policy.partial", p.Partial, "refuse", "fill"))),
		CarbonPrice:    within(c, "policy.carbon_price", p.CarbonPrice, 0, 0, MaxCost),
		HoldSeconds:    60 * within(c, "policy.hold_minutes", p.HoldMinutes, defaultHoldMinutes, 1, maxHoldMinutes),
		MaxLines:       within(c, "policy.max_lines", p.MaxLines, defaultLines, 1, MaxLines),
		MaxUnits:       within(c, "policy.max_units", p.MaxUnits, defaultUnits, 1, MaxUnits),
		PromiseHorizon: within(c, "policy.promise_horizon_days", p.PromiseHorizon, defaultPromiseHorizon, 1, MaxPromiseHorizon),
		GuessZones:     p.GuessZones,
		PackingFill:    within(c, "policy.packing_fill", p.PackingFill, units.WholePercent, 1, units.WholePercent),
	}
	if (p.Late == "" || p.Late == "refuse") && p.LateCost != 0 {
		c.set("policy.late_cost", "write late: allow beside it, or leave it out", "a late day has a cost, but nothing may be late")
	}
	only1 := p.MaxShipments == 1 || p.MaxShipments == 0 && !c.given("policy.max_shipments")
	if only1 && (p.SplitLines || p.SplitCost != 0) {
		c.set("policy.max_shipments", "write max_shipments: 2 or more, or leave split_cost and split_lines out",
			"an order may be split, but into one shipment only")
	}
}

func (c *compiler) readHolidays() {
	for _, h := range c.src.Holidays {
		c.holidays[h.Calendar] = append(c.holidays[h.Calendar], h.Date)
	}
	c.week = c.weekOf(units.EveryDay, nil, nil, nil)
}

// weekOf returns the calendar of a week without the days of some holiday lists and some more. unknown is called
// for each list there is not.
func (c *compiler) weekOf(days units.Weekdays, lists []string, closed []units.Date, unknown func(i int, name string)) *week {
	for i, name := range lists {
		if _, ok := c.holidays[name]; !ok && !c.src.broken[CalendarsDir] {
			unknown(i, name)
		}
	}
	asked := fmt.Sprintf("%v %q %v", days, lists, closed)
	if w := c.weeks[asked]; w != nil {
		return w
	}
	shut := slices.Clone(closed)
	for _, name := range lists {
		shut = append(shut, c.holidays[name]...)
	}
	// A day off that the week does not work anyway, or that is long past, says nothing.
	shut = slices.DeleteFunc(shut, func(d units.Date) bool {
		return !days.Has(d.Weekday()) || d < calendar.FirstDate || d > calendar.LastDate
	})
	slices.Sort(shut)
	made := fmt.Sprintf("%v %v", days, slices.Compact(shut))
	w := c.weeks[made]
	if w == nil {
		w = &week{calendar.New(days, shut), made, len(c.weeks)}
		c.weeks[made] = w
	}
	c.weeks[asked] = w
	return w
}

func (c *compiler) readCalendars() {
	known := slices.Sorted(maps.Keys(c.holidays))
	for _, name := range slices.Sorted(maps.Keys(c.src.Settings.Calendars)) {
		s := c.src.Settings.Calendars[name]
		path := "calendars." + name
		if err := named(name); err != nil {
			c.set(path, "", "%v", err)
		}
		if s.Week == 0 {
			if !c.given(path + ".week") {
				c.set(path+".week", "write its days, as mon-fri, or daily", "the calendar has no week")
			} else {
				c.set(path+".week", "write days as mon-fri, or leave the calendar out", "the calendar has no open day")
			}
			s.Week = units.EveryDay
		}
		for i, d := range s.Closed {
			if d != 0 && (d < calendar.FirstDate || d > calendar.LastDate) {
				c.set(fmt.Sprintf("%s.closed[%d]", path, i), fmt.Sprintf("write a day from %v to %v", calendar.FirstDate, calendar.LastDate), "%v is out of range", d)
			}
		}
		c.calendars[name] = c.weekOf(s.Week, s.Holidays, s.Closed, func(i int, list string) {
			c.set(fmt.Sprintf("%s.holidays[%d]", path, i), c.meant(list, known, "holiday lists"), "unknown holiday list %q", clip(list))
		})
	}
}

// calendar returns the calendar of a name, or def where the name was left out or is unknown, which is a fault.
func (c *compiler) calendar(name string, def *week, fault func(mend, format string, args ...any)) *week {
	if name == "" {
		return def
	}
	w, ok := c.calendars[name]
	if !ok {
		fault(c.meant(name, slices.Sorted(maps.Keys(c.calendars)), "calendars"), "unknown calendar %q", clip(name))
		return def
	}
	return w
}

func (c *compiler) readClasses() {
	names := slices.Sorted(maps.Keys(c.src.Settings.Classes))
	names = slices.Insert(slices.DeleteFunc(names, func(n string) bool { return n == plain }), 0, plain)
	if len(names) > MaxClasses {
		c.set("classes", fmt.Sprintf("use at most %d, plain among them", MaxClasses), "there are %d classes", len(names))
		names = names[:MaxClasses]
	}
	c.snap.Classes = names
	for i, name := range names {
		if err := named(name); err != nil {
			c.set("classes."+name, "", "%v", err)
		}
		bit := uint32(1) << i
		c.classes[name] = bit
		for j, flag := range c.src.Settings.Classes[name].Flags {
			c.flags[bit] |= c.flag(flag, func(mend, format string, args ...any) {
				c.set(fmt.Sprintf("classes.%s.flags[%d]", name, j), mend, format, args...)
			})
		}
	}
}

// flag returns a parcel flag of a name, 0 with a fault for an unknown one.
func (c *compiler) flag(name string, fault func(mend, format string, args ...any)) ratecards.ParcelFlags {
	f, ok := ratecards.ParseFlag(name)
	if !ok {
		fault(c.meant(name, ratecards.FlagNames(), "parcel flags"), "unknown parcel flag %q", clip(name))
		return 0
	}
	return f
}

// classMask returns the bits of some classes, of all for none.
func (c *compiler) classMask(names []string, fault func(i int, mend, format string, args ...any)) uint32 {
	if len(names) == 0 {
		return uint32(1)<<len(c.snap.Classes) - 1
	}
	var mask uint32
	for i, name := range names {
		bit, ok := c.classes[name]
		if !ok {
			fault(i, c.meant(name, c.snap.Classes, "classes"), "unknown class %q", clip(name))
		}
		mask |= bit
	}
	return mask
}

func (c *compiler) readBoxes() {
	boxes := c.src.Settings.Boxes
	if len(boxes) > MaxBoxes {
		c.set("boxes", fmt.Sprintf("use at most %d", MaxBoxes), "there are %d boxes", len(boxes))
	}
	seen := map[string]int{}
	for i, s := range boxes {
		path := fmt.Sprintf("boxes[%d]", i)
		c.id(path, s.ID, seen, i)
		b := Box{ID: s.ID, Inside: units.LongestFirst(s.Inside), Tare: s.Tare, MaxWeight: s.MaxWeight, Cost: within(c, path+".cost", s.Cost, 0, 0, MaxCost)}
		b.Outside = b.Inside
		if s.Outside != nil {
			b.Outside = units.LongestFirst(*s.Outside)
		}
		if b.Inside[2] <= 0 {
			if b.Inside != [3]units.Length{} || !c.given(path+".inside") {
				c.set(path+".inside", `write three sides, as "12x9x4 in"`, "a side inside is nothing")
			}
		} else {
			for k := range b.Inside {
				if b.Outside[k] < b.Inside[k] {
					c.set(path+".outside", "exchange the two, or leave outside out", "the box is larger inside than outside: %v by %v by %v", b.Inside[0], b.Inside[1], b.Inside[2])
					break
				}
			}
		}
		c.snap.Boxes = append(c.snap.Boxes, b)
	}
	slices.SortFunc(c.snap.Boxes, func(a, b Box) int {
		if d := ratecards.VolumeOf(a.Inside).Cmp(ratecards.VolumeOf(b.Inside)); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// id checks the id of the i-th of a list in network.yaml. seen holds positions by id.
func (c *compiler) id(path, id string, seen map[string]int, i int) (ok bool) {
	if err := named(id); err != nil {
		if id != "" || !c.given(path+".id") {
			c.set(path+".id", "", "%v", err)
		}
		return false
	}
	if first, doubled := seen[id]; doubled {
		list, _, _ := strings.Cut(path, "[")
		c.set(path+".id", "give each an id of its own", "%q is the id of %s[%d] too", id, list, first)
		return false
	}
	seen[id] = i
	return true
}

func (c *compiler) readCarriers() {
	list := c.src.Settings.Carriers
	if len(list) == 0 && !c.given("carriers") {
		c.set("carriers", "name at least one", "the network has no carriers")
	}
	seen := map[string]int{}
	for i, s := range list {
		c.id(fmt.Sprintf("carriers[%d]", i), s.ID, seen, i)
	}
	for i, id := range slices.Sorted(maps.Keys(seen)) {
		c.carriers[id] = int32(i)
		c.snap.Carriers = append(c.snap.Carriers, id)
	}
}

// lineage returns ids in the order of their rows: those of prev first, then the new ones in ascending order.
func lineage(prev, ids []string) (rows []string, at map[string]int32) {
	at = make(map[string]int32, len(prev)+len(ids))
	for _, id := range prev {
		at[id] = int32(len(at))
	}
	rows = slices.Clone(prev)
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if _, known := at[id]; !known {
			at[id] = int32(len(rows))
			rows = append(rows, id)
		}
	}
	return rows, at
}

// ranks returns the position of each id among all in ascending order.
func ranks(ids []string) []int32 {
	order := make([]int32, len(ids))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(ids[a], ids[b]) })
	rank := make([]int32, len(ids))
	for r, i := range order {
		rank[i] = int32(r)
	}
	return rank
}
