package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/units"
)

// billedBy is what weights are billed by. A rate is a whole number of cents a kilogram, and so a whole number of
// micros, the smallest amount there is, for this much and for nothing less.
const billedBy = units.Gram / 10

// A structure is one price table of a card: rates that hold for different weights and take the same days.
type structure struct {
	name  string
	bands []band
}

// A band is a step of a structure; without a rate it has no price.
type band struct {
	hi   units.Weight
	rate *rate
}

// structures makes the price tables of a lane. The carrier may ask several prices for one weight, which take other
// days, or simply stand in the table twice; the shipper takes the cheapest, as a card does with its structures. A
// rate is left out where another of the same days has a lower minimum and a lower price.
func structures(rates []rate) []structure {
	var out []structure
	for same := range chunk(rates) {
		var ends []units.Weight
		for _, r := range same {
			ends = append(ends, r.lo, r.hi)
		}
		slices.Sort(ends)
		ends = slices.DeleteFunc(slices.Compact(ends), func(w units.Weight) bool { return w == 0 })
		first := len(out)
		for at, hi := range ends {
			lo := units.Weight(0)
			if at > 0 {
				lo = ends[at-1]
			}
			for i, r := range cheapest(same, lo, hi) {
				if first+i == len(out) {
					name := fmt.Sprintf("%d days by %s", r.days, strings.ToLower(r.mode))
					if i > 0 {
						name += fmt.Sprintf(", rate %d", i+1)
					}
					out = append(out, structure{name: name})
				}
				out[first+i].bands = append(out[first+i].bands, band{hi, r})
			}
			for i := first; i < len(out); i++ { // those with fewer prices have a hole here
				if b := out[i].bands; len(b) == 0 || b[len(b)-1].hi < hi {
					out[i].bands = fill(b, ends[:at+1])
				}
			}
		}
	}
	return out
}

// fill appends bands without a price up to the last of ends.
func fill(bands []band, ends []units.Weight) []band {
	for _, hi := range ends[len(bands):] {
		bands = append(bands, band{hi: hi})
	}
	return bands
}

// cheapest returns the rates that hold above lo and up to hi, the lowest minimum first, without those that another is
// never dearer than.
func cheapest(rates []rate, lo, hi units.Weight) []*rate {
	var open []*rate
	for i := range rates {
		if rates[i].lo <= lo && hi <= rates[i].hi {
			open = append(open, &rates[i])
		}
	}
	slices.SortStableFunc(open, func(a, b *rate) int {
		if a.minimum != b.minimum {
			return int(a.minimum - b.minimum)
		}
		return int(a.perKilo - b.perKilo)
	})
	var out []*rate
	for _, r := range open {
		if len(out) == 0 || r.perKilo < out[len(out)-1].perKilo {
			out = append(out, r)
		}
	}
	return out
}

// files returns every file of the network by its path, and the orders as orders.jsonl, to be decided on a date.
func files(p *problem, date units.Date, wait units.Money) map[string][]byte {
	out := map[string][]byte{
		"network.yaml":   networkYAML(p, wait),
		"warehouses.csv": warehousesCSV(p),
		"cards/CRF.yaml": cardYAML(date, "customer", collected, "structures:\n  - {name: the customer's own freight, kind: flat, price: 0.00}\n"),
	}
	for _, at := range p.services() {
		var text strings.Builder
		text.WriteString("structures:\n")
		for i, s := range structures(p.rates[at]) {
			name := fmt.Sprintf("%s-%d.csv", at.service(), i+1)
			fmt.Fprintf(&text, "  - {name: %q, kind: weight, prices: %s, unit: %s}\n", s.name, name, billedBy)
			out["cards/"+name] = pricesCSV(p, s)
		}
		out["cards/"+at.service()+".yaml"] = cardYAML(date, at.carrierID(), at.service(), text.String())
	}
	out["skus.csv"], out["stock.csv"], out["orders.jsonl"] = goods(p, date)
	return out
}

const source = "Supply Chain Logistics Problem Dataset, Brunel University London, figshare 7558679"

func networkYAML(p *problem, wait units.Money) []byte {
	var b bytes.Buffer
	policy := "late: refuse"
	if wait > 0 {
		policy = "late: allow\n  late_cost: " + wait.String()
	}
	fmt.Fprintf(&b, `# Written by examples/brunel/import from the %s.
# A service is a carrier, a port and a service level. It is there the day it leaves the plant, for the model counts the
# days that an order waits and not those in transport; the cards name those. Days begin and end in UTC.
name: brunel
currency: USD

policy:
  max_shipments: 1
  max_units: 1000000
  %s
`, source, policy)
	b.WriteString("\ncarriers:\n  - {id: customer, name: the customer's own carrier}\n")
	seen := map[string]bool{}
	for _, at := range p.services() {
		if !seen[at.carrierID()] {
			fmt.Fprintf(&b, "  - {id: %q, name: %q}\n", at.carrierID(), at.carrier+" from "+at.port)
		}
		seen[at.carrierID()] = true
	}
	b.WriteString("\nservices:\n")
	service := func(id, carrier string) {
		fmt.Fprintf(&b, "  - {id: %q, carrier: %q, zone: %q, transit_days: 0, pickup: {times: [\"24:00\"]}, deliver_by: \"24:00\"}\n", id, carrier, p.dest)
	}
	service(collected, "customer")
	for _, at := range p.services() {
		service(at.service(), at.carrierID())
	}
	return b.Bytes()
}

// cardYAML writes the card of a service around its structures.
func cardYAML(date units.Date, carrier, service, structures string) []byte {
	return fmt.Appendf(nil, `carrier: %q
service: %q
currency: USD
effective_from: %s
source: {text: "%s, FreightRates"}
%s`, carrier, service, date, source, structures)
}

// pricesCSV writes a price table: up to each weight the least a shipment costs, and what each unit of billedBy does.
func pricesCSV(p *problem, s structure) []byte {
	records := [][]string{{"not_over", "basis", p.dest}}
	for _, b := range s.bands {
		hi := kilograms(b.hi)
		if b.rate == nil {
			records = append(records, []string{hi, "", ""})
			continue
		}
		each := b.rate.perKilo / units.Money(units.Kilogram/billedBy)
		records = append(records, []string{hi, "minimum", b.rate.minimum.String()}, []string{hi, "per_unit", each.String()})
	}
	return csvBytes(records)
}

// kilograms prints a weight exactly, without an exponent.
func kilograms(w units.Weight) string {
	whole, rest := w/units.Kilogram, w%units.Kilogram
	text := strconv.FormatInt(int64(whole), 10)
	if rest > 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%012d", rest), "0")
	}
	return text + " kg"
}

func warehousesCSV(p *problem) []byte {
	records := [][]string{{"id", "lat", "lng", "timezone", "cutoff", "workdays", "daily_capacity", "cost_per_unit", "carriers"}}
	for _, l := range p.plants {
		carriers := []string{"customer"}
		for _, at := range p.services() {
			if slices.Contains(l.ports, at.port) && !slices.Contains(carriers, at.carrierID()) {
				carriers = append(carriers, at.carrierID())
			}
		}
		records = append(records, []string{l.name, "0", "0", "UTC", "23:59", "daily", strconv.Itoa(l.capacity), l.cost.String(), strings.Join(carriers, ";")})
	}
	return csvBytes(records)
}

// plenty is what a plant has of what it makes: more than any order may hold.
const plenty = "2000000"

// An orderLine is a line of orders.jsonl: an order as the API takes it.
type orderLine struct {
	ID          string      `json:"id"`
	Lines       []goodsLine `json:"lines"`
	To          destination `json:"to"`
	PromiseDate string      `json:"promiseDate"`
	Services    []string    `json:"services"`
}

type goodsLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

type destination struct {
	Point    point  `json:"point"`
	TimeZone string `json:"timeZone"`
}

type point struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// goods writes the SKUs, where they lie, and the orders for them. Units of one product weigh differently from order
// to order, so that each order has a SKU of its own. It lies, in plenty, where a plant can fill the order: that tells
// a network which plant makes what and for whom.
func goods(p *problem, date units.Date) (skus, stock, orders []byte) {
	skuRows := [][]string{{"sku", "weight"}}
	stockRows := [][]string{{"warehouse", "sku", "on_hand"}}
	var lines bytes.Buffer
	text := json.NewEncoder(&lines)
	text.SetEscapeHTML(false)
	for i := range p.orders {
		o := &p.orders[i]
		sku := o.product + "/" + o.id
		skuRows = append(skuRows, []string{sku, kilograms(unitWeight(o))})
		plants := p.plantsOf(o)
		for _, l := range plants {
			stockRows = append(stockRows, []string{l.name, sku, plenty})
		}
		if err := text.Encode(orderLine{
			ID: o.id, Lines: []goodsLine{{sku, o.quantity}}, To: destination{TimeZone: "UTC"}, PromiseDate: date.String(), Services: p.servicesOf(o, plants),
		}); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
	}
	return csvBytes(skuRows), csvBytes(stockRows), lines.Bytes()
}

// unitWeight returns what a unit of an order weighs, rounded down to the nanogram so that the whole order weighs no
// more than the table says, and a nanogram at least.
func unitWeight(o *order) units.Weight { return max(o.weight/units.Weight(o.quantity), 1) }

// servicesOf returns the services of an order's level: those from the ports of its plants, or all where there are none.
func (p *problem) servicesOf(o *order, plants []*plant) []string {
	if o.level == collected {
		return []string{collected}
	}
	var near, all []string
	for _, at := range p.services() {
		if at.level != o.level {
			continue
		}
		all = append(all, at.service())
		if slices.ContainsFunc(plants, func(l *plant) bool { return slices.Contains(l.ports, at.port) }) {
			near = append(near, at.service())
		}
	}
	if len(near) == 0 {
		return all
	}
	return near
}
