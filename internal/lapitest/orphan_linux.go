package lapitest

import "syscall"

// dieWithParent has the kernel end the server when the test process is gone,
// however it went: a panic or a timeout runs no cleanup.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
