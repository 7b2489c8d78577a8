package lanes

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/table"
)

// A Mask is a set of destination attributes, one bit for each name of an Areas.
type Mask uint32

// Has tells whether the set has every attribute of other.
func (m Mask) Has(other Mask) bool { return m&other == other }

// Count returns the number of attributes in the set.
func (m Mask) Count() int { return bits.OnesCount32(uint32(m)) }

// MaxAttributes bounds the attributes of one Areas.
const MaxAttributes = 32

// An AreaList is one delivery-area file as read.
type AreaList struct {
	Source
	Rows []AreaRow
}

// An AreaRow gives destinations attributes; see the package comment.
type AreaRow struct {
	Country    string
	Postal     Range
	Attributes []string // full names, with residential_ or commercial_ before those that hold for such addresses only
	Line       int      // in the file, from 1; not written
}

// Beginnings of the names of attributes that hold for one kind of address only.
const (
	Residential = "residential_"
	Commercial  = "commercial_"
)

// ReadAreas reads a delivery-area list. Every fault is added to fl, and the rows without one are returned.
func ReadAreas(file string, r io.Reader, fl *faults.List) *AreaList {
	src, t := readSourced(file, r, []table.Column{{Name: "postal", Required: true}, {Name: "country"}, {Name: "attributes"},
		{Name: "residential"}, {Name: "commercial"}}, fl)
	l := &AreaList{Source: src, Rows: make([]AreaRow, 0, t.Len())}
	for row := range t.Rows() {
		before := fl.Len()
		a := AreaRow{Line: row.Line()}
		row.Required("postal")
		a.Country, a.Postal = readPlaces(row, "country", "postal")
		for _, col := range [...]struct{ name, prefix string }{{"attributes", ""}, {"residential", Residential}, {"commercial", Commercial}} {
			for _, name := range table.List(row, col.name) {
				if !attributeName(name) {
					row.Fault(col.name, "write a word of a-z, 0-9 and _, as das_extended", "%q is no name of an attribute", clip(name))
				}
				a.Attributes = append(a.Attributes, col.prefix+name)
			}
		}
		if len(a.Attributes) == 0 && fl.Len() == before {
			row.Fault("attributes", "name an attribute or leave the row out", "the row gives no attribute")
		}
		if fl.Len() == before {
			l.Rows = append(l.Rows, a)
		}
	}
	return l
}

func attributeName(s string) bool {
	for i := range len(s) {
		if b := s[i]; (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// Write writes the list in the form ReadAreas reads, rows in their order. The same list gives the same bytes.
func (l *AreaList) Write(w io.Writer) error {
	rows := make([][]string, len(l.Rows))
	for i, a := range l.Rows {
		var plain, residential, commercial []string
		for _, name := range a.Attributes {
			if s, ok := strings.CutPrefix(name, Residential); ok {
				residential = append(residential, s)
			} else if s, ok := strings.CutPrefix(name, Commercial); ok {
				commercial = append(commercial, s)
			} else {
				plain = append(plain, name)
			}
		}
		rows[i] = []string{a.Postal.String(), strings.Join(plain, ";"), strings.Join(residential, ";"), strings.Join(commercial, ";"),
			foreign(a.Country)}
	}
	return writeSourced(w, l.Source, []string{"postal", "attributes", "residential", "commercial", "country"}, 1, rows)
}

// Areas are the compiled delivery-area lists of one carrier. They are immutable and safe to share.
type Areas struct {
	names   []string
	sources []Source
	entries [1000]uint16 // by ZIP3, position in pages
	pages   [][100]Mask  // by the last two digits; pages[0] is empty
	abroad  []abroad
	masks   [][]Mask // by country and segment
}

// CompileAreas compiles lists. More than MaxAttributes names are a fault.
func CompileAreas(lists []*AreaList, fl *faults.List) *Areas {
	a := &Areas{}
	for _, l := range lists {
		a.sources = append(a.sources, l.Source)
		for _, r := range l.Rows {
			for _, name := range r.Attributes {
				if i, ok := slices.BinarySearch(a.names, name); !ok {
					a.names = slices.Insert(a.names, i, name)
				}
			}
		}
	}
	if len(a.names) > MaxAttributes {
		fl.Addf(lists[0].File, 0, 0, "attributes", fmt.Sprintf("use at most %d", MaxAttributes), "%d different attributes: %s",
			len(a.names), clip(strings.Join(a.names, " ")))
		a.names = a.names[:MaxAttributes]
	}
	zips := make([]Mask, 100_000)
	cuts := map[string][]code{}
	for _, l := range lists {
		for _, r := range l.Rows {
			if country := nation(r.Country); country != home {
				lo, hi := r.Postal.bounds()
				cuts[country] = append(cuts[country], lo, hi)
				continue
			}
			m := a.mask(r.Attributes)
			lo, hi, _ := r.Postal.zips()
			for z := lo; z <= hi; z++ {
				zips[z] |= m
			}
		}
	}
	known := map[[100]Mask]uint16{{}: 0}
	a.pages = append(a.pages, [100]Mask{})
	for z := range a.entries {
		p := [100]Mask(zips[z*100 : z*100+100])
		at, ok := known[p]
		if !ok {
			at = uint16(len(a.pages))
			a.pages = append(a.pages, p)
			known[p] = at
		}
		a.entries[z] = at
	}
	for country, all := range cuts {
		a.abroad = append(a.abroad, abroad{country, tidy(all, true)})
	}
	slices.SortFunc(a.abroad, func(x, y abroad) int { return strings.Compare(x.country, y.country) })
	for _, foreign := range a.abroad {
		masks := make([]Mask, len(foreign.cuts)+1)
		for _, l := range lists {
			for _, r := range l.Rows {
				if nation(r.Country) != foreign.country {
					continue
				}
				lo, hi := r.Postal.bounds()
				for at := segment(foreign.cuts, lo); at < segment(foreign.cuts, hi); at++ {
					masks[at] |= a.mask(r.Attributes)
				}
			}
		}
		a.masks = append(a.masks, masks)
	}
	return a
}

func (a *Areas) mask(names []string) (m Mask) {
	for _, name := range names {
		bit, _ := a.Bit(name)
		m |= bit
	}
	return m
}

// Of returns the attributes of a destination; none for a code that no list covers or that is malformed. It does not
// allocate.
func (a *Areas) Of(country, postal string) Mask {
	country = nation(country)
	if country == home {
		zip, ok := zip5(postal)
		if !ok {
			return 0
		}
		return a.pages[a.entries[zip/100]][zip%100]
	}
	for i := range a.abroad {
		if foreign := &a.abroad[i]; foreign.country == country {
			c, _, ok := normal(postal)
			if !ok {
				return 0
			}
			return a.masks[i][segment(foreign.cuts, c)]
		}
	}
	return 0
}

// Bit returns the mask of one attribute; ok is false when no list gives it, and then the mask is empty.
func (a *Areas) Bit(name string) (m Mask, ok bool) {
	i, ok := slices.BinarySearch(a.names, name)
	if !ok {
		return 0, false
	}
	return 1 << i, true
}

// Names returns the attributes, sorted; bit i of a Mask is Names()[i].
func (a *Areas) Names() []string { return slices.Clone(a.names) }

// Describe returns the names of the attributes in a mask, sorted.
func (a *Areas) Describe(m Mask) []string {
	var names []string
	for i, name := range a.names {
		if m>>i&1 == 1 {
			names = append(names, name)
		}
	}
	return names
}

// Sources returns what the lists say of themselves, in the order they were given.
func (a *Areas) Sources() []Source { return slices.Clone(a.sources) }

// FindAreas returns the attributes of a destination by looking at every row. It is the specification of Areas.Of.
func FindAreas(lists []*AreaList, country, postal string) []string {
	if _, ok := zip5(postal); nation(country) == home && !ok {
		return nil
	}
	var names []string
	for _, l := range lists {
		for _, r := range l.Rows {
			if nation(r.Country) == nation(country) && r.Postal.Has(postal) {
				names = append(names, r.Attributes...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
