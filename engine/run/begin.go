package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
)

// Begin starts a journey on the current version of a flow and walks to its first prompt or its end.
func (e *Engine) Begin(ctx context.Context, flow string, r journey.Request) (Handle, Reply, error) {
	for try := 0; ; try++ {
		h, reply, err := e.begin(ctx, flow, r)
		if try < tries && errors.Is(err, identity.ErrConflict) { // what was read has changed meanwhile
			continue
		}
		return h, reply, err
	}
}

func (e *Engine) begin(ctx context.Context, flow string, r journey.Request) (Handle, Reply, error) {
	p, ok := e.Programs.Current(flow)
	if !ok || p.Callable {
		return Handle{}, Reply{}, fmt.Errorf("%w: %s", ErrNoFlow, flow)
	}
	id, err := e.secret()
	if err != nil {
		return Handle{}, Reply{}, err
	}
	now := e.Now()
	j := &journey.Journey{ID: id, Flow: p.Name, Version: p.Hash, Request: r, Started: now, Expires: now.Add(e.lifetime())}
	w := &walk{e: e, p: p, j: j, now: now}
	if err := w.start(ctx); err != nil {
		return Handle{}, Reply{}, err
	}
	if w.binding, err = e.secret(); err != nil {
		return Handle{}, Reply{}, err
	}
	j.Binding = journey.Binding{Current: hashed(w.binding)}
	j.Revision = 1
	if err := w.commit(ctx, 0, 0, digest(Input{Step: id})); err != nil {
		return Handle{}, Reply{}, err
	}
	return Handle{id, w.binding}, w.reply(), nil
}

// start walks from the beginning of the flow, whose inputs take their defaults.
func (w *walk) start(ctx context.Context) error {
	for _, in := range w.p.Inputs {
		if in.Default == nil {
			continue
		}
		raw, err := in.Default.MarshalJSON()
		if err != nil {
			return fmt.Errorf("default of %s: %w", in.Name, err)
		}
		w.j.State.Vars = append(w.j.State.Vars, journey.Value{Name: "<" + in.Name, Value: raw})
	}
	return w.run(ctx, w.p.Start, nil)
}

// reply is where the walk has led.
func (w *walk) reply() Reply {
	r := Reply{Prompt: w.prompt, ID: w.j.ID, Revision: w.j.Revision, Binding: w.binding, Cookie: w.cookie, Request: w.j.Request,
		Flow: w.j.Flow, Expires: w.j.Expires}
	if w.j.Ending != nil {
		r.Verdict, r.Denied = w.j.Ending.Verdict, w.j.Ending.Denied
	}
	return r
}
