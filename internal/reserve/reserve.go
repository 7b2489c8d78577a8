// Package reserve takes memory from the system before it is needed.
package reserve

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Memory takes n bytes, over 0, from the system for the heap, and has the runtime keep them until stop is called. A page that is
// used for the first time costs microseconds, many of them on a virtual machine whose host has to find it; a ledger that grows by a
// thousand bytes an order pays a quarter of that with each. It takes about a second for a GiB. Where the system has large pages for who
// asks, the memory is in those: what a decision and a hold touch lies all over it, and each small page has to be found first.
//
// The runtime keeps as much as the heap may grow to before it collects, so there are no collections until the heap has n bytes, either;
// where half of them or more live, the collector is as it was. A limit of memory (GOMEMLIMIT) holds all the same. One reserve at a
// time: the percentage of the collector is the process's.
func Memory(n int64) (stop func()) {
	base := debug.SetGCPercent(-1)
	k := &keeper{bytes: n, base: base, percent: -1}
	if base < 0 { // there are no collections, and nothing is given back
		touch(n)
		return func() {}
	}
	touch(n)
	runtime.GC() // what was touched is free now
	k.tune()
	k.arm()
	return k.stop
}

// touch uses every page of n bytes.
func touch(n int64) {
	memory := make([]byte, n)
	inLargePages(memory)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	runtime.KeepAlive(memory)
}

// A keeper tunes the collector after each collection.
type keeper struct {
	bytes         int64
	base, percent int
	stopped       atomic.Bool
}

// mostPercent is well over what is needed for a terabyte on a heap of the smallest size.
const mostPercent = 100_000_000

// tune has the next collection begin when the heap has the reserved bytes, or at the usual time if that is later.
func (k *keeper) tune() {
	percent := k.base
	if live := liveBytes(); live > 0 && live < k.bytes {
		percent = max(percent, int(min((k.bytes-live)/max(live/100, 1), mostPercent)))
	}
	if off := percent - k.percent; off > k.percent/20 || -off > k.percent/20 { // to set it stops the world
		debug.SetGCPercent(percent)
		k.percent = percent
	}
}

func liveBytes() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// arm has tune called after the next collection.
func (k *keeper) arm() {
	type sentinel struct{ _ *keeper } // with a pointer, so that it does not share its memory with others
	runtime.SetFinalizer(&sentinel{k}, func(*sentinel) {
		if !k.stopped.Load() {
			k.tune()
			k.arm()
		}
	})
}

func (k *keeper) stop() {
	if !k.stopped.Swap(true) {
		debug.SetGCPercent(k.base)
	}
}
