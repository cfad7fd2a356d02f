package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/transient"
)

// settle makes the walk's outcome the journey's next revision.
func (w *turn) settle(ctx context.Context, version int64, sum []byte, h Handle) error {
	revision := w.Journey.Revision
	w.Journey.Revision++
	w.Journey.Last = &journey.Decided{Digest: sum, Binding: hashed(h.Binding)}
	seen(w.Journey)
	if w.Set || w.Journey.Ending != nil || w.Journey.Request.Native {
		var err error
		if w.binding, err = w.e.rotate(w.Journey, h.Binding, w.Now); err != nil {
			return err
		}
	}
	return w.commit(ctx, version, revision, sum)
}

// commit writes the turn: to the ledger first if anything is to last, whose unique insert then decides the race, and to the
// transient store. was is the version read there, 0 for a new journey.
func (w *turn) commit(ctx context.Context, was int64, revision int, sum []byte) error {
	lasting := len(w.Writes) > 0 || len(w.Then) > 0 || len(w.Outbox) > 0 || len(w.Audit) > 0
	if lasting {
		w.Journey.Kept = revision
	}
	raw, err := journey.Encode(w.Journey)
	if errors.Is(err, journey.ErrTooLarge) { // what its steps collected will not get smaller: it ends here
		if err := w.Break("the journey holds more than it may"); err != nil {
			return err
		}
		w.Journey.State = journey.State{Subject: w.Journey.State.Subject}
		raw, err = journey.Encode(w.Journey)
	}
	if err != nil {
		return err
	}
	if lasting {
		out, err := w.outbox()
		if err != nil {
			return err
		}
		err = w.e.Ledger.Commit(ctx, journey.Turn{Journey: w.Journey.ID, Revision: revision, Digest: sum, Result: raw, Expires: w.Journey.Expires,
			Writes: w.Writes, Outbox: out, Audit: w.Audit})
		if err != nil {
			return fmt.Errorf("commit turn: %w", err)
		}
	}
	if was == 0 && w.Journey.Ending != nil {
		return nil // began and ended in one turn: nobody will ask for it again
	}
	_, err = w.e.Transient.Put(ctx, key(w.Journey.ID), raw, was, w.Now, w.Journey.Expires)
	if errors.Is(err, transient.ErrChanged) && lasting {
		if _, _, err = w.e.prevail(ctx, w.Journey.ID, raw, revision, w.Now); errors.Is(err, ErrGone) {
			return nil // lost meanwhile; a repeat is answered from the ledger's row
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("store journey: %w", err)
	}
	return nil
}

// outbox words the turn's effects as rows to be sent after the commit.
func (w *turn) outbox() ([]journey.Message, error) {
	out := append(make([]journey.Message, 0, len(w.Outbox)+len(w.Then)), w.Outbox...)
	for _, t := range w.Then {
		if t.Mail == nil {
			continue
		}
		m := *t.Mail
		if m.Client == "" {
			m.Client, m.Theme = w.Journey.Request.Client, w.Journey.Request.Theme
		}
		if len(m.Locale) == 0 {
			m.Locale = w.Journey.Request.Locale
		}
		if m.Expires.IsZero() {
			m.Expires = w.Now.Add(24 * time.Hour)
		}
		body, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		id, err := uuid.NewV7FromReader(w.e.Random)
		if err != nil {
			return nil, fmt.Errorf("message id: %w", err)
		}
		out = append(out, journey.Message{ID: id.String(), Kind: "mail", Body: body, Created: w.Now, Expires: m.Expires})
	}
	return out, nil
}

// prevail makes what the ledger decided of a revision the journey's present, unless the present rests on it already. Turns that write
// nothing are decided by the transient store alone, and one of them, a press of Back while a password was being checked, may
// have been first there: what grew from it never happened. A read that only moved the store's version is no turn at all.
func (e *Engine) prevail(ctx context.Context, id string, raw []byte, revision int, now time.Time) (*journey.Journey, int64, error) {
	for try := 0; ; try++ {
		j, version, err := e.load(ctx, id, now)
		if err != nil || j.Kept >= revision {
			return j, version, err
		}
		if j, err = journey.Decode(raw, now); err != nil {
			return nil, 0, err
		}
		version, err = e.Transient.Put(ctx, key(id), raw, version, now, j.Expires)
		switch {
		case err == nil:
			return j, version, nil
		case !errors.Is(err, transient.ErrChanged) || try == 5:
			return nil, 0, fmt.Errorf("store journey: %w", err)
		}
	}
}

// recover answers when the ledger says that this revision was decided before: by another answer, or by this one before a
// crash kept the transient store from hearing of it.
func (e *Engine) recover(ctx context.Context, h Handle, in Input, sum []byte, decided *journey.DecidedError, now time.Time) (Reply, error) {
	next, err := journey.Decode(decided.Result, now)
	if err != nil {
		return Reply{}, ErrGone
	}
	j, version, err := e.prevail(ctx, h.ID, decided.Result, next.Revision-1, now)
	if err != nil {
		return Reply{}, err
	}
	if repeats(j, in, sum, h.Binding) {
		return e.again(ctx, j, version, h, now)
	}
	who := holds(j, h.Binding, now)
	if who == stranger || j.Ending != nil {
		return Reply{}, ErrFinished
	}
	if outlived(j, who) {
		return Reply{}, ErrGone
	}
	r, err := e.shown(ctx, j, version, now)
	r.Stale = true
	return r, err
}
