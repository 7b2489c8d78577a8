//go:build !linux

package reserve

func inLargePages([]byte) {}
