package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
)

// Lifetimes bound what a client gets.
type Lifetimes struct {
	Code     action.Duration `json:"code,omitempty" jsonschema_description:"Authorization code. Default 60s, at most 10m."`
	Access   action.Duration `json:"access_token,omitempty" jsonschema_description:"Access token. Default 5m, at most 24h."`
	ID       action.Duration `json:"id_token,omitempty" jsonschema_description:"ID token. Default 5m, at most 24h."`
	Idle     action.Duration `json:"refresh_idle,omitempty" jsonschema_description:"Refresh token that is not used. Default 14d."`
	Absolute action.Duration `json:"refresh_absolute,omitempty" jsonschema_description:"Refresh tokens in all, however often they are used. Default 90d, at most 365d."`

	SessionIdle     action.Duration `json:"session_idle,omitempty" jsonschema_description:"How long a person's session may go unused and still count for this client; at least 10m. Default: as long as it lasts."`
	SessionAbsolute action.Duration `json:"session_absolute,omitempty" jsonschema_description:"How long after a person last proved who they are their session counts for this client; its tokens without offline_access end by then, too. Default: as long as it lasts."`
}

// Fill puts defaults where nothing is said, and tells of what is out of bounds.
func (l *Lifetimes) Fill() (problems []error) {
	for _, f := range []struct {
		name     string
		value    *action.Duration
		standard time.Duration
		most     time.Duration
	}{
		{"code", &l.Code, time.Minute, 10 * time.Minute},
		{"access_token", &l.Access, 5 * time.Minute, 24 * time.Hour},
		{"id_token", &l.ID, 5 * time.Minute, 24 * time.Hour},
		{"refresh_idle", &l.Idle, 14 * 24 * time.Hour, 365 * 24 * time.Hour},
		{"refresh_absolute", &l.Absolute, 90 * 24 * time.Hour, 365 * 24 * time.Hour},
	} {
		if *f.value == 0 {
			*f.value = action.Duration(f.standard)
		}
		if d := time.Duration(*f.value); d < time.Second || d > f.most {
			problems = append(problems, fmt.Errorf("lifetimes.%s must lie between 1s and %s", f.name, f.most))
		}
	}
	// A session's use is noted every five minutes, so nothing shorter could be told from being away.
	if d := time.Duration(l.SessionIdle); d != 0 && d < 10*time.Minute {
		problems = append(problems, errors.New("lifetimes.session_idle must be 10m or more"))
	}
	if d := time.Duration(l.SessionAbsolute); d != 0 && d < time.Minute {
		problems = append(problems, errors.New("lifetimes.session_absolute must be 1m or more"))
	}
	return problems
}

// Outlived reports whether a session, though it lives, is too old for this client: unused for too long, or too long after the person last
// proved who they are. It goes on for others. Evidence that cannot be read is of no age that counts.
func (c *Client) Outlived(s *identity.Session, now time.Time) bool {
	l := c.Lifetimes
	if l.SessionIdle > 0 && now.Sub(s.Seen) >= time.Duration(l.SessionIdle) {
		return true
	}
	if l.SessionAbsolute == 0 {
		return false
	}
	var evidence []verdict.Evidence
	if json.Unmarshal(s.Evidence, &evidence) != nil {
		return true
	}
	var last time.Time
	for _, e := range evidence {
		if e.Subject == s.Account && e.Method != "account" && e.At.After(last) {
			last = e.At
		}
	}
	return now.Sub(last) >= time.Duration(l.SessionAbsolute)
}

// RestsFor is how long what rests on a person's session may last, 0 for as long as that does.
func (c *Client) RestsFor() time.Duration { return time.Duration(c.Lifetimes.SessionAbsolute) }

// CodeFor, AccessFor, IDFor, IdleFor and AbsoluteFor are the lifetimes as Go has them.
func (c *Client) CodeFor() time.Duration     { return time.Duration(c.Lifetimes.Code) }
func (c *Client) AccessFor() time.Duration   { return time.Duration(c.Lifetimes.Access) }
func (c *Client) IDFor() time.Duration       { return time.Duration(c.Lifetimes.ID) }
func (c *Client) IdleFor() time.Duration     { return time.Duration(c.Lifetimes.Idle) }
func (c *Client) AbsoluteFor() time.Duration { return time.Duration(c.Lifetimes.Absolute) }
