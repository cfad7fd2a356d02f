// Package walk takes the steps of one turn: from an answer to the next prompt or the end. It writes nothing; what a walk wants
// written and sent it collects, and engine/run commits that or throws it away.
package walk

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Env is what steps are walked with. All fields but Observe, Pretend and Trail are set.
type Env struct {
	Attempts   Attempts
	Directory  identity.Directory
	Connectors action.Connectors
	Ender      Ender
	Now        func() time.Time
	Random     io.Reader
	Log        *slog.Logger
	Observe    func(Event)
	Pretend    Pretend
	Trail      bool // note what is done in Walk.Entries
}

// Pretend stands in for steps, in tests and replays: with ok, its result or error is taken as if the step had run. What a step
// declares still binds it: an outcome it does not have, or one that proves less than it promises, is a broken step. t has
// neither box nor script. nil: every step runs. A step that runs another flow may set a subject too, as the flow would.
type Pretend func(ctx context.Context, n *check.Node, t *action.Turn) (res action.Result, ok bool, err error)

// Attempts counts tries; it is the one thing that is written while a turn is being walked.
type Attempts interface {
	Attempt(ctx context.Context, a journey.Attempt) (journey.Attempted, error)
}

// Ender adds what the end of a journey writes besides its steps' own: the session and the grant.
type Ender interface {
	End(ctx context.Context, j *journey.Journey, v *verdict.Verdict) (Ended, error)
}

// Denier is an Ender that has something to write when a journey is denied, too: what waits elsewhere hears of it. It is not asked when
// something broke (server_error): then nothing was decided.
type Denier interface {
	Deny(ctx context.Context, j *journey.Journey, d journey.Denial) (Ended, error)
}

// Ended is what an Ender wants. Outbox is sent once the rest is written. Cookie is the new session's secret for the browser, "" to leave the
// browser's as it is.
type Ended struct {
	Writes []identity.Write
	Outbox []journey.Message
	Audit  []journey.Audit
	Cookie string
}

// Event is something that happened, for metrics. Outcome is the step's, or at a journey's end done, denied or the error code.
type Event struct {
	Flow, Version, Step, Use, Outcome string
	Ended                             bool
	Took                              time.Duration
}

const (
	maxSteps     = 500 // of a journey
	maxTurnSteps = 100 // without asking anybody
)

func (e *Env) observe(ev Event) {
	if e.Observe != nil {
		e.Observe(ev)
	}
}
