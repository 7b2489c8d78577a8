package main

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench/load"
	"github.com/allot-engine/allot/bench/workload"
)

// A closedLoop measures as callers do that send their next request when they have the answer to the last, and count from when they sent
// it: what load.Run must not do. Each of so many callers sends a quote every so often, where it can.
func closedLoop(t *testing.T, address string, w *workload.Workload, callers int, every time.Duration, over <-chan struct{}) *hdrhistogram.Histogram {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // all its calls are over
	var e workload.Event
	if !w.Events(workload.Constant(1)).Next(&e) {
		t.Fatal("the workload has no order")
	}
	order := &allotv1.Order{
		Lines: []*allotv1.Line{{Sku: e.Order.Lines[0].SKU, Quantity: int32(e.Order.Lines[0].Quantity)}},
		To:    &allotv1.Destination{Country: e.Order.To.Country, PostalCode: e.Order.To.Postal},
	}
	h := hdrhistogram.New(1, int64(time.Minute), 3)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			client := allotv1.NewAllocationServiceClient(conn)
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-over:
					return
				case <-tick.C:
				}
				sent := time.Now()
				_, err := client.Quote(t.Context(), &allotv1.QuoteRequest{Order: order}, grpc.WaitForReady(true))
				took := time.Since(sent)
				mu.Lock()
				if err != nil {
					t.Errorf("a quote of the control: %v", err)
				}
				_ = h.RecordValue(min(int64(took), int64(time.Minute))) // it has room for that
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return h
}

// TestStalledServerShows stops a server process for 2 s of 20, and wants the stall in the percentiles that callers are told: the operations
// of a tenth of the time waited, one second on average, so that the 99th percentile is about 1.8 s. Control: a closed loop beside it, on
// the same server at the same time, whose p99 shows nothing. It needs a machine that is not so busy that it stalls by itself.
func TestStalledServerShows(t *testing.T) {
	if os.Getenv("ALLOT_LONG") == "" {
		t.Skip("set ALLOT_LONG=1 to load a server for a minute")
	}
	program, err := exec.LookPath("allot")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := workload.Read("shop.yaml", []byte(`
name: corner shop
network: {warehouses: 3, skus: 40, stocked: 100%}
holds:
  confirm: {share: 60%, after: 20ms}
arrivals: {kind: constant, rate: 200/s}
`))
	if err != nil {
		t.Fatal(err)
	}
	w, err := workload.New(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/network"
	if err := w.WriteNetwork(dir); err != nil {
		t.Fatal(err)
	}
	for _, mode := range load.Modes() {
		t.Run(mode, func(t *testing.T) {
			own, err := load.StartServer(t.Context(), load.ServerOptions{Program: program, Network: dir, ClockFrom: w.Start()})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := own.Close(); err != nil {
					t.Error(err)
				}
			}()
			stopped, over := make(chan struct{}), make(chan struct{})
			o := load.Options{Own: own, Mode: mode, WarmUp: time.Second, Duration: 20 * time.Second, Timeout: time.Minute}
			o.Progress = func(s load.Second) {
				if s.At != 8 {
					return
				}
				go func() {
					defer close(stopped)
					if err := syscall.Kill(own.PID, syscall.SIGSTOP); err != nil {
						t.Error(err)
					}
					time.Sleep(2 * time.Second)
					if err := syscall.Kill(own.PID, syscall.SIGCONT); err != nil {
						t.Error(err)
					}
				}()
			}
			control := make(chan *hdrhistogram.Histogram, 1)
			go func() { control <- closedLoop(t, own.Address, w, 4, 20*time.Millisecond, over) }()
			r, err := load.Run(t.Context(), w, o)
			close(over)
			hidden := <-control
			if err != nil {
				t.Fatal(err)
			}
			<-stopped
			all := r.Operation("all")
			p50, p99, most := time.Duration(all.Latency.P50), time.Duration(all.Latency.P99), time.Duration(all.Latency.Max)
			closed := time.Duration(hidden.ValueAtPercentile(99))
			t.Logf("%d of %d answered, p50 %v, p99 %v, at most %v; a closed loop: %d calls, p99 %v, at most %v; generator: %+v",
				all.Answered, all.Intended, p50, p99, most, hidden.TotalCount(), closed, time.Duration(hidden.Max()), r.Generator)
			if p99 < 1500*time.Millisecond || p50 > time.Second {
				t.Errorf("a stall of 2 s in 20 is not what is measured: p50 %v, p99 %v", p50, p99)
			}
			if closed > p99/2 {
				t.Errorf("the control shows it as well, at %v: then this test shows nothing", closed)
			}
		})
	}
}
