package compare

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// A partsTally gathers the parts of a change by key.
type partsTally struct {
	at   map[string]int
	rows []Part
}

func (t *partsTally) row(key string) *Part {
	i, ok := t.at[key]
	if !ok {
		if t.at == nil {
			t.at = map[string]int{}
		}
		key = strings.Clone(key) // a reader may reuse its bytes
		i = len(t.rows)
		t.at[key] = i
		t.rows = append(t.rows, Part{Key: key})
	}
	return &t.rows[i]
}

// add adds an order to a row: the cost of a part of it, or of all, in either run.
func (p *Part) add(b, r *results.Order, base, run units.Money) {
	if b != nil {
		p.BaseOrders++
		p.Base += base
		if filled(b) {
			p.BaseFilled++
			if promised(b) {
				p.BasePromised++
			}
			if onTime(b) {
				p.BaseOnTime++
			}
		}
	}
	if r != nil {
		p.RunOrders++
		p.Run += run
		if filled(r) {
			p.RunFilled++
			if promised(r) {
				p.RunPromised++
			}
			if onTime(r) {
				p.RunOnTime++
			}
		}
	}
	change := run - base
	p.Change += change
	switch {
	case b == nil || r == nil:
		p.Unpaired += change
	case filled(b) && filled(r):
		p.Both++
		p.Alike += change
		p.AlikeBase += base
	default:
		p.Filling += change
	}
}

func (p *Part) plus(q *Part) {
	p.BaseOrders += q.BaseOrders
	p.RunOrders += q.RunOrders
	p.BaseFilled += q.BaseFilled
	p.RunFilled += q.RunFilled
	p.BasePromised += q.BasePromised
	p.RunPromised += q.RunPromised
	p.BaseOnTime += q.BaseOnTime
	p.RunOnTime += q.RunOnTime
	p.Base += q.Base
	p.Run += q.Run
	p.Change += q.Change
	p.Alike += q.Alike
	p.Filling += q.Filling
	p.Unpaired += q.Unpaired
	p.Both += q.Both
	p.AlikeBase += q.AlikeBase
}

// share works out what follows from the sums.
func (p *Part) share(whole units.Money) {
	if p.Both > 0 {
		p.AlikeEach = p.Alike.Times(1, p.Both)
	}
	if p.RunFilled > 0 {
		p.RunEach = p.Run.Times(1, p.RunFilled)
	}
	p.BaseOnTimeShare = Number(over(float64(p.BaseOnTime), float64(p.BasePromised)))
	p.RunOnTimeShare = Number(over(float64(p.RunOnTime), float64(p.RunPromised)))
	p.Share = Number(math.NaN())
	if whole != 0 {
		p.Share = Number(float64(p.Change) / float64(whole))
	}
}

func (t *partsTally) finish(whole units.Money, rows int) Parts {
	slices.SortFunc(t.rows, func(a, b Part) int {
		return cmp.Or(cmp.Compare(magnitude(b.Change), magnitude(a.Change)), cmp.Compare(b.Run, a.Run), strings.Compare(a.Key, b.Key))
	})
	for i := range t.rows {
		t.rows[i].share(whole)
	}
	parts := Parts{Count: len(t.rows), Rows: t.rows, all: t.rows}
	if len(t.rows) > rows {
		parts.Rows, parts.Rest = t.rows[:rows:rows], &Part{}
		for i := rows; i < len(t.rows); i++ {
			parts.Rest.plus(&t.rows[i])
		}
		parts.Rest.share(whole)
	}
	return parts
}

func (t *partsTally) byDate(whole units.Money) []Day {
	days := make([]Day, len(t.rows))
	for i := range t.rows {
		date, _ := units.ParseDate(t.rows[i].Key) // it was printed by day
		t.rows[i].share(whole)
		days[i] = Day{Date: date, Part: t.rows[i]}
	}
	slices.SortFunc(days, func(a, b Day) int { return cmp.Compare(a.Date, b.Date) })
	return days
}

func magnitude(m units.Money) units.Money { return max(m, -m) }

// attribute gives an order's change to its places, its day and its SKUs.
func (a *tally) attribute(b, r, either *results.Order, date units.Date) {
	base, run := cost(b), cost(r)
	a.states.row(either.State).add(b, r, base, run)
	a.cells.row(either.Cell).add(b, r, base, run)
	a.days.row(date.String()).add(b, r, base, run)

	lines := splitItems(either.Items)
	for len(a.weights) < 2*len(lines) {
		a.weights = append(a.weights, 0)
	}
	left, right := a.weights[:len(lines)], a.weights[len(lines):2*len(lines)]
	allot(left, lines, b)
	allot(right, lines, r)
	for i, l := range lines {
		a.skus.row(l.sku).add(b, r, units.Money(left[i]), units.Money(right[i]))
	}
	if len(lines) == 0 {
		a.skus.row("").add(b, r, base, run)
	}
}

// An item is a SKU with its units.
type item struct {
	sku   string
	units int64
}

// splitItems reads "mug:2;skillet:1". A SKU named twice is one item.
func splitItems(s string) []item {
	var items []item
	for s != "" {
		var one string
		one, s, _ = strings.Cut(s, ";")
		colon := strings.LastIndexByte(one, ':')
		n := int64(1)
		if colon >= 0 {
			if q, err := strconv.ParseInt(one[colon+1:], 10, 32); err == nil && q > 0 {
				one, n = one[:colon], q
			}
		}
		if i := slices.IndexFunc(items, func(x item) bool { return x.sku == one }); i >= 0 {
			items[i].units += n
			continue
		}
		items = append(items, item{one, n})
	}
	return items
}

// allot writes what each line of an order costs, which sums to the order's cost: a shipment's cost goes to its items by
// units, what is not of a shipment to all lines by units.
func allot(dst []int64, lines []item, o *results.Order) {
	clear(dst)
	if !filled(o) || len(lines) == 0 {
		return
	}
	rest := o.Cost
	for i := range o.Shipments {
		s := &o.Shipments[i]
		if s.Items == "" || s.Items == o.Items {
			continue // its cost stays in the rest
		}
		items := splitItems(s.Items)
		if slices.ContainsFunc(items, func(it item) bool { return lineOf(lines, it.sku) < 0 }) {
			continue // not of this order's lines; all of them pay
		}
		rest -= s.Cost
		share(s.Cost, items, func(k int, m units.Money) { dst[lineOf(lines, items[k].sku)] += int64(m) })
	}
	share(rest, lines, func(k int, m units.Money) { dst[k] += int64(m) })
}

func lineOf(lines []item, sku string) int {
	return slices.IndexFunc(lines, func(l item) bool { return l.sku == sku })
}

// share divides m among items by units, to the micro: rounded are the sums up to each item, so the last one is m.
func share(m units.Money, items []item, give func(k int, m units.Money)) {
	total := int64(0)
	for _, it := range items {
		total += it.units
	}
	given, sum := units.Money(0), int64(0)
	for k, it := range items {
		sum += it.units
		upTo := m.Times(sum, total)
		give(k, upTo-given)
		given = upTo
	}
}

// AlikePerOrder returns by how much an order that both runs fill costs more, rounded to the micro, and false where there is none.
func (p *Part) AlikePerOrder() (units.Money, bool) { return p.AlikeEach, p.Both > 0 }
