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
	if c, chooses := e.Programs.(Chooser); chooses {
		p, ok = c.Choose(flow, r)
	}
	if !ok || p.Callable {
		return Handle{}, Reply{}, fmt.Errorf("%w: %s", ErrNoFlow, flow)
	}
	id, err := e.name()
	if err != nil {
		return Handle{}, Reply{}, err
	}
	now := e.Now()
	j := &journey.Journey{ID: id, Flow: p.Name, Version: p.Hash, Request: r, Started: now, Expires: now.Add(e.lifetime())}
	w := e.turn(p, j, now, nil)
	err = w.first(ctx)
	e.tell(ctx, w, 0, err)
	if err != nil {
		return Handle{}, Reply{}, err
	}
	return Handle{id, w.binding}, w.reply(), nil
}

// first walks a new journey's first turn and makes it the first revision.
func (w *turn) first(ctx context.Context) (err error) {
	if err := w.Start(ctx); err != nil {
		return err
	}
	if w.binding, err = w.e.secret(); err != nil {
		return err
	}
	w.Journey.Binding = journey.Binding{Current: hashed(w.binding)}
	w.Journey.Revision = 1
	return w.commit(ctx, 0, 0, digest(Input{Step: w.Journey.ID}))
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
