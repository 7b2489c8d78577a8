package naive

import (
	"math"
	"slices"
)

// maxParcels bounds the parcels of one shipment.
const maxParcels = 1000

// A content is some lines of an order.
type content struct {
	lines   []Line
	units   int
	pounds  float64 // of the goods
	classes map[string]bool
	packs   map[limits]*packing
}

// A packing is a content in parcels.
type packing struct {
	parcels []parcel
	cartons float64 // dollars
	ok      bool
}

// A parcel is what a carrier weighs.
type parcel struct {
	pounds float64
	sides  [3]float64 // inches, longest first
}

// content returns the lines of the order that are in the set.
func (t *task) content(subset int) *content {
	c := &content{classes: map[string]bool{}, packs: map[limits]*packing{}}
	for i, ln := range t.lines {
		if subset>>i&1 == 1 {
			sku := t.n.skus[ln.SKU]
			c.lines = append(c.lines, ln)
			c.units += ln.Quantity
			c.pounds += sku.pounds * float64(ln.Quantity)
			c.classes[sku.class] = true
		}
	}
	return c
}

// packedFor returns the content in parcels that limits allow, worked out once for equal limits.
func (c *content) packedFor(n *Network, l limits) *packing {
	p, ok := c.packs[l]
	if !ok {
		p = n.pack(c.lines, l)
		c.packs[l] = p
	}
	return p
}

// A bin is a parcel that is being filled.
type bin struct {
	pounds float64
	sides  [3]float64 // the largest of its units, side by side
	volume float64    // mm³
	stack  float64    // sum of the shortest sides
	units  int
	alone  bool
}

func (b *bin) add(s *sku, count int) {
	b.pounds += s.pounds * float64(count)
	for i := range b.sides {
		b.sides[i] = max(b.sides[i], s.sides[i])
	}
	b.volume += s.volume * float64(count)
	b.stack += s.sides[2] * float64(count)
	b.units += count
}

// pack puts lines into the smallest box that holds them all: every unit fits it and the volumes add up to what may
// be filled. Where there is none, units go, the largest first, each into the first parcel that still takes it.
// Goods that ship alone, or fit no box, are parcels as they are.
func (n *Network) pack(lines []Line, l limits) *packing {
	p := &packing{ok: true}
	var all bin
	var together []Line
	for _, ln := range lines {
		s := n.skus[ln.SKU]
		if !s.shipsAlone {
			together = append(together, ln)
			all.add(s, ln.Quantity)
			continue
		}
		for range ln.Quantity {
			one := bin{alone: true}
			one.add(s, 1)
			if !n.close(p, one, l) {
				p.ok = false
				return p
			}
		}
	}
	if all.units == 0 || n.close(p, all, l) {
		return p
	}
	slices.SortStableFunc(together, func(a, b Line) int {
		switch x, y := n.skus[a.SKU].volume, n.skus[b.SKU].volume; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	var open []bin
	for _, ln := range together {
		s := n.skus[ln.SKU]
	units:
		for range ln.Quantity {
			for i := range open {
				grown := open[i]
				grown.add(s, 1)
				if n.close(&packing{}, grown, l) {
					open[i] = grown
					continue units
				}
			}
			var fresh bin
			fresh.add(s, 1)
			if !n.close(&packing{}, fresh, l) {
				p.ok = false
				return p
			}
			open = append(open, fresh)
		}
	}
	for _, b := range open {
		if !n.close(p, b, l) {
			p.ok = false
			return p
		}
	}
	return p
}

// close adds the parcel that a bin becomes, or returns false where nothing takes it.
func (n *Network) close(p *packing, b bin, l limits) bool {
	if len(p.parcels) == maxParcels {
		return false
	}
	if !b.alone {
		for _, box := range n.boxes {
			if b.volume <= box.room && b.fits(box.inside) && (box.maxPounds == 0 || b.pounds <= box.maxPounds+tiny) &&
				l.take(b.pounds+box.tare, box.outside) {
				p.cartons += box.cost
				p.parcels = append(p.parcels, parcel{pounds: b.pounds + box.tare, sides: box.outside})
				return true
			}
		}
		if len(n.boxes) > 0 && b.units > 1 {
			return false
		}
	}
	sides := b.sides
	if b.units > 1 {
		sides[2] = b.stack
		sides = longestFirst(sides)
	}
	if !l.take(b.pounds, sides) {
		return false
	}
	p.parcels = append(p.parcels, parcel{pounds: b.pounds, sides: sides})
	return true
}

func (b *bin) fits(inside [3]float64) bool {
	return b.sides[0] <= inside[0]+tiny && b.sides[1] <= inside[1]+tiny && b.sides[2] <= inside[2]+tiny
}

func longestFirst(s [3]float64) [3]float64 {
	slices.Sort(s[:])
	slices.Reverse(s[:])
	return s
}

// cubicMillimetres is a volume as the packing rule measures it: sides in whole millimetres, rounded up.
func cubicMillimetres(inches [3]float64) float64 {
	v := 1.0
	for _, side := range inches {
		v *= math.Ceil(side*25.4 - tiny)
	}
	return v
}
