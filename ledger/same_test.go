package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/allot-engine/allot/internal/seeds"
	"github.com/allot-engine/allot/units"
)

// A past is a view with what has become of it: what anybody could have seen to be different since.
type past struct {
	view  View
	stock [][][]int32       // [sku][wanted][warehouse] the lesser of available and wanted
	moved [][]bool          // [sku][wanted] it was different since
	room  map[[3]int32]bool // by warehouse, service and day: there is any
	full  bool              // that was different since, warehouses came or the day ended
}

const pastSKUs, pastWanted, pastDays = 4, 7, 3

func lesser(v *View, sku SKU, wanted int32) (out []int32) {
	for w := range v.Warehouses {
		out = append(out, min(v.Units(Warehouse(w), sku), wanted))
	}
	return out
}

func rooms(v *View, today units.Date) map[[3]int32]bool {
	out := map[[3]int32]bool{}
	for w := range v.Warehouses {
		for s := AnyService; int(s) < v.Services; s++ {
			for d := range units.Date(pastDays) {
				out[[3]int32{int32(w), int32(s), int32(today + d)}] = v.CapacityLeft(Warehouse(w), s, today+d) > 0
			}
		}
	}
	return out
}

// TestSameIsWhatWasAlwaysTheSame makes random commands, and asks after each whether what was noted before is still as it was: of
// stock up to a few units exactly that is said, and otherwise never yes where it is not.
func TestSameIsWhatWasAlwaysTheSame(t *testing.T) {
	t.Parallel()
	seed := seeds.New(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		s := NewState(Config{Retention: 1})
		at := noon
		must(s.Extend(at, ids("w", 3), ids("s", pastSKUs), ids("c", 2), nil))
		var holds []HoldID
		var pasts []*past
		for step := range 120 {
			w, sku := Warehouse(rng.IntN(3)), SKU(rng.IntN(pastSKUs))
			switch n := rng.IntN(40); {
			case n == 0:
				must(s.Extend(at, ids("w", 3)[:0], []string{fmt.Sprintf("more%d", step)}, nil, nil))
			case n == 1 && step%5 == 0:
				must(s.Extend(at, []string{fmt.Sprintf("new%d", step)}, nil, nil, nil))
			case n == 2:
				at += units.Instant(rng.IntN(60_000))
				must(s.Advance(at))
			case n < 6:
				tolerate(s.SetCapacity(at, []CapacityLimit{{w, Service(rng.IntN(3) - 1), []units.Date{EveryDay, units.Date(at / 86_400)}[rng.IntN(2)], rng.Int32N(4)}}))
			case n < 10:
				tolerate(s.AddReceipts(at, Request{}, []Receipt{{w, sku, 1 + rng.Int32N(3), at + units.Instant(rng.IntN(3_000)-1_000)}}))
			case n < 20:
				_, err := s.SetStock(at, Request{}, []StockLevel{{w, sku, rng.Int32N(9), rng.Int32N(2)}})
				tolerate(err)
			case n < 24 && len(holds) > 0:
				id := holds[rng.IntN(len(holds))]
				_, err := s.Cancel(at, id, Request{}, nil)
				tolerate(err)
			case n < 28 && len(holds) > 0:
				_, err := s.Ship(at, holds[rng.IntN(len(holds))], Request{}, nil)
				tolerate(err)
			default:
				h, err := s.Allocate(&Allocation{
					At: at, TTL: 1 + rng.Int64N(90_000), Stock: []StockClaim{{w, sku, 1 + rng.Int32N(2)}},
					Shipments: []ShipmentClaim{{w, Service(rng.IntN(2)), units.Date(at/86_400) + units.Date(rng.IntN(2)), 1}},
				})
				if tolerate(err); err == nil {
					holds = append(holds, h.ID)
					_, err = s.Confirm(at, h.ID, Request{})
					tolerate(err)
				}
			}
			v := s.View()
			today := units.Date(at / 86_400)
			now := &past{view: v, room: rooms(&v, today)}
			for sku := range SKU(pastSKUs) {
				now.stock, now.moved = append(now.stock, nil), append(now.moved, make([]bool, pastWanted+1))
				for wanted := range int32(pastWanted + 1) {
					now.stock[sku] = append(now.stock[sku], lesser(&v, sku, wanted))
				}
			}
			for _, p := range pasts {
				check(t, p, now)
			}
			if pasts = append(pasts, now); len(pasts) > 25 {
				pasts = pasts[1:]
			}
		}
	}
}

// check notes what is different now and holds what the ledger says against it.
func check(t *testing.T, p, now *past) {
	t.Helper()
	for sku := range SKU(pastSKUs) {
		for wanted := int32(1); wanted <= pastWanted; wanted++ {
			for w, n := range p.stock[sku][wanted] {
				p.moved[sku][wanted] = p.moved[sku][wanted] || now.stock[sku][wanted][w] != n
			}
			moved, said := p.moved[sku][wanted], now.view.SameStock(p.view.Sequence, sku, wanted)
			if said == moved && (moved || wanted <= crossings) {
				t.Fatalf("from event %d to %d, SKU %d, %d wanted: same %v, and it changed %v", p.view.Sequence, now.view.Sequence, sku, wanted, said, moved)
			}
		}
	}
	p.full = p.full || p.view.Warehouses != now.view.Warehouses
	for day, was := range p.room {
		if is, known := now.room[day]; !known || is != was {
			p.full = true
		}
	}
	if p.full && now.view.SameRoom(&p.view) {
		t.Fatalf("from event %d to %d: there is the same room, of %v and then %v", p.view.Sequence, now.view.Sequence, p.room, now.room)
	}
}

// Each change is told of what it changed, and of nothing else.
func TestSameLooksAtWhatWasChanged(t *testing.T) {
	t.Parallel()
	s := NewState(Config{})
	must(s.Extend(noon, ids("w", 2), ids("s", 2), ids("c", 1), nil))
	set := func(n int32) {
		_, err := s.SetStock(noon, Request{}, []StockLevel{{1, 0, n, 0}})
		must(err)
	}
	must(s.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, 2}}))
	for _, c := range []struct {
		from, to, least int32 // the smallest number of units to whose buyer it matters; 0: to none
	}{{5, 9, 6}, {9, 8, 5}, {4, 3, 4}, {3, 4, 4}, {1, 0, 1}, {0, 1, 1}, {0, 9, 1}, {2, 3, 3}, {3, 3, 0}} {
		set(c.from)
		v := s.View()
		set(c.to)
		after := s.View()
		for wanted := int32(1); wanted <= 4; wanted++ {
			if got := after.SameStock(v.Sequence, 0, wanted); got != (c.least == 0 || wanted < c.least) {
				t.Errorf("%d to %d units, %d wanted: same %v", c.from, c.to, wanted, got)
			}
		}
		if !after.SameStock(v.Sequence, 1, 9) || !after.SameRoom(&v) {
			t.Errorf("%d to %d units: another SKU or a day is different", c.from, c.to)
		}
	}
	v := s.View()
	must(s.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, 1}}))
	if now := s.View(); !now.SameRoom(&v) {
		t.Error("one shipment a day, and not two: there is no room")
	}
	must(s.SetCapacity(noon, []CapacityLimit{{0, AnyService, EveryDay, 0}}))
	if now := s.View(); now.SameRoom(&v) || !now.SameStock(v.Sequence, 0, 1) {
		t.Error("no shipments, and not one a day: there is as much room, or other stock")
	}
	v = s.View()
	must(s.Advance(noon + 86_400))
	if now := s.View(); now.SameRoom(&v) {
		t.Error("a day later there is the same room")
	}
}
