package ledgertest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// past makes the events of a small ledger with scarce stock and days, and reads its stock at the end.
func past(t *testing.T, seed uint64) ([]ledger.Event, map[cell]counter) {
	t.Helper()
	var events []ledger.Event
	s := ledger.NewState(ledger.Config{Sink: func(e *ledger.Event) { events = append(events, e.Clone()) }})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := units.Instant(began.Unix())
	today := units.Date(int64(at) / 86_400)
	check(s.Extend(at, []string{"a", "b"}, []string{"x", "y", "z"}, []string{"ground", "air"}, []string{"v1"}))
	check(s.SetCapacity(at, []ledger.CapacityLimit{
		{Warehouse: 0, Service: ledger.AnyService, Date: ledger.EveryDay, Shipments: 9}, {Warehouse: 1, Service: 1, Date: ledger.EveryDay, Shipments: 4},
	}))
	rng := rand.New(rand.NewPCG(seed, 0))
	var levels []ledger.StockLevel
	for sku := range ledger.SKU(3) {
		for w := range ledger.Warehouse(2) {
			levels = append(levels, ledger.StockLevel{Warehouse: w, SKU: sku, OnHand: 20, Safety: 1})
		}
	}
	_, err := s.SetStock(at, ledger.Request{ID: "stock"}, levels)
	check(err)
	for i := range 400 {
		at += units.Instant(rng.IntN(60))
		request := ledger.Request{ID: fmt.Sprint("r", i)}
		id := ledger.HoldID(1 + rng.IntN(60))
		// What does not fit is refused, and leaves no event.
		switch rng.IntN(6) {
		case 0:
			_, _ = s.Confirm(at, id, request)
		case 1:
			_, _ = s.Release(at, id, request, nil)
		case 2:
			_, _ = s.Ship(at, id, request, nil)
		case 3:
			_, _ = s.Cancel(at, id, request, nil)
		default:
			w := ledger.Warehouse(rng.IntN(2))
			_, _ = s.Allocate(&ledger.Allocation{
				Request: request, At: at, TTL: 1 + rng.Int64N(4_000), Question: []byte("q"), Answer: fmt.Append(nil, "a", i),
				Stock:     []ledger.StockClaim{{Warehouse: w, SKU: ledger.SKU(rng.IntN(3)), Quantity: 1 + rng.Int32N(4)}},
				Shipments: []ledger.ShipmentClaim{{Warehouse: w, Service: ledger.Service(rng.IntN(2)), Date: today + units.Date(rng.IntN(4)), Shipments: 1}},
				Basis:     ledger.Basis{Network: 1, Sequence: s.Sequence(), At: at},
			})
		}
	}
	stock := map[cell]counter{}
	for sku := range ledger.SKU(3) {
		for w := range ledger.Warehouse(2) {
			c := s.Stock(w, sku)
			stock[cell{w, sku}] = counter{int64(c.OnHand), int64(c.Safety), int64(c.Held), int64(c.Inbound)}
		}
	}
	return events, stock
}

// noticed adds events up, numbered anew, and returns what is wrong with them, or with the stock.
func noticed(events []ledger.Event, stock map[cell]counter) error {
	a := newAccounting()
	for i := range events {
		e := events[i]
		e.Sequence = uint64(i + 1)
		e.Basis.Sequence = min(e.Basis.Sequence, e.Sequence-1)
		if err := a.apply(&e); err != nil {
			return err
		}
	}
	if err := a.settle(); err != nil {
		return err
	}
	return a.differs(stock)
}

// TestAccountingCanFail leaves events out and grants too much, and wants the accounting to notice each.
func TestAccountingCanFail(t *testing.T) {
	t.Parallel()
	const seed = 1
	events, stock := past(t, seed)
	if err := noticed(events, stock); err != nil {
		t.Fatalf("what is right is not accepted: %v", err)
	}
	dropped := map[ledger.Kind]int{}
	for i := range events {
		err := noticed(slices.Delete(slices.Clone(events), i, i+1), stock)
		kind := events[i].Kind
		dropped[kind]++
		if last := events[i].HoldID; kind == ledger.HoldConfirmed && err == nil && !slices.ContainsFunc(events[i+1:], func(e ledger.Event) bool { return e.HoldID == last }) {
			continue // a confirmation that nothing follows changes no counter; the answer that it gave shows it
		}
		if kind == ledger.LimitSet {
			continue // there is then no limit to be kept
		}
		if err == nil {
			t.Errorf("event %d, %v, is missing, and nobody notices", i, kind)
		}
	}
	for _, kind := range []ledger.Kind{ledger.Held, ledger.HoldConfirmed, ledger.HoldReleased, ledger.HoldExpired, ledger.HoldShipped, ledger.HoldCancelled} {
		if dropped[kind] == 0 {
			t.Errorf("the events have no %v", kind)
		}
	}
	t.Log(dropped)

	oversold := 0
	for i := range events {
		if events[i].Kind != ledger.Held {
			continue
		}
		more := slices.Clone(events)
		more[i] = more[i].Clone()
		more[i].Hold.Stock[0].Quantity += 20
		if err := noticed(more, stock); err == nil {
			t.Errorf("event %d grants 20 more, and nobody notices", i)
		}
		more[i] = events[i].Clone()
		more[i].Hold.Shipments[0].Shipments += 9
		if events[i].Hold.Shipments[0].Warehouse == 1 && events[i].Hold.Shipments[0].Service == 0 {
			continue // of which there is no limit
		}
		oversold++
		if err := noticed(more, stock); err == nil {
			t.Errorf("event %d ships 9 more, and nobody notices", i)
		}
	}
	if oversold == 0 {
		t.Error("nothing was oversold")
	}
}

// TestComparisonCanFail changes what a client was told, and wants the comparison with the journal to notice.
func TestComparisonCanFail(t *testing.T) {
	t.Parallel()
	events, _ := past(t, 1)
	a := newAccounting()
	for i := range events {
		if err := a.apply(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	told := func() *journalist {
		j := newJournalist(remembered)
		maps.Copy(j.answers, a.answered)
		return j
	}
	if err := told().compare(a); err != nil {
		t.Fatalf("what is right is not accepted: %v", err)
	}
	some := events[slices.IndexFunc(events, func(e ledger.Event) bool { return e.Kind == ledger.Held })].Request.ID
	for what, change := range map[string]func(j *journalist){
		"an answer that was lost":            func(j *journalist) { j.answers["never"] = j.answers[some] },
		"an answer that nobody got":          func(j *journalist) { delete(j.answers, some) },
		"another hold":                       func(j *journalist) { j.answers[some] = allocated{hold: 77, decision: j.answers[some].decision} },
		"another decision":                   func(j *journalist) { j.answers[some] = allocated{hold: j.answers[some].hold, decision: "other"} },
		"stock set and forgotten":            func(j *journalist) { j.changes["never"] = true },
		"done, though the answer was no":     func(j *journalist) { j.aborted[some] = true },
		"two answers to one request":         func(j *journalist) { j.answeredTo(some, allocated{hold: 78}) },
		"a move that the journal never made": func(j *journalist) { j.movedTo("never", confirm, nil) },
	} {
		j := told()
		change(j)
		if j.compare(a) == nil {
			t.Errorf("%s: nobody notices", what)
		}
	}
}
