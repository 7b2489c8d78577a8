package geo

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
)

// A Row is the dense position of a postal place in one Places. It is never stored and never sent; store the country
// and the postal code instead.
type Row int32

// zoneReachKm is how far the nearest place may be from a point to lend it its time zone. It is about the widest gap
// between postal places of Alaska; a point farther out is at sea or in a country that is not loaded.
const zoneReachKm = 300

// areaLetters is how many leading characters of a postal code make its area: what USPS calls the 3-digit ZIP Code
// prefix, Canada Post the forward sortation area.
const areaLetters = 3

// Places is an immutable table of postal places, sorted by country and postal code, with one row for each. The zero
// value is an empty table.
type Places struct {
	keys        []postalKey
	points      []Point
	postal      []string
	region      []string // interned
	zone        []string // interned
	country     []countryKey
	approximate []bool
	area        []int32 // position in centres

	centres   []Point
	countries [countryKeys]*countryRows
	tree      func() *kdTree // of the rows that are where they say they are
}

// countryRows are the rows first <= row < end of one country.
type countryRows struct {
	name       string
	first, end Row
	width      int     // digits of every code of the country, or 0 where they differ or are more than 5
	byNumber   []int32 // when width > 0: row+1 by the code's number, 0 for none
}

// A place is one row of a Places that is being built.
type place struct {
	country     countryKey
	key         postalKey
	postal      string // as the source writes it
	region      string // code of the state or province, or its name where it has no code
	zone        string // IANA name
	point       Point
	approximate bool
}

// newPlaces compiles places, of which no two may share country and key, in any order.
func newPlaces(places []place) *Places {
	slices.SortFunc(places, func(a, b place) int {
		if c := cmp.Compare(a.country, b.country); c != 0 {
			return c
		}
		return cmp.Compare(a.key, b.key)
	})
	n := len(places)
	p := &Places{
		keys: make([]postalKey, n), points: make([]Point, n), postal: make([]string, n), region: make([]string, n),
		zone: make([]string, n), country: make([]countryKey, n), approximate: make([]bool, n), area: make([]int32, n),
	}
	var postal strings.Builder // one block for all codes: a string each would be 32 bytes for 5
	for _, pl := range places {
		postal.WriteString(pl.postal)
	}
	names, at := map[string]string{}, 0
	for i, pl := range places {
		p.keys[i], p.points[i], p.country[i], p.approximate[i] = pl.key, pl.point, pl.country, pl.approximate
		p.postal[i] = postal.String()[at : at+len(pl.postal)]
		at += len(pl.postal)
		p.region[i], p.zone[i] = intern(names, pl.region), intern(names, pl.zone)
	}
	for first := 0; first < n; {
		end := first + 1
		for end < n && p.country[end] == p.country[first] {
			end++
		}
		p.addCountry(Row(first), Row(end))
		first = end
	}
	p.tree = sync.OnceValue(p.buildTree)
	return p
}

func intern(names map[string]string, s string) string {
	if known, ok := names[s]; ok {
		return known
	}
	s = strings.Clone(s)
	names[s] = s
	return s
}

// addCountry indexes the rows of one country and finds the centres of its areas.
func (p *Places) addCountry(first, end Row) {
	key := p.country[first]
	c := &countryRows{name: key.String(), first: first, end: end, width: p.commonWidth(first, end)}
	if c.width > 0 {
		c.byNumber = make([]int32, int(math.Pow10(c.width)))
		for r := first; r < end; r++ {
			number, _ := p.keys[r].digits(c.width)
			c.byNumber[number] = int32(r) + 1
		}
	}
	p.countries[key] = c
	for from := first; from < end; {
		to := from + 1
		for to < end && p.keys[to].prefix(areaLetters) == p.keys[from].prefix(areaLetters) {
			to++
		}
		for r := from; r < to; r++ {
			p.area[r] = int32(len(p.centres))
		}
		p.centres = append(p.centres, p.meanOf(from, to))
		from = to
	}
}

// commonWidth returns the number of digits that every code of the rows has, or 0 where there is no such number of at
// most 5: a table of six digits would weigh 4 MB.
func (p *Places) commonWidth(first, end Row) int {
	for width := 1; width <= 5; width++ {
		if _, ok := p.keys[first].digits(width); !ok {
			continue
		}
		for r := first; r < end; r++ {
			if _, ok := p.keys[r].digits(width); !ok {
				return 0
			}
		}
		return width
	}
	return 0
}

// meanOf returns the centre of the rows that are not approximate, or of all when there are no others.
func (p *Places) meanOf(first, end Row) Point {
	var exact []Point
	for r := first; r < end; r++ {
		if !p.approximate[r] {
			exact = append(exact, p.points[r])
		}
	}
	if len(exact) == 0 {
		exact = p.points[first:end]
	}
	centre, ok := Mean(exact)
	if !ok {
		return exact[0]
	}
	return centre
}

// Len returns the number of rows.
func (p *Places) Len() int { return len(p.keys) }

// Lookup returns the row of a postal code. country is an ISO 3166-1 alpha-2 code. Case, spaces, hyphens and full
// stops do not matter. Where the whole code is not in the table its larger part will do: of "10001-1234" the ZIP, of
// "K1A 0B1" and "SW1A 1AA" the forward sortation area and the outward code. A ZIP is found under the code of its
// territory as well as under "US". ok is false when the place is not known. It does not allocate.
func (p *Places) Lookup(country, postal string) (row Row, ok bool) {
	key, ok := packCountry(country)
	if !ok {
		return 0, false
	}
	if c := p.countries[key]; c != nil {
		if row, ok := p.find(c, postal); ok {
			return row, true
		}
	}
	if servedByUSPS(key) {
		us, _ := packCountry("US")
		if c := p.countries[us]; c != nil {
			return p.find(c, postal)
		}
	}
	return 0, false
}

// find looks a code up among the rows of a country.
func (p *Places) find(c *countryRows, postal string) (Row, bool) {
	if c.width > 0 && len(postal) == c.width { // nearly all codes of nearly all orders
		number, plain := 0, true
		for i := range len(postal) {
			d := postal[i] - '0'
			if d > 9 {
				plain = false
				break
			}
			number = number*10 + int(d)
		}
		if plain {
			row := Row(c.byNumber[number]) - 1
			return max(row, 0), row >= 0
		}
	}
	key, n, ok := packPostal(postal)
	if !ok {
		return 0, false
	}
	if row, ok := p.search(c, key); ok {
		return row, true
	}
	if area, ok := key.larger(c.name, n); ok {
		return p.search(c, area)
	}
	return 0, false
}

func (p *Places) search(c *countryRows, key postalKey) (Row, bool) {
	i, ok := slices.BinarySearch(p.keys[c.first:c.end], key)
	if !ok {
		return 0, false
	}
	return c.first + Row(i), true
}

// Point returns where the place is: the centre of the postal area, or of the town, as good as the source has it.
func (p *Places) Point(r Row) Point { return p.points[r] }

// Postal returns the postal code as the source writes it.
func (p *Places) Postal(r Row) string { return p.postal[r] }

// Country returns the ISO 3166-1 alpha-2 code in capitals; territories of the United States that are read from the
// US table have "US" and their code as the region.
func (p *Places) Country(r Row) string { return p.countries[p.country[r]].name }

// Region returns the code of the state or province: "NY", "PR", and for US military post "AA", "AE" or "AP". It is
// the name where the source has no code, and "" where it has neither.
func (p *Places) Region(r Row) string { return p.region[r] }

// TimeZone returns the IANA name of the place's time zone.
func (p *Places) TimeZone(r Row) string { return p.zone[r] }

// Approximate tells that the place is not known to be at its point: the source calls it an estimate, the code has no
// area and no town of its own and lies at the mean of its 3-digit area, or it is a military address.
func (p *Places) Approximate(r Row) bool { return p.approximate[r] }

// AreaCentre returns the centre of the place's area, all places whose postal code begins with the same three
// characters: what distances between areas, and so the zones of carriers, are measured between.
func (p *Places) AreaCentre(r Row) Point { return p.centres[p.area[r]] }

// AreaCentreOf returns the centre of the area of a country that begins with these three characters, such as "070".
func (p *Places) AreaCentreOf(country, prefix string) (Point, bool) {
	ck, ok := packCountry(country)
	if !ok || p.countries[ck] == nil {
		return Point{}, false
	}
	key, n, ok := packPostal(prefix)
	if !ok || n != areaLetters {
		return Point{}, false
	}
	c := p.countries[ck]
	i, _ := slices.BinarySearch(p.keys[c.first:c.end], key)
	if r := c.first + Row(i); r < c.end && p.keys[r].prefix(areaLetters) == key {
		return p.AreaCentre(r), true
	}
	return Point{}, false
}

// Nearest returns the place nearest to a point, of those equally near the lowest row. Approximate places are passed
// over, unless there are no others. ok is false for an empty table and for a point that is not on the globe. The
// first call builds an index, later ones take about a microsecond.
func (p *Places) Nearest(at Point) (row Row, ok bool) {
	if len(p.keys) == 0 || at.Check() != nil {
		return 0, false
	}
	return p.tree().nearest(at.Unit()), true
}

// TimeZoneAt returns the time zone of a point that has no postal code: that of the nearest place, if there is one
// within 300 km. Near the border of a zone it may be the neighbour's.
func (p *Places) TimeZoneAt(at Point) (zone string, ok bool) {
	r, ok := p.Nearest(at)
	if !ok || Kilometres(at, p.points[r]) > zoneReachKm {
		return "", false
	}
	return p.zone[r], true
}

func (p *Places) buildTree() *kdTree {
	var rows []Row
	for r := range p.keys {
		if !p.approximate[r] {
			rows = append(rows, Row(r))
		}
	}
	if len(rows) == 0 {
		for r := range p.keys {
			rows = append(rows, Row(r))
		}
	}
	units := make([]Unit, len(p.points))
	for _, r := range rows {
		units[r] = p.points[r].Unit()
	}
	return newKDTree(rows, units)
}

// Merge returns one table with the rows of all. Where two tables have the same postal code of the same country, the
// later table's row stands, so that a merchant's own file mends the built-in one. Nil tables are passed over.
func Merge(tables ...*Places) *Places {
	type id struct {
		country countryKey
		key     postalKey
	}
	at := map[id]int{}
	var all []place
	for _, t := range tables {
		if t == nil {
			continue
		}
		for r := range t.keys {
			pl := place{
				country: t.country[r], key: t.keys[r], postal: t.postal[r], region: t.region[r], zone: t.zone[r],
				point: t.points[r], approximate: t.approximate[r],
			}
			k := id{pl.country, pl.key}
			if i, known := at[k]; known {
				all[i] = pl
				continue
			}
			at[k] = len(all)
			all = append(all, pl)
		}
	}
	return newPlaces(all)
}
