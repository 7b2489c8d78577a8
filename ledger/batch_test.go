package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// drawBatch returns allocations on a small ledger's counters, some of them refused.
func drawBatch(t *rapid.T, number, warehouses, skus int) []*Allocation {
	batch := make([]*Allocation, rapid.IntRange(0, 6).Draw(t, "batch"))
	for i := range batch {
		a := &Allocation{At: noon, TTL: 60, Order: fmt.Sprint("order ", number, " ", i), Answer: []byte("so it is"), Question: []byte("what")}
		if rapid.Bool().Draw(t, "request") {
			a.Request = Request{ID: fmt.Sprint(number, "/", i)}
		}
		if batch[i] = a; rapid.IntRange(0, 4).Draw(t, "refused") == 0 {
			a.Refused = true
			continue
		}
		for range rapid.IntRange(1, 3).Draw(t, "claims") {
			a.Stock = append(a.Stock, StockClaim{
				Warehouse(rapid.IntRange(0, warehouses-1).Draw(t, "warehouse")), SKU(rapid.IntRange(0, skus-1).Draw(t, "sku")), rapid.Int32Range(1, 3).Draw(t, "quantity"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "shipments") {
			a.Shipments = append(a.Shipments, ShipmentClaim{Warehouse(rapid.IntRange(0, warehouses-1).Draw(t, "from")), 0, unitsDate + 1, 1})
		}
	}
	return batch
}

const unitsDate = 20_779 // the day of noon

// TestAllocateAllIsAllocatingOneByOneOrNothing holds AllocateAll against a second ledger that allocates the same one by one:
// where that grants all, so does AllocateAll, and the states are the same to the last byte; where it does not, nothing
// at all has changed.
func TestAllocateAllIsAllocatingOneByOneOrNothing(t *testing.T) {
	t.Parallel()
	all, none := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		const warehouses, skus = 2, 3
		limit := []CapacityLimit{{Warehouse: 0, Service: AnyService, Date: EveryDay, Shipments: 5}, {Warehouse: 1, Service: 0, Date: EveryDay, Shipments: 4}}
		one, other := NewState(Config{MaxHolds: 25}), NewState(Config{MaxHolds: 25})
		for _, s := range []*State{one, other} {
			levels := []StockLevel{}
			for w := range Warehouse(warehouses) {
				for k := range SKU(skus) {
					levels = append(levels, StockLevel{w, k, 8, int32(w)})
				}
			}
			_, err := s.SetStock(noon, Request{}, nil)
			err = errors.Join(err, s.Extend(noon, ids("w", warehouses), ids("s", skus), []string{"ground"}, nil), s.SetCapacity(noon, limit))
			_, set := s.SetStock(noon, Request{}, levels)
			if err := errors.Join(err, set); err != nil {
				t.Fatal(err)
			}
		}
		for number := range rapid.IntRange(1, 6).Draw(t, "batches") {
			batch := drawBatch(t, number, warehouses, skus)
			before := written(failer{t}, other)
			holds, err := one.AllocateAll(batch)
			for _, a := range batch {
				var h Hold
				var single error
				if a.Refused {
					h, single = other.Decline(a)
				} else {
					h, single = other.Allocate(a)
				}
				if single != nil {
					if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrFull) {
						t.Fatalf("%v, and one by one %v", err, single)
					}
					var bad error
					if other, bad = ReadState(bytes.NewReader(before), Config{MaxHolds: 25}); bad != nil {
						t.Fatal(bad)
					}
					none++
					break
				}
				if err == nil && holds[0].Order == a.Order && holds[0].Sequence != h.Sequence {
					t.Fatalf("hold %+v, one by one %+v", holds[0], h)
				}
			}
			if err == nil && len(batch) > 1 {
				all++
			}
			if !bytes.Equal(written(failer{t}, one), written(failer{t}, other)) {
				t.Fatalf("%v; the states differ:\n%s\n%s", err, dump(one), dump(other))
			}
			if err == nil {
				again, err := one.AllocateAll(slices.DeleteFunc(slices.Clone(batch), func(a *Allocation) bool { return a.Request.ID == "" }))
				if err != nil || one.Sequence() != other.Sequence() {
					t.Fatalf("again: %v %v", again, err)
				}
			}
		}
	})
	if all == 0 || none == 0 {
		t.Errorf("%d batches were granted and %d not: the test says nothing of the others", all, none)
	}
}

// A failer is a rapid.T where a testing.TB is asked for and only fails.
type failer struct{ t *rapid.T }

func (f failer) Helper()           { f.t.Helper() }
func (f failer) Fatal(args ...any) { f.t.Fatal(args...) }

func TestAllocateAllTellsWhatStandsInItsWay(t *testing.T) {
	t.Parallel()
	l := small(t, Config{MaxHolds: 6}, 1, 2, 5)
	claim := func(id string, sku SKU, n int32) *Allocation {
		return &Allocation{Request: Request{ID: id}, At: noon, TTL: 60, Stock: []StockClaim{{0, sku, n}}, Order: "order of " + id, Answer: []byte(id)}
	}
	if _, err := l.AllocateAll([]*Allocation{claim("a", 0, 3), claim("b", 0, 3)}); !errors.Is(err, ErrConflict) {
		t.Fatal(err) // each fits, both do not
	}
	var conflict *ConflictError
	if _, err := l.AllocateAll([]*Allocation{claim("a", 0, 3), claim("b", 0, 3)}); !errors.As(err, &conflict) || conflict.Counters[0].Wanted != 6 || conflict.Counters[0].Left != 5 {
		t.Errorf("%+v", conflict)
	}
	if got := stock(l, 0, 0); got.Available != 5 || l.Open() != 0 {
		t.Fatalf("a batch that was refused holds %+v", got)
	}
	first := []*Allocation{claim("a", 0, 3), {Request: Request{ID: "b"}, At: noon, Refused: true, Answer: []byte("no")}, claim("c", 1, 1)}
	holds, err := l.AllocateAll(first)
	if err != nil || len(holds) != 3 || holds[0].Status != Pending || holds[1].Status != Refused || string(holds[1].Answer) != "no" || holds[2].ID != holds[0].ID+1 {
		t.Fatal(holds, err)
	}
	again, err := l.AllocateAll(first)
	if err != nil || again[0].ID != holds[0].ID || again[1].Sequence != holds[1].Sequence || again[2].ID != holds[2].ID || l.Open() != 2 {
		t.Errorf("again: %v %v", again, err)
	}
	other := claim("a", 0, 1)
	other.Request.Body[0] = 1
	var bad *BatchError
	if _, err := l.AllocateAll([]*Allocation{claim("d", 0, 1), other, claim("c", 1, 1)}); !errors.As(err, &bad) || !slices.Equal(bad.Reused, []int{1}) || !slices.Equal(bad.Known, []int{2}) || !errors.Is(err, ErrRequestReused) {
		t.Errorf("%v", err)
	}
	if _, err := l.AllocateAll([]*Allocation{claim("d", 0, 1), claim("c", 1, 1)}); !errors.As(err, &bad) || len(bad.Reused) != 0 || !slices.Equal(bad.Known, []int{1}) {
		t.Errorf("%v", err)
	}
	if _, err := l.AllocateAll([]*Allocation{claim("d", 0, 1), claim("e", 0, 1), claim("f", 1, 1), claim("g", 1, 1)}); !errors.Is(err, ErrFull) || l.Open() != 2 {
		t.Errorf("%v, %d open", err, l.Open())
	}
	broken := claim("d", 7, 0)
	for field, batch := range map[string][]*Allocation{
		"batch[1].stock[0].quantity": {claim("x", 0, 1), broken},
		"batch[1].request id":        {claim("x", 0, 1), claim("x", 0, 1)},
		"batch[1].stock[0].sku":      {claim("x", 0, 1), claim("y", 7, 1)},
		"batch[0].basis.sequence":    {{At: noon, Refused: true, Basis: Basis{Sequence: 1 << 40}}},
		"batch":                      make([]*Allocation, MaxBatch+1),
	} {
		var invalid *InvalidError
		if _, err := l.AllocateAll(batch); !errors.As(err, &invalid) || invalid.Faults[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	large := claim("x", 0, 1)
	large.Answer = make([]byte, MaxTogether)
	if _, err := l.AllocateAll([]*Allocation{large}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "together") {
		t.Errorf("%v", err)
	}
	if l.Open() != 2 || stock(l, 0, 0).Available != 2 {
		t.Errorf("%d open, %+v", l.Open(), stock(l, 0, 0))
	}
}

// TestBatchesAndSinglesNeverOversell lets batches of both kinds and single allocations take the same few units from many
// goroutines. The sink checks every event as it is made; batches must come in one piece, and end to end.
func TestBatchesAndSinglesNeverOversell(t *testing.T) {
	t.Parallel()
	const clients, warehouses, skus = 16, 2, 4
	tries := 300
	if testing.Short() {
		tries = 60
	}
	var l *Ledger
	pieces := map[string]int{} // events of a batch so far
	inside, granted := "", 0
	l = small(t, Config{Sink: func(e *Event) {
		if e.Kind != Held && e.Kind != Declined {
			return
		}
		name, _, _ := strings.Cut(e.Hold.Order, "#")
		if inside != "" && name != inside {
			t.Errorf("%s comes within %s", name, inside)
		}
		if inside = ""; e.More {
			inside = name
		}
		pieces[name]++
		for i := range e.Hold.Stock {
			c := &e.Hold.Stock[i]
			granted += int(c.Quantity)
			if left := l.state.available(c.Warehouse, c.SKU); left < 0 {
				t.Errorf("%s leaves %d of SKU %d in warehouse %d", e.Hold.Order, left, c.SKU, c.Warehouse)
			}
		}
	}}, warehouses, skus, 600)
	var full, lost atomic.Int64
	want := sync.Map{} // name of a batch of all to its length, 0 where it was refused
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(client), 7))
			for try := range tries {
				name := fmt.Sprint(client, "/", try)
				batch := make([]*Allocation, 1+rng.IntN(5))
				for i := range batch {
					batch[i] = &Allocation{At: noon, TTL: 60, Order: fmt.Sprint(name, "#", i), Stock: []StockClaim{{Warehouse(rng.IntN(warehouses)), SKU(rng.IntN(skus)), 1 + rng.Int32N(4)}}}
				}
				switch rng.IntN(3) {
				case 0:
					_, err := l.Allocate(batch[0])
					if err != nil && !errors.Is(err, ErrConflict) {
						t.Error(err)
					}
				case 1:
					holds, err := l.AllocateAll(batch)
					switch {
					case err == nil:
						full.Add(1)
						want.Store(name, len(holds))
					case errors.Is(err, ErrConflict):
						lost.Add(1)
						want.Store(name, 0)
					default:
						t.Error(err)
					}
				default:
					holds, errs, err := l.AllocateEach(batch)
					for i := range batch {
						if (errs[i] == nil) != (holds[i].ID != 0) || errs[i] != nil && !errors.Is(errs[i], ErrConflict) {
							t.Errorf("%v %v", holds[i], errs[i])
						}
					}
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	want.Range(func(name, n any) bool {
		if pieces[name.(string)] != n.(int) {
			t.Errorf("of batch %v there are %d holds, want %d", name, pieces[name.(string)], n)
		}
		return true
	})
	left := 0
	for w := range Warehouse(warehouses) {
		for k := range SKU(skus) {
			left += int(stock(l, w, k).Available)
		}
	}
	if granted+left != 600*warehouses*skus || full.Load() == 0 || lost.Load() == 0 || inside != "" {
		t.Errorf("%d granted and %d left; %d batches of all granted, %d not", granted, left, full.Load(), lost.Load())
	}
}

func TestAllocateEachAnswersEachForItself(t *testing.T) {
	t.Parallel()
	l := small(t, Config{}, 1, 1, 5)
	batch := []*Allocation{
		{Request: Request{ID: "a"}, At: noon, TTL: 60, Stock: []StockClaim{{0, 0, 4}}},
		{Request: Request{ID: "b"}, At: noon, TTL: 60, Stock: []StockClaim{{0, 0, 2}}},
		{Request: Request{ID: "c"}, At: noon, Refused: true, Answer: []byte("no")},
		{Request: Request{ID: "d"}, At: noon, TTL: 0, Stock: []StockClaim{{0, 0, 1}}},
		{Request: Request{ID: "e"}, At: noon, TTL: 60, Stock: []StockClaim{{0, 0, 1}}},
	}
	holds, errs, err := l.AllocateEach(batch)
	if err != nil || errs[0] != nil || !errors.Is(errs[1], ErrConflict) || errs[2] != nil || !errors.Is(errs[3], ErrInvalid) || errs[4] != nil {
		t.Fatal(errs, err)
	}
	if holds[0].ID == 0 || holds[2].Status != Refused || holds[4].ID == 0 || l.Open() != 2 {
		t.Errorf("%+v", holds)
	}
	again, errs, err := l.AllocateEach(batch[:1])
	if err != nil || errs[0] != nil || again[0].ID != holds[0].ID || l.Open() != 2 {
		t.Error(again, errs, err)
	}
}

// BenchmarkAllocateAll shows for how long a batch keeps others from the ledger, beside the same one by one.
func BenchmarkAllocateAll(b *testing.B) {
	const length = 5000
	batch := make([]*Allocation, length)
	rng := rand.New(rand.NewPCG(1, 1))
	fill := func(number int) {
		for i := range batch {
			batch[i] = &Allocation{Request: Request{ID: fmt.Sprint(number, "/", i)}, At: noon, TTL: 60, Answer: make([]byte, 400), Stock: []StockClaim{
				{Warehouse(rng.IntN(50)), SKU(rng.IntN(1000)), 1}, {Warehouse(rng.IntN(50)), SKU(rng.IntN(1000)), 1},
			}}
		}
	}
	for name, grant := range map[string]func(*State) error{
		"together": func(s *State) error { _, err := s.AllocateAll(batch); return err },
		"one by one": func(s *State) error {
			for _, a := range batch {
				if _, err := s.Allocate(a); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			l := small(b, Config{}, 50, 1000, 1_000_000)
			n := 0
			for b.Loop() {
				b.StopTimer()
				fill(n)
				n++
				b.StartTimer()
				if err := grant(l.state); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/length, "ns/allocation")
		})
	}
}

// TestBeginEachIsBeginOneByOne holds BeginEach, with memory for many holds, against a second ledger on which Begin is called for
// one after the other: the same becomes of each, up to the first conflict, and the states are the same to the last byte.
func TestBeginEachIsBeginOneByOne(t *testing.T) {
	t.Parallel()
	conflicts, granted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		const warehouses, skus = 2, 3
		each, one := small(t, Config{MaxHolds: 25}, warehouses, skus, 6), small(t, Config{MaxHolds: 25}, warehouses, skus, 6)
		room := &Room{}
		for number := range rapid.IntRange(1, 8).Draw(rt, "batches") {
			drawn := drawBatch(rt, number, warehouses, skus)
			batch, out := make([]Allocation, len(drawn)), make([]Granted, len(drawn))
			for i, a := range drawn {
				batch[i] = *a
				batch[i].Room = room
				if rapid.IntRange(0, 9).Draw(rt, "bad") == 0 {
					batch[i].TTL = -1
				}
			}
			for next := 0; next < len(batch); {
				done, sequence := each.BeginEach(batch[next:], out[next:])
				if done < 1 || next+done < len(batch) && !errors.Is(out[next+done-1].Err, ErrConflict) {
					rt.Fatalf("%d of %d were done, the last with %v", done, len(batch)-next, out[next+done-1].Err)
				}
				for i := next; i < next+done; i++ {
					alone := batch[i]
					alone.Room = nil
					want, last, err := one.Begin(&alone)
					if got := &out[i]; fmt.Sprint(got.Err) != fmt.Sprint(err) || fmt.Sprintf("%+v", got.Hold) != fmt.Sprintf("%+v", want) {
						rt.Fatalf("allocation %d became %+v, %v; by itself %+v, %v", i, got.Hold, got.Err, want, err)
					}
					if i == next+done-1 && last > 0 && last != sequence { // for what is malformed there is nothing to wait for
						rt.Fatalf("the last event is %d, and %d of those one by one", sequence, last)
					}
					if errors.Is(err, ErrConflict) {
						conflicts++
						if i != next+done-1 {
							rt.Fatalf("allocation %d conflicts, and %d were done", i, done)
						}
					} else if err == nil {
						granted++
					}
				}
				next += done
			}
			if !bytes.Equal(written(failer{rt}, each.state), written(failer{rt}, one.state)) {
				rt.Fatal("the states differ")
			}
			if each.View().Sequence != each.state.sequence {
				rt.Fatal("readers do not see all")
			}
		}
	})
	if conflicts == 0 || granted == 0 {
		t.Errorf("%d conflicts and %d grants prove nothing", conflicts, granted)
	}
}
