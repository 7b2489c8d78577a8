package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-engine/allot/units"
)

// The history is one in ten of the orders of the four weeks before orderDay, from which a forecast can be fitted. They are
// drawn as those of orderDay are, each on a day and at a time of its own.
const (
	historyDays  = 28
	historyTaken = 5_000
)

// busy is how many orders a day of the week has, from Monday on, relative to the others.
var busy = [7]int64{120, 110, 100, 95, 95, 85, 95}

// A past is an order that came.
type past struct {
	order
	at time.Time
}

func takeHistory(seed uint64, skus []sku, held []holding) []past {
	c := newClerk(rand.New(rand.NewPCG(seed, 4)), skus, held)
	var days lottery[units.Date]
	for d := orderDay - historyDays; d < orderDay; d++ {
		days.add(d, busy[d.Weekday()])
	}
	taken, _ := time.Parse(time.RFC3339, decisionTime) // it is one
	history := make([]past, historyTaken)
	for i, o := range c.take(historyTaken) {
		day := days.draw(c.rng.Int64N(days.sum()))
		earlier := int(orderDay - day)
		second := 12*3600 + c.rng.IntN(12*3600) // from 12:00 to midnight UTC, most of the country's waking hours
		if o.PromiseDate != "" {
			due, err := units.ParseDate(o.PromiseDate)
			if err != nil {
				panic(err) // the clerk wrote it
			}
			o.PromiseDate = (due - units.Date(earlier)).String()
		}
		if o.PromiseAt != "" {
			due, err := time.Parse(time.RFC3339, o.PromiseAt)
			if err != nil {
				panic(err) // the clerk wrote it
			}
			o.PromiseAt = due.AddDate(0, 0, -earlier).Format(time.RFC3339)
		}
		midnight := taken.Truncate(24 * time.Hour)
		history[i] = past{order: o, at: midnight.AddDate(0, 0, -earlier).Add(time.Duration(second) * time.Second)}
	}
	slices.SortStableFunc(history, func(a, b past) int { return a.at.Compare(b.at) })
	return history
}

// historyCSV writes a row for every line of an order. What holds for the whole order stands in its first.
func historyCSV(history []past) []byte {
	records := [][]string{{"order_id", "ordered_at", "sku", "quantity", "postal_code", "latitude", "longitude", "commercial", "promise_date", "promise_at", "collect_at", "services"}}
	for i := range history {
		o := &history[i]
		for at, l := range o.Lines {
			row := make([]string, len(records[0]))
			row[0], row[2], row[3] = fmt.Sprintf("h-%04d", i+1), l.SKU, strconv.Itoa(l.Quantity)
			if at == 0 {
				row[1] = o.at.UTC().Format(time.RFC3339)
				if to := o.To; to != nil {
					row[4] = to.PostalCode
					if to.Point != nil {
						row[5], row[6] = to.Point.Latitude.String(), to.Point.Longitude.String()
					}
					if to.Commercial {
						row[7] = "yes"
					}
				}
				row[8], row[9], row[10], row[11] = o.PromiseDate, o.PromiseAt, o.CollectAt, strings.Join(o.Services, ";")
			}
			records = append(records, row)
		}
	}
	return csvBytes(records)
}
