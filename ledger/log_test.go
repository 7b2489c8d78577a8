package ledger

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/allot-engine/allot/units"
)

// A tape is a log that keeps events at once.
type tape struct{ events [][]byte }

func (l *tape) Append(e *Event)   { l.events = append(l.events, AppendEvent(nil, e)) }
func (l *tape) Wait(uint64) error { return nil }
func (l *tape) Flush()            {}

// A slowLog keeps events when it is told to.
type slowLog struct {
	mu      sync.Mutex
	changed *sync.Cond
	end     uint64
	kept    uint64
	err     error
}

func newSlowLog() *slowLog {
	l := &slowLog{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *slowLog) Append(e *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = e.Sequence
}

func (l *slowLog) Wait(sequence uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.kept < sequence && l.err == nil {
		l.changed.Wait()
	}
	if l.kept >= sequence {
		return nil
	}
	return l.err
}

func (l *slowLog) Flush() {}

// keep makes events up to a number last.
func (l *slowLog) keep(sequence uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = sequence
	l.changed.Broadcast()
}

func (l *slowLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.changed.Broadcast()
}

// everything is a call of every command and question of a ledger that can have events to wait for, in an order in which
// they succeed: holds 1 to 6 are there, of 1 unit of SKU 0 each, of which 2 to 6 are confirmed.
func everything(l *Ledger) []struct {
	name  string
	event bool // it makes one
	do    func() error
} {
	claim := []StockClaim{{0, 0, 1}}
	today := units.Date(noon / 86_400)
	type call = struct {
		name  string
		event bool
		do    func() error
	}
	return []call{
		{"Extend", true, func() error { return l.Extend(noon, nil, []string{"new"}, nil, nil) }},
		{"SetStock", true, func() error { _, err := l.SetStock(noon, Request{}, []StockLevel{{0, 0, 90, 0}}); return err }},
		{"AdjustStock", true, func() error { _, err := l.AdjustStock(noon, Request{}, []StockChange{{0, 0, 1}}); return err }},
		{"AddReceipts", true, func() error { return l.AddReceipts(noon, Request{}, []Receipt{{0, 0, 1, noon}}) }},
		{"SetCapacity", true, func() error { return l.SetCapacity(noon, []CapacityLimit{{0, 0, today, 5}}) }},
		{"Allocate", true, func() error {
			_, err := l.Allocate(&Allocation{Request: Request{ID: "a"}, At: noon, TTL: 60, Stock: claim})
			return err
		}},
		{"Allocate again", false, func() error {
			_, err := l.Allocate(&Allocation{Request: Request{ID: "a"}, At: noon, TTL: 60, Stock: claim})
			return err
		}},
		{"Decline", true, func() error { _, err := l.Decline(&Allocation{Request: Request{ID: "d"}, At: noon}); return err }},
		{"Answered", false, func() error { _, _, err := l.Answered(Request{ID: "d"}); return err }},
		{"Confirm", true, func() error { _, err := l.Confirm(noon, 1, Request{}); return err }},
		{"Get", false, func() error { _, err := l.Get(1); return err }},
		{"Cancel", true, func() error { _, err := l.Cancel(noon, 2, Request{}, nil); return err }},
		{"Ship", true, func() error { _, err := l.Ship(noon, 3, Request{}, claim); return err }},
		{"ShortPick", true, func() error { _, err := l.ShortPick(noon, 4, Request{}, nil); return err }},
		{"Release", true, func() error { _, err := l.Release(noon, 7, Request{}, nil); return err }},
		{"AllocateAll", true, func() error {
			_, err := l.AllocateAll([]*Allocation{{At: noon, TTL: 90, Stock: claim}, {At: noon, Refused: true}})
			return err
		}},
		{"AllocateEach", true, func() error {
			_, errs, err := l.AllocateEach([]*Allocation{{At: noon, TTL: 90, Stock: claim}, {At: noon, Refused: true}})
			return errors.Join(err, errors.Join(errs...))
		}},
		{"Stock", false, func() error { _, err := l.Stock(0, 0); return err }},
		{"Advance", true, func() error { return l.Advance(noon + 1000) }}, // the allocation after "Release" expires
	}
}

func withHolds(l *Ledger) {
	must(l.Extend(noon, []string{"w"}, []string{"s", "t"}, []string{"c"}, nil))
	_, err := l.SetStock(noon, Request{}, []StockLevel{{0, 0, 50, 0}, {0, 1, 50, 0}})
	must(err)
	for id := range HoldID(6) {
		_, err := l.Allocate(&Allocation{At: noon, TTL: 600, Stock: []StockClaim{{0, 0, 1}}})
		must(err)
		if id > 0 {
			_, err = l.Confirm(noon, id+1, Request{})
			must(err)
		}
	}
	// One that expires when everything is over.
	_, err = l.Allocate(&Allocation{At: noon, TTL: 900, Stock: []StockClaim{{0, 1, 1}}})
	must(err)
	_, err = l.Allocate(&Allocation{At: noon, TTL: 900, Stock: []StockClaim{{0, 1, 1}}})
	must(err)
}

// Nothing is answered before what the answer tells is kept; meanwhile the ledger goes on.
func TestNothingIsAnsweredBeforeItIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newSlowLog()
		log.kept = 1 << 60
		l := Of(NewState(Config{}), log)
		withHolds(l)
		log.keep(log.end)
		for _, call := range everything(l) {
			before := log.end
			done := make(chan error, 1)
			go func() { done <- call.do() }()
			synctest.Wait()
			if (log.end > before) != call.event {
				t.Errorf("%s makes %d events", call.name, log.end-before)
			}
			if !call.event {
				if err := <-done; err != nil { // all it tells is kept already
					t.Errorf("%s: %v", call.name, err)
				}
				continue
			}
			for ; log.kept < log.end; log.keep(log.kept + 1) { // each event but the last is not enough
				synctest.Wait()
				select {
				case err := <-done:
					t.Errorf("%s answered %v with %d of %d events kept", call.name, err, log.kept, log.end)
				default:
				}
				if v := l.View(); v.Sequence != log.end {
					t.Errorf("%s: views show %d of %d", call.name, v.Sequence, log.end)
				}
				_, _, _, _ = l.Names() // the sequencer is free
			}
			if err := <-done; err != nil {
				t.Errorf("%s: %v", call.name, err)
			}
		}
	})
}

// When the log fails, so does everything that tells of what may be lost, also where the command was refused.
func TestTheLogsErrorIsEverybodysError(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	log := newSlowLog()
	log.kept = 1 << 60
	l := Of(NewState(Config{}), log)
	withHolds(l)
	log.keep(log.end)
	log.fail(full)
	for _, call := range everything(l) {
		if err := call.do(); !errors.Is(err, full) {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	for name, err := range map[string]error{
		"a transition": second(l.Ship(noon, 2, Request{}, nil)),
		"a conflict":   second(l.Allocate(&Allocation{At: noon, TTL: 5, Stock: []StockClaim{{0, 0, 1000}}})),
		"a request":    func() error { _, _, err := l.Answered(Request{ID: "a", Body: BodyHash{1}}); return err }(),
	} {
		if !errors.Is(err, full) {
			t.Errorf("refused for %s: %v", name, err)
		}
	}
	if _, err := l.Get(5); err != nil {
		t.Errorf("a hold that is kept: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// Questions wait for what they ask about, not for others.
func TestGetWaitsForItsHoldOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newSlowLog()
		log.kept = 1 << 60
		l := Of(NewState(Config{}), log)
		withHolds(l)
		log.keep(log.end)
		go func() { _ = second(l.Ship(noon, 2, Request{ID: "ship"}, nil)) }()
		synctest.Wait()
		if h, err := l.Get(1); err != nil || h.Status != Pending {
			t.Error(h, err)
		}
		if _, err := l.Get(99); !errors.Is(err, ErrNoHold) {
			t.Error(err)
		}
		if n, err := l.Stock(0, 1); err != nil || n.Held != 2 {
			t.Error(n, err)
		}
		if _, ok, err := l.Answered(Request{ID: "new"}); ok || err != nil {
			t.Error(ok, err)
		}
		done := make(chan Status)
		go func() {
			h, err := l.Get(2)
			must(err)
			done <- h.Status
		}()
		go func() {
			_ = stock(l, 0, 0)
			done <- 0
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("told of what is not kept")
		default:
		}
		log.keep(log.end)
		if a, b := <-done, <-done; a+b != Shipped {
			t.Error(a, b)
		}
	})
}
