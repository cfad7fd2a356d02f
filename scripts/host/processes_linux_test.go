package host_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/host"
)

// TestWorkersAreReplacedWhenKilledAtRandom: under load, calls end well or as hook errors, none hangs and none is answered
// with another's value.
func TestWorkersAreReplacedWhenKilledAtRandom(t *testing.T) {
	p := pool(t, host.Options{Workers: 2})
	s := compiled(t, p, `export function good({ n }: { n: number }) { let x = 0; for (let i = 0; i < 500; i++) x += i; return n + 1 }`)
	stop := make(chan struct{})
	var killer, callers sync.WaitGroup
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
			}
			if all := children(); len(all) > 0 {
				_ = syscall.Kill(all[rand.IntN(len(all))], syscall.SIGKILL)
			}
		}
	})
	var well atomic.Int64
	for range 4 {
		callers.Go(func() {
			for n := range 150 {
				got, err := call(s, "good", object{"n": n})
				switch {
				case err == nil && string(got.Value) == strconv.Itoa(n+1):
					well.Add(1)
				case !errors.Is(err, check.ErrHook):
					t.Errorf("%s, %v", got.Value, err)
				}
			}
		})
	}
	callers.Wait()
	close(stop)
	killer.Wait()
	if well.Load() == 0 {
		t.Error("no call went well")
	}
	for range 20 {
		if _, err := call(s, "good", object{"n": 1}); err == nil {
			return
		}
	}
	t.Error("the pool did not recover")
}

// children lists the live worker processes this test's process started.
func children() []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var all []int
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		_, rest, ok := strings.Cut(string(b), ") ")
		part := strings.Fields(rest)
		if ok && len(part) > 1 && part[1] == strconv.Itoa(os.Getpid()) && part[0] != "Z" && strings.Contains(string(b), "(worker)") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			all = append(all, pid)
		}
	}
	return all
}

func TestIdlePoolHoldsNoProcessAndCloseLeavesNone(t *testing.T) {
	before := len(children())
	p := pool(t, host.Options{})
	s := compiled(t, p, `export function good() { return 1 }`)
	if n := len(children()); n != before {
		t.Errorf("%d processes before the first call", n-before)
	}
	if _, err := call(s, "good", nil); err != nil {
		t.Fatal(err)
	}
	if n := len(children()); n != before+1 {
		t.Errorf("%d processes after one call", n-before)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(children()); n != before {
		t.Errorf("%d processes after Close", n-before)
	}
	if _, err := call(s, "good", nil); !errors.Is(err, host.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestWorkerSeesNoEnvironment(t *testing.T) {
	t.Setenv("STILE_SECRET", "do-not-pass-on")
	p := pool(t, host.Options{})
	if _, err := call(compiled(t, p, `export function good() { return 1 }`), "good", nil); err != nil {
		t.Fatal(err)
	}
	for _, pid := range children() {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err != nil || len(b) != 0 {
			t.Errorf("%q, %v", b, err)
		}
	}
}

// TestWorkersDieWithTheirParent: also when it is killed, and also while a hook spins and does not look at its stdin.
func TestWorkersDieWithTheirParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	workers := strings.Fields(line)
	if len(workers) != 2 {
		t.Errorf("%d workers", len(workers))
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for _, w := range workers {
		for began := time.Now(); running(w); time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("worker %s outlives its parent", w)
			}
		}
	}
}

func running(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(b), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}

// parent is the process TestWorkersDieWithTheirParent kills: one worker idles, one spins.
func parent() {
	p, err := host.New(host.Options{Command: worker(), Workers: 2, Deadline: time.Hour})
	if err != nil {
		panic(err)
	}
	s, _ := p.Compile(check.HookSource{File: "a.js", Code: []byte(`export function spin() { for (;;); } export async function ask() { await call("x"); }`)})
	go func() { _, _ = call(s, "spin", nil) }()
	go func() { _, _ = call(s, "spin", nil) }()
	for {
		var names []string
		for _, pid := range children() {
			names = append(names, strconv.Itoa(pid))
		}
		if len(names) == 2 {
			fmt.Println(strings.Join(names, " "))
			time.Sleep(time.Hour)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
