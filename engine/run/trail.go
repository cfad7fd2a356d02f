package run

import (
	"context"
	"errors"
	"maps"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/transient"
)

// tell hands a turn over to whoever keeps trails: what came about, or with an error what was abandoned. revision is the one answered.
func (e *Engine) tell(ctx context.Context, w *turn, revision int, err error) {
	if e.Trail == nil || errors.Is(err, identity.ErrConflict) || errors.Is(err, transient.ErrChanged) {
		return // looked at again, or decided elsewhere
	}
	t := e.told(ctx, w.Journey, revision)
	t.At, t.Took = w.Now, e.Now().Sub(w.Now)
	t.Answer, t.Entries, t.Back, t.Restarted = w.answered, w.Entries, w.back, w.restarted || w.again
	if revision == 0 {
		t.Request = trail.Asking(w.Journey.Request)
	}
	switch {
	case err != nil:
		t.Cause = err.Error()
	case w.Journey.Ending != nil:
		t.Ending = ending(w.Journey)
	case w.Prompt != nil:
		t.Asked = asked(w.Prompt)
	}
	e.Trail(t)
}

// refused tells of an answer that was no answer to the prompt.
func (e *Engine) refused(ctx context.Context, j *journey.Journey, err error) {
	var bad *BadInput
	if e.Trail == nil || !errors.As(err, &bad) {
		return
	}
	t := e.told(ctx, j, j.Revision)
	t.At, t.Cause = e.Now(), err.Error()
	e.Trail(t)
}

func (e *Engine) told(ctx context.Context, j *journey.Journey, revision int) trail.Turn {
	t := trail.Turn{Journey: j.ID, Revision: revision, Flow: j.Flow, Version: j.Version, Client: j.Request.Client}
	if e.Reference != nil {
		t.Reference = e.Reference(ctx)
	}
	return t
}

func asked(p *action.Prompt) *trail.Asked {
	a := &trail.Asked{Step: p.Step, Kind: p.Kind}
	for _, x := range p.Problem {
		id := x.ID
		if x.Field != "" {
			id = x.Field + ": " + id
		}
		a.Problems = append(a.Problems, id)
	}
	return a
}

func ending(j *journey.Journey) *trail.Ending {
	z := &trail.Ending{Subject: j.State.Subject, Require: j.State.Require}
	if d := j.Ending.Denied; d != nil {
		z.Code, z.Reason, z.Reference = d.Code, d.Reason, d.Reference
		return z
	}
	v := j.Ending.Verdict
	z.ACR, z.AMR, z.AuthTime, z.Claims = v.ACR, v.AMR, v.AuthTime, maps.Clone(v.Claims)
	return z
}
