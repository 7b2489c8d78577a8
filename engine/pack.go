package engine

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// MaxParcels bounds the parcels of one shipment. A content that takes more is not shipped by that service.
const MaxParcels = 1_000

// A packing is how a content is put into parcels for services with like limits.
type packing struct {
	parcels []Parcel
	boxes   units.Money // cost of the cartons
	ok      bool        // false: a unit is over the limits, or there would be more than MaxParcels
}

// A packer puts contents into parcels by the network's boxes. Packing in three dimensions is hard to do best; this
// one is predictable: a box takes a content when every unit fits it turned parallel to its sides and the volumes add
// up to at most the policy's share of it. The smallest box that takes everything wins. Where none does, units go, the
// largest first, each into the first open parcel that still takes it, and every parcel then into the smallest box.
// Goods that ship alone, or fit no box, are parcels as they are.
type packer struct {
	boxes  []network.Box
	room   []int64 // fillable volume of each box in mm³
	volume []int64 // of a unit of each SKU in mm³, rounded up
	skus   *network.SKUs
	units  []piece // scratch
	open   []bin   // scratch
}

// A piece is a number of like units of one SKU yet to be packed.
type piece struct {
	sku, count int32
	volume     int64
}

// A bin is a parcel being filled.
type bin struct {
	weight units.Weight
	sides  [3]units.Length // largest of its units, side by side
	volume int64
	flags  ratecards.ParcelFlags
	value  units.Money
	units  int32
	stack  units.Length // sum of the shortest sides, for parcels without a box
	whole  bool         // a unit that ships as it is: takes nothing more
}

const cubicMillimetre = 1_000 // micrometres a side

func millimetres(l units.Length) int64 { return (int64(l) + cubicMillimetre - 1) / cubicMillimetre }

func cubicMillimetres(sides [3]units.Length) int64 {
	hi, lo := bits.Mul64(uint64(millimetres(sides[0])*millimetres(sides[1])), uint64(millimetres(sides[2])))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

func newPacker(snap *network.Snapshot, volume []int64) packer {
	p := packer{boxes: snap.Boxes, volume: volume, skus: &snap.SKUs, room: make([]int64, len(snap.Boxes))}
	for i, b := range snap.Boxes {
		inside, fill := cubicMillimetres(b.Inside), int64(snap.Policy.PackingFill)
		p.room[i] = inside/int64(units.WholePercent)*fill + inside%int64(units.WholePercent)*fill/int64(units.WholePercent)
	}
	return p
}

// skuVolumes returns the volume of a unit of every SKU in mm³, rounded up.
func skuVolumes(skus *network.SKUs) []int64 {
	v := make([]int64, len(skus.IDs))
	for i, s := range skus.Sides {
		v[i] = cubicMillimetres(s)
	}
	return v
}

// A limit is what a service takes at most of one parcel. Zero fields do not limit.
type limit struct {
	weight          units.Weight
	longest, second units.Length
	girth           units.Length // length plus girth
}

func (l *limit) takes(weight units.Weight, sides [3]units.Length) bool {
	return (l.weight == 0 || weight <= l.weight) && (l.longest == 0 || sides[0] <= l.longest) &&
		(l.second == 0 || sides[1] <= l.second) && (l.girth == 0 || sides[0]+2*(sides[1]+sides[2]) <= l.girth)
}

// within tells whether whatever l takes, o does.
func (l *limit) within(o *limit) bool {
	return (o.weight == 0 || l.weight != 0 && l.weight <= o.weight) && (o.longest == 0 || l.longest != 0 && l.longest <= o.longest) &&
		(o.second == 0 || l.second != 0 && l.second <= o.second) && (o.girth == 0 || l.girth != 0 && l.girth <= o.girth)
}

// loosest returns for each of some distinct limits the position of one that it is within and that is within no other, -1 where it
// is within none.
func loosest(limits []limit) []int32 {
	of := make([]int32, len(limits))
	for i := range limits {
		of[i] = int32(i)
		for j := range limits {
			if limits[of[i]].within(&limits[j]) {
				of[i] = int32(j)
			}
		}
		if of[i] == int32(i) {
			of[i] = -1
		}
	}
	return of
}

// pack fills out for a content under the limits of a service.
func (p *packer) pack(out *packing, items []Item, lim *limit) {
	out.parcels, out.boxes, out.ok = out.parcels[:0], 0, true
	p.units, p.open = p.units[:0], p.open[:0]
	var all bin
	for _, it := range items {
		if it.Quantity == 0 {
			continue
		}
		if p.skus.ShipsAlone[it.SKU] {
			p.asTheyAre(out, it, lim)
			continue
		}
		p.units = append(p.units, piece{sku: it.SKU, count: it.Quantity, volume: p.volume[it.SKU]})
		p.add(&all, it.SKU, it.Quantity)
	}
	if all.units == 0 || !out.ok {
		return
	}
	if p.close(out, &all, lim) {
		return
	}
	p.spread(out, lim)
}

// asTheyAre makes every unit of an item a parcel of its own.
func (p *packer) asTheyAre(out *packing, it Item, lim *limit) {
	var one bin
	p.add(&one, it.SKU, 1)
	one.whole = true
	for range it.Quantity {
		if !p.close(out, &one, lim) {
			out.ok = false
			return
		}
	}
}

func (p *packer) add(b *bin, sku, count int32) {
	b.weight += p.skus.Weight[sku] * units.Weight(count)
	for i, s := range p.skus.Sides[sku] {
		b.sides[i] = max(b.sides[i], s)
	}
	if p.volume[sku] > (math.MaxInt64-b.volume)/int64(count) {
		b.volume = math.MaxInt64
	} else {
		b.volume += p.volume[sku] * int64(count)
	}
	b.stack += p.skus.Sides[sku][2] * units.Length(count)
	b.flags |= p.skus.Flags[sku]
	if p.skus.Value[sku] > (ratecards.MaxAmount-b.value)/units.Money(count) {
		b.value = ratecards.MaxAmount // the most that can be declared
	} else {
		b.value += p.skus.Value[sku] * units.Money(count)
	}
	b.units += count
}

// close appends the parcel that a bin becomes, or reports false where nothing takes the bin.
func (p *packer) close(out *packing, b *bin, lim *limit) bool {
	if len(out.parcels) == MaxParcels {
		return false
	}
	if !b.whole {
		for i := range p.boxes {
			box := &p.boxes[i]
			if b.volume <= p.room[i] && fits(b.sides, box.Inside) && (box.MaxWeight == 0 || b.weight <= box.MaxWeight) &&
				lim.takes(b.weight+box.Tare, box.Outside) {
				out.boxes += box.Cost
				out.parcels = append(out.parcels, Parcel{Box: int32(i), Units: b.units, Parcel: ratecards.Parcel{
					Weight: b.weight + box.Tare, Sides: box.Outside, Flags: b.flags, Value: b.value}})
				return true
			}
		}
		if len(p.boxes) > 0 && b.units > 1 {
			return false
		}
	}
	sides := b.sides
	if b.units > 1 {
		sides[2] = b.stack // one on the other, lying flat
		sides = units.LongestFirst(sides)
	}
	if !lim.takes(b.weight, sides) {
		return false
	}
	out.parcels = append(out.parcels, Parcel{Box: -1, Units: b.units, Parcel: ratecards.Parcel{
		Weight: b.weight, Sides: sides, Flags: b.flags, Value: b.value}})
	return true
}

func fits(sides, inside [3]units.Length) bool {
	return sides[0] <= inside[0] && sides[1] <= inside[1] && sides[2] <= inside[2]
}

// spread packs p.units into several parcels, the largest first, each unit into the first bin that still closes with
// it.
func (p *packer) spread(out *packing, lim *limit) {
	slices.SortStableFunc(p.units, func(a, b piece) int { return cmp.Compare(b.volume, a.volume) })
	probe := packing{parcels: out.parcels[len(out.parcels):]}
	closes := func(b *bin) bool {
		probe.parcels = probe.parcels[:0]
		return p.close(&probe, b, lim)
	}
	for _, u := range p.units {
		from := 0 // like units need not try again what the one before did not fit
		for range u.count {
			placed := false
			for i := from; i < len(p.open) && !placed; i++ {
				grown := p.open[i]
				p.add(&grown, u.sku, 1)
				if !p.open[i].whole && closes(&grown) {
					p.open[i], placed, from = grown, true, i
				}
			}
			if placed {
				continue
			}
			from = len(p.open)
			var fresh bin
			p.add(&fresh, u.sku, 1)
			if len(p.open) == MaxParcels || !closes(&fresh) {
				out.ok = false
				return
			}
			p.open = append(p.open, fresh)
		}
	}
	for i := range p.open {
		if !p.close(out, &p.open[i], lim) {
			out.ok = false
			return
		}
	}
}
