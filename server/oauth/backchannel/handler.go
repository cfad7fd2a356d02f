// Package backchannel is Client-Initiated Backchannel Authentication (OpenID CIBA Core 1.0) by polling: an app asks for a person by name, the person is told by
// mail, opens the link in a browser of their own, proves who they are and says yes or no in a journey, and the app, which keeps asking, gets its tokens.
// Whether there is such a person an app cannot tell: a request for nobody waits like one that nobody answers.
package backchannel

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/device"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Directory finds people.
type Directory interface {
	Account(ctx context.Context, id string) (*identity.Account, error)
	AccountBy(ctx context.Context, kind identity.IdentifierKind, canonical string) (*identity.Account, error)
}

// Notice is what the person is told. To is "" when nobody is to be told; it costs the same.
type Notice struct {
	To, Account string
	Client      *oauth.Client
	Link        string
	Message     string
	Place       string
	Key         string
	Expires     time.Time
}

// Handler serves the backchannel authentication endpoint and the pages that links lead to.
type Handler struct {
	Issuer        oauth.Issuer
	Clients       *authentication.Authenticator
	Authenticator oauth.Authenticator
	Pending       *pending.Store
	Transient     transient.Store
	Directory     Directory
	Tokens        *tokens.Tokens
	Accepts       func(flow string) []string
	Pseudonym     func(string) string
	Random        io.Reader
	Session       func(r *http.Request) string
	Address       func(r *http.Request) string
	// Tell writes the notice to the ledger, which sends it.
	Tell func(ctx context.Context, n Notice) error
	// Ask shows whose request it is; its form posts to where it is.
	Ask     func(w http.ResponseWriter, r *http.Request, c *oauth.Client)
	Done    func(w http.ResponseWriter, r *http.Request, state string)
	Problem func(w http.ResponseWriter, r *http.Request, status int, id string, cause error)
	Now     func() time.Time
	Log     *slog.Logger
}

// Mount adds the endpoints to the host's router.
func (h *Handler) Mount(r *mux.Router) {
	r.Path(h.Issuer.Path(oauth.BackchannelPath)).HandlerFunc(h.authenticate)
	r.Path(h.Issuer.Path(oauth.ApprovePath+"/done")).Methods(http.MethodGet, http.MethodHead).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Done(w, r, device.State(r))
	})
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.Problem(w, r, http.StatusForbidden, "cross-site", nil) }))
	r.Path(h.Issuer.Path(oauth.ApprovePath + "/{link:[A-Za-z0-9_-]{22}}")).Handler(guard.Handler(http.HandlerFunc(h.open)))
}

func (h *Handler) authenticate(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		wire.Method(w, "POST")
		return
	}
	body, err := h.begin(w, r)
	if err != nil {
		wire.Failure(w, r, h.Log, err)
		return
	}
	wire.NoStore(w)
	wire.JSON(w, http.StatusOK, body)
}

func (h *Handler) begin(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := wire.NoQuery(r); err != nil {
		return nil, err
	}
	p, err := wire.Form(w, r)
	if err != nil {
		return nil, err
	}
	ctx, now := r.Context(), h.Now()
	c, err := h.Clients.Authenticate(ctx, r, p)
	if err != nil {
		return nil, err
	}
	a, err := h.read(ctx, c, p, now)
	if err != nil {
		return nil, err
	}
	if err := h.limited(ctx, a, now); err != nil {
		return nil, err
	}
	a.record.Place = h.Address(r)
	secret, err := h.ask(ctx, a, now)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"auth_req_id": secret, "expires_in": a.record.Expires - now.Unix(), "interval": interval})
}

// ask keeps the request and tells the person. For nobody all is done the same, but the link, which nobody is sent, leads nowhere.
func (h *Handler) ask(ctx context.Context, a *asked, now time.Time) (secret string, err error) {
	person, err := a.find(ctx)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return "", err
	}
	n := Notice{Client: a.client, Message: a.record.Message, Place: a.record.Place, Expires: time.Unix(a.record.Expires, 0)}
	a.record.Subject = "nobody"
	if err == nil && person.Status == identity.Active {
		if to, ok := person.Identifier(identity.Email); ok && to.Verified {
			n.To, n.Account, a.record.Subject = to.Canonical, person.ID, person.ID
		}
	}
	secret, key, err := h.Pending.Add(ctx, a.record, now)
	if err != nil {
		return "", err
	}
	raw := make([]byte, 16)
	if _, err := io.ReadFull(h.Random, raw); err != nil {
		return "", fmt.Errorf("make a link: %w", err)
	}
	link := base64.RawURLEncoding.EncodeToString(raw)
	if _, err := h.Transient.Put(ctx, linked(link), []byte(key), 0, now, n.Expires); err != nil {
		return "", err
	}
	n.Link, n.Key = h.Issuer.URL(oauth.ApprovePath+"/"+link), key
	return secret, h.Tell(ctx, n)
}

func linked(link string) string { return "oauth/ciba/link/" + link }

// open is where the link leads. Looking at it does nothing, since programs that read mail do so too; the button begins the journey. The link proves nothing:
// whoever opens it has to prove in the journey that they are the person asked for.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) {
	wire.NoStore(w)
	ctx, now := r.Context(), h.Now()
	item, err := h.Transient.Get(ctx, linked(mux.Vars(r)["link"]), now)
	if err != nil {
		h.gone(w, r, err, errors.Is(err, transient.ErrAbsent))
		return
	}
	key := string(item.Value)
	var rec *pending.Record
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		rec, err = h.Pending.Look(ctx, key, now)
	case http.MethodPost:
		rec, err = h.Pending.Begin(ctx, key, now)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		h.Problem(w, r, http.StatusMethodNotAllowed, "method", nil)
		return
	}
	if err != nil {
		h.gone(w, r, err, errors.Is(err, pending.ErrGone))
		return
	}
	c, err := h.Clients.Clients.Client(ctx, rec.Client)
	if err != nil || c.Flows.Backchannel != rec.Flow {
		h.gone(w, r, err, err == nil || errors.Is(err, oauth.ErrNoClient))
		return
	}
	if r.Method != http.MethodPost {
		h.Ask(w, r, c)
		return
	}
	location, cookies, err := h.start(r, rec, key, c)
	if err != nil {
		h.gone(w, r, err, false)
		return
	}
	for _, k := range cookies {
		w.Header().Add("Set-Cookie", k)
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

func (h *Handler) start(r *http.Request, rec *pending.Record, key string, c *oauth.Client) (location string, cookies []string, err error) {
	q, err := pending.Journey(rec, key, c)
	if err != nil {
		return "", nil, err
	}
	device.Browser(&q.Journey, r, h.Address, h.Session)
	started, err := h.Authenticator.Begin(r.Context(), q)
	if err != nil || started.Ending == nil {
		return started.URL, started.Cookies, err
	}
	state, _, err := h.Pending.Finish(r.Context(), h.Clients.Clients, *started.Ending, started.Journey, q.Journey.Context, h.Now())
	return device.Location(h.Issuer, pending.Backchannel, state, err), started.Cookies, nil
}

// gone says that there is nothing to decide any more, or that our side is broken.
func (h *Handler) gone(w http.ResponseWriter, r *http.Request, err error, gone bool) {
	if gone {
		h.Done(w, r, device.Expired)
		return
	}
	wire.Report(r, h.Log, wire.Told(err))
	h.Problem(w, r, http.StatusServiceUnavailable, "broken", err)
}
