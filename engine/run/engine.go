// Package run walks journeys. A turn loads a journey, runs steps until one asks or the flow ends, and commits what came of
// it: the ledger decides races, the transient store holds what may be lost. Nothing here knows HTTP or a database.
package run

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
)

// Engine walks journeys. All fields but Observe, Pretend, Trail and Reference must be set.
type Engine struct {
	Programs   Programs
	Transient  transient.Store
	Ledger     journey.Ledger
	Directory  identity.Directory
	Connectors action.Connectors
	Ender      walk.Ender
	Now        func() time.Time
	Random     io.Reader
	Log        *slog.Logger
	Lifetime   time.Duration    // of a journey; 30 minutes when 0
	Observe    func(walk.Event) // told of every step that ended and every journey that ended; nil: nobody
	Pretend    walk.Pretend     // stands in for steps, in tests; nil in a server
	// Trail is handed every turn, also one that was abandoned; it must not block. nil: no trails are kept.
	Trail func(trail.Turn)
	// Reference is the number under which the request's error pages and log lines speak of it.
	Reference func(ctx context.Context) string
}

// Programs finds compiled flows.
type Programs interface {
	// Current is the version new journeys start with.
	Current(flow string) (*check.Program, bool)
	// Version is the one a journey is pinned to; nil when there is none any more, or it cannot be compiled any more. An error
	// means that this is not known now.
	Version(ctx context.Context, flow, hash string) (*check.Program, error)
}

// Chooser is implemented by Programs that let some new journeys have another version than the current one.
type Chooser interface {
	Choose(flow string, r journey.Request) (*check.Program, bool)
}

// Handle names a journey and holds the secret its browser must show.
type Handle struct{ ID, Binding string }

// Input is an answer as it came in. Revision and Step say which prompt it answers.
type Input struct {
	Revision int
	Step     string
	Action   string
	Fields   map[string]string
}

// Reply is where a journey stands. Exactly one of Prompt, Verdict and Denied is set.
type Reply struct {
	Prompt  *action.Prompt
	Verdict *verdict.Verdict
	Denied  *journey.Denial

	ID       string
	Revision int
	Binding  string // new value for the journey's cookie; "" to keep it
	Cookie   string // new session secret for the browser; "" to keep it
	Request  journey.Request
	Stale    bool // the answer came for an earlier prompt and changed nothing
	Flow     string
	Expires  time.Time
	Trail    []journey.Entry // what the journey did, as far as it was not taken back
}

// Ending is the reply's end, if it is one.
func (r Reply) Ending() (journey.Ending, bool) {
	return journey.Ending{Verdict: r.Verdict, Denied: r.Denied}, r.Prompt == nil
}

const (
	grace = time.Minute
	tries = 3 // again, when somebody else was first
)

func (e *Engine) lifetime() time.Duration {
	if e.Lifetime > 0 {
		return e.Lifetime
	}
	return 30 * time.Minute
}

// turn is one turn: a walk, and what becomes of it.
type turn struct {
	*walk.Walk
	e         *Engine
	binding   string
	restarted bool // its version could not be walked any more
	again     bool // the person began again
	answered  *trail.Answer
	back      *trail.Back
}

func (e *Engine) turn(p *check.Program, j *journey.Journey, now time.Time, counted map[string]journey.Attempted) *turn {
	env := &walk.Env{Attempts: e.Ledger, Directory: e.Directory, Connectors: e.Connectors, Ender: e.Ender, Now: e.Now, Random: e.Random, Log: e.Log, Observe: e.Observe, Pretend: e.Pretend,
		Trail: e.Trail != nil}
	return &turn{Walk: walk.New(env, p, j, now, counted), e: e}
}

func key(id string) string { return "journey:" + id }
