package durable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/ledger/journal"
	"github.com/allot-engine/allot/ledger/journal/pebblejournal"
)

// benchmarkDirectory is a folder on a disk. The default for temporary files may be in memory, where syncing is free;
// ALLOT_BENCH_DIR names another.
func benchmarkDirectory(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("ALLOT_BENCH_DIR"), "durable") //nolint:usetesting // b.TempDir cannot be told where
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func openPebble(b *testing.B, dir string) journal.Journal {
	b.Helper()
	j, err := pebblejournal.Open(dir, pebblejournal.Options{Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// The ledger of the benchmarks.
const (
	benchWarehouses = 50
	benchSKUs       = 10_000
	benchHolds      = 1_000_000
)

// stockUp gives a ledger its rows, and plenty of everything.
func stockUp(b *testing.B, l *ledger.Ledger) {
	b.Helper()
	var w, k []string
	for i := range benchWarehouses {
		w = append(w, fmt.Sprint("warehouse-", i))
	}
	for i := range benchSKUs {
		k = append(k, fmt.Sprint("sku-", i))
	}
	if err := l.Extend(midnight, w, k, []string{"ground", "express"}, []string{"version"}); err != nil {
		b.Fatal(err)
	}
	for w := range ledger.Warehouse(benchWarehouses) {
		levels := make([]ledger.StockLevel, benchSKUs)
		for k := range levels {
			levels[k] = ledger.StockLevel{Warehouse: w, SKU: ledger.SKU(k), OnHand: ledger.MaxQuantity}
		}
		if _, err := l.SetStock(midnight, ledger.Request{}, levels); err != nil {
			b.Fatal(err)
		}
	}
}

var answer350, question150 = make([]byte, 350), make([]byte, 150)

// order returns a typical order: two lines, one shipment, an answer of 350 bytes to a question of 150.
func order(rng *rand.Rand, number int) *ledger.Allocation {
	w := ledger.Warehouse(rng.IntN(benchWarehouses))
	id := fmt.Sprintf("0f9d3c1e-7a55-4b0c-9a43-%012d", number)
	return &ledger.Allocation{
		Request: ledger.Request{ID: id, Body: body(id)}, At: midnight, Order: fmt.Sprint("order-", number), TTL: 100_000,
		Stock: []ledger.StockClaim{
			{Warehouse: w, SKU: ledger.SKU(rng.IntN(benchSKUs)), Quantity: 1},
			{Warehouse: w, SKU: ledger.SKU(rng.IntN(benchSKUs)), Quantity: 2},
		},
		Shipments: []ledger.ShipmentClaim{{Warehouse: w, Date: today, Shipments: 1}},
		Basis:     ledger.Basis{Network: 1, Sequence: 1, At: midnight}, Question: question150, Answer: answer350,
	}
}

// fill makes a journal with so many open holds, from many goroutines at once, so that groups have a usual size.
func fill(b *testing.B, dir string, holds int) {
	b.Helper()
	o := options()
	o.Network = "bench"
	s, err := Open(openPebble(b, dir), o)
	if err != nil {
		b.Fatal(err)
	}
	stockUp(b, s.Ledger())
	var next atomic.Int64
	var wg sync.WaitGroup
	for g := range 256 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for n := next.Add(1); n <= int64(holds); n = next.Add(1) {
				if _, err := s.Ledger().Allocate(order(rng, int(n))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// reopen measures Open, the journal's included.
func reopen(b *testing.B, dir string) time.Duration {
	b.Helper()
	o := options()
	o.Network = "bench"
	begin := time.Now()
	s, err := Open(openPebble(b, dir), o)
	took := time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	if n := s.Ledger().Open(); n != benchHolds {
		b.Fatalf("%d open holds", n)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkRestart measures how long it takes until a ledger with a million open holds answers again: from its records
// alone, and from a snapshot.
func BenchmarkRestart(b *testing.B) {
	dir := benchmarkDirectory(b)
	fill(b, dir, benchHolds)
	events := float64(benchHolds + 1 + benchWarehouses)
	b.Run("records", func(b *testing.B) {
		var took time.Duration
		for b.Loop() {
			took += reopen(b, dir)
		}
		b.ReportMetric(took.Seconds()/float64(b.N), "s/restart")
		b.ReportMetric(events*float64(b.N)/took.Seconds(), "events/s")
		b.ReportMetric(0, "ns/op")
	})
	o := options()
	o.Network = "bench"
	s, err := Open(openPebble(b, dir), o)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	if err := s.Snapshot(); err != nil {
		b.Fatal(err)
	}
	b.Logf("the snapshot took %.1f s", time.Since(begin).Seconds())
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("snapshot", func(b *testing.B) {
		var took time.Duration
		for b.Loop() {
			took += reopen(b, dir)
		}
		b.ReportMetric(took.Seconds()/float64(b.N), "s/restart")
		b.ReportMetric(benchHolds*float64(b.N)/took.Seconds(), "holds/s")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkRecover measures how fast records are read back, verified, decoded and applied: orders that are held, confirmed
// and shipped, in groups of 64.
func BenchmarkRecover(b *testing.B) {
	const orders = 400_000
	dir := benchmarkDirectory(b)
	j := openPebble(b, dir)
	epoch, err := j.Begin()
	if err != nil {
		b.Fatal(err)
	}
	f := format{Format: formatNumber, Network: "bench", Retention: 7 * 24 * 3600, RefusalRetention: 3600}
	if err := f.write(j, epoch); err != nil {
		b.Fatal(err)
	}
	var group [][]byte
	var end journal.Position
	flush := func() {
		if end, err = j.Append(epoch, end.Sequence, group); err != nil {
			b.Fatal(err)
		}
		group = group[:0]
	}
	l := ledger.Of(ledger.NewState(ledger.Config{Sink: func(e *ledger.Event) {
		if group = append(group, ledger.AppendEvent(nil, e)); len(group) == 64 {
			flush()
		}
	}}), nil)
	stockUp(b, l)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range orders {
		h, err := l.Allocate(order(rng, i))
		if err != nil {
			b.Fatal(err)
		}
		_, err1 := l.Confirm(midnight, h.ID, ledger.Request{ID: fmt.Sprint("confirm-", i)})
		_, err2 := l.Ship(midnight, h.ID, ledger.Request{}, nil)
		if err := errors.Join(err1, err2); err != nil {
			b.Fatal(err)
		}
	}
	flush()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	j = openPebble(b, dir)
	defer j.Close()
	h, err := OpenReadOnly(j, Options{Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	events := 0
	for b.Loop() {
		s, err := h.StateAt(h.Last())
		if err != nil {
			b.Fatal(err)
		}
		events += int(s.Sequence())
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(events)/float64(b.N), "events")
}

// BenchmarkDurableAllocate measures what 64 goroutines get done that allocate as fast as they can: in memory and in a
// journal on a disk, each with one SKU that all want and with uniform ones.
func BenchmarkDurableAllocate(b *testing.B) {
	for _, where := range []string{"memory", "journal"} {
		rates := map[string]float64{}
		for _, what := range []string{"uniform", "hot"} {
			b.Run(where+"/"+what, func(b *testing.B) {
				var l *ledger.Ledger
				if where == "memory" {
					l = ledger.New(ledger.Config{})
				} else {
					o := options()
					o.Network = "bench"
					s, err := Open(openPebble(b, benchmarkDirectory(b)), o)
					if err != nil {
						b.Fatal(err)
					}
					defer s.Close()
					l = s.Ledger()
				}
				stockUp(b, l)
				var next atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for g := range 64 {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(1, uint64(g)))
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							a := order(rng, int(n))
							if what == "hot" {
								a.Stock = a.Stock[:1]
								a.Stock[0].SKU, a.Stock[0].Warehouse = 7, 7
								a.Shipments[0].Warehouse = 7
							} else {
								a.Stock = a.Stock[:1]
							}
							if _, err := l.Allocate(a); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				rates[what] = float64(b.N) / b.Elapsed().Seconds()
				b.ReportMetric(rates[what], "allocations/s")
				if what == "hot" && rates["uniform"] > 0 {
					b.ReportMetric(rates["hot"]/rates["uniform"], "hot/uniform")
				}
			})
		}
	}
}

// nowhere is a journal that keeps nothing.
type nowhere struct{ *journal.Memory }

func (nowhere) Append(_, expected uint64, records [][]byte) (journal.Position, error) {
	return journal.Position{Sequence: expected + uint64(len(records))}, nil
}

// BenchmarkAppend measures what the log adds to an allocation while all others wait.
func BenchmarkAppend(b *testing.B) {
	s := mustOpen(b, nowhere{journal.NewMemory()}, options())
	defer s.Close()
	stockUp(b, s.Ledger())
	a := order(rand.New(rand.NewPCG(1, 1)), 1)
	h := ledger.Hold{ID: 1, Request: a.Request, Order: a.Order, Status: ledger.Pending, Expires: midnight + 1, Granted: midnight, Answer: a.Answer, Shipments: a.Shipments}
	for _, c := range a.Stock {
		h.Stock = append(h.Stock, ledger.Claim{StockClaim: c})
	}
	e := ledger.Event{
		Sequence: s.Ledger().View().Sequence, At: midnight, Kind: ledger.Held, Request: a.Request, Hold: &h, HoldID: 1, Status: ledger.Pending, Question: a.Question,
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Sequence++
		s.appender.Append(&e)
	}
}
