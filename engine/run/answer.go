package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/transient"
)

// AnyRevision is the Input.Revision of an answer that comes back from elsewhere and cannot know it (a provider's callback).
const AnyRevision = -1

// Show returns the current prompt, or how the journey ended; it changes nothing a person could notice.
func (e *Engine) Show(ctx context.Context, h Handle) (Reply, error) {
	for try := 0; ; try++ {
		r, err := e.show(ctx, h)
		if try < tries && errors.Is(err, transient.ErrChanged) {
			continue
		}
		return r, err
	}
}

func (e *Engine) show(ctx context.Context, h Handle) (Reply, error) {
	now := e.Now()
	j, version, err := e.load(ctx, h.ID, now)
	if err != nil {
		return Reply{}, err
	}
	who := holds(j, h.Binding, now)
	switch {
	case who == stranger, outlived(j, who):
		return Reply{}, ErrGone
	case who == previous && j.Ending != nil:
		return Reply{}, ErrFinished
	case who == current && len(j.Binding.Previous) > 0:
		// The new binding has been seen: the old one is worth nothing from now on.
		seen(j)
		raw, err := journey.Encode(j)
		if err != nil {
			return Reply{}, err
		}
		if version, err = e.Transient.Put(ctx, key(j.ID), raw, version, now, j.Expires); err != nil {
			return Reply{}, fmt.Errorf("store journey: %w", err)
		}
	}
	return e.shown(ctx, j, version, now)
}

// Answer takes one answer to the prompt of revision in.Revision and walks on. An answer to an earlier prompt changes nothing
// and returns the current one.
func (e *Engine) Answer(ctx context.Context, h Handle, in Input) (Reply, error) {
	counted := map[string]journey.Attempted{} // one answer is one try, however often it has to be looked at again
	for try := 0; ; try++ {
		r, err := e.answer(ctx, h, in, counted)
		// A unique rule stood in the way, or another answer was first: look again with fresh eyes. The second look reads what the first could not.
		again := errors.Is(err, identity.ErrConflict) || errors.Is(err, transient.ErrChanged)
		switch {
		case again && try < tries:
			continue
		case !errors.Is(err, identity.ErrConflict):
			return r, err
		}
		// What the answer wants can never be written: a code used up before the journey forgot it, a key that is somebody else's.
		e.Log.LogAttrs(ctx, slog.LevelWarn, "an answer conflicts with what is written", slog.String("cause", err.Error()))
		if r, err = e.Show(ctx, h); err == nil {
			r.Stale = true
		}
		return r, err
	}
}

func (e *Engine) answer(ctx context.Context, h Handle, in Input, counted map[string]journey.Attempted) (Reply, error) {
	now := e.Now()
	j, version, err := e.load(ctx, h.ID, now)
	if err != nil {
		return Reply{}, err
	}
	who, sum := holds(j, h.Binding, now), digest(in)
	if who == stranger {
		return Reply{}, ErrGone
	}
	if repeats(j, in, sum, h.Binding) {
		return e.again(ctx, j, version, h, now)
	}
	if outlived(j, who) {
		return Reply{}, ErrGone
	}
	if who == previous || j.Ending != nil || in.Revision != AnyRevision && in.Revision < j.Revision && in.Revision > 0 {
		if who == previous && j.Ending != nil {
			return Reply{}, ErrFinished
		}
		r, err := e.shown(ctx, j, version, now)
		r.Stale = true
		return r, err
	}
	if in.Revision != AnyRevision && in.Revision != j.Revision {
		return Reply{}, &BadInput{"revision", "the answer is for no prompt that was shown"}
	}
	revision := j.Revision
	w, err := e.take(ctx, j, in, now, counted)
	if err != nil {
		if w != nil {
			e.tell(ctx, w, revision, err)
		}
		e.refused(ctx, j, err)
		return Reply{}, err
	}
	if err := w.settle(ctx, version, sum, h); err != nil {
		var decided *journey.DecidedError
		if errors.As(err, &decided) {
			return e.recover(ctx, h, in, sum, decided, now)
		}
		e.tell(ctx, w, revision, err)
		return Reply{}, err
	}
	e.tell(ctx, w, revision, nil)
	r := w.reply()
	r.Stale = w.restarted
	return r, nil
}

// take checks the answer against the prompt and walks on from it, on the journey's own copy. With an error, the turn is what was abandoned.
func (e *Engine) take(ctx context.Context, j *journey.Journey, in Input, now time.Time, counted map[string]journey.Attempted) (*turn, error) {
	p, err := e.Programs.Version(ctx, j.Flow, j.Version)
	if err != nil {
		return nil, fmt.Errorf("program: %w", err)
	}
	if p == nil {
		return e.afresh(ctx, j, now)
	}
	w := e.turn(p, j, now, counted)
	var prompt action.Prompt
	if err := json.Unmarshal(j.Prompt, &prompt); err != nil {
		return nil, fmt.Errorf("stored prompt: %w", err)
	}
	if prompt.Leave != nil && in.Action == "callback" {
		in.Step = prompt.Step
	}
	if in.Revision == AnyRevision && (prompt.Leave == nil || in.Action != "callback") {
		return nil, &BadInput{"revision", "nothing is awaited from elsewhere"}
	}
	if e.Trail != nil {
		w.answered = trail.Answered(in.Step, &prompt, in.Action, in.Fields)
	}
	switch in.Action {
	case "restart":
		w.restart()
		return w, w.Start(ctx)
	case "back":
		if !prompt.Offers("back", in.Fields["value"]) {
			step, ok := j.Rewind()
			if !ok {
				return nil, &BadInput{"action", "there is nothing to go back to"}
			}
			w.back = &trail.Back{To: step, Kept: len(j.State.Trail)}
			return w, w.Run(ctx, step, nil)
		}
	}
	if j.Request.Native && prompt.NeedsBrowser() {
		return nil, &BadInput{"step", "only a browser can answer this"}
	}
	answer, err := accept(&prompt, in)
	if err != nil {
		return nil, err
	}
	return w, w.Run(ctx, j.At, answer)
}

// restart forgets everything but the original request and what hooks demanded. Whoever the browser's session names no longer counts.
func (w *turn) restart() {
	w.Journey.State = journey.State{Require: w.Journey.State.Require}
	w.Journey.Marks, w.Journey.Boxes, w.Journey.Prompt, w.Journey.Ending = nil, nil, nil, nil
	w.Journey.Switched, w.again = true, true
}

// afresh starts a journey over whose version can no longer be walked: nothing proved is kept, the request is intact.
func (e *Engine) afresh(ctx context.Context, j *journey.Journey, now time.Time) (*turn, error) {
	p, ok := e.Programs.Current(j.Flow)
	if !ok {
		return nil, ErrGone
	}
	j.Version = p.Hash
	w := e.turn(p, j, now, nil)
	w.restarted = true
	w.Journey.State = journey.State{}
	w.Journey.Marks, w.Journey.Boxes, w.Journey.Prompt = nil, nil, nil
	return w, w.Start(ctx)
}

// repeats reports whether an answer is the one that led to the present revision, from the browser that gave it.
func repeats(j *journey.Journey, in Input, sum []byte, binding string) bool {
	return j.Last != nil && (in.Revision == j.Revision-1 || in.Revision == AnyRevision) &&
		bytes.Equal(j.Last.Digest, sum) && bytes.Equal(j.Last.Binding, hashed(binding))
}

// again answers a repeat with the present. A browser that never saw the new binding gets it once more: it proved itself by the old
// value and by repeating what only it could have sent.
func (e *Engine) again(ctx context.Context, j *journey.Journey, version int64, h Handle, now time.Time) (Reply, error) {
	binding := ""
	if !bytes.Equal(hashed(h.Binding), j.Binding.Current) {
		binding = derived(j.Binding.Seed, j.ID, h.Binding)
		if len(j.Binding.Seed) == 0 || !bytes.Equal(hashed(binding), j.Binding.Current) {
			return Reply{}, ErrGone
		}
	}
	r, err := e.shown(ctx, j, version, now)
	r.Binding = binding
	return r, err
}

// shown is the present of a stored journey. One whose version can no longer be walked starts over.
func (e *Engine) shown(ctx context.Context, j *journey.Journey, version int64, now time.Time) (Reply, error) {
	if j.Ending == nil {
		p, err := e.Programs.Version(ctx, j.Flow, j.Version)
		if err != nil {
			return Reply{}, fmt.Errorf("program: %w", err)
		}
		if p == nil {
			w, err := e.afresh(ctx, j, now)
			if err != nil {
				return Reply{}, err
			}
			revision := j.Revision
			j.Revision++
			j.Last = nil
			err = w.commit(ctx, version, revision, digest(Input{Revision: revision, Step: "afresh"}))
			e.tell(ctx, w, revision, err)
			if err != nil {
				return Reply{}, err
			}
			return w.reply(), nil
		}
	}
	w := e.turn(nil, j, now, nil)
	if len(j.Prompt) > 0 {
		w.Prompt = &action.Prompt{}
		if err := json.Unmarshal(j.Prompt, w.Prompt); err != nil {
			return Reply{}, fmt.Errorf("stored prompt: %w", err)
		}
	}
	return w.reply(), nil
}

func (e *Engine) load(ctx context.Context, id string, now time.Time) (*journey.Journey, int64, error) {
	if len(id) != 22 {
		return nil, 0, ErrGone
	}
	item, err := e.Transient.Get(ctx, key(id), now)
	if errors.Is(err, transient.ErrAbsent) {
		return nil, 0, ErrGone
	}
	if err != nil {
		return nil, 0, fmt.Errorf("load journey: %w", err)
	}
	j, err := journey.Decode(item.Value, now)
	if err != nil {
		return nil, 0, ErrGone
	}
	return j, item.Version, nil
}
