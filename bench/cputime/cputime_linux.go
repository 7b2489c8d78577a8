package cputime

import (
	"syscall"
	"time"
	"unsafe"
)

// threadCPUTime is CLOCK_THREAD_CPUTIME_ID of clock_gettime(2).
const threadCPUTime = 3

// Thread returns the processor time that the calling thread has used, or 0 where the system does not tell.
// getrusage would be portable over Unix, but what it says of a running thread is up to a tick of the scheduler old.
func Thread() time.Duration {
	var t syscall.Timespec
	if _, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&t)), 0); failed != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}
