//go:build !linux

package rounds

import "os"

// fdatasync makes the content of a file durable, and more.
func fdatasync(f *os.File) error { return f.Sync() }

// Forget does nothing.
func Forget(*os.File) error { return nil }

// InMemory cannot tell.
func InMemory(string) bool { return false }
