package pebblejournal

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// direct has what is written into a file go past the page cache, if the file system says that blocks of pageBytes may. What goes
// through it is copied once more, and needs memory of the kernel for as long as nobody else does. A hint: nothing but speed depends on it.
func direct(fd uintptr) {
	if fd == vfs.InvalidFd {
		return
	}
	var s unix.Statx_t
	err := unix.Statx(int(fd), "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &s)
	if err != nil || s.Mask&unix.STATX_DIOALIGN == 0 || s.Dio_offset_align == 0 || s.Dio_offset_align > pageBytes || s.Dio_mem_align > pageBytes {
		return
	}
	if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err == nil {
		_, _ = unix.FcntlInt(fd, unix.F_SETFL, flags|unix.O_DIRECT)
	}
}
