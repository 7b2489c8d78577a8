package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/durable"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/units"
)

// What clients of a history do to a SKU that lies in one warehouse.
const (
	doAllocate = iota
	doRelease
	doConfirm
	doGet   // a hold
	doStock // what is available
)

// A call is what was asked about one SKU.
type call struct {
	do       int
	sku      int
	request  string // of an allocation: the same gets the same answer
	quantity int
	hold     string
}

// An outcome is what was answered. Of a call that got ABORTED, or an error after which nobody knows, it says so.
type outcome struct {
	hold   string // that was granted; "" is a refusal
	status string // of the hold; "" where the move was refused
	units  int    // available
	none   bool   // it had no effect
	maybe  bool   // nobody knows whether it had one
}

// A shelf is the state of the model: what is available of a SKU, and what was granted of it. It is never changed.
type shelf struct {
	available int
	holds     string // "id=quantity status;" in the order of the grants
	answers   string // "request=hold;" in the order of the answers; a refusal has no hold
}

// lookup returns the value of a name in one of the lists of a shelf.
func lookup(list, name string) (string, bool) {
	at := strings.Index(";"+list, ";"+name+"=")
	if at < 0 {
		return "", false
	}
	value := list[at+len(name)+1:]
	return value[:strings.IndexByte(value, ';')], true
}

// moves tells the request ids of releases and confirmations apart.
var moves atomic.Uint64

// step does to a shelf what a call asks, and reports whether the outcome is that.
func step(s shelf, c call, o outcome) (bool, shelf) {
	if o.none {
		return true, s
	}
	switch c.do {
	case doStock:
		return o.units == s.available, s
	case doAllocate:
		if first, again := lookup(s.answers, c.request); again {
			return first == o.hold, s
		}
		next := s
		next.answers += c.request + "=" + o.hold + ";"
		if o.hold == "" {
			return s.available < c.quantity, next
		}
		next.available -= c.quantity
		next.holds += fmt.Sprintf("%s=%d pending;", o.hold, c.quantity)
		_, taken := lookup(s.holds, o.hold)
		return s.available >= c.quantity && !taken, next
	}
	is, known := lookup(s.holds, c.hold)
	if !known {
		return false, s // it was granted before anybody could ask
	}
	var quantity int
	var status string
	if _, err := fmt.Sscanf(is, "%d %s", &quantity, &status); err != nil {
		panic(err) // the model wrote it
	}
	becomes := map[int]string{doRelease: "released", doConfirm: "confirmed"}[c.do]
	switch {
	case c.do == doGet:
		return o.status == status, s
	case status != "pending":
		return o.status == "", s
	case o.status != becomes:
		return false, s
	}
	next := s
	next.holds = strings.Replace(s.holds, c.hold+"="+is+";", fmt.Sprintf("%s=%d %s;", c.hold, quantity, becomes), 1)
	if c.do == doRelease {
		next.available += quantity
	}
	return true, next
}

// model is a shelf with so many units at first, for every SKU of a history.
func model(units int) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			bySKU := map[int][]porcupine.Operation{}
			for _, op := range history {
				sku := op.Input.(call).sku
				bySKU[sku] = append(bySKU[sku], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range bySKU {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return shelf{available: units} },
		Step: func(state, input, output any) (bool, any) {
			ok, next := step(state.(shelf), input.(call), output.(outcome))
			return ok, next
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
	}
}

// A ward is something that keeps shelves.
type ward interface {
	do(ctx context.Context, c call) outcome
}

// record lets clients work on shelves at the same time and returns what they saw, with the moments between which they saw
// it. Calls of which nobody knows whether they had an effect last for ever.
func record(ctx context.Context, of ward, clients, calls, skus int, seed uint64) []porcupine.Operation {
	var mu sync.Mutex
	var history []porcupine.Operation
	granted := make([][]string, skus) // holds that clients know of, under mu
	start := time.Now()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := range calls {
				c := call{sku: rng.IntN(skus), do: doAllocate, quantity: 1 + rng.IntN(3), request: fmt.Sprintf("%d.%d", i, n)}
				if rng.IntN(10) == 0 { // as another client sends it, maybe at the same time
					c.request, c.sku, c.quantity = fmt.Sprintf("shared%d", n/4), n/4%skus, 1+n/4%3
				}
				mu.Lock()
				if known := granted[c.sku]; len(known) > 0 && rng.IntN(3) > 0 {
					c = call{sku: c.sku, do: []int{doRelease, doRelease, doRelease, doConfirm, doGet, doGet}[rng.IntN(6)], hold: known[max(0, len(known)-1-rng.IntN(4))]}
				} else if rng.IntN(6) == 0 {
					c = call{sku: c.sku, do: doStock}
				}
				mu.Unlock()
				if rng.IntN(2) == 0 {
					runtime.Gosched() // else one client of a fast ledger does much before the next
				}
				began := time.Since(start).Nanoseconds()
				o := of.do(ctx, c)
				ended := time.Since(start).Nanoseconds()
				if o.maybe {
					ended = 1 << 62
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: i, Input: c, Call: began, Output: o, Return: ended})
				if o.hold != "" && !slices.Contains(granted[c.sku], o.hold) {
					granted[c.sku] = append(granted[c.sku], o.hold)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return history
}

// A plain is a ledger without a network around it: every SKU lies in warehouse 0.
type plain struct {
	*ledger.Ledger
	at units.Instant
}

func newPlain(l *ledger.Ledger, skus, onHand int) (*plain, error) {
	p := &plain{l, units.Instant(began.Unix())}
	var ids []string
	var levels []ledger.StockLevel
	for i := range skus {
		ids = append(ids, skuID(i))
		levels = append(levels, ledger.StockLevel{SKU: ledger.SKU(i), OnHand: int32(onHand)})
	}
	if err := l.Extend(p.at, []string{"w"}, ids, []string{"ground"}, []string{"v1"}); err != nil {
		return nil, err
	}
	_, err := l.SetStock(p.at, ledger.Request{}, levels)
	return p, err
}

func (p *plain) do(_ context.Context, c call) outcome {
	var id ledger.HoldID
	_, _ = fmt.Sscan(c.hold, &id) // "" is none
	var h ledger.Hold
	var err error
	switch c.do {
	case doStock:
		s, err := p.Stock(0, ledger.SKU(c.sku))
		return outcome{units: int(s.Available), none: err != nil}
	case doAllocate:
		a := ledger.Allocation{
			Request: ledger.Request{ID: c.request, Body: ledger.BodyHash{byte(c.sku), byte(c.quantity)}}, At: p.at, TTL: 3_600, Answer: []byte("a"),
			Stock: []ledger.StockClaim{{SKU: ledger.SKU(c.sku), Quantity: int32(c.quantity)}},
		}
		h, err = p.Allocate(&a)
		if errors.Is(err, ledger.ErrConflict) { // the answer is no: it is remembered if nobody was quicker
			a.Stock = nil
			h, err = p.Decline(&a)
		}
		switch {
		case err != nil:
			return outcome{maybe: true}
		case h.ID == 0:
			return outcome{}
		}
		return outcome{hold: fmt.Sprint(h.ID)}
	case doRelease:
		h, err = p.Release(p.at, id, ledger.Request{}, nil)
	case doConfirm:
		h, err = p.Confirm(p.at, id, ledger.Request{})
	default:
		h, err = p.Get(id)
	}
	if err != nil {
		return outcome{}
	}
	return outcome{status: h.Status.String()}
}

// A served is a server behind gRPC.
type served struct{ *client }

func (s *served) do(ctx context.Context, c call) outcome {
	var h *allotv1.Hold
	var err error
	switch c.do {
	case doStock:
		r, err := s.inventory.GetStock(ctx, &allotv1.GetStockRequest{Skus: []string{skuID(c.sku)}})
		if err != nil || len(r.GetStock()) == 0 {
			return outcome{none: true}
		}
		return outcome{units: int(r.GetStock()[0].GetAvailable())}
	case doAllocate:
		a, _, err := s.allocate(ctx, &allotv1.AllocateRequest{RequestId: c.request, Order: &allotv1.Order{
			Id: "order", To: &allotv1.Destination{PostalCode: zips[0]}, Lines: []*allotv1.Line{{Sku: skuID(c.sku), Quantity: int32(c.quantity)}},
		}})
		switch {
		case status.Code(err) == codes.Aborted:
			return outcome{none: true}
		case err != nil:
			return outcome{maybe: true}
		case a.hold == 0:
			return outcome{}
		}
		return outcome{hold: fmt.Sprint(a.hold)}
	case doRelease:
		h, err = s.move(ctx, release, c.hold+" released "+fmt.Sprint(moves.Add(1)), c.hold, nil)
	case doConfirm:
		h, err = s.move(ctx, confirm, c.hold+" confirmed "+fmt.Sprint(moves.Add(1)), c.hold, nil)
	default:
		var r *allotv1.GetResponse
		r, err = s.allocation.Get(ctx, &allotv1.GetRequest{HoldId: c.hold})
		h = r.GetHold()
	}
	if err != nil {
		return outcome{}
	}
	return outcome{status: strings.ToLower(strings.TrimPrefix(h.GetState().String(), "HOLD_STATE_"))}
}

// linearTime bounds the search for an order of one history, which is exponential in how many calls overlap.
const linearTime = 20 * time.Second

// linearizable records histories of a ward until an order is found for one, or none exists. The search may not end for a history
// in which many calls overlapped for long, as on a busy machine: that says nothing, and half as many clients try again. Two
// always come to an end.
func linearizable(t *testing.T, fresh func() ward, clients, calls, skus int, seed uint64) {
	t.Helper()
	for ; ; clients /= 2 {
		history := record(t.Context(), fresh(), clients, calls, skus, seed)
		result, info := porcupine.CheckOperationsVerbose(model(onShelf), history, linearTime)
		refused, granted := 0, 0
		for _, op := range history {
			if c, o := op.Input.(call), op.Output.(outcome); c.do == doAllocate && !o.none && !o.maybe {
				if o.hold == "" {
					refused++
				} else {
					granted++
				}
			} else if o.maybe {
				t.Errorf("%+v failed", c)
			}
		}
		t.Logf("%d clients, %d calls, %d granted, %d refused: %v", clients, len(history), granted, refused, result)
		if granted == 0 || refused == 0 {
			t.Error("the stock was never scarce, or never there")
		}
		switch {
		case result == porcupine.Ok:
			return
		case result == porcupine.Unknown && clients > 2:
			continue
		}
		file := filepath.Join(t.TempDir(), "history.html")
		t.Errorf("the history is not linearizable (%v); see %s, %v", result, file, porcupine.VisualizePath(model(onShelf), info, file))
		return
	}
}

// onShelf is what is on hand of each SKU: less than is wanted.
const onShelf = 12

// TestLinearizable is the promise that concurrent calls do what they would do one after the other: Allocate, also of the
// same request at once, Release, Confirm, Get and GetStock. "hot" is all clients on one SKU.
func TestLinearizable(t *testing.T) {
	seed := seeded(t)
	t.Logf("seed %d", seed)
	const clients, calls = 8, 100
	count := size(*historiesFlag, 6, 200, 2)
	for _, skus := range []int{1, 5} {
		name := map[int]string{1: "hot", 5: "several"}[skus]
		t.Run("ledger/"+name, func(t *testing.T) {
			for i := range count {
				linearizable(t, func() ward {
					p, err := newPlain(ledger.New(ledger.Config{}), skus, onShelf)
					if err != nil {
						t.Fatal(err)
					}
					return p
				}, clients, calls, skus, seed+uint64(i))
			}
		})
		t.Run("durable ledger/"+name, func(t *testing.T) {
			for i := range count {
				linearizable(t, func() ward {
					store, err := durable.Open(journal.NewMemory(), durable.Options{Network: "shelves"})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = store.Close() })
					p, err := newPlain(store.Ledger(), skus, onShelf)
					if err != nil {
						t.Fatal(err)
					}
					return p
				}, clients, calls, skus, seed+uint64(i))
			}
		})
		t.Run("server/"+name, func(t *testing.T) {
			for i := range max(1, count/2) {
				linearizable(t, func() ward {
					s := &shape{warehouses: 1, skus: skus, single: true, onHand: onShelf, holdMinutes: 60}
					site, err := open(filepath.Join(t.TempDir(), "data"), s, func() time.Time { return began }, durable.Options{})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = site.stop() })
					c, err := dial(site.address)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = c.conn.Close() })
					return &served{c}
				}, clients, calls, skus, seed+uint64(i))
			}
		})
	}
}

// A broken is a ledger with a fault.
type broken struct {
	*plain
	fault string

	mu    sync.Mutex
	stale map[call]outcome
	n     atomic.Int64
}

func (b *broken) do(ctx context.Context, c call) outcome {
	switch {
	case b.fault == "stale" && (c.do == doGet || c.do == doStock):
		b.mu.Lock()
		defer b.mu.Unlock()
		if o, ok := b.stale[c]; ok && b.n.Add(1)%8 != 0 { // what it was when somebody asked before
			return o
		}
		o := b.plain.do(ctx, c)
		b.stale[c] = o
		return o
	case b.fault == "unchecked" && c.do == doAllocate:
		// It looks first and takes afterwards, and nobody checks in between.
		s, err := b.Stock(0, ledger.SKU(c.sku))
		if err != nil || int(s.Available) < c.quantity {
			break
		}
		time.Sleep(10 * time.Microsecond) // as scoring takes
		change := []ledger.StockChange{{SKU: ledger.SKU(c.sku), Delta: int32(c.quantity)}}
		if _, err := b.AdjustStock(b.at, ledger.Request{}, change); err != nil {
			return outcome{maybe: true}
		}
		o := b.plain.do(ctx, c)
		change[0].Delta = -change[0].Delta
		if _, err := b.AdjustStock(b.at, ledger.Request{}, change); err != nil {
			return outcome{maybe: true}
		}
		return o
	case b.fault == "forgetful" && c.do == doAllocate: // it does not know requests again
		c.request = fmt.Sprint("again ", b.n.Add(1))
	}
	return b.plain.do(ctx, c)
}

// TestLinearizableCanFail records histories of ledgers with a fault, and wants one of each to be found out.
func TestLinearizableCanFail(t *testing.T) {
	t.Parallel()
	const seed = 1
	for _, fault := range []string{"stale", "unchecked", "forgetful"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			for i := range 300 { // small ones: that there is no order shows only when all were tried
				p, err := newPlain(ledger.New(ledger.Config{}), 1, onShelf)
				if err != nil {
					t.Fatal(err)
				}
				b := &broken{plain: p, fault: fault, stale: map[call]outcome{}}
				history := record(t.Context(), b, 4, 25, 1, seed+uint64(i))
				if porcupine.CheckOperationsTimeout(model(onShelf), history, 100*time.Millisecond) == porcupine.Illegal {
					t.Logf("found out in history %d", i)
					return
				}
			}
			t.Error("nobody noticed")
		})
	}
}
