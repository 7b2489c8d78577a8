package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// fdatasync makes the content of a file durable.
func fdatasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// forget lets the system drop what it keeps of a file in memory, as far as it likes to.
func forget(f *os.File) error { return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
