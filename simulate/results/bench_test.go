package results

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpu is the processor time that the process has used, which other work on the machine does not lengthen.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmarkBlock is the number of orders in a block of a replay.
const benchmarkBlock = 4_096

// BenchmarkPrepare and BenchmarkWrite are what a replay pays for an order, on all goroutines and on the one that writes.
func BenchmarkPrepare(b *testing.B) { benchmark(b, true) }

func BenchmarkWrite(b *testing.B) { benchmark(b, false) }

func benchmark(b *testing.B, prepare bool) {
	m := random(5, benchmarkBlock, benchmarkBlock)
	for _, csv := range []bool{false, true} {
		b.Run(fmt.Sprintf("csv=%v", csv), func(b *testing.B) {
			r, err := Create(b.TempDir(), m.in, Options{Terms: m.terms, CSV: csv})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			n, used := 0, time.Duration(0)
			for b.Loop() {
				begin := cpu()
				x, err := r.Prepare(m.blocks[0])
				if err != nil {
					b.Fatal(err)
				}
				middle := cpu()
				if err := r.Write(x); err != nil {
					b.Fatal(err)
				}
				if n += benchmarkBlock; prepare {
					used += middle - begin
				} else {
					used += cpu() - middle
				}
			}
			b.ReportMetric(float64(used.Nanoseconds())/float64(n), "cpu-ns/order")
			if err := r.Abandon(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkOrders reads orders back.
func BenchmarkOrders(b *testing.B) {
	m := random(5, 10*benchmarkBlock, benchmarkBlock)
	dir := b.TempDir()
	m.record(b, dir, Options{}, 1)
	run, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n, begin := 0, cpu()
	for b.Loop() {
		for _, err := range run.Orders() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64((cpu()-begin).Nanoseconds())/float64(n), "cpu-ns/order")
}
