package journey

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/stile-id/stile/engine/identity"
)

// Ledger is the durable side of a turn. What it decides stays decided whatever happens to the transient store.
type Ledger interface {
	// Attempt counts one try at something guessable before it is checked. Allowed is false, and nothing is counted, while the key is blocked.
	// Keys of unknown people are forgotten after their expiry; keys of accounts never are, except by ClearAttempts.
	Attempt(ctx context.Context, a Attempt) (Attempted, error)
	// Commit writes a turn and everything it asks for in one transaction. A *DecidedError tells that the revision was decided
	// before and how; identity.ErrConflict that a unique rule stood in the way and the turn may run again.
	Commit(ctx context.Context, t Turn) error
}

// Attempt is one try to count. Known keys are `account:<id>`; unknown people's are `unknown:<keyed hash>`.
type Attempt struct {
	Key     string
	At      time.Time
	Expires time.Time // zero: never
}

// Attempted is what counting decided. Failures counts this try; Until is when the next try is allowed, zero when at once.
type Attempted struct {
	Allowed  bool
	Failures int
	Until    time.Time
}

// Turn is a decided revision with all that it writes. (Journey, Revision) is unique: the insert decides the race.
type Turn struct {
	Journey  string
	Revision int    // the revision that was answered
	Digest   []byte // of the input and of the binding it came with
	Result   []byte // the journey after this turn, as Encode writes it
	Expires  time.Time
	Writes   []identity.Write
	Outbox   []Message
	Audit    []Audit
}

// Message is something to send after the commit: Kind names its sender, Body is what that needs. The ledger encrypts it.
type Message struct {
	ID      string // UUIDv7; receivers can tell repeats by it
	Kind    string
	Body    json.RawMessage
	Created time.Time
	Due     time.Time // not to be sent before; zero: at once
	Expires time.Time // not worth sending afterwards
}

// Audit is one line of the audit trail; it holds no secret.
type Audit struct {
	At      time.Time
	Event   string // sign-in.ended, password.changed, …
	Account string
	Client  string
	Journey string
	Address string // network address
	Detail  json.RawMessage
}

// DecidedError: the revision had been decided already. Digest and Result are the earlier turn's.
type DecidedError struct {
	Digest []byte
	Result []byte
}

func (e *DecidedError) Error() string { return "journey: this revision is decided already" }

// ErrGone: there is no such journey, or it has expired, or its state cannot be read any more.
var ErrGone = errors.New("journey: gone")
