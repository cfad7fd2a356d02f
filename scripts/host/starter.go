package host

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"github.com/stile-id/stile/scripts/worker"
)

// starter starts workers from one thread that lives as long as the pool: on Linux a child is told of the death of the
// thread that started it, not of the process, and must not be killed because some other thread came to its end.
type starter struct {
	orders chan order
	end    chan struct{}
	once   sync.Once
}

type order struct {
	cmd    *exec.Cmd
	result chan error
}

func newStarter() *starter {
	s := &starter{orders: make(chan order), end: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			select {
			case o := <-s.orders:
				o.result <- o.cmd.Start()
			case <-s.end:
				return
			}
		}
	}()
	return s
}

func (s *starter) stop() { s.once.Do(func() { close(s.end) }) }

// start starts a worker with an empty environment and nothing open but three pipes.
func (s *starter) start(o Options) (*process, error) {
	files := make([]*os.File, 0, 6)
	closeAll := func(list []*os.File) {
		for _, f := range list {
			_ = f.Close()
		}
	}
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("make pipe: %w", err)
		}
		files = append(files, r, w)
	}
	cmd := exec.Command(o.Command[0], o.Command[1:]...)
	cmd.Env = []string{}
	cmd.Dir = os.TempDir()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[3], files[5]
	cmd.SysProcAttr = dieWithParent()
	done := make(chan error, 1)
	var err error
	select {
	case s.orders <- order{cmd, done}:
		err = <-done
	case <-s.end:
		err = errors.New("pool is closed")
	}
	closeAll([]*os.File{files[0], files[3], files[5]})
	if err != nil {
		closeAll([]*os.File{files[1], files[2], files[4]})
		return nil, err
	}
	w := &process{cmd: cmd, in: files[1], out: files[2], reader: bufio.NewReaderSize(files[2], 16<<10),
		dead: make(chan struct{}), loaded: map[worker.Hash]bool{}}
	w.clock = newClock(w.stop)
	w.watch(files[4], o)
	return w, nil
}
