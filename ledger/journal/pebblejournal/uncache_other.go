//go:build !linux

package pebblejournal

// uncache does nothing where there is no call for it.
func uncache(uintptr) {}
