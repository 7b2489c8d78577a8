package lanes

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
)

// An Origin is the dense position, in one ZoneSet or Transit, of a set of origin codes that all rows treat alike. It is
// never stored or sent, and means nothing in another table.
type Origin int32

// NoOrigin is the origin no row covers.
const NoOrigin Origin = -1

// A Scope is the dense position of a scope's name in one ZoneSet or Transit. 0 is no scope in particular: only rows
// that hold for every service count.
type Scope uint8

// MaxScopes bounds the scopes of one table.
const MaxScopes = 255

// A Dest is a destination's postal code, resolved once for many lookups in the table that made it. The zero Dest is a
// malformed code.
type Dest struct {
	country int32 // 0: malformed; 1: US; from 2: position in the grid's other countries, plus 2; -1: a country no row names
	at      int32 // US: the five digits; others: segment of the country
}

// wellFormed tells whether the code was one of its country.
func (d Dest) wellFormed() bool { return d.country != 0 }

// A cell is a grid's answer: a position in the table of answers of whoever owns the grid. 0 is no answer.
type cell = uint16

// pageBit marks a directory entry that is a page and no answer.
const pageBit cell = 1 << 15

// maxCells bounds the different answers of one grid, so that pageBit stays free.
const maxCells = int(pageBit) - 1

type (
	// A page has the answers of one ZIP3 by the last two digits.
	page [100]cell

	// A directory has the answers of one origin over the US codes. An entry is the answer of a whole ZIP3, or pageBit
	// plus a position in pages. Charts are mostly uniform in a ZIP3, so a directory is 2 kB and seldom more.
	directory struct {
		entries [1000]cell
		pages   []uint32 // positions in grid.pages
	}

	// abroad are the postal codes of a country other than the US, cut at every end of a row's range; between two
	// cuts all codes are alike.
	abroad struct {
		country string
		cuts    []code // ascending; segment i is cuts[i-1] <= code < cuts[i]
	}

	// origins are the origin codes of a country, cut likewise.
	origins struct {
		country string
		cuts    []code
		origin  []Origin // by segment, len(cuts)+1
	}
)

// A grid holds one cell for each origin, scope and destination. Directories, pages and segment rows that are equal
// are stored once: many origins share the chart of their area, and scopes mostly share that of no scope.
type grid struct {
	scopes      []string // sorted; a Scope is a position plus one
	origins     []origins
	count       int // of origins
	views       []uint32
	directories []directory
	pages       []page
	abroad      []abroad
	segments    [][]cell // one answer a segment of a country
	elsewhere   []uint32 // view*len(abroad)+country: position in segments
}

// at returns the cell of a pair. o and s must be of this grid, o may be NoOrigin.
func (g *grid) at(o Origin, d Dest, s Scope) cell {
	if o < 0 || d.country <= 0 {
		return 0
	}
	view := int(o)*(len(g.scopes)+1) + int(s)
	if d.country > 1 {
		return g.segments[g.elsewhere[view*len(g.abroad)+int(d.country)-2]][d.at]
	}
	dir := &g.directories[g.views[view]]
	e := dir.entries[d.at/100]
	if e&pageBit == 0 {
		return e
	}
	return g.pages[dir.pages[e&^pageBit]][d.at%100]
}

// dest resolves a destination.
func (g *grid) dest(country, postal string) Dest {
	country = nation(country)
	if country == home {
		zip, ok := zip5(postal)
		if !ok {
			return Dest{}
		}
		return Dest{country: 1, at: int32(zip)}
	}
	c, _, ok := normal(postal)
	if !ok {
		return Dest{}
	}
	for i := range g.abroad {
		if a := &g.abroad[i]; a.country == country {
			return Dest{country: int32(i) + 2, at: int32(segment(a.cuts, c))}
		}
	}
	return Dest{country: -1}
}

// segment returns the number of cuts at or below c.
func segment(cuts []code, c code) int {
	lo, hi := 0, len(cuts)
	for lo < hi {
		if mid := (lo + hi) / 2; c.less(cuts[mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// find returns the origin of a postal code.
func (g *grid) find(country, postal string) (Origin, bool) {
	c, _, ok := normal(postal)
	if !ok {
		return NoOrigin, false
	}
	country = nation(country)
	for i := range g.origins {
		if t := &g.origins[i]; t.country == country {
			o := t.origin[segment(t.cuts, c)]
			return o, o != NoOrigin
		}
	}
	return NoOrigin, false
}

// scope returns the scope of a name.
func (g *grid) scope(name string) (Scope, bool) {
	i, ok := slices.BinarySearch(g.scopes, name)
	if !ok {
		return 0, false
	}
	return Scope(i + 1), true
}

// size returns the bytes the compiled arrays take.
func (g *grid) size() int {
	n := 4*len(g.views) + 200*len(g.pages) + 4*len(g.elsewhere)
	for i := range g.directories {
		n += 2024 + 4*cap(g.directories[i].pages)
	}
	for _, s := range g.segments {
		n += 24 + 2*len(s)
	}
	for _, a := range g.abroad {
		n += 16 * len(a.cuts)
	}
	for _, t := range g.origins {
		n += 16*len(t.cuts) + 4*len(t.origin)
	}
	return n
}

// A gridRow is one line to compile. Ranges are in the codes of nation(country).
type gridRow struct {
	originCountry, country string
	origin, destination    Range
	scope                  string
	says                   string // the answer in words, for faults
	cell                   cell
	file                   string
	line                   int
	column                 string // of the answer, for faults

	lo, hi     code // the destination
	zipA, zipB int  // the destination, US only
	scopeID    Scope
}

// A group are the rows of one origin range.
type group struct {
	country string
	origin  Range
	lo, hi  code
	rows    []*gridRow // by rising rank; see rank
	checked bool       // for contradictions among its own rows
}

// rank orders rows of one group from the least to the most particular: painted in this order, the winner comes last.
func rank(a, b *gridRow) int {
	if c := cmp.Compare(len(a.destination.Lo), len(b.destination.Lo)); c != 0 {
		return c
	}
	return cmp.Compare(min(a.scopeID, 1), min(b.scopeID, 1))
}

// compileGrid compiles rows and adds a fault for every two that contradict each other. It knows the scopes of rows and
// those in more. Rows without a scope hold for every scope, or, apart, for none in particular alone.
func compileGrid(rows []gridRow, more []string, apart bool, fl *faults.List) *grid {
	g := &grid{scopes: more}
	g.nameScopes(rows, fl)
	g.cutAbroad(rows)
	c := &painter{grid: g, apart: apart, seed: maphash.MakeSeed(), seen: map[[2]*gridRow]bool{}, faults: fl,
		dirs: map[uint64][]uint32{}, pageAt: map[page]uint32{}, segs: map[string]uint32{}}
	for _, classes := range g.cutOrigins(rows) {
		for _, groups := range classes {
			c.origin(groups)
		}
	}
	g.count = len(g.views) / (len(g.scopes) + 1)
	return g
}

func (g *grid) nameScopes(rows []gridRow, fl *faults.List) {
	for i := range rows {
		if s := rows[i].scope; s != "" {
			g.scopes = append(g.scopes, s)
			if len(g.scopes) > 4*MaxScopes {
				slices.Sort(g.scopes)
				g.scopes = slices.Compact(g.scopes)
			}
		}
	}
	slices.Sort(g.scopes)
	g.scopes = slices.Compact(g.scopes)
	if len(g.scopes) > MaxScopes {
		fl.Addf("", 0, 0, "scope", fmt.Sprintf("use at most %d", MaxScopes), "%d different scopes", len(g.scopes))
		g.scopes = g.scopes[:MaxScopes]
	}
	for i := range rows {
		rows[i].scopeID, _ = g.scope(rows[i].scope)
	}
}

func (g *grid) cutAbroad(rows []gridRow) {
	cuts := map[string][]code{}
	for i := range rows {
		r := &rows[i]
		if r.country == home {
			r.zipA, r.zipB, _ = r.destination.zips()
			continue
		}
		r.lo, r.hi = r.destination.bounds()
		cuts[r.country] = tidy(append(cuts[r.country], r.lo, r.hi), false)
	}
	for country, all := range cuts {
		g.abroad = append(g.abroad, abroad{country, tidy(all, true)})
	}
	slices.SortFunc(g.abroad, func(a, b abroad) int { return strings.Compare(a.country, b.country) })
}

// tidy sorts codes and drops doubles; unless forced it waits until the slice is about to grow.
func tidy(codes []code, force bool) []code {
	if !force && len(codes)+2 <= cap(codes) {
		return codes
	}
	slices.SortFunc(codes, compareCodes)
	codes = slices.Compact(codes)
	return slices.Grow(codes, len(codes)+2)
}

// cutOrigins numbers the origins and returns, for each country and each of its origins in turn, the groups that hold
// there, from the least to the most particular.
func (g *grid) cutOrigins(rows []gridRow) [][][]*group {
	type key struct {
		country string
		origin  Range
	}
	byKey := map[key]*group{}
	byCountry := map[string][]*group{}
	for i := range rows {
		r := &rows[i]
		k := key{r.originCountry, r.origin}
		gr := byKey[k]
		if gr == nil {
			gr = &group{country: r.originCountry, origin: r.origin}
			gr.lo, gr.hi = r.origin.bounds()
			byKey[k] = gr
			byCountry[r.originCountry] = append(byCountry[r.originCountry], gr)
		}
		gr.rows = append(gr.rows, r)
	}
	var all [][][]*group
	next := Origin(0)
	countries := make([]string, 0, len(byCountry))
	for country := range byCountry {
		countries = append(countries, country)
	}
	slices.Sort(countries)
	for _, country := range countries {
		groups := byCountry[country]
		slices.SortFunc(groups, func(a, b *group) int {
			if c := cmp.Compare(len(a.origin.Lo), len(b.origin.Lo)); c != 0 {
				return c
			}
			if c := compareCodes(a.lo, b.lo); c != 0 {
				return c
			}
			return compareCodes(a.hi, b.hi)
		})
		t := origins{country: country}
		for _, gr := range groups {
			slices.SortStableFunc(gr.rows, rank)
			t.cuts = append(t.cuts, gr.lo, gr.hi)
		}
		t.cuts = tidy(t.cuts, true)
		var classes [][]*group
		known := map[string]Origin{}
		for _, members := range covering(groups, t.cuts) {
			o := NoOrigin
			if len(members) > 0 {
				var ok bool
				if o, ok = known[fmt.Sprint(members)]; !ok {
					o = next
					next++
					known[fmt.Sprint(members)] = o
					class := make([]*group, len(members))
					for i, m := range members {
						class[i] = groups[m]
					}
					classes = append(classes, class)
				}
			}
			t.origin = append(t.origin, o)
		}
		g.origins = append(g.origins, t)
		all = append(all, classes)
	}
	return all
}

// covering returns, for each segment between the cuts, the positions of the groups that cover it, ascending.
func covering(groups []*group, cuts []code) [][]int {
	starts, ends := make([][]int, len(cuts)+1), make([][]int, len(cuts)+1)
	for i, gr := range groups {
		a, b := segment(cuts, gr.lo), segment(cuts, gr.hi)
		starts[a] = append(starts[a], i)
		ends[b] = append(ends[b], i)
	}
	out := make([][]int, len(cuts)+1)
	var active []int
	for s := range out {
		active = slices.DeleteFunc(active, func(i int) bool { return slices.Contains(ends[s], i) })
		active = append(active, starts[s]...)
		slices.Sort(active)
		out[s] = slices.Clone(active)
	}
	return out
}
