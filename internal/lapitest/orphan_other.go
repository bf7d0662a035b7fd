//go:build !linux

package lapitest

import "syscall"

// dieWithParent has no means of its own elsewhere than on Linux.
func dieWithParent() *syscall.SysProcAttr { return nil }
