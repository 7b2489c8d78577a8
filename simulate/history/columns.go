package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// pick returns a history of some of the orders, in the order given, with the same tables, files and moves.
func (h *History) pick(which []int32) *History {
	out := &History{
		Exact: map[int32]units.Instant{}, SKUs: h.SKUs, Destinations: h.Destinations, Warehouses: h.Warehouses, ServiceSets: h.ServiceSets,
		Files: h.Files, Moves: h.Moves,
	}
	out.At, out.Promise = picked(h.At, which), picked(h.Promise, which)
	out.Dest, out.Collect, out.Allowed = picked(h.Dest, which), picked(h.Collect, which), picked(h.Allowed, which)
	out.Row, out.File = picked(h.Row, which), picked(h.File, which)
	if h.Value != nil {
		out.Value = picked(h.Value, which)
	}
	lines, ids := 0, 0
	for _, i := range which {
		lines += int(h.From[i+1] - h.From[i])
		ids += int(h.IDFrom[i+1] - h.IDFrom[i])
	}
	out.From, out.IDFrom = make([]uint32, 1, len(which)+1), make([]uint64, 1, len(which)+1)
	out.SKU, out.Units = make([]int32, 0, lines), make([]int32, 0, lines)
	text := make([]byte, 0, ids)
	for n, i := range which {
		from, until := h.From[i], h.From[i+1]
		out.SKU = append(out.SKU, h.SKU[from:until]...)
		out.Units = append(out.Units, h.Units[from:until]...)
		out.From = append(out.From, uint32(len(out.SKU)))
		text = append(text, h.ID(int(i))...)
		out.IDFrom = append(out.IDFrom, uint64(len(text)))
		if at, ok := h.Exact[i]; ok {
			out.Exact[int32(n)] = at
		}
	}
	out.IDText = unsafeString(text)
	return out
}

// unsafeString returns bytes that nobody changes any more as a string, without a copy: ids of ten million orders.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func picked[T any](column []T, which []int32) []T {
	out := make([]T, len(which))
	for n, i := range which {
		out[n] = column[i]
	}
	return out
}

// sort puts orders and moves in the order of time; what is of one moment stays in the order in which it stands.
func (h *History) sort() {
	which := make([]int32, h.Len())
	for i := range which {
		which[i] = int32(i)
	}
	slices.SortStableFunc(which, func(a, b int32) int { return cmp.Compare(h.At[a], h.At[b]) })
	*h = *h.pick(which)
	h.Moves = slices.Clone(h.Moves)
	slices.SortStableFunc(h.Moves, func(a, b Move) int { return cmp.Compare(a.At, b.At) })
}

// compact numbers what the columns refer to by first appearance and drops what nothing refers to, in place of its tables and
// numbers. Equal orders then have equal columns, however they came about.
func (h *History) compact() {
	h.SKUs = renumbered(h.SKU, h.SKUs)
	h.Destinations = renumbered(h.Dest, h.Destinations)
	h.Warehouses = renumbered(h.Collect, h.Warehouses)
	h.ServiceSets = renumbered(h.Allowed, h.ServiceSets)
	if h.Value != nil && !slices.ContainsFunc(h.Value, func(v units.Money) bool { return v != 0 }) {
		h.Value = nil
	}
}

func renumbered[T any](column []int32, table []T) []T {
	to := make([]int32, len(table))
	var kept []T
	for i, n := range column {
		if n < 0 {
			continue
		}
		if to[n] == 0 {
			kept = append(kept, table[n])
			to[n] = int32(len(kept))
		}
		column[i] = to[n] - 1
	}
	return kept
}

// Seal finishes a history that a program built column by column: it numbers what the columns refer to by first appearance, drops
// what nothing refers to, and works out Hash, so that Read returns the same history from what WriteParquet writes. Orders and
// moves must be in the order of time. Histories that Read, Scale and Inject return are sealed.
func (h *History) Seal() {
	h.compact()
	h.seal()
}

// seal works out the hash: of the digests of the columns, which are taken side by side.
func (h *History) seal() {
	columns := [...]func(*digest){
		func(d *digest) { twoColumns(d, h.At, h.Promise) },
		func(d *digest) { twoColumns(d, h.Value, h.Dest) },
		func(d *digest) { twoColumns(d, h.IDFrom, h.Collect) },
		func(d *digest) { twoColumns[uint64](d, nil, h.Allowed) },
		func(d *digest) { twoColumns[uint64](d, nil, h.From) },
		func(d *digest) { twoColumns[uint64](d, nil, h.SKU) },
		func(d *digest) { twoColumns[uint64](d, nil, h.Units) },
		func(d *digest) { d.text(h.IDText) },
		func(d *digest) {
			for _, i := range slices.Sorted(maps.Keys(h.Exact)) {
				d.number(uint64(i))
				d.number(uint64(h.Exact[i]))
			}
		},
		func(d *digest) { d.texts(h.SKUs) },
		func(d *digest) { d.texts(h.Warehouses) },
		func(d *digest) {
			for _, s := range h.ServiceSets {
				d.texts(s)
			}
		},
		func(d *digest) {
			for i := range h.Destinations {
				d.destination(&h.Destinations[i])
			}
		},
		func(d *digest) {
			for i := range h.Moves {
				m := &h.Moves[i]
				for _, n := range [...]int64{int64(m.At), int64(m.Kind), int64(m.Quantity), int64(m.Due)} {
					d.number(uint64(n))
				}
				d.text(m.Warehouse)
				d.text(m.SKU)
			}
		},
	}
	var sums [len(columns)][]byte
	var wg sync.WaitGroup
	for i, write := range columns {
		wg.Go(func() {
			d := &digest{hash: sha256.New(), buf: make([]byte, 0, 16<<10)}
			write(d)
			d.flush()
			sums[i] = d.hash.Sum(nil)
		})
	}
	wg.Wait()
	all := sha256.New()
	_, _ = all.Write([]byte("allot history 1\n")) // a hash never fails
	for _, s := range sums {
		_, _ = all.Write(s) // a hash never fails
	}
	h.Hash = hex.EncodeToString(all.Sum(nil))
}

// A digest gathers small things for a hash. Numbers are little-endian, a text has its length before it.
type digest struct {
	hash hash.Hash
	buf  []byte
}

func (d *digest) flush() {
	_, _ = d.hash.Write(d.buf) // a hash never fails
	d.buf = d.buf[:0]
}

func (d *digest) number(n uint64) {
	if cap(d.buf)-len(d.buf) < 8 {
		d.flush()
	}
	d.buf = binary.LittleEndian.AppendUint64(d.buf, n)
}

func (d *digest) text(s string) {
	d.number(uint64(len(s)))
	for s != "" {
		if len(d.buf) == cap(d.buf) {
			d.flush()
		}
		n := min(len(s), cap(d.buf)-len(d.buf))
		d.buf = append(d.buf, s[:n]...)
		s = s[n:]
	}
}

func (d *digest) texts(all []string) {
	d.number(uint64(len(all)))
	for _, s := range all {
		d.text(s)
	}
}

func (d *digest) destination(to *engine.Destination) {
	d.text(to.Country)
	d.text(to.Postal)
	d.text(to.TimeZone)
	flags := uint64(0)
	if to.Commercial {
		flags = 1
	}
	if to.Point != nil {
		flags |= 2
	}
	d.number(flags)
	if to.Point != nil {
		d.number(math.Float64bits(to.Point.Lat))
		d.number(math.Float64bits(to.Point.Lng))
	}
}

// twoColumns writes a column of 8 bytes a number and then one of 4.
func twoColumns[L ~int64 | ~uint64, S ~int32 | ~uint32](d *digest, long []L, short []S) {
	d.number(uint64(len(long)))
	for _, n := range long {
		d.number(uint64(n))
	}
	d.number(uint64(len(short)))
	for _, n := range short {
		if cap(d.buf)-len(d.buf) < 4 {
			d.flush()
		}
		d.buf = binary.LittleEndian.AppendUint32(d.buf, uint32(n))
	}
}

// destination returns where order i goes; the zero value where it does not say.
func (h *History) destination(i int) engine.Destination {
	if d := h.Dest[i]; d >= 0 {
		return h.Destinations[d]
	}
	return engine.Destination{}
}
