package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
	"github.com/stile-id/stile/server/oauth"
)

// authenticator is the one door between the wings, seen from the authorization server.
type authenticator struct{ s *Server }

// start begins a journey, if the address it is begun from has not begun too many.
func (a authenticator) start(ctx context.Context, r oauth.Request) (run.Reply, error) {
	if l := a.s.file.Limits.Journeys; l != nil && l.Burst > 0 && r.Journey.IP != "" {
		ok, _, err := a.s.transient.Take(ctx, "begun:"+r.Journey.IP, transient.Limit{Burst: l.Burst, Per: time.Duration(l.Per)}, a.s.now())
		if err != nil {
			return run.Reply{}, fmt.Errorf("limit: %w", err)
		}
		if !ok {
			return run.Reply{}, fmt.Errorf("too many journeys begun from one address: %w", action.ErrBusy)
		}
	}
	_, reply, err := a.s.Engine.Begin(ctx, r.Flow, r.Journey)
	return reply, err
}

// Begin implements oauth.Authenticator.
func (a authenticator) Begin(ctx context.Context, r oauth.Request) (oauth.Started, error) {
	reply, err := a.start(ctx, r)
	if err != nil {
		return oauth.Started{}, err
	}
	out := oauth.Started{Journey: reply.ID}
	out.URL, out.Cookies = a.s.journeys.Started(reply)
	if end, ended := reply.Ending(); ended {
		out.Ending = &end
	}
	return out, nil
}

// ender adds session and grant to the last turn of a journey.
type ender struct{ s *Server }

// End implements walk.Ender.
func (e ender) End(ctx context.Context, j *journey.Journey, v *verdict.Verdict) (walk.Ended, error) {
	ended, err := e.s.sessions.End(ctx, j, v)
	if err != nil {
		return ended, err
	}
	granted, told, err := e.s.waiting.Allowed(ctx, v, j)
	if err != nil {
		return ended, fmt.Errorf("grant: %w", err)
	}
	ended.Writes, ended.Outbox = append(ended.Writes, granted...), append(ended.Outbox, told...)
	detail, err := json.Marshal(map[string]any{"flow": v.Flow, "acr": v.ACR, "amr": v.AMR})
	if err != nil {
		return ended, err
	}
	ended.Audit = append(ended.Audit, journey.Audit{Event: "sign-in", Account: v.Subject, Detail: detail})
	return ended, nil
}

// Deny implements walk.Denier.
func (e ender) Deny(ctx context.Context, j *journey.Journey, d journey.Denial) (walk.Ended, error) {
	writes, told, err := e.s.waiting.Refused(ctx, d, j)
	return walk.Ended{Writes: writes, Outbox: told}, err
}

// word words a message in its receiver's language.
func (s *Server) word(m action.Mail) (subject, text, html string, err error) {
	l, err := s.pages.Mail(m)
	return l.Subject, l.Text, l.HTML, err
}
