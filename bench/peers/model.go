package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// infeasible is the cost of an order for which there is no plan.
const infeasible int64 = -1

// A candidate is a shipment that could be part of a plan, with its price. It is all that a model knows of tariffs.
type candidate struct {
	warehouse, service int
	take               []int // units of each line, at least one of any
	cost               int64 // micros, without the split cost
}

// A problem is one order as a choice among priced shipments: take some of the candidates, from no warehouse two and no more
// than most, such that they hold every unit once, at the least sum of their costs and of splitCost for each after
// the first.
type problem struct {
	quantity   []int // units of each line
	most       int   // shipments
	splitCost  int64 // micros
	candidates []candidate
}

// cheapest returns the problem with, of candidates that differ in their service alone, the cheapest: an easier model of the
// same order.
func (p *problem) cheapest() *problem {
	best := *p
	best.candidates = nil
	at := map[string]int{}
	for _, c := range p.candidates {
		key := fmt.Sprint(c.warehouse, c.take)
		i, ok := at[key]
		switch {
		case !ok:
			at[key] = len(best.candidates)
			best.candidates = append(best.candidates, c)
		case c.cost < best.candidates[i].cost:
			best.candidates[i] = c
		}
	}
	return &best
}

// A model is a problem as a mixed-integer program: x[j] = 1 takes the j-th candidate.
//
//	min   sum (cost[j] + split) x[j] - split
//	      sum take[j][l] x[j] = quantity[l]   for every line l
//	      sum x[j] <= 1                       over the candidates of a warehouse
//	      sum x[j] <= most
//
// Rows that cannot bind are left out. Amounts are micros, of which a float64 holds any sum that comes up exactly.
type model struct {
	Costs  []int64 `json:"costs"` // of the columns, with the split cost
	Offset int64   `json:"offset"`
	Rows   []row   `json:"rows"`
}

// A row says that the sum of coefficients times columns is at most, or is, a bound.
type row struct {
	Columns []int `json:"columns"`
	Factors []int `json:"factors"`
	Bound   int   `json:"bound"`
	Equal   bool  `json:"equal"`
}

// newModel returns the model of a problem.
func newModel(p *problem) *model {
	m := &model{Offset: -p.splitCost}
	lines, warehouses := make([]row, len(p.quantity)), map[int]*row{}
	for l, q := range p.quantity {
		lines[l] = row{Bound: q, Equal: true}
	}
	all := row{Bound: p.most}
	var order []int
	for j, c := range p.candidates {
		m.Costs = append(m.Costs, c.cost+p.splitCost)
		for l, n := range c.take {
			if n > 0 {
				lines[l].add(j, n)
			}
		}
		if warehouses[c.warehouse] == nil {
			warehouses[c.warehouse] = &row{Bound: 1}
			order = append(order, c.warehouse)
		}
		warehouses[c.warehouse].add(j, 1)
		all.add(j, 1)
	}
	m.Rows = lines
	for _, w := range order {
		if r := warehouses[w]; len(r.Columns) > 1 {
			m.Rows = append(m.Rows, *r)
		}
	}
	units := 0
	for _, q := range p.quantity {
		units += q
	}
	if p.most < units {
		m.Rows = append(m.Rows, all)
	}
	return m
}

func (r *row) add(column, factor int) {
	r.Columns, r.Factors = append(r.Columns, column), append(r.Factors, factor)
}

// lp returns the model in the LP format, without its offset. Every line is short enough for any reader.
func (m *model) lp() string {
	var b strings.Builder
	term := func(n int, factor int64, column int) {
		if n > 0 {
			b.WriteString(" +")
		}
		if n%8 == 7 {
			b.WriteString("\n")
		}
		if fmt.Fprintf(&b, " %d x%d", factor, column); factor < 0 {
			panic("peers: a negative factor in a model")
		}
	}
	b.WriteString("Minimize\n obj:")
	for j, c := range m.Costs {
		term(j, c, j)
	}
	b.WriteString("\nSubject To\n")
	for i, r := range m.Rows {
		fmt.Fprintf(&b, " r%d:", i)
		for k, j := range r.Columns {
			term(k, int64(r.Factors[k]), j)
		}
		relation := "<="
		if r.Equal {
			relation = "="
		}
		fmt.Fprintf(&b, " %s %d\n", relation, r.Bound)
	}
	b.WriteString("Binary\n")
	for j := range m.Costs {
		fmt.Fprintf(&b, " x%d\n", j)
	}
	b.WriteString("End\n")
	return b.String()
}

// solvable tells that every line is in some candidate: LP files cannot say that an empty sum is something.
func (m *model) solvable() bool {
	return !slices.ContainsFunc(m.Rows, func(r row) bool { return r.Equal && len(r.Columns) == 0 })
}

// cost returns what the columns of a solution cost in all, or an error where they break a row.
func (m *model) cost(taken []int) (int64, error) {
	in := make([]bool, len(m.Costs))
	sum := m.Offset
	for _, j := range taken {
		if j < 0 || j >= len(in) || in[j] {
			return 0, fmt.Errorf("column %d of %d, or twice", j, len(in))
		}
		in[j] = true
		sum += m.Costs[j]
	}
	for i, r := range m.Rows {
		n := 0
		for k, j := range r.Columns {
			if in[j] {
				n += r.Factors[k]
			}
		}
		if n > r.Bound || r.Equal && n < r.Bound {
			return 0, fmt.Errorf("row %d is broken: %d, and not %d", i, n, r.Bound)
		}
	}
	return sum, nil
}

// micros returns dollars that are whole micros as such.
func micros(dollars float64) int64 { return int64(math.Round(dollars * 1e6)) }

// sort puts the candidates in order of warehouse, take and service: models of the same order are the same bytes.
func (p *problem) sort() {
	slices.SortFunc(p.candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.warehouse, b.warehouse), slices.Compare(a.take, b.take), cmp.Compare(a.service, b.service))
	})
}
