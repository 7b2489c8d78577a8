package history

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// A Match says which orders a change of demand is about: those that fulfil every field that is not empty.
type Match struct {
	From, Until units.Instant // orders that came in [From, Until); 0: without end
	SKUs        []string      // of which the order has at least one
	SKUPrefixes []string      // the same, by how a SKU begins
	Countries   []string      // of the destination, ISO 3166-1 alpha-2; a destination without one is in the US
	Postal      []string      // how the postal code of the destination begins
	Regions     []string      // of the destination, as "CA", by the function that Scale is given
}

// matcher tells which orders match. What a SKU or a destination is like is found once.
type matcher struct {
	h       *History
	m       *Match
	sku     []bool // nil: any
	dest    []bool // nil: any
	nowhere bool   // whether an order without a destination of its own matches
}

func (h *History) matcher(m *Match, region func(*engine.Destination) string) *matcher {
	x := &matcher{h: h, m: m, nowhere: len(m.Countries)+len(m.Postal)+len(m.Regions) == 0}
	if len(m.SKUs)+len(m.SKUPrefixes) > 0 {
		x.sku = make([]bool, len(h.SKUs))
		exact := map[string]bool{}
		for _, s := range m.SKUs {
			exact[s] = true
		}
		for i, s := range h.SKUs {
			x.sku[i] = exact[s] || begins(s, m.SKUPrefixes)
		}
	}
	if !x.nowhere {
		x.dest = make([]bool, len(h.Destinations))
		for i := range h.Destinations {
			d := &h.Destinations[i]
			x.dest[i] = (len(m.Countries) == 0 || slices.Contains(m.Countries, cmp.Or(d.Country, "US"))) &&
				(len(m.Postal) == 0 || d.Postal != "" && begins(d.Postal, m.Postal)) &&
				(len(m.Regions) == 0 || region != nil && slices.Contains(m.Regions, region(d)))
		}
	}
	return x
}

func begins(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func (x *matcher) order(i int) bool {
	h := x.h
	if at := h.At[i]; at < x.m.From || x.m.Until != 0 && at >= x.m.Until {
		return false
	}
	if x.dest != nil {
		if d := h.Dest[i]; d < 0 || !x.dest[d] {
			return false
		}
	}
	return x.sku == nil || slices.ContainsFunc(h.SKU[h.From[i]:h.From[i+1]], func(s int32) bool { return x.sku[s] })
}

// Matching returns the number of orders that match; see Scale.
func (h *History) Matching(m Match, region func(*engine.Destination) string) int {
	x, n := h.matcher(&m, region), 0
	for i := range h.Len() {
		if x.order(i) {
			n++
		}
	}
	return n
}

// jitter is how far from its original a copy may come, in seconds.
const jitter = 1_800

// Scale returns the history with factor times the orders that match: of n, n x factor, rounded half-up. It is a
// whole-order change: an order of which one line matches is left out or copied with all its lines.
//
// Below 100 % orders are left out. Above, every order that matches is copied so many times as the factor has
// whole hundreds beyond the first, and some once more. Which ones is drawn by a hash of seed and id, so that it depends on no
// other order, and that those of a smaller factor are among those of a larger one. A copy comes up to half an hour before or
// after its original, within the span of the history and of the match, and never so late that its promise would be past;
// a promised instant moves with it. Copies of "o-1" are "o-1+2", "o-1+3" and so on, leaving out ids that are taken, and
// have row 0. Originals keep their ids, times and order; where a copy comes at the moment of an original it stands behind it.
//
// region says in which region a destination lies, as "CA"; it may be nil where the match names none. A negative factor is taken
// as 0. The history itself comes back where nothing changes. Otherwise the answer shares its moves and what tables can be shared.
func (h *History) Scale(seed uint64, m Match, region func(*engine.Destination) string, factor units.Percent) *History {
	factor = max(factor, 0)
	if factor == units.WholePercent {
		return h
	}
	x := h.matcher(&m, region)
	var matched []int32
	for i := range h.Len() {
		if x.order(i) {
			matched = append(matched, int32(i))
		}
	}
	if len(matched) == 0 {
		return h
	}
	whole, rest := int(factor/units.WholePercent), int64(factor%units.WholePercent)
	chosen := h.lowest(seed, matched, int((int64(len(matched))*rest+int64(units.WholePercent)/2)/int64(units.WholePercent)))
	var list, copies []made
	taken := h.suffixed()
	next := 0
	for i := range int32(h.Len()) {
		times := 1
		if next < len(matched) && matched[next] == i {
			times = whole
			if chosen[next] {
				times++
			}
			next++
		}
		if times > 0 {
			list = append(list, made{from: i, at: h.At[i]})
		}
		for n := 1; n < times; n++ {
			copies = append(copies, h.copyOf(seed, &m, i, taken))
		}
	}
	if len(copies) == 0 && len(list) == h.Len() {
		return h
	}
	list = append(list, copies...)
	slices.SortStableFunc(list, func(a, b made) int { return cmp.Compare(a.at, b.at) })
	return h.assemble(list)
}

// draw is a number that depends on nothing but its arguments: FNV-1a over the id, then the finisher of SplitMix64.
func draw(seed uint64, id string, salt uint64) uint64 {
	n := uint64(14695981039346656037) ^ seed
	for i := range len(id) {
		n = (n ^ uint64(id[i])) * 1099511628211
	}
	n += salt * 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// lowest marks the k of some orders whose draws are lowest.
func (h *History) lowest(seed uint64, orders []int32, k int) []bool {
	marked := make([]bool, len(orders))
	if k <= 0 {
		return marked
	}
	type drawn struct {
		n uint64
		i int32
	}
	all := make([]drawn, len(orders))
	for i, o := range orders {
		all[i] = drawn{draw(seed, h.ID(int(o)), 0), int32(i)}
	}
	slices.SortFunc(all, func(a, b drawn) int { return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.i, b.i)) })
	for _, d := range all[:k] {
		marked[d.i] = true
	}
	return marked
}

// suffixed returns the ids that end as those of copies do.
func (h *History) suffixed() map[string]bool {
	taken := map[string]bool{}
	for i := range h.Len() {
		id := h.ID(i)
		if strings.Contains(id, "+") {
			taken[id] = true
		}
	}
	return taken
}

// copyOf makes the next copy of an order.
func (h *History) copyOf(seed uint64, m *Match, i int32, taken map[string]bool) made {
	id := h.ID(int(i))
	c := made{from: i}
	for n := 2; ; n++ {
		if c.id = id + "+" + strconv.Itoa(n); !taken[c.id] {
			break
		}
	}
	taken[c.id] = true
	at := h.At[i]
	low, high := max(at-jitter, m.From, h.At[0]), min(at+jitter, h.At[h.Len()-1])
	if m.Until != 0 {
		high = min(high, m.Until-1)
	}
	if d := h.Promise[i]; d != 0 {
		// A local date is at most a day ahead of that of UTC: up to the end of the day two before, the promise is still to come.
		high = max(at, min(high, units.Instant(d-1)*86_400-1))
	}
	c.at = low + units.Instant(draw(seed, c.id, 1)%uint64(high-low+1))
	return c
}

// A made order is one of a history, or one that is like it.
type made struct {
	from    int32         // the order that it is, or is like
	id      string        // its own; "" where it is the order itself
	at      units.Instant // when it comes
	sku     int32         // of a flash sale, with units; into the new history's SKUs
	units   int32         // 0: the lines of the order that it is like
	promise units.Date    // of a flash sale
	value   units.Money   // of a flash sale
}

// assemble makes a history of a list that is in time order.
func (h *History) assemble(list []made) *History {
	which := make([]int32, len(list))
	sale := false
	for n := range list {
		which[n] = list[n].from
		sale = sale || list[n].units > 0
	}
	out := h.pick(which)
	var text []byte
	valued := h.Value != nil || slices.ContainsFunc(list, func(m made) bool { return m.value != 0 })
	if valued && out.Value == nil {
		out.Value = make([]units.Money, len(list))
	}
	for n := range list {
		m := &list[n]
		if m.id == "" {
			text = append(text, out.ID(n)...)
			continue
		}
		text = append(text, m.id...)
		out.Row[n], out.File[n] = 0, 0
		if by, ok := out.Exact[int32(n)]; ok {
			out.Exact[int32(n)] = by + m.at - out.At[n]
		}
		out.At[n] = m.at
		if m.units > 0 {
			out.Promise[n] = m.promise
			if valued {
				out.Value[n] = m.value
			}
		}
	}
	if sale {
		out.putSale(list)
	}
	ends := make([]uint64, 1, len(list)+1)
	for n := range list {
		length := len(list[n].id)
		if length == 0 {
			length = len(out.ID(n))
		}
		ends = append(ends, ends[n]+uint64(length))
	}
	out.IDFrom, out.IDText = ends, unsafeString(text)
	out.compact()
	out.seal()
	return out
}

// putSale puts what is on sale in place of the lines of the orders that were drawn.
func (h *History) putSale(list []made) {
	sku, count, from := make([]int32, 0, len(h.SKU)), make([]int32, 0, len(h.SKU)), make([]uint32, 1, len(list)+1)
	for n := range list {
		if m := &list[n]; m.units > 0 {
			sku, count = append(sku, m.sku), append(count, m.units)
		} else {
			sku = append(sku, h.SKU[h.From[n]:h.From[n+1]]...)
			count = append(count, h.Units[h.From[n]:h.From[n+1]]...)
		}
		from = append(from, uint32(len(sku)))
	}
	h.SKU, h.Units, h.From = slices.Clip(sku), slices.Clip(count), from
}

// A FlashSale is orders that nobody expected: of one SKU, within hours, from where orders come from anyway.
type FlashSale struct {
	Name   string        // begins the ids of its orders: "flash-1", "flash-2"
	SKU    string        // what is on sale
	Orders int           // how many orders come, 1 or more
	Units  int32         // units in each, 1 or more
	From   units.Instant // they come in [From, Until), each moment as likely as another
	Until  units.Instant
	Value  units.Money // what a buyer pays for one unit; 0 where it is not known
	Match  Match       // of the orders whose destinations and promises are drawn; the zero value draws of all
}

// Inject returns the history with a flash sale. Each order of it is drawn: when it comes, and an order of the history, not
// a collected one, that it is like: it goes to the same place by the same services, and is promised as many days (or
// seconds, where an instant was promised) after it came, a promised day being at least the next one. The ids of sale orders
// are numbered by time, leaving out those that are taken, and their row is 0. Orders of the history that come at the same
// moment stand before them.
//
// region is as in Scale. It fails where the sale is not one (no name or SKU, no orders, units or time), and where no order
// matches. The history itself is not changed.
func (h *History) Inject(seed uint64, sale FlashSale, region func(*engine.Destination) string) (*History, error) {
	switch {
	case sale.Name == "":
		return nil, errors.New("a flash sale needs a name")
	case sale.SKU == "":
		return nil, errors.New("a flash sale needs a SKU")
	case sale.Orders < 1:
		return nil, fmt.Errorf("a flash sale of %d orders; write 1 or more", sale.Orders)
	case sale.Units < 1:
		return nil, fmt.Errorf("a flash sale of %d units an order; write 1 or more", sale.Units)
	case sale.Until <= sale.From || sale.From <= 0:
		return nil, fmt.Errorf("a flash sale from %v until %v has no time", sale.From, sale.Until)
	case sale.Value < 0:
		return nil, fmt.Errorf("a flash sale at %v a unit", sale.Value)
	case h.Len()+sale.Orders > 1<<31-1:
		return nil, fmt.Errorf("a flash sale of %d orders is more than a history holds", sale.Orders)
	}
	x := h.matcher(&sale.Match, region)
	var pool []int32
	for i := range h.Len() {
		if h.Dest[i] >= 0 && h.Collect[i] < 0 && x.order(i) {
			pool = append(pool, int32(i))
		}
	}
	if len(pool) == 0 {
		return nil, errors.New("no order that is sent matches, so nobody knows where the orders of a flash sale would go")
	}
	base := *h
	row := slices.Index(h.SKUs, sale.SKU)
	if row < 0 {
		row = len(h.SKUs)
		base.SKUs = append(slices.Clip(h.SKUs), sale.SKU)
	}
	taken := map[string]bool{}
	for i := range h.Len() {
		if id := h.ID(i); strings.HasPrefix(id, sale.Name+"-") {
			taken[id] = true
		}
	}
	rng := rand.New(rand.NewPCG(seed, draw(seed, sale.Name, 2)))
	sold := make([]made, sale.Orders)
	for n := range sold {
		i := pool[rng.IntN(len(pool))]
		m := made{from: i, at: sale.From + units.Instant(rng.Int64N(int64(sale.Until-sale.From))), sku: int32(row), units: sale.Units}
		if d := h.Promise[i]; d != 0 {
			m.promise = units.Date(m.at/86_400) + max(1, d-units.Date(h.At[i]/86_400))
		}
		m.value = sale.Value * units.Money(sale.Units)
		sold[n] = m
	}
	slices.SortStableFunc(sold, func(a, b made) int { return cmp.Compare(a.at, b.at) })
	n := 0
	for i := range sold {
		for n++; taken[sale.Name+"-"+strconv.Itoa(n)]; n++ {
		}
		sold[i].id = sale.Name + "-" + strconv.Itoa(n)
	}
	list := make([]made, 0, h.Len()+len(sold))
	for i := range int32(h.Len()) {
		list = append(list, made{from: i, at: h.At[i]})
	}
	list = append(list, sold...)
	slices.SortStableFunc(list, func(a, b made) int { return cmp.Compare(a.at, b.at) })
	return base.assemble(list), nil
}
