package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// skusAtOnce keeps a GetStock under its 50,000 answers in a network of a thousand warehouses.
const skusAtOnce = 40

// maxAnswer is the most that an answer of GetStock may take.
const maxAnswer = 64 << 20

// read reads what is in stock of some SKUs. Cells with nothing on any counter are not in the answer.
func (b *Book) read(ctx context.Context, conn grpc.ClientConnInterface, skus []string) (map[cell]stock, error) {
	inventory := allotv1.NewInventoryServiceClient(conn)
	out := map[cell]stock{}
	var mu sync.Mutex
	err := each(ctx, b.o.Workers, slices.Collect(slices.Chunk(skus, skusAtOnce)), func(ctx context.Context, part []string) error {
		var answer *allotv1.GetStockResponse
		err := retry(ctx, func(ctx context.Context) (err error) {
			answer, err = inventory.GetStock(ctx, &allotv1.GetStockRequest{Skus: part}, grpc.MaxCallRecvMsgSize(maxAnswer))
			return err
		})
		if err != nil {
			return fmt.Errorf("%w: %w", errNoStock, err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range answer.GetStock() {
			c := b.names.cell([]byte(s.GetWarehouse()), []byte(s.GetSku()))
			out[c] = stock{onHand: s.GetOnHand(), held: s.GetHeld(), safety: s.GetSafety(), inbound: s.GetInbound()}
		}
		return nil
	})
	return out, err
}

// A span is a number of units that is not known for sure: at least low, at most high.
type span struct{ low, high int64 }

func (s *span) add(low, high int64) { s.low, s.high = s.low+low, s.high+high }

func (s span) has(v int64) bool { return s.low <= v && v <= s.high }

func (s span) String() string {
	if s.low == s.high {
		return fmt.Sprint(s.low)
	}
	return fmt.Sprintf("%d to %d", s.low, s.high)
}

// An account is what a cell should come to.
type account struct{ held, shipped, restocked span }

// last is what became of a hold, as far as it is known: what of a unit that it claims is held and what is shipped.
func (b *Book) last(o *order) (held, gone span) {
	one, maybe := span{1, 1}, span{0, 1}
	switch o.found {
	case uint8(allotv1.HoldState_HOLD_STATE_PENDING), uint8(allotv1.HoldState_HOLD_STATE_CONFIRMED):
		return one, span{}
	case uint8(allotv1.HoldState_HOLD_STATE_SHIPPED):
		return span{}, one
	case uint8(allotv1.HoldState_HOLD_STATE_RELEASED), uint8(allotv1.HoldState_HOLD_STATE_EXPIRED), uint8(allotv1.HoldState_HOLD_STATE_CANCELLED):
		return span{}, span{}
	}
	if o.told&terminal == 0 && o.maybe&shipped != 0 {
		gone = maybe
	}
	switch {
	case o.found == forgotten:
		return span{}, gone
	case b.open(o):
		return maybe, gone
	case o.told&shipped != 0:
		return span{}, one
	case o.told&terminal != 0, o.told&confirmed == 0:
		return span{}, span{}
	}
	return one, span{}
}

// accounts sums up what every cell should come to. loose takes holds that may expire any moment as held or not.
func (b *Book) accounts(loose bool) map[cell]*account {
	out := map[cell]*account{}
	of := func(c cell) *account {
		a := out[c]
		if a == nil {
			a = &account{}
			out[c] = a
		}
		return a
	}
	b.all(func(_ ref, s *shard, o *order) {
		held, gone := b.last(o)
		if loose && o.found == uint8(allotv1.HoldState_HOLD_STATE_PENDING) {
			held.low = 0
		}
		for _, c := range s.claimsOf(o) {
			a, units := of(c.cell), int64(c.units)
			a.held.add(held.low*units, held.high*units)
			a.shipped.add(gone.low*units, gone.high*units)
		}
	})
	for i := range b.restocks {
		r := &b.restocks[i]
		units := int64(r.units)
		switch {
		case !r.known:
			of(r.cell).restocked.add(0, units)
		case r.done:
			of(r.cell).restocked.add(units, units)
		}
	}
	return out
}

// sku returns the SKU of a cell.
func (n *names) sku(c cell) string {
	sku, _, _ := strings.Cut(n.list[c], "\x00")
	return sku
}

// stocks holds the stock against the books. Where they are not exact, only what is missing from what is held is told.
func (b *Book) stocks(ctx context.Context, conn grpc.ClientConnInterface, exact bool) error {
	books := b.accounts(false)
	touched := map[string]bool{}
	for c := range books {
		touched[b.names.sku(c)] = true
	}
	var skus []string
	strange, left := 0, 0
	for sku := range touched {
		if !b.counted[sku] {
			strange++
			if !b.drawn(sku) || strange > b.o.MaxSKUs {
				left++
				continue
			}
		}
		skus = append(skus, sku)
	}
	slices.Sort(skus)
	if left > 0 {
		b.skip("the stock of %d of %d SKUs that were ordered", left, len(touched))
	}
	if n := strange - left; n > 0 && !b.o.Shared {
		b.skip("oversells of %d of %d SKUs, whose stock was not read before the run", n, len(touched))
	}
	short := map[cell]fault{} // where the server itself holds more than there is
	for round := 1; ; round++ {
		now, err := b.read(ctx, conn, skus)
		if err != nil {
			return err
		}
		faults := b.compare(books, now, skus, exact)
		again := b.pending(faults)
		if len(faults) == 0 || len(again) == 0 || round > moreGets {
			b.found.Cells = b.cellsOf(books, now, skus)
			for _, f := range faults {
				if f.units > 0 {
					short[f.cell] = f
					continue
				}
				b.tell(f.what, "%s", f.text)
			}
			break
		}
		if err := b.get(ctx, conn, again); err != nil {
			return err
		}
		books = b.accounts(round == moreGets)
	}
	if exact {
		b.oversells(short)
	}
	return nil
}

// cellsOf counts the cells of the SKUs that were compared.
func (b *Book) cellsOf(books map[cell]*account, now map[cell]stock, skus []string) int64 {
	read := make(map[string]bool, len(skus))
	for _, s := range skus {
		read[s] = true
	}
	n := int64(len(now))
	for c := range books {
		if _, there := now[c]; !there && read[b.names.sku(c)] {
			n++
		}
	}
	return n
}

// A fault is a sum that is wrong.
type fault struct {
	cell  cell
	what  counter
	text  string
	units int64 // of an oversell
}

// pending returns the holds in cells with faults that may have expired since they were read.
func (b *Book) pending(faults []fault) []ref {
	at := map[cell]bool{}
	for i := range faults {
		at[faults[i].cell] = true
	}
	var out []ref
	if len(at) == 0 {
		return nil
	}
	b.all(func(r ref, s *shard, o *order) {
		if o.found != uint8(allotv1.HoldState_HOLD_STATE_PENDING) && (o.found != unread || !b.open(o)) {
			return
		}
		if slices.ContainsFunc(s.claimsOf(o), func(c claim) bool { return at[c.cell] }) && len(out) < b.o.MaxGets {
			out = append(out, r)
		}
	})
	return out
}

// compare returns where the stock is not what the books say.
func (b *Book) compare(books map[cell]*account, now map[cell]stock, skus []string, exact bool) []fault {
	read := make(map[string]bool, len(skus))
	for _, s := range skus {
		read[s] = true
	}
	cells := make([]cell, 0, len(books)+len(now))
	for c := range books {
		cells = append(cells, c)
	}
	for c := range now {
		cells = append(cells, c)
	}
	slices.Sort(cells)
	var out []fault
	for _, c := range slices.Compact(cells) {
		if sku := b.names.sku(c); read[sku] && !b.disputed[c] {
			out = append(out, b.compareCell(c, books[c], now[c], exact && b.counted[sku])...)
		}
	}
	return out
}

func (b *Book) compareCell(c cell, a *account, is stock, exact bool) []fault {
	if a == nil {
		a = &account{}
	}
	held := int64(is.held)
	if !exact {
		if held < a.held.low {
			return []fault{{c, lost, fmt.Sprintf("of %s %d units are held, and acknowledged holds have %v", b.names.of(c), held, a.held), 0}}
		}
		return nil
	}
	was := b.initial[c]
	var out []fault
	// What was held and on its way before the run may have been given back, or have come.
	should := span{a.held.low, a.held.high + int64(was.held)}
	switch {
	case held < should.low:
		out = append(out, fault{c, lost, fmt.Sprintf("of %s %d units are held, and acknowledged holds have %v", b.names.of(c), held, should), 0})
	case held > should.high:
		out = append(out, fault{c, duplicate, fmt.Sprintf("of %s %d units are held, and all requests together account for %v", b.names.of(c), held, should), 0})
	}
	there := span{int64(was.onHand) + a.restocked.low - a.shipped.high, int64(was.onHand) + int64(was.inbound) + a.restocked.high - a.shipped.low}
	onHand := int64(is.onHand)
	switch text := fmt.Sprintf("of %s %d units are on hand, and %d at first, %v delivered and %v shipped make %v",
		b.names.of(c), onHand, was.onHand, a.restocked, a.shipped, there); {
	case there.has(onHand):
	case onHand > there.high && a.shipped.high > 0, onHand < there.low && a.restocked.high >= there.low-onHand:
		out = append(out, fault{c, lost, text, 0}) // what was shipped is still there, or what was delivered is not
	default:
		out = append(out, fault{c, duplicate, text, 0})
	}
	if short := held + int64(is.safety) - onHand; short > 0 && int64(was.held)+int64(was.safety) <= int64(was.onHand) && is.safety == was.safety {
		out = append(out, fault{c, oversold, fmt.Sprintf("of %s %d units are held and %d kept back, and %d on hand", b.names.of(c), held, is.safety, onHand), short})
	}
	return out
}

// A change is when more, or less, of a cell was surely promised, or could be.
type change struct {
	cell     cell
	at       uint32
	promised int32
	there    int32
}

// never is after all that happened.
const never = math.MaxUint32

// oversells looks for moments at which holds surely had more units than there can have been, beside cells where the server says so.
func (b *Book) oversells(short map[cell]fault) {
	var list []change
	life := uint32(0)
	if b.o.HoldFor > 2*time.Second {
		life = uint32(min(float64(b.o.HoldFor-2*time.Second)/b.o.Speed/float64(time.Millisecond), 1<<31))
	}
	b.all(func(_ ref, s *shard, o *order) {
		until := o.sent + life
		firm := o.told&(confirmed|shipped) != 0 || o.found == uint8(allotv1.HoldState_HOLD_STATE_CONFIRMED) ||
			o.found == uint8(allotv1.HoldState_HOLD_STATE_SHIPPED)
		if firm {
			until = never
		}
		if o.gone != 0 && o.told&shipped == 0 && o.found != uint8(allotv1.HoldState_HOLD_STATE_SHIPPED) {
			until = min(until, o.gone)
		}
		if until <= o.acked {
			return
		}
		for _, c := range s.claimsOf(o) {
			if !b.counted[b.names.sku(c.cell)] {
				continue
			}
			list = append(list, change{cell: c.cell, at: o.acked, promised: c.units})
			if until != never {
				list = append(list, change{cell: c.cell, at: until, promised: -c.units})
			}
		}
	})
	for i := range b.restocks {
		if r := &b.restocks[i]; !r.known || r.done {
			list = append(list, change{cell: r.cell, at: r.sent, there: r.units})
		}
	}
	// What makes room comes first.
	slices.SortFunc(list, func(x, y change) int {
		return cmp.Or(cmp.Compare(x.cell, y.cell), cmp.Compare(x.at, y.at), cmp.Compare(y.there, x.there), cmp.Compare(x.promised, y.promised))
	})
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].cell == list[0].cell {
			n++
		}
		c := list[0].cell
		units, text := b.oversell(list[:n])
		list = list[n:]
		if f := short[c]; f.units > units {
			units, text = f.units, f.text
		}
		delete(short, c)
		if units > 0 {
			b.tellMany(units, oversold, "%s", text)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(short)) {
		b.tellMany(short[c].units, oversold, "%s", short[c].text)
	}
}

// oversell looks at what happened to one cell, and returns by how many units it was oversold at the worst.
func (b *Book) oversell(list []change) (units int64, text string) {
	c := list[0].cell
	was := b.initial[c]
	there := int64(was.onHand) + int64(was.inbound) - int64(was.safety)
	promised, atMost := int64(0), int64(0)
	for _, ch := range list {
		there += int64(ch.there)
		promised += int64(ch.promised)
		if over := promised - max(0, there); over > units {
			units, atMost = over, promised
		}
	}
	return units, fmt.Sprintf("of %s %d units were promised at once, %d more than there were (%d at first, %d of them kept back)",
		b.names.of(c), atMost, units, was.onHand, was.safety)
}
