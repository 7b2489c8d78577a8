package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server"
	"github.com/allot-engine/allot/units"
)

// jointFlags are the flags of allot allocate that go with --joint.
type jointFlags struct {
	joint, all bool
	unfilled   string
	budget     time.Duration
	seed       uint64
	workers    int
}

// check returns what leaving an order costs, and adds to bad what is wrong with the flags. changed tells which were given.
func (fl *jointFlags) check(others *allocateFlags, changed func(flag string) bool, bad *faults.List) (unfilled units.Money) {
	if !fl.joint {
		for _, flag := range []string{"all", "unfilled", "time-budget", "seed", "workers"} {
			if changed(flag) {
				bad.Addf("", 0, 0, "--"+flag, "add --joint, or leave it out", "it says how orders are decided jointly")
			}
		}
		return 0
	}
	if others.explain {
		bad.Addf("", 0, 0, "--explain", "leave one of them out", "it excludes --joint: why orders share stock as they do is no one order's terms")
	}
	if others.noHold {
		bad.Addf("", 0, 0, "--no-hold", "leave one of them out", "it excludes --joint: orders that leave the stock as it is have nothing to share")
	}
	if fl.unfilled != "" {
		var err error
		if unfilled, err = units.ParseMoney(fl.unfilled); err != nil || unfilled <= 0 || unfilled > engine.MaxUnfilled {
			bad.Addf("", 0, 0, "--unfilled", "write an amount, as 40.00", "%.60q is no cost of an order", fl.unfilled)
		}
		if fl.all {
			bad.Addf("", 0, 0, "--unfilled", "leave one of them out", "it excludes --all, with which nothing is left")
		}
	}
	if fl.budget < 0 {
		bad.Addf("", 0, 0, "--time-budget", "write a time, as 10s or 2m", "%v is no time", fl.budget)
	}
	if fl.workers < 0 || fl.workers > maxWorkers {
		bad.Addf("", 0, 0, "--workers", fmt.Sprintf("write a number from 1 to %d, or leave it out", maxWorkers), "%d is out of range", fl.workers)
	}
	return unfilled
}

const maxWorkers = 1_024

// A jointly is one run of allot allocate --joint.
type jointly struct {
	fl       *allocateFlags
	unfilled units.Money
	snap     *network.Snapshot
	engine   *engine.Engine
	stock    *engine.StockView
	now      units.Instant
	asText   bool
	tally    tally
	t        *terminal
}

// allocateJointly decides all orders of all files as one wave.
func allocateJointly(ctx context.Context, t *terminal, fl *allocateFlags, unfilled units.Money, now time.Time, files, formats []string) error {
	root, err := openNetwork(fl.network)
	if err != nil {
		return err
	}
	snap, stock, err := network.LoadFS(root.FS(), nil)
	if closeErr := root.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	j := &jointly{
		fl: fl, unfilled: unfilled, snap: snap, now: units.Instant(now.Unix()), t: t,
		asText: fl.asText || t.outIsTerminal && !fl.asJSON, tally: tally{outcomes: map[allotv1.Outcome]int{}},
	}
	if j.engine, err = engine.New(snap, engine.Options{}); err != nil {
		return err
	}
	defer j.engine.Close()
	j.stock = stockAt(snap, stock, j.now)
	if fl.prices != "" {
		if j.stock.Prices, err = readPrices(fl.prices, snap); err != nil {
			return err
		}
	}
	progress := newProgress(t, fl.quiet, "order")
	defer progress.clear()
	filed, orders, err := j.read(files, formats, progress)
	if err != nil {
		return err
	}
	began := time.Now()
	wave, err := j.decide(ctx, &filed, orders, progress, began)
	progress.clear()
	if err != nil {
		return err
	}
	if wave != nil {
		if err := j.print(filed, wave); err != nil {
			return err
		}
	}
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	if !fl.quiet {
		fmt.Fprintln(t.err, j.tally.String(snap.Currency))
		if wave != nil {
			fmt.Fprintln(t.err, j.summary(wave, time.Since(began)))
		}
	}
	switch {
	case j.tally.faults > 0:
		return toldError(exitFaults)
	case fl.strict && wave != nil && wave.Unfilled > 0:
		return toldError(exitRefused)
	}
	return nil
}

// stockAt returns what the files of a network say is there at a moment.
func stockAt(snap *network.Snapshot, stock *network.Stock, now units.Instant) *engine.StockView {
	view := engine.NewStockView(len(snap.SKUs.IDs), len(snap.Warehouses))
	for _, row := range stock.Rows {
		w, known := snap.Warehouse(row.Warehouse)
		sku, sold := snap.SKUs.Row(row.SKU)
		if !known || !sold {
			continue // compiled networks name what they have
		}
		zone := snap.Profiles[snap.Warehouses[w].Profile].Dock.Zone
		if row.AvailableFrom != 0 && zone.Instant(row.AvailableFrom, 0) > now {
			continue
		}
		have := int64(view.Available[int(sku)*view.Stride+int(w)]) + int64(row.OnHand) - int64(row.Safety)
		view.Set(sku, w, int32(max(math.MinInt32, min(have, math.MaxInt32))))
	}
	return view
}

// read reads all orders and lists the faults of those that cannot be read.
func (j *jointly) read(files, formats []string, progress *progress) (filed []*filedOrder, orders []engine.Order, err error) {
	for i, file := range files {
		for o, err := range readOrders(file, formats[i], j.t.in) {
			if err != nil {
				progress.clear()
				return nil, nil, err
			}
			if o.row > 0 {
				j.tally.orders++
			} else {
				j.tally.unread++
			}
			progress.step(j.tally.orders)
			var order *engine.Order
			if len(o.faults) == 0 {
				var err error
				order, err = server.ReadOrder(o.order)
				if bad, ok := asFaults(err); err != nil && !ok {
					return nil, nil, err
				} else if len(bad) > 0 {
					j.fault(o, bad)
				}
			}
			if len(o.faults) > 0 {
				j.tell(o)
				continue
			}
			filed, orders = append(filed, o), append(orders, *order)
		}
	}
	return filed, orders, nil
}

// fault puts the faults of an order in their place in its file.
func (j *jointly) fault(o *filedOrder, bad []faults.Fault) {
	for _, f := range bad {
		o.faults = append(o.faults, o.place(f))
	}
}

func (j *jointly) tell(o *filedOrder) { j.tally.tell(j.t.err, o) }

// decide decides the orders that have no fault; it leaves those in filed. Without a wave there was nothing to decide, or not
// all of what had to be.
func (j *jointly) decide(ctx context.Context, filed *[]*filedOrder, orders []engine.Order, progress *progress, began time.Time) (*engine.Wave, error) {
	var telling sync.Mutex
	opt := engine.WaveOptions{Workers: j.fl.workers, Seed: j.fl.seed, Unfilled: j.unfilled, All: j.fl.all}
	opt.Stop = func() bool {
		telling.Lock()
		defer telling.Unlock()
		spent := time.Since(began)
		progress.spent(len(orders), spent, j.fl.budget)
		return ctx.Err() != nil || j.fl.budget > 0 && spent > j.fl.budget
	}
	for {
		if j.fl.all && j.tally.faults > 0 {
			j.tally.faulty = j.tally.orders
			fmt.Fprintln(j.t.err, "with --all an order that cannot be read leaves all undecided")
			return nil, nil //nolint:nilnil // no wave, and why is told already
		}
		wave, err := j.engine.DecideWave(j.stock, orders, j.now, opt)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("interrupted while deciding %s", count(len(orders), "order"))
		}
		bad, ok := asFaults(err)
		if err == nil || !ok {
			return wave, err
		}
		byOrder := map[int][]faults.Fault{}
		for _, f := range bad {
			o, field := positionOf(f.Field)
			f.Field = field
			byOrder[o] = append(byOrder[o], f)
		}
		progress.clear()
		var sound []*filedOrder
		var rest []engine.Order
		for i, o := range *filed {
			if len(byOrder[i]) == 0 {
				sound, rest = append(sound, o), append(rest, orders[i])
				continue
			}
			j.fault(o, byOrder[i])
			j.tell(o)
		}
		if len(rest) == len(orders) {
			return nil, err // faults of no order
		}
		*filed, orders = sound, rest
	}
}

// positionOf returns the position of the order that a fault's field is of, and the field there: orders[3].lines[0].sku.
func positionOf(field string) (order int, rest string) {
	at, rest, ok := strings.Cut(strings.TrimPrefix(field, "orders["), "].")
	order, err := strconv.Atoi(at)
	if !ok || err != nil {
		return -1, field
	}
	return order, rest
}

// spent tells how long orders have been decided jointly, and of how long at most.
func (p *progress) spent(orders int, spent, budget time.Duration) {
	now := time.Now()
	if p.mute || spent < quietFor || now.Sub(p.last) < showEvery {
		return
	}
	p.last, p.shown = now, true
	of := ""
	if budget > 0 {
		of = fmt.Sprintf(" of %v", budget)
	}
	fmt.Fprintf(p.t.err, "\rdeciding %s jointly, %d s%s ", count(orders, "order"), int(spent.Seconds()), of)
}

// A waveLine is the last line that allot allocate --joint prints in JSON.
type waveLine struct {
	Wave waveAnswer `json:"wave"`
}

// A waveAnswer says what a wave came to. Amounts are strings, as in the API.
type waveAnswer struct {
	Orders             int    `json:"orders"`
	Filled             int    `json:"filled"` // whole
	Unfilled           int    `json:"unfilled"`
	Shipments          int    `json:"shipments"`
	Currency           string `json:"currency"`
	CostMicros         int64  `json:"costMicros,string"`
	UnfilledCostMicros int64  `json:"unfilledCostMicros,string"` // part of costMicros
	LowerBoundMicros   int64  `json:"lowerBoundMicros,string"`
	GapMicros          int64  `json:"gapMicros,string"`
	Status             string `json:"status"`
	PriceSteps         int    `json:"priceSteps"`
	Offers             int64  `json:"offers"`
	Stopped            bool   `json:"stopped,omitempty"`
	InTurn             bool   `json:"inTurn,omitempty"` // stopped so early that orders were decided one after the other
}

// print prints every decision, and in JSON the wave behind them.
func (j *jointly) print(filed []*filedOrder, wave *engine.Wave) error {
	for i, o := range filed {
		d := &decided{decision: server.WriteDecision(j.snap, &wave.Decisions[i]), joint: true}
		j.tally.add(d.decision)
		write := j.printJSON
		if j.asText {
			write = j.printText
		}
		if err := write(j.t.out, o, d, wave.Exhausted[i]); err != nil {
			return err
		}
	}
	if j.asText {
		return nil
	}
	line := waveLine{waveAnswer{
		Orders: len(filed), Filled: len(filed) - wave.Unfilled, Unfilled: wave.Unfilled, Shipments: j.tally.shipments, Currency: j.snap.Currency,
		CostMicros: int64(wave.Cost), UnfilledCostMicros: int64(wave.UnfilledCost), LowerBoundMicros: int64(wave.Bound), GapMicros: int64(wave.Gap),
		Status: wave.Status.String(), PriceSteps: wave.Iterations, Offers: wave.Offers, Stopped: wave.Stopped, InTurn: wave.InTurn,
	}}
	return writeLine(j.t.out, line)
}

func (j *jointly) printText(w io.Writer, o *filedOrder, d *decided, lacks engine.Constraint) error {
	if lacks == engine.None {
		return printText(w, o, d)
	}
	var b strings.Builder
	if err := printText(&b, o, d); err != nil {
		return err
	}
	why := map[engine.Constraint]string{
		engine.NoStock:       "other orders of the wave took the units it lacks",
		engine.WarehouseFull: "other orders of the wave fill the days of the warehouses",
		engine.ServiceFull:   "other orders of the wave fill the days of the services",
	}[lacks]
	if _, err := fmt.Fprintf(w, "%s  %s\n\n", strings.TrimSuffix(b.String(), "\n"), why); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

func (j *jointly) printJSON(w io.Writer, o *filedOrder, d *decided, lacks engine.Constraint) error {
	line := decisionLine{OrderID: o.order.GetId(), From: fmt.Sprintf("%s:%d", o.file, o.row)}
	if lacks != engine.None {
		line.Exhausted = lacks.String()
	}
	var err error
	if line.Decision, err = plainJSON(d.decision); err != nil {
		return err
	}
	return writeLine(w, line)
}

// writeLine writes a value as a line of JSON.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

// summary says in a line how good a wave is.
func (j *jointly) summary(wave *engine.Wave, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "jointly: cost %v %s", wave.Cost, j.snap.Currency)
	if wave.UnfilledCost > 0 {
		fmt.Fprintf(&b, ", %v of it for what is not filled", wave.UnfilledCost)
	}
	plans := float64(wave.Cost - wave.UnfilledCost)
	switch {
	case j.fl.all && !wave.Filled && wave.Status == engine.Infeasible:
		b.WriteString("; not every order can be filled, so none is")
	case j.fl.all && !wave.Filled:
		b.WriteString("; no plan was found that fills every order, so none is filled")
	case wave.Status == engine.Optimal:
		b.WriteString(", optimal")
	default:
		fmt.Fprintf(&b, ", lower bound %v, gap %v (%.2f %% of the plans)", wave.Bound, wave.Gap, 100*float64(wave.Gap)/max(1, plans))
	}
	fmt.Fprintf(&b, "; %s, %.1f s", count(wave.Iterations, "price step"), took.Seconds())
	if wave.Stopped {
		b.WriteString(", ended by the time budget")
	}
	if wave.InTurn {
		b.WriteString(" before orders were weighed against one another: decided in turn")
	}
	return b.String()
}
