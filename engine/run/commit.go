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
func (w *walk) settle(ctx context.Context, version int64, sum []byte, h Handle) error {
	revision := w.j.Revision
	w.j.Revision++
	w.j.Last = &journey.Decided{Digest: sum, Binding: hashed(h.Binding)}
	w.j.Binding.Previous = nil
	if w.subject || w.j.Ending != nil {
		var err error
		if w.binding, err = w.e.rotate(w.j, hashed(h.Binding), w.now); err != nil {
			return err
		}
	}
	return w.commit(ctx, version, revision, sum)
}

// commit writes the turn: to the ledger first if anything is to last, whose unique insert then decides the race, and to the
// transient store. was is the version read there, 0 for a new journey.
func (w *walk) commit(ctx context.Context, was int64, revision int, sum []byte) error {
	raw, err := journey.Encode(w.j)
	if err != nil {
		return err
	}
	lasting := len(w.writes) > 0 || len(w.then) > 0 || len(w.audit) > 0
	if lasting {
		out, err := w.outbox()
		if err != nil {
			return err
		}
		err = w.e.Ledger.Commit(ctx, journey.Turn{Journey: w.j.ID, Revision: revision, Digest: sum, Result: raw, Expires: w.j.Expires,
			Writes: w.writes, Outbox: out, Audit: w.audit})
		if err != nil {
			return fmt.Errorf("commit turn: %w", err)
		}
	}
	if was == 0 && w.j.Ending != nil {
		return nil // began and ended in one turn: nobody will ask for it again
	}
	_, err = w.e.Transient.Put(ctx, key(w.j.ID), raw, was, w.now, w.j.Expires)
	if errors.Is(err, transient.ErrChanged) && lasting {
		return nil // decided by the ledger; a repeat has brought the transient store up to date meanwhile
	}
	if err != nil {
		return fmt.Errorf("store journey: %w", err)
	}
	return nil
}

// outbox words the turn's effects as rows to be sent after the commit.
func (w *walk) outbox() ([]journey.Message, error) {
	out := make([]journey.Message, 0, len(w.then))
	for _, t := range w.then {
		if t.Mail == nil {
			continue
		}
		m := *t.Mail
		if m.Client == "" {
			m.Client, m.Theme = w.j.Request.Client, w.j.Request.Theme
		}
		if len(m.Locale) == 0 {
			m.Locale = w.j.Request.Locale
		}
		if m.Expires.IsZero() {
			m.Expires = w.now.Add(24 * time.Hour)
		}
		body, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		id, err := uuid.NewV7FromReader(w.e.Random)
		if err != nil {
			return nil, fmt.Errorf("message id: %w", err)
		}
		out = append(out, journey.Message{ID: id.String(), Kind: "mail", Body: body, Created: w.now, Expires: m.Expires})
	}
	return out, nil
}

// recover answers when the ledger says that this revision was decided before: by another answer, or by this one before a
// crash kept the transient store from hearing of it.
func (e *Engine) recover(ctx context.Context, h Handle, in Input, sum []byte, decided *journey.DecidedError, now time.Time) (Reply, error) {
	j, version, err := e.load(ctx, h.ID, now)
	if err != nil {
		return Reply{}, err
	}
	if j.Revision <= in.Revision || in.Revision == AnyRevision {
		next, err := journey.Decode(decided.Result, now)
		if err != nil {
			return Reply{}, ErrGone
		}
		if version, err = e.Transient.Put(ctx, key(h.ID), decided.Result, version, now, next.Expires); err != nil {
			return Reply{}, fmt.Errorf("store journey: %w", err)
		}
		j = next
	}
	if repeats(j, in, sum, h.Binding) {
		return e.again(ctx, j, version, h, now)
	}
	if holds(j, h.Binding, now) == stranger || j.Ending != nil {
		return Reply{}, ErrFinished
	}
	r, err := e.shown(ctx, j, now)
	r.Stale = true
	return r, err
}
