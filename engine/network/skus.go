package network

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/ratecards"
	"github.com/allot-engine/allot/units"
)

// readSKUs compiles the columns of what is sold.
func (c *compiler) readSKUs() {
	list := c.src.SKUs
	if len(list) == 0 && !c.src.broken[SKUsFile] {
		c.row(SKUsFile, 0, "", "add a row for each", "the network has no SKUs")
	}
	order := make([]int32, 0, len(list))
	for i := range list {
		if list[i].ID == "" && list[i].bad {
			continue
		}
		if err := printable(list[i].ID); err != nil {
			c.row(SKUsFile, list[i].Line, "sku", "", "%v", err)
			continue
		}
		order = append(order, int32(i))
	}
	slices.SortStableFunc(order, func(a, b int32) int { return strings.Compare(list[a].ID, list[b].ID) })
	order = slices.CompactFunc(order, func(a, b int32) bool { // b comes before a
		if list[a].ID != list[b].ID {
			return false
		}
		c.row(SKUsFile, list[a].Line, "sku", "give each a row of its own", "SKU %q has line %d too", list[b].ID, list[b].Line)
		return true
	})

	old := newSKUIndex(c.prev.SKUs)
	ids := slices.Clone(c.prev.SKUs)
	rows := make([]int32, len(order)) // of order's entries
	for k, i := range order {
		row, known := old.find(c.prev.SKUs, list[i].ID)
		if !known {
			row = int32(len(ids))
			ids = append(ids, list[i].ID)
		}
		rows[k] = row
	}
	n := len(ids)
	if n > MaxSKUs {
		c.row(SKUsFile, 0, "", fmt.Sprintf("use at most %d; those that were removed count until the next start", MaxSKUs), "there are %d SKUs", n)
		return
	}
	out := &c.snap.SKUs
	*out = SKUs{
		IDs: ids, Weight: make([]units.Weight, n), Sides: make([][3]units.Length, n), Class: make([]uint32, n),
		Flags: make([]ratecards.ParcelFlags, n), ShipsAlone: make([]bool, n), Value: make([]units.Money, n), Gone: make([]bool, n),
	}
	for row := range n {
		out.Class[row], out.Gone[row] = 1, true
	}
	c.skuOrder = rows
	for k, i := range order {
		out.Gone[rows[k]] = false
		c.sku(&list[i], rows[k])
	}
	out.index = newSKUIndex(ids)
}

func (c *compiler) sku(s *SKURow, row int32) {
	at := func(col, mend, format string, args ...any) { c.row(SKUsFile, s.Line, col, mend, format, args...) }
	out := &c.snap.SKUs
	if !s.bad && (s.Weight <= 0 || s.Weight > units.MaxWeight) {
		at("weight", `write a weight over 0, as "4.07 lb"`, "the weight is missing or out of range")
	}
	zeros := 0
	for i, side := range s.Sides {
		if side < 0 || side > units.MaxLength {
			at([]string{"length", "width", "height"}[i], "write a length of at most 100 m", "%v is out of range", side)
		}
		if side == 0 {
			zeros++
		}
	}
	if !s.bad && zeros > 0 && zeros < 3 {
		at("length", "write all three sides, over 0; or none, where they are not known", "%d of the three sides are missing or 0", zeros)
	}
	class := cmp.Or(s.Class, plain)
	bit, ok := c.classes[class]
	if !ok {
		at("class", c.meant(class, c.snap.Classes, "classes"), "unknown class %q", clip(class))
	}
	flags := c.flags[bit]
	for _, name := range s.Flags {
		flags |= c.flag(name, func(mend, format string, args ...any) { at("flags", mend, format, args...) })
	}
	if s.Value < 0 || s.Value > ratecards.MaxAmount {
		at("value", "write an amount from 0 up", "the value %v is out of range", s.Value)
	}
	out.Weight[row], out.Sides[row], out.Class[row], out.Flags[row] = s.Weight, units.LongestFirst(s.Sides), bit, flags
	out.ShipsAlone[row], out.Value[row] = s.ShipsAlone, s.Value
}

// checkStock checks that stock is of what the network has.
func (c *compiler) checkStock() {
	list := c.src.Stock
	type cell struct {
		warehouse, sku int32
		from           units.Date
		at             int32
	}
	cells := make([]cell, 0, len(list))
	warehouses := slices.Sorted(maps.Keys(c.here))
	for i := range list {
		s := &list[i]
		w, ok := c.snap.warehouseRows[s.Warehouse], c.here[s.Warehouse] != nil
		if !ok && c.judges(WarehousesFile, len(c.here)) && s.Warehouse != "" {
			c.row(StockFile, s.Line, "warehouse", c.meant(s.Warehouse, warehouses, "warehouses"), "unknown warehouse %q", clip(s.Warehouse))
		}
		sku, known := c.snap.SKUs.Row(s.SKU)
		if known = known && !c.snap.SKUs.Gone[sku]; !known && c.judges(SKUsFile, len(c.skuOrder)) && s.SKU != "" {
			c.row(StockFile, s.Line, "sku", c.meant(s.SKU, c.snap.SKUs.IDs, "SKUs"), "unknown SKU %q", clip(s.SKU))
		}
		if s.OnHand < 0 || s.OnHand > MaxUnitsOnHand {
			c.row(StockFile, s.Line, "on_hand", "write a number of units from 0", "%d units are out of range", s.OnHand)
		}
		if s.Safety < 0 || s.Safety > MaxUnitsOnHand {
			c.row(StockFile, s.Line, "safety", "write a number of units from 0", "%d units are out of range", s.Safety)
		}
		if ok && known && !s.bad {
			cells = append(cells, cell{w, sku, s.AvailableFrom, int32(i)})
		}
	}
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.warehouse, b.warehouse), cmp.Compare(a.sku, b.sku), cmp.Compare(a.from, b.from), cmp.Compare(a.at, b.at))
	})
	for i := 1; i < len(cells); i++ {
		a, b := cells[i-1], cells[i]
		if a.warehouse == b.warehouse && a.sku == b.sku && a.from == b.from {
			s := &list[b.at]
			c.row(StockFile, s.Line, "sku", "add them up in one row, or give them different days", "%q at %q stands in line %d too", s.SKU, s.Warehouse, list[a.at].Line)
		}
	}
}
