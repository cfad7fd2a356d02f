// Package revoke lets a client give its tokens back (RFC 7009).
package revoke

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the revocation endpoint.
type Handler struct {
	Issuer  oauth.Issuer
	Clients *authentication.Authenticator
	Grants  oauth.Grants // the one with the memory, so that it forgets at once
	Tokens  *tokens.Tokens
	Now     func() time.Time
	Log     *slog.Logger
}

// Mount adds the endpoint to the host's router.
func (h *Handler) Mount(r *mux.Router) { r.Path(h.Issuer.Path(oauth.RevokePath)).Handler(h) }

var errToken = oauth.Fail(oauth.InvalidRequest, "The token is missing.")

// ServeHTTP revokes; pages may ask for their own client. Unknown tokens and tokens of other clients are answered like success and change nothing; only a store that does
// not answer is told apart, because then nothing was revoked (S-031).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wire.Preflight(w, r, h.Clients.Clients, "POST") {
		return
	}
	if r.Method != http.MethodPost {
		wire.Method(w, "POST, OPTIONS")
		return
	}
	c, err := h.revoke(w, r)
	wire.Origin(w, r, h.Clients.Clients, c)
	if err != nil {
		wire.Failure(w, r, h.Log, err)
		return
	}
	wire.NoStore(w)
	w.WriteHeader(http.StatusOK)
}

// revoke names the client as soon as it is known, also beside an error.
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request) (*oauth.Client, error) {
	if err := wire.NoQuery(r); err != nil {
		return nil, err
	}
	p, err := wire.Form(w, r)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	c, err := h.Clients.Authenticate(ctx, r, p)
	if err != nil {
		return nil, err
	}
	token := p.Get("token")
	if token == "" {
		return c, errToken
	}
	// token_type_hint is not needed: the form of a token says what it can be.
	if tokens.IsRefresh(token) {
		return c, h.refresh(ctx, c, token)
	}
	return c, h.access(ctx, c, token)
}

// refresh ends the grant, and with it every token that rests on it.
func (h *Handler) refresh(ctx context.Context, c *oauth.Client, token string) error {
	now := h.Now()
	t, err := h.Tokens.OpenRefresh(token, now)
	if err != nil {
		return nil
	}
	g, err := h.Grants.Grant(ctx, t.Grant)
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if g.Client != c.ID || !g.Revoked.IsZero() {
		return nil
	}
	if err := h.Grants.RevokeGrant(ctx, g.ID, "revoked by its client", now); err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	return nil
}

// access ends one access token until it would have expired anyway.
func (h *Handler) access(ctx context.Context, c *oauth.Client, token string) error {
	now := h.Now()
	a, err := h.Tokens.ParseAccess(ctx, token, now)
	if errors.Is(err, tokens.ErrToken) || err == nil && a.Client != c.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return h.Grants.RevokeToken(ctx, a.ID, now, a.Expires)
}
