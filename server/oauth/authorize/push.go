package authorize

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Push serves the pushed request endpoint (RFC 9126). The request passes the same rules as at the authorization endpoint, so a client
// hears here, and not in a person's browser, what is wrong with it.
type Push struct {
	*Handler
	Authenticator *authentication.Authenticator
	Sender        *sender.Sender
	Limits        transient.Store
}

// Mount adds the endpoint to the host's router.
func (h *Push) Mount(r *mux.Router) { r.Path(h.Issuer.Path(oauth.PushPath)).Handler(h) }

// pushes is how many requests a client may push, and under which name that is counted. Whoever does not authenticate is counted by address
// too: anybody may speak for such a client, and must not shut its people out.
func (h *Push) pushes(c *oauth.Client, r *http.Request) (string, transient.Limit) {
	if c.Confidential() {
		return "oauth/pushes/" + c.ID, transient.Limit{Burst: 60_000, Per: time.Minute}
	}
	address := authentication.Address(r)
	if h.Address != nil {
		address = h.Address(r)
	}
	return "oauth/pushes/" + c.ID + "/" + address, transient.Limit{Burst: 300, Per: time.Minute}
}

// ServeHTTP keeps a request and answers with its request_uri.
func (h *Push) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wire.Preflight(w, r, h.Clients, "POST") {
		return
	}
	if r.Method != http.MethodPost {
		wire.Method(w, "POST, OPTIONS")
		return
	}
	uri, c, err := h.push(w, r)
	wire.Origin(w, r, h.Clients, c)
	h.Sender.Answer(w, r)
	if sender.NeedsNonce(err) {
		h.Sender.Challenge(w)
	}
	switch {
	case wire.TooLarge(err):
		wire.NoStore(w)
		wire.JSON(w, http.StatusRequestEntityTooLarge, wire.Body(wire.Told(err)))
	case errors.Is(err, ErrRedirect):
		wire.Failure(w, r, h.Log, oauth.Fail(oauth.InvalidRequest, "The redirect_uri is not one of the client's.").With(err))
	case err != nil:
		wire.Failure(w, r, h.Log, err)
	default:
		wire.NoStore(w)
		body, err := json.Marshal(map[string]any{"request_uri": uri, "expires_in": int(pushed.Life / time.Second)})
		if err != nil {
			wire.Failure(w, r, h.Log, err)
			return
		}
		wire.JSON(w, http.StatusCreated, body)
	}
}

var errPushes = oauth.Fail(oauth.TooManyRequests, "Too many pushed requests. Try again later.")

func (h *Push) push(w http.ResponseWriter, r *http.Request) (uri string, c *oauth.Client, err error) {
	if err := wire.NoQuery(r); err != nil {
		return "", nil, err
	}
	p, err := wire.Form(w, r)
	if err != nil {
		return "", nil, err
	}
	ctx, now := r.Context(), h.Now()
	if c, err = h.Authenticator.Authenticate(ctx, r, p); err != nil {
		return "", nil, err
	}
	name, limit := h.pushes(c, r)
	ok, _, err := h.Limits.Take(ctx, name, limit, now)
	if err != nil {
		return "", c, err
	}
	if !ok {
		return "", c, errPushes
	}
	q := &request{params: p, http: r, client: c, now: now}
	q.note.Client, q.note.Started = c.ID, now.Unix()
	if sender.Has(r) {
		if q.note.JKT, err = h.Sender.Check(ctx, r, sender.Wanted{Path: oauth.PushPath, Nonce: c.DPoPNonce == oauth.Required, Algorithms: c.Rules().Algorithms}); err != nil {
			return "", c, err
		}
	}
	if err := h.treat(ctx, ahead, q); err != nil {
		return "", c, err
	}
	uri, err = h.Pushed.Put(ctx, pushed.Request{Client: c.ID, Signed: q.signed, JKT: q.note.JKT, Made: now,
		Params: q.params.Pairs("client_id", "client_secret", "client_assertion", "client_assertion_type", "request", "request_uri")})
	return uri, c, err
}

// remade makes parameters of what was kept.
func remade(pairs [][2]string) (wire.Params, error) {
	p, err := wire.Make(pairs)
	if err != nil {
		return wire.Params{}, oauth.Fail(oauth.InvalidURI, "The pushed request cannot be read.").With(err)
	}
	return p, nil
}
