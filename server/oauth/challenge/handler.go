// Package challenge is the authorization challenge endpoint (OAuth 2.0 for First-Party Applications, draft-ietf-oauth-first-party-apps-04): an app of the same
// house walks a person's journey without a browser. Its first request is an authorization request and passes the same rules; it is answered with the first prompt
// and an auth_session, which the app sends back with each answer; what has proved enough is answered with a code for the token endpoint.
//
// The answers are the app's word for what a person typed, and no more is believed of them than of a browser's: every attempt is counted in the same ledger, and a
// step is left through its own verifier alone. Consent an app cannot give for the person; that, and whatever leads to another site, ends in redirect_to_web.
package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/authorize"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handle names a journey at one of its revisions and holds the secret that whoever walks it must show.
type Handle struct {
	Journey  string `json:"j"`
	Binding  string `json:"b"`
	Revision int    `json:"r"`
}

// Stand is where a journey stands: at a prompt, at one that needs a browser, or at its end.
type Stand struct {
	Handle
	Prompt  json.RawMessage // in words, for the app to show
	Web     bool            // only a browser can go on
	Stale   bool            // the answer was for an earlier prompt and changed nothing
	Ending  *journey.Ending // nil before the end
	Note    json.RawMessage // journey.Request.Context
	Expires time.Time
}

// Journeys is the door to the wing that asks people.
type Journeys interface {
	// Begin starts a journey.
	Begin(r *http.Request, q oauth.Request) (Stand, error)
	// Show tells where a journey stands, and Answer walks on. ErrSession: no such journey, or another binding; an *oauth.Error: the answer does not fit, and the journey
	// is where it was. The Stand's handle is the one to use from now on.
	Show(r *http.Request, h Handle) (Stand, error)
	Answer(r *http.Request, h Handle, a Answer) (Stand, error)
}

// ErrSession is the answer to an auth_session that is no good: forged, expired, used, another client's or another key's. Which of these is nobody's business.
var ErrSession = oauth.Fail(oauth.InvalidSession, "The auth_session is not valid or has expired. Begin again.")

// Handler serves the endpoint.
type Handler struct {
	Issuer   oauth.Issuer
	Clients  *authentication.Authenticator
	Requests *authorize.Handler
	Sender   *sender.Sender
	Sessions *Sessions
	Journeys Journeys
	Limits   transient.Store
	Address  func(r *http.Request) string // network address of the caller
	Now      func() time.Time
	Log      *slog.Logger
}

// Mount adds the endpoint to the host's router.
func (h *Handler) Mount(r *mux.Router) { r.Path(h.Issuer.Path(oauth.ChallengePath)).Handler(h) }

// ServeHTTP answers with JSON whatever comes; nothing of it may be kept.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wire.Preflight(w, r, h.Clients.Clients, "POST") {
		return
	}
	if r.Method != http.MethodPost {
		wire.Method(w, "POST, OPTIONS")
		return
	}
	status, body, c, err := h.answer(w, r)
	wire.Origin(w, r, h.Clients.Clients, c)
	h.Sender.Answer(w, r)
	if sender.NeedsNonce(err) {
		h.Sender.Challenge(w)
	}
	var text []byte
	if err == nil {
		text, err = json.Marshal(body)
	}
	switch {
	case wire.TooLarge(err):
		wire.NoStore(w)
		wire.JSON(w, http.StatusRequestEntityTooLarge, wire.Body(wire.Told(err)))
	case err != nil:
		wire.Failure(w, r, h.Log, err)
	default:
		wire.NoStore(w)
		wire.JSON(w, status, text)
	}
}

// reply is the body of every answer that is not a plain error (draft §5.2).
type reply struct {
	Code        string          `json:"authorization_code,omitempty"`
	Error       string          `json:"error,omitempty"`
	Description string          `json:"error_description,omitempty"`
	Session     string          `json:"auth_session,omitempty"`
	SessionFor  int64           `json:"auth_session_expires_in,omitempty"` // seconds
	URI         string          `json:"request_uri,omitempty"`
	URIFor      int64           `json:"expires_in,omitempty"` // seconds
	Stale       bool            `json:"stale,omitempty"`
	Prompt      json.RawMessage `json:"prompt,omitempty"`
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) (int, *reply, *oauth.Client, error) {
	if err := wire.NoQuery(r); err != nil {
		return 0, nil, nil, err
	}
	p, err := wire.Form(w, r)
	if err != nil {
		return 0, nil, nil, err
	}
	ctx, now := r.Context(), h.Now()
	session, known := h.Sessions.open(p.Get("auth_session"), now)
	c, err := h.authenticate(r, p, session, known)
	if err != nil {
		return 0, nil, nil, err
	}
	if err := authorize.FirstParty(c); err != nil {
		return 0, nil, c, err
	}
	if err := h.limited(ctx, r, c, session, now); err != nil {
		return 0, nil, c, err
	}
	from, err := h.Sender.Of(ctx, r, c, oauth.ChallengePath)
	if err != nil {
		return 0, nil, c, err
	}
	var stand Stand
	if p.Has("auth_session") {
		if !known || session.Client != c.ID {
			return 0, nil, c, ErrSession
		}
		stand, err = h.goOn(r, p, session, from)
	} else {
		stand, err = h.begin(r, c, p, from, &session)
	}
	if err != nil {
		return 0, nil, c, err
	}
	session.Handle, session.Client, session.Expires = stand.Handle, c.ID, stand.Expires.Unix()
	status, out, err := h.give(ctx, c, &stand, session, now)
	return status, out, c, err
}

// authenticate finds out which client asks, as at the token endpoint. A client that does not authenticate need not name itself where its auth_session does (draft §5.1).
func (h *Handler) authenticate(r *http.Request, p wire.Params, session under, known bool) (*oauth.Client, error) {
	if known && !p.Has("client_id") && !p.Has("client_assertion") && r.Header.Get("Authorization") == "" {
		named, err := wire.Make(append(p.Pairs("client_id"), [2]string{"client_id", session.Client}))
		if err != nil {
			return nil, err
		}
		p = named
	}
	return h.Clients.Authenticate(r.Context(), r, p)
}

var errTooMany = oauth.Fail(oauth.TooManyRequests, "Too many requests. Try again later.")

// limited bounds how often one journey is answered (draft §9.3), and how often a client asks. Whoever does not authenticate is counted by address: anybody may speak for
// such a client, and must not shut its people out.
func (h *Handler) limited(ctx context.Context, r *http.Request, c *oauth.Client, session under, now time.Time) error {
	limits := map[string]transient.Limit{"oauth/challenge/" + c.ID: {Burst: 60_000, Per: time.Minute}}
	if !c.Confidential() {
		limits = map[string]transient.Limit{"oauth/challenge/" + c.ID + "/" + h.Address(r): {Burst: 300, Per: time.Minute}}
	}
	if session.Journey != "" && session.Client == c.ID {
		limits["oauth/challenge/of/"+session.Journey] = transient.Limit{Burst: 120, Per: time.Minute}
	}
	for key, l := range limits {
		ok, _, err := h.Limits.Take(ctx, key, l, now)
		if err != nil {
			return err
		}
		if !ok {
			return errTooMany
		}
	}
	return nil
}

// begin starts a journey with an authorization request. The key that its first request proves is the only one for all that follow, and for the code; a key that is
// only named (dpop_jkt) is too.
func (h *Handler) begin(r *http.Request, c *oauth.Client, p wire.Params, from oauth.Confirm, session *under) (Stand, error) {
	q, err := h.Requests.Native(r, c, p, from.JKT)
	if err != nil {
		return Stand{}, err
	}
	session.Bound = from
	if session.Bound.JKT, err = authorize.JKT(q.Journey.Context); err != nil {
		return Stand{}, err
	}
	return h.Journeys.Begin(r, q)
}

var errProof = oauth.Fail(oauth.InvalidProof, "The DPoP proof is missing.")

// goOn answers a prompt, or asks for it again.
func (h *Handler) goOn(r *http.Request, p wire.Params, session under, from oauth.Confirm) (Stand, error) {
	switch {
	case session.Bound.JKT != "" && from.JKT == "":
		return Stand{}, errProof
	case !from.Has(session.Bound):
		return Stand{}, ErrSession
	}
	a, err := read(p)
	if err != nil {
		return Stand{}, err
	}
	if a == nil {
		return h.Journeys.Show(r, session.Handle)
	}
	return h.Journeys.Answer(r, session.Handle, *a)
}

// give says where the journey stands.
func (h *Handler) give(ctx context.Context, c *oauth.Client, s *Stand, session under, now time.Time) (int, *reply, error) {
	switch {
	case s.Ending != nil:
		code, err := h.Requests.Code(c, *s.Ending, s.Journey, s.Note)
		return http.StatusOK, &reply{Code: code}, err
	case s.Web:
		uri, err := h.Requests.Web(ctx, c, s.Note)
		out := &reply{Error: oauth.RedirectToWeb, Description: "The person has to go on in a browser.", URI: uri}
		if uri != "" {
			out.URIFor = int64(pushed.Life / time.Second)
		}
		return http.StatusBadRequest, out, err
	case len(s.Prompt) == 0:
		return 0, nil, errors.New("challenge: a journey that stands nowhere")
	}
	sealed, err := h.Sessions.seal(session, now)
	return http.StatusBadRequest, &reply{Error: oauth.InsufficientAuthorization, Description: "The person has to be asked.", Session: sealed,
		SessionFor: session.Expires - now.Unix(), Stale: s.Stale, Prompt: s.Prompt}, err
}
