package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// confine limits this process's address space to what it holds now and allowance bytes more, for good, and forbids core
// files, which would hold what hooks saw. A Go process reserves more than a gigabyte when it starts and uses little of
// it, so a limit that is not counted from there would kill it at random.
func confine(allowance uint64) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	if allowance == 0 {
		return nil
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return fmt.Errorf("read own size: %w", err)
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	pages, err := strconv.ParseUint(string(first), 10, 40)
	if err != nil {
		return fmt.Errorf("read own size: %w", err)
	}
	limit := pages*uint64(os.Getpagesize()) + allowance
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("limit address space to %d bytes: %w", limit, err)
	}
	return nil
}
