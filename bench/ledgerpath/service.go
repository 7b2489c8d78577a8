package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/ledger/durable"
)

// sampleOrders is how many different orders callers send, over and over.
const sampleOrders = 4_096

// measureService compares durable Allocate with an empty echo, with the same in memory, and orders for one SKU with
// orders for all.
func measureService(ctx context.Context, m *measurement) (err error) {
	m.tellf("Allocate beside an empty echo")
	world := enginetest.New(bench.ServiceWorld)
	defer world.Close()
	j, err := openJournal(filepath.Join(m.dir, "data"))
	if err != nil {
		return err
	}
	store, err := durable.Open(j, durable.Options{Network: "bench", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	kept, err := bench.NewAllocator(world, store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	memory, err := bench.NewAllocator(world, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()

	two := bench.SampleOrders(world, sampleOrders)
	one := changed(two, func(o *allotv1.Order) { o.Lines = o.Lines[:1] })
	hot := hotSKU(world)
	wanted := func(o *allotv1.Order) { o.Lines[0].Sku = hot }
	const echoed, durably, inMemory, wantedTwo, uniformOne, wantedOne = 0, 1, 2, 3, 4, 5
	callers := make([]*bench.Caller, 6)
	for i, c := range []struct {
		from   *bench.Allocator
		orders []*allotv1.Order
	}{durably: {kept, two}, inMemory: {memory, two}, wantedTwo: {kept, changed(two, wanted)}, uniformOne: {kept, one}, wantedOne: {kept, changed(one, wanted)}} {
		if c.from == nil {
			continue
		}
		if callers[i], err = c.from.Caller(c.orders); err != nil {
			return err
		}
	}
	request, response, err := callers[inMemory].Sizes(ctx, sampleOrders)
	if err != nil {
		return err
	}
	echo, err := bench.NewEcho(request, response)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, echo.Close()) }()
	callers[echoed] = &echo.Caller
	m.tellf("requests have %d bytes, answers %d", request, response)

	rates, cpu, aborted := make([][]float64, len(callers)), make([][]float64, len(callers)), make([][]float64, len(callers))
	for round := range m.rounds + 1 {
		for i := range callers {
			at := (i + round) % len(callers)
			w, err := callers[at].Run(ctx, m.slice)
			if err != nil {
				return err
			}
			if round > 0 { // the first warms
				rates[at], cpu[at] = append(rates[at], w.Rate), append(cpu[at], w.CPU)
				aborted[at] = append(aborted[at], 100*w.Aborted)
			}
		}
	}
	for i, name := range []string{
		echoed: "empty echo", durably: "durable Allocate, 2 lines", inMemory: "Allocate in memory, 2 lines",
		wantedTwo: "durable, 2 lines, one of them hot", uniformOne: "durable, 1 line", wantedOne: "durable, 1 line, hot",
	} {
		m.report(name, "calls/s", rates[i])
		m.report("", "cpu µs/call", cpu[i])
		if slices.Max(aborted[i]) > 0 {
			m.report("", "% ABORTED", aborted[i])
		}
	}
	m.atLeast("durable Allocate / echo, 64 callers", 0.6, bench.Ratios(rates[durably], rates[echoed]))
	m.atLeast("Allocate in memory / echo, 64 callers", 0.85, bench.Ratios(rates[inMemory], rates[echoed]))
	m.atLeast("one hot SKU / uniform, durable, 2 lines", 0.8, bench.Ratios(rates[wantedTwo], rates[durably]))
	m.atLeast("one hot SKU / uniform, durable, 1 line", 0.8, bench.Ratios(rates[wantedOne], rates[uniformOne]))
	return nil
}

// changed returns copies of orders with a change.
func changed(orders []*allotv1.Order, change func(*allotv1.Order)) []*allotv1.Order {
	out := make([]*allotv1.Order, len(orders))
	for i, o := range orders {
		out[i] = proto.CloneOf(o)
		change(out[i])
	}
	return out
}

// hotSKU returns a SKU that is stocked in half of the warehouses, as the average one is.
func hotSKU(world *enginetest.World) string {
	best, off := 0, len(world.Snapshot.Warehouses)
	for sku := range world.Snapshot.SKUs.IDs {
		stocked := 0
		for w := range world.Snapshot.Warehouses {
			if world.Stock.Available[sku*world.Stock.Stride+w] > 0 {
				stocked++
			}
		}
		if d := max(stocked-len(world.Snapshot.Warehouses)/2, len(world.Snapshot.Warehouses)/2-stocked); d < off {
			best, off = sku, d
		}
	}
	return world.Snapshot.SKUs.IDs[best]
}
