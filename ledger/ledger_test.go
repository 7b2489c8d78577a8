package ledger

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

const noon = units.Instant(1_795_348_800) // 2026-11-22T12:00:00Z

// small returns a ledger of so many warehouses and SKUs, one service, and the same stock everywhere.
func small(t testing.TB, c Config, warehouses, skus int, onHand int32) *Ledger {
	t.Helper()
	l := New(c)
	if err := l.Extend(noon, ids("w", warehouses), ids("s", skus), []string{"ground"}, []string{"v1"}); err != nil {
		t.Fatal(err)
	}
	var levels []StockLevel
	for w := range warehouses {
		for s := range skus {
			levels = append(levels, StockLevel{Warehouse(w), SKU(s), onHand, 0})
		}
	}
	if _, err := l.SetStock(noon, Request{}, levels); err != nil {
		t.Fatal(err)
	}
	return l
}

func ids(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(prefix, i)
	}
	return out
}

// Many buyers, one SKU: exactly what is there is granted, whoever asks, and readers see no more than that.
func TestHotSKUIsNeverOversold(t *testing.T) {
	t.Parallel()
	const buyers, units, tries = 64, 1000, 100
	var held int64 // by the events
	l := small(t, Config{Sink: func(e *Event) {
		if e.Kind == Held {
			held += int64(e.Hold.Stock[0].Quantity)
		}
	}}, 1, 1, units)
	var granted, conflicts atomic.Int64
	var wg sync.WaitGroup
	for b := range buyers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(b), 0))
			for range tries {
				if v := l.View(); v.Units(0, 0) < 0 || v.Units(0, 0) > units {
					t.Errorf("view shows %d units", v.Units(0, 0))
				}
				q := 1 + rng.Int32N(3)
				_, err := l.Allocate(&Allocation{At: noon, TTL: 60, Stock: []StockClaim{{0, 0, q}}})
				switch {
				case err == nil:
					granted.Add(int64(q))
				case errors.Is(err, ErrConflict):
					conflicts.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := units - granted.Load(); held != granted.Load() || left != int64(stock(l, 0, 0).Available) || left > 0 && conflicts.Load() == 0 {
		t.Errorf("granted %d of %d, held %d, %+v", granted.Load(), units, held, stock(l, 0, 0))
	}
	if granted.Load() < units-2 {
		t.Errorf("only %d of %d granted though everybody wanted more", granted.Load(), units)
	}
}

// Grants, releases, expiries, corrections and receipts from 64 goroutines; the sink checks every grant as it is made.
func TestMixedLoadIsNeverOversold(t *testing.T) {
	t.Parallel()
	const clients, warehouses, skus = 64, 4, 8
	tries := 400
	if testing.Short() {
		tries = 50
	}
	var l *Ledger
	granted, moved := 0, make(map[Kind]int)
	l = small(t, Config{Sink: func(e *Event) {
		switch e.Kind {
		case Held:
			granted++
			for _, c := range e.Hold.Stock {
				if left := l.state.available(c.Warehouse, c.SKU); left < 0 {
					t.Errorf("hold %d leaves %d of SKU %d in warehouse %d", e.HoldID, left, c.SKU, c.Warehouse)
				}
			}
		default:
			if e.Kind.OfHold() {
				moved[e.Kind]++
			}
		}
	}}, warehouses, skus, 30)
	if err := l.SetCapacity(noon, []CapacityLimit{{Warehouse: 0, Service: AnyService, Date: EveryDay, Shipments: 40}}); err != nil {
		t.Fatal(err)
	}
	var clock atomic.Int64
	clock.Store(int64(noon))
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 1))
			var mine []HoldID
			for range tries {
				at := units.Instant(clock.Add(rng.Int64N(2)))
				cell := func() (Warehouse, SKU) { // half of everything is about SKU 0
					return Warehouse(rng.IntN(warehouses)), SKU(rng.IntN(2) * rng.IntN(skus))
				}
				w, sku := cell()
				var err error
				switch n := rng.IntN(10); {
				case n < 6:
					w2, sku2 := cell()
					var h Hold
					h, err = l.Allocate(&Allocation{
						At: at, TTL: 1 + rng.Int64N(100),
						Stock:     []StockClaim{{w, sku, 1 + rng.Int32N(3)}, {w2, sku2, 1}},
						Shipments: []ShipmentClaim{{w, 0, units.Date(at / 86_400), 1}},
					})
					if err == nil {
						mine = append(mine, h.ID)
					}
				case n < 8 && len(mine) > 0:
					i := rng.IntN(len(mine))
					if rng.IntN(3) > 0 {
						_, err = l.Confirm(at, mine[i], Request{})
					}
					if move := rng.IntN(5); move < 4 {
						var items []StockClaim
						if h, gone := l.Get(mine[i]); gone == nil && rng.IntN(2) == 0 {
							items = []StockClaim{{h.Stock[0].Warehouse, h.Stock[0].SKU, 1}}
						}
						_, err = [...]func(units.Instant, HoldID, Request, []StockClaim) (Hold, error){
							l.Release, l.Cancel, l.Ship, l.ShortPick,
						}[move](at, mine[i], Request{}, items)
					}
				case n == 8:
					_, err = l.AdjustStock(at, Request{}, []StockChange{{w, sku, rng.Int32N(7) - 3}})
				default:
					err = l.AddReceipts(at, Request{}, []Receipt{{w, sku, 2, at + 5}, {w, sku, 1, at}})
				}
				if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrTransition) && !errors.Is(err, ErrInvalid) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if granted == 0 || len(moved) < 6 {
		t.Fatalf("%d granted, %v moved", granted, moved)
	}
	// What the counters say is what the holds say.
	want := make(map[[2]int32]int32)
	for r := range l.state.holds.all() {
		for _, c := range r.Stock {
			want[[2]int32{int32(c.Warehouse), int32(c.SKU)}] += c.Left()
		}
	}
	for w := range Warehouse(warehouses) {
		for sku := range SKU(skus) {
			if got := stock(l, w, sku).Held; got != want[[2]int32{int32(w), int32(sku)}] {
				t.Errorf("warehouse %d, SKU %d: held %d, holds have %d", w, sku, got, want[[2]int32{int32(w), int32(sku)}])
			}
		}
	}
}

func TestOneRequestManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	l := small(t, Config{}, 1, 1, 1000)
	var wg sync.WaitGroup
	var answers sync.Map
	for i := range 100 {
		wg.Go(func() {
			r := Request{ID: "checkout-1", Body: BodyHash{1}}
			h, err := l.Allocate(&Allocation{Request: r, At: noon, TTL: 60, Stock: []StockClaim{{0, 0, 2}}, Answer: fmt.Append(nil, i)})
			if err != nil || h.ID != 1 {
				t.Errorf("hold %d, %v", h.ID, err)
			}
			answers.Store(string(h.Answer), true)
			if h, ok, err := l.Answered(r); !ok || err != nil || h.ID != 1 {
				t.Errorf("answered: %d %v %v", h.ID, ok, err)
			}
		})
	}
	wg.Wait()
	n := 0
	answers.Range(func(any, any) bool { n++; return true })
	if n != 1 || stock(l, 0, 0).Held != 2 || l.Open() != 1 {
		t.Errorf("%d answers, %+v, %d open", n, stock(l, 0, 0), l.Open())
	}
	if _, _, err := l.Answered(Request{ID: "checkout-1"}); !errors.Is(err, ErrRequestReused) {
		t.Error(err)
	}
	if _, ok, err := l.Answered(Request{ID: "other"}); ok || err != nil {
		t.Error(ok, err)
	}
}

// Rows grow and never move, whatever the layout does, and an old view stays readable.
func TestExtendKeepsRowsAndCounters(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	l := New(Config{})
	want := make(map[[2]int]int32)
	warehouses, skus, services := 0, 0, 0
	for range 30 {
		old := l.View()
		warehouses, skus, services = warehouses+rng.IntN(40), skus+rng.IntN(40), services+rng.IntN(2)
		if err := l.Extend(noon, ids("w", warehouses), ids("s", skus), ids("c", services), nil); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if warehouses*skus == 0 {
				break
			}
			w, s, n := rng.IntN(warehouses), rng.IntN(skus), rng.Int32N(5)
			if _, err := l.SetStock(noon, Request{}, []StockLevel{{Warehouse(w), SKU(s), n, 0}}); err != nil {
				t.Fatal(err)
			}
			want[[2]int{w, s}] = n
			limit := CapacityLimit{Warehouse(w), Service(rng.IntN(services+1) - 1), EveryDay, int32(w)}
			if err := l.SetCapacity(noon, []CapacityLimit{limit}); err != nil {
				t.Fatal(err)
			}
			v := l.View()
			if got := v.CapacityLeft(limit.Warehouse, limit.Service, units.Date(noon/86_400)); got != int32(w) {
				t.Fatalf("capacity of warehouse %d: %d", w, got)
			}
		}
		v := l.View()
		for sku := range skus {
			for w := range warehouses {
				n := want[[2]int{w, sku}]
				if v.Units(Warehouse(w), SKU(sku)) != n || v.Word(SKU(sku), w/64)>>(w%64)&1 == 1 != (n > 0) {
					t.Fatalf("warehouse %d, SKU %d: view shows %d, want %d", w, sku, v.Units(Warehouse(w), SKU(sku)), n)
				}
			}
		}
		for sku := range old.SKUs {
			for w := range old.Warehouses {
				_ = old.Units(Warehouse(w), SKU(sku))
				_ = old.CapacityLeft(Warehouse(w), AnyService, 0)
			}
		}
	}
	if w, s, c, n := l.Names(); !slices.Equal(w, ids("w", warehouses)) || !slices.Equal(s, ids("s", skus)) || !slices.Equal(c, ids("c", services)) || n != nil {
		t.Error(w, s, c, n)
	}
}

func TestAvailabilityTakesFiveBytesACell(t *testing.T) {
	t.Parallel()
	const warehouses, skus = 200, 10_000 // as with a million, for nothing is shared between SKUs
	l := New(Config{})
	if err := l.Extend(noon, ids("w", warehouses), ids("s", skus), nil, nil); err != nil {
		t.Fatal(err)
	}
	c := l.state.columns
	bytes := 4*cap(c.available) + 8*cap(c.stocked) + 8*cap(c.changed)
	if perCell := float64(bytes) / (warehouses * skus); perCell > 5 || perCell < 4 {
		t.Errorf("%.2f bytes a cell", perCell)
	}
}

// The other counters take memory where there is stock, in whatever order the warehouses of a SKU come.
func TestColdCountersAreSparse(t *testing.T) {
	t.Parallel()
	const warehouses, skus, each = 1_000, 1_000, 3
	s := NewState(Config{})
	must(s.Extend(noon, ids("w", warehouses), ids("s", skus), nil, nil))
	rng := rand.New(rand.NewPCG(seeds.New(t), 1))
	want := make(map[[2]int32]Stock)
	for sku := range SKU(skus) {
		for _, w := range rng.Perm(warehouses)[:each] {
			l := StockLevel{Warehouse(w), sku, rng.Int32N(9), rng.Int32N(3)}
			_, err := s.SetStock(noon, Request{}, []StockLevel{l})
			must(err)
			want[[2]int32{int32(w), int32(sku)}] = Stock{OnHand: l.OnHand, Safety: l.Safety, Available: l.OnHand - l.Safety}
		}
	}
	bytes := 0
	for sku, row := range s.counts {
		bytes += cap(row) * int(unsafe.Sizeof(count{}))
		for w := range Warehouse(warehouses) {
			if got := s.Stock(w, SKU(sku)); got != want[[2]int32{int32(w), int32(sku)}] {
				t.Fatalf("warehouse %d, SKU %d: %+v, want %+v", w, sku, got, want[[2]int32{int32(w), int32(sku)}])
			}
		}
	}
	if perLevel := bytes / (each * skus); perLevel > 32 {
		t.Errorf("%d bytes a level", perLevel)
	}
}

// Names come in any order, and columns have room for SKUs before there is a warehouse.
func TestExtendBeginsWithAnything(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"wsc", "swc", "csw", "scw", "ssw"} {
		l := New(Config{})
		for i, what := range order {
			names := make(map[rune][]string)
			names[what] = ids("x", 3*(i+1))
			if err := l.Extend(noon, names['w'], names['s'], names['c'], []string{order}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.SetStock(noon, Request{}, []StockLevel{{2, 2, 5, 1}}); err != nil {
			t.Fatal(err)
		}
		v := l.View()
		if n, ok := l.Network(order); v.Units(2, 2) != 4 || n != 1 || !ok {
			t.Errorf("%s: %d units, network %d %v", order, v.Units(2, 2), n, ok)
		}
	}
}

func stock(l *Ledger, w Warehouse, sku SKU) Stock {
	out, err := l.Stock(w, sku)
	must(err)
	return out
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	l := small(t, Config{MaxHolds: 1}, 1, 1, 10)
	s := l.state
	ok := Allocation{At: noon, TTL: 60, Stock: []StockClaim{{0, 0, 1}}}
	if _, err := l.Allocate(&ok); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Allocate(&ok); !errors.Is(err, ErrFull) {
		t.Errorf("a second hold of at most one: %v", err)
	}
	basis := func(b Basis) func() error {
		return func() error {
			a := ok
			a.Basis = b
			_, err := l.Allocate(&a)
			return err
		}
	}
	long := strings.Repeat("x", MaxIDLength+1)
	for name, refused := range map[string]func() error{
		"negative time":     func() error { return l.Advance(-1) },
		"time too late":     func() error { return l.Advance(maxInstant + 1) },
		"negative confirm":  func() error { _, err := l.Confirm(-1, 1, Request{}); return err },
		"long request":      func() error { _, err := l.Release(noon, 1, Request{ID: long}, nil); return err },
		"malformed request": func() error { _, err := l.Cancel(noon, 1, Request{ID: "\xff"}, nil); return err },
		"empty name":        func() error { return l.Extend(noon, []string{""}, nil, nil, nil) },
		"long name":         func() error { return l.Extend(noon, nil, []string{long}, nil, nil) },
		"malformed name":    func() error { return l.Extend(noon, nil, nil, []string{"a\xffb"}, nil) },
		"no claims":         func() error { _, err := l.Allocate(&Allocation{At: noon, TTL: 1}); return err },
		"too many claims": func() error {
			_, err := l.Allocate(&Allocation{At: noon, TTL: 1, Stock: make([]StockClaim, MaxClaims+1)})
			return err
		},
		"any service": func() error {
			_, err := l.Allocate(&Allocation{
				At: noon, TTL: 1, Stock: ok.Stock, Shipments: []ShipmentClaim{{0, AnyService, units.Date(noon / 86_400), 1}},
			})
			return err
		},
		"too many shipments": func() error {
			c := ShipmentClaim{0, 0, units.Date(noon / 86_400), MaxQuantity}
			_, err := l.Allocate(&Allocation{At: noon, TTL: 1, Stock: ok.Stock, Shipments: []ShipmentClaim{c, c}})
			return err
		},
		"past shipment": func() error {
			c := ShipmentClaim{0, 0, units.Date(noon/86_400) - 3, 1}
			_, err := l.Allocate(&Allocation{At: noon, TTL: 1, Stock: ok.Stock, Shipments: []ShipmentClaim{c}})
			return err
		},
		"receipt from never": func() error { return l.AddReceipts(noon, Request{}, []Receipt{{0, 0, 1, -5}}) },
		"receipt of too much": func() error {
			return l.AddReceipts(noon, Request{}, []Receipt{{0, 0, MaxQuantity, noon + 1}, {0, 0, MaxQuantity, noon + 1}, {0, 0, MaxQuantity, noon + 1}})
		},
		"delta below everything": func() error {
			_, err := l.AdjustStock(noon, Request{}, []StockChange{{0, 0, math.MinInt32}, {0, 0, math.MaxInt32}})
			return err
		},
		"level above everything": func() error {
			_, err := l.SetStock(noon, Request{}, []StockLevel{{0, 0, math.MaxInt32, 0}})
			return err
		},
		"no such network":         basis(Basis{Network: 2}),
		"negative network":        basis(Basis{Network: -1}),
		"stock of the future":     basis(Basis{Sequence: 1000}),
		"time of the future":      basis(Basis{At: noon + 1}),
		"time before everything":  basis(Basis{At: -1}),
		"declined in the future":  func() error { _, err := l.Decline(&Allocation{At: noon, Basis: Basis{Sequence: 1000}}); return err },
		"declined without a time": func() error { _, err := l.Decline(&Allocation{At: -1, Order: long}); return err },
		"items of nothing": func() error {
			_, err := l.Release(noon, 1, Request{}, []StockClaim{{0, 0, 0}})
			return err
		},
		"items of too much": func() error {
			_, err := l.Release(noon, 1, Request{}, []StockClaim{{0, 0, MaxQuantity}, {0, 0, MaxQuantity}, {0, 0, MaxQuantity}})
			return err
		},
		"items of another": func() error {
			_, err := l.Release(noon, 1, Request{}, []StockClaim{{math.MaxInt32, math.MinInt32, 1}})
			return err
		},
		"rows beyond": func() error {
			_, err := l.Allocate(&Allocation{At: noon, TTL: 1, Stock: []StockClaim{{math.MaxInt32, math.MinInt32, 1}}})
			return err
		},
		"limit before the horizon": func() error {
			return l.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay + 1, 1}})
		},
		"limit after 9999": func() error {
			return l.SetCapacity(noon, []CapacityLimit{{0, AnyService, math.MaxInt32, 1}})
		},
	} {
		before := dump(s)
		err := refused()
		if e, ok := errors.AsType[*InvalidError](err); !ok || len(e.Faults) == 0 || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if dump(s) != before {
			t.Errorf("%s changed the ledger", name)
		}
	}
	if _, err := l.Get(2); !errors.Is(err, ErrNoHold) {
		t.Error(err)
	}
	if h, err := l.Get(1); err != nil || h.Status != Pending {
		t.Error(h, err)
	}
}

// The days of the horizon share their places with the days before them: what was used on those must not be left over,
// and what comes back from a day that is over must not be given to a day to come.
func TestCapacityDaysComeAnew(t *testing.T) {
	t.Parallel()
	l := small(t, Config{}, 1, 1, 1000)
	day := units.Date(noon / 86_400)
	if err := l.SetCapacity(noon, []CapacityLimit{
		{0, AnyService, EveryDay, 2}, {0, 0, day + Horizon, 1}, {0, 0, day + 3*Horizon, 0},
	}); err != nil {
		t.Fatal(err)
	}
	hold := func(at units.Instant, d units.Date) (HoldID, error) {
		h, err := l.Allocate(&Allocation{
			At: at, TTL: 300 * 86_400, Stock: []StockClaim{{0, 0, 1}}, Shipments: []ShipmentClaim{{0, 0, d, 1}},
		})
		return h.ID, err
	}
	first, err := hold(noon, day)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := hold(noon+Horizon*86_400, day+Horizon); (err == nil) != (i < 1) {
			t.Errorf("a horizon later, hold %d: %v", i, err)
		}
	}
	// The first hold's day is long over.
	if _, err := l.Release(noon+Horizon*86_400, first, Request{}, nil); err != nil {
		t.Fatal(err)
	}
	if v := l.View(); v.CapacityLeft(0, AnyService, day+Horizon) != 1 || v.CapacityLeft(0, 0, day+Horizon) != 0 {
		t.Errorf("left after a late release: %d, %d", v.CapacityLeft(0, AnyService, day+Horizon), v.CapacityLeft(0, 0, day+Horizon))
	}
	for _, c := range []struct {
		cycle units.Date
		want  int
	}{{2, 2}, {3, 0}, {7, 2}} {
		at := noon + units.Instant(c.cycle)*Horizon*86_400
		for i := range 3 {
			if _, err := hold(at, day+c.cycle*Horizon); (err == nil) != (i < c.want) {
				t.Errorf("cycle %d, hold %d: %v", c.cycle, i, err)
			}
		}
	}
}

// A day that nobody limits counts any number of shipments, and still knows them when it is limited.
func TestUnlimitedDaysDoNotOverflow(t *testing.T) {
	t.Parallel()
	l := small(t, Config{}, 1, 1, 10)
	day := units.Date(noon / 86_400)
	must(l.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, Unlimited}}))
	for range 5 {
		must(second(l.Allocate(&Allocation{
			At: noon, TTL: 60, Stock: []StockClaim{{0, 0, 1}}, Shipments: []ShipmentClaim{{0, 0, day, MaxQuantity}},
		})))
	}
	left := func() int32 { v := l.View(); return v.CapacityLeft(0, AnyService, day) }
	if left() != Unlimited {
		t.Errorf("%d left of an unlimited day", left())
	}
	must(l.SetCapacity(noon, []CapacityLimit{{0, AnyService, day, 7}, {0, 0, day, 5}}))
	if left() != math.MinInt32 {
		t.Errorf("%d left of 7 with 5,000,000,000 used", left())
	}
	if raw := written(t, l.state); dump(readState(t, raw)) != dump(l.state) {
		t.Error("read again it is another state")
	}
	must(l.Advance(noon + 60))
	if v := l.View(); left() != 7 || v.CapacityLeft(0, 0, day) != 5 {
		t.Errorf("%d left of 7", left())
	}
}

func TestExtendRefusesMoreThanMemoryHolds(t *testing.T) {
	t.Parallel()
	l := New(Config{})
	many := ids("n", 1+MaxCells/32_768)
	must(l.Extend(noon, many, nil, nil, nil))
	if err := l.Extend(noon, nil, many, nil, nil); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	if err := l.Extend(noon, nil, nil, many, nil); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	must(l.Extend(noon, nil, many[:100], many[:10], nil))
}

// Retention: what ended is forgotten, with its request ids, and they are new again.
func TestRequestsAreForgottenInTime(t *testing.T) {
	t.Parallel()
	l := small(t, Config{Retention: 100}, 1, 1, 1_000_000)
	at := noon
	for i := range 5000 {
		r := Request{ID: fmt.Sprint("r", i)}
		h, err := l.Allocate(&Allocation{Request: r, At: at, TTL: 50, Stock: []StockClaim{{0, 0, 1}}})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if _, err := l.Release(at, h.ID, Request{ID: fmt.Sprint("release", i)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		at++
	}
	if n := l.state.holds.len(); n > 151 {
		t.Errorf("%d holds remembered", n)
	}
	if n := l.state.requests.len(); n > 251 {
		t.Errorf("%d requests remembered", n)
	}
	if err := l.Advance(at + 1000); err != nil {
		t.Fatal(err)
	}
	if l.state.holds.len()+l.state.requests.len()+l.Open() != 0 || stock(l, 0, 0).Held != 0 {
		t.Errorf("%d holds and %d requests remembered, %d open", l.state.holds.len(), l.state.requests.len(), l.Open())
	}
	if _, ok, err := l.Answered(Request{ID: "r1"}); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestReplayRefusesWhatDoesNotFollow(t *testing.T) {
	t.Parallel()
	var events []Event
	s := NewState(Config{Sink: func(e *Event) { events = append(events, e.Clone()) }})
	must(s.Extend(noon, []string{"w"}, []string{"s"}, []string{"c"}, []string{"n"}))
	must(s.SetCapacity(noon, []CapacityLimit{{0, 0, EveryDay, 3}}))
	must(s.AddReceipts(noon, Request{}, []Receipt{{0, 0, 4, noon + 5}}))
	must(s.Advance(noon + 5))
	for range 2 {
		_, err := s.Allocate(&Allocation{
			At: noon + 5, TTL: 9, Stock: []StockClaim{{0, 0, 2}}, Shipments: []ShipmentClaim{{0, 0, units.Date(noon / 86_400), 1}},
		})
		must(err)
	}
	_, err := s.Confirm(noon+6, 1, Request{})
	must(err)
	_, err = s.Ship(noon+6, 1, Request{}, []StockClaim{{0, 0, 1}})
	must(err)
	_, err = s.SetStock(noon+7, Request{ID: "once"}, []StockLevel{{0, 0, 9, 1}})
	must(err)
	_, err = s.Decline(&Allocation{At: noon + 7})
	must(err)
	must(s.Advance(noon + 100)) // hold 2 expires
	want := []Kind{Extended, LimitSet, Planned, Arrived, Held, Held, HoldConfirmed, HoldShipped, StockSet, Declined, HoldExpired}
	if !slices.EqualFunc(events, want, func(e Event, k Kind) bool { return e.Kind == k }) {
		t.Fatalf("%v", events)
	}
	for i := range events {
		replayed := NewState(Config{})
		for j := range i {
			must(replayed.Replay(&events[j]))
		}
		before := dump(replayed)
		for what, spoil := range map[string]func(*Event){
			"next number":  func(e *Event) { e.Sequence++ },
			"same number":  func(e *Event) { e.Sequence-- },
			"earlier":      func(e *Event) { e.At = replayed.now - 1 },
			"no kind":      func(e *Event) { e.Kind = 0 },
			"unknown kind": func(e *Event) { e.Kind = HoldShort + 1 },
			"unknown hold": func(e *Event) { e.Kind, e.HoldID = HoldShipped, 77 },
			"ended hold":   func(e *Event) { e.Kind, e.HoldID = HoldExpired, 1 },
			"rows": func(e *Event) {
				e.Kind, e.Hold = Held, &Hold{ID: replayed.nextHold, Stock: []Claim{{StockClaim: StockClaim{5, 5, 1}}}}
			},
			"sites": func(e *Event) {
				e.Kind, e.Hold = Held, &Hold{ID: replayed.nextHold, Shipments: []ShipmentClaim{{5, 5, 5, 5}}}
			},
			"no hold":     func(e *Event) { e.Kind, e.Hold = Held, nil },
			"other hold":  func(e *Event) { e.Kind, e.Hold = Held, &Hold{ID: replayed.nextHold + 1} },
			"hold of no":  func(e *Event) { e.Kind, e.Hold = Declined, &Hold{ID: 1} },
			"levels":      func(e *Event) { e.Kind, e.Levels = StockSet, []StockLevel{{9, 9, 9, 9}} },
			"much":        func(e *Event) { e.Kind, e.Levels = StockSet, []StockLevel{{0, 0, MaxQuantity + 1, 0}} },
			"receipts":    func(e *Event) { e.Kind, e.Receipts = Planned, []Receipt{{0, 8, 1, noon}} },
			"arrival":     func(e *Event) { e.Kind, e.Receipts = Arrived, []Receipt{{0, 0, 99, noon}} },
			"arrivals":    func(e *Event) { e.Kind, e.Receipts = Arrived, nil },
			"limits":      func(e *Event) { e.Kind, e.Limits = LimitSet, []CapacityLimit{{5, 0, EveryDay, 1}} },
			"known names": func(e *Event) { e.Kind, e.SKUs = Extended, []string{"x", "x"} },
			"too many": func(e *Event) {
				if e.Kind != Held {
					e.Sequence = 0
				}
				if e.Hold != nil && len(e.Hold.Stock) > 0 {
					e.Hold.Stock[0].Quantity = 5
				}
			},
			"other status": func(e *Event) {
				if !e.Kind.OfHold() {
					e.Sequence = 0
				}
				e.Status++
			},
			"other items": func(e *Event) {
				if !e.Kind.OfHold() || e.Kind == HoldConfirmed {
					e.Sequence = 0
				}
				e.Items = []StockClaim{{0, 0, 3}}
			},
		} {
			e := events[i].Clone()
			spoil(&e)
			if err := replayed.Replay(&e); !errors.Is(err, ErrReplay) {
				t.Errorf("event %d (%v), %s: %v", i, e.Kind, what, err)
			}
		}
		if dump(replayed) != before {
			t.Errorf("a refused event changed the state")
		}
		must(replayed.Replay(&events[i]))
	}
	// A request id comes once.
	again := replayed(t, events)
	e := Event{Sequence: again.sequence + 1, At: again.now, Kind: StockSet, Request: Request{ID: "once"}}
	if err := again.Replay(&e); !errors.Is(err, ErrReplay) {
		t.Errorf("request id twice: %v", err)
	}
}

func TestNamesOfStatusesAndKinds(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for s := Pending; s <= Refused; s++ {
		seen[s.String()] = true
	}
	for k := Extended; k <= HoldShort; k++ {
		seen[k.String()] = true
	}
	if len(seen) != 20-5 || // confirmed, released, expired, cancelled and shipped are both
		seen["unknown"] || Status(0).String() != "unknown" || Kind(0).String() != "unknown" {
		t.Error(seen)
	}
}

func TestAllocateAllocatesOnlyTheHold(t *testing.T) {
	l := small(t, Config{Retention: 10}, 4, 4, 1_000_000)
	a := Allocation{
		At: noon, TTL: 60,
		Stock:     []StockClaim{{1, 2, 1}, {3, 0, 2}},
		Shipments: []ShipmentClaim{{1, 0, units.Date(noon / 86_400), 1}, {3, 0, units.Date(noon / 86_400), 1}},
	}
	// Maps and heaps grow now and then; a hold and its end at steady size cost the record, and its claims after the end.
	n := testing.AllocsPerRun(2000, func() {
		h, err := l.Allocate(&a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Release(noon, h.ID, Request{}, nil); err != nil {
			t.Fatal(err)
		}
		a.At += 11 // the ended one is forgotten
	})
	if n > 2 {
		t.Errorf("%v allocations a hold, want 2", n)
	}
	v := testing.AllocsPerRun(100, func() {
		view := l.View()
		_ = view.Units(1, 1)
	})
	if v != 0 {
		t.Errorf("%v allocations a view", v)
	}
}

func BenchmarkAllocate(b *testing.B) {
	const warehouses, skus = 50, 10_000
	for _, hot := range []bool{false, true} {
		name := map[bool]string{false: "skus=uniform", true: "skus=hot"}[hot]
		pick := func(rng *rand.Rand) SKU {
			if hot {
				return 0
			}
			return SKU(rng.IntN(skus))
		}
		hold := func(l *Ledger, rng *rand.Rand) error {
			a := Allocation{
				At: noon, TTL: 60,
				Stock:     []StockClaim{{Warehouse(rng.IntN(warehouses)), pick(rng), 1}, {Warehouse(rng.IntN(warehouses)), pick(rng), 1}},
				Shipments: []ShipmentClaim{{Warehouse(rng.IntN(warehouses)), 0, units.Date(noon / 86_400), 1}},
			}
			_, err := l.Allocate(&a)
			return err
		}
		b.Run(name+"/callers=1", func(b *testing.B) {
			l := small(b, Config{}, warehouses, skus, 1_000_000_000)
			rng := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				if err := hold(l, rng); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/callers=many", func(b *testing.B) {
			l := small(b, Config{}, warehouses, skus, 1_000_000_000)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				rng := rand.New(rand.NewPCG(seeds.New(b), 1))
				for pb.Next() {
					if err := hold(l, rng); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
