package oauth

import (
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/action"
)

// Lifetimes bound what a client gets.
type Lifetimes struct {
	Code     action.Duration `json:"code,omitempty" jsonschema_description:"Authorization code. Default 60s, at most 10m."`
	Access   action.Duration `json:"access_token,omitempty" jsonschema_description:"Access token. Default 5m, at most 24h."`
	ID       action.Duration `json:"id_token,omitempty" jsonschema_description:"ID token. Default 5m, at most 24h."`
	Idle     action.Duration `json:"refresh_idle,omitempty" jsonschema_description:"Refresh token that is not used. Default 14d."`
	Absolute action.Duration `json:"refresh_absolute,omitempty" jsonschema_description:"Refresh tokens in all, however often they are used. Default 90d, at most 365d."`
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
	return problems
}

// CodeFor, AccessFor, IDFor, IdleFor and AbsoluteFor are the lifetimes as Go has them.
func (c *Client) CodeFor() time.Duration     { return time.Duration(c.Lifetimes.Code) }
func (c *Client) AccessFor() time.Duration   { return time.Duration(c.Lifetimes.Access) }
func (c *Client) IDFor() time.Duration       { return time.Duration(c.Lifetimes.ID) }
func (c *Client) IdleFor() time.Duration     { return time.Duration(c.Lifetimes.Idle) }
func (c *Client) AbsoluteFor() time.Duration { return time.Duration(c.Lifetimes.Absolute) }
