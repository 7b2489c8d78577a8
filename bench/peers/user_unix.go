//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// unprivileged returns what makes a command run as somebody who is not root, for PostgreSQL refuses root: nothing where this
// process is not root, else as "postgres" or "nobody", whose directories become below. Root's own must let them through.
func unprivileged(parent string, dirs ...string) (func(*exec.Cmd), error) {
	if os.Getuid() != 0 {
		return func(*exec.Cmd) {}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		for _, dir := range dirs {
			if err := os.Chown(dir, int(uid), int(gid)); err != nil {
				return nil, err
			}
		}
		if err := os.Chmod(parent, 0o711); err != nil { // made for this run, and only to pass through
			return nil, err
		}
		return func(cmd *exec.Cmd) {
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}, nil
	}
	return nil, fmt.Errorf("%s cannot be given to anybody: this is root, whom PostgreSQL refuses, and there is neither postgres nor nobody", filepath.Base(parent))
}
