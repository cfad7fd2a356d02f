package outgoing

import (
	"context"
	"errors"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
)

type ledger struct {
	journey.Ledger
	err error
}

func (l ledger) Commit(context.Context, journey.Turn) error { return l.err }

// TestWaking: what a turn revokes is forgotten here at once, even when the ledger's answer was lost; letters are sent at once when they lasted.
func TestWaking(t *testing.T) {
	lost := errors.New("connection lost")
	for name, c := range map[string]struct {
		turn       journey.Turn
		err        error
		wake, drop int
	}{
		"nothing":            {},
		"a letter":           {turn: journey.Turn{Outbox: make([]journey.Message, 1)}, wake: 1},
		"sessions end":       {turn: journey.Turn{Writes: []identity.Write{identity.EndSessions{}}}, wake: 1, drop: 1},
		"disabled":           {turn: journey.Turn{Writes: []identity.Write{identity.SetStatus{}}}, wake: 1, drop: 1},
		"consent withdrawn":  {turn: journey.Turn{Writes: []identity.Write{identity.EndConsent{}}}, drop: 1},
		"grants are revoked": {turn: journey.Turn{Writes: []identity.Write{identity.RevokeGrants{}}}, drop: 1},
		"perhaps":            {turn: journey.Turn{Writes: []identity.Write{identity.EndSessions{}}}, err: lost, drop: 1},
	} {
		var wake, drop int
		w := Waking{Ledger: ledger{err: c.err}, Wake: func() { wake++ }, Drop: func() { drop++ }}
		if err := w.Commit(t.Context(), c.turn); !errors.Is(err, c.err) || wake != c.wake || drop != c.drop {
			t.Errorf("%s: woken %d, dropped %d: %v", name, wake, drop, err)
		}
	}
}
