//go:build !linux

package host

import "syscall"

// dieWithParent adds nothing here: the worker ends when its stdin does, which the death of this process causes. One
// that is stuck in a script at that moment lives on.
func dieWithParent() *syscall.SysProcAttr { return nil }
