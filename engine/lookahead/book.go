package lookahead

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/ratecards/calendar"
	"github.com/allot-engine/allot/solver/ahead"
	"github.com/allot-engine/allot/units"
)

// A book knows what every warehouse ships the orders of a forecast for. The engine prices each question once; those that
// differ too little to matter for a forecast share an answer: contents of as many lines and units, of like weight and size,
// are priced as the first of them in the forecast. What is answered depends on the question alone, not on what was
// asked before.
type book struct {
	e        *engine.Engine
	spots    []spot
	promises []Promise
	columns  []column   // what an ahead.Order's Promise counts
	today    units.Date // that they were chosen on
	age      uint64     // of the answers: grows when they are forgotten

	sku      []int32        // row in the snapshot, by the forecast's
	size     []size         // likewise
	alike    map[kind]int32 // to contents
	contents [][]engine.Line

	resting sync.Mutex
	desks   []*desk // that nobody is at; a sync.Pool forgets, and they remember much
	shards  [64]shard
}

// A column is a promise at a moment, and whatever else comes to the same.
type column struct {
	days int32
	now  units.Instant
	of   []int32 // positions of the promises, once for each moment, that it stands for
}

// A spot is a region as orders name it.
type spot struct {
	to        engine.Destination
	collectAt string
	zone      *calendar.Zone
	unit      geo.Unit
	weight    float64
}

// A size is what tells units of SKUs apart.
type size struct {
	weight  units.Weight
	volume  int64 // mm³
	longest units.Length
	classes uint32
	flags   ratecards.ParcelFlags
	alone   bool
}

// A kind is what tells contents apart, as far as a forecast needs it.
type kind struct {
	lines, units            int32
	weight, volume, longest int16
	classes                 uint32
	flags                   ratecards.ParcelFlags
	alone                   int32 // units that ship alone
}

// A shard is a part of the answers.
type shard struct {
	sync.RWMutex
	answers map[question][]int64 // cost by warehouse, -1 where it does not ship it
	exact   map[string]int32     // contents that no kind stands for, from 1<<30 on
	lines   [][]engine.Line
	bytes   int
	_       [64]byte
}

type question struct {
	content int32 // of contents; from 1<<30 on of a shard's
	shard   int32 // of the content, where it is a shard's
	spot    int32
	column  int32
}

// mostLines is how many lines of an order are priced together: what more there are of are taken for orders of their own.
const mostLines = 4

// mostBytes bounds the answers kept by one shard; what goes beyond is priced each time anew.
const mostBytes = 4 << 20

const ownContent = 1 << 30

// desk is the memory of one caller.
type desk struct {
	scratch *engine.Scratch
	order   engine.Order
	bids    []engine.Bid
	kinds   [1 << mostLines]content
	key     []byte

	lines  [mostLines]uint64      // of the order at hand: see mix
	sets   [1 << mostLines]uint64 // their sums, by set
	recent [mostRecent]recent     // answers, by the hash of what was asked
	age    uint64                 // of the answers
	added  bool                   // kinds are of the order at hand
}

// A recent is an answer that was given lately. Orders of a forecast come again and again, and looking an answer up where
// all goroutines keep theirs takes longer than what is done with it.
type recent struct {
	set           uint64
	spot, promise int32
	cost          []int64
}

const mostRecent = 1 << recentBits

const recentBits = 16

// mix turns a line into a number that no two lines share; those of a set are added up, which tells sets apart but for one
// chance in 2^64.
func mix(l ahead.Line) uint64 {
	x := uint64(uint32(l.SKU))<<32 | uint64(uint32(l.Quantity))
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9 // splitmix64
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// content is a set of an order's lines, added up.
type content struct {
	size
	lines, units, alone int32
}

func newBook(e *engine.Engine, skus []int32) *book {
	snap := e.Snapshot()
	b := &book{e: e, sku: skus, alike: map[kind]int32{}}
	for _, row := range skus {
		s := &snap.SKUs
		sides := s.Sides[row]
		b.size = append(b.size, size{
			weight: s.Weight[row], longest: sides[0], classes: s.Class[row], flags: s.Flags[row], alone: s.ShipsAlone[row],
			volume: int64(sides[0]/units.Millimetre) * int64(sides[1]/units.Millimetre) * int64(sides[2]/units.Millimetre),
		})
	}
	b.forget()
	return b
}

// take returns memory for one caller, who is to give it back.
func (b *book) take() *desk {
	b.resting.Lock()
	defer b.resting.Unlock()
	if n := len(b.desks); n > 0 {
		d := b.desks[n-1]
		b.desks = b.desks[:n-1]
		return d
	}
	return &desk{scratch: b.e.NewScratch()}
}

func (b *book) give(d *desk) {
	b.resting.Lock()
	b.desks = append(b.desks, d)
	b.resting.Unlock()
}

// forget drops all answers.
func (b *book) forget() {
	b.age++
	for i := range b.shards {
		s := &b.shards[i]
		s.answers, s.exact, s.lines, s.bytes = map[question][]int64{}, map[string]int32{}, nil, 0
	}
}

// stand makes each set of a type's lines stand for its kind, unless another does already: with one unit of each, and with
// more of one of them.
func (b *book) stand(skus []int32, quantities []int64) {
	d := b.take()
	defer b.give(d)
	o := &ahead.Order{}
	for _, sku := range skus {
		o.Lines = append(o.Lines, ahead.Line{SKU: sku, Quantity: 1})
	}
	b.standSets(d, o)
	for n := 2; n <= min(len(quantities), 12); n++ {
		if quantities[n-1] == 0 {
			continue
		}
		for i := range o.Lines {
			o.Lines[i].Quantity = int32(n)
			b.standSets(d, o)
			o.Lines[i].Quantity = 1
		}
	}
}

func (b *book) standSets(d *desk, o *ahead.Order) {
	b.add(d, o)
	for set := 1; set < 1<<len(o.Lines); set++ {
		k := d.kinds[set].kind()
		if _, known := b.alike[k]; !known {
			b.alike[k] = int32(len(b.contents))
			b.contents = append(b.contents, b.linesOf(o, uint32(set)))
		}
	}
}

// add adds up every set of an order's lines.
func (b *book) add(d *desk, o *ahead.Order) {
	d.kinds[0] = content{}
	for set := 1; set < 1<<len(o.Lines); set++ {
		l := &o.Lines[bits.TrailingZeros(uint(set))]
		c, s, n := d.kinds[set&(set-1)], &b.size[l.SKU], int64(l.Quantity)
		c.lines++
		c.units += l.Quantity
		c.weight += s.weight * units.Weight(n)
		c.volume += s.volume * n
		c.longest = max(c.longest, s.longest)
		c.classes |= s.classes
		c.flags |= s.flags
		if s.alone {
			c.alone += l.Quantity
		}
		d.kinds[set] = c
	}
}

// kind returns what a content is taken for. One unit is told apart to the quarter of a pound below one, to the pound up to
// twenty and to a tenth above; to a fifth of its volume; to three inches of its longest side. Of several it takes twice to four
// times as much.
func (c *content) kind() kind {
	k := kind{lines: c.lines, units: c.units, classes: c.classes, flags: c.flags, alone: c.alone}
	side, log := units.Length(3), 4.0
	if c.units > 1 {
		side, log = 12, 1
		k.units, k.alone = roughly(c.units), roughly(c.alone)
		switch w := c.weight; {
		case w <= 10*units.Pound:
			k.weight = int16((w + 2*units.Pound - 1) / (2 * units.Pound))
		default:
			k.weight = 6 + int16(math.Log(float64(w)/float64(10*units.Pound))/math.Log(1.25))
		}
	} else {
		switch w := c.weight; {
		case w <= units.Pound:
			k.weight = int16((4*w + units.Pound - 1) / units.Pound)
		case w <= 20*units.Pound:
			k.weight = 3 + int16((w+units.Pound-1)/units.Pound)
		default:
			k.weight = 24 + int16(math.Log(float64(w)/float64(20*units.Pound))/math.Log(1.1))
		}
	}
	k.longest = int16(min(c.longest/(side*units.Inch), math.MaxInt16))
	if c.volume > 0 {
		k.volume = int16(log * math.Log2(float64(c.volume)))
	}
	return k
}

// roughly rounds a number of units: those above four by thirds.
func roughly(n int32) int32 {
	if n <= 4 {
		return n
	}
	return 2 + int32(3*math.Log2(float64(n))/2)
}

func (b *book) linesOf(o *ahead.Order, set uint32) (lines []engine.Line) {
	ids := b.e.Snapshot().SKUs.IDs
	for ; set != 0; set &= set - 1 {
		l := &o.Lines[bits.TrailingZeros32(set)]
		lines = append(lines, engine.Line{SKU: ids[b.sku[l.SKU]], Quantity: int64(l.Quantity)})
	}
	return lines
}

// offers is the Offers of an ahead.Problem.
func (b *book) offers(o *ahead.Order, can []uint32, dst []ahead.Offer) []ahead.Offer {
	d := b.take()
	defer b.give(d)
	some := uint32(0)
	for _, c := range can {
		some |= c
	}
	if d.age != b.age {
		clear(d.recent[:])
		d.age = b.age
	}
	d.added = false
	for i, l := range o.Lines {
		d.lines[i] = mix(l)
	}
	for set := uint32(1); set <= some; set++ {
		d.sets[set] = d.sets[set&(set-1)] + d.lines[bits.TrailingZeros32(set)]
	}
	for set := some; set != 0; set = (set - 1) & some {
		cost := b.lately(d, o, set)
		for w, c := range can {
			if set&^c == 0 && cost[w] >= 0 {
				dst = append(dst, ahead.Offer{Warehouse: int32(w), Lines: set, Cost: cost[w]})
			}
		}
	}
	return dst
}

// lately is ask for what was mostly asked a moment ago.
func (b *book) lately(d *desk, o *ahead.Order, set uint32) []int64 {
	x := d.sets[set]
	r := &d.recent[(x^uint64(o.Region)*0x9e3779b97f4a7c15^uint64(o.Promise)*0xd6e8feb86659fd93)*0xff51afd7ed558ccd>>(64-recentBits)]
	if r.set != x || r.spot != o.Region || r.promise != o.Promise || r.cost == nil {
		if !d.added {
			b.add(d, o)
			d.added = true
		}
		*r = recent{set: x, spot: o.Region, promise: o.Promise, cost: b.ask(d, o, set)}
	}
	return r.cost
}

// ask returns what every warehouse ships a set of an order's lines for, whose sums are in d.
func (b *book) ask(d *desk, o *ahead.Order, set uint32) []int64 {
	q := question{spot: o.Region, column: o.Promise}
	var lines []engine.Line
	if id, ok := b.alike[d.kinds[set].kind()]; ok {
		q.content, lines = id, b.contents[id]
	} else {
		q.content, q.shard, lines = b.own(d, o, set)
	}
	s := &b.shards[(uint32(q.content)*0x9e3779b1^uint32(q.spot)*0x85ebca6b^uint32(q.column)*0xc2b2ae35)>>26]
	s.RLock()
	cost, ok := s.answers[q]
	s.RUnlock()
	if ok {
		return cost
	}
	cost = b.price(d, lines, q)
	s.Lock()
	if s.bytes < mostBytes {
		s.bytes += 8*len(cost) + 64
		s.answers[q] = cost
	}
	s.Unlock()
	return cost
}

// own returns the number of a content that no kind stands for: it stands for itself.
func (b *book) own(d *desk, o *ahead.Order, set uint32) (content, of int32, lines []engine.Line) {
	d.key = d.key[:0]
	hash := uint32(2166136261)
	for rest := set; rest != 0; rest &= rest - 1 {
		l := &o.Lines[bits.TrailingZeros32(rest)]
		d.key = binary.BigEndian.AppendUint32(d.key, uint32(l.SKU))
		d.key = binary.BigEndian.AppendUint32(d.key, uint32(l.Quantity))
		hash = (hash^uint32(l.SKU))*16777619 ^ uint32(l.Quantity)
	}
	of = int32(hash >> 26)
	s := &b.shards[of]
	s.RLock()
	content, ok := s.exact[string(d.key)]
	if ok {
		lines = s.lines[content-ownContent]
	}
	s.RUnlock()
	if ok {
		return content, of, lines
	}
	s.Lock()
	defer s.Unlock()
	if content, ok = s.exact[string(d.key)]; !ok {
		content = ownContent + int32(len(s.lines))
		s.lines = append(s.lines, b.linesOf(o, set))
		s.exact[string(d.key)] = content
	}
	return content, of, s.lines[content-ownContent]
}

// price asks the engine.
func (b *book) price(d *desk, lines []engine.Line, q question) []int64 {
	at, of := &b.spots[q.spot], &b.columns[q.column]
	d.order = engine.Order{Lines: lines, To: at.to, CollectAt: at.collectAt}
	if of.days != NoPromise {
		today, _ := at.zone.Local(of.now)
		d.order.Promise.Date = today + units.Date(of.days)
	}
	cost := make([]int64, len(b.e.Snapshot().Warehouses))
	for w := range cost {
		cost[w] = -1
	}
	var err error
	// An order that the engine finds malformed cannot be shipped, from anywhere.
	if d.bids, err = b.e.AppendBids(d.bids[:0], &d.order, []uint32{1<<len(lines) - 1}, of.now, d.scratch); err == nil {
		for i := range d.bids {
			if c := int64(d.bids[i].Cost); c >= 0 && c < ahead.CostLimit {
				cost[d.bids[i].Warehouse] = c
			}
		}
	}
	return cost
}

// momentsAWeek is at how many moments of the coming week orders are priced.
const momentsAWeek = 3

// look chooses when orders come: at moments in the coming week, after as many orders each, with every promise. It tells
// whether what was priced for other moments was forgotten.
func (b *book) look(f *Forecast, now units.Instant) bool {
	today := dateOf(now)
	if b.today == today && b.columns != nil {
		return false
	}
	b.forget()
	b.today, b.columns = today, nil
	total := 0.0
	for d := range units.Date(7) {
		total += f.factor(today + 1 + d)
	}
	for i := range momentsAWeek {
		sum, at := 0.0, today+1+units.Date(i*7/momentsAWeek)
		for d := range units.Date(7) {
			if sum += f.factor(today + 1 + d); total > 0 && sum > total*(float64(i)+0.5)/momentsAWeek {
				at = today + 1 + d
				break
			}
		}
		for j, p := range b.promises {
			b.columns = append(b.columns, column{days: p.Days, now: units.Instant(at)*day + units.Instant(f.Usual), of: []int32{int32(j)}})
		}
	}
	b.join()
	return true
}

// join makes one column of those that make no difference: most promises are kept by the cheapest service anyway. A few
// contents tell, from light to heavy, to every region.
func (b *book) join() {
	const probes = 3
	bySize := make([]int32, len(b.size))
	for i := range bySize {
		bySize[i] = int32(i)
	}
	slices.SortStableFunc(bySize, func(x, y int32) int { return cmp.Compare(b.size[x].weight, b.size[y].weight) })
	d := b.take()
	defer b.give(d)
	seen := map[string]int{}
	var kept []column
	var key []byte
	for at := range b.columns {
		key = key[:0]
		for i := range probes {
			sku := bySize[(2*i+1)*len(bySize)/(2*probes)]
			lines := []engine.Line{{SKU: b.e.Snapshot().SKUs.IDs[b.sku[sku]], Quantity: 1}}
			for spot := range b.spots {
				for _, cost := range b.price(d, lines, question{spot: int32(spot), column: int32(at)}) {
					key = binary.LittleEndian.AppendUint64(key, uint64(cost))
				}
			}
		}
		same, ok := seen[string(key)]
		if !ok {
			same = len(kept)
			seen[string(key)] = same
			kept = append(kept, b.columns[at])
			continue
		}
		kept[same].of = append(kept[same].of, b.columns[at].of...)
	}
	b.columns = kept
}

// spotOf returns a region as orders name it, and whether the network knows it.
func (a *atlas) spotOf(r *Region) (spot, bool) {
	snap := a.snap
	if r.CollectAt != "" {
		w, known := snap.Warehouse(r.CollectAt)
		if !known || snap.Warehouses[w].Closed {
			return spot{}, false
		}
		zone, ok := a.zone(snap.Warehouses[w].TimeZone)
		return spot{collectAt: r.CollectAt, zone: zone, weight: float64(r.Weight)}, ok
	}
	at, ok := snap.Places.Lookup(cmp.Or(r.Country, "US"), r.Postal)
	if !ok {
		return spot{}, false
	}
	zone, ok := a.zone(snap.Places.TimeZone(at))
	return spot{
		to: engine.Destination{Country: snap.Places.Country(at), Postal: r.Postal}, zone: zone, unit: snap.Places.Point(at).Unit(), weight: float64(r.Weight),
	}, ok
}

// mostSpots is how many regions are told apart; beyond it the least are joined to their neighbours.
const mostSpots = 64

// gather joins the regions of least weight to the nearest others, until at most so many are left. It returns what is left,
// and the position there of each that was given.
func gather(spots []spot, most int) (left []spot, to []int32) {
	alive := make([]bool, len(spots))
	into := make([]int32, len(spots))
	n := 0
	var order []int32
	for i := range spots {
		alive[i], into[i] = true, int32(i)
		if spots[i].collectAt == "" {
			order = append(order, int32(i))
			n++
		}
	}
	weight := make([]float64, len(spots))
	for i := range spots {
		weight[i] = spots[i].weight
	}
	// The least of all is joined as it was given: those that have grown meanwhile are not looked at again.
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(spots[a].weight, spots[b].weight) })
	for _, i := range order {
		if n <= most {
			break
		}
		best, near := int32(-1), -2.0
		for _, j := range order {
			if dot := spots[i].unit.Dot(spots[j].unit); j != i && alive[j] && spots[j].to.Country == spots[i].to.Country && dot > near {
				best, near = j, dot
			}
		}
		if best < 0 {
			continue // the only one of its country
		}
		alive[i], into[i] = false, best
		weight[best] += weight[i]
		n--
	}
	at := make([]int32, len(spots))
	for i := range spots {
		if alive[i] {
			at[i] = int32(len(left))
			left = append(left, spots[i])
			left[at[i]].weight = weight[i]
		}
	}
	to = make([]int32, len(spots))
	for i := range spots {
		j := int32(i)
		for !alive[j] {
			j = into[j]
		}
		to[i] = at[j]
	}
	return left, to
}
