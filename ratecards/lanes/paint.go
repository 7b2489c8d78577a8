package lanes

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/allot-engine/allot/faults"
)

// A painter fills a grid origin by origin: rows are laid over one another from the least to the most particular, and
// what shows in the end is stored unless an equal one is there already.
type painter struct {
	grid   *grid
	faults *faults.List
	apart  bool
	seen   map[[2]*gridRow]bool // contradictions already told
	seed   maphash.Seed
	dirs   map[uint64][]uint32 // by hash of a directory's entries
	pageAt map[page]uint32
	segs   map[string]uint32

	entries [1000]cell // pageBit where paged
	paged   [1000]page
}

// origin adds the views of one origin, covered by groups, which come with shorter origins first.
func (c *painter) origin(groups []*group) {
	g := c.grid
	var layers [][]*gridRow // one an origin length: a longer origin covers all of a shorter one
	for i, j := 0, 0; i < len(groups); i = j {
		for j = i; j < len(groups) && len(groups[j].origin.Lo) == len(groups[i].origin.Lo); j++ {
		}
		layer := groups[i].rows
		if j > i+1 {
			layer = nil
			for _, gr := range groups[i:j] {
				layer = append(layer, gr.rows...)
			}
			slices.SortStableFunc(layer, rank)
		}
		if j > i+1 || !groups[i].checked {
			c.contradictions(layer)
			groups[i].checked = true
		}
		layers = append(layers, layer)
	}
	base := len(g.views)
	for s := range Scope(len(g.scopes) + 1) {
		if s > 0 && !c.apart && !mentions(layers, s) {
			g.views = append(g.views, g.views[base])
			first := base * len(g.abroad)
			g.elsewhere = append(g.elsewhere, g.elsewhere[first:first+len(g.abroad)]...)
			continue
		}
		c.view(layers, s)
	}
}

func mentions(layers [][]*gridRow, s Scope) bool {
	for _, layer := range layers {
		for _, r := range layer {
			if r.scopeID == s {
				return true
			}
		}
	}
	return false
}

// view adds the answers of one origin and scope.
func (c *painter) view(layers [][]*gridRow, s Scope) {
	g := c.grid
	clear(c.entries[:])
	foreign := make([][]cell, len(g.abroad))
	for i := range foreign {
		foreign[i] = make([]cell, len(g.abroad[i].cuts)+1)
	}
	for _, layer := range layers {
		for _, r := range layer {
			switch {
			case r.scopeID != s && (r.scopeID != 0 || c.apart):
			case r.country == home:
				c.zips(r.zipA, r.zipB, r.cell)
			default:
				i, _ := slices.BinarySearchFunc(g.abroad, r.country, func(a abroad, country string) int {
					return strings.Compare(a.country, country)
				})
				cuts := g.abroad[i].cuts
				for at := segment(cuts, r.lo); at < segment(cuts, r.hi); at++ {
					foreign[i][at] = r.cell
				}
			}
		}
	}
	g.views = append(g.views, c.directory())
	for _, row := range foreign {
		g.elsewhere = append(g.elsewhere, c.segments(row))
	}
}

// zips paints the codes a to b.
func (c *painter) zips(a, b int, v cell) {
	for z := a / 100; z <= b/100; z++ {
		from, to := max(a, z*100)-z*100, min(b, z*100+99)-z*100
		if from == 0 && to == 99 {
			c.entries[z] = v
			continue
		}
		if c.entries[z] != pageBit {
			for i := range c.paged[z] {
				c.paged[z][i] = c.entries[z]
			}
			c.entries[z] = pageBit
		}
		for i := from; i <= to; i++ {
			c.paged[z][i] = v
		}
	}
}

// directory stores what is painted and returns its position.
func (c *painter) directory() uint32 {
	g := c.grid
	d := directory{entries: c.entries}
	for z := range d.entries {
		if d.entries[z] != pageBit {
			continue
		}
		p := &c.paged[z]
		if uniform(p) {
			d.entries[z] = p[0]
			continue
		}
		at, ok := c.pageAt[*p]
		if !ok {
			at = uint32(len(g.pages))
			g.pages = append(g.pages, *p)
			c.pageAt[*p] = at
		}
		d.entries[z] = pageBit | cell(len(d.pages))
		d.pages = append(d.pages, at)
	}
	d.pages = slices.Clip(d.pages)
	var bytes [2000]byte
	for i, e := range d.entries {
		binary.LittleEndian.PutUint16(bytes[2*i:], e)
	}
	// Directories that differ in their pages alone are few. The seed differs from run to run, but only equality
	// decides what is shared.
	sum := maphash.Bytes(c.seed, bytes[:])
	for _, at := range c.dirs[sum] {
		if old := &g.directories[at]; old.entries == d.entries && slices.Equal(old.pages, d.pages) {
			return at
		}
	}
	at := uint32(len(g.directories))
	g.directories = append(g.directories, d)
	c.dirs[sum] = append(c.dirs[sum], at)
	return at
}

func uniform(p *page) bool {
	for _, v := range p {
		if v != p[0] {
			return false
		}
	}
	return true
}

// segments stores one answer a segment and returns its position.
func (c *painter) segments(row []cell) uint32 {
	key := make([]byte, 0, 2*len(row))
	for _, v := range row {
		key = binary.LittleEndian.AppendUint16(key, v)
	}
	at, ok := c.segs[string(key)]
	if !ok {
		at = uint32(len(c.grid.segments))
		c.grid.segments = append(c.grid.segments, row)
		c.segs[string(key)] = at
	}
	return at
}

// contradictions tells of rows of one origin length that overlap a row of the same rank and answer differently.
func (c *painter) contradictions(layer []*gridRow) {
	rows := slices.Clone(layer)
	slices.SortStableFunc(rows, func(a, b *gridRow) int {
		return cmp.Or(
			strings.Compare(a.country, b.country),
			cmp.Compare(len(a.destination.Lo), len(b.destination.Lo)),
			cmp.Compare(a.scopeID, b.scopeID),
			strings.Compare(a.destination.Lo, b.destination.Lo))
	})
	var widest *gridRow // of those so far, the one that reaches furthest
	for _, r := range rows {
		if widest != nil && widest.country == r.country && len(widest.destination.Lo) == len(r.destination.Lo) &&
			widest.scopeID == r.scopeID {
			if r.destination.Lo <= widest.destination.Hi && r.cell != widest.cell {
				c.tell(widest, r)
			}
			if r.destination.Hi <= widest.destination.Hi {
				continue
			}
		}
		widest = r
	}
}

func (c *painter) tell(a, b *gridRow) {
	if c.seen[[2]*gridRow{a, b}] {
		return
	}
	c.seen[[2]*gridRow{a, b}] = true
	c.faults.Addf(b.file, b.line, 0, b.column, "leave one out, split the range around the exception, or write the exception with more digits",
		"%v to %v is %s here and %s at %s:%d", b.origin, b.destination, b.says, a.says, a.file, a.line)
}
