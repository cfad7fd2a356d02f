//go:build !linux

package host_test

// parent belongs to a test that reads /proc.
func parent() {}

func children() []int { return nil }
