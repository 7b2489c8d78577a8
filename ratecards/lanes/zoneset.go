package lanes

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/faults"
)

// A Zone is the dense position of a zone's name in one ZoneSet; 0 is not served. It is never stored or sent.
type Zone uint8

// MaxZones bounds the zones of one ZoneSet.
const MaxZones = 255

// A ZoneSet is the compiled zones of one carrier: its charts and its distance rule. It is immutable and safe to share.
type ZoneSet struct {
	grid    *grid
	names   []string // by Zone; names[0] is ""
	notes   []string // by cell
	zones   []Zone   // by cell
	sources []Source
	guess   *guesser // nil: none
}

// Compile compiles charts and a distance rule, which may be nil, into one ZoneSet. Contradictions and every other
// fault are added to fl; with faults the ZoneSet is not to be used. file names the rule's file in faults.
//
// Time and memory grow with the number of different origin ranges, not of warehouses: about 2 kB for an origin whose
// chart no other shares, and as much for each scope with exceptions of its own.
func Compile(charts []*Chart, fallback *Fallback, file string, fl *faults.List) *ZoneSet {
	z := &ZoneSet{}
	names := map[string]bool{}
	for _, c := range charts {
		z.sources = append(z.sources, c.Source)
		for i := range c.Rows {
			names[c.Rows[i].Zone] = true
		}
	}
	if fallback != nil {
		for _, name := range fallback.names(file, fl) {
			names[name] = true
		}
	}
	delete(names, NotServed)
	z.names = sortedNames(names)
	if len(z.names) > MaxZones {
		fl.Addf(file, 0, 0, "zone", fmt.Sprintf("use at most %d", MaxZones), "%d different zones", len(z.names))
		z.names = z.names[:MaxZones]
	}
	z.names = slices.Insert(z.names, 0, "")

	type answer struct {
		zone  Zone
		notes string
	}
	cells := map[answer]cell{}
	z.notes, z.zones = []string{""}, []Zone{0}
	var rows []gridRow
	for _, c := range charts {
		rows = slices.Grow(rows, len(c.Rows))
		for i := range c.Rows {
			r := &c.Rows[i]
			zone, _ := z.Zone(r.Zone) // NotServed is no name, and 0
			a := answer{zone, r.Notes}
			at, ok := cells[a]
			if !ok {
				if len(z.zones) > maxCells {
					fl.Addf(c.File, r.Line, 0, "notes", "shorten the notes to the marks", "more than %d different zones with notes", maxCells)
					return z.seal(rows, fallback, fl)
				}
				at = cell(len(z.zones))
				z.zones, z.notes = append(z.zones, zone), append(z.notes, r.Notes)
				cells[a] = at
			}
			rows = append(rows, gridRow{
				originCountry: nation(r.OriginCountry), origin: r.Origin, country: nation(r.Country), destination: r.Destination,
				scope: r.Scope, says: strings.TrimSpace("zone " + r.Zone + " " + r.Notes), cell: at, file: c.File, line: r.Line, column: "zone",
			})
		}
	}
	return z.seal(rows, fallback, fl)
}

func (z *ZoneSet) seal(rows []gridRow, fallback *Fallback, fl *faults.List) *ZoneSet {
	z.grid = compileGrid(rows, nil, false, fl)
	if fallback != nil {
		z.guess = fallback.compile(func(name string) Zone {
			zone, _ := z.Zone(name)
			return zone
		})
	}
	return z
}

// sortedNames returns names with numbers first and by value, then the others by their bytes.
func sortedNames(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, errA := strconv.Atoi(a)
		y, errB := strconv.Atoi(b)
		switch {
		case errA == nil && errB == nil:
			return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
		case errA == nil:
			return -1
		case errB == nil:
			return 1
		}
		return cmp.Compare(a, b)
	})
	return names
}

// Name returns the carrier's name of a zone of this set, "" for 0.
func (z *ZoneSet) Name(zone Zone) string { return z.names[zone] }

// Names returns the names of all zones, numbers first; zone i has Names()[i-1].
func (z *ZoneSet) Names() []string { return slices.Clone(z.names[1:]) }

// Zone returns the zone of a name. ok is false when the set has none of that name.
func (z *ZoneSet) Zone(name string) (zone Zone, ok bool) {
	for i, n := range z.names {
		if n == name && i > 0 {
			return Zone(i), true
		}
	}
	return 0, false
}

// Scope returns the scope of a name; "" is 0. ok is false when no row of the charts is scoped so, and 0 then answers
// as such a scope would.
func (z *ZoneSet) Scope(name string) (s Scope, ok bool) {
	if name == "" {
		return 0, true
	}
	return z.grid.scope(name)
}

// Scopes returns the names of all scopes, sorted; scope i has Scopes()[i-1].
func (z *ZoneSet) Scopes() []string { return slices.Clone(z.grid.scopes) }

// Sources returns what the charts say of themselves, in the order they were given.
func (z *ZoneSet) Sources() []Source { return slices.Clone(z.sources) }

// Origins returns the number of origins that rows tell apart.
func (z *ZoneSet) Origins() int { return z.grid.count }

// Bytes returns the size of the compiled charts.
func (z *ZoneSet) Bytes() int { return z.grid.size() }

// Guesses tells whether the set has a distance rule.
func (z *ZoneSet) Guesses() bool { return z.guess != nil }

// Origin returns the origin of a postal code, or NoOrigin and false when no chart covers it.
func (z *ZoneSet) Origin(country, postal string) (Origin, bool) { return z.grid.find(country, postal) }

// Dest resolves a destination for At and Resolve. It does not allocate.
func (z *ZoneSet) Dest(country, postal string) Dest { return z.grid.dest(country, postal) }

// At returns the charted zone of a pair, 0 when it is not served.
func (z *ZoneSet) At(o Origin, d Dest, s Scope) Zone { return z.zones[z.grid.at(o, d, s)] }

// Lookup returns the charted zone of a pair; ok is false when it is not served, and then the zone is 0. It is At for
// one destination. A US code may have a ZIP+4.
func (z *ZoneSet) Lookup(o Origin, country, postal string, s Scope) (zone Zone, ok bool) {
	zone = z.At(o, z.Dest(country, postal), s)
	return zone, zone != 0
}

// Notes returns the published marks of the row that holds for a pair, "" where there are none.
func (z *ZoneSet) Notes(o Origin, d Dest, s Scope) string { return z.notes[z.grid.at(o, d, s)] }

// Guess returns the zone that the distance rule gives, or 0 where it gives none: no rule, an unknown place, a border
// between the two, or a region that distances do not tell of. The answer is a guess; say so wherever it is used.
func (z *ZoneSet) Guess(km float64, from, to Region) Zone {
	if z.guess == nil {
		return 0
	}
	return z.guess.zone(km, from, to)
}

// A Basis says where a zone comes from, or why there is none.
type Basis uint8

// What a zone can rest on. Only Published and Guessed are served.
const (
	Published Basis = iota + 1 // a row of the carrier's chart
	Guessed                    // the distance rule; flag it
	NoPostal                   // the destination's postal code is malformed
	NoChart                    // no chart covers the origin and there is no distance rule
	NoZone                     // the origin's chart has no row for the destination
	Refused                    // the origin's chart says "not served"
	NoRegion                   // no chart covers the origin, and the distance rule does not tell of the destination
)

// Served tells whether there is a zone.
func (b Basis) Served() bool { return b == Published || b == Guessed }

// String returns the basis as a reason that a person can read.
func (b Basis) String() string {
	switch b {
	case Published:
		return "published zone"
	case Guessed:
		return "zone guessed from the distance"
	case NoPostal:
		return "not served: the postal code is malformed"
	case NoChart:
		return "not served: no zone chart covers the origin"
	case NoZone:
		return "not served: the zone chart of the origin has no zone for the destination"
	case Refused:
		return "not served: the zone chart excludes the destination"
	case NoRegion:
		return "not served: no zone chart covers the origin, and the distance rule does not reach the destination"
	}
	return fmt.Sprintf("Basis(%d)", uint8(b))
}

// Resolve returns the zone of a pair and what it rests on: the chart where one covers the origin, else the distance
// rule. A gap in a chart is never filled by distance, since a carrier leaves out what it does not serve. km, from and
// to count for the distance rule only.
func (z *ZoneSet) Resolve(o Origin, d Dest, s Scope, km float64, from, to Region) (Zone, Basis) {
	if !d.wellFormed() {
		return 0, NoPostal
	}
	if o >= 0 {
		at := z.grid.at(o, d, s)
		switch zone := z.zones[at]; {
		case zone != 0:
			return zone, Published
		case at == 0:
			return 0, NoZone
		}
		return 0, Refused
	}
	if z.guess == nil {
		return 0, NoChart
	}
	if zone := z.guess.zone(km, from, to); zone != 0 {
		return zone, Guessed
	}
	return 0, NoRegion
}
