package command

import (
	"os"
	"testing"
)

// TestRestDropsOnlyWhatWasNeverWritten: of the program's own file, read-only and without a page of its own.
func TestRestDropsOnlyWhatWasNeverWritten(t *testing.T) {
	const smaps = `00400000-01b00000 r-xp 00000000 fe:00 42   /usr/bin/stile
Rss:               16756 kB
Anonymous:             0 kB
01b00000-03400000 r--p 01700000 fe:00 42   /usr/bin/stile
Anonymous:            12 kB
03400000-03500000 rw-p 03000000 fe:00 42   /usr/bin/stile
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 43   /usr/lib/libc.so.6
Anonymous:             0 kB
7f0000200000-7f0000300000 rw-p 00000000 00:00 0
Anonymous:             0 kB
`
	got := clean([]byte(smaps), "/usr/bin/stile")
	if len(got) != 1 || got[0] != (mapping{0x400000, 0x1b00000}) {
		t.Errorf("%x", got)
	}
}

// TestRestHarmsNothing: the program goes on, with its own pages among those given back.
func TestRestHarmsNothing(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if len(clean(maps, self)) == 0 {
		t.Fatal("nothing to give back")
	}
	for range 3 {
		rest()
	}
	if _, err := os.ReadFile("/proc/self/smaps"); err != nil {
		t.Fatal(err)
	}
}
