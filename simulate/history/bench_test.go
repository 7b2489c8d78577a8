package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/units"
)

// season is a story as merchants have them: 1 to 4 lines, postal codes, a promised day, a value.
func season(rng *rand.Rand, n int) *story {
	s := &story{}
	at := start
	for i := range n {
		at += units.Instant(rng.IntN(6))
		o := told{at: at, value: units.Money(rng.IntN(20_000)) * units.Cent, Order: engine.Order{ID: "order-" + strconv.Itoa(10_000_000+i)}}
		for range 1 + rng.IntN(4) {
			o.Lines = append(o.Lines, engine.Line{SKU: fmt.Sprintf("sku-%05d", rng.IntN(20_000)), Quantity: 1 + rng.Int64N(3)})
		}
		o.To = engine.Destination{Postal: fmt.Sprintf("%05d", rng.IntN(40_000)), Commercial: rng.IntN(5) == 0}
		o.Promise.Date = units.Date(at/86_400) + units.Date(2+rng.IntN(6))
		s.orders = append(s.orders, o)
	}
	return s
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRead reads a history of 200,000 orders from memory: processor time of all cores an order, and the bytes an
// order keeps.
func BenchmarkRead(b *testing.B) {
	const orders = 200_000
	rng := rand.New(rand.NewPCG(1, 1))
	s := season(rng, orders)
	files := []File{Bytes("orders.jsonl", s.jsonl(rng)), Bytes("orders.csv", s.csv(rng))}
	var table bytes.Buffer
	if err := read(b, ReadOptions{}, files[0]).WriteParquet(&table); err != nil {
		b.Fatal(err)
	}
	files = append(files, Bytes("orders.parquet", table.Bytes()))
	for _, f := range files {
		format, _ := FormatOf(f.Name)
		b.Run("format="+format, func(b *testing.B) {
			in, _ := f.Open()
			b.SetBytes(in.(memory).Size())
			var h *History
			began := cpu()
			for b.Loop() {
				h = read(b, ReadOptions{}, f)
			}
			b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(b.N)/orders, "cpu-ns/order")
			b.ReportMetric(float64(in.(memory).Size())/orders, "file-B/order")
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&after)
			*h = History{}
			runtime.GC()
			runtime.ReadMemStats(&before)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/orders, "kept-B/order")
		})
	}
}
