package rounds

import (
	"os"

	"golang.org/x/sys/unix"
)

// fdatasync makes the content of a file durable.
func fdatasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// Forget lets the system drop what it keeps of a file in memory, as far as it likes to.
func Forget(f *os.File) error { return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }

// InMemory reports whether a directory is on a file system that forgets.
func InMemory(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && (s.Type == unix.TMPFS_MAGIC || s.Type == unix.RAMFS_MAGIC)
}
