package load

import (
	"syscall"
	"time"
)

// sleepPrecisely sleeps as the system's own timers do, some 60 µs late. time.Sleep is up to a millisecond late on an idle
// process, which would be counted as latency.
func sleepPrecisely(d time.Duration) {
	const coarse = 2 * time.Millisecond
	began := time.Now()
	if d > coarse+time.Millisecond {
		time.Sleep(d - coarse)
		if d -= time.Since(began); d <= 0 {
			return
		}
	}
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // a signal ends it early, and whoever sleeps looks at the clock
}
