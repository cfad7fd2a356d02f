// Package native lets apps without a browser walk journeys: it puts the authorization challenge endpoint, the journeys and the words of the pages together.
package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/server/journeys"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/challenge"
	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/web"
)

// Room implements challenge.Journeys.
type Room struct {
	// Start begins a journey, within the limits that hold for browsers too.
	Start    func(ctx context.Context, q oauth.Request) (run.Reply, error)
	Journeys *journeys.Journeys
	Pages    *pages.Pages
}

// Begin implements challenge.Journeys.
func (s *Room) Begin(r *http.Request, q oauth.Request) (challenge.Stand, error) {
	reply, err := s.Start(r.Context(), q)
	return s.stand(r, "", reply, err)
}

// Show implements challenge.Journeys.
func (s *Room) Show(r *http.Request, h challenge.Handle) (challenge.Stand, error) {
	reply, err := s.Journeys.Engine.Show(r.Context(), run.Handle{ID: h.Journey, Binding: h.Binding})
	return s.stand(r, h.Binding, reply, err)
}

// Answer implements challenge.Journeys. The revision is that of the prompt the app's auth_session came with, so an app has none to keep.
func (s *Room) Answer(r *http.Request, h challenge.Handle, a challenge.Answer) (challenge.Stand, error) {
	reply, err := s.Journeys.Take(r.Context(), run.Handle{ID: h.Journey, Binding: h.Binding}, run.Input{Revision: h.Revision, Step: a.Step, Action: a.Action, Fields: a.Fields})
	return s.stand(r, h.Binding, reply, err)
}

// stand words where a journey stands. The session that its end wrote has no browser: its secret is dropped, so it can never sign anybody in.
func (s *Room) stand(r *http.Request, binding string, reply run.Reply, err error) (challenge.Stand, error) {
	if err != nil {
		return challenge.Stand{}, told(err)
	}
	if reply.Binding != "" {
		binding = reply.Binding
	}
	q := reply.Request
	out := challenge.Stand{Handle: challenge.Handle{Journey: reply.ID, Binding: binding, Revision: reply.Revision}, Stale: reply.Stale, Note: q.Context, Expires: reply.Expires}
	if end, ended := reply.Ending(); ended {
		out.Ending = &end
		return out, nil
	}
	if out.Web = reply.Prompt.NeedsBrowser(); out.Web {
		return out, nil
	}
	out.Prompt, err = json.Marshal(s.Pages.Spoken(r, web.Page{Prompt: reply.Prompt, Client: q.Client, Name: q.ClientName, Theme: q.Theme, Locale: q.Locale}))
	if err != nil {
		return out, fmt.Errorf("word a prompt: %w", err)
	}
	return out, nil
}

// told says to the app what a person's browser would be told by a page.
func told(err error) error {
	var bad *run.BadInput
	switch {
	case errors.Is(err, run.ErrGone), errors.Is(err, run.ErrFinished):
		return challenge.ErrSession.With(err)
	case errors.As(err, &bad):
		return oauth.Fail(oauth.InvalidRequest, "The answer does not fit the prompt.").With(err)
	case errors.Is(err, journeys.ErrBlocked):
		return oauth.Fail(oauth.TooManyRequests, "Too many wrong answers. Try again later.").With(err)
	}
	return err
}
