//go:build !unix

package main

import "os/exec"

// unprivileged changes nothing: who runs this runs PostgreSQL.
func unprivileged(string, ...string) (func(*exec.Cmd), error) { return func(*exec.Cmd) {}, nil }
