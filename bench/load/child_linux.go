package load

import "syscall"

// childAttributes lets a child end with this process, and keeps the signals of a terminal from it: who started it ends it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
