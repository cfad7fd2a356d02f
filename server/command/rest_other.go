//go:build !linux

package command

import "runtime/debug"

// rest gives back what starting took and serving does not need.
func rest() { debug.FreeOSMemory() }
