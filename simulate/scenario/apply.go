package scenario

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/simulate"
	"github.com/allot-engine/allot/units"
)

// Check returns everything that keeps a scenario from being applied to a base, of all its runs, as a *faults.Error with line and
// column; nil where it can be. Beside it come warnings: what can be applied and most do not mean, as a date after the last
// order.
func (s *Scenario) Check(b *Base) (warnings []faults.Fault, err error) {
	var fl faults.List
	seen := map[faults.Fault]bool{}
	once := func(f faults.Fault) bool {
		told := seen[f]
		seen[f] = true
		return !told
	}
	for i := range s.runs {
		v := &s.runs[i]
		_, err := v.apply(b, true)
		if fe, ok := errors.AsType[*faults.Error](err); ok {
			for _, f := range fe.Faults {
				if once(f) {
					fl.Add(f)
				}
			}
			continue
		}
		for _, f := range v.warnings(b) {
			if once(f) {
				warnings = append(warnings, f)
			}
		}
	}
	return warnings, fl.Err()
}

// Apply returns what the variant replays. The base is not changed, and what the variant leaves alone is the base's own. The
// error is a *faults.Error as of Check.
func (v *Variant) Apply(b *Base) (*simulate.Input, error) { return v.apply(b, false) }

// apply is Apply; with dry set orders are not changed, only whether they can be.
func (v *Variant) apply(b *Base, dry bool) (*simulate.Input, error) {
	w := newWorld(b, v.scenario.File, v.changes)
	w.check(v.changes)
	if err := w.fl.Err(); err != nil {
		return nil, err
	}
	in := b.input(v.Name)
	in.Sources["scenario"] = v.scenario.Hash
	for _, c := range v.changes {
		var files Names
		switch o := c.op.(type) {
		case *rates:
			files = o.Replace
		case *addService:
			files = o.CardFiles
		}
		for _, file := range files {
			in.Sources["card "+file] = b.card(file).hash
		}
	}
	changes := slices.Clone(v.changes)
	slices.SortStableFunc(changes, byText)
	in.Epochs = v.epochs(w, changes)
	in.Stock, in.Moves = stockOf(w, changes)
	in.Mishaps = mishaps(changes)
	in.History = historyOf(w, changes, dry)
	if err := w.fl.Err(); err != nil {
		return nil, err
	}
	return in, nil
}

// epochs returns the networks by time.
func (v *Variant) epochs(w *world, changes []*change) []simulate.Epoch {
	b := w.b
	first, last, ok := b.span()
	within := func(at units.Instant) bool { return !ok || first < at && at <= last }
	rows := b.rows(w)
	var starts []units.Instant
	beginning := b.beginning()
	for _, c := range changes {
		if c.op.phase() == phaseOutside || c.op.always() || idle(c) {
			continue
		}
		if c.from.Given && within(c.begin()) {
			starts = append(starts, c.begin())
		}
		if c.until.Given && within(c.end()) {
			starts = append(starts, c.end())
		}
	}
	if ok {
		starts = append(starts, first)
	} else {
		starts = append(starts, beginning)
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	var epochs []simulate.Epoch
	for i, at := range starts {
		snap, bad := b.compile(rows, acting(changes, at))
		if bad != nil {
			c := acting(changes, at)[bad.change].change
			if w.bad[c] {
				continue // told of another time
			}
			more := ""
			if bad.more > 0 {
				more = ", and more"
			}
			w.fault(c, c.path, bad.mend, "with it the network cannot be used: %s%s", bad.problem, more)
			continue
		}
		if i == 0 {
			at = beginning
		}
		if n := len(epochs); n > 0 && epochs[n-1].Snapshot == snap {
			continue
		}
		epochs = append(epochs, simulate.Epoch{From: at, Snapshot: snap})
	}
	return epochs
}

// acting returns the changes of the network that are at work at a moment. What comes into being later, or is gone already, is
// there and shut.
func acting(changes []*change, at units.Instant) []act {
	var acts []act
	for _, c := range changes {
		if c.op.phase() == phaseOutside || idle(c) {
			continue
		}
		on := c.op.always() || c.begin() <= at && at < c.end()
		switch c.op.(type) {
		case *opening, *copying, *addService:
			acts = append(acts, act{c, !on})
		default:
			if on {
				acts = append(acts, act{c, false})
			}
		}
	}
	return acts
}

// rows returns the rows of the base, and after them those of what the changes bring into being, by id.
func (b *Base) rows(w *world) *network.Rows {
	rows := *b.Snapshot.Rows()
	rows.Warehouses = append(slices.Clip(rows.Warehouses), slices.Sorted(maps.Keys(w.opened))...)
	rows.Services = append(slices.Clip(rows.Services), slices.Sorted(maps.Keys(w.added))...)
	return &rows
}

// warnings returns what most do not mean.
func (v *Variant) warnings(b *Base) []faults.Fault {
	first, last, ok := b.span()
	if !ok {
		return nil
	}
	var fl faults.List
	for _, c := range v.changes {
		hi := last
		switch c.op.(type) {
		case *rates, *fuel, *peak, *delay, *lose:
			hi += 60 * daySeconds // orders ship later than they come
		}
		warn := func(key, what string, at Moment) {
			path := c.place(key)
			line, column := c.doc.Place(path)
			fl.Addf(v.scenario.File, line, column, path, "check the date", "%v is %s: orders and moves of stock are from %v to %v", at.date(), what, dateOf(first), dateOf(last))
		}
		switch o := c.op.(type) {
		case *demand:
			if !b.wants(&o.where, c, o.SKU) {
				line, column := c.doc.Place(c.path)
				fl.Addf(v.scenario.File, line, column, c.path, "check what it chooses", "no order of the history matches, and nothing changes")
			}
		case *moveStock:
			if o.At.Given && o.At.At > last {
				warn("at", "after all orders", o.At)
			}
		case *rebalance:
			if o.At.Given && o.At.At > last {
				warn("at", "after all orders", o.At)
			}
		}
		switch {
		case c.from.Given && c.begin() > hi:
			warn("from", "after all orders", c.from)
		case c.until.Given && c.end() <= first:
			warn("until", "before all orders", c.until)
		}
	}
	return fl.Faults()
}

// mishaps returns what goes wrong, in an order of its own.
func mishaps(changes []*change) []simulate.Mishap {
	var list []simulate.Mishap
	add := func(s *which, warehouses Names, m simulate.Mishap) {
		for _, warehouse := range orAll(warehouses) {
			m.Warehouse = warehouse
			if s.Service == nil {
				for _, carrier := range orAll(s.Carrier) {
					m.Carrier = carrier
					list = append(list, m)
				}
				continue
			}
			for _, service := range s.Service {
				m.Service = service
				list = append(list, m)
			}
		}
	}
	for _, c := range changes {
		m := simulate.Mishap{From: c.fromDay(), Until: c.untilDay()}
		switch o := c.op.(type) {
		case *delay:
			if !o.known() {
				m.Days = o.Days
				add(&o.which, o.Warehouse, m)
			}
		case *lose:
			m.Lost = o.Share
			add(&o.which, o.Warehouse, m)
		}
	}
	slices.SortStableFunc(list, func(x, y simulate.Mishap) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.Until, y.Until), strings.Compare(x.Carrier, y.Carrier),
			strings.Compare(x.Service, y.Service), strings.Compare(x.Warehouse, y.Warehouse), cmp.Compare(x.Days, y.Days), cmp.Compare(x.Lost, y.Lost))
	})
	return list
}

// orAll returns the names, or the one that stands for all.
func orAll(names Names) Names {
	if len(names) == 0 {
		return Names{""}
	}
	return names
}
