package report

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"

	h3 "github.com/uber/h3-go/v4"

	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// metros are where people live, about: state, place, millions.
var metros = []struct {
	state    string
	lat, lng float64
	people   float64
}{
	{"NY", 40.7, -74.0, 19}, {"CA", 34.0, -118.2, 13}, {"IL", 41.9, -87.7, 9}, {"TX", 32.8, -96.8, 8}, {"TX", 29.8, -95.4, 7}, {"DC", 38.9, -77.0, 6},
	{"PA", 40.0, -75.2, 6}, {"GA", 33.7, -84.4, 6}, {"FL", 25.9, -80.3, 6}, {"AZ", 33.4, -112.1, 5}, {"MA", 42.4, -71.1, 5}, {"CA", 37.7, -122.3, 5},
	{"MI", 42.3, -83.1, 4}, {"WA", 47.6, -122.3, 4}, {"MN", 45.0, -93.3, 4}, {"CO", 39.7, -105.0, 3}, {"FL", 28.0, -82.4, 3}, {"MO", 38.6, -90.2, 3},
	{"NC", 35.2, -80.8, 3}, {"OR", 45.5, -122.7, 3}, {"NV", 36.2, -115.1, 2}, {"TN", 36.2, -86.8, 2}, {"UT", 40.8, -111.9, 2}, {"LA", 30.0, -90.1, 1},
	{"NM", 35.1, -106.6, 1}, {"ID", 43.6, -116.2, 1}, {"MT", 46.9, -114.0, .6}, {"ND", 46.9, -96.8, .5}, {"NE", 41.3, -96.0, 1}, {"OK", 35.5, -97.5, 1},
	{"KS", 37.7, -97.3, 1}, {"SD", 43.5, -96.7, .5}, {"WY", 41.1, -104.8, .3}, {"ME", 43.7, -70.3, .5}, {"AK", 61.2, -149.9, .4}, {"HI", 21.3, -157.9, 1},
}

var sites = []struct {
	id       string
	lat, lng float64
}{{"reno", 39.5, -119.8}, {"dallas", 32.8, -96.8}, {"atlanta", 33.7, -84.4}, {"newark", 40.7, -74.2}, {"chicago", 41.9, -87.7}}

// season makes the orders of three weeks and what a network of the sites makes of them; closed says from which order on reno is closed.
func season(name string, n, closed int, surcharge float64) compare.Source {
	rng := rand.New(rand.NewPCG(2026, 11))
	var orders []results.Order
	at := units.Instant(1_796_083_200)
	for i := range n {
		at += units.Instant(rng.IntN(2*21*86_400/n + 1))
		pick := rng.Float64() * 142
		m := 0
		for pick -= metros[m].people; pick > 0 && m < len(metros)-1; pick -= metros[m].people {
			m++
		}
		lng := 0.0
		inland := map[bool]float64{true: -0.8, false: 0.8}[metros[m].lng > -96]
		wide := map[string]float64{"HI": 0.05, "AK": 1}[metros[m].state]
		if wide == 0 {
			wide, lng = 1.2, inland*math.Abs(metros[m].lng+96)/30
		}
		lat := metros[m].lat + rng.NormFloat64()*wide
		lng += metros[m].lng + rng.NormFloat64()*wide
		cell, err := h3.LatLngToCell(h3.LatLng{Lat: lat, Lng: lng}, 3)
		if err != nil {
			panic(err)
		}
		sku := rng.IntN(40)
		o := results.Order{Position: i, ID: fmt.Sprintf("o-%d", i), At: at, State: metros[m].state, Cell: cell.String(), Items: fmt.Sprintf("sku-%02d:%d", sku, 1+rng.IntN(2))}
		lack, demand, express := rng.IntN(len(sites)+3), rng.IntN(200), rng.IntN(10) == 0
		at := rng.IntN(10_001)
		best, second := -1, -1
		dist := func(k int) float64 {
			return math.Hypot(sites[k].lat-lat, (sites[k].lng-lng)*0.77) * 111
		}
		for k := range sites {
			if k == lack || k == 0 && i >= closed {
				continue
			}
			if best < 0 || dist(k) < dist(best) {
				best, second = k, best
			} else if second < 0 || dist(k) < dist(second) {
				second = k
			}
		}
		if demand == 0 || i >= closed && demand < 3 && lng < -100 {
			o.Outcome = "OUT_OF_STOCK"
			orders = append(orders, o)
			continue
		}
		km := dist(best)
		service, days := "ground", 1+int(km/900)
		ratio := 1.0
		if express {
			service, days, ratio = "express", 1, 2.4
		}
		freight := units.Money((5.2 + km/600) * ratio * 1e6).RoundTo(10_000)
		fuel := units.Money(float64(freight) * (0.16 + surcharge)).RoundTo(10_000)
		handling := units.Money(1_350_000)
		residential := units.Money(0)
		if demand%2 == 0 {
			residential = 2_950_000
		}
		cost := freight + fuel + handling + residential
		day := units.Date(o.At/86_400) + 1
		o.Outcome, o.Cost, o.Floor, o.FloorOutcome = "PLANNED", cost, cost-units.Money(demand)*2_000, "PLANNED"
		o.Promised, o.Late = true, days > 3 && demand < 40
		o.Missed = o.Late
		inTime := units.Probability(max(0, 10_000-days*at/40))
		if o.Late {
			inTime = 0
		}
		o.Shipments = []results.Shipment{{Warehouse: sites[best].id, Carrier: "usps", Service: service, Items: o.Items, Units: 1, Parcels: 1, Cost: cost, Freight: freight + fuel,
			Costs: []units.Money{freight, fuel, residential, handling}, ShipDate: day, DeliveryDate: day + units.Date(days), Metres: int64(km * 1000), CO2Grams: int64(km / 4), InTime: inTime}}
		if second >= 0 {
			o.RunnerUpWarehouse, o.RunnerUpService, o.RunnerUpGap, o.Why = sites[second].id, service, 500_000, "base"
		}
		orders = append(orders, o)
	}
	return compare.Source{Name: name, Currency: "USD", Terms: []string{"base", "fuel", "residential", "handling_order"}, Sources: map[string]string{"network": "5f2c…", "orders": "88ab…"},
		Orders: func() iter.Seq2[*results.Order, error] {
			return func(yield func(*results.Order, error) bool) {
				for i := range orders {
					if !yield(&orders[i], nil) {
						return
					}
				}
			}
		},
		Capacities: func() ([]compare.Capacity, error) {
			var list []compare.Capacity
			for d := range 60 {
				for _, s := range sites {
					list = append(list, compare.Capacity{Date: units.Date(1_796_083_200/86_400 + d), Warehouse: s.id, Shipments: int64(n) / 50})
				}
			}
			return list, nil
		}}
}
