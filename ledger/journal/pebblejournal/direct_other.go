//go:build !linux

package pebblejournal

// direct does nothing where there is no way to write past the page cache.
func direct(uintptr) {}
