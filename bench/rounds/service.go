package rounds

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/ledger/durable"
)

// SampleOrders is how many different orders callers send, over and over.
const SampleOrders = 4_096

// What Service measures, in the order of its answer.
const (
	Echo       = iota // an empty gRPC echo
	Durable           // Allocate with its journal on disk, orders of 2 lines
	Memory            // the same in memory
	HotTwo            // Durable, the first line of every order for one SKU
	UniformOne        // Durable, orders of 1 line
	HotOne            // the same, all for one SKU
	own               // others come after them
)

// A Series is what was measured of one of them, by round.
type Series struct {
	Name    string
	Rate    []float64 // calls a second that were answered
	CPU     []float64 // microseconds of processor time an answer, of this process
	Aborted []float64 // percent of calls that ended in ABORTED, to be tried again; they are no answers
}

// A Runner does something from bench.Callers callers for a time.
type Runner interface {
	Run(ctx context.Context, d time.Duration) (bench.Window, error)
}

// An Also is something that is measured in the same rounds.
type Also struct {
	Name string
	Runner
}

// A Sample is the orders that callers send, by what they measure, and the network that they are for.
type Sample struct {
	World                           *enginetest.World
	Two, HotTwo, UniformOne, HotOne []*allotv1.Order
}

// runOrder is the order in which a round runs them: what is compared stands side by side.
var runOrder = [own]int{Echo, Memory, Durable, HotTwo, UniformOne, HotOne}

// thereAndBack is how a round runs n of them, of which the first own are Service's: each twice, in an order and then in the
// reverse of it, so that whatever changes steadily meanwhile (the disk, the size of a ledger, others on the machine) is the same to
// all. Every round begins elsewhere.
func thereAndBack(n, round int) []int {
	order := make([]int, 0, 2*n)
	for i := range n {
		at := (i + round) % n
		if at < own {
			at = runOrder[at]
		}
		order = append(order, at)
	}
	for _, at := range slices.Backward(order[:n]) {
		order = append(order, at)
	}
	return order
}

// Service compares durable Allocate with an empty echo of equal sizes, with the same in memory, and orders for one SKU
// with orders for all. Each runs for two halves of a slice in every round. also, which may be nil, is given the orders and returns what else takes part. Files are in dir. The
// answer has what the constants name, and then what also returned. tell says how far it is. Errors are those of a server,
// of the disk, of also and of ctx.
func Service(ctx context.Context, dir string, rounds int, slice time.Duration, also func(*Sample) ([]Also, error), tell func(format string, args ...any)) (_ []Series, err error) {
	world := enginetest.New(bench.ServiceWorld)
	defer world.Close()
	j, err := OpenJournal(filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	store, err := durable.Open(j, durable.Options{Network: "bench", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	kept, err := bench.NewAllocator(world, store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	memory, err := bench.NewAllocator(world, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()

	sample := newSample(world)
	names, runners := slices.Repeat([]string{""}, own), slices.Repeat([]Runner{nil}, own)
	var first *bench.Caller
	for i, c := range []struct {
		name   string
		from   *bench.Allocator
		orders []*allotv1.Order
	}{
		Echo: {name: "empty echo"}, Durable: {"durable Allocate, 2 lines", kept, sample.Two}, Memory: {"Allocate in memory, 2 lines", memory, sample.Two},
		HotTwo:     {"durable, 2 lines, one of them hot", kept, sample.HotTwo},
		UniformOne: {"durable, 1 line", kept, sample.UniformOne}, HotOne: {"durable, 1 line, hot", kept, sample.HotOne},
	} {
		names[i] = c.name
		if c.from == nil {
			continue
		}
		caller, err := c.from.Caller(c.orders)
		if err != nil {
			return nil, err
		}
		if runners[i] = caller; i == Memory {
			first = caller
		}
	}
	request, response, err := first.Sizes(ctx, SampleOrders)
	if err != nil {
		return nil, err
	}
	echo, err := bench.NewEcho(request, response)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, echo.Close()) }()
	runners[Echo] = &echo.Caller
	tell("requests have %d bytes, answers %d", request, response)

	if also != nil {
		others, err := also(sample)
		if err != nil {
			return nil, err
		}
		for _, o := range others {
			names, runners = append(names, o.Name), append(runners, o.Runner)
		}
	}

	all := make([]Series, len(runners))
	for round := range rounds + 1 {
		sums := make([]bench.Window, len(runners))
		for _, at := range thereAndBack(len(runners), round) {
			w, err := runners[at].Run(ctx, slice/2)
			if err != nil {
				return nil, err
			}
			sum := &sums[at]
			sum.Rate, sum.CPU, sum.Aborted = sum.Rate+w.Rate/2, sum.CPU+w.CPU/2, sum.Aborted+w.Aborted/2
		}
		if round == 0 {
			continue // it warms
		}
		for at, w := range sums {
			s := &all[at]
			s.Name = names[at]
			s.Rate, s.CPU, s.Aborted = append(s.Rate, w.Rate), append(s.CPU, w.CPU), append(s.Aborted, 100*w.Aborted)
		}
	}
	return all, nil
}

// AnyAborted tells whether any call ended in ABORTED.
func (s *Series) AnyAborted() bool { return slices.Max(s.Aborted) > 0 }

func newSample(world *enginetest.World) *Sample {
	two := bench.SampleOrders(world, SampleOrders)
	one := changed(two, func(o *allotv1.Order) { o.Lines = o.Lines[:1] })
	hot := hotSKU(world)
	wanted := func(o *allotv1.Order) { o.Lines[0].Sku = hot }
	return &Sample{World: world, Two: two, HotTwo: changed(two, wanted), UniformOne: one, HotOne: changed(one, wanted)}
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
