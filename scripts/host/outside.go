package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/worker"
)

type connectFunc = func(ctx context.Context, connector string, request json.RawMessage) (json.RawMessage, error)

// place is a call's place in the pool: among the running, among those waiting for connectors, or nowhere.
type place struct {
	pool             *Pool
	running, waiting bool
}

// wait gives the place among the running to others; false when there is no room among the waiting.
func (l *place) wait() bool {
	select {
	case l.pool.waiting <- struct{}{}:
	default:
		return false
	}
	l.waiting = true
	<-l.pool.running
	l.running = false
	return true
}

// resume takes a place among the running again.
func (l *place) resume(ctx context.Context) error {
	select {
	case l.pool.running <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: no worker was free to go on in time", ErrBusy)
	}
	l.running = true
	<-l.pool.waiting
	l.waiting = false
	return nil
}

func (l *place) leave() {
	if l.running {
		<-l.pool.running
	}
	if l.waiting {
		<-l.pool.waiting
	}
	l.running, l.waiting = false, false
}

// outside makes the connector calls of one run. Their number and the time spent on them are counted here: what the
// worker claims about either is not asked.
type outside struct {
	ctx      context.Context
	cancel   context.CancelFunc
	connect  connectFunc
	place    *place
	patience time.Duration // left
	asked    int
	out      map[int]bool
	answers  chan worker.Answer
}

func newOutside(ctx context.Context, connect connectFunc, l *place, patience time.Duration) *outside {
	return &outside{ctx: ctx, connect: connect, place: l, patience: patience}
}

// close tells calls that are still out that nobody waits for them any more.
func (o *outside) close() {
	if o.cancel != nil {
		o.cancel()
	}
}

// wait starts the calls asked for and returns once at least one of those out is answered. The time from one wait to the
// next is the hook's own. An error means that the hook cannot go on.
func (o *outside) wait(asks []worker.Ask) ([]worker.Answer, error) {
	if o.out == nil {
		o.ctx, o.cancel = context.WithCancel(o.ctx)
		o.out = map[int]bool{}
		o.answers = make(chan worker.Answer, worker.MaxAsks)
	}
	for _, a := range asks {
		if a.ID != o.asked || o.asked >= worker.MaxAsks || !json.Valid(a.Request) {
			return nil, fmt.Errorf("%w: bad connector call", worker.ErrFrame)
		}
		o.asked++
		o.out[a.ID] = true
	}
	if len(o.out) == 0 {
		return nil, fmt.Errorf("%w: waits for nothing", worker.ErrFrame)
	}
	if !o.place.wait() {
		return o.giveUp("too many hooks wait for connectors"), nil
	}
	began := time.Now()
	for _, a := range asks {
		go o.ask(a, o.patience)
	}
	timer := time.NewTimer(o.patience)
	defer timer.Stop()
	var got []worker.Answer
	select {
	case a := <-o.answers:
		got = append(got, a)
	case <-timer.C:
	case <-o.ctx.Done():
	}
	for more := true; more; {
		select {
		case a := <-o.answers:
			got = append(got, a)
		default:
			more = false
		}
	}
	got = slices.DeleteFunc(got, func(a worker.Answer) bool { return !o.out[a.ID] })
	for _, a := range got {
		delete(o.out, a.ID)
	}
	if len(got) == 0 { // patience is one for the whole hook, so all that are out are given up
		got = o.giveUp("the connector took too long")
	}
	resume, cancel := context.WithTimeout(context.Background(), queueWait)
	defer cancel()
	err := o.place.resume(resume)
	o.patience = max(0, o.patience-time.Since(began))
	return got, err
}

// giveUp ends all calls that are out with the same refusal, for the script to see.
func (o *outside) giveUp(why string) []worker.Answer {
	o.cancel()
	var list []worker.Answer
	for id := range o.out {
		list = append(list, worker.Answer{ID: id, Error: why})
	}
	clear(o.out)
	return list
}

// ask makes one call. A late answer, or one to a hook that is gone, lands in the channel's room and is dropped.
func (o *outside) ask(a worker.Ask, patience time.Duration) {
	ctx, cancel := context.WithTimeout(o.ctx, patience)
	defer cancel()
	answer := worker.Answer{ID: a.ID}
	defer func() {
		if x := recover(); x != nil {
			o.place.pool.o.Logger.Error("connector call panicked", "connector", a.Connector, "panic", fmt.Sprint(x))
			answer = worker.Answer{ID: a.ID, Error: "the connector failed"}
		}
		o.answers <- answer
	}()
	if o.connect == nil {
		answer.Error = "this hook may not call connectors"
		return
	}
	value, err := o.connect(ctx, a.Connector, a.Request)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		answer.Error = "the connector took too long"
	case err != nil:
		answer.Error = limited(err.Error())
	case len(value) > worker.MaxValue:
		answer.Error = "the connector's answer is too large"
	case len(value) == 0:
		answer.Value = []byte("null")
	case !json.Valid(value):
		answer.Error = "the connector's answer is not JSON"
	default:
		answer.Value = value
	}
}

// limited bounds an error's text, and never gives an empty one: an empty text would be an answer.
func limited(s string) string {
	const most = 500
	if s = strings.ToValidUTF8(s, " "); len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	if s == "" {
		return "the connector failed"
	}
	return s
}

// failed turns a run's ending into the error of the call, if it is one.
func failed(err error) error {
	if err == nil || errors.Is(err, check.ErrHook) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", check.ErrHook, err)
}
