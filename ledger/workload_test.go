package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/units"
)

// A workload drives a state with random commands of every kind: most are sensible, some are refused. Few counters, so
// that they meet.
type workload struct {
	s     *State
	rng   *rand.Rand
	named int // times that names were added
	step  int
}

func newWorkload(s *State, seed uint64) *workload {
	return &workload{s: s, rng: rand.New(rand.NewPCG(seed, 17))}
}

// run does n commands.
func (w *workload) run(n int) {
	for range n {
		w.command()
	}
}

func (w *workload) request() Request {
	if w.rng.IntN(2) == 0 {
		return Request{}
	}
	if w.rng.IntN(10) == 0 { // again, maybe with another body
		return Request{ID: fmt.Sprint("r", w.rng.IntN(w.step+1)), Body: BodyHash{1: byte(w.rng.IntN(5) / 4)}}
	}
	return Request{ID: fmt.Sprint("r", w.step)}
}

func (w *workload) cell() (Warehouse, SKU) {
	return Warehouse(w.rng.IntN(w.s.warehouses.len())), SKU(w.rng.IntN(w.s.skus.len()))
}

func (w *workload) command() {
	s, rng := w.s, w.rng
	w.step++
	at := s.now + units.Instant([]int64{0, 0, 1, 7, 60, 600, 0, 0, 0, 0}[rng.IntN(10)])
	if rng.IntN(50) == 0 {
		at += 86_400
	}
	if w.named == 0 || w.named < 4 && rng.IntN(200) == 0 { // few counters, so that commands meet
		w.named++
		n := w.named
		must(s.Extend(at, ids("w", 3*n), ids("s", 5*n), ids("c", 1+n), ids("n", n)))
		return
	}
	wh, sku := w.cell()
	switch n := rng.IntN(100); {
	case n < 10:
		onHand := []int32{60, 60, 3}[rng.IntN(3)]
		if r := s.holds.get(s.nextHold - 1); r != nil && onHand == 3 { // too little, for a shortfall
			wh, sku = r.Stock[0].Warehouse, r.Stock[0].SKU
		}
		_, err := s.SetStock(at, w.request(), []StockLevel{{wh, sku, rng.Int32N(onHand), rng.Int32N(4)}})
		tolerate(err)
	case n < 17:
		wh2, sku2 := w.cell()
		_, err := s.AdjustStock(at, w.request(), []StockChange{{wh, sku, rng.Int32N(30) - 10}, {wh2, sku2, rng.Int32N(9)}})
		tolerate(err)
	case n < 22:
		tolerate(s.AddReceipts(at, w.request(), []Receipt{{wh, sku, 1 + rng.Int32N(9), at + units.Instant(rng.IntN(90))}, {wh, sku, 2, at}}))
	case n < 25:
		service := Service(rng.IntN(s.services.len()+1) - 1)
		date := []units.Date{EveryDay, units.Date(at / 86_400), units.Date(at/86_400) + 200}[rng.IntN(3)]
		tolerate(s.SetCapacity(at, []CapacityLimit{{wh, service, date, []int32{0, 3, 20, Unlimited}[rng.IntN(4)]}}))
	case n < 60:
		a := Allocation{
			Request: w.request(), At: at, Order: fmt.Sprint("order ", w.step), TTL: 1 + rng.Int64N(4000),
			Basis:    Basis{Network: Network(rng.IntN(s.networks.len() + 1)), Sequence: s.sequence - min(s.sequence, rng.Uint64N(3)), At: at},
			Question: make([]byte, rng.IntN(40)), Answer: fmt.Append(nil, "answer ", w.step),
		}
		if n < 30 {
			_, err := s.Decline(&a)
			tolerate(err)
			return
		}
		for range 1 + rng.IntN(7) {
			wh, sku := w.cell()
			a.Stock = append(a.Stock, StockClaim{wh, sku, 1 + rng.Int32N(3)})
			if rng.IntN(2) == 0 {
				a.Shipments = append(a.Shipments, ShipmentClaim{wh, Service(rng.IntN(s.services.len())), units.Date(at/86_400) + units.Date(rng.IntN(4)), 1})
			}
		}
		_, err := s.Allocate(&a)
		tolerate(err)
	case n < 70:
		tolerate(s.Advance(at))
	default:
		w.move(at)
	}
}

func (w *workload) move(at units.Instant) {
	s, rng := w.s, w.rng
	id := HoldID(uint64(s.nextHold) - min(uint64(s.nextHold), rng.Uint64N(12)))
	for range 4 { // mostly one that can be moved
		if r := s.holds.get(id); r == nil || !r.Status.Holding() {
			id = HoldID(uint64(s.nextHold) - min(uint64(s.nextHold), rng.Uint64N(12)))
		}
	}
	var items []StockClaim
	if r := s.holds.get(id); r != nil && rng.IntN(2) == 0 {
		for _, c := range r.Stock {
			if left := c.Left(); left > 0 && rng.IntN(2) == 0 {
				items = append(items, StockClaim{c.Warehouse, c.SKU, 1 + rng.Int32N(left)})
			}
		}
	}
	var err error
	switch rng.IntN(7) {
	case 0, 1, 5:
		_, err = s.Confirm(at, id, w.request())
	case 2:
		_, err = s.Release(at, id, w.request(), items)
	case 3:
		_, err = s.Cancel(at, id, w.request(), items)
	case 4:
		_, err = s.Ship(at, id, w.request(), items)
	default:
		_, err = s.ShortPick(at, id, w.request(), items)
	}
	tolerate(err)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// tolerate lets refusals pass that random commands bring about.
func tolerate(err error) {
	switch err.(type) { //nolint:errorlint // they come unwrapped
	case nil, *ConflictError, *TransitionError, *InvalidError:
	default:
		if err != ErrRequestReused && err != ErrNoHold { //nolint:errorlint // they come unwrapped
			panic(err)
		}
	}
}

// history returns the events of a workload, and its state.
func history(seed uint64, commands int) ([]Event, *State) {
	var events []Event
	s := NewState(Config{Retention: 86_400, Sink: func(e *Event) { events = append(events, e.Clone()) }})
	newWorkload(s, seed).run(commands)
	return events, s
}

// replayed returns the state that events make.
func replayed(t testing.TB, events []Event) *State {
	t.Helper()
	s := NewState(Config{Retention: 86_400})
	for i := range events {
		if err := s.Replay(&events[i]); err != nil {
			t.Fatalf("event %d, %+v: %v", i, &events[i], err)
		}
	}
	return s
}
