package run

import (
	"context"
	"fmt"

	"github.com/stile-id/stile/engine/journey"
)

// Begin starts a journey on the current version of a flow and walks to its first prompt or its end.
func (e *Engine) Begin(ctx context.Context, flow string, r journey.Request) (Handle, Reply, error) {
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
	if err := w.run(ctx, p.Start, nil); err != nil {
		return Handle{}, Reply{}, err
	}
	if w.binding, err = e.rotate(j, nil, now); err != nil {
		return Handle{}, Reply{}, err
	}
	j.Revision = 1
	if err := w.commit(ctx, 0, 0, digest(Input{Step: id})); err != nil {
		return Handle{}, Reply{}, err
	}
	return Handle{id, w.binding}, w.reply(), nil
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
