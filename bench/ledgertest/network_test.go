package ledgertest

import (
	"fmt"
	"strings"
	"testing/fstest"
	"time"
)

// began is when the tests' clocks start: a Wednesday morning.
var began = time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC)

// zips are where the warehouses are, and where orders go.
var zips = []string{"43215", "89502", "08837", "30303", "75201", "60601", "98101", "33101"}

// A shape says what a network is like.
type shape struct {
	warehouses, skus int
	single           bool // every SKU lies in one warehouse only
	onHand           int  // units of a SKU in a warehouse
	safety           int
	holdMinutes      int
	daily            int // shipments of the largest warehouse a day, air a third of it, others less; 0 is no limit
}

func warehouseID(i int) string { return fmt.Sprintf("w%02d", i) }
func skuID(i int) string       { return fmt.Sprintf("sku-%03d", i) }

// stocked tells which warehouses have a SKU.
func (s *shape) stocked(w, sku int) bool {
	if s.single {
		return sku%s.warehouses == w
	}
	return (w+sku)%2 == 0
}

// directory returns the files of the network.
func (s *shape) directory() fstest.MapFS {
	dir := fstest.MapFS{}
	add := func(name string, lines ...string) {
		dir[name] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n") + "\n")}
	}
	limit := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	service := func(id string, days, daily int) string {
		out := fmt.Sprintf("  - {id: %s, carrier: roads, zones: roads, transit_days: %d, pickup: {times: [\"17:00\"]}, linehaul: daily, delivery: daily", id, days)
		if daily > 0 {
			out += fmt.Sprintf(", daily_capacity: %d", daily)
		}
		return out + "}"
	}
	add("network.yaml",
		"name: load test", "currency: USD",
		fmt.Sprintf("policy: {split_cost: 1.00, max_shipments: 2, hold_minutes: %d, guess_zones: true, partial: refuse}", s.holdMinutes),
		"defaults: {cutoff: 14:00, workdays: daily}",
		"calendars: {daily: {week: daily}}",
		"zones: {roads: {distance: usps}}",
		"carriers: [{id: roads, name: Road Carriers}]",
		"services:", service("ground", 3, 0), service("air", 1, (s.daily+2)/3),
		"boxes: [{id: large, inside: 30x30x30 in, tare: 1 lb, cost: 0.90}]")
	for i, id := range []string{"ground", "air"} {
		add("cards/"+id+".yaml", "carrier: Road Carriers", "service: "+id, "currency: USD", "effective_from: 2026-01-01",
			"source: {text: made up for this test}", "limits: {weight: 150 lb}", "structures:", "  - {name: package, kind: weight, prices: "+id+".csv}")
		add("cards/"+id+".csv", "not_over,1,2,3,4,5,6,7,8",
			fmt.Sprintf("150 lb,%d5.00,%d6.00,%d7.00,%d8.00,%d9.00,%d9.50,%d9.60,%d9.70", i, i, i, i, i, i, i, i))
	}
	warehouses := []string{"id,postal_code,cutoff,processing_hours,daily_capacity,cost_per_order,cost_per_unit"}
	for w := range s.warehouses {
		warehouses = append(warehouses, fmt.Sprintf("%s,%s,14:00,2,%s,1.0%d,0.10", warehouseID(w), zips[w%len(zips)], limit(s.daily/(1+w%4)), w%10))
	}
	add("warehouses.csv", warehouses...)
	skus, stock := []string{"sku,weight,length,width,height"}, []string{"warehouse,sku,on_hand,safety,available_from"}
	for i := range s.skus {
		skus = append(skus, fmt.Sprintf("%s,%d oz,5 in,4 in,3 in", skuID(i), 4+i%20))
		for w := range s.warehouses {
			if s.stocked(w, i) {
				stock = append(stock, fmt.Sprintf("%s,%s,%d,%d,", warehouseID(w), skuID(i), s.onHand, s.safety))
			}
		}
	}
	add("skus.csv", skus...)
	add("stock.csv", stock...)
	return dir
}
