// Package waiting puts together what lets clients wait for a person's word: devices and backchannel requests.
package waiting

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authorize"
	"github.com/stile-id/stile/server/oauth/backchannel"
	"github.com/stile-id/stile/server/oauth/device"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/web"
)

// Room lets clients wait for a person's word given elsewhere: it puts the two endpoints, their pages and the mail together.
type Room struct {
	Pending *pending.Store
	Pages   web.Pages
	Ledger  journey.Ledger // wakes the delivery
	Now     func() time.Time
}

// Mount adds the endpoints; the handlers come with all that is not this room's own.
func (s *Room) Mount(r *mux.Router, d device.Handler, b backchannel.Handler) {
	d.Pending, d.Random, d.Ask, d.Done, d.Now = s.Pending, rand.Reader, s.askCode, s.decided, s.Now
	d.Mount(r)
	b.Pending, b.Random, b.Tell, b.Ask, b.Done, b.Now = s.Pending, rand.Reader, s.tell, s.askOpen, s.answered, s.Now
	b.Mount(r)
}

// Finish leads the browser on from a journey's ending: back to the app that asked for it, or to the page that says what became of what waits elsewhere.
func (s *Room) Finish(front *authorize.Handler, clients oauth.Clients) func(context.Context, journey.Ending, string, journey.Request) (string, error) {
	return func(ctx context.Context, e journey.Ending, id string, q journey.Request) (string, error) {
		if !pending.Is(q.Context) {
			location, err := front.Finish(ctx, e, id, q.Context)
			switch { // the app was removed, or its address, while the person signed in
			case errors.Is(err, oauth.ErrNoClient):
				err = &web.ErrProblem{Status: http.StatusBadRequest, ID: "client-unknown", Cause: err}
			case errors.Is(err, authorize.ErrRedirect):
				err = &web.ErrProblem{Status: http.StatusBadRequest, ID: "redirect-mismatch", Cause: err}
			}
			return location, err
		}
		state, _, err := s.Pending.Finish(ctx, clients, e, id, q.Context, s.Now())
		if err != nil && !errors.Is(err, pending.ErrGone) {
			return "", err
		}
		return pending.Location(front.Issuer, pending.KindOf(q.Context), state, err), nil
	}
}

// Allowed is what a journey that ended well allows: one grant, or none where nothing was approved; and what a client that waits is told.
func (s *Room) Allowed(ctx context.Context, v *verdict.Verdict, j *journey.Journey) ([]identity.Write, []journey.Message, error) {
	if !pending.Is(j.Request.Context) {
		g, err := authorize.Grant(v, j.Request.Context, s.Now())
		return []identity.Write{identity.PutGrant{Grant: g}}, nil, err
	}
	return s.Pending.Approve(ctx, v, j.Request.Context, s.Now())
}

// Refused is what a denied journey writes for a client that waits.
func (s *Room) Refused(ctx context.Context, d journey.Denial, j *journey.Journey) ([]identity.Write, []journey.Message, error) {
	if !pending.Is(j.Request.Context) {
		return nil, nil, nil
	}
	return s.Pending.Refuse(ctx, d, j.Request.Context, s.Now())
}

// askCode shows the page where the code of a device is typed in.
func (s *Room) askCode(w http.ResponseWriter, r *http.Request, q device.Question) {
	next := action.T("continue")
	p := &action.Prompt{Step: "device", Kind: "device.code", Title: action.T("device.title"), Body: []action.Text{action.T("device.body")}, Submit: &next,
		Fields: []action.Field{{Name: "user_code", Type: action.FieldUserCode, Label: action.T("device.label"), Value: q.Code}}}
	if q.Wrong {
		p.Problem = []action.Problem{{Field: "user_code", ID: "mismatch", Text: action.T("device.wrong")}}
	}
	s.Pages.Prompt(w, r, web.Page{URL: q.Action, Leaves: true, Prompt: p})
}

// askOpen shows where the link of a backchannel request leads: nothing happens before the button is pressed.
func (s *Room) askOpen(w http.ResponseWriter, r *http.Request, c *oauth.Client) {
	next := action.T("continue")
	s.Pages.Prompt(w, r, web.Page{URL: r.URL.Path, Client: c.ID, Name: c.Name, Theme: c.Theme, Leaves: true, Prompt: &action.Prompt{Step: "approve", Kind: "approve.open",
		Title: action.T("approve.open", "client", c.Name), Body: []action.Text{action.T("approve.open-body")}, Submit: &next}})
}

// answered says what became of a backchannel request.
func (s *Room) answered(w http.ResponseWriter, r *http.Request, state string) {
	title, body := action.T("approve.expired"), action.T("logout.done-body")
	switch state {
	case pending.Approved:
		title = action.T("approve.approved")
	case pending.Refused:
		title = action.T("approve.refused")
	case backchannel.None:
		title, body = action.T("approve.none"), action.T("approve.none-body")
	}
	s.Pages.Prompt(w, r, web.Page{Prompt: &action.Prompt{Step: "approve-" + state, Kind: "approve.done", Title: title, Body: []action.Text{body}}})
}

// tell puts the notice into the outbox, with a line of the audit trail. Where nobody is to be told the line alone is written.
func (s *Room) tell(ctx context.Context, n backchannel.Notice) error {
	now := s.Now()
	t := journey.Turn{Journey: n.Key, Revision: 1, Digest: []byte(n.Key), Result: []byte("{}"), Expires: n.Expires,
		Audit: []journey.Audit{{At: now, Event: "backchannel.asked", Account: n.Account, Client: n.Client.ID, Address: n.Place}}}
	t.Outbox = n.Late
	if tell := cmp.Or(n.Client.Backchannel.Tell, oauth.TellMail); n.To != "" && tell != oauth.TellNobody {
		body, err := json.Marshal(action.Mail{To: n.To, Template: "mail.approve", Client: n.Client.ID, App: n.Client.ID, Theme: n.Client.Theme, Expires: n.Expires,
			Args: map[string]string{"client": n.Client.Name, "link": n.Link, "message": cmp.Or(n.Message, "–"), "address": n.Place, "when": now.UTC().Format("2006-01-02 15:04")}})
		if tell == oauth.TellConnector {
			body, err = s.call(n)
		}
		if err != nil {
			return fmt.Errorf("notice: %w", err)
		}
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("notice: %w", err)
		}
		t.Outbox = append(t.Outbox, journey.Message{ID: id.String(), Kind: tell, Body: body, Created: now, Expires: n.Expires})
	}
	return s.Ledger.Commit(ctx, t)
}

// decided says what became of it.
func (s *Room) decided(w http.ResponseWriter, r *http.Request, state string) {
	title, body := action.T("device.expired"), action.T("device.expired-body")
	switch state {
	case pending.Approved:
		title, body = action.T("device.approved"), action.T("device.approved-body")
	case pending.Refused:
		title, body = action.T("device.refused"), action.T("device.refused-body")
	}
	s.Pages.Prompt(w, r, web.Page{Prompt: &action.Prompt{Step: "device-" + state, Kind: "device.done", Title: title, Body: []action.Text{body}}})
}
