package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// Results of replays for people. Every figure is one of summary.json, rounded for the eye.

// printSummary writes what a run comes to.
func printSummary(w io.Writer, s *results.Summary) {
	o, c := &s.Orders, &s.Cost
	partial := ""
	if s.Partial {
		partial = fmt.Sprintf(", PARTIAL: the first %s of %s", thousands64(o.Done), thousands64(o.History))
	}
	fmt.Fprintf(w, "%s: %s%s%s\n", s.Name, count(int(o.Done), "order"), between(dayOf(o.First), dayOf(o.Last)), partial)
	rows := []string{"filled", fmt.Sprintf("%s, %s", thousands64(o.Filled), percent(o.Fill, 2))}
	if o.Refused > 0 {
		rows = append(rows, "refused", thousands64(o.Refused)+refusals(o.Refusals))
	}
	if o.Malformed > 0 {
		rows = append(rows, "unusable", unusable(o))
	}
	if s.Skipped.Rows > 0 {
		rows = append(rows, "left out", unread(&s.Skipped))
	}
	rows = append(rows, "cost", fmt.Sprintf("%s %s an order; %s in all, %s of it freight", cents(c.PerOrder), s.Currency, cents(c.Total), cents(c.Freight)))
	if s.Floor.Orders > 0 {
		rows = append(rows, "lowest possible", fmt.Sprintf("%s an order, if stock and capacity were unlimited; that they are not costs %s, %s",
			cents(s.Floor.PerOrder), cents(s.Floor.Gap), percent(s.Floor.Share, 2)))
	}
	if t := &s.OnTime; t.Promised > 0 {
		line := fmt.Sprintf("%s of %s with a promise, by plan; %s expected late", percent(t.Share, 2), thousands64(t.Promised), percent(t.ExpectedLate, 2))
		if s.Mishaps.Orders > 0 {
			line += fmt.Sprintf("; %s late after %s", percent(t.RealisedLate, 2), count(int(s.Mishaps.Orders), "mishap"))
		}
		rows = append(rows, "on time", line)
	}
	rows = append(rows,
		"splits", fmt.Sprintf("%s of filled orders; %s shipments an order", percent(split(s), 2), decimals(s.Shipping.PerOrder, 3)),
		"distance", fmt.Sprintf("%s km a shipment", thousands64(kilometres(s.Shipping.MeanMetres))),
		"emissions", fmt.Sprintf("%s g CO2e an order, %s t in all", thousands64(s.Shipping.CO2PerOrder), decimals(results.Share(s.Shipping.CO2Grams), 1)),
		"days", fmt.Sprintf("%s in transit, %s from order to delivery", decimals(s.Transit.Mean, 2), decimals(s.Delivery.Mean, 2)),
		"stock-outs", stockOuts(&s.StockOuts))
	pairs(w, "  ", rows...)
	printWarehouses(w, s)
	printServices(w, s)
}

func printWarehouses(w io.Writer, s *results.Summary) {
	if len(s.Warehouses) == 0 {
		return
	}
	fmt.Fprintln(w)
	g := grid{names: []string{"warehouse", ">shipments", ">share", ">cost each", ">most a day", "on", ">full days", ">backlog", "on"}}
	for i := range s.Warehouses {
		h := &s.Warehouses[i]
		full := ""
		if h.Capacity >= 0 {
			full = thousands64(h.FullDays)
		}
		g.add(h.Warehouse, thousands64(h.Shipments), percent(h.Share, 1), each(h.Cost, h.Shipments), thousands64(h.Peak), h.PeakDay, full,
			thousands64(h.Backlog), h.BacklogOn)
	}
	g.print(w, "  ")
}

func printServices(w io.Writer, s *results.Summary) {
	if len(s.Services) == 0 {
		return
	}
	fmt.Fprintln(w)
	g := grid{names: []string{"service", "carrier", ">shipments", ">share", ">freight", ">each"}}
	for i := range s.Services {
		v := &s.Services[i]
		if v.Shipments > 0 {
			g.add(v.Service, v.Carrier, thousands64(v.Shipments), percent(v.Share, 1), cents(v.Spend), each(v.Spend, v.Shipments))
		}
	}
	g.print(w, "  ")
}

// printRuns writes runs in a line each, with what differs from the first.
func printRuns(w io.Writer, runs []*results.Summary) {
	base := runs[0]
	fmt.Fprintf(w, "%s%s, %s\n", count(int(base.Orders.History), "order"), between(dayOf(base.Orders.First), dayOf(base.Orders.Last)), base.Currency)
	g := grid{names: []string{"run", ">filled", ">", ">cost an order", ">", ">on time", ">", ">split", ">", ">km a shipment", ">", ">stock-outs", ">lowest possible", ""}}
	for _, s := range runs {
		row := []string{
			s.Name, percent(s.Orders.Fill, 2), "", cents(s.Cost.PerOrder), "", percent(s.OnTime.Share, 2), "", percent(split(s), 2), "",
			thousands64(kilometres(s.Shipping.MeanMetres)), "", thousands64(s.StockOuts.Events), "", "",
		}
		if s.Floor.Orders > 0 {
			row[12] = cents(s.Floor.PerOrder)
		}
		if s.OnTime.Promised == 0 {
			row[5] = ""
		}
		if s != base {
			row[2] = points(s.Orders.Fill - base.Orders.Fill)
			row[4] = change(int64(s.Cost.PerOrder), int64(base.Cost.PerOrder))
			row[8] = points(split(s) - split(base))
			row[10] = change(s.Shipping.MeanMetres, base.Shipping.MeanMetres)
			if s.OnTime.Promised > 0 && base.OnTime.Promised > 0 {
				row[6] = points(s.OnTime.Share - base.OnTime.Share)
			}
		}
		if s.Partial {
			row[13] = fmt.Sprintf("PARTIAL: the first %s orders", thousands64(s.Orders.Done))
		}
		g.add(row...)
	}
	g.print(w, "  ")
	var rows []string // of the files that all have in common
	if base.Orders.Malformed > 0 {
		rows = append(rows, "unusable", unusable(&base.Orders))
	}
	if base.Skipped.Rows > 0 {
		rows = append(rows, "left out", unread(&base.Skipped))
	}
	pairs(w, "  ", rows...)
}

// unusable tells of orders that the network does not know what to do with.
func unusable(o *results.OrderCounts) string {
	return fmt.Sprintf("%s, %s, neither filled nor refused", thousands64(o.Malformed), percent(o.Unusable, 2))
}

// unread tells of what could not be read.
func unread(s *results.SkippedTotals) string {
	return fmt.Sprintf("%s of %s that were read, %s, in none of these figures", thousands64(s.Rows), count(int(s.Of), "row"), percent(s.Share, 2))
}

// split is the share of filled orders that go in more than one shipment.
func split(s *results.Summary) (share results.Share) {
	for _, n := range s.Splits {
		if n.Shipments > 1 {
			share += n.Share
		}
	}
	return share
}

func refusals(list []results.Outcomes) string {
	parts := make([]string, len(list))
	for i, r := range list {
		parts[i] = thousands64(r.Orders) + " " + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(r.Outcome, "OUTCOME_"), "_", " "))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func stockOuts(s *results.StockOutTotals) string {
	if s.Events == 0 {
		return "none"
	}
	line := fmt.Sprintf("%s at a warehouse, of %s", thousands64(s.Events), count(int(s.SKUs), "SKU"))
	if s.Everywhere > 0 {
		line += fmt.Sprintf("; %s ran out everywhere", thousands64(s.Everywhere))
	}
	return line
}

// between says a span of days: " of 2026-11-16 to 2026-12-31".
func between(first, last string) string {
	switch {
	case first == "":
		return ""
	case first == last:
		return " of " + first
	}
	return " of " + first + " to " + last
}

// dayOf returns the day of a moment in RFC 3339.
func dayOf(at string) string {
	day, _, _ := strings.Cut(at, "T")
	return day
}

func thousands64(n int64) string { return thousands(int(n)) }

func kilometres(metres int64) int64 { return (metres + 500) / 1000 }

// cents writes an amount to the cent, with commas.
func cents(m units.Money) string {
	m = m.RoundTo(units.Cent)
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	return fmt.Sprintf("%s%s.%02d", sign, thousands64(int64(m/units.Currency)), m%units.Currency/units.Cent)
}

// each is what one of n costs.
func each(m units.Money, n int64) string {
	if n == 0 {
		return ""
	}
	return cents(m.Times(1, n))
}

// decimals writes millionths with so many decimals, at most 6.
func decimals(s results.Share, places int) string {
	unit := int64(1)
	for range 6 - places {
		unit *= 10
	}
	m := units.Money(s).RoundTo(units.Money(unit))
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	whole := thousands64(int64(m / units.Currency))
	if places == 0 {
		return sign + whole
	}
	return sign + whole + "." + fmt.Sprintf("%06d", m%units.Currency)[:places]
}

// percent writes a share as a percentage with so many decimals, at most 4.
func percent(s results.Share, places int) string { return decimals(100*s, places) + " %" }

// points writes the difference of two shares in percentage points.
func points(s results.Share) string {
	text := decimals(100*s, 2)
	switch {
	case text == "0.00" || text == "-0.00":
		return "="
	case s > 0:
		text = "+" + text
	}
	return text + " pp"
}

// change writes how much a figure differs from what it was, in per cent of that.
func change(is, was int64) string {
	if is == was {
		return "="
	}
	if was == 0 {
		return ""
	}
	text := decimals(results.Share(units.Money(is-was).Times(100*int64(results.Whole), was)), 2)
	switch {
	case text == "0.00" || text == "-0.00":
		return "=" // to the hundredth of a per cent
	case is > was:
		text = "+" + text
	}
	return text + " %"
}
