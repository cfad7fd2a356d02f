// Package authorize is the authorization endpoint (OAuth 2.1 §4.1.1, OpenID Connect Core §3.1.2). A request passes a table of
// small rules, becomes a journey, and ends as a redirect with a code, for some clients an ID token beside it, or an error. It asks nobody
// anything.
//
// Until client and redirect URI are known to belong together, a failure is a page of ours; afterwards it is a redirect (RFC 9700
// §4.11). There is no CORS here, and answers are 303, so that no form is posted on (RFC 9700 §4.12).
package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/oauth/object"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/reply"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the authorization endpoint.
type Handler struct {
	Issuer        oauth.Issuer
	Clients       oauth.Clients
	Authenticator oauth.Authenticator
	Tokens        *tokens.Tokens
	Grants        oauth.Grants    // asked for ID tokens beside codes
	Claims        *claims.Sources // for the same
	Pushed        *pushed.Requests
	Objects       *object.Opener
	Replies       *reply.Replies
	Details       *details.Types
	Accepts       func(flow string) []string              // the acrs a flow may end with
	Session       func(r *http.Request) *identity.Session // the browser's live session, nil for none
	Address       func(r *http.Request) string            // network address of the browser
	Problem       func(w http.ResponseWriter, r *http.Request, status int, id string, cause error)
	Now           func() time.Time
	Log           *slog.Logger
}

// Ids of the problem pages.
const (
	ProblemRequest  = "request"  // the request cannot be read at all
	ProblemClient   = "client"   // no such client
	ProblemRedirect = "redirect" // not one of the client's redirect URIs
	ProblemServer   = "server"   // our side is broken; try again
)

// Mount adds the endpoint, and the page of answers that are posted, to the host's router.
func (h *Handler) Mount(r *mux.Router) {
	r.Path(h.Issuer.Path(oauth.AuthorizePath)).Handler(h)
	h.Replies.Mount(r)
}

// ServeHTTP answers GET and POST alike. A cross-site POST is standard here; it changes nothing by itself.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wire.NoStore(w)
	w.Header().Set("Referrer-Policy", "no-referrer")
	var (
		p   wire.Params
		err error
	)
	switch r.Method {
	case http.MethodGet:
		p, err = wire.Parse(r.URL.RawQuery)
	case http.MethodPost:
		if err = wire.NoQuery(r); err == nil {
			p, err = wire.Form(w, r)
		}
	default:
		w.Header().Set("Allow", "GET, POST")
		h.Problem(w, r, http.StatusMethodNotAllowed, ProblemRequest, nil)
		return
	}
	if err != nil {
		h.Problem(w, r, http.StatusBadRequest, ProblemRequest, err)
		return
	}
	q := &request{params: p, http: r, now: h.Now()}
	location, err := h.begin(w, r, q)
	if err != nil {
		if q.note.Redirect != "" {
			e := wire.Told(err)
			wire.Report(r, h.Log, e)
			if location, err = h.refuse(r.Context(), q.client, &q.note, e); err == nil {
				redirectTo(w, location)
				return
			}
		}
		h.page(w, r, err)
		return
	}
	redirectTo(w, location)
}

func redirectTo(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// page shows a failure that has nowhere to go.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, err error) {
	status, id := http.StatusBadRequest, ProblemRequest
	switch e := wire.Told(err); {
	case errors.Is(err, errNoClient), errors.Is(err, oauth.ErrNoClient):
		id = ProblemClient
	case errors.Is(err, ErrRedirect):
		id = ProblemRedirect
	case e.Status() >= 500:
		status, id = http.StatusServiceUnavailable, ProblemServer
		wire.Report(r, h.Log, e)
	}
	h.Problem(w, r, status, id, err)
}

var errNoClient = errors.New("authorize: no such client")

// trust finds out who asks. Until the request itself is known, failures go where the browser's own parameters say if that is a
// registered address, and else on a page; nothing is ever redirected elsewhere.
func (h *Handler) trust(ctx context.Context, q *request) (err error) {
	id := q.params.Get("client_id")
	if id == "" {
		return errNoClient
	}
	q.client, err = h.Clients.Client(ctx, id)
	if errors.Is(err, oauth.ErrNoClient) {
		return errNoClient
	}
	if err != nil {
		return err
	}
	q.note.Client, q.note.Started = q.client.ID, q.now.Unix()
	if uri := q.params.Get("redirect_uri"); client.Allowed(q.client.Redirects, uri) {
		q.note.Redirect = uri
		if state := q.params.Get("state"); len(state) <= maxState {
			q.note.State = state
		}
	}
	return nil
}

// begin runs the rules and starts the journey. Where nobody has to be asked, the journey has ended already.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, q *request) (location string, err error) {
	if err := h.trust(r.Context(), q); err != nil {
		return "", err
	}
	if err := h.treat(r.Context(), front, q); err != nil {
		return "", err
	}
	note, err := json.Marshal(q.note)
	if err != nil {
		return "", err
	}
	q.journey.Context = note
	started, err := h.Authenticator.Begin(r.Context(), oauth.Request{Flow: q.flow, Journey: q.journey})
	if err != nil {
		return "", err
	}
	for _, c := range started.Cookies {
		w.Header().Add("Set-Cookie", c)
	}
	if started.Ending == nil {
		return started.URL, nil
	}
	return h.Finish(r.Context(), *started.Ending, started.Journey, note)
}
