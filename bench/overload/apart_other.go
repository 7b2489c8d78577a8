//go:build !linux

package main

import "runtime"

// apart leaves it to the system which processors the two use.
func apart(int) (rest int, err error) { return max(1, runtime.NumCPU()-1), nil }
