package history

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

// A merger joins parts in order.
type merger struct {
	o     ReadOptions
	files []File
	err   error

	parts  []filed
	rows   group // of an order that goes over the border of two parts
	parser *parser

	skus, warehouses, dests, sets tables
	destinations                  []engine.Destination
	serviceSets                   [][]string

	last     units.Instant // of the rows of the file until now
	lastRow  uint32
	fatal    bool // a whole file is at fault
	faults   []faults.Fault
	more     int
	bad, all int
	sorted   bool          // what is there until now, over all files
	latest   units.Instant // of all files
}

// A filed part is what came of a file.
type filed struct {
	*part
	file uint16
}

// tables turns the numbers of workers into those of the history.
type tables struct {
	index map[string]int32
	names []string
	remap [][]int32 // [worker][its number]
}

func newMerger(workers int, files []File, o ReadOptions) *merger {
	m := &merger{o: o, files: files, parser: newParser(workers), sorted: true}
	m.rows.joined = true
	for _, t := range []*tables{&m.skus, &m.warehouses, &m.dests, &m.sets} {
		t.index, t.remap = map[string]int32{}, make([][]int32, workers+1)
	}
	return m
}

// add takes the part of the next task.
func (m *merger) add(t *task, p *part) {
	if t.first {
		m.last, m.lastRow = math.MinInt64, 0
	}
	switch {
	case m.err != nil:
		return
	case t.err != nil:
		m.err = t.err
		return
	case t.fault != nil:
		f := *t.fault
		f.File = m.files[t.file].Name
		m.fault(f)
		m.fatal = true
		for _, f := range t.faults {
			f.File = m.files[t.file].Name
			m.fault(f)
		}
	}
	if p.broken != nil {
		p.broken.File = m.files[t.file].Name
		defer m.fault(*p.broken)
		m.fatal = true
	}
	if t.header == nil {
		m.take(t.file, p)
		return
	}
	// Rows of an order that goes over the border of two parts come together here.
	g := &m.rows
	g.header, g.p = t.header, m.parser
	g.out = &part{worker: m.parser.worker}
	for i := range p.head {
		g.add(&p.head[i])
	}
	if !p.whole && len(p.head) > 0 {
		g.flush()
		g.poison = false
	}
	m.take(t.file, g.out)
	p.head = nil
	g.out = &part{worker: m.parser.worker}
	m.take(t.file, p)
	for i := range p.tail {
		g.add(&p.tail[i])
	}
	p.tail = nil
	if t.last {
		g.flush()
		g.poison = false
	}
	m.take(t.file, g.out)
}

func (m *merger) fault(f faults.Fault) {
	if len(m.faults) < MaxFaults {
		m.faults = append(m.faults, f)
	} else {
		m.more++
	}
}

// take numbers what a part has and checks its time order.
func (m *merger) take(file int, p *part) {
	m.bad += p.bad
	m.all += p.bad + len(p.at) + len(p.moves)
	m.number(p)
	own := p.faults
	p.faults = nil
	drop := m.inTime(p, &own)
	slices.SortStableFunc(own, func(a, b faults.Fault) int { return cmp.Compare(a.Row, b.Row) })
	for _, f := range own {
		f.File = m.files[file].Name
		m.fault(f)
	}
	m.more += p.more
	if len(drop) > 0 {
		p.drop(drop)
	}
	if len(p.at)+len(p.moves) > 0 {
		m.parts = append(m.parts, filed{part: p, file: uint16(file)})
	}
}

// number puts the history's numbers in place of the worker's.
func (m *merger) number(p *part) {
	w := p.worker
	for _, s := range p.skus {
		m.skus.add(w, s)
	}
	for _, s := range p.warehouses {
		m.warehouses.add(w, s)
	}
	for i, k := range p.destKeys {
		if m.dests.add(w, k) {
			m.destinations = append(m.destinations, p.dests[i])
		}
	}
	for i, k := range p.setKeys {
		if m.sets.add(w, k) {
			m.serviceSets = append(m.serviceSets, p.sets[i])
		}
	}
	p.skus, p.warehouses, p.dests, p.sets, p.destKeys, p.setKeys = nil, nil, nil, nil, nil, nil
	m.skus.renumber(w, p.sku)
	m.warehouses.renumber(w, p.collect)
	m.dests.renumber(w, p.dest)
	m.sets.renumber(w, p.allowed)
}

// add numbers a name that a worker met; fresh tells that nobody did before.
func (t *tables) add(worker int, name string) (fresh bool) {
	n, ok := t.index[name]
	if !ok {
		n = int32(len(t.names))
		t.index[name] = n
		t.names = append(t.names, name)
	}
	t.remap[worker] = append(t.remap[worker], n)
	return !ok
}

func (t *tables) renumber(worker int, column []int32) {
	to := t.remap[worker]
	for i, n := range column {
		if n >= 0 {
			column[i] = to[n]
		}
	}
}

// inTime returns which rows of a part come too early: orders by their position, moves by ^position.
func (m *merger) inTime(p *part, fl *[]faults.Fault) (drop []int) {
	next := 0
	check := func(at units.Instant, row uint32, i int) {
		switch {
		case at >= m.last:
			m.last, m.lastRow = at, row
		case m.o.Sort:
			m.sorted = false
		default:
			*fl = append(*fl, faults.Fault{
				Row: int(row), Problem: fmt.Sprintf("%v is before row %d, which is of %v", at, m.lastRow, m.last), Mend: "sort the rows by time, or ask for sorting",
			})
			drop = append(drop, i)
			return
		}
		if at < m.latest {
			m.sorted = false
		}
		m.latest = max(m.latest, at)
	}
	for i, at := range p.at {
		for ; next < len(p.moves) && int(p.pos[next]) <= i; next++ {
			check(p.moves[next].At, p.moves[next].Row, ^next)
		}
		check(at, p.row[i], i)
	}
	for ; next < len(p.moves); next++ {
		check(p.moves[next].At, p.moves[next].Row, ^next)
	}
	m.bad += len(drop)
	return drop
}

// drop takes orders and moves out of a part.
func (p *part) drop(which []int) {
	gone := map[int]bool{}
	for _, i := range which {
		gone[i] = true
	}
	n, line, id := 0, 0, 0
	lines, ids := 0, 0
	exact := map[int32]units.Instant{}
	for i := range p.at {
		nl, ni := int(p.lines[i]), int(p.idLen[i])
		if !gone[i] {
			if at, ok := p.exact[int32(i)]; ok {
				exact[int32(n)] = at
			}
			p.at[n], p.promise[n], p.dest[n], p.collect[n], p.allowed[n] = p.at[i], p.promise[i], p.dest[i], p.collect[i], p.allowed[i]
			p.value[n], p.lines[n], p.idLen[n], p.row[n] = p.value[i], p.lines[i], p.idLen[i], p.row[i]
			copy(p.sku[line:], p.sku[lines:lines+nl])
			copy(p.units[line:], p.units[lines:lines+nl])
			copy(p.ids[id:], p.ids[ids:ids+ni])
			n, line, id = n+1, line+nl, id+ni
		}
		lines, ids = lines+nl, ids+ni
	}
	p.at, p.promise, p.dest, p.collect, p.allowed = p.at[:n], p.promise[:n], p.dest[:n], p.collect[:n], p.allowed[:n]
	p.value, p.lines, p.idLen, p.row = p.value[:n], p.lines[:n], p.idLen[:n], p.row[:n]
	p.sku, p.units, p.ids, p.exact = p.sku[:line], p.units[:line], p.ids[:id], exact
	kept := p.moves[:0]
	for i := range p.moves {
		if !gone[^i] {
			kept = append(kept, p.moves[i])
		}
	}
	p.moves = kept
}

// finish makes the history.
func (m *merger) finish(ctx context.Context) (*History, *Bad, error) {
	h := m.join()
	m.parts = nil
	if err := ctx.Err(); err != nil {
		return nil, nil, context.Cause(ctx)
	}
	if !m.sorted {
		h.sort()
	}
	if twice := h.doubled(); len(twice) > 0 {
		m.doubled(h, twice)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, context.Cause(ctx)
	}
	if h.Len() == 0 && len(m.faults) == 0 {
		f := faults.Fault{Problem: "there are no orders", Mend: "give at least one"}
		if len(m.files) == 1 {
			f.File = m.files[0].Name
		}
		m.fault(f)
		m.fatal = true
	}
	if len(m.faults) > 0 {
		order := map[string]int{}
		for i, f := range slices.Backward(m.files) {
			order[f.Name] = i
		}
		slices.SortStableFunc(m.faults, func(a, b faults.Fault) int {
			return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Row, b.Row))
		})
		if n := len(m.faults); n > MaxFaults {
			m.faults, m.more = m.faults[:MaxFaults], m.more+n-MaxFaults
		}
		bad := &Bad{Rows: m.bad, Of: m.all, Faults: m.faults, More: m.more}
		if m.fatal || h.Len() == 0 || int64(m.bad)*int64(units.Certain) > int64(m.all)*int64(m.o.MaxBad) {
			all := slices.Clone(m.faults)
			if m.more > 0 {
				all = append(all, faults.Fault{Problem: fmt.Sprintf("and %d more faults; %s", m.more, bad)})
			} else if m.o.MaxBad > 0 {
				all = append(all, faults.Fault{Problem: bad.String()})
			}
			return nil, bad, &faults.Error{Faults: all}
		}
		h.compact()
		h.seal()
		return h, bad, nil
	}
	if !m.sorted {
		h.compact()
	}
	h.seal()
	return h, nil, nil
}

// join lays the columns of all parts end to end, one column after the other, so that no more than one of them is in
// memory twice.
func (m *merger) join() *History {
	orders, lines, ids, moves := 0, 0, 0, 0
	valued := false
	for _, p := range m.parts {
		orders, lines, ids, moves = orders+len(p.at), lines+len(p.sku), ids+len(p.ids), moves+len(p.moves)
		valued = valued || p.valued
	}
	h := &History{
		SKUs: m.skus.names, Warehouses: m.warehouses.names, Destinations: m.destinations, ServiceSets: m.serviceSets,
		Exact: map[int32]units.Instant{},
	}
	for _, f := range m.files {
		h.Files = append(h.Files, f.Name)
	}
	h.At = gather(m.parts, orders, func(p *part) *[]units.Instant { return &p.at })
	h.Promise = gather(m.parts, orders, func(p *part) *[]units.Date { return &p.promise })
	h.Dest = gather(m.parts, orders, func(p *part) *[]int32 { return &p.dest })
	h.Collect = gather(m.parts, orders, func(p *part) *[]int32 { return &p.collect })
	h.Allowed = gather(m.parts, orders, func(p *part) *[]int32 { return &p.allowed })
	if valued {
		h.Value = gather(m.parts, orders, func(p *part) *[]units.Money { return &p.value })
	}
	h.Row = gather(m.parts, orders, func(p *part) *[]uint32 { return &p.row })
	h.SKU = gather(m.parts, lines, func(p *part) *[]int32 { return &p.sku })
	h.Units = gather(m.parts, lines, func(p *part) *[]int32 { return &p.units })
	text := gather(m.parts, ids, func(p *part) *[]byte { return &p.ids })
	h.IDText = unsafeString(text)
	h.From = make([]uint32, 1, orders+1)
	h.IDFrom = make([]uint64, 1, orders+1)
	h.File = make([]uint16, 0, orders)
	h.Moves = make([]Move, 0, moves)
	for _, p := range m.parts {
		for i, n := range p.lines {
			h.From = append(h.From, h.From[len(h.From)-1]+uint32(n))
			h.IDFrom = append(h.IDFrom, h.IDFrom[len(h.IDFrom)-1]+uint64(p.idLen[i]))
		}
		first := len(h.File)
		for range p.lines {
			h.File = append(h.File, p.file)
		}
		for i, at := range p.exact {
			h.Exact[int32(first)+i] = at
		}
		for _, move := range p.moves {
			move.File = p.file
			h.Moves = append(h.Moves, move)
		}
	}
	if len(h.Moves) == 0 {
		h.Moves = nil
	}
	return h
}

func gather[T any](parts []filed, n int, column func(*part) *[]T) []T {
	all := make([]T, 0, n)
	for _, p := range parts {
		c := column(p.part)
		all = append(all, *c...)
		*c = nil
	}
	return all
}

// doubled returns the orders whose id stands before them, ascending.
func (h *History) doubled() [][2]int32 {
	n := h.Len()
	if n == 0 {
		return nil
	}
	shards := min(runtime.GOMAXPROCS(0), 8) // each hashes all ids and keeps its share
	seed := maphash.MakeSeed()
	found := make([][][2]int32, shards)
	var wg sync.WaitGroup
	for s := range shards {
		wg.Go(func() {
			size := 1 << bits.Len(uint(n/shards*2+64))
			slots := make([]int32, size)
			used := 0
			for i := range int32(n) {
				id := h.ID(int(i))
				hash := maphash.String(seed, id)
				if int(hash%uint64(shards)) != s {
					continue
				}
				at := int(hash>>3) & (size - 1)
				for slots[at] != 0 && h.ID(int(slots[at]-1)) != id {
					at = (at + 1) & (size - 1)
				}
				if slots[at] != 0 {
					found[s] = append(found[s], [2]int32{slots[at] - 1, i})
					continue
				}
				slots[at] = i + 1
				if used++; used > size/2 {
					slots, size = h.grown(slots, seed)
				}
			}
		})
	}
	wg.Wait()
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b [2]int32) int { return cmp.Compare(a[1], b[1]) })
	return all
}

// grown doubles a table of ids.
func (h *History) grown(slots []int32, seed maphash.Seed) (larger []int32, size int) {
	size = 2 * len(slots)
	larger = make([]int32, size)
	for _, i := range slots {
		if i == 0 {
			continue
		}
		at := int(maphash.String(seed, h.ID(int(i-1)))>>3) & (size - 1)
		for larger[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		larger[at] = i
	}
	return larger, size
}

// doubled faults orders whose id is taken, and leaves them out.
func (m *merger) doubled(h *History, twice [][2]int32) {
	gone := make([]bool, h.Len())
	for n, t := range twice {
		first, i := int(t[0]), int(t[1])
		gone[i] = true
		if n >= MaxFaults {
			m.more++
			continue
		}
		where := fmt.Sprintf("row %d", h.Row[first])
		if h.File[first] != h.File[i] {
			where += " of " + h.Files[h.File[first]]
		}
		mend := "give each order an id of its own, and write it once"
		if f, _ := m.format(h.File[i]); f != JSONLines && h.File[first] == h.File[i] {
			mend += "; the rows of one order stand one below the other"
		}
		m.faults = append(m.faults, faults.Fault{
			File: h.Files[h.File[i]], Row: int(h.Row[i]), Field: "id", Problem: fmt.Sprintf("order %.60q stands in %s already", h.ID(i), where), Mend: mend,
		})
	}
	m.bad += len(twice)
	kept := make([]int32, 0, h.Len()-len(twice))
	for i := range gone {
		if !gone[i] {
			kept = append(kept, int32(i))
		}
	}
	*h = *h.pick(kept)
}

func (m *merger) format(file uint16) (string, bool) {
	if m.o.Format != "" {
		return m.o.Format, true
	}
	return FormatOf(m.files[file].Name)
}
