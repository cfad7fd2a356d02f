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
	w := e.turn(p, j, now, nil)
	if err := w.Start(ctx); err != nil {
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

// reply is where the walk has led.
func (w *turn) reply() Reply {
	r := Reply{Prompt: w.Prompt, ID: w.Journey.ID, Revision: w.Journey.Revision, Binding: w.binding, Cookie: w.Cookie, Request: w.Journey.Request,
		Flow: w.Journey.Flow, Expires: w.Journey.Expires, Trail: w.Journey.State.Trail}
	if w.Journey.Ending != nil {
		r.Verdict, r.Denied = w.Journey.Ending.Verdict, w.Journey.Ending.Denied
	}
	return r
}
