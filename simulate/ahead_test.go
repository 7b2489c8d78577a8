package simulate

import (
	"slices"
	"testing"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/claims"
	"github.com/allot-engine/allot/units"
)

// crowded are designs in which orders that come one after the other want the same few units and days.
func crowded(seed uint64) design {
	d := design{seed: seed, orders: 80, warehouses: 4, epochs: 1 + int(seed%2), seconds: 900, tight: true}
	d.config.Policy = network.PolicySource{SplitLines: seed%3 > 0, Late: "allow", LateCost: units.Currency}
	if seed%5 > 1 {
		d.config.Policy.Partial = "fill"
	}
	return d
}

// Decisions made ahead are made again where they do not hold, which with one worker is always the same ones: as many as a piece
// is large. The controls: whatever is not looked at, some orders are decided wrongly.
func TestDecisionsAheadThatDoNotHoldAreMadeAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		same  unchanged
		found bool // that something is left out
	}{
		"everything": {sameAll, false},
		"not days":   {sameStock, true},
		"not stock":  {sameDays, true},
		"stock as if one unit were wanted": {func(now *ledger.View, s *slot) bool {
			one := *s
			one.asked = slices.Clone(s.asked)
			for i := range one.asked {
				one.asked[i].Quantity = 1
			}
			return sameAll(now, &one)
		}, true},
		"stock of the first SKU": {func(now *ledger.View, s *slot) bool {
			one := *s
			one.asked = s.asked[:1]
			return sameAll(now, &one)
		}, true},
		"nothing": {func(*ledger.View, *slot) bool { return true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seeds := uint64(10)
			if c.found {
				long(t)
				seeds = 100
			}
			found, again := false, 0
			for seed := range seeds {
				in := crowded(seed).make()
				p, _ := replayPlainly(in)
				var sink keeper
				rep, err := Run(t.Context(), in, Options{Workers: 1, size: 64, piece: 32, same: c.same}, &sink)
				if err != nil && c.found { // the ledger refuses what is not there
					found = true
					break
				}
				check(err)
				again += rep.Again
				if found = !slices.Equal(sink.text(), (&keeper{blocks: []*Block{&p.block}}).text()); found {
					break
				}
			}
			if found != c.found {
				t.Errorf("something is different: %v, and not %v", found, c.found)
			}
			if name == "everything" && again == 0 {
				t.Error("no order was decided again")
			}
		})
	}
}

// Where there is enough orders are decided once, however many are ahead; but those of many units may not be.
func TestDecisionsAheadHoldWhereThereIsEnough(t *testing.T) {
	d := design{seed: 3, orders: 200, warehouses: 4, epochs: 1, seconds: 1}
	in, src := d.build()
	m := market{in: in, src: src}
	m.plenty()
	many := 0
	for i := range m.in.History.Len() {
		of := map[int32]int32{}
		for k := m.in.History.From[i]; k < m.in.History.From[i+1]; k++ {
			of[m.in.History.SKU[k]] += m.in.History.Units[k]
		}
		for _, n := range of {
			if n > 4 {
				many++
				break
			}
		}
	}
	if many > 20 {
		t.Fatalf("%d orders of many units", many)
	}
	for _, workers := range []int{1, 2, 5} {
		if rep := must(Run(t.Context(), m.in, Options{Workers: workers}, &keeper{})); rep.Again > many {
			t.Errorf("%d workers: %d of %d orders are decided again", workers, rep.Again, rep.Orders)
		}
	}
}

// What a day's capacity was once said to be it is until the next order.
func TestKnownDays(t *testing.T) {
	s := ledger.NewState(ledger.Config{})
	at := units.Instant(20_000 * 86_400)
	check(s.Extend(at, []string{"w"}, []string{"s"}, []string{"c"}, nil))
	limit := func(n int32) {
		check(s.SetCapacity(at, []ledger.CapacityLimit{{Service: ledger.AnyService, Date: ledger.EveryDay, Shipments: n}, {Date: ledger.EveryDay, Shipments: n + 1}}))
	}
	limit(3)
	k := knownDays{Days: claims.Days{View: s.View(), End: claims.EndOf(at)}, known: map[day]int32{}}
	same := func(want int32) {
		t.Helper()
		if w, c := k.WarehouseLeft(0, 20_001), k.ServiceLeft(0, 0, 20_001); w != want || c != want+1 {
			t.Errorf("%d and %d are left, and not %d and %d", w, c, want, want+1)
		}
	}
	same(3)
	limit(0)
	same(3)
	clear(k.known)
	same(0)
	if n := k.WarehouseLeft(0, k.End); n != 0 {
		t.Errorf("%d are left at the end of the horizon", n)
	}
}
