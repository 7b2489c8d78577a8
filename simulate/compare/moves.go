package compare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// closedAfter is how many orders the base must send from a warehouse after the last one that the run sends from there, for
// the run to be said to ship nothing from it any more. One that is merely seldom used would make such a tail too.
const closedAfter = 30

// A movesTally gathers what became of orders, by the names of what filled them.
type movesTally struct {
	warehouses bool // names are warehouses; else services
	terms      int  // with the split cost and the rest
	names      []string
	nameAt     map[string]int32
	at         map[[2]int32]int
	rows       []moveRow

	// Of warehouses: how often the run has used it, and how many orders of the base went there since.
	use map[string]*usage

	text  []byte // scratch
	parts []string
}

type usage struct{ run, sinceInBase int64 }

type moveRow struct {
	from, to  int32
	orders    int64
	base, run units.Money
	terms     []units.Money
	reasons   map[string]int64

	// Orders that lack a warehouse whose fate the rest of the run will tell.
	missing map[string]*waiting
}

// waiting counts orders that could not ship from a warehouse since the run used it for the since-th time.
type waiting struct{ since, orders int64 }

func newMovesTally(terms int) movesTally {
	return movesTally{terms: terms, nameAt: map[string]int32{}, at: map[[2]int32]int{}, use: map[string]*usage{}}
}

func (t *movesTally) one(s *results.Shipment) string {
	if t.warehouses {
		return s.Warehouse
	}
	return s.Service // ids of services are unique in a network, without their carriers
}

func (t *movesTally) intern(text []byte) int32 {
	i, ok := t.nameAt[string(text)]
	if !ok {
		i = int32(len(t.names))
		name := string(text)
		t.names = append(t.names, name)
		t.nameAt[name] = i
	}
	return i
}

// name returns what filled an order: its outcome where nothing did.
func (t *movesTally) name(o *results.Order) int32 {
	if !filled(o) {
		return t.intern(append(t.text[:0], o.Outcome...))
	}
	if len(o.Shipments) == 1 {
		t.text = append(t.text[:0], t.one(&o.Shipments[0])...)
		return t.intern(t.text)
	}
	t.parts = t.parts[:0]
	for i := range o.Shipments {
		t.parts = append(t.parts, t.one(&o.Shipments[i]))
	}
	slices.Sort(t.parts)
	t.text = t.text[:0]
	for i, p := range t.parts {
		if i > 0 {
			t.text = append(t.text, " + "...)
		}
		t.text = append(t.text, p...)
	}
	return t.intern(t.text)
}

func (t *movesTally) usage(warehouse string) *usage {
	u := t.use[warehouse]
	if u == nil {
		u = &usage{}
		t.use[strings.Clone(warehouse)] = u
	}
	return u
}

// add counts a pair. left and right are its terms in the runs, where both fill it.
func (t *movesTally) add(b, r *results.Order, left, right []int64, both bool) {
	key := [2]int32{t.name(b), t.name(r)}
	i, ok := t.at[key]
	if !ok {
		i = len(t.rows)
		t.at[key] = i
		t.rows = append(t.rows, moveRow{from: key[0], to: key[1], terms: make([]units.Money, t.terms)})
	}
	row := &t.rows[i]
	row.orders++
	row.base += cost(b)
	row.run += cost(r)
	if both {
		for k := range row.terms {
			row.terms[k] += units.Money(right[k] - left[k])
		}
	}
	if t.warehouses {
		for i := range r.Shipments {
			u := t.usage(r.Shipments[i].Warehouse)
			u.run++
			u.sinceInBase = 0
		}
		for i := range b.Shipments {
			t.usage(b.Shipments[i].Warehouse).sinceInBase++
		}
	}
	if key[0] != key[1] {
		t.reason(row, b, r)
	}
}

func (row *moveRow) because(reason string, n int64) {
	if row.reasons == nil {
		row.reasons = map[string]int64{}
	}
	row.reasons[reason] += n
}

// reason counts why an order moved.
func (t *movesTally) reason(row *moveRow, b, r *results.Order) {
	switch {
	case !filled(r):
		row.because("refused: "+r.Outcome, 1)
		return
	case !filled(b):
		row.because("filled now; was "+b.Outcome, 1)
		return
	}
	// What the base chose is the run's runner-up: it was still there, and lost by a term.
	if len(b.Shipments) == 1 && r.RunnerUpWarehouse == b.Shipments[0].Warehouse && r.RunnerUpWarehouse != "" &&
		(t.warehouses || r.RunnerUpService == b.Shipments[0].Service) {
		why := "now the cheaper one"
		if r.Why != "" {
			why = "now cheaper by " + r.Why
		}
		row.because(why, 1)
		return
	}
	if gone := missing(b, r); gone != "" {
		if !t.warehouses {
			row.because("ships from elsewhere", 1)
			return
		}
		if row.missing == nil {
			row.missing = map[string]*waiting{}
		}
		w := row.missing[gone]
		if w == nil {
			w = &waiting{}
			row.missing[strings.Clone(gone)] = w
		}
		if now := t.usage(gone).run; w.since != now {
			if w.orders > 0 {
				row.because(notOffered(gone), w.orders)
			}
			*w = waiting{since: now}
		}
		w.orders++
		return
	}
	if t.warehouses {
		row.because("needs fewer or more shipments", 1)
		return
	}
	row.because("another service from the same warehouse", 1)
}

// missing returns the first warehouse, by name, that the base uses for an order and the run does not; "" none.
func missing(b, r *results.Order) string {
	gone := ""
	for i := range b.Shipments {
		w := b.Shipments[i].Warehouse
		used := slices.ContainsFunc(r.Shipments, func(s results.Shipment) bool { return s.Warehouse == w })
		if !used && (gone == "" || w < gone) {
			gone = w
		}
	}
	return gone
}

func notOffered(warehouse string) string {
	return warehouse + " lacked stock or capacity, was too late or too dear"
}

func closed(warehouse string, ever bool) string {
	if ever {
		return warehouse + " closed or empty: it ships nothing any more"
	}
	return warehouse + " closed or empty: it ships nothing in this run"
}

func (t *movesTally) finish(terms []string, limit int) Moves {
	m := Moves{}
	labels := append(slices.Clone(terms), "split cost", "other")
	for i := range t.rows {
		row := &t.rows[i]
		for warehouse, w := range row.missing {
			u := t.usage(warehouse)
			if w.since == u.run && (u.run == 0 || u.sinceInBase >= closedAfter) {
				row.because(closed(warehouse, u.run > 0), w.orders)
			} else {
				row.because(notOffered(warehouse), w.orders)
			}
		}
		move := Move{From: t.names[row.from], To: t.names[row.to], Orders: row.orders, Base: row.base, Run: row.run, Change: row.run - row.base, Reasons: []Count{}}
		for k, change := range row.terms {
			if magnitude(change) > magnitude(move.TermChange) {
				move.Term, move.TermChange = labels[k], change
			}
		}
		for reason, n := range row.reasons {
			move.Reasons = append(move.Reasons, Count{reason, n})
		}
		slices.SortFunc(move.Reasons, func(a, b Count) int {
			return cmp.Or(cmp.Compare(b.Orders, a.Orders), strings.Compare(a.Name, b.Name))
		})
		m.Change += move.Change
		if row.from == row.to {
			m.Stayed += move.Orders
		} else {
			m.Moved += move.Orders
		}
		m.all = append(m.all, move)
	}
	slices.SortFunc(m.all, func(a, b Move) int {
		return cmp.Or(cmp.Compare(b.Orders, a.Orders), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	m.Rows = m.all
	if len(m.all) > limit {
		m.Rows = m.all[:limit:limit]
		for _, row := range m.all[limit:] {
			m.Rest += row.Orders
		}
	}
	return m
}
