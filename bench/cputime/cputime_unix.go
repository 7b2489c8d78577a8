//go:build unix

// Package cputime tells what processor time the benchmarks use.
package cputime

import (
	"syscall"
	"time"
)

// Process returns the processor time that this process has used, or 0 where the system does not tell.
func Process() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
