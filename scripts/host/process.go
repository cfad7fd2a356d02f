package host

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stile-id/stile/scripts/worker"
)

const maxLoaded = 4 << 20 // bytes of source after which a worker has compiled enough and is replaced

// process is one worker. One call at a time uses it.
type process struct {
	cmd    *exec.Cmd
	in     *os.File // its stdin, our end
	out    *os.File // its stdout, our end
	reader *bufio.Reader
	dead   chan struct{} // closed when it is gone and reaped
	once   sync.Once
	killed atomic.Bool // by its clock
	clock  *clock

	loaded map[worker.Hash]bool
	size   int
	frame  []byte
	buffer []byte
}

// loadError is a program a worker refuses; the worker is well.
type loadError struct{ text string }

func (e *loadError) Error() string { return "load hook: " + e.text }

// kill ends the process for certain, at once. It may be called at any time, by anyone, more than once.
func (w *process) kill() {
	w.once.Do(func() {
		_ = w.cmd.Process.Kill() // an error means that it is gone already
		past := time.Unix(1, 0)
		_ = w.in.SetDeadline(past)
		_ = w.out.SetDeadline(past)
	})
}

func (w *process) alive() bool {
	select {
	case <-w.dead:
		return false
	default:
		return true
	}
}

// full tells that a worker has compiled so much that a fresh one is better.
func (w *process) full() bool { return w.size > maxLoaded }

// watch reaps the process when it ends and hands the first line of what it said on stderr to log. The rest, which a Go
// process that dies fills with stacks, is read and dropped.
func (w *process) watch(stderr *os.File, o Options) {
	said := make(chan string, 1)
	go func() {
		head, _ := io.ReadAll(io.LimitReader(stderr, 4096))
		_, _ = io.Copy(io.Discard, stderr)
		_ = stderr.Close()
		line, _, _ := strings.Cut(string(head), "\n")
		if line = strings.TrimSpace(line); line != "" {
			line = limited(line)
		}
		said <- line
	}()
	go func() {
		err := w.cmd.Wait()
		w.clock.end()
		_ = w.in.Close()
		_ = w.out.Close()
		line := <-said
		if err != nil && !w.killed.Load() && line != "" {
			o.Logger.Warn("hook worker ended", "error", err.Error(), "stderr", line)
		}
		close(w.dead)
	}()
}

// greet says hello and waits until the worker has confined itself.
func (w *process) greet(s worker.Setup) error {
	w.clock.start(startWait)
	defer w.clock.pause()
	w.frame = s.Append(worker.NewFrame(w.frame, worker.Hello))
	return w.ready()
}

// ready sends the frame prepared and expects the worker to say that all went well.
func (w *process) ready() error {
	if err := worker.WriteFrame(w.in, w.frame); err != nil {
		return err
	}
	kind, payload, err := worker.ReadFrame(w.reader, w.buffer, worker.MaxToParent)
	if err != nil {
		return err
	}
	if kind != worker.Ready {
		return fmt.Errorf("%w: kind %d instead of ready", worker.ErrFrame, kind)
	}
	if len(payload) > 0 {
		return &loadError{limited(string(payload))}
	}
	return nil
}

func (w *process) stop() {
	w.killed.Store(true)
	w.kill()
}

// call runs c to its end. After any error but a loadError the worker is unfit for further use.
func (w *process) call(src worker.Source, c worker.Call, deadline time.Duration, out *outside) (worker.Done, error) {
	done, err := w.talk(src, c, deadline, out)
	var refused *loadError
	switch {
	case err == nil || errors.As(err, &refused) || errors.Is(err, ErrBusy):
		return done, err
	case w.killed.Load():
		return done, ErrKilled
	case errors.Is(err, worker.ErrFrame):
		return done, failed(err)
	}
	return done, fmt.Errorf("%w: %w", ErrDied, err)
}

func (w *process) talk(src worker.Source, c worker.Call, deadline time.Duration, out *outside) (worker.Done, error) {
	if !w.loaded[src.Hash] {
		if err := w.load(src); err != nil {
			return worker.Done{}, err
		}
	}
	w.clock.start(deadline)
	defer w.clock.pause()
	w.frame = c.Append(worker.NewFrame(w.frame, worker.Run))
	for {
		if err := worker.WriteFrame(w.in, w.frame); err != nil {
			return worker.Done{}, err
		}
		if cap(w.frame) > 256<<10 {
			w.frame = nil
		}
		kind, payload, err := worker.ReadFrame(w.reader, nil, worker.MaxToParent)
		if err != nil {
			return worker.Done{}, err
		}
		switch kind {
		case worker.Ended:
			if !w.clock.pause() {
				return worker.Done{}, ErrKilled
			}
			return judged(worker.ParseDone(payload))
		case worker.Asks:
			if !w.clock.pause() {
				return worker.Done{}, ErrKilled
			}
			asks, err := worker.ParseAsks(payload)
			if err != nil {
				return worker.Done{}, err
			}
			answers, err := out.wait(asks)
			if err != nil {
				return worker.Done{}, err
			}
			w.frame = worker.AppendAnswers(worker.NewFrame(w.frame, worker.Answers), answers)
			w.clock.resume()
		default:
			return worker.Done{}, fmt.Errorf("%w: unexpected kind %d", worker.ErrFrame, kind)
		}
	}
}

// load has its own, longer time: compiling is paid once per worker, not by the hook that happens to come first.
func (w *process) load(src worker.Source) error {
	w.clock.start(startWait)
	defer w.clock.pause()
	w.frame = src.Append(worker.NewFrame(w.frame, worker.Load))
	if err := w.ready(); err != nil {
		return err
	}
	w.loaded[src.Hash] = true
	w.size += len(src.Code)
	return nil
}

// judged checks what a worker gave as a result; it is JSON only if it is.
func judged(d worker.Done, err error) (worker.Done, error) {
	if err != nil {
		return worker.Done{}, err
	}
	if d.Fault == nil && d.Value != nil && !json.Valid(d.Value) {
		return worker.Done{}, fmt.Errorf("%w: result is not JSON", worker.ErrFrame)
	}
	for i, l := range d.Console {
		d.Console[i] = limited(l)
	}
	return d, nil
}
