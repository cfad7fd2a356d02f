// Package session remembers what a browser proved before: evidence with its age, naming subject and credential, behind a
// cookie whose secret is stored only as a hash.
package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
	"github.com/stile-id/stile/server/web"
)

// Ledger is what sessions need of the ledger.
type Ledger interface {
	SessionBySecret(ctx context.Context, secret []byte, now time.Time) (*identity.Session, error)
	Session(ctx context.Context, id string) (*identity.Session, error)
	// TouchSession moves a live session's idle end and revives nothing; identity.ErrNotFound when it has ended.
	TouchSession(ctx context.Context, id string, seen, idle time.Time) error
	Apply(ctx context.Context, writes []identity.Write, audit []journey.Audit) error
}

// Sessions reads and writes browsers' sessions.
type Sessions struct {
	Ledger   Ledger
	Cookies  web.Cookies
	Now      func() time.Time
	Random   io.Reader
	Idle     time.Duration // 12 h when 0
	Absolute time.Duration // 7 d when 0
}

// seenEvery bounds how often a session's last use is written.
const seenEvery = 5 * time.Minute

func (s *Sessions) idle() time.Duration {
	if s.Idle > 0 {
		return s.Idle
	}
	return 12 * time.Hour
}

func (s *Sessions) absolute() time.Duration {
	if s.Absolute > 0 {
		return s.Absolute
	}
	return 7 * 24 * time.Hour
}

// Of returns the live session a request came with, or nil.
func (s *Sessions) Of(r *http.Request) (*identity.Session, error) {
	secret := s.Cookies.Value(r, s.Cookies.Session())
	if secret == "" {
		return nil, nil
	}
	found, err := s.Ledger.SessionBySecret(r.Context(), hashed(secret), s.Now())
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	return found, nil
}

// Cookie is the Set-Cookie for a new session secret.
func (s *Sessions) Cookie(secret string) *http.Cookie {
	return s.Cookies.Make(s.Cookies.Session(), secret, s.absolute())
}

// Forget is the Set-Cookie that removes a browser's session secret.
func (s *Sessions) Forget() *http.Cookie { return s.Cookies.Make(s.Cookies.Session(), "", -1) }

// End makes the session writes of a finished journey. A journey that rested on the session alone leaves its secret as it is; one that proved
// something new gives the browser a new secret (NIST SP 800-63B-4 §5.1): under the session's public id when the
// account is the same, as a new session when it is not.
func (s *Sessions) End(ctx context.Context, j *journey.Journey, v *verdict.Verdict) (walk.Ended, error) {
	now := s.Now()
	var before *identity.Session
	if j.Request.Session != "" {
		found, err := s.Ledger.Session(ctx, j.Request.Session)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return walk.Ended{}, fmt.Errorf("read session: %w", err)
		}
		before = found
	}
	if j.Request.Session != "" && before == nil && rested(v.Evidence, j.Started) {
		// It ended while the journey was under way: signed out elsewhere, or thrown out by a recovery. What it remembered counts no more.
		return walk.Ended{}, fmt.Errorf("the session that the journey rests on has ended: %w", run.ErrGone)
	}
	same := before != nil && before.Account == v.Subject
	if same && !proved(v.Evidence, j.Started) {
		v.Session = before.ID
		if now.Sub(before.Seen) < seenEvery {
			return walk.Ended{}, nil
		}
		// Touched, not written anew: a session that somebody ends at this moment stays ended.
		err := s.Ledger.TouchSession(ctx, before.ID, now, earlier(now.Add(s.idle()), before.Absolute))
		if errors.Is(err, identity.ErrNotFound) {
			err = run.ErrGone
		}
		if err != nil {
			return walk.Ended{}, fmt.Errorf("session seen: %w", err)
		}
		return walk.Ended{}, nil
	}
	next := identity.Session{Account: v.Subject, Created: now, Agent: Agent(j.Request.UserAgent), Address: j.Request.IP, Absolute: now.Add(s.absolute())}
	evidence := v.Evidence
	if same {
		next.ID, next.Created = before.ID, before.Created
		evidence = merged(before.Evidence, v.Evidence)
	} else {
		id, err := uuid.NewV7FromReader(s.Random)
		if err != nil {
			return walk.Ended{}, fmt.Errorf("session id: %w", err)
		}
		next.ID = id.String()
	}
	raw := make([]byte, 16)
	if _, err := io.ReadFull(s.Random, raw); err != nil {
		return walk.Ended{}, fmt.Errorf("session secret: %w", err)
	}
	secret := base64.RawURLEncoding.EncodeToString(raw)
	var err error
	if next.Evidence, err = json.Marshal(evidence); err != nil {
		return walk.Ended{}, fmt.Errorf("session evidence: %w", err)
	}
	next.Secret, next.Seen, next.Idle = hashed(secret), now, earlier(now.Add(s.idle()), next.Absolute)
	v.Session = next.ID
	ended := walk.Ended{Cookie: secret, Writes: []identity.Write{identity.PutSession{Session: next}}}
	if before != nil && !same { // another person on this browser: the one before is signed out here
		ended.Writes = append(ended.Writes, identity.EndSessions{Account: before.Account, ID: before.ID, Reason: "another account signed in", At: now})
	}
	return ended, nil
}

// SignOut ends a session and what rests on it.
func (s *Sessions) SignOut(ctx context.Context, found *identity.Session) error {
	now := s.Now()
	err := s.Ledger.Apply(ctx, []identity.Write{identity.EndSessions{Account: found.Account, ID: found.ID, Reason: "signed out", At: now}},
		[]journey.Audit{{At: now, Event: "session.signed-out", Account: found.Account}})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

func hashed(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// proved reports whether anything was proved since the journey began.
func proved(evidence []verdict.Evidence, since time.Time) bool {
	for _, e := range evidence {
		if !e.At.Before(since) {
			return true
		}
	}
	return false
}

// rested reports whether something was proved before the journey began, by the session it came with. That an account's address was
// verified long ago is a fact of the account, not of a session.
func rested(evidence []verdict.Evidence, since time.Time) bool {
	for _, e := range evidence {
		if e.At.Before(since) && e.Method != "account" {
			return true
		}
	}
	return false
}

// merged keeps what the session held before and lays what was proved now over it, newest by method and credential.
func merged(before json.RawMessage, now []verdict.Evidence) []verdict.Evidence {
	var old []verdict.Evidence
	if json.Unmarshal(before, &old) != nil {
		return now
	}
	out := append([]verdict.Evidence{}, now...)
	for _, e := range old {
		fresh := false
		for _, n := range now {
			fresh = fresh || n.Method == e.Method && n.Credential == e.Credential
		}
		if !fresh && e.Method != "account.create" {
			out = append(out, e)
		}
	}
	return out
}
