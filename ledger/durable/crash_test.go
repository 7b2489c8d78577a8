package durable

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
	"github.com/allot-engine/allot/units"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// The stock of a life: of every SKU so many units in every warehouse. In warehouse 0 nobody corrects it.
const (
	lifeWarehouses = 2
	lifeSKUs       = 3
	lifeStock      = 40
)

// A command is one that was given to a ledger, to be given again.
type command struct {
	request ledger.Request
	do      func(*ledger.Ledger) (ledger.Hold, error)
}

// A life is what the buyers of one ledger were told, over all its crashes, and what they asked for.
type life struct {
	mu      sync.Mutex
	ready   bool                          // the rows and the stock were acknowledged
	asked   map[string]*ledger.Allocation // by order: every allocation that was ever sent
	holds   map[ledger.HoldID]ledger.Hold // the latest that was acknowledged
	answers map[string]ledger.Hold        // by request id, the first
	again   map[string]command            // by request id
	number  int
	now     units.Instant
}

func newLife() *life {
	return &life{
		asked: map[string]*ledger.Allocation{}, holds: map[ledger.HoldID]ledger.Hold{}, answers: map[string]ledger.Hold{},
		again: map[string]command{}, now: midnight,
	}
}

// clone copies a life at a moment. Under its mutex.
func (l *life) clone() *life {
	return &life{
		ready: l.ready, asked: maps.Clone(l.asked), holds: maps.Clone(l.holds), answers: maps.Clone(l.answers),
		again: maps.Clone(l.again), number: l.number, now: l.now,
	}
}

// know notes a hold as it was acknowledged. Under the mutex.
func (l *life) know(h *ledger.Hold) {
	if h.Status != ledger.Refused && h.Latest >= l.holds[h.ID].Latest {
		l.holds[h.ID] = *h
	}
}

// check compares a ledger that was recovered with what was promised.
func (l *life) check(led *ledger.Ledger) error {
	for id, told := range l.holds {
		h, err := led.Get(id)
		switch {
		case err != nil:
			return fmt.Errorf("hold %d was acknowledged as %v: %w", id, told.Status, err)
		case h.Latest < told.Latest:
			return fmt.Errorf("hold %d is as after event %d, and was acknowledged as after %d", id, h.Latest, told.Latest)
		case h.Latest == told.Latest && (h.Status != told.Status || !slices.Equal(h.Stock, told.Stock)):
			return fmt.Errorf("hold %d is %v %v, and was acknowledged as %v %v", id, h.Status, h.Stock, told.Status, told.Stock)
		case !bytes.Equal(h.Answer, told.Answer) || h.Order != told.Order:
			return fmt.Errorf("hold %d is of %s, and was of %s", id, h.Order, told.Order)
		}
	}
	held := map[[2]int32]int32{}
	shipped := map[[2]int32]int32{}
	orders := map[string]bool{}
	for id := ledger.HoldID(1); ; id++ {
		h, err := led.Get(id)
		if errors.Is(err, ledger.ErrNoHold) {
			break
		}
		if err != nil {
			return err
		}
		a := l.asked[h.Order]
		switch {
		case a == nil:
			return fmt.Errorf("hold %d of order %q was never asked for", id, h.Order)
		case orders[h.Order]:
			return fmt.Errorf("order %s has two holds", h.Order)
		case h.Request != a.Request || !bytes.Equal(h.Answer, a.Answer):
			return fmt.Errorf("hold %d of order %s has request %q and answer %q", id, h.Order, h.Request.ID, h.Answer)
		}
		orders[h.Order] = true
		wanted := map[[2]int32]int32{}
		for _, c := range a.Stock {
			wanted[[2]int32{int32(c.Warehouse), int32(c.SKU)}] += c.Quantity
		}
		for _, c := range h.Stock {
			cell := [2]int32{int32(c.Warehouse), int32(c.SKU)}
			if c.Quantity != wanted[cell] {
				return fmt.Errorf("hold %d claims %d, and %d were asked for", id, c.Quantity, wanted[cell])
			}
			delete(wanted, cell)
			shipped[cell] += c.Shipped
			if h.Status.Holding() {
				held[cell] += c.Left()
			}
		}
		if len(wanted) > 0 {
			return fmt.Errorf("hold %d lacks claims", id)
		}
	}
	if !l.ready {
		return nil
	}
	if warehouses, skus, _, _ := led.Names(); len(warehouses) < lifeWarehouses || len(skus) < lifeSKUs {
		return fmt.Errorf("the network is lost: %d warehouses and %d SKUs are known", len(warehouses), len(skus))
	}
	for w := range ledger.Warehouse(lifeWarehouses) {
		for k := range ledger.SKU(lifeSKUs) {
			cell := [2]int32{int32(w), int32(k)}
			n, err := led.Stock(w, k)
			switch {
			case err != nil:
				return err
			case n.Held != held[cell]:
				return fmt.Errorf("SKU %d in warehouse %d: %d are held, and the holds have %d", k, w, n.Held, held[cell])
			case w == 0 && n.OnHand+shipped[cell] != lifeStock:
				return fmt.Errorf("SKU %d: %d on hand and %d shipped of %d", k, n.OnHand, shipped[cell], lifeStock)
			case w == 0 && n.Held > n.OnHand:
				return fmt.Errorf("SKU %d: oversold: %d are held of %d", k, n.Held, n.OnHand)
			}
		}
	}
	for id, first := range l.answers {
		h, err := l.again[id].do(led)
		switch {
		case err != nil:
			return fmt.Errorf("request %s again: %w", id, err)
		case h.ID != first.ID || !bytes.Equal(h.Answer, first.Answer):
			return fmt.Errorf("request %s gets hold %d, and first got %d", id, h.ID, first.ID)
		case (first.Status == ledger.Refused) != (h.Status == ledger.Refused):
			return fmt.Errorf("request %s is %v, and first was %v", id, h.Status, first.Status)
		case !strings.HasPrefix(id, "allocate") && (h.Status != first.Status || h.Latest != first.Latest || !slices.Equal(h.Stock, first.Stock)):
			return fmt.Errorf("request %s gets %v as after %d, and first got %v as after %d", id, h.Status, h.Latest, first.Status, first.Latest)
		}
	}
	return nil
}

// begin gives the ledger its rows and its stock, unless a life before did.
func (l *life) begin(s *Store) error {
	if l.ready {
		return nil
	}
	if s.Fresh() { // the network goes last, as a server's does, so that a load that was cut short is done again
		led := s.Ledger()
		if err := led.Extend(midnight, []string{"w0", "w1"}, []string{"a", "b", "c"}, nil, nil); err != nil {
			return err
		}
		var levels []ledger.StockLevel
		for w := range ledger.Warehouse(lifeWarehouses) {
			for k := range ledger.SKU(lifeSKUs) {
				levels = append(levels, ledger.StockLevel{Warehouse: w, SKU: k, OnHand: lifeStock})
			}
		}
		if _, err := led.SetStock(midnight, ledger.Request{}, levels); err != nil {
			return err
		}
		if err := led.Extend(midnight, nil, nil, nil, []string{"network"}); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.ready = true
	l.mu.Unlock()
	return nil
}

// buy is one buyer: some commands, one after the other.
func (l *life) buy(led *ledger.Ledger, rng *rand.Rand, commands int) error {
	var mine []ledger.HoldID
	l.mu.Lock()
	for id := range l.holds {
		mine = append(mine, id)
	}
	l.mu.Unlock()
	slices.Sort(mine)
	for range commands {
		l.mu.Lock()
		l.number++
		number := l.number
		if rng.IntN(20) == 0 {
			l.now++
		}
		now := l.now
		l.mu.Unlock()
		var id ledger.HoldID
		if len(mine) > 0 {
			id = mine[rng.IntN(len(mine))]
		}
		name, c := "", command{}
		switch n := rng.IntN(11); n {
		default:
			name = "allocate"
			order := fmt.Sprint("order-", number)
			a := &ledger.Allocation{
				At: now, Order: order, TTL: 5 + rng.Int64N(600), Answer: []byte("answer to " + order), Question: []byte("question"),
			}
			for range 1 + rng.IntN(2) {
				a.Stock = append(a.Stock, ledger.StockClaim{
					Warehouse: ledger.Warehouse(rng.IntN(lifeWarehouses)), SKU: ledger.SKU(rng.IntN(lifeSKUs)), Quantity: 1 + rng.Int32N(3),
				})
			}
			if rng.IntN(4) > 0 {
				a.Request.ID = fmt.Sprint("allocate-", number)
			}
			l.mu.Lock()
			l.asked[order] = a
			l.mu.Unlock()
			c.request = a.Request
			c.do = func(led *ledger.Ledger) (ledger.Hold, error) {
				h, err := led.Allocate(a)
				if errors.Is(err, ledger.ErrConflict) {
					return led.Decline(a)
				}
				return h, err
			}
		case 4, 5, 6:
			name = "confirm"
			r := ledger.Request{ID: fmt.Sprint("confirm-", number)}
			c = command{request: r, do: func(led *ledger.Ledger) (ledger.Hold, error) { return led.Confirm(now, id, r) }}
		case 7:
			name = "release"
			r := ledger.Request{ID: fmt.Sprint("release-", number)}
			c = command{request: r, do: func(led *ledger.Ledger) (ledger.Hold, error) { return led.Release(now, id, r, nil) }}
		case 8:
			name = "cancel"
			r := ledger.Request{ID: fmt.Sprint("cancel-", number)}
			c = command{request: r, do: func(led *ledger.Ledger) (ledger.Hold, error) { return led.Cancel(now, id, r, nil) }}
		case 9:
			name = "ship"
			r := ledger.Request{ID: fmt.Sprint("ship-", number)}
			var items []ledger.StockClaim
			l.mu.Lock()
			if h, ok := l.holds[id]; ok && rng.IntN(2) == 0 {
				items = []ledger.StockClaim{h.Stock[0].StockClaim}
				items[0].Quantity = 1
			}
			l.mu.Unlock()
			c = command{request: r, do: func(led *ledger.Ledger) (ledger.Hold, error) { return led.Ship(now, id, r, items) }}
		case 10:
			level := ledger.StockLevel{Warehouse: 1, SKU: ledger.SKU(rng.IntN(lifeSKUs)), OnHand: rng.Int32N(2 * lifeStock)}
			if _, err := led.SetStock(now, ledger.Request{}, []ledger.StockLevel{level}); err != nil {
				return err
			}
			continue
		}
		h, err := c.do(led)
		if errors.Is(err, ledger.ErrTransition) || errors.Is(err, ledger.ErrNoHold) || errors.Is(err, ledger.ErrInvalid) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if h.Status != ledger.Refused && name == "allocate" {
			mine = append(mine, h.ID)
		}
		l.mu.Lock()
		l.know(&h)
		if c.request.ID != "" {
			l.answers[c.request.ID], l.again[c.request.ID] = h, c
		}
		l.mu.Unlock()
	}
	return nil
}

// A moment is when the power fails: before one of the writing operations of a file system, opening and closing included.
type moment struct {
	files  *vfs.MemFS
	life   *life
	random *rand.Rand
	left   int // operations

	mu       sync.Mutex
	after    *vfs.MemFS // what a restart finds
	promised *life      // what it must find
	trimmed  bool       // records had been dropped when the ledger was opened
}

// MaybeError counts the operations; it never returns an error.
func (m *moment) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		m.mu.Lock()
		if m.left--; m.left == 0 {
			m.happen()
		}
		m.mu.Unlock()
	}
	return nil
}

func (m *moment) String() string { return "power failure" }

// happen lets the power fail now: what was acknowledged until now is promised, and of what was not synced some survives.
func (m *moment) happen() {
	m.life.mu.Lock()
	defer m.life.mu.Unlock()
	m.promised = m.life.clone()
	m.after = m.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.random.IntN(101), RNG: m.random})
}

// crash opens a ledger, checks it against its life, lets buyers at it, and returns a random moment in between.
func (l *life) crash(files *vfs.MemFS, over func(vfs.FS) vfs.FS, random *rand.Rand) (*moment, error) {
	m := &moment{files: files, life: l, left: 1 + random.IntN(150), random: rand.New(rand.NewPCG(random.Uint64(), 0))}
	j, err := pebblejournal.Open("data", pebblejournal.Options{FS: errorfs.Wrap(over(files), m), Log: quiet})
	if err != nil {
		return nil, err
	}
	s, err := Open(j, Options{Network: "test", SnapshotEvery: 5 + random.IntN(30), Keep: 1 + random.IntN(2), Log: quiet})
	if err != nil {
		return nil, err
	}
	m.trimmed = s.Oldest() > 0
	err = l.check(s.Ledger())
	if err == nil {
		err = l.begin(s)
	}
	if err == nil {
		const buyers = 4
		failed := make([]error, buyers)
		var wg sync.WaitGroup
		for b := range buyers {
			rng := rand.New(rand.NewPCG(random.Uint64(), uint64(b)))
			commands := random.IntN(15)
			wg.Go(func() { failed[b] = l.buy(s.Ledger(), rng, commands) })
		}
		wg.Wait()
		err = errors.Join(failed...)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.after == nil {
		m.happen()
	}
	return m, nil
}

// crashes lets ledgers crash a number of times, each some times in a row, and returns the first broken promise.
func crashes(t *testing.T, seed uint64, times int, over func(vfs.FS) vfs.FS) error {
	t.Helper()
	var files *vfs.MemFS
	var l *life
	var holds, answers, asked, within, trimmed int
	begin := time.Now()
	for i := range times {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		if i%8 == 0 {
			files, l = vfs.NewCrashableMem(), newLife()
		}
		m, err := l.crash(files, over, random)
		if err != nil {
			return fmt.Errorf("crash %d of ALLOT_SEED=%d: %w", i, seed, err)
		}
		if m.left <= 0 {
			within++
		}
		if m.trimmed {
			trimmed++
		}
		files, l = m.after, m.promised
		holds += len(l.holds)
		answers += len(l.answers)
		asked += len(l.asked)
	}
	t.Logf("%d crashes, %.0f a second, %d of them amid work, %d recoveries from a snapshot with older records gone; at each there were, on average, %d orders, %d holds acknowledged, %d answers to repeat",
		times, float64(times)/time.Since(begin).Seconds(), within, trimmed, asked/times, holds/times, answers/times)
	return nil
}

func TestPowerLossLosesNoHoldAndInventsNone(t *testing.T) {
	times := 200
	switch {
	case long():
		times = 12_000
	case testing.Short():
		times = 30
	}
	if err := crashes(t, seed(t), times, func(f vfs.FS) vfs.FS { return f }); err != nil {
		t.Fatal(err)
	}
}

// TestPowerLossWithoutSyncingLosesHolds is the control: with syncing turned off the same test must fail.
func TestPowerLossWithoutSyncingLosesHolds(t *testing.T) {
	s := seed(t)
	for n := range uint64(1_000) { // one in some twenty loses the end of the journal, and nothing before
		err := crashes(t, s+n, 8, func(f vfs.FS) vfs.FS { return unsynced{f} })
		if err != nil && strings.Contains(err.Error(), "was acknowledged") {
			t.Log(err)
			return
		}
		t.Log(err) // that the journal's end is missing is noticed, too
	}
	t.Fatal("no acknowledged hold was lost without syncing; the test cannot fail")
}

// unsynced is a file system that does not sync what is written into files of groups. It does sync the zeros that they have before.
type unsynced struct{ vfs.FS }

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) SyncData() error { return nil }

// Create makes a file that is synced as a whole only, if it is to be one of groups.
func (u unsynced) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := u.FS.Create(name, c)
	if err != nil || !strings.HasSuffix(name, ".groups") {
		return f, err
	}
	return unsyncedFile{f}, nil
}
