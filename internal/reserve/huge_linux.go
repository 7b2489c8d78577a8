package reserve

import "golang.org/x/sys/unix"

// inLargePages asks the system to give memory in large pages, which is a wish: where it has none, or is set up to give none, it gives
// small ones.
func inLargePages(memory []byte) { _ = unix.Madvise(memory, unix.MADV_HUGEPAGE) }
