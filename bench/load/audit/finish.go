package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/load"
)

// A counter is what of a Correctness is counted.
type counter = func(*load.Correctness) *int64

func lost(c *load.Correctness) *int64      { return &c.LostAcks }
func duplicate(c *load.Correctness) *int64 { return &c.DuplicateEffects }
func oversold(c *load.Correctness) *int64  { return &c.Oversells }
func late(c *load.Correctness) *int64      { return &c.LateOnTime }

// tell counts something that is wrong, and keeps the first few in words.
func (b *Book) tell(what counter, format string, args ...any) {
	b.tellMany(1, what, format, args...)
}

func (b *Book) tellMany(n int64, what counter, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*what(&b.found) += n
	if len(b.found.Examples) < b.o.Examples {
		b.found.Examples = append(b.found.Examples, fmt.Sprintf(format, args...))
	}
}

// skip says what is not checked.
func (b *Book) skip(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = append(b.left, fmt.Sprintf(format, args...))
}

// What a hold was when it was read, beside the values of allotv1.HoldState.
const (
	unread    = 0
	forgotten = 100 // not there any more, as it may
	wrong     = 101 // not as it should be, which was told
)

// moreGets is how often what expires while it is read is read again.
const moreGets = 5

// Finish implements load.Auditor: it resolves what had no answer, reads holds and stock, and tells what is wrong. Where it could
// not read all, the error says why, and the Correctness has what was found by then.
func (b *Book) Finish(ctx context.Context, conn grpc.ClientConnInterface) (load.Correctness, error) {
	exact := !b.o.Shared
	if n := b.over.Load(); n > 0 {
		exact = false
		b.skip("%d orders beyond the first %d", n, b.o.MaxHolds)
	}
	if n := b.broken.Load(); n > 0 {
		exact = false
		b.tellMany(n, lost, "%d answers could not be read", n)
	}
	resolved, err := b.resolve(ctx, conn)
	exact = exact && resolved
	if err == nil {
		err = b.holds(ctx, conn)
	}
	if err == nil {
		err = b.stocks(ctx, conn, exact)
	}
	if b.o.Shared {
		b.skip("oversells and units that nobody accounts for: others move the stock of this target")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.found
	out.Repeats, out.Decisions = b.repeats.Load(), b.checked.Load()
	out.Skipped = strings.Join(b.left, "; ")
	if err != nil {
		return out, fmt.Errorf("audit: %w", err)
	}
	return out, nil
}

// retry calls until it is not refused for now.
func retry(ctx context.Context, do func(ctx context.Context) error) error {
	pause := 20 * time.Millisecond
	for attempt := 1; ; attempt++ {
		bounded, cancel := context.WithTimeout(ctx, 30*time.Second)
		err := do(bounded)
		cancel()
		switch status.Code(err) {
		case codes.ResourceExhausted, codes.Unavailable, codes.Aborted, codes.DeadlineExceeded:
			if attempt < 10 && ctx.Err() == nil {
				break
			}
			return err
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// each does something for all of a list, a few at once, until one fails.
func each[T any](ctx context.Context, workers int, list []T, do func(ctx context.Context, item T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan T)
	var all sync.WaitGroup
	for range min(workers, len(list)) {
		all.Go(func() {
			for item := range work {
				if err := do(ctx, item); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, item := range list {
		select {
		case work <- item:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	all.Wait()
	return context.Cause(ctx)
}

// resolve finds out what became of requests without an answer, by sending them again. It tells whether all of them are known now.
func (b *Book) resolve(ctx context.Context, conn grpc.ClientConnInterface) (bool, error) {
	list := b.unsure
	if len(list) > b.o.MaxGets {
		b.skip("what became of %d orders without an answer", len(list)-b.o.MaxGets)
		list = list[:b.o.MaxGets]
	}
	all := len(list) == len(b.unsure)
	allocation, inventory := allotv1.NewAllocationServiceClient(conn), allotv1.NewInventoryServiceClient(conn)
	err := each(ctx, b.o.Workers, list, func(ctx context.Context, u unanswered) error {
		var answer *allotv1.AllocateResponse
		err := retry(ctx, func(ctx context.Context) (err error) {
			answer, err = allocation.Allocate(ctx, u.request)
			return err
		})
		if err != nil {
			return b.unresolved(u.request.GetRequestId(), err)
		}
		wire, err := proto.Marshal(answer)
		if err != nil {
			return err
		}
		b.answered(u.number, u.request.GetRequestId(), u.promise, wire)
		return nil
	})
	if err != nil {
		return false, err
	}
	var open []int
	for i := range b.restocks {
		if !b.restocks[i].known {
			open = append(open, i)
		}
	}
	return all, each(ctx, b.o.Workers, open, func(ctx context.Context, i int) error {
		r := &b.restocks[i]
		sku, warehouse, _ := strings.Cut(b.names.list[r.cell], "\x00")
		err := retry(ctx, func(ctx context.Context) error {
			_, err := inventory.AdjustStock(ctx, &allotv1.AdjustStockRequest{
				RequestId: r.id, Adjustments: []*allotv1.StockAdjustment{{Warehouse: warehouse, Sku: sku, Change: r.units}},
			})
			return err
		})
		if err != nil {
			return b.unresolved(r.id, err)
		}
		r.known, r.done = true, true
		return nil
	})
}

// unresolved is why a request that is sent again does not tell what became of it; nil where it tells that it had no effect.
func (b *Book) unresolved(id string, err error) error {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition:
		return nil
	case codes.AlreadyExists:
		b.tell(duplicate, "request %s, sent again as it was, is said to be another one: %v", id, err)
		return nil
	}
	return fmt.Errorf("sending request %s again: %w", id, err)
}

// A ref is the place of an order in the books.
type ref struct{ shard, order uint32 }

// all calls for every order with a hold.
func (b *Book) all(do func(at ref, s *shard, o *order)) {
	for i := range b.shard {
		s := &b.shard[i]
		for j := range s.orders {
			if o := &s.orders[j]; o.standing == granted {
				do(ref{uint32(i), uint32(j)}, s, o)
			}
		}
	}
}

// open tells whether an order's moves do not say what its hold is now.
func (b *Book) open(o *order) bool {
	switch {
	case o.told&terminal != 0:
		return false
	case o.maybe&terminal != 0:
		return true
	case o.told&confirmed != 0:
		return false
	}
	return o.maybe != 0 || b.o.Clock().Add(-b.o.Slack).Before(time.Unix(o.expires, 0))
}

// holds reads those holds of which it is not known what they are now, and others by chance.
func (b *Book) holds(ctx context.Context, conn grpc.ClientConnInterface) error {
	rng := rand.New(rand.NewPCG(b.o.Seed, 0x5eed))
	var open, rest []ref
	seen, unsure := 0, 0
	b.all(func(at ref, _ *shard, o *order) {
		if b.open(o) {
			if unsure++; len(open) < b.o.MaxGets {
				open = append(open, at)
			}
			return
		}
		// Each of the others has the same chance to be among those that are kept (reservoir sampling).
		if seen++; len(rest) < b.o.MaxGets {
			rest = append(rest, at)
		} else if i := rng.IntN(seen); i < len(rest) {
			rest[i] = at
		}
	})
	rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	list := append(open, rest[:min(len(rest), b.o.MaxGets-len(open))]...)
	if n := seen + unsure - len(list); n > 0 {
		b.skip("%d of %d holds were not read one by one, only their units summed up", n, seen+unsure)
	}
	b.found.Holds = int64(len(list))
	return b.get(ctx, conn, list)
}

// get reads holds and tells what is wrong with them.
func (b *Book) get(ctx context.Context, conn grpc.ClientConnInterface, list []ref) error {
	allocation := allotv1.NewAllocationServiceClient(conn)
	return each(ctx, b.o.Workers, list, func(ctx context.Context, at ref) error {
		s := &b.shard[at.shard]
		o := &s.orders[at.order]
		id := s.holdID(o)
		var answer *allotv1.GetResponse
		before := b.o.Clock()
		err := retry(ctx, func(ctx context.Context) (err error) {
			answer, err = allocation.Get(ctx, &allotv1.GetRequest{HoldId: id})
			return err
		})
		if err != nil && status.Code(err) != codes.NotFound {
			return fmt.Errorf("reading hold %s: %w", id, err)
		}
		if o.found == wrong {
			return nil
		}
		state, why := b.judge(s, o, answer, before)
		o.found = state
		if why == "" {
			return nil
		}
		o.found = wrong
		b.dispute(s.claimsOf(o))
		b.tell(lost, "hold %s of request %s: %s", id, s.requestID(o), why)
		return nil
	})
}

// judge tells what is wrong with a hold as it was read, after a moment of the server's clock; nil was not found.
func (b *Book) judge(s *shard, o *order, got *allotv1.GetResponse, at time.Time) (found uint8, why string) {
	if got == nil {
		if b.forgettable(o) {
			return forgotten, ""
		}
		return wrong, fmt.Sprintf("it was acknowledged%s, and is not there", movesOf(o.told))
	}
	state := got.GetHold().GetState()
	may := b.mayBe(o, at)
	if may&(1<<state) == 0 {
		return wrong, fmt.Sprintf("it was acknowledged%s, and is %v", movesOf(o.told), stateOf(state))
	}
	wire, err := proto.Marshal(&allotv1.AllocateResponse{Decision: got.GetDecision()})
	if err != nil {
		return wrong, err.Error()
	}
	a := answers.Get().(*answer)
	defer answers.Put(a)
	if err := a.read(wire); err != nil || a.digest(b.seed) != o.digest {
		return wrong, "its decision is not the one that was acknowledged"
	}
	if why := b.sameLines(s, o, got.GetHold()); why != "" {
		return wrong, why
	}
	return uint8(state), ""
}

// mayBe is the set of states in which a hold may be.
func (b *Book) mayBe(o *order, at time.Time) uint32 {
	const (
		pending = 1 << allotv1.HoldState_HOLD_STATE_PENDING
		firm    = 1 << allotv1.HoldState_HOLD_STATE_CONFIRMED
		freed   = 1 << allotv1.HoldState_HOLD_STATE_RELEASED
		expired = 1 << allotv1.HoldState_HOLD_STATE_EXPIRED
		undone  = 1 << allotv1.HoldState_HOLD_STATE_CANCELLED
		gone    = 1 << allotv1.HoldState_HOLD_STATE_SHIPPED
	)
	var may uint32
	if o.told&terminal != 0 {
		for move, state := range map[uint8]uint32{released: freed, shipped: gone, cancelled: undone} {
			if o.told&move != 0 {
				may |= state
			}
		}
		return may
	}
	for move, state := range map[uint8]uint32{released: freed, shipped: gone, cancelled: undone, confirmed: firm} {
		if (o.told|o.maybe)&move != 0 {
			may |= state
		}
	}
	if o.told&confirmed != 0 {
		return may &^ freed
	}
	end := time.Unix(o.expires, 0)
	if at.Add(-b.o.Slack).Before(end) {
		may |= pending
	}
	if !b.o.Clock().Add(b.o.Slack).Before(end) {
		may |= expired
	}
	return may
}

// sameLines holds a hold's lines against what was acknowledged.
func (b *Book) sameLines(s *shard, o *order, h *allotv1.Hold) string {
	claims := map[cell]int32{}
	for _, c := range s.claimsOf(o) {
		claims[c.cell] += c.units
	}
	for _, l := range h.GetLines() {
		claims[b.names.cell([]byte(l.GetWarehouse()), []byte(l.GetSku()))] -= l.GetQuantity()
	}
	for c, units := range claims {
		if units != 0 {
			return fmt.Sprintf("of %s, %d units less are held than were acknowledged", b.names.of(c), units)
		}
	}
	return ""
}

// of says which cell it is.
func (n *names) of(c cell) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	sku, warehouse, _ := strings.Cut(n.list[c], "\x00")
	return sku + " in " + warehouse
}

// movesOf says what a hold went through.
func movesOf(told uint8) string {
	var moves []string
	for i, name := range []string{"confirmed", "released", "shipped", "cancelled"} {
		if told&(1<<i) != 0 {
			moves = append(moves, name)
		}
	}
	if moves == nil {
		return ""
	}
	return ", and " + strings.Join(moves, " and ")
}

func stateOf(s allotv1.HoldState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "HOLD_STATE_"))
}

// errNoStock reports that the target does not answer what is in stock.
var errNoStock = errors.New("the stock cannot be read")
