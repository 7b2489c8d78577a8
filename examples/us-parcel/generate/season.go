package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/allot-engine/allot/simulate/history"
	"github.com/allot-engine/allot/units"
)

// The season is one in four of the orders from the Monday before Thanksgiving week to the end of the year, with what they are
// worth, and a quarter of the stock, with what comes in: enough to ask what would be if the network were another.
const (
	seasonTaken = 30_000
	seasonShare = 4 // one in so many orders, and units
)

var (
	seasonFrom   = units.DateOf(2026, 11, 16)
	seasonUntil  = units.DateOf(2026, 12, 31)
	thanksgiving = units.DateOf(2026, 11, 26)
	christmasEve = units.DateOf(2026, 12, 24)
)

// rush is how many orders come on a day of the season, in per cent of a usual day.
func rush(day units.Date) int64 {
	switch after := int(day - thanksgiving); {
	case after < 0:
		return 105
	case after == 0:
		return 120
	case after == 1: // Black Friday
		return 240
	case after < 4:
		return 170
	case after == 4: // Cyber Monday
		return 270
	case after < 12:
		return 140
	case day <= christmasEve-7:
		return 165
	case day <= christmasEve-4:
		return 125
	case day < christmasEve:
		return 60
	case day <= christmasEve+1:
		return 30
	}
	return 80
}

// A sale is an order of the season: what orders.jsonl has of one, when it came and what it is worth.
type sale struct {
	OrderedAt time.Time `json:"orderedAt"`
	order
	Value string `json:"value"`

	day   units.Date // in the country
	units map[string]int
}

// noonUTC is the morning of a day in the country: 07:00 on the Atlantic coast.
func noonUTC(day units.Date) time.Time {
	return time.Unix(int64(day)*86_400+12*3_600, 0).UTC()
}

// A keeper of promises knows the days on which nothing moves.
type keeper map[units.Date]bool

func newKeeper() keeper {
	rests := keeper{}
	for _, d := range []units.Date{thanksgiving, units.DateOf(2026, 12, 25), units.DateOf(2027, 1, 1)} {
		rests[d] = true
	}
	return rests
}

// working returns the first day from a given one on that warehouses and carriers work.
func (k keeper) working(day units.Date) units.Date {
	for day.Weekday() >= 5 || k[day] {
		day++
	}
	return day
}

// open returns the first day from a given one on that stores are open.
func (k keeper) open(day units.Date) units.Date {
	for k[day] {
		day++
	}
	return day
}

// takeSeason draws the orders of the season as those of orderDay are drawn, each on a day and at a time of its own. Promises
// are what a shop makes: they count from the first working day before whose cut-off the order came, and short ones do not end
// on a weekend. In the two weeks before Christmas every other buyer wants it by then.
func takeSeason(seed uint64, skus []sku, held []holding) []sale {
	c := newClerk(rand.New(rand.NewPCG(seed, 5)), skus, held)
	cents := map[string]int{}
	for i := range skus {
		cents[skus[i].id] = skus[i].cents
	}
	var days lottery[units.Date]
	for d := seasonFrom; d <= seasonUntil; d++ {
		days.add(d, busy[d.Weekday()]*rush(d))
	}
	keep := newKeeper()
	season := make([]sale, seasonTaken)
	for i, o := range c.take(seasonTaken) {
		s := &season[i]
		*s = sale{order: o, day: days.draw(c.rng.Int64N(days.sum())), units: map[string]int{}}
		second := c.rng.IntN(16 * 3600) // from 07:00 on the Atlantic coast to 20:00 on the Pacific
		ahead := 0
		if o.PromiseDate != "" {
			due, err := units.ParseDate(o.PromiseDate)
			if err != nil {
				panic(err) // the clerk wrote it
			}
			ahead = int(due - orderDay)
		}
		switch late := units.Date(0); {
		case o.CollectAt == "" && !o.hurried:
			if second >= 5*3600 { // 12:00 on the Atlantic coast, before the earliest cut-off
				late = 1
			}
			from := keep.working(s.day + late)
			due := from + units.Date(ahead)
			if ahead > 0 && ahead <= 5 {
				due = keep.working(due)
			}
			gift := c.rng.IntN(2) == 0 && s.day >= christmasEve-14 && from+5 <= christmasEve
			if gift && (ahead == 0 || ahead > 5) {
				ahead, due = 1, christmasEve
			}
			if ahead > 0 {
				s.PromiseDate = due.String()
			}
		case o.CollectAt != "":
			if second >= 5*3600 {
				late = 1
			}
			if o.PromiseDate != "" {
				s.PromiseDate = keep.open(s.day + late + units.Date(ahead)).String()
			}
		default: // by courier: early enough for today
			second %= 5 * 3600
			s.day = keep.working(s.day)
			if o.PromiseDate != "" {
				s.PromiseDate = keep.working(s.day + units.Date(ahead)).String()
			} else {
				s.PromiseAt = noonUTC(s.day + 1).Add(-7 * time.Hour).Format(time.RFC3339)
			}
		}
		s.OrderedAt = noonUTC(s.day).Add(time.Duration(second) * time.Second)
		worth := 0
		for _, l := range o.Lines {
			worth += l.Quantity * cents[l.SKU]
			s.units[l.SKU] += l.Quantity
		}
		s.Value = fmt.Sprintf("%d.%02d", worth/100, worth%100)
	}
	slices.SortStableFunc(season, func(a, b sale) int { return a.OrderedAt.Compare(b.OrderedAt) })
	for i := range season {
		season[i].ID = fmt.Sprintf("s-%05d", i+1)
	}
	return season
}

// A delivery is a change of stock that no order makes: a line of a history in JSON Lines.
type delivery struct {
	Kind      string     `json:"stock"` // set, adjust, inbound
	At        time.Time  `json:"at"`
	Warehouse string     `json:"warehouse"`
	SKU       string     `json:"sku"`
	Quantity  int        `json:"quantity"`
	Due       *time.Time `json:"due,omitempty"` // of inbound
}

// least is how many units of a SKU are delivered to a centre at least.
const least = 6

// supply returns what happens to the stock beside the orders: at first there is a quarter of what the network's files say in the
// distribution centres; every Monday each of them is sent its share of what was ordered until then, which arrives on the
// Thursday; and on the second day a few units are found broken.
func supply(seed uint64, held []holding, season []sale) []delivery {
	rng := rand.New(rand.NewPCG(seed, 6))
	var moves []delivery
	begin := noonUTC(seasonFrom).Add(-6 * time.Hour)
	whole := map[*sku]int{} // units in all centres
	var centres []holding
	for _, h := range held {
		if h.warehouse.store() || h.from != "" {
			continue
		}
		centres = append(centres, h)
		whole[h.sku] += h.onHand
		moves = append(moves, delivery{At: begin, Kind: "set", Warehouse: h.warehouse.id, SKU: h.sku.id, Quantity: (h.onHand+seasonShare-1)/seasonShare + h.safety})
	}
	for range 60 {
		h := centres[rng.IntN(len(centres))]
		moves = append(moves, delivery{At: begin.Add(30 * time.Hour), Kind: "adjust", Warehouse: h.warehouse.id, SKU: h.sku.id, Quantity: -1})
	}
	sold, sent, next := map[string]int{}, make([]int, len(centres)), 0
	for monday := seasonFrom + 7; monday < seasonUntil; monday += 7 {
		at := noonUTC(monday).Add(-6 * time.Hour)
		for ; next < len(season) && season[next].OrderedAt.Before(at); next++ {
			for id, n := range season[next].units {
				sold[id] += n
			}
		}
		due := monday + 3
		for newKeeper()[due] {
			due++
		}
		arrives := noonUTC(due)
		for i, h := range centres {
			if n := sold[h.sku.id]*h.onHand/whole[h.sku] - sent[i]; n >= least {
				sent[i] += n
				moves = append(moves, delivery{At: at, Kind: "inbound", Warehouse: h.warehouse.id, SKU: h.sku.id, Quantity: n, Due: &arrives})
			}
		}
	}
	slices.SortStableFunc(moves, func(a, b delivery) int { return a.At.Compare(b.At) })
	return moves
}

// seasonParquet writes the season, with the moves of stock between its orders, as a history.
func seasonParquet(season []sale, moves []delivery) []byte {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	write := func(v any) {
		if err := enc.Encode(v); err != nil {
			panic(err) // every field prints
		}
	}
	for i := range moves {
		write(&moves[i])
	}
	for i := range season {
		write(&season[i])
	}
	h, _, err := history.Read(context.Background(), []history.File{history.Bytes("season.jsonl", lines.Bytes())}, history.ReadOptions{Sort: true})
	if err != nil {
		panic(err) // it is one
	}
	var out bytes.Buffer
	if err := h.WriteParquet(&out); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return out.Bytes()
}
