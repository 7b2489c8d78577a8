package bench

import (
	"fmt"
	"testing"
	"time"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/enginetest"
)

// The comparison of Allocate with an empty echo.
const (
	pairs  = 15                     // windows of each kind, one after the other
	window = 300 * time.Millisecond // long enough for thousands of calls
)

// BenchmarkAllocateVersusEcho measures what deciding and holding cost beside the call that carries them: unary
// Allocate against a gRPC service that answers bytes of the same sizes and does nothing, over loopback TCP, callers and
// servers sharing the machine. Windows of the two alternate, so that what else the machine does hits both; the median
// of the ratios of neighbouring windows is reported, beside the calls a second of each and the processor time that
// client and server together spend on one.
//
// Every Allocate is an order of its own with 2 lines, decided among 50 half-stocked warehouses and 12 services, claimed
// in the ledger and kept there. Callers send encoded requests and do not decode the answers, of either server.
func BenchmarkAllocateVersusEcho(b *testing.B) {
	world := enginetest.New(ServiceWorld)
	defer world.Close()
	orders := SampleOrders(world, 4_096)
	_, allocate := newAllocator(b, world, orders)
	request, response, err := allocate.Sizes(b.Context(), len(orders))
	if err != nil {
		b.Fatal(err)
	}
	echo, err := NewEcho(request, response)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = echo.Close() })
	b.Logf("average request %d bytes, response %d bytes", request, response)
	run := func(c *Caller) Window {
		w, err := c.Run(b.Context(), window)
		if err != nil {
			b.Fatal(err)
		}
		return w
	}

	run(allocate) // warm both
	run(&echo.Caller)
	for b.Loop() {
		var ratios, echoes, allocations, echoCPU, allocateCPU []float64
		for range pairs {
			e := run(&echo.Caller)
			a := run(allocate)
			ratios = append(ratios, a.Rate/e.Rate)
			echoes, allocations = append(echoes, e.Rate), append(allocations, a.Rate)
			echoCPU, allocateCPU = append(echoCPU, e.CPU), append(allocateCPU, a.CPU)
		}
		b.ReportMetric(Median(ratios), "of-echo")
		b.ReportMetric(Median(echoes), "echo-calls/s")
		b.ReportMetric(Median(allocations), "allocate-calls/s")
		b.ReportMetric(Median(echoCPU), "echo-cpu-µs/call")
		b.ReportMetric(Median(allocateCPU), "allocate-cpu-µs/call")
		b.ReportMetric(0, "ns/op") // a run is a number of windows of fixed length
	}
}

func newAllocator(b *testing.B, world *enginetest.World, orders []*allotv1.Order) (*Allocator, *Caller) {
	a, err := NewAllocator(world, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	c, err := a.Caller(orders)
	if err != nil {
		b.Fatal(err)
	}
	return a, c
}

// BenchmarkAllocateInProcess is the same Allocate without a transport.
func BenchmarkAllocateInProcess(b *testing.B) {
	world := enginetest.New(ServiceWorld)
	defer world.Close()
	orders := SampleOrders(world, 4_096)
	a, c := newAllocator(b, world, orders)
	if _, _, err := c.Sizes(b.Context(), len(orders)); err != nil {
		b.Fatal(err)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		request := &allotv1.AllocateRequest{RequestId: fmt.Sprintf("inside-%08d", i), Order: orders[i%len(orders)]}
		if _, err := a.Server.Allocate(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
