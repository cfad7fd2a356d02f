package command

import (
	"bufio"
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// rest gives back what starting took and serving does not need: free heap, and the pages of the program's own file that
// start-up touched. Those are read again from the page cache when they are needed. Only mappings that nothing was ever written to are dropped.
func rest() {
	debug.FreeOSMemory()
	self, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range clean(maps, self) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED) // at worst nothing is given back
	}
}

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// clean lists the read-only mappings of a file that hold no page of their own (smaps: Anonymous 0).
func clean(smaps []byte, file string) []mapping {
	var out []mapping
	var at mapping
	wanted := false
	lines := bufio.NewScanner(bytes.NewReader(smaps))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 5 && strings.Contains(f[0], "-") && !strings.HasSuffix(f[0], ":") {
			low, high, _ := strings.Cut(f[0], "-")
			from, err1 := strconv.ParseUint(low, 16, 64)
			to, err2 := strconv.ParseUint(high, 16, 64)
			at = mapping{uintptr(from), uintptr(to)}
			wanted = err1 == nil && err2 == nil && len(f) == 6 && f[5] == file && (f[1] == "r-xp" || f[1] == "r--p")
		}
		if wanted && len(f) >= 2 && f[0] == "Anonymous:" && f[1] == "0" {
			out = append(out, at)
		}
	}
	return out
}
