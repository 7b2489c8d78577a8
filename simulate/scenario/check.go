package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A world is what the changes of one variant are checked against: the base, what the changes add to it, and each other.
type world struct {
	b       *Base
	file    string
	fl      faults.List
	bad     map[*change]bool // has a fault
	unclear bool             // something new has no name that can be told

	rows     map[string]network.WarehouseRow // of the base
	opened   map[string]*change              // warehouses that the changes open
	shut     map[string]bool                 // closed in the base
	reopen   map[string]bool
	services map[string]*network.ServiceSource // of the base, and added
	added    map[string]*change
	carriers map[string]bool // of the base, and added
	classes  []string
	lists    []string

	claims  map[string][]claim
	told    map[[2]*change]bool
	closed  map[string][]*change
	dropped map[string][]*change
	about   []use
}

// A claim is that a change decides over something for a time.
type claim struct {
	c           *change
	begin, end  units.Instant
	description string
}

// A use is that a change is about a warehouse or a service by name.
type use struct {
	c         *change
	at        string
	warehouse string
	service   string
}

// newWorld gathers what there is.
func newWorld(b *Base, file string, changes []*change) *world {
	w := &world{
		b: b, file: file, bad: map[*change]bool{}, rows: map[string]network.WarehouseRow{}, opened: map[string]*change{}, shut: map[string]bool{},
		reopen: map[string]bool{}, services: map[string]*network.ServiceSource{}, added: map[string]*change{}, carriers: map[string]bool{},
		claims: map[string][]claim{}, told: map[[2]*change]bool{}, closed: map[string][]*change{}, dropped: map[string][]*change{},
	}
	for _, row := range b.Source.Warehouses {
		w.rows[row.ID] = row
		w.shut[row.ID] = row.Closed
	}
	set := &b.Source.Settings
	for i := range set.Services {
		w.services[set.Services[i].ID] = &set.Services[i]
	}
	for _, k := range set.Carriers {
		w.carriers[k.ID] = true
	}
	w.classes = append(slices.Sorted(maps.Keys(set.Classes)), "plain")
	for _, h := range b.Source.Holidays {
		w.lists = append(w.lists, h.Calendar)
	}
	slices.Sort(w.lists)
	w.lists = slices.Compact(w.lists)
	for _, c := range changes {
		switch o := c.op.(type) {
		case *opening:
			w.open(c, "warehouse", o.ID)
		case *copying:
			w.open(c, "as", o.As)
		case *reopening:
			for _, id := range *o {
				w.reopen[id] = true
			}
		case *addService:
			w.addService(c, o)
		}
	}
	return w
}

func (w *world) open(c *change, field, id string) {
	_, known := w.rows[id]
	switch other := w.opened[id]; {
	case id == "":
		w.fault(c, c.at(field), "give it an id of its own", "the new warehouse has no id")
		w.unclear = true
	case known:
		w.fault(c, c.at(field), "give it an id of its own; other operations change what the network has, and reopen opens what it has closed", "the network has a warehouse %q", clip(id))
	case other != nil:
		w.fault(c, c.at(field), "give each an id of its own", "%s opens %q too", other.title(), clip(id))
	default:
		w.opened[id] = c
	}
}

func (w *world) addService(c *change, o *addService) {
	if o.CarrierName != "" && o.Carrier != "" {
		w.carriers[o.Carrier] = true
	}
	_, known := w.services[o.ID]
	switch {
	case o.ID == "":
		w.fault(c, c.at("id"), "give it an id of its own", "the new service has no id")
		w.unclear = true
	case w.added[o.ID] != nil:
		w.fault(c, c.at("id"), "give each an id of its own", "%s adds %q too", w.added[o.ID].title(), clip(o.ID))
	case known:
		w.fault(c, c.at("id"), "give it an id of its own, or write rates with replace", "the network has a service %q", clip(o.ID))
	default:
		w.added[o.ID] = c
		w.services[o.ID] = &o.ServiceSource
	}
}

// check lists everything that is wrong with the changes.
func (w *world) check(changes []*change) {
	for _, c := range changes {
		c.op.check(w, c)
	}
	for _, u := range w.about {
		word, id := "closed", u.warehouse
		list := w.closed[id]
		if u.service != "" {
			word, id = "dropped", u.service
			list = w.dropped[id]
		}
		for _, gone := range list {
			if gone != u.c && gone.begin() <= u.c.begin() && u.c.end() <= gone.end() {
				w.fault(u.c, u.at, "leave one of the two out", "%s is %s all that time by %s", clip(id), word, gone.title())
				break
			}
		}
	}
}

func (w *world) fault(c *change, at, mend, format string, args ...any) {
	w.bad[c] = true
	line, column := c.doc.Place(at)
	w.fl.Addf(w.file, line, column, at, mend, format, args...)
}

// sound tells that nothing was found wrong with a change so far.
func (w *world) sound(c *change) bool { return !w.bad[c] }

func (w *world) reopened(id string) bool { return w.reopen[id] }

// claim says that a change decides over something while it holds, and finds others that do.
func (w *world) claim(c *change, at, key, format string, args ...any) {
	w.claimed(c, at, key, claim{c, c.begin(), c.end(), fmt.Sprintf(format, args...)})
}

// claimWhole is claim for what is decided once for all time.
func (w *world) claimWhole(c *change, at, key, format string, args ...any) {
	w.claimed(c, at, key, claim{c, math.MinInt64, math.MaxInt64, fmt.Sprintf(format, args...)})
}

func (w *world) claimed(c *change, at, key string, own claim) {
	for _, other := range w.claims[key] {
		if other.c == c || other.begin >= own.end || own.begin >= other.end || w.told[[2]*change{other.c, c}] {
			continue
		}
		w.told[[2]*change{other.c, c}] = true
		w.fault(c, at, "leave one of the two out, or give them times that do not overlap", "%s by %s too", own.description, other.c.title())
	}
	w.claims[key] = append(w.claims[key], own)
}

// alters claims a value of a warehouse.
func (w *world) alters(c *change, at, id, what string) {
	w.about = append(w.about, use{c: c, at: at, warehouse: id})
	if what != "" {
		w.claim(c, at, what+" of "+id, "the %s of %s is changed", what, clip(id))
	}
}

// uses says that a change is about a service by name.
func (w *world) uses(c *change, at, id string) {
	w.about = append(w.about, use{c: c, at: at, service: id})
}

// altersService claims a value of a service.
func (w *world) altersService(c *change, at, id, what string) {
	w.uses(c, at, id)
	w.claim(c, at, what+" of service "+id, "the %s of %s is changed", what, clip(id))
}

// serviceIDs returns the ids of services, sorted.
func (w *world) serviceIDs() []string { return slices.Sorted(maps.Keys(w.services)) }

// chosen returns the ids of the services that are chosen, sorted.
func (w *world) chosen(of *which) []string {
	return slices.DeleteFunc(w.serviceIDs(), func(id string) bool { return !of.has(w.services[id]) })
}

// hasCarrier tells whether the base has a carrier.
func (w *world) hasCarrier(id string) bool {
	return slices.ContainsFunc(w.b.Source.Settings.Carriers, func(k network.CarrierSource) bool { return k.ID == id })
}

// warehouses checks the names of warehouses, of which there is at least one, and returns those without repetition. Those that
// are not known are left in, so that positions stay.
func (w *world) warehouses(c *change, field string, ids Names) Names {
	if len(ids) == 0 {
		w.fault(c, c.at(field), "name one or more", "the warehouse is missing")
	}
	w.names(c, field, ids, "warehouse", func(id string) bool {
		_, known := w.rows[id]
		return known || w.opened[id] != nil
	}, func() []string {
		return slices.Sorted(maps.Keys(merged(w.rows, w.opened)))
	})
	return ids
}

func merged[A, B any](a map[string]A, b map[string]B) map[string]bool {
	all := map[string]bool{}
	for id := range a {
		all[id] = true
	}
	for id := range b {
		all[id] = true
	}
	return all
}

// baseWarehouse checks a name, where there is one, of a warehouse that the base has.
func (w *world) baseWarehouse(c *change, field, id string) {
	if id == "" {
		return
	}
	if _, known := w.rows[id]; known {
		return
	}
	if other := w.opened[id]; other != nil {
		w.fault(c, c.at(field), "name one that the network has", "%q is only opened by %s", clip(id), other.title())
		return
	}
	w.fault(c, c.at(field), network.Meant(id, slices.Sorted(maps.Keys(w.rows)), "warehouses"), "unknown warehouse %q", clip(id))
}

func (w *world) serviceNames(c *change, field string, ids Names) Names {
	if ids != nil && len(ids) == 0 {
		w.fault(c, c.at(field), "name one or more", "the service is missing")
	}
	w.names(c, field, ids, "service", func(id string) bool { return w.services[id] != nil }, w.serviceIDs)
	return ids
}

func (w *world) carrierNames(c *change, field string, ids Names) {
	w.names(c, field, ids, "carrier", func(id string) bool { return w.carriers[id] }, func() []string { return slices.Sorted(maps.Keys(w.carriers)) })
}

func (w *world) names(c *change, field string, ids Names, kind string, known func(string) bool, all func() []string) {
	for i, id := range ids {
		switch {
		case slices.Contains(ids[:i], id):
			w.fault(c, element(c, field, ids, i), "leave one of the two out", "%q stands twice", clip(id))
		case !known(id) && !w.unclear:
			w.fault(c, element(c, field, ids, i), network.Meant(id, all(), kind+"s"), "unknown %s %q", kind, clip(id))
		}
	}
}

func (w *world) holidayLists(c *change, field string, names Names) {
	for i, name := range names {
		if name == none && len(names) == 1 || slices.Contains(w.lists, name) {
			continue
		}
		w.fault(c, element(c, field, names, i), network.Meant(name, w.lists, "holiday lists"), "unknown holiday list %q", clip(name))
	}
}

// oneOf adds a fault unless exactly one of some keys is given.
func (w *world) oneOf(c *change, keys string, given ...bool) {
	n := 0
	for _, g := range given {
		if g {
			n++
		}
	}
	switch {
	case n == 0:
		w.fault(c, c.path, "write "+keys, "it does not say what is to become of it")
	case n > 1:
		w.fault(c, c.path, "leave one of the two out", "it says %d times what is to become of it", n)
	}
}

// days adds a fault for a time that is no date where ship dates count.
func (w *world) days(c *change) {
	for _, t := range []struct {
		key string
		at  Moment
	}{{"from", c.from}, {"until", c.until}} {
		if t.at.Given && !t.at.Day {
			w.fault(c, c.place(t.key), "write a date, as "+t.at.date().String(), "ship dates are days, and %v is a moment", t.at.At)
		}
	}
}

// cards checks that card files can be read.
func (w *world) cards(c *change, field string, files Names) {
	for i, file := range files {
		for _, f := range w.b.card(file).faults {
			where := f.String()
			w.fault(c, element(c, field, files, i), "", "%s", where)
		}
	}
}

// collects tells whether a carrier collects at a warehouse of the base.
func (w *world) collects(row *network.WarehouseRow, carrier string) bool {
	if len(row.Carriers) > 0 {
		return slices.Contains(row.Carriers, carrier)
	}
	for _, s := range w.services {
		if s.Carrier == carrier && s.Kind != network.KindCollect {
			return true
		}
	}
	return false
}

// sku tells whether the network has a SKU.
func (w *world) sku(id string) bool {
	_, ok := w.b.Snapshot.SKUs.Row(id)
	return ok
}

// mostNames bounds the names among which the nearest is looked for.
const mostNames = 50_000

func (w *world) meantSKU(id string) string {
	ids := w.b.Snapshot.SKUs.IDs
	if len(ids) > mostNames {
		return "name one of the network's SKUs"
	}
	return network.Meant(id, ids, "SKUs")
}

// patterns checks patterns of SKUs: each matches one at least. Names without a wildcard are patterns too.
func (w *world) patterns(c *change, field string, list Names) {
	for i, p := range list {
		at := element(c, field, list, i)
		if _, err := path.Match(p, ""); err != nil {
			w.fault(c, at, `write * for any text and ? for one character, and \ before a [`, "%q is no pattern", clip(p))
			continue
		}
		if !strings.ContainsAny(p, `*?[\`) {
			if !w.sku(p) {
				w.fault(c, at, w.meantSKU(p), "unknown SKU %q", clip(p))
			}
			continue
		}
		if !slices.ContainsFunc(w.b.Snapshot.SKUs.IDs, func(id string) bool { return matches(p, id) }) {
			w.fault(c, at, "check it against skus.csv", "no SKU matches %q", clip(p))
		}
	}
}

// matches tells whether a SKU matches a pattern, as path.Match has them but for "/", which is a character like others.
func matches(pattern, sku string) bool {
	if !strings.ContainsAny(pattern, `*?[\`) {
		return pattern == sku
	}
	ok, _ := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(sku, "/", "\x00")) // checked before
	return ok
}

// matchesAny tells whether a SKU matches one of the patterns; without any it does.
func matchesAny(patterns Names, sku string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, sku) })
}

// element returns the path of an element of a field that is one name or a list.
func element(c *change, field string, list Names, i int) string {
	at := fmt.Sprintf("%s[%d]", c.at(field), i)
	if len(list) == 1 && !c.doc.Has(at) {
		return c.at(field)
	}
	return at
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// byText sorts changes in the order in which they are applied.
func byText(a, b *change) int {
	return cmp.Or(cmp.Compare(a.op.phase(), b.op.phase()), strings.Compare(a.text, b.text))
}
