package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/allot-engine/allot/geo"
	"github.com/allot-engine/allot/units"
)

// The orders are taken in the morning of the Monday before Thanksgiving 2026: 10:00 in New York, 07:00 in Los Angeles.
// Nothing in them depends on the clock of the machine; whoever decides them says that it is decisionTime.
const (
	decisionTime = "2026-11-23T15:00:00Z"
	receiptDay   = "2026-12-07" // when the stock that is on its way arrives
	numberTaken  = 2_000
)

var orderDay = units.DateOf(2026, 11, 23) // everywhere in the country

// An order is one line of orders.jsonl: the JSON form of the message allot.v1.Order.
type order struct {
	ID          string       `json:"id"`
	Lines       []line       `json:"lines"`
	To          *destination `json:"to,omitempty"`
	PromiseDate string       `json:"promiseDate,omitempty"`
	PromiseAt   string       `json:"promiseAt,omitempty"`
	CollectAt   string       `json:"collectAt,omitempty"`
	Services    []string     `json:"services,omitempty"`

	hurried bool // by courier
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

type destination struct {
	PostalCode string `json:"postalCode,omitempty"`
	Point      *point `json:"point,omitempty"`
	Commercial bool   `json:"commercial,omitempty"`
}

type point struct {
	Latitude  json.Number `json:"latitude"`
	Longitude json.Number `json:"longitude"`
}

// A city is one that a courier serves from a warehouse. Its ZIPs and the point lie in areas/same_day.geojson.
type city struct {
	warehouse string
	zips      []string
	point     point
}

var cities = []city{
	{"store_new_york", []string{"10002", "10003", "10009", "10011", "10014", "10016", "10019", "10025", "10028", "11201", "11211", "11101"}, point{"40.7532", "-73.9822"}},
	{"store_chicago", []string{"60605", "60607", "60610", "60611", "60614", "60616", "60618", "60622", "60647", "60657"}, point{"41.8827", "-87.6233"}},
	{"store_san_francisco", []string{"94102", "94107", "94109", "94110", "94114", "94115", "94117", "94118", "94122"}, point{"37.7599", "-122.4148"}},
	{"ontario", []string{"90012", "90015", "90026", "90028", "90036", "91106", "91733", "91764", "91766"}, point{"34.0522", "-118.2437"}},
}

// A clerk takes the orders.
type clerk struct {
	rng     *rand.Rand
	country *country
	goods   lottery[*sku]
	shelves map[string]*lottery[*sku] // by warehouse, what a courier or a shopper can carry
	large   map[string]bool           // SKUs that ship alone
}

// takeOrders draws the orders: nine in ten are sent to somewhere in the country, the others are collected in a store,
// brought by courier within hours, or bound to services of the buyer's choice.
func takeOrders(seed uint64, skus []sku, held []holding) []order {
	return newClerk(rand.New(rand.NewPCG(seed, 3)), skus, held).take(numberTaken)
}

func newClerk(rng *rand.Rand, skus []sku, held []holding) *clerk {
	c := &clerk{rng: rng, country: newCountry(geo.US()), shelves: map[string]*lottery[*sku]{}, large: map[string]bool{}}
	for i := range skus {
		c.large[skus[i].id] = skus[i].alone
		c.goods.add(&skus[i], skus[i].demand)
	}
	for _, h := range held {
		if h.sku.alone || h.sku.class == "hazmat" || h.from != "" {
			continue
		}
		if c.shelves[h.warehouse.id] == nil {
			c.shelves[h.warehouse.id] = &lottery[*sku]{}
		}
		c.shelves[h.warehouse.id].add(h.sku, h.sku.demand)
	}
	return c
}

func (c *clerk) take(n int) []order {
	orders := make([]order, n)
	for i := range orders {
		o := &orders[i]
		o.ID = fmt.Sprintf("o-%04d", i+1)
		switch lot := c.rng.IntN(1000); {
		case lot < 30:
			c.collect(o)
		case lot < 70:
			c.hurry(o)
		default:
			c.send(o)
			if lot < 80 {
				o.Services = c.choice()
			}
		}
	}
	return orders
}

// collect makes an order that the buyer fetches from a store. One in eight asks for what may not lie there.
func (c *clerk) collect(o *order) {
	o.CollectAt = cities[c.rng.IntN(3)].warehouse
	shelf := c.shelves[o.CollectAt]
	if c.rng.IntN(8) == 0 {
		shelf = &c.goods
	}
	o.Lines = c.lines(shelf, 1+c.rng.IntN(2))
	if c.rng.IntN(2) == 0 {
		o.PromiseDate = (orderDay + units.Date(c.rng.IntN(3))).String()
	}
}

// hurry makes an order for the evening or the next day in a city with a courier. A few buyers give a point on the map.
func (c *clerk) hurry(o *order) {
	at := &cities[c.rng.IntN(len(cities))]
	o.hurried = true
	o.To = &destination{Commercial: c.rng.IntN(4) == 0}
	if c.rng.IntN(5) == 0 {
		o.To.Point = &at.point
	} else {
		o.To.PostalCode = at.zips[c.rng.IntN(len(at.zips))]
	}
	o.Lines = c.lines(c.shelves[at.warehouse], 1+c.rng.IntN(2))
	switch c.rng.IntN(4) {
	case 0:
		o.PromiseDate = (orderDay + 1).String()
	case 1:
		o.PromiseAt = "2026-11-24T05:00:00Z" // 21:00 on the Pacific coast and midnight on the Atlantic
	default:
		o.PromiseDate = orderDay.String()
	}
}

// send makes an order to somewhere in the country.
func (c *clerk) send(o *order) {
	state := c.country.states.draw(c.rng.Int64N(c.country.states.sum()))
	zips := c.country.zips[state]
	o.To = &destination{PostalCode: zips.draw(c.rng.Int64N(zips.sum())), Commercial: c.rng.IntN(100) < 18}
	lines := 1
	switch lot := c.rng.IntN(100); {
	case lot >= 97:
		lines = 5 + c.rng.IntN(4)
	case lot >= 91:
		lines = 4
	case lot >= 80:
		lines = 3
	case lot >= 56:
		lines = 2
	}
	o.Lines = c.lines(&c.goods, lines)
	days := c.days()
	if days > 0 && slices.ContainsFunc(o.Lines, func(l line) bool { return c.large[l.SKU] }) {
		days = max(days, 8) // nobody promises furniture for tomorrow
	}
	if days > 0 {
		o.PromiseDate = (orderDay + units.Date(days)).String()
	}
}

// days draws how many days ahead an order is promised; 0 is no promise.
func (c *clerk) days() int {
	ahead := [...]struct{ share, days int }{{14, 0}, {3, 1}, {6, 2}, {7, 3}, {6, 4}, {7, 5}, {15, 7}, {17, 8}, {12, 9}, {13, 11}}
	lot := c.rng.IntN(100)
	for _, a := range ahead {
		if lot -= a.share; lot < 0 {
			return a.days
		}
	}
	panic("the shares add up to 100")
}

// choice returns the services a buyer insists on.
func (c *clerk) choice() []string {
	choices := [][]string{{"fedex_2day"}, {"fedex_standard_overnight", "fedex_priority_overnight"}, {"usps_priority_mail"}, {"fedex_ground", "fedex_home_delivery"}}
	return choices[c.rng.IntN(len(choices))]
}

// lines draws n different SKUs and how many of each.
func (c *clerk) lines(from *lottery[*sku], n int) []line {
	var lines []line
	for len(lines) < n {
		s := from.draw(c.rng.Int64N(from.sum()))
		if slices.ContainsFunc(lines, func(l line) bool { return l.SKU == s.id }) {
			continue
		}
		quantity := 1
		switch lot := c.rng.IntN(100); {
		case s.alone: // furniture comes one by one
		case lot >= 99:
			quantity = 6 + c.rng.IntN(7)
		case lot >= 93:
			quantity = 3 + c.rng.IntN(2)
		case lot >= 80:
			quantity = 2
		}
		lines = append(lines, line{s.id, quantity})
	}
	return lines
}

func ordersJSONL(orders []order) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range orders {
		if err := enc.Encode(&orders[i]); err != nil {
			panic(err) // every field prints
		}
	}
	return b.Bytes()
}
