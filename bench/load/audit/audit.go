// Package audit keeps the callers' own books of a load test and holds them against the server at its end: what was
// acknowledged must be there, once, and no more of it than there was. It shares no code with the ledger that it checks.
//
// Four things are looked for. A lost acknowledgement: a hold, a move of one or a delivery that a caller was told of and that is not
// there. A duplicate effect: a request that was repeated and got two answers, or units held or shipped that no request accounts for. An
// oversell: more units promised of a SKU in a warehouse than had been there at any moment, by what callers surely had and what
// at most could have been delivered by then. And a late plan that is labelled on time.
//
// Requests without an answer may have had their effect or not. At the end they are sent again under their request ids, and the
// answer is part of the books. What the books then say is exact, but for holds that expire while it is read; those
// are read again.
package audit

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
	"github.com/allot-engine/allot/engine"
)

// Options are what a Book is told. A zero field takes the default in its comment.
type Options struct {
	// SKUs are those that the workload may order. What is on hand of them is read before the run. Of other SKUs only what holds
	// claim is checked, since nobody knows what there was of them.
	SKUs []string
	// Shared tells that others move the target's stock as well: sums of stock then tell only that the units of acknowledged
	// holds are held, and oversells are not looked for.
	Shared bool

	Clock     func() time.Time // the server's clock as far as it is known; default what the server says in Begin, and time.Now where it says nothing
	Slack     time.Duration    // by how much Clock may be wrong, in its own measure; default 5 s
	Speed     float64          // seconds of the server's clock a second; default 1
	HoldFor   time.Duration    // the least that a hold lives by the server's clock; default not known: one counts as expired at once in the check for oversells
	Retention time.Duration    // for how long the server remembers ended holds, by its clock; default 7 days
	Refusals  time.Duration    // the same of refusals; default 1 hour

	MaxHolds int // orders of which books are kept; later ones are not checked. A hold takes about 150 bytes. Default 10 million
	MaxGets  int // holds that are read at the end, drawn by Seed where there are more; default 100,000
	MaxSKUs  int // SKUs whose stock is read, drawn by Seed where there are more; default 100,000
	Workers  int // calls at once at the end; default 8
	Examples int // of what is wrong, in words; default 20
	Seed     uint64
}

func (o Options) withDefaults() Options {
	o.Slack = cmp.Or(o.Slack, 5*time.Second)
	o.Speed = cmp.Or(o.Speed, 1)
	o.Retention, o.Refusals = cmp.Or(o.Retention, 7*24*time.Hour), cmp.Or(o.Refusals, time.Hour)
	o.MaxHolds, o.MaxGets = cmp.Or(o.MaxHolds, 10_000_000), cmp.Or(o.MaxGets, 100_000)
	o.MaxSKUs, o.Workers = cmp.Or(o.MaxSKUs, 100_000), cmp.Or(o.Workers, 8)
	o.Examples = cmp.Or(o.Examples, 20)
	return o
}

// shards keep callers from waiting for each other.
const shards = 64

// A Book is the accounts of one run. Make one with New.
type Book struct {
	o     Options
	began time.Time
	seed  maphash.Seed
	shard [shards]shard
	names names
	share uint64 // a SKU is read where its hash is at most this

	orders  atomic.Int64 // of which books are kept
	over    atomic.Int64 // of which there are none, for MaxHolds
	repeats atomic.Int64
	checked atomic.Int64 // decisions
	broken  atomic.Int64 // answers that nobody can read

	mu       sync.Mutex
	found    load.Correctness
	unsure   []unanswered // Allocates
	restocks []restock
	refills  map[int64]int   // place in restocks by the number of the event
	disputed map[cell]bool   // sums of stock there are wrong for a reason that was told already
	initial  map[cell]stock  // of those of the SKUs in counted that are not all 0
	counted  map[string]bool // SKUs whose stock was read before the run
	left     []string        // what was not checked
}

var _ load.Auditor = (*Book)(nil)

// A shard is the books of some of the orders.
type shard struct {
	mu     sync.Mutex
	index  []uint32 // [number/shards] place in orders, from 1
	orders []order
	text   []byte  // request and hold ids
	claims []claim // of all orders
}

// Moves of a hold that callers were told of, or sent without learning what came of it.
const (
	confirmed = 1 << iota
	released
	shipped
	cancelled

	terminal = released | shipped | cancelled
)

// Standings of an order in the books.
const (
	waiting = iota // for its answer
	refused
	granted
	failed // without an effect
)

// An order is an Allocate and what its hold went through. Times are milliseconds since the beginning; those of what surely was are
// rounded so that it lasted less long.
type order struct {
	expires  int64 // of its hold, Unix seconds of the server's clock
	digest   uint64
	text     uint32 // of its ids
	claims   uint32
	sent     uint32
	acked    uint32
	gone     uint32 // when a Release or Cancel of it left; never if 0
	ended    uint32 // when its end was told
	count    uint16 // of claims
	request  uint8  // length of its ids
	hold     uint8
	standing uint8
	told     uint8 // moves that were acknowledged
	maybe    uint8 // moves without an answer
	found    uint8 // what its hold was when it was read
}

// A claim is units of a cell.
type claim struct {
	cell  cell
	units int32
}

// A cell is a SKU in a warehouse.
type cell uint32

// A stock is the counters of a cell.
type stock struct{ onHand, held, safety, inbound int32 }

// names gives cells their numbers.
type names struct {
	mu    sync.RWMutex
	cells map[string]cell // by SKU, 0 and warehouse
	list  []string
}

// An unanswered is an Allocate that may have had its effect.
type unanswered struct {
	number  int64
	request *allotv1.AllocateRequest
	promise engine.Promise
}

// A restock is a delivery that was sent.
type restock struct {
	cell  cell
	units int32
	sent  uint32
	known bool // whether it was done is known
	done  bool
	id    string
}

// New returns empty books.
func New(o Options) *Book {
	b := &Book{
		o: o.withDefaults(), seed: maphash.MakeSeed(), names: names{cells: map[string]cell{}},
		refills: map[int64]int{}, disputed: map[cell]bool{}, share: ^uint64(0), began: time.Now(),
	}
	if n := len(b.o.SKUs); n > b.o.MaxSKUs {
		b.share = uint64(float64(b.share) * float64(b.o.MaxSKUs) / float64(n))
	}
	return b
}

// drawn tells whether a SKU is one of those whose stock is read.
func (b *Book) drawn(sku string) bool {
	if b.share == ^uint64(0) {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(sku))
	return mix(h.Sum64()^b.o.Seed) <= b.share
}

// mix makes each bit of a number depend on all (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Begin reads what is in stock, and the server's clock where it is not known.
func (b *Book) Begin(ctx context.Context, conn grpc.ClientConnInterface) error {
	var skus []string
	for _, s := range b.o.SKUs {
		if b.drawn(s) {
			skus = append(skus, s)
		}
	}
	if len(skus) > 0 && !b.o.Shared {
		initial, err := b.read(ctx, conn, skus)
		if err != nil {
			return err
		}
		b.initial, b.counted = initial, make(map[string]bool, len(skus))
		for _, sku := range skus {
			b.counted[sku] = true
		}
	}
	if b.o.Clock == nil {
		if err := b.readClock(ctx, conn); err != nil {
			return err
		}
	}
	b.began = time.Now()
	return nil
}

// readClock asks the server what its clock says, which for a load test may be another day (allot serve --clock-from): holds
// expire by it. Servers that do not tell have the time.
func (b *Book) readClock(ctx context.Context, conn grpc.ClientConnInterface) error {
	var answer *allotv1.CurrentResponse
	var asked time.Time
	err := retry(ctx, func(ctx context.Context) (err error) {
		asked = time.Now()
		answer, err = allotv1.NewNetworkServiceClient(conn).Current(ctx, &allotv1.CurrentRequest{})
		return err
	})
	if err != nil && status.Code(err) != codes.Unimplemented {
		return fmt.Errorf("reading the clock: %w", err)
	}
	b.o.Clock = time.Now
	if says := answer.GetTime(); says != nil {
		b.o.Clock = func() time.Time { return says.AsTime().Add(time.Duration(float64(time.Since(asked)) * b.o.Speed)) }
	}
	return nil
}

// of returns the shard of an order.
func (b *Book) of(number int64) *shard { return &b.shard[number%shards] }

// find returns an order, or nil where no books are kept of it. The shard is locked.
func (s *shard) find(number int64) *order {
	if at := number / shards; number >= 0 && at < int64(len(s.index)) && s.index[at] > 0 {
		return &s.orders[s.index[at]-1]
	}
	return nil
}

func (s *shard) requestID(o *order) string { return string(s.text[o.text:][:o.request]) }

func (s *shard) holdID(o *order) string { return string(s.text[o.text:][o.request:][:o.hold]) }

// claimsOf returns what an order's hold claims.
func (s *shard) claimsOf(o *order) []claim { return s.claims[o.claims:][:o.count] }

// earliest is now in the books, rounded down, and above 0; latest is it rounded up.
func (b *Book) earliest() uint32 { return uint32(time.Since(b.began)/time.Millisecond) + 1 }

func (b *Book) latest() uint32 { return b.earliest() + 1 }

// cell returns the number of a cell.
func (n *names) cell(warehouse, sku []byte) cell {
	var room [96]byte
	key := append(append(append(room[:0], sku...), 0), warehouse...)
	n.mu.RLock()
	c, ok := n.cells[string(key)]
	n.mu.RUnlock()
	if ok {
		return c
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if c, ok = n.cells[string(key)]; !ok {
		c = cell(len(n.list))
		text := string(key)
		n.cells[text], n.list = c, append(n.list, text)
	}
	return c
}

// Sent implements load.Auditor.
func (b *Book) Sent(c *load.Call) {
	switch e := c.Event; e.Kind {
	case workload.Allocate:
		if b.orders.Add(1) > int64(b.o.MaxHolds) {
			b.orders.Add(-1)
			b.over.Add(1)
			return
		}
		s := b.of(e.Number)
		s.mu.Lock()
		defer s.mu.Unlock()
		at := int(e.Number / shards)
		if at >= len(s.index) {
			s.index = append(s.index, make([]uint32, at+1-len(s.index))...)
		}
		s.orders = append(s.orders, order{text: uint32(len(s.text)), request: uint8(len(c.RequestID)), sent: b.earliest()})
		s.text = append(s.text, c.RequestID...)
		s.index[at] = uint32(len(s.orders))
	case workload.Repeat:
		b.repeats.Add(1)
	case workload.Restock:
		at := b.names.cell([]byte(e.Warehouse), []byte(e.SKU))
		b.mu.Lock()
		defer b.mu.Unlock()
		b.refills[e.Number] = len(b.restocks)
		b.restocks = append(b.restocks, restock{cell: at, units: e.Quantity, sent: b.earliest(), id: c.RequestID})
	case workload.Release, workload.Cancel:
		b.move(e, func(o *order) {
			if o.gone == 0 {
				o.gone = b.earliest()
			}
		})
	}
}

// move does something with the order that an event is about.
func (b *Book) move(e *workload.Event, do func(o *order)) {
	s := b.of(e.Of)
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.find(e.Of); o != nil {
		do(o)
	}
}

// bitOf is the move that an event asks for.
func bitOf(k workload.Kind) uint8 {
	switch k {
	case workload.Confirm:
		return confirmed
	case workload.Release:
		return released
	case workload.Ship:
		return shipped
	case workload.Cancel:
		return cancelled
	}
	return 0
}

// Answered implements load.Auditor.
func (b *Book) Answered(c *load.Call, wire []byte) {
	switch e := c.Event; e.Kind {
	case workload.Allocate:
		b.answered(e.Number, c.RequestID, e.Order.Promise, wire)
	case workload.Repeat:
		b.answered(e.Of, c.RequestID, e.Order.Promise, wire)
	case workload.Restock:
		b.restocked(e.Number, true, true)
	case workload.Confirm, workload.Release, workload.Ship, workload.Cancel:
		b.move(e, func(o *order) {
			if o.told |= bitOf(e.Kind); o.told&terminal != 0 && o.ended == 0 {
				o.ended = b.latest()
			}
		})
	}
}

// Failed implements load.Auditor.
func (b *Book) Failed(c *load.Call, code codes.Code) {
	unsure := false
	switch code {
	case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable, codes.Internal, codes.Unknown:
		unsure = true
	}
	switch e := c.Event; e.Kind {
	case workload.Allocate:
		s := b.of(e.Number)
		s.mu.Lock()
		o := s.find(e.Number)
		known := o == nil || o.standing != waiting
		if !known && !unsure {
			o.standing = failed
		}
		s.mu.Unlock()
		if unsure && !known {
			b.mu.Lock()
			b.unsure = append(b.unsure, unanswered{e.Number, requestOf(c.RequestID, &e.Order), e.Order.Promise})
			b.mu.Unlock()
		}
	case workload.Restock:
		b.restocked(e.Number, !unsure, false)
	case workload.Confirm, workload.Release, workload.Ship, workload.Cancel:
		b.move(e, func(o *order) {
			if unsure {
				o.maybe |= bitOf(e.Kind)
			}
		})
	}
}

func (b *Book) restocked(number int64, known, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.restocks[b.refills[number]]
	r.known, r.done = known, done
	delete(b.refills, number)
}

// answers are scratch memory for reading.
var answers = sync.Pool{New: func() any { return new(answer) }}

// answered puts the answer to an Allocate into the books, or holds it against the one that is there.
func (b *Book) answered(number int64, request string, promise engine.Promise, wire []byte) {
	a := answers.Get().(*answer)
	defer answers.Put(a)
	if err := a.read(wire); err != nil {
		b.broken.Add(1)
		return
	}
	if a.outcome == planned && !promise.IsZero() {
		b.checked.Add(1)
	}
	if why := a.late(promise); why != "" {
		b.tell(late, "request %s: %s", request, why)
	}
	s := b.of(number)
	s.mu.Lock()
	o := s.find(number)
	if o == nil {
		s.mu.Unlock()
		return
	}
	digest := a.digest(b.seed)
	if o.standing == waiting || o.standing == failed {
		b.enter(s, o, a, digest)
		s.mu.Unlock()
		return
	}
	was, now := s.holdID(o), string(a.hold)
	if was == now && o.digest == digest {
		s.mu.Unlock()
		return
	}
	cells := append(b.claims(a), s.claimsOf(o)...)
	// Refusals, and holds that ended, are forgotten after a while, and the request is then decided anew.
	forgotten := was == "" && b.passed(o.acked) >= b.o.Refusals-b.o.Slack || was != "" && was != now && b.forgettable(o)
	if forgotten {
		o.told, o.maybe, o.ended, o.gone = 0, 0, 0, 0
		b.enter(s, o, a, digest)
	}
	s.mu.Unlock()
	if !forgotten || was != "" { // what became of the earlier hold is not in the books any more
		b.dispute(cells)
	}
	if !forgotten {
		b.tell(duplicate, "request %s was answered with %s, and when it was repeated with %s%s", request, holdOf(was), holdOf(now),
			map[bool]string{true: ", by another plan"}[was == now])
	}
}

func holdOf(id string) string {
	if id == "" {
		return "a refusal"
	}
	return "hold " + id
}

// enter writes an answer down. The shard is locked.
func (b *Book) enter(s *shard, o *order, a *answer, digest uint64) {
	o.acked, o.digest, o.standing, o.found = b.latest(), digest, refused, unread
	o.hold, o.count = 0, 0
	if len(a.hold) == 0 {
		return
	}
	id := s.requestID(o)
	o.text = uint32(len(s.text))
	s.text = append(append(s.text, id...), a.hold...)
	o.standing, o.expires, o.hold = granted, a.expires, uint8(len(a.hold))
	o.claims = uint32(len(s.claims))
	s.claims = append(s.claims, b.claims(a)...)
	o.count = uint16(len(s.claims) - int(o.claims))
}

// claims are what an answer's hold claims, one for each cell.
func (b *Book) claims(a *answer) []claim {
	var out []claim
	for i := range a.items {
		c := b.names.cell(a.items[i].warehouse, a.items[i].sku)
		if at := slices.IndexFunc(out, func(d claim) bool { return d.cell == c }); at >= 0 {
			out[at].units += a.items[i].units
			continue
		}
		out = append(out, claim{c, a.items[i].units})
	}
	return out
}

// passed is how long ago something was, at the most, by the server's clock; 0 for what never was.
func (b *Book) passed(at uint32) time.Duration {
	if at == 0 {
		return 0
	}
	return time.Duration(float64(time.Since(b.began)-(time.Duration(at)-2)*time.Millisecond) * b.o.Speed)
}

// forgettable tells whether the server need not remember a hold any more: it may have ended that long ago.
func (b *Book) forgettable(o *order) bool {
	enough := b.o.Retention - b.o.Slack
	switch {
	case o.told&terminal != 0:
		return b.passed(o.ended) >= enough
	case o.maybe&terminal != 0 && b.passed(o.acked) >= enough:
		return true
	}
	return o.told&confirmed == 0 && !b.o.Clock().Before(time.Unix(o.expires, 0).Add(enough))
}

// dispute marks cells whose sums are wrong for a reason that was told.
func (b *Book) dispute(claims []claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range claims {
		b.disputed[c.cell] = true
	}
}

// requestOf is what an Allocate of an order asks for.
func requestOf(id string, o *engine.Order) *allotv1.AllocateRequest {
	out := &allotv1.Order{Id: o.ID, CollectAt: o.CollectAt, Services: slices.Clone(o.Services)}
	for _, l := range o.Lines {
		out.Lines = append(out.Lines, &allotv1.Line{Sku: l.SKU, Quantity: int32(l.Quantity)})
	}
	if o.To != (engine.Destination{}) {
		out.To = &allotv1.Destination{Country: o.To.Country, PostalCode: o.To.Postal, TimeZone: o.To.TimeZone, Commercial: o.To.Commercial}
		if p := o.To.Point; p != nil {
			out.To.Point = &allotv1.Point{Latitude: p.Lat, Longitude: p.Lng}
		}
	}
	switch {
	case o.Promise.Date != 0:
		out.Promise = &allotv1.Order_PromiseDate{PromiseDate: o.Promise.Date.String()}
	case o.Promise.Instant != 0:
		out.Promise = &allotv1.Order_PromiseAt{PromiseAt: &timestamppb.Timestamp{Seconds: int64(o.Promise.Instant)}}
	}
	return proto.CloneOf(&allotv1.AllocateRequest{RequestId: id, Order: out})
}
