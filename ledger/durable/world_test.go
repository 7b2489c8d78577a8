package durable

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/units"
)

// seed returns the seed of a test, from ALLOT_SEED or a random one, and tells how to get it again.
func seed(tb testing.TB) uint64 {
	tb.Helper()
	s := seeds.New(tb)
	if text := os.Getenv("ALLOT_SEED"); text != "" {
		var err error
		if s, err = strconv.ParseUint(text, 10, 64); err != nil {
			tb.Fatalf("ALLOT_SEED: %v", err)
		}
	}
	tb.Logf("ALLOT_SEED=%d", s)
	return s
}

func long() bool { return os.Getenv("ALLOT_LONG") != "" }

var quiet = slog.New(slog.DiscardHandler)

const (
	midnight = units.Instant(1_790_000_000) / 86_400 * 86_400
	today    = units.Date(midnight / 86_400)
)

// options are those of most tests: snapshots only when asked for.
func options() Options {
	return Options{Network: "test", SnapshotEvery: 1 << 40, Log: quiet}
}

func mustOpen(tb testing.TB, j journal.Journal, o Options) *Store {
	tb.Helper()
	s, err := Open(j, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// keep is a journal that outlives Close, as a directory would.
type keep struct{ journal.Journal }

func (keep) Close() error { return nil }

func written(tb testing.TB, s *ledger.State) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// recovered returns the state that the journal of a store gives now.
func recovered(tb testing.TB, h *History) []byte {
	tb.Helper()
	s, err := h.StateAt(h.Last())
	if err != nil {
		tb.Fatal(err)
	}
	return written(tb, s)
}

const (
	warehouses = 3
	skus       = 5
	services   = 2
)

func body(text string) ledger.BodyHash { return ledger.HashBody([]byte(text)) }

// setUp gives a ledger its rows, some stock and some capacity.
func setUp(tb testing.TB, l *ledger.Ledger) {
	tb.Helper()
	list := func(prefix string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint(prefix, i))
		}
		return out
	}
	if err := l.Extend(midnight, list("warehouse-", warehouses), list("sku-", skus), list("service-", services), []string{"version-1"}); err != nil {
		tb.Fatal(err)
	}
	var levels []ledger.StockLevel
	for w := range ledger.Warehouse(warehouses) {
		for k := range ledger.SKU(skus) {
			levels = append(levels, ledger.StockLevel{Warehouse: w, SKU: k, OnHand: 20, Safety: int32(k % 2)})
		}
	}
	if _, err := l.SetStock(midnight, ledger.Request{}, levels); err != nil {
		tb.Fatal(err)
	}
	if err := l.SetCapacity(midnight, []ledger.CapacityLimit{
		{Warehouse: 0, Service: ledger.AnyService, Date: ledger.EveryDay, Shipments: 50},
		{Warehouse: 1, Service: 1, Date: today + 1, Shipments: 3},
	}); err != nil {
		tb.Fatal(err)
	}
}

// A user gives random commands to a ledger, and remembers what was answered.
type user struct {
	rng     *rand.Rand
	ledger  *ledger.Ledger
	name    string
	now     units.Instant
	number  int
	holds   []ledger.HoldID
	answers map[string]ledger.Hold // of allocations, by request
	asked   map[string]*ledger.Allocation
}

func newUser(rng *rand.Rand, l *ledger.Ledger, name string) *user {
	return &user{rng: rng, ledger: l, name: name, now: midnight, answers: map[string]ledger.Hold{}, asked: map[string]*ledger.Allocation{}}
}

func (u *user) request() ledger.Request {
	if u.rng.IntN(4) == 0 {
		return ledger.Request{}
	}
	u.number++
	id := fmt.Sprint(u.name, "-", u.number)
	return ledger.Request{ID: id, Body: body(id)}
}

func (u *user) claims(n int) (claims []ledger.StockClaim) {
	for range n {
		claims = append(claims, ledger.StockClaim{
			Warehouse: ledger.Warehouse(u.rng.IntN(warehouses)), SKU: ledger.SKU(u.rng.IntN(skus)), Quantity: 1 + u.rng.Int32N(3),
		})
	}
	return claims
}

func (u *user) allocation() *ledger.Allocation {
	a := &ledger.Allocation{
		Request: u.request(), At: u.now, Order: fmt.Sprint("order-", u.rng.IntN(1000)), TTL: 1 + u.rng.Int64N(3000),
		Stock: u.claims(1 + u.rng.IntN(3)), Question: []byte("what was asked"), Answer: fmt.Append(nil, "answer ", u.rng.IntN(1000)),
		Basis: ledger.Basis{Network: 1, At: u.now},
	}
	for range u.rng.IntN(3) {
		a.Shipments = append(a.Shipments, ledger.ShipmentClaim{
			Warehouse: ledger.Warehouse(u.rng.IntN(warehouses)), Service: ledger.Service(u.rng.IntN(services)),
			Date: today + units.Date(u.rng.IntN(4)), Shipments: 1,
		})
	}
	return a
}

// step gives one command. It returns what only a log can refuse with.
func (u *user) step() error {
	if u.rng.IntN(3) == 0 {
		u.now += units.Instant(u.rng.IntN(200))
	}
	var id ledger.HoldID
	if len(u.holds) > 0 {
		id = u.holds[u.rng.IntN(len(u.holds))]
	}
	var items []ledger.StockClaim
	if h, err := u.ledger.Get(id); err == nil && u.rng.IntN(2) == 0 {
		if c := h.Stock[u.rng.IntN(len(h.Stock))]; c.Left() > 0 {
			items = []ledger.StockClaim{{Warehouse: c.Warehouse, SKU: c.SKU, Quantity: 1}}
		}
	}
	l, r := u.ledger, u.request()
	cell := u.claims(1)[0]
	var err error
	switch n := u.rng.IntN(20); n {
	default:
		a := u.allocation()
		var h ledger.Hold
		if h, err = l.Allocate(a); err == nil {
			u.holds = append(u.holds, h.ID)
		}
		if errors.Is(err, ledger.ErrConflict) {
			h, err = l.Decline(a)
		}
		if err == nil && a.Request.ID != "" {
			u.answers[a.Request.ID], u.asked[a.Request.ID] = h, a
		}
	case 7:
		batch := []*ledger.Allocation{u.allocation(), u.allocation(), u.allocation()}
		batch[1].Refused = u.rng.IntN(2) == 0
		var all []ledger.Hold
		var errs []error
		if all, err = l.AllocateAll(batch); errors.Is(err, ledger.ErrConflict) {
			all, errs, err = l.AllocateEach(batch)
		}
		for i := range all {
			if err != nil || errs != nil && errs[i] != nil {
				continue
			}
			if all[i].ID != 0 {
				u.holds = append(u.holds, all[i].ID)
			}
			if r := batch[i].Request; r.ID != "" {
				u.answers[r.ID], u.asked[r.ID] = all[i], batch[i]
			}
		}
	case 8, 9, 10:
		_, err = l.Confirm(u.now, id, r)
	case 11:
		_, err = l.Release(u.now, id, r, items)
	case 12:
		_, err = l.Cancel(u.now, id, r, items)
	case 13, 14:
		_, err = l.Ship(u.now, id, r, items)
	case 15:
		_, err = l.ShortPick(u.now, id, r, items)
	case 16:
		_, err = l.SetStock(u.now, r, []ledger.StockLevel{{Warehouse: cell.Warehouse, SKU: cell.SKU, OnHand: u.rng.Int32N(30), Safety: u.rng.Int32N(3)}})
	case 17:
		_, err = l.AdjustStock(u.now, r, []ledger.StockChange{{Warehouse: cell.Warehouse, SKU: cell.SKU, Delta: u.rng.Int32N(10) - 3}})
	case 18:
		err = l.AddReceipts(u.now, r, []ledger.Receipt{{Warehouse: cell.Warehouse, SKU: cell.SKU, Quantity: 3, From: u.now + units.Instant(u.rng.IntN(2000))}})
	case 19:
		if u.rng.IntN(4) == 0 {
			err = l.Extend(u.now, nil, nil, nil, []string{fmt.Sprint("version-", 1+u.rng.IntN(4))})
		} else {
			err = l.Advance(u.now)
		}
	}
	var conflict *ledger.ConflictError
	var transition *ledger.TransitionError
	if errors.As(err, &conflict) || errors.As(err, &transition) || errors.Is(err, ledger.ErrNoHold) || errors.Is(err, ledger.ErrInvalid) {
		return nil
	}
	return err
}

func (u *user) steps(tb testing.TB, n int) {
	tb.Helper()
	for range n {
		if err := u.step(); err != nil {
			tb.Fatal(err)
		}
	}
}

// eventually waits until something is so that happens in the background.
func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for range 10_000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	tb.Fatalf("not in 10 s: %s", what)
}
