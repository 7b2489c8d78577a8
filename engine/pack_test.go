package engine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

func sides(l, w, h int) [3]units.Length {
	return units.LongestFirst([3]units.Length{units.Length(l) * units.Centimetre, units.Length(w) * units.Centimetre, units.Length(h) * units.Centimetre})
}

// shelf is a network of three SKUs and two boxes: a cube of 10 cm, a book, and a chair that ships alone.
func shelf(fill units.Percent) *network.Snapshot {
	return &network.Snapshot{
		Policy: network.Policy{PackingFill: fill},
		SKUs: network.SKUs{
			IDs: []string{"cube", "book", "chair"}, Weight: []units.Weight{units.Kilogram, 500 * units.Gram, 9 * units.Kilogram},
			Sides:      [][3]units.Length{sides(10, 10, 10), sides(20, 15, 2), sides(90, 50, 40)},
			ShipsAlone: []bool{false, false, true}, Flags: make([]ratecards.ParcelFlags, 3), Value: []units.Money{units.Currency, 2 * units.Currency, 0},
		},
		Boxes: []network.Box{
			{ID: "small", Inside: sides(20, 10, 10), Outside: sides(21, 11, 11), Tare: 100 * units.Gram, Cost: 10 * units.Cent},
			{ID: "large", Inside: sides(30, 20, 20), Outside: sides(31, 21, 21), Tare: 300 * units.Gram, MaxWeight: 8 * units.Kilogram, Cost: 30 * units.Cent},
		},
	}
}

func packed(snap *network.Snapshot, lim limit, items ...Item) packing {
	p := newPacker(snap, skuVolumes(&snap.SKUs))
	var out packing
	p.pack(&out, items, &lim)
	return out
}

func TestPack(t *testing.T) {
	for _, c := range []struct {
		name  string
		fill  units.Percent
		lim   limit
		items []Item
		boxes []int32 // of the parcels; nil: not packed
		units []int32
	}{
		{"one cube in the small box", 10_000, limit{}, []Item{{0, 1}}, []int32{0}, []int32{1}},
		{"two cubes fill the small box", 10_000, limit{}, []Item{{0, 2}}, []int32{0}, []int32{2}},
		{"three cubes need the large one", 10_000, limit{}, []Item{{0, 3}}, []int32{1}, []int32{3}},
		{"two cubes at 99 % need the large one", 9_900, limit{}, []Item{{0, 2}}, []int32{1}, []int32{2}},
		{"a book is too wide for the small box", 10_000, limit{}, []Item{{1, 1}}, []int32{1}, []int32{1}},
		{"eight cubes weigh what the large box takes", 10_000, limit{}, []Item{{0, 8}}, []int32{1}, []int32{8}},
		{"nine cubes are two parcels", 10_000, limit{}, []Item{{0, 9}}, []int32{1, 0}, []int32{8, 1}},
		{"a service's limit counts the box", 10_000, limit{weight: 8*units.Kilogram + 299*units.Gram}, []Item{{0, 8}}, []int32{1, 0}, []int32{7, 1}},
		{"a chair goes as it is, beside the box", 10_000, limit{}, []Item{{2, 2}, {0, 1}}, []int32{-1, -1, 0}, []int32{1, 1, 1}},
		{"a chair over the limit goes not at all", 10_000, limit{longest: 89 * units.Centimetre}, []Item{{2, 1}, {0, 1}}, nil, nil},
		{"length plus girth is reached, not passed", 10_000, limit{girth: 270 * units.Centimetre}, []Item{{2, 1}}, []int32{-1}, []int32{1}},
		{"nothing", 10_000, limit{}, []Item{{0, 0}}, []int32{}, []int32{}},
	} {
		out := packed(shelf(c.fill), c.lim, c.items...)
		if out.ok != (c.boxes != nil) || out.ok && len(out.parcels) != len(c.boxes) {
			t.Errorf("%s: ok %v, %d parcels", c.name, out.ok, len(out.parcels))
			continue
		}
		for i := range c.boxes {
			if p := out.parcels[i]; p.Box != c.boxes[i] || p.Units != c.units[i] {
				t.Errorf("%s: parcel %d has %d units in box %d, want %d in %d", c.name, i, p.Units, p.Box, c.units[i], c.boxes[i])
			}
		}
	}
}

func TestPackWithoutBoxesStacks(t *testing.T) {
	snap := shelf(10_000)
	snap.Boxes = nil
	out := packed(snap, limit{}, Item{0, 2}, Item{1, 1})
	if len(out.parcels) != 1 || out.parcels[0].Sides != sides(20, 15, 22) || out.parcels[0].Weight != 2500*units.Gram {
		t.Errorf("got %+v", out.parcels)
	}
}

func TestPackLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snap := shelf(units.Percent(rapid.IntRange(3_000, 10_000).Draw(t, "fill")))
		items := []Item{{0, rapid.Int32Range(0, 40).Draw(t, "cubes")}, {1, rapid.Int32Range(0, 40).Draw(t, "books")}, {2, rapid.Int32Range(0, 3).Draw(t, "chairs")}}
		lim := limit{weight: units.Weight(rapid.IntRange(500, 20_000).Draw(t, "grams")) * units.Gram}
		out := packed(snap, lim, items...)
		if !out.ok {
			return
		}
		var n int32
		var weight, tare units.Weight
		var value, boxes units.Money
		for _, p := range out.parcels {
			n, weight, value = n+p.Units, weight+p.Weight, value+p.Value
			if p.Box >= 0 {
				tare, boxes = tare+snap.Boxes[p.Box].Tare, boxes+snap.Boxes[p.Box].Cost
			}
			if p.Weight > lim.weight {
				t.Fatalf("a parcel of %v is over %v", p.Weight, lim.weight)
			}
		}
		var c content
		c.fill(0, items, &network.Snapshot{SKUs: withClasses(snap.SKUs)})
		if int64(n) != c.units || weight-tare != c.weight || boxes != out.boxes {
			t.Fatalf("%d units and %v went in, %d and %v came out; cartons cost %v, said %v", c.units, c.weight, n, weight-tare, boxes, out.boxes)
		}
	})
}

func withClasses(s network.SKUs) network.SKUs {
	s.Class = make([]uint32, len(s.IDs))
	return s
}

func TestPackHasACeiling(t *testing.T) {
	if out := packed(shelf(10_000), limit{}, Item{2, MaxParcels + 1}); out.ok {
		t.Errorf("%d parcels", len(out.parcels))
	}
	if out := packed(shelf(10_000), limit{}, Item{2, MaxParcels}); !out.ok || len(out.parcels) != MaxParcels {
		t.Errorf("ok %v, %d parcels", out.ok, len(out.parcels))
	}
}

// Packing under one of several limits is as under that one alone, whichever were asked for before.
func TestPackUnderSeveralLimits(t *testing.T) {
	chain := []limit{{weight: 20 * units.Pound}, {weight: 70 * units.Pound, girth: 130 * units.Inch}, {weight: 70 * units.Pound}, {weight: 10 * units.Pound, longest: units.Inch}, {second: units.Inch}}
	if got, want := loosest(chain), []int32{2, 2, -1, 2, -1}; !slices.Equal(got, want) {
		t.Errorf("looser limits are %v, want %v", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		snap := shelf(units.Percent(rapid.IntRange(3_000, 10_000).Draw(t, "fill")))
		some := func(name string, most int) int64 {
			return int64(rapid.SampledFrom([]int{0, most / 8, most / 4, most / 2, most}).Draw(t, name))
		}
		var limits []limit
		for range rapid.IntRange(1, 5).Draw(t, "limits") {
			l := limit{
				weight: units.Weight(some("weight", 40)) * units.Pound, longest: units.Length(some("longest", 40)) * units.Inch,
				second: units.Length(some("second", 40)) * units.Inch, girth: units.Length(some("girth", 130)) * units.Inch,
			}
			if !slices.Contains(limits, l) {
				limits = append(limits, l)
			}
		}
		e := &Engine{snap: snap, limits: limits, looser: loosest(limits)}
		sc := &Scratch{e: e, packer: newPacker(snap, skuVolumes(&snap.SKUs))}
		var items []Item
		for sku := range snap.SKUs.IDs {
			items = append(items, Item{int32(sku), rapid.SampledFrom([][]int32{{0, 1, 2, 9}, {1, 0, 3, 12}, {0, 0, 0, 1}}[sku]).Draw(t, "quantity")})
		}
		c := &content{items: items}
		for i := range limits {
			e.limitOf = append(e.limitOf, int32(i))
			if j := e.looser[i]; j >= 0 && (!limits[i].within(&limits[j]) || e.looser[j] >= 0) {
				t.Fatalf("%+v is looser than %+v", limits[j], limits[i])
			}
		}
		for _, class := range rapid.Permutation(e.limitOf).Draw(t, "order") {
			got := sc.packFor(c, class)
			var want packing
			sc.packer.pack(&want, items, &limits[class])
			if got.ok != want.ok || want.ok && (got.boxes != want.boxes || !slices.Equal(got.parcels, want.parcels)) {
				t.Fatalf("%+v: %+v, want %+v", limits[class], *got, want)
			}
		}
	})
}
