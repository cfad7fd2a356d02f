package app

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authorize"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/device"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/web"
)

// mountWaiting adds what lets clients wait for a person's word given elsewhere.
func (s *Server) mountWaiting(r *mux.Router, issuer oauth.Issuer, auth *client.Authenticator) {
	(&device.Handler{Issuer: issuer, Clients: auth, Authenticator: authenticator{s}, Pending: s.pending, Transient: s.transient, Random: rand.Reader, Session: s.sessionID,
		Address: address, Ask: s.askCode, Done: s.decided, Problem: s.problem, Now: s.now, Log: s.log}).Mount(r)
}

// finish leads the browser on from a journey's ending: back to the app that asked for it, or to the page that says what became of what waits elsewhere.
func (s *Server) finish(front *authorize.Handler, clients oauth.Clients) func(context.Context, journey.Ending, string, journey.Request) (string, error) {
	return func(ctx context.Context, e journey.Ending, id string, q journey.Request) (string, error) {
		if !pending.Is(q.Context) {
			return front.Finish(ctx, e, id, q.Context)
		}
		state, _, err := s.pending.Finish(ctx, clients, e, id, q.Context, s.now())
		if err != nil && !errors.Is(err, pending.ErrGone) {
			return "", err
		}
		return device.Location(front.Issuer, state, err), nil
	}
}

// grants are what a journey that ended well allows: one grant, or none where nothing was approved.
func (s *Server) allowed(v *verdict.Verdict, j *journey.Journey) ([]identity.Write, error) {
	if !pending.Is(j.Request.Context) {
		g, err := authorize.Grant(v, j.Request.Context, s.now())
		return []identity.Write{identity.PutGrant{Grant: g}}, err
	}
	g, ok, err := pending.Grant(v, j.Request.Context, s.now())
	if err != nil || !ok {
		return nil, err
	}
	return []identity.Write{identity.PutGrant{Grant: g}}, nil
}

// askCode shows the page where the code of a device is typed in.
func (s *Server) askCode(w http.ResponseWriter, r *http.Request, q device.Question) {
	next := action.T("continue")
	p := &action.Prompt{Step: "device", Kind: "device.code", Title: action.T("device.title"), Body: []action.Text{action.T("device.body")}, Submit: &next,
		Fields: []action.Field{{Name: "user_code", Type: action.FieldUserCode, Label: action.T("device.label"), Value: q.Code}}}
	if q.Wrong {
		p.Problem = []action.Problem{{Field: "user_code", ID: "mismatch", Text: action.T("device.wrong")}}
	}
	s.pages.Prompt(w, r, web.Page{URL: q.Action, Leaves: true, Prompt: p})
}

// decided says what became of it.
func (s *Server) decided(w http.ResponseWriter, r *http.Request, state string) {
	title, body := action.T("device.expired"), action.T("device.expired-body")
	switch state {
	case pending.Approved:
		title, body = action.T("device.approved"), action.T("device.approved-body")
	case pending.Refused:
		title, body = action.T("device.refused"), action.T("device.refused-body")
	}
	s.pages.Prompt(w, r, web.Page{Prompt: &action.Prompt{Step: "device-" + state, Kind: "device.done", Title: title, Body: []action.Text{body}}})
}
