package reserve

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

const mib = 1 << 20

// kept returns the bytes of the heap that the system has given and not got back, and the collections so far.
func kept() (bytes int64, collections uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	for _, s := range samples[:3] {
		bytes += int64(s.Value.Uint64())
	}
	return bytes, samples[3].Value.Uint64()
}

// percent returns that of the collector.
func percent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

var sink []byte

// litter allocates and forgets so many bytes.
func litter(n int) {
	for range n / mib {
		sink = make([]byte, mib)
	}
	sink = nil
}

func TestMemory(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	debug.FreeOSMemory()
	_, first := kept()
	litter(192 * mib)
	if _, now := kept(); now == first {
		t.Fatal("192 MiB of litter on a small heap are not collected: the test says nothing")
	}

	stop := Memory(256 * mib)
	defer stop()
	bytes, first := kept()
	if bytes < 250*mib {
		t.Errorf("%d bytes are kept of 256 MiB", bytes)
	}
	litter(192 * mib)
	if _, now := kept(); now != first {
		t.Errorf("%d collections while the heap was below what is reserved", now-first)
	}

	// Where more than half of it lives, the collector is as usual again.
	live := make([]byte, 200*mib)
	for end := time.Now().Add(time.Minute); percent() != 100; time.Sleep(time.Millisecond) { // finalizers run some time after a collection
		if time.Now().After(end) {
			t.Fatalf("the percentage is %d with 200 of 256 MiB alive, want 100", percent())
		}
		runtime.GC()
	}
	runtime.KeepAlive(live)

	stop()
	stop()
	if got := percent(); got != 100 {
		t.Errorf("the percentage is %d after the end, want 100", got)
	}
}

// TestMemoryWithoutCollections: where the collector is off, it stays off.
func TestMemoryWithoutCollections(t *testing.T) {
	before := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(before)
	Memory(16 * mib)()
	if got := debug.SetGCPercent(-1); got != -1 {
		t.Errorf("the percentage is %d, want -1", got)
	}
}
