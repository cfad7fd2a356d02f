// Package host runs hooks for the engine: it compiles them, keeps a small pool of worker processes, and judges what
// those say. A worker is assumed to be in the hands of whoever wrote the worst hook.
//
// Three bounds hold at all times. At most Workers hooks run; at most Waiting more wait for their connectors, each holding
// a worker of its own but no place among the running, so that slow connectors never stop hooks that need none; at most
// Queue calls wait for a place. Whoever finds one of them exhausted is refused as busy. A waiting hook keeps its
// process, rather than sharing it with others, so that killing a hook harms no other call.
package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/worker"
)

// Errors a call may end with; each is check.ErrHook as well.
var (
	ErrBusy   = fmt.Errorf("%w: all hook workers are busy", check.ErrHook)
	ErrKilled = fmt.Errorf("%w: took too long and was stopped", check.ErrHook)
	ErrDied   = fmt.Errorf("%w: the hook's worker died", check.ErrHook)
	ErrClosed = fmt.Errorf("%w: hooks are shut down", check.ErrHook)
)

// Pool implements check.Hooks. It is safe for use by many goroutines.
type Pool struct {
	o       Options
	running chan struct{} // one element per hook running
	waiting chan struct{} // one element per hook waiting for connectors
	queued  atomic.Int64
	starter *starter // nil when inline

	mu     sync.Mutex
	idle   []*process
	births sync.WaitGroup
	all    map[*process]struct{}
	closed bool
	deaths int       // in a row, without a call that went well between them
	notYet time.Time // no worker is started before
}

// New makes a pool; it starts no process before the first call. The error is a mistake in o.
func New(o Options) (*Pool, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("hook pool: %w", err)
	}
	p := &Pool{o: o, running: make(chan struct{}, o.Workers), waiting: make(chan struct{}, o.Waiting), all: map[*process]struct{}{}}
	switch o.Isolation {
	case IsolationProcess:
		p.starter = newStarter()
	case IsolationInline:
		prepareInline(o)
		o.Logger.Warn("hooks run inside this process: a hook can stop the server or exhaust its memory; for development only",
			"setting", "scripts.isolation", "value", o.Isolation)
	default:
		return nil, fmt.Errorf("hook pool: isolation %q is neither %q nor %q", o.Isolation, IsolationProcess, IsolationInline)
	}
	return p, nil
}

// Close kills all workers and waits until they are gone. Calls under way end with an error; later ones with ErrClosed.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.idle = nil
	var all []*process
	for w := range p.all {
		all = append(all, w)
	}
	p.mu.Unlock()
	for _, w := range all {
		w.kill()
	}
	for _, w := range all {
		<-w.dead
	}
	p.births.Wait()
	if p.starter != nil {
		p.starter.stop()
	}
	return nil
}

// enter takes a place among the running, waiting for one within bounds.
func (p *Pool) enter(ctx context.Context) error {
	select {
	case p.running <- struct{}{}:
		return nil
	default:
	}
	if p.queued.Add(1) > int64(p.o.Queue) {
		p.queued.Add(-1)
		return ErrBusy
	}
	defer p.queued.Add(-1)
	t := time.NewTimer(queueWait)
	defer t.Stop()
	select {
	case p.running <- struct{}{}:
		return nil
	case <-t.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take gives an idle worker, or starts one.
func (p *Pool) take(ctx context.Context) (*process, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		for len(p.idle) > 0 {
			w := p.idle[len(p.idle)-1]
			p.idle = p.idle[:len(p.idle)-1]
			if w.alive() {
				p.mu.Unlock()
				return w, nil
			}
		}
		pause := time.Until(p.notYet)
		if pause <= 0 {
			p.births.Add(1)
		}
		p.mu.Unlock()
		if pause <= 0 {
			return p.start()
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

func (p *Pool) start() (*process, error) {
	defer p.births.Done()
	w, err := p.starter.start(p.o)
	if err != nil {
		p.died()
		p.o.Logger.Error("hook worker does not start", "error", err)
		return nil, fmt.Errorf("%w: start hook worker: %w", check.ErrHook, err)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		w.kill()
		<-w.dead
		return nil, ErrClosed
	}
	p.all[w] = struct{}{}
	p.mu.Unlock()
	go func() {
		<-w.dead
		p.mu.Lock()
		delete(p.all, w)
		p.mu.Unlock()
	}()
	if err := w.greet(worker.Setup{Memory: p.o.Memory, Slow: p.o.slow()}); err != nil {
		w.kill()
		p.died()
		p.o.Logger.Error("hook worker does not start", "error", err)
		return nil, fmt.Errorf("%w: start hook worker: %w", check.ErrHook, err)
	}
	return w, nil
}

// give takes a worker back after a call. One that may be in the middle of something is killed, as is one too many.
func (p *Pool) give(w *process, err error) {
	if err != nil {
		w.kill()
		if errors.Is(err, ErrBusy) { // ours, not the worker's
			return
		}
		p.died()
		p.o.Logger.Warn("hook worker was ended", "reason", err.Error())
		return
	}
	p.mu.Lock()
	p.deaths = 0
	spare := p.closed || len(p.idle) >= p.o.Workers || w.full()
	if !spare {
		p.idle = append(p.idle, w)
	}
	p.mu.Unlock()
	if spare {
		w.kill()
	}
}

// died makes the next start wait when workers die one after the other: a few at once are replaced at once, after that
// the pause doubles from 50 ms to 2 s, so that a loop of crashes costs little.
func (p *Pool) died() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaths++; p.deaths > 2*p.o.Workers+2 {
		pause := 50 * time.Millisecond << min(p.deaths-2*p.o.Workers-3, 5)
		p.notYet = time.Now().Add(min(pause, 2*time.Second))
	}
}

// run runs one call on a worker, from the queue to the end.
func (p *Pool) run(ctx context.Context, src worker.Source, c worker.Call, connect connectFunc) (worker.Done, error) {
	if err := p.enter(ctx); err != nil {
		return worker.Done{}, err
	}
	place := &place{pool: p, running: true}
	defer place.leave()
	out := newOutside(ctx, connect, place, p.o.Patience)
	defer out.close()
	if p.starter == nil {
		return p.inline(src, c, out)
	}
	w, err := p.take(ctx)
	if err != nil {
		return worker.Done{}, err
	}
	done, err := w.call(src, c, p.o.Deadline, out)
	var refused *loadError
	if errors.As(err, &refused) {
		p.give(w, nil)
		return worker.Done{}, fmt.Errorf("%w: %s", check.ErrHook, refused.text)
	}
	p.give(w, err)
	return done, err
}
