//go:build !linux

package bench

import "time"

var began = time.Now()

// ThreadCPU returns wall time: only Linux tells what one thread has used.
func ThreadCPU() time.Duration { return time.Since(began) }
