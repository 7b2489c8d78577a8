package main

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// A holding is one row of stock.csv.
type holding struct {
	warehouse      *warehouse
	sku            *sku
	onHand, safety int
	from           string // the day of a receipt that is on its way; "" is now
}

// assort lays the SKUs into the warehouses by their tier, each only where its class may lie, and into stores only what a
// shopper can carry. It returns what each warehouse has, in the order of the tables.
func assort(seed uint64, skus []sku) []holding {
	rng := rand.New(rand.NewPCG(seed, 2))
	lie := make([][]bool, len(skus)) // by SKU and warehouse
	for i := range skus {
		s := &skus[i]
		lie[i] = make([]bool, len(warehouses))
		var may []int
		for k := range warehouses {
			if takes(&warehouses[k], s) {
				may = append(may, k)
			}
		}
		switch s.tier {
		case core, regional:
			for _, k := range may {
				share := warehouses[k].share
				if s.tier == regional {
					share /= 2
				}
				lie[i][k] = rng.IntN(100) < share
			}
			lie[i][may[rng.IntN(len(may))]] = true
		default:
			lie[i][may[rng.IntN(len(may))]] = true
		}
	}
	var held []holding
	for k := range warehouses {
		w := &warehouses[k]
		for i := range skus {
			if !lie[i][k] || skus[i].tier == gone {
				continue
			}
			h := holding{warehouse: w, sku: &skus[i]}
			h.onHand = 12 + rng.IntN(60) + int(skus[i].demand)/40
			h.safety = rng.IntN(4)
			if w.store() {
				h.onHand = 3 + rng.IntN(12)
				h.safety = 1
			}
			if skus[i].tier == awaited {
				h.from = receiptDay
			}
			held = append(held, h)
		}
	}
	return held
}

// takes tells whether a SKU may lie in a warehouse.
func takes(w *warehouse, s *sku) bool {
	for class := range strings.SplitSeq(w.classes, ";") {
		if class == s.class {
			return !w.store() || !s.alone
		}
	}
	return false
}

func stockCSV(held []holding) []byte {
	records := [][]string{{"warehouse", "sku", "on_hand", "safety", "available_from"}}
	for _, h := range held {
		safety := ""
		if h.safety > 0 {
			safety = strconv.Itoa(h.safety)
		}
		records = append(records, []string{h.warehouse.id, h.sku.id, strconv.Itoa(h.onHand), safety, h.from})
	}
	return csvBytes(records)
}
