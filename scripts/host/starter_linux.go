package host

import "syscall"

// dieWithParent has the kernel kill the worker when this process dies, however suddenly.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
