// Package logout is RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0). A hint that names this browser's session signs out at
// once; in any other case the person is asked, so that no foreign page can sign anybody out.
package logout

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Question is what the page that asks needs. Its form posts Note as the field `note` to Action; leaving the page is the answer no.
type Question struct {
	ID     string // of the client that asks, "" when it did not say who it is
	Client string // its name
	Theme  string
	Action string // path to post to
	Note   string // sealed; bound to the session and short-lived
	Locale []string
}

// Farewell is what the page needs that says that it is done. With Frames it loads each of them (OpenID Connect Front-Channel Logout 1.0)
// and leads on to Next, when there is one.
type Farewell struct {
	Client *oauth.Client
	Frames []string
	Next   string
}

// Handler serves the end_session endpoint.
type Handler struct {
	Issuer  oauth.Issuer
	Clients oauth.Clients
	Tokens  *tokens.Tokens
	// Session is the browser's live session, nil for none.
	Session func(r *http.Request) (*identity.Session, error)
	// End ends a session in the ledger, clears the browser's cookie and lets the cached grants go.
	End func(w http.ResponseWriter, r *http.Request, s *identity.Session) error
	// Visits lists the clients that a session signed its person in to and that want to hear of its end.
	Visits func(ctx context.Context, session string) ([]string, error)
	// Ask shows the question, Done says that nobody is signed in any more.
	Ask     func(w http.ResponseWriter, r *http.Request, q Question)
	Done    func(w http.ResponseWriter, r *http.Request, f Farewell)
	Problem func(w http.ResponseWriter, r *http.Request, status int, id string, cause error)
	Now     func() time.Time
	Log     *slog.Logger
}

const (
	confirmPath = oauth.LogoutPath + "/confirm"
	noteFor     = 10 * time.Minute
)

// Ids of the problem pages.
const (
	ProblemRequest  = "request"
	ProblemRedirect = "redirect"
	ProblemServer   = "server"
)

// Mount adds the endpoints to the host's router. Only the confirmation acts on a cookie without a hint, so only it is guarded
// against posts of foreign pages; a client's own post to end_session is standard.
func (h *Handler) Mount(r *mux.Router) {
	r.Path(h.Issuer.Path(oauth.LogoutPath)).HandlerFunc(h.logout)
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Problem(w, r, http.StatusForbidden, ProblemRequest, errForeign)
	}))
	r.Path(h.Issuer.Path(confirmPath)).Handler(guard.Handler(http.HandlerFunc(h.confirm)))
}

// request is a checked sign-out request.
type request struct {
	client   *oauth.Client
	hint     *tokens.Hint
	redirect string
	state    string
	locale   []string
}

func (h *Handler) logout(w http.ResponseWriter, r *http.Request) {
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
		if p, err = wire.Form(w, r); err == nil {
			h.later(w, r, p)
			return
		}
	default:
		wire.Method(w, "GET, POST")
		return
	}
	if err != nil {
		h.Problem(w, r, http.StatusBadRequest, ProblemRequest, err)
		return
	}
	q, id, err := h.read(r.Context(), p)
	if err != nil {
		h.problem(w, r, id, err)
		return
	}
	s, err := h.Session(r)
	if err != nil {
		h.problem(w, r, ProblemServer, err)
		return
	}
	switch {
	case s == nil:
		h.leave(w, r, q.client, q.redirect, q.state)
	case q.hint != nil && h.names(q, s):
		h.end(w, r, s, q.client, q.redirect, q.state)
	default:
		h.ask(w, r, s, q)
	}
}

// later answers a POST with a redirect to itself: the browser sends no cookie with a post of a foreign page, but does when it follows.
func (h *Handler) later(w http.ResponseWriter, r *http.Request, p wire.Params) {
	v := url.Values{}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"} {
		if p.Has(name) {
			v.Set(name, p.Get(name))
		}
	}
	w.Header().Set("Location", h.Issuer.Path(oauth.LogoutPath)+"?"+v.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// names reports whether a hint was issued for this session; one without sid counts for the person's session.
func (h *Handler) names(q request, s *identity.Session) bool {
	account, ok := h.Tokens.Account(q.client, q.hint.Subject)
	return ok && account == s.Account && (q.hint.Session == "" || q.hint.Session == h.Tokens.SessionFor(q.client, s.ID))
}

var (
	errForeign  = errors.New("logout: the confirmation was posted by a foreign page")
	errHint     = errors.New("logout: the id_token_hint is not ours or not this client's")
	errRedirect = errors.New("logout: not one of the client's post-logout redirect URIs")
)

// read checks everything a stranger can write. A redirect needs a known client and one of its URIs as the exact same string (§3).
func (h *Handler) read(ctx context.Context, p wire.Params) (q request, problem string, err error) {
	q.state = p.Get("state")
	if len(q.state) > 1000 {
		return q, ProblemRequest, errors.New("logout: the state is too long")
	}
	id := p.Get("client_id")
	if text := p.Get("id_token_hint"); text != "" {
		hint, err := h.Tokens.ParseHint(ctx, text)
		if err != nil && !errors.Is(err, tokens.ErrToken) {
			return q, ProblemServer, err
		}
		if err != nil || len(hint.Clients) == 0 || id != "" && !hint.Has(id) {
			return q, ProblemRequest, errHint
		}
		q.hint = &hint
		if id == "" {
			id = hint.Clients[0]
		}
	}
	if id != "" {
		q.client, err = h.Clients.Client(ctx, id)
		if err != nil && !errors.Is(err, oauth.ErrNoClient) {
			return q, ProblemServer, err
		}
	}
	if q.redirect = p.Get("post_logout_redirect_uri"); q.redirect != "" {
		if q.client == nil || !slices.Contains(q.client.LogoutURIs, q.redirect) {
			return q, ProblemRedirect, errRedirect
		}
	}
	q.locale = p.Words("ui_locales")
	return q, "", nil
}

func (h *Handler) ask(w http.ResponseWriter, r *http.Request, s *identity.Session, q request) {
	now := h.Now()
	l := tokens.Logout{Session: s.ID, Redirect: q.redirect, State: q.state, Hinted: q.hint != nil, Expires: now.Add(noteFor)}
	page := Question{Action: h.Issuer.Path(confirmPath), Locale: q.locale}
	if q.client != nil {
		l.Client, page.ID, page.Client, page.Theme = q.client.ID, q.client.ID, q.client.Name, q.client.Theme
	}
	page.Note = h.Tokens.SealLogout(l, now)
	h.Ask(w, r, page)
}

// confirm is the person's yes. The note must be of the session this browser still has.
func (h *Handler) confirm(w http.ResponseWriter, r *http.Request) {
	wire.NoStore(w)
	w.Header().Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodPost {
		wire.Method(w, "POST")
		return
	}
	p, err := wire.Form(w, r)
	if err != nil {
		h.problem(w, r, ProblemRequest, err)
		return
	}
	l, err := h.Tokens.OpenLogout(p.Get("note"), h.Now())
	if err != nil {
		h.problem(w, r, ProblemRequest, err)
		return
	}
	var c *oauth.Client
	if l.Client != "" {
		if c, err = h.Clients.Client(r.Context(), l.Client); err != nil && !errors.Is(err, oauth.ErrNoClient) {
			h.problem(w, r, ProblemServer, err)
			return
		}
	}
	if l.Redirect != "" && (c == nil || !slices.Contains(c.LogoutURIs, l.Redirect)) {
		h.problem(w, r, ProblemRedirect, errRedirect)
		return
	}
	s, err := h.Session(r)
	switch {
	case err != nil:
		h.problem(w, r, ProblemServer, err)
	case s == nil:
		h.leave(w, r, c, l.Redirect, l.State)
	case s.ID != l.Session:
		h.ask(w, r, s, request{client: c, redirect: l.Redirect, state: l.State})
	default:
		h.end(w, r, s, c, l.Redirect, l.State)
	}
}

func (h *Handler) end(w http.ResponseWriter, r *http.Request, s *identity.Session, c *oauth.Client, redirect, state string) {
	frames := h.frames(r, s)
	if err := h.End(w, r, s); err != nil {
		h.problem(w, r, ProblemServer, err)
		return
	}
	if len(frames) > 0 {
		h.Done(w, r, Farewell{Client: c, Frames: frames, Next: answered(redirect, state)})
		return
	}
	h.leave(w, r, c, redirect, state)
}

// frames are the addresses of clients that want to hear of the end in this browser, with iss and sid (§3). That the list cannot be read
// keeps nobody signed in.
func (h *Handler) frames(r *http.Request, s *identity.Session) []string {
	if h.Visits == nil {
		return nil
	}
	list, err := h.Visits(r.Context(), s.ID)
	if err != nil {
		wire.Report(r, h.Log, wire.Told(err))
	}
	var out []string
	for _, id := range list {
		c, err := h.Clients.Client(r.Context(), id)
		if err != nil || c.FrontLogout == "" || len(out) == maxFrames {
			continue
		}
		out = append(out, with(c.FrontLogout, "iss="+url.QueryEscape(string(h.Issuer))+"&sid="+url.QueryEscape(h.Tokens.SessionFor(c, s.ID))))
	}
	return out
}

// maxFrames bounds what one page loads.
const maxFrames = 50

// with adds parameters to an address, whose own query is kept.
func with(address, query string) string {
	mark := "?"
	if strings.Contains(address, "?") {
		mark = "&"
	}
	return address + mark + query
}

func answered(redirect, state string) string {
	if redirect == "" || state == "" {
		return redirect
	}
	return with(redirect, "state="+url.QueryEscape(state))
}

// leave sends the browser back to the client, or says that it is done.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, c *oauth.Client, redirect, state string) {
	if redirect == "" {
		h.Done(w, r, Farewell{Client: c})
		return
	}
	w.Header().Set("Location", answered(redirect, state))
	w.WriteHeader(http.StatusSeeOther)
}

func (h *Handler) problem(w http.ResponseWriter, r *http.Request, id string, err error) {
	status := http.StatusBadRequest
	if id == ProblemServer {
		status = http.StatusServiceUnavailable
		wire.Report(r, h.Log, wire.Told(err))
	}
	h.Problem(w, r, status, id, err)
}
